"""kill -9 while mail goes out: nothing that was acknowledged is lost, and what arrives twice had to.

Clients submit messages to recipients at several sites; servers, which are never killed, take them and write down each
before they say so; some recipients they refuse. At random moments the server child, its parent or both are killed. When
the queue is empty at last:

    acknowledged recipient     taken at least once, octet for octet; or, where refused, told to the sender exactly once
    unacknowledged message     all of its recipients or none
    taken again                only where the server's 250 came on a connection that a kill ended, and was its last one:
                               nobody can tell whether we had read it (RFC 5321 §4.1.1.4, RFC 1047)

POSTRIDER_KILLS says how often (10; make soak: 100), POSTRIDER_SEED repeats a run's choices.
"""

import contextlib
import os
import random
import re
import threading
import time

import pytest

import clients
import outbound
from crash import Crash, identify, message
from hostile_peer import Peer, refusing
from nameserver import Nameserver, free_port

SITES = 4
LARGEST = 64 << 10
ZONE = "".join(f"c{n} MX 10 m{n}\nm{n} A 127.0.3.{n}\n" for n in range(1, SITES + 1))
REFUSED = b"<no"


def made(seq):
    return message(seq, LARGEST)


class Arrival:
    """One transaction that a server took."""

    def __init__(self, octets, paths, session):
        self.seq = identify(octets, made)
        self.paths = [p.decode() for p in paths]
        self.session = session


class Ledger:
    """What was submitted and acknowledged, what arrived, in order, and which connections kills ended."""

    def __init__(self):
        self.lock = threading.Lock()
        self.paths = {}            # seq: forward-paths, of every message tried
        self.acknowledged = set()
        self.ended = set()         # sessions that were open at a kill
        self.open_at_kills = 0

    def attempt(self, rng):
        with self.lock:
            seq = len(self.paths) + 1
            sites = rng.sample(range(1, SITES + 1), rng.choice((1, 1, 2, 3)))
            self.paths[seq] = [f"{rng.choice(('r', 'r', 'r', 'r', 'no'))}{seq}x{n}@c{n}.crash.example" for n in sites
                               for _ in range(rng.choice((1, 1, 1, 2)))]
            self.paths[seq] = list(dict.fromkeys(self.paths[seq]))
            return seq, self.paths[seq]

    def kill(self, peers):
        alive = {s for peer in peers for s, t in zip(list(peer.sessions), list(peer.threads)) if t.is_alive()}
        self.ended |= alive
        self.open_at_kills += len(alive)

    def settle(self, arrivals, told):
        """Sentences of what is wrong, and how many transactions came again. `told`: (seq, path) of the notices."""
        wrong, again, seen = [], 0, {}
        last = {a.session: a for a in arrivals}
        for arrival in arrivals:
            former = [seen[arrival.seq, p] for p in arrival.paths if (arrival.seq, p) in seen]
            again += bool(former)
            wrong += [f"message {arrival.seq} came again though no kill explains it" for f in former
                      if f.session not in self.ended or last[f.session] is not f]
            for path in arrival.paths:
                seen[arrival.seq, path] = arrival
                if path not in self.paths.get(arrival.seq, ()):
                    wrong.append(f"message {arrival.seq} came to {path}, where it was not sent")
        if again > self.open_at_kills:
            wrong.append(f"{again} transactions came again, {self.open_at_kills} connections were open at kills")
        for seq, paths in self.paths.items():
            wrong += self._settle_message(seq, paths, seen, told)
        return wrong, again

    def _settle_message(self, seq, paths, seen, told):
        fates = {p: told.count((seq, p)) if p.startswith("no") else int((seq, p) in seen) for p in paths}
        twice = [p for p, times in fates.items() if times > 1]
        if twice:
            return [f"the sender of message {seq} was told {fates[twice[0]]} times about {twice[0]}"]
        lost = [p for p, times in fates.items() if not times]
        if seq in self.acknowledged and lost:
            return [f"message {seq} was acknowledged, and nothing is known of it for {lost}"]
        if lost and len(lost) < len(paths):
            return [f"message {seq} was not acknowledged, and went only to some: not to {lost}"]
        return []


class Load:
    def __init__(self, one, ledger, rng, submitters=4):
        self.one, self.ledger, self.closing, self.wrong = one, ledger, threading.Event(), []
        self.threads = [threading.Thread(target=self._run, args=(random.Random(rng.random()),)) for _ in range(submitters)]
        for t in self.threads:
            t.start()

    def close(self):
        self.closing.set()

    def join(self):
        for t in self.threads:
            t.join(60)
            assert not t.is_alive(), "a client still waits for an answer"
        assert not self.wrong, self.wrong

    def _run(self, rng):
        while not self.closing.is_set():
            try:
                with self.one.smtp() as c:
                    while not self.closing.is_set():
                        seq, paths = self.ledger.attempt(rng)
                        c.deliver(outbound.ANN, paths, made(seq))
                        with self.ledger.lock:
                            self.ledger.acknowledged.add(seq)
            except (clients.Closed, OSError):
                time.sleep(.02)
            except clients.Refused as e:
                if not e.reply.startswith(b"4"):
                    self.wrong.append(e.reply)
                    return
                time.sleep(.02)


