"""A reply in a notebook: widgets while it grows, static HTML in the same display when it has ended.

Live, it is append-only: what is finished is sent once, only the open end is sent again. The end replaces the
widgets by `text/html` and `text/plain`, which survive saving, closing and exporting, and closes every widget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, Literal

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import display

from kimi_magic import cells
from kimi_magic.conversation import Step, Turn
from kimi_magic.markdown import Blocks, Forms, inert
from kimi_magic.messages import Choice
from kimi_magic.messages.choice import shortened
from kimi_magic.view import batch, css, scripts, static, table, tree, words
from kimi_magic.view.live_calls import LiveCalls

GROUP_LENGTH = (
    3_000  # characters of HTML in one widget; more widgets are slow, larger ones are sent too often
)
ROW_SIZE = 10  # widgets in one box: the list of its children is sent whole for each that is added
REPAINT_LENGTH = (
    1_500  # characters of new text in one repaint; more at once is read by nobody, the end shows all
)
REPAINT_INTERVAL = 1 / 20  # s between two repaints at least
EMPTY = {"text/html": ""}  # nothing to see; without any type, exporters complain
RELOAD_DELAY = 1.0  # s after a long answer until its widgets are closed
KEEP_INTERVAL = 1.0  # s between two looks at whether the text so far is to be kept
PROGRESS_DELAY = 0.5  # s until `ask` shows that it waits
PROGRESS_INTERVAL = 0.5  # s between two looks of its line at least
WIDGET_DELAY = 0.3  # s without a word after which the widgets come all the same, for the sake of the button
CALL_LENGTH = (
    300  # characters of a tool call shown while it grows; it is sent anew each time, the end shows all
)
VS_CODE = "__vsc_ipynb_file__"  # a name that VS Code puts into the notebook
LONGEST_LINE = 6_000  # characters after which reasoning without a line end is cut all the same

LIVE = ("kimi-live", "jp-RenderedHTMLCommon")  # of the box around all: the second is the theme's
_Growing = Blocks | tree.Rows | table.Growing
Habit = Literal["auto", "open", "closed"]  # auto: open while it thinks, folded when the answer begins


class NotebookView:
    """One reply in one output of a cell."""

    def __init__(self, *, hide_reasoning: bool = False, habit: Habit = "auto") -> None:
        self._hide = hide_reasoning
        self._habit: Habit = habit
        self._handle: Any = None
        self._shown = ""
        self._stop: Callable[[], None] | None = None
        self._was_clicked = False  # the button, which had the focus then
        self._live: _Live | None = None
        self._kept: Any = None  # a second display, of which the page shows nothing while the widgets live
        self._kept_length = 0  # characters in it
        self._keep_at = 0.0  # when it is looked at next

    def open(self, turn: Turn, stop: Callable[[], None] | None = None) -> None:
        """Show the status line. Widgets take longer to make, so they come with the first words."""
        self._shown = words.status(turn)
        if stop is not None and _clicks_arrive():
            self._stop = self._clicked(stop)
        self._handle = display(self._status_bundle(), raw=True, display_id=True)

    def _clicked(self, stop: Callable[[], None]) -> Callable[[], None]:
        def clicked() -> None:
            self._was_clicked = True
            stop()

        return clicked

    def update(self, turn: Turn) -> None:
        """Show what is new."""
        if self._live is not None and self._live.beginning < _beginning(turn):
            # What is shown is out of date. Not from widget to widget: where one is closed, JupyterLab hides
            # its place (`WidgetRenderer` of jupyterlab_widgets), and the next would be shown there.
            self._show_status(turn)
            self._live.close()
            self._live = None
        elif self._live is not None:
            self._live.update(turn)
            self._keep(turn)
        elif not turn.has_begun and (self._stop is None or turn.seconds < WIDGET_DELAY):
            self._show_status(turn)
        else:
            self._go_live(turn)

    def _keep(self, turn: Turn) -> None:
        """Put the text so far where the page saves it, now and then.

        Widgets are not saved: without it a kernel that dies or a page that is loaded again in the middle
        would leave nothing. It is sent when the text has doubled, so that all of it is sent about twice. A
        recording and the simulator give the same answer again, and their notebooks are to be the same.
        """
        if not turn.step.is_paid:
            return
        if (now := monotonic()) < self._keep_at or self._live is None:
            return
        self._keep_at = now + KEEP_INTERVAL
        length = sum(len(choice.reasoning) + len(choice.text) for choice in turn.choices)
        if turn.seconds < KEEP_INTERVAL or length < 2 * self._kept_length or not length:
            return
        self._kept_length = length
        bundle = {"text/html": static.so_far(turn, self._live.hidden_class, hide_reasoning=self._hide)}
        if self._kept is None:
            self._live.hide()
            self._kept = display(bundle, raw=True, display_id=True)
        else:
            self._kept.update(bundle, raw=True)

    def _show_status(self, turn: Turn) -> None:
        if self._live is not None or words.status(turn) != self._shown:
            self._shown = words.status(turn)
            self._handle.update(self._status_bundle(), raw=True)

    def _go_live(self, turn: Turn) -> None:
        self._live = _Live(turn, self._stop, None if self._hide else self._habit)
        self._live.update(turn)
        self._handle.update(self._live.bundle(), raw=True)

    def close(self, turn: Turn) -> None:
        """Replace whatever is shown by the static end."""
        final, about = self._final(turn), {"kimi_magic": static.summary(turn)}
        if self._was_clicked:
            self._handle.update({"text/html": f"<script>{scripts.FOCUS_SCRIPT}</script>"}, raw=True)
        # From the last output to the first. In the page of a second viewer (jupyter-collaboration) JupyterLab
        # removes the output that stands in the place of the old one, and adds the new one behind all others
        # (`CodeCellModel._onSharedModelChanged`): in any other order an old one stays and a new one goes.
        if self._kept is not None:
            self._kept.update(EMPTY, raw=True)
        self._handle.update(final, raw=True, metadata=about)
        turn.outputs = ((final, about),)
        if self._live is None:
            return
        is_long = self._kept is not None and turn.state == "complete"
        if not (is_long and self._close_later(final["text/html"])):
            self._live.close()

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there who can click, and the clicks arrive (in VS Code they do not)."""
        shell = get_ipython()
        is_there = bool(cells.request_of(shell).get("content", {}).get("allow_stdin"))
        return self._stop is not None and is_there and VS_CODE not in shell.user_ns

    def repeat(self, turn: Turn) -> None:
        """Show the outputs of a turn as they were, after a status that says so."""
        (data, about), *others = turn.outputs
        if self._handle is None:
            self._shown = f"{words.on_one_line(turn.step.model)} · kept, nothing is sent"
            self._handle = display(self._status_bundle(), raw=True, display_id=True)
        self._handle.update(data, raw=True, metadata=about)
        for data, about in others:
            display(data, raw=True, metadata=about)

    def _close_later(self, html: str) -> bool:
        """Close the widgets in a moment, or let them show `html`, the end, if the page was loaded again.

        The new page knows the widgets, but not the display that was updated. That it asks for them is heard
        only after the cell.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        live = self._live

        def close() -> None:
            if live is not None:
                live.finish(html) if live.was_reloaded else live.close()

        loop.call_later(RELOAD_DELAY, close)
        return True

    def _final(self, turn: Turn) -> dict[str, str]:
        opened = set(range(len(turn.choices))) if self._habit == "open" else set()
        opened = self._live.reasoning_opened if self._live is not None else opened
        rendered = self._live.rendered(turn) if self._live is not None else None
        return static.bundle(turn, hide_reasoning=self._hide, open_reasoning=opened, rendered=rendered)

    def _show_output(self, turn: Turn, data: dict[str, Any], about: dict[str, Any]) -> None:
        display(data, raw=True, metadata=about)
        turn.outputs += ((data, about),)

    def _status_bundle(self) -> dict[str, str]:
        return {"text/html": static.line(self._shown), "text/plain": self._shown}


class ProgressView:
    """One line that says how far a request is, from a moment after it was sent to its end."""

    can_ask = False

    def __init__(self, delay: float = PROGRESS_DELAY) -> None:
        self._delay = delay
        self._handle: Any = None
        self._shown = ""
        self._next = 0.0  # when it is shown again at the earliest

    def open(self, turn: Turn, stop: Callable[[], None] | None = None) -> None:
        """Show nothing yet: a quick answer needs no line."""

    def update(self, turn: Turn) -> None:
        """Show what is new in the line."""
        if turn.seconds < self._delay or (now := monotonic()) < self._next:
            return
        if (text := words.status(turn)) == self._shown:
            return
        self._shown, self._next = text, now + PROGRESS_INTERVAL
        bundle = {"text/html": static.line(text), "text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def repeat(self, turn: Turn) -> None:
        """Show nothing: what is asked for from Python is not kept."""

    def close(self, turn: Turn) -> None:
        """Take the line away."""
        if self._handle is not None:
            self._handle.update(EMPTY, raw=True)


class EndView(NotebookView):
    """A reply where a display cannot be updated and widgets may be unknown: shown once, when it has ended."""

    def open(self, turn: Turn, stop: Callable[[], None] | None = None) -> None:
        """Show nothing yet."""

    def update(self, turn: Turn) -> None:
        """Show nothing yet."""

    def close(self, turn: Turn) -> None:
        """Show the end."""
        self._show_output(turn, self._final(turn), {"kimi_magic": static.summary(turn)})

    def repeat(self, turn: Turn) -> None:
        """Show the outputs of a turn as they were."""
        for data, about in turn.outputs:
            display(data, raw=True, metadata=about)


class WidgetView(NotebookView):
    """A reply inside an `Output` widget, which no update reaches: widgets show it, also its end."""

    def open(self, turn: Turn, stop: Callable[[], None] | None = None) -> None:
        """Show the widgets."""
        self._start(turn)

    def update(self, turn: Turn) -> None:
        """Show what is new."""
        if self._live is not None and self._live.beginning < _beginning(turn):
            self._live.finish("")
            self._start(turn)
        if self._live is not None:
            self._live.update(turn)

    def close(self, turn: Turn) -> None:
        """Let one widget show the end, and stay."""
        final = self._final(turn)
        if self._live is not None:
            self._live.finish(final["text/html"])
        turn.outputs = ()  # widgets are not saved

    def repeat(self, turn: Turn) -> None:
        """Show the outputs of a turn as they were."""
        for data, about in turn.outputs:
            display(data, raw=True, metadata=about)

    def _start(self, turn: Turn) -> None:
        self._live = _Live(turn, None, None if self._hide else self._habit)
        display(self._live.bundle(), raw=True)
        self._live.update(turn)


def batch_view() -> batch.BatchView:
    """How far a map is, in one output of a cell."""
    handle: Any = None

    def paint(line: Any, _: bool) -> None:
        nonlocal handle
        bundle = {"text/html": batch.html(line), "text/plain": line.words}
        if handle is None:
            handle = display(bundle, raw=True, display_id=True)
        else:
            handle.update(bundle, raw=True)

    def button(stop: Callable[[], None]) -> Callable[[], None]:
        if not _clicks_arrive():
            return lambda: None
        widget = widgets.Button(description="Stop")
        widget.on_click(lambda _: stop())
        data = {"application/vnd.jupyter.widget-view+json": {"model_id": widget.model_id}, "text/plain": ""}
        place: Any = display(data, raw=True, display_id=True)

        def close() -> None:
            place.update(EMPTY, raw=True)
            widget.layout.close()
            widget.style.close()
            widget.close()

        return close

    return batch.BatchView(paint, button)


class _Live:
    """The widgets of a growing reply: the status, and a panel for each answer; several stand side by side."""

    def __init__(self, turn: Turn, stop: Callable[[], None] | None, habit: Habit | None) -> None:
        count = turn.step.n
        self.beginning = _beginning(turn)
        self._page = _page()
        self._widgets = _Widgets()
        self._looks = looks = self._widgets.html(widgets.HTML, f"<style>{css.LIVE_CSS}</style>")
        self._status = self._widgets.html(widgets.HTML)
        head = self._status if stop is None else self._widgets.beside(self._status, stop)
        self._moment: object = None
        self._next = 0.0
        self._columns: Any = None
        self._titles: list[Any] = []
        self._shown = [""] * count
        self._habit = habit
        self._before = (looks, head)
        if count == 1:
            self._panels: list[_Panel] = []  # of the steps, one below the other
            self._box = widgets.VBox(self._before, layout=self._widgets.layout, _dom_classes=LIVE)
            return
        self._titles = [self._widgets.html(widgets.HTML) for _ in range(count)]
        self._panels = [_Panel(self._widgets, habit, _growing(turn), (title,)) for title in self._titles]
        layout = self._widgets.layout
        boxes = tuple(panel.box for panel in self._panels)
        self._columns = widgets.Box(boxes, layout=layout, _dom_classes=("kimi-columns",))
        self._box = widgets.VBox((looks, head, self._columns), layout=layout, _dom_classes=LIVE)

    def bundle(self) -> dict[str, Any]:
        """What to display."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": "The answer is on its way."}

    @property
    def reasoning_opened(self) -> set[int]:
        """The answers whose reasoning the person wants open: it stays as they left it."""
        panels = self._panels if self._columns is not None else self._panels[-1:]
        return {index for index, panel in enumerate(panels) if panel.reasoning_opened}

    def rendered(self, turn: Turn) -> dict[int, Forms | None]:
        """The forms of the answers, by choice, as far as they are known from what was shown."""
        if self._columns is None and len(self._panels) != len(turn.shown_steps):
            return {}  # the last step was never shown
        panels = dict(enumerate(self._panels if self._columns is not None else self._panels[-1:]))
        return {c.index: panels[c.index].rendered(c) for c in turn.choices if c.index in panels}

    @property
    def hidden_class(self) -> str:
        """The class of what the page does not show while these widgets live."""
        return f"kimi-kept-{self._looks.model_id}"

    def hide(self) -> None:
        """Let the page hide what has that class."""
        hidden = f".{self.hidden_class}{{display:none}}"
        self._looks.value = f"<style>{css.LIVE_CSS}</style><style>{hidden}</style>"

    @property
    def was_reloaded(self) -> bool:
        """Whether the page was loaded again meanwhile."""
        return _page() is not self._page

    def update(self, turn: Turn) -> None:
        states = tuple(result.state for result in turn.steps[-1].results)
        now, moment = monotonic(), (turn.state, int(turn.seconds), turn.steps[-1].retrying, states)
        # Also called when nothing came but time, and there may be more to show. First words never wait.
        if now < self._next and moment == self._moment:
            return
        self._next = now + REPAINT_INTERVAL
        if moment != self._moment:  # once a second: the figures in it change with every word
            self._moment = moment
            self._status.value = static.line(words.status(turn))
        if self._columns is None:
            self._update_steps(turn)
            return
        growing = {choice.index: choice for choice in turn.choices}  # more than were asked for: at the end
        for index, panel in enumerate(self._panels):
            if (choice := growing.get(index)) is not None:
                panel.update(turn, turn.step, choice)
                self._show_title(index, words.heading(turn, choice, index + 1))

    def _update_steps(self, turn: Turn) -> None:
        """The steps one below the other; what was still to be shown of an earlier one comes too."""
        steps = turn.shown_steps
        if new := steps[len(self._panels) :]:
            is_last = [step is steps[-1] for step in new]
            self._panels += [
                _Panel(self._widgets, self._habit, _growing(turn) if last else Blocks()) for last in is_last
            ]
            self._box.children = (*self._before, *(panel.box for panel in self._panels))
        for panel, step in zip(self._panels, steps, strict=False):
            panel.update(turn, step, step.choices[0])

    def close(self) -> None:
        """Close every widget with its layout and style: `Widget.close` alone leaves those open."""
        for panel in self._panels:
            panel.close()
        if self._columns is not None:
            self._columns.close()
        self._box.close()
        self._widgets.close()

    def finish(self, html: str) -> None:
        """Close the widgets but the box and the styles; `html` takes the place of all others."""
        self._widgets.spare(self._looks)
        self._box.children = (self._looks, widgets.HTMLMath(html))
        for panel in self._panels:
            panel.close()
        if self._columns is not None:
            self._columns.close()
        self._widgets.close(keep_layout=True)

    def _show_title(self, index: int, title: str) -> None:
        if self._titles and title != self._shown[index]:
            self._shown[index] = title
            self._titles[index].value = static.heading_html(title)


