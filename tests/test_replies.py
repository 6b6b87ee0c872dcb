"""Replies that no dialogue can provoke alone: somebody else, or the past, has to do something first."""

import base64
import contextlib
import os
import sqlite3
import subprocess
import sys
import time

import pytest

import clients
from test_smtp import limits

ANN = "ann@shop.example"


@contextlib.contextmanager
def rows(server):
    """The database of a server that does not run."""
    database = sqlite3.connect(server.dir / "data" / "postrider.db")
    with contextlib.closing(database), database:
        yield database


def counted(*texts):
    """A list as the store writes it (store/intent.h)."""
    return b"".join(bytes([len(text)]) + text.encode() for text in texts)


def rcpt(server, path):
    with server.smtp() as smtp:
        smtp.command(b"MAIL FROM:<>", 250)
        return smtp.command(b"RCPT TO:<%s>" % path.encode())[-1]


def test_too_many_connections(make_instance):
    server = make_instance()
    limits(server, connections=2)
    server.start()
    with server.smtp(), server.pop3():
        with clients.Lines(server.address("smtp")) as late:
            assert late.line().startswith(b"421 4.7.0 mail.shop.example has too many connections")
            assert late.socket.recv(1) == b""
        with clients.Lines(server.address("pop3")) as late:
            assert late.line().startswith(b"-ERR [SYS/TEMP] mail.shop.example has too many connections")
            assert late.socket.recv(1) == b""


