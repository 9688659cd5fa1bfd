"""From the signature of a function to a JSON Schema of its arguments, and from arguments to a call.

Each parameter has a schema of its own (`kimi_magic.schema`), so that types of msgspec and of pydantic can
stand side by side. What is defined here:

- no hint: the type that the docstring names, else that of a plain default, else any JSON value
- `= None`: null is allowed too
- `*args`: an optional list; `**kwargs`: not offered
- a default that JSON cannot hold: the parameter is optional, and its default is not told
- a type that JSON cannot hold: the parameter is not offered if it has a default, else the function is refused
"""

from __future__ import annotations

import inspect
import json
import math
import typing
from collections.abc import Mapping
from datetime import date, time
from enum import Enum
from inspect import Parameter as Of
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from kimi_magic import schema as schemas
from kimi_magic.errors import KimiUsageError
from kimi_magic.schema import Schema, SchemaFault
from kimi_magic.schema.lossless import settled
from kimi_magic.schema.service import accepted
from kimi_magic.tools.docstrings import Documented

LONGEST_DEFAULT = 200  # characters of a default that the model is told
LONGEST_NAME = 60  # characters of a wrong name that the model is told
_PLAIN = (bool, int, float, str, list, dict)


class Argument(NamedTuple):
    """One parameter that the model may give."""

    name: str
    kind: Any
    schema: Schema[Any]
    description: str
    is_required: bool
    default: Any


