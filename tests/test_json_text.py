"""JSON as models write it: growing as a tree, and read exactly at the end."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimi_magic import schema
from kimi_magic.json_text import Found, Growing, JSONFault, Line, path, read

from .json_cases import CASES, REFUSED, Case

# Without backspaces and form feeds: before a letter they were LaTeX, and are read as that.
STRINGS = st.text(st.characters(exclude_characters="\b\f", codec="utf-8"))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=20,
)
CONTAINERS = VALUES.filter(lambda value: isinstance(value, dict | list) and bool(value))
# What Growing and read must live with: JSON, pieces of JSON in any order, and anything at all.
PIECES = st.sampled_from(
    [
        *('{"a": ', "[", "]", "}", ",", ":", '"', "'", "\\", "\\u", "\\ud83d", "\\ude00", "d83", "12.5e"),
        *("true", "nul", "//", "/*", "*/", "\n", "```json\n", "```", "name", " ", "é", "\ud800", "-", "NaN"),
        *("{[" * 60, "]}" * 70),
    ]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text() | VALUES.map(json.dumps)


def rows(text: str) -> list[Line]:
    growing = Growing()
    return growing.add(text) + growing.tail()


def tree(lines: Sequence[Line]) -> str:
    return "\n".join(f"{'  ' * line.depth}{line.label} {line.kind} {line.text}".rstrip() for line in lines)


def cut(text: str, marks: Sequence[int]) -> list[str]:
    at = sorted({mark % (len(text) + 1) for mark in marks})
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def expected(value: Any, depth: int = 0, label: str | int | None = None) -> list[Line]:
    match value:
        case dict():
            inner = [line for key, item in value.items() for line in expected(item, depth + 1, key)]
            return [Line(depth, label, "object", ""), *inner]
        case list():
            inner = [line for at, item in enumerate(value) for line in expected(item, depth + 1, at)]
            return [Line(depth, label, "array", ""), *inner]
        case str():
            return [Line(depth, label, "string", value)]
        case bool() | None:
            return [Line(depth, label, "literal", json.dumps(value))]
    return [Line(depth, label, "number", json.dumps(value))]


def attempt(text: str) -> Found | JSONFault:
    try:
        return read(text)
    except JSONFault as fault:
        return fault


# ---- growing ----


@given(value=CONTAINERS, indent=st.sampled_from([None, 2]), ascii=st.booleans())
def test_a_whole_value_becomes_its_tree(value: Any, indent: int | None, ascii: bool):
    growing = Growing()
    assert growing.add(json.dumps(value, indent=indent, ensure_ascii=ascii)) == expected(value)
    assert growing.tail() == []


@given(text=TEXTS, marks=st.lists(st.integers(0, 10_000), max_size=12))
def test_however_the_text_is_cut_the_rows_are_the_same_and_nothing_raises(text: str, marks: list[int]):
    growing, made = Growing(), []
    for piece in cut(text, marks):
        made += growing.add(piece)
        growing.tail()
    whole = Growing()
    assert made == whole.add(text)
    assert growing.tail() == whole.tail()
    tree(made)
    for line in made + growing.tail():
        assert "\ud800" not in line.text
        assert line.depth <= 100


def test_what_is_open_is_shown_as_far_as_it_came():
    assert rows('{"name": "Ad')[-1] == Line(1, "name", "string", "Ad")
    assert rows('{"na')[-1] == Line(1, "na", "key", "")
    assert rows('{"name":')[-1] == Line(1, "name", "key", "")
    assert rows('{"n": [1, 23')[-1] == Line(2, 1, "number", "23")
    assert rows('{"n": tr')[-1] == Line(1, "n", "other", "tr")
    assert rows('{"n": 1, ') == [Line(0, None, "object", ""), Line(1, "n", "number", "1")]
    assert rows("") == []


def test_half_an_escape_waits_for_its_other_half():
    growing = Growing()
    growing.add('["a\\ud83')
    assert growing.tail() == [Line(1, 0, "string", "a")]
    growing.add("d\\ud")
    assert growing.tail() == [Line(1, 0, "string", "a")]
    assert growing.add('e00"]') == [Line(1, 0, "string", "a😀")]


def test_half_a_character_becomes_the_replacement_character():
    assert rows('["\\ud800x", "\\udc00", "\\ud83d\\n"]')[1:] == [
        Line(1, 0, "string", "\ufffdx"),
        Line(1, 1, "string", "\ufffd"),
        Line(1, 2, "string", "\ufffd\n"),
    ]


def test_the_beginning_of_a_very_long_string_is_enough_while_it_grows():
    growing = Growing()
    for number in range(3_000):
        growing.add(f"{number:04}" if number else '["')
    (line,) = growing.tail()
    assert len(line.text) == 2_001
    assert line.text.startswith("00010002")
    assert line.text.endswith("…")
    (line,) = growing.add('"')
    assert len(line.text) == 4 * 2_999


def test_prose_and_fences_before_the_value_are_skipped_and_what_follows_it_is_ignored():
    text = 'The {set} [see below] has {a} b:\n```json\n{"a": 1}\n```\nThat is {all} [of it].'
    assert tree(rows(text)) == "None object\n  a number 1"


def test_a_second_value_is_shown_too():
    assert tree(rows('{"a": 1}\n{"b": 2}')) == "None object\n  a number 1\nNone object\n  b number 2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a": 1 "b": 2}', "a number 1|b number 2"),
        ('{"a": 1,, "b": 2,}', "a number 1|b number 2"),
        ("{'a': 'x \"y\"', b: 2}", 'a string x "y"|b number 2'),
        ('{"a": 1, // one\n "b": /* two */ 2}', "a number 1|b number 2"),
        ('{"a": "\\q\\(\\u12zz", "b": 2}', "a string \\q\\(\\u12zz|b number 2"),
        ('{"a": None, "b": NaN}', "a other None|b other NaN"),
        ('{"a", "b": 2}', "a key|b number 2"),
        ('{"a" 1, "b": 2}', "a number 1|b number 2"),
        ('{"a": [1, 2}, {"b": 2}', "a array|  0 number 1|  1 number 2"),
        ('{"a": 1], "b": 2}', "a number 1|b number 2"),
        ('{"a": http://x, "b": 2}', "a other http|//x key|b number 2"),
    ],
)
def test_a_slip_does_not_lose_what_follows(text: str, shown: str):
    assert tree(rows(text)).split("\n")[1:4] == ["  " + line for line in shown.split("|")]


def test_containers_beyond_a_hundred_levels_are_one_row():
    made = rows("[" * 150 + '{"a": "]"}' + "]" * 150 + "\n[1]")
    assert [line.depth for line in made] == [*range(101), 0, 1]
    assert made[100] == Line(100, 0, "array", "…")


# ---- reading ----


@given(value=VALUES, indent=st.sampled_from([None, 2]), ascii=st.booleans())
def test_what_was_written_is_read_again(value: Any, indent: int | None, ascii: bool):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    found = read(text)
    assert found.value == value
    assert json.dumps(found.value) == json.dumps(value)  # 1, 1.0 and True are equal
    assert found.notices == ()
    assert read(f"\ufeff \n{text}\n\n").value == value


@given(value=VALUES, fence=st.sampled_from(["```", "```json", "~~~"]))
def test_a_code_fence_is_left_out(value: Any, fence: str):
    found = read(f"{fence}\n{json.dumps(value, indent=1)}\n{fence[:3]}\n")
    assert found.value == value
    assert found.notices == ("The model put the JSON into a code fence.",)


PROSE = st.lists(
    st.sampled_from(
        ["Sure:", "{curly}", "[see note]", "the set {1, 2}", "f(x) = [x", "[2]", "[0, 1)", "{}", "[ ]", "\n"]
    ),
    min_size=1,
    max_size=6,
).map(lambda parts: f"So {' '.join(parts)} ok ")


@given(value=st.dictionaries(STRINGS, VALUES, min_size=1, max_size=4), before=PROSE, after=PROSE)
def test_prose_around_is_left_out_even_with_brackets_in_it(value: Any, before: str, after: str):
    for text in (json.dumps(value), f"\n```json\n{json.dumps(value)}\n```\n"):
        found = read(before + text + after)
        assert found.value == value
        assert found.notices[0].startswith("The model wrote text around the JSON; it was left out: “So ")


@given(text=TEXTS)
def test_reading_gives_a_value_or_a_fault_on_one_line(text: str):
    match attempt(text):
        case JSONFault() as fault:
            assert "\n" not in str(fault)
            assert (fault.line, fault.column) >= (1, 1)
        case found:
            json.dumps(found.value, ensure_ascii=False).encode()
            assert all(notice.endswith(".") for notice in found.notices)


@given(value=CONTAINERS, at=st.integers(0, 10_000))
def test_a_value_that_is_cut_off_is_no_value(value: Any, at: int):
    text = json.dumps(value)
    with pytest.raises(JSONFault) as caught:
        read(text[: at % len(text)])
    assert caught.value.truncated or text[at % len(text) - 1] in "+-.e0123456789"


BACKSLASH = "$[0] held a backslash that means nothing in JSON; it was kept as written."
INFINITE = "$[0] is no finite number, which JSON does not know; it is kept as a Python float."
SERIES = "The model wrote 2 JSON values one after the other; they are taken as a list."


@pytest.mark.parametrize(
    ("text", "value", "notice"),
    [
        (
            '{"a": {"b": 1, "b": 2}}',
            {"a": {"b": 2}},
            "$.a.b was written more than once; the last one counts.",
        ),
        ("[1, 2,]", [1, 2], "$ had a comma after its last entry; it was left out."),
        (
            '{"a": [{},], }',
            {"a": [{}]},
            "$.a (and 1 more) had a comma after its last entry; it was left out.",
        ),
        ('["x\ny"]', ["x\ny"], "$[0] held a raw line break or control character; it was kept."),
        ('["\\(x\\)"]', ["\\(x\\)"], BACKSLASH),
        (
            '{"k k": "\\ud800"}',
            {"k k": "\ufffd"},
            '$["k k"] held half a character; it was replaced by U+FFFD.',
        ),
        ('["\ud800"]', ["\ufffd"], "$[0] held half a character; it was replaced by U+FFFD."),
        ("[-1e999]", [-math.inf], INFINITE),
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}], SERIES),
        ("{'a': 1}", {"a": 1}, "$.a was in quotes that are not those of JSON."),
        (
            "[None, True]",
            [None, True],
            "$[0] (and 1 more) was true, false or null in the words of another language.",
        ),
        ("{a: 1}", {"a": 1}, "$.a had no quotes around its key."),
        ('{"a": 1 // one\n}', {"a": 1}, "$.a had a comment beside it; it was left out."),
        ('{"a":\xa01}', {"a": 1}, "$.a stood beside spaces that JSON does not know."),
        ('{"a"：1}', {"a": 1}, "$.a stood beside a full-width comma, colon or bracket."),
        ("[.5]", [0.5], "$[0] was a number in a form that JSON does not know, such as .5 or 1_000."),
        ("[1\n2]", [1, 2], "$[1] stood after a line that lacked its comma."),
        ("[(1, 2)]", [[1, 2]], "$[0] was a tuple of Python; it is a list."),
        (
            '["\\frac"]',
            ["\\frac"],
            r"$[0] held \b or \f before letters, as in \beta or \frac; the backslash was kept.",
        ),
        (
            '["\\\\alpha \\theta"]',
            ["\\alpha \theta"],
            r"$[0] holds a tab or line break where LaTeX may have been meant, as in \theta or \nu.",
        ),
        (
            '{"a\\_b": 1}',
            {"a_b": 1},
            "$.a_b held a backslash of Markdown, as in first\\_name; it was left out.",
        ),
        ('"{\\"a\\": 1}"', {"a": 1}, "The JSON was written as a string; it was read from there."),
        ("{&quot;a&quot;: 1}", {"a": 1}, "Quotes were written as HTML (&quot;); they were read as quotes."),
        (
            '{\\"a\\": 1}',
            {"a": 1},
            "The quotes of the JSON were escaped as inside of a string; it was read without.",
        ),
        (
            '<think>[{}]</think>{"a": 1}',
            {"a": 1},
            "The model's reasoning stood in the answer; it was left out.",
        ),
        (
            '{"a": 1}\n\n```\n{"a": 1}\n```',
            {"a": 1},
            "The model wrote the same JSON 2 times; it is taken once.",
        ),
    ],
)
def test_what_is_forgiven_is_said(text: str, value: Any, notice: str):
    found = read(text)
    assert found.value == value
    assert notice in found.notices


def test_nan_and_infinity_are_floats():
    found = read('{"a": NaN, "b": [Infinity, -Infinity]}')
    assert math.isnan(found.value["a"])
    assert found.value["b"] == [math.inf, -math.inf]
    assert found.notices[0].startswith("$.a (and 2 more) is no finite number")


def test_big_integers_are_exact():
    found = read('{"id": 12345678901234567890, "safe": 9007199254740992, "flag": true}')
    assert found.value["id"] == 12345678901234567890


def test_a_string_that_says_replacement_character_is_no_half_character():
    assert read('["\\ufffd", "\\uFFFD"]').notices == ()


def test_what_was_left_out_is_quoted():
    found = read('In: {"raw": "x", "id": 1}. Out: {"a": 1}')
    assert found.value == {"a": 1}
    assert found.notices == (
        'The model wrote text around the JSON; it was left out: “In: {"raw": "x", "id": 1}. Out:”.',
        "The model wrote JSON before the answer; it was left out, because the last one counts: "
        '“{"raw": "x", "id": 1}”.',
    )


def test_a_broken_value_is_not_replaced_by_a_part_of_it():
    with pytest.raises(
        JSONFault, match=r"line 1, column 34 \(\$\.items\[1\]\.a\): expected a value, got 'x'"
    ):
        read('Here: {"items": [{"a": 1}, {"a": x}]}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected a value, got the end of the answer"),
        ("Sorry, I cannot.", "line 1, column 1: expected a value, got 'Sorry'"),
        ("42 apples", "line 1, column 1: expected a value, got '42'"),
        ("{a, b: 1}", "line 1, column 1: expected a value, got '{'"),
        ('{"a": {b 1}}', "line 1, column 8 ($.a): expected a key in double quotes, got 'b'"),
        ('{\n "a" 1}', "line 2, column 6 ($.a): expected a colon, got '1'"),
        ('{\n "a": {},\n "b": [1 2]}', "line 3, column 10 ($.b[1]): expected a comma or ], got '2'"),
        ('{"a": "x', "line 1, column 9 ($.a): expected a closing quote, got the end of the answer"),
        ("[1, Nil]", "line 1, column 5 ($[1]): expected a value, got 'Nil'"),
        (
            '{"a": 1} or {"a": 2}',
            "line 1, column 13: expected one value, got 2 of the same kind and no word which of them counts",
        ),
        ('a: x\nb: ["c"]', "line 2, column 4: expected one whole value, got a part of one"),
        ('{"a": 1}\n{"a"', "line 2, column 5 ($.a): expected a colon, got the end of the answer"),
        (
            f"[{'1' * 5000}]",
            f"line 1, column 2 ($[0]): expected a number with fewer digits, got '{'1' * 20}'",
        ),
    ],
)
def test_a_fault_says_where_and_what_was_expected(text: str, message: str):
    with pytest.raises(JSONFault) as caught:
        read(text)
    assert str(caught.value) == message


@given(text=TEXTS, at=st.integers(0, 10_000))
def test_what_was_cut_by_its_length_is_a_value_only_if_it_is_all_of_the_text(text: str, at: int):
    try:
        found = read(text[: at % (len(text) + 1)], finish_reason="length")
    except JSONFault:
        return
    assert isinstance(found.value, dict | list)
    assert json.loads(text[: at % (len(text) + 1)].strip("\ufeff \t\r\n")) is not None


@given(
    rows=st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), min_size=2, max_size=5),
    broken=st.sampled_from(["Turin", "1,5 km", "2025-03-14", "...", "3 * 4", "12%", "{{", "", "'"]),
    data=st.data(),
)
def test_of_a_list_with_a_broken_part_no_other_part_is_taken(
    rows: list[dict[str, Any]], broken: str, data: st.DataObject
):
    at = data.draw(st.integers(0, len(rows) - 1))
    texts = [json.dumps(row) for row in rows]
    texts[at] = f'{{"a": {broken}, "b": [{{"c": 1}}]}}'
    frame = data.draw(st.sampled_from(["[{}]", '{{"items": [{}]}}', "Here: [{}] ok", "```json\n[{}]\n```"]))
    with pytest.raises(JSONFault):
        read(frame.format(", ".join(texts)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_careful_reader_takes_this_value_or_none(case: Case):
    try:
        answer = schema.read(
            case.text, schema.of(case.schema) if case.schema else None, finish_reason=case.finish
        )
        outcome = json_of(answer.data)
    except ValueError:
        outcome = REFUSED
    assert repr(outcome) in map(repr, (case.value, *case.also))  # 1, 1.0 and True are equal, and NaN is not


RECORDS = st.fixed_dictionaries(
    {
        "city": st.sampled_from(["Graz", "L'Aquila", "都灵", 'the "Hague"', "[x] {y}"]),
        "people": st.integers(1, 9999),
    },
    optional={"tags": st.lists(st.sampled_from(["old", "a, b", "see [2]"]), max_size=2), "ok": st.booleans()},
)
ANSWERS = RECORDS | st.lists(RECORDS, min_size=2, max_size=3)
MENDED: list[Callable[[str, Any], str]] = [
    lambda text, value: text,
    lambda text, value: f"{text[:-1].rstrip()},{text[-1]}",
    lambda text, value: repr(value),
    lambda text, value: re.sub(r'"(city|people|tags|ok)":', r"\1:", text),
    lambda text, value: text.replace('": ', '":\xa0'),
    lambda text, value: text.replace('": ', '"：'),
    lambda text, value: text.replace(",\n", ", // note\n", 1),
    lambda text, value: json.dumps(text),
    lambda text, value: json.dumps(text)[1:-1],
    lambda text, value: text.replace("&", "&amp;").replace('"', "&quot;"),
]
BROKEN: list[Callable[[str], str]] = [
    lambda text: text.replace('"people": ', '"people": about ', 1),
    lambda text: text.replace("{", '{"n": 846,000, ', 1),
    lambda text: text.replace("{", '{"n": 2025-03-14, ', 1),
    lambda text: text.replace("{", '{"n": 2 + 3, ', 1),
    lambda text: text.replace('"city": "', '"city": ', 1),
    lambda text: f"{text[:-1]}, ...{text[-1]}",
    lambda text: f"{text[:-1]}\n// 12 more\n{text[-1]}",
    lambda text: text[:-1],
]
BEFORE = st.sampled_from(
    [
        *(
            "",
            "Sure:\n\n",
            "As [1] and [2, 3] say:\n",
            "Result: ",
            "For S = {1, 2}, x in [0, 1):\n",
            "json\n",
        ),
        '<think>Maybe {"city": "Nope", "people": 1}? [</think>\n',
        'The schema is {"type": "object", "properties": {"city": {"type": "string"}}}.\n\n',
        'The input was {"raw": "abc", "id": 3}.\n\n',
    ]
)
FENCES = st.sampled_from([("", ""), ("```json\n", "\n```"), ("```\n", "\n```"), ("```json ", "```")])
AFTER = st.sampled_from(["", "\n\nHope this helps!", "\n\nSources: [1], [2].", "\nNote that {} means none."])


AROUND = st.tuples(BEFORE, FENCES, AFTER).map(
    lambda parts: f"{parts[0]}{parts[1][0]}\0{parts[1][1]}{parts[2]}"
)


@given(value=ANSWERS, slip=st.sampled_from(MENDED), around=AROUND, lines=st.booleans())
def test_a_slip_in_any_surroundings_is_mended(value: Any, slip: Any, around: str, lines: bool):
    text = slip(json.dumps(value, ensure_ascii=False, indent=2 if lines else None), value)
    assert read(around.replace("\0", text)).value == value


@given(value=ANSWERS, slip=st.sampled_from(BROKEN), around=AROUND)
def test_a_broken_value_in_any_surroundings_is_none(value: Any, slip: Any, around: str):
    with pytest.raises(JSONFault):
        read(around.replace("\0", slip(json.dumps(value))))


def json_of(value: Any) -> Any:
    match value:
        case dict():
            return {key: json_of(part) for key, part in value.items()}
        case list():
            return [json_of(part) for part in value]
        case date():
            return value.isoformat()
    return value


@pytest.mark.parametrize(
    "bomb", ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "so [" + "[" * 300 + "]" * 301]
)
def test_a_depth_bomb_is_a_fault(bomb: str):
    with pytest.raises(JSONFault, match="expected at most 200 levels, got more"):
        read(bomb)


def test_two_hundred_levels_are_no_bomb():
    value = read("[" * 200 + "]" * 200).value
    assert json.dumps(value).count("[") == 200


@given(
    depth=st.integers(1, 300),
    unit=st.sampled_from(['{"a', "[x", '["[', '{"a":"[1,{', '["\\', "```\n", '{"a":1} x ']),
)
def test_hostile_repetition_ends(depth: int, unit: str):
    match attempt(unit * depth):
        case JSONFault() as fault:
            assert len(str(fault)) < 300
        case found:
            assert found.value in ([{"a": 1}], {"a": 1})


def test_a_path_is_written_as_in_javascript_and_shortened():
    assert path(["items", 3, "first name", "a"]) == '$.items[3]["first name"].a'
    assert path([]) == "$"
    assert path([0] * 50) == "$" + "[0]" * 8 + "…" + "[0]" * 8
