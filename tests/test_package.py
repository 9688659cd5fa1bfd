"""What is published: the files in it, what it brings along, and that it answers where nothing else is."""

from __future__ import annotations

import email
import os
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clean import ROOT, Environment, build, once, run, wheel
from tests.test_architecture import readme_commands

pytestmark = pytest.mark.timeout(600)  # building and installing go over the network
MOST_BEYOND_A_KERNEL = 21  # distributions, this one included

ASK = """
import kimi_magic
reply = kimi_magic.ask("Why is the sky blue?", offline=True)
assert reply.usage.completion > 0 and reply.finish_reason == "stop", reply
print(reply, kimi_magic.__file__)
"""
LOAD = """
%load_ext kimi_magic
%kimi_config --offline --speed 0
%kimi Tell me why the sky is blue.
"""


def files(folder: Path) -> Iterator[str]:
    """The files of the project below `folder`; what tools left there is none."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(ROOT).parts
        left = any(re.fullmatch(r"__pycache__|\..*(_cache|checkpoints)|\.hypothesis|venv", p) for p in parts)
        if path.is_file() and not left and path.suffix != ".pyc":
            yield path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    return once(tmp_path_factory, "built", build)


class Beside(Environment):
    """A clean environment with a kernel and the wheel; what came with the wheel is `brought`."""

    @property
    def brought(self) -> set[str]:
        return set((self.folder / "brought").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def beside_a_kernel(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Beside:
    def make(folder: Path) -> None:
        environment = Environment(folder)
        environment.make("ipykernel")
        before = environment.distributions()
        environment.install(str(wheel(built)))
        brought = environment.distributions() - before
        (folder / "brought").write_text("\n".join(brought), encoding="utf-8")

    return Beside(once(tmp_path_factory, "beside-a-kernel", make))


def test_the_wheel_has_the_package_and_the_lessons_and_nothing_else(built: Path):
    package = {name for name in files(ROOT / "kimi_magic") if not name.startswith("kimi_magic/lessons/")}
    lessons = {f"kimi_magic/lessons/{path.name}" for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    about = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    with zipfile.ZipFile(wheel(built)) as archive:
        names = set(archive.namelist())
    assert "kimi_magic/py.typed" in names
    assert {Path(name).suffix for name in package} == {".py", ".toml", ".typed"}
    assert names == package | lessons | {f"kimi_magic-0.1.0.dist-info/{name}" for name in about}


def test_the_sdist_has_every_file_of_the_project(built: Path):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    folders = ("kimi_magic", "tests", "notebooks", "binder", ".ci")
    alone = {".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml"}
    assert names == {name for folder in folders for name in files(ROOT / folder)} | alone | {"PKG-INFO"}


def test_every_tracked_file_is_in_a_place_that_the_sdist_takes():
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout: this is the sdist itself")
    tracked = run("git", "ls-files").stdout.split()
    tops = {name.partition("/")[0] for name in tracked}
    assert tops <= {
        ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "binder",
        "kimi_magic", "notebooks", "pyproject.toml", "tests",
    }  # fmt: skip


def test_the_metadata_says_what_it_is_and_whom_it_is_for(built: Path):
    with zipfile.ZipFile(wheel(built)) as archive:
        about = email.message_from_bytes(archive.read("kimi_magic-0.1.0.dist-info/METADATA"))
    assert (about["Name"], about["Version"], about["License-Expression"]) == ("kimi_magic", "0.1.0", "MIT")
    assert about["Summary"]
    assert about["Requires-Python"] == ">=3.11"
    assert about["Description-Content-Type"] == "text/markdown"
    classifiers = about.get_all("Classifier")
    assert {"Framework :: IPython", "Framework :: Jupyter", "Typing :: Typed"} <= set(classifiers)
    assert any(each.startswith("Topic :: ") for each in classifiers)
    assert about.get_all("Project-URL") is None, "it has no address yet"
    assert {"lab", "serve", "terminal"} <= set(about.get_all("Provides-Extra"))


def test_few_distributions_come_with_it_where_a_kernel_is(beside_a_kernel: Beside):
    assert "kimi-magic" in beside_a_kernel.brought
    assert len(beside_a_kernel.brought) <= MOST_BEYOND_A_KERNEL, sorted(beside_a_kernel.brought)


def test_the_installed_package_answers_offline(beside_a_kernel: Beside, tmp_path: Path):
    answer = run(beside_a_kernel.bin / "python", "-W", "error", "-c", ASK, cwd=tmp_path).stdout
    assert "Rayleigh" in answer
    assert str(beside_a_kernel.folder) in answer


def test_the_installed_extension_answers_in_a_plain_ipython(beside_a_kernel: Beside, tmp_path: Path):
    (tmp_path / "cells.ipy").write_text(LOAD, encoding="utf-8")
    own = {"IPYTHONDIR": str(tmp_path / "ipython")}
    done = run(beside_a_kernel.bin / "ipython", "cells.ipy", cwd=tmp_path, environment=own)
    assert "Rayleigh" in done.stdout
    assert "offline simulator" in done.stdout + done.stderr


def test_the_installed_command_answers_offline(beside_a_kernel: Beside, tmp_path: Path):
    command = beside_a_kernel.bin / "kimi-magic"
    assert "Rayleigh" in run(command, "ask", "--offline", "Why is the sky blue?", cwd=tmp_path).stdout
    assert run(command, "--version", cwd=tmp_path).stdout == "0.1.0\n"


def test_the_demo_without_jupyterlab_is_one_line_that_names_the_packages(
    beside_a_kernel: Beside, tmp_path: Path
):
    done = subprocess.run(
        [beside_a_kernel.bin / "kimi-magic", "demo"], cwd=tmp_path, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install jupyterlab" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_first_command_of_the_readme_answers_in_what_was_published(built: Path, tmp_path: Path):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    command = readme_commands()[0]
    assert command.startswith(
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/kimi-magic ask"
    )
    assert "Rayleigh" in run("bash", "-c", command, cwd=unpacked).stdout
