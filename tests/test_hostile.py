"""What strangers try: it is refused or bounded, the service goes on beside it, and memory stays within its limits."""

import contextlib
import os
import socket
import ssl
import threading
import time

import pytest

import clients
from test_smtp import limits, mailbox, memory, memory_anew, parts

ANN, BOB = "ann@shop.example", "bob@shop.example"
ENVELOPE = b"MAIL FROM:<evil@far.example>\r\nRCPT TO:<ann@shop.example>\r\n"


@pytest.fixture
def server(instance):
    instance.account_add(ANN)
    instance.account_add(BOB)
    return instance


def goes_on(server):
    """Mail comes in and is read, from somebody who does nothing wrong."""
    with server.smtp() as smtp:
        smtp.deliver("", [BOB], b"Subject: still there\r\n\r\n")
        smtp.quit()
    with server.pop3(BOB) as pop3:
        count = pop3.stat()[0]
        assert pop3.retr(count).endswith(b"Subject: still there\r\n\r\n")
        pop3.quit()


@contextlib.contextmanager
def bounded(server, kilobytes):
    """The server stays the same process and takes at most so much more memory, and goes on."""
    goes_on(server)
    pid = server.server_pid()
    before = memory_anew(pid)
    yield
    grown = memory(pid)["VmHWM"] - before
    print(f"{grown} KB more than before")
    if "san" not in server.binary.parent.name:  # a sanitizer's own memory grows
        assert grown <= kilobytes
    assert server.server_pid() == pid
    goes_on(server)


def say(server, wire, timeout=120):
    """Everything at once after the greeting, then nothing more; all that comes back until the server closes."""
    with socket.create_connection(server.address("smtp"), timeout) as s:
        assert s.recv(100).startswith(b"220 ")
        sender = threading.Thread(target=send_all, args=(s, wire))
        sender.start()
        got = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while part := s.recv(1 << 20):
                got += part
        sender.join()
        return bytes(got).splitlines()


def send_all(s, wire):
    with contextlib.suppress(OSError):
        s.sendall(wire)
        s.shutdown(socket.SHUT_WR)


