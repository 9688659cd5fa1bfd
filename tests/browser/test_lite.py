"""The page with the lessons that needs no server: Python in the browser, with neither threads nor sockets."""

from __future__ import annotations

import contextlib
import functools
import http.server
import importlib.util
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import SUITE
from tests.twelve_cells import CELLS, missing

pytestmark = SUITE

BUILD = Path(__file__).parent.parent.parent / "notebooks" / "lite" / "build.py"
NAME = "cells.ipynb"
TIMEOUT = 180_000  # ms for Python to start in the page
# What needs a connection, a blocking call, and many rows at once.
MORE = (
    "print(kimi_magic.ask('What is the capital of Peru?').text)",
    "result = await kimi_magic.amap('What is the capital of {{text}}?', ['Italy', 'Spain'])\n"
    "print(result.text)",
    "import os\nos.environ['EVOLINK_API_KEY'] = 'sk-of-nobody'\n"
    "os.environ['EVOLINK_BASE_URL'] = 'https://kimi.example/v1'\n"
    "%kimi_config --unset offline\n%kimi Hello",
)


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lite_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page, with a notebook of the cells and the lessons."""
    if shutil.which("npm") is None and "KIMI_MAGIC_COMPLETE" not in os.environ:
        pytest.skip("no npm, which fetches the Python of the page")
    folder = tmp_path_factory.mktemp("lite")
    sources = [*(cell.source for cell in CELLS), *MORE]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},  # by which the page finds its kernel, instead of asking
    }
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / NAME)
    module = builder()
    module.build(folder / "page", [folder / NAME, *module.LESSONS])

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder / "page")
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def notebook(context: BrowserContext, site: str) -> Iterator[Page]:
    """The cells, all of which have run."""
    with new_page(context) as page:
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        open_notebook(page, site, NAME)
        cell(page, 0).locator(".jp-InputArea-editor").click()
        for number in range(len(CELLS) + len(MORE)):
            page.keyboard.press("Shift+Enter")
            prompt = cell(page, number).locator(".jp-InputArea-prompt")
            expect(prompt).to_have_text(f"[{number + 1}]:", timeout=TIMEOUT)
        outside = [url for url in requests if not url.startswith((site, "data:", "blob:"))]
        assert outside == [], "the page fetches nothing from elsewhere"
        yield page


@contextlib.contextmanager
def new_page(context: BrowserContext) -> Iterator[Page]:
    """A page of a person who was not here before: JupyterLab would open again what others had open.

    It is tall, for JupyterLab keeps only what is in sight.
    """
    assert context.browser is not None
    with context.browser.new_context(viewport={"width": 1200, "height": 8000}) as own, own.new_page() as page:
        yield page


def open_notebook(page: Page, site: str, name: str) -> None:
    """Open a notebook of the page and wait for its Python."""
    page.goto(f"{site}/lab/index.html?path={name}")
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute(
        "data-status", "idle", timeout=TIMEOUT
    )


def cell(page: Page, number: int) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell").nth(number)


def output(page: Page, number: int) -> str:
    area = cell(page, number).locator(".jp-Cell-outputArea")
    return area.inner_text() if area.count() else ""


@pytest.mark.parametrize("number", range(len(CELLS)))
def test_every_cell_shows_in_a_browser_what_it_shows_elsewhere(notebook: Page, number: int):
    assert missing(CELLS[number], output(notebook, number)) == ""


def test_a_blocking_call_waits_where_the_browser_can(notebook: Page):
    assert "Lima" in output(notebook, len(CELLS))


def test_many_rows_are_answered_in_a_browser(notebook: Page):
    shown = output(notebook, len(CELLS) + 1)
    assert "Rome" in shown
    assert "Madrid" in shown


def test_a_browser_says_that_it_has_no_connections(notebook: Page):
    assert "where it has no connections of its own; nothing was sent" in output(notebook, len(CELLS) + 2)


def test_a_lesson_of_the_page_shows_its_saved_outputs_and_runs(context: BrowserContext, site: str):
    with new_page(context) as page:
        open_notebook(page, site, "01-first-question.ipynb")
        expect(cell(page, 2)).to_contain_text("Why is the sky blue?", timeout=TIMEOUT)  # as it was saved
        page.get_by_role("menuitem", name="Edit", exact=True).click()
        page.get_by_role("menuitem", name="Clear Outputs of All Cells").click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        last = page.locator(".jp-Notebook .jp-CodeCell").last.locator(".jp-InputArea-prompt")
        expect(last).to_have_text(re.compile(r"\[\d+\]:"), timeout=TIMEOUT)
        assert "Why is the sky blue?" in output(page, 2)
        assert "Error" not in page.locator(".jp-Notebook").inner_text()
