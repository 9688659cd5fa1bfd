"""What stands in a text, with its place: numbers, amounts of money, dates, names, places, addresses.

Each value is a piece of the text or its plain form: "twelve" is 12, "1.234,50 €" is 1234.5, "May 3rd, 2024"
is 2024-05-03. The words of all this stand in `data/extraction.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from functools import cache, lru_cache
from typing import Any

from . import content, languages

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'，。]{1,500}[^\s<>\"'.,;:!?)，。]")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}[ -]?)?(?:\(\d{1,5}\)[ -]?)?\d{2,5}(?:[ /-]\d{2,8}){1,4}(?![\w.])|\+\d{7,15}\b"
)
_NUMBER = re.compile(
    r"(?<![\w.,])[-+−]?\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?![\d])(?:[.,]\d+)?"
    r"|(?<![\d.,\w])(?<!\w-)[-−]?\d+(?:[.,]\d+)*"
)
_DIGITS_IN_IDEOGRAPHS = re.compile(r"(?<=[\u3040-\u9fff])\d+(?:[.,]\d+)*")
_HAN_NUMBER = re.compile(r"[零一二两三四五六七八九十百千]+(?=[岁歳个個名人年月日次本元円公里度万亿])")
_CURRENCY_SIGN = r"[$€£¥₹]"
_CAPITALS = re.compile(
    r"[^\W\d_a-zß-ÿ][\w'’-]*"
    r"(?:[ ](?:(?:de|da|do|van|von|del|la|bin|al|of|the|&|y)[ ])?[^\W\d_a-zß-ÿ][\w'’-]*){0,3}"
)
_QUOTED = re.compile(r"[\"“„«「『]([^\"“”„»」』\n]{1,200})[\"”“»」』]|(?<!\w)'([^'\n]{2,200})'(?!\w)")
_HAN_PLACE = re.compile(
    r"(?:住在|来自|位于|前往|出生于|住|在|去|到)([\u4e00-\u9fff]{2,4}?)(?:市|工作|上班|上学|生活|出生|见面|开会|读书|[，。,.、；]|$)"
)
_TIME = re.compile(
    r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:\s?([ap])\.?m\b\.?)?|\b(1[0-2]|[1-9])\s?([ap])\.?m\b",
    re.IGNORECASE,
)
_MAX_TEXT = 20_000  # characters of a text that are looked at
_KEPT = (
    64  # texts whose spans are kept, because each property of a record reads them; nobody changes the lists
)
_BEFORE = 60  # characters before a span that say what it is


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text from `start` to `end`, and its value; of a number also `kind` and `unit`."""

    start: int
    end: int
    value: Any
    kind: str = ""
    unit: str = ""


@lru_cache(_KEPT)
def emails(text: str) -> list[Span]:
    """Return the e-mail addresses."""
    return [Span(match.start(), match.end(), match.group()) for match in _EMAIL.finditer(text[:_MAX_TEXT])]


@lru_cache(_KEPT)
def urls(text: str) -> list[Span]:
    """Return the web addresses."""
    return [Span(match.start(), match.end(), match.group()) for match in _URL.finditer(text[:_MAX_TEXT])]


@lru_cache(_KEPT)
def phones(text: str) -> list[Span]:
    """Return the telephone numbers: at least six digits in groups, and no date."""
    taken = dates(text)
    return [
        Span(match.start(), match.end(), match.group())
        for match in _PHONE.finditer(text[:_MAX_TEXT])
        if sum(map(str.isdigit, match.group())) >= 6 and not _overlaps(match.start(), match.end(), taken)
    ]


@lru_cache(_KEPT)
def quoted(text: str) -> list[Span]:
    """Return the texts in quotation marks."""
    return [
        Span(match.start(), match.end(), match[1] or match[2]) for match in _QUOTED.finditer(text[:_MAX_TEXT])
    ]