class _Widgets:
    """Makes widgets. All share a layout, and those of one kind a style: one message each, not three."""

    def __init__(self) -> None:
        self.layout = widgets.Layout(width="100%", margin="0")
        self._styles: dict[type, Any] = {}
        self._others: list[Any] = []

    def beside(self, status: Any, stop: Callable[[], None]) -> Any:
        """The status line with a button that calls `stop`, once."""

        def clicked(button: Any) -> None:
            button.disabled = True
            stop()

        own = widgets.Layout(width="auto")
        button = widgets.Button(
            description="Stop", icon="stop", tooltip="Stop this answer and keep what arrived", layout=own
        )
        button.on_click(clicked)
        row = widgets.HBox((status, button), layout=self.layout)
        self._others += [row, button, button.style, own]
        return row

    def html(self, kind: type, value: str = "") -> Any:
        """An HTML widget."""
        shared = {"style": self._styles[kind]} if kind in self._styles else {}
        widget = kind(value, layout=self.layout, **shared)
        self._styles[kind] = widget.style
        self._others.append(widget)
        return widget

    def button(self, text: str, about: str, act: Callable[[], None]) -> Any:
        """A button that calls `act`, once."""

        def clicked(button: Any) -> None:
            button.disabled = True
            act()

        own = widgets.Layout(width="auto", margin="0 .5em .6em 0")
        button = widgets.Button(description=text, tooltip=about, layout=own)
        button.on_click(clicked)
        self._others += [button, button.style, own]
        return button

    def box(self, children: tuple[Any, ...]) -> Any:
        """A box of widgets, one below the other."""
        box = widgets.VBox(children, layout=self.layout)
        self._others.append(box)
        return box

    def spare(self, widget: Any) -> None:
        """Do not close `widget`."""
        self._others.remove(widget)
        self._styles.pop(type(widget), None)

    def close(self, *, keep_layout: bool = False) -> None:
        """Close what they share."""
        layouts = () if keep_layout else (self.layout,)
        for model in (*self._others, *layouts, *self._styles.values()):
            model.close()


