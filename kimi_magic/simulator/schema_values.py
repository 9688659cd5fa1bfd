"""Values for a JSON Schema: structured output, and the arguments of tool calls.

A schema is tried when it is checked, so that one this module cannot satisfy is refused beforehand and
structured output is always valid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from . import formats, samples, subjects
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
from .subjects import Subject, Wish

_SHALLOW = 6  # levels; below this only what is required is made, so that recursive schemas end
_DEEPEST = 60  # levels; a schema that still is not finished cannot be satisfied
_MOST_VALUES = 20_000  # in one answer
_PATTERN_TRIES = (
    "a", "A", "1", "abc", "ABC", "123", "1234", "12345", "a1", "A1", "AB12", "abc-123", "ABC-123", "ABC-1234",
    "Abc", "a_b", "#1a2b3c", "1.0.0", "v1.0.0", "2025-03-14", "09:26", "+15550100200", "555-0100",
    "ada@example.org", "https://example.org/item", "example.org", "en", "en-GB", "EUR", "/a/b",
    *formats.EXAMPLES.values(),
)  # fmt: skip


def check(schema: Schema, *, dialect: bool = True) -> None:
    """Refuse, with `SchemaError`, a schema that is malformed or cannot be satisfied.

    Without `dialect` it need not keep the vendor's own rules: a model reads any schema in a prompt.
    """
    check_shape(schema, "", schema, needs_type=False, dialect=dialect)
    try:
        make(schema, samples.seeded("trial"))
    except RecursionError:
        raise bad("", "detected infinite recursion without termination condition") from None


def check_parameters(schema: Schema) -> None:
    """Check the schema of a tool's arguments, which are always an object."""
    if schema.get("type", "object") != "object":
        raise bad("", "type must be object")
    check({"type": "object", **schema})


def make(schema: Schema, random: Random, wish: Wish | None = None) -> Any:
    """Make a value that fits a schema; the same `random` gives the same value.

    `wish` says what it is about. Raises `SchemaError` if it cannot be done, which `check` finds out first.
    """
    for attempt in range(4):  # a drawn value may miss, say, uniqueItems; another draw may not
        maker = _Maker(schema, random, wish if attempt < 3 else None)
        value = maker.value(schema, "", 0)
        if fits(value, schema, schema):
            return value
    raise bad("", "the schema cannot be satisfied")


def make_part(part: Schema, root: Schema, name: str, random: Random) -> Any:
    """Make a value for one property of `root`, called `name`."""
    return _Maker(root, random, None).value(part, name, 1)


