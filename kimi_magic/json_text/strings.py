"""What strings of JSON and paths into JSON are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

LONGEST_PATH = 16  # steps that are written
REPLACEMENT = "\ufffd"  # stands for half a character, which no file and no message can hold
LONE = re.compile("[\ud800-\udfff]")
RUNS = {'"': re.compile(r'[^"\\]+'), "'": re.compile(r"[^'\\]+")}  # by the quote that ends the string

# A pair of surrogates, one code unit, a letter; else a backslash that means nothing in JSON.
ESCAPE = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u([0-9a-fA-F]{4})"
    r"|\\([\"'\\/bfnrt])"
    r"|\\"
)
# The same, cut off by the end of the text: what comes next decides.
HALF = re.compile(
    r"\\(?:u(?:[0-9a-fA-F]{0,3}"
    r"|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?))?\Z"
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def unescaped(escape: re.Match[str]) -> str:
    """What an `ESCAPE` stands for: itself where it means nothing, U+FFFD where it is half a character."""
    high, low, unit, letter = escape.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
    if unit:
        return LONE.sub(REPLACEMENT, chr(int(unit, 16)))
    if letter:
        return _LETTERS.get(letter, letter)
    return escape[0]


def path(steps: Sequence[str | int]) -> str:
    """The way to a part of a value: `$.items[3].price`, `$["first name"]`; `$` is the whole.

    Of a very long way the middle is left out.
    """
    shown = [_step(step) for step in steps]
    if len(shown) > LONGEST_PATH:
        shown[LONGEST_PATH // 2 : -LONGEST_PATH // 2] = ["…"]
    return "$" + "".join(shown)


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() else f"[{json.dumps(step, ensure_ascii=False)}]"
