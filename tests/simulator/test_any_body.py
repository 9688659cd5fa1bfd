"""Whatever comes in, an answer or a JSON error goes out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.simulator import Service

from .chat import call_message, fields, send, tool, user


def schema(value: Any, **more: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": value, **more}}}


# Bodies that are nearly right find more than wild ones.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("function"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "messages",
        "temperature",
        "top_p",
        "top_k",
        "n",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "stream",
        "stream_options",
        "thinking",
        "max_tokens",
        "presence_penalty",
        "partial",
    ]
)
SCHEMA_WORDS = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "enum",
        "const",
        "required",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "additionalProperties",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "uniqueItems",
        "multipleOf",
        "minProperties",
    ]
)
SCHEMAS = st.recursive(
    st.sampled_from(
        ["string", "integer", "number", "object", "array", "#", "#/$defs/a", "^a+$", "date", 3, 0.5, True]
    ),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(SCHEMA_WORDS | st.just("a"), inner, max_size=4)
    ),
    max_leaves=12,
)
PARTS = st.dictionaries(
    st.sampled_from(
        ["role", "content", "tool_calls", "tool_call_id", "partial", "reasoning_content", "name"]
    ),
    st.sampled_from(
        ["user", "system", "tool", "assistant", "a:0", "", True, call_message("a:0")["tool_calls"]]
    )
    | VALUES,
    max_size=5,
)
SERVICE = Service(speed=0)


@settings(deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes_get_a_json_error(body: bytes) -> None:
    answer = send(SERVICE, body)
    assert answer.status == 400
    assert answer.error["message"]


@settings(deadline=None, max_examples=80)
@given(changes=st.dictionaries(FIELDS, VALUES, max_size=4), messages=st.lists(PARTS, max_size=4))
def test_any_fields_and_messages_get_an_answer_or_a_json_error(
    changes: dict[str, Any], messages: list[dict[str, Any]]
) -> None:
    for body in (fields(**changes), fields(messages=messages)):
        answer = send(SERVICE, json.dumps(body).encode())
        assert answer.status in (200, 400)
        assert answer.status == 200 or answer.error["message"]


@settings(deadline=None, max_examples=150)
@given(value=SCHEMAS)
def test_any_schema_is_refused_or_answered(value: Any) -> None:
    for changes in (schema(value), {"tools": [tool(parameters=value)], "messages": [user("temp in Rome 3")]}):
        answer = send(SERVICE, json.dumps(fields(**changes)).encode())
        assert answer.status in (200, 400)
        assert answer.status == 200 or answer.error["message"]
