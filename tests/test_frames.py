"""Lists of records to DataFrames of pandas and of polars, with the types of their columns."""

from __future__ import annotations

import enum
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec
import pandas
import polars
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.frames import frame
from kimi_magic.schema import of

Make = Callable[..., Any]


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Person:
    name: str
    age: int | None = None


class Product(msgspec.Struct):
    name: str
    colour: Colour = Colour.RED


class Order(pydantic.BaseModel, extra="allow"):
    day: date
    lines: list[Person] = []


class Point(NamedTuple):
    x: int
    y: float


@dataclass
class Event:
    title: str
    day: date
    when: datetime | None
    price: float
    seats: int
    is_open: bool


def with_pandas(rows: object, **more: Any) -> pandas.DataFrame:
    return frame(rows, modules={"pandas": pandas}, **more)


def with_polars(rows: object, **more: Any) -> polars.DataFrame:
    return frame(rows, modules={"polars": polars}, **more)


def values(table: Any) -> dict[str, list[Any]]:
    """The columns as lists of Python's own values, None where one is missing."""
    if isinstance(table, polars.DataFrame):
        return table.to_dict(as_series=False)
    return {name: [plain(value) for value in table[name]] for name in table}


def plain(value: Any) -> Any:
    if isinstance(value, pandas.Timestamp):
        return value.to_pydatetime()
    if value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if hasattr(value, "item") else value


BOTH = pytest.mark.parametrize("make", [with_pandas, with_polars])


@BOTH
@pytest.mark.parametrize(
    "rows",
    [
        [{"name": "Ada", "age": 36}, {"name": "Bo", "age": None}],
        [Person("Ada", 36), Person("Bo")],
        [{"name": "Ada", "age": 36}, {"name": "Bo"}],
        {"people": [{"name": "Ada", "age": 36}, {"name": "Bo"}], "count": 2},
        ({"name": "Ada", "age": 36}, Person("Bo")),
    ],
)
def test_records_of_any_kind_become_rows(make: Make, rows: object):
    table = make(rows)
    assert values(table) == {"name": ["Ada", "Bo"], "age": [36, None]}
    assert str(table["age"].dtype) == "Int64"


@BOTH
def test_structs_models_and_named_tuples_are_records_too(make: Make):
    assert values(make([Product("x")])) == {"name": ["x"], "colour": ["red"]}
    assert values(make([Point(1, 2.5)])) == {"x": [1], "y": [2.5]}
    table = make([Order(day=date(2025, 1, 1), lines=[Person("Ada")], more=1)])
    assert list(table.columns) == ["day", "lines", "more"]
    assert next(iter(table["lines"]))[0] == Person("Ada")


def test_columns_have_their_types():
    rows = [
        {"b": True, "i": 1, "f": 1.5, "s": "a", "mixed": 1, "number": 1, "none": None, "missing": True},
        {"b": False, "i": 2, "f": None, "s": None, "mixed": "x", "number": 2.5, "none": None},
    ]
    table = with_pandas(rows)
    assert [str(table[name].dtype) for name in ("b", "i", "f", "mixed", "number", "none", "missing")] == [
        *("bool", "int64", "float64", "object", "float64", "object", "boolean")
    ]
    other = with_polars(rows)
    assert other.dtypes == [
        *(polars.Boolean, polars.Int64, polars.Float64, polars.String, polars.Object, polars.Float64),
        *(polars.Null, polars.Boolean),
    ]
    assert values(table) == values(other)


@BOTH
def test_columns_stand_in_the_order_in_which_they_first_appear(make: Make):
    assert list(make([{"z": 1, "a": 2}, {"m": 3, "z": 4}]).columns) == ["z", "a", "m"]


@BOTH
def test_dates_are_real_where_the_schema_says_so(make: Make):
    columns = of(list[Event]).columns
    rows = [
        {"title": "a", "day": "2025-03-14", "when": "2025-03-14T09:26:53Z"},
        {"title": "b", "day": "0044-03-15", "when": None},
    ]
    table = make(rows, columns=columns)
    assert list(table.columns) == ["title", "day", "when", "price", "seats", "is_open"]
    days = [date(2025, 3, 14), date(44, 3, 15)]
    assert [day.date() if isinstance(day, datetime) else day for day in values(table)["day"]] == days
    assert values(table)["when"] == [datetime(2025, 3, 14, 9, 26, 53, tzinfo=UTC), None]
    assert str(make(rows)["day"].dtype) in ("object", "str", "String")


@BOTH
def test_dates_that_are_none_stay_text(make: Make):
    assert values(make([{"day": "soon"}], columns={"day": "date"})) == {"day": ["soon"]}


