"""Every place in a text where a value of JSON may be: in code fences, in prose, escaped, or broken.

What begins like JSON and breaks is one broken candidate that holds everything in its brackets, so that no
inner part of it is ever taken for an answer. One pass over the text; nothing is read more than a few times.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any, Literal, NamedTuple

from . import good
from .tokens import KEY_WORD
from .value import BrokenError, JSONFault, Reader

Fence = Literal["", "json", "plain", "code"]

ESCAPED_NOTICE = "The quotes of the JSON were escaped as inside of a string; it was read without."
ENCODED_NOTICE = "The JSON was written as a string; it was read from there."
DOUBLED_NOTICE = "The JSON had doubled braces around it; one pair was left out."
EXTRA_NOTICE = "A closing bracket too many followed the JSON; it was left out."

_MOST_DECODINGS = 2  # of strings that hold JSON
_MOST_STRICT_TRIES = 50  # failing tries of strict reading; each counts the lines before it
_JSON_NAMES = {"json", "json5", "jsonc", "jsonl", "jsonlines", "ndjson", "geojson", "json-ld", "jsonld"}
_PLAIN_NAMES = {
    "",
    "text",
    "txt",
    "plain",
    "plaintext",
    "output",
    "console",
    "result",
    "answer",
    "data",
    "none",
}
_EVENT = re.compile(r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<name>[\w+#.-]*)|[{\[｛［]|[}\]｝］]")
_BEFORE_FENCE = re.compile(r"(?:^|[\n:>*.)-])[ \t]*\Z")
_BLANK = (
    r"(?:[\s\xa0\u3000\u200b\ufeff]|\\[nrt](?![A-Za-z])|\\(?=[{}\[\]])"
    r"|//[^\n]*+\n|#[^\n]*+\n|/\*(?:[^*]|\*(?!/)){0,2000}+\*/)*+"
)
_SKIP = re.compile(_BLANK, re.DOTALL)
_KEY = re.compile(
    rf"[\"'`“”„‘「『＂]|\}}|\\\"|(?:{KEY_WORD.pattern}|-?\d+){_BLANK}[:：]|//|/\*|[\w$-]*\Z", re.DOTALL
)
_ITEM = re.compile(
    r"[\"'`“”„「『＂\]]|\\\"|[-+]?\.?\d|//|/\*|\(\s*[-+.\d\"'(]"
    r"|(?:true|false|null|none|undefined|[-+]?nan|[-+]?inf(?:inity)?)\b"
    r"|[-+]?[A-Za-z]{0,9}\Z",
    re.IGNORECASE,
)
_PART = re.compile(r'"(?:[^"\\]|\\.)*+"|[{\[(｛［]|[}\])｝］]', re.DOTALL)
_ESCAPED_PART = re.compile(r'\\"(?:\\\\\\"|\\\\[^"]|\\[^"\\]|[^\\"])*+\\"|[{\[(]|[}\])]', re.DOTALL)
_ESCAPED = re.compile(r'[{\[](?:\s|\\[nrt]|[{\[])*+\\"')
_KIND = str.maketrans("｛［｝］", "{[}]")
_PAIRS = {"}": "{", "]": "[", ")": "("}
_ASSIGNED = re.compile(
    r"\s*(?:(?:const|let|var|final|export\s+default)\s+)?(?:[\w.$]+\s*(?::[^=\n{\[]{0,80})?=\s*)?"
)
_NUMBERS = re.compile(r"\[\s*[-+]?\.?\d")
_SCALAR = re.compile(r'"|[-+.]?\d|(?:true|false|null)\b')
_MOST_INNER = 8  # brackets inside of one in prose that are looked at
_LINE_REACH = 200  # characters after a bracket in prose that are looked at for what it holds


class Candidate(NamedTuple):
    """A value from `start` to `end`, or why it is broken.

    `fence` says what kind of code fence it stands in; `extra`: brackets that nothing opened follow it.
    """

    start: int
    end: int
    value: Any
    broken: BrokenError | None = None
    notices: tuple[str, ...] = ()
    fence: Fence = ""
    extra: bool = False

    @property
    def is_container(self) -> bool:
        """Whether it is, or began as, an object or an array."""
        return self.broken is not None or isinstance(self.value, dict | list)


def candidates(text: str, *, digits: bool = False) -> list[Candidate]:
    """All candidates in order; with `digits`, floats are `tokens.Digits`.

    Raises:
        JSONFault: A value has too many levels.
    """
    return _Scan(text, digits).run()


def extent(text: str, start: int, limit: int, part: re.Pattern[str] = _PART) -> int | None:
    """Where the bracket at `start` is closed, None where it is not; strings are stepped over.

    A closing bracket of the wrong kind closes what is open inside of its own pair.
    """
    stack: list[str] = []
    open_of = {"{": 0, "[": 0, "(": 0}
    for each in part.finditer(text, start):  # a string may reach beyond the limit
        if each.start() >= limit:
            break
        char = each[0].translate(_KIND)
        if char in open_of:
            stack.append(char)
            open_of[char] += 1
        elif (opener := _PAIRS.get(char)) and open_of[opener]:
            popped = ""
            while popped != opener:
                popped = stack.pop()
                open_of[popped] -= 1
            if not stack:
                return each.end()
    return None


def decoded(value: Any, *, digits: bool = False) -> tuple[Any, tuple[str, ...]]:
    """What a string that holds JSON stands for, and notices; all else as it is."""
    notices: tuple[str, ...] = ()
    for _ in range(_MOST_DECODINGS):
        text = value.strip() if isinstance(value, str) else ""
        if text[:1] not in ("{", "[", '"'):
            break
        reader = Reader(text, digits=digits)
        try:
            inner, end = reader.read(0)
        except (BrokenError, JSONFault):
            break
        if text[end:].strip():
            break
        value, notices = inner, (*notices, ENCODED_NOTICE, *reader.notices())
    return value, notices


class _Scan:
    """The pass over a text: where it is, and in which fence."""

    def __init__(self, text: str, digits: bool) -> None:
        self._text = text
        self._digits = digits
        self._found: list[Candidate] = []
        self._fence: Fence = ""
        self._loose = 0  # brackets of prose that are open
        self._strict_tries = _MOST_STRICT_TRIES
        self._next_fence = -1
        self._broken: int | None = None  # the last broken candidate that more may belong to
        self._unclosed: set[str] = set()  # quotes that are not closed in the rest of the text

    def run(self) -> list[Candidate]:
        """The candidates of the whole text."""
        at = self._alone(0, len(self._text), "")
        while event := _EVENT.search(self._text, at):
            if event["fence"]:
                at = self._at_fence(event)
            elif event[0] in "}]｝］":
                self._at_closer(event)
                at = event.end()
            else:
                at = self._at_opener(event.start())
        return self._found

    # ---- fences ----

    def _at_fence(self, event: re.Match[str]) -> int:
        text, name = self._text, event["name"].lower()
        if self._fence:
            self._fence = ""
            return event.end("fence")
        line = text[max(0, event.start() - 40) : event.start()]
        if not _BEFORE_FENCE.search(line):
            return event.end("fence")
        kind: Fence = "json" if name in _JSON_NAMES else "plain" if name in _PLAIN_NAMES else "code"
        if kind == "code" and not text[event.end() : event.end() + 1].strip(" \t\r\n{["):
            return self._in_code(event)
        self._fence, self._loose = kind, 0
        return self._alone(event.end(), self._close(event.end(), event["fence"][:3]), kind)

    def _close(self, at: int, fence: str) -> int:
        end = self._text.find(fence, at)
        return end if end >= 0 else len(self._text)

    def _in_code(self, event: re.Match[str]) -> int:
        """Code is no answer, unless it is nothing but one value, which may have a name."""
        text = self._text
        end = self._close(event.end(), event["fence"][:3])
        begun = _ASSIGNED.match(text, event.end())
        start = begun.end() if begun else event.end()
        if start < end and text[start] in "{[":
            found = self._read(start, end)
            if not text[found.end : end].strip("; \t\r\n"):
                self._found.append(found._replace(fence="code"))
        return end + 3

    def _alone(self, at: int, end: int, fence: Fence) -> int:
        """Take a string or number that is all there is up to `end`; where to go on."""
        text = self._text
        skipped = _SKIP.match(text, at)
        start = skipped.end() if skipped else at
        if start >= end or not _SCALAR.match(text, start):
            return at
        reader = Reader(text, digits=self._digits)
        try:
            value, stop = reader.read(start)
        except BrokenError:
            return at
        if stop > end or text[stop:end].strip("\ufeff \t\r\n"):
            return at
        value, notices = decoded(value, digits=self._digits)
        self._found.append(Candidate(start, stop, value, None, (*reader.notices(), *notices), fence))
        return stop

    # ---- brackets ----

    def _at_closer(self, event: re.Match[str]) -> None:
        """A bracket that nothing opened: more of what was broken before it."""
        if self._loose:
            self._loose -= 1
            return
        if self._broken is not None and self._found[self._broken].fence == self._fence:
            del self._found[self._broken + 1 :]
            self._found[self._broken] = self._found[self._broken]._replace(end=event.end())
            return
        if self._found and self._found[-1].is_container:
            between = self._text[self._found[-1].end : event.end()]
            if not between.strip(" \t\r\n}]｝］"):
                self._found[-1] = self._found[-1]._replace(extra=True)

    def _at_opener(self, start: int) -> int:
        text = self._text
        if not self._begins(start):
            return self._in_prose(start)
        limit = self._limit(start)
        if _ESCAPED.match(text, start):
            found = self._escaped(start, limit)
        elif text.startswith("{{", start):
            found = self._doubled(start, limit)
        else:
            found = self._read(start, limit)
        if found.broken and self._is_interval(found):
            return start + 1
        self._found.append(found._replace(fence=self._fence))
        if found.broken:
            self._broken = len(self._found) - 1
        return found.end

    def _is_interval(self, found: Candidate) -> bool:
        """Whether a broken candidate is `[0, 1)` or `[3 apples]` of prose: numbers, and nothing like JSON."""
        text, start = self._text, found.start
        if text[start] != "[" or not _NUMBERS.match(text, start):
            return False
        if not text[max(0, start - _LINE_REACH) : start].strip("\ufeff \t\r\n"):
            return False
        line = text[start : start + _LINE_REACH].split("\n", 1)[0]
        end = extent(text, start, start + len(line))
        return end is None or not set(text[start:end]) & set("\"'{“")

    def _begins(self, at: int) -> bool:
        """Whether a bracket goes on like JSON: `{name}`, `{1, 2}` and `[see below]` do not."""
        text, levels = self._text, 0
        while levels < 210:
            is_object = text[at] in "{｛"
            skipped = _SKIP.match(text, at + 1)
            at = skipped.end() if skipped else at + 1
            if (_KEY if is_object else _ITEM).match(text, at):
                return True
            if at == len(text):
                return True  # cut right there
            if text[at] not in "{[｛［":
                return False
            levels += 1
        return True

    def _in_prose(self, start: int) -> int:
        """A bracket of prose. If it holds one of JSON on its line, it is code: a broken candidate."""
        text = self._text
        line_end = text.find("\n", start, start + _LINE_REACH)
        limit = min(len(text), start + _LINE_REACH) if line_end < 0 else line_end
        end = extent(text, start, limit)
        if end is not None:
            inner = islice((at for at in range(start + 1, end) if text[at] in "{["), _MOST_INNER)
            if any(text[at] != "[" or text[at + 1 : at + 2] != "]" for at in inner if self._begins(at)):
                fault = BrokenError(start, f"expected a value, got {text[start : start + 20]!r}")
                self._found.append(Candidate(start, end, None, fault, fence=self._fence))
                return end
            return end
        self._loose += 1
        return start + 1

    def _limit(self, start: int) -> int:
        """How far a broken value may reach: to the end of its fence, or to the next fence."""
        if self._next_fence < start:
            mark = self._text.find("```", start)
            self._next_fence = mark if mark >= 0 else len(self._text)
        return self._next_fence

    def _read(self, start: int, limit: int) -> Candidate:
        text = self._text
        if self._strict_tries:
            if strict := good.at(text, start, digits=self._digits):
                return Candidate(start, strict.end, strict.value, None, strict.notices)
            self._strict_tries -= 1
        reader = Reader(text, self._unclosed, digits=self._digits)
        try:
            value, end = reader.read(start)
        except BrokenError as broken:
            closed = None if broken.truncated else extent(text, start, limit)
            return Candidate(start, max(closed or limit, start + 1), None, broken)
        return Candidate(start, end, value, None, reader.notices())

    def _escaped(self, start: int, limit: int) -> Candidate:
        r"""`{\"name\": \"Turin\"}`, with or without the quotes around it."""
        text = self._text
        end = extent(text, start, limit, _ESCAPED_PART) or limit
        try:
            inner = json.loads(f'"{text[start:end]}"', strict=False)
            reader = Reader(inner, digits=self._digits)
            value, inner_end = reader.read(0)
            if inner[inner_end:].strip():
                raise reader.broken(inner_end, "nothing more")
        except BrokenError as broken:
            broken.at = start
            return Candidate(start, end, None, broken)
        except ValueError as error:
            if isinstance(error, JSONFault):
                raise
            return Candidate(start, end, None, BrokenError(start, "expected a value, got a backslash"))
        if text[start - 1 : start] == '"' and text[end : end + 1] == '"':
            start, end = start - 1, end + 1
        return Candidate(start, end, value, None, (ESCAPED_NOTICE, *reader.notices()))

    def _doubled(self, start: int, limit: int) -> Candidate:
        """`{{"a": 1}}`, as templates write braces."""
        text = self._text
        inner = self._read(start + 1, limit)
        after = _SKIP.match(text, inner.end)
        end = after.end() if after else inner.end
        if inner.broken or text[end : end + 1] != "}":
            return self._read(start, limit)
        return inner._replace(start=start, end=end + 1, notices=(*inner.notices, DOUBLED_NOTICE))
