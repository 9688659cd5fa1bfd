"""Reasoning in tags and tool calls in Kimi's tokens: what hosts without Kimi's parsers leave in the text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.messages import Choice, Noticed, ReasoningDelta, TextDelta, TextWasReasoning, ToolCall, marks
from kimi_magic.messages.events import ToolCallDelta

CALL = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
    '{"city": "Oslo"}<|tool_call_end|><|tool_calls_section_end|>'
)
TWO = CALL.replace("<|tool_calls_section_end|>", "") + CALL.replace(
    "<|tool_calls_section_begin|>", ""
).replace("weather:0", "time:1")


def cut(text: str, places: list[int]) -> list[str]:
    """`text` in pieces that end at `places`."""
    edges = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(edges)]


def read(
    pieces: list[str], kind: type = TextDelta, *, has_reasoning: bool = False
) -> tuple[Choice, list[str]]:
    """The choice that grows from the pieces, and the notices."""
    reader, choice, notices = marks.Reader(kind, 0), Choice(), []
    if has_reasoning:
        reader.expect_no_tags()
    events = [event for piece in pieces for event in reader.feed(piece)] + reader.end()
    for event in events:
        match event:
            case TextDelta(text):
                choice.add_text(text)
            case ReasoningDelta(text):
                choice.add_reasoning(text)
            case TextWasReasoning():
                choice.move_text()
            case ToolCallDelta(ident, name, arguments, call):
                choice.add_call(call, ident, name, arguments)
            case Noticed(text):
                notices.append(text)
    return choice, notices


IN_CODE = "see `</think>` and\n```\n</think>\n```\n"
TAGGED = [
    ("<think>\nlet me see\n</think>\n\nforty-two", "let me see\n", "forty-two"),
    ("\n <think>a < b</think>forty-two", "a < b", "forty-two"),
    ("<thinking>hm</thinking> yes", "hm", "yes"),
    ("◁think▷let me see◁/think▷forty-two", "let me see", "forty-two"),
    ("<think></think>\n\nforty-two", "", "forty-two"),
    ('He said "yes"</think>yes', 'He said "yes"', "yes"),
    ("only reasoning</think>", "only reasoning", ""),
    ("<think>never closed", "never closed", ""),
    ("let me see\n</think>\n\nforty-two", "let me see\n", "forty-two"),
    (f"{IN_CODE}then\n</think>\nyes", f"{IN_CODE}then\n", "yes"),
    ("a◁/think▷b", "a", "b"),
    ("<think>one</think>two <think>three</think>", "one", "two <think>three</think>"),
    ('{"a": 1}</think>{"b": 2}', '{"a": 1}', '{"b": 2}'),
]  # fmt: skip
PLAIN = [
    "Use `<think>` tags:\n\n```\n<think>x</think>\n```\n",
    "Use `</think>` to end.",
    'The tag "</think>" ends it, and (</think>) too.',
    "<b>bold</b> and a < b",
    "~~~html\n</think>\n~~~\n",
    "   \n",
    "<thin",
    "</thin",
    "◁",
    "",
]
PLACES = st.lists(st.integers(0, 200), max_size=12)


@pytest.mark.parametrize(("text", "reasoning", "answer"), TAGGED)
@given(PLACES)
@settings(deadline=None)
def test_reasoning_in_tags_becomes_the_reasoning_wherever_it_is_cut(
    text: str, reasoning: str, answer: str, places: list[int]
) -> None:
    choice, notices = read(cut(text, places))
    assert (choice.reasoning, choice.text, notices) == (reasoning, answer, [])


@pytest.mark.parametrize("text", PLAIN)
@given(PLACES)
@settings(deadline=None)
def test_tags_in_code_in_quotes_and_in_part_are_text(text: str, places: list[int]) -> None:
    choice, _ = read(cut(text, places))
    assert (choice.reasoning, choice.text) == ("", text)


@pytest.mark.parametrize("text", [text for text, _, _ in TAGGED])
def test_tags_are_text_where_the_service_sends_reasoning_itself(text: str) -> None:
    choice, _ = read([text], has_reasoning=True)
    assert (choice.reasoning, choice.text) == ("", text)


@pytest.mark.parametrize("kind", [TextDelta, ReasoningDelta])
@given(PLACES)
@settings(deadline=None)
def test_tool_calls_in_the_text_or_in_the_reasoning_are_tool_calls(kind: type, places: list[int]) -> None:
    choice, notices = read(cut(f"Let me look. {TWO}", places), kind)
    assert (choice.text, choice.reasoning) == (
        ("Let me look. ", "") if kind is TextDelta else ("", "Let me look. ")
    )
    assert choice.tool_calls == (
        ToolCall("functions.weather:0", "weather", '{"city": "Oslo"}'),
        ToolCall("functions.time:1", "time", '{"city": "Oslo"}'),
    )
    assert notices == [marks.CALL_NOTICE]


@given(PLACES)
@settings(deadline=None)
def test_a_tool_call_inside_tagged_reasoning_is_a_tool_call(places: list[int]) -> None:
    choice, _ = read(cut(f"<think>I look.{CALL} So.</think>Yes.", places))
    assert (choice.reasoning, choice.text, len(choice.tool_calls)) == ("I look.So.", "Yes.", 1)


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{CALL}\n```\n",
        f"The tokens are `{CALL}`.",
        "<|tool_calls_section_begin|> is the first token.",
        "<|tool_call_begin|>" + "x" * 70_000,
        "<|im_end|> a <|tool_",
    ],
)
def test_tokens_that_are_no_call_are_text(text: str) -> None:
    choice, notices = read(cut(text, list(range(0, len(text), 97))))
    assert (choice.text, choice.tool_calls, notices) == (text, (), [])


def test_a_call_that_is_cut_is_kept_as_far_as_it_came() -> None:
    choice, _ = read(['<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"a": '])
    assert choice.tool_calls == (ToolCall("functions.f:0", "f", '{"a":'),)


PIECES = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "◁think▷", "◁/think▷", "`", "```\n", "\n", "a", " ", "<", "<|tool_call", CALL]
    ),
    max_size=30,
)  # fmt: skip


@given(PIECES, st.lists(st.integers(0, 2000), max_size=20))
@settings(max_examples=300, deadline=None)
def test_the_cuts_never_matter_and_no_letter_is_lost(pieces: list[str], places: list[int]) -> None:
    text = "".join(pieces)
    whole, in_pieces = read([text])[0], read(cut(text, places))[0]
    assert (whole.text, whole.reasoning, whole.tool_calls) == (
        in_pieces.text,
        in_pieces.reasoning,
        in_pieces.tool_calls,
    )
    assert (whole.text + whole.reasoning).count("a") == text.count("a") - _letters_of_calls(whole)


def _letters_of_calls(choice: Choice) -> int:
    """Letters "a" that went into the tool calls and their tokens."""
    return CALL.count("a") * len(choice.tool_calls)
