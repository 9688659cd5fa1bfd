"""The vocabulary of the service: what is sent, what comes back, and the `Reply` it grows into.

Every JSON field name of the service stands in this file and nowhere else. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any, Literal

import msgspec

from kimi_magic.usage import Usage, of_choices

Role = Literal["system", "user", "assistant", "tool"]


# ---- what is sent ----


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, as it goes over the wire."""

    role: Role
    content: str
    reasoning_content: str | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """Asks for the token counts at the end of a stream."""

    include_usage: bool = True


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of one request; what stands at its default is not sent."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    def body(self) -> bytes:
        """The request as JSON, UTF-8.

        A lone surrogate, which Python text can hold and UTF-8 cannot, raises `UnicodeEncodeError`.
        """
        return msgspec.json.encode(self)


# ---- what comes back, piece by piece ----


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


class Finished(msgspec.Struct, frozen=True):
    """One choice is complete, and why: `stop`, `length`, or another word of the service."""

    reason: str
    index: int = 0


class Counted(msgspec.Struct, frozen=True):
    """Tokens of one choice, or of the whole request where `index` is None."""

    usage: Usage
    index: int | None = None


Event = Opened | ReasoningDelta | TextDelta | Finished | Counted


# ---- the wire: chunks of a stream and whole answers have one shape ----


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _WireUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    def usage(self) -> Usage:
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            prompt=self.prompt_tokens or 0,
            completion=self.completion_tokens or 0,
            cached=(prompt and prompt.cached_tokens) or self.cached_tokens or 0,
            reasoning=completion.reasoning_tokens if completion else None,
        )


class _Said(msgspec.Struct):
    """A `delta` or a `message`. Proxies rename `reasoning_content` to `reasoning`; both are the same."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None
    usage: _WireUsage | None = None  # Moonshot's own place for it


class Chunk(msgspec.Struct):
    """One JSON object of a stream, or a whole answer. `error` is whatever the service put there."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: _WireUsage | None = None
    error: Any = None

    def events(self) -> Iterable[Event]:
        """What this chunk says, in the order in which it happened: thought before answer before end."""
        for choice in self.choices or ():
            said = choice.delta or choice.message
            if said is not None:
                if thought := said.reasoning_content or said.reasoning:
                    yield ReasoningDelta(thought, choice.index)
                if said.content:
                    yield TextDelta(said.content, choice.index)
            if choice.finish_reason:
                yield Finished(choice.finish_reason, choice.index)
            if choice.usage is not None:
                yield Counted(choice.usage.usage(), choice.index)
        if self.usage is not None:
            yield Counted(self.usage.usage())


decode_chunk = msgspec.json.Decoder(Chunk).decode
"""JSON bytes to a `Chunk`; `msgspec.MsgspecError` (a `ValueError`) where they are not one."""


class Refusal(msgspec.Struct, frozen=True):
    """What a service says when it refuses, whatever shape it says it in."""

    message: str = ""
    type: str = ""


def refusal(error: Any) -> Refusal:
    """A refusal from a decoded error body, or from the `error` of a chunk.

    Understands an object or a string under `error`, a top-level `message`, and FastAPI's `detail`.
    """
    while isinstance(error, dict) and isinstance(inner := error.get("error"), dict | str) and inner:
        error = inner
    match error:
        case {"message": str(message), **rest}:
            return Refusal(message, str(rest.get("type") or rest.get("code") or ""))
        case {"detail": detail}:
            return Refusal(detail if isinstance(detail, str) else msgspec.json.encode(detail).decode())
        case str():
            return Refusal(error)
    return Refusal()


# ---- the growing answer ----

State = Literal["waiting", "reasoning", "answering", "complete", "interrupted", "failed"]


class Reply:
    """One answer, growing while it streams. `str(reply)` is the text.

    `text` and `reasoning` are what arrived so far; `finish_reason` is the service's word for why it ended,
    None until then or if it never said; `usage` its token counts, None where it gave none; `model` the model
    that answered; `seconds` from sending to the end (so far, while it grows); `reasoning_seconds` how long
    it thought; `state` is one of waiting, reasoning, answering, complete, interrupted, failed.
    """

    def __init__(self, model: str, *, simulated: bool = False) -> None:
        self.id = ""
        self.model = model
        self.simulated = simulated
        self.finish_reason: str | None = None
        self.state: State = "waiting"
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._usages: dict[int | None, Usage] = {}
        self._began = monotonic()
        self._first_text: float | None = None
        self._first_thought: float | None = None
        self._ended: float | None = None

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case TextDelta(text):
                self.state = "answering"
                self._first_text = self._first_text or monotonic()
                self._text.append(text)
            case ReasoningDelta(text):
                self.state = "reasoning" if not self._text else "answering"
                self._first_thought = self._first_thought or monotonic()
                self._reasoning.append(text)
            case Opened(id, model):
                self.id, self.model = id, model or self.model
            case Finished(reason):
                self.finish_reason = reason
            case Counted(usage, index):
                self._usages[index] = usage

    def end(self, state: Literal["complete", "interrupted", "failed"]) -> None:
        """Nothing more will come."""
        self.state = state
        self._ended = monotonic()

    @property
    def text(self) -> str:
        """The answer so far."""
        return _joined(self._text)

    @property
    def reasoning(self) -> str:
        """What the model thought so far."""
        return _joined(self._reasoning)

    @property
    def usage(self) -> Usage | None:
        """Tokens: the count of the whole request if the service gave one, else that of its choices."""
        if None in self._usages:
            return self._usages[None]
        return of_choices(list(self._usages.values())) if self._usages else None

    @property
    def seconds(self) -> float:
        """From sending to the end, or to now."""
        return (self._ended or monotonic()) - self._began

    @property
    def reasoning_seconds(self) -> float:
        """From the first thought to the first word of the answer, the end, or now; 0 without thought."""
        if self._first_thought is None:
            return 0.0
        return (self._first_text or self._ended or monotonic()) - self._first_thought

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended is not None

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        text = self.text
        excerpt = text if len(text) <= 60 else text[:59] + "…"
        return f"<Reply {excerpt!r} {self.model} {self.finish_reason or self.state}>"


def _joined(parts: list[str]) -> str:
    """The parts as one text, kept joined so that reading it at every repaint does not add up."""
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""
