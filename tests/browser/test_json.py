"""JSON in a real JupyterLab: it grows as the tree in which it ends, is saved and exported, and stays data."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, expect

from tests.browser import hostile
from tests.browser.conftest import SUITE, Export, Open
from tests.browser.lab import Lab, Notebook, wait_until_settled
from tests.browser.manual_service import Beacon, ManualService
from tests.browser.test_looks import check_in_both_themes

pytestmark = SUITE

WIDGETS = ".jupyter-widgets"
TREE = ".kimi-tree"
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


# The rows of the tree in the output of the second cell: where each stands, and what it says.
ROWS = """
() => {
    const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[1].querySelector(".jp-Cell-outputArea")
    const corner = area.getBoundingClientRect()
    const leaves = ".kimi-tree div:not(:has(div, details))"
    const rows = area.querySelectorAll(`.kimi-row, .kimi-tree summary, ${leaves}`)
    const shown = [...rows].filter(row => row.checkVisibility() && !row.closest(".kimi-tool"))
    return shown.map(row => {
        const range = document.createRange()
        range.selectNodeContents(row)
        const { x, y, height } = range.getBoundingClientRect()
        return [row.textContent.replace(/([[{]) .* (keys?|items?) .$/, "$1"),
            ...[x - corner.x, y - corner.y, height].map(Math.round)]
    })
}
"""


def test_the_tree_grows_before_the_end_and_stays_where_it_is(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi -o city --json\nA city", "print(city['twins'][1])")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    text = json.dumps(CITY)
    half = text.index("Dora") + 4
    exchange.send_reasoning("They want a city.")
    exchange.send_text(text[:half])
    rows = output.locator(".kimi-row")
    expect(rows.filter(has_text="name")).to_have_text("name: “Turin”")
    expect(rows.last).to_have_text("river: “Po, which is joined by the Dora")
    exchange.send_text(text[half:-3])
    expect(rows.filter(has_text="1660")).to_be_visible()
    assert notebook.is_running(1)
    wait_until_settled(notebook.page)
    live = notebook.page.evaluate(ROWS)
    exchange.send_text(text[-3:])
    exchange.finish()
    notebook.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-row")).to_have_count(0)
    expect(output.locator("details.kimi-reasoning")).to_have_count(1)
    wait_until_settled(notebook.page)
    assert len(live) > 15
    assert notebook.page.evaluate(ROWS) == live
    (saved,) = notebook.save()["cells"][1]["outputs"]
    assert sorted(saved["data"]) == ["text/html", "text/markdown", "text/plain"]
    notebook.complete(2)
    expect(notebook.output(2)).to_have_text("Lille")


def tree_of(open_notebook: Open, service: ManualService, line: str, value: object) -> Notebook:
    """A notebook whose cell 1 shows this value."""
    notebook = open_notebook(f"%%kimi {line}\nA city")
    notebook.run(1)
    exchange = service.next_request()
    exchange.send_text(json.dumps(value))
    exchange.finish()
    notebook.wait_until_over(1)
    expect(notebook.output(1).locator(TREE)).to_be_visible()
    return notebook


def test_the_toolbar_of_a_tree_finds_folds_and_copies(open_notebook: Open, service: ManualService, lab: Lab):
    notebook = tree_of(open_notebook, service, "--json", CITY)
    page, output = notebook.page, notebook.output(1)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.origin)
    copied = "() => navigator.clipboard.readText()"
    output.get_by_role("button", name="Collapse all").click()
    inside = output.locator(TREE).get_by_text("Mole Antonelliana")
    expect(inside).to_be_hidden()
    find = output.get_by_role("searchbox", name="Find").or_(output.get_by_role("textbox", name="Find"))
    find.fill("antonell")
    expect(inside).to_be_visible()
    output.get_by_role("button", name="Expand all").click()
    inside.hover()
    output.get_by_role("button", name="Path").click()
    expect(output.get_by_role("button", name="Copied")).to_have_count(1)
    assert page.evaluate(copied) == '["sights"][0]["name"]'
    expect(output.get_by_role("button", name="Copied")).to_have_count(0)  # the word comes back
    output.get_by_role("button", name="Copy").click()
    expect(output.get_by_role("button", name="Copied")).to_have_count(1)
    assert page.evaluate(copied) == "Mole Antonelliana"
    output.locator("summary").filter(has_text="sights").hover()
    output.get_by_role("button", name="Copy").click()
    expect(output.get_by_role("button", name="Copied")).to_have_count(1)
    assert json.loads(page.evaluate(copied)) == CITY["sights"]


def test_the_keyboard_goes_through_a_tree_and_the_notebook_does_not_take_its_keys(
    open_notebook: Open, service: ManualService, lab: Lab
):
    notebook = tree_of(open_notebook, service, "--json", CITY)
    page, output = notebook.page, notebook.output(1)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.origin)
    twins = output.locator("summary").filter(has_text="twins")
    twins.focus()
    page.keyboard.press("ArrowLeft")
    expect(output.locator(TREE).get_by_text("Lille")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("p")
    page.wait_for_function("() => navigator.clipboard.readText().then(text => text === '[\"twins\"][1]')")
    page.keyboard.press("ArrowLeft")
    expect(twins).to_be_focused()
    assert len(notebook.save()["cells"]) == 2  # "c" and "p" did nothing to the cells


def test_records_can_be_seen_as_a_table(open_notebook: Open, service: ManualService):
    records = [{"name": f"Town {number}", "people": number} for number in range(4)]
    notebook = tree_of(open_notebook, service, "--schema '[name, people int]'", {"items": records})
    output = notebook.output(1)
    expect(output.locator(TREE)).not_to_contain_text("items:")  # the wrapper
    expect(output.locator(".kimi-table")).to_be_hidden()
    output.get_by_role("button", name="Table").click()
    expect(output.locator("td").first).to_have_text("Town 0")
    expect(output.locator(TREE).get_by_text("Town 1")).to_be_hidden()
    output.get_by_role("button", name="Tree").click()
    expect(output.locator(TREE).get_by_text("Town 1")).to_be_visible()
    expect(output.locator(".kimi-table")).to_be_hidden()
    copy = notebook.open_copy("records_from_somebody_else", notebook.save())
    assert not copy.is_trusted(1)
    copy.output(1).locator("summary").filter(has_text="As a table").click()  # where no script runs
    expect(copy.output(1).locator("td").first).to_have_text("Town 0")
    expect(copy.output(1).get_by_role("button")).to_have_count(0)


def test_a_frame_grows_as_a_table(open_notebook: Open, service: ManualService):
    notebook = open_notebook("import pandas", "%%kimi -o df --frame --schema '[name, built int]'\nSights")
    notebook.complete(1)
    notebook.run(2)
    exchange, output = service.next_request(), notebook.output(2)
    text = json.dumps({"items": CITY["sights"]})
    exchange.send_text(text[: text.index("Palazzo") + 4])
    expect(output.locator("td")).to_have_text(["Mole Antonelliana", "1889", "Pala", ""])
    assert notebook.is_running(2)
    exchange.send_text(text[text.index("Palazzo") + 4 :])
    exchange.finish()
    notebook.wait_until_over(2)
    expect(output.locator("td")).to_have_text(["Mole Antonelliana", "1889", "Palazzo Reale", "1660"])


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
    expect(output.locator(TREE)).to_contain_text("Second")


def test_an_untrusted_copy_and_an_exported_page_show_the_tree(
    open_notebook: Open, service: ManualService, open_export: Export
):
    notebook = open_notebook("%%kimi --json\nA city")
    notebook.run(1)
    exchange = service.next_request()
    exchange.send_text(json.dumps(CITY))
    exchange.finish()
    notebook.wait_until_over(1)
    expect(notebook.output(1).locator(TREE)).to_be_visible()
    copy = notebook.open_copy("json_from_somebody_else", notebook.save())
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
    expect(output.locator(TREE)).to_be_visible()
    notebook.complete(2)
    hostile.assert_harmless(page, beacon)
    notebook.save()
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
    expect(output.locator(TREE)).to_be_visible()
    results += check_in_both_themes(notebook, "json-final", ".kimi-reply")
    notebook.save()
    notebook.reopen()
    expect(output.locator(".kimi-tree")).to_be_visible()
    results += check_in_both_themes(notebook, "json-tree", ".kimi-tree")
    assert results == []
