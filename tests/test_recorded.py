"""Recorded streams, one situation each: however the bytes are cut, they are the same events and answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic import errors
from kimi_magic.client import Client, Connection
from kimi_magic.keys import Key
from kimi_magic.messages import (
    Event,
    Finished,
    Message,
    Opened,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from kimi_magic.usage import Usage

from .peers import hurry, reply_of

RECORDED = Path(__file__).parent / "recorded"
CONNECTION = Connection("https://service.test/v1", Key("sk-0123456789abcdef"))
REQUEST = Request("asked", (Message("user", "2+2?"),), stream=True, n=2)
ID, MODEL = "cmpl-7c1d0b5e9a2f4c63b8e1d4a7f0935b26", "kimi-k2-thinking"
USAGE = Usage(prompt=11, completion=9, reasoning=5)
OSLO = ToolCall("get_temp:0", "get_temp", '{"city":"Oslo"}')
TURIN = ToolCall("get_temp:1", "get_temp", '{"city":"Turin"}')


@dataclass(frozen=True)
class Said:
    """One answer as it has to come out."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = "stop"
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What a recorded stream has to become: its answers, the tokens, and the error if it is not complete."""

    answers: tuple[Said, ...]
    usage: Usage | None = None
    error: type[errors.KimiError] | None = None
    words: str = ""


def one(text: str, reasoning: str = "", *, usage: Usage | None = None, **more: object) -> Expected:
    return Expected((Said(text, reasoning, **more),), usage)


TABLE = {
    "plain": one("Io, Europa and Ganymede."),
    "thinking": one("Four.", "Two plus two.", usage=USAGE),
    "reasoning_under_reasoning": one("Four.", "Two plus two."),
    "two_choices": Expected(
        (Said("second done", "BC", "length"), Said("first done", "A")),
        Usage(prompt=7, completion=8, reasoning=3),
    ),
    "tool_calls": one("", "Look both up.", usage=USAGE, finish_reason="tool_calls", tool_calls=(OSLO, TURIN)),
    "tool_calls_without_index": one("", finish_reason="tool_calls", tool_calls=(OSLO, TURIN)),
    "usage_in_the_choice": one("Four.", usage=Usage(prompt=300, completion=9, cached=256, reasoning=5)),
    "usage_on_top": one("Four.", usage=Usage(prompt=300, completion=9, cached=256)),
    "usage_in_both": one("Four.", usage=Usage(prompt=300, completion=9, cached=256, reasoning=5)),
    "error_in_the_stream": Expected(
        (Said("Fo", "Two plus", None),),
        error=errors.KimiRateLimitError,
        words="The engine is currently overloaded, please try again later",
    ),
    "cut_before_the_end": Expected(
        (Said("Four", "Two plus two.", None),), error=errors.KimiStreamError, words="the answer broke off"
    ),
    "no_done": one("Four.", usage=USAGE),
    "comments_and_crlf": one("Four.\r\n", "Two plus two."),
    "every_alphabet": one("海は青い。👩‍🔬 é\u2029𝄞 שלום\x0b\x1c", "思考\u2028中…\x85"),
    "content_null_and_role_everywhere": one("Four.", "Two plus two."),
    "unknown_finish_reason": one("Four.", usage=USAGE, finish_reason="repetition_truncation"),
}


class Pieces(httpx.AsyncByteStream):
    """A body that arrives in these pieces, each in a turn of the loop of its own."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
            await asyncio.sleep(0)


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)
    error: errors.KimiError | None = None


# Making a client loads certificates, some 50 ms: all streams come through this one.
_next: list[Sequence[bytes]] = []
CLIENT = Client(
    {"network": lambda: httpx.MockTransport(lambda _: httpx.Response(200, stream=Pieces(_next.pop())))}
)


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.sse").read_bytes()


def hear(*pieces: bytes) -> Heard:
    """What the client makes of a body that comes in `pieces`."""
    heard = Heard()
    _next[:] = [pieces]

    async def listen() -> None:
        try:
            await CLIENT.stream(CONNECTION, REQUEST, heard.events.extend)
        except errors.KimiError as error:
            heard.error = error

    hurry(listen)
    return heard


def joined(events: Sequence[Event]) -> list[Event]:
    """The events with neighbouring deltas of one kind and place as one."""

    def place(event: Event) -> object:
        match event:
            case TextDelta(_, index) | ReasoningDelta(_, index):
                return type(event), index
            case ToolCallDelta(id, _, _, call, index):
                return type(event), index, call, id
        return object()  # equal to no other

    found: list[Event] = []
    for _, group in groupby(events, place):
        first, *rest = group
        match first:
            case TextDelta() | ReasoningDelta():
                more = "".join(event.text for event in rest)
                first = msgspec.structs.replace(first, text=first.text + more)
            case ToolCallDelta():
                more = "".join(event.arguments for event in rest)
                first = msgspec.structs.replace(first, arguments=first.arguments + more)
        found.append(first)
    return found


