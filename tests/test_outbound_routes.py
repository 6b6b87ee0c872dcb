"""Which way mail goes out and how people steer it while it does: routes, smarthosts that fail, quotas, the queue's commands,
and what DNS says of a domain."""

import time

import pytest

import outbound
from hostile_peer import DONE, OK, Peer, close, hang, slowly, then
from nameserver import Nameserver, free_port
from outbound import ANN
from test_metrics import metrics

ZONES = {
    "far.example": "@ MX 10 mx\nmx A 127.0.4.1\n",
    "many.example": "".join(f"d{n} MX 10 mx.far.example.\n" for n in range(40)),
    "odd.example": "null MX 0 .\nself MX 5 mail.shop.example.\nbehind MX 10 mx.far.example.\nbehind MX 20 mail.shop.example.\n"
                   "lost MX 10 nothing.odd.example.\nbare A 127.0.4.1\nalias CNAME far.example.\n"
                   "aliasmx MX 10 other.odd.example.\nother CNAME mx.far.example.\ntext TXT \"x\"\n",
    "broken.example": None,
}


class Shop:
    def __init__(self, one, dns, port):
        self.one, self.dns, self.port = one, dns, port

    def peer(self, script=None, address="127.0.4.1", port=None, **options):
        return Peer(script, address=address, port=port or self.port, **options)

    def send(self, *paths, seq=b"1", **kwargs):
        return outbound.submit(self.one, *paths, message=outbound.MESSAGE % seq, **kwargs)

    def route(self, *args, **kwargs):
        self.one.cli("route", "add", *args, **kwargs)

    def queue(self, *args):
        return self.one.json("queue", *args)

    def states(self):
        return {r["forward_path"]: r["state"] for r in outbound.queue(self.one)}


@pytest.fixture
def shop(make_instance, tmp_path):
    port = free_port()
    with Nameserver(tmp_path / "dns", ZONES) as dns:
        one = outbound.sending(make_instance, dns, port)
        yield Shop(one, dns, port)
        one.stop()


# -- what DNS says -----------------------------------------------------------------------------------------------------


def test_what_dns_says(shop):
    """Who can't be reached ever comes back at once with the status that says why; who can later waits."""
    fates = {"null": "5.1.10", "self": "5.4.6", "nowhere": "5.1.2", "text": "5.4.4"}
    with shop.peer() as peer:
        names = ("null", "self", "nowhere", "text", "behind", "bare", "alias", "aliasmx")
        shop.send(*(f"x@{name}.odd.example" for name in names), "x@broken.example")
        peer.wait(1)
        outbound.wait("only what can't be asked", lambda: set(shop.states()) <= {"x@broken.example"})
        took = {p.decode() for m in peer.messages for p in m.forward_paths}
        assert took == {f"x@{n}.odd.example" for n in ("behind", "bare", "alias", "aliasmx")}
        told = {}
        for notice in outbound.wait("notices", lambda: len(
                {p for n in outbound.notices(shop.one) for p in n.actions}) == len(fates) and outbound.notices(shop.one)):
            told.update(notice.actions)
        assert told == {f"x@{name}.odd.example": ("failed", status) for name, status in fates.items()}
        assert set(shop.states()) == {"x@broken.example"}


def test_hosts_without_an_address(shop):
    shop.send("x@lost.odd.example")
    [notice] = outbound.notices(shop.one)
    assert notice.actions == {"x@lost.odd.example": ("failed", "5.4.4")}


def test_private_addresses_only_where_allowed(shop):
    one = shop.one
    one.stop()
    one.config.write_text(one.config.read_text().replace("allow_private = true", "allow_private = false"))
    one.start()
    with shop.peer() as peer:
        shop.send("cy@far.example")
        [notice] = outbound.notices(one)
        assert notice.actions == {"cy@far.example": ("failed", "5.4.4")}
        assert peer.sessions == []


