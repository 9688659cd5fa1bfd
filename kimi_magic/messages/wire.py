"""The JSON that comes back: chunks of a stream and whole answers, which have one shape, and refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from kimi_magic.messages.events import (
    Counted,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from kimi_magic.messages.lenient import plain_chunk
from kimi_magic.usage import Usage


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None  # OpenRouter's name
    cache_creation_tokens: int | None = None  # litellm's name


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _WireUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    def usage(self) -> Usage:
        """The counts, each at least 0: what comes from outside must not lower a sum."""
        prompt = self.prompt_tokens_details or _PromptDetails()
        reasoning = (self.completion_tokens_details or _CompletionDetails()).reasoning_tokens
        return Usage(
            prompt=_count(self.prompt_tokens),
            completion=_count(self.completion_tokens),
            cached=_count(prompt.cached_tokens) or _count(self.cached_tokens),
            reasoning=None if reasoning is None else _count(reasoning),
            written=_count(prompt.cache_write_tokens) or _count(prompt.cache_creation_tokens),
        )


def _count(tokens: int | None) -> int:
    return max(0, tokens or 0)


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: _Function | None = None


class _Detail(msgspec.Struct):
    """A piece of OpenRouter's `reasoning_details`: a text or a summary; what is encrypted has neither."""

    text: str | None = None
    summary: str | None = None


class WireMessage(msgspec.Struct):
    """A `delta` or a `message`.

    Services and proxies rename `reasoning_content`; some send the same under two names. A `refusal` stands
    in the place of the content.
    """

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_text: str | None = None
    thinking: str | None = None
    reasoning_details: list[_Detail] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None

    def drop_reasoning(self) -> None:
        """Forget the reasoning."""
        self.reasoning_content = self.reasoning = self.reasoning_text = self.thinking = None
        self.reasoning_details = None

    @property
    def whole_reasoning(self) -> str:
        """The reasoning, under whatever name."""
        texts = (self.reasoning_content, self.reasoning, self.reasoning_text, self.thinking)
        if text := next(filter(None, texts), ""):
            return text
        return "".join(detail.text or detail.summary or "" for detail in self.reasoning_details or ())


class _Choice(msgspec.Struct):
    index: int = 0
    delta: WireMessage | None = None
    message: WireMessage | None = None
    finish_reason: str | None = None
    usage: _WireUsage | None = None  # Moonshot's own place for it


