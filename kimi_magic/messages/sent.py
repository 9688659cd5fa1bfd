"""What is sent: messages and the request, in the field names of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]


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
