"""A conversation from a saved notebook, and answers that are kept, in a real kernel whose cells have ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kimi_magic import kernel, restore
from kimi_magic.errors import KimiUsageError
from kimi_magic.view import read_back, static
from tests.conftest import Server
from tests.kernel import Cell, Kernel
from tests.turns import cell_plan, run

SENT = "[(m.role, m.text) for m in __import__('kimi_magic').last.turn.step.request.messages]"
REQUESTS = "len(__import__('kimi_magic').usage_records())"
PROMPTS = "[t.prompt.text for t in __import__('kimi_magic').chat()]"
THREE = {
    "a": "%%kimi\nWhy is the sky blue?",
    "b": "%%kimi\nName a river: $5, {x} & <b>.",
    "c": "%%kimi\nAnd a lake?",
}


class Book:
    """A notebook as a front end keeps it: cells by their ids, with sources and outputs."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = dict(sources)
        self.outputs: dict[str, list[dict[str, Any]]] = {}

    def run_all(self, kernel: Kernel) -> None:
        for name, source in self.sources.items():
            self.outputs[name] = saved_outputs(kernel.run(source, cell_id=name))

    def save(self, path: Path) -> None:
        cells = [
            {
                "cell_type": "code", "id": name, "metadata": {}, "execution_count": 1,
                "source": source.splitlines(keepends=True), "outputs": self.outputs.get(name, []),
            }
            for name, source in self.sources.items()
        ]  # fmt: skip
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path.write_text(json.dumps(notebook, indent=1, sort_keys=True))


def saved_outputs(cell: Cell) -> list[dict[str, Any]]:
    """The displays of a cell as nbformat holds them: each updated, texts as lists of lines."""
    displays: dict[str, dict[str, Any]] = {}
    saved: list[dict[str, Any]] = []
    for _, message in cell.messages:
        content = message["content"]
        if message["msg_type"] == "display_data":
            saved.append({"output_type": "display_data"})
            displays[content.get("transient", {}).get("display_id", "")] = saved[-1]
        elif message["msg_type"] != "update_display_data":
            continue
        output = displays[content.get("transient", {}).get("display_id", "")]
        output["metadata"] = content["metadata"]
        output["data"] = {
            kind: value.splitlines(keepends=True) if isinstance(value, str) else value
            for kind, value in content["data"].items()
        }
    return saved


@pytest.fixture
def fresh(offline_kernel: Kernel) -> Kernel:
    """A kernel that remembers nothing, as after a restart."""
    offline_kernel.run("__import__('kimi_magic.kernel').kernel.current.__init__()")
    offline_kernel.run("%kimi_config --offline --speed 0")
    return offline_kernel


def forget(kernel: Kernel) -> None:
    kernel.run("%kimi_config --reset")


def test_a_conversation_comes_back_from_the_notebook_and_goes_on(fresh: Kernel, tmp_path: Path):
    book = Book(THREE)
    book.run_all(fresh)
    fresh.run("%%kimi\nWhat did I ask first?", cell_id="d")
    sent = fresh.value(SENT)
    book.save(tmp_path / "n.ipynb")
    forget(fresh)
    assert fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}").printed == "main: 3 turns from n.ipynb.\n"
    fresh.run("%%kimi\nWhat did I ask first?", cell_id="d")
    assert fresh.value(SENT) == sent
    fresh.run("%%kimi\nName a sea.", cell_id="b")
    assert fresh.value(PROMPTS)[:3] == ["Why is the sky blue?", "Name a sea.", "And a lake?"]


SENT_NEXT = "__import__('kimi_magic').chat().messages"
CALLED = "%%kimi -T get_temperature --yes\nIs the temperature higher in Oslo, Turin, Rome or Paris?"


@pytest.mark.parametrize(("size", "is_there"), [(1, True), (50_000, False)])
def test_calls_of_functions_come_back_with_their_results_or_are_told_to_be_missing(
    fresh: Kernel, tmp_path: Path, size: int, is_there: bool
):
    fresh.run(
        "def get_temperature(city: str) -> str:\n"
        "    'The temperature in a city.'\n"
        f"    return '€' * {size}"  # cut to 20,000 characters of three bytes, four times
    )
    book = Book({"a": CALLED})
    book.run_all(fresh)
    sent = fresh.value(SENT_NEXT)
    book.save(tmp_path / "n.ipynb")
    forget(fresh)
    said = fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}").printed
    assert ("cell 1: its calls of functions were too large for the notebook" in said) is not is_there
    restored = fresh.value(SENT_NEXT)
    assert len(sent) == 7  # the prompt, four calls in one message and their results, the answer
    assert restored == (sent if is_there else [sent[0], sent[-1]])


def test_the_session_says_which_notebook_it_is(fresh: Kernel, tmp_path: Path):
    Book(THREE).save(tmp_path / "n.ipynb")
    assert "does not say which notebook" in str(fresh.attempt("%kimi_chat restore").outputs)
    fresh.run(f"__import__('os').environ['JPY_SESSION_NAME'] = {str(tmp_path / 'n.ipynb')!r}")
    assert fresh.run("%kimi_chat restore").printed == "no turns from n.ipynb.\n"


