r"""Where a text says `{{ expression }}`: the holes that values of the notebook fill.

A hole has exactly two braces on each side, on one line. All else is text as it was typed: single and triple
braces, `{{` that nothing closes, `{{}}`. `\{{ x }}` is the text `{{ x }}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

LONGEST = 1_000  # characters of an expression
_STRING = r"'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\""
_PLAIN = rf"{_STRING}|[^{{}}\n]"  # a quote that nothing closes is a sign like any other
_INNER = rf"\{{(?:{_PLAIN})*+\}}"  # a dict or a set, and one more inside it
_NESTED = rf"\{{(?!\{{)(?:{_PLAIN}|{_INNER})*+\}}"
# Possessive, so that no text takes more than one look at each of its characters for each `{{`.
HOLE = re.compile(
    rf"(?<!\{{)\{{\{{(?!\{{)(?P<code>(?=[^\n]*?\S)(?:{_PLAIN}|{_NESTED}){{1,{LONGEST}}}+)\}}\}}"
)


class Hole(NamedTuple):
    """An expression in a text, and where its braces begin and end.

    `is_escaped`: a backslash before it says that it is text.
    """

    start: int
    end: int
    code: str
    is_escaped: bool


def holes(text: str) -> Iterator[Hole]:
    """The holes of `text` in their order."""
    for found in HOLE.finditer(text):
        if not (code := found["code"].strip()):
            continue
        backslashes = len(text[: found.start()]) - len(text[: found.start()].rstrip("\\"))
        yield Hole(found.start(), found.end(), code, backslashes % 2 == 1)


def end_of(text: str, start: int) -> int:
    """The end of the hole that begins at `start`, `start` where none does."""
    found = HOLE.match(text, start)
    return found.end() if found else start


def whole(text: str) -> str | None:
    """The expression of a text that is one hole and nothing else; None for another."""
    found = HOLE.fullmatch(text.strip())
    return found["code"].strip() or None if found else None


def filled(text: str, fill: Callable[[Hole], str], literal: Callable[[str], str] = str) -> str:
    """`text` with what `fill` gives in place of each hole, and `literal` of all other parts.

    What was filled in is not looked at again.
    """
    parts, place = list[str](), 0
    for hole in holes(text):
        if hole.is_escaped:
            parts += (literal(text[place : hole.start - 1]), text[hole.start : hole.end])
        else:
            parts += (literal(text[place : hole.start]), fill(hole))
        place = hole.end
    return "".join((*parts, literal(text[place:])))
