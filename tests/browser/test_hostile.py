"""Whatever the model says, names or fails with: no script runs, nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import hostile
from tests.browser.conftest import Open, Watch
from tests.browser.speaker import Beacon, Speaker

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_same_words_do_harm_where_they_are_shown_as_they_are(page: Page, beacon: Beacon, watch: Watch):
    page.set_content(
        "".join(hostile.armed(text, beacon) for text in hostile.MARKUP if "</style>" not in text)
    )
    page.wait_for_function("() => window.__pwned")
    assert page.evaluate(hostile.FOUND.replace(".jp-OutputArea-output", "body"), hostile.OURS) != []
    assert watch.dialogs
    assert beacon.heard


def test_an_answer(
    notebook: Open, speaker: Speaker, beacon: Beacon, watch: Watch, exported: Callable[[Path], str]
):
    opened = notebook("%%kimi\nSay it", "%kimi_usage", "%kimi --show", "import kimi_magic; kimi_magic.last")
    page = opened.page
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.model = hostile.word(beacon)
    answering.think(hostile.says(beacon))
    expect(output).to_contain_text(hostile.LAST_WORDS)
    hostile.assert_harmless(page, beacon)
    answering.say(hostile.says(beacon) + "\n\n")
    expect(output.get_by_text(hostile.LAST_WORDS)).to_have_count(2)
    expect(output.locator("mjx-container")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    assert opened.runs(1)
    answering.end(hostile.word(beacon))
    for number in (2, 3, 4):
        opened.complete(number)
    for answer in (output, opened.output(3), opened.output(4)):
        expect(answer.locator(".kimi-answer mjx-container")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    opened.save()
    opened.shut_the_kernel_down()
    opened.reload()
    expect(output.locator(".kimi-answer mjx-container")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    with page.context.new_page() as browser_page:
        browser_page.on("dialog", watch.note_dialog)
        browser_page.goto(exported(opened.path), wait_until="domcontentloaded")
        expect(browser_page.get_by_text(hostile.LAST_WORDS).last).to_be_visible()
        hostile.assert_harmless(browser_page, beacon)


def test_two_answers_and_errors(notebook: Open, speaker: Speaker, beacon: Beacon, page: Page):
    opened = notebook("%%kimi -n 2\nSay it", "%%kimi\nFail", "%%kimi\nFail later")
    opened.run(1)
    answering = speaker.asked()
    answering.model = hostile.word(beacon)
    for index in (0, 1):
        answering.think(hostile.says(beacon), index)
        answering.say(hostile.says(beacon) + "\n\n", index)
    expect(opened.output(1).get_by_text(hostile.LAST_WORDS)).to_have_count(4)
    opened.output(1).get_by_role("tab").filter(has_text="2 ·").click()
    hostile.assert_harmless(page, beacon)
    answering.end(hostile.word(beacon), count=2)
    opened.wait_until_over(1)
    expect(opened.output(1).locator(".kimi-answer")).to_have_count(2)
    hostile.assert_harmless(page, beacon)
    opened.run(2)
    speaker.asked().refuse(400, hostile.word(beacon), hostile.word(beacon))
    opened.wait_until_over(2)
    expect(opened.output(2)).to_contain_text("onerror")
    opened.run(3)
    answering = speaker.asked()
    answering.say("So far")
    answering.fail(hostile.word(beacon))
    opened.wait_until_over(3)
    expect(opened.output(3)).to_contain_text("onerror")
    expect(opened.output(3).locator(".kimi-answer")).to_have_text("So far")
    hostile.assert_harmless(page, beacon)
    opened.save()
    opened.reload()
    expect(opened.output(1).locator(".kimi-answer")).to_have_count(2)
    hostile.assert_harmless(page, beacon)
