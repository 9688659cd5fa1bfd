"""How functions that the model calls are run: the person is asked, then they run where the turn does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence

from kimi_magic import bridge, request
from kimi_magic.conversation import ToolResult
from kimi_magic.errors import KimiInterrupted
from kimi_magic.options.advice import phrase
from kimi_magic.request import Options
from kimi_magic.tools import results, running
from kimi_magic.tools.results import Terms
from kimi_magic.tools.running import Call
from kimi_magic.view import View, words

YES = ("y", "yes")


def run(calls: Sequence[Call], options: Options, show: Callable[[], None]) -> None:
    """Ask for those of `calls` that need it, and run what may run; each result is settled.

    Raises:
        KeyboardInterrupt: The person stopped it.
    """
    allowed = [call for call in calls if _is_free(call, options) or _is_allowed(call.result, show)]
    if allowed:
        running.run(allowed, _terms(options), show)
    show()


async def arun(
    calls: Sequence[Call],
    options: Options,
    show: Callable[[], None],
    *,
    view: View | None = None,
    stop: bridge.Stop | None = None,
) -> None:
    """`run` in a coroutine; where clicks arrive, `view` has buttons to answer with.

    Raises:
        KeyboardInterrupt, asyncio.CancelledError: It was stopped.
    """
    allowed = []
    for call in calls:
        if _is_free(call, options):
            allowed.append(call)
        elif view is not None and view.can_ask:
            if await _is_clicked(call.result, show, stop):
                allowed.append(call)
        elif _is_allowed(call.result, show):
            allowed.append(call)
    if allowed:
        await running.arun(allowed, _terms(options), show, stop)
    show()


def _terms(options: Options) -> Terms:
    sees = options.force or request.model_of(options).images is not False
    return Terms(sees=sees, force=options.force, image_size=options.image_size)


def _is_free(call: Call, options: Options) -> bool:
    return call.tool.safe or options.yes


async def _is_clicked(result: ToolResult, show: Callable[[], None], stop: bridge.Stop | None) -> bool:
    """Whether the person clicks Run; the loop stays free for the click."""
    decision: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def decide(allowed: bool) -> None:  # the click may arrive on another thread
        decision.get_loop().call_soon_threadsafe(settle, allowed)

    def settle(allowed: bool) -> None:
        if not decision.done():
            decision.set_result(allowed)

    result.state, result.decide = "asking", decide
    show()
    while not decision.done():
        await asyncio.wait((decision,), timeout=bridge.POLL_INTERVAL)
        if stop is not None and stop.is_requested:
            raise KimiInterrupted(bridge.STOPPED)
    result.state, result.decide = "waiting", None
    return _decided(result, decision.result(), show)


def _is_allowed(result: ToolResult, show: Callable[[], None]) -> bool:
    """Whether the person types yes; where nobody can type, it is refused."""
    result.state = "asking"
    show()
    typed = _typed(f"Run {words.call(result.call)}? [y/N] ")
    result.state = "waiting"
    if typed is None:
        result.end("refused", results.NOBODY)
        result.note = phrase(
            "nobody can be asked here whether it may run; {@yes} or @kimi_magic.tool(safe=True) lets it run"
        )
        show()
        return False
    return _decided(result, typed.strip().lower() in YES, show)


def _decided(result: ToolResult, allowed: bool, show: Callable[[], None]) -> bool:
    if not allowed:
        result.end("refused", results.REFUSED)
    show()
    return allowed


def _typed(question: str) -> str | None:
    """What the person types; None where nobody can.

    Raises:
        KimiInterrupted: Ctrl-C or ■ while it was asked.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    in_kernel = getattr(shell, "kernel", None) is not None
    if not bridge.is_main_thread() or not (in_kernel or (sys.stdin is not None and sys.stdin.isatty())):
        return None
    try:
        with running.interrupts():
            return input(question)
    except KeyboardInterrupt:
        raise KimiInterrupted(bridge.STOPPED) from None
    except (EOFError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and type(error).__name__ != "StdinNotImplementedError":
            raise
        return None
