"""What does not fit, in one form, whoever found it: msgspec, pydantic or jsonschema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kimi_magic.json_text import path

if TYPE_CHECKING:
    import jsonschema

LONGEST_SHOWN = 60  # characters of a value in a message
MOST_CHOICES = 12  # values of an enumeration that a message names
MOST_COUNTED = 100  # faults; a list of a thousand wrong rows needs no exact number

Steps = tuple[str | int, ...]

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} properties",
    "maxProperties": "at most {} properties",
    "pattern": "text that matches {}",
}
_WORDS = {  # of msgspec and pydantic: of JSON Schema
    "int": "integer",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "set": "array",
    "dictionary": "object",
}
_MSGSPEC_PATH = re.compile(r" - at (`key` in )?`(\$[^`]*)`$")
_MSGSPEC_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")
_MSGSPEC_TYPE = re.compile(r"Expected `([^`]+)`, got `[^`]+`")
_MSGSPEC_MISSING = re.compile(r"Object missing required field `(.+)`")
_MSGSPEC_INVALID = re.compile(r"Invalid (?:RFC3339 encoded |ISO8601 )?(.+)")
_PYDANTIC_INPUT = re.compile(
    r"(?:Input should be (?:an? )?(?:valid )?|\w+ should have )([^,]+?)(?: or instance of .*)?(?:,.*)?"
)


class SchemaFault(ValueError):  # noqa: N818
    """A value does not fit; as one line: `$.items[3].price: expected number, got null (and 2 more)`.

    `path` is where, in the JSON as the model wrote it. `expected` and `got` are in the words of JSON; both
    are empty where a check that the person wrote failed, and the line ends in its message. `more` counts the
    further faults, as far as they are known.
    """

    def __init__(self, path: str, expected: str, got: str, *, more: int = 0, message: str = "") -> None:
        problem = message or f"expected {expected}, got {got}"
        super().__init__(f"{path}: {problem}" + (f" (and {more} more)" if more else ""))
        self.path = path
        self.expected = expected
        self.got = got
        self.more = more


class Mismatch(NamedTuple):
    """One fault on its way to a `SchemaFault`; `message` stands for both words where it is set."""

    steps: Steps
    expected: str
    got: str
    message: str = ""


def fault(mismatches: Sequence[Mismatch], around: Steps) -> SchemaFault:
    """The first of the faults, counting the others; `around` leads to the value that was checked."""
    first = mismatches[0]
    return SchemaFault(
        path(around + first.steps),
        first.expected,
        first.got,
        more=len({each.steps for each in mismatches} - {first.steps}),
        message=first.message,
    )


def own(error: Exception, around: Steps) -> SchemaFault:
    """What the person's own code raised while the object was built."""
    message = " ".join(str(error).split()) or "refused"
    kind = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
    return SchemaFault(path(around), "", "", message=kind + message)


def shown(value: Any) -> str:
    """A value in a message: JSON, shortened; of containers only what they are."""
    match value:
        case dict():
            return "object"
        case list():
            return "array"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 2] + "…" + text[-1]


# ---- jsonschema ----


def by_jsonschema(error: jsonschema.ValidationError) -> Mismatch:
    """The fault in our words; of alternatives the one that came furthest."""
    steps, value, wanted = tuple(error.absolute_path), error.instance, error.validator_value
    match error.validator:
        case "format":
            return Mismatch(steps, f"a valid {wanted}", shown(value))
        case "type":
            return Mismatch(steps, _either([wanted] if isinstance(wanted, str) else wanted), shown(value))
        case "required":
            missing = [name for name in wanted if error.message.startswith(repr(name))]
            return Mismatch((*steps, *missing[:1]), "a value", "nothing")
        case "enum" | "const" as kind:
            choices = [shown(choice) for choice in ([wanted] if kind == "const" else wanted)]
            more = ["…"] if len(choices) > MOST_CHOICES else []
            return Mismatch(steps, _either(choices[:MOST_CHOICES] + more), shown(value))
        case "anyOf" | "oneOf" if error.context:
            parts = [by_jsonschema(part) for part in error.context]
            furthest = max(len(part.steps) for part in parts)
            if furthest > len(steps):
                return next(part for part in parts if len(part.steps) == furthest)
            return Mismatch(steps, _either([part.expected for part in parts]), shown(value))
        case "additionalProperties" | "unevaluatedProperties":
            extra = [name for name in value if name not in error.schema.get("properties", {})]
            return Mismatch((*steps, *extra[:1]), "no such property", shown(value[extra[0]]))
        case str(kind) if kind in _BOUNDS:
            got = str(len(value)) if isinstance(value, list | dict) else shown(value)
            return Mismatch(steps, _BOUNDS[kind].format(wanted), got)
    return Mismatch(steps, "", "", error.message[:200])


