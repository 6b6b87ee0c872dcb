"""Other servers as bad as they come: whatever one does, each recipient has the right outcome, and nothing is lost.

All cases share one postrider; each has a domain, a server at an address of its own, and a sender's address of its own.
"""

import contextlib
import email
import email.policy
import itertools
import ssl

import pytest

import outbound
from certificates import Certificate
from hostile_peer import EXTENSIONS, OK, Peer, close, flood, hang, refusing, reset, slowly, then
from instance import Instance
from nameserver import Nameserver, free_port

CASES = 250
ZONE = "".join(f"c{n} MX 10 m{n}\nm{n} A 127.0.1.{n}\n" for n in range(1, CASES + 1))
TWO_ZONE = "".join(f"t{n} MX 10 a{n}\nt{n} MX 20 b{n}\na{n} A 127.0.2.{n}\nb{n} A 127.0.2.{n + 100}\n" for n in range(1, 20))
MESSAGE = b"From: %s\r\nTo: cy@far.example\r\nMessage-ID: <%s>\r\nSubject: hello\r\n\r\nbody\r\n.dot\r\n"


class Ground:
    def __init__(self, one, port):
        self.one, self.port, self.count, self.pairs = one, port, itertools.count(1), itertools.count(1)

    def case(self, script=None, **options):
        return Case(self, next(self.count), script, options)


class Case:
    """with ground.case(script) as case: the peer of its own domain, its sender and what became of its mail."""

    def __init__(self, ground, number, script, options):
        self.one, self.number, self.domain = ground.one, number, f"c{number}.case.example"
        self.sender = f"ann+{number}@shop.example"
        self.peer = Peer(script, address=f"127.0.1.{number}", port=ground.port, **options)
        self.sent = 0

    def __enter__(self):
        self.peer.__enter__()
        return self

    def __exit__(self, *exc):
        if exc[0] is None:
            self.one.cli("queue", "remove", "--domain", self.domain)
        self.peer.__exit__()

    def message(self):
        self.sent += 1
        return MESSAGE % (self.sender.encode(), b"%d.%s" % (self.sent, self.sender.encode()))

    def send(self, *locals_, message=None, **parameters):
        self.id = outbound.submit(self.one, *(f"{name}@{self.domain}" for name in locals_ or ("cy",)),
                                  message=message or self.message(), reverse_path=self.sender, **parameters)
        return self.id

    def rows(self):
        return self.one.json_lines("queue", "list", "--domain", self.domain)

    def events(self, *names):
        return [e for e in self.one.json_lines("trace", self.id) if e["event"] in names]

    def wait_failed_try(self):
        """Until an attempt is over and nothing came of it: the rows."""
        def look():
            rows = self.rows()
            over = rows and all(r["state"] == "waiting" and r["attempts"] for r in rows) or self.peer.sessions and \
                not any(t.is_alive() for t in list(self.peer.threads))
            return over and all(r["state"] != "sending" for r in rows) and rows

        return outbound.wait("the end of a try", look)

    def wait_counted(self, attempts):
        """Until so many attempts are written down; a retry before that finds nothing that waits."""
        return outbound.wait(f"{attempts} attempts", lambda: (rows := self.rows()) and all(
            r["state"] == "waiting" and r["attempts"] >= attempts for r in rows) and rows)

    def wait_tried(self):
        outbound.wait("a connection", lambda: self.peer.sessions and not any(t.is_alive() for t in list(self.peer.threads)))

    def retry(self):
        self.one.cli("queue", "retry", "--domain", self.domain)

    def wait_gone(self, retrying=False):
        """`retrying`: a site may be left alone a moment after its connection was seen to end, so once is not enough."""
        def look():
            if not self.rows():
                return True
            if retrying:
                self.retry()
            return False

        outbound.wait(f"the end of {self.id}", look)

    def notices(self, count=1):
        """Those to this case's sender."""
        def mine():
            found = [o for o in outbound.mailbox(self.one, outbound.ANN) if b"\r\nTo: <%s>" % self.sender.encode() in o or
                     b"\r\nTo: %s" % self.sender.encode() in o]
            return len(found) >= count and found

        return [outbound.Notice(octets) for octets in outbound.wait("notices", mine)]

    def no_notice(self):
        assert self.events("dsn.made", "message.bounced") == []


