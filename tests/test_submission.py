"""Submission (RFC 6409) on 587 with STARTTLS and on 465 under TLS: who logged in sends under own addresses, and nobody else."""

import base64
import contextlib
import email.utils
import json
import re
import shutil
import smtplib
import ssl
import subprocess
import time

import pytest

import clients
from instance import HOSTNAME, PASSWORD

ANN, BOB = "ann@shop.example", "bob@shop.example"
MESSAGE = b"From: Ann <ann@shop.example>\r\nTo: bob@shop.example\r\nSubject: one\r\n\r\nA line.\r\n..two dots\r\n"
RECEIVED = re.compile(
    rb"Received: from ([^\r\n]+)\r\n\tby mail\.shop\.example \(postrider\) with (\w+) id ([0-9A-Z]+)"
    rb"(?:\r\n\tfor <([^>]+)>)?(?:\r\n\ttls ([A-Z0-9_]+)(?: group ([a-zA-Z0-9_-]+))?)?;\r\n\t[^\r\n]+\r\n")


def plain(user, password=PASSWORD):
    return base64.b64encode(f"\0{user}\0{password}".encode())


def trusting(server):
    """A client's context that takes the server's own certificate and no other."""
    return ssl.create_default_context(cafile=str(server.dir / "certificate.pem"))


class Submission(clients.Smtp):
    """A session on 587 or 465; `login` is said after TLS where that is wanted."""

    def __init__(self, server, service="submission", tls=False, login=None, password=PASSWORD, proxied=b""):
        clients.Lines.__init__(self, server.address(service))
        self.server = server
        self.send(proxied)
        if service == "submissions":
            self.secure()
        self.greeting = self.reply(220)
        self.extensions = self.command(b"EHLO client.example", 250)
        if tls:
            self.command(b"STARTTLS", 220)
            self.secure()
            self.extensions = self.command(b"EHLO client.example", 250)
        if login:
            self.command(b"AUTH PLAIN " + plain(login, password), 235)

    def secure(self):
        assert not self.pending
        self.socket = trusting(self.server).wrap_socket(self.socket, server_hostname=HOSTNAME)

    def offers(self, keyword):
        return any(line[4:].split(b" ")[0] == keyword for line in self.extensions)

    def send_message(self, message, reverse_path=ANN, forward_path=BOB):
        """The reply to the whole message."""
        self.command(b"MAIL FROM:<%s>" % reverse_path.encode(), 250)
        self.command(b"RCPT TO:<%s>" % forward_path.encode(), 250)
        self.command(b"DATA", 354)
        self.send(clients.dot_stuffed(message))
        return self.reply()[-1]


@pytest.fixture
def server(make_instance):
    return with_people(make_instance())


def with_people(server):
    server.start()
    for address in (ANN, BOB):
        server.account_add(address)
    return server


def setting(server, table, line):
    text = server.config.read_text()
    assert f"\n[{table}]\n" in text
    key = line.split(" = ")[0]
    text = re.sub(rf"\n{key} = [^\n]*", "", text)
    server.config.write_text(text.replace(f"\n[{table}]\n", f"\n[{table}]\n{line}\n"))


def mailbox(server, user):
    with server.pop3(user) as pop3:
        return [pop3.retr(number) for number in range(1, pop3.stat()[0] + 1)]


def received(message):
    """(hello, protocol, id, for, cipher, group) and what is below our trace fields."""
    found = RECEIVED.search(message)
    assert found, message[:500]
    return found.groups(), message[found.end():]


# -- TLS and AUTH ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service, tls, protocol", [
    ("submission", False, b"ESMTPA"), ("submission", True, b"ESMTPSA"), ("submissions", False, b"ESMTPSA")])
def test_trace_says_how_it_came(server, service, tls, protocol):
    with Submission(server, service, tls, ANN) as c:
        assert c.send_message(MESSAGE).startswith(b"250 2.0.0 ")
    (got,) = mailbox(server, BOB)
    (hello, said, _, path, cipher, group), rest = received(got)
    assert (hello, said, path) == (b"client.example ([127.0.0.1])", protocol, BOB.encode())
    assert (cipher is not None) == (group is not None) == (protocol == b"ESMTPSA")
    assert ANN.encode() not in got[:got.index(rest)].replace(b"Return-Path: <ann@shop.example>", b"")
    (event,) = server.wait_events("message.accepted")
    assert event["login"] == ANN and event["reverse_path"] == ANN


