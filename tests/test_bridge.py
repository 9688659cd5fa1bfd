"""Listening to a job on the I/O thread: order, completeness, errors, interrupts."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic import bridge
from kimi_magic.errors import KimiInterrupted, KimiStreamError


@pytest.fixture(scope="module")
def io() -> Iterator[bridge.IOThread]:
    thread = bridge.IOThread()
    yield thread
    thread.close()


def listen(io: bridge.IOThread, job: bridge.Job, deliver, **more) -> None:
    bridge.listen(io, job, deliver, **more)


def alisten(io: bridge.IOThread, job: bridge.Job, deliver, **more) -> None:
    asyncio.run(bridge.alisten(io, job, deliver, **more))


BOTH = pytest.mark.parametrize("hear", [listen, alisten])


@BOTH
@settings(max_examples=30, deadline=None)
@given(batches=st.lists(st.tuples(st.lists(st.integers(), max_size=5), st.booleans()), max_size=30))
def test_nothing_is_lost_doubled_or_reordered(io: bridge.IOThread, hear, batches):
    async def job(emit):
        for batch, wait in batches:
            emit(list(batch))
            if wait:
                await asyncio.sleep(0)

    heard: list[int] = []
    hear(io, job, heard.extend)
    assert heard == [item for batch, _ in batches for item in batch]


@BOTH
def test_events_cross_in_batches_not_one_by_one(io: bridge.IOThread, hear):
    async def job(emit):
        for n in range(2000):
            emit([n])
            if n % 10 == 0:
                await asyncio.sleep(0)

    batches: list[list[int]] = []
    began = asyncio.run(_now())
    hear(io, job, lambda batch: batches.append(batch) if batch else None)
    frames = (asyncio.run(_now()) - began) / bridge.BATCH_INTERVAL
    assert sum(map(len, batches)) == 2000
    assert len(batches) <= frames + 3


async def _now() -> float:
    return asyncio.get_running_loop().time()


@BOTH
def test_the_error_of_the_job_arrives_after_what_it_emitted(io: bridge.IOThread, hear):
    async def job(emit):
        emit([1, 2])
        raise KimiStreamError("broke off")

    heard: list[int] = []
    with pytest.raises(KimiStreamError, match="broke off"):
        hear(io, job, heard.extend)
    assert heard == [1, 2]


@BOTH
def test_delivery_happens_in_the_thread_that_listens(io: bridge.IOThread, hear):
    async def job(emit):
        emit([threading.get_ident()])

    threads: list[tuple[int, int]] = []
    hear(io, job, lambda batch: threads.extend((there, threading.get_ident()) for there in batch))
    ((there, here),) = threads
    assert here == threading.get_ident() != there


@BOTH
def test_a_listener_that_fails_does_not_leave_the_job_running(io: bridge.IOThread, hear):
    ended = threading.Event()

    async def job(emit):
        emit([1])
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ZeroDivisionError):
        hear(io, job, lambda batch: 1 // 0 if batch else None)
    assert ended.wait(10)


def listen_interrupted(io: bridge.IOThread, job, deliver) -> None:
    bridge.listen(io, lambda emit: job(emit, lambda: os.kill(os.getpid(), signal.SIGINT)), deliver)


def alisten_interrupted(io: bridge.IOThread, job, deliver) -> None:
    async def cell():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()  # ipykernel cancels the cell's task
        interrupt = lambda: loop.call_soon_threadsafe(task.cancel)  # noqa: E731
        await bridge.alisten(io, lambda emit: job(emit, interrupt), deliver)

    asyncio.run(cell())


INTERRUPTED = pytest.mark.parametrize(
    ("hear", "error"), [(listen_interrupted, KimiInterrupted), (alisten_interrupted, asyncio.CancelledError)]
)


@INTERRUPTED
def test_an_interrupt_cancels_the_job_and_keeps_what_it_emitted(io: bridge.IOThread, hear, error):
    ended = threading.Event()

    async def job(emit, interrupt):
        emit([1])
        interrupt()
        try:
            await asyncio.Event().wait()
        finally:
            emit([2])
            ended.set()

    heard: list[int] = []
    with pytest.raises(error):
        hear(io, job, heard.extend)
    assert ended.is_set()
    assert heard == [1, 2]


def test_an_interrupt_that_comes_while_the_last_batch_is_shown_is_not_lost(io: bridge.IOThread):
    async def job(emit):
        emit([1])

    def show(batch):
        if batch:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KimiInterrupted):
        bridge.listen(io, job, show)


def test_a_cancellation_that_comes_while_the_last_batch_is_shown_is_not_lost(io: bridge.IOThread):
    async def job(emit):
        emit([1])

    async def cell():
        task = asyncio.current_task()
        with pytest.raises(asyncio.CancelledError):
            await bridge.alisten(io, job, lambda batch: task.cancel() if batch else None)
        task.uncancel()

    asyncio.run(cell())


def test_a_timeout_around_a_listener_stays_a_timeout_and_ends_the_job(io: bridge.IOThread):
    ended = threading.Event()

    async def job(_emit):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def cell():
        async with asyncio.timeout(0.01):
            await bridge.alisten(io, job, lambda _: None)

    with pytest.raises(TimeoutError):
        asyncio.run(cell())
    assert ended.is_set()


@BOTH
def test_a_stop_that_was_asked_for_before_the_work_began_ends_it(io: bridge.IOThread, hear):
    stop = bridge.Stop()
    stop()

    async def job(_emit):
        await asyncio.Event().wait()

    with pytest.raises(KimiInterrupted):
        hear(io, job, lambda _: None, stop=stop)


def test_without_polls_the_listener_sleeps_until_something_comes(io: bridge.IOThread):
    async def job(emit):
        await asyncio.sleep(5 * bridge.POLL_INTERVAL)
        emit([1])

    batches = []
    bridge.listen(io, job, batches.append, polls=False)
    assert batches == [[1]]


def test_a_closed_thread_ends_its_jobs_says_its_last_words_and_starts_again_when_used():
    thread, heard = bridge.IOThread(), []

    async def job(_emit):
        try:
            await asyncio.Event().wait()
        finally:
            heard.append("job")

    async def last_words():
        heard.append("last words")

    ended = threading.Event()
    work = bridge.Work(thread, job, lambda batch: ended.set() if batch is None else None)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), thread.loop).result(10)
    thread.close(last_words)
    assert heard == ["job", "last words"]
    assert ended.is_set()
    with pytest.raises(KimiInterrupted):
        work.check()
    assert not [each for each in threading.enumerate() if each is thread._thread and each.is_alive()]

    async def again(emit):
        emit([1])

    listen(thread, again, heard.append)
    assert heard[-1] == [1]
    thread.close()


@BOTH
def test_a_job_cancelled_from_elsewhere_ends_like_an_interrupt(io: bridge.IOThread, hear):
    async def job(_emit):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(KimiInterrupted):
        hear(io, job, lambda _: None)


def test_an_interrupt_is_no_error_that_a_loop_over_errors_swallows():
    assert issubclass(KimiInterrupted, KeyboardInterrupt)
    assert not issubclass(KimiInterrupted, Exception)


@BOTH
def test_the_listener_is_called_also_when_nothing_is_new(io: bridge.IOThread, hear):
    looked = threading.Event()

    async def job(_emit):
        await asyncio.to_thread(looked.wait, 10)

    hear(io, job, lambda batch: looked.set() if not batch else None)
    assert looked.is_set()


def test_any_number_of_listeners_that_need_no_looks_keep_their_loop_awake_with_one_timer(
    io: bridge.IOThread,
) -> None:
    released = threading.Event()

    async def job(emit: bridge.Emit[int]) -> None:
        emit([1])
        await asyncio.get_running_loop().run_in_executor(None, released.wait)

    async def listen_to_many() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        seen: list[list[int]] = []
        all_began = asyncio.Event()

        def deliver(batch: list[int]) -> None:
            seen.append(batch)
            if len(seen) == 30:
                all_began.set()

        listeners = [asyncio.create_task(bridge.alisten(io, job, deliver, polls=False)) for _ in range(30)]
        await all_began.wait()
        timers = sum(not handle.cancelled() for handle in loop._scheduled)
        released.set()
        await asyncio.gather(*listeners)
        return timers, sum(batch == [] for batch in seen)

    assert asyncio.run(listen_to_many()) == (1, 0)
