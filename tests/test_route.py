"""Routes of outbound mail, managed with and without a running server."""

import json
import shutil

import pytest

from instance import DOMAIN
from nameserver import Nameserver

PROVIDER = "smtp.provider.example:587"
SECRET = "s3cret-of-the-provider"


@pytest.fixture(params=["running", "stopped"])
def shop(make_instance, request, tmp_path):
    one = make_instance()
    if request.param == "stopped":
        yield one
        return
    with Nameserver(tmp_path / "dns", {"near.example": "@ MX 10 mx\nmx A 127.0.0.1\n"}) as dns:
        dns.configure(one)
        yield one.start()


def add(one, *args, **kwargs):
    return one.json("route", "add", *args, **kwargs)


def refused(one, *args, code, stdin=None):
    done = one.cli("route", *args, code=code, stdin=stdin)
    assert done.stdout == b""
    return done.stderr.decode()


def explained(one, address, *args):
    return one.json("route", "explain", address, *args)


def test_add_list_remove(shop):
    assert shop.json_lines("route", "list") == []
    assert "by MX" in shop.cli("route", "list").stdout.decode()
    added = add(shop, "*", "--smarthost", "SMTP.Provider.Example:587", "--user", "shop", "--password-stdin",
                "--limit", "500/h", "--limit", "10/m", stdin=SECRET.encode() + b"\n")
    assert added.pop("created")
    assert added == {"domain": "*", "sender": None, "by": "smarthost",
                     "smarthosts": [{"host": "smtp.provider.example", "port": 587, "weight": None}],
                     "user": "shop", "token_command": None, "tls": "verify", "lmtp": False,
                     "limits": ["10/m", "500/h"]}
    mx = add(shop, "Friends.Example", "--mx", "--sender", DOMAIN)
    assert mx["domain"] == "friends.example" and mx["sender"] == DOMAIN and mx["by"] == "mx" and mx["tls"] is None
    add(shop, "*.lists.example", "--smarthost", "127.0.0.1:2525=3,[::1]:24=1", "--lmtp")
    listed = shop.json_lines("route", "list")
    assert [(r["domain"], r["sender"]) for r in listed] == \
        [("*", None), ("*.lists.example", None), ("friends.example", DOMAIN)]
    assert listed[1]["smarthosts"] == [{"host": "127.0.0.1", "port": 2525, "weight": 3},
                                       {"host": "[::1]", "port": 24, "weight": 1}]
    assert listed[1]["tls"] == "may" and listed[1]["lmtp"]
    text = shop.cli("route", "list").stdout.decode()
    assert PROVIDER in text and "friends.example" in text and "10/m 500/h" in text and SECRET not in text

    assert shop.json("route", "remove", "friends.example", "--sender", DOMAIN) == \
        {"removed": "friends.example", "sender": DOMAIN}
    assert "route list" in refused(shop, "remove", "friends.example", "--sender", DOMAIN, code=67)
    assert "route list" in refused(shop, "remove", "*", "--sender", DOMAIN, code=67)
    shop.cli("route", "remove", "*")
    assert [r["domain"] for r in shop.json_lines("route", "list")] == ["*.lists.example"]


def test_a_route_is_replaced_at_once(shop):
    first = add(shop, "*", "--smarthost", PROVIDER)
    done = shop.cli("route", "add", "*", "--smarthost", "other.example:465", "--tls", "require", "--json")
    assert b"replaces" in done.stderr
    second = json.loads(done.stdout)
    assert second["smarthosts"][0]["host"] == "other.example" and second["created"] == first["created"]
    assert shop.json_lines("route", "list") == [second]


def test_the_password_is_never_shown(shop):
    args = ["route", "add", "*", "--smarthost", PROVIDER, "--user", "shop", "--password-stdin"]
    said = [shop.cli(*args, *more, stdin=SECRET.encode() + b"\n") for more in ([], ["--json"])]
    said += [shop.cli("route", *words, *more) for more in ([], ["--json"])
             for words in (["list"], ["explain", "bob@far.example"], ["remove", "*"])
             if not (words[0] == "remove" and not more)]
    for done in said:
        assert SECRET.encode() not in done.stdout + done.stderr
    assert SECRET.encode() not in shop.log_octets()
    for day in (shop.dir / "data" / "events").glob("*"):
        assert SECRET not in day.read_text()


