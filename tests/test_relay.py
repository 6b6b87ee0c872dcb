"""Mail for other servers: who may send it, what waits in the queue with which reverse-path, and that it waits whatever
happens. Sending is stopped all the time (`queue freeze`), so that what waits can be looked at."""

import datetime
import re

import pytest

import clients
from instance import PASSWORD
from test_submission import Submission, mailbox, setting

ANN, BOB = "ann@shop.example", "bob@shop.example"
MESSAGE = b"From: ann@shop.example\r\nTo: far@far.example\r\nSubject: hello\r\n\r\nbody\r\n"


def prepare(one):
    one.cli("queue", "freeze")
    one.account_add(ANN)
    one.account_add(BOB)
    one.cli("alias", "add", "away@shop.example", "Ann@Far.example")
    one.cli("alias", "add", "both@shop.example", "bob@shop.example", "ann@far.example", "cy@near.example")
    one.cli("domain", "add", "second.example")
    one.cli("alias", "add", "@second.example", "all@far.example")
    return one


@pytest.fixture
def server(make_instance):
    one = prepare(make_instance())
    one.start()
    return one


def waiting(one):
    return [(row["reverse_path"], row["forward_path"]) for row in one.json_lines("queue", "list")]


def send(smtp, reverse_path, forward_paths, message=MESSAGE, mail="", rcpt=""):
    """The reply to the whole message; `mail` and `rcpt` are parameters."""
    smtp.command(b"MAIL FROM:<%s>%s" % (reverse_path.encode(), mail.encode()), 250)
    for path in forward_paths:
        smtp.command(b"RCPT TO:<%s>%s" % (path.encode(), rcpt.encode()), 250)
    smtp.command(b"DATA", 354)
    smtp.send(clients.dot_stuffed(message))
    return smtp.reply(250)[-1]


def srs(row):
    """Is that a reverse-path that we made for bob@e.example at that domain?"""
    return re.fullmatch(r"SRS0=[A-Z2-7]{6}=[A-Z2-7]{2}=e\.example=Bob@([a-z.]+)", row[0])


# -- who may ----------------------------------------------------------------------------------------------------


def test_submission(server):
    """A login sends anywhere; what waits says who, from where and to whom, in the form that RCPT takes."""
    with Submission(server, login=ANN) as smtp:
        reply = send(smtp, ANN, ["Far.Away@FAR.example", "ann@[192.0.2.1]", '"a b"@far.example', '"plain"@far.example'])
    match = re.fullmatch(rb"250 2\.0\.0 Ok, queued as ([0-9A-Z]+)", reply)
    rows = server.json_lines("queue", "list")
    assert [row["forward_path"] for row in rows] == ["Far.Away@far.example", "ann@[192.0.2.1]", '"a b"@far.example', "plain@far.example"]
    for row in rows:
        assert row["reverse_path"] == ANN and row["lane"] == "transactional" and row["attempts"] == 0
        assert row["id"].startswith(match[1].decode()) and row["message_id"].endswith("@mail.shop.example>")
    shown = server.json("queue", "show", rows[0]["id"])
    assert shown["login"] == ANN and shown["subject"] == "hello" and shown["queue_id"] == match[1].decode()
    assert "with ESMTPA" in shown["header"]


def test_relay_is_denied(server):
    """From port 25 nobody reaches another server, whatever form the address has and whoever he says he is."""
    forms = ["far@far.example", "@shop.example:far@far.example", "far@[192.0.2.1]", "far@mail.shop.example", "far@sub.shop.example",
             "SRS0=AAAAAA=AA=e.example=x@far.example"]
    for reverse_path in (ANN, "", "bob@e.example", "root@mail.shop.example"):
        with server.smtp() as smtp:
            smtp.command(b"MAIL FROM:<%s>" % reverse_path.encode(), 250)
            for form in forms:
                assert smtp.command(b"RCPT TO:<%s>" % form.encode())[-1].startswith(b"550 5.7.1 "), form
            for form in ('"far@far.example"@shop.example', "far%far.example@shop.example", "far.example!far@shop.example"):
                assert smtp.command(b"RCPT TO:<%s>" % form.encode())[-1].startswith(b"550 5.1.1 "), form
    assert waiting(server) == []


