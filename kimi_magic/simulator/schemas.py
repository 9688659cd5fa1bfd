"""JSON Schema, as far as the service takes it: is a schema well formed, does a value fit it.

The dialect is the vendor's "moonshot flavored json schema": every property says its type, none stands beside
`anyOf` or `$ref`, references lead to `#` or a definition at the top, and items is an object. What the dialect
does not know (`not`, `if`, `prefixItems`) is accepted and of no effect. Values are made in `schema_values`.
Texts are those of the vendor's validator, MoonshotAI/walle, at its level "lite". Its newest version lets some
schemas pass that the service refused until August 2026; they are refused here, so that a client is safe with
either.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_REF = re.compile(r"#(/(\$defs|definitions)/[^/]+)?")  # the parts of a schema that are checked
_TOGETHER = frozenset(("anyOf", "description", "title"))  # what may stand beside anyOf and in its parts
CHOICES = ("anyOf", "oneOf", "allOf")


class SchemaError(ValueError):
    """A schema the service refuses; the text begins with the path of the fault."""


def resolve(schema: Schema, root: Schema) -> Schema:
    """Follow `$ref` (within the document) and return the schema it names."""
    seen = 0
    while "$ref" in schema:
        target: Any = root
        ref = str(schema["$ref"])
        for step in filter(None, ref[1:].split("/")):
            key = step.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        seen += 1
        if not _REF.fullmatch(ref) or not isinstance(target, Mapping) or seen > 20:
            raise bad("", f"invalid $ref path: {ref[:100]}")
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def fits(value: Any, schema: Schema, root: Schema) -> bool:
    """Say whether a value is valid for a schema that passed `check`."""
    schema = resolve(schema, root)
    if "const" in schema and not _same(value, schema["const"]):
        return False
    if "enum" in schema and not any(_same(value, option) for option in schema["enum"]):
        return False
    kinds = kinds_of(schema)
    if kinds and not any(is_a(value, kind) for kind in kinds):
        return False
    if not all(fits(value, part, root) for part in schema.get("allOf", ())):
        return False
    if "anyOf" in schema and not any(fits(value, part, root) for part in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(fits(value, part, root) for part in schema["oneOf"]) != 1:
        return False
    match value:
        case bool() | None:
            return True
        case str():
            return fits_text(value, schema)
        case int() | float():
            return fits_number(value, schema)
        case list():
            return _fits_list(value, schema, root)
        case dict():
            return _fits_object(value, schema, root)
    return True


def fits_text(value: str, schema: Schema) -> bool:
    """Say whether a string has the length and the pattern."""
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
        return False
    return "pattern" not in schema or re.search(schema["pattern"], value) is not None


def fits_number(value: float, schema: Schema) -> bool:
    """Say whether a number is within the bounds and a multiple of the step."""
    if not schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf):
        return False
    if not schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf):
        return False
    step = schema.get("multipleOf")
    return step is None or abs(value / step - round(value / step)) < 1e-9


def _fits_list(value: list[Any], schema: Schema, root: Schema) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        return False
    texts = [json.dumps(item, sort_keys=True) for item in value]
    if schema.get("uniqueItems") and len(set(texts)) < len(texts):
        return False
    return "items" not in schema or all(fits(item, schema["items"], root) for item in value)


def _fits_object(value: dict[str, Any], schema: Schema, root: Schema) -> bool:
    if any(name not in value for name in schema.get("required", ())):
        return False
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", math.inf):
        return False
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    for name, item in value.items():
        part = properties.get(name, extra)
        if part is False or (isinstance(part, Mapping) and not fits(item, part, root)):
            return False
    return True


def check_shape(schema: Any, path: str, root: Schema, *, needs_type: bool, dialect: bool = True) -> None:
    """Refuse a malformed schema; `path` is where it stands in `root`.

    `dialect`: by the vendor's own rules too.
    """
    if not isinstance(schema, Mapping):
        raise bad(path, "the schema must be an object")
    _check_keywords(schema, path)
    if dialect:
        if needs_type and not any(key in schema for key in ("type", "$ref", *CHOICES)):
            raise bad(path, "type is not defined")
        _check_dialect(schema, path, root)
    if not isinstance(schema.get("items", {}), Mapping):
        raise bad(_join(path, "items"), "items must be an object")
    if "$ref" in schema:
        resolve(schema, root)
    for steps, part in _parts(schema):
        inner = _join(path, *steps)
        check_shape(part, inner, root, needs_type=steps[0] == "properties", dialect=dialect)


def _check_dialect(schema: Schema, path: str, root: Schema) -> None:
    """Refuse what other validators take."""
    for key, where in (("anyOf", "anyOf items"), ("$ref", "the referenced schema")):
        if key in schema and "type" in schema:
            right = f"type should be defined in {where} instead of the parent schema"
            raise bad(path, f"when using {key}, {right}")
    for part in schema.get("anyOf", ()):
        both = set(part) & set(schema) - _TOGETHER if isinstance(part, Mapping) else ()
        if both:
            raise bad(path, f"conflicting keywords found in anyOf with parent: {', '.join(sorted(both))}")
    if "$ref" in schema:
        _check_reference(schema["$ref"], _join(path, "$ref"), root)
    if "enum" in schema:
        kinds = kinds_of(schema)
        if not kinds:
            raise bad(path, "type is not defined")
        for value in schema["enum"]:
            if not any(is_a(value, kind) for kind in kinds):
                problem = f"enum value ({_brief(value)}) does not match any type in [{' '.join(kinds)}]"
                raise bad(_join(path, "enum"), problem)
    for name in schema.get("$defs", {}):
        if "/" in name:
            raise bad(_join(path, "$defs"), f"$defs property name '{name}' cannot contain '/' character")


def _check_reference(ref: Any, path: str, root: Schema) -> None:
    if not isinstance(ref, str):
        raise bad(path, "$ref must be a string")
    if ref == "#":
        return
    name = ref.removeprefix("#/$defs/")
    if name == ref:
        raise bad(path, "references must start with #/$defs/")
    if not name:
        raise bad(path, "definition name cannot be empty")
    if "$defs" not in root:
        raise bad(path, f"$defs not found for reference: {ref}")
    if name not in root["$defs"]:  # definitions elsewhere than at the top do not count
        raise bad("", f"invalid $ref path: {ref}")


def _brief(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).strip('"')[:60]


def _parts(schema: Schema) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the schemas inside a schema, each with the steps that lead to it."""
    for group in ("properties", "$defs", "definitions"):
        for name, part in schema.get(group, {}).items():
            yield (group, name), part
    if "items" in schema:
        yield ("items",), schema["items"]
    if not isinstance(schema.get("additionalProperties", True), bool):
        yield ("additionalProperties",), schema["additionalProperties"]
    for key in CHOICES:
        for part in schema.get(key, ()):
            yield (key,), part  # the vendor's paths leave out which one


