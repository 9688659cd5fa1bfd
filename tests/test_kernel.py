"""Cells in a real kernel, against the offline service over loopback."""

from __future__ import annotations

import re

import IPython
import pytest

from tests.conftest import PACED, Server
from tests.kernel import EMPTY, WIDGET, WIDGETS_LEFT, Kernel, is_idle, text_of_widgets

time_fails = pytest.mark.skipif(
    IPython.version_info < (8,), reason="%%time of IPython 7 shows an error and ends as if there was none"
)
LONG = "%%kimi\nWrite 2000 words about rivers."


def begun(message: dict) -> bool:
    """Whether words of the answer or of the reasoning are on screen."""
    return bool(text_of_widgets(message)) and "kimi-status" not in text_of_widgets(message)


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_an_answer_is_on_screen_while_the_request_still_runs(kernel: Kernel, server: Server):
    request = kernel.send("%%kimi\nWhy is the sky blue?")
    server.wait_for("begins")
    before = kernel.wait_until(request, begun)
    cell = kernel.finish(request, before)
    ended, line = server.wait_for("200 stream")
    assert before[-1][0] < ended
    assert line.endswith("done")
    assert cell.status == "ok"
    widget_texts = [text_of_widgets(message) for _, message in cell.messages]
    assert len([text for text in widget_texts if text]) > 5


def test_the_status_line_comes_before_anything_is_sent(kernel: Kernel, server: Server):
    request = kernel.send("%%kimi\nHello")
    before = kernel.wait_until(request, lambda message: message["msg_type"] == "display_data")
    server.wait_for("begins")
    assert "connecting" in before[-1][1]["content"]["data"]["text/plain"]
    assert kernel.finish(request, before).status == "ok"


def test_the_saved_output_is_html_and_text_with_byline_reasoning_and_answer(kernel: Kernel):
    shown = kernel.run("%%kimi\nWhy is the sky blue?").display
    assert set(shown) == {"text/html", "text/markdown", "text/plain"}
    reply = kernel.value("(kimi.text, kimi.reasoning)".replace("kimi.", "__import__('kimi_magic').last."))
    assert shown["text/plain"] == reply[0]
    assert "<details" in shown["text/html"]
    assert reply[1].split("\n")[0][:30] in shown["text/html"]
    assert "kimi-k2-thinking ·" in shown["text/html"]
    assert "tokens" in shown["text/html"]
    assert re.search(r"kimi-k2-thinking · [\d.]+ s · [\d,]+ tokens", shown["text/html"])


def test_no_widget_is_left_in_the_registry(kernel: Kernel):
    kernel.run("%%kimi\nWhy is the sky blue?")
    assert kernel.attempt("%%kimi -m nope\nWhy is the sky blue?").status == "error"
    assert kernel.widgets_left() == 0


def test_every_comm_that_was_opened_is_closed(kernel: Kernel):
    cell = kernel.run("%%kimi\nWrite 300 words about rivers.")
    opened = [message["content"]["comm_id"] for _, message in cell.of_type("comm_open")]
    closed = [message["content"]["comm_id"] for _, message in cell.of_type("comm_close")]
    assert opened
    assert sorted(opened) == sorted(closed)


def test_a_second_cell_continues_the_conversation(kernel: Kernel):
    kernel.run("%%kimi\nWhy is the sky blue?")
    kernel.run("%%kimi -o answer\nWhat did I ask first?")
    assert "sky" in kernel.value("str(answer)")


def test_without_history_nothing_is_sent_and_nothing_kept(kernel: Kernel):
    kernel.run("%%kimi\nWhy is the sky blue?")
    kernel.run("%%kimi --no-history -o answer\nWhat did I ask first?")
    assert "sky" not in kernel.value("str(answer)")
    assert kernel.value("len(__import__('kimi_magic.kernel').kernel.current.conversation)") == 1


def test_reset_begins_a_new_conversation(kernel: Kernel):
    kernel.run("%%kimi\nWhy is the sky blue?")
    kernel.run("%kimi_config --reset")
    kernel.run("%%kimi -o answer\nWhat did I ask first?")
    assert "sky" not in kernel.value("str(answer)")


