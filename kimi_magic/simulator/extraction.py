"""JSON by a schema, out of what is known: a text in the prompt, or a table of facts. Nothing is invented.

Each value is a piece of the text, or its plain form: a number without separators, a date as YYYY-MM-DD, the
member of an enum whose words occur. Where nothing fits:

- a property that may be null is null, and one that is not required is left out;
- a list that may be empty is empty, and a string that may be empty is "";
- for anything else (a number, a date, a member of an enum, yes or no) `MissingError` names the properties, and
  the answer is a sentence that says so instead of JSON: no value would be true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

from . import content, english, formats, source, spans
from .facts import table_named
from .hashing import random_for
from .schemas import CHOICES, JsonSchema, Schema, SchemaError, kinds_of, main_kind, merge, resolve
from .spans import Span
from .subjects import USUAL_RECORDS, Query, Subject, forms, named_by

_MAX_DEPTH = 30  # levels
_MAX_VALUES = 20_000  # in one answer
_NOTHING: Any = object()
_NEGATION = re.compile(
    r"\b(?:not|no|never|isn't|n't|without|nicht|kein\w*|no es|pas|não)\b|不|没", re.IGNORECASE
)
_CHOICE = re.compile(
    r"(?:one of |either )?(?P<first>[\w-]+(?:, ?[\w-]+){0,9}),? or (?P<last>[\w-]+)\.?", re.IGNORECASE
)
_TEXTS = frozenset(
    ("items", "value", "values", "data", "results", "result", "records", "list")
)  # names of wrappers


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
        for nothing in (None, "", []):
            is_text_of_a_form = nothing == "" and _form(part)
            if not is_text_of_a_form and "enum" not in part and self._schema.fits(nothing, part):
                if nothing is not None or "null" in kinds_of(part):
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
            score = 1 + _known_leaves(value) if is_complete else -1
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
        count = min(max(wanted, part.get("minItems", 0)), part.get("maxItems", wanted))
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
            yield from _read(name, part, Text(labelled), is_labelled=True)
            return
        yield from _read(name, part, self, is_labelled=False)

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
            read = [
                next(_read(name, inner, Text(piece), is_labelled=True), _NOTHING) for piece in pieces if piece
            ]
            return [value for value in read if value is not _NOTHING and schema.fits(value, inner)]
        values = list(_read(english.singular(name), inner, self, is_labelled=False))
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
            rf"(?:^|[\n,;|(]|\.\s)\s*[-*•]?\s*[*_\"']*{label}[*_\"']*\s*[:=：]\s*([^\n;|]+)",
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
    parts = source.sentences(text.text)
    first = next(iter(properties), "")
    is_named = _kind(first, properties.get(first, {})) in (
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
    return next(
        (True for _ in _read(first, properties.get(first, {}), Text(piece), is_labelled=False)), False
    )


def _split_at_names(part: str, first: str, properties: Mapping[str, Schema]) -> list[str]:
    """Cut a sentence before each name, where it names several records: "Anna (30), Bob (25) and Carla (41)"."""
    starts = [span.start for span in _spans_of(_kind(first, properties.get(first, {})), part)]
    numbers = spans.numbers(part)
    if len(starts) < 2 or (len(numbers) < len(starts) and len(properties) > 1):
        return [part]
    if numbers and numbers[0].start < starts[0]:  # "2 apples, 3 pears": the number comes first
        starts = [number.start for number in numbers]
    ends = [*starts[1:], len(part)]
    return [part[start:end] for start, end in zip(starts, ends, strict=True)]


def _rows(text: str, properties: Mapping[str, Schema]) -> Iterator[Text]:
    """Yield the lines of a table (CSV, or Markdown) whose first line names properties."""
    lines = [line.strip().strip("|") for line in text.splitlines() if line.strip()]
    for separator in ("|", "\t", ";", ","):
        header = [cell.strip() for cell in lines[0].split(separator)] if lines else []
        known = sum(any(_same(tuple(english.words_of(name)), cell) for name in properties) for cell in header)
        if len(header) > 1 and known and known * 2 >= len(header) and len(lines) > 1:
            for line in lines[1:]:
                cells = [cell.strip() for cell in line.split(separator)]
                if len(cells) == len(header) and not re.fullmatch(r"[\s:-]*", "".join(cells)):
                    yield Text(line, dict(zip(header, cells, strict=True)))
            return


def _kind(name: str, part: Schema) -> str:
    """Return what a property is by its form, the words of its name, or its description; "" if that is unknown."""
    form = _form(part)
    if form in ("date", "date-time", "time", "email"):
        return form
    if form == "uri":
        return "url"
    words = " ".join(english.words_of(name)) or name
    described = str(part.get("description", ""))
    for pattern, kind in _kinds():
        if pattern.search(words):
            return kind
    return (
        next((kind for pattern, kind in _kinds() if pattern.search(described)), "")
        if len(described) < 60
        else ""
    )


def _form(part: Schema) -> str:
    return str(part.get("format", "")) or formats.form_in(str(part.get("description", "")))


@cache
def _kinds() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in content.load("extraction")["kinds"]
    )


def _read(name: str, part: Schema, text: Text, *, is_labelled: bool) -> Iterator[Any]:
    """Yield the values of a property in a text."""
    options = part.get("enum") or _named_options(str(part.get("description", "")), main_kind(part))
    if options:
        yield from _options(options, text.text)
        return
    match main_kind(part):
        case "boolean":
            yield from _yes_or_no(name, text.text, is_labelled=is_labelled)
        case "integer" | "number":
            yield from _number(name, part, text.text, is_labelled=is_labelled)
        case _:
            yield from _string(name, part, text.text, is_labelled=is_labelled)


def _options(options: Sequence[Any], text: str) -> Iterator[Any]:
    """Yield the members of an enum whose words occur, in the order of the text; signs of currencies count."""
    lower = text.lower()
    found: list[tuple[int, int, Any]] = []
    for option in options:
        written = str(option).lower().replace("_", " ")
        if option is None or isinstance(option, bool) or not written:
            continue
        match = re.search(
            rf"(?<!\w){re.escape(written)}(?!\w)" if written.isascii() else re.escape(written), lower
        )
        if match:
            found.append((match.start(), -len(written), option))
    signs = content.load("extraction")["currencies"]
    for sign, code in signs.items():
        at = lower.find(sign) if not sign.isalpha() else -1
        if at >= 0:
            found += [(at, 0, option) for option in options if option == code]
    yield from (option for _, _, option in sorted(found, key=lambda entry: entry[:2]))


def _named_options(description: str, kind: str) -> list[str]:
    """Return the words that a description offers for a text: "positive, neutral or negative"."""
    match = _CHOICE.fullmatch(description.strip()) if kind == "string" else None
    return re.findall(r"[\w-]+", f"{match['first']} {match['last']}") if match else []


def _yes_or_no(name: str, text: str, *, is_labelled: bool) -> Iterator[bool]:
    if is_labelled:
        if re.match(r"\W*(?:yes|true|ja|sí|si|oui|sim|是|1)\b", text, re.IGNORECASE):
            yield True
        elif re.match(r"\W*(?:no|false|nein|non|não|否|0)\b", text, re.IGNORECASE):
            yield False
        return
    words = [
        word
        for word in english.words_of(name)
        if word not in ("is", "has", "can", "was", "are", "does", "should")
    ]
    if not words:
        return
    stem = r"\W+".join(re.escape(english.singular(word)) for word in words)
    match = re.search(rf"(?<!\w){stem}\w{{0,3}}(?!\w)", text, re.IGNORECASE)
    if match is not None:
        yield not _NEGATION.search(text[max(0, match.start() - 20) : match.start()])


def _number(name: str, part: Schema, text: str, *, is_labelled: bool) -> Iterator[Any]:
    """Yield the numbers that a property means, by its kind, its unit or the words beside them."""
    kind, found = _kind(name, part), spans.numbers(text)
    words = [english.singular(word) for word in english.words_of(name)] or [name.lower()]
    units = _units(words)
    if is_labelled:
        chosen = found
    elif kind == "year":
        chosen = [span for span in found if span.kind == "year"]
        chosen += [Span(span.start, span.end, int(span.value[:4])) for span in spans.dates(text)]
        chosen.sort(key=lambda span: span.start)
    elif kind in ("age", "money", "percent"):
        chosen = [span for span in found if span.kind == kind]
        if kind == "age" and not chosen:
            chosen = [span for span in found if _may_be_age(span, text)]
    else:
        free = [span for span in found if span.kind == ""]
        chosen = [span for span in free if units and span.unit in units]
        chosen = chosen or [span for span in found if _is_beside(span, words, text)]
        if not chosen and kind == "quantity":
            chosen = [span for span in free if span.unit]
        if (
            not chosen
            and not units
            and len(free) == 1
            and (words[-1] in _generic() or _is_bare(free[0], text))
        ):
            chosen = free
    for span in chosen:
        value = span.value
        is_whole = main_kind(part) == "integer"
        if not is_whole or float(value).is_integer():
            yield int(value) if is_whole else value


def _may_be_age(span: Span, text: str) -> bool:
    """Return whether a number is said of a person without "years": Anna is 30; Anna (30); Anna, 30, …"""
    before, after = text[: span.start], text[span.end :]
    is_behind = re.search(r"(?:\b(?:is|am|was|ist|a|tiene|tem)\s|[(,]\s?|[^\W\d_]\s)$", before)
    is_end = re.match(r"\s*(?:$|[.,;)!]|(?:and|und|y|et|e|but|from|in|lives)\b)", after)
    return (
        span.kind == ""
        and isinstance(span.value, int)
        and 0 <= span.value < 130
        and bool(is_behind and is_end)
    )


def _is_beside(span: Span, words: list[str], text: str) -> bool:
    """Return whether the last word of a name stands right behind a number, or before it."""
    word = re.escape(words[-1])
    behind = rf"\s?(?:\w+\s)?{word}(?:s|es)?\b"
    before = rf"\b(?:{word}(?:s|es)?|{re.escape(' '.join(words))})(?:\s(?:of|in)(?:\s[\w'’-]+){{1,3}}?)?(?:\s(?:is|was|are|were|of|ist|es|est|=|:|about|over|at)){{0,2}}\s?[$€£]?$"
    return bool(
        re.match(behind, text[span.end : span.end + 40], re.IGNORECASE)
        or re.search(before, text[max(0, span.start - 60) : span.start], re.IGNORECASE)
    )


def _is_bare(span: Span, text: str) -> bool:
    """Return whether a number stands for itself, as in "Anna 17" or "Anna: 17", with nothing that says what it is."""
    before, after = text[: span.start], text[span.end :]
    return bool(re.fullmatch(r"\W*[^\W\d_]+(?: [^\W\d_]+)?\s*[:,;-]?\s*", before)) and not after.strip(
        " .;,)"
    )


def _units(words: list[str]) -> set[str]:
    table: dict[str, list[str]] = content.load("extraction")["units"]
    return {
        unit
        for word in words[1:] or words
        for names in table.values()
        if word in {english.singular(each) for each in names}
        for unit in names
    }


@cache
def _generic() -> frozenset[str]:
    return frozenset(content.load("extraction")["number_names"])


def _string(name: str, part: Schema, text: str, *, is_labelled: bool) -> Iterator[str]:
    """Yield the texts that a property means."""
    kind, form = _kind(name, part), _form(part)
    if kind == "date-time":
        yield from _moments(text)
        return
    if kind in ("date", "time") and (form or kind == "date"):
        found = spans.dates(text) if kind == "date" else spans.times(text)
        yield from (span.value if form else text[span.start : span.end] for span in found)
        if form:
            return
    if is_labelled:
        yield from (span.value for span in _spans_of(kind, text) if kind in ("email", "url", "phone"))
        yield text.strip(" \"'")
        return
    if kind == "money":
        yield from (_money(span, text) for span in spans.numbers(text) if span.kind == "money")
        return
    if kind == "text":
        yield text
        return
    if kind == "currency":
        signs = "|".join(
            sorted(map(re.escape, content.load("extraction")["currencies"]), key=len, reverse=True)
        )
        yield from (
            match.group()
            for match in re.finditer(rf"(?<![^\W\d_])(?:{signs})(?![^\W\d_])", text, re.IGNORECASE)
        )
        return
    if kind in ("first", "last"):
        whole = [span.value.split() for span in _spans_of("name", text)]
        yield from (
            words[0] if kind == "first" else words[-1] for words in whole if kind == "first" or len(words) > 1
        )
        return
    found = _spans_of(kind, text)
    yield from (span.value for span in found)
    if not kind:
        yield from _said_of(name, text)


def _money(span: Span, text: str) -> str:
    """Return an amount with its sign or word, as written."""
    before = re.search(r"(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF))\s?$", text[: span.start])
    after = re.match(r"\s?(?:[$€£¥₹元円]|[^\W\d_]+)", text[span.end :])
    start = before.start() if before else span.start
    end = span.end + after.end() if after and not before and span.unit + after.group() else span.end
    return text[start:end].strip()


def _moments(text: str) -> Iterator[str]:
    """Yield dates with a time of day; no zone is added where the text names none."""
    for day in spans.dates(text):
        clock = next(iter(spans.times(text[day.end : day.end + 20])), None) or next(
            iter(spans.times(text[max(0, day.start - 20) : day.start])), None
        )
        if clock is not None:
            yield f"{day.value}T{clock.value}"


def _said_of(name: str, text: str) -> Iterator[str]:
    """Yield the word that the text gives for a property: "the colour is red"."""
    words = english.words_of(name)
    if words:
        label = r"\s".join(map(re.escape, words))
        for match in re.finditer(
            rf"\b{label}\s(?:is|was|of|are|ist|es|est)\s(?:the |a |an )?([^\W\d][\w-]*)", text, re.IGNORECASE
        ):
            yield match[1]


def _spans_of(kind: str, text: str) -> list[Span]:
    """Return the spans of a kind, in their order."""
    match kind:
        case "email":
            return spans.emails(text)
        case "url":
            return spans.urls(text)
        case "phone":
            return spans.phones(text)
        case "city":
            return [
                span for span in spans.places(text, _known_places()) if span.value.lower() not in _countries()
            ]
        case "country":
            found = spans.places(text, _countries())
            return [span for span in found if span.value.lower() in _countries()]
        case "place":
            return spans.places(text, _known_places() | _countries())
        case "company":
            return _companies(text)
        case "title":
            return spans.quoted(text) or _unplaced(text)
        case "name":
            return _unplaced(text)
        case "job":
            return _jobs(text)
        case "product":
            return _products(text)
    return []


def _unplaced(text: str) -> list[Span]:
    """Return the names that are neither places nor companies."""
    others = [*spans.places(text, _known_places() | _countries()), *_companies(text)]
    return [
        span
        for span in spans.names(text)
        if not any(span.start < other.end and other.start < span.end for other in others)
    ]


def _companies(text: str) -> list[Span]:
    words, before = _words("company_words"), _words("before_company")
    found = []
    for span in spans.names(text):
        last = span.value.split()[-1].lower().rstrip(".")
        ahead = re.search(
            r"(?:works?|worked|working|job|arbeitet|employed|joined|founded|hired)\s(?:\w+\s){0,3}?(\w+)\s(?:the )?$|^(?:\W*)(joined)\s$",
            text[: span.start],
            re.IGNORECASE,
        )
        if last in words or (
            ahead and (ahead[1] or "").lower() in before and span.value.lower() not in _known_places()
        ):
            found.append(span)
    return found


def _jobs(text: str) -> list[Span]:
    pattern = content.load("extraction")["job_before"]
    found = []
    for match in re.finditer(
        rf"\b(?:{pattern})([^\W\d_][^\W\d_]+(?: [^\W\d_][^\W\d_]+)??)(?=[.,;!)]|\s(?:in|at|and|from|who|for|bei|und|en|y|à|et|em|e|with)\b|$)",
        text,
        re.IGNORECASE,
    ):
        if match[1][0].islower() or "als" in match.group():
            found.append(Span(match.start(1), match.end(1), match[1]))
    return found


def _products(text: str) -> list[Span]:
    """Return the things behind a number: "3 apples at $2"."""
    found = []
    for span in spans.numbers(text):
        match = re.compile(
            r"\s(?:x\s)?((?:[^\W\d_]+\s)??[^\W\d_]+)(?=\s(?:at|for|and|à|zu|each|costs?|@)\b|[.,;)\n]|$)"
        ).match(text, span.end)
        if match and span.kind == "":
            found.append(Span(match.start(1), match.end(1), match[1]))
    return found


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(content.load("extraction")[name])


@cache
def _countries() -> frozenset[str]:
    return frozenset(name.lower() for _, names, _ in content.load("capitals")["rows"] for name in names)


@cache
def _known_places() -> frozenset[str]:
    cities = {name.lower() for _, _, names in content.load("capitals")["rows"] for name in names if name}
    return frozenset(cities | {str(row[0]).lower() for row in table_named("cities").rows})
