"""A crowd: every connection there at once, each in the middle of a message, and none of them lost.

1,000 connections; make soak (POSTRIDER_SOAK): 10,000. Client and server each need as many descriptors.
"""

import asyncio
import os
import pathlib
import re
import resource

import pytest

from instance import DOMAIN

CROWD = 10_000 if os.environ.get("POSTRIDER_SOAK") else 1_000
ACCOUNTS = [f"{name}@{DOMAIN}" for name in ("ann", "bob", "cay", "dan", "eve")]
IDLE_OCTETS = 10 * 1024  # a connection at rest (the design's budget)
AT_ONCE = 200  # connections being opened: the backlog takes 1,024


def message(number):
    return (b"From: <crowd@far.example>\r\nSubject: one of many\r\nX-Crowd: %d.\r\n\r\n" % number
            + b"%08d some text for the body\r\n" % number * (number % 60))


class Sender:
    """One connection, taken step by step together with all others."""

    def __init__(self, number):
        self.number = number
        self.octets = message(number)

    async def open(self, host, port, gate):
        async with gate:
            self.reader, self.writer = await asyncio.open_connection(host, port)
            await self.reply(220)
        await self.say(b"EHLO crowd.example\r\n", 250)

    async def reply(self, want):
        while (line := await self.reader.readline())[3:4] == b"-":
            pass
        assert line.startswith(b"%d" % want), line

    async def say(self, octets, want):
        self.writer.write(octets)
        await self.reply(want)

    async def begin(self):
        account = ACCOUNTS[self.number % len(ACCOUNTS)].encode()
        await self.say(b"MAIL FROM:<crowd@far.example>\r\n", 250)
        await self.say(b"RCPT TO:<%s>\r\n" % account, 250)
        await self.say(b"DATA\r\n", 354)
        self.writer.write(self.octets[:len(self.octets) // 2])
        await self.writer.drain()

    async def finish(self):
        await self.say(self.octets[len(self.octets) // 2:] + b".\r\n", 250)

    async def leave(self):
        await self.say(b"QUIT\r\n", 221)
        self.writer.close()


def memory_octets(pid):
    """Private to the process: what it alone costs (proc(5), smaps_rollup)."""
    text = pathlib.Path("/proc", str(pid), "smaps_rollup").read_text()
    return sum(int(kib) * 1024 for kib in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M))


async def crowd(one, sanitized):
    host, port = one.address("smtp")
    senders = [Sender(n) for n in range(CROWD)]
    gate = asyncio.Semaphore(AT_ONCE)
    before = memory_octets(one.server_pid())
    await asyncio.gather(*(s.open(host, port, gate) for s in senders))
    grown = memory_octets(one.server_pid()) - before
    assert sanitized or grown <= CROWD * IDLE_OCTETS, f"{grown / CROWD:.0f} octets an idle connection"
    for step in ("begin", "finish", "leave"):
        await asyncio.gather(*(getattr(s, step)() for s in senders))


@pytest.fixture
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CROWD + 500:
        pytest.skip(f"{hard} descriptors are too few")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_crowd_in_the_middle_of_its_messages(make_instance, descriptors):
    one = make_instance()
    for account in ACCOUNTS:
        one.account_add(account)
    one.start()
    sanitized = b"asan" in pathlib.Path("/proc", str(one.server_pid()), "maps").read_bytes()
    asyncio.run(asyncio.wait_for(crowd(one, sanitized), 600))
    seen = set()
    for account in ACCOUNTS:
        with one.pop3(account, timeout=120) as c:
            for number in c.uidl():
                octets = c.retr(number)
                which = int(re.search(rb"^X-Crowd: (\d+)\.\r$", octets, re.M).group(1))
                assert octets.endswith(message(which)), f"message {which} is damaged"
                assert which not in seen, f"message {which} is there twice"
                assert account == ACCOUNTS[which % len(ACCOUNTS)]
                seen.add(which)
            c.quit()
    assert len(seen) == CROWD
