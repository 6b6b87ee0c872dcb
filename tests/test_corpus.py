"""Every message of the test data, its line ends made CRLF, in by SMTP and out by POP3: identical; or refused, and then
for a reason that stands in it."""

import pathlib
import re
import subprocess

import pytest

import clients

TRACE = re.compile(rb"Return-Path: <>\r\nDelivered-To: ann@shop\.example\r\nReceived: [^\r]*\r\n(?:\t[^\r]*\r\n)*")
PACKED = ["corpus-newsgroups", "corpus-spam-2015"]


def wire_form(octets):
    lines = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return (lines if lines.endswith(b"\n") else lines + b"\n").replace(b"\n", b"\r\n")


def expected(message):
    """What must come back: a Return-Path on top is replaced by ours (RFC 5321 §4.4)."""
    while found := re.match(rb"return-path[ \t]*:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", message, re.IGNORECASE):
        message = message[found.end():]
    return message


def send(smtp, message):
    smtp.send(b"MAIL FROM:<>\r\nRCPT TO:<ann@shop.example>\r\nDATA\r\n" + clients.dot_stuffed(message))
    for code in (250, 250, 354):
        smtp.reply(code)
    return smtp.reply()[-1]


def round_trip(server, files):
    """Sends each; what was taken comes back in order. Gives how many were taken and refused."""
    taken, refused, smtp = [], 0, None
    for number, path in enumerate(files):
        message = wire_form(path.read_bytes())
        if number % 500 == 0:
            smtp = server.smtp(timeout=120)
        reply = send(smtp, message)
        if b"\0" in message:
            assert reply.startswith(b"554 5.6.0 ") and b"NUL" in reply, (path, reply)
            refused += 1
        else:
            assert reply.startswith(b"250 "), (path, reply)
            taken.append((path, message))
    smtp.quit()
    with server.pop3("ann@shop.example", timeout=120) as pop3:
        assert pop3.stat()[0] == len(taken)
        for number, (path, message) in enumerate(taken, 1):
            got = pop3.retr(number)
            trace = TRACE.match(got)
            assert trace, (path, got[:500])
            assert got[trace.end():] == expected(message), path
    return len(taken), refused


@pytest.fixture
def server(instance):
    instance.account_add("ann@shop.example")
    return instance


def test_message_folders(server, shared_data):
    files = [p for folder in sorted(shared_data.iterdir()) if folder.is_dir()
             for p in sorted(folder.rglob("*")) if p.is_file()]
    taken, refused = round_trip(server, files)
    print(taken, "identical,", refused, "refused")
    assert taken > 1000 and refused > 0


@pytest.mark.parametrize("name", PACKED)
def test_packed_corpora(server, shared_data, tmp_path, name):
    packed = shared_data / f"{name}.tar.zst"
    if not packed.exists():
        pytest.skip(f"no {packed}")
    subprocess.run(f"zstd -dc '{packed}' | tar x -C '{tmp_path}' --one-top-level=corpus", shell=True, check=True)
    files = [p for p in sorted(pathlib.Path(tmp_path / "corpus").rglob("*")) if p.is_file()]
    taken, refused = round_trip(server, files)
    print(taken, "identical,", refused, "refused")
    assert taken > 900
