"""Where a reply appears: a notebook, a terminal. Which one, is decided here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from kimi_magic.messages import Message, Reply
from kimi_magic.turn import View
from kimi_magic.usage import Ledger


def choose(shell: Any, reasoning: str = "auto") -> View:
    """The view for `shell`, the running IPython shell, or None in a plain terminal.

    `reasoning` is auto (open while it thinks), open, closed or hidden; a terminal knows only hidden.
    """
    hidden = reasoning == "hidden"
    if getattr(shell, "kernel", None) is not None:
        from kimi_magic.view.notebook import NotebookView

        habit: Any = "auto" if hidden else reasoning
        return NotebookView(hide_reasoning=hidden, habit=habit)
    from kimi_magic.view.terminal import TerminalView

    # Without a shell the process ends with the answer.
    return TerminalView(sys.stdout, sys.stderr, hide_reasoning=hidden, lasting=shell is not None)


def show_ledger(shell: Any, ledger: Ledger) -> None:
    """What the requests of a kernel used: a table in a notebook, lines in a terminal."""
    from kimi_magic.view.ledger import html, table

    _show(shell, html(ledger), table(ledger))


def show_history(shell: Any, messages: Sequence[Message]) -> None:
    """What the next prompt continues."""
    from kimi_magic.view.history import html, plain

    _show(shell, html(messages), plain(messages))


def html_of(reply: Reply) -> str:
    """A reply that is the value of a cell, as its own cell showed it; its JSON as a tree."""
    from kimi_magic.view import static, tree

    return static.html(reply) + (tree.of_value(reply.value) if reply.values else "")


def _show(shell: Any, html: str, plain: str) -> None:
    if getattr(shell, "kernel", None) is None:
        print(plain)  # noqa: T201
        return
    from IPython.display import display

    display({"text/html": html, "text/plain": plain}, raw=True)
