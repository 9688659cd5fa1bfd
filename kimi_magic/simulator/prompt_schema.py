"""The JSON Schema that is written in a prompt, and the prompt as it was before a client asked for repairs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import schema_values, strict_json
from .messages import Message
from .schemas import JsonSchema, SchemaError

_REPAIR = "That cannot be used:"  # how a client begins that asks for the same answer once more
_TRIES = 40  # places in one message where a schema may begin, of each kind
_OBJECT = re.compile(r'\{\s*"')
_OBJECT_ON_A_LINE = re.compile(r'^[ \t]*(\{)\s*"', re.MULTILINE)


def without_repairs(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages without requests for repair at their end and without the answers these refuse."""
    end = len(messages)
    while end > 1 and messages[end - 1].role == "user" and messages[end - 1].text.startswith(_REPAIR):
        end -= 1
        if messages[end - 1].role == "assistant" and not messages[end - 1].tool_calls:
            end -= 1
    return messages[:end]


def schema_in(messages: tuple[Message, ...]) -> tuple[JsonSchema | None, str]:
    """Return the JSON Schema that the prompt asks for, and its text; None where there is none.

    The last one counts, and what the user writes counts more than the system message.
    """
    for role in ("user", "system"):
        for message in reversed(messages):
            found = _schema_in(message.text) if message.role == role else None
            if found is not None:
                return found
    return None, ""


def _schema_in(text: str) -> tuple[JsonSchema, str] | None:
    if '"properties"' not in text:
        return None
    decoder = strict_json.decoder()
    for start in _starts(text):
        try:
            value, end = decoder.raw_decode(text, start)
            schema = _read(value)
        except (ValueError, RecursionError):
            continue
        if schema is not None:
            return schema, text[start:end]
    return None


def _starts(text: str) -> Iterator[int]:
    """Yield where objects begin: first those that begin a line, from the last on."""
    lines = [match.start(1) for match in _OBJECT_ON_A_LINE.finditer(text)]
    yield from lines[: -_TRIES - 1 : -1]
    yield from [match.start() for match in _OBJECT.finditer(text)][:_TRIES]


def _read(value: Any) -> JsonSchema | None:
    """Return the schema of an object that values can be made for, else None."""
    if not isinstance(value, dict) or value.get("type") != "object":
        return None
    if not isinstance(value.get("properties"), dict):
        return None
    try:
        return schema_values.check(value, by_dialect=False)
    except SchemaError:
        return None
