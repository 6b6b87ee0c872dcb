"""What acceptance itself tells a sender who asked for it (RFC 3461 §5.2, §5.2.7): which recipients have the message in a
mailbox here, and which addresses were expanded. Sending is stopped all the time, so that what waits can be looked at."""

import pytest

import clients
from outbound import ANN, BOB, Notice, mailbox, setting
from test_lmtp import Lmtp
from test_relay import asked, shown
from test_submission import Submission

MESSAGE = b"From: ann@shop.example\r\nTo: bob@shop.example\r\nMessage-ID: <1@shop.example>\r\nSubject: hello\r\n\r\nsecret body\r\n"
SUCCESS = b" NOTIFY=SUCCESS"


@pytest.fixture
def server(make_instance):
    one = make_instance()
    one.cli("queue", "freeze")
    one.account_add(ANN)
    one.account_add(BOB)
    setting(one, "network", 'relay_from = ["127.0.0.1"]')
    one.cli("alias", "add", "sales@shop.example", BOB)
    one.cli("alias", "add", "team@shop.example", ANN, BOB)
    one.cli("alias", "add", "away@shop.example", "cy@far.example")
    one.cli("alias", "add", "mixed@shop.example", BOB, "cy@far.example")
    return one.start()


def send(smtp, recipients, reverse_path=ANN, mail=b"", message=MESSAGE, replies=1):
    """One message; `recipients` are forward-paths with their parameters."""
    smtp.command(b"MAIL FROM:<%s>%s" % (reverse_path.encode(), mail), 250)
    for path, parameters in recipients:
        smtp.command(b"RCPT TO:<%s>%s" % (path.encode(), parameters), 250)
    smtp.command(b"DATA", 354)
    smtp.send(clients.dot_stuffed(message))
    return [smtp.reply() for _ in range(replies)]


def told(one, account=ANN):
    """The notices in a mailbox. They are committed with their message: when that is answered they are there."""
    found = [octets for octets in mailbox(one, account) if b"multipart/report" in octets]
    assert all(octets.startswith(b"Return-Path: <>\r\n") for octets in found)
    return [Notice(octets) for octets in found]


def tight(one):
    one.cli("account", "add", "tight@shop.example", "--quota", "100K", "--password-stdin", stdin=b"correct horse battery\n")


def connect(one, service):
    if service == "smtp":
        return one.smtp()
    if service == "lmtp":
        return Lmtp(one.address("lmtp"))
    return Submission(one, login=ANN)


@pytest.mark.parametrize("service", ["smtp", "submission", "lmtp"])
def test_a_mailbox_here(server, service):
    with connect(server, service) as smtp:
        [reply] = send(smtp, [(BOB, SUCCESS + b" ORCPT=rfc822;First+2Bx@e.example")], mail=b" ENVID=QQ+20314 RET=FULL")
        assert reply[-1].startswith(b"250")
    [notice] = told(server)
    assert notice.actions == {BOB: ("delivered", "2.0.0")}
    assert notice.about["original-envelope-id"] == "QQ 314"
    assert notice.recipients[0]["original-recipient"].replace(" ", "") == "rfc822;First+x@e.example"
    assert notice.returned_type == "text/rfc822-headers"  # never more of a message that arrived (RFC 3461 §6.2)
    assert b"<1@shop.example>" in notice.returned and b"secret body" not in notice.octets
    assert notice.message["In-Reply-To"] == "<1@shop.example>"
    [event] = [e for e in server.json_lines("trace", "<1@shop.example>") if e["event"] == "dsn.made"]
    assert (event["action"], event["forward_path"], event["count"]) == ("delivered", ANN, 1)
    assert len(mailbox(server, BOB)) == 1


@pytest.mark.parametrize("recipients, want", [
    ([("sales@shop.example", SUCCESS)], {"sales@shop.example": "delivered"}),
    ([("team@shop.example", SUCCESS)], {"team@shop.example": "expanded"}),
    ([("mixed@shop.example", SUCCESS + b",FAILURE")], {"mixed@shop.example": "expanded"}),
    ([("away@shop.example", SUCCESS)], None),  # its parameters go along: the other server tells
    ([("cy@far.example", SUCCESS)], None),
    ([(BOB, SUCCESS), ("team@shop.example", SUCCESS), ("away@shop.example", SUCCESS), ("sales@shop.example", b"")],
     {BOB: "delivered", "team@shop.example": "expanded"}),
    ([(BOB, b" NOTIFY=NEVER")], None),
    ([(BOB, b" NOTIFY=FAILURE,DELAY")], None),
    ([(BOB, b"")], None),
])
def test_who_is_told_of(server, recipients, want):
    with server.smtp() as smtp:
        assert send(smtp, recipients)[0][-1].startswith(b"250")
    notices = told(server)
    assert [{path: action for path, (action, _) in n.actions.items()} for n in notices] == ([want] if want else [])
    for row in server.json_lines("queue", "list"):
        assert row["reverse_path"] != ""


