"""What does not fit, in one form: found by jsonschema, whatever kind of type was asked for.

Only what a JSON Schema cannot say, such as a check that the person wrote, comes from msgspec and pydantic.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kimi_magic.errors import Fault
from kimi_magic.json_text import path

from .lossless import branch_for
from .service import kinds_of, resolved

if TYPE_CHECKING:
    import jsonschema

LONGEST_SHOWN = 60  # characters of a value in a message
MOST_CHOICES = 12  # values of an enumeration that a message names
MOST_COUNTED = 100  # faults; a list of a thousand wrong rows needs no exact number
MOST_TOLD = 10  # faults that are told one by one

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
_ONE = {"characters": "character", "items": "item", "properties": "property"}


class SchemaFault(ValueError):  # noqa: N818
    """A value does not fit; as one line: `$.items[3].price: expected number, got null (and 2 more)`.

    `path` is where, in the JSON as the model wrote it, and `value` what stands there. `expected` and `got`
    are in the words of JSON; both are empty where a check that the person wrote failed, and the line ends in
    its message. `faults` are all that were found, at most 10; `more` counts those beyond the first.
    `whole` is the JSON that was checked, as far as who raises it knows.
    """

    def __init__(self, mismatches: Sequence[Mismatch], around: Steps = ()) -> None:
        first = mismatches[0]
        self.path = path(around + first.steps)
        self.value = first.value
        self.whole: Any = None
        self.expected = first.expected
        self.got = first.got
        self.more = len(mismatches) - 1
        self.faults = tuple(
            Fault(path(around + each.steps), each.value, each.text) for each in mismatches[:MOST_TOLD]
        )
        super().__init__(f"{self.path}: {first.text}" + (f" (and {self.more} more)" if self.more else ""))


class Mismatch(NamedTuple):
    """One fault on its way to a `SchemaFault`; `message` stands for both words where it is set."""

    steps: Steps
    expected: str
    got: str
    message: str = ""
    value: Any = None

    @property
    def text(self) -> str:
        """What is wrong, without the place."""
        return self.message or f"expected {self.expected}, got {self.got}"


def own(error: Exception, value: Any) -> Mismatch:
    """What the person's own code raised while the object was built."""
    message = " ".join(str(error).split()) or "refused"
    kind = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
    return Mismatch((), "", "", kind + message, value)


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


def by_jsonschema(validator: Any, value: Any, root: Mapping[str, Any]) -> list[Mismatch]:
    """What jsonschema finds in a value, at most 100 faults, each place once.

    Decimal numbers that are JSON numbers are none: both libraries take them.
    """
    found: dict[Steps, Mismatch] = {}
    try:
        for error in islice(validator.iter_errors(value), MOST_COUNTED):
            for each in _mismatches(error, root):
                found.setdefault(each.steps, each)
    except RecursionError:
        return [Mismatch((), "", "", "nested too deeply", value)]
    return list(found.values())


def _mismatches(  # noqa: PLR0912 - one case for each keyword of JSON Schema
    error: jsonschema.ValidationError, root: Mapping[str, Any]
) -> Iterator[Mismatch]:
    """The faults of one error in our words; of alternatives those of the branch that was meant."""
    steps, value, wanted = tuple(error.absolute_path), error.instance, error.validator_value
    match error.validator:
        case "format":
            if wanted != "decimal" or isinstance(value, str | bool | None):
                yield Mismatch(steps, f"a valid {wanted}", shown(value), value=value)
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            if error.schema.get("format") != "decimal" or isinstance(value, bool | str | list | dict | None):
                yield Mismatch(steps, _either(kinds), shown(value), value=value)
        case "required":
            for name in wanted:
                if name not in value:
                    yield Mismatch((*steps, name), "a value", "nothing")
        case "enum" | "const" as kind:
            choices = [shown(choice) for choice in ([wanted] if kind == "const" else wanted)]
            more = ["…"] if len(choices) > MOST_CHOICES else []
            yield Mismatch(steps, _either(choices[:MOST_CHOICES] + more), shown(value), value=value)
        case "anyOf" | "oneOf" if error.context:
            yield from _of_branches(error, root)
        case "allOf" | "if" | "$ref" if error.context:
            for part in error.context:
                yield from _mismatches(part, root)
        case "additionalProperties" | "unevaluatedProperties" if isinstance(value, dict):
            named = error.schema.get("properties", {})
            for name in [name for name in value if name not in named]:
                yield Mismatch((*steps, name), "no such property", shown(value[name]), value=value[name])
        case "dependentRequired" if isinstance(value, dict):
            for name in (name for key, names in wanted.items() if key in value for name in names):
                if name not in value:
                    yield Mismatch((*steps, name), "a value", "nothing")
        case str(kind) if kind in _BOUNDS:
            got = str(len(value)) if isinstance(value, list | dict) else shown(value)
            expected = _BOUNDS[kind].format(wanted)
            if wanted == 1:
                expected = " ".join(_ONE.get(word, word) for word in expected.split())
            yield Mismatch(steps, expected, got, value=value)
        case _:
            yield Mismatch(steps, "", "", " ".join(error.message.split())[:200], value)


