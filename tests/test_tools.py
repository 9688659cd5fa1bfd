"""The loop in which the model calls functions: over a real connection, against the simulator's rules."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import kernel as kernels
from kimi_magic.conversation import Conversation
from kimi_magic.errors import KimiBudgetError, KimiUsageError
from kimi_magic.messages import Choice, ToolCall, decode_chunk
from kimi_magic.reply import Reply
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running
from kimi_magic.view import static
from tests.peers import Got, Recorder, streamed
from tests.turns import cell_plan, run

REFUSAL = "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1"
WARM = "Is the temperature higher in Oslo or in Turin?"


@kimi_magic.tool(safe=True)
def get_temperature(city: str) -> str:
    """The temperature in a city now, in degrees Celsius."""
    return f"{len(city)} °C"


@pytest.fixture
def simulated() -> Iterator[kernels.Kernel]:
    with kernels.fresh(offline=True, speed=0) as fresh:
        yield fresh


Ask = Callable[..., Reply[Any]]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Ask]]:
    """`ask` over HTTP against the simulator with faults."""
    open_ = []

    def start(faults: str) -> Ask:
        context = running(Service(speed=0, faults=faults), lambda line: None)
        base_url = context.__enter__()
        open_.append(context)
        monkeypatch.setenv("EVOLINK_BASE_URL", base_url)
        monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
        return kimi_magic.ask

    with kernels.fresh():
        yield start
    for context in open_:
        context.__exit__(None, None, None)


class Script(Recorder):
    """A service that gives one answer after the other."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(headers={"content-type": "text/event-stream"})
        self._answers = iter(answers)

    def answer(self) -> bytes:
        return next(self._answers)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Script]]:
    open_: list[Script] = []

    def start(*answers: bytes) -> Script:
        script = Script(*answers)
        open_.append(script)
        script.start()
        monkeypatch.setenv("EVOLINK_BASE_URL", script.base_url)
        monkeypatch.setenv("EVOLINK_API_KEY", "sk-simulator")
        return script

    with kernels.fresh():
        yield start
    for script in open_:
        script.__exit__()


