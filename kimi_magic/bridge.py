"""The one I/O thread with the one loop, and the two ways to wait for work that runs there.

A job is an async function that gets `emit` and calls it with batches of events. `alisten` waits in a
coroutine: the running loop stays free. `listen` blocks the calling thread; an interrupt gets through. Either
way the events arrive in batches, the first at once, later ones one a `BATCH_INTERVAL`, and none is lost,
doubled or reordered. `Order` lets one at a time in, whoever waits in either way.

A Python in a browser (Pyodide) has no threads: there the jobs run on the page's own loop, and a blocking call
waits by switching stacks where the browser can do that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

from kimi_magic.errors import KimiInterrupted, KimiUsageError

T = TypeVar("T")
Emit = Callable[[list[T]], None]
Job = Callable[[Emit[T]], Coroutine[Any, Any, None]]
Put = Callable[[list[T] | None], None]

BATCH_INTERVAL = 1 / 15  # s between two batches; the eye sees no difference to more, the browser does
# s after which a listener looks up although nothing came: to show the time that passes, and where an
# interrupt gets in only then. On Windows a thread that waits for a lock hears no signal, and ipykernel's
# handler cancels the task without waking its loop.
POLL_INTERVAL = 0.03
CANCEL_TIMEOUT = 2.0  # s that a cancelled job may take to close its connection before nobody waits any more
HAS_THREADS = sys.platform != "emscripten"
IO_THREAD_NAME = "kimi_magic I/O"
STOPPED = "stopped; the part that arrived is kept"


def is_main_thread() -> bool:
    """Whether this is the thread that cells run on."""
    return threading.current_thread() is threading.main_thread()


class IOThread:
    """A daemon thread with a loop, started at its first use; without threads, the loop that is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._last: asyncio.Task[None] | None = None  # held, or it could be collected before it has run

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        if not HAS_THREADS:
            return asyncio.get_event_loop()
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name=IO_THREAD_NAME, daemon=True
                )
                self._thread.start()
            return self._loop

    def close(self, last_words: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Cancel all jobs, await `last_words`, and stop the thread. It starts again at its next use.

        Without a thread, other people's tasks are on the same loop: only `last_words` are awaited, later.
        """
        if not HAS_THREADS:
            if last_words is not None:
                self._last = self.loop.create_task(last_words())
            return
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_end(last_words), loop)
        thread.join(CANCEL_TIMEOUT)


async def _end(last_words: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    """Cancel what runs on this loop, and stop it."""
    loop = asyncio.get_running_loop()
    try:
        await _cancel_all()
        if last_words is not None:
            await last_words()
        await loop.shutdown_asyncgens()
        await _cancel_all()  # a generator that nobody holds any more is closed by a task of its own
    finally:
        loop.call_soon(loop.stop)


async def _cancel_all() -> None:
    jobs = asyncio.all_tasks() - {asyncio.current_task()}
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


class Aside:
    """A thread beside a loop, for what must not hold it: calls run there one after the other."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """What `function` returns; the running loop stays free where there are threads."""
        if not HAS_THREADS:
            return function(*arguments)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "kimi_magic checks")
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def close(self) -> None:
        """Begin nothing more, and wait for nothing."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)


class Stop:
    """Ends the work that is watched, now and later; for a button, from any thread."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self.is_requested = False

    def __call__(self) -> None:
        """Ask for the end."""
        self.is_requested = True
        if self._work is not None:
            self._work.cancel()

    def watch(self, work: Work) -> None:
        """Let `work` be what a call ends; at once if the end was asked for already."""
        self._work = work
        if self.is_requested:
            work.cancel()


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
    """Gathers events on the I/O loop and passes them on once a `BATCH_INTERVAL`.

    After a rest, two batches may pass at once: the first words need not wait because a batch before them said
    that the request is on its way.
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
            self._timer = self._loop.call_later(max(0.0, self._next - self._loop.time()), self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._events:
            self._next = max(self._next, self._loop.time() - BATCH_INTERVAL) + BATCH_INTERVAL
            events, self._events = self._events, []
            self._put(events)


class OtherThreads:
    """The blocking calls of threads that no signal reaches, such as those of a pool, while a cell runs.

    An interrupt of the cell ends them, and what the same threads would begin next until another cell runs: a
    pool goes through its queue whatever becomes of the cell.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # the signal's handler may run inside a method that holds it
        self._works: set[Work] = set()
        self._asking: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._stopped: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

    def begin_cell(self) -> None:
        """Forget what was begun in earlier cells: another interrupt does not end it."""
        with self._lock:
            self._works.clear()
            self._asking.clear()
            self._stopped.clear()

    def interrupt(self) -> None:
        """End all that the threads have begun in this cell; from a signal handler, too."""
        with self._lock:
            self._stopped.update(self._asking)
            for work in self._works:
                work.cancel()

    @contextlib.contextmanager
    def running(self, io: IOThread, job: Job[T], put: Put[T]) -> Iterator[Work]:
        """A work of the current thread.

        Raises:
            KimiInterrupted: The cell to which this thread belongs was interrupted.
        """
        thread = threading.current_thread()
        if thread is threading.main_thread():
            yield Work(io, job, put)
            return
        with self._lock:
            if thread in self._stopped:
                raise KimiInterrupted(STOPPED)
            self._asking.add(thread)
            work = Work(io, job, put)
            self._works.add(work)
        try:
            yield work
        finally:
            with self._lock:
                self._works.discard(work)


other_threads = OtherThreads()


class Order:
    """Lets one at a time in, in the order in which they came, from threads and coroutines alike."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: deque[Ticket] = deque()

    def take(self) -> Ticket:
        """A place in the line; whoever takes one leaves it in the end."""
        with self._lock:
            ticket = Ticket(self, list(self._tickets))
            self._tickets.append(ticket)
            if ticket is self._tickets[0]:
                ticket.admit()
        return ticket

    def remove(self, ticket: Ticket) -> None:
        """Let the next one in if it was the turn of `ticket`."""
        with self._lock:
            with contextlib.suppress(ValueError):
                self._tickets.remove(ticket)
            if self._tickets:
                self._tickets[0].admit()


class Ticket:
    """A place in an `Order`."""

    def __init__(self, order: Order, ahead: list[Ticket]) -> None:
        self._order = order
        self._turn: Future[None] = Future()
        self._thread = threading.get_ident()
        self._task = asyncio.current_task() if is_loop_running() else None
        # Whoever is ahead goes on only when this thread, or this very task, does.
        self._blocks_itself = any(each._thread == self._thread for each in ahead)
        self._awaits_itself = self._task is not None and any(each._task is self._task for each in ahead)

    def admit(self) -> None:
        """It is its turn."""
        if not self._turn.done():
            self._turn.set_result(None)

    @property
    def is_admitted(self) -> bool:
        """Whether it is its turn."""
        return self._turn.done()

    def wait(self) -> None:
        """Block this thread until it is its turn; an interrupt gets through.

        Raises:
            RuntimeError: It never comes: who is ahead goes on in this thread.
        """
        if self._blocks_itself and not self.is_admitted:
            raise RuntimeError("who is ahead goes on in this thread")
        if not HAS_THREADS:
            _block(self.arrive())
        while not self.is_admitted:
            with contextlib.suppress(TimeoutError):
                self._turn.result(POLL_INTERVAL)

    async def arrive(self, stop: Stop | None = None) -> None:
        """Wait until it is its turn, leaving the running loop free; `stop` ends the wait from elsewhere.

        Raises:
            KimiInterrupted: `stop` was called.
            RuntimeError: It never comes: who is ahead is this very task.
        """
        if self._awaits_itself and not self.is_admitted:
            raise RuntimeError("who is ahead is this very task")
        if self.is_admitted:
            return
        turn = asyncio.wrap_future(self._turn)
        while not self.is_admitted:
            await asyncio.wait((turn,), timeout=POLL_INTERVAL)  # which leaves the future alone
            if stop is not None and stop.is_requested:
                raise KimiInterrupted(STOPPED)

    def leave(self) -> None:
        """Let the next one in."""
        self._order.remove(self)


def is_loop_running() -> bool:
    """Whether a loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _block(work: Coroutine[Any, Any, None]) -> None:
    """Wait for `work` on the page's loop, in a browser that can switch stacks.

    Raises:
        KimiUsageError: It cannot, or somebody further out on the stack is not Python.
    """
    from pyodide.ffi import can_run_sync, run_sync  # type: ignore[import-not-found]

    if not can_run_sync():
        work.close()
        raise KimiUsageError(
            "this Python runs in a browser that cannot wait inside of a call; nothing was sent",
            hint="Write await kimi_magic.aask(...), or begin the cell with %%kimi.",
        )
    run_sync(work)


def listen(
    io: IOThread, job: Job[T], deliver: Callable[[list[T]], None], *, stop: Stop | None = None,
    polls: bool = True,
) -> None:  # fmt: skip
    """Run `job` and call `deliver` in this thread with its batches until it ends.

    `stop` can end it from elsewhere. With `polls`, `deliver([])` says now and then that nothing new came;
    without, the thread sleeps until something comes.

    Raises:
        KimiUsageError: There are no threads, and the browser cannot wait inside of a call.
        KimiInterrupted: After Ctrl-C, ■ or `stop`: the job was cancelled, its connection is closed, and what
            it had emitted was delivered.
        BaseException: What the job or `deliver` raised.
    """
    if not HAS_THREADS:
        _block(alisten(io, job, deliver, stop=stop, polls=polls))
        return
    inbox: queue.SimpleQueue[list[T] | None] = queue.SimpleQueue()
    with _interrupts() as interrupts, other_threads.running(io, job, inbox.put) as work:
        must_poll = polls or (os.name == "nt" and interrupts.are_caught)
        interrupts.call(work.cancel)
        if stop is not None:
            stop.watch(work)
        try:
            while True:
                try:
                    batch = inbox.get(timeout=POLL_INTERVAL if must_poll else None)
                except queue.Empty:
                    batch = []
                if batch is None:
                    break
                if batch or polls:
                    deliver(batch)
        except BaseException:
            work.cancel()  # the listener itself failed: do not leave the job running
            raise
    # Only here: an interrupt may have come after the job had ended, while its last batch was shown.
    if interrupts.has_come:
        raise KimiInterrupted(STOPPED)
    work.check()


class _Interrupts:
    """The first SIGINT is a call, the second a `KeyboardInterrupt` as usual."""

    def __init__(self) -> None:
        self.has_come = False
        self.are_caught = False
        self._stop: Callable[[], None] | None = None

    def call(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self.has_come:
            stop()

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.has_come:
            signal.default_int_handler(number, frame)
        self.has_come = True
        if self._stop is not None:
            self._stop()


@contextlib.contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    """Take SIGINT as a call: an exception could strike between taking a batch and delivering it."""
    interrupts = _Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # signals arrive in the main thread only
        return
    interrupts.are_caught = True
    previous = signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, previous)


class _Awake:
    """Wakes a loop now and then while somebody in it waits: one timer, however many wait.

    ipykernel's handler of an interrupt cancels the task of the cell without waking its loop.
    """

    def __init__(self) -> None:
        # By loop, how many wait in it; there is a timer for each loop that is in it.
        self._waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, int] = weakref.WeakKeyDictionary()

    @contextlib.contextmanager
    def __call__(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        if loop not in self._waiting:
            self._waiting[loop] = 0
            loop.call_later(POLL_INTERVAL, self._tick, loop)
        self._waiting[loop] += 1
        try:
            yield
        finally:
            self._waiting[loop] -= 1

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting[loop]:
            loop.call_later(POLL_INTERVAL, self._tick, loop)
        else:
            del self._waiting[loop]


_awake = _Awake()


async def alisten(
    io: IOThread, job: Job[T], deliver: Callable[[list[T]], None], *, stop: Stop | None = None,
    polls: bool = True,
) -> None:  # fmt: skip
    """`listen` for a coroutine: the running loop stays free between batches.

    A cancellation of the current task, which is also how ipykernel passes an interrupt on, cancels the job
    and stays a cancellation. With `polls`, `deliver([])` says now and then that nothing new came.

    Raises:
        asyncio.CancelledError: The current task was cancelled; what the job had emitted was delivered.
        KimiInterrupted: `stop` was called.
        BaseException: What the job or `deliver` raised.
    """
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[list[T] | None] = asyncio.Queue()

    def put(batch: list[T] | None) -> None:
        with contextlib.suppress(RuntimeError):  # the listener's loop is gone; there is nobody to tell
            loop.call_soon_threadsafe(inbox.put_nowait, batch)

    work = Work(io, job, put)
    if stop is not None:
        stop.watch(work)
    has_ended = False
    awake = contextlib.ExitStack()
    if not polls:
        awake.enter_context(_awake(loop))
    try:
        while not has_ended:
            try:
                async with asyncio.timeout(POLL_INTERVAL if polls else None):
                    batch = await inbox.get()
            except TimeoutError:
                batch = []
            if batch is None:
                has_ended = True
            else:
                deliver(batch)
        await asyncio.sleep(0)  # a cancellation that came while the last batch was shown gets in here
    except asyncio.CancelledError:
        work.cancel()
        # A second cancellation, or a connection that does not close, is not waited for.
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(None if has_ended else CANCEL_TIMEOUT):
                while not has_ended and (batch := await inbox.get()) is not None:
                    deliver(batch)
        raise
    except BaseException:
        work.cancel()
        raise
    finally:
        awake.close()
    work.check()
