"""JSON answers: right and wrong values beside other readers, and what reading and showing costs.

Run with `python -m pytest tests/benchmarks/test_json.py -m benchmark -s`; the extra `benchmark` is needed.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import msgspec
import pydantic
import pytest

from kimi_magic import json_text, schema
from kimi_magic.schema.short import kind_of
from kimi_magic.schema.spec import _evaluated
from kimi_magic.view import static, tree
from tests.json_cases import CASES, REFUSED, Case

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


@dataclass
class City:
    id: int
    name: str
    people: int
    river: str
    twins: list[str]


SIZES = {"5 kB": 45, "500 kB": 4_700, "5 MB": 46_000}


def answer(count: int) -> str:
    row = {"name": "Turin", "people": 846_000, "river": "Po", "twins": ["Cologne", "Lille"]}
    return json.dumps([{"id": number, **row} for number in range(count)])


def seconds(job: Callable[[], Any], *, times: int = 3) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        job()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


# ---- which values come out ----


def plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: plain(part) for key, part in value.items()}
        case list() | tuple():
            return [plain(part) for part in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def ours(case: Case) -> Any:
    wanted = schema.of(case.schema) if case.schema else None
    return plain(schema.read(case.text, wanted, finish_reason=case.finish).data)


def checked(case: Case, value: Any) -> Any:
    """A value as pydantic takes it for the fields of a case."""
    from pydantic import TypeAdapter

    if not case.schema:
        return value
    text = case.schema
    kind = list[int] if text == "list[int]" else kind_of(text, lambda name: _evaluated(name, {}))
    return plain(TypeAdapter(kind).validate_json(json.dumps(value)))


def by_json_repair(case: Case) -> Any:
    import json_repair

    value = json_repair.loads(case.text)
    if value == "":
        raise ValueError("nothing was found")
    return checked(case, value)


def by_instructor(case: Case) -> Any:
    from instructor.utils import extract_json_from_codeblock

    return checked(case, json.loads(extract_json_from_codeblock(case.text), strict=False))


def by_json(case: Case) -> Any:
    return checked(case, json.loads(case.text))


READERS = {"kimi_magic": ours, "json_repair": by_json_repair, "instructor": by_instructor, "json": by_json}


def outcome(reader: Callable[[Case], Any], case: Case) -> str:
    try:
        value = reader(case)
    except (ValueError, RecursionError):  # also pydantic's own
        value = REFUSED
    if repr(value) == repr(case.value) or repr(value) in map(repr, case.also):
        return "right"
    return "needless refusal" if value == REFUSED else "wrong value"


@pytest.mark.filterwarnings("ignore")
def test_values_beside_other_readers(capsys: pytest.CaptureFixture[str]):
    lines = [f"{'':12}{'right':>8}{'wrong value':>14}{'needless refusal':>19}"]
    for name, reader in READERS.items():
        if name in ("json_repair", "instructor"):
            pytest.importorskip(name)
        counts = Counter(outcome(reader, case) for case in CASES)
        lines.append(f"{name:12}{counts['right']:8}{counts['wrong value']:14}{counts['needless refusal']:19}")
    with capsys.disabled():
        print(f"\n{len(CASES)} answers\n" + "\n".join(lines))


# ---- what it costs ----


@pytest.mark.parametrize("size", SIZES)
def test_seconds_and_bytes(size: str, capsys: pytest.CaptureFixture[str]):
    text = answer(SIZES[size])
    value = json.loads(text)
    wanted: schema.Schema[Any] = schema.of(list[City])
    strict = seconds(lambda: json.loads(text))
    rows = {
        "json.loads": strict,
        "read": seconds(lambda: json_text.read(text)),
        "read, in a fence": seconds(lambda: json_text.read(f"Here:\n```json\n{text}\n```\n")),
        "read, with a slip": seconds(lambda: json_text.read(text[:-1] + ",]"), times=1),
        "read as list[City]": seconds(lambda: schema.read(text, wanted)),
        "tree": seconds(lambda: tree.of_value(value)),
    }
    bundle = {
        name: len(json.dumps(part, ensure_ascii=False).encode())
        for name, part in {"text/html": tree.of_value(value), "text/plain": static.plain_json(value)}.items()
    }
    with capsys.disabled():
        print(f"\n{size} ({len(text):,} characters)")
        for name, took in rows.items():
            print(f"  {name:20}{1000 * took:10.2f} ms{took / strict:8.1f} times json.loads")
        total = sum(bundle.values())
        print(f"  saved: {total:,} bytes, {total / len(text):.2f} times the text: {bundle}")


HOSTILE = [
    *('{"a', "[x", '["[', '{"a":"[1,{', "```\n", '{"a":1} x ', "[“a]", "[/*", '{"a":1,}', "{{", "[1, ", "} "),
]


def test_hostile_text_costs_as_much_as_it_is_long(capsys: pytest.CaptureFixture[str]):
    def took(unit: str, count: int) -> float:
        def job() -> None:
            with contextlib.suppress(json_text.JSONFault):
                json_text.read(unit * count)

        return seconds(job, times=1)

    worst = max(took(unit, 40_000) / max(took(unit, 10_000), 1e-3) for unit in HOSTILE)
    with capsys.disabled():
        print(f"\nfour times as much hostile text takes at most {worst:.1f} times as long")


# ---- what each kind of type can do ----

AGE = Annotated[int, pydantic.Field(ge=0, description="in years")]
Item = TypeVar("Item")


@dataclass
class InClass:
    größe: int
    age: AGE
    price: Decimal
    born: date
    size: Literal["small", "large", "medium"]


class InDict(TypedDict):
    größe: int
    age: AGE
    price: Decimal
    born: date
    size: Literal["small", "large", "medium"]


class InGeneric(TypedDict, Generic[Item]):
    größe: int
    age: AGE
    price: Decimal
    born: date
    size: Item


class InStruct(msgspec.Struct):
    größe: int
    age: AGE
    price: Decimal
    born: date
    size: Literal["small", "large", "medium"]


class InTuple(NamedTuple):
    größe: int
    age: AGE
    price: Decimal
    born: date
    size: Literal["small", "large", "medium"]


class InModel(pydantic.BaseModel):
    größe: int
    age: AGE
    price: Decimal
    born: date
    size: Literal["small", "large", "medium"]


NAMES = {"AGE": AGE}
KINDS: dict[str, Any] = {
    "dataclass": InClass,
    "TypedDict": InDict,
    "TypedDict, generic": InGeneric[Literal["small", "large", "medium"]],
    "msgspec Struct": InStruct,
    "NamedTuple": InTuple,
    "pydantic model": InModel,
    "pydantic adapter": pydantic.TypeAdapter(InModel),
    "JSON Schema": {
        "type": "object",
        "properties": {
            "größe": {"type": "integer"},
            "age": {"type": "integer", "minimum": 0, "description": "in years"},
            "price": {"type": "number"},
            "born": {"type": "string", "format": "date"},
            "size": {"enum": ["small", "large", "medium"]},
        },
        "required": ["größe", "age", "price", "born", "size"],
    },
    "short form": "größe int, age AGE, price Decimal, born date, size Literal['small', 'large', 'medium']",
}
GOOD = '{"größe": 3, "age": 36, "price": 12.50, "born": "2025-03-14", "size": "small"}'


def part(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) else getattr(value, name)


def can(wanted: schema.Schema[Any], what: str) -> bool:
    """Whether a kind of type has one of the abilities of the table."""

    def built(change: str = "", to: str = "") -> Any:
        return schema.read(GOOD.replace(change, to) if change else GOOD, wanted).data

    def faults(change: str, to: str) -> tuple[Any, ...]:
        try:
            built(change, to)
        except schema.SchemaFault as fault:
            return fault.faults
        return ()

    sent = json.dumps(wanted.json_schema, ensure_ascii=False)
    match what:
        case "names":
            return part(built(), "größe") == 3
        case "bounds sent":
            return '"minimum": 0' in sent and "in years" in sent
        case "bounds checked":
            return [each.path for each in faults("36", "-1")] == ["$.age"]
        case "order":
            return '["small", "large", "medium"]' in sent
        case "whole float":
            return repr(part(built("36", "36.0"), "age")) == "36"
        case "in quotes":
            return part(built("36", '"36"'), "age") == 36
        case "midnight":
            return str(part(built("03-14", "03-14T00:00:00Z"), "born")) == "2025-03-14"
        case "digits":
            return str(part(built(), "price")) == "12.50"
        case "all faults":
            return len(faults('36, "price": 12.50', '"x", "price": [1]')) == 2
    return False


ABILITIES = (
    *("names", "bounds sent", "bounds checked", "order", "whole float", "in quotes", "midnight", "digits"),
    "all faults",
)


def test_kinds_of_types(capsys: pytest.CaptureFixture[str]):
    lines = [f"{'':20}" + "".join(f"{each:>16}" for each in ABILITIES)]
    for name, spec in KINDS.items():
        wanted: schema.Schema[Any] = schema.of(spec, NAMES)
        lines.append(
            f"{name:20}" + "".join(f"{'yes' if can(wanted, each) else '–':>16}" for each in ABILITIES)
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))