def test_run_all_of_three_cells_gives_three_answers_in_order(kernel: Kernel):
    requests = [kernel.send(f"%%kimi -o a{n}\nName number {n}.") for n in range(3)]
    cells = [kernel.finish(request) for request in requests]
    assert [cell.status for cell in cells] == ["ok"] * 3
    asked = kernel.value("[m.content for m in __import__('kimi_magic.kernel').kernel.current"
                         ".conversation.before() if m.role == 'user']")  # fmt: skip
    assert asked == [f"Name number {n}." for n in range(3)]
    for n, cell in enumerate(cells):
        assert cell.display["text/plain"] == kernel.value(f"a{n}.text")


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_the_kernel_answers_others_while_a_cell_streams(kernel: Kernel, server: Server):
    request = kernel.send(LONG)
    before = kernel.wait_until(request, begun)
    kernel.client.control_channel.send(kernel.client.session.msg("kernel_info_request"))
    assert kernel.client.get_control_msg(timeout=10)["msg_type"] == "kernel_info_reply"
    kernel.client.kernel_info()  # on the shell channel ipykernel answers in turn: after the cell, but surely
    kernel.interrupt()
    cell = kernel.finish(request, before)
    assert kernel.client.get_shell_msg(timeout=10)["msg_type"] == "kernel_info_reply"
    assert cell.messages[-1][0] > before[-1][0]


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_tasks_of_the_notebook_go_on_while_a_cell_streams(kernel: Kernel):
    kernel.run("""
import asyncio
beats = []
async def beat():
    while True:
        beats.append(1)
        await asyncio.sleep(0.01)
pulse = asyncio.create_task(beat())""")
    kernel.run("%%kimi\nWrite 100 words about rivers.\n")
    assert kernel.value("len(beats)") > 20
    kernel.run("before = len(beats)")
    kernel.run("pulse.cancel()")


# ---- interrupts ----


@pytest.mark.parametrize("server", [PACED], indirect=True)
@pytest.mark.parametrize(
    "stack",
    ["", pytest.param("%%time\n", marks=time_fails), "%autoawait False\n"],
    ids=["awaited", "under time", "no await"],
)
def test_an_interrupt_closes_the_connection_and_leaves_one_line(kernel: Kernel, server: Server, stack: str):
    if "autoawait" in stack:
        kernel.run(stack)
        stack = ""
    kernel.run("%%kimi\nWhy is the sky blue?")
    server.wait_for("done")
    request = kernel.send(stack + LONG)
    queued = kernel.send("print('must not run')")
    before = kernel.wait_until(request, begun)
    interrupted = kernel.interrupt()
    cell = kernel.finish(request, before)
    closed, _ = server.wait_for("closed by the client")
    assert closed - interrupted < 0.5
    assert cell.status == "error"
    (error,) = [output for output in cell.outputs if output["type"] == "error"]
    assert error["ename"] == "KimiInterrupted"
    assert len(error["traceback"]) == 1
    assert "\n" not in error["traceback"][0]
    assert "stopped" in cell.display["text/html"]
    assert set(cell.display) == {"text/html", "text/markdown", "text/plain"}
    assert kernel.shell_reply(queued)["status"] == "aborted"
    kernel.run("%%kimi -o answer\nWhat did I ask first?")
    assert "sky" in kernel.value("str(answer)")
    assert "rivers" not in kernel.value("str(answer)")
    assert kernel.widgets_left() == 0


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_what_arrived_before_an_interrupt_is_kept_on_screen_and_in_last(kernel: Kernel):
    request = kernel.send(LONG)
    before = kernel.wait_until(request, begun)
    kernel.interrupt()
    cell = kernel.finish(request, before)
    text, reasoning, state = kernel.value(
        "(lambda r: (r.text, r.reasoning, r.state))(__import__('kimi_magic').last)"
    )
    assert state == "interrupted"
    assert text or reasoning
    assert (text or reasoning).split("\n")[0][:40] in cell.display["text/html"]


