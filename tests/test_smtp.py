"""Mail in by SMTP, read again by POP3: what was delivered to whom, octet for octet, and what was not."""

import array
import fcntl
import os
import pathlib
import random
import re
import select
import signal
import socket
import termios
import threading
import time

import clients

TRACE = re.compile(
    rb"Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n"
    rb"\tby mail\.shop\.example \(postrider\) with ESMTP id ([0-9A-Z]+)(?:\r\n\tfor <([^>]+)>)?;\r\n"
    rb"\t\w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n")
PREFIX = re.compile(rb"Return-Path: <(.*)>\r\nDelivered-To: (.*)\r\n")


def parts(message):
    """(reverse-path, delivered-to, id, for, content as it was sent)"""
    prefix = PREFIX.match(message)
    assert prefix, message[:300]
    trace = TRACE.match(message, prefix.end())
    assert trace, message[:600]
    return prefix[1], prefix[2], trace[1], trace[2], message[trace.end():]


def mailbox(server, user):
    with server.pop3(user) as pop3:
        return [pop3.retr(number) for number in range(1, pop3.stat()[0] + 1)]


def limits(server, **keys):
    text = server.config.read_text()
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    server.config.write_text(text.replace("[limits]\n", "[limits]\n" + lines))


def random_message(rng):
    """Lines with every octet but CR, LF and NUL, long and short, many with dots in front."""
    octets = bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"")
    lines = [b"Subject: random", b""]
    for _ in range(rng.randrange(60)):
        line = bytes(rng.choices(octets, k=rng.choice([0, 1, 2, 70, 998, 5000])))
        lines.append(b"." * rng.choice([0, 0, 0, 1, 2]) + line)
    return b"\r\n".join(lines) + b"\r\n"


def test_delivered_as_sent(instance):
    """Return-Path and Delivered-To for each, one Received, `for` only where there is one recipient."""
    for name in ("ann", "bob"):
        instance.account_add(f"{name}@shop.example")
    instance.cli("alias", "add", "info@shop.example", "ann@shop.example", "bob@shop.example")
    message = b"Subject: x\r\n\r\n.dot\r\n..\r\n\xff\r\n"
    with instance.smtp() as smtp:
        smtp.deliver("me@far.example", ["Ann+Books@shop.example"], message)
        smtp.deliver("", ["info@shop.example", "ann@shop.example"], message)
        smtp.quit()
    one, two = map(parts, mailbox(instance, "ann@shop.example"))
    assert one[:2] == (b"me@far.example", b"ann+books@shop.example")
    assert one[3:] == (b"Ann+Books@shop.example", message)
    assert two[:2] == (b"", b"ann@shop.example") and two[3:] == (None, message)
    (other,) = map(parts, mailbox(instance, "bob@shop.example"))
    assert other[:2] == (b"", b"bob@shop.example") and other[2:] == two[2:]


def test_closed_list_of_changes(instance):
    """A Return-Path on top goes, an Authentication-Results of our name goes, nothing else."""
    instance.account_add("ann@shop.example")
    kept = (b"Authentication-Results: other.example; spf=pass\r\nReturn-Path: <late@x>\r\nX: y\r\n\r\n"
            b"Return-Path: <body@x>\r\nAuthentication-Results: mail.shop.example; spf=pass\r\n")
    with instance.smtp() as smtp:
        smtp.deliver("me@far.example", ["ann@shop.example"],
                     b"Return-Path: <forged@x>\r\n (folded)\r\n"
                     b"Authentication-Results: mail.shop.example;\r\n\tspf=pass\r\n" + kept)
    (got,) = map(parts, mailbox(instance, "ann@shop.example"))
    assert got[4] == kept