@lru_cache(_KEPT)
def times(text: str) -> list[Span]:
    """Return the times of day, as HH:MM:SS."""
    found = []
    for match in _TIME.finditer(text[:_MAX_TEXT]):
        hour, half = int(match[1] or match[5]), (match[4] or match[6] or "").lower()
        if half and hour > 12:
            continue
        hour = hour % 12 + 12 * (half == "p") if half else hour
        found.append(
            Span(match.start(), match.end(), time(hour, int(match[2] or 0), int(match[3] or 0)).isoformat())
        )
    return found


@lru_cache(_KEPT)
def dates(text: str) -> list[Span]:
    """Return the dates with a year, as YYYY-MM-DD. What may be read in two ways (3/5/2024) is left out."""
    found: list[Span] = []
    for pattern in _date_patterns():
        for match in pattern.finditer(text[:_MAX_TEXT]):
            parts = match.groupdict()
            month = parts["month"]
            numbers = (int(parts["year"]), _month(month), int(parts["day"]))
            if parts.get("slash"):
                first, second = int(month), int(parts["day"])
                if first <= 12 and second <= 12 and first != second:
                    continue
                numbers = (
                    numbers[0],
                    min(first, second) if max(first, second) > 12 else first,
                    max(first, second),
                )
            try:
                value = date(*numbers).isoformat()
            except ValueError:
                continue
            if not _overlaps(match.start(), match.end(), found):
                found.append(Span(match.start(), match.end(), value))
    return sorted(found, key=lambda span: span.start)


@lru_cache(_KEPT)
def numbers(text: str) -> list[Span]:
    """Return the numbers that are no part of a date, time, address or telephone number, in their order.

    `kind` is money, percent, age, year, or "" for all others; `unit` the word right behind, lower case.
    """
    taken = [*dates(text), *times(text), *emails(text), *urls(text), *phones(text)]
    found = [span for span in _plain_numbers(text) if not _overlaps(span.start, span.end, taken)]
    found += [span for span in _number_words(text) if not _overlaps(span.start, span.end, [*taken, *found])]
    return [_with_kind(span, text) for span in sorted(found, key=lambda span: span.start)]


@lru_cache(_KEPT)
def names(text: str) -> list[Span]:
    """Return what is written like a name: words with capitals, or Chinese names where a sentence has them."""
    found = []
    for match in _CAPITALS.finditer(text[:_MAX_TEXT]):
        start, words = match.start(), match.group()
        if not words[0].isupper():  # a sign of a script without capitals
            continue
        while words and _first(words) in _word_set("no_names"):
            cut = len(words.split(" ", 1)[0]) + 1
            start, words = start + cut, words[cut:]
        words = re.sub(r"(?:'s|’s)$", "", words.rstrip(" -'’"))
        if (
            len(words) > 1
            and not words.isdigit()
            and _first(words) not in _months()
            and not _is_weekday(words)
        ):
            found.append(Span(start, start + len(words), words))
    found += [
        Span(match.start(1), match.end(1), match[1]) for match in _han_names().finditer(text[:_MAX_TEXT])
    ]
    return found


def places(text: str, known: frozenset[str]) -> list[Span]:
    """Return names of places: those that are `known` (lower case), and names behind words such as "in"."""
    found = []
    for span in names(text):
        before = re.search(r"([^\W\d_]+) (?:the )?$", text[max(0, span.start - _BEFORE) : span.start])
        is_behind = before is not None and before[1].lower() in _word_set("before_place")
        if span.value.lower() in known or is_behind:
            found.append(span)
    for match in _without_capitals(known).finditer(text):
        found.append(Span(match.start(), match.end(), match.group()))
    if not found:
        found = [Span(match.start(1), match.end(1), match[1]) for match in _HAN_PLACE.finditer(text)]
    return sorted(found, key=lambda span: span.start)


