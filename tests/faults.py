"""Faults in a running process by tests/preload/fault.so: set, counted, taken back (rules: tests/preload/fault.h).

    with Faults(tmp_path / "faults") as faults:
        one = make_instance(env=faults.environment(preload_dir, binary)).start()
        faults.set(WRITE, errno.ENOSPC, "*.seg")       # from now on every write to a segment fails
        ...
        assert faults.struck() > 0                     # or the test has shown nothing
        faults.clear()
"""

import mmap
import struct

from instance import preload

WRITE, READ, FSYNC, FDATASYNC, OPEN, ACCEPT, MALLOC, FALLOCATE, TRUNCATE, RENAME, LOGIN = (
    1 << bit for bit in range(11))
SYNC = FSYNC | FDATASYNC

RULE = struct.Struct("=IiIIIIIIQQ80s")
RULES = 8
FOREVER = 0xffffffff
assert RULE.size == 128


class Faults:
    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(RULE.size * RULES))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), RULE.size * RULES)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.clear()
        self.map.close()
        self.file.close()

    def environment(self, preload_dir, binary, *others):
        """The environment of the process under test; `others` are further libraries, to stand before this one."""
        libraries = [*others, preload_dir / "fault.so"]
        return {"LD_PRELOAD": preload(binary, *libraries), "FAULT_CONTROL": str(self.path)}

    def set(self, calls, error, glob="*", rule=0, skip=0, count=FOREVER, chance=1.0, delay_ms=0, shortened=False,
            least=0):
        """Calls fitting `glob` fail with `error` (0: only wait): after `skip` of them, `count` times, by chance."""
        self.clear(rule)
        packed = RULE.pack(calls, error, skip, count, round(chance * 1000000), round(delay_ms * 1000), shortened,
                           least, 0, 0, glob.encode())
        at = rule * RULE.size
        self.map[at + 4:at + RULE.size] = packed[4:]
        self.map[at:at + 4] = packed[:4]  # the word that switches the rule on comes last

    def slow_disk(self, ms, rule=RULES - 1):
        self.set(SYNC, 0, delay_ms=ms, rule=rule)

    def clear(self, rule=None):
        for r in range(RULES) if rule is None else (rule,):
            self.map[r * RULE.size:r * RULE.size + 4] = bytes(4)

    def _rule(self, rule):
        return RULE.unpack_from(self.map, rule * RULE.size)

    def met(self, rule=0):
        """How many calls fitted since the rule was set."""
        return self._rule(rule)[8]

    def struck(self, rule=0):
        """How many of them failed or waited."""
        return self._rule(rule)[9]
