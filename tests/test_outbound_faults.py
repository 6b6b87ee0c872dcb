"""Disk and memory fail while mail goes out: results and notices wait until they can be kept, nothing is lost, nothing is
sent on top of a result that is not on the disk, and all goes on without a restart."""

import collections
import errno
import time

import pytest

import faults
import outbound
from faults import Faults
from hostile_peer import Peer, refusing
from nameserver import Nameserver

ZONE = {"far.example": "@ MX 10 mx\nmx A 127.0.0.1\n"}
MESSAGES = 30


@pytest.fixture
def struck(make_instance, preload_dir, postrider_bin, tmp_path):
    """(start, faults): start(peer) gives an instance that sends there, with no fault yet and sending frozen."""
    with Faults(tmp_path / "faults") as f, Nameserver(tmp_path / "dns", ZONE) as dns:
        def start(peer):
            one = outbound.sending(lambda name: make_instance(name, env=f.environment(preload_dir, postrider_bin)), dns,
                                   peer.port)
            one.cli("queue", "freeze")
            return one
        yield start, f


def submit_all(one, count=MESSAGES):
    return [outbound.submit(one, f"cy{n}@far.example") for n in range(count)]


def wait_struck(f):
    outbound.wait("the fault", lambda: f.struck() > 0)
    time.sleep(.5)


@pytest.mark.parametrize("calls, error, glob", [
    (faults.WRITE, errno.EIO, "*-wal"),
    (faults.WRITE, errno.ENOSPC, "*-wal"),
    (faults.SYNC, errno.EIO, "*-wal"),
])
def test_results_wait_for_the_disk(struck, calls, error, glob):
    """The remote's 250 is there and can't be kept: no connection ends another message, and nothing is lost or repeated."""
    start, f = struck
    with Peer() as peer:
        one = start(peer)
        submit_all(one)
        child = one.server_pid()
        f.set(calls, error, glob)
        one.cli("queue", "thaw")
        wait_struck(f)
        assert len(peer.whole) <= len(peer.sessions), "a message ended on top of a result that is not on the disk"
        f.clear()
        outbound.wait_empty(one, 60)
        assert one.server_pid() == child, "it did not go on, it was restarted"
        counts = collections.Counter(path for m in peer.messages for path in m.forward_paths)
        assert len(counts) == MESSAGES and set(counts.values()) == {1}, counts


def test_a_notice_waits_for_room(struck):
    """Nobody is given up before the notice is kept; then there is one notice, and one only."""
    start, f = struck
    with Peer({"RCPT": refusing(b"<cy0@")}) as peer:
        one = start(peer)
        outbound.submit(one, "cy0@far.example")
        f.set(faults.WRITE, errno.ENOSPC, "*.seg")
        one.cli("queue", "thaw")
        wait_struck(f)
        assert [r["forward_path"] for r in outbound.queue(one)] == ["cy0@far.example"]
        assert not outbound.mailbox(one, outbound.ANN)
        f.clear()
        outbound.wait_empty(one, 60)
        assert len(outbound.notices(one)) == 1


def test_without_memory_mail_waits(struck):
    start, f = struck
    with Peer() as peer:
        one = start(peer)
        submit_all(one)
        child = one.server_pid()
        f.set(faults.MALLOC, errno.ENOMEM, least=500, chance=.2)
        one.cli("queue", "thaw")
        time.sleep(3)
        f.clear()
        if f.met() == 0:
            pytest.skip("the allocator is the sanitizer's own")
        assert f.struck() > 0
        outbound.wait("an empty queue", lambda: one.cli("queue", "retry") and not outbound.queue(one), 60)
        assert one.server_pid() == child, "it did not go on, it was restarted"
        counts = collections.Counter(path for m in peer.messages for path in m.forward_paths)
        assert len(counts) == MESSAGES and set(counts.values()) == {1}, counts


def test_who_asks_twice_for_a_row_gets_it_once(struck):
    start, _ = struck
    with Peer() as peer:
        one = start(peer)
        submit_all(one)
        for _ in range(5):
            one.cli("queue", "hold", "--all")
            one.cli("queue", "release", "--all")
            one.cli("queue", "retry")
        one.cli("queue", "thaw")
        outbound.wait_empty(one, 60)
        counts = collections.Counter(path for m in peer.messages for path in m.forward_paths)
        assert len(counts) == MESSAGES and set(counts.values()) == {1}, counts


def test_what_changes_while_it_is_sent_goes_once(struck):
    """Held and released while its transaction is under way: the row is due again, and is no second copy."""
    start, _ = struck

    def slow(session, line):
        time.sleep(1)
        return b"250 2.1.5 ok\r\n"

    with Peer({"RCPT": slow}) as peer:
        one = start(peer)
        submit_all(one, 3)
        one.cli("queue", "thaw")
        outbound.wait("a session", lambda: peer.lines(b"RCPT"))
        for _ in range(3):
            one.cli("queue", "hold", "--all")
            one.cli("queue", "release", "--all")
        outbound.wait_empty(one, 60)
        time.sleep(1.5)  # a second copy would be on its way
        counts = collections.Counter(path for m in peer.messages for path in m.forward_paths)
        assert len(counts) == 3 and set(counts.values()) == {1}, counts
