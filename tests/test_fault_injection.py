"""The fault injector tested on plain Python children: the right calls fail, no others, and it is counted."""

import errno
import os
import subprocess
import sys
import time

import pytest

import faults
from faults import Faults

PRELUDE = """
import errno, os, socket, sys
def tried(call):
    try:
        return call()
    except OSError as e:
        return errno.errorcode[e.errno]
def opened(name):
    return os.open(name, os.O_RDWR | os.O_CREAT)
"""


@pytest.fixture
def injected(tmp_path, preload_dir):
    """A Faults, and run(code): what a child under it prints."""
    with Faults(tmp_path / "faults") as f:
        def run(code):
            env = dict(os.environ, **f.environment(preload_dir, sys.executable))
            done = subprocess.run([sys.executable, "-S", "-c", PRELUDE + code], env=env, cwd=tmp_path, check=True,
                                  capture_output=True, text=True)
            return done.stdout.split()
        yield f, run


def test_without_a_rule_nothing_fails(injected):
    f, run = injected
    assert run("print(tried(lambda: os.write(opened('a.seg'), b'x')))") == ["1"]
    assert f.met() == f.struck() == 0


@pytest.mark.parametrize("calls, call", [
    (faults.WRITE, "os.write(fd, b'x')"),
    (faults.WRITE, "os.pwrite(fd, b'x', 0)"),
    (faults.WRITE, "os.writev(fd, [b'x', b'y'])"),
    (faults.WRITE, "os.pwritev(fd, [b'x', b'y'], 0)"),
    (faults.READ, "os.read(fd, 1)"),
    (faults.READ, "os.pread(fd, 1, 0)"),
    (faults.READ, "os.preadv(fd, [bytearray(1)], 0)"),
    (faults.FSYNC, "os.fsync(fd)"),
    (faults.FDATASYNC, "os.fdatasync(fd)"),
    (faults.TRUNCATE, "os.ftruncate(fd, 0)"),
    (faults.FALLOCATE, "os.posix_fallocate(fd, 0, 10)"),
])
def test_a_call_fails_on_fitting_paths_only(injected, calls, call):
    f, run = injected
    f.set(calls, errno.EIO, "*.seg")
    assert run(f"fd = opened('a.seg'); print(tried(lambda: {call}))") == ["EIO"]
    assert f.struck() == 1
    assert run(f"fd = opened('a.db'); print(tried(lambda: {call}))") != ["EIO"]
    assert f.struck() == 1


def test_calls_by_path(injected):
    f, run = injected
    f.set(faults.OPEN, errno.EMFILE, "*.seg")
    f.set(faults.RENAME, errno.ENOSPC, "*", rule=1)
    assert run("print(tried(lambda: opened('a.seg')))") == ["EMFILE"]
    assert run("opened('b'); print(tried(lambda: os.rename('b', 'c')))") == ["ENOSPC"]
    assert (f.struck(0), f.struck(1)) == (1, 1)


def test_accept_fails_and_the_connection_waits(injected):
    f, run = injected
    f.set(faults.ACCEPT, errno.EMFILE, count=2)
    assert run("""
s = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(s.getsockname())
print(*[tried(lambda: s._accept() and "accepted") for _ in range(3)])""") == ["EMFILE", "EMFILE", "accepted"]


def test_skip_and_count(injected):
    f, run = injected
    f.set(faults.WRITE, errno.ENOSPC, "*.seg", skip=2, count=3)
    assert run("fd = opened('a.seg')\nprint(*[tried(lambda: os.write(fd, b'x')) for _ in range(7)])") \
        == ["1", "1", "ENOSPC", "ENOSPC", "ENOSPC", "1", "1"]
    assert (f.met(), f.struck()) == (7, 3)


def test_chance_is_near_and_repeats(injected):
    f, run = injected
    seen = []
    for _ in range(2):
        f.set(faults.WRITE, errno.ENOSPC, "*.seg", chance=.25)
        seen.append(run("fd = opened('a.seg')\nprint(*[tried(lambda: os.write(fd, b'x')) for _ in range(1000)])"))
    assert 200 < seen[0].count("ENOSPC") < 300
    assert seen[0] == seen[1]


def test_a_full_disk_takes_half_of_the_first_write(injected, tmp_path):
    f, run = injected
    f.set(faults.WRITE, errno.ENOSPC, "*.seg", shortened=True)
    assert run("fd = opened('a.seg')\nprint(*[tried(lambda: os.write(fd, b'12345678')) for _ in range(2)])") \
        == ["4", "ENOSPC"]
    assert (tmp_path / "a.seg").read_bytes() == b"1234"


def test_a_slow_disk_waits_and_succeeds(injected):
    f, run = injected
    f.slow_disk(50)
    began = time.monotonic()
    assert run("fd = opened('a'); print(tried(lambda: os.fsync(fd)), tried(lambda: os.fdatasync(fd)))") \
        == ["None", "None"]
    assert time.monotonic() - began >= .1
    assert f.struck(faults.RULES - 1) == 2


def test_an_allocation_fails_from_a_size_on(injected):
    f, run = injected
    f.set(faults.MALLOC, errno.ENOMEM, least=50_000_000)
    assert run("""
try:
    bytearray(60_000_000)
except MemoryError:
    print("none", len(bytearray(1_000_000)))""") == ["none", "1000000"]
    assert f.struck() >= 1


def test_faults_are_switched_while_the_child_runs(tmp_path, preload_dir):
    with Faults(tmp_path / "faults") as f:
        env = dict(os.environ, **f.environment(preload_dir, sys.executable))
        code = PRELUDE + """
fd = opened('a.seg')
for line in sys.stdin:
    print(tried(lambda: os.write(fd, b'x')), flush=True)"""
        with subprocess.Popen([sys.executable, "-S", "-c", code], env=env, cwd=tmp_path, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            def ask():
                child.stdin.write("\n")
                child.stdin.flush()
                return child.stdout.readline().strip()

            said = [ask()]
            f.set(faults.WRITE, errno.EIO, "*.seg")
            said.append(ask())
            f.clear()
            said.append(ask())
            child.stdin.close()
        assert said == ["1", "EIO", "1"]
