"""Each lesson in JupyterLab: all cells in a new kernel leave the file as it is in the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from kimi_magic import demo
from tests.browser.conftest import SUITE
from tests.browser.lab import Lab, Notebook, close_notebooks
from tests.test_notebooks import AT_ONCE, LESSONS, builder, shown

pytestmark = SUITE
WITH_LONG_ANSWERS = "04-errors-usage-cost"


@pytest.fixture(scope="module")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that knows no key and no address, which a dry run would show, and answers at once."""
    with Lab(tmp_path_factory.mktemp("lessons"), {}, AT_ONCE) as running:
        yield running


@pytest.fixture(scope="module")
def lab_at_its_own_speed(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lesson"), {}) as running:
        yield running


@pytest.fixture(params=LESSONS, ids=[path.stem for path in LESSONS])
def lesson(request: pytest.FixtureRequest) -> Path:
    return request.param


def file_after_run_all(lesson: Path, page: Page, lab: Lab) -> str:
    copy = lab.root / lesson.name
    copy.write_bytes(demo.of_this_python(lesson.read_bytes()))
    notebook = Notebook(page, lab, copy)
    notebook.open()
    assert not notebook.is_modified
    notebook.run_all()
    notebook.command("docmanager:save")
    close_notebooks(page)
    return copy.read_text(encoding="utf-8")


def test_a_lesson_opens_unmodified_and_is_the_same_file_after_run_all(lesson: Path, page: Page, lab: Lab):
    assert shown(file_after_run_all(lesson, page, lab)) == shown(lesson.read_text(encoding="utf-8"))


def test_at_its_own_speed_a_lesson_is_the_same_file_too(page: Page, lab_at_its_own_speed: Lab):
    (lesson,) = [each for each in LESSONS if each.stem == WITH_LONG_ANSWERS]
    comparable, committed = builder().comparable, lesson.read_text(encoding="utf-8")
    assert committed != shown(committed), "expected a lesson with an answer that takes long"
    assert comparable(file_after_run_all(lesson, page, lab_at_its_own_speed)) == comparable(committed)
