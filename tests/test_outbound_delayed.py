"""Mail that another server does not take for hours and days: what its sender hears of it, how often, and when it ends.

The server's clock is put forward to the times that the queue itself names, so that days are lived attempt by attempt, or
past them all at once.
"""

import datetime
import email.utils

import pytest

import clients
import outbound
from hostile_peer import EXTENSIONS, OK, Peer, refusing
from later import DAY_MS, HOUR_MS, MINUTE_MS, Clock
from nameserver import Nameserver
from outbound import ANN, BOB
from test_submission import Submission

WARNED_MS, LIFETIME_MS = 4 * HOUR_MS, 5 * DAY_MS  # LIMIT_DELAY_NOTICE_MS, LIMIT_QUEUE_LIFETIME_MS
CY = "cy@far.example"
MESSAGE = outbound.MESSAGE % b"1"
ZONES = {"far.example": "@ MX 10 mx\nmx A 127.0.0.1\n", "silent.example": "@ MX 10 mx\nmx A 127.0.5.1\n"}


def ms_of(text):
    """Of a time as JSON has it."""
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def busy(session, _):
    return b"451 4.2.0 busy, try %d\r\n" % session.peer.times["RCPT"]


class Days:
    """A postrider whose days pass fast, and the one peer of far.example, which is busy at first."""

    def __init__(self, one, clock, peer):
        self.one, self.clock, self.peer = one, clock, peer

    def send(self, *paths, **parameters):
        """When it came, in the server's time; its first attempt is over."""
        self.id = outbound.submit(self.one, *(paths or (CY,)), **parameters)
        outbound.wait_state(self.one, "waiting", 1)
        return self.shown("received")

    def submit_by(self, by, rcpt):
        """By submission, which offers BY (RFC 2852)."""
        with Submission(self.one, tls=True, login=ANN) as c:
            c.command(b"MAIL FROM:<%s> BY=%s" % (ANN.encode(), by.encode()), 250)
            c.command(b"RCPT TO:<%s>%s" % (CY.encode(), rcpt), 250)
            c.command(b"DATA", 354)
            c.send(clients.dot_stuffed(MESSAGE))
            c.reply(250)

    def send_by(self, by, rcpt=b""):
        """As send."""
        self.submit_by(by, rcpt)
        [row] = outbound.wait_state(self.one, "waiting", 1)
        self.id = row["id"].partition("-")[0]
        return self.shown("received")

    def shown(self, key):
        said = self.one.json("queue", "show", self.id)
        return ms_of({**said, **said["envelope"]}[key])

    def wake(self):
        """What sleeps until a time of day looks at the clock again."""
        self.one.cli("queue", "thaw")

    def put(self, to_ms):
        """It is that late at once, and everything that came due meanwhile was tried."""
        def tried():
            rows = outbound.queue(self.one)
            return all(r["state"] == "waiting" and ms_of(r["next_attempt"]) > self.clock.now_ms() for r in rows)

        self.clock.put(to_ms)
        self.wake()
        outbound.wait("the attempts that were due", tried)

    def live(self, until_ms):
        """From each attempt of the one recipient to the next, up to that time; how many there were."""
        attempts = 0
        while (rows := outbound.queue(self.one)) and (due_ms := ms_of(rows[0]["next_attempt"])) <= until_ms:
            self.put(due_ms)
            attempts += 1
        return attempts

    def recover(self):
        """The peer takes mail again, and gets it with the next attempt."""
        self.peer.script["RCPT"] = OK
        [row] = outbound.queue(self.one)
        self.clock.put(ms_of(row["next_attempt"]))
        self.wake()
        outbound.wait_empty(self.one)
        return self.peer.wait()

    def events(self, *names):
        """Once there is one."""
        return outbound.traced(self.one, self.id, *names)

    def no_event(self, *names):
        return not [e for e in self.one.json_lines("trace", self.id) if e["event"] in names]

    def told(self, account=ANN):
        return [outbound.Notice(octets) for octets in outbound.mailbox(self.one, account)]

    def told_of(self, account=ANN):
        """[{forward-path: action}] of each notice"""
        return [{path: action for path, (action, _) in n.actions.items()} for n in self.told(account)]


