"""Bytes and time: payloads become server-sent events that leave on schedule or fail on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import cycle

from .faults import Faults

YIELD_INTERVAL = 0.004  # s of work at most between two turns of the event loop
_PIECES = (1, 3, 2, 7, 4, 1, 5, 6)  # bytes; sizes of the pieces when events are split


class Clock:
    """A schedule on the loop's clock: event `k` is due `k / speed` seconds after the start.

    A late event does not delay those after it, so that the pace does not depend on the reader's.
    """

    def __init__(self, speed: float) -> None:
        """Start the clock now; `speed` in events a second, 0 for no waiting."""
        self._speed = speed
        self._loop = asyncio.get_running_loop()
        self._start = self._last_turn = self._loop.time()

    def shift(self, seconds: float) -> None:
        """Move everything that is still to come."""
        self._start += seconds

    async def reach(self, count: int) -> None:
        """Return when event `count` is due.

        Events that are due already follow each other without a turn of the loop, so that a reader gets many
        at once, but for no longer than `YIELD_INTERVAL`.
        """
        due = self._start + (count / self._speed if self._speed > 0 else 0.0)
        now = self._loop.time()
        if due > now:
            await asyncio.sleep(due - now)
        elif now - self._last_turn >= YIELD_INTERVAL:
            await asyncio.sleep(0)
        else:
            return
        self._last_turn = self._loop.time()


async def events(payloads: Iterator[str], error: str, speed: float, faults: Faults) -> AsyncIterator[bytes]:
    """Yield one event per payload; `error` is the payload of a failure inside the stream.

    Raises `ConnectionResetError` where the connection is to break.
    """
    clock = Clock(speed)
    clock.shift(faults.slow_start)
    end = "\r\n" if faults.crlf else "\n"
    for count, payload in enumerate(payloads):
        if faults.silence is not None and count == faults.silence[0]:
            clock.shift(faults.silence[1])
        await clock.reach(count)
        if count == faults.reset:
            raise ConnectionResetError("reset by a fault switch")
        if count == faults.cut:
            return
        failed = count == faults.error_in_stream
        if faults.comments:
            for piece in _pieces(f": keep-alive{end}{end}".encode(), faults):
                yield piece
        for piece in _pieces(f"data: {error if failed else payload}{end}{end}".encode(), faults):
            yield piece
        if failed:
            return


def _pieces(event: bytes, faults: Faults) -> Iterator[bytes]:
    if not faults.split:
        yield event
        return
    start = 0
    for size in cycle(_PIECES):
        yield event[start : start + size]
        start += size
        if start >= len(event):
            return
