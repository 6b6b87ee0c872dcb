"""Apps: logins of their own for programs that send mail, managed with and without a running server."""

import contextlib
import re
import sqlite3

import clients
import pytest

from instance import PASSWORD

ANN, BOB = "ann@shop.example", "bob@shop.example"
SETTINGS = {"name", "account", "host", "port", "encryption", "user", "from", "limit", "created", "last_used",
            "last_used_from", "last_refused", "last_refused_from"}


@pytest.fixture(params=["running", "stopped"])
def shop(make_instance, request):
    """Two accounts; every test of it runs beside a server and without one."""
    one = make_instance()
    if request.param == "running":
        one.start()
    for address in (ANN, BOB):
        one.account_add(address)
    one.cli("alias", "add", "info@shop.example", ANN, BOB)
    one.cli("alias", "add", "bob.b@shop.example", BOB)
    return one


def add(one, name, account=ANN, *args, code=0):
    return one.json("app", "add", name, "--account", account, *args, code=code)


def refused(one, *args, code):
    done = one.cli("app", *args, code=code)
    assert done.stdout == b""
    return done.stderr.decode()


def test_add_settings_list_revoke(shop):
    added = add(shop, "bookings")
    password = added.pop("password")
    assert re.fullmatch(r"([a-z0-9]{4}-){6}[a-z0-9]{4}", password)
    assert set(added) == SETTINGS
    assert added["user"] == "ann+bookings@shop.example" and added["account"] == ANN and added["name"] == "bookings"
    assert added["host"] == "mail.shop.example" and added["from"] == [ANN] and added["limit"] is None
    assert added["last_used"] is None and added["last_used_from"] is None

    # The settings are the same later, by name and by login, without the password.
    assert shop.json("app", "settings", "bookings") == added
    assert shop.json("app", "settings", "Ann+Bookings@Shop.Example") == added
    assert shop.json_lines("app", "list") == [added]
    text = shop.cli("app", "settings", "bookings").stdout.decode()
    assert "ann+bookings@shop.example" in text and "Password" not in text and "never" in text

    # A new password, shown once.
    again = shop.json("app", "settings", "bookings", "--new-password")
    assert again.pop("password") != password and again == added

    assert shop.json("app", "revoke", "bookings") == {"removed": "ann+bookings@shop.example"}
    assert shop.json_lines("app", "list") == []
    assert "app list" in refused(shop, "settings", "bookings", code=67)
    assert "app list" in refused(shop, "revoke", "ann+bookings@shop.example", code=67)


def test_what_a_person_sees(shop):
    text = shop.cli("app", "add", "web-shop", "--account", ANN, "--limit", "500/h").stdout.decode()
    lines = dict(re.split(r"  +", line, 1) for line in text.split("\n\n")[0].splitlines())
    assert lines["Host"] == "mail.shop.example" and lines["User"] == "ann+web-shop@shop.example"
    assert len(lines["Password"]) == 34 and lines["From"] == ANN and lines["Limit"] == "500/h recipients"
    assert "once" in text.split("\n\n")[1]
    listed = shop.cli("app", "list").stdout.decode()
    assert "ann+web-shop@shop.example" in listed and "500/h" in listed and "never" in listed


def test_names(shop):
    for name in ("Bookings", "book ings", "book_ings", "b@x", "büro", "", "a" * 33, "+", "a.b"):
        assert "lower-case" in refused(shop, "add", name, "--account", ANN, code=64)
    assert add(shop, "a" * 32)["user"] == "ann+" + "a" * 32 + "@shop.example"
    add(shop, "7-up")
    assert "there already" in refused(shop, "add", "7-up", "--account", ANN, code=73)
    long = "l" * 40 + "@shop.example"
    shop.account_add(long)
    assert "64 octets" in refused(shop, "add", "b" * 24, "--account", long, code=65)
    add(shop, "b" * 23, long)
    refused(shop, "add", "x", code=64)  # in nobody's name
    refused(shop, "add", "--account", ANN, code=64)
    refused(shop, "add", "x", "--account", "nobody@shop.example", code=67)
    assert "alias" in refused(shop, "add", "x", "--account", "info@shop.example", code=67)


