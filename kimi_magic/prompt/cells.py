"""Earlier cells of the notebook, for prompts: what was typed there, what it gave, and the last error.

They are read from the shell's own history of this session, never from another's.
"""

from __future__ import annotations

import base64
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kimi_magic.errors import KimiUsageError
from kimi_magic.prompt import secrets

LONGEST_OUTPUT = 8_000  # characters of what one cell printed
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# The file of a cell: a temporary one in a kernel of ipykernel, a name in IPython.
_CELL_FILE = re.compile(r"^(?:.*[\\/])?ipykernel_\d+[\\/]\d+\.py$|^<ipython-input-[^>]*>$")
CELL_NAME = "<cell>"
_OURS = ("IPython", "ipykernel", "kimi_magic")  # packages whose frames stand above the person's own


class _Sources(list[str]):
    """What was typed, by the number of the cell."""

    def __getitem__(self, number: Any) -> Any:
        try:
            return super().__getitem__(number)
        except IndexError:
            raise KimiUsageError(f"there is no cell {number}; the last is {len(self) - 1}") from None


class _Results(dict[int, Any]):
    """The values of cells, by their number."""

    def __missing__(self, number: object) -> Any:
        raise KimiUsageError(f"cell {number} has no result, or has not run")


def names_of(shell: Any) -> tuple[Mapping[str, Any], Mapping[str, Callable[[], Any]]]:
    """The names of the notebook, and functions for `In`, `Out` and `Err`, which a name of its own beats."""
    history, names = shell.history_manager, dict(shell.user_ns)
    extras: dict[str, Callable[[], Any]] = {"Err": last_error}
    if names.get("In") is getattr(history, "input_hist_parsed", None):
        names.pop("In", None)
        extras["In"] = lambda: _Sources(history.input_hist_raw)
    if names.get("Out") is getattr(history, "output_hist", None):
        names.pop("Out", None)
        extras["Out"] = lambda: _Results(history.output_hist)
    return names, extras


class Things(Mapping[str, Any]):
    """The names of a notebook, and `Out[3]`: the value of that cell, or a picture that it showed."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def __getitem__(self, name: str) -> Any:
        if name in self._shell.user_ns:
            return self._shell.user_ns[name]
        if (found := re.fullmatch(r"Out\[(\d{1,9})\]", name)) is None:
            raise KeyError(name)
        number = int(found[1])
        history = self._shell.history_manager
        for output in reversed(getattr(history, "outputs", {}).get(number, ())):  # since IPython 9
            for kind in ("image/png", "image/jpeg"):
                if shown := output.bundle.get(kind):
                    return base64.b64decode(shown) if isinstance(shown, str) else shown
        return _Results(history.output_hist)[number]

    def __contains__(self, name: object) -> bool:
        return name in self._shell.user_ns or bool(re.fullmatch(r"Out\[\d{1,9}\]", str(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._shell.user_ns)

    def __len__(self) -> int:
        return len(self._shell.user_ns)


def last_error() -> str:
    """The last traceback of this process as text, from the person's own code on.

    Raises:
        KimiUsageError: Nothing has failed yet.
    """
    error = getattr(sys, "last_value", None)
    if not isinstance(error, BaseException):
        raise KimiUsageError("no error has happened yet")
    return traceback_of(error)


def traceback_of(error: BaseException) -> str:
    """The traceback of `error` as Python writes it, without the frames of IPython above the first cell.

    A cell is named as such: its temporary file says where a person's home is, and differs in each kernel.
    """
    told = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = told
    for _ in range(20):  # of a chain
        if part is None:
            break
        _drop_ours(part)
        _name_cells(part)
        part = part.__cause__ or part.__context__
    return "".join(told.format()).rstrip("\n")


def _drop_ours(part: traceback.TracebackException) -> None:
    while len(part.stack) > 1 and is_ours(part.stack[0].filename):
        del part.stack[0]


def _name_cells(part: traceback.TracebackException) -> None:
    for frame in part.stack:
        frame.filename = _CELL_FILE.sub(CELL_NAME, frame.filename)
    if isinstance(named := getattr(part, "filename", None), str):  # of a syntax error
        part.filename = _CELL_FILE.sub(CELL_NAME, named)


def is_ours(filename: str) -> bool:
    """Whether a file belongs to what runs the cells."""
    parts = re.split(r"[\\/]", filename)
    return any(name in parts for name in _OURS)


def cells_text(shell: Any, numbers: Iterable[int]) -> str:
    """Source and text outputs of cells as a prompt has them, each under its number.

    Raises:
        KimiUsageError: There is no such cell.
    """
    sources = shell.history_manager.input_hist_raw
    parts = []
    for number in numbers:
        if not 1 <= number < len(sources):
            raise KimiUsageError(f"--cells {number}: there is no such cell; the last is {len(sources) - 1}")
        parts.append(f"In [{number}]:\n{fenced(sources[number], 'python')}")
        if output := output_of(shell, number):
            if len(output) > LONGEST_OUTPUT:
                output = (
                    f"{output[:LONGEST_OUTPUT]}…\n[cut: {LONGEST_OUTPUT:,} of {len(output):,} characters]"
                )
            parts.append(f"Out [{number}]:\n{fenced(output, 'text')}")
    text = "\n\n".join(parts)
    if reason := secrets.in_text(text):
        raise KimiUsageError(
            f"--cells: it looks like a secret is in these cells ({reason}); nothing was sent",
            hint="Leave that cell out, or send a part of it with {{ In[n] | unsafe }}.",
        )
    return text


def output_of(shell: Any, number: int) -> str:
    """What a cell printed and showed as text, as far as the shell has kept it; its error too."""
    history = shell.history_manager
    parts = []
    for output in getattr(history, "outputs", {}).get(number, ()):  # since IPython 9
        bundle = output.bundle
        if "kimi-status" in str(bundle.get("text/html", "")):
            continue  # of a `%%kimi` cell; its answer is in the conversation
        text = bundle.get("stream") or bundle.get("text/plain") or ""
        parts.append(text if isinstance(text, str) else "".join(text))
    if not parts and number in history.output_hist:
        parts.append(repr(history.output_hist[number]))
    if failure := getattr(history, "exceptions", {}).get(number):
        parts.append("\n".join(failure.get("traceback", ())))
    return _ANSI.sub("", "\n".join(part.rstrip("\n") for part in parts)).strip("\n")


def fenced(text: str, language: str) -> str:
    """`text` as a block of code, whatever fences are in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
