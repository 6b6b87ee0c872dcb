#!/usr/bin/python3
"""make bench-collect: collecting mail by POP3, measured against the budgets of the design and against Dovecot, in one
call on one machine.

  bench/collect.py                      every row
  bench/collect.py --rows maildrop      some of them
  bench/collect.py --quick              short runs: to see that all works, not to quote
  bench/collect.py --servers postrider  without those that are not wanted

Prints a table and writes build/bench/collect.json. Exit code 0 if every budget measured is kept, 1 if one is missed.
Both servers get the same messages into one mailbox, which is read once unmeasured, so that neither makes its indexes or
checks a password for the first time while the clock runs; then they take turns. Every message's size is held against
what LIST said, and every message is compared with what was sent. Beside RETR one by one stands what the machine allows: most
of that row is each side waking the other.
"""
import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

import proc
import tools
from benchmark import Benchmark, measure_all
from report import Row
from servers import BUILD, DOMAIN, Peer, Postrider
from tools import Load

WORK = BUILD / "bench" / "work"
PIPELINED, ONE_BY_ONE = 64, 1
STEPS = {  # the field of pop3-maildrop's object, and the window it is measured with
    "open": ("open_ms", PIPELINED),
    "LIST": ("list_ms", PIPELINED),
    "UIDL": ("uidl_ms", PIPELINED),
    "RETR of all, pipelined": ("retr_ms", PIPELINED),
    "RETR of all, one by one": ("retr_ms", ONE_BY_ONE),
}
TIMES = 1.5
LOGINS_PER_S = 2000
PEOPLE = 64
MAIL_SHARE = 0.9
IDLE_KB = {"pop3": 10, "pop3s": 30}


class Bench:
    def __init__(self, quick: bool, servers: list[str]):
        self.quick = quick
        self.servers = servers
        self.rounds = 1 if quick else 5
        self.fresh = 0

    def work(self) -> Path:
        self.fresh += 1
        return WORK / f"s{self.fresh}"


def fill(server, count: int, acks: Path) -> dict:
    """`count` messages of 4 KB into the one mailbox; whether they are all there, unharmed."""
    load = Load(size=4096, connections=16, seconds=0, users=1, recipients=f"user%d@{DOMAIN}", count=count)
    tools.send(server.smtp, load, acks)
    proc.wait_idle(server.pid)
    return tools.collect(server, acks)


def row_maildrop(bench: Bench):
    count = 2000 if bench.quick else 20000
    makers = {"postrider": Postrider, "dovecot": Peer}
    found: dict[str, dict] = {}
    collected = {}
    turns = []
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(make(bench.work(), ["user0"]))
            for name, make in makers.items()
            if name in bench.servers
        }
        for name, server in servers.items():
            collected[name] = fill(server, count, WORK / f"acks-{name}")
        for _ in range(bench.rounds):
            for name, server in servers.items():
                for window in (PIPELINED, ONE_BY_ONE):
                    found.setdefault(name, {}).setdefault(window, []).append(tools.maildrop(server, "user0", window))
            turns.append(tools.round_trip(count, 4300))
    for what, (key, window) in STEPS.items():
        runs = {name: by_window[window] for name, by_window in found.items()}
        yield from step_rows(f"{count:,} messages: {what}", count, key, runs)
    us = statistics.median(turn["us"] for turn in turns)
    what = "the same between two processes that do nothing else"
    yield Row("maildrop", what, "", f"{count * us / 1000:,.1f} ms, {1e6 / us:,.0f}/s", None, {"runs": turns})
    for name, result in collected.items():
        mine = name == "postrider"
        figure = f"{result['messages']:,} of {count:,}"
        what, budget = f"{name}: messages found once, unharmed", "all" if mine else ""
        yield Row("maildrop", what, budget, figure, result["ok"] if mine else None, result)


def step_rows(what: str, count: int, key: str, runs: dict[str, list[dict]]):
    ms = {name: statistics.median(run[key] for run in of) for name, of in runs.items()}
    for name in ms:
        each = f", {count / ms[name] * 1000:,.0f}/s" if key == "retr_ms" else ""
        yield Row("maildrop", f"{what}: {name}", "", f"{ms[name]:,.1f} ms{each}", None, {"runs": runs[name]})
    if len(ms) == 2:
        times = ms["dovecot"] / ms["postrider"]
        yield Row("maildrop", f"{what}: times Dovecot", f"≥ {TIMES:g}", f"{times:.1f}", times >= TIMES)


