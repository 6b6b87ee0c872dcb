"""Toy stores that test_cutter.py records: each stores messages and says on a socket when one is safe.

toy_writer.py KIND DIR COUNT. Right ones: file, log, sqlite. The others break one rule of durability each,
and the cutter has to notice. The readers (messages) know what a right store of that form looks like.
"""

import os
import pathlib
import socket
import sqlite3
import struct
import sys
import zlib

RECORD = struct.Struct("<II")  # length, CRC-32


def message(n):
    """Message n, from 30 octets to some 6 KB, so that writes share sectors and span many."""
    return f"message {n} ".encode() * (3 + n * 7919 % 600)



def sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def write_files(kind, folder, count, acknowledge):
    os.mkdir(folder / "new")
    sync_folder(folder)
    for n in range(count):
        tmp, final = folder / f"{n}.tmp", folder / "new" / f"{n}"
        fd = os.open(tmp, os.O_WRONLY | os.O_CREAT)
        os.write(fd, message(n))
        if kind == "file-early":
            acknowledge(n)
        if kind != "file-unsynced":
            os.fsync(fd)
        os.close(fd)
        os.rename(tmp, final)
        if kind != "file-unnamed":
            sync_folder(folder / "new")
        if kind != "file-early":
            acknowledge(n)


def write_log(kind, folder, count, acknowledge):
    fd = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.posix_fallocate(fd, 0, 1 << 20)
    os.ftruncate(fd, 0)
    os.fsync(fd)
    if kind != "log-unnamed":
        sync_folder(folder)
    for n in range(count):
        os.writev(fd, [RECORD.pack(len(message(n)), zlib.crc32(message(n))), message(n)])
        if kind == "log-early":
            acknowledge(n)
        if kind == "log-seldom" and n % 5:
            acknowledge(n)
            continue
        os.fdatasync(fd)
        if kind != "log-early":
            acknowledge(n)


def write_sqlite(kind, folder, count, acknowledge):
    db = sqlite3.connect(folder / "db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=" + ("NORMAL" if kind == "sqlite-normal" else "FULL"))
    db.execute("CREATE TABLE m (n INTEGER PRIMARY KEY, octets BLOB)")
    sync_folder(folder)
    for n in range(count):
        db.execute("INSERT INTO m VALUES (?, ?)", (n, message(n)))
        acknowledge(n)
        if n % 20 == 19:
            db.execute("PRAGMA wal_checkpoint(RESTART)")


def messages(kind, folder):
    """{n: octets} of what a right reader finds after a crash."""
    if kind.startswith("file"):
        return {int(f.name): f.read_bytes() for f in folder.glob("new/*")}
    if kind.startswith("log"):
        return dict(enumerate(log_records(folder / "log", checked=kind != "log-trusting")))
    db = sqlite3.connect(folder / "db")
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {n: bytes(octets) for n, octets in db.execute("SELECT n, octets FROM m")}
    except sqlite3.OperationalError as e:
        if "no such table" in str(e):
            return {}
        raise
    finally:
        db.close()


def log_records(path, checked):
    octets = path.read_bytes() if path.exists() else b""
    found, at = [], 0
    while at + RECORD.size <= len(octets):
        size, crc = RECORD.unpack_from(octets, at)
        body = octets[at + RECORD.size:at + RECORD.size + size]
        if size == 0 or len(body) < size or (checked and zlib.crc32(body) != crc):
            break
        found.append(body)
        at += RECORD.size + size
    return found


def main(kind, folder, count):
    here, there = socket.socketpair()
    write = {"file": write_files, "log": write_log, "sqlite": write_sqlite}[kind.split("-")[0]]
    write(kind, pathlib.Path(folder), int(count), lambda n: here.send(b"safe %d\n" % n))
    there.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
