"""The C tools as functions: each runs one and gives the object it printed."""
import json
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import proc
from servers import DOMAIN, PASSWORD, TOOLS

RECIPIENTS = f"user%d@{DOMAIN}"


class ToolError(Exception):
    """A tool did not do its work."""


@dataclass(frozen=True)
class Load:
    """What is sent: the same to every server of a row."""

    size: int
    connections: int
    seconds: int
    users: int = 1000
    recipients: str = RECIPIENTS
    rate: int = 0  # messages a second; 0: as fast as replies come
    count: int = 0  # instead of seconds
    run: str = "load"
    per_connection: int = 100  # messages
    login: str = ""  # over TLS, at the submissions port; "": as a stranger to port 25


def run_tool(name: str, *arguments, codes=(0,)) -> dict:
    argv = [str(TOOLS / name), *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode not in codes:
        raise ToolError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return json.loads(done.stdout)


def send(smtp: str, load: Load, acks: Path | None = None, times: Path | None = None) -> dict:
    arguments = ["--size", load.size, "--connections", load.connections, "--users", load.users]
    arguments += ["--recipients", load.recipients, "--run", load.run]
    arguments += ["--count", load.count] if load.count else ["--duration", load.seconds]
    arguments += ["--rate", load.rate, "--series"] if load.rate else []
    arguments += ["--acks", acks] if acks else []
    arguments += ["--times", times] if times else []
    arguments += ["--per-connection", load.per_connection]
    arguments += ["--tls", "--login", load.login, "--password", PASSWORD] if load.login else []
    return run_tool("smtp-load", smtp, *arguments)


def measure(server, load: Load, acks: Path | None = None) -> dict:
    """send(), and what it cost the server until it was idle again, in microseconds of CPU a message."""
    before, threads_before, began = proc.cpu_s(server.pid), proc.threads_cpu_s(server.pid), time.monotonic()
    result = send(server.submissions if load.login else server.smtp, load, acks)
    ended = time.monotonic()
    idle = proc.wait_idle(server.pid)
    threads = proc.threads_cpu_s(server.pid)
    messages = max(result["acknowledged"], 1)
    result["cpu_us"] = (idle.cpu_s - before) / messages * 1e6
    result["threads_cpu_us"] = {
        name: round((used - threads_before.get(name, 0)) / messages * 1e6, 2)
        for name, used in sorted(threads.items())
        if used > threads_before.get(name, 0)
    }
    result["idle_after_s"] = max(idle.at - ended, 0)
    result["until_idle_per_s"] = messages / (max(idle.at, ended) - began)
    result["memory"] = proc.memory_octets(server.pid)
    return result


def collect(server, acks: Path) -> dict:
    """Exit 65 (something is missing or damaged) is a result, not a breakdown."""
    return run_tool("pop3-collect", server.pop3, "--acks", acks, "--password", server.password, codes=(0, 65))


def maildrop(server, user: str, window: int) -> dict:
    """One person's large maildrop; window 1: one RETR after the other."""
    login = ["--user", f"{user}@{DOMAIN}", "--password", server.password]
    return run_tool("pop3-maildrop", server.pop3, *login, "--window", window)


def round_trip(count: int, size: int) -> dict:
    """A question and its answer between two processes that do nothing else: "us" for each."""
    return run_tool("round-trip", "--count", count, "--size", size)


def start_tool(name: str, *arguments) -> subprocess.Popen:
    """For what has to go on beside something else; finish_tool gives its object."""
    argv = [str(TOOLS / name), *map(str, arguments)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish_tool(process: subprocess.Popen) -> dict:
    said, complained = process.communicate()
    if process.returncode != 0:
        raise ToolError(f"{process.args[0]}: exit {process.returncode}: {said[-1000:]}{complained[-1000:]}")
    return json.loads(said)


def group_commit(directory: Path, milliseconds: int) -> dict:
    directory.mkdir(parents=True, exist_ok=True)
    return run_tool("group-commit", directory, "--milliseconds", milliseconds)


def middle(results: list[dict], key: str) -> dict:
    """The result in the middle by that figure: one whole run, not a mixture."""
    wanted = statistics.median_low([r[key] for r in results])
    return next(r for r in results if r[key] == wanted)
