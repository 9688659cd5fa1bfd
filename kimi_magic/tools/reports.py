"""What a function that runs as a tool says of how far it is."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from kimi_magic.errors import one_line

LONGEST = 200  # characters that are shown
# Tasks inherit it; `running` hands it on to threads.
report: ContextVar[Callable[[str], None] | None] = ContextVar("tool_progress", default=None)


def progress(text: object) -> None:
    """Show `text` in the card of the call that runs; nothing happens outside of one.

    Parameters:
        text: How far it is, on one line; of more than 200 characters the first are shown.
    """
    if (say := report.get()) is not None:
        say(one_line(str(text))[:LONGEST])
