"""The peers of tools/peer take mail, deliver it and leave nothing behind: else comparing with them means nothing."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from hostile_peer import Peer
from nameserver import Nameserver

TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"
sys.path.insert(0, str(TOOLS))

from peers import fetch  # noqa: E402
from peers.selfcheck import DOMAIN, MESSAGE, Running, check_one_message, wait_for  # noqa: E402

ROOM = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
pytestmark = pytest.mark.skipif(ROOM.returncode != 0, reason=f"peers need root and namespaces: {ROOM.stderr.strip()}")


@pytest.fixture
def start_peer(tmp_path):
    """start_peer(peer, *arguments) starts one with a state folder of its own; stopped at the end."""
    running = []

    def start(peer, *arguments):
        for unit in peer.split("+"):
            need(unit)
        one = Running(peer, tmp_path / f"state{len(running)}", *arguments)
        running.append(one.__enter__())
        return one

    yield start
    for one in running:
        one.__exit__()


def need(unit):
    try:
        fetch.fetch(unit)
    except (fetch.FetchError, FileNotFoundError) as e:
        pytest.skip(f"packages of {unit} can't be had: {e}")


def refuses(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("peer", ["postfix", "postfix+dovecot", "dovecot", "exim", "opensmtpd", "cyrus"])
def test_delivers_a_message(start_peer, peer):
    check_one_message(start_peer(peer))


def test_postfix_relays_by_mx(start_peer, tmp_path):
    """To whom the name server names, at the port given."""
    with Nameserver(tmp_path / "dns", {DOMAIN: "@ MX 10 mx\nmx A 127.0.5.1\n"}, address="127.0.5.53", port=53), \
            Peer(address="127.0.5.1") as receiver:
        start_peer("postfix", "--domain", "first.example", "--relay-by-mx", f"127.0.5.53:{receiver.port}").send()
        [message] = receiver.wait()
        assert message.forward_paths == [b"ann@peer.example"] and message.octets.endswith(MESSAGE.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("peer", ["postfix", "exim", "opensmtpd"])
def test_relays_what_is_not_its_own(start_peer, peer):
    last = start_peer("opensmtpd")
    first = start_peer(peer, "--domain", "first.example", "--relay", f"127.0.0.1:{last.port('smtp')}")
    first.send(forward_path=f"ann@{DOMAIN}")
    wait_for("relayed message", last.collect)


@pytest.mark.parametrize("peer", ["postfix", "exim", "opensmtpd"])
def test_refuses_an_unknown_mailbox(start_peer, peer):
    one = start_peer(peer)
    with pytest.raises(Exception, match="RecipientsRefused|nobody"):
        one.send(forward_path=f"nobody@{DOMAIN}")


@pytest.mark.parametrize("peer", ["postfix", "exim", "opensmtpd"])
def test_sink_takes_and_keeps_nothing(start_peer, peer):
    one = start_peer(peer, "--sink")
    one.send()
    time.sleep(0.5)
    assert list((pathlib.Path(one.ready["root"]) / "var/mail").iterdir()) == []


@pytest.mark.parametrize("storage", ["sdbox", "mdbox"])
def test_dovecot_storage(start_peer, storage):
    one = start_peer("dovecot", "--storage", storage)
    check_one_message(one)
    assert (pathlib.Path(one.ready["root"]) / "var/mail/ann" / storage).is_dir()


def test_disk_keeps_the_mail(start_peer, tmp_path):
    first = start_peer("dovecot", "--disk", str(tmp_path / "disk"))
    check_one_message(first)
    first.__exit__()
    assert (tmp_path / "disk/mail/ann").is_dir()
    assert len(start_peer("dovecot", "--disk", str(tmp_path / "disk")).collect()) == 1


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_it(start_peer, sig):
    one = start_peer("dovecot")
    inside = room_of(one.ready["pid"])
    assert len(inside) > 3
    one.process.send_signal(sig)
    one.process.wait(timeout=10)
    wait_for("end of every process", lambda: not [pid for pid in inside if os.path.exists(f"/proc/{pid}")])
    assert all(refuses(port) for port in one.ready["listen"].values())


def test_dies_with_its_caller(start_peer, tmp_path):
    need("opensmtpd")
    command = [str(TOOLS / "peer"), "run", "opensmtpd", "--dir", str(tmp_path / "state")]
    caller = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"
    with subprocess.Popen([sys.executable, "-c", caller, *command], stdout=subprocess.PIPE, text=True) as parent:
        assert '"ready"' in parent.stdout.readline()
        pid = int((tmp_path / "state/pid").read_text())
        inside = room_of(pid)
        parent.kill()
    wait_for("end of every process", lambda: not [pid for pid in inside if os.path.exists(f"/proc/{pid}")])


def test_host_sees_nothing_of_it(start_peer):
    before = pathlib.Path("/proc/self/mounts").read_text()
    one = start_peer("exim")
    assert pathlib.Path("/proc/self/mounts").read_text() == before
    assert "Debian-exim" in (pathlib.Path(one.ready["root"]) / "etc/passwd").read_text()
    assert os.path.samefile("/etc", one.ready["root"] + "/etc") is False


def test_cpu_is_counted(start_peer, tmp_path):
    one = start_peer("postfix", "--sink")

    def seconds():
        command = [str(TOOLS / "peer"), "cpu", "--dir", str(tmp_path / "state0")]
        return float(subprocess.check_output(command, text=True).split()[1].rstrip("}"))

    before, sent = seconds(), 0
    while seconds() - before < 0.05 and sent < 2000:  # the kernel counts in ticks of 10 ms
        one.send(MESSAGE)
        sent += 1
    assert 0.05 <= seconds() - before < 10
    assert sent > 1


def test_a_taken_port_is_told(tmp_path):
    need("opensmtpd")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        with pytest.raises(Exception, match="did not start: peer: .*"):
            Running("opensmtpd", tmp_path / "state", "--smtp-port", str(s.getsockname()[1])).__enter__()


def test_two_in_one_folder_are_refused(start_peer, tmp_path):
    start_peer("opensmtpd")
    with pytest.raises(Exception, match="another peer runs"):
        Running("opensmtpd", tmp_path / "state0").__enter__()


def room_of(pid):
    """Host pids of everything in the PID namespace of `pid`."""
    room = os.readlink(f"/proc/{pid}/ns/pid")
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "ns/pid") == room:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