@pytest.mark.parametrize("server", [("--faults", "slow-start=60")], indirect=True)
def test_an_interrupt_before_the_first_word_ends_the_cell_at_once(kernel: Kernel, server: Server):
    request = kernel.send("%%kimi\nHello")
    server.wait_for("begins")
    interrupted = kernel.interrupt()
    cell = kernel.finish(request)
    closed, _ = server.wait_for("closed by the client")
    assert closed - interrupted < 0.5
    assert cell.status == "error"
    assert "stopped" in cell.display["text/plain"]


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_two_interrupts_in_a_row_leave_the_kernel_well(kernel: Kernel, server: Server):
    request = kernel.send(LONG)
    before = kernel.wait_until(request, begun)
    kernel.interrupt()
    kernel.interrupt()
    kernel.wait_until(request, is_idle)
    server.wait_for("closed by the client")
    assert before
    assert kernel.value("1 + 1") == 2
    assert "stopped" not in kernel.run("%%kimi\nHello").display["text/html"]


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_no_task_is_left_on_the_io_thread_after_an_interrupt(kernel: Kernel):
    request = kernel.send(LONG)
    before = kernel.wait_until(request, begun)
    kernel.interrupt()
    kernel.finish(request, before)
    count = """
import asyncio
from kimi_magic import kernel
async def tasks(): return [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
left = asyncio.run_coroutine_threadsafe(tasks(), kernel.current.io.loop).result(5)
"""
    kernel.run(count)
    assert kernel.value("left") == []


# ---- stacks of magics, and other ways in ----


def test_under_time_the_answer_is_shown_and_the_time_printed(kernel: Kernel):
    cell = kernel.run("%%time\n%%kimi -o answer\nHello")
    assert "Wall time" in cell.printed
    assert cell.display["text/plain"] == kernel.value("answer.text")


def test_under_capture_the_display_is_captured(kernel: Kernel):
    cell = kernel.run("%%capture captured\n%%kimi -o answer\nHello")
    assert [output for output in cell.outputs if output["type"] == "display"] == []
    assert kernel.value("answer.text")
    assert kernel.value("len(captured.outputs) > 0")


def test_run_cell_magic_works_like_the_cell(kernel: Kernel):
    cell = kernel.run("get_ipython().run_cell_magic('kimi', '-o answer', 'Hello')")
    assert cell.display["text/plain"] == kernel.value("answer.text")


def test_a_line_that_ends_in_a_question_mark_is_a_prompt(kernel: Kernel):
    cell = kernel.run("%kimi -o answer Why is the sky blue?")
    assert cell.display["text/plain"] == kernel.value("answer.text")


def test_a_line_magic_works_among_other_lines(kernel: Kernel):
    kernel.run("x = 1\n%kimi -o answer It's {x} and $x, isn't it\ny = 2")
    asked = kernel.value("__import__('kimi_magic.kernel').kernel.current.conversation.before()[0].content")
    assert asked == "It's {x} and $x, isn't it"


def test_the_prompt_is_sent_as_typed(kernel: Kernel):
    prompt = "Braces {x} {{{y}}} {{}} {{ ${z} $5 \\frac{1}{2} 100% 'quotes\" # none\n\n  in\n%time\n!ls\n?"
    kernel.run("x = 'changed'")
    kernel.run(f"%%kimi\n{prompt}")
    asked = kernel.value("__import__('kimi_magic.kernel').kernel.current.conversation.before()[0].content")
    assert asked == prompt


SENT = (
    "[message.content for message in __import__('kimi_magic.kernel').kernel.current.conversation.before()"
    " if message.role == 'user']"
)


@pytest.mark.parametrize(
    "above",
    ["# ask about the sky\n", "\n# a note\n\n", "#@title Ask { run: 'auto' }\n", "  \n\n", "  # note\n"],
)
@pytest.mark.parametrize("magic", ["%%kimi\n", "%%kimi -R\n", "%kimi "])
def test_comments_and_blank_lines_may_stand_above(offline_kernel: Kernel, above: str, magic: str):
    offline_kernel.run("%kimi_config --reset")
    offline_kernel.run(f"{above}{magic}Why is the sky blue?")
    assert offline_kernel.value(SENT) == ["Why is the sky blue?"]


