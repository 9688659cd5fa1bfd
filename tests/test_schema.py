"""From a type, a JSON Schema or a text to what is sent, and from the answer back to objects."""

from __future__ import annotations

import enum
import json
import random
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)  # fmt: skip
from uuid import UUID

import annotated_types
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.json_text import read
from kimi_magic.schema import Schema, SchemaFault, of
from kimi_magic.schema import read as read_answer
from kimi_magic.simulator import schema_values

from .simulator.test_json_mode import NODE
from .simulator.test_json_mode import SCHEMAS as SCHEMAS_OF_PARTS


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: int
    y: float = 0.5


@dataclass
class Person:
    name: str
    age: int = 30


@dataclass
class Event:
    """Something in a calendar."""

    title: str
    when: datetime
    day: date | None
    price: Decimal
    id: UUID
    colour: Colour
    size: Literal["small", "large", 3, None]
    scores: dict[str, float]
    took: timedelta
    people: list[Person] = field(default_factory=list)
    parent: Optional[Event] = None  # noqa: UP045 - as people write it


class Address(TypedDict, total=False):
    street: str
    city: Annotated[str, msgspec.Meta(description="in English")]
    zip: int


class Product(msgspec.Struct, rename="camel"):
    product_name: str
    price: float
    tags: set[str] = set()


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=1)
    price: Decimal
    day: date
    kind: Literal["a", "b"] = "a"
    either: Union[int, list[str]] = 0  # noqa: UP007
    counts: dict[int, str] = {}
    anything: Any = None
    children: list[Model] = []


class Checked(pydantic.BaseModel):
    age: int

    @pydantic.field_validator("age")
    @classmethod
    def of_age(cls, age: int) -> int:
        if age < 18:
            raise ValueError("too young")
        return age


@dataclass
class Holder:
    model: Model
    person: Person


@pydantic.dataclasses.dataclass
class Validated:
    age: int = pydantic.Field(ge=0)


class Plain:
    """Nothing that JSON could hold."""


UserId = NewType("UserId", int)
NAMES = st.text(st.characters(exclude_characters="\b\f", codec="utf-8"), max_size=8)
PEOPLE = st.builds(Person, NAMES, st.integers(-(2**70), 2**70))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000)
EVENTS = st.builds(
    Event,
    NAMES,
    st.datetimes(),
    st.none() | st.dates(),
    DECIMALS,
    st.uuids(),
    st.sampled_from(Colour),
    st.sampled_from(["small", "large", 3, None]),
    st.dictionaries(NAMES, FLOATS, max_size=3),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=900)),
    st.lists(PEOPLE, max_size=2),
)
MODELS = st.builds(
    Model,
    name=NAMES.filter(bool),
    price=DECIMALS,
    day=st.dates(),
    kind=st.sampled_from("ab"),
    either=st.integers(-9, 9) | st.lists(NAMES, max_size=2),
    counts=st.dictionaries(st.integers(0, 9), NAMES, max_size=2),
    anything=st.none() | NAMES,
    children=st.just([]),
)
ADDRESSES = st.fixed_dictionaries({}, optional={"street": NAMES, "city": NAMES, "zip": st.integers(0, 99999)})
PRODUCTS = st.builds(Product, NAMES, FLOATS, st.sets(NAMES, max_size=2))
POINTS = st.builds(Point, st.integers(), FLOATS)
RAW: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Order form",
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "day": {"type": "string", "format": "date"},
    },
    "required": ["id", "lines"],
    "additionalProperties": False,
    "$defs": {
        "line": {
            "type": "object",
            "properties": {
                "sku": {"type": "string", "pattern": "^[A-Z]+$"},
                "count": {"type": ["integer", "null"]},
            },
            "required": ["sku"],
        }
    },
}
ORDERS = st.fixed_dictionaries(
    {
        "id": st.integers(1),
        "lines": st.lists(
            st.fixed_dictionaries(
                {"sku": st.text("ABC", min_size=1)}, optional={"count": st.none() | st.integers(0, 9)}
            ),
            max_size=2,
        ),
    },
    optional={"day": st.dates().map(str)},
)

