"""JSON as a tree in HTML, from its first byte to the saved page: rows while it grows, foldable at the end.

The rows of a growing value and those of a whole one stand in the same places, because what is unfolded,
folded or left out depends only on what came before. What stands in a tree is data: escaped, with no Markdown
and no mathematics. It needs no script; where scripts run, `css.TREE_SCRIPT` adds a toolbar.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from kimi_magic.json_text import DEEPEST_SHOWN, Growing, Line
from kimi_magic.json_text.growing import Kind
from kimi_magic.markdown import inert
from kimi_magic.view.css import TREE_CSS
from kimi_magic.view.words import on_one_line, printable

ALL_OPEN = 60  # rows after which a container begins folded
MOST_ROWS = 500  # after which only what stands at the top gets a row; and items of the outermost container
MOST_ITEMS = 100  # of any other container
MOST_FOLDED = 500  # rows inside of folded containers, the outer levels first
LONGEST_TEXT = 2_000  # characters of one string, number or key on screen
LONGEST_PREVIEW = 80  # characters of a folded container on its row
_PIECE = 65_536  # characters of broken JSON that are looked at at once
_INDENT = 1.2  # em for each level, and for the mark of a container before its row
_BRACKETS: dict[str, str] = {"object": "{}", "array": "[]"}
_SUMMARY = '<summary style="display:list-item;list-style-position:outside">'
_OPEN_ROW = ";display:list-item;list-style:disclosure-open outside"
_INSIDE = f"<div style=margin-left:{_INDENT}em>"
_DIM = '<span style="opacity:.7">{}</span>'

How = Literal["open", "folded", "none"]


class _Level:
    """A container on the way to the row at hand: what becomes of it, and how many items it has so far."""

    __slots__ = ("count", "depth", "hidden", "how", "kind", "preview")

    def __init__(self, line: Line, how: How) -> None:
        self.depth, self.kind, self.how = line.depth, line.kind, how
        self.count = self.hidden = 0
        self.preview: _Preview | None = None


class _Shape:
    """Decides what becomes of each value, in the order in which values begin."""

    def __init__(self) -> None:
        self._rows = 0

    def row(self, depth: int, number: int) -> bool:
        """Whether item `number` of its container, at `depth`, gets a row; if so, it is counted."""
        limit = MOST_ROWS if depth <= 1 else MOST_ITEMS
        if number >= limit or (depth > 1 and self._rows >= MOST_ROWS):
            return False
        self._rows += 1
        return True

    def how(self, depth: int) -> How:
        """What becomes of the container in the row that was counted last."""
        return "open" if self._rows <= ALL_OPEN or not depth else "folded"


class Rows:
    """JSON that grows, in rows of HTML: what is final is given out once, the open end again and again.

    The same face as `markdown.Blocks`. `wrapper` is the key of an object that only carries a list: of such an
    object the list is shown.
    """

    def __init__(self, wrapper: str = "") -> None:
        self._growing = Growing()
        self._shape = _Shape()
        self._levels: list[_Level] = []
        self._wrapper = wrapper
        self._held: Line | None = None  # the outermost object, while it may be a wrapper
        self._shift = 0

    def add(self, text: str) -> str:
        """The rows that `text` made final."""
        rows = [row for line in self._growing.add(text) for row in self._take(line)]
        return "".join([*rows, *self._closed(max(0, self._growing.depth - self._shift))])

    def tail(self) -> str:
        """The row that is still open: of a folded container, or the last string, number or key."""
        lines = self._growing.tail()
        parts = [] if self._held is None else [_row(0, self._bracket(self._held), _OPEN_ROW)]
        crowded = next((each for each in self._levels if each.hidden), None)
        folded = next((each for each in self._levels if each.preview is not None), None)
        if folded is not None and folded.preview is not None:
            parts.append(folded.preview.row(lines[0] if lines else None, self._shift))
        elif crowded is not None:
            parts.append(_row(crowded.depth + 1, _more(crowded.kind, crowded.hidden)))
        elif lines and not any(each.how == "none" for each in self._levels):
            parts.append(_row(lines[0].depth - self._shift, _leaf(lines[0], is_open=True)))
        return "".join(parts)

    def _take(self, line: Line) -> Iterator[str]:
        if self._wrapper and not line.depth:
            yield from self._closed(0)
            self._shift = 0
            if line.kind == "object":
                self._held = line
                return
        if self._held is not None:
            held, self._held = self._held, None
            if line.depth == 1 and line.label == self._wrapper and line.kind == "array":
                self._shift, line = 1, line._replace(label=None)
            else:
                yield from self._placed(held)
        yield from self._placed(line._replace(depth=max(0, line.depth - self._shift)))

    def _placed(self, line: Line) -> Iterator[str]:
        """The rows that end where `line` begins, and its own."""
        yield from self._closed(line.depth)
        parent = self._levels[-1] if self._levels else None
        is_container = line.kind in _BRACKETS and not line.text
        if parent is not None:
            parent.count += 1
            folded = next((each.preview for each in self._levels if each.preview is not None), None)
            if folded is not None or parent.how == "none":
                if folded is not None:
                    folded.add(line)
                if is_container:
                    self._levels.append(_Level(line, "none"))
                return
        if not self._shape.row(line.depth, parent.count - 1 if parent is not None else 0):
            assert parent is not None, "the outermost value always has a row"  # noqa: S101
            parent.hidden += 1
            if is_container:
                self._levels.append(_Level(line, "none"))
            return
        if not is_container:
            yield _row(line.depth, _leaf(line))
            return
        level = _Level(line, self._shape.how(line.depth))
        self._levels.append(level)
        if level.how == "folded":
            level.preview = _Preview(line)
        else:
            yield _row(line.depth, self._bracket(line), _OPEN_ROW)

    def _closed(self, depth: int) -> Iterator[str]:
        """What is final of the containers that ended before a row at `depth`."""
        while self._levels and self._levels[-1].depth >= depth:
            level = self._levels.pop()
            if level.preview is not None:
                level.preview.close(level.count)
                yield level.preview.row(None, 0)
            elif level.hidden:
                yield _row(level.depth + 1, _more(level.kind, level.hidden))

    @staticmethod
    def _bracket(line: Line) -> str:
        return _label(line.label) + _DIM.format(_BRACKETS[line.kind][0])


class _Preview:
    """A container on one line, as JSON, cut where the line is full."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._text = _BRACKETS[line.kind][0]
        self._open = [line]  # containers in which the text stands
        self._first = True
        self._count = ""
        self._shown = ""  # of the open end, where it does not fit
        self.is_cut = False

    def add(self, line: Line) -> None:
        """Take in the next value inside."""
        if not self.is_cut:
            self._put(self._piece(line))
            if line.kind in _BRACKETS and not line.text:
                self._open.append(line)
                self._first = True

    def close(self, count: int) -> None:
        """Take in its end; `count` is how many items it has."""
        if not self.is_cut:
            self._put("".join(_BRACKETS[each.kind][1] for each in reversed(self._open)))
        if self.is_cut:
            self._count = " " + _DIM.format(_things(self._line.kind, count))

    @property
    def html(self) -> str:
        """The text, and where it is cut the count."""
        return inert(printable(self._text)) + self._count

    @property
    def is_exact(self) -> bool:
        """Whether all of it is there, to the letter."""
        return not self.is_cut and printable(self._text) == self._text

    def row(self, tail: Line | None, shift: int) -> str:
        """A row of a growing tree; `tail` is the value inside that is still open."""
        text = self._text
        if tail is not None and not self.is_cut:
            text = self._shown or text + self._end(tail._replace(depth=tail.depth - shift))
            if len(text) > LONGEST_PREVIEW:
                text = self._shown = text[:LONGEST_PREVIEW] + "…"
        shown = inert(printable(text)) + self._count
        return _row(self._line.depth, _label(self._line.label) + shown)

    def _put(self, piece: str) -> None:
        self._text += piece
        self._shown = ""
        if len(self._text) > LONGEST_PREVIEW:
            self._text = self._text[:LONGEST_PREVIEW] + "…"
            self.is_cut = True

    def _piece(self, line: Line) -> str:
        closing = ""
        while self._open[-1].depth >= line.depth:
            closing += _BRACKETS[self._open.pop().kind][1]
            self._first = False
        comma = "" if self._first else ", "
        self._first = False
        return f"{closing}{comma}{_key(line)}{_json(line)}"

    def _end(self, tail: Line) -> str:
        """What an open value adds, without the quote that would close it."""
        levels = [each for each in self._open if each.depth < tail.depth]
        closing = "".join(_BRACKETS[each.kind][1] for each in reversed(self._open[len(levels) :]))
        comma = "" if self._first and not closing else ", "
        if tail.kind == "key":
            return closing + comma + _quoted(str(tail.label))[:-1]
        text = _json(tail)
        return f"{closing}{comma}{_key(tail)}{text[:-1] if tail.kind == 'string' else text}"


