"""JSON on screen: rows while it grows, a tree and a table at the end; whatever stands in it stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pandas
import polars
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kimi_magic.json_text import read
from kimi_magic.markdown import hidden
from kimi_magic.messages import Finished, ReasoningDelta, TextDelta
from kimi_magic.view import table, tree, words

from .test_markdown import ALLOWED, HOSTILE, Page, unsafe
from .test_static import CONTROLS, grown, shown

STYLE = r"[\w:.,;%()\- ]*"
TREE = {
    **ALLOWED,
    "details": {
        "style": STYLE,
        "open": "",
        "class": "kimi-(reasoning( kimi-to-call)?|call|cut|table)",
    },
    "summary": {"style": STYLE},
    "div": {"class": r"[\w -]+", "role": "status", "style": STYLE, "title": r"[\w .,·$≈()-]+"},
    "h4": {},
    "b": {},
    "span": {"style": STYLE},
    "pre": {"style": STYLE},
    "table": {"style": STYLE},
    "td": {"style": STYLE},
}
MATHS = ["$x$ and $y$", "$$x$$", r"\(x\)", r"\[x\]", r"\begin{a}x\end{a}"]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
# Text that is nearly JSON: what a model may write, and what is left where an answer was cut.
PIECES = st.sampled_from(
    [
        *"{}[],:\"'\\\n \r\x00\u2028\ud83dé月",
        *(
            "\\u",
            "\\ud83d",
            "\\ude00",
            "d83d",
            "```json\n",
            "```",
            "//",
            "/*",
            "*/",
            "true",
            "null",
            "-1.5e",
            "NaN",
        ),
        *('{"a": ', '"b", ', "\x1b[2J", "<b>", "&amp;", "$x$", "Here: ", *HOSTILE[:4]),
    ]
)
INDENTED = VALUES.map(lambda value: json.dumps(value, ensure_ascii=False, indent=2))
NEARLY = st.lists(PIECES, max_size=40).map("".join) | st.text() | VALUES.map(json.dumps) | INDENTED


def cut(text: str, sizes: list[int]) -> Iterator[str]:
    at = 0
    for size in sizes:
        yield text[at : at + size]
        at += size
    yield text[at:]


def texts(html: str) -> str:
    return Page(html).text


def scalars(value: Any) -> Iterator[str]:
    """Every key and scalar of a value, as a page shows it."""
    match value:
        case dict():
            for key, inner in value.items():
                yield words.on_one_line(key)
                yield from scalars(inner)
        case list():
            for inner in value:
                yield from scalars(inner)
        case str():
            yield f"“{words.printable(value)}”"
        case _:
            yield json.dumps(value)


# ---- rows while it grows ----


@settings(max_examples=300, deadline=None)
@given(NEARLY, st.lists(st.integers(0, 7), max_size=30))
@example('{"a": "\\ud83d\\ude00", "b": [1, 2', [8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
def test_however_any_text_is_cut_the_rows_are_the_same_and_nothing_comes_to_life(
    text: str, sizes: list[int]
) -> None:
    rows, said = tree.Rows(), ""
    for part in cut(text, sizes):
        said += rows.add(part)
        assert unsafe(rows.tail(), TREE) == []
    whole = tree.Rows()
    assert said == whole.add(text)
    assert rows.tail() == whole.tail()
    assert unsafe(said, TREE) == []
    assert not CONTROL.search(said + rows.tail())
    assert Page(said).formulas == []


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, min_size=1))
def test_when_all_is_there_every_key_and_scalar_is_in_a_row(value: dict[str, Any]) -> None:
    rows = tree.Rows()
    seen = texts(rows.add(json.dumps(value, ensure_ascii=False)))
    assert rows.tail() == ""
    if len(list(scalars(value))) < 50:  # else some stand folded, as JSON
        for text in scalars(value):
            assert text in seen


def test_an_open_string_is_seen_before_it_ends() -> None:
    rows = tree.Rows()
    assert texts(rows.add('{"name": "Ada Love')) == "{"
    assert texts(rows.tail()) == "name: “Ada Love"
    assert texts(rows.add('lace"}')) == "name: “Ada Lovelace”"
    assert rows.tail() == ""


def test_what_is_inside_stands_further_in() -> None:
    rows = tree.Rows().add('{"a": {"b": [1]}}')
    indents = [float(indent) for indent in re.findall(r"margin-left:([\d.]+)em", rows)]
    assert indents == pytest.approx([1.2, 2.4, 3.6, 4.8])


# ---- hostile ----


@pytest.mark.parametrize("text", [*HOSTILE, *MATHS, CONTROLS])
def test_nothing_hostile_comes_to_life_as_a_key_or_a_value(text: str) -> None:
    value = {text: text, "list": [text, {text: [text]}], "": ""}
    source = json.dumps(value)
    rows = tree.Rows()
    pages = {
        "rows": rows.add(source[:-9]) + rows.tail(),
        "tree": tree.of_value(value),
        "alone": tree.of_value(text),
        "cut": tree.of_text(source[: len(source) // 2]),
        "raw": tree.of_text(f'{{"a": {text}, {text}: 1'),
        "failed": shown(failed(source[:-2])),
        "pandas": table.html(pandas.DataFrame({text: [text], "b": [[text]]})),
        "polars": table.html(polars.DataFrame({text: [text], "b": [[text]]})),
    }
    for name, html in pages.items():
        assert unsafe(html, TREE) == [], name
        assert Page(html).formulas == [], name
        assert not CONTROL.search(html), name
    for name in ("rows", "tree", "pandas", "polars"):
        assert words.on_one_line(text)[:50] in " ".join(texts(pages[name]).split()), name


def failed(text: str) -> Any:
    """A JSON reply that became no data."""
    reply = grown(ReasoningDelta("Hm."), TextDelta(text), Finished("stop"), end="failed")
    reply.wants_json = True
    return reply


@settings(max_examples=100, deadline=None)
@given(NEARLY)
def test_the_page_of_an_answer_that_is_no_data_holds_its_text_as_it_came(text: str) -> None:
    html = shown(failed(text))
    assert unsafe(html, TREE) == []
    if text:
        code = html.partition("<code>")[2].partition("</code>")[0]
        assert texts(f"<pre>{code}</pre>") == hidden.marked(words.without_controls(text))


# ---- the tree at the end ----


@settings(max_examples=200, deadline=None)
@given(VALUES)
@example({})
@example([])
@example("$x$ and $y$")
@example("<b>")
@example({"": [None, True, {}]})
def test_every_key_and_scalar_of_a_value_is_in_its_tree(value: Any) -> None:
    html = tree.of_value(value)
    seen = texts(html)
    if len(list(scalars(value))) < 50:  # else some stand folded, as JSON
        for text in scalars(value):
            assert text in seen
    assert unsafe(html, TREE) == []
    assert Page(html).formulas == []


def summaries(html: str) -> list[str]:
    return [texts(each) for each in re.findall(r"<summary.*?</summary>", html)]


def test_containers_fold_and_say_how_much_is_in_them() -> None:
    html = tree.of_value({"a": [1, 2, {}], "b": {"c": None}})
    assert summaries(html) == ["{ 2 keys }", "a: [ 3 items ]", "b: { 1 key }"]
    assert "2: {}" in texts(html)
    assert html.count("<details") == html.count("<details open") == 3


RECORDS = [{"name": f"n{number}", "text": "long " * 40, "tags": [1, 2]} for number in range(150)]


def test_in_a_large_tree_what_comes_late_is_folded_and_shows_its_beginning() -> None:
    html = tree.of_value({"rows": RECORDS, "after": True})
    shown = summaries(html)
    assert shown[:3] == ["{ 2 keys }", "rows: [ 150 items ]", "0: { 3 keys }"]
    assert shown[-1].startswith('99: {"name": "n99", "text": "long long')
    assert shown[-1].endswith("… 3 keys")
    assert "after: true" in texts(html)  # whatever stands before it
    assert "… 50 items more, not shown" in texts(html)


def test_a_folded_container_that_fits_on_its_row_is_that_row() -> None:
    html = tree.of_value([{"n": number} for number in range(100)])
    assert texts(html).endswith('98: {"n": 98}99: {"n": 99}')
    assert summaries(html)[-1] == "29: { 1 key }"


def test_folded_levels_are_filled_from_the_outside() -> None:
    html = tree.of_value([{"a": {"b": ["x" * 90, "y" * 90]}} for _ in range(490)])
    folded = re.findall(r"<details(?: class=kimi-cut)?><summary.*?</summary><div[^>]*>(.*?)</div>", html)
    assert len(folded) > 400
    assert html.count("more, not shown") < 490


SHAPES = st.recursive(
    st.integers(0, 9) | st.text("ab ", max_size=90) | st.just("x" * 150),
    lambda inner: (
        st.lists(inner, max_size=40) | st.dictionaries(st.text("kl", min_size=1, max_size=3), inner)
    ),
    max_leaves=300,
)


LARGE = [{"a": [1] * 300}] * 30 + [{"b": {"c": "d" * 200}}] * 700


class Seen(HTMLParser):
    """The rows that a person sees, each with how far in it stands: all but what is folded."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[tuple[float, str]] = []
        self._open: list[tuple[str, float, bool]] = []  # element, its margin, whether it hides its inside
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        margin = re.search(r"(?:margin|padding)-left:([\d.]+)em", given.get("style") or "")
        self._open.append(
            (tag, float(margin[1]) if margin else 0.0, tag == "details" and "open" not in given)
        )
        if tag in ("div", "summary") and not self._is_hidden:
            self.rows.append((round(sum(margin for _, margin, _ in self._open), 1), ""))

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._is_hidden:
            self.rows[-1] = self.rows[-1][0], self.rows[-1][1] + data

    @property
    def _is_hidden(self) -> bool:
        return any(
            hides and (place + 1 == len(self._open) or self._open[place + 1][0] != "summary")
            for place, (_, _, hides) in enumerate(self._open)
        )


