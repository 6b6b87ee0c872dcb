#!/usr/bin/python3
"""make bench-receive: receiving mail, measured against the budgets of the design, against Postfix with Dovecot, a sink
that stores nothing, and what the disk allows, all in one call on one machine.

  bench/receive.py                      every row
  bench/receive.py --rows 4k,75k        some of them
  bench/receive.py --quick              short runs: to see that all works, not to quote
  bench/receive.py --servers sink,disk  without those that are not built or not wanted

Prints a table and writes build/bench/receive.json. Exit code 0 if every budget measured is kept, 1 if one is missed.
Rates of postrider and the sink are replies to the final dot; Postfix answers before Dovecot has the message, so its
rate counts until everything is idle, that is delivered. After each run every acknowledged message is fetched by POP3
and compared; a message missing, double or damaged misses the row whatever its rate.
"""
import dataclasses
import shutil
import statistics
import sys
import time
from pathlib import Path

import proc
import tools
from benchmark import Benchmark, measure_all
from report import Row
from servers import BUILD, TOOLS, Peer, Postrider, Sink
from tools import Load

WORK = BUILD / "bench" / "work"
USERS = [f"user{i}" for i in range(1000)]
SMALL = Load(size=4096, connections=64, seconds=10)
SENDER_DOMAIN = "load.example"
LARGE = Load(size=75 * 1024, connections=16, seconds=5)
SLOW_SYNC_US = 5000
MILLION = 1_000_000


class Bench:
    def __init__(self, quick: bool, servers: list[str]):
        self.quick = quick
        self.servers = servers
        self.rounds = 1 if quick else 3
        self.rate_4k = None  # of postrider, once measured
        self.fresh = 0

    def shorter(self, load: Load) -> Load:
        return dataclasses.replace(load, seconds=2) if self.quick else load

    def work(self) -> Path:
        self.fresh += 1
        return WORK / f"s{self.fresh}"

    def postrider(self, **options) -> Postrider:
        return Postrider(self.work(), USERS, **options)


def touch_memory() -> None:
    """A virtual machine gets memory from its host at the first touch, at the cost of a fault a page, and gives back what
    is free: so a first run would pay for pages that a machine in use has. Fills and frees what a row's mail takes."""
    ballast = WORK / "ballast"
    with open(ballast, "wb") as out:
        for _ in range(4096):
            out.write(bytes(2**20))
    ballast.unlink()


def warm(server, load: Load) -> None:
    """Some mail for nearly every mailbox, unmeasured: Dovecot makes a mailbox when its first message comes."""
    tools.send(server.smtp, dataclasses.replace(load, count=3 * load.users, run="warm"))
    proc.wait_idle(server.pid)


def checked(server, load: Load) -> dict:
    """measure(), then every acknowledged message fetched and compared."""
    acks = WORK / "acks"
    result = tools.measure(server, load, acks)
    result["collected"] = tools.collect(server, acks)
    return result


def whole(result: dict) -> bool:
    return result["collected"]["ok"] and result["errors"] == 0 and not result["refused"]


def rates(bench: Bench, load: Load) -> dict[str, dict]:
    """One load against each server, in turns, so that a slow minute of the machine meets all of them."""
    results: dict[str, list[dict]] = {}
    load = bench.shorter(load)
    for turn in range(bench.rounds):
        if not bench.quick:
            touch_memory()
        if "sink" in bench.servers:
            with Sink() as sink:
                results.setdefault("sink", []).append(tools.measure(sink, load))
        if "postrider" in bench.servers:
            with bench.postrider() as postrider:
                warm(postrider, SMALL)
                results.setdefault("postrider", []).append(checked(postrider, load))
        if "peer" in bench.servers and turn == 0:
            with Peer(bench.work(), USERS) as peer:
                warm(peer, SMALL)
                results.setdefault("peer", []).append(checked(peer, load))
    return {name: tools.middle(runs, "per_s") for name, runs in results.items()} | {
        "lost": [r for r in results.get("postrider", []) if not whole(r)]
    }