def row_logins(bench: Bench):
    """People poll at a fixed rate and mail comes as fast as it is taken; the same while somebody guesses, in turns. The
    guesses come from networks of loopback where nobody else is and which no limit holds up: what a botnet with addresses
    enough does.
    """
    seconds = 3 if bench.quick else 15
    # Mail is for others than those who poll: a login that finds more each time would measure the mailbox.
    users = [f"user{i}" for i in range(PEOPLE)] + [f"mail{i}" for i in range(PEOPLE)]
    with Postrider(bench.work(), users) as server:
        right = [server.pop3, "--users", PEOPLE, "--password", server.password]
        tools.run_tool("pop3-logins", *right, "--connections", 8, "--duration", 5)  # each password is checked once
        polls = [*right, "--connections", 32, "--duration", seconds, "--rate", int(1.1 * LOGINS_PER_S)]
        guesses = [server.pop3, "--users", PEOPLE, "--password", "guess", "--wrong"]
        guesses += ["--connections", 64, "--duration", seconds]
        load = Load(size=4096, connections=32, seconds=seconds, users=PEOPLE, recipients=f"mail%d@{DOMAIN}")
        turns = [(storm(server, load, polls, None), storm(server, load, polls, guesses)) for _ in range(bench.rounds)]
    shares = [stormy["mail"]["per_s"] / calm["mail"]["per_s"] for calm, stormy in turns]
    calm, stormy = turns[shares.index(statistics.median_low(shares))]
    figure = f"{calm['logins']['per_s']:,.0f}/s, {calm['mail']['per_s']:,.0f}/s"
    yield Row("logins", "calm: logins, and mail beside them", "", figure, None, calm)
    per_s, p99_ms = stormy["logins"]["per_s"], stormy["logins"]["took_us"]["p99"] / 1000
    figure = f"{per_s:,.0f}/s (p99 {p99_ms:.1f} ms), {stormy['guesses']['per_s']:,.0f} guesses/s"
    yield Row("logins", "storm of guesses: logins", f"≥ {LOGINS_PER_S:,}/s", figure, per_s >= LOGINS_PER_S, stormy)
    share = statistics.median_low(shares)
    figure = f"{share:.2f} ({stormy['mail']['per_s']:,.0f}/s)"
    what = "storm of guesses: mail, share of the calm"
    yield Row("logins", what, f"≥ {MAIL_SHARE:g}", figure, share >= MAIL_SHARE, {"shares": shares})


def storm(server, load: Load, polls: list, guesses: list | None) -> dict:
    guessing = tools.start_tool("pop3-logins", *guesses) if guesses else None
    polling = tools.start_tool("pop3-logins", *polls)
    mail = tools.send(server.smtp, load)
    logins = tools.finish_tool(polling)
    return {"logins": logins, "mail": mail, "guesses": tools.finish_tool(guessing) if guessing else None}


def row_idle(bench: Bench):
    count = 1000 if bench.quick else 10000
    with Postrider(bench.work(), []) as server:
        for service, most in IDLE_KB.items():
            if service not in server.listen:
                yield Row("idle", f"{count:,} idle connections to {service}", "", "there is no such listener", None)
                continue
            before = proc.memory_octets(server.pid)["rss"]
            held = tools.start_tool("hold-idle", server.listen[service][0], "--connections", count,
                                    *(["--tls"] if service == "pop3s" else []))
            told = held.stdout.readline()
            if not told or json.loads(told)["open"] != count:
                raise tools.ToolError(f"hold-idle: {held.stderr.read()}")
            time.sleep(2)
            each = (proc.memory_octets(server.pid)["rss"] - before) / count / 1024
            held.stdin.close()
            held.wait()
            yield Row("idle", f"{count:,} idle connections to {service}, each", f"≤ {most} KB", f"{each:.1f} KB",
                      each <= most)


ROWS = {"maildrop": row_maildrop, "logins": row_logins, "idle": row_idle}

if __name__ == "__main__":
    BENCHMARK = Benchmark(
        name="collect",
        purpose=__doc__,
        rows=ROWS,
        servers=("postrider", "dovecot"),
        without_postrider=("maildrop",),
        begin=Bench,
        work=WORK,
    )
    sys.exit(measure_all(BENCHMARK))