def wire(name: str, arguments: str, id: str = "c:0", index: int | None = 0, **more: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {**place, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calling(*calls: dict[str, Any], text: str = "", finish: str = "tool_calls") -> bytes:
    return streamed(text, thought="I look it up.", finish=finish, tool_calls=list(calls))


def results(reply: Reply[Any]) -> list[tuple[str, str]]:
    return [(result.state, result.text) for result in reply.results]


# ---- the loop ----


def test_results_go_back_and_the_answer_uses_them(simulated: kernels.Kernel) -> None:
    reply = kimi_magic.ask(WARM, tools=[get_temperature])
    assert results(reply) == [("done", "4 °C"), ("done", "5 °C")]
    assert "`4 °C`" in reply.text
    assert "`5 °C`" in reply.text
    assert [record["finish_reason"] for record in kimi_magic.usage_records()] == ["tool_calls", "stop"]
    assert reply.usage is not None
    assert reply.usage.total == sum(step.usage.total for step in reply.turn.steps if step.usage)
    assert " · 2 requests · " in static.html(reply.turn)


def test_the_message_goes_back_whole_with_its_reasoning_and_ids(scripted: Callable[..., Script]) -> None:
    service = scripted(
        calling(
            wire("get_temperature", '{"city":  "Oslo"}', "odd id/1"),
            wire("get_temperature", '{"city": "Rome"}', "odd id/2", 1),
            text="Let me look.",
        ),
        streamed("Rome."),
    )
    reply = kimi_magic.ask("Where is it warmer?", tools=[get_temperature])
    first, second = service.requests
    assert second.body["tools"] == first.body["tools"]
    assert second.body["messages"] == [
        *first.body["messages"],
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_content": "I look it up.",
            "tool_calls": [
                {
                    "id": "odd id/1",
                    "type": "function",
                    "function": {"name": "get_temperature", "arguments": '{"city":  "Oslo"}'},
                },
                {
                    "id": "odd id/2",
                    "type": "function",
                    "function": {"name": "get_temperature", "arguments": '{"city": "Rome"}'},
                },
            ],
        },
        {"role": "tool", "content": "4 °C", "tool_call_id": "odd id/1", "name": "get_temperature"},
        {"role": "tool", "content": "4 °C", "tool_call_id": "odd id/2", "name": "get_temperature"},
    ]
    assert (reply.text, reply.tool_calls, reply.finish_reason) == ("Rome.", (), "stop")


def test_reasoning_that_is_empty_is_sent_as_such(scripted: Callable[..., Script]) -> None:
    answer = streamed("", thought="", finish="tool_calls", tool_calls=[wire("get_temperature", "{}")])
    service = scripted(answer, streamed("?"))
    kimi_magic.ask("?", tools=[get_temperature])
    assert service.requests[1].body["messages"][1]["reasoning_content"] == ""


def test_a_host_that_takes_no_empty_reasoning_gets_a_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict(Script):
        def refusal(self, got: Got) -> bytes:
            if any(message.get("reasoning_content") == "" for message in got.body["messages"]):
                return json.dumps({"error": {"message": REFUSAL, "type": "invalid_request_error"}}).encode()
            return b""

    call = [wire("get_temperature", '{"city": "Oslo"}')]
    answer = streamed("", thought="", finish="tool_calls", tool_calls=call)
    with Strict(answer, streamed("Cold.")) as service, kernels.fresh():
        monkeypatch.setenv("EVOLINK_BASE_URL", service.base_url)
        monkeypatch.setenv("EVOLINK_API_KEY", "sk-simulator")
        reply = kimi_magic.ask("?", tools=[get_temperature])
    assert reply.text == "Cold."
    assert service.requests[-1].body["messages"][1]["reasoning_content"] == " "
    assert "takes no empty reasoning of a call" in " ".join(reply.notices)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (wire("get_temperature", '{"city": '), "Error: the arguments are no JSON: Expecting value"),
        (wire("get_temperature", '{"city": 3}'), "Error: city: expected string, got 3"),
        (wire("get_temperature", "[]"), "Error: the arguments are a list"),
        (wire("get_temperatur", "{}"), "Error: there is no function 'get_temperatur'"),
        (wire("", "{}"), "Error: there is no function 'unknown'; there are get_temperature"),
        (wire("get_temperature", "{}", id=""), "Error: city: expected a value, got nothing"),
    ],
)
def test_a_call_that_cannot_be_run_is_told_so_and_every_call_is_answered(
    scripted: Callable[..., Script], call: dict[str, Any], told: str
) -> None:
    service = scripted(calling(call), streamed("Sorry."))
    reply = kimi_magic.ask("?", tools=[get_temperature])
    ((state, text),) = results(reply)
    assert (state, reply.text) == ("failed", "Sorry.")
    assert text.startswith(told)
    _, asked, answer = service.requests[1].body["messages"]
    (sent,) = asked["tool_calls"]
    assert sent["id"] == answer["tool_call_id"] != ""
    assert sent["function"]["name"] != ""
    assert sent["function"]["arguments"] == call["function"]["arguments"]


def test_a_model_repairs_a_call_that_it_got_wrong(faulty: Callable[[str], Ask]) -> None:
    for fault, told in [("malformed-arguments", "no JSON"), ("unknown-tool", "there is no function")]:
        with kernels.fresh():
            reply = faulty(f"{fault}; times=1")("What is the temperature in Oslo?", tools=[get_temperature])
        (first, text), (second, _) = results(reply)
        assert (first, second) == ("failed", "done")
        assert told in text
        assert "`4 °C`" in reply.text


def test_calls_without_an_index_are_told_apart(faulty: Callable[[str], Ask]) -> None:
    reply = faulty("index-less-tools")(WARM, tools=[get_temperature])
    assert results(reply) == [("done", "4 °C"), ("done", "5 °C")]


def test_a_loop_ends_with_one_request_without_tools(faulty: Callable[[str], Ask]) -> None:
    ask = faulty("tool-loop")
    reply = ask("What is the temperature in Oslo?", tools=[get_temperature], max_steps=3)
    assert [step.request.tools is None for step in reply.turn.steps] == [False, False, False, True]
    assert [text for _, text in results(reply)] == [
        "4 °C",
        "4 °C\n[The same call as before in this turn, 2 so far.]",
        "4 °C\n[The same call as before in this turn, 3 so far.]",
    ]
    assert [result.note for result in reply.results][1:] == [
        "the same call as before, number 2", "the same call as before, number 3",
    ]  # fmt: skip
    assert reply.notices == (
        "After 3 rounds of calls the model was asked for its answer without tools. max_steps=N allows more.",
    )
    assert reply.state == "complete"
    assert reply.turn.is_complete


