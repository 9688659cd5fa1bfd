"""What a model needs to mend a cell: its source, the traceback, and what the failing line speaks of.

No value of a variable is in it, only the shapes and columns of the tables and arrays that the line uses.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import re
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from kimi_magic.errors import KimiError, KimiUsageError
from kimi_magic.prompt import rendering, secrets
from kimi_magic.prompt.cells import fenced, is_ours, traceback_of
from kimi_magic.prompt.names import near_names

LONGEST_TRACEBACK = 6_000  # characters: its beginning and its end
LONGEST_CELL = 20_000  # characters
INSTRUCTION = (
    "This cell of a notebook failed. Say in one or two sentences why, then give the whole corrected cell "
    "in one block of Python code."
)
_WORD = re.compile(r"[^\W\d]\w*")


class Failure(NamedTuple):
    """A cell that failed: its source as it was typed, and the error."""

    source: str
    error: BaseException


def fix_text(failure: Failure | None, question: str = "", *, force: bool = False) -> str:
    """The prompt that asks to mend `failure`; `question` stands in place of the usual instruction.

    Raises:
        KimiUsageError: Nothing has failed, or it looks as if a secret is in it, unless `force`.
    """
    if failure is None:
        raise KimiUsageError("--fix: no cell has failed yet, there is nothing to fix")
    if isinstance(failure.error, KimiError):
        raise KimiUsageError(
            "--fix: the last cell that failed asked a model; its own line says what to do",
            hint="Put the error into a prompt yourself: {{ Err }}.",
        )
    told = _cut(traceback_of(failure.error), LONGEST_TRACEBACK)
    frame = _innermost(failure.error.__traceback__)
    source = failure.source
    if not source and frame is not None:
        source = "".join(linecache.getlines(frame.tb_frame.f_code.co_filename))
    parts = []
    if source:
        parts.append(f"The cell:\n{fenced(_cut(source, LONGEST_CELL), 'python')}")
    parts.append(f"The traceback:\n{fenced(told, 'text')}")
    scope = {**frame.tb_frame.f_globals, **frame.tb_frame.f_locals} if frame else {}
    used = _used(frame, scope)
    if near := _near(failure.error, scope, used):
        parts.append(near)
    if about := [line for name, value in used.items() if (line := _shape(name, value))]:
        parts.append("\n".join(["What the failing line uses:", *about]))
    text = "\n\n".join(parts)
    if not force and (reason := secrets.in_text(text)):
        raise KimiUsageError(
            f"--fix: it looks as if a secret is in the cell or its error ({reason}); nothing was sent",
            hint="--force sends it anyway.",
        )
    return f"{question.strip() or INSTRUCTION}\n\n{text}"


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters are left out …]\n{text[-half:]}"


def _innermost(place: TracebackType | None) -> TracebackType | None:
    """The last place in the person's own cells: the error of a library begins there."""
    found = None
    while place is not None:
        name = place.tb_frame.f_code.co_filename
        if not is_ours(name) and ("ipykernel_" in name or name.startswith("<ipython-input")):
            found = place
        place = place.tb_next
    return found


def _used(place: TracebackType | None, scope: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the names on the line that failed."""
    if place is None:
        return {}
    line = linecache.getline(place.tb_frame.f_code.co_filename, place.tb_lineno).strip()
    try:
        names = [node.id for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)]
    except (SyntaxError, ValueError):
        names = _WORD.findall(line)  # a line of a longer statement
    return {name: scope[name] for name in dict.fromkeys(names) if name in scope}


def _shape(name: str, value: Any) -> str:
    """A table or an array by its size and types, never its values; "" for anything else."""
    if rendering.library_of(value):
        return f"- {name}: {rendering.title_of(value)}"
    if rendering.is_kind(value, "numpy", "ndarray"):
        return f"- {name}: numpy array of shape {value.shape}, {value.dtype}"
    return ""


def _near(error: BaseException, scope: Mapping[str, Any], used: Mapping[str, Any]) -> str:
    """The names that are near one that there is not: of a variable, an attribute, a column or a key."""
    match error:
        case NameError(name=str(name)) if name:
            known: Iterable[str] = [*scope, *dir(builtins)]
        case AttributeError(name=str(name), obj=obj) if name:
            known = dir(obj)
        case KeyError(args=[str(name), *_]):
            known = [key for value in used.values() for key in _keys(value)]
        case _:
            return ""
    near = near_names(name, known)
    return f"Names that are near `{name}`: {', '.join(near)}" if near else ""


def _keys(value: Any) -> list[str]:
    if rendering.library_of(value):
        return [str(name) for name, _ in rendering.columns_of(rendering.as_table(value))]
    return [key for key in value if isinstance(key, str)] if isinstance(value, Mapping) else []