def test_passwords_only_under_tls(make_instance):
    """auth.plaintext = "never": in the clear AUTH is not named, 538 where it is said all the same, and MAIL asks for TLS."""
    server = make_instance()
    setting(server, "auth", 'plaintext = "never"')
    with_people(server)
    with Submission(server) as c:
        assert c.offers(b"STARTTLS") and not c.offers(b"AUTH")
        assert c.command(b"AUTH PLAIN " + plain(ANN))[-1].startswith(b"538 5.7.11 Passwords are taken under TLS only")
        assert c.command(b"MAIL FROM:<ann@shop.example>")[-1] == \
            b"530 5.7.0 Say STARTTLS first, then log in with AUTH"
        c.command(b"STARTTLS", 220)
        c.secure()
        assert c.command(b"MAIL FROM:<ann@shop.example>")[-1].startswith(b"503 5.5.1 Say EHLO first")
        c.extensions = c.command(b"EHLO client.example", 250)
        assert c.offers(b"AUTH") and not c.offers(b"STARTTLS")
        assert c.command(b"MAIL FROM:<ann@shop.example>")[-1].startswith(b"530 5.7.0 Log in first")
        assert c.command(b"STARTTLS")[-1].startswith(b"503 5.5.1 ")
        c.command(b"AUTH PLAIN " + plain(ANN), 235)
        assert c.send_message(MESSAGE).startswith(b"250 ")
    with Submission(server, "submissions") as c:
        assert c.offers(b"AUTH") and not c.offers(b"STARTTLS")
        c.command(b"AUTH PLAIN " + plain(ANN), 235)


def test_port_25_takes_no_password(server):
    """Not even under TLS; the reply says where."""
    with Submission(server, "smtp", tls=True) as c:
        assert not c.offers(b"AUTH")
        assert c.command(b"AUTH PLAIN " + plain(ANN))[-1] == \
            b"502 5.5.1 Nobody logs in on this port; use the submission port, 465 or 587"
        c.command(b"MAIL FROM:<far@far.example>", 250)
        c.command(b"RCPT TO:<ann@shop.example>", 250)
        c.command(b"DATA", 354)
        c.send(b"Subject: x\r\n\r\n.\r\n")
        c.reply(250)
    (got,) = mailbox(server, ANN)
    assert received(got)[0][1] == b"ESMTPS"


@pytest.mark.parametrize("service", ["smtp", "submission", "lmtp"])
def test_nothing_from_before_tls_counts(server, service):
    """Commands pipelined behind STARTTLS are dropped (the injection of CVE-2011-0411), the session begins anew."""
    hello = b"LHLO client.example" if service == "lmtp" else b"EHLO client.example"
    with clients.Smtp(server.address(service), hello=None) as c:
        assert b"250-STARTTLS" in c.command(hello, 250)
        c.send(b"STARTTLS\r\nRSET\r\nNOOP injected\r\n" + hello + b"\r\n")
        c.reply(220)
        c.socket = trusting(server).wrap_socket(c.socket, server_hostname=HOSTNAME)
        c.send(b"MAIL FROM:<>\r\n")
        assert c.reply()[-1].startswith(b"503 5.5.1 Say %s first" % hello[:4])
        assert b"250-STARTTLS" not in c.command(hello, 250)
        c.quit()


def test_tls_in_a_transaction_is_refused(server):
    with Submission(server, "smtp") as c:
        c.command(b"MAIL FROM:<>", 250)
        assert c.command(b"STARTTLS")[-1].startswith(b"503 5.5.1 ")
        c.command(b"RSET", 250)
        c.command(b"STARTTLS", 220)
        c.secure()
        c.command(b"EHLO client.example", 250)


