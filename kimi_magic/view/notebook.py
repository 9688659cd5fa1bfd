"""A reply in a notebook: widgets while it grows, static HTML in the same display when it has ended.

Live, it is append-only: what is finished is sent once, only the open end is sent again. The end replaces the
widgets by `text/html` and `text/plain`, which survive saving, closing and exporting, and closes every widget.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from time import monotonic
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from kimi_magic.markdown import Blocks
from kimi_magic.messages import Reply
from kimi_magic.view import static

GROUP = 3_000  # characters of HTML in one widget; more widgets are slow, larger ones are sent too often
PAINT = 8_000  # characters of new text in one repaint; more at once is read by nobody, the end shows all
OPEN_RATE = (
    150_000  # characters a second that the open end may cost; a long open block is repainted less often
)
LONGEST_LINE = 6_000  # characters after which reasoning without a line end is cut all the same


class NotebookView:
    """One reply in one output of a cell."""

    def __init__(self, *, hide_reasoning: bool = False) -> None:
        self._hide = hide_reasoning
        self._handle: Any = None
        self._shown = ""
        self._live: _Live | None = None

    def open(self, reply: Reply) -> None:
        """Show the status line. Widgets take longer to make, so they come with the first words."""
        self._shown = static.status(reply)
        self._handle = display(self._status_bundle(), raw=True, display_id=True)

    def update(self, reply: Reply) -> None:
        """Show what is new."""
        if self._live is not None:
            self._live.update(reply)
        elif reply.state == "waiting" or (self._hide and reply.state == "reasoning"):
            if (text := static.status(reply)) != self._shown:
                self._shown = text
                self._handle.update(self._status_bundle(), raw=True)
        else:
            self._live = _Live(hide_reasoning=self._hide)
            self._live.update(reply)
            self._handle.update(self._live.bundle(), raw=True)

    def close(self, reply: Reply) -> None:
        """Replace whatever is shown by the static end."""
        opened = self._live is not None and self._live.reasoning_opened
        final = {
            "text/html": static.html(reply, hide_reasoning=self._hide, open_reasoning=opened),
            "text/plain": static.plain(reply),
        }
        self._handle.update(final, raw=True)
        if self._live is not None:
            self._live.close()

    def _status_bundle(self) -> dict[str, str]:
        return {"text/html": static.line(self._shown), "text/plain": self._shown}


class _Live:
    """The widgets of a growing reply: status, reasoning in an accordion, answer."""

    def __init__(self, *, hide_reasoning: bool) -> None:
        self._hide = hide_reasoning
        self._layout = widgets.Layout(width="100%", margin="0")
        self._styles: dict[type, Any] = {}
        self._status = self._html(widgets.HTML)
        self._answer = _Column(lambda value: self._html(widgets.HTMLMath, value), self._layout)
        self._thought: _Column | None = None
        self._accordion: Any = None
        self._title = ""
        self._text = self._reasoning = 0  # characters shown so far
        self._blocks = Blocks()
        self._open_thought = ""
        self._next_answer = 0.0  # monotonic time before which a long open block is not painted again
        self._folded = False
        self._touched = False  # the person opened or closed the reasoning
        self._box = widgets.VBox((self._status, self._answer.box), layout=self._layout)

    def bundle(self) -> dict[str, Any]:
        """What to display."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": "The answer is on its way."}

    @property
    def reasoning_opened(self) -> bool:
        """Whether the person wants the reasoning open: it stays as they left it."""
        return self._touched and self._accordion is not None and self._accordion.selected_index == 0

    def update(self, reply: Reply) -> None:
        self._status.value = static.line(static.status(reply))
        if not self._hide and len(reply.reasoning) > self._reasoning:
            new = reply.reasoning[self._reasoning : self._reasoning + PAINT]
            self._show_reasoning(new)
            self._reasoning += len(new)
        if self._accordion is not None:
            self._show_title(static.reasoning_title(reply))
            if reply.text and not self._folded:
                self._folded = True
                self._fold()
        if len(reply.text) > self._text and monotonic() >= self._next_answer:
            new = reply.text[self._text : self._text + PAINT]
            self._show_answer(new)
            self._text += len(new)

    def close(self) -> None:
        """Close every widget with its layout and style: `Widget.close` alone leaves those open."""
        self._box.close()
        self._status.close()
        for column in (self._answer, self._thought):
            if column is not None:
                column.close()
        if self._accordion is not None:
            self._accordion.close()
        for model in (self._layout, *self._styles.values()):
            model.close()

    def _html(self, kind: type, value: str = "") -> Any:
        """An HTML widget; all share a layout, and those of one kind a style: one message each, not three."""
        shared = {"style": self._styles[kind]} if kind in self._styles else {}
        widget = kind(value, layout=self._layout, _dom_classes=("jp-RenderedHTMLCommon",), **shared)
        self._styles[kind] = widget.style
        return widget

    def _show_answer(self, new: str) -> None:
        finished = self._blocks.add(static.printable(new))
        tail = self._blocks.tail()
        self._next_answer = monotonic() + len(tail) / OPEN_RATE
        self._answer.show(finished, tail)

    def _show_reasoning(self, new: str) -> None:
        if self._thought is None:
            self._thought = _Column(lambda value: self._html(widgets.HTML, value), self._layout)
            self._accordion = widgets.Accordion((self._thought.box,), selected_index=0, layout=self._layout)
            self._accordion.observe(self._note_touch, "selected_index")
            self._box.children = (self._status, self._accordion, self._answer.box)
        self._open_thought += static.printable(new)
        cut = self._open_thought.rfind("\n") + 1
        if not cut and len(self._open_thought) > LONGEST_LINE:
            cut = self._open_thought.rfind(" ") + 1 or LONGEST_LINE
        finished, self._open_thought = self._open_thought[:cut], self._open_thought[cut:]
        self._thought.show(_thought_html(finished), _thought_html(self._open_thought))

    def _show_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self._accordion.set_title(0, title)

    def _fold(self) -> None:
        if not self._touched:
            self._accordion.unobserve(self._note_touch, "selected_index")
            self._accordion.selected_index = None
            self._accordion.observe(self._note_touch, "selected_index")

    def _note_touch(self, _change: object) -> None:
        self._touched = True


class _Column:
    """A box that only grows: finished HTML is gathered in groups, the last widget holds the open end."""

    def __init__(self, make: Callable[[str], Any], layout: Any) -> None:
        self._make = make
        self._tail = make("")
        self._groups: list[Any] = []
        self.box = widgets.VBox((self._tail,), layout=layout)

    def show(self, finished: str, tail: str) -> None:
        if finished and self._groups and len(self._groups[-1].value) + len(finished) <= GROUP:
            self._groups[-1].value += finished
        elif finished:
            self._groups.append(self._make(finished))
            self.box.children = (*self._groups, self._tail)
        self._tail.value = tail

    def close(self) -> None:
        for widget in (self.box, self._tail, *self._groups):
            widget.close()


def _thought_html(text: str) -> str:
    return f'<div style="{static.THOUGHT}">{escape(text)}</div>' if text else ""
