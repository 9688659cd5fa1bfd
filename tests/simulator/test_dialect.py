"""Schemas are refused as the vendor's validator does it, with its words and its paths."""

from __future__ import annotations

from typing import Any

import pytest

from .chat import send, tool, user
from .test_json_contents import single

A = {"type": "string"}


def refused(schema: dict[str, Any]) -> str:
    wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}
    answer = send(messages=[user("go")], response_format=wanted)
    return "" if answer.status == 200 else answer.error["message"]


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (
            {"type": "object", "anyOf": [single(a=A)]},
            "At path 'root': when using anyOf, type should be defined in anyOf items instead of the parent",
        ),
        (
            single(a={"type": "string", "anyOf": [A]}),
            "At path 'properties.a': when using anyOf, type should be defined in anyOf items instead",
        ),
        (
            {**single(), "$defs": {"b": {"type": "string", "$ref": "#/$defs/c"}, "c": A}},
            "At path '$defs.b': when using $ref, type should be defined in the referenced schema instead",
        ),
        (
            single(a={"items": {}, "anyOf": [{"type": "array", "items": A}]}),
            "At path 'properties.a': conflicting keywords found in anyOf with parent: items",
        ),
        (
            single(a={"$ref": "#/properties/b"}, b=A),
            "At path 'properties.a.$ref': references must start with #/$defs/",
        ),
        (
            {**single(a={"$ref": "#/definitions/b"}), "definitions": {"b": A}},
            "At path 'properties.a.$ref': references must start with #/$defs/",
        ),
        (
            single(a={"anyOf": [{"$ref": "https://example.org/a"}]}),
            "At path 'properties.a.anyOf.$ref': references must start with #/$defs/",
        ),
        (single(a={"$ref": 3}), "At path 'properties.a.$ref': $ref must be a string"),
        (
            single(a={"$ref": "#/$defs/b"}),
            "At path 'properties.a.$ref': $defs not found for reference: #/$defs/b",
        ),
        (
            {**single(a={"$ref": "#/$defs/b"}), "$defs": {}},
            "At path 'root': invalid $ref path: #/$defs/b",
        ),
        (
            single(a={**single(b={"$ref": "#/$defs/c"}), "$defs": {"c": A}}),
            "$defs not found for reference: #/$defs/c",
        ),
        ({**single(), "$defs": {"a/b": A}}, "$defs property name 'a/b' cannot contain '/' character"),
        (
            single(a={"type": "string", "enum": ["x", 1]}),
            "At path 'properties.a.enum': enum value (1) does not match any type in [string]",
        ),
        (single(a={"anyOf": [{"enum": ["x"]}]}), "At path 'properties.a.anyOf': type is not defined"),
        (single(a={}), "At path 'properties.a': type is not defined"),
    ],
)
def test_what_the_vendor_refuses_is_refused_with_its_words(schema: dict[str, Any], problem: str):
    assert problem in refused(schema)
    parameters = {"type": "object", **schema}
    answer = send(messages=[user("go")], tools=[tool(parameters=parameters)])
    assert "is not a valid moonshot flavored json schema" in answer.error["message"]


@pytest.mark.parametrize(
    "schema",
    [
        single(a={"description": "x", "$ref": "#"}) | {"required": []},
        single(a={"description": "x", "anyOf": [{"description": "y", **A}, {"type": "null"}]}),
        single(a={"type": "number", "enum": [2, 3.33]}),
        single(a={"type": ["string", "null"], "enum": ["x", None]}),
        single(a={"type": "string", "format": "uuid", "title": "A", "default": "b", "not": {}}),
        single(a={"type": "array", "prefixItems": [A]}),
        single(a={"oneOf": [A]}, b={"allOf": [A]}, c={"type": "string", "const": "x"}),
    ],
)
def test_what_the_vendor_lets_pass_is_answered(schema: dict[str, Any]):
    assert not refused(schema)