@pytest.fixture(scope="module")
def ground(tmp_path_factory, postrider_bin):
    directory = tmp_path_factory.mktemp("hostile")
    port = free_port()
    one = Instance(directory / "server", postrider_bin).init()
    with Nameserver(directory / "dns", {"case.example": ZONE, "two.example": TWO_ZONE}) as dns:
        try:
            outbound.sending(lambda name: one, dns, port)
            yield Ground(one, port)
            one.stop()
            one.verify()
        finally:
            one.kill()


@pytest.fixture(scope="module")
def tls_context(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    Certificate("peer.example").write(directory, "peer")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "peer.pem", directory / "peer.key")
    return context


# -- what passes: tried again, delivered once, and the sender hears nothing ------------------------------------------

LATER = b"451 4.3.0 later\r\n"
BYE = b"421 4.3.2 going down\r\n"
NONSENSE = [b"hello there\r\n", b"\r\n", b"25\r\n", b"999 9.9.9 what\r\n", b"\xff\xfe\x00\r\n", b"x" * 100000 + b"\r\n"]
STEPS = ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT")


def passing():
    for step in STEPS:
        for name, action in (("closes", close), ("resets", reset), ("later", LATER), ("421 and closes", then(BYE)),
                             ("later and closes", then(LATER))):
            yield pytest.param(step, action, id=f"{step} {name}")
    yield pytest.param("CONTENT", close, id="CONTENT closes")
    yield pytest.param("CONTENT", reset, id="CONTENT resets")
    yield pytest.param("GREETING", b"554 5.7.1 not you\r\n", id="GREETING refuses")
    for step in ("GREETING", "MAIL", "RCPT", "DATA", "DOT"):
        for n, octets in enumerate(NONSENSE):
            yield pytest.param(step, then(octets), id=f"{step} nonsense {n}")
    for step in ("GREETING", "EHLO", "MAIL"):
        code = b"220" if step == "GREETING" else b"250"
        yield pytest.param(step, flood(code + b"-and more\r\n"), id=f"{step} without end")
        yield pytest.param(step, flood(code + b"-and more "), id=f"{step} one line without end")


@pytest.mark.parametrize("step, action", passing())
def test_what_passes(ground, step, action):
    with ground.case({step: [action, OK]}) as case:
        case.send()
        [row] = case.wait_failed_try()
        assert row["forward_path"] == f"cy@{case.domain}"
        assert case.events("message.sent", "message.bounced") == []
        case.wait_gone(retrying=True)
        [message] = case.peer.messages
        assert message.octets.endswith(b"body\r\n.dot\r\n") and message.forward_paths == [b"cy@" + case.domain.encode()]
        assert len(case.events("message.sent")) == 1
        case.no_notice()


# -- what is final: given up at once, and the sender is told in the server's words ------------------------------------


@pytest.mark.parametrize("step, reply, status", [
    ("MAIL", b"550 5.7.1 not from you\r\n", "5.7.1"),
    ("RCPT", b"550 5.1.1 no such user\r\n", "5.1.1"),
    ("RCPT", b"550 no status here\r\n", None),
    ("RCPT", b"553-5.1.3 first\r\n553-5.1.3 second\r\n553 5.1.3 third\r\n", "5.1.3"),
    ("RCPT", b"551 4.2.2 contradicts itself\r\n", None),
    ("RCPT", b"550 5.1.1 \xff\xfe\x1b[31m \xc3\xbc\t" + b"long" * 400 + b"\r\n", "5.1.1"),
    ("DATA", b"554 5.6.0 no data\r\n", "5.6.0"),
    ("DOT", b"552 5.3.4 too much\r\n", "5.3.4"),
    ("DOT", b"554 5.7.1 spam\r\n", "5.7.1"),
    ("DOT", then(b"554 5.7.1 spam\r\n"), "5.7.1"),
    ("MAIL", then(b"550 5.7.1 not from you\r\n"), "5.7.1"),
])
def test_what_is_final(ground, step, reply, status):
    with ground.case({step: reply}) as case:
        case.send()
        case.wait_gone()
        [notice] = case.notices()
        [[path, (action, given)]] = notice.actions.items()
        assert (path, action) == (f"cy@{case.domain}", "failed") and given.startswith("5.")
        assert status is None or given == status
        [recipient] = notice.recipients
        assert recipient["diagnostic-code"].startswith("smtp;")
        if isinstance(reply, bytes):
            assert reply[:3].decode() in recipient["diagnostic-code"]
        assert notice.octets.isascii() and b"Message-ID: <1.%s>" % case.sender.encode() in notice.returned
        [bounced] = case.events("message.bounced")
        assert bounced["forward_path"] == path and bounced["remote_ip"] == case.peer.address
        assert [e["action"] for e in case.events("dsn.made")] == ["failed"]
        assert case.events("message.sent", "message.deferred") == [] and case.peer.messages == []


