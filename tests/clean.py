"""Clean virtual environments and the built package: each is made once in a run, by whoever needs it first."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import KEYS

ROOT = Path(__file__).parent.parent
PATIENCE = 400  # s for what comes over the network


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` has filled; all workers of a run share it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = shared / name, shared / f"{name}.made"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def run(
    *command: str | Path, cwd: Path = ROOT, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, with no key and with no path into this checkout but `cwd`.

    pip does not compile what it installs: of the thousands of modules few are imported, and Python keeps
    what it compiles at the first import.
    """
    hidden = {*KEYS, "PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START", "PYTHONDONTWRITEBYTECODE"}
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd,
        env=inherited | {"PIP_COMPILE": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | (environment or {}),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


class Environment:
    """A virtual environment in `folder`, without a pip of its own: the pip of the tests fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"

    def make(self, *requirements: str) -> None:
        """Nothing but these; a relative path is one of the checkout."""
        venv.create(self.folder, symlinks=True)
        self.install(*requirements)

    def make_over(self, packages: Path) -> None:
        """An environment that can also import what is installed in the folder `packages`."""
        venv.create(self.folder, symlinks=True)
        own = sysconfig.get_path("purelib", "venv", {"base": str(self.folder)})
        (Path(own) / "below.pth").write_text(f"import site; site.addsitedir({str(packages)!r})\n", "utf-8")

    def install(self, *requirements: str) -> None:
        self._pip("install", "-q", *requirements)

    def distributions(self) -> set[str]:
        """The names of what is installed."""
        listed = json.loads(self._pip("list", "--format", "json"))
        return {each["name"].lower().replace("_", "-") for each in listed}

    def _pip(self, *words: str) -> str:
        return run(sys.executable, "-m", "pip", "--python", self.bin / "python", *words).stdout


def build(folder: Path) -> None:
    """Wheel and sdist, as they would be published."""
    run(sys.executable, "-m", "build", "--outdir", folder)


def wheel(folder: Path) -> Path:
    (found,) = folder.glob("*.whl")
    return found