def test_relay_from(make_instance):
    """Peers of network.relay_from send anywhere from any port of SMTP; by LMTP nobody does."""
    one = make_instance()
    setting(one, "network", 'relay_from = ["127.0.0.0/8"]')
    prepare(one)
    one.start()
    with one.smtp() as smtp:
        send(smtp, "any@e.example", ["far@far.example"])
    with Submission(one) as smtp:
        send(smtp, "any@e.example", ["far2@far.example"])
    with clients.Lines(one.address("lmtp")) as lines:
        lines.line()
        lines.send(b"LHLO x\r\nMAIL FROM:<any@e.example>\r\nRCPT TO:<far@far.example>\r\n")
        line = b""
        while not line.startswith(b"550 "):
            line = lines.line()
        assert line.startswith(b"550 5.7.1 ")
    assert waiting(one) == [("any@e.example", "far@far.example"), ("any@e.example", "far2@far.example")]


# -- forwards ---------------------------------------------------------------------------------------------------


def test_an_alias_to_elsewhere(server):
    """From port 25, with a reverse-path at the alias's own domain; the message itself is as it came."""
    with server.smtp() as smtp:
        send(smtp, "Bob@e.example", ["away@shop.example", "anything@second.example", "both@shop.example"])
    rows = waiting(server)
    assert [row[1] for row in rows] == ["ann@far.example", "all@far.example", "cy@near.example"]
    assert [srs(row)[1] for row in rows] == ["shop.example", "second.example", "shop.example"]
    shown = server.json("queue", "show", server.json_lines("queue", "list")[0]["id"])
    assert shown["login"] is None
    assert "From: ann@shop.example" in shown["header"] and "for <" not in shown["header"]
    (kept,) = mailbox(server, BOB)
    assert kept.endswith(MESSAGE) and b"Return-Path: <Bob@e.example>" in kept


@pytest.mark.parametrize("reverse_path", ["", ANN, "x" * 50 + "@bounces.example"])
def test_reverse_paths_that_stay(server, reverse_path):
    with server.smtp() as smtp:
        send(smtp, reverse_path, ["away@shop.example"])
    assert waiting(server) == [(reverse_path, "ann@far.example")]


def test_a_bounce_finds_its_way_back(server):
    """To the reverse-path of a forward: to whom that came from; after a restart too. A forged one is refused."""
    with server.smtp() as smtp:
        send(smtp, "Bob@e.example", ["away@shop.example"])
    [(address, _)] = waiting(server)
    server.stop()
    server.start()
    with server.smtp() as smtp:
        send(smtp, "", [address])
        send(smtp, "postmaster@far.example", [address.lower()])
        smtp.command(b"MAIL FROM:<>", 250)
        local_part = address.partition("@")[0]
        for forged in (local_part.replace("Bob", "eve") + "@shop.example", local_part[:-1] + "@shop.example",
                       "SRS0=AAAAAA=" + local_part[12:] + "@shop.example"):
            assert smtp.command(b"RCPT TO:<%s>" % forged.encode())[-1].startswith(b"550 5.1.1 "), forged
    rows = waiting(server)
    assert rows[1] == ("", "Bob@e.example")
    assert rows[2][1] == "bob@e.example" and re.fullmatch(r"SRS0=.*=far\.example=postmaster@shop\.example", rows[2][0])


def test_a_ring_of_forwards(server):
    """What the other server's alias sends back is taken a few times, each time with one more Received of ours."""
    fields, turns = b"", 0
    while turns < 20:
        with server.smtp() as smtp:
            smtp.command(b"MAIL FROM:<bob@e.example>", 250)
            smtp.command(b"RCPT TO:<away@shop.example>", 250)
            smtp.command(b"DATA", 354)
            smtp.send(clients.dot_stuffed(fields + MESSAGE))
            reply = smtp.reply()[-1]
        if not reply.startswith(b"250 "):
            break
        turns += 1
        row = server.json_lines("queue", "list")[-1]
        header = server.json("queue", "show", row["id"])["header"].replace("\r\n", "\n").replace("\n", "\r\n").encode()
        fields = b"Received: from a.far.example by b.far.example\r\n" + header.partition(b"From: ann")[0]
    assert turns == 5 and reply.startswith(b"554 5.4.6 The message is going in circles: it has passed this server 5 times")


# -- all or none ------------------------------------------------------------------------------------------------


