"""What comes back, piece by piece, and what happens on the way: typed events."""

from __future__ import annotations

import msgspec

from kimi_magic.usage import Usage


class Sent(msgspec.Struct, frozen=True):
    """The whole request is on its way: from now on it is the service that takes its time."""


class Opened(msgspec.Struct, frozen=True):
    """The service began to answer: its id for the answer and the model that speaks."""

    id: str
    model: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    """More of what the model thinks."""

    text: str
    index: int = 0


class TextDelta(msgspec.Struct, frozen=True):
    """More of the answer."""

    text: str
    index: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True):
    """More of a tool call: `call` counts the calls of a choice, None where the service did not count.

    Id and name stand in the first piece, or in several; only `arguments` come in pieces.
    """

    id: str
    name: str
    arguments: str
    call: int | None = None
    index: int = 0


class Finished(msgspec.Struct, frozen=True):
    """One choice is complete, and why: `stop`, `length`, or another word of the service."""

    reason: str
    index: int = 0


class Counted(msgspec.Struct, frozen=True):
    """Tokens of one choice, or of the whole request where `index` is None."""

    usage: Usage
    index: int | None = None


class Retrying(msgspec.Struct, frozen=True):
    """Nothing came yet and the request is sent again: why, after how many seconds, as which of how many."""

    reason: str
    wait: float
    attempt: int
    attempts: int


Event = Retrying | Sent | Opened | ReasoningDelta | TextDelta | ToolCallDelta | Finished | Counted
