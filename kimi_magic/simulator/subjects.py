"""What a question is about: how many records, of which subject, and what is known of them.

A `Query` is read from the words of the question. `Subject.value` finds the value of a property in the table
of the subject, by the names of its columns and in the unit that the property asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from random import Random
from typing import Any

from . import content, english, samples
from .facts import Table, tables

MAX_RECORDS = 500
USUAL_RECORDS = 3  # for a list whose length the question does not say
_MAX_NAME = 100  # characters; nothing is known under a longer name
_NOUN = r"([a-z]{3,}s|people|children|women|men|mice|sheep|fish)"
_ABOUT = re.compile(
    r"\b(?:about|for|on|titled|called)\s+(?:an?\s+|the\s+)?([^.,;:!?\n]{3,50})\b", re.IGNORECASE
)
_PROPER_NAME = re.compile(r"(?<=[\w,:\"'(] )((?:[A-Z][\w'-]+ ?){1,4})")
_MOST = re.compile(r"\b(?:longest|largest|biggest|highest|tallest|most populous)\b", re.IGNORECASE)
_SIZE = re.compile("population|length_|height_|diameter_")
_BEFORE_A_YEAR = re.compile(r"\b(?:in|since|from|until|before|after|by|of|the|year)\s+\Z", re.IGNORECASE)
_PLURAL = re.compile(r"s\b")


@dataclass(frozen=True, slots=True)
class Subject:
    """Records that answer a question: their table, and the rows in the order in which they are used."""

    table: Table
    order: tuple[int, ...]

    def value(self, name: str, row: int) -> Any:
        """Return what is known under the name of a property, None if nothing. Rows begin at 0."""
        if len(name) > _MAX_NAME:
            return None
        record = self.table.rows[self.order[row % len(self.order)]]
        snake = _snake(name)
        words, scale = _split(snake)
        column, unit = self._column(snake, words)
        if row >= len(self.order):
            return self._invented(column, unit, row, record)
        if not _word_set("sentence").isdisjoint(words):
            return self.table.about.format(**self._named(record))
        if column is None:
            return None
        value = record[column]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        has_multiple = not content.load("language")["multiples"].keys().isdisjoint(snake.split("_"))
        if is_number and scale and scale != unit and (unit or has_multiple):
            return float(f"{value * (unit or 1.0) / scale:.6g}")
        return value

    def _invented(self, column: int | None, unit: float, row: int, record: tuple[Any, ...]) -> Any:
        """Return a value for a record beyond the known ones: like another record, or only a name."""
        if column == 0:
            return f"{self.table.columns[0].split()[0].capitalize()} {row + 1}"
        if column is None or not self.table.drawn:
            return None
        value = record[column]
        if not unit or isinstance(value, bool | str):
            return value
        return type(value)(round(value * (1 + (row * 7 % 11 - 5) / 100), 1))

    def _column(self, name: str, words: tuple[str, ...]) -> tuple[int | None, float]:
        """Return the column that fits the name of a property best, and its unit."""
        best: tuple[int, int | None, float] = (0, None, 0.0)
        for at, column in enumerate(self.table.columns):
            aliases = column.split()
            unit = _split(aliases[0])[1]
            for alias in aliases:
                score = _likeness(name, words, alias)
                if score > best[0]:
                    best = (score, at, unit)
        return best[1], best[2]

    def _named(self, record: tuple[Any, ...]) -> dict[str, Any]:
        return {column.split()[0]: value for column, value in zip(self.table.columns, record, strict=True)}


@dataclass(frozen=True, slots=True)
class Query:
    """What records a question asks for. `count` is 0 and `noun` "" where it does not say."""

    count: int = 0
    noun: str = ""
    subject: Subject | None = None
    title: str = ""  # what the question says something is about
    proper_name: str = ""  # the first name in it, such as Ada Lovelace


def read(question: str, random: Random) -> Query:
    """Read a query; where more is known than the question asks for, `random` says where to begin."""
    count, noun, phrase = _count(question)
    about, names = _ABOUT.search(question), _PROPER_NAME.search(question)
    query = Query(
        count,
        noun,
        title=about.group(1) if about else "",
        proper_name=names.group(1).strip() if names else "",
    )
    table = _table_in(phrase) or (None if samples.knows(noun) else _table_in(question))
    order = _order(table, question, count, random) if table is not None else ()
    if table is None or not order:
        return query
    name = table.pattern.search(question)
    is_named_part = 1 < len(order) < len(table.rows)
    if not count and (is_named_part or (table.whole and name and _PLURAL.search(name.group()))):
        count = len(order)
    return replace(query, count=count, subject=Subject(table, order))


def named_by(name: str, random: Random) -> Subject | None:
    """Return the subject that the name of a list stands for, such as `rivers`."""
    words = " ".join(english.words_of(name))
    table = next((table for table in tables() if table.pattern.fullmatch(words)), None)
    return Subject(table, _order(table, "", 0, random)) if table is not None else None


def asks_for_most(question: str) -> bool:
    """Return whether a question asks for the longest, largest or highest."""
    return bool(_MOST.search(question))


def is_on(name: str, pattern: str) -> bool:
    """Return whether a name is one of a continent, by the pattern of the data file."""
    return bool(re.search(pattern, name, re.IGNORECASE))


def forms(value: Any, kind: str) -> Iterator[Any]:
    """Yield a known value as it is and in forms for the type that is wanted."""
    match value:
        case float() if kind == "integer":
            yield round(value)
        case list() if kind == "string":
            yield ", ".join(value)
            yield value[0]
        case bool():
            yield value
        case int() | float() if kind == "string":
            yield f"{value:,}" if value > 9999 else str(value)
        case str() if kind == "array":
            yield [value]
        case _:
            yield value


def how_many(prompt: str) -> tuple[int, str]:
    """Return how many things a prompt asks for, 0 if it does not say, and what they are called."""
    count, noun, _ = _count(prompt)
    return count, noun


def _count(prompt: str) -> tuple[int, str, str]:
    """Return number and name of the things a prompt asks for, and the words that say so."""
    not_records = _word_set("not_records")
    for pattern in _counts():
        for match in pattern.finditer(prompt):
            word, noun = (match.group(1) or "0").lower(), match.group(2).lower()
            before = prompt[max(0, match.start() - 20) : match.start()]
            is_year = len(word) == 4 and word.isdigit() and _BEFORE_A_YEAR.search(before)
            if noun not in not_records and not is_year:
                return min(english.number(word), MAX_RECORDS), noun, match.group()
    return 0, "", ""


@cache
def _counts() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of a number and a plural, then of a list and a plural."""
    count, adjectives = rf"(\d{{1,4}}|{english.number_words()})", r"(?:[a-z-]+\s+){0,3}?"
    lists = r"(?:(?:list|array|table)\s+of|list|array\s+with)"
    return (
        re.compile(rf"\b{count}\s+(?:of\s+the\s+)?{adjectives}{_NOUN}\b", re.IGNORECASE),
        re.compile(rf"\b{lists}\s+(?:{count}\s+)?{adjectives}{_NOUN}\b", re.IGNORECASE),
    )


