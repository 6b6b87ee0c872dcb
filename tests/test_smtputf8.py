"""SMTPUTF8 (RFC 6531): addresses in other scripts reach their mailboxes, and the message tells how it came."""

import re

import pytest

import clients
import instance as instance_module
from test_smtp import PREFIX, mailbox

JOERG = "jörg@bücher.example"
TRACE = re.compile(rb"\tby mail\.shop\.example \(postrider\) with (\w+) id [0-9A-Z]+(?:\r\n\tfor <([^>]+)>)?;\r\n")


@pytest.fixture
def server(instance):
    instance.cli("domain", "add", "Bücher.example")
    instance.account_add("Jörg@BÜCHER.example")
    instance.account_add("ann@shop.example")
    instance.cli("alias", "add", "büro@shop.example", JOERG)
    instance.cli("alias", "add", "@bücher.example", "ann@shop.example")
    instance.cli("alias", "add", "office@shop.example", JOERG)
    return instance


def wide_mailbox(server, user):
    with clients.Pop3(server.address("pop3")) as pop3:
        pop3.command(b"UTF8")
        pop3.login(user, instance_module.PASSWORD)
        return [pop3.retr(number) for number in range(1, pop3.stat()[0] + 1)]


def deliver(smtp, reverse_path, forward_path, message, parameters=b" BODY=8BITMIME SMTPUTF8"):
    smtp.command(b"MAIL FROM:<%s>" % reverse_path.encode() + parameters, 250)
    smtp.command(b"RCPT TO:<%s>" % forward_path.encode(), 250)
    smtp.command(b"DATA", 354)
    smtp.send(clients.dot_stuffed(message))
    smtp.reply(250)


def test_one_mailbox_by_all_its_names(server):
    message = "Subject: Grüße\r\nTo: jörg@bücher.example\r\n\r\n".encode()
    names = [JOERG, "JÖRG@Bücher.Example", "jo\u0308rg@bu\u0308cher.example", "jörg@xn--bcher-kva.example",
             "JÖRG@XN--BCHER-KVA.example", "jörg+büro@bücher.example", '"jörg"@bücher.example', "büro@shop.example",
             "BÜRO@shop.example"]
    with server.smtp() as smtp:
        assert b"250-SMTPUTF8" in smtp.extensions or b"250 SMTPUTF8" in smtp.extensions
        for name in names:
            deliver(smtp, "иван@пример.example", name, message)
        smtp.quit()
    got = wide_mailbox(server, JOERG)
    assert len(got) == len(names)
    for one in mailbox(server, JOERG):  # who reads no UTF-8 gets a surrogate (RFC 6858)
        assert max(one.split(b"\r\n\r\n")[0]) < 0x80
    for name, one in zip(names, got):
        prefix = PREFIX.match(one)
        assert prefix[1].decode() == "иван@пример.example"  # as it was given
        assert prefix[2].decode() in ("jörg@xn--bcher-kva.example", "jörg+büro@xn--bcher-kva.example")
        trace = TRACE.search(one)
        assert trace[1] == b"UTF8SMTP" and trace[2].decode() == name
        assert one.endswith(message)
    assert mailbox(server, "ann@shop.example") == []


def test_catch_all_of_such_a_domain(server):
    with server.smtp() as smtp:
        deliver(smtp, "", "niemand@bücher.example", b"Subject: x\r\n\r\n")
        deliver(smtp, "", "niemand@xn--bcher-kva.example", b"Subject: x\r\n\r\n", b"")
        smtp.quit()
    assert len(mailbox(server, "ann@shop.example")) == 2


def test_without_the_parameter(server):
    """The ASCII form of the domain, and an alias in ASCII, reach the same people; 8-bit octets pass unaltered."""
    message = "Subject: Grüße\r\n\r\n\xff\r\n".encode("latin-1")
    with server.smtp() as smtp:
        for path in (b"MAIL FROM:<j\xc3\xb6rg@far.example>", b"MAIL FROM:<ann@b\xc3\xbccher.example> BODY=8BITMIME"):
            assert smtp.command(path)[-1].startswith(b"553 5.6.7 ")
        smtp.command(b"MAIL FROM:<>", 250)
        assert smtp.command("RCPT TO:<jörg@bücher.example>".encode())[-1].startswith(b"553 5.6.7 ")
        smtp.command(b"RSET", 250)
        deliver(smtp, "me@xn--bcher-kva.example", "office@shop.example", message, b"")
        smtp.quit()
    (one,) = mailbox(server, JOERG)
    assert one.endswith(message) and TRACE.search(one)[1] == b"ESMTP"


def test_management_knows_one_form(server):
    """What was added by its U-labels is found by them, by its A-labels, and listed once."""
    assert "xn--bcher-kva.example" in {one["domain"] for one in server.json_lines("domain", "list")}
    assert server.cli("domain", "add", "bücher.example", code=73)
    assert server.cli("domain", "add", "xn--bcher-kva.example", code=73)
    assert server.json("account", "show", JOERG) == server.json("account", "show", "jörg@xn--bcher-kva.example")
    assert server.cli("account", "add", "JÖRG@bücher.example", "--password-stdin", stdin=b"x y z w v\n", code=73)
    for bad in ("a@b\u0338/.example", "a@\u0308x.example", "a@x\uff20y.example"):
        server.cli("account", "add", bad, "--password-stdin", stdin=b"x y z w v\n", code=65)
    with clients.Smtp(server.address("smtp")) as smtp:
        deliver(smtp, "", "jörg@bücher.example", b"Subject: x\r\n\r\n")
        smtp.quit()
    assert len(mailbox(server, "jörg@xn--bcher-kva.example")) == 1
