"""Functions that the model calls, in a real kernel: both paths, interrupts, and who is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import KEYS
from tests.kernel import Cell, Kernel, is_idle

SETUP = '''
import asyncio, kimi_magic, signal, time
ran, home = [], []

def get_temperature(city: str) -> str:
    """The temperature in a city now."""
    ran.append(city)
    return f"{len(city)} °C"

async def get_wind(city: str) -> dict:
    """The wind in a city."""
    await asyncio.sleep(0)
    home.append(asyncio.get_running_loop() is LOOP)
    return {"wind": len(city)}

def slow(city: str) -> str:
    """The slow weather of a city."""
    print("begun", flush=True)
    time.sleep(600)

async def slow_later(city: str) -> str:
    """The slow weather of a city."""
    print("begun", flush=True)
    try:
        await asyncio.sleep(600)
    finally:
        ran.append("ended")
'''
ROLES = "[message['role'] for message in kimi_magic.chat().messages]"
IN_A_LOOP = "for _ in range(1):\n    reply = %kimi {}"
NESTED = "hasattr(asyncio, '_nest_patched')"


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    fresh = Kernel(dict.fromkeys(KEYS, ""))
    try:
        fresh.run("%load_ext kimi_magic")
        fresh.run("%kimi_config --offline --speed 0")
        fresh.run(SETUP)
        fresh.run("LOOP = asyncio.get_running_loop()")
        yield fresh
    finally:
        fresh.stop()


def reply_of(cell: Cell) -> str:
    return cell.display["text/plain"]


def interrupted_once_begun(kernel: Kernel, code: str) -> Cell:
    request = kernel.send(code)
    before = kernel.wait_until(
        request, lambda message: "begun" in str(message["content"].get("text", "")) or is_idle(message)
    )
    assert not is_idle(before[-1][1]), before
    kernel.interrupt()
    return kernel.finish(request, before)


def test_a_cell_calls_functions_by_name_list_and_setting(kernel: Kernel) -> None:
    first = kernel.run("%%kimi -T get_temperature --yes\nIs the temperature higher in Oslo or in Turin?")
    assert "`4 °C`" in reply_of(first)
    html = first.display["text/html"]
    assert html.count('<details class="kimi-call">') == 2
    assert html.index("kimi-to-call") < html.index("kimi-call") < html.index('class="kimi-answer"')
    kernel.run("both = [get_temperature, get_wind]\n%kimi_config --tool both --yes")
    assert '"wind": 4' in reply_of(kernel.run("%%kimi\nThe wind in Oslo?"))
    kernel.run("%kimi_config --tool get_temperature --tool get_wind")
    kernel.run("def get_temperature(city: str) -> str:\n    'The temperature of a city.'\n    return 'new'")
    assert "`new`" in reply_of(kernel.run("%%kimi\nThe temperature in Oslo?"))
    asked = kernel.run("print(kimi_magic.ask('The temperature in Oslo?').text)")
    assert "`new`" in asked.printed
    wrong = kernel.attempt("%%kimi -T get_temprature\nHello")
    assert wrong.status == "error"
    assert wrong.reply["evalue"] == (
        "--tool get_temprature: there is no get_temprature in the notebook; did you mean get_temperature?"
    )
    assert kernel.widgets_left() == 0


def test_a_cell_that_runs_again_replaces_its_turn_with_the_calls(kernel: Kernel) -> None:
    code = "%%kimi -T get_temperature --yes\nThe temperature in {}?"
    kernel.run(code.format("Oslo"), cell_id="a")
    kernel.run(code.format("Rome"), cell_id="a")
    assert kernel.value(ROLES) == ["user", "assistant", "tool", "assistant"]
    assert kernel.value("kimi_magic.chat().messages[2]['content']") == "4 °C"
    kernel.run("%kimi_config --keep --tool get_temperature --yes")
    kernel.run("%%kimi\nThe temperature in Turin?", cell_id="b")
    kernel.run("ran.clear()")
    kept = kernel.run("%%kimi\nThe temperature in Turin?", cell_id="b")
    assert "`5 °C`" in reply_of(kept)
    assert kernel.value("ran") == []


def test_nesting_comes_with_the_one_case_that_needs_it(kernel: Kernel) -> None:
    kernel.run("%%kimi -T get_wind --yes\nThe wind in Oslo?")
    kernel.run("await kimi_magic.aask('The wind in Oslo?', tools=[get_wind], yes=True)")
    kernel.run(IN_A_LOOP.format("-T get_temperature --yes The temperature in Oslo?"))
    assert kernel.value("home") == [True, True]
    assert kernel.value(NESTED) is False
    kernel.run(IN_A_LOOP.format("-T get_wind --yes The wind in Oslo?"))
    kernel.run("reply = kimi_magic.ask('The wind in Oslo?', tools=[get_wind], yes=True)")
    assert kernel.value("home") == [True] * 4
    assert kernel.value(NESTED) is True
    kernel.run("%%kimi -T get_wind --yes\nThe wind in Rome?")  # and all goes on as before
    assert kernel.value("home") == [True] * 5


@pytest.mark.parametrize("code", ["%%kimi {} --yes\n{}", IN_A_LOOP.format("{} --yes {}")])
@pytest.mark.parametrize("tool", ["slow", "slow_later"])
def test_an_interrupt_in_a_function_leaves_a_valid_conversation(kernel: Kernel, code: str, tool: str) -> None:
    kernel.run("%%kimi -T get_temperature --yes\nThe temperature in Oslo?")
    cell = interrupted_once_begun(kernel, code.format(f"-T {tool}", "The slow weather in Rome?"))
    assert (cell.status, cell.reply["ename"]) == ("error", "KimiInterrupted")
    (shown,) = [each["data"] for each in cell.outputs if "text/html" in each.get("data", {})]
    assert f'■ {tool}(city="Rome") · stopped' in shown["text/html"]
    assert kernel.value(ROLES) == ["user", "assistant", "tool", "assistant"]
    assert kernel.value("ran") == ["Oslo"] + ["ended"] * (tool == "slow_later")
    assert "`5 °C`" in reply_of(kernel.run("%%kimi -T get_temperature --yes\nThe temperature in Turin?"))


THREADS = """
@kimi_magic.tool(parallel=True)
def slow_thread(city: str) -> str:
    'The slow weather of a city.'
    print("begun", flush=True)
    time.sleep(600)

