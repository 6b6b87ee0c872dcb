"""GET /metrics on the control socket: what is counted, in Prometheus' text format."""

import http.client
import re
import socket

import pytest

from instance import queue_fill

BOB = "bob@shop.example"


class Control(http.client.HTTPConnection):
    def __init__(self, one):
        super().__init__("localhost")
        self.path = str(one.dir / "data" / "control.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(one, method="GET", path="/metrics"):
    control = Control(one)
    control.request(method, path)
    answer = control.getresponse()
    text = answer.read().decode()
    control.close()
    return answer.status, answer.getheader("Content-Type"), text


def metrics(one):
    status, kind, text = ask(one)
    assert status == 200 and kind == "text/plain; version=0.0.4"
    found = {}
    lines = text.split("\n")
    assert lines.pop() == ""
    for help_line, type_line, value in zip(lines[::3], lines[1::3], lines[2::3]):
        name, number = value.split(" ")
        assert re.fullmatch(r"postrider(_[a-z]+)+", name) and name not in found
        assert help_line.startswith(f"# HELP {name} ")
        assert type_line == f"# TYPE {name} " + ("counter" if name.endswith("_total") else "gauge")
        found[name] = int(number)
    assert len(lines) == 3 * len(found)
    return found


@pytest.fixture
def one(make_instance):
    one = make_instance().start()
    one.account_add(BOB)
    return one


def test_counting(one):
    before = metrics(one)
    assert before["postrider_messages_accepted_total"] == 0 and before["postrider_store_accepting"] == 1
    with one.smtp() as s:
        for word in (b"one", b"two"):
            s.deliver("a@far.example", [BOB], b"Subject: " + word + b"\r\n\r\n")
        s.command(b"MAIL FROM:<a@far.example>", 250)
        s.command(b"RCPT TO:<nobody@shop.example>", 550)
        s.command(b"RCPT TO:<" + BOB.encode() + b">", 250)
        s.command(b"DATA", 354)
        s.command(b"a bare\nline end\r\n.", 5)
    after = metrics(one)
    assert set(after) == set(before)
    assert after["postrider_messages_accepted_total"] == 2
    assert after["postrider_recipients_rejected_total"] == 1
    assert after["postrider_messages_rejected_total"] == 1
    assert after["postrider_store_messages"] == 2
    assert after["postrider_store_commits_total"] >= before["postrider_store_commits_total"] + 2
    assert after["postrider_sent_total"] == 0 and after["postrider_queue_frozen"] == 0


def test_what_else_is_asked(one):
    assert ask(one, "POST")[0] == 404
    assert ask(one, "GET", "/v1/status")[0] == 405
    assert ask(one, "GET", "/metrics/more")[0] == 405
    status, kind, text = ask(one, "POST", "/v1/status")
    assert status == 200 and kind == "application/json" and text.startswith("{")


def test_the_queue(make_instance):
    one = make_instance()
    one.cli("queue", "freeze")
    ids = queue_fill(one, "add", "M1", "ann@shop.example", "transactional", "b@far.example", "c@far.example",
                     "d@near.example", stdin=b"Subject: x\r\n\r\n")
    queue_fill(one, "wait", ids[0], 4_000_000_000_000, "450 later")
    one.cli("queue", "hold", "--domain", "near.example")
    one.start()
    for _ in range(2):
        found = metrics(one)
        assert found["postrider_queue_recipients"] == 3
        assert found["postrider_queue_waiting"] == 1 and found["postrider_queue_held"] == 1
        assert found["postrider_queue_oldest_seconds"] > 1_700_000_000