def test_dns_that_comes_back(shop):
    """A domain that could not be asked for is, later; nothing is lost meanwhile."""
    with shop.peer() as peer:
        shop.send("cy@broken.example")
        outbound.wait("a try", lambda: shop.one.json_lines("trace", "cy@broken.example"))
        assert list(shop.states()) == ["cy@broken.example"]
        shop.dns.change("broken.example", "@ MX 10 mx.far.example.\n")
        deadline = time.monotonic() + 30
        while not peer.messages and time.monotonic() < deadline:
            shop.queue("retry")
            time.sleep(1)
        assert [m.forward_paths for m in peer.wait()] == [[b"cy@broken.example"]]
        outbound.wait_empty(shop.one)


def test_dnssec(make_instance, tmp_path):
    """What is signed is validated; what somebody changed is not believed, and the mail waits."""
    port, zone = free_port(), "@ MX 10 mx\nmx A 127.0.4.1\n"
    with Nameserver(tmp_path / "dns", {"signed.example": zone, "forged.example": zone}, signed=("signed.example", "forged.example"),
                    forged={"forged.example": ("127.0.4.1", "127.0.4.2")}) as dns:
        one = outbound.sending(make_instance, dns, port)
        with Peer(address="127.0.4.1", port=port) as peer, Peer(address="127.0.4.2", port=port) as thief:
            says = one.json("route", "explain", "cy@signed.example")["decisions"]
            assert any("mx.signed.example" in sentence and "validated" in sentence for sentence in says), says
            outbound.submit(one, "cy@signed.example", "cy@forged.example")
            assert peer.wait()[0].forward_paths == [b"cy@signed.example"]
            outbound.wait("a try", lambda: one.json_lines("trace", "cy@forged.example"))
            assert [row["forward_path"] for row in outbound.queue(one)] == ["cy@forged.example"]
            assert thief.sessions == [] and outbound.mailbox(one, ANN) == []


def test_an_address_literal(shop):
    with shop.peer() as peer:
        shop.send("cy@[127.0.4.1]")
        assert peer.wait()[0].forward_paths == [b"cy@[127.0.4.1]"]


# -- routes ------------------------------------------------------------------------------------------------------------


def test_explain_asks_the_queue_at_work(shop):
    def says(address):
        return " | ".join(shop.one.json("route", "explain", address)["decisions"])

    assert "mx.far.example" in says("cy@far.example") and "127.0.4.1" in says("cy@far.example")
    assert "null MX" in says("x@null.odd.example")
    assert "no such domain" in says("x@nowhere.odd.example")
    assert "this one" in says("x@self.odd.example")
    assert "no answer" in says("x@broken.example")
    shop.route("far.example", "--smarthost", "mx.far.example:2525")
    assert "127.0.4.1" in says("cy@far.example")


def test_by_recipient_and_sender(shop):
    """The most specific route counts; without one it goes by MX."""
    ports = [free_port() for _ in range(3)]
    with shop.peer() as mx, shop.peer(port=ports[0]) as star, shop.peer(port=ports[1]) as far, shop.peer(port=ports[2]) as other:
        shop.send("a@far.example")
        mx.wait()
        shop.route("*", "--smarthost", f"127.0.4.1:{ports[0]}")
        shop.route("far.example", "--smarthost", f"127.0.4.1:{ports[1]}")
        shop.route("*", "--sender", "shop.example", "--smarthost", f"127.0.4.1:{ports[2]}")
        shop.send("b@far.example", reverse_path="eve@else.example")
        shop.send("c@d1.many.example", reverse_path="eve@else.example")
        shop.send("d@d1.many.example")
        for peer, path in ((mx, b"a@far.example"), (far, b"b@far.example"), (star, b"c@d1.many.example"),
                           (other, b"d@d1.many.example")):
            assert [m.forward_paths for m in peer.wait()] == [[path]]
        shop.one.cli("route", "remove", "far.example")
        shop.send("e@far.example", reverse_path="eve@else.example")
        assert star.wait(2)[1].forward_paths == [b"e@far.example"]


def test_domains_of_a_smarthost_share_a_transaction(shop):
    port = free_port()
    with shop.peer(port=port) as peer:
        shop.route("*", "--smarthost", f"127.0.4.1:{port}")
        shop.send(*(f"x@d{n}.many.example" for n in range(40)))
        [message] = peer.wait()
        assert len(message.forward_paths) == 40


