"""The vocabulary of the service: what is sent, what comes back, and the `Reply` it grows into.

Every JSON field name of the service stands in this room and nowhere else. No I/O.
"""

from kimi_magic.messages.events import (
    Counted,
    Event,
    Finished,
    Opened,
    ReasoningDelta,
    Retrying,
    Sent,
    TextDelta,
    ToolCallDelta,
)
from kimi_magic.messages.reply import (
    Reply,
    State,
)
from kimi_magic.messages.sent import (
    ImagePart,
    ImageUrl,
    Message,
    Request,
    ResponseFormat,
    Role,
    StreamOptions,
    TextPart,
    messages_from,
    question,
)
from kimi_magic.messages.wire import (
    Chunk,
    Refusal,
    decode_chunk,
    model_names,
    refusal,
)

__all__ = [
    "Chunk",
    "Counted",
    "Event",
    "Finished",
    "ImagePart",
    "ImageUrl",
    "Message",
    "Opened",
    "ReasoningDelta",
    "Refusal",
    "Reply",
    "Request",
    "ResponseFormat",
    "Retrying",
    "Role",
    "Sent",
    "State",
    "StreamOptions",
    "TextDelta",
    "TextPart",
    "ToolCallDelta",
    "decode_chunk",
    "messages_from",
    "model_names",
    "question",
    "refusal",
]
