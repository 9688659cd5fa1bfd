"""Conversations in a real kernel whose cells have ids, as JupyterLab sends them."""

from __future__ import annotations

import signal
import sys
from types import ModuleType, SimpleNamespace

import pytest

from kimi_magic import watch
from tests.conftest import PACED, Server
from tests.kernel import Kernel
from tests.test_help import looked_up, paged

PROMPTS = "[t.prompt.text for t in __import__('kimi_magic.kernel').kernel.current.conversation]"
STALE = "[t.stale for t in __import__('kimi_magic.kernel').kernel.current.conversation]"
SENT = "[m.text for m in __import__('kimi_magic').last.turn.step.request.messages if m.role == 'user']"


@pytest.fixture
def chats(offline_kernel: Kernel) -> Kernel:
    """A kernel whose conversation is empty."""
    offline_kernel.run("%kimi_config --reset")
    offline_kernel.run("%kimi_config --unset history_limit")
    return offline_kernel


def test_a_cell_that_runs_again_replaces_its_own_turn(chats: Kernel):
    chats.run("%%kimi\nWhy is the sky blue?", cell_id="a")
    chats.run("%%kimi\nName a river.", cell_id="b")
    again = chats.run("%%kimi\nWhy is the sea blue?", cell_id="a")
    assert chats.value(PROMPTS) == ["Why is the sea blue?", "Name a river."]
    assert chats.value(SENT) == ["Why is the sea blue?"]
    assert chats.value(STALE) == [False, True]
    assert "turn 1 · replaces its earlier run" in again.display["text/html"]
    later = chats.run("%%kimi\nName a river.", cell_id="b")
    assert chats.value(STALE) == [False, False]
    assert "turn 2 · replaces its earlier run · 1 turn of context" in later.display["text/html"]


def test_all_cells_run_again_send_what_they_sent_at_first(chats: Kernel):
    sent = []
    for _ in range(2):
        for cell, prompt in (("a", "Name a river."), ("b", "Name a lake."), ("c", "Name a sea.")):
            chats.run(f"%%kimi\n{prompt}", cell_id=cell)
            sent.append(chats.value(SENT))
    assert sent[:3] == sent[3:]
    assert sent[2] == ["Name a river.", "Name a lake.", "Name a sea."]


def test_a_follow_up_in_the_same_cell_is_appended(chats: Kernel):
    chats.run("%%kimi\nName a river.", cell_id="a")
    chats.run("%%kimi --append\nAnd another?", cell_id="a")
    chats.run("%%kimi\nName a lake.", cell_id="a")
    assert chats.value(PROMPTS) == ["Name a lake.", "And another?"]


def test_without_an_id_of_the_cell_turns_are_appended(chats: Kernel):
    for _ in range(2):
        chats.run("%%kimi\nName a river.", cell_id=None)
    assert chats.value(PROMPTS) == ["Name a river."] * 2


@pytest.mark.parametrize(
    ("info", "parent", "expected"),
    [
        (SimpleNamespace(cell_id="a"), {}, "a"),
        (SimpleNamespace(cell_id=None), {"metadata": {"cellId": "b"}}, "b"),
        (SimpleNamespace(), {"metadata": {"cellId": "c"}}, "c"),  # IPython 7
        (None, {"metadata": {}}, ""),
        (None, None, ""),
    ],
)
def test_the_id_of_a_cell_is_in_its_message_where_ipython_does_not_pass_it_on(info, parent, expected):
    shell = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: parent))
    assert watch._cell_id(shell, info) == expected


def test_a_terminal_has_no_ids_of_cells():
    assert watch._cell_id(SimpleNamespace(), SimpleNamespace(cell_id=None)) == ""


def test_a_cell_may_begin_and_be_interrupted_while_the_warm_up_imports(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "kimi_magic.bridge", ModuleType("kimi_magic.bridge"))  # not yet filled
    watched = watch.Watch(SimpleNamespace())
    watched.enter()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    watched.leave(SimpleNamespace(success=True))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_several_prompts_of_one_cell_each_replace_their_own(chats: Kernel):
    two = "import kimi_magic as k\nfor p in {}:\n    k.ask(p, history=True)"
    chats.run(two.format(["Name a river.", "Name a lake."]), cell_id="a")
    chats.run("%%kimi\nName a sea.", cell_id="b")
    chats.run(two.format(["Name a town.", "Name a lake."]), cell_id="a")
    assert chats.value(PROMPTS) == ["Name a town.", "Name a lake.", "Name a sea."]
    chats.run(two.format(["Name a town."]), cell_id="a")
    assert chats.value(PROMPTS) == ["Name a town.", "Name a sea."]


def test_a_run_that_fails_leaves_the_earlier_one_in_its_place(chats: Kernel):
    chats.run("%%kimi\nName a river.", cell_id="a")
    failed = chats.attempt("%%kimi -m nope\nName a lake.", cell_id="a")
    assert failed.status == "error"
    assert "its earlier run stays" in failed.display["text/html"]
    assert chats.value(PROMPTS) == ["Name a river."]


