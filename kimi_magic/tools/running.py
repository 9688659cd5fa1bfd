"""Runs functions under their limits: on the main thread, in threads beside each other, or awaited.

`arun` awaits in the loop that runs: in a kernel's own, to which sessions and pools of the person belong.
`run` blocks. A coroutine on the blocking path needs a loop: where one runs in this thread already, nesting
does it (nest-asyncio2, applied at the first such call, and only then).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent import futures
from concurrent.futures import Future
from contextvars import copy_context
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

from kimi_magic import bridge
from kimi_magic.conversation import ToolResult
from kimi_magic.errors import KimiInterrupted, KimiUsageError
from kimi_magic.tools import reports, results
from kimi_magic.tools.arguments import Bound
from kimi_magic.tools.declaration import Tool
from kimi_magic.tools.results import Terms

Tick = Callable[[], None]  # shows what is new


class Call(NamedTuple):
    """A call that is ready to run: `arguments` fit the tool, `result` takes what comes of it."""

    tool: Tool
    arguments: Bound
    result: ToolResult


class _TooLong(BaseException):
    """The time of a function is over."""


class _Ended(Exception):  # noqa: N818
    """What ended a coroutine: as itself it would end the loop, and with it the kernel."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


def run(calls: Sequence[Call], terms: Terms, tick: Tick) -> None:
    """Run `calls`, together if they are several, and block until all have ended; each result is settled.

    Raises:
        KeyboardInterrupt: The person stopped them.
    """
    if any(call.tool.is_async for call in calls):
        _block_on(lambda: arun(calls, terms, tick))
    elif len(calls) == 1 or not bridge.HAS_THREADS:
        for call in calls:
            _here(call, terms, tick)
    else:
        waiting = [_Waiting(call, _in_thread(call)) for call in calls]
        with interrupts():
            while any([not each.settle(terms) for each in waiting]):  # noqa: C419 - each is asked
                open_ = [each.future for each in waiting if not each.call.result.has_ended]
                futures.wait(open_, bridge.POLL_INTERVAL, futures.FIRST_COMPLETED)
                tick()


async def arun(calls: Sequence[Call], terms: Terms, tick: Tick, stop: bridge.Stop | None = None) -> None:
    """`run` in a coroutine: functions that are async leave the loop free; `stop` ends them from elsewhere.

    Raises:
        asyncio.CancelledError: The current task was cancelled; what was awaited is cancelled too.
        KeyboardInterrupt: The person stopped a function on this thread.
        KimiInterrupted: `stop` was called.
    """
    if not any(call.tool.is_async for call in calls) and (len(calls) == 1 or not bridge.HAS_THREADS):
        for call in calls:
            _here(call, terms, tick)
        return
    waiting = []
    for call in calls:
        future = _task(call, tick) if call.tool.is_async else asyncio.wrap_future(_in_thread(call))
        waiting.append(_Waiting(call, future))
    try:
        while any([not each.settle(terms) for each in waiting]):  # noqa: C419 - each is asked
            open_ = [each.future for each in waiting if not each.call.result.has_ended]
            await asyncio.wait(open_, timeout=bridge.POLL_INTERVAL)
            tick()
            if stop is not None and stop.is_requested:
                raise KimiInterrupted(bridge.STOPPED)
    finally:
        await _end([each.future for each in waiting if each.call.tool.is_async])


class _Waiting:
    """A call that runs elsewhere, and is waited for."""

    def __init__(self, call: Call, future: Any) -> None:
        self.call = call
        self.future = future
        self._deadline = monotonic() + call.tool.timeout

    def settle(self, terms: Terms) -> bool:
        """Settle the result if the call has ended or its time is over; whether it is settled."""
        result = self.call.result
        if result.has_ended:
            return True
        if self.future.done():
            _settle_future(result, self.future, terms)
        elif monotonic() > self._deadline:
            self.future.cancel()
            how = "stopped" if self.call.tool.is_async else "left to itself"
            _time_out(self.call, how)
        return result.has_ended


def _settle_future(result: ToolResult, future: Any, terms: Terms) -> None:
    if future.cancelled():
        result.end("failed", "Error: the function cancelled itself.")
    elif (error := future.exception()) is not None:
        error = error.error if isinstance(error, _Ended) else error
        if isinstance(error, KeyboardInterrupt):  # of something in it that was stopped, such as `ask`
            raise KimiInterrupted(bridge.STOPPED)
        results.fail(result, error)
    else:
        results.settle(result, future.result(), terms)


def _time_out(call: Call, how: str) -> None:
    seconds = f"{call.tool.timeout:g} s"
    call.result.end("failed", f"Error: the function took longer than its limit of {seconds} and was {how}.")
    call.result.note = f"it took longer than its limit of {seconds} and was {how}"


