"""The three validators: for a type or a JSON Schema, its full schema and a function that builds values.

msgspec knows types of Python and its own; pydantic its models, and is asked only where the person has
imported it; jsonschema checks against a schema that was given as such, and never fetches what that refers to.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from .annotations import enrich
from .faults import SchemaFault, Steps, by_jsonschema, by_msgspec, by_pydantic, own
from .service import parts, target

_SAYS_SOMETHING = {
    "type",
    "properties",
    "$ref",
    "anyOf",
    "oneOf",
    "allOf",
    "enum",
    "const",
    "items",
    "required",
}


def _is_text(pattern: str) -> Callable[[str], object]:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text, re.IGNORECASE):
            raise ValueError(text)

    return check


_FORMATS: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "time": time.fromisoformat,
    "duration": _is_text(r"[-+]?P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)"),
    "uuid": UUID,
    "decimal": Decimal,
    "email": _is_text(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*"),
    "hostname": _is_text(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*"),
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "uri": _is_text(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]*"),
    "regex": re.compile,
}

Build = Callable[[Any, Steps], Any]


class Validator(NamedTuple):
    """`schema` is a full JSON Schema; `build` takes a value and the steps that lead to it in the answer.

    `runs_code`: it may call functions of the person's, such as a validator, which may take long.
    """

    schema: dict[str, Any]
    build: Build
    runs_code: bool = False


def for_type(kind: Any) -> Validator:
    """For a type; `ValueError` says what was expected where it is none, or none that JSON can hold."""
    pydantic_is_there = "pydantic" in sys.modules
    if pydantic_is_there and _is_of_pydantic(kind):
        return _by_pydantic(kind)
    try:
        stand_in, finish = _records(kind)
        schema, info = msgspec.json.schema(stand_in), msgspec.inspect.type_info(stand_in)
    except (TypeError, ValueError, NameError, AttributeError) as error:  # also of names that are not there
        if pydantic_is_there and isinstance(error, TypeError):
            return _by_pydantic(kind, instead=error)
        raise _no_type(kind, error) from None
    _add_formats(schema, schema, info, set())
    has_checks = enrich(schema, stand_in)
    made = _by_msgspec(schema, stand_in, finish, has_checks=has_checks)
    return made._replace(runs_code=_runs_code(info))


def for_schema(given: Mapping[str, Any]) -> Validator:
    """For a JSON Schema (2020-12 where `$schema` names no other); values stay what they are."""
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    schema = _unwrapped(given)
    if not _SAYS_SOMETHING & set(schema):
        raise ValueError(f"a JSON Schema with type or properties, got the keys {', '.join(map(str, schema))}")
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        refs = {
            ref
            for part in parts(schema)
            for key in ("$ref", "$dynamicRef", "$recursiveRef")
            if isinstance(ref := part.get(key), str)
        }
    except SchemaError as error:
        raise ValueError(f"a valid JSON Schema, at {error.json_path}: {error.message[:200]}") from None
    except RecursionError:
        raise ValueError("a JSON Schema of fewer levels") from None
    for ref in sorted(refs):
        if target(ref, schema) is None:  # before anything is paid for: nothing is ever fetched
            raise ValueError(f"references that lead into the schema such as #/$defs/Name, got $ref {ref}")
    validator = checker(schema)

    def build(value: Any, around: Steps) -> Any:
        if found := by_jsonschema(validator, value, schema):
            raise SchemaFault(found, around)
        return value

    return Validator(schema, build)


def _unwrapped(given: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in `{"name": …, "schema": …}`, as OpenAI writes it, also inside of a response format."""
    for name in ("json_schema", "schema"):
        inner = given.get(name)
        if isinstance(inner, Mapping) and not {"properties", "$ref", "items"} & set(given):
            given = inner
    return dict(given)


# ---- msgspec ----


def _by_msgspec(
    schema: dict[str, Any], stand_in: Any, finish: Callable[[Any], Any], *, has_checks: bool
) -> Validator:
    """`has_checks`: the schema has bounds that msgspec does not know of."""
    check = cache(lambda: checker(schema))

    def build(value: Any, around: Steps) -> Any:
        if has_checks and (found := by_jsonschema(check(), value, schema)):
            raise SchemaFault(found, around)
        try:
            return finish(msgspec.convert(value, stand_in, str_keys=True))
        except msgspec.ValidationError as error:
            found = by_jsonschema(check(), value, schema)
            raise SchemaFault(found or [by_msgspec(str(error), value)], around) from None
        except RecursionError:
            raise SchemaFault([own(ValueError("nested too deeply"), value)], around) from None
        except Exception as error:  # noqa: BLE001 - what a __post_init__ raises
            raise SchemaFault([own(error, value)], around) from None

    return Validator(schema, build)


