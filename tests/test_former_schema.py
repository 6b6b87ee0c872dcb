"""A store made by a former version is taken up as it is: read by verify and backup, served, changed, rebuilt.

data/store-1.tar.gz is what the last version with schema 1 left: `data` (a data directory) and `backup` (made of it
by `postrider backup`). In it: anna (renamed from ann, with a name and a quota), bert, carl (suspended) and the alias
info -> anna, bert; four messages, one of them 300 KB, and one that was delivered and deleted.
"""

import contextlib
import pathlib
import shutil
import sqlite3
import tarfile

import pytest

from instance import queue_fill

ARCHIVE = pathlib.Path(__file__).parent / "data" / "store-1.tar.gz"
ANNA, BERT, CARL = "anna@shop.example", "bert@shop.example", "carl@shop.example"
MAIL = {ANNA: ["for anna", "large"], BERT: ["for both", "for bert"]}
MAIL[ANNA].append("for both")


def version(one):
    with contextlib.closing(sqlite3.connect(f"file:{one.dir}/data/postrider.db?mode=ro", uri=True)) as db:
        return db.execute("pragma user_version").fetchone()[0]


@pytest.fixture
def old(make_instance, tmp_path):
    one = make_instance()
    shutil.rmtree(one.dir / "data")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "old")
    (tmp_path / "old" / "data").rename(one.dir / "data")
    one.old_backup = tmp_path / "old" / "backup"
    return one


def subjects(one, address):
    with one.pop3(address) as c:
        found = []
        for number in dict(c.uidl()):
            octets = bytes(c.retr(number))
            [line] = [line for line in octets.split(b"\r\n") if line.startswith(b"Subject: ")]
            found.append(line[9:].decode())
            assert len(octets) > (300_000 if line == b"Subject: large" else 100)
        c.quit()
    return sorted(found)


def check_served(one):
    for address, expected in MAIL.items():
        assert subjects(one, address) == sorted(expected)
    accounts = {a["address"]: a for a in one.json_lines("account", "list")}
    assert set(accounts) == {ANNA, BERT, CARL}
    assert accounts[ANNA]["name"] == "Anna A." and accounts[ANNA]["quota_octets"] == 5 << 20
    assert [a["state"] for a in accounts.values()].count("suspended") == 1 and \
        accounts[CARL]["state"] == "suspended"
    [alias] = one.json_lines("alias", "list")
    assert alias == {"address": "info@shop.example", "targets": [ANNA, BERT]}


def test_taken_up(old):
    assert version(old) == 1
    old.verify()
    assert version(old) == 1  # looking changes nothing
    old.start()
    assert version(old) > 1
    check_served(old)
    with old.smtp() as c:
        c.deliver("c@client.example", ["info@shop.example"], b"Subject: new\r\n\r\nx\r\n")
        c.quit()
    assert "new" in subjects(old, ANNA)
    old.verify()
    old.stop()
    old.start()
    assert "new" in subjects(old, BERT)


def test_taken_up_with_a_queue(old):
    """Its mail goes out from the first start on; records without recipients and with them stand side by side."""
    old.cli("queue", "freeze")
    assert old.json_lines("queue", "list") == []
    queue_fill(old, "add", "MI9DCT3Y8A1B2C3", ANNA, "transactional", "x@far.example", stdin=b"Subject: out\r\n\r\n")
    [row] = old.json_lines("queue", "list")
    assert row["forward_path"] == "x@far.example"
    assert old.json("verify")["recipients"] == 1
    (old.dir / "data" / "postrider.db").unlink()
    repaired = old.json("verify", "--repair")["repaired"]
    assert repaired["held"] == 1 and repaired["accounts"] == 3
    old.start()
    assert subjects(old, ANNA) == sorted(MAIL[ANNA])


def test_without_a_server(old, tmp_path):
    old.cli("account", "resume", CARL)
    assert version(old) > 1
    assert {a["state"] for a in old.json_lines("account", "list")} == {"active"}


def test_backup_of_it_and_restore(old, tmp_path):
    """A backup of a store that no new server has opened yet, and one made by the former version."""
    old.cli("backup", tmp_path / "fresh")
    for backup in (tmp_path / "fresh", old.old_backup):
        shutil.rmtree(old.dir / "data")
        old.cli("restore", backup)
        assert version(old) > 1
        old.verify()
        old.start()
        check_served(old)
        old.stop()


def test_rebuilt_from_its_segments(old):
    (old.dir / "data" / "postrider.db").unlink()
    for rest in (old.dir / "data").glob("postrider.db-*"):
        rest.unlink()
    verdict = old.json("verify", "--repair")
    assert verdict["ok"] and verdict["repaired"]["rebuilt"] and verdict["repaired"]["accounts"] == 3
    assert version(old) > 1
    old.start()
    # The message that was deleted is back: records don't know of deletions.
    assert subjects(old, BERT) == sorted(MAIL[BERT] + ["deleted"])
    assert subjects(old, ANNA) == sorted(MAIL[ANNA])
