"""Real parts for the tests: the offline service on loopback, a real kernel, a clean environment."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.kernel import Kernel

KEYS = [
    f"{name}_{kind}"
    for name in ("EVOLINK", "KIMI", "MOONSHOT", "OPENROUTER")
    for kind in ("API_KEY", "BASE_URL")
]
PATIENCE = 30  # s until something that should have happened long ago counts as not happening


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of the person who runs the tests is never used."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


class Server:
    """`kimi-magic serve` in a process of its own, and what it logs."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "kimi_magic", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        _, line = self.wait_for(r"listening on")
        self.base_url = re.search(r"http://127\.0\.0\.1:\d+/v1", line)[0]
        self.environment = {"EVOLINK_BASE_URL": self.base_url, "EVOLINK_API_KEY": "sk-simulator"}

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put((time.monotonic(), line.rstrip("\n")))

    def wait_for(self, pattern: str) -> tuple[float, str]:
        """The next line that matches, and when it came."""
        seen = []
        while True:
            try:
                at, line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"the server never logged {pattern!r}, but {seen}") from None
            if re.search(pattern, line):
                return at, line
            seen.append(line)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()
        return status


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server; parametrise it indirectly with command-line arguments."""
    running = Server(*getattr(request, "param", ("--speed", "200")))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def offline_kernel() -> Iterator[Kernel]:
    """A kernel with the extension loaded and the simulator at full speed."""
    kernel = Kernel(dict.fromkeys(KEYS, ""))
    kernel.run("%load_ext kimi_magic")
    kernel.run("%kimi_config --offline --speed 0")
    try:
        yield kernel
    finally:
        kernel.stop()


@pytest.fixture
def kernel(server: Server) -> Iterator[Kernel]:
    """A fresh kernel with the extension loaded, which talks to `server` over loopback."""
    fresh = Kernel(dict.fromkeys(KEYS, "") | server.environment)
    fresh.run("%load_ext kimi_magic")
    try:
        yield fresh
    finally:
        fresh.stop()


assert os.name == "posix", "the tests send signals, as people on Linux and macOS do"
