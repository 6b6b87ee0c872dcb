"""kill -9 under load, and what must be true after it.

Clients deliver messages of 100 octets to 2 MB to one to three accounts, others collect and delete them.
A ledger knows what was promised: a message by its 250, a deletion by the +OK to its QUIT. At a random
moment the server child, its parent or both are killed; the ledger is then held against what POP3 shows.

    acknowledged message       there exactly once in every mailbox, octet for octet
    unacknowledged message     in all of its mailboxes or in none, at most once; for ever so
    acknowledged deletion      gone
    QUIT sent, no answer       all of its deletions done or none; for ever so
    no QUIT sent               everything back
"""

import contextlib
import os
import random
import re
import signal
import threading
import time

import clients
import faults

ACCOUNTS = ("ann@shop.example", "bob@shop.example", "cat@shop.example")
LARGEST = 2 << 20
SEQ = re.compile(rb"^X-Crash-Seq: (\d+)\r$", re.MULTILINE)
TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received|Authentication-Results):[^\r\n]*\r\n"
                   rb"(?:[ \t][^\r\n]*\r\n)*)*", re.IGNORECASE)


def _lines():
    """4 MB of lines as mail has them: short, long, 8-bit, with leading dots, empty."""
    rng, out, size = random.Random(4), [], 0
    while size < 4 << 20:
        kind, n = rng.random(), rng.choice((0, 1, 20, 76, 76, 200, 998))
        line = rng.randbytes(n).hex()[:n].encode() if kind < .6 else \
            bytes(b | 0x80 for b in rng.randbytes(n)) if kind < .8 else b"." * (n % 5) + b"x" * n
        out.append(line[:998] + b"\r\n")
        size += len(out[-1])
    return b"".join(out)


LINES = _lines()

# Deleted mail is collected at once and segments are many: each round of maintenance has some to empty.
SMALL_SEGMENTS = '[limits]\ndeleted_hours = 0\nsegment_size = "64K"\n'


def message(seq, largest=LARGEST):
    """The message with this number: the same octets every time."""
    rng = random.Random(seq)
    size = int(100 * (largest / 100) ** (rng.random() ** 1.5))
    head = (b"From: Load <load@far.example>\r\nSubject: crash test\r\nX-Crash-Seq: %d\r\n"
            b"Message-ID: <%d@far.example>\r\n\r\n" % (seq, seq))
    body = max(0, min(size, largest) - len(head) - 2)
    start = LINES.index(b"\r\n", rng.randrange(1 << 20)) + 2
    return head + LINES[start:start + body].rstrip(b"\r\n") + b"\r\n"


def identify(octets, made=message):
    """The seq of a collected message; AssertionError where it is not that message below trace fields."""
    found = SEQ.search(octets, 0, 16384)
    assert found, f"a message that nobody sent: {octets[:300]!r}"
    seq = int(found.group(1))
    sent = made(seq)
    assert octets.endswith(sent), f"message {seq} is damaged: {len(octets)} octets, {len(sent)} were sent"
    above = octets[:len(octets) - len(sent)]
    assert TRACE.fullmatch(above), f"message {seq} has more than trace fields above it: {above[:600]!r}"
    return seq