def test_without_a_certificate(make_instance):
    """STARTTLS is not named, and 454 says so to who asks; 465 could serve nobody, so it does not start with it."""
    server = make_instance()
    text = server.config.read_text()
    text = re.sub(r"\n\[\[tls\.certificates\]\]\ncertificate[^\n]*\nkey[^\n]*", "", text)
    server.config.write_text(re.sub(r"\n(submissions|pop3s|imaps|https) = [^\n]*", "", text))
    server.start()
    with Submission(server) as c:
        assert not c.offers(b"STARTTLS")
        assert c.command(b"STARTTLS")[-1].startswith(b"454 4.7.0 TLS is not available here")


def test_wrong_passwords(server):
    with Submission(server) as c:
        for _ in range(2):
            assert c.command(b"AUTH PLAIN " + plain(ANN, "wrong"))[-1].startswith(b"535 5.7.8 ")
        c.send(b"AUTH PLAIN " + plain("nobody@shop.example") + b"\r\n")
        assert c.line().startswith(b"535 5.7.8 ")
        assert c.line().startswith(b"421 4.7.0 ")
        with pytest.raises(clients.Closed):
            c.line()
    assert len(server.wait_events("auth.failed", 3)) == 3


def test_too_many_guesses_of_a_network(make_instance):
    """Then nobody from there is told whether a password is right; from elsewhere it goes on. Through a proxy, since
    loopback may guess for ever."""
    server = make_instance()
    setting(server, "listen", f'submission = [{{ address = "127.0.0.1:{server.base + 587}", proxy = true }}]')
    setting(server, "network", 'proxy_from = ["127.0.0.1"]')
    with_people(server)

    def session(peer):
        return Submission(server, tls=True, proxied=b"PROXY TCP4 %s 192.0.2.1 4242 587\r\n" % peer)

    said = []
    while len(said) < 200 and b"454 4.7.0 The password can't be checked at present" not in said:
        with session(b"198.51.100.%d" % (len(said) % 250)) as c:
            for _ in range(3):
                name = f"x{len(said)}@shop.example"
                said.append(c.command(b"AUTH PLAIN " + plain(name))[-1].partition(b";")[0])
                assert said[-1][:10] in (b"535 5.7.8 ", b"454 4.7.0 "), said
    assert 60 <= len(said) < 200, said
    with session(b"198.51.100.77") as c:
        assert c.command(b"AUTH PLAIN " + plain(ANN))[-1].startswith(b"454 4.7.0 ")
    with session(b"203.0.113.9") as c:
        assert c.command(b"AUTH PLAIN " + plain(ANN))[-1].startswith(b"235 2.7.0 ")


def test_logged_in_only_until_the_account_is_suspended(server):
    """What the directory says at MAIL counts, not what it said at AUTH."""
    with Submission(server, login=ANN) as c:
        assert c.send_message(MESSAGE).startswith(b"250 ")
        server.cli("account", "suspend", ANN)
        assert c.command(b"MAIL FROM:<ann@shop.example>")[-1].startswith(b"530 5.7.0 This login is not valid any more")
        server.cli("account", "resume", ANN)
        c.command(b"MAIL FROM:<ann@shop.example>", 250)
        c.command(b"RCPT TO:<bob@shop.example>", 250)
        c.command(b"DATA", 354)
        server.cli("account", "suspend", ANN)
        c.send(clients.dot_stuffed(MESSAGE))
        assert c.reply()[-1].startswith(b"530 5.7.0 ")
    assert len(mailbox(server, BOB)) == 1


# -- who it is from ------------------------------------------------------------------------------------------


def test_own_addresses(server):
    """Everybody sends as what they receive: own address with details, aliases, a catch-all; nothing else."""
    server.cli("domain", "add", "catch.example")
    server.cli("alias", "add", "info@shop.example", ANN, BOB)
    server.cli("alias", "add", "all@shop.example", "info@shop.example")
    server.cli("alias", "add", "@catch.example", ANN)
    own = [ANN, "Ann+Books@Shop.Example", "info@shop.example", "all@shop.example", "any@catch.example"]
    with Submission(server, login=ANN) as c:
        for address in own:
            message = b"From: <%s>\r\nSubject: x\r\n\r\n" % address.encode()
            assert c.send_message(message, reverse_path=address).startswith(b"250 "), address
            assert c.send_message(message, reverse_path="").startswith(b"250 "), address
    for address in (BOB, "ann@far.example", "nobody@shop.example", "ann@shop.example.far.example"):
        with Submission(server, login=ANN) as c:
            assert c.command(b"MAIL FROM:<%s>" % address.encode())[-1] == \
                b"550 5.7.1 This login may not send as %s; use an address whose mail it gets" % address.encode()
            for reverse_path in (ANN, ""):
                for field in (b"From: %s", b"From: Ann <ann@shop.example>, %s", b"From: %s <ann@shop.example>",
                              b"From: ann@shop.example\r\nSender: %s"):
                    reply = c.send_message(field % address.encode() + b"\r\n\r\n", reverse_path=reverse_path)
                    assert reply.startswith(b"550 5.7.1 ") and address.encode() in reply, (field, reply)
    assert len(mailbox(server, BOB)) == 2 * len(own)


