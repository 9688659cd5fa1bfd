"""An answer drawn for a terminal by `rich`, where that is installed. No I/O."""

from __future__ import annotations

import io
import re
from collections import Counter
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from kimi_magic.markdown import code
from kimi_magic.markdown.parser import parser

if TYPE_CHECKING:
    from markdown_it.token import Token
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import Markdown

_FORMULAS = {"math_inline": r"\({}\)", "math_inline_double": r"\[{}\]", "math_block": r"\[{}\]"}
_STYLE = re.compile(r"\x1b\[[\d;]*m")
_STYLE_OR_CONTROL = re.compile(rf"({_STYLE.pattern}|\n)|[\x00-\x1f\x7f-\x9f]")


def draw(text: str, width: int, *, colours: bool) -> str | None:
    """Markdown in lines of at most `width` cells; None without rich, or where something would be missing."""
    if find_spec("rich") is None:
        return None
    from rich.console import Console

    # Our own tokens: rich reads HTML, and then leaves it out; and it does not know mathematics.
    tokens = [_drawable(token) for token in parser().parse(text)]
    page = _page_class()("", hyperlinks=False)
    if not isinstance(page.parsed, list):  # before 13.2 it has another parser
        return None
    page.parsed = tokens
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, no_color=not colours, legacy_windows=False
    )
    with console.capture() as drawn:
        console.print(page)
    lines = _STYLE_OR_CONTROL.sub(r"\1", drawn.get())
    # A narrow table ends its cells in an ellipsis, and before 13.4 there are no tables.
    return lines if not _letters(_contents(tokens)) - _letters(_STYLE.sub("", lines)) else None


_COLOURS = {"c": "bright_black", "s": "yellow", "k": "bright_blue", "o": "bright_blue", "m": "bright_cyan"}


@cache
def _page_class() -> type[Markdown]:
    """rich's page, with code in our colours: with rich, a fence would choose a lexer of Pygments."""
    from rich.markdown import CodeBlock, Markdown
    from rich.padding import Padding
    from rich.text import Text

    class Code(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            drawn = Text(overflow="fold")
            for kind, part in code.coloured_runs(str(self.text).rstrip(), self.lexer_name):
                drawn.append(part, _COLOURS.get(kind))
            yield Padding(drawn, 1)

    class Page(Markdown):
        elements: ClassVar = {**Markdown.elements, "fence": Code, "code_block": Code}

    return Page


_DIGITS = {
    "sub": str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎"),
    "sup": str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ"),
}
_MARKS = {"sub": "_", "sup": "^", "kbd": ""}


def _raised(tokens: list[Token]) -> list[Token]:
    """Without tags, which rich does not know: H₂O, and what has no such sign as `x^a`."""
    shown: list[Token] = []
    for number, token in enumerate(tokens):
        if token.tag not in _MARKS or not token.nesting:
            shown.append(token)
        elif token.nesting > 0:
            inner, closing = tokens[number + 1], tokens[min(number + 2, len(tokens) - 1)]
            table = _DIGITS.get(token.tag)
            if table and closing.type == f"{token.tag}_close" and all(ord(c) in table for c in inner.content):
                inner.content = inner.content.translate(table)
            else:
                shown.append(token.copy(type="text", tag="", nesting=0, content=_MARKS[token.tag]))
    return shown


def _contents(tokens: list[Token]) -> str:
    return "".join(_contents(token.children) if token.children else token.content for token in tokens)


def _letters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, text))


def _drawable(token: Token) -> Token:
    if token.children:
        token.children = [_drawable(child) for child in _raised(token.children)]
    if token.type in _FORMULAS:
        content = _FORMULAS[token.type].format(token.content)
        kind, tag = ("fence", "code") if token.block else ("code_inline", "code")
        return token.copy(type=kind, tag=tag, content=content, info="latex" * token.block)
    if token.type == "image":  # rich shows where a picture is only in a link
        shown = f"[image: {token.content or 'no description'}] ({token.attrs['src']})"
        return token.copy(type="text", tag="", content=shown, children=None)
    return token
