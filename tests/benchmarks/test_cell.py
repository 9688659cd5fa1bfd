"""What a cell costs: loading, first words, messages, interrupts. In a real kernel, against a metronome.

Run with `python -m pytest tests/benchmarks -m benchmark -s`. Quote the ratios and counts, not the seconds.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import by_hand
from tests.benchmarks.metronome import Metronome, answer, running
from tests.conftest import KEYS
from tests.kernel import Cell, Kernel, text_of_widgets

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

ANSWER = 60_000  # characters
SHOWN = ("display_data", "update_display_data", "comm_open", "comm_msg", "comm_close")


def kernel_for(base_url: str) -> Kernel:
    return Kernel(dict.fromkeys(KEYS, "") | {"EVOLINK_BASE_URL": base_url, "EVOLINK_API_KEY": "sk-x"})


@pytest.fixture
def warm(metronome: Metronome) -> Iterator[Kernel]:
    kernel = kernel_for(metronome.base_url)
    kernel.run("%load_ext kimi_magic")
    kernel.run("import kimi_magic; r = kimi_magic.ask('warm')")
    try:
        yield kernel
    finally:
        kernel.stop()


@pytest.fixture
def metronome(request: pytest.FixtureRequest) -> Iterator[Metronome]:
    with running(Metronome(*request.param)) as ticking:
        yield ticking


LOAD = """
import sys, time
ip = get_ipython()
before = set(sys.modules)
began = time.perf_counter()
ip.extension_manager.load_extension({name!r})
took = time.perf_counter() - began
"""


def test_loading(capsys: pytest.CaptureFixture[str]):
    """`%load_ext` against loading an extension that does nothing, in the same kernel."""
    times, nothing, imported, cpu = [], [], [], []
    for _ in range(5):
        kernel = Kernel({"EVOLINK_API_KEY": "", "PYTHONDONTWRITEBYTECODE": ""})
        kernel.run("import os, tempfile; os.chdir(tempfile.mkdtemp())\n"
                   "open('nothing.py', 'w').write('def load_ipython_extension(ip): pass')")  # fmt: skip
        kernel.run(LOAD.format(name="nothing"))
        nothing.append(kernel.value("took"))
        kernel.run(LOAD.format(name="kimi_magic") + "new = sorted(set(sys.modules) - before)")
        times.append(kernel.value("took"))
        imported.append(kernel.value("new"))
        kernel.run("import time; time.sleep(1.5)\n%kimi_config --offline --speed 0")
        cell = kernel.attempt("%%kimi\nHello")
        cpu.append(first_display(cell))
        kernel.stop()
    with capsys.disabled():
        print(f"\n%load_ext kimi_magic: {1e3 * statistics.median(times):.1f} ms "
              f"(an empty extension: {1e3 * statistics.median(nothing):.1f} ms)")  # fmt: skip
        ours = [name for name in imported[0] if name.startswith("kimi_magic")]
        print(
            f"  imported, the warm-up thread's first milliseconds included: {len(imported[0])}, ours {ours}"
        )
        print(f"  first cell, 1.5 s later: first output after {1e3 * statistics.median(cpu):.0f} ms")


def first_display(cell: Cell) -> float:
    return cell.of_type("display_data")[0][0] - cell.began


def first_words(cell: Cell) -> float:
    return next(
        at for at, message in cell.messages
        if text_of_widgets(message) and "kimi-status" not in text_of_widgets(message)
    )  # fmt: skip


@pytest.mark.parametrize("metronome", [(answer(600), 50)], indirect=True)
def test_first_output_and_first_words(metronome: Metronome, warm: Kernel, capsys: pytest.CaptureFixture[str]):
    shown, words = [], []
    for _ in range(15):
        cell = warm.attempt("%%kimi --no-history\nHello")
        shown.append(1e3 * first_display(cell) if cell.began else 0)
        words.append(1e3 * (first_words(cell) - metronome.heard.first))
    with capsys.disabled():
        print(f"\nexecute to first output: {statistics.median(shown):.1f} ms")
        print(f"the server's first event to first words: {statistics.median(words):.1f} ms")


@pytest.mark.parametrize(
    "metronome",
    [(answer(ANSWER), 0), (answer(ANSWER), 1000), (answer(ANSWER), 125), (answer(4 * ANSWER), 1000)],
    ids=["60 kB at full speed", "60 kB at 1,000/s", "60 kB at 125/s", "240 kB at 1,000/s"],
    indirect=True,
)
def test_messages_and_bytes(metronome: Metronome, warm: Kernel, request: pytest.FixtureRequest, capsys):
    warm.run("import time")
    before = warm.value("time.process_time()")
    cell = warm.attempt("%%kimi --no-history -o answer\nHello")
    cpu = warm.value("time.process_time()") - before
    length = warm.value("len(answer.text)")
    assert length == sum(len(json.loads(event[6:])["choices"][0]["delta"].get("content", ""))
                         for event in metronome.events[1:-1])  # fmt: skip
    ours = cell.of_type(*SHOWN)
    sizes = [len(json.dumps(message["content"])) for _, message in ours]
    updates = [len(json.dumps(m["content"])) for _, m in cell.of_type("comm_msg")]
    seconds = ours[-1][0] - ours[0][0]
    behind = ours[-1][0] - metronome.heard.last
    with capsys.disabled():
        print(
            f"\n{request.node.callspec.id}: {len(ours)} messages in {seconds:.1f} s "
            f"({len(ours) / seconds:.0f}/s), {sum(sizes) / 1e3:.0f} kB on IOPub = {sum(sizes) / length:.1f} "
            f"times the answer, largest live update {max(updates) / 1e3:.1f} kB, kernel CPU {cpu:.2f} s, "
            f"ended {1e3 * behind:.0f} ms after the server's last event"
        )


def cost(kernel: Kernel, cell: str) -> tuple[float, int]:
    """CPU seconds of the kernel, and bytes on IOPub."""
    before = kernel.value("time.process_time()")
    ended = kernel.run(cell)
    cpu = kernel.value("time.process_time()") - before
    return cpu, sum(len(json.dumps(message["content"])) for _, message in ended.of_type(*SHOWN))


def median_cost(kernel: Kernel, cells: dict[str, str]) -> dict[str, tuple[float, int]]:
    """The cells in turns, three times."""
    rounds = [{name: cost(kernel, cell) for name, cell in cells.items()} for _ in range(3)]
    return {
        name: (statistics.median(r[name][0] for r in rounds), max(r[name][1] for r in rounds))
        for name in cells
    }


def test_showing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Our whole cell, reading included, against loops that have the text in memory and only show it."""
    pace, shares, costs = 1_000, (ANSWER // 4, ANSWER), []
    ways = {"whole Markdown at each chunk": 0, "whole Markdown 20 times a second": 1 / 20,
            "one display at the end": math.inf}  # fmt: skip
    for characters in shares:
        texts = answer(characters)
        with running(Metronome(texts, pace)) as metronome:
            kernel = kernel_for(metronome.base_url)
            kernel.run("%load_ext kimi_magic")
            kernel.run("import time, kimi_magic; r = kimi_magic.ask('warm')")
            cells = {"ours": "%%kimi --no-history\nHello", "reading alone": "r = kimi_magic.ask('Hello')"}
            cells |= {way: by_hand.cell(texts, pace, every, tmp_path) for way, every in ways.items()}
            kernel.run(cells["ours"])  # the first widgets of a kernel take longer
            costs.append(median_cost(kernel, cells))
            kernel.stop()
    ours = costs[1]["ours"]
    with capsys.disabled():
        print(f"\n{ANSWER / 1e3:.0f} kB in {len(texts)} chunks at {pace}/s")
        for name, (cpu, size) in costs[1].items():
            growth = size / costs[0][name][1] if size else 1.0
            print(
                f"  {name}: kernel CPU {cpu:.2f} s = {cpu / ours[0]:.2f} times ours; "
                f"IOPub {size / 1e3:.0f} kB = {size / ours[1]:.2f} times ours, {growth:.1f} times a quarter's"
            )


@pytest.mark.parametrize("metronome", [(answer(ANSWER), 100)], indirect=True)
def test_interrupts(metronome: Metronome, warm: Kernel, capsys: pytest.CaptureFixture[str]):
    closed, idle = [], []
    for _ in range(10):
        request = warm.send("%%kimi --no-history\nHello")
        before = warm.wait_until(request, lambda message: bool(text_of_widgets(message)))
        sent = warm.interrupt()
        cell = warm.finish(request, before)
        assert metronome.heard.closed.wait(10)
        closed.append(1e3 * (metronome.heard.closed_at - sent))
        idle.append(1e3 * (cell.messages[-1][0] - sent))
    with capsys.disabled():
        print(
            f"\ninterrupt to closed connection: median {statistics.median(closed):.0f}, "
            f"worst {max(closed):.0f} ms; "
            f"to idle: median {statistics.median(idle):.0f}, worst {max(idle):.0f} ms"
        )
