"""What stands inside a paragraph, where models write otherwise than CommonMark reads.

Emphasis beside Chinese and Japanese signs, bare addresses, and a few tags without attributes: `<br>`,
`<sub>`, `<sup>`, `<kbd>`. All of it is bounded: a long paragraph is read in pieces, and what is nested too
deep is text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 10_000  # characters of a paragraph that are read at once; emphasis does not reach beyond
DEEPEST = 30  # emphases, links and tags in one another
TAGS = ("sub", "sup", "kbd")
_TAG = re.compile(r"<(/?)(sub|sup|kbd)>", re.IGNORECASE)
_BREAK = re.compile(r"<br {0,3}/?>", re.IGNORECASE)
_PAUSE = re.compile(r".*[\s。，、；：！？]", re.DOTALL)
_TERMINATOR = r"[\n!#$%&*+\-:<=>@\[\\\]^_`{}~]"
_ADDRESS_START = r"(?<![A-Za-z0-9_@/.:+-])(?=https?://|www\.)"
_TEXT_END = re.compile(f"{_TERMINATOR}|{_ADDRESS_START}", re.IGNORECASE)
# Not what ends a sentence in Chinese or Japanese, and no quotation marks.
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[A-Za-z0-9\u00a1-\U0010ffff][^\s<>\"'`*\\\[\]|\u2018-\u201f\u2026\u3000-\u3002"
    r"\u3008-\u3011\u3014-\u301f\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b-\uff65]*",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:https?://)?(?:localhost\b|[^\s/?#]{1,253}\.[^\s/?#.])", re.IGNORECASE)
_TRAIL = "?!.,:;*_~$&"


def install(parser: MarkdownIt) -> None:
    """Let `parser` read paragraphs in this way."""
    own = _Inline()
    own.ruler, own.ruler2 = parser.inline.ruler, parser.inline.ruler2
    parser.inline = own
    own.ruler.at("text", _text)
    own.ruler.after("text", "address", _address)
    own.ruler.before("autolink", "tag", _tag)
    for tag in TAGS:
        parser.add_render_rule(f"{tag}_open", lambda *_, tag=tag: f"<{tag}>")
        parser.add_render_rule(f"{tag}_close", lambda *_, tag=tag: f"</{tag}>")


class _Inline(ParserInline):
    """Reads a paragraph: in pieces if it is long, with the flanks of emphasis as Chinese needs them."""

    def parse(self, src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> list[Token]:
        """Read `src`; its tokens are put behind `tokens`, which is returned."""
        while src:
            end = len(src)
            if end > LONGEST:
                pause = _PAUSE.match(src, 0, LONGEST)
                end = pause.end() if pause else LONGEST
            state = State(src[:end], md, env, [])
            self.tokenize(state)
            for rule in self.ruler2.getRules(""):
                rule(state)
            tokens += _settled(state.tokens)
            src = src[end:]
        return tokens


class State(StateInline):
    """One paragraph while it is read."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803
        """Whether stars at `start` can open or close emphasis.

        CommonMark's rule, except that beside a Chinese, Japanese or Korean sign only white space counts.
        """
        scanned = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start else " "
        end = start + scanned.length
        after = self.src[end] if end < self.posMax else " "
        if self.src[start] == "_" or not (_is_east_asian(before) or _is_east_asian(after)):
            return scanned
        return Scanned(not after.isspace(), not before.isspace(), scanned.length)


def _is_east_asian(sign: str) -> bool:
    return "\u1100" <= sign <= "\u11ff" or "\u2e80" <= sign <= "\ud7ff" or (
        "\uf900" <= sign <= "\ufaff" or "\ufe30" <= sign <= "\ufe4f" or "\uff01" <= sign <= "\uffee"
        or "\U0001aff0" <= sign <= "\U0001b16f" or "\U00020000" <= sign <= "\U0003ffff"
    )  # fmt: skip


def _text(state: StateInline, silent: bool) -> bool:
    """Plain text, up to a sign of Markdown or the beginning of an address."""
    found = _TEXT_END.search(state.src, state.pos, state.posMax)
    end = found.start() if found else state.posMax
    if end == state.pos:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : end])
    state.pos = end
    return True


def _address(state: StateInline, silent: bool) -> bool:
    """An address in the text becomes a link; what ends the sentence is not part of it."""
    if state.src[state.pos] not in "hHwW" or state.linkLevel:
        return False
    found = _ADDRESS.match(state.src, state.pos, state.posMax)
    address = _without_trail(found[0]) if found else ""
    if not _HOST.match(address):
        return False
    href = state.md.normalizeLink(address if address[:4].lower() == "http" else f"http://{address}")
    if not state.md.validateLink(href):
        return False
    if not silent:
        state.push("link_open", "a", 1).attrs = {"href": href}
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
    state.pos += len(address)
    return True


def _without_trail(address: str) -> str:
    """Without punctuation at its end, and without brackets there that it does not open."""
    unopened = {")": address.count(")") - address.count("("), "}": address.count("}") - address.count("{")}
    while address:
        if unopened.get(address[-1], 0) > 0:
            unopened[address[-1]] -= 1
            address = address[:-1]
        elif (shorter := address.rstrip(_TRAIL)) != address:
            address = shorter
        else:
            return address
    return ""


def _tag(state: StateInline, silent: bool) -> bool:
    """One of a few tags; whether it has a partner is seen when the paragraph has been read."""
    if state.src[state.pos] != "<":
        return False
    if found := _BREAK.match(state.src, state.pos, state.posMax):
        if not silent:
            state.push("hardbreak", "br", 0)
        state.pos = found.end()
        return True
    found = _TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        token = state.push("tag", found[2].lower(), 0)
        token.content, token.markup = found[0], found[1]
    state.pos = found.end()
    return True


def _settled(tokens: Sequence[Token]) -> list[Token]:
    """Tags in pairs, the others as text; and nothing nested deeper than `DEEPEST`."""
    partner, hidden = _pairs(tokens)
    kept: list[Token] = []
    links = 0
    for number, token in enumerate(tokens):
        if number in hidden:
            continue
        if token.type == "tag":
            token.type, token.nesting = "text", 0
            if number in partner:
                opens = partner[number] > number
                token.type, token.nesting = (f"{token.tag}_open", 1) if opens else (f"{token.tag}_close", -1)
                token.content = ""
        links -= token.type == "link_close"
        if links and token.type in ("image", "link_open", "link_close"):
            token.meta["inside link"] = True
        links += token.type == "link_open"
        kept.append(token)
    return kept


def _pairs(tokens: Sequence[Token]) -> tuple[dict[int, int], set[int]]:
    """The place of each tag's partner, and the places of what is too deep."""
    partner: dict[int, int] = {}
    hidden: set[int] = set()
    around: list[int] = []  # the places of what is open
    depth = 0
    for number, token in enumerate(tokens):
        if token.type == "tag" and not token.markup:
            around.append(number)
        elif token.type == "tag":
            last = around[-1] if around else number
            if tokens[last].type == "tag" and last < number and tokens[last].tag == token.tag:
                around.pop()
                if len(around) < DEEPEST:
                    partner[number], partner[last] = last, number
        elif token.nesting > 0:
            around.append(number)
            depth += 1
            if depth > DEEPEST and token.type != "link_open":
                hidden.add(number)
        elif token.nesting < 0:
            while tokens[around[-1]].type == "tag":  # it was not closed where it was opened: text
                around.pop()
            if around.pop() in hidden:
                hidden.add(number)
            depth -= 1
    return partner, hidden
