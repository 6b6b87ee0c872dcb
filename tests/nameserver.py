"""A real name server (nsd) on loopback, with the zones that a test writes, asked by the postrider under test.

Its root zone is empty, so a name that no zone has does not exist. A zone without data answers SERVFAIL, as one does
whose servers are lame. Time to live is 1 s, so that what a test changes is seen.
"""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

NSD, SIGNZONE, KEYGEN = "/usr/sbin/nsd", "ldns-signzone", "ldns-keygen"
TTL_S = 1
CONFIG = """\
server:
  ip-address: {address}@{port}
  server-count: 1
  username: ""
  chroot: ""
  pidfile: ""
  database: ""
  zonesdir: "{dir}"
  zonelistfile: "{dir}/zone.list"
  xfrdfile: "{dir}/xfrd.state"
  xfrdir: "{dir}"
  logfile: "{dir}/nsd.log"
  rrl-ratelimit: 0
  minimal-responses: no
remote-control:
  control-enable: no
"""
ZONE = 'zone:\n  name: "{name}"\n  zonefile: "{file}"\n'
HEAD = """\
$ORIGIN {origin}
$TTL {ttl}
@ SOA ns.invalid. hostmaster.invalid. {serial} 3600 600 86400 {ttl}
@ NS ns.invalid.
"""
SOA_TIMERS = struct.pack(">3I", 3600, 600, 86400)


def free_port():
    """Free for UDP and TCP."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]


class Nameserver:
    """with Nameserver(directory, {"far.example": "@ MX 10 mx\\nmx A 127.0.0.2\\n"}) as dns: …

    `signed` are names of zones to sign; dns.anchors is the file of their trust anchors. `forged` is what somebody on the
    way changed in one after it was signed: {name: (text, other text)}. A zone whose text is None is there and can't be
    loaded: SERVFAIL."""

    def __init__(self, directory, zones, signed=(), forged=None, address="127.0.0.1", port=None, ttl_s=TTL_S):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.zones, self.signed, self.forged = dict(zones), signed, forged or {}
        self.address, self.port, self.ttl_s = address, port or free_port(), ttl_s
        self.anchors = self.dir / "anchors"
        self.serial = 0
        self.process = None

    def __enter__(self):
        config = CONFIG.format(address=self.address, port=self.port, dir=self.dir) + ZONE.format(name=".", file="root.zone")
        self._write(".", "")
        for name, text in self.zones.items():
            config += ZONE.format(name=name, file=self._write(name, text))
        (self.dir / "nsd.conf").write_text(config)
        with open(self.dir / "nsd.out", "wb") as out:
            self.process = subprocess.Popen([NSD, "-d", "-c", str(self.dir / "nsd.conf")], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out)
        self._wait(".", 1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def change(self, name, text):
        """Writes a zone that is there anew and waits until it is served."""
        before = self.serial
        self._write(name, text)
        self.process.send_signal(signal.SIGHUP)
        self._wait(name, before + 1)

    def configure(self, one):
        """Has a stopped instance ask here."""
        servers = f'servers = ["{self.address}@{self.port}"]\n'
        if self.signed:
            servers += f'trust_anchor_file = "{self.anchors}"\n'
        text = one.config.read_text()
        assert text.count("\n[dns]\n") == 1, text
        one.config.write_text(text.replace("\n[dns]\n", "\n[dns]\n" + servers, 1))

    def _write(self, name, text):
        """The file's name."""
        file = "root.zone" if name == "." else name + ".zone"
        if text is None:
            (self.dir / file).write_text("this is no zone\n")
            return file
        self.serial += 1
        origin = "." if name == "." else name + "."
        (self.dir / file).write_text(HEAD.format(origin=origin, ttl=self.ttl_s, serial=self.serial) + text)
        return self._sign(name, file) if name in self.signed else file

    def _sign(self, name, file):
        def run(*argv):
            return subprocess.run(argv, cwd=self.dir, check=True, capture_output=True, text=True).stdout.strip()

        key = next(iter(self.dir.glob(f"K{name}.+*.private")), None)
        stem = key.name.removesuffix(".private") if key else run(KEYGEN, "-a", "ECDSAP256SHA256", "-k", name)
        run(SIGNZONE, "-f", file + ".signed", file, stem)
        anchor = (self.dir / f"{stem}.key").read_text()
        known = self.anchors.read_text() if self.anchors.exists() else ""
        if anchor not in known:
            self.anchors.write_text(known + anchor)
        if name in self.forged:
            text = (self.dir / (file + ".signed")).read_text()
            assert self.forged[name][0] in text
            (self.dir / (file + ".signed")).write_text(text.replace(*self.forged[name], 1))
        return file + ".signed"

    def _wait(self, name, serial):
        deadline = time.monotonic() + 20
        while (served := self._serial_of(name)) is None or served < serial:
            assert self.process.poll() is None and time.monotonic() < deadline, \
                (name, served, serial, (self.dir / "nsd.out").read_text(), (self.dir / "nsd.log").read_text())
            time.sleep(.01)

    def _serial_of(self, name):
        """Of the SOA that it answers with; None: no answer."""
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            s.settimeout(.5)
            s.connect((self.address, self.port))
            try:
                s.send(struct.pack(">6H", os.getpid() & 0xFFFF, 0, 1, 0, 0, 0) + labels + b"\0\6\0\1")
                answer = s.recv(4096)
            except OSError:
                return None
        timers = answer.find(SOA_TIMERS, len(labels))
        return int.from_bytes(answer[timers - 4:timers], "big") if timers > 0 else None
