"""What to say: chooses between a plain answer, JSON, tool calls and the continuation of a prefix.

Deterministic: the same model, messages and parameters give the same drafts. Caps, stop strings, `n` and
streaming do not enter, so that an answer cut short can be asked for again and continued.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from random import Random
from typing import Any

from . import answers, asked, calls, records, schema_values, subjects
from .answers import Talk, excerpt, gist
from .completion import Draft
from .dialogue import Message
from .request import Request
from .samples import digest, seeded
from .schemas import Schema

_WITHOUT_EFFECT = ("messages", "max_tokens", "max_completion_tokens", "stop", "n", "user", "prompt_cache_key")
_JSON_GAPS = ("", '"…"', ': "…"', '"more": "…"')  # what may be missing before the closing brackets
_BLANKS = "\n  \n\t \n" * 50  # 350 characters: what JSON mode gives when the prompt never asks for JSON
_CONTINUATIONS = (
    "and so it goes on from there, in the same voice and towards the same end.",
    "and what follows keeps to the path the beginning has taken.",
    "and the rest is told as calmly as it began.",
    "and from here the thought is carried to its close.",
    "and that is where the beginning was leading.",
)


def drafts(request: Request, seed: int) -> list[Draft]:
    """Write one draft for each choice asked for."""
    messages = request.messages
    prefix = messages[-1] if messages[-1].partial else None
    history = messages[:-1] if prefix is not None else messages
    parameters = {
        name: value
        for name, value in request.body.items()
        if name not in _WITHOUT_EFFECT and not name.startswith("stream")
    }
    if request.json_mode != "text":  # what mends an answer is that answer, right
        history = asked.without_repairs(history)
    spoken = request.body["messages"][: len(history)]
    basis = digest(seed, parameters, spoken)
    first = int(basis[:8], 16)
    made: list[Draft] = []
    for index in range(request.n):
        random = seeded(basis, index)
        talk = answers.talk_of(history, index, first + index)
        draft = _draft(request, history, talk, random)
        if prefix is not None:
            draft = _continue(draft, prefix, talk, random)
        made.append(draft if request.thinking else Draft("", draft.content, draft.calls, draft.runs_on))
    return made


def _draft(request: Request, history: tuple[Message, ...], talk: Talk, random: Random) -> Draft:
    results = _results(history)
    called = _call(request, history, talk, len(results), random)
    if called is not None:
        return called
    if request.json_mode != "text":
        return _json_object(request, history, talk, random)
    if results and history[-1].role == "tool":
        return _report(talk, results[-1])
    return Draft(*answers.answer(talk, random))


def _call(
    request: Request, history: tuple[Message, ...], talk: Talk, rounds: int, random: Random
) -> Draft | None:
    """Call a tool if the question wants one, or once more if it asked for several steps."""
    last = history[-1].role if history else "system"
    if last not in ("user", "tool"):
        return None
    if last == "tool" and (rounds >= calls.steps_wanted(talk.question) or request.tool_choice == "none"):
        return None
    tool = calls.choose(talk.question, request.tools, request.tool_choice)
    if tool is None:
        return None
    made = calls.make(tool, talk.question, history, random)
    again = f"This is step {rounds + 1}. " if rounds else ""
    thought = (
        f"The user writes {excerpt(talk.question)}. {again}The tool {excerpt(tool.name)} is made for this: "
        f"{excerpt(tool.description, 80)}. I call it with what the question gives."
    )
    return Draft(thought, "", made)


def _results(history: tuple[Message, ...]) -> list[list[tuple[str, str]]]:
    """Return the rounds of tool results since the last user message, each as (call, result)."""
    rounds: list[list[tuple[str, str]]] = []
    made: dict[str, str] = {}
    for message in history:
        match message.role:
            case "user":
                rounds = []
            case "assistant" if message.calls:
                made = {call.id: f"{call.name} {call.arguments}" for call in message.calls}
                rounds.append([])
            case "tool":
                rounds[-1].append((made.get(message.call_id, message.name), message.text))
    return rounds


def _report(talk: Talk, results: list[tuple[str, str]]) -> Draft:
    lines = [f"- {excerpt(call)} returned {excerpt(text, 200)}" for call, text in results]
    failed = any(re.match(r"\s*(error|traceback|exception)\b", text, re.IGNORECASE) for _, text in results)
    thought = (
        f"The tools have answered, {len(results)} result(s) in all. "
        + ("At least one of them reports an error, which I must say. " if failed else "They look plausible. ")
        + f"Now I can answer {excerpt(talk.question)}."
    )
    verdict = "One of the calls failed, so take this with care." if failed else "That answers the question."
    closings = (
        "In short:",
        "From the tools:",
        "Here is what came back:",
        "The results:",
        "This is what I found:",
    )
    text = f"{closings[talk.variant % len(closings)]}\n\n" + "\n".join(lines) + f"\n\n{verdict}"
    return Draft(thought, text)


def schema_of(request: Request) -> tuple[Schema | None, str]:
    """Return the schema that the answer must fit, and its text where it stands in the prompt."""
    match request.json_mode:
        case "json_schema":
            return request.schema, ""
        case "json_object":
            return asked.schema_in(asked.without_repairs(request.messages))
    return None, ""


def _json_object(request: Request, history: tuple[Message, ...], talk: Talk, random: Random) -> Draft:
    schema, written = schema_of(request)
    if schema is not None:
        last = next((message.text for message in reversed(history) if message.role == "user"), "")
        question = gist(last.replace(written, " ")) if written else talk.question
        value = schema_values.make(schema, random, subjects.read(question, random))
        return Draft(_json_thought(talk), json.dumps(value, ensure_ascii=False))
    if not records.mentions_json([message.text for message in history if message.role in ("system", "user")]):
        return Draft(
            "JSON mode is on, but nothing in the prompt says what to write as JSON.", _BLANKS, (), True
        )
    value = records.make(f"{talk.system}\n{talk.question}", talk.question, random)
    return Draft(_json_thought(talk), json.dumps(value, ensure_ascii=False))


def _json_thought(talk: Talk) -> str:
    ways = ("Strictly", "Carefully", "Plainly", "Exactly", "Simply")
    return (
        f"The user writes {excerpt(talk.question)} and the answer must be one JSON value. "
        f"{ways[talk.variant % len(ways)]} the fields that are asked for, and nothing around them."
    )


def _continue(draft: Draft, prefix: Message, talk: Talk, random: Random) -> Draft:
    """Return only what comes after the prefix: the rest of the draft if it begins so, else an ending."""
    if not prefix.text.strip():
        return draft
    known = "" if prefix.reasoning else "The answer has begun already; I continue it and repeat nothing."
    content = draft.content
    if "  \n" not in prefix.text:
        content = content.replace("  \n", "\n")  # a reader may have dropped the spaces of line breaks
    if content.startswith(prefix.text):
        return Draft(known, content[len(prefix.text) :])
    trimmed = prefix.text.rstrip()
    if content.startswith(trimmed):  # or have added one at the end
        return Draft(known, content[len(trimmed) :].lstrip())
    if trimmed.lstrip().startswith("{"):
        return Draft(known, _rest_of_json(prefix.text, talk, random))
    if trimmed.count("```") % 2:
        return Draft(known, 'print("continued")\n```\n')
    sentence = _CONTINUATIONS[talk.variant % len(_CONTINUATIONS)]
    if trimmed[-1] in ".!?":
        sentence = sentence.removeprefix("and ").capitalize()
    space = "" if prefix.text[-1].isspace() else " "
    return Draft(known, f"{space}{sentence}")


def _rest_of_json(prefix: str, talk: Talk, random: Random) -> str:
    """Complete an object that the prefix has begun, as the trick of prefilling `{` expects."""
    text = json.dumps(
        records.make(f"{talk.system}\n{talk.question}", talk.question, random), ensure_ascii=False
    )
    begun = prefix.lstrip()
    if text.startswith(begun.rstrip()):
        return text[len(begun.rstrip()) :]
    quote, brackets = _open_in(begun)
    ends = [f"{quote}{gap}{brackets}" for gap in _JSON_GAPS]
    return next((end for end in ends if _is_object(begun + end)), ends[0])


def _open_in(text: str) -> tuple[str, str]:
    """Return the quote and the brackets that are still to be closed in a beginning of JSON."""
    stack: list[str] = []
    quoted = False
    for mark in re.findall(r'\\.|["{}\[\]]', text, re.DOTALL):
        match mark:
            case '"':
                quoted = not quoted
            case "{" | "[" if not quoted:
                stack.append("}" if mark == "{" else "]")
            case "}" | "]" if not quoted and stack:
                stack.pop()
    return '"' if quoted else "", "".join(reversed(stack))


def _is_object(text: str) -> bool:
    try:
        value: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict)
