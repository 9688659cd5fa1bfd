"""JSON mode and structured output: always one value, always of the shape asked for."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.simulator.facts import table_named

from .chat import send, user

JSON_MODE = {"type": "json_object"}


def said(question: str, *earlier: dict[str, Any], **changes: Any) -> str:
    return send(messages=[*earlier, user(question)], **changes).message["content"]


def as_json(question: str, **changes: Any) -> Any:
    return json.loads(said(question, response_format=JSON_MODE, **changes))


def test_json_mode_gives_the_fields_the_prompt_names():
    person = as_json("Invent a person: return JSON with the keys `name`, `age` and `is_member`.")
    assert [type(person[key]) for key in ("name", "age", "is_member")] == [str, int, bool]
    assert list(as_json("As JSON with keys city, country and population")) == [
        "city",
        "country",
        "population",
    ]
    assert list(as_json("JSON please. Fields: title, year")) == ["title", "year"]
    assert list(as_json("Ein JSON: {'land': ..., 'stadt': ...}")) == ["land", "stadt"]


def test_json_mode_follows_an_example():
    made = as_json(
        'Invent JSON like {"book": {"title": "x", "pages": 10}, "tags": ["a"], "price": 1.5, "sold": true}'
    )
    assert isinstance(made["book"]["title"], str)
    assert isinstance(made["book"]["pages"], int)
    assert all(isinstance(tag, str) for tag in made["tags"])
    assert isinstance(made["price"], float)
    assert isinstance(made["sold"], bool)


def test_json_mode_gives_as_many_records_as_asked_for():
    quiz = as_json('Make 5 quiz questions as JSON {"items": [...]}, each with question and answer')
    assert [set(item) for item in quiz["items"]] == [{"question", "answer"}] * 5
    assert len({item["question"] for item in quiz["items"]}) == 5
    cities = as_json("JSON: a list of three cities with name and country")["cities"]
    assert len(cities) == 3
    pairs = {row[:2] for row in table_named("cities").rows}
    assert {(city["name"], city["country"]) for city in cities} <= pairs
    assert len(as_json("a list of books as json")["books"]) > 1


def test_json_mode_without_hints_is_still_one_object():
    assert set(as_json("Answer in json: what is basalt?")) == {"question", "answer"}


def test_json_mode_reads_the_system_message_too():
    system = {"role": "system", "content": "Reply as JSON with keys mood and score."}
    assert set(json.loads(said("I am fine", system, response_format=JSON_MODE))) == {"mood", "score"}


def test_json_mode_without_the_word_runs_on_in_blanks():
    answer = send(messages=[user("Three cities")], response_format=JSON_MODE)
    assert answer.message["content"].isspace()
    assert len(answer.message["content"]) > 200
    assert answer.json["choices"][0]["finish_reason"] == "length"


def fits(value: Any, schema: Any, root: Any) -> bool:
    """An independent look at a value: the parts of JSON Schema used here."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].split("/")[-1]], root)
    if "anyOf" in schema:
        return any(fits(value, part, root) for part in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if "const" in schema:
        return value == schema["const"]
    match schema["type"]:
        case "object":
            named = schema.get("properties", {})
            extra = schema.get("additionalProperties", True)
            return (
                isinstance(value, dict)
                and set(schema.get("required", ())) <= set(value)
                and all(fits(value[key], part, root) for key, part in named.items() if key in value)
                and all(
                    extra is True or (extra is not False and fits(value[key], extra, root))
                    for key in set(value) - set(named)
                )
            )
        case "array":
            size = isinstance(value, list) and schema.get("minItems", 0) <= len(value) <= schema.get(
                "maxItems", 99
            )
            distinct = not schema.get("uniqueItems") or len({json.dumps(item) for item in value}) == len(
                value
            )
            return size and distinct and all(fits(item, schema["items"], root) for item in value)
        case "string":
            return isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get(
                "maxLength", 999
            )
        case "integer" | "number":
            right = type(value) is int or (schema["type"] == "number" and type(value) is float)
            return right and schema.get("minimum", value) <= value <= schema.get("maximum", value)
        case "boolean":
            return type(value) is bool
    return value is None


NAMES = st.sampled_from(["name", "age", "tags", "price", "is_open", "when", "rows", "x"])
LEAVES = st.one_of(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "string", "format": "date"},
            {"type": "string", "minLength": 20},
            {"type": "string", "maxLength": 3},
            {"type": "boolean"},
            {"type": "null"},
            {"type": "number"},
            {"type": "string", "enum": ["a", "b"]},
            {"type": "integer", "const": 7},
            {"$ref": "#/$defs/node"},
        ]
    ),
    st.tuples(st.integers(-50, 50), st.integers(0, 5)).map(
        lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[0] + pair[1]}
    ),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        st.tuples(inner, st.integers(0, 3)).map(
            lambda pair: {"type": "array", "items": pair[0], "minItems": pair[1], "maxItems": pair[1] + 1}
        ),
        inner.map(lambda part: {"type": "object", "additionalProperties": part}),
        st.tuples(st.dictionaries(NAMES, inner, max_size=4), st.booleans()).map(
            lambda pair: {
                "type": "object",
                "properties": pair[0],
                "required": sorted(pair[0])[1:],
                "additionalProperties": pair[1],
            }
        ),
    ),
    max_leaves=8,
)
NODE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["value", "next"],
    "additionalProperties": False,
}


@settings(deadline=None)
@given(part=SCHEMAS)
def test_structured_output_fits_its_schema(part: Any):
    schema = {"type": "object", "properties": {"a": part}, "required": ["a"], "$defs": {"node": NODE}}
    wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema, "strict": True}}
    answer = send(messages=[user("Invent it")], response_format=wanted, max_tokens=100_000)
    assert answer.status == 200, answer.raw
    assert fits(json.loads(answer.message["content"]), schema, schema)


def test_structured_output_knows_patterns_unions_and_merged_schemas():
    schema = {
        "allOf": [
            {"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{3}$"}}}
        ],
        "properties": {
            "either": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
            "maybe": {"type": ["string", "null"]},
            "step": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "multipleOf": 0.25},
            "few": {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
        },
        "required": ["code", "either", "step", "few"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}
    made = json.loads(said("Invent an example", response_format=wanted))
    assert made["code"] == "ABC-123"
    assert isinstance(made["either"], int)
    assert made["step"] in (0.25, 0.5, 0.75, 1.0)
    assert len(set(made["few"])) == len(made["few"]) >= 3