def test_the_account_goes_while_its_message_comes(instance):
    instance.account_add(ANN)
    with instance.smtp() as smtp:
        smtp.command(b"MAIL FROM:<>", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.command(b"DATA", 354)
        instance.cli("account", "remove", ANN)
        smtp.send(b"Subject: x\r\n.\r\n")
        assert smtp.reply()[-1].startswith(b"451 4.3.2 A mailbox changed while the message came")
        smtp.quit()


def test_suspended_for_long(instance):
    instance.account_add(ANN)
    instance.cli("account", "suspend", ANN)
    assert rcpt(instance, ANN).startswith(b"450 4.2.1 This mailbox takes no mail at present")
    for days, want in ((4.9, b"450 4.2.1 "), (5.1, b"550 5.2.1 This mailbox takes no mail any more")):
        instance.stop()
        with rows(instance) as database:
            database.execute("UPDATE account SET suspended_ms = ?", (int((time.time() - days * 86400) * 1000),))
        instance.start()
        assert rcpt(instance, ANN).startswith(want)


def test_aliases_that_lead_to_nobody(instance):
    """`alias add` makes no such loop; whatever did, the sender is told that it is not his fault."""
    instance.account_add(ANN)
    instance.cli("alias", "add", "one@shop.example", ANN)
    instance.cli("alias", "add", "two@shop.example", "one@shop.example")
    instance.stop()
    with rows(instance) as database:
        database.execute("UPDATE alias SET targets = ? WHERE address = 'one@shop.example'", (counted("two@shop.example"),))
    instance.start()
    assert rcpt(instance, "one@shop.example").startswith(b"451 4.3.5 The aliases behind this address lead to nobody")


def test_too_many_mailboxes(instance):
    """Over 1,000 of them behind a few forward-paths; what was taken before stays, and so does the transaction."""
    instance.account_add(ANN)
    instance.stop()
    with rows(instance) as database:
        (first,) = database.execute("SELECT max(account_id) FROM account").fetchone()
        names = [f"m{n}@shop.example" for n in range(1001)]
        for n, name in enumerate(names, first + 1):
            database.execute("INSERT INTO account SELECT ?, ?, '', password, 0, 0, 0, created_ms FROM account "
                             "WHERE address = ?", (n, name, ANN))
            database.execute("INSERT INTO mailbox SELECT ?, mailbox_id, name, uidvalidity, 1, 1, 0, 0 FROM mailbox "
                             "WHERE account_id = ?", (n, first))
        database.execute("INSERT INTO alias VALUES ('all@shop.example', 0, ?)", (counted(*names[:1000]),))
        database.execute("UPDATE batch SET next_account_id = ?", (first + 1002,))
    instance.start()
    with instance.smtp() as smtp:
        smtp.command(b"MAIL FROM:<>", 250)
        smtp.command(b"RCPT TO:<all@shop.example>", 250)
        late = smtp.command(b"RCPT TO:<m1000@shop.example>")[-1]
        assert late.startswith(b"452 4.5.3 Too many mailboxes for one message")
        smtp.command(b"DATA", 354)
        smtp.send(b"Subject: x\r\n.\r\n")
        smtp.reply(250)
        smtp.deliver("", ["m1000@shop.example"], b"Subject: y\r\n")
        smtp.quit()
    assert instance.json("account", "show", "m999@shop.example")["messages"] == 1


def test_a_mailbox_without_uids(instance):
    """A UID is never given twice: after the last one nothing can be delivered any more (RFC 9051 §2.3.1.1)."""
    instance.account_add(ANN)
    instance.stop()
    with rows(instance) as database:
        database.execute("UPDATE mailbox SET uidnext = ?", (2**32 - 1,))
    instance.start()
    with instance.smtp() as smtp:
        smtp.command(b"MAIL FROM:<>", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.command(b"DATA", 354)
        smtp.send(b"Subject: x\r\n.\r\n")
        assert smtp.reply()[-1].startswith(b"552 5.3.4 The message is over a limit of this server: the mailbox has used up")
        smtp.quit()


def test_a_maildrop_too_large_to_open(make_instance):
    """All open maildrops share limits.mailbox_views, 16 octets a message; the next login may find room."""
    server = make_instance()
    limits(server, mailbox_views='"1M"')
    server.start()
    server.account_add(ANN)
    with server.smtp() as smtp:
        smtp.deliver("", [ANN], b"Subject: x\r\n\r\n")
    server.stop()
    with rows(server) as database:
        database.execute("INSERT INTO message WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 65537) "
                         "SELECT account_id, mailbox_id, i, content_id, modseq, flags, received_ms, size, prefix_at, "
                         "prefix_size FROM message, n")
        database.execute("UPDATE mailbox SET messages = 65537, octets = 65537 * octets, uidnext = 65538")
    server.start()
    with clients.Pop3(server.address("pop3")) as pop3:
        pop3.command(b"USER ann@shop.example")
        pop3.send(b"PASS correct horse battery\r\n")
        assert pop3.line().startswith(b"-ERR [SYS/TEMP] Too many mailboxes are open for one as large as this")


def test_a_damaged_message(instance):
    """It is said to be damaged, and the others are read."""
    instance.account_add(ANN)
    with instance.smtp() as smtp:
        smtp.deliver("one@far.example", [ANN], b"Subject: x\r\n\r\n")
        smtp.deliver("two@far.example", [ANN], b"Subject: y\r\n\r\n")
    instance.stop()
    with rows(instance) as database:
        (place,) = database.execute("SELECT min(offset) FROM content").fetchone()
    with open(max((instance.dir / "data" / "segments").iterdir()), "r+b") as segment:
        segment.seek(place)
        segment.write(b"????")
    instance.start()
    with instance.pop3(ANN) as pop3:
        pop3.send(b"RETR 1\r\n")
        assert pop3.line().startswith(b"-ERR [SYS/PERM] This message is damaged here")
        assert pop3.retr(2).endswith(b"Subject: y\r\n\r\n")


def test_a_password_that_can_not_be_checked(instance):
    """A verifier that is damaged here is nobody's fault at the other end: the same password again, later."""
    instance.account_add(ANN)
    instance.stop()
    with rows(instance) as database:
        database.execute("UPDATE account SET password = '$argon2id$damaged'")
    instance.start()
    with clients.Pop3(instance.address("pop3")) as pop3:
        pop3.command(b"USER ann@shop.example")
        pop3.send(b"PASS correct horse battery\r\n")
        assert pop3.line().startswith(b"-ERR [SYS/TEMP] This login could not be checked now")
    with clients.Smtp(instance.address("submission")) as smtp:
        login = base64.b64encode(b"\0ann@shop.example\0correct horse battery")
        assert smtp.command(b"AUTH PLAIN " + login)[-1].startswith(b"454 4.7.0 The password can't be checked at present")


# From within data/run: who owns the connection is whoever connects, and its parents may be closed to them.
AS_SOMEBODY = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
s.connect("submit.sock")
s.sendall(b"EHLO x\\r\\nMAIL FROM:<ann@shop.example>\\r\\nQUIT\\r\\n") if sys.argv[2] == "1" else None
while part := s.recv(4096):
    os.write(1, part)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_logins_of_the_machine(instance):
    def said_to(uid):
        argv = [sys.executable, "-c", AS_SOMEBODY, str(instance.dir / "data" / "run"), str(uid)]
        return subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout.splitlines()

    instance.account_add(ANN)
    (line,) = said_to(54321)
    assert line.startswith(b"550 5.7.1 mail.shop.example has nobody of the uid that you run as")
    assert any(line.startswith(b"550 5.7.1 This login may not send as ann@shop.example; [submit] allow") for line in said_to(1))
