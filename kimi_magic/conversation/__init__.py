"""What was asked and answered, as data: a `Step` is one request, a `Turn` one prompt, a `Conversation` many.

Nothing here sends or shows; `engine` decides what the next step of a turn is.
"""

from kimi_magic.conversation.sizes import digest, message_tokens
from kimi_magic.conversation.step import End, State, Step
from kimi_magic.conversation.store import DEFAULT_CHAT, Context, Conversation, turn_tokens
from kimi_magic.conversation.turn import Parsed, Place, Turn

__all__ = [
    "DEFAULT_CHAT", "Context", "Conversation", "End", "Parsed", "Place", "State", "Step", "Turn", "digest",
    "message_tokens", "turn_tokens",
]  # fmt: skip
