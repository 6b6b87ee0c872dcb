"""`postrider verify`: a sound store is called sound, whatever is damaged is named, and --repair makes good."""

import contextlib
import json
import sqlite3
import subprocess

import pytest

from instance import queue_fill

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
        assert verdict == {"ok": True, "messages": 5, "recipients": 0, "problems": []}
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


@pytest.mark.parametrize("sql", [
    "UPDATE mailbox SET messages = messages + 1, octets = 3",
    "UPDATE mailbox SET uidnext = 1, modseq = 0",
    "UPDATE content SET refs = 7",
])
def test_counts_are_repaired(shop, sql):
    before = mail(shop)
    assert shop.cli("verify", "--repair", code=75).stderr
    shop.stop()
    with sqlite3.connect(data(shop) / "postrider.db") as db:
        assert db.execute(sql).rowcount
    db.close()
    assert not shop.json("verify", code=65)["ok"]
    verdict = shop.json("verify", "--repair")
    assert verdict["ok"] and verdict["repaired"] == {"counts": True, "rebuilt": False}
    assert shop.json("verify")["ok"]
    shop.start()
    assert mail(shop) == before




def damage_pages(database):
    octets = bytearray(database.read_bytes())
    for at in range(4096, len(octets), 4096):
        octets[at:at + 64] = bytes([7]) * 64
    database.write_bytes(octets)


def damage_head(database):
    database.write_bytes(b"no database at all, " * 1000)


def damage_lose(database):
    database.unlink()


@pytest.mark.parametrize("damage", [damage_pages, damage_head, damage_lose])
def test_a_database_is_rebuilt(shop, damage):
    shop.account_add("gone@shop.example")
    shop.cli("alias", "add", "sales@shop.example", ANNA, BERT)
    with shop.smtp() as c:
        c.deliver("c@client.example", ("gone@shop.example", ANNA), message(b"shared"))
        c.quit()
    shop.cli("account", "remove", "gone@shop.example")
    before = mail(shop)
    accounts = shop.json_lines("account", "list")
    aliases = shop.json_lines("alias", "list")
    shop.stop()
    database = data(shop) / "postrider.db"
    damage(database)
    if damage is damage_lose:  # a new database would not know the segments: nothing starts on them
        assert b"verify --repair" in shop.cli("account", "list", code=65).stderr
    assert [p["kind"] for p in shop.json("verify", code=65)["problems"]][0] == "database"
    verdict = shop.json("verify", "--repair")
    assert verdict["ok"] and verdict["messages"] == 6 and verdict["repaired"]["rebuilt"], verdict
    assert (verdict["repaired"]["set_aside"] is None) == (damage is damage_lose)
    assert verdict["repaired"]["accounts"] == 2 and verdict["repaired"]["gaps"] == 0
    shop.start()
    assert mail(shop) == before
    assert shop.json_lines("account", "list") == accounts and shop.json_lines("alias", "list") == aliases
    with shop.smtp() as c:
        c.deliver("c@client.example", (ANNA, "sales@shop.example"), message(b"after"))
        c.quit()
    after = mail(shop)
    assert {k: after[ANNA][k] for k in before[ANNA]} == before[ANNA] and len(after[ANNA]) == len(before[ANNA]) + 1
    assert len(after[BERT]) == len(before[BERT]) + 1
    shop.stop()
    assert shop.json("verify")["ok"]


def test_a_rebuild_steps_over_damage(shop):
    before = mail(shop)
    shop.stop()
    path, octets = segment(shop)
    record = octets.rindex(b"PRec", 0, octets.index(b"MARKER-first"))
    flip(path, record)
    (data(shop) / "postrider.db").unlink()
    verdict = shop.json("verify", "--repair", code=65)  # a lost record stays lost, and is named
    assert verdict["messages"] == 4 and verdict["repaired"]["gaps"] == 1, verdict
    assert [p["where"] for p in verdict["problems"]] == [f"segment 1, offset {record}"], verdict
    shop.start()
    after = mail(shop)
    assert after[BERT] == before[BERT]
    assert len(after[ANNA]) == 2 and set(after[ANNA].items()) < set(before[ANNA].items())


def test_a_record_that_no_row_names(shop):
    """Records of the directory are needed for a rebuild only: they are looked at all the same."""
    shop.stop()
    path, octets = segment(shop)
    flip(path, octets.index(b"bert@shop.example"))
    [problem] = found(shop, "record")
    assert "directory" in problem["what"]


