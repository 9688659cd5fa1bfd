"""`ask` and the conversation, from a plain script against the simulator inside the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

import kimi_magic
from kimi_magic import kernel


@pytest.fixture(autouse=True)
def offline() -> Iterator[None]:
    with kernel.fresh(offline=True, speed=0):
        yield


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
    assert len(kernel.current.conversation) == 0
    kimi_magic.ask("Why is the sky blue?", history=True)
    assert "sky" in kimi_magic.ask("What did I ask first?", history=True).text
    assert "sky" not in kimi_magic.ask("What did I ask first?").text


def test_the_reasoning_of_earlier_answers_is_sent_back_to_a_model_that_keeps_it():
    kimi_magic.ask("Why is the sky blue?", history=True)
    alone = kimi_magic.ask("And now?").usage.prompt
    together = kimi_magic.ask("And now?", history=True).usage.prompt
    first = kernel.current.conversation.before()[1]
    assert first.reasoning_content
    assert together - alone > len(first.reasoning_content.split())


def test_an_answer_that_ended_inside_the_thought_is_not_kept():
    reply = kimi_magic.ask("Why is the sky blue?", max_tokens=5, history=True)
    assert (reply.text, reply.finish_reason) == ("", "length")
    assert len(kernel.current.conversation) == 0
    kimi_magic.ask("And now?", history=True)


def test_a_failed_turn_leaves_no_trace():
    with pytest.raises(kimi_magic.KimiModelError):
        kimi_magic.ask("Why is the sky blue?", model="nope", history=True)
    assert len(kernel.current.conversation) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"temperature": 3}, "temperature 3: expected a number from 0 to 2"),
        ({"max_tokens": True}, "expected a whole number of at least 1"),
        ({"history": 3}, "expected True, False, the name of a conversation"),
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


@pytest.mark.parametrize("name", ["system", "attach", "history"])
def test_options_that_belong_into_a_list_of_messages_are_refused_beside_it(name):
    values = {"system": "Be brief.", "attach": "https://a.test/b.png", "history": True}
    messages = [{"role": "user", "content": "Hello"}]
    with pytest.raises(kimi_magic.KimiUsageError, match=f"^{name} cannot be used with a list of messages"):
        kimi_magic.ask(messages, **{name: values[name]})


TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"stop": "a\ud800"}, "stop[0] has half a character (a lone surrogate) at position 1"),
        ({"model": "m\udc00"}, "model has half a character"),
        ({"system": "\ud800"}, "messages[0].content has half a character"),
        ({"prefix": "\ud800"}, "messages[1].content has half a character"),
        (
            {"tools": [{**TOOL, "function": {**TOOL["function"], "description": "\ud800"}}]},
            "tools[0].function.description has half a character",
        ),
        (
            {"tools": [{**TOOL, "function": {**TOOL["function"], "parameters": {"x": object()}}}]},
            "tools[0].function.parameters.x is of type object",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"n": "\ud800"}}},
            "response_format.json_schema",
        ),
    ],
)
def test_what_json_cannot_hold_is_named_with_its_place(arguments, place):
    with pytest.raises(kimi_magic.KimiUsageError) as caught:
        kimi_magic.ask("Hello", **arguments)
    assert place in caught.value.message
    assert "\n" not in caught.value.message


def test_messages_with_what_json_cannot_hold_are_named_with_its_place():
    with pytest.raises(kimi_magic.KimiUsageError, match=r"messages\[0\]\.content has half a character"):
        kimi_magic.ask([{"role": "user", "content": "\ud800"}])
    with pytest.raises(kimi_magic.KimiUsageError, match=r"messages\[0\]\.content is of type object"):
        kimi_magic.ask([{"role": "user", "content": object()}])


def test_values_of_numpy_and_paths_are_sent_as_plain_ones():
    numpy = pytest.importorskip("numpy")
    reply = kimi_magic.ask(numpy.str_("Hello"), max_tokens=numpy.int64(500), stop=numpy.str_("zzz"))
    assert reply.finish_reason == "stop"
    assert kimi_magic.ask([{"role": "user", "content": numpy.str_("Hello")}]).text == reply.text


def test_errors_speak_of_parameters_to_who_called_ask():
    with pytest.raises(kimi_magic.KimiUsageError) as caught:
        kimi_magic.ask("Hello", json=True, prefix="{")
    assert caught.value.message.startswith("json with prefix:")


def test_two_turns_have_each_their_own_speed():
    with kernel.fresh(offline=True):
        slow = kernel.current.plan("Hello", {"speed": 3.0})
        fast = kernel.current.plan("Hello", {"speed": 0.0})
        assert (slow.connection.speed, fast.connection.speed) == (3.0, 0.0)
        assert kernel.current.run(fast).seconds < 1


def test_a_clean_state_keeps_nothing_and_gives_back_what_was():
    kimi_magic.ask("Hello", history=True)
    outer = kernel.current
    with kernel.fresh(offline=True, speed=0) as inner:
        assert kernel.current is inner
        kimi_magic.ask("Hello", history=True)
        assert len(inner.conversation) == 1
    assert kernel.current is outer
    assert len(outer.conversation) == 1


def test_a_process_ends_without_a_word_and_its_thread_is_closed():
    script = (
        "import atexit, threading\n"
        "atexit.register(lambda: print([t.name for t in threading.enumerate() if 'I/O' in t.name]))\n"
        "import kimi_magic; kimi_magic.ask('Hello', offline=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