@pytest.mark.parametrize(
    "prompt",
    [
        ">>> 1 + 1\n2", ">>> f(x)\n... y", "In [1]: 1 + 1\nOut[1]: 2", "   ...: indented", "  two\n    four",
        "\tx", "what is this?", "a\u2028b\x0bc\x85d", "%%kimi\nonce more", "\\", "!ls", "?",
    ],
)  # fmt: skip
def test_no_part_of_a_prompt_is_taken_for_python_or_a_prompt_of_python(offline_kernel: Kernel, prompt: str):
    offline_kernel.run("%kimi_config --reset")
    offline_kernel.run(f"%%kimi\n{prompt}")
    assert offline_kernel.value(SENT) == [prompt]


@pytest.mark.parametrize(
    ("code", "prompts"),
    [
        ("%kimi is it one?\n1 + 1", ["is it one?"]),
        ("x = 2\n%kimi is it two?", ["is it two?"]),
        ("for i in range(2):\n    %kimi is it x?\n    i", ["is it x?", "is it x?"]),
        ("x = %kimi is it three?\nx", ["is it three?"]),
        ("if True:\n    x = %kimi don't you?", ["don't you?"]),
        ("%kimi one?\n%kimi two??", ["one?", "two??"]),
        ('text = """\n%kimi not asked?\n"""\n%kimi 5 %3 = x?', ["5 %3 = x?"]),
    ],
)
def test_a_line_that_ends_in_a_question_mark_is_a_prompt_among_other_lines_too(
    offline_kernel: Kernel, code: str, prompts: list[str]
):
    offline_kernel.run("%kimi_config --reset")
    assert offline_kernel.run(code).status == "ok"
    assert offline_kernel.value(SENT) == prompts
    assert "--max-tokens N" in offline_kernel.run("x = 1\n%kimi?").reply["payload"][0]["data"]["text/plain"]


@pytest.mark.parametrize("line", ["--help", "-h"])
def test_help_needs_no_prompt_below(offline_kernel: Kernel, line: str):
    assert "--max-tokens N" in offline_kernel.run(f"%%kimi {line}").printed


def test_ask_returns_a_reply_and_shows_nothing(kernel: Kernel):
    cell = kernel.run("import kimi_magic; r = kimi_magic.ask('Why is the sky blue?', max_tokens=4000)")
    assert cell.outputs == []
    assert kernel.value("(r.text == str(r), bool(r.reasoning), r.finish_reason, r.model, r.seconds > 0)") == (
        True, True, "stop", "kimi-k2-thinking", True,
    )  # fmt: skip
    assert kernel.value("r.usage.completion > r.usage.reasoning > 0")
    assert kernel.value("r is kimi_magic.last")


def test_the_loop_of_the_kernel_is_never_patched(kernel: Kernel):
    kernel.run("%%kimi\nHello")
    kernel.run("%%time\n%%kimi\nHello")
    kernel.run("import kimi_magic; kimi_magic.ask('Hello')")
    assert kernel.value("hasattr(__import__('asyncio'), '_nest_patched')") is False


def test_a_reload_leaves_one_rewriting_and_unload_none(kernel: Kernel):
    count = "len([t for t in get_ipython().input_transformers_cleanup if 'kimi' in t.__module__])"
    kernel.run("%reload_ext kimi_magic")
    assert kernel.value(count) == 1
    kernel.run("%%kimi\nHello")
    kernel.run("%unload_ext kimi_magic")
    assert kernel.value(count) == 0
    assert kernel.attempt("%%kimi\nHello").status == "error"


# ---- options and settings ----


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%kimi --modle x\nHello", "unknown option --modle; did you mean --model?"),
        ("%%kimi -s 'open\nHello", "a quote that is not closed"),
        ("%%kimi -t 3\nHello", "-t '3': expected a number from 0 to 2"),
        ("%%kimi --max-tokens 0\nHello", "expected a whole number of at least 1"),
        ("%%kimi -o 2x\nHello", "expected the name of a Python variable"),
        ("%%kimi turbo\nHello", "'turbo' is no option"),
        ("%%kimi --api-key sk-123\nHello", "would be saved with the notebook"),
        ("%kimi", "the prompt is empty"),
        ("%%kimi -m nope\nHello", "does not have model"),
        ("%kimi_config --base-url nonsense", "expected an address"),
        ("%kimi_config --unset modle", "did you mean model?"),
        ("get_ipython().run_cell_magic('kimi', '', '  \\n')", "the prompt is empty"),
        ("%%kimi\n\ud83d half", None),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line_that_names_it(kernel: Kernel, cell: str, words: str | None):
    if words is None:  # a lone surrogate cannot even be sent to a kernel; it can be made inside one
        cell, words = "get_ipython().run_cell_magic('kimi', '', 'x' + chr(0xd83d))", "half a character"
    failed = kernel.attempt(cell)
    assert failed.status == "error"
    (error,) = [output for output in failed.outputs if output["type"] == "error"]
    assert error["ename"].startswith("Kimi")
    (line,) = error["traceback"]
    assert words in line
    assert line.count("\n") <= 1  # the line, and the hint below it


