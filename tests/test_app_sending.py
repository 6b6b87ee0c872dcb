"""Apps at work: `app test` says what a shop would see, and each way to fail with its way out; a shop's own library sends
with the printed settings; the limit of an app holds."""

import re
import smtplib
import socket
import ssl
import threading

import pytest

from instance import HOSTNAME, PASSWORD, PORTS

ANN, BOB = "ann@shop.example", "bob@shop.example"
USER = "ann+web@shop.example"


def listen(one, **listeners):
    """[listen] with these and no others for sending: a list of entries as TOML."""
    text = one.config.read_text()
    for name in ("submission", "submissions"):
        text = re.sub(rf"(?m)^{name} = .*\n", "", text)
    lines = "".join(f"{name} = {value}\n" for name, value in listeners.items())
    one.config.write_text(text.replace("[listen]\n", "[listen]\n" + lines))


def at(one, service, address="127.0.0.1"):
    return f'["{address}:{one.base + PORTS[service]}"]'


@pytest.fixture
def shop(make_instance):
    return people(make_instance())


def people(one):
    one.start()
    for address in (ANN, BOB):
        one.account_add(address)
    return one


def add(one, *args, name="web"):
    return one.json("app", "add", name, "--account", ANN, *args)


def try_app(one, password, code=69, trusted=True, name="web"):
    """The outcome of `app test`, and its steps by name."""
    one.env["SSL_CERT_FILE"] = str(one.dir / "certificate.pem") if trusted else "/dev/null"
    outcome = one.json("app", "test", name, "--password-stdin", stdin=password.encode() + b"\n", code=code)
    assert outcome["ok"] == (code == 0)
    for step in outcome["steps"]:
        assert set(step) == {"step", "state", "what", "do"} and step["state"] in ("ok", "failed")
        assert (step["do"] is None) == (step["state"] == "ok"), step
    return [(step["step"], step["state"]) for step in outcome["steps"]], {s["step"]: s for s in outcome["steps"]}


WELL = [("connect", "ok"), ("tls", "ok"), ("certificate", "ok"), ("login", "ok"), ("sender", "ok")]


# -- app test ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service, encryption", [("submissions", "tls"), ("submission", "starttls")])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "[::]"])
def test_all_is_well(make_instance, service, encryption, address):
    one = make_instance()
    listen(one, **{service: at(one, service, address)})
    people(one)
    one.cli("alias", "add", "info@shop.example", ANN)
    app = add(one, "--from", ANN, "--from", "info@shop.example", "--from", "@shop.example")
    assert app["encryption"] == encryption and app["port"] == one.base + PORTS[service]
    steps, said = try_app(one, app["password"], 0)
    assert steps == WELL + [("sender", "ok")] * 2
    assert "TLSv1.3" in said["tls"]["what"] and HOSTNAME in said["certificate"]["what"]
    text = one.cli("app", "test", USER, "--password-stdin", stdin=app["password"].encode()).stdout.decode()
    assert "A shop can send with these settings." in text and "failed" not in text
    # It is a login, and nothing was sent.
    assert one.json("app", "settings", "web")["last_used_from"] == "127.0.0.1"
    with one.pop3(ANN) as c:
        assert c.stat()[0] == 0
        c.quit()


def test_tls_comes_first_where_both_are_open(shop):
    app = add(shop)
    assert app["encryption"] == "tls" and app["port"] == shop.base + PORTS["submissions"]


def test_an_untrusted_certificate(shop):
    """The rest is judged all the same."""
    app = add(shop)
    steps, said = try_app(shop, app["password"], trusted=False)
    assert steps == [WELL[0], WELL[1], ("certificate", "failed"), WELL[3], WELL[4]]
    assert "self-signed" in said["certificate"]["what"] and "certbot" in said["certificate"]["do"]


def test_a_certificate_of_another_name(shop):
    shop.stop()
    shop.config.write_text(shop.config.read_text().replace(f'hostname = "{HOSTNAME}"', 'hostname = "mx.shop.example"'))
    shop.start()
    steps, said = try_app(shop, add(shop)["password"])
    assert steps[2] == ("certificate", "failed")
    assert "mx.shop.example" in said["certificate"]["do"] and "ostname mismatch" in said["certificate"]["what"]


def test_a_wrong_password(shop):
    app = add(shop)
    steps, said = try_app(shop, app["password"][:-1] + "x")
    assert steps == WELL[:3] + [("login", "failed")]
    assert said["login"]["what"].startswith("535 ") and f"app settings {USER} --new-password" in said["login"]["do"]
    shop.cli("app", "test", "web", "--password-stdin", stdin=b"", code=65)
    shop.cli("app", "test", "nothing", "--password-stdin", stdin=b"x", code=67)


def test_no_server_and_no_port(shop):
    app = add(shop)
    shop.stop()
    steps, said = try_app(shop, app["password"])
    assert steps == [("connect", "failed")] and "start the server" in said["connect"]["do"]
    listen(shop)
    done = shop.cli("app", "test", "web", "--password-stdin", stdin=b"x", code=69)
    assert b"[listen] submissions" in done.stderr
    assert "[listen] submissions" in {c["name"]: c for c in shop.json("doctor", code=69)["checks"]}["apps"]["do"]