def test_unclear_from(server):
    headers = [
        b"Subject: no From\r\n", b"From: Ann\r\n", b"From: undisclosed:;\r\n", b"From:\r\n",
        b"From: ann@shop.example\r\nFrom: ann@shop.example\r\n", b"From: ann@shop.example\r\nfrom : bob@shop.example\r\n",
        b"From: ann@shop.example\r\nSender: Ann\r\n", b"From: ann@shop.example\r\nX: " + b"x" * 270000 + b"\r\n"]
    with Submission(server, login=ANN) as c:
        for header in headers:
            assert c.send_message(header + b"\r\nbody\r\n").startswith(b"554 5.6.0 "), header[:60]
        assert c.send_message(MESSAGE).startswith(b"250 ")
    assert len(mailbox(server, BOB)) == 1


def test_strangers_are_not_checked(server):
    """On 25 and by LMTP From is whatever it is, and nothing is filled in."""
    message = b"Subject: no From, no Date\r\n\r\nbody\r\n"
    with server.smtp() as c:
        c.deliver("far@far.example", [BOB], message)
    (got,) = mailbox(server, BOB)
    assert received(got)[1] == message


def test_date_and_message_id(server):
    """Filled in where they are missing, at the end of the header; all else stays octet for octet."""
    with Submission(server, login=ANN) as c:
        assert c.send_message(MESSAGE).startswith(b"250 ")
        whole = MESSAGE.replace(b"Subject", b"Date: Mon, 23 Nov 2026 12:00:00 +0100\r\nMessage-ID: <mine@x>\r\nSubject")
        assert c.send_message(whole).startswith(b"250 ")
    filled, kept = mailbox(server, BOB)
    assert received(kept)[1] == whole
    (_, _, name, _, _, _), content = received(filled)
    header, _, body = content.partition(b"\r\n\r\n")
    want, _, want_body = MESSAGE.partition(b"\r\n\r\n")
    assert body == want_body and header.startswith(want + b"\r\n")
    date, message_id = header[len(want) + 2:].split(b"\r\n")
    assert message_id == b"Message-ID: <%s@mail.shop.example>" % name
    age = time.time() - email.utils.parsedate_to_datetime(date.decode().partition(": ")[2]).timestamp()
    assert -5 < age < 120
    assert server.wait_events("message.accepted", 2)[0]["message_id"] == f"<{name.decode()}@mail.shop.example>"


# -- to whom -------------------------------------------------------------------------------------------------


def test_relay_from(make_instance):
    """Networks of network.relay_from need no password; a reload changes who they are. Nobody is trusted for being near."""
    server = make_instance()
    setting(server, "network", 'relay_from = ["192.0.2.0/24", "127.0.0.0/8"]')
    with_people(server)
    with Submission(server, "smtp") as c:
        c.command(b"MAIL FROM:<any@far.example>", 250)
        c.command(b"RCPT TO:<far@far.example>", 250)
    with Submission(server) as c:
        assert c.send_message(b"From: any@far.example\r\n\r\n", reverse_path="any@far.example").startswith(b"250 ")
    (got,) = mailbox(server, BOB)
    assert received(got)[0][1] == b"ESMTP" and b"\r\nMessage-ID: <" in got and b"\r\nDate: " in got
    setting(server, "network", 'relay_from = ["192.0.2.0/24"]')
    mark = server.log_path.stat().st_size
    server.process.send_signal(1)
    deadline = time.monotonic() + 20
    while not server.events("config.loaded", mark):
        assert time.monotonic() < deadline, server.log_tail()
        time.sleep(0.01)
    while True:  # the server hears of it a moment after the parent has said so
        with Submission(server) as c:
            reply = c.command(b"MAIL FROM:<any@far.example>")[-1]
        if reply.startswith(b"530 5.7.0 "):
            break
        assert time.monotonic() < deadline, reply
    with Submission(server, "smtp") as c:
        c.command(b"MAIL FROM:<any@far.example>", 250)
        assert b"provider" in c.command(b"RCPT TO:<far@far.example>", 550)[-1]


