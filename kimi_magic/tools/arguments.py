"""From the arguments of a call, as the model wrote them, to those of Python. Nothing is evaluated."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from kimi_magic import json_text
from kimi_magic.tools.declaration import Tool


class Bound(NamedTuple):
    """Arguments that are ready to be passed."""

    positional: list[Any]
    named: dict[str, Any]


def read(text: str, tool: Tool) -> Bound:
    """The arguments in `text` for `tool`; none at all are written as "" by some models.

    Raises:
        ValueError: They are no JSON object, or do not fit; the text tells the model what to correct.
    """
    value = _object(text, digits=tool.signature.has_decimals)
    return Bound(*tool.signature.bind(value))


def _object(text: str, *, digits: bool) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        json.loads(text, parse_constant=_refuse)
        # What is JSON may be hardly meant so: LaTeX in a string, a number without end.
        found = json_text.read(text, digits=digits).value
    except json_text.JSONFault as fault:
        raise ValueError(f"the arguments are no JSON object that can be used: {fault}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the arguments are no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"the arguments are {_kind(found)}; expected a JSON object")  # noqa: TRY004 - no fault of a caller
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
    return "a list"