def test_after_kill_nothing_is_wrong(shop):
    """What a batch left that nobody was told of is no damage, before and after the next start."""
    with shop.smtp() as c:
        for i in range(50):
            c.deliver("c@client.example", (ANNA, BERT), message(b"%d" % i, 4000 * i))
        shop.kill()
    shop.verify()
    shop.start().verify()


def test_while_mail_arrives_and_goes(shop):
    for turn in range(4):
        with shop.smtp() as c, shop.pop3(ANNA) as p:
            for i in range(60):
                c.deliver("c@client.example", (ANNA, BERT), message(b"%d" % i))
            background = subprocess.Popen([shop.binary, "-c", shop.config, "verify", "--json"],
                                          stdout=subprocess.PIPE)
            for i in range(60):
                c.deliver("c@client.example", (ANNA, BERT), message(b"%d" % i))
            for n in list(dict(p.list()))[:20]:
                p.dele(n)
            p.quit()
            verdict = json.loads(background.communicate(timeout=60)[0])
            assert verdict["ok"], (turn, verdict)


def test_an_app_of_nobody(shop):
    with contextlib.closing(sqlite3.connect(data(shop) / "postrider.db")) as db:
        db.execute("insert into app values (77, 'bookings', 'v', x'', 0, 0, 1, 0, '', 0, '')")
        db.commit()
    [problem] = found(shop, "app")
    assert problem["repairable"] and problem["where"] == "account 77, app bookings"
    shop.stop()
    verdict = shop.json("verify", "--repair")
    assert verdict["ok"] and verdict["repaired"]["counts"]
    shop.verify()


# -- recipients of outbound mail ---------------------------------------------------------------------------


@pytest.fixture
def sender(shop):
    """The shop, stopped and frozen, with a small message for two recipients and a large one for a third."""
    shop.stop()
    shop.cli("queue", "freeze")
    shop.queued = queue_fill(shop, "add", "MI9DCT3Y8A1B2C3", ANNA, "transactional", "x@far.example",
                             "y@near.example", stdin=message(b"small"))
    shop.queued += queue_fill(shop, "add", "MI9DCT3Y8A1B2C4", ANNA, "marketing", "z@far.example",
                              stdin=message(b"sent-large", LARGE))
    return shop


def queued(one):
    """[(forward-path, state)], in the order of their ids."""
    return [(row["forward_path"], row["state"]) for row in one.json_lines("queue", "list")]


def test_recipients_are_counted(sender):
    verdict = sender.json("verify")
    assert verdict == {"ok": True, "messages": 5, "recipients": 3, "problems": []}
    assert b"5 messages, 6 contents, 3 recipients in the queue: all is sound." in sender.cli("verify").stdout


@pytest.mark.parametrize("sql, kind", [
    ("UPDATE queue SET path_at = 1000000 WHERE queue_id = {0}", "queue"),
    ("UPDATE queue SET queue_id = 77 << 10 WHERE queue_id = {0}", "queue"),
    ("DELETE FROM queue WHERE queue_id = {0}", "references"),
])
def test_recipients_that_contradict_their_message(sender, sql, kind):
    with contextlib.closing(sqlite3.connect(data(sender) / "postrider.db")) as db:
        assert db.execute(sql.format(sender.queued[0])).rowcount == 1
        db.commit()
    assert kind in {p["kind"] for p in sender.json("verify", code=65)["problems"]}


@pytest.mark.parametrize("refs", [0, 7])
def test_counts_of_recipients_messages_are_repaired(sender, refs):
    before = queued(sender)
    with contextlib.closing(sqlite3.connect(data(sender) / "postrider.db")) as db:
        db.execute(f"UPDATE content SET refs = {refs}")
        db.commit()
    sender.json("verify", code=65)
    assert sender.json("verify", "--repair")["repaired"]["counts"]
    sender.verify()
    assert queued(sender) == before and len(before) == 3


def test_recipients_are_rebuilt_held(sender):
    """Nobody gets a message twice because a database was lost: a person decides."""
    assert {state for _, state in queued(sender)} != {"held"}
    (data(sender) / "postrider.db").unlink()
    text = sender.cli("verify", "--repair").stdout
    assert b"3 recipients of outbound mail are held" in text
    assert queued(sender) == [("x@far.example", "held"), ("y@near.example", "held"), ("z@far.example", "held")]
    verdict = sender.json("verify")
    assert verdict["ok"] and verdict["recipients"] == 3
    sender.cli("queue", "release", "--all")
    assert {state for _, state in queued(sender)} & {"held"} == set()
    sender.verify()
