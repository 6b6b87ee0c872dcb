"""`backup` and `restore`: with a server that takes mail and without one, what they refuse, and what a mail program
sees afterwards: the same messages under the same UIDLs, and new ones under UIDs that were never given."""

import json
import os
import pathlib
import shutil
import sqlite3
import tempfile
import threading

import pytest

import clients
from instance import PASSWORD, queue_fill

ANN = "ann@shop.example"
FAR = "far@client.example"
LARGE = b"Subject: a file of its own\r\n\r\n" + b".abcdefghijklm\r\n" * (300000 // 16)


def message(number):
    return b"Subject: %d\r\n\r\n" % number + b"line %d\r\n" % number * (number % 50 + 1)


def deliver(one, messages):
    with one.smtp() as c:
        for m in messages:
            c.deliver(FAR, [ANN], m)
        c.quit()


def mailbox(one):
    """{UIDL: content} of ann's mailbox."""
    with one.pop3(ANN) as c:
        found = {unique: bytes(c.retr(number)) for number, unique in dict(c.uidl()).items()}
        c.quit()
    return found


def restored(make_instance, backup, name="restored"):
    """Another instance, not started, whose store is made from `backup`."""
    one = make_instance(name)
    shutil.rmtree(one.dir / "data")
    answer = one.json("restore", backup)
    assert answer["data_dir"] == f"{one.dir}/data" and answer["directory"] == str(backup)
    return one, answer


def refused(one, code, *words):
    done = one.cli(*words, "--json", code=code)
    assert done.stdout == b""
    return json.loads(done.stderr.splitlines()[-1])["what"]


@pytest.fixture
def shop(make_instance):
    one = make_instance().start()
    one.account_add(ANN)
    return one


def test_backup_while_mail_arrives(shop, make_instance, tmp_path):
    deliver(shop, [message(n) for n in range(40)] + [LARGE])
    before = mailbox(shop)
    assert len(before) == 41
    stop, acknowledged, failed = threading.Event(), [], []

    def go_on():
        try:
            with shop.smtp() as c:
                number = 1000
                while not stop.is_set():
                    c.deliver(FAR, [ANN], message(number))
                    acknowledged.append(number)
                    number += 1
        except Exception as e:  # judged below, in the test's own thread
            failed.append(e)

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        while len(acknowledged) < 20 and not failed:
            stop.wait(.01)
        sure = len(acknowledged)
        answer = shop.json("backup", tmp_path / "backup")
        after = len(acknowledged)
    finally:
        stop.set()
        writer.join()
    assert not failed, failed
    assert set(answer) == {"directory", "messages", "octets", "segments", "files", "copied_octets", "linked",
                           "seconds"}
    assert 41 + sure <= answer["messages"] <= 41 + after + 1
    assert answer["files"] == 1 and answer["segments"] >= 1
    assert answer["linked"] >= 1, "what never changes again is linked"
    live = mailbox(shop)
    shop.stop()

    one, told = restored(make_instance, tmp_path / "backup")
    assert told["messages"] == answer["messages"] and told["octets"] == answer["octets"]
    one.start()
    again = mailbox(one)
    assert len(again) == answer["messages"]
    assert before.items() <= again.items()
    assert again.items() <= live.items()
    deliver(one, [message(7)])
    new = set(mailbox(one)) - set(again)
    assert len(new) == 1
    assert not new & set(live), "a UID that the old server gave after the backup was given again"
    one.verify()


def test_messages_that_only_the_queue_names(shop, make_instance, tmp_path):
    """Small and large ones, a large one as a file of its own; their recipients go on where they stood."""
    shop.stop()
    shop.cli("queue", "freeze")
    for number, content in enumerate((message(1), LARGE)):
        queue_fill(shop, "add", f"MI9DCT3Y8A1B2C{number}", ANN, "transactional", FAR, "b@far.example", stdin=content)
    before = shop.json_lines("queue", "list")
    answer = shop.json("backup", tmp_path / "backup")
    assert answer["files"] == 1
    one, _ = restored(make_instance, tmp_path / "backup")
    one.cli("queue", "freeze")
    assert one.json_lines("queue", "list") == before and len(before) == 4
    assert one.json("verify")["recipients"] == 4


def test_new_uids_are_far_above(shop, make_instance, tmp_path):
    deliver(shop, [message(n) for n in range(3)])
    shop.stop()
    shop.json("backup", tmp_path / "backup")
    one, _ = restored(make_instance, tmp_path / "backup")

    def rows(data):
        with sqlite3.connect(data / "postrider.db") as db:
            return (db.execute("SELECT uidvalidity, uidnext, modseq FROM mailbox").fetchall(),
                    db.execute("SELECT next_content_id, next_account_id, segment, offset FROM batch").fetchall())

    (old,), (old_batch,) = rows(shop.dir / "data")
    (new,), (new_batch,) = rows(one.dir / "data")
    assert new == (old[0], old[1] + 2**20, old[2] + 2**20)
    assert new_batch == (old_batch[0] + 2**20, old_batch[1] + 2**20, old_batch[2], old_batch[3])
    assert not (one.dir / "data" / "restore.partial").exists()


def test_backup_of_a_killed_server(shop, make_instance, tmp_path):
    """No server, a WAL that was never checkpointed, and a segment with room allocated behind its end."""
    deliver(shop, [message(n) for n in range(10)] + [LARGE])
    before = mailbox(shop)
    shop.kill()
    text = shop.cli("backup", tmp_path / "backup").stdout.decode()
    assert text.startswith("Backed up 11 messages") and "restore" in text
    one, _ = restored(make_instance, tmp_path / "backup")
    one.start()
    assert mailbox(one) == before
    with one.pop3(ANN, PASSWORD) as c:  # the accounts came along
        c.quit()


def test_keys_and_places_come_along(shop, make_instance, tmp_path):
    """What reverse-paths of forwards are signed with, and where people logged in."""
    mailbox(shop)
    shop.stop()  # it is written then, or after some minutes
    shop.json("backup", tmp_path / "backup")
    one, _ = restored(make_instance, tmp_path / "backup")
    for name in ("auth.key", "auth.pairs"):
        assert (one.dir / "data" / name).read_bytes() == (shop.dir / "data" / name).read_bytes()
        assert (one.dir / "data" / name).stat().st_mode & 0o777 == 0o600
    # A backup of a former version has neither.
    for name in ("auth.key", "auth.pairs"):
        (tmp_path / "backup" / name).unlink()
    two, _ = restored(make_instance, tmp_path / "backup", "two")
    two.start()
    assert mailbox(two) == {}


def test_backup_of_an_empty_store(make_instance, tmp_path):
    one = make_instance()
    assert one.json("backup", tmp_path / "backup")["messages"] == 0
    other, _ = restored(make_instance, tmp_path / "backup")
    assert other.json_lines("domain", "list") == one.json_lines("domain", "list")


def test_the_backup_outlives_the_store(shop, make_instance, tmp_path):
    """Links are no aliases of anything that changes: the store goes on, is damaged and removed."""
    deliver(shop, [message(n) for n in range(5)] + [LARGE])
    before = mailbox(shop)
    shop.json("backup", tmp_path / "backup")
    deliver(shop, [message(n) for n in range(5)])
    shop.stop()
    shutil.rmtree(shop.dir / "data")
    one, _ = restored(make_instance, tmp_path / "backup")
    one.start()
    assert mailbox(one) == before


def test_backup_refuses(shop, tmp_path):
    used = tmp_path / "used"
    used.mkdir()
    (used / "mine").write_text("x")
    assert "not empty" in refused(shop, 73, "backup", used)
    assert (used / "mine").read_text() == "x"
    assert "no folder" in refused(shop, 73, "backup", used / "mine")
    (tmp_path / "b.partial").mkdir()
    assert "cut short" in refused(shop, 73, "backup", tmp_path / "b")
    refused(shop, 66, "backup", tmp_path / "no" / "such" / "folder")
    refused(shop, 64, "backup")
    refused(shop, 64, "backup", "a", "b")
    (tmp_path / "empty").mkdir()
    shop.json("backup", tmp_path / "empty")
    assert (tmp_path / "empty" / "postrider.db").exists()


def test_backup_of_a_damaged_store(shop, tmp_path):
    deliver(shop, [LARGE])
    shop.stop()
    (content,) = [p for p in (shop.dir / "data" / "files").rglob("*") if p.is_file()]
    content.unlink()
    assert str(content) in refused(shop, 65, "backup", tmp_path / "backup")
    assert not (tmp_path / "backup").exists() and not (tmp_path / "backup.partial").exists()


def test_restore_refuses(shop, make_instance, tmp_path):
    deliver(shop, [message(1), LARGE])
    shop.json("backup", tmp_path / "backup")
    assert "stop it" in refused(shop, 75, "restore", tmp_path / "backup")
    shop.stop()
    assert "holds a store" in refused(shop, 73, "restore", tmp_path / "backup")
    refused(shop, 64, "restore")
    one = make_instance("other")
    shutil.rmtree(one.dir / "data")
    refused(one, 66, "restore", tmp_path / "nothing")
    (segment,) = (tmp_path / "backup" / "segments").iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-1])
    assert "shorter" in refused(one, 65, "restore", tmp_path / "backup")
    assert not (one.dir / "data" / "postrider.db").exists()
    segment.write_bytes(whole)
    one.json("restore", tmp_path / "backup")