def test_two_of_three(ground):
    with ground.case({"RCPT": refusing(b"<bad@")}) as case:
        case.send("one", "bad", "two")
        case.wait_gone()
        [message] = case.peer.messages
        assert sorted(message.forward_paths) == [b"one@" + case.domain.encode(), b"two@" + case.domain.encode()]
        [notice] = case.notices()
        assert list(notice.actions) == [f"bad@{case.domain}"]
        assert len(case.events("message.sent")) == 2 and len(case.events("message.bounced")) == 1


def test_all_refused_and_yet_go_on(ground):
    """354 though nobody is left: the content is nothing, or the connection ends, and what RCPT said stands."""
    with ground.case({"RCPT": b"550 5.1.1 no\r\n", "DATA": b"354 go on\r\n"}) as case:
        case.send("a", "b")
        case.wait_gone()
        assert all(m.octets == b"" for m in case.peer.whole)
        assert {a for a, _ in case.notices()[0].actions.values()} == {"failed"}
        assert case.events("message.sent") == []


def test_each_its_own(ground):
    """Now, later and never in one transaction; what waits goes alone afterwards."""
    with ground.case({"RCPT": lambda s, line: b"450 4.2.0 greylisted\r\n" if b"<later@" in line and len(s.peer.messages) == 0
                      else b"550 5.1.1 no\r\n" if b"<never@" in line else OK}) as case:
        case.send("now", "later", "never")
        outbound.wait("one left", lambda: len(rows := case.rows()) == 1 and rows[0]["state"] == "waiting")
        [row] = case.rows()
        assert row["forward_path"].startswith("later@") and row["attempts"] == 1
        assert row["last_reply"].startswith("450 4.2.0 greylisted") and row["next_attempt"]
        case.wait_gone(retrying=True)
        assert [[p.partition(b"@")[0] for p in m.forward_paths] for m in case.peer.messages] == [[b"now"], [b"later"]]
        [notice] = case.notices()
        assert list(notice.actions) == [f"never@{case.domain}"]
        assert [e["attempts"] for e in case.events("message.sent")] == [1, 2]


def test_too_many_recipients(ground):
    """452 after the second: the others go with further transactions at once (RFC 5321 §4.5.3.1.10)."""
    with ground.case({"RCPT": lambda s, line: b"452 4.5.3 too many\r\n" if len(s.rcpts) >= 2 else OK}) as case:
        names = [f"r{n}" for n in range(7)]
        case.send(*names)
        case.wait_gone()
        assert max(len(m.forward_paths) for m in case.peer.messages) == 2
        assert sorted(p for m in case.peer.messages for p in m.forward_paths) == \
            sorted(f"{n}@{case.domain}".encode() for n in names)
        case.no_notice()


def test_many_recipients_share_transactions(ground):
    with ground.case() as case:
        case.send(*(f"r{n}" for n in range(250)))
        case.wait_gone()
        assert max(len(m.forward_paths) for m in case.peer.messages) <= 100
        assert len(case.peer.messages) == 3
        assert len({p for m in case.peer.messages for p in m.forward_paths}) == 250


