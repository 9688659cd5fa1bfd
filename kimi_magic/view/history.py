"""A conversation as it is sent with the next prompt: who said what, and what was thought."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from kimi_magic import markdown
from kimi_magic.messages import ImagePart, Message
from kimi_magic.view import static

EMPTY = "Nothing is in the conversation yet."
_TYPED = "white-space:pre-wrap;overflow-wrap:anywhere"


def html(messages: Sequence[Message]) -> str:
    """All of it: prompts as they were typed, answers as Markdown, each with its reasoning folded."""
    if not messages:
        return static.line(EMPTY)
    return f'<div class="kimi-history">{"".join(map(_message, messages))}</div>'


def plain(messages: Sequence[Message]) -> str:
    """The same as text, without the reasoning."""
    said = [f"{message.role}:\n{static.printable(_text(message))}" for message in messages]
    return "\n\n".join(said) or EMPTY


def _message(message: Message) -> str:
    parts = [f'<div style="{static.QUIET}">{escape(message.role)}</div>']
    if thought := message.reasoning_content:
        title = f"Reasoning · ≈ {static.rough_tokens(thought):,} tokens"
        parts.append(static.reasoning_html(title, thought))
    if message.role == "assistant":
        parts.append(f'<div class="kimi-answer">{markdown.render(static.printable(_text(message)))}</div>')
    else:
        parts.append(f'<div style="{_TYPED}">{markdown.inert(static.printable(_text(message)))}</div>')
    return "".join(parts)


def _text(message: Message) -> str:
    if not isinstance(message.content, tuple):
        return message.content or ""
    return "\n".join("[picture]" if isinstance(part, ImagePart) else part.text for part in message.content)
