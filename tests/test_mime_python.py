"""What people see of messages is what Python's email shows of them: names, subjects, parameters, decoded bodies.

The oracle is email with its default policy, for messages and fields in which it finds no defect and reads the
structure that tests/test_mime_data.py compares. Where the two differ on purpose it is settled here: by a
normalisation that says why, or for single files in SKIP.
"""

import base64
import email
import email.policy
import json
import os
import pathlib
import quopri
import re
import subprocess

import pytest

from instance import ROOT
from test_mime_data import crlf, first, is_defective, is_looked_into, messages, oracle_tree, our_tree

__all__ = ["messages"]  # the fixture

DECODED = pathlib.Path(os.environ.get("POSTRIDER_MIME_DECODED", ROOT / "build/src/mime/mime_decoded"))

SKIP = {
    "bounces-sisimai/rhost-google-06.eml": "five octets are no base64: what its last sextet says is none",
    "mime-mime4j/multi-2evil.msg": "encoded-words in a file name are decoded, as every mail reader does",
    "mime-mime4j/multi-2evil.out": "encoded-words in a file name are decoded, as every mail reader does",
    "spam-spamassassin/mime4": "plain text under base64: RFC 2045 §6.8 has other octets ignored, Python gives up",
}

# The charset that a name means in mail: the superset that senders use (WHATWG Encoding), not the registered one.
MEANT = {
    "big5": "big5hkscs", "euc-kr": "cp949", "gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252",
    "iso-8859-9": "cp1254", "ks_c_5601-1987": "cp949", "shift-jis": "cp932", "shift_jis": "cp932",
}

# JIS X 0208 as Windows maps it, and as Python does.
SAME = str.maketrans("\u301c\u2212\u2016", "\uff5e\uff0d\u2225")


def leaves(part):
    if part["parts"]:
        return [leaf for p in part["parts"] for leaf in leaves(p)]
    return [part]


def oracle_leaves(part):
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        return [leaf for p in part.get_payload() for leaf in oracle_leaves(p)]
    if is_looked_into(part):
        return oracle_leaves(part.get_payload(0))
    return [part]


def sound(part, name):
    """The parsed header, or None where Python can't read it, doubts it or has several of it."""
    try:
        header = part[name]
        if header is None or header.defects or len(part.get_all(name)) > 1:
            return None
        return header
    except Exception:  # pylint: disable=broad-exception-caught  # its parser raises half a dozen on spam
        return None


def text_differs(theirs, mine):
    # Python guesses nothing about 8-bit octets, and keeps the spaces at the end of a field.
    return "\ufffd" not in theirs and theirs.strip(" \t").translate(SAME) != mine.strip(" \t").translate(SAME)


def name_differs(theirs, mine):
    # The last comment is a name where there is no other; Python leaves a space between two encoded-words of a
    # phrase (RFC 2047 §6.2 has none) and does not join characters that were cut in two.
    return theirs and "=?" not in theirs and text_differs(theirs.replace(" ", ""), mine.replace(" ", ""))


def compare_addresses(message, ours, counts):
    for name in ("From", "Sender", "Reply-To", "To", "Cc"):
        header = sound(message, name)
        if header is None:
            continue
        mine = [a for a in ours[name.lower().replace("-", "_")] if a["kind"] == 0]
        theirs = header.addresses
        counts["addresses"] += len(theirs)
        if [(a.username, a.domain) for a in theirs] != [(a["mailbox"], a["host"]) for a in mine]:
            yield name, [str(a) for a in theirs], mine
        elif any(name_differs(t.display_name, m["name"]) for t, m in zip(theirs, mine)):
            yield name, [a.display_name for a in theirs], [a["name"] for a in mine]


def oracle_body(part):
    """The decoded octets; None under an encoding that is not of RFC 2045 (uuencode)."""
    encoding = first(part, "Content-Transfer-Encoding", "").lower()
    if "uu" in encoding or "yenc" in encoding:
        return None
    if encoding != "quoted-printable":
        return part.get_payload(decode=True)
    del part["Content-Transfer-Encoding"]
    # Spaces at the end of a line are not the sender's: RFC 2045 §6.7, rule 3; Python keeps them.
    return quopri.decodestring(re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", part.get_payload(decode=True)))


def compare_leaf(theirs, mine, counts):
    for name, key in (("Content-Type", "parameters"), ("Content-Disposition", "disposition_parameters")):
        header = sound(theirs, name)
        if header is not None:
            counts["parameters"] += len(header.params)
            if {k.lower(): v for k, v in header.params.items()} != dict(mine[key]):
                yield name, dict(header.params), mine[key]
    charset = theirs.get_content_charset("us-ascii")
    body = oracle_body(theirs)
    if body is None:
        return
    counts["bodies"] += 1
    found = base64.b64decode(mine["body"])
    if body != found:
        yield "body", len(body), len(found), body[-40:], found[-40:]
        return
    try:
        text = body.decode(MEANT.get(charset, charset))
    except (LookupError, ValueError):
        return  # guessed at, or with U+FFFD in it
    if "text" in mine:
        counts["texts"] += 1
        if text.translate(SAME) != mine["text"].translate(SAME):
            yield "text", charset


def differences(octets, ours, counts):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    plain = email.message_from_bytes(octets, policy=email.policy.compat32)
    if is_defective(plain, octets) or any(oracle_tree(m) != our_tree(ours["root"]) for m in (plain, message)):
        return
    counts["messages"] += 1
    subject = sound(message, "Subject")
    if subject is not None and text_differs(str(subject), ours["root"]["subject"]):
        yield "Subject", str(subject), ours["root"]["subject"]
    yield from compare_addresses(message, ours["root"], counts)
    for theirs, mine in zip(oracle_leaves(message), leaves(ours["root"])):
        if "body" in mine:
            yield from compare_leaf(theirs, mine, counts)


def decoded(files):
    assert os.access(DECODED, os.X_OK), f"{DECODED} is not built"
    for at in range(0, len(files), 200):
        some = files[at:at + 200]
        run = subprocess.run([DECODED, "--crlf", *some], stdout=subprocess.PIPE, check=True)
        yield from zip(some, map(json.loads, run.stdout.decode().splitlines()))


@pytest.mark.filterwarnings("ignore")
def test_messages_show_what_python_shows(messages):  # pylint: disable=redefined-outer-name
    name, files = messages
    counts = dict.fromkeys(("messages", "addresses", "parameters", "bodies", "texts"), 0)
    wrong = []
    for path, ours in decoded(files):
        found = list(differences(crlf(path.read_bytes()), ours, counts))
        key = f"{name.split('.')[0]}/{path.name}"
        if found and key not in SKIP:
            wrong.append((key, found))
        assert found or key not in SKIP, f"{key} need not be skipped any more"
    print(counts)
    assert not wrong, "\n".join(f"{key}: {found}"[:1000] for key, found in wrong)
    assert counts["messages"] and counts["bodies"], f"nothing of {name} could be compared"