def test_a_copy_each(server):
    """Who is named in several ways gets one copy; mailboxes and rows come of one commit."""
    with Submission(server, login=ANN) as smtp:
        send(smtp, ANN, ["both@shop.example", "ann@far.example", "Ann@far.example", "cy@NEAR.example", BOB, "away@shop.example"])
    assert [row[1] for row in waiting(server)] == ["ann@far.example", "cy@near.example", "Ann@far.example"]
    assert len(mailbox(server, BOB)) == 1


def test_after_a_crash(server):
    """What was acknowledged is in the mailbox and in the queue when the server was killed right after."""
    with Submission(server, login=ANN) as smtp:
        send(smtp, ANN, [BOB, "far@far.example", "away@shop.example"])
        server.kill()
    server.start()
    assert waiting(server) == [(ANN, "far@far.example"), (ANN, "ann@far.example")]
    assert len(mailbox(server, BOB)) == 1
    server.stop()
    server.verify()


def test_neither_where_one_can_not_be(server):
    """A mailbox without room keeps the message from going anywhere else."""
    server.cli("account", "quota", BOB, "1K")
    with Submission(server, login=ANN) as smtp:
        smtp.command(b"MAIL FROM:<%s>" % ANN.encode(), 250)
        smtp.command(b"RCPT TO:<far@far.example>", 250)
        smtp.command(b"RCPT TO:<%s>" % BOB.encode(), 250)
        smtp.command(b"DATA", 354)
        smtp.send(clients.dot_stuffed(MESSAGE + b"x" * 2000 + b"\r\n"))
        assert smtp.reply()[-1].startswith(b"452 4.2.2 ")
    assert waiting(server) == [] and mailbox(server, BOB) == []


# -- what senders ask for ---------------------------------------------------------------------------------------


def shown(one, n=-1):
    return one.json("queue", "show", one.json_lines("queue", "list")[n]["id"])


def asked(message):
    return {r["forward_path"]: (r["notify"], r["orcpt"]) for r in message["recipients"]}


def seconds_between(first, last):
    first, last = (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (first, last))
    return (last - first).total_seconds()


def seconds(message, name):
    """From when it was received to a time of its envelope."""
    return seconds_between(message["received"], message["envelope"][name])


def test_notices_that_were_asked_for(server):
    """NOTIFY and ORCPT of each recipient, RET and ENVID; what an alias makes of them is RFC 3461 §5.2.7's."""
    with server.smtp() as smtp:
        smtp.command(b"MAIL FROM:<Bob@e.example> RET=HDRS ENVID=QQ+20314", 250)
        smtp.command(b"RCPT TO:<away@shop.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;First+2B@e.example", 250)
        smtp.command(b"RCPT TO:<x@second.example> NOTIFY=NEVER", 250)
        smtp.command(b"RCPT TO:<Both+x@Shop.example> NOTIFY=SUCCESS,DELAY", 250)
        smtp.command(b"DATA", 354)
        smtp.send(clients.dot_stuffed(MESSAGE))
        smtp.reply(250)
    assert waiting(server)[-1] == ("", "Bob@e.example")  # that Both was expanded
    message = shown(server, 0)
    # the first who named ann@far.example asked for SUCCESS and FAILURE, the other for DELAY
    assert asked(message) == {"ann@far.example": (["success", "failure", "delay"], "rfc822;First+@e.example"),
                              "all@far.example": (["never"], "rfc822;x@second.example"),
                              "cy@near.example": (["delay"], "rfc822;Both+x@Shop.example")}
    assert (message["envelope"]["ret"], message["envelope"]["envid"]) == ("headers", "QQ 314")
    assert message["envelope"]["forwarded"] is True


def test_nothing_was_asked_for(server):
    with Submission(server, login=ANN) as smtp:
        send(smtp, ANN, ["far@far.example"])
    message = shown(server)
    assert message["envelope"] == {"body": "7bit", "smtputf8": False, "forwarded": False, "envid": None, "ret": None, "priority": 0,
                                   "hold_until": None, "deliver_by": None, "by": None}
    assert asked(message) == {"far@far.example": (None, None)}
    assert round(seconds_between(message["received"], message["expires"])) == 5 * 86400


