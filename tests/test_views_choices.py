"""Several answers, cut answers and tool calls, as static pages and in a terminal."""

from __future__ import annotations

import io
import re

import pytest

from kimi_magic.messages import (
    Choice,
    Counted,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    TextWasReasoning,
    ToolCallDelta,
)  # fmt: skip
from kimi_magic.usage import Usage
from kimi_magic.view import endings, static, words
from kimi_magic.view.terminal import TerminalView
from tests.test_markdown import HOSTILE, Page, unsafe
from tests.test_static import CONTROLS, ESCAPES, PAGE, Terminal, shown
from tests.turns import GrowingTurn

TWO = (
    ReasoningDelta("First thought.", 0), ReasoningDelta("Second thought.", 1), TextDelta("**Second.**", 1),
    Finished("length", 1), TextDelta("**First.**", 0), Finished("stop", 0),
    Counted(Usage(10, 20, 0, 7), 0), Counted(Usage(10, 30, 0, 8), 1),
)  # fmt: skip


def grown(*events: Event, n: int = 1, end: str = "complete", max_tokens: int | None = None) -> GrowingTurn:
    reply = GrowingTurn("kimi-k2-thinking", n=n, max_tokens=max_tokens)
    for event in events:
        reply.add(event)
    if end:
        reply.end(end)
    return reply


def watched(
    *batches: list[Event],
    n: int = 1,
    err: type[io.StringIO] = io.StringIO,
    hide: bool = False,
    lasting: bool = True,
) -> tuple[str, str]:
    """What a terminal view wrote to `out` and `err`."""
    out, errors = io.StringIO(), err()
    view = TerminalView(out, errors, hide_reasoning=hide, lasting=lasting)
    reply = GrowingTurn("kimi-k2-thinking", n=n)
    view.open(reply)
    for batch in batches:
        for event in batch:
            reply.add(event)
        view.update(reply)
    reply.end("complete")
    view.close(reply)
    return out.getvalue(), errors.getvalue()


# ---- several answers on a page ----


def test_answers_stand_one_below_the_other_each_with_a_heading_and_its_reasoning() -> None:
    html = static.html(grown(*TWO, n=2))
    assert unsafe(html, PAGE) == []
    page = Page(html)
    order = [
        "kimi-k2-thinking ·",
        "Answer 1",
        "First thought.",
        "First.",
        "Answer 2 · length",
        "Second thought.",
        "Second.",
    ]
    places = [page.text.index(text) for text in order]
    assert places == sorted(places)
    assert [tag for tag, _ in page.elements].count("details") == 2
    assert "<strong>Second.</strong>" in html
    assert html.count("kimi-status") == 1


def test_each_reasoning_has_its_own_count_and_stays_as_the_person_left_it() -> None:
    html = static.html(grown(*TWO, n=2), open_reasoning={1})
    assert [("open" in attrs) for tag, attrs in Page(html).elements if tag == "details"] == [False, True]
    assert "7 tokens" in html
    assert "8 tokens" in html


def test_hidden_reasoning_is_hidden_in_all_of_them() -> None:
    html = static.html(grown(*TWO, n=2), hide_reasoning=True)
    assert "thought." not in html
    assert "<details" not in html


def test_one_answer_has_no_heading_and_no_section() -> None:
    html = static.html(grown(TextDelta("Four."), Finished("stop")))
    assert "<h4" not in html
    assert "kimi-choice" not in html
    assert "kimi-notice" not in html


def test_the_byline_counts_the_answers_and_says_how_each_ended() -> None:
    assert words.byline(grown(*TWO, n=2)).endswith(" · 2 answers: stop, length")


def test_the_text_of_several_answers_has_their_headings() -> None:
    assert static.plain(grown(*TWO, n=2)) == ("Answer 1\n\n**First.**\n\nAnswer 2 · length\n\n**Second.**")


def test_the_status_says_how_many_answers_are_complete() -> None:
    status = words.status(grown(*TWO[:4], n=2, end=""))
    assert re.fullmatch(r"kimi-k2-thinking · answering · \d+ s · 1 of 2 answers complete", status)
    assert "complete" not in words.status(grown(TextDelta("a"), end=""))


