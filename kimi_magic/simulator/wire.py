"""The JSON of an answer: one object, or the chunks of a stream. Bytes and timing are `stream`'s.

Shapes and order follow Moonshot's streaming guide and published captures of its streams: role, thought,
content, tool calls, then a last chunk with the finish reason and the choice's own usage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .completion import Completion
from .faults import Faults

DONE = "[DONE]"
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Reply:
    """All choices of one request, with what the prompt cost. `created` in Unix seconds."""

    id: str
    created: int
    model: str
    prompt_total: int
    cached: int
    include_usage: bool
    thinking: bool
    completions: tuple[Completion, ...]


def whole(reply: Reply, faults: Faults) -> bytes:
    """Write the reply as one JSON object."""
    body: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [
            {
                "index": completion.index,
                "message": _message(completion, reply, faults),
                "finish_reason": completion.finish_reason,
            }
            for completion in reply.completions
        ],
    }
    if faults.usage != "none":
        body["usage"] = _total_usage(reply)
    return _to_json(body).encode()


def chunks(reply: Reply, faults: Faults) -> Iterator[str]:
    """Yield the data payloads of the stream, ending with `[DONE]`; choices take turns."""
    head = _to_json(
        {"id": reply.id, "object": "chat.completion.chunk", "created": reply.created, "model": reply.model}
    )[:-1]
    turns = [_choice(completion, reply, head, faults) for completion in reply.completions]
    count = 0
    while turns:
        for turn in list(turns):
            payload = next(turn, None)
            if payload is None:
                turns.remove(turn)
                continue
            yield payload
            count += 1
            if faults.no_choices and count == 2:
                yield f'{head},"choices":[]}}'
    on_top = faults.usage in ("top", "both") or (not faults.usage and reply.include_usage)
    if on_top:
        yield f'{head},"choices":[],"usage":{_to_json(_total_usage(reply))}}}'
    if not faults.no_done:
        yield DONE


def _message(completion: Completion, reply: Reply, faults: Faults) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(completion.content)}
    if reply.thinking and not faults.think_tags:
        message[_thought_field(faults)] = "".join(completion.reasoning)
    if completion.calls:
        message["tool_calls"] = [
            {
                "index": at,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.arguments)},
            }
            for at, call in enumerate(completion.calls)
        ]
        if faults.index_less_tools:
            for call in message["tool_calls"]:
                del call["index"]
    return message


def _choice(completion: Completion, reply: Reply, head: str, faults: Faults) -> Iterator[str]:
    """Yield one choice's chunks. Text chunks are put together by hand: they are nearly all of them."""
    opening = f'{head},"choices":[{{"index":{completion.index},"delta":{{'
    closing = '},"finish_reason":null}]}'
    role = '"role":"assistant",' if faults.role_everywhere else ""
    yield f'{opening}"role":"assistant","content":""{closing}'
    thought = _to_json(_thought_field(faults))
    for piece in completion.reasoning:
        yield f"{opening}{role}{thought}:{_to_json(piece)}{closing}"
    for piece in completion.content:
        yield f'{opening}{role}"content":{_to_json(piece)}{closing}'
    for fragment in _fragments(completion, faults):
        yield f'{opening}{role}"tool_calls":[{_to_json(fragment)}]{closing}'
    last: dict[str, Any] = {
        "index": completion.index,
        "delta": {"role": "assistant"} if faults.role_everywhere else {},
        "finish_reason": completion.finish_reason,
    }
    if faults.usage not in ("top", "none"):
        last["usage"] = _usage(reply, completion.total, completion.reasoning_total)
    yield f'{head},"choices":[{_to_json(last)}]}}'


def _fragments(completion: Completion, faults: Faults) -> Iterator[dict[str, Any]]:
    for at, call in enumerate(completion.calls):
        index = {} if faults.index_less_tools else {"index": at}
        yield {**index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        for piece in call.arguments:
            yield {**index, "function": {"arguments": piece}}


def _thought_field(faults: Faults) -> str:
    return "reasoning" if faults.reasoning_field else "reasoning_content"


def _total_usage(reply: Reply) -> dict[str, Any]:
    return _usage(
        reply,
        sum(completion.total for completion in reply.completions),
        sum(completion.reasoning_total for completion in reply.completions),
    )


def _usage(reply: Reply, total: int, reasoning: int) -> dict[str, Any]:
    """Write usage with cached tokens in both places, as Moonshot does; the prompt counts once."""
    return {
        "prompt_tokens": reply.prompt_total,
        "completion_tokens": total,
        "total_tokens": reply.prompt_total + total,
        "cached_tokens": reply.cached,
        "prompt_tokens_details": {"cached_tokens": reply.cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
