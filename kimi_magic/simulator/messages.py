"""The messages of a request: their fields, and the order in which they may stand.

The texts of refusals that name a role or a field in quotes are Moonshot's, from live answers that users
published. Positions count from 0.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from typing import Any

from .profiles import ModelCard, Profile
from .refusals import RefusalError, invalid
from .tokens import LONGEST_PIECE, split

BUILTIN = "builtin_function"  # the type of a tool that the service runs itself
IMAGE_TOKENS = 1024  # what one image costs here; the vendor's figure depends on its size
_ROLES = ("system", "user", "assistant", "tool")
_DATA_ADDRESS = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,(.*)", re.DOTALL)
_FIRST_BYTES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One request of the model to run a function; `arguments` is JSON text, possibly malformed."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Image:
    """One image part; `size` in bytes, 0 for an image stored on the server."""

    mime: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Message:
    """One checked message. `text` joins all text parts."""

    role: str
    text: str
    reasoning: str = ""
    name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    partial: bool = False
    images: tuple[Image, ...] = ()


def read_messages(
    values: list[Any], card: ModelCard, profile: Profile, *, thinking: bool, accept_images: bool
) -> tuple[Message, ...]:
    """Check all messages and their order.

    `thinking` demands the reasoning of earlier tool calls; `accept_images` overrides the model's card.
    Raises `RefusalError`.
    """
    images_allowed = card.images or accept_images
    messages = [_read(value, at, images_allowed, profile) for at, value in enumerate(values)]
    _check_order(messages)
    for at, (value, message) in enumerate(zip(values, messages, strict=True)):
        if thinking and message.tool_calls and value.get("reasoning_content") is None:
            raise RefusalError(
                400,
                "thinking is enabled but reasoning_content is missing in assistant tool call message "
                f"at index {at}",
            )
    return tuple(messages)


def prompt_pieces(messages: tuple[Message, ...], tools: str) -> Iterator[str]:
    """Yield the prompt as tokens: the tools, then each message between a few tokens that mark it off."""
    yield from split(tools)
    for message in messages:
        yield from ("<|im|>", message.role, "<|/|>")
        yield from split(message.name)
        yield from split(message.tool_call_id)
        yield from split(message.reasoning)
        for image in message.images:
            yield from repeat(f"<{image.digest}>", IMAGE_TOKENS)
        yield from split(message.text)
        for call in message.tool_calls:
            yield from split(f"{call.id}{call.name}{call.arguments}")
    yield from ("<|im|>", "assistant")


def prompt_size(messages: tuple[Message, ...], tools: str) -> int:
    """Return a lower bound of a prompt's tokens, quick to compute, by which huge prompts are refused."""
    calls = sum(len(call.arguments) for message in messages for call in message.tool_calls)
    texts = sum(len(message.text) + len(message.reasoning) for message in messages)
    images = sum(len(message.images) for message in messages)
    return (len(tools) + calls + texts) // LONGEST_PIECE + images * IMAGE_TOKENS


def _read(value: Any, at: int, images_allowed: bool, profile: Profile) -> Message:
    if not isinstance(value, dict):
        raise invalid(f"the message at position {at} must be an object")
    role = value.get("role")
    if role not in _ROLES:
        raise invalid(f"the message at position {at} must have a role of {', '.join(_ROLES)}")
    name = _text_or_none(value, "name", at)
    reasoning = _text_or_none(value, "reasoning_content", at) if role == "assistant" else ""
    tool_calls = _tool_calls(value.get("tool_calls"), at) if role == "assistant" else ()
    partial = value.get("partial")
    if partial is not None and not isinstance(partial, bool):
        raise invalid(f"the partial flag of the message at position {at} must be a boolean")
    if partial and role != "assistant":
        raise invalid(f"partial is only allowed on an assistant message, not on position {at}")
    text, images = _content(value.get("content"), at, images_allowed, profile)
    is_prefix = bool(partial) and isinstance(value.get("content"), str)
    if not text and not images and not tool_calls and not is_prefix:
        raise invalid(f"the message at position {at} with role '{role}' must not be empty")
    tool_call_id = value.get("tool_call_id") if role == "tool" else ""
    return Message(
        role=role,
        text=text,
        reasoning=reasoning,
        name=name,
        tool_calls=tool_calls,
        tool_call_id=tool_call_id if isinstance(tool_call_id, str) else "",
        partial=bool(partial),
        images=images,
    )


