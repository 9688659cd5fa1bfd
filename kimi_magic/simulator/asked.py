"""What a JSON answer is to be made from: the schema written in a prompt, and the question behind a repair."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from . import schema_values
from .dialogue import Message
from .schemas import Schema, SchemaError

_REPAIR = "That cannot be used:"  # how a client begins that asks for its answer once more
_TRIES = 40  # places in one message where a schema may begin
_OBJECT = re.compile(r'\{\s*"')
_OBJECT_ON_A_LINE = re.compile(r'^[ \t]*\{\s*"', re.MULTILINE)


def without_repairs(history: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages as they were before the first answer to the last question had to be mended."""
    while len(history) > 1 and history[-1].role == "user" and history[-1].text.startswith(_REPAIR):
        history = history[:-1]
        if history[-1].role == "assistant" and not history[-1].calls:
            history = history[:-1]
    return history


def schema_in(history: tuple[Message, ...]) -> tuple[Schema | None, str]:
    """Return the JSON Schema that the prompt asks for, and its text; None where there is none.

    The last one counts, and what the user writes counts more than the system message.
    """
    for role in ("user", "system"):
        for message in reversed(history):
            found = _schema_in(message.text) if message.role == role else None
            if found is not None:
                return found
    return None, ""


def _schema_in(text: str) -> tuple[Schema, str] | None:
    if '"properties"' not in text:
        return None
    decoder = json.JSONDecoder()
    for start in _starts(text):
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if _is_schema(value):
            return value, text[start:end]
    return None


def _starts(text: str) -> Iterator[int]:
    """Yield where objects begin: first those that have a line for themselves, from the last on."""
    lines = [match.end() - len(match.group().lstrip()) for match in _OBJECT_ON_A_LINE.finditer(text)]
    yield from lines[: -_TRIES - 1 : -1]
    yield from [match.start() for match in _OBJECT.finditer(text)][:_TRIES]


def _is_schema(value: Any) -> bool:
    """Say whether a value is the schema of an object that can be followed."""
    if not isinstance(value, dict) or value.get("type") != "object":
        return False
    if not isinstance(value.get("properties"), dict):
        return False
    try:
        schema_values.check(value, dialect=False)
    except (SchemaError, RecursionError):
        return False
    return True
