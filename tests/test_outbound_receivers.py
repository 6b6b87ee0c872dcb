"""Mail goes out to real servers: submitted by a person, found in a mailbox of Postfix, Exim, OpenSMTPD, aiosmtpd or another
postrider as it was, or its sender told why not."""

import base64
import contextlib
import pathlib
import random
import re
import smtplib
import ssl

import pytest
from aiosmtpd.controller import Controller

import clients
import outbound
from certificates import Certificate
from hostile_peer import OK, Peer
from instance import PASSWORD, Instance
from nameserver import Nameserver, free_port
from outbound import ANN, BOB
from test_peers import ROOM, need
from peers.selfcheck import Running

PEERS = ["postfix", "exim", "opensmtpd", "aiosmtpd", "postrider"]
TAKES_UTF8 = {"postfix", "exim", "aiosmtpd", "postrider"}
OFFERS_DSN = {"postfix", "exim", "opensmtpd", "postrider"}
OFFERS_TLS = {"postfix", "exim", "aiosmtpd", "postrider"}
HEAD = (b"From: Ann <ann@shop.example>\r\nTo: Cy <cy@far.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <%s@shop.example>\r\nMIME-Version: 1.0\r\n")


def text(seq, body):
    return HEAD % seq + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body


def attachment(seq, size):
    """A message of about that size in base64."""
    lines = random.Random(size).randbytes(57 * (size // 78)).hex()[:76 * (size // 78)]
    body = b"\r\n".join(lines[at:at + 76].encode() for at in range(0, len(lines), 76))
    return HEAD % seq + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body + b"\r\n"


CONTENTS = {
    "plain": text(b"plain", b"body\r\n"),
    "empty": text(b"empty", b""),
    "8-bit": text(b"8bit", "Grüße, 10 €\r\n".encode() * 9),
    "dots": text(b"dots", b".\r\n..\r\n.x\r\n\r\n.\r\n...\r\n"),
    "long lines": text(b"long", b"x" * 998 + b"\r\n" + b"y" * 990 + b"\r\n"),
    "trailing blanks": text(b"blanks", b"a \r\n\t\r\n  b\t \r\n\r\n\r\n"),
    "1 MB": attachment(b"1mb", 1 << 20),
    "20 MB": attachment(b"20mb", 20 << 20),
}


# -- receivers: each with port, take(user): its messages as octets with LF -------------------------------------------


class Aiosmtpd:
    """Python's server; what it takes is kept as it came."""

    def __init__(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.messages = []
        self.controller = Controller(self, "127.0.0.1", free_port(), data_size_limit=100 << 20, enable_SMTPUTF8=True,
                                     tls_context=context, decode_data=False, ident="aiosmtpd")

    async def handle_RCPT(self, server, session, envelope, address, options):
        if not address.endswith("@far.example") or address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content or envelope.content))
        return "250 2.0.0 taken"

    @contextlib.contextmanager
    def running(self):
        self.controller.start()
        try:
            self.port = self.controller.port
            yield self
        finally:
            self.controller.stop()

    def take(self, user):
        return [(f"Return-Path: <{path.strip('<>')}>\r\n".encode() + octets).replace(b"\r\n", b"\n")
                for path, paths, octets in self.messages if f"{user}@far.example" in paths]


class Other:
    """Another postrider."""

    def __init__(self, one):
        self.one, self.port = one, one.address("smtp")[1]

    def take(self, user):
        with clients.Pop3(self.one.address("pop3")) as c:
            c.command(b"UTF8")  # else header fields in UTF-8 are shown re-coded (RFC 6858)
            c.login(f"{user}@far.example", PASSWORD)
            return [c.retr(number).replace(b"\r\n", b"\n") for number in range(1, c.stat()[0] + 1)]


class Real:
    def __init__(self, peer):
        self.peer, self.port = peer, peer.port("smtp")

    def take(self, user):
        return self.peer.collect_maildir(user)


@contextlib.contextmanager
def receiving(name, make_instance, directory):
    certificate = Certificate("mx.far.example")
    directory.mkdir(exist_ok=True)
    chain = directory / "chain.pem"
    chain.write_bytes(certificate.key_pem + certificate.pem)
    if name == "aiosmtpd":
        with Aiosmtpd(chain).running() as receiver:
            yield receiver
    elif name == "postrider":
        other = make_instance("other", init=False).init("mx.far.example", "far.example")
        for user in ("cy", "di"):
            other.account_add(f"{user}@far.example")
        yield Other(other.start())
    else:
        if ROOM.returncode != 0:
            pytest.skip(f"peers need root and namespaces: {ROOM.stderr.strip()}")
        need(name)
        arguments = ["--domain", "far.example", "--user", "cy", "--user", "di"]
        arguments += ["--tls", str(chain)] if name in OFFERS_TLS else []
        arguments += ["--smtputf8"] if name == "postfix" else []
        with Running(name, directory / "state", *arguments) as peer:
            yield Real(peer)


class Pair:
    def __init__(self, name, one, receiver):
        self.name, self.one, self.receiver = name, one, receiver

    def taken(self, user, count=1):
        return outbound.wait(f"{count} for {user}", lambda: len(found := self.receiver.take(user)) >= count and found)

    def taken_with(self, user, message_id):
        return outbound.wait(message_id, lambda: [
            m for m in self.receiver.take(user) if b"Message-ID: <%s@shop.example>" % message_id in m])


@pytest.fixture(scope="module", params=PEERS)
def pair(request, tmp_path_factory, postrider_bin):
    """A sending postrider and one receiver for all tests of the module."""
    directory = tmp_path_factory.mktemp(request.param)
    made = []

    def make(name="server", init=True, env=None):
        made.append(Instance(directory / name, postrider_bin, env))
        return made[-1].init() if init else made[-1]

    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [one.kill() for one in made])
        receiver = stack.enter_context(receiving(request.param, make, directory / "peer"))
        dns = stack.enter_context(Nameserver(directory / "dns", outbound.FAR))
        one = outbound.sending(make, dns, receiver.port)
        yield Pair(request.param, one, receiver)
        for one in made:
            one.stop()
            one.verify()


