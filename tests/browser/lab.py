"""A real JupyterLab on loopback, and a notebook in it as a person has it: cells, prompts, outputs."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect

from tests.conftest import KEYS

PATIENCE = 30  # s
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
PANEL = "jupyterapp.shell.currentWidget"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}


class Lab:
    """JupyterLab in a process of its own; all that it reads and writes is in `folder`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.root = folder / "notebooks"
        self.root.mkdir()
        for name, values in SETTINGS.items():
            file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")
        own = {
            "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }  # fmt: skip
        inherited = {name: value for name, value in os.environ.items() if name not in KEYS}
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
                "--port=0", "--IdentityProvider.token=", "--ServerApp.password=",
                f"--ServerApp.root_dir={self.root}", "--LabApp.expose_app_in_browser=True",
                "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                "--LabApp.extension_manager=readonly",
            ],
            env=inherited | environment | {name: str(folder / part) for name, part in own.items()},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.origin = self._wait_for(r"http://127\.0\.0\.1:\d+(?=/lab)")
        except BaseException:
            self.stop()
            raise

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _wait_for(self, pattern: str) -> str:
        seen = []
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"JupyterLab never said {pattern!r}, but {seen}")
            if found := re.search(pattern, line):
                return found[0]
            seen.append(line)

    def write(self, name: str, *cells: str) -> Path:
        """A notebook file with these code cells."""
        made = [nbformat.v4.new_code_cell(source) for source in cells]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.root / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec}), path)
        return path

    def url(self, path: Path) -> str:
        return f"{self.origin}/lab/tree/{path.relative_to(self.root)}?reset"

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()


class Notebook:
    """The notebook that is open in a page."""

    def __init__(self, page: Page, lab: Lab, path: Path) -> None:
        self.page = page
        self.path = path
        self._lab = lab

    def open(self) -> None:
        """Load the page anew, with this notebook alone, and wait for its kernel."""
        self.page.goto(self._lab.url(self.path))
        self._ready()

    def reload(self) -> None:
        """What F5 does."""
        self.page.reload()
        self._ready()

    def _ready(self) -> None:
        self.page.wait_for_function("() => window.jupyterapp")
        self.page.evaluate("() => jupyterapp.restored.then(() => null)")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(f"() => {PANEL}?.sessionContext?.session?.kernel?.status === 'idle'")
        self.page.evaluate(
            f"() => Promise.all([{PANEL}.revealed, {PANEL}.sessionContext.ready]).then(() => null)"
        )

    def cell(self, number: int) -> Locator:
        """A cell, from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def output(self, number: int) -> Locator:
        """All outputs of a cell."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def run(self, number: int) -> None:
        """Run a cell as the ▶ of the toolbar does; returns while it runs."""
        self.page.evaluate(
            f"""number => {{
                {PANEL}.content.activeCellIndex = number
                void jupyterapp.commands.execute("notebook:run-cell")
            }}""",
            number,
        )

    def runs(self, number: int) -> bool:
        """Whether the prompt of a cell is [*]."""
        return "[*]" in self.cell(number).locator(".jp-InputArea-prompt").inner_text()

    def wait_until_over(self, number: int) -> None:
        """Until the prompt of a cell has a number."""
        prompt = self.cell(number).locator(".jp-InputArea-prompt")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))

    def complete(self, number: int) -> None:
        """Run a cell to its end."""
        self.run(number)
        self.wait_until_over(number)

    def command(self, name: str, **arguments: Any) -> None:
        """A command of JupyterLab, as its menus and palette run it; returns when it is done."""
        self.page.evaluate("([name, args]) => jupyterapp.commands.execute(name, args)", [name, arguments])

    def save(self) -> dict[str, Any]:
        """Save; what is in the file."""
        self.command("docmanager:save")
        return json.loads(self.path.read_text(encoding="utf-8"))

    def shut_the_kernel_down(self) -> None:
        self.page.evaluate(f"() => {PANEL}.sessionContext.shutdown()")

    def trusted(self, number: int) -> bool:
        """Whether JupyterLab trusts the outputs of a cell."""
        return bool(self.page.evaluate(f"number => {PANEL}.content.model.cells.get(number).trusted", number))

    def dress(self, theme: str) -> None:
        """Light or Dark."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        light = str(theme == "Light").lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def picture(self, name: str) -> None:
        """A screenshot for people, kept as an artefact of CI."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")
