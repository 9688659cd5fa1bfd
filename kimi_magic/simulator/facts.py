"""True records that lessons like to ask for. They stand in `data/facts.toml`; `subjects` looks them up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import content


@dataclass(frozen=True, slots=True)
class Table:
    """Records on one subject; the fields are explained in the data file. Unknown values are None."""

    name: str
    pattern: re.Pattern[str]
    columns: tuple[str, ...]
    about: str
    rows: tuple[tuple[Any, ...], ...]
    whole: bool = False
    drawn: bool = False


@cache
def tables() -> tuple[Table, ...]:
    """Return all tables, in the order in which they are tried."""
    entries = content.load("facts")["table"]
    rows = {entry["name"]: entry["rows"] for entry in entries}
    return tuple(
        Table(
            name=entry["name"],
            pattern=re.compile(rf"\b(?:{entry['pattern']})\b", re.IGNORECASE),
            columns=tuple(entry["columns"]),
            about=entry["about"],
            rows=tuple(
                tuple(None if value == "" else value for value in row)
                for row in (*entry["rows"], *rows.get(entry.get("also"), ()))
            ),
            whole=entry.get("whole", False),
            drawn=entry.get("drawn", False),
        )
        for entry in entries
    )


def table_named(name: str) -> Table:
    """Return the table of one subject, such as "capitals"."""
    return next(table for table in tables() if table.name == name)
