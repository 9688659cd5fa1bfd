"""A real JupyterLab on loopback, and a notebook in it as a person has it: cells, prompts, outputs.

An action first waits for the state that it needs (`Notebook.wait_until_ready`, `Notebook.press`). Before a
test looks at what must not be in the page, or measures what is there, it calls `wait_until_settled`.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from kimi_magic.demo import SHARING, SHARING_SERVER
from tests.conftest import KEYS
from tests.kernel import EMPTY

TIMEOUT = 120  # s until a server that should have started or ended long ago counts as stuck
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}

# The panel of the notebook at `path`, in JupyterLab and in Notebook 7.
PANEL = """
const panels = window.jupyterapp ? Array.from(jupyterapp.shell.widgets("main")) : []
const panel = panels.find(widget => widget.context?.path === path)
"""
# What a notebook still lacks before it can be used.
MISSING = f"""
({{path}}) => {{
    {PANEL}
    if (!window.jupyterapp) return ["an application"]
    if (!panel) return ["the notebook"]
    const {{context, sessionContext, content}} = panel, kernel = sessionContext.session?.kernel
    const states = {{
        "a file that is read": context.isReady && panel.isRevealed,
        "a place in front": panel.isVisible && jupyterapp.shell.currentWidget === panel,
        "all cells": content.widgets.length === content.model?.cells.length,
        "a session": sessionContext.isReady,
        "a connection": kernel?.connectionStatus === "connected",
        [`an idle kernel (it is ${{kernel?.status}})`]: kernel?.status === "idle",
        // This renderer comes with what listens to the widgets that the kernel opens.
        "widgets": content.rendermime.mimeTypes.includes("application/vnd.jupyter.widget-view+json"),
        "commands": jupyterapp.commands.isEnabled("notebook:run-cell"),
        "a page without splash screen": !document.querySelector("#jupyterlab-splash"),
        "a page without dialogue": !document.querySelector(".jp-Dialog"),
    }}
    return Object.keys(states).filter(name => !states[name])
}}
"""
# Whether a cell is the active one, the keyboard is in the notebook, and the keys mean something there.
TAKES_KEYS = f"""
({{path, number, keys}}) => {{
    {PANEL}
    const focus = document.activeElement, {{commands}} = jupyterapp
    return panel.content.activeCellIndex === number && panel.content.node.contains(focus)
        && commands.keyBindings.some(binding => binding.keys.join() === keys
            && focus.closest(binding.selector) && commands.isEnabled(binding.command, binding.args))
}}
"""
# Whether all cells of code have run to their end since their outputs were cleared.
ALL_HAVE_RUN = f"""
({{path}}) => {{
    {PANEL}
    const cells = Array.from(panel.content.model.cells).filter(cell => cell.type === "code")
    return panel.sessionContext.session.kernel.status === "idle"
        && cells.every(cell => cell.executionCount && cell.executionState !== "running")
}}
"""
CLOSE = """
async () => {
    const widgets = window.jupyterapp ? Array.from(jupyterapp.shell.widgets("main")) : []
    for (const panel of widgets.filter(widget => widget.context)) {
        await panel.sessionContext.shutdown()
        panel.dispose()
    }
}
"""
# Wait for all that a page does on its own after its content has changed, one thing after the other.
SETTLE = """
() => {
    const widgets = window.jupyterapp ? Array.from(jupyterapp.shell.widgets("main")) : []
    const rendermime = widgets.find(widget => widget.content?.rendermime)?.content.rendermime
    const steps = {
        // The typesetter takes one element after the other: this one comes after all that wait.
        formulas: () => rendermime?.latexTypesetter?.typeset(document.createElement("p")),
        // The layout asks for the fonts.
        fonts: () => document.body.getBoundingClientRect() && document.fonts.ready,
        transitions: () => Promise.allSettled(document.getAnimations()
            .filter(animation => animation instanceof CSSTransition).map(transition => transition.finished)),
        // Images report one after the other: those that came before have reported when this one does.
        images: () => new Promise(done => { Object.assign(new Image(), {onerror: done, src: "data:,"}) }),
        layout: () => new Promise(requestAnimationFrame),
        paint: () => new Promise(requestAnimationFrame),
    }
    const settling = window.settling = {step: ""}
    void (async () => {
        for (const step in steps) {
            settling.step = step
            await steps[step]()
        }
        settling.step = "done"
    })()
}
"""


class Lab:
    """JupyterLab in a process of its own; all that it reads and writes is in `folder`.

    `settings` are lines for the configuration of IPython in its kernels. `is_shared`: the pages that have the
    same notebook open share it (jupyter-collaboration).
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], settings: str = "", *, is_shared: bool = False
    ) -> None:
        self.root = folder / "notebooks"
        self.root.mkdir()
        self._workspaces = count()
        for name, values in SETTINGS.items():
            file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")
        # What jupyter-collaboration installs is at work in every server, unless it is switched off.
        page = {"disabledExtensions": dict.fromkeys(SHARING, not is_shared)}
        server = {
            "ServerApp": {"jpserver_extensions": {SHARING_SERVER: is_shared}},
            "SQLiteYStore": {"db_path": str(folder / "ystore.db")},  # else in the working directory
        }
        (folder / "config" / "labconfig").mkdir(parents=True)
        (folder / "config" / "labconfig" / "page_config.json").write_text(json.dumps(page), encoding="utf-8")
        (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(server), encoding="utf-8")
        profile = folder / "ipython" / "profile_default"
        profile.mkdir(parents=True)
        (profile / "ipython_config.py").write_text(settings, encoding="utf-8")
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
                "--JupyterNotebookApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
                "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
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
                line = self._lines.get(timeout=TIMEOUT)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"JupyterLab never said {pattern!r}, but {seen}")
            if match := re.search(pattern, line):
                return match[0]
            seen.append(line)

    def write(self, name: str, *cells: str) -> Path:
        """Write a notebook file with these code cells."""
        code = [nbformat.v4.new_code_cell(source) for source in cells]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.root / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": spec}), path)
        return path

    def url(self, path: Path) -> str:
        """The address of JupyterLab with this notebook, in a new workspace: nothing else is open there."""
        return f"{self.origin}/lab/workspaces/{next(self._workspaces)}/tree/{path.relative_to(self.root)}"

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        self._process.stdout.close()


