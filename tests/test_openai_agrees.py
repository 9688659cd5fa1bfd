"""The `openai` SDK and our client ask the same service the same things and hear the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import openai
import pytest

import kimi_magic
from kimi_magic import errors, kernel
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running

MODEL = "kimi-k2-thinking"
CAP = 32_768
SKY = "Why is the sky blue?"
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_temp",
        "description": "Current temperature of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Answer(NamedTuple):
    """One choice, as both clients can say it."""

    text: str
    reasoning: str
    finish_reason: str | None
    tool_calls: tuple[tuple[str, str, str], ...] = ()


class Heard(NamedTuple):
    """All choices, the tokens, and who answered."""

    answers: tuple[Answer, ...]
    prompt: int
    completion: int
    reasoning: int | None
    cached: int
    model: str
    id: str


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running(Service(speed=0)) as address:
        yield address


@pytest.fixture(scope="module")
def sdk(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base_url, api_key=OFFLINE_KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture(autouse=True)
def our_service(base_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("EVOLINK_BASE_URL", base_url)
    monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
    yield
    kernel.current.conversation.clear()


def ours(prompt: str | list[dict[str, Any]], **given: Any) -> Heard:
    reply = kimi_magic.ask(prompt, **given)
    assert reply.usage is not None
    return Heard(
        tuple(
            Answer(
                choice.text,
                choice.reasoning,
                choice.finish_reason,
                tuple((call.id, call.name, call.arguments) for call in choice.tool_calls),
            )
            for choice in reply.choices
        ),
        reply.usage.prompt,
        reply.usage.completion,
        reply.usage.reasoning,
        reply.usage.cached,
        reply.model,
        reply.turn.step.id,
    )


def body_of(prompt: str | list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    body = {"model": MODEL, "max_tokens": CAP, **given}
    extra = {"top_k": body.pop("top_k")} if "top_k" in body else {}
    return {**body, "messages": messages, "extra_body": extra}


def tokens(usage: Any) -> tuple[int, int, int | None, int]:
    return (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.completion_tokens_details.reasoning_tokens,
        usage.prompt_tokens_details.cached_tokens,
    )


def theirs(client: openai.OpenAI, prompt: str | list[dict[str, Any]], **given: Any) -> Heard:
    answer = client.chat.completions.create(**body_of(prompt, given))
    return Heard(
        tuple(
            Answer(
                choice.message.content or "",
                choice.message.model_extra["reasoning_content"],
                choice.finish_reason,
                tuple(
                    (call.id, call.function.name, call.function.arguments)
                    for call in choice.message.tool_calls or ()
                ),
            )
            for choice in answer.choices
        ),
        *tokens(answer.usage),
        answer.model,
        answer.id,
    )


def theirs_streamed(client: openai.OpenAI, prompt: str | list[dict[str, Any]], **given: Any) -> Heard:
    stream = client.chat.completions.create(
        stream=True, stream_options={"include_usage": True}, **body_of(prompt, given)
    )
    texts: dict[int, str] = {}
    thoughts: dict[int, str] = {}
    reasons: dict[int, str] = {}
    calls: dict[int, dict[int, list[str]]] = {}
    usage = model = ident = None
    for chunk in stream:
        usage, model, ident = chunk.usage or usage, chunk.model, chunk.id
        for choice in chunk.choices:
            at, delta = choice.index, choice.delta
            texts[at] = texts.get(at, "") + (delta.content or "")
            thoughts[at] = thoughts.get(at, "") + (getattr(delta, "reasoning_content", None) or "")
            reasons[at] = choice.finish_reason or reasons.get(at)
            for piece in delta.tool_calls or ():
                call = calls.setdefault(at, {}).setdefault(piece.index, ["", "", ""])
                call[0] = piece.id or call[0]
                call[1] = piece.function.name or call[1]
                call[2] += piece.function.arguments or ""
    return Heard(
        tuple(
            Answer(texts[at], thoughts[at], reasons[at], tuple(map(tuple, calls.get(at, {}).values())))
            for at in sorted(texts)
        ),
        *tokens(usage),
        model,
        ident,
    )


CASES: dict[str, tuple[str | list[dict[str, Any]], dict[str, Any]]] = {
    "plain": (SKY, {}),
    "turbo": (SKY, {"model": "kimi-k2-thinking-turbo"}),
    "several choices": (SKY, {"n": 2}),
    "five choices": (SKY, {"n": 5, "temperature": 1.0}),
    "sampling": (
        SKY,
        {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "presence_penalty": 0.5, "frequency_penalty": -0.5},
    ),
    "JSON mode": ("A person as JSON with keys name and age", {"response_format": {"type": "json_object"}}),
    "tools": ("What is the temperature in Oslo and in Turin?", {"tools": [TOOL]}),
    "tools and two choices": ("What is the temperature in Oslo?", {"tools": [TOOL], "n": 2}),
    "a stop": (SKY, {"stop": ["."]}),
    "two stops": (SKY, {"stop": ["light", ","]}),
    "cut in the thought": (SKY, {"max_tokens": 5}),
    "cut in the answer": ("Write 200 words about rivers.", {"max_tokens": 120}),
    "several turns": (
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": SKY},
            {"role": "assistant", "content": "It scatters.", "reasoning_content": "Rayleigh."},
            {"role": "user", "content": "And at dusk?"},
        ],
        {},
    ),
    "a tool loop": (
        [
            {"role": "user", "content": "What is the temperature in Oslo?"},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": "Look it up.",
                "tool_calls": [
                    {
                        "id": "get_temp:0",
                        "type": "function",
                        "function": {"name": "get_temp", "arguments": '{"city":"Oslo"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "get_temp:0", "content": "4 C"},
        ],
        {"tools": [TOOL]},
    ),
    "a long prompt": ("Count the words. " + "word " * 300, {}),
    "every alphabet": ("海は青い? \u2028 👩‍🔬 עברית", {}),
}


@pytest.mark.parametrize("name", CASES)
def test_streamed_or_whole_both_clients_hear_the_same(name: str, sdk: openai.OpenAI) -> None:
    prompt, given = CASES[name]
    theirs(sdk, prompt, **given)  # fills the service's cache of prompts, which shows in the counts
    whole = theirs(sdk, prompt, **given)
    assert ours(prompt, **given) == whole
    assert ours(prompt, stream=False, **given) == whole
    assert theirs_streamed(sdk, prompt, **given) == whole


def test_the_cases_are_the_situations_that_they_are_called() -> None:
    kimi_magic.ask(CASES["a long prompt"][0])  # from here on the service has it in its cache
    heard = {name: ours(prompt, **given) for name, (prompt, given) in CASES.items()}
    reasons = {name: {answer.finish_reason for answer in each.answers} for name, each in heard.items()}
    assert reasons["tools"] == reasons["tools and two choices"] == {"tool_calls"}
    assert reasons["cut in the thought"] == reasons["cut in the answer"] == {"length"}
    assert reasons["plain"] == reasons["a tool loop"] == {"stop"}
    assert heard["cut in the thought"].answers[0].text == ""
    assert heard["cut in the answer"].answers[0].text
    assert [len(heard[name].answers) for name in ("plain", "several choices", "five choices")] == [1, 2, 5]
    assert len({answer.text for answer in heard["several choices"].answers}) == 2
    assert len(heard["tools"].answers[0].tool_calls) == 2
    assert "." not in heard["a stop"].answers[0].text
    assert heard["JSON mode"].answers[0].text.startswith("{")
    assert heard["a long prompt"].cached >= 256


ERRORS: list[tuple[str, dict[str, Any], type[openai.APIStatusError], type[errors.KimiStatusError]]] = [
    ("unknown model", {"model": "kimi-k9"}, openai.NotFoundError, errors.KimiModelError),
    ("more than fits", {"max_tokens": 262_144}, openai.BadRequestError, errors.KimiContextError),
]


@pytest.mark.parametrize(("name", "given", "their_kind", "our_kind"), ERRORS, ids=[row[0] for row in ERRORS])
def test_both_clients_raise_for_the_same_refusal(
    name: str, given: dict[str, Any], their_kind: type, our_kind: type, sdk: openai.OpenAI
) -> None:
    with pytest.raises(their_kind) as their:
        theirs(sdk, SKY, **given)
    with pytest.raises(our_kind) as our:
        kimi_magic.ask(SKY, **given)
    assert our.value.status == their.value.status_code
    assert our.value.type == their.value.type == their.value.body["type"]
    assert their.value.body["message"] in our.value.message
    assert len(our.value.request_id) == len(their.value.request_id)


def test_both_clients_raise_for_a_wrong_key(sdk: openai.OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-wrong-0123456789")
    with pytest.raises(openai.AuthenticationError) as their:
        theirs(sdk.with_options(api_key="sk-wrong-0123456789"), SKY)
    with pytest.raises(errors.KimiAuthError) as our:
        kimi_magic.ask(SKY)
    assert (our.value.status, our.value.type) == (their.value.status_code, their.value.type)
    assert their.value.body["message"] in our.value.message


def test_both_clients_raise_for_an_error_inside_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Service(speed=0, faults="error-in-stream=5")) as address:
        monkeypatch.setenv("EVOLINK_BASE_URL", address)
        with openai.OpenAI(base_url=address, api_key=OFFLINE_KEY, max_retries=0) as sdk:
            with pytest.raises(openai.APIError) as their:
                theirs_streamed(sdk, SKY)
            with pytest.raises(errors.KimiRateLimitError) as our:
                kimi_magic.ask(SKY)
    assert their.value.message in our.value.message
    assert their.value.body["type"] == our.value.type


def test_both_clients_see_the_same_models(sdk: openai.OpenAI) -> None:
    assert kernel.current.offered_models() == [model.id for model in sdk.models.list()]