# -- applications --------------------------------------------------------------------------------------------


def app_add(server, name, *arguments):
    """(login, password)"""
    added = server.json("app", "add", name, "--account", ANN, *arguments)
    return added["user"], added["password"]


def test_an_app_sends_from_its_addresses(server):
    server.cli("alias", "add", "orders@shop.example", ANN)
    login, password = app_add(server, "shop", "--from", "orders@shop.example")
    with Submission(server, "submissions", login=login, password=password) as c:
        good = b"From: Orders <orders@shop.example>\r\n\r\n"
        assert c.send_message(good, reverse_path="orders@shop.example").startswith(b"250 ")
        assert c.send_message(good, reverse_path="orders+7@shop.example").startswith(b"250 ")
        assert c.send_message(good, reverse_path="").startswith(b"250 ")
        assert c.command(b"MAIL FROM:<ann@shop.example>")[-1].startswith(b"550 5.7.1 ")  # its account's
        assert c.send_message(MESSAGE, reverse_path="").startswith(b"550 5.7.1 ")
        server.cli("app", "revoke", "shop")
        assert c.command(b"MAIL FROM:<orders@shop.example>")[-1].startswith(b"530 5.7.0 ")
    with Submission(server, "submissions") as c:
        assert c.command(b"AUTH PLAIN " + plain(login, password))[-1].startswith(b"535 5.7.8 ")
    assert len(mailbox(server, BOB)) == 3
    assert [e["login"] for e in server.wait_events("message.accepted", 3)] == [login] * 3


def test_an_app_at_its_limit(server):
    """Recipients count; those of a message that was not accepted are given back, however it ended."""
    login, password = app_add(server, "shop", "--limit", "3/h")
    with Submission(server, login=login, password=password) as c:
        for _ in range(3):  # nothing of this counts
            c.command(b"MAIL FROM:<ann@shop.example>", 250)
            c.command(b"RCPT TO:<bob@shop.example>", 250)
            c.command(b"RCPT TO:<nobody@shop.example>", 550)
            c.command(b"RCPT TO:<ann@shop.example>", 250)
            c.command(b"RSET", 250)
            assert c.send_message(b"From: bob@shop.example\r\n\r\n").startswith(b"550 ")
        c.command(b"MAIL FROM:<ann@shop.example>", 250)
        c.command(b"RCPT TO:<bob@shop.example>", 250)
        c.command(b"DATA", 354)
    server.wait_events("session.closed")
    with Submission(server, login=login, password=password) as c:
        c.command(b"MAIL FROM:<ann@shop.example>", 250)
        for path in (b"bob@shop.example", b"far@far.example"):
            c.command(b"RCPT TO:<%s>" % path, 250)
        c.command(b"DATA", 354)
        c.send(clients.dot_stuffed(MESSAGE))
        c.reply(250)
        assert c.send_message(MESSAGE).startswith(b"250 ")
        c.command(b"MAIL FROM:<ann@shop.example>", 250)
        reply = c.command(b"RCPT TO:<bob@shop.example>")[-1]
        found = re.fullmatch(rb"450 4\.7\.1 This login has sent as much as its limit allows; "
                             rb"there is room again in (\d+) seconds", reply)
        assert found and 3000 < int(found[1]) <= 3660, reply
        assert c.command(b"DATA")[-1].startswith(b"503 5.5.1 ")
    assert len(mailbox(server, BOB)) == 2
    (refused,) = [e for e in server.events("recipient.rejected") if e["reply"].startswith("450 4.7.1")]
    assert refused["login"] == login and refused["service"] == "submission"


# -- programs that people use --------------------------------------------------------------------------------


