"""Markdown to HTML that is safe to show, whole or block by block while it grows. No I/O, no display.

What the model writes is data: raw HTML is escaped, links lead only to http, https, mailto and #, pictures
become links (a remote picture can carry data out without a click), and mathematics reaches MathJax while
prices stay prices.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from kimi_magic.markdown.code import language_of
from kimi_magic.markdown.formulas import inert, open_block
from kimi_magic.markdown.parser import parser
from kimi_magic.markdown.writing import fenced, literal, written, written_tokens

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = [
    "Blocks", "CodeBlock", "Forms", "code_blocks", "fenced", "inert", "literal", "render", "written",
]  # fmt: skip

LONGEST_OPEN = 4_000  # characters of an open block that are rendered again and again
LARGEST_OPEN = 6_000  # bytes of their HTML
_PAUSE = re.compile(r".*[\s。，、；：！？]", re.DOTALL)  # a place where a line can be cut, and all before


def render(text: str, place: str = "") -> str:
    """The whole of `text` (Markdown) as HTML, with footnotes.

    Several answers share a page, two of them perhaps to the letter: `place` names this one, whatever its
    letters, and the anchors of its footnotes are made from it. By default they are made from the text alone.
    """
    name = f"{zlib.crc32(f'{place} {text}'.encode('utf-8', 'replace')):08x}"
    return str(parser(footnotes=True).render(text, {"place": f"-{name}-"}))


class CodeBlock(NamedTuple):
    """Code between fences: its language in lower letters, "" where the fence names none, and the code."""

    language: str
    text: str


def code_blocks(text: str) -> tuple[CodeBlock, ...]:
    """The code between fences in `text` (Markdown), in its order; also in lists and quotations."""
    tokens = parser().parse(text.replace("\r\n", "\n"))
    return tuple(CodeBlock(language_of(t.info), t.content.rstrip("\n")) for t in tokens if t.type == "fence")


class Forms(NamedTuple):
    """A text in Markdown as HTML that is safe to show, and written anew as Markdown (`writing`)."""

    html: str
    markdown: str


class Blocks:
    """Markdown that grows: finished blocks are given out once, the open rest is rendered again.

    Whatever comes later, everything before the second-last top-level block stays as it is (it may still
    become a heading, a table or a loose list until then). There are two exceptions: a link definition that
    follows its use, and a block beyond `LONGEST_OPEN` or `LARGEST_OPEN`, which is given out in pieces. Where
    there may be one, or a footnote, `whole` is None, and the answer is rendered once more with `render`.
    """

    def __init__(self) -> None:
        self._open = ""
        self._tail = ""  # HTML of the open rest, to the letter
        # The open rest as it was parsed; None if it was cut since.
        self._parsed: tuple[dict[str, Any], list[Token]] | None = None
        self._env: dict[str, Any] = {}  # link definitions of the finished blocks
        self._held = ""  # a CR that may be half of a CRLF
        self._source: list[str] = []  # what was added
        self._finished: list[str] = []  # what was given out
        self._written: list[str] = []  # the same as Markdown
        self._has_seams = False  # a block was given out in pieces

    def add(self, text: str) -> str:
        """HTML of the blocks that `text` completed, for the first and last time; often empty."""
        self._source.append(text)
        finished = self._add(text)
        self._finished.append(finished)
        return finished

    def whole(self, text: str) -> Forms | None:
        """What `render` and `written` make of `text`; None if it may differ from what was given out.

        `text` is what was added, or goes on after it. What was given out is not rendered again.
        """
        added = "".join(self._source)
        if "[^" in text or not text.startswith(added):
            return None
        if len(added) < len(text):
            self.add(text[len(added) :])
        if self._has_seams or self._held:
            return None
        env, tokens = self._parsed or self._parse()
        if env.get("references"):
            return None
        parts = filter(None, (*self._written, written_tokens(tokens)))
        return Forms("".join((*self._finished, self._tail)), "\n\n".join(parts).strip("\n"))

    def _add(self, text: str) -> str:
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        self._open += text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        defined = len(self._env.get("references", ()))
        env, tokens = self._parsed = self._parse()
        starts = [t.map[0] for t in tokens if t.level == 0 and t.nesting >= 0 and t.map]
        lines = self._open.split("\n")
        cut = _settled(lines, starts, tokens) if len(starts) > 2 else 0
        if cut:
            finished = "\n".join(lines[:cut]) + "\n"
            rest = self._open[len(finished) :]
        else:
            self._tail = _html(tokens)
            if len(self._open) <= LONGEST_OPEN and len(self._tail.encode("utf-8", "replace")) <= LARGEST_OPEN:
                return ""
            finished, rest = _break(tokens, starts, lines)
            self._has_seams = True
        self._open, self._parsed = rest, None
        if cut and len(env.get("references", ())) == defined:
            # Nothing was defined in the open part: its blocks are the same, parsed together or apart.
            at = next(i for i, t in enumerate(tokens) if t.level == 0 and t.map and t.map[0] >= cut)
            self._tail = _html(tokens[at:])
            self._written.append(written_tokens(tokens[:at]))
            return _html(tokens[:at])
        html = str(parser().render(finished, self._env))
        self._parsed = self._parse()  # only now: it may use a link that the finished part defines
        self._tail = _html(self._parsed[1])
        return html

    def tail(self, *, ended: bool = False) -> str:
        """HTML of what is still open, drawn as it will most probably end; to the letter if it has `ended`."""
        if ended:
            return self._tail
        from kimi_magic.markdown import healing

        env, tokens = self._parsed = self._parsed or self._parse()
        text = healing.source(self._open, tokens)
        return str(parser().render(text, {**env, "grows": True}))

    def _parse(self) -> tuple[dict[str, Any], list[Token]]:
        # A definition in the open part may still grow: it is forgotten after each parse.
        env = {**self._env, "references": dict(self._env.get("references", {}))}
        return env, parser().parse(self._open, env)


def _html(tokens: list[Token]) -> str:
    return str(parser().renderer.render(tokens, parser().options, {}))


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
            pause = _PAUSE.match(text, len(head))
            end = pause.end() if pause else len(text)
            return text[:end], head + text[end:]
    return "\n".join(lines[:cut]) + "\n", head + "\n".join(lines[cut:])


def _settled(lines: list[str], starts: list[int], tokens: list[Token]) -> int:
    """The line before which all is final: the second-last block, or an earlier one with an open formula."""
    first = starts[-2]
    formula = open_block(lines, tokens)
    if formula is not None:
        first = min(first, formula)
    return max((start for start in starts if start <= first), default=0)