# What is given, random values of it, and an answer that does not fit with the fault it makes.
MATRIX: dict[str, tuple[object, st.SearchStrategy[Any], Any, str]] = {
    "dataclass": (Person, PEOPLE, {"name": None}, "$.name: expected string, got null"),
    "nested": (Event, EVENTS, {"when": 3}, "$.when: expected string, got 3"),
    "typed dict": (Address, ADDRESSES, {"zip": "1"}, '$.zip: expected integer, got "1"'),
    "struct": (Product, PRODUCTS, {"productName": "x"}, "$.price: expected a value, got nothing"),
    "named tuple": (Point, POINTS, {"x": 1.5}, "$.x: expected integer, got 1.5"),
    "model": (Model, MODELS, {"name": ""}, '$.name: expected at least 1 character, got "" (and 2 more)'),
    "pydantic dataclass": (
        Validated, st.builds(Validated, st.integers(0, 9)), {"age": -1},
        "$.age: expected at least 0, got -1",
    ),
    "adapter": (
        pydantic.TypeAdapter(list[Model]), st.lists(MODELS, max_size=2), {"items": [3]},
        "$.items[0]: expected object, got 3",
    ),
    "models": (list[Model], st.lists(MODELS, max_size=2),
               {"items": {}}, "$.items: expected array, got object"),
    "people": (
        list[Person], st.lists(PEOPLE, max_size=3), {"items": [{"name": "a"}, {"name": 1}, {"name": 2}]},
        "$.items[1].name: expected string, got 1 (and 1 more)",
    ),
    "named tuples": (
        list[Point], st.lists(POINTS, max_size=3), {"items": [{"x": 1, "y": "a"}]},
        '$.items[0].y: expected number, got "a"',
    ),
    "texts": (list[str], st.lists(NAMES), {"items": ["a", None]}, "$.items[1]: expected string, got null"),
    "counts": (
        dict[str, int], st.dictionaries(NAMES, st.integers()), {"a b": 1, "c d": "x"},
        '$["c d"]: expected integer, got "x"',
    ),
    "by number": (
        dict[int, list[Person]], st.dictionaries(st.integers(0, 9), st.lists(PEOPLE, max_size=1), max_size=2),
        {"1": [{}]}, '$["1"][0].name: expected a value, got nothing',
    ),
    "union": (Person | None, PEOPLE | st.none(),
              {"value": {"name": 1}}, "$.value.name: expected string, got 1"),
    "literal": (
        Literal["a", "b"], st.sampled_from("ab"), {"value": "c"}, '$.value: expected "a" or "b", got "c"',
    ),
    "enum": (Colour, st.sampled_from(Colour), {"value": "x"}, '$.value: expected "red" or "blue", got "x"'),
    "number": (float, FLOATS, {"value": True}, "$.value: expected number, got true"),
    "new type": (UserId, st.integers(), {"value": "1"}, '$.value: expected integer, got "1"'),
    "dates": (
        dict[str, date], st.dictionaries(NAMES, st.dates(), max_size=2), {"a": "2025-02-30"},
        '$.a: expected a valid date, got "2025-02-30"',
    ),
    "raw": (
        RAW, ORDERS, {"id": 0, "lines": [{"sku": "A"}, {"sku": "a", "count": "x"}], "x": 1},
        "$.id: expected at least 1, got 0 (and 3 more)",
    ),
    "raw list": (
        {"type": "array", "items": {"type": "number"}}, st.lists(FLOATS), {"items": [1, "2"]},
        '$.items[1]: expected number, got "2"',
    ),
    "raw union": (
        {"anyOf": [{"type": "integer"}, {"type": "null"}]}, st.integers() | st.none(), {"value": "x"},
        '$.value: expected integer or null, got "x"',
    ),
    "short": (
        "name, age int, tags list[str], bio: one line",
        st.fixed_dictionaries({"name": NAMES, "age": st.integers(), "tags": st.lists(NAMES), "bio": NAMES}),
        {"name": "a", "age": "1", "tags": [], "bio": ""}, '$.age: expected integer, got "1"',
    ),
    "short list": (
        "[name, born date]", st.lists(st.fixed_dictionaries({"name": NAMES, "born": st.dates()}), max_size=2),
        {"items": [{"name": "a"}]}, "$.items[0].born: expected a value, got nothing",
    ),
    "short nested": (
        "order int, lines [product, price float]",
        st.fixed_dictionaries({
            "order": st.integers(),
            "lines": st.lists(st.fixed_dictionaries({"product": NAMES, "price": FLOATS}), max_size=2),
        }),
        {"order": 1, "lines": [{"product": "a", "price": None}]},
        "$.lines[0].price: expected number, got null",
    ),
}  # fmt: skip


def plain(value: Any) -> Any:
    match value:
        case Point():
            return value._asdict()
        case pydantic.BaseModel() | Validated():
            return json.loads(pydantic.TypeAdapter(type(value)).dump_json(value))
        case list():
            return [plain(each) for each in value]
    return msgspec.to_builtins(value, str_keys=True)


