"""Logging in: mechanisms against clients that share no code with the server, what is remembered, what is limited."""

import base64
import hashlib
import select
import shutil
import subprocess

import pytest

import clients
from instance import PASSWORD
from scram import Client, b64

ANN, BOB = "ann@shop.example", "bob@shop.example"
MESSAGE = b"From: ann@shop.example\r\nSubject: one\r\n\r\nA line.\r\n"


class Submission(clients.Smtp):
    """A session on 465; `peer` is what a PROXY header says of where it comes from."""

    def __init__(self, server, peer=None):
        clients.Lines.__init__(self, server.address("submissions"))
        if peer:
            self.send(f"PROXY TCP4 {peer} 192.0.2.254 40000 465\r\n".encode())
        self.start_tls()
        self.reply(220)
        self.extensions = self.command(b"EHLO client.example", 250)

    def mechanisms(self):
        return [line[9:].decode().split() for line in self.extensions if line[4:9] == b"AUTH "][0]

    def plain(self, name, password, authzid=""):
        """The code of the reply."""
        return int(self.command(b"AUTH PLAIN " + b64(f"{authzid}\0{name}\0{password}".encode()))[-1][:3])

    def scram(self, client, mechanism=b"SCRAM-SHA-256"):
        """The same; the server's proof is looked at."""
        lines = self.command(b"AUTH " + mechanism + b" " + b64(client.first()))
        if not lines[-1].startswith(b"334 "):
            return int(lines[-1][:3])
        lines = self.command(b64(client.final(base64.b64decode(lines[-1][4:], validate=True))))
        if lines[-1].startswith(b"334 "):
            assert base64.b64decode(lines[-1][4:], validate=True) == client.server
            lines = self.command(b"")
        return int(lines[-1][:3])

    def certificate_hash(self):
        """RFC 5929 §4.1: the certificate was signed with SHA-256."""
        return hashlib.sha256(self.socket.getpeercert(True)).digest()


def with_config(server, *pairs):
    text = server.config.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    server.config.write_text(text)
    return server


@pytest.fixture
def server(make_instance):
    """Accounts have SCRAM verifiers."""
    server = with_config(make_instance(), ("[auth]\n", "[auth]\nscram = true\n"))
    server.start()
    server.account_add(ANN)
    return server


def password_of_app(server, name, account=ANN):
    return server.json("app", "add", name, "--account", account)["password"]


# -- mechanisms ----------------------------------------------------------------------------------------------

def test_what_is_offered(make_instance):
    server = make_instance()
    server.start()
    with Submission(server) as c:
        assert c.mechanisms() == ["PLAIN", "LOGIN"]
    server.stop()
    with_config(server, ("[auth]\n", "[auth]\nscram = true\n")).start()
    with Submission(server) as c:
        assert c.mechanisms() == ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]


def test_doctor_names_passwords_older_than_scram(make_instance):
    server = make_instance()
    server.account_add(ANN)
    for n in range(6):
        server.account_add(f"user{n}@shop.example")

    def told():
        return [(c["state"], c["what"], c["do"]) for c in server.json("doctor", code=None)["checks"] if c["name"] == "scram"]

    assert told() == []  # it is off
    with_config(server, ("[auth]\n", "[auth]\nscram = true\n")).start()
    [(state, what, remedy)] = told()
    assert state == "warning" and "postrider account password" in remedy
    assert what.endswith(": ann@shop.example, " + ", ".join(f"user{n}@shop.example" for n in range(4)) + " and 2 more")
    with Submission(server) as c:
        assert c.scram(Client(ANN, PASSWORD)) == 535
    for address in (ANN, *(f"user{n}@shop.example" for n in range(5))):
        server.cli("account", "password", address, "--password-stdin", stdin=PASSWORD.encode() + b"\n")
    [(_, what, _)] = told()
    assert what.endswith(": user5@shop.example")
    with Submission(server) as c:
        assert c.scram(Client(ANN, PASSWORD)) == 235
    server.cli("account", "password", "user5@shop.example", "--password-stdin", stdin=PASSWORD.encode() + b"\n")
    assert told() == []


def client(name, *args, **kwargs):
    found = shutil.which(name)
    assert found, "tools/deps test installs it"
    return subprocess.run([found, *args], capture_output=True, timeout=60, check=False, **kwargs)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_gsasl(server, mechanism):
    host, port = server.address("submission")
    app = password_of_app(server, "bookings")
    for name, password, right in ((ANN, PASSWORD, True), ("ann+bookings@shop.example", app, True), (ANN, app, False),
                                  ("ann+bookings@shop.example", PASSWORD, False)):
        done = client(
            "gsasl", "--smtp", f"--connect={host}:{port}", f"--mechanism={mechanism}",
            "--x509-ca-file=", "--verbose",  # it looks for the address in the certificate
            f"--authentication-id={name}", f"--password={password}",
            *(["--authorization-id="] if mechanism == "PLAIN" else []),
            *(["--no-cb"] if mechanism == "SCRAM-SHA-256" else []),  # else it insists on -PLUS
            stdin=subprocess.DEVNULL)
        assert (done.returncode == 0) == right, done.stdout + done.stderr
        assert (b"235 2.7.0" in done.stdout) == right
    events = server.events("auth.succeeded", count=2)
    assert [event.get("app") for event in events] == [None, "bookings"]
    assert all(event["mechanism"] == mechanism and event["service"] == "submission" and event["account"] == ANN
               for event in events)