def test_what_was_asked_since_stays_in_the_place_of_its_cell(fresh: Kernel, tmp_path: Path):
    book = Book(THREE)
    book.run_all(fresh)
    book.save(tmp_path / "n.ipynb")
    forget(fresh)
    fresh.run("%%kimi\nName a sea.", cell_id="b")
    fresh.run("%%kimi\nName a town.", cell_id="d")
    fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}")
    assert fresh.value(PROMPTS) == ["Why is the sky blue?", "Name a sea.", "And a lake?", "Name a town."]


def test_a_cell_that_was_edited_after_its_answer_is_left_out_and_named(fresh: Kernel, tmp_path: Path):
    book = Book(THREE)
    book.run_all(fresh)
    book.sources["b"] = "%%kimi\nSomething else?"
    book.save(tmp_path / "n.ipynb")
    forget(fresh)
    printed = fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}").printed
    assert printed.startswith("main: 2 turns from n.ipynb; cell 2: the cell was edited after its answer")
    assert fresh.value(PROMPTS) == ["Why is the sky blue?", "And a lake?"]


@pytest.mark.parametrize(
    "source",
    [
        "%kimi Name a river.",
        "x = 1\n%kimi -t 1 Name a river.\ny = %kimi Name a river.",
        "%%kimi --json\nName a river as JSON.",
        "%%kimi -n 2 -t 1\nName a river.",
        "# a title\n%%kimi -c side -s 'Be brief.' --prefix 'The '\nName a river.",
        "%%kimi --frame\nName three rivers as JSON records.",
    ],
)
def test_each_way_to_ask_comes_back(fresh: Kernel, tmp_path: Path, source: str):
    book = Book({"a": source})
    book.run_all(fresh)
    kept = "[[m.text for t in c for m in t.messages()] for c in __import__('kimi_magic.kernel')" \
           ".kernel.current.chats.values()]"  # fmt: skip
    before = fresh.value(kept)
    book.save(tmp_path / "n.ipynb")
    fresh.run("for c in __import__('kimi_magic.kernel').kernel.current.chats.values(): c.clear()")
    assert "turn" in fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}").printed
    if "--json" in source:  # a notebook sorts the keys of JSON
        before = [[prompt, json.loads(answer)] for prompt, answer in before if answer]
        after = [[prompt, json.loads(answer)] for prompt, answer in fresh.value(kept) if answer]
        assert after == before
    else:
        assert fresh.value(kept) == before


def test_an_answer_that_was_gone_on_with_comes_back_whole(fresh: Kernel, tmp_path: Path):
    cut, rest = "%%kimi --max-tokens 90\nWhy is the sky blue?", "%kimi --continue --max-tokens 2000"
    book = Book({"a": cut, "b": rest, "c": "%%kimi\nAnd the sea?"})
    book.run_all(fresh)
    kept = "[m.text for t in __import__('kimi_magic').chat() for m in t.messages()]"
    before = fresh.value(kept)
    assert len(before) == 4
    book.save(tmp_path / "n.ipynb")
    forget(fresh)
    assert fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}").printed == "main: 2 turns from n.ipynb.\n"
    assert fresh.value(kept) == before


@pytest.mark.parametrize(("sent", "comes_back"), [("The value is 3.", True), ("3, " * 9_000, False)])
def test_a_prompt_that_was_filled_in_comes_back_unless_it_is_very_long(
    tmp_path: Path, sent: str, comes_back: bool
):
    typed = "The value is {{x}}."
    with kernel.fresh(offline=True, speed=0):
        plan = cell_plan("", sent)
        plan.turn.typed = typed  # as it stands in the cell
        turn = run(plan).turn
        assert static.summary(turn).get("sent") == (sent if comes_back else None)
        data = {"text/html": static.html(turn), "text/plain": static.plain(turn)}
        output = {
            "output_type": "display_data",
            "metadata": {"kimi_magic": static.summary(turn)},
            "data": data,
        }
    book = Book({"a": f"%%kimi\n{typed}"})
    book.outputs["a"] = [output]
    book.save(tmp_path / "n.ipynb")
    found = restore.read(tmp_path / "n.ipynb")
    assert [t.messages() for t in found.chats.get("main", [])] == [turn.messages()] * comes_back
    assert len(found.faults) == (not comes_back)


def test_reasoning_that_was_hidden_is_told_to_be_missing(fresh: Kernel, tmp_path: Path):
    book = Book({"a": "%%kimi -R\nWhy is the sky blue?"})
    book.run_all(fresh)
    book.save(tmp_path / "n.ipynb")
    forget(fresh)
    printed = fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}").printed
    assert (
        printed
        == "main: 1 turn from n.ipynb; cell 1: its reasoning was hidden, and is not in the notebook.\n"
    )


