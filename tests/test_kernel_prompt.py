"""The notebook in the prompt, and the answer back in the notebook, in a real kernel."""

from __future__ import annotations

import pytest

from tests.kernel import Kernel

SENT = (
    "[message.content for message in __import__('kimi_magic.kernel').kernel.current.conversation.before()"
    " if message.role == 'user']"
)


@pytest.fixture
def notebook(offline_kernel: Kernel) -> Kernel:
    """A kernel with a new conversation."""
    offline_kernel.run("%kimi_config --reset")
    return offline_kernel


def error_of(kernel: Kernel, code: str) -> dict[str, str]:
    cell = kernel.attempt(code)
    assert cell.status == "error", cell.outputs
    return cell.reply


# ---- variables ----


def test_a_variable_reaches_the_prompt_of_a_cell_and_of_a_line(notebook: Kernel):
    notebook.run("x = 'in {{ y }} words'\ny = 5")
    notebook.run("%%kimi -s 'Use {{ y }} words'\nAnswer {{ x }}, {y} $y {{{y}}}")
    notebook.run("%kimi --no-stream And {{ y + 1 }}?")
    assert notebook.value(SENT) == ["Answer in {{ y }} words, {y} $y {{{y}}}", "And 6?"]
    notebook.run("z = %kimi now {{ y }}")
    system = (
        "__import__('kimi_magic.kernel').kernel.current.last_plan.turn.steps[-1].request.messages[0].content"
    )
    assert notebook.value(SENT)[-1] == "now 5"
    notebook.run("%%kimi -s 'Use {{ y }} words'\nHello")
    assert notebook.value(system) == "Use 5 words"


def test_a_loop_and_code_under_time_reach_it_too(notebook: Kernel):
    notebook.run("for n in (1, 2):\n    %kimi Name number {{ n }}.")
    notebook.run("%%time\n%kimi Name number {{ n + 1 }}.")
    assert notebook.value(SENT) == ["Name number 1.", "Name number 2.", "Name number 3."]


def test_an_unknown_name_fails_the_cell_and_sends_nothing(notebook: Kernel):
    notebook.run("numbers = [1]")
    reply = error_of(notebook, "%%kimi\nSum up\n{{ number }}")
    assert reply["ename"] == "KimiUsageError"
    assert (
        "{{ number }} in line 2 of the prompt: there is no number; did you mean numbers?" in reply["evalue"]
    )
    assert notebook.value(SENT) == []


def test_raw_sends_braces_as_they_are_for_a_cell_or_all(notebook: Kernel):
    notebook.run("%%kimi --raw\n{{ nobody }} \\{{ x }}")
    notebook.run("%kimi_config --raw")
    notebook.run("%%kimi\n{{ nobody }}")
    notebook.run("%kimi_config --unset raw")
    assert notebook.value(SENT) == ["{{ nobody }} \\{{ x }}", "{{ nobody }}"]


def test_a_setting_takes_a_value_of_the_notebook_once(notebook: Kernel):
    notebook.run("tone = 'kind'\n%kimi_config --system 'Be {{ tone }}'\ntone = 'rude'")
    notebook.run("%%kimi\nHello")
    system = "__import__('kimi_magic.kernel').kernel.current.last_plan.request.messages[0].content"
    assert notebook.value(system) == "Be kind"
    notebook.run("%kimi_config --unset system")


def test_from_python_nothing_is_filled_in(notebook: Kernel):
    notebook.run("import kimi_magic\nx = 1\nr = kimi_magic.ask('Say {{ x }}', offline=True, history=True)")
    assert notebook.value(SENT) == ["Say {{ x }}"]