@pytest.mark.parametrize("way, mechanism", [("on", "PLAIN"), ("scram-sha-256", "SCRAM-SHA-256")])
def test_msmtp_and_mpop(server, way, mechanism, tmp_path):
    host, port = server.address("submissions")
    common = ["--tls=on", "--tls-starttls=off", f"--tls-trust-file={server.dir / 'certificate.pem'}",
              "--tls-host-override=mail.shop.example", f"--auth={way}", f"--user={ANN}",
              f"--passwordeval=echo {PASSWORD}"]
    done = client("msmtp", f"--host={host}", f"--port={port}", *common, f"--from={ANN}", ANN, input=MESSAGE)
    assert done.returncode == 0, done.stderr
    host, port = server.address("pop3s")
    for name in ("cur", "new", "tmp"):
        (tmp_path / "mail" / name).mkdir(parents=True)
    done = client("mpop", f"--host={host}", f"--port={port}", *common, f"--delivery=maildir,{tmp_path}/mail",
                  f"--uidls-file={tmp_path}/uidls")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 1
    mechanisms = [event["mechanism"] for event in server.events("auth.succeeded", count=2)]
    assert mechanisms == [mechanism, mechanism]


def test_channel_binding(server):
    plus = b"SCRAM-SHA-256-PLUS"
    with Submission(server) as c:
        end_point = c.certificate_hash()
        assert c.scram(Client(ANN, PASSWORD, b"p=tls-server-end-point", end_point), plus) == 235
    for flag, bound, mechanism in (
            (b"p=tls-server-end-point", hashlib.sha256(b"another").digest(), plus),  # somebody is in between
            (b"p=tls-server-end-point", b"", plus),
            (b"p=tls-unique", b"x" * 12, plus),
            (b"n", b"", plus),
            (b"y", b"", plus),
            (b"y", b"", b"SCRAM-SHA-256"),  # -PLUS was offered: who saw none was lied to (RFC 5802 §6)
            (b"p=tls-server-end-point", end_point, b"SCRAM-SHA-256")):
        with Submission(server) as c:
            assert c.scram(Client(ANN, PASSWORD, flag, bound), mechanism) == 535, (flag, mechanism)
    whys = [event["why"] for event in server.events("auth.failed", count=7)]
    assert whys[0] == whys[1] == "the channel bindings differ: somebody is in between"
    assert "told that there is no channel binding" in whys[5]


def test_who_one_may_act_as(server):
    server.account_add(BOB)
    with Submission(server) as c:
        assert c.plain(ANN, PASSWORD, BOB) == 535
        assert c.scram(Client(ANN, PASSWORD, authzid=BOB.encode())) == 535
        assert c.plain("Ann@SHOP.example", PASSWORD, "ANN@shop.example") == 235
    with Submission(server) as c:
        assert c.scram(Client(ANN, PASSWORD, authzid=ANN.encode())) == 235


def test_names_that_do_not_exist(server):
    """Who asks for a salt learns nothing, however often, also after a restart."""
    password_of_app(server, "bookings")
    seen = {}
    for _ in range(2):
        for name in (ANN, "nobody@shop.example", "ann+bookings@shop.example", "ann+other@shop.example",
                     "nobody@elsewhere.example", "no address"):
            client = Client(name, "wrong")
            with Submission(server) as c:
                assert c.scram(client) == 535
            assert seen.setdefault(name, (client.salt, client.rounds)) == (client.salt, client.rounds)
            assert len(client.salt) == 16
        server.stop()
        server.start()
    assert len({salt for salt, _ in seen.values()}) == len(seen)
    assert {name: rounds for name, (_, rounds) in seen.items() if rounds < 600000} == {
        "ann+bookings@shop.example": 4096, "ann+other@shop.example": 4096}


def test_letters_that_keyboards_compose(server):
    server.cli("account", "add", BOB, "--password-stdin", stdin="pässwört zwei\n".encode())
    for password in ("pässwört zwei", "pa\u0308sswo\u0308rt zwei", "pässwört\u00a0zwei"):
        with Submission(server) as c:
            assert c.plain(BOB, password) == 235
    with Submission(server) as c:
        assert c.scram(Client(BOB, "pässwört zwei")) == 235
    with Submission(server) as c:
        assert c.plain(BOB, "passwort zwei") == 535


# -- what is remembered --------------------------------------------------------------------------------------

def test_changes_hold_at_once(server):
    """A password that was right a moment ago is no longer, once it was changed or its account suspended."""
    app, name = password_of_app(server, "bookings"), "ann+bookings@shop.example"

    def codes():
        with Submission(server) as one, Submission(server) as two:
            return one.plain(ANN, PASSWORD), two.plain(name, app)

    assert codes() == codes() == (235, 235)
    server.cli("account", "suspend", ANN)
    assert codes() == (535, 535)
    server.cli("account", "resume", ANN)
    assert codes() == (235, 235)
    server.cli("account", "password", ANN, "--password-stdin", stdin=b"quite another one\n")
    assert codes() == (535, 235)
    server.cli("app", "revoke", "bookings")
    assert codes() == (535, 535)


