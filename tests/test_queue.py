"""The queue of outbound mail as people see and steer it, with and without a running server.

Rows are put into it by build/tests/store/queue_fill while no server runs; queue freeze keeps them there.
"""

import json
import time

import pytest

from instance import queue_fill

ID_A, ID_B, ID_C = "MI9DCT3Y8A1B2C3", "MI9DCT3Y8A1B2C4", "MI9DCT3Y8A1B2C5"
KEYS = {"id", "message_id", "reverse_path", "forward_path", "lane", "state", "attempts", "next_attempt", "last_reply"}
MESSAGE = b"From: ann@shop.example\r\nMessage-ID: <%s@shop.example>\r\nSubject: hello\r\n\r\nbody\r\n"
ANN, NEWS = "ann@shop.example", "news@other.example"


def base36(n):
    digits = ""
    while n:
        n, rest = divmod(n, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def message_id_now():
    """An id as the server makes it: nine digits of time, then a sequence."""
    n, digits = int(time.time() * 1000), ""
    for _ in range(9):
        n, rest = divmod(n, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + digits
    return digits + "000001"


class Queue:
    """Three messages: A for two recipients, one of which waits; B without Message-ID; C in the marketing lane."""

    def __init__(self, one):
        self.one = one
        one.cli("queue", "freeze")
        self.id_a = message_id_now()
        ids = queue_fill(one, "add", self.id_a, ANN, "transactional", "bob@far.example", "Cy@near.example",
                         stdin=MESSAGE % b"a")
        self.due_ms = int(time.time() * 1000) + 3600_000
        queue_fill(one, "wait", ids[1], self.due_ms, "450 4.7.1 come back\nlater")
        ids += queue_fill(one, "add", ID_B, "", "transactional", "bob@far.example", stdin=b"Subject: x\r\n\r\n")
        ids += queue_fill(one, "add", ID_C, NEWS, "marketing", "d@far.example", stdin=MESSAGE % b"c")
        self.a1, self.a2, self.b, self.c = (f"{m}-{base36(n)}" for m, n in
                                            zip((self.id_a, self.id_a, ID_B, ID_C), ids))

    def rows(self, *args):
        return self.one.json_lines("queue", "list", *args)

    def ids(self, *args):
        return [r["id"] for r in self.rows(*args)]

    def state(self, row_id):
        [row] = self.rows(row_id)
        return row["state"]

    def change(self, *args):
        answer = self.one.json("queue", *args)
        return answer["changed"], answer["matched"]

    def refused(self, *args, code):
        done = self.one.cli("queue", *args, code=code)
        assert done.stdout == b""
        return done.stderr.decode()


@pytest.fixture(params=["running", "stopped"])
def queue(make_instance, request):
    one = make_instance()
    queue = Queue(one)
    if request.param == "running":
        one.start()
    return queue


def test_list(queue):
    a1, a2, b, c = rows = queue.rows()
    assert all(set(row) == KEYS for row in rows)
    assert [row["id"] for row in rows] == [queue.a1, queue.a2, queue.b, queue.c]
    assert a1 == {"id": queue.a1, "message_id": "<a@shop.example>", "reverse_path": ANN,
                  "forward_path": "bob@far.example", "lane": "transactional", "state": "ready", "attempts": 0,
                  "next_attempt": None, "last_reply": None}
    due = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(queue.due_ms / 1000))
    assert a2["state"] == "waiting" and a2["attempts"] == 1 and a2["next_attempt"].startswith(due)
    assert a2["last_reply"] == "450 4.7.1 come back\nlater"
    assert b["message_id"] is None and b["reverse_path"] == ""
    assert c["lane"] == "marketing" and c["reverse_path"] == NEWS
    text = queue.one.cli("queue", "list").stdout.decode()
    assert queue.a1 in text and "<>" in text and "bob@far.example" in text


def test_filters(queue):
    a1, a2, b, c = queue.a1, queue.a2, queue.b, queue.c
    for args, expected in [(["--domain", "Far.Example"], [a1, b, c]), (["--domain", "near.example"], [a2]),
                           (["--sender", ANN.upper()], [a1, a2]), (["--sender", "other.example"], [c]),
                           (["--sender", "bob@shop.example"], []), (["--lane", "marketing"], [c]),
                           (["--lane", "transactional", "--domain", "far.example"], [a1, b]),
                           ([a2, c], [a2, c]), ([queue.id_a], [a1, a2]), ([queue.id_a, "--domain", "far.example"], [a1]),
                           (["--domain", "nowhere.example"], []), ([message_id_now()[:-1] + "Z"], [])]:
        assert queue.ids(*args) == expected, args
    assert "no id" in queue.refused("list", "a@b", code=65)
    assert "transactional or marketing" in queue.refused("list", "--lane", "fast", code=64)
    assert "trace" in queue.refused("list", f"{queue.id_a}-zzz", code=67)
    queue.refused("list", f"{ID_B}-{queue.a1.split('-')[1]}", code=67)  # another message's row
    assert "Nothing" in queue.one.cli("queue", "list", "--domain", "nowhere.example").stdout.decode()


def test_show(queue):
    for name in (queue.id_a, queue.a1, queue.a2):
        shown = queue.one.json("queue", "show", name)
        assert [r["id"] for r in shown["recipients"]] == [queue.a1, queue.a2]
        assert shown["queue_id"] == queue.id_a and shown["message_id"] == "<a@shop.example>"
        assert shown["login"] == ANN and shown["subject"] == "hello" and shown["size"] == len(MESSAGE % b"a")
        assert shown["header"].startswith("From: ann@") and shown["header"].endswith("Subject: hello\r\n")
        assert shown["body"] == (MESSAGE % b"a").partition(b"\r\n\r\n")[2].decode() and not shown["body_cut"]
        assert shown["received"] < shown["expires"]
    text = queue.one.cli("queue", "show", queue.a1).stdout.decode()
    assert f"postrider trace {queue.id_a}" in text and queue.a2 in text and "Subject: hello" in text
    queue.refused("show", message_id_now()[:-1] + "Z", code=67)
    queue.refused("show", "x y", code=65)
    queue.refused("show", code=64)


def test_hold_release_retry_remove(queue):
    a1, a2, b, c = queue.a1, queue.a2, queue.b, queue.c
    for action in ("hold", "release", "remove"):
        assert "--all" in queue.refused(action, code=64)
        queue.refused(action, "--all", a1, code=64)
    assert queue.change("hold", a1, b) == (2, 2)
    assert queue.change("hold", "--domain", "far.example") == (1, 3)
    assert [queue.state(i) for i in (a1, a2, b, c)] == ["held", "waiting", "held", "held"]
    assert queue.change("retry") == (1, 4)  # what is held stays so
    assert [queue.state(i) for i in (a1, a2, b, c)] == ["held", "ready", "held", "held"]
    [row] = queue.rows(a2)
    assert row["attempts"] == 1 and row["last_reply"].startswith("450")
    assert queue.change("release", "--lane", "marketing") == (1, 1)
    assert queue.change("release", "--all") == (2, 4)
    assert {row["state"] for row in queue.rows()} == {"ready"}
    assert queue.change("remove", a1) == (1, 1)
    assert queue.ids() == [a2, b, c]
    assert "trace" in queue.refused("remove", a1, code=67)
    assert queue.change("remove", "--sender", ANN) == (1, 1)
    queue.refused("remove", queue.id_a, code=67)
    assert queue.change("remove", "--all") == (2, 2)
    assert queue.rows() == []
    assert queue.change("retry") == (0, 0)
    queue.one.verify()

    events = queue.one.json_lines("trace", a1)
    assert [e["event"] for e in events] == ["queue.held", "queue.retried", "queue.released", "queue.removed",
                                            "queue.removed"]
    assert all(e["queue_id"] == queue.id_a and e["message_id"] == "<a@shop.example>" for e in events)
    assert events == queue.one.json_lines("trace", queue.id_a)


def test_freeze_and_thaw(queue):
    def doctor(name):
        checks = {check["name"]: check for check in queue.one.json("doctor", code=None)["checks"]}
        return checks.get(name)

    assert "freeze" in doctor("frozen")["what"] and doctor("frozen")["state"] == "warning"
    assert queue.one.json("queue", "thaw") == {"frozen": False}
    assert doctor("frozen") is None
    assert queue.one.json("queue", "freeze") == {"frozen": True}
    assert "4 recipients" in doctor("queue")["what"] and "1 of them waiting" in doctor("queue")["what"]
    queue.change("hold", queue.a1)
    assert "1 recipient is held" in doctor("held")["what"]


def test_it_survives(make_instance):
    """A restart keeps it, and a rebuild holds every recipient back: nobody may get mail twice unasked."""
    one = make_instance()
    queue = Queue(one)
    one.start()
    rows = queue.rows()
    one.stop()
    assert queue.rows() == rows
    for name in ("postrider.db", "postrider.db-wal", "postrider.db-shm"):
        (one.dir / "data" / name).unlink(missing_ok=True)
    one.cli("verify", "--repair", code=None)
    assert queue.ids() == [row["id"] for row in rows]
    assert {row["state"] for row in queue.rows()} == {"held"}
    assert json.loads(one.cli("queue", "release", "--all", "--json").stdout) == {"changed": 4, "matched": 4}


def test_pages(make_instance):
    """More rows than one answer takes."""
    one = make_instance()
    one.cli("queue", "freeze")
    for n in range(3):
        queue_fill(one, "add", f"M{n}", ANN, "transactional", *(f"r{n}x{i}@d{i % 7}.example" for i in range(700)),
                   stdin=MESSAGE % b"p")
    one.start()
    queue = Queue.__new__(Queue)
    queue.one = one
    ids = queue.ids()
    assert len(ids) == len(set(ids)) == 2100
    assert len(queue.ids("--domain", "d0.example")) == 300
    assert queue.change("hold", "--domain", "d1.example") == (300, 300)
    assert queue.change("remove", "--all") == (2100, 2100)
    assert queue.rows() == []


def test_trace_of_sending(make_instance):
    """What became of a message, in order, by its id, a recipient's, Message-ID and either address."""
    one = make_instance()
    one.cli("domain", "list")  # makes data_dir
    first, notice = message_id_now(), message_id_now()[:-1] + "2"
    common = {"queue_id": first, "message_id": "<a@shop.example>"}
    row = dict(common, queue_row=first + "-sg", reverse_path=ANN, forward_path="bob@far.example", attempts=1)
    happened = [
        dict(common, event="message.accepted", reverse_path=ANN, forward_paths=["bob@far.example"]),
        dict(row, event="message.deferred", reply="450 later"),
        dict(row, event="message.deferred", why="no connection: connection refused"),
        dict(row, event="message.bounced", reply="550 5.7.26 Unauthenticated", remote_host="mx.google.com"),
        dict(common, event="dsn.made", dsn_id=notice, action="failed", forward_path=ANN),
        dict(event="message.accepted", queue_id=notice, reverse_path="", forward_paths=[ANN], message_id="<n@x>"),
        dict(event="message.sent", queue_id=notice, message_id="<n@x>", forward_path=ANN, reverse_path=""),
    ]
    other = dict(event="message.sent", queue_id=message_id_now()[:-1] + "3", forward_path="eve@else.example")
    events = one.dir / "data" / "events"
    events.mkdir(exist_ok=True)
    times = ["2026-11-24T12:00:00.000Z"] * 5 + ["2026-11-24T12:00:01.000Z"] * 2  # of one millisecond, as written
    with open(events / "2026-11-24.jsonl", "w", encoding="ascii") as day:
        for at, event in zip(times + ["2026-11-24T12:00:00.500Z"], happened + [other]):
            day.write(json.dumps(dict(time=at, **event), separators=(",", ":")) + "\n")
    for needle in (first, first + "-sg", "a@shop.example", "<a@shop.example>", "bob@far.example", ANN):
        found = one.json_lines("trace", needle)
        assert [(e["event"], e["queue_id"]) for e in found] == [(e["event"], e["queue_id"]) for e in happened], needle
    failed = [e for e in found if e["event"] in ("message.deferred", "message.bounced")]
    assert [e["advice"] for e in failed] == ["code-mailbox-busy", "connection-refused", "gmail-unauthenticated"]
    assert failed[2]["means"].startswith("Gmail takes mail only from") and "SPF" in failed[2]["do"]
    assert not [e for e in found if e not in failed and {"advice", "means", "do"} & e.keys()]
    lines = one.cli("trace", first).stdout.decode().splitlines()
    at = next(i for i, line in enumerate(lines) if "550 5.7.26" in line)
    assert lines[at + 1:at + 3] == [f"    It means: {failed[2]['means']}", f"    What to do: {failed[2]['do']}"]
    assert sum("What to do:" in line for line in lines) == 3 and len(lines) == len(happened) + 6
