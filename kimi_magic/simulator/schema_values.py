"""Invented values for a JSON Schema: for wishes for examples, trials of a schema, arguments of tool calls.

Records on a subject with a table are filled from it; all other values are samples that suit the names of the
properties. Data that a text in the prompt contains is copied by `extraction` instead.

When a schema is checked, a value is made for it, so that a schema that no value fits is refused before the
answer begins.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from . import dialect, english, formats, samples, subjects
from .hashing import random_for
from .schemas import (
    CHOICES,
    JsonSchema,
    Schema,
    SchemaError,
    identity,
    is_a,
    kinds_of,
    main_kind,
    merge,
    resolve,
    wrong,
)
from .subjects import Query, Subject

_SHALLOW = 6  # levels; below this only required properties are made, so that recursive schemas end
_MAX_DEPTH = 60  # levels; a schema whose value is still not finished cannot be satisfied
_MAX_VALUES = 20_000  # in one answer
_RESERVE = 1_000  # values; where fewer are left, lists that are long enough end
_MAX_TRIES = 4  # a value may fail by chance, say at uniqueItems; another one may not
_USUAL_LENGTH = 2  # of a list that the question does not ask for


def check(document: Schema, *, by_dialect: bool = True) -> JsonSchema:
    """Check a schema and make it ready for use.

    Without `by_dialect` it need not keep the vendor's own rules: a model reads any schema in a prompt. Raises
    `SchemaError` for one that is malformed or cannot be satisfied.
    """
    dialect.check(document, dialect=by_dialect)
    schema = JsonSchema(document)
    try:
        make(schema, random_for("trial"))
    except RecursionError:
        raise _endless() from None
    return schema


def check_parameters(document: Schema) -> JsonSchema:
    """Check the schema of a tool's arguments, which are always an object."""
    if document.get("type", "object") != "object":
        raise wrong("", "type must be object")
    return check({"type": "object", **document})


def make(schema: JsonSchema | Schema, random: Random, query: Query | None = None) -> Any:
    """Make a value that fits a schema; the same `random` gives the same value.

    `query` says what records the value is about. Raises `SchemaError` if no value can be made, which `check`
    finds out beforehand.
    """
    if not isinstance(schema, JsonSchema):
        schema = JsonSchema(schema)
    for attempt in range(1, _MAX_TRIES + 1):
        value = _Maker(schema, random, query if attempt < _MAX_TRIES else None).value(schema.root, "", 0)
        if schema.fits(value):
            return value
    raise wrong("", "the schema cannot be satisfied")


def make_part(part: Schema, schema: JsonSchema, name: str, random: Random) -> Any:
    """Make a value for one property of a schema, called `name`."""
    return _Maker(schema, random, None).value(part, name, 1)


def _endless() -> SchemaError:
    return wrong("", "detected infinite recursion without termination condition")


@dataclass(frozen=True, slots=True)
class _Position:
    """Where in the answer a value is made.

    `row` is the record that samples are taken from; `first` the row with which the list around it began;
    `place` the place in that list, None outside of lists; `noun` what the list holds; `subject` what is known
    of it.
    """

    row: int
    first: int
    place: int | None = None
    noun: str = ""
    subject: Subject | None = None


