"""Each lesson in JupyterLab: Restart Kernel and Run All Cells leaves the file as it is in the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from kimi_magic import demo
from tests.browser.conftest import SUITE
from tests.browser.lab import Lab, Notebook
from tests.test_notebooks import LESSONS, builder

pytestmark = SUITE


@pytest.fixture(scope="module")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that knows no key and no address: a dry run shows them."""
    running = Lab(tmp_path_factory.mktemp("lessons"), {})
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(params=LESSONS, ids=[path.stem for path in LESSONS])
def lesson(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_a_lesson_opens_unmodified_and_is_the_same_file_after_run_all(lesson: Path, page: Page, lab: Lab):
    copy = lab.root / lesson.name
    copy.write_bytes(demo.of_this_python(lesson.read_bytes()))
    notebook = Notebook(page, lab, copy)
    notebook.open()
    assert not notebook.is_modified
    notebook.restart_kernel()
    notebook.run_all()
    notebook.command("docmanager:save")
    comparable = builder().comparable
    saved, committed = copy.read_text(encoding="utf-8"), lesson.read_text(encoding="utf-8")
    assert comparable(saved) == comparable(committed)