@lru_cache(8)
def _without_capitals(known: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of the names among `known` that have signs of a script without capitals."""
    names = sorted((name for name in known if re.match(r"[\u3040-\u9fff]{2}", name)), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, names)) or "(?!)")


def _overlaps(start: int, end: int, spans: list[Span]) -> bool:
    return any(span.start < end and start < span.end for span in spans)


def _plain_numbers(text: str) -> Iterator[Span]:
    code = languages.language_of(text)
    for pattern in (_NUMBER, _DIGITS_IN_IDEOGRAPHS):
        for match in pattern.finditer(text[:_MAX_TEXT]):
            value = number_value(match.group(), code)
            if value is None:
                continue
            end, scale = _scale(text, match.end())
            yield Span(match.start(), end, _shortest(value * scale) if scale != 1 else value)


def number_value(written: str, code: str) -> int | float | None:
    """Return the number of digits with separators, by a language's habit; None if it is not one number."""
    digits = re.sub(r"[ \u00a0\u202f'’]", "", written.replace("−", "-"))
    comma, point = digits.rfind(","), digits.rfind(".")
    is_comma_language = code in ("de", "es", "fr", "pt")
    if comma >= 0 and point >= 0:
        decimal = "," if comma > point else "."
    elif comma >= 0:
        is_grouped = re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+", digits) and not is_comma_language
        decimal = "." if is_grouped else ","
    else:
        is_grouped = re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+", digits) and (
            is_comma_language or digits.count(".") > 1
        )
        decimal = "," if is_grouped else "."
    plain = digits.replace("." if decimal == "," else ",", "").replace(",", ".")
    if plain.count(".") > 1:
        return None
    return float(plain) if "." in plain else int(plain)


def _shortest(number: float) -> int | float:
    rounded = round(number, 6)
    return int(rounded) if float(rounded).is_integer() else rounded


def _scale(text: str, end: int) -> tuple[int, float]:
    """Return the end and the size of a word such as "million" behind a number."""
    match = re.compile(r"[ \u00a0-]?(k\b|[^\W\d_]+)").match(text, end)
    scales = content.load("extraction")["scales"]
    if match is None:
        return end, 1
    word = match[1].lower()
    if word in scales:
        return match.end(), scales[word]
    return (end + 1, scales[word[0]]) if word[0] in "万億亿" else (end, 1)


def _number_words(text: str) -> Iterator[Span]:
    """Yield numbers in words: "twelve", "twenty-one", "two hundred"; and Chinese ones before a counter."""
    words = content.load("extraction")["number_words"]
    at = 0
    for match in re.finditer(r"[^\W\d_]+(?:-[^\W\d_]+)?", text[:_MAX_TEXT]):
        if match.start() < at:
            continue
        parts = [words.get(part) for part in match.group().lower().split("-")]
        if None in parts:
            continue
        value = sum(part or 0 for part in parts)
        end = match.end()
        following = re.compile(r" ([^\W\d_]+)").match(text, end)
        if value >= 20 and value % 10 == 0 and following and 0 < (words.get(following[1].lower()) or 0) < 10:
            value, end = value + words[following[1].lower()], following.end()
        end, scale = _scale(text, end)
        at = end
        yield Span(match.start(), end, _shortest(value * scale))
    for match in _HAN_NUMBER.finditer(text[:_MAX_TEXT]):
        yield Span(match.start(), match.end(), _han_value(match.group()))


def _han_value(written: str) -> int:
    total, digit = 0, 0
    for char in written:
        if char in "十百千":
            total += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[char]
            digit = 0
        else:
            digit = "零一二三四五六七八九".find(char) if char != "两" else 2
    return total + digit


