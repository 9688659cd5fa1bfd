"""What may stand behind a value in a hole: `{{ df | head(20) }}`. A small table, which users extend.

A filter is a function of the value, and of what its parentheses hold. What it returns is written by its type,
unless it is a `Whole`, which is never cut.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from kimi_magic.prompt import rendering
from kimi_magic.prompt.rendering import library_of

F = TypeVar("F", bound=Callable[..., Any])


class Whole(NamedTuple):
    """A value that is not cut when it is written."""

    value: Any


FILTERS: dict[str, Callable[..., Any]] = {}
UNSAFE = "unsafe"


def prompt_filter(function: F) -> F:
    """Let `{{ value | name }}` and `{{ value | name(1, x=2) }}` in prompts call `function`, by its name.

    Use it as a decorator. A filter of the same name is replaced.

    Parameters:
        function: Takes the value, then what the parentheses hold. It returns a text, which is sent as it is,
            or another value, which is written by its type. A ValueError or TypeError that it raises becomes
            the one line of an error, and nothing is sent.

    Returns: `function` itself.

    Raises:
        ValueError: It has no name that could stand in a prompt.
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ValueError(f"{name or function!r} is no name that could stand in a prompt; use a def")
    FILTERS[name] = function
    return function


def _all(value: Any) -> Any:
    """the whole, however long"""
    return Whole(value)


def _head(value: Any, count: int = 5) -> Any:
    """the first rows, items, or lines of a text: head(20)"""
    if library_of(value):
        return Whole(value.head(count))
    if isinstance(value, str):
        return "".join(value.splitlines(keepends=True)[:count])
    if isinstance(value, Mapping):
        return Whole(dict(list(value.items())[:count]))
    try:
        return Whole(value[:count])
    except (TypeError, KeyError):
        raise ValueError(f"head takes a table, a list or a text, not {_kind(value)}") from None


def _csv(value: Any) -> str:
    """a table as CSV"""
    frame: Any = rendering.as_table(value) if library_of(value) else None
    if library_of(value) == "polars":
        return str(frame.write_csv()).rstrip("\n")
    if library_of(value) == "pandas":
        counts = type(frame.index).__name__ == "RangeIndex"
        return str(frame.to_csv(index=not counts)).rstrip("\n")
    raise ValueError(f"csv takes a DataFrame or a Series, not {_kind(value)}")


def _json(value: Any, indent: int | None = None) -> str:
    """JSON of the whole; json(2) with indents"""
    return json_module.dumps(rendering.as_json(value), ensure_ascii=False, indent=indent)


def _source(value: Any) -> str:
    """the source of a function or class"""
    return rendering.source(value)


def _describe(value: Any) -> Any:
    """statistics of a table or an array"""
    if library_of(value):
        title = rendering.title_of(value)
        frame = rendering.as_table(value.describe())
        columns = [str(name) for name, _ in rendering.columns_of(frame)]
        header = columns if library_of(frame) == "polars" else ["", *columns]
        return f"{title}\n\n{rendering.table(rendering.rows_of(frame, 0, len(frame)), header)}"
    if rendering.is_kind(value, "numpy", "ndarray"):
        return rendering.array_title(value)
    raise ValueError(f"describe takes a table or an array, not {_kind(value)}")


def _schema(value: Any) -> str:
    """names and types without a value: of columns, keys or fields"""
    if library_of(value):
        frame = rendering.as_table(value)
        title = rendering.title_of(value).partition(":")[0]
        rows = [(name, kind, _missing(frame, name)) for name, kind in rendering.columns_of(frame)]
        return f"{title}\n\n{rendering.table(rows, ['column', 'type', 'missing'])}"
    if rendering.is_kind(value, "numpy", "ndarray"):
        return f"numpy array of shape {value.shape}, {value.dtype}"
    if isinstance(value, Mapping):
        return rendering.table([(key, type(item).__name__) for key, item in value.items()], ["key", "type"])
    kinds = getattr(value if isinstance(value, type) else type(value), "__annotations__", None)
    if kinds:
        return rendering.table([(name, _kind_name(kind)) for name, kind in kinds.items()], ["field", "type"])
    raise ValueError(f"schema takes a table, an array, a dict or a dataclass, not {_kind(value)}")


def _unsafe(value: Any) -> Any:
    """send it although it looks like a secret"""
    return value


for _function in (_all, _head, _csv, _json, _source, _describe, _schema, _unsafe):
    FILTERS[_function.__name__.removeprefix("_")] = _function


def _missing(frame: Any, name: Any) -> int:
    if library_of(frame) == "polars":
        return int(frame[name].null_count())
    column = frame.loc[:, name]
    return int(column.isna().to_numpy().sum())


def _kind(value: Any) -> str:
    return f"a value of type {type(value).__name__}"


def _kind_name(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def help_lines() -> list[tuple[str, str]]:
    """Each filter with its first line of help."""
    lines = []
    for name, function in sorted(FILTERS.items()):
        first = (function.__doc__ or "").strip().partition("\n")[0]
        lines.append((name, first))
    return lines
