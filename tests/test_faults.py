"""The disk, memory or descriptors fail under a running server: a 4xx, nothing lost, and on it goes.

Faults are let in by fault.so on chosen calls and paths (faults.py). What was acknowledged before, during and
after has to be there, octet for octet, also after kill -9 and a restart; what was refused must not be there.
Only where the sync of the WAL failed it may: the rows are written then, and nobody can tell whether they stay.
"""

import contextlib
import errno
import os
import socket
import subprocess
import time

import pytest

import clients
import faults
from crash import ACCOUNTS, Crash, Ledger, Load, identify, message
from faults import Faults

ANN = ACCOUNTS[0]
LARGE = 400 << 10  # over 256 KB: a file of its own


@pytest.fixture
def injected(make_instance, preload_dir, postrider_bin, tmp_path):
    """(instance, faults): running, with accounts, and no fault yet."""
    with Faults(tmp_path / "faults") as f:
        one = make_instance(env=f.environment(preload_dir, postrider_bin))
        for account in ACCOUNTS:
            one.account_add(account)
        yield one.start(), f


class Mail:
    """Messages one at a time to one account, and whether they were taken."""

    def __init__(self, one):
        self.one, self.ledger = one, Ledger()

    def deliver(self, size=2000):
        """The final reply's code. 4xx at any command is a refusal; so is a 421."""
        seq = self.ledger.try_message((ANN,))
        try:
            with self.one.smtp() as c:
                c.deliver("load@far.example", [ANN], sized(seq, size))
        except clients.Refused as e:
            self.ledger.refuse(seq)
            return int(e.reply[:3])
        self.ledger.acknowledge(seq)
        return 250

    def recovers(self, size=2000, seconds=15):
        """Mail is taken again, soon."""
        deadline = time.monotonic() + seconds
        while self.deliver(size) != 250:
            assert time.monotonic() < deadline, f"still refused after {seconds} s:\n{self.one.log_tail()}"
            time.sleep(.2)

    def check(self):
        for _ in range(2):
            with self.one.pop3(ANN) as c:
                found = [identify(c.retr(n), lambda seq: made[seq]) for n in c.uidl()]
                c.quit()
            assert self.ledger.settle({a: found if a == ANN else [] for a in ACCOUNTS}) == []
            self.one.verify()
            self.one.kill()
            self.one.start()


made = {}