def take(server, message):
    """The last reply to a message by DATA; it is dot-stuffed by this."""
    with server.smtp(timeout=120) as smtp:
        smtp.command(b"MAIL FROM:<evil@far.example>", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.command(b"DATA", 354)
        smtp.send(clients.dot_stuffed(message))
        return smtp.reply()[-1]


# -- smuggling -----------------------------------------------------------------------------------------------


def false_ends(shared_data):
    for line in (shared_data / "smtp-smuggling" / "end-of-data.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("in"):
            yield bytes.fromhex(line.split("\t")[1])


def test_smuggling(server, shared_data):
    """No false end of data ends a message: not whole, not cut anywhere, not in a chunk; all are refused."""
    count = 0
    for end in false_ends(shared_data):
        count += 1
        inside = b"Subject: outer\r\n\r\nbody" + end + b"MAIL FROM:<ann@shop.example>\r\nRCPT TO:<bob@shop.example>\r\n" \
            b"DATA\r\nSubject: smuggled\r\n\r\n"
        lines = say(server, b"EHLO x\r\n" + ENVELOPE + b"DATA\r\n" + inside + b"\r\n.\r\nQUIT\r\n")
        assert lines[-1].startswith(b"221 ") and lines[-2].startswith(b"554 5.6.0 "), lines
        assert sum(line.startswith(b"250 2.1.5") for line in lines) == 1
        for at in range(1, len(end)):
            cut = inside.index(end) + at
            with server.smtp() as smtp:
                smtp.send(ENVELOPE + b"DATA\r\n" + inside[:cut])
                for code in (250, 250, 354):
                    smtp.reply(code)
                smtp.send(inside[cut:] + b"\r\n.\r\n")
                smtp.reply(554)
                smtp.quit()
        lines = say(server, b"EHLO x\r\n" + ENVELOPE + b"BDAT %d LAST\r\n" % len(inside) + inside + b"QUIT\r\n")
        assert lines[-1].startswith(b"221 ") and lines[-2].startswith(b"554 5.6.0 "), lines
    assert count >= 7
    goes_on(server)
    assert len(mailbox(server, BOB)) == 1 and mailbox(server, ANN) == []


@pytest.mark.parametrize("listener, verb, ready", [("smtp", b"STARTTLS", b"220 "), ("submission", b"STARTTLS", b"220 "),
                                                   ("lmtp", b"STARTTLS", b"220 "), ("pop3", b"STLS", b"+OK")])
def test_nothing_said_before_the_handshake_counts_after_it(server, listener, verb, ready):
    """STARTTLS injection (CVE-2011-0411): what came in clear in the same segment is never answered."""
    try:
        c = clients.Lines(server.address(listener))
    except ConnectionRefusedError:
        pytest.skip(f"there is no {listener} here")
    with c:
        c.line()
        if listener != "pop3":
            c.send(b"LHLO x\r\n" if listener == "lmtp" else b"EHLO x\r\n")
            while (line := c.line())[3:4] == b"-":
                pass
        c.send(verb + b"\r\n" + b"NOOP injected\r\n" * 3 + b"QUIT\r\n")
        line = c.line()
        if not line.startswith(ready):
            pytest.skip(f"{listener} offers no {verb.decode()}: {line!r}")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(c.socket, server_hostname="mail.shop.example") as tls:
            c.socket = tls
            c.pending.clear()
            c.send(b"CAPA\r\n" if listener == "pop3" else b"NOOP\r\n")
            assert c.line().startswith(b"+OK" if listener == "pop3" else b"250 2.0.0 ")
            c.send(b"QUIT\r\n")
            while not (line := c.line()).startswith((b"221 ", b"+OK Bye")):
                assert listener == "pop3", line
    goes_on(server)


# -- relaying ------------------------------------------------------------------------------------------------

FORMS = r"""
    <u@far.example> <u@FAR.EXAMPLE> <u@far.example.shop.example> <u@shop.example.far.example>
    <u%far.example@shop.example> <u%far.example@mail.shop.example> <u%far.example@[127.0.0.1]> <u%far.example>
    <far.example!u@shop.example> <far.example!u@mail.shop.example> <far.example!u> <shop.example!far.example!u@[127.0.0.1]>
    <@shop.example:u@far.example> <@shop.example,@mail.shop.example:u@far.example> <@[127.0.0.1]:u@far.example>
    <@far.example:u%far.example@shop.example> <"u@far.example"@shop.example> <"u%far.example"@shop.example>
    <"u@far.example"> <u@far.example@shop.example> <u@shop.example@far.example> <"ann"@far.example> <u@far.example,ann@shop.example>
    <u@[127.0.0.1]> <u@[IPv6:::1]> <u@127.0.0.1> <u@localhost> <u@> <u> <> <@> <"> <u@shop.example> <u@.shop.example>
    <ann@shop.example.> <ann@shop.example..> <ann@shop.example@> <ann@shop.example>x <ann@shop.example>@far.example>
    <ann@shop.example\0@far.example> u@far.example ann@shop.example <u+ann@far.example> <u:far.example@shop.example>
    <u@far.example%shop.example> <"u"far.example@shop.example> <ann@shop。example@far.example> <u＠far.example@shop.example>
    <root@mail.shop.example> <postmaster@far.example> <abuse@far.example> <|/bin/sh@shop.example> </etc/passwd@shop.example>
""".split()


@pytest.mark.parametrize("reverse_path", ["", "evil@far.example", "ann@shop.example", "root@localhost", "u@[127.0.0.1]"])
def test_nobody_relays_here(server, reverse_path):
    """Each old and new form of "send this on" is refused for good, whoever is said to be the sender."""
    for parameters in (b"", b" SMTPUTF8"):
        for form in FORMS:
            if form == "<ann@shop.example>":
                continue
            with server.smtp() as smtp:
                smtp.command(b"MAIL FROM:<%s>" % reverse_path.encode() + parameters, 250)
                reply = smtp.command(b"RCPT TO:" + form.encode().replace(b"\\0", b"\0"))[-1]
                assert reply.startswith(b"5"), (form, reply)
                assert smtp.command(b"DATA")[-1].startswith(b"503 ")
    assert mailbox(server, ANN) == mailbox(server, BOB) == []


# -- slow, silent and deaf clients ---------------------------------------------------------------------------

SLOW = {
    "before EHLO": b"",
    "in a command": b"EHLO cl",
    "after EHLO": b"EHLO x\r\n",
    "after MAIL": b"EHLO x\r\nMAIL FROM:<>\r\n",
    "in RCPT": b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann@sh",
    "after RCPT": b"EHLO x\r\n" + ENVELOPE,
    "in the header": b"EHLO x\r\n" + ENVELOPE + b"DATA\r\nSubj",
    "in the body": b"EHLO x\r\n" + ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nbody",
    "before the last dot": b"EHLO x\r\n" + ENVELOPE + b"DATA\r\nSubject: x\r\n\r\n",
    "in a chunk": b"EHLO x\r\n" + ENVELOPE + b"BDAT 1000\r\nSubj",
    "between chunks": b"EHLO x\r\n" + ENVELOPE + b"BDAT 4\r\nSubj",
    "in a dropped chunk": b"EHLO x\r\nBDAT 1000\r\nSubj",
    "in a binary message": b"EHLO x\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<ann@shop.example>\r\nBDAT 1000\r\nSubj",
}


def test_slow_clients_in_every_state(server):
    """20 in each state send an octet now and then; others are served meanwhile, and few octets are spent on each."""
    with contextlib.ExitStack() as held, bounded(server, 40 * 20 * len(SLOW)):
        slow = []
        for wire in SLOW.values():
            for _ in range(20):
                s = held.enter_context(socket.create_connection(server.address("smtp"), 30))
                assert s.recv(100).startswith(b"220 ")
                s.sendall(wire)
                slow.append(s)
        for _ in range(5):
            for s in slow:
                s.sendall(b"x")
            goes_on(server)
    assert mailbox(server, ANN) == []


@pytest.mark.parametrize("state", SLOW)
def test_silent_clients_are_told_and_closed(make_instance, state):
    server = make_instance()
    limits(server, smtp_idle_s=1)
    server.start()
    server.account_add(ANN)
    with clients.Lines(server.address("smtp")) as c:
        assert c.line().startswith(b"220 ")
        c.send(SLOW[state])
        while not (line := c.line()).startswith(b"421 "):
            assert line[:1] in (b"2", b"3"), line
        assert line.startswith(b"421 4.4.2 ")
        assert c.socket.recv(1) == b""
    assert mailbox(server, ANN) == []


def test_a_client_that_never_reads(server):
    """A million commands whose replies nobody takes: the server stops reading, and keeps few of them."""
    with bounded(server, 1024), socket.create_connection(server.address("smtp")) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(2)
        assert s.recv(4) == b"220 "  # who talks before it is sent away instead
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                s.sendall(b"HELP\r\n" * 5000)


def test_talk_before_the_greeting(server):
    """Refused or served, but never at others' cost."""
    with bounded(server, 2048):
        for _ in range(200):
            with socket.create_connection(server.address("smtp"), 30) as s:
                s.sendall(b"EHLO x\r\n" + ENVELOPE + b"DATA\r\n\r\n.\r\nQUIT\r\n")


def test_commands_without_end(server):
    """A line of 100 MB is one line too long, said once; so is one of NULs, of CRs, of LFs."""
    with bounded(server, 1024):
        for octet in (b"x", b"\0", b"\n", b"\r", b"\xff", b"<"):
            lines = say(server, b"EHLO x\r\n" + octet * 100_000_000 + b"\r\nQUIT\r\n")
            assert lines[-1].startswith(b"221 ") and lines[-2].startswith(b"500 5.5.2 "), lines[-3:]


def test_chunks_of_nothing_and_of_everything(server):
    """100,000 chunks of one octet, as many of none, and one that claims 16 EB."""
    with bounded(server, 1024):
        one = b"EHLO client.example\r\n" + ENVELOPE + b"BDAT 1\r\nx" * 100_000 + b"BDAT 0\r\n" * 100_000 + b"BDAT 0 LAST\r\nQUIT\r\n"
        lines = say(server, one)
        assert lines[-1].startswith(b"221 ") and b" delivered as " in lines[-2]
        with server.smtp() as smtp:
            smtp.command(b"MAIL FROM:<>", 250)
            smtp.command(b"RCPT TO:<ann@shop.example>", 250)
            smtp.send(b"BDAT 18446744073709551615 LAST\r\n" + b"x" * 1_000_000)
        with server.smtp() as smtp:
            assert smtp.command(b"BDAT 18446744073709551616 LAST")[-1].startswith(b"501 ")
            smtp.quit()
    (got,) = mailbox(server, ANN)
    assert parts(got)[4] == b"x" * 100_000 + b"\r\n"


# -- large and twisted messages ------------------------------------------------------------------------------


def test_many_large_messages_at_once(server):
    """Twelve of 50 MB at the same time, half of them too big by a little: those under way share their memory."""
    line = b"0123456789abcdef" * 4 + b"\r\n"
    answers = []

    def send(count):
        with server.smtp(timeout=300) as smtp:
            smtp.command(b"MAIL FROM:<>", 250)
            smtp.command(b"RCPT TO:<ann@shop.example>", 250)
            smtp.command(b"DATA", 354)
            for _ in range(count):
                smtp.send(line * 1000)
            smtp.send(b".\r\n")
            answers.append(smtp.reply()[-1][:9])

    fits = 50 * 1024 * 1024 // (1000 * len(line))
    with bounded(server, 12 * 512 + 2048):
        threads = [threading.Thread(target=send, args=(fits + n % 2,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == [b"250 2.0.0"] * 6 + [b"552 5.3.4"] * 6
    assert os.listdir(server.dir / "data" / "spool") == []


BOMBS = {
    "a header of 40 MB": b"".join(b"X-%d: %s\r\n" % (n, b"y" * 990) for n in range(40_000)) + b"\r\n",
    "a field of 20 MB": b"Subject: x\r\n" + b" more of it, and more, and more\r\n" * 600_000 + b"\r\n",
    "a million fields": b"A: b\r\n" * 1_000_000 + b"\r\n",
    "a name of 1 MB": b"N" * 1_000_000 + b": x\r\n\r\n",
    "no header at all": b"\r\n" * 500_000,
    "a million addresses": b"To: x" + b",\r\n a@b" * 1_000_000 + b"\r\n\r\n",
    "groups in groups": b"To: " + b"g:" * 400_000 + b"\r\n\r\n",
    "open comments": b"From: " + b"(" * 900_000 + b"\r\nDate: " + b"(" * 900_000 + b"\r\n\r\n",
    "open quotes": b'From: "' + b'\\"' * 400_000 + b"\r\n\r\n",
    "encoded words": b"Subject:" + b"".join(b"\r\n =?iso-8859-%d?q?=%02x?=" % (n % 17, n % 256) for n in range(200_000)) + b"\r\n\r\n",
    "charsets": b"Subject:" + b"".join(b"\r\n =?x-%d?b?AAAA?=" % n for n in range(100_000)) + b"\r\n\r\n",
    "references": b"References:" + b"\r\n <a@b>" * 500_000 + b"\r\nIn-Reply-To:" + b"\r\n <a@b>" * 500_000 + b"\r\n\r\n",
    "parameters": b"Content-Type: text/plain" + b"".join(b";\r\n p%d=x" % n for n in range(200_000)) + b"\r\n\r\n",
    "continuations": b"Content-Type: text/plain" + b"".join(b";\r\n n*%d*=utf-8''x" % n for n in range(200_000)) + b"\r\n\r\n",
    "multiparts in multiparts": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(50_000)),
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 50_000,
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n",
    "100,000 empty parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 100_000,
    "near delimiters": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bb\r\n--\r\n--a\r\n-" * 300_000 + b"\r\n",
    "a boundary of 1 MB": b"Content-Type: multipart/mixed; boundary=" + b"b" * 900_000 + b"\r\n\r\n--" + b"b" * 900_000 + b"\r\n\r\n",
    "digests": b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + b"--b\r\n\r\nFrom: x\r\n\r\n" * 100_000,
    "tags": b"Content-Type: text/html\r\n\r\n" + b"<div><!-- <script>\r\n" * 500_000,
    "padding": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 900_000 + b"\r\n" + b"====\r\n" * 100_000,
    "dots": b"\r\n" + b".\r\n" * 1_000_000,
    "all octets": (b"\r\n" + bytes(n for n in range(1, 256) if n not in b"\r\n") * 4) * 10_000 + b"\r\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs(server, bomb):
    """A message that costs its reader much is kept octet for octet; what it costs us is bounded."""
    message = BOMBS[bomb]
    with bounded(server, 2048):
        reply = take(server, message)
    assert reply.startswith(b"250 "), reply
    (got,) = mailbox(server, ANN)
    assert parts(got)[4] == message


@pytest.mark.parametrize("bomb", [name for name in BOMBS if "part" in name or "messages" in name or "header" in name])
def test_bombs_that_are_binary(server, bomb):
    """The same under BODY=BINARYMIME, where every header may change: kept in something valid, or refused."""
    message = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n" + BOMBS[bomb].replace(
        b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n")
    with bounded(server, 2048), server.smtp(timeout=120) as smtp:
        smtp.command(b"MAIL FROM:<> BODY=BINARYMIME", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.send(b"BDAT %d LAST\r\n" % len(message) + message)
        reply = smtp.reply()[-1]
        assert reply.startswith((b"250 ", b"554 5.6.0 ", b"552 5.3.4 ")), reply
        smtp.quit()
    for got in mailbox(server, ANN):
        rest = got.replace(b"\r\n", b"")
        assert b"\r" not in rest and b"\n" not in rest and b"\0" not in rest


def test_a_message_in_circles(server):
    """A million Received fields: in circles, as a hundred of them would be."""
    with bounded(server, 1024):
        assert take(server, b"Received: from a by b\r\n" * 1_000_000 + b"\r\n").startswith(b"554 5.4.6 ")
    assert mailbox(server, ANN) == []


# -- many at once --------------------------------------------------------------------------------------------


def test_connections_that_say_nothing(make_instance):
    """As many as the limit allows, and more: the others hear 421 at once, and those with mail are served after."""
    server = make_instance()
    limits(server, connections=150)
    server.start()
    server.account_add(ANN)
    with contextlib.ExitStack() as held:
        refused = 0
        for _ in range(200):
            c = held.enter_context(clients.Lines(server.address("smtp")))
            refused += c.line().startswith(b"421 4.7.0 ")
        assert refused == 50
    deadline = time.monotonic() + 20
    while True:
        try:
            with server.smtp() as smtp:
                smtp.deliver("", [ANN], b"Subject: after\r\n\r\n")
                break
        except clients.Refused:
            assert time.monotonic() < deadline
            time.sleep(.1)


def test_connections_cut_at_every_octet(server):
    """A session that breaks off after each octet of it leaves nothing behind."""
    whole = b"EHLO x\r\n" + ENVELOPE + b"BDAT 4\r\nSubjBDAT 8\r\nect: x\r\nRSET\r\n" + ENVELOPE + b"DATA\r\nSubject: y\r\n\r\n.\r"
    with bounded(server, 2048):
        for at in range(len(whole) + 1):
            with socket.create_connection(server.address("smtp"), 30) as s:
                assert s.recv(100).startswith(b"220 ")
                s.sendall(whole[:at])
    assert mailbox(server, ANN) == []
    assert os.listdir(server.dir / "data" / "spool") == []
