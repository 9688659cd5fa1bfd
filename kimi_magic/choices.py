"""One of the answers to a request, as far as it has come. No I/O, and nothing of how it travels."""

from __future__ import annotations

from time import monotonic
from typing import Literal

import msgspec

ChoiceState = Literal["waiting", "reasoning", "answering", "ended"]

# Why an answer ended, as the service says it. There may be others.
STOP, LENGTH, CALLS, FILTER = "stop", "length", "tool_calls", "content_filter"


class ToolCall(msgspec.Struct, frozen=True):
    """The wish of the model to have a function run.

    `arguments` is JSON as the model wrote it: it may be empty, or malformed. `id` is what the result of the
    function has to name when it is sent; `name` is empty where the service left it out.
    """

    id: str
    name: str
    arguments: str


class Choice:
    """One answer of a `Reply`, growing while it streams. `str(choice)` is the text.

    `index` is its number in the service's count, from 0; `text` and `reasoning` are what arrived so far;
    `tool_calls` the functions it wants run; `finish_reason` the service's word for why it ended, None until
    then or if it never said; `reasoning_seconds` how long it thought; `state` is one of waiting, reasoning,
    answering, ended.

    It may begin with what is known: `prefix` is joined in front of the first text that arrives, `text` and
    `reasoning` are what an earlier request for the same answer had brought.
    """

    def __init__(self, index: int = 0, *, prefix: str = "", text: str = "", reasoning: str = "") -> None:
        self.index = index
        self.finish_reason: str | None = None
        self.state: ChoiceState = "waiting"
        self._prefix = prefix
        self._text = [text] if text else []
        self._reasoning = [reasoning] if reasoning else []
        self._calls: list[_GrowingCall] = []
        self._first_text: float | None = None
        self._first_thought: float | None = None
        self._ended: float | None = None

    def add_text(self, text: str) -> None:
        """More of the answer."""
        if not self._text and self._prefix:
            self._text.append(self._prefix)
        self._first_text = self._first_text or monotonic()
        self._text.append(text)
        self.state = "answering"

    def add_reasoning(self, text: str) -> None:
        """More of the thought; after the answer began it takes nothing of it back."""
        self._first_thought = self._first_thought or monotonic()
        self._reasoning.append(text)
        if self.state != "answering":
            self.state = "reasoning"

    def add_call(self, position: int | None, id: str, name: str, arguments: str) -> None:
        """A piece of a call: `position` counts the calls of this answer, None where the service did not."""
        call = self._call_at(position, id)
        call.id = call.id or id  # hosts repeat both; neither comes in pieces
        call.name = call.name or name
        call.arguments.append(arguments)
        self.state = "answering"

    def _call_at(self, position: int | None, id: str) -> _GrowingCall:
        """The call that a piece belongs to: by its position, else by its id, else the last; or a new one."""
        if position is not None:
            known = next((call for call in self._calls if call.position == position), None)
        elif id:
            known = next((call for call in self._calls if call.id == id), None)
        else:
            known = self._calls[-1] if self._calls else None
        if known is None:
            known = _GrowingCall(position)
            self._calls.append(known)
        return known

    def end(self, finish_reason: str | None = None) -> None:
        """Nothing more is expected; what comes all the same is taken."""
        self.finish_reason = finish_reason or self.finish_reason
        self.state = "ended"
        self._ended = self._ended or monotonic()

    @property
    def text(self) -> str:
        """The answer so far."""
        return _joined(self._text)

    @property
    def reasoning(self) -> str:
        """What the model thought so far."""
        return _joined(self._reasoning)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls so far, in the order in which they began."""
        return tuple(ToolCall(call.id, call.name, _joined(call.arguments)) for call in self._calls)

    @property
    def reasoning_seconds(self) -> float:
        """From the first thought to the first word of the answer, the end, or now; 0 without thought."""
        if self._first_thought is None:
            return 0.0
        return (self._first_text or self._ended or monotonic()) - self._first_thought

    @property
    def answer_seconds(self) -> float:
        """From the first word of the answer to its end, or to now; 0 before it."""
        return (self._ended or monotonic()) - self._first_text if self._first_text else 0.0

    @property
    def heard(self) -> bool:
        """Whether the service said anything of it."""
        return bool(self._text or self._reasoning or self._calls or self.finish_reason)

    @property
    def keepable(self) -> bool:
        """Whether a conversation can go on from it.

        The service refuses empty messages and calls that nobody answered, and may refuse what its filter cut.
        """
        return bool(self.text) and not self.tool_calls and self.finish_reason != FILTER

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Choice {self.index} {shortened(self.text)!r} {self.finish_reason or self.state}>"


class _GrowingCall:
    """A `ToolCall` whose arguments arrive in pieces."""

    def __init__(self, position: int | None) -> None:
        self.position = position
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


def shortened(text: str, limit: int = 60) -> str:
    """The beginning of a text, for a `repr`."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _joined(parts: list[str]) -> str:
    """The parts as one text, kept joined so that reading it at every repaint does not add up."""
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""