class Notebook:
    """A notebook that is open in a page, in JupyterLab or in Notebook 7."""

    def __init__(self, page: Page, lab: Lab, path: Path) -> None:
        self.page = page
        self.path = path
        self._lab = lab

    def open(self) -> None:
        """Open the notebook as the file browser does; in a page without JupyterLab, load that first."""
        if self.page.evaluate("() => !window.jupyterapp"):
            self.load(self._lab.url(self.path))
            return
        self._evaluate("await jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'})")
        self.wait_until_ready()

    def load(self, url: str) -> None:
        """Load a page whose address opens this notebook."""
        self.page.goto(url)
        self.page.wait_for_function("() => window.jupyterapp")
        self.page.evaluate("() => jupyterapp.restored.then(() => null)")
        self.wait_until_ready()

    def reload(self) -> None:
        """Load JupyterLab anew, with this notebook alone."""
        self.load(self._lab.url(self.path))

    def leave_and_return(self) -> None:
        """Load JupyterLab anew, with this notebook alone, while a cell runs: the kernel is not idle."""
        self.page.goto(self._lab.url(self.path))

    def reopen(self) -> None:
        """Close the notebook and open it again: all that is left of it is the file."""
        close_notebooks(self.page)
        self.open()

    def open_copy(self, name: str, content: dict[str, Any]) -> Notebook:
        """Close the notebook and open one with this content, as somebody would to whom it was sent."""
        close_notebooks(self.page)
        copy = Notebook(self.page, self._lab, self._lab.root / f"{name}.ipynb")
        content["cells"][0]["source"] = "# trust goes by content: this was never run here"
        copy.path.write_text(json.dumps(content), encoding="utf-8")
        copy.open()
        return copy

    def wait_until_ready(self) -> None:
        """Wait until cells can be run: the kernel is idle, the commands are there, the widgets listen."""
        self._wait_for(f"values => ({MISSING})(values).length === 0")

    def cell(self, number: int) -> Locator:
        """A cell, from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def output(self, number: int) -> Locator:
        """All outputs of a cell."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def run(self, number: int) -> None:
        """Run a cell as the ▶ of the toolbar does; return while it runs."""
        self._evaluate(
            """
            const run = {over: false, error: ""}
            panel.runs ??= []
            panel.runs[values.number] = run
            panel.content.activeCellIndex = values.number
            jupyterapp.commands.execute("notebook:run-cell")
                .catch(error => { run.error = String(error) })
                .finally(() => { run.over = true })
            """,
            number=number,
        )

    def is_running(self, number: int) -> bool:
        """Whether the prompt of a cell is [*]."""
        return "[*]" in self.cell(number).locator(".jp-InputArea-prompt").inner_text()

    def wait_until_over(self, number: int) -> None:
        """Wait for the end of a cell that `run` has started: then the model has all of its outputs."""
        self._wait_for(f"({{path, number}}) => {{ {PANEL}; return panel.runs[number].over }}", number=number)
        assert self._evaluate("return panel.runs[values.number].error", number=number) == ""
        self.wait_for_prompt(number)

    def wait_for_prompt(self, number: int) -> None:
        """Wait until the prompt of a cell has a number."""
        expect(self.cell(number).locator(".jp-InputArea-prompt")).to_have_text(re.compile(r"\[\d+\]:"))

    def complete(self, number: int) -> None:
        """Run a cell to its end."""
        self.run(number)
        self.wait_until_over(number)

    @property
    def is_modified(self) -> bool:
        """Whether JupyterLab would ask to save the notebook."""
        return bool(self._evaluate("return panel.context.model.dirty"))

    def run_all(self) -> None:
        """Run all cells, as the menu does, to the end of the last; those that fail are not the end."""
        self.command("notebook:clear-all-cell-outputs")
        self.command("notebook:run-all-cells")
        self._wait_for(ALL_HAVE_RUN)

    def press(self, keys: str, number: int) -> None:
        """Press keys, such as Shift+Enter, once cell `number` is active and they mean something there."""
        self._wait_for(TAKES_KEYS, number=number, keys=keys.replace("+", " "))
        self.page.keyboard.press(keys)

    def command(self, name: str, **arguments: Any) -> None:
        """Execute a command of JupyterLab, as its menus and palette do; return when it is done."""
        self._evaluate(
            "await jupyterapp.commands.execute(values.name, values.arguments)", name=name, arguments=arguments
        )

    def save(self) -> dict[str, Any]:
        """Save the notebook; return what is in the file, without the outputs that hold nothing.

        What a long answer has put aside while it grew is such an output in the end.
        """
        self.command("docmanager:save")
        content = json.loads(self.path.read_text(encoding="utf-8"))
        for cell in content["cells"]:
            if "outputs" in cell:
                cell["outputs"] = [output for output in cell["outputs"] if output.get("data") != EMPTY]
        return dict(content)

    def edit(self, number: int, source: str) -> None:
        """Write another source into a cell."""
        self._evaluate(
            "panel.content.model.cells.get(values.number).sharedModel.setSource(values.source)",
            number=number,
            source=source,
        )

    def colour_as_text(self, number: int) -> None:
        """Colour a cell as plain text, as a kernel cannot ask for: a prompt is no Python."""
        self._evaluate("panel.content.model.cells.get(values.number).mimeType = 'text/plain'", number=number)

    def restart_kernel(self) -> None:
        """Restart the kernel, as the menu does behind its question."""
        self._evaluate("await panel.sessionContext.session.kernel.restart()")
        self.wait_until_ready()

    def shut_down_kernel(self) -> None:
        self._evaluate("await panel.sessionContext.shutdown()")

    def is_trusted(self, number: int) -> bool:
        """Whether JupyterLab trusts the outputs of a cell."""
        return bool(
            self._evaluate("return panel.content.model.cells.get(values.number).trusted", number=number)
        )

    def set_theme(self, theme: str) -> None:
        """Light or Dark."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        light = str(theme == "Light").lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        wait_until_settled(self.page)

    def screenshot(self, name: str) -> None:
        """Take a picture for people, which CI keeps."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")

    @property
    def _values(self) -> dict[str, Any]:
        return {"path": str(self.path.relative_to(self._lab.root))}

    def _evaluate(self, body: str, **values: Any) -> Any:
        """Run JavaScript in which `panel` is this notebook and `values` has what else it needs."""
        function = f"async ({{path, ...values}}) => {{ {PANEL}; {body} }}"
        return self.page.evaluate(function, values | self._values)

    def _wait_for(self, condition: str, **values: Any) -> None:
        """Wait until JavaScript is true. If it never is, the error says what the notebook lacks."""
        try:
            self.page.wait_for_function(condition, arg=values | self._values)
        except PlaywrightTimeoutError as error:
            missing = self.page.evaluate(MISSING, self._values)
            raise AssertionError(f"{error.message}\n{self.path.name} lacks: {missing}") from None


def close_notebooks(page: Page) -> None:
    """Close every notebook in the page and end its kernel; what was not saved is lost."""
    page.evaluate(CLOSE)


def wait_until_settled(page: Page) -> None:
    """Wait until formulas, fonts, transitions and images are done with what is in the page now."""
    page.evaluate(SETTLE)
    try:
        page.wait_for_function("() => settling.step === 'done'")
    except PlaywrightTimeoutError as error:
        raise AssertionError(f"{error.message}\nwaited for: {page.evaluate('settling.step')}") from None
