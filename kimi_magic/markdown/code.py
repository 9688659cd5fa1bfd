"""Code in colours: comments, keywords, strings and numbers, by class, so that light and dark themes work.

One scanner for all languages, driven by the table in `languages`. It reads each place once, whatever the
code: the name of a language comes from the model, and must not choose how long the kernel works.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING

from kimi_magic.markdown import hidden
from kimi_magic.markdown.languages import LANGUAGES, STRINGS, Language

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

COLOURED = 100_000  # characters of one code block up to which it is coloured; beyond, only escaped
ROOM = 300  # characters of markup that any code may take, beside three quarters of its own
_SPAN = "<span class={}>{}</span>"
# JupyterLab would break lines of code inside of words.
_PRE = '<pre class="highlight" style="overflow-x:auto"{}><code style=white-space:pre>{}</code></pre>\n'
_LANGUAGE = re.compile(
    r"[\s{.]*([^\s{}:,;]+)"
)  # of `python`, `{python}`, `{.python .numberLines}`, `python:a.py`
_NUMBER = r"0[xXbBoO][\da-fA-F_]+\w*|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d[\d_]*)?\w*"
_WORD = r"[^\W\d]\w*"


def install(parser: MarkdownIt) -> None:
    """Let `parser` read fences, and show code in colours."""
    parser.block.ruler.at("fence", _fence, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.add_render_rule("fence", _block)
    parser.add_render_rule("code_block", _block)
    parser.add_render_rule("code_inline", _inline)


def coloured_runs(code: str, info: str) -> list[tuple[str, str]]:
    """`code` in runs of one kind: c(omment), s(tring), k(eyword), o(perator in words), m (number) or "".

    `info` is what stands behind the opening fence; it begins with the name of the language, in any case. All
    is one run where the table has no such language, or the code is longer than `COLOURED`. The texts of the
    runs, joined, are the code.
    """
    name = _LANGUAGE.match(info)
    scanner = _scanner(name[1].lower()) if name and len(code) <= COLOURED else None
    return [("", code)] if scanner is None else list(_merged(_scanned(code, scanner)))


def language_of(info: str) -> str:
    """The language that stands behind an opening fence, in lower letters; "" for none."""
    name = _LANGUAGE.match(info)
    return name[1].lower() if name else ""


# ---- fences ----

_OPENING = re.compile(r"(`{3,})([^`]*)\Z|(~{3,})(.*)\Z")
_MARKDOWN = frozenset(["markdown", "md", "mdx", "mdown", "rmd", "qmd", "quarto"])


def _fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Code between two fences; a Markdown file may have code between fences of its own in it.

    Models do not make the outer fence longer. There, a fence with a language opens a block inside, and the
    next without one closes that block and not the file.
    """
    if state.is_code_block(start):
        return False
    found = _OPENING.match(_line(state, start))
    if found is None:
        return False
    if silent:
        return True
    markup, info = found[1] or found[3], found[2] if found[1] else found[4]
    name = _LANGUAGE.match(info)
    last = _closing_line(state, start, end, markup, bool(name and name[1].lower() in _MARKDOWN))
    token = state.push("fence", "code", 0)
    token.info, token.markup = info, markup
    token.content = state.getLines(start + 1, last, state.sCount[start], True)
    state.line = min(last + 1, end) if last < end and _is_closing(state, last, markup) else last
    token.map = [start, state.line]
    return True


def _closing_line(state: StateBlock, start: int, end: int, markup: str, is_markdown: bool) -> int:
    """The line that closes a fence, or the one behind its last."""
    inside = False
    for line in range(start + 1, end):
        text = _line(state, line)
        if text and state.sCount[line] < state.blkIndent:  # the list item ends
            return line
        if not text.startswith(markup) or state.is_code_block(line):
            continue
        if not _is_closing(state, line, markup):
            inside = (is_markdown and not inside and _OPENING.match(text) is not None) or inside
        elif inside:
            inside = False
        else:
            return line
    return end


def _is_closing(state: StateBlock, line: int, markup: str) -> bool:
    text = _line(state, line)
    return text.startswith(markup) and not text.strip().strip(markup[0]) and not state.is_code_block(line)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