def _check_keywords(schema: Schema, path: str) -> None:
    kinds = kinds_of(schema)
    if "type" in schema and (not kinds or any(kind not in _TYPES for kind in kinds)):
        raise bad(path, f"type must be one of {', '.join(_TYPES)}")
    for key in ("properties", "$defs", "definitions"):
        if not isinstance(schema.get(key, {}), Mapping):
            raise bad(_join(path, key), f"{key} must be an object")
    names = schema.get("required", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise bad(path, "required must be an array of strings")
    for key in ("enum", *CHOICES):
        if key in schema and (not isinstance(schema[key], list) or not schema[key]):
            raise bad(path, f"{key} must be a non-empty array")
    for key in _BOUNDS:
        bound = schema.get(key, 1)
        if isinstance(bound, bool) or not isinstance(bound, int | float) or abs(bound) > 1e15:
            raise bad(path, f"{key} must be a number")
    if schema.get("multipleOf", 1) < 1e-6:
        raise bad(path, "multipleOf must be greater than 0")
    for key in _SIZES:
        size = schema.get(key, 0)
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= 1_000_000:
            raise bad(path, f"{key} must be a whole number")
    try:
        re.compile(schema.get("pattern", ""))
    except (re.error, TypeError):
        raise bad(path, "pattern must be a regular expression") from None


def merge(first: Schema, second: Schema) -> dict[str, Any]:
    """Join two schemas that must both hold; of contradicting keywords the second wins."""
    merged = {**first, **second}
    merged["properties"] = {**first.get("properties", {}), **second.get("properties", {})}
    merged["required"] = [*first.get("required", ()), *second.get("required", ())]
    return {key: value for key, value in merged.items() if value or key not in ("properties", "required")}


def kinds_of(schema: Schema) -> list[Any]:
    """Return the allowed types, an empty list if none are named."""
    kind = schema.get("type", [])
    return kind if isinstance(kind, list) else [kind]


def guess(schema: Schema) -> str:
    """Return the type a schema means that does not name one."""
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def is_a(value: Any, kind: str) -> bool:
    """Say whether a value is of a JSON Schema type; 2.0 is an integer there, True is not."""
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)
        case "number":
            return not isinstance(value, bool) and isinstance(value, int | float)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
    return isinstance(value, dict)


def _same(first: Any, second: Any) -> bool:
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _join(path: str, *steps: str) -> str:
    return ".".join(filter(None, (path, *steps)))


def bad(path: str, problem: str) -> SchemaError:
    """Build the error in the vendor's form."""
    return SchemaError(f"At path '{path[:200] or 'root'}': {problem}")