@BOTH
def test_times_of_several_zones_are_in_utc_and_with_and_without_zone_do_not_mix(make: Make):
    noon = datetime(2025, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    table = make([{"at": noon}, {"at": datetime(2025, 1, 1, 12, tzinfo=UTC)}])
    assert "UTC" in str(table["at"].dtype)
    assert values(table)["at"][0] == noon
    mixed = make([{"at": noon}, {"at": datetime(2025, 1, 1)}])
    assert "bject" in str(mixed["at"].dtype)


@BOTH
def test_an_empty_list_of_a_known_kind_has_its_columns_and_types(make: Make):
    table = make([], columns=of(list[Event]).columns)
    assert table.shape == (0, 6)
    kinds = [str(table[name].dtype) for name in table.columns]
    if make is with_pandas:
        assert kinds[0] in ("str", "object")
        assert kinds[1:] == ["datetime64[ns]", "datetime64[ns]", "float64", "int64", "bool"]
    else:
        assert kinds[:2] == ["String", "Date"]
        assert kinds[2].startswith("Datetime")
        assert kinds[3:] == ["Float64", "Int64", "Boolean"]
    assert make([]).shape == (0, 0)


@BOTH
def test_rows_without_columns_are_no_fault(make: Make):
    assert make([{}, {}]).shape[1] == 0


def test_nested_values_stay_what_they_are():
    rows = [
        {"tags": ["a"], "who": {"a": 1}, "price": Decimal("1.50")},
        {"tags": [], "who": {"b": "x"}, "price": None},
    ]
    table = with_pandas(rows)
    assert values(table) == {
        "tags": [["a"], []],
        "who": [{"a": 1}, {"b": "x"}],
        "price": [Decimal("1.50"), None],
    }
    other = with_polars(rows)
    assert values(other) == values(table)
    assert other["tags"].dtype == polars.List(polars.String)
    assert other["who"].dtype == polars.Object  # a Struct would give each row all keys


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.dates(),
    st.datetimes(),
    st.lists(st.integers(0, 9) | st.text(max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(0, 9) | st.text(max_size=2), max_size=2),
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), CELLS, max_size=3), min_size=1, max_size=4)
SAME = st.sampled_from(
    [
        st.integers(),
        st.booleans(),
        st.text(),
        st.integers(0, 9) | st.none(),
        st.booleans() | st.none(),
        st.text(),
    ]
).flatmap(
    lambda cells: st.lists(st.fixed_dictionaries({"a": cells}, optional={"b": cells}), min_size=1, max_size=4)
)
KINDS = st.dictionaries(
    st.sampled_from("abcd"),
    st.sampled_from(["boolean", "integer", "number", "string", "date", "date-time", "object"]),
)


@BOTH
@settings(deadline=None)
@given(rows=ROWS | SAME, kinds=KINDS)
def test_no_value_is_lost_or_changed(make: Make, rows: list[dict[str, Any]], kinds: dict[str, str]):
    table = make(rows, columns=kinds)
    kept = values(table)
    for name in {name for row in rows for name in row}:
        found = kept[name] if name in kept else together(kept, name)
        assert list(map(seen, found)) == [seen(row.get(name)) for row in rows]


def together(kept: dict[str, list[Any]], name: str) -> list[Any]:
    """The records that became columns, as records."""
    parts = {
        column.removeprefix(f"{name}."): kept[column] for column in kept if column.startswith(f"{name}.")
    }
    rows = [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]
    return [None if set(row.values()) == {None} else row for row in rows]


def seen(value: Any) -> Any:
    """Dates as pandas has them; True is not 1."""
    if type(value) is date:
        value = datetime(value.year, value.month, value.day)
    return (type(value) is bool, value)


def test_the_library_is_the_one_that_is_imported():
    both = {"pandas": pandas, "polars": polars}
    rows = [{"a": 1}]
    assert isinstance(frame(rows, modules={"polars": polars}), polars.DataFrame)
    assert isinstance(frame(rows, modules=both), pandas.DataFrame)
    assert isinstance(frame(rows, modules=both, namespace={"pl": polars}), polars.DataFrame)
    assert isinstance(frame(rows, modules=both, namespace={"pl": polars, "pd": pandas}), pandas.DataFrame)
    assert isinstance(frame(rows, modules={}), pandas.DataFrame)


def test_without_either_library_the_line_says_what_to_install():
    code = (
        "import sys\nsys.modules['pandas'] = sys.modules['polars'] = None\n"
        "from kimi_magic.frames import frame\n"
        "try: frame([{'a': 1}])\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "a DataFrame needs pandas or polars: pip install pandas\n"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("text", "a table needs a list of records, got a string"),
        (None, "a table needs a list of records, got null"),
        ([1, 2], "a table needs a list of records, but [0] is a number"),
        ([{"a": 1}, None], "a table needs a list of records, but [1] is null"),
        ([[1]], "a table needs a list of records, but [0] is a list"),
        ({"a": 1}, "a table needs a list of records, got one object without a list in it"),
        (
            {"a": [{"x": 1}], "b": [{"y": 1}]},
            "a table needs a list of records, got one object with the lists a, b",
        ),
        ({"a": [1], "b": [1, 2]}, "a table needs a list of records, got one object with the lists a, b"),
        (Person("Ada"), "a table needs a list of records, got one object without a list in it"),
        ({"a": [True], "b": 1}, "a table needs a list of records, but [0] is true or false"),
        (Colour.RED, "a table needs a list of records, got something of type Colour"),
    ],
)
def test_what_is_no_list_of_records_is_named(rows: object, found: str):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        with_pandas(rows)
    assert str(caught.value) == found


