"""The JSON of an answer: one object, or the chunks of a stream, which `stream` sends at their time.

Shapes and order follow Moonshot's streaming guide and published captures of its streams: role, reasoning,
content, tool calls, then a last chunk with the finish reason and the choice's own usage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .completion import Choice
from .faults import Faults
from .messages import BUILTIN

DONE = "[DONE]"
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """All choices of one request, and the tokens of the prompt. `created` in Unix seconds."""

    id: str
    created: int
    model: str
    prompt_total: int
    cached_total: int
    include_usage: bool
    thinking: bool
    choices: tuple[Choice, ...]


def whole(completion: ChatCompletion, faults: Faults) -> bytes:
    """Write an answer as one JSON object."""
    body: dict[str, Any] = {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "choices": [
            {
                "index": choice.index,
                "message": _message(choice, completion, faults),
                "finish_reason": choice.finish_reason,
            }
            for choice in completion.choices
        ],
    }
    if faults.usage != "none":
        body["usage"] = _total_usage(completion)
    return _to_json(body).encode()


def chunks(completion: ChatCompletion, faults: Faults) -> Iterator[str]:
    """Yield the data payloads of the stream, ending with `[DONE]`; choices take turns."""
    fields = {"id": completion.id, "object": "chat.completion.chunk", "created": completion.created}
    head = _to_json({**fields, "model": completion.model})[:-1]
    streams = [_choice_chunks(choice, completion, head, faults) for choice in completion.choices]
    count = 0
    while streams:
        for stream in list(streams):
            payload = next(stream, None)
            if payload is None:
                streams.remove(stream)
                continue
            yield payload
            count += 1
            if faults.no_choices and count == 2:
                yield f'{head},"choices":[]}}'
    on_top = faults.usage in ("top", "both") or (not faults.usage and completion.include_usage)
    if on_top:
        yield f'{head},"choices":[],"usage":{_to_json(_total_usage(completion))}}}'
    if not faults.no_done:
        yield DONE


def _message(choice: Choice, completion: ChatCompletion, faults: Faults) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(choice.content)}
    if completion.thinking and not faults.think_tags:
        message[_reasoning_field(faults)] = "".join(choice.reasoning)
    if choice.tool_calls:
        message["tool_calls"] = [
            {
                **_call_index(at, faults),
                "id": call.id,
                "type": _kind(call.name),
                "function": {"name": call.name, "arguments": "".join(call.arguments)},
            }
            for at, call in enumerate(choice.tool_calls)
        ]
    return message


def _choice_chunks(choice: Choice, completion: ChatCompletion, head: str, faults: Faults) -> Iterator[str]:
    """Yield one choice's chunks. Chunks of text are put together by hand: they are nearly all of them."""
    opening = f'{head},"choices":[{{"index":{choice.index},"delta":{{'
    closing = '},"finish_reason":null}]}'
    role = '"role":"assistant",' if faults.role_everywhere else ""
    yield f'{opening}"role":"assistant","content":""{closing}'
    field = _to_json(_reasoning_field(faults))
    for piece in choice.reasoning:
        yield f"{opening}{role}{field}:{_to_json(piece)}{closing}"
    for piece in choice.content:
        yield f'{opening}{role}"content":{_to_json(piece)}{closing}'
    for fragment in _fragments(choice, faults):
        yield f'{opening}{role}"tool_calls":[{_to_json(fragment)}]{closing}'
    last: dict[str, Any] = {
        "index": choice.index,
        "delta": {"role": "assistant"} if faults.role_everywhere else {},
        "finish_reason": choice.finish_reason,
    }
    if faults.usage not in ("top", "none"):
        last["usage"] = _usage(completion, choice.total, choice.reasoning_total)
    yield f'{head},"choices":[{_to_json(last)}]}}'


def _fragments(choice: Choice, faults: Faults) -> Iterator[dict[str, Any]]:
    """Yield the tool calls as they are streamed: id and name first, then the arguments in pieces."""
    for at, call in enumerate(choice.tool_calls):
        index = _call_index(at, faults)
        head = {**index, "id": call.id, "type": _kind(call.name)}
        yield {**head, "function": {"name": call.name, "arguments": ""}}
        for piece in call.arguments:
            yield {**index, "function": {"arguments": piece}}


def _kind(name: str) -> str:
    return BUILTIN if name.startswith("$") else "function"


def _call_index(at: int, faults: Faults) -> dict[str, int]:
    return {} if faults.index_less_tools else {"index": at}


def _reasoning_field(faults: Faults) -> str:
    return "reasoning" if faults.reasoning_field else "reasoning_content"


def _total_usage(completion: ChatCompletion) -> dict[str, Any]:
    return _usage(
        completion,
        sum(choice.total for choice in completion.choices),
        sum(choice.reasoning_total for choice in completion.choices),
    )


def _usage(completion: ChatCompletion, total: int, reasoning_total: int) -> dict[str, Any]:
    """Write usage with cached tokens in both places, as Moonshot does; the prompt counts once."""
    return {
        "prompt_tokens": completion.prompt_total,
        "completion_tokens": total,
        "total_tokens": completion.prompt_total + total,
        "cached_tokens": completion.cached_total,
        "prompt_tokens_details": {"cached_tokens": completion.cached_total},
        "completion_tokens_details": {"reasoning_tokens": reasoning_total},
    }