@pytest.fixture
def days(make_instance, preload_dir, postrider_bin, tmp_path):
    with Clock(tmp_path / "clock") as clock, Nameserver(tmp_path / "dns", ZONES) as dns, \
            Peer({"RCPT": busy}, (*EXTENSIONS, "DELIVERBY")) as peer:
        def make(name):
            return make_instance(name, env=clock.environment(preload_dir, postrider_bin))

        yield Days(outbound.sending(make, dns, peer.port), clock, peer)


def words(notice):
    """The part for people, as one line."""
    return " ".join(next(notice.message.iter_parts()).get_content().split())


def date_ms(text):
    return round(email.utils.parsedate_to_datetime(text).timestamp() * 1000)


# -- the warning -------------------------------------------------------------------------------------------------------


def test_one_warning_and_then_it_arrives(days):
    received = days.send(mail=b" ENVID=QQ314")
    until = received + LIFETIME_MS
    assert days.shown("expires") == until
    assert days.live(received + WARNED_MS - 1) >= 4 and days.told() == []
    assert days.live(received + WARNED_MS) == 1
    [notice] = days.told()
    assert notice.actions == {CY: ("delayed", "4.2.0")} and notice.message["Subject"] == "Delayed: hello"
    assert notice.message["In-Reply-To"] == "<1@shop.example>" and notice.message["Auto-Submitted"] == "auto-replied"
    assert notice.about["original-envelope-id"] == "QQ314" and "deliver-by-date" not in notice.about
    assert date_ms(notice.about["arrival-date"]) == received // 1000 * 1000
    [cy] = notice.recipients
    assert cy["diagnostic-code"] == f"smtp; 451 4.2.0 busy, try {days.peer.times['RCPT']}"
    assert cy["remote-mta"] == "dns; mx.far.example" and date_ms(cy["will-retry-until"]) == until // 1000 * 1000
    assert date_ms(cy["last-attempt-date"]) >= received // 1000 * 1000 + WARNED_MS
    assert notice.returned_type == "text/rfc822-headers" and b"body" not in notice.returned
    said = words(notice)
    assert f"tried again and again, until {cy['will-retry-until']}." in said and "need not do anything" in said
    assert "you will be told" in said and "451 4.2.0 busy" in said and CY in said

    assert days.live(received + 2 * DAY_MS) > 5
    [message] = days.recover()
    assert message.octets.endswith(b"\r\n\r\nbody\r\n") and message.forward_paths == [CY.encode()]
    assert days.told_of() == [{CY: "delayed"}]
    assert len(days.events("message.sent")) == 1 and [e["action"] for e in days.events("dsn.made")] == ["delayed"]


def test_nobody_answers(days):
    """The site is left alone, its mail waits with it, and the sender hears the same."""
    received = days.send("cy@silent.example")
    days.put(received + WARNED_MS - MINUTE_MS)
    assert days.told() == []
    days.put(received + WARNED_MS + HOUR_MS)  # until its site has its turn
    [warning] = days.told()
    assert warning.actions == {"cy@silent.example": ("delayed", "4.4.1")}
    assert warning.recipients[0]["diagnostic-code"].startswith("x-postrider; no connection") \
        and "remote-mta" not in warning.recipients[0]
    assert "What this server found: no connection" in words(warning)
    days.put(received + LIFETIME_MS)
    assert days.told_of() == [{"cy@silent.example": "delayed"}, {"cy@silent.example": "failed"}]
    assert outbound.queue(days.one) == []


@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_a_restart_warns_no_second_time(days, stop):
    """One that was warned of before stays so; one whose time came during a stop is warned of after it."""
    def restart(at_ms):
        getattr(days.one, stop)()
        days.clock.put(at_ms)
        days.one.start()
        days.put(at_ms + MINUTE_MS)

    received = days.send()
    restart(received + WARNED_MS + HOUR_MS)
    assert days.told_of() == [{CY: "delayed"}]
    for day in range(1, 4):
        restart(received + day * DAY_MS)
        assert days.told_of() == [{CY: "delayed"}]
    days.recover()
    assert days.told_of() == [{CY: "delayed"}]
    days.one.stop()
    days.one.verify()


# -- the end -----------------------------------------------------------------------------------------------------------


