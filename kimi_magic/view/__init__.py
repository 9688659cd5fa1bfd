"""Where a reply appears: a notebook, a terminal. Which one, is decided here."""

from __future__ import annotations

import sys
from typing import Any

from kimi_magic.turn import View


def choose(shell: Any, *, hide_reasoning: bool = False) -> View:
    """The view for `shell`, the running IPython shell, or None in a plain terminal."""
    if getattr(shell, "kernel", None) is not None:
        from kimi_magic.view.notebook import NotebookView

        return NotebookView(hide_reasoning=hide_reasoning)
    from kimi_magic.view.terminal import TerminalView

    # Without a shell the process ends with the answer.
    return TerminalView(sys.stdout, sys.stderr, hide_reasoning=hide_reasoning, lasting=shell is not None)
