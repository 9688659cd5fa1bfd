"""What type hints say beyond what a library puts into its JSON Schema: bounds, descriptions, orders.

pydantic's `Field`, `annotated_types` and `msgspec.Meta` mean the same in every kind of type here: what the
library that builds the objects does not read is written into the schema, and checked by jsonschema.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .service import target

_MOST_DEPTH = 40  # levels of a type that are walked
_BOUNDS = {
    "ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf", "pattern": "pattern",
}  # fmt: skip
_LENGTHS = {
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
    "string": ("minLength", "maxLength"),
}
_NAMES_OF_KINDS = {
    int: "integer", float: "number", str: "string", bool: "boolean", list: "array", dict: "object",
    set: "array", frozenset: "array", tuple: "array",
}  # fmt: skip


def enrich(schema: dict[str, Any], kind: Any) -> bool:
    """Write into `schema`, which a library made of the type `kind`, what the library left out.

    Returns whether there is something to check that the library does not check itself.
    """
    walk = _Walk(schema)
    # Where names are not there yet, the library has its say about the type.
    with suppress(NameError, TypeError, AttributeError, KeyError, RecursionError):
        walk.of(schema, kind, 0)
    return walk.has_checks


class _Walk:
    """The way through a type and its schema, side by side."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._seen: set[int] = set()  # schemas of classes
        self.has_checks = False

    def of(self, schema: Any, kind: Any, depth: int) -> None:  # noqa: PLR0912 - one case for each kind of type
        """One type and all inside it."""
        if not isinstance(schema, dict) or depth > _MOST_DEPTH:
            return
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            self.of(schema, args[0], depth + 1)
            for meta in args[1:]:
                self._apply(schema, meta)
            return
        if (alias := getattr(kind, "__value__", None) or getattr(kind, "__supertype__", None)) is not None:
            self.of(schema, alias, depth + 1)
            return
        inner = self._followed(schema)
        if origin is Literal:
            _put_in_order(inner, list(_values(kind)))
        elif origin in (Union, types.UnionType):
            for arg in args:
                self.of(self._branch(inner, arg), arg, depth + 1)
        elif isinstance(kind, type) and issubclass(kind, Enum):
            _put_in_order(inner, [member.value for member in kind])
        elif origin in (list, set, frozenset, typing.Sequence, typing.Iterable) or origin in _SEQUENCES:
            self.of(inner.get("items"), args[0], depth + 1)
        elif origin is tuple:
            self._tuple(inner, args, depth)
        elif origin is dict or origin in _MAPPINGS:
            self.of(inner.get("additionalProperties"), args[1], depth + 1)
        elif origin in (typing.Required, typing.NotRequired, typing.ClassVar, typing.Final):
            self.of(schema, args[0], depth + 1)
        elif isinstance(origin or kind, type):
            self._fields(inner, kind, depth)

    def _tuple(self, schema: dict[str, Any], args: tuple[Any, ...], depth: int) -> None:
        if len(args) == 2 and args[1] is Ellipsis:
            self.of(schema.get("items"), args[0], depth + 1)
            return
        for part, arg in zip(schema.get("prefixItems", ()), args, strict=False):
            self.of(part, arg, depth + 1)

    def _fields(self, schema: dict[str, Any], kind: Any, depth: int) -> None:
        named = schema.get("properties")
        if not isinstance(named, dict) or id(schema) in self._seen:
            return
        self._seen.add(id(schema))
        cls: Any = get_origin(kind) or kind
        bound = dict(zip(getattr(cls, "__parameters__", ()), get_args(kind), strict=False))
        for name, hint in get_type_hints(cls, include_extras=True).items():
            part = named.get(_written(cls, name))
            if part is not None:
                self.of(part, _substituted(hint, bound), depth + 1)

    def _branch(self, schema: dict[str, Any], arg: Any) -> Any:
        """The part of a union that stands for one of its types, where there is just one such."""
        branches = schema.get("anyOf") or schema.get("oneOf")
        if not branches:
            return schema  # int | None may be one schema with two types
        while get_origin(arg) is Annotated:
            arg = get_args(arg)[0]
        if get_origin(arg) is Literal:
            found = [
                branch for branch in branches if isinstance(branch, dict) and "enum" in self._followed(branch)
            ]
        elif (name := _NAMES_OF_KINDS.get(get_origin(arg) or arg)) is not None:
            found = [branch for branch in branches if isinstance(branch, dict) and branch.get("type") == name]
        else:
            ends = str(getattr(arg, "__name__", ""))
            found = [
                b for b in branches if isinstance(b, dict) and str(b.get("$ref", "")).endswith(f"/{ends}")
            ]
        return found[0] if len(found) == 1 else None

    def _followed(self, schema: dict[str, Any]) -> dict[str, Any]:
        seen = 0
        while isinstance(ref := schema.get("$ref"), str) and seen < _MOST_DEPTH:
            found = target(ref, self._root)
            if not isinstance(found, dict):
                return schema
            schema, seen = found, seen + 1
        return schema

    def _apply(self, schema: dict[str, Any], meta: Any) -> None:
        for keyword, value in _keywords(meta, schema):
            if keyword in schema:
                continue
            schema[keyword] = value
            self.has_checks = self.has_checks or keyword not in ("description", "title", "examples")


