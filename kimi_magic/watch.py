"""What happens around each cell of a notebook: which one runs, interrupts, what it has shown, why it failed.

Imported with the extension, so it imports little.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

from IPython.core.async_helpers import _asyncio_runner

from kimi_magic import cells, rewriting

if TYPE_CHECKING:
    from kimi_magic.bridge import OtherThreads
    from kimi_magic.conversation import Turn
    from kimi_magic.reply import Reply

REPLY = ("kimi_magic.reply", "Reply")  # by name: its module need not be imported for it


class Watch:
    """The cells of one shell: how many run inside another, what the running one has shown, which failed."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._is_kernel = getattr(shell, "kernel", None) is not None
        self._depth = 0
        self._request = ""  # the message of the front end that the running cell answers
        self._run: cells.CellRun | None = None
        self._shown: Turn | None = None  # by the cell that runs
        self.matcher: Any = None  # of the completer
        self.failure: tuple[str, Exception] | None = None  # the last cell that failed, and why
        self._handle: Any = None  # of SIGINT, ours while a cell runs, and the one before
        self._handle_before: Any = None

    def enter(self, info: Any = None, *_: object) -> None:
        """A cell begins (IPython's `pre_run_cell`)."""
        if self._depth and not self._is_inside:
            self._end(is_good=False)  # JupyterLite's kernel does not tell how an awaited cell has ended
        if not self._depth:
            self._request = self._request_id()
            self._hear_interrupts()
            self._run = cells.CellRun(_cell_id(self._shell, info))
            cells.running.set(self._run)
        self._depth += 1

    def _hear_interrupts(self) -> None:
        """While a cell runs, let ■ also end what other threads ask: the signal reaches the main one alone."""
        if threading.current_thread() is not threading.main_thread():
            return
        import signal

        handle_before = signal.getsignal(signal.SIGINT)

        def handle(number: int, frame: Any) -> None:
            if (threads := _other_threads()) is not None:
                threads.interrupt()
            if callable(handle_before):
                handle_before(number, frame)

        if (threads := _other_threads()) is not None:
            threads.begin_cell()
        signal.signal(signal.SIGINT, handle)
        self._handle_before, self._handle = handle_before, handle

    def _hear_no_interrupts(self) -> None:
        """Put back the handler of before, unless the cell has set one of its own."""
        import signal

        handle, self._handle = self._handle, None
        if handle is not None and signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, self._handle_before)

    def leave(self, result: Any = None, *_: object) -> None:
        """A cell has ended (IPython's `post_run_cell`)."""
        error = getattr(result, "error_in_exec", None) or getattr(result, "error_before_exec", None)
        if isinstance(error, Exception):
            self._note_failure(getattr(result.info, "raw_cell", ""), error)
        self._depth = max(0, self._depth - 1)  # loaded inside a cell, it sees only that one's end
        if not self._depth:
            self._end(is_good=getattr(result, "success", False))

    def _end(self, *, is_good: bool) -> None:
        """Forget the cell that ran; one that was good drops the turns that it no longer asks."""
        self._depth = 0
        self._hear_no_interrupts()
        if self._shown is not None:
            self._shown = None
            with contextlib.suppress(KeyError):
                self._shell.display_formatter.ipython_display_formatter.pop(".".join(REPLY))
        run, self._run = self._run, None
        cells.running.set(None)
        if run is not None and run.counts and is_good:
            from kimi_magic import kernel

            kernel.current.end_cell(run)

    def _note_failure(self, source: str, error: Exception) -> None:
        """Keep what `%kimi_fix` speaks of; that a question of ours failed is told by its own line."""
        from kimi_magic.errors import KimiError

        if not isinstance(error, KimiError):
            self.failure = (source or "", error)

    def rewrite(self, lines: list[str]) -> list[str]:
        """The input transformer of `%%kimi` cells.

        It comes before IPython's own, which take `>>> ` and `In [1]: ` out of a prompt.
        """
        return rewriting.rewrite(lines, can_await=self._can_await)

    # What a terminal asks is whether the cell is complete: one that we have rewritten always is.
    rewrite.has_side_effects = True  # type: ignore[attr-defined]

    @property
    def _can_await(self) -> bool:
        """Whether the next cell can be awaited: one of a kernel's own, on asyncio."""
        shell = self._shell
        is_on_asyncio = shell.loop_runner in (_asyncio_runner, "asyncio")
        return bool(self._is_kernel and not self._is_inside and shell.autoawait and is_on_asyncio)

    @property
    def _is_inside(self) -> bool:
        """Whether the front end's message is the one that the running cell answers already."""
        return self._depth > 0 and self._request_id() == self._request

    def _request_id(self) -> str:
        return str(cells.request_of(self._shell).get("header", {}).get("msg_id", ""))

    def note_shown(self, turn: Turn) -> None:
        """Until the cell ends, a `turn` that it has shown is not shown again as its value."""
        if self._is_kernel and self._depth:
            self._shown = turn
            formatter = self._shell.display_formatter.ipython_display_formatter
            formatter.for_type_by_name(*REPLY, self._show_once)

    def _show_once(self, reply: Reply[Any]) -> None:
        if reply.turn is self._shown:
            return
        from IPython.display import display

        from kimi_magic import view

        display(view.bundle(reply.turn), raw=True)


def _other_threads() -> OtherThreads | None:
    """What threads other than the main one ask; None until `bridge` is imported: nobody has asked then.

    The warm-up may just be importing it: the module is there by name before its contents are.
    """
    return getattr(sys.modules.get("kimi_magic.bridge"), "other_threads", None)


def _cell_id(shell: Any, info: Any) -> str:
    """The id of the cell that the front end runs, "" where it does not say."""
    if getattr(info, "cell_id", None):
        return str(info.cell_id)
    return str(cells.request_of(shell).get("metadata", {}).get("cellId") or "")


def of(shell: Any) -> Watch | None:
    """The watch of `shell`; None where the extension is not loaded."""
    watch: Watch | None = shell.__dict__.get("_kimi_magic_cells")
    return watch
