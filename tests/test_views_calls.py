"""Calls in a terminal, in a pipe, in histories and exports."""

from __future__ import annotations

import io

import pytest

from kimi_magic import kernel, view
from kimi_magic.conversation import Step, ToolResult
from kimi_magic.messages import Finished, ReasoningDelta, TextDelta, ToolCall, ToolCallDelta
from kimi_magic.view import calls, history, static, terminal, words
from tests.test_static import ESCAPES, Terminal
from tests.turns import GrowingTurn, cell_plan, run


def get_temperature(city: str) -> str:
    """The temperature in a city now."""
    return f"{len(city)} °C"


def call_begins(turn: GrowingTurn, text: str = "Let me look.") -> ToolResult:
    turn.add(ReasoningDelta("I need it."), TextDelta(text))
    turn.add(ToolCallDelta("c:0", "f", '{"city": "Oslo"}', 0), Finished("tool_calls"))
    step = turn.steps[-1]
    step.end("complete")
    step.results = [ToolResult(ToolCall("c:0", "f", '{"city": "Oslo"}'))]
    return step.results[0]


def answer_comes(turn: GrowingTurn) -> None:
    turn.steps.append(Step(turn.steps[0].request))
    turn.add(ReasoningDelta("Now I know."), TextDelta("It is 4 °C."), Finished("stop"))


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_a_terminal_has_everything_in_its_order_and_a_pipe_the_answer_alone(kind: type) -> None:
    out, err = kind(), Terminal()
    shown = terminal.TerminalView(out, err)
    turn = GrowingTurn("m")
    shown.open(turn)
    result = call_begins(turn)
    shown.update(turn)
    assert words.status(turn).startswith("m · running functions · ")
    result.begin()
    shown.update(turn)
    assert words.status(turn).startswith("m · running f · ")
    result.end("done", "4 °C")
    shown.update(turn)
    answer_comes(turn)
    shown.update(turn)
    turn.end()
    shown.close(turn)
    beside = ESCAPES.sub("", err.getvalue())
    places = [
        beside.index(text) for text in ("I need it.", '✓ f(city="Oslo"): done', "  4 °C", "Now I know.")
    ]
    assert places == sorted(places)
    assert " · 2 requests\n" in beside
    written = out.getvalue()
    if kind is io.StringIO:
        assert written == "It is 4 °C.\n"
    else:
        assert written.index("Let me look.") < written.index("It is 4 °C.")


def test_the_page_has_reasoning_text_calls_and_answer_in_their_order() -> None:
    turn = GrowingTurn("m")
    call_begins(turn).end("failed", "Error: no such city")
    answer_comes(turn)
    turn.end()
    page = static.html(turn)
    parts = ["I need it.", "Let me look.", "✗ f(city=&quot;Oslo&quot;)", "Now I know.", "It is 4 °C."]
    parts[2] = parts[2] if parts[2] in page else '✗ f(city="Oslo")'
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert static.plain(turn) == "It is 4 °C."
    assert view.reasoning_in(page) == "Now I know."
    assert view.is_inert(page)


@pytest.mark.parametrize(
    "state", ["waiting", "asking", "running", "done", "failed", "refused", "interrupted"]
)
def test_each_state_of_a_call_has_its_word(state: str) -> None:
    result = ToolResult(ToolCall("1", "f", "{}"))
    if state == "running":
        result.begin()
    elif state in ("waiting", "asking"):
        result.state = state  # type: ignore[assignment]
    else:
        result.end(state, "why")  # type: ignore[arg-type]
    assert calls.WORDS[state] in calls.title(result)
    assert ("<details" in calls.card(result)) is True
    assert (" open>" in calls.card(result)) is (state == "asking")


def test_a_very_large_result_is_cut_visibly_in_its_card() -> None:
    result = ToolResult(ToolCall("1", "f", "{}"))
    result.end("done", "x" * 30_000)
    card = calls.card(result)
    assert "[10,000 more characters are not shown]" in card
    assert len(card) < 25_000


def test_a_conversation_with_calls_is_shown_and_saved_as_markdown() -> None:
    with kernel.fresh(offline=True, speed=0) as fresh:
        names = {"get_temperature": get_temperature}
        run(cell_plan("-T get_temperature --yes", "Is the temperature higher in Oslo or in Turin?", names))
        chat = fresh.conversation
        page = history.conversation_html(chat)
        assert page.count('<details class="kimi-call">') == 4  # two calls, two results
        assert page.index("get_temperature · result · 4 °C") < page.index("returned")
        text = history.conversation_text(chat)
        assert 'get_temperature({"city": "Oslo"})' in text
        assert "tool:\n5 °C" in text
        written = history.conversation_markdown(chat)
        assert '**Call of get_temperature**\n\n```text\n{"city": "Oslo"}\n```' in written
        assert "**Result of get_temperature**\n\n```text\n4 °C\n```" in written
        assert written.index("**Prompt**") < written.index("**Call of") < written.index("**Answer**")
