"""The values of one property in a text: what its name, type, form, description or enum says that it means.

Each is a span of the text (see `spans`), or its plain form. What the words in the names of properties mean
stands in `data/extraction.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from . import content, english, formats, spans
from .facts import table_named
from .schemas import Schema, main_kind
from .spans import Span

_NEGATION = re.compile(
    r"\b(?:not|no|never|isn't|n't|without|nicht|kein\w*|no es|pas|não)\b|不|没", re.IGNORECASE
)
_NEAR = 60  # characters beside a span that say what it is
_IN_BRACKETS = re.compile(r"(?<=[^\W\d_] )\(([a-zß-ÿ]+(?: [a-zß-ÿ]+)?)\)")
_CHOICE = re.compile(
    r"(?:one of |either )?(?P<first>[\w-]+(?:, ?[\w-]+){0,9}),? or (?P<last>[\w-]+)\.?", re.IGNORECASE
)


def kind_of(name: str, part: Schema) -> str:
    """Return what a property is by its form, its name or its description; "" if that is unknown."""
    form = form_of(part)
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


def form_of(part: Schema) -> str:
    """Return the form that a text must have, such as "date", by format or description; "" if any will do."""
    return str(part.get("format", "")) or formats.form_in(str(part.get("description", "")))


@cache
def _kinds() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in content.load("extraction")["kinds"]
    )


def read(name: str, part: Schema, text: str, *, is_labelled: bool = False) -> Iterator[Any]:
    """Yield the values of a property in a text, the best first; `is_labelled`: all of the text is its."""
    options = part.get("enum") or _named_options(str(part.get("description", "")), main_kind(part))
    if options:
        yield from _options(options, text)
        return
    match main_kind(part):
        case "boolean":
            yield from _yes_or_no(name, text, is_labelled=is_labelled)
        case "integer" | "number":
            yield from _number(name, part, text, is_labelled=is_labelled)
        case _:
            yield from _string(name, part, text, is_labelled=is_labelled)


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
    kind, found = kind_of(name, part), spans.numbers(text)
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
        amounts = [span for span in found if span.kind == "money"]
        if not chosen and amounts and words[-1] in ("amount", "total", "sum"):
            free, chosen = [], amounts if len(amounts) == 1 else []
        if not chosen and kind == "quantity":
            counted = [span for span in free if span.unit]
            chosen = counted if len(counted) == 1 else []
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
    before, after = text[max(0, span.start - _NEAR) : span.start], text[span.end : span.end + _NEAR]
    if re.search(r"\b(?:it|that|this|there|which)\s(?:is|was)\s$", before, re.IGNORECASE):
        return False
    is_behind = re.search(r"(?:\b(?:is|am|I'm|was|ist|a|tiene|tem)\s|[(,]\s?|\b[A-ZÄÖÜ][^\W\d_]+\s)$", before)
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
    before = (
        rf"\b(?:{word}(?:s|es)?|{re.escape(' '.join(words))})(?:\s(?:of|in)(?:\s[\w'’-]+){{1,3}}?)?"
        r"(?:\s(?:is|was|are|were|of|ist|es|est|=|:|about|over|at)){0,2}\s?[$€£]?$"
    )
    return bool(
        re.match(behind, text[span.end : span.end + 40], re.IGNORECASE)
        or re.search(before, text[max(0, span.start - 60) : span.start], re.IGNORECASE)
    )


def _is_bare(span: Span, text: str) -> bool:
    """Return whether nothing says what a number is, as in "Anna 17" or "Anna: 17"."""
    before, after = text[max(0, span.start - _NEAR) : span.start], text[span.end : span.end + _NEAR]
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
    kind, form, way = kind_of(name, part), form_of(part), _way(name)
    if kind == "date-time":
        yield from _moments(text)
        return
    if kind in ("date", "time") and (form or kind == "date"):
        found = spans.dates(text) if kind == "date" else spans.times(text)
        found = [span for span in found if not way or _word_before(span, text) in way]
        yield from (span.value if form else text[span.start : span.end] for span in found)
        if form:
            return
    if is_labelled:
        yield from (span.value for span in spans_of(kind, text) if kind in ("email", "url", "phone"))
        yield text.strip(" \"'")
        return
    if kind == "money":
        yield from (_money(span, text) for span in spans.numbers(text) if span.kind == "money")
        return
    if kind == "text":
        yield from (span.value for span in spans.quoted(text) if "quote" in name.lower())
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
        whole = [span.value.split() for span in spans_of("name", text)]
        yield from (
            words[0] if kind == "first" else words[-1] for words in whole if kind == "first" or len(words) > 1
        )
        return
    found = spans_of(kind, text)
    way = way if kind in ("city", "place", "name") else ()
    yield from (span.value for span in found if not way or _word_before(span, text) in way)
    if not kind:
        yield from _said_of(name, text)


def _way(name: str) -> tuple[str, ...]:
    """Return the words that stand before what a property means by its name: `to_city` is behind "to"."""
    ways: dict[str, list[str]] = content.load("extraction")["ways"]
    return tuple(word for key in english.words_of(name) for word in ways.get(key, ()))


def _lives_there(span: Span, text: str) -> bool:
    """Return whether a person is said to live in a place, which is meant rather than where one has been."""
    before = text[max(0, span.start - _NEAR) : span.start]
    return bool(re.search(r"\b(?:lives?|living|based|wohnt|lebt|vive|habite|mora)\s\w+\s$", before))


def _word_before(span: Span, text: str) -> str:
    match = re.search(r"([^\W\d_]+) (?:the )?$", text[max(0, span.start - _NEAR) : span.start])
    return match[1].lower() if match else ""


def _money(span: Span, text: str) -> str:
    """Return an amount with its sign or word, as written."""
    before = re.search(
        r"(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF))\s?$", text[max(0, span.start - _NEAR) : span.start]
    )
    after = re.match(r"\s?(?:[$€£¥₹元円]|[^\W\d_]+)", text[span.end : span.end + _NEAR])
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


def spans_of(kind: str, text: str) -> list[Span]:
    """Return the spans of a kind, in their order."""
    match kind:
        case "email":
            return spans.emails(text)
        case "url":
            return spans.urls(text)
        case "phone":
            return spans.phones(text)
        case "city":
            found = spans.places(text, _known_places())
            cities = [span for span in found if span.value.lower() not in _countries()]
            return sorted(cities, key=lambda span: not _lives_there(span, text))
        case "country":
            found = spans.places(text, _countries())
            return [span for span in found if span.value.lower() in _countries()]
        case "place":
            return spans.places(text, _known_places() | _countries())
        case "company":
            return _companies(text)
        case "title":
            return spans.quoted(text)
        case "name":
            return _unplaced(text) or _companies(text)
        case "job":
            return _jobs(text)
        case "product":
            return _products(text)
    return []


@lru_cache(64)
def _unplaced(text: str) -> list[Span]:
    """Return the names that are neither places nor companies."""
    found = spans.names(text)
    others = [*spans.places(text, _known_places() | _countries()), *_companies(text), *spans.quoted(text)]
    others += [
        span for span in found[:1] if len(found) > 1 and text[span.end : span.end + _NEAR].startswith(":")
    ]  # a heading
    others += [span for span in found if text[span.end : span.end + _NEAR].strip() == ":"]
    return [
        span
        for span in found
        if not any(span.start < other.end and other.start < span.end for other in others)
    ]


@lru_cache(64)
def _companies(text: str) -> list[Span]:
    words, before = _words("company_words"), _words("before_company")
    found = []
    for span in spans.names(text):
        last = span.value.split()[-1].lower().rstrip(".")
        ahead = re.search(
            r"(?:works?|worked|working|job|arbeitet|employed|hired)\s(?:\w+\s){0,3}?(\w+)\s(?:the )?$",
            text[max(0, span.start - _NEAR) : span.start],
            re.IGNORECASE,
        )
        if last in words or (
            ahead and (ahead[1] or "").lower() in before and span.value.lower() not in _known_places()
        ):
            found.append(span)
    return found


def _jobs(text: str) -> list[Span]:
    pattern = content.load("extraction")["job_before"]
    found = [Span(match.start(1), match.end(1), match[1]) for match in _IN_BRACKETS.finditer(text)]
    for match in re.finditer(
        rf"\b(?:{pattern})([^\W\d_][^\W\d_]+(?: [^\W\d_][^\W\d_]+)??)"
        r"(?=[.,;!)]|\s(?:in|at|and|from|who|for|bei|und|en|y|à|et|em|e|with)\b|$)",
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
