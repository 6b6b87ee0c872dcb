"""Golden dialogues: what a client says and what must come back, octet for octet.

    # The first line says what is shown (RFC 5321 §4.1.1.5)
    # ways: lines octets                  where not all three ways of playing make sense
    C: RSET                               a line of the client; CRLF is added
    R: DATA\\n                             raw octets of the client; nothing is added
    S: 250 2.0.0 *                        a line of the server; * stands for anything
    S: <closed>                           the server has closed the connection

In C and R \\r \\n \\0 \\\\ \\xNN are octets and {x*2000} is a repetition. A dialogue that does not begin with a greeting
(S: 220) is greeted and says EHLO first. One that does not end closed ends with QUIT, which shows that nothing more had
been said.
"""

import fnmatch
import pathlib
import re
import time

import clients

FOLDER = pathlib.Path(__file__).resolve().parent / "dialogues"
WAYS = ("lines", "octets", "at_once")
ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|[rn0\\])|\{(.+?)\*(\d+)\}")


def octets(text):
    def one(found):
        if found[2] is not None:
            return octets(found[2]).decode("latin-1") * int(found[3])
        code = found[1]
        return chr(int(code[1:], 16)) if code[0] == "x" else {"r": "\r", "n": "\n", "0": "\0", "\\": "\\"}[code]

    return ESCAPE.sub(one, text).encode("latin-1")


class Dialogue:
    def __init__(self, path):
        self.path = path
        self.ways = WAYS
        self.steps = []  # (kind, octets or pattern, line number)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("# ways:"):
                self.ways = tuple(line.split()[2:])
            elif line.startswith("C: ") or line == "C:":
                self.steps.append(("C", octets(line[3:]) + b"\r\n", number))
            elif line.startswith("R: "):
                self.steps.append(("C", octets(line[3:]), number))
            elif line.startswith("S: "):
                self.steps.append(("S", line[3:], number))
            else:
                assert not line or line.startswith("#"), f"{path}:{number}: what is {line!r}?"
        assert self.steps and set(self.ways) <= set(WAYS), path
        if not self.steps[0][1].startswith("220" if self.steps[0][0] == "S" else b"\0"):
            self.steps[:0] = [("S", "220 *", 0), ("C", b"EHLO client.example\r\n", 0), ("S", "250-mail.shop.example", 0),
                              ("S", "250-PIPELINING", 0), ("S", "250-SIZE *", 0), ("S", "250-8BITMIME", 0),
                              ("S", "250 ENHANCEDSTATUSCODES", 0)]
        if self.steps[-1][1] != "<closed>":
            self.steps += [("C", b"QUIT\r\n", 0), ("S", "221 2.0.0 Bye", 0), ("S", "<closed>", 0)]

    def play(self, address, way):
        with clients.Lines(address) as connection:
            if way == "at_once":
                self.send(connection, b"".join(what for kind, what, _ in self.steps if kind == "C"), way)
            for kind, what, number in self.steps:
                if kind == "S":
                    self.expect(connection, what, number)
                elif way != "at_once":
                    self.send(connection, what, way)

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
        assert fnmatch.fnmatchcase(got, re.sub(r"([\[\]?])", r"[\1]", pattern)), \
            f"{self.path.name}:{number}: wanted {pattern!r}, got {got!r}"


def all_dialogues():
    return [Dialogue(path) for path in sorted(FOLDER.glob("*.txt"))]
