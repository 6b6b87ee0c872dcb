"""What a benchmark found: rows held against their budgets, printed as they come and kept as JSON."""
import argparse
import dataclasses
import datetime
import json
import subprocess
from pathlib import Path

from servers import ROOT


@dataclasses.dataclass
class Row:
    row: str
    what: str
    budget: str
    figure: str
    ok: bool | None  # None: no budget, or nothing to hold it against
    details: dict = dataclasses.field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return {True: "kept", False: "MISSED", None: "-"}[self.ok]


def print_row(r: Row) -> None:
    print(f"{r.what:<62}  {r.budget:<17}  {r.verdict:<6}  {r.figure}", flush=True)


def revision() -> str:
    done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def save(path: Path, machine: dict, quick: bool, rows: list[Row]) -> None:
    report = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "quick": quick,
        "machine": machine,
        "rows": [dataclasses.asdict(r) | {"verdict": r.verdict} for r in rows],
    }
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def chosen(text: str, of) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in of:
            raise argparse.ArgumentTypeError(f"{name}: one of {', '.join(of)}")
    return names
