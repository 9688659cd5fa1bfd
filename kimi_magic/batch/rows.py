"""The rows that a prompt is filled with: a DataFrame, a Series, a list of dicts or of texts. No I/O.

Frames are recognised by the module of their type; nothing is imported for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kimi_magic.errors import KimiUsageError

TEXT_COLUMN = "text"  # of a list of texts, and of a Series without a name
POSSIBLE = "a DataFrame or Series (pandas, polars, dask), a list of dicts, or a list of texts"


@dataclass(frozen=True, slots=True)
class Rows:
    """`columns` are the values by the name of their column; `source` is what was given, cut to the limit.

    `library` is whose the frame is: pandas or polars, "" for a list.
    """

    columns: Mapping[str, Sequence[Any]]
    count: int
    source: Any
    library: str = ""

    def row(self, number: int) -> dict[str, Any]:
        """The values of one row by column."""
        return {name: values[number] for name, values in self.columns.items()}


def library_of(data: object) -> str:
    """pandas, polars or dask for a frame or Series of theirs, else ""."""
    module = type(data).__module__.partition(".")[0]
    name = "dask" if module.startswith("dask") else module
    return name if name in ("pandas", "polars", "dask") else ""


def rows_of(data: object, limit: int | None = None) -> Rows:
    """The rows of `data`, at most the first `limit`.

    Raises:
        KimiUsageError: It has no rows.
    """
    library = library_of(data)
    if library in ("pandas", "polars"):
        return _of_frame(data, library, limit)
    if isinstance(data, str | bytes | Mapping) or not hasattr(data, "__iter__"):
        raise KimiUsageError(f"data {_shown(data)}: expected {POSSIBLE}")
    items = list(islice(data, limit))
    if all(isinstance(item, str) for item in items):
        return Rows({TEXT_COLUMN: items}, len(items), items)
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise KimiUsageError(f"data[{number}] {_shown(item)}: expected {POSSIBLE}")
    names = dict.fromkeys(name for item in items for name in item)
    columns = {str(name): [item.get(name) for item in items] for name in names}
    return Rows(columns, len(items), items)


def _of_frame(data: Any, library: str, limit: int | None) -> Rows:
    frame = data if limit is None else data.head(limit)
    if not hasattr(frame, "columns"):  # a Series
        name = frame.name if frame.name not in (None, "") else TEXT_COLUMN
        frame = frame.to_frame(name)
    names = [str(name) for name in frame.columns]
    if twice := {name for name in names if names.count(name) > 1}:
        raise KimiUsageError(f"data: the column {sorted(twice)[0]!r} is there twice; rename one of them")
    if library == "pandas":
        columns = {name: frame.iloc[:, place].tolist() for place, name in enumerate(names)}
    else:
        columns = {name: frame.get_column(name).to_list() for name in names}
    return Rows(columns, len(frame), frame, library)


def is_missing(value: object) -> bool:
    """Whether a cell of a frame holds nothing: None, NaN, NaT, NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124 - what only NaN is


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
