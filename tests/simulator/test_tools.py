"""Tool calls: when they are made, with what, and how they end."""

from __future__ import annotations

import itertools
import json
from typing import Any

from .chat import call_message, result_message, send, tool, user


def calls_of(question: str, *tools: dict[str, Any], **changes: Any) -> list[tuple[str, str, Any]]:
    message = send(messages=[user(question)], tools=list(tools), **changes).message
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls", [])
    ]


CALCULATE = tool(
    "calculate",
    description="Evaluate an arithmetic expression",
    parameters={
        "type": "object",
        "properties": {"expression": {"type": "string"}},
        "required": ["expression"],
    },
)
CONVERT = tool(
    "convert",
    description="Convert an amount between currencies",
    parameters={
        "type": "object",
        "properties": {
            "amount": {"type": "number"},
            "to": {"type": "string", "enum": ["EUR", "NOK"]},
            "rounded": {"type": "boolean"},
            "digits": {"type": "integer", "minimum": 1, "maximum": 3},
        },
        "required": ["amount", "to", "rounded", "digits"],
    },
)


def test_a_question_that_fits_a_tool_calls_it_with_its_own_words():
    tools = (tool(), CALCULATE, CONVERT)
    assert calls_of("What is the temperature in Oslo?", *tools) == [
        ("get_temp:0", "get_temp", {"city": "Oslo"})
    ]
    assert calls_of("Please calculate 12 * (3 + 4)", *tools) == [
        ("calculate:0", "calculate", {"expression": "12 * (3 + 4)"})
    ]
    ((_, name, arguments),) = calls_of("Convert 12.5 dollars to NOK", *tools)
    assert (name, arguments["amount"], arguments["to"], arguments["rounded"]) == (
        "convert",
        12.5,
        "NOK",
        True,
    )
    assert 1 <= arguments["digits"] <= 3


def test_several_things_get_several_calls_in_one_answer():
    assert calls_of("Is the temperature higher in Oslo or in Turin?", tool()) == [
        ("get_temp:0", "get_temp", {"city": "Oslo"}),
        ("get_temp:1", "get_temp", {"city": "Turin"}),
    ]


def test_tools_stay_unused_when_nothing_fits_or_nothing_may():
    assert calls_of("Hello", tool(), CALCULATE) == []
    assert calls_of("What is the temperature in Oslo?", tool(), tool_choice="none") == []


def test_a_call_is_streamed_in_fragments_that_join_to_its_arguments():
    answer = send(messages=[user("temperature in Oslo and in Turin")], tools=[tool()], stream=True)
    fragments = [call for delta in answer.deltas() for call in delta.get("tool_calls", [])]
    heads = [part for part in fragments if "id" in part]
    assert [(part["index"], part["id"], part["function"]) for part in heads] == [
        (0, "get_temp:0", {"name": "get_temp", "arguments": ""}),
        (1, "get_temp:1", {"name": "get_temp", "arguments": ""}),
    ]
    for index, city in enumerate(("Oslo", "Turin")):
        joined = "".join(part["function"]["arguments"] for part in fragments if part["index"] == index)
        assert json.loads(joined) == {"city": city}
    assert [part["index"] for part in fragments] == sorted(part["index"] for part in fragments)
    assert answer.text() == ""
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_results_are_quoted_in_the_answer():
    history = [
        user("What is the temperature in Oslo?"),
        call_message("get_temp:0"),
        result_message("get_temp:0", "4 `C`"),
    ]
    answer = send(messages=history, tools=[tool()])
    assert 'get_temp {"city": "Oslo"}` returned `4 \'C\'`' in answer.message["content"]
    assert answer.json["choices"][0]["finish_reason"] == "stop"
    history[-1] = result_message("get_temp:0", "Error: no such city")
    assert "failed" in send(messages=history, tools=[tool()]).message["content"]


