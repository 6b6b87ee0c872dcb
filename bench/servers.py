"""What a benchmark runs against: postrider, Postfix with Dovecot, and the sink, all started and stopped alike.

Each is a context manager with smtp and pop3 ("host:port"), pid (the root of its process tree) and password. State is
kept under the given directory, which has to be on a real disk: syncs on tmpfs cost nothing.
"""
import concurrent.futures
import json
import os
import random
import selectors
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("POSTRIDER_BUILD", ROOT / "build")).resolve()
POSTRIDER = Path(os.environ.get("POSTRIDER_BIN", BUILD / "postrider")).resolve()
TOOLS = BUILD / "bench"
DOMAIN = "bench.example"
PASSWORD = "bench"
READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 120


class ServerError(Exception):
    """A server did not start, or ended when it should not."""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def free_port_base() -> int:
    """A BASE for --ports whose SMTP and POP3 are free; below the ephemeral range."""
    for _ in range(200):
        base = random.SystemRandom().randrange(10000, 31000)
        try:
            for offset in (24, 25, 80, 110, 143, 190, 443, 465, 587, 993, 995):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
    raise ServerError("no free ports")


def read_event(stream, event: str, timeout_s: float) -> dict:
    """The first JSON line with that "event"; other lines are passed over."""
    deadline = time.monotonic() + timeout_s
    held = b""
    os.set_blocking(stream.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            octets = os.read(stream.fileno(), 65536)
            if octets == b"":
                raise ServerError(f"ended before it was ready: {held.decode(errors='replace')[-2000:]}")
            held += octets
            for line in held.split(b"\n")[:-1]:
                if line.startswith(b"{") and json.loads(line).get("event") == event:
                    return json.loads(line)
    raise ServerError(f"no {event} within {timeout_s:g} s")


def stop_process(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Postrider:
    name = "postrider"
    password = PASSWORD

    def __init__(self, directory: Path, users: list[str], preload: dict | None = None):
        self.dir = directory
        self.users = users
        self.preload = preload or {}
        self.process = None
        self.base = free_port_base()

    def command(self, *arguments: str, stdin: str = "") -> None:
        argv = [str(POSTRIDER), "-c", str(self.dir / "postrider.toml"), *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise ServerError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout}{done.stderr}")

    def init(self) -> None:
        argv = [POSTRIDER, "init", self.dir, "--hostname", f"mail.{DOMAIN}", "--domain", DOMAIN]
        done = subprocess.run([*map(str, argv), "--ports", str(self.base)], capture_output=True, text=True)
        if done.returncode != 0:
            raise ServerError(f"init: exit {done.returncode}: {done.stdout}{done.stderr}")
        template = make_template(self.users)
        if template is not None:
            shutil.rmtree(self.dir / "data", ignore_errors=True)
            subprocess.run(["cp", "-a", str(template), str(self.dir / "data")], check=True)

    def add_accounts(self) -> None:
        """One process an account, four at a time against the running server: hashing a password takes its time."""

        def add(user: str) -> None:
            self.command("account", "add", f"{user}@{DOMAIN}", "--password-stdin", stdin=f"{PASSWORD}\n")

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(add, self.users))

    def start(self) -> float:
        """Seconds from exec to the ready line."""
        log_path = self.dir.parent / f"{self.dir.name}.log"
        argv = [str(POSTRIDER), "-c", str(self.dir / "postrider.toml"), "serve"]
        with open(log_path, "wb") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, env={**os.environ, **self.preload})
        with open(log_path, "rb") as log:
            ready = self.wait_ready(log)
        took_s = time.monotonic() - began
        self.listen = ready["listen"]
        self.smtp, self.pop3 = self.listen["smtp"][0], self.listen["pop3"][0]
        self.submissions = self.listen["submissions"][0]
        self.pid = self.process.pid
        return took_s

    def wait_ready(self, log) -> dict:
        """The log is a file, so that a server is never slowed by a reader; it is asked every millisecond."""
        held = b""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            held += log.read()
            for line in held.split(b"\n")[:-1]:
                if line.startswith(b"{") and json.loads(line).get("event") == "ready":
                    return json.loads(line)
            if self.process.poll() is not None:
                said = held.decode(errors="replace")[-2000:]
                raise ServerError(f"serve ended with {self.process.returncode}: {said}")
            time.sleep(0.001)
        raise ServerError(f"not ready within {READY_TIMEOUT_S} s: {held.decode(errors='replace')[-2000:]}")

    def wal_octets(self) -> int:
        """The largest write-ahead log. Only looked at from outside: nothing here opens it (DESIGN: locks)."""
        return max((f.stat().st_size for f in (self.dir / "data").rglob("*-wal")), default=0)

    def __enter__(self):
        self.init()
        self.start()
        return self

    def stop(self) -> None:
        if self.process is not None:
            stop_process(self.process)
            self.process = None

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def make_template(users: list[str]) -> Path | None:
    """A data folder with these accounts, made once for this binary: a thousand passwords take a minute to hash."""
    if not users:
        return None
    built = POSTRIDER.stat()
    root = BUILD / "bench" / "accounts" / f"{built.st_size}-{built.st_mtime_ns}"
    made = root / f"{len(users)}-{users[0]}"
    if made.exists():
        return made
    for other in root.parent.glob("*"):
        if other != root:
            shutil.rmtree(other)
    shutil.rmtree(root / "maker", ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)
    maker = Postrider(root / "maker", [])
    maker.init()
    maker.start()
    try:
        maker.users = users
        maker.add_accounts()
    finally:
        maker.stop()
    shutil.move(maker.dir / "data", made)
    shutil.rmtree(maker.dir)
    return made


