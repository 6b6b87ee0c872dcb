"""What a peer needs in order to run: plain data, made by the peer's own module, carried out by jail.py and run.py.

Plans add up: Postfix delivering to Dovecot is the plan of Postfix plus the plan of Dovecot.
"""
import socket
from dataclasses import dataclass, field
from pathlib import Path

# Debian reserves 65000..65533 (policy 9.2.2), so these collide with no account of the host.
ACCOUNTS = {
    "postfix": 65101,
    "postdrop": 65102,
    "dovecot": 65103,
    "dovenull": 65104,
    "vmail": 65105,
    "Debian-exim": 65106,
    "opensmtpd": 65107,
    "opensmtpq": 65108,
    "cyrus": 65109,
}
BASE_PASSWD = Path("/usr/share/base-passwd")


@dataclass
class Options:
    """What the caller of `tools/peer run` chose."""

    domain: str = "peer.example"
    users: list[str] = field(default_factory=lambda: ["ann"])
    password: str = "secret"
    ports: dict[str, int] = field(default_factory=dict)  # service -> port, where one was asked for
    storage: str = "maildir"  # Dovecot's mail_location
    relay: tuple[str, int] | None = None  # where everything for other domains goes
    relay_protocol: str = "smtp"  # or "lmtp": how the relay is spoken to
    relay_tls: bool = False  # STARTTLS or nothing; the certificate may be anybody's
    relay_by_mx: tuple[str, int] | None = None  # name server, and the port of MX hosts
    tls: str = ""  # key and certificate in PEM: STARTTLS is offered
    login: bool = False  # AUTH under TLS, and nothing to elsewhere without it
    smtputf8: bool = False
    sink: bool = False  # accept, queue, throw away

    def port(self, service: str) -> int:
        """The port asked for, else a free one; the same at every call."""
        if service not in self.ports:
            self.ports[service] = free_port(taken=set(self.ports.values()))
        return self.ports[service]

    def addresses(self) -> list[str]:
        return [f"{user}@{self.domain}" for user in self.users]


@dataclass
class Plan:
    fetched: list[str]  # names for `tools/peer fetch`; the first lies on top
    etc: dict[str, str] = field(default_factory=dict)  # path below /etc -> content
    folders: list[tuple[str, str, int]] = field(default_factory=list)  # path, owner, mode
    programs: dict[str, list[str]] = field(default_factory=dict)  # name -> argv, foreground
    listeners: dict[str, int] = field(default_factory=dict)  # service -> loopback port
    sockets: list[str] = field(default_factory=list)  # UNIX sockets that must accept before it is ready
    settle: list[list[str]] = field(default_factory=list)  # commands run to their end once everything accepts

    def __add__(self, other: "Plan") -> "Plan":
        return Plan(
            self.fetched + other.fetched,
            self.etc | other.etc,
            self.folders + other.folders,
            self.programs | other.programs,
            self.listeners | other.listeners,
            self.sockets + other.sockets,
            self.settle + other.settle,
        )


def free_port(taken: set[int]) -> int:
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in taken:
            return port


def system_files() -> dict[str, str]:
    """passwd, group and name service of the peer's private /etc: Debian's base accounts and the peers'."""
    passwd = (BASE_PASSWD / "passwd.master").read_text()
    group = (BASE_PASSWD / "group.master").read_text()
    for name, number in ACCOUNTS.items():
        passwd += f"{name}:*:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
        group += f"{name}:*:{number}:\n"
    return {
        "passwd": passwd,
        "group": group,
        "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n",
    }