def test_call_ids_count_on_over_the_conversation():
    history = [
        user("temperature in Oslo?"),
        call_message("get_temp:0", "get_temp:1"),
        result_message("get_temp:0"),
        result_message("get_temp:1"),
        {"role": "assistant", "content": "4 degrees."},
        user("And the temperature in Turin?"),
    ]
    (call,) = send(messages=history, tools=[tool()]).message["tool_calls"]
    assert call["id"] == "get_temp:2"


def test_a_question_may_ask_for_several_steps():
    messages = [user("Check the temperature in Oslo 3 times")]
    for step in itertools.count():
        message = send(messages=messages, tools=[tool()]).message
        if "tool_calls" not in message:
            break
        assert message["tool_calls"][0]["id"] == f"get_temp:{step}"
        messages += [message, result_message(f"get_temp:{step}")]
    assert step == 3


def test_the_cap_cuts_arguments_short():
    whole = send(messages=[user("temperature in Oslo")], tools=[tool()]).json["usage"]["completion_tokens"]
    cut = send(messages=[user("temperature in Oslo")], tools=[tool()], max_tokens=whole - 2)
    (call,) = cut.message["tool_calls"]
    assert '{"city": "Oslo"}'.startswith(call["function"]["arguments"])
    assert cut.json["choices"][0]["finish_reason"] == "length"


PLOT = tool("plot_of", description="Draw bars")


def named(answer: Any) -> list[str]:
    return [call["function"]["name"] for call in answer.message.get("tool_calls", [])]


def test_tools_whose_names_are_in_the_question_are_called_together():
    tools = [tool(), PLOT, CALCULATE]
    question = [user("What is the temperature in Oslo? Plot it.")]
    answer = send(messages=question, tools=tools)
    assert named(answer) == ["get_temp", "plot_of"]
    assert [call["id"] for call in answer.message["tool_calls"]] == ["get_temp:0", "plot_of:1"]
    assert named(send(messages=question, tools=tools, tool_choice="none")) == []


def test_a_call_that_failed_for_its_arguments_is_made_once_more():
    history = [
        user("What is the temperature in Oslo?"),
        call_message("get_temp:0"),
        result_message("get_temp:0", "Error: the arguments are no JSON: Expecting value"),
    ]
    again = send(messages=history, tools=[tool()])
    assert [call["id"] for call in again.message["tool_calls"]] == ["get_temp:1"]
    history += [again.message, result_message("get_temp:1", "Error: city: expected string, got 3")]
    last = send(messages=history, tools=[tool()])
    assert "failed" in last.message["content"]
    assert named(last) == []
    refused = [
        *history[:2],
        result_message("get_temp:0", "Error: the user has refused to run this function."),
    ]
    assert named(send(messages=refused, tools=[tool()])) == []


def test_the_switch_for_loops_calls_the_same_as_long_as_there_are_tools():
    messages = [user("What is the temperature in Oslo?")]
    for step in range(4):
        message = send(messages=messages, tools=[tool()], faults="tool-loop").message
        (call,) = message["tool_calls"]
        assert (call["id"], call["function"]["arguments"]) == (f"get_temp:{step}", '{"city": "Oslo"}')
        messages += [message, result_message(call["id"], "4 C")]
    assert "`4 C`" in send(messages=messages, faults="tool-loop").message["content"]


def test_a_function_that_was_not_offered_is_called_when_a_switch_says_so():
    answer = send(
        messages=[user("What is the temperature in Oslo?")],
        tools=[tool()],
        faults="unknown-tool",
    )
    assert named(answer) == ["get_temp_x"]


def test_the_search_of_the_service_is_called_with_a_search_of_its_own_and_answered_with_it():
    search = {"type": "builtin_function", "function": {"name": "$web_search"}}
    messages = [user("Search the web for moons")]
    message = send(messages=messages, tools=[search]).message
    (call,) = message["tool_calls"]
    assert call["type"] == "builtin_function"
    assert json.loads(call["function"]["arguments"])["search_result"]["search_id"] == "search-0"
    result = result_message(call["id"], call["function"]["arguments"])
    last = send(messages=[*messages, message, result], tools=[search])
    assert last.json["choices"][0]["finish_reason"] == "stop"
