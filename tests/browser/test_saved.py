"""What is left in the file: opened again without its kernel, by somebody else, as a page."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.conftest import SUITE, Export, Open
from tests.browser.lab import Lab, Notebook, wait_until_settled
from tests.browser.manual_service import ManualService

pytestmark = SUITE

CODE = "def double(x):\n    return 2 * x\n"


def answered(open_notebook: Open, service: ManualService) -> Notebook:
    """A notebook with one answer in cell 1, saved, its kernel gone."""
    notebook = open_notebook("%%kimi\nWhy is the sky blue?")
    notebook.run(1)
    exchange = service.next_request()
    exchange.send_reasoning("First thought.")
    exchange.send_text("Because of $x^2$ **scattering**.")
    exchange.finish()
    notebook.wait_until_over(1)
    expect(notebook.output(1).locator(".kimi-answer")).to_be_visible()
    outputs = notebook.save()["cells"][1]["outputs"]
    assert [sorted(output["data"]) for output in outputs] == [["text/html", "text/markdown", "text/plain"]]
    notebook.shut_down_kernel()
    return notebook


def test_code_is_copied_where_scripts_may_run_and_elsewhere_has_no_dead_button(
    open_notebook: Open, service: ManualService, lab: Lab
):
    notebook = open_notebook("%%kimi\nDouble it")
    page = notebook.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.origin)
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_text(f"So:\n\n```python\n{CODE}```\n\nThat is all.")
    exchange.finish()
    notebook.wait_until_over(1)
    output.get_by_role("button", name="Copy").click()
    expect(output.get_by_role("button", name="Copied")).to_have_count(1)
    assert page.evaluate("() => navigator.clipboard.readText()") == CODE.rstrip("\n")
    copy = notebook.open_copy("code_from_somebody_else", notebook.save())
    assert not copy.is_trusted(1)
    expect(copy.output(1).locator("pre")).to_have_text(CODE)
    wait_until_settled(page)
    expect(copy.output(1).get_by_role("button")).to_have_count(0)


def assert_whole_and_foldable(output: Locator) -> None:
    expect(output.locator(".kimi-answer strong")).to_have_text("scattering")
    reasoning = output.locator("details.kimi-reasoning")
    text = reasoning.get_by_text("First thought.")
    expect(text).to_be_hidden()
    reasoning.locator("summary").click()
    expect(text).to_be_visible()
    reasoning.locator("summary").click()
    expect(text).to_be_hidden()


def test_a_saved_notebook_shows_answer_and_reasoning_again(open_notebook: Open, service: ManualService):
    notebook = answered(open_notebook, service)
    notebook.reload()
    assert notebook.is_trusted(1)
    assert_whole_and_foldable(notebook.output(1))
    expect(notebook.output(1).locator("mjx-container")).to_have_count(1)


def test_an_untrusted_copy_and_an_exported_page_show_them_too(
    open_notebook: Open, service: ManualService, open_export: Export
):
    notebook = answered(open_notebook, service)
    copy = notebook.open_copy("from_somebody_else", notebook.save())
    assert not copy.is_trusted(1)
    assert_whole_and_foldable(copy.output(1))
    assert_whole_and_foldable(open_export(notebook.path).locator(".jp-Cell-outputArea").last)
