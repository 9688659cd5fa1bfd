"""JSON in a real JupyterLab: it grows as a tree, ends in the viewer and in a page, and stays data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import hostile
from tests.browser.conftest import Open, Watch
from tests.browser.lab import Lab, Notebook
from tests.browser.speaker import Beacon, Speaker
from tests.browser.test_looks import look

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

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
    notebook: Open, speaker: Speaker
):
    opened = notebook("%%kimi -o city --json\nA city", "print(city['twins'][1])")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    text = json.dumps(CITY)
    half = text.index("Dora") + 4
    answering.think("They want a city.")
    answering.say(text[:half])
    rows = output.locator(".kimi-row")
    expect(rows.filter(has_text="name")).to_have_text("name: “Turin”")
    expect(rows.last).to_have_text("river: “Po, which is joined by the Dora”")
    answering.say(text[half:-9])
    expect(rows.filter(has_text="Palazzo")).to_be_visible()
    assert opened.runs(1)
    answering.say(text[-9:])
    answering.end()
    opened.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-row")).to_have_count(0)
    expect(output.locator(".kimi-status")).to_contain_text("stop")
    expect(output.locator("details.kimi-reasoning")).to_have_count(1)
    viewer = output.locator(VIEWER)
    expect(viewer).to_contain_text("Mole Antonelliana")  # unfolded: it is small
    viewer.hover()
    viewer.locator("input").fill("Glasgow")
    expect(viewer.locator(".jp-mod-selected")).to_have_text("Glasgow")
    opened.complete(2)
    expect(opened.output(2)).to_have_text("Lille")


def test_a_frame_is_a_table(notebook: Open, speaker: Speaker):
    opened = notebook(
        "import pandas", "%%kimi -o df --frame --schema '[name, built int]'\nSights", "df.shape"
    )
    opened.complete(1)
    opened.run(2)
    answering = speaker.asked()
    answering.say(json.dumps({"items": CITY["sights"]}))
    answering.end()
    opened.wait_until_over(2)
    expect(opened.output(2).locator("td")).to_have_text(
        ["Mole Antonelliana", "1889", "Palazzo Reale", "1660"]
    )
    expect(opened.output(2)).to_contain_text("2 rows × 2 columns")
    opened.complete(3)
    expect(opened.output(3)).to_contain_text("(2, 2)")


def test_a_repair_begins_anew_on_the_same_place(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi --schema 'name, age int'\nWho?")
    opened.run(1)
    first, output = speaker.asked(), opened.output(1)
    first.say('{"name": "First", "age": "old", "more": [')
    expect(output.get_by_text("First")).to_be_visible()
    first.say("]}")
    first.end()
    second = speaker.asked()
    expect(output).to_contain_text("repair 1: the answer does not match the schema: $.age: expected integer")
    second.say('{"name": "Second", ')
    expect(output.get_by_text("Second")).to_be_visible()
    expect(output.get_by_text("First")).to_have_count(0)
    expect(output.get_by_role("button", name="Stop")).to_have_count(1)
    second.say('"age": 2}')
    second.end()
    opened.wait_until_over(1)
    expect(output.locator(WIDGETS)).to_have_count(0)
    expect(output.locator(".kimi-status")).to_contain_text("1 repair")
    expect(output.locator(VIEWER)).to_contain_text("Second")


def test_an_untrusted_copy_and_an_exported_page_show_the_tree(
    notebook: Open, speaker: Speaker, lab: Lab, page: Page, exported: Callable[[Path], str]
):
    opened = notebook("%%kimi --json\nA city")
    opened.run(1)
    answering = speaker.asked()
    answering.say(json.dumps(CITY))
    answering.end()
    opened.wait_until_over(1)
    expect(opened.output(1).locator(VIEWER)).to_be_visible()
    content = opened.save()
    opened.shut_the_kernel_down()
    with page.context.new_page() as browser_page:  # it loads MathJax from elsewhere, as every export does
        browser_page.goto(exported(opened.path), wait_until="domcontentloaded")
        assert_foldable(browser_page.locator(".kimi-tree"))
    content["cells"][0]["source"] = "# another notebook: trust goes by content, not by name"
    for name, without in (("json_from_somebody_else", ""), ("json_as_html", "application/json")):
        content["cells"][1]["outputs"][1]["data"].pop(without, None)
        copy = Notebook(page, lab, lab.write(name))
        copy.path.write_text(json.dumps(content), encoding="utf-8")
        copy.open()
        assert not copy.trusted(1)
        if without:  # as in a viewer that has none of its own for JSON
            assert_foldable(copy.output(1).locator(".kimi-tree"))
        else:
            expect(copy.output(1).locator(VIEWER)).to_contain_text("Mole Antonelliana")
        copy.shut_the_kernel_down()


def hostile_json(beacon: Beacon) -> str:
    """All that is hostile, as keys and as strings."""
    word, says = hostile.word(beacon), hostile.says(beacon)
    lines = [line for line in says.splitlines() if line]
    return json.dumps(
        {word: word, "lines": lines, "says": says, **{line: {line: [line]} for line in lines[:30]}}
    )


def test_hostile_json_live_final_and_exported(
    notebook: Open, speaker: Speaker, beacon: Beacon, watch: Watch, exported: Callable[[Path], str]
):
    opened = notebook("%%kimi --json\nSay it", "import kimi_magic; kimi_magic.last")
    page = opened.page
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.model = hostile.word(beacon)
    text = hostile_json(beacon)
    answering.say(text[:-40])
    expect(output.locator(".kimi-row").filter(has_text=hostile.LAST_WORDS)).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    answering.say(text[-40:])
    answering.end(hostile.word(beacon))
    opened.wait_until_over(1)
    expect(output.locator(VIEWER)).to_be_visible()
    opened.complete(2)
    hostile.assert_harmless(page, beacon)
    with_viewer = opened.save()
    for output_ in with_viewer["cells"][1]["outputs"]:
        output_["data"].pop("application/json", None)
    opened.path.write_text(json.dumps(with_viewer), encoding="utf-8")
    opened.reload()
    expect(output.locator(".kimi-tree")).to_contain_text(hostile.LAST_WORDS)
    page.evaluate("() => document.querySelectorAll('details').forEach(part => { part.open = true })")
    hostile.assert_harmless(page, beacon)
    expect(output.locator("mjx-container")).to_have_count(0)
    with page.context.new_page() as browser_page:
        browser_page.on("dialog", watch.note_dialog)
        browser_page.goto(exported(opened.path), wait_until="domcontentloaded")
        expect(browser_page.locator(".kimi-tree").first).to_contain_text(hostile.LAST_WORDS)
        hostile.assert_harmless(browser_page, beacon)


def test_hostile_json_that_is_cut_or_does_not_fit_or_fills_a_table(
    notebook: Open, speaker: Speaker, beacon: Beacon, watch: Watch, exported: Callable[[Path], str]
):
    opened = notebook(
        "import pandas\nanything = dict[str, int]",
        "%%kimi --json\nCut",
        "%%kimi --schema anything --repair 1\nNo match",
        "%%kimi --frame -o df\nA table",
    )
    page, text, word = opened.page, hostile_json(beacon), hostile.word(beacon)
    opened.complete(1)
    opened.run(2)
    answering = speaker.asked()
    answering.say(text[:-40])
    answering.end("length")
    opened.wait_until_over(2)
    expect(opened.output(2)).to_contain_text("the JSON was cut (length) before its end")
    opened.run(3)
    for _ in range(2):
        answering = speaker.asked()
        answering.say(json.dumps({word: word, "b": hostile.says(beacon)}))
        hostile.assert_harmless(page, beacon)
        answering.end()
    opened.wait_until_over(3)
    expect(opened.output(3)).to_contain_text("Asked again, because the answer does not match the schema")
    expect(opened.output(3)).to_contain_text("KimiJSONError")
    opened.run(4)
    answering = speaker.asked()
    lines = hostile.says(beacon).splitlines()
    answering.say(json.dumps([{word: line, "b": [word], "c": {word: word}} for line in lines]))
    answering.end()
    opened.wait_until_over(4)
    expect(opened.output(4).locator("td")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    opened.save()
    opened.reload()
    expect(opened.output(4).locator("td")).not_to_have_count(0)
    hostile.assert_harmless(page, beacon)
    for number in (2, 3, 4):
        expect(opened.output(number).locator("mjx-container")).to_have_count(0)
    with page.context.new_page() as browser_page:
        browser_page.on("dialog", watch.note_dialog)
        browser_page.goto(exported(opened.path), wait_until="domcontentloaded")
        expect(browser_page.locator("td").first).to_be_visible()
        hostile.assert_harmless(browser_page, beacon)


def test_live_final_and_the_tree_of_the_page_are_for_everyone(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi --json\nA city")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    text = json.dumps(CITY)
    answering.think("They want a city.\n")
    answering.say(text[: text.index("Palazzo") + 4])
    expect(output).to_contain_text("Pala")
    found = look(opened, "json-live", "#jp-main-dock-panel .jp-OutputArea-output .jupyter-widgets")
    assert opened.runs(1)
    answering.say(text[text.index("Palazzo") + 4 :])
    answering.end()
    expect(output.locator(VIEWER)).to_be_visible()
    found += look(opened, "json-final", ".kimi-reply")
    content = opened.save()
    content["cells"][1]["outputs"][1]["data"].pop("application/json")
    opened.path.write_text(json.dumps(content), encoding="utf-8")
    opened.reload()
    expect(output.locator(".kimi-tree")).to_be_visible()
    found += look(opened, "json-tree", ".kimi-tree")
    assert found == []
