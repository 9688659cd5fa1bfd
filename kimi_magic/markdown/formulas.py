"""Mathematics: what stands in dollars or in brackets reaches MathJax, prices stay prices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

# Where a formula could begin: at a dollar, and at a backslash that makes \( \[ \\ \begin \eqref \ref, or may
# make one with the next token. MathJax does not read on behind an element.
_OPENER = re.compile(r"(?=\$)|(?<=\\)(?=[(\[\\ber]|\Z)")


def install(parser: MarkdownIt) -> None:
    """Let `parser` read formulas, and show them for MathJax."""
    parser.inline.ruler.before("escape", "dollar_math", _dollar_math_inline())
    parser.inline.ruler.before("escape", "bracket_math", _bracket_math_inline)
    parser.block.ruler.before(
        "fence", "math", _math_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.add_render_rule("math_inline", _math_inline)
    parser.add_render_rule("math_inline_double", _math_inline_display)
    parser.add_render_rule("math_block", _math_display)


def inert(text: str) -> str:
    """`text` as HTML in which MathJax, which reads the finished page, finds no mathematics: "$5 and $6"."""
    return _OPENER.sub("<i></i>", escape(text, quote=False))


# Macros that put addresses, styles or names of the formula's choosing into the page. Lab's MathJax leaves
# \unicode and \mmlToken unchecked (a style with `url(...)` is fetched without a click), others check nothing.
_ACTIVE_MACRO = re.compile(
    r"\\(?:unicode|mmlToken|href|url|style|class|cssId|data|bbox|require|includegraphics|texttip|tooltip"
    r"|mathtip|enclose)(?![A-Za-z])"
)


def _formula(opening: str, content: str, closing: str) -> str:
    """A formula for MathJax; one with an active macro is shown as it was written: in code nobody looks."""
    if _ACTIVE_MACRO.search(content):
        return f"<code>{escape(content, quote=False)}</code>"
    return f"\\{opening}{escape(content, quote=False)}\\{closing}"


def _math_inline(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return f"<span>{_formula('(', tokens[index].content, ')')}</span>"


def _math_inline_display(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return f"<span>{_formula('[', tokens[index].content, ']')}</span>"


def _math_display(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return f"<div>{_formula('[', tokens[index].content, ']')}</div>\n"


# ---- \( … \) and \[ … \], which markdown-it would read as escaped brackets ----

_CLOSING = {r"\(": r"\)", r"\[": r"\]"}


def _bracket_math_inline(state: StateInline, silent: bool) -> bool:
    opening = state.src[state.pos : state.pos + 2]
    closing = _CLOSING.get(opening)
    if closing is None:
        return False
    end = state.src.find(closing, state.pos + 2, state.posMax)
    content = state.src[state.pos + 2 : end]
    if end < 0 or not content.strip() or "\n\n" in content:
        return False
    if not silent:
        token = state.push("math_inline" if opening == r"\(" else "math_inline_double", "math", 0)
        token.content = content
    state.pos = end + 2
    return True


def _dollar_math_inline() -> Callable[[StateInline, bool], bool]:
    """`$…$` and `$$…$$` inside a paragraph."""
    from mdit_py_plugins.dollarmath.index import math_inline_dollar

    strict = math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True)
    lenient = math_inline_dollar(allow_space=False, allow_digits=True, allow_double=True)

    def rule(state: StateInline, silent: bool) -> bool:
        # The plugin refuses a formula after a digit, but before position 0 it looks at the last character.
        if state.pos or not state.src[-1].isdigit():
            return bool(strict(state, silent))
        if not lenient(state, True):
            return False
        end, state.pos = state.pos, 0
        return not state.src[end : end + 1].isdigit() and bool(lenient(state, silent))

    return rule


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lines from one that begins with `$$` or `\\[` to the one that closes it, none of them empty."""
    closing = {"$$": "$$", r"\[": r"\]"}.get(_line(state, start)[:2])
    if closing is None or state.is_code_block(start):
        return False
    for line in range(start, end):
        text = _line(state, line).rstrip()
        if not text or state.sCount[line] < state.blkIndent:  # an empty line, or the end of the list item
            return False
        if closing in text[2 * (line == start) :]:
            break
    else:
        return False
    content = state.getLines(start, line + 1, state.blkIndent, False).strip()[2:]
    if content.index(closing) != len(content) - 2 or not content[:-2].strip():
        return False  # text follows: the paragraph takes it
    if silent:
        return True
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = content[:-2]
    token.map = [start, line + 1]
    state.line = line + 1
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