def test_a_restore_that_was_cut_short(shop, make_instance, tmp_path):
    deliver(shop, [message(n) for n in range(5)])
    before = mailbox(shop)
    shop.json("backup", tmp_path / "backup")
    one = make_instance("other")
    data = one.dir / "data"
    shutil.rmtree(data)
    (data / "restore.partial" / "files").mkdir(parents=True)
    shutil.copytree(tmp_path / "backup" / "segments", data / "segments")
    assert "did not come to its end" in refused(one, 65, "account", "list")
    one.spawn()
    assert one.process.wait(20) != 0
    one.process = None
    one.json("restore", tmp_path / "backup")
    one.start()
    assert mailbox(one) == before


def test_another_file_system(shop, make_instance, tmp_path):
    """Where nothing can be linked everything is copied."""
    other = pathlib.Path("/dev/shm")
    if not os.access(other, os.W_OK) or os.stat(other).st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("no second file system at /dev/shm")
    deliver(shop, [message(1), LARGE])
    before = mailbox(shop)
    with tempfile.TemporaryDirectory(dir=other) as folder:
        answer = shop.json("backup", folder + "/backup/")
        assert answer["linked"] == 0 and answer["copied_octets"] > len(LARGE)
        one, _ = restored(make_instance, folder + "/backup/")
    one.start()
    assert mailbox(one) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_leaves_nothing_of_its_own(make_instance):
    """The store belongs to the server's user, the folder for backups to root alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        one = make_instance()
        data = pathlib.Path(folder, "data")
        shutil.copytree(one.dir / "data", data)
        for path in [data, *data.rglob("*")]:
            os.chown(path, 65534, 65534)
        one.config.write_text(one.config.read_text().replace(f"{one.dir}/data", str(data)))
        one.json("backup", folder + "/backup")
        made = [*data.rglob("*"), pathlib.Path(folder, "backup"), *pathlib.Path(folder, "backup").rglob("*")]
        assert {os.stat(p).st_uid for p in made} == {65534}
        (data / "postrider.db").write_bytes(b"no database")
        refused(one, 65, "backup", folder + "/second")
        assert not list(pathlib.Path(folder).glob("second*"))
