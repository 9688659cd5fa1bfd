"""JSON mode without a schema: which properties the words of a prompt ask for.

`schema_of` turns them into a schema, for data that is copied or looked up; `make` fills them with facts, and
with invented values where a prompt asks for examples.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

from . import english, samples, strict_json, subjects
from .hashing import random_for
from .subjects import Query

_QUOTED = re.compile(r"""([`"'])([A-Za-z_][\w-]{0,40})\1""")
_NAMED = re.compile(
    r"\b(?:keys?|fields?|propert(?:y|ies)|columns?|attributes?|with|containing|its|their)\b"
    r"\s*(?:(?:named|called|are|:)\s*)?((?:(?:a|an|the|and|or)\s+)*[A-Za-z_]\w*"
    r"(?:\s*(?:,\s*and|,|\band\b|&)\s*(?:(?:a|an|the)\s+)?[A-Za-z_]\w*)+)",
    re.IGNORECASE,
)
_SINGLE = re.compile(r"\b(?:key|field|property)\s+(?:named\s+|called\s+)?([A-Za-z_]\w*)", re.IGNORECASE)
_CONTAINER = re.compile(r"""["'`]?([A-Za-z_]\w*)["'`]?\s*:\s*\[""")
_NOT_NAMES = frozenset(
    ["a", "an", "the", "and", "or", "json", "object", "list", "array", "keys", "fields", "each"]
)
_MAX_NAMES = 40  # of properties
_MAX_COPIES = 2_000  # of one value in an example, through all lists around it
_EXAMPLE_TRIES = 20  # places in a prompt where an example may begin


def mentions_json(texts: list[str]) -> bool:
    """Return whether a prompt asks for JSON at all, as JSON mode requires."""
    return any("json" in text.lower() for text in texts)


def schema_of(prompt: str) -> dict[str, Any] | None:
    """Return a schema for the object a prompt seems to ask for, all values of which may be null, or None."""
    example = _example(prompt)
    if example is not None:
        return _schema_like(example)
    _, noun = subjects.how_many(prompt)
    container = _CONTAINER.search(prompt)
    key = container.group(1) if container else noun
    names = _names(prompt, key)
    record = _object({name: _schema_like(samples.value(name, 0, random_for(name))) for name in names})
    if noun or container:
        return _object({key or "items": {"type": "array", "items": record}})
    return record if names else None


def make(prompt: str, question: str, random: Random) -> dict[str, Any]:
    """Make the object a prompt seems to ask for; without any hint, an empty one.

    `prompt` is the system message and the question, `question` the part that says what the object is about.
    """
    row = random.randrange(100)
    query = subjects.read(question, random)
    count, noun = subjects.how_many(prompt)
    example = _example(prompt)
    if example is not None:
        copy: dict[str, Any] = _like(example, "", row, random, count=count, room=_MAX_COPIES)
        return copy
    container = _CONTAINER.search(prompt)
    key = container.group(1) if container else noun
    names = _names(prompt, key)
    if noun or container:
        size = query.count or count or subjects.USUAL_RECORDS
        kind = english.singular(noun or key)
        return {key or "items": [_record(names, kind, row, query, random, at=at) for at in range(size)]}
    if names:
        return {name: _value(name, row, query, random) for name in names}
    return {}


def _record(
    names: list[str], kind: str, row: int, query: Query, random: Random, *, at: int
) -> dict[str, Any]:
    """Make one of several records; the `name` of a city is the name of a city."""
    record: dict[str, Any] = {}
    for name in names or ["name", "description"]:
        known = query.subject.value(name, at) if query.subject else None
        if known is None and name == "name" and kind:
            known = samples.text(kind, row + at, row) if samples.knows(kind) else samples.member(kind, at)
        record[name] = samples.value(name, row + at, random) if known is None else known
    return record


def _value(name: str, row: int, query: Query, random: Random) -> Any:
    known = query.subject.value(name, 0) if query.subject else None
    return samples.value(name, row, random) if known is None else known


def _names(prompt: str, key: str) -> list[str]:
    """Return the property names in a prompt: quoted ones, else those after `keys`, `fields` or `with`."""
    names = [match.group(2) for match in _QUOTED.finditer(prompt)]
    if not set(names) - {key}:
        lists = [match.group(1) for match in _NAMED.finditer(prompt)]
        names = [word for text in lists for word in re.findall(r"[A-Za-z_]\w*", text)]
    if not names:
        names = [match.group(1) for match in _SINGLE.finditer(prompt)]
    names = [name for name in names if name.lower() not in _NOT_NAMES and name != key]
    return list(dict.fromkeys(names))[:_MAX_NAMES]


def _example(prompt: str) -> dict[str, Any] | None:
    """Return the first JSON object written out in the prompt."""
    decoder = strict_json.decoder()
    for match in list(re.finditer(r"\{", prompt))[:_EXAMPLE_TRIES]:
        try:
            value, _ = decoder.raw_decode(prompt, match.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value and not strict_json.is_too_deep(value):
            return value
    return None


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _schema_like(example: Any) -> dict[str, Any]:
    """Return the schema of values like an example, all of which may be null."""
    match example:
        case bool():
            return {"type": ["boolean", "null"]}
        case int() | float():
            return {"type": ["number", "null"]}
        case list():
            return {"type": "array", "items": _schema_like(example[0]) if example else {"type": "string"}}
        case dict():
            return _object({name: _schema_like(value) for name, value in example.items()})
    return {"type": ["string", "null"]}


def _like(example: Any, name: str, row: int, random: Random, *, count: int, room: int) -> Any:
    """Make a value of the shape of an example, with other contents; lists multiply it up to `room` times."""
    match example:
        case bool():
            return random.random() < 0.5
        case int():
            return samples.integer(name, random)
        case float():
            return samples.decimal(name, random)
        case str():
            return samples.text(name, row)
        case list():
            one, single = (example[0] if example else ""), english.singular(name)
            size = count or max(2, len(example))
            size = size if size <= room else 1
            return [_like(one, single, row + at, random, count=0, room=room // size) for at in range(size)]
        case dict():
            return {
                key: _like(value, key, row, random, count=count, room=room) for key, value in example.items()
            }
    return None
