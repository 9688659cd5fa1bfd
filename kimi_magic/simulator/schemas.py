"""JSON Schema as far as the service knows it: its keywords, and which values fit.

The rules are those of JSON Schema 2020-12. Formats are not checked, references lead to the same document
only, and keywords that the service does not know (`not`, `if`, `prefixItems`) have no effect. `dialect`
refuses the schemas that the vendor refuses; `schema_values` makes values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any
from urllib.parse import unquote

Schema = Mapping[str, Any]

CHOICES = ("anyOf", "oneOf", "allOf")
DEFINITIONS = ("$defs", "definitions")
MAX_COMPARISONS = 1_000_000  # of values with parts of a schema, for one request
_MAX_REFERENCES = 20  # from one to the next
_KEYWORDS = frozenset(
    (
        *("$ref", *DEFINITIONS, *CHOICES, "type", "enum", "const", "format", "description"),
        *("minLength", "maxLength", "pattern"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("items", "minItems", "maxItems", "uniqueItems"),
        *("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    )
)
_COUNTED = ("$ref", *CHOICES, "properties", "required")  # keywords that compare a value with several parts


class SchemaError(ValueError):
    """A schema that the service refuses; the text begins with the path of the part that is wrong."""


def wrong(path: str, problem: str) -> SchemaError:
    """Build the error in the vendor's form."""
    return SchemaError(f"At path '{path[:200] or 'root'}': {problem}")


class JsonSchema:
    """A schema that passed `dialect.check`, made ready for checking and making values.

    `root` is the schema without the keywords that have no effect.
    """

    def __init__(self, document: Schema) -> None:
        """Prepare a schema; once for a request, because this costs more than checking a value."""
        from referencing import Registry

        self.root: Schema = _known_part(document)
        self._validator = _validator_class()(self.root, registry=Registry())
        self._comparisons = 0

    def fits(self, value: Any, part: Schema | None = None) -> bool:
        """Return whether a value is valid for the schema, or for a part of it.

        Raises `SchemaError` after `MAX_COMPARISONS`, `RecursionError` for a schema without end.
        """
        validator = self._validator if part is None else self._validator.evolve(schema=part)
        token = _current.set(self)
        try:
            return bool(validator.is_valid(value))
        finally:
            _current.reset(token)

    def count(self, comparisons: int) -> None:
        """Count work, so that a small schema cannot ask for an endless amount of it."""
        self._comparisons += comparisons
        if self._comparisons > MAX_COMPARISONS:
            raise wrong("", "the schema takes too long to check")


_current: ContextVar[JsonSchema] = ContextVar("_current")  # the schema that a value is being compared with


def resolve(schema: Schema, root: Schema) -> Schema:
    """Return a schema with what it refers to; of keywords that contradict each other the nearer counts."""
    if "$ref" not in schema:
        return schema
    merged: dict[str, Any] = {}
    for part in reversed(referenced(schema, root)):
        merged |= part
    del merged["$ref"]
    return merged


def referenced(schema: Schema, root: Schema) -> list[Schema]:
    """Return a schema, the one it refers to, and so on. Raises `SchemaError` for a bad reference."""
    chain = [schema]
    while "$ref" in chain[-1]:
        reference = chain[-1]["$ref"]
        if len(chain) > _MAX_REFERENCES:
            raise _bad_reference(reference)
        chain.append(_target(reference, root))
    return chain


def _target(reference: Any, root: Schema) -> Schema:
    """Return the part of a document that a reference names: the whole or one of its definitions."""
    found: Any = root
    match unquote(str(reference)).split("/"):
        case ["#"]:
            pass
        case ["#", group, name] if group in DEFINITIONS:
            definitions = root.get(group)
            key = name.replace("~1", "/").replace("~0", "~")
            found = definitions.get(key) if isinstance(definitions, Mapping) else None
        case _:
            found = None
    if not isinstance(found, Mapping):
        raise _bad_reference(reference)
    return found


def _bad_reference(reference: Any) -> SchemaError:
    return wrong("", f"invalid $ref path: {str(reference)[:100]}")


def merge(parts: Iterable[Schema]) -> dict[str, Any]:
    """Join schemas that must all hold; of keywords that contradict each other the last one counts."""
    merged: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in parts:
        merged |= part
        properties |= part.get("properties", {})
        required += part.get("required", ())
    merged |= {"properties": properties, "required": required}
    return {key: value for key, value in merged.items() if value or key not in ("properties", "required")}


def kinds_of(schema: Schema) -> list[Any]:
    """Return the types that a schema names, an empty list if it names none."""
    kind = schema.get("type", [])
    return kind if isinstance(kind, list) else [kind]


def main_kind(schema: Schema) -> str:
    """Return the first type that a schema names, or the one that its keywords suggest."""
    kinds = kinds_of(schema)
    if kinds:
        return str(kinds[0])
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def is_a(value: Any, kind: str) -> bool:
    """Return whether a value is of a JSON Schema type; 2.0 is an integer there, True is not."""
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return not isinstance(value, bool) and (isinstance(value, int) or _is_whole(value))
        case "number":
            return not isinstance(value, bool) and isinstance(value, int | float)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
    return isinstance(value, dict)


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def identity(value: Any) -> Hashable:
    """Return what is equal for values that JSON Schema calls equal; `True` and 1 are not."""
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    return isinstance(value, bool), value


class _Options(list[Any]):
    """The values of an `enum`, which are found without comparing each."""

    def __init__(self, values: Iterable[Any]) -> None:
        super().__init__(values)
        self.identities = frozenset(map(identity, self))


def _known_part(schema: Schema) -> dict[str, Any]:
    """Copy a schema without the keywords that have no effect; and with enums that are quick to search."""
    known = {key: value for key, value in schema.items() if key in _KEYWORDS}
    for key, value in known.items():
        match key:
            case "properties" | "$defs" | "definitions":
                known[key] = {name: _known_part(part) for name, part in value.items()}
            case "anyOf" | "oneOf" | "allOf":
                known[key] = [_known_part(part) for part in value]
            case "items" | "additionalProperties" if isinstance(value, Mapping):
                known[key] = _known_part(value)
            case "enum":
                known[key] = _Options(value)
    return known


@cache
def _validator_class() -> Callable[..., Any]:
    """Return the validator of JSON Schema 2020-12, with counted work and without quadratic cost."""
    from jsonschema import Draft202012Validator, validators

    standard = Draft202012Validator.VALIDATORS
    counted = {key: _counted(standard[key]) for key in _COUNTED}
    changed = {**counted, "enum": _enum, "uniqueItems": _unique_items}
    validator: Callable[..., Any] = validators.extend(Draft202012Validator, changed)
    return validator


def _counted(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def check(validator: Any, parts: Any, value: Any, schema: Schema) -> Any:
        _current.get().count(len(parts) if isinstance(parts, list | dict) else 1)
        return keyword(validator, parts, value, schema)

    return check


def _enum(validator: Any, options: _Options, value: Any, schema: Schema) -> Iterator[Exception]:
    from jsonschema import ValidationError

    if identity(value) not in options.identities:
        yield ValidationError("the value is not one of the enum")


def _unique_items(validator: Any, unique: Any, value: Any, schema: Schema) -> Iterator[Exception]:
    from jsonschema import ValidationError

    if unique and isinstance(value, list) and len(set(map(identity, value))) < len(value):
        yield ValidationError("an item comes twice")
