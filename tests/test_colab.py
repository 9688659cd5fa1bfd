"""The packages of Colab: the tests of the kernel run there too, in an environment of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clean import Environment, once, run

# https://github.com/googlecolab/backend-info, read 2026-08-19
PACKAGES = ["ipython==7.34.0", "ipykernel==6.17.1", "ipywidgets==7.7.1", "jupyter_client==7.4.9"]
FOR_TESTS = ["hypothesis", "nbclient", "nbconvert", "openai", "pandas", "pillow", "pytest", "pytest-timeout"]
FILES = ["test_kernel", "test_kernel_answers", "test_kernel_prompt", "test_kernel_view"]
ELSEWHERE = {  # what cannot be there, and why
    "under time": "its %%time shows an error and ends as if there was none",
    "one_answer_makes_no_widget": "without the Stop button there is a widget less",
    "the_button_stops_the_answer": "the Stop button needs ipykernel 7",
    "the_result_of_a_plot": "needs matplotlib, which takes long to install",
}


@pytest.fixture(scope="session")
def colab(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the versions of Colab, made once in a run."""
    folder = once(
        tmp_path_factory,
        "colab",
        lambda folder: Environment(folder).make(*PACKAGES, *FOR_TESTS, "-e", ".[serve]"),
    )
    return Environment(folder)


@pytest.mark.timeout(800)
def test_the_tests_of_the_kernel_pass_with_the_packages_of_colab(colab: Environment, tmp_path: Path):
    chosen = " and ".join(f"not ({' and '.join(each.split())})" for each in ELSEWHERE)
    done = run(
        colab.bin / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider",
        f"--basetemp={tmp_path / 'run'}",
        "-o", "addopts=--strict-markers", "-k", chosen, *(f"tests/{name}.py" for name in FILES),
        environment={name: "" for name in os.environ if name.startswith("PYTEST_")},
    )  # fmt: skip
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
