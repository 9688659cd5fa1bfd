"""Runs cells in a qtconsole and prints what a person reads below each; `consoles.qtconsole` starts it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from qtconsole.manager import QtKernelManager
from qtconsole.rich_jupyter_widget import RichJupyterWidget
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

PATIENCE = 30_000  # ms


class Window:
    """A console in a window that nobody sees."""

    def __init__(self) -> None:
        self._application = QApplication([])  # which must outlive the window
        self.manager = QtKernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self._console = RichJupyterWidget()
        self._console.kernel_manager, self._console.kernel_client = self.manager, self.client
        self._console.show()
        self._number = 1
        self.wait_for_prompt()

    @property
    def text(self) -> str:
        """All that is in the window; a formatted line end is one."""
        return self._console._control.toPlainText().replace("\u2028", "\n")

    def wait_until(self, condition: Callable[[], bool]) -> None:
        loop, timer = QEventLoop(), QTimer()
        timer.timeout.connect(lambda: loop.quit() if condition() else None)
        timer.start(20)  # ms
        QTimer.singleShot(PATIENCE, loop.quit)
        loop.exec()
        timer.stop()
        assert condition(), f"never came to pass; the window has: {self.text[-2000:]}"

    def wait_for_prompt(self) -> None:
        self.wait_until(lambda: self.text.rstrip().endswith(f"In [{self._number}]:"))
        self._number += 1

    def run(self, source: str) -> str:
        before = len(self.text)
        self._console.execute(source)
        self.wait_for_prompt()
        return self.text[before:]

    def stop_slow_answer(self, source: str, tells: str) -> tuple[bool, bool]:
        """Whether a slow answer is seen while it comes, and says that it was stopped."""
        self.run(tells)
        before = len(self.text)
        self._console.execute(source)
        self.wait_until(Path("it-reasons").exists)
        self.manager.interrupt_kernel()
        self.wait_for_prompt()
        return "Reasoning" in self.text[before:], "stopped" in self.text[before:]

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def main() -> None:
    work = json.load(sys.stdin)
    window = Window()
    try:
        texts = [window.run(source) for source in work["cells"]]
        live, stopped = window.stop_slow_answer(work["slow"], work["tells"])
    finally:
        window.end()
    json.dump({"texts": texts, "live": live, "stopped": stopped}, sys.stdout)


if __name__ == "__main__":
    main()
