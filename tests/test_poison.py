"""One bad message never stops the service: a parser is made to abort on a word; the second crash quarantines the
message that has it, whoever else is at work (invariant 5)."""

import os
import time

import pytest

import clients
import instance as instances

WORD = "poison-5c1f"
POISON = f"Subject: {WORD}\r\n\r\nbody\r\n".encode()
HARMLESS = b"Subject: harmless\r\n\r\nbody\r\n"


@pytest.fixture
def server(make_instance, preload_dir, postrider_bin):
    env = {"LD_PRELOAD": instances.preload(postrider_bin, preload_dir / "poison.so"), "POSTRIDER_POISON": WORD}
    one = make_instance(env=env)
    one.expect_reports = True  # a sanitizer may tell of the abort
    one.start()
    one.account_add("ann@shop.example")
    return one


def send(server, message):
    with server.smtp() as smtp:
        smtp.command(b"MAIL FROM:<>", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.command(b"DATA", 354)
        smtp.send(clients.dot_stuffed(message))
        return smtp.reply()[-1]


def fell(server, message):
    """Sends what fells the server and waits until the parent has started it again."""
    after = len(server.log_octets())
    with pytest.raises((clients.Closed, ConnectionError)):
        send(server, message)
    server.wait_ready(after=after)


def mail(server):
    with server.pop3("ann@shop.example") as pop3:
        return [pop3.retr(number) for number in range(1, pop3.stat()[0] + 1)]


def big(message):
    """Over a record's size: read by the parser in pieces, on its way to a file."""
    return message + b"0123456789abcdef\r\n" * 40000


@pytest.mark.parametrize("make", [lambda message: message, big], ids=["small", "big"])
def test_second_crash_quarantines(server, make):
    assert send(server, make(HARMLESS)).startswith(b"250 ")
    fell(server, make(POISON))
    assert send(server, make(HARMLESS)).startswith(b"250 ")
    time.sleep(1)  # the parent waits longer before it starts a young server again
    fell(server, make(POISON))
    for _ in range(2):
        assert send(server, make(POISON)).startswith(b"451 4.3.0 This message can't be handled at present")
    assert send(server, make(HARMLESS)).startswith(b"250 ")
    got = mail(server)
    assert len(got) == 3 and all(one.endswith(make(HARMLESS)) for one in got)
    aside = server.dir / "data" / "quarantined"
    kept = [(aside / name).read_bytes() for name in os.listdir(aside)]
    assert kept and all(one.endswith(make(POISON)) for one in kept)


def test_innocent_neighbours(server):
    """Messages under way at the moment of a crash are not suspected for it."""
    for _ in range(2):
        with server.smtp() as other:
            other.command(b"MAIL FROM:<>", 250)
            other.command(b"RCPT TO:<ann@shop.example>", 250)
            other.command(b"DATA", 354)
            other.send(HARMLESS)
            fell(server, POISON)
    assert send(server, HARMLESS).startswith(b"250 ")
    assert send(server, POISON).startswith(b"451 4.3.0 ")
