"""Logging in elsewhere, as GNU SASL's server sees it: what we say lets us in, and a wrong password does not."""

import os
import pathlib
import shutil
import subprocess

import pytest

from instance import ROOT

TALK = pathlib.Path(os.environ.get("POSTRIDER_SASL_TALK", ROOT / "build/src/auth/sasl_talk"))

MECHANISMS = ["SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"]


class Lines:
    """A program that is spoken with line by line."""

    def __init__(self, *command):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["stdbuf", "-oL", *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def read(self):
        """None at its end."""
        line = self.process.stdout.readline()
        return line.rstrip("\n") if line else None

    def write(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        rest = self.process.stdout.read()
        return self.process.wait(timeout=10), rest


def log_in(mechanism, user, ours, theirs):
    """(the server let us in, our word on that)"""
    client = Lines(TALK, mechanism, user, ours)
    server = Lines("gsasl", "--server", "--quiet", "--no-cb", f"--mechanism={mechanism}", f"--password={theirs}",
                   f"--authentication-id={user}", f"--authorization-id={user}", "--service=smtp", "--hostname=localhost")
    assert server.read() == mechanism
    response = client.read()
    if response != "-":
        assert server.read() == ""  # it has no first challenge
        server.write(response)
    while challenge := server.read():
        client.write(challenge)
        response = client.read()
        if response is None or response.startswith("error"):
            break
        server.write(response)
        if not response:
            break  # to the server's last word
    server.write("")  # it asks for more, and ends well where nothing comes
    status, _ = server.end()
    _, word = client.end()
    return status == 0, word.strip()


@pytest.mark.skipif(not shutil.which("gsasl"), reason="gsasl is not installed")
@pytest.mark.parametrize("password", ["pencil", "p=,%s x", "pässwörd", "a\u00a0b", "x" * 200])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_gsasl_lets_us_in(mechanism, password):
    if mechanism == "CRAM-MD5" and password == "a\u00a0b":
        pytest.skip("gsasl prepares the password, RFC 2195 does not")
    assert log_in(mechanism, "ann", password, password) == (True, "accepted")


@pytest.mark.skipif(not shutil.which("gsasl"), reason="gsasl is not installed")
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_gsasl_refuses_a_wrong_password(mechanism):
    let_in, word = log_in(mechanism, "ann", "pencil", "pencils")
    assert not let_in
    assert word == ("denied" if mechanism == "SCRAM-SHA-256" else "accepted")


@pytest.mark.skipif(not shutil.which("gsasl"), reason="gsasl is not installed")
@pytest.mark.parametrize("user", ["ann@shop.example", "a=b,c", "änn"])
def test_gsasl_reads_our_name(user):
    assert log_in("SCRAM-SHA-256", user, "pencil", "pencil") == (True, "accepted")
