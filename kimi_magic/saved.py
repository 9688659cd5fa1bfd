"""The file of a conversation: what is in it, and its version. Plain JSON, for other programs too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import ImagePart, Message, TextPart, ToolCall
from kimi_magic.usage import Usage

VERSION: Literal[1] = 1


class SavedAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the answers to a prompt."""

    text: str
    reasoning: str = ""
    finish_reason: str | None = None


class SavedCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function that the model called, and what it was answered; `conversation.ToolResult` says more."""

    call: ToolCall
    content: str | tuple[TextPart | ImagePart, ...]
    state: Literal["done", "failed", "refused", "interrupted"] = "done"
    about: str = ""
    note: str = ""
    seconds: float = 0.0


class SavedRound(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer that called functions, in front of the one that is the answer to the prompt."""

    calls: tuple[SavedCall, ...]
    text: str = ""
    reasoning: str = ""


class SavedTurn(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One turn; `conversation.Turn` says what the fields mean."""

    id: str = ""
    prompt: Message
    answers: tuple[SavedAnswer, ...]
    rounds: tuple[SavedRound, ...] = ()
    picked: int = 0
    model: str = ""
    offline: bool = False
    usage: Usage | None = None
    seconds: float = 0.0
    time: datetime | None = None
    edited: str | None = None
    muted: bool = False
    pinned: bool = False
    stale: bool = False
    fingerprint: str = ""


class SavedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation in a file."""

    version: Literal[1]
    name: str
    system: str | None = None
    turns: tuple[SavedTurn, ...] = ()


def to_json(conversation: SavedConversation) -> dict[str, Any]:
    """As plain values, ready for `json.dumps`."""
    data: dict[str, Any] = msgspec.to_builtins(conversation)
    return data


def from_json(data: Mapping[str, Any] | str | bytes) -> SavedConversation:
    """From plain values, or from their JSON.

    Raises:
        KimiUsageError: It is no conversation, or of a version that is not known.
    """
    try:
        value = msgspec.json.decode(data) if isinstance(data, str | bytes) else dict(data)
        version = value.get("version") if isinstance(value, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise KimiUsageError(
                f"the saved conversation is of version {version}, expected {VERSION}",
                hint="A later kimi_magic has written it; update this one.",
            )
        return msgspec.convert(value, SavedConversation)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError, ValueError) as error:
        raise KimiUsageError(f"this is no saved conversation: {error}") from None
