"""Several answers, picked, cut and continued ones in a real kernel."""

from __future__ import annotations

import pytest

from tests.conftest import PACED, Server
from tests.kernel import CLICKS_ARRIVE, WIDGET, Cell, Kernel
from tests.test_kernel import LONG, begun

SAID = "[(m.role, m.content) for m in __import__('kimi_magic.kernel').kernel.current.conversation.before()]"
LAST = "(lambda r: (r.text, r.finish_reason, [c.text for c in r.choices]))(__import__('kimi_magic').last)"
SKY = "Why is the sky blue?"


def error_of(cell: Cell) -> str:
    assert cell.status == "error"
    (error,) = [output for output in cell.outputs if output["type"] == "error"]
    (line,) = error["traceback"]
    return line


def models_opened(cell: Cell) -> list[str]:
    """The names of the widgets that were made."""
    return [message["content"]["data"]["state"]["_model_name"] for _, message in cell.of_type("comm_open")]


def titles(cell: Cell) -> str:
    """All headings that the front end was sent."""
    values = [
        message["content"]["data"].get("state", {}).get("value") for _, message in cell.of_type("comm_msg")
    ]
    return str([value for value in values if "<h4" in str(value)])


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_several_answers_stream_side_by_side_and_end_so_in_one_display(kernel: Kernel):
    cell = kernel.run(f"%%kimi -n 3 -o answers\n{SKY}")
    models = models_opened(cell)
    assert models.count("AccordionModel") == 3
    shown = titles(cell)
    for word in ("Answer 1 · thinking", "Answer 2 · answering"):
        assert word in shown
    assert set(cell.display) == {"text/html", "text/markdown", "text/plain"}
    html = cell.display["text/html"]
    assert [html.count(f">Answer {number}</h4>") for number in (1, 2, 3)] == [1, 1, 1]
    assert html.count("<details") == 3
    for text in kernel.value("[c.text for c in answers.choices]"):
        assert text in cell.display["text/plain"]


def test_every_comm_of_several_answers_is_closed(kernel: Kernel):
    cell = kernel.run(f"%%kimi -n 3\n{SKY}")
    opened = [message["content"]["comm_id"] for _, message in cell.of_type("comm_open")]
    closed = [message["content"]["comm_id"] for _, message in cell.of_type("comm_close")]
    assert opened
    assert sorted(opened) == sorted(closed)
    assert kernel.widgets_left() == 0


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_one_answer_makes_no_widget_that_it_did_not_make_before(kernel: Kernel):
    models = models_opened(kernel.run(f"%%kimi\n{SKY}"))
    assert "TabModel" not in models
    assert models.count("VBoxModel") <= 5  # the whole; answer and reasoning, each with a first row
    assert models.count("AccordionModel") == 1
    # Of all that is as wide as the output, and of the button.
    assert models.count("LayoutModel") == (2 if CLICKS_ARRIVE else 1)


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_an_interrupt_of_several_answers_keeps_what_arrived_and_leaves_no_widget(
    kernel: Kernel, server: Server
):
    request = kernel.send(LONG.replace("%%kimi", "%%kimi -n 2"))
    before = kernel.wait_until(request, begun)
    kernel.interrupt()
    cell = kernel.finish(request, before)
    server.wait_for("closed by the client")
    assert "Answer 2 · stopped" in cell.display["text/html"]
    assert WIDGET not in cell.display
    assert kernel.widgets_left() == 0
    assert kernel.value(SAID) == []


def test_a_pick_takes_the_place_of_the_first_answer(kernel: Kernel):
    cell = kernel.run(f"%%kimi -n 2\n{SKY}")
    assert "Answer 1 is in the conversation; %kimi --pick N chooses another." in cell.display["text/html"]
    assert "Answer 2 is in the conversation now." in kernel.run("%kimi --pick 2").printed
    text, _, choices = kernel.value(LAST)
    assert text == choices[1] != choices[0]
    assert kernel.value(SAID) == [("user", SKY), ("assistant", text)]
    kernel.run("x = 1\n%kimi --pick 1")  # among other lines
    assert kernel.value(SAID)[-1][1] == choices[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%kimi --pick 2", "--pick 2: nothing was asked yet"),
        ("%kimi --continue", "--continue: nothing was asked yet"),
        ("%kimi --pick two", "--pick 'two': expected a whole number of at least 1"),
        ("%kimi --pick 2 please", "--pick takes no prompt"),
        ("%kimi --pick 2 -t 1", "--pick takes no other options"),
        ("%kimi --continue please", "--continue takes no prompt"),
        ("%%kimi --continue\nplease", "--continue takes no prompt"),
        ("%%kimi -n 6\nHello", "-n '6': expected a whole number from 1 to 5"),
        ("%kimi_config --pick 2", "unknown option --pick"),
    ],
)
def test_wrong_use_is_one_line(kernel: Kernel, line: str, words: str):
    assert words in error_of(kernel.attempt(line))


def test_a_cut_answer_says_how_to_go_on_and_does(kernel: Kernel):
    kernel.run(f"%%kimi --no-history -o whole\n{SKY}")
    cap = kernel.value("whole.usage.reasoning") + 20
    cell = kernel.run(f"%%kimi --max-tokens {cap}\n{SKY}")
    html = cell.display["text/html"]
    assert f"Cut after {cap} tokens, {cap - 20} of them reasoning" in html
    assert "--max-tokens 16000" in html
    assert "%kimi --continue" in html
    continued = kernel.run("%kimi --continue --max-tokens 5000 -o answer")
    assert kernel.value("answer.text == whole.text and answer is __import__('kimi_magic').last")
    assert continued.display["text/plain"] == kernel.value("whole.text")
    assert [content for _, content in kernel.value(SAID)] == [SKY, kernel.value("whole.text")]
    assert "is complete (stop)" in error_of(kernel.attempt("%kimi --continue"))


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_a_stopped_answer_goes_on_where_it_was_stopped(kernel: Kernel):
    kernel.run("%%kimi --no-history --no-stream -o whole\nWrite 150 words about rivers.")
    request = kernel.send("%%kimi\nWrite 150 words about rivers.")
    before = kernel.wait_until(
        request, lambda message: "answering" in str(message["content"].get("data", ""))
    )
    kernel.interrupt()
    kernel.finish(request, before)
    assert kernel.value(SAID) == []
    stopped = kernel.value("__import__('kimi_magic').last.text")
    assert stopped
    kernel.run("y = 1\n%kimi --continue -o answer")  # not awaited: among other lines
    assert kernel.value("answer.text == whole.text")
    assert kernel.value("answer.text").startswith(stopped)
    assert len(kernel.value(SAID)) == 2


def test_a_prefix_is_on_screen_in_the_reply_and_in_the_conversation(kernel: Kernel):
    cell = kernel.run("%%kimi --prefix 'Grey breath' -o poem\nWrite a poem.")
    text = kernel.value("poem.text")
    assert text.startswith("Grey breath")
    assert cell.display["text/plain"] == text
    assert kernel.value(SAID)[-1][1] == text


def test_calls_of_a_model_with_tools_are_listed(kernel: Kernel):
    kernel.run(
        "tools = [{'type': 'function', 'function': {'name': 'get_weather', 'description': 'Weather.',"
        " 'parameters': {'type': 'object', 'properties': {'city': {'type': 'string'}}}}}]"
    )
    cell = kernel.run("%%kimi --tools tools\nWhat is the weather in Oslo?")
    assert "<li><code>get_weather(" in cell.display["text/html"]
    assert "Oslo" in cell.display["text/plain"]
    assert kernel.value(SAID) == []
    assert kernel.widgets_left() == 0