def test_something_else_listens_there(shop):
    """What answers is no SMTP."""
    app = add(shop)
    shop.stop()

    def greet(listener):
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"+OK POP3 here\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listen(shop, submission=f'["127.0.0.1:{listener.getsockname()[1]}"]')
        threading.Thread(target=greet, args=(listener,)).start()
        steps, said = try_app(shop, app["password"])
    assert steps == [("connect", "failed")] and "no reply of a mail server: +OK" in said["connect"]["what"]


def test_a_suspended_account(shop):
    app = add(shop)
    shop.cli("account", "suspend", ANN)
    steps, _ = try_app(shop, app["password"])
    assert steps[-1] == ("login", "failed")


# -- what a shop does ---------------------------------------------------------------------------------------


def connected(one, app, password):
    context = ssl.create_default_context(cafile=str(one.dir / "certificate.pem"))
    context.check_hostname = False  # its name does not lead here
    c = smtplib.SMTP_SSL("127.0.0.1", app["port"], context=context, timeout=30)
    c.login(app["user"], password)
    return c


def message(header_from=ANN):
    return f"From: Shop <{header_from}>\r\nTo: {BOB}\r\nSubject: order\r\n\r\nThank you.\r\n"


def refused(one, app, reverse_path=ANN, header_from=ANN):
    with connected(one, app, app["password"]) as c, pytest.raises(smtplib.SMTPException) as why:
        c.sendmail(reverse_path, [BOB], message(header_from))
    code = getattr(why.value, "smtp_code", None)
    return code or next(iter(why.value.recipients.values()))[0]


def test_it_sends_from_its_addresses_alone(shop):
    shop.cli("domain", "add", "brand.example")
    app = add(shop, "--from", ANN, "--from", "@brand.example")
    with connected(shop, app, app["password"]) as c:
        c.sendmail(ANN, [BOB], message())
        c.sendmail("orders@brand.example", [BOB], message("orders@brand.example"))
        c.sendmail("ann+7@shop.example", [BOB], message())
    with shop.pop3(BOB) as c:
        assert c.stat()[0] == 3
        c.quit()
    assert refused(shop, app, BOB) == 550
    assert refused(shop, app, ANN, BOB) == 550
    assert refused(shop, app, "x@sub.brand.example") == 550
    accepted = shop.events("message.accepted")
    assert [e["login"] for e in accepted] == [USER] * 3


def test_a_new_password_and_revoking_end_the_old(shop):
    app = add(shop)
    held = connected(shop, app, app["password"])
    fresh = shop.json("app", "settings", "web", "--new-password")["password"]
    with pytest.raises(smtplib.SMTPAuthenticationError):
        connected(shop, app, app["password"])
    connected(shop, app, fresh).close()
    shop.cli("app", "revoke", "web")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        connected(shop, app, fresh)
    # Nor does a connection go on that was logged in before.
    with pytest.raises(smtplib.SMTPException):
        held.sendmail(ANN, [BOB], message())
    held.close()


# -- the limit ------------------------------------------------------------------------------------------------


def send_until_refused(one, app, most):
    sent = 0
    with connected(one, app, app["password"]) as c:
        while sent < most:
            try:
                c.sendmail(ANN, [BOB], message())
            except smtplib.SMTPRecipientsRefused as e:
                [(code, words)] = e.recipients.values()
                assert code == 450 and words.startswith(b"4.7.1 ")
                assert 0 < int(re.search(rb"(\d+) seconds", words).group(1)) <= 3660
                return sent
            sent += 1
    return sent


def test_the_limit(shop):
    app, free = add(shop, "--limit", "5/h"), add(shop, name="free")
    assert send_until_refused(shop, app, 20) == 5
    assert send_until_refused(shop, app, 20) == 0  # in another connection too
    assert send_until_refused(shop, free, 20) == 20
    with shop.pop3(BOB) as c:
        assert c.stat()[0] == 25
        c.quit()


def test_the_limit_over_many_connections(shop):
    app = add(shop, "--limit", "20/h")
    sent = []
    threads = [threading.Thread(target=lambda: sent.append(send_until_refused(shop, app, 20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 20 and len(sent) == 8


def test_what_was_not_accepted_does_not_count(shop):
    app = add(shop, "--limit", "2/h")
    with connected(shop, app, app["password"]) as c:
        for _ in range(5):
            c.ehlo_or_helo_if_needed()
            assert c.mail(ANN)[0] == 250 and c.rcpt(BOB)[0] == 250
            c.rset()
        for _ in range(3):
            assert c.mail(ANN)[0] == 250 and c.rcpt("nobody@shop.example")[0] == 550 and c.rcpt(BOB)[0] == 250
            assert c.data(message("bob@shop.example").encode())[0] == 550
    with connected(shop, app, app["password"]) as c:
        assert c.mail(ANN)[0] == 250 and c.rcpt(BOB)[0] == 250
    assert send_until_refused(shop, app, 5) == 2  # the connection above ended without its message


def test_the_last_use_goes_with_the_message(shop):
    """kill -9 right after a message was accepted: who sent it, and from where, went with its commit."""
    app = add(shop)
    with connected(shop, app, app["password"]) as c:
        c.sendmail(ANN, [BOB], message())
    used = shop.json("app", "settings", "web")["last_used"]
    shop.kill()
    [after] = shop.json_lines("app", "list")
    assert after["last_used"] == used is not None and after["last_used_from"] == "127.0.0.1"