def test_random_messages_in_random_pieces(instance):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    instance.account_add("ann@shop.example")
    sent = []
    with instance.smtp() as smtp:
        for _ in range(60):
            message = random_message(rng)
            wire = b"MAIL FROM:<>\r\nRCPT TO:<ann@shop.example>\r\nDATA\r\n" + clients.dot_stuffed(message)
            while wire:
                size = rng.choice([1, 2, 3, 100, 5000, 100000])
                smtp.send(wire[:size])
                wire = wire[size:]
            for code in (250, 250, 354, 250):
                smtp.reply(code)
            sent.append(message)
        smtp.quit()
    assert [parts(got)[4] for got in mailbox(instance, "ann@shop.example")] == sent


def test_big_message(instance):
    """Larger than a record and than the memory of one message: by way of the spool, which is empty after."""
    instance.account_add("ann@shop.example")
    instance.account_add("bob@shop.example")
    rng = random.Random(7)
    line = bytes(rng.choices(range(33, 127), k=20000))
    message = b"Subject: big\r\n\r\n" + b"".join(line[at:at + 76] + b"\r\n" for at in range(0, 19000, 3)) * 40
    assert 19_000_000 < len(message) < 50_000_000
    with instance.smtp(timeout=120) as smtp:
        smtp.deliver("me@far.example", ["ann@shop.example", "bob@shop.example"], message)
        smtp.deliver("me@far.example", ["ann@shop.example"], b"Subject: after\r\n\r\n")
    got = mailbox(instance, "ann@shop.example")
    assert parts(got[0])[4] == message and parts(got[1])[4] == b"Subject: after\r\n\r\n"
    assert parts(mailbox(instance, "bob@shop.example")[0])[4] == message
    assert os.listdir(instance.dir / "data" / "spool") == []


def test_lost_connections(instance):
    """A client that goes away before the final dot has sent nothing, wherever it goes; the spool is emptied."""
    instance.account_add("ann@shop.example")
    start = b"MAIL FROM:<>\r\nRCPT TO:<ann@shop.example>\r\nDATA\r\n"
    big = b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 60000
    for said in (b"MAIL FROM:<>\r\n", start[:-6], start, start + b"Subject: x\r\n", start + big, start + big + b".",
                 start + big + b".\r"):
        with instance.smtp() as smtp:
            smtp.send(said)
    with instance.smtp() as smtp:
        smtp.deliver("", ["ann@shop.example"], b"Subject: alive\r\n\r\n")
    assert [parts(got)[4] for got in mailbox(instance, "ann@shop.example")] == [b"Subject: alive\r\n\r\n"]
    deadline = time.monotonic() + 20
    while os.listdir(instance.dir / "data" / "spool"):
        assert time.monotonic() < deadline, os.listdir(instance.dir / "data" / "spool")
        time.sleep(0.05)


def test_gone_after_the_dot(instance):
    """Who does not wait for the reply has sent the message all the same, once."""
    instance.account_add("ann@shop.example")
    wire = b"MAIL FROM:<>\r\nRCPT TO:<ann@shop.example>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"
    for _ in range(20):
        with instance.smtp() as smtp:
            smtp.send(wire)
            smtp.reply(250)
            smtp.reply(250)
            smtp.reply(354)
    deadline = time.monotonic() + 20
    while len(mailbox(instance, "ann@shop.example")) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with instance.smtp() as smtp:
        smtp.quit()
    assert len(mailbox(instance, "ann@shop.example")) == 20


def test_many_at_once(instance):
    """40 clients, each with 10 messages to a mailbox of its own and one shared by all."""
    shared = instance.account_add("all@shop.example")
    users = [instance.account_add(f"user{n}@shop.example") for n in range(8)]
    failed = []

    def client(n):
        try:
            with instance.smtp() as smtp:
                for i in range(10):
                    smtp.deliver("me@far.example", [users[n % 8], shared], b"Subject: %d.%d\r\n\r\n" % (n, i))
                smtp.quit()
        except Exception as error:  # pylint: disable=broad-except
            failed.append(error)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    want = sorted(b"Subject: %d.%d\r\n\r\n" % (n, i) for n in range(40) for i in range(10))
    assert sorted(parts(got)[4] for got in mailbox(instance, shared)) == want
    assert sorted(parts(got)[4] for user in users for got in mailbox(instance, user)) == want


