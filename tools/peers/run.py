"""Runs a plan in the foreground: writes its configuration, furnishes its room, starts its programs, says "ready".

Two processes: the supervisor, which the caller started, and below it process 1 of the room. The supervisor dies with
its caller and the room with the supervisor, whoever is killed first and however.
"""
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from . import fetch, jail, syslog
from .plan import Options, Plan, system_files

READY_TIMEOUT_S = 30
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class PeerError(Exception):
    """The peer didn't start; the text says why."""


def run(name: str, plan: Plan, options: Options, state: Path, disk: Path | None) -> int:
    jail.die_with_parent(signal.SIGTERM)
    lock = lock_state(state)
    trees = [fetch.fetch(unit) for unit in plan.fetched]
    write_etc(state, plan)
    shutil.rmtree(state / "log", ignore_errors=True)
    (state / "log").mkdir()
    ready = {"event": "ready", "peer": name, "domain": options.domain, "users": len(options.users)}
    report, announce = os.pipe()
    pid = jail.spawn(lambda: live(plan, state, trees, disk, announce))
    os.close(announce)
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: os.kill(pid, signal.SIGKILL))
    (state / "pid").write_text(f"{pid}\n")
    with os.fdopen(report) as f:
        if f.read() == "ready":
            ready |= {"pid": pid, "root": f"/proc/{pid}/root", "listen": plan.listeners}
            print(json.dumps(ready), flush=True)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    (state / "pid").unlink()
    lock.close()
    return 0 if status == -signal.SIGKILL else status


def lock_state(state: Path) -> TextIO:
    lock = open(state / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PeerError(f"another peer runs with --dir {state}; stop it or take another folder") from None
    return lock


def write_etc(state: Path, plan: Plan) -> None:
    etc = state / "etc"
    shutil.rmtree(etc, ignore_errors=True)
    for path, content in (system_files() | plan.etc).items():
        file = etc / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        os.utime(file, (0, 0))  # Postfix waits until main.cf has been left alone for two seconds
    for path in [etc, *etc.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # whatever the caller's umask: servers check it


def live(plan: Plan, state: Path, trees: list[Path], disk: Path | None, announce: int) -> int:
    """Process 1 of the room. Returns only when a program ended that should have stayed."""
    try:
        jail.furnish(state, trees, disk)
        make_folders(plan)
        syslog.start(Path("/var/log/syslog"))
        programs = {start(name, argv): name for name, argv in plan.programs.items()}
        wait_ready(plan, programs)
        for command in plan.settle:
            settle(command)
    except (jail.JailError, PeerError, OSError) as e:
        print(f"peer: {e}", file=sys.stderr)
        return 69
    os.write(announce, b"ready")
    os.close(announce)
    name, status = reap_until_end(programs)
    print(f"peer: {name} ended with {status}; see {state}/log", file=sys.stderr)
    return 69


def make_folders(plan: Plan) -> None:
    folders = [("/var/mail", "vmail", 0o755), ("/var/log", "root", 0o777), *plan.folders]
    for path, owner, mode in folders:
        os.makedirs(path, exist_ok=True)
        account = pwd.getpwnam(owner)
        os.chown(path, account.pw_uid, account.pw_gid)
        os.chmod(path, mode)


def settle(command: list[str]) -> None:
    done = subprocess.run(command, env={"PATH": PATH}, capture_output=True, text=True)
    if done.returncode != 0:
        raise PeerError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def start(name: str, argv: list[str]) -> int:
    with open(f"/var/log/{name}.out", "wb") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={"PATH": PATH}
        )
    return process.pid


def wait_ready(plan: Plan, programs: dict[int, str]) -> None:
    doors = [(socket.AF_INET, ("127.0.0.1", port)) for port in plan.listeners.values()]
    doors += [(socket.AF_UNIX, path) for path in plan.sockets]
    deadline = time.monotonic() + READY_TIMEOUT_S
    while doors:
        if accepts(*doors[0]):
            doors.pop(0)
            continue
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in programs:
            out = Path(f"/var/log/{programs[pid]}.out").read_text(errors="replace")
            raise PeerError(f"{programs[pid]} ended with {os.waitstatus_to_exitcode(status)}: {out}")
        if time.monotonic() > deadline:
            raise PeerError(f"nothing accepts at {doors[0][1]} after {READY_TIMEOUT_S} s")
        time.sleep(0.02)


def accepts(family: int, address) -> bool:
    """Whether a server greets there; each protocol we start (SMTP, LMTP, POP3, IMAP) speaks first."""
    with socket.socket(family) as s:
        s.settimeout(10)
        try:
            s.connect(address)
            return s.recv(512) != b""
        except OSError:
            return False


def reap_until_end(programs: dict[int, str]) -> tuple[str, int]:
    while True:
        pid, status = os.wait()  # orphans of the programs come to process 1 too
        if pid in programs:
            return programs[pid], os.waitstatus_to_exitcode(status)


def cpu_seconds(pid: int) -> float:
    """User and system time of everything that ever ran in the room of host process `pid`.

    A dead child's time is in the process that waited for it, process 1 waits for orphans: the sum over the living
    is complete, as long as nothing ignores SIGCHLD.
    """
    room = os.readlink(f"/proc/{pid}/ns/pid")
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "ns/pid") == room:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:15]))  # proc(5): utime stime cutime cstime
        except OSError:
            continue  # ended meanwhile
    return ticks / os.sysconf("SC_CLK_TCK")