def test_one_name_in_two_accounts(shop):
    for account in (ANN, BOB):
        add(shop, "web", account)
    for action in (["settings"], ["settings", "--new-password"], ["revoke"], ["test", "--password-stdin"]):
        why = refused(shop, action[0], "web", *action[1:], code=64)
        assert "ann+web@shop.example" in why and "bob+web@shop.example" in why
    assert shop.json("app", "settings", "bob+web@shop.example")["account"] == BOB
    assert [a["account"] for a in shop.json_lines("app", "list", "--account", BOB)] == [BOB]
    shop.cli("app", "revoke", "ann+web@shop.example")
    assert shop.json("app", "settings", "web")["account"] == BOB


def test_where_it_sends_from(shop):
    shop.cli("domain", "add", "brand.example")
    taken = [ANN, "ann+news@shop.example", "info@shop.example", "@brand.example", "sales@brand.example"]
    args = [word for address in taken + ["INFO@Shop.Example"] for word in ("--from", address)]
    done = shop.cli("app", "add", "web", "--account", ANN, *args, "--json")
    assert b"nobody gets mail for sales@brand.example" in done.stderr and done.stderr.count(b"nobody gets") == 1
    assert shop.json("app", "settings", "web")["from"] == taken  # each once, normalised
    assert shop.json("app", "add", "more", "--account", ANN, "--from", ANN, "info@shop.example")["from"] == \
        [ANN, "info@shop.example"]

    for address, why in [(BOB, "--account bob@"), ("bob+x@shop.example", "--account bob@"),
                         ("bob.b@shop.example", "alias add bob.b@shop.example ann@"),
                         ("ann@elsewhere.example", "not served here"), ("@elsewhere.example", "not served here")]:
        assert why in refused(shop, "add", "no", "--account", ANN, "--from", address, code=77)
    refused(shop, "add", "no", "--account", ANN, "--from", "no address", code=65)
    refused(shop, "add", "no", "--account", ANN, "--from", code=64)
    refused(shop, "add", "no", ANN, "--account", ANN, code=64)

    # A domain that an app sends from stays until the app is gone.
    shop.cli("domain", "remove", "brand.example", code=77)
    shop.cli("app", "revoke", "web")
    shop.cli("domain", "remove", "brand.example")


def test_limits(shop):
    assert add(shop, "a", ANN, "--limit", "500/h")["limit"] == "500/h"
    assert add(shop, "b", ANN, "--limit", "2000 / day")["limit"] == "2000/d"
    for limit in ("500", "0/h", "5/week", "1000001/h", "x/h", ""):
        assert "limit" in refused(shop, "add", "c", "--account", ANN, "--limit", limit, code=64)


def test_it_follows_its_account(shop):
    add(shop, "web", ANN, "--from", "info@shop.example", "--from", ANN)
    shop.cli("account", "rename", ANN, "anna@shop.example")
    [app] = shop.json_lines("app", "list")
    assert app["user"] == "anna+web@shop.example" and app["account"] == "anna@shop.example"
    assert app["from"] == ["info@shop.example", "anna@shop.example"]
    refused(shop, "settings", "ann+web@shop.example", code=67)
    shop.cli("alias", "remove", "info@shop.example")
    shop.cli("account", "remove", "anna@shop.example")
    assert shop.json_lines("app", "list") == []
    shop.account_add("anna@shop.example")
    assert shop.json_lines("app", "list") == []
    shop.verify()


def test_they_survive(shop, tmp_path):
    """A restart, a backup with its restore, and a database made anew from the segments."""
    add(shop, "web", ANN, "--from", "info@shop.example", "--limit", "20/m")
    add(shop, "gone")
    shop.cli("app", "revoke", "gone")
    before = shop.json_lines("app", "list")
    shop.cli("backup", tmp_path / "backup")
    shop.stop()
    assert shop.json_lines("app", "list") == before
    (shop.dir / "data" / "postrider.db").unlink()
    shop.json("verify", "--repair")
    assert shop.json_lines("app", "list") == before
    shop.verify()
    (shop.dir / "data").rename(tmp_path / "old")
    shop.cli("restore", tmp_path / "backup")
    assert shop.json_lines("app", "list") == before