def test_a_choice_says_in_a_word_how_it_is_with_it() -> None:
    events = [ReasoningDelta("a", 0), TextDelta("b", 1), TextDelta("c", 2), Finished("stop", 2)]
    growing = grown(*events, n=4, end="")
    conditions = [words.condition(growing, choice) for choice in growing.choices]
    assert conditions == ["thinking", "answering", "stop", "waiting"]
    growing.end("interrupted")
    assert [words.condition(growing, c) for c in growing.choices] == ["stopped", "stopped", "stop"]


def test_where_fewer_answers_came_than_asked_for_the_page_says_so() -> None:
    html = static.html(grown(TextDelta("Only."), Finished("stop"), n=3))
    assert "The service gave 1 of the 3 answers asked for." in html
    assert "<h4" not in html


def test_what_is_in_the_conversation_is_said_only_where_it_is() -> None:
    reply = grown(*TWO, n=2)
    assert "--pick" not in static.html(reply)
    reply.kept = True
    assert "Answer 1 is in the conversation; %kimi --pick N chooses another." in static.html(reply)


def test_where_the_first_answer_cannot_be_kept_the_way_out_is_named() -> None:
    reply = grown(ReasoningDelta("Hm.", 0), Finished("length", 0), TextDelta("Blue.", 1), n=2)
    assert "Answer 1 cannot enter the conversation; %kimi --pick N" in static.html(reply)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_comes_to_life_in_any_of_them(text: str) -> None:
    events = [event for index in range(3) for event in (
        ReasoningDelta(text, index), TextDelta(text, index), ToolCallDelta(text, text, text, 0, index),
        Finished(text, index),
    )]  # fmt: skip
    assert unsafe(shown(grown(*events, n=3)), PAGE) == []


# ---- tool calls ----

CALLS = (
    ToolCallDelta("a:0", "search", '{"q": "<b>$x$</b>"}', 0),
    ToolCallDelta("a:1", "clock", "", 1),
    Finished("tool_calls"),
)


def test_calls_are_a_list_of_names_with_arguments_and_no_markup() -> None:
    html = static.html(grown(*CALLS))
    assert unsafe(html, PAGE) == []
    page = Page(html)
    assert 'search({"q": "<b>$x$</b>"})' in page.text
    assert "clock()" in page.text
    assert [tag for tag, _ in page.elements].count("li") == 2
    assert page.formulas == []
    assert "The model asks to run 2 functions; the turn does not enter the conversation." in html


def test_calls_are_in_the_plain_text_too() -> None:
    assert static.plain(grown(*CALLS)) == '- search({"q": "<b>$x$</b>"})\n- clock()'


def test_a_call_without_a_name_is_called_so() -> None:
    assert words.calls(grown(ToolCallDelta("a", "", "{}")).choice) == ["(no name)({})"]


def test_a_terminal_lists_calls_and_obeys_none_of_them() -> None:
    hostile = ToolCallDelta("a", f"f{CONTROLS}", f"x{CONTROLS}\r\ny")
    out, err = watched([TextDelta("Let me see.")], [hostile], [Finished("tool_calls")], err=Terminal)
    assert out == "Let me see.\n"
    assert "- f[31m" in err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", ESCAPES.sub("", err))


# ---- how it ended ----

TEXT = TextDelta("Four")
KNOWN = Counted(Usage(100, 2_000, 0, 1_500))


@pytest.mark.parametrize(
    ("events", "max_tokens", "words"),
    [
        ([TEXT, Finished("length"), KNOWN], 2_000,
         "Cut after 2,000 tokens, 1,500 of them reasoning: ask again with --max-tokens 16000 or go on from "
         "here with %kimi --continue."),
        ([Finished("length"), KNOWN], 20_000,
         "Cut after 2,000 tokens, 1,500 of them reasoning: ask again with --max-tokens 40000 or go on from "
         "here with %kimi --continue."),
        ([TEXT, Finished("length")], 200_000,
         "Cut at the cap: ask again with --max-tokens 262144 or go on from here with %kimi --continue."),
        ([TEXT, Finished("length")], 262_144, "Cut at the cap: go on from here with %kimi --continue."),
        ([TEXT, Finished("content_filter")], None,
         "The content filter of the service ended this answer; it does not enter the conversation."),
        ([ReasoningDelta("Hm."), Finished("stop")], None,
         "The model reasoned, but gave no answer; the turn does not enter the conversation. Ask again."),
        ([Finished("stop")], None,
         "The answer is empty; the turn does not enter the conversation. Ask again."),
        ([TEXT, Finished("tired")], None,
         "The service ended this answer with a word that is unknown here; it may not be whole."),
        ([TEXT, Finished("stop")], None, ""),
        ([TEXT], None, ""),
    ],
)  # fmt: skip
def test_what_is_to_know_of_the_end_is_said_plainly(
    events: list[Event], max_tokens: int | None, words: str
) -> None:
    reply = grown(*events, max_tokens=max_tokens)
    assert endings.of_choice(reply, reply.choice) == words
    assert words in Page(static.html(reply)).text


