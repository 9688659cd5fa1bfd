"""An independent client, the vendor's own recommendation, is content with the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running

from .chat import MODEL, send, tool, user

SKY: Any = [user("Why is the sky blue?")]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running(Service(speed=0)) as address:
        yield address


@pytest.fixture(scope="module")
def client(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base_url, api_key=OFFLINE_KEY, max_retries=0, timeout=10) as made:
        yield made


def test_it_reads_a_whole_answer(client: openai.OpenAI):
    answer = client.chat.completions.create(model=MODEL, messages=SKY, max_tokens=4000, n=2)
    expected = send(messages=SKY, n=2).json
    assert [choice.message.content for choice in answer.choices] == [
        choice["message"]["content"] for choice in expected["choices"]
    ]
    assert answer.choices[0].message.model_extra["reasoning_content"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert 0 < answer.usage.completion_tokens_details.reasoning_tokens < answer.usage.completion_tokens


def test_it_reads_a_stream_with_usage(client: openai.OpenAI):
    stream = client.chat.completions.create(
        model=MODEL, messages=SKY, max_tokens=4000, n=2, stream=True, stream_options={"include_usage": True}
    )
    texts, thoughts, usage = ["", ""], ["", ""], None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            thoughts[choice.index] += getattr(choice.delta, "reasoning_content", None) or ""
    expected = send(messages=SKY, n=2).json
    assert texts == [choice["message"]["content"] for choice in expected["choices"]]
    assert thoughts == [choice["message"]["reasoning_content"] for choice in expected["choices"]]
    assert usage is not None
    assert usage.total_tokens == expected["usage"]["total_tokens"]


def test_it_gets_json(client: openai.OpenAI):
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "JSON with keys name and age"}],
        response_format={"type": "json_object"},
    )
    assert set(json.loads(answer.choices[0].message.content or "")) == {"name", "age"}


def test_it_runs_a_tool_loop(client: openai.OpenAI):
    messages: list[Any] = [user("What is the temperature in Oslo and in Turin?")]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool()]).choices[0]  # type: ignore[list-item]
    assert first.finish_reason == "tool_calls"
    messages.append(first.message)  # with its reasoning_content, as the service demands
    for call in first.message.tool_calls or []:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"17 C for {call.id}"})
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool()]).choices[0]  # type: ignore[list-item]
    assert second.finish_reason == "stop"
    assert "17 C for get_temp:1" in (second.message.content or "")


def test_it_joins_streamed_tool_calls(client: openai.OpenAI):
    question: Any = [user("What is the temperature in Oslo and in Turin?")]
    with client.chat.completions.stream(model=MODEL, messages=question, tools=[tool()]) as stream:  # type: ignore[list-item]
        message = stream.get_final_completion().choices[0].message
    assert [json.loads(call.function.arguments) for call in message.tool_calls or []] == [
        {"city": "Oslo"},
        {"city": "Turin"},
    ]


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ("status=401", openai.AuthenticationError),
        ("status=404", openai.NotFoundError),
        ("status=429", openai.RateLimitError),
        ("status=503", openai.InternalServerError),
    ],
)
def test_it_raises_its_own_error_for_each_status(client: openai.OpenAI, faults: str, error: type[Exception]):
    with pytest.raises(error):
        client.chat.completions.create(
            model=MODEL, messages=SKY, extra_headers={"x-simulator-faults": faults}
        )


def test_it_raises_for_an_error_inside_a_stream(client: openai.OpenAI):
    headers = {"x-simulator-faults": "error-in-stream=3"}
    with pytest.raises(openai.APIError, match="overloaded"):
        list(client.chat.completions.create(model=MODEL, messages=SKY, stream=True, extra_headers=headers))


def test_it_recovers_with_its_own_retries(client: openai.OpenAI):
    headers = {"x-simulator-faults": "status=429; times=1; retry-after-ms=1"}
    patient = client.with_options(max_retries=1)
    answer = patient.chat.completions.create(
        model=MODEL, messages=SKY, max_tokens=4000, extra_headers=headers
    )
    assert answer.choices[0].finish_reason == "stop"


def test_it_lists_the_models(client: openai.OpenAI):
    assert MODEL in [model.id for model in client.models.list()]


def test_a_bad_request_is_named(client: openai.OpenAI):
    with pytest.raises(openai.BadRequestError, match="n must be between 1 and 5"):
        client.chat.completions.create(model=MODEL, messages=SKY, n=6)