def on_screen(html: str) -> list[tuple[float, str]]:
    """The rows without the counts of open containers, which come when they end."""
    rows = [
        (left, re.sub(r"([{\[]) [\d,]+ (?:keys?|items?) [}\]]$", r"\1", text))
        for left, text in Seen(html).rows
    ]
    return [
        (left, re.sub(r"(^|: )(\{\}|\[\])$", lambda empty: empty[0][:-1], text))
        for left, text in rows
        if text
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(SHAPES, max_size=200), st.lists(st.integers(1, 400), max_size=30), st.booleans())
@example(LARGE, [50] * 40, True)
def test_the_rows_at_the_end_stand_where_they_stood_while_they_grew(
    value: list[Any], sizes: list[int], wrapped: bool
) -> None:
    text = json.dumps({"items": value} if wrapped else value)
    rows, said = tree.Rows("items" if wrapped else ""), ""
    for part in cut(text, sizes):
        said += rows.add(part)
    for grew, is_there in zip(on_screen(said + rows.tail()), on_screen(tree.of_value(value)), strict=True):
        assert grew == is_there


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.lists(st.integers(1, 40), max_size=60))
@example([{"a": 1, "b": "c" * 90}] * 80, list(range(1, 90)))
def test_what_is_shown_while_it_grows_is_not_taken_back(value: Any, sizes: list[int]) -> None:
    rows, said, before = tree.Rows(), "", [""]
    for part in cut(json.dumps({"value": value}), sizes):
        said += rows.add(part)
        shown = [text for _, text in Seen(said + rows.tail()).rows]
        for old, new in zip(before, shown, strict=False):
            kept = re.sub(r"[\d,]+ (items?|keys?) more, not shown.*", "", old)
            assert new.startswith(kept), (old, new)
        assert len(shown) >= len(before)
        before = shown


