"""Markdown to HTML that is safe to show, whole or block by block while it grows. No I/O, no display.

What the model writes is data: raw HTML is escaped, links lead only to http, https, mailto and #, pictures
become links (a remote picture can carry data out without a click), and mathematics reaches MathJax while
prices stay prices.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LONGEST_OPEN = 4_000  # characters of an open block that are rendered again and again
COLOURED = 100_000  # characters of one code block up to which it is coloured; beyond, only escaped
_SAFE_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
_MATH_IN_TEXT = re.compile(r"[$\\]")
_MATH_OPENER = re.compile(r" {0,3}(\$\$|\\\[)")


def render(text: str) -> str:
    """The whole of `text` (Markdown) as HTML, with footnotes."""
    # Several answers share a page: the anchors of each have names of their own.
    name = f"{zlib.crc32(text.encode('utf-8', 'replace')):08x}"
    return str(_parser(footnotes=True).render(text, {"docId": name}))


class Blocks:
    """Markdown that grows: finished blocks are given out once, the open rest is rendered again.

    Whatever comes later, everything before the second-last top-level block stays as it is (it may still
    become a heading, a table or a loose list until then). There are two exceptions: a link definition that
    follows its use, and a block longer than `LONGEST_OPEN`, which is given out in pieces. That is why the end
    of an answer is rendered once more as a whole, with `render`.
    """

    def __init__(self) -> None:
        self._open = ""
        self._tail: list[Token] = []
        self._env: dict[str, Any] = {}  # link definitions of the finished blocks
        self._held = ""  # a CR that may be half of a CRLF

    def add(self, text: str) -> str:
        """HTML of the blocks that `text` completed, for the first and last time; often empty."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        self._open += text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        tokens = self._parse()
        starts = [t.map[0] for t in tokens if t.level == 0 and t.nesting >= 0 and t.map]
        lines = self._open.split("\n")
        cut = _settled(lines, starts) if len(starts) > 2 else 0
        if cut:
            finished = "\n".join(lines[:cut]) + "\n"
            rest = self._open[len(finished) :]
        elif len(self._open) > LONGEST_OPEN:
            finished, rest = _break(tokens, starts, lines)
        else:
            self._tail = tokens
            return ""
        self._open = rest
        html = str(_parser().render(finished, self._env))
        self._tail = self._parse()  # only now: it may use a link that the finished part defines
        return html

    def tail(self) -> str:
        """HTML of what is still open."""
        return str(_parser().renderer.render(self._tail, _parser().options, {}))

    def _parse(self) -> list[Token]:
        # A definition in the open part may still grow: it is forgotten after each parse.
        env = {**self._env, "references": dict(self._env.get("references", {}))}
        return _parser().parse(self._open, env)


def _break(tokens: list[Token], starts: list[int], lines: list[str]) -> tuple[str, str]:
    """A block that does not end, in two: what of it is finished, and a beginning for the rest.

    It is shown with a seam until the whole is rendered; without that, each word would send all of it again.
    """
    if starts and starts[-1] > 0:
        cut, head = starts[-1], ""
    else:
        kind = tokens[0].type if tokens else ""
        items = [t.map[0] for t in tokens if t.type == "list_item_open" and t.level == 1 and t.map]
        opening = {"fence": 1, "table_open": 2}.get(kind, 0)  # lines that the rest has to begin with
        cut = items[-1] if len(items) > 1 else len(lines) - 1
        head = "".join(f"{line}\n" for line in lines[:opening])
        if cut <= opening:  # one line without end
            text = "\n".join(lines)
            space = text.rfind(" ", len(head)) + 1 or len(text)
            return text[:space], head + text[space:]
    return "\n".join(lines[:cut]) + "\n", head + "\n".join(lines[cut:])


def _settled(lines: list[str], starts: list[int]) -> int:
    """The line before which all is final: the second-last block, or an earlier one with an open formula.

    A display formula holds no empty line, so one that could still be closed has none after its opener. The
    last of `lines` is still being written: it is not empty yet.
    """
    after_empty = max((i + 1 for i, line in enumerate(lines[:-1]) if not line.strip()), default=0)
    for number in range(after_empty, starts[-2]):
        if _MATH_OPENER.match(lines[number]):
            return max((start for start in starts if start <= number), default=0)
    return starts[-2]


# ---- the parser ----


