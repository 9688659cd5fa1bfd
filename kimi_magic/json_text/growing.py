"""JSON that grows, as the rows of a tree: each is given out once, as soon as it is final.

For the screen only: it takes whatever comes, and what is no JSON is shown as well as it can be. What the
answer is worth in the end says `whole.read`.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from .strings import ESCAPE, HALF, LONE, REPLACEMENT, RUNS, unescaped

DEEPEST_SHOWN = 100  # levels; a container further in is one row with "…"
LONGEST_TAIL = (
    2_000  # characters of an open string or word that `tail` gives; it is asked for at each repaint
)

Kind = Literal["object", "array", "string", "number", "literal", "other", "key"]

_OPENER = re.compile(r"[{\[]")
_PROSE = re.compile(r"[^\s\ufeff]")
# After prose, a bracket begins a value only if it goes on like one: "{name}" and "[see below]" do not.
_BEGINS = re.compile(r"""[{\[][ \t]{9}|[{\[][ \t]*[\r\n]|\{[ \t]*["'}]|\[[ \t]*["'{\[\]\-0-9]""")
_UNDECIDED = re.compile(r"[{\[][ \t]{0,8}\Z")
_BLANK = re.compile(r"\s+")
_WORD = re.compile(r'[^\s{}\[\],:"]+')
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]*)?|-")
_LITERALS = frozenset({"true", "false", "null"})


class Line(NamedTuple):
    """One row of the tree.

    `depth` counts the containers around it. `label` is the key (str) or the index (int) in the container,
    None for the outermost value. `text` is the decoded string, or a number or word as written; it is empty
    for a container, or "…" where the inside is too deep to be shown. The kind "literal" is true, false or
    null, "other" a word that JSON does not know, "key" a key without a value.
    """

    depth: int
    label: str | int | None
    kind: Kind
    text: str


class Growing:
    """Reads text as it comes, in time linear in its length, and never raises.

    The text before the value is skipped, a code fence too; a second value that follows is shown like the
    first. A string or number alone, outside of any container, is not shown. However the text is cut, the rows
    are the same.
    """

    def __init__(self) -> None:
        self._state: Literal["before", "between", "string", "word", "line comment", "block comment"] = (
            "before"
        )
        self._prose = False  # whether there is text before the value
        self._held = ""  # the end of the text so far, where it cannot be understood yet; a few characters
        self._levels: list[_Level] = []
        self._beyond = 0  # containers that are open below the last one shown
        self._quote = '"'
        self._pieces: list[str] = []  # of the open string or word
        self._made: list[Line] = []

    def add(self, text: str) -> list[Line]:
        """The rows that `text` made final, for the first and last time."""
        self._made = []
        text = self._held + LONE.sub(REPLACEMENT, text)
        at = 0
        while at < len(text):
            reached = self._step(text, at)
            if reached is None:
                break
            at = reached
        self._held = text[at:]
        return self._made

    @property
    def depth(self) -> int:
        """How many containers that have a row are open."""
        return len(self._levels)

    def tail(self) -> list[Line]:
        """The open string, number or key, or none. Of a long one the beginning, and "…"."""
        if self._beyond or self._state not in ("between", "string", "word") or not self._levels:
            return []
        level, depth = self._levels[-1], len(self._levels)
        if self._state == "between":
            return [] if level.key is None else [Line(depth, level.key, "key", "")]
        text = _beginning_of(self._pieces)
        if level.is_object and level.key is None:
            return [Line(depth, text, "key", "")]
        label = level.key if level.is_object else level.count
        return [Line(depth, label, "string" if self._state == "string" else _kind(text), text)]

    def _step(self, text: str, at: int) -> int | None:
        """Read on from `at`; return how far that led, None where more text is needed."""
        match self._state:
            case "before":
                return self._before(text, at)
            case "string":
                return self._string(text, at)
            case "word":
                return self._word(text, at)
            case "line comment":
                return self._comment(text, at, "\n", keep=0)
            case "block comment":
                return self._comment(text, at, "*/", keep=1)
        return self._between(text, at)

    def _before(self, text: str, at: int) -> int | None:
        opener = _OPENER.search(text, at)
        start = opener.start() if opener else len(text)
        self._prose = self._prose or _PROSE.search(text, at, start) is not None
        if start > at:
            return start
        if self._prose and not _BEGINS.match(text, at):
            return None if _UNDECIDED.match(text, at) else at + 1
        self._state = "between"
        return at

    def _between(self, text: str, at: int) -> int | None:
        match text[at]:
            case "{" | "[" as bracket:
                self._begin(is_object=bracket == "{")
            case "}" | "]" as bracket:
                self._end(is_object=bracket == "}")
            case ",":
                self._no_value()
            case ":":
                if (after := text[at + 1 : at + 3]) in ("", "/"):
                    return None
                self._state = "word" if after == "//" else "between"  # http://…, where a quote is missing
            case '"' | "'" as quote:
                self._quote, self._state = quote, "string"
            case "/" if at + 1 == len(text):
                return None
            case "/" if text[at + 1] in "/*":
                self._state = "line comment" if text[at + 1] == "/" else "block comment"
                return at + 2
            case _:
                if blank := _BLANK.match(text, at):
                    return blank.end()
                self._state = "word"
                return at
        return at + 1

    def _string(self, text: str, at: int) -> int | None:
        if text[at] == self._quote:
            self._value("string")
            return at + 1
        if run := RUNS[self._quote].match(text, at):
            self._pieces.append(run[0])
            return run.end()
        if HALF.match(text, at):
            return None
        escape = ESCAPE.match(text, at)
        assert escape is not None, "a backslash is always an escape"  # noqa: S101
        self._pieces.append(unescaped(escape))
        return escape.end()

    def _word(self, text: str, at: int) -> int:
        run = _WORD.match(text, at)
        if run:
            self._pieces.append(run[0])
            at = run.end()
        if at < len(text):
            self._value("word")
        return at

    def _comment(self, text: str, at: int, end: str, *, keep: int) -> int | None:
        found = text.find(end, at)
        if found >= 0:
            self._state = "between"
            return found + len(end)
        return max(at, len(text) - keep) if len(text) - keep > at else None

    def _value(self, kind: Literal["string", "word"]) -> None:
        """A string or a word ended: it is a key, or the value of one, or an item."""
        text = "".join(self._pieces)
        self._pieces, self._state = [], "between"
        if self._beyond:
            return
        level = self._levels[-1]
        if level.is_object and level.key is None:
            level.key = text
        else:
            self._row("string" if kind == "string" else _kind(text), text)

    def _begin(self, *, is_object: bool) -> None:
        if self._beyond:
            self._beyond += 1
            return
        too_deep = len(self._levels) == DEEPEST_SHOWN
        self._row("object" if is_object else "array", "…" if too_deep else "")
        if too_deep:
            self._beyond = 1
        else:
            self._levels.append(_Level(is_object))

    def _end(self, *, is_object: bool) -> None:
        """Close the innermost container of this kind, with all inside it; without one, do nothing."""
        if self._beyond:
            self._beyond -= 1
            return
        if all(level.is_object != is_object for level in self._levels):
            return
        closed = False
        while not closed:
            self._no_value()
            closed = self._levels.pop().is_object == is_object
        if not self._levels:
            self._state, self._prose = "before", False

    def _no_value(self) -> None:
        if not self._beyond and self._levels[-1].key is not None:
            self._row("key", "")

    def _row(self, kind: Kind, text: str) -> None:
        depth, label = len(self._levels), None
        if self._levels:
            label = self._levels[-1].take_label()
        self._made.append(Line(depth, label, kind, text))


class _Level:
    """An open container: the key that waits for its value, or how many items there were."""

    __slots__ = ("count", "is_object", "key")

    def __init__(self, is_object: bool) -> None:
        self.is_object = is_object
        self.key: str | None = None
        self.count = 0

    def take_label(self) -> str | int | None:
        if not self.is_object:
            self.count += 1
            return self.count - 1
        key, self.key = self.key, None
        return key


def _kind(word: str) -> Kind:
    if word in _LITERALS:
        return "literal"
    return "number" if _NUMBER.fullmatch(word) else "other"


def _beginning_of(pieces: list[str]) -> str:
    """The pieces joined, of a long text the beginning; without touching what comes behind it."""
    length, taken = 0, 0
    while taken < len(pieces) and length <= LONGEST_TAIL:
        length += len(pieces[taken])
        taken += 1
    text = "".join(pieces[:taken])
    return text if length <= LONGEST_TAIL else text[:LONGEST_TAIL] + "…"
