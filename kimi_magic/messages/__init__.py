"""The vocabulary of the service: what is sent, what comes back, and the answers it adds up to. No I/O.

The JSON field names of the service stand in this package and nowhere else.
"""

from kimi_magic.messages.choice import CALLS, FILTER, LENGTH, STOP, Choice, ToolCall
from kimi_magic.messages.events import (
    Counted,
    Event,
    Finished,
    Noticed,
    Opened,
    ReasoningDelta,
    Retrying,
    Sent,
    TextDelta,
    TextWasReasoning,
    ToolCallDelta,
)
from kimi_magic.messages.sent import (
    JSON_OBJECT,
    ImagePart,
    ImageUrl,
    Message,
    Request,
    ResponseFormat,
    Role,
    StreamOptions,
    TextPart,
    messages_from,
    sendable,
    user_message,
)
from kimi_magic.messages.wire import (
    Chunk,
    Refusal,
    balance,
    decode_chunk,
    model_names,
    refusal,
)

__all__ = [
    "CALLS",
    "FILTER",
    "JSON_OBJECT",
    "LENGTH",
    "STOP",
    "Choice",
    "Chunk",
    "Counted",
    "Event",
    "Finished",
    "ImagePart",
    "ImageUrl",
    "Message",
    "Noticed",
    "Opened",
    "ReasoningDelta",
    "Refusal",
    "Request",
    "ResponseFormat",
    "Retrying",
    "Role",
    "Sent",
    "StreamOptions",
    "TextDelta",
    "TextPart",
    "TextWasReasoning",
    "ToolCall",
    "ToolCallDelta",
    "balance",
    "decode_chunk",
    "messages_from",
    "model_names",
    "refusal",
    "sendable",
    "user_message",
]
