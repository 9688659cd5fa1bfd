"""Functions that the model calls, in JupyterLab: asked about with buttons, shown as cards, live and saved."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import SUITE, Open
from tests.browser.lab import Notebook, wait_until_settled
from tests.browser.test_looks import check_in_both_themes

pytestmark = SUITE

OFFLINE = "%kimi_config --offline --speed 0"
TOOLS = '''
import asyncio, kimi_magic
ran, gate = [], asyncio.Event()

def get_temperature(city: str) -> str:
    """The temperature in a city now, in degrees Celsius."""
    ran.append(city)
    return f"{len(city)} °C <img src=x onerror=alert(1)> $x^2$"

async def get_wind(city: str) -> dict:
    """The wind in a city."""
    kimi_magic.progress("half-way <b>there</b>")
    await gate.wait()
    return {"city": city, "wind": 3}
'''
ASK = "%%kimi -T get_temperature\nWhat is the temperature in Oslo?"
TWO = "%%kimi -T get_temperature\nIs the temperature higher in Oslo or in Turin?"
RAN = "print(ran)"


def prepared(open_notebook: Open, *cells: str) -> Notebook:
    notebook = open_notebook(OFFLINE, TOOLS, *cells)
    notebook.complete(1)
    notebook.complete(2)
    return notebook


def button(output: Locator, name: str) -> Locator:
    return output.get_by_role("button", name=name)


def test_a_call_waits_for_run_and_its_card_stays_in_the_saved_page(open_notebook: Open):
    notebook = prepared(open_notebook, TWO, RAN)
    output = notebook.output(3)
    notebook.run(3)
    expect(output.locator(".kimi-call")).to_have_count(2)
    expect(output.locator(".kimi-call").first).to_have_attribute("open", "")  # what it would run with
    expect(output.get_by_role("status").first).to_contain_text("may get_temperature run?")
    expect(output.locator(".kimi-call").first).to_contain_text('"city": "Oslo"')
    assert check_in_both_themes(notebook, "tools-asking", ".jp-Notebook .kimi-live") == []
    button(output, "Run").focus()
    notebook.page.keyboard.press("Enter")
    expect(output.locator(".kimi-call summary").first).to_contain_text("✓ get_temperature")
    button(output, "Refuse").click()
    notebook.wait_until_over(3)
    summaries = output.locator(".kimi-call summary")
    expect(summaries.nth(0)).to_contain_text('✓ get_temperature(city="Oslo") · done')
    expect(summaries.nth(1)).to_contain_text('⊘ get_temperature(city="Turin") · refused')
    expect(output.locator(".kimi-answer").last).to_contain_text("the user has refused")
    notebook.complete(4)
    expect(notebook.output(4)).to_contain_text("['Oslo']")
    assert output.get_by_role("button", name="Run", exact=True).count() == 0

    summaries.nth(0).focus()
    notebook.page.keyboard.press("Enter")  # what folds is opened by the keyboard
    expect(output.locator(".kimi-call").first).to_contain_text("4 °C <img src=x onerror=alert(1)> $x^2$")
    assert output.locator("img").count() == 0
    wait_until_settled(notebook.page)
    assert output.locator("mjx-container").count() == 0
    assert check_in_both_themes(notebook, "tools", ".jp-Notebook .kimi-reply") == []

    notebook.save()
    notebook.shut_down_kernel()
    notebook.reopen()
    expect(notebook.output(3).locator(".kimi-call summary").first).to_contain_text("4 °C")


def test_an_interrupt_while_it_asks_leaves_a_conversation_that_goes_on(open_notebook: Open):
    notebook = prepared(open_notebook, ASK, "%%kimi\nHello", RAN)
    notebook.run(3)
    output = notebook.output(3)
    expect(button(output, "Run")).to_be_visible()
    button(output, "Stop").click()
    notebook.wait_until_over(3)
    expect(output.locator(".kimi-call summary")).to_contain_text("stopped")
    assert output.get_by_role("button", name="Run", exact=True).count() == 0
    notebook.complete(4)
    expect(notebook.output(4).locator(".kimi-status")).not_to_contain_text("of context")
    notebook.complete(5)
    expect(notebook.output(5)).to_contain_text("[]")


@pytest.mark.parametrize("width", [600, 1200])
def test_progress_is_shown_while_an_awaited_function_runs(open_notebook: Open, width: int):
    notebook = prepared(open_notebook, "%%kimi -T get_wind --yes\nThe wind in Oslo?")
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    try:
        notebook.run(3)
        output = notebook.output(3)
        expect(output.locator("[role=status]").last).to_contain_text("half-way <b>there</b>")
        expect(output.locator(".kimi-call summary")).to_contain_text('→ get_wind(city="Oslo") · runs')
        notebook.screenshot(f"tools-running-{width}")
        button(output, "Stop").click()
        notebook.wait_until_over(3)
        expect(output.locator(".kimi-call summary")).to_contain_text("■ get_wind")
        notebook.screenshot(f"tools-stopped-{width}")
    finally:
        notebook.page.set_viewport_size({"width": 1200, "height": 1000})
