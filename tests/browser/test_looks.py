"""Pictures for people, and what a checker of accessibility says, in light and in dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.lab import Notebook
from tests.browser.speaker import Speaker

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

THOUGHT = "The user asks why the sky is blue.\nA short answer with a formula and a table is enough.\n"
ANSWER = r"""## Why the sky is blue

Air scatters **short** waves far more [strongly](https://example.org/rayleigh) than long ones:

$$
I \propto \frac{1}{\lambda^4}
$$

| colour | wavelength | scattered |
| ------ | ---------: | --------: |
| blue   | 450 nm     | 4.4       |
| red    | 650 nm     | 1         |

1. *Overhead*, blue light comes from every side.
2. At sunset most of it is ~~seen~~ lost.

```python
def scattered(wavelength: float) -> float:
    "Relative to 650 nm."  # a comment
    return (650 / wavelength) ** 4
```

> It costs $5 and $6 to see it with `n = 2` telescopes.

"""


def faults(page: Page, part: str) -> list[str]:
    found = Axe().run(page, context=part).response["violations"]
    return [
        f"{fault['impact']} {fault['id']}: {node['html']} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def look(opened: Notebook, name: str, part: str) -> list[str]:
    """Take pictures in both themes; the faults of `part` in both."""
    found = []
    for theme in ("Dark", "Light"):
        opened.dress(theme)
        opened.picture(f"{name}-{theme.lower()}")
        found += [f"{theme}: {fault}" for fault in faults(opened.page, part)]
    return found


# Where everything stands in the output of the second cell.
PLACES = """
() => {
    const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[1].querySelector(".jp-Cell-outputArea")
    const corner = area.getBoundingClientRect()
    const parts = ".kimi-status,summary,[class*=Collapse-header],h2,p,table,li,pre,blockquote,mjx-container"
    return [...area.querySelectorAll(parts)].filter(part => part.checkVisibility()).map(part => {
        const { x, y, width, height } = part.getBoundingClientRect()
        const name = part.matches("[class*=Collapse-header]") ? "SUMMARY" : part.tagName
        const wide = part.matches(".kimi-status") ? 0 : width  // the button stands beside it
        return [name, ...[x - corner.x, y - corner.y, wide, height].map(Math.round)]
    })
}
"""


@pytest.mark.parametrize("thought", ["", THOUGHT], ids=["answer", "reasoning"])
def test_nothing_moves_when_the_widgets_become_the_saved_page(notebook: Open, speaker: Speaker, thought: str):
    opened = notebook("%%kimi\nWhy is the sky blue?")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    if thought:
        answering.think(thought)
    answering.say(ANSWER + "And the last paragraph.")
    expect(output).to_contain_text("And the last paragraph.")
    expect(output.locator("mjx-container")).to_have_count(1)
    live = opened.page.evaluate(PLACES)
    assert opened.runs(1)
    answering.end()
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(1)
    assert len(live) > 10
    assert opened.page.evaluate(PLACES) == live


def test_the_reasoning_shows_its_end_while_it_grows(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi\nWhy is the sky blue?")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.think("The first of many lines.\n" + THOUGHT * 60 + "The last of them.")
    expect(output.get_by_text("The last of them.")).to_be_in_viewport()
    expect(output.get_by_text("The first of many lines.")).not_to_be_in_viewport()
    answering.think("\n" + THOUGHT * 30 + "And one more.")
    expect(output.get_by_text("And one more.")).to_be_in_viewport()
    answering.end()


def test_live_final_and_reopened_are_for_everyone(notebook: Open, speaker: Speaker):
    opened = notebook("%%kimi\nWhy is the sky blue?")
    opened.run(1)
    answering, output = speaker.asked(), opened.output(1)
    answering.think(THOUGHT)
    expect(output).to_contain_text("a table is enough")
    live = "#jp-main-dock-panel .jp-OutputArea-output .jupyter-widgets"
    found = look(opened, "thinking", live)
    answering.say(ANSWER + "And the last par")
    expect(output).to_contain_text("And the last par")
    expect(output.locator("mjx-container")).to_have_count(1)
    found += look(opened, "live", live)
    assert opened.runs(1)
    answering.say("agraph.")
    answering.end()
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(1)
    found += look(opened, "final", ".kimi-reply")
    opened.save()
    opened.shut_the_kernel_down()
    opened.reload()
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(1)
    output.locator("summary").first.click()
    found += look(opened, "reopened", ".kimi-reply")
    assert found == []