class Run:
    def __init__(self, one, peers, seed):
        self.one, self.peers, self.rng = one, peers, random.Random(seed)
        self.crash, self.ledger = Crash(one, seed), Ledger()

    def kills(self, count):
        for n in range(count):
            victim = self.rng.choice(("both", "both", "child", "parent"))
            load = Load(self.one, self.ledger, self.rng)
            time.sleep(self.rng.uniform(.1, .8))
            if n % 3 == 1:  # acceptance is over, sending goes on
                load.close()
                load.join()
                time.sleep(self.rng.uniform(0, .1))
            load.close()
            self.ledger.kill(self.peers)
            self.crash.kill(victim)
            load.join()
            if n % 3 == 2:  # and in the start
                with contextlib.suppress(AssertionError):
                    self.one.spawn()
                    time.sleep(self.rng.uniform(.02, .3))
                    self.ledger.kill(self.peers)
                    self.crash.kill("both")
            self.crash.again()
            self.one.cli("queue", "retry", code=None)

    def drain(self):
        """Until the queue is empty."""
        deadline = time.monotonic() + 60 + len(self.ledger.paths) / 20
        while outbound.queue(self.one):
            assert time.monotonic() < deadline, (len(outbound.queue(self.one)), outbound.queue(self.one)[:5])
            self.one.cli("queue", "retry")
            time.sleep(.5)

    def arrivals(self):
        """In the order in which they came, over all servers."""
        return [Arrival(m.octets, m.forward_paths, m.session) for m in
                sorted((m for peer in self.peers for m in peer.messages), key=lambda m: m.order)]

    def told(self):
        """(seq, path) of each failure that the sender was told of."""
        found = []
        for octets in outbound.mailbox(self.one, outbound.ANN):
            notice = outbound.Notice(octets)
            seq = int(re.search(rb"X-Crash-Seq: (\d+)", notice.returned)[1])
            found += [(seq, path) for path, (action, _) in notice.actions.items() if action == "failed"]
        return found


def test_kills(make_instance, tmp_path):
    seed = int(os.environ.get("POSTRIDER_SEED", random.randrange(1 << 30)))
    kills = int(os.environ.get("POSTRIDER_KILLS", 10))
    print(f"POSTRIDER_SEED={seed}")
    port = free_port()
    with contextlib.ExitStack() as stack:
        dns = stack.enter_context(Nameserver(tmp_path / "dns", {"crash.example": ZONE}))
        peers = [stack.enter_context(Peer({"RCPT": refusing(REFUSED)}, address=f"127.0.3.{n}", port=port))
                 for n in range(1, SITES + 1)]
        one = outbound.sending(make_instance, dns, port)
        run = Run(one, peers, seed)
        run.kills(kills)
        run.drain()
        arrivals, told = run.arrivals(), run.told()
        wrong, again = run.ledger.settle(arrivals, told)
        print(f"{kills} kills with {run.ledger.open_at_kills} open connections, {len(run.ledger.paths)} messages tried, "
              f"{len(run.ledger.acknowledged)} acknowledged, {len(arrivals)} transactions, {again} of them again, "
              f"{len(told)} refusals told")
        assert not wrong, f"{len(wrong)} wrong: " + "; ".join(wrong[:10])
        assert len(run.ledger.acknowledged) >= 10 * kills and len(told) > kills and run.ledger.open_at_kills > 0
        one.verify()


# -- the judge itself --------------------------------------------------------------------------------------------------

A, B, NO = "r1@c1.crash.example", "r1@c2.crash.example", "no1@c1.crash.example"


class Seen(Arrival):
    def __init__(self, paths, session, seq=1):  # pylint: disable=super-init-not-called
        self.seq, self.paths, self.session = seq, paths, session


@pytest.mark.parametrize("paths, acknowledged, arrived, ended, told, words", [
    ([A, B], True, [([A], 1), ([B], 2)], [], [], ""),
    ([A, B], True, [([A], 1)], [], [], "nothing is known"),
    ([A, B], True, [([A, B], 1), ([A, B], 2)], [1], [], ""),
    ([A, B], True, [([A, B], 1), ([A, B], 2)], [2], [], "no kill explains"),
    ([A, B], True, [([A, B], 1), ([A, B], 1)], [1], [], "no kill explains"),
    ([A], True, [([A], 1), ([A], 2), ([A], 3)], [1], [], "no kill explains"),
    ([A], True, [([A], 1), ([A], 2), ([A], 3)], [1, 2], [], ""),
    ([A], True, [([A, B], 1)], [], [], "where it was not sent"),
    ([A, B], False, [], [], [], ""),
    ([A, B], False, [([A], 1), ([B], 2)], [], [], ""),
    ([A, B], False, [([A], 1)], [], [], "only to some"),
    ([A, NO], True, [([A], 1)], [], [NO], ""),
    ([A, NO], True, [([A], 1)], [], [], "nothing is known"),
    ([A, NO], True, [([A], 1)], [], [NO, NO], "told 2 times"),
])
def test_settling(paths, acknowledged, arrived, ended, told, words):
    ledger = Ledger()
    ledger.paths[1] = paths
    ledger.acknowledged |= {1} if acknowledged else set()
    ledger.ended, ledger.open_at_kills = set(ended), len(ended)
    wrong, again = ledger.settle([Seen(*a) for a in arrived], [(1, p) for p in told])
    assert bool(wrong) == bool(words) and all(words in w or "connections were open" in w for w in wrong), wrong
    assert again == (len(arrived) - 1 if arrived and arrived[0][0] == arrived[-1][0] and len(arrived) > 1 else 0)


def test_settling_counts():
    """No more transactions again than connections that kills ended."""
    ledger = Ledger()
    ledger.paths = {1: [A]}
    ledger.ended = {1}
    wrong, again = ledger.settle([Seen([A], 1), Seen([A], 2)], [])
    assert again == 1 and "0 connections" in wrong[0]