def test_the_second_smarthost(shop):
    """The first that can be used; where it fails, the next at once; and back to the first when it is well again."""
    first, second = free_port(), free_port()
    shop.route("*", "--smarthost", f"127.0.4.1:{first},127.0.4.2:{second}")
    with shop.peer(address="127.0.4.2", port=second) as spare:
        shop.send("a@far.example", seq=b"a")
        spare.wait()
        outbound.wait_empty(shop.one)
        for script in ({"GREETING": close}, {"GREETING": then(b"421 4.3.2 no\r\n")}, {"EHLO": then(b"421 4.3.2 no\r\n")}):
            with shop.peer(script, port=first):
                shop.send("b@far.example", seq=b"b")
                outbound.wait_empty(shop.one)
        assert len(spare.messages) == 4
        assert outbound.mailbox(shop.one, ANN) == []


def test_no_smarthost_at_all(shop):
    """The mail waits, the log and doctor say so, and a word after the repair is enough."""
    port = free_port()
    shop.route("*", "--smarthost", f"127.0.4.1:{port}")
    shop.send("a@far.example")
    [failed] = shop.one.wait_events("route.failed")[:1]
    assert failed["next_attempt"] and failed["why"]
    checks = {c["name"]: c for c in shop.one.json("doctor", code=69)["checks"]}
    assert checks["routes"]["state"] == "error" and "route" in checks["routes"]["what"]
    assert metrics(shop.one)["postrider_routes_failed"] == 1
    with shop.peer(port=port) as peer:
        shop.queue("retry")
        peer.wait()
        outbound.wait_empty(shop.one)
        outbound.wait("doctor's content", lambda: "routes" not in {
            c["name"] for c in shop.one.json("doctor", code=None)["checks"]})
        assert metrics(shop.one)["postrider_routes_failed"] == 0


def test_quota(shop):
    """Three in any hour; the others wait and are not tried, whatever is asked for."""
    port = free_port()
    with shop.peer(port=port) as peer:
        shop.route("*", "--smarthost", f"127.0.4.1:{port}", "--limit", "3/h")
        for n in range(5):
            shop.send(f"x{n}@far.example", seq=b"%d" % n)
        peer.wait(3)
        shop.queue("retry")
        time.sleep(1)
        assert sum(len(m.forward_paths) for m in peer.messages) == 3
        assert len(outbound.queue(shop.one)) == 2
        shop.one.stop()
        shop.one.start()  # a restart doesn't make it forget
        shop.queue("retry")
        time.sleep(1)
        assert sum(len(m.forward_paths) for m in peer.messages) == 3
        shop.route("*", "--smarthost", f"127.0.4.1:{port}")
        shop.queue("retry")
        outbound.wait_empty(shop.one)
        assert len({p for m in peer.messages for p in m.forward_paths}) == 5


def test_lmtp(shop):
    """A route can speak LMTP to a server of one's own: each recipient has its answer after the content."""
    port = free_port()

    def each(session, line):
        for path in session.answering:
            session.say(b"550 5.2.2 full\r\n" if b"full" in path else b"250 2.0.0 taken\r\n")
        return DONE

    def remember(session, line):
        session.answering = [p for p, _ in session.rcpts]
        return OK

    with shop.peer({"LHLO": b"250-peer.example\r\n250 PIPELINING\r\n", "DATA": remember, "DOT": each}, port=port) as peer:
        shop.route("far.example", "--smarthost", f"127.0.4.1:{port}", "--lmtp")
        shop.send("cy@far.example", "full@far.example", "di@far.example")
        outbound.wait_empty(shop.one)
        assert peer.lines(b"LHLO") and not peer.lines(b"EHLO")
        [notice] = outbound.notices(shop.one)
        assert notice.actions == {"full@far.example": ("failed", "5.2.2")}
        assert len(outbound.traced(shop.one, "1@shop.example", "message.sent")) == 2


# -- people steer --------------------------------------------------------------------------------------------------------


