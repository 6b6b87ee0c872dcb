"""Every message of the test data is summed up, in every chunking the same, and as Python's email reads it.

Python is the oracle for messages that it calls free of defects: types and nesting, the octets of each leaf,
addresses, subject and date. Where it is wrong or reads leniently what an RFC settles, the file stands in SKIP with
the section that settles it. Defective messages must only be read.
"""

import email
import email.policy
import email.utils
import json
import os
import pathlib
import re
import subprocess

import pytest

from instance import ROOT

SHARED = pathlib.Path(os.environ.get("POSTRIDER_SHARED", ROOT.parent / "shared"))
DUMP = pathlib.Path(os.environ.get("POSTRIDER_MIME_DUMP", ROOT / "build/src/mime/mime_dump"))

SETS = [
    "bounces-sisimai", "complaints-flanker", "corpus-lists-notmuch", "corpus-newsgroups.tar.zst",
    "corpus-spam-2015.tar.zst", "dkim-mail-dkim", "eai-messages", "mime-jsmime", "mime-mail-parser",
    "mime-mailcore2", "mime-mikel-mail", "mime-mime4j", "mime-mimekit", "mime-python", "mime-zbateson",
    "reports-stalwart", "spam-spamassassin",
]

SKIP = {
    "bounces-sisimai/lhost-googlegroups-14.eml": "a day of three digits is none: RFC 5322 §3.3, day = 1*2DIGIT",
    "corpus-newsgroups/9718": "the zone +02 is two hours, not two minutes: RFC 5322 §3.3, hours stand first",
    "corpus-spam-2015/1425907742.4863_1685.lorien": "a zone of five digits is none: RFC 5322 §3.3, so UTC as RFC 5256 §2.2",
    "mime-mime4j/double-bound.msg": "a delimiter after a delimiter makes an empty part: RFC 2046 §5.1.1",
    "mime-mimekit/disposition-notification.anonymized.eml": "a comment may stand before the zone: RFC 5322 §4.3",
    "mime-mimekit/disposition-notification.txt": "a comment may stand before the zone: RFC 5322 §4.3",
}


def crlf(octets):
    return re.sub(rb"(?<!\r)\n", b"\r\n", octets)


@pytest.fixture(scope="session", params=SETS)
def messages(request, tmp_path_factory):
    """The files of one set."""
    source = SHARED / "data" / request.param
    if not source.exists():
        pytest.skip(f"{source} is not there: set POSTRIDER_SHARED")
    if source.suffix == ".zst":
        room = tmp_path_factory.mktemp(source.name.split(".")[0])
        packed = subprocess.run(["zstd", "-dcq", source], check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "x", "-C", room], input=packed.stdout, check=True)
        source = room
    return request.param, sorted(p for p in source.rglob("*") if p.is_file())


def summaries(files):
    """One summary a file; mime_dump itself compares the chunkings."""
    assert os.access(DUMP, os.X_OK), f"{DUMP} is not built"
    for at in range(0, len(files), 200):
        some = files[at:at + 200]
        run = subprocess.run([DUMP, *some], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert run.returncode == 0, run.stderr.decode()
        lines = run.stdout.decode().splitlines()
        assert len(lines) == len(some)
        yield from zip(some, map(json.loads, lines))


def raw(value):
    """A header as octets seen as Latin-1, unfolded, as mime_dump writes it."""
    octets = value.encode("utf-8", "surrogateescape")
    return re.sub(r"\r?\n", "", octets.decode("latin-1")).strip(" \t\r\n")


def fields(part, name):
    """The raw values: part[name] would guess at 8-bit octets."""
    return [raw(value) for key, value in part.raw_items() if key.strip(" \t").lower() == name.lower()]


def first(part, name, default=None):
    return (fields(part, name) or [default])[0]


def is_looked_into(part):
    """RFC 2046 §5.2.1: only these have a message in them, and never under an encoding that hides it."""
    kind = part.get_content_type()
    encoding = first(part, "Content-Transfer-Encoding", "7bit").lower()
    return kind in ("message/rfc822", "message/global") and encoding not in ("base64", "quoted-printable")


def oracle_tree(part):
    children = []
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        children = [oracle_tree(p) for p in part.get_payload()]
    elif is_looked_into(part):
        children = [oracle_tree(part.get_payload(0))]
    return [raw(part.get_content_type()), children]


def our_tree(part):
    return [f"{part['type']}/{part['subtype']}", [our_tree(p) for p in part["parts"]]]


def oracle_leaves(part):
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        return [leaf for p in part.get_payload() for leaf in oracle_leaves(p)]
    if is_looked_into(part):
        return oracle_leaves(part.get_payload(0))
    if part.is_multipart():
        return [None]
    del part["Content-Transfer-Encoding"]  # so that the payload comes as it stands
    return [part.get_payload(decode=True)]


def our_leaves(part, octets):
    if part["parts"]:
        return [leaf for p in part["parts"] for leaf in our_leaves(p, octets)]
    start = part["header_offset"] + part["header_size"]
    return [octets[start:start + part["body_size"]]]


def is_defective(message, octets):
    """Python takes a bare CR for a line end, which RFC 5322 §2.3 does not."""
    return re.search(rb"\r(?!\n)|\0", octets) or any(part.defects for part in message.walk())


def addresses(message, name):
    values = fields(message, name)
    return [a for _, a in email.utils.getaddresses(values, strict=False) if a]


def our_addresses(found):
    return [f"{a['mailbox']}@{a['host']}" if a["host"] else a["mailbox"] for a in found if a["kind"] == 0]


def date_of(message):
    """The time of Date where Python can read it."""
    try:
        date = email.utils.parsedate_tz(first(message, "Date"))
        return None if date is None else email.utils.mktime_tz(date)
    except (AttributeError, TypeError, ValueError, OverflowError, IndexError):
        return None


def differences(path, octets, ours):
    message = email.message_from_bytes(octets, policy=email.policy.compat32)
    if is_defective(message, octets):
        return None
    found = []
    if oracle_tree(message) != our_tree(ours["root"]):
        found.append(("structure", oracle_tree(message), our_tree(ours["root"])))
    else:
        theirs, mine = oracle_leaves(message), our_leaves(ours["root"], octets)
        if any(t is not None and t != m for t, m in zip(theirs, mine)):
            found.append(("leaves", [t and len(t) for t in theirs], [len(m) for m in mine]))
    envelope = ours["root"]["envelope"]
    if first(message, "Subject", "") != envelope["subject"]:
        found.append(("subject", first(message, "Subject"), envelope["subject"]))
    for name in ("From", "To", "Cc", "Reply-To"):
        mine = envelope[name.lower().replace("-", "_")]
        if not any(a["doubtful"] for a in mine) and addresses(message, name) != our_addresses(mine):
            found.append((name, addresses(message, name), our_addresses(mine)))
    if date_of(message) is not None and ours.get("sent_ms") != date_of(message) * 1000:
        found.append(("Date", first(message, "Date"), ours.get("sent_ms")))
    return found


def test_messages_are_read_as_python_reads_them(messages):
    name, files = messages
    compared, wrong = 0, []
    for path, ours in summaries(files):
        octets = crlf(path.read_bytes())
        assert ours["size"] == len(octets)
        found = differences(path, octets, ours)
        compared += found is not None
        key = f"{name.split('.')[0]}/{path.name}"
        if found and key not in SKIP:
            wrong.append((key, found))
        assert found or key not in SKIP, f"{key} need not be skipped any more"
    assert not wrong, "\n".join(f"{key}: {found}" for key, found in wrong)
    assert compared > 0, f"nothing of {name} could be compared"
