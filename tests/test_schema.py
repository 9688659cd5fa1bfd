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
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, Union
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.json_text import read
from kimi_magic.schema import Schema, SchemaFault, of
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
    "enum": (Colour, st.sampled_from(Colour), {"value": "x"}, '$.value: expected "blue" or "red", got "x"'),
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
    assert {"type": "string", "enum": ["large", "small"]} in sizes
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
    first, second = schema.prompt.split("\n")
    assert "JSON object" in first
    assert json.loads(second) == schema.json_schema


def test_columns_are_those_of_the_records():
    assert of(list[Person]).columns == {"name": "string", "age": "integer"}
    assert of("name, lines [day date, price float, tags list[str]]").columns == {
        "day": "date",
        "price": "number",
        "tags": "object",
    }
    kinds = of(list[Event]).columns
    assert (kinds["when"], kinds["day"], kinds["price"], kinds["colour"]) == (
        "date-time",
        "date",
        "object",
        "string",
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
