"""What processes cost: CPU of a tree and of its threads by name, memory, and waiting until a tree has nothing to do.

Figures come from /proc (proc(5)). A dead child's time is in the process that waited for it, so the sum over the
living tree is complete as long as nobody ignores SIGCHLD; a dead thread's time stays in its process, but no longer
under its name.
"""
import os
import threading
import time
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
IDLE_WINDOW_S = 0.3
IDLE_SHARE = 0.01
POLL_S = 0.1  # reading /proc takes time from the server that is waited for


def _stat(path: Path) -> tuple[str, list[str]]:
    """comm and the fields after it; comm may itself hold blanks and brackets."""
    text = path.read_text()
    comm = text[text.index("(") + 1 : text.rindex(")")]
    return comm, text[text.rindex(")") + 2 :].split()


def tree(root: int) -> list[int]:
    """root and all its living descendants."""
    parent_of = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent_of[int(entry.name)] = int(_stat(entry / "stat")[1][1])
        except (OSError, ValueError):
            continue  # ended meanwhile
    found, new = [], [root] if root in parent_of else []
    while new:
        found += new
        new = [pid for pid, parent in parent_of.items() if parent in new]
    return found


def cpu_s(root: int) -> float:
    """User and system time of the tree, its dead children included."""
    ticks = 0
    for pid in tree(root):
        try:
            ticks += sum(map(int, _stat(Path(f"/proc/{pid}/stat"))[1][11:15]))  # utime stime cutime cstime
        except OSError:
            continue
    return ticks * TICK_S


def _task_cpu_s(task: Path, ticks: int) -> float:
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        return ticks * TICK_S  # a kernel without CONFIG_SCHED_INFO: 10 ms steps


def threads_cpu_s(root: int) -> dict[str, float]:
    """CPU of the living threads of the tree, summed by name (at most 15 letters, as the kernel keeps them)."""
    sums: dict[str, float] = {}
    for pid in tree(root):
        for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            try:
                comm, fields = _stat(task / "stat")
                seconds = _task_cpu_s(task, int(fields[11]) + int(fields[12]))
            except OSError:
                continue
            sums[comm] = sums.get(comm, 0) + seconds
    return sums


def memory_octets(root: int) -> dict[str, int]:
    """rss: summed over the tree, shared pages as often as they are mapped; pss: shared pages by share."""
    sums = {"rss": 0, "pss": 0}
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, rest = line.partition(":")
            if name.lower() in sums:
                sums[name.lower()] += int(rest.split()[0]) * 1024
    return sums


class Idle:
    """When a tree became idle, and what it had used by then."""

    def __init__(self, at: float, cpu: float):
        self.at = at  # time.monotonic()
        self.cpu_s = cpu


def wait_idle(root: int, timeout_s: float = 120) -> Idle:
    """Waits until the tree used less than 1 % of a core over 300 ms; `at` is where that window began."""
    deadline = time.monotonic() + timeout_s
    seen = [(time.monotonic(), cpu_s(root))]
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        now, used = time.monotonic(), cpu_s(root)
        if not tree(root):
            raise RuntimeError(f"process {root} ended while we waited for it to be idle")
        while len(seen) > 1 and now - seen[1][0] >= IDLE_WINDOW_S:
            seen.pop(0)
        since, before = seen[0]
        if now - since >= IDLE_WINDOW_S and used - before < IDLE_SHARE * (now - since):
            return Idle(since, used)
        seen.append((now, used))
    raise RuntimeError(f"process {root} was not idle within {timeout_s:g} s")


class Watch:
    """Samples a figure on a thread of its own while a with block runs; `most` is the largest."""

    def __init__(self, sample, every_s: float = 0.1):
        self.sample, self.every_s = sample, every_s
        self.most = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            self.most = max(self.most, self.sample())
            self._stop.wait(self.every_s)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, self.sample())


def machine() -> dict:
    """Where figures were made."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 1024**2, 1),
        "kernel": os.uname().release,
        "load_before": os.getloadavg()[0],
    }
