"""Certificates as the owner meets them: files that are wrong, reloads, tickets over restarts, what doctor says."""

import json
import os
import re
import signal
import stat
import subprocess

import pytest

from certificates import Certificate
from instance import HOSTNAME
from test_supervisor import refused, reload

CERTIFICATE = re.compile(r"\n\[\[tls\.certificates\]\]\ncertificate = .*\nkey = .*\n")


def configure(one, lines):
    """Puts these certificates in the place of those that the configuration names."""
    text = one.config.read_text()
    first = CERTIFICATE.search(text)
    text = CERTIFICATE.sub("", text)
    one.config.write_text(text[:first.start()] + lines + text[first.start():] if first else text + lines)


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
