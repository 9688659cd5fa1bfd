"""From what the person gave (a type, a JSON Schema, a name, a file, fields in short) to a `Schema`."""

from __future__ import annotations

import ast
import builtins
import datetime
import decimal
import json
import os
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_origin, overload

import msgspec

from kimi_magic import files
from kimi_magic.json_text import JSONFault, read

from .build import Validator, for_adapter, for_schema, for_type
from .example import example
from .faults import Mismatch, SchemaFault, Steps
from .lossless import Lossless, is_decimal, settled
from .service import Columns, accepted, closed, columns, has_rows, is_strict, name_for, parts, record_columns
from .short import EXAMPLE, kind_of

T = TypeVar("T")

LARGEST_FILE = 8 * 2**20  # bytes of a file with a schema
JSON_INSTRUCTION = "Answer with one JSON object and nothing else."
POSSIBLE = f"the name of a type, a JSON Schema or its file, or {EXAMPLE}"
_KNOWN: dict[str, Any] = {
    **{
        name: getattr(builtins, name)
        for name in ("bool", "dict", "float", "int", "list", "set", "str", "tuple")
    },
    **{name: getattr(typing, name) for name in ("Any", "Literal", "Optional", "Union")},
    **{name: getattr(datetime, name) for name in ("date", "datetime", "time", "timedelta")},
    "Decimal": decimal.Decimal,
}


class Fitted(NamedTuple, Generic[T]):
    """What was made of a value, and sentences about what was written otherwise than asked for."""

    data: T
    notices: tuple[str, ...]


class Schema(msgspec.Struct, Generic[T], frozen=True, eq=False):
    """What is asked of the model, and what is made of its answer.

    `name` is made of letters, digits, _ and -, at most 64. `json_schema` is what the service is sent: always
    an object. `wrapped` is the property of it that carries the value where that is a list ("items") or
    something else that is no object ("value"), else "". `columns` are name and kind of each column of a table
    of such records, empty where they are not known; the kinds are boolean, integer, number, string, date,
    date-time and object. `raw` is the full JSON Schema; `has_rows` says
    whether a table can be made of what fits it;
    `is_of_type` whether it was made of a type and not given as a JSON Schema; `runs_code` whether making a
    value calls functions of the person's.
    """

    name: str
    json_schema: dict[str, Any]
    wrapped: str
    columns: Columns
    raw: dict[str, Any]
    has_rows: bool
    is_of_type: bool
    _has_decimals: bool
    _build: Callable[[Any, Steps], Any]
    runs_code: bool = False

    def form(self) -> tuple[dict[str, Any], bool]:
        """The schema as a response format carries it, and whether it qualifies for `strict`.

        Objects of a type take no further properties, for they would be dropped; a JSON Schema that a person
        wrote is sent as it says.
        """
        return _form(self)

    def with_digits(self, value: Any) -> Any:
        """A value read with `Digits`, with decimal numbers as they were written and all others as floats."""
        if not self.has_decimals:
            return value
        if isinstance(value, dict) and self.wrapped in value:
            rest = {key: part for key, part in value.items() if key != self.wrapped}
            inner = settled(value[self.wrapped], self.raw, self.raw)
            return {self.wrapped: inner, **settled(rest, {}, {})}
        return settled(value, self.raw, self.raw)

    @property
    def has_decimals(self) -> bool:
        """Whether numbers are to be read with all their digits."""
        return self._has_decimals

    def fit(self, value: Any) -> Fitted[T]:
        """As `build`, and what can be brought to the types that were asked for without a loss.

        Raises:
            SchemaFault: It does not fit; where and why not, in the value as it was written.
        """
        try:
            built = self.build(value)
        except SchemaFault as fault:
            first = fault
        else:
            return Fitted(built, ()) if self.is_of_type else self._with_whole_numbers(built)
        for inner, around in self._insides(value):
            lossless = Lossless(self.raw)
            try:
                changed = lossless.value(inner, self.raw, around)
                if changed is inner and inner is value:
                    continue
                made = self._build(changed, around)
            except SchemaFault as fault:
                if around in ((), (self.wrapped,)):
                    first = fault  # without what could be brought to the types that were asked for
                continue
            except RecursionError:
                continue
            if around and around[0] != self.wrapped:
                lossless.remark("wrapped", around)
            return Fitted(typing.cast("T", made), lossless.notices())
        raise first

    def _with_whole_numbers(self, value: Any) -> Fitted[Any]:
        """A value that fits a JSON Schema, with `5.0` as 5 where an integer was asked for."""
        lossless = Lossless(self.raw)
        try:
            changed = lossless.value(value, self.raw)
        except RecursionError:
            return Fitted(value, ())
        return Fitted(changed, lossless.notices()) if lossless.kinds == {"integer"} else Fitted(value, ())

    def _insides(self, value: Any) -> Iterator[tuple[Any, Steps]]:
        """What of a value may be the answer, and the steps to it: the value, or the only property of it."""
        if not isinstance(value, dict):
            yield value, ()
        elif self.wrapped and self.wrapped in value:
            yield value[self.wrapped], (self.wrapped,)
        else:
            yield value, ()
            if len(value) == 1:
                ((name, inner),) = value.items()
                if isinstance(inner, dict | list):
                    yield inner, (name,)

    def build(self, value: Any) -> T:
        """The object that `value`, as read from the answer, stands for; or `SchemaFault`, where and why not.

        A list that came without the object around it is taken too.
        """
        match value:
            case dict() if self.wrapped and self.wrapped in value:
                made = self._build(value[self.wrapped], (self.wrapped,))
            case dict() if self.wrapped == "items":
                raise SchemaFault([Mismatch(("items",), "array", "nothing")])
            case _:
                made = self._build(value, ())
        return typing.cast("T", made)

    @property
    def record(self) -> Columns:
        """Name and kind of each column where an answer is one row; empty where it is none."""
        return record_columns(self.raw)

    @property
    def prompt(self) -> str:
        """What tells the model the same where the host takes no schema."""
        return _prompt(self)


