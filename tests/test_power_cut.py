"""The power fails at any moment, and the store opens with nothing promised missing.

A run of deliveries (small, large, to several accounts), deletions, checkpoints and re-openings is recorded,
then cut: POSTRIDER_CUTS of the cuts that crash_cut.plan knows (make soak: "all", some after every entry).
Each state has to open, to take one more message, and to show what crash.Ledger has been promised.
POSTRIDER_SEED repeats a run; a failure names its cut, and the first bad state is kept.
"""

import concurrent.futures
import fnmatch
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading

import pytest

import crash_cut
import recording
from crash import Ledger, identify, message
from instance import preload

ACCOUNTS = ("ann@cut.example", "bob@cut.example", "cat@cut.example")
PLACES = (*ACCOUNTS, "queue")  # a message for a remote recipient waits there until it is sent


@pytest.fixture
def store_cut(preload_dir):
    """The program that works on a store and shows it: tests/cut/store_cut.c."""
    return preload_dir.parent / "cut" / "store_cut"


def cut_count(default):
    """None means all."""
    chosen = os.environ.get("POSTRIDER_CUTS", "all" if os.environ.get("POSTRIDER_SOAK") else str(default))
    return None if chosen == "all" else int(chosen)


@pytest.fixture
def scratch():
    """A folder in memory: states are small, many, and need no disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def seed():
    chosen = int(os.environ.get("POSTRIDER_SEED", random.randrange(1 << 30)))
    print(f"POSTRIDER_SEED={chosen}")
    return chosen


def sized(seq):
    """Message seq: most are small, every 20th is a file of its own (over 256 KB)."""
    octets = message(seq, 24 << 10)
    return octets + b"and more\r\n" * 30000 if seq % 20 == 0 else octets


# -- what was promised, and what is there ----------------------------------------------------------------


class Promises:
    """[(index of the entry with which it was said, verb, arguments)]:

    account NAME                    it exists from here on
    try SEQ ACCOUNTS, ok SEQ        a delivery may happen from here on; it has
    expunge ACCOUNT SEQS, gone ...  the same of a deletion, or of sending where ACCOUNT is the queue
    """

    def __init__(self, said):
        self.said = sorted(said, key=lambda s: s[0])

    def accounts(self, index):
        return {args[0] for i, verb, *args in self.said if i <= index and verb == "account"}

    def ledger(self, index):
        ledger, open_deletions = Ledger(PLACES), {}
        for i, verb, *args in self.said:
            if i > index:
                break
            if verb == "try":
                ledger.to[args[0]] = args[1]
            elif verb == "ok":
                ledger.acknowledge(args[0])
            elif verb == "expunge":
                open_deletions[args[0], args[1]] = ledger.try_deletion(args[0], args[1])
            elif verb == "gone":
                ledger.acknowledge_deletion(open_deletions.pop((args[0], args[1])))
        return ledger


def shown(store_cut, directory):
    """(accounts, {account: [seq, ...]}) of a store, opened; AssertionError with its words where it is not."""
    done = subprocess.run([str(store_cut), "dump", str(directory)], capture_output=True, timeout=60, check=False)
    complaint = f"exit {done.returncode}: {done.stderr[-2000:].decode('utf-8', 'replace')}"
    assert done.returncode == 0, complaint
    accounts, found, out, at = set(), {a: [] for a in PLACES}, done.stdout, 0
    while at < len(out):
        end = out.index(b"\n", at)
        verb, *words = out[at:end].decode().split()
        at = end + 1
        if verb == "account":
            accounts.add(words[0])
        elif verb == "damaged":
            assert words[0] == "0", f"{words[0]} records damaged: {complaint}"
        elif verb == "message":
            octets = out[at:at + int(words[2])]
            at += len(octets)
            if not octets.endswith(b"\r\n\r\none more\r\n"):
                found[words[0]].append(identify(octets, sized))
    return accounts, found


def judge(store_cut, promises, cut, directory):
    """What is wrong in one state, or None."""
    try:
        accounts, found = shown(store_cut, directory)
    except (AssertionError, subprocess.TimeoutExpired) as e:
        return str(e)
    missing = promises.accounts(cut.index) - accounts
    wrong = [f"accounts {missing} are missing"] if missing else []
    return "; ".join((wrong + promises.ledger(cut.index).settle(found))[:5]) or None


def cut_all(store_cut, entries, promises, base, cuts, scratch):
    """Judges the cuts, two at a time, to the end or the fifth bad one: [(cut, what is wrong, folder)], the model."""
    wrong, under_way = [], []

    def one(cut, state, directory):
        crash_cut.save(state, directory)
        sentence = judge(store_cut, promises, cut, directory)
        if sentence is None:
            shutil.rmtree(directory)
        return cut, sentence, directory

    def drain(most):
        while len(under_way) > most:
            judged = under_way.pop(0).result()
            if judged[1] is not None:
                wrong.append(judged)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        def visit(cut, state):
            drain(4)
            if len(wrong) < 5:
                visit.number += 1
                under_way.append(pool.submit(one, cut, state, scratch / str(visit.number)))

        visit.number = 0
        model = crash_cut.explore(entries, base, cuts, visit)
        drain(0)
    return wrong, model


def report(wrong, cuts, entries, folder):
    if wrong:
        shutil.copytree(wrong[0][2], folder / "state")
    told = [f"{cut}: {sentence}" for cut, sentence, _ in wrong]
    assert not wrong, f"wrong in {folder}/state and others: " + "\n".join(told)
    print(f"{len(cuts)} cuts of {len(entries)} operations")


def recorded(store_cut_or_server, preload_dir, data, log):
    return {"LD_PRELOAD": preload(store_cut_or_server, preload_dir / "recorder.so"),
            **recording.environment(log, data)}


# -- the store alone -------------------------------------------------------------------------------------


def commands(rng, count):
    """What store_cut is told: bursts of deliveries, now and then something else."""
    out, there = [], {a: [] for a in range(len(PLACES))}
    for seq in range(1, count + 1):
        accounts = rng.sample(range(len(PLACES)), rng.choice((1, 1, 2, 3)))
        octets = sized(seq)
        out.append(b"D %d %d %s\n" % (seq, len(octets), b" ".join(b"%d" % a for a in accounts)) + octets)
        for a in accounts:
            there[a].append(seq)
        if seq % 4 == 0:
            a = rng.randrange(len(PLACES))
            gone = [s for s in there[a] if rng.random() < .4]
            there[a] = [s for s in there[a] if s not in gone]
            if gone:
                out.append(b"X %d %s\n" % (a, b" ".join(b"%d" % s for s in gone)))
        if rng.random() < .25:
            out.append(b"W\n")
        if seq % 11 == 0:
            out.append(b"M\n")
        if seq % 25 == 0:
            out.append(b"R\n")
    return b"".join(out)


def said_by_store_cut(entries):
    said = []
    for index, e in enumerate(entries):
        for line in e.first.decode().splitlines() if e.kind == recording.SENT else ():
            verb, first, *rest = line.split()
            listed = [int(n) for n in rest[0].split(",")] if rest else []
            if verb in ("try", "ok"):
                said.append((index, verb, int(first), tuple(PLACES[a] for a in listed)))
            elif verb in ("expunge", "gone"):
                said.append((index, verb, PLACES[int(first)], frozenset(listed)))
            else:
                said.append((index, verb, first))
    return said


def recorded_store(store_cut, preload_dir, folder, seed):
    """A recorded run: (its entries, its promises). folder/data is what it left, folder/empty what it began with."""
    data, log = folder / "data", folder / "log"
    data.mkdir()
    (folder / "empty").mkdir()
    env = dict(os.environ, **recorded(store_cut, preload_dir, data, log))
    subprocess.run([str(store_cut), "write", str(data)], env=env, input=commands(random.Random(seed), 60), check=True)
    entries = recording.read(log)
    promises = Promises(said_by_store_cut(entries))
    assert len(promises.ledger(len(entries)).kept) == 60
    return entries, promises


def test_store(store_cut, preload_dir, tmp_path, scratch, seed):
    entries, promises = recorded_store(store_cut, preload_dir, tmp_path, seed)
    cuts = crash_cut.plan(entries, 0, cut_count(500), seed)
    wrong, model = cut_all(store_cut, entries, promises, tmp_path / "empty", cuts, scratch)
    model.check_complete(tmp_path / "data")
    report(wrong, cuts, entries, tmp_path)


def without_syncs(entries, pattern):
    """The recording of a store that forgot to sync the files or folders of this name."""
    paths, left_out, left = {}, set(), []
    for e in entries:
        if e.kind in (recording.CREATE, recording.OPEN, recording.MKDIR):
            paths[e.inode] = e.path
        if e.kind == recording.SYNC_BEGIN and fnmatch.fnmatch(paths[e.inode], pattern):
            left_out.add((e.pid, e.a))
        if e.kind not in (recording.SYNC_BEGIN, recording.SYNC_END) or (e.pid, e.a) not in left_out:
            left.append(e)
    assert left_out, f"nothing was synced that is called {pattern}"
    return left


@pytest.mark.parametrize("pattern", ["segments/*", "segments", "*.db-wal", "*.db", "spool/*", "files/*", ""])
def test_every_sync_of_the_store_is_needed(store_cut, preload_dir, tmp_path, scratch, pattern):
    """The test above can fail: a store that leaves out one kind of sync is caught by it."""
    whole, _ = recorded_store(store_cut, preload_dir, tmp_path, 1)
    entries = without_syncs(whole, pattern)
    promises = Promises(said_by_store_cut(entries))
    cuts = crash_cut.plan(entries, 0, None, 1)
    wrong, _ = cut_all(store_cut, entries, promises, tmp_path / "empty", cuts, scratch)
    assert wrong


# -- the whole server: what a client was told, at the moment it was sent -----------------------------------


class Client(threading.Thread):
    """Delivers some messages and collects and deletes some; remembers when it was told what."""

    def __init__(self, instance, number, count):
        super().__init__()
        self.instance, self.rng, self.account = instance, random.Random(number), ACCOUNTS[number % 3]
        self.seqs = range(number * count + 1, (number + 1) * count + 1)
        self.told = []  # (verb, arguments, port, octets the server had sent by then)
        self.failure = None

    def run(self):
        try:
            self.deliver()
            self.delete(self.account)
        except Exception as e:
            self.failure = e

    def deliver(self):
        with self.instance.smtp() as c:
            for seq in self.seqs:
                accounts = tuple(self.rng.sample(ACCOUNTS, self.rng.choice((1, 2, 3))))
                self.told.append(("try", (seq, accounts), c.port, 1))
                c.deliver("load@far.example", accounts, sized(seq))
                self.told.append(("ok", (seq, accounts), c.port, c.consumed))
            c.quit()

    def delete(self, account):
        with self.instance.pop3(account) as c:
            numbers = self.rng.sample(sorted(c.uidl()), 4)
            seqs = frozenset(identify(c.retr(n), sized) for n in numbers)
            for n in numbers:
                c.dele(n)
            self.told.append(("expunge", (account, seqs), c.port, c.consumed))
            c.quit()
            self.told.append(("gone", (account, seqs), c.port, c.consumed))


def test_server(store_cut, make_instance, preload_dir, tmp_path, scratch, seed):
    one = make_instance()
    for account in ACCOUNTS:
        one.cli("domain", "add", account.partition("@")[2], code=None)
        one.account_add(account)
    data, log, base = one.dir / "data", tmp_path / "log", tmp_path / "base"
    shutil.copytree(data, base, ignore=lambda folder, names: [n for n in names if (pathlib.Path(folder) / n).is_socket()])
    plain, one.env = one.env, dict(one.env, **recorded(one.binary, preload_dir, data, log))
    one.start()
    clients = [Client(one, n, 12) for n in range(4)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    one.stop()
    one.env = plain
    assert [c.failure for c in clients if c.failure] == []
    entries = recording.read(log)
    said = [(0, "account", a) for a in ACCOUNTS]
    said += [(recording.stream_index(entries, port, octets), verb, *args)
             for c in clients for verb, args, port, octets in c.told]
    promises = Promises(said)
    cuts = crash_cut.plan(entries, 0, cut_count(100), seed)
    wrong, model = cut_all(store_cut, entries, promises, base, cuts, scratch)
    model.check_complete(data)
    report(wrong, cuts, entries, tmp_path)
