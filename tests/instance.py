"""One postrider instance of a test: made by `init`, started, spoken to, stopped, its log judged.

The server runs as a parent with one server child (both are reachable for `kill`), listens on loopback
at a port base of its own, and writes its JSON log lines to a file that outlives restarts.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import select
import signal
import socket
import subprocess
import time

import clients

ROOT = pathlib.Path(__file__).resolve().parent.parent
PORTS = {
    "lmtp": 24, "smtp": 25, "http": 80, "pop3": 110, "imap": 143, "managesieve": 190,
    "https": 443, "submissions": 465, "submission": 587, "imaps": 993, "pop3s": 995,
}
HOSTNAME = "mail.shop.example"
DOMAIN = "shop.example"
PASSWORD = "correct horse battery"

SANITIZER = re.compile(rb"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


def default_binary():
    return pathlib.Path(os.environ.get("POSTRIDER_BIN", ROOT / "build" / "postrider")).resolve()


def free_port_base():
    """A BASE whose ports are all free now; below the ephemeral range, so that no client takes them later."""
    for _ in range(200):
        base = random.SystemRandom().randrange(10000, 31000)
        with contextlib.ExitStack() as held:
            try:
                for offset in PORTS.values():
                    s = held.enter_context(socket.socket())
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", base + offset))
            except OSError:
                continue
        return base
    raise RuntimeError("no free port base on 127.0.0.1")


def queue_fill(one, *args, stdin=b""):
    """Puts rows into the queue of a stopped instance (tests/store/queue_fill.c); gives their ids."""
    tool = default_binary().parent / "tests" / "store" / "queue_fill"
    done = subprocess.run([tool, one.dir / "data", *map(str, args)], input=stdin, capture_output=True, check=True)
    return [int(line) for line in done.stdout.split()]


def preload(binary, *libraries):
    """LD_PRELOAD for these libraries; a sanitizer's runtime has to come first where the binary has one."""
    first = []
    linked = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
    for name in ("libasan", "libtsan"):
        found = re.search(rf"{name}\.so\S* => (\S+)", linked)
        if found:
            first.append(found.group(1))
    return ":".join(first + [str(lib) for lib in libraries])


