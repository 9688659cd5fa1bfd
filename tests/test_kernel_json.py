"""JSON cells in a real kernel, in a pipe and on a terminal: from the cell to Python objects."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from kimi_magic.conversation import Parsed
from kimi_magic.markdown import inert
from kimi_magic.messages import Finished, ReasoningDelta, TextDelta
from kimi_magic.view.terminal import TerminalView
from tests.browser.manual_service import ManualService, manual_service
from tests.conftest import PATIENCE
from tests.kernel import Cell, Kernel, text_of_widgets
from tests.peers import Scripted, streamed
from tests.test_kernel_answers import SAID, error_of
from tests.test_static import Terminal
from tests.turns import GrowingTurn

ADA = '{"name": "Ada", "age": 36}'
PERSON = """
from dataclasses import dataclass

@dataclass
class Person:
    name: str
    age: int
"""
TEXT = "__import__('kimi_magic').last.text"
LIST = "%%kimi -o found --schema '[name, age int]'\nTwo people"


PAGE = {"text/html", "text/markdown", "text/plain"}


@pytest.fixture(scope="module")
def script() -> Iterator[Scripted]:
    with Scripted("") as server:
        yield server


@pytest.fixture
def scripted(offline_kernel: Kernel, script: Scripted) -> Iterator[Kernel]:
    """A kernel that talks to `script`."""
    offline_kernel.run(f"%kimi_config --base-url {script.base_url}\n%kimi_config --reset")
    yield offline_kernel
    offline_kernel.run("%kimi_config --unset base_url\n%kimi_config --offline")


@pytest.fixture
def service(offline_kernel: Kernel) -> Iterator[ManualService]:
    """The service that answers as the test says; the kernel talks to it."""
    with manual_service() as running:
        offline_kernel.run(f"%kimi_config --base-url {running.base_url}")
        yield running
    offline_kernel.run("%kimi_config --unset base_url\n%kimi_config --offline")


def displays(cell: Cell) -> list[dict[str, Any]]:
    """The data of all displays, and nothing else may be there."""
    assert {output["type"] for output in cell.outputs} == {"display"}
    return [output["data"] for output in cell.outputs]


def assert_no_widget_is_left(kernel: Kernel, cell: Cell) -> None:
    opened = [message["content"]["comm_id"] for _, message in cell.of_type("comm_open")]
    closed = [message["content"]["comm_id"] for _, message in cell.of_type("comm_close")]
    assert sorted(opened) == sorted(closed)
    assert kernel.widgets_left() == 0


# ---- from cell to object ----


def test_the_simulator_fills_a_frame(offline_kernel: Kernel):
    offline_kernel.run("import pandas")
    cell = offline_kernel.run(
        "%%kimi -o df --frame --schema '[city, people int, area float]'\nInvent 5 cities"
    )
    (shown,) = displays(cell)
    assert set(shown) == PAGE
    assert offline_kernel.value("type(df) is pandas.DataFrame")
    kinds = offline_kernel.value("{name: str(kind) for name, kind in df.dtypes.items()}")
    assert list(kinds) == ["city", "people", "area"]
    assert (kinds["people"], kinds["area"]) == ("int64", "float64")
    rows = offline_kernel.value("len(df)")
    assert rows > 0
    assert f"{rows:,} rows × 3 columns" in shown["text/html"]
    assert "| city | people | area |" in shown["text/markdown"]
    assert shown["text/plain"] == offline_kernel.value("str(df)")


def test_a_frame_is_of_polars_where_the_notebook_has_that(scripted: Kernel, script: Scripted):
    script.say(f'{{"people": [{ADA}, {{"name": "Bo", "age": null}}]}}')
    scripted.run("import pandas, polars as pl\ndel pandas")
    scripted.run("%%kimi -o df --frame\nWho? As JSON")
    assert scripted.value("(type(df) is pl.DataFrame, df.to_dicts()[1])") == (
        True,
        {"name": "Bo", "age": None},
    )


def test_a_name_is_bound_to_the_instance_of_a_class_of_the_notebook(scripted: Kernel, script: Scripted):
    scripted.run(PERSON)
    script.say(ADA)
    scripted.run("%%kimi -o ada --schema Person\nWho wrote the first program?")
    assert scripted.value("(type(ada) is Person, ada.name, ada.age)") == (True, "Ada", 36)
    script.say(f'{{"items": [{ADA}]}}')
    scripted.run("x = 1\n%kimi -o people --schema list[Person] Who")  # among other lines: not awaited
    assert scripted.value("people == [ada]")


def test_without_a_name_the_data_is_in_last(scripted: Kernel, script: Scripted):
    script.say(ADA)
    scripted.run("%%kimi --json\nWho?")
    assert scripted.value("__import__('kimi_magic').last.data") == json.loads(ADA)


def test_a_name_gets_the_reply_where_the_model_asks_for_tools(scripted: Kernel, script: Scripted):
    call = {"index": 0, "id": "f:0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    script.say(streamed("", finish="tool_calls", tool_calls=[call]))
    cell = scripted.run("%%kimi --json -o wish\nLook it up. JSON")
    assert scripted.value("wish.tool_calls[0].name") == "look"
    assert "look({})" in cell.display["text/html"]


@pytest.mark.parametrize(
    ("answer", "line", "words"),
    [
        ("I would rather not.", "--json", "the answer is no JSON"),
        ('{"name": "Ada"}', "--schema Person --repair 0", "$.age: expected a value, got nothing"),
        (streamed('{"name": "Ad', finish="length"), "--schema Person", "Ask again with --max-tokens 65536"),
        (ADA, "--frame", "--frame: a table needs a list of records"),
    ],
    ids=["no JSON", "no match", "cut", "no table"],
)
def test_what_cannot_be_used_fails_the_cell_in_one_line_and_binds_nothing(
    scripted: Kernel, script: Scripted, answer: str | bytes, line: str, words: str
):
    scripted.run(PERSON)
    script.say(answer)
    cell = scripted.attempt(f"%%kimi -o bad {line}\nWho?")
    assert words in error_of(cell)
    assert "KimiJSONError" in error_of(cell)
    assert "Traceback" not in str(cell.outputs)
    shown = cell.display  # just one
    assert set(shown) == PAGE
    text = scripted.value(TEXT)
    assert text
    assert text in shown["text/plain"]
    assert not scripted.value("'bad' in globals()")
    assert scripted.value(SAID) == []
    assert_no_widget_is_left(scripted, cell)


def test_a_schema_that_is_none_opens_no_display_and_sends_nothing(scripted: Kernel, script: Scripted):
    scripted.run(PERSON)
    script.say(ADA)
    cell = scripted.attempt("%%kimi --schema Persn\nWho?")
    assert "did you mean Person?" in error_of(cell)
    assert [output["type"] for output in cell.outputs] == ["error"]
    assert script.requests == []
    assert "--continue: " in error_of(scripted.attempt("%kimi --continue"))


def test_what_the_kernel_is_told_holds_for_every_cell(scripted: Kernel, script: Scripted):
    script.say("no", ADA)
    scripted.run("%kimi_config --json --repair 1")
    scripted.run("%%kimi -o settled\nWho?")
    assert scripted.value("settled") == json.loads(ADA)
    scripted.run("%kimi_config --unset json\n%kimi_config --unset repair")
    scripted.run("%%kimi -o free\nWho?")
    assert scripted.value("free.text") == ADA


# ---- what is displayed ----


def test_a_json_cell_ends_in_one_display_and_no_widget(scripted: Kernel, script: Scripted):
    value = {"name": "Ada", "big": 2**60, "list": [1, None, {"x": [True]}], "c1": "\x9b2J", "é": "月"}
    script.say(json.dumps(value, ensure_ascii=False))
    cell = scripted.run("%%kimi -o found --json\nWho?")
    (shown,) = displays(cell)
    assert set(shown) == PAGE  # no application/json: JupyterLab would show that in place of our page
    assert "They want JSON." in shown["text/html"]
    assert str(2**60) in shown["text/html"]  # a viewer of its own would round it
    assert json.loads(shown["text/plain"]) == value
    assert "\x9b" not in shown["text/plain"]
    assert shown["text/html"].index("<b>name</b>") < shown["text/html"].index("<b>big</b>")
    assert scripted.value("found") == value
    assert_no_widget_is_left(scripted, cell)


def test_several_answers_have_a_tree_each_and_their_agreement(scripted: Kernel, script: Scripted):
    script.say(streamed(ADA, '{"name": "Bo", "age": 36}'))
    cell = scripted.run("%%kimi -n 2 -o both --json\nWho?")
    (shown,) = displays(cell)
    assert json.loads(shown["text/plain"]) == scripted.value("both")
    assert shown["text/html"].count('class="kimi-tree"') >= 2
    assert "How many agree: name 1 of 2, age 2 of 2." in shown["text/html"]
    agreement = scripted.value("[tuple(row) for row in __import__('kimi_magic').last.agreement]")
    assert agreement == [("name", "Ada", 1, 2), ("age", 36, 2, 2)]
    assert_no_widget_is_left(scripted, cell)


def test_json_grows_in_rows_while_it_comes(offline_kernel: Kernel, service: ManualService):
    request = offline_kernel.send("%%kimi --json\nWho?")
    answering = service.next_request()
    answering.send_text('{"name": "Ada", "bio": "She wro')
    before = offline_kernel.wait_until(request, lambda message: "“She wro" in text_of_widgets(message))
    assert any("“Ada”" in text_of_widgets(message) for _, message in before)
    answering.send_text('te."}')
    answering.finish()
    cell = offline_kernel.finish(request, before)
    assert json.loads(displays(cell)[0]["text/plain"]) == {"name": "Ada", "bio": "She wrote."}
    assert_no_widget_is_left(offline_kernel, cell)


def test_a_repair_takes_the_widgets_of_the_first_answer_away_and_shows_its_own(
    offline_kernel: Kernel, service: ManualService
):
    request = offline_kernel.send("%%kimi -o ada --schema 'name, age int'\nWho?")
    first = service.next_request()
    first.send_text('{"name": "First", "age": "unknown", "more": [')
    before = offline_kernel.wait_until(request, lambda message: "“First”" in text_of_widgets(message))
    opened = {m["content"]["comm_id"] for _, m in before if m["msg_type"] == "comm_open"}
    first.send_text("]}")
    first.finish()
    second = service.next_request()
    before += offline_kernel.wait_until(request, lambda message: "repair 1: " in text_of_widgets(message))
    second.send_text('{"name": "Second", ')
    before += offline_kernel.wait_until(request, lambda message: "“Second”" in text_of_widgets(message))
    closed = {m["content"]["comm_id"] for _, m in before if m["msg_type"] == "comm_close"}
    assert opened
    assert opened <= closed
    second.send_text('"age": 2}')
    second.finish()
    cell = offline_kernel.finish(request, before)
    html = displays(cell)[0]["text/html"]
    assert "· 1 repair (" in html or "· 1 repair<" in html
    reason = inert("Asked again, because the answer does not match the schema: $.age: expected integer")
    assert reason in html
    assert "First" not in html
    assert "Second" in html
    assert offline_kernel.value("ada") == {"name": "Second", "age": 2}
    assert_no_widget_is_left(offline_kernel, cell)


def test_an_interrupt_of_a_repair_shows_the_answer_that_was_paid_for(
    offline_kernel: Kernel, service: ManualService
):
    request = offline_kernel.send("%%kimi -o never --schema 'name, age int'\nWho?")
    first = service.next_request()
    first.send_text('{"name": "First"}')
    first.finish()
    service.next_request()
    before = offline_kernel.wait_until(request, lambda message: "repair 1: " in str(message["content"]))
    offline_kernel.interrupt()
    cell = offline_kernel.finish(request, before)
    assert cell.status == "error"
    assert "“First”" in cell.display["text/html"]
    assert "stopped" in cell.display["text/html"]
    assert offline_kernel.value(TEXT) == '{"name": "First"}'
    assert not offline_kernel.value("'never' in globals()")
    assert_no_widget_is_left(offline_kernel, cell)


def test_a_saved_notebook_of_json_cells_is_valid():
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(source)
            for source in (
                "%load_ext kimi_magic\n%kimi_config --offline --speed 0\nimport pandas",
                "%%kimi --json\nA book as JSON",
                "%%kimi --frame --schema '[title, year int]' -o books\nThree books",
            )
        ]
    )
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3").execute()
    nbformat.validate(notebook)
    again = nbformat.reads(nbformat.writes(notebook), as_version=4)
    kinds = [[set(output["data"]) for output in cell.outputs] for cell in again.cells[1:]]
    assert kinds == [[PAGE], [PAGE]]
    assert "widgets" not in again.metadata  # nothing there would show them


# ---- a pipe, a terminal ----


def kimi(script: Scripted, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kimi_magic", "ask", *words, "Who?"], capture_output=True, text=True,
        timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False,
        env={"PATH": "", "EVOLINK_BASE_URL": script.base_url, "EVOLINK_API_KEY": "sk-x"},
    )  # fmt: skip


def test_a_pipe_gets_the_last_answer_alone(script: Scripted):
    script.say("I forgot how.", ADA)
    done = kimi(script, "--schema", "name, age int")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(ADA)
    assert "Asked again, because the answer is no JSON" in done.stderr
    assert "1 repair (120 tokens)" in done.stderr


def test_a_pipe_gets_several_answers_one_after_the_other_and_nothing_between(script: Scripted):
    script.say(streamed(ADA, ADA))
    done = kimi(script, "--json", "-n", "2")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [json.loads(ADA)] * 2


def test_what_a_pipe_cannot_use_is_an_error_and_a_status(script: Scripted):
    script.say("I would rather not.")
    done = kimi(script, "--json")
    assert done.returncode == 1
    assert "kimi-magic: the answer is no JSON" in done.stderr
    assert done.stdout == "I would rather not.\n"


def shown_on(
    kind: type[io.StringIO], first: str, second: str | None, thoughts: tuple[str, str] = ("", "")
) -> tuple[str, str]:
    """What a view writes when `first` is asked for again, and `second` comes, or it was stopped before."""
    out, err = kind(), kind()
    view, reply = TerminalView(out, err), GrowingTurn("m", json=True)
    view.open(reply)
    for thought, text in zip(thoughts, (first, second), strict=True):
        if text == second:
            reply.reject("it does not fit")
            view.update(reply)
        for event in (ReasoningDelta(thought), *([TextDelta(text), Finished("stop")] if text else [])):
            reply.add(event)
            view.update(reply)
    reply.parsed = (Parsed(1, 1),) if second else ()
    reply.end("complete" if second else "interrupted")
    view.close(reply)
    return out.getvalue(), err.getvalue()


def test_a_terminal_shows_both_answers_one_after_the_other():
    out, err = shown_on(Terminal, "[1,", "[2]")
    assert out == "[1,\n[2]\n"
    assert "Asked again, because it does not fit." in err
    assert shown_on(io.StringIO, "[1,", "[2]")[0] == "[2]\n"


def test_an_answer_that_was_not_mended_is_written_once_with_its_reasoning():
    thoughts = ("First thought.", "Second.")
    assert shown_on(Terminal, "[1,", None, thoughts)[0] == "[1,\n"
    out, err = shown_on(io.StringIO, "[1,", None, thoughts)
    assert out == "[1,\n"
    assert err.count("First thought.") == err.count("Second.") == 1
    assert "stopped" in err
