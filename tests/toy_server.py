#!/usr/bin/python3
"""A toy with postrider's outside: init, account add, serve (parent and server child), verify; SMTP and POP3.

It exists so that the crash harness is tested itself: a correct toy must pass it, and each lie
(environment TOY_LIE) must be caught:
  memory   answers 250 before the message is written
  twice    stores a message twice now and then
  apart    delivers to one recipient after the other
  torn     a message under its final name while it is still being written
  early    DELE deletes at once instead of at QUIT
  part     a kill during QUIT leaves some of the deletions done
  slack    the server child does not die with its parent
"""

import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time

LIE = os.environ.get("TOY_LIE", "")


class Store:
    """One file a message, named after its accounts; the deletions of one QUIT are one renamed list."""

    def __init__(self, folder):
        self.folder = folder
        self.late = []
        self.locks = {a: threading.Lock() for a in os.listdir(folder) if "@" in a}

    def messages(self, account):
        gone = {line for f in self.folder.glob(f"*.{account}.gone") for line in f.read_text().split()}
        return sorted(f for f in self.folder.glob("*.msg") if account in f.name and f.name not in gone)

    def write(self, name, octets):
        if LIE == "torn":
            with open(self.folder / name, "wb", buffering=0) as f:
                f.write(octets[:len(octets) // 2])
                time.sleep(0.02)
                f.write(octets[len(octets) // 2:])
            return
        tmp = self.folder / (name + ".tmp")
        tmp.write_bytes(octets)
        tmp.rename(self.folder / name)

    def deliver(self, accounts, octets):
        name = f"{time.time_ns():020}.{'+'.join(accounts)}.msg"
        if LIE == "memory":
            self.late.append((name, octets))
            if len(self.late) > 5:
                batch, self.late = self.late, []  # no other thread writes the same file a second time
                for late in batch:
                    self.write(*late)
            return
        if LIE == "apart":
            for account in accounts:
                self.write(f"{time.time_ns():020}.{account}.msg", octets)
                time.sleep(0.01)
            return
        self.write(name, octets)
        if LIE == "twice" and time.time_ns() % 7 == 0:
            self.write("9" + name, octets)

    def delete(self, account, names):
        if LIE == "part":
            for name in names:
                self.write(f"{name}.{account}.gone", name.encode())
                time.sleep(0.01)
        elif names:
            self.write(f"{time.time_ns():020}.{account}.gone", " ".join(names).encode())


def smtp(f, say, store):
    say("220 toy")
    to = []
    while line := f.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            say("250 toy")
        elif verb == b"MAIL":
            to = []
            say("250 2.1.0 Ok")
        elif verb == b"RCPT":
            to.append(line.split(b"<")[1].split(b">")[0].decode())
            say("250 2.1.5 Ok")
        elif verb == b"DATA":
            say("354 go on")
            lines = []
            while (line := f.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b".") else line)
            if not line:
                return
            store.deliver(to, b"Received: from toy\r\n" + b"".join(lines))
            say("250 2.0.0 Ok")
        elif verb == b"QUIT":
            say("221 2.0.0 Bye")
            return
        else:
            say("500 5.5.1 No")


def pop3(f, say, store):
    account = None
    say("+OK toy")
    while line := f.readline():
        verb, _, arg = line.strip().partition(b" ")
        if verb == b"USER":
            account = arg.decode()
            say("+OK")
        elif verb == b"PASS" and not store.locks[account].acquire(blocking=False):
            say("-ERR [IN-USE] locked")
        elif verb == b"PASS":
            try:
                say("+OK")
                pop3_transaction(f, say, store, account)
            finally:
                store.locks[account].release()
            say("+OK")
            return
        else:
            say("-ERR")


def pop3_transaction(f, say, store, account):
    files, gone = store.messages(account), []
    while line := f.readline():
        verb, _, arg = line.strip().partition(b" ")
        if verb in (b"UIDL", b"LIST"):
            say("+OK")
            for i, file in enumerate(files, 1):
                if file.name not in gone:
                    say(f"{i} {file.name if verb == b'UIDL' else file.stat().st_size}")
            say(".")
        elif verb == b"RETR":
            octets = files[int(arg) - 1].read_bytes()
            octets += b"" if octets.endswith(b"\r\n") else b"\r\n"
            say("+OK")
            say((octets.replace(b"\r\n.", b"\r\n..") + b".").decode("latin-1"))
        elif verb == b"DELE":
            gone.append(files[int(arg) - 1].name)
            if LIE == "early":
                store.delete(account, [gone[-1]])
            say("+OK")
        elif verb == b"QUIT":
            store.delete(account, gone)
            return
        else:
            say("-ERR")


def session(talk, connection, store):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    f = connection.makefile("rb")
    try:
        talk(f, lambda line: connection.sendall(line.encode("latin-1") + b"\r\n"), store)
    except OSError:
        pass
    f.close()
    connection.close()


def accept(talk, listener, store):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=session, args=(talk, connection, store), daemon=True).start()


def serve_child(config, listeners, lifeline):
    store = Store(pathlib.Path(config["dir"]))
    for talk, listener in listeners:
        threading.Thread(target=accept, args=(talk, listener, store), daemon=True).start()
    print(json.dumps({"event": "ready"}), file=sys.stderr, flush=True)
    while os.read(lifeline, 1):
        pass
    if LIE == "slack":
        time.sleep(15)  # outlives its parent, yet not the whole test run
    os._exit(0)


def serve(config):
    listeners = []
    for talk, offset in ((smtp, 25), (pop3, 110)):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", config["base"] + offset))
        s.listen(100)
        listeners.append((talk, s))
    end = []
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while not end:
        lifeline, held = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(held)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve_child(config, listeners, lifeline)
        os.close(lifeline)
        os.waitpid(pid, 0)
        os.close(held)


def main(argv):
    if argv[0] == "init":
        folder = pathlib.Path(argv[1])
        folder.mkdir()
        base = int(argv[argv.index("--ports") + 1])
        (folder / "data").mkdir()
        (folder / "postrider.toml").write_text(json.dumps({"dir": str(folder / "data"), "base": base}))
        return
    if "--help" in argv:
        print("commands: verify")
        return
    config = json.loads(pathlib.Path(argv[argv.index("-c") + 1]).read_text())
    if "account" in argv:
        sys.stdin.read()
        pathlib.Path(config["dir"], argv[argv.index("add") + 1]).mkdir()
    elif "verify" in argv:
        print(json.dumps({"ok": True, "messages": 0, "problems": []}))
    elif "serve" in argv:
        serve(config)


main(sys.argv[1:])
