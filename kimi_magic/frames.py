"""A list of records to a DataFrame of pandas or polars, with the types that its columns have. No display.

Which of the two: the one that was asked for; else the one that is imported; of both the one that the notebook
has a name for, else pandas.
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
KEY_COLUMN = "key"  # holds the names of records that stand by name in an object
_MOST_LEVELS = 8  # of records in records that become columns
_NOTHING: Mapping[str, Any] = MappingProxyType({})

# What is known of a column: its kind, its allowed values, the columns of its records, or ("list", column).
Column = str | list[Any] | Mapping[str, Any] | tuple[str, Any]


def frame(
    rows: object,
    *,
    columns: Mapping[str, Column] = _NOTHING,
    namespace: Mapping[str, Any] = _NOTHING,
    modules: Mapping[str, Any] = sys.modules,
    choice: str = "",
) -> Any:
    """A DataFrame of `rows`: dicts, or instances of dataclasses, Structs, models, NamedTuples, in a list.

    An object with one list of records in it stands for that list; one of lists alone for its columns, or for
    names in "columns" and rows in "data"; one of records for its rows, whose names become the column "key".
    `columns` gives what is known, as `Schema.columns` does; elsewhere, and where the values are not of that
    kind, the values decide:

    - boolean, integer: nullable types where a value is missing, never floats; beyond 64 bits the integers
      of Python; number: 64-bit floats
    - date, date-time: real ones, also from text in ISO 8601 where `columns` says so; pandas, which has no
      type for dates, gets midnights
    - string: text; an Enum counts as its value; of allowed values a category (an Enum in polars)
    - a record: columns `a.b` in pandas, a Struct in polars
    - all else, mixed values too: the objects as they are; polars makes its own nested types of lists and
      dicts where nothing is lost by that

    Columns stand in the order in which they first appear; those of `columns` that no row has come last.
    `namespace` is the person's names, `choice` "pandas" or "polars". `ValueError` says what was found that is
    no list of records, or what to install.
    """
    records = _records(rows)
    made_by = library(namespace, modules, choice)
    names = dict.fromkeys([*(name for record in records for name in record), *columns])
    is_pandas = made_by.__name__ == "pandas"
    data: dict[str, Any] = {}
    for name in names:
        values = [_plain(record.get(name)) for record in records]
        column = columns.get(name, "object")
        if is_pandas:
            data |= _pandas_columns(made_by, str(name), column, values, taken=set(map(str, names)))
        else:
            data[str(name)] = _polars_column(made_by, column, values)
    if not data and is_pandas:
        return made_by.DataFrame(index=range(len(records)))
    return made_by.DataFrame(data)


def library(namespace: Mapping[str, Any], modules: Mapping[str, Any] = sys.modules, choice: str = "") -> Any:
    """The module that makes the DataFrames; `ValueError` says what to install where there is none."""
    if not choice:
        imported = [modules[name] for name in LIBRARIES if modules.get(name) is not None]
        named = [module for module in imported if any(value is module for value in namespace.values())]
        if imported:
            return (named or imported)[0]
    for name in [choice] if choice else LIBRARIES:
        try:
            return modules.get(name) or import_module(name)
        except ImportError:
            continue
    needed, first = (choice, choice) if choice else ("pandas or polars", "pandas")
    raise ValueError(f"a DataFrame needs {needed}: pip install {first}")


# ---- rows ----


def _records(rows: object) -> list[Mapping[str, Any]]:
    if not isinstance(rows, list | tuple) or hasattr(rows, "_asdict"):
        rows = _rows_of(rows)
    records = []
    for number, row in enumerate(rows):
        record = _record(row)
        if record is None:
            raise ValueError(f"a table needs a list of records, but [{number}] is {_name(row)}")
        records.append(record)
    return records


def _rows_of(value: object) -> Sequence[object]:
    """The rows in an object: its only list of records, lists for columns, or records by name."""
    record = _record(value)
    if record is None:
        raise ValueError(f"a table needs a list of records, got {_name(value)}")
    lists = {name: part for name, part in record.items() if isinstance(part, list | tuple)}
    if {"columns", "data"} <= lists.keys() <= {"columns", "data", "index"}:
        names, rows = lists["columns"], lists["data"]
        if all(isinstance(row, list | tuple) and len(row) == len(names) for row in rows):
            return [dict(zip(map(str, names), row, strict=True)) for row in rows]
    with_rows = [name for name, part in lists.items() if part and all(map(_is_record, part))]
    if len(with_rows) == 1 or (len(lists) == 1 and not next(iter(lists.values()))):
        return list(record[(with_rows or list(lists))[0]])
    lengths = {len(part) for part in lists.values()}
    if lists and len(lists) == len(record) and not with_rows and len(lengths) == 1:
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    inner = {name: _record(part) for name, part in record.items()}
    if len(inner) == 1 and (only := next(iter(inner.values()))) is not None and _has_rows(only):
        return _rows_of(only)
    if record and all(part is not None for part in inner.values()):
        key = KEY_COLUMN
        while any(key in part for part in inner.values() if part):
            key += "_"
        return [{key: name, **(part or {})} for name, part in inner.items()]
    if len(lists) == 1:
        return list(next(iter(lists.values())))
    if not record:
        return []
    found = f"with the lists {', '.join(lists)}" if lists else "without a list in it"
    raise ValueError(f"a table needs a list of records, got one object {found}")


def _has_rows(record: Mapping[str, Any]) -> bool:
    """Whether there is a list of records in a record."""
    return any(isinstance(part, list) and part and all(map(_is_record, part)) for part in record.values())


def _is_record(row: object) -> bool:
    return _record(row) is not None


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


def _is_record_column(column: Column, values: list[Any]) -> bool:
    """Whether a column holds records: by the schema, or because all its values have the same names."""
    records = [_record(value) for value in values if value is not None]
    if any(record is None for record in records):
        return False
    if isinstance(column, Mapping):
        return True
    names = {tuple(sorted(map(str, record))) for record in records if record is not None}
    return len(names) == 1 and names != {()}


def _pandas_columns(
    pandas: Any, name: str, column: Column, values: list[Any], *, taken: set[str], level: int = 0
) -> dict[str, Any]:
    """The column of this name; of records one for each of their fields, `a.b`."""
    if level < _MOST_LEVELS and _is_record_column(column, values):
        known = column if isinstance(column, Mapping) else _NOTHING
        records = [None if value is None else _record(value) or {} for value in values]
        parts = dict.fromkeys([*(part for record in records for part in record or ()), *known])
        if parts and not taken & {f"{name}.{part}" for part in parts}:
            data: dict[str, Any] = {}
            for part in parts:
                inner = [None if record is None else _plain(record.get(part)) for record in records]
                data |= _pandas_columns(
                    pandas, f"{name}.{part}", known.get(part, "object"), inner, taken=taken, level=level + 1
                )
            return data
    if isinstance(column, list) and (made := _pandas_category(pandas, column, values)) is not None:
        return {name: made}
    kind, values = _settled(column if isinstance(column, str) else "object", values)
    return {name: _pandas_column(pandas, kind, values)}


def _pandas_category(pandas: Any, allowed: list[Any], values: list[Any]) -> Any:
    """A category of the allowed values, None where there are other values."""
    kinds = {type(value) for value in allowed}
    if len(kinds) != 1 or bool in kinds:
        return None
    if any(value is not None and (type(value) not in kinds or value not in allowed) for value in values):
        return None
    return pandas.Series(pandas.Categorical(values, categories=list(dict.fromkeys(allowed))))


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
        case "string":
            text = "str" if not values else pandas.Series([""]).dtype  # object before pandas 3
            return pandas.Series(values, dtype=text)
        case "date" | "date-time" | "date-time in UTC":
            try:
                times = pandas.to_datetime(values, utc=kind == "date-time in UTC")
                return pandas.Series(times) if values else pandas.Series(values, dtype="datetime64[ns]")
            except (ValueError, OverflowError):  # before 1677, where the resolution is nanoseconds
                pass
    return pandas.Series(values, dtype="object")


def _polars_column(polars: Any, column: Column, values: list[Any]) -> Any:
    if isinstance(column, list) and (made := _polars_enum(polars, column, values)) is not None:
        return made
    if not isinstance(column, str):
        values = [_bare(value) for value in values]
        try:
            return polars.Series(values, dtype=_polars_type(polars, column), strict=True)
        except (TypeError, ValueError, OverflowError, polars.exceptions.PolarsError):
            return _polars_objects(polars, values)
    kind, values = _settled(column, values)
    if (dtype := _polars_types(polars).get(kind)) is not None:
        return polars.Series(values, dtype=dtype)
    if _is_record_column(column, values):
        values = [_bare(value) for value in values]
    return _polars_objects(polars, values)


def _polars_types(polars: Any) -> dict[str, Any]:
    return {
        "boolean": polars.Boolean,
        "integer": polars.Int64,
        "number": polars.Float64,
        "string": polars.String,
        "date": polars.Date,
        "date-time": polars.Datetime("us"),
        "date-time in UTC": polars.Datetime("us", "UTC"),
    }


def _polars_type(polars: Any, column: Column) -> Any:
    """The type for what is known of a column; `TypeError` where polars has none."""
    match column:
        case str() if column in _polars_types(polars):
            return _polars_types(polars)[column]
        case list() if column and all(type(value) is str for value in column):
            return polars.Enum(list(dict.fromkeys(column)))
        case list() if column and all(type(value) is int for value in column):
            return polars.Int64
        case Mapping() if column:
            return polars.Struct({str(name): _polars_type(polars, part) for name, part in column.items()})
        case ("list", inner):
            return polars.List(_polars_type(polars, inner))
    raise TypeError(column)


def _polars_enum(polars: Any, allowed: list[Any], values: list[Any]) -> Any:
    if not all(type(value) is str for value in allowed) or any(
        value is not None and value not in allowed for value in values
    ):
        return None
    return polars.Series(values, dtype=polars.Enum(list(dict.fromkeys(allowed))))


def _bare(value: Any) -> Any:
    """A value of dicts and lists alone, as polars reads them."""
    value = _plain(value)
    if isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_asdict"):
        return [_bare(part) for part in value]
    record = _record(value)
    return value if record is None else {str(name): _bare(part) for name, part in record.items()}


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
