"""One value of JSON in a text, read exactly: with the path of everything, without recursion.

The standard library's parser would do for the value alone; it does not say where in the value a fault is, and
what had to be forgiven.
"""

from __future__ import annotations

import math
import re
from typing import Any

from .strings import ESCAPE, LONE, REPLACEMENT, RUNS, path, unescaped

DEEPEST = 200  # levels that a value may have; sane answers have less than ten
_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"-?[A-Za-z_]\w*")
_GOT = re.compile(r"\w{1,20}|.", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_WORDS: dict[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
}
_NOTICES = {
    "twice": "{} was written more than once; the last one counts.",
    "constant": "{} is no finite number, which JSON does not know; it is kept as a Python float.",
    "half": "{} held half a character; it was replaced by U+FFFD.",
    "comma": "{} had a comma after its last entry; it was left out.",
    "control": "{} held a raw line break or control character; it was kept.",
    "escape": "{} held a backslash that means nothing in JSON; it was kept as written.",
}


class JSONFault(ValueError):  # noqa: N818
    """The text is no JSON; as one line: `line 3, column 9 ($.items[2]): expected a comma or }, got 'x'`.

    `line` and `column` count from 1; `path` is where in the value it is. `truncated`: whether the text ended
    before the value did, as an answer does that is cut by its length.
    """

    def __init__(self, problem: str, *, line: int, column: int, path: str, truncated: bool) -> None:
        where = f" ({path})" if path != "$" else ""
        super().__init__(f"line {line}, column {column}{where}: {problem}")
        self.line = line
        self.column = column
        self.path = path
        self.truncated = truncated


class BrokenError(Exception):
    """Reading cannot go on at `at`. `reached`: how far what was read makes sense."""

    def __init__(self, at: int, problem: str, where: str, reached: int, *, truncated: bool = False) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem
        self.where = where
        self.reached = reached
        self.truncated = truncated

    def fault(self, text: str) -> JSONFault:
        """The same for the caller; only here, because counting lines takes as long as the text is."""
        return JSONFault(
            self.problem,
            line=text.count("\n", 0, self.at) + 1,
            column=self.at - text.rfind("\n", 0, self.at),
            path=self.where,
            truncated=self.truncated,
        )


class _Level:
    """An open container, and in an object the key whose value comes next."""

    __slots__ = ("container", "key")

    def __init__(self, container: dict[str, Any] | list[Any]) -> None:
        self.container = container
        self.key: str | None = None


class Reader:
    """Reads one value without recursion; adds the place of each bracket it opens to `opened`."""

    def __init__(self, text: str, opened: set[int]) -> None:
        self._text = text
        self._opened = opened
        self._levels: list[_Level] = []
        self._remarks: dict[str, list[str]] = {}  # key of _NOTICES: paths

    def read(self, at: int) -> tuple[Any, int]:
        """The value at `at`, and where it ends."""
        value: Any
        while True:
            at = self.skip(at)
            if self._at(at) in ("{", "["):
                at, is_empty = self._open(at)
                if not is_empty:
                    continue
                value, at = self._levels.pop().container, at + 1
            else:
                value, at = self._scalar(at)
            while self._levels:
                self._put(value)
                at, is_over = self._next(self.skip(at))
                if not is_over:
                    break
                value = self._levels.pop().container
            else:
                return value, at

    def skip(self, at: int) -> int:
        """The first place from `at` on that is not blank."""
        blank = _BLANK.match(self._text, at)
        return blank.end() if blank else at

    def broken(self, at: int, expected: str, *, reached: int | None = None) -> BrokenError:
        """The fault that at `at` something else was expected."""
        found = _GOT.match(self._text, at)
        got = repr(found[0]) if found else "the end of the answer"
        return BrokenError(
            at,
            f"expected {expected}, got {got}",
            path(self._steps()),
            at if reached is None else reached,
            truncated=len(self._text) - at < 9 and any(w.startswith(self._text[at:]) for w in _WORDS),
        )

    def notices(self) -> tuple[str, ...]:
        """A sentence for each kind of thing that was forgiven."""
        made = []
        for kind, paths in self._remarks.items():
            more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
            made.append(_NOTICES[kind].format(paths[0] + more))
        return tuple(made)

    def _at(self, at: int) -> str:
        return self._text[at : at + 1]

    def _open(self, at: int) -> tuple[int, bool]:
        """Go into a container: where its first value, or its end, is; and whether it is empty."""
        if len(self._levels) == DEEPEST:
            problem = f"expected at most {DEEPEST} levels, got more"
            raise BrokenError(at, problem, path(self._steps()), at).fault(self._text)
        self._opened.add(at)
        is_object = self._at(at) == "{"
        self._levels.append(_Level({} if is_object else []))
        at = self.skip(at + 1)
        if self._at(at) == ("}" if is_object else "]"):
            return at, True
        return (self._key(at) if is_object else at), False

    def _next(self, at: int) -> tuple[int, bool]:
        """After an entry: where the next value begins; or where the container was over, and True."""
        is_object = isinstance(self._levels[-1].container, dict)
        closer = "}" if is_object else "]"
        if self._at(at) == closer:
            return at + 1, True
        if self._at(at) != ",":
            raise self.broken(at, f"a comma or {closer}")
        at = self.skip(at + 1)
        if self._at(at) == closer:
            self._remark("comma", len(self._levels) - 1)
            return at + 1, True
        return (self._key(at) if is_object else at), False

    def _key(self, at: int) -> int:
        """Read a key and its colon; return where the value is."""
        level = self._levels[-1]
        level.key = None
        if self._at(at) != '"':
            raise self.broken(at, "a key in double quotes")
        level.key, at = self._string(at)
        at = self.skip(at)
        if self._at(at) != ":":
            raise self.broken(at, "a colon")
        return self.skip(at + 1)

    def _put(self, value: Any) -> None:
        match self._levels[-1]:
            case _Level(container=dict() as container, key=str(key)):
                if key in container:
                    self._remark("twice")
                container[key] = value
            case _Level(container=list() as container):
                container.append(value)

    def _scalar(self, at: int) -> tuple[Any, int]:
        if self._at(at) == '"':
            return self._string(at)
        if number := _NUMBER.match(self._text, at):
            return self._number(number), number.end()
        word = _WORD.match(self._text, at)
        if not word or word[0] not in _WORDS:
            raise self.broken(at, "a value")
        value = _WORDS[word[0]]
        if isinstance(value, float):
            self._remark("constant")
        return value, word.end()

    def _number(self, number: re.Match[str]) -> int | float:
        if number[1] or number[2]:
            value = float(number[0])
            if math.isinf(value):  # 1e999
                self._remark("constant")
            return value
        try:
            return int(number[0])
        except ValueError:  # Python's guard against integers that take long to convert
            raise self.broken(number.start(), "a number with fewer digits") from None

    def _string(self, at: int) -> tuple[str, int]:
        """The string whose quote is at `at`, and where it ends."""
        start, text = at, self._text
        pieces = []
        at += 1
        while self._at(at) != '"':
            if run := RUNS['"'].match(text, at):
                pieces.append(run[0])
                at = run.end()
            elif escape := ESCAPE.match(text, at):
                pieces.append(unescaped(escape))
                if pieces[-1] == escape[0]:
                    self._remark("escape")
                elif pieces[-1] == REPLACEMENT and escape[0].lower() != "\\ufffd":
                    self._remark("half")
                at = escape.end()
            else:
                raise self.broken(at, "a closing quote", reached=len(text))
        value = "".join(pieces)
        if _CONTROL.search(text, start, at):
            self._remark("control")
        if LONE.search(value):
            self._remark("half")
            value = LONE.sub(REPLACEMENT, value)
        return value, at + 1

    def _remark(self, kind: str, levels: int | None = None) -> None:
        self._remarks.setdefault(kind, []).append(path(self._steps(levels)))

    def _steps(self, levels: int | None = None) -> list[str | int]:
        """The way to where the reader is, or to the container that has so many around it."""
        steps = [
            len(at.container) if isinstance(at.container, list) else at.key for at in self._levels[:levels]
        ]
        return [step for step in steps if step is not None]
