"""A notebook that two pages share (jupyter-collaboration): one runs a cell, the other looks on.

The page that runs a cell writes its outputs into the shared document; the other reads them there. Widgets
reach every page from the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, WebSocket, expect

from tests.browser.conftest import SUITE
from tests.browser.lab import Lab, Notebook, close_notebooks
from tests.browser.manual_service import Exchange, ManualService
from tests.kernel import EMPTY

pytestmark = SUITE

ROOM = "/api/collaboration/room/json:notebook:"  # the connection that brings the shared document
SENTENCES = [f"Sentence {number:02d} is as long as each of the others here.\n\n" for number in range(80)]
FIRST, SECOND = SENTENCES[:40], ["**Halfway.**\n\n", *SENTENCES[40:]]
ANSWER = "".join(FIRST + SECOND)  # 4 kB
SENTENCE = re.compile(rb"Sentence \d\d is")
WIDGETS = ".jupyter-widgets"
KEPT = "[class^=kimi-kept]"  # the text so far, which stands in the document while the widgets live
GONE = "The page or the kernel went away"


class Pair(NamedTuple):
    """A notebook in two pages, and what the shared document has sent to the one that looks on."""

    runner: Notebook
    viewer: Notebook
    frames: list[bytes]

    @property
    def outputs(self) -> tuple[Locator, Locator]:
        """What both show below the cell of the prompt."""
        return self.runner.output(1), self.viewer.output(1)


OpenPair = Callable[..., Pair]


@pytest.fixture(scope="module")
def lab(
    chromium: str, shared_service: ManualService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """A JupyterLab whose pages share their notebooks."""
    address = {"EVOLINK_BASE_URL": shared_service.base_url, "EVOLINK_API_KEY": "sk-simulator"}
    with Lab(tmp_path_factory.mktemp("shared"), address, is_shared=True) as running:
        yield running


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    return []


@pytest.fixture(scope="module")
def pages(context: BrowserContext, frames: list[bytes]) -> Iterator[tuple[Page, Page]]:
    """Two pages; of the second, what the shared document sends to it is in `frames`."""

    def note(frame: bytes) -> None:
        frames.append(frame)

    def listen(socket: WebSocket) -> None:
        if ROOM in socket.url:
            socket.on("framereceived", note)

    with context.new_page() as first, context.new_page() as second:
        second.on("websocket", listen)
        yield first, second


@pytest.fixture
def open_pair(
    lab: Lab, pages: tuple[Page, Page], frames: list[bytes], request: pytest.FixtureRequest
) -> Iterator[OpenPair]:
    """Open a notebook in both pages, its extension loaded.

    A cell that somebody has just made is trusted in both. One of the file is trusted only where it runs.
    """

    def open_(*, new_cell: bool) -> Pair:
        prompt = "%%kimi\nA long list"
        path = lab.write(request.node.name, "%load_ext kimi_magic", *([] if new_cell else [prompt]))
        runner, viewer = (Notebook(page, lab, path) for page in pages)
        runner.open()
        viewer.open()
        runner.complete(0)
        if new_cell:
            runner.command("notebook:insert-cell-below")
            runner.edit(1, prompt)
        viewer.wait_for_prompt(0)
        expect(viewer.cell(1)).to_contain_text("A long list")
        assert viewer.is_trusted(1) == new_cell
        frames.clear()
        return Pair(runner, viewer, frames)

    yield open_
    for page in pages:
        close_notebooks(page)


def half_answered(pair: Pair, service: ManualService) -> Exchange:
    """Run the cell until the first half of the answer has come to the second page by way of the document."""
    pair.runner.run(1)
    exchange = service.next_request()
    exchange.send_reasoning("They want a long list.")
    for sentence in FIRST:
        exchange.send_text(sentence)
    expect(pair.viewer.output(1).locator(KEPT)).to_contain_text(FIRST[-1].strip())
    return exchange


def answer_the_rest(exchange: Exchange) -> None:
    for sentence in SECOND:
        exchange.send_text(sentence)
    exchange.finish()


def assert_end(output: Locator) -> None:
    """The final output is there, and nothing else."""
    expect(output.locator(".kimi-reply .kimi-answer")).to_contain_text(SECOND[-1].strip())
    expect(output.locator(".kimi-reply")).to_have_count(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(KEPT)).to_have_count(0)
    expect(output).not_to_contain_text(GONE)


def saved(notebook: Notebook) -> list[dict[str, Any]]:
    """What the outputs in the file hold when somebody has saved it; those that hold nothing are left out."""
    notebook.save()
    outputs = nbformat.read(notebook.path, as_version=4).cells[1].outputs
    return [output.data for output in outputs if output.data != EMPTY]


def assert_same_end(pair: Pair) -> None:
    """Both pages show the same end, and have it in the file, whoever saves it."""
    pair.runner.wait_until_over(1)
    for output in pair.outputs:
        assert_end(output)
    first, second = (output.locator(".kimi-reply").inner_text() for output in pair.outputs)
    assert first == second
    for notebook in (pair.viewer, pair.runner):
        (data,) = saved(notebook)
        assert set(data) == {"text/html", "text/markdown", "text/plain"}
        assert data["text/plain"].strip() == ANSWER.strip()


def assert_sent_sparingly(frames: list[bytes]) -> None:
    """The document has brought the end once, and before it less than twice what is in it.

    The end alone is the answer three times: as HTML, as Markdown and as text.
    """
    (end,) = (frame for frame in frames if b"text/markdown" in frame)
    assert len(SENTENCE.findall(end)) == 3 * len(SENTENCES)
    assert len(end) < 3.5 * len(ANSWER)
    before = frames[: frames.index(end)]
    assert 0 < sum(len(SENTENCE.findall(frame)) for frame in before) < 2 * len(SENTENCES)
    assert not any(SENTENCE.search(frame) for frame in frames[frames.index(end) + 1 :])


def test_both_pages_show_the_answer_while_it_grows_and_the_same_end(
    open_pair: OpenPair, service: ManualService
):
    pair = open_pair(new_cell=True)
    exchange = half_answered(pair, service)
    exchange.send_text(SECOND[0])
    for output in pair.outputs:
        expect(output.locator(WIDGETS).get_by_text(FIRST[-1].strip())).to_be_visible()
        expect(output.locator(WIDGETS).locator("strong")).to_have_text("Halfway.")
        expect(output.locator(KEPT)).to_be_hidden()
    assert pair.runner.is_running(1)
    for sentence in SECOND[1:]:
        exchange.send_text(sentence)
    exchange.finish()
    assert_same_end(pair)
    assert_sent_sparingly(pair.frames)
    pair.viewer.reopen()
    assert_end(pair.viewer.output(1))


def test_a_page_that_is_loaded_again_meanwhile_shows_the_rest_and_the_end(
    open_pair: OpenPair, service: ManualService
):
    pair = open_pair(new_cell=True)
    exchange = half_answered(pair, service)
    pair.viewer.leave_and_return()
    for output in pair.outputs:
        expect(output.locator(WIDGETS).get_by_text(FIRST[-1].strip())).to_be_visible()
        expect(output.locator(KEPT)).to_be_hidden()
    assert pair.runner.is_running(1)
    answer_the_rest(exchange)
    assert_same_end(pair)


def test_a_page_that_does_not_trust_the_cell_shows_the_text_so_far_and_the_end(
    open_pair: OpenPair, service: ManualService
):
    pair = open_pair(new_cell=False)
    exchange = half_answered(pair, service)
    expect(pair.viewer.output(1).locator(KEPT)).to_be_visible()
    expect(pair.viewer.output(1).locator(WIDGETS)).to_have_count(0)
    answer_the_rest(exchange)
    assert_same_end(pair)


def test_where_the_page_that_runs_the_cell_is_loaded_again_the_file_has_the_text_so_far(
    open_pair: OpenPair, service: ManualService
):
    pair = open_pair(new_cell=True)
    exchange = half_answered(pair, service)
    pair.runner.leave_and_return()
    expect(pair.runner.output(1).locator(WIDGETS).get_by_text(FIRST[-1].strip())).to_be_visible()
    answer_the_rest(exchange)
    for output in pair.outputs:
        expect(output.locator(WIDGETS).get_by_text(SECOND[-1].strip())).to_be_visible()
        expect(output.locator(KEPT)).to_be_hidden()
    assert GONE in saved(pair.viewer)[-1]["text/html"]