class _Maker:
    """One value while it is made: the schema, the random numbers, and how much work was done already."""

    def __init__(self, schema: JsonSchema, random: Random, query: Query | None) -> None:
        self._schema = schema
        self._root = schema.root
        self._random = random
        self._work = 0
        self._query = query or Query()
        self._options: dict[tuple[Any, ...], list[Any]] = {}
        row = random.randrange(100)
        self._records = self._record_list() if query else None  # the property that holds the records
        subject = self._query.subject if self._records is None else None
        self._at = _Position(row, row, noun=self._query.noun, subject=subject)

    def value(self, schema: Schema, name: str, depth: int) -> Any:
        """Make a value for a part of the schema; `name` is that of its property."""
        self._spend(1)
        if depth > _MAX_DEPTH:
            raise _endless()
        schema = self._flat(resolve(schema, self._root), depth)
        if "const" in schema:
            return schema["const"]
        known = self._known(schema, name)
        if known is not None:
            return known
        if "enum" in schema:
            return self._random.choice(self._fitting_options(schema))
        match main_kind(schema):
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

    def _spend(self, work: int) -> None:
        self._work += work
        if self._work > _MAX_VALUES:
            raise _endless()

    def _record_list(self) -> str | None:
        """Return the property that holds the records, "" for the whole value; None if there is none."""
        top = self._flat(resolve(self._root, self._root), 0)
        if main_kind(top) == "array":
            return ""
        lists = [
            name
            for name, part in top.get("properties", {}).items()
            if main_kind(self._flat(resolve(part, self._root), 1)) == "array"
        ]
        return lists[0] if len(lists) == 1 else None

    def _known(self, schema: Schema, name: str) -> Any:
        """Return what is known under this name, in the form that the schema wants, else None."""
        if self._at.subject is None or not name:
            return None
        value = self._at.subject.value(name, self._at.place or 0)
        forms = [*subjects.forms(value, main_kind(schema))]
        forms += [option for option in schema.get("enum", ()) if str(option).lower() == str(value).lower()]
        return next((form for form in forms if form is not None and self._schema.fits(form, schema)), None)

    def _fitting_options(self, schema: Schema) -> list[Any]:
        """Return the values of an enum that are of the right type; all if none is."""
        options, kinds = schema["enum"], kinds_of(schema)
        key = (id(options), *kinds)
        if key not in self._options:
            fitting = [value for value in options if not kinds or any(is_a(value, kind) for kind in kinds)]
            self._options[key] = fitting or options
        return self._options[key]

    def _flat(self, schema: Schema, depth: int) -> Schema:
        """Join choices into one schema: all of `allOf`, the first of `anyOf` and `oneOf`."""
        for _ in range(_MAX_DEPTH):
            if not any(key in schema for key in CHOICES):
                return schema
            parts: list[Schema] = [{key: value for key, value in schema.items() if key not in CHOICES}]
            parts += [resolve(part, self._root) for part in schema.get("allOf", ())]
            parts += [
                resolve(self._pick(schema[key], depth), self._root)
                for key in ("anyOf", "oneOf")
                if key in schema
            ]
            self._schema.count(sum(len(part.get("properties", ())) + 1 for part in parts))
            schema = resolve(merge(parts), self._root)
        raise _endless()

    def _pick(self, options: list[Schema], depth: int) -> Schema:
        if depth < _SHALLOW:
            return options[0]
        self._schema.count(len(options))
        for option in options:  # the shortest way out of a recursion
            if kinds_of(resolve(option, self._root))[:1] not in (["object"], ["array"]):
                return option
        return options[-1]

    def _number(self, schema: Schema, name: str, *, whole: bool) -> float:
        step = schema.get("multipleOf", 1 if whole else 0.01)
        low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
        high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
        number: float = samples.decimal(name, self._random)
        if whole:
            number = samples.integer(name, self._random, self._at.place)
        if math.isfinite(low) and math.isfinite(high) and not low < number < high:
            number = low + (high - low) * self._random.random()
        elif math.isfinite(low) and number <= low:
            number = low + number * step
        elif math.isfinite(high) and number >= high:
            number = high - number * step
        for candidate in _near(number, step, low, high, whole=whole):
            if self._schema.fits(candidate, schema):
                return candidate
        raise wrong("", "no number lies between the bounds")

    def _text(self, schema: Schema, name: str) -> str:
        form = str(schema.get("format", "")) or formats.form_in(str(schema.get("description", "")))
        word = self._word(name)
        text = word if formats.has_form(form, word) else formats.example(form, self._at.row) or word
        if "pattern" in schema:
            number = str(samples.decimal(name, self._random))
            for candidate in (text, number, *formats.pattern_candidates()):
                if self._schema.fits(candidate, schema):
                    return candidate
            raise wrong("", "this pattern is not supported")
        least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        if len(text) < least:
            self._spend(least // 100)  # a long text is as much work as many short ones
            text += " and so on" * ((least - len(text)) // 10 + 1)
            text = text[: max(least, 1)]
        return text if len(text) <= most else text[: int(most)]

    def _word(self, name: str) -> str:
        """Return an invented word; what is only called `name` is one of the things that the list holds."""
        at = self._at
        first = None if at.place is None else at.first
        if at.place is None and (quoted := self._quoted(name)):
            return quoted
        single = english.singular(at.noun)
        if at.noun and at.noun != "items" and name in ("name", "title", single):
            if samples.knows(single):
                return samples.text(single, at.row, first)
            if name != "title":
                return samples.member(single, at.place or 0)
        return samples.text(name, at.row, first)

    def _quoted(self, name: str) -> str:
        """Return what the question itself says of a single object."""
        if name in ("name", "full_name", "person"):
            return self._query.proper_name
        named = name in ("title", "topic", "subject", "headline", "name", "dish")
        about = self._query.title if named else ""
        return about[:1].upper() + about[1:]

    def _list(self, schema: Schema, name: str, depth: int) -> list[Any]:
        outside = self._at
        length = self._length(schema, name, depth)
        holds_records = depth <= 1 and name == self._records
        subject = self._query.subject if holds_records else subjects.named_by(name, self._random)
        if depth > 1:
            subject = None  # what belongs to one of the records is not known
        noun = outside.noun if holds_records else name
        inside = replace(outside, first=outside.row, noun=noun, subject=subject)
        least, unique = schema.get("minItems", 0), schema.get("uniqueItems")
        items: list[Any] = []
        seen: set[Hashable] = set()
        for place in range(length):
            self._at = replace(inside, row=inside.first + place, place=place)
            if self._work > _MAX_VALUES - _RESERVE and len(items) >= least:
                break
            item = self._item(schema, name, depth, seen)
            if unique and identity(item) in seen and len(items) >= least:
                break
            items.append(item)
            if unique:
                seen.add(identity(item))
        self._at = outside
        return items

    def _item(self, schema: Schema, name: str, depth: int, seen: set[Hashable]) -> Any:
        """Make an item, if possible one that was not `seen` in the same list."""
        part = schema.get("items", {})
        single = english.singular(self._at.noun or name)
        item = self.value(part, single, depth + 1)
        for _ in range(20):
            if not seen or identity(item) not in seen:
                break
            self._at = replace(self._at, row=self._at.row + 1)
            item = self.value(part, single, depth + 1)
        return item

    def _length(self, schema: Schema, name: str, depth: int) -> int:
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if least > _MAX_VALUES:
            raise wrong("", "minItems is too large")
        if depth >= _SHALLOW:
            return int(least)
        usual = _USUAL_LENGTH
        if depth <= 1 and name == self._records:
            usual = self._query.count or subjects.USUAL_RECORDS
        return int(min(max(least, usual), most))

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = dict.fromkeys(schema.get("required", ()))
        extra = schema.get("additionalProperties", True)
        self._schema.count(len(properties) + len(required))
        record = {
            name: self.value(part, name, depth + 1)
            for name, part in properties.items()
            if name in required or depth < _SHALLOW
        }
        most = schema.get("maxProperties", math.inf)
        for name in [name for name in record if name not in required]:
            if len(record) > most:
                del record[name]
        missing = [name for name in required if name not in record]
        least = max(schema.get("minProperties", 0), 2 if not properties and isinstance(extra, Mapping) else 0)
        if least > _MAX_VALUES:
            raise wrong("", "minProperties is too large")
        spare = (f"key_{number}" for number in range(1, least + 1))
        while len(record) + len(missing) < min(least, most):
            missing.append(next(spare))
        for name in missing:
            part = extra if isinstance(extra, Mapping) else {"type": "string"}
            record[name] = self.value(part, name, depth + 1)
        return record if depth else self._with_count(record, properties)

    def _with_count(self, record: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
        """Let a `count` beside the records be their number."""
        size = len(record.get(self._records, ())) if self._records else 0
        for name in {"count", "n", "total_count"} & set(record) if size else ():
            if self._schema.fits(size, properties.get(name, {"type": "integer"})):
                record[name] = size
        return record


def _near(number: float, step: float, low: float, high: float, *, whole: bool) -> Iterator[float]:
    """Yield multiples of a step near a number, then what lies in a range that is narrower than a step."""
    nearest = round(number / step)
    lowest = math.ceil(low / step) if math.isfinite(low) else nearest
    for count in (nearest, nearest + 1, nearest - 1, lowest, *range(nearest + 2, nearest + 12)):
        yield int(count * step) if whole else round(count * step, 6)
    for value in (number, low, high):
        if math.isfinite(value) and (not whole or value == int(value)):
            yield int(value) if whole else value
