"""Where a turn appears: a notebook, a terminal. Which one, is decided here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from kimi_magic import cells
from kimi_magic.conversation import Conversation, Turn
from kimi_magic.messages import Message
from kimi_magic.usage import Ledger

if TYPE_CHECKING:
    from kimi_magic.attachments import Attachment
    from kimi_magic.view.batch import BatchView
    from kimi_magic.view.preview import Preview


class View(Protocol):
    """Where a turn appears."""

    def open(self, turn: Turn, stop: Callable[[], None] | None = None) -> None:
        """Show life, before anything was sent. `stop` ends the turn, where a click can arrive meanwhile."""

    def update(self, turn: Turn) -> None:
        """Show how far the turn has come. Also called when nothing is new but the time."""

    def close(self, turn: Turn) -> None:
        """Show the final state and leave nothing alive behind."""

    @property
    def can_ask(self) -> bool:
        """Whether a person can click on buttons while a turn runs; `update` shows them where it asks."""

    def repeat(self, turn: Turn) -> None:
        """Show a turn again as it was shown when it was asked; nothing is sent for it."""


_ID_OF_NBCLASSIC = re.compile("[0-9a-f]{32}")


def choose(shell: Any, reasoning: str = "auto") -> View:
    """The view for `shell`, the running IPython shell, or None in a plain terminal.

    `reasoning` is auto (open while the model reasons), open, closed or hidden; a terminal knows only hidden.
    """
    hidden = reasoning == "hidden"
    if is_notebook(shell):
        from kimi_magic.view import notebook

        habit: Any = "auto" if hidden else reasoning
        kind: type[notebook.NotebookView] = notebook.NotebookView
        if is_captured(shell):
            kind = notebook.WidgetView
        elif not is_updated(shell):
            kind = notebook.EndView
        return kind(hide_reasoning=hidden, habit=habit)
    from kimi_magic.view.terminal import TerminalView

    # Without a shell the process ends with the answer.
    return TerminalView(sys.stdout, sys.stderr, hide_reasoning=hidden, lasting=shell is not None)


def progress() -> View | None:
    """A line while `ask` waits, which goes when it has ended; None where no front end would update it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if not is_notebook(shell) or is_captured(shell) or not is_updated(shell):
        return None
    from kimi_magic.view import notebook

    return notebook.ProgressView()


def choose_batch(shell: Any = None) -> BatchView | None:
    """Where it is shown how far a map is: in the notebook, in a terminal, or nowhere.

    `shell` is the running IPython shell, None to look for it.
    """
    from kimi_magic.view import batch

    if shell is None and "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
    if is_notebook(shell):
        from kimi_magic.view import notebook

        return notebook.batch_view()
    return batch.for_terminal() if sys.stderr.isatty() else None


def show_frame(shell: Any, frame: Any) -> None:
    """The first rows of a DataFrame."""
    from kimi_magic.view import table, words

    _show(shell, words.for_export(table.html(frame)), words.printable(str(frame)))


def differences_html(rows: Sequence[tuple[str, str, str]], count: str) -> str:
    """Places with what is there on two sides, as a table."""
    from kimi_magic.view import table, words

    return words.for_export(table.differences_html(rows, count))


def differences_markdown(rows: Sequence[tuple[str, str, str]], count: str) -> str:
    """The same as a table of Markdown."""
    from kimi_magic.view import table

    return table.differences_markdown(rows, count)


def is_notebook(shell: Any) -> bool:
    """Whether `shell` is that of a kernel, whose outputs can be updated."""
    return getattr(shell, "kernel", None) is not None


def is_updated(shell: Any) -> bool:
    """Whether the front end updates a display that it has shown.

    JupyterLab, Notebook 7 and VS Code send the id of the cell with each execution, which consoles do not;
    Colab sends none, but updates. So do nbclassic and Notebook 6, whose messages have 32 digits as their id
    (`utils.uuid` in their `base/js/utils.js`); those of jupyter_client, by which consoles ask, have dashes.
    Elsewhere an answer that is only ever an update would never be seen.
    """
    request = cells.request_of(shell)
    if request.get("metadata", {}).get("cellId") or "google.colab" in sys.modules:
        return True
    return bool(_ID_OF_NBCLASSIC.fullmatch(str(request.get("header", {}).get("msg_id", ""))))


def is_captured(shell: Any) -> bool:
    """Whether an `Output` widget takes what is displayed, as in `with out:` and in the callbacks of widgets.

    Updates of a display do not reach it, but widgets in it are live.
    """
    parent = cells.request_of(shell)
    if parent.get("header", {}).get("msg_type") == "comm_msg":
        return True
    if (module := sys.modules.get("ipywidgets")) is None:
        return False
    ident = parent.get("header", {}).get("msg_id")
    widgets = getattr(module.widgets.widget, "_instances", None)  # ipywidgets 8, and 7
    widgets = module.Widget.widgets if widgets is None else widgets
    return any(
        isinstance(widget, module.Output) and ident and widget.msg_id == ident
        for widget in list(widgets.values())
    )


def show_ledger(shell: Any, ledger: Ledger, *, timing: bool = False) -> None:
    """What the requests of a kernel used, or when their answers came: a table, in a terminal as lines."""
    from kimi_magic.view import ledger as tables

    if timing:
        _show(shell, tables.timing_html(ledger), tables.timing_table(ledger))
    else:
        _show(shell, tables.html(ledger), tables.table(ledger))


def show_history(shell: Any, messages: Sequence[Message]) -> None:
    """What the next prompt continues."""
    from kimi_magic.view.history import html, plain

    _show(shell, html(messages), plain(messages))


def show_conversation(shell: Any, conversation: Conversation) -> None:
    """All turns of a conversation: who said what and when, with tokens and reasoning."""
    from kimi_magic.view.history import conversation_html, conversation_text

    _show(shell, conversation_html(conversation), conversation_text(conversation))


def conversation_markdown(conversation: Conversation) -> str:
    """A conversation as a Markdown file, for people."""
    from kimi_magic.view.history import conversation_markdown

    return conversation_markdown(conversation)


def reasoning_in(html: str) -> str:
    """The reasoning in the saved output of a turn, of the first answer if there are several."""
    from kimi_magic.view.read_back import reasoning_in

    return reasoning_in(html)


def is_inert(html: str) -> bool:
    """Whether a saved output holds nothing but what we would show: no script, frame, form or address."""
    from kimi_magic.view.read_back import is_inert

    return is_inert(html)


def show_preview(shell: Any, preview: Preview) -> None:
    """A request that is not sent."""
    from kimi_magic.view import preview as previews

    _show(shell, previews.html(preview), previews.plain(preview))


def show_prompt(
    shell: Any, prompt: Message, attachments: Sequence[Attachment] = (), *, with_text: bool = True
) -> None:
    """The prompt as it is sent, above the answer: what is attached, and its text."""
    from kimi_magic.view import preview

    text = preview.content(prompt) if with_text else ""
    _show(shell, preview.prompt_html(text, attachments), preview.prompt_plain(text, attachments))


def bundle(turn: Turn) -> dict[str, str]:
    """A turn that is the value of a cell, as its own cell showed it."""
    from kimi_magic.view import static

    return static.bundle(turn)


def _show(shell: Any, html: str, plain: str) -> None:
    if not is_notebook(shell):
        print(plain)  # noqa: T201
        return
    from IPython.display import display

    display({"text/html": html, "text/plain": plain}, raw=True)