def test_a_named_conversation_is_apart_from_the_others(chats: Kernel):
    chats.run("%%kimi\nName a river.", cell_id="a")
    cell = chats.run("%%kimi -c side\nName a lake.", cell_id="b")
    assert chats.value(SENT) == ["Name a lake."]
    assert "side · turn 1" in cell.display["text/html"]
    chats.run("%%kimi --chat side\nName a sea.", cell_id="c")
    assert chats.value(SENT) == ["Name a lake.", "Name a sea."]
    assert chats.value(PROMPTS) == ["Name a river."]


def test_the_byline_says_how_many_of_the_turns_were_sent(chats: Kernel):
    for name in "abc":
        chats.run(f"%%kimi\nName a river with {name}.", cell_id=name)
    cell = chats.run("%%kimi --history 1\nName a sea.", cell_id="d")
    assert "turn 4 · 1 of 3 turns of context" in cell.display["text/html"]
    assert chats.value(SENT) == ["Name a river with c.", "Name a sea."]
    chats.run("%kimi_config --history none")
    chats.run("%%kimi\nName a lake.", cell_id="e")
    assert chats.value(SENT) == ["Name a lake."]


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_a_cell_waits_for_the_prompt_of_a_task_in_the_same_conversation(kernel: Kernel, server: Server):
    kernel.run(
        "import asyncio, kimi_magic as k\n"
        "task = asyncio.create_task(k.aask('Write 100 words about rivers.', history=True))\n"
        "await asyncio.sleep(0)"
    )
    kernel.run("%%kimi\nWhat did I ask first?")
    assert "rivers" in kernel.value("k.last.text")
    assert kernel.value(PROMPTS) == ["Write 100 words about rivers.", "What did I ask first?"]


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_a_cell_that_waits_for_its_conversation_can_be_stopped(kernel: Kernel, server: Server):
    kernel.run(
        "import asyncio, kimi_magic as k\n"
        "task = asyncio.create_task(k.aask('Write 2000 words about rivers.', history=True))\n"
        "await asyncio.sleep(0)"
    )
    request = kernel.send("%%kimi\nWhat did I ask first?")
    before = kernel.wait_until(request, lambda message: message["msg_type"] == "display_data")
    kernel.interrupt()
    cell = kernel.finish(request, before)
    assert cell.status == "error"
    assert "stopped" in cell.display["text/html"]
    kernel.run("task.cancel()")
    kernel.run("%%kimi\nHello")
    assert kernel.value(PROMPTS) == ["Hello"]


def test_a_cell_under_time_replaces_its_own_turn_too(chats: Kernel):
    for prompt in ("Name a river.", "Name a lake."):
        chats.run(f"%%time\n%%kimi\n{prompt}", cell_id="a")
    assert chats.value(PROMPTS) == ["Name a lake."]


def test_a_task_that_outlives_its_cell_asks_as_that_cell(chats: Kernel):
    code = (
        "import asyncio, kimi_magic as k\n"
        "async def later():\n"
        "    await gate.wait()\n"
        "    await k.aask('Name a river.', history=True)\n"
        "gate = asyncio.Event()\n"
        "task = asyncio.create_task(later())"
    )
    for _ in range(2):
        chats.run(code, cell_id="a")
        chats.run("gate.set(); await task", cell_id="b")
    assert chats.value(PROMPTS) == ["Name a river."]


def test_the_help_of_the_commands_is_behind_a_question_mark(chats: Kernel):
    for shown in (looked_up(chats, "%kimi_chat"), paged(chats, "%kimi_chat?")):
        assert "Usage: %kimi_chat COMMAND" in shown
        assert "restore [NOTEBOOK]" in shown


def test_a_cell_of_several_lines_is_the_answer_that_is_remembered(chats: Kernel):
    chats.run("%%kimi\nName a river.", cell_id="a")
    cell = chats.run("%%kimi_chat edit 1\nThe *Po*: $5, {x}\nand 'more'.")
    assert cell.printed == "Turn 1 has the answer that you wrote; later turns are stale.\n"
    assert chats.value("__import__('kimi_magic').chat().messages[1]['content']") == (
        "The *Po*: $5, {x}\nand 'more'."
    )
    shown = chats.run("%kimi_chat show").display
    assert "edited by you" in shown["text/plain"]
    assert "<em>Po</em>" in shown["text/html"]


def test_a_command_that_fails_is_an_error_of_one_line(chats: Kernel):
    cell = chats.attempt("%kimi_chat drop 9")
    assert cell.status == "error"
    (error,) = [output for output in cell.outputs if output["type"] == "error"]
    assert error["evalue"] == "conversation 'main' has no turn 9, it is empty"