class _Maker:
    """One value in the making: the document, the source of chance, and how much was made already.

    `_row` is the record that invented samples are taken from, `_first` the one with which the list around
    it began, `_place` the place in that list (None outside); what is known is that of `_subject`, if any.
    """

    def __init__(self, root: Schema, random: Random, wish: Wish | None) -> None:
        self._root = root
        self._random = random
        self._made = 0
        self._row = self._first = random.randrange(100)
        self._place: int | None = None
        self._wish = wish or Wish()
        self._noun = self._wish.noun
        self._records = self._record_list(root) if wish else None
        self._subject: Subject | None = self._wish.subject if self._records is None else None

    def _record_list(self, root: Schema) -> str | None:
        """Return the property that holds the records asked for, "" for the whole; None if there is none."""
        top = self._flat(resolve(root, root), 0)
        if (kinds_of(top) or [guess(top)])[0] == "array":
            return ""
        lists = []
        for name, part in top.get("properties", {}).items():
            flat = self._flat(resolve(part, root), 1)
            if (kinds_of(flat) or [guess(flat)])[0] == "array":
                lists.append(name)
        return lists[0] if len(lists) == 1 else None

    def value(self, schema: Schema, name: str, depth: int) -> Any:
        self._made += 1
        if depth > _DEEPEST or self._made > _MOST_VALUES:
            raise bad("", "detected infinite recursion without termination condition")
        schema = self._flat(resolve(schema, self._root), depth)
        if "const" in schema:
            return schema["const"]
        known = self._known(schema, name)
        if known is not None:
            return known
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

    def _known(self, schema: Schema, name: str) -> Any:
        """Return what is known under this name in the form that the schema takes, else None."""
        if self._subject is None or not name:
            return None
        value = self._subject.value(name, self._place or 0)
        kinds = kinds_of(schema) or [guess(schema)]
        forms = [value]
        if kinds[0] == "integer" and isinstance(value, float):
            forms = [round(value)]
        elif kinds[0] == "string" and isinstance(value, list):
            forms = [", ".join(value), value[0]]
        elif kinds[0] == "string" and isinstance(value, int | float) and not isinstance(value, bool):
            forms = [f"{value:,}" if value > 9999 else str(value)]
        elif kinds[0] == "array" and isinstance(value, str):
            forms = [[value]]
        forms += [option for option in schema.get("enum", ()) if str(option).lower() == str(value).lower()]
        return next((form for form in forms if form is not None and fits(form, schema, self._root)), None)

    def _flat(self, schema: Schema, depth: int) -> Schema:
        """Fold choices into one schema: all of `allOf`, the first of `anyOf` and `oneOf`."""
        rounds = 0
        while any(key in schema for key in CHOICES):
            rounds += 1
            if rounds > _DEEPEST:
                raise bad("", "detected infinite recursion without termination condition")
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
        wish: float = samples.real(self._random, name)
        if whole:
            wish = samples.whole(name, self._random, self._place)
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
        form = str(schema.get("format", "")) or formats.described(str(schema.get("description", "")))
        word = self._word(name)
        text = word if formats.has(form, word) else formats.example(form, self._row) or word
        if "pattern" in schema:
            number = str(samples.real(self._random, name))
            for candidate in (text, number, *_PATTERN_TRIES):
                if fits_text(candidate, schema):
                    return candidate
            raise bad("", "this pattern is not supported")
        least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        if len(text) < least:
            text += " and so on" * ((least - len(text)) // 10 + 1)
            text = text[: max(least, 1)]
        return text if len(text) <= most else text[: int(most)]

    def _word(self, name: str) -> str:
        """Return an invented word; what is only called `name` is one of the things asked for."""
        first = None if self._place is None else self._first
        if self._place is None and (said := self._said(name)):
            return said
        single = samples.singular(self._noun)
        if self._noun and self._noun != "items" and name in ("name", "title", single):
            if samples.knows(single):
                return samples.text(single, self._row, first)
            if name != "title":
                return samples.member(single, self._place or 0)
        return samples.text(name, self._row, first)

    def _said(self, name: str) -> str:
        """Return what the question itself says of a single object."""
        if name in ("name", "full_name", "person"):
            return self._wish.proper
        about = self._wish.title if name in ("title", "topic", "subject", "headline", "name", "dish") else ""
        return about[:1].upper() + about[1:]

    def _list(self, schema: Schema, name: str, depth: int) -> list[Any]:
        count = self._length(schema, name, depth)
        outside = self._row, self._first, self._place, self._noun, self._subject
        is_asked = depth <= 1 and name == self._records
        self._subject = self._wish.subject if is_asked else subjects.named_by(name, self._random)
        if depth > 1:
            self._subject = None  # what belongs to one of the records is not known
        if not is_asked:
            self._noun = name
        self._first = self._row
        items: list[Any] = []
        for at in range(count):
            self._row, self._place = self._first + at, at
            if self._made > _MOST_VALUES - 1000 and len(items) >= schema.get("minItems", 0):
                break
            item = self._item(schema, name, depth, items)
            if schema.get("uniqueItems") and item in items and len(items) >= schema.get("minItems", 0):
                break
            items.append(item)
        self._row, self._first, self._place, self._noun, self._subject = outside
        return items

    def _item(self, schema: Schema, name: str, depth: int, items: list[Any]) -> Any:
        part = schema.get("items", {})
        single = samples.singular(self._noun or name)
        item = self.value(part, single, depth + 1)
        for _ in range(20):
            if not schema.get("uniqueItems") or item not in items:
                break
            self._row += 1
            item = self.value(part, single, depth + 1)
        return item

    def _length(self, schema: Schema, name: str, depth: int) -> int:
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if least > _MOST_VALUES:
            raise bad("", "minItems is too large")
        if depth >= _SHALLOW:
            return int(least)
        usual = 2
        if depth <= 1 and name == self._records:
            usual = self._wish.count or subjects.SOME
        return int(min(max(least, usual), most))

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
        return made if depth else self._counted(made, properties)

    def _counted(self, made: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
        """Let a `count` beside the records be their number."""
        size = len(made.get(self._records, ())) if self._records else 0
        for name in {"count", "n", "total_count"} & set(made) if size else ():
            if fits(size, properties.get(name, {"type": "integer"}), self._root):
                made[name] = size
        return made