@pytest.mark.parametrize("args, code, why", [
    (["*"], 64, "--smarthost HOST:PORT or --mx"),
    (["*", "--mx", "--smarthost", PROVIDER], 64, "--smarthost HOST:PORT or --mx"),
    (["*", "--smarthost", "provider.example"], 64, "with its port"),
    (["*", "--smarthost", "a.example:1=1,b.example:2"], 64, "each of them a weight"),
    (["*", "--smarthost", PROVIDER, "--tls", "perhaps"], 64, "none, may, require, verify"),
    (["*", "--smarthost", "a.example:465", "--tls", "none"], 64, "465"),
    (["*", "--smarthost", PROVIDER, "--limit", "5/week"], 64, "not a limit"),
    (["*", "--smarthost", PROVIDER, "--limit", "5/h", "--limit", "6/hour"], 64, "two limits"),
    (["*", "--smarthost", PROVIDER, "--password-stdin"], 64, "--user is missing"),
    (["*", "--smarthost", PROVIDER, "--user", "u", "--token-command", "t", "--password-stdin"], 64, "not by both"),
    (["*", "--mx", "--tls", "may"], 64, "for smarthosts"),
    (["*", "--mx", "--user", "u", "--token-command", "t"], 64, "for smarthosts"),
    (["*", "--smarthost", "mail.shop.example:25"], 64, "circle"),
    (["*", "--mx", "more"], 64, "unexpected"),
    (["no domain", "--mx"], 65, "domain"),
    (["*.", "--mx"], 65, "domain"),
    (["*shop.example", "--mx"], 65, "domain"),
    (["*", "--mx", "--sender", "*"], 65, "domain"),
    (["--mx"], 64, "is missing"),
])
def test_refusals(shop, args, code, why):
    assert why in refused(shop, "add", *args, code=code, stdin=b"secret\n")
    assert shop.json_lines("route", "list") == []


def test_warnings(shop):
    done = shop.cli("route", "add", DOMAIN, "--smarthost", PROVIDER)
    assert b"takes no route" in done.stderr
    done = shop.cli("route", "add", "*", "--smarthost", PROVIDER, "--user", "u", "--password-stdin", "--tls", "may",
                    stdin=b"secret\n")
    assert b"in the clear" in done.stderr


def test_explain(shop):
    shop.account_add("ann@shop.example")
    shop.cli("alias", "add", "sales@shop.example", "ann@shop.example")
    for address, says in (("ann@shop.example", "mailbox of ann@"), ("ann+x@shop.example", "mailbox of ann@"),
                          ("sales@shop.example", "alias sales@"), ("nobody@shop.example", "refused")):
        answer = explained(shop, address)
        assert answer["by"] == "mailbox" and answer["route"] is None
        assert any(says in sentence for sentence in answer["decisions"]), answer

    answer = explained(shop, "Bob@Far.Example")
    assert answer["address"] == "bob@far.example" and answer["from"] is None
    assert answer["by"] == "mx" and answer["route"] is None
    star = add(shop, "*", "--smarthost", PROVIDER, "--user", "u", "--token-command", "get-token", "--limit", "9/d")
    own = add(shop, "*", "--sender", DOMAIN, "--mx")
    far = add(shop, "far.example", "--smarthost", "a.example:465,b.example:25")
    below = add(shop, "*.far.example", "--smarthost", "a.example:25=1,b.example:25=2")
    for address, sender, route, by in (
            ("bob@far.example", None, far, "smarthost"), ("bob@far.example", "ann@" + DOMAIN, far, "smarthost"),
            ("bob@x.far.example", None, below, "smarthost"), ("bob@near.example", None, star, "smarthost"),
            ("bob@near.example", "ann@" + DOMAIN, own, "mx"), ("bob@near.example", "a@else.example", star, "smarthost")):
        answer = explained(shop, address, *(["--from", sender] if sender else []))
        assert answer["route"] == route and answer["by"] == by and answer["from"] == sender
    text = shop.cli("route", "explain", "bob@near.example").stdout.decode()
    assert "not served here" in text and PROVIDER in text and "logs in as u" in text and "9 recipients in any day" in text
    text = shop.cli("route", "explain", "bob@far.example").stdout.decode()
    assert text.index("a.example:465, TLS from the first octet") < text.index("b.example:25")
    assert "weight 2" in shop.cli("route", "explain", "bob@x.far.example").stdout.decode()
    assert "address" in refused(shop, "explain", "nonsense", code=65)
    refused(shop, "explain", "a@b.example", "--from", "nonsense", code=65)


def test_they_survive(make_instance, tmp_path):
    """A restart, a rebuild from the segments alone, a backup and its restoration."""
    one = make_instance().start()
    add(one, "*", "--smarthost", PROVIDER, "--user", "u", "--password-stdin", stdin=SECRET.encode() + b"\n")
    add(one, "gone.example", "--mx")
    one.cli("route", "remove", "gone.example")
    add(one, "far.example", "--sender", DOMAIN, "--mx", "--limit", "7/d")
    routes = one.json_lines("route", "list")
    one.cli("backup", tmp_path / "backup")
    one.stop()
    assert one.json_lines("route", "list") == routes
    for name in ("postrider.db", "postrider.db-wal", "postrider.db-shm"):
        (one.dir / "data" / name).unlink(missing_ok=True)
    one.cli("verify", "--repair", code=None)
    one.verify()
    assert one.json_lines("route", "list") == routes
    assert (one.dir / "data" / "postrider.db").stat().st_mode & 0o777 == 0o600

    other = make_instance("restored")
    shutil.rmtree(other.dir / "data")
    other.cli("restore", tmp_path / "backup")
    assert other.json_lines("route", "list") == routes
