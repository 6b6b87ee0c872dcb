"""The power-cut model tested: on logs made by hand, and on toy stores recorded for real.

A checker that can't fail shows nothing: each toy that breaks a rule has to be caught, each right one to pass.
"""

import os
import pathlib
import random
import subprocess
import sys

import pytest

import crash_cut
import recording
import toy_writer
from recording import entry

HERE = pathlib.Path(__file__).resolve().parent
FILE, FOLDER, SPOOL = 11, 12, 13


def sync(inode, number, kind=recording.FSYNC, result=0):
    return [entry(recording.SYNC_BEGIN, inode, number, 0, kind), entry(recording.SYNC_END, 0, number, result)]


def write(octets, at=0, inode=FILE):
    return entry(recording.WRITE, inode, at, first=octets)


CREATE = entry(recording.CREATE, FILE, first=b"f")
ROOT = entry(recording.OPEN, FOLDER, first=b"")
NAMED = [ROOT, CREATE] + sync(FOLDER, 900)


def played(entries):
    model = crash_cut.Model()
    for index, e in enumerate(entries):
        model.play(index, e)
    return model


def states(entries, rounds=400):
    """Every state that the model finds possible, as {path: octets}, hashable."""
    model, found = played(entries), set()
    for seed in range(rounds):
        rng = random.Random(seed)
        data = rng.choice(crash_cut.DATA_FATES + ("mixed",))
        state = model.state(rng, data, rng.choice(crash_cut.NAME_FATES))
        found.add(frozenset((p, t.octets() if isinstance(t, crash_cut.Image) else t) for p, t in state.items()))
    return [dict(state) for state in found]


def contents(entries, path="f"):
    return {state.get(path) for state in states(entries)}


def test_unsynced_write_is_there_or_not_or_only_its_size_is():
    assert contents(NAMED + [write(b"abc")]) == {b"", b"abc", b"\0\0\0"}


@pytest.mark.parametrize("kind", [recording.FSYNC, recording.FDATASYNC])
def test_a_sync_makes_octets_and_size_durable(kind):
    assert contents(NAMED + [write(b"abc")] + sync(FILE, 1, kind)) == {b"abc"}


def test_a_failed_sync_makes_nothing_durable():
    assert b"" in contents(NAMED + [write(b"abc")] + sync(FILE, 1, result=-1))


def test_a_sync_covers_only_what_was_written_before_it_began():
    begin, end = sync(FILE, 1)
    assert contents(NAMED + [write(b"abc"), begin, write(b"xyz"), end]) == {b"abc", b"xyz"}


def test_a_sync_under_way_promises_nothing():
    begin, _ = sync(FILE, 1)
    assert b"" in contents(NAMED + [write(b"abc"), begin])


def test_a_sync_of_another_file_promises_nothing():
    other = entry(recording.CREATE, 77, first=b"other")
    assert b"" in contents(NAMED + [other, write(b"abc")] + sync(77, 1))


def test_writes_tear_between_sectors_never_inside():
    new = contents(NAMED + [write(b"o" * 1536)] + sync(FILE, 1) + [write(b"n" * 1536)])
    assert new == {a * 512 + b * 512 + c * 512 for a in (b"o", b"n") for b in (b"o", b"n") for c in (b"o", b"n")}


def test_a_sector_holds_no_later_write_without_the_earlier():
    found = contents(NAMED + [write(b"....")] + sync(FILE, 1) + [write(b"A", 0), write(b"B", 1)])
    assert found == {b"....", b"A...", b"AB.."}


def test_a_lost_truncation_takes_the_writes_past_it():
    old = b"o" * 1024
    found = contents(NAMED + [write(old)] + sync(FILE, 1)
                     + [entry(recording.TRUNCATE, FILE, 0), write(b"n" * 512)])
    assert old in found and b"n" * 512 in found and b"" in found
    assert b"n" * 512 + b"o" * 512 not in found


def test_a_synced_truncation_stays():
    assert contents(NAMED + [write(b"abc"), entry(recording.TRUNCATE, FILE, 1)] + sync(FILE, 1)) == {b"a"}


