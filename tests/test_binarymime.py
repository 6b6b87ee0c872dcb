"""BINARYMIME (RFC 3030 §3): binary parts arrive as they are and are kept as base64; everything else stays as it was."""

import base64
import email
import email.policy
import os
import random

import pytest

import clients
from test_chunking import pieces
from test_smtp import mailbox, parts

ANN = "ann@shop.example"


def multipart(boundary, *bodies, kind=b"mixed", fields=b""):
    delimited = b"".join(b"--%s\r\n%s\r\n" % (boundary, body) for body in bodies)
    return b'Content-Type: multipart/%s; boundary="%s"\r\n%s\r\n%s--%s--\r\n' % (kind, boundary, fields, delimited, boundary)


def binary(octets, kind=b"application/octet-stream"):
    return b"Content-Type: %s\r\nContent-Transfer-Encoding: binary\r\n\r\n%s" % (kind, octets)


def send(smtp, message, rng=None, path=ANN):
    smtp.command(b"MAIL FROM:<me@far.example> BODY=BINARYMIME", 250)
    smtp.command(b"RCPT TO:<%s>" % path.encode(), 250)
    chunks = pieces(rng, message) if rng else [b"BDAT %d LAST\r\n" % len(message) + message]
    smtp.send(b"".join(chunks))
    for _ in chunks:
        reply = smtp.reply()[-1]
    return reply


def leaves(octets):
    """The decoded octets of every leaf, in order, as Python's parser reads them."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    return [part.get_payload(decode=True) for part in message.walk()
            if not part.is_multipart() and part.get_content_maintype() != "message"]


def is_clean(octets):
    lines = octets.replace(b"\r\n", b"")
    return b"\r" not in lines and b"\n" not in lines and b"\0" not in octets and octets.endswith(b"\r\n")


@pytest.fixture
def server(instance):
    instance.account_add(ANN)
    return instance


def test_nested_parts_keep_their_octets(server):
    """Random octets in parts at several depths, in random pieces: each part decodes to what was sent."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    sent, wanted = [], []
    with server.smtp() as smtp:
        assert any(line.endswith(b"BINARYMIME") for line in smtp.extensions)
        for _ in range(25):
            blobs = [rng.randbytes(rng.choice([0, 1, 2, 3, 56, 57, 58, 5000, 70000])) for _ in range(4)]
            text = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
            inner = multipart(b"inner", text, binary(blobs[0]), binary(blobs[1], b"image/png"), fields=b"Content-Transfer-Encoding: binary\r\n")
            embedded = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\nSubject: inside\r\nMIME-Version: 1.0\r\n" \
                + multipart(b"deep", binary(blobs[2]))
            message = b"Subject: x\r\nMIME-Version: 1.0\r\n" + multipart(b"outer", text, inner, embedded, binary(blobs[3]))
            assert send(smtp, message, rng).startswith(b"250 "), (seed, message[:100])
            sent.append(message)
            wanted.append([text.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n"), text.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n"), *blobs])
        smtp.quit()
    for want, one in zip(wanted, mailbox(server, ANN), strict=True):
        content = parts(one)[4]
        assert is_clean(content) and b"ncoding: binary" not in content
        got = leaves(content)
        assert [octets.removesuffix(b"\r\n") for octets in got[:2]] == want[:2]
        assert got[2:] == want[2:]


def test_what_is_not_binary_stays_as_it_is(server):
    """Without a binary part not an octet changes, be it 7bit, 8bit, encoded, malformed or no MIME at all."""
    blob = base64.encodebytes(bytes(range(256))).replace(b"\n", b"\r\n")
    sent = [
        b"Subject: no MIME\r\n\r\nx\r\n",
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding:  8bit \r\n\r\n\xff\xfe\r\n",
        b"MIME-Version: 1.0\r\n" + multipart(b"a", b"Content-Transfer-Encoding: base64\r\n\r\n" + blob, b"\r\nx\r\n"),
        b"Content-Type: multipart/mixed; boundary=never\r\n\r\n--other\r\n\r\nx\r\n--never--\r\n",
        b"Content-Type: multipart/mixed\r\n\r\n--a\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n--a--\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nnever closed\r\n",
    ]
    with server.smtp() as smtp:
        for message in sent:
            assert send(smtp, message).startswith(b"250 "), message
        smtp.quit()
    assert [parts(one)[4] for one in mailbox(server, ANN)] == sent