def _text_or_none(value: Mapping[str, Any], field: str, at: int) -> str:
    text = value.get(field)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise invalid(f"the {field} of the message at position {at} must be a string")
    return text


def _tool_calls(value: Any, at: int) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value:
        raise invalid(f"tool_calls of the message at position {at} must be a non-empty array")
    calls: list[ToolCall] = []
    for entry in value:
        function = entry.get("function") if isinstance(entry, dict) else None
        if not isinstance(function, dict) or entry.get("type") not in ("function", BUILTIN):
            raise invalid(f"tool_calls of the message at position {at} must be objects of type function")
        ident, name, arguments = entry.get("id"), function.get("name"), function.get("arguments")
        if not isinstance(ident, str) or not ident:
            raise invalid(f"tool_calls of the message at position {at} must have an id")
        if not isinstance(name, str) or not name:
            raise invalid(f"tool_calls of the message at position {at} must have a function name")
        if not isinstance(arguments, str):
            raise invalid(f"arguments of tool call {ident} must be a string of JSON")
        calls.append(ToolCall(ident, name, arguments))
    return tuple(calls)


def _content(value: Any, at: int, images_allowed: bool, profile: Profile) -> tuple[str, tuple[Image, ...]]:
    if value is None:
        return "", ()
    if isinstance(value, str):
        return value, ()
    if not isinstance(value, list):
        raise invalid(f"the content of the message at position {at} must be a string or an array")
    texts: list[str] = []
    images: list[Image] = []
    for part in value:
        kind = part.get("type") if isinstance(part, dict) else None
        match kind:
            case "text":
                text = part.get("text")
                if not isinstance(text, str):
                    raise invalid(f"a text part of the message at position {at} must have a text")
                if not text:
                    raise RefusalError(400, "text content is empty")
                texts.append(text)
            case "image_url":
                if not images_allowed:
                    raise invalid("this model does not support image input")
                images.append(_image(part.get("image_url"), profile))
            case _:
                raise invalid(f"invalid part type: {str(kind)[:80]}")
    return "".join(texts), tuple(images)


def _image(value: Any, profile: Profile) -> Image:
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        raise invalid("image_url must be a string or an object with a url")
    if url.startswith("ms://") and profile.stored_files and len(url) > len("ms://"):
        return Image("image/stored", 0, blake2b(url.encode(), digest_size=8).hexdigest())
    match = _DATA_ADDRESS.fullmatch(url)
    if match is None:
        raise RefusalError(400, "unsupported image url")
    try:
        data = base64.b64decode(match.group(2), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("the image is not valid base64") from None
    return Image(_image_type(data), len(data), blake2b(data, digest_size=8).hexdigest())


def _image_type(data: bytes) -> str:
    """Return the media type by the first bytes: the real service ignores the type in the address, too."""
    for first_bytes, mime in _FIRST_BYTES:
        if data.startswith(first_bytes):
            return mime
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypheif"):
        return "image/heic"
    try:
        data.decode()
    except UnicodeDecodeError:
        raise invalid("unsupported image format: application/octet-stream") from None
    raise invalid("unsupported image format: text/plain; charset=utf-8")


def _check_order(messages: list[Message]) -> None:
    open_ids: Counter[str] = Counter()
    for message in messages:
        if message.role == "tool":
            if not open_ids[message.tool_call_id]:
                raise invalid(f"tool_call_id {message.tool_call_id[:200]} is not found")
            open_ids[message.tool_call_id] -= 1
            continue
        _check_answers(open_ids)
        open_ids = Counter(call.id for call in message.tool_calls)
    _check_answers(open_ids)
    if any(message.partial for message in messages[:-1]):
        raise invalid("partial is only allowed on the last message")


def _check_answers(open_ids: Counter[str]) -> None:
    """Refuse a message that follows tool calls before each has its result."""
    missing = list(open_ids.elements())
    if not missing:
        return
    raise invalid(
        "an assistant message with 'tool_calls' must be followed by tool messages responding to each "
        "'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(missing)
    )
