"""What a person sees while an answer comes, and what stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.speaker import Speaker

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WIDGETS = ".jupyter-widgets"


def test_the_answer_grows_while_the_cell_runs_and_ends_as_static_html(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi\nWhy is the sky blue?")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    expect(output).to_contain_text("waiting")
    answering.think("They ask about the sky.")
    expect(output).to_contain_text("They ask about the sky.")
    answering.say("Air scatters ")
    expect(output).to_contain_text("Air scatters")
    answering.say("blue light ")
    expect(output).to_contain_text("Air scatters blue light")
    answering.say("far more **strongly** than red.")
    expect(output.locator("strong")).to_have_text("strongly")
    expect(output.locator(WIDGETS)).not_to_have_count(0)
    assert opened.runs(1)
    answering.end()
    opened.wait_until_over(1)
    expect(output.locator(".kimi-reply")).to_have_count(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text("Air scatters blue light far more strongly than red.")
    expect(output.locator("details.kimi-reasoning")).to_have_count(1)
    expect(output.locator(".kimi-status")).to_contain_text("stop")


def test_reasoning_that_a_person_opened_stays_open_to_the_end(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi\nWhy is the sky blue?")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.think("First thought.\n")
    expect(output).to_contain_text("First thought.")
    answering.say("Because ")
    expect(output).to_contain_text("Because")
    thought = output.get_by_text("First thought.")
    expect(thought).to_be_hidden()  # it folds when the answer begins
    output.get_by_text("Reasoning").click()
    expect(thought).to_be_visible()
    answering.say("of Rayleigh scattering.")
    expect(output).to_contain_text("Rayleigh scattering")
    expect(thought).to_be_visible()
    assert opened.runs(1)
    answering.end()
    expect(output.locator("details.kimi-reasoning[open]")).to_have_count(1)
    expect(thought).to_be_visible()


def test_the_square_of_the_toolbar_ends_the_cell_and_keeps_the_part(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi\nA long story", "%%kimi\nA short one")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.say("Once upon a time")
    expect(output).to_contain_text("Once upon a time")
    opened.page.locator(".jp-NotebookPanel-toolbar [data-command='notebook:interrupt-kernel']").click()
    opened.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text("Once upon a time")
    expect(output.locator(".kimi-reply .kimi-status")).to_contain_text("stopped")
    opened.run(2)
    short = speaker.asked()
    short.say("The end.")
    short.end()
    opened.wait_until_over(2)
    expect(opened.output(2).locator(".kimi-answer")).to_have_text("The end.")
    assert [message["role"] for message in short.body["messages"]] == ["user"]


def test_the_stop_button_ends_the_cell_while_it_runs(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi\nA long story")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.say("Once upon a time")
    expect(output).to_contain_text("Once upon a time")
    output.get_by_role("button", name="Stop").click()
    opened.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text("Once upon a time")
    expect(output.locator(".kimi-reply .kimi-status")).to_contain_text("stopped")


def test_run_all_of_three_cells(notebook: Open):
    opened = notebook(
        "%kimi_config --offline --speed 0",
        "%%kimi\nWhy is the sky blue?",
        "%%kimi\nAnd at sunset?",
        "%%kimi\nIn one word?",
    )
    opened.command("notebook:run-all-cells")
    for number in (2, 3, 4):
        opened.wait_until_over(number)
        expect(opened.output(number).locator(".kimi-reply .kimi-answer")).to_have_count(1)
        expect(opened.output(number).locator(WIDGETS)).to_have_count(0)


def test_mathematics_is_typeset_and_prices_are_not(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi\nA formula")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.say("So $E = mc^2$ and \\(a_1\\), for $5 and $6.\n\n$$\n\\frac{1}{2}\n$$\n\nDone.\n\n")
    answering.say("And more.")
    expect(output.locator("mjx-container")).to_have_count(3)
    expect(output).to_contain_text("for $5 and $6.")
    assert opened.runs(1)
    answering.end()
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(3)
    expect(output.locator(".kimi-answer")).to_contain_text("for $5 and $6.")


def test_three_answers_are_tabs_and_then_sections(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi -n 3\nA name for a cat")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    for index, name in enumerate(("Mina", "Otto", "Pia")):
        answering.think("A name.", index)
        answering.say(name, index)
    tabs = output.get_by_role("tab").filter(has_text="·")
    expect(tabs).to_have_count(3)
    expect(output.get_by_text("Mina")).to_be_visible()
    tabs.nth(1).click()
    expect(output.get_by_text("Otto")).to_be_visible()
    expect(output.get_by_text("Mina")).to_be_hidden()
    assert opened.runs(1)
    answering.end(count=3)
    opened.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text(["Mina", "Otto", "Pia"])
    expect(output.locator("details.kimi-reasoning")).to_have_count(3)