def test_421_among_recipients(ground):
    """Those before it are not delivered either: there was no message; all go once later."""
    with ground.case({"RCPT": [OK, then(BYE), OK]}) as case:
        case.send("a", "b", "c")
        case.wait_failed_try()
        assert case.peer.messages == []
        case.wait_gone(retrying=True)
        assert sorted(p[:1] for m in case.peer.messages for p in m.forward_paths) == [b"a", b"b", b"c"]
        case.no_notice()


def test_taken_and_gone(ground):
    """250 is a promise, whatever comes after it."""
    for action in (then(b"250 2.0.0 taken\r\n"), then(b"250 2.0.0 taken\r\n", reset), then(b"250 2.0.0 taken\r\n" + BYE)):
        with ground.case({"DOT": action}) as case:
            case.send()
            case.wait_gone()
            [sent] = case.events("message.sent")
            assert sent["reply"].startswith("250 2.0.0 taken") and len(case.peer.whole) == 1
            case.no_notice()


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DOT"])
def test_codes_that_differ(ground, step):
    """Lines of one reply with two codes (against RFC 5321 §4.2.1): the last one counts, and is no yes where it says no."""
    with ground.case({step: b"250-2.0.0 fine\r\n550 5.7.1 no\r\n"}) as case:
        case.send()
        case.wait_gone()
        assert case.events("message.sent") == [] and [*case.notices()[0].actions.values()][0][0] == "failed"


def test_answers_nobody_asked_for(ground):
    """One reply too many: nothing is taken for sent that the server refused."""
    for step in ("MAIL", "RCPT", "EHLO"):
        two = b"250 peer.example\r\n250 2.0.0 and again\r\n"
        with ground.case({step: [two, OK], "DOT": [b"554 5.7.1 spam\r\n" if step == "EHLO" else OK, OK]}) as case:
            case.send()
            outbound.wait("an end", lambda: case.events("message.sent", "message.deferred", "message.bounced") or
                          case.peer.sessions and not any(t.is_alive() for t in case.peer.threads))
            sent = case.events("message.sent")
            assert len(sent) <= len(case.peer.messages), (step, sent)


# -- odd but right -----------------------------------------------------------------------------------------------------


def test_octet_by_octet(ground):
    with ground.case(split=True) as case:
        case.send("a", "b")
        case.wait_gone()
        assert len(case.events("message.sent")) == 2


@pytest.mark.parametrize("step, octets", [
    ("GREETING", b"220-first\r\n220 ESMTP\r\n"), ("RCPT", b"251 2.1.5 will forward\r\n"), ("DOT", b"250\r\n"),
    ("EHLO", b"250-peer.example hello\r\n250-8bitmime\r\n250-X-OWN things = 1\r\n250-AUTH=LOGIN\r\n250-SIZE\r\n"
             b"250 pipelining\r\n"),
    ("MAIL", b"250-2.1.0 one\r\n250 2.1.0 two\r\n"), ("DOT", b"259 2.9.9 who knows\r\n"), ("DATA", b"354\r\n"),
    ("RCPT", b"250 2.1.5 " + b"long " * 300 + b"\r\n")])
def test_odd_replies(ground, step, octets):
    with ground.case({step: octets}) as case:
        case.send()
        case.wait_gone()
        assert len(case.events("message.sent")) == 1 and len(case.peer.messages) == 1


def test_tarpit(ground):
    for step, octets in (("GREETING", b"220-wait\r\n220 ESMTP\r\n"), ("MAIL", b"250 fine\r\n"), ("DOT", b"250 2.0.0 ok\r\n")):
        with ground.case({step: slowly(octets, .05)}) as case:
            case.send()
            case.wait_gone()
            assert len(case.events("message.sent")) == 1


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "DATA", "CONTENT", "DOT"])
def test_one_that_hangs_holds_up_nobody_else(ground, step):
    with ground.case({step: hang}) as stuck, ground.case() as case:
        for _ in range(20):
            stuck.send()
        outbound.wait("a session that hangs", lambda: any(s.hung.is_set() for s in stuck.peer.sessions))
        for _ in range(20):
            case.send()
        case.wait_gone()
        assert len(case.peer.messages) == 20
        assert len(stuck.rows()) == 20 and len(stuck.peer.sessions) <= 20
        assert "sending" in {r["state"] for r in stuck.rows()} or step in ("GREETING", "EHLO")


