"""JSON in a real JupyterLab: it grows as a tree, ends in the viewer and in a page, and stays data."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, expect

from tests.browser import hostile
from tests.browser.conftest import SUITE, Export, Open
from tests.browser.manual_service import Beacon, ManualService
from tests.browser.test_looks import check_in_both_themes

pytestmark = SUITE

WIDGETS = ".jupyter-widgets"
VIEWER = ".jp-RenderedJSON"  # of JupyterLab itself
CITY = {
    "name": "Turin",
    "country": "Italy",
    "people": 846_000,
    "river": "Po, which is joined by the Dora Riparia, the Stura and the Sangone inside the city",
    "founded": None,
    "twins": ["Cologne", "Lille", "Glasgow"],
    "sights": [{"name": "Mole Antonelliana", "built": 1889}, {"name": "Palazzo Reale", "built": 1660}],
}


def assert_foldable(tree: Locator) -> None:
    inside = tree.get_by_text("Mole Antonelliana")
    sights = tree.locator("summary").filter(has_text="sights")
    expect(inside).to_be_visible()
    sights.click()
    expect(inside).to_be_hidden()
    sights.click()
    expect(inside).to_be_visible()


def test_the_tree_grows_before_the_end_and_ends_in_the_viewer_which_can_be_searched(
    open_notebook: Open, service: ManualService
):
    notebook = open_notebook("%%kimi -o city --json\nA city", "print(city['twins'][1])")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    text = json.dumps(CITY)
    half = text.index("Dora") + 4
    exchange.send_reasoning("They want a city.")
    exchange.send_text(text[:half])
    rows = output.locator(".kimi-row")
    expect(rows.filter(has_text="name")).to_have_text("name: “Turin”")
    expect(rows.last).to_have_text("river: “Po, which is joined by the Dora”")
    exchange.send_text(text[half:-9])
    expect(rows.filter(has_text="Palazzo")).to_be_visible()
    assert notebook.is_running(1)
    exchange.send_text(text[-9:])
    exchange.finish()
    notebook.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-row")).to_have_count(0)
    expect(output.locator(".kimi-status")).to_contain_text("stop")
    expect(output.locator("details.kimi-reasoning")).to_have_count(1)
    viewer = output.locator(VIEWER)
    expect(viewer).to_contain_text("Mole Antonelliana")  # unfolded: it is small
    viewer.hover()
    viewer.locator("input").fill("Glasgow")
    expect(viewer.locator(".jp-mod-selected")).to_have_text("Glasgow")
    notebook.complete(2)
    expect(notebook.output(2)).to_have_text("Lille")


def test_a_frame_is_a_table(open_notebook: Open, service: ManualService):
    notebook = open_notebook(
        "import pandas", "%%kimi -o df --frame --schema '[name, built int]'\nSights", "df.shape"
    )
    notebook.complete(1)
    notebook.run(2)
    exchange = service.next_request()
    exchange.send_text(json.dumps({"items": CITY["sights"]}))
    exchange.finish()
    notebook.wait_until_over(2)
    expect(notebook.output(2).locator("td")).to_have_text(
        ["Mole Antonelliana", "1889", "Palazzo Reale", "1660"]
    )
    expect(notebook.output(2)).to_contain_text("2 rows × 2 columns")
    notebook.complete(3)
    expect(notebook.output(3)).to_contain_text("(2, 2)")


def test_a_repair_begins_anew_on_the_same_place(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi --schema 'name, age int'\nWho?")
    notebook.run(1)
    first, output = service.next_request(), notebook.output(1)
    first.send_text('{"name": "First", "age": "old", "more": [')
    expect(output.get_by_text("First").filter(visible=True)).to_be_visible()
    first.send_text("]}")
    first.finish()
    second = service.next_request()
    expect(output).to_contain_text("repair 1: the answer does not match the schema: $.age: expected integer")
    second.send_text('{"name": "Second", ')
    expect(output.get_by_text("Second").filter(visible=True)).to_be_visible()
    expect(output.get_by_text("First").filter(visible=True)).to_have_count(0)
    expect(output.get_by_role("button", name="Stop")).to_have_count(1)
    second.send_text('"age": 2}')
    second.finish()
    notebook.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-status")).to_contain_text("1 repair")
    expect(output.locator(VIEWER)).to_contain_text("Second")


def test_an_untrusted_copy_and_an_exported_page_show_the_tree(
    open_notebook: Open, service: ManualService, open_export: Export
):
    notebook = open_notebook("%%kimi --json\nA city")
    notebook.run(1)
    exchange = service.next_request()
    exchange.send_text(json.dumps(CITY))
    exchange.finish()
    notebook.wait_until_over(1)
    expect(notebook.output(1).locator(VIEWER)).to_be_visible()
    content = notebook.save()
    copy = notebook.open_copy("json_from_somebody_else", content)
    assert not copy.is_trusted(1)
    expect(copy.output(1).locator(VIEWER)).to_contain_text("Mole Antonelliana")
    content["cells"][1]["outputs"][1]["data"].pop("application/json")
    copy = copy.open_copy("json_as_html", content)  # as in a viewer that has none of its own for JSON
    assert not copy.is_trusted(1)
    assert_foldable(copy.output(1).locator(".kimi-tree"))
    assert_foldable(open_export(notebook.path).locator(".kimi-tree"))


def hostile_json(beacon: Beacon) -> str:
    """All that is hostile, as keys and as strings."""
    word, answer = hostile.line(beacon), hostile.answer(beacon)
    lines = [line for line in answer.splitlines() if line]
    return json.dumps(
        {word: word, "lines": lines, "answer": answer, **{line: {line: [line]} for line in lines[:30]}}
    )


def test_hostile_json_live_final_and_exported(
    open_notebook: Open, service: ManualService, beacon: Beacon, open_export: Export
):
    notebook = open_notebook("%%kimi --json\nSay it", "import kimi_magic; kimi_magic.last")
    page = notebook.page
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.model = hostile.line(beacon)
    text = hostile_json(beacon)
    exchange.send_text(text[:-40])
    expect(output.locator(".kimi-row").filter(has_text=hostile.LAST_WORDS)).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    exchange.send_text(text[-40:])
    exchange.finish(hostile.line(beacon))
    notebook.wait_until_over(1)
    expect(output.locator(VIEWER)).to_be_visible()
    notebook.complete(2)
    hostile.assert_harmless(page, beacon)
    content = notebook.save()
    for saved in content["cells"][1]["outputs"]:
        saved["data"].pop("application/json", None)
    notebook.path.write_text(json.dumps(content), encoding="utf-8")
    notebook.reopen()
    expect(output.locator(".kimi-tree")).to_contain_text(hostile.LAST_WORDS)
    page.evaluate("() => document.querySelectorAll('details').forEach(part => { part.open = true })")
    hostile.assert_harmless(page, beacon)
    expect(output.locator("mjx-container")).to_have_count(0)
    exported = open_export(notebook.path)
    expect(exported.locator(".kimi-tree").first).to_contain_text(hostile.LAST_WORDS)
    hostile.assert_harmless(exported, beacon)


def test_hostile_json_that_is_cut_or_does_not_fit_or_fills_a_table(
    open_notebook: Open, service: ManualService, beacon: Beacon, open_export: Export
):
    notebook = open_notebook(
        "import pandas\nanything = dict[str, int]",
        "%%kimi --json\nCut",
        "%%kimi --schema anything --repair 1\nNo match",
        "%%kimi --frame -o df\nA table",
    )
    page, text, word = notebook.page, hostile_json(beacon), hostile.line(beacon)
    notebook.complete(1)
    notebook.run(2)
    exchange = service.next_request()
    exchange.send_text(text[:-40])
    exchange.finish("length")
    notebook.wait_until_over(2)
    expect(notebook.output(2)).to_contain_text("the JSON was cut (length) before its end")
    notebook.run(3)
    for status in ("waiting", "repair 1"):
        exchange, output = service.next_request(), notebook.output(3)
        expect(output).to_contain_text(status)
        value = {word: word, "b": hostile.answer(beacon), "c": hostile.LAST_WORDS}
        exchange.send_text(json.dumps(value))
        expect(output.locator(".kimi-row").filter(has_text=hostile.LAST_WORDS)).not_to_have_count(0)
        hostile.assert_harmless(page, beacon)
        exchange.finish()
    notebook.wait_until_over(3)
    expect(notebook.output(3)).to_contain_text("Asked again, because the answer does not match the schema")
    expect(notebook.output(3)).to_contain_text("KimiJSONError")
    notebook.run(4)
    exchange = service.next_request()
    lines = hostile.answer(beacon).splitlines()
    exchange.send_text(json.dumps([{word: line, "b": [word], "c": {word: word}} for line in lines]))
    exchange.finish()
    notebook.wait_until_over(4)
    expect(notebook.output(4).locator("td")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    notebook.save()
    notebook.reopen()
    expect(notebook.output(4).locator("td")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    for number in (2, 3, 4):
        expect(notebook.output(number).locator("mjx-container")).to_have_count(0)
    exported = open_export(notebook.path)
    expect(exported.locator("td").first).to_be_visible()
    hostile.assert_harmless(exported, beacon)


def test_live_final_and_the_tree_of_the_page_are_for_everyone(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi --json\nA city")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    text = json.dumps(CITY)
    exchange.send_reasoning("They want a city.\n")
    exchange.send_text(text[: text.index("Palazzo") + 4])
    expect(output).to_contain_text("Pala")
    live = "#jp-main-dock-panel .jp-OutputArea-output .jupyter-widgets"
    results = check_in_both_themes(notebook, "json-live", live)
    assert notebook.is_running(1)
    exchange.send_text(text[text.index("Palazzo") + 4 :])
    exchange.finish()
    notebook.wait_until_over(1)
    expect(output.locator(VIEWER)).to_be_visible()
    results += check_in_both_themes(notebook, "json-final", ".kimi-reply")
    content = notebook.save()
    content["cells"][1]["outputs"][1]["data"].pop("application/json")
    notebook.path.write_text(json.dumps(content), encoding="utf-8")
    notebook.reopen()
    expect(output.locator(".kimi-tree")).to_be_visible()
    results += check_in_both_themes(notebook, "json-tree", ".kimi-tree")
    assert results == []