def test_a_binary_message_without_parts(server):
    blob = bytes(range(256)) * 3000
    with server.smtp() as smtp:
        assert send(smtp, b"Subject: x\r\nMIME-Version: 1.0\r\n" + binary(blob)).startswith(b"250 ")
        smtp.quit()
    (one,) = mailbox(server, ANN)
    assert is_clean(parts(one)[4]) and leaves(parts(one)[4]) == [blob]


@pytest.mark.parametrize("message, why", [
    (b"Subject: x\r\nX: \0\r\n\r\n", b"a NUL"),
    (b"Subject: x\n\r\n\r\n", b"a bare LF"),
    (b"Subject: x\r\n\r\na\rb\r\n", b"a bare CR"),
    (b"MIME-Version: 1.0\r\n" + multipart(b"a", binary(b"\0"), b"\r\n\0"), b"a NUL"),
    (b"MIME-Version: 1.0\r\n" + multipart(b"a", b"Content-Transfer-Encoding: 8bit\r\n\r\na\nb"), b"a bare LF"),
    (b"Content-Transfer-Encoding: binary\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\0", b"two Content-Transfer-Encoding"),
])
def test_octets_that_were_not_declared_binary(server, message, why):
    """Refused whole, and in step: the sender still has it."""
    with server.smtp() as smtp:
        for at in (0, len(message) // 2):
            smtp.command(b"MAIL FROM:<me@far.example> BODY=BINARYMIME", 250)
            smtp.command(b"RCPT TO:<ann@shop.example>", 250)
            smtp.send(b"BDAT %d\r\n%sBDAT %d LAST\r\n%s" % (at, message[:at], len(message) - at, message[at:]))
            smtp.reply()
            reply = smtp.reply()[-1]
            if reply.startswith(b"503 "):
                continue  # the first chunk was refused
            assert reply.startswith(b"554 5.6.0 The message is not what BODY=BINARYMIME promised: ") and why in reply
        smtp.quit()
    assert mailbox(server, ANN) == []


def test_only_by_bdat(server):
    with server.smtp() as smtp:
        smtp.command(b"MAIL FROM:<me@far.example> BODY=BINARYMIME", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        assert smtp.command(b"DATA")[-1].startswith(b"503 5.5.1 A message announced as BODY=BINARYMIME comes by BDAT")
        smtp.send(b"BDAT 14 LAST\r\nSubject: x\r\n\r\n")
        smtp.reply(250)
        smtp.quit()
    assert [parts(one)[4] for one in mailbox(server, ANN)] == [b"Subject: x\r\n\r\n"]


def test_a_large_binary_part(server):
    """Over a record's size: what is kept grows by a third on its way to the spool, and the spool is empty after."""
    blob = random.Random(3).randbytes(9_000_001)
    with server.smtp(timeout=120) as smtp:
        message = b"Subject: x\r\nMIME-Version: 1.0\r\n" + multipart(b"a", binary(blob), b"\r\nx\r\n")
        assert send(smtp, message, random.Random(4)).startswith(b"250 ")
        smtp.quit()
    (one,) = mailbox(server, ANN)
    assert is_clean(parts(one)[4]) and leaves(parts(one)[4])[0] == blob
    assert os.listdir(server.dir / "data" / "spool") == []


def test_the_size_that_counts_is_that_on_the_wire(make_instance):
    from test_smtp import limits
    server = make_instance()
    limits(server, message_size='"100K"')
    server.start()
    server.account_add(ANN)
    with clients.Smtp(server.address("smtp")) as smtp:
        front = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        assert send(smtp, front + b"\0" * (102400 - len(front))).startswith(b"250 ")
        assert send(smtp, front + b"\0" * (102401 - len(front))).startswith(b"552 5.3.4 ")
        smtp.quit()
    (one,) = mailbox(server, ANN)
    assert leaves(parts(one)[4]) == [b"\0" * (102400 - len(front))]
