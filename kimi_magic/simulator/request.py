"""Reading a chat request: bytes in, a checked `Request` or a `RefusalError` out.

The order of the checks is the order in which a client sees their errors: syntax, required fields,
model, types and ranges, rules across fields, messages. Nothing here generates anything.
Sources: EvoLink's parameter table (limits), Moonshot's reference and published live answers (texts).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import schema_values, strict_json, tools
from .messages import Message, read_messages
from .profiles import ModelCard, Profile
from .refusals import RefusalError, invalid, unsupported, wrong_type
from .schemas import JsonSchema, SchemaError
from .tools import Tool

MAX_STOPS = 5
MAX_STOP_BYTES = 32  # UTF-8 bytes, so ten Chinese characters and no more
MAX_SINGLE_TEMPERATURE = 0.01  # up to this temperature n must be 1; the vendor says "very close to 0"
_FIXED = {"temperature": 1, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
_MAX_NUMBER = 2**63 - 1  # what fits a 64-bit integer, as in most servers
_SAMPLING = ("temperature", "top_p", "n", "presence_penalty", "frequency_penalty")
_FIELDS = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", *_SAMPLING),
        *("response_format", "stop", "tools", "tool_choice", "thinking"),
        *("prompt_cache_key", "safety_identifier", "user"),
    )
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that passed every check. `cap` is in tokens, reasoning and answer together."""

    card: ModelCard
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    cap: int
    n: int
    stops: tuple[str, ...]
    tools: tuple[Tool, ...]
    tool_choice: str  # auto, none, required, or = and the name of a function
    json_mode: str  # text, json_object or json_schema
    schema: JsonSchema | None
    thinking: bool
    unknown: tuple[str, ...]  # top-level fields that are not read, and those that stand there twice
    body: Mapping[str, Any]