def test_at_most_64_calls_of_one_answer_are_run(scripted: Callable[..., Script]) -> None:
    many = [wire("get_temperature", f'{{"city": "{"a" * at}"}}', f"c:{at}", at) for at in range(70)]
    scripted(calling(*many), streamed("Done."))
    states = [state for state, _ in results(kimi_magic.ask("?", tools=[get_temperature]))]
    assert states == ["done"] * 64 + ["failed"] * 6


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_calls_of_an_answer_that_was_cut_are_not_run(scripted: Callable[..., Script], finish: str) -> None:
    service = scripted(calling(wire("get_temperature", '{"city": "Oslo"}'), finish=finish))
    reply = kimi_magic.ask("?", tools=[get_temperature])
    assert (results(reply), len(service.requests), reply.turn.is_complete) == ([], 1, False)


def test_a_call_of_a_function_that_is_only_defined_ends_the_turn(scripted: Callable[..., Script]) -> None:
    service = scripted(
        calling(wire("get_temperature", '{"city": "Oslo"}'), wire("elsewhere", "{}", "c:1", 1))
    )
    elsewhere = {"name": "elsewhere", "description": "d", "parameters": {"type": "object", "properties": {}}}
    reply = kimi_magic.ask("?", tools=[get_temperature, {"type": "function", "function": elsewhere}])
    assert [call.name for call in reply.tool_calls] == ["get_temperature", "elsewhere"]
    assert (results(reply), len(service.requests)) == ([], 1)


def test_the_search_of_the_service_gets_its_arguments_back(simulated: kernels.Kernel) -> None:
    search = {"type": "builtin_function", "function": {"name": "$web_search"}}
    reply = kimi_magic.ask("Search the web for news", tools=[search])
    ((state, text),) = results(reply)
    (step,) = reply.turn.rounds
    assert (state, text) == ("done", step.results[0].call.arguments)
    assert json.loads(text)["search_result"]["search_id"]
    assert step.results[0].call.kind == "builtin_function"
    assert reply.finish_reason == "stop"


def test_json_is_wanted_of_the_last_answer_alone(scripted: Callable[..., Script]) -> None:
    scripted(
        calling(wire("get_temperature", '{"city": "Oslo"}'), text="First I look."),
        streamed('{"degrees": "four"}'),
        streamed('{"degrees": 4}'),
    )
    reply = kimi_magic.ask("?", tools=[get_temperature], schema="degrees int")
    assert reply.data == {"degrees": 4}
    assert [bool(step.results) for step in reply.turn.steps] == [True, False, False]
    roles = [message.role for message in reply.turn.steps[-1].request.messages]
    assert roles[-5:] == ["user", "assistant", "tool", "assistant", "user"]


