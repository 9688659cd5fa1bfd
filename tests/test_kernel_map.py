"""`%%kimi --map` in a real kernel: what is shown, what is kept, and what an interrupt leaves."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import PACED, Server
from tests.kernel import WIDGET, WIDGETS_LEFT, Kernel
from tests.test_kernel_view import click

DATA = "import pandas as pd\ndf = pd.DataFrame({'place': [f'Rome, {1900 + n}' for n in range(COUNT)]})"
CELL = "%%kimi --map df --schema 'city, year int' -o found\nCity and year in: {{place}}"


def has_answers(message: dict[str, Any]) -> bool:
    """Whether the line says that some of 12 rows are answered, and not yet most."""
    return re.search(r"'[1-6] of 12 requests", str(message["content"].get("data"))) is not None


def test_a_cell_goes_over_the_rows_and_stores_the_result(kernel: Kernel) -> None:
    kernel.run(DATA.replace("COUNT", "12"))
    cell = kernel.run(CELL)
    assert cell.status == "ok"
    shown = [output["data"] for output in cell.outputs if output["type"] == "display"]
    assert shown[0]["text/plain"].startswith("12 of 12 requests")
    assert "<table" in shown[1]["text/html"]
    assert "12 of 12 rows have a value" in cell.printed
    assert kernel.value("(len(found.data), list(found.frame.columns)[:3])") == (12, ["place", "city", "year"])
    assert kernel.value(WIDGETS_LEFT) == 0
    assert "12 from before" in kernel.run(CELL).outputs[0]["data"]["text/plain"]


def test_a_dry_run_shows_one_prompt_and_sends_nothing(kernel: Kernel) -> None:
    kernel.run(DATA.replace("COUNT", "12"))
    printed = kernel.run(CELL.replace("--map df", "--map df --dry-run")).printed
    assert printed.startswith("12 rows, 12 distinct, about ")
    assert "user: City and year in: Rome, 1900" in printed
    assert kernel.value("len(__import__('kimi_magic').usage_records())") == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--map dff", "--map dff: there is no variable dff, did you mean df?"),
        ("--concurrency 3", "--concurrency is for a prompt that goes over rows: add --map NAME"),
        ("--map df -n 2", "n cannot be used where a prompt goes over rows"),
        ("--map df --budget 1 -m unheard", "price of unheard"),
    ],
)
def test_a_wrong_line_is_one_sentence(kernel: Kernel, line: str, words: str) -> None:
    kernel.run(DATA.replace("COUNT", "2"))
    cell = kernel.attempt(f"%%kimi {line}\nCity in: {{{{place}}}}")
    assert cell.status == "error"
    assert words in cell.reply["evalue"]


def test_a_dask_frame_stays_lazy_and_needs_a_name_for_the_result(kernel: Kernel) -> None:
    kernel.run(
        DATA.replace("COUNT", "4") + "\nimport dask.dataframe as dd; df = dd.from_pandas(df, npartitions=2)"
    )
    cell = kernel.attempt(CELL.replace("-o found", ""))
    assert "add -o NAME for the result" in cell.reply["evalue"]
    printed = kernel.run(CELL).printed
    assert "found is a dask DataFrame of 2 partitions; nothing was sent" in printed
    assert kernel.value("len(__import__('kimi_magic').usage_records())") == 0
    assert kernel.value("list(found.columns)[:3]") == ["place", "city", "year"]
    assert kernel.value("list(found.compute(scheduler='threads')['error'].isna())") == [True] * 4


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_an_interrupt_keeps_what_was_answered_and_the_cell_goes_on(kernel: Kernel, server: Server) -> None:
    kernel.run(DATA.replace("COUNT", "12"))
    line = CELL.replace("--map df", "--map df --concurrency 2")
    request = kernel.send(line)
    before = kernel.wait_until(request, has_answers)
    kernel.interrupt()
    cell = kernel.finish(request, before)
    assert (cell.status, cell.reply["ename"]) == ("error", "KimiInterrupted")
    kept = kernel.value("sum(value is not None for value in found.data)")
    assert 1 <= kept < 12
    assert kernel.value("(len(found), found.is_partial, found.interrupted)") == (12, True, True)
    server.wait_for("closed by the client")
    kernel.run(line)
    assert kernel.value("len(found.errors)") == 0
    sent = kernel.value("[row['state'] for row in __import__('kimi_magic').usage_records()]")
    assert sent.count("complete") == 12


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_the_stop_button_does_the_same_and_goes_away(kernel: Kernel) -> None:
    kernel.run(DATA.replace("COUNT", "12"))
    request = kernel.send(CELL.replace("--map df", "--map df --concurrency 2"))
    buttons = []

    def looks(message: dict[str, Any]) -> bool:
        state = message["content"].get("data", {}).get("state", {})
        if isinstance(state, dict) and state.get("description") == "Stop":
            buttons.append(message)
        return has_answers(message)

    before = kernel.wait_until(request, looks)
    click(kernel, buttons[0])
    cell = kernel.finish(request, before)
    assert cell.reply["ename"] == "KimiInterrupted"
    assert kernel.value("(found.is_partial, found.interrupted)") == (True, True)
    assert kernel.value(WIDGETS_LEFT) == 0
    assert not [output for output in cell.outputs if WIDGET in output.get("data", {})]