def test_help_is_shown_by_the_option_and_by_the_question_mark(offline_kernel: Kernel):
    shown = offline_kernel.run("%%kimi --help\nnot sent").printed
    assert "--max-tokens N" in shown
    asked = offline_kernel.run("%%kimi?")
    assert "--max-tokens N" in asked.reply["payload"][0]["data"]["text/plain"]
    assert "--base-url URL" in offline_kernel.run("%kimi_config --help").printed


def test_settings_hold_for_every_cell_and_say_where_they_came_from(kernel: Kernel, server: Server):
    kernel.run("%kimi_config -m kimi-k2-thinking-turbo -t 0.5")
    kernel.run("%%kimi -o answer\nHello")
    assert kernel.value("answer.model") == "kimi-k2-thinking-turbo"
    table = {line.split()[0]: line.split()[1:] for line in kernel.run("%kimi_config").printed.splitlines()}
    assert table["model"] == ["kimi-k2-thinking-turbo", "%kimi_config"]
    assert table["base_url"] == [server.base_url, "EVOLINK_BASE_URL"]
    assert table["key"] == ["***", "EVOLINK_API_KEY"]
    kernel.run("%kimi_config --unset model")
    kernel.run("%%kimi -o answer\nHello")
    assert kernel.value("answer.model") == "kimi-k2-thinking"


def test_without_key_the_line_names_the_variables_and_offline(offline_kernel: Kernel):
    offline_kernel.run("%kimi_config --unset offline")
    failed = offline_kernel.attempt("%%kimi\nHello")
    offline_kernel.run("%kimi_config --offline")
    (error,) = [output for output in failed.outputs if output["type"] == "error"]
    for word in ("EVOLINK_API_KEY", "KIMI_API_KEY", "MOONSHOT_API_KEY", "--offline"):
        assert word in error["traceback"][0]


def test_offline_answers_say_so(offline_kernel: Kernel):
    assert "offline simulator" in offline_kernel.run("%%kimi\nHello").display["text/html"]


def test_a_wrong_key_is_refused_in_one_line_without_the_key(kernel: Kernel):
    kernel.run("import os; os.environ['EVOLINK_API_KEY'] = 'sk-wrong-key-0123456789'")
    failed = kernel.attempt("%%kimi\nHello")
    shown = str([message["content"] for _, message in failed.messages])
    assert "refused the key from EVOLINK_API_KEY (401)" in shown
    assert "sk-wrong-key" not in shown


def test_login_asks_for_the_key_and_shows_it_nowhere(kernel: Kernel, server: Server):
    kernel.run(f"%kimi_config --unset base_url\n%kimi_config --base-url {server.base_url}")
    kernel.run("import os; del os.environ['EVOLINK_API_KEY']")
    request = kernel.client.execute("%kimi_config --login", allow_stdin=True)
    asked = kernel.client.get_stdin_msg(timeout=10)
    assert asked["content"]["password"] is True
    kernel.client.input("sk-simulator")
    messages = kernel.finish(request).messages
    cell = kernel.run("%%kimi -o answer\nHello")
    table = kernel.run("%kimi_config")
    assert kernel.value("answer.text")
    everything = str([message["content"] for _, message in [*messages, *cell.messages, *table.messages]])
    assert "sk-simulator" not in everything
    assert "--login" in table.printed


def test_no_stream_gives_the_same_answer_at_once(kernel: Kernel):
    kernel.run("%%kimi --no-history -o streamed\nWhy is the sky blue?")
    cell = kernel.run("%%kimi --no-history --no-stream -o whole\nWhy is the sky blue?")
    assert kernel.value("bool(whole.text and whole.reasoning and whole.usage)")
    assert cell.display["text/plain"] == kernel.value("whole.text")