def dumped(schema: Schema[Any], value: Any) -> str:
    """The answer that stands for a value."""
    return json.dumps({schema.wrapped: plain(value)} if schema.wrapped else plain(value))


@pytest.mark.parametrize("kind", MATRIX)
def test_the_service_takes_each_schema(kind: str):
    schema: Schema[Any] = of(MATRIX[kind][0])
    schema_values.check(schema.json_schema)
    assert schema.json_schema["type"] == "object"
    dialect(schema.json_schema)
    assert schema.name.replace("_", "").replace("-", "").isalnum()


@pytest.mark.parametrize("kind", MATRIX)
@settings(deadline=None)
@given(data=st.data())
def test_what_was_dumped_is_built_again(kind: str, data: st.DataObject):
    schema: Schema[Any] = SCHEMAS[kind]
    value = data.draw(MATRIX[kind][1])
    built = schema.build(read(dumped(schema, value)).value)
    assert built == value
    assert type(built) is type(value)


@pytest.mark.parametrize("kind", MATRIX)
def test_what_does_not_fit_is_a_fault_with_its_path(kind: str):
    spec, _, wrong, message = MATRIX[kind]
    with pytest.raises(SchemaFault) as caught:
        of(spec).build(WHOLE.get(kind, {}) | wrong)
    assert str(caught.value) == message
    assert message.startswith(caught.value.path)


SCHEMAS: dict[str, Schema[Any]] = {kind: of(row[0]) for kind, row in MATRIX.items()}
WHOLE = {
    "nested": msgspec.to_builtins(
        Event("", datetime(2025, 1, 1), None, Decimal(1), UUID(int=1), Colour.RED, 3, {}, timedelta(1))
    ),
}


def dialect(schema: Any, *, top: bool = True) -> None:
    """What the vendor's validator (MoonshotAI/walle) refuses or drops, and the simulator does not look at."""
    assert ("$defs" in schema) <= top
    assert not {"oneOf", "allOf", "const", "title", "default", "$schema"} & set(schema)
    if "$ref" in schema or "anyOf" in schema:
        assert set(schema) <= {"$ref", "anyOf", "description", "$defs"}
    else:
        assert isinstance(schema["type"], str)
    assert len({type(each) for each in schema.get("enum", [0])}) == 1
    assert set(schema.get("required", ())) <= set(schema.get("properties", ()))
    parts = [
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", ()),
        *schema.get("$defs", {}).values(),
    ]
    parts += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for part in parts:
        dialect(part, top=False)


# No schema that the service takes says that keys are numbers.
@pytest.mark.parametrize("kind", sorted(set(MATRIX) - {"model", "models", "adapter", "by number"}))
def test_the_simulator_answers_what_can_be_built(kind: str):
    schema: Schema[Any] = SCHEMAS[kind]
    schema.build(schema_values.make(schema.json_schema, random.Random(1)))


# ---- what is given ----

NOTEBOOK: dict[str, Any] = {
    "Person": Person,
    "Model": Model,
    "order": RAW,
    "fields": "name, age int",
    "count": 3,
    "pydantic": pydantic,
    "date": "2025-01-01",
}


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("Person", Person),
        (" list[Person] ", list[Person]),
        ("Person | None", Person | None),
        ("dict[str, list[Person]]", dict[str, list[Person]]),
        ("Optional[Literal['a', 3]]", Optional[Literal["a", 3]]),  # noqa: UP045
        ("list[pydantic.BaseModel]", list[pydantic.BaseModel]),
        ("order", RAW),
        (json.dumps(RAW), RAW),
        ("fields", "name, age int"),
        ("int", int),
        ("name str, born date", "name, born: date"),
        ("name: full name\nage: int,\n\nbio: one line, in English",
         "name:full name\nage int\nbio: one line, in English"),
    ],
)  # fmt: skip
def test_a_text_is_a_name_a_type_a_schema_or_fields(text: str, same_as: object):
    assert of(text, NOTEBOOK).json_schema == of(same_as).json_schema


def test_a_variable_that_is_no_type_does_not_hide_pythons_own():
    assert of("born date", NOTEBOOK).json_schema["properties"]["born"]["format"] == "date"


def test_fields_in_short_are_required_and_keep_their_order():
    schema = of("name, age int, is_open bool, price float, tags list[str], bio: one line: short")
    assert schema.json_schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "is_open": {"type": "boolean"},
            "price": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "bio": {"type": "string", "description": "one line: short"},
        },
        "required": ["name", "age", "is_open", "price", "tags", "bio"],
    }