def test_change(shop):
    """What is named is set anew, the rest stays as it is; the login is the same."""
    added = add(shop, "web", ANN, "--from", "info@shop.example", ANN, "--limit", "20/m")
    added.pop("password")
    assert shop.json("app", "change", "web", "--limit", "500/h") == added | {"limit": "500/h"}
    changed = shop.json("app", "change", "ann+web@shop.example", "--from", ANN, "--from", "@shop.example")
    assert changed == added | {"limit": "500/h", "from": [ANN, "@shop.example"]}
    assert shop.json("app", "change", "web", "--limit", "none", "--from", ANN) == added | {"limit": None, "from": [ANN]}
    assert shop.json("app", "settings", "web") == added | {"limit": None, "from": [ANN]}
    text = shop.cli("app", "change", "web", "--limit", "9/d").stdout.decode()
    assert "Limit       9/d recipients" in text and "Password" not in text

    assert "nothing is to be changed" in refused(shop, "change", "web", code=64)
    refused(shop, "change", "web", "--account", BOB, code=64)
    refused(shop, "change", "web", "--limit", "0/h", code=64)
    refused(shop, "change", "--limit", "5/h", code=64)
    assert 'no app is called "wob"' in refused(shop, "change", "wob", "--limit", "5/h", code=67)
    assert "another person's" in refused(shop, "change", "web", "--from", BOB, code=77)
    assert shop.json("app", "settings", "web") == added | {"limit": "9/d", "from": [ANN]}


def test_what_happened_is_told(shop):
    add(shop, "web")
    shop.cli("app", "settings", "web", "--new-password")
    shop.cli("app", "change", "web", "--limit", "5/m")
    shop.cli("app", "revoke", "web")
    told = [e["what"] for e in shop.json_lines("trace", "ann+web@shop.example")]
    assert told == ["app added", "app got a new password", "app got other addresses or another limit", "app revoked"]


def test_account_name(shop):
    assert shop.json("account", "name", ANN, "Ann A. Anderson")["name"] == "Ann A. Anderson"
    assert shop.json("account", "show", ANN)["name"] == "Ann A. Anderson"
    assert shop.json("account", "name", ANN, "")["name"] is None
    shop.cli("account", "name", ANN, "x" * 257, code=65)
    shop.cli("account", "name", "nobody@shop.example", "x", code=67)
    shop.cli("account", "rename", ANN, "ann+x@shop.example", code=65)


def test_an_app_reads_no_mail(make_instance):
    one = make_instance().start()
    one.account_add(ANN)
    password = add(one, "web")["password"]
    with one.pop3() as c:
        c.command(b"USER ann+web@shop.example")
        with pytest.raises(clients.Refused) as refusal:
            c.command(b"PASS " + password.encode())
        assert b"-ERR [AUTH] This login may only send" in refusal.value.reply
        c.login(ANN, PASSWORD)  # nothing is locked
        c.quit()
    # What happened there counts as a use, from where it came.
    app = one.json("app", "settings", "web")
    assert app["last_used_from"] == "127.0.0.1" and app["last_used"] > app["created"] and app["last_refused"] is None
    with one.pop3() as c, pytest.raises(clients.Refused):
        c.login("ann+web@shop.example", password + "x")
    one.stop()  # written when the store is closed
    [app] = one.json_lines("app", "list")
    assert app["last_used_from"] == app["last_refused_from"] == "127.0.0.1"
    assert app["last_refused"] > app["last_used"]
    checks = [c for c in one.json("doctor", code=None)["checks"] if c["name"] == "app"]
    assert [c["state"] for c in checks] == ["warning"]
    assert "refused" in checks[0]["what"] and "--new-password" in checks[0]["do"]


def test_doctor_names_an_app_that_never_came(make_instance):
    one = make_instance()
    one.account_add(ANN)
    for name in ("fresh", "forgotten"):
        add(one, name)

    def told():
        return [(c["name"], c["state"], c["what"], c["do"]) for c in one.json("doctor", code=None)["checks"]
                if c["name"] in ("app", "apps")]

    assert told() == [("apps", "ok", "2 apps, none in trouble", None)]
    with contextlib.closing(sqlite3.connect(one.dir / "data" / "postrider.db")) as db:
        db.execute("update app set created_ms = created_ms - 8 * 86400000 where name = 'forgotten'")
        db.commit()
    [(name, state, what, remedy)] = told()
    assert (name, state) == ("app", "warning") and "ann+forgotten@shop.example was never used since" in what
    assert "app revoke ann+forgotten@shop.example" in remedy