def test_hidden_reasoning_is_neither_live_nor_saved_but_in_the_reply(kernel: Kernel):
    cell = kernel.run("%%kimi -R -o answer\nWhy is the sky blue?")
    thought = kernel.value("answer.reasoning")[:30]
    assert thought
    assert thought not in str([message["content"] for _, message in cell.messages])
    assert "<details" not in cell.display["text/html"]


# ---- faults of the service, seen from a cell ----


@pytest.mark.parametrize(
    ("server", "words", "kept"),
    [
        (("--speed", "0", "--faults", "cut=40"), "the answer broke off", True),
        (("--speed", "0", "--faults", "error-in-stream=40"), "broke off with an error", True),
        (("--speed", "0", "--faults", "html=200"), "a web page instead of an answer", False),
        (("--speed", "0", "--faults", "empty"), "answered with nothing at all", False),
        (("--speed", "0", "--faults", "status=500"), "failed (500)", False),
    ],
    indirect=["server"],
)
def test_a_fault_of_the_service_is_an_error_with_the_partial_answer_kept(
    kernel: Kernel, words: str, kept: bool
):
    cell = kernel.attempt("%%kimi\nWrite 400 words about rivers.")
    (error,) = [output for output in cell.outputs if output["type"] == "error"]
    assert words in error["traceback"][0]
    assert set(cell.display) == {"text/html", "text/markdown", "text/plain"}
    assert "failed" in cell.display["text/html"]
    arrived = kernel.value("(lambda r: r.text + r.reasoning)(__import__('kimi_magic').last)")
    assert bool(arrived) is kept
    assert kernel.value("len(__import__('kimi_magic.kernel').kernel.current.conversation)") == 0


@pytest.mark.parametrize(
    "server",
    [("--speed", "0", "--faults", name)
     for name in ("no-done", "json", "reasoning-field", "crlf", "comments", "split")],
    indirect=True,
)  # fmt: skip
def test_what_differs_from_host_to_host_changes_nothing(kernel: Kernel):
    kernel.run("%%kimi -o answer\nWhy is the sky blue?")
    assert kernel.value("(answer.finish_reason, bool(answer.text), bool(answer.reasoning))") == (
        "stop",
        True,
        True,
    )


# ---- what crosses to the front end ----


def test_updates_stay_few_however_fast_the_model(offline_kernel: Kernel):
    cell = offline_kernel.run("%%kimi --no-history\nWrite 10000 words about rivers.")
    seconds = cell.messages[-1][0] - cell.began
    tails = [at for at, message in cell.of_type("comm_msg") if "value" in str(message["content"]["data"])]
    assert len(tails) <= 4 * (seconds * 20 + 2)
    assert WIDGET not in cell.display
    assert is_idle(cell.messages[-1][1])


def test_a_line_in_an_expression_gives_the_reply_and_shows_it_once(offline_kernel: Kernel) -> None:
    cell = offline_kernel.run("answer = %kimi --no-history Hello\nanswer")
    assert [output["type"] for output in cell.outputs] == ["display"]
    assert offline_kernel.value("answer.finish_reason") == "stop"
    (result,) = offline_kernel.run("answer").outputs
    assert result["data"]["text/html"] == cell.display["text/html"]


def test_a_line_at_the_end_of_a_cell_is_shown_once(offline_kernel: Kernel) -> None:
    cell = offline_kernel.run("1 + 1\n%kimi --no-history Hello")
    assert [output["type"] for output in cell.outputs] == ["display"]


def test_another_reply_is_shown_as_the_value_of_a_cell_that_asked(offline_kernel: Kernel) -> None:
    offline_kernel.run("import kimi_magic; first = kimi_magic.ask('Hello', offline=True)")
    cell = offline_kernel.run("%kimi --no-history Why is the sky blue?\nfirst")
    assert len(cell.outputs) == 2
    assert "offline simulator" in cell.outputs[1]["data"]["text/html"]


