"""What a model wrote in another type than was asked for, but with the same meaning: `"36"` for 36.

Alike for all kinds of types, because it walks the value and its JSON Schema. Only what loses nothing and
leaves no doubt: `846000.5` for an integer and `"846,000"` stay what they are, and are faults.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from kimi_magic.json_text import Digits, path

from .service import JSONSchema, kinds_of, resolved

DEEPEST = 60  # levels of a value that are walked
NOTICES = {
    "integer": "{} was no integer as written, but a whole number; it is taken as one.",
    "number": "{} was a number in quotes; it is taken as a number.",
    "boolean": "{} was true or false in quotes; it is taken as that.",
    "null": "{} was null in quotes; it is taken as null.",
    "date": "{} was a time at midnight; it is taken as a date.",
    "seconds": "{} was a time without seconds; they are taken as 0.",
    "encoded": "{} was JSON in a string; it was read from there.",
    "single": "{} was one object where a list was asked for; it is taken as a list of one.",
    "alone": "{} was a list of one where an object was asked for; it is taken as that.",
    "inside": "{} was an object with nothing but the list in it; the list is taken.",
    "choice": "{} was one of the allowed values in other letters; that value is taken.",
    "key": "{} was written in another spelling of its name.",
    "wrapped": "The answer stood inside of the property {}; it is taken from there.",
}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{1,300})?(?:[eE][-+]?[0-9]{1,3})?")
_MINUTES = re.compile(r"(\d{4}-\d\d-\d\d[T ])?(\d\d:\d\d)(Z|[+-]\d\d:?\d\d)?")
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?")

Steps = tuple[str | int, ...]


class Lossless:
    """Brings one value to the types of a schema; `notices` says afterwards what was changed."""

    def __init__(self, root: JSONSchema) -> None:
        self._root = root
        self._remarks: dict[str, tuple[str, int]] = {}

    def notices(self) -> tuple[str, ...]:
        """A sentence for each kind of change."""
        return tuple(
            NOTICES[kind].format(first + (f" (and {count - 1} more)" if count > 1 else ""))
            for kind, (first, count) in self._remarks.items()
        )

    @property
    def kinds(self) -> set[str]:
        """The kinds of changes that were made."""
        return set(self._remarks)

    def value(self, value: Any, schema: Any, steps: Steps = ()) -> Any:
        """The value in the types of `schema`; what is as asked for, or cannot be brought there, as it is."""
        schema = resolved(schema, self._root)
        if len(steps) > DEEPEST:
            return value
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._of_choices(value, choices, steps)
        for part in schema.get("allOf", ()):
            value = self.value(value, part, steps)
        if "enum" in schema or "const" in schema:
            return self._choice(value, schema.get("enum", [schema.get("const")]), steps)
        kinds = kinds_of(schema)
        if kinds and not any(is_kind(kind, value) for kind in kinds):
            value = self._converted(value, kinds, schema, steps)
        match value:
            case dict():
                return self._object(value, schema, steps)
            case list():
                return self._array(value, schema, steps)
            case float() if "integer" in kinds and "number" not in kinds and value.is_integer():
                return self._changed("integer", int(value), steps)
            case str():
                return self._time(value, schema.get("format"), steps)
        return value

    def _time(self, value: str, form: Any, steps: Steps) -> str:
        """A date from a time at midnight; a time with its seconds."""
        if form == "date" and (midnight := _MIDNIGHT.fullmatch(value)):
            return str(self._changed("date", midnight[1], steps))
        minutes = _MINUTES.fullmatch(value) if form in ("date-time", "time") else None
        if minutes and bool(minutes[1]) is (form == "date-time"):
            made = f"{minutes[1] or ''}{minutes[2]}:00{minutes[3] or ''}"
            return str(self._changed("seconds", made, steps))
        return value

    def _of_choices(self, value: Any, choices: list[Any], steps: Steps) -> Any:
        branches = [resolved(choice, self._root) for choice in choices]
        direct = [branch for branch in branches if any(is_kind(kind, value) for kind in self._kinds(branch))]
        if direct:
            return self.value(value, branch_for(value, direct, self._root), steps)
        for branch in branches:
            made = self.value(value, branch, steps)
            if made is not value:
                return made
        return value

    def _kinds(self, schema: JSONSchema) -> list[str]:
        if "enum" in schema or "const" in schema:
            values = schema.get("enum", [schema.get("const")])
            return [
                kind
                for kind in ("null", "boolean", "number", "string")
                if any(is_kind(kind, v) for v in values)
            ]
        return kinds_of(schema) or ["object", "array", "string", "number", "boolean", "null"]

    def _choice(self, value: Any, allowed: list[Any], steps: Steps) -> Any:
        if not isinstance(value, str) or value in allowed:
            return value
        spelled = value.strip().casefold()
        same = [each for each in allowed if not isinstance(each, bool) and str(each).casefold() == spelled]
        return self._changed("choice", same[0], steps) if len(same) == 1 else value

    def _converted(self, value: Any, kinds: list[str], schema: JSONSchema, steps: Steps) -> Any:
        match value:
            case float() if "integer" in kinds and value.is_integer():
                return self._changed("integer", int(value), steps)
            case str():
                return self._of_string(value.strip(), kinds, value, steps)
            case dict() if "array" in kinds:
                (only, *rest) = value.values() or [None]
                if isinstance(only, list) and not rest:
                    return self._changed("inside", only, steps)
                item = resolved(schema.get("items", {}), self._root)
                if "object" in kinds_of(item) and item.get("properties", {}).keys() & value.keys():
                    return self._changed("single", [value], steps)
            case [dict() as only] if "object" in kinds:
                return self._changed("alone", only, steps)
        return value

    def _of_string(self, text: str, kinds: list[str], value: str, steps: Steps) -> Any:
        if "integer" in kinds and _INTEGER.fullmatch(text):
            return self._changed("number", int(text), steps)
        if {"integer", "number"} & set(kinds) and _NUMBER.fullmatch(text):
            number = float(text) if set(text) & set(".eE") else int(text)
            if "number" in kinds:
                return self._changed("number", number, steps)
            if float(number).is_integer() and abs(number) < 2**53:
                return self._changed("number", int(number), steps)
        if "boolean" in kinds and text.lower() in ("true", "false"):
            return self._changed("boolean", text.lower() == "true", steps)
        if "null" in kinds and text in ("null", "None"):
            return self._changed("null", None, steps)
        opener = text[:1]
        if ("array" in kinds and opener == "[") or ("object" in kinds and opener == "{"):
            try:
                return self._changed("encoded", json.loads(text), steps)
            except (ValueError, RecursionError):
                return value
        return value

    def _object(self, value: dict[str, Any], schema: JSONSchema, steps: Steps) -> dict[str, Any]:
        named = schema.get("properties", {})
        extra = schema.get("additionalProperties")
        names = self._names(value, named, steps) if named and not isinstance(extra, Mapping) else {}
        made, changed = {}, bool(names)
        for key, part in value.items():
            name = names.get(key, key)
            inner = named.get(name, extra if isinstance(extra, Mapping) else None)
            made[name] = self.value(part, inner, (*steps, key)) if isinstance(inner, Mapping) else part
            changed = changed or made[name] is not part
        return made if changed else value

    def _names(self, value: dict[str, Any], named: Mapping[str, Any], steps: Steps) -> dict[str, str]:
        """Names of properties for keys that spell them otherwise: `areaKm`, `area km ` for `area_km`."""
        missing = [name for name in named if name not in value]
        unknown = [key for key in value if key not in named]
        if not missing or not unknown:
            return {}
        spelled: dict[str, list[str]] = {}
        for key in unknown:
            spelled.setdefault(_spelling(key), []).append(key)
        wanted = [_spelling(name) for name in missing]
        found = {}
        for name, spelling in zip(missing, wanted, strict=True):
            keys = spelled.get(spelling, [])
            if spelling and len(keys) == 1 and wanted.count(spelling) == 1:
                found[keys[0]] = name
                self._changed("key", None, (*steps, name))
        return found

    def _array(self, value: list[Any], schema: JSONSchema, steps: Steps) -> list[Any]:
        first, rest = schema.get("prefixItems") or [], schema.get("items")
        if not first and not isinstance(rest, Mapping):
            return value
        made = []
        for at, part in enumerate(value):
            inner = first[at] if at < len(first) else rest
            made.append(self.value(part, inner, (*steps, at)) if isinstance(inner, Mapping) else part)
        return made if any(new is not old for new, old in zip(made, value, strict=True)) else value

    def _changed(self, kind: str, value: Any, steps: Steps) -> Any:
        first, count = self._remarks.get(kind, ("", 0))
        self._remarks[kind] = (first or path(steps), count + 1)
        return value

    def remark(self, kind: str, where: Steps) -> None:
        """Note a change that was made outside of the walk."""
        self._changed(kind, None, where)


def settled(value: Any, schema: Any, root: JSONSchema, depth: int = 0) -> Any:
    """A value without `Digits`: where a decimal number is wanted as it was written, elsewhere as floats."""
    schema = resolved(schema, root) if isinstance(schema, Mapping) else {}
    match value:
        case Digits():
            return value.text if is_decimal(schema) else float(value)
        case dict():
            named, extra = schema.get("properties", {}), schema.get("additionalProperties")
            if "anyOf" in schema and (
                objects := [b for b in _branches(schema, root) if "object" in kinds_of(b)]
            ):
                branch = branch_for(value, objects, root)
                named, extra = branch.get("properties", {}), branch.get("additionalProperties")
            return {key: settled(part, named.get(key, extra), root, depth + 1) for key, part in value.items()}
        case list():
            first, rest = schema.get("prefixItems") or [], schema.get("items")
            if "anyOf" in schema:
                rest = next((b["items"] for b in _branches(schema, root) if "items" in b), None)
            return [
                settled(part, first[at] if at < len(first) else rest, root, depth + 1)
                for at, part in enumerate(value)
            ]
    return value


def is_decimal(schema: JSONSchema) -> bool:
    """Whether a schema stands for a `Decimal`, in the way of msgspec or of pydantic."""
    if schema.get("format") == "decimal":
        return True
    kinds = [
        branch.get("type", branch.get("format"))
        for branch in schema.get("anyOf", ())
        if isinstance(branch, Mapping)
    ]
    formats = [branch.get("format") for branch in schema.get("anyOf", ()) if isinstance(branch, Mapping)]
    return "decimal" in formats or ("number" in kinds and "string" in kinds)


def _branches(schema: JSONSchema, root: JSONSchema) -> list[JSONSchema]:
    return [resolved(branch, root) for branch in schema["anyOf"]]


def is_kind(kind: str, value: Any) -> bool:
    """Whether a value is of a type of JSON Schema; 5.0 is a number, and no integer before it is made one."""
    match value:
        case None:
            return kind == "null"
        case bool():
            return kind == "boolean"
        case int():
            return kind in ("integer", "number")
        case float():
            return kind == "number"
        case str():
            return kind == "string"
        case list():
            return kind == "array"
    return kind == "object"


def branch_for(value: Any, branches: list[JSONSchema], root: JSONSchema) -> JSONSchema:
    """Of several schemas the one that a value was meant for: by its tag, else by the properties it has."""
    if len(branches) == 1 or not isinstance(value, dict):
        return branches[0]

    def score(branch: JSONSchema) -> tuple[int, int, int]:
        named = branch.get("properties", {})
        tags = [
            (name, part.get("enum", [part.get("const")]))
            for name, part in ((name, resolved(part, root)) for name, part in named.items())
            if "const" in part or "enum" in part
        ]
        right = sum(value.get(name) in allowed for name, allowed in tags if name in value)
        wrong = sum(value.get(name) not in allowed for name, allowed in tags if name in value)
        shared = len(named.keys() & value.keys())
        missing = len([name for name in branch.get("required", ()) if name not in value])
        return right - wrong, shared - missing, -len(named)

    return max(branches, key=score)


def _spelling(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(filter(str.isalnum, folded))