def sized(seq, size):
    octets = message(seq, 1000)
    made[seq] = octets + b"and more\r\n" * (max(0, size - len(octets)) // 10)
    return made[seq]


@pytest.mark.parametrize("size, calls, error, glob", [
    (2000, faults.WRITE, errno.ENOSPC, "*.seg"),
    (2000, faults.WRITE, errno.EIO, "*.seg"),
    (2000, faults.SYNC, errno.EIO, "*.seg"),
    (2000, faults.WRITE, errno.ENOSPC, "*-wal"),
    (2000, faults.WRITE, errno.EIO, "*-wal"),
    (2000, faults.SYNC, errno.EIO, "*-wal"),
    (LARGE, faults.OPEN, errno.EMFILE, "*/spool/*"),
    (LARGE, faults.WRITE, errno.ENOSPC, "*/spool/*"),
    (LARGE, faults.WRITE, errno.EIO, "*/spool/*"),
    (LARGE, faults.SYNC, errno.EIO, "*/spool/*"),
    (LARGE, faults.RENAME, errno.EIO, "*/spool/*"),
    (LARGE, faults.SYNC, errno.EIO, "*/files/*"),
])
def test_a_failing_call_is_a_4xx_and_passes(injected, size, calls, error, glob):
    one, f = injected
    mail = Mail(one)
    mail.ledger.final = (calls, glob) != (faults.SYNC, "*-wal")
    assert mail.deliver(size) == 250
    child = one.server_pid()
    f.set(calls, error, glob, shortened=calls == faults.WRITE and error == errno.ENOSPC)
    codes = [mail.deliver(size) for _ in range(3)]
    assert f.struck() > 0, f"nothing like this was called: {codes}"
    assert 400 <= codes[0] < 500
    f.clear()
    mail.recovers(size)
    assert one.server_pid() == child, "it did not go on, it was restarted"
    mail.check()


@pytest.mark.parametrize("size, error, glob, said", [
    (2000, errno.EIO, "*-wal", b"451 4.3.2 The mail store is being reopened"),
    (2000, errno.EROFS, "*.seg", b"451 4.3.2 The mail store is being reopened"),
    (600000, errno.EROFS, "*/spool/*", b"451 4.3.0 The server failed here"),
    (600000, errno.ENOSPC, "*/spool/*", b"452 4.3.1 The server is out of disk or memory"),
])
def test_a_disk_failure_is_told_as_one(injected, size, error, glob, said):
    one, f = injected
    mail = Mail(one)
    assert mail.deliver(size) == 250
    f.set(faults.WRITE, error, glob)
    for _ in range(3):
        seq = mail.ledger.try_message((ANN,))
        with pytest.raises(clients.Refused) as refused, one.smtp() as c:
            c.deliver("load@far.example", [ANN], sized(seq, size))
        mail.ledger.refuse(seq)
        assert refused.value.reply.startswith(said)
    f.clear()
    mail.recovers(size)
    mail.check()


@pytest.mark.parametrize("calls", [faults.WRITE, faults.SYNC, faults.WRITE | faults.SYNC | faults.TRUNCATE])
def test_a_checkpoint_that_fails_at_the_end_loses_nothing(injected, calls):
    one, f = injected
    mail = Mail(one)
    assert [mail.deliver() for _ in range(20)] == [250] * 20
    f.set(calls, errno.EIO, "*.db")
    one.stop(code=None)
    assert f.struck() > 0
    f.clear()
    one.start()
    mail.recovers()
    mail.check()


def test_a_start_without_a_working_disk_says_so_and_the_next_works(injected):
    one, f = injected
    mail = Mail(one)
    assert [mail.deliver() for _ in range(5)] == [250] * 5
    one.kill()
    f.set(faults.WRITE | faults.SYNC | faults.TRUNCATE, errno.EIO, "*/data/*")
    one.spawn()
    time.sleep(1)
    assert f.struck() > 0
    one.kill()
    f.clear()
    one.start()
    mail.check()


def test_without_descriptors_connections_wait(injected):
    one, f = injected
    mail = Mail(one)
    f.set(faults.ACCEPT, errno.EMFILE)
    with pytest.raises(TimeoutError):
        one.smtp(timeout=1)
    assert f.struck() > 0
    f.clear()
    mail.recovers()
    mail.check()


def test_without_memory_one_session_suffers(injected):
    one, f = injected
    mail = Mail(one)
    assert mail.deliver() == 250
    child = one.server_pid()
    f.set(faults.MALLOC, errno.ENOMEM, least=2000, chance=.3)
    refused = 0
    for _ in range(30):
        try:
            refused += mail.deliver(20000) != 250
        except (clients.Closed, OSError):
            refused += 1
    f.clear()
    if f.met() == 0:
        pytest.skip("the allocator is the sanitizer's own")
    assert f.struck() > 0 and refused > 0
    mail.recovers()
    assert one.server_pid() == child, "it did not go on, it was restarted"
    mail.check()


def test_rare_faults_everywhere_under_load(injected):
    """Each call has its chance to fail while clients deliver and delete; then kill -9."""
    one, f = injected
    crash = Crash(one, 1)
    crash.ledger.final = False
    for rule, glob in enumerate(("*.seg", "*-wal", "*/spool/*")):
        f.set(faults.WRITE | faults.SYNC, errno.EIO, glob, rule=rule, skip=50, chance=.01)
    load = Load(one, crash.ledger, crash.rng)
    time.sleep(3)
    load.close()
    load.join()
    assert sum(f.struck(rule) for rule in range(3)) > 0
    f.clear()
    crash.again()
    crash.check("after rare faults", full=True)
    crash.kill("both")
    crash.again()
    crash.check("after kill -9", full=True)


def test_the_system_does_not_say_who_it_is(injected):
    """A directory service that is down: whoever hands in mail is asked to come again, and is let in once it is up."""
    one, f = injected

    def greeting():
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
            s.settimeout(30)
            s.connect(str(one.dir / "data" / "run" / "submit.sock"))
            with s.makefile("rb") as stream:
                return stream.readline()

    f.set(faults.LOGIN, errno.EIO)
    assert greeting().startswith(b"421 4.3.0 mail.shop.example can't find out who you are; try again later")
    done = one.cli("send", ANN, stdin=b"Subject: x\n\nx\n", code=75)
    assert b"can't find out who you are" in done.stderr and f.struck() == 2
    f.clear()
    assert greeting().startswith(b"220 ")


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 12 MB, and a function that changes its size."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(*args):
        return subprocess.run(["mount", *args, str(disk)], capture_output=True, check=False).returncode == 0

    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=12m", "tmpfs"):
        pytest.skip("mounting a small tmpfs takes root")
    yield disk, lambda size: mount("-o", f"remount,size={size}")
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_a_452_until_there_is_room(make_instance, small_disk):
    disk, resize = small_disk
    one = make_instance(f"{disk.name}/server")
    try:
        one.account_add(ANN)
        one.start()
        mail = Mail(one)
        code = 250
        for _ in range(200):
            code = mail.deliver(200 << 10)
            if code != 250:
                break
        assert code == 452
        assert resize("64m")
        mail.recovers(200 << 10)
        mail.check()
        one.stop()
    finally:
        one.kill()
