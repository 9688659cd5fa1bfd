"""Which schemas the service refuses, in the words of the vendor's validator.

The dialect is the vendor's "moonshot flavored json schema": every property says its type, no type stands
beside `anyOf` or `$ref`, references lead to `#` or a definition at the top, and items is an object. The texts
are those of MoonshotAI/walle at its level "lite". Its newest version lets some schemas pass that the service
refused until August 2026; they are refused here, so that a client is safe with either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .schemas import CHOICES, DEFINITIONS, Schema, is_a, kinds_of, referenced, wrong

_TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_MAX_BOUND = 1e15
_MAX_SIZE = 1_000_000
_MIN_STEP = 1e-6  # of multipleOf
_SHARED = frozenset(("anyOf", "description", "title"))  # what may stand both beside anyOf and in its parts
_PATH_LENGTH = 200  # characters of a path that are shown


def check(schema: Any, *, dialect: bool = True) -> None:
    """Refuse, with `SchemaError`, a schema that is malformed.

    Without `dialect` it may break the vendor's own rules: a model reads any schema in a prompt.
    """
    _check(schema, "", schema, needs_type=False, dialect=dialect)


def _check(schema: Any, path: str, root: Schema, *, needs_type: bool, dialect: bool) -> None:
    if not isinstance(schema, Mapping):
        raise wrong(path, "the schema must be an object")
    _check_keywords(schema, path)
    if dialect:
        if needs_type and not any(key in schema for key in ("type", "$ref", *CHOICES)):
            raise wrong(path, "type is not defined")
        _check_dialect(schema, path, root)
    if not isinstance(schema.get("items", {}), Mapping):
        raise wrong(_join(path, "items"), "items must be an object")
    referenced(schema, root)
    for steps, part in _parts(schema):
        inner = _join(path, *steps)
        _check(part, inner, root, needs_type=steps[0] == "properties", dialect=dialect)


def _check_keywords(schema: Schema, path: str) -> None:
    kinds = kinds_of(schema)
    if "type" in schema and (not kinds or any(kind not in _TYPES for kind in kinds)):
        raise wrong(path, f"type must be one of {', '.join(_TYPES)}")
    for key in ("properties", *DEFINITIONS):
        if not isinstance(schema.get(key, {}), Mapping):
            raise wrong(_join(path, key), f"{key} must be an object")
    names = schema.get("required", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise wrong(path, "required must be an array of strings")
    for key in ("enum", *CHOICES):
        if key in schema and (not isinstance(schema[key], list) or not schema[key]):
            raise wrong(path, f"{key} must be a non-empty array")
    for key in _BOUNDS:
        bound = schema.get(key, 1)
        if isinstance(bound, bool) or not isinstance(bound, int | float) or abs(bound) > _MAX_BOUND:
            raise wrong(path, f"{key} must be a number")
    if schema.get("multipleOf", 1) < _MIN_STEP:
        raise wrong(path, "multipleOf must be greater than 0")
    for key in _SIZES:
        size = schema.get(key, 0)
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MAX_SIZE:
            raise wrong(path, f"{key} must be a whole number")
    try:
        re.compile(schema.get("pattern", ""))
    except (re.error, TypeError, RecursionError, OverflowError):
        raise wrong(path, "pattern must be a regular expression") from None


def _check_dialect(schema: Schema, path: str, root: Schema) -> None:
    """Refuse what other validators accept."""
    for key, where in (("anyOf", "anyOf items"), ("$ref", "the referenced schema")):
        if key in schema and "type" in schema:
            right = f"type should be defined in {where} instead of the parent schema"
            raise wrong(path, f"when using {key}, {right}")
    outside = set(schema) - _SHARED
    for part in schema.get("anyOf", ()):
        both = outside.intersection(part) if isinstance(part, Mapping) else ()
        if both:
            raise wrong(path, f"conflicting keywords found in anyOf with parent: {', '.join(sorted(both))}")
    if "$ref" in schema:
        _check_reference(schema["$ref"], _join(path, "$ref"), root)
    if "enum" in schema:
        _check_enum(schema, path)
    for name in schema.get("$defs", {}):
        if "/" in name:
            raise wrong(_join(path, "$defs"), f"$defs property name '{name}' cannot contain '/' character")


def _check_reference(reference: Any, path: str, root: Schema) -> None:
    if not isinstance(reference, str):
        raise wrong(path, "$ref must be a string")
    if reference == "#":
        return
    name = reference.removeprefix("#/$defs/")
    if name == reference:
        raise wrong(path, "references must start with #/$defs/")
    if not name:
        raise wrong(path, "definition name cannot be empty")
    if "$defs" not in root:
        raise wrong(path, f"$defs not found for reference: {reference}")
    if name not in root["$defs"]:  # definitions elsewhere than at the top do not count
        raise wrong("", f"invalid $ref path: {reference}")


def _check_enum(schema: Schema, path: str) -> None:
    kinds = list(dict.fromkeys(kinds_of(schema)))
    if not kinds:
        raise wrong(path, "type is not defined")
    for value in schema["enum"]:
        if not any(is_a(value, kind) for kind in kinds):
            shown = json.dumps(value, ensure_ascii=False).strip('"')[:60]
            problem = f"enum value ({shown}) does not match any type in [{' '.join(kinds)}]"
            raise wrong(_join(path, "enum"), problem)


def _parts(schema: Schema) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the schemas inside a schema, each with the steps that lead to it."""
    for group in ("properties", *DEFINITIONS):
        for name, part in schema.get(group, {}).items():
            yield (group, name), part
    if "items" in schema:
        yield ("items",), schema["items"]
    if not isinstance(schema.get("additionalProperties", True), bool):
        yield ("additionalProperties",), schema["additionalProperties"]
    for key in CHOICES:
        for part in schema.get(key, ()):
            yield (key,), part  # the vendor's paths leave out which one


def _join(path: str, *steps: str) -> str:
    """Add steps to a path, of which only the beginning is kept: that is all an error shows."""
    return ".".join(filter(None, (path, *steps)))[:_PATH_LENGTH]
