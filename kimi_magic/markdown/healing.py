"""The open end of Markdown that grows, as it will most probably end: nothing is shown and then taken back.

Two kinds of habits, one small function each: what a block begins with is held back until it is clear what it
is (`source`), what stands inside a paragraph is closed, or held back where its beginning shows nothing yet
(`inline`). A text whose end is closed is left as it is, so that the page of a finished text is not changed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from markdown_it.rules_inline import StateInline, link_pairs

from kimi_magic.markdown import formulas, tables
from kimi_magic.markdown.inline import State

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

HELD = 1_000  # characters of an open formula that are held back; beyond, it is no formula


def install(parser: MarkdownIt) -> None:
    """Let `parser` close the last paragraph where `env["grows"]` is true."""
    parser.core.ruler.before("inline", "healing", _heal)


# ---- blocks ----

_FENCE = re.compile(r"[ \t>]*(?:`{1,2}|~{1,2})")
# A list, a heading, a rule, a line below a heading or a box of a task, of which nothing more is there yet.
_MARKER = re.compile(
    r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]*(?:\[[ xX]?\]?[ \t]*)?|(?:[-*_=][ \t]*)+|#{1,6}[ \t]*|\d{1,9}"
    r"|\\(?:b(?:e|eg|egi|egin(?:\{[A-Za-z]{0,20}\*?\}?)?)?)?)"
)
_LINK_DEFINITION = re.compile(r" {0,3}\[(?!\^)[^\[\]]{0,200}(?:\](?::.*)?)?")
_DELIMITERS = re.compile(r"[ \t]*\|?[-:| \t]*")


def source(text: str, tokens: list[Token]) -> str:
    """`text` without a beginning at its end that could become anything; `tokens` are those of its blocks."""
    text = _without_open_formula(text, tokens)
    last = next((token for token in reversed(tokens) if token.level == 0 and token.map), None)
    kind = last.type if last is not None else ""
    lines = text.split("\n")
    if _FENCE.fullmatch(lines[-1]):
        return "\n".join(lines[:-1]) + "\n"
    if kind in ("fence", "code_block", "math_block"):
        return text
    if _MARKER.fullmatch(lines[-1]) or _LINK_DEFINITION.fullmatch(lines[-1]):
        return "\n".join(lines[:-1]) + "\n"
    return _with_table_head(lines) if kind in ("paragraph_open", "heading_open") else text


def _without_open_formula(text: str, tokens: list[Token]) -> str:
    """Up to a display formula that began on a line of its own and is not closed yet."""
    line = formulas.open_block(text.split("\n"), tokens)
    return text if line is None else "\n".join(text.split("\n")[:line]) + "\n"


def _with_table_head(lines: list[str]) -> str:
    """A row that begins with a bar, and that no line of dashes follows yet, as the head of a table."""
    rows = lines[:-1] if not lines[-1] else lines
    if len(rows) > 1 and _DELIMITERS.fullmatch(rows[-1]) and rows[-2].lstrip().startswith("|"):
        rows = rows[:-1]
    head = rows[-1] if rows else ""
    if not head.lstrip().startswith("|"):
        return "\n".join(lines)
    count = tables.width(head)
    if not count:
        return "\n".join(rows[:-1]) + "\n"
    return "\n".join([*rows, "|" + "-|" * count])


# ---- inside a paragraph ----


def _heal(state: StateCore) -> None:
    if not state.env.get("grows") or re.search(r"\n[ \t]*\n\Z", state.src):
        return
    for number in range(len(state.tokens) - 1, 0, -1):
        token = state.tokens[number]
        if token.type == "inline" and token.content:
            goes_on = state.tokens[number - 1].type == "paragraph_open" or not state.src.endswith("\n")
            if goes_on:
                token.content = inline(token.content, state.md)
            return
        if token.nesting == 0 and token.type != "inline":
            return


def inline(text: str, parser: MarkdownIt) -> str:
    """The text of a paragraph with its open end closed, or without it."""
    spans, open_ = _code(text)
    if open_ is not None and sum(open_) == len(text):  # nothing of the code is there yet
        text = text[: open_[0]]
    elif open_ is not None:
        return _closed(_with_code_closed(text, *open_), parser)
    seen = _hidden(text, spans)
    text = text[: _whole_signs(seen)]
    text = text[: _closed_formulas(text, seen[: len(text)])]
    return _closed(_with_link_closed(text, seen[: len(text)]), parser)


def _code(text: str) -> tuple[list[tuple[int, int]], tuple[int, int] | None]:
    """From where to where code stands in a text; and place and size of the mark that is open, if one is."""
    runs = [(run.start(), len(run[0])) for run in re.finditer(r"`+", text)]
    places: dict[int, list[int]] = {}
    for start, size in runs:
        places.setdefault(size, []).append(start)
    spans: list[tuple[int, int]] = []
    for start, size in runs:
        if (spans and start < spans[-1][1]) or text[start - 1 : start] == "\\":
            continue
        closing = bisect_right(places[size], start)
        if closing == len(places[size]):
            return spans, (start, size)
        spans.append((start, places[size][closing] + size))
    return spans, None


def _hidden(text: str, spans: list[tuple[int, int]]) -> str:
    """`text` with other letters in place of code, where no sign means anything; as long as it was."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        parts += (text[done:start], "x" * (end - start))
        done = end
    return "".join(parts) + text[done:]