def test_fallocate_grows_with_zeros_or_keeps_the_size():
    grow = entry(recording.FALLOCATE, FILE, 0, 3, 0)
    keep = entry(recording.FALLOCATE, FILE, 0, 3, crash_cut.FALLOC_KEEP_SIZE)
    punch = entry(recording.FALLOCATE, FILE, 1, 1, crash_cut.FALLOC_KEEP_SIZE | crash_cut.FALLOC_PUNCH_HOLE)
    assert contents(NAMED + [grow] + sync(FILE, 1)) == {b"\0\0\0"}
    assert contents(NAMED + [keep] + sync(FILE, 1)) == {b""}
    assert contents(NAMED + [write(b"abc"), punch] + sync(FILE, 1)) == {b"a\0c"}


def test_a_name_is_not_durable_by_syncing_the_file():
    assert contents([ROOT, CREATE, write(b"abc")] + sync(FILE, 1)) == {None, b"abc"}


def test_a_name_is_durable_by_syncing_the_folder_but_the_octets_are_not():
    assert contents([ROOT, CREATE, write(b"abc")] + sync(FOLDER, 1)) == {b"", b"abc", b"\0\0\0"}


RENAME = entry(recording.RENAME, first=b"f", second=b"g")


def test_a_rename_is_whole_or_not_at_all():
    found = states(NAMED + [write(b"abc")] + sync(FILE, 1) + [RENAME])
    assert sorted(map(sorted, found)) == [["f"], ["g"]]


def test_a_rename_over_a_file_leaves_the_old_or_the_new():
    old = [entry(recording.CREATE, 77, first=b"g"), write(b"old", inode=77)] + sync(77, 1)
    found = states([ROOT, CREATE] + old + [write(b"new")] + sync(FILE, 2) + sync(FOLDER, 3) + [RENAME])
    assert sorted(sorted(s.items()) for s in found) == [[("f", b"new"), ("g", b"old")], [("g", b"new")]]


def test_a_rename_survives_without_the_octets():
    assert {"g": b""} in states(NAMED + [write(b"abc"), RENAME] + sync(FOLDER, 1))


def test_a_rename_between_folders_is_durable_with_the_one_it_leads_to():
    made = [ROOT, entry(recording.MKDIR, SPOOL, first=b"s"), entry(recording.CREATE, FILE, first=b"s/f"),
            entry(recording.RENAME, first=b"s/f", second=b"f")]
    assert contents(made + sync(SPOOL, 1) + sync(FOLDER, 2)) == {b""}
    assert None in contents(made + sync(SPOOL, 1))


def test_an_unlink_comes_back_unless_the_folder_was_synced():
    gone = NAMED + [entry(recording.UNLINK, first=b"f")]
    assert contents(gone) == {None, b""}
    assert contents(gone + sync(FOLDER, 1)) == {None}


def test_a_file_in_a_lost_folder_is_lost():
    made = [ROOT, entry(recording.MKDIR, SPOOL, first=b"s"), entry(recording.CREATE, FILE, first=b"s/f")]
    assert contents(made + sync(SPOOL, 1), "s/f") == {None, b""}
    assert contents(made + sync(SPOOL, 1) + sync(FOLDER, 2), "s/f") == {b""}


def test_a_link_is_a_name_of_its_own():
    made = NAMED + [write(b"abc")] + sync(FILE, 1) + [entry(recording.LINK, FILE, first=b"g")]
    assert {s.get("g") for s in states(made + sync(FOLDER, 2))} == {"f"}
    assert {s.get("g") for s in states(made)} == {None, "f"}


def test_an_unnamed_file_appears_by_its_link():
    made = [ROOT, entry(recording.CREATE, FILE), write(b"abc"), entry(recording.LINK, FILE, first=b"f")]
    assert contents(made + sync(FILE, 1) + sync(FOLDER, 2)) == {b"abc"}


