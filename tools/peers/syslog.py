"""The room's syslog: /dev/log (lines as in RFC 3164) into a file, so that nothing reaches the host's."""
import os
import socket
import threading
from pathlib import Path

LINE_MAX_OCTETS = 65536


def start(log: Path, door: str = "/dev/log") -> None:
    """Binds the door and writes what comes, from a thread that ends with the process."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(door)
    os.chmod(door, 0o666)
    threading.Thread(target=write_lines, args=(receiver, log), daemon=True).start()


def write_lines(receiver: socket.socket, log: Path) -> None:
    with open(log, "ab", buffering=0) as f:
        while True:
            line = receiver.recv(LINE_MAX_OCTETS)
            f.write(line.rstrip(b"\0\n") + b"\n")
