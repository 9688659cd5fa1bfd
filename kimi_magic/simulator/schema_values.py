"""Values for a JSON Schema: structured output, and the arguments of tool calls.

A schema is tried when it is checked, so that one this module cannot satisfy is refused beforehand and
structured output is always valid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from . import samples
from .schemas import (
    CHOICES,
    Schema,
    bad,
    check_shape,
    fits,
    fits_number,
    fits_text,
    guess,
    is_a,
    kinds_of,
    merge,
    resolve,
)

_SHALLOW = 6  # levels; below this only what is required is made, so that recursive schemas end
_DEEPEST = 60  # levels; a schema that still is not finished cannot be satisfied
_MOST_VALUES = 5_000  # in one answer
_FORMATS = {
    "date": "2025-03-14",
    "time": "09:26:53Z",
    "date-time": "2025-03-14T09:26:53Z",
    "duration": "P3D",
    "email": "ada@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "uri": "https://example.org/item",
    "uuid": "3f2b8c1e-5d64-4a0b-9c7e-1f0a2b3c4d5e",
}
_PATTERN_TRIES = (
    "a", "A", "1", "abc", "ABC", "123", "1234", "12345", "a1", "A1", "AB12", "abc-123", "ABC-123", "ABC-1234",
    "Abc", "a_b", "#1a2b3c", "1.0.0", "v1.0.0", "2025-03-14", "09:26", "+15550100200", "555-0100",
    "ada@example.org", "https://example.org/item", "example.org", "en", "en-GB", "EUR", "/a/b",
    *_FORMATS.values(),
)  # fmt: skip


def check(schema: Schema) -> None:
    """Refuse, with `SchemaError`, a schema that is malformed or cannot be satisfied."""
    check_shape(schema, "", schema, needs_type=False)
    try:
        make(schema, samples.seeded("trial"))
    except RecursionError:
        raise bad("", "the schema never ends") from None


def check_parameters(schema: Schema) -> None:
    """Check the schema of a tool's arguments, which are always an object."""
    if schema.get("type", "object") != "object":
        raise bad("", "type must be object")
    check({"type": "object", **schema})


def make(schema: Schema, random: Random) -> Any:
    """Make a value that fits a schema; the same `random` gives the same value.

    Raises `SchemaError` if it cannot be done, which `check` finds out first.
    """
    for _ in range(4):  # a drawn value may miss, say, uniqueItems; another draw may not
        maker = _Maker(schema, random)
        value = maker.value(schema, "", 0)
        if fits(value, schema, schema):
            return value
    raise bad("", "the schema cannot be satisfied")


def make_part(part: Schema, root: Schema, name: str, random: Random) -> Any:
    """Make a value for one property of `root`, called `name`."""
    return _Maker(root, random).value(part, name, 1)