class Counted(list[Any]):
    """A list that knows how many of its items were looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.looks += 1
            yield item


@pytest.mark.parametrize(("length", "hidden"), [(500, 0), (501, 1), (100_000, 99_500)])
def test_of_a_huge_tree_the_rest_is_counted_and_not_built(length: int, hidden: int) -> None:
    value = Counted(range(length))
    html = tree.of_value(value)
    assert html.count("<b>") == length - hidden
    assert (f"… {hidden:,} item{'s' * (hidden > 1)} more, not shown" in texts(html)) is bool(hidden)
    assert value.looks < 1_200
    assert len(html) < 200_000
    assert f"[ {length:,} items ]" in texts(html)


def test_of_huge_json_that_broke_the_rest_is_counted_too() -> None:
    text = "[" + ", ".join(map(str, range(1000)))
    assert "… 499 items more, not shown" in texts(tree.of_text(text))  # the last may go on
    assert "… 99,500 items more, not shown" in texts(tree.of_text("[" + "1, " * 100_000))


@pytest.mark.parametrize("value", [["a" * 5000], {"a" * 5000: 1}, [10**4200], "a" * 5000])
def test_of_a_very_long_text_the_beginning_is_shown(value: Any) -> None:
    html = tree.of_value(value)
    assert len(texts(html)) < 2500
    assert re.search(r"… \([45],\d\d\d characters\)", texts(html))


def test_what_is_too_deep_is_shown_as_such() -> None:
    value: Any = "bottom"
    for _ in range(150):
        value = [value]
    html = tree.of_value(value)
    assert unsafe(html, TREE) == []
    assert "…" in texts(html)
    assert "bottom" not in html


def test_text_without_any_json_has_no_tree() -> None:
    assert tree.of_text("I would rather not.") == ""
    assert tree.of_text("") == ""


def test_a_tree_needs_no_script_and_nothing_from_elsewhere() -> None:
    html = tree.of_value({"a": "https://a.b/c.png", "b": [1, 2]})
    assert not re.search(r"(?i)<(script|style|link|img|iframe|a)\b|\b(src|href|url)\b\s*[=(]", html)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, VALUES))
@example({"a": "\u0000", "\U0001f600": [1.5, None]})
def test_what_was_shown_can_be_read_again(value: dict[str, Any]) -> None:
    if "\\b" not in json.dumps(value) and "\\f" not in json.dumps(value):  # before letters they are LaTeX
        assert read(json.dumps(value)).value == value


# ---- the table ----

FRAMES = {"pandas": pandas.DataFrame, "polars": polars.DataFrame}


@pytest.mark.parametrize("library", FRAMES)
def test_a_table_has_a_head_its_first_rows_and_its_size(library: str) -> None:
    html = table.html(FRAMES[library]({"name": [f"n{i}" for i in range(25)], "age": range(25)}))
    assert unsafe(html, TREE) == []
    assert html.count("<tr>") == 21
    seen = texts(html)
    assert seen.startswith("nameagen00")
    assert "n19" in seen
    assert "n20" not in seen
    assert seen.endswith("25 rows × 2 columns, 20 × 2 of them shown")


@pytest.mark.parametrize("library", FRAMES)
def test_a_small_table_is_whole(library: str) -> None:
    assert texts(table.html(FRAMES[library]({"a": [True, None]}))).endswith("2 rows × 1 columns")
    assert texts(table.html(FRAMES[library]({}))).endswith("0 rows × 0 columns")


@pytest.mark.parametrize("library", FRAMES)
def test_numbers_stand_right_and_text_left(library: str) -> None:
    html = table.html(FRAMES[library]({"a": [1.5], "b": ["x"], "c": [True]}))
    assert re.findall(r"<td style=\"text-align:(\w+)\">", html) == ["end", "start", "start"]


@pytest.mark.parametrize("library", FRAMES)
def test_a_wide_table_and_a_long_cell_are_cut(library: str) -> None:
    html = table.html(FRAMES[library]({f"c{i}": ["x" * 5000] for i in range(40)}))
    assert html.count("<td") == html.count("<th ") == 30
    assert "1 rows × 40 columns, 1 × 30 of them shown" in texts(html)
    assert len(texts(html)) < 30 * 310


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"a": TEXTS, "b": st.lists(TEXTS, max_size=2)}), min_size=1, max_size=5)
)
def test_no_cell_comes_to_life(rows: list[dict[str, Any]]) -> None:
    for library in FRAMES.values():
        html = table.html(library(rows))
        assert unsafe(html, TREE) == []
        assert Page(html).formulas == []
        assert not CONTROL.search(html)
        for row in rows:
            assert words.printable(row["a"]) in texts(html)


def test_of_a_huge_answer_the_first_rows_are_shown_while_it_grows_and_the_rest_is_counted() -> None:
    rows, said = tree.Rows(), ""
    for number in range(3_000):
        said += rows.add(f"{'[' if number == 0 else ','} {number}")
    assert said.count("kimi-row") == 501
    assert "… 2,499 items more" in texts(rows.tail())  # the last number may go on
    assert "999: 999" not in texts(said)
