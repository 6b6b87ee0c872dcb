"""Replies of POP3 that no dialogue can bring about: the disk fails, memory or room is short, the server stops."""

import errno

import pytest

import clients
from faults import MALLOC, READ, Faults
from instance import PASSWORD
from pop3_mail import ANN, content_of, deliver_many, numbered, secure

BOB = "bob@shop.example"


@pytest.fixture
def limited(make_instance):
    """limited("connections = 2"): a running instance with such a line in [limits]."""
    def make(line, *accounts):
        one = make_instance()
        one.config.write_text(one.config.read_text().replace("[limits]\n", f"[limits]\n{line}\n"))
        one.start()
        for account in accounts:
            one.account_add(account)
        return one
    return make


def refused(p, command, reply):
    with pytest.raises(clients.Refused) as e:
        p.command(command)
    assert e.value.reply.startswith(reply)


def test_more_mailboxes_than_memory(limited):
    """4,096 messages in all views together: who comes later waits, and is let in when the other has gone."""
    one = limited('mailbox_views = "64K"', ANN, BOB)
    deliver_many(one, 3000)
    deliver_many(one, 2000, BOB)
    with one.pop3(ANN) as p, clients.Pop3(one.address("pop3")) as q:
        q.command(b"USER " + BOB.encode())
        refused(q, b"PASS " + PASSWORD.encode(),
                b"-ERR [SYS/TEMP] Too many mailboxes are open for one as large as this; try again later")
        p.quit()
        q.login(BOB, PASSWORD)  # the connection is as it was, the lock is free
        assert q.stat()[0] == 2000
        q.quit()


def test_too_many_connections(limited):
    one = limited("connections = 2", ANN)
    with one.pop3(ANN) as p, clients.Pop3(one.address("pop3")) as q:
        with pytest.raises(clients.Refused) as e:
            clients.Pop3(one.address("pop3"))
        assert e.value.reply == (b"-ERR [SYS/TEMP] mail.shop.example has too many connections, in all or from your network;"
                                 b" try again later")
        p.quit()
        q.quit()


@pytest.fixture
def failing(make_instance, preload_dir, postrider_bin, tmp_path):
    """(instance, faults): ANN has two messages."""
    with Faults(tmp_path / "faults") as faults:
        one = make_instance(env=faults.environment(preload_dir, postrider_bin)).start()
        one.account_add(ANN)
        deliver_many(one, 2)
        yield one, faults


def test_the_disk_refuses_to_read(failing):
    one, faults = failing
    with one.pop3(ANN) as p:
        faults.set(READ, errno.EIO, "*.seg")
        for command in (b"RETR 1", b"TOP 1 0"):
            refused(p, command, b"-ERR [SYS/TEMP] The server failed here; try again later")
        assert faults.struck() > 0
        faults.clear()
        assert content_of(p.retr(1)) == numbered(1)
        p.quit()


def test_no_memory_for_the_mailbox(failing):
    one, faults = failing
    deliver_many(one, 7000)
    one.pop3(ANN).quit()  # the password is known from here on, and needs no memory of its own
    with clients.Pop3(one.address("pop3")) as p:
        p.command(b"USER " + ANN.encode())
        faults.set(MALLOC, errno.ENOMEM, least=16 * 7000)
        p.send(b"PASS " + PASSWORD.encode() + b"\r\n")
        said = p.line()
        if faults.struck() == 0:
            pytest.skip("the allocator is the sanitizer's own")
        assert said == b"-ERR [SYS/TEMP] The server is too busy; try again later"
        faults.clear()
        p.login(ANN, PASSWORD)
        assert p.stat()[0] == 7002
        p.quit()


def test_a_damaged_message(failing):
    """The record's head is not what it was: this message is refused, its neighbour is not."""
    one, _ = failing
    one.stop()
    [path] = one.dir.rglob("*.seg")
    octets = bytearray(path.read_bytes())
    record = octets.rindex(b"PRec", 0, octets.index(numbered(2)))
    octets[record + 24] ^= 1  # of its content's id
    path.write_bytes(octets)
    one.start()
    with one.pop3(ANN) as p:
        assert content_of(p.retr(1)) == numbered(1)
        for command in (b"RETR 2", b"TOP 2 0", b"RETR 2"):
            refused(p, command, b"-ERR [SYS/PERM] This message is damaged here; its postmaster has to look after it")
        assert content_of(p.retr(1)) == numbered(1)
        p.quit()
    one.stop()  # the log is whole
    assert one.events("store.damaged")


def from_far(one):
    """A session from an address that is not loopback's, told by a PROXY header."""
    p = clients.Pop3.__new__(clients.Pop3)
    clients.Lines.__init__(p, one.address("pop3"))
    p.send(b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 110\r\n")
    p.ok()
    p.command(b"STLS")
    secure(p, one)
    return p


def test_too_many_guesses_from_one_network(make_instance):
    """Nobody knows any more whether a password is right: no [AUTH], so that no program asks its user for another."""
    one = make_instance()
    config = one.config.read_text()
    at = f'pop3 = ["127.0.0.1:{one.address("pop3")[1]}"]'
    assert at in config
    config = config.replace(at, at.replace('["', '[{ address = "').replace('"]', '", proxy = true }]'))
    one.config.write_text(config.replace("[network]\n", '[network]\nproxy_from = ["127.0.0.1"]\n'))
    one.start()
    one.account_add(ANN)
    for i in range(22):
        with from_far(one) as p:
            for n in range(3):
                p.command(b"USER nobody%d@shop.example" % (3 * i + n))
                with pytest.raises(clients.Refused):
                    p.command(b"PASS a guess")
    with from_far(one) as p:
        p.command(b"USER " + ANN.encode())
        refused(p, b"PASS " + PASSWORD.encode(), b"-ERR [SYS/TEMP] This login could not be checked now; try again in a minute")
        p.quit()