# A schema is asked for again and again, once for each row of a map.
@lru_cache(maxsize=64)
def _form(schema: Schema[Any]) -> tuple[dict[str, Any], bool]:
    sent = closed(schema.json_schema) if schema.is_of_type else schema.json_schema
    return sent, is_strict(sent)


@lru_cache(maxsize=64)
def _prompt(schema: Schema[Any]) -> str:
    return instruction(schema.json_schema)


def instruction(sent: Mapping[str, Any]) -> str:
    """What asks in words for an answer that fits a schema: the schema, and an example of such an answer."""
    compact = json.dumps(sent, ensure_ascii=False, separators=(",", ":"))
    text = f"{JSON_INSTRUCTION} It must be valid for this JSON Schema:\n{compact}"
    if shown := example(sent):
        text += f"\nDo not repeat the schema. An answer has this form, with values of your own:\n{shown}"
    return text


@overload
def of(spec: type[T], namespace: Mapping[str, Any] = ...) -> Schema[T]: ...
@overload
def of(spec: object, namespace: Mapping[str, Any] = ...) -> Schema[Any]: ...
def of(spec: object, namespace: Mapping[str, Any] = types.MappingProxyType({})) -> Schema[Any]:
    """The schema for a type, a JSON Schema (a dict), a `TypeAdapter` of pydantic, or a text.

    A text is, tried in this order: a JSON Schema as JSON, a name in `namespace` or of a type of Python, a
    file with a JSON Schema (it ends in .json, or is there), a type as Python writes it (`list[Person]`,
    `Person | None`), fields in short (`short`). A single word is always a name.

    A `ValueError` says what was expected, so that "expected " can stand before it, and what is wrong.
    """
    if isinstance(spec, Schema):
        return spec
    given, name = _spelled(spec.strip(), namespace) if isinstance(spec, str) else (spec, "")
    if isinstance(given, Schema):
        return given
    try:
        validator = _validator(given)
        sent, wrapped = accepted(validator.schema)
        found = columns(validator.schema)
    except RecursionError:
        raise ValueError("a schema of fewer levels") from None
    name = name or _name_of(given) or str(validator.schema.get("title", ""))
    if not name and isinstance(given, Mapping):
        name = str(given.get("name") or "")
    raw, is_of_type = validator.schema, not isinstance(given, Mapping)
    has_decimals = is_of_type and any(map(is_decimal, parts(raw)))
    return Schema(
        name_for(name), sent, wrapped, found, raw, has_rows(raw), is_of_type, has_decimals, validator.build,
        validator.runs_code,
    )  # fmt: skip


_MOST_COMPILED = 64
_compiled: dict[Any, Validator] = {}  # the newest last


def _validator(given: Any) -> Validator:
    """The validator for a type or a schema; it is made once, not for each question."""
    try:
        key = json.dumps(given) if isinstance(given, Mapping) else given
        key = (type(key), key, "pydantic" in sys.modules)
        made = _compiled.pop(key, None) or _made(given)
    except (TypeError, ValueError) as error:
        if isinstance(error, ValueError):
            raise
        return _made(given)  # what has no hash, or is no JSON
    _compiled[key] = made
    while len(_compiled) > _MOST_COMPILED:
        del _compiled[next(iter(_compiled))]
    return made


