"""Which way a text reads. Arabic, Hebrew and their neighbours read from right to left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import bidirectional

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_BLOCKS = re.compile(r"(paragraph|heading|blockquote|bullet_list|ordered_list|list_item|table|th|td)_open")


def install(parser: MarkdownIt) -> None:
    """Let the blocks of `parser` have a direction where it is not that of what is around them."""
    parser.core.ruler.push("direction", _mark)


def _mark(state: StateCore) -> None:
    # Not `dir="auto"`: it sees the text of code and links, and not what has a direction of its own.
    if not _RIGHT_TO_LEFT.search(state.src):
        return
    reads = _first_directions(state.tokens)
    around = ["ltr"]
    for index, token in enumerate(state.tokens):
        if token.nesting < 0:
            around.pop()
        elif token.nesting > 0:
            own = reads.get(index, around[-1]) if _has_direction(token) else around[-1]
            if own != around[-1]:
                token.attrSet("dir", own)
            around.append(own)
        elif around[-1] == "rtl":  # code reads from left to right whatever is around it
            for part in (token, *(token.children or ())):
                if part.type in ("fence", "code_block", "code_inline"):
                    part.attrSet("dir", "ltr")


def _has_direction(token: Token) -> bool:
    return not token.hidden and _BLOCKS.fullmatch(token.type) is not None


def _first_directions(tokens: list[Token]) -> dict[int, str]:
    """The direction of the first word in each block, by the place of the block's opening token."""
    found: dict[int, str] = {}
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token.nesting > 0:
            opened.append(index)
        elif token.nesting < 0:
            opened.pop()
        elif token.type == "inline" and (first := _direction(token)):
            for place in opened:
                found.setdefault(place, first)
    return found


def _direction(inline: Token) -> str:
    for token in inline.children or ():
        for letter in token.content if token.type == "text" else "":
            match bidirectional(letter):
                case "L":
                    return "ltr"
                case "R" | "AL":
                    return "rtl"
    return ""
