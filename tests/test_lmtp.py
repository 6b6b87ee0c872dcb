"""LMTP (RFC 2033): another server of one's own delivers, over TCP and over a Unix socket; each recipient has its answer."""

import pathlib
import re
import smtplib
import subprocess
import sys

import pytest

import clients
from instance import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from peers import fetch  # noqa: E402
from peers.selfcheck import Running, wait_for  # noqa: E402

MESSAGE = b"From: bob@far.example\r\nSubject: one\r\n\r\nA line.\r\n..two dots\r\n8 bits: \xc3\xbc\r\n"
TRACE = re.compile(
    rb"Return-Path: <(.*)>\r\nDelivered-To: (.*)\r\n"
    rb"Received: from ([^\r\n]+)\r\n\tby mail\.shop\.example \(postrider\) with LMTP id [0-9A-Z]+(?:\r\n\tfor <([^>]+)>)?;\r\n"
    rb"\t[^\r\n]+\r\n")
ROOM = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)


class Lmtp(clients.Smtp):
    def __init__(self, address):
        super().__init__(address, hello=None)
        self.extensions = self.command(b"LHLO client.example", 250)

    def deliver_each(self, reverse_path, forward_paths, message):
        """The replies after the final dot, one for each path, which RCPT has taken."""
        self.command(b"MAIL FROM:<%s>" % reverse_path.encode(), 250)
        for path in forward_paths:
            self.command(b"RCPT TO:<%s>" % path.encode(), 250)
        self.command(b"DATA", 354)
        self.send(clients.dot_stuffed(message))
        return [self.reply()[-1] for _ in forward_paths]


def mailbox(server, user):
    with server.pop3(user) as pop3:
        return [pop3.retr(number) for number in range(1, pop3.stat()[0] + 1)]


def content_of(message, sent):
    """(hello, for) of the trace field; below it stands what was sent, octet for octet."""
    trace = TRACE.match(message)
    assert trace, message[:400]
    assert message[trace.end():] == sent
    return trace[3], trace[4]


def test_recipients_share_one_commit(instance):
    """One event, one copy on disk, whoever else was refused."""
    for name in ("ann", "bob"):
        instance.account_add(f"{name}@shop.example")
    marker = b"Subject: only once 7f3a91\r\n\r\n"
    with Lmtp(instance.address("lmtp")) as lmtp:
        replies = lmtp.deliver_each("me@far.example", ["ann@shop.example", "bob@shop.example"], marker)
    assert [reply[:10] for reply in replies] == [b"250 2.0.0 "] * 2
    assert replies[0] == replies[1]
    (event,) = instance.wait_events("message.accepted")
    assert event["forward_paths"] == ["ann@shop.example", "bob@shop.example"]
    segments = b"".join(path.read_bytes() for path in (instance.dir / "data" / "segments").iterdir())
    assert segments.count(marker) == 1
    for name in ("ann", "bob"):
        (got,) = mailbox(instance, f"{name}@shop.example")
        assert content_of(got, marker) == (b"client.example ([127.0.0.1])", None)


def test_full_mailbox_is_refused_alone(instance):
    """Which is known only when the message is there; `trace` finds both, and the refused one is nowhere delivered."""
    instance.account_add("ann@shop.example")
    for number in range(3):
        name = f"tight{number}@shop.example"
        instance.cli("account", "add", name, "--quota", "2K", "--password-stdin", stdin=b"correct horse battery\n")
    message = b"Subject: big\r\n\r\n" + b"x" * 3000 + b"\r\n"
    paths = ["tight0@shop.example", "ann@shop.example", "tight1@shop.example", "tight2@shop.example", "ann@shop.example"]
    with Lmtp(instance.address("lmtp")) as lmtp:
        replies = lmtp.deliver_each("me@far.example", paths, message)
    assert [reply[:9] for reply in replies] == [b"452 4.2.2", b"250 2.0.0", b"452 4.2.2", b"452 4.2.2", b"250 2.0.0"]
    (event,) = instance.wait_events("message.accepted")
    assert event["forward_paths"] == ["ann@shop.example"] * 2 and event["accounts"] == ["ann@shop.example"]
    refused = instance.wait_events("recipient.rejected", 3)
    assert [e["forward_path"] for e in refused] == ["tight0@shop.example", "tight1@shop.example", "tight2@shop.example"]
    (got,) = mailbox(instance, "ann@shop.example")
    assert content_of(got, message)[1] is None
    for number in range(3):
        assert mailbox(instance, f"tight{number}@shop.example") == []
    instance.verify()


