r"""A prompt with `{{column}}` in it. Values are inserted once and never looked through; all else is as typed.

Where a hole is, `prompt.holes` says: `\{{ x }}` is the text `{{ x }}`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from kimi_magic.batch.rows import is_missing
from kimi_magic.errors import KimiUsageError
from kimi_magic.prompt import secrets
from kimi_magic.prompt.holes import Hole, holes

_MOST_NAMES = 10  # that an error lists


class Template(NamedTuple):
    """Text and names of columns in turn: `texts[0]`, the value of `names[0]`, `texts[1]`, …

    `sends_secrets`: what looks like a secret is sent like all else.
    """

    texts: tuple[str, ...]
    names: tuple[str, ...]
    sends_secrets: bool = False

    def check(self, columns: Mapping[str, Sequence[Any]], number: int) -> None:
        """Refuse row `number` if a value that would be sent looks like a secret.

        Raises:
            KimiUsageError: One does.
        """
        for name in () if self.sends_secrets else self.names:
            if reason := secrets.in_text(written(columns[name][number])):
                raise KimiUsageError(
                    f"{{{{{name}}}}} of the row looks like a secret ({reason}); it was not sent",
                    hint="{@force} sends it anyway.",
                )

    def fill(self, columns: Mapping[str, Sequence[Any]], number: int) -> str:
        """The prompt for row `number`.

        Raises:
            KimiUsageError: The row has no value where one is wanted.
        """
        parts = [self.texts[0]]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            value = columns[name][number]
            if is_missing(value):
                raise KimiUsageError(f"the row has no value in {{{{{name}}}}}; it was not sent")
            parts += (written(value), text)
        return "".join(parts)


def parse(
    text: str,
    columns: Mapping[str, Sequence[Any]],
    namespace: Mapping[str, Any],
    *,
    sends_secrets: bool = False,
) -> Template:
    """The template in `text`. A name is a column, else a variable of the notebook, which is inserted now.

    Raises:
        KimiUsageError: A name is neither, or looks like that of a secret and not `sends_secrets`.
    """
    texts, names, begin = [""], [], 0
    for hole in holes(text):
        texts[-1] += text[begin : hole.start - hole.is_escaped]
        begin = hole.end
        if hole.is_escaped:
            texts[-1] += text[hole.start : hole.end]
            continue
        name = hole.code
        if name not in columns and name not in namespace:
            raise KimiUsageError(*_unknown(text, hole, columns, namespace))
        value = "" if name in columns else namespace[name]
        if not sends_secrets and (reason := _secret(name, value, is_column=name in columns)):
            raise KimiUsageError(
                f"{{{{{name}}}}} looks like a secret ({reason}); nothing was sent",
                hint="{@force} sends it anyway.",
            )
        if name in columns:
            names.append(name)
            texts.append("")
        else:
            texts[-1] += written(value)
    texts[-1] += text[begin:]
    return Template(tuple(texts), tuple(names), sends_secrets)


def _secret(name: str, value: object, *, is_column: bool) -> str:
    """Why a column or a variable looks like a secret, "" where it does not."""
    if is_column:
        return f"it is called {name}" if secrets.is_secret_name(name) else ""
    return secrets.reason(ast.Name(name), value, written(value))


def written(value: object) -> str:
    """A value as it stands in a prompt: texts as they are, dicts and lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple):
        try:
            return json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            return repr(value)
    return str(value)


def _unknown(text: str, hole: Hole, columns: Mapping[str, Any], namespace: Mapping[str, Any]) -> tuple[str]:
    name, line = hole.code, text.count("\n", 0, hole.start) + 1
    known = [*columns, *(each for each in namespace if not each.startswith("_"))]
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    listed = ", ".join(list(columns)[:_MOST_NAMES])
    near = f"did you mean {' or '.join(close)}?" if close else f"the columns are {listed}"
    shown = name if len(name) <= 40 else name[:39] + "…"
    return (
        f"{{{{{shown}}}}} in line {line} of the prompt: no column and no variable has this name; {near} "
        "Two braces that are meant as such are written \\{{",
    )
