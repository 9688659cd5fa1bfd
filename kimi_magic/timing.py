"""When the parts of an answer arrived, and what that says of the way they came. No I/O."""

from __future__ import annotations

from time import monotonic
from typing import Literal

import msgspec

from kimi_magic.messages import Event, ReasoningDelta, Retrying, TextDelta, ToolCallDelta

Mark = Literal["connecting", "connected", "responded"]

LONG_WAIT = 10.0  # s of waiting that a person notices as such
FEW_ARRIVALS = 2  # a body that was held back comes in one read of the network, or in two
STREAM_LENGTH = 400  # characters that no service writes within two reads, some 0.1 s


class Timing(msgspec.Struct, frozen=True):
    """When the parts of an answer arrived, in seconds since its request was begun; None for what never came.

    `connect`: how long it took to connect, None where an open connection was used. `first_byte`: the head of
    the response. `first_reasoning`, `first_answer`: their first pieces. `longest_silence`: the longest time
    between two pieces, from the first byte to the end. `seconds`: all of it. `arrivals` counts the reads of
    the network that brought pieces, `length` the characters of reasoning, answer and calls in them.
    """

    connect: float | None = None
    first_byte: float | None = None
    first_reasoning: float | None = None
    first_answer: float | None = None
    longest_silence: float = 0.0
    seconds: float = 0.0
    arrivals: int = 0
    length: int = 0

    @property
    def is_held_back(self) -> bool:
        """Whether a long answer came all at once, as from a gateway that buffers."""
        return self.length >= STREAM_LENGTH and self.arrivals <= FEW_ARRIVALS

    @property
    def verdict(self) -> str:
        """One word: unanswered, buffered, queued (a late first byte), stalled (a long silence) or smooth."""
        if self.first_byte is None:
            return "unanswered"
        if self.is_held_back:
            return "buffered"
        if self.first_byte >= LONG_WAIT:
            return "queued"
        return "stalled" if self.longest_silence >= LONG_WAIT else "smooth"


class Stopwatch:
    """Notes when the parts of one answer arrive, on the thread that receives them."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._connecting: float | None = None
        self._last: float | None = None
        self._timing = Timing()

    def mark(self, mark: Mark) -> None:
        """Note a step of the connection."""
        now = monotonic()
        if mark == "connecting":
            self._connecting = now
        elif mark == "connected" and self._connecting is not None:
            self._set(connect=now - self._connecting)
        elif mark == "responded":
            self._last = now
            self._set(first_byte=now - self._began)

    def take(self, events: list[Event]) -> None:
        """Note the events of one read."""
        now, length = monotonic(), 0
        for event in events:
            match event:
                case Retrying(wait=wait):  # the attempt that counts begins anew
                    self._began, self._connecting, self._last = now + wait, None, None
                    self._timing = Timing()
                case ReasoningDelta(text):
                    length += len(text)
                    if self._timing.first_reasoning is None:
                        self._set(first_reasoning=now - self._began)
                case TextDelta(text) | ToolCallDelta(arguments=text):
                    length += len(text) or 1
                    if self._timing.first_answer is None:
                        self._set(first_answer=now - self._began)
        if length:
            self._silence(now)
            self._set(arrivals=self._timing.arrivals + 1, length=self._timing.length + length)

    def timing(self, ended: float | None) -> Timing:
        """What was noted; `ended` is when the answer did by the clock of `monotonic`, None until then."""
        end = monotonic() if ended is None else ended
        silence = max(self._timing.longest_silence, end - self._last if self._last is not None else 0.0)
        return msgspec.structs.replace(
            self._timing, longest_silence=silence, seconds=max(0.0, end - self._began)
        )

    def _silence(self, now: float) -> None:
        if self._last is not None:
            self._set(longest_silence=max(self._timing.longest_silence, now - self._last))
        self._last = now

    def _set(self, **values: float | int) -> None:
        self._timing = msgspec.structs.replace(self._timing, **values)