# ---- on this thread ----


def _here(call: Call, terms: Terms, tick: Tick) -> None:
    """Call the function in this thread, with its time limit and with an interrupt that reaches it."""
    result = call.result
    result.begin()
    tick()
    try:
        with _reporting(result, tick), interrupts(), _time_limit(call.tool.timeout):
            value = call.tool.function(*call.arguments.positional, **call.arguments.named)
    except _TooLong:
        _time_out(call, "stopped")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the function raises is told to the model
        results.fail(result, error)
    else:
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            value = None
            results.fail(result, TypeError("it returned an awaitable; declare the function with async def"))
        else:
            results.settle(result, value, terms)


@contextlib.contextmanager
def _reporting(result: ToolResult, tick: Tick) -> Iterator[None]:
    def say(text: str) -> None:
        result.progress = text
        tick()

    token = reports.report.set(say)
    try:
        yield
    finally:
        reports.report.reset(token)


@contextlib.contextmanager
def interrupts() -> Iterator[None]:
    """Let SIGINT raise `KeyboardInterrupt` here: ipykernel would only cancel the task of the cell."""
    if not bridge.is_main_thread() or not bridge.HAS_THREADS:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        bridge.other_threads.interrupt()
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TooLong` in the main thread after `seconds`, by SIGALRM; where that is not free, never."""
    can = bridge.is_main_thread() and hasattr(signal, "setitimer") and bridge.HAS_THREADS
    if not can or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    is_on = True

    def handle(number: int, frame: FrameType | None) -> None:
        if is_on:
            raise _TooLong

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        is_on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---- elsewhere ----


def _in_thread(call: Call) -> Future[Any]:
    """Call the function in a thread of its own, which a process that ends does not wait for."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    call.result.begin()
    context = copy_context()

    def say(text: str) -> None:
        call.result.progress = text

    def work() -> None:
        context.run(reports.report.set, say)
        try:
            value = context.run(call.tool.function, *call.arguments.positional, **call.arguments.named)
        except BaseException as error:  # noqa: BLE001 - it is told to the model
            future.set_exception(error)
        else:
            future.set_result(value)

    threading.Thread(target=work, name=f"kimi_magic tool {call.tool.name}", daemon=True).start()
    return future


def _task(call: Call, tick: Tick) -> asyncio.Task[Any]:
    async def work() -> Any:
        try:
            with _reporting(call.result, tick):
                return await call.tool.function(*call.arguments.positional, **call.arguments.named)
        except (KeyboardInterrupt, SystemExit) as error:
            raise _Ended(error) from None

    call.result.begin()
    return asyncio.ensure_future(work())


async def _end(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel what still runs, and give it a moment to clean up."""
    open_ = [task for task in tasks if not task.done()]
    for task in open_:
        task.cancel()
    if open_:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(open_, timeout=bridge.CANCEL_TIMEOUT)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # it was seen


# ---- a coroutine where the caller blocks ----


def _block_on(make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end; Ctrl-C and ■ cancel it.

    Raises:
        KimiInterrupted: The person stopped it.
    """
    loop = _loop()
    if not bridge.is_main_thread():
        loop.run_until_complete(make())
        return
    task = loop.create_task(make())
    was_interrupted = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal was_interrupted
        was_interrupted = True
        bridge.other_threads.interrupt()
        loop.call_soon_threadsafe(task.cancel)  # which wakes the loop

    before = signal.signal(signal.SIGINT, handle)
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        if not was_interrupted:
            raise
        raise KimiInterrupted(bridge.STOPPED) from None
    finally:
        signal.signal(signal.SIGINT, before)


def _loop() -> asyncio.AbstractEventLoop:
    """The loop that runs in this thread, made ready for nesting; IPython's, or one of our own."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        of_ipython = sys.modules.get("IPython.core.async_helpers")
        if of_ipython is not None and bridge.is_main_thread():
            return of_ipython.get_asyncio_loop()  # type: ignore[no-any-return]
        return _own_loop(threading.get_ident())
    import nest_asyncio2

    try:
        nest_asyncio2.apply(running)
    except ValueError:  # the loop of a page, or one that is not written in Python
        raise KimiUsageError(
            "an async function cannot be run here: the loop that runs cannot be nested",
            hint="Await the answer: a %%kimi cell of its own, or aask(...).",
        ) from None
    return running


@functools.lru_cache(maxsize=8)
def _own_loop(thread: int) -> asyncio.AbstractEventLoop:
    """One loop for each thread, so that what a function opened in one call is there in the next."""
    return asyncio.new_event_loop()
