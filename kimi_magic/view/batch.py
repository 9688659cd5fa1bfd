"""How far a map is: one line with a bar while it runs, a line of plain words when it has ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple, TextIO

from kimi_magic.batch import Progress
from kimi_magic.errors import one_line
from kimi_magic.markdown import inert
from kimi_magic.usage import dollars
from kimi_magic.view import css
from kimi_magic.view.words import printable

BAR_WIDTH = 20  # characters of the bar in a terminal
REPAINT_INTERVAL = 0.1  # s between two repaints at least
RATE_AFTER = 1.0  # s before a rate is told


class _Shown(NamedTuple):
    """The parts of the line."""

    share: float
    words: str
    bad: str


class BatchView:
    """One line; what it is shown in is given by `paint`."""

    def __init__(
        self, paint: Callable[[_Shown, bool], None], button: Callable[[Callable[[], None]], Any]
    ) -> None:
        self._paint = paint
        self._button = button
        self._close_button: Callable[[], None] = lambda: None
        self._began = 0.0
        self._next = 0.0
        self._title = ""
        self._is_timed = True

    def open(self, title: str, stop: Callable[[], None], *, is_timed: bool = True) -> None:
        """Show what will be sent, and a button that stops it where clicks arrive.

        `is_timed` says whether the line that stays has a time: that of the simulator says nothing.
        """
        self._began, self._title, self._is_timed = monotonic(), title, is_timed
        self._paint(_Shown(0.0, title, ""), False)
        self._close_button = self._button(stop)

    def update(self, progress: Progress) -> None:
        """Show how far it is, not more often than an eye sees."""
        now = monotonic()
        if now >= self._next:
            self._next = now + REPAINT_INTERVAL
            self._paint(shown(progress, now - self._began), False)

    def close(self, progress: Progress | None) -> None:
        """Leave a line that stays."""
        self._close_button()
        if progress is not None:
            seconds = monotonic() - self._began if self._is_timed else None
            self._paint(shown(progress, seconds, ended=True), True)


def shown(progress: Progress, seconds: float | None, *, ended: bool = False) -> _Shown:
    """The line after `seconds`; None for a line without time and rate."""
    answered = progress.done + progress.failed
    total = progress.total
    ready = answered + progress.kept
    parts = [f"{ready:,} of {total:,} requests"]
    if progress.kept:
        parts.append(f"{progress.kept:,} from before")
    if progress.failed:
        parts.append(f"{progress.failed:,} without a value")
    if seconds is not None and seconds >= RATE_AFTER and answered:
        rate = answered / seconds
        parts.append(f"{rate:,.1f}/s" if rate >= 1 else f"{60 * rate:,.1f}/min")
        if not ended and ready < total:
            parts.append(f"{_time((total - ready) / rate)} left")
    if progress.spent:
        parts.append(f"about {dollars(progress.spent)}")
    if ended and seconds is not None:
        parts.append(_time(seconds))
    if ended and ready < total:
        parts.append("stopped")
    bad = ""
    if progress.last_bad is not None:
        row, why = progress.last_bad
        bad = printable(f"row {row}: {one_line(why)}")
    return _Shown(ready / total if total else 1.0, " · ".join(parts), bad)


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def for_terminal(stream: TextIO = sys.stderr) -> BatchView:
    """A view that writes one line over and over."""
    width = 0

    def paint(line: _Shown, ended: bool) -> None:
        nonlocal width
        full = round(line.share * BAR_WIDTH)
        text = f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] {line.words}"
        stream.write(f"\r{text:<{width}}" + ("\n" if ended else ""))
        stream.flush()
        width = len(text)

    return BatchView(paint, lambda _: lambda: None)


def html(line: _Shown) -> str:
    """The line for a page. The last bad row folds out."""
    bar = (
        '<span style="display:inline-block;width:12em;height:.6em;border:1px solid;border-radius:3px;'
        f'opacity:.7"><span style="display:block;width:{100 * line.share:.1f}%;height:100%;'
        'background:currentcolor"></span></span>'
    )
    bad = (
        f"<details><summary>last row without a value</summary>{inert(line.bad)}</details>" if line.bad else ""
    )
    return f'<div style="{css.QUIET_CSS}">{bar} {inert(line.words)}{bad}</div>'
