"""The cards of calls while they run, as widgets: each changes when it begins and ends, not in between.

What changes in between (seconds, progress) stands in a widget of its own: a `details` that is sent again
snaps shut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import ipywidgets as widgets

from kimi_magic.conversation import ToolResult
from kimi_magic.view import calls, static
from kimi_magic.view.words import on_one_line


class Factory(Protocol):
    """What makes widgets, and closes them in the end."""

    def html(self, kind: type, value: str = "") -> Any:
        """An HTML widget."""

    def box(self, children: tuple[Any, ...]) -> Any:
        """A box of widgets."""

    def button(self, words: str, about: str, act: Callable[[], None]) -> Any:
        """A button that can be pressed once."""


class LiveCalls:
    """The cards of the calls of one answer."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._cards: list[_Card] = []
        self.box = factory.box(())

    def update(self, results: list[ToolResult]) -> None:
        """Show how it is with the calls."""
        if new := results[len(self._cards) :]:
            self._cards += [_Card(self._factory) for _ in new]
            self.box.children = tuple(card.box for card in self._cards)
        for card, result in zip(self._cards, results, strict=True):
            card.update(result)


class _Card:
    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._shown: tuple[str, str] | None = None
        self._details = factory.html(widgets.HTML)
        self._progress = factory.html(widgets.HTML)
        self._asks = False
        self.box = factory.box((self._details, self._progress))

    def update(self, result: ToolResult) -> None:
        if (shown := (result.state, result.note)) != self._shown:
            self._shown = shown
            self._details.value = calls.card(result)
        self._show_progress(result)
        self._show_buttons(result)

    def _show_progress(self, result: ToolResult) -> None:
        line = ""
        if result.state == "running" and (result.progress or result.seconds >= 1):
            parts = [f"{on_one_line(result.call.name)} · {result.seconds:.0f} s", result.progress]
            line = static.line(" · ".join(filter(None, parts)))
        if line != self._progress.value:
            self._progress.value = line

    def _show_buttons(self, result: ToolResult) -> None:
        asks = result.decide is not None
        if asks == self._asks:
            return
        self._asks = asks
        buttons = (self._buttons(result.call.name, result.decide),) if result.decide is not None else ()
        self.box.children = (self._details, self._progress, *buttons)

    def _buttons(self, name: str, decide: Callable[[bool], None]) -> Any:
        name = on_one_line(name)
        run = self._factory.button("Run", f"Run {name} with these arguments", lambda: decide(True))
        refuse = self._factory.button(
            "Refuse", f"Do not run {name}, and tell the model", lambda: decide(False)
        )
        return self._factory.box((run, refuse))