# ---- colours ----


def _block(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    token = tokens[index]
    direction = ' dir="ltr"' if token.attrs.get("dir") else ""
    return _PRE.format(direction, _coloured(token.content, token.info))


def _inline(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    token = tokens[index]
    direction = ' dir="ltr"' if token.attrs.get("dir") else ""
    return f"<code{direction}>{escape(hidden.marked(token.content), quote=False)}</code>"


def _coloured(code: str, info: str) -> str:
    runs = coloured_runs(code, info)
    shown = _affordable(runs, ROOM + len(code) * 3 // 4)
    html = [(kind, escape(hidden.marked(text), quote=False)) for kind, text in runs]
    return "".join(_SPAN.format(kind, text) if kind in shown else text for kind, text in html)


def _affordable(runs: list[tuple[str, str]], room: int) -> set[str]:
    """The kinds that are coloured, the most telling first: dense code would be twenty times its size."""
    count, shown = Counter(kind for kind, _ in runs), set()
    for kind in "cskom":
        price = count[kind] * len(_SPAN.format(kind, ""))
        if price <= room:
            room -= price
            shown.add(kind)
    return shown


def _merged(scanned: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Runs of one kind, joined. White space between two of a kind is of that kind."""
    kind, parts, space = "", [""], ""
    for new, text in scanned:
        if text.isspace():
            space += text
        elif new == kind:
            parts += (space, text)
            space = ""
        else:
            yield kind, "".join(parts)
            if space:
                yield "", space
            kind, parts, space = new, [text], ""
    yield kind, "".join(parts)
    if space:
        yield "", space


# ---- the scanner ----


@dataclass(frozen=True, slots=True)
class _Scanner:
    starts: re.Pattern[str]  # whatever can begin at a place; a group's name begins with its kind
    ends: dict[str, str]  # group: what ends the text that the group begins
    words: dict[str, str]  # word: its kind
    folds: bool


def _scanned(code: str, scanner: _Scanner) -> Iterator[tuple[str, str]]:
    done = 0
    while match := scanner.starts.search(code, done):
        group, end = str(match.lastgroup), match.end()
        kind = group[0]
        if group in scanner.ends:
            closing = scanner.ends[group]
            found = code.find(closing, end)
            end = found + len(closing) if found >= 0 else len(code)
        elif group == "word":
            kind = scanner.words.get(match[0].lower() if scanner.folds else match[0], "")
        if match.start() > done:
            yield "", code[done : match.start()]
        yield kind, code[match.start() : end]
        done = end
    if done < len(code):
        yield "", code[done:]


@cache
def _by_name() -> dict[str, Language]:
    return {name: language for language in LANGUAGES for name in language.names.split()}


@lru_cache(maxsize=64)
def _scanner(name: str) -> _Scanner | None:
    """The scanner for a language, None where the table has none: then the code is shown without colours."""
    language = _by_name().get(name)
    if language is None:
        return None
    alternatives, ends = [], {}
    for kind, pairs in (("c", language.blocks), ("s", language.texts)):
        for number, (opening, closing) in enumerate(pairs):
            alternatives.append((f"{kind}_block{number}", re.escape(opening)))
            ends[f"{kind}_block{number}"] = closing
    alternatives += [(f"{kind}_extra{n}", pattern) for n, (kind, pattern) in enumerate(language.extra)]
    alternatives += [(f"c_line{n}", rf"{re.escape(sign)}[^\n]*") for n, sign in enumerate(language.lines)]
    alternatives += [(f"s_string{n}", STRINGS[style]) for n, style in enumerate(language.strings)]
    if language.has_numbers:
        alternatives.append(("m_number", _NUMBER))
    alternatives.append(("word", _WORD))
    words = dict.fromkeys(language.keywords.split(), "k") | dict.fromkeys(language.operators.split(), "o")
    if language.folds:
        words = {word.lower(): kind for word, kind in words.items()}
    return _Scanner(
        re.compile("|".join(f"(?P<{group}>{pattern})" for group, pattern in alternatives)),
        ends, words, language.folds,
    )  # fmt: skip
