"""The files for repo2docker: installed and run in the repository, as it does, in a clean environment."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from tests.clean import ROOT, Environment, once, run

pytestmark = [
    pytest.mark.timeout(600),  # a JupyterLab goes over the network
    pytest.mark.xdist_group("binder"),
]
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
    }


def test_the_package_is_installed_from_the_repository_with_the_extra_for_the_demo():
    lines = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [".[lab]"]


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
