"""A conversation as it is sent with the next prompt: who said what, and what was thought."""

from __future__ import annotations

from collections.abc import Sequence

from kimi_magic import markdown
from kimi_magic.messages import ImagePart, Message
from kimi_magic.view import css, static, words

EMPTY = "Nothing is in the conversation yet."
_TYPED = "white-space:pre-wrap;overflow-wrap:anywhere"


def html(messages: Sequence[Message]) -> str:
    """All of it: prompts as they were typed, answers as Markdown, each with its reasoning folded."""
    if not messages:
        return static.line(EMPTY)
    shown = "".join(_message(number, message) for number, message in enumerate(messages))
    return words.for_export(f'<div class="kimi-history">{shown}</div>')


def plain(messages: Sequence[Message]) -> str:
    """The same as text, without the reasoning."""
    texts = [f"{message.role}:\n{words.printable(_text(message))}" for message in messages]
    return "\n\n".join(texts) or EMPTY


def _message(number: int, message: Message) -> str:
    parts = [f'<div style="{css.QUIET_CSS}">{markdown.inert(message.role)}</div>']
    if reasoning := message.reasoning_content:
        title = f"Reasoning · ≈ {words.rough_tokens(reasoning):,} tokens"
        parts.append(static.reasoning_html(title, reasoning))
    if message.role == "assistant":
        answer = markdown.render(words.without_controls(_text(message)), f"history {number}")
        parts.append(f'<div class="kimi-answer">{answer}</div>')
    else:
        parts.append(f'<div style="{_TYPED}">{markdown.inert(words.printable(_text(message)))}</div>')
    return "".join(parts)


def _text(message: Message) -> str:
    if not isinstance(message.content, tuple):
        return message.content or ""
    return "\n".join("[picture]" if isinstance(part, ImagePart) else part.text for part in message.content)
