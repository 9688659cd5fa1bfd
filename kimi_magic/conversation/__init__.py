"""What was asked and answered, as data: a `Step` is one request, a `Turn` one prompt, a `Conversation` many.

Nothing here sends or shows; `engine` decides what the next step of a turn is.
"""

from kimi_magic.conversation.results import Content, ResultEnd, ToolResult
from kimi_magic.conversation.sizes import digest, message_tokens, text_tokens
from kimi_magic.conversation.step import End, State, Step
from kimi_magic.conversation.store import DEFAULT_CHAT, Context, Conversation, turn_tokens
from kimi_magic.conversation.turn import Parsed, Place, Turn

__all__ = [
    "DEFAULT_CHAT", "Content", "Context", "Conversation", "End", "Parsed", "Place", "ResultEnd", "State",
    "Step", "ToolResult", "Turn", "digest", "message_tokens", "text_tokens", "turn_tokens",
]  # fmt: skip
