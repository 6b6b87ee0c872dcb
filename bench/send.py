#!/usr/bin/python3
"""make bench-send: sending mail, measured from submission to the remote 250 against the budgets of the design and
against Postfix, all in one call on one machine.

  bench/send.py                      every row
  bench/send.py --rows fifty,bad     some of them
  bench/send.py --quick              short runs: to see that all works, not to quote
  bench/send.py --servers postfix    without postrider

Both servers take mail on their port for other servers from a generator on loopback, without a password (postrider:
network.relay_from, Postfix: mynetworks), sync it, ask the same name server (nsd) for MX and address, and send to the
same sink, each domain's MX host at a loopback address of its own, in the clear. A rate is messages by the time from
the first submission to the last 250 of the sink; CPU is the server's, in and out. The sink notes each Message-ID: one
that is missing or came twice misses the row, whatever its rate. Needs root (tools/peer; port 53 of 127.53.0.1).

Prints a table and writes build/bench/send.json. Exit code 0 if every budget measured is kept, 1 if one is missed.
"""
import dataclasses
import re
import shutil
import socket
import statistics
import sys
import time
from pathlib import Path

import proc
import tools
from benchmark import Benchmark, measure_all
from report import Row
from servers import BUILD, ROOT, Postrider, Relay, ServerError, Sink, free_port
from tools import Load

sys.path.insert(0, str(ROOT / "tests"))

from nameserver import Nameserver  # noqa: E402

WORK = BUILD / "bench" / "work-send"
RESOLVER = "127.53.0.1"
ZONE = "send.example"
HOSTS = 200  # of the 10,000 domains
KB4, KB100 = 4096, 100 * 1024
MILLION = 1_000_000


def hosts(domains: int) -> list[str]:
    """Addresses of the MX hosts of so many domains."""
    return [f"127.50.{n // 250}.{n % 250 + 1}" for n in range(min(domains, HOSTS))]


def zone(domains: int) -> str:
    """d0 to dN-1, each with the MX host that is its turn, in zone sN."""
    text = "".join(f"mx{n} A {address}\n" for n, address in enumerate(hosts(domains)))
    return text + "".join(f"d{n} MX 10 mx{n % len(hosts(domains))}\n" for n in range(domains))


def recipients(domains: int) -> str:
    return f"user@d%d.s{domains}.{ZONE}"


class Sender(Postrider):
    """postrider as the relay of the machine's own programs, with its names and its outbound port as the bench has them."""

    def __init__(self, directory: Path, port: int):
        super().__init__(directory, [])
        self.port = port

    def init(self) -> None:
        super().init()
        config = self.dir / "postrider.toml"
        text = config.read_text()
        for table, line in (
            ("dns", f'servers = ["{RESOLVER}@53"]'),
            ("outbound", f"port = {self.port}"),
            ("network", 'relay_from = ["127.0.0.0/8"]'),
        ):
            text = text.replace(f"\n[{table}]\n", f"\n[{table}]\n{line}\n", 1)
        config.write_text(text)


class Bench:
    def __init__(self, quick: bool, servers: list[str]):
        self.quick, self.servers = quick, servers
        self.rounds = 1 if quick else 3
        self.port = free_port()
        self.fresh = 0

    def work(self) -> Path:
        self.fresh += 1
        return WORK / f"s{self.fresh}"

    def server(self, name: str):
        if name == "postrider":
            return Sender(self.work(), self.port)
        return Relay(self.work(), RESOLVER, self.port)

    def load(self, server: str, domains: int, size: int) -> Load:
        """As many messages as each server sends in some ten seconds."""
        count = {KB4: 40_000, KB100: 8_000}[size] // (1 if server == "postrider" else 8)
        count = count // 10 if self.quick else count
        return Load(size=size, connections=64, seconds=0, count=count, users=domains, recipients=recipients(domains))

    def sink(self, domains: int, *options: str, only=slice(None)) -> Sink:
        addresses = [f"{host}:{self.port}" for host in hosts(domains)[only]]
        return Sink(addresses, "--count-ids", "--log", str(WORK / "taken"), *options)


def read_times(path: Path) -> dict[int, int]:
    """ns of the acknowledgement of each number."""
    return {int(seq): int(ns) for seq, ns in (line.split() for line in path.read_text().splitlines())}


