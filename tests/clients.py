"""Small SMTP and POP3 clients that never touch an octet: what is given is what goes over the wire.

The standard library's clients repair line ends and hide the reply; tests of a mail server want neither.
"""

import socket
import ssl


class Closed(Exception):
    """The server ended the connection."""


class Refused(Exception):
    """A reply other than the one asked for; `.reply` is its last line."""

    def __init__(self, reply):
        super().__init__(reply)
        self.reply = reply


class Lines:
    """A socket read line by line, CRLF required."""

    def __init__(self, address, timeout=30, source=None):
        self.socket = socket.create_connection(address, timeout, source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.pending = bytearray()
        self.received = 0

    @property
    def consumed(self):
        """Octets of the server's stream that were read as lines or blocks so far."""
        return self.received - len(self.pending)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def start_tls(self, context=None, server_name="mail.shop.example"):
        """Without a context whatever certificate comes is taken."""
        assert not self.pending, self.pending
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name)

    def fill(self):
        got = self.socket.recv(262144)
        if not got:
            raise Closed(f"closed by the server; {len(self.pending)} octets of a line were there")
        self.pending += got
        self.received += len(got)

    def line(self):
        while (end := self.pending.find(b"\r\n")) < 0:
            self.fill()
        line = bytes(self.pending[:end])
        del self.pending[:end + 2]
        return line


def dot_stuffed(message):
    """The message as it follows DATA's 354: stuffed, with the final dot (RFC 5321 §4.5.2)."""
    assert message.endswith(b"\r\n")
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return (b"." + stuffed if stuffed.startswith(b".") else stuffed) + b".\r\n"


class Smtp(Lines):
    def __init__(self, address, timeout=30, hello=b"client.example", source=None):
        super().__init__(address, timeout, source)
        self.greeting = self.reply(220)
        self.extensions = self.command(b"EHLO " + hello, 250) if hello else []

    def reply(self, want=None):
        """All lines of one reply; `want` is its code, or its first digit."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        if want is not None and not lines[-1].startswith(b"%d" % want):
            raise Refused(lines[-1])
        return lines

    def command(self, line, want=None):
        self.send(line + b"\r\n")
        return self.reply(want)

    def deliver(self, reverse_path, forward_paths, message):
        """One whole transaction; gives the final reply's last line, which is a 250."""
        self.command(b"MAIL FROM:<%s>" % reverse_path.encode(), 250)
        for path in forward_paths:
            self.command(b"RCPT TO:<%s>" % path.encode(), 250)
        self.command(b"DATA", 354)
        self.send(dot_stuffed(message))
        return self.reply(250)[-1]

    def quit(self):
        self.command(b"QUIT", 221)
        self.close()


class Pop3(Lines):
    def __init__(self, address, timeout=30):
        super().__init__(address, timeout)
        self.greeting = self.ok()

    def ok(self):
        line = self.line()
        if not line.startswith(b"+OK"):
            raise Refused(line)
        return line

    def command(self, line):
        self.send(line + b"\r\n")
        return self.ok()

    def block(self):
        """A multi-line response's octets, unstuffed, without the final dot (RFC 1939 §3)."""
        while True:
            if self.pending.startswith(b".\r\n"):
                end = 0
                break
            if (end := self.pending.find(b"\r\n.\r\n")) >= 0:
                end += 2
                break
            self.fill()
        octets = bytes(self.pending[:end])
        del self.pending[:end + 3]
        octets = octets.replace(b"\r\n.", b"\r\n")
        return octets[1:] if octets.startswith(b".") else octets

    def login(self, user, password):
        self.command(b"USER " + user.encode())
        self.command(b"PASS " + password.encode())

    def stat(self):
        _, count, size = self.command(b"STAT").split()[:3]
        return int(count), int(size)

    def uidl(self):
        """{message number: unique-id}"""
        self.command(b"UIDL")
        return {int(n): uid for n, uid in (line.split() for line in self.block().splitlines())}

    def list(self):
        """{message number: size}"""
        self.command(b"LIST")
        return {int(n): int(size) for n, size in (line.split() for line in self.block().splitlines())}

    def retr(self, number):
        self.command(b"RETR %d" % number)
        return self.block()

    def dele(self, number):
        return self.command(b"DELE %d" % number)

    def quit(self):
        self.command(b"QUIT")
        self.close()
