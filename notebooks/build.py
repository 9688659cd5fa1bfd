"""Runs the lessons and keeps their outputs: `python notebooks/build.py [LESSON...]`, all of them by default.

A lesson is its own source: edit it in JupyterLab, then run this. Answers come from the simulator, which says
the same to the same question; what differs from run to run (seconds, pictures of plots) is left as it was, so
that a lesson changes only where its words do.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from kimi_magic import hosts

HERE = Path(__file__).parent
LESSONS = sorted(HERE.glob("[0-9]*.ipynb"))
PATIENCE = 120  # s for one cell
SETTINGS = 'c.KimiMagic.speed = 0\nc.HistoryManager.hist_file = ":memory:"\n'  # no waiting for typing
KEYS = {variable for each in hosts.PROVIDERS.values() for variable in each.key_variables}
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What no two runs, or no two versions, have in common: seconds, ports, the ids and the time of an answer.
_PASSING = re.compile(r"\d+(?:\.\d+)? s\b|127\.0\.0\.1:\d+|\b(?:cmpl-)?[0-9a-f]{32}\b|\"created\":\d+")


def run(path: Path) -> nbformat.NotebookNode:
    """The lesson with the outputs of a new kernel, which knows no key and has no settings of the person."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile = Path(folder) / "profile_default"
        profile.mkdir()
        (profile / "ipython_config.py").write_text(SETTINGS, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in KEYS}
        client = NotebookClient(
            notebook,
            timeout=PATIENCE,
            kernel_name="python3",
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
        )
        client.execute(cwd=folder, env={**environment, "IPYTHONDIR": folder})
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def comparable(notebook: nbformat.NotebookNode) -> list[Any]:
    """Sources and outputs of a lesson without what differs from run to run."""
    return [(cell.cell_type, cell.source, _plain(cell.get("outputs", []))) for cell in notebook.cells]


def _plain(value: Any) -> Any:
    match value:
        case str():
            return _PASSING.sub("…", value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {
                name: name if name == "image/png" else _plain(item)
                for name, item in value.items()
                if name not in ("seconds", "execution_count", "fingerprint")
            }
    return value


def main(names: list[str]) -> None:
    """Run the lessons that are named and write those whose words have changed."""
    for path in LESSONS:
        if names and not any(name in path.name for name in names):
            continue
        made = run(path)
        same = comparable(made) == comparable(nbformat.read(path, as_version=4))
        if not same:
            nbformat.write(made, path)
        print(f"{path.name}: {'unchanged' if same else 'written'}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
