"""What JSON answers say: as many things as asked for, true where it is known, the same after a repair."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.simulator import content
from kimi_magic.simulator.facts import table_named

from .chat import send, user

JSON_MODE = {"type": "json_object"}
WISH = "Answer with one JSON object and nothing else. It must be valid for this JSON Schema:\n"


def records(**kinds: Any) -> dict[str, Any]:
    """The schema of a list of objects, as a client writes it that wants one object around it."""
    parts = {name: kind if isinstance(kind, dict) else {"type": kind} for name, kind in kinds.items()}
    item = {"type": "object", "properties": parts, "required": list(parts)}
    items = {"type": "array", "items": {"$ref": "#/$defs/item"}}
    return {"type": "object", "properties": {"items": items}, "required": ["items"], "$defs": {"item": item}}


def single(**kinds: Any) -> dict[str, Any]:
    parts = {name: kind if isinstance(kind, dict) else {"type": kind} for name, kind in kinds.items()}
    return {"type": "object", "properties": parts, "required": list(parts)}


def prompt(schema: dict[str, Any]) -> dict[str, Any]:
    return {"role": "system", "content": f"Be brief.\n\n{WISH}{json.dumps(schema, separators=(',', ':'))}"}


def said(messages: list[dict[str, Any]], **changes: Any) -> str:
    answer = send(messages=messages, response_format=JSON_MODE, max_tokens=100_000, **changes)
    assert answer.status == 200, answer.raw
    return answer.message["content"]


def by_prompt(question: str, schema: dict[str, Any]) -> Any:
    return json.loads(said([prompt(schema), user(question)]))


def by_format(question: str, schema: dict[str, Any]) -> Any:
    wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema, "strict": True}}
    return json.loads(
        send(messages=[user(question)], response_format=wanted, max_tokens=100_000).message["content"]
    )


BOTH = pytest.mark.parametrize("ask", [by_prompt, by_format])


@BOTH
def test_capitals_have_their_country_and_their_inhabitants(ask: Any):
    schema = records(city="string", country="string", population="integer")
    items = ask("List five European capitals with country and population", schema)["items"]
    known = {row[:3] for row in table_named("capitals").rows}
    assert len({tuple(item.values()) for item in items}) == 5
    assert {tuple(item.values()) for item in items} <= known


@BOTH
def test_the_planets_are_all_there_in_their_order_and_in_the_unit_of_the_name(ask: Any):
    schema = records(name="string", distance_million_km="number", moons="integer", has_rings="boolean")
    items = ask("The planets of the solar system as a table", schema)["items"]
    assert [item["name"] for item in items] == [row[0] for row in table_named("planets").rows]
    assert (items[2]["distance_million_km"], items[2]["moons"], items[5]["has_rings"]) == (149.6, 1, True)


def test_what_is_longest_comes_first():
    items = by_prompt("The three longest rivers", records(name="string", length_km="integer"))["items"]
    assert [item["name"] for item in items] == ["Nile", "Amazon", "Yangtze"]


def test_those_that_are_named_are_meant():
    items = by_prompt("Compare the planets Mars and Venus", records(planet="string", moons="integer"))[
        "items"
    ]
    assert items == [{"planet": "Mars", "moons": 2}, {"planet": "Venus", "moons": 0}]
    assert by_prompt(
        "Tell me of the chemical element Gold", single(symbol="string", atomic_number="integer")
    ) == {
        "symbol": "Au",
        "atomic_number": 79,
    }


def test_a_continent_limits_what_is_meant():
    items = by_prompt("Four countries in Africa", records(country="string", population_millions="number"))
    known = {(row[0], row[2] / 1e6) for row in table_named("countries").rows if row[4] == "Africa"}
    assert {tuple(item.values()) for item in items["items"]} == known  # three are known, and none is invented


def test_a_data_set_of_penguins_can_be_larger_than_what_was_measured():
    schema = records(name="string", species="string", island="string", body_mass_g="integer")
    items = by_prompt("A data set of 30 penguins", schema)["items"]
    assert len({json.dumps(item) for item in items}) == 30
    assert {item["species"] for item in items} == {"Adelie", "Chinstrap", "Gentoo"}
    assert all(2_500 < item["body_mass_g"] < 6_500 for item in items)


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ("three rivers", 3),
        ("list 8 penguins", 8),
        ("5 countries", 5),
        ("top 10 programming languages", 10),
        ("a dozen products", 12),
        ("Ten people for a phone book", 10),
        ("Since 2019 rivers flooded; name two rivers", 2),
        ("60 customers", 60),
        ("Some castles", 3),
    ],
)
def test_a_list_has_as_many_things_as_were_asked_for_and_none_twice(question: str, count: int):
    items = by_prompt(question, records(name="string", note="string"))["items"]
    assert len({item["name"] for item in items}) == len(items) == count


def test_the_schema_has_the_last_word_on_how_many():
    schema = records(name="string")
    schema["properties"]["items"] |= {"minItems": 4, "maxItems": 6}
    assert len(by_prompt("two rivers", schema)["items"]) == 4
    assert len(by_prompt("nine rivers", schema)["items"]) == 6


def test_only_the_list_that_is_meant_is_long():
    schema = single(title="string", count="integer", rivers=records()["properties"]["items"])
    schema["properties"]["rivers"] = {
        "type": "array",
        "items": single(name="string", tags={"type": "array", "items": {"type": "string"}}),
    }
    made = by_prompt("List 7 rivers", schema)
    assert (len(made["rivers"]), made["count"]) == (7, 7)
    assert all(river["tags"] == [] for river in made["rivers"])  # no table knows any


def test_one_record_is_of_one_person():
    people = by_prompt(
        "Six employees", records(name="string", email="string", age={"type": "integer", "minimum": 18})
    )
    for person in people["items"]:
        assert person["email"].partition("@")[0] == person["name"].split()[0].lower()
        assert 18 <= person["age"] <= 80


def test_what_only_the_description_calls_a_date_is_one():
    schema = records(
        when={"type": "string", "description": "a date and time such as 2025-03-14T09:26:53Z"},
        day={"type": "string", "description": "First day (a date such as 2025-03-14)"},
        price={"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    )
    for item in by_prompt("4 meetings", schema)["items"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", item["when"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", item["day"])
        assert float(item["price"])


def test_a_schema_of_any_length_is_followed():
    kinds = {f"property_{at}": {"type": "integer", "description": "x" * 40} for at in range(300)}
    made = by_prompt("Invent it", single(**kinds))
    assert list(made) == list(kinds)


def test_a_schema_may_stand_in_the_question_among_other_braces():
    schema = single(name="string", moons="integer")
    question = (
        f'A set {{ "x" and {{}}. The planet Mars as JSON, by {json.dumps(schema, indent=2)} please, {{ok}}.'
    )
    assert json.loads(said([user(question)])) == {"name": "Mars", "moons": 2}


@pytest.mark.parametrize(
    "broken",
    [
        '{"type": "object", "properties": {"a": {"type": "robot"}}}',
        '{"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}}',
        '{"type": "object", "properties": 3}',
        '{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}',
        '{"a": ' * 3_000 + '"properties"',
    ],
)
def test_a_schema_that_cannot_be_followed_is_only_text(broken: str):
    assert isinstance(json.loads(said([user(f"JSON please. {broken}")])), dict)


def test_a_prompt_may_use_what_the_dialect_does_not_know():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer", "anyOf": [{"minimum": 5}]}, "b": {"$ref": "#/definitions/b"}},
        "required": ["a", "b"],
        "definitions": {"b": {"const": "x"}},
    }
    jsonschema.validate(by_prompt("Invent an example", schema), schema)


def test_the_same_request_gets_the_same_answer_and_choices_differ():
    messages = [prompt(records(city="string")), user("Five capitals")]
    assert said(messages) == said(messages)
    choices = send(messages=messages, response_format=JSON_MODE, n=5).json["choices"]
    assert len({choice["message"]["content"] for choice in choices}) > 1


def correction(fault: str) -> dict[str, Any]:
    wish = f"That cannot be used: {fault}. Answer once more, with the whole corrected JSON object."
    return user(wish)


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("mode", ["prompt", "format"])
def test_a_repaired_answer_is_the_first_one_put_right(rounds: int, mode: str):
    schema = records(city="string", country="string", population="integer")
    wanted: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}
    messages = [user("Hi"), {"role": "assistant", "content": "Hello."}, user("Seven European capitals")]
    if mode == "prompt":
        messages, wanted = [prompt(schema), *messages], JSON_MODE
    first = send(messages=messages, response_format=wanted).message
    for _ in range(rounds):
        messages += [first, correction("expected number, got null at $.items[3].population")]
    mended = send(messages=messages, response_format=wanted).message
    assert mended["content"] == first["content"]
    assert len(json.loads(mended["content"])["items"]) == 7


def test_a_repair_without_an_answer_before_it_is_one_too():
    messages = [prompt(records(city="string")), user("Seven European capitals")]
    assert said([*messages, correction("the answer is no JSON")]) == said(messages)


QUESTIONS = st.sampled_from(
    [
        *(f"{count} {noun}" for count in (1, 4, 23) for noun in ("planets", "rivers", "penguins", "people")),
        "",
        "x",
    ]
)
NAMES = st.sampled_from(
    ["name", "city", "population", "moons", "tags", "when", "length_km", "is_open", "id", "species", "x"]
)
LEAVES = st.one_of(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "string", "format": "date"},
            {"type": "string", "maxLength": 4},
            {"type": "string", "minLength": 30},
            {"type": "string", "enum": ["gas giant", "terrestrial"]},
            {"type": "integer", "enum": [1, 2]},
            {"type": "boolean"},
            {"type": "null"},
            {"type": "number"},
            {"type": "number", "multipleOf": 0.5},
            {"$ref": "#/$defs/node"},
        ]
    ),
    st.tuples(st.sampled_from(["integer", "number"]), st.integers(-50, 50), st.integers(0, 5)).map(
        lambda drawn: {"type": drawn[0], "minimum": drawn[1], "maximum": drawn[1] + drawn[2]}
    ),
)
PARTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner.filter(lambda part: "anyOf" not in part), min_size=1, max_size=3).map(
            lambda parts: {"anyOf": parts}
        ),
        st.tuples(inner, st.integers(0, 3), st.integers(0, 20)).map(
            lambda drawn: {
                "type": "array",
                "items": drawn[0],
                "minItems": drawn[1],
                "maxItems": drawn[1] + drawn[2],
            }
        ),
        inner.map(lambda part: {"type": "object", "additionalProperties": part}),
        st.dictionaries(NAMES, inner, max_size=4).map(lambda parts: single(**parts)),
    ),
    max_leaves=8,
)
NODE = single(value="integer", next={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]})


@settings(deadline=None)
@given(parts=st.dictionaries(NAMES, PARTS, min_size=1, max_size=4), question=QUESTIONS)
def test_whatever_is_asked_the_answer_fits_the_schema(parts: dict[str, Any], question: str):
    schema = {**single(**parts), "$defs": {"node": NODE}}
    validator = jsonschema.Draft202012Validator(schema)
    for made in (by_prompt(f"Invent {question}", schema), by_format(f"Invent {question}", schema)):
        validator.validate(made)


MISSING = content.load("languages")["en"]["missing"].partition("{")[0]


@settings(deadline=None)
@given(
    parts=st.dictionaries(NAMES, PARTS, min_size=1, max_size=4),
    question=st.one_of(QUESTIONS, st.sampled_from(["Anna is 30, from Rome.", "2024-05-03: $5 for tea"])),
)
def test_what_is_not_invented_fits_the_schema_or_is_a_sentence_that_names_what_is_missing(
    parts: dict[str, Any], question: str
):
    schema = {**single(**parts), "$defs": {"node": NODE}}
    text = said([prompt(schema), user(question or "x")])
    if not text.startswith(MISSING):
        jsonschema.Draft202012Validator(schema).validate(json.loads(text))