def test_early_talk_before_the_greeting_was_sent(instance):
    """554 in place of the greeting; then nothing but QUIT (RFC 5321 §3.1). LMTP's clients may."""
    pid = instance.server_pid()
    os.kill(pid, signal.SIGSTOP)
    while any(re.search(r"State:\s+[^T\s]", pathlib.Path(task, "status").read_text())
              for task in pathlib.Path(f"/proc/{pid}/task").iterdir()):
        time.sleep(0.001)
    try:
        early = clients.Lines(instance.address("smtp"))
        early.send(b"EHLO client.example\r\n")
        patient = clients.Lines(instance.address("smtp"))
        lmtp = clients.Lines(instance.address("lmtp"))
        lmtp.send(b"LHLO client.example\r\n")
    finally:
        os.kill(pid, signal.SIGCONT)
    with early, patient, lmtp:
        assert early.line().startswith(b"554 5.5.1 You spoke before you were greeted")
        early.send(b"MAIL FROM:<>\r\nRSET\r\nQUIT\r\n")
        assert [early.line() for _ in range(3)] == [b"503 5.5.1 This connection was refused; say QUIT"] * 3
        assert early.line() == b"221 2.0.0 Bye"
        assert early.socket.recv(1) == b""
        assert patient.line().startswith(b"220 ")
        patient.send(b"EHLO client.example\r\n")
        assert patient.line().startswith(b"250-")
        assert lmtp.line().startswith(b"220 ") and lmtp.line().startswith(b"250-")


def waiting(s):
    """Octets that have come and were not read."""
    count = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, count)
    return count[0]


def test_early_talk_before_the_greeting_arrived(make_instance):
    """Told by what is not acknowledged yet; on a Unix socket that is what was not read, so no network has to be slow."""
    server = make_instance()
    path = str(server.dir / "smtp.sock")
    text = server.config.read_text()
    server.config.write_text(text.replace("\nsmtp = [", f'\nsmtp = ["unix:{path}", ', 1))
    server.start()
    for patient in (False, True):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(path)
            select.select([s], [], [], 30)  # the greeting is there
            if patient:
                assert s.recv(4096).startswith(b"220 ")
            greeting = waiting(s)
            s.sendall(b"EHLO client.example\r\n")
            while waiting(s) == greeting:  # reading would be receiving the greeting
                time.sleep(0.001)
            assert (b"\r\n554 5.5.1 " in s.recv(4096)) == (not patient)