def test_a_reused_inode_is_another_file():
    entries = NAMED + [write(b"abc")] + sync(FILE, 1) + [entry(recording.UNLINK, first=b"f")]
    entries += [entry(recording.CREATE, FILE, first=b"f")] + sync(FOLDER, 2)
    assert contents(entries) == {b""}


def test_syncfs_makes_all_durable():
    entries = [ROOT, CREATE, write(b"abc")] + sync(0, 1, recording.SYNCFS)
    assert contents(entries) == {b"abc"}


def test_images_are_saved_as_they_are(tmp_path):
    image = crash_cut.Image()
    for at, octets in ((5000, b"x" * 9000), (40000, b"y"), (4096, bytes(4096))):
        image.put(at, octets)
        image.size = max(image.size, at + len(octets))
    crash_cut.save({"d": None, "d/f": image, "g": "d/f"}, tmp_path / "out")
    assert (tmp_path / "out/d/f").read_bytes() == image.octets()
    assert os.path.samefile(tmp_path / "out/g", tmp_path / "out/d/f")
    assert crash_cut.Image.load(tmp_path / "out/g").octets() == image.octets()


# -- recorded for real ---------------------------------------------------------------------------------


def record(preload_dir, tmp_path, kind, count=40):
    folder, log = tmp_path / "store", tmp_path / "log"
    folder.mkdir()
    env = dict(os.environ, LD_PRELOAD=str(preload_dir / "recorder.so"), **recording.environment(log, folder))
    subprocess.run([sys.executable, str(HERE / "toy_writer.py"), kind, str(folder), str(count)], env=env, check=True)
    return folder, recording.read(log)


def explored(tmp_path, kind, entries, count=600):
    """What is wrong in the states after so many cuts, as sentences."""
    safe = {int(e.first.split()[1]): i for i, e in enumerate(entries) if e.kind == recording.SENT}
    wrong = []

    def visit(cut, state):
        crash_cut.save(state, tmp_path / "cut")
        found = toy_writer.messages(kind, tmp_path / "cut")
        for n, index in safe.items():
            if index <= cut.index and n not in found:
                wrong.append(f"{cut}: message {n} is lost")
        for n, octets in found.items():
            if octets != toy_writer.message(n):
                wrong.append(f"{cut}: message {n} is damaged")

    (tmp_path / "empty").mkdir()
    model = crash_cut.explore(entries, tmp_path / "empty", crash_cut.plan(entries, 0, count, 1), visit)
    assert len(safe) == 40
    return wrong, model


@pytest.mark.parametrize("kind", ["file", "log", "sqlite"])
def test_a_right_store_passes(preload_dir, tmp_path, kind):
    folder, entries = record(preload_dir, tmp_path, kind)
    wrong, model = explored(tmp_path, kind, entries)
    assert wrong == []
    model.check_complete(folder)


@pytest.mark.parametrize("kind, word", [
    ("file-early", "lost"),       # acknowledges before fsync
    ("file-unnamed", "lost"),     # renames without syncing the folder
    ("file-unsynced", "damaged"), # syncs the folder, not the file
    ("log-early", "lost"),
    ("log-unnamed", "lost"),      # never syncs the folder of its one file
    ("log-seldom", "lost"),       # acknowledges more than it synced
    ("log-trusting", "damaged"),  # reads records without checking them
    ("sqlite-normal", "lost"),    # synchronous=NORMAL does not sync at COMMIT
])
def test_a_broken_store_is_caught(preload_dir, tmp_path, kind, word):
    _, entries = record(preload_dir, tmp_path, kind)
    wrong, _ = explored(tmp_path, kind, entries)
    assert any(word in sentence for sentence in wrong), f"{kind}: nothing noticed"


def test_an_unrecorded_write_is_noticed(preload_dir, tmp_path):
    folder, entries = record(preload_dir, tmp_path, "log")
    with open(folder / "log", "r+b") as f:
        f.write(b"x")
    _, model = explored(tmp_path, "log", entries, 1)
    with pytest.raises(AssertionError, match="unrecorded writes to log"):
        model.check_complete(folder)
