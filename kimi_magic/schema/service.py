"""A JSON Schema as the service takes it, and what a table of such records has for columns.

The dialect is "Moonshot flavored JSON Schema" (docs/mfjs-spec.md and validation-principles.md in
MoonshotAI/walle): an object at the top, definitions at the top only, a type for each property and none beside
`anyOf` or `$ref`, enumerations of one type, no tuples, no negation and no conditions. What is lost here is
still checked when the answer has come.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

JSONSchema = Mapping[str, Any]
# By name: boolean, integer, number, string, date, date-time or object; the list of allowed values; the
# columns of the record in it; or ("list", column).
Columns = dict[str, Any]

_TYPES = ("string", "number", "boolean", "object", "array", "null")
_KEPT = {  # by type; format, pattern and the like are ignored by the service and taken by others
    "object": ("minProperties", "maxProperties"),
    "array": ("minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_IMPLIED = (  # a schema without a type that has such a keyword means this one
    ("object", ("properties", "required", "additionalProperties", "patternProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems", "contains")),
    ("string", ("format", *_KEPT["string"])),
    ("number", _KEPT["number"]),
)
# Models write what they are shown; the service passes descriptions on, but no formats.
_HINTS = {
    "date": "a date such as 2025-03-14",
    "date-time": "a date and time such as 2025-03-14T09:26:53Z",
    "time": "a time such as 09:26:53",
    "duration": "a duration such as P3DT12H",
    "decimal": "a decimal number such as 12.50",
}
# What the service refuses or ignores, and a model reads in words.
_UNSENT = (
    "patternProperties", "propertyNames", "if", "then", "else", "not", "dependentRequired",
    "dependentSchemas", "contains", "minContains", "maxContains",
)  # fmt: skip
_LONGEST_TOLD = 600  # characters of a schema in words
_DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
_NAME = re.compile(r"[^A-Za-z0-9_-]")


def accepted(raw: JSONSchema) -> tuple[dict[str, Any], str]:
    """The schema that is sent for `raw`, and the property that carries the value, "" for an object.

    Lists travel in `items`, everything else that is no object in `value`.
    """
    top = resolved(raw, raw)
    kinds = kinds_of(top)
    is_object = kinds == ["object"] and not {"anyOf", "oneOf", "allOf"} & set(top)
    wrapped = "" if is_object else "items" if kinds == ["array"] else "value"
    rewriter = _Rewriter(raw, {"#", raw.get("$ref")} if is_object else set())
    if is_object:
        made = rewriter.node(top)
    else:
        made = {"type": "object", "properties": {wrapped: rewriter.node(raw)}, "required": [wrapped]}
    return {**made, **({"$defs": rewriter.definitions} if rewriter.definitions else {})}, wrapped


def columns(raw: JSONSchema) -> Columns:
    """The columns of the records in `raw`.

    Of a list of objects; of the only such list in an object; of an object of lists, one for each; of an
    object of records, whose names are a column of their own.
    """
    top = resolved(raw, raw)
    if kinds_of(top) != ["object"]:
        return _of_record(top.get("items", {}), raw, 0)
    named = {name: resolved(part, raw) for name, part in top.get("properties", {}).items()}
    if not named and isinstance(extra := top.get("additionalProperties"), Mapping):
        inner = _of_record(extra, raw, 0)
        return {"key": "string", **inner} if inner and "key" not in inner else {}
    lists = {name: part for name, part in named.items() if kinds_of(part) == ["array"]}
    records = [part for part in lists.values() if _of_record(part.get("items", {}), raw, 0)]
    if len(records) == 1:
        return _of_record(records[0].get("items", {}), raw, 0)
    if lists and len(lists) == len(named) and not records:
        return {name: _column(part.get("items", {}), raw) for name, part in lists.items()}
    return {}


def record_columns(raw: JSONSchema) -> Columns:
    """The columns of one row that fits `raw`, empty where that is no object with known properties."""
    top = resolved(raw, raw)
    return _of_record(top, raw, 0) if kinds_of(top) == ["object"] else {}


def _of_record(schema: Any, root: JSONSchema, depth: int) -> Columns:
    record = resolved(schema, root)
    return {name: _column(part, root, depth + 1) for name, part in record.get("properties", {}).items()}


def has_rows(raw: JSONSchema) -> bool:
    """Whether what fits a schema may be a table: records in a list or by name, or lists for columns."""
    top = resolved(raw, raw)
    kinds = kinds_of(top)
    if kinds == ["array"]:
        return _may_be(top.get("items", {}), raw, "object")
    if kinds == ["object"]:
        if isinstance(extra := top.get("additionalProperties"), Mapping):
            return _may_be(extra, raw, "object") or _may_be(extra, raw, "array")
        parts = list(top.get("properties", {}).values())
        lists = [part for part in parts if _may_be(part, raw, "array")]
        records = [part for part in lists if _may_be(resolved(part, raw).get("items", {}), raw, "object")]
        return not parts or len(records) > 0 or len(lists) == len(parts)
    return not kinds or bool({"object", "array"} & set(kinds))


def _may_be(schema: Any, root: JSONSchema, kind: str) -> bool:
    schema = resolved(schema, root)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return any(_may_be(choice, root, kind) for choice in choices[:20])
    return "enum" not in schema and "const" not in schema and kind in (kinds_of(schema) or [kind])


def is_strict(sent: JSONSchema) -> bool:
    """Whether a schema that is sent qualifies for `strict`: objects with all their properties, no others."""
    objects = [part for part in parts(sent) if part.get("type") == "object"]
    return all(
        part.get("additionalProperties") is False
        and set(part.get("required", ())) == set(part.get("properties", {}))
        for part in objects
    )


def closed(sent: JSONSchema) -> dict[str, Any]:
    """A copy of a schema that is sent, whose objects take no other properties than they name."""
    return dict(_closed(sent))


def _closed(part: Any) -> Any:
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, Mapping):
        return part
    made = {key: value if key == "enum" else _closed(value) for key, value in part.items()}
    if part.get("type") == "object" and isinstance(part.get("properties"), Mapping):
        made.setdefault("additionalProperties", False)
    return made


def name_for(text: str) -> str:
    """A name that the service takes: letters, digits, _ and -, at most 64."""
    return _NAME.sub("_", text)[:64] or "answer"


def parts(schema: Any) -> Iterator[JSONSchema]:
    """A schema and all schemas inside it."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    for key, value in schema.items():
        match value:
            case Mapping() if key in (
                "properties",
                "patternProperties",
                "$defs",
                "definitions",
                "dependentSchemas",
            ):
                for part in value.values():
                    yield from parts(part)
            case Mapping() if key not in ("const", "default", "enum", "examples", "example"):
                yield from parts(value)
            case list() if key in ("anyOf", "oneOf", "allOf", "prefixItems", "items"):
                for part in value:
                    yield from parts(part)


