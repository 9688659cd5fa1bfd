"""The vocabulary of the service: what is sent, what comes back, and the `Reply` it grows into.

Every JSON field name of the service stands in this file and nowhere else. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Literal

import msgspec

from kimi_magic import models
from kimi_magic.choices import Choice, ToolCall, shortened
from kimi_magic.usage import Usage, cost, of_choices

Role = Literal["system", "user", "assistant", "tool"]


# ---- what is sent ----


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Text in a message that also has pictures."""

    text: str


class ImageUrl(msgspec.Struct, frozen=True):
    """The address of a picture: `data:`, `http(s):`, or what the host knows."""

    url: str


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    """A picture in a message."""

    image_url: ImageUrl


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, as it goes over the wire.

    `tool_calls`, `tool_call_id` and `name` are passed on as they are given; `partial` marks the last message
    as the beginning of the answer (Moonshot's guide to partial mode).
    """

    role: Role
    content: str | tuple[TextPart | ImagePart, ...] | None
    reasoning_content: str | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    partial: bool = False


def messages_from(given: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Messages given as dicts; `ValueError` names the place of the first that is none."""
    return msgspec.convert(list(given), tuple[Message, ...])


def question(text: str, pictures: Sequence[str] = ()) -> Message:
    """The user's message: text alone, or with pictures by their addresses."""
    if not pictures:
        return Message("user", text)
    parts = [ImagePart(ImageUrl(url)) for url in pictures]
    return Message("user", (*parts, TextPart(text)))


class ResponseFormat(msgspec.Struct, frozen=True, omit_defaults=True):
    """Asks for text or for a JSON object."""

    type: str
    json_schema: dict[str, Any] | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """Asks for the token counts at the end of a stream."""

    include_usage: bool = True


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of one request; what stands at its default is not sent."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] | None = None
    response_format: ResponseFormat | None = None
    tools: tuple[dict[str, Any], ...] | None = None
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


Event = Retrying | Opened | ReasoningDelta | TextDelta | ToolCallDelta | Finished | Counted


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


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct):
    """A `delta` or a `message`. Proxies rename `reasoning_content` to `reasoning`; both are the same."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


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
        """What this chunk says, in the order in which it happened: thought, answer, tool calls, end."""
        for choice in self.choices or ():
            said = choice.delta or choice.message
            if said is not None:
                if thought := said.reasoning_content or said.reasoning:
                    yield ReasoningDelta(thought, choice.index)
                if said.content:
                    yield TextDelta(said.content, choice.index)
                for place, call in enumerate(said.tool_calls or ()):
                    # Pieces without an index follow each other; in a whole message each is a call of its own.
                    position = place if call.index is None and choice.message else call.index
                    made = call.function or _Function()
                    yield ToolCallDelta(
                        call.id or "", made.name or "", made.arguments or "", position, choice.index
                    )
            if choice.finish_reason:
                yield Finished(choice.finish_reason, choice.index)
            if choice.usage is not None:
                yield Counted(choice.usage.usage(), choice.index)
        if self.usage is not None:
            yield Counted(self.usage.usage())


decode_chunk = msgspec.json.Decoder(Chunk).decode
"""JSON bytes to a `Chunk`; `msgspec.MsgspecError` (a `ValueError`) where they are not one."""


class _ModelList(msgspec.Struct):
    class _Named(msgspec.Struct):
        id: str

    data: list[_Named]


def model_names(body: bytes) -> list[str]:
    """The ids in the answer of `GET /models`; `ValueError` where it is none."""
    return [model.id for model in msgspec.json.decode(body, type=_ModelList).data]


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
    None until then or if it never said; `usage` its token counts, None where it gave none; `cost` an
    estimate from them in US dollars; `model` the model that answered; `seconds` from sending to the end (so
    far, while it grows); `reasoning_seconds` how long it thought; `state` is one of waiting, reasoning,
    answering, complete, interrupted, failed.

    `choices` are all answers where several were asked for; `text`, `reasoning`, `tool_calls` and
    `finish_reason` are those of the first, or of the one that was picked.
    """

    def __init__(
        self,
        model: str,
        *,
        simulated: bool = False,
        n: int = 1,
        max_tokens: int | None = None,
        prefix: str = "",
        begun: tuple[str, str] = ("", ""),
    ) -> None:
        """`n` answers of at most `max_tokens` are on their way, each begins with `prefix`.

        `begun` is text and reasoning of the one answer that is resumed.
        """
        self.id = ""
        self.model = model
        self.simulated = simulated
        self.notices: tuple[str, ...] = ()  # what the person should know of the request, a sentence each
        self.retrying: Retrying | None = None  # why nothing has come yet
        self.n = n  # how many answers were asked for
        self.kept = False  # whether it entered a conversation
        self.max_tokens = max_tokens
        self.state: State = "waiting"
        self._prefix = prefix
        self._choices = {index: Choice(index, prefix=prefix) for index in range(n)}
        if any(begun):
            self._choices[0] = Choice(prefix=prefix, text=begun[0], reasoning=begun[1])
        self._picked: Choice | None = None
        self._usages: dict[int | None, Usage] = {}
        self._began = monotonic()
        self._ended: float | None = None
        self._retry_at = 0.0

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case TextDelta(text, index):
                self.state = "answering"
                self._choice(index).add_text(text)
            case ReasoningDelta(text, index):
                if self.state != "answering":
                    self.state = "reasoning"
                self._choice(index).add_reasoning(text)
            case ToolCallDelta(id, name, arguments, call, index):
                self.state = "answering"
                self._choice(index).add_call(call, id, name, arguments)
            case Opened(id, model):
                self.id, self.model = id, model or self.model
                self.retrying = None
            case Retrying(wait=wait):
                self.retrying = event
                self._retry_at = monotonic() + wait
            case Finished(reason, index):
                self._choice(index).end(reason)
            case Counted(usage, index) if usage.total:  # all zeros: a host that does not count
                self._usages[index] = usage

    def end(self, state: Literal["complete", "interrupted", "failed"]) -> None:
        """Nothing more will come."""
        self.state = state
        self._ended = monotonic()
        for choice in self._choices.values():
            choice.end()
        heard = {index: choice for index, choice in self._choices.items() if choice.heard}
        self._choices = heard or {0: self.chosen}

    def pick(self, choice: Choice) -> None:
        """Let `choice` speak for the reply."""
        self._picked = choice

    def _choice(self, index: int) -> Choice:
        if index not in self._choices:
            self._choices[index] = Choice(index, prefix=self._prefix)
        return self._choices[index]

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers in the service's order: all that were asked for, at the end those that came."""
        return tuple(self._choices[index] for index in sorted(self._choices))

    @property
    def chosen(self) -> Choice:
        """The answer that speaks for the reply: the one that was picked, or the first."""
        return self._picked or self._choices[min(self._choices)]

    @property
    def text(self) -> str:
        """The answer so far."""
        return self.chosen.text

    @property
    def reasoning(self) -> str:
        """What the model thought so far."""
        return self.chosen.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants run."""
        return self.chosen.tool_calls

    @property
    def finish_reason(self) -> str | None:
        """The service's word for why the answer ended."""
        return self.chosen.finish_reason

    @property
    def usage(self) -> Usage | None:
        """Tokens: the count of the whole request if the service gave one, else that of its choices."""
        if None in self._usages:
            return self._usages[None]
        return of_choices(list(self._usages.values())) if self._usages else None

    def usage_of(self, choice: Choice) -> Usage | None:
        """Tokens of one answer; None where the service counted only all of them together."""
        return self.usage if len(self._choices) == 1 else self._usages.get(choice.index)

    @property
    def cost(self) -> float | None:
        """US dollars by the list price of the model that answered: an estimate.

        None where tokens or price are unknown, and offline, where nothing is spent.
        """
        price = models.find(self.model).price
        if self.usage is None or price is None or self.simulated:
            return None
        return cost(self.usage, price)

    @property
    def seconds(self) -> float:
        """From sending to the end, or to now."""
        return (self._ended or monotonic()) - self._began

    @property
    def reasoning_seconds(self) -> float:
        """From the first thought to the first word of the answer, the end, or now; 0 without thought."""
        return self.chosen.reasoning_seconds

    @property
    def retry_in(self) -> float:
        """Seconds until the request is sent again, 0 while it is on its way."""
        return max(0.0, self._retry_at - monotonic())

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended is not None

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Reply {shortened(self.text)!r} {self.model} {self.finish_reason or self.state}>"