def test_unloading_the_extension_ends_its_thread_and_the_next_cell_starts_it_again(kernel: Kernel) -> None:
    threads = "[t.name for t in __import__('threading').enumerate() if 'kimi_magic' in t.name]"
    kernel.run("%%kimi\nHello")
    assert kernel.value(threads) == ["kimi_magic I/O"]
    kernel.run("%unload_ext kimi_magic")
    assert kernel.value(threads) == []
    kernel.run("%load_ext kimi_magic")
    kernel.run("%%kimi\nHello")


def test_python_can_await_an_answer_in_a_cell_and_time_it_out(offline_kernel: Kernel) -> None:
    offline_kernel.run("import asyncio, kimi_magic\nreply = await kimi_magic.aask('Hello', offline=True)")
    assert offline_kernel.value("reply.finish_reason") == "stop"
    cell = offline_kernel.attempt(
        "%kimi_config --speed 5\nasync with asyncio.timeout(0.3):\n"
        "    await kimi_magic.aask('Hello', offline=True)"
    )
    offline_kernel.run("%kimi_config --speed 0")
    assert cell.reply["ename"] == "TimeoutError"
    assert offline_kernel.value("kimi_magic.last.state") == "interrupted"


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_the_log_of_requests_stays_out_of_cells_unless_it_is_asked_for_by_name(kernel: Kernel, level: str):
    kernel.run(f"import logging; logging.basicConfig(level=logging.{level}, force=True)")
    printed = kernel.run("%%kimi\nHello").printed
    assert "httpx" not in printed
    assert "httpcore" not in printed
    kernel.run("logging.getLogger('httpx').setLevel(logging.INFO)")
    assert "HTTP Request: POST" in kernel.run("%%kimi\nHello").printed


def test_a_login_where_nobody_can_type_is_refused_in_one_line(offline_kernel: Kernel) -> None:
    request = offline_kernel.client.execute("%kimi_config --login", allow_stdin=False)
    error = next(o for o in offline_kernel.finish(request).outputs if o["type"] == "error")
    assert error["ename"] == "KimiUsageError"
    assert "nobody can type a key here" in error["evalue"]


def test_a_wrong_value_in_the_ipython_configuration_is_said_at_the_first_cell(offline_kernel: Kernel) -> None:
    load = "get_ipython().config.KimiMagic.temperature = 'hot'\n%reload_ext kimi_magic"
    assert offline_kernel.run(load).outputs == []
    try:
        cell = offline_kernel.attempt("%%kimi\nHello")
        (error,) = [output for output in cell.outputs if output["type"] == "error"]
        assert "c.KimiMagic.temperature: temperature 'hot': expected a number from 0 to 2" in error["evalue"]
        assert "sky" in offline_kernel.run("%%kimi\nWhy is the sky blue?").display["text/plain"]
    finally:
        offline_kernel.run("del get_ipython().config.KimiMagic")


# ---- other threads ----

IN_A_POOL = """
import kimi_magic
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(3) as pool:
    replies = list(pool.map(kimi_magic.ask, ["Write 2000 words about rivers."] * 12))
"""
IN_THREADS = """
import asyncio, kimi_magic
asks = [asyncio.to_thread(kimi_magic.ask, "Write 2000 words about rivers.") for _ in range(3)]
await asyncio.gather(*asks)
"""


@pytest.mark.parametrize("server", [PACED], indirect=True)
@pytest.mark.parametrize("code", [IN_A_POOL, IN_THREADS], ids=["pool", "to_thread"])
def test_an_interrupt_ends_what_the_threads_of_the_cell_ask(kernel: Kernel, server: Server, code: str):
    request = kernel.send(code)
    for _ in range(3):
        server.wait_for("begins")
    kernel.interrupt()
    assert kernel.finish(request).status == "error"
    for _ in range(3):
        server.wait_for("closed by the client")
    # The queue of a pool is gone through without a request, and the next cell may ask again.
    kernel.run("from concurrent.futures import ThreadPoolExecutor")
    kernel.run(
        "with ThreadPoolExecutor(1) as pool: r = pool.submit(kimi_magic.ask, 'Hello', max_tokens=5).result()"
    )
    assert server.wait_for("begins")
    assert kernel.value("r.finish_reason") == "length"


# ---- where a display cannot be updated ----

CONSOLE = None  # a front end that sends no id of a cell


