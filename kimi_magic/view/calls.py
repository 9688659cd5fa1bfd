"""A call of a function as a card: name, arguments, how long it took, and what came of it.

Everything in it is text, whatever the model or the function wrote.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

import msgspec

from kimi_magic.conversation import Step, ToolResult
from kimi_magic.markdown import hidden, inert
from kimi_magic.messages import Message, ToolCall
from kimi_magic.messages.choice import shortened
from kimi_magic.view import css
from kimi_magic.view.words import on_one_line, without_controls

LONGEST_SHOWN = 20_000  # characters of arguments or a result in a card
LONGEST_IN_TITLE = 80  # characters of arguments or a result in the line of the card
WORDS = {
    "waiting": "waits",
    "asking": "may it run?",
    "running": "runs",
    "done": "done",
    "failed": "failed",
    "refused": "refused",
    "interrupted": "stopped",
}
RUNNING = ("waiting", "asking", "running")
_SIGNS = {"done": "✓", "failed": "✗", "refused": "⊘", "interrupted": "■"}


def title(result: ToolResult) -> str:
    """The line of a card, as text: name, arguments, and how it is with the call."""
    parts = [f"{_SIGNS.get(result.state, '→')} {_called(result.call)}", WORDS[result.state]]
    if result.seconds and result.has_ended:
        parts.append(f"{result.seconds:.1f} s")
    if result.state in ("done", "failed"):
        parts.append(shortened(on_one_line(result.text), LONGEST_IN_TITLE))
    if result.note:
        parts.append(on_one_line(result.note))
    return " · ".join(parts)


def card(result: ToolResult) -> str:
    """The card: folded, and open while the person decides about it."""
    opened = result.state == "asking"
    came = [("Result", result.text)] if result.state not in RUNNING else []
    return _details(title(result), [("Arguments", _pretty(result.call.arguments)), *came], opened=opened)


def cards(step: Step) -> str:
    """The cards of a step, one below the other; nothing where no function was called."""
    return "".join(card(result) for result in step.results)


def of_message(message: Message) -> str:
    """The calls in a message, or the result that it is, as cards."""
    if message.role == "tool":
        text = _text(message)
        name = on_one_line(message.name or "function")
        return _details(
            f"{name} · result · {shortened(on_one_line(text), LONGEST_IN_TITLE)}", [("Result", text)]
        )
    return "".join(
        _details(_called(call), [("Arguments", _pretty(call.arguments))]) for call in calls_of(message)
    )


def calls_of(message: Message) -> list[ToolCall]:
    """The calls in a message that was sent."""
    calls = []
    for each in message.tool_calls or ():
        function: Any = each.get("function") or {}
        calls.append(ToolCall(str(each.get("id")), str(function.get("name")), str(function.get("arguments"))))
    return calls


def lines(result: ToolResult) -> list[str]:
    """A call that has ended, as lines of text for a terminal."""
    seconds = f" ({result.seconds:.1f} s)" if result.seconds else ""
    shown = [f"{_SIGNS.get(result.state, '→')} {_called(result.call)}: {WORDS[result.state]}{seconds}"]
    if result.state in ("done", "failed"):
        shown.append(f"  {shortened(on_one_line(result.text), 3 * LONGEST_IN_TITLE)}")
    if result.note:
        shown.append(f"  {on_one_line(result.note)}")
    return shown


def _called(call: ToolCall) -> str:
    return f"{on_one_line(call.name) or '(no name)'}({_short(call.arguments)})"


def _short(arguments: str) -> str:
    """Arguments as Python would write them, `city="Oslo"`, as far as they are an object."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return shortened(on_one_line(arguments), LONGEST_IN_TITLE)
    given = ", ".join(f"{name}={json.dumps(each, ensure_ascii=False)}" for name, each in value.items())
    return shortened(on_one_line(given), LONGEST_IN_TITLE)


def _pretty(arguments: str) -> str:
    """Arguments as they came, on lines of their own where they are JSON."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return arguments


def _details(summary: str, parts: list[tuple[str, str]], *, opened: bool = False) -> str:
    inner = "".join(
        f'<div style="{css.QUIET_CSS}">{escape(name)}</div><div style="{css.CALL_CSS}">{_written(text)}</div>'
        for name, text in parts
        if text
    )
    return (
        f'<details class="kimi-call"{" open" if opened else ""}>'
        f'<summary style="{css.TITLE_CSS}">{inert(summary)}</summary>'
        f'<div style="{css.BAR_CSS}">{inner}</div></details>'
    )


def _written(text: str) -> str:
    text = without_controls(text)
    if len(text) > LONGEST_SHOWN:
        text = f"{text[:LONGEST_SHOWN]}…\n[{len(text) - LONGEST_SHOWN:,} more characters are not shown]"
    return inert(hidden.marked(text))


def _text(message: Message) -> str:
    pictures = "\n[picture]" * message.has_pictures
    return f"{message.text}{pictures}"
