"""A request from values: what is sent, which rules hold across values, and which warnings are given once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import kernel, models, options, request
from kimi_magic.conversation import Conversation, Step, Turn
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Finished, Message, ReasoningDelta, Request, TextDelta, user_message

from .turns import cell_plan

THINKING = models.find("kimi-k2-thinking")
LATER = models.find("kimi-k2.6")
UNKNOWN = models.find("some/Other-1")
ASKED = Message("user", "2+2?")
MODELS = models.table().models
NEWER = [name for name, model in MODELS.items() if model.fixed]
FREE = ["kimi-k2-thinking", "kimi-k2-thinking-turbo"]


def body(
    model: models.Model = THINKING, messages: tuple[Message, ...] = (ASKED,), **values: Any
) -> dict[str, Any]:
    return json.loads(request.build(decided(model, values), messages).body())


def decided(model: models.Model, values: dict[str, Any]) -> request.Options:
    return request.decide({"model": model.name, "stream": False, **values}, {})


def refusal(model: models.Model = THINKING, messages: tuple[Message, ...] = (ASKED,), **values: Any) -> str:
    with pytest.raises(KimiUsageError) as caught:
        request.build(decided(model, values), messages)
    assert "\n" not in caught.value.message
    return caught.value.message


# ---- only what is set is sent ----


@pytest.mark.parametrize("name", MODELS)
def test_with_nothing_set_a_known_model_gets_the_messages_and_the_cap_of_its_table(name: str) -> None:
    assert body(models.find(name)) == {
        "model": name,
        "messages": [{"role": "user", "content": "2+2?"}],
        **({"max_tokens": cap} if (cap := MODELS[name].max_tokens) else {}),
    }


def test_the_cap_that_is_sent_is_that_of_the_thinking_guide_and_of_the_newest_models_their_own() -> None:
    assert {MODELS[name].max_tokens for name in (*FREE, "kimi-k2.6", "kimi-k2.7-code")} == {32_768}
    assert {MODELS[name].max_tokens for name in ("kimi-k3", "kimi-k3.1-pro")} == {131_072}


def test_an_unknown_model_gets_what_was_set_and_no_more() -> None:
    assert set(body(UNKNOWN)) == {"model", "messages"}
    assert set(body(UNKNOWN, temperature=1.5, max_tokens=7)) == {
        "model",
        "messages",
        "temperature",
        "max_tokens",
    }


SETTABLE = {
    "temperature": st.floats(0.3, 2),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(1, 1000),
    "n": st.integers(1, 5),
    "presence_penalty": st.floats(-2, 2),
    "frequency_penalty": st.floats(-2, 2),
    "stop": st.lists(st.text(min_size=1, max_size=8, alphabet="ab海"), min_size=1, max_size=5),
    "max_tokens": st.integers(1, 262_144),
}


@given(st.fixed_dictionaries({}, optional=SETTABLE))
def test_whatever_is_set_is_sent_with_its_value_and_nothing_else_is(values: dict[str, Any]) -> None:
    sent = body(UNKNOWN, **values)
    assert {name: sent[name] for name in sent if name not in ("model", "messages")} == values


@given(st.sets(st.sampled_from([*SETTABLE, "response_format", "tools"])))
def test_a_value_that_is_none_is_as_good_as_not_there(names: set[str]) -> None:
    assert set(body(UNKNOWN, **dict.fromkeys(names))) == {"model", "messages"}


def test_the_count_of_tokens_is_asked_for_with_a_stream_and_only_then() -> None:
    streamed = body(stream=True)
    assert (streamed["stream"], streamed["stream_options"]) == (True, {"include_usage": True})
    assert not {"stream", "stream_options"} & set(body(stream=False))


def test_json_is_a_format_and_a_format_that_is_set_beats_it() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "t", "schema": {}}}

    def form(**given: Any) -> Any:
        plan = cell_plan(offline=True, **options.check(given, options.PYTHON))
        return json.loads(plan.request.body()).get("response_format")

    assert form(json=True) == {"type": "json_object"}
    assert form(response_format="text") == {"type": "text"}
    assert form(json=True, response_format=schema) == schema
    assert form(json=False) is None


# ---- rules across parameters ----


@pytest.mark.parametrize("temperature", [0, 0.01, 0.29])
def test_several_answers_near_temperature_0_are_refused(temperature: float) -> None:
    assert f"n 2 with temperature {temperature:g}" in refusal(n=2, temperature=temperature)
    assert "at least 0.3" in refusal(n=5, temperature=temperature)
    assert body(n=1, temperature=temperature)["temperature"] == temperature
    assert body(temperature=temperature)["temperature"] == temperature


def test_several_answers_at_another_temperature_are_fine() -> None:
    assert body(n=2, temperature=0.3)["n"] == 2
    assert body(n=5)["n"] == 5


@pytest.mark.parametrize("line", ["--json", "--response-format json_object", "--schema 'name, age int'"])
def test_json_mode_and_a_begun_answer_are_not_mixed(line: str) -> None:
    with pytest.raises(KimiUsageError, match="--json with --prefix"):
        cell_plan(f"--offline --prefix '{{' {line}")
    with pytest.raises(KimiUsageError, match="json with prefix"):
        kimi_magic.ask("2+2?", json=True, prefix="{", offline=True)
    assert cell_plan("--offline --prefix '{' --response-format text").request.messages[-1].partial


def test_a_cap_beyond_the_context_of_the_model_is_refused_where_it_is_known() -> None:
    assert "max_tokens 262145" in refusal(max_tokens=262_145)
    assert "262144" in refusal(max_tokens=262_145)
    assert body(max_tokens=262_144)["max_tokens"] == 262_144
    assert body(UNKNOWN, max_tokens=10**9)["max_tokens"] == 10**9


def test_rules_that_are_broken_together_are_told_together() -> None:
    message = refusal(LATER, n=2, temperature=0.1, top_p=1.0, max_tokens=10**6)
    for words in ("n 2", "temperature 0.1", "top_p 1", "max_tokens 1000000"):
        assert words in message


@pytest.mark.parametrize("name", NEWER)
@pytest.mark.parametrize(
    ("parameter", "only", "other"),
    [
        ("temperature", 1, 0.6),
        ("top_p", 0.95, 1.0),
        ("n", 1, 2),
        ("presence_penalty", 0, 0.5),
        ("frequency_penalty", 0, -0.5),
    ],
)
def test_newer_models_take_one_value_of_sampling_and_we_say_which(
    name: str, parameter: str, only: float, other: float
) -> None:
    model = models.find(name)
    assert body(model, **{parameter: only})[parameter] == only
    message = refusal(model, **{parameter: other})
    assert f"{parameter} {other:g}: {name} takes only {only:g}" in message
    assert not set(model.fixed) & set(body(model))


@pytest.mark.parametrize("name", FREE)
def test_the_thinking_models_take_any_sampling(name: str) -> None:
    values = {"temperature": 0.5, "top_p": 1.0, "n": 2, "presence_penalty": 0.5, "frequency_penalty": -0.5}
    assert body(models.find(name), **values).items() >= values.items()


def test_there_are_models_of_both_kinds() -> None:
    assert not any(models.find(name).fixed for name in FREE)
    assert {"kimi-k2.5", "kimi-k2.6", "kimi-k3"} <= set(NEWER)


@pytest.mark.parametrize("name", ["moonshotai/kimi-k2.6", "Kimi-K2.6", "accounts/x/models/kimi-k2.6"])
def test_a_model_is_known_by_the_names_that_hosts_give_it_and_sent_as_typed(name: str) -> None:
    plan = cell_plan(offline=True, model=name)
    assert plan.request.model == name
    assert plan.request.max_tokens == 32_768
    with pytest.raises(KimiUsageError, match="takes only 1"):
        cell_plan(offline=True, model=name, temperature=0.5)


# ---- what is allowed but seldom wise ----


def warnings(
    model: models.Model = THINKING, messages: tuple[Message, ...] = (ASKED,), **values: Any
) -> list[str]:
    return request.warnings(decided(model, values), messages)


def test_nothing_set_is_nothing_to_warn_of() -> None:
    for name in MODELS:
        assert warnings(models.find(name)) == []
    assert warnings(temperature=1.0, n=5, top_k=1) == []


def test_temperature_and_top_p_together_are_warned_of() -> None:
    (warning,) = warnings(temperature=0, top_p=0.0)
    assert "temperature and top_p are both set" in warning


def test_a_temperature_above_1_is_warned_of() -> None:
    (warning,) = warnings(temperature=1.5)
    assert "temperature 1.5 is above 1" in warning


def test_a_picture_for_a_model_that_reads_only_text_is_warned_of() -> None:
    pictured = (user_message("What is this?", ["https://a.test/b.png"]),)
    (warning,) = warnings(messages=pictured)
    assert "kimi-k2-thinking is listed as text only" in warning
    assert warnings(LATER, pictured) == warnings(UNKNOWN, pictured) == []


def test_a_message_that_calls_tools_without_text_is_no_picture() -> None:
    assert warnings(messages=(ASKED, Message("assistant", None, tool_calls=({"id": "a"},)))) == []


def test_a_warning_is_given_once_in_a_kernel() -> None:
    def notices(**given: Any) -> tuple[str, ...]:
        return cell_plan(offline=True, **given).turn.notices

    with kernel.fresh():
        assert notices() == ()
        assert len(notices(temperature=1.5)) == 1
        assert notices(temperature=1.5) == ()
        (new,) = notices(temperature=1.5, top_p=0.5)
        assert "both set" in new
        assert notices(temperature=1.5, top_p=0.5) == ()
    with kernel.fresh():
        assert len(notices(temperature=1.5)) == 1


def test_what_is_refused_is_not_also_warned_of() -> None:
    with kernel.fresh():
        with pytest.raises(KimiUsageError):
            cell_plan(offline=True, temperature=1.5, max_tokens=10**6)
        assert cell_plan(offline=True, temperature=1.5).turn.notices


# ---- whose reasoning is sent back ----


def history() -> Conversation:
    """Two answers, the first with its reasoning."""
    conversation = Conversation()
    for text, reasoning in (("4", "I add."), ("no thought", "")):
        turn = Turn(ASKED, id=conversation.new_id())
        turn.steps.append(step := Step(Request("m", (ASKED,))))
        for event in (*([ReasoningDelta(reasoning)] if reasoning else []), TextDelta(text), Finished("stop")):
            step.add(event)
        step.end("complete")
        turn.end("complete")
        conversation.keep(turn)
    return conversation


def thoughts(messages: tuple[Message, ...]) -> list[str | None]:
    return [message.reasoning_content for message in messages if message.role == "assistant"]


@pytest.mark.parametrize(
    ("which", "expected"), [("all", ["I add.", None]), ("tools", [None, None]), ("none", [None, None])]
)
def test_history_goes_back_with_the_reasoning_that_was_chosen_and_otherwise_whole(
    which: models.HistoryReasoning, expected: list[str | None]
) -> None:
    conversation = history()
    messages = conversation.before(reasoning=which)
    assert thoughts(messages) == expected
    assert [(m.role, m.content) for m in messages] == [
        ("user", "2+2?"), ("assistant", "4"), ("user", "2+2?"), ("assistant", "no thought"),
    ]  # fmt: skip
    assert thoughts(conversation.before()) == ["I add.", None]  # and stays


def test_a_turn_with_the_id_of_another_takes_its_place_and_makes_later_ones_stale() -> None:
    conversation = history()
    first, second = conversation.turns
    again = Turn(Message("user", "3+3?"), id=first.id)
    again.steps = first.steps
    conversation.keep(again)
    assert conversation.turns == (again, second)
    assert (again.stale, second.stale) == (False, True)
    assert [m.content for m in conversation.before(second.id)] == ["3+3?", "4"]
    assert conversation.before(again.id) == ()
    assert len(conversation.before("no such turn")) == 4


@pytest.mark.parametrize("name", [*MODELS, "some/Other-1"])
def test_without_a_choice_the_table_of_the_model_decides(name: str) -> None:
    with kernel.fresh(offline=True, speed=0, model=name) as fresh:
        for turn in history().turns:
            fresh.conversation.keep(turn)
        keeps_all = models.find(name).history_reasoning == "all"
        assert keeps_all == (name.startswith(("kimi-k2-thinking", "kimi-k2.7", "kimi-k3")))
        assert thoughts(cell_plan().request.messages) == ["I add." if keeps_all else None, None]
        assert thoughts(cell_plan(history_reasoning="none").request.messages) == [None, None]


def test_the_choice_is_an_option_of_cell_settings_and_python() -> None:
    for entry in (options.CELL, options.CONFIG):
        values, _ = options.parse(["--history-reasoning", "tools"], options.at(entry))
        assert values == {"history_reasoning": "tools"}
    with pytest.raises(KimiUsageError, match="one of all, tools, none"):
        kimi_magic.ask("2+2?", history_reasoning="some", offline=True)


# ---- pictures ----


def test_pictures_stand_before_the_text_and_a_text_alone_is_no_list() -> None:
    assert user_message("2+2?") == ASKED
    assert body(messages=(user_message("What is this?", ["ms://a", "ms://b"]),))["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "ms://a"}},
                {"type": "image_url", "image_url": {"url": "ms://b"}},
                {"type": "text", "text": "What is this?"},
            ],
        }
    ]


def test_more_pictures_than_a_request_takes_are_refused() -> None:
    with pytest.raises(KimiUsageError, match="1 to 16 of them"):
        options.check({"attach": ["ms://a"] * 17}, options.PYTHON)
    assert len(options.check({"attach": ["ms://a"] * 16}, options.PYTHON)["attach"]) == 16