# -- guessing ------------------------------------------------------------------------------------------------

@pytest.fixture
def behind(make_instance):
    """Its clients come from where a PROXY header says."""
    server = make_instance()
    address = f"127.0.0.1:{server.base + 465}"
    with_config(server, (f'submissions = ["{address}"]', f'submissions = [{{ address = "{address}", proxy = true }}]'),
                ("[network]\n", '[network]\nproxy_from = ["127.0.0.0/8"]\n'))
    server.start()
    server.account_add(ANN)
    return server


def guess(server, peer, count):
    """Wrong passwords for as many names, three a connection."""
    codes = []
    while len(codes) < count:
        with Submission(server, peer) as c:
            for _ in range(min(3, count - len(codes))):
                codes.append(c.plain(f"nobody{len(codes)}@shop.example", "wrong"))
    return codes


def test_a_network_that_guesses(behind):
    with Submission(behind, "192.0.2.7") as c:
        assert c.plain(ANN, PASSWORD) == 235
    codes = guess(behind, "192.0.2.1", 75)
    assert codes[:60] == [535] * 60 and 454 in codes[60:]
    with Submission(behind, "192.0.2.9") as c:  # ann logged in from there before
        assert c.plain(ANN, PASSWORD) == 235
    with Submission(behind, "198.51.100.1") as c:  # another network
        assert c.plain(ANN, PASSWORD) == 235
    refused = [event for event in behind.events("auth.failed", count=75) if "network" in event["why"]]
    assert refused and all(event["remote_ip"] == "192.0.2.1" for event in refused)


def test_a_network_that_guesses_after_a_restart(behind):
    """Restarts happen when there is trouble: who logged in before is known still."""
    with Submission(behind, "192.0.2.7") as c:
        assert c.plain(ANN, PASSWORD) == 235
    behind.stop()
    kept = behind.dir / "data" / "auth.pairs"
    assert b"ann" not in kept.read_bytes() and kept.stat().st_mode & 0o777 == 0o600
    behind.start()
    assert 454 in guess(behind, "192.0.2.1", 75)
    with Submission(behind, "192.0.2.9") as c:
        assert c.plain(ANN, PASSWORD) == 235
    behind.stop()
    kept.write_bytes(kept.read_bytes()[:-1])
    behind.start()  # begun anew, and said so
    assert behind.events("places.failed")
    assert 454 in guess(behind, "192.0.2.1", 75)
    with Submission(behind, "192.0.2.9") as c:
        assert c.plain(ANN, PASSWORD) == 454
    with Submission(behind, "198.51.100.1") as c:
        assert c.plain(ANN, PASSWORD) == 235


def test_an_account_that_is_guessed(behind):
    """From the fourth wrong password on, attempts wait for their turn wherever they come from."""
    with Submission(behind, "192.0.2.7") as c:
        assert c.plain(ANN, PASSWORD) == 235
    for i in range(4):
        with Submission(behind, f"198.51.{i}.1") as c:
            assert c.plain(ANN, "wrong") == 535
    waiting = [Submission(behind, f"203.0.{i}.1") for i in range(18)]
    for c in waiting:
        c.send(b"AUTH PLAIN " + b64(f"\0{ANN}\0{PASSWORD}".encode()) + b"\r\n")
    with Submission(behind, "192.0.2.9") as c:  # who was here before waits for nobody
        assert c.plain(ANN, PASSWORD) == 235
    codes = set()
    while codes != {235, 454}:  # the first of them have their turn; for the last there is none soon
        ready = select.select([c.socket for c in waiting], [], [], 20)[0]
        assert ready
        for c in [c for c in waiting if c.socket in ready]:
            codes.add(int(c.reply()[-1][:3]))
            waiting.remove(c)
            c.close()
    for c in waiting:
        c.close()


def test_a_storm(server):
    """More guesses at once than passwords can be hashed: they are told to come later; who is known logs in, and mail
    comes in."""
    with Submission(server) as c:
        assert c.plain(ANN, PASSWORD) == 235
    guessers = [Submission(server) for _ in range(150)]
    for i, c in enumerate(guessers):
        c.send(b"AUTH PLAIN " + b64(f"\0nobody{i}@shop.example\0wrong".encode()) + b"\r\n")
    with Submission(server) as c:
        assert c.plain(ANN, PASSWORD) == 235
    with server.smtp() as c:
        assert c.deliver("someone@elsewhere.example", [ANN], MESSAGE).startswith(b"250")
    guessers.pop().close()  # one that does not wait for its answer
    codes = [int(c.reply()[-1][:3]) for c in guessers]
    assert set(codes) <= {535, 454} and codes.count(454) >= 1
    for c in guessers:
        c.close()
    with Submission(server) as c:
        assert c.plain(ANN, "wrong") == 535
