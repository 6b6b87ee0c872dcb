"""POP3 end to end: messages in by SMTP and out again octet for octet, what DELE, QUIT and a lost connection do, and who
may. The programs that people collect their mail with are in test_pop3_clients.py."""

import errno
import hashlib
import pathlib
import random
import socket
import time

import pytest

import clients
from faults import SYNC, Faults
from instance import PASSWORD
from pop3_mail import ANN, FAR, MESSAGES, content_of, deliver_many, numbered, top_of


@pytest.fixture
def ann(instance):
    instance.account_add(ANN)
    return instance


# -- what comes out ------------------------------------------------------------------------------------------


def test_every_message_is_as_it_came(ann):
    with ann.smtp() as c:
        for message in MESSAGES.values():
            c.deliver(FAR, [ANN], message)
    with ann.pop3(ANN) as p:
        sizes = p.list()
        assert p.stat() == (len(MESSAGES), sum(sizes.values()))
        for number, (name, message) in enumerate(MESSAGES.items(), 1):
            said = p.command(b"RETR %d" % number)
            got = p.block()
            assert content_of(got) == message, name
            assert sizes[number] == len(got) == int(said.split()[1]), name
            assert p.command(b"LIST %d" % number) == b"+OK %d %d" % (number, len(got))
        p.quit()


def test_top_of_every_message(ann):
    with ann.smtp() as c:
        for message in MESSAGES.values():
            c.deliver(FAR, [ANN], message)
    with ann.pop3(ANN) as p:
        for number, name in enumerate(MESSAGES, 1):
            whole = p.retr(number)
            for lines in (0, 1, 2, 3, 1000, 99999999, 1 << 70):
                p.command(b"TOP %d %d" % (number, lines))
                assert p.block() == top_of(whole, lines), (name, lines)
        # all at once, in order and across, between others
        numbers = list(range(1, len(MESSAGES) + 1))
        for order in (numbers, numbers[::-1], numbers + numbers):
            p.send(b"".join(b"TOP %d 1\r\nRETR %d\r\n" % (n, n) for n in order))
            p.send(b"".join(b"TOP %d 2\r\n" % n for n in order))
            for n in order:
                p.ok()
                top = p.block()
                p.ok()
                assert top == top_of(p.block(), 1)
            for n in order:
                p.ok()
                assert p.block().startswith(b"Return-Path: ")
        p.quit()


def test_top_with_many_lines(ann):
    """Where counting takes longer than one slice of a worker."""
    body = b"\r\n" * 4_000_000
    with ann.smtp(timeout=60) as c:
        c.deliver(FAR, [ANN], b"Subject: empty lines\r\n\r\n" + body)
    with ann.pop3(ANN, timeout=60) as p:
        header = len(top_of(p.retr(1), 0))
        for lines in (0, 1, 1000, 2_500_000, 3_999_999, 4_000_000, 4_000_001):
            p.command(b"TOP 1 %d" % lines)
            assert len(p.block()) == header + 2 * min(lines, 4_000_000)
        p.quit()