def test_times(server):
    """HOLDFOR, HOLDUNTIL, BY and MT-PRIORITY; who is held for later has as long from then on."""
    until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=29)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with Submission(server, login=ANN) as smtp:
        assert all(smtp.offers(word) for word in (b"DSN", b"FUTURERELEASE", b"DELIVERBY", b"MT-PRIORITY"))
        send(smtp, ANN, ["far@far.example"], mail=" HOLDFOR=3600 BY=7200;R MT-PRIORITY=-1")
        send(smtp, ANN, ["away@shop.example"], mail=f" HOLDUNTIL={until} MT-PRIORITY=9")
        send(smtp, ANN, ["far@far.example"], mail=" BY=-100;NT")
    first, second, third = (shown(server, n) for n in range(3))
    assert abs(seconds(first, "hold_until") - 3600) < 30 and abs(seconds(first, "deliver_by") - 7200) < 30
    assert (first["envelope"]["by"], first["envelope"]["priority"], first["lane"]) == ("return", -1, "marketing")
    assert abs(seconds_between(first["received"], first["expires"]) - 3600 - 5 * 86400) < 30
    assert second["envelope"]["hold_until"] == until[:-1] + ".000Z" and second["lane"] == "transactional"
    assert abs(seconds(third, "deliver_by") + 100) < 30 and third["envelope"]["by"] == "notify"
    text = server.cli("queue", "show", first["queue_id"]).stdout.decode()
    assert "Held until" in text and re.search("Deliver by .* else return", text)
    with server.smtp() as smtp:
        assert not any(word in line for word in (b"FUTURERELEASE", b"DELIVERBY", b"MT-PRIORITY") for line in smtp.extensions)


BINARY = (b"From: ann@shop.example\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
          b"Content-Transfer-Encoding: binary\r\n\r\n\0\n\r\xff no line end")


@pytest.mark.parametrize("body, content, forward_paths, want", [
    ("", MESSAGE, ["far@far.example"], "7bit"),
    (" BODY=8BITMIME", MESSAGE, ["far@far.example"], "7bit"),
    ("", MESSAGE + b"Gr\xc3\xbc\xc3\x9fe\r\n", ["far@far.example"], "8bit"),
    (" BODY=7BIT", MESSAGE + b"x" * 70000 + b"\xff\r\n", ["far@far.example", BOB], "8bit"),
    (" BODY=BINARYMIME", BINARY, ["far@far.example"], "binary"),
    (" BODY=BINARYMIME", BINARY, ["far@far.example", BOB], "7bit"),
    (" BODY=BINARYMIME", MESSAGE, ["far@far.example"], "7bit"),
    (" BODY=BINARYMIME", MESSAGE + b"x" * 998 + b"\r\n", ["far@far.example"], "7bit"),
    (" BODY=BINARYMIME", MESSAGE + b"x" * 999 + b"\r\n", ["far@far.example"], "binary"),
    (" BODY=BINARYMIME", MESSAGE[:-2], ["far@far.example"], "binary"),
])
def test_what_the_content_is(server, body, content, forward_paths, want):
    """Whatever MAIL said; it stays binary for other servers alone, and a mailbox has it in base64."""
    with Submission(server, login=ANN) as smtp:
        smtp.command(b"MAIL FROM:<%s>%s" % (ANN.encode(), body.encode()), 250)
        for path in forward_paths:
            smtp.command(b"RCPT TO:<%s>" % path.encode(), 250)
        half = len(content) // 2
        for chunk in (b"BDAT %d\r\n" % half + content[:half], b"BDAT %d LAST\r\n" % (len(content) - half) + content[half:]):
            smtp.send(chunk)
            smtp.reply(250)
    message = shown(server)
    assert message["envelope"]["body"] == want
    trace = message["size"] - len(content)
    if want == "binary":
        assert 0 < trace < 500  # nothing was added but our own fields
    elif BOB in forward_paths and content == BINARY:
        [kept] = mailbox(server, BOB)
        assert b"ncoding: base64" in kept and b"\0" not in kept


