"""Notebook 7, which is built of JupyterLab's parts: the same cell there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.lab import Lab
from tests.browser.speaker import Speaker

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_an_answer_grows_is_stopped_and_stays_in_notebook_7(
    lab: Lab, page: Page, speaker: Speaker, watch: Watch
):
    path = lab.write("notebook_7", "%load_ext kimi_magic", "%%kimi\nA long story")
    page.goto(f"{lab.origin}/notebooks/{path.name}")
    cells = page.locator(".jp-Notebook .jp-Cell")
    expect(page.locator("[data-status=idle]").first).to_be_attached()
    cells.nth(0).click()
    page.keyboard.press("Shift+Enter")
    expect(cells.nth(0).locator(".jp-InputArea-prompt")).to_have_text("[1]:")
    page.keyboard.press("Shift+Enter")
    answering, output = speaker.asked(), cells.nth(1).locator(".jp-Cell-outputArea")
    answering.think("First thought.\n")
    expect(output).to_contain_text("First thought.")
    answering.say("Once **upon** a time, $x^2$")
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
    assert watch.outside(lab.origin) == []
