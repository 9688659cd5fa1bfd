r"""A prompt with `{{column}}` in it. Values are inserted once and never looked through; all else is as typed.

`\{{` stands for two braces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from kimi_magic.batch.rows import is_missing
from kimi_magic.errors import KimiUsageError

_BRACES = re.compile(r"\\\{\{|\{\{(.*?)\}\}", re.DOTALL)
_MOST_NAMES = 10  # that an error lists


class Template(NamedTuple):
    """Text and names of columns in turn: `texts[0]`, the value of `names[0]`, `texts[1]`, …"""

    texts: tuple[str, ...]
    names: tuple[str, ...]

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


def parse(text: str, columns: Mapping[str, Sequence[Any]], namespace: Mapping[str, Any]) -> Template:
    """The template in `text`. A name is a column, else a variable of the notebook, which is inserted now.

    Raises:
        KimiUsageError: A name is neither.
    """
    texts, names, begin = [""], [], 0
    for match in _BRACES.finditer(text):
        texts[-1] += text[begin : match.start()]
        begin = match.end()
        if match[1] is None:
            texts[-1] += "{{"
            continue
        name = match[1].strip()
        if name in columns:
            names.append(name)
            texts.append("")
        elif name in namespace:
            texts[-1] += written(namespace[name])
        else:
            raise KimiUsageError(*_unknown(text, match, columns, namespace))
    texts[-1] += text[begin:]
    return Template(tuple(texts), tuple(names))


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


def _unknown(
    text: str, match: re.Match[str], columns: Mapping[str, Any], namespace: Mapping[str, Any]
) -> tuple[str]:
    name, line = match[1].strip(), text.count("\n", 0, match.start()) + 1
    known = [*columns, *(each for each in namespace if not each.startswith("_"))]
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    listed = ", ".join(list(columns)[:_MOST_NAMES])
    near = f"did you mean {' or '.join(close)}?" if close else f"the columns are {listed}"
    shown = name if len(name) <= 40 else name[:39] + "…"
    return (
        f"{{{{{shown}}}}} in line {line} of the prompt: no column and no variable has this name; {near} "
        "Two braces that are meant as such are written \\{{",
    )