class _Maker:
    """One value in the making: the document, the source of chance, and how much was made already."""

    def __init__(self, root: Schema, random: Random) -> None:
        self._root = root
        self._random = random
        self._made = 0
        self._row = random.randrange(100)

    def value(self, schema: Schema, name: str, depth: int) -> Any:
        self._made += 1
        if depth > _DEEPEST or self._made > _MOST_VALUES:
            raise bad("", "the schema asks for endless output")
        schema = self._flat(resolve(schema, self._root), depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            kinds = kinds_of(schema)
            fitting = [e for e in schema["enum"] if not kinds or any(is_a(e, kind) for kind in kinds)]
            return self._random.choice(fitting or schema["enum"])
        kinds = kinds_of(schema)
        match kinds[0] if kinds else guess(schema):
            case "null":
                return None
            case "boolean":
                return self._random.random() < 0.5
            case "integer":
                return self._number(schema, name, whole=True)
            case "number":
                return self._number(schema, name, whole=False)
            case "array":
                return self._list(schema, name, depth)
            case "object":
                return self._object(schema, depth)
        return self._text(schema, name)

    def _flat(self, schema: Schema, depth: int) -> Schema:
        """Fold choices into one schema: all of `allOf`, the first of `anyOf` and `oneOf`."""
        rounds = 0
        while any(key in schema for key in CHOICES):
            rounds += 1
            if rounds > _DEEPEST:
                raise bad("", "the choices never end")
            base = {key: value for key, value in schema.items() if key not in CHOICES}
            parts = list(schema.get("allOf", ()))
            for key in ("anyOf", "oneOf"):
                if key in schema:
                    parts.append(self._pick(schema[key], depth))
            for part in parts:
                base = merge(base, resolve(part, self._root))
            schema = resolve(base, self._root)
        return schema

    def _pick(self, options: list[Schema], depth: int) -> Schema:
        if depth < _SHALLOW:
            return options[0]
        for option in options:  # the shortest way out of a recursion
            if kinds_of(resolve(option, self._root))[:1] not in (["object"], ["array"]):
                return option
        return options[-1]

    def _number(self, schema: Schema, name: str, *, whole: bool) -> float:
        step = schema.get("multipleOf", 1 if whole else 0.01)
        low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
        high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
        wish = samples.whole(name, self._random) if whole else samples.real(self._random)
        bounded = math.isfinite(low) and math.isfinite(high)
        if bounded and not low < wish < high:
            wish = low + (high - low) * self._random.random()
        elif math.isfinite(low) and wish <= low:
            wish = low + wish * step
        elif math.isfinite(high) and wish >= high:
            wish = high - wish * step
        near = round(wish / step)
        for count in (near, near + 1, near - 1, math.ceil(low / step) if math.isfinite(low) else near):
            value = int(count * step) if whole else round(count * step, 6)
            if fits_number(value, schema):
                return value
        for value in (wish, low, high):  # a range narrower than a step
            if math.isfinite(value) and fits_number(value, schema) and (not whole or value == int(value)):
                return int(value) if whole else value
        raise bad("", "no number lies between the bounds")

    def _text(self, schema: Schema, name: str) -> str:
        if "pattern" in schema:
            for candidate in (samples.text(name, self._row), *_PATTERN_TRIES):
                if fits_text(candidate, schema):
                    return candidate
            raise bad("", "this pattern is not supported")
        text = _FORMATS.get(str(schema.get("format", ""))) or samples.text(name, self._row)
        least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        if len(text) < least:
            text += " and so on" * ((least - len(text)) // 10 + 1)
            text = text[: max(least, 1)]
        return text if len(text) <= most else text[: int(most)]

    def _list(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if least > _MOST_VALUES:
            raise bad("", "minItems is too large")
        count = least if depth >= _SHALLOW else int(min(max(least, 2), most))
        single = samples.singular(name)
        items: list[Any] = []
        for _ in range(count):
            item = self.value(schema.get("items", {}), single, depth + 1)
            tries = 0
            while schema.get("uniqueItems") and item in items and tries < 20:
                self._row += 1
                item = self.value(schema.get("items", {}), single, depth + 1)
                tries += 1
            if schema.get("uniqueItems") and item in items and len(items) >= least:
                break
            items.append(item)
            self._row += 1
        return items

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        extra = schema.get("additionalProperties", True)
        made: dict[str, Any] = {}
        for name, part in properties.items():
            if name in required or depth < _SHALLOW:
                made[name] = self.value(part, name, depth + 1)
        most = schema.get("maxProperties", math.inf)
        for name in [name for name in made if name not in required]:
            if len(made) > most:
                del made[name]
        wanted = [name for name in required if name not in made]
        least = max(schema.get("minProperties", 0), 2 if not properties and isinstance(extra, Mapping) else 0)
        if least > _MOST_VALUES:
            raise bad("", "minProperties is too large")
        spare = (f"key_{number}" for number in range(1, least + 1))
        while len(made) + len(wanted) < min(least, most):
            wanted.append(next(spare))
        for name in wanted:
            part = extra if isinstance(extra, Mapping) else {"type": "string"}
            made[name] = self.value(part, name, depth + 1)
        return made
