"""Request by request: which are accepted and which refused, in both profiles, in process and over HTTP."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx
import pytest

from kimi_magic.simulator import Service

from .chat import PNG, call_message, fields, result_message, send, tool, user

JSON_MODE = {"type": "json_object"}
PARTIAL = {"role": "assistant", "content": "{", "partial": True}
IMAGE = {"type": "image_url", "image_url": {"url": PNG}}


def schema(value: Any, **more: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": value, **more}}}


def properties(**parts: Any) -> dict[str, Any]:
    return {"type": "object", "properties": parts}


class Case(NamedTuple):
    """A request, its status with either profile, and what its error must say."""

    name: str
    changes: dict[str, Any]
    evolink: int
    moonshot: int
    text: str = ""


def accepted(name: str, **changes: Any) -> Case:
    return Case(name, changes, 200, 200)


def refused(name: str, text: str, **changes: Any) -> Case:
    return Case(name, changes, 400, 400, text)


MATRIX = [
    accepted("a plain request"),
    accepted("turbo", model="kimi-k2-thinking-turbo"),
    Case("unknown model", {"model": "gpt-9"}, 404, 404, "Not found the model gpt-9 or Permission denied"),
    Case("model of another host", {"model": "kimi-k2.6"}, 404, 200, ""),
    refused("no model", "model is required", model=...),
    refused("a number as model", "`model` field in the request (expected type string)", model=4),
    refused("no messages", "messages is required", messages=...),
    refused("empty messages", "Invalid request: messages must not be empty", messages=[]),
    refused("messages no list", "expected type array", messages="hi"),
    accepted("n 5", n=5),
    refused("n 6", "n must be between 1 and 5", n=6),
    refused("n 0", "n must be between 1 and 5", n=0),
    refused("n true", "`n` field in the request (expected type int) is illegal, and true is not", n=True),
    refused("n 2 at temperature 0", "n must be 1", n=2, temperature=0),
    refused("n 2 at temperature 0.001", "n must be 1", n=2, temperature=0.001),
    accepted("n 2 at temperature 0.3", n=2, temperature=0.3),
    refused("six stops", "maximum length 5, but got 6", stop=list("abcdef")),
    accepted("five stops", stop=list("ξψζθλ")),
    accepted("a stop of 32 bytes", stop="é" * 16),
    refused("a stop of 33 bytes", "at most 32 bytes", stop="海" * 11),
    refused("an empty stop", "empty strings", stop=""),
    refused("a number as stop", "`stop` field", stop=[1]),
    refused("an object as stop", "`stop` field", stop={}),
    accepted("128 tools", tools=[tool(f"f{k}") for k in range(128)]),
    refused("129 tools", "maximum length 128, but got 129", tools=[tool(f"f{k}") for k in range(129)]),
    refused("a tool without type", "tools[0].type", tools=[{"function": tool()["function"]}]),
    refused("a tool without function", "tools[0].function", tools=[{"type": "function"}]),
    refused("a tool with an empty name", "function name is invalid", tools=[tool("")]),
    refused("a tool with a bad name", "function name is invalid, must start with a", tools=[tool("1x")]),
    refused("a tool without description", "description", tools=[tool(description=...)]),
    refused("a tool without parameters", "parameters", tools=[tool(parameters=...)]),
    refused("a tool twice", "function name get_temp is duplicated", tools=[tool(), tool()]),
    refused(
        "an untyped property",
        "At path 'properties.X': type is not defined",
        tools=[tool(parameters=properties(X={"description": "x"}))],
    ),
    accepted("tool choice none", tools=[tool()], tool_choice="none"),
    accepted("tool choice null", tools=[tool()], tool_choice=None),
    refused(
        "tool choice required",
        "tool_choice 'required' is incompatible with thinking enabled",
        tools=[tool()],
        tool_choice="required",
    ),
    refused(
        "tool choice by name",
        "tool_choice 'specified' is incompatible with thinking enabled",
        tools=[tool()],
        tool_choice={"type": "function", "function": {"name": "get_temp"}},
    ),
    refused("tool choice nonsense", "auto, none, required", tools=[tool()], tool_choice="maybe"),
    Case("temperature 2", {"temperature": 2}, 200, 400, "temperature must be between 0 and 1"),
    Case("temperature 1.5", {"temperature": 1.5}, 200, 400, "temperature must be between 0 and 1"),
    refused("temperature 2.1", "temperature must be between 0 and", temperature=2.1),
    refused("temperature below 0", "temperature must be between 0 and", temperature=-0.1),
    refused("temperature as text", "(expected type float)", temperature="1"),
    refused("temperature true", "(expected type float)", temperature=True),
    accepted("temperature null", temperature=None),
    refused("top_p 1.1", "top_p must be between 0 and 1", top_p=1.1),
    accepted("top_p 0", top_p=0),
    Case("top_k 0", {"top_k": 0}, 400, 200, "top_k must be at least 1"),
    accepted("top_k 1", top_k=1),
    refused("max_tokens 0", "max_tokens must be at least 1", max_tokens=0),
    refused("max_tokens 5.0", "(expected type int)", max_tokens=5.0),
    refused("max_tokens true", "(expected type int)", max_tokens=True),
    refused("max_tokens beyond all measure", "(expected type int)", max_tokens=10**4299),
    refused("max_completion_tokens 0", "must be at least 1", max_completion_tokens=0),
    refused("presence_penalty 2.5", "presence_penalty must be between -2 and 2", presence_penalty=2.5),
    refused("frequency_penalty -2.5", "frequency_penalty must be between", frequency_penalty=-2.5),
    accepted("penalties at the edge", presence_penalty=-2, frequency_penalty=2),
    refused("stream as text", "(expected type bool)", stream="yes"),
    refused("stream options as text", "(expected type object)", stream_options="yes"),
    refused("include_usage as number", "(expected type bool)", stream_options={"include_usage": 1}),
    refused("thinking as boolean", "`thinking` field in the request (expected type object)", thinking=True),
    refused("thinking disabled", "only type=enabled is allowed", thinking={"type": "disabled"}),
    refused("unknown format", "response_format.type", response_format={"type": "xml"}),
    accepted("json_object", response_format=JSON_MODE),
    refused(
        "partial with json_object", "partial", messages=[user("json"), PARTIAL], response_format=JSON_MODE
    ),
    accepted("a schema", **schema(properties(a={"type": "string"}))),
    refused(
        "a schema that is none", "`response_format.json_schema.schema` field in the request", **schema([])
    ),
    refused(
        "a tuple in a schema",
        "flavored json schema, details: <At path 'properties.pair.items': items must be an object>",
        **schema(properties(pair={"type": "array", "items": False})),
    ),
    accepted("a schema with what is of no effect", **schema({"type": "object", "not": {}, "if": {}})),
    refused(
        "an impossible schema", "no number lies", **schema({"type": "integer", "minimum": 3, "maximum": 2})
    ),
    refused(
        "an endless schema",
        "At path 'root': detected infinite recursion without termination condition",
        **schema({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
    ),
    refused(
        "a schema reference to nowhere",
        "$defs not found for reference: #/$defs/x",
        **schema({"$ref": "#/$defs/x"}),
    ),
    refused("a schema of endless choices", "infinite recursion", **schema({"anyOf": [{"$ref": "#"}]})),
    refused(
        "a schema that is oneOf itself",
        "infinite recursion",
        **schema({"oneOf": [{"type": "string"}, {"$ref": "#"}]}),
    ),
    refused("an unknown role", "role", messages=[{"role": "robot", "content": "x"}]),
    refused("a message that is text", "position 0 must be an object", messages=["hi"]),
    refused(
        "an empty user message",
        "the message at position 0 with role 'user' must not be empty",
        messages=[user("")],
    ),
    refused(
        "an empty assistant message",
        "the message at position 1 with role 'assistant' must not be empty",
        messages=[user("x"), {"role": "assistant", "content": ""}, user("y")],
    ),
    refused("an empty text part", "text content is empty", messages=[user([{"type": "text", "text": ""}])]),
    accepted("a list of text parts", messages=[user([{"type": "text", "text": "hi"}])]),
    refused("a file part", "Invalid request: invalid part type: file", messages=[user([{"type": "file"}])]),
    refused("an image", "does not support image input", messages=[user([IMAGE])]),
    refused("partial in the middle", "last message", messages=[user("x"), PARTIAL, user("y")]),
    refused("partial on a user message", "assistant", messages=[{**user("x"), "partial": True}]),
    refused("partial as text", "boolean", messages=[user("x"), {**PARTIAL, "partial": "yes"}]),
    accepted("an empty partial message", messages=[user("x"), {**PARTIAL, "content": ""}]),
    accepted("a tool turn", messages=[user("x"), call_message("a:0"), result_message("a:0")]),
    accepted(
        "content left out beside calls",
        messages=[user("x"), call_message("a:0", content=...), result_message("a:0")],
    ),
    accepted(
        "content null beside calls",
        messages=[user("x"), call_message("a:0", content=None), result_message("a:0")],
    ),
    accepted(
        "empty thought beside calls",
        messages=[user("x"), call_message("a:0", reasoning_content=""), result_message("a:0")],
    ),
    refused(
        "no thought beside calls",
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
        messages=[user("x"), call_message("a:0", reasoning_content=...), result_message("a:0")],
    ),
    refused(
        "one of two calls unanswered",
        "The following tool_call_ids did not have response messages: a:0",
        messages=[user("x"), call_message("a:0", "a:1"), result_message("a:1"), user("y")],
    ),
    refused("calls at the end", "response messages: a:0", messages=[user("x"), call_message("a:0")]),
    accepted(
        "results in another order",
        messages=[user("x"), call_message("a:0", "a:1"), result_message("a:1"), result_message("a:0")],
    ),
    refused(
        "a result twice",
        "a:0 is not found",
        messages=[user("x"), call_message("a:0"), result_message("a:0"), result_message("a:0")],
    ),
    refused(
        "a result of nothing", "tool_call_id b:7 is not found", messages=[user("x"), result_message("b:7")]
    ),
    refused("a result without id", "tool_call_id  is not found", messages=[user("x"), result_message("")]),
    refused(
        "an empty result",
        "position 2 with role 'tool'",
        messages=[user("x"), call_message("a:0"), result_message("a:0", "")],
    ),
    refused(
        "arguments as an object",
        "arguments",
        messages=[
            user("x"),
            call_message(
                "a:0",
                tool_calls=[{"id": "a:0", "type": "function", "function": {"name": "f", "arguments": {}}}],
            ),
        ],
    ),
    refused(
        "more than fits",
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 262150)",
        max_tokens=262144,
    ),
    accepted("a cap that just fits", max_tokens=262138),
    accepted("both caps", max_tokens=262144, max_completion_tokens=10),
    refused("a prompt too long", "Input token length too long", messages=[user("word " * 270000)]),
    refused("a prompt much too long", "Input token length too long", messages=[user("x" * 5000000)]),
]

# of the later models: fixed sampling, images, other switches
LATER: list[tuple[str, dict[str, Any], int, str]] = [
    ("temperature", {"temperature": 0.5}, 400, "invalid temperature: only 1 is allowed for this model"),
    ("temperature 1", {"temperature": 1.0}, 200, ""),
    ("top_p", {"top_p": 1}, 400, "invalid top_p: only 0.95 is allowed for this model"),
    ("top_p 0.95", {"top_p": 0.95}, 200, ""),
    ("n", {"n": 2}, 400, "invalid n: only 1 is allowed for this model"),
    ("penalty", {"presence_penalty": 1}, 400, "invalid presence_penalty: only 0 is allowed for this model"),
    ("logprobs", {"logprobs": True}, 400, "invalid logprobs: only false is allowed for this model"),
    ("top_logprobs", {"top_logprobs": 2}, 400, "logprobs must be set to true if top_logprobs is used"),
    ("an image", {"messages": [user([IMAGE])]}, 200, ""),
    ("a bare image address", {"messages": [user([{"type": "image_url", "image_url": PNG}])]}, 200, ""),
    ("a stored image", {"messages": [user([{"type": "image_url", "image_url": "ms://f-1"}])]}, 200, ""),
    (
        "an image from the web",
        {"messages": [user([{"type": "image_url", "image_url": "https://example.org/a.png"}])]},
        400,
        "unsupported image url",
    ),
    (
        "an SVG",
        {"messages": [user([{"type": "image_url", "image_url": "data:image/svg+xml;base64,PHN2Zy8+"}])]},
        400,
        "Invalid request: unsupported image format: text/plain; charset=utf-8",
    ),
    (
        "an image that is no base64",
        {"messages": [user([{"type": "image_url", "image_url": "data:image/png;base64,???"}])]},
        400,
        "not valid base64",
    ),
    ("thinking disabled", {"thinking": {"type": "disabled"}}, 200, ""),
    ("without thinking the temperature", {"thinking": {"type": "disabled"}, "temperature": 0.6}, 200, ""),
    ("without thinking temperature 1", {"thinking": {"type": "disabled"}, "temperature": 1}, 400, "only 0.6"),
]


@pytest.mark.parametrize("case", MATRIX, ids=[case.name for case in MATRIX])
def test_each_request_gets_its_status_in_process_and_over_http(
    services: dict[str, Service], addresses: dict[str, str], http: httpx.Client, case: Case
) -> None:
    for profile, status in (("evolink", case.evolink), ("moonshot", case.moonshot)):
        answer = send(services[profile], **case.changes)
        assert answer.status == status, answer.raw[:300]
        over_http = http.post(f"{addresses[profile]}/chat/completions", json=fields(**case.changes))
        assert over_http.status_code == status
        if status != 200:
            assert case.text in answer.error["message"]
            assert over_http.json() == answer.json


@pytest.mark.parametrize(("name", "changes", "status", "text"), LATER, ids=[row[0] for row in LATER])
def test_later_models_have_fixed_sampling_and_see_images(
    services: dict[str, Service], name: str, changes: dict[str, Any], status: int, text: str
) -> None:
    answer = send(services["moonshot"], **{"model": "kimi-k2.6", **changes})
    assert answer.status == status, answer.raw
    assert status == 200 or text in answer.error["message"]
