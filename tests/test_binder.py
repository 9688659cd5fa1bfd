"""The files for repo2docker: installed and run in the repository, as it does, in a clean environment."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.clean import ROOT, Environment, once, run

pytestmark = pytest.mark.timeout(600)  # a JupyterLab goes over the network
BINDER = ROOT / "binder"

FIRST_CELLS = """
%load_ext kimi_magic
%kimi --speed 0 Tell me why the sky is blue.
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What repo2docker would make, without the container."""

    def make(folder: Path) -> None:
        environment = Environment(folder)
        environment.make("-r", "binder/requirements.txt")
        (folder / "said").write_text(run(BINDER / "postBuild", environment=inside(folder)).stdout, "utf-8")

    return Environment(once(tmp_path_factory, "binder-image", make))


def inside(folder: Path) -> dict[str, str]:
    """The environment of a process in the image; the home of whoever runs the tests stays as it is."""
    return {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "PIP_PYTHON": str(folder / "bin" / "python"),  # the image of the tests has no pip of its own
    }


def locked() -> dict[str, list[tuple[str, str, list[str]]]]:
    """Version, marker and hashes of each entry of the lock, by name."""
    text = (BINDER / "requirements.txt").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, list[tuple[str, str, list[str]]]] = {}
    for line in text.splitlines():
        pin, *hashes = line.split("--hash=")
        name, version, marker = re.fullmatch(r"([\w.-]+)==([\w.+!]+)(?: ; (.*?))? *", pin).groups()
        found.setdefault(canonicalize_name(name), []).append((version, marker or "", hashes))
    return found


def test_each_file_that_is_installed_is_known_by_its_hash():
    entries = locked()
    assert len(entries) > 80
    for name, versions in entries.items():
        for _, _, hashes in versions:
            assert hashes, name
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64} *", each) for each in hashes), name


def test_the_lock_has_what_the_package_asks_for_with_the_extra_for_the_demo_and_what_builds_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *extras["lab"], *extras["serve"]]
    wanted += project["build-system"]["requires"]
    entries = locked()
    for requirement in map(Requirement, wanted):
        if requirement.name != "kimi_magic":
            for version, _, _ in entries[canonicalize_name(requirement.name)]:
                assert requirement.specifier.contains(version), f"{requirement}, but {version} is locked"
    assert "kimi-magic" not in entries


def test_a_jupyterlab_with_a_known_hole_is_not_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (lab,) = [each for each in project["optional-dependencies"]["lab"] if each.startswith("jupyterlab")]
    assert not Requirement(lab).specifier.contains("4.6.1")
    assert Requirement(lab).specifier.contains("4.6.2")


def test_the_python_of_the_image_is_one_that_the_package_supports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (version,) = re.findall(r"\Apython-(3\.\d+)\n\Z", (BINDER / "runtime.txt").read_text(encoding="utf-8"))
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]


def test_the_step_after_the_build_can_be_run_and_asks_a_question(image: Environment):
    assert os.access(BINDER / "postBuild", os.X_OK)
    assert "offline simulator" in (image.folder / "said").read_text(encoding="utf-8")


def test_a_kernel_of_the_image_answers_offline_without_being_told_to(image: Environment, tmp_path: Path):
    (tmp_path / "cells.ipy").write_text(FIRST_CELLS, encoding="utf-8")
    done = run(image.bin / "ipython", "cells.ipy", cwd=tmp_path, environment=inside(image.folder))
    assert "Rayleigh" in done.stdout
    assert "offline simulator" in done.stdout + done.stderr


def test_the_image_has_a_jupyterlab_that_asks_nothing_before_the_first_lesson(
    image: Environment, tmp_path: Path
):
    own = inside(image.folder)
    assert run(image.bin / "jupyter", "lab", "--version", cwd=tmp_path, environment=own).stdout
    page = image.folder / "etc" / "jupyter" / "labconfig" / "page_config.json"
    disabled = json.loads(page.read_text(encoding="utf-8"))["disabledExtensions"]
    assert disabled == {"@jupyterlab/apputils-extension:announcements": True}


def test_a_badge_of_the_readme_opens_a_lesson_that_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for address in re.findall(r"https://mybinder\.org/v2/[^)\s]+", text):
        opened = re.search(r"[?&](?:urlpath=lab/tree/|labpath=)([^&#]+)", address)
        assert opened, f"{address} opens no file: expected ?urlpath=lab/tree/notebooks/NAME.ipynb"
        assert (ROOT / opened[1].replace("%2F", "/")).is_file(), address
