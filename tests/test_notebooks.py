"""The lessons: each runs offline, says what is committed, and stays small enough for a class."""

from __future__ import annotations

import importlib.util
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9]*.ipynb"))
AT_ONCE = "c.KimiMagic.speed = 0\n"  # the configuration of IPython
EMPTY = r'\{\s*"data": \{\s*"text/html": \[\]\s*\},\s*"metadata": \{\},\s*"output_type": "display_data"\s*\}'
PUT_ASIDE = re.compile(rf"{EMPTY},\s*|,\s*{EMPTY}")


def builder() -> Any:
    spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(text: str) -> str:
    """The file of a lesson without what differs from run to run.

    An answer that takes long leaves an empty output, in which it was put aside while it grew; one that comes
    at once does not.
    """
    return PUT_ASIDE.sub("", builder().comparable(text))


@pytest.fixture(params=LESSONS, ids=[path.stem for path in LESSONS])
def lesson(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_the_lessons_are_numbered_in_their_order():
    numbers = [int(path.name[:2]) for path in LESSONS]
    assert numbers == sorted(set(numbers)), "two lessons have the same number"
    assert len(numbers) >= 9


def test_a_lesson_runs_offline_and_says_what_is_committed(lesson: Path):
    committed = lesson.read_text(encoding="utf-8")
    assert shown(builder().run(lesson, AT_ONCE)) == shown(committed), "run python notebooks/build.py"


def test_a_lesson_is_small(lesson: Path):
    notebook = nbformat.read(lesson, 4)
    nbformat.validate(notebook)
    assert len(notebook.cells) < 15
    assert lesson.stat().st_size < 100_000


def test_every_cell_of_code_has_a_sentence_before_it_and_an_output_unless_it_only_sets_something(
    lesson: Path,
):
    cells = nbformat.read(lesson, 4).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith(f"# {int(lesson.name[:2])} · ")
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown"
            assert before.source.rstrip().endswith((".", ":"))
            assert cell.outputs or cell.source.startswith("%load_ext") or "settings" in cell.source


def test_no_lesson_installs_anything_or_needs_a_key(lesson: Path):
    cells = nbformat.read(lesson, 4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert not re.search(r"\bpip\b|\bconda\b|^\s*!|api_key|--login|environ", code, re.M)
    assert "%kimi_config --offline" in code or "simulator" in code


def test_the_outputs_need_nothing_from_elsewhere_and_only_marked_cells_fail(lesson: Path):
    for cell in nbformat.read(lesson, 4).cells:
        for output in cell.get("outputs", []):
            marked = "raises-exception" in cell.metadata.get("tags", [])
            assert output.output_type != "error" or marked
            page = output.get("data", {}).get("text/html", "")
            assert not re.search(r"(?i)<(?:link|img|iframe)|\bsrc\s*=|@import|url\(", page)
            assert "widget-view" not in str(list(output.get("data", {})))
