r"""From what a person typed to what is sent: `{{ expression }}` is filled in, everything else stays as typed.

An expression is evaluated once, in the names of the notebook, by whoever calls (`magics`, on the main
thread). Its value is written by its type (`rendering`), through filters (`filters`), and refused where it
looks like a secret (`secrets`). What was filled in is never looked at again.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from kimi_magic.errors import KimiUsageError, one_line
from kimi_magic.prompt import rendering, secrets
from kimi_magic.prompt.cells import Things, cells_text, last_error, names_of
from kimi_magic.prompt.filters import FILTERS, UNSAFE, Whole, prompt_filter
from kimi_magic.prompt.fix import Failure, fix_text
from kimi_magic.prompt.holes import Hole, end_of, filled, holes, whole
from kimi_magic.prompt.names import near_names

__all__ = [
    "FILTERS", "Failure", "Filler", "Things", "cells_text", "end_of", "fix_text", "holes", "last_error",
    "names_of", "near_names", "prompt_filter", "rendering", "secrets", "whole",
]  # fmt: skip

LARGEST = 4_000_000  # characters of one value, filters included
LONGEST_REASON = 300  # characters of an error of the person's own code
LONGEST_QUOTED = 60  # characters of an expression that an error quotes
_NONE: Mapping[str, Callable[[], Any]] = MappingProxyType({})


class _Found(NamedTuple):
    """An expression without its filters and its value, the names of the filters, and what they made of it."""

    code: ast.expr
    before: Any
    filters: tuple[str, ...]
    value: Any
    is_whole: bool


class Filler:
    """Fills the holes of one cell or line.

    `names` are those of the notebook; `extras` are further ones, each with a function that gives its value if
    an expression speaks of it. A name of the notebook beats them.
    """

    def __init__(self, names: Mapping[str, Any], extras: Mapping[str, Callable[[], Any]] = _NONE) -> None:
        self._names = names
        self._extras = extras

    def text(self, text: str, where: str = "", literal: Callable[[str], str] = str) -> str:
        """`text` with the value of each expression in its place.

        `where` is what errors call the text, "" for the prompt, of which they name the line. `literal` is
        what is done with the parts between.

        Raises:
            KimiUsageError: An expression has no value that can be sent; the message names it and its place.
        """

        def fill(hole: Hole) -> str:
            place = where or f"line {text.count(chr(10), 0, hole.start) + 1} of the prompt"
            return self._text_of(hole.code, place)

        return filled(text, fill, literal)

    def value(self, text: str, where: str, literal: Callable[[str], str], *, as_text: bool) -> Any:
        """The value of an option: that of the expression where it is nothing else, unless `as_text`.

        Raises:
            KimiUsageError: See `text`.
        """
        if not as_text and (code := whole(text)) is not None:
            return self._evaluated(code, where).value
        return self.text(text, where, literal)

    def _text_of(self, code: str, place: str) -> str:
        found = self._evaluated(code, place)
        try:
            text = rendering.render(found.value, whole=found.is_whole)
        except ValueError as error:
            raise _unfit(code, place, str(error)) from None
        except Exception as error:  # noqa: BLE001 - a repr of the user's own may raise anything
            raise _unfit(code, place, _in_words(error)) from None
        if len(text) > LARGEST:
            raise _unfit(
                code, place, f"it is {len(text):,} characters long; expected at most {LARGEST:,}",
                hint="Send a part of it, such as {{ value | head(100) }}.",
            )  # fmt: skip
        if UNSAFE not in found.filters and (reason := _secret(found, text)):
            raise _unfit(
                code, place, f"it looks like a secret ({reason}) and is not sent",
                hint=f"If it is none, write {{{{ {_quoted(code)} | unsafe }}}}.",
            )  # fmt: skip
        return text

    def _evaluated(self, code: str, place: str) -> _Found:
        try:
            expression = ast.parse(code, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise _unfit(
                code, place, "it is no Python expression",
                hint="For braces as they are, write \\{{, or give the cell the option --raw.",
            ) from None  # fmt: skip
        inner, filters = _split(expression)
        before = value = self._run(inner, code, place)
        is_whole = False
        for node in filters:
            name = node.id if isinstance(node, ast.Name) else node.func.id
            arguments, named = [], {}
            if isinstance(node, ast.Call):
                arguments = [self._run(argument, code, place) for argument in node.args]
                named = {each.arg: self._run(each.value, code, place) for each in node.keywords if each.arg}
            try:
                value = FILTERS[name](value, *arguments, **named)
            except Exception as error:  # noqa: BLE001 - filters are code of the user's too
                reason = str(error) if type(error) is ValueError else _in_words(error)
                raise _unfit(code, place, reason) from None
            if isinstance(value, Whole):
                value, is_whole = value.value, True
        names = tuple(node.id if isinstance(node, ast.Name) else node.func.id for node in filters)
        return _Found(inner, before, names, value, is_whole)

    def _run(self, expression: ast.expr, code: str, place: str) -> Any:
        used = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        extras = {name: get for name, get in self._extras.items() if name in used and name not in self._names}
        try:
            scope = {**self._names, **{name: get() for name, get in extras.items()}}
            return eval(compile(ast.Expression(expression), "<prompt>", "eval"), scope)  # noqa: S307 - the user's
        except KimiUsageError as error:
            raise _unfit(code, place, error.message) from None
        except NameError as error:
            raise self._unknown(error, code, place) from None
        except Exception as error:  # noqa: BLE001 - the user's expression may raise anything
            raise _unfit(code, place, _in_words(error)) from None

    def _unknown(self, error: NameError, code: str, place: str) -> KimiUsageError:
        name = error.name or ""
        known = [*self._names, *self._extras, *FILTERS]
        near = near_names(name, known)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        return _unfit(
            code, place, f"there is no {name}{meant}",
            hint="For braces as they are, write \\{{, or give the cell the option --raw.",
        )  # fmt: skip


def _secret(found: _Found, text: str) -> str:
    """Why what was found looks like a secret; a table is told by its columns, if their values are sent."""
    if rendering.library_of(found.before) and not {"schema", "describe"} & set(found.filters):
        for name, kind in rendering.columns_of(rendering.as_table(found.before)):
            if kind.lower() in ("object", "str", "string") and secrets.is_secret_name(str(name)):
                return f"it has a column {one_line(str(name))}"
    return secrets.reason(found.code, found.value, text)


def _split(expression: ast.expr) -> tuple[ast.expr, list[Any]]:
    """An expression without the filters behind it, and these in their order."""
    filters: list[Any] = []
    while isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.BitOr):
        last = expression.right
        name = last.func if isinstance(last, ast.Call) else last
        if not isinstance(name, ast.Name) or name.id not in FILTERS:
            break
        filters.append(last)
        expression = expression.left
    return expression, filters[::-1]


def _unfit(code: str, place: str, reason: str, *, hint: str = "") -> KimiUsageError:
    return KimiUsageError(f"{{{{ {_quoted(code)} }}}} in {place}: {reason}", hint=hint)


def _quoted(code: str) -> str:
    code = one_line(code)
    return code if len(code) <= LONGEST_QUOTED else code[: LONGEST_QUOTED - 1] + "…"


def _in_words(error: Exception) -> str:
    text = one_line(str(error))
    if not text or len(text) > LONGEST_REASON or secrets.in_text(text):
        return type(error).__name__
    return f"{type(error).__name__}: {text}"