def test_five_days(days):
    """Attempt by attempt, the last one at the end, whose reply is told."""
    received = days.send(mail=b" RET=FULL")
    attempts = 1 + days.live(received + LIFETIME_MS)
    assert 30 <= attempts <= 50 and attempts == days.peer.times["RCPT"]
    assert outbound.queue(days.one) == []
    warning, notice = days.told()
    assert warning.actions == {CY: ("delayed", "4.2.0")} and warning.returned_type == "text/rfc822-headers"
    assert notice.actions == {CY: ("failed", "5.4.7")} and notice.message["Subject"] == "Not delivered: hello"
    [cy] = notice.recipients
    assert cy["diagnostic-code"] == f"smtp; 451 4.2.0 busy, try {attempts}" and "will-retry-until" not in cy
    assert date_ms(cy["last-attempt-date"]) >= received // 1000 * 1000 + LIFETIME_MS
    assert notice.returned_type == "message/rfc822" and b"\r\nbody\r\n" in notice.octets
    said = words(notice)
    assert "will not be tried again: cy@far.example It was tried again and again" in said and f"451 4.2.0 busy, try {attempts}" in said
    [bounced] = days.events("message.bounced")
    assert bounced["attempts"] == attempts and days.no_event("message.sent")
    days.put(received + 3 * LIFETIME_MS)
    assert len(days.told()) == 2 and days.peer.times["RCPT"] == attempts


# -- who wants to be told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notify, told", [
    ("FAILURE", ["failed"]),
    ("DELAY", ["delayed"]),
    ("SUCCESS", []),
    ("SUCCESS,DELAY", ["delayed"]),
    ("FAILURE,DELAY", ["delayed", "failed"]),
    ("NEVER", []),
])
def test_who_wants_to_be_told(days, notify, told):
    received = days.send(rcpt=b" NOTIFY=" + notify.encode())
    days.put(received + WARNED_MS)
    assert days.told_of() == [{CY: action} for action in told if action == "delayed"]
    assert all(("you will be told" in words(notice)) == ("FAILURE" in notify) for notice in days.told())
    days.put(received + LIFETIME_MS)
    assert days.told_of() == [{CY: action} for action in told] and outbound.queue(days.one) == []


def test_two_messages_are_two_warnings(days):
    """Each is told of once, with all of its recipients that wait, and no others."""
    days.peer.script["RCPT"] = refusing(b"<cy", b"<di", reply=b"451 4.2.0 busy\r\n")
    outbound.submit(days.one, CY, "bob@far.example", "di@far.example")
    outbound.submit(days.one, "cyril@far.example", reverse_path=BOB)
    rows = outbound.wait("three that wait", lambda: len(rows := outbound.queue(days.one)) == 3 and all(
        row["state"] == "waiting" for row in rows) and rows)
    assert {row["forward_path"] for row in rows} == {CY, "di@far.example", "cyril@far.example"}
    sent_ms = days.clock.now_ms()
    days.put(sent_ms + WARNED_MS - MINUTE_MS)  # attempts drift apart, but for that at the time of the warning
    days.put(sent_ms + WARNED_MS)
    assert days.told_of() == [{CY: "delayed", "di@far.example": "delayed"}]
    assert days.told_of(BOB) == [{"cyril@far.example": "delayed"}]
    assert "to these addresses: cy@far.example di@far.example" in words(days.told()[0])


def test_the_null_sender_gets_none(days):
    """Nobody hears of the delay; that it came to nothing is postmaster's to know (RFC 5321 §6.1)."""
    days.one.cli("alias", "add", "postmaster@shop.example", BOB)
    received = days.send(reverse_path="")
    days.put(received + WARNED_MS)
    days.put(received + 2 * DAY_MS)
    assert days.told() == days.told(BOB) == [] and days.no_event("dsn.made")
    days.put(received + LIFETIME_MS)
    assert days.told_of(BOB) == [{CY: "failed"}] and days.told() == []
    assert "You read this as postmaster" in words(days.told(BOB)[0])


# -- by a time that the sender named (RFC 2852) ------------------------------------------------------------------------


def lefts(days):
    """What BY said of each attempt."""
    return [int(line.split(b" BY=")[1].split(b";")[0]) for line in days.peer.lines(b"MAIL")]


