"""Golden dialogues: what a client says and what must come back, octet for octet.

    # The first line says what is shown (RFC 5321 §4.1.1.5)
    # ways: lines octets                  where not all three ways of playing make sense
    C: RSET                               a line of the client; CRLF is added
    R: DATA\\n                             raw octets of the client; nothing is added
    B: Subject: x\\r\\n                     a chunk: BDAT with the number of these octets, then they
    L: .\\r\\n                              the last one: BDAT with LAST
    T: starts                             TLS begins here; not in one with the way at_once
    S: 250 2.0.0 *                        a line of the server; * stands for anything
    S: <closed>                           the server has closed the connection
    S: <extensions>                       all further lines after EHLO's first

In C, R, B and L \\r \\n \\0 \\\\ \\xNN are octets and {x*2000} is a repetition. The name says to whom: submission-*.txt, lmtp-*.txt,
pop3-*.txt, all others are port 25's. A dialogue that does not begin with a greeting is greeted and says EHLO (LHLO) first;
those of submission and POP3 log in. One that does not end closed ends with QUIT, which shows that nothing more had been said. The greeting is always waited for.
"""

import base64
import fnmatch
import pathlib
import re
import time

import clients

FOLDER = pathlib.Path(__file__).resolve().parent / "dialogues"
WAYS = ("lines", "octets", "at_once")
ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|[rn0\\])|\{(.+?)\*(\d+)\}")

LOGIN = b"AUTH PLAIN %s\r\n" % base64.b64encode(b"\0ann@shop.example\0correct horse battery")
GREETING = {"smtp": "220 ", "submission": "220 ", "lmtp": "220 ", "pop3": "+OK "}
PROLOGUE = {
    "smtp": [("S", "220 *"), ("C", b"EHLO client.example\r\n"), ("S", "250-mail.shop.example"), ("S", "<extensions>")],
    "submission": [("S", "220 *"), ("C", b"EHLO client.example\r\n"), ("S", "250-mail.shop.example"), ("S", "<extensions>"),
                   ("C", LOGIN), ("S", "235 2.7.0 *")],
    "lmtp": [("S", "220 *"), ("C", b"LHLO client.example\r\n"), ("S", "250-mail.shop.example"), ("S", "<extensions>")],
    "pop3": [("S", "+OK mail.shop.example POP3 postrider"), ("C", b"USER pop@shop.example\r\n"), ("S", "+OK Now *"),
             ("C", b"PASS correct horse battery\r\n"), ("S", "+OK 3 messages (* octets)")],
}
BYE = [("C", b"QUIT\r\n"), ("S", "221 2.0.0 Bye"), ("S", "<closed>")]
EPILOGUE = {
    "smtp": BYE,
    "submission": BYE,
    "lmtp": BYE,
    "pop3": [("C", b"QUIT\r\n"), ("S", "+OK Bye"), ("S", "<closed>")],
}


def octets(text):
    def one(found):
        if found[2] is not None:
            return octets(found[2]).decode("latin-1") * int(found[3])
        code = found[1]
        return chr(int(code[1:], 16)) if code[0] == "x" else {"r": "\r", "n": "\n", "0": "\0", "\\": "\\"}[code]

    return ESCAPE.sub(one, text).encode("latin-1")


def matches(text, pattern):
    return fnmatch.fnmatchcase(text, re.sub(r"([\[\]?])", r"[\1]", pattern))


class Dialogue:
    def __init__(self, path):
        self.path = path
        prefix = path.name.partition("-")[0]
        self.protocol = prefix if prefix in GREETING else "smtp"
        self.ways = WAYS
        self.steps = []  # (kind, octets or pattern, line number)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("# ways:"):
                self.ways = tuple(line.split()[2:])
            elif line.startswith("C: ") or line == "C:":
                self.steps.append(("C", octets(line[3:]) + b"\r\n", number))
            elif line.startswith("R: "):
                self.steps.append(("C", octets(line[3:]), number))
            elif line == "T: starts":
                self.steps.append(("T", "", number))
            elif line.startswith(("B: ", "L: ")):
                chunk = octets(line[3:])
                self.steps.append(("C", b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if line[0] == "L" else b"") + chunk, number))
            elif line.startswith("S: "):
                self.steps.append(("S", line[3:], number))
            else:
                assert not line or line.startswith("#"), f"{path}:{number}: what is {line!r}?"
        assert self.steps and set(self.ways) <= set(WAYS), path
        assert "at_once" not in self.ways or all(kind != "T" for kind, _, _ in self.steps), path
        if not (self.steps[0][0] == "S" and self.steps[0][1].startswith(GREETING[self.protocol])):
            self.steps[:0] = [(kind, what, 0) for kind, what in PROLOGUE[self.protocol]]
        if self.steps[-1][1] != "<closed>":
            self.steps += [(kind, what, 0) for kind, what in EPILOGUE[self.protocol]]

    def play(self, address, way):
        with clients.Lines(address) as connection:
            for at, (kind, what, number) in enumerate(self.steps):
                if what == "<extensions>":
                    while self.expect(connection, "250*", number)[3] == "-":
                        pass
                elif kind == "S":
                    self.expect(connection, what, number)
                elif kind == "T":
                    connection.start_tls()
                elif way != "at_once":
                    self.send(connection, what, way)
                if way == "at_once" and at == 0:
                    self.send(connection, b"".join(what for kind, what, _ in self.steps if kind == "C"), way)

    @staticmethod
    def send(connection, what, way):
        if way != "octets" or len(what) > 4096:
            connection.send(what)
            return
        for i in range(len(what)):
            connection.send(what[i:i + 1])
            if i % 16 == 0:
                time.sleep(0.0005)  # so that the server meets many different cuts

    def expect(self, connection, pattern, number):
        try:
            got = connection.line().decode("latin-1")
        except (clients.Closed, ConnectionResetError):
            got = "<closed>"
        assert matches(got, pattern), f"{self.path.name}:{number}: wanted {pattern!r}, got {got!r}"
        return got


def all_dialogues():
    return [Dialogue(path) for path in sorted(FOLDER.glob("*.txt"))]
