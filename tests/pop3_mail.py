"""What tests of POP3 put into a mailbox, and what they expect to come out."""

import ssl
import threading

import clients
from instance import HOSTNAME

ANN = "ann@shop.example"
FAR = "far@client.example"

MESSAGES = {
    "plain": b"From: far@client.example\r\nSubject: plain\r\n\r\nHello.\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.text\r\nin. the .middle.\r\n.\r\n",
    "first line is a dot": b".\r\nno header at all\r\n",
    "no body": b"Subject: no body\r\n\r\n",
    "no end of header": b"Subject: only header\r\n",
    "one empty line": b"\r\n",
    "8 bit": "Subject: Grüße\r\n\r\n€ 5, ½, \xff\r\n".encode("utf-8") + bytes(range(128, 256)) + b"\r\n",
    "long line": b"Subject: long\r\n\r\n" + b"x" * 200000 + b"\r\n." + b"y" * 70000 + b"\r\n",
    "empty lines at the end": b"Subject: empty lines\r\n\r\ntext\r\n\r\n\r\n\r\n",
    "a record's most": b"Subject: 256 KB\r\n\r\n" + b".abcdefghijkl\r\n" * (262144 // 16 - 2),
    "a file's least": b"Subject: over 256 KB\r\n\r\n" + b".abcdefghijklm\r\n" * (262144 // 16 + 1),
}


def content_of(message):
    """What is below Return-Path, Delivered-To and our Received with its folded lines."""
    lines, received = 0, False
    while True:
        end = message.index(b"\r\n", lines) + 2
        line = message[lines:end]
        lines = end
        if line.startswith(b"Received: from "):
            received = True
        elif not received:
            assert line.startswith((b"Return-Path: <", b"Delivered-To: ")), line
        if received and message[lines:lines + 1] != b"\t":
            return message[lines:]


def secure(p, one):
    """TLS from here on; the certificate is for the server's name."""
    trust = ssl.create_default_context(cafile=one.dir / "certificate.pem")
    p.socket = trust.wrap_socket(p.socket, server_hostname=HOSTNAME)


def pop3_session(one, way="clear", timeout=30):
    """A greeted session in clear, after STLS, or on 995."""
    if way != "tls":
        p = clients.Pop3(one.address("pop3"), timeout)
        if way == "stls":
            p.command(b"STLS")
            secure(p, one)
        return p
    p = clients.Pop3.__new__(clients.Pop3)
    clients.Lines.__init__(p, one.address("pop3s"), timeout)
    secure(p, one)
    p.greeting = p.ok()
    return p


def deliver_many(one, count, address=ANN, size=100, per_connection=1000):
    """`count` messages, each with its number, as fast as it goes: all commands of a connection at once."""
    for begin in range(0, count, per_connection):
        with one.smtp(timeout=120) as c:
            wanted = min(per_connection, count - begin)

            def speak(c=c, begin=begin, wanted=wanted):
                for n in range(begin + 1, begin + wanted + 1):
                    c.send(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (FAR.encode(), address.encode())
                           + numbered(n, size) + b".\r\n")

            speaker = threading.Thread(target=speak)
            speaker.start()
            for _ in range(wanted):
                for want in (250, 250, 354, 250):
                    c.reply(want)
            speaker.join()


def numbered(n, size=100):
    return (b"Subject: number %d\r\n\r\n" % n).ljust(size - 2, b"z") + b"\r\n"


def top_of(message, lines):
    """What TOP gives of it: the header, the empty line, so many lines of the body (RFC 1939 §7)."""
    if message.startswith(b"\r\n"):
        header = 2
    elif (end := message.find(b"\r\n\r\n")) >= 0:
        header = end + 4
    else:
        return message
    return message[:header] + b"".join(message[header:].splitlines(keepends=True)[:lines])