def rate_rows(row: str, what: str, got: dict, peer_times: float, sink_share: float):
    """What each reached, then how postrider stands to the others."""
    for name in ("sink", "peer", "postrider"):
        if name not in got:
            continue
        r = got[name]
        rate = r["until_idle_per_s"] if name == "peer" else r["per_s"]
        figure = f"{rate:,.0f}/s, {r['cpu_us']:,.0f} µs CPU (generator {r['generator_cpu_s'] / r['sent'] * 1e6:.0f})"
        yield Row(row, f"{what}: {name}", "", figure, None, r)
    if "postrider" not in got:
        return
    mine = got["postrider"]["per_s"]
    if "peer" in got:
        times = mine / got["peer"]["until_idle_per_s"]
        yield Row(row, f"{what}: times Postfix + Dovecot", f"≥ {peer_times:g}", f"{times:.1f}", times >= peer_times)
    if "sink" in got:
        share = mine / got["sink"]["per_s"]
        yield Row(row, f"{what}: share of the sink", f"≥ {sink_share:g}", f"{share:.2f}", share >= sink_share)
    lost = got["lost"]
    collected = got["postrider"]["collected"]
    yield Row(
        row,
        f"{what}: acknowledged messages found once, unharmed",
        "all, in every run",
        f"{collected['expected'] - collected['missing']:,} of {collected['expected']:,}",
        not lost,
        {"lost": lost},
    )


def row_disk(bench: Bench):
    if "disk" not in bench.servers:
        return
    limits = tools.group_commit(WORK, 200 if bench.quick else 1000)["limits"]
    for pattern in ("one", "two", "beside"):
        of = {limit["batch"]: limit for limit in limits if limit["pattern"] == pattern}
        figure = ", ".join(f"{batch}: {limit['messages_per_s']:,.0f}/s" for batch, limit in of.items())
        yield Row("disk", f"group commit of 4 KB, {pattern}, by batch", "", figure, None, {"limits": list(of.values())})


def by_thread(result: dict) -> str:
    """The five costliest threads by name."""
    costly = sorted(result["threads_cpu_us"].items(), key=lambda item: -item[1])[:5]
    return ", ".join(f"{name} {us:.0f}" for name, us in costly)


def row_4k(bench: Bench):
    got = rates(bench, SMALL)
    yield from rate_rows("4k", "4 KB × 64", got, peer_times=25, sink_share=0.6)
    if "postrider" in got:
        mine = got["postrider"]
        bench.rate_4k = mine["per_s"]
        cpu, committer = mine["cpu_us"], mine["threads_cpu_us"].get("committer")
        yield Row("4k", "CPU a message until idle", "≤ 100 µs", f"{cpu:.0f} µs ({by_thread(mine)})", cpu <= 100)
        if committer is None:
            yield Row("4k", "CPU in the committer", "≤ 30 µs", "no thread of that name", False)
        else:
            yield Row("4k", "CPU in the committer", "≤ 30 µs", f"{committer:.1f} µs", committer <= 30)


def row_75k(bench: Bench):
    yield from rate_rows("75k", "75 KB × 16", rates(bench, LARGE), peer_times=15, sink_share=0.5)


def row_login(bench: Bench):
    """The same mail from somebody who logs in over TLS: beside row 4k, without a budget of its own."""
    login = f"ann@{SENDER_DOMAIN}"  # of the load's From
    load = bench.shorter(dataclasses.replace(SMALL, login=login))
    with bench.postrider() as server:
        server.command("domain", "add", SENDER_DOMAIN)
        server.command("account", "add", login, "--password-stdin", stdin=f"{server.password}\n")
        warm(server, SMALL)
        # The password is hashed once, not by 64 at a time.
        tools.send(server.submissions, dataclasses.replace(load, count=1, connections=1, run="warm"))
        result = checked(server, load)
    figure = f"{result['per_s']:,.0f}/s, {result['cpu_us']:,.0f} µs CPU ({by_thread(result)})"
    what = f"4 KB × 64 submitted with TLS and AUTH, {load.per_connection} a connection"
    yield Row("login", what, "nothing lost", figure, whole(result), result)


def spread(us: dict) -> tuple[float, str]:
    ratio = us["p99"] / us["p50"]
    return ratio, f"{ratio:.1f} (p50 {us['p50']:,} µs, p99 {us['p99']:,} µs, max {us['max']:,} µs)"