def _with_kind(span: Span, text: str) -> Span:
    """Add what kind of number it is and the word behind it."""
    before, after = text[max(0, span.start - 30) : span.start], text[span.end : span.end + 30]
    word = re.match(r"\s?(°\s?[CF]|[^\W\d_]+)", after)
    unit = word[1].lower().replace(" ", "") if word else ""
    kind = ""
    if re.search(rf"(?:{_CURRENCY_SIGN}|\b(?:usd|eur|gbp|chf|rs\.?))\s?$", before, re.IGNORECASE) or (
        unit in content.load("extraction")["currencies"] or re.match(rf"\s?{_CURRENCY_SIGN}", after)
    ):
        kind = "money"
    elif re.match(
        r"\s?(?:%|percent\b|per cent\b|prozent\b|por ciento|por cento|pour cent)", after, re.IGNORECASE
    ):
        kind = "percent"
    elif _is_age(before, after):
        kind = "age"
    elif (
        isinstance(span.value, int)
        and 1000 <= span.value <= 2100
        and re.fullmatch(r"\d{4}", text[span.start : span.end])
    ):
        kind = "year"
    return Span(span.start, span.end, span.value, kind, unit)


def _is_age(before: str, after: str) -> bool:
    if re.match(
        r"[- ]?(?:years?|yrs?|jahre?|años|ans|anos)(?:[- ](?:old|alt|de edad))?\b|\s?[岁歳]|\s?(?:سنة|عام)",
        after,
        re.IGNORECASE,
    ):
        return bool(
            re.match(
                r"[- ]?\w+[- ](?:old|alt)\b|\s?[岁歳]|\s?(?:سنة|عام)|[- ]?(?:años|ans|anos|jahre)\b",
                after,
                re.IGNORECASE,
            )
        ) or bool(
            re.search(r"\b(?:is|am|are|was|turned|turns|ist|bin|tiene|a|tem)\s$", before, re.IGNORECASE)
        )
    return bool(re.search(r"\b(?:aged?|age of|age:|turned|turns)\s$", before, re.IGNORECASE))


@cache
def _date_patterns() -> tuple[re.Pattern[str], ...]:
    months = "|".join(sorted(map(re.escape, content.load("extraction")["months"]), key=len, reverse=True))
    day, year = r"(?P<day>\d{1,2})", r"(?P<year>[12]\d{3})"
    forms = (
        r"(?<!\d)(?P<year>[12]\d{3})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<year>[12]\d{3})\s?年\s?(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?日",
        r"(?<!\d)(?P<year>[12]\d{3})/(?P<month>\d{1,2})/(?P<day>\d{1,2})(?!\d)",
        r"(?<![\d.])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>[12]\d{3})(?!\d)",
        r"(?<!\d)(?P<month>\d{1,2})(?P<slash>/)(?P<day>\d{1,2})/(?P<year>[12]\d{3})(?!\d)",
        rf"(?<!\d){day}(?:st|nd|rd|th|\.|er|º)?(?: of| de)? (?P<month>{months})\b\.?,?(?: de| del)? "
        rf"{year}(?!\d)",
        rf"\b(?P<month>{months})\b\.? {day}(?:st|nd|rd|th)?,? {year}(?!\d)",
    )
    return tuple(re.compile(form, re.IGNORECASE) for form in forms)


def _month(written: str) -> int:
    if written.isdigit():
        return int(written)
    number: int = _months()[written.lower()]
    return number


def _months() -> dict[str, int]:
    months: dict[str, int] = content.load("extraction")["months"]
    return months


def _first(words: str) -> str:
    return words.split(" ", 1)[0].lower().rstrip(".")


def _is_weekday(words: str) -> bool:
    return bool(re.fullmatch(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day", words, re.IGNORECASE))


@cache
def _word_set(name: str) -> frozenset[str]:
    return frozenset(content.load("extraction")[name])


@cache
def _han_names() -> re.Pattern[str]:
    """Return the pattern of a Chinese name: a frequent surname, one or two signs, then what a person does."""
    surnames = content.load("extraction")["surnames"]
    return re.compile(
        rf"(?<![\u4e00-\u9fff])([{surnames}][\u4e00-\u9fff]{{1,2}}?)"
        r"(?=今年|现年|现在|已经|和|与|是|住|在|来自|的|有|说|，|,|（|\(|、|\d|：|:|\s|$)"
    )