def as_person(pair, message, *forward_paths, reverse_path=ANN, options=(), rcpt_options=()):
    """Through the submission port, under TLS, with a password."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP_SSL(*pair.one.address("submissions"), context=context, local_hostname="client.example", timeout=60) as s:
        s.login(ANN, PASSWORD)
        s.sendmail(reverse_path, forward_paths, message, options, rcpt_options)


def returned(receiver_octets):
    return re.search(rb"(?im)^Return-Path: <(.*)>", receiver_octets)


# -- it arrives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", CONTENTS)
def test_content_arrives_as_it_was(pair, what):
    content = CONTENTS[what]
    if pair.name == "opensmtpd" and what == "20 MB":
        pytest.skip("the same path as 1 MB, and slow there")
    as_person(pair, content, "cy@far.example", options=["BODY=8BITMIME"] if not content.isascii() else [])
    message_id = re.search(rb"Message-ID: <(\w+)@", content)[1]
    [got] = pair.taken_with("cy", message_id)
    assert outbound.below_trace(got) == content.replace(b"\r\n", b"\n")
    if pair.name != "opensmtpd":  # it keeps no Return-Path in a maildir
        assert returned(got)[1] == ANN.encode()
    outbound.wait_empty(pair.one)
    [sent] = outbound.traced(pair.one, message_id.decode() + "@shop.example", "message.sent")
    assert sent["remote_host"] == "mx.far.example" and sent["remote_ip"] == "127.0.0.1" and sent["reply"].startswith("250")
    assert ("tls" in sent) == (pair.name in OFFERS_TLS)


def test_several_recipients_one_transaction(pair):
    as_person(pair, text(b"several", b"once\r\n"), "cy@far.example", BOB, "di@far.example")
    for user in ("cy", "di"):
        assert len(pair.taken_with(user, b"several")) == 1
    assert any(b"<several@" in m for m in outbound.mailbox(pair.one, BOB))
    outbound.wait_empty(pair.one)
    sent = outbound.traced(pair.one, "several@shop.example", "message.sent")
    assert len(sent) == 2
    assert sent[0]["reply"] == sent[1]["reply"]  # of one final dot


def test_an_unknown_user_comes_back(pair):
    """While others get it; the notice names the server and its words, and brings the header along."""
    seen = len(outbound.mailbox(pair.one, ANN))
    content = text(b"unknown", b"secret body\r\n")
    as_person(pair, content, "cy@far.example", "nobody@far.example")
    pair.taken_with("cy", b"unknown")
    notice = outbound.notices(pair.one, ANN, seen + 1)[-1]
    assert list(notice.actions) == ["nobody@far.example"]
    [(action, status)] = notice.actions.values()
    assert action == "failed" and re.fullmatch(r"5\.\d+\.\d+", status)
    [recipient] = notice.recipients
    assert recipient["remote-mta"].endswith("mx.far.example") and re.match(r"smtp; ?5\d\d", recipient["diagnostic-code"])
    assert notice.about["reporting-mta"].replace(" ", "") == "dns;mail.shop.example"
    assert b"Message-ID: <unknown@shop.example>" in notice.returned
    assert "nobody@far.example" in notice.text
    assert notice.message["to"] == ANN and notice.message["from"]
    outbound.wait_empty(pair.one)
    events = outbound.traced(pair.one, "unknown@shop.example")
    assert {"message.sent", "message.bounced", "dsn.made"} <= {e["event"] for e in events}


def test_smtputf8(pair):
    """Where it is understood it arrives; else it comes back with 5.6.7, as nothing else would be true to it."""
    seen = len(outbound.mailbox(pair.one, ANN))
    content = "From: ann@shop.example\r\nTo: cy@far.example\r\nSubject: Grüße\r\nMessage-ID: <utf8@shop.example>\r\n" \
        "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\nbody\r\n".encode()
    as_person(pair, content, "cy@far.example", options=["SMTPUTF8", "BODY=8BITMIME"])
    if pair.name in TAKES_UTF8:
        [got] = pair.taken_with("cy", b"utf8")
        assert outbound.below_trace(got) == content.replace(b"\r\n", b"\n")
    else:
        notice = outbound.notices(pair.one, ANN, seen + 1)[-1]
        assert list(notice.actions.values()) == [("failed", "5.6.7")]


def test_success_is_told(pair):
    """NOTIFY=SUCCESS goes on to a server that knows DSN, which tells then or not; where it doesn't, we say relayed
    (RFC 3461 §5.2.2)."""
    seen = len(outbound.mailbox(pair.one, ANN))
    as_person(pair, text(b"success", b"body\r\n"), "di@far.example", options=["RET=HDRS", "ENVID=order-1"],
              rcpt_options=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Di@far.example"])
    pair.taken_with("di", b"success")
    outbound.wait_empty(pair.one)
    if pair.name not in OFFERS_DSN:
        notice = outbound.notices(pair.one, ANN, seen + 1)[-1]
        assert list(notice.actions.values()) == [("relayed", "2.0.0")] or notice.actions["di@far.example"][0] == "relayed"
        assert notice.about["original-envelope-id"] == "order-1"
        assert notice.recipients[0]["original-recipient"].replace(" ", "") == "rfc822;Di@far.example"
    else:
        assert not [e for e in outbound.traced(pair.one, "success@shop.example") if e["event"] == "dsn.made"]
        assert len(outbound.mailbox(pair.one, ANN)) == seen


def test_forwarded_by_an_alias(pair):
    """To an address elsewhere: a reverse-path of ours (SRS), so that bounces come here; the header untouched."""
    pair.one.cli("alias", "add", "info@shop.example", "cy@far.example")
    content = (b"From: Eve <eve@else.example>\r\nTo: info@shop.example\r\nSubject: to  be \tsigned\r\n"
               b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <forward@shop.example>\r\n"
               b"DKIM-Signature: v=1; a=rsa-sha256;\r\n\tb=abc=\r\n\r\nbody\r\n")
    outbound.submit(pair.one, "info@shop.example", message=content, reverse_path="eve@else.example")
    [got] = pair.taken_with("cy", b"forward")
    assert outbound.below_trace(got) == content.replace(b"\r\n", b"\n")
    if pair.name != "opensmtpd":
        path = returned(got)[1].decode()
        assert re.fullmatch(r"SRS0[=+-].+=else\.example=eve@shop\.example", path), path
    pair.one.cli("alias", "remove", "info@shop.example")


def test_a_bounce_of_what_was_forwarded_goes_to_its_sender(pair):
    """The reverse-path of ours is undone: the notice goes out to whoever sent it."""
    pair.one.cli("alias", "add", "gone@shop.example", "nobody@far.example")
    outbound.submit(pair.one, "gone@shop.example", message=outbound.MESSAGE % b"gone", reverse_path="di@far.example")
    notices = outbound.wait("a notice at the sender's", lambda: [
        m for m in pair.receiver.take("di") if b"report-type" in m.lower() and b"<gone@shop.example>" in m])
    assert len(notices) == 1
    if pair.name != "opensmtpd":
        assert returned(notices[0])[1] == b""
    assert b"gone@shop.example" in notices[0] or b"nobody@far.example" in notices[0]
    pair.one.cli("alias", "remove", "gone@shop.example")
    outbound.wait_empty(pair.one)


def test_nothing_is_left(pair):
    outbound.wait_empty(pair.one)
    assert pair.one.events("server.died") == []


# -- a provider's smarthost ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """Postfix with Dovecot's SASL: AUTH by PLAIN, LOGIN, CRAM-MD5 and SCRAM under STARTTLS, nothing without it."""
    if ROOM.returncode != 0:
        pytest.skip(f"peers need root and namespaces: {ROOM.stderr.strip()}")
    need("postfix")
    need("dovecot")
    directory = tmp_path_factory.mktemp("provider")
    certificate = Certificate("localhost")
    (directory / "chain.pem").write_bytes(certificate.key_pem + certificate.pem)
    (directory / "authority.pem").write_bytes(certificate.pem)
    with Running("postfix+dovecot", directory / "state", "--domain", "provider.example", "--user", "shop", "--user", "ann",
                 "--tls", str(directory / "chain.pem"), "--login", "--relay", "127.0.0.1:9") as peer:
        peer.authority = directory / "authority.pem"
        yield peer


