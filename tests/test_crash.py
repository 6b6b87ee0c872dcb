"""kill -9 at random moments under load loses nothing that was acknowledged (crash.py says what is checked).

POSTRIDER_KILLS says how often (10; make soak: 100), POSTRIDER_SEED repeats a run's choices.
"""

import os
import random

import pytest

from crash import ACCOUNTS, SMALL_SEGMENTS, Crash, Ledger, identify, message
from faults import Faults
from test_harness import TOY

A, B = "ann@shop.example", "bob@shop.example"


def kills_of(one, kills, seed, injected=None, compacting=False):
    for account in ACCOUNTS:
        one.account_add(account)
    if compacting:
        one.config.write_text(one.config.read_text().replace("[limits]\n", SMALL_SEGMENTS, 1))
    one.start()
    crash = Crash(one, seed, injected, compacting)
    crash.run(kills)
    print(crash.figures())
    return crash


def test_kills(make_instance, preload_dir, postrider_bin, tmp_path):
    seed = int(os.environ.get("POSTRIDER_SEED", random.randrange(1 << 30)))
    kills = int(os.environ.get("POSTRIDER_KILLS", 10))
    print(f"POSTRIDER_SEED={seed}")
    with Faults(tmp_path / "faults") as injected:
        one = make_instance(env=injected.environment(preload_dir, postrider_bin))
        crash = kills_of(one, kills, seed, injected, compacting=True)
    assert len(crash.ledger.kept) >= 10 * kills
    assert crash.ledger.deletions > kills
    assert crash.checkpoints > 0
    assert crash.compactions > 0


# -- the harness itself, against toys --------------------------------------------------------------------


@pytest.fixture
def toy(make_instance):
    return lambda lie="": make_instance(env={"TOY_LIE": lie}, binary=TOY)


def test_a_right_server_passes(toy):
    crash = kills_of(toy(), 4, 1)
    assert len(crash.ledger.kept) > 20 and crash.ledger.deletions > 3


@pytest.mark.parametrize("lie, words", [
    ("memory", "was acknowledged and is missing"),
    ("twice", "2 times"),
    ("torn", "is damaged|nobody sent"),
    ("early", "was acknowledged and is missing"),
    ("apart", "but not in"),
    ("part", "done by part"),
    # Killed before its child is known, it is found out by the next start, whose port the child still holds.
    ("slack", "outlived its parent|serve ended with"),
])
def test_a_lying_server_is_caught(toy, lie, words):
    one = toy(lie)
    with pytest.raises(AssertionError, match=words):
        kills_of(one, 40, 1)


def settled(kept=(), void=(), gone=(), unsure=(), to=(A, B), found=()):
    """What a ledger that knows message 1 says to it being found in these accounts."""
    ledger = Ledger()
    ledger.to[1] = to
    ledger.kept, ledger.void, ledger.unsure = set(kept), set(void), [(a, frozenset([1])) for a in unsure]
    for account in gone:
        ledger.gone[account].add(1)
    return ledger.settle({account: [1] * found.count(account) for account in (A, B)}), ledger


@pytest.mark.parametrize("case, wrong", [
    (dict(kept=[1], found=[A, B]), ""),
    (dict(kept=[1], found=[A]), "missing"),
    (dict(kept=[1], found=[A, B, B]), "2 times"),
    (dict(kept=[1], gone=[A], found=[B]), ""),
    (dict(kept=[1], gone=[A], found=[A, B]), "back"),
    (dict(kept=[1], unsure=[A], found=[B]), ""),
    (dict(kept=[1], unsure=[A], found=[A, B]), ""),
    (dict(found=[]), ""),
    (dict(found=[A, B]), ""),
    (dict(found=[A]), "but not in"),
    (dict(void=[1], found=[A, B]), "refused or lost"),
    (dict(kept=[1], to=(A,), found=[A, B]), "not sent"),
])
def test_settling(case, wrong):
    sentences, _ = settled(**case)
    assert bool(sentences) == bool(wrong) and all(wrong in s for s in sentences), sentences


def test_what_was_found_once_must_stay_and_what_was_not_must_not_come():
    _, ledger = settled(found=[A, B])
    assert ledger.settle({A: [], B: []}) != []
    _, ledger = settled(found=[])
    assert ledger.settle({A: [1], B: [1]}) != []


def test_messages_are_reproducible_and_known_again():
    sizes = set()
    for seq in range(200):
        octets = message(seq)
        assert octets == message(seq) and octets.endswith(b"\r\n") and b"\r\n\r\n" in octets
        assert b"\n" not in octets.replace(b"\r\n", b"") and b"\r" not in octets.replace(b"\r\n", b"")
        assert identify(b"Return-Path: <x@y>\r\nReceived: from a\r\n\tby b\r\n" + octets) == seq
        with pytest.raises(AssertionError):
            identify(octets[:-3] + b"?\r\n")
        sizes.add(len(octets))
    assert min(sizes) < 300 and max(sizes) > 1 << 20
