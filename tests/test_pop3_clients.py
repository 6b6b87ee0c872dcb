"""The programs that people collect their mail with, each in every way that it can: in clear, by STLS, and on 995."""

import contextlib
import dataclasses
import hashlib
import mailbox
import os
import poplib
import re
import shutil
import socket
import ssl
import subprocess
import time

import pexpect
import pytest

from instance import HOSTNAME, PASSWORD
from pop3_mail import ANN, FAR, MESSAGES, content_of, deliver_many

WAYS = ("clear", "stls", "tls")

# What these programs write has LF line ends, so that long lines and bare octets are told apart by none of them.
FOR_CLIENTS = [MESSAGES["plain"], MESSAGES["dots"], MESSAGES["empty lines at the end"], MESSAGES["8 bit"],
               b"From: a@client.example\r\nSubject: many\r\n\r\n" + b"a line of text.\r\n.another\r\n" * 2000]


@dataclasses.dataclass
class Mail:
    """A mailbox with FOR_CLIENTS in it, a home for a program, and the way it is to take."""
    server: object
    home: object
    way: str

    @property
    def port(self):
        return self.server.address("pop3s" if self.way == "tls" else "pop3")[1]

    @property
    def certificate(self):
        return self.server.dir / "certificate.pem"

    def fingerprint(self, algorithm):
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        return ":".join(f"{octet:02X}" for octet in hashlib.new(algorithm, der).digest())

    def run(self, program, *arguments):
        env = dict(os.environ, HOME=str(self.home), FETCHMAILHOME=str(self.home), LC_ALL="C")
        argv = [needs(program), *map(str, arguments)]
        done = subprocess.run(argv, cwd=self.home, env=env, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"{argv}\n{done.stdout[-2000:].decode()}\n{done.stderr[-2000:].decode()}"
        return done.stdout

    def left(self):
        with self.server.pop3(ANN) as p:
            count = p.stat()[0]
            p.quit()
            return count

    def taken(self):
        """What the delivery program `take` was given."""
        return contents((path.read_bytes() for path in (self.home / "new").iterdir()))


def contents(messages):
    """The contents below the fields that a program and we added, line ends CRLF, in one order."""
    found = []
    for octets in messages:
        octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        found.append(content_of(octets[octets.index(b"Received: from client.example "):]))
    return sorted(found)


def needs(program):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not installed: make deps")
    return path


@pytest.fixture(params=WAYS)
def mail(request, instance, tmp_path):
    instance.account_add(ANN)
    with instance.smtp() as c:
        for message in FOR_CLIENTS:
            c.deliver(FAR, [ANN], message)
    home = tmp_path / "home"
    (home / "new").mkdir(parents=True)
    taker = home / "take"  # the delivery program of those that want one
    taker.write_text(f"#!/bin/sh\nexec cat > {home}/new/$(ls {home}/new | wc -l)\n")
    taker.chmod(0o700)
    return Mail(instance, home, request.param)


@contextlib.contextmanager
def named(host):
    """The server's own name leads to loopback, for Python's clients."""
    real = socket.getaddrinfo
    socket.getaddrinfo = lambda name, *rest, **more: real("127.0.0.1" if name == host else name, *rest, **more)
    try:
        yield
    finally:
        socket.getaddrinfo = real


def test_poplib(mail):
    trust = ssl.create_default_context(cafile=mail.certificate)
    with named(HOSTNAME):
        if mail.way == "tls":
            p = poplib.POP3_SSL(HOSTNAME, mail.port, context=trust)
        else:
            p = poplib.POP3(HOSTNAME, mail.port)
    if mail.way == "stls":
        p.stls(trust)
    assert {"TOP", "UIDL", "PIPELINING", "USER"} <= set(p.capa())
    p.user(ANN)
    p.pass_(PASSWORD)
    assert p.stat()[0] == len(FOR_CLIENTS)
    assert len(p.list()[1]) == len(p.uidl()[1]) == len(FOR_CLIENTS)
    for number, message in enumerate(FOR_CLIENTS, 1):
        got = b"\r\n".join(p.retr(number)[1]) + b"\r\n"
        assert content_of(got) == message
        top = b"\r\n".join(p.top(number, 1)[1]) + b"\r\n"
        assert got.startswith(top) and top.count(b"\r\n") <= got[:got.index(b"\r\n\r\n")].count(b"\r\n") + 3
        p.dele(number)
    p.rset()
    p.noop()
    p.dele(1)
    p.quit()
    assert mail.left() == len(FOR_CLIENTS) - 1


def test_curl(mail):
    options, url = curl_options(mail)
    assert len(mail.run("curl", *options, url).splitlines()) == len(FOR_CLIENTS)
    for number, message in enumerate(FOR_CLIENTS, 1):
        got = mail.run("curl", *options, f"{url}{number}")
        assert content_of(got) == message
        assert got.startswith(mail.run("curl", *options, url, "--request", f"TOP {number} 0"))
    mail.run("curl", *options, f"{url}1", "--request", "DELE", "--list-only")
    assert mail.left() == len(FOR_CLIENTS) - 1


def curl_options(mail):
    options = ["-sS", "--user", f"{ANN}:{PASSWORD}", "--cacert", mail.certificate,
               "--connect-to", f"{HOSTNAME}:{mail.port}:127.0.0.1:{mail.port}"]
    if mail.way == "stls":
        options.append("--ssl-reqd")
    return options, f"{'pop3s' if mail.way == 'tls' else 'pop3'}://{HOSTNAME}:{mail.port}/"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("initial", ["--sasl-ir", "--no-sasl-ir"])
def test_curl_with_auth(mail, mechanism, initial):
    options, url = curl_options(mail)
    assert len(mail.run("curl", *options, initial, "--login-options", f"AUTH={mechanism}", url).splitlines()) \
        == len(FOR_CLIENTS)
    deadline = time.monotonic() + 5
    while not (events := mail.server.events("auth.succeeded")):
        assert time.monotonic() < deadline
        time.sleep(.01)
    assert [e["mechanism"] for e in events] == [mechanism]


@pytest.mark.parametrize("fetchall", ["fetchall", ""])
def test_fetchmail(mail, fetchall):
    """Without fetchall it looks at each header first and takes messages by TOP."""
    tls = {"clear": 'sslproto ""', "stls": f'sslproto "TLS1.2+" sslcertck sslcertfile "{mail.certificate}"',
           "tls": f'ssl sslcertck sslcertfile "{mail.certificate}"'}[mail.way]
    if mail.way != "clear":
        tls += f' sslcommonname "{HOSTNAME}"'
    rc = mail.home / "rc"
    rc.write_text(f"""poll 127.0.0.1 service {mail.port} protocol pop3 uidl auth password
        user "{ANN}" password "{PASSWORD}" {tls} keep {fetchall} no rewrite mda "{mail.home}/take"
        """)
    rc.chmod(0o600)
    options = ["-f", rc, "--nosyslog", "--pidfile", mail.home / "pid", "--idfile", mail.home / "ids"]
    mail.run("fetchmail", *options)
    assert mail.taken() == sorted(FOR_CLIENTS)
    deliver_many(mail.server, 1)
    rc.write_text(rc.read_text().replace("keep", "nokeep"))
    mail.run("fetchmail", *options)
    assert mail.left() == (0 if fetchall else len(FOR_CLIENTS))  # those it had seen stay


@pytest.mark.parametrize("auth", ["user", "plain", "login"])
def test_mpop(mail, auth):
    for name in ("cur", "new", "tmp"):
        (mail.home / "mail" / name).mkdir(parents=True)
    tls = ["--tls=off"]
    if mail.way != "clear":
        tls = ["--tls=on", f"--tls-starttls={'on' if mail.way == 'stls' else 'off'}",
               f"--tls-trust-file={mail.certificate}", f"--tls-host-override={HOSTNAME}"]
    options = ["--host=127.0.0.1", f"--port={mail.port}", f"--user={ANN}", f"--auth={auth}", *tls,
               f"--passwordeval=echo {PASSWORD}", "--received-header=off", f"--delivery=maildir,{mail.home}/mail",
               f"--uidls-file={mail.home}/uidls"]
    mail.run("mpop", *options, "--keep=on", "--pipelining=on")
    assert contents(path.read_bytes() for path in (mail.home / "mail" / "new").iterdir()) == sorted(FOR_CLIENTS)
    mail.run("mpop", *options, "--keep=off", "--pipelining=auto")
    assert len(list((mail.home / "mail" / "new").iterdir())) == len(FOR_CLIENTS)  # known by their UIDL
    assert mail.left() == 0


def test_getmail(mail):
    if mail.way == "stls":
        pytest.skip("getmail6 speaks no STLS")
    secure = f"""type = SimplePOP3SSLRetriever
ssl_fingerprints = ('{mail.fingerprint("sha256").replace(":", "").lower()}',)
""" if mail.way == "tls" else "type = SimplePOP3Retriever"
    (mail.home / "getmailrc").write_text(f"""[retriever]
{secure}
server = 127.0.0.1
port = {mail.port}
username = {ANN}
password = {PASSWORD}
[destination]
type = MDA_external
path = {mail.home}/take
unixfrom = false
allow_root_commands = true
[options]
delete = true
delivered_to = false
received = false
""")
    mail.run("getmail", f"--getmaildir={mail.home}", "--rcfile=getmailrc")
    assert mail.taken() == sorted(FOR_CLIENTS)
    assert mail.left() == 0


def test_neomutt(mail):
    """Opens the mailbox (a TOP for each message), copies all of it into a file, deletes the first, and leaves."""
    scheme = "pops" if mail.way == "tls" else "pop"
    (mail.home / "rc").write_text(f"""set pop_user="{ANN}" pop_pass="{PASSWORD}" pop_authenticators="user"
set ssl_starttls={"yes" if mail.way == "stls" else "no"} ssl_force_tls={"no" if mail.way == "clear" else "yes"}
set certificate_file="{mail.certificate}" ssl_verify_host=no
set mbox_type=maildir confirmappend=no confirmcreate=no copy=no delete=yes quit=yes pop_delete=yes
set folder="{mail.home}" record="" header_cache="" sleep_time=0 wait_key=no mark_old=no
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{mail.home}/kept<enter><untag-pattern>~A<enter>\\
<first-entry><delete-message><quit>"
""")
    env = dict(os.environ, HOME=str(mail.home), LC_ALL="C", TERM="xterm")
    arguments = ["-n", "-F", str(mail.home / "rc"), "-f", f"{scheme}://127.0.0.1:{mail.port}/"]
    child = pexpect.spawn(needs("neomutt"), arguments, env=env, cwd=str(mail.home), dimensions=(30, 120), timeout=30)
    try:
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    kept = mailbox.Maildir(mail.home / "kept", create=False)
    its_own = re.compile(rb"^(Content-Length|Lines|Status): .*\n", re.MULTILINE)
    assert contents(its_own.sub(b"", kept.get_bytes(key)) for key in kept.keys()) == sorted(FOR_CLIENTS)
    assert mail.left() == len(FOR_CLIENTS) - 1
