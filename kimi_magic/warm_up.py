"""Import what the first cell needs while the person types it, in a thread."""

from __future__ import annotations

import sys
import threading
from typing import Any

DELAY = 0.1  # s after loading; sooner, and the imports slow the cell that loads
_warm_ups: list[threading.Timer] = []


def wait() -> None:
    """Let nobody import beside the warm-up: two threads that import parts of a package deadlock.

    Python ends such a deadlock by handing out modules that are not complete.
    """
    while _warm_ups:
        warm_up = _warm_ups.pop()
        warm_up.cancel()
        warm_up.join()


def start(shell: Any) -> None:
    """Begin to import, a moment after `%load_ext`; a browser has no threads, there the first cell imports."""
    if sys.platform == "emscripten":
        return
    warm_up = threading.Timer(DELAY, _warm_up, args=(shell,))  # `bridge` would import asyncio now
    warm_up.name, warm_up.daemon = "kimi_magic warm-up", True
    _warm_ups.append(warm_up)
    warm_up.start()


def _warm_up(shell: Any) -> None:
    """Import what the first cell needs while the person types it."""
    from kimi_magic import kernel, markdown, view

    view.choose(shell)
    markdown.render("`warm`")
    kernel.current.warm_up()
