"""What cell 300 of a notebook costs beside cell 3: seconds, bytes on IOPub, bytes in the saved output.

Run with `python -m pytest tests/benchmarks/test_chats.py -m benchmark -s`. Quote the ratios, not the seconds.
"""

from __future__ import annotations

import json
import statistics

import pytest

from tests.conftest import KEYS
from tests.kernel import Cell, Kernel

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

CELLS = 303
CPU = "__import__('time').process_time()"
CONTEXT = "sum(len(m.text) + len(m.reasoning_content or '') for m in " \
          "__import__('kimi_magic').last.turn.step.request.messages)"  # fmt: skip


def on_iopub(cell: Cell) -> int:
    """Bytes of the messages of a cell, as they are sent."""
    return sum(len(json.dumps(message["content"], default=str)) for _, message in cell.messages)


@pytest.mark.parametrize("history", ["all", "none"])
def test_cell_300_beside_cell_3(history: str, capsys: pytest.CaptureFixture[str]):
    """With all turns sent, and with none: then nothing at all may grow."""
    kernel = Kernel(dict.fromkeys(KEYS, ""))
    figures: dict[int, tuple[float, float, int, int, int]] = {}
    try:
        kernel.run("%load_ext kimi_magic")
        kernel.run(f"%kimi_config --offline --speed 0 --history {history}")
        for number in range(1, CELLS + 1):
            before = kernel.value(CPU)
            cell = kernel.run("%%kimi\nName a river.", cell_id=f"cell {number}")
            seconds = cell.messages[-1][0] - cell.began
            cpu = kernel.value(CPU) - before
            saved = len(json.dumps(cell.display))
            figures[number] = (seconds, cpu, on_iopub(cell), saved, kernel.value(CONTEXT))
    finally:
        kernel.stop()
    with capsys.disabled():
        print(f"\n--history {history}: cells 3 to 7 and 299 to 303, medians")
        names = ("seconds", "CPU seconds", "bytes on IOPub", "bytes saved", "characters sent")
        for name, early, late in zip(names, *(medians(figures, at) for at in (3, 299)), strict=True):
            print(f"  {name:16} {early:12,.4g} {late:12,.4g}   × {late / early:.2f}")


def medians(figures: dict[int, tuple[float, float, int, int, int]], first: int) -> list[float]:
    """The median of each figure over five cells."""
    return [statistics.median(column) for column in zip(*(figures[first + n] for n in range(5)), strict=True)]
