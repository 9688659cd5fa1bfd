"""What is left of a reply when nothing moves any more, as HTML, as text and in a terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kimi_magic.messages import Counted, Event, Finished, Opened, ReasoningDelta, Sent, TextDelta
from kimi_magic.usage import Usage
from kimi_magic.view import scripts, static, words
from kimi_magic.view.terminal import TerminalView
from tests.test_markdown import ALLOWED, HOSTILE, Page, unsafe
from tests.turns import GrowingTurn

USAGE = Usage(prompt=1_234, completion=56_789, cached=4, reasoning=5_000)
CONTROLS = "\x00\x07\x08\x0b\x0c\x0e\x1b[31m\x1b]0;title\x07\x1b[2J\x7f\x9b1;1H\x9d0;t\x9c"
ESCAPES = re.compile(
    r"\x1b\[2m|\x1b\[0m|\r\x1b\[2K"
)  # all that a terminal gets from us: dim, normal, clear line
PAGE = {
    **ALLOWED,
    "details": {"class": "kimi-reasoning", "open": ""},
    "summary": {"style": r"[\w:.;% -]+"},
    "div": {"class": r"[\w -]+", "role": "status", "style": r"[\w:.,;%() -]+", "title": r"[\w .,·$≈()-]+"},
    "h4": {"style": r"[\w:.,;%() -]*"},
}


def grown(
    *said: Event, end: str | None = "complete", model: str = "kimi-k2-thinking", simulated: bool = False
) -> GrowingTurn:
    reply = GrowingTurn(model, simulated=simulated)
    for event in said:
        reply.add(event)
    if end is not None:
        reply.end(end)
    return reply


OUR_SCRIPTS = f"<script>(?:{re.escape(scripts.COPY_SCRIPT)})?(?:{re.escape(scripts.TREE_SCRIPT)})?</script>"
ANSWERED = (ReasoningDelta("Two plus two."), TextDelta("**Four.**"), Finished("stop"), Counted(USAGE))


def shown(reply: GrowingTurn, **options: Any) -> str:
    """The page without the one script that may stand on it."""
    return re.sub(OUR_SCRIPTS, "", static.html(reply, **options))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def watched(
    *batches: list[Event], err: type[io.StringIO] = io.StringIO, end: str = "complete", hide: bool = False
) -> tuple[str, str]:
    """What a terminal view wrote to `out` and `err` for a reply that grew by these batches."""
    out, errors = io.StringIO(), err()
    view = TerminalView(out, errors, hide_reasoning=hide)
    reply = GrowingTurn("kimi-k2-thinking")
    view.open(reply)
    for batch in batches:
        for event in batch:
            reply.add(event)
        view.update(reply)
    reply.end(end)
    view.close(reply)
    return out.getvalue(), errors.getvalue()


# ---- HTML ----


def test_a_page_holds_byline_reasoning_and_answer_in_this_order() -> None:
    html = static.html(grown(*ANSWERED))
    assert unsafe(html, PAGE) == []
    page = Page(html)
    places = [
        page.text.index(text) for text in ("kimi-k2-thinking ·", "Thought for", "Two plus two.", "Four.")
    ]
    assert places == sorted(places)
    assert "<strong>Four.</strong>" in html


def test_reasoning_is_folded_without_a_script() -> None:
    page = Page(static.html(grown(*ANSWERED)))
    (attrs,) = [attrs for tag, attrs in page.elements if tag == "details"]
    assert "open" not in attrs
    (attrs,) = [
        attrs
        for tag, attrs in Page(static.html(grown(*ANSWERED), open_reasoning={0})).elements
        if tag == "details"
    ]
    assert "open" in attrs


def test_hidden_reasoning_is_not_in_the_page() -> None:
    html = static.html(grown(*ANSWERED), hide_reasoning=True)
    assert "Two plus" not in html
    assert "<details" not in html
    assert "Four." in html


def test_without_reasoning_there_is_nothing_to_unfold() -> None:
    assert "<details" not in static.html(grown(TextDelta("Four."), Finished("stop")))


def test_without_an_answer_there_are_still_reasoning_and_byline() -> None:
    html = static.html(grown(ReasoningDelta("Hm."), Finished("length")))
    assert unsafe(html, PAGE) == []
    assert "kimi-answer" not in html
    assert "Hm." in html
    assert "cut at --max-tokens before the answer began" in html


def test_reasoning_is_shown_as_it_was_thought_and_is_no_markdown() -> None:
    thought = "# one\n\n* two *three* <b>four</b> &amp; `five`\n    six"
    page = Page(static.html(grown(ReasoningDelta(thought), TextDelta("a"))))
    assert thought in page.text
    assert not {"h1", "ul", "em", "b", "code"} & {tag for tag, _ in page.elements}


@pytest.mark.parametrize("text", ["It costs $5 and $6.", r"\(x\) and \[y\]", "$$x$$", r"\begin{a}x\end{a}"])
def test_reasoning_is_no_mathematics_either(text: str) -> None:
    page = Page(static.html(grown(ReasoningDelta(text), TextDelta("a"))))
    assert text in page.text
    assert page.formulas == []


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_comes_to_life_anywhere_on_the_page(text: str) -> None:
    reply = grown(Opened("c1", text), ReasoningDelta(text), TextDelta(text), Finished(text))
    assert unsafe(shown(reply), PAGE) == []
    for line in (words.byline(reply), words.status(reply), text):
        assert unsafe(static.line(line), PAGE) == []


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text(), st.text())
@example(CONTROLS, CONTROLS, CONTROLS)
def test_no_text_at_all_comes_to_life_anywhere_on_the_page(thought: str, text: str, word: str) -> None:
    reply = grown(Opened("c1", word), ReasoningDelta(thought), TextDelta(text), Finished(word))
    html = shown(reply)
    assert unsafe(html, PAGE) == []
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", html)


def test_a_page_needs_nothing_from_elsewhere() -> None:
    html = shown(grown(ReasoningDelta("a"), TextDelta("![a](https://a.b/c.png)\n\n```python\nx\n```")))
    assert not re.search(r"(?i)<(script|style|link|img|iframe)|\b(src|srcset|url)\b\s*[=(]", html)


# ---- the words of a reply ----


def test_the_byline_says_model_seconds_tokens_and_cost() -> None:
    assert re.fullmatch(
        r"kimi-k2-thinking · \d+\.\d s · 58,023 tokens · \$0\.1427",
        words.byline(grown(*ANSWERED)),
    )


def test_what_the_byline_leaves_out_is_behind_it() -> None:
    assert words.details(grown(*ANSWERED)) == (
        "1,234 tokens in (4 cached) · 56,789 out (5,000 of them reasoning) · ≈ $0.1427, an estimate by the "
        "list price"
    )
    assert f'title="{words.details(grown(*ANSWERED))}"' in static.html(grown(*ANSWERED))
    assert words.details(grown(TextDelta("a"))) == ""
    assert words.details(grown(TextDelta("a"), Counted(Usage(1, 2)))).startswith("1 tokens in · 2 out · ")


def test_the_byline_does_not_make_up_what_the_service_did_not_say() -> None:
    assert re.fullmatch(
        r"kimi-k2-thinking · \d+\.\d s · ended without a reason given", words.byline(grown(TextDelta("a")))
    )
    assert "reasoning" not in words.byline(grown(TextDelta("a"), Counted(Usage(1, 2))))


@pytest.mark.parametrize(
    ("said", "end", "text"),
    [
        ([TextDelta("a")], "interrupted", "stopped"),
        ([], "interrupted", "stopped"),
        ([TextDelta("a")], "failed", "failed"),
        ([], "failed", "failed"),
        ([TextDelta("a"), Finished("stop")], "failed", "failed"),
        ([TextDelta("a"), Finished("length")], "complete", "cut at --max-tokens"),
        ([Finished("length")], "complete", "cut at --max-tokens before the answer began"),
        ([TextDelta("a"), Finished("content_filter")], "complete", "content_filter"),
    ],
)
def test_the_byline_says_how_it_ended(said: list[Event], end: str, text: str) -> None:
    assert re.fullmatch(rf"kimi-k2-thinking · \d+\.\d s · {text}", words.byline(grown(*said, end=end)))


@pytest.mark.parametrize("end", [None, "complete", "failed"])
def test_the_simulator_is_always_named(end: str | None) -> None:
    for said in ([], [ReasoningDelta("a")], [TextDelta("a")]):
        assert words.status(grown(*said, end=end, simulated=True)).endswith(" · offline simulator")
        assert "simulator" not in words.status(grown(*said, end=end))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ([], "connecting"),
        ([Sent()], "waiting for the first words"),
        ([ReasoningDelta("a")], "thinking"),
        ([TextDelta("a")], "answering"),
    ],
)
def test_the_status_says_what_happens_at_the_moment(said: list[Event], text: str) -> None:
    assert re.fullmatch(
        rf"kimi-k2-thinking · {text} · \d+ s( · ≈ \d+ tokens(/s)?)?", words.status(grown(*said, end=None))
    )


def test_the_status_of_a_reply_that_ended_is_its_byline() -> None:
    reply = grown(*ANSWERED)
    assert words.status(reply) == words.byline(reply)


def test_the_title_of_the_reasoning_says_how_long_and_how_much() -> None:
    assert re.fullmatch(r"Thinking… \d+ s", words.reasoning_title(grown(ReasoningDelta("a"), end=None)))
    assert re.fullmatch(
        r"Thought for \d+\.\d s · ≈ 2 tokens",
        words.reasoning_title(grown(ReasoningDelta("Two, two"), TextDelta("b"))),
    )
    assert re.fullmatch(r"Thought for \d+\.\d s · 5,000 tokens", words.reasoning_title(grown(*ANSWERED)))


def test_a_status_line_is_read_aloud_when_it_changes() -> None:
    assert 'role="status"' in static.line("a")


@pytest.mark.parametrize("end", [None, "complete"])
def test_the_model_and_the_reason_that_the_service_names_are_one_line_without_controls(
    end: str | None,
) -> None:
    for said in ([], [ReasoningDelta("a")], [TextDelta("a"), Finished(f"st{CONTROLS}op\n")]):
        reply = grown(Opened("c1", f"ki{CONTROLS}mi\n2"), *said, end=end)
        for shown in (words.status(reply), words.byline(reply)):
            assert shown.isprintable()


def test_plain_text_is_the_markdown_of_the_answer() -> None:
    assert static.plain(grown(*ANSWERED)) == "**Four.**"
    assert static.plain(grown(TextDelta(f"a\n\tb{CONTROLS}c\r\n"))) == "a\n\tb[31m]0;title[2J1;1H0;tc\n"


def test_plain_text_without_an_answer_says_why() -> None:
    reply = grown(end="interrupted")
    assert static.plain(reply) == words.byline(reply)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_printable_text_obeys_nobody_and_loses_no_word(text: str) -> None:
    shown = words.printable(text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
    kept = re.compile("[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
    assert kept.findall(shown) == kept.findall(text)
    assert shown.count("\n") >= text.count("\n")


# ---- a terminal, or a pipe ----

THINKING = [[ReasoningDelta("Two ")], [ReasoningDelta("plus two.")]]
ANSWERING = [[TextDelta("Fo")], [TextDelta("ur."), Finished("stop")]]


def test_a_pipe_gets_the_answer_alone() -> None:
    out, _ = watched(*THINKING, *ANSWERING)
    assert out == "Four.\n"


def test_the_other_stream_gets_reasoning_and_byline_and_no_escape_where_it_is_no_terminal() -> None:
    _, err = watched(*THINKING, *ANSWERING)
    assert re.fullmatch(r"Reasoning\nTwo plus two\.\n\nkimi-k2-thinking · \d+\.\d s\n", err)


def test_hidden_reasoning_is_not_written() -> None:
    for kind in (io.StringIO, Terminal):
        out, err = watched(*THINKING, *ANSWERING, hide=True, err=kind)
        assert out == "Four.\n"
        assert "plus" not in err
        assert "Reasoning" not in err


def test_a_terminal_is_shown_life_at_once_and_the_status_goes_away_again() -> None:
    _, err = watched(*THINKING, *ANSWERING, err=Terminal)
    status, rest = err.split("\r\x1b[2K", 2)[1:]
    assert status.startswith("\x1b[2mkimi-k2-thinking · connecting")
    assert rest.startswith("\x1b[2mReasoning\n")


def test_a_status_that_did_not_change_is_not_written_again() -> None:
    out, err = io.StringIO(), Terminal()
    view, reply = TerminalView(out, err), GrowingTurn("m")
    view.open(reply)
    for _ in range(20):
        view.update(reply)
    statuses = set(re.findall(r"connecting · \d+ s", err.getvalue()))
    assert err.getvalue().count("connecting") == len(statuses)


@pytest.mark.parametrize("end", ["interrupted", "failed"])
def test_a_reply_that_broke_off_keeps_what_came(end: str) -> None:
    out, err = watched([TextDelta("Fo")], end=end)
    assert out == "Fo\n"
    assert "This part is not in the conversation" in err


def test_a_reply_that_ended_before_its_first_word_is_a_byline_alone() -> None:
    out, err = watched(end="interrupted", err=Terminal)
    assert out == ""
    last = err.rsplit("\r\x1b[2K", 1)[1]
    assert re.fullmatch(r"\x1b\[2mkimi-k2-thinking · \d+\.\d s · stopped\n\x1b\[0m", last)


def test_a_reply_that_only_thought_ends_on_a_line_of_its_own() -> None:
    out, err = watched(*THINKING, [Finished("length")])
    assert out == ""
    assert re.fullmatch(
        r"Reasoning\nTwo plus two\.\nCut .*\.\nkimi-k2-thinking · .* before the answer began\n", err
    )


def test_thought_that_follows_the_answer_is_not_put_inside_it() -> None:
    out, err = watched([TextDelta("Fo")], [ReasoningDelta("Sure?")], [TextDelta("ur.")])
    assert out == "Four.\n"
    assert "Sure?" not in err


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
@pytest.mark.parametrize("hide", [True, False])
def test_a_terminal_obeys_us_and_not_the_model(kind: type[io.StringIO], hide: bool) -> None:
    hostile = f"a{CONTROLS}b\r"
    batches = [[Opened("c1", hostile)], [ReasoningDelta(hostile)], [TextDelta(hostile)], [Finished(hostile)]]
    out, err = watched(*batches, err=kind, hide=hide)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", ESCAPES.sub("", err) if kind is Terminal else err)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(), max_size=6),
    st.lists(st.text(), max_size=6),
    st.booleans(),
)
@example(["a\r", "\nb"], ["c\r", "\nd", "\r"], True)
def test_however_it_arrives_the_terminal_shows_the_whole(
    thought: list[str], text: list[str], tty: bool
) -> None:
    out, err = watched(
        *([ReasoningDelta(part)] for part in thought),
        *([TextDelta(part)] for part in text),
        err=Terminal if tty else io.StringIO,
    )

    def letters(text: str) -> str:  # a terminal wraps the reasoning, and marks its lines
        return re.sub(r"[\s│]", "", text) if tty else text

    answer = words.printable("".join(text))
    assert out == (answer + "\n" if "".join(text) else "")
    assert letters(words.printable("".join(thought))) in letters(ESCAPES.sub("", err))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_kept_of_a_growing_reply_is_plain_text(text: str) -> None:
    turn = GrowingTurn("kimi-k2-thinking")
    for event in (ReasoningDelta(text), TextDelta(text)):
        turn.add(event)
    html = static.so_far(turn, "kimi-kept-0")
    assert unsafe(html, PAGE) == []
    assert "\n\n" not in html
