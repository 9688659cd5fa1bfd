"""The answer back in the notebook, in a browser."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import SUITE, Open
from tests.browser.manual_service import ManualService

pytestmark = SUITE

CELLS = "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.getSource())"
ANSWER = "Like this:\n\n```python\nx = 1\n```\n\nand\n\n```python\nprint(x)\n```\n"


def test_code_goes_into_a_new_cell_below_and_is_not_run(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi --code\nHow?", "1 + 1")
    notebook.run(1)
    exchange = service.next_request()
    exchange.send_text(ANSWER)
    exchange.finish()
    notebook.wait_until_over(1)
    notebook.page.wait_for_function(f"({CELLS})().length === 4")
    assert notebook.page.evaluate(CELLS)[1:] == ["%%kimi --code\nHow?", "x = 1\n\nprint(x)", "1 + 1"]


def test_a_button_puts_a_block_into_a_new_cell_below(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi\nHow?", "1 + 1")
    notebook.run(1)
    exchange = service.next_request()
    exchange.send_text(ANSWER)
    exchange.finish()
    notebook.wait_until_over(1)
    notebook.output(1).get_by_role("button", name="Insert below").nth(1).click()
    expect(notebook.output(1).get_by_role("button", name="Inserted")).to_have_count(1)
    assert notebook.page.evaluate(CELLS)[1:] == ["%%kimi\nHow?", "print(x)", "1 + 1"]


def test_tab_completes_an_option_and_a_name_in_braces(open_notebook: Open):
    notebook = open_notebook("frame_of_mine = 1", "%%kimi --temp", "%%kimi\nExplain {{ frame_of")
    notebook.complete(1)
    for number, completed in ((2, "%%kimi --temperature"), (3, "%%kimi\nExplain {{ frame_of_mine")):
        notebook.cell(number).locator(".cm-line").last.click()
        notebook.page.keyboard.press("Control+End")
        notebook.page.keyboard.press("Tab")
        offered = notebook.page.locator(".jp-Completer-item:visible")
        expect(offered).to_have_count(1)  # and no name of Python's
        notebook.page.keyboard.press("Enter")
        notebook.page.wait_for_function(f"([at, text]) => ({CELLS})()[at] === text", arg=[number, completed])
        expect(offered).to_have_count(0)


def test_a_failed_cell_is_asked_about_and_its_correction_stands_below(
    open_notebook: Open, service: ManualService
):
    notebook = open_notebook("frame = [1]\nfrme", "%kimi_fix --insert")
    notebook.complete(1)
    notebook.run(2)
    exchange = service.next_request()
    exchange.send_text("A letter is missing.\n\n```python\nframe = [1]\nframe\n```\n")
    exchange.finish()
    notebook.wait_until_over(2)
    notebook.page.wait_for_function(f"({CELLS})().length === 4")
    assert notebook.page.evaluate(CELLS)[3] == "frame = [1]\nframe"
