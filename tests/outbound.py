"""A postrider that sends, and what its sender is told: shared by the tests of outbound mail.

Who comes from 127.0.0.1 may send to anyone through port 25 (network.relay_from), ann and bob have mailboxes, names are
asked of a Nameserver, and other servers are found at the port of the test's peer, at any address of 127.0.0.0/8.
"""

import email
import email.policy
import quopri
import re
import time

import clients

ANN, BOB = "ann@shop.example", "bob@shop.example"
FAR = {"far.example": "@ MX 10 mx\nmx A 127.0.0.1\n"}
MESSAGE = b"From: ann@shop.example\r\nTo: cy@far.example\r\nMessage-ID: <%s@shop.example>\r\nSubject: hello\r\n\r\nbody\r\n"
TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received|X-[A-Za-z-]+|Envelope-To|Delivery-date):[^\n]*\n"
                   rb"(?:[ \t][^\n]*\n)*)*", re.IGNORECASE)


def setting(one, table, line):
    """Adds a line to a table of the configuration."""
    text = one.config.read_text()
    assert text.count(f"\n[{table}]\n") == 1, text
    one.config.write_text(text.replace(f"\n[{table}]\n", f"\n[{table}]\n{line}\n", 1))


def sending(make_instance, dns, port, name="server", start=True, **kwargs):
    """An instance as above; `port` is that of other servers."""
    one = make_instance(name, **kwargs)
    dns.configure(one)
    setting(one, "outbound", f"port = {port}")
    setting(one, "network", 'relay_from = ["127.0.0.1"]')
    for account in (ANN, BOB):
        one.account_add(account)
    return one.start() if start else one


def submit(one, *forward_paths, message=MESSAGE % b"1", reverse_path=ANN, mail=b"", rcpt=b"", source=None):
    """One transaction by port 25; gives the id of the message. `mail` and `rcpt` are their parameters; from a `source`
    other than 127.0.0.1 it comes from a stranger."""
    with clients.Smtp(one.address("smtp"), source=source) as c:
        c.command(b"MAIL FROM:<%s>" % reverse_path.encode() + mail, 250)
        for path in forward_paths:
            c.command(b"RCPT TO:<%s>" % path.encode() + rcpt, 250)
        c.command(b"DATA", 354)
        c.send((b"." if message.startswith(b".") else b"") + message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        reply = c.reply(250)[-1]
        c.quit()
    return re.search(rb"\b([0-9A-Z]{12,})\b", reply)[1].decode()


def wait(what, look, timeout=20):
    """What `look` gives, once that is something."""
    deadline = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(.02)
    return found


def queue(one):
    return one.json_lines("queue", "list")


def wait_empty(one, timeout=20):
    wait("an empty queue", lambda: not queue(one), timeout)


def wait_state(one, state, attempts=0, timeout=20):
    """The rows of the queue, once all are in that state with as many attempts."""
    return wait(f"{state} after {attempts}", lambda: (rows := queue(one)) and all(
        row["state"] == state and row["attempts"] >= attempts for row in rows) and rows, timeout)


def traced(one, needle, *names, timeout=10):
    """The events of these names (none: all about sending), once there is one."""
    names = names or ("message.sent", "message.deferred", "message.bounced", "dsn.made")
    return wait(f"{names} of {needle}", lambda: [
        e for e in one.json_lines("trace", needle) if e["event"] in names], timeout)


def mailbox(one, account):
    with one.pop3(account) as c:
        return [c.retr(number) for number in range(1, c.stat()[0] + 1)]


class Notice:
    """A delivery status notification, taken apart by Python's email (RFC 3462, 3464)."""

    def __init__(self, octets):
        self.octets = octets
        self.message = email.message_from_bytes(octets, policy=email.policy.default)
        assert self.message.get_content_type() == "multipart/report", octets
        assert self.message.get_param("report-type") == "delivery-status"
        assert not self.message.defects, self.message.defects
        text, status, returned = self.message.iter_parts()
        assert text.get_content_maintype() in ("text", "multipart")
        self.text = text.as_string()
        assert status.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
        groups = status.get_payload()
        if status.get_content_type() == "message/global-delivery-status":  # not known to Python
            part = octets.split(b"--" + self.message.get_boundary().encode())[2].partition(b"\r\n\r\n")[2]
            assert status["Content-Transfer-Encoding"] == "quoted-printable"
            groups = [email.message_from_string(g, policy=email.policy.default) for g in
                      re.split(r"\r\n\r\n", quopri.decodestring(part.strip()).decode())]
        self.about, *self.recipients = [dict((k.lower(), str(v)) for k, v in group.items()) for group in groups if group.items()]
        self.returned_type = returned.get_content_type()
        self.returned = returned.as_bytes()

    @property
    def actions(self):
        """{forward-path: (action, status)}"""
        return {r["final-recipient"].partition(";")[2].strip(): (r["action"].lower(), r["status"]) for r in self.recipients}


def notices(one, account=ANN, count=1, timeout=20):
    """The notices in a mailbox, once there are as many; their envelope and marks are right."""
    got = wait(f"{count} notices", lambda: len(found := mailbox(one, account)) >= count and found, timeout)
    for octets in got:
        assert octets.startswith(b"Return-Path: <>\r\n"), octets[:200]  # RFC 3464 §2: no notice about a notice
        assert re.search(rb"(?im)^Auto-Submitted: auto-(?:replied|generated)", octets), octets[:1500]  # RFC 3834 §5
    return [Notice(octets) for octets in got]


def below_trace(octets):
    """What stands below the fields that servers put on top."""
    return octets[TRACE.match(octets).end():]
