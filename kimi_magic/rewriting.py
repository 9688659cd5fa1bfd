"""`%%kimi` cells and `%kimi` lines as Python, by the input transformers of IPython.

In a kernel a `%%kimi` cell becomes an `await`, so that the kernel's loop stays free; everywhere else (a
terminal, under `%%time`, with autoawait off) it becomes a call. Imported with the extension, so it imports
little.
"""

from __future__ import annotations

from token import DEDENT, INDENT
from typing import Any

from IPython.core.inputtransformer2 import EscapedCommand, HelpEnd, MagicAssign


def rewrite(lines: list[str], *, can_await: bool) -> list[str]:
    """`%%kimi` cells, and `%kimi` lines alone in their cell, as Python; all else as it is.

    Blank lines and comments above are passed over: forms of Colab have their title there. Where `can_await`,
    the Python is an `await`.
    """
    place = next((i for i, line in enumerate(lines) if line.strip() and not _is_comment(line)), None)
    if place is None:
        return lines
    name, line = (*lines[place].split(maxsplit=1), "")[:2]
    if name == "%%kimi":
        return [_call(line.strip(), "".join(lines[place + 1 :]), awaited=can_await)]
    is_alone = not any(line.strip() for line in lines[place + 1 :])
    if is_alone and name in ("%kimi", "%kimi_fix"):
        words = line.strip() if name == "%kimi" else f"--fix {line.strip()}"
        return [_call(words, None, awaited=can_await)]
    return lines


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _call(line: str, cell: str | None, *, awaited: bool) -> str:
    """The Python that runs a `%%kimi` cell, or a `%kimi` line where `cell` is None."""
    module = "__import__('kimi_magic.magics').magics"
    if awaited:
        return f"await {module}.run_cell({line!r}, {cell!r})\n"
    # The semicolon keeps the terminal from printing the reply, which it has shown, as a value.
    return f"{module}.run_magic({line!r}, {cell!r});\n"


class Line(EscapedCommand):  # type: ignore[misc]
    """A `%kimi` or `%kimi_fix` line among others.

    It comes before IPython takes a "?" at its end for a call for help (ipython#14258).
    """

    priority = HelpEnd.priority - 1

    @classmethod
    def find(cls, tokens_by_line: list[list[Any]]) -> Any:
        """The first such line, as IPython's transformers find theirs."""
        for tokens in tokens_by_line:
            start = [token for token in tokens if token.type not in (INDENT, DEDENT)][:3]
            strings = [token.string for token in start]
            is_help = strings[2:] == ["?"] and start[2].start == start[1].end  # `%kimi?`
            if strings[:1] == ["%"] and strings[1:2] in (["kimi"], ["kimi_fix"]) and not is_help:
                return cls(start[0].start)
        return None


class Assignment(MagicAssign):  # type: ignore[misc]
    """`x = %kimi …`, in the same way."""

    priority = HelpEnd.priority - 1

    @classmethod
    def find(cls, tokens_by_line: list[list[Any]]) -> Any:
        """The first such line; `HelpEnd` stands at the start of the line, and has to come second."""
        for tokens in tokens_by_line:
            strings = [token.string for token in tokens]
            place = strings.index("%") if "%" in strings else 0
            if place and strings[place - 1 : place + 2] == ["=", "%", "kimi"]:
                return cls(tokens[place].start)
        return None

    def __init__(self, start: tuple[int, int]) -> None:
        super().__init__(start)
        self._column = start[1]
        self.start_col = 0  # IPython sorts by it

    def transform(self, lines: list[str]) -> list[str]:
        """The lines with the assignment as Python."""
        self.start_col = self._column
        changed: list[str] = super().transform(lines)
        return changed


TRANSFORMERS = (Line, Assignment)  # of tokens
