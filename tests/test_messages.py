"""What is sent, what comes back in all its shapes, and the reply it grows into."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic import models
from kimi_magic.messages import (
    Counted,
    Event,
    Finished,
    Message,
    Opened,
    ReasoningDelta,
    Refusal,
    Request,
    Sent,
    StreamOptions,
    TextDelta,
    decode_chunk,
    model_names,
    refusal,
)
from kimi_magic.usage import Usage, of_choices
from tests.turns import Growing

COUNTS = {"prompt_tokens": 11, "completion_tokens": 9, "total_tokens": 20}


def events(chunk: object) -> list[Event]:
    return list(decode_chunk(json.dumps(chunk).encode()).events())


def choice(**fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, **fields}]}


def grown(*said: Event) -> Growing:
    reply = Growing("asked-for")
    for event in said:
        reply.add(event)
    return reply


# ---- what is sent ----


def test_a_request_says_only_what_was_set() -> None:
    request = Request("kimi-k2-thinking", (Message("user", "hi"),))
    assert json.loads(request.body()) == {
        "model": "kimi-k2-thinking",
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_a_request_says_all_that_was_set() -> None:
    request = Request(
        "m",
        (
            Message("system", "Be brief."),
            Message("user", "hi"),
            Message("assistant", "Hello.", reasoning_content="A greeting."),
        ),
        max_tokens=16,
        temperature=0.0,
        stream=True,
        stream_options=StreamOptions(),
    )
    assert json.loads(request.body()) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Hello.", "reasoning_content": "A greeting."},
        ],
        "max_tokens": 16,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_a_prompt_arrives_as_it_was_typed(prompt: str) -> None:
    body = Request("m", (Message("user", prompt),)).body()
    assert json.loads(body.decode())["messages"][0]["content"] == prompt


def test_text_that_utf_8_cannot_hold_is_refused_before_it_is_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        Request("m", (Message("user", "\ud83d"),)).body()


# ---- chunks ----


def test_a_chunk_is_told_in_the_order_in_which_it_happened() -> None:
    chunk = choice(
        delta={"content": "Four.", "reasoning_content": "Two plus two."}, finish_reason="stop", usage=COUNTS
    )
    counted = Usage(prompt=11, completion=9)
    assert events(chunk) == [
        ReasoningDelta("Two plus two."),
        TextDelta("Four."),
        Finished("stop"),
        Counted(counted, 0),
    ]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_heard_under_both_of_its_names(name: str) -> None:
    assert events(choice(delta={name: "Hm."})) == [ReasoningDelta("Hm.")]


def test_reasoning_said_under_both_names_at_once_is_heard_once() -> None:
    assert events(choice(delta={"reasoning_content": "Hm.", "reasoning": "Hm."})) == [ReasoningDelta("Hm.")]


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [], "usage": None},
        choice(delta={}),
        choice(delta=None),
        choice(delta={"role": "assistant", "content": ""}, finish_reason=None),
        choice(delta={"role": "assistant", "content": None, "reasoning_content": None}),
        choice(delta={"reasoning_content": ""}, usage=None),
        choice(delta={"content": ""}, finish_reason=""),
    ],
)
def test_a_chunk_that_says_nothing_is_no_event(chunk: object) -> None:
    assert events(chunk) == []


def test_fields_that_nobody_knows_are_ignored() -> None:
    chunk = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1764000100,
        "model": "m",
        "system_fingerprint": None,
        "x_new": {"deep": [1, {"er": "…"}]},
        "choices": [{"delta": {"content": "a", "annotations": []}, "logprobs": None, "matched_stop": 7}],
        "usage": {**COUNTS, "cost": 0.25, "prompt_tokens_details": {"audio_tokens": 3}},
    }
    assert events(chunk) == [TextDelta("a"), Counted(Usage(prompt=11, completion=9))]


def test_a_whole_answer_has_the_shape_of_a_chunk() -> None:
    answer = {
        "choices": [{"message": {"content": "4", "reasoning_content": "2+2"}, "finish_reason": "stop"}],
        "usage": COUNTS,
    }
    assert events(answer) == [
        ReasoningDelta("2+2"),
        TextDelta("4"),
        Finished("stop"),
        Counted(Usage(prompt=11, completion=9)),
    ]


def test_choices_keep_their_numbers() -> None:
    chunk = {"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]}
    assert events(chunk) == [TextDelta("b", 1), TextDelta("a", 0)]


@pytest.mark.parametrize("garbage", [b"", b"{", b"[1]", b'"text"', b"{}{}", b"\xff"])
def test_what_is_no_chunk_is_a_value_error(garbage: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the class is the promise, the words are the decoder's
        decode_chunk(garbage)


# ---- usage, in each of its places ----

FULL = Usage(prompt=11, completion=9, cached=4, reasoning=5)


@pytest.mark.parametrize(
    "counts",
    [
        {**COUNTS, "cached_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 5}},
        {
            **COUNTS,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        {
            **COUNTS,
            "cached_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        {
            **COUNTS,
            "cached_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": None},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    ],
    ids=["beside", "in the details", "details beat what stands beside", "details that do not say"],
)
def test_cached_and_reasoning_tokens_are_found(counts: dict[str, object]) -> None:
    assert events({"usage": counts}) == [Counted(FULL)]
    assert events(choice(usage=counts)) == [Counted(FULL, 0)]


def test_counts_that_are_missing_are_zero_and_unsaid_reasoning_is_unknown() -> None:
    nulls = {"prompt_tokens": None, "completion_tokens": None, "completion_tokens_details": None}
    assert events({"usage": nulls}) == events({"usage": {}}) == [Counted(Usage(0, 0, 0, None))]


def test_the_total_is_prompt_and_completion() -> None:
    assert FULL.total == 20


def test_without_a_count_a_reply_has_no_usage() -> None:
    assert grown(TextDelta("a"), Finished("stop")).usage is None


@pytest.mark.parametrize("turn", [1, -1], ids=["choice first", "request first"])
def test_the_count_of_the_request_beats_that_of_its_choices(turn: int) -> None:
    counts = [Counted(Usage(prompt=1, completion=1), 0), Counted(FULL)]
    assert grown(*counts[::turn]).usage == FULL


def test_several_choices_add_up_and_the_prompt_counts_once() -> None:
    reply = grown(
        Counted(Usage(prompt=10, completion=5, cached=2, reasoning=3), 0),
        Counted(Usage(prompt=10, completion=7, cached=2, reasoning=None), 1),
        Counted(Usage(prompt=10, completion=1, cached=2, reasoning=1), 2),
    )
    assert reply.usage == Usage(prompt=10, completion=13, cached=2, reasoning=4)


def test_choices_that_do_not_say_how_much_they_thought_leave_it_unknown() -> None:
    assert of_choices([Usage(1, 2), Usage(1, 3)]) == Usage(1, 5, 0, None)


def test_a_count_that_is_repeated_is_not_added_again() -> None:
    first, last = Usage(prompt=10, completion=5), Usage(prompt=10, completion=6)
    assert grown(Counted(first, 0), Counted(last, 0)).usage == last
    assert grown(Counted(first), Counted(last)).usage == last


# ---- refusals ----


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"error": {"message": "no", "type": "invalid_request_error"}}, ("no", "invalid_request_error")),
        ({"error": {"message": "no", "type": "a", "param": None, "code": "b"}}, ("no", "a")),
        ({"error": {"message": "no", "type": None, "code": "model_not_found"}}, ("no", "model_not_found")),
        ({"error": {"message": "no", "code": 401}}, ("no", "401")),
        ({"error": {"message": "no", "code": None}}, ("no", "")),
        ({"error": {"message": "no", "metadata": {"raw": "…"}}}, ("no", "")),
        ({"error": "no"}, ("no", "")),
        ({"error": "", "message": "no"}, ("no", "")),
        ({"error": {"error": {"message": "no", "type": "inner"}}}, ("no", "inner")),
        ({"code": 20015, "message": "no", "data": None}, ("no", "20015")),
        ({"detail": "no"}, ("no", "")),
        ({"detail": [{"loc": ["body"], "msg": "no"}]}, ('[{"loc":["body"],"msg":"no"}]', "")),
        ({"message": "no", "type": "inner"}, ("no", "inner")),
        ("no", ("no", "")),
        ({}, ("", "")),
        ({"error": {}}, ("", "")),
        ({"error": None}, ("", "")),
        (None, ("", "")),
        ([], ("", "")),
        (7, ("", "")),
    ],
)
def test_a_refusal_is_understood_in_each_shape(error: object, expected: tuple[str, str]) -> None:
    assert refusal(error) == Refusal(*expected)


# ---- the growing answer ----


def test_a_reply_goes_from_connecting_to_waiting_to_reasoning_to_answering_to_its_end() -> None:
    reply = Growing("m")
    states = [reply.state]
    for event in [
        Sent(),
        Opened("c1", "m"),
        ReasoningDelta("Hm"),
        ReasoningDelta("."),
        TextDelta("Fo"),
        TextDelta("ur"),
    ]:
        reply.add(event)
        states.append(reply.state)
    reply.end("complete")
    assert [*states, reply.state] == [
        "connecting",
        "waiting",
        "waiting",
        "reasoning",
        "reasoning",
        "answering",
        "answering",
        "complete",
    ]


def test_thought_that_follows_the_answer_does_not_take_the_answer_back() -> None:
    reply = grown(TextDelta("Four"), ReasoningDelta("Sure?"), TextDelta("."))
    assert (reply.state, reply.text, reply.reasoning) == ("answering", "Four.", "Sure?")


@pytest.mark.parametrize("state", ["complete", "interrupted", "failed"])
def test_a_reply_that_ended_stays_as_it_ended(state: str) -> None:
    reply = grown(ReasoningDelta("Hm."), TextDelta("Four"))
    assert not reply.turn.has_ended
    reply.end(state)
    assert reply.turn.has_ended
    assert reply.state == state
    assert reply.text == "Four"


def test_the_text_of_a_reply_is_the_reply() -> None:
    reply = grown(TextDelta("Fo"), TextDelta("ur."))
    assert str(reply) == reply.text == "Four."
    reply.add(TextDelta(" Really."))
    assert str(reply) == "Four. Really."


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([TextDelta, ReasoningDelta]), st.text(min_size=1), st.booleans())))
def test_nothing_is_lost_or_reordered_however_often_it_is_read(said: list) -> None:
    reply = Growing("m")
    for kind, text, read in said:
        reply.add(kind(text))
        if read:
            assert reply.text + reply.reasoning
    assert reply.text == "".join(text for kind, text, _ in said if kind is TextDelta)
    assert reply.reasoning == "".join(text for kind, text, _ in said if kind is ReasoningDelta)


def test_the_service_says_which_model_speaks() -> None:
    reply = grown(Opened("c1", "moonshotai/kimi-k2-thinking"))
    assert (reply.turn.step.id, reply.model) == ("c1", "moonshotai/kimi-k2-thinking")
    assert grown(Opened("c1", "")).model == "asked-for"


def test_the_reason_of_the_end_is_the_service_s_own() -> None:
    assert grown(TextDelta("a")).finish_reason is None
    assert grown(TextDelta("a"), Finished("length")).finish_reason == "length"


def test_seconds_grow_until_the_end_and_then_stand() -> None:
    reply = grown(ReasoningDelta("Hm."))
    before = reply.seconds
    assert 0 <= before <= reply.seconds
    reply.end("interrupted")
    assert before <= reply.seconds == reply.seconds
    assert reply.turn.choice.reasoning_seconds == reply.turn.choice.reasoning_seconds <= reply.seconds


def test_seconds_of_reasoning_end_with_the_first_word_of_the_answer() -> None:
    reply = grown(ReasoningDelta("Hm."))
    before = reply.turn.choice.reasoning_seconds
    reply.add(TextDelta("a"))
    after = reply.turn.choice.reasoning_seconds
    reply.add(TextDelta("b"))
    assert 0 <= before <= after == reply.turn.choice.reasoning_seconds


def test_without_thought_no_second_was_spent_on_it() -> None:
    assert grown(TextDelta("a")).turn.choice.reasoning_seconds == 0


def test_a_reply_is_recognised_in_a_list_and_shows_an_excerpt() -> None:
    reply = grown(TextDelta("x" * 500), Finished("stop"))
    assert repr(reply) == f"<Reply {'x' * 59 + '…'!r} asked-for stop>"
    assert repr(Growing("m")) == "<Reply '' m connecting>"


# ---- models ----


@pytest.mark.parametrize(
    "name", ["kimi-k2-thinking", "moonshotai/kimi-k2-thinking", "moonshotai/Kimi-K2-Thinking"]
)
def test_a_model_is_known_under_the_names_that_hosts_give_it(name: str) -> None:
    model = models.find(name)
    assert model.history_reasoning == "all"
    assert model.context == 262_144


def test_a_model_that_nobody_knows_is_allowed_and_is_sent_what_the_user_sets() -> None:
    model = models.find("kimi-k9")
    assert (model.name, model.context, model.history_reasoning) == ("kimi-k9", 0, "tools")
    assert model.max_tokens is None


# ---- what is not as documented ----


def said(**fields: object) -> list[Event]:
    """The events of a delta with these fields, beside a side field that no typed decoder takes."""
    return events({"choices": [{"index": 0, "delta": fields}], "id": ["odd"]})


@pytest.mark.parametrize(
    "odd",
    [
        {"id": 7},
        {"model": {"name": "k"}},
        {"usage": "none"},
        {"usage": [1]},
        {"usage": {"prompt_tokens": "a few", "prompt_tokens_details": "some"}},
        {"choices": [{"index": "0", "delta": {"content": "kept", "tool_calls": "none", "reasoning": 3}}]},
        {"choices": [{"index": None, "delta": {"content": "kept"}, "usage": 0.5}, "no choice"]},
    ],
)
def test_a_side_field_of_the_wrong_type_costs_nothing(odd: dict[str, object]) -> None:
    assert TextDelta("kept", 0) in events({**choice(delta={"content": "kept"}), **odd})


@pytest.mark.parametrize("count", [12, 12.0, 12.9, "12", " 12 "])
def test_a_count_is_a_number_in_any_form(count: object) -> None:
    (counted,) = events({"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": count}})
    assert counted == Counted(Usage(12, 12))


@pytest.mark.parametrize("count", [-1, "many", True, [12], 1e400])
def test_what_is_no_count_is_none(count: object) -> None:
    (counted,) = events({"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": 3.0}})
    assert counted == Counted(Usage(0, 3))


def test_content_in_parts_is_text_and_reasoning() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "Fo"},
        {"type": "picture", "url": "https://a.test"},
        {"type": "text", "text": "ur."},
    ]
    assert events(choice(delta={"content": parts})) == [ReasoningDelta("Hm."), TextDelta("Four.")]
    assert events(choice(message={"content": []})) == []


def test_arguments_as_an_object_become_the_text_that_was_documented() -> None:
    call = {"index": 0, "id": "f:0", "function": {"name": "f", "arguments": {"city": "Turin"}}}
    (delta,) = events(choice(delta={"tool_calls": [call]}))
    assert json.loads(delta.arguments) == {"city": "Turin"}


@pytest.mark.parametrize(("reason", "word"), [(1, "stop"), ({"type": "length"}, "length"), (True, "stop")])
def test_the_end_of_an_answer_is_an_end_in_any_form(reason: object, word: str) -> None:
    assert events(choice(finish_reason=reason)) == [Finished(word)]


NAMES = ["index", "delta", "message", "content", "tool_calls", "function", "usage", "prompt_tokens"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
)


@given(VALUES)
def test_whatever_stands_in_the_fields_beside_the_text_it_is_kept(odd: object) -> None:
    for field in ("id", "model", "usage", "object", "created"):
        chunk = {**choice(delta={"content": "kept"}), field: odd}
        assert TextDelta("kept") in events(chunk)


@pytest.mark.parametrize(
    "body",
    [
        [{"id": "a"}, {"id": "b"}],
        {"data": [{"id": "a"}, {"object": "model"}, {"id": "b"}]},
        {"models": [{"name": "a", "model": "a"}, {"name": "b"}]},
    ],
)
def test_a_list_of_models_is_read_in_every_shape(body: object) -> None:
    assert model_names(json.dumps(body).encode()) == ["a", "b"]


@pytest.mark.parametrize("body", [b"{}", b'{"data": null}', b"7", b"no JSON"])
def test_what_is_no_list_of_models_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        model_names(body)