def target(ref: str, root: JSONSchema) -> JSONSchema | None:
    """What a reference inside the document (`#`, `#/$defs/Name`) leads to, None if nothing."""
    found: Any = root
    for step in filter(None, ref[1:].split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        match found:
            case Mapping():
                found = found.get(key)
            case list() if key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            case _:
                return None
    return found if ref.startswith("#") and isinstance(found, Mapping) else None


def resolved(schema: Any, root: JSONSchema) -> JSONSchema:
    """The schema behind a reference, with what stood beside it."""
    seen = set()
    while isinstance(schema, Mapping) and (ref := schema.get("$ref")) and ref not in seen:
        seen.add(ref)
        schema = {**(target(ref, root) or {}), **{key: part for key, part in schema.items() if key != "$ref"}}
    return schema if isinstance(schema, Mapping) else {}


def kinds_of(schema: JSONSchema) -> list[str]:
    """The types a schema allows, as far as it says."""
    match schema.get("type"):
        case str(kind):
            return [kind]
        case list(kinds):
            return kinds
    return next(([kind] for kind, keys in _IMPLIED if any(key in schema for key in keys)), [])


_MOST_NESTED = 6  # records in records whose columns are known


def _column(schema: Any, root: JSONSchema, depth: int = 0) -> Any:
    followed = resolved(schema, root)
    branches = [resolved(part, root) for part in followed.get("anyOf") or followed.get("oneOf") or [followed]]
    branches = [branch for branch in branches if kinds_of(branch) != ["null"]]
    if len(branches) == 1:
        (only,) = branches
        values = [value for value in only.get("enum", ()) if value is not None]
        if values and all(isinstance(value, str) for value in values):
            return values
        if values and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            return values
        kinds = [kind for kind in kinds_of(only) if kind != "null"]
        if depth < _MOST_NESTED and kinds == ["object"] and only.get("properties"):
            return _of_record(only, root, depth)
        if depth < _MOST_NESTED and kinds == ["array"] and isinstance(only.get("items"), Mapping):
            return ("list", _column(only["items"], root, depth + 1))
    found = set(_column_kinds(schema, root, 0)) - {"null"}
    if found == {"integer", "number"}:
        return "number"
    return found.pop() if len(found) == 1 else "object"


def _column_kinds(schema: Any, root: JSONSchema, depth: int) -> Iterator[str]:
    schema = resolved(schema, root)
    choices = schema.get("anyOf") or schema.get("oneOf") or []
    for choice in choices if depth < 5 else ():
        yield from _column_kinds(choice, root, depth + 1)
    if "enum" in schema or "const" in schema:
        yield from (_type_of(value) for value in schema.get("enum", [schema.get("const")]))
    elif not choices:
        yield from (_scalar(kind, schema) for kind in kinds_of(schema) or ["object"])


def _scalar(kind: str, schema: JSONSchema) -> str:
    if kind == "string" and (form := schema.get("format", schema.get("contentEncoding"))):
        return form if form in ("date", "date-time") else "object"
    return "object" if kind == "array" else kind


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


class _Rewriter:
    """Rewrites the parts of one document; what references lead to gathers in `definitions`."""

    def __init__(self, root: JSONSchema, top: set[Any]) -> None:
        self._root = root
        self._top = top  # references to what is sent as the whole
        self._names: dict[str, str] = {}  # reference: name of the definition
        self.definitions: dict[str, Any] = {}

    def node(self, schema: Any) -> dict[str, Any]:
        """One schema in the dialect, with all inside it."""
        if not isinstance(schema, Mapping):
            schema = {}
        if "$ref" in schema:
            ref = schema["$ref"]
            made: dict[str, Any] = {"$ref": "#" if ref in self._top else f"#/$defs/{self._definition(ref)}"}
        elif "allOf" in schema:
            return self.node(self._merged(schema))
        elif choices := schema.get("anyOf") or schema.get("oneOf"):
            around = {
                k: v for k, v in schema.items() if k not in ("anyOf", "oneOf", "description", "default")
            }
            made = _any_of([self.node(part if "$ref" in part else {**around, **part}) for part in choices])
        elif "enum" in schema or "const" in schema:
            made = _enumeration(schema.get("enum", [schema.get("const")]), kinds_of(schema))
        else:
            made = _any_of([self._typed(kind, schema) for kind in kinds_of(schema) or _TYPES])
        return _described(made, schema)

    def _typed(self, kind: str, schema: JSONSchema) -> dict[str, Any]:
        made: dict[str, Any] = {"type": kind}
        match kind:
            case "object":
                made |= self._object(schema)
            case "array":
                made |= self._array(schema)
            case "string" if schema.get("format") == "decimal":
                return made | {"pattern": _DECIMAL}
        return made | {key: schema[key] for key in _KEPT.get(kind, ()) if key in schema}

    def _object(self, schema: JSONSchema) -> dict[str, Any]:
        named = {
            name: self.node(part) for name, part in schema.get("properties", {}).items() if part is not False
        }
        made: dict[str, Any] = {}
        if named:
            made = {"properties": named, "required": [k for k in schema.get("required", ()) if k in named]}
        match schema.get("additionalProperties"):
            case bool(extra) if "patternProperties" not in schema:
                made["additionalProperties"] = extra
            case Mapping() as extra if extra and "patternProperties" not in schema:
                made["additionalProperties"] = self.node(extra)
        if (patterns := schema.get("patternProperties")) and schema.get("additionalProperties") is False:
            made["additionalProperties"] = _any_of([self.node(part) for part in patterns.values()])
        return made

    def _array(self, schema: JSONSchema) -> dict[str, Any]:
        first, rest = schema.get("prefixItems"), schema.get("items")
        if not first:
            return {"items": self.node(rest)} if rest else {}
        made = {"items": _any_of([self.node(part) for part in [*first, *([rest] if rest else [])]])}
        return made | {"minItems": len(first)} | ({} if rest else {"maxItems": len(first)})

    def _definition(self, ref: str) -> str:
        if ref in self._names:
            return self._names[ref]
        name = name_for(ref.rsplit("/", 1)[-1].lstrip("#") or "root")
        while name in self._names.values():
            name += "_"
        self._names[ref] = name
        self.definitions[name] = {}  # keeps its place before what it refers to itself
        self.definitions[name] = self.node(resolved({"$ref": ref}, self._root))
        return name

    def _merged(self, schema: JSONSchema) -> dict[str, Any]:
        """A schema with its `allOf` folded in; of contradicting keywords the last wins."""
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            other = resolved(part, self._root)
            properties = {**merged.get("properties", {}), **other.get("properties", {})}
            required = [*merged.get("required", ()), *other.get("required", ())]
            merged |= other
            merged |= ({"properties": properties} if properties else {}) | (
                {"required": required} if required else {}
            )
        return merged


def _enumeration(values: list[Any], kinds: list[str]) -> dict[str, Any]:
    """Values by type: an enumeration may hold one type only, and of those only strings and numbers."""
    groups: dict[str, list[Any]] = {}
    for value in values:
        kind = _type_of(value)
        kind = "number" if kind == "integer" and "number" in kinds and "integer" not in kinds else kind
        groups.setdefault(kind, []).append(value)
    if len(groups) > 1 and kinds:
        groups = {kind: group for kind, group in groups.items() if kind in kinds} or groups
    listed = ("string", "integer", "number")
    return _any_of([{"type": k} | ({"enum": group} if k in listed else {}) for k, group in groups.items()])


def _any_of(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """One of several, each once and without nesting."""
    flat: list[dict[str, Any]] = []
    for choice in choices:
        inner = choice["anyOf"] if set(choice) == {"anyOf"} else [choice]
        flat += [each for each in inner if each not in flat]
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _described(made: dict[str, Any], schema: JSONSchema) -> dict[str, Any]:
    """With the description, and what of the schema can only be said in words."""
    said = schema.get("description")
    words = [said] if isinstance(said, str) and said else []
    if hint := _HINTS.get(str(schema.get("format"))):
        words.append(f"({hint})" if words else hint)
    if schema.get("contentEncoding") == "base64":
        words.append("(bytes in base64 such as aGVsbG8=)" if words else "bytes in base64 such as aGVsbG8=")
    if unsent := {key: schema[key] for key in _UNSENT if key in schema}:
        told = json.dumps(unsent, ensure_ascii=False)
        if len(told) <= _LONGEST_TOLD:
            words.append(f"It must also be valid for this JSON Schema: {told}")
    if first := schema.get("prefixItems"):
        order = ", ".join(" or ".join(map(str, kinds_of(part))) or "any" for part in first)
        words.append(f"In this order: {order}")
    return {**made, "description": " ".join(words)} if words else made
