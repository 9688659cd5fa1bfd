"""Chunks that are not as documented, read for what the answer needs: text, reasoning, calls, why it ended.

A field of the wrong type counts as absent, so that an odd token count never costs an answer. `wire` comes
here only for what its typed decoder refuses.
"""

from __future__ import annotations

import json
import math
from typing import Any


def plain_chunk(payload: bytes) -> dict[str, Any]:
    """The chunk in `payload` with the documented types, as plain values.

    Raises:
        ValueError: `payload` is no JSON object.
    """
    chunk = json.loads(payload)
    if not isinstance(chunk, dict):
        raise ValueError(f"expected an object, got {type(chunk).__name__}")  # noqa: TRY004 - no fault of a caller
    return {
        "id": _text(chunk.get("id")),
        "model": _text(chunk.get("model")),
        "choices": [_choice(choice) for choice in _objects(chunk.get("choices"))],
        "usage": _usage(chunk.get("usage")),
        **{
            name: chunk.get(name) for name in ("error", "object", "message", "msg", "detail", "error_message")
        },
    }


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    return {
        "index": _count(choice.get("index")) or 0,
        "delta": _message(choice.get("delta")),
        "message": _message(choice.get("message")),
        "finish_reason": _reason(choice.get("finish_reason")),
        "usage": _usage(choice.get("usage")),
    }


def _message(message: Any) -> dict[str, Any] | None:
    if not isinstance(message, dict):
        return None
    content, reasoning = _parts(message.get("content"))
    return {
        "content": content,
        "reasoning_content": _text(message.get("reasoning_content")) or reasoning or None,
        "reasoning": _text(message.get("reasoning")),
        "reasoning_text": _text(message.get("reasoning_text")),
        "thinking": _parts([{"type": "thinking", "thinking": message.get("thinking")}])[1] or None,
        "reasoning_details": [
            {name: _text(detail.get(name)) for name in ("text", "summary")}
            for detail in _objects(message.get("reasoning_details"))
        ],
        "refusal": _text(message.get("refusal")),
        "tool_calls": [_call(call) for call in _objects(message.get("tool_calls"))] or None,
    }


def _parts(content: Any) -> tuple[str | None, str]:
    """Text and reasoning of a content: a text, or a list of typed parts; other parts are left out."""
    if isinstance(content, str):
        return content, ""
    text, reasoning = "", ""
    for part in _objects(content):
        if part.get("type") == "text":
            text += _text(part.get("text")) or ""
        elif part.get("type") == "thinking":
            inner = part.get("thinking")
            reasoning += inner if isinstance(inner, str) else _parts(inner)[0] or ""
    return text or None, reasoning


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if isinstance(arguments, dict | list):  # an object where JSON text was documented
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {
        "index": _count(call.get("index")),
        "id": _text(call.get("id")),
        "type": _text(call.get("type")),
        "function": {"name": _text(function.get("name")), "arguments": _text(arguments)},
    }


def _usage(usage: Any) -> dict[str, Any] | None:
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return {
        **{name: _count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "cached_tokens")},
        "prompt_tokens_details": _counts(
            prompt, "cached_tokens", "cache_write_tokens", "cache_creation_tokens"
        ),
        "completion_tokens_details": _counts(completion, "reasoning_tokens"),
    }


def _counts(details: Any, *names: str) -> dict[str, Any] | None:
    return {name: _count(details.get(name)) for name in names} if isinstance(details, dict) else None


def _reason(reason: Any) -> str | None:
    """Why an answer ended; what is said in another form than a text is an end all the same."""
    if isinstance(reason, dict):
        reason = reason.get("type") or reason.get("reason")
    if reason is None or isinstance(reason, str):
        return reason
    return "stop"


def _count(value: Any) -> int | None:
    """A count; half a token is none, and a number in a text is a number."""
    try:
        number = (
            float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        )
    except ValueError:
        return None
    return int(number) if number is not None and math.isfinite(number) and number >= 0 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