def published(kernel: Kernel, code: str, *, cell_id: str | None) -> list[dict]:
    """The messages of a cell that show something, in order."""
    cell = kernel.finish(kernel.send(code, cell_id=cell_id))
    assert cell.status == "ok"
    kinds = ("display_data", "update_display_data", "stream", "execute_result")
    return [message for _, message in cell.messages if message["msg_type"] in kinds]


@pytest.mark.parametrize("code", ["%%kimi\nWhy is the sky blue?", "x = 1\n%kimi Why is the sky blue?"])
def test_a_console_gets_the_answer_once_and_needs_no_update(offline_kernel: Kernel, code: str):
    (message,) = published(offline_kernel, code, cell_id=CONSOLE)
    assert message["msg_type"] == "display_data"
    assert "sky" in message["content"]["data"]["text/plain"]
    assert "<details" in message["content"]["data"]["text/html"]


def test_a_console_gets_the_data_of_a_json_answer_too(offline_kernel: Kernel):
    code = "%%kimi --schema 'city, people int'\nThe largest city of Japan, and its people"
    messages = published(offline_kernel, code, cell_id=CONSOLE)
    assert {message["msg_type"] for message in messages} == {"display_data"}
    (message,) = messages
    assert "people" in message["content"]["data"]["text/plain"]


def test_a_notebook_sees_life_before_the_answer(offline_kernel: Kernel):
    kinds = [m["msg_type"] for m in published(offline_kernel, "%%kimi\nWhy?", cell_id="a-cell")]
    assert kinds[0] == "display_data"
    assert "update_display_data" in kinds


def test_inside_an_output_widget_the_answer_stays_in_a_widget(offline_kernel: Kernel):
    offline_kernel.run("import ipywidgets; out = ipywidgets.Output(); display(out)")
    before = offline_kernel.value(WIDGETS_LEFT)
    messages = published(
        offline_kernel, "with out:\n    %kimi -o answer Why is the sky blue?", cell_id="a-cell"
    )
    assert [message["msg_type"] for message in messages] == ["display_data"]
    (model_id,) = (
        m["content"]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"] for m in messages
    )
    registry = WIDGETS_LEFT.removeprefix("len(").removesuffix(")")
    shown = offline_kernel.value(f"{registry}[{model_id!r}].children[-1].value")
    assert "kimi-reply" in shown
    assert offline_kernel.value("str(answer)")[:15] in shown
    # The box with its two children and what belongs to them; none for the parts that grew.
    assert offline_kernel.value(WIDGETS_LEFT) - before < 12
    offline_kernel.run("out.close()")


# ---- what is left when the kernel dies or the page goes ----


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_the_text_so_far_is_in_an_output_that_is_saved_and_leaves_no_trace_in_the_end(kernel: Kernel):
    request = kernel.send("%%kimi\nWrite 300 words about rivers.")
    before = kernel.wait_until(
        request, lambda m: "kimi-kept" in str(m["content"].get("data", {}).get("text/html"))
    )
    message = before[-1][1]
    assert message["msg_type"] == "display_data"
    kept = message["content"]["transient"]["display_id"]
    cell = kernel.finish(request, before)
    updates = [
        m["content"]["data"] for _, m in cell.messages
        if m["msg_type"] == "update_display_data" and m["content"]["transient"]["display_id"] == kept
    ]  # fmt: skip
    assert updates[-1] == EMPTY
    assert len(updates) < 12  # it is sent anew when the text has doubled


def test_a_kernel_that_is_shut_down_in_the_middle_shows_the_answer_as_stopped(offline_kernel: Kernel):
    code = (
        "import kimi_magic.kernel as k\n"
        "from kimi_magic import view\n"
        "plan = k.current.plan('Write 300 words about rivers.', {'speed': 0.0})\n"
        "class Seen:\n"
        "    def open(self, turn, stop=None): self.closed = 0\n"
        "    def update(self, turn):\n"
        "        if turn.choice.text: k.current.close_views()\n"
        "    def close(self, turn): self.closed += 1; self.state = turn.state\n"
        "seen = Seen(); k.current.run(plan, seen)\n"
        "print(seen.closed, seen.state)"
    )
    assert offline_kernel.run(code).printed.strip() == "1 interrupted"
