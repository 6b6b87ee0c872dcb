"""POP3 and mail in UTF-8 (RFC 6856, RFC 6858): who says UTF8 gets messages as they are, who does not a surrogate of those
that came with SMTPUTF8, and the lists say the sizes of what is sent."""

import email
import email.policy
import poplib

import pytest

import clients
from instance import PASSWORD
from pop3_mail import ANN, FAR, content_of, top_of

TEXT = ("From: Jörg Müller <jörg@bücher.example>\r\nTo: Ann <ann@shop.example>, \"Æ. B.\" <plain@client.example>\r\n"
        "Subject: Grüße aus Köln, und 漢字\r\nX-Wide: weggelassen £\r\nX-Plain: stays\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=cut\r\n\r\n"
        "--cut\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "Grüße.\r\n.\r\n.zwei Punkte\r\n"
        "--cut\r\nContent-Type: application/pdf; name=\"Prüfung.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "AAAA\r\n--cut--\r\n").encode()
RAW = "Subject: roh, ohne SMTPUTF8: ü\r\n\r\nü\xff\r\n".encode("utf-8")
PLAIN = b"Subject: plain\r\n\r\nHello.\r\n"


def deliver_wide(c, message, reverse_path="jörg@bücher.example", forward_path=ANN):
    c.command(f"MAIL FROM:<{reverse_path}> SMTPUTF8".encode(), 250)
    c.command(f"RCPT TO:<{forward_path}>".encode(), 250)
    c.command(b"DATA", 354)
    c.send(clients.dot_stuffed(message))
    return c.reply(250)[-1]


@pytest.fixture
def ann(instance):
    instance.account_add(ANN)
    with instance.smtp() as c:
        if not [line for line in c.extensions if line[4:] == b"SMTPUTF8"]:
            pytest.skip("SMTPUTF8 is not offered")
        c.deliver(FAR, [ANN], PLAIN)
        deliver_wide(c, TEXT)
        c.deliver(FAR, [ANN], RAW)
        deliver_wide(c, PLAIN, FAR)  # SMTPUTF8 was said for nothing
    return instance


def session(one, utf8):
    p = clients.Pop3(one.address("pop3"))
    if utf8:
        p.command(b"UTF8")
    p.login(ANN, PASSWORD)
    return p


@pytest.mark.parametrize("utf8", [True, False])
def test_sizes_are_of_what_is_sent(ann, utf8):
    with session(ann, utf8) as p:
        sizes = p.list()
        got = {n: p.retr(n) for n in sizes}
        assert {n: len(octets) for n, octets in got.items()} == sizes
        assert p.stat() == (4, sum(sizes.values()))
        for n in sizes:
            assert int(p.command(b"LIST %d" % n).split()[2]) == int(p.command(b"RETR %d" % n).split()[1]) == sizes[n]
            p.block()
        p.dele(2)
        assert p.stat() == (3, sum(sizes.values()) - sizes[2])
        p.command(b"RSET")
        assert p.stat() == (4, sum(sizes.values()))
        p.quit()


def test_as_it_is_for_who_says_utf8(ann):
    with session(ann, True) as p:
        got = p.retr(2)
        assert got.endswith(TEXT) and got.startswith("Return-Path: <jörg@".encode())
        assert [content_of(p.retr(n)) for n in (1, 3)] == [PLAIN, RAW]
        p.command(b"TOP 2 3")
        assert p.block() == top_of(got, 3)
        p.quit()


def test_surrogate_for_who_does_not(ann):
    with session(ann, False) as p:
        assert [content_of(p.retr(n)) for n in (1, 3)] == [PLAIN, RAW]  # raw 8-bit octets come as they are
        got = p.retr(2)
        for lines in (0, 1, 5, 100, 99999999):
            p.command(b"TOP 2 %d" % lines)
            assert p.block() == top_of(got, lines)
        p.quit()
    header, body = got.split(b"\r\n\r\n", 1)
    assert header.isascii()
    m = email.message_from_bytes(got, policy=email.policy.default)
    assert m["Subject"] == "Grüße aus Köln, und 漢字" and m["X-Plain"] == "stays" and m["X-Wide"] is None
    [writer] = m["From"].addresses
    assert writer.domain.endswith(".invalid") and "jörg@" in writer.display_name
    assert "ann@shop.example" in [a.addr_spec for a in m["To"].addresses]
    text, pdf = m.iter_parts()
    assert text.get_content().splitlines() == ["Grüße.", ".", ".zwei Punkte"]
    assert pdf.get_content_type() == "application/pdf" and pdf.get_filename() is None
    assert b"Gr\xc3\xbc\xc3\x9fe.\r\n.\r\n.zwei" in body


def test_pipelined_and_large(ann):
    """Surrogates are files of their own on their way; one of 20 MB is made in slices while others are served."""
    large = TEXT.replace(b"AAAA\r\n", (b"QUJD" * 18 + b"\r\n") * 280_000)
    with ann.smtp(timeout=120) as c:
        deliver_wide(c, large)
        for _ in range(50):
            deliver_wide(c, TEXT)
    with session(ann, False) as p:
        sizes = p.list()
        p.send(b"".join(b"RETR %d\r\nTOP %d 0\r\n" % (n, n) for n in sizes))
        for n, size in sizes.items():
            p.ok()
            got = p.block()
            assert len(got) == size and (n == 3 or got.split(b"\r\n\r\n")[0].isascii())
            p.ok()
            assert p.block() == top_of(got, 0)
        p.quit()


def test_when_it_may_be_said(ann):
    with session(ann, False) as p:
        with pytest.raises(clients.Refused, match="logged in already"):
            p.command(b"UTF8")
        p.command(b"CAPA")
        assert b"UTF8 USER" in p.block().splitlines()
        p.quit()


def crc32c(crc, octets):
    crc ^= 0xffffffff
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def test_one_that_felled_the_server_is_not_looked_into(ann):
    """It is in quarantine (base/quarantine.h): nobody parses it again, and the session goes on."""
    with session(ann, True) as p:
        got = p.retr(2)
        content = got[got.index(b"Received: "):]
        p.quit()
    half = len(content) // 2
    fingerprint = crc32c(len(content), content[:half]) << 32 | crc32c(0, content[half:])
    line = b"%016x 2 stored 0 :: 1" % fingerprint
    ann.stop()
    with open(ann.dir / "data" / "quarantine", "wb") as f:
        f.write(b"postrider quarantine 1: fingerprint crashes kind id network last_ms crc\n")
        f.write(b"%s %08x\n" % (line, crc32c(0, line)))
    ann.start()
    assert ann.json("doctor", code=None)["checks"]
    with session(ann, False) as p:
        sizes = p.list()
        for command in (b"RETR 2", b"TOP 2 0"):
            with pytest.raises(clients.Refused) as e:
                p.command(command)
            assert e.value.reply == (b"-ERR [UTF8] This message is in UTF-8 and could not be made into another; "
                                     b"say UTF8 before the login")
        assert [len(p.retr(n)) for n in (1, 3, 4)] == [sizes[n] for n in (1, 3, 4)]
        p.quit()
    with session(ann, True) as p:
        assert p.retr(2).endswith(TEXT)
        p.quit()


def test_a_name_and_a_password_in_utf8(ann):
    ann.cli("domain", "add", "bücher.example")
    ann.account_add("jörg@bücher.example", "Straße 漢字")
    with clients.Pop3(ann.address("pop3")) as p:
        p.login("JÖRG@Bücher.example", "Straße 漢字")
        p.quit()


def test_poplib(ann):
    p = poplib.POP3(*ann.address("pop3"))
    assert p.capa()["UTF8"] == ["USER"]
    p.utf8()
    p.user(ANN)
    p.pass_(PASSWORD)
    assert (b"\r\n".join(p.retr(2)[1]) + b"\r\n").endswith(TEXT)
    p.quit()