def large_message(octets):
    line = random.Random(30).randbytes(54).hex().encode() + b"\r\n"
    return b"Subject: large\r\n\r\n" + (line + b"." + line) * (octets // (2 * len(line) + 1))


def read_by(pid):
    """Octets that this process asked the kernel for so far (proc_pid_io(5))."""
    return int(pathlib.Path(f"/proc/{pid}/io").read_text().split()[1])


def test_top_does_not_read_the_rest(ann):
    with ann.smtp(timeout=120) as c:
        c.deliver(FAR, [ANN], large_message(30 * 1024 * 1024))
    with ann.pop3(ANN) as p:
        before = read_by(ann.server_pid())
        for lines in (0, 10):
            p.command(b"TOP 1 %d" % lines)
            assert len(p.block().split(b"\r\n\r\n")[1].splitlines()) == lines
        assert read_by(ann.server_pid()) - before < 1024 * 1024
        p.retr(1)
        assert read_by(ann.server_pid()) - before > 30 * 1024 * 1024
        p.quit()


def test_30_mb(ann):
    message = large_message(30 * 1024 * 1024)
    with ann.smtp(timeout=120) as c:
        c.deliver(FAR, [ANN], message)
    with ann.pop3(ANN, timeout=120) as p:
        for _ in range(2):
            got = content_of(p.retr(1))
            assert len(got) == len(message)
            assert hashlib.sha256(got).digest() == hashlib.sha256(message).digest()
        p.quit()


def test_pipelined_answers_come_in_order(ann):
    deliver_many(ann, 300)
    with ann.pop3(ANN) as p:
        p.send(b"".join(b"RETR %d\r\nNOOP\r\nLIST %d\r\n" % (n, n) for n in range(1, 301)))
        for n in range(1, 301):
            size = int(p.ok().split()[1])
            got = p.block()
            assert content_of(got) == numbered(n) and len(got) == size
            assert p.ok() == b"+OK Here"
            assert p.ok() == b"+OK %d %d" % (n, size)
        order = list(range(1, 301))
        random.Random(1).shuffle(order)
        p.send(b"".join(b"RETR %d\r\n" % n for n in order) + b"RETR 301\r\nQUIT\r\n")
        for n in order:
            p.ok()
            assert content_of(p.block()) == numbered(n)
        with pytest.raises(clients.Refused):
            p.ok()
        assert p.ok() == b"+OK Bye"


def test_in_order_with_gaps_and_turns(ann):
    """What was opened ahead and is then deleted, passed over, asked for again or otherwise is none the worse."""
    deliver_many(ann, 200)
    gone = (13, 14, 30, 100)
    with ann.pop3(ANN) as p:
        for n in range(1, 13):
            assert content_of(p.retr(n)) == numbered(n)
        for n in gone:
            p.dele(n)
        p.send(b"".join(b"RETR %d\r\n" % n for n in range(13, 201)))
        for n in range(13, 201):
            if n in gone:
                with pytest.raises(clients.Refused):
                    p.ok()
            else:
                p.ok()
                assert content_of(p.block()) == numbered(n), n
        for turn in ([1, 2, 3, 7, 8, 9], [2, 3, 4, 4, 5], [150, 151, 152, 1, 2], [60, 61, 62, 120, 121, 122, 63, 64]):
            p.send(b"".join(b"RETR %d\r\nTOP %d 0\r\n" % (n, n) for n in turn))
            p.send(b"".join(b"RETR %d\r\n" % n for n in turn))
            for n in turn:
                p.ok()
                whole = p.block()
                assert content_of(whole) == numbered(n), (turn, n)
                p.ok()
                assert p.block() == top_of(whole, 0)
            for n in turn:
                p.ok()
                assert content_of(p.block()) == numbered(n), (turn, n)
        p.quit()


def test_leaves_in_the_middle_of_all(ann):
    deliver_many(ann, 200)
    for enough in range(0, 200, 13):  # are read before the client is gone
        with ann.pop3(ANN) as p:
            p.send(b"".join(b"RETR %d\r\n" % n for n in range(1, 201)))
            for _ in range(enough):
                p.ok()
                p.block()
            p.socket.close()
    with ann.pop3(ANN) as p:
        assert content_of(p.retr(200)) == numbered(200)
        p.quit()


def test_who_does_not_read_holds_up_nobody(ann):
    """Lists and messages far over what a connection queues wait for their reader, octet for octet."""
    deliver_many(ann, 3000, size=2000)
    with ann.pop3(ANN, timeout=60) as p:
        uidl = p.uidl()
        assert list(uidl) == list(range(1, 3001)) and len(set(uidl.values())) == 3000
        p.send(b"UIDL\r\n" * 200 + b"RETR 1\r\nRETR 3000\r\n" + b"LIST\r\n" * 20)  # 15 MB: no socket takes that
        with ann.smtp() as c:
            c.deliver(FAR, [ANN], MESSAGES["plain"])  # somebody else goes on
        time.sleep(.5)
        expected = b"".join(b"%d %s\r\n" % item for item in uidl.items())
        for _ in range(200):
            p.ok()
            assert p.block() == expected
        for n in (1, 3000):
            p.ok()
            assert content_of(p.block()) == numbered(n, 2000)
        for _ in range(20):
            p.ok()
            assert len(p.block().splitlines()) == 3000  # as it was at the login
        p.quit()


def test_uidl_never_changes(ann):
    deliver_many(ann, 20)
    with ann.pop3(ANN) as p:
        before = p.uidl()
        for n in (1, 7, 20):
            p.dele(n)
        p.quit()
    left = [uid for n, uid in before.items() if n not in (1, 7, 20)]
    ann.stop()
    ann.start()
    with ann.pop3(ANN) as p:
        assert list(p.uidl().values()) == left
        deliver_many(ann, 3)
        assert len(p.uidl()) == 17
        p.quit()
    with ann.pop3(ANN) as p:
        after = list(p.uidl().values())
        assert after[:17] == left and len(after) == 20
        assert not set(after[17:]) & set(before.values())  # an id is never given twice
        assert all(0x21 <= c <= 0x7e for uid in after for c in uid) and max(map(len, after)) <= 70
        p.quit()
    ann.cli("account", "rename", ANN, "anna@shop.example")
    with ann.pop3("anna@shop.example") as p:
        assert list(p.uidl().values()) == after
        for n in range(1, 21):
            p.dele(n)
        p.quit()
    deliver_many(ann, 2, "anna@shop.example")
    with ann.pop3("anna@shop.example") as p:  # an emptied mailbox begins no new count
        assert not set(p.uidl().values()) & {*before.values(), *after}
        p.quit()
    time.sleep(1.1)  # UIDVALIDITY is the second in which the mailbox was made
    ann.account_add(ANN)
    deliver_many(ann, 2)
    with ann.pop3(ANN) as p:  # nor does another mailbox of the name
        assert not set(p.uidl().values()) & {*before.values(), *after}
        p.quit()


# -- deleting ------------------------------------------------------------------------------------------------


def test_only_quit_deletes(ann):
    deliver_many(ann, 5)
    with ann.pop3(ANN) as p:
        p.dele(2)
        p.dele(4)
        assert p.stat()[0] == 3 and list(p.list()) == [1, 3, 5]
        p.command(b"RSET")
        assert list(p.uidl()) == [1, 2, 3, 4, 5]
        p.dele(1)
        p.quit()
    with ann.pop3(ANN) as p:
        assert [content_of(p.retr(n)) for n in p.list()] == [numbered(n) for n in (2, 3, 4, 5)]
        p.dele(3)
    with ann.pop3(ANN) as p:  # the last one broke off without QUIT (RFC 1939 §6)
        assert p.stat()[0] == 4
        p.dele(1)
        p.socket.shutdown(socket.SHUT_WR)
        assert p.socket.recv(100) == b""
    with ann.pop3(ANN) as p:
        assert p.stat()[0] == 4
        for n in range(1, 5):
            p.dele(n)
        assert p.stat() == (0, 0)
        assert p.command(b"QUIT") == b"+OK Bye, 4 deleted"
    with ann.pop3(ANN) as p:
        assert p.stat() == (0, 0)
        p.quit()
    deleted = ann.events("message.deleted", count=2)
    assert [event["count"] for event in deleted] == [1, 4] and {event["account"] for event in deleted} == {ANN}


def test_2500_go_with_one_quit(ann):
    deliver_many(ann, 2600)
    with ann.pop3(ANN) as p:
        p.send(b"".join(b"DELE %d\r\n" % n for n in range(51, 2551)))
        for _ in range(2500):
            p.ok()
        p.quit()
    with ann.pop3(ANN) as p:
        numbers = [*range(1, 51), *range(2551, 2601)]
        assert p.stat()[0] == 100
        assert [content_of(p.retr(n)) for n in range(1, 101)] == [numbered(n) for n in numbers]
        p.quit()
    ann.stop()
    ann.start()
    with ann.pop3(ANN) as p:
        assert p.stat()[0] == 100
        p.quit()


def test_deleted_is_durable(ann):
    deliver_many(ann, 10)
    with ann.pop3(ANN) as p:
        p.dele(10)
        p.quit()
    ann.kill()
    ann.start()
    with ann.pop3(ANN) as p:
        assert p.stat()[0] == 9
        p.dele(1)
        ann.kill()
    ann.start()
    with ann.pop3(ANN) as p:
        assert p.stat()[0] == 9
        p.quit()


def test_the_disk_refuses_the_deletion(make_instance, tmp_path, preload_dir, postrider_bin):
    with Faults(tmp_path / "faults") as faults:
        one = make_instance(env=faults.environment(preload_dir, postrider_bin)).start()
        one.account_add(ANN)
        deliver_many(one, 3)
        p = one.pop3(ANN)
        p.dele(1)
        p.dele(2)
        faults.set(SYNC, errno.EIO)
        with pytest.raises(clients.Refused, match=r"-ERR \[SYS/TEMP\] The disk refused; nothing was deleted"):
            p.command(b"QUIT")
        assert faults.struck() > 0
        faults.clear()
        deadline = time.monotonic() + 20
        while True:  # until the store takes writes again
            with one.pop3(ANN) as p:
                assert p.stat()[0] == 3
                p.dele(2)
                try:
                    p.quit()
                    break
                except clients.Refused:
                    assert time.monotonic() < deadline
                    time.sleep(.2)
        with one.pop3(ANN) as p:
            assert [content_of(p.retr(n)) for n in (1, 2)] == [numbered(1), numbered(3)]
            p.quit()


def test_account_goes_while_it_is_read(ann):
    deliver_many(ann, 40)
    with ann.pop3(ANN) as p:
        p.retr(1)
        ann.cli("account", "remove", ANN)
        for n in range(2, 41):
            try:
                assert content_of(p.retr(n)) == numbered(n)
            except clients.Refused as refused:
                assert refused.reply.startswith(b"-ERR This message was deleted meanwhile")
        deadline = time.monotonic() + 60
        with pytest.raises(clients.Refused, match="deleted meanwhile"):
            while time.monotonic() < deadline:  # its rows go behind the account
                p.retr(40)
        p.dele(40)
        p.send(b"QUIT\r\n")
        assert p.line()[:4] in (b"+OK ", b"-ERR")
    with ann.smtp() as c:  # the server goes on
        c.command(b"NOOP", 250)


# -- who may -------------------------------------------------------------------------------------------------


def test_one_session_at_a_time(ann):
    ann.account_add("bob@shop.example")
    deliver_many(ann, 2)
    with ann.pop3(ANN) as p, clients.Pop3(ann.address("pop3")) as q:
        for _ in range(2):
            with pytest.raises(clients.Refused, match=r"-ERR \[IN-USE\] "):
                q.login(ANN, PASSWORD)
        q.login("bob@shop.example", PASSWORD)
        p.dele(1)
        p.quit()
    for _ in range(5):  # whoever has read +OK may come back at once
        with clients.Pop3(ann.address("pop3")) as p:
            p.login(ANN, PASSWORD)
            p.quit()
    p = ann.pop3(ANN)
    p.close()
    with ann.pop3(ANN) as p:  # the lock of a lost connection went with it
        assert p.stat()[0] == 1
        p.quit()


def test_wrong_passwords(ann):
    with clients.Pop3(ann.address("pop3")) as p:
        for user in (ANN, "nobody@shop.example", ANN):
            with pytest.raises(clients.Refused, match=r"-ERR \[AUTH\] Address or password is wrong"):
                p.login(user, "wrong")
        assert p.socket.recv(100) == b""
    failed = ann.events("auth.failed", count=3)
    assert [event["account"] for event in failed] == [ANN, "nobody@shop.example", ANN]
    assert all(event["remote_ip"] == "127.0.0.1" and event["service"] == "pop3" for event in failed)
    assert all(event["mechanism"] == "USER" for event in failed)
    assert failed[0]["why"] != failed[1]["why"]
    assert b"wrong\"" not in ann.log_octets()


def test_a_refused_client_that_leaves(ann):
    """The refusal's pause must not outlive its session."""
    for _ in range(3):
        p = clients.Pop3(ann.address("pop3"))
        p.send(b"USER %s\r\nPASS wrong\r\n" % ANN.encode())
        time.sleep(.2)
        p.close()
    time.sleep(1.2)
    with ann.pop3(ANN) as p:
        p.quit()


def test_no_passwords_in_the_clear(make_instance):
    one = make_instance()
    config = one.config.read_text()
    assert 'plaintext = "loopback"' in config
    one.config.write_text(config.replace('plaintext = "loopback"', 'plaintext = "never"'))
    one.start()
    one.account_add(ANN)
    with one.pop3() as p:
        p.command(b"CAPA")
        assert b"USER" not in p.block().splitlines()
        for line in (b"USER " + ANN.encode(), b"PASS " + PASSWORD.encode()):
            with pytest.raises(clients.Refused, match="-ERR Passwords are taken over TLS only"):
                p.command(line)
        p.quit()


def test_silence_ends_the_session_and_deletes_nothing(make_instance):
    one = make_instance()
    config = one.config.read_text()
    one.config.write_text(config.replace("[limits]\n", "[limits]\npop3_idle_s = 1\n"))
    one.start()
    one.account_add(ANN)
    deliver_many(one, 2)
    with one.pop3(ANN) as p:
        p.dele(1)
        begin = time.monotonic()
        assert p.socket.recv(100) == b""  # without a word (RFC 1939 §3)
        assert .5 < time.monotonic() - begin < 5
    with one.pop3(ANN) as p:
        assert p.stat()[0] == 2
        p.quit()


def test_stop_deletes_nothing_and_says_so(ann):
    deliver_many(ann, 2)
    p = ann.pop3(ANN)
    p.dele(1)
    ann.stop()
    assert p.line().startswith(b"-ERR [SYS/TEMP] mail.shop.example is stopping")
    ann.start()
    with ann.pop3(ANN) as p:
        assert p.stat()[0] == 2
        p.quit()


def test_the_log_says_what_was_done(ann):
    deliver_many(ann, 3)
    with ann.pop3(ANN) as p:
        p.retr(1)
        p.retr(2)
        p.dele(1)
        p.quit()
    deadline = time.monotonic() + 5
    while not (closed := [e for e in ann.events("session.closed") if e["service"] == "pop3"]):
        assert time.monotonic() < deadline
        time.sleep(.01)
    assert (closed[0]["retrieved"], closed[0]["deleted"]) == (2, 1)
    assert ann.events("auth.succeeded")[0]["account"] == ANN