# ---- msgspec ----


def by_msgspec(message: str, value: Any, known: Sequence[Mismatch]) -> list[Mismatch]:
    """The fault of a message of msgspec about `value`.

    `known` is what jsonschema says of the same value. It is preferred where it speaks of the same place: it
    names what a dict holds, which msgspec writes as `[...]`, and it finds all faults, not only the first.
    """
    message = " ".join(message.split())
    place = _MSGSPEC_PATH.search(message)
    steps = _msgspec_steps(place[2]) if place else ()
    problem = message[: place.start()] if place else message
    same = [each for each in known if _leads(steps, each)]
    if same:
        return [same[0], *known]
    steps = steps[: steps.index("...")] if "..." in steps else steps
    if place and place[1]:
        wanted = _MSGSPEC_TYPE.fullmatch(problem)
        return [Mismatch(steps, "", "", f"a key is no {_either([wanted[1]])}" if wanted else problem)]
    got = shown(_part(value, steps))
    if missing := _MSGSPEC_MISSING.fullmatch(problem):
        return [Mismatch((*steps, missing[1]), "a value", "nothing")]
    if kind := _MSGSPEC_TYPE.fullmatch(problem):
        return [Mismatch(steps, _either(kind[1].split(" | ")), got)]
    if kind := _MSGSPEC_INVALID.fullmatch(problem):
        return [Mismatch(steps, f"a valid {kind[1]}", got)]
    return [Mismatch(steps, "", "", problem)]


def _msgspec_steps(written: str) -> Steps:
    """`$.a[3][...]` as steps; "..." for a key that msgspec does not name."""
    return tuple(int(at) if at else name or dots for name, at, dots in _MSGSPEC_STEP.findall(written))


def _leads(steps: Steps, to: Mismatch) -> bool:
    same = all(a in (b, "...") for a, b in zip(steps, to.steps, strict=False))
    return same and len(to.steps) - len(steps) in (0, 1 if to.got == "nothing" else 0)


def _part(value: Any, steps: Steps) -> Any:
    """What `steps` lead to in a value, as far as they can be followed."""
    for step in steps:
        if not _has(value, step):
            return value
        value = value[step]
    return value


def _has(value: Any, step: str | int) -> bool:
    """Whether a step leads on from a value."""
    match value:
        case dict():
            return step in value
        case list():
            return isinstance(step, int) and step < len(value)
    return False


# ---- pydantic ----


def by_pydantic(errors: Sequence[Mapping[str, Any]], value: Any) -> list[Mismatch]:
    """The faults of pydantic's `errors()`; `value` is what was validated.

    Of a union pydantic names the faults of all branches: those at one place become one, and the branch that
    came further counts.
    """
    places: dict[Steps, list[Mismatch]] = {}
    for each in (_by_pydantic(error, value) for error in errors):
        places.setdefault(each.steps, []).append(each)
    return [
        found[0]._replace(expected=_either([each.expected for each in found if each.expected]))
        for steps, found in places.items()
        if not any(len(other) > len(steps) and other[: len(steps)] == steps for other in places)
    ]


def _by_pydantic(error: Mapping[str, Any], value: Any) -> Mismatch:
    kind, message = error["type"], " ".join(error["msg"].split())
    steps = _real(error["loc"], value)
    if kind == "missing":
        return Mismatch((*steps, error["loc"][-1]), "a value", "nothing")
    if kind == "extra_forbidden":
        return Mismatch(steps, "no such property", shown(error["input"]))
    if kind in ("value_error", "assertion_error"):
        return Mismatch(steps, "", "", message.split(", ", 1)[-1])
    got = shown(_part(value, steps))
    if kind in ("enum", "literal_error"):
        return Mismatch(steps, error["ctx"]["expected"].replace("'", '"'), got)
    if wanted := _PYDANTIC_INPUT.fullmatch(message):
        return Mismatch(steps, _either([wanted[1]]), got)
    return Mismatch(steps, "", "", message)


def _real(loc: Sequence[str | int], value: Any) -> Steps:
    """Of the steps pydantic names those that are in the value; the others name branches of a union."""
    steps: list[str | int] = []
    for step in loc:
        if _has(value, step):
            value = value[step]
            steps.append(step)
    return tuple(steps)


def _either(words: Sequence[str]) -> str:
    """`integer or null`, each once, in the words of JSON Schema."""
    return " or ".join(dict.fromkeys(_WORDS.get(word, word) for word in words))
