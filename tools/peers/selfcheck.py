"""`tools/peer try`: does each peer really take a message and deliver it? And the handle that tests use for a peer."""
import json
import poplib
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import catalogue

TOOL = Path(__file__).resolve().parents[1] / "peer"
DELIVERY_TIMEOUT_S = 20
DOMAIN, USER, PASSWORD = "peer.example", "ann", "secret"
MESSAGE = b"From: <bob@sender.example>\r\nSubject: one\r\n\r\nA line.\r\n..two dots\r\nand 8 bits: \xc3\xbc\r\n"


class TryError(Exception):
    """The peer didn't do what it is there for."""


class Running:
    """A peer started for the time of a `with`. Fields of its ready line are in .ready."""

    def __init__(self, peer: str, state: Path, *arguments: str):
        self.command = [TOOL, "run", peer, "--dir", state, *arguments]
        self.peer = peer

    def __enter__(self) -> "Running":
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise TryError(f"{self.peer} did not start: {self.process.communicate()[1].strip()}")
        self.ready = json.loads(line)
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.communicate(timeout=10)

    def port(self, service: str) -> int:
        return self.ready["listen"][service]

    def send(self, message: bytes = MESSAGE, forward_path: str = f"{USER}@{DOMAIN}") -> None:
        service, client = ("smtp", smtplib.SMTP) if "smtp" in self.ready["listen"] else ("lmtp", smtplib.LMTP)
        with client("127.0.0.1", self.port(service), local_hostname="client.example", timeout=10) as s:
            s.sendmail("bob@sender.example", [forward_path], message)

    def collect(self, user: str = USER) -> list[bytes]:
        """The messages in a mailbox, line ends LF."""
        return self.collect_pop3(user) if "pop3" in self.ready["listen"] else self.collect_maildir(user)

    def collect_pop3(self, user: str) -> list[bytes]:
        box = poplib.POP3("127.0.0.1", self.port("pop3"), timeout=10)
        box.user(f"{user}@{DOMAIN}")
        box.pass_(PASSWORD)
        count = box.stat()[0]
        messages = [b"\n".join(box.retr(i + 1)[1]) + b"\n" for i in range(count)]
        box.quit()
        return messages

    def collect_maildir(self, user: str) -> list[bytes]:
        new = Path(self.ready["root"]) / "var/mail" / user / "Maildir/new"
        return [f.read_bytes() for f in new.glob("*")] if new.is_dir() else []


def wait_for(what: str, look: Callable[[], object]):
    deadline = time.monotonic() + DELIVERY_TIMEOUT_S
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TryError(f"{what}: not within {DELIVERY_TIMEOUT_S} s")
        time.sleep(0.05)
    return found


def check_one_message(peer: Running) -> None:
    """Sends MESSAGE and finds exactly it, below whatever the peer put on top."""
    peer.send()
    (got,) = wait_for("delivery", peer.collect)
    body = MESSAGE.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    if got.partition(b"\n\n")[2] != body:
        raise TryError(f"delivered with another body: {got!r}")


def try_all(peers: list[str]) -> int:
    failed = 0
    for name in peers or list(catalogue.PEERS):
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as state, Running(name, Path(state)) as peer:
                check_one_message(peer)
            print(f"{name}: ok ({time.monotonic() - began:.1f} s)")
        except (TryError, OSError, smtplib.SMTPException, poplib.error_proto) as e:
            print(f"{name}: {e}", file=sys.stderr)
            failed += 1
    return 69 if failed else 0
