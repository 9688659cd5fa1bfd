"""What comes back, piece by piece, and what happens on the way: typed events."""

from __future__ import annotations

import msgspec

from kimi_magic.usage import Usage


class Sent(msgspec.Struct, frozen=True):
    """The whole request was sent; the answer has not begun."""


class Recorded(msgspec.Struct, frozen=True):
    """The answer comes from a recording; `seconds` is how long it took when it was recorded."""

    seconds: float


class Opened(msgspec.Struct, frozen=True):
    """The answer began: its id, and the model that answers."""

    id: str
    model: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    """A piece of the reasoning of choice `index`."""

    text: str
    index: int = 0


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the text of choice `index`."""

    text: str
    index: int = 0


class TextWasReasoning(msgspec.Struct, frozen=True):
    """The text of choice `index` so far was its reasoning: a tag has ended it that opened in the prompt."""

    index: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True):
    """A piece of a tool call: `call` counts the calls of a choice, None where the service did not count.

    Id, name and kind stand in the first piece, or in several; only `arguments` come in pieces.
    """

    id: str
    name: str
    arguments: str
    call: int | None = None
    index: int = 0
    kind: str = ""


class Finished(msgspec.Struct, frozen=True):
    """Choice `index` is complete, and why: `stop`, `length`, or another word of the service."""

    reason: str
    index: int = 0


class Counted(msgspec.Struct, frozen=True):
    """Tokens of choice `index`, or of the whole request where `index` is None."""

    usage: Usage
    index: int | None = None


class Retrying(msgspec.Struct, frozen=True):
    """Nothing has arrived and the request is sent again.

    `reason` is why, `wait` the seconds until then, `attempt` the number of the next of `attempts`.
    """

    reason: str
    wait: float
    attempt: int
    attempts: int


class Noticed(msgspec.Struct, frozen=True):
    """Something about the answer that the person should know, as a sentence."""

    text: str


Event = (
    Retrying | Sent | Opened | ReasoningDelta | TextDelta | TextWasReasoning | ToolCallDelta | Finished
    | Counted | Noticed | Recorded
)  # fmt: skip
