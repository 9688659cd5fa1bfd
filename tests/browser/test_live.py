"""What a person sees while an answer comes, and what stays."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import SUITE, Open
from tests.browser.lab import wait_until_settled
from tests.browser.manual_service import ManualService

pytestmark = SUITE

WIDGETS = ".jupyter-widgets"


def test_the_answer_grows_while_the_cell_runs_and_ends_as_static_html(
    open_notebook: Open, service: ManualService
):
    notebook = open_notebook("%%kimi\nWhy is the sky blue?")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    expect(output).to_contain_text("waiting")
    exchange.send_reasoning("They ask about the sky.")
    expect(output).to_contain_text("They ask about the sky.")
    exchange.send_text("Air scatters ")
    expect(output).to_contain_text("Air scatters")
    exchange.send_text("blue light ")
    expect(output).to_contain_text("Air scatters blue light")
    exchange.send_text("far more **strongly** than red.")
    expect(output.locator("strong")).to_have_text("strongly")
    expect(output.locator(WIDGETS)).not_to_have_count(0)
    assert notebook.is_running(1)
    exchange.finish()
    notebook.wait_until_over(1)
    expect(output.locator(".kimi-reply")).to_have_count(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text("Air scatters blue light far more strongly than red.")
    expect(output.locator("details.kimi-reasoning")).to_have_count(1)


def test_reasoning_that_a_person_opened_stays_open_to_the_end(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi\nWhy is the sky blue?")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_reasoning("First thought.\n")
    expect(output).to_contain_text("First thought.")
    exchange.send_text("Because ")
    expect(output).to_contain_text("Because")
    thought = output.get_by_text("First thought.").filter(visible=True)
    expect(thought).to_be_hidden()  # it folds when the answer begins
    output.get_by_text("Thought for").filter(visible=True).click()
    expect(thought).to_be_visible()
    exchange.send_text("of Rayleigh scattering.")
    expect(output).to_contain_text("Rayleigh scattering")
    expect(thought).to_be_visible()
    assert notebook.is_running(1)
    exchange.finish()
    expect(output.locator("details.kimi-reasoning[open]")).to_have_count(1)
    expect(thought).to_be_visible()


def test_the_square_of_the_toolbar_ends_the_cell_and_keeps_the_part(
    open_notebook: Open, service: ManualService
):
    notebook = open_notebook("%%kimi\nA long story", "%%kimi\nA short one")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_text("Once upon a time")
    expect(output).to_contain_text("Once upon a time")
    notebook.page.locator(".jp-NotebookPanel-toolbar [data-command='notebook:interrupt-kernel']").click()
    notebook.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text("Once upon a time")
    expect(output.locator(".kimi-reply .kimi-status")).to_contain_text("stopped")
    notebook.run(2)
    short = service.next_request()
    short.send_text("The end.")
    short.finish()
    notebook.wait_until_over(2)
    expect(notebook.output(2).locator(".kimi-answer")).to_have_text("The end.")
    assert [message["role"] for message in short.body["messages"]] == ["user"]


def test_the_stop_button_ends_the_cell_while_it_runs(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi\nA long story")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_text("Once upon a time")
    expect(output).to_contain_text("Once upon a time")
    output.get_by_role("button", name="Stop").click()
    notebook.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text("Once upon a time")
    expect(output.locator(".kimi-reply .kimi-status")).to_contain_text("stopped")


def test_run_all_of_three_cells(open_notebook: Open):
    notebook = open_notebook(
        "%kimi_config --offline --speed 0",
        "%%kimi\nWhy is the sky blue?",
        "%%kimi\nAnd at sunset?",
        "%%kimi\nIn one word?",
    )
    notebook.command("notebook:run-all-cells")
    for number in (2, 3, 4):
        notebook.wait_for_prompt(number)
        expect(notebook.output(number).locator(".kimi-reply .kimi-answer")).to_have_count(1)
        expect(notebook.output(number).locator(WIDGETS)).to_have_count(0)


def test_mathematics_is_typeset_and_prices_are_not(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi\nA formula")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_text("So $E = mc^2$ and \\(a_1\\), for $5 and $6.\n\n$$\n\\frac{1}{2}\n$$\n\nDone.\n\n")
    exchange.send_text("And more.")
    expect(output.locator("mjx-container")).to_have_count(3)
    expect(output).to_contain_text("for $5 and $6.")
    assert notebook.is_running(1)
    exchange.finish()
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(3)
    expect(output.locator(".kimi-answer")).to_contain_text("for $5 and $6.")


def test_three_answers_stand_side_by_side_while_they_grow_and_after(
    open_notebook: Open, service: ManualService
):
    notebook = open_notebook("%%kimi -n 3\nA name for a cat")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    for index, name in enumerate(("Mina", "Otto", "Pia")):
        exchange.send_reasoning("A name.", index)
        exchange.send_text(name, index)
    names = [output.get_by_text(name, exact=True).filter(visible=True) for name in ("Mina", "Otto", "Pia")]
    for name in names:
        expect(name).to_be_visible()
    wait_until_settled(notebook.page)
    live = [name.bounding_box() for name in names]
    assert live[0]["x"] < live[1]["x"] < live[2]["x"]
    assert live[0]["y"] == live[1]["y"] == live[2]["y"]
    assert notebook.is_running(1)
    exchange.finish(count=3)
    notebook.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-answer")).to_have_text(["Mina", "Otto", "Pia"])
    expect(output.locator("details.kimi-reasoning")).to_have_count(3)
    wait_until_settled(notebook.page)
    final = [name.bounding_box() for name in names]
    assert [(box["x"], round(box["y"])) for box in final] == [(box["x"], round(box["y"])) for box in live]


def test_the_button_stays_in_sight_and_gives_the_focus_back(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi\nA long story", "1")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_text("".join(f"Chapter {number}.\n\n" for number in range(80)))
    last = output.get_by_text("Chapter 79.")
    last.scroll_into_view_if_needed()
    stop = output.get_by_role("button", name="Stop")
    expect(last).to_be_in_viewport()
    expect(stop).to_be_in_viewport()
    stop.focus()
    notebook.page.keyboard.press("Enter")
    notebook.wait_until_over(1)
    expect(output.locator(".kimi-answer")).to_contain_text("Chapter 79.")
    notebook.page.wait_for_function(
        "() => document.activeElement.closest('.jp-Notebook, .jp-WindowedPanel-outer') !== null"
    )