def _of_branches(error: jsonschema.ValidationError, root: Mapping[str, Any]) -> Iterator[Mismatch]:
    """Of alternatives none fits: the faults of the one that was meant, or all types that would do."""
    steps, value = tuple(error.absolute_path), error.instance
    branches = [resolved(branch, root) for branch in error.validator_value]
    near = [branch for branch in branches if _is_near(branch, value)]
    if near:
        meant = branch_for(value, near, root)
        number = next(at for at, branch in enumerate(branches) if branch is meant)
        inner = [part for part in error.context if part.relative_schema_path[0] == number]
        name = _name(error.validator_value[number], meant) if len(near) > 1 else ""
        for part in inner:
            for each in _mismatches(part, root):
                yield each._replace(message=f"{each.text} (as {name})") if name else each
        if inner:
            return
    parts = [each for part in error.context for each in _mismatches(part, root)]
    yield Mismatch(
        steps, _either([each.expected for each in parts if each.expected]), shown(value), value=value
    )


def _is_near(branch: Mapping[str, Any], value: Any) -> bool:
    """Whether a branch takes the type of a container, so that the fault is inside of it."""
    kinds = kinds_of(branch)
    return (isinstance(value, dict) and "object" in kinds) or (isinstance(value, list) and "array" in kinds)


def _name(branch: Any, meant: Mapping[str, Any]) -> str:
    ref = branch.get("$ref", "") if isinstance(branch, Mapping) else ""
    return str(ref.rsplit("/", 1)[-1] or meant.get("title", ""))


# ---- msgspec and pydantic: what a JSON Schema cannot say ----


def by_msgspec(message: str, value: Any) -> Mismatch:
    """A fault that only msgspec finds, such as a key that is no number, in its own words."""
    problem, _, place = " ".join(message.replace("`", "").split()).rpartition(" - at ")
    if not problem:
        problem, place = place, "$"
    if place.startswith("key in "):
        problem, place = f"a key: {problem[:1].lower()}{problem[1:]}", place.removeprefix("key in ")
    steps = _followed(place.removeprefix("$"), value)
    return Mismatch(steps, "", "", problem, _part(value, steps))


def _followed(place: str, value: Any) -> Steps:
    """The steps that a path such as `.items[3].a b` leads through a value, as far as it can be followed."""
    steps: list[str | int] = []
    while place:
        step: str | int | None = None
        match value:
            case dict() if place.startswith("."):
                keys = [key for key in value if place[1:].startswith(key)]
                step = max(keys, key=len, default=None)
                place = place[1 + len(step or "") :]
            case list() if place.startswith("["):
                index, _, place = place[1:].partition("]")
                step = int(index) if index.isdigit() and int(index) < len(value) else None
        if step is None:
            break
        steps.append(step)
        value = value[step]
    return tuple(steps)


def by_pydantic(errors: Sequence[Mapping[str, Any]], value: Any, known: Sequence[Mismatch]) -> list[Mismatch]:
    """The faults of pydantic's `errors()` about `value`.

    `known` is what jsonschema says of the same value. It is preferred where both speak of the same place, and
    left out where pydantic has no fault: it takes `1` for true.
    """
    places = [_real(error["loc"], value) for error in errors]
    same = [each for each in known if any(_related(each.steps, steps) for steps in places)]
    more = []
    for error, steps in zip(errors, places, strict=True):
        if any(_related(each.steps, steps) for each in same):
            continue
        message = " ".join(error["msg"].split())
        if error["type"] in ("value_error", "assertion_error"):
            message = message.split(", ", 1)[-1]
        more.append(Mismatch(steps, "", "", message, _part(value, steps)))
    return [*same, *more]


def _related(steps: Steps, other: Steps) -> bool:
    shorter = min(len(steps), len(other))
    return steps[:shorter] == other[:shorter]


def _real(loc: Sequence[str | int], value: Any) -> Steps:
    """Of the steps pydantic names those that are in the value; the others name branches of a union."""
    steps: list[str | int] = []
    for step in loc:
        if _has(value, step):
            value = value[step]
            steps.append(step)
    return tuple(steps)


def _part(value: Any, steps: Steps) -> Any:
    for step in steps:
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


def _either(words: Sequence[str]) -> str:
    """`integer or null`, each once."""
    return " or ".join(dict.fromkeys(words))
