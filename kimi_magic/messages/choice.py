"""One of the answers to a request, as far as it has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Literal

import msgspec
from msgspec import structs

from kimi_magic.errors import one_line, printable

ChoiceState = Literal["waiting", "reasoning", "answering", "ended"]

# The values of `finish_reason` that the services document. Others may come.
STOP, LENGTH, CALLS, FILTER = "stop", "length", "tool_calls", "content_filter"
FUNCTION = "function"  # the usual kind of a tool call


class ToolCall(msgspec.Struct, frozen=True):
    """A request of the model to run a function.

    `arguments` is JSON text as the model wrote it: it may be empty or malformed. `id` names the call when its
    result is sent back; `name` is empty where the service left it out. `kind` is the service's word for what
    is called: a function, or something that the service runs itself, such as `builtin_function`.
    """

    id: str
    name: str
    arguments: str
    kind: str = FUNCTION


def sendable_calls(calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    """The calls as they can be sent back: as they came, but for an id or a name that is missing.

    The service refuses calls without them; the model is told that there is no function of that name.
    """
    return tuple(
        structs.replace(call, id=call.id or f"call_{place}", name=call.name or "unknown")
        for place, call in enumerate(calls)
    )


class Choice:
    """One answer, growing while it streams. `str(choice)` is the text as it can be printed.

    `index` is its number as the service counts, from 0; `text` and `reasoning` are what has arrived so far;
    `tool_calls` are the functions that the model wants to run; `finish_reason` is the service's word for why
    the answer ended, None until then or if the service never said; `reasoning_seconds` is how long the model
    reasoned; `state` is one of waiting, reasoning, answering, ended.

    An answer can start with known text: `prefix` is put in front of the first text that arrives; `text` and
    `reasoning` are what an earlier request for the same answer brought.
    """

    def __init__(self, index: int = 0, *, prefix: str = "", text: str = "", reasoning: str = "") -> None:
        self.index = index
        self.finish_reason: str | None = None
        self.moves = 0  # how often text turned out to be reasoning; what was shown of it is out of date
        self.state: ChoiceState = "waiting"
        self._prefix = prefix
        self._text = [text] if text else []
        self._reasoning = [reasoning] if reasoning else []
        self._calls: list[_GrowingCall] = []
        self._calls_by: dict[int | str, _GrowingCall] = {}  # by position, and by id
        self._first_text: float | None = None
        self._first_reasoning: float | None = None
        self._ended: float | None = None

    def add_text(self, text: str) -> None:
        """Append `text`, a piece of the answer."""
        if not self._text and self._prefix:
            self._text.append(self._prefix)
        self._first_text = self._first_text or monotonic()
        self._text.append(text)
        self.state = "answering"

    def add_reasoning(self, text: str) -> None:
        """Append `text`, a piece of the reasoning. What comes after the answer began keeps the state."""
        self._first_reasoning = self._first_reasoning or monotonic()
        self._reasoning.append(text)
        if self.state != "answering":
            self.state = "reasoning"

    def move_text(self) -> None:
        """Let the text so far be reasoning."""
        self.moves += 1
        self._reasoning += self._text
        self._text.clear()
        self._first_reasoning = self._first_reasoning or self._first_text
        self._first_text = None
        self.state = "reasoning"

    def add_call(self, position: int | None, id: str, name: str, arguments: str, kind: str = "") -> None:
        """Append a piece of a tool call.

        `position` counts the calls of this answer, None if not counted. `id`, `name` and `kind` ("" if the
        piece does not say them) are those of the call, `arguments` is the next part of its JSON.
        """
        call = self._call_at(position, id)
        if id and not call.id:  # some services repeat id and name; neither comes in pieces
            call.id = id
            self._calls_by.setdefault(id, call)
        call.name = call.name or name
        call.kind = call.kind or kind
        call.arguments.append(arguments)
        self.state = "answering"

    def take_arguments(self, name: str) -> None:
        """Let the arguments of the first call of `name` be the text, for they are the answer."""
        call = next((call for call in self.tool_calls if call.name == name), None)
        if call is not None:
            self._text = [call.arguments]
            self._calls.clear()
            self._calls_by.clear()
            self.finish_reason = STOP if self.finish_reason == CALLS else self.finish_reason

    def _call_at(self, position: int | None, id: str) -> _GrowingCall:
        """The call that a piece belongs to: by position, else by id, else the last one; or a new call."""
        if position is not None or id:
            known = self._calls_by.get(id if position is None else position)
        else:
            known = self._calls[-1] if self._calls else None
        if known is None:
            known = _GrowingCall()
            self._calls.append(known)
            if position is not None:
                self._calls_by[position] = known
        return known

    def end(self, finish_reason: str | None = None) -> None:
        """Mark the answer as ended; `finish_reason` says why. What still comes is appended all the same."""
        self.finish_reason = finish_reason or self.finish_reason
        self.state = "ended"
        self._ended = self._ended or monotonic()

    @property
    def text(self) -> str:
        """The answer so far."""
        return _joined(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return _joined(self._reasoning)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls so far, in the order in which they began."""
        return tuple(
            ToolCall(call.id, call.name, _joined(call.arguments), call.kind or FUNCTION)
            for call in self._calls
        )

    @property
    def reasoning_seconds(self) -> float:
        """Seconds from the first reasoning to the first text, the end, or now; 0 without reasoning."""
        if self._first_reasoning is None:
            return 0.0
        return (self._first_text or self._ended or monotonic()) - self._first_reasoning

    @property
    def answer_seconds(self) -> float:
        """Seconds from the first text to the end, or to now; 0 before the first text."""
        return (self._ended or monotonic()) - self._first_text if self._first_text else 0.0

    @property
    def has_content(self) -> bool:
        """Whether anything of this answer has arrived."""
        return bool(self._text or self._reasoning or self._calls or self.finish_reason)

    @property
    def fits_history(self) -> bool:
        """Whether the answer can be sent as part of a conversation.

        The service refuses empty messages and tool calls without a result, and may refuse an answer that its
        content filter ended.
        """
        return bool(self.text) and not self.tool_calls and self.finish_reason != FILTER

    def __str__(self) -> str:
        return printable(self.text)

    def __repr__(self) -> str:
        end = one_line(self.finish_reason or self.state)
        return f"<Choice {self.index} {shortened(self.text)!r} {end}>"


class _GrowingCall:
    """A tool call whose arguments arrive in pieces."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.kind = ""
        self.arguments: list[str] = []


def shortened(text: str, limit: int = 60) -> str:
    """`text`, or its first `limit` characters with an ellipsis as the last one."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _joined(parts: list[str]) -> str:
    """The parts as one text. Stores the joined text, so that reading it at every repaint stays cheap."""
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""