def _records(kind: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A type to convert to, and what makes the wished one of its values.

    msgspec reads a NamedTuple from an array. As the record that was asked for, it shall be an object.
    """
    record = get_args(kind)[0] if get_origin(kind) is list else kind
    if not _is_named_tuple(record):
        return kind, lambda made: made
    stand_in = _struct_for(record)

    def one(made: Any) -> Any:
        return record(*msgspec.structs.astuple(made))

    if record is kind:
        return stand_in, one
    return list[stand_in], lambda made: [one(row) for row in made]  # type: ignore[valid-type]


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_field_defaults")


def _struct_for(kind: Any) -> Any:
    hints, defaults = get_type_hints(kind, include_extras=True), kind._field_defaults
    fields: list[Any] = [
        (name, hints.get(name, Any), msgspec.field(default_factory=partial(defaults.get, name)))
        if name in defaults
        else (name, hints.get(name, Any))
        for name in kind._fields
    ]
    return msgspec.defstruct(kind.__name__, fields, module=kind.__module__)


def _add_formats(  # noqa: PLR0912 - one case for each kind of type
    schema: Any, root: dict[str, Any], info: Any, seen: set[int]
) -> None:
    """Say of each date-time and time that it is one: msgspec does so only where the time zone is settled."""
    from msgspec import inspect

    while "$ref" in schema:
        schema = target(schema["$ref"], root)
    if id(schema) in seen:
        return
    seen.add(id(schema))
    for field in getattr(info, "fields", ()):
        # msgspec compares names by their UTF-8, which Python keeps only after it was asked for once.
        msgspec.json.encode(field.encode_name)
    inner: list[tuple[Any, Any]] = []
    match info:
        case inspect.Metadata(type=bare):
            seen.discard(id(schema))
            inner = [(schema, bare)]
        case inspect.DateTimeType() | inspect.TimeType():
            schema["format"] = "time" if isinstance(info, inspect.TimeType) else "date-time"
        case inspect.UnionType(types=types) if len(types) == len(schema.get("anyOf", ())):
            inner = list(zip(schema["anyOf"], types, strict=True))
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
            inner = [(schema.get("items") or {}, info.item_type)]
        case inspect.TupleType(item_types=types):
            inner = list(zip(schema["prefixItems"], types, strict=True))
        case inspect.DictType(value_type=value):
            inner = [(schema.get("additionalProperties") or {}, value)]
        case inspect.NamedTupleType(fields=fields):
            inner = [(part, field.type) for part, field in zip(schema["prefixItems"], fields, strict=True)]
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType():
            if isinstance(info, inspect.TypedDictType):
                _put_in_order(schema, list(get_type_hints(get_origin(info.cls) or info.cls)))
            named = schema.get("properties", {})  # which a Struct that is an array has not
            inner = [(named.get(field.encode_name, {}), field.type) for field in info.fields]
    for part, kind in inner:
        _add_formats(part, root, kind, seen)


def _put_in_order(schema: dict[str, Any], names: list[str]) -> None:
    """The fields of a TypedDict as they were written; msgspec sorts them by name."""
    schema["properties"] = {name: schema["properties"][name] for name in names}
    schema["required"] = [name for name in names if name in schema["required"]]


def checker(schema: Mapping[str, Any]) -> Any:
    """A validator of jsonschema, which knows formats and no way to fetch anything."""
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.validators import validator_for
    from referencing import Registry

    formats = FormatChecker(formats=())
    for name, reads in _FORMATS.items():

        def check(text: Any, reads: Callable[[str], object] = reads) -> bool:
            if isinstance(text, str):
                reads(text)
            return True

        formats.checks(name, raises=(ValueError, ArithmeticError, AttributeError, TypeError, re.error))(check)
    kind = validator_for(schema, default=Draft202012Validator)
    return kind(schema, registry=Registry(), format_checker=formats)


# What a class of msgspec, dataclasses or attrs has that calls code of the person's when it is made.
_HOOKS = ("__post_init__", "__attrs_post_init__", "__attrs_attrs__")


def _runs_code(about: Any) -> bool:
    """Whether making a value calls code of the person's: by `msgspec.inspect`, or pydantic's core schema.

    The kinds of the latter are in the documentation of `pydantic_core.core_schema`.
    """
    open_parts, seen = [about], set[int]()
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, list | tuple | set | frozenset):
            open_parts.extend(part)
        elif isinstance(part, dict):
            if (
                str(part.get("type")).startswith("function-")
                or part.get("post_init")
                or part.get("custom_init")
            ):
                return True
            open_parts.extend(part.values())
        elif isinstance(part, msgspec.inspect.CustomType):
            return True
        elif isinstance(part, msgspec.Struct) and id(part) not in seen:
            seen.add(id(part))
            if any(hasattr(getattr(part, "cls", None), hook) for hook in _HOOKS):
                return True
            open_parts.extend(getattr(part, name) for name in part.__struct_fields__)
    return False


# ---- pydantic ----


def _is_of_pydantic(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_core_schema__") or any(map(_is_of_pydantic, get_args(kind)))


def for_adapter(adapter: Any) -> Validator:
    """For a `TypeAdapter` of pydantic, or what looks like one."""
    from pydantic import ValidationError

    schema = adapter.json_schema()
    has_checks = enrich(schema, getattr(adapter, "_type", None))
    check = cache(lambda: checker(schema))

    def build(value: Any, around: Steps) -> Any:
        try:
            # JSON also for pydantic: a date is a string there.
            made = adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            known = by_jsonschema(check(), value, schema)
            found = by_pydantic(error.errors(include_url=False), value, known)
            raise SchemaFault(found, around) from None
        except Exception as error:  # noqa: BLE001 - what a validator raises
            raise SchemaFault([own(error, value)], around) from None
        if has_checks and (unfit := by_jsonschema(check(), value, schema)):
            raise SchemaFault(unfit, around)
        return made

    core = getattr(adapter, "core_schema", None)
    return Validator(schema, build, core is None or _runs_code(core))


def _by_pydantic(kind: Any, *, instead: Exception | None = None) -> Validator:
    """`instead`: why msgspec does not take the type, for the message where pydantic does not either."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        return for_adapter(TypeAdapter(kind))
    except (PydanticUserError, NameError, RecursionError) as error:
        raise _no_type(kind, instead or error) from None


def _no_type(kind: Any, error: Exception) -> ValueError:
    name = getattr(kind, "__name__", None) or str(kind)
    reason = str(error).split("\n\n")[-1].split("\n")[0].removesuffix(".")
    return ValueError(f"a type that JSON can hold; {name} is none ({reason[:200]})")
