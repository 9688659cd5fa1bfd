"""A list of records to a DataFrame of pandas or polars, with the types that its columns have. No display.

Which of the two: the one that is imported; of both the one that the notebook has a name for, else pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from importlib import import_module
from types import MappingProxyType
from typing import Any

LIBRARIES = ("pandas", "polars")
INT64 = range(-(2**63), 2**63)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def frame(
    rows: object,
    *,
    columns: Mapping[str, str] = _NOTHING,
    namespace: Mapping[str, Any] = _NOTHING,
    modules: Mapping[str, Any] = sys.modules,
) -> Any:
    """A DataFrame of `rows`: dicts, or instances of dataclasses, Structs, models, NamedTuples, in a list.

    An object with one list in it stands for that list. `columns` gives the kinds that are known, as
    `Schema.columns` does; elsewhere, and where the values are not of that kind, the values decide:

    - boolean, integer: nullable types where a value is missing, never floats; beyond 64 bits the integers
      of Python; number: 64-bit floats
    - date, date-time: real ones, also from text in ISO 8601 where `columns` says so; pandas, which has no
      type for dates, gets midnights
    - string: text; an Enum counts as its value
    - all else, mixed values too: the objects as they are; polars makes its own nested types of lists and
      dicts where nothing is lost by that

    Columns stand in the order in which they first appear; those of `columns` that no row has come last.
    `namespace` is the person's names. `ValueError` says what was found that is no list of records, or what to
    install.
    """
    records = _records(rows)
    made_by = library(namespace, modules)
    names = dict.fromkeys([*(name for record in records for name in record), *columns])
    made = {}
    for name in names:
        values = [_plain(record.get(name)) for record in records]
        kind, values = _settled(columns.get(name, "object"), values)
        made[str(name)] = (kind, values)
    build = _pandas_column if made_by.__name__ == "pandas" else _polars_column
    data = {name: build(made_by, kind, values) for name, (kind, values) in made.items()}
    if not data and made_by.__name__ == "pandas":
        return made_by.DataFrame(index=range(len(records)))
    return made_by.DataFrame(data)


def library(namespace: Mapping[str, Any], modules: Mapping[str, Any] = sys.modules) -> Any:
    """The module that makes the DataFrames; `ValueError` says what to install where there is none."""
    imported = [modules[name] for name in LIBRARIES if modules.get(name) is not None]
    named = [module for module in imported if any(value is module for value in namespace.values())]
    if imported:
        return (named or imported)[0]
    for name in LIBRARIES:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ValueError("a DataFrame needs pandas or polars: pip install pandas")


# ---- rows ----


def _records(rows: object) -> list[Mapping[str, Any]]:
    if not isinstance(rows, list | tuple) or hasattr(rows, "_asdict"):
        rows = _only_list(rows)
    records = []
    for number, row in enumerate(rows):
        record = _record(row)
        if record is None:
            raise ValueError(f"a table needs a list of records, but [{number}] is {_name(row)}")
        records.append(record)
    return records


def _only_list(value: object) -> Sequence[object]:
    record = _record(value)
    if record is None:
        raise ValueError(f"a table needs a list of records, got {_name(value)}")
    lists = [name for name, part in record.items() if isinstance(part, list | tuple)]
    if len(lists) != 1:
        found = f"with the lists {', '.join(lists)}" if lists else "without a list in it"
        raise ValueError(f"a table needs a list of records, got one object {found}")
    return list(record[lists[0]])


def _record(row: object) -> Mapping[str, Any] | None:
    """A row by the names of its fields, None for what has none."""
    row_type: Any = type(row)
    if isinstance(row, Mapping):
        return row
    if is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in fields(row)}
    if names := getattr(row_type, "__struct_fields__", None):
        return {name: getattr(row, name) for name in names}
    if (model := getattr(row_type, "model_fields", None)) is not None:
        return {name: getattr(row, name) for name in model} | (getattr(row, "model_extra", None) or {})
    if callable(as_dict := getattr(row, "_asdict", None)):
        return dict(as_dict())
    return None


def _name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
    return f"something of type {type(value).__name__}"


# ---- columns ----


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _settled(kind: str, values: list[Any]) -> tuple[str, list[Any]]:
    """The kind that the values really have, and the values as of that kind; None stays None."""
    found = {type(value) for value in values if value is not None}
    if found == {str} and kind in ("date", "date-time"):
        try:
            read = date.fromisoformat if kind == "date" else datetime.fromisoformat
            return _settled(kind, [None if value is None else read(value) for value in values])
        except ValueError:
            return "string", values
    if not found:
        return kind, values
    if found == {bool}:
        return "boolean", values
    if found == {int} and kind != "number":
        return _fitting(values)
    if found <= {int, float} and all(type(v) is float or v is None or int(float(v)) == v for v in values):
        return "number", [None if value is None else float(value) for value in values]
    if found == {str}:
        return "string", values
    if found == {datetime}:
        return _zoned(values)
    return ("date" if found == {date} else "object"), values


def _fitting(values: list[Any]) -> tuple[str, list[Any]]:
    return ("integer" if all(value is None or value in INT64 for value in values) else "object"), values


def _zoned(values: list[Any]) -> tuple[str, list[Any]]:
    """Times with a zone in UTC, because a column has one zone; with and without do not mix."""
    zoned = {value.utcoffset() is not None for value in values if value is not None}
    if zoned == {True}:
        return "date-time in UTC", [None if value is None else value.astimezone(UTC) for value in values]
    return ("date-time" if zoned == {False} else "object"), values


def _pandas_column(pandas: Any, kind: str, values: list[Any]) -> Any:
    missing = any(value is None for value in values)
    match kind:
        case "boolean":
            return pandas.Series(values, dtype="boolean" if missing else "bool")
        case "integer":
            return pandas.Series(values, dtype="Int64" if missing else "int64")
        case "number":
            return pandas.Series(values, dtype="float64")
        case "string" if not all(value is None for value in values):
            return pandas.Series(values)
        case "string" if not values:
            return pandas.Series(values, dtype="str")
        case "date" | "date-time" | "date-time in UTC":
            try:
                times = pandas.to_datetime(values, utc=kind == "date-time in UTC")
                return pandas.Series(times) if values else pandas.Series(values, dtype="datetime64[ns]")
            except (ValueError, OverflowError):  # before 1677, where the resolution is nanoseconds
                pass
    return pandas.Series(values, dtype="object")


def _polars_column(polars: Any, kind: str, values: list[Any]) -> Any:
    types = {
        "boolean": polars.Boolean,
        "integer": polars.Int64,
        "number": polars.Float64,
        "string": polars.String,
        "date": polars.Date,
        "date-time": polars.Datetime("us"),
        "date-time in UTC": polars.Datetime("us", "UTC"),
    }
    if kind in types:
        return polars.Series(values, dtype=types[kind])
    return _polars_objects(polars, values)


def _polars_objects(polars: Any, values: Iterable[Any]) -> Any:
    """Nested types of polars where they give back the very same values; else Python objects."""
    values = list(values)
    if all(value is None for value in values):
        return polars.Series(values, dtype=polars.Null if values else polars.Object)
    try:
        series = polars.Series(values)
        if series.dtype != polars.Object and repr(series.to_list()) == repr(values):  # 0 equals False
            return series
    except (TypeError, ValueError, OverflowError, polars.exceptions.PolarsError):
        pass
    return polars.Series(values, dtype=polars.Object)
