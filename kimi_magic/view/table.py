"""A DataFrame made of an answer, as an HTML table.

What stands in it is data: the page that pandas makes would let MathJax read it.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from kimi_magic.markdown import inert
from kimi_magic.view.css import QUIET_CSS
from kimi_magic.view.words import on_one_line, printable

MOST_ROWS = 20
MOST_COLUMNS = 30
LONGEST_CELL = 300  # characters


def html(frame: Any) -> str:
    """The first rows of a DataFrame of pandas or polars, and how many there are."""
    names = [str(name) for name in frame.columns]
    rows = frame.itertuples(index=False, name=None) if hasattr(frame, "itertuples") else frame.iter_rows()
    head = "".join(
        f'<th style="text-align:start">{_cell(on_one_line(name))}</th>' for name in names[:MOST_COLUMNS]
    )
    body = "".join(f"<tr>{_row(row)}</tr>" for row in islice(rows, MOST_ROWS))
    count, width = frame.shape
    size = f"{count:,} rows × {width:,} columns"
    if count > MOST_ROWS or width > MOST_COLUMNS:
        size += f", {min(count, MOST_ROWS)} × {min(width, MOST_COLUMNS)} of them shown"
    return (
        f'<div style="overflow-x:auto"><table style="margin-left:0"><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><div style="{QUIET_CSS}">{size}</div>'
    )


def _row(values: tuple[Any, ...]) -> str:
    cells = []
    for value in values[:MOST_COLUMNS]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        cells.append(f'<td style="text-align:{"end" if number else "start"}">{_cell(str(value))}</td>')
    return "".join(cells)


def _cell(text: str) -> str:
    return inert(printable(text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"))