@pytest.mark.parametrize("end", ["interrupted", "failed"])
def test_a_reply_that_broke_off_is_told_how_it_goes_on_where_that_is_possible(end: str) -> None:
    reply = grown(TEXT, end=end)
    assert (
        endings.of_choice(reply, reply.choice)
        == "This part is not in the conversation; go on from here with %kimi --continue."
    )
    assert endings.of_choice(reply, reply.choice, lasting=False) == ""
    nothing = grown(ReasoningDelta("Hm."), end=end)
    assert endings.of_choice(nothing, nothing.choice) == ""


def test_an_unknown_reason_is_named_in_the_byline() -> None:
    assert words.byline(grown(TEXT, Finished("tired"))).endswith("· tired")


# ---- a terminal ----


def test_in_a_terminal_the_first_streams_and_each_has_a_heading() -> None:
    out, err = watched(*([event] for event in TWO), n=2)
    assert out == "Answer 1\n\n**First.**\n\nAnswer 2 · length\n\n**Second.**\n"
    assert err.index("First thought.") < err.index("Second thought.") < err.index("2 answers: stop, length")


def test_the_first_streams_while_the_second_is_on_its_way() -> None:
    out = io.StringIO()
    view, reply = TerminalView(out, io.StringIO()), GrowingTurn("m", n=2)
    view.open(reply)
    for event in (TextDelta("other", 1), TextDelta("one ", 0), TextDelta("by one", 0)):
        reply.add(event)
        view.update(reply)
    assert out.getvalue() == "Answer 1\n\none by one"


def test_hidden_reasoning_is_hidden_in_a_terminal_for_all_of_them() -> None:
    for kind in (io.StringIO, Terminal):
        _, err = watched(*([event] for event in TWO), n=2, hide=True, err=kind)
        assert "thought." not in err


def test_a_terminal_shows_life_while_only_the_second_answers() -> None:
    err = Terminal()
    view, reply = TerminalView(io.StringIO(), err), GrowingTurn("m", n=2)
    reply.add(TextDelta("other", 1))
    view.update(reply)
    assert "answering" in err.getvalue()


def test_a_cut_answer_offers_to_go_on_where_there_is_a_session() -> None:
    batch = [TextDelta("Fo"), Finished("length")]
    assert "%kimi --continue" in watched(batch)[1]
    alone = watched(batch, lasting=False)[1]
    assert "--max-tokens 16000" in alone
    assert "%kimi" not in alone


# ---- an answer that is resumed ----


def test_what_had_arrived_before_is_shown_in_front() -> None:
    reply = GrowingTurn("m", start=Choice(text="Fo", reasoning="Two plus two."))
    reply.add(TextDelta("ur."))
    reply.end("complete")
    page = Page(static.html(reply))
    assert "Four." in page.text
    assert "Two plus two." in page.text
    assert words.reasoning_title(reply) == "Reasoning · ≈ 3 tokens"


# ---- text that turns out to be reasoning ----

MOVING = (
    [TextDelta("let me see")],
    [TextWasReasoning(0), TextDelta("forty")],
    [TextDelta("-two"), Finished("stop")],
)


def test_text_that_was_reasoning_is_shown_as_reasoning_in_the_end() -> None:
    turn = grown(*(event for batch in MOVING for event in batch))
    assert (turn.choice.reasoning, turn.choice.text) == ("let me see", "forty-two")
    html = static.html(turn)
    assert html.index("let me see") < html.index("</details>") < html.index("forty-two")


def test_a_terminal_says_that_what_it_wrote_was_reasoning() -> None:
    out, errors = watched(*MOVING)
    assert out == "let me see\n\nforty-two\n"
    assert errors.count(endings.MOVED) == 1


def test_where_nothing_was_written_yet_a_terminal_writes_the_reasoning_as_such() -> None:
    out, errors = watched([TextDelta("let me see"), TextWasReasoning(0), TextDelta("42"), Finished("stop")])
    assert out == "42\n"
    assert "let me see" in errors
    assert endings.MOVED not in errors