def test_the_budget_is_checked_before_each_request(scripted: Callable[..., Script]) -> None:
    service = scripted(calling(wire("get_temperature", '{"city": "Oslo"}')), streamed("No."))
    kernels.current.settings.update({"budget": 1e-9})
    kernels.current.settings.update({"model": "kimi-k2-thinking"})
    with pytest.raises(KimiBudgetError):
        kimi_magic.ask("?", tools=[get_temperature])
    assert len(service.requests) == 1
    reply = kimi_magic.last
    assert reply is not None
    assert (reply.state, results(reply)) == ("failed", [("done", "4 °C")])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"n": 2}, "n=2 with tool"),
        ({"prefix": "Well,"}, "prefix with tool"),
        ({"schema": "x int", "schema_mode": "tools"}, "schema_mode=tools with tools"),
        ({"tools": [3]}, "tools [3]: expected functions or definitions of tools, got int"),
        ({"tools": []}, "tools []: expected at least one function"),
        ({"max_steps": 0}, "max_steps 0: expected a whole number from 1 to 300"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    simulated: kernels.Kernel, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(KimiUsageError) as error:
        kimi_magic.ask("?", **{"tools": [get_temperature], **given})
    assert told in error.value.message
    assert kimi_magic.usage_records() == []


def test_a_map_takes_no_tools_and_leaves_those_of_the_settings_out(simulated: kernels.Kernel) -> None:
    with pytest.raises(KimiUsageError, match="tools cannot be used where a prompt goes over rows"):
        kimi_magic.map("{{text}}", ["a"], tools=[get_temperature])
    simulated.settings.update({"tool": ("not_there",)})
    assert len(kimi_magic.map("Name {{text}}", ["a", "b"], progress=False).data) == 2


# ---- pieces of calls ----


def grown(deltas: list[dict[str, Any]]) -> Choice:
    choice = Choice()
    for delta in deltas:
        chunk = decode_chunk(json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode())
        for event in chunk.events():
            choice.add_call(event.call, event.id, event.name, event.arguments, event.kind)
    return choice


@given(
    st.lists(st.text(alphabet='{}":,ab é\\', max_size=20), min_size=1, max_size=3),
    st.booleans(),
    st.data(),
)
def test_pieces_join_to_the_calls_wherever_they_are_cut(
    arguments: list[str], has_index: bool, data: st.DataObject
) -> None:
    streams = []
    for at, text in enumerate(arguments):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
        pieces = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        place = {"index": at} if has_index else {}
        head = {**place, "id": f"f:{at}", "type": "function", "function": {"name": "f", "arguments": ""}}
        streams.append([head, *({**place, "function": {"arguments": piece}} for piece in pieces)])
    fragments = []
    if has_index:  # then those of several calls may come mixed
        while any(streams):
            stream = data.draw(st.sampled_from([each for each in streams if each]))
            fragments.append(stream.pop(0))
    else:
        fragments = [fragment for stream in streams for fragment in stream]
    choice = grown([{"tool_calls": [fragment]} for fragment in fragments])
    assert sorted(choice.tool_calls, key=lambda call: call.id) == [
        ToolCall(f"f:{at}", "f", text) for at, text in enumerate(arguments)
    ]


# ---- running ----


def test_what_a_function_raises_is_told_without_traceback_and_secrets(simulated: kernels.Kernel) -> None:
    def told(error: BaseException) -> str:
        @kimi_magic.tool(safe=True, name="get_temperature")
        def fails(city: str) -> str:
            """The temperature in a city."""
            raise error

        ((state, text),) = results(kimi_magic.ask("The temperature in Oslo?", tools=[fails]))
        assert state == "failed"
        return text

    key = "sk-" + "a1" * 20
    assert told(ValueError("no such city\nat all")) == "Error: ValueError: no such city at all"
    assert told(KeyError()) == "Error: KeyError"
    assert told(SystemExit(3)) == "Error: SystemExit: 3"
    assert told(RuntimeError(f"refused {key}")) == (
        "Error: RuntimeError (its text is left out: it holds an API key)"
    )
    assert len(told(RuntimeError("x" * 5000))) < 400


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain text", "plain text"),
        ("", "(empty)"),
        (None, "(the function returned nothing)"),
        (3.5, "3.5"),
        ({"a": 1}, '{\n "a": 1\n}'),
        ("x" * 20_001, "x" * 20_000 + "…\n[cut: 20,000 of 20,001 characters]"),
        ("half \ud800", "half ?"),
        (
            "password = 'hunter2-hunter2'",
            "Error: the result was not sent, it looks as if a secret is in it "
            "(it holds a value for password).",
        ),
    ],
)
def test_results_are_written_as_in_prompts(simulated: kernels.Kernel, value: Any, text: str) -> None:
    @kimi_magic.tool(safe=True)
    def get_temperature(city: str) -> Any:
        """The temperature in a city."""
        return value

    ((_, shown),) = results(kimi_magic.ask("The temperature in Oslo?", tools=[get_temperature]))
    assert shown == text


def test_pictures_go_to_models_that_see(simulated: kernels.Kernel) -> None:
    from PIL import Image

    @kimi_magic.tool(safe=True)
    def get_temperature(city: str) -> Any:
        """The temperature in a city."""
        return Image.new("RGB", (8, 4))

    for model, sees in [("kimi-k2-thinking", False), ("kimi-k2.6", True)]:
        host = "moonshot" if sees else "evolink"
        reply = kimi_magic.ask("The temperature in Oslo?", tools=[get_temperature], model=model, host=host)
        content = reply.turn.rounds[0].results[0].content
        assert isinstance(content, tuple) is sees
        if sees:
            assert content[1].image_url.url.startswith("data:image/png;base64,")
            assert "[picture, 8 × 4, " in reply.turn.rounds[0].results[0].text
        else:
            assert content.endswith("This model takes text only: it is not sent.")


