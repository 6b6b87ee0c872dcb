"""POP3 over TLS: STLS on 110, TLS from the first octet on 995; passwords go over nothing else (RFC 2595, RFC 8314)."""

import socket

import pytest

import clients
from instance import PASSWORD
from pop3_mail import ANN, FAR, MESSAGES, content_of, deliver_many, numbered, pop3_session, secure, top_of


def capabilities(p):
    p.command(b"CAPA")
    return p.block().decode().splitlines()


def never_in_clear(one):
    config = one.config.read_text()
    assert 'plaintext = "loopback"' in config
    one.config.write_text(config.replace('plaintext = "loopback"', 'plaintext = "never"'))
    return one


@pytest.fixture
def ann(make_instance):
    one = never_in_clear(make_instance()).start()
    one.account_add(ANN)
    return one


def refused(p, command, reply):
    with pytest.raises(clients.Refused) as e:
        p.command(command)
    assert e.value.reply.startswith(reply)


def test_what_is_listed_is_true(ann):
    with pop3_session(ann) as p:
        before = capabilities(p)
        assert "STLS" in before and not [line for line in before if line.startswith(("USER", "SASL"))]
        for command in (b"USER " + ANN.encode(), b"AUTH", b"AUTH PLAIN", b"AUTH PLAIN AGEAYg=="):
            refused(p, command, b"-ERR Passwords are taken over TLS only")
        assert p.command(b"STLS") == b"+OK Begin TLS"
        secure(p, ann)
        after = capabilities(p)
        assert {"USER", "UTF8 USER", "SASL PLAIN LOGIN"} < set(after) and "STLS" not in after
        assert "UTF8" in before and set(before) - {"STLS", "UTF8"} < set(after)
        refused(p, b"STLS", b"-ERR TLS is on already")
        p.login(ANN, PASSWORD)
        assert capabilities(p) == after  # RFC 2449 §5: what was available before is announced in both states
        refused(p, b"STLS", b"-ERR You are logged in already")
        p.quit()
    with pop3_session(ann, "tls") as p:
        assert capabilities(p) == after
        p.login(ANN, PASSWORD)
        p.quit()
    for event in ("session.opened", "auth.succeeded", "session.closed"):
        assert [e["service"] for e in ann.wait_events(event, 2)] == ["pop3", "pop3s"], event


@pytest.mark.parametrize("way", ["stls", "tls"])
def test_every_message_is_as_it_came(ann, way):
    with ann.smtp() as c:
        for message in MESSAGES.values():
            c.deliver(FAR, [ANN], message)
        c.deliver(FAR, [ANN], b"Subject: 20 MB\r\n\r\n" + b".abcdefghijklmnopqrstuvwxyz0123\r\n" * 655360)
    messages = [*MESSAGES.values(), b"Subject: 20 MB\r\n\r\n" + b".abcdefghijklmnopqrstuvwxyz0123\r\n" * 655360]
    with pop3_session(ann, way, timeout=60) as p:
        p.login(ANN, PASSWORD)
        sizes = p.list()
        p.send(b"".join(b"RETR %d\r\nTOP %d 1\r\n" % (n, n) for n in sizes))
        for (n, size), message in zip(sizes.items(), messages, strict=True):
            p.ok()
            got = p.block()
            assert len(got) == size and content_of(got) == message
            p.ok()
            assert p.block() == top_of(got, 1)
        p.dele(1)
        p.quit()
    with pop3_session(ann, way) as p:
        p.login(ANN, PASSWORD)
        assert p.stat()[0] == len(MESSAGES)
        p.quit()


def test_many_at_once(ann):
    deliver_many(ann, 300)
    with pop3_session(ann, "tls") as p:
        p.login(ANN, PASSWORD)
        p.send(b"".join(b"RETR %d\r\n" % n for n in range(1, 301)) + b"UIDL\r\n")
        for n in range(1, 301):
            p.ok()
            assert content_of(p.block()) == numbered(n)
        p.ok()
        assert len(p.block().splitlines()) == 300
        p.quit()


def test_what_was_sent_in_clear_behind_stls_is_not_heard(ann):
    """Somebody on the way adds commands; they must not be carried out as if they had come over TLS."""
    with pop3_session(ann) as p:
        p.send(b"STLS\r\nUSER %s\r\nPASS %s\r\nNOOP\r\n" % (ANN.encode(), PASSWORD.encode()))
        assert p.ok() == b"+OK Begin TLS"
        secure(p, ann)
        refused(p, b"STAT", b"-ERR Log in first")  # the first thing that is answered
        p.login(ANN, PASSWORD)
        p.quit()
    assert ann.events("plaintext.dropped")


def test_what_was_said_in_clear_does_not_count(make_instance):
    one = make_instance().start()  # here passwords are taken from loopback in clear too
    one.account_add(ANN)
    with pop3_session(one) as p:
        p.command(b"USER " + ANN.encode())
        p.command(b"STLS")
        secure(p, one)
        refused(p, b"PASS " + PASSWORD.encode(), b"-ERR Say USER first")
        p.quit()


def test_no_certificate(make_instance):
    one = make_instance()
    config = one.config.read_text()
    at = config.index("[[tls.certificates]]")
    config = config[:at] + config[config.index("[network]"):]
    one.config.write_text("".join(line for line in config.splitlines(keepends=True)
                                  if not line.startswith(("pop3s", "submissions"))))
    one.start()
    with pop3_session(one) as p:
        assert "STLS" not in capabilities(p)
        refused(p, b"STLS", b"-ERR [SYS/PERM] TLS has no certificate here; its postmaster has to look after it")
        p.quit()


def test_a_client_that_goes_before_the_handshake(ann):
    for _ in range(3):
        p = pop3_session(ann)
        p.command(b"STLS")
        p.close()
        p = pop3_session(ann)
        p.command(b"STLS")
        p.send(b"USER ann\r\nthis is no handshake\r\n")
        p.socket.settimeout(10)
        try:
            while p.socket.recv(4096):
                pass
        except (ConnectionResetError, socket.timeout) as e:
            assert isinstance(e, ConnectionResetError)
        p.close()
    with pop3_session(ann, "stls") as p:
        p.login(ANN, PASSWORD)
        p.quit()