# ---- what the schema knows ----


@dataclass
class Address:
    city: str
    zip: int | None


@dataclass
class Customer:
    name: str
    size: Literal["small", "large"]
    level: Literal[1, 2, 3]
    colour: Colour | None
    home: Address | None
    tags: list[str]
    score: float | None
    seen: date | None


CUSTOMER_COLUMNS = of(list[Customer]).columns
EMPTY_ROW = dict.fromkeys(CUSTOMER_COLUMNS)


@pytest.mark.parametrize("rows", [[], [EMPTY_ROW], [{}, {}]], ids=["empty", "null", "missing"])
def test_columns_without_a_value_have_the_types_of_the_schema(rows: list[Any]):
    table = with_pandas(rows, columns=CUSTOMER_COLUMNS)
    kinds = {name: str(table[name].dtype) for name in table}
    assert kinds["size"] == kinds["level"] == kinds["colour"] == "category"
    assert list(table["size"].cat.categories) == ["small", "large"]
    assert kinds["name"] in ("str", "object")
    assert kinds["home.zip"] == ("Int64" if rows else "int64")
    assert kinds["score"] == "float64"
    assert kinds["seen"].startswith("datetime64")
    assert list(table.columns)[3:6] == ["colour", "home.city", "home.zip"]
    other = with_polars(rows, columns=CUSTOMER_COLUMNS)
    assert other.schema["size"] == polars.Enum(["small", "large"])
    assert other.schema["home"] == polars.Struct({"city": polars.String, "zip": polars.Int64})
    assert other.schema["tags"] == polars.List(polars.String)
    assert other.schema["level"] == polars.Int64
    assert other.schema["seen"] == polars.Date


def test_records_in_records_are_columns_in_pandas_and_structs_in_polars():
    rows = [
        Customer("Ada", "small", 1, Colour.RED, Address("Turin", 10121), ["a"], 1.5, date(2025, 1, 1)),
        Customer("Bo", "large", 3, None, None, [], None, None),
    ]
    table = with_pandas(rows, columns=CUSTOMER_COLUMNS)
    assert values(table) | {"tags": None} == {
        "name": ["Ada", "Bo"], "size": ["small", "large"], "level": [1, 3], "colour": ["red", None],
        "home.city": ["Turin", None], "home.zip": [10121, None], "tags": None, "score": [1.5, None],
        "seen": [datetime(2025, 1, 1), None],
    }  # fmt: skip
    other = with_polars(rows, columns=CUSTOMER_COLUMNS)
    assert other["home"].to_list() == [{"city": "Turin", "zip": 10121}, None]
    assert other["tags"].to_list() == [["a"], []]
    assert other["colour"].dtype == polars.Enum(["red"])
    loose = [{"who": {"a": 1, "b": {"c": 2}}}, {"who": {"a": 3, "b": {"c": 4}}}]
    assert values(with_pandas(loose)) == {"who.a": [1, 3], "who.b.c": [2, 4]}
    assert with_polars(loose)["who"].dtype == polars.Struct(
        {"a": polars.Int64, "b": polars.Struct({"c": polars.Int64})}
    )


@BOTH
def test_a_record_whose_columns_have_other_names_already_stays_an_object(make: Make):
    table = make([{"a": {"b": 1}, "a.b": 2}])
    assert values(table)["a.b"] == [2]
    assert values(table)["a"] == [{"b": 1}]


@BOTH
def test_lists_for_columns_and_records_by_name_are_tables(make: Make):
    by_column = {"name": ["Ada", "Bo"], "age": [36, None]}
    assert values(make(by_column)) == by_column
    assert values(make({"columns": ["name", "age"], "data": [["Ada", 36], ["Bo", None]]})) == by_column
    assert values(make({"result": {"people": [{"age": 36}], "count": 1}})) == {"age": [36]}
    by_name = {"Ada": {"age": 36}, "Bo": {"age": 7}}
    assert values(make(by_name)) == {"key": ["Ada", "Bo"], "age": [36, 7]}
    assert values(make({"x": {"key": 1}})) == {"key_": ["x"], "key": [1]}
    columns = of(
        {
            "type": "object",
            "additionalProperties": {"type": "object", "properties": {"n": {"type": "integer"}}},
        }
    ).columns
    assert values(make({}, columns=columns)) == {"key": [], "n": []}


def test_the_library_may_be_chosen():
    both = {"pandas": pandas, "polars": polars}
    assert isinstance(frame([{"a": 1}], modules=both, choice="polars"), polars.DataFrame)
    assert isinstance(frame([{"a": 1}], modules=both, choice="pandas"), pandas.DataFrame)
