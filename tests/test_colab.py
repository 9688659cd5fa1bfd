"""The packages of Colab: a choice of the tests of the kernel runs with them too."""

from __future__ import annotations

import json
import os
import re
import sysconfig
from pathlib import Path

import pytest

from tests.clean import Environment, run

# https://github.com/googlecolab/backend-info, read 2026-08-19
PACKAGES = {"ipython": "7.34.0", "ipykernel": "6.17.1", "ipywidgets": "7.7.1", "jupyter-client": "7.4.9"}
VERSIONS = f"""
import importlib.metadata, json
print(json.dumps({{name: importlib.metadata.version(name) for name in {list(PACKAGES)}}}))
"""
TESTS = {
    "test_kernel.py": [
        "test_a_reload_leaves_one_rewriting_and_unload_none",
        "test_an_answer_is_on_screen_while_the_request_still_runs",
        "test_the_saved_output_is_html_and_text_with_byline_reasoning_and_answer",
        "test_a_second_cell_continues_the_conversation",
        "test_every_comm_that_was_opened_is_closed",
        "test_no_widget_is_left_in_the_registry",
        "test_inside_an_output_widget_the_answer_stays_in_a_widget",
        "test_a_line_that_ends_in_a_question_mark_is_a_prompt",
        "test_wrong_input_is_one_line_that_names_it",
        "test_a_fault_of_the_service_is_an_error_with_the_partial_answer_kept",
        "test_an_interrupt_closes_the_connection_and_leaves_one_line",
        "test_two_interrupts_in_a_row_leave_the_kernel_well",
    ],
    "test_kernel_answers.py": [
        "test_several_answers_stream_side_by_side_and_end_so_in_one_display",
        "test_one_answer_makes_no_widget_that_it_did_not_make_before",
    ],
    "test_kernel_json.py": [
        "test_the_simulator_fills_a_frame",
        "test_a_json_cell_ends_in_one_display_and_no_widget",
        "test_json_grows_in_rows_while_it_comes",
        "test_what_cannot_be_used_fails_the_cell_in_one_line_and_binds_nothing",
    ],
    "test_kernel_tools.py": [
        "test_a_cell_calls_functions_by_name_list_and_setting",
    ],
    "test_kernel_view.py": [
        "test_where_clicks_cannot_arrive_there_is_no_button",
        "test_the_reasoning_ends_as_the_habit_says",
    ],
}


@pytest.fixture(scope="module")
def colab(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the versions of Colab; all else is that of the tests."""
    environment = Environment(tmp_path_factory.mktemp("colab"))
    environment.make_over(Path(sysconfig.get_path("purelib")))
    environment.install(*(f"{name}=={version}" for name, version in PACKAGES.items()))
    return environment


@pytest.mark.timeout(400)
def test_the_kernel_streams_fails_and_stops_with_the_packages_of_colab(colab: Environment, tmp_path: Path):
    python = colab.bin / "python"
    tests = [f"tests/{file}::{name}" for file, names in TESTS.items() for name in names]
    assert json.loads(run(python, "-c", VERSIONS).stdout) == PACKAGES
    done = run(
        python, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'run'}",
        "-W", "ignore::DeprecationWarning",  # those of old packages on a newer Python
        *tests,
        environment=dict.fromkeys((name for name in os.environ if name.startswith("PYTEST_")), ""),
    )  # fmt: skip
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= len(tests)
