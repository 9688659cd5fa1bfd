"""What to say: a plain answer, JSON, tool calls, or the continuation of an answer that has begun.

Deterministic: the same model, messages and parameters give the same drafts. Caps, stop strings, `n` and
streaming have no influence, so that an answer that was cut short can be asked for again and continued.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from random import Random

from . import answers, content, json_answers, misfits, prompt_schema, tool_rounds
from .completion import Draft
from .context import Context, read_context, wording
from .hashing import digest, random_for
from .messages import Message
from .request import Request
from .schemas import JsonSchema

_WITHOUT_EFFECT = ("messages", "max_tokens", "max_completion_tokens", "stop", "n", "user", "prompt_cache_key")
_JSON_GAPS = ("", '"…"', ': "…"', '"more": "…"')  # what may be missing before the closing brackets


def drafts(request: Request, seed: int, misfit: str, *, loops: bool = False) -> list[Draft]:
    """Write one draft for each choice that the request asks for; `misfit` is the fault switch of that name.

    With `loops`, tools are called again and again, whatever they answer.

    Raises `SchemaError` for a schema that turns out to be too much work.
    """
    messages = request.messages
    prefix = messages[-1] if messages[-1].partial else None
    history = messages[:-1] if prefix is not None else messages
    if request.json_mode != "text":  # a corrected answer is the answer to the question before it
        history = prompt_schema.without_repairs(history)
    parameters = {
        name: value
        for name, value in request.body.items()
        if name not in _WITHOUT_EFFECT and not name.startswith("stream")
    }
    basis = digest(seed, parameters, request.body["messages"][: len(history)])
    first_variant = int(basis[:8], 16)
    schema = _schema_of(request)
    written: list[Draft] = []
    for index in range(request.n):
        random = random_for(basis, index)
        context = read_context(history, index, first_variant + index)
        draft = _draft(request, history, context, random, schema, loops=loops)
        if prefix is not None:
            draft = _continue(draft, prefix, context, random)
        if misfit:
            draft = replace(draft, content=misfits.spoil(draft.content, misfit, schema[0]))
        written.append(draft if request.thinking else replace(draft, reasoning=""))
    return written


def _schema_of(request: Request) -> tuple[JsonSchema | None, str]:
    """Return the schema that the answer must fit, and its text where it stands in the prompt."""
    match request.json_mode:
        case "json_schema":
            return request.schema, ""
        case "json_object":
            return prompt_schema.schema_in(prompt_schema.without_repairs(request.messages))
    return None, ""


def _draft(
    request: Request,
    history: tuple[Message, ...],
    context: Context,
    random: Random,
    schema: tuple[JsonSchema | None, str],
    *,
    loops: bool,
) -> Draft:
    calls = tool_rounds.looped if loops else tool_rounds.draft
    called = calls(request, history, context, random)
    if called is not None and (called.tool_calls or request.json_mode == "text"):
        return called
    if schema[0] is not None:
        return json_answers.by_schema(schema[0], schema[1], history, context, random)
    if request.json_mode != "text":
        return json_answers.by_words(history, context, random)
    return Draft(*answers.answer(context, random))


def _continue(draft: Draft, prefix: Message, context: Context, random: Random) -> Draft:
    """Return only what comes after the prefix: the rest of the draft if it begins so, else an ending."""
    if not prefix.text.strip():
        return draft
    texts = content.load("answers")["continuation"]
    reasoning = "" if prefix.reasoning else texts["reasoning"]
    whole = draft.content
    if "  \n" not in prefix.text:
        whole = whole.replace("  \n", "\n")  # a reader may have dropped the spaces of line breaks
    if whole.startswith(prefix.text):
        return Draft(reasoning, whole[len(prefix.text) :])
    begun = prefix.text.rstrip()
    if whole.startswith(begun):  # or may have added a space at the end
        return Draft(reasoning, whole[len(begun) :].lstrip())
    if begun.lstrip().startswith("{"):
        return Draft(reasoning, _rest_of_json(prefix.text, context, random))
    if begun.count("```") % 2:
        return Draft(reasoning, texts["code"])
    sentence = wording(texts["sentences"], context)
    if begun[-1] in ".!?":
        sentence = sentence.removeprefix("and ").capitalize()
    space = "" if prefix.text[-1].isspace() else " "
    return Draft(reasoning, f"{space}{sentence}")


def _rest_of_json(prefix: str, context: Context, random: Random) -> str:
    """Complete an object that the prefix has begun: prefilling `{` is a known way to ask for JSON."""
    value = json_answers.object_for(context, random)
    text = json.dumps(value, ensure_ascii=False)
    begun = prefix.lstrip()
    if text.startswith(begun.rstrip()):
        return text[len(begun.rstrip()) :]
    quote, brackets = _open_in(begun)
    ends = [f"{quote}{gap}{brackets}" for gap in _JSON_GAPS]
    return next((end for end in ends if _is_object(begun + end)), ends[0])


def _open_in(text: str) -> tuple[str, str]:
    """Return the quote and the brackets that are still to be closed at the end of a piece of JSON."""
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
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
