"""When tools are called, again, or no more, and what is said of their results."""

from __future__ import annotations

import re
from random import Random

from . import content, tool_calls
from .completion import Draft
from .context import Context, excerpt, wording
from .messages import Message, ToolCall
from .request import Request

_FAILURE = re.compile(r"\s*(error|traceback|exception)\b", re.IGNORECASE)
# Of what a model can repair: its arguments, or a name that is none. That somebody refused is no such thing.
_REPAIRABLE = re.compile(r"\barguments?\b|\bexpected\b|\bJSON\b|\bno function\b|\bparameter\b")
_RESULT_LENGTH = 400  # characters of a result that the answer quotes

Round = list[tuple[str, str]]  # of calls and their results


def draft(request: Request, history: tuple[Message, ...], context: Context, random: Random) -> Draft | None:
    """Write the calls that the question asks for, or the answer from the results; None for neither.

    The question is answered when tools were used as often as it asks. A call that failed for what the model
    can repair is made once more.
    """
    last = history[-1].role if history else "system"
    rounds = _rounds(history)
    if last == "user" or (last == "tool" and _goes_on(request, rounds, context)):
        calls = _calls(request, history, context, random, rounds=len(rounds))
        if calls is not None:
            return calls
    if rounds and last == "tool":
        return _report(context, rounds[-1])
    return None


def looped(request: Request, history: tuple[Message, ...], context: Context, random: Random) -> Draft | None:
    """Write the calls of a model that goes round in circles: the same, as long as there are tools."""
    question = tuple(message for message in history if message.role != "tool" and not message.tool_calls)
    calls = _calls(request, question, context, random, rounds=0, before=len(_rounds(history)))
    return calls or draft(request, history, context, random)


def _goes_on(request: Request, rounds: list[Round], context: Context) -> bool:
    if request.tool_choice == "none":
        return False
    failed = [any(_REPAIRABLE.search(text) for _, text in each if _FAILURE.match(text)) for each in rounds]
    return len(rounds) < tool_calls.steps_wanted(context.question) or failed == [True]


def _calls(
    request: Request,
    history: tuple[Message, ...],
    context: Context,
    random: Random,
    *,
    rounds: int,
    before: int = 0,
) -> Draft | None:
    chosen = tool_calls.choose_all(context.question, request.tools, request.tool_choice)
    if not chosen:
        return None
    texts = content.load("answers")["tools"]
    reasoning = texts["call_reasoning"].format(
        question=excerpt(context.question),
        again=texts["again"].format(step=rounds + 1) if rounds else "",
        tool=excerpt(chosen[0].name),
        description=excerpt(chosen[0].description, 80),
    )
    calls: tuple[ToolCall, ...] = ()
    for tool in chosen:
        calls += tool_calls.make(tool, context.question, history, random, before + len(calls))
    return Draft(reasoning, "", calls)


def _rounds(history: tuple[Message, ...]) -> list[Round]:
    """Return the rounds of tool results since the last user message, each as (call, result)."""
    rounds: list[Round] = []
    calls: dict[str, str] = {}
    for message in history:
        match message.role:
            case "user":
                rounds = []
            case "assistant" if message.tool_calls:
                calls = {call.id: f"{call.name} {call.arguments}" for call in message.tool_calls}
                rounds.append([])
            case "tool":
                text = message.text or f"{len(message.images)} image(s)"
                rounds[-1].append((calls.get(message.tool_call_id, message.name), text))
    return rounds


def _report(context: Context, results: Round) -> Draft:
    texts = content.load("answers")["tools"]
    outcome = "failed" if any(_FAILURE.match(text) for _, text in results) else "good"
    reasoning = texts["report_reasoning"].format(
        count=len(results), verdict=texts[f"verdict_{outcome}"], question=excerpt(context.question)
    )
    lines = [
        texts["result"].format(call=excerpt(call), result=excerpt(text, _RESULT_LENGTH))
        for call, text in results
    ]
    parts = [wording(texts["openings"], context), "\n".join(lines), texts[f"closing_{outcome}"]]
    return Draft(reasoning, "\n\n".join(parts))