def _table_in(text: str) -> Table | None:
    """Return the table whose subject comes first in a text."""
    starts = [
        (match.start(), at) for at, table in enumerate(tables()) if (match := table.pattern.search(text))
    ]
    return tables()[min(starts)[1]] if starts else None


def _order(table: Table, question: str, count: int, random: Random) -> tuple[int, ...]:
    """Return the rows to use: those the question names, else those of its continent, from some place on."""
    named = [
        (match.start(), at) for at, row in enumerate(table.rows) if (match := _mention(table, row, question))
    ]
    if named and count <= len(named):
        return tuple(at for _, at in sorted(named))
    continent = next((name for pattern, name in _continents() if pattern.search(question)), "")
    column = next((at for at, names in enumerate(table.columns) if names.startswith("continent")), None)
    fitting = [
        at for at, row in enumerate(table.rows) if not continent or column is None or row[column] == continent
    ]
    if _MOST.search(question) and (size := _size(table)):
        return tuple(sorted(fitting, key=lambda at: table.rows[at][size], reverse=True))
    start = random.randrange(len(fitting)) if fitting and not table.whole else 0
    return tuple(fitting[start:] + fitting[:start])


@cache
def _continents() -> tuple[tuple[re.Pattern[str], str], ...]:
    pairs = content.load("language")["continents"]
    return tuple((re.compile(pattern, re.IGNORECASE), name) for pattern, name in pairs)


def _size(table: Table) -> int:
    """Return the column that the longest, largest or highest is judged by, 0 if there is none."""
    columns = enumerate(zip(table.columns, table.rows[0], strict=True))
    sizes = [at for at, (names, value) in columns if isinstance(value, int) and _SIZE.match(names)]
    return sizes[0] if sizes else 0


def _mention(table: Table, row: tuple[Any, ...], question: str) -> re.Match[str] | None:
    names = row[:2] if table.columns[1].startswith("country") else row[:1]
    return re.search(rf"\b(?:{'|'.join(map(re.escape, names))})\b", question)


@lru_cache(2_000)
def _split(snake: str) -> tuple[tuple[str, ...], float]:
    """Return the words of a name without its units, and the size of the unit, 0 if it has none."""
    units = _units()
    words = [word for word in re.split(r"_|-|\s", snake) if word]
    sizes = [units[word] for word in words[1:] if word in units]
    scale = 1.0
    for size in sizes:
        scale *= size
    plain = tuple(word for at, word in enumerate(words) if not at or word not in units)
    return plain, scale if sizes else 0.0


@cache
def _units() -> Mapping[str, float]:
    language = content.load("language")
    return {**language["multiples"], **language["units"]}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@lru_cache(20_000)
def _likeness(name: str, words: tuple[str, ...], alias: str) -> int:
    """Return how well the name of a property fits one of a column: 0 not at all, more is better."""
    known = _split(alias)[0]
    if name == alias or words == known:
        return 4
    wanted, offered = set(map(english.singular, words)), set(map(english.singular, known))
    if (wanted ^ offered) & _word_set("derived"):
        return 0
    if wanted == offered:
        return 3
    unimportant = _word_set("unimportant")
    if wanted - unimportant == offered - unimportant != set():
        return 2
    return 1 if offered <= wanted and not offered <= unimportant else 0


@cache
def _word_set(name: str) -> frozenset[str]:
    return frozenset(content.load("language")[name])
