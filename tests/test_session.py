"""`ask` and the conversation, from a plain script against the simulator inside the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

import kimi_magic
from kimi_magic import config
from kimi_magic.session import current


@pytest.fixture(autouse=True)
def offline() -> Iterator[None]:
    config.settings.update({"offline": True, "speed": 0})
    yield
    for name in ("offline", "speed", "model", "system"):
        config.settings.unset(name)
    current.conversation.clear()


def test_a_reply_has_everything_and_its_text_is_its_str():
    reply = kimi_magic.ask("Why is the sky blue?")
    assert str(reply) == reply.text != ""
    assert reply.reasoning
    assert reply.finish_reason == "stop"
    assert reply.model == "kimi-k2-thinking"
    assert reply.usage.total == reply.usage.prompt + reply.usage.completion > 0
    assert reply.seconds > 0
    assert kimi_magic.last is reply


def test_asking_stands_alone_unless_history_is_wanted():
    kimi_magic.ask("Why is the sky blue?")
    assert len(current.conversation) == 0
    kimi_magic.ask("Why is the sky blue?", history=True)
    assert "sky" in kimi_magic.ask("What did I ask first?", history=True).text
    assert "sky" not in kimi_magic.ask("What did I ask first?").text


def test_the_reasoning_of_earlier_answers_is_sent_back_to_a_model_that_keeps_it():
    kimi_magic.ask("Why is the sky blue?", history=True)
    alone = kimi_magic.ask("And now?").usage.prompt
    together = kimi_magic.ask("And now?", history=True).usage.prompt
    first = current.conversation.messages()[1]
    assert first.reasoning_content
    assert together - alone > len(first.reasoning_content.split())


def test_an_answer_that_ended_inside_the_thought_is_not_kept():
    reply = kimi_magic.ask("Why is the sky blue?", max_tokens=5, history=True)
    assert (reply.text, reply.finish_reason) == ("", "length")
    assert len(current.conversation) == 0
    kimi_magic.ask("And now?", history=True)


def test_a_failed_turn_leaves_no_trace():
    with pytest.raises(kimi_magic.KimiModelError):
        kimi_magic.ask("Why is the sky blue?", model="nope", history=True)
    assert len(current.conversation) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"temperature": 3}, "temperature 3: expected a number from 0 to 2"),
        ({"max_tokens": True}, "expected a whole number of at least 1"),
        ({"history": "no"}, "expected True or False"),
        ({"model": ""}, "expected a text that is not empty"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_sent(arguments, words):
    with pytest.raises(kimi_magic.KimiUsageError, match=words):
        kimi_magic.ask("Hello", **arguments)


@pytest.mark.parametrize(
    ("prompt", "words"), [("  ", "empty"), (None, "expected a text, got NoneType"), ("\ud800", "half")]
)
def test_a_prompt_that_cannot_be_sent_is_refused(prompt, words):
    with pytest.raises(kimi_magic.KimiUsageError, match=words):
        kimi_magic.ask(prompt)


def test_several_threads_can_ask_at_the_same_time():
    from concurrent.futures import ThreadPoolExecutor

    questions = [f"Write {n} words about rivers." for n in (20, 40, 60, 80)]
    with ThreadPoolExecutor(4) as pool:
        together = [reply.text for reply in pool.map(kimi_magic.ask, questions)]
    assert together == [kimi_magic.ask(question).text for question in questions]


def test_a_forked_process_can_ask_too():
    script = """
import os, sys, kimi_magic
print(kimi_magic.ask("Hello", offline=True).finish_reason, flush=True)
child = os.fork()
if child == 0:
    print(kimi_magic.ask("Hello", offline=True).finish_reason, flush=True)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["stop", "stop"]


def test_a_script_ends_although_the_io_thread_still_runs():
    script = "import kimi_magic; print(kimi_magic.ask('Hello', offline=True).finish_reason)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("stop\n", "")