def _made(given: Any) -> Validator:
    if isinstance(given, Mapping):
        return for_schema(given)
    if callable(getattr(given, "validate_json", None)) and callable(getattr(given, "json_schema", None)):
        return for_adapter(given)
    if not _is_type(given):
        raise ValueError(f"{POSSIBLE}, got {_article(type(given).__name__)}")
    return for_type(given)


def _name_of(given: Any) -> str:
    """A name for a type: its own; for `list[Person]` that of what is in it."""
    if get_origin(given) is list:
        return f"{_name_of(get_args(given)[0])}_list"
    return str(getattr(given, "__name__", "")) if _is_type(given) and not get_args(given) else ""


def _is_type(given: Any) -> bool:
    return (
        isinstance(given, type)
        or given is Any
        or get_origin(given) is not None
        or type(given).__name__ in ("NewType", "TypeAliasType", "UnionType", "_SpecialForm")
    )


def _article(word: str) -> str:
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


# ---- texts ----


def _spelled(text: str, namespace: Mapping[str, Any]) -> tuple[Any, str]:
    """What a text stands for, and a name for it; "" where that has a better one itself."""
    if not text:
        raise ValueError(POSSIBLE)
    if text.startswith("{"):
        return _json_schema(text, "a JSON Schema"), ""
    if text.isidentifier() and text in namespace:
        given = namespace[text]
        if isinstance(given, str):  # fields in short, or a file: what it stands for is not a name again
            return _spelled(given.strip(), {k: v for k, v in namespace.items() if k != text})[0], text
        return given, "" if _is_type(given) else text
    if text.isidentifier() and text not in _KNOWN:
        raise ValueError(f"{POSSIBLE}; there is no {text}{_near(text, namespace)}")
    if text.endswith(".json") or os.path.isfile(text):  # unlike Path, it takes what can be no path
        return _file(text), Path(text).stem
    if _is_expression(text):
        return _evaluated(text, namespace), ""
    return kind_of(text, lambda kind: _evaluated(kind, namespace)), "answer"


def _json_schema(text: str, what: str) -> dict[str, Any]:
    try:
        found = read(text).value
    except JSONFault as fault:
        raise ValueError(f"{what}; {fault}") from None
    match found:
        case dict():
            return found
    raise ValueError(f"{what}, got {_article(type(found).__name__)}")


def _file(name: str) -> dict[str, Any]:
    try:
        text = files.read(name, LARGEST_FILE).decode("utf-8")
    except ValueError as error:
        raise ValueError(f"a file with a JSON Schema ({error})") from None
    return _json_schema(text, "a file with a JSON Schema")


def _is_expression(text: str) -> bool:
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return isinstance(tree, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp)


def _evaluated(text: str, namespace: Mapping[str, Any]) -> Any:
    """A type as Python writes it. Only names, attributes, brackets and | are understood."""
    try:
        return _value(ast.parse(text, mode="eval").body, namespace)
    except (SyntaxError, TypeError, AttributeError, RecursionError, MemoryError):
        raise ValueError(f"a type; {text!r} is none") from None


def _value(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return _named(name, namespace)
        case ast.Constant(value=value):
            return value
        case ast.Attribute(value=of, attr=name):
            return getattr(_value(of, namespace), name)
        case ast.Subscript(value=generic, slice=inner):
            return _value(generic, namespace)[_value(inner, namespace)]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, namespace) for part in parts)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return typing.Union[_value(left, namespace), _value(right, namespace)]  # noqa: UP007
    raise TypeError


def _named(name: str, namespace: Mapping[str, Any]) -> Any:
    """A type, or a module that holds some. A variable that is neither does not hide Python's own types."""
    found = namespace.get(name)
    if _is_type(found) or (isinstance(found, types.ModuleType) and name not in _KNOWN):
        return found
    if name in _KNOWN:
        return _KNOWN[name]
    if name in namespace:
        raise ValueError(f"a type; {name} is {_article(type(found).__name__)}")
    raise ValueError(f"a type; there is no {name}{_near(name, namespace)}")


def _near(name: str, namespace: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    names = [each for each, value in namespace.items() if _is_type(value) or isinstance(value, dict | str)]
    names = [each for each in names if not each.startswith("_")]
    close = get_close_matches(name, [*names, *_KNOWN], n=1)
    return f", did you mean {close[0]}?" if close else ""
