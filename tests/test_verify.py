"""`postrider verify`: a sound store is called sound, whatever is damaged is named, and --repair makes good."""

import sqlite3

import pytest

ANNA, BERT = "anna@shop.example", "bert@shop.example"
LARGE = 300 * 1024  # over LIMIT_RECORD_CONTENT: a file of its own


def message(subject, size=0):
    lines = b"".join(b"%08d%s\r\n" % (i, b"x" * 60) for i in range(size // 70))
    return b"From: c@client.example\r\nSubject: " + subject + b"\r\n\r\nMARKER-" + subject + b"\r\n" + lines


@pytest.fixture
def shop(make_instance):
    """A server with two accounts: a message for both, one for each, and a large one."""
    one = make_instance().start()
    for address in (ANNA, BERT):
        one.account_add(address)
    with one.smtp() as c:
        for to, subject, size in [((ANNA, BERT), b"both", 0), ((ANNA,), b"first", 0), ((ANNA,), b"large", LARGE),
                                  ((BERT,), b"last", 5000)]:
            c.deliver("c@client.example", to, message(subject, size))
        c.quit()
    return one


def mail(one):
    """What each person sees: UIDL and octets, by number."""
    seen = {}
    for address in (ANNA, BERT):
        with one.pop3(address) as c:
            seen[address] = {uid: bytes(c.retr(n)) for n, uid in dict(c.uidl()).items()}
            c.quit()
    return seen


def flip(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        octet = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([octet ^ 1]))


def data(one):
    [database] = one.dir.rglob("postrider.db")
    return database.parent


def segment(one):
    [path] = (data(one) / "segments").iterdir()
    return path, path.read_bytes()


def large_file(one):
    [path] = [p for p in (data(one) / "files").rglob("*") if p.is_file()]
    return path


def found(one, kind, *args):
    """verify ends with 65 and names problems of this kind alone; gives them."""
    verdict = one.json("verify", *args, code=65)
    assert not verdict["ok"] and {p["kind"] for p in verdict["problems"]} == {kind}, verdict
    assert b"problem" in one.cli("verify", code=65).stdout
    return verdict["problems"]


def test_sound_with_and_without_server(shop):
    for _ in range(2):
        verdict = shop.json("verify")
        assert verdict == {"ok": True, "messages": 5, "problems": []}
        assert b"5 messages, 4 contents: all is sound." in shop.cli("verify").stdout
        shop.stop()


@pytest.mark.parametrize("running", [True, False])
def test_one_octet_of_a_content(shop, running):
    if not running:
        shop.stop()
    path, octets = segment(shop)
    flip(path, octets.rindex(b"MARKER-first"))
    [problem] = found(shop, "content")
    assert "segment 1," in problem["where"] and not problem["repairable"]


def test_one_octet_of_a_front(shop):
    shop.stop()
    path, octets = segment(shop)
    record = octets.rindex(b"PRec", 0, octets.rindex(b"MARKER-first"))
    flip(path, record + 70)
    [problem] = found(shop, "record")
    assert f"offset {record}," in problem["where"]
    flip(path, record + 70)
    flip(path, record + 24)
    found(shop, "record")
    flip(path, record + 24)
    assert shop.json("verify")["ok"]


def test_a_file_of_its_own(shop):
    shop.stop()
    path = large_file(shop)
    flip(path, LARGE // 2)
    [problem] = found(shop, "file")
    assert problem["where"].startswith("files/")
    path.write_bytes(path.read_bytes()[:-1])
    found(shop, "file")
    path.unlink()
    [problem] = found(shop, "file")
    assert "not there" in problem["what"]


def test_a_missing_segment(shop):
    shop.stop()
    segment(shop)[0].unlink()
    found(shop, "segment")


@pytest.mark.parametrize("sql, kind", [
    ("UPDATE mailbox SET messages = messages + 1", "mailbox"),
    ("UPDATE mailbox SET octets = octets - 1", "mailbox"),
    ("UPDATE mailbox SET uidnext = 1", "mailbox"),
    ("UPDATE content SET refs = refs + 1 WHERE content_id = 2", "references"),
    ("DELETE FROM account WHERE address = 'bert@shop.example'", "mailbox"),
    ("UPDATE message SET size = size + 1 WHERE uid = 1", "message"),
    ("UPDATE message SET prefix_at = 1000000 WHERE uid = 1", "message"),
])
def test_rows_that_contradict_each_other(shop, sql, kind):
    shop.stop()
    with sqlite3.connect(data(shop) / "postrider.db") as db:
        assert db.execute(sql).rowcount
    db.close()
    verdict = shop.json("verify", code=65)
    assert kind in {p["kind"] for p in verdict["problems"]}, verdict
