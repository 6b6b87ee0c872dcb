"""Every dialogue of tests/dialogues against the real binary, three ways: line by line, octet by octet, all at once."""

import pytest

import dialogue
import instance

ACCOUNTS = ["ann", "bob", "carol", "full", "gone", "old", "pop", "pop-empty"]
# In another script than ASCII's; the domain is added in U-labels.
WIDE_DOMAIN = "Bücher.example"
WIDE_ACCOUNT = "jörg@bücher.example"

ALIASES = [
    ("info@shop.example", ["ann@shop.example", "bob@shop.example"]),
    ("all@shop.example", ["info@shop.example", "carol@shop.example"]),
    ("sales@shop.example", ["ann@shop.example"]),
    ("@catch.example", ["ann@shop.example"]),
    ("named@catch.example", ["bob@shop.example"]),
    ("some@shop.example", ["gone@shop.example", "ann@shop.example"]),
    ("ann@xn--bcher-kva.example", ["ann@shop.example", WIDE_ACCOUNT]),
    ("tight@shop.example", ["full@shop.example", "ann@shop.example"]),
    ("away@shop.example", ["far@far.example"]),
]

# What POP3 finds: two short ones, and one whose lines begin with dots.
MESSAGES = [
    b"Subject: one\r\n\r\nfirst\r\n",
    b"Subject: two\r\n\r\nsecond\r\n",
    b"Subject: dots\r\n\r\n.\r\n..two\r\n.txt\r\nend.\r\n",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory, postrider_bin):
    one = instance.Instance(tmp_path_factory.mktemp("dialogues") / "server", postrider_bin).init()
    config = one.config.read_text()
    assert "[limits]\n" in config
    one.config.write_text(config.replace("[limits]\n", '[limits]\nmessage_size = "64K"\nrecipients = 100\ntransactions = 5\n'))
    for domain in ("foo.com", "catch.example", "empty.example"):
        one.cli("domain", "add", domain)
    for name in ACCOUNTS:
        quota = ["--quota", "1K"] if name == "full" else []
        one.cli("account", "add", f"{name}@shop.example", *quota, "--password-stdin", stdin=b"correct horse battery\n")
    for address in ("Jones@foo.com", "Brown@foo.com"):
        one.account_add(address)
    one.cli("domain", "add", WIDE_DOMAIN)
    one.account_add(WIDE_ACCOUNT)
    for address, targets in ALIASES:
        one.cli("alias", "add", address, *targets)
    one.cli("account", "suspend", "gone@shop.example")
    one.cli("queue", "freeze")
    one.start()
    with one.smtp() as c:
        for message in MESSAGES:
            c.deliver("far@client.example", ["pop@shop.example"], message)
    yield one
    try:
        one.stop()
    finally:
        one.kill()


def cases():
    for one in dialogue.all_dialogues():
        for way in one.ways:
            yield pytest.param(one, way, id=f"{one.path.stem}-{way}")


@pytest.mark.parametrize("one, way", cases())
def test_dialogue(server, one, way):
    one.play(server.address(one.protocol), way)


def test_there_are_enough():
    assert len(dialogue.all_dialogues()) >= 40
