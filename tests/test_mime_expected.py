"""Messages of other projects' tests are read as these expect: structure, header fields, addresses, decoded bodies.

Each set of ../shared/data that brings expected results is compared file by file; every deviation fails, but for
the few that stand in DELIBERATE with the section that settles them.
"""

import base64
import functools
import html
import json
import os
import pathlib
import re
import subprocess

import pytest

from instance import ROOT

DATA = pathlib.Path(os.environ.get("POSTRIDER_SHARED", ROOT.parent / "shared")) / "data"
DECODED = pathlib.Path(os.environ.get("POSTRIDER_MIME_DECODED", ROOT / "build/src/mime/mime_decoded"))

DELIBERATE = {
    "mime-mail-parser/legacy/049.eml": "a CR at the end of the message is an octet of the body",
    "mime-mail-parser/malformed/013.eml": "the innermost of two multiparts with one boundary takes it: RFC 2046 §5.1.2",
    "mime-mail-parser/malformed/021.eml": "of two Content-Type fields the first counts",
    "mime-mail-parser/rfc/002.eml": "a comment is a name only where there is no other: RFC 5322 §3.2.2",
    "mime-mail-parser/rfc/004.eml": "a word without a host is a local part (the example is abridged), not a name",
    "mime-mail-parser/thirdparty/005.eml": "a delimiter begins a line, in binary too: RFC 2046 §5.1.1",
    "mime-mailcore2/parser/input/mbox/jwz/1": "a type without a subtype is none: RFC 2045 §5.2",
    "mime-mailcore2/parser/input/mbox/jwz/22": "a second semicolon separates nothing and takes nothing away",
    "mime-mailcore2/parser/input/mbox/jwz/40": "a part of a digest without a type is a message: RFC 2046 §5.1.5",
    "mime-mailcore2/parser/input/mbox/jwz/86": "an address has one @: RFC 5322 §3.4.1",
    "mime-mailcore2/parser/input/mbox/jwz/88": "spaces within a local part are kept, quotes are not part of it",
    "mime-mailcore2/parser/input/mbox/simple/2": "one boundary for nested multiparts: RFC 2046 §5.1.2",
    "mime-mailcore2/parser/input/mbox/simple/3": "an empty boundary is none: RFC 2046 §5.1.1, bcharsnospace",
    "mime-mime4j/mimetools-testmsgs/multi-2gifs-base64.msg": "no message is looked for under base64: RFC 2046 §5.2.1",
    "mime-mime4j/testmsgs/base64encoded-rfc822message-nested.msg": "the same",
    "mime-mime4j/testmsgs/malformedHeaderStartsBody-nocrlfcrlf.msg": "only an empty line ends a header: RFC 5322 §2.1",
    "mime-mime4j/testmsgs/malformedHeaderStartsBody-noheader.msg": "the same",
    "mime-mime4j/testmsgs/obsolete.msg": "8-bit octets in a field name, which real mail has, are kept",
    "mime-mime4j/testmsgs/weird-boundary.msg": "a boundary does not end with a space: RFC 2046 §5.1.1",
    "mime-zbateson/m2010.txt": "uuencode is no encoding of RFC 2045: its octets are given as they are",
    "mime-zbateson/m2011.txt": "BinHex neither",
    "mime-zbateson/m3007.txt": "uuencode is no encoding of RFC 2045: its octets are given as they are",
}


def ours(path, *options):
    assert os.access(DECODED, os.X_OK), f"{DECODED} is not built"
    run = subprocess.run([DECODED, *options, path], stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout.decode())["root"]


def lf(octets):
    return octets.replace(b"\r\n", b"\n")


def content(part):
    return base64.b64decode(part["body"])


def same_text(theirs, mine):
    """Their expected texts have LF, and U+FFFD where we guess at the charset of 8-bit octets."""
    return "\ufffd" in theirs or theirs.replace("\r\n", "\n") == mine.replace("\r\n", "\n")


def same_addresses(theirs, mine):
    """Names are compared where they have one: not everybody takes a comment for it; spaces are not counted."""
    return [a for _, a in theirs] == [a for _, a in mine] and all(
        not t or same_text(" ".join(t.split()), " ".join(m.split())) for (t, _), (m, _) in zip(theirs, mine))


def value_of(part, name):
    return next((v for k, v in part["header"] if k.lower() == name.lower()), None)


# mime4j: a stream of tokens in XML, leaf bodies in files beside it


