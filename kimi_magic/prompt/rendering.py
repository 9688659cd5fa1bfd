"""A Python value as the text that a model reads: by its type, with its size, and a mark where it is cut.

`TYPES` is the table. Libraries are recognised where the notebook has imported them, never imported.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from types import ModuleType
from typing import Any

LONGEST = 8_000  # characters of a value; texts are not cut
ROWS = 20  # of a table that is shown whole
HEAD, TAIL = 8, 4  # rows of a longer one
COLUMNS = 30
LONGEST_CELL = 80  # characters
MOST_ELEMENTS = 200  # of an array that is shown whole


def render(value: Any, *, whole: bool = False) -> str:
    """`value` as text, cut where it is long unless it is wanted `whole`.

    Raises:
        ValueError: It is nothing that can be sent; the text says what was expected.
    """
    for matches, write in TYPES:
        if matches(value):
            return write(value, whole)
    return _cut(repr(value), whole)


def table(rows: Iterable[Sequence[Any]], header: Sequence[Any]) -> str:
    """A Markdown table. Line ends and pipes in cells are made harmless."""
    lines = [_row(header), "|" + " --- |" * len(header), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(value: Any) -> str:
    text = " ".join(str(value).split()) if isinstance(value, str) else str(value).replace("\n", " ")
    text = text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
    return text.replace("|", "\\|")


def _cut(text: str, whole: bool) -> str:
    if whole or len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}…\n[cut: {LONGEST:,} of {len(text):,} characters]"


# ---- tables ----


def library_of(value: Any) -> str:
    """Which of the two a frame or series is of, "" for anything else."""
    for name in ("pandas", "polars"):
        if is_kind(value, name, "DataFrame", "Series"):
            return name
    return ""


def is_kind(value: Any, module: str, *names: str) -> bool:
    """Whether `value` is an instance of a class of a module that is imported."""
    found = sys.modules.get(module)
    kinds = tuple(kind for name in names if isinstance(kind := getattr(found, name, None), type))
    return isinstance(value, kinds)


def as_table(value: Any) -> Any:
    """A frame; a series as one of a single column."""
    if not is_kind(value, library_of(value), "Series"):
        return value
    if library_of(value) == "pandas" and value.name is None:
        return value.to_frame("value")
    return value.to_frame()


def columns_of(frame: Any) -> list[tuple[Any, str]]:
    """Name and type of each column."""
    if library_of(frame) == "pandas":
        return [(name, str(kind)) for name, kind in frame.dtypes.items()]
    return [(name, str(kind)) for name, kind in frame.schema.items()]


def rows_of(frame: Any, start: int, stop: int) -> Iterable[Sequence[Any]]:
    """Rows by position; those of pandas begin with their index."""
    if library_of(frame) == "pandas":
        part = frame.iloc[start:stop]
        return part.itertuples(index=True, name=None)  # type: ignore[no-any-return]
    return frame.slice(start, stop - start).rows()  # type: ignore[no-any-return]


def title_of(value: Any) -> str:
    """What a frame or series is, with its size and the types of its columns."""
    library, frame = library_of(value), as_table(value)
    columns = columns_of(frame)
    shown = columns if len(columns) <= COLUMNS else columns[:COLUMNS]
    kinds = ", ".join(f"{_cell(name)} {kind}" for name, kind in shown)
    if more := len(columns) - len(shown):
        kinds += f", and {more:,} more"
    if frame is not value:
        return f"{library} Series of {len(frame):,} values: {kinds}"
    return f"{library} DataFrame, {len(frame):,} rows × {len(columns):,} columns: {kinds}"


def _frame(value: Any, whole: bool) -> str:
    frame = as_table(value)
    columns, count = columns_of(frame), len(frame)
    width = len(columns) if whole or len(columns) <= COLUMNS else COLUMNS
    index = [""] if library_of(frame) == "pandas" else []
    header = [*index, *(name for name, _ in columns[:width]), *["…"] * (width < len(columns))]

    def some(start: int, stop: int) -> list[list[Any]]:
        end = width + len(index)
        return [[*row[:end], *["…"] * (width < len(columns))] for row in rows_of(frame, start, stop)]

    notes = []
    if whole or count <= ROWS:
        rows = some(0, count)
    else:
        rows = [*some(0, HEAD), ["…"] * len(header), *some(count - TAIL, count)]
        notes.append(f"[{count - HEAD - TAIL:,} of {count:,} rows are left out]")
    if width < len(columns):
        notes.append(f"[{len(columns) - width:,} of {len(columns):,} columns are left out]")
    return "\n".join([title_of(value), "", table(rows, header), *notes])


# ---- arrays ----


def _is_array(value: Any) -> bool:
    return is_kind(value, "numpy", "ndarray")


def _is_scalar(value: Any) -> bool:
    return is_kind(value, "numpy", "generic")


def array_title(value: Any) -> str:
    """Shape, type, and what is known of the numbers in an array."""
    numpy = sys.modules["numpy"]
    parts = [f"numpy array of shape {value.shape}, {value.dtype}"]
    if value.size and value.dtype.kind in "iufb":
        numbers = value[~numpy.isnan(value)] if value.dtype.kind == "f" else value
        if missing := value.size - numbers.size:
            parts.append(f"{missing:,} NaN")
        if numbers.size:
            least, most, mean = (getattr(numbers, name)() for name in ("min", "max", "mean"))
            parts.append(f"min {least}, max {most}, mean {mean:.6g}")
    return "; ".join(parts)


def _array(value: Any, whole: bool) -> str:
    numpy = sys.modules["numpy"]
    text = numpy.array2string(
        value, separator=", ", threshold=value.size + 1 if whole else MOST_ELEMENTS, max_line_width=100
    )
    note = "" if whole or value.size <= MOST_ELEMENTS else f"\n[cut: {value.size:,} elements in all]"
    return f"{array_title(value)}\n{_cut(text, whole)}{note}"


# ---- JSON ----


def as_json(value: Any) -> Any:
    """`value` with what JSON knows in place of what it does not: dataclasses, dates, numbers of numpy."""
    match value:
        case None | bool() | int() | float() | str():
            return value.value if isinstance(value, Enum) else value
        case Enum():
            return as_json(value.value)
        case Mapping():
            return {key if isinstance(key, str) else str(key): as_json(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            if hasattr(value, "_asdict"):
                return as_json(value._asdict())
            return [as_json(item) for item in value]
        case date() | time():
            return value.isoformat()
        case PurePath():
            return str(value)
    return _object_as_json(value)


def _object_as_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "__struct_fields__") and not isinstance(value, type):
        return {name: as_json(getattr(value, name)) for name in value.__struct_fields__}
    if callable(dump := getattr(value, "model_dump", None)) and not isinstance(value, type):
        return as_json(dump())
    if _is_scalar(value):
        return as_json(value.item())
    if _is_array(value):
        return as_json(value.tolist())
    if library_of(value) == "pandas":
        return as_json(value.to_dict("records") if hasattr(value, "columns") else value.to_dict())
    if library_of(value) == "polars":
        return as_json(value.to_dicts() if hasattr(value, "columns") else value.to_list())
    return repr(value)


def json_text(value: Any) -> str:
    """`value` as JSON; its repr where it holds itself."""
    try:
        return json.dumps(as_json(value), ensure_ascii=False, indent=1)
    except (RecursionError, ValueError):
        return repr(value)


def _json(value: Any, whole: bool) -> str:
    text = json_text(value)
    if whole or len(text) <= LONGEST:
        return text
    size = f", {len(value):,} entries in all" if isinstance(value, Mapping) else ""
    return f"{_cut(text, whole)[:-1]}{size}]"


def _is_record(value: Any) -> bool:
    if isinstance(value, type):
        return False
    is_model = hasattr(value, "__struct_fields__") or callable(getattr(value, "model_dump", None))
    return isinstance(value, Mapping) or is_dataclass(value) or is_model


# ---- code ----


def _is_code(value: Any) -> bool:
    return isinstance(value, type) or inspect.isroutine(value)


def source(value: Any) -> str:
    """The source of a function, method or class.

    Raises:
        ValueError: There is none.
    """
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(value))).rstrip("\n")
    except (OSError, TypeError):
        name = getattr(value, "__name__", type(value).__name__)
        raise ValueError(f"there is no source of {name}; it is not written in Python") from None


def _module(value: Any, whole: bool) -> str:
    raise ValueError(f"it is the module {value.__name__}; expected a value")


# Each type of value with how it is written, the first that matches. What is in no row is sent as its repr.
TYPES: tuple[tuple[Callable[[Any], bool], Callable[[Any, bool], str]], ...] = (
    (lambda value: isinstance(value, str), lambda value, whole: str.__str__(value)),
    (lambda value: is_kind(value, "kimi_magic.reply", "Reply"), lambda value, whole: value.text),
    (lambda value: isinstance(value, ModuleType), _module),
    (lambda value: bool(library_of(value)), _frame),
    (_is_array, _array),
    (_is_scalar, lambda value, whole: str(value.item())),
    (_is_code, lambda value, whole: source(value)),
    (_is_record, _json),
)
