"""Footnotes: `[^1]` in the text, `[^1]: …` anywhere at the beginning of a line; all at the end of the page.

No text is lost: a footnote that nothing refers to, or whose label another has too, stands there as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markdown_it.token import Token

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline

_DEFINITION = re.compile(r"\[\^([^\s\]]{1,100})\]:[ \t]*")
_REFERENCE = re.compile(r"\[\^([^\s\]]{1,100})\]")
_BACK = "\u21a9\ufe0e"  # an arrow, as text: some systems show it as a picture


def install(parser: MarkdownIt) -> None:
    """Let `parser` read footnotes. `env["place"]` makes the anchors differ from those of other answers."""
    parser.block.ruler.before("reference", "footnote", _definition, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.before("link", "footnote", _reference)
    parser.core.ruler.after("inline", "footnotes", _gather)
    parser.add_render_rule("footnote_ref", _shown_reference)
    parser.add_render_rule("footnotes_open", lambda *_: _OPENING)
    parser.add_render_rule("footnotes_close", lambda *_: "</ol>\n</section>\n")
    parser.add_render_rule("footnote_open", _shown_opening)
    parser.add_render_rule("footnote_close", lambda *_: "</li>\n")
    parser.add_render_rule("footnote_back", _shown_back)


_OPENING = '<hr class="footnotes-sep">\n<section class="footnotes">\n<ol class="footnotes-list">\n'


def _notes(env: Any) -> dict[str, list[int]]:
    """For each label that is defined: the numbers of the references to it, in the order of the text."""
    notes: dict[str, list[int]] = env.setdefault("footnotes", {})
    return notes


def _definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.level or state.is_code_block(start):
        return False
    found = _DEFINITION.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if found is None:
        return False
    if silent:
        return True
    _notes(state.env).setdefault(found[1], [])
    opening = state.push("footnote_text_open", "", 1)
    opening.meta = {"label": found[1]}
    marks = state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType
    state.bMarks[start], state.tShift[start], state.sCount[start] = found.end(), 0, state.blkIndent + 4
    state.blkIndent += 4
    state.parentType = "footnote"
    state.md.block.tokenize(state, start, end)
    state.blkIndent -= 4
    state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType = marks
    opening.map = [start, state.line]
    state.push("footnote_text_close", "", -1)
    return True


def _reference(state: StateInline, silent: bool) -> bool:
    found = _REFERENCE.match(state.src, state.pos, state.posMax)
    if found is None or (places := _notes(state.env).get(found[1])) is None or state.linkLevel:
        return False
    if not silent:
        token = state.push("footnote_ref", "", 0)
        token.meta = {"label": found[1], "number": len(places)}
        places.append(len(places))
    state.pos = found.end()
    return True


def _gather(state: StateCore) -> None:
    """Move the footnotes to the end of the page, in the order in which the text refers to them."""
    texts: dict[str, list[list[Token]]] = {}
    kept: list[Token] = []
    into = kept
    for token in state.tokens:
        match token.type:
            case "footnote_text_open":
                into = []
                texts.setdefault(token.meta["label"], []).append(into)
            case "footnote_text_close":
                into = kept
            case _:
                into.append(token)
    if not texts:
        return
    order: dict[str, int] = {}
    for token in (*kept, *(token for parts in texts.values() for part in parts for token in part)):
        for child in token.children or ():
            if child.type == "footnote_ref":
                child.meta["id"] = order.setdefault(child.meta["label"], len(order) + 1)
    kept.append(Token("footnotes_open", "", 1))
    for label in (*order, *(label for label in texts if label not in order)):
        note = order.setdefault(label, len(order) + 1)
        kept += _note(note, [token for part in texts[label] for token in part], _notes(state.env)[label])
    kept.append(Token("footnotes_close", "", -1))
    state.tokens = kept


def _note(number: int, text: list[Token], places: list[int]) -> list[Token]:
    backs = [Token("footnote_back", "", 0, meta={"id": number, "number": place}) for place in places]
    ends_in_paragraph = bool(text) and text[-1].type == "paragraph_close"
    body = [*text[:-1], *backs, text[-1]] if ends_in_paragraph else [*text, *backs]
    opening = Token("footnote_open", "", 1, meta={"id": number})
    return [opening, *body, Token("footnote_close", "", -1)]


def _anchor(env: Any, meta: dict[str, Any]) -> str:
    number = f":{meta['number']}" if meta.get("number") else ""
    return f"{env.get('place', '')}{meta['id']}{number}"


def _shown_reference(
    _: RendererProtocol, tokens: Sequence[Token], index: int, _options: object, env: Any
) -> str:
    meta = tokens[index].meta
    caption = f"{meta['id']}:{meta['number']}" if meta["number"] else str(meta["id"])
    target, own = _anchor(env, {"id": meta["id"]}), _anchor(env, meta)
    return f'<sup class="footnote-ref"><a href="#fn{target}" id="fnref{own}">[{caption}]</a></sup>'


def _shown_opening(
    _: RendererProtocol, tokens: Sequence[Token], index: int, _options: object, env: Any
) -> str:
    return f'<li id="fn{_anchor(env, tokens[index].meta)}" class="footnote-item">'


def _shown_back(_: RendererProtocol, tokens: Sequence[Token], index: int, _options: object, env: Any) -> str:
    return f' <a href="#fnref{_anchor(env, tokens[index].meta)}" class="footnote-backref">{_BACK}</a>'
