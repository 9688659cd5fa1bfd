"""A grid: each prompt with each combination of options, graded and compared."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

import kimi_magic
from kimi_magic import errors
from tests.test_map import Place, serve  # noqa: F401 - a fixture

ANSWER = '{"city": "Rome", "year": 1990}'


def test_each_combination_is_a_row_in_the_order_of_prompts_models_and_values(serve):  # noqa: F811
    echo = serve(lambda prompt: ANSWER)
    found = kimi_magic.grid(
        {"long": "City and year?", "short": "City?"},
        models=["kimi-k2-thinking", "kimi-k2-thinking-turbo"],
        temperature=[0.3, 1.0],
        samples=2,
        schema=Place,
    )
    assert len(found) == len(echo.prompts) == 2 * 2 * 2 * 2
    columns = ["prompt", "model", "temperature", "sample"]
    rows = list(found.frame[columns].itertuples(index=False, name=None))
    assert rows[:5] == [
        ("long", "kimi-k2-thinking", 0.3, 1), ("long", "kimi-k2-thinking", 0.3, 2),
        ("long", "kimi-k2-thinking", 1.0, 1), ("long", "kimi-k2-thinking", 1.0, 2),
        ("long", "kimi-k2-thinking-turbo", 0.3, 1),
    ]  # fmt: skip
    assert list(found.frame["city"]) == ["Rome"] * 16
    assert Counter(echo.prompts) == {"City and year?": 8, "City?": 8}
    again = kimi_magic.grid("City?", models="kimi-k2-thinking", temperature=0.3, samples=3, schema=Place)
    assert len(echo.prompts) == 17
    assert len(again) == 3


def test_graders_make_columns_and_agreement_is_by_field(serve):  # noqa: F811
    years = iter([1990, 1990, 1991, 1990])
    serve(lambda prompt: json.dumps({"city": "Rome", "year": next(years)}))

    def is_right(place: Place) -> bool:
        return place.year == 1990

    def label(place: Place, combination: dict) -> str:
        return f"{place.city} {combination['sample']}"

    found = kimi_magic.grid("City?", samples=4, schema=Place, graders=[is_right, label], concurrency=1)
    assert sum(found.frame["is_right"]) == 3
    assert list(found.frame["label"]) == ["Rome 1", "Rome 2", "Rome 3", "Rome 4"]
    agreement = found.agreement.set_index("field")
    assert agreement.loc["city", "agreement"] == 1.0
    assert agreement.loc["year", "agreement"] == 0.75
    assert agreement.loc["year", "value"] == 1990


def test_a_grid_is_awaited_where_a_loop_runs(serve):  # noqa: F811
    serve(lambda prompt: ANSWER)
    found = asyncio.run(kimi_magic.agrid("City?", temperature=[0.3, 1.0], schema=Place))
    assert list(found.frame["temperature"]) == [0.3, 1.0]
    assert found.data == [Place("Rome", 1990)] * 2


def test_a_combination_that_fails_or_cannot_be_sent_is_a_row_with_an_error(serve):  # noqa: F811
    echo = serve(lambda prompt: ANSWER)
    found = kimi_magic.grid(
        "City?", models=["kimi-k2-thinking", "kimi-k3"], temperature=[0.3], schema=Place, graders=len
    )
    assert list(found.errors) == [1]
    assert "temperature" in found.errors[1].message
    assert len(echo.prompts) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompts": []}, {"prompts": [""]}, {"prompts": 5}, {"models": []}, {"samples": 0},
        {"graders": ["x"]}, {"temperature": []}, {"temperature": [9]}, {"history": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_used_is_told_before_anything_is_sent(serve, wrong):  # noqa: F811
    echo = serve(lambda prompt: ANSWER)
    with pytest.raises(errors.KimiUsageError):
        kimi_magic.grid(**{"prompts": "City?", **wrong})
    assert not echo.prompts


def test_without_a_schema_the_texts_are_compared(serve):  # noqa: F811
    answers = iter(["a", "b", "a"])
    serve(lambda prompt: next(answers))
    found = kimi_magic.grid("Say a letter", samples=3, concurrency=1)
    assert found.agreement["value"][0] == "a"
    assert found.agreement["agreement"][0] == pytest.approx(2 / 3)
