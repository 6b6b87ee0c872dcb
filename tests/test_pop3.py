"""POP3 end to end: messages in by SMTP and out again octet for octet, what DELE, QUIT and a lost connection do, and the
programs that people collect their mail with."""

import errno
import hashlib
import os
import poplib
import random
import shutil
import socket
import subprocess
import threading
import time

import pytest

import clients
from faults import SYNC, Faults
from instance import PASSWORD

ANN = "ann@shop.example"
FAR = "far@client.example"

MESSAGES = {
    "plain": b"From: far@client.example\r\nSubject: plain\r\n\r\nHello.\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.text\r\nin. the .middle.\r\n.\r\n",
    "first line is a dot": b".\r\nno header at all\r\n",
    "no body": b"Subject: no body\r\n\r\n",
    "no end of header": b"Subject: only header\r\n",
    "one empty line": b"\r\n",
    "8 bit": "Subject: Grüße\r\n\r\n€ 5, ½, \xff\r\n".encode("utf-8") + bytes(range(128, 256)) + b"\r\n",
    "long line": b"Subject: long\r\n\r\n" + b"x" * 200000 + b"\r\n." + b"y" * 70000 + b"\r\n",
    "empty lines at the end": b"Subject: empty lines\r\n\r\ntext\r\n\r\n\r\n\r\n",
    "a record's most": b"Subject: 256 KB\r\n\r\n" + b".abcdefghijkl\r\n" * (262144 // 16 - 2),
    "a file's least": b"Subject: over 256 KB\r\n\r\n" + b".abcdefghijklm\r\n" * (262144 // 16 + 1),
}


@pytest.fixture
def ann(instance):
    instance.account_add(ANN)
    return instance


def content_of(message):
    """What is below Return-Path, Delivered-To and our Received with its folded lines."""
    lines, received = 0, False
    while True:
        end = message.index(b"\r\n", lines) + 2
        line = message[lines:end]
        lines = end
        if line.startswith(b"Received: from "):
            received = True
        elif not received:
            assert line.startswith((b"Return-Path: <", b"Delivered-To: ")), line
        if received and message[lines:lines + 1] != b"\t":
            return message[lines:]


def deliver_many(one, count, address=ANN, size=100, per_connection=1000):
    """`count` messages, each with its number, as fast as it goes: all commands of a connection at once."""
    for begin in range(0, count, per_connection):
        with one.smtp(timeout=120) as c:
            wanted = min(per_connection, count - begin)

            def speak(c=c, begin=begin, wanted=wanted):
                for n in range(begin + 1, begin + wanted + 1):
                    c.send(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (FAR.encode(), address.encode())
                           + numbered(n, size) + b".\r\n")

            speaker = threading.Thread(target=speak)
            speaker.start()
            for _ in range(wanted):
                for want in (250, 250, 354, 250):
                    c.reply(want)
            speaker.join()


def numbered(n, size=100):
    return (b"Subject: number %d\r\n\r\n" % n).ljust(size - 2, b"z") + b"\r\n"


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


def test_30_mb(ann):
    line = random.Random(30).randbytes(54).hex().encode() + b"\r\n"
    message = b"Subject: large\r\n\r\n" + (line + b"." + line) * (30 * 1024 * 1024 // (2 * len(line) + 1))
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
    deleted = ann.events("message.deleted")
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
                assert b"deleted meanwhile" in refused.reply
        with pytest.raises(clients.Refused, match="deleted meanwhile"):
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


def test_wrong_passwords_take_longer_each_time(ann):
    waited = []
    with clients.Pop3(ann.address("pop3")) as p:
        for user in (ANN, "nobody@shop.example", ANN):
            begin = time.monotonic()
            with pytest.raises(clients.Refused, match=r"-ERR \[AUTH\] Address or password is wrong"):
                p.login(user, "wrong")
            waited.append(time.monotonic() - begin)
        assert p.socket.recv(100) == b""
    assert waited[0] >= .9 and waited[1] >= 1.8 and waited[2] >= 3.6
    failed = ann.events("auth.failed")
    assert [event["account"] for event in failed] == [ANN, "nobody@shop.example", ANN]
    assert all(event["remote_ip"] == "127.0.0.1" and event["service"] == "pop3" for event in failed)
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
        assert b"USER" not in p.block().split()
        for line in (b"USER " + ANN.encode(), b"PASS " + PASSWORD.encode()):
            with pytest.raises(clients.Refused, match="over TLS only"):
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


# -- the programs that people use ----------------------------------------------------------------------------


def needs(program):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not installed: make deps")
    return path


def run(argv, home, stdin=None):
    env = dict(os.environ, HOME=str(home), FETCHMAILHOME=str(home), LC_ALL="C")
    done = subprocess.run([str(a) for a in argv], cwd=home, env=env, input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout[-2000:].decode()}\n{done.stderr[-2000:].decode()}"
    return done.stdout


# What these programs write has LF line ends, so that long lines and bare octets are told apart by none of them.
FOR_CLIENTS = [MESSAGES["plain"], MESSAGES["dots"], MESSAGES["empty lines at the end"], MESSAGES["8 bit"],
               b"From: a@client.example\r\nSubject: many\r\n\r\n" + b"a line of text.\r\n.another\r\n" * 2000]


@pytest.fixture
def filled(ann, tmp_path):
    with ann.smtp() as c:
        for message in FOR_CLIENTS:
            c.deliver(FAR, [ANN], message)
    home = tmp_path / "home"
    (home / "new").mkdir(parents=True)
    taker = home / "take"  # the delivery program of those that want one
    taker.write_text(f"#!/bin/sh\nexec cat > {home}/new/$(ls {home}/new | wc -l)\n")
    taker.chmod(0o700)
    return ann, home


def stored_by(maildir):
    """The contents that a program put into a maildir, below the fields that it and we added, line ends CRLF."""
    found = []
    for path in (maildir / "new").iterdir():
        octets = path.read_bytes().replace(b"\n", b"\r\n")
        found.append(content_of(octets[octets.index(b"Received: from client.example "):]))
    return found


def test_poplib(filled):
    one, _ = filled
    p = poplib.POP3(*one.address("pop3"))
    assert {"UIDL", "PIPELINING", "USER"} <= set(p.capa())
    p.user(ANN)
    p.pass_(PASSWORD)
    assert p.stat()[0] == len(FOR_CLIENTS)
    assert len(p.list()[1]) == len(p.uidl()[1]) == len(FOR_CLIENTS)
    poplib._MAXLINE = 1 << 20
    for number, message in enumerate(FOR_CLIENTS, 1):
        assert content_of(b"\r\n".join(p.retr(number)[1]) + b"\r\n") == message
        p.dele(number)
    p.rset()
    p.noop()
    p.dele(1)
    p.quit()
    with one.pop3(ANN) as p:
        assert p.stat()[0] == len(FOR_CLIENTS) - 1
        p.quit()


def test_curl(filled):
    curl = needs("curl")
    one, home = filled
    url = "pop3://127.0.0.1:%d/" % one.address("pop3")[1]
    login = ["-sS", "--user", f"{ANN}:{PASSWORD}"]
    assert len(run([curl, *login, url], home).splitlines()) == len(FOR_CLIENTS)
    for number, message in enumerate(FOR_CLIENTS, 1):
        assert content_of(run([curl, *login, f"{url}{number}"], home)) == message
    run([curl, *login, f"{url}1", "--request", "DELE", "--list-only"], home)
    with one.pop3(ANN) as p:
        assert p.stat()[0] == len(FOR_CLIENTS) - 1
        p.quit()


def test_fetchmail(filled):
    """With fetchall, since without it fetchmail reads headers by TOP, which is not offered."""
    fetchmail = needs("fetchmail")
    one, home = filled
    rc = home / "rc"
    rc.write_text(f"""poll 127.0.0.1 service {one.address("pop3")[1]} protocol pop3 uidl auth password
        user "{ANN}" password "{PASSWORD}" sslproto "" keep fetchall no rewrite mda "{home}/take"
        """)
    rc.chmod(0o600)
    run([fetchmail, "-f", rc, "--nosyslog", "--pidfile", home / "pid"], home)
    assert len(list((home / "new").iterdir())) == len(FOR_CLIENTS)
    assert sorted(stored_by(home)) == sorted(FOR_CLIENTS)
    deliver_many(one, 1)
    rc.write_text(rc.read_text().replace("keep", "nokeep"))
    run([fetchmail, "-f", rc, "--nosyslog", "--pidfile", home / "pid"], home)
    with one.pop3(ANN) as p:
        assert p.stat()[0] == 0
        p.quit()


def test_mpop(filled):
    mpop = needs("mpop")
    one, home = filled
    for name in ("cur", "new", "tmp"):
        (home / "mail" / name).mkdir(parents=True)
    run([mpop, "--host=127.0.0.1", f"--port={one.address('pop3')[1]}", f"--user={ANN}", "--auth=user", "--tls=off",
         f"--passwordeval=echo {PASSWORD}", "--keep=on", "--received-header=off", "--pipelining=on",
         f"--delivery=maildir,{home}/mail", f"--uidls-file={home}/uidls"], home)
    assert sorted(stored_by(home / "mail")) == sorted(FOR_CLIENTS)
    run([mpop, "--host=127.0.0.1", f"--port={one.address('pop3')[1]}", f"--user={ANN}", "--auth=user", "--tls=off",
         f"--passwordeval=echo {PASSWORD}", "--keep=off", "--received-header=off", "--pipelining=auto",
         f"--delivery=maildir,{home}/mail", f"--uidls-file={home}/uidls"], home)
    assert len(list((home / "mail" / "new").iterdir())) == len(FOR_CLIENTS)  # known by their UIDL
    with one.pop3(ANN) as p:
        assert p.stat()[0] == 0
        p.quit()


def test_getmail(filled):
    getmail = needs("getmail")
    one, home = filled
    (home / "getmailrc").write_text(f"""[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = {one.address("pop3")[1]}
username = {ANN}
password = {PASSWORD}
[destination]
type = MDA_external
path = {home}/take
unixfrom = false
allow_root_commands = true
[options]
delete = true
delivered_to = false
received = false
""")
    run([getmail, f"--getmaildir={home}", "--rcfile=getmailrc"], home)
    assert len(list((home / "new").iterdir())) == len(FOR_CLIENTS)
    assert sorted(stored_by(home)) == sorted(FOR_CLIENTS)
    with one.pop3(ANN) as p:
        assert p.stat()[0] == 0
        p.quit()