@pytest.mark.parametrize("reply", [b"500 5.5.1 what?\r\n", b"502 5.5.1 no\r\n", b"550 5.7.1 never\r\n"])
def test_helo_where_ehlo_is_unknown(ground, reply):
    with ground.case({"EHLO": reply}) as case:
        case.send()
        case.wait_gone()
        [message] = case.peer.messages
        assert message.parameters == b"" and case.peer.lines(b"HELO")


def test_size_is_believed(ground):
    """A message that the server says it won't take does not go there (RFC 1870 §6.1)."""
    with ground.case(extensions=("PIPELINING", "SIZE 1000")) as case:
        case.send(message=case.message() + b"x" * 70 + b"\r\n" * 1000)
        case.wait_gone()
        assert not case.peer.lines(b"DATA")
        assert list(case.notices()[0].actions.values()) == [("failed", "5.3.4")]
        case.send()
        case.wait_gone()
        assert len(case.peer.messages) == 1


TEXT = "Grüße: 10 € für 1=1, ein sehr langer Satz" + " und noch mehr" * 20 + "\r\n.Punkt\r\n\r\nEnde  \r\n"


EIGHT_BIT = (b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
             TEXT.encode())


def test_eight_bits_become_seven(ground):
    """Without 8BITMIME 8-bit content is recoded, not sent as it is (RFC 6152 §3), and means the same."""
    with ground.case(extensions=("PIPELINING",)) as case:
        head = case.message().partition(b"\r\n\r\n")[0] + b"\r\n"
        case.send(message=head + EIGHT_BIT, mail=b" BODY=8BITMIME")
        case.wait_gone()
        [message] = case.peer.messages
        assert message.octets.isascii() and max(map(len, message.octets.split(b"\r\n"))) <= 998
        assert b"BODY=8BITMIME" not in message.parameters
        got = email.message_from_bytes(message.octets, policy=email.policy.SMTP)
        assert got["content-transfer-encoding"] in ("quoted-printable", "base64")
        assert got.get_payload(decode=True) == TEXT.encode()


def test_eight_bits_of_others_come_back(ground):
    """What a stranger sent and an alias forwards is not ours to change: a signature may stand on it. Nor do eight bits go
    where none are taken."""
    with ground.case(extensions=("PIPELINING",)) as case:
        ground.one.cli("alias", "add", "elsewhere@shop.example", f"cy@{case.domain}")
        head = case.message().partition(b"\r\n\r\n")[0] + b"\r\n"
        case.id = outbound.submit(ground.one, "elsewhere@shop.example", message=head + EIGHT_BIT, reverse_path=case.sender,
                                  mail=b" BODY=8BITMIME", source="127.0.0.9")
        case.wait_gone()
        assert case.peer.messages == [] and not case.peer.lines(b"MAIL")
        [(action, status)] = case.notices()[0].actions.values()
        assert (action, status) == ("failed", "5.6.3")


def test_eight_bits_stay(ground):
    with ground.case() as case:
        content = case.message() + TEXT.encode()
        case.send(message=content, mail=b" BODY=8BITMIME")
        case.wait_gone()
        [message] = case.peer.messages
        assert message.octets.endswith(content) and b"BODY=8BITMIME" in message.parameters


def test_chunking(ground):
    """By BDAT or DATA, as it likes; what arrives is the same."""
    with ground.case(extensions=(*EXTENSIONS, "CHUNKING")) as case:
        content = case.message() + b".\r\n..\r\n.x\r\n" + b"y" * 990 + b"\r\n" * 300
        case.send(message=content)
        case.wait_gone()
        assert case.peer.messages[0].octets.endswith(content)


def test_smtputf8_where_it_is_not_understood(ground):
    with ground.case(extensions=("PIPELINING", "8BITMIME")) as case:
        head = case.message().replace(b"hello", "grüße".encode())
        case.send(message=head, mail=b" SMTPUTF8")
        case.wait_gone()
        assert not case.peer.lines(b"MAIL") and case.peer.messages == []
        assert list(case.notices()[0].actions.values()) == [("failed", "5.6.7")]