# ---- kept answers ----


def test_run_all_again_sends_nothing_and_changes_no_byte(kernel: Kernel, server: Server, tmp_path: Path):
    book = Book(
        THREE | {"d": "%%kimi --json -o data\nName a river as JSON.", "e": "%%kimi --no-history\nHello"}
    )
    kernel.run("%kimi_config --keep")
    book.run_all(kernel)
    before = json.dumps(book.outputs)
    count = kernel.value(REQUESTS)
    book.run_all(kernel)
    assert json.dumps(book.outputs) == before
    assert kernel.value(REQUESTS) == count == 5
    assert kernel.value("type(data).__name__") == "dict"


def test_after_a_restart_the_answers_in_the_notebook_are_kept(fresh: Kernel, tmp_path: Path):
    book = Book(THREE | {"d": "%%kimi --json\nName a river as JSON."})
    book.run_all(fresh)
    book.save(tmp_path / "n.ipynb")
    before = json.dumps(book.outputs, sort_keys=True)
    fresh.run("__import__('kimi_magic.kernel').kernel.current.__init__()")
    fresh.run("%kimi_config --offline --speed 0 --keep")
    fresh.run(f"%kimi_chat restore {tmp_path / 'n.ipynb'}")
    book.run_all(fresh)
    assert json.dumps(book.outputs, sort_keys=True) == before
    assert fresh.value(REQUESTS) == 0


def test_an_edited_cell_is_asked_again_and_so_are_those_that_depend_on_it(fresh: Kernel):
    book = Book(THREE | {"d": "%%kimi -c side\nName a town."})
    fresh.run("%kimi_config --keep")
    book.run_all(fresh)
    book.sources["b"] = "%%kimi\nWrite 20 words about rivers."
    before = dict(book.outputs)
    book.run_all(fresh)
    assert [name for name in book.sources if book.outputs[name] != before[name]] == ["b", "c"]
    assert fresh.value(REQUESTS) == 6


@pytest.mark.parametrize("line", ["--ask-again", "-t 0.9", "-s Brief.", "--history none", "-R"])
def test_another_option_asks_again(fresh: Kernel, line: str):
    fresh.run("%kimi_config --keep")
    fresh.run("%%kimi\nHello", cell_id="z")
    fresh.run("%%kimi\nName a river.", cell_id="a")
    fresh.run(f"%%kimi {line}\nName a river.", cell_id="a")
    assert fresh.value(REQUESTS) == 3


def test_by_default_a_cell_that_runs_again_is_asked_again(fresh: Kernel):
    for _ in range(2):
        fresh.run("%%kimi\nName a river.", cell_id="a")
    assert fresh.value(REQUESTS) == 2


# ---- what a file may hold ----


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<div onclick='x()'>",
        "<a href='javascript:x'>",
        "<iframe srcdoc=x>", "<svg><a xlink:href='javascript:x'>", "<style>*{}</style>",
        "<p style='position:fixed'>",
        "<p style='background:url(//x)'>", "<form action='https://x'>", "<!-- x -->",
        "<script src='//x'></script>",
        "<object data='x'>", "<base href='https://x'>", "<a href=' JavaScript:x'>", "<script>alert(1)",
        "<meta http-equiv=refresh>", "<math><a href='https://x'>",
    ],
)  # fmt: skip
def test_html_that_we_would_not_write_is_never_shown_again(html: str):
    assert not read_back.is_inert(f"<div class='kimi-reply'>{html}</div>")


def test_what_we_write_is_shown_again(fresh: Kernel):
    cell = fresh.run("%%kimi\nWrite a Python function for primes.")
    html = cell.display["text/html"]
    assert "<script>" in html
    assert read_back.is_inert(html)
    assert read_back.reasoning_in(html) == fresh.value("__import__('kimi_magic').last.reasoning")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 3}', "\x00"])
def test_a_file_that_is_no_notebook_is_refused(text: str, tmp_path: Path):
    (tmp_path / "n.ipynb").write_text(text)
    with pytest.raises(KimiUsageError, match="is no notebook"):
        restore.read(tmp_path / "n.ipynb")


@pytest.mark.parametrize("about", [{}, {"prompt": "x"}, {"prompt": "x", "usage": 3, "state": "complete"}])
def test_an_output_that_is_not_as_we_write_it_is_a_fault_of_its_cell(about: dict[str, Any], tmp_path: Path):
    book = Book({"a": "%%kimi\nHello"})
    output = {
        "output_type": "display_data",
        "metadata": {"kimi_magic": {"state": "complete", **about}},
        "data": 7,
    }
    book.outputs["a"] = [output]
    book.save(tmp_path / "n.ipynb")
    found = restore.read(tmp_path / "n.ipynb")
    assert found.chats == {}
    assert len(found.faults) == ("prompt" in about)


assert static.LONGEST_SENT >= 10_000, "a prompt of some pages comes back"