def _key(line: Line) -> str:
    return f"{_quoted(line.label)}: " if isinstance(line.label, str) and line.kind != "key" else ""


def _json(line: Line) -> str:
    """A value on one line, of a container its beginning."""
    if line.kind in _BRACKETS:
        brackets = _BRACKETS[line.kind]
        return f"{brackets[0]}…{brackets[1]}" if line.text else brackets[0]
    if line.kind == "key":
        return _quoted(str(line.label))
    return _quoted(line.text) if line.kind == "string" else line.text[:LONGEST_TEXT]


def _quoted(text: str) -> str:
    return json.dumps(text[:LONGEST_TEXT], ensure_ascii=False)


def of_text(text: str) -> str:
    """What there is of JSON that was cut or broken, in rows as it was shown; empty where there is none."""
    rows, html, at = Rows(), "", 0
    while at < len(text):
        html += rows.add(text[at : at + _PIECE])
        at += _PIECE
    html += rows.tail()
    return _framed(html) if html else ""


def of_value(value: Any) -> str:
    """A value as a foldable tree, with the rows that `Rows` would give out for its JSON.

    Of a large value the beginning is there, the outer levels first: each value at the top has a row, up to
    `MOST_ROWS`. It is built no further than it is shown.
    """
    return _framed(_html(_Tree().nodes(value)), f";padding-left:{_INDENT}em")