_SEQUENCES = tuple(
    getattr(typing, name).__origin__
    for name in ("Sequence", "Iterable", "Collection", "Set", "MutableSequence")
)
_MAPPINGS = tuple(getattr(typing, name).__origin__ for name in ("Mapping", "MutableMapping"))


def _keywords(meta: Any, schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a piece of metadata says, in the keywords of JSON Schema; nothing of what it does not know."""
    module = type(meta).__module__.partition(".")[0]
    if isinstance(meta, str) or module not in ("annotated_types", "pydantic", "msgspec", "typing_extensions"):
        return
    if isinstance(words := getattr(meta, "description", None) or getattr(meta, "documentation", None), str):
        yield "description", words
    if isinstance(examples := getattr(meta, "examples", None), list):
        yield "examples", examples
    for name, keyword in _BOUNDS.items():
        value = getattr(meta, name, None)
        if value is not None and (isinstance(value, str) if keyword == "pattern" else _is_number(value)):
            yield keyword, value
    kind = schema.get("type")
    for name, keyword in zip(("min_length", "max_length"), _LENGTHS.get(str(kind), ()), strict=False):
        value = getattr(meta, name, None)
        if isinstance(value, int) and not (name == "min_length" and value == 0):
            yield keyword, value
    for part in getattr(meta, "metadata", ()) if module == "pydantic" else ():
        yield from _keywords(part, schema)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _values(kind: Any) -> Iterator[Any]:
    for value in get_args(kind):
        if get_origin(value) is Literal:
            yield from _values(value)
        else:
            yield value.value if isinstance(value, Enum) else value


def _put_in_order(schema: dict[str, Any], values: list[Any]) -> None:
    """The values of an enumeration as they were written; msgspec sorts them."""
    listed = schema.get("enum")
    if isinstance(listed, list):
        places = {repr(value): place for place, value in enumerate(values)}
        schema["enum"] = sorted(listed, key=lambda value: places.get(repr(value), len(places)))


def _written(cls: Any, name: str) -> str:
    """The name of a field in JSON."""
    if (field := getattr(cls, "model_fields", {}).get(name)) is not None:
        return str(field.validation_alias if isinstance(field.validation_alias, str) else field.alias or name)
    fields = getattr(cls, "__struct_fields__", None)
    if fields is not None and name in fields:
        return str(cls.__struct_encode_fields__[fields.index(name)])
    return name


def _substituted(hint: Any, bound: dict[Any, Any]) -> Any:
    """A hint with the types in place of the variables of a generic class."""
    if not bound:
        return hint
    if hint in bound:
        return bound[hint]
    open_ = getattr(hint, "__parameters__", ())
    return hint[tuple(bound.get(each, each) for each in open_)] if open_ else hint
