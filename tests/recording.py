"""Recordings of tests/preload/recorder.so: taking one and reading its log (format: tests/preload/record.h)."""

import collections
import pathlib
import struct

HEADER = struct.Struct("=IIQqqIIII")

START, CREATE, OPEN, WRITE, TRUNCATE, FALLOCATE, RENAME, UNLINK, LINK, MKDIR, SYNC_BEGIN, SYNC_END, SENT, MMAP = \
    range(1, 15)
NAMES = ("?", "start", "create", "open", "write", "truncate", "fallocate", "rename", "unlink", "link", "mkdir",
         "sync begin", "sync end", "sent", "mmap")
FSYNC, FDATASYNC, SYNCFS = range(3)


class Entry(collections.namedtuple("Entry", "kind inode a b c first second pid")):
    """One operation; see enum record_kind for what its fields mean."""

    @property
    def path(self):
        return self.first.decode()

    def __str__(self):
        first = self.first[:60].decode("latin-1") if len(self.first) < 200 else f"{len(self.first)} octets"
        return f"{NAMES[self.kind]} inode={self.inode} a={self.a} b={self.b} {first!r} {self.second.decode()}"


def entry(kind, inode=0, a=0, b=0, c=0, first=b"", second=b"", pid=1):
    return Entry(kind, inode, a, b, c, first, second, pid)


def environment(log, directory):
    """What the recorded process needs in its environment, besides LD_PRELOAD."""
    return {"RECORD_LOG": str(log), "RECORD_DIR": str(directory)}


def read(log):
    """All entries of a log. An incomplete last one belongs to a killed process and is left out."""
    octets = pathlib.Path(log).read_bytes()
    entries, at = [], 0
    while at + HEADER.size <= len(octets):
        size, kind, inode, a, b, c, first, second, pid = HEADER.unpack_from(octets, at)
        assert size == HEADER.size + first + second and 0 < kind < len(NAMES), f"{log}: no entry at octet {at}"
        if at + size > len(octets):
            break
        start = at + HEADER.size
        entries.append(Entry(kind, inode, a, b, c, octets[start:start + first],
                             octets[start + first:start + first + second], pid))
        at += size
    return entries


def stream_index(entries, port, offset):
    """The index of the entry with which the server had sent `offset` octets to the client at `port`.

    A client that read a reply knows both, so this is when the reply left, whatever the protocol. Where
    the port served several connections one after another, the last is meant.
    """
    sent, connection, found = 0, None, None
    for index, e in enumerate(entries):
        if e.kind == SENT and e.b == port:
            if e.inode != connection:
                sent, connection, found = 0, e.inode, None
            sent += e.a
            if sent >= offset and found is None:
                found = index
    assert found is not None, f"no {offset} octets were sent to port {port}"
    return found