def read_taken(run: str) -> list[tuple[int, int]]:
    """Number and ns of each message of the run that the sink took."""
    pattern = re.compile(rf"^<(\d+)\.{run}@load\.example> (\d+) ", re.MULTILINE)
    return [(int(seq), int(ns)) for seq, ns in pattern.findall((WORK / "taken").read_text())]


def measure(server, sink: Sink, load: Load) -> dict:
    """What is sent through the server until it has nothing to do, and what the sink saw of it."""
    before, threads_before = proc.cpu_s(server.pid), proc.threads_cpu_s(server.pid)
    began_ns = time.monotonic_ns()
    sent = tools.send(server.smtp, load, times=WORK / "times")
    idle = proc.wait_idle(server.pid, timeout_s=600)
    threads = proc.threads_cpu_s(server.pid)
    seen = sink.finish()
    acknowledged, taken = read_times(WORK / "times"), read_taken(load.run)
    messages = max(len(taken), 1)
    waits = sorted(max(0, ns - acknowledged[seq]) / 1e6 for seq, ns in taken if seq in acknowledged) or [0]
    seconds = (max((ns for _, ns in taken), default=began_ns + 1) - began_ns) / 1e9
    return {
        "acknowledged": sent["acknowledged"],
        "refused": sent["refused"],
        "taken": len(taken),
        "missing": len(acknowledged.keys() - {seq for seq, _ in taken}),
        "duplicates": seen["duplicates"],
        "connections": seen["connections"],
        "seconds": seconds,
        "per_s": len(taken) / seconds,
        "accepted_per_s": sent["per_s"],
        "cpu_us": (idle.cpu_s - before) / messages * 1e6,
        "threads_cpu_us": {
            name: round((used - threads_before.get(name, 0)) / messages * 1e6, 1)
            for name, used in sorted(threads.items(), key=lambda t: threads_before.get(t[0], 0) - t[1])
            if used > threads_before.get(name, 0)
        },
        "sink_cpu_us": seen["cpu_s"] / messages * 1e6,
        "wait_ms": {"p50": waits[len(waits) // 2], "p99": waits[len(waits) * 99 // 100], "max": waits[-1]},
    }


def whole(result: dict) -> bool:
    return result["missing"] == 0 and result["duplicates"] == 0 and not result["refused"]


def run(bench: Bench, name: str, domains: int, load: Load) -> dict:
    with bench.server(name) as server:
        with bench.sink(domains) as sink:  # unmeasured: names are asked for, processes started
            measure(server, sink, dataclasses.replace(load, count=min(load.count, 500), run="warm"))
        with bench.sink(domains) as sink:
            return measure(server, sink, load)


def by_thread(result: dict) -> str:
    return ", ".join(f"{name} {us:.0f}" for name, us in list(result["threads_cpu_us"].items())[:5])


def rate_rows(bench: Bench, row: str, domains: int, size: int, times: float | None = None,
              cpu_us: float | None = None, per_s: float | None = None):
    """One load through each server, in turns; then how postrider stands."""
    results: dict[str, list[dict]] = {}
    for turn in range(bench.rounds):
        for name in bench.servers:
            if name == "postfix" and turn > 0:
                continue
            results.setdefault(name, []).append(run(bench, name, domains, bench.load(name, domains, size)))
    what = f"{size // 1024} KB, {'one domain' if domains == 1 else f'{domains:,} domains'}"
    middle = {name: tools.middle(runs, "per_s") for name, runs in results.items()}
    for name, r in middle.items():
        figure = f"{r['per_s']:,.0f}/s, {r['cpu_us']:,.0f} µs CPU, {r['connections']:,} connections"
        ok = None
        budget = ""
        if name == "postrider":
            figure += f" ({by_thread(r)})"
            if per_s:
                budget, ok = f"≥ {per_s:g}/s", r["per_s"] >= per_s
        yield Row(row, f"{what}: {name}", budget, figure, ok, {"runs": results[name]})
    if "postrider" not in middle:
        return
    mine = middle["postrider"]
    if cpu_us:
        yield Row(row, f"{what}: CPU in and out", f"≤ {cpu_us:g} µs", f"{mine['cpu_us']:.0f} µs", mine["cpu_us"] <= cpu_us)
    if "postfix" in middle:
        ratio = mine["per_s"] / middle["postfix"]["per_s"]
        ok = ratio >= times if times else None
        yield Row(row, f"{what}: times Postfix", f"≥ {times:g}" if times else "", f"{ratio:.1f}", ok)
    runs = results["postrider"]
    taken, asked = sum(r["taken"] - r["duplicates"] for r in runs), sum(r["acknowledged"] for r in runs)
    yield Row(row, f"{what}: acknowledged messages taken once by the sink", "all, in every run", f"{taken:,} of {asked:,}",
              all(map(whole, runs)))


def row_one(bench: Bench):
    yield from rate_rows(bench, "one", 1, KB4)
    yield from rate_rows(bench, "one", 1, KB100)


def row_fifty(bench: Bench):
    yield from rate_rows(bench, "fifty", 50, KB4, times=8, cpu_us=250)
    yield from rate_rows(bench, "fifty", 50, KB100, per_s=750)


def row_many(bench: Bench):
    yield from rate_rows(bench, "many", 10_000, KB4)


def row_wait(bench: Bench):
    """How long a message that was accepted waits for the remote 250, at a rate that neither server has trouble with."""
    for name in bench.servers:
        load = dataclasses.replace(bench.load(name, 50, KB4), count=0, seconds=3 if bench.quick else 20, rate=200)
        wait = (r := run(bench, name, 50, load))["wait_ms"]
        figure = f"p50 {wait['p50']:.1f} ms, p99 {wait['p99']:.1f} ms, max {wait['max']:.0f} ms"
        yield Row("wait", f"from acceptance to the remote 250, 200/s, 50 domains: {name}", "", figure, None, r)


BAD = {
    "hangs": ["--silent"],
    "is slow (1 s a reply)": ["--delay-ms", "1000"],
    "greylists everything": ["--rcpt-reply", "450 4.7.1 Greylisted, come back in five minutes"],
}


def others(bench: Bench, bad: list[str] | None) -> dict:
    """Rate at which the 49 other sites got theirs, while the first is good, or bad in that manner."""
    load = bench.load("postrider", 50, KB4)
    with bench.server("postrider") as server, bench.sink(50, only=slice(1, None)) as good:
        first = [f"{hosts(50)[0]}:{bench.port}"]
        with Sink(first, *(bad or [])):
            tools.send(server.smtp, dataclasses.replace(load, count=2000, run="warm"))
            proc.wait_idle(server.pid, timeout_s=600)
            tools.send(server.smtp, load, times=WORK / "times")
            proc.wait_idle(server.pid, timeout_s=600)
        good.finish()
    taken = sorted(ns for _, ns in read_taken(load.run))
    most = len(taken) * 99 // 100  # a straggler says nothing of the rate
    seconds = (taken[most - 1] - min(read_times(WORK / "times").values())) / 1e9
    return {"per_s": most / seconds, "taken": len(taken), "of": load.count}


def row_bad(bench: Bench):
    for what, options in BAD.items():
        good, bad = [], []
        for _ in range(bench.rounds):
            good.append(others(bench, None))
            bad.append(others(bench, options))
        rate = statistics.median(r["per_s"] for r in bad)
        share = rate / statistics.median(r["per_s"] for r in good)
        same = {r["taken"] for r in good} == {r["taken"] for r in bad}
        figure = f"{share:.3f} ({rate:,.0f}/s), {'nothing' if same else 'SOME'} missing"
        yield Row("bad", f"one of 50 sites {what}: rate of the others", "≥ 0.95", figure, share >= 0.95 and same,
                  {"good": good, "bad": bad})


def fill(server: Sender, count: int) -> None:
    """Messages of 1,000 recipients at 1,000 domains each, pipelined."""
    host, port = server.smtp.split(":")
    with socket.create_connection((host, int(port)), 60) as s, s.makefile("rb") as replies:
        replies.readline()
        s.sendall(b"EHLO bench.example\r\n")
        while replies.readline()[3:4] == b"-":
            pass
        for message in range(count // 1000):
            rcpts = b"".join(b"RCPT TO:<r%d@d%d.s10000.send.example>\r\n" % (message, (message * 1000 + n) % 10_000)
                             for n in range(1000))
            s.sendall(b"MAIL FROM:<news@bench.example>\r\n" + rcpts + b"DATA\r\n")
            codes = [replies.readline()[:3] for _ in range(1002)]
            if codes != [b"250"] * 1001 + [b"354"]:
                raise ServerError(f"filling: {set(codes)}")
            s.sendall(b"From: news@bench.example\r\nSubject: n\r\nMessage-ID: <%d.fill@load.example>\r\n\r\nbody\r\n.\r\n"
                      % message)
            if (last := replies.readline())[:3] != b"250":
                raise ServerError(f"filling: {last!r}")


def rss_mib(server) -> float:
    return proc.memory_octets(server.pid)["rss"] / 2**20


def row_million(bench: Bench):
    count = 100_000 if bench.quick else MILLION
    server = bench.server("postrider")
    server.init()
    server.command("queue", "freeze")
    try:
        server.start()
        fill(server, 1000)
        server.command("queue", "remove", "--all")
        proc.wait_idle(server.pid)
        empty = rss_mib(server)
        began = time.monotonic()
        fill(server, count)
        filled_s = time.monotonic() - began
        proc.wait_idle(server.pid, 600)
        at_fill = rss_mib(server)
        server.stop()
        ready_s = server.start()
        proc.wait_idle(server.pid, 600)
        frozen = rss_mib(server)
        used, began = proc.cpu_s(server.pid), time.monotonic()
        time.sleep(5 if bench.quick else 20)
        idle = (proc.cpu_s(server.pid) - used) / (time.monotonic() - began)
        server.command("queue", "thaw")
        with bench.sink(10_000, "--silent") as sink:  # all that is ready stays in memory
            time.sleep(3 if bench.quick else 15)
            hanging = rss_mib(server)
            server.stop()
            connections = sink.finish()["connections"]
        with bench.sink(10_000) as sink:
            began_ns = time.monotonic_ns()
            server.start()
            time.sleep(4)
            server.stop()
            sink.finish()
        first_s = min((ns for _, ns in read_taken("fill")), default=began_ns + 10**12) - began_ns
        server.start()  # and nobody listens
        used, began = proc.cpu_s(server.pid), time.monotonic()
        with proc.Watch(lambda: rss_mib(server)) as unreachable:
            time.sleep(5 if bench.quick else 30)
        busy = (proc.cpu_s(server.pid) - used) / (time.monotonic() - began)
    finally:
        server.stop()
        shutil.rmtree(server.dir, ignore_errors=True)
    details = {"empty_mib": empty, "filled_mib": at_fill, "frozen_mib": frozen, "hanging_mib": hanging,
               "hanging_connections": connections, "unreachable_mib": unreachable.most, "filled_s": filled_s,
               "ready_s": ready_s}
    more = max(at_fill, frozen) - empty
    what = f"{count:,} queued recipients"
    figure = f"{more:.0f} MB (empty {empty:.0f}, filled {at_fill:.0f}, after a restart {frozen:.0f})"
    yield Row("million", f"{what}: memory beyond the empty queue's", "≤ 100 MB", figure, more <= 100, details)
    figure = f"{hanging:.0f} MB with {connections:,} connections"
    yield Row("million", f"{what}: memory while all of {HOSTS} sites hang", "", figure, None)
    figure = f"{unreachable.most:.0f} MB, {busy * 100:.0f} % of a core"
    yield Row("million", f"{what}: memory and CPU while no site can be reached", "", figure, None)
    yield Row("million", f"{what}: from start to the first sent", "≤ 2 s", f"{first_s / 1e9:.2f} s (ready {ready_s:.2f})",
              first_s <= 2 * 10**9)
    yield Row("million", f"{what}: CPU while nothing is to be done", "", f"{idle * 100:.2f} % of a core", None)


ROWS = {"one": row_one, "fifty": row_fifty, "many": row_many, "wait": row_wait, "bad": row_bad, "million": row_million}


def nameserver():
    zones = {f"s{n}.{ZONE}": zone(n) for n in (1, 50, 10_000)}
    return Nameserver(WORK / "dns", zones, address=RESOLVER, port=53, ttl_s=3600)


if __name__ == "__main__":
    BENCHMARK = Benchmark(
        name="send",
        purpose=__doc__,
        rows=ROWS,
        servers=("postrider", "postfix"),
        without_postrider=("one", "fifty", "many", "wait"),
        begin=Bench,
        work=WORK,
        around=nameserver,
    )
    sys.exit(measure_all(BENCHMARK))
