"""What is left of a reply when nothing moves any more, as HTML and as text; and the words of its status.

The HTML needs no script, no stylesheet of ours and nothing from elsewhere: it is what a saved notebook, an
export or a viewer shows. Inline styles follow the theme by using its text colour.
"""

from __future__ import annotations

import re
from html import escape

from kimi_magic import markdown
from kimi_magic.messages import Reply

QUIET = "opacity:.7;font-size:.87em;margin:.4em 0"
THOUGHT = "white-space:pre-wrap;overflow-wrap:anywhere;opacity:.75;font-size:.93em;line-height:1.45"
_BAR = "border-left:2px solid;padding-left:.8em;margin:.4em 0;max-height:24em;overflow:auto"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def html(reply: Reply, *, hide_reasoning: bool = False, open_reasoning: bool = False) -> str:
    """The whole reply: foldable reasoning, answer, footer."""
    parts = []
    if reply.reasoning and not hide_reasoning:
        parts.append(
            f'<details class="kimi-reasoning"{" open" if open_reasoning else ""}>'
            f'<summary style="{QUIET};cursor:pointer">{escape(reasoning_title(reply))}</summary>'
            f'<div style="{THOUGHT};{_BAR}">{markdown.inert(printable(reply.reasoning))}</div></details>'
        )
    if reply.text:
        parts.append(f'<div class="kimi-answer">{markdown.render(printable(reply.text))}</div>')
    parts.append(line(footer(reply)))
    return f'<div class="kimi-reply jp-RenderedHTMLCommon">{"".join(parts)}</div>'


def plain(reply: Reply) -> str:
    """The Markdown source of the answer, for viewers that show text; the footer where there is none."""
    return printable(reply.text) or footer(reply)


def line(text: str) -> str:
    """A status or footer line; read aloud by screen readers when it changes."""
    return f'<div class="kimi-status" role="status" style="{QUIET}">{escape(text)}</div>'


def printable(text: str) -> str:
    """`text` without control characters (terminals obey them); LF and tabs are kept, CR is dropped."""
    return _CONTROL.sub("", text)


def status(reply: Reply) -> str:
    """What happens at the moment."""
    model, seconds = _on_one_line(reply.model), f"{reply.seconds:.0f} s"
    match reply.state:
        case "waiting":
            text = f"{model} · waiting for the first words · {seconds}"
        case "reasoning":
            text = f"{model} · thinking · {seconds}"
        case "answering":
            text = f"{model} · answering · {seconds}"
        case _:
            return footer(reply)
    return text + " · offline simulator" * reply.simulated


def reasoning_title(reply: Reply) -> str:
    """The title of the reasoning section."""
    if reply.state == "reasoning":
        return f"Thinking… {reply.reasoning_seconds:.0f} s"
    tokens = reply.usage.reasoning if reply.usage else None
    return f"Reasoning · {reply.reasoning_seconds:.1f} s" + (f" · {tokens:,} tokens" if tokens else "")


def footer(reply: Reply) -> str:
    """Model, tokens as the service counted them, seconds, and why it ended."""
    parts = [reply.model]
    if usage := reply.usage:
        thought = f", {usage.reasoning:,} of them reasoning" if usage.reasoning else ""
        parts.append(f"{usage.prompt:,} + {usage.completion:,} tokens{thought}")
    parts.append(f"{reply.seconds:.1f} s")
    match reply.state, reply.finish_reason:
        case "interrupted", _:
            parts.append("stopped" + " · this part is not in the conversation" * bool(reply.text))
        case "failed", _:
            parts.append("failed" + " · this part is not in the conversation" * bool(reply.text))
        case _, "length":
            parts.append("length: cut at --max-tokens" + " before the answer began" * (not reply.text))
        case _, reason:
            parts.append(reason or "ended without a reason given")
    if reply.simulated:
        parts.append("offline simulator")
    return " · ".join(map(_on_one_line, parts))


def _on_one_line(text: str) -> str:
    return " ".join(printable(text).split())
