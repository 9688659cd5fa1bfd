"""Tool definitions and `tool_choice`: what a request may offer. `tool_calls` decides on calls.

Sources: EvoLink's parameter table (type, name, description and parameters are required, at most 128),
Moonshot's live answers for names, duplicates and untyped properties.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import schema_values
from .messages import BUILTIN
from .profiles import ModelCard
from .refusals import RefusalError, invalid
from .schemas import JsonSchema, SchemaError

MAX_TOOLS = 128
WEB_SEARCH = "$web_search"  # Moonshot's own tool, which the service runs itself
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True)
class Tool:
    """One function that the model may call; `schema` is made from `parameters`, ready for use."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    schema: JsonSchema


def read_tools(values: list[Any]) -> tuple[Tool, ...]:
    """Check the list of tools. Raises `RefusalError`."""
    if len(values) > MAX_TOOLS:
        raise invalid(
            f"tools array too long. Expected an array with maximum length {MAX_TOOLS}, but got {len(values)}"
        )
    tools: list[Tool] = []
    names: set[str] = set()
    for at, value in enumerate(values):
        tool = _read(value, f"tools[{at}]")
        if tool.name in names:
            raise RefusalError(400, f"function name {tool.name} is duplicated")
        names.add(tool.name)
        tools.append(tool)
    return tuple(tools)


def read_choice(value: Any, tools: tuple[Tool, ...], card: ModelCard, *, thinking: bool) -> str:
    """Check `tool_choice` and return auto, none, required, or the name of a function after an equals sign.

    Thinking models cannot be forced to call a tool, except where the card says so. Raises `RefusalError`.
    """
    match value:
        case None | "auto":
            return "auto"
        case "none":
            return "none"
        case "required":
            if thinking and not card.required_choice:
                raise RefusalError(400, "tool_choice 'required' is incompatible with thinking enabled")
            if not tools:
                raise invalid("tool_choice must not be required without tools")
            return "required"
        case {"type": "function", "function": {"name": str(name)}}:
            if thinking:
                raise RefusalError(400, "tool_choice 'specified' is incompatible with thinking enabled")
            if name not in {tool.name for tool in tools}:
                raise invalid(f"tool_choice names the function {name[:128]}, which is not in tools")
            return f"={name}"
    raise invalid("tool_choice must be one of auto, none, required")


def as_text(tools: tuple[Tool, ...]) -> str:
    """Write the tools as text that is counted as part of the prompt."""
    return "".join(
        f"{tool.name}: {tool.description} {json.dumps(tool.parameters, ensure_ascii=False)}\n"
        for tool in tools
    )


def _read(value: Any, path: str) -> Tool:
    if not isinstance(value, dict):
        raise invalid(f"{path} must be an object")
    if value.get("type") == BUILTIN and value.get("function") == {"name": WEB_SEARCH}:
        anything = {"type": "object", "properties": {}}
        return Tool(WEB_SEARCH, "Search the web", anything, schema_values.check_parameters(anything))
    if value.get("type") != "function":
        raise invalid(f"{path}.type must be function")
    function = value.get("function")
    if not isinstance(function, dict):
        raise invalid(f"{path}.function must be an object")
    name, description = function.get("name"), function.get("description")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(
            "function name is invalid, must start with a letter and can contain letters, numbers, "
            "underscores, and dashes"
        )
    if not isinstance(description, str) or not description:
        raise invalid(f"{path}.function.description must be a non-empty string")
    if not isinstance(function.get("strict", True), bool):
        raise invalid(f"{path}.function.strict must be a boolean")
    parameters = function.get("parameters")
    if not isinstance(parameters, dict):
        raise invalid(f"{path}.function.parameters must be an object")
    try:
        schema = schema_values.check_parameters(parameters)
    except SchemaError as problem:
        raise invalid(
            f"tools.function.parameters is not a valid moonshot flavored json schema, details: <{problem}>"
        ) from None
    return Tool(name, description, parameters, schema)
