"""One value of JSON in a text, read with tolerance where the meaning is certain; without recursion.

`good` reads what is strict JSON. This reader is for the rest: it knows the path of everything, says what was
forgiven, and says of a fault where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from . import tokens
from .strings import path
from .tokens import CLOSERS, COLONS, COMMAS

DEEPEST = 200  # levels that a value may have; sane answers have less than ten
_GOT = re.compile(r"\w{1,20}|\.{3}|.", re.DOTALL)
_NO_BLANKS = frozenset('"{}[]:,0123456789-')
_OPENERS = {"{": "}", "｛": "}", "[": "]", "［": "]", "(": ")"}
_CLOSERS = {"}": "}", "｝": "}", "]": "]", "］": "]", ")": ")"}
NOTICES = {
    "twice": "{} was written more than once; the last one counts.",
    "constant": "{} is no finite number, which JSON does not know; it is kept as a Python float.",
    "half": "{} held half a character; it was replaced by U+FFFD.",
    "comma": "{} had a comma after its last entry; it was left out.",
    "control": "{} held a raw line break or control character; it was kept.",
    "escape": "{} held a backslash that means nothing in JSON; it was kept as written.",
    "latex": r"{} held \b or \f before letters, as in \beta or \frac; the backslash was kept.",
    "tex": r"{} holds a tab or line break where LaTeX may have been meant, as in \theta or \nu.",
    "markdown": "{} held a backslash of Markdown, as in first\\_name; it was left out.",
    "quotes": "{} was in quotes that are not those of JSON.",
    "key": "{} had no quotes around its key.",
    "comment": "{} had a comment beside it; it was left out.",
    "blank": "{} stood beside spaces that JSON does not know.",
    "punctuation": "{} stood beside a full-width comma, colon or bracket.",
    "word": "{} was true, false or null in the words of another language.",
    "number": "{} was a number in a form that JSON does not know, such as .5 or 1_000.",
    "line": "{} stood after a line that lacked its comma.",
    "tuple": "{} was a tuple of Python; it is a list.",
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
    """Reading cannot go on at `at`; `where` is the path to it."""

    def __init__(self, at: int, problem: str, where: str = "$", *, truncated: bool = False) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem
        self.where = where
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
    """An open container: what closes it, and in an object the key whose value comes next."""

    __slots__ = ("closer", "container", "key")

    def __init__(self, closer: str) -> None:
        self.closer = closer
        self.container: dict[str, Any] | list[Any] = {} if closer == "}" else []
        self.key: str | None = None


class Reader:
    """Reads the value at a place of a text.

    With `digits`, floats are `tokens.Digits`. `unclosed` gathers quotes that are not closed in the
    rest of the text, for readers of later places.
    """

    def __init__(self, text: str, unclosed: set[str] | None = None, *, digits: bool = False) -> None:
        self._text = text
        self._digits = digits
        self._unclosed_quotes = set() if unclosed is None else unclosed
        self._levels: list[_Level] = []
        self._remarks: dict[str, tuple[str, int]] = {}  # key of NOTICES: the first path, how many

    def read(self, at: int) -> tuple[Any, int]:
        """The value at `at`, and where it ends.

        Raises:
            BrokenError: It cannot be read, or its meaning is not certain.
        """
        value: Any
        while True:
            at = self.skip(at)
            if self._text[at : at + 1] in _OPENERS and (self._levels or self._text[at] != "("):
                at, is_empty = self._open(at)
                if not is_empty:
                    continue
                value = self._levels.pop().container
            else:
                value, at = self._scalar(at)
            while self._levels:
                self._put(value)
                at, is_over = self._next(at)
                if not is_over:
                    break
                value = self._levels.pop().container
            else:
                return value, at

    def skip(self, at: int) -> int:
        """The first place from `at` on that is no blank and no comment."""
        text = self._text
        if text[at : at + 1] in _NO_BLANKS:
            return at
        while True:
            plain = tokens.PLAIN_BLANK.match(text, at)
            at = plain.end() if plain else at
            if text[at : at + 1] in _NO_BLANKS:
                return at
            odd = tokens.ODD_BLANK.match(text, at)
            if odd and odd.end() > at:
                self._remark(("blank",))
                at = odd.end()
            if text[at : at + 1] not in ("/", "#"):
                return at
            comment = tokens.COMMENT.match(text, at)
            if not comment:
                return at
            if tokens.says_omitted(comment[0]):
                raise self.broken(at, "all values, but a comment says that some were left out", got="")
            self._remark(("comment",))
            at = comment.end()

    def broken(self, at: int, expected: str, *, got: str | None = None) -> BrokenError:
        """The fault that at `at` something else was expected."""
        found = _GOT.match(self._text, at)
        got = got if got is not None else repr(found[0]) if found else "the end of the answer"
        rest = self._text[at : at + 9]
        is_cut = len(rest) < 9 and any(word.startswith(rest.lower()) for word in tokens.WORDS)
        return BrokenError(
            at,
            f"expected {expected}" + (f", got {got}" if got else ""),
            path(self._steps()),
            truncated=is_cut,
        )

    def notices(self) -> tuple[str, ...]:
        """A sentence for each kind of thing that was forgiven."""
        return tuple(
            NOTICES[kind].format(first + (f" (and {count - 1} more)" if count > 1 else ""))
            for kind, (first, count) in self._remarks.items()
        )

    def _open(self, at: int) -> tuple[int, bool]:
        """Go into a container: where its first value begins, or what follows it; and whether it is empty."""
        if len(self._levels) == DEEPEST:
            problem = f"expected at most {DEEPEST} levels, got more"
            raise BrokenError(at, problem, path(self._steps())).fault(self._text)
        bracket = self._text[at]
        closer = _OPENERS[bracket]
        self._levels.append(_Level(closer))
        if bracket in "｛［":
            self._remark(("punctuation",), -1)
        at = self.skip(at + 1)
        if _CLOSERS.get(self._text[at : at + 1]) == closer and closer != ")":
            return at + 1, True
        return (self._key(at) if closer == "}" else at), False

    def _next(self, at: int) -> tuple[int, bool]:
        """After an entry: where the next value begins; or what follows the container, and True."""
        level, before = self._levels[-1], at
        at = self.skip(at)
        char = self._text[at : at + 1]
        if _CLOSERS.get(char) == level.closer:
            return self._close(at)
        if char and char in COMMAS:
            if char != ",":
                self._remark(("punctuation",))
            at = self.skip(at + 1)
            if _CLOSERS.get(self._text[at : at + 1]) == level.closer:
                if level.closer != ")":
                    self._remark(("comma",), -1)
                    return at + 1, True
                self._remark(("tuple",), -1)
                return at + 1, True
        elif (
            char and (char in CLOSERS or char in _OPENERS or char.isalnum()) and "\n" in self._text[before:at]
        ):
            if level.closer == ")" or (level.closer == "}" and char in "{["):
                raise self.broken(at, f"a comma or {level.closer}")
            self._remark(("line",))
        else:
            raise self.broken(at, f"a comma or {level.closer}")
        return (self._key(at) if level.closer == "}" else at), False

    def _close(self, at: int) -> tuple[int, bool]:
        level = self._levels[-1]
        if level.closer == ")":
            if len(level.container) == 1:  # (1) is a number in brackets, and may be arithmetic
                raise self.broken(at, "a comma")
            self._remark(("tuple",), -1)
        elif self._text[at] in "｝］":
            self._remark(("punctuation",), -1)
        return at + 1, True

    def _key(self, at: int) -> int:
        """Read a key and its colon; return where the value is."""
        level = self._levels[-1]
        level.key = None
        char = self._text[at : at + 1]
        remarks: Iterable[str]
        if char and char in CLOSERS:
            found = self._string(at, is_key=True)
            key, end, remarks = found
            level.key = key
        elif word := tokens.KEY_WORD.match(self._text, at) or tokens.KEY_NUMBER.match(self._text, at):
            key, end, remarks = word[0].replace("\\_", "_"), word.end(), ("key",)
        else:
            raise self.broken(at, "a key in double quotes")
        colon = self.skip(end)
        if self._text[colon : colon + 1] not in tuple(COLONS):
            raise self.broken(at if "key" in remarks else colon, "a colon" if "key" not in remarks else
                              "a key in double quotes")  # fmt: skip
        level.key = key
        self._remark(remarks)
        if self._text[colon] != ":":
            self._remark(("punctuation",))
        return self.skip(colon + 1)

    def _put(self, value: Any) -> None:
        match self._levels[-1]:
            case _Level(container=dict() as container, key=str(key)):
                if key in container:
                    self._remark(("twice",))
                container[key] = value
            case _Level(container=list() as container):
                container.append(value)

    def _scalar(self, at: int) -> tuple[Any, int]:
        text = self._text
        char = text[at : at + 1]
        if char and char in CLOSERS:
            found = self._string(at, is_key=False)
            self._remark(found.remarks)
            return found.value, found.end
        written = tokens.NUMBER.match(text, at)
        if written and written[0] and written[0].lstrip("+-"):
            made = tokens.number(written[0], digits_too=self._digits)
            if made is None and len(written[0]) > 4000:
                raise self.broken(at, "a number with fewer digits")
            if made is None or not tokens.END_OF_WORD.match(text, written.end()):
                raise self.broken(at, "a number in the form of JSON" if made is None else "a value")
            self._remark(made[1])
            return made[0], written.end()
        word = tokens.WORD.match(text, at)
        if not word or word[0].lower() not in tokens.WORDS or not tokens.END_OF_WORD.match(text, word.end()):
            raise self.broken(at, "a value")
        value = tokens.WORDS[word[0].lower()]
        if isinstance(value, float):
            self._remark(("constant",))
        elif word[0] not in tokens.OF_JSON:
            self._remark(("word",))
        return value, word.end()

    def _string(self, at: int, *, is_key: bool) -> tokens.String:
        quote = self._text[at]
        found = None
        if quote not in self._unclosed_quotes:
            found = tokens.string(self._text, at, is_key=is_key)
        if found is None:
            self._unclosed_quotes.add(quote)
            fault = self.broken(len(self._text), "a closing quote")
            fault.truncated = True
            raise fault
        return found

    def _remark(self, kinds: Iterable[str], levels: int | None = None) -> None:
        for kind in kinds:
            first, count = self._remarks.get(kind, ("", 0))
            self._remarks[kind] = (first if count else path(self._steps(levels)), count + 1)

    def _steps(self, levels: int | None = None) -> list[str | int]:
        """The way to where the reader is, or to the container that has so many around it."""
        steps = [
            len(at.container) if isinstance(at.container, list) else at.key for at in self._levels[:levels]
        ]
        return [step for step in steps if step is not None]
