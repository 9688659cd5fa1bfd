"""What is sent: messages and the request, in the field names of the service."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import structs

from kimi_magic.messages.choice import ToolCall

Role = Literal["system", "user", "assistant", "tool"]
S = TypeVar("S", bound=msgspec.Struct)

MOST_TOOLS = 128  # EvoLink's API reference
INTEGERS = range(-(2**63), 2**64)  # what msgspec encodes
LONGEST_PLACE = 60  # characters of a key that an error message quotes


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Text in a message that also has pictures."""

    text: str


class ImageUrl(msgspec.Struct, frozen=True):
    """The address of a picture: `data:`, `http(s):`, or one that the service knows."""

    url: str


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    """A picture in a message."""

    image_url: ImageUrl


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, as it is sent.

    `tool_calls`, `tool_call_id` and `name` are passed on unchanged; `partial` marks the last message as the
    beginning of the answer (Moonshot's guide to partial mode).
    """

    role: Role
    content: str | tuple[TextPart | ImagePart, ...] | None
    reasoning_content: str | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    partial: bool = False

    @property
    def text(self) -> str:
        """The text of the message; that of a message with pictures is joined with spaces."""
        if isinstance(self.content, tuple):
            return " ".join(part.text for part in self.content if isinstance(part, TextPart))
        return self.content or ""

    @property
    def has_pictures(self) -> bool:
        """Whether the message has parts other than text."""
        return isinstance(self.content, tuple) and any(isinstance(part, ImagePart) for part in self.content)


def messages_from(dicts: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Messages from dicts as the service takes them.

    Raises:
        ValueError: An entry is no message, or holds a value that JSON cannot; the text names its place.
    """
    return msgspec.convert(plain(list(dicts), "messages"), tuple[Message, ...])


def user_message(text: str, pictures: Sequence[str] = ()) -> Message:
    """The user's message: text alone, or text with pictures by their addresses."""
    if not pictures:
        return Message("user", text)
    parts = [ImagePart(ImageUrl(url)) for url in pictures]
    return Message("user", (*parts, TextPart(text)))


def calls_message(text: str, reasoning: str, calls: Sequence[ToolCall]) -> Message:
    """An answer that calls functions, as it is sent back: whole, and with its reasoning, even if that is "".

    Moonshot refuses it without the field while thinking is enabled.
    """
    sent = [
        {"id": call.id, "type": call.kind, "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]
    return Message("assistant", text, reasoning_content=reasoning, tool_calls=tuple(sent))


def result_message(call: ToolCall, content: str | tuple[TextPart | ImagePart, ...]) -> Message:
    """The answer to a call."""
    return Message("tool", content, tool_call_id=call.id, name=call.name)


class ResponseFormat(msgspec.Struct, frozen=True, omit_defaults=True):
    """The form of the answer: text, a JSON object, or JSON that fits a schema."""

    type: str
    json_schema: dict[str, Any] | None = None


class TriedFormat(ResponseFormat, frozen=True):
    """A form that the service may not take; if so, it is asked for in words (`client.substitutes`)."""


JSON_OBJECT = ResponseFormat("json_object")


def schema_format(
    name: str, schema: Mapping[str, Any], *, strict: bool = True, tried: bool = False
) -> ResponseFormat:
    """The form of an answer that fits `schema`; `name` is for the service. See `TriedFormat` for `tried`."""
    kind = TriedFormat if tried else ResponseFormat
    return kind("json_schema", {"name": name, "schema": schema, "strict": strict})


def with_instruction(messages: Sequence[Message], instruction: str) -> list[Message]:
    """With `instruction` at the end of the system message; services differ in whether they take two."""
    first, *rest = messages
    if first.role == "system" and isinstance(first.content, str):
        return [structs.replace(first, content=f"{first.content}\n\n{instruction}"), *rest]
    return [Message("system", instruction), *messages]


def response_format_from(value: object) -> ResponseFormat:
    """The form of the answer from its name or from the object that the service takes.

    Raises:
        ValueError: It is neither; the text says what was expected.
    """
    match value:
        case ResponseFormat():
            return value
        case ("text" | "json_object") as name:
            return ResponseFormat(str(name))
        case {"type": ("text" | "json_object") as name}:
            return ResponseFormat(str(name))
        case {"type": "json_schema", "json_schema": dict() as schema}:
            return ResponseFormat("json_schema", dict(schema))
    raise ValueError("text, json_object, or an object with such a type")


class StreamOptions(msgspec.Struct, frozen=True):
    """Asks for the token counts at the end of a stream."""

    include_usage: bool = True


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of one request; a field that has its default value is not sent."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None  # the same, as some services call it
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] | None = None
    response_format: ResponseFormat | None = None
    tools: tuple[dict[str, Any], ...] | None = None
    reasoning_effort: str | None = None
    thinking: dict[str, str] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    extra: Mapping[str, Any] | None = None  # further fields, which stand beside these

    @property
    def cap(self) -> int | None:
        """The cap on reasoning and answer together, under either of its names."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def prefix(self) -> str:
        """The text that the answer begins with, "" if the last message does not say."""
        last = self.messages[-1]
        return last.content if last.partial and isinstance(last.content, str) else ""

    def body(self) -> bytes:
        """The request as JSON in UTF-8.

        Raises:
            UnicodeEncodeError: A text holds a lone surrogate, which Python allows and UTF-8 cannot hold.
            TypeError: A value is none that JSON can hold. `sendable` names its place.
        """
        if self.extra is None:
            return msgspec.json.encode(self)
        return msgspec.json.encode({**msgspec.to_builtins(structs.replace(self, extra=None)), **self.extra})


def sendable(request: Request) -> Request:
    """`request` with plain values only, so that `body` cannot fail.

    Raises:
        ValueError: A value cannot be sent; the text names its place.
    """
    try:
        request.body()
    except (UnicodeEncodeError, TypeError, RecursionError, OverflowError, ValueError):
        return _plain_struct(request, "")
    return request


def plain(value: Any, place: str) -> Any:
    """`value` as JSON can hold it: subclasses of `str`, numbers of numpy, paths and tuples become plain.

    `place` names the value in errors.

    Raises:
        ValueError: There is no such value for it, or a text holds half a character (a lone surrogate).
    """
    try:
        return _plain(value, place)
    except RecursionError:
        raise ValueError(f"{place} is nested too deeply to be sent") from None


def _plain(value: Any, place: str) -> Any:
    match value:
        case None | bool():
            return value
        case str() | os.PathLike():
            return _plain_text(value, place)
        case float():
            return float(value)
        case Mapping():
            return {_key(key, place): _plain(item, _inside(place, key)) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{place}[{at}]") for at, item in enumerate(value)]
        case msgspec.Struct():
            return _plain_struct(value, place)
    if getattr(value, "shape", None) == () and callable(item := getattr(value, "item", None)):
        return _plain(item(), place)  # a scalar of numpy
    return _plain_number(value, place)


def _plain_text(value: Any, place: str) -> str:
    text = str.__str__(value) if isinstance(value, str) else os.fsdecode(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{place} has half a character (a lone surrogate) at position {error.start}"
        ) from None
    return text


def _plain_number(value: Any, place: str) -> int | float:
    converters: tuple[Callable[[Any], int | float], ...] = (operator.index, float)
    for convert in converters:
        try:
            number = convert(value)
        except (TypeError, ValueError):
            continue
        if isinstance(number, int) and number not in INTEGERS:
            raise ValueError(f"{place} is an integer of more than 64 bits, which the encoder does not write")
        return number
    raise ValueError(f"{place} is of type {type(value).__name__}, which JSON cannot hold")


def _key(key: Any, place: str) -> str:
    if isinstance(key, str):
        return _plain_text(key, f"a key of {place}")
    raise ValueError(f"{place} has a key of type {type(key).__name__}; expected a text")


def _inside(place: str, key: object) -> str:
    text = str(key)
    return f"{place}.{text}" if len(text) <= LONGEST_PLACE and text.isprintable() else f"{place}[…]"


def _plain_struct(value: S, place: str) -> S:
    """A struct of ours with plain values in its fields."""
    fields = {}
    for name in value.__struct_fields__:
        item = getattr(value, name)
        where = f"{place}.{name}" if place else name
        if isinstance(item, tuple):
            fields[name] = tuple(_plain(each, f"{where}[{at}]") for at, each in enumerate(item))
        else:
            fields[name] = _plain(item, where)
    return structs.replace(value, **fields)
