"""What the model is told of a function, and what its arguments become."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from kimi_magic.errors import KimiUsageError
from kimi_magic.simulator import tools as simulated_tools
from kimi_magic.tools import arguments, declaration, gather, tool
from tests import tool_cases
from tests.tool_cases import CASES, Order, Person, Place, Unit

GOLDEN = Path(__file__).parent / "tool_schemas.json"  # written by `python -m tests.test_tools_schema`


def definitions() -> dict[str, Any]:
    return {(made := declaration.of(case)).name: made.definition["function"] for case in CASES}


def test_each_of_the_functions_is_described_as_it_was_found_right() -> None:
    assert len(CASES) >= 60
    assert definitions() == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: declaration.of(case).name)
def test_the_service_takes_the_schema_and_every_property_has_a_type(case: Any) -> None:
    definition = declaration.of(case).definition
    (read,) = simulated_tools.read_tools([definition])  # which was written by others, from other sources
    assert read.name == definition["function"]["name"]
    for part in properties(definition["function"]["parameters"]):
        assert has_type(part), part


def properties(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in (*part.get("properties", {}).values(), *part.get("$defs", {}).values()):
        yield each
        yield from properties(each)


def has_type(part: dict[str, Any]) -> bool:
    return "type" in part or "$ref" in part or all(map(has_type, part["anyOf"]))


def call(function: Any, text: str) -> tuple[list[Any], dict[str, Any]]:
    return tuple(arguments.read(text, declaration.of(function)))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("function", "text", "positional", "named"),
    [
        (tool_cases.nothing, "", [], {}),
        (tool_cases.nothing, "{}", [], {}),
        (tool_cases.integer, '{"x": "3"}', [], {"x": 3}),
        (tool_cases.number, '{"x": 3}', [], {"x": 3.0}),
        (tool_cases.no_hint, '{"x": {"a": [1]}}', [], {"x": {"a": [1]}}),
        (tool_cases.optional_by_default, '{"x": null}', [], {"x": None}),
        (tool_cases.enumeration, '{"unit": "kelvin"}', [], {"unit": Unit.KELVIN}),
        (tool_cases.a_date, '{"day": "2026-03-01"}', [], {"day": tool_cases.date(2026, 3, 1)}),
        (tool_cases.a_decimal, '{"price": 0.10}', [], {"price": tool_cases.Decimal("0.10")}),
        (tool_cases.dataclass_argument, '{"place": {"name": "Oslo"}}', [], {"place": Place("Oslo")}),
        (tool_cases.named_tuple, '{"point": {"x": 1, "y": 2}}', [], {"point": tool_cases.Point(1, 2)}),
        (
            tool_cases.struct_and_model,
            '{"order": {"item": "pen"}, "person": {"name": "Ada", "age": 36}}',
            [],
            {"order": Order("pen"), "person": Person(name="Ada", age=36)},
        ),
        (tool_cases.variable, '{"numbers": [1, 2]}', [1.0, 2.0], {}),
        (tool_cases.variable, "{}", [], {}),
        (
            tool_cases.variable_after,
            '{"name": "a", "tags": ["b"], "loud": true}',
            ["a", "b"],
            {"loud": True},
        ),
        (tool_cases.variable_after, '{"name": "a"}', [], {"name": "a"}),
        (tool_cases.positional_only, '{"x": 1}', [1, 2], {}),
        (tool_cases.partial, '{"x": 1}', [], {"x": 1}),
        (tool_cases.holder.method, '{"key": "a"}', [], {"key": "a"}),
    ],
)
def test_arguments_become_what_the_function_says(
    function: Any, text: str, positional: list[Any], named: dict[str, Any]
) -> None:
    assert call(function, text) == (positional, named)


@pytest.mark.parametrize(
    ("function", "text", "told"),
    [
        (tool_cases.integer, '{"x": ', "the arguments are no JSON: Expecting value"),
        (tool_cases.integer, "[1]", "the arguments are a list; expected a JSON object"),
        (tool_cases.integer, "null", "the arguments are null; expected a JSON object"),
        (tool_cases.integer, "{}", "x: expected a value, got nothing"),
        (tool_cases.integer, '{"x": "three"}', 'x: expected integer, got "three"'),
        (tool_cases.integer, '{"x": 1, "y": 2}', "there is no parameter 'y'; there are x"),
        (tool_cases.nothing, '{"y": 2}', "there is no parameter 'y'; there are none"),
        (tool_cases.model, '{"person": {"name": "Ada", "age": -1}}', "person.age: expected at least 0"),
        (tool_cases.annotated_bounds, '{"n": 11}', "n: expected at most 10, got 11"),
        (tool_cases.literal, '{"unit": "mile"}', "unit: expected "),
        (tool_cases.more_named, '{"x": 1, "z": 2}', "there is no parameter 'z'; there are x"),
        (tool_cases.positional_only, '{"x": 1, "/": 2}', "there is no parameter '/'"),
        (tool_cases.integer, '{"x": NaN}', "the arguments are no JSON: NaN is no number of JSON"),
    ],
)
def test_what_does_not_fit_is_told_so_that_the_model_can_correct_it(
    function: Any, text: str, told: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as error:
        call(function, text)
    assert "\n" not in str(error.value)


def test_code_in_arguments_stays_text() -> None:
    text = json.dumps({"x": "__import__('os').system('true')"})
    assert call(tool_cases.text, text) == ([], {"x": "__import__('os').system('true')"})


def hint_that_leads_nowhere(x: Missing): ...  # noqa: F821


def needs_a_frame(frame: tool_cases.pd.DataFrame): ...


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (lambda x: x, "tool '<lambda>': expected a name"),
        (hint_that_leads_nowhere, "a type hint leads nowhere (name 'Missing' is not defined)"),
        (needs_a_frame, "the model cannot give frame: expected a type that JSON can hold; DataFrame is none"),
        ([tool_cases.integer, functools.wraps(tool_cases.integer)(lambda x: x)], "two tools are called"),
        ({}, "no function is in it"),
    ],
)
def test_what_is_no_tool_is_refused_with_one_line(thing: Any, told: str) -> None:
    with pytest.raises(KimiUsageError) as error:
        gather([thing])
    assert told in error.value.message


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"name": "Überholen"}, "expected a name of at most 128 ASCII letters"),
        ({"name": "a" * 129}, "expected a name"),
        ({"timeout": 0}, "timeout 0: expected seconds, above 0 and up to 86,400"),
        ({"timeout": float("nan")}, "timeout nan"),
        ({"timeout": "1"}, "timeout '1'"),
        ({"timeout": True}, "timeout True"),
    ],
)
def test_wrong_settings_of_the_decorator_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(KimiUsageError) as error:
        tool(**settings)
    assert told in error.value.message


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    def double(x: int) -> int:
        return 2 * x

    assert tool(double) is double
    assert tool(safe=True, timeout=3, parallel=True, name="twice")(double) is double
    made = declaration.of(double)
    assert (made.name, made.safe, made.timeout, made.parallel, double(4)) == ("twice", True, 3.0, True, 8)


def test_at_most_128_functions_are_offered() -> None:
    many = [tool(name=f"tool_{number}")(functools.partial(tool_cases.integer)) for number in range(129)]
    with pytest.raises(KimiUsageError, match="129 tools: expected at most 128"):
        gather(many)
    assert len(gather(many[:128]).definitions or ()) == 128


def test_namespaces_give_their_own_functions() -> None:
    module = ModuleType("weather")
    exec(
        "from json import dumps\ndef rain(city: str): ...\ndef _hidden(): ...\nclass Kind: ...", vars(module)
    )
    namespace = SimpleNamespace(rain=tool_cases.text, size=3, _hidden=print)
    assert list(gather([module]).tools) == ["rain"]
    assert list(gather([namespace]).tools) == ["text"]
    assert list(gather([{"a": tool_cases.text, "b": tool_cases.integer}]).tools) == ["text", "integer"]


def test_names_lead_to_what_the_notebook_has() -> None:
    names = {
        "f": tool_cases.integer,
        "tools": [tool_cases.text],
        "space": SimpleNamespace(f=tool_cases.number),
    }
    assert list(gather(names=["f", "tools", "space.f", "f"], namespace=names).tools) == [
        "integer", "text", "number"
    ]  # fmt: skip
    for name, told in [
        ("ff", "there is no ff in the notebook; did you mean f?"),
        ("space.g", "space has no g"),
        ("size", "expected a function, or a list or a namespace of functions, got int"),
    ]:
        with pytest.raises(KimiUsageError) as error:
            gather(names=[name], namespace={**names, "size": 3})
        assert told in error.value.message


def test_short_names_are_offered_with_a_warning() -> None:
    def f(x: int): ...

    assert gather([f]).warnings == ["tool f: some hosts take names of 3 to 64 characters only."]


def test_definitions_by_hand_pass_unchanged_those_of_the_service_included() -> None:
    search = {"type": "builtin_function", "function": {"name": "$web_search"}}
    by_hand = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"x-own": 1}}}
    box = gather([search, by_hand, tool_cases.integer])
    assert box.definitions is not None
    assert list(box.definitions[1:]) == [search, by_hand]
    assert box.builtins == {"$web_search"}
    assert box.cannot_answer("f")
    assert not box.cannot_answer("integer")


def test_types_of_the_same_name_are_told_apart() -> None:
    def outer() -> Any:
        @tool_cases.dataclass
        class Place:
            code: int

        return Place

    other = outer()

    def compare(here, there): ...

    compare.__annotations__ = {"here": Place, "there": other}
    found = declaration.of(compare).signature.json_schema
    assert sorted(found["$defs"]) == ["Place", "Place_"]
    assert found["properties"]["there"]["$ref"] == "#/$defs/Place_"
    assert list(found["$defs"]["Place_"]["properties"]) == ["code"]
    assert call(compare, '{"here": {"name": "a"}, "there": {"code": 1}}')[1]["there"] == other(1)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(definitions(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