def mime4j_tree(tokens, at):
    """The entity whose begin tag stands before tokens[at]; and what stands after its end."""
    node = {"fields": [], "parts": [], "body": None}
    while not re.match(r"</(message|body-part)>", tokens[at]):
        token = tokens[at]
        at += 1
        if token == "<field>":
            node["fields"].append(html.unescape(tokens[at]))
        elif token.startswith(("<text-body", "<binary-body")):
            node["body"] = re.search(r'name="([^"]*)"', token).group(1)
        elif token in ("<body-part>", "<message>"):
            part, at = mime4j_tree(tokens, at)
            node["parts"].append(part)
    return node, at + 1


def mime4j_differences(expected, part, folder):
    names = [f.split(":")[0].strip() for f in expected["fields"] if ":" in f]
    mine = [name for name, _ in part["header"] if name]
    if names != mine:
        yield "fields", names, mine
    if len(expected["parts"]) != len(part["parts"]):
        yield "parts", len(expected["parts"]), len(part["parts"])
        return
    if expected["body"] and not part["parts"]:
        body = lf((folder / expected["body"]).read_bytes())
        if body != lf(content(part)):
            yield expected["body"], len(body), len(content(part)), body[-40:], content(part)[-40:]
    for one, two in zip(expected["parts"], part["parts"]):
        yield from mime4j_differences(one, two, folder)


def mime4j(path):
    stream = path.with_name(path.stem + "_decoded.xml").read_text("latin-1")
    tokens = [t.strip("\r\n") for t in re.split(r"(</?[a-z-]+(?: [^>]*)?/?>)", stream) if t.strip("\r\n")]
    expected, _ = mime4j_tree(tokens, 1)
    return list(mime4j_differences(expected, ours(path), path.parent))


# mail-parser: JSON, a list of parts that name their children by number


def stalwart_addresses(value):
    if "List" in value:
        return [(a["name"] or "", a["address"] or "") for a in value["List"]]
    return [(a["name"] or "", a["address"] or "") for g in value["Group"] for a in g["addresses"]]


def our_addresses(found):
    return [(a["name"], f"{a['mailbox']}@{a['host']}" if a["host"] else a["mailbox"]) for a in found
            if a["kind"] == 0]


def stalwart_header(headers, part):
    for header in headers:
        name, value = header["name"], header["value"]
        kind = value if isinstance(value, str) else next(iter(value))
        if kind == "Address" and name in part:
            expected = stalwart_addresses(value["Address"])
            if not same_addresses(expected, our_addresses(part[name])):
                yield name, expected, our_addresses(part[name])
        elif name == "subject" and kind == "Text" and "subject" in part:
            if not same_text(value["Text"].strip(), part["subject"].strip()):
                yield name, value["Text"], part["subject"]
        elif kind == "ContentType" and name in ("content_type", "content_disposition"):
            expected = {a["name"].lower(): a["value"] for a in value["ContentType"]["attributes"] or []}
            found = dict(part["parameters" if name == "content_type" else "disposition_parameters"])
            if expected.keys() != found.keys() or not all(same_text(v, found[k]) for k, v in expected.items()):
                yield name, expected, found


def stalwart_part(message, number, part):
    expected = message["parts"][number]
    yield from stalwart_header(expected["headers"], part)
    kind, value = next(iter(expected["body"].items()))
    if kind == "Multipart":
        if len(value) != len(part["parts"]):
            yield "parts", len(value), len(part["parts"])
            return
        for child, mine in zip(value, part["parts"]):
            yield from stalwart_part(message, child, mine)
    elif kind == "Message":
        if len(part["parts"]) != 1:
            yield "message", 1, len(part["parts"])
        else:
            yield from stalwart_part(value, 0, part["parts"][0])
    elif part["parts"]:
        yield "parts", kind, len(part["parts"])
    elif kind in ("Text", "Html"):
        if not same_text(value, part.get("text", content(part).decode("utf-8", "replace"))):
            yield kind, value[-60:], part.get("text", "")[-60:]
    elif lf(bytes(value)) != lf(content(part)):
        yield kind, len(value), len(content(part))


def mail_parser(path, suffix):
    expected = json.loads(path.with_suffix(suffix).read_text())
    options = ["--crlf"] if suffix == ".crlf.json" else []
    return list(stalwart_part(expected, 0, ours(path, *options)))


# mailcore2: JSON of its classes


