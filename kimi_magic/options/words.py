"""The words of an option line: quotes as a shell reads them, backslashes as people write them.

On the line of a magic nobody can type a line end, and many a path is one of Windows. So a backslash is kept
unless a quote or white space follows it, and what `\\n` means is left to the option: `unescape`. What stands
in `{{ }}` is Python and stays one piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kimi_magic import keys
from kimi_magic.errors import KimiUsageError
from kimi_magic.prompt.holes import end_of

_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "«": "»"}  # what may close each of them
_PLAIN_QUOTES = "\"'"
_SPACE, _NO_SPACE = re.compile(r"\s*"), re.compile(r"\S*")
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"  # that editors and word processors put for - and --
# Commands of TeX that begin like an escape. `\nu` in a system message is the letter, not a line end and a u.
_TEX = (
    "nu|nabla|neq|neg|ne|ni|nmid|notin|not|nonumber|newline|times|theta|tan|tanh|tau|text(?:bf|it|rm|tt)?|tfrac|tilde|"
    "top|to|triangle|rho|rightarrow|right|rangle|rceil|rfloor|rm"
)
_ESCAPE = re.compile(
    rf"\\(?!(?:{_TEX})(?![A-Za-z]))"
    r"(?:([ntr\\])|u([0-9a-fA-F]{4})|U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4}))"
)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


class Word(NamedTuple):
    """A word of a line without its quotes, and the offset in the line where it ends."""

    text: str
    end: int


def each_word(line: str, start: int = 0) -> Iterator[Word]:
    """The words of `line` from `start` on, in one pass.

    Raises:
        KimiUsageError: A quote is not closed.
    """
    place, length = start, len(line)
    last = {
        quote: max(map(line.rfind, closing)) for quote, closing in _QUOTES.items()
    }  # place of a closing one
    while True:
        while place < length and line[place].isspace():
            place += 1
        if place == length:
            return
        text, place = _word(line, place, last)
        yield Word(text, place)


def _word(line: str, place: int, last: dict[str, int]) -> tuple[str, int]:
    """The word that begins at `place`, and where it ends."""
    first, parts, length = place, [], len(line)
    while place < length and not (sign := line[place]).isspace():
        following = line[place + 1 : place + 2]
        if sign == "{" and (end := end_of(line, place)) > place:
            parts.append(line[place:end])
            place = end
        elif sign == "\\" and following and (following in _PLAIN_QUOTES or following.isspace()):
            parts.append(following)
            place += 2
        elif sign in _QUOTES and (sign in _PLAIN_QUOTES or _opens(line, first, place, last)):
            inner, place = _quoted(line, place)
            parts.append(inner)
        else:
            parts.append(sign)
            place += 1
    return "".join(parts), place


def _opens(line: str, first: int, place: int, last: dict[str, int]) -> bool:
    """Whether a typographic quote begins a value and is closed; elsewhere it is an apostrophe or a sign."""
    return (place == first or line[place - 1] == "=") and place < last[line[place]]


def _quoted(line: str, place: int) -> tuple[str, int]:
    """What stands in the quotes that open at `place`, and the offset behind them."""
    quote = line[place]
    closing, parts = _QUOTES[quote], list[str]()
    place += 1
    while place < len(line):
        sign = line[place]
        if sign == "{" and (end := end_of(line, place)) > place:
            parts.append(line[place:end])
            place = end
            continue
        if sign in closing:
            return "".join(parts), place + 1
        if sign == "\\" and quote == '"' and line[place + 1 : place + 2] == '"':
            place += 1
            sign = '"'
        parts.append(sign)
        place += 1
    raise KimiUsageError(
        f"the line has a quote that is not closed: {keys.without_keys(line.strip())}",
        hint="Close the quote, or put a quote character inside quotes of the other kind.",
    )


def begins_option(line: str, place: int, flags: Iterable[str]) -> bool:
    """Whether the next word from `place` on begins as an option does."""
    place = _SPACE.match(line, place).end()  # type: ignore[union-attr]
    if line[place : place + 1] not in _DASHES:
        return line.startswith("-", place)
    word = _NO_SPACE.match(line, place)[0]  # type: ignore[index]
    return with_plain_dashes(word, flags) != word


def with_plain_dashes(word: str, flags: Iterable[str]) -> str:
    """`word`, or the flag that it is where typographic dashes stand for its hyphens."""
    if word[:1] not in _DASHES or not word.strip(_DASHES):
        return word
    name, equals, value = word.lstrip(_DASHES + "-").partition("=")
    name = re.sub(f"[{_DASHES}]", "-", name)
    return next((f"{flag}{equals}{value}" for flag in flags if flag.lstrip("-") == name), word)


def unescape(text: str) -> str:
    r"""`text` with a line end for `\n`, a tab for `\t`, a character for `\u2028` and a backslash for `\\`."""

    def meaning(match: re.Match[str]) -> str:
        return _MEANINGS[match[1]] if match[1] else chr(int(match[2] or match[3], 16))

    return _ESCAPE.sub(meaning, text)
