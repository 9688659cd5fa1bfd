"""Several answers, cut answers, answers that begin as told: in a plain script, against the simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import KimiUsageError, Reply, ToolCall, kernel
from kimi_magic.messages import (
    Event,
    Finished,
    ReasoningDelta,
    Request,
    TextDelta,
    decode_chunk,
)

from .peers import answering, delta, stream
from .turns import Growing, Unseen, cell_plan, continued_plan, pick, run

SKY = "Why is the sky blue?"


@pytest.fixture(autouse=True)
def offline() -> Iterator[None]:
    with kernel.fresh(offline=True, speed=0):
        yield


def asked(prompt: str = SKY, stop: Any = None, **given: Any) -> Reply:
    """Ask as a cell does: with history, with a view."""
    return run(cell_plan(prompt=prompt, **given), stop)


def resumed(stop: Any = None, **given: Any) -> Reply:
    return run(continued_plan(**given), stop)


def refused(**given: Any) -> None:
    with pytest.raises(kimi_magic.KimiModelError):
        asked(**given)


def said() -> list[tuple[str, Any]]:
    return [(message.role, message.content) for message in kernel.current.conversation.before()]


def grown(*events: Event, n: int = 1, prefix: str = "") -> Growing:
    reply = Growing(n=n, prefix=prefix)
    reply.add(*events)
    reply.end("complete")
    return reply


def cut_in_the_text(tokens: int = 20) -> int:
    """A cap with which the answer to SKY ends `tokens` after its thought."""
    return kimi_magic.ask(SKY).usage.reasoning + tokens


# ---- several answers ----


def test_each_answer_is_whole_and_the_first_speaks_for_the_reply() -> None:
    alone = kimi_magic.ask(SKY)
    reply = kimi_magic.ask(SKY, n=3)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.text for choice in reply.choices}) == 3
    assert all(choice.finish_reason == "stop" and choice.reasoning for choice in reply.choices)
    first = reply.choices[0]
    assert (reply.text, reply.reasoning, reply.finish_reason) == (first.text, first.reasoning, "stop")
    assert str(first) == reply.text == alone.text
    assert reply.usage.completion > 2 * alone.usage.completion


def test_several_answers_come_the_same_without_streaming() -> None:
    streamed, whole = kimi_magic.ask(SKY, n=3), kimi_magic.ask(SKY, n=3, stream=False)
    assert [c.text for c in streamed.choices] == [c.text for c in whole.choices]
    assert [c.reasoning for c in streamed.choices] == [c.reasoning for c in whole.choices]


def test_a_reply_to_one_question_has_one_choice() -> None:
    reply = kimi_magic.ask(SKY)
    (choice,) = reply.choices
    assert (choice.text, choice.reasoning, choice.tool_calls) == (reply.text, reply.reasoning, ())
    assert repr(choice).startswith("<Choice 0 'The sky is blue")


@pytest.mark.parametrize("n", [0, 6, 1.5, "two", True])
def test_a_number_of_answers_out_of_range_is_named(n: Any) -> None:
    with pytest.raises(KimiUsageError, match=f"n {n!r}: expected a whole number from 1 to 5"):
        kimi_magic.ask(SKY, n=n)


PIECES = st.sampled_from([TextDelta, ReasoningDelta])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), PIECES, st.text(min_size=1), st.booleans()), max_size=60))
def test_however_they_are_interleaved_each_answer_is_whole(pieces: list[Any]) -> None:
    reply = Growing("m", n=5)
    for index, kind, text, read in pieces:
        reply.add(kind(text, index))
        if read:
            assert reply.text == reply.choices[0].text
    wanted = {
        (index, kind): "".join(text for i, k, text, _ in pieces if (i, k) == (index, kind))
        for index in range(5)
        for kind in (TextDelta, ReasoningDelta)
    }
    for choice in reply.choices:
        assert choice.text == wanted[choice.index, TextDelta]
        assert choice.reasoning == wanted[choice.index, ReasoningDelta]
    reply.end("complete")
    assert {choice.index for choice in reply.choices} == ({index for index, *_ in pieces} or {0})


def test_one_that_ends_early_does_not_end_the_others() -> None:
    reply = Growing("m", n=2)
    for event in (TextDelta("Short.", 1), Finished("stop", 1), TextDelta("Lo", 0), TextDelta("ng.", 0)):
        reply.add(event)
    assert [choice.state for choice in reply.choices] == ["answering", "ended"]
    assert (reply.state, reply.finish_reason) == ("answering", None)
    reply.add(Finished("length", 0))
    reply.end("complete")
    assert [(c.text, c.finish_reason) for c in reply.choices] == [("Long.", "length"), ("Short.", "stop")]


def test_a_choice_that_never_came_is_not_among_the_answers() -> None:
    reply = grown(TextDelta("Only.", 0), n=3)
    assert [str(choice) for choice in reply.choices] == ["Only."]


def test_a_service_that_counts_from_one_is_understood() -> None:
    reply = grown(ReasoningDelta("Hm.", 1), TextDelta("Only.", 1), Finished("stop", 1))
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Only.", "Hm.", "stop")


# ---- which of them the conversation goes on from ----


def test_the_first_answer_enters_the_conversation_and_a_pick_takes_its_place() -> None:
    asked("Hello")
    reply = asked(n=3)
    assert said()[-1] == ("assistant", reply.choices[0].text)
    picked = pick(3)
    assert picked is reply.choices[2]
    assert said()[-2:] == [("user", SKY), ("assistant", picked.text)]
    assert kernel.current.conversation.before()[-1].reasoning_content == picked.reasoning
    assert kimi_magic.last.text == picked.text
    pick(1)
    assert said()[-1] == ("assistant", reply.choices[0].text)
    assert len(kernel.current.conversation) == 2


@pytest.mark.parametrize(
    ("ask", "number", "words"),
    [
        (asked, 1, "--pick 1: the last reply has just one answer"),
        (lambda: asked(n=2), 3, "--pick 3: the last reply has answers 1 to 2"),
        (lambda: asked(n=2, history=False), 2, "not in the conversation, it stands alone"),
        (lambda: asked(n=2, stop=lambda reply: reply.choices[1].text), 2, "it was interrupted"),
        (lambda: asked(n=2, max_tokens=5), 2, "no conversation can go on from that answer"),
    ],
)
def test_what_cannot_be_picked_is_said_in_one_line(ask: Any, number: int, words: str) -> None:
    ask()
    before = said()
    with pytest.raises(KimiUsageError) as caught:
        pick(number)
    assert words in caught.value.message
    assert said() == before


def test_a_turn_that_is_no_longer_there_cannot_be_picked_from() -> None:
    asked(n=2)
    kimi_magic.ask("And now?", history=True)
    with pytest.raises(KimiUsageError, match="the last reply has just one answer"):
        pick(2)


@pytest.mark.parametrize("go_on", [lambda: pick(2), continued_plan], ids=["pick", "continue"])
def test_after_a_reset_nothing_is_left_to_pick_from_or_to_continue(go_on: Any) -> None:
    asked(n=2, max_tokens=cut_in_the_text())
    kernel.current.reset()
    with pytest.raises(KimiUsageError, match="nothing was asked yet"):
        go_on()
    assert said() == []


def test_an_ask_that_stands_alone_between_cells_is_not_what_pick_and_continue_speak_of() -> None:
    reply = asked(n=2, max_tokens=cut_in_the_text())
    alone = kimi_magic.ask("Hello", n=3)
    assert kimi_magic.last is alone
    assert pick(2) is reply.choices[1]
    assert continued_plan().request.messages[-1].content == reply.choices[1].text


def test_where_the_first_answer_cannot_be_kept_another_can() -> None:
    first, second = delta(reasoning_content="Hm."), delta(1, content="Blue.")
    answers = stream(first, delta(finish="length"), second, delta(1, finish="stop"))
    with answering(answers):
        asked(n=2, offline=False)
    assert said() == []
    pick(2)
    assert said() == [("user", SKY), ("assistant", "Blue.")]


# ---- what does not enter the conversation ----


@pytest.mark.parametrize(
    "chunks",
    [
        [delta(finish="stop")],
        [delta(reasoning_content="Hm."), delta(finish="stop")],
        [delta(reasoning_content="Hm."), delta(finish="length")],
        [delta(content="How to"), delta(finish="content_filter")],
        [
            delta(content="Let me see."),
            delta(tool_calls=[{"id": "a:0", "function": {"name": "a", "arguments": "{}"}}]),
            delta(finish="tool_calls"),
        ],
    ],
    ids=["empty", "thought only", "cut in the thought", "filtered", "tool calls"],
)
def test_an_answer_that_no_turn_can_follow_is_not_kept(chunks: list[dict[str, Any]]) -> None:
    with answering(stream(*chunks)):
        reply = asked(offline=False)
    assert said() == []
    assert not reply.turn.kept


# ---- how it begins ----


def test_a_prefix_is_part_of_the_answer_and_sent_as_its_beginning() -> None:
    plan = cell_plan(prompt="Write a poem.", prefix="Grey breath on the hill,\n")
    sent = json.loads(plan.request.body())["messages"]
    assert sent[-1] == {"role": "assistant", "content": "Grey breath on the hill,\n", "partial": True}
    reply = run(plan)
    assert reply.text.startswith("Grey breath on the hill,\n")
    assert len(reply.text) > len("Grey breath on the hill,\n")
    assert said() == [("user", "Write a poem."), ("assistant", reply.text)]
    assert not any(message.partial for message in kernel.current.conversation.before())


def test_each_of_several_answers_begins_with_the_prefix() -> None:
    reply = kimi_magic.ask("Write a poem.", n=3, prefix="Grey breath")
    assert all(choice.text.startswith("Grey breath") for choice in reply.choices)
    assert len({choice.text for choice in reply.choices}) == 3


def test_a_prefix_alone_is_no_answer() -> None:
    reply = asked(prefix="The sky", max_tokens=3)
    assert (reply.text, reply.finish_reason) == ("", "length")
    assert said() == []


@pytest.mark.parametrize(("prefix", "words"), [("", "a text that is not empty"), ("\ud83d", "half a char")])
def test_a_prefix_that_cannot_be_sent_is_refused(prefix: str, words: str) -> None:
    with pytest.raises(KimiUsageError, match=words):
        kimi_magic.ask(SKY, prefix=prefix)


# ---- going on with it ----


def test_a_cut_answer_is_made_whole_in_its_place() -> None:
    whole = asked(history=False)
    cap = cut_in_the_text()
    cut = asked(max_tokens=cap)
    assert cut.finish_reason == "length"
    assert said() == [("user", SKY), ("assistant", cut.text)]
    reply = resumed(max_tokens=5000)
    assert (reply.text, reply.reasoning) == (whole.text, whole.reasoning)
    assert reply.finish_reason == "stop"
    assert said() == [("user", SKY), ("assistant", whole.text)]
    assert kimi_magic.last is reply


def test_what_is_sent_to_go_on_is_the_same_again_and_what_arrived() -> None:
    asked("Hello")
    as_before = {"temperature": 0.7, "system": "Be brief."}
    thought = kimi_magic.ask(SKY, history=True, **as_before).usage.reasoning
    asked("Hello")
    cut = asked(max_tokens=thought + 60, **as_before)
    assert cut.text
    first = cut.turn.step.request
    sent = continued_plan(max_tokens=9000).request
    assert sent.messages[:-1] == first.messages
    begun = json.loads(sent.body())["messages"][-1]
    assert begun == {
        "role": "assistant", "content": cut.text, "reasoning_content": cut.reasoning, "partial": True,
    }  # fmt: skip
    assert (first.max_tokens, sent.max_tokens) != (9000, first.max_tokens)
    assert (sent.max_tokens, sent.temperature, sent.model) == (9000, 0.7, first.model)


def test_it_can_take_several_requests_to_the_end() -> None:
    whole = asked(history=False)
    asked(max_tokens=cut_in_the_text())
    count = 0
    while kimi_magic.last.finish_reason == "length":
        resumed(max_tokens=40)
        count += 1
        assert count < 50
    assert count > 1
    assert said() == [("user", SKY), ("assistant", whole.text)]


def test_what_was_cut_in_the_thought_is_thought_about_anew() -> None:
    whole = asked(history=False)
    asked(max_tokens=5)
    plan = continued_plan(max_tokens=5000)
    assert json.loads(plan.request.body())["messages"][-1] == {
        "role": "assistant", "content": "", "partial": True,
    }  # fmt: skip
    reply = run(plan)
    assert (reply.text, reply.reasoning) == (whole.text, whole.reasoning)
    assert said() == [("user", SKY), ("assistant", whole.text)]


def test_a_prefix_survives_a_cut_in_the_thought_and_in_the_text() -> None:
    whole = asked("Write a poem.", history=False, prefix="Grey breath")
    for cap in (3, whole.usage.reasoning + 3):
        asked("Write a poem.", prefix="Grey breath", max_tokens=cap)
        assert resumed(max_tokens=5000).text == whole.text
        assert said() == [("user", "Write a poem."), ("assistant", whole.text)]
        kernel.current.conversation.clear()


def test_a_stopped_answer_can_be_continued_and_is_kept_then() -> None:
    whole = asked("Write 300 words about rivers.", history=False)
    stopped = asked("Write 300 words about rivers.", stop=lambda reply: len(reply.text) > 50, speed=400)
    assert 50 < len(stopped.text) < len(whole.text)
    assert said() == []
    assert resumed().text == whole.text
    assert said() == [("user", "Write 300 words about rivers."), ("assistant", whole.text)]


def test_what_had_arrived_is_not_lost_when_the_continuation_is_stopped_too() -> None:
    whole = asked("Write 300 words about rivers.", history=False)
    cut = asked("Write 300 words about rivers.", max_tokens=whole.usage.reasoning + 20)
    again = resumed(stop=lambda reply: True)
    assert again.text.startswith(cut.text)
    assert said()[-1] == ("assistant", cut.text)
    assert resumed(max_tokens=9000).text == whole.text
    assert said()[-1] == ("assistant", whole.text)
    assert len(kernel.current.conversation) == 1


def test_of_several_answers_the_picked_one_is_continued() -> None:
    cut = asked(n=2, max_tokens=cut_in_the_text())
    second = pick(2)
    sent = continued_plan().request
    assert sent.messages[-1].content == second.text != cut.choices[0].text
    assert sent.n is None


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (asked, "the last answer is complete (stop), nothing is missing"),
        (lambda: refused(model="nope"), "nothing had arrived"),
    ],
    ids=["complete", "failed"],
)
def test_where_there_is_nothing_to_continue_one_line_says_so(ask: Any, words: str) -> None:
    ask()
    with pytest.raises(KimiUsageError) as caught:
        continued_plan()
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_an_answer_that_is_on_its_way_cannot_be_continued() -> None:
    with pytest.raises(KimiUsageError, match="still on its way"):
        run(cell_plan(prompt=SKY), view=Unseen(lambda _: continued_plan()))


def test_what_a_continuation_cannot_change_is_named() -> None:
    asked(max_tokens=5)
    with pytest.raises(KimiUsageError, match="cannot change system and n"):
        continued_plan(system="Be brief.", n=2)


# ---- tool calls ----

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


def pieces(*deltas: list[dict[str, Any]]) -> list[Event]:
    """The events of one delta each with these tool calls."""
    return [event for calls in deltas for event in decode_chunk(
        json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}).encode()
    ).events()]  # fmt: skip


def call(arguments: str | None = None, name: str | None = None, **rest: Any) -> dict[str, Any]:
    function = {"arguments": arguments, "name": name}
    return {"function": {key: value for key, value in function.items() if value is not None}, **rest}


OSLO = ToolCall("get_temp:0", "get_temp", '{"city":"Oslo"}')
TURIN = ToolCall("get_temp:1", "get_temp", '{"city":"Turin"}')


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        ([[call("", "get_temp", index=0, id="get_temp:0")], [call('{"ci', index=0)],
          [call('ty":"Oslo"}', index=0)]], (OSLO,)),
        ([[call('{"city":"Oslo"}', "get_temp", index=0, id="get_temp:0")]], (OSLO,)),
        ([[call('{"city":', "get_temp", index=0, id="get_temp:0")],
          [call('"Oslo"}', "get_temp", index=0, id="get_temp:0")]], (OSLO,)),
        ([[call("", "get_temp", id="get_temp:0")], [call('{"city":"Oslo"}')],
          [call('{"city":', "get_temp", id="get_temp:1")], [call('"Turin"}')]], (OSLO, TURIN)),
        ([[call('{"city":', "get_temp", id="get_temp:0")], [call('"Oslo"}', id="get_temp:0")]], (OSLO,)),
        ([[call('{"city":"Oslo"}', "get_temp", index=0, id="get_temp:0"),
           call('{"city":"Turin"}', "get_temp", index=1, id="get_temp:1")]], (OSLO, TURIN)),
        ([[call("{}", index=0, id="get_temp:0")]], (ToolCall("get_temp:0", "", "{}"),)),
        ([[call("{}")]], (ToolCall("", "", "{}"),)),
        ([[call(index=0, id="a", name="f")]], (ToolCall("a", "f", ""),)),
        ([[{"index": 0, "id": None, "function": None}]], (ToolCall("", "", ""),)),
    ],
    ids=["in pieces", "whole", "repeated", "index absent", "index absent, id repeated", "two at once",
         "name absent", "arguments alone", "arguments absent", "nothing"],
)  # fmt: skip
def test_calls_are_understood_as_hosts_send_them(deltas: Any, calls: tuple[ToolCall, ...]) -> None:
    assert grown(*pieces(*deltas)).tool_calls == calls


def test_calls_of_a_whole_message_are_one_each_also_without_an_index() -> None:
    message = {"tool_calls": [call("{}", "f"), call("{}", "g")]}
    chunk = decode_chunk(json.dumps({"choices": [{"message": message}]}).encode())
    assert [c.name for c in grown(*chunk.events()).tool_calls] == ["f", "g"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 20), max_size=10), st.booleans())
def test_however_arguments_are_cut_they_come_back_whole(cuts: list[int], counted: bool) -> None:
    text, at, deltas = OSLO.arguments, 0, []
    place = {"index": 0} if counted else {}
    for size in cuts:
        deltas.append([call(text[at : at + size], **place)])
        at += size
    deltas.append([call(text[at:], **place)])
    deltas[0][0] |= {"id": OSLO.id}
    deltas[0][0]["function"]["name"] = OSLO.name
    assert grown(*pieces(*deltas)).tool_calls == (OSLO,)


@pytest.mark.parametrize("stream", [True, False])
def test_a_model_with_tools_says_which_it_wants_run(stream: bool) -> None:
    reply = asked("What is the weather in Oslo?", tools=TOOLS, stream=stream)
    assert reply.finish_reason == "tool_calls"
    (wanted,) = reply.tool_calls
    assert wanted.name == "get_weather"
    assert json.loads(wanted.arguments) == {"city": "Oslo"}
    assert said() == []
    with pytest.raises(KimiUsageError, match="asks for tools"):
        continued_plan()


# ---- the body ----


def test_the_number_of_answers_is_sent_only_where_it_was_set() -> None:
    def sent(**given: Any) -> Request:
        return cell_plan(**given).request

    assert "n" not in json.loads(sent().body())
    assert json.loads(sent(n=2).body())["n"] == 2
    kernel.current.settings.update({"n": 4})
    assert sent().n == 4
