"""JSON as a tree in HTML: rows that come one after the other while it grows, foldable when it is there.

What stands in it is data: escaped, with no Markdown and no mathematics. Needs no script.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from itertools import islice
from typing import Any, NamedTuple

from kimi_magic.json_text import Growing, Line
from kimi_magic.markdown import inert
from kimi_magic.view.css import TREE_CSS
from kimi_magic.view.words import on_one_line, printable

MOST_ROWS = 500  # on screen; a page with more is slow, and nobody reads them
ALL_OPEN = 60  # rows up to which the whole tree is unfolded
LONGEST_TEXT = 2_000  # characters of one string, number or key on screen
_INDENT = 1.2  # em for each level
_BRACKETS = {"object": "{…}", "array": "[…]"}


class Rows:
    """JSON that grows, in rows of HTML: what is final is given out once, the open end again and again.

    The same face as `markdown.Blocks`.
    """

    def __init__(self) -> None:
        self._growing = Growing()

    def add(self, text: str) -> str:
        """The rows that `text` made final."""
        return _rows(self._growing.add(text))

    def tail(self) -> str:
        """The row that is still open."""
        return _rows(self._growing.tail())


def of_text(text: str) -> str:
    """What there is of JSON that was cut or broken, in rows as it was shown; empty where there is none."""
    growing = Growing()
    lines = [*growing.add(text), *growing.tail()]
    return _framed(_rows(lines[:MOST_ROWS]) + _more(len(lines) - MOST_ROWS)) if lines else ""


def of_value(value: Any) -> str:
    """A value as a foldable tree. A large one is folded, of a huge one the rest is counted."""
    lines = Growing().add(json.dumps(value, ensure_ascii=False) + " ")
    if not lines:  # neither an object nor an array
        is_text = isinstance(value, str)
        alone = Line(0, None, "string", value) if is_text else Line(0, None, "other", json.dumps(value))
        return _framed(_rows([alone]))
    shown = lines[:MOST_ROWS]
    folded = len(lines) > ALL_OPEN
    parts, open_ = [], [_Open(-1, "")]
    for line, children in zip(shown, _children(lines), strict=False):
        while open_[-1].depth >= line.depth:
            parts.append(open_.pop().end)
        if line.kind not in _BRACKETS or line.text:
            parts.append(_row(line, _INDENT))
            continue
        unfolded = "" if folded and line.depth else " open"
        indent = f"padding-left:{_INDENT}em" if line.depth else ""
        parts.append(
            f'<details style="{indent}"{unfolded}><summary style="cursor:pointer">{_label(line)}'
            f'<span style="opacity:.7">{_count(line, children)}</span></summary>'
        )
        open_.append(_Open(line.depth, "</details>"))
    parts += [each.end for each in reversed(open_)]
    return _framed("".join(parts) + _more(len(lines) - MOST_ROWS))


def small(value: Any) -> bool:
    """Whether a value is shown unfolded. Looks at no more of it than it has to."""
    return sum(1 for _ in islice(_parts(value), ALL_OPEN + 1)) <= ALL_OPEN


def _parts(value: Any) -> Iterator[Any]:
    """A value and all values in it: one for each row."""
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(part)


class _Open(NamedTuple):
    depth: int
    end: str


def _children(lines: list[Line]) -> list[int]:
    """How many rows stand directly in each."""
    counts = [0] * len(lines)
    path: list[int] = []
    for at, line in enumerate(lines):
        while path and lines[path[-1]].depth >= line.depth:
            path.pop()
        if path:
            counts[path[-1]] += 1
        path.append(at)
    return counts


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
    return f'<div class="kimi-row" style="{style}">{_label(line)}{shown}</div>'


def _label(line: Line) -> str:
    if line.label is None:
        return ""
    text = str(line.label)
    return f"<b>{inert(on_one_line(text[:LONGEST_TEXT]))}</b>{_rest(text)}: "


def _rest(text: str) -> str:
    return f"… ({len(text):,} characters)" if len(text) > LONGEST_TEXT else ""


def _count(line: Line, children: int) -> str:
    things = ("key", "keys") if line.kind == "object" else ("item", "items")
    brackets = _BRACKETS[line.kind]
    return escape(f"{brackets[0]} {children:,} {things[children != 1]} {brackets[-1]}")


def _more(count: int) -> str:
    if count <= 0:
        return ""
    return f'<div style="opacity:.7">… {count:,} more rows, not shown; all of it is in the data</div>'


def _framed(rows: str) -> str:
    return f'<div class="kimi-tree" style="{TREE_CSS}">{rows}</div>'