def row_tail(bench: Bench):
    """Two figures: what the server took for its final reply, and what the sender waited in all since the message was
    due, for one of 64 connections too. A machine that stands still for a moment shows in the second, the server in both."""
    if bench.rate_4k is None:
        with bench.postrider() as server:
            bench.rate_4k = tools.send(server.smtp, dataclasses.replace(SMALL, seconds=5))["per_s"]
    load = dataclasses.replace(SMALL, seconds=20 if bench.quick else 300, rate=int(0.7 * bench.rate_4k))
    with bench.postrider() as server:
        with proc.Watch(server.wal_octets) as wal:
            result = checked(server, load)
    what = f"tail, {load.seconds} s at {load.rate:,}/s"
    ratio, figure = spread(result["reply_us"])
    yield Row("tail", f"{what}: p99 / p50 of the final reply", "≤ 5", figure, ratio <= 5, result)
    _, figure = spread(result["total_us"])
    yield Row("tail", f"{what}: from when a message was due", "", figure, None)
    mib = wal.most / 2**20
    yield Row("tail", f"{what}: largest WAL", "≤ 128 MB", f"{mib:.0f} MB", mib <= 128)
    kept_up = result["per_s"] / load.rate
    kept = kept_up >= 0.99 and whole(result)
    yield Row("tail", f"{what}: load kept up, nothing lost", "≥ 0.99", f"{kept_up:.3f}", kept)


def row_slow(bench: Bench):
    preload = {"LD_PRELOAD": str(TOOLS / "slow_sync.so"), "SLOW_SYNC_US": str(SLOW_SYNC_US)}
    for connections, budget in ((64, 3500), (256, 9000)):
        load = bench.shorter(dataclasses.replace(SMALL, connections=connections))
        results = []
        for _ in range(bench.rounds):
            with bench.postrider(preload=preload) as server:
                results.append(checked(server, load))
        result = tools.middle(results, "per_s")
        kept = result["per_s"] >= budget and all(map(whole, results))
        what = f"5 ms added to every sync, {connections} connections"
        yield Row("slow", what, f"≥ {budget:,}/s", f"{result['per_s']:,.0f}/s", kept, result)


def row_million(bench: Bench):
    """Full and empty in one server, in turns: the same machine, the same minute, the same files."""
    full = 50_000 if bench.quick else MILLION
    results: dict[str, list[dict]] = {"full": [], "empty": []}
    with Postrider(bench.work(), ["full", "empty"]) as server:

        def to(user: str, **what) -> Load:
            return Load(connections=64, users=1, recipients=f"{user}@bench.example", **what)

        tools.send(server.smtp, to("full", size=1500, seconds=0, count=full))
        for turn in range(bench.rounds):
            for user in results:
                proc.wait_idle(server.pid)
                load = to(user, size=4096, seconds=2 if bench.quick else 5, run=f"{user}{turn}")
                results[user].append(tools.measure(server, load))
    per_s = {user: statistics.median(r["per_s"] for r in runs) for user, runs in results.items()}
    cpu = {user: statistics.median(r["cpu_us"] for r in runs) for user, runs in results.items()}
    share = per_s["full"] / per_s["empty"]
    figure = f"{share:.2f} ({per_s['full']:,.0f}/s against {per_s['empty']:,.0f}/s, "
    figure += f"{cpu['full']:.0f} µs CPU against {cpu['empty']:.0f})"
    what = f"into a mailbox of {full:,} messages against an empty one"
    yield Row("million", what, "≥ 0.95", figure, share >= 0.95, results)


def row_rest(bench: Bench):
    with bench.postrider() as server:
        time.sleep(2)
        proc.wait_idle(server.pid)
        memory = proc.memory_octets(server.pid)
    mib = memory["rss"] / 2**20
    figure = f"{mib:.1f} MB (shared pages counted once: {memory['pss'] / 2**20:.1f})"
    yield Row("rest", "at rest, both processes, 1,000 accounts", "≤ 20 MB", figure, mib <= 20, memory)


def row_start(bench: Bench):
    took_ms = []
    server = bench.postrider()
    server.init()
    for _ in range(3 if bench.quick else 11):
        took_ms.append(server.start() * 1000)
        server.stop()
    shutil.rmtree(server.dir, ignore_errors=True)
    ms = statistics.median(took_ms)
    figure = f"{ms:.0f} ms (worst {max(took_ms):.0f})"
    yield Row("start", "start to ready, 1,000 accounts", "≤ 50 ms", figure, ms <= 50, {"ms": took_ms})


ROWS = {
    "disk": row_disk,
    "4k": row_4k,
    "75k": row_75k,
    "login": row_login,
    "tail": row_tail,
    "slow": row_slow,
    "million": row_million,
    "rest": row_rest,
    "start": row_start,
}

if __name__ == "__main__":
    BENCHMARK = Benchmark(
        name="receive",
        purpose=__doc__,
        rows=ROWS,
        servers=("postrider", "peer", "sink", "disk"),
        without_postrider=("disk", "4k", "75k"),
        begin=Bench,
        work=WORK,
    )
    sys.exit(measure_all(BENCHMARK))