def test_big_message(instance):
    """By way of the spool; the same draft is committed again without the mailbox that had no room."""
    instance.account_add("ann@shop.example")
    instance.cli("account", "add", "tight@shop.example", "--quota", "1M", "--password-stdin", stdin=b"correct horse battery\n")
    message = b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 200000
    with Lmtp(instance.address("lmtp")) as lmtp:
        replies = lmtp.deliver_each("", ["tight@shop.example", "ann@shop.example"], message)
    assert [reply[:9] for reply in replies] == [b"452 4.2.2", b"250 2.0.0"]
    (got,) = mailbox(instance, "ann@shop.example")
    content_of(got, message)
    assert list((instance.dir / "data" / "spool").iterdir()) == []
    instance.verify()


def test_unix_socket(make_instance):
    """unix:/path: no address stands in the trace field; the ready line names the socket."""
    server = make_instance()
    path = str(server.dir / "lmtp.sock")
    text = server.config.read_text()
    assert "\nlmtp = [" in text
    server.config.write_text(text.replace("\nlmtp = [", f'\nlmtp = ["unix:{path}", ', 1))
    server.start()
    assert server.ready["listen"]["lmtp"] == [f"unix:{path}", f"127.0.0.1:{server.base + 24}"]
    server.account_add("ann@shop.example")
    with smtplib.LMTP(path, 0, local_hostname="mx.example") as lmtp:
        assert lmtp.sendmail("me@far.example", ["ann@shop.example"], MESSAGE) == {}
    (got,) = mailbox(server, "ann@shop.example")
    assert content_of(got, MESSAGE) == (b"mx.example", b"ann@shop.example")


def test_not_opened_by_init_for_the_network(make_instance):
    """Without --ports the file has no lmtp: who reaches it may deliver."""
    server = make_instance(init=False)
    server.cli("init", server.dir, "--hostname", "mail.shop.example", config=False)
    assert "lmtp" not in server.config.read_text() and "smtp = " in server.config.read_text()


def test_smtplib(instance):
    instance.account_add("ann@shop.example")
    with smtplib.LMTP(*instance.address("lmtp"), local_hostname="mx.example") as lmtp:
        assert lmtp.sendmail("me@far.example", ["ann@shop.example", "nobody@shop.example"], MESSAGE) == \
            {"nobody@shop.example": (550, b"5.1.1 Nobody has this address here; check how it is written")}
    (got,) = mailbox(instance, "ann@shop.example")
    content_of(got, MESSAGE)


def test_swaks(instance):
    instance.account_add("ann@shop.example")
    host, port = instance.address("lmtp")
    done = subprocess.run(["swaks", "--protocol", "LMTP", "--server", host, "--port", str(port), "--ehlo", "mx.example",
                           "--from", "me@far.example", "--to", "ann@shop.example,nobody@shop.example"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert "<** 550 5.1.1" in done.stdout and "250 2.0.0 Ok, delivered as" in done.stdout, done.stdout + done.stderr
    assert len(mailbox(instance, "ann@shop.example")) == 1


@pytest.mark.skipif(ROOM.returncode != 0, reason=f"peers need root and namespaces: {ROOM.stderr.strip()}")
# OpenSMTPD speaks LMTP in the clear only.
@pytest.mark.parametrize("name, protocol, tls", [
    (name, protocol, tls) for name in ("postfix", "exim", "opensmtpd") for protocol in ("smtp", "lmtp") for tls in (False, True)
    if (name, protocol, tls) != ("opensmtpd", "lmtp", True)])
def test_peers_relay_to_us(instance, tmp_path, name, protocol, tls):
    """Real servers hand over what they took: by SMTP as to any other, by LMTP as to their mailboxes; in the clear or not."""
    try:
        fetch.fetch(name)
    except (fetch.FetchError, FileNotFoundError) as e:
        pytest.skip(f"packages of {name} can't be had: {e}")
    for user in ("ann", "bob"):
        instance.account_add(f"{user}@shop.example")
    host, port = instance.address(protocol)
    arguments = ["--domain", "first.example", "--relay", f"{host}:{port}", "--relay-protocol", protocol,
                 *(["--relay-tls"] if tls else [])]
    with Running(name, pathlib.Path(tmp_path) / "state", *arguments) as peer:
        with smtplib.SMTP("127.0.0.1", peer.port("smtp"), local_hostname="client.example", timeout=10) as s:
            s.sendmail("bob@sender.example", ["ann@shop.example", "bob@shop.example"], MESSAGE)
        for user in ("ann", "bob"):
            (got,) = wait_for("relayed message", lambda user=user: mailbox(instance, f"{user}@shop.example"))
            # Our field on top, the peer's below, the message as it was sent at the end.
            assert re.search(rb"\n\tby mail\.shop\.example \(postrider\) with E?%s id " %
                             (protocol.upper() + "S" * tls).encode(), got)
            assert got.count(b"\r\nReceived: ") >= 2
            assert got.endswith(MESSAGE.partition(b"\r\n\r\n")[2])
    assert not instance.events("recipient.rejected") and not instance.events("message.rejected")
