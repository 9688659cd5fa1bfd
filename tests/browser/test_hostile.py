"""Whatever the model says, names or fails with: no script runs, nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import hostile, hostile_views
from tests.browser.conftest import SUITE, Export, Open, Watch
from tests.browser.manual_service import Beacon, ManualService

pytestmark = SUITE
ROOT = Path(__file__).parents[2]
LIVE = ".widget-html-content, .widget-htmlmath-content"  # beside them stands, unseen, what is saved meanwhile

LIVE = ".kimi-live"  # not what is put aside for a page that is never to see the end


def test_the_same_words_do_harm_where_they_are_shown_as_they_are(page: Page, beacon: Beacon, watch: Watch):
    markup = "".join(hostile.armed(text, beacon) for text in hostile.MARKUP if "</style>" not in text)
    with (
        page.expect_event("dialog"),
        page.expect_response(lambda response: response.url.startswith(beacon.address)),
    ):
        page.set_content(markup)
    page.wait_for_function("() => window.__pwned")
    assert page.evaluate(hostile.SUSPECT.replace(".jp-OutputArea-output", "body"), hostile.OURS) != []
    assert watch.dialogs
    assert beacon.requests


def test_an_answer(open_notebook: Open, service: ManualService, beacon: Beacon, open_export: Export):
    notebook = open_notebook(
        "%%kimi\nSay it", "%kimi_usage", "%kimi --show", "import kimi_magic; kimi_magic.last"
    )
    page = notebook.page
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.model = hostile.line(beacon)
    exchange.send_reasoning(hostile.answer(beacon))
    expect(output).to_contain_text(hostile.LAST_WORDS)
    hostile.assert_harmless(page, beacon)
    exchange.send_text(hostile.answer(beacon) + "\n\n")
    expect(output.locator(LIVE).get_by_text(hostile.LAST_WORDS)).to_have_count(2)
    expect(output.locator("mjx-container")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    assert notebook.is_running(1)
    exchange.finish(hostile.line(beacon))
    notebook.wait_until_over(1)
    for number in (2, 3, 4):
        notebook.complete(number)
    for answer in (output, notebook.output(3), notebook.output(4)):
        expect(answer.locator(".kimi-answer mjx-container")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    notebook.save()
    notebook.shut_down_kernel()
    notebook.reload()
    expect(output.locator(".kimi-answer mjx-container")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    exported = open_export(notebook.path)
    expect(exported.get_by_text(hostile.LAST_WORDS).last).to_be_visible()
    hostile.assert_harmless(exported, beacon)


def test_two_answers_and_errors(open_notebook: Open, service: ManualService, beacon: Beacon):
    notebook = open_notebook("%%kimi -n 2\nSay it", "%%kimi\nFail", "%%kimi\nFail later")
    page = notebook.page
    notebook.run(1)
    exchange = service.next_request()
    exchange.model = hostile.line(beacon)
    for index in (0, 1):
        exchange.send_reasoning(hostile.answer(beacon), index)
        exchange.send_text(hostile.answer(beacon) + "\n\n", index)
    expect(notebook.output(1).locator(LIVE).get_by_text(hostile.LAST_WORDS)).to_have_count(4)
    hostile.assert_harmless(page, beacon)
    exchange.finish(hostile.line(beacon), count=2)
    notebook.wait_until_over(1)
    expect(notebook.output(1).locator(".kimi-answer")).to_have_count(2)
    hostile.assert_harmless(page, beacon)
    notebook.run(2)
    service.next_request().refuse(400, hostile.line(beacon), hostile.line(beacon))
    notebook.wait_until_over(2)
    expect(notebook.output(2)).to_contain_text("onerror")
    notebook.run(3)
    exchange = service.next_request()
    exchange.send_text("So far")
    exchange.send_error(hostile.line(beacon))
    notebook.wait_until_over(3)
    expect(notebook.output(3)).to_contain_text("onerror")
    expect(notebook.output(3).locator(".kimi-answer")).to_have_text("So far")
    hostile.assert_harmless(page, beacon)
    notebook.save()
    notebook.reopen()
    expect(notebook.output(1).locator(".kimi-answer")).to_have_count(2)
    hostile.assert_harmless(page, beacon)


def test_every_payload_of_the_table_in_every_view(open_notebook: Open, beacon: Beacon, open_export: Export):
    script = f"top.__pwned=1;alert(1);new Image().src='{beacon.address}/ran'"
    notebook = open_notebook(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        f"from tests.browser import hostile_views; hostile_views.show({script!r}, {beacon.address!r})",
    )
    notebook.complete(1)
    output = notebook.output(1)
    expect(output.get_by_text(hostile_views.LAST_WORDS)).to_be_visible()
    expect(output.locator("mjx-container")).not_to_have_count(0)
    hostile.assert_harmless(notebook.page, beacon)
    notebook.save()
    notebook.shut_down_kernel()
    notebook.reload()
    expect(output.get_by_text(hostile_views.LAST_WORDS)).to_be_visible()
    hostile.assert_harmless(notebook.page, beacon)
    exported = open_export(notebook.path)
    expect(exported.get_by_text(hostile_views.LAST_WORDS)).to_be_visible()
    hostile.assert_harmless(exported, beacon)