@dataclass(slots=True)
class _Node:
    """A row of the tree at the end.

    `inside` are the rows below it, None where it cannot be unfolded; `rest` is how many items have no row.
    `is_exact` says that label and value are shown to the letter.
    """

    html: str
    value: Any
    depth: int
    is_exact: bool = True
    is_open: bool = False
    inside: list[_Node] | None = None
    rest: int = 0


class _Tree:
    """Builds the rows of a value, as many as are shown."""

    def __init__(self) -> None:
        self._shape = _Shape()
        self._folded: deque[_Node] = deque()
        self._left = MOST_FOLDED

    def nodes(self, value: Any) -> _Node:
        """The rows: those that are seen, then what is folded, the outer levels first."""
        self._shape.row(0, 0)
        node = self._node(None, value, 0)
        while self._folded:
            self._fill(self._folded.popleft())
        return node

    def _node(self, label: str | int | None, value: Any, depth: int, how: How | None = None) -> _Node:
        line = _line(label, value, depth)
        if not isinstance(value, dict | list) or line.text or not value:
            return _Node(_leaf(line), value, depth, is_exact=_is_exact(line))
        if (how or self._shape.how(depth)) == "folded":
            preview = _preview(line, value)
            shown = _label(label) + preview.html
            if not preview.is_cut:
                return _Node(shown, value, depth, is_exact=preview.is_exact and _is_exact_label(label))
            node = _Node(shown, value, depth, _is_exact_label(label), inside=[])
            self._folded.append(node)
            return node
        shown = _label(label) + _DIM.format(_count(line.kind, len(value)))
        inside: list[_Node] = []
        node = _Node(shown, value, depth, _is_exact_label(label), True, inside)
        for number, (key, inner) in enumerate(_entries(value)):
            if not self._shape.row(depth + 1, number):
                node.rest = len(value) - number
                break
            inside.append(self._node(key, inner, depth + 1))
        return node

    def _fill(self, node: _Node) -> None:
        """The rows inside of a folded container, as many as there is room for."""
        count = min(len(node.value), MOST_ITEMS, self._left) if node.depth < DEEPEST_SHOWN else 0
        self._left -= count
        items = islice(_entries(node.value), count)
        node.inside = [self._node(key, inner, node.depth + 1, "folded") for key, inner in items]
        node.rest = len(node.value) - count