class Ledger:
    """What the server has promised. Filled while clients run, settled while none does."""

    def __init__(self, accounts=ACCOUNTS):
        self.lock = threading.Lock()
        self.next_seq = 1
        self.to = {}          # seq: accounts, of every message tried
        self.kept = set()     # seqs acknowledged, or found after a crash
        self.void = set()     # seqs not acknowledged and not found: never to be seen
        self.gone = {a: set() for a in accounts}
        self.unsure = []      # (account, seqs) of QUITs without an answer
        self.deletions = 0    # acknowledged
        self.refused = 0      # 4xx
        self.final = True     # what was refused must never be seen; a failed sync of the WAL leaves it open

    def try_message(self, accounts):
        with self.lock:
            seq, self.next_seq = self.next_seq, self.next_seq + 1
            self.to[seq] = accounts
            return seq

    def acknowledge(self, seq):
        with self.lock:
            self.kept.add(seq)

    def refuse(self, seq):
        with self.lock:
            self.refused += 1
            if self.final:
                self.void.add(seq)

    def try_deletion(self, account, seqs):
        with self.lock:
            self.unsure.append((account, seqs))
            return self.unsure[-1]

    def acknowledge_deletion(self, deletion):
        with self.lock:
            self.unsure.remove(deletion)
            self.gone[deletion[0]] |= deletion[1]
            self.deletions += len(deletion[1])

    def cancel_deletion(self, deletion):
        """A -ERR to QUIT: some may be removed, some not (RFC 1939 §6); we demand none."""
        with self.lock:
            self.unsure.remove(deletion)

    def settle(self, found):
        """Holds what was found, {account: [seq, ...]}, against the promises. Gives what is wrong, as sentences."""
        wrong = []
        for account, seqs in found.items():
            twice = sorted(s for s in set(seqs) if seqs.count(s) > 1) if len(set(seqs)) < len(seqs) else []
            wrong += [f"message {s} is {seqs.count(s)} times in {account}" for s in twice]
        found = {account: set(seqs) for account, seqs in found.items()}
        for account, seqs in self.unsure:
            back = seqs & found[account]
            if back and back != seqs:
                wrong.append(f"QUIT in {account} was done by part: {len(seqs - back)} of {len(seqs)} deletions")
            self.gone[account] |= seqs - back
        self.unsure = []
        for seq, accounts in self.to.items():
            wrong += self._settle_message(seq, accounts, found)
        for account, seqs in found.items():
            wrong += [f"message {s} is in {account}, where it was not sent" for s in seqs
                      if account not in self.to.get(s, ())]
        return wrong

    def _settle_message(self, seq, accounts, found):
        here = [a for a in accounts if seq in found[a]]
        back = [a for a in here if seq in self.gone[a]]
        if back:
            return [f"message {seq} was deleted and is back in {back}"]
        missing = [a for a in accounts if a not in here and seq not in self.gone[a]]
        if seq in self.kept:
            return [f"message {seq} was acknowledged and is missing in {missing}"] if missing else []
        if seq in self.void:
            return [f"message {seq} was refused or lost and is now in {here}"] if here else []
        if missing and len(missing) < len(accounts):
            return [f"message {seq} is in {here} but not in {missing}"]
        (self.void if missing else self.kept).add(seq)
        return []


class Load:
    """Delivering and deleting clients, each a thread, until close() and the end of their connection."""

    def __init__(self, instance, ledger, rng, deliverers=5):
        self.instance, self.ledger = instance, ledger
        self.closing = threading.Event()
        self.wrong = []
        jobs = [(self._deliver, None)] * deliverers + [(self._delete, a) for a in ACCOUNTS]
        self.threads = [threading.Thread(target=self._run, args=(job, account, random.Random(rng.random())))
                        for job, account in jobs]
        for t in self.threads:
            t.start()

    def close(self):
        """No new connections; the present ones end with the server, or after their present work."""
        self.closing.set()

    def join(self, timeout=60):
        deadline = time.monotonic() + timeout
        for t in self.threads:
            t.join(max(0, deadline - time.monotonic()))
            assert not t.is_alive(), "a client still waits for an answer"
        assert not self.wrong, self.wrong

    def _run(self, job, account, rng):
        while not self.closing.is_set():
            try:
                job(account, rng)
            except (clients.Closed, OSError):
                time.sleep(.02)  # killed, or shutting down
            except clients.Refused as e:
                if not re.match(rb"4\d\d |-ERR \[(IN-USE|SYS/TEMP)\]", e.reply):
                    self.wrong.append(f"refused: {e.reply!r}")
                    return
                time.sleep(.02)
            except Exception as e:  # a thread's failure is the test's
                self.wrong.append(f"{type(e).__name__}: {e}")
                return

    def _deliver(self, _, rng):
        with self.instance.smtp() as c:
            for _ in range(rng.randrange(1, 30)):
                if self.closing.is_set():
                    return
                accounts = tuple(rng.sample(ACCOUNTS, rng.choice((1, 1, 1, 2, 3))))
                seq = self.ledger.try_message(accounts)
                try:
                    c.deliver("load@far.example", accounts, message(seq))
                except clients.Refused:
                    self.ledger.refuse(seq)
                    raise
                self.ledger.acknowledge(seq)
            c.quit()

    def _delete(self, account, rng):
        time.sleep(rng.random() * .1)
        with self.instance.pop3(account) as c:
            numbers = sorted(c.uidl())
            numbers = rng.sample(numbers, min(len(numbers), rng.randrange(1, 15)))
            seqs = frozenset(identify(c.retr(n)) for n in numbers)
            for n in numbers:
                c.dele(n)
            if not numbers or rng.random() < .2:
                return  # no QUIT: everything stays
            deletion = self.ledger.try_deletion(account, seqs)
            try:
                c.quit()
            except clients.Refused:
                self.ledger.cancel_deletion(deletion)
                raise
            self.ledger.acknowledge_deletion(deletion)