def test_time_out(make_instance):
    server = make_instance()
    limits(server, smtp_idle_s=1)
    server.start()
    server.account_add("ann@shop.example")
    with server.smtp() as smtp:
        assert smtp.line().startswith(b"421 4.4.2 ")
        assert smtp.socket.recv(1) == b""
    with server.smtp() as smtp:  # within DATA too
        smtp.command(b"MAIL FROM:<>", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.command(b"DATA", 354)
        for _ in range(6):  # slow is not silent
            time.sleep(0.4)
            smtp.send(b"x")
        assert smtp.line().startswith(b"421 4.4.2 ")


def test_shutdown(instance):
    """Idle clients hear 421; who is sending a message may end it, has its 250, then hears it too."""
    instance.account_add("ann@shop.example")
    with instance.smtp() as idle, instance.smtp() as busy:
        busy.command(b"MAIL FROM:<>", 250)
        busy.command(b"RCPT TO:<ann@shop.example>", 250)
        busy.command(b"DATA", 354)
        busy.send(b"Subject: last\r\n")
        instance.process.send_signal(signal.SIGTERM)
        assert idle.line().startswith(b"421 4.3.2 ")
        assert idle.socket.recv(1) == b""
        busy.send(b"\r\n.\r\n")
        assert busy.line().startswith(b"250 2.0.0 ")
        assert busy.line().startswith(b"421 4.3.2 ")
        assert busy.socket.recv(1) == b""
    instance.process.wait(60)
    instance.process = None
    instance.start()
    assert len(mailbox(instance, "ann@shop.example")) == 1


def test_trace(instance):
    """What happened is found by id, Message-ID and each address, also the last of a long list."""
    instance.account_add("ann@shop.example")
    paths = [f"ann+{'x' * 40}{n}@shop.example" for n in range(300)]
    with instance.smtp() as smtp:
        reply = smtp.deliver("me@far.example", paths, b"Message-ID: <7@far.example>\r\n\r\n")
        smtp.command(b"MAIL FROM:<me@far.example>", 250)
        smtp.command(b"RCPT TO:<nobody@shop.example>", 550)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.command(b"DATA", 354)
        smtp.send(b"bare\n\r\n.\r\n")
        smtp.reply(554)
        smtp.quit()
    name = reply.split()[-1].decode()

    def trace(what):
        deadline = time.monotonic() + 20
        while True:
            found = instance.json_lines("trace", what, code=None)
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    assert {event["event"] for event in trace(name)} == {"message.accepted"}
    assert {event["queue_id"] for event in trace("<7@far.example>")} == {name}
    assert trace(paths[0]) and trace(paths[299])
    (refused,) = (e for e in trace("nobody@shop.example") if e["event"] == "recipient.rejected")
    assert refused["reply"].startswith("550 5.1.1 ")
    told = [event["event"] for event in trace("me@far.example")]
    assert "message.rejected" in told and told.count("recipient.rejected") == 1
    (event,) = (e for e in instance.events("message.accepted") if e["message_id"] == "<7@far.example>"
                and paths[0] in e["forward_paths"])
    assert event["accounts"] == ["ann@shop.example"] and event["remote_ip"] == "127.0.0.1"
    assert event["helo"] == "client.example" and event["reverse_path"] == "me@far.example"



def memory(pid):
    text = open(f"/proc/{pid}/status", encoding="ascii").read()
    return {key: int(re.search(rf"{key}:\s+(\d+) kB", text)[1]) for key in ("VmHWM", "VmRSS")}


def memory_anew(pid):
    """VmHWM begins anew at what is given."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as refs:
        refs.write("5")
    return memory(pid)["VmRSS"]


def test_huge_message_in_little_memory(make_instance):
    """A message of 1 GB (POSTRIDER_SOAK; 200 MB without) passes in LIMIT_MESSAGE_MEMORY, 512 KB, both ways."""
    megabytes = 1024 if os.environ.get("POSTRIDER_SOAK") else 200
    server = make_instance()
    limits(server, message_size='"1100M"')
    server.start()
    server.account_add("ann@shop.example")
    piece = (b"0123456789abcdef" * 4 + b"\r\n") * 15888  # 1,048,608 octets
    with server.smtp(timeout=120) as smtp:
        smtp.deliver("", ["ann@shop.example"], piece * 3)  # buffers and threads are there now
        pid = server.server_pid()
        before = memory_anew(pid)
        smtp.command(b"MAIL FROM:<>", 250)
        smtp.command(b"RCPT TO:<ann@shop.example>", 250)
        smtp.command(b"DATA", 354)
        for _ in range(megabytes):
            smtp.send(piece)
        smtp.send(b".\r\n")
        smtp.reply(250)
    grown = memory(pid)["VmHWM"] - before
    print(f"{megabytes} MB in: {grown} KB more than before")
    if "san" not in server.binary.parent.name:  # a sanitizer's own memory grows
        assert grown <= 1024
    with server.pop3("ann@shop.example", timeout=120) as pop3:
        size = pop3.list()[2]
        before = memory_anew(pid)
        pop3.command(b"RETR 2")
        got, tail = 0, b""
        while True:
            got += len(pop3.pending)
            tail = (tail + bytes(pop3.pending[-5:]))[-5:]
            if tail == b"\r\n.\r\n":
                break
            pop3.pending.clear()
            pop3.fill()
        assert got - 3 == size >= megabytes * len(piece)
    grown = memory(pid)["VmHWM"] - before
    print(f"{megabytes} MB out: {grown} KB more than before")
    if "san" not in server.binary.parent.name:
        assert grown <= 1024