def test_fields_in_short_may_use_types_of_the_notebook():
    schema = of("who Person, best Model | None", NOTEBOOK)
    model = {"name": "a", "price": "1.50", "day": "2025-01-01"}
    built = schema.build({"who": {"name": "Ada"}, "best": model})
    assert built["who"] == Person("Ada")
    assert built["best"].price == Decimal("1.50")


def test_a_file_with_a_json_schema_gives_its_name(tmp_path: Path):
    file = tmp_path / "order form.json"
    file.write_text(json.dumps(RAW), encoding="utf-8")
    schema = of(str(file))
    assert schema.name == "order_form"
    assert schema.json_schema == of(RAW).json_schema


EXAMPLE = 'fields such as "name, age int, tags list[str], bio: one line"'
POSSIBLE = f"the name of a type, a JSON Schema or its file, or {EXAMPLE}"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", POSSIBLE),
        (42, f"{POSSIBLE}, got an int"),
        ("count", f"{POSSIBLE}, got an int"),
        ("Persn", f"{POSSIBLE}; there is no Persn, did you mean Person?"),
        ("list[Modle]", "a type; there is no Modle, did you mean Model?"),
        ("list[count]", "a type; count is an int"),
        ("list[Person.nothing]", "a type; 'list[Person.nothing]' is none"),
        ("name, age inte", f"{EXAMPLE}; there is no inte, did you mean int?"),
        ("name, name int", f"{EXAMPLE}; name is there twice"),
        ("name, 3d int", f"{EXAMPLE}; '3d' is no name"),
        ("tags list[str", f"{EXAMPLE}; a bracket is not closed"),
        ("tags str], a", f"{EXAMPLE}; a ] too much"),
        (
            "bio: short, in plain English",
            f"{EXAMPLE}; 'plain English' is no type "
            "(a description with a comma needs fields on lines of their own)",
        ),
        ("nowhere.json", "a file with a JSON Schema (No such file or directory)"),
        ('{"type": "object"',
         "a JSON Schema; line 1, column 18 ($.type): expected a comma or }, got the end of the answer"),
        ({"name": "str"}, "a JSON Schema with type or properties, got the keys name"),
        ({"type": "strin"},
         "a valid JSON Schema, at $.type: 'strin' is not valid under any of the given schemas"),
        (
            {"properties": {"a": {"$ref": "#/$defs/A"}}},
            "references that lead into the schema such as #/$defs/Name, got $ref #/$defs/A",
        ),
        (Plain,
         "a type that JSON can hold; Plain is none "
         "(type <class 'tests.test_schema.Plain'> is not supported)"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_what_can(spec: object, expected: str):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        of(spec, NOTEBOOK)
    assert str(caught.value) == expected
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "ref", ["https://example.org/a.json", "http://127.0.0.1:9/a", "other.json", "file:///etc/passwd"]
)
def test_a_reference_to_elsewhere_is_refused_before_anything_is_fetched(ref: str):
    with pytest.raises(ValueError, match="references that lead into the schema"):
        of({"type": "object", "properties": {"a": {"type": "array", "items": {"$ref": ref}}}})


