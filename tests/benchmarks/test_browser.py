"""What a growing answer costs the page: long tasks, nodes, messages. In a real JupyterLab, against Markdown.

Run with `python -m pytest tests/benchmarks/test_browser.py -m benchmark -s`. A task of the page's one thread
is long from 50 ms on (the browser's own measure): until it ends, nothing scrolls and no key is heard.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from playwright.sync_api import Page

from tests.benchmarks import by_hand
from tests.benchmarks.metronome import answer
from tests.browser.lab import Lab, Notebook
from tests.browser.manual_service import ManualService

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600), pytest.mark.usefixtures("observed")]

ANSWER = 60_000  # characters
PACE = 125  # pieces of 30 characters a second: 60 kB in 16 s
LAST = "These are the last words."
CATCH_UP = 240_000  # ms that the page may be behind before nobody waits for it any more

# The page keeps the time: what Playwright tells is late itself, it also passes on each frame of the socket.
OBSERVE = """
(() => {
    const seen = (window.seen = {tasks: [], messages: 0, bytes: 0})
    new PerformanceObserver(list => {
        for (const task of list.getEntries())
            seen.tasks.push([performance.timeOrigin + task.startTime, task.duration])
    }).observe({type: "longtask", buffered: true})
    window.WebSocket = class extends WebSocket {
        constructor(...given) {
            super(...given)
            this.addEventListener("message", event => {
                seen.messages += 1
                seen.bytes += event.data.byteLength ?? event.data.length
            })
        }
    }
})()
"""
LOOK = """
([number, words]) => {
    seen.shown = null
    const cell = document.querySelectorAll(".jp-Notebook .jp-Cell")[number]
    const look = setInterval(() => {
        if (!cell.querySelector(".jp-Cell-outputArea").textContent.includes(words)) return
        clearInterval(look)
        seen.shown = Date.now()
    }, 50)
}
"""


@pytest.fixture
def observed(page: Page) -> None:
    page.add_init_script(OBSERVE)


@dataclass
class Seen:
    """What the page had to do while an answer came, and what stood in it before the answer ended."""

    name: str
    tasks: list[float]  # s, the long ones that began while the answer came
    late: float  # s from the last words' being said to their being shown
    afterwards: float  # s of long tasks from then until they were shown
    nodes: int
    widgets: int
    messages: int
    bytes: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {sum(self.tasks):.2f} s of long tasks while it came "
            f"({len(self.tasks)}, the longest {1e3 * max(self.tasks, default=0):.0f} ms), "
            f"{self.late:.2f} s behind at its end ({self.afterwards:.2f} s of long tasks until then); "
            f"{self.nodes} nodes, {self.widgets} widgets; "
            f"{self.bytes / 1e3:.0f} kB in {self.messages} messages on the kernel's socket"
        )


def watch(name: str, opened: Notebook, cell: int, stream: Callable[[], Callable[[], object]]) -> Seen:
    """Run a cell; `stream` returns when the last words are said, with what ends the answer."""
    page, output = opened.page, opened.output(cell)
    before = page.evaluate("() => [seen.messages, seen.bytes]")
    page.evaluate(LOOK, [cell, LAST])
    began = time.time()
    opened.run(cell)
    end = stream()
    said = time.time()
    page.wait_for_function("() => seen.shown", timeout=CATCH_UP, polling=250)
    tasks, messages, size, shown = page.evaluate("() => [seen.tasks, seen.messages, seen.bytes, seen.shown]")
    seen = Seen(
        name,
        [length / 1e3 for at, length in tasks if began <= at / 1e3 <= said],
        shown / 1e3 - said,
        sum(length / 1e3 for at, length in tasks if said < at / 1e3),
        output.locator("*").count(),
        output.locator(".jupyter-widgets").count(),
        messages - before[0],
        size - before[1],
    )
    end()
    opened.wait_until_over(cell)
    return seen


def say(service: ManualService, texts: list[str]) -> Callable[[], object]:
    answering, began = service.next_request(), time.monotonic()
    for number, text in enumerate(texts, 1):
        answering.send_text(text)
        time.sleep(max(0.0, began + number / PACE - time.monotonic()))
    return answering.finish


def texts_of(characters: int) -> list[str]:
    return [*answer(characters), f"\n\n{LAST}"]


def ours(page: Page, lab: Lab, service: ManualService, characters: int) -> list[Seen]:
    """The first answer in a page, a short one that brings the code of the widgets; and the one to measure."""
    cells = ("%load_ext kimi_magic", "%%kimi --no-history\nHello", "%%kimi --no-history\nWrite a lot")
    opened = Notebook(page, lab, lab.write(f"ours_{characters}", *cells))
    opened.open()
    opened.complete(0)
    seen = [
        watch(f"ours, {len(''.join(texts)) / 1e3:.0f} kB", opened, cell, partial(say, service, texts))
        for cell, texts in ((1, [LAST]), (2, texts_of(characters)))
    ]
    opened.shut_down_kernel()
    return seen


def markdown(page: Page, lab: Lab, characters: int, every: float) -> Seen:
    texts = texts_of(characters)
    cell = by_hand.cell(texts, PACE, every, lab.root)
    opened = Notebook(page, lab, lab.write(f"by_hand_{characters}_{every:.2f}", cell))
    opened.open()
    way = f"{1 / every:.0f} times a second" if every else "at each chunk"
    name = f"whole Markdown {way}, {characters / 1e3:.0f} kB"

    def wait() -> Callable[[], object]:
        time.sleep(len(texts) / PACE)
        return lambda: None

    seen = watch(name, opened, 0, wait)
    opened.shut_down_kernel()
    return seen


def test_long_tasks(page: Page, lab: Lab, service: ManualService, capsys: pytest.CaptureFixture[str]):
    first, short = ours(page, lab, service, ANSWER)
    _, long = ours(page, lab, service, 4 * ANSWER)
    framed = markdown(page, lab, ANSWER, 1 / 15)
    each = markdown(page, lab, ANSWER // 4, 0)  # with all of it the page is minutes behind
    with capsys.disabled():
        print(f"\nthe first answer in a page: {first}")
        for seen in (short, long, framed, each):
            print(seen)
            if seen.name.startswith("whole"):
                # Less than one long task cannot be seen.
                tasks = (sum(seen.tasks) + seen.afterwards) / max(0.05, sum(short.tasks))
                size = seen.bytes / short.bytes
                print(f"  at least {tasks:.0f} times the long tasks of ours, {size:.0f} times the bytes")
