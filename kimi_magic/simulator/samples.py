"""Invented values for named fields, for JSON mode and tool calls. They stand in `data/samples.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

from . import content
from .english import singular, words_of

_YES_NO = re.compile(r"(is|has|can|should|was)_|.*(enabled|active|valid|available)$")
_ANY_INTEGER = (1, 60)
_ANY_DECIMAL = (0.5, 99.0)


def text(name: str, row: int, first: int | None = None) -> str:
    """Return a string that suits a field of this name; the same `row` of two fields belongs together.

    With the `first` row of a list, values that may not come twice are told apart by a number.
    """
    samples = content.load("samples")
    words = words_of(name)
    if words[1:] and words[-1] == "name" and knows(words[-2]):  # `city_name` is a city, `first_name` no name
        words.pop()
    key = next((key for word in reversed(words) if (key := _key(word))), "")
    pool: Sequence[str] = samples["strings"][key] if key else samples["plain"]
    value = pool[row % len(pool)]
    lap = 0 if first is None or (key and key not in samples["distinct"]) else (row - first) // len(pool)
    if not lap:
        return value
    return value.replace("@", f"{lap + 1}@") if "@" in value else f"{value} {lap + 1}"


def knows(name: str) -> bool:
    """Return whether there are strings for a field of this name."""
    return any(_key(word) for word in words_of(name))


def member(noun: str, place: int) -> str:
    """Return a name for the thing in a place, from 0, of a kind that is not known: `Volcano A`."""
    mark = chr(ord("A") + place) if place < 26 else str(place + 1)
    return f"{singular(noun).capitalize()} {mark}"


def integer(name: str, random: Random, place: int | None = None) -> int:
    """Return a whole number that suits a field of this name; `place` is that in a list, from 0."""
    samples = content.load("samples")
    words = words_of(name)
    if place is not None and words and words[-1] in samples["counted"]:
        return place + 1
    low, high = _range(words, samples["integers"], _ANY_INTEGER)
    if high < 10_000:
        return random.randint(low, high)
    return random.randint(low // 1000, high // 1000) * 1000


def decimal(name: str, random: Random) -> float:
    """Return a number with two decimals that suits a field of this name."""
    low, high = _range(words_of(name), content.load("samples")["decimals"], _ANY_DECIMAL)
    return round(random.uniform(low, high), 2)


def value(name: str, row: int, random: Random) -> Any:
    """Return a value whose type is guessed from the name."""
    samples = content.load("samples")
    words = words_of(name) or [""]
    last = words[-1]
    if _YES_NO.match(name.lower()):
        return random.random() < 0.5
    if last in samples["decimals"]:
        return decimal(last, random)
    if last in samples["integers"] and last not in samples["strings"]:
        return integer(last, random)
    if singular(last) != last and last not in samples["strings"]:
        return [text(last, row + place) for place in range(3)]
    return text(name, row)


def _key(word: str) -> str:
    """Return the name under which the strings for a word stand, "" if there are none."""
    strings, aliases = content.load("samples")["strings"], _aliases()
    known = next((form for form in (word, singular(word)) if form in strings or form in aliases), "")
    return aliases.get(known, known)


@cache
def _aliases() -> dict[str, str]:
    return {word: key for key, words in content.load("samples")["aliases"].items() for word in words}


def _range(words: list[str], ranges: Mapping[str, Any], usual: tuple[Any, Any]) -> tuple[Any, Any]:
    low, high = next((ranges[word] for word in reversed(words) if word in ranges), usual)
    return low, high