@kimi_magic.tool(parallel=True)
async def slow_task(city: str) -> str:
    'The slow weather of a city.'
    print("begun", flush=True)
    await asyncio.sleep(600)
"""


@pytest.mark.parametrize("code", ["%%kimi {} --yes\n{}", IN_A_LOOP.format("{} --yes {}")])
@pytest.mark.parametrize("tool", ["slow_thread", "slow_task"])
def test_an_interrupt_ends_the_wait_for_calls_that_run_together(kernel: Kernel, code: str, tool: str) -> None:
    kernel.run(THREADS)
    question = "Is the slow weather in Oslo like that in Rome?"
    cell = interrupted_once_begun(kernel, code.format(f"-T {tool}", question))
    assert (cell.status, cell.reply["ename"]) == ("error", "KimiInterrupted")
    assert kernel.value(ROLES) == []
    assert reply_of(kernel.run("%%kimi\nHello"))


def test_where_nobody_can_answer_a_function_is_not_run(kernel: Kernel) -> None:
    cell = kernel.run("%%kimi -T get_temperature\nThe temperature in Oslo?")
    assert (
        "get_temperature was not run: nobody can be asked here whether it may run; --yes or"
        in (cell.display["text/html"])
    )
    kernel.run(IN_A_LOOP.format("-T get_temperature The temperature in Oslo?"))
    assert kernel.value("ran") == []


@pytest.mark.parametrize(("typed", "ran"), [("y", ["Oslo"]), ("", []), ("no", [])])
def test_on_the_blocking_path_the_person_types(kernel: Kernel, typed: str, ran: list[str]) -> None:
    request = kernel.send(IN_A_LOOP.format("-T get_temperature The temperature in Oslo?"), allow_stdin=True)
    prompt = kernel.client.get_stdin_msg(timeout=30)
    assert prompt["content"]["prompt"] == 'Run get_temperature({"city": "Oslo"})? [y/N] '
    kernel.client.input(typed)
    assert kernel.finish(request).status == "ok"
    assert kernel.value("ran") == ran
    assert ("refused to run" in kernel.value("reply.text")) is (ran == [])


def test_an_interrupt_of_the_question_stops_the_turn(kernel: Kernel) -> None:
    request = kernel.send(IN_A_LOOP.format("-T get_temperature The temperature in Oslo?"), allow_stdin=True)
    kernel.client.get_stdin_msg(timeout=30)
    kernel.interrupt()
    cell = kernel.finish(request)
    assert (cell.status, cell.reply["ename"]) == ("error", "KimiInterrupted")
    assert kernel.value(ROLES) == []
    assert kernel.value("ran") == []


def test_the_time_limit_leaves_the_alarm_of_the_person_alone(kernel: Kernel) -> None:
    kernel.run(
        "rings = []\n"
        "signal.signal(signal.SIGALRM, lambda *_: rings.append(1))\n"
        "@kimi_magic.tool(safe=True, timeout=0.05, name='slow')\n"
        "def short(city: str) -> str:\n"
        "    'The slow weather of a city.'\n"
        "    time.sleep(600)"
    )
    cell = kernel.run("%%kimi -T short\nThe slow weather in Oslo?")
    assert "longer than its limit of 0.05 s" in reply_of(cell)
    kernel.run("signal.raise_signal(signal.SIGALRM)")
    assert kernel.value("rings") == [1]


def test_what_a_function_shows_appears_below_the_reply(kernel: Kernel) -> None:
    kernel.run(
        "from IPython.display import display\n"
        "def plot(city: str) -> str:\n"
        "    'Plot the weather of a city.'\n"
        "    display({'text/plain': 'a plot', 'image/png': 'iVBORw0KGgo='}, raw=True)\n"
        "    print('drawn')\n"
        "    return 'It is shown.'"
    )
    cell = kernel.run("%%kimi -T plot --yes\nPlot the weather of Oslo")
    reply, picture, printed = cell.outputs
    assert "It is shown." in reply["data"]["text/plain"]
    assert picture["data"]["text/plain"] == "a plot"
    assert printed["text"] == "drawn\n"