def mailcore2_addresses(value):
    items = value["items"] if "items" in value else [value]
    return [(a.get("displayName", ""), a.get("mailbox", "")) for a in items]


def mailcore2_part(expected, part):
    kind = expected["class"].split("::")[1]
    children = expected.get("parts", {}).get("items", []) if kind == "Multipart" else []
    if kind == "MessagePart":
        children = [expected["mainPart"]] if "mainPart" in expected else []
        part = part["parts"][0] if part["parts"] else part
        yield from mailcore2_part(children[0], part) if children else ()
        return
    if "mimeType" in expected and kind != "Multipart":
        found = f"{part['type']}/{part['subtype']}"
        if expected["mimeType"].lower() != found:
            yield "type", expected["mimeType"], found
    if len(children) != len(part["parts"]):
        yield "parts", len(children), len(part["parts"])
        return
    if "filename" in expected:
        names = dict(part["parameters"]).get("name"), dict(part["disposition_parameters"]).get("filename")
        if expected["filename"] not in names:
            yield "filename", expected["filename"], names
    for one, two in zip(children, part["parts"]):
        yield from mailcore2_part(one, two)


def mailcore2(path):
    inputs, outputs = DATA / "mime-mailcore2/parser/input", DATA / "mime-mailcore2/parser/output"
    output = outputs / path.relative_to(inputs)
    output = output if output.exists() else output.with_name(output.name + ".txt")
    if not output.exists():
        return []
    expected = json.loads(output.read_text())
    part = ours(path)
    header, found = expected["header"], []
    for name, key in (("from", "from"), ("to", "to"), ("cc", "cc"), ("replyTo", "reply_to")):
        if name in header and not same_addresses(mailcore2_addresses(header[name]), our_addresses(part[key])):
            found.append((name, mailcore2_addresses(header[name]), our_addresses(part[key])))
    if not same_text(header.get("subject", "").strip(), part["subject"].strip()):
        found.append(("subject", header["subject"], part["subject"]))
    if "mainPart" in expected:
        found += mailcore2_part(expected["mainPart"], part)
    return found


# zbateson: the attachments' contents in files/


def zbateson_leaves(part):
    if not part["parts"]:
        yield part
    for child in part["parts"]:
        yield from zbateson_leaves(child)


def zbateson(path):
    for part in zbateson_leaves(ours(path)):
        name = dict(part["disposition_parameters"]).get("filename") or dict(part["parameters"]).get("name")
        file = DATA / "mime-zbateson/files" / (name or "?")
        if name and "/" not in name and file.is_file():
            body, want = content(part), file.read_bytes()
            if name.endswith(".txt"):
                body, want = lf(body).strip(), lf(want).strip()
            if body != want:
                yield name, len(want), len(body)


def cases():
    yield from (("mime-mime4j", p, mime4j) for p in sorted((DATA / "mime-mime4j").rglob("*.msg"))
                if p.with_name(p.stem + "_decoded.xml").exists())
    for path in sorted((DATA / "mime-mail-parser").rglob("*.eml")):
        for suffix in (".json", ".crlf.json"):
            if path.with_suffix(suffix).exists():
                yield "mime-mail-parser", path, functools.partial(mail_parser, suffix=suffix)
    yield from (("mime-mailcore2", p, mailcore2) for p in sorted((DATA / "mime-mailcore2/parser/input").rglob("*"))
                if p.is_file())
    yield from (("mime-zbateson", p, zbateson) for p in sorted((DATA / "mime-zbateson").glob("*.txt")))


@pytest.mark.parametrize("name", ["mime-mime4j", "mime-mail-parser", "mime-mailcore2", "mime-zbateson"])
def test_messages_are_read_as_expected(name):
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not there: set POSTRIDER_SHARED")
    compared, deviations, seen = 0, [], set()
    for owner, path, compare in cases():
        if owner != name:
            continue
        compared += 1
        found = list(compare(path))
        key = f"{name}/{path.relative_to(DATA / name)}"
        if found:
            seen.add(key)
        if found and key not in DELIBERATE:
            deviations.append(f"{key}: {found}"[:800])
    stale = [key for key in DELIBERATE if key.startswith(name) and key not in seen]
    print(f"{name}: {compared} messages compared, {len(seen)} differ, {len(deviations)} of them without a reason")
    assert not deviations, "\n".join(deviations)
    assert not stale, f"no deviation any more: {stale}"
    assert compared > 0
