"""An SMTP server whose every step a test decides: what it says, when it breaks off, what it does in place of TLS.

    with Peer(script={"RCPT": [b"450 4.2.0 later\\r\\n", OK]}) as peer: …

A step is a verb, or one of GREETING (the connection is open), TLS (the handshake is to begin), CONTENT (the first octets
of a message came) and DOT (it is whole). What stands at a step is done in place of the proper answer: octets are said,
an action is done, a function of (session, line) gives either; of a list each time the next, the last one for ever.
What is not in the script is answered as a good server does.
"""

import itertools
import re
import socket
import ssl
import struct
import threading
import time

OK = None  # as a good server does
DONE = object()  # an action's answer: it has said all there is to say
GOOD = {"GREETING": b"220 peer.example ESMTP\r\n", "HELO": b"250 peer.example\r\n", "MAIL": b"250 2.1.0 fine\r\n",
        "RCPT": b"250 2.1.5 fine\r\n", "DATA": b"354 go on\r\n", "DOT": b"250 2.0.0 taken\r\n",
        "RSET": b"250 2.0.0 fine\r\n", "NOOP": b"250 2.0.0 fine\r\n", "QUIT": b"221 2.0.0 bye\r\n",
        "STARTTLS": b"220 2.0.0 begin\r\n", "AUTH": b"235 2.7.0 welcome\r\n"}
EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "SIZE 100000000")
PATH = re.compile(rb"[^:]*:\s*<([^>]*)>\s*(.*)", re.DOTALL)


class Ended(Exception):
    """The session is over."""


# -- actions -------------------------------------------------------------------------------------------------------


def close(session, _=None):
    raise Ended


def reset(session, _=None):
    """RST in place of FIN."""
    session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Ended


def hang(session, _=None):
    """Silent, and reading, until the other end or the test goes."""
    session.hung.set()
    while session.recv():
        pass
    raise Ended


def then(octets, action=close):
    def do(session, line=None):
        session.say(octets)
        return action(session, line)

    return do


def slowly(octets, pause_s):
    """Octet by octet, each after a pause."""
    def do(session, _=None):
        for at in range(len(octets)):
            time.sleep(pause_s)
            session.socket.sendall(octets[at:at + 1])
        return DONE

    return do


def flood(octets):
    """For ever, or until the other end is gone."""
    def do(session, _=None):
        while not session.peer.closing:
            session.socket.sendall(octets * 100)
        raise Ended

    return do


def refusing(*words, reply=b"550 5.1.1 no such user\r\n"):
    """At RCPT: the paths that hold one of the words."""
    return lambda session, line: reply if any(w in line for w in words) else OK


# -- the server ----------------------------------------------------------------------------------------------------


class Message:
    """`order` tells which came first, at whichever peer."""

    numbers = itertools.count()

    def __init__(self, session):
        self.session, self.order = session, next(self.numbers)
        self.tls = isinstance(session.socket, ssl.SSLSocket)
        self.reverse_path, self.parameters = session.mail
        self.forward_paths = [path for path, _ in session.rcpts]
        self.recipient_parameters = [parameters for _, parameters in session.rcpts]
        self.octets = bytes(session.content)


class Peer:
    """`messages` are those it took, `whole` those that came to their end; `sessions` are all, each with the `lines` that
    came. `tls` is an ssl.SSLContext; `split` says replies octet by octet."""

    def __init__(self, script=None, extensions=EXTENSIONS, tls=None, tls_first=False, split=False,
                 address="127.0.0.1", port=0):
        self.script, self.extensions, self.tls, self.tls_first, self.split = script or {}, extensions, tls, tls_first, split
        self.lock = threading.Lock()
        self.times = {}      # step: how often it came
        self.sessions, self.messages, self.whole, self.threads = [], [], [], []
        self.closing = False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(128)
        self.address, self.port = self.listener.getsockname()

    def __enter__(self):
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.acceptor.join(10)
        self.listener.close()
        for session in list(self.sessions):
            session.cut()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive(), "a session of the peer did not end"

    def _accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            session = Session(self, connection)
            self.sessions.append(session)
            self.threads.append(threading.Thread(target=session.run, daemon=True))
            self.threads[-1].start()

    def action(self, step):
        """What the script has for this time."""
        planned = self.script.get(step)
        with self.lock:
            n = self.times[step] = self.times.get(step, 0) + 1
        return planned[min(n, len(planned)) - 1] if isinstance(planned, list) else planned

    def wait(self, count=1, timeout=30):
        """The messages, once there are `count`."""
        deadline = time.monotonic() + timeout
        while len(self.messages) < count:
            assert time.monotonic() < deadline, \
                f"{len(self.messages)} of {count} messages; {[s.lines for s in self.sessions[-5:]]}"
            time.sleep(.005)
        return self.messages

    def lines(self, verb=b""):
        return [line for session in self.sessions for line in session.lines if line.upper().startswith(verb)]


