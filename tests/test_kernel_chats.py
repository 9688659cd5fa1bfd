"""Conversations in a real kernel whose cells have ids, as JupyterLab sends them."""

from __future__ import annotations

import pytest

from tests.conftest import PACED, Server
from tests.kernel import Kernel

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
