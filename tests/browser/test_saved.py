"""What is left in the file: opened again without its kernel, by somebody else, as a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.lab import Lab, Notebook
from tests.browser.speaker import Speaker

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def answered(notebook: Open, speaker: Speaker) -> Notebook:
    """A notebook with one answer in cell 1, saved, its kernel gone."""
    opened = notebook("%%kimi\nWhy is the sky blue?")
    opened.run(1)
    answering = speaker.asked()
    answering.think("First thought.")
    answering.say("Because of $x^2$ **scattering**.")
    answering.end()
    opened.wait_until_over(1)
    expect(opened.output(1).locator(".kimi-answer")).to_be_visible()
    saved = opened.save()["cells"][1]["outputs"]
    assert [sorted(output["data"]) for output in saved] == [["text/html", "text/plain"]]
    opened.shut_the_kernel_down()
    return opened


CODE = "def double(x):\n    return 2 * x\n"


def test_code_is_copied_where_scripts_may_run_and_elsewhere_has_no_dead_button(
    notebook: Open, speaker: Speaker, lab: Lab, page: Page
):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.origin)
    opened = notebook("%%kimi\nDouble it")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.say(f"So:\n\n```python\n{CODE}```\n\nThat is all.")
    answering.end()
    opened.wait_until_over(1)
    output.get_by_role("button", name="Copy").click()
    expect(output.get_by_role("button", name="Copied")).to_have_count(1)
    assert page.evaluate("() => navigator.clipboard.readText()") == CODE
    opened.save()
    copy = Notebook(page, lab, lab.write("code_from_somebody_else"))
    content = json.loads(opened.path.read_text(encoding="utf-8"))
    content["cells"][0]["source"] = "# not what was run"
    copy.path.write_text(json.dumps(content), encoding="utf-8")
    copy.open()
    assert not copy.trusted(1)
    expect(copy.output(1).locator("pre")).to_have_text(CODE)
    expect(copy.output(1).get_by_role("button")).to_have_count(0)
    copy.shut_the_kernel_down()


def assert_whole_and_foldable(output: Locator) -> None:
    expect(output.locator(".kimi-answer strong")).to_have_text("scattering")
    folded = output.locator("details.kimi-reasoning")
    thought = folded.get_by_text("First thought.")
    expect(thought).to_be_hidden()
    folded.locator("summary").click()
    expect(thought).to_be_visible()
    folded.locator("summary").click()
    expect(thought).to_be_hidden()


def test_a_saved_notebook_shows_answer_and_reasoning_again(notebook: Open, speaker: Speaker):
    opened = answered(notebook, speaker)
    opened.reload()
    assert opened.trusted(1)
    assert_whole_and_foldable(opened.output(1))
    expect(opened.output(1).locator("mjx-container")).to_have_count(1)


def test_an_untrusted_copy_and_an_exported_page_show_them_too(
    notebook: Open, speaker: Speaker, lab: Lab, page: Page, exported: Callable[[Path], str]
):
    opened = answered(notebook, speaker)
    content = json.loads(opened.path.read_text(encoding="utf-8"))
    content["cells"][0]["source"] = "# another notebook: trust goes by content, not by name"
    copy = Notebook(page, lab, lab.write("from_somebody_else"))
    copy.path.write_text(json.dumps(content), encoding="utf-8")
    copy.open()
    assert not copy.trusted(1)
    assert_whole_and_foldable(copy.output(1))
    copy.shut_the_kernel_down()
    with page.context.new_page() as browser_page:  # it loads MathJax from elsewhere, as every export does
        browser_page.goto(exported(opened.path), wait_until="domcontentloaded")
        assert_whole_and_foldable(browser_page.locator(".jp-Cell-outputArea").last)
