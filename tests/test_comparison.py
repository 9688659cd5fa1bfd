"""What differs between two values or replies, and a reply as other front ends show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import kimi_magic
from kimi_magic.comparison import ABSENT, diff
from kimi_magic.conversation import Parsed
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Finished, ReasoningDelta, TextDelta
from tests.turns import Growing

PLANETS = {"items": [{"name": "Mars", "moons": 2}, {"name": "Venus", "moons": 0}]}


def answered(value: Any, *, wrapper: str = "") -> Growing:
    """A reply whose JSON is `value`."""
    reply = Growing(json=True)
    reply.add(ReasoningDelta("Hm."), TextDelta("as written"), Finished("stop"))
    reply.end()
    reply.turn.wrapper = wrapper
    reply.turn.parsed = (Parsed(value, value),)
    return reply


@dataclass
class Town:
    name: str
    people: int


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [("$.a[1].b", 2, 3)]),
        ({"a": 1}, {"b": 1}, [("$.a", 1, ABSENT), ("$.b", ABSENT, 1)]),
        ([1, 2], [1], [("$[1]", 2, ABSENT)]),
        (1, 1.0, []),
        (1, True, [("$", 1, True)]),
        (float("nan"), float("nan"), []),
        ("a\nb\nc", "a\nx\nc", [("$, line 2", "b", "x")]),
        (Town("Turin", 1), Town("Turin", 2), [("$.people", 1, 2)]),
    ],
)
def test_each_place_that_differs_has_its_path_and_both_values(
    first: Any, second: Any, found: list[Any]
) -> None:
    assert [tuple(each) for each in diff(first, second)] == found


def test_replies_are_compared_by_their_data_else_by_their_text() -> None:
    other = {"items": [{"name": "Mars", "moons": 3}, {"name": "Venus", "moons": 0}]}
    found = kimi_magic.diff(answered(PLANETS, wrapper="items"), answered(other, wrapper="items"))
    assert str(found) == "1 difference\n$[0].moons: 2 -> 3"
    assert repr(found) == "<1 difference>"
    assert "<td" in found._repr_html_()
    assert "| $\\$" not in found._repr_markdown_()
    text = Growing()
    text.add(TextDelta("Yes."))
    text.end()
    assert str(diff(text, "Yes.")) == "no differences"


def test_a_table_of_differences_is_data() -> None:
    html = diff({"<b>": "$x$"}, {"<b>": "<script>"})._repr_html_()
    assert "<b>" not in html
    assert "<script>" not in html


def test_a_query_selects_a_part() -> None:
    reply = answered(PLANETS, wrapper="items")
    assert reply.query("items[?moons > `1`].name") == ["Mars"]
    assert reply.query("[?moons > `1`].name") == ["Mars"]
    assert reply.query("nothing") is None


@pytest.mark.parametrize("expression", ["items[", "[?", "abs('x')"])
def test_what_is_no_query_is_told_on_one_line(expression: str) -> None:
    with pytest.raises(KimiUsageError) as raised:
        answered(PLANETS).query(expression)
    assert "\n" not in raised.value.message
    assert expression in raised.value.message


def test_a_query_needs_json() -> None:
    reply = Growing()
    reply.add(TextDelta("Text."))
    reply.end()
    with pytest.raises(KimiUsageError, match="no JSON"):
        reply.query("a")


def test_every_front_end_gets_the_page_and_papers_get_markdown() -> None:
    reply = Growing()
    reply.add(TextDelta("**Yes.** <b>no</b>"), Finished("stop"))
    reply.end()
    assert "<strong>Yes.</strong>" in reply._repr_html_()
    assert reply._repr_markdown_() == "**Yes.** \\<b\\>no\\</b\\>"
    assert reply._mime_() == ("text/html", reply._repr_html_())


def test_tab_offers_what_is_documented() -> None:
    names = dir(Growing())
    assert {"text", "reasoning", "data", "query", "agreement", "usage", "turn"} <= set(names)
    assert not [name for name in names if name.startswith("_")]
    documented = kimi_magic.Reply.__doc__ or ""
    assert [name for name in dir(kimi_magic.Reply(Growing().turn)) if f"`{name}" not in documented] == []
