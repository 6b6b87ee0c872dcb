"""The frame of the benchmarks: their options, the rows in order, a table as they come, a file of JSON, an exit code."""
import argparse
import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import proc
import tools
from report import Row, chosen, print_row, revision, save
from servers import BUILD, POSTRIDER, ServerError


@dataclass(frozen=True)
class Benchmark:
    """`rows` are functions of what `begin` makes of quick and the servers' names; each yields its rows."""

    name: str  # of build/bench/NAME.json
    purpose: str  # the program's docstring
    rows: dict[str, Callable[[object], Iterator[Row]]]
    servers: tuple[str, ...]
    without_postrider: tuple[str, ...]  # rows that say something without it, too
    begin: Callable[[bool, list[str]], object]
    work: Path  # emptied before and afterwards
    around: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext  # what all rows need


def arguments(b: Benchmark) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=b.purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", type=lambda t: chosen(t, b.rows), default=list(b.rows), help=",".join(b.rows))
    p.add_argument("--servers", type=lambda t: chosen(t, b.servers), default=list(b.servers), help=",".join(b.servers))
    p.add_argument("--quick", action="store_true", help="short runs, one round: to see that all works, not to quote")
    p.add_argument("--json", type=Path, default=BUILD / "bench" / f"{b.name}.json", help="%(default)s")
    return p.parse_args()


def measure_all(b: Benchmark) -> int:
    """0: every budget that was measured is kept. 1: one is missed. 2: something did not work."""
    a = arguments(b)
    with_postrider = "postrider" in a.servers
    if with_postrider and not POSTRIDER.exists():
        print(f"{POSTRIDER} is not built: run make, or name --servers without it", file=sys.stderr)
        return 2
    machine = proc.machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, {machine['kernel']}, {revision()}", flush=True)
    bench, rows, name = b.begin(a.quick, a.servers), [], "start"
    shutil.rmtree(b.work, ignore_errors=True)
    b.work.mkdir(parents=True)
    try:
        with b.around():
            for name in [n for n in a.rows if with_postrider or n in b.without_postrider]:
                for row in b.rows[name](bench):
                    rows.append(row)
                    print_row(row)
                save(a.json, machine, a.quick, rows)
    except (ServerError, tools.ToolError) as e:
        print(f"{name}: {e}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(b.work, ignore_errors=True)
    return 1 if any(r.ok is False for r in rows) else 0
