"""Text that arrives in pieces, in lines that fit a terminal. No I/O.

Cells, not characters: a Chinese character takes two, an accent none.
"""

from __future__ import annotations

from collections.abc import Iterator

from wcwidth import iter_graphemes, wcswidth

_JOINER = "\u200d"
_KEPT_BACK = set("、。，．！？；：）」』】》〉”’…")  # what does not begin a line in Chinese and Japanese
_FENCES = ("```", "~~~")
LONGEST_WORD = 1_000  # characters that are held back: accents without end stand on one letter
_TAB = 8  # cells from one tab stop to the next


def cells(text: str) -> int:
    """The width of `text` in cells; a sign of several characters, such as 👩‍🔬, is as wide as one."""
    return sum(map(_cells, iter_graphemes(text)))


def _cells(sign: str) -> int:
    """The width of one sign; what a terminal does not show (a control character) has none."""
    return 1 if " " <= sign <= "~" and len(sign) == 1 else max(wcswidth(sign), 0)


def cut(text: str, width: int) -> str:
    """As much of `text` as fits into `width` cells; where it does not fit, its end is an ellipsis."""
    if cells(text) <= width:
        return text
    signs = list(iter_graphemes(text))
    size = sum(map(_cells, signs))
    while signs and size >= width:
        size -= _cells(signs.pop())
    return "".join(signs) + "…"


class Lines:
    """Pieces of text go in, text with line ends at the right places comes out; the open word is held back.

    Every line begins with `prefix`. Without one, fenced code is left to the terminal to break, so that it can
    be copied as it is.
    """

    def __init__(self, width: int, prefix: str = "") -> None:
        self.rows = 1  # on which there is something, or the cursor
        self._prefix = prefix
        self.fit(width)
        self._column = 0
        self._begun = False  # whether the prefix of this line is written
        self._word = ""
        self._word_size = 0  # cells of its characters one by one, at least those of its signs
        self._spaces: list[str] = []  # before it
        self._spaces_size = 0
        self._first = True  # in this line, no word has ended
        self._in_code = False

    def fit(self, width: int) -> None:
        """From here on, lines have `width` cells."""
        self._width = max(width - len(self._prefix), 2)

    def add(self, text: str) -> str:
        """What can be written now."""
        return "".join(part for letter in text for part in self._take(letter))

    def end(self) -> str:
        """The rest. What comes later begins where this ends."""
        return "".join(self._end_word())

    def _take(self, letter: str) -> Iterator[str]:
        if letter == "\n":
            yield from self._end_word()
            yield from self._break("" if self._begun else self._prefix.rstrip())
            self._spaces, self._spaces_size, self._first = [], 0, True
        elif letter in " \t":
            yield from self._end_word()
            space = letter if letter == " " else " " * (_TAB - (self._column + self._spaces_size) % _TAB)
            self._spaces.append(space)
            self._spaces_size += len(space)
        else:
            if self._word and (len(self._word) >= LONGEST_WORD or not self._joins(letter)):
                yield from self._end_word()
            self._word += letter
            self._word_size += _cells(letter)

    def _joins(self, letter: str) -> bool:
        """Whether no line may end between the open word and `letter`."""
        if not _cells(letter) or letter in _KEPT_BACK or self._word[-1] == _JOINER:
            return True
        if "\U0001f3fb" <= letter <= "\U0001f3ff":  # the colour of the skin before it
            return True
        if _cells(letter) != 1 or _cells(self._word[-1]) >= 2:
            return False
        return self._word_size < self._width or cells(self._word) < self._width

    def _end_word(self) -> Iterator[str]:
        if not self._word:
            return
        word, space = self._word, "".join(self._spaces)
        self._word, self._word_size, self._spaces, self._spaces_size = "", 0, [], 0
        code = self._in_code and not self._prefix
        if self._first and not self._prefix and word.startswith(_FENCES):
            self._in_code = not self._in_code
        self._first = False
        size = cells(word)
        if not code and self._column and self._column + len(space) + size > self._width:
            yield from self._break()
            space = ""
        if not code:
            space = space[: max(self._width - size, 0)]
        if not self._begun:
            yield self._prefix
            self._begun = True
        yield space + word
        for sign in iter_graphemes(space + word):
            self._column += _cells(sign)
            if self._column > self._width:  # the terminal itself goes on in the next row
                self.rows += 1
                self._column = _cells(sign)

    def _break(self, before: str = "") -> Iterator[str]:
        yield before + "\n"
        self.rows += 1
        self._column, self._begun = 0, False
