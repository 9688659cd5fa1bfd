"""Front ends that run a notebook from file to file, and what is made of the file."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup

from tests.conftest import PATIENCE
from tests.front_ends.outcome import Outcome, without
from tests.twelve_cells import CELLS

ANSI = re.compile(r"\x1b\[[\d;]*m")
MARK = "cell-{}-begins"  # in a raw cell before each cell: exports keep it as it is
MARIMO = Path(__file__).with_name("marimo_notebook.py")
FAILS = 10  # the cell that is an error, from 1: what stops at errors is told that it is meant


def notebook(*, marked: bool = False) -> Any:
    """A notebook of the twelve cells."""
    cells = []
    for number, example in enumerate(CELLS, 1):
        tags = ["raises-exception"] if number == FAILS else []
        cells += [nbformat.v4.new_raw_cell(MARK.format(number))] if marked else []
        cells.append(nbformat.v4.new_code_cell(example.source, metadata={"tags": tags}))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def text_of_page(page: str) -> str:
    """The text of HTML, without that of scripts and styles."""
    soup = BeautifulSoup(page, "html.parser")
    for element in soup(["script", "style"]):
        element.decompose()
    return soup.get_text(" ")


def texts_of(ran: Any) -> list[str]:
    """What a notebook that was run shows below each of its code cells."""
    return ["\n".join(map(_shown, cell.outputs)) for cell in ran.cells if cell.cell_type == "code"]


def _shown(output: Any) -> str:
    match output.output_type:
        case "stream":
            return ANSI.sub("", output.text)
        case "error":
            return ANSI.sub("", "\n".join(output.traceback))
        case _ if "text/html" in output.data:
            return text_of_page(output.data["text/html"])
        case _:
            return str(output.data.get("text/plain", ""))


def by_nbclient(folder: Path) -> Outcome:
    """A notebook run by nbclient, and its file read again."""
    from nbclient import NotebookClient

    ran = notebook()
    NotebookClient(ran, timeout=PATIENCE, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(ran, folder / "ran.ipynb")
    read = nbformat.read(folder / "ran.ipynb", 4)
    return Outcome(final=without(texts_of(ran)), reopened=without(texts_of(read)))


def by_papermill(folder: Path) -> Outcome:
    """A notebook run by papermill's own command, and the file that it has written; errors are its status."""
    nbformat.write(notebook(), folder / "typed.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "typed.ipynb", "ran.ipynb", "--no-progress-bar"],
        cwd=folder, check=False, capture_output=True, text=True, timeout=2 * PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1
    assert "KimiUsageError: -t '7': expected a number from 0 to 2" in done.stderr
    return Outcome(final=without(texts_of(nbformat.read(folder / "ran.ipynb", 4))))


@cache
def _marked() -> Any:
    """A notebook that was run, with a mark before each cell; the exports share it."""
    from nbclient import NotebookClient

    ran = notebook(marked=True)
    NotebookClient(ran, timeout=PATIENCE).execute()
    return ran


def parts(text: str) -> list[str]:
    """What stands behind each mark in a text."""
    found = dict(re.findall(r"cell-(\d+)-begins(.*?)(?=cell-\d+-begins|\Z)", text, re.DOTALL))
    return [found[str(number)] for number in range(1, len(CELLS) + 1)]


def as_html(_: Path) -> Outcome:
    from nbconvert import HTMLExporter

    page = HTMLExporter(exclude_input=True).from_notebook_node(_marked())[0]
    return Outcome(final=without(parts(text_of_page(page))))


def as_markdown(_: Path) -> Outcome:
    from nbconvert import MarkdownExporter

    text = MarkdownExporter(exclude_input=True).from_notebook_node(_marked())[0]
    return Outcome(final=without(parts(text_of_page(text))))


def as_script(folder: Path) -> Outcome:
    """The script that nbconvert makes of a notebook, run by IPython; a script ends at its first error."""
    from nbconvert import PythonExporter

    texts: dict[int, str] = {}
    numbers = range(1, len(CELLS) + 1)
    for wanted in ([number for number in numbers if number != FAILS], [1, FAILS]):
        cells = []
        for number in wanted:
            cells.append(nbformat.v4.new_code_cell(f"print('{MARK.format(number)}')"))
            cells.append(nbformat.v4.new_code_cell(CELLS[number - 1].source))
        script = folder / f"script_{wanted[-1]}.py"
        made = PythonExporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells))[0]
        script.write_text(made, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "IPython", "--colors=NoColor", script],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
            check=False, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert done.returncode == (FAILS in wanted), done.stdout
        for part in ANSI.sub("", done.stdout).split("cell-")[1:]:
            number, _, text = part.partition("-begins")
            texts[int(number)] = text
    return Outcome(final=without([texts[number] for number in numbers]))


def marimo(folder: Path) -> Outcome:
    """A notebook of marimo, run as the script that it is; it has no magics."""
    done = subprocess.run(
        [sys.executable, MARIMO],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    texts = [html.unescape(page) for page in json.loads(done.stdout)]  # its page draws data from attributes
    return Outcome(final=without(texts))
