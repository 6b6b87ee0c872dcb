"""The parent and its server: restarts, death of either, locks, reloads, drains, service managers, descriptors."""

import contextlib
import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

import clients
from instance import DOMAIN, Instance

ANN = "ann@" + DOMAIN
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
def one(make_instance):
    """A running instance with one account."""
    made = make_instance()
    made.account_add(ANN)
    return made.start()


def deliver(one):
    with one.smtp() as c:
        reply = c.deliver("bob@far.example", [ANN], MESSAGE)
        c.quit()
    assert reply.startswith(b"250"), reply


def cpu_s(pid):
    fields = pathlib.Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def accepts_again(one):
    try:
        deliver(one)
    except clients.Refused as refused:
        assert b"421" in refused.args[0]
        return False
    return True


def gone(pid):
    try:
        return pathlib.Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def is_free(address):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            s.bind(address)
            return True
    return False


def wait_for(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


def edit(one, old, new):
    text = one.config.read_text()
    assert old in text
    one.config.write_text(text.replace(old, new))


# -- dying -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_server_is_restarted_at_once(one, number):
    deliver(one)
    after = one.log_path.stat().st_size
    began = time.monotonic()
    one.expect_reports = number != signal.SIGKILL  # a sanitizer reports the signal too
    os.kill(one.server_pid(), number)
    one.wait_ready(after=after)
    assert time.monotonic() - began < (2 if "SAN" not in os.environ else 10)
    assert [e["ms"] for e in one.events("server.died", after)] == [0]
    deliver(one)
    assert one.json("account", "show", ANN)["messages"] == 2


def test_clients_wait_while_it_restarts(one):
    """The sockets are the parent's: nobody is refused, not even a command."""
    os.kill(one.server_pid(), signal.SIGKILL)
    with one.smtp(timeout=20) as c:
        c.quit()
    assert one.json("account", "show", ANN)["messages"] == 0


def test_young_deaths_are_spaced(one):
    for _ in range(3):
        after = one.log_path.stat().st_size
        os.kill(one.server_pid(), signal.SIGKILL)
        one.wait_ready(after=after)
    assert [e["ms"] for e in one.events("server.died")] == [0, 1000, 2000]


def test_ignores_signals_that_are_for_the_parent(one):
    server = one.server_pid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(server, number)
    time.sleep(0.2)
    assert one.server_pid() == server
    deliver(one)


def test_server_dies_with_its_parent(one):
    server = one.server_pid()
    one.process.kill()
    one.process.wait()
    one.process = None
    wait_for(lambda: gone(server) and is_free(one.address("smtp")), timeout=1)
    began = time.monotonic()
    assert one.json("account", "show", ANN)["messages"] == 0  # and so is the lock
    assert time.monotonic() - began < 4
    one.start()
    deliver(one)


# -- one store, one server -------------------------------------------------------------------------------------

def test_second_start_waits_and_gives_up(one):
    began = time.monotonic()
    done = subprocess.run([one.binary, "-c", one.config, "serve"], capture_output=True, check=False, timeout=30)
    assert done.returncode == 75
    assert 4 < time.monotonic() - began < 10
    assert "another postrider" in json.loads(done.stderr.splitlines()[-1])["what"]
    deliver(one)


def test_second_start_waits_for_the_first_to_end(one, tmp_path):
    with open(tmp_path / "second.log", "w+b") as log:
        second = subprocess.Popen([one.binary, "-c", one.config, "serve"], stderr=log)
        time.sleep(0.5)
        one.stop()
        try:
            wait_for(lambda: b'"ready"' in (tmp_path / "second.log").read_bytes())
            deliver(one)
        finally:
            second.terminate()
            assert second.wait(30) == 0


# -- starting --------------------------------------------------------------------------------------------------

def refused(one):
    one.spawn()
    code = one.process.wait(20)
    what = one.events("command.failed", one.log_start)[-1]["what"]
    return code, what


def test_port_in_use(make_instance):
    one = make_instance()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(one.address("smtp"))
        s.listen()
        code, what = refused(one)
    assert code != 0 and f"127.0.0.1:{one.base + 25}" in what and "listen.smtp" in what
    one.start()


def test_bad_config(make_instance):
    one = make_instance()
    edit(one, "[limits]", "[limits]\nsurprise = 1")
    code, what = refused(one)
    assert code == 78 and "surprise" in what and "postrider.toml:" in what
    one.process = None


def test_unknown_user(make_instance):
    one = make_instance()
    edit(one, "hostname =", 'user = "no-such-user"\nhostname =')
    code, what = refused(one)
    assert code != 0 and "no-such-user" in what


def test_newer_store(make_instance):
    one = make_instance()
    sqlite3 = pytest.importorskip("sqlite3")
    with contextlib.closing(sqlite3.connect(one.dir / "data" / "postrider.db")) as db:
        version = db.execute("pragma user_version").fetchone()[0]
        db.execute(f"pragma user_version = {version + 1}")
    code, what = refused(one)
    assert code == 78, what
    assert one.cli("account", "list", code=None).returncode == 78


# -- reloading -------------------------------------------------------------------------------------------------

def reload(one, event):
    after = one.log_path.stat().st_size
    one.process.send_signal(signal.SIGHUP)
    return wait_for(lambda: one.events(event, after))[-1]


def offered_size(one):
    with one.smtp() as c:
        return next(int(line.split()[-1]) for line in c.extensions if line[4:].startswith(b"SIZE "))


def test_reload_takes_effect(one):
    assert offered_size(one) == 50 << 20
    edit(one, "[limits]", '[limits]\nmessage_size = "1M"')
    reload(one, "config.loaded")
    wait_for(lambda: offered_size(one) == 1 << 20)
    after = one.log_path.stat().st_size
    os.kill(one.server_pid(), signal.SIGKILL)
    one.wait_ready(after=after)
    assert offered_size(one) == 1 << 20  # a restarted server has it too


def test_reload_is_all_or_nothing(one):
    before = one.config.read_text()
    for change, word in (('[limits]\nmessage_size = "1M"\nsurprise = 1', "surprise"),
                         ('[limits]\nmessage_size = "1M"\n[listen', "postrider.toml:")):
        one.config.write_text(before.replace("[limits]", change))
        assert word in reload(one, "config.refused")["what"]
    one.config.write_text(before.replace("[limits]", '[limits]\nmessage_size = "1M"')
                          .replace(f"127.0.0.1:{one.base + 25}", f"127.0.0.1:{one.base + 26}"))
    what = reload(one, "config.refused")["what"]
    assert "restart" in what and "listen.smtp" in what
    assert offered_size(one) == 50 << 20
    one.config.write_text(before)
    reload(one, "config.loaded")
    deliver(one)


# -- stopping --------------------------------------------------------------------------------------------------

def begin_data(c):
    c.command(b"MAIL FROM:<bob@far.example>", 250)
    c.command(b"RCPT TO:<" + ANN.encode() + b">", 250)
    c.command(b"DATA", 354)


def test_drain_ends_what_is_under_way(one):
    idle, busy = one.smtp(), one.smtp()
    begin_data(busy)
    busy.send(MESSAGE[:9])
    one.process.send_signal(signal.SIGTERM)
    assert idle.line().startswith(b"421")
    with pytest.raises(OSError):  # nobody new
        for _ in range(200):
            with socket.create_connection(one.address("smtp"), 0.2) as s:
                s.settimeout(0.2)
                if not s.recv(1):
                    raise OSError
            time.sleep(0.02)
    busy.send(MESSAGE[9:] + b".\r\n")
    assert busy.line().startswith(b"250")
    busy.close()
    idle.close()
    assert one.process.wait(20) == 0
    one.process = None
    assert one.events("server.stopped")
    assert one.json("account", "show", ANN)["messages"] == 1


def test_second_term_cuts(one):
    busy = one.smtp()
    begin_data(busy)
    one.process.send_signal(signal.SIGTERM)
    wait_for(lambda: one.events("server.stopping"))
    time.sleep(0.2)
    assert one.process.poll() is None
    began = time.monotonic()
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(10) == 0
    assert time.monotonic() - began < 2
    busy.close()
    one.process = None
    assert one.json("account", "show", ANN)["messages"] == 0


# -- service managers ------------------------------------------------------------------------------------------

def test_notify(make_instance, tmp_path):
    path = "@postrider-test-" + tmp_path.name + str(os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind("\0" + path[1:])
        s.settimeout(20)
        one = make_instance(env={"NOTIFY_SOCKET": path}).start()
        assert s.recv(4096).startswith(b"READY=1")
        one.process.send_signal(signal.SIGHUP)
        assert s.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert s.recv(4096).startswith(b"READY=1")
        one.process.send_signal(signal.SIGTERM)
        assert s.recv(4096).startswith(b"STOPPING=1")
        one.stop()


def test_socket_activation(make_instance):
    one = make_instance()
    with socket.socket() as smtp:
        smtp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        smtp.bind(one.address("smtp"))
        smtp.listen(16)
        early = socket.create_connection(one.address("smtp"))
        with open(one.log_path, "wb") as log:
            def pass_on():
                os.dup2(smtp.fileno(), 3)
                os.set_inheritable(3, True)
            one.process = subprocess.Popen(
                ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -c "$1" serve', one.binary, one.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=pass_on, close_fds=False)
        one.wait_ready(after=0)
        assert early.recv(3) == b"220"
        early.close()
    one.account_add(ANN)
    deliver(one)


def test_socket_that_nobody_configured(make_instance):
    one = make_instance()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        done = subprocess.run(
            ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -c "$1" serve', one.binary, one.config],
            capture_output=True, preexec_fn=lambda: os.dup2(other.fileno(), 3), close_fds=False, check=False)
    assert done.returncode != 0 and b"descriptor 3" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_becomes_its_user(postrider_bin):
    nobody = pwd.getpwnam("nobody")
    top = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    top.chmod(0o711)
    one = Instance(top / "server", postrider_bin)
    try:
        one.init()
        edit(one, "hostname =", 'user = "nobody"\nhostname =')
        one.config.chmod(0o600)  # the server itself can't read it
        subprocess.run(["chown", "-R", "nobody", one.dir / "data"], check=True)
        one.start()
        status = pathlib.Path("/proc", str(one.server_pid()), "status").read_text()
        assert f"Uid:\t{nobody.pw_uid}\t{nobody.pw_uid}\t{nobody.pw_uid}" in status
        assert (one.dir / "data" / "control.sock").stat().st_uid == nobody.pw_uid
        one.account_add(ANN)  # as root, by the socket
        deliver(one)
        edit(one, "[limits]", '[limits]\nmessage_size = "1M"')
        reload(one, "config.loaded")
        wait_for(lambda: offered_size(one) == 1 << 20)
        as_nobody = subprocess.run([one.binary, "-c", one.config, "account", "list"], user="nobody",
                                   capture_output=True, check=False)
        assert as_nobody.returncode in (66, 78)  # the configuration is root's
        one.stop()
        one.account_add("bob@" + DOMAIN)  # as root, by the store: it becomes nobody for that
        assert all(p.stat().st_uid == nobody.pw_uid for p in (one.dir / "data").rglob("*"))
        one.start()
        deliver(one)
        one.stop()
    finally:
        one.kill()
        shutil.rmtree(top)


# -- descriptors -----------------------------------------------------------------------------------------------

def test_out_of_descriptors_and_back(one):
    server = one.server_pid()
    used = len(os.listdir(f"/proc/{server}/fd"))
    limit = used + 12
    resource.prlimit(server, resource.RLIMIT_NOFILE, (limit, limit))
    held = []
    for _ in range(60):
        s = socket.create_connection(one.address("smtp"), 5)
        s.settimeout(0.05)
        held.append(s)
    greeted = 0
    for s in held:
        with contextlib.suppress(OSError):
            greeted += s.recv(3) == b"220"
    assert 0 < greeted < 60
    before = cpu_s(server)
    time.sleep(1)
    assert cpu_s(server) - before < 0.5, "the server spins while it waits for descriptors"
    for s in held:
        s.close()
    # Those that hung up while they waited in the backlog are accepted first and may fill the server once more.
    wait_for(lambda: accepts_again(one))
    assert one.server_pid() == server
    deliver(one)


def test_starts_with_every_descriptor_it_may_have(one):
    soft, hard = resource.prlimit(one.server_pid(), resource.RLIMIT_NOFILE)
    assert soft == hard


# -- many at once ----------------------------------------------------------------------------------------------

def test_commands_during_restarts(one):
    """Commands meet the socket's backlog or a broken connection, never a wrong answer."""
    stop, wrong = threading.Event(), []

    def ask():
        while not stop.is_set():
            done = one.cli("account", "show", ANN, "--json", code=None)
            if done.returncode not in (0, 69):
                wrong.append((done.returncode, done.stderr))

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for t in askers:
        t.start()
    for _ in range(2):
        after = one.log_path.stat().st_size
        os.kill(one.server_pid(), signal.SIGKILL)
        one.wait_ready(after=after)
        time.sleep(0.1)
    stop.set()
    for t in askers:
        t.join()
    assert not wrong
