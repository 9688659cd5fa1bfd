"""Strict JSON, read by the standard library: the way of almost every answer.

It gives up on what `value.Reader` has to look at: what is no JSON, what is nested too deeply, and what is
JSON but was hardly meant so, such as a form feed where LaTeX was written.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from .tokens import TEX_AFTER_CONTROL, Digits
from .value import DEEPEST

_LEADING = re.compile(r"[\s\ufeff]*+")
_SUSPECT_ESCAPE = re.compile(r"\\(?:b[A-Za-z]|f[a-z])")  # a backspace or form feed that was LaTeX
_TEX = re.compile(r"\\\\[A-Za-z]{2}")
_LONE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_HUGE = re.compile(r"[0-9][eE]\+?[0-9]{3}")  # a number that may be infinite as a float
_HUGE_NUMBER = re.compile(r"(?<![0-9.])[0-9.]++[eE]\+?[0-9]{3,}")


class Strict(NamedTuple):
    """A value, where it ends, and sentences for the reader."""

    value: Any
    end: int
    notices: tuple[str, ...]


class _Objects:
    """Builds the objects of one value and sees keys that come twice."""

    __slots__ = ("twice",)

    def __init__(self) -> None:
        self.twice = False

    def build(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            self.twice = True
        return made


def whole(text: str, *, digits: bool = False) -> Strict | None:
    """The value that is all of `text`, but for blanks and a byte order mark; None where it is not strict."""
    leading = _LEADING.match(text)
    start = leading.end() if leading else 0
    found = at(text, start, digits=digits)
    if found is None or text[found.end :].strip("\ufeff \t\r\n"):
        return None
    return found


def at(text: str, start: int, *, digits: bool = False) -> Strict | None:
    """The value that begins at `start`; None where it is not strict JSON or needs a closer look.

    With `digits`, floats are `tokens.Digits`.
    """
    objects = _Objects()
    decoder = json.JSONDecoder(
        object_pairs_hook=objects.build, parse_constant=_constant, parse_float=Digits if digits else None
    )
    try:
        value, end = decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    if objects.twice or _is_suspect(text, start, end) or _depth(value) > DEEPEST:
        return None
    return Strict(value, end, ())


def _constant(name: str) -> float:
    raise ValueError(name)


def _is_suspect(text: str, start: int, end: int) -> bool:
    if text.find("\\", start, end) >= 0:
        if _SUSPECT_ESCAPE.search(text, start, end):
            return True
        if _TEX.search(text, start, end) and TEX_AFTER_CONTROL.search(text, start, end):
            return True
        if _HALF.search(text, start, end) and _HALF.search(_PAIR.sub("", text[start:end])):
            return True
    if _HUGE.search(text, start, end) and any(
        math.isinf(_float(number[0])) for number in _HUGE_NUMBER.finditer(text, start, end)
    ):
        return True
    return not text.isascii() and _LONE.search(text, start, end) is not None


def _float(written: str) -> float:
    """A number; what only looks like one, in a string, is none that is infinite."""
    try:
        return float(written)
    except ValueError:
        return 0.0


def _depth(value: Any) -> int:
    """How many levels of containers a value has, as far as that is allowed and one more."""
    level = [value] if type(value) in (dict, list) else []
    depth = 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            part
            for each in level
            for part in (each.values() if type(each) is dict else each)
            if type(part) in (dict, list)
        ]
    return depth
