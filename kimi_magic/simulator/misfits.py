"""JSON answers that do not fit what the request asks for, as the fault switch `misfit` wants them.

The ways to find what does not fit are finished: they serve the tests as they are and are not meant to grow.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from . import content
from .schemas import JsonSchema

KINDS = ("type", "missing", "fence", "broken", "nan", "twice")
_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|,')
_TRIES = 40  # changes of a value that are compared with the schema


def spoil(text: str, kind: str, schema: JsonSchema | None) -> str:
    """Return an answer with the fault. What is no JSON object, or cannot have the fault, stays as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, dict):
        return text
    match kind:
        case "fence":
            form: str = content.load("answers")["json"]["fenced"]
            return form.format(json=json.dumps(value, ensure_ascii=False, indent=2))
        case "broken":
            return _without_a_comma(text)
        case "nan":
            _set_first(value, float("nan"))
            return json.dumps(value, ensure_ascii=False)
        case "twice":
            return _with_a_key_twice(value)
    changes = _with_another_type(value) if kind == "type" else _with_less(value)
    for changed in islice(changes, _TRIES):
        if schema is None or not schema.fits(changed):
            return json.dumps(changed, ensure_ascii=False)
    return text


def _record(value: dict[str, Any]) -> dict[str, Any]:
    """Return the first record: of the first list of objects, else the object itself."""
    for part in value.values():
        if isinstance(part, list) and part and isinstance(part[0], dict) and part[0]:
            return part[0]
    return value


def _names(record: dict[str, Any]) -> list[str]:
    """Return the properties, numbers first: that one of them is missing or a word is seen at once."""
    order = (int, float, bool, str)
    kinds = {name: type(value) for name, value in record.items() if type(value) in order}
    return sorted(kinds, key=lambda name: order.index(kinds[name])) or list(record)


def _with_another_type(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _names(_record(value)):
        old = _record(value)[name]
        for new in (None, f"about {old}", 7, [old]):
            changed = copy.deepcopy(value)
            _record(changed)[name] = new
            yield changed


def _with_less(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in reversed(_record(value)):
        changed = copy.deepcopy(value)
        del _record(changed)[name]
        yield changed
    for name in reversed(value):
        yield {key: part for key, part in value.items() if key != name}


def _set_first(value: dict[str, Any], new: Any) -> None:
    record = _record(value)
    if record:
        record[_names(record)[0]] = new


def _with_a_key_twice(value: dict[str, Any]) -> str:
    """Write a key of the first record a second time; the right value comes last, which parsers keep."""
    record = _record(value)
    if not record:
        return json.dumps(value, ensure_ascii=False)
    name = next(iter(record))
    mark = f"{name} twice"
    while mark in record:
        mark += "!"
    items = {mark: None, **record}
    record.clear()
    record.update(items)
    written = json.dumps(value, ensure_ascii=False)
    return written.replace(f"{json.dumps(mark, ensure_ascii=False)}: null", f"{_key(name)}: null", 1)


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _without_a_comma(text: str) -> str:
    commas = [match.start() for match in _COMMA.finditer(text) if match.group() == ","]
    if not commas:
        return text.rstrip().removesuffix("}")
    return text[: commas[0]] + text[commas[0] + 1 :]
