"""Certificates as the owner meets them: files that are wrong, reloads, names, tickets over restarts, what doctor says;
and STARTTLS as openssl and Python's ssl speak it."""

import json
import os
import re
import pathlib
import pwd
import shutil
import signal
import ssl
import stat
import subprocess
import tempfile

import pytest

from certificates import Certificate
from instance import HOSTNAME, Instance
from test_supervisor import refused, reload, wait_for

CERTIFICATE = re.compile(r"\n\[\[tls\.certificates\]\]\ncertificate = .*\nkey = .*\n")


def configure(one, lines):
    """Puts these certificates in the place of those that the configuration names."""
    text = one.config.read_text()
    first = CERTIFICATE.search(text)
    text = CERTIFICATE.sub("", text)
    one.config.write_text(text[:first.start()] + lines + text[first.start():] if first else text + lines)


def believes_all(version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def secured(one, name=HOSTNAME, context=None, session=None):
    """An SMTP session after STARTTLS and another EHLO."""
    c = one.smtp()
    c.command(b"STARTTLS", 220)
    c.socket = (context or believes_all()).wrap_socket(c.socket, server_hostname=name, session=session)
    c.extensions = c.command(b"EHLO client.example", 250)
    return c


def shown(c):
    return c.socket.getpeercert(binary_form=True)


# -- files -----------------------------------------------------------------------------------------------------

def spoil(directory, how):
    chain, key = directory / "certificate.pem", directory / "key.pem"
    if how == "no file":
        chain.unlink()
    elif how == "no key file":
        key.unlink()
    elif how == "empty":
        chain.write_bytes(b"")
    elif how == "no PEM":
        chain.write_bytes(os.urandom(1000))
    elif how == "cut":
        chain.write_bytes(chain.read_bytes()[:200])
    elif how == "swapped":
        chain.write_bytes(key.read_bytes())
    elif how == "another's key":
        key.write_bytes(Certificate(HOSTNAME).key_pem)
    elif how == "huge":
        chain.write_bytes(chain.read_bytes() + b"\n" * 300000)


WRONG = [("no file", "certificate.pem"), ("no key file", "key.pem"), ("empty", "no certificate in PEM form"),
         ("no PEM", "no certificate in PEM form"), ("cut", "no certificate in PEM form"),
         ("swapped", "no certificate in PEM form"), ("another's key", "the key belongs to another certificate"),
         ("huge", "certificate.pem")]


@pytest.mark.parametrize("how, words", WRONG)
def test_start_refuses(make_instance, how, words):
    one = make_instance()
    spoil(one.dir, how)
    code, what = refused(one)
    assert code == 78 and words in what and "tls.certificates" in what and str(one.dir) in what, what
    one.process = None
    done = one.cli("config", "check", "--json", code=78)
    assert words in done.stderr.decode()


@pytest.mark.parametrize("how, words", WRONG)
def test_reload_keeps_the_former(make_instance, how, words):
    one = make_instance().start()
    before = {name: (one.dir / name).read_bytes() for name in ("certificate.pem", "key.pem")}
    spoil(one.dir, how)
    what = reload(one, "config.refused")["what"]
    assert words in what and "tls.certificates" in what and str(one.dir) in what, what
    one.smtp().quit()
    for name, octets in before.items():
        (one.dir / name).write_bytes(octets)
    reload(one, "config.loaded")
    assert not one.events("server.died")


def test_ticket_keys_survive(make_instance):
    one = make_instance().start()
    path = one.dir / "data" / "ticket.keys"
    first = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    one.stop()
    one.start()
    assert path.read_bytes() == first
    after = one.log_path.stat().st_size
    os.kill(one.server_pid(), signal.SIGKILL)
    one.wait_ready(after=after)
    assert path.read_bytes() == first
    one.stop()
    path.write_bytes(first[:-1] + bytes([first[-1] ^ 1]))  # damaged: begun anew
    one.start()
    assert len(path.read_bytes()) == len(first) and path.read_bytes()[:-1] != first[:-1]
    assert not one.events("tickets.failed")


# -- doctor ----------------------------------------------------------------------------------------------------

def judged(one):
    report = json.loads(one.cli("doctor", "--json", code=None).stdout)
    return [(c["state"], c["what"], c["do"]) for c in report["checks"] if c["name"] == "certificate"]


def test_doctor(make_instance):
    one = make_instance()
    [(state, what, remedy)] = judged(one)
    assert state == "warning" and "self-signed" in what and "certbot" in remedy
    top = Certificate("authority.example", authority=True)
    for made, want, words in [
            (Certificate(HOSTNAME, issuer=top), "ok", "89 more days"),
            (Certificate("*.shop.example", issuer=top), "ok", "more days"),
            (Certificate(HOSTNAME, issuer=top, ends=20), "warning", "expires in 19 days"),
            (Certificate(HOSTNAME, issuer=top, begins=-9, ends=-2), "error", "expired 2 days ago"),
            (Certificate(HOSTNAME, issuer=top, begins=2), "error", "not valid yet"),
    ]:
        configure(one, made.write(one.dir, "one"))
        [(state, what, remedy)] = judged(one)
        assert state == want and words in what and (remedy or want == "ok"), what
    configure(one, Certificate("other.example", issuer=top).write(one.dir, "one"))
    assert [state for state, _, _ in judged(one)] == ["ok", "warning"]
    assert f"none is for {HOSTNAME}" in judged(one)[1][1]
    (one.dir / "one.key").write_bytes(top.key_pem)
    assert judged(one)[0][0] == "error" and "another certificate" in judged(one)[0][1]
    configure(one, "")
    done = one.cli("config", "check", code=78)  # what begins with TLS needs one
    assert b"needs a certificate" in done.stderr
    one.config.write_text(re.sub(r"(?m)^\w+s = \[.*\n", "", one.config.read_text()))
    [(state, what, _)] = judged(one)
    assert state == "warning" and "there is none" in what
    one.start()  # in the clear
    one.smtp().quit()


def test_config_check(make_instance):
    one = make_instance()
    assert one.json("config", "check")["certificates"] == 1
    configure(one, Certificate("a.example").write(one.dir, "a") + Certificate("b.example").write(one.dir, "b"))
    assert one.json("config", "check")["certificates"] == 2
    if os.geteuid() == 0:  # somebody else may read the configuration, not the keys
        (one.dir / "a.key").chmod(0o600)
        one.dir.chmod(0o755)
        top = one.dir.parent
        while top.stat().st_uid == 0 and str(top) != "/tmp":
            top.chmod(top.stat().st_mode | 0o055)
            top = top.parent
        done = subprocess.run([one.binary, "-c", one.config, "config", "check", "--json"], user="nobody",
                              capture_output=True, check=False)
        assert done.returncode == 0 and json.loads(done.stdout)["certificates"] is None, done.stderr


def test_doctor_sees_a_forgotten_reload(make_instance):
    one = make_instance()
    if "pop3s =" not in one.config.read_text():
        pytest.skip("no listener begins with TLS")
    Certificate(HOSTNAME).write(one.dir, "one")
    configure(one, Certificate("first.example").write(one.dir, "two") + Certificate(HOSTNAME).write(one.dir, "one"))
    one.start()

    def state():
        return next((c["state"], c["what"]) for c in one.json("doctor")["checks"] if c["name"] == "pop3s")

    assert state() == ("ok", f"127.0.0.1:{one.base + 995} greets")
    Certificate(HOSTNAME).write(one.dir, "one")  # renewed, and nobody told the server
    assert state()[0] == "warning" and "another certificate" in state()[1]
    reload(one, "config.loaded")
    wait_for(lambda: state()[0] == "ok")


# -- STARTTLS --------------------------------------------------------------------------------------------------

def test_names(make_instance):
    one = make_instance()
    first, wild, two = Certificate(HOSTNAME), Certificate("*.shop.example"), Certificate("a.example", "b.example")
    configure(one, first.write(one.dir, "1") + wild.write(one.dir, "2") + two.write(one.dir, "3"))
    one.start()
    for name, certificate in ((HOSTNAME, first), ("smtp.shop.example", wild), ("SMTP.Shop.Example", wild),
                              ("a.example", two), ("b.example", two), ("a.b.example", first), (None, first),
                              ("far.example", first)):
        with secured(one, name) as c:
            assert shown(c) == certificate.der, name
            c.quit()
    wait_for(lambda: len(one.events("session.secured")) == 8)
    names = [e["server_name"] for e in one.events("session.secured")]
    assert names[:2] == [HOSTNAME, "smtp.shop.example"] and "" in names


def test_an_authority_is_enough(make_instance):
    """A chain as certbot writes it is believed by a client that knows the top alone."""
    one = make_instance()
    top = Certificate("top.example", authority=True)
    middle = Certificate("middle.example", authority=True, issuer=top)
    configure(one, Certificate(HOSTNAME, issuer=middle).write(one.dir, "one"))
    one.start()
    context = ssl.create_default_context(cadata=top.pem.decode())
    with secured(one, context=context) as c:
        c.quit()


def test_reload_drops_nobody(make_instance):
    one = make_instance().start()
    old, new = Certificate(HOSTNAME), Certificate(HOSTNAME)
    configure(one, old.write(one.dir, "one"))
    reload(one, "config.loaded")
    wait_for(lambda: shown(secured(one)) == old.der)
    with secured(one) as before:
        before.command(b"MAIL FROM:<bob@far.example>", 250)
        new.write(one.dir, "one")  # as certbot does: the same names of files
        reload(one, "config.loaded")
        wait_for(lambda: shown(secured(one)) == new.der)
        assert before.command(b"NOOP", 250)
        before.command(b"RSET", 250)
        before.quit()
    (one.dir / "one.pem").write_bytes(b"half a certif")
    reload(one, "config.refused")
    with secured(one) as c:
        assert shown(c) == new.der
    after = one.log_path.stat().st_size
    os.kill(one.server_pid(), signal.SIGKILL)  # the next server is given what the parent took last
    one.wait_ready(after=after)
    with secured(one) as c:
        assert shown(c) == new.der


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumed_over_restarts(make_instance, version):
    one = make_instance().start()
    context, session, reused = believes_all(version), None, []
    for restart in ("none", "kill", "stop", "other keys"):
        after = one.log_path.stat().st_size
        if restart == "kill":
            os.kill(one.server_pid(), signal.SIGKILL)
            one.wait_ready(after=after)
        elif restart != "none":
            one.stop()
            if restart == "other keys":
                (one.dir / "data" / "ticket.keys").unlink()
            one.start()
        with secured(one, context=context, session=session) as c:
            reused.append(c.socket.session_reused)
            session = c.socket.session
            c.quit()
    assert reused == [False, True, True, False]


def s_client(one, *options, said=b"QUIT\r\n"):
    host, port = one.address("smtp")
    done = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", f"{host}:{port}", *options],
                          input=said, capture_output=True, timeout=30, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def test_openssl(make_instance):
    one = make_instance().start()
    code, said = s_client(one, "-crlf", "-brief", "-servername", HOSTNAME, said=b"EHLO x\nQUIT\n")
    assert "Protocol version: TLSv1.3" in said and "X25519" in said, said
    assert code == 0
    _, said = s_client(one, "-crlf", "-brief", "-tls1_2", said=b"QUIT\n")
    assert "Protocol version: TLSv1.2" in said and "ECDHE-ECDSA-AES" in said and "GCM" in said, said
    for old in ("-tls1", "-tls1_1"):
        code, said = s_client(one, old, "-cipher", "ALL@SECLEVEL=0")
        assert code != 0 and "protocol version" in said, said
    code, said = s_client(one, "-tls1_2", "-cipher", "kRSA:@SECLEVEL=0")
    assert code != 0 and "handshake failure" in said, said
    _, said = s_client(one, "-tls1_2", said=b"R\n")
    assert "Secure Renegotiation IS supported" in said and "no renegotiation" in said.lower(), said
    reasons = [e["why"] for e in one.events("session.closed") if "TLS" in e["why"]]
    assert "TLS handshake: unsupported protocol" in reasons and "TLS handshake: no shared cipher" in reasons


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_keys_are_roots_alone(postrider_bin):
    """The server is nobody; certificate and key are in a directory that only root may enter, as certbot's are."""
    nobody = pwd.getpwnam("nobody")
    top = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    top.chmod(0o711)
    secret = top / "live"
    secret.mkdir(mode=0o700)
    one = Instance(top / "server", postrider_bin)
    try:
        one.init()
        first, second = Certificate(HOSTNAME), Certificate(HOSTNAME)
        configure(one, first.write(secret, "one"))
        one.config.write_text(one.config.read_text().replace("hostname =", 'user = "nobody"\nhostname =', 1))
        subprocess.run(["chown", "-R", "nobody", one.dir / "data"], check=True)
        one.start()
        status = pathlib.Path("/proc", str(one.server_pid()), "status").read_text()
        assert f"Uid:\t{nobody.pw_uid}\t{nobody.pw_uid}\t{nobody.pw_uid}" in status
        with secured(one) as c:
            assert shown(c) == first.der
        second.write(secret, "one")
        reload(one, "config.loaded")
        wait_for(lambda: shown(secured(one)) == second.der)
        keys = one.dir / "data" / "ticket.keys"
        assert keys.stat().st_uid == nobody.pw_uid and stat.S_IMODE(keys.stat().st_mode) == 0o600
        one.stop()
    finally:
        one.kill()
        shutil.rmtree(top)
