"""What a docstring says of a function and of its parameters: in the usual styles, or plain."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple

# What a docstring calls types, for parameters without a hint.
TYPES: dict[str, Any] = {
    "int": int, "integer": int, "float": float, "number": float, "str": str, "string": str, "text": str,
    "bool": bool, "boolean": bool, "list": list, "dict": dict,
}  # fmt: skip


class Documented(NamedTuple):
    """The text about the function as a whole, and by parameter its text and its type where that is named."""

    text: str
    parameters: dict[str, tuple[str, Any]]


def read(function: Any) -> Documented:
    """What the docstring of `function` says; empty where it has none."""
    source = _source(function)
    if not source.strip():
        return Documented("", {})
    from docstring_parser import ParseError, parse

    try:
        parsed = parse(source)
    except ParseError:  # it looks like a style and is none
        return Documented(source.strip(), {})
    parameters = {
        each.arg_name.lstrip("*"): (_on_one_line(each.description), _type(each.type_name))
        for each in parsed.params
    }
    said = [parsed.short_description, parsed.long_description]
    text = "\n\n".join(part.strip() for part in said if part and part.strip())
    return Documented(text or source.strip(), parameters)


def _source(function: Any) -> str:
    """The docstring: of the function inside a partial; of the call of an object, or of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function) and not isinstance(function, type):
        kind = type(function)
        return inspect.getdoc(kind.__call__) or inspect.getdoc(kind) or ""
    return inspect.getdoc(function) or ""


def _type(name: str | None) -> Any:
    """The type that stands first in `int, optional`; None where it is none of the plain ones."""
    return TYPES.get((name or "").partition(",")[0].strip().lower())


def _on_one_line(text: str | None) -> str:
    return " ".join((text or "").split())
