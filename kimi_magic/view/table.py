"""Records as an HTML table: a DataFrame made of an answer, a list in its tree, an answer that grows.

What stands in it is data: the page that pandas makes would let MathJax read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from kimi_magic import json_text, markdown
from kimi_magic.json_text import Line
from kimi_magic.markdown import inert
from kimi_magic.view.css import QUIET_CSS
from kimi_magic.view.tree import Rows
from kimi_magic.view.words import on_one_line, printable

MOST_ROWS = 20
MOST_COLUMNS = 30
MOST_DIFFERENCES = 100
SIDES = ("where", "first", "second")  # of two values that are compared
LONGEST_CELL = 300  # characters


def html(frame: Any) -> str:
    """The first rows of a DataFrame of pandas or polars, and how many there are."""
    count, width = frame.shape
    names = list(map(str, frame.columns))
    return _html(names, islice(_rows(frame), MOST_ROWS)) + _size(count, width)


def markdown_of(frame: Any) -> str:
    """The same as a table of Markdown, in which nothing comes to life."""
    count, width = frame.shape
    names = list(map(str, frame.columns))
    return _markdown(names, islice(_rows(frame), MOST_ROWS), _words(count, width))


def differences_html(rows: Sequence[tuple[str, str, str]], count: str) -> str:
    """Places with what is there on two sides; `count` is how many there are."""
    if not rows:
        return f'<div style="{QUIET_CSS}">{count}</div>'
    shown = f", {MOST_DIFFERENCES} of them shown" * (len(rows) > MOST_DIFFERENCES)
    return _html(SIDES, rows[:MOST_DIFFERENCES]) + f'<div style="{QUIET_CSS}">{count}{shown}</div>'


def differences_markdown(rows: Sequence[tuple[str, str, str]], count: str) -> str:
    """The same as a table of Markdown."""
    return _markdown(SIDES, rows[:MOST_DIFFERENCES], count) if rows else count


def records_html(value: Any) -> str:
    """The first records of a list as a table; "" where the value is no list of at least two records."""
    if not isinstance(value, list) or len(value) < 2:
        return ""
    if not all(isinstance(record, dict) for record in value):
        return ""
    names = list(dict.fromkeys(name for record in value for name in record))
    rows = ([_cell_value(record.get(name, "")) for name in names] for record in value[:MOST_ROWS])
    return _html(names, rows) + _size(len(value), len(names)) if names else ""


class Growing:
    """A list of records that grows, as a table; what is no such list grows as a tree.

    The same face as `markdown.Blocks`, but nothing is final before the end: the table is small.
    """

    def __init__(self, wrapper: str = "") -> None:
        self._lines = json_text.Growing()
        self._tree = Rows(wrapper)
        self._names: dict[str, None] = {}
        self._records: list[dict[str, str]] = []
        self._count = 0
        self._list = -1  # depth of the list of records
        self._rows = ""  # of the tree, while there is no table

    def add(self, text: str) -> str:
        """Read on; nothing is given out for good."""
        if not self._count:
            self._rows += self._tree.add(text)
        for line in self._lines.add(text):
            self._take(line)
        return ""

    def tail(self) -> str:
        """The table so far, or the tree where there is none yet."""
        if not self._count:
            return self._rows + self._tree.tail()
        records, names = self._records, list(self._names)
        for line in self._lines.tail():
            if self._count <= MOST_ROWS and line.depth == self._list + 2 and line.kind != "key":
                names = list(dict.fromkeys([*names, str(line.label)]))
                records = [*records[:-1], {**records[-1], str(line.label): line.text}]
        rows = [[record.get(name, "") for name in names] for record in records]
        return _html(names, rows) + _size(self._count, len(names))

    def _take(self, line: Line) -> None:
        if self._list < 0 and line.kind == "array" and line.depth <= 1:
            self._list = line.depth
        elif self._list >= 0 and line.depth == self._list + 1 and line.kind == "object":
            self._count += 1
            if self._count <= MOST_ROWS:
                self._records.append({})
        elif self._count and line.depth == self._list + 2 and isinstance(line.label, str):
            self._names[line.label] = None
            if self._count <= MOST_ROWS:
                shown = {"object": "{…}", "array": "[…]", "key": ""}.get(line.kind, line.text)
                self._records[-1][line.label] = shown


def _rows(frame: Any) -> Iterator[tuple[Any, ...]]:
    return iter(
        frame.itertuples(index=False, name=None) if hasattr(frame, "itertuples") else frame.iter_rows()
    )


def _cell_value(value: Any) -> Any:
    """A value of JSON in a table: containers as JSON, texts and numbers as they are."""
    if isinstance(value, dict | list):
        pieces, length = [], 0
        for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST_CELL:
                break
        return "".join(pieces)
    return json.dumps(value) if value is None or isinstance(value, bool) else value


def _html(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(
        f'<th style="text-align:start">{_cell(on_one_line(name))}</th>' for name in names[:MOST_COLUMNS]
    )
    body = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    return (
        f'<div style="overflow-x:auto"><table style="margin-left:0"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _size(count: int, width: int) -> str:
    return f'<div style="{QUIET_CSS}">{_words(count, width)}</div>'


def _words(count: int, width: int) -> str:
    size = f"{count:,} rows × {width:,} columns"
    if count > MOST_ROWS or width > MOST_COLUMNS:
        size += f", {min(count, MOST_ROWS)} × {min(width, MOST_COLUMNS)} of them shown"
    return size


def _row(values: Sequence[Any]) -> str:
    cells = []
    for value in values[:MOST_COLUMNS]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        cells.append(f'<td style="text-align:{"end" if number else "start"}">{_cell(str(value))}</td>')
    return "".join(cells)


def _cell(text: str) -> str:
    return inert(printable(_cut(text)))


def _markdown(names: Sequence[str], rows: Iterable[Sequence[Any]], below: str) -> str:
    """A table of Markdown; `below` stands under it."""
    lines = [_line(map(_written, names)), _line("---" for _ in names[:MOST_COLUMNS])]
    lines += [_line(_written(str(cell)) for cell in row) for row in rows]
    return "\n".join([*lines, "", below])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(islice(cells, MOST_COLUMNS))} |"


def _written(text: str) -> str:
    return markdown.literal(on_one_line(_cut(text)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
