"""Days that pass in a moment for one process: its wall clock is put forward by tests/preload/clock.so.

    with Clock(tmp_path / "clock") as clock:
        one = make_instance(env=clock.environment(preload_dir, binary)).start()
        clock.put(clock.now_ms() + 4 * HOUR_MS)

What sleeps in the process until a time of day sleeps on: the clock that it sleeps by stays as it is.
"""

import mmap
import struct
import time

from instance import preload

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
AHEAD = struct.Struct("=q")


class Clock:
    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(AHEAD.size))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), AHEAD.size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.map.close()
        self.file.close()

    def environment(self, preload_dir, binary):
        """The environment of the process under test."""
        return {"LD_PRELOAD": preload(binary, preload_dir / "clock.so"), "CLOCK_CONTROL": str(self.path)}

    def now_ms(self):
        """What the process takes for now."""
        return time.time_ns() // 1_000_000 + AHEAD.unpack_from(self.map)[0]

    def put(self, to_ms):
        """It is that late now, unless it is later."""
        AHEAD.pack_into(self.map, 0, AHEAD.unpack_from(self.map)[0] + max(0, to_ms - self.now_ms()))