class Instance:
    def __init__(self, directory, binary=None, env=None):
        self.dir = pathlib.Path(directory)
        self.binary = pathlib.Path(binary or default_binary())
        self.base = free_port_base()
        self.env = dict({"TSAN_OPTIONS": f"suppressions={ROOT}/tests/tsan.supp"}, **os.environ, **(env or {}))
        self.log_path = self.dir.parent / (self.dir.name + ".log")
        self.process = None
        self.ready = None      # the parsed ready line of the last start
        self.log_start = 0     # where the log of the last start begins
        self.expect_reports = False

    # -- commands ------------------------------------------------------------------------------------

    @property
    def config(self):
        return self.dir / "postrider.toml"

    def cli(self, *args, stdin=None, code=0, timeout=60, config=True):
        """Runs a subcommand; asserts its exit code (None: any). Gives the CompletedProcess, octets."""
        argv = [str(self.binary)] + (["-c", str(self.config)] if config else []) + [str(a) for a in args]
        env = {k: v for k, v in self.env.items() if k != "LD_PRELOAD"}  # preloads are for the server
        done = subprocess.run(argv, input=stdin or b"", capture_output=True, env=env, timeout=timeout, check=False)
        told = f"{argv}\nexit {done.returncode}\n{done.stdout[-4000:]!r}\n{done.stderr[-4000:]!r}"
        assert not SANITIZER.search(done.stderr), told
        assert code is None or done.returncode == code, told
        return done

    def json(self, *args, **kwargs):
        """The one object that a command with --json prints."""
        return json.loads(self.cli(*args, "--json", **kwargs).stdout)

    def json_lines(self, *args, **kwargs):
        """The objects of list, check and trace with --json."""
        return [json.loads(line) for line in self.cli(*args, "--json", **kwargs).stdout.splitlines()]

    def init(self, hostname=HOSTNAME, domain=DOMAIN):
        self.cli("init", self.dir, "--hostname", hostname, "--domain", domain, "--ports", self.base, config=False)
        return self

    def account_add(self, address, password=PASSWORD):
        self.cli("account", "add", address, "--password-stdin", stdin=password.encode() + b"\n")
        return address

    def verify(self):
        """The store is sound, says `verify`."""
        verdict = self.json("verify", timeout=300, code=None)
        assert verdict["ok"] and verdict["problems"] == [], verdict

    # -- the server ----------------------------------------------------------------------------------

    def spawn(self):
        """Starts the server without waiting for its ready line."""
        assert self.process is None or self.process.poll() is not None, "it runs already"
        self.ready = None
        self.log_path.touch()
        self.log_start = self.log_path.stat().st_size
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(self.binary), "-c", str(self.config), "serve"], env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self, timeout=20):
        self.spawn()
        self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=20, after=None):
        """Waits for a ready line past the log offset `after` (default: since the last start)."""
        after = self.log_start if after is None else after
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for event in self.events("ready", after):
                self.ready = event
                return event
            assert self.process.poll() is None, f"serve ended with {self.process.returncode}:\n{self.log_tail()}"
            time.sleep(0.005)
        raise AssertionError(f"no ready line in {timeout} s:\n{self.log_tail()}")

    def server_pid(self):
        """The server child of the parent that we started; None while there is none."""
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = pathlib.Path("/proc", entry, "stat").read_text()
                except OSError:
                    continue
                fields = stat[stat.rindex(")") + 2:].split()
                if int(fields[1]) == self.process.pid and fields[0] != "Z":
                    return int(entry)
        return None

    def stop(self, timeout=60, code=0):
        """SIGTERM, the drain, exit code 0, and no sanitizer report in the whole log."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"serve did not end in {timeout} s:\n{self.log_tail()}") from None
            assert code is None or self.process.returncode == code, \
                f"serve ended with {self.process.returncode}:\n{self.log_tail()}"
        self.process = None
        self.check_log()

    def kill(self):
        """Makes sure that nothing is left: kill -9 of the parent, then of the child."""
        if self.process is None:
            return
        child, gone = self.server_pid(), None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                gone = os.pidfd_open(child)
        for pid in (self.process.pid, child):
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if gone is not None:  # until then its sockets take connections that nobody answers
            select.select([gone], [], [], 20)
            os.close(gone)
        self.process = None

    # -- what it said --------------------------------------------------------------------------------

    def log_octets(self, after=0):
        with contextlib.suppress(FileNotFoundError), open(self.log_path, "rb") as log:
            log.seek(after)
            return log.read()
        return b""

    def log_tail(self, octets=4000):
        return self.log_octets()[-octets:].decode("utf-8", "replace")

    def events(self, name=None, after=0, count=0):
        """The JSON log lines, all or those of one event; lines that are no JSON are passed over. A thread writes
        them after what they tell of: `count` waits until there are that many."""
        deadline = time.monotonic() + 10
        while len(found := self.events_now(name, after)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return found

    def events_now(self, name, after):
        found = []
        for line in self.log_octets(after).splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and name in (None, event.get("event")):
                found.append(event)
        return found

    def wait_events(self, name, count=1, timeout=20):
        """The events of that name, once there are `count`: lines come a moment after what they tell."""
        deadline = time.monotonic() + timeout
        while len(found := self.events(name)) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} {name}:\n{self.log_tail()}"
            time.sleep(0.005)
        return found

    def check_log(self):
        report = SANITIZER.search(self.log_octets())
        assert self.expect_reports or not report, \
            f"report in {self.log_path}:\n{self.log_octets()[report.start():][:6000].decode('utf-8', 'replace')}"

    # -- speaking to it ------------------------------------------------------------------------------

    def address(self, listener):
        return ("127.0.0.1", self.base + PORTS[listener])

    def smtp(self, timeout=30):
        return clients.Smtp(self.address("smtp"), timeout)

    def pop3(self, user=None, password=PASSWORD, timeout=30):
        """A session, logged in where a user is given. One that just broke off may hold the mailbox a little longer."""
        deadline = time.monotonic() + 5
        while True:
            c = clients.Pop3(self.address("pop3"), timeout)
            try:
                if user is not None:
                    c.login(user, password)
                return c
            except clients.Refused as e:
                c.close()
                if b"[IN-USE]" not in e.reply or time.monotonic() > deadline:
                    raise
                time.sleep(.05)
