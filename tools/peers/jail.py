"""The room a peer lives in: a mount and a PID namespace of its own.

Inside, the peer's packages lie over the host's /usr and /etc (read-only overlays), the generated configuration with
a private passwd and group lies over that, and /var/lib, /var/spool, /var/mail, /run and /var/log are the peer's
own: tmpfs, or folders on a real disk where syncs have to cost what they cost. /dev has the few devices a server
wants and a free place for /dev/log. The network is the host's, so loopback ports work. Nothing is installed, no file
of the host is touched, and a mail server of the host's own goes on undisturbed. When process 1 of the room ends, the
kernel kills whatever the peer started.
"""
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h
WRITABLE = {"lib": "/var/lib", "spool": "/var/spool", "mail": "/var/mail"}  # what --disk keeps
DEVICES = ["null", "zero", "full", "random", "urandom", "tty", "shm", "pts"]

libc = ctypes.CDLL(None, use_errno=True)


class JailError(Exception):
    """The namespace can't be made; the text says why and what would help."""


def die_with_parent(sig: signal.Signals) -> None:
    libc.prctl(PR_SET_PDEATHSIG, int(sig))


def unshare(flags: int) -> None:
    if libc.unshare(flags) != 0:
        raise JailError(f"unshare: {os.strerror(ctypes.get_errno())}; peers need root (CAP_SYS_ADMIN)")


def spawn(inside: Callable[[], int]) -> int:
    """Forks process 1 of a new PID namespace, with mounts of its own, which runs `inside`. Returns its host pid."""
    unshare(CLONE_NEWPID)
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        die_with_parent(signal.SIGKILL)
        unshare(CLONE_NEWNS)
        status = inside()
    finally:
        os._exit(status)


def mount(*arguments: str | Path) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise JailError(f"mount {' '.join(map(str, arguments))}: {done.stderr.strip()}")


def overlay(target: str, layers: list[Path]) -> None:
    lower = ":".join([str(p) for p in layers if p.is_dir()] + [target])
    mount("-t", "overlay", "-o", f"ro,lowerdir={lower}", "overlay", target)


def private_dev(at: Path) -> None:
    """A /dev of its own, built at `at` and moved into place; the nodes are the host's."""
    at.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", at)
    for name in DEVICES:
        host = Path("/dev", name)
        if host.is_dir():
            (at / name).mkdir()
        elif host.exists():
            (at / name).touch()
        else:
            continue
        mount("--bind", host, at / name)
    (at / "fd").symlink_to("/proc/self/fd")
    mount("--move", at, "/dev")


def furnish(state: Path, trees: list[Path], disk: Path | None) -> None:
    """Mounts everything. `state` holds the generated etc/ and gets the logs; `disk`, if given, all that is stored."""
    mount("--make-rprivate", "/")
    mount("--bind", state / "log", "/var/log")
    private_dev(state / "dev")
    overlay("/usr", [t / "usr" for t in trees])
    overlay("/etc", [state / "etc"] + [t / "etc" for t in trees])
    # Every source on a disk is bound before /run or /var could hide it.
    for name, target in WRITABLE.items():
        if disk:
            (disk / name).mkdir(parents=True, exist_ok=True)
            mount("--bind", disk / name, target)
    for target in ["/run"] if disk else ["/run", *WRITABLE.values()]:
        mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", target)
    mount("-t", "proc", "proc", "/proc")
