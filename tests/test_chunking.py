"""BDAT (RFC 3030): the octets are the message, however they are cut; what is refused is refused in step."""

import os
import random
import signal

import pytest

import clients
from test_smtp import limits, mailbox, memory, memory_anew, parts, random_message

ANN = "ann@shop.example"


def pieces(rng, message, sizes=(0, 1, 2, 3, 100, 5000, 100000)):
    """The message as BDAT commands with their octets, the last with LAST, which may have none."""
    found = []
    while message and len(found) < 500:
        size = rng.choice(sizes)
        found.append(message[:size])
        message = message[size:]
    if message or rng.random() < .5:
        found.append(message)
    found = found or [b""]
    return [b"BDAT %d%s\r\n" % (len(one), b" LAST" if i == len(found) - 1 else b"") + one
            for i, one in enumerate(found)]


def begin(smtp, *paths):
    smtp.command(b"MAIL FROM:<me@far.example>", 250)
    for path in paths or (ANN,):
        smtp.command(b"RCPT TO:<%s>" % path.encode(), 250)


@pytest.fixture
def server(instance):
    instance.account_add(ANN)
    return instance


def test_odd_pieces_are_one_message(server):
    """One by one and pipelined at once; the same octets come out as went in."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    sent = []
    with server.smtp() as smtp:
        for n in range(60):
            message = random_message(rng)
            chunks = pieces(rng, message)
            begin(smtp)
            if n % 2:
                wire = b"".join(chunks)
                while wire:  # in cuts that have nothing to do with the chunks
                    size = rng.choice([1, 7, 1000, 100000])
                    smtp.send(wire[:size])
                    wire = wire[size:]
                for _ in chunks:
                    reply = smtp.reply(250)
            else:
                for chunk in chunks:
                    smtp.send(chunk)
                    reply = smtp.reply(250)
            assert b" delivered as " in reply[-1]
            sent.append(message)
        smtp.quit()
    assert [parts(got)[4] for got in mailbox(server, ANN)] == sent


def test_a_last_line_without_its_end_gets_one(server):
    with server.smtp() as smtp:
        for message in (b"Subject: x\r\n\r\nno end", b"Subject: x\r\n\r\nno\r\nend.", b"", b"Subject: header alone"):
            begin(smtp)
            smtp.send(b"BDAT %d LAST\r\n" % len(message) + message)
            smtp.reply(250)
        smtp.quit()
    assert [parts(got)[4] for got in mailbox(server, ANN)] == [
        b"Subject: x\r\n\r\nno end\r\n", b"Subject: x\r\n\r\nno\r\nend.\r\n", b"", b"Subject: header alone\r\n"]


def test_data_and_bdat_deliver_the_same(server):
    """One session, a message each way, some forgotten between: dots are doubled by DATA alone."""
    message = b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n"
    with server.smtp() as smtp:
        smtp.deliver("me@far.example", [ANN], message)
        begin(smtp)
        smtp.send(b"BDAT 5\r\nforgo")
        smtp.reply(250)
        smtp.command(b"RSET", 250)
        begin(smtp)
        for chunk in (b"BDAT 20\r\n" + message[:20], b"BDAT %d LAST\r\n" % len(message[20:]) + message[20:]):
            smtp.send(chunk)
            smtp.reply(250)
        smtp.quit()
    assert [parts(got)[4] for got in mailbox(server, ANN)] == [message] * 2


def test_what_is_no_line_end_is_refused_however_it_is_cut(server):
    """A CR at the end of a chunk waits for its LF; without it, and for LF and NUL alone, the message is refused."""
    bad = [b"Subject: x\n\r\n\r\n", b"Subject: x\ry\r\n\r\n", b"Subject: x\r\n\r\n\0\r\n", b"Subject: x\r\n\r\n\r"]
    with server.smtp() as smtp:
        for message in bad:
            for at in range(1, len(message)):
                begin(smtp)
                smtp.send(b"BDAT %d\r\n%sBDAT %d LAST\r\n%s" % (at, message[:at], len(message) - at, message[at:]))
                replies = [smtp.reply()[-1][:9] for _ in range(2)]
                assert replies in ([b"250 2.0.0", b"554 5.6.0"], [b"554 5.6.0", b"503 5.5.1"]), (message, at)
                smtp.command(b"RSET", 250)
                smtp.deliver("me@far.example", [ANN], b"Subject: fine\r\n")  # the count of errors begins anew
        smtp.quit()
    assert {parts(got)[4] for got in mailbox(server, ANN)} == {b"Subject: fine\r\n"}


def test_a_large_chunk_in_little_memory(make_instance):
    """One chunk of 60 MB goes to the spool as it comes, also where its end falls together with a piece's."""
    server = make_instance()
    limits(server, message_size='"100M"')
    server.start()
    server.account_add(ANN)
    line = b"0123456789abcdef" * 4 + b"\r\n"
    piece = line * 15888
    with server.smtp(timeout=120) as smtp:
        for size in (256 << 10, (256 << 10) + 66, 384 << 10, 512 << 10, 640 << 10):
            message = (line * (size // len(line) + 1))[:size]
            begin(smtp)
            smtp.send(b"BDAT %d\r\n" % len(message) + message)
            smtp.reply(250)
            smtp.command(b"BDAT 0 LAST", 250)
        pid = server.server_pid()
        before = memory_anew(pid)
        begin(smtp)
        smtp.send(b"BDAT %d LAST\r\n" % (60 * len(piece)))
        for _ in range(60):
            smtp.send(piece)
        smtp.reply(250)
        grown = memory(pid)["VmHWM"] - before
        print(f"60 MB in one chunk: {grown} KB more than before")
        if "san" not in server.binary.parent.name:
            assert grown <= 1024
        smtp.quit()
    sizes = list(map(len, mailbox(server, ANN)))
    assert sizes[-1] > 60 * len(piece) and len(sizes) == 6
    assert os.listdir(server.dir / "data" / "spool") == []


def test_a_chunk_too_big_is_never_kept(make_instance):
    """Of a chunk that goes over the limit no octet reaches the disk; it is read to its end all the same."""
    server = make_instance()
    limits(server, message_size='"1M"')
    server.start()
    server.account_add(ANN)
    with server.smtp() as smtp:
        begin(smtp)
        smtp.send(b"BDAT 5000000 LAST\r\n")
        line = b"x" * 98 + b"\r\n"
        for _ in range(49):
            smtp.send(line * 1000)
            assert os.listdir(server.dir / "data" / "spool") == []
        smtp.send(line * 1000 + b"NOOP\r\n")
        assert smtp.reply()[-1].startswith(b"552 5.3.4 ")
        smtp.reply(250)
        smtp.quit()


def test_lost_connections(server):
    """A client that goes away within a chunk or between two has sent nothing."""
    for wire in (b"BDAT 10\r\nhalf", b"BDAT 4\r\nhalf", b"BDAT 600000 LAST\r\n" + b"x" * 70 + b"\r\n" * 200000):
        smtp = server.smtp()
        begin(smtp)
        smtp.send(wire)
        smtp.close()
    with server.smtp() as smtp:
        smtp.deliver("me@far.example", [ANN], b"Subject: after\r\n\r\n")
        smtp.quit()
    assert [parts(got)[4] for got in mailbox(server, ANN)] == [b"Subject: after\r\n\r\n"]


def test_a_stop_lets_a_message_end(server):
    """Within a chunk and between two the message may be ended; then the client hears that the server stops."""
    with server.smtp() as within, server.smtp() as between:
        begin(within)
        begin(between)
        within.send(b"BDAT 10\r\nSubje")
        between.send(b"BDAT 5\r\nSubje")
        between.reply(250)
        server.process.send_signal(signal.SIGTERM)
        within.send(b"ct: a")
        within.reply(250)
        for smtp in (within, between):
            smtp.send(b"BDAT 4 LAST\r\n\r\n\r\n")
            assert b" delivered as " in smtp.reply(250)[-1]
            assert smtp.line().startswith(b"421 4.3.2 ")
            assert smtp.socket.recv(1) == b""
    server.process.wait(60)
    server.process = None
    server.start()
    assert len(mailbox(server, ANN)) == 2


def test_chunks_that_belong_nowhere_are_errors(server):
    """They are dropped, and too many of them end the connection as any other errors do."""
    with pytest.raises((clients.Closed, ConnectionError)), server.smtp() as smtp:
        for _ in range(25):
            smtp.send(b"BDAT 3\r\nxxx")
            assert smtp.reply()[-1].startswith((b"503 ", b"421 "))
    with server.smtp() as smtp:
        smtp.command(b"NOOP", 250)