class Crash:
    """One instance under load and kills; `injected` (faults.Faults, in its environment) adds the checkpoint.

    `compacting` (with SMALL_SEGMENTS in its configuration) adds compaction."""

    def __init__(self, instance, seed, injected=None, compacting=False):
        self.instance, self.rng = instance, random.Random(seed)
        self.ledger = Ledger()
        self.uids = {a: {} for a in ACCOUNTS}  # uid: seq, of messages that were compared octet for octet
        self.moments = {"load": self._under_load, "start": self._at_start, "drain": self._while_draining}
        if injected is not None:
            self.moments["checkpoint"] = self._at_checkpoint(injected)
        if compacting:
            self.moments["compact"] = self._at_compaction(injected)
        self.checkpoints = 0  # kills that did strike one
        self.compactions = 0  # kills after a segment was emptied or while one was
        self.kills = {name: 0 for name in self.moments}

    def run(self, kills):
        """The instance runs already and has the accounts."""
        names = list(self.moments)
        for n in range(kills):
            # Every kind of moment comes; load is the most dangerous one, so it comes every other time.
            name = "load" if n % 2 == 0 else names[(n // 2 + 1) % len(names)]
            victim = self.rng.choice(("child", "parent", "both"))
            self.moments[name](victim)
            self.kills[name] += 1
            self.again()
            self.check(f"after kill {n + 1} of {victim} at {name}", full=n + 1 == kills)

    # -- moments -------------------------------------------------------------------------------------

    def _under_load(self, victim):
        load = Load(self.instance, self.ledger, self.rng)
        time.sleep(self.rng.uniform(.05, 1.5))
        load.close()
        self.kill(victim)
        load.join()

    def _at_start(self, victim):
        load = Load(self.instance, self.ledger, self.rng)
        time.sleep(self.rng.uniform(.05, .5))
        load.close()
        self.kill("both")
        load.join()
        self.instance.spawn()
        time.sleep(self.rng.choice((.01, .03, .1, .3)) * self.rng.random())
        self.kill(victim)

    def _while_draining(self, victim):
        load = Load(self.instance, self.ledger, self.rng)
        time.sleep(self.rng.uniform(.05, .5))
        load.close()
        self.instance.process.send_signal(signal.SIGTERM)
        time.sleep(self.rng.uniform(0, .1))
        self.kill(victim)
        load.join()

    def _at_checkpoint(self, injected):
        """The moment at which the database's file is written: each such write waits, so that there is time."""
        def moment(victim):
            injected.set(faults.WRITE, 0, "*.db", delay_ms=5)
            load = Load(self.instance, self.ledger, self.rng)
            deadline = time.monotonic() + 60
            wanted = self.rng.randrange(1, 30)
            while injected.struck() < wanted and time.monotonic() < deadline:
                time.sleep(.002)
            load.close()
            self.kill(victim)
            load.join()
            injected.clear()
            self.checkpoints += injected.struck() >= wanted
        return moment

    def _at_compaction(self, injected):
        """Around a round of maintenance, which empties one small segment after another: each sync of a segment
        waits a little, so that there is time between the copy, the swap of the rows and the unlinking."""
        def moment(victim):
            if injected is not None:
                injected.set(faults.SYNC, 0, "*.seg", delay_ms=3)
            begin = len(self.instance.log_octets())
            load = Load(self.instance, self.ledger, self.rng)
            deadline = time.monotonic() + 8
            wanted = self.rng.randrange(1, 4)
            seen = 0
            while seen < wanted and time.monotonic() < deadline:
                time.sleep(.005)
                seen = len(self.instance.events("store.compacted", begin))
            time.sleep(self.rng.uniform(0, .02))
            load.close()
            self.kill(victim)
            load.join()
            if injected is not None:
                injected.clear()
            self.compactions += seen >= wanted
        return moment

    def kill(self, victim):
        parent, child = self.instance.process, self.instance.server_pid()
        pids = {"child": [child], "parent": [parent.pid], "both": [parent.pid, child]}[victim]
        for pid in pids if child is not None else [parent.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if child is not None:
            self._dead(child)

    @staticmethod
    def _dead(pid):
        """A server whose parent died has to go too, before anybody may look at what it left."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
                    if f.read().rpartition(")")[2].split()[0] == "Z":
                        return
            except OSError:
                return
            time.sleep(.005)
        os.kill(pid, signal.SIGKILL)
        raise AssertionError("the server outlived its parent by 5 s")

    # -- after it ------------------------------------------------------------------------------------

    def again(self):
        """Serving again: by its parent where that lives, else by a new start."""
        process = self.instance.process
        deadline = time.monotonic() + 40
        while True:
            with contextlib.suppress(clients.Closed, OSError):
                if process.poll() is None:
                    self.instance.smtp(timeout=15).quit()
                    self.instance.pop3(ACCOUNTS[0], timeout=15).quit()
                    return
            if process.poll() is not None:
                self.instance.start()
                return
            assert time.monotonic() < deadline, f"not serving again:\n{self.instance.log_tail()}"
            time.sleep(.02)

    def check(self, when, full):
        """Everything listed; what was never compared is, of the rest some (`full`: all)."""
        wrong = self.ledger.settle({account: self._found(account, full) for account in ACCOUNTS})
        assert not wrong, f"{when}: {len(wrong)} wrong: " + "; ".join(wrong[:10])
        self.instance.verify()

    def _found(self, account, full):
        known = self.uids[account]
        with self.instance.pop3(account) as c:
            uidl, sizes = c.uidl(), c.list()
            assert sorted(uidl) == sorted(sizes)
            assert len(set(uidl.values())) == len(uidl), f"a unique-id stands twice in {account}"
            sample = set(self.rng.sample(sorted(uidl), min(len(uidl), 10)))
            for number, uid in uidl.items():
                if uid in known and not full and number not in sample:
                    continue
                octets = c.retr(number)
                seq = identify(octets)
                assert len(octets) == sizes[number], f"LIST says {sizes[number]} for {len(octets)} octets"
                assert known.setdefault(uid, seq) == seq, f"unique-id {uid} was message {known[uid]}, now {seq}"
            c.quit()
        return [known[uid] for uid in uidl.values()]

    def figures(self):
        return (f"{sum(self.kills.values())} kills {self.kills}, {len(self.ledger.to)} messages tried, "
                f"{len(self.ledger.kept)} kept, {len(self.ledger.void)} not, {self.ledger.deletions} deletions, "
                f"{self.ledger.refused} refused")
