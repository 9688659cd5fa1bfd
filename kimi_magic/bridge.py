"""The one I/O thread with the one loop, and the two ways to listen to work that runs there.

A job is an async function that is given `emit` and calls it with batches of events. `alisten` is for a cell
that is awaited: the kernel's loop stays free. `listen` is for everywhere else: it reads a queue, and an
interrupt gets through. Either way events cross to the listener in batches, the first at once, later ones
one a `FRAME`, and none is lost, doubled or reordered.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

from kimi_magic.errors import KimiInterrupted

T = TypeVar("T")
Emit = Callable[[list[T]], None]
Job = Callable[[Emit[T]], Coroutine[Any, Any, None]]
Put = Callable[[list[T] | None], None]

FRAME = 1 / 15  # s between two batches; the eye sees no difference to more, the browser does
# s after which a listener looks up although nothing came. An interrupt gets in only then: on Windows a thread
# that waits for a lock hears no signal, and ipykernel's handler cancels the task without waking its loop.
TICK = 0.03
UNWIND = 2.0  # s that a cancelled job may take to close its connection before nobody waits for it any more
STOPPED = "stopped; the part that arrived is kept"


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


class Work:
    """A job on the I/O thread: `put` is called there with batches, and with None once it has ended."""

    def __init__(self, io: IOThread, job: Job[T], put: Put[T]) -> None:
        self._loop = io.loop
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._cancelled = False
        self._loop.call_soon_threadsafe(self._start, job, put)

    def cancel(self) -> None:
        """Ask the job to end; from any thread, also from a signal handler."""
        self._loop.call_soon_threadsafe(self._cancel)

    def check(self) -> None:
        """After the end: raise what the job raised, or `KimiInterrupted` if it was cancelled."""
        if self._cancelled:
            raise KimiInterrupted(STOPPED)
        if self._error is not None:
            raise self._error

    def _start(self, job: Job[T], put: Put[T]) -> None:
        crossing = _Crossing(put)
        self._task = self._loop.create_task(job(crossing.emit))

        # A callback and no `finally` in the job: a task that is cancelled before its first step runs neither.
        def end(task: asyncio.Task[None]) -> None:
            self._cancelled = task.cancelled()
            self._error = None if self._cancelled else task.exception()
            crossing.flush()
            put(None)

        self._task.add_done_callback(end)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class _Crossing:
    """Gathers events on the I/O loop and hands them over once a `FRAME`; after a rest, two may cross at once.

    The second is for the first words: they need not wait because it was told that the request is on its way.
    """

    def __init__(self, put: Callable[[list[Any] | None], None]) -> None:
        self._put = put
        self._loop = asyncio.get_running_loop()
        self._events: list[Any] = []
        self._next = 0.0  # loop time before which nothing crosses
        self._timer: asyncio.TimerHandle | None = None

    def emit(self, events: list[Any]) -> None:
        self._events += events
        if self._timer is None and self._events:
            # "At once" means when the job next waits: all that one read brought crosses together.
            self._timer = self._loop.call_at(self._next, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._events:
            self._next = max(self._next, self._loop.time() - FRAME) + FRAME
            events, self._events = self._events, []
            self._put(events)


def listen(io: IOThread, job: Job[T], deliver: Callable[[list[T]], None]) -> None:
    """Run `job` and call `deliver` here, in this thread, with its batches until it ends.

    `deliver([])` says that nothing new came. Raises what the job raised, and `KimiInterrupted` after
    Ctrl-C or ■: the job is cancelled then, its connection closed, and what it had emitted delivered.
    """
    inbox: queue.SimpleQueue[list[T] | None] = queue.SimpleQueue()
    with _interrupts() as interrupts:
        work = Work(io, job, inbox.put)
        interrupts.call(work.cancel)
        try:
            while True:
                try:
                    batch = inbox.get(timeout=TICK)
                except queue.Empty:
                    batch = []
                if batch is None:
                    break
                deliver(batch)
        except BaseException:
            work.cancel()  # the listener itself failed: do not leave the job running
            raise
    work.check()


class _Interrupts:
    """The first SIGINT is a call, the second a `KeyboardInterrupt` as usual."""

    def __init__(self) -> None:
        self._came = False
        self._stop: Callable[[], None] | None = None

    def call(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self._came:
            stop()

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            signal.default_int_handler(number, frame)
        self._came = True
        if self._stop is not None:
            self._stop()


@contextlib.contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    """Take SIGINT as a call: an exception could strike between taking a batch and delivering it."""
    interrupts = _Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # signals arrive in the main thread only
        return
    previous = signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, previous)


async def alisten(
    io: IOThread,
    job: Job[T],
    deliver: Callable[[list[T]], None],
    started: Callable[[Work], None] = lambda _: None,
) -> None:
    """`listen` for a coroutine: same contract, and the running loop stays free between batches.

    `started` gets the work, which a button can then `cancel` with the same end as an interrupt. An interrupt
    arrives as the cancellation of the current task, which is how ipykernel passes it on.
    """
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[list[T] | None] = asyncio.Queue()

    def put(batch: list[T] | None) -> None:
        with contextlib.suppress(RuntimeError):  # the listener's loop is gone; there is nobody to tell
            loop.call_soon_threadsafe(inbox.put_nowait, batch)

    work = Work(io, job, put)
    started(work)
    try:
        while True:
            try:
                async with asyncio.timeout(TICK):
                    batch = await inbox.get()
            except TimeoutError:
                batch = []
            if batch is None:
                break
            deliver(batch)
    except asyncio.CancelledError:
        work.cancel()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            task.uncancel()
        # A second interrupt, or a connection that does not close, is not waited for.
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(UNWIND):
                while (batch := await inbox.get()) is not None:
                    deliver(batch)
        raise KimiInterrupted(STOPPED) from None
    except BaseException:
        work.cancel()
        raise
    work.check()