class _Panel:
    """One growing answer in a box: `before`, reasoning (unless `habit` is None), text, tool calls."""

    def __init__(
        self, factory: _Widgets, habit: Habit | None, blocks: _Growing, before: tuple[Any, ...] = ()
    ) -> None:
        self._widgets = factory
        self._before = before
        self._habit = habit
        kind = widgets.HTMLMath if isinstance(blocks, Blocks) else widgets.HTML
        self._answer = _Column(factory, kind)
        self._reasoning_column: _Column | None = None
        self._accordion: Any = None
        self._calls: Any = None
        self._live_calls: LiveCalls | None = None
        self._title = ""
        self._text = self._reasoning = 0  # characters shown so far
        self._blocks = blocks
        self._open_reasoning = ""
        self._was_folded = False
        self._was_touched = False  # the person opened or closed the reasoning
        self.box = factory.box((*before, self._answer.box))

    @property
    def reasoning_opened(self) -> bool:
        """Whether the person wants the reasoning open: by habit, or having opened it and left it so."""
        wanted = self._was_touched or self._habit == "open"
        return wanted and self._accordion is not None and self._accordion.selected_index == 0

    def update(self, turn: Turn, step: Step, choice: Choice) -> None:
        if self._habit is not None and len(choice.reasoning) > self._reasoning:
            new = choice.reasoning[self._reasoning : self._reasoning + REPAINT_LENGTH]
            self._show_reasoning(new)
            self._reasoning += len(new)
        if self._accordion is not None:
            self._show_title(words.reasoning_title(turn, choice, step))
            if (choice.text or step.results) and self._habit == "auto" and not self._was_folded:
                self._was_folded = True
                self._fold()
        if len(choice.text) > self._text:
            new = choice.text[self._text : self._text + REPAINT_LENGTH]
            self._show_answer(new)
            self._text += len(new)
        if step.results:
            self._show_results(step)
        elif choice.tool_calls:
            self._show_calls(choice)

    def rendered(self, choice: Choice) -> Forms | None:
        """The forms of the answer if they are known from what was shown; None where it has to be rendered."""
        if not isinstance(self._blocks, Blocks):
            return None
        return self._blocks.whole(words.without_controls(choice.text))

    def close(self) -> None:
        if self._reasoning_column is not None:
            self._accordion.close()

    def _place(self) -> None:
        cards = self._live_calls.box if self._live_calls is not None else self._calls
        parts = (self._accordion, self._answer.box, cards)
        self.box.children = (*self._before, *(part for part in parts if part is not None))

    def _show_results(self, step: Step) -> None:
        """The cards, in place of the list of calls that grew."""
        if self._live_calls is None:
            self._live_calls = LiveCalls(self._widgets)
            self._place()
        self._live_calls.update(step.results)

    def _show_calls(self, choice: Choice) -> None:
        if self._calls is None:
            self._calls = self._widgets.html(widgets.HTML)
            self._place()
        self._calls.value = static.calls_html([shortened(call, CALL_LENGTH) for call in words.calls(choice)])

    def _show_answer(self, new: str) -> None:
        finished = self._blocks.add(words.without_controls(new))
        self._answer.show(finished, self._blocks.tail())

    def _show_reasoning(self, new: str) -> None:
        if self._reasoning_column is None:
            layout = self._widgets.layout
            self._reasoning_column = _Column(self._widgets, widgets.HTML)
            shown = None if self._habit == "closed" else 0
            self._accordion = widgets.Accordion(
                (self._reasoning_column.box,), selected_index=shown, layout=layout
            )
            self._accordion.observe(self._note_touch, "selected_index")
            self._place()
        self._open_reasoning += words.printable(new)
        cut = self._open_reasoning.rfind("\n") + 1
        if not cut and len(self._open_reasoning) > LONGEST_LINE:
            cut = self._open_reasoning.rfind(" ") + 1 or LONGEST_LINE
        finished, self._open_reasoning = self._open_reasoning[:cut], self._open_reasoning[cut:]
        self._reasoning_column.show(inert(finished), inert(self._open_reasoning))

    def _show_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self._accordion.set_title(0, title)

    def _fold(self) -> None:
        if not self._was_touched:
            self._accordion.unobserve(self._note_touch, "selected_index")
            self._accordion.selected_index = None
            self._accordion.observe(self._note_touch, "selected_index")

    def _note_touch(self, _change: object) -> None:
        self._was_touched = True


