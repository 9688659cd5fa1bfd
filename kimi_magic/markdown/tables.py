"""Tables as GitHub has them; a bar in a formula or code parts no cells where a row would have too many."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock

FREE_CELLS = (
    1_000  # that rows may lack, beside one for each character: a short row is filled up with empty ones
)
_DELIMITERS = re.compile(r"[-:|][-:| \t]*")
_DELIMITER = re.compile(r":?-+:?")
_BAR = re.compile(r"(?<!\\)\|")
_CLOSED = re.compile(r"`[^`]*`|\$(?![\s$])[^$]*(?<!\s)\$(?!\d)|\\\((?:[^\\]|\\(?!\)))*(?:\\\))?|\\[\s\S]|\|")


def install(parser: MarkdownIt) -> None:
    """Let `parser` read tables; the rule takes the place of its own."""
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.enable("table")


def _cells(row: str, count: int) -> list[str]:
    """The cells of a row: parted at each bar, or at those outside formulas and code if that makes `count`."""
    plain = _without_ends(_BAR.split(row.strip()))
    if len(plain) == count or "|" not in row:
        return [cell.replace("\\|", "|").strip() for cell in plain]
    bars = [found.start() for found in _CLOSED.finditer(row.strip()) if found[0] == "|"]
    marks = [-1, *bars, len(row.strip())]
    apart = _without_ends([row.strip()[a + 1 : b] for a, b in pairwise(marks)])
    chosen = apart if len(apart) == count else plain
    return [cell.replace("\\|", "|").strip() for cell in chosen]


def width(row: str) -> int:
    """How many cells a row has, or has so far."""
    return len(_without_ends(_BAR.split(row.strip())))


def _without_ends(cells: list[str]) -> list[str]:
    """Without what stands before a bar that begins the row, and behind one that ends it."""
    if cells and not cells[0]:
        cells = cells[1:]
    return cells[:-1] if cells and not cells[-1] else cells


def _alignments(line: str) -> list[str] | None:
    """How each column is aligned, by the line below the head; None if it is no such line."""
    if len(line) < 2 or not _DELIMITERS.fullmatch(line) or line[:2] in ("- ", "-\t"):
        return None
    found = []
    parts = [part.strip() for part in line.split("|")]
    for number, part in enumerate(parts):
        if not part and number in (0, len(parts) - 1):
            continue
        if not _DELIMITER.fullmatch(part):
            return None
        found.append({"::": "center", "-:": "right", ":-": "left"}.get(part[0] + part[-1], ""))
    return found


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if start + 2 > end or state.sCount[start + 1] < state.blkIndent:
        return False
    if state.is_code_block(start) or state.is_code_block(start + 1):
        return False
    head = _line(state, start)
    alignments = _alignments(_line(state, start + 1)) if "|" in head else None
    if not alignments:
        return False
    cells = _cells(head, len(alignments))
    if len(cells) != len(alignments):
        return False
    if silent:
        return True
    around, state.parentType = state.parentType, "table"
    table = state.push("table_open", "table", 1)
    state.push("thead_open", "thead", 1).map = [start, start + 1]
    _row(state, "th", cells, alignments, start)
    state.push("thead_close", "thead", -1)
    line = _body(state, start + 2, end, alignments)
    state.push("table_close", "table", -1)
    table.map = [start, line]
    state.parentType = around
    state.line = line
    return True


def _body(state: StateBlock, start: int, end: int, alignments: list[str]) -> int:
    """The rows below the head; returns the line behind them."""
    terminators = state.md.block.ruler.getRules("blockquote")
    body, free, line = None, FREE_CELLS, start
    while line < end and state.sCount[line] >= state.blkIndent and not state.is_code_block(line):
        text = _line(state, line)
        if not text.strip() or any(rule(state, line, end, True) for rule in terminators):
            break
        cells = _cells(text, len(alignments))
        free += len(text) - max(0, len(alignments) - len(cells))
        if free < 0:
            break
        body = body or state.push("tbody_open", "tbody", 1)
        _row(state, "td", (cells + [""] * len(alignments))[: len(alignments)], alignments, line)
        line += 1
    if body is not None:
        state.push("tbody_close", "tbody", -1)
        body.map = [start, line]
    return line


def _row(state: StateBlock, tag: str, cells: list[str], alignments: list[str], line: int) -> None:
    place = [line, line + 1]
    state.push("tr_open", "tr", 1).map = place
    for cell, alignment in zip(cells, alignments, strict=True):
        token = state.push(f"{tag}_open", tag, 1)
        if alignment:
            token.attrs = {"style": f"text-align:{alignment}"}
        inline = state.push("inline", "", 0)
        inline.map, inline.content, inline.children = place, cell, []
        state.push(f"{tag}_close", tag, -1)
    state.push("tr_close", "tr", -1)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