def test_a_function_that_takes_too_long_is_stopped_on_the_main_thread(simulated: kernels.Kernel) -> None:
    @kimi_magic.tool(safe=True, timeout=0.05)
    def get_temperature(city: str) -> str:
        """The temperature in a city."""
        try:
            threading.Event().wait()
        except Exception:  # noqa: BLE001 - as some do
            return "it cannot be caught so"
        return "never"

    ((state, text),) = results(kimi_magic.ask("The temperature in Oslo?", tools=[get_temperature]))
    assert state == "failed"
    assert text == "Error: the function took longer than its limit of 0.05 s and was stopped."


@pytest.mark.parametrize("is_async", [False, True])
def test_parallel_functions_run_together(simulated: kernels.Kernel, is_async: bool) -> None:
    meet = threading.Barrier(2, timeout=20)
    came: list[str] = []
    both = asyncio.Event()

    @kimi_magic.tool(safe=True, parallel=True, name="get_temperature")
    def threaded(city: str) -> str:
        """The temperature in a city."""
        meet.wait()
        kimi_magic.progress(f"at {city}")
        return city

    @kimi_magic.tool(safe=True, parallel=True, name="get_temperature")
    async def awaited(city: str) -> str:
        """The temperature in a city."""
        came.append(city)
        if len(came) == 2:
            both.set()
        await both.wait()
        return city

    reply = kimi_magic.ask(WARM, tools=[awaited if is_async else threaded])
    assert results(reply) == [("done", "Oslo"), ("done", "Turin")]


def test_one_that_hangs_in_a_thread_is_left_to_itself(simulated: kernels.Kernel) -> None:
    free = threading.Event()

    @kimi_magic.tool(safe=True, parallel=True, timeout=0.1)
    def get_temperature(city: str) -> str:
        """The temperature in a city."""
        if city == "Oslo":
            free.wait()
        return city

    reply = kimi_magic.ask(WARM, tools=[get_temperature])
    free.set()
    assert results(reply) == [
        ("failed", "Error: the function took longer than its limit of 0.1 s and was left to itself."),
        ("done", "Turin"),
    ]


def test_an_awaited_call_awaits_its_functions_on_the_same_loop(simulated: kernels.Kernel) -> None:
    loops = []

    @kimi_magic.tool(safe=True, timeout=0.2)
    async def get_temperature(city: str) -> str:
        """The temperature in a city."""
        loops.append(asyncio.get_running_loop())
        if city == "Turin":
            await asyncio.sleep(60)
        return city

    async def main() -> Reply[Any]:
        loops.append(asyncio.get_running_loop())
        return await kimi_magic.aask(WARM, tools=[get_temperature])

    reply = asyncio.run(main())
    assert len(set(map(id, loops))) == 1
    assert results(reply) == [
        ("done", "Oslo"),
        ("failed", "Error: the function took longer than its limit of 0.2 s and was stopped."),
    ]
    assert not hasattr(asyncio, "_nest_patched")


@pytest.mark.parametrize("parallel", [False, True])
def test_a_coroutine_that_wants_to_end_the_process_is_told_so(
    simulated: kernels.Kernel, parallel: bool
) -> None:
    @kimi_magic.tool(safe=True, parallel=parallel)
    async def get_temperature(city: str) -> str:
        """The temperature in a city."""
        raise SystemExit(city)

    reply = asyncio.run(kimi_magic.aask(WARM, tools=[get_temperature]))
    assert results(reply) == [("failed", f"Error: SystemExit: {city}") for city in ("Oslo", "Turin")]


@pytest.mark.parametrize("parallel", [False, True])
def test_what_is_stopped_inside_a_coroutine_stops_the_turn(simulated: kernels.Kernel, parallel: bool) -> None:
    @kimi_magic.tool(safe=True, parallel=parallel)
    async def get_temperature(city: str) -> str:
        """The temperature in a city."""
        raise kimi_magic.KimiInterrupted(city)

    async def main() -> str:
        try:
            await kimi_magic.aask(WARM, tools=[get_temperature], history=True)
        except kimi_magic.KimiInterrupted:
            return "stopped"
        return "not stopped"

    assert asyncio.run(main()) == "stopped"
    assert len(kimi_magic.chat()) == 0