class Signature(NamedTuple):
    """The parameters of a function, and the JSON Schema of them that is sent."""

    arguments: tuple[Argument, ...]
    json_schema: dict[str, Any]

    @property
    def has_decimals(self) -> bool:
        """Whether numbers are to be read with all their digits."""
        return any(each.schema.has_decimals for each in self.arguments)

    def bind(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named arguments of Python for what the model gave.

        Raises:
            ValueError: Something is missing, too much, or of another type; the text says what and where.
        """
        known = [each.name for each in self.arguments]
        if unknown := [name for name in given if name not in known]:
            raise ValueError(
                f"there is no parameter {unknown[0][:LONGEST_NAME]!r}; there are {', '.join(known) or 'none'}"
            )
        if missing := [each.name for each in self.arguments if each.is_required and each.name not in given]:
            raise ValueError(f"{', '.join(missing)}: expected a value, got nothing")
        values = {each.name: _fitted(each, given[each.name]) for each in self.arguments if each.name in given}
        has_more = any(each.kind is Of.VAR_POSITIONAL and values.get(each.name) for each in self.arguments)
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for each in self.arguments:
            value = values.get(each.name, each.default)
            if each.kind is Of.VAR_POSITIONAL:
                positional += values.get(each.name, ())
            elif each.kind is Of.POSITIONAL_ONLY or (each.kind is Of.POSITIONAL_OR_KEYWORD and has_more):
                positional.append(value)  # what `*args` takes stands behind it
            elif each.name in values:
                named[each.name] = value
        return positional, named


def signature(function: Any, name: str, documented: Documented) -> Signature:
    """The parameters of `function`, which the model knows as `name`.

    Raises:
        KimiUsageError: It has no signature, a hint that leads nowhere, or a parameter without a default whose
            type JSON cannot hold.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        raise KimiUsageError(
            f"tool {name}: it does not say which parameters it has",
            hint="Write a function of your own around it, with type hints.",
        ) from None
    hints = _hints(function, name)
    arguments = []
    for each in parameters:
        if each.kind is Of.VAR_KEYWORD:
            continue
        words, documented_type = documented.parameters.get(each.name, ("", None))
        hint, said = _split(_hint(each, hints, documented_type))
        if each.default is None:
            hint = Union[hint, None]  # noqa: UP007 - of any kind of hint
        if each.kind is Of.VAR_POSITIONAL:
            hint = list[hint]  # type: ignore[valid-type]
        try:
            schema = schemas.of(hint)
        except ValueError as error:
            if each.default is not Of.empty or each.kind is Of.VAR_POSITIONAL:
                if each.kind is Of.POSITIONAL_ONLY:
                    break  # those behind it can be given no more
                continue
            raise KimiUsageError(
                f"tool {name}: the model cannot give {each.name}: expected {error}",
                hint=f"Give {each.name} a default or another type, or bind it with functools.partial.",
            ) from None
        is_required = each.default is Of.empty and each.kind is not Of.VAR_POSITIONAL
        described = said or schema.raw.get("description", "") or words
        arguments.append(Argument(each.name, each.kind, schema, described, is_required, each.default))
    return Signature(tuple(arguments), _json_schema(arguments))


def _hints(function: Any, name: str) -> dict[str, Any]:
    import functools

    target = function
    while isinstance(target, functools.partial):
        target = target.func
    if isinstance(target, type):
        target = target.__init__  # type: ignore[misc]
    elif not inspect.isroutine(target):
        target = type(target).__call__
    try:
        return typing.get_type_hints(inspect.unwrap(target), include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise KimiUsageError(f"tool {name}: a type hint leads nowhere ({error})") from None


def _hint(parameter: Of, hints: Mapping[str, Any], documented: Any) -> Any:
    """What a parameter takes: what is hinted, else what the docstring names, else the type of its default."""
    if (hint := hints.get(parameter.name)) is not None:
        return hint
    if documented is not None:
        return documented
    return type(parameter.default) if type(parameter.default) in _PLAIN else Any


def _split(hint: Any) -> tuple[Any, str]:
    """A hint without its texts (`Annotated[int, "how many"]`, `Doc`), and the first of these."""
    if get_origin(hint) is not Annotated:
        return hint, ""
    kind, *more = get_args(hint)
    texts = [each if isinstance(each, str) else getattr(each, "documentation", None) for each in more]
    said = next((text for text in texts if isinstance(text, str)), "")
    others = [each for each, text in zip(more, texts, strict=True) if not isinstance(text, str)]
    for each in others:
        kind = Annotated[kind, each]
    return kind, " ".join(said.split())


def _json_schema(arguments: list[Argument]) -> dict[str, Any]:
    """The schema of all, in the dialect of the service; definitions of the same name are told apart."""
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    for each in arguments:
        own = dict(each.schema.raw)
        renamed: dict[str, str] = {}
        for name, definition in own.pop("$defs", {}).items():
            new = name
            while new in definitions and definitions[new] != definition:
                new += "_"
            renamed[name] = new
            definitions.setdefault(new, definition)
        changed = {old: new for old, new in renamed.items() if old != new}
        if changed:
            own = _with_names(own, changed)
            for new in changed.values():
                definitions[new] = _with_names(definitions[new], changed)
        own.pop("title", None)
        if text := _description(each):
            own["description"] = text
        properties[each.name] = own
    required = [each.name for each in arguments if each.is_required]
    raw: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    sent, _ = accepted({**raw, **({"$defs": definitions} if definitions else {})})
    return {"type": "object", "properties": {}, "required": [], **sent}


def _with_names(part: Any, names: Mapping[str, str]) -> Any:
    """A schema whose references lead to definitions under their new names."""
    if isinstance(part, list):
        return [_with_names(each, names) for each in part]
    if not isinstance(part, dict):
        return part
    changed = {key: _with_names(value, names) for key, value in part.items()}
    ref = changed.get("$ref")
    if isinstance(ref, str) and (new := names.get(ref.removeprefix("#/$defs/"))):
        changed["$ref"] = f"#/$defs/{new}"
    return changed


def _description(argument: Argument) -> str:
    """What the model is told of a parameter; the service passes descriptions on, but no defaults."""
    if argument.is_required or argument.kind is Of.VAR_POSITIONAL:
        return argument.description
    said, text = argument.description, _default_text(argument.default)
    if not text or "default" in said.lower():
        return said
    stop = "." * bool(said and not said.endswith((".", "!", "?")))
    return f"{said}{stop} Default: {text}.".strip()


def _default_text(value: Any) -> str:
    """A default as JSON; "" for None, and where JSON cannot hold it or it is long."""
    if value is None:
        return ""
    try:
        text = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return ""
    return text if len(text) <= LONGEST_DEFAULT else ""


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return _plain(value.value)
        case date() | time():
            return value.isoformat()
        case float() if not math.isfinite(value):
            raise ValueError
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {key: _plain(each) for key, each in value.items()}
    return value


def _fitted(argument: Argument, value: Any) -> Any:
    schema = argument.schema
    value = schema.with_digits(value) if schema.has_decimals else settled(value, {}, {})
    try:
        return schema.fit(value).data
    except SchemaFault as fault:
        place = f"{argument.name}{fault.path.removeprefix('$')}"
        raise ValueError(str(fault).replace(fault.path, place, 1)) from None
