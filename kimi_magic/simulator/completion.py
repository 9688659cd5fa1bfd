"""From a draft to a choice: the token cap, stop strings and counts.

The cap covers the reasoning first, then the answer, then the arguments of tool calls, as Moonshot documents
for its thinking models; stop strings act on the answer only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .faults import Faults
from .messages import ToolCall
from .tokens import split


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model would say if nothing limited it. With `endless` only the cap ends it."""

    reasoning: str
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    endless: bool = False


@dataclass(frozen=True, slots=True)
class ToolCallPieces:
    """A tool call whose arguments are cut into tokens."""

    id: str
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer, in tokens. `total` counts all of them, `reasoning_total` those of the reasoning."""

    index: int
    reasoning: tuple[str, ...]
    content: tuple[str, ...]
    tool_calls: tuple[ToolCallPieces, ...]
    finish_reason: str
    total: int
    reasoning_total: int


def complete(draft: Draft, index: int, cap: int, stops: Iterable[str], faults: Faults) -> Choice:
    """Apply the cap (in tokens), stop strings and the faults that change what is said to a draft."""
    all_reasoning = split(draft.reasoning)
    reasoning = all_reasoning[:cap]
    left = cap - len(reasoning)
    all_content = split(_before_stop(draft.content, stops))
    content = all_content[:left]
    left -= len(content)
    is_cut = len(reasoning) < len(all_reasoning) or len(content) < len(all_content)
    calls: list[ToolCallPieces] = []
    spent = 0
    for call in draft.tool_calls:
        arguments = call.arguments.removesuffix("}") if faults.malformed_arguments else call.arguments
        pieces = split(arguments)
        is_cut = is_cut or spent + len(pieces) > left
        if is_cut and (spent >= left or len(content) < len(all_content)):
            break
        name = f"{call.name}_x" if faults.unknown_tool else call.name
        calls.append(ToolCallPieces(call.id, name, tuple(pieces[: left - spent])))
        spent += len(calls[-1].arguments)
    total, reasoning_total = len(reasoning) + len(content) + spent, len(reasoning)
    if faults.think_tags and reasoning:
        closing = [] if not content and is_cut else ["</think>\n\n"]
        reasoning, content = [], ["<think>", *reasoning, *closing, *content]
    return Choice(
        index=index,
        reasoning=tuple(reasoning),
        content=tuple(content),
        tool_calls=tuple(calls),
        finish_reason=faults.finish or _finish_reason(draft, is_cut),
        total=total,
        reasoning_total=reasoning_total,
    )


def _finish_reason(draft: Draft, is_cut: bool) -> str:
    if is_cut or draft.endless:
        return "length"
    return "tool_calls" if draft.tool_calls else "stop"


def _before_stop(text: str, stops: Iterable[str]) -> str:
    starts = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return text[: min(starts)] if starts else text
