"""What a question is about: how many things, which ones, and what is known of them.

A `Wish` is read from the words of the question; JSON values are then filled from true records (`facts`) where
a property has the name of something known, and from invented samples elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from . import samples
from .culture import TABLES
from .facts import Table

MAX_RECORDS = 500
SOME = 3  # records for a list of unsaid length
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50,
    "a dozen": 12, "a hundred": 100,
}  # fmt: skip
_COUNT = rf"(\d{{1,4}}|{'|'.join(NUMBERS)})"
_NOUN = r"([a-z]{3,}s|people|children|women|men|mice|sheep|fish)"
_PLURAL = re.compile(rf"\b{_COUNT}\s+(?:of\s+the\s+)?(?:[a-z-]+\s+){{0,3}}?{_NOUN}\b", re.IGNORECASE)
_LIST = re.compile(
    rf"\b(?:(?:list|array|table)\s+of|list|array\s+with)\s+(?:{_COUNT}\s+)?(?:[a-z-]+\s+){{0,3}}?{_NOUN}\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|for|on|titled|called)\s+(?:an?\s+|the\s+)?([^.,;:!?\n]{3,50})\b", re.IGNORECASE
)
_PROPER = re.compile(r"(?<=[\w,:\"'(] )((?:[A-Z][\w'-]+ ?){1,4})")
_MOST = re.compile(r"\b(?:longest|largest|biggest|highest|tallest|most populous)\b", re.IGNORECASE)
_SIZE = re.compile("population|length_|height_|diameter_")
_BEFORE_A_YEAR = re.compile(r"\b(?:in|since|from|until|before|after|by|of|the|year)\s+\Z", re.IGNORECASE)
_CONTINENTS = tuple(
    (re.compile(stem, re.IGNORECASE), name)
    for stem, name in (
        *((r"\beurop", "Europe"), (r"\basia", "Asia"), (r"\bafric", "Africa"), (r"\boceania", "Oceania")),
        *((r"\bsouth america|\blatin", "South America"), (r"\bnorth america", "North America")),
    )
)
_NOT_RECORDS = frozenset(
    ["keys", "fields", "words", "sentences", "properties", "columns", "paragraphs", "times", "lines"]
)
_MULTIPLES = {"million": 1e6, "millions": 1e6, "mio": 1e6, "billion": 1e9, "thousand": 1e3, "thousands": 1e3}
_UNITS = _MULTIPLES | {
    "km": 1e3, "m": 1.0, "cm": 1e-2, "mm": 1e-3, "mi": 1609.344, "mile": 1609.344, "miles": 1609.344,
    "ft": 0.3048, "feet": 0.3048, "au": 1.495979e11, "kg": 1.0, "g": 1e-3, "t": 1e3, "tonnes": 1e3,
    "lb": 0.4536, "lbs": 0.4536,
    "km2": 1e6, "m2": 1.0, "c": 1.0, "u": 1.0, "days": 1.0, "years": 1.0, "hours": 1 / 24,
}  # fmt: skip
_NO_MATTER = frozenset(
    samples.words_of(
        "the of in from to at name number count total average mean approx approximate estimated official "
        "known common full short current sun main primary is has value avg"
    )
)
# A rate or a rank is another thing than what it is made from.
_OTHER_THING = frozenset(
    samples.words_of("density growth rate share percent percentage change per rank url link code")
)
_SENTENCE = frozenset(
    samples.words_of("description summary about fact note notes text blurb comment trivia details")
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Records that answer a question, in the order in which they come."""

    table: Table
    order: tuple[int, ...]

    def value(self, name: str, row: int) -> Any:
        """Return what is known under the name of a property, None if nothing. Rows begin at 0."""
        record = self.table.rows[self.order[row % len(self.order)]]
        words, scale = _split(name)
        if row >= len(self.order):
            return self._beyond(name, words, row, record)
        if set(words) & _SENTENCE:
            return self.table.about.format(**self._named(record))
        at, unit = self._column(_snake(name), words)
        if at is None:
            return None
        value = record[at]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and scale and scale != unit and (unit or set(_MULTIPLES) & set(_snake(name).split("_"))):
            return float(f"{value * (unit or 1.0) / scale:.6g}")
        return value

    def _beyond(self, name: str, words: tuple[str, ...], row: int, record: tuple[Any, ...]) -> Any:
        """Return a value for a record more than are known: like another one, or only a name for it."""
        at, unit = self._column(_snake(name), words)
        if at == 0:
            return f"{self.table.columns[0].split()[0].capitalize()} {row + 1}"
        if at is None or not self.table.drawn:
            return None
        value = record[at]
        if not unit or isinstance(value, bool | str):
            return value
        return type(value)(round(value * (1 + (row * 7 % 11 - 5) / 100), 1))

    def _column(self, name: str, words: tuple[str, ...]) -> tuple[int | None, float]:
        best: tuple[int, int | None, float] = (0, None, 0.0)
        for at, column in enumerate(self.table.columns):
            aliases = column.split()
            unit = _split(aliases[0])[1]
            for alias in aliases:
                score = _alike(name, words, alias)
                if score > best[0]:
                    best = (score, at, unit)
        return best[1], best[2]

    def _named(self, record: tuple[Any, ...]) -> dict[str, Any]:
        return {column.split()[0]: value for column, value in zip(self.table.columns, record, strict=True)}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a question asks for. `count` is 0 and `noun` "" where it does not say."""

    count: int = 0
    noun: str = ""
    subject: Subject | None = None
    title: str = ""  # what it says something is about
    proper: str = ""  # the first name in it, such as Ada Lovelace


def read(question: str, random: Random) -> Wish:
    """Read a wish; where more is known than was asked for, `random` says where to begin."""
    count, noun, phrase = _asked(question)
    about, names = _ABOUT.search(question), _PROPER.search(question)
    wish = Wish(
        count, noun, title=about.group(1) if about else "", proper=names.group(1).strip() if names else ""
    )
    table = _table(phrase) or (None if samples.knows(noun) else _table(question))
    order = _order(table, question, count, random) if table is not None else ()
    if table is None or not order:
        return wish
    found = table.pattern.search(question)
    if not count and 1 < len(order) < len(table.rows):
        count = len(order)  # those that were named
    elif not count and table.whole and found and re.search(r"s\b", found.group()):
        count = len(order)
    return replace(wish, count=count, subject=Subject(table, order))


def _table(text: str) -> Table | None:
    """Return the records whose subject comes first in a text."""
    found = [(match.start(), at) for at, table in enumerate(TABLES) if (match := table.pattern.search(text))]
    return TABLES[min(found)[1]] if found else None


def named_by(name: str, random: Random) -> Subject | None:
    """Return the subject that the name of a list stands for, such as `rivers`."""
    words = " ".join(samples.words_of(name))
    found = next((table for table in TABLES if table.pattern.fullmatch(words)), None)
    return Subject(found, _order(found, "", 0, random)) if found is not None else None


def how_many(prompt: str) -> tuple[int, str]:
    """Return how many things are asked for, 0 if it does not say, and what they are called."""
    count, noun, _ = _asked(prompt)
    return count, noun


def _asked(prompt: str) -> tuple[int, str, str]:
    """Return number and name of the things asked for, and the words that say so."""
    for found in (*_PLURAL.finditer(prompt), *_LIST.finditer(prompt)):
        word, noun = (found.group(1) or "0").lower(), found.group(2).lower()
        before = prompt[max(0, found.start() - 20) : found.start()]
        is_year = len(word) == 4 and word.isdigit() and _BEFORE_A_YEAR.search(before)
        if noun not in _NOT_RECORDS and not is_year:
            return min(NUMBERS.get(word) or int(word), MAX_RECORDS), noun, found.group()
    return 0, "", ""


def _order(table: Table, question: str, count: int, random: Random) -> tuple[int, ...]:
    """Return which records: those named in the question, else all of its continent, from some place on."""
    named = [
        (found.start(), at) for at, row in enumerate(table.rows) if (found := _mention(table, row, question))
    ]
    if named and count <= len(named):
        return tuple(at for _, at in sorted(named))
    place = next((name for stem, name in _CONTINENTS if stem.search(question)), "")
    column = next((at for at, names in enumerate(table.columns) if names.startswith("continent")), None)
    fitting = [at for at, row in enumerate(table.rows) if not place or column is None or row[column] == place]
    if _MOST.search(question) and (size := _size(table)):
        return tuple(sorted(fitting, key=lambda at: table.rows[at][size], reverse=True))
    start = random.randrange(len(fitting)) if fitting and not table.whole else 0
    return tuple(fitting[start:] + fitting[:start])


def _size(table: Table) -> int:
    """Return the column that the longest, largest or highest is judged by, 0 if there is none."""
    columns = enumerate(zip(table.columns, table.rows[0], strict=True))
    sizes = [at for at, (names, value) in columns if isinstance(value, int) and _SIZE.match(names)]
    return sizes[0] if sizes else 0


def _mention(table: Table, row: tuple[Any, ...], question: str) -> re.Match[str] | None:
    names = row[:2] if table.columns[1].startswith("country") else row[:1]
    return re.search(rf"\b(?:{'|'.join(map(re.escape, names))})\b", question)


def _split(name: str) -> tuple[tuple[str, ...], float]:
    """Return the words of a name without its units, and what one of the unit is in the basic unit."""
    words = [word for word in re.split(r"_|-|\s", _snake(name)) if word]
    units = [_UNITS[word] for word in words[1:] if word in _UNITS]
    scale = 1.0
    for unit in units:
        scale *= unit
    plain = tuple(word for at, word in enumerate(words) if not at or word not in _UNITS)
    return plain, scale if units else 0.0


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _alike(name: str, words: tuple[str, ...], alias: str) -> int:
    """Say how well the name of a property fits one of a column: 0 not at all, more is better."""
    known = _split(alias)[0]
    if name == alias or words == known:
        return 4
    said, meant = set(map(samples.singular, words)), set(map(samples.singular, known))
    if (said ^ meant) & _OTHER_THING:
        return 0
    if said == meant:
        return 3
    if said - _NO_MATTER == meant - _NO_MATTER != set():
        return 2
    return 1 if meant <= said and not meant <= _NO_MATTER else 0
