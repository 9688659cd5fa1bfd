"""What the twelve cells show in a front end, the file that keeps it, and the table in README."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.conftest import PATIENCE
from tests.twelve_cells import CELLS, missing

FILE = Path(__file__).with_name("outcomes.json")
WRITE = "KIMI_MAGIC_WRITE_OUTCOMES"  # "1": what is seen is written into the file, not compared with it
SLOW = "%%kimi --speed 20\nWrite 3000 words about rivers."  # a cell that is stopped while it answers
REASONS = "it-reasons"  # a file
# Front ends that show nothing until the end say no other way that the answer has begun.
TELLS_WHEN_IT_REASONS = f"""\
import pathlib, threading, time, kimi_magic
def tell(before=kimi_magic.last):
    while kimi_magic.last is before or not kimi_magic.last.reasoning:
        time.sleep(0.01)
    pathlib.Path("{REASONS}").touch()
threading.Thread(target=tell, daemon=True).start()"""


def wait_for_file(path: Path) -> None:
    """Wait until it is there."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"there is no {path.name}"
        time.sleep(0.01)


@dataclass(frozen=True)
class Outcome:
    """What a person sees in a front end. None: it has no such state.

    - `live`: whether a slow answer is seen while it comes
    - `stopped`: whether one that is stopped says so, and the next cell works
    - `final`, `reopened`: the cells, from 1, that do not show what they should
    """

    final: tuple[int, ...]
    live: bool | None = None
    stopped: bool | None = None
    reopened: tuple[int, ...] | None = None


def without(texts: Sequence[str | None]) -> tuple[int, ...]:
    """The cells, from 1, whose text lacks something; white space is one blank, as lines break anywhere."""
    assert len(texts) == len(CELLS)
    shown = [" ".join((text or "").split()) for text in texts]
    return tuple(
        number
        for number, (example, text) in enumerate(zip(CELLS, shown, strict=True), 1)
        if missing(example, text)
    )


def kept() -> dict[str, dict[str, object]]:
    """The rows of the file by the name of the front end."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}


def compare(name: str, version: str, outcome: Outcome) -> None:
    """The outcome is the one in the file; the version there is the one that it was written with."""
    row = json.loads(json.dumps(asdict(outcome)))
    rows = kept()
    if os.environ.get(WRITE) == "1":
        rows[name] = {"version": version, **row}
        FILE.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n", encoding="utf-8")
        return
    assert {"version": rows[name]["version"], **row} == rows[name], (
        f"{name} {version} shows something else than {FILE.name} says; if it is right, run {WRITE}=1 "
        "python -m pytest tests/front_ends tests/browser/test_front_ends.py and python -m tests.write_readme"
    )


def table(front_ends: Iterable[tuple[str, str]]) -> str:
    """The table of README: a row for each (name, remark)."""
    rows = [["front end", "live", "stopped", "in the end", "reopened", ""], ["---", *[":-:"] * 4, "---"]]
    for name, remark in front_ends:
        row = kept()[name]
        cells = [_word(row["live"]), _word(row["stopped"]), _count(row["final"]), _count(row["reopened"])]
        rows.append([f"{name} {row['version']}", *cells, remark])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _word(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, "-") if isinstance(value, bool) else "-"


def _count(numbers: object) -> str:
    return f"{len(CELLS) - len(numbers)} of {len(CELLS)}" if isinstance(numbers, list) else "-"
