"""Front ends in a browser: JupyterLab, Notebook 7, and nbclassic, which have one server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, Notebook, close_notebooks
from tests.front_ends.outcome import SLOW, Outcome, without
from tests.twelve_cells import CELLS, pattern

SOURCES = [*(example.source for example in CELLS), SLOW]
STOPPED = len(CELLS)  # the number of the slow cell, from 0
THINKING = "Thinking…"  # what it shows soon after its start


def jupyterlab(lab: Lab, page: Page) -> Outcome:
    path = lab.write("twelve_in_lab", *SOURCES)
    return _of_labs_parts(Notebook(page, lab, path), lambda notebook: notebook.load(lab.url(path)))


def notebook_7(lab: Lab, page: Page) -> Outcome:
    path = lab.write("twelve_in_notebook_7", *SOURCES)
    address = f"{lab.origin}/notebooks/{path.name}"
    return _of_labs_parts(Notebook(page, lab, path), lambda notebook: notebook.load(address))


def read(output: Locator, number: int) -> str:
    """What a person reads below a cell, from 0, once all of it is drawn; cells out of sight have no text."""
    if CELLS[number].shows:
        output.scroll_into_view_if_needed()
        for piece in CELLS[number].shows:
            expect(output).to_contain_text(pattern(piece))
    return output.inner_text()


def _of_labs_parts(notebook: Notebook, open_: Callable[[Notebook], Any]) -> Outcome:
    open_(notebook)
    final = []
    for number in range(len(CELLS)):
        notebook.run(number)
        notebook.wait_for_prompt(number)
        final.append(read(notebook.output(number), number))
    notebook.run(STOPPED)
    output = notebook.output(STOPPED)
    expect(output).to_contain_text(THINKING)
    live = notebook.is_running(STOPPED)
    notebook.command("notebook:interrupt-kernel")
    notebook.wait_for_prompt(STOPPED)
    stopped = "stopped" in output.inner_text()
    notebook.command("docmanager:save")
    close_notebooks(notebook.page)
    open_(notebook)
    again = [read(notebook.output(number), number) for number in range(len(CELLS))]
    close_notebooks(notebook.page)
    return Outcome(final=without(final), live=live, stopped=stopped, reopened=without(again))


CLASSIC_IS_READY = """() => window.Jupyter?.notebook?.kernel?.is_connected()
    && Jupyter.notebook._fully_loaded && Jupyter.notebook.get_cells().length"""


def nbclassic(lab: Lab, page: Page) -> Outcome:
    path = lab.write("twelve_in_nbclassic", *SOURCES)
    address = f"{lab.origin}/nbclassic/notebooks/{path.name}"
    page.goto(address)
    page.wait_for_function(CLASSIC_IS_READY)
    final = []
    for number in range(len(CELLS)):
        page.evaluate("number => Jupyter.notebook.execute_cells([number])", number)
        _wait_for_classic(page, number)
        final.append(read(_classic_output(page, number), number))
    page.evaluate("number => Jupyter.notebook.execute_cells([number])", STOPPED)
    expect(_classic_output(page, STOPPED)).to_contain_text(THINKING)
    live = page.evaluate("number => Jupyter.notebook.get_cell(number).input_prompt_number === '*'", STOPPED)
    page.evaluate("() => Jupyter.notebook.kernel.interrupt()")
    _wait_for_classic(page, STOPPED)
    stopped = "stopped" in _classic_output(page, STOPPED).inner_text()
    page.evaluate("() => Jupyter.notebook.save_notebook()")
    page.goto(address)
    page.wait_for_function(CLASSIC_IS_READY)
    again = [read(_classic_output(page, number), number) for number in range(len(CELLS))]
    page.evaluate("() => Jupyter.notebook.session.delete()")
    return Outcome(final=without(final), live=live, stopped=stopped, reopened=without(again))


def _wait_for_classic(page: Page, number: int) -> None:
    """Until a cell has its number, and its kernel nothing to do."""
    page.wait_for_function(
        """number => Number.isInteger(Jupyter.notebook.get_cell(number).input_prompt_number)
            && !Jupyter.notebook.kernel_busy""",
        arg=number,
    )


def _classic_output(page: Page, number: int) -> Locator:
    return page.locator(".cell").nth(number).locator(".output_wrapper")
