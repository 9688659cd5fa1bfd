"""JSON as a tree in HTML: rows that come one after the other while it grows, foldable when it is there.

What stands in it is data: escaped, with no Markdown and no mathematics. Needs no script.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from kimi_magic.json_text import DEEPEST_SHOWN, Growing, Line
from kimi_magic.markdown import inert
from kimi_magic.view.css import TREE_CSS
from kimi_magic.view.words import on_one_line, printable

MOST_ROWS = 500  # on screen; a page with more is slow, and nobody reads them
MOST_GROWING = 2_000  # on screen while they arrive
ALL_OPEN = 60  # rows up to which the whole tree is unfolded
LONGEST_TEXT = 2_000  # characters of one string, number or key on screen
LONGEST_LINE = 100  # characters of a container that is one row of a large tree
_PIECE = 65_536  # characters of broken JSON that are looked at at once
_INDENT = 1.2  # em for each level
_BRACKETS = {"object": "{…}", "array": "[…]"}


class Rows:
    """JSON that grows, in rows of HTML: what is final is given out once, the open end again and again.

    The same face as `markdown.Blocks`.
    """

    def __init__(self) -> None:
        self._growing = Growing()
        self._left = MOST_GROWING
        self._hidden = 0

    def add(self, text: str) -> str:
        """The rows that `text` made final; of those beyond the first 2,000 only the number is kept."""
        lines = self._growing.add(text)
        shown = lines[: self._left]
        self._left -= len(shown)
        self._hidden += len(lines) - len(shown)
        return _rows(shown)

    def tail(self) -> str:
        """The row that is still open, behind the number of those that are not shown."""
        more = f'<div style="opacity:.7">… {self._hidden:,} more rows so far</div>' if self._hidden else ""
        return more + _rows(self._growing.tail())


def of_text(text: str) -> str:
    """What there is of JSON that was cut or broken, in rows as it was shown; empty where there is none."""
    growing, lines, at = Growing(), list[Line](), 0
    while at < len(text) and len(lines) <= MOST_ROWS:
        lines += growing.add(text[at : at + _PIECE])
        at += _PIECE
    if at >= len(text):
        lines += growing.tail()
    hidden = len(lines) - MOST_ROWS
    more = "" if hidden <= 0 else _more(f"{hidden:,}" if at >= len(text) else "many")
    return _framed(_rows(lines[:MOST_ROWS]) + more) if lines else ""


def of_value(value: Any) -> str:
    """A value as a foldable tree. A large one is folded; of a huge one the beginning is there.

    One row for each key and item; in a large tree a container that fits on a line is one row. It is built no
    further than it is shown, and takes about as many characters as the JSON itself.
    """
    builder = _Tree(folded=not small(value))
    builder.add(value, "", 0)
    return _framed("".join(builder.parts), "white-space:pre-wrap")


def small(value: Any) -> bool:
    """Whether a value is shown unfolded. Looks at no more of it than it has to."""
    return sum(1 for _ in islice(_parts(value), ALL_OPEN + 1)) <= ALL_OPEN


def _parts(value: Any) -> Iterator[Any]:
    """A value and all values in it: one for each row."""
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(part)


class _Tree:
    """Builds the rows of a value, as many as are shown."""

    def __init__(self, *, folded: bool) -> None:
        self.parts: list[str] = []
        self._folded = folded
        self._left = MOST_ROWS

    def add(self, value: Any, label: str, depth: int) -> None:
        """The rows of a value behind its label, which is HTML."""
        self._left -= 1
        row = self._row(value, depth)
        if row is not None:
            self.parts.append(f"{label}{row}\n")
            return
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        opened = "" if self._folded and depth else " open"
        summary = f"<summary>{label}{_count(value)}</summary>"
        self.parts.append(f"<details{opened}>{summary}<div style=margin-left:1em>")
        for number, (key, inner) in enumerate(entries):
            if not self._left:
                things = _things(value, len(value) - number)
                self.parts.append(f"… {things} more, not shown; all of it is in the data\n")
                break
            self.add(inner, _label(key), depth + 1)
        self.parts[-1] = self.parts[-1].removesuffix("\n")
        self.parts.append("</div></details>")

    def _row(self, value: Any, depth: int) -> str | None:
        """What is shown on one row: a scalar, what is too deep, in a large tree also a short container."""
        if not isinstance(value, dict | list):
            return _scalar(value)
        if depth >= DEEPEST_SHOWN:
            return "{…}" if isinstance(value, dict) else "[…]"
        if not self._folded or not depth:
            return None
        text = _inline(value, LONGEST_LINE)
        return None if text is None else inert(text)


def _inline(value: Any, room: int) -> str | None:
    """A value on one line, None where it has line breaks or more than `room` characters."""
    if isinstance(value, dict | list):
        closes = "{}" if isinstance(value, dict) else "[]"
        parts: list[str] = []
        room -= 2
        for key, inner in value.items() if isinstance(value, dict) else ((None, part) for part in value):
            label = "" if key is None else f"{on_one_line(key[:room])}: "
            text = _inline(inner, room - len(label))
            if text is None or (room := room - len(label) - len(text) - 2) < 0:
                return None
            parts.append(label + text)
        return f"{closes[0]}{', '.join(parts)}{closes[1]}"
    if isinstance(value, str):
        text = f"“{printable(value[: room + 1])}”"
        return None if len(text) > room or "\n" in text else text
    text = json.dumps(value)
    return text if len(text) <= room else None


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return f"“{inert(printable(value[:LONGEST_TEXT]))}”{_rest(value)}"
    text = json.dumps(value)
    return inert(text[:LONGEST_TEXT]) + _rest(text)


def _rows(lines: list[Line]) -> str:
    return "".join(_row(line, _INDENT * line.depth) for line in lines)


def _row(line: Line, indent: float) -> str:
    text = line.text
    if line.kind in _BRACKETS:
        shown = f'<span style="opacity:.7">{text or _BRACKETS[line.kind]}</span>'
    elif line.kind == "string":
        shown = f"“{inert(printable(text[:LONGEST_TEXT]))}”{_rest(text)}"
    else:
        shown = inert(on_one_line(text[:LONGEST_TEXT])) + _rest(text)
    style = f"padding-left:{indent:g}em;white-space:pre-wrap"
    return f'<div class="kimi-row" style="{style}">{_label(line.label)}{shown}</div>'


def _label(label: str | int | None) -> str:
    if label is None:
        return ""
    text = str(label)
    return f"<b>{inert(on_one_line(text[:LONGEST_TEXT]))}</b>{_rest(text)}: "


def _rest(text: str) -> str:
    return f"… ({len(text):,} characters)" if len(text) > LONGEST_TEXT else ""


def _count(value: dict[str, Any] | list[Any]) -> str:
    brackets = "{}" if isinstance(value, dict) else "[]"
    return f"{brackets[0]} {_things(value, len(value))} {brackets[1]}"


def _things(value: dict[str, Any] | list[Any], count: int) -> str:
    things = ("key", "keys") if isinstance(value, dict) else ("item", "items")
    return f"{count:,} {things[count != 1]}"


def _more(count: str) -> str:
    return f'<div style="opacity:.7">… {count} more rows, not shown; all of it is in the text</div>'


def _framed(rows: str, style: str = "") -> str:
    return f'<div class="kimi-tree" style="{TREE_CSS}{";" * bool(style)}{style}">{rows}</div>'