def is_beginning(events: Sequence[Event], whole: Sequence[Event]) -> bool:
    """Whether `events` are the first of `whole`, of which the last may be a text that goes on."""
    events, whole = joined(events), joined(whole)
    if not events:
        return True
    *before, last = events
    other = whole[len(before)]
    for name in ("text", "arguments"):
        if type(last) is type(other) and hasattr(last, name):
            other = msgspec.structs.replace(other, **{name: getattr(other, name)[: len(getattr(last, name))]})
    return before == whole[: len(before)] and last == other


def assert_same(heard: Heard, whole: Heard) -> None:
    assert joined(heard.events) == joined(whole.events)
    assert (type(heard.error), str(heard.error)) == (type(whole.error), str(whole.error))


def test_each_recorded_stream_stands_in_the_table() -> None:
    assert sorted(TABLE) == sorted(path.stem for path in RECORDED.glob("*.sse"))


@pytest.mark.parametrize("name", TABLE)
def test_a_recorded_stream_becomes_its_answer(name: str) -> None:
    expected, heard = TABLE[name], hear(recorded(name))
    reply = reply_of(heard.events, n=len(expected.answers))
    assert (reply.turn.step.id, reply.model, reply.usage) == (ID, MODEL, expected.usage)
    assert [
        Said(choice.text, choice.reasoning, choice.finish_reason, choice.tool_calls)
        for choice in reply.choices
    ] == list(expected.answers)
    first = expected.answers[0]
    assert (reply.text, reply.reasoning, reply.finish_reason) == (
        first.text,
        first.reasoning,
        first.finish_reason,
    )
    assert reply.tool_calls == first.tool_calls
    if expected.error is None:
        assert heard.error is None
    else:
        assert type(heard.error) is expected.error
        assert expected.words in heard.error.message
        assert "\n" not in heard.error.message


@pytest.mark.parametrize("name", TABLE)
def test_a_recorded_stream_opens_once_and_first(name: str) -> None:
    first, *rest = hear(recorded(name)).events
    assert first == Opened(ID, MODEL)
    assert not any(isinstance(event, Opened) for event in rest)


@pytest.mark.parametrize("name", TABLE)
def test_byte_by_byte_it_is_the_same(name: str) -> None:
    stream = recorded(name)
    assert_same(hear(*(stream[at : at + 1] for at in range(len(stream)))), hear(stream))


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_cut_at_random_it_is_the_same(name: str, data: st.DataObject) -> None:
    stream = recorded(name)
    points = data.draw(st.lists(st.integers(0, len(stream)), max_size=16))
    marks = [0, *sorted(points), len(stream)]
    assert_same(hear(*(stream[a:b] for a, b in pairwise(marks))), hear(stream))


@pytest.mark.parametrize("name", [name for name in TABLE if TABLE[name].error is None])
def test_wherever_it_is_cut_off_it_is_an_error_unless_all_its_answers_had_ended(name: str) -> None:
    stream = recorded(name)
    whole = hear(stream).events
    for end in range(0, len(stream), 7):
        heard = hear(stream[:end])
        assert is_beginning(heard.events, whole)
        if heard.error is not None:
            assert isinstance(heard.error, errors.KimiStreamError)
            continue
        begun = {event.index for event in heard.events if isinstance(event, TextDelta | ReasoningDelta)}
        ended = {event.index for event in heard.events if isinstance(event, Finished)}
        assert begun <= ended != set(), f"cut off after {end} bytes"


def test_a_choice_that_ends_early_does_not_end_the_others() -> None:
    events = hear(recorded("two_choices")).events
    ends = [event for event in events if isinstance(event, Finished)]
    assert ends == [Finished("stop", 1), Finished("length", 0)]
    after = events[events.index(ends[0]) :]
    assert [event for event in after if isinstance(event, TextDelta)] == [TextDelta("second done", 0)]


def test_the_thought_stays_out_of_the_text_in_every_recorded_stream() -> None:
    for name, expected in TABLE.items():
        events = hear(recorded(name)).events
        for index, said in enumerate(expected.answers):
            texts = [event.text for event in events if isinstance(event, TextDelta) and event.index == index]
            assert "".join(texts) == said.text, name
