"""From a draft to a completion: the token cap, stop strings and counts. No text is invented here.

The cap pays for the thought first, then the answer, then tool arguments, as Moonshot documents for its
thinking models; stop strings act on the answer only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .dialogue import Call
from .faults import Faults
from .tokens import split


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model would say if nothing limited it. `runs_on`: it would never stop by itself."""

    reasoning: str
    content: str
    calls: tuple[Call, ...] = ()
    runs_on: bool = False


@dataclass(frozen=True, slots=True)
class CallPieces:
    """A tool call whose arguments arrive in pieces."""

    id: str
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """One choice, in tokens. `total` counts everything generated, `reasoning_total` the thought."""

    index: int
    reasoning: tuple[str, ...]
    content: tuple[str, ...]
    calls: tuple[CallPieces, ...]
    finish_reason: str
    total: int
    reasoning_total: int


def complete(draft: Draft, index: int, cap: int, stops: Iterable[str], faults: Faults) -> Completion:
    """Apply cap and stop strings to a draft, and those faults that change what is said."""
    thought = split(draft.reasoning)
    kept_thought = thought[:cap]
    left = cap - len(kept_thought)
    answer = split(_before_stop(draft.content, stops))
    kept_answer = answer[:left]
    left -= len(kept_answer)
    cut = len(kept_thought) < len(thought) or len(kept_answer) < len(answer)
    calls: list[CallPieces] = []
    spent = 0
    for call in draft.calls:
        arguments = call.arguments.removesuffix("}") if faults.malformed_arguments else call.arguments
        pieces = split(arguments)
        cut = cut or spent + len(pieces) > left
        if cut and (spent >= left or len(kept_answer) < len(answer)):
            break
        calls.append(CallPieces(call.id, call.name, tuple(pieces[: left - spent])))
        spent += len(calls[-1].arguments)
    reasoning, content = tuple(kept_thought), tuple(kept_answer)
    if faults.think_tags and reasoning:
        closing = () if not content and cut else ("</think>\n\n",)
        reasoning, content = (), ("<think>", *reasoning, *closing, *content)
    return Completion(
        index=index,
        reasoning=reasoning,
        content=content,
        calls=tuple(calls),
        finish_reason=faults.finish or _finish(draft, cut),
        total=len(kept_thought) + len(kept_answer) + spent,
        reasoning_total=len(kept_thought),
    )


def _finish(draft: Draft, cut: bool) -> str:
    if cut or draft.runs_on:
        return "length"
    return "tool_calls" if draft.calls else "stop"


def _before_stop(text: str, stops: Iterable[str]) -> str:
    found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return text[: min(found)] if found else text
