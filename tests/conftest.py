"""Real parts for the tests: the offline service on loopback, a real kernel, a clean environment."""

from __future__ import annotations

import os
import queue
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from kimi_magic import hosts
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running
from tests.kernel import Kernel

KEYS = [
    variable
    for provider in hosts.PROVIDERS.values()
    for variable in (*provider.key_variables, *provider.url_variables)
]
PACED = ("--speed", "200")  # for tests that do something while an answer is coming
BROWSER = "tests/browser/"
PATIENCE = 30  # s until something that should have happened long ago counts as not happening

# Workers, kernels and commands import the same files: each is compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.hookimpl(optionalhook=True)  # xdist may not be there
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run each file on one worker, for its tests share kernels and servers, and so the folder `browser`.

    They start in the order of their names, so that `browser`, which takes longest, is first and what comes
    last is short. The marks of `--dist loadgroup` would do neither: pytest 9.2 loses them.
    """
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return BROWSER if file.startswith(BROWSER) else file

    if config.option.dist != "load":  # the person wants another
        return None
    config.option.loadscopereorder = False
    return Files(config, log)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of the person who runs the tests is never used."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


class Server:
    """The simulator on loopback, on a thread of the tests, and what it logs.

    The words are those of `kimi-magic serve`: `--speed` with a number, `--faults` with switches.
    """

    def __init__(self, *words: str) -> None:
        convert = {"--speed": float, "--faults": str}
        settings = {
            name[2:]: convert[name](value) for name, value in zip(words[::2], words[1::2], strict=True)
        }
        self._lines: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        self._running = ExitStack()
        self.base_url = self._running.enter_context(running(Service(**settings), self._log))
        self.environment = {"EVOLINK_BASE_URL": self.base_url, "EVOLINK_API_KEY": OFFLINE_KEY}

    def _log(self, line: str) -> None:
        self._lines.put((time.monotonic(), line))

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

    def stop(self) -> None:
        self._running.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server at full speed; parametrise it indirectly with other words, such as `PACED`."""
    running = Server(*getattr(request, "param", ("--speed", "0")))
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