def test_a_cancellation_stays_one_and_cancels_the_function(simulated: kernels.Kernel) -> None:
    ended = []

    @kimi_magic.tool(safe=True)
    async def get_temperature(city: str) -> str:
        """The temperature in a city."""
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(city)
        return city

    async def main() -> None:
        async with asyncio.timeout(0.5):
            await kimi_magic.aask("The temperature in Oslo?", tools=[get_temperature], history=True)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert ended == ["Oslo"]
    assert len(kimi_magic.chat()) == 0


def test_a_refusal_where_nobody_can_answer_is_told_to_both(simulated: kernels.Kernel) -> None:
    def get_temperature(city: str) -> str:
        """The temperature in a city."""
        raise AssertionError("it was run")

    reply = kimi_magic.ask("The temperature in Oslo?", tools=[get_temperature])
    assert results(reply) == [
        ("refused", "Error: this function was not run, for nobody could be asked whether it may.")
    ]
    page = static.html(reply.turn)
    assert "get_temperature was not run: nobody can be asked here whether it may run; yes=True or" in page


def test_functions_marked_as_safe_and_yes_run_without_asking(simulated: kernels.Kernel) -> None:
    def get_temperature(city: str) -> str:
        """The temperature in a city."""
        return "mild"

    reply = kimi_magic.ask("The temperature in Oslo?", tools=[get_temperature], yes=True)
    assert results(reply) == [("done", "mild")]


# ---- kept ----


def test_a_turn_with_calls_is_part_of_the_conversation(simulated: kernels.Kernel) -> None:
    kimi_magic.ask(WARM, tools=[get_temperature], history=True)
    kimi_magic.ask("Hello", history=True)
    chat = kimi_magic.chat()
    roles = [message["role"] for message in chat.messages]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user", "assistant"]
    saved = json.loads(json.dumps(chat.to_json()))
    restored = Conversation.from_json(saved)
    assert restored.messages == chat.messages
    assert restored.to_json() == chat.to_json()
    assert restored.fork("other").messages == chat.messages
    assert [result.seconds for step in restored.turn(1).rounds for result in step.results] == [0.0, 0.0]


def test_an_edited_answer_keeps_its_calls(simulated: kernels.Kernel) -> None:
    kimi_magic.ask(WARM, tools=[get_temperature], history=True)
    kimi_magic.chat().edit(1, "Turin.")
    assert [m["content"] for m in kimi_magic.chat().messages][2:] == ["4 °C", "5 °C", "Turin."]


def test_a_cut_answer_goes_on_with_the_calls_before_it(scripted: Callable[..., Script]) -> None:
    service = scripted(
        calling(wire("get_temperature", '{"city": "Oslo"}')),
        streamed("It is ", finish="length"),
        streamed("cold."),
    )
    plan = cell_plan("-T get_temperature", "How warm?", {"get_temperature": get_temperature})
    run(plan)
    reply = run(kernels.current.continue_last({}))
    assert reply.text == "It is cold."
    last = service.requests[-1].body
    assert [message["role"] for message in last["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert last["messages"][-1]["partial"] is True
    assert "tools" not in last
    assert [message["role"] for message in kimi_magic.chat().messages] == [
        "user", "assistant", "tool", "assistant",
    ]  # fmt: skip


def test_a_turn_that_fails_after_its_calls_leaves_no_trace_but_what_was_paid_for(
    scripted: Callable[..., Script],
) -> None:
    scripted(calling(wire("get_temperature", '{"city": "Oslo"}')), b"data: nonsense\n\n")
    with pytest.raises(kimi_magic.KimiError):
        kimi_magic.ask("?", tools=[get_temperature], history=True)
    assert len(kimi_magic.chat()) == 0
    assert kimi_magic.last is not None
    assert results(kimi_magic.last) == [("done", "4 °C")]
    assert len(kimi_magic.usage_records()) == 2


def test_time_is_counted_for_each_call(simulated: kernels.Kernel) -> None:
    @kimi_magic.tool(safe=True)
    def get_temperature(city: str) -> str:
        """The temperature in a city."""
        time.sleep(0.01)
        return city

    reply = kimi_magic.ask("The temperature in Oslo?", tools=[get_temperature])
    (result,) = reply.turn.rounds[0].results
    assert 0.01 <= result.seconds <= reply.seconds