class Chunk(msgspec.Struct):
    """One JSON object of a stream, or a whole answer. `error` is whatever the service put there."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: _WireUsage | None = None
    error: Any = None
    object: Any = None
    message: Any = None
    msg: Any = None
    detail: Any = None
    error_message: Any = None

    @property
    def failure(self) -> Any:
        """What went wrong, in any of the shapes that services give it; None for a piece of an answer."""
        if self.error:
            return self.error
        if self.choices or self.usage is not None:
            return None
        words = {name: getattr(self, name) for name in ("message", "msg", "detail", "error_message")}
        return {name: word for name, word in words.items() if word} or None

    @property
    def piece(self) -> TextDelta | ReasoningDelta | None:
        """The piece of one answer that is all this chunk says, as with most of them; else None."""
        if self.choices is None or len(self.choices) != 1 or self.usage is not None or self.error:
            return None
        choice = self.choices[0]
        delta = choice.delta
        if delta is None or choice.finish_reason or choice.usage is not None or delta.tool_calls:
            return None
        if delta.reasoning or delta.reasoning_text or delta.thinking or delta.reasoning_details:
            return None
        if delta.content:
            return None if delta.reasoning_content else TextDelta(delta.content, choice.index)
        if delta.reasoning_content and not delta.refusal:
            return ReasoningDelta(delta.reasoning_content, choice.index)
        return None

    def events(self) -> Iterable[Event]:
        """What this chunk says, in the order in which it happened: thought, answer, tool calls, end."""
        for choice in self.choices or ():
            message = choice.delta or choice.message
            if message is not None:
                if reasoning := message.whole_reasoning:
                    yield ReasoningDelta(reasoning, choice.index)
                if text := message.content or message.refusal:
                    yield TextDelta(text, choice.index)
                for place, call in enumerate(message.tool_calls or ()):
                    # Pieces without an index follow each other; in a whole message each is a call of its own.
                    position = place if call.index is None and choice.message else call.index
                    function = call.function or _Function()
                    yield ToolCallDelta(
                        call.id or "", function.name or "", function.arguments or "", position, choice.index,
                        call.type or "",
                    )  # fmt: skip
            if choice.finish_reason:
                yield Finished(choice.finish_reason, choice.index)
            if choice.usage is not None:
                yield Counted(choice.usage.usage(), choice.index)
        if self.usage is not None:
            yield Counted(self.usage.usage())


DEEPEST_ERROR = 8  # levels of an error inside an error
_decode_typed = msgspec.json.Decoder(Chunk).decode


def decode_chunk(payload: bytes) -> Chunk:
    """The chunk in `payload`.

    Raises:
        ValueError: It is none; a `UnicodeDecodeError` where it is no UTF-8.
    """
    try:
        return _decode_typed(payload)
    except msgspec.MsgspecError:
        return msgspec.convert(plain_chunk(payload), Chunk)


def model_names(body: bytes) -> list[str]:
    """The names in the answer of `GET /models`: a list under `data` or `models`, or a bare one.

    Raises:
        ValueError: It is none of them.
    """
    answer = msgspec.json.decode(body)
    models = answer.get("data", answer.get("models")) if isinstance(answer, dict) else answer
    if not isinstance(models, list):
        raise ValueError("no list of models")  # noqa: TRY004 - no fault of a caller
    names = [name for name in map(_model_name, models) if name]
    if models and not names:
        raise ValueError("no list of models")
    return names


def _model_name(model: Any) -> str:
    """The name of an entry: its `id`, or what Ollama and llama.cpp have in its place."""
    entry = model if isinstance(model, dict) else {}
    return next((name for key in ("id", "model", "name") if isinstance(name := entry.get(key), str)), "")


def balance(body: bytes) -> float:
    """What is left in an account, by Moonshot's `GET /users/me/balance` or OpenRouter's `GET /credits`.

    Raises:
        ValueError: It is neither.
    """
    match msgspec.json.decode(body):
        case {"data": {"available_balance": int() | float() as left}}:
            return left
        case {"data": {"total_credits": int() | float() as paid, "total_usage": int() | float() as used}}:
            return paid - used
    raise ValueError("no balance")


class Refusal(msgspec.Struct, frozen=True):
    """What a service says when it refuses, whatever shape it says it in."""

    message: str = ""
    type: str = ""


def refusal(error: Any) -> Refusal:
    """A refusal from a decoded error body, or from the `error` of a chunk.

    Understands an object or a text under `error`, a list of them, also under `errors`, a top-level `message`,
    and FastAPI's `detail`. What has another shape is quoted as JSON.
    """
    for _ in range(DEEPEST_ERROR):
        inner = error[:1] if isinstance(error, list) else None
        if isinstance(error, dict):
            inner = next(
                (error[name] for name in ("error", "errors") if _says_something(error.get(name))), None
            )
        if not inner:
            break
        error = inner[0] if isinstance(inner, list) else inner
    if isinstance(error, dict):
        kind = next((str(error[name]) for name in ("type", "code", "status") if error.get(name)), "")
        for name in ("message", "msg", "error_message", "error_msg", "detail", "title", "reason"):
            if isinstance(error.get(name), str) and error[name]:
                return Refusal(error[name], kind)
        error = error.get("message") or error.get("detail") or (error if any(error.values()) else None)
    if isinstance(error, str):
        return Refusal(error)
    return Refusal(msgspec.json.encode(error).decode() if isinstance(error, dict | list) and error else "")


def _says_something(value: Any) -> bool:
    return bool(value) and isinstance(value, dict | str | list)
