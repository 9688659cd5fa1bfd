"""The view in a real kernel: the Stop button, the habit for the reasoning, retries, what is saved beside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import PACED, Server
from tests.kernel import CLICKS_ARRIVE, Cell, Kernel

needs_clicks = pytest.mark.skipif(not CLICKS_ARRIVE, reason="the Stop button needs ipykernel 7")
LONG = "%%kimi\nWrite 2000 words about rivers."


def opened(model: str, message: dict[str, Any]) -> bool:
    """Whether a message opens a widget of that model."""
    data = message["content"].get("data", {}) if message["msg_type"] == "comm_open" else {}
    return data.get("state", {}).get("_model_name") == model


def click(kernel: Kernel, button: dict[str, Any]) -> None:
    content = {
        "comm_id": button["content"]["comm_id"],
        "data": {"method": "custom", "content": {"event": "click"}},
    }
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_msg", content))


def press_stop(kernel: Kernel, server: Server, cell: str) -> Cell:
    request = kernel.send(cell)
    queued = kernel.send("print('must not run')")
    before = kernel.wait_until(request, lambda message: opened("ButtonModel", message))
    server.wait_for("begins")
    click(kernel, before[-1][1])
    ended = kernel.finish(request, before)
    assert kernel.shell_reply(queued)["status"] == "aborted"
    return ended


@needs_clicks
@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_the_button_stops_the_answer_while_the_cell_runs(kernel: Kernel, server: Server):
    cell = press_stop(kernel, server, LONG)
    server.wait_for("closed by the client")
    assert cell.status == "error"
    (error,) = [output for output in cell.outputs if output["type"] == "error"]
    assert error["ename"] == "KimiInterrupted"
    assert "stopped" in cell.display["text/html"]
    assert kernel.run("%%kimi\nHello").display["text/plain"]


@needs_clicks
@pytest.mark.parametrize("server", [("--faults", "slow-start=60")], indirect=True)
def test_the_button_is_there_before_the_first_word(kernel: Kernel, server: Server):
    cell = press_stop(kernel, server, "%%kimi\nHello")
    server.wait_for("closed by the client")
    assert "stopped" in cell.display["text/plain"]


@needs_clicks
@pytest.mark.parametrize("server", [("--faults", "status=429; retry-after=60")], indirect=True)
def test_while_it_waits_to_try_again_the_status_says_why_and_the_button_works(kernel: Kernel, server: Server):
    request = kernel.send("%%kimi\nHello")
    before = kernel.wait_until(request, lambda message: opened("ButtonModel", message))
    before += kernel.wait_until(request, lambda message: "attempt 2 of 3" in str(message["content"]))
    assert "is asked too much" in str(before[-1][1]["content"])
    (button,) = [message for _, message in before if opened("ButtonModel", message)]
    click(kernel, button)
    assert "stopped" in kernel.finish(request, before).display["text/plain"]


@pytest.mark.parametrize("server", [PACED], indirect=True)
@pytest.mark.parametrize(("above", "buttons"), [("", int(CLICKS_ARRIVE)), ("%%time\n", 0)])
def test_where_clicks_cannot_arrive_there_is_no_button(kernel: Kernel, above: str, buttons: int):
    cell = kernel.run(f"{above}%%kimi\nWrite 100 words about rivers.")
    assert len([message for _, message in cell.messages if opened("ButtonModel", message)]) == buttons


@pytest.mark.parametrize("server", [PACED], indirect=True)
@pytest.mark.parametrize(("habit", "unfolded"), [("auto", False), ("open", True), ("closed", False)])
def test_the_reasoning_ends_as_the_habit_says(kernel: Kernel, habit: str, unfolded: bool):
    kernel.run(f"%kimi_config --reasoning {habit}")
    cell = kernel.run("%%kimi\nWhy is the sky blue?")
    (accordion,) = [message for _, message in cell.messages if opened("AccordionModel", message)]
    live = accordion["content"]["data"]["state"]["selected_index"]
    assert (live == 0) is (habit != "closed")
    assert ("<details open" in cell.display["text/html"].replace(' class="kimi-reasoning"', "")) is unfolded


def test_reasoning_can_be_hidden_by_habit(kernel: Kernel):
    kernel.run("%kimi_config --reasoning hidden")
    assert "<details" not in kernel.run("%%kimi\nHello").display["text/html"]


def test_the_saved_output_names_model_reason_and_tokens_and_no_key(kernel: Kernel):
    cell = kernel.run("%%kimi -o answer\nHello")
    (_, last) = cell.of_type("update_display_data")[-1]
    said = last["content"]["metadata"]["kimi_magic"]
    assert (said["model"], said["state"], said["finish_reason"]) == ("kimi-k2-thinking", "complete", "stop")
    assert said["usage"]["completion"] == kernel.value("answer.usage.completion")
    assert "sk-simulator" not in str([message["content"] for _, message in cell.messages])


def test_the_conversation_is_shown_as_it_is_sent(kernel: Kernel):
    assert "Nothing is in the conversation yet." in kernel.run("%kimi --show").display["text/plain"]
    kernel.run("%%kimi\nWhy is the sky *blue*?")
    shown = kernel.run("%kimi --show").display
    assert "Why is the sky *blue*?" in shown["text/html"]  # as it was typed
    assert '<details class="kimi-reasoning">' in shown["text/html"]
    assert kernel.value("__import__('kimi_magic').last.text") in shown["text/plain"]
    (error,) = kernel.attempt("%kimi --show -t 1").of_type("error")
    assert "--show takes no other options" in error[1]["content"]["evalue"]


def test_a_reply_that_is_the_value_of_a_cell_looks_as_its_own_cell_did(kernel: Kernel):
    answered = kernel.run("%%kimi -o answer\nWhy is the sky blue?").display["text/html"]
    (_, result) = kernel.run("answer").of_type("execute_result")[-1]
    assert result["content"]["data"]["text/html"] == answered
    assert result["content"]["data"]["text/plain"].startswith("<Reply ")


@pytest.mark.parametrize("speed", [0, 500])
def test_what_crosses_is_small_and_seldom_whatever_the_length(offline_kernel: Kernel, speed: int):
    cell = offline_kernel.run(f"%%kimi --no-history --speed {speed}\nWrite 2000 words about rivers.")
    live = cell.of_type("display_data", "comm_open", "comm_msg")
    seconds = live[-1][0] - live[0][0]
    assert max(len(json.dumps(m["content"], ensure_ascii=False).encode()) for _, m in live) <= 12_000
    assert len(live) <= 60 * seconds + 30  # the first widgets come together
    values: dict[str, int] = {}
    for _, message in cell.of_type("comm_msg"):
        content = message["content"]
        if "value" in content["data"]["state"]:
            values[content["comm_id"]] = values.get(content["comm_id"], 0) + 1
        else:
            assert len(json.dumps(content)) <= 1_200  # lists of widgets do not grow with the answer
    assert max(values.values()) <= 20 * seconds + 2