def test_freeze_and_thaw(shop):
    with shop.peer() as peer:
        shop.queue("freeze")
        shop.send("cy@far.example")
        time.sleep(.5)
        assert peer.sessions == [] and shop.states() == {"cy@far.example": "ready"}
        assert metrics(shop.one)["postrider_queue_frozen"] == 1 and metrics(shop.one)["postrider_queue_recipients"] == 1
        shop.one.stop()
        shop.one.start()
        time.sleep(.5)
        assert peer.sessions == []
        shop.queue("thaw")
        peer.wait()
        outbound.wait_empty(shop.one)
        assert metrics(shop.one)["postrider_queue_recipients"] == 0


def test_hold_release_remove_while_it_runs(shop):
    with shop.peer({"RCPT": b"450 4.2.0 later\r\n"}) as peer:
        shop.send("a@far.example", "b@far.example", "c@far.example")
        rows = outbound.wait_state(shop.one, "waiting", 1)
        assert all(r["last_reply"].startswith("450 4.2.0 later") and r["next_attempt"] for r in rows)
        ids = {r["forward_path"][:1]: r["id"] for r in rows}
        assert shop.queue("hold", ids["a"])["changed"] == 1
        assert shop.queue("remove", ids["b"])["changed"] == 1
        peer.script = {}
        shop.queue("retry")
        assert peer.wait()[0].forward_paths == [b"c@far.example"]
        outbound.wait("one left", lambda: shop.states() == {"a@far.example": "held"})
        assert shop.queue("release", ids["a"])["changed"] == 1
        assert peer.wait(2)[1].forward_paths == [b"a@far.example"]
        outbound.wait_empty(shop.one)
        assert len(peer.messages) == 2 and outbound.mailbox(shop.one, ANN) == []
        names = [e["event"] for e in shop.one.json_lines("trace", "1@shop.example")]
        assert {"queue.held", "queue.removed", "queue.released", "queue.retried", "message.deferred",
                "message.sent"} <= set(names)


def test_what_is_under_way_is_seen(shop):
    """`sending` while a transaction is; what is removed then is removed or sent, and never both of it and a notice."""
    with shop.peer({"DOT": [hang, OK]}) as peer:
        shop.send("cy@far.example")
        outbound.wait("the peer that hangs", lambda: any(s.hung.is_set() for s in peer.sessions))
        assert shop.states() == {"cy@far.example": "sending"}
        assert metrics(shop.one)["postrider_queue_sending"] == 1
        for session in peer.sessions:
            session.cut()
        outbound.wait_state(shop.one, "waiting", 1)
        shop.queue("retry")
        peer.wait()
        outbound.wait_empty(shop.one)


def test_a_stop_waits_for_the_final_reply(shop):
    """Past the final dot the answer is worth waiting for: else the message would go twice."""
    with shop.peer({"DOT": slowly(b"250 2.0.0 taken\r\n", .1)}) as peer:
        shop.send("cy@far.example")
        outbound.wait("the message", lambda: peer.whole)
        shop.one.stop()
        shop.one.start()
        assert outbound.queue(shop.one) == []
        assert len(peer.whole) == 1
        assert outbound.traced(shop.one, "1@shop.example", "message.sent")


def test_it_survives_a_restart(shop):
    """What waits, with its attempts and words, and a site that is left alone."""
    with shop.peer({"RCPT": b"450 4.2.0 later\r\n"}) as peer:
        shop.send("cy@far.example")
        [before] = outbound.wait_state(shop.one, "waiting", 1)
        shop.one.stop()
        shop.one.start()
        [after] = outbound.queue(shop.one)
        assert after == before
        peer.script = {}
        shop.queue("retry")
        peer.wait()
        outbound.wait_empty(shop.one)


def test_metrics_count(shop):
    with shop.peer({"RCPT": lambda s, line: b"450 4.2.0 later\r\n" if b"later" in line else OK}):
        shop.send("a@far.example", "later@far.example")
        outbound.wait("one left", lambda: shop.states() == {"later@far.example": "waiting"})
        found = metrics(shop.one)
        assert found["postrider_queue_recipients"] == 1 and found["postrider_queue_waiting"] == 1
        assert found["postrider_queue_held"] == 0