@cache
def _parser(*, footnotes: bool = False) -> MarkdownIt:
    """With footnotes only for the whole: they gather what may not have been written yet."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "highlight": _highlight})
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "dollar_math", _dollar_math_inline())
    parser.inline.ruler.before("escape", "bracket_math", _bracket_math_inline)
    parser.block.ruler.before(
        "fence", "math", _math_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.core.ruler.after("inline", "tasks", _tasks)
    parser.validateLink = lambda url: _SAFE_LINK.match(url.strip()) is not None  # type: ignore[method-assign]
    if footnotes:
        from mdit_py_plugins.footnote import footnote_plugin

        parser.use(footnote_plugin)
    for name, rule in {
        "table_open": lambda *_: '<div style="overflow-x:auto"><table style="margin-left:0">\n',
        "table_close": lambda *_: "</table></div>\n",
        "text": _text,
        "image": _image,
        "link_open": _link_open,
        "link_close": _link_close,
        "math_inline": _math_inline,
        "math_inline_double": _math_inline_display,
        "math_block": _math_display,
    }.items():
        parser.add_render_rule(name, rule)
    return parser


_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}


def _tasks(state: StateCore) -> None:
    """`- [x] done` as a character; an `input` would be dropped by viewers that clean what they show."""
    for item, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if (item.type, paragraph.type, inline.type) == ("list_item_open", "paragraph_open", "inline"):
            first = inline.children[0] if inline.children else None
            if first is not None and first.type == "text" and (box := _TASKS.get(first.content[:4])):
                first.content = box + first.content[4:]


def _highlight(code: str, language: str, _attrs: str) -> str:
    """Code with Pygments' classes, which light and dark themes colour each in their way."""
    inner = escape(code)
    if language and len(code) <= COLOURED and (lexer := _lexer(language)) is not None:
        from pygments import highlight

        inner = highlight(code, lexer, _formatter())
    return f'<pre class="highlight" style="overflow-x:auto"><code>{inner}</code></pre>'


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    """Pygments' lexer for a language, None where it knows none: then the code is shown without colours."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None


@cache
def _formatter() -> Any:
    from pygments.formatters.html import HtmlFormatter

    return HtmlFormatter(nowrap=True)


def _text(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return inert(tokens[index].content)


def inert(text: str) -> str:
    """`text` as HTML in which MathJax, which reads the finished page, finds no mathematics: "$5 and $6"."""
    return _MATH_IN_TEXT.sub(r"<span>\g<0></span>", escape(text))


def _image(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    token = tokens[index]
    shown = f"[image: {inert(token.content or 'no description')}]"
    if _links_around(tokens, index):
        return shown
    return f"{_opening({'href': token.attrs['src']})}{shown}</a>"


def _link_open(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return "" if _links_around(tokens, index) else _opening(tokens[index].attrs)


def _link_close(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return "" if _links_around(tokens, index) else "</a>"


def _links_around(tokens: Sequence[Token], index: int) -> int:
    """How many links a token stands in. HTML knows no link in a link; Markdown has `[![…](…)](…)`."""
    level, around = tokens[index].level, 0
    while level > 0 and index > 0:  # what is open around a token opened last at each lower level
        index -= 1
        if tokens[index].nesting > 0 and tokens[index].level < level:
            level = tokens[index].level
            around += tokens[index].type == "link_open"
    return around


def _opening(attrs: Mapping[str, object]) -> str:
    if not attrs["href"]:  # `[text]()` would lead to the notebook itself
        return "<a>"
    attrs = {**attrs, "rel": "noopener noreferrer"}
    if not str(attrs["href"]).startswith("#"):
        attrs["target"] = "_blank"
    return "<a " + " ".join(f'{name}="{escape(str(value))}"' for name, value in attrs.items()) + ">"


# Macros that put addresses, styles or names of the formula's choosing into the page. Lab's MathJax leaves
# \unicode and \mmlToken unchecked (a style with `url(...)` is fetched without a click), others check nothing.
_ACTIVE_MACRO = re.compile(
    r"\\(?:unicode|mmlToken|href|url|style|class|cssId|data|bbox|require|includegraphics|texttip|tooltip"
    r"|mathtip|enclose)(?![A-Za-z])"
)


def _formula(opening: str, content: str, closing: str) -> str:
    """A formula for MathJax; one with an active macro is shown as it was written: in code nobody looks."""
    if _ACTIVE_MACRO.search(content):
        return f"<code>{escape(content)}</code>"
    return f"\\{opening}{escape(content)}\\{closing}"


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
