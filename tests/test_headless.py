"""Notebooks executed without a front end, saved, exported."""

from __future__ import annotations

import nbclient
import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter

CELLS = [
    "%load_ext kimi_magic\n%kimi_config --offline --speed 0",
    "%%kimi\nWhy is the sky blue?",
    "%%kimi\nWrite a small table.",
]


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = nbclient.NotebookClient(notebook, timeout=60, store_widget_state=False)
    return client.execute()


def test_the_saved_outputs_are_static(executed: nbformat.NotebookNode):
    for cell in executed.cells[1:]:
        (output,) = cell.outputs
        assert output.output_type == "display_data"
        assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
        assert "<details" in output.data["text/html"]
    nbformat.validate(executed)


def test_the_file_is_hardly_larger_than_what_it_shows(executed: nbformat.NotebookNode):
    shown = executed.cells[1].outputs[0].data
    assert len(nbformat.writes(executed)) < 6 * len(shown["text/html"]) + 4000


def test_exports_show_answer_and_reasoning(executed: nbformat.NotebookNode):
    page, _ = HTMLExporter().from_notebook_node(executed)
    text, _ = MarkdownExporter().from_notebook_node(executed)
    answer = executed.cells[1].outputs[0].data["text/plain"].split()[0]
    for exported in (page, text):
        assert "<details class=" in exported
        assert answer in exported


def test_a_cell_that_fails_stops_the_execution():
    cells = [CELLS[0], "%%kimi -m nope\nHello", "print('must not run')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="KimiModelError"):
        nbclient.NotebookClient(notebook, timeout=60).execute()
    assert notebook.cells[2].outputs == []
