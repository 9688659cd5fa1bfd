"""Sixty functions as people write them, each with another way to say what it takes; `tool_schemas.json` has
what the model is told of each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict, Union
from uuid import UUID

import msgspec
import pandas as pd
import pydantic

from kimi_magic import tool

SENTINEL = object()


class Unit(Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Place:
    """A place on earth."""

    name: str
    latitude: float = 0.0


@dataclass
class Node:
    value: int
    children: list[Node] = field(default_factory=list)


class Point(NamedTuple):
    x: float
    y: float


class Book(TypedDict):
    title: str
    year: NotRequired[int]


class Order(msgspec.Struct):
    item: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(description="Full name.")
    age: int = pydantic.Field(ge=0)


class Team(pydantic.BaseModel):
    lead: Person
    members: list[Person] = []


class Holder:
    """Holds tools."""

    def method(self, key: str) -> str:
        """Look up a key."""
        return key

    @classmethod
    def of_class(cls, key: str) -> str:
        """Look up a key of the class."""
        return key

    @staticmethod
    def static(key: str) -> str:
        """Look up a key of nothing."""
        return key

    def __call__(self, key: str) -> str:
        """Call the holder."""
        return key


def nothing() -> str:
    """Say nothing."""


def undocumented(x: int): ...


def integer(x: int): ...


def number(x: float): ...


def text(x: str): ...


def boolean(x: bool): ...


def any_value(x: Any): ...


def no_hint(x): ...


def no_hints_but_defaults(n=3, ratio=0.5, name="Ada", flag=True, items=[1, 2]): ...  # noqa: B006


def optional_by_union(x: int | None): ...


def optional_by_typing(x: Optional[int] = None): ...  # noqa: UP045


def optional_by_default(x: int = None): ...  # noqa: RUF013


def union(x: int | str): ...


def typing_union(x: Union[int, list[str]]): ...  # noqa: UP007


def literal(unit: Literal["celsius", "kelvin"] = "celsius"): ...


def mixed_literal(size: Literal["small", 1, 2, None]): ...


def enumeration(unit: Unit): ...


def enumeration_by_default(unit: Unit = Unit.KELVIN): ...


def whole_enumeration(level: Level): ...


def bare_list(x: list): ...


def list_of_texts(x: list[str]): ...


def list_of_lists(x: list[list[float]]): ...


def set_of_numbers(x: set[int]): ...


def sequence(x: Sequence[int]): ...


def pair(x: tuple[int, str]): ...


def many(x: tuple[int, ...]): ...


def bare_dict(x: dict): ...


def dict_of_numbers(x: dict[str, int]): ...


def mapping(x: Mapping[str, list[int]]): ...


def a_date(day: date): ...


def a_moment(at: datetime): ...


def a_time(at: time = time(9, 30)): ...


def a_duration(wait: timedelta): ...


def a_decimal(price: Decimal): ...


def an_uuid(key: UUID): ...


def data(content: bytes): ...


def dataclass_argument(place: Place): ...


def dataclass_by_default(place: Place = Place("Oslo")): ...  # noqa: B008


def dataclasses(places: list[Place], home: Place | None = None): ...


def recursive(node: Node): ...


def named_tuple(point: Point): ...


def typed_dict(book: Book): ...


def struct(order: Order): ...


def model(person: Person): ...


def nested_models(team: Team, note: str = ""): ...


def struct_and_model(order: Order, person: Person): ...


def annotated_text(city: Annotated[str, "The name of a city, in English"]): ...


def annotated_bounds(n: Annotated[int, msgspec.Meta(ge=1, le=10, description="How many")]): ...


def annotated_field(n: Annotated[float, pydantic.Field(gt=0, description="A share")] = 0.5): ...


def variable(*numbers: float): ...


def variable_after(name: str, *tags: str, loud: bool = False): ...


def named_only(*, key: str, other: int = 1): ...


def positional_only(x: int, y: int = 2, /): ...


def more_named(x: int, **options: Any): ...


def strange_defaults(x=SENTINEL, frame: pd.DataFrame = None, call: Callable[[], int] = print): ...


def long_default(text: str = "x" * 500): ...


def not_finite(limit: float = float("inf")): ...


def google(city: str, days: int = 3) -> str:
    """Forecast the weather.

    The forecast is for a city and some days.

    Args:
        city: The city,
            in English.
        days (int): How many days. Defaults to 3.

    Returns:
        The forecast.
    """


def numpy_style(values: list[float], axis=0):
    """Add numbers.

    Parameters
    ----------
    values : list of float
        What to add.
    axis : int, optional
        Along which axis.

    Returns
    -------
    float
        The sum.
    """


def rest_style(city: str):
    """Find a city.

    :param city: its name
    :returns: where it is
    """


def plain_style(city: str):
    """Find the city whose name is given.

    It looks in a table of its own: the name has to be exact.
    """


@tool(name="renamed-tool", safe=True)
def with_a_name(x: int):
    """Take a number."""


async def awaited(x: int):
    """Take a number, later."""


def _base(x: int, y: int = 2):
    """Add two numbers."""


partial = functools.partial(_base, y=5)
holder = Holder()

CASES = [
    nothing, undocumented, integer, number, text, boolean, any_value, no_hint, no_hints_but_defaults,
    optional_by_union, optional_by_typing, optional_by_default, union, typing_union, literal, mixed_literal,
    enumeration, enumeration_by_default, whole_enumeration, bare_list, list_of_texts, list_of_lists,
    set_of_numbers, sequence, pair, many, bare_dict, dict_of_numbers, mapping, a_date, a_moment, a_time,
    a_duration, a_decimal, an_uuid, data, dataclass_argument, dataclass_by_default, dataclasses, recursive,
    named_tuple, typed_dict, struct, model, nested_models, struct_and_model, annotated_text, annotated_bounds,
    annotated_field, variable, variable_after, named_only, positional_only, more_named, strange_defaults,
    long_default, not_finite, google, numpy_style, rest_style, plain_style, with_a_name, awaited, partial,
    holder, holder.method, Holder.of_class, Holder.static, Place,
]  # fmt: skip
