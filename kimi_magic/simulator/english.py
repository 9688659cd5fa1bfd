"""English words: those inside identifiers, singulars, and numbers in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from . import content


def words_of(name: str) -> list[str]:
    """Split an identifier into lower-case words: `birthYear` and `birth_year` are birth, year."""
    if not name.isascii():
        return [word for word in re.split(r"[\W_]+", name.lower()) if word]
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def singular(noun: str) -> str:
    """Return the singular of a regular English plural."""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def number(word: str) -> int:
    """Return the number that is written in digits or as a known word, in lower case."""
    return _numbers().get(word) or int(word)


@cache
def number_words() -> str:
    """Return the known words for numbers as alternatives of a regular expression."""
    return "|".join(_numbers())


def _numbers() -> Mapping[str, int]:
    numbers: Mapping[str, int] = content.load("language")["numbers"]
    return numbers
