"""An example of what fits a schema that is sent: models copy a form better than they follow a description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .service import JSONSchema, resolved

_MOST_DEPTH = 6
_LONGEST = 1_500  # characters; a longer example costs more than it helps
_FORMATS = {
    "date": "2025-03-14",
    "date-time": "2025-03-14T09:26:53Z",
    "time": "09:26:53",
    "duration": "P3DT12H",
    "decimal": "12.50",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "email": "name@example.org",
    "uri": "https://example.org/",
}


def example(sent: JSONSchema) -> str:
    """An example as compact JSON, "" where none can be made or it would be too long."""
    made = _value(sent, sent, 0)
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    return text if isinstance(made, dict) and made and len(text) <= _LONGEST else ""


def _number(schema: JSONSchema) -> Any:
    if "minimum" in schema:
        return schema["minimum"]
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + 1
    return min(1, schema.get("maximum", 1), schema.get("exclusiveMaximum", 2) - 1)


def _value(schema: Any, root: JSONSchema, depth: int) -> Any:
    schema = resolved(schema, root)
    if depth > _MOST_DEPTH:
        return None
    if choices := schema.get("anyOf"):
        return _value(next(iter(choices)), root, depth + 1)
    if values := schema.get("enum"):
        return values[0]
    match schema.get("type"):
        case "object":
            named = schema.get("properties", {})
            if not named and isinstance(extra := schema.get("additionalProperties"), Mapping):
                return {"…": _value(extra, root, depth + 1)}
            return {name: _value(part, root, depth + 1) for name, part in named.items()}
        case "array":
            one = _value(schema.get("items", {}), root, depth + 1)
            return [one] * min(max(1, schema.get("minItems", 1)), 3)
        case "string":
            return _FORMATS.get(str(schema.get("format")), "…")
        case "integer" | "number":
            low = schema.get(
                "minimum", schema.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in schema else 1
            )
            high = schema.get("maximum", schema.get("exclusiveMaximum"))
            return low if high is None or low <= high else high
        case "boolean":
            return True
    return None