@pytest.mark.parametrize("by_ms", [HOUR_MS, DAY_MS])
def test_notify(days, by_ms):
    """§4.1.3: a warning at that time, be it before or after the usual one, and it goes on as ever."""
    received = days.send_by(f"{by_ms // 1000};N")
    deliver_by = days.shown("deliver_by")
    assert abs(deliver_by - received - by_ms) < MINUTE_MS
    days.live(deliver_by - 1)
    assert days.told() == []
    days.live(deliver_by)
    [warning] = days.told()
    assert warning.actions == {CY: ("delayed", "4.4.7")}
    assert date_ms(warning.about["deliver-by-date"]) == deliver_by // 1000 * 1000
    [cy] = warning.recipients
    assert cy["diagnostic-code"].startswith("smtp; 451 4.2.0 busy")
    assert date_ms(cy["will-retry-until"]) == (received + LIFETIME_MS) // 1000 * 1000
    assert f"You wished it to be there by {warning.about['deliver-by-date']}. You need not" in words(warning)
    days.live(deliver_by + DAY_MS)
    left = lefts(days)
    assert left == sorted(left, reverse=True) and abs(left[0] - by_ms // 1000) <= 1 and left[-1] < -10 * 3600
    days.recover()
    assert days.told_of() == [{CY: "delayed"}]


def test_notify_up_to_the_end(days):
    received = days.send_by("3600;N", rcpt=b" NOTIFY=FAILURE")
    days.put(received + 2 * HOUR_MS)
    assert days.told() == []
    days.put(received + LIFETIME_MS)
    [notice] = days.told()
    assert notice.actions == {CY: ("failed", "5.4.7")} and "You wished it to be there by" in words(notice)


@pytest.mark.parametrize("rcpt, told", [(b"", [{CY: "failed"}]), (b" NOTIFY=SUCCESS,DELAY", [])])
def test_return(days, rcpt, told):
    """§4.1.3: no attempt after that time."""
    days.send_by("7200;R", rcpt)
    deliver_by = days.shown("deliver_by")
    days.live(deliver_by - 1)
    attempts = days.peer.times["RCPT"]
    assert days.told() == [] and len(outbound.queue(days.one)) == 1
    days.put(deliver_by)
    assert days.told_of() == told and outbound.queue(days.one) == []
    assert days.peer.times["RCPT"] == attempts and min(lefts(days)) > 0
    [bounced] = days.events("message.bounced")
    assert bounced["attempts"] == attempts and bounced["reply"] == f"451 4.2.0 busy, try {attempts}"
    for notice in days.told():
        assert notice.actions == {CY: ("failed", "5.4.7")} and "deliver-by-date" in notice.about
        assert notice.recipients[0]["diagnostic-code"] == f"smtp; 451 4.2.0 busy, try {attempts}"
        assert "You wished it to be there by" in words(notice) and "will not be tried again" in words(notice)


@pytest.mark.parametrize("extensions, by, rcpt, told", [
    (EXTENSIONS, "86400;N", b"", True),
    (EXTENSIONS, "86400;N", b" NOTIFY=FAILURE", True),
    (EXTENSIONS, "86400;N", b" NOTIFY=NEVER", False),
    (EXTENSIONS, "-60;N", b"", False),
    ((*EXTENSIONS, "DELIVERBY"), "86400;N", b"", False),
    ((*EXTENSIONS, "DELIVERBY"), "86400;RT", b"", True),
])
def test_handed_on(days, extensions, by, rcpt, told):
    """§4.1.4: told where nobody watches the time any more, who is to tell of delays instead, and with a trace."""
    days.peer.script, days.peer.extensions = {}, extensions
    days.submit_by(by, rcpt)
    [message] = days.peer.wait()
    outbound.wait_empty(days.one)
    assert days.told_of() == ([{CY: "relayed"}] if told else [])
    if told and by.endswith("N"):
        assert message.recipient_parameters == [b"NOTIFY=FAILURE,DELAY"]
        [notice] = days.told()
        assert f"Whether it arrives by {notice.about['deliver-by-date']} can't be seen from here" in words(notice)
    else:
        assert message.recipient_parameters == [rcpt.strip()]
