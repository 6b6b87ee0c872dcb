"""The scripted server of the outbound tests does what its script says: Python's client sees it from the other side."""

import smtplib
import ssl

import pytest

from certificates import Certificate
from hostile_peer import EXTENSIONS, OK, Peer, close, flood, refusing, reset, slowly, then

MESSAGE = b"Subject: x\r\n\r\n.dot\r\n" + b"line\r\n" * 1000


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    Certificate("peer.example").write(directory, "peer")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "peer.pem", directory / "peer.key")
    return context


def client(peer):
    return smtplib.SMTP(peer.address, peer.port, timeout=10)


def anybody():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("secure", [False, True])
def test_takes_mail(tls, split, secure):
    with Peer(tls=tls, split=split) as peer:
        with client(peer) as s:
            if secure:
                s.starttls(context=anybody())
            s.sendmail("a@b.example", ["c@d.example", "e@f.example"], MESSAGE, ["BODY=8BITMIME"], ["NOTIFY=NEVER"])
        [m] = peer.wait()
        assert (m.octets, m.tls) == (MESSAGE, secure)
        assert (m.reverse_path, m.forward_paths) == (b"a@b.example", [b"c@d.example", b"e@f.example"])
        assert b"BODY=8BITMIME" in m.parameters.upper() and m.recipient_parameters == [b"NOTIFY=NEVER"] * 2


def test_empty_message_and_chunks():
    with Peer(extensions=(*EXTENSIONS, "CHUNKING")) as peer, client(peer) as s:
        s.ehlo()
        for command in ("MAIL FROM:<>", "RCPT TO:<c@d>"):
            assert s.docmd(command)[0] == 250
        assert s.docmd("DATA")[0] == 354
        s.send(b".\r\n")
        assert s.getreply()[0] == 250
        s.docmd("MAIL FROM:<>")
        s.docmd("RCPT TO:<c@d>")
        s.send(b"BDAT 5\r\n.\r\nabBDAT 3 LAST\r\nc\r\n")
        assert [s.getreply()[0], s.getreply()[0]] == [250, 250]
        assert [m.octets for m in peer.messages] == [b"", b".\r\nabc\r\n"]


@pytest.mark.parametrize("action, words", [
    (close, "unexpectedly closed"), (reset, "unexpectedly closed|reset"), (then(b"421 4.3.2 bye\r\n"), "421|unexpectedly closed"),
    (b"451 4.3.0 later\r\n", "451")])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "DOT"])
def test_script(step, action, words):
    with Peer({step: [action, OK]}) as peer:
        with pytest.raises((smtplib.SMTPException, OSError), match=words):
            with client(peer) as s:
                s.sendmail("a@b.example", ["c@d.example"], MESSAGE)
        assert peer.messages == [] and len(peer.whole) == (step == "DOT")
        with client(peer) as s:
            s.sendmail("a@b.example", ["c@d.example"], MESSAGE)
        assert [m.octets for m in peer.wait()] == [MESSAGE]


def test_without_end():
    """More than any client should read; it ends with the client."""
    with Peer({"MAIL": flood(b"250-x\r\n")}) as peer, client(peer) as s:
        s.ehlo()
        s.send(b"MAIL FROM:<>\r\n")
        assert all(s.sock.recv(65536) for _ in range(100))
        s.close()


def test_some_recipients_and_a_tarpit():
    with Peer({"RCPT": refusing(b"bad"), "DOT": slowly(b"250 2.0.0 well\r\n", .01)}) as peer, client(peer) as s:
        refused = s.sendmail("a@b.example", ["bad@d.example", "c@d.example"], MESSAGE)
        assert list(refused) == ["bad@d.example"] and refused["bad@d.example"][0] == 550
        assert [m.forward_paths for m in peer.wait()] == [[b"c@d.example"]]


def test_tls_that_is_none(tls):
    for script, words in (({"TLS": b"nonsense\r\n" * 10}, "WRONG_VERSION|wrong version|closed"),
                          ({"TLS": close}, "EOF|closed|reset"),
                          ({"STARTTLS": b"454 4.7.0 no\r\n"}, "454")):
        with Peer(script, tls=tls) as peer:
            with pytest.raises((smtplib.SMTPException, OSError), match=words), client(peer) as s:
                if s.starttls(context=anybody())[0] == 454:
                    raise smtplib.SMTPException("454")