def read_json(body: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Parse a JSON object; also return the top-level names that stand in it twice. Raises `RefusalError`."""
    names: list[str] = []

    def keep_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal names
        names = [name for name, _ in pairs]  # those of the outermost object come last
        return dict(pairs)

    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=keep_names,
            parse_constant=strict_json.refuse_constant,
            parse_float=strict_json.finite,
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is not text
    except (ValueError, RecursionError):
        raise invalid("the request body is not valid JSON") from None
    if not isinstance(value, dict):
        raise invalid(f"the request body must be a JSON object, not {_json_type(value)}")
    if strict_json.is_too_deep(value):
        raise invalid(f"the request body is nested more than {strict_json.MAX_DEPTH} levels deep")
    return value, tuple(sorted(name for name, count in Counter(names).items() if count > 1))


def read_request(body: bytes, profile: Profile, *, accept_images: bool = False) -> Request:
    """Check a chat request completely and return it, or raise `RefusalError`."""
    fields, repeated = read_json(body)
    for name in ("model", "messages"):
        if fields.get(name) is None:
            raise invalid(f"{name} is required")
    for name in profile.refused:
        if fields.get(name) is not None:
            raise unsupported(name)
    card = find_model(fields["model"], profile)
    thinking = _thinking(fields, card)
    messages = _typed(fields, "messages", list, "array")
    if not messages:
        raise invalid("messages must not be empty")
    numbers = _numbers(fields, card, profile, thinking)
    stream = bool(_typed(fields, "stream", bool, "bool"))
    options = _typed(fields, "stream_options", dict, "object") or {}
    include_usage = bool(_typed(options, "include_usage", bool, "bool"))
    for name in ("prompt_cache_key", "safety_identifier"):
        _typed(fields, name, str, "string")
    _effort(fields, card)
    json_mode, schema = _response_format(fields)
    stops = _stops(fields)
    tool_list = _typed(fields, "tools", list, "array") or []
    _check_across(fields, numbers, messages, json_mode)
    functions = tools.read_tools(tool_list)
    choice = tools.read_choice(fields.get("tool_choice"), functions, card, thinking=thinking)
    known = (
        _FIELDS | ({"top_k"} if profile.top_k else set()) | ({"reasoning_effort"} if card.effort else set())
    )
    known |= set() if card.free_sampling else {"logprobs", "top_logprobs"}
    cap = int(numbers["max_completion_tokens"] or numbers["max_tokens"] or card.default_cap)
    largest = card.largest_cap or profile.largest_cap
    if largest and cap > largest:
        raise invalid(f"the cap must be at most {largest}, but got {cap}")
    return Request(
        card=card,
        messages=read_messages(messages, card, profile, thinking=thinking, accept_images=accept_images),
        stream=stream,
        include_usage=include_usage,
        cap=cap,
        n=int(numbers["n"] or 1),
        stops=stops,
        tools=functions,
        tool_choice=choice,
        json_mode=json_mode,
        schema=schema,
        thinking=thinking,
        unknown=tuple(sorted({*(fields.keys() - known), *repeated})),
        body=fields,
    )


def find_model(name: object, profile: Profile) -> ModelCard:
    """Return the card of a model, or refuse: 400 for a non-string, 404 for an unknown one."""
    if not isinstance(name, str):
        raise wrong_type("model", "string", name)
    card = profile.models.get(name)
    if card is None:
        raise RefusalError(404, f"Not found the model {name[:200]} or Permission denied")
    return card


def _typed(fields: Mapping[str, Any], name: str, kind: type, expected: str) -> Any:
    """Return the field or None; an explicit null counts as left out."""
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise wrong_type(name, expected, value)
    return value


def _number(
    fields: Mapping[str, Any], name: str, low: float, high: float = math.inf, *, whole: bool = False
) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or abs(value) > _MAX_NUMBER:
        raise wrong_type(name, "int" if whole else "float", value)
    if value < low or value > high:
        limits = f"at least {low}" if high == math.inf else f"between {low} and {high}"
        raise invalid(f"{name} must be {limits}, but got {str(value)[:40]}")
    return float(value) if isinstance(value, float) else int(value)


def _numbers(
    fields: Mapping[str, Any], card: ModelCard, profile: Profile, thinking: bool
) -> dict[str, float | None]:
    numbers = {
        "max_tokens": _number(fields, "max_tokens", 1, whole=True),
        "max_completion_tokens": _number(fields, "max_completion_tokens", 1, whole=True),
        "temperature": _number(fields, "temperature", 0, profile.max_temperature),
        "top_p": _number(fields, "top_p", 0, 1),
        "n": _number(fields, "n", 1, 5, whole=True),
        "presence_penalty": _number(fields, "presence_penalty", -2, 2),
        "frequency_penalty": _number(fields, "frequency_penalty", -2, 2),
    }
    if profile.top_k:
        numbers["top_k"] = _number(fields, "top_k", 1, whole=True)
    if card.free_sampling:
        return numbers
    for name, allowed in _FIXED.items():
        only = 0.6 if name == "temperature" and not thinking else allowed
        if numbers[name] not in (None, only):
            raise RefusalError(400, f"invalid {name}: only {only} is allowed for this model")
    _check_logprobs(fields)
    return numbers


def _check_logprobs(fields: Mapping[str, Any]) -> None:
    wanted = _typed(fields, "logprobs", bool, "bool")
    if _number(fields, "top_logprobs", 0, 20, whole=True) is not None and not wanted:
        raise invalid("logprobs must be set to true if top_logprobs is used")
    if wanted:
        raise RefusalError(400, "invalid logprobs: only false is allowed for this model")


def _thinking(fields: Mapping[str, Any], card: ModelCard) -> bool:
    value = _typed(fields, "thinking", dict, "object")
    if value is None:
        return True
    kind, keep = value.get("type"), value.get("keep")
    if kind not in ("enabled", "disabled"):
        raise wrong_type("thinking.type", "enabled or disabled", kind)
    if keep not in (None, "all"):
        raise wrong_type("thinking.keep", "null or all", keep)
    if kind == "disabled" and not card.can_stop_thinking:
        raise RefusalError(400, "invalid thinking: only type=enabled is allowed for this model")
    if keep is not None and card.free_sampling:
        raise RefusalError(400, f'thinking.keep is not supported by model "{card.name}"')
    return bool(kind == "enabled")


def _effort(fields: Mapping[str, Any], card: ModelCard) -> None:
    if not card.effort:
        return
    value = _typed(fields, "reasoning_effort", str, "string")
    if value not in (None, *card.effort):
        raise invalid(f"reasoning_effort must be one of {', '.join(card.effort)}")


def _response_format(fields: Mapping[str, Any]) -> tuple[str, JsonSchema | None]:
    value = _typed(fields, "response_format", dict, "object")
    if value is None:
        return "text", None
    kind = value.get("type")
    if kind in ("text", "json_object"):
        return str(kind), None
    if kind != "json_schema":
        raise invalid("response_format.type must be one of text, json_object, json_schema")
    wrapper = value.get("json_schema")
    if not isinstance(wrapper, dict):
        raise wrong_type("response_format.json_schema", "object", wrapper)
    if not isinstance(wrapper.get("name"), str) or not wrapper["name"]:
        raise wrong_type("response_format.json_schema.name", "string", wrapper.get("name"))
    if not isinstance(wrapper.get("strict", True), bool):
        raise wrong_type("response_format.json_schema.strict", "bool", wrapper["strict"])
    document = wrapper.get("schema")
    if not isinstance(document, dict):
        raise wrong_type("response_format.json_schema.schema", "object", document)
    try:
        return "json_schema", schema_values.check(document)
    except SchemaError as problem:
        raise bad_schema(problem) from None


def bad_schema(problem: SchemaError) -> RefusalError:
    """Build the refusal of the schema of an answer."""
    return invalid(
        f"response_format.json_schema is not a valid moonshot flavored json schema, details: <{problem}>"
    )


def _stops(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = fields.get("stop")
    if value is None:
        return ()
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list):
        raise wrong_type("stop", "string or array", value)
    if len(words) > MAX_STOPS:
        raise invalid(
            f"stop array too long. Expected an array with maximum length {MAX_STOPS}, but got {len(words)}"
        )
    for word in words:
        if not isinstance(word, str):
            raise wrong_type("stop", "string", word)
        if not word:
            raise invalid("stop must not contain empty strings")
        if len(word.encode()) > MAX_STOP_BYTES:
            raise invalid(f"stop must contain strings of at most {MAX_STOP_BYTES} bytes")
    return tuple(words)


def _check_across(
    fields: Mapping[str, Any],
    numbers: Mapping[str, float | None],
    messages: list[Any],
    json_mode: str,
) -> None:
    temperature = numbers["temperature"]
    if (numbers["n"] or 1) > 1 and temperature is not None and temperature <= MAX_SINGLE_TEMPERATURE:
        raise invalid("n must be 1 when temperature is close to 0, only one result can be returned")
    last = messages[-1]
    if json_mode == "json_object" and isinstance(last, dict) and last.get("partial"):
        raise invalid("partial mode must not be combined with response_format json_object")


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "an array"
    return "a number"