class Peer:
    """Postfix receiving, Dovecot's LMTP delivering, as tools/peer sets them up."""

    name = "postfix+dovecot"
    password = PASSWORD

    def __init__(self, directory: Path, users: list[str]):
        self.dir = directory
        self.users = users

    def __enter__(self):
        disk = self.dir / "disk"
        disk.mkdir(parents=True)
        argv = [str(ROOT / "tools" / "peer"), "run", self.name, "--dir", str(self.dir / "state"), "--disk", str(disk)]
        argv += ["--domain", DOMAIN, "--password", PASSWORD]
        for user in self.users:
            argv += ["--user", user]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        ready = read_event(self.process.stdout, "ready", READY_TIMEOUT_S)
        self.pid = ready["pid"]
        self.smtp, self.pop3 = (f"127.0.0.1:{ready['listen'][service]}" for service in ("smtp", "pop3"))
        return self

    def __exit__(self, *_):
        stop_process(self.process)
        self.process.stdout.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Relay:
    """Postfix that takes everything and sends it to MX hosts at `port`, asked of the name server at `resolver`:53."""

    name = "postfix"

    def __init__(self, directory: Path, resolver: str, port: int):
        self.dir, self.resolver, self.port = directory, resolver, port

    def __enter__(self):
        disk = self.dir / "disk"
        disk.mkdir(parents=True)
        argv = [str(ROOT / "tools" / "peer"), "run", self.name, "--dir", str(self.dir / "state"), "--disk", str(disk)]
        argv += ["--domain", DOMAIN, "--relay-by-mx", f"{self.resolver}:{self.port}"]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        ready = read_event(self.process.stdout, "ready", READY_TIMEOUT_S)
        self.pid = ready["pid"]
        self.smtp = f"127.0.0.1:{ready['listen']['smtp']}"
        return self

    def __exit__(self, *_):
        stop_process(self.process)
        self.process.stdout.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Sink:
    """`options` are smtp-sink's; it listens at all of `addresses`."""

    name = "sink"

    def __init__(self, addresses: list[str] | None = None, *options: str):
        self.addresses = addresses or [f"127.0.0.1:{free_port()}"]
        self.options = options

    def __enter__(self):
        self.smtp = self.addresses[0]
        argv = [str(TOOLS / "smtp-sink"), *self.addresses, *self.options]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.process.stderr.readline() != b"listening\n":
            raise ServerError("the sink did not start")
        self.pid = self.process.pid
        return self

    def finish(self) -> dict:
        """Ends it; what came."""
        self.process.send_signal(signal.SIGTERM)
        return json.loads(self.process.communicate()[0])

    def __exit__(self, *_):
        stop_process(self.process)
        self.process.stdout.close()
        self.process.stderr.close()
