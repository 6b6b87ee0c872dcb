"""Messages made 7-bit are to Python's email what they were: the same parts, fields and decoded bodies.

Python is the oracle for messages that it calls free of defects. The others must only come out without 8-bit octets,
or be refused for one. That how the octets are cut changes nothing is fuzz/mime_seven_bit_fuzz.c's.
"""

import collections
import email
import email.policy
import os
import pathlib
import re
import subprocess

import pytest

from instance import ROOT
from test_mime_data import crlf, first, fields, is_defective, is_looked_into, messages, oracle_tree, raw

__all__ = ["messages"]  # the fixture

TOOL = pathlib.Path(os.environ.get("POSTRIDER_MIME_SEVEN_BIT", ROOT / "build/src/mime/mime_seven_bit"))

MAY_CHANGE = {"content-transfer-encoding", "mime-version"}
UNKNOWN = "text/plain; charset=unknown-8bit"


def is_7bit(octets):
    return not re.search(rb"[\x80-\xff\0]", octets)


def leaves(part):
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        return [leaf for p in part.get_payload() for leaf in leaves(p)]
    if is_looked_into(part):
        return leaves(part.get_payload(0))
    return [None if part.is_multipart() else part]


def same_fields(was, is_now):
    def kept(part):
        return [(name.lower(), raw(value)) for name, value in part.raw_items() if name.lower() not in MAY_CHANGE]
    before, after = kept(was), kept(is_now)
    if was["Content-Type"] is None and ("content-type", UNKNOWN) in after:
        after.remove(("content-type", UNKNOWN))
    return before == after


def differences(octets, made):
    was = email.message_from_bytes(octets, policy=email.policy.compat32)
    now = email.message_from_bytes(made, policy=email.policy.compat32)
    if is_defective(was, octets):
        return
    if is_defective(now, made):
        yield "defects", [part.defects for part in now.walk()]
    if oracle_tree(was) != oracle_tree(now):
        yield "structure", oracle_tree(was), oracle_tree(now)
        return
    for a, b in zip(was.walk(), now.walk()):
        if not same_fields(a, b):
            yield "fields", a.items(), b.items()
        if len(fields(b, "Content-Transfer-Encoding")) > len(fields(a, "Content-Transfer-Encoding") or [""]):
            yield "encodings", b.items()
    for a, b in zip(leaves(was), leaves(now)):
        if a is not None and a.get_payload(decode=True) != b.get_payload(decode=True):
            yield "body", a.items(), b.items(), first(b, "Content-Transfer-Encoding")


def convert(files, room):
    """(file, CRLF octets, what became of it, octets made) of each."""
    assert os.access(TOOL, os.X_OK), f"{TOOL} is not built"
    for at in range(0, len(files), 200):
        some = files[at:at + 200]
        for number, path in enumerate(some):
            (room / f"in-{number}").write_bytes(crlf(path.read_bytes()))
        paths = [room / f"in-{number}" for number in range(len(some))]
        run = subprocess.run([TOOL, room, *paths], stdout=subprocess.PIPE, check=True)
        for number, (path, line) in enumerate(zip(some, run.stdout.decode().splitlines(), strict=True)):
            made = (room / str(number)).read_bytes() if line in ("changed", "kept") else None
            yield path, paths[number].read_bytes(), line, made


def with_octets_in_clear(octets):
    """The message with the text of each leaf as it is meant, 8bit: what a client would submit."""
    message = email.message_from_bytes(octets, policy=email.policy.compat32)
    if is_defective(message, octets):
        return octets
    for part in leaves(message):
        if part is None or part.get_content_maintype() != "text":
            continue
        body = part.get_payload(decode=True)
        if part["Content-Transfer-Encoding"] and not re.search(rb"\r(?!\n)|(?<!\r)\n|\0|(?m:^--)", body):
            part.replace_header("Content-Transfer-Encoding", "8bit")
            part.set_payload(body.decode("ascii", "surrogateescape"))
    return crlf(message.as_bytes(policy=message.policy.clone(linesep="\r\n", max_line_length=0)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("clear", [False, True], ids=["as they are", "in clear"])
def test_messages_are_to_python_what_they_were(messages, clear, tmp_path):  # pylint: disable=redefined-outer-name
    _, files = messages
    if clear:
        sources = []
        for number, path in enumerate(files):
            sources.append(tmp_path / f"clear-{number}-{path.name}")
            try:
                sources[-1].write_bytes(with_octets_in_clear(crlf(path.read_bytes())))
            except (LookupError, ValueError, UnicodeError, KeyError, AttributeError, TypeError):
                sources.pop()  # Python can't write what it has read
        files = sources
    counts, wrong = collections.Counter(), []
    for path, octets, outcome, made in convert(files, tmp_path):
        counts[outcome] += 1
        if outcome == "changed":
            found = [] if is_7bit(made) else ["8-bit octets"]
            found += differences(octets, made)
        elif outcome == "kept":
            found = [] if made == octets and is_7bit(octets) else ["not as it was"]
        else:
            found = [outcome] if is_7bit(octets) else []
        wrong += [(path.name, found)] if found else []
    print(dict(counts))
    assert not wrong, "\n".join(f"{name}: {found}"[:1000] for name, found in wrong)
    assert counts["changed"] + counts["kept"], "nothing was compared"
