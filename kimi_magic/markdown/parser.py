"""The parser and its rules: CommonMark with tables, struck text, tasks and mathematics, without raw HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from kimi_magic.markdown import code, direction, formulas

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

_SAFE_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


@cache
def parser(*, footnotes: bool = False) -> MarkdownIt:
    """With footnotes only for the whole: they gather what may not have been written yet."""
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False})
    made.enable(["table", "strikethrough"])
    made.core.ruler.after("inline", "tasks", _tasks)
    made.validateLink = lambda url: _SAFE_LINK.match(url.strip()) is not None  # type: ignore[method-assign]
    if footnotes:
        from mdit_py_plugins.footnote import footnote_plugin

        made.use(footnote_plugin)
    for part in (formulas, code, direction):
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
    return formulas.inert(tokens[index].content)


def _image(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    token = tokens[index]
    shown = f"[image: {formulas.inert(_description(token) or 'no description')}]"
    if _links_around(tokens, index):
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