def provider_queue(peer):
    """What it took for others lies in its queue, since its next server is not there."""
    spool = pathlib.Path(peer.ready["root"]) / "var/spool/postfix"
    return [f.read_bytes() for name in ("deferred", "active", "incoming") for f in (spool / name).rglob("*") if f.is_file()]


def test_smarthost_with_login(make_instance, tmp_path, provider):
    with Nameserver(tmp_path / "dns", {}) as dns:
        one = outbound.sending(make_instance, dns, 9)
        one.cli("route", "add", "*", "--smarthost", f"127.0.0.1:{provider.port('smtp')}", "--tls", "require",
                "--user", "shop@provider.example", "--password-stdin", stdin=b"secret\n")
        outbound.submit(one, "cy@else.example", "ann@provider.example", message=outbound.MESSAGE % b"smart")
        outbound.wait_empty(one)
        for sent in outbound.traced(one, "smart@shop.example", "message.sent"):
            assert re.match(r"250 2\.0\.0 Ok:.* queued as", sent["reply"]) and sent["tls"].startswith("TLSv1")
        assert any(b"cy@else.example" in octets for octets in provider_queue(provider))
        outbound.wait("delivery there", lambda: any(b"<smart@" in m for m in provider.collect_maildir("ann")))


def test_wrong_password(make_instance, tmp_path):
    """Nobody's mail bounces because of a password: it waits, `doctor` tells of the route, and with the right one it goes."""
    def only_right(session, line):
        return OK if line.endswith(base64.b64encode(b"\0shop\0right")) else b"535 5.7.8 wrong\r\n"

    with Nameserver(tmp_path / "dns", {}) as dns, Peer({"AUTH": only_right}, extensions=("AUTH PLAIN",)) as peer:
        one = outbound.sending(make_instance, dns, 9)
        for password in (b"wrong", b"right"):
            one.cli("route", "add", "*", "--smarthost", f"127.0.0.1:{peer.port}", "--tls", "may", "--user", "shop",
                    "--password-stdin", stdin=password + b"\n")
            if password == b"wrong":
                outbound.submit(one, "cy@else.example")
                [failed] = one.wait_events("route.failed")
                assert "535" in failed["why"] and failed["route"] == "*"
                assert {c["name"]: c["state"] for c in one.json("doctor", code=69)["checks"]}["routes"] == "error"
                assert len(outbound.queue(one)) == 1 and not peer.lines(b"MAIL")
        one.cli("queue", "retry")
        peer.wait()
        outbound.wait_empty(one)
        assert outbound.mailbox(one, ANN) == []


def test_no_password_without_tls(make_instance, tmp_path):
    """To a host elsewhere nothing readable goes in the clear; here the server has no TLS at all."""
    with Nameserver(tmp_path / "dns", {"far.example": "smart A 127.0.0.1\n"}) as dns, \
            Peer(extensions=("AUTH PLAIN LOGIN", "PIPELINING")) as peer:
        one = outbound.sending(make_instance, dns, 9)
        one.cli("route", "add", "*", "--smarthost", f"smart.far.example:{peer.port}", "--user", "shop", "--password-stdin",
                stdin=b"secret\n")
        outbound.submit(one, "cy@else.example")
        one.wait_events("route.failed")
        assert not peer.lines(b"AUTH") and not peer.lines(b"MAIL")
        assert len(outbound.queue(one)) == 1
