"""The one I/O thread with the one loop, and the two ways to listen to work that runs there.

A job is an async function that is given `emit` and calls it with batches of events. `alisten` is for a cell
that is awaited: the kernel's loop stays free. `listen` is for everywhere else: it reads a queue, and an
interrupt gets through. Either way events cross to the listener in batches, the first at once, then at most
one batch a `FRAME`, and none is lost, doubled or reordered.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from kimi_magic.errors import KimiInterrupted

T = TypeVar("T")
Emit = Callable[[list[T]], None]
Job = Callable[[Emit[T]], Awaitable[None]]

FRAME = 1 / 15  # s between two batches; the eye sees no difference to more, the browser does
TICK = 0.05  # s after which a listener looks up although nothing came (Windows: so that interrupts get in)
UNWIND = 2.0  # s that a cancelled job may take to close its connection


class IOThread:
    """A daemon thread with an event loop, started at its first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="kimi_magic I/O", daemon=True
                )
                self._thread.start()
            return self._loop

    def run(self, job: Job[T], put: Callable[[list[T] | None], None]) -> concurrent.futures.Future[None]:
        """Start `job` there; `put` is called there with batches, then once with None at the end."""
        return asyncio.run_coroutine_threadsafe(_run(job, put), self.loop)

    def close(self) -> None:
        """Stop the thread. Jobs that still run are abandoned."""
        with self._lock:
            if self._loop is not None and self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(UNWIND)
            self._loop = None


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _run(job: Job[T], put: Callable[[list[T] | None], None]) -> None:
    crossing = _Crossing(put)
    try:
        await job(crossing.emit)
    finally:
        crossing.flush()
        put(None)


class _Crossing:
    """Gathers events on the I/O loop and hands them over at most once a `FRAME`."""

    def __init__(self, put: Callable[[list[Any] | None], None]) -> None:
        self._put = put
        self._loop = asyncio.get_running_loop()
        self._events: list[Any] = []
        self._next = 0.0  # loop time before which nothing crosses
        self._timer: asyncio.TimerHandle | None = None

    def emit(self, events: list[Any]) -> None:
        self._events += events
        if self._timer is None and self._events:
            # Also at once means: when the job next waits. All that one read brought crosses together.
            self._timer = self._loop.call_at(self._next, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._events:
            self._next = self._loop.time() + FRAME
            events, self._events = self._events, []
            self._put(events)


def listen(io: IOThread, job: Job[T], deliver: Callable[[list[T]], None]) -> None:
    """Run `job` and call `deliver` here, in this thread, with its batches until it ends.

    `deliver([])` says that nothing new came. Raises what the job raised, and `KimiInterrupted` after
    Ctrl-C or ■: the job is cancelled then, its connection closed, and what it had emitted delivered.
    """
    inbox: queue.SimpleQueue[list[T] | None] = queue.SimpleQueue()
    future = io.run(job, inbox.put)
    try:
        while True:
            try:
                batch = inbox.get(timeout=TICK)
            except queue.Empty:
                batch = []
            if batch is None:
                break
            deliver(batch)
        future.result(UNWIND)  # the end is announced just before the future is done
    except KeyboardInterrupt:
        future.cancel()
        with contextlib.suppress(queue.Empty, KeyboardInterrupt):
            while (batch := inbox.get(timeout=UNWIND)) is not None:
                deliver(batch)
        raise KimiInterrupted("stopped; the part that arrived is kept") from None
    except concurrent.futures.CancelledError:
        raise KimiInterrupted("stopped; the part that arrived is kept") from None
    except BaseException:
        future.cancel()  # the listener itself failed: do not leave the job running
        raise


async def alisten(io: IOThread, job: Job[T], deliver: Callable[[list[T]], None]) -> None:
    """`listen` for a coroutine: same contract, and the running loop stays free between batches.

    An interrupt arrives as the cancellation of the current task, which is how ipykernel passes it on.
    """
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[list[T] | None] = asyncio.Queue()

    def put(batch: list[T] | None) -> None:
        with contextlib.suppress(RuntimeError):  # the listener's loop is gone; there is nobody to tell
            loop.call_soon_threadsafe(inbox.put_nowait, batch)

    future = io.run(job, put)
    try:
        while True:
            try:
                async with asyncio.timeout(TICK * 5):
                    batch = await inbox.get()
            except TimeoutError:
                batch = []
            if batch is None:
                break
            deliver(batch)
        await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        future.cancel()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            task.uncancel()
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(UNWIND):
                while (batch := await inbox.get()) is not None:
                    deliver(batch)
        raise KimiInterrupted("stopped; the part that arrived is kept") from None
    except BaseException:
        future.cancel()
        raise
