"""Plausible values for named fields: what JSON mode and tool calls are filled with. Invented data only."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from random import Random
from typing import Any

# One row across all pools is one record: the city lies in the country, the answer fits the question.
_WORDS = {
    "name": ("Ada Marlowe", "Jonas Lind", "Ines Duarte", "Mei Tanaka", "Bola Okafor", "Rosa Quispe"),
    "email": ("ada@example.org", "jonas@example.org", "ines@example.net", "mei@example.com"),
    "title": ("A Quiet Harbour", "Notes on Rain", "The Long Field", "Small Machines", "Late Snow"),
    "author": ("E. Holm", "R. Castellani", "N. Abara", "S. Whitlock", "J. Moreau", "K. Ito"),
    "city": ("Turin", "Bergen", "Porto", "Kyoto", "Lagos", "Guayaquil", "Cusco", "Lyon"),
    "country": ("Italy", "Norway", "Portugal", "Japan", "Nigeria", "Ecuador", "Peru", "France"),
    "capital": ("Rome", "Oslo", "Lisbon", "Tokyo", "Abuja", "Quito", "Lima", "Paris"),
    "language": ("Italian", "Norwegian", "Portuguese", "Japanese", "English", "Spanish", "Spanish", "French"),
    "currency": ("EUR", "NOK", "EUR", "JPY", "NGN", "USD", "PEN", "EUR"),
    "color": ("blue", "amber", "green", "grey", "violet", "red"),
    "animal": ("heron", "otter", "lynx", "hare", "kestrel", "badger"),
    "fruit": ("pear", "plum", "quince", "cherry", "fig", "apple"),
    "url": ("https://example.org/a", "https://example.org/b", "https://example.com/c"),
    "date": ("2024-03-18", "2023-11-02", "2025-06-30", "2022-09-14", "2024-12-05"),
    "time": ("08:30:00", "14:05:00", "19:45:00"),
    "unit": ("metres", "kilograms", "seconds"),
    "status": ("open", "done", "waiting"),
    "category": ("science", "travel", "history", "music"),
    "sentiment": ("positive", "neutral", "negative"),
    "description": (
        "A short description made up for this example.",
        "Plain, useful and easy to check.",
        "One of several entries of the same kind.",
        "Known for being exactly what it seems.",
    ),
    "question": (
        "Why is the sky blue?", "How many moons does Mars have?", "Which planet is the largest?",
        "What is the square root of 144?", "Which gas do plants take in?", "What is the capital of Norway?",
        "How many bones has an adult human?", "In which year did people first walk on the Moon?",
    ),
    "answer": (
        "Because air scatters blue light most", "Two", "Jupiter", "12", "Carbon dioxide",
        "Oslo", "206", "1969",
    ),
    "code": ("print(6 * 7)", "sum(range(10))", "len('simulator')"),
    "expression": ("6 * 7", "12 + 30", "84 / 2"),
    "path": ("data/rivers.csv", "notes/plan.md", "results.json"),
}  # fmt: skip
_ALIASES = {
    "person": "name",
    "town": "city",
    "place": "city",
    "location": "city",
    "colour": "color",
    "writer": "author",
    "mail": "email",
    "link": "url",
    "website": "url",
    "day": "date",
    "born": "date",
    "summary": "description",
    "text": "description",
    "reason": "description",
    "kind": "category",
    "type": "category",
    "topic": "category",
    "genre": "category",
    "formula": "expression",
    "file": "path",
    "filename": "path",
}
_WHOLE = ("age", "year", "count", "number", "quantity", "id", "size", "length", "pages", "population", "rank")
_REAL = (
    "price",
    "score",
    "temperature",
    "height",
    "weight",
    "ratio",
    "probability",
    "rating",
    "cost",
    "area",
)
_YES_NO = re.compile(r"(is|has|can|should|was)_|.*(enabled|active|valid|available)$")
_PLAIN = ("harbour", "lantern", "meadow", "compass", "granite", "willow", "ember", "tide")


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits that depend on nothing but the parts."""
    return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def seeded(*parts: object) -> Random:
    """Return a source of chance that is always the same for the same parts."""
    return Random(int(digest(*parts), 16))  # noqa: S311  # repeatable on purpose, guards nothing


def words_of(name: str) -> list[str]:
    """Split an identifier into lower-case words: `birthYear` and `birth_year` are birth, year."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def singular(noun: str) -> str:
    """Return the singular of a regular English plural."""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def text(name: str, row: int) -> str:
    """Return a string that suits a field of this name; the same `row` of two fields belongs together."""
    for word in reversed(words_of(name)):
        stem = word if word in _WORDS else singular(word)
        pool = _WORDS.get(_ALIASES.get(stem, stem))
        if pool is not None:
            return pool[row % len(pool)]
    return _PLAIN[row % len(_PLAIN)]


def whole(name: str, random: Random) -> int:
    """Return a whole number that suits a field of this name."""
    match name.lower():
        case "age":
            return random.randint(19, 78)
        case "year":
            return random.randint(1950, 2025)
        case "population":
            return random.randint(20, 900) * 1000
    return random.randint(1, 60)


def real(random: Random) -> float:
    """Return a number with two decimals."""
    return random.randint(50, 9900) / 100


def value(name: str, row: int, random: Random) -> Any:
    """Return a value whose type is guessed from the name."""
    words = words_of(name) or [""]
    last = words[-1]
    if _YES_NO.match(name.lower()):
        return random.random() < 0.5
    if last in _WHOLE:
        return whole(last, random)
    if last in _REAL:
        return real(random)
    if singular(last) != last and last not in _WORDS:
        return [text(last, row + at) for at in range(3)]
    return text(name, row)