class Session:
    def __init__(self, peer, connection):
        self.peer, self.socket = peer, connection
        self.raw = connection
        self.lines, self.pending = [], bytearray()
        self.mail, self.rcpts, self.content = None, [], bytearray()
        self.hung = threading.Event()

    def cut(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # the raw one gave up its descriptor to TLS
        except OSError:
            pass

    def run(self):
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.peer.tls_first:
                self.handshake()
            self.do("GREETING")
            while True:
                line = self.line()
                self.lines.append(line)
                self.command(line)
        except (Ended, OSError, ValueError):
            pass
        finally:
            self.socket.close()
            self.raw.close()

    # -- octets

    def recv(self):
        try:
            return self.socket.recv(65536)
        except OSError:
            return b""

    def fill(self):
        got = self.recv()
        if not got:
            raise Ended
        self.pending += got

    def line(self):
        while (end := self.pending.find(b"\r\n")) < 0:
            self.fill()
        return self.take(end + 2)[:-2]

    def take(self, count):
        while len(self.pending) < count:
            self.fill()
        octets = bytes(self.pending[:count])
        del self.pending[:count]
        return octets

    def say(self, octets):
        if not self.peer.split:
            self.socket.sendall(octets)
            return
        for at in range(len(octets)):
            self.socket.sendall(octets[at:at + 1])
            time.sleep(.0005)

    # -- the dialogue

    def do(self, step, line=b"", good=None, before=None):
        """Answers; True where that was yes. `before` is called when it will be, before it is said."""
        action = self.peer.action(step)
        if callable(action):
            action = action(self, line)
        if action is DONE:
            if before:
                before()
            return True
        said = good or GOOD.get(step, b"500 5.5.1 what?\r\n") if action is OK else action
        yes = said[:1] in (b"2", b"3")
        if yes and before:
            before()
        self.say(said)
        return yes

    def command(self, line):
        verb = line[:4].upper().decode("ascii", "replace")
        verb = "STARTTLS" if line.upper().startswith(b"STARTTLS") else verb
        found = getattr(self, "on_" + verb.lower().strip(), None)
        return found(line) if found else self.do(verb, line)

    def on_ehlo(self, line):
        names = [b"peer.example", *(e.encode() for e in self.peer.extensions)]
        if self.peer.tls and not isinstance(self.socket, ssl.SSLSocket):
            names.append(b"STARTTLS")
        self.do("EHLO", line, b"".join(b"250-%s\r\n" % n for n in names[:-1]) + b"250 %s\r\n" % names[-1])

    def on_starttls(self, line):
        if self.do("STARTTLS", line):
            self.handshake()

    def handshake(self):
        action = self.peer.action("TLS")
        if callable(action):
            action = action(self, b"")
        if isinstance(action, bytes):
            self.say(action)
            raise Ended
        self.socket = self.peer.tls.wrap_socket(self.socket, server_side=True)
        self.pending.clear()

    def on_mail(self, line):
        if self.do("MAIL", line):
            self.mail, self.rcpts = PATH.fullmatch(line).groups(), []

    def on_rcpt(self, line):
        if self.do("RCPT", line):
            self.rcpts.append(PATH.fullmatch(line).groups())

    def on_rset(self, line):
        self.mail, self.rcpts = None, []
        self.do("RSET", line)

    def on_quit(self, line):
        self.do("QUIT", line)
        raise Ended

    def on_data(self, line):
        if not self.rcpts and "DATA" not in self.peer.script:
            return self.say(b"554 5.5.1 no recipients\r\n")
        if not self.do("DATA", line):
            return None
        self.fill_once()
        self.do_quietly("CONTENT")
        while (end := (b"\r\n" + self.pending).find(b"\r\n.\r\n")) < 0:
            self.fill()
        self.content = bytearray((b"\r\n" + self.take(end)).replace(b"\r\n..", b"\r\n.")[2:])
        self.take(3)
        return self.whole(line)

    def on_bdat(self, line):
        """RFC 3030; DOT is its last chunk, CONTENT its first."""
        words = line.split()
        self.fill_once()
        self.do_quietly("CONTENT")
        self.content += self.take(int(words[1]))
        if len(words) < 3:
            return self.do("BDAT", line, b"250 2.0.0 chunk\r\n")
        return self.whole(line)

    def whole(self, line):
        message = Message(self)
        self.mail, self.rcpts, self.content = None, [], bytearray()
        self.peer.whole.append(message)
        self.do("DOT", line, before=lambda: self.peer.messages.append(message))

    def fill_once(self):
        if not self.pending:
            self.fill()

    def do_quietly(self, step):
        action = self.peer.action(step)
        if callable(action):
            action(self, b"")
