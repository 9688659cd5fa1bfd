"""Notebook 7, which is built of JupyterLab's parts: the same cell there."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import SUITE, Watch
from tests.browser.lab import Lab, Notebook, close_notebooks
from tests.browser.manual_service import ManualService

pytestmark = SUITE


def test_an_answer_grows_is_stopped_and_stays_in_notebook_7(
    lab: Lab, page: Page, service: ManualService, watch: Watch
):
    path = lab.write("notebook_7", "%load_ext kimi_magic", "%%kimi\nA long story")
    notebook = Notebook(page, lab, path)
    notebook.load(f"{lab.origin}/notebooks/{path.name}")
    notebook.cell(0).locator(".cm-content").click()
    notebook.press("Shift+Enter", 0)
    notebook.wait_for_prompt(0)
    notebook.press("Shift+Enter", 1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_reasoning("First thought.\n")
    expect(output).to_contain_text("First thought.")
    exchange.send_text("Once **upon** a time, $x^2$")
    expect(output.locator("strong")).to_have_text("upon")
    expect(output.locator("mjx-container")).to_have_count(1)
    output.get_by_role("button", name="Stop").click()
    expect(output.locator(".kimi-reply .kimi-status")).to_contain_text("stopped")
    expect(output.locator(".jupyter-widgets")).to_have_count(0)
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(1)
    thought = output.locator("details.kimi-reasoning").get_by_text("First thought.")
    expect(thought).to_be_hidden()
    output.locator("summary").click()
    expect(thought).to_be_visible()
    close_notebooks(page)
    assert watch.outside(lab.origin) == []