# -- TLS -----------------------------------------------------------------------------------------------------------------


def test_tls_where_it_is_offered(ground, tls_context):
    """Any certificate will do where nobody asked for more: who listens learns nothing (RFC 7435)."""
    with ground.case(tls=tls_context) as case:
        case.send()
        case.wait_gone()
        assert case.peer.messages[0].tls
        assert case.events("message.sent")[0]["tls"].startswith("TLSv1.")


BAD_TLS = {
    "refused for now": ({"STARTTLS": b"454 4.7.0 not now\r\n"}), "refused": ({"STARTTLS": b"502 5.5.1 no\r\n"}),
    "nonsense": ({"TLS": b"\x16\x03\x01nonsense" * 10}), "plain text": ({"TLS": b"500 5.5.1 what?\r\n"}),
    "closed": ({"TLS": close}), "reset": ({"TLS": reset}),
}


@pytest.mark.parametrize("script", BAD_TLS.values(), ids=BAD_TLS)
def test_broken_tls(ground, tls_context, script):
    """Encryption that was never asked for and does not work is not in the way of mail: it goes in the clear."""
    with ground.case(script, tls=tls_context) as case:
        case.send()
        case.wait_gone(retrying=True)
        [message] = case.peer.messages
        assert not message.tls and "tls" not in case.events("message.sent")[0]
        case.no_notice()


@pytest.mark.parametrize("script", [{}, *BAD_TLS.values()], ids=["in order", *BAD_TLS])
def test_broken_tls_where_it_is_required(ground, tls_context, script):
    """Where it was asked for it never goes in the clear."""
    with ground.case(script, tls=tls_context) as case:
        host = f"m{case.number}.case.example:{ground.port}"
        ground.one.cli("route", "add", case.domain, "--smarthost", host, "--tls", "require")
        case.send()
        if script:
            case.wait_counted(1)
            case.retry()
            outbound.wait("another connection", lambda: len(case.peer.sessions) >= 2)
            case.wait_counted(2)
            assert len(case.rows()) == 1 and case.peer.messages == [] and not case.peer.lines(b"MAIL")
        else:
            case.wait_gone()
            assert case.peer.messages[0].tls
        case.no_notice()


def test_nothing_from_before_tls_counts(ground, tls_context):
    """What was said in the clear behind the reply to STARTTLS is not read under TLS (CVE-2011-0411)."""
    with ground.case({"STARTTLS": b"220 2.0.0 begin\r\n250-forged\r\n250 AUTH PLAIN\r\n"}, tls=tls_context) as case:
        case.send()
        outbound.wait("a session", lambda: case.peer.sessions)
        case.retry()
        outbound.wait("the end of a try", lambda: not any(t.is_alive() for t in case.peer.threads) or case.peer.messages)
        assert not any(m.tls is False and case.peer.lines(b"AUTH") for m in case.peer.messages)
        assert not case.peer.lines(b"AUTH")


# -- other hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [{"GREETING": close}, {"GREETING": BYE}, {"GREETING": b"554 5.7.1 no\r\n"},
                                    {"EHLO": then(BYE)}, {"GREETING": flood(b"220-x\r\n")}, None],
                         ids=["closes", "421", "554", "421 to EHLO", "without end", "nobody listens"])
def test_the_next_host_takes_it(ground, script):
    n = next(ground.pairs)
    with Peer(address=f"127.0.2.{n + 100}", port=ground.port) as second, \
            Peer(script, address=f"127.0.2.{n}", port=ground.port) if script else contextlib.nullcontext() as first:
        id = outbound.submit(ground.one, f"cy@t{n}.two.example")
        second.wait(1)
        [sent] = outbound.traced(ground.one, id, "message.sent")
        assert sent["remote_host"] == f"b{n}.two.example" and (first is None or first.sessions)


def test_the_ground_was_kept(ground):
    """Last: nothing is left over, and no case made the server fall."""
    assert outbound.queue(ground.one) == []
    assert ground.one.events("server.died") == []
