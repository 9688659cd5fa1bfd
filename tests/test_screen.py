"""What a person sees in a terminal: lines that fit, reasoning apart, and at the end a drawn answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kimi_magic.markdown import render
from kimi_magic.messages import Event, Finished, Opened, ReasoningDelta, TextDelta
from kimi_magic.view import words
from kimi_magic.view.drawing import draw
from kimi_magic.view.terminal import TerminalView
from kimi_magic.view.wrapping import Lines, cells, cut
from tests.screen import Screen
from tests.test_markdown import HOSTILE, SNIPPETS, Page
from tests.turns import GrowingTurn

THOUGHT = "The user wants a colour. Short waves scatter more than long ones, so it has to be blue."
ANSWER = """\
# Sky

It is **blue**, see [here](https://a.b/c):

- one `x = 1`
- two

| a | b |
| - | - |
| 1 | 2 |
"""
OURS = re.compile(
    r"\x1b\[[\d;]*m|\r\x1b\[2K|\r(\x1b\[\d+A)?\x1b\[J|\r\n"
)  # all that a terminal may get from us


@pytest.fixture(autouse=True)
def a_terminal_with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def watched(
    *batches: Sequence[Event], columns: int = 40, lines: int = 24, model: str = "m", end: str = "complete"
) -> Screen:
    """The screen after a reply that grew by these batches, the name of a model being a word of ours."""
    screen, reply = Screen(columns, lines), GrowingTurn(model)
    with screen.streams() as (out, err):
        view = TerminalView(out, err)
        view.open(reply)
        for batch in batches:
            for event in batch:
                reply.add(event)
            view.update(reply)
        reply.end(end)
        view.close(reply)
    return screen


def in_letters(text: str, kind: type = TextDelta) -> list[list[Event]]:
    return [[kind(letter)] for letter in text]


ASKED = [[Opened("c1", "m")], *in_letters(THOUGHT, ReasoningDelta)]


# ---- what streams ----


def test_reasoning_has_a_bar_before_every_line_and_is_dimmed():
    screen = watched(*ASKED, *in_letters("Blue."))
    start = screen.rows.index("Reasoning")
    stop = screen.rows.index("", start)
    assert all(row.startswith("│ ") for row in screen.rows[start + 1 : stop])
    assert " ".join(row[2:] for row in screen.rows[start + 1 : stop]) == THOUGHT
    assert "scatter" in screen.dimmed
    assert "Blue." not in screen.dimmed


def test_no_line_is_wider_than_the_terminal_and_words_stay_whole():
    text = "Several words that go on and on, and a-long-one-among-them. " * 6
    screen = watched(*ASKED, *in_letters(text), lines=10)
    assert all(len(row) < screen.columns for row in screen.rows)
    answer = screen.rows[screen.rows.index("", 2) + 1 :]
    assert set(" ".join(answer).split()) >= set(text.split())


def test_a_status_that_is_wider_than_the_terminal_leaves_nothing_behind():
    screen = watched(in_letters("Blue.")[0], model="a-model-with-a-very-long-name" * 3)
    assert screen.rows[0] == "B"
    assert "waiting" not in "".join(screen.rows)


@pytest.mark.parametrize("end", ["complete", "interrupted", "failed"])
def test_each_line_of_the_end_fits_as_well(end: str):
    screen = watched(*ASKED, *in_letters(ANSWER), [Finished("length")], end=end, columns=30)
    assert all(len(row) < 30 for row in screen.rows)
    assert sum(row.startswith("Reasoning") for row in screen.rows) == 1


def test_with_no_color_nothing_is_dimmed_or_coloured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    screen = watched(*ASKED, *in_letters(ANSWER))
    assert "\x1b[2m" not in screen.written
    assert not re.search(r"\x1b\[[\d;]*[349]\d[;m]", screen.written)
    assert "│ The user" in "\n".join(screen.rows)


def test_a_dumb_terminal_gets_text_and_no_sequence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "dumb")
    screen = watched(*ASKED, *in_letters(ANSWER))
    assert "\x1b" not in screen.written
    assert "# Sky" in screen.rows
    assert "waiting" not in screen.written
    assert all(len(row) < screen.columns for row in screen.rows)


# ---- what is drawn ----


def test_an_answer_that_is_complete_is_drawn_in_its_own_place():
    screen = watched(*ASKED, *in_letters(ANSWER), [Finished("stop")])
    shown = "\n".join(screen.rows)
    assert "**" not in shown
    assert "| - |" not in shown
    for text in ("Sky", "It is blue, see here (https://a.b/c)", "• one x = 1"):
        assert shown.count(text) == 1
    assert shown.count("Reasoning\n│ The user wants") == 1
    assert shown.index("has to be blue") < shown.index("Sky") < shown.rindex("m · ")


@pytest.mark.parametrize(
    ("text", "lines"),
    [("Word **after** word.\n\n" * 30, 24), ("# A\n# B\n# C\n# D\n# E\n**F**\n", 9)],
    ids=["as it was written", "as it would be drawn"],
)
def test_an_answer_that_does_not_fit_on_the_screen_stays_as_it_streamed(text: str, lines: int):
    screen = watched(*in_letters(text), lines=lines)
    assert "\n".join(screen.rows).count("**") == text.count("**")
    assert "\x1b[J" not in screen.written


@pytest.mark.parametrize("end", ["interrupted", "failed"])
def test_an_answer_that_broke_off_stays_as_it_streamed(end: str):
    assert "It is **blue**" in "\n".join(watched(*in_letters(ANSWER), end=end).rows)


def test_without_rich_an_answer_stays_as_it_streamed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert "It is **blue**" in "\n".join(watched(*in_letters(ANSWER)).rows)


def test_after_the_window_was_resized_nothing_is_drawn():
    screen, reply = Screen(40, 24), GrowingTurn("m")
    with screen.streams() as (out, err):
        view = TerminalView(out, err)
        for letter in ANSWER:
            reply.add(TextDelta(letter))
            view.update(reply)
            screen.resize(40 - len(reply.choice.text) % 2, 24)
        reply.end("complete")
        view.close(reply)
    assert "\x1b[J" not in screen.written


@pytest.mark.parametrize("columns", [20, 33, 80])
def test_the_place_of_an_answer_is_found_again_whatever_it_is_made_of(columns: int):
    code = "```py\n" + "a_long_name = another_long_name + 1  # and a remark\n" * 2 + "```\n"
    for text in (
        "家族は👩‍👩‍👧‍👦と言う。" * 6,
        "word " * 30,
        "x" * 100,
        code,
        "a\n\n\n",
        "\tb\n  c  \n",
        "e\u0301 " * 60,
    ):
        screen = watched(*ASKED, *in_letters(text), lines=40, columns=columns)
        (above,) = [number for number, row in enumerate(screen.rows) if row == "Reasoning"]
        thought = [row for row in screen.rows[above + 1 :] if row.startswith("│")]
        assert " ".join(row[2:] for row in thought) == THOUGHT
        assert screen.rows[0] == "Reasoning"
        assert screen.written.count("\x1b[J") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_obeys_us_and_not_the_model(text: str):
    hostile = f"{text}\n\n&#27;[31m \x1b]0;title\x07 \x1b[2J \x9b1;1H &#13; <b>"
    screen = watched([ReasoningDelta(hostile)], [TextDelta(hostile)], [Finished("stop")], columns=120)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", OURS.sub("", screen.written))
    assert "\x1b[2J" not in screen.written


def letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*SNIPPETS, *HOSTILE]), min_size=1, max_size=6).map("\n\n".join))
@example("<div>html</div>\n\nand <b>more</b> \\(a_b\\) and $$x$$\n\n\\[\ny\n\\]\n")
@example("![a picture](https://a.b/c.png) and [a link](https://a.b 'title')")
def test_a_drawing_loses_no_letter_of_the_page(text: str):
    text = words.printable(text)
    drawn = draw(text, 500, colours=False)
    assert drawn is not None
    shown = letters(re.sub(r"\x1b\[[\d;]*m", "", drawn))
    for word in re.findall(r"\w+", Page(render(text)).text):
        assert letters(word) in shown


def test_a_table_that_is_too_narrow_for_its_words_is_not_drawn():
    text = "| a | b |\n|---|---|\n| incomprehensibilities | counterrevolutionaries |\n"
    assert draw(text, 30, colours=False) is None
    assert draw(text, 60, colours=False) is not None


# ---- lines ----


def lines_of(pieces: list[str], width: int, prefix: str = "") -> str:
    lines = Lines(width, prefix)
    return "".join(map(lines.add, pieces)) + lines.end()


TEXTS = st.text(
    st.sampled_from("ab -\t\n中文、。가é👩\u200d👧🏽️é`")
    | st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(4, 30), st.sampled_from(["", "│ "]), st.lists(st.integers(0, 200), max_size=8))
@example("```\nword word word word\n```\nword word", 8, "", [])
def test_lines_are_the_same_however_the_text_arrives_and_lose_no_letter(
    text: str, width: int, prefix: str, points: list[int]
):
    whole = lines_of([text], width, prefix)
    marks = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    assert lines_of([text[a:b] for a, b in pairwise(marks)], width, prefix) == whole
    bare = "".join(line.removeprefix(prefix) for line in whole.split("\n"))
    assert re.sub(r"[ \t\n]", "", bare.replace("│", "")) == re.sub(r"[ \t\n]", "", text.replace("│", ""))


@settings(max_examples=300, deadline=None)
@given(TEXTS.filter(lambda text: "``" not in text), st.integers(6, 30), st.sampled_from(["", "│ "]))
def test_no_line_is_wider_than_asked_unless_one_sign_is(text: str, width: int, prefix: str):
    for line in lines_of([text], width, prefix).split("\n"):
        sign = re.split(r" ", line.removeprefix(prefix))[-1]
        assert cells(line) <= width or len(sign) == len(line.removeprefix(prefix)), line


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("one two three", 8, "one two\nthree"),
        ("one  two", 5, "one\ntwo"),
        ("中文段落很长", 6, "中文段\n落很长"),
        ("中文段。落", 6, "中文\n段。落"),
        ("a👩‍👩‍👧b", 3, "a👩‍👩‍👧\nb"),
        ("  - item and more", 10, "  - item\nand more"),
        ("abcdefghij", 4, "abcd\nefgh\nij"),
        ("a\n\nb\n", 10, "a\n\nb\n"),
        ("a\tb", 20, "a       b"),
    ],
)
def test_lines_end_between_words_and_between_chinese_signs(text: str, width: int, shown: str):
    assert lines_of([text], width) == shown


def test_fenced_code_is_not_broken_so_that_it_can_be_copied():
    text = "one two three\n```sh\none two three\n```\none two three"
    assert lines_of([text], 8) == "one two\nthree\n```sh\none two three\n```\none two\nthree"
    lines = Lines(8)
    lines.add(text)
    lines.end()
    assert lines.rows == 8


def test_a_line_that_is_cut_ends_in_an_ellipsis():
    assert cut("short", 5) == "short"
    assert cut("longer", 5) == "long…"
    assert cut("中文段落", 5) == "中文…"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("👩‍🔬", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("👍🏽", 2),
        ("🇳🇴", 2),
        ("❤️", 2),
        ("é", 1),
        ("中文", 4),
        ("a\x07b", 2),
        ("", 0),
    ],
)
def test_a_sign_of_several_characters_is_as_wide_as_one(text: str, width: int) -> None:
    assert cells(text) == width
    assert cut(text + "x" * 10, width + 2) == text + "x…"
