"""JSON by a schema, out of what is known: a text in the prompt, or a table of facts. Nothing is invented.

Each value is a piece of the text, or its plain form: a number without separators, a date as YYYY-MM-DD, the
member of an enum whose words occur. Where nothing fits:

- a property that may be null is null, and one that is not required is left out;
- a list that may be empty is empty, and a string that may be empty is "";
- for anything else (a number, a date, a member of an enum, yes or no) `MissingError` names the properties,
  and the answer is a sentence that says so instead of JSON: no value would be true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from . import content, english, property_values, source, spans
from .hashing import random_for
from .schemas import CHOICES, JsonSchema, Schema, SchemaError, kinds_of, main_kind, merge, resolve
from .subjects import MAX_RECORDS, USUAL_RECORDS, Query, Subject, forms, named_by

_MAX_DEPTH = 30  # levels
_MAX_VALUES = 20_000  # in one answer
_NOTHING: Any = object()
_TEXTS = frozenset(
    ("items", "value", "values", "data", "results", "result", "records", "list")
)  # names of wrappers

_EMPTY_CELLS = frozenset(("nan", "none", "null", "nat", "<na>", "n/a"))  # as pandas, polars and people write


class MissingError(Exception):
    """Nothing is known of required properties; `names` are theirs."""

    def __init__(self, names: Sequence[str]) -> None:
        """Keep the names, each once."""
        super().__init__(", ".join(names))
        self.names = tuple(dict.fromkeys(names))


class Evidence(Protocol):
    """What values are taken from."""

    def leaf(self, name: str, part: Schema, schema: JsonSchema) -> Iterator[Any]:
        """Yield the values that may be meant by a property, the best first."""

    def several(self, name: str, part: Schema, schema: JsonSchema) -> list[Evidence] | list[Any]:
        """Return the evidence for each record of a list, or the values of a list of plain values."""

    def inside(self, name: str) -> Evidence:
        """Return the evidence for an object below a property."""


def fill(schema: JsonSchema, evidence: Evidence) -> Any:
    """Make the value that a schema wants. Raises `MissingError`, and `SchemaError` for too much work."""
    filler = _Filler(schema)
    value = filler.value(schema.root, "", evidence, 0)
    if filler.missing or value is _NOTHING:
        raise MissingError(filler.missing or ["value"])
    if not schema.fits(value):
        raise MissingError(sorted(schema.root.get("properties", {"value": 0})))
    return value


class _Filler:
    """One value while it is made, and the names of the properties for which there was nothing."""

    def __init__(self, schema: JsonSchema) -> None:
        self.missing: list[str] = []
        self._schema = schema
        self._work = 0
        self._open = {"#"}  # the references that lead to what is being made: nothing contains itself

    def value(self, part: Schema, name: str, evidence: Evidence, depth: int) -> Any:
        """Return a value for a part of the schema, `_NOTHING` if there is none and it may not be empty."""
        self._work += 1
        if self._work > _MAX_VALUES or depth > _MAX_DEPTH:
            raise SchemaError("At path 'root': the schema takes too long to fill")
        reference = part.get("$ref")
        if reference in self._open:
            return self._empty(resolve(part, self._schema.root))
        if reference is not None:
            self._open.add(reference)
            try:
                return self.value(resolve(part, self._schema.root), name, evidence, depth)
            finally:
                self._open.discard(reference)
        branches = [option for key in ("anyOf", "oneOf") for option in part.get(key, ())]
        if branches:
            return self._best(part, branches, name, evidence, depth)
        if "allOf" in part:
            merged = merge(
                [
                    {key: value for key, value in part.items() if key not in CHOICES},
                    *(resolve(option, self._schema.root) for option in part["allOf"]),
                ]
            )
            return self.value(merged, name, evidence, depth)
        if "const" in part:
            return part["const"]
        kind = next((kind for kind in kinds_of(part) if kind != "null"), main_kind(part))
        if kind == "object":
            return self._object(part, name, evidence, depth)
        if kind == "array":
            return self._list(part, name, evidence, depth)
        if kind != "null":
            for candidate in evidence.leaf(name, {**part, "type": kind}, self._schema):
                if self._schema.fits(candidate, part):
                    return candidate
        return self._empty(part)

    def _empty(self, part: Schema) -> Any:
        """Return the value that says that there is nothing: null, "" or an empty list."""
        nothing: Any
        for nothing in (None, "", []):
            is_text_of_a_form = nothing == "" and property_values.form_of(part)
            may_be_so = nothing is not None or "null" in kinds_of(part)
            if (
                may_be_so
                and not is_text_of_a_form
                and "enum" not in part
                and self._schema.fits(nothing, part)
            ):
                return nothing
        return None if None in part.get("enum", ()) else _NOTHING

    def _best(self, part: Schema, branches: list[Schema], name: str, evidence: Evidence, depth: int) -> Any:
        """Return the value of the branch for which most is known; null and what is empty come last."""
        around = {key: value for key, value in part.items() if key not in CHOICES}
        best, best_score = _NOTHING, -1
        for branch in branches:
            before = list(self.missing)
            value = self.value(merge([around, branch]), name, evidence, depth + 1)
            is_complete = self.missing == before and value is not _NOTHING
            score = 2 * _known_leaves(value) + (value is None) if is_complete else -1
            self.missing = before
            if score > best_score:
                best, best_score = value, score
        return best

    def _object(self, part: Schema, name: str, evidence: Evidence, depth: int) -> Any:
        required = set(part.get("required", ()))
        properties = part.get("properties", {})
        inside = evidence if name in ("", *_TEXTS) or depth == 0 else evidence.inside(name)
        record: dict[str, Any] = {}
        for key, inner in {
            **{key: {} for key in part.get("required", ()) if key not in properties},
            **properties,
        }.items():
            known = len(self.missing)
            value = self.value(inner, key, inside, depth + 1)
            if value is not _NOTHING:
                record[key] = value
            elif key in required:
                del self.missing[known:]
                self.missing.append(key)
            else:
                del self.missing[known:]
        if "null" in kinds_of(part) and not _known_leaves(record):
            return None
        return record

    def _list(self, part: Schema, name: str, evidence: Evidence, depth: int) -> Any:
        inner = resolve(part.get("items", {}), self._schema.root)
        items: list[Any] = []
        for each in evidence.several(name, part, self._schema):
            known = len(self.missing)
            value = self.value(inner, name, each, depth + 1) if hasattr(each, "leaf") else each
            if value is not _NOTHING and (not part.get("uniqueItems") or value not in items):
                items.append(value)
            elif value is _NOTHING and len(self.missing) == known:
                self.missing.append(name)
        items = items[: part.get("maxItems", len(items))]
        if self._schema.fits(items, part) or self.missing:
            return items
        return self._empty(part)


def _known_leaves(value: Any) -> int:
    """Return how many values say something."""
    match value:
        case dict():
            return sum(map(_known_leaves, value.values()))
        case list():
            return sum(map(_known_leaves, value))
    return value is not _NOTHING and value not in (None, "")


@dataclass(frozen=True, slots=True)
class Facts:
    """Records of a table that a question asks for; see `subjects`. `row` is that of one record."""

    query: Query
    subject: Subject
    row: int = 0
    is_record: bool = False

    def leaf(self, name: str, part: Schema, schema: JsonSchema) -> Iterator[Any]:
        """Yield what the table knows under a name, in the forms that a type may take."""
        if name in ("count", "n", "total_count") and not self.is_record and main_kind(part) == "integer":
            yield self._count({})
        value = self.subject.value(name, self.row)
        if value is None and (name == english.singular(self.query.noun) or name in _TEXTS):
            value = self.subject.value(self.subject.table.columns[0].split()[0], self.row)
        yield from (form for form in forms(value, main_kind(part)) if form is not None)
        yield from (option for option in part.get("enum", ()) if str(option).lower() == str(value).lower())
        if not self.is_record and name in ("title", "topic", "subject", "headline") and self.query.title:
            yield self.query.title

    def several(self, name: str, part: Schema, schema: JsonSchema) -> list[Evidence] | list[Any]:
        """Return one record after the other, or what a cell of the table lists."""
        if self.is_record:
            value = self.subject.value(name, self.row)
            return value if isinstance(value, list) else []
        subject = named_by(name, random_for(name))
        facts: Facts = self
        if subject is not None and subject.table is not self.subject.table:
            facts = replace(self, subject=subject, query=Query())
        return [replace(facts, row=at, is_record=True) for at in range(facts._count(part))]

    def inside(self, name: str) -> Evidence:
        """Return the same record: what is grouped there belongs to it."""
        return self

    def _count(self, part: Schema) -> int:
        known = len(self.subject.order)
        wanted = self.query.count or min(known, USUAL_RECORDS)
        count = max(wanted, int(part.get("minItems", 0)))
        count = min(count, int(part.get("maxItems", count)))
        return count if self.subject.table.drawn else min(count, known)


@dataclass(frozen=True, slots=True)
class Known:
    """The one result of a question, such as a capital; nothing if `value` is None."""

    value: Any = None

    def leaf(self, name: str, part: Schema, schema: JsonSchema) -> Iterator[Any]:
        """Yield the result for a property that is called a result."""
        is_result = set(english.words_of(name)) & set(content.load("extraction")["result_names"])
        if self.value is not None and (is_result or len(name) == 1):
            yield from forms(self.value, main_kind(part))

    def several(self, name: str, part: Schema, schema: JsonSchema) -> list[Evidence] | list[Any]:
        """Return nothing: there are no records."""
        return []

    def inside(self, name: str) -> Evidence:
        """Return the same."""
        return self


@dataclass(frozen=True, slots=True)
class Text:
    """A text that data is copied from. `whole` is all of it, `text` the part about one record."""

    text: str
    row: Mapping[str, str] | None = None  # the cells of one line of a table, by the names of its columns

    def leaf(self, name: str, part: Schema, schema: JsonSchema) -> Iterator[Any]:
        """Yield the spans that may be meant: behind a label, by kind, by the words of the name."""
        labelled = self._labelled(name)
        if labelled:
            yield from property_values.read(name, part, labelled, is_labelled=True)
            return
        yield from property_values.read(name, part, self.text)

    def several(self, name: str, part: Schema, schema: JsonSchema) -> list[Evidence] | list[Any]:
        """Return the parts of the text that are about one record each, or all values of a kind."""
        inner = resolve(part.get("items", {}), schema.root)
        if main_kind(inner) == "object" or "properties" in inner or any(key in inner for key in CHOICES):
            return list(_records(self, _flat_properties(inner, schema), schema))
        labelled = self._labelled(name)
        if labelled:
            pieces = [
                piece.strip(" .\"'[]") for piece in re.split(r"[,;、،]| and | und | y | et | e ", labelled)
            ]
        else:
            pieces = _column(self.text, english.singular(name)) or _column(self.text, name)
        if pieces:
            read = [
                next(property_values.read(name, inner, piece, is_labelled=True), _NOTHING)
                for piece in pieces
                if piece
            ]
            return [value for value in read if value is not _NOTHING and schema.fits(value, inner)]
        values = list(property_values.read(english.singular(name), inner, self.text))
        if not values and main_kind(inner) in ("integer", "number"):
            values = [span.value for span in spans.numbers(self.text)] if name in _TEXTS | {"numbers"} else []
        return [value for value in dict.fromkeys(values) if schema.fits(value, inner)]

    def inside(self, name: str) -> Evidence:
        """Return the same text: what is grouped there is found in it."""
        return self

    def _labelled(self, name: str) -> str:
        """Return what stands behind the name of a property and a colon, or in its column."""
        words = tuple(english.words_of(name)) or (name.lower(),)
        if self.row is not None:
            return next((cell for column, cell in self.row.items() if _same(words, column)), "")
        label = r"[\s_-]*".join(map(re.escape, words))
        match = re.search(
            rf"(?:^|[\n,;|(]|\.\s)\s{{0,4}}[-*•]?\s{{0,4}}[*_\"']*{label}[*_\"']*\s*[:=：]\s*([^\n;|]+)",
            self.text,
            re.IGNORECASE,
        )
        if match is None:
            return ""
        value = re.split(r",\s*[\"'*_]*[^\W\d][\w ]{0,20}[\"'*_]*\s*[:=：]", match[1])[0]
        return value.strip().rstrip(",").removesuffix(".").strip("*_ ")


def _same(words: tuple[str, ...], column: str) -> bool:
    other = tuple(english.words_of(column)) or (column.lower(),)
    return words == other or "".join(words) == "".join(other)


def _flat_properties(inner: Schema, schema: JsonSchema) -> dict[str, Schema]:
    """Return the properties of the records of a list, of all branches if there are several."""
    properties = dict(inner.get("properties", {}))
    for key in CHOICES:
        for branch in inner.get(key, ()):
            properties |= resolve(branch, schema.root).get("properties", {})
    return properties


def _records(text: Text, properties: Mapping[str, Schema], schema: JsonSchema) -> Iterator[Text]:
    """Yield the parts of a text that are about one record: rows of a table, else sentences, else names."""
    rows = list(_rows(text.text, properties))
    if rows:
        yield from rows
        return
    parts = source.sentences(text.text)[:MAX_RECORDS]
    first = next(iter(properties), "")
    is_named = property_values.kind_of(first, properties.get(first, {})) in (
        "name",
        "city",
        "country",
        "place",
        "company",
        "product",
        "title",
        "",
    )
    for part in parts:
        pieces = _split_at_names(part, first, properties) if is_named else [part]
        for piece in pieces:
            found = sum(
                next((True for value in Text(piece).leaf(name, resolve(inner, schema.root), schema)), False)
                for name, inner in properties.items()
            )
            if found and (found > 1 or len(properties) == 1 or _starts_record(piece, first, properties)):
                yield Text(piece)


def _starts_record(piece: str, first: str, properties: Mapping[str, Schema]) -> bool:
    return next((True for _ in property_values.read(first, properties.get(first, {}), piece)), False)


def _split_at_names(part: str, first: str, properties: Mapping[str, Schema]) -> list[str]:
    """Cut a sentence before each name, where it names several: "Anna (30), Bob (25) and Carla (41)"."""
    starts = [
        span.start
        for span in property_values.spans_of(property_values.kind_of(first, properties.get(first, {})), part)
    ]
    numbers = spans.numbers(part)
    others = [
        list(property_values.read(name, inner, part)) for name, inner in properties.items() if name != first
    ]
    most = max([len(numbers), *map(len, others)])
    if len(starts) < 2 or (most < len(starts) and len(properties) > 1):
        return [part]
    if numbers and numbers[0].start < starts[0]:  # "2 apples, 3 pears": the number comes first
        starts = [number.start for number in numbers]
    ends = [*starts[1:], len(part)]
    return [part[start:end] for start, end in zip(starts, ends, strict=True)]


def _rows(text: str, properties: Mapping[str, Schema]) -> Iterator[Text]:
    """Yield the lines of a table (CSV, or Markdown) whose first line names mostly properties."""
    for rows in _tables(text):
        names = [tuple(english.words_of(name)) for name in properties]
        known = sum(any(_same(words, column) for words in names) for column in rows[0].row or ())
        if known and known * 2 >= len(rows[0].row or ()):
            yield from rows
            return


def _column(text: str, name: str) -> list[str]:
    """Return the cells of a table below one of its names."""
    words = tuple(english.words_of(name))
    for rows in _tables(text):
        cells = [cell for each in rows for column, cell in (each.row or {}).items() if _same(words, column)]
        if cells:
            return [cell for cell in cells if cell]
    return []


def _tables(text: str) -> Iterator[list[Text]]:
    """Yield the rows of a text that is a table, cut at each separator that gives more than one column."""
    lines = [line.strip(" ").removeprefix("|").removesuffix("|") for line in text.splitlines()]
    lines = [line for line in lines if line.strip()]
    for separator in ("|", "\t", ";", ","):
        header = [cell.strip() for cell in lines[0].split(separator)] if lines else []
        rows = []
        for line in lines[1:] if len(header) > 1 else ():
            cells = [cell.strip() for cell in line.split(separator)]
            if len(cells) == len(header) and not re.fullmatch(r"[\s:-]*", "".join(cells)):
                known_cells = ["" if cell.lower() in _EMPTY_CELLS else cell for cell in cells]
                rows.append(Text(line, dict(zip(header, known_cells, strict=True))))
        if rows:
            yield rows