def test_a_schema_that_is_only_named_elsewhere_is_not_fetched():
    schema = of({"$schema": "https://example.org/my-dialect", "$id": "https://example.org/me",
                 "type": "object",
                 "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}})  # fmt: skip
    with pytest.raises(SchemaFault, match=r"\$\.a: expected string, got 1"):
        schema.build({"a": 1})


def test_a_property_may_be_called_like_a_keyword():
    schema = of({"type": "object", "properties": {"$ref": {"type": "string"}, "type": {"type": "string"}}})
    assert list(schema.json_schema["properties"]) == ["$ref", "type"]


# ---- what comes out ----


def test_a_given_type_gives_its_instances():
    assert of(Person).build({"name": "Ada", "age": 36, "more": 1}) == Person("Ada", 36)
    assert of(list[Person]).build({"items": [{"name": "Ada"}]}) == [Person("Ada")]
    assert of(Product).build({"productName": "x", "price": 1}) == Product("x", 1.0)


def test_a_list_that_came_without_the_object_around_it_is_taken():
    assert of(list[Person]).build([{"name": "Ada"}]) == [Person("Ada")]
    with pytest.raises(SchemaFault, match=r"\$\[0\]\.name: expected string, got null"):
        of(list[Person]).build([{"name": None}])
    assert of(Person | None).build({"name": "Ada"}) == Person("Ada")


def test_a_list_that_is_missing_is_a_fault():
    with pytest.raises(SchemaFault, match=r"\$\.items: expected array, got nothing"):
        of(list[Person]).build({"people": []})


def test_checks_of_the_persons_own_are_faults_with_their_message():
    @dataclass
    class Age:
        years: int

        def __post_init__(self) -> None:
            if self.years < 0:
                raise ValueError("years\nbelow zero")
            if self.years > 200:
                raise KeyError("too old")

    for years, message in ((-1, "$.items[0]: years below zero"), (300, "$.items: KeyError: 'too old'")):
        with pytest.raises(SchemaFault) as caught:
            of(list[Age]).build({"items": [{"years": years}]})
        assert str(caught.value) == message
    with pytest.raises(SchemaFault) as caught:
        of(Checked).build({"age": 3})
    assert str(caught.value) == "$.age: too young"
    assert (caught.value.expected, caught.value.got) == ("", "")


def test_a_type_of_msgspec_may_hold_one_of_pydantic():
    built = of(Holder).build(
        {"model": {"name": "a", "price": 1, "day": "2025-01-01"}, "person": {"name": "b"}}
    )
    assert isinstance(built.model, Model)
    assert built.person == Person("b")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"either": None}, "$.either: expected integer or array, got null"),
        ({"either": ["a", 3]}, "$.either[1]: expected string, got 3"),
        (
            {"counts": {"x": "y"}},
            "$.counts.x: Input should be a valid integer, unable to parse string as an integer",
        ),
        ({"children": [{}]}, "$.children[0].name: expected a value, got nothing (and 2 more)"),
        ({"day": "soon"}, '$.day: expected a valid date, got "soon"'),
    ],
)
def test_faults_that_pydantic_finds_speak_of_the_json(value: dict[str, Any], message: str):
    with pytest.raises(SchemaFault) as caught:
        of(Model).build({"name": "a", "price": 1, "day": "2025-01-01"} | value)
    assert str(caught.value) == message


def test_a_value_too_deep_for_the_validator_is_a_fault():
    deep: Any = 1
    for _ in range(190):
        deep = {"a": deep}
    spec = {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}
    with pytest.raises(SchemaFault):
        of(spec).build(deep)


def test_keys_that_are_no_numbers_are_a_fault_of_the_object():
    with pytest.raises(SchemaFault) as caught:
        of(list[dict[int, str]]).build({"items": [{"a": "b"}]})
    assert str(caught.value) == "$.items[0]: a key: expected int, got str"


def test_long_values_and_long_choices_are_shortened_in_a_fault():
    with pytest.raises(SchemaFault) as caught:
        of({"enum": list(range(100))}).build({"value": "x" * 1_000})
    assert len(str(caught.value)) < 200


# ---- what is sent ----


def test_descriptions_say_what_the_service_does_not_pass_on():
    sent = of(Event).json_schema["properties"]
    assert sent["when"]["description"] == "a date and time such as 2025-03-14T09:26:53Z"
    assert sent["when"]["format"] == "date-time"
    assert of(Address).json_schema["properties"]["city"]["description"] == "in English"
    assert of(Event).json_schema["description"] == "Something in a calendar."


