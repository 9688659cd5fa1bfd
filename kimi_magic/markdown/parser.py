"""The parser and its rules: CommonMark with tables, struck text, tasks and mathematics, without raw HTML.

Nothing is nested without bound, and nothing vanishes where the bound is: it is shown without structure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from kimi_magic.markdown import code, direction, formulas, hidden, tables

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

DEEPEST = 40  # quotes in one another; a list in a list counts twice
# An address of mail alone: fields behind it (`?cc=`, `?body=`) would fill in what nobody sees.
_SAFE_LINK = re.compile(r"https?://|mailto:[^?]*\Z|#", re.IGNORECASE)


@cache
def parser(*, footnotes: bool = False) -> MarkdownIt:
    """With footnotes only for the whole: they gather what may not have been written yet."""
    from markdown_it import MarkdownIt

    from kimi_magic.markdown import healing, inline  # it builds on markdown-it, which loads when it is needed

    # markdown-it leaves out what is deeper than this, so `_flat` comes first.
    made = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST + 10})
    made.enable("strikethrough")
    made.block.ruler.before("table", "flat", _flat)
    made.core.ruler.after("inline", "tasks", _tasks)
    made.validateLink = lambda url: _SAFE_LINK.match(url.strip()) is not None  # type: ignore[method-assign]
    if footnotes:
        from kimi_magic.markdown import footnotes as notes

        notes.install(made)
    for part in (inline, healing, tables, formulas, code, direction):
        part.install(made)
    for name, rule in {
        "table_open": _table_open,
        "table_close": lambda *_: "</table></div>\n",
        "tr_open": lambda *_: "<tr>",
        "tr_close": lambda *_: "</tr>\n",
        "th_open": _cell_open,
        "th_close": lambda *_: "</th>",
        "td_open": _cell_open,
        "td_close": lambda *_: "</td>",
        "text": _text,
        "image": _image,
        "link_open": _link_open,
        "link_close": _link_close,
    }.items():
        made.add_render_rule(name, rule)
    return made


def _flat(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """What is nested deeper than `DEEPEST`, as one paragraph."""
    if silent or state.level < DEEPEST:
        return False
    last = start
    while last < end and (state.isEmpty(last) or state.sCount[last] >= state.blkIndent):
        last += 1
    state.line = last
    state.push("paragraph_open", "p", 1).map = [start, last]
    inline = state.push("inline", "", 0)
    inline.map, inline.children = [start, last], []
    inline.content = state.getLines(start, last, state.blkIndent, False).strip()
    state.push("paragraph_close", "p", -1)
    return True


_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}


def _tasks(state: StateCore) -> None:
    """`- [x] done` as a character; an `input` would be dropped by viewers that clean what they show."""
    for item, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if (item.type, paragraph.type, inline.type) == ("list_item_open", "paragraph_open", "inline"):
            first = inline.children[0] if inline.children else None
            if first is not None and first.type == "text" and (box := _TASKS.get(first.content[:4])):
                first.content = box + first.content[4:]


def _table_open(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    match tokens[index].attrs.get("dir"):
        case "rtl":
            return '<div style="overflow-x:auto" dir="rtl"><table style="margin-right:0">\n'
        case "ltr":
            return '<div style="overflow-x:auto" dir="ltr"><table style="margin-left:0">\n'
    return '<div style="overflow-x:auto"><table style="margin-left:0">\n'


def _cell_open(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    token = tokens[index]
    direction = f' dir="{token.attrs["dir"]}"' if "dir" in token.attrs else ""
    # Without a style of its own, JupyterLab aligns every cell of an output to the right.
    return f"<{token.tag}{direction} style={token.attrs.get('style', 'text-align:start')}>"


def _text(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return formulas.inert(hidden.without_reordering(tokens[index].content))


def _image(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    token = tokens[index]
    description = hidden.without_reordering(_description(token))
    shown = f"[image: {formulas.inert(description or 'no description')}]"
    if token.meta.get("inside link"):
        return shown
    return f"{_opening({'href': token.attrs['src']})}{shown}</a>"


def _description(image: Token) -> str:
    """The text of a picture's description, without its Markdown."""
    parts = []
    for token in image.children or ():
        parts.append(_description(token) if token.type == "image" else token.content)
        parts.append("\n" * token.type.endswith("break"))
    return "".join(parts)


def _link_open(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return "" if tokens[index].meta.get("inside link") else _opening(tokens[index].attrs)


def _link_close(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return "" if tokens[index].meta.get("inside link") else "</a>"


def _opening(attrs: Mapping[str, object]) -> str:
    if not attrs["href"]:  # `[text]()` would lead to the notebook itself
        return "<a>"
    attrs = {**attrs, "rel": "noopener noreferrer"}
    if not str(attrs["href"]).startswith("#"):
        attrs["target"] = "_blank"
    shown = {name: escape(hidden.without_reordering(str(value))) for name, value in attrs.items()}
    return "<a " + " ".join(f'{name}="{value}"' for name, value in shown.items()) + ">"
