"""A conversation as it is sent, and as it is kept: who said what, and what was thought."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kimi_magic import markdown
from kimi_magic.conversation import Conversation, Turn
from kimi_magic.messages import ImagePart, Message
from kimi_magic.view import calls, css, static, words

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
    texts = [f"{message.role}:\n{words.printable(_plain_text(message))}" for message in messages]
    return "\n\n".join(texts) or EMPTY


def _plain_text(message: Message) -> str:
    wanted = (words.call(call) for call in calls.calls_of(message))
    return "\n".join(filter(None, [_text(message), *wanted]))


def conversation_html(conversation: Conversation) -> str:
    """Every turn with its heading; one that is muted is dimmed."""
    parts = [static.line(_title(conversation))]
    if conversation.system:
        parts.append(_message(0, Message("system", conversation.system)))
    for number, turn in enumerate(conversation.turns, 1):
        shown = "".join(_message(number, message) for message in turn.messages())
        dimmed = ' style="opacity:.5"' * turn.muted
        heading = markdown.inert(_heading(turn, number))
        parts.append(f'<div class="kimi-turn"{dimmed}><h4>{heading}</h4>{shown}</div>')
    return words.for_export(f'<div class="kimi-history">{"".join(parts)}</div>')


def conversation_text(conversation: Conversation) -> str:
    """The same as text, without the reasoning."""
    parts = [_title(conversation)]
    if conversation.system:
        parts.append(plain([Message("system", conversation.system)]))
    for number, turn in enumerate(conversation.turns, 1):
        parts.append(f"{_heading(turn, number)}\n\n{plain(turn.messages())}")
    return "\n\n".join(parts)


def conversation_markdown(conversation: Conversation) -> str:
    """The same as Markdown, the reasoning as a quotation."""
    parts = [f"# {words.on_one_line(conversation.name)}"]
    if conversation.system:
        parts.append(f"*System message:* {words.printable(conversation.system)}")
    for number, turn in enumerate(conversation.turns, 1):
        prompt, *between, answer = turn.messages()
        parts += [f"## {_heading(turn, number)}", "**Prompt**", words.printable(_text(prompt))]
        for message in between:
            parts += _round_markdown(message)
        if answer.reasoning_content:
            quoted = words.printable(answer.reasoning_content).replace("\n", "\n> ")
            parts.append(f"> **Reasoning.** {quoted}")
        parts += ["**Answer**", words.printable(_text(answer))]
    return "\n\n".join(parts) + "\n"


def _round_markdown(message: Message) -> list[str]:
    """A message of a round of calls as paragraphs; what models and functions wrote stands in code."""
    if message.role == "tool":
        return [f"**Result of {words.on_one_line(message.name or 'the function')}**", _code(_text(message))]
    parts = [words.printable(_text(message))] if message.text else []
    for call in calls.calls_of(message):
        parts += [f"**Call of {words.on_one_line(call.name)}**", _code(call.arguments)]
    return parts


def _code(text: str) -> str:
    """Text as a code block, whose fence is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{words.printable(text)}\n{fence}"


def _title(conversation: Conversation) -> str:
    name = words.on_one_line(conversation.name)
    return (
        f"{name} · {len(conversation)} turn{'s' * (len(conversation) != 1)}"
        if len(conversation)
        else (f"{name} · {EMPTY}")
    )


def _heading(turn: Turn, number: int) -> str:
    """Which turn it is, when it was asked, who answered, its tokens, and how it is with it."""
    parts = [
        f"Turn {number}",
        f"{turn.began.astimezone():%Y-%m-%d %H:%M}",
        words.on_one_line(turn.step.model),
    ]
    if usage := turn.usage:
        parts.append(f"{usage.prompt:,} + {usage.completion:,} tokens")
    conditions = {
        "stale: an earlier turn has changed since": turn.stale,
        "muted: not sent": turn.muted,
        "pinned": turn.pinned,
        "edited by you": turn.edited is not None,
        f"answer {turn.picked + 1} of {len(turn.choices)}": len(turn.choices) > 1,
    }
    return " · ".join([*parts, *(name for name, holds in conditions.items() if holds)])


def _message(number: int, message: Message) -> str:
    parts = [f'<div style="{css.QUIET_CSS}">{markdown.inert(message.role)}</div>']
    if reasoning := message.reasoning_content:
        title = f"Reasoning · ≈ {words.rough_tokens(reasoning):,} tokens"
        parts.append(static.reasoning_html(title, reasoning))
    if message.role == "tool":
        return calls.of_message(message)
    if message.role == "assistant" and (message.text or not message.tool_calls):
        answer = markdown.render(words.without_controls(_text(message)), f"history {number}")
        parts.append(f'<div class="kimi-answer">{answer}</div>')
    elif message.role != "assistant":
        parts.append(f'<div style="{_TYPED}">{markdown.inert(words.printable(_text(message)))}</div>')
    parts.append(calls.of_message(message))
    return "".join(parts)


def _text(message: Message) -> str:
    if not isinstance(message.content, tuple):
        return message.content or ""
    return "\n".join("[picture]" if isinstance(part, ImagePart) else part.text for part in message.content)