def test_a_recursive_type_refers_to_itself():
    sent = of(Event).json_schema
    assert sent["properties"]["parent"] == {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
    assert set(sent["$defs"]) == {"Colour", "Person"}
    assert set(of(list[Event]).json_schema["$defs"]) == {"Colour", "Person", "Event"}


def test_enumerations_of_several_types_and_tuples_become_what_the_service_takes():
    sent = of(dict[str, tuple[int, str]]).json_schema["additionalProperties"]
    assert sent == {
        "type": "array",
        "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "minItems": 2,
        "maxItems": 2,
        "description": "In this order: integer, string",
    }
    sizes = of(Event).json_schema["properties"]["size"]["anyOf"]
    assert {"type": "string", "enum": ["small", "large"]} in sizes
    assert {"type": "null"} in sizes


def test_what_the_service_refuses_is_left_out_and_still_checked():
    schema = of({
        "type": "object",
        "properties": {
            "a": {"allOf": [{"type": "object", "properties": {"x": {"type": "integer"}}},
                            {"required": ["x"]}]},
            "b": {"not": {"const": 3}},
            "c": {"oneOf": [{"const": 1}, {"type": ["string", "null"]}]},
            "d": {"type": "array", "contains": {"const": 1}, "items": True},
            "e": {"type": "object", "patternProperties": {"^x": {"type": "integer"}},
                  "additionalProperties": False},
            "f": {"$ref": "#/properties/a"},
        },
        "if": {"required": ["a"]}, "then": {"required": ["b"]},
    })  # fmt: skip
    schema_values.check(schema.json_schema)
    dialect(schema.json_schema)
    assert schema.json_schema["properties"]["a"]["required"] == ["x"]
    assert schema.json_schema["properties"]["c"]["anyOf"][0] == {"type": "integer", "enum": [1]}
    assert schema.json_schema["properties"]["f"] == {"$ref": "#/$defs/a"}
    with pytest.raises(SchemaFault):
        schema.build({"b": 3})
    with pytest.raises(SchemaFault, match=r"\$\.b: expected a value, got nothing"):
        schema.build({"a": {"x": 1}})


def test_the_prompt_holds_the_schema_and_the_word_json():
    schema = of(Person)
    first, second, third, fourth = schema.prompt.split("\n")
    assert "JSON object" in first
    assert json.loads(second) == schema.json_schema
    assert "Do not repeat the schema" in third
    assert schema.build(json.loads(fourth))


def test_columns_are_those_of_the_records():
    assert of(list[Person]).columns == {"name": "string", "age": "integer"}
    assert of("name, lines [day date, price float, tags list[str]]").columns == {
        "day": "date",
        "price": "number",
        "tags": ("list", "string"),
    }
    kinds = of(list[Event]).columns
    assert (kinds["when"], kinds["day"], kinds["price"], kinds["colour"]) == (
        "date-time",
        "date",
        "object",
        ["red", "blue"],
    )
    assert of(list[str]).columns == {}
    assert of(Person).columns == {}


def test_a_schema_is_its_own_schema():
    schema = of(Person)
    assert of(schema) is schema
    assert of("ready", {"ready": schema}) is schema


def test_names_fit_the_service():
    assert of(list[Person]).name == "Person_list"
    assert of(RAW).name == "Order_form"
    assert of("größe", {"größe": RAW}).name == "gr__e"
    assert of({"type": "object", "title": "x" * 100}).name == "x" * 64
    assert of("a, b").name == "answer"


def test_importing_loads_none_of_the_heavy_libraries():
    code = (
        "import sys, kimi_magic.schema, kimi_magic.json_text, kimi_magic.frames;"
        "heavy = {'jsonschema', 'referencing', 'pydantic', 'pandas', 'polars', 'numpy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_a_type_of_the_standard_library_needs_no_pydantic():
    code = (
        "import sys\nfrom kimi_magic.schema import of\n"
        "print(of('name, age int').build({'name': 'a', 'age': 1}), 'pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "{'name': 'a', 'age': 1} False\n"


@settings(deadline=None)
@given(part=SCHEMAS_OF_PARTS, seed=st.integers(0, 99))
def test_random_schemas_are_sent_in_the_dialect_and_their_answers_fit_the_original(part: Any, seed: int):
    schema: Schema[Any] = of({**part, "$defs": {"node": NODE}})
    schema_values.check(schema.json_schema)
    dialect(schema.json_schema)
    answer = json.dumps(schema_values.make(schema.json_schema, random.Random(seed)))
    built = schema.build(read(f"Here you are:\n```json\n{answer}\n```").value)
    assert json.dumps({schema.wrapped: built} if schema.wrapped else built) == answer


# ---- names, bounds and orders in all kinds of types ----


@dataclass
class Berg:
    Höhe: int
    名前: str = ""


class Stadt(TypedDict):
    城市: str
    größe: float


T = TypeVar("T")


class Pair(TypedDict, Generic[T]):
    second: T
    first: int


AGE = Annotated[int, pydantic.Field(ge=0, description="in years")]
PLUS = Annotated[float, annotated_types.Gt(0), annotated_types.Le(9)]
TAGS = Annotated[list[str], annotated_types.Len(1, 2)]
CODE = Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", description="in capitals")]


@dataclass
class BoundClass:
    age: AGE
    plus: PLUS
    tags: TAGS
    code: CODE
    maybe: AGE | None = None


class BoundDict(TypedDict):
    age: AGE
    plus: PLUS
    tags: TAGS
    code: CODE
    maybe: NotRequired[AGE | None]


class BoundStruct(msgspec.Struct, rename="camel"):
    age: AGE
    plus: PLUS
    tags: TAGS
    code: CODE
    maybe: AGE | None = None


class BoundTuple(NamedTuple):
    age: AGE
    plus: PLUS
    tags: TAGS
    code: CODE
    maybe: AGE | None = None


class BoundModel(pydantic.BaseModel):
    age: AGE
    plus: PLUS
    tags: TAGS
    code: CODE
    maybe: AGE | None = None


class Size(enum.Enum):
    LARGE = "large"
    SMALL = "small"
    MEDIUM = "medium"


@dataclass
class Shirt:
    size: Size
    fit: Literal["wide", "slim", "normal"]


BOUND = {"age": 1, "plus": 0.5, "tags": ["a"], "code": "AB"}


@pytest.mark.parametrize("names", [Berg, Stadt, "Höhe int, 名前 str", "größe float, 城市"])
def test_names_in_all_alphabets_are_read(names: Any):
    schema: Schema[Any] = of(names)
    value = {"Höhe": 3, "名前": "x", "城市": "都灵", "größe": 1.5}
    named = schema.json_schema["properties"]
    built = schema.build(json.loads(json.dumps({name: value[name] for name in named})))
    for name in named:
        assert (built[name] if isinstance(built, dict) else getattr(built, name)) == value[name]


@pytest.mark.parametrize("kind", [BoundClass, BoundDict, BoundStruct, BoundTuple, BoundModel])
def test_bounds_and_descriptions_of_all_libraries_are_sent_and_checked_for_all_kinds(kind: Any):
    schema: Schema[Any] = of(kind)
    named = schema.json_schema["properties"]
    assert named["age"] == {"type": "integer", "minimum": 0, "description": "in years"}
    assert named["plus"] == {"type": "number", "exclusiveMinimum": 0, "maximum": 9}
    assert named["tags"] == {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2}
    assert named["code"] == {"type": "string", "pattern": "^[A-Z]+$", "description": "in capitals"}
    assert named["maybe"]["anyOf"][0]["minimum"] == 0
    assert schema.build(BOUND)
    assert schema.build(BOUND | {"maybe": 3})
    for wrong, told in (
        ({"age": -1}, "$.age: expected at least 0, got -1"),
        ({"plus": 0}, "$.plus: expected more than 0, got 0"),
        ({"plus": 10}, "$.plus: expected at most 9, got 10"),
        ({"tags": []}, "$.tags: expected at least 1 item, got 0"),
        ({"code": "ab"}, '$.code: expected text that matches ^[A-Z]+$, got "ab"'),
        ({"maybe": -1}, "$.maybe: expected at least 0 or null, got -1"),
    ):
        with pytest.raises(SchemaFault) as caught:
            schema.build(BOUND | wrong)
        assert str(caught.value) == told


def test_bounds_inside_of_containers_are_checked():
    schema = of(dict[str, list[Annotated[int, annotated_types.Lt(5)]]])
    assert schema.build({"a": [4]}) == {"a": [4]}
    with pytest.raises(SchemaFault, match=r"\$\.a\[1\]: expected less than 5, got 5"):
        schema.build({"a": [4, 5]})


def test_a_generic_typed_dict_is_a_type():
    schema = of("Pair[str]", {"Pair": Pair})
    assert list(schema.json_schema["properties"]) == ["second", "first"]
    assert schema.build({"second": "a", "first": 1}) == {"second": "a", "first": 1}
    with pytest.raises(SchemaFault, match=r"\$\.second: expected integer"):
        of(Pair[int]).build({"second": "a", "first": 1})


def test_values_keep_the_order_in_which_they_were_written():
    sent = of(Shirt).json_schema
    assert sent["$defs"]["Size"]["enum"] == ["large", "small", "medium"]
    assert sent["properties"]["fit"]["enum"] == ["wide", "slim", "normal"]


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("date", "2025-03-14", "14.3.2025"),
        ("date-time", "2025-03-14T09:26:53Z", "soon"),
        ("time", "09:26:53", "9 o'clock"),
        ("duration", "P1DT2H", "two hours"),
        ("email", "a.b@example.org", "a.b"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("uri", "https://example.org/a?b#c", "example"),
        ("hostname", "a-b.example.org", "-a"),
        ("ipv4", "127.0.0.1", "127.0.0"),
        ("ipv6", "::1", ":::"),
        ("regex", "^a+$", "("),
    ],
)
def test_formats_of_a_json_schema_are_checked(form: str, good: str, bad: str):
    schema = of({"type": "object", "properties": {"a": {"type": "string", "format": form}}})
    assert schema.build({"a": good}) == {"a": good}
    with pytest.raises(SchemaFault) as caught:
        schema.build({"a": bad})
    assert str(caught.value) == f'$.a: expected a valid {form}, got "{bad}"'


def test_what_the_service_does_not_take_is_said_in_words():
    sent = of({
        "type": "object",
        "properties": {"a": {"type": "object", "patternProperties": {"^x": {"type": "integer"}}}},
        "if": {"required": ["a"]}, "then": {"minProperties": 2},
    }).json_schema  # fmt: skip
    assert sent["properties"]["a"]["description"].endswith(
        '{"patternProperties": {"^x": {"type": "integer"}}}'
    )
    assert '{"if": {"required": ["a"]}, "then": {"minProperties": 2}}' in sent["description"]


def test_bytes_say_that_they_are_base64():
    @dataclass
    class Blob:
        data: bytes

    assert "base64" in of(Blob).json_schema["properties"]["data"]["description"]
    assert of(Blob).build({"data": "aGVsbG8="}) == Blob(b"hello")


def test_a_union_names_the_branch_that_was_meant():
    @dataclass
    class Cat:
        kind: Literal["cat"]
        lives: int

    @dataclass
    class Dog:
        kind: Literal["dog"]
        tricks: list[str]

    schema = of({
        "type": "object",
        "properties": {"pet": {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}},
        "$defs": {
            "Cat": {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
                    "required": ["kind", "lives"]},
            "Dog": {"type": "object", "properties": {"kind": {"const": "dog"}, "tricks": {"type": "array"}},
                    "required": ["kind", "tricks"]},
        },
    })  # fmt: skip
    with pytest.raises(SchemaFault) as caught:
        schema.build({"pet": {"kind": "dog", "tricks": "sit"}})
    assert str(caught.value) == '$.pet.tricks: expected array, got "sit" (as Dog)'


@pytest.mark.parametrize(
    "around",
    [
        {"name": "order", "schema": RAW, "strict": True},
        {"type": "json_schema", "json_schema": {"name": "order", "schema": RAW}},
    ],
)
def test_the_wrapper_of_openai_is_taken(around: dict[str, Any]):
    assert of(around).json_schema == of(RAW).json_schema


def test_only_a_schema_that_qualifies_is_strict():
    assert of(Person).form()[1] is False  # age has a default, so it is not required
    assert of("name, age int").form() == (
        of("name, age int").json_schema | {"additionalProperties": False},
        True,
    )
    assert of(RAW).form() == (of(RAW).json_schema, False)


@pytest.mark.parametrize("key", ["$ref", "$dynamicRef", "$recursiveRef"])
def test_references_to_elsewhere_of_all_kinds_are_refused(key: str):
    with pytest.raises(ValueError, match="references that lead into the schema"):
        of({"type": "object", "properties": {"a": {key: "https://example.org/a.json#meta"}}})


def test_a_schema_is_compiled_once():
    assert of(Berg)._build is of(Berg)._build
    assert of(dict(RAW))._build is of(json.loads(json.dumps(RAW)))._build
    assert of(list[Berg])._build is of(list[Berg])._build
    assert of("a, b int").json_schema == of("a, b int").json_schema


@pytest.mark.parametrize("kind", ["class", "model", "list", "union"])
def test_decimal_numbers_keep_their_digits(kind: str):
    @dataclass
    class Bill:
        total: Decimal
        rate: float = 0.0

    class BillModel(pydantic.BaseModel):
        total: Decimal
        rate: float = 0.0

    text = '{"total": 12.500000000000000000010, "rate": 0.10}'
    total = Decimal("12.500000000000000000010")
    match kind:
        case "class":
            answer = read_answer(text, of(Bill))
            assert answer.data == Bill(total, 0.1)
        case "model":
            answer = read_answer(text, of(BillModel))
            assert answer.data == BillModel(total=total, rate=0.1)
        case "list":
            answer = read_answer(f"Here: [{text},]", of(list[Bill]))
            assert answer.data == [Bill(total, 0.1)]
            return
        case "union":
            answer = read_answer(f'{{"value": {text}}}', of(Bill | None))
            assert answer.data == Bill(total, 0.1)
            return
    assert type(answer.value["total"]) is float
    assert type(answer.data.rate) is float


def test_a_whole_number_is_an_integer_also_for_a_json_schema():
    answer = read_answer('{"id": 3.0, "lines": []}', of(RAW))
    assert repr(answer.data) == "{'id': 3, 'lines': []}"
    assert "whole number" in answer.notices[0]