def _html(node: _Node) -> str:
    if node.inside is None:
        return f"<div{'' if node.is_exact else ' class=kimi-cut'}>{node.html}</div>"
    inside = "".join(map(_html, node.inside))
    if node.rest:
        inside += f"<div>{_more(_line(None, node.value, 0).kind, node.rest)}</div>"
    cut = "" if node.is_exact and not node.rest else " class=kimi-cut"
    opened = " open" * node.is_open
    return f"<details{cut}{opened}>{_SUMMARY}{node.html}</summary>{_INSIDE}{inside}</div></details>"


def _preview(line: Line, value: Any) -> _Preview:
    preview = _Preview(line)
    for inner in _lines(value, line.depth + 1):
        preview.add(inner)
        if preview.is_cut:
            break
    preview.close(len(value))
    return preview


def _lines(value: Any, depth: int) -> Iterator[Line]:
    """The values inside a container, in order, as `Growing` gives them out."""
    for key, inner in _entries(value):
        line = _line(key, inner, depth)
        yield line
        if isinstance(inner, dict | list) and not line.text:
            yield from _lines(inner, depth + 1)


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value)


def _line(label: str | int | None, value: Any, depth: int) -> Line:
    if isinstance(value, dict | list):
        kind: Kind = "object" if isinstance(value, dict) else "array"
        return Line(depth, label, kind, "…" if depth >= DEEPEST_SHOWN else "")
    if isinstance(value, str):
        return Line(depth, label, "string", value)
    return Line(depth, label, "number", json.dumps(value))


def _leaf(line: Line, *, is_open: bool = False) -> str:
    """A label with its value on one row; `is_open` says that the value still grows."""
    text = line.text
    if line.kind == "key" and is_open:
        return _label(line.label).removesuffix(": ")
    if line.kind in _BRACKETS:
        shown = _DIM.format(f"{_BRACKETS[line.kind][0]}{text}{_BRACKETS[line.kind][1]}")
    elif line.kind == "string":
        end = "" if is_open else "”"
        shown = f"“{inert(printable(text[:LONGEST_TEXT]))}{_rest(text, end, is_open)}"
    else:
        shown = inert(on_one_line(text[:LONGEST_TEXT])) + _rest(text, "", is_open)
    return _label(line.label) + shown


def _is_exact(line: Line) -> bool:
    """Whether the row shows label and value to the letter."""
    text = line.text
    is_short = len(text) <= LONGEST_TEXT and not (line.kind in _BRACKETS and text)
    return is_short and printable(text) == text and _is_exact_label(line.label)


def _is_exact_label(label: str | int | None) -> bool:
    return not isinstance(label, str) or (len(label) <= LONGEST_TEXT and on_one_line(label) == label)


def _row(depth: int, html: str, mark: str = "") -> str:
    return f'<div class="kimi-row" style="margin-left:{_INDENT * (depth + 1):g}em{mark}">{html}</div>'


def _label(label: str | int | None) -> str:
    if label is None:
        return ""
    text = str(label)
    return f"<b>{inert(on_one_line(text[:LONGEST_TEXT]))}</b>{_rest(text, '', False)}: "


def _rest(text: str, end: str, is_open: bool) -> str:
    if len(text) <= LONGEST_TEXT:
        return end
    return "…" if is_open else f"… ({len(text):,} characters)"


def _count(kind: str, count: int) -> str:
    return f"{_BRACKETS[kind][0]} {_things(kind, count)} {_BRACKETS[kind][1]}"


def _things(kind: str, count: int) -> str:
    things = ("key", "keys") if kind == "object" else ("item", "items")
    return f"{count:,} {things[count != 1]}"


def _more(kind: str, count: int) -> str:
    return _DIM.format(f"… {_things(kind, count)} more, not shown; all of it is in the data")


def _framed(rows: str, style: str = "") -> str:
    return f'<div class="kimi-tree" style="{TREE_CSS}{style}">{rows}</div>'