def test_smtputf8(server):
    with server.smtp() as smtp:
        smtp.command("MAIL FROM:<jörg@bücher.example> SMTPUTF8".encode(), 250)
        smtp.command("RCPT TO:<away@shop.example> ORCPT=utf-8;jörg@x".encode(), 250)
        smtp.command("RCPT TO:<both@shop.example>".encode(), 250)
        smtp.command(b"DATA", 354)
        smtp.send(clients.dot_stuffed(MESSAGE))
        smtp.reply(250)
        smtp.command(b"MAIL FROM:<a@e.example>", 250)
        assert smtp.command("RCPT TO:<away@shop.example> ORCPT=utf-8;jörg@x".encode())[-1].startswith(b"553 5.6.7 ")
        smtp.command(rb"RCPT TO:<away@shop.example> ORCPT=utf-8;j\x{F6}rg@x", 250)
    message = shown(server)
    assert message["envelope"]["smtputf8"] is True
    assert asked(message)["ann@far.example"] == (None, "utf-8;jörg@x")
    assert asked(message)["cy@near.example"] == (None, "rfc822;both@shop.example")
    assert re.fullmatch(r"SRS0=.*=xn--bcher-kva\.example=jörg@shop\.example", message["recipients"][0]["reverse_path"])


# -- and everything around it -----------------------------------------------------------------------------------


def test_programs_of_this_machine(server):
    """`send` reaches other servers too, as the login that it is."""
    server.cli("send", "-f", ANN, "far@far.example", stdin=b"Subject: x\n\nbody\n")
    [row] = server.json_lines("queue", "list")
    assert (row["reverse_path"], row["forward_path"]) == (ANN, "far@far.example")
    message = shown(server)
    assert message["login"] == "root" and message["envelope"]["forwarded"] is False


def test_lmtp(server):
    """An alias leads elsewhere from here as well; a mailbox that is full is left out alone."""
    server.account_add("small@shop.example")
    server.cli("account", "quota", "small@shop.example", "1K")
    with clients.Lines(server.address("lmtp")) as lines:
        lines.line()
        lines.send(b"LHLO x\r\n")
        while lines.line()[3:4] == b"-":
            pass
        lines.send(b"MAIL FROM:<Bob@e.example>\r\nRCPT TO:<small@shop.example>\r\nRCPT TO:<away@shop.example>\r\nDATA\r\n")
        assert [lines.line()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        lines.send(clients.dot_stuffed(MESSAGE + b"x" * 900 + b"\r\n"))
        replies = [lines.line(), lines.line()]
    assert replies[0].startswith(b"452 4.2.2 ") and replies[1].startswith(b"250 2.0.0 Ok, queued as ")
    [row] = waiting(server)
    assert row[1] == "ann@far.example" and srs(row)
    assert mailbox(server, "small@shop.example") == []


def test_trace(server):
    """The line that says who got a message names those at other servers, whatever the sender wrote."""
    with server.smtp() as smtp:
        reply = send(smtp, "Bob@e.example", ["both@shop.example"])
    [accepted] = server.wait_events("message.accepted")
    assert accepted["queue_id"].encode() == reply.split()[-1]
    assert accepted["forward_paths"] == ["both@shop.example"] and accepted["accounts"] == [BOB]
    assert accepted["queued"] == ["ann@far.example", "cy@near.example"]
    for name in ("cy@near.example", "both@shop.example"):
        assert any(event["event"] == "message.accepted" for event in server.json_lines("trace", name))


def test_many(server):
    """As many as one message may have; one more is for the next."""
    with Submission(server, login=ANN) as smtp:
        smtp.command(b"MAIL FROM:<%s>" % ANN.encode(), 250)
        smtp.send(b"".join(b"RCPT TO:<user%d@far%d.example>\r\n" % (n, n % 7) for n in range(1000)))
        for _ in range(1000):
            smtp.reply(250)
        assert smtp.command(b"RCPT TO:<one-more@far.example>")[-1].startswith(b"452 4.5.3 ")
        smtp.command(b"DATA", 354)
        smtp.send(clients.dot_stuffed(MESSAGE))
        smtp.reply(250)
    assert waiting(server) == [(ANN, f"user{n}@far{n % 7}.example") for n in range(1000)]
    assert sum(len(event["queued"]) for event in server.events("message.accepted")) == 1000


def test_the_largest_alias(server):
    """1,000 targets at other servers with the longest addresses there are, for a sender with a long one."""
    domain = ".".join(["d" * 60] * 4)
    targets = [f"{n:064d}@{domain}.example" for n in range(1000)]
    for n in range(0, 1000, 100):
        server.cli("alias", "add", "all@shop.example", *targets[n:n + 100])
    with server.smtp() as smtp:
        send(smtp, "Bob.the.builder@e.example", ["all@shop.example"])
    rows = waiting(server)
    assert [row[1] for row in rows] == targets and len({row[0] for row in rows}) == 1