class _Column:
    """A box that only grows: finished HTML is gathered in groups, the last widget holds the open end.

    The groups stand in rows: a box's list of children is sent whole with each that is added.
    """

    def __init__(self, factory: _Widgets, kind: type) -> None:
        self._factory, self._kind = factory, kind
        self._tail = factory.html(kind)
        self._rows: list[Any] = []
        self._groups: list[Any] = []  # of the last row
        self._last = ""  # HTML in the last group
        self.box = factory.box((self._tail,))

    def show(self, finished: str, tail: str) -> None:
        if finished and self._groups and len(self._last) + len(finished) <= GROUP_LENGTH:
            self._last += finished
            self._groups[-1].value = self._last
        elif finished:
            self._last = finished
            self._append(self._factory.html(self._kind, finished))
        self._tail.value = tail

    def _append(self, group: Any) -> None:
        if self._groups and len(self._groups) < ROW_SIZE:
            self._groups.append(group)
            self._rows[-1].children = tuple(self._groups)
            return
        self._groups = [group]
        self._rows.append(self._factory.box((group,)))
        self.box.children = (*self._rows, self._tail)


def _growing(turn: Turn) -> _Growing:
    """What makes HTML of an answer while it grows."""
    if not turn.wants_json:
        return Blocks()
    return table.Growing(turn.wrapper) if turn.wants_frame and turn.step.n == 1 else tree.Rows(turn.wrapper)


def _page() -> object:
    """What stands for the page that shows the widgets: the channel over which it asks for all of them."""
    return getattr(widgets.Widget, "_control_comm", None)  # ipywidgets 7 has none


def _beginning(turn: Turn) -> int:
    """How often the answer began anew: it was asked for again, or its text turned out to be reasoning."""
    return len(turn.rejections) + sum(choice.moves for choice in turn.choices)


def _clicks_arrive() -> bool:
    """Whether a click is handled while an awaited cell runs: with ipykernel 7 and later, not before."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return int(version("ipykernel").partition(".")[0]) >= 7
    except PackageNotFoundError:  # another kernel, of which nothing is known
        return False