def needs(program):
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed: tools/deps test")
    return found


def run(argv, **kwargs):
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=60, check=False, **kwargs)
    assert done.returncode == 0, (argv, done.stdout[-3000:], done.stderr[-3000:])
    return done


def delivered(server, protocol=b"ESMTPSA"):
    """The one message that Bob has, by TLS and AUTH; below our trace fields."""
    (got,) = mailbox(server, BOB)
    fields, rest = received(got)
    assert fields[1] == protocol and fields[4]
    assert b"A line.\r\n" in rest
    return rest


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_smtplib(server, service):
    host, port = server.address(service)
    context = trusting(server)
    context.check_hostname = False
    with contextlib.ExitStack() as stack:
        if service == "submissions":
            s = stack.enter_context(smtplib.SMTP_SSL(host, port, context=context))
        else:
            s = stack.enter_context(smtplib.SMTP(host, port))
            s.starttls(context=context)
        s.login(ANN, PASSWORD)
        assert s.sendmail(ANN, [BOB], MESSAGE) == {}
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            s.sendmail(BOB, [BOB], MESSAGE)
        assert refused.value.smtp_code == 550
    delivered(server)


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_curl(server, service, tmp_path):
    curl = needs("curl")
    port = server.address(service)[1]
    message = tmp_path / "message.eml"
    message.write_bytes(MESSAGE)
    scheme = "smtps" if service == "submissions" else "smtp"
    run([curl, "-sS", "--ssl-reqd", "--cacert", server.dir / "certificate.pem",
         "--resolve", f"{HOSTNAME}:{port}:127.0.0.1", f"{scheme}://{HOSTNAME}:{port}/client.example",
         "--user", f"{ANN}:{PASSWORD}", "--mail-from", ANN, "--mail-rcpt", BOB, "--upload-file", message])
    delivered(server)


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_msmtp(server, service, tmp_path):
    msmtp = needs("msmtp")
    port = server.address(service)[1]
    run([msmtp, "--file=/dev/null", "--host=127.0.0.1", f"--port={port}", "--auth=plain", f"--user={ANN}",
         f"--passwordeval=echo {PASSWORD}", "--tls=on", f"--tls-starttls={'off' if service == 'submissions' else 'on'}",
         f"--tls-trust-file={server.dir}/certificate.pem", f"--tls-host-override={HOSTNAME}", f"--from={ANN}", BOB],
        input=MESSAGE)
    delivered(server)


@pytest.mark.parametrize("how", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_swaks(server, service, how):
    swaks = needs("swaks")
    host, port = server.address(service)
    run([swaks, "--server", host, "--port", port, "--ehlo", "client.example", "--tlsc" if service == "submissions" else "--tls",
         "--auth", how, "--auth-user", ANN, "--auth-password", PASSWORD, "--from", ANN, "--to", BOB,
         "--data", MESSAGE.decode().replace("\r\n", "\n")])
    delivered(server)


NODEMAILER = """
const nodemailer = require('/usr/share/nodejs/nodemailer');
const o = JSON.parse(process.argv[2]);
const transport = nodemailer.createTransport({
  host: '127.0.0.1', port: o.port, secure: o.secure, requireTLS: true,
  auth: {user: o.user, pass: o.password}, tls: {ca: require('fs').readFileSync(o.ca), servername: o.name}});
transport.sendMail({from: 'Ann <' + o.user + '>', to: o.to, subject: 'one', text: 'A line.\\n'})
  .then((info) => console.log(info.response), (error) => { console.error(error); process.exit(1); });
"""


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_nodemailer(server, service, tmp_path):
    node = needs("node")
    if not shutil.os.path.exists("/usr/share/nodejs/nodemailer"):
        pytest.skip("node-nodemailer is not installed: tools/deps test")
    script = tmp_path / "send.js"
    script.write_text(NODEMAILER)
    options = {"port": server.address(service)[1], "secure": service == "submissions", "user": ANN, "password": PASSWORD,
               "ca": str(server.dir / "certificate.pem"), "name": HOSTNAME, "to": BOB}
    done = run([node, script, json.dumps(options)])
    assert b"250 2.0.0 Ok, delivered as" in done.stdout
    delivered(server)
