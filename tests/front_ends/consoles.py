"""Front ends with a prompt: IPython in a terminal, jupyter console, qtconsole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pyte

from tests.conftest import PATIENCE
from tests.front_ends.outcome import REASONS, SLOW, TELLS_WHEN_IT_REASONS, Outcome, wait_for_file, without
from tests.twelve_cells import CELLS

COLUMNS, LINES = 200, 60
PASTE = "\x1b[200~{}\x1b[201~"  # how a terminal hands over what was pasted
COMPLETE = (
    "--ZMQTerminalInteractiveShell.kernel_is_complete_timeout=30"  # s; after 1 s it takes no cell as whole
)
QT = Path(__file__).with_name("qt_console.py")


class Console:
    """A program with IPython's prompts on a pseudo-terminal, and the screen that shows what it wrote."""

    def __init__(self, folder: Path, *command: str, run_keys: str) -> None:
        """`run_keys` are those that run a cell of several lines."""
        self._child = pexpect.spawn(
            sys.executable, ["-m", *command], encoding="utf-8", timeout=PATIENCE, dimensions=(LINES, COLUMNS),
            cwd=str(folder),
            env=os.environ | {"TERM": "xterm", "IPYTHONDIR": str(folder), "PROMPT_TOOLKIT_NO_CPR": "1"},
        )  # fmt: skip
        self._folder, self._number, self._run_keys = folder, 1, run_keys
        self.wait_for_prompt()

    @property
    def _prompt(self) -> str:
        """The next prompt in any colours; the one before it is drawn anew with each key."""
        return rf"In \[(?:\x1b\[[\d;]*m)*{self._number}(?:\x1b\[[\d;]*m)*\]:"

    def wait_for_prompt(self) -> str:
        """What the screen shows of the cell before, when the next prompt has come."""
        self._child.expect(self._prompt)
        self._number += 1
        return seen(self._child.before)

    def send(self, source: str) -> None:
        """Type a cell, as what was pasted, and run it."""
        # An empty line at its end makes a cell of several lines whole.
        self._child.send(PASTE.format(source + "\n\n" * ("\n" in source)) + self._run_keys)

    def run(self, source: str) -> str:
        """What the screen shows below a cell."""
        self.send(source)
        return below(source, self.wait_for_prompt())

    def stop_slow_answer(self) -> tuple[bool, bool]:
        """Whether a slow answer is seen while it comes, and says that it was stopped."""
        self.run(TELLS_WHEN_IT_REASONS)
        self.send(SLOW)
        wait_for_file(self._folder / REASONS)
        self._child.sendintr()
        text = self.wait_for_prompt()
        return "Reasoning" in text, "stopped" in text

    def end(self) -> None:
        self._child.close(force=True)


def seen(written: str) -> str:
    """What a screen shows, with what has scrolled out of it."""
    screen = pyte.HistoryScreen(COLUMNS, LINES, history=10_000)
    pyte.Stream(screen).feed(written)
    above = ["".join(row[x].data for x in range(COLUMNS)) for row in screen.history.top]
    return "\n".join(row.rstrip() for row in (*above, *screen.display))


def below(source: str, text: str) -> str:
    """What a console shows behind the cell that was typed into it."""
    *others, last = source.splitlines()
    _, typed, shown = text.partition(f"...: {last}" if others else last)
    assert typed, f"{source!r} is not in {text!r}"
    return shown


def _outcome(console: Console) -> Outcome:
    try:
        texts = [console.run(example.source) for example in CELLS]
        live, stopped = console.stop_slow_answer()
    finally:
        console.end()
    return Outcome(final=without(texts), live=live, stopped=stopped)


def terminal(folder: Path) -> Outcome:
    return _outcome(
        Console(folder, "IPython", "--colors=NoColor", "--no-banner", "--no-confirm-exit", run_keys="\x1b\r")
    )


def jupyter_console(folder: Path) -> Outcome:
    return _outcome(Console(folder, "jupyter_console", "--no-confirm-exit", COMPLETE, run_keys="\r"))


def qtconsole(folder: Path) -> Outcome:
    """A real console widget, drawn where nobody looks; Qt has a process of its own."""
    work = {"cells": [each.source for each in CELLS], "slow": SLOW, "tells": TELLS_WHEN_IT_REASONS}
    done = subprocess.run(
        [sys.executable, QT], input=json.dumps(work),
        cwd=folder, capture_output=True, text=True, timeout=3 * PATIENCE, check=False,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_API": "pyside6", "IPYTHONDIR": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    texts = [below(each.source, text) for each, text in zip(CELLS, told["texts"], strict=True)]
    return Outcome(final=without(texts), live=told["live"], stopped=told["stopped"])
