r"""Mathematics: what stands in dollars, brackets or an environment reaches MathJax, prices stay prices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from kimi_magic.markdown import hidden, tex

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

SPAN = 3_000  # characters up to which a display formula may hold empty lines
# Where a formula could begin: at a dollar, and at a backslash that makes \( \[ \\ \begin \eqref \ref, or may
# make one with the next token. MathJax does not read on behind an element.
_OPENER = re.compile(r"(?=\$)|(?<=\\)(?=[(\[\\ber]|\Z)")


def install(parser: MarkdownIt) -> None:
    """Let `parser` read formulas, and show them for MathJax."""
    parser.inline.ruler.before("escape", "dollar_math", _dollar_math)
    parser.inline.ruler.before("escape", "bracket_math", _bracket_math)
    parser.block.ruler.before(
        "fence", "math", _math_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.add_render_rule("math_inline", _shown_inline)
    parser.add_render_rule("math_inline_double", _shown_display)
    parser.add_render_rule("math_block", _shown_block)


def inert(text: str) -> str:
    """`text` as HTML in which MathJax, which reads the finished page, finds no mathematics: "$5 and $6"."""
    return _OPENER.sub("<i></i>", escape(text, quote=False))


def _shown(opening: str, content: str, closing: str) -> str:
    """A formula for MathJax, or as code, where MathJax does not look."""
    formula = tex.for_page(hidden.without_reordering(content))
    if formula is None:
        return f"<code>{escape(hidden.marked(content.strip()), quote=False)}</code>"
    return f"\\{opening}{escape(formula, quote=False)}\\{closing}"


def _shown_inline(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return f"<span>{_shown('(', tokens[index].content, ')')}</span>"


def _shown_display(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return f"<span>{_shown('[', tokens[index].content, ']')}</span>"


def _shown_block(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return f"<div>{_shown('[', tokens[index].content, ']')}</div>\n"


# ---- inside a paragraph ----

_CLOSING = {r"\(": r"\)", r"\[": r"\]"}
_TO_DOLLAR = re.compile(r"[^\\$]*(?:\\[\s\S][^\\$]*)*")
_TO_DOLLARS = re.compile(r"[^\\$]*(?:(?:\\[\s\S]|\$(?!\$))[^\\$]*)*")
_AMOUNT = re.compile(r"\d[\d.,]*[kKmMbB]?(?:\s+(?!mod\b|div\b)[^\W\d_]{2,}|[,;:]\s)")
_RELATION = re.compile(r"[\\^_=+<>{}]|[-*/]")
_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_IN_BRACES = re.compile(r"\\[A-Za-z]+\s*\{[^{}]*\}")


def _bracket_math(state: StateInline, silent: bool) -> bool:
    r"""`\(…\)` and `\[…\]`, which markdown-it would read as escaped brackets."""
    opening = state.src[state.pos : state.pos + 2]
    closing = _CLOSING.get(opening)
    if closing is None or state.pos >= _unclosed(state).get(closing, state.pos + 1):
        return False
    end = state.src.find(closing, state.pos + 2)
    if end < 0:
        _unclosed(state)[closing] = state.pos
    content = state.src[state.pos + 2 : end]
    if end < 0 or end + 2 > state.posMax or not content.strip():
        return False
    if not silent:
        token = state.push("math_inline" if opening == r"\(" else "math_inline_double", "math", 0)
        token.content = content
    state.pos = end + 2
    return True


def _dollar_math(state: StateInline, silent: bool) -> bool:
    """`$…$` and `$$…$$`. Only the next dollar can close one."""
    src, start = state.src, state.pos
    if src[start] != "$":
        return False
    sign = "$$" if src.startswith("$$", start) else "$"
    if start >= _unclosed(state).get(sign, start + 1):
        return False
    pattern = _TO_DOLLARS if sign == "$$" else _TO_DOLLAR
    begin = start + len(sign)
    end = pattern.match(src, begin).end()  # type: ignore[union-attr]  # it matches everywhere
    if not src.startswith(sign, end):
        _unclosed(state)[sign] = start
        return False
    after = end + len(sign)
    if after > state.posMax or not is_formula(sign, src[begin:end], src[:start][-1:], src[after : after + 4]):
        return False
    if not silent:
        token = state.push("math_inline" if sign == "$" else "math_inline_double", "math", 0)
        token.content = src[begin:end]
    state.pos = after
    return True


def is_formula(sign: str, content: str, before: str, after: str) -> bool:
    """Whether what stands between two dollars (or two pairs of them) is a formula, and not a price.

    `before` is the character before the first dollar, `after` begins with what follows the last.
    """
    if not content.strip() or before.isdigit() or after[:1].isdigit():
        return False
    if sign == "$$":
        return True
    bare = content.strip()
    is_mathematics = _RELATION.search(bare) is not None
    if bare == content:
        return not _AMOUNT.match(bare) or any(sign in bare for sign in "\\^_{=")
    if content[0] != " " or content[-1] != " " or "\n" in content or before.isalnum():
        return False
    # `$ x + y $`, but not "$ 5 + tax for the first, $ 6 for the second".
    return is_mathematics and not after.strip()[:1].isdigit() and not _WORDS.search(_IN_BRACES.sub("", bare))


def may_become_formula(content: str) -> bool:
    """Whether what stands behind a dollar may be the beginning of a formula, and not a price or a name."""
    if not content or content[0].isspace():
        return False
    if content[0].isdigit() and not any(sign in content for sign in "\\^_{="):
        return False
    return not _WORDS.search(_IN_BRACES.sub("", content.rpartition("\\text")[0] or content))


def _unclosed(state: StateInline) -> dict[str, int]:
    """From which place on a closing sign does not come any more: each is looked for in vain once."""
    kept = state.env.get("unclosed")
    if kept is None or kept[0] is not state.src:
        kept = state.env["unclosed"] = (state.src, {})
    places: dict[str, int] = kept[1]
    return places


# ---- on lines of its own ----

_BLOCK = re.compile(r"\$\$|\\\[|\\begin\{([A-Za-z]{1,20})(\*?)\}")


def opens_block(line: str) -> str:
    """What opens a display formula at the beginning of `line`, white space aside; empty if nothing does."""
    found = _BLOCK.match(line.lstrip(" "))
    return found[0] if found and (not found[1] or found[1] in tex.ENVIRONMENTS) else ""


def may_hold_empty_lines(line: str) -> bool:
    """Whether the formula that `line` opens goes on behind an empty line: where nothing else is on it."""
    opening = opens_block(line)
    return bool(opening) and (opening.startswith("\\b") or line.strip() == opening)


def open_block(lines: list[str], tokens: Iterable[Token]) -> int | None:
    """The first line of a display formula that can still be closed, None if there is none.

    `tokens` are those of the blocks of `lines`. The last line is still being written: it is not empty yet.
    """
    closed = {
        line
        for token in tokens
        if token.map and token.type in ("math_block", "fence", "code_block")
        for line in range(*token.map)
    }
    after_empty = max((i + 1 for i, line in enumerate(lines[:-1]) if not line.strip()), default=0)
    found, behind = None, 0  # characters from the line to the end
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        behind += len(line) + 1
        if behind > SPAN and number < after_empty:
            break
        is_open = number not in closed and opens_block(line) and not line.startswith("    ")
        if is_open and (number >= after_empty or may_hold_empty_lines(line)):
            found = number
    return found


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""Lines from one that begins with `$$`, `\[` or `\begin{…}` to the one that closes it."""
    first = _line(state, start)
    opening = opens_block(first)
    if not opening or state.is_code_block(start):
        return False
    closing = {"$$": "$$", r"\[": r"\]"}.get(opening, opening.replace("begin", "end"))
    last = _last_line(state, start, end, opening, closing)
    if last is None:
        return False
    content = state.getLines(start, last + 1, state.blkIndent, False).strip()[len(opening) :]
    inner = content[: -len(closing)]
    if content.find(closing) != len(inner) or not inner.strip():
        return False  # text follows: the paragraph takes it
    if silent:
        return True
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = opening + content if opening.startswith("\\b") else inner
    token.map = [start, last + 1]
    state.line = last + 1
    return True


def _last_line(state: StateBlock, start: int, end: int, opening: str, closing: str) -> int | None:
    """The line with the closing sign, None if there is none before the list item, quote or paragraph ends.

    A second opening sign stops the search as well, so that no line is read again from each line before it.
    """
    empty_allowed, has_empty = may_hold_empty_lines(_line(state, start)), False
    for line in range(start, end):
        text = _line(state, line)
        if not text.strip():
            has_empty = True
            if not empty_allowed:
                return None
        elif state.sCount[line] < state.blkIndent:
            return None
        if closing in text[len(opening) * (line == start) :]:
            return line if not has_empty or text.startswith(closing) else None
        if line > start and text.startswith(opening):
            return None
        if has_empty and state.eMarks[line] - state.bMarks[start] > SPAN:
            return None
    return None


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
