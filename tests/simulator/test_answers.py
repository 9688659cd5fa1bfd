"""What is said: plain answers, conversations, and the continuation of a beginning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimi_magic.simulator import Service
from kimi_magic.simulator.answers import excerpt

from .chat import PNG, send, user


def said(question: str, *earlier: dict[str, Any], **changes: Any) -> str:
    return send(messages=[*earlier, user(question)], **changes).message["content"]


def thought(question: str, *earlier: dict[str, Any]) -> str:
    return send(messages=[*earlier, user(question)]).message["reasoning_content"]


@pytest.mark.parametrize(
    ("question", "mark"),
    [
        ("Why is the sky blue?", "**Rayleigh scattering**"),
        ("Make me a table", "| ------- |"),
        ("Compare a list with a tuple", "| `tuple` |"),
        ("Write a Python function for primes", "```python\n"),
        ("Show me an integral", "\\int_{-\\infty}"),
        ("How is a quadratic equation solved?", "$$\nx = "),
        ("Hello!", "**offline simulator**"),
        ("What is 12 * 12?", "**144**"),
        ("What is the capital of Norway?", "**Oslo**"),
        ("为什么天空是蓝色的？", "瑞利散射"),
        ("写一首诗", "**离线模拟器**"),
    ],
)
def test_known_questions_have_good_answers(question: str, mark: str):
    assert mark in said(question)


def test_the_code_that_is_shown_is_right(capsys: pytest.CaptureFixture[str]):
    for question, last in (
        ("primes in python", "[2, 3, 5, 7, 11, 13, 17, 19, 23, 29]"),
        ("fibonacci", "21, 34]"),
    ):
        code = said(question).split("```python\n")[1].split("```")[0]
        exec(code, {})
        assert last in capsys.readouterr().out
        assert last in code


def test_a_prepared_answer_is_only_for_those_who_ask_for_nothing_else():
    for wish in ("sky " * 100_000 + "\nWhy is the sky blue?", "Why is the sky blue, and why is grass green?"):
        text = said(wish)
        assert "Rayleigh" not in text
        assert "**offline simulator**" in text


@given(st.text(max_size=100))
def test_a_quoted_question_never_leaves_its_code_span(text: str):
    quoted = excerpt(text)
    assert quoted[0] == quoted[-1] == "`"
    assert "`" not in quoted[1:-1]
    assert quoted[1:-1].strip()
    assert quoted.isprintable()
    assert len(quoted) <= 62


def test_wishes_for_shortness_are_honoured():
    assert said("What is the capital of France? Answer in one word.") == "Paris"
    assert said("Why is the sky blue? In two sentences.").count(".") == 2
    assert (
        said("Why is the sky blue?", {"role": "system", "content": "Answer in one sentence."}).count(".") == 1
    )
    assert said("Why is the sky blue? Answer in one sentence, please.").count(".") == 1
    assert said("What is 6 * 7? One word.") == "42"


def test_earlier_turns_and_the_system_message_show():
    earlier = [
        {"role": "system", "content": "Be brief."},
        user("My name is Ada and I like basalt."),
        {"role": "assistant", "content": "Noted."},
        user("Why is the sky blue?"),
        {"role": "assistant", "content": "Scattering."},
    ]
    assert "The system message asks for `Be brief.`" in thought("And at night?", *earlier)
    assert "Earlier they asked `My name is Ada" in thought("And at night?", *earlier)
    assert "`My name is Ada and I like basalt.`" in said("What did I ask first?", *earlier)
    assert "`Why is the sky blue?`" in said("What was my last question?", *earlier)
    assert said("What is my name?", *earlier) == "Your name is Ada."
    assert said("What did I ask first?") == "This is the first thing you asked."


def test_a_shown_image_is_counted():
    picture = {"type": "image_url", "image_url": {"url": PNG}}
    messages = [user([{"type": "text", "text": "What is on this plot?"}, picture])]
    plain = send(messages=[user("What is on this plot?")]).json["usage"]["prompt_tokens"]
    answer = send(messages=messages, model="kimi-k3")
    assert "an image (image/png, 33 bytes)" in answer.message["content"]
    assert answer.json["usage"]["prompt_tokens"] > plain + 500


def test_without_thinking_there_is_no_thought():
    service = Service(speed=0, profile="moonshot")
    answer = send(service, model="kimi-k2.6", thinking={"type": "disabled"}, stream=True)
    assert all("reasoning_content" not in delta for delta in answer.deltas())
    whole = send(service, model="kimi-k2.6", thinking={"type": "disabled"})
    assert "reasoning_content" not in whole.message
    assert whole.json["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def partial(prefix: str, question: str = "Write a haiku about fog.", **more: Any) -> dict[str, Any]:
    begun = {"role": "assistant", "content": prefix, "partial": True, **more}
    return send(messages=[user(question), begun]).message


def test_an_answer_cut_short_is_continued_to_the_same_answer():
    question = [user("Why is the sky blue?")]
    full = send(messages=question).message["content"]
    for cap in range(70, 230, 20):
        cut = send(messages=question, max_tokens=cap).message
        begun = {"role": "assistant", "partial": True, **cut}
        rest = send(messages=[*question, begun]).message
        assert cut["content"] + rest["content"] == full
        assert cut["content"] or rest["reasoning_content"]


def test_a_prefix_of_ones_own_is_continued():
    assert partial("Grey breath on the hill,\n")["content"].startswith("the harbour bells")
    assert partial("Once upon a time")["content"].startswith(" and ")
    assert partial("It was late.")["content"][1].isupper()
    assert partial("See:\n```python\n")["content"].endswith("```\n")
    assert partial("")["content"].startswith("Grey breath")


@pytest.mark.parametrize(
    "prefix",
    ["{", "  {", '{"name"', '{"name": "A', '{"a": [', '{"a": 1', '{"a": [{"b": "c', '{"a": 1,', '{"a": "b]"'],
)
def test_a_prefilled_brace_is_completed_to_an_object(prefix: str):
    rest = partial(prefix, "Give me JSON with fields: name, age")["content"]
    assert isinstance(json.loads(prefix + rest), dict)


def test_the_thought_is_not_repeated_when_the_prefix_brings_it():
    assert partial("Grey breath", reasoning_content="A haiku.")["reasoning_content"] == ""
    assert partial("", reasoning_content="A hai")["reasoning_content"] != ""
