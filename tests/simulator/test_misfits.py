"""The fault `misfit`: answers in JSON that do not fit, each in its way, and only as often as asked for."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.simulator import Service
from kimi_magic.simulator.misfits import KINDS, spoil

from .chat import Answer, send, user
from .test_json_contents import JSON_MODE, PARTS, prompt, records, single

SCHEMA = records(city="string", country="string", population="integer")
MESSAGES = [prompt(SCHEMA), user("Five European capitals")]


def ask(kind: str, service: Service | None = None, **changes: Any) -> Answer:
    faults = f"misfit={kind}" if kind else ""
    return send(service, faults=faults, messages=MESSAGES, response_format=JSON_MODE, **changes)


def text(kind: str, **changes: Any) -> str:
    return ask(kind, **changes).message["content"]


@pytest.mark.parametrize("kind", ["type", "missing"])
def test_a_value_of_another_type_or_none_at_all_does_not_fit_the_schema(kind: str):
    right, wrong = json.loads(text("")), json.loads(text(kind))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)
    assert wrong["items"][1:] == right["items"][1:]
    changed = {name for name in right["items"][0] if wrong["items"][0].get(name) != right["items"][0][name]}
    assert changed == {"population"}


def test_a_right_answer_can_stand_in_a_fence_after_a_sentence():
    wrong = text("fence")
    assert wrong.startswith("Here is")
    assert json.loads(wrong.partition("```json\n")[2].removesuffix("\n```")) == json.loads(text(""))


def test_a_comma_can_be_missing():
    with pytest.raises(json.JSONDecodeError, match="',' delimiter"):
        json.loads(text("broken"))


def test_a_number_can_be_none():
    def constant(name: str) -> None:
        assert name == "NaN"
        met.append(name)

    met: list[str] = []
    assert json.loads(text("nan"), parse_constant=constant)["items"][0]["population"] is None
    assert met == ["NaN"]


def test_a_key_can_come_twice_and_the_last_one_is_right():
    keys: list[list[str]] = []
    value = json.loads(
        text("twice"),
        object_pairs_hook=lambda pairs: (keys.append([name for name, _ in pairs]), dict(pairs))[1],
    )
    assert keys[0] == ["city", "city", "country", "population"]
    assert value == json.loads(text(""))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_carries_the_same_fault(kind: str):
    assert ask(kind, stream=True).text() == text(kind) != text("")


@pytest.mark.parametrize("kind", KINDS)
def test_after_its_times_the_answer_fits_again(kind: str):
    service = Service(speed=0, faults=f"misfit={kind}; times=1")
    send(service, messages=[user("hi")])  # no JSON: neither touched nor counted
    send(service, method="GET", path="/v1/models")
    first, second = (ask("", service).message["content"] for _ in range(2))
    assert first == text(kind)
    assert second == text("")


def test_a_repair_after_a_misfit_is_right():
    service = Service(speed=0, faults="misfit=type; times=1")
    first = ask("", service).message
    again = [
        *MESSAGES,
        first,
        user("That cannot be used: $.items[0].population: expected integer, got null."),
    ]
    mended = send(service, messages=again, response_format=JSON_MODE).message["content"]
    assert mended == text("")
    jsonschema.validate(json.loads(mended), SCHEMA)


def test_without_a_schema_there_is_a_fault_too():
    question = [user("Three cities as JSON with name and population")]
    right = send(messages=question, response_format=JSON_MODE).message["content"]
    for kind in KINDS:
        wrong = send(messages=question, response_format=JSON_MODE, faults=f"misfit={kind}").message["content"]
        assert wrong != right


def test_plain_answers_are_not_touched():
    assert send(faults="misfit=broken").message == send().message
    assert spoil("no JSON", "type", None) == "no JSON"
    assert spoil("[1, 2]", "broken", None) == "[1, 2]"


@settings(deadline=None)
@given(parts=st.dictionaries(st.text(max_size=4), PARTS, max_size=3), kind=st.sampled_from(KINDS))
def test_no_answer_is_too_small_or_too_odd_for_a_fault(parts: dict[str, Any], kind: str):
    schema = {**single(**parts), "$defs": {"node": single(value="integer")}}
    wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}
    answer = send(faults=f"misfit={kind}", messages=[user("go")], response_format=wanted, max_tokens=100_000)
    assert answer.status == 200, answer.raw
