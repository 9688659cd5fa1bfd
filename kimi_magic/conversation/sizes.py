"""How large a message is, by an estimate, and whether two values are the same, by a fingerprint."""

from __future__ import annotations

import hashlib

import msgspec

from kimi_magic.messages import Message

TOKENS_AROUND = 8  # of a message, for its role and its ends
PICTURE_TOKENS = 1_500  # an estimate: services count a picture by its size, and do not say how


def message_tokens(message: Message) -> int:
    """An estimate of the tokens of a message: four ASCII characters make one, two of all others one."""
    called = "".join(map(str, message.tool_calls or ()))
    text = message.text + (message.reasoning_content or "") + called
    pictures = len(message.content) if message.has_pictures and isinstance(message.content, tuple) else 0
    return text_tokens(text) + TOKENS_AROUND + PICTURE_TOKENS * pictures


def text_tokens(text: str) -> int:
    """An estimate of the tokens of a text: four ASCII characters make one, two of all others one."""
    others = len(text) - len(text.encode("ascii", "ignore"))
    return (len(text) - others) // 4 + (others + 1) // 2


def digest(*values: object) -> str:
    """A short fingerprint of plain values and messages; equal values give equal ones."""
    text = msgspec.json.encode(values, enc_hook=repr)
    return hashlib.sha256(text).hexdigest()[:20]