def _with_code_closed(text: str, start: int, size: int) -> str:
    """`` `code `` gets its second mark; a part of one at the end is none yet."""
    found = _LINK.search(text[:start], max(0, start - 3_000))
    return text.rstrip("`") + "`" * size + "]()" * (found is not None and found[2] is None)


_HALF = re.compile(
    r"<[^\s<>]{0,200}\Z"  # a tag or an address
    r"|&[#\w]{0,10}\Z"  # a character by its name
    r"|(?<!\S)!\Z"
    r"|!\[(?:[^\[\]]*\Z|[^\[\]]*\]\Z|[^\[\]]*\]\([^()]*\Z)"  # a picture is shown when it is there
)


def _whole_signs(text: str) -> int:
    """Where a text ends without a sign of which only the first half is there."""
    backslashes = len(text) - len(text.rstrip("\\"))
    if backslashes % 2:
        return len(text) - 1
    found = _HALF.search(text, max(0, len(text) - 2_000))
    return found.start() if found else len(text)


_OPEN_FORMULA = re.compile(r"\\\(|\\\[|\$\$|\$")


def _closed_formulas(text: str, seen: str) -> int:
    """Where a text ends without an open formula: it is shown when it is closed. A price is no formula."""
    at = 0
    while found := _OPEN_FORMULA.search(seen, at):
        sign, begin = found[0], found.end()
        closing = {"\\(": "\\)", "\\[": "\\]"}.get(sign, sign)
        at = begin
        if found.start() and text[found.start() - 1] == "\\":
            continue
        if begin == len(text):  # of what opens here nothing has come
            return found.start()
        end = text.find(closing, begin)
        if end >= 0:
            behind = end + len(closing)
            around = text[: found.start()][-1:], text[behind : behind + 4]
            if sign != "$" or formulas.is_formula(sign, text[begin:end], *around):
                at = behind
        elif len(text) - begin <= HELD and (sign != "$" or formulas.may_become_formula(text[begin:])):
            return found.start()
    return len(text)


_LINK = re.compile(r"\[([^\[\]]*)(\](?:\((?:[^()\n]|\([^()\n]*\))*(?:\([^()\n]*)?)?)?\Z")
_WHOLE = re.compile(r"!?\[[^\[\]]*\]\([^()\n]*\)|\\\(.*?\\\)|\$\$.*?\$\$|\$[^\s$][^$\n]*\$(?!\d)")
_NO_LINK = re.compile(r"[\d\W]{0,5}|\^.*", re.DOTALL)


def _with_link_closed(text: str, seen: str) -> str:
    """`[text](https://…` is its text, as a link that leads nowhere yet."""
    seen = _WHOLE.sub(lambda whole: "x" * len(whole[0]), seen)
    found = _LINK.search(seen, max(0, len(text) - 3_000))
    if found is None or text[found.start() - 1 : found.start()] in ("\\", "!"):
        return text
    words, closed = text[slice(*found.span(1))], found[2]
    if closed in (None, "]") and _NO_LINK.fullmatch(found[1]):  # a footnote, an index, a source
        return text if closed else text[: found.start()]
    return f"{text[: found.start()]}[{words.rstrip('*_~') if closed is None else words}]()"


def _closed(text: str, parser: MarkdownIt) -> str:
    """Emphasis and tags that are open get their ends, the last first."""
    written = text.rstrip()
    bare = written.rstrip("*_~")  # the half of an end, or a beginning
    if bare.endswith("\\"):
        bare = written[: len(bare) + 1]
    bare = bare.rstrip()
    state = State(bare, parser, {}, [])
    parser.inline.tokenize(state)
    link_pairs(state)
    ends = _open_tags(state)
    for delimiter in state.delimiters:
        if delimiter.open and delimiter.end < 0:
            ends[delimiter.token] = chr(delimiter.marker) * (2 if chr(delimiter.marker) == "~" else 1)
    return bare + "".join(ends[place] for place in sorted(ends, reverse=True))


def _open_tags(state: StateInline) -> dict[int, str]:
    """The end of each tag that is open, by its place among the tokens."""
    open_: list[int] = []
    for place, token in enumerate(state.tokens):
        if token.type == "tag" and not token.markup:
            open_.append(place)
        elif token.type == "tag" and open_ and state.tokens[open_[-1]].tag == token.tag:
            open_.pop()
    return {place: f"</{state.tokens[place].tag}>" for place in open_}