def test_nobody_is_told_at_the_null_reverse_path(server):
    with server.smtp() as smtp:
        assert send(smtp, [(BOB, SUCCESS)], reverse_path="")[0][-1].startswith(b"250")
    assert not server.json_lines("queue", "list") and not told(server) and len(mailbox(server, BOB)) == 1


def test_a_sender_elsewhere(server):
    """Its notice waits in the queue, with the null reverse-path and NOTIFY=NEVER (RFC 3461 §6.1)."""
    with server.smtp() as smtp:
        assert send(smtp, [(BOB, SUCCESS)], reverse_path="di@far.example")[0][-1].startswith(b"250")
    [row] = server.json_lines("queue", "list")
    assert (row["reverse_path"], row["forward_path"]) == ("", "di@far.example")
    assert asked(shown(server)) == {"di@far.example": (["never"], None)}


def test_smtputf8(server):
    """RFC 6533: what came with SMTPUTF8 is told of in its form."""
    wide = MESSAGE.replace(b"hello", "grüße".encode())
    with server.smtp() as smtp:
        send(smtp, [(BOB, SUCCESS + b" ORCPT=utf-8;gr\\x{FC}n@e.example")], mail=b" SMTPUTF8", message=wide)
    [notice] = told(server)
    assert b"message/global-delivery-status" in notice.octets and notice.returned_type == "message/global-headers"
    assert notice.recipients[0]["original-recipient"] == "utf-8; grün@e.example"
    assert notice.actions == {BOB: ("delivered", "2.0.0")}


@pytest.mark.parametrize("body", [70_000, 3_000_000])
def test_a_message_that_is_a_file(server, body):
    """Its header was written to the disk before the notice is made."""
    message = MESSAGE + (b"x" * 70 + b"\r\n") * (body // 72)
    with server.smtp() as smtp:
        assert send(smtp, [(BOB, SUCCESS)], message=message)[0][-1].startswith(b"250")
    [notice] = told(server)
    assert b"<1@shop.example>" in notice.returned and len(notice.octets) < 10_000


@pytest.mark.parametrize("lines", [3_000, 5_000])
def test_a_long_header(server, lines):
    """Whole up to 256 KB, of a longer one its beginning."""
    message = b"".join(b"X-Line: %060d\r\n" % n for n in range(lines)) + MESSAGE
    with server.smtp() as smtp:
        assert send(smtp, [(BOB, SUCCESS)], message=message)[0][-1].startswith(b"250")
    [notice] = told(server)
    assert (b"%060d" % (lines - 1) in notice.octets) == (lines == 3_000) and b"secret body" not in notice.octets


def test_lmtp_leaves_those_out_that_have_no_room(server):
    """The commit is tried anew without them, and the notice is of those who are left."""
    tight(server)
    big = MESSAGE + (b"x" * 70 + b"\r\n") * 3_000
    with Lmtp(server.address("lmtp")) as lmtp:
        replies = send(lmtp, [("tight@shop.example", SUCCESS), (BOB, SUCCESS)], message=big, replies=2)
    assert replies[0][-1].startswith(b"452")
    assert replies[1][-1].startswith(b"250")
    [notice] = told(server)
    assert notice.actions == {BOB: ("delivered", "2.0.0")}


def test_a_message_that_is_refused_owes_nothing(server):
    """The notice is in the commit of its message: without that it is not delivered."""
    tight(server)
    big = MESSAGE + (b"x" * 70 + b"\r\n") * 3_000
    with server.smtp() as smtp:
        [reply] = send(smtp, [("tight@shop.example", SUCCESS), (BOB, SUCCESS)], message=big)
    assert reply[-1].startswith(b"452") and not told(server) and not mailbox(server, BOB)


def test_a_sender_without_room(server):
    """The message is delivered all the same."""
    name = "full@shop.example"
    server.cli("account", "add", name, "--quota", "1K", "--password-stdin", stdin=b"correct horse battery\n")
    with server.smtp() as smtp:
        assert send(smtp, [(BOB, SUCCESS)], reverse_path=name)[0][-1].startswith(b"250")
    assert len(mailbox(server, BOB)) == 1 and not mailbox(server, name)
    assert not [e for e in server.json_lines("trace", "<1@shop.example>") if e["event"] == "dsn.made"]
