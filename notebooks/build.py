"""Runs the lessons and keeps their outputs: `python notebooks/build.py [LESSON...]`, all of them by default.

A lesson is its own source: edit it in JupyterLab, then run this. It runs as JupyterLab runs it, at the
lesson's own speed, and is written as JupyterLab writes it: Restart Kernel and Run All Cells gives the same
file again, byte for byte, where Python and the libraries that draw are the same; but for the seconds that a
function took which the model has called.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from kimi_magic import hosts

HERE = Path(__file__).parent
LESSONS = sorted(HERE.glob("[0-9]*.ipynb"))
TIMEOUT = 120  # s for one cell
SETTINGS = 'c.HistoryManager.hist_file = ":memory:"\n'
KEYS = {variable for each in hosts.PROVIDERS.values() for variable in each.key_variables}
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# What is measured (the seconds of a function of the notebook), and what another version of matplotlib or
# Python makes different.
VARYING = re.compile(r'"(image/png|version)": "[^"]*"|(done ·) [\d.]+ s|("seconds":) [\d.]+')


def run(path: Path, settings: str = "") -> str:
    """The file of the lesson with the outputs of a new kernel, without keys and settings of the person.

    `settings` are lines for the configuration of IPython.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile = Path(folder) / "profile_default"
        profile.mkdir()
        (profile / "ipython_config.py").write_text(SETTINGS + settings, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in KEYS}
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            # JupyterLab tells the kernel which cell it runs, and conversations depend on that.
            on_cell_execute=lambda cell, cell_index: client.kc.session.metadata.update(cellId=cell.id),
        )
        client.execute(cwd=folder, env={**environment, "IPYTHONDIR": folder})
    language = notebook.metadata.language_info  # as this kernel tells it, to JupyterLab too
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": language})
    return f"{nbformat.writes(notebook)}\n"


def comparable(text: str) -> str:
    """The file of a lesson without what is measured and what other versions make different."""
    return VARYING.sub(lambda found: found[1] or found[2] or found[3], text)


def main(names: list[str]) -> None:
    """Run the lessons that are named and write those that have changed."""
    for path in LESSONS:
        if names and not any(name in path.name for name in names):
            continue
        built = run(path)
        same = comparable(built) == comparable(path.read_text(encoding="utf-8"))
        if not same:
            path.write_text(built, encoding="utf-8", newline="\n")
        print(f"{path.name}: {'unchanged' if same else 'written'}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
