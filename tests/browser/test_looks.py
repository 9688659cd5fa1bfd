"""Pictures for people, and what a checker of accessibility says, in light and in dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import SUITE, Open
from tests.browser.lab import Notebook, wait_until_settled
from tests.browser.manual_service import ManualService

pytestmark = SUITE

REASONING = "The user asks why the sky is blue.\nA short answer with a formula and a table is enough.\n"
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


def violations(page: Page, selector: str) -> list[str]:
    """What the checker says against the parts of the page that match."""
    response = Axe().run(page, context=selector).response
    return [
        f"{violation['impact']} {violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def check_in_both_themes(notebook: Notebook, name: str, selector: str) -> list[str]:
    """Take a screenshot in dark and in light; return the violations in both."""
    results = []
    for theme in ("Dark", "Light"):
        notebook.set_theme(theme)
        notebook.screenshot(f"{name}-{theme.lower()}")
        results += [f"{theme}: {violation}" for violation in violations(notebook.page, selector)]
    return results


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


@pytest.mark.parametrize("reasoning", ["", REASONING], ids=["answer", "reasoning"])
def test_nothing_moves_when_the_widgets_become_the_saved_page(
    open_notebook: Open, service: ManualService, reasoning: str
):
    notebook = open_notebook("%%kimi\nWhy is the sky blue?")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    if reasoning:
        exchange.send_reasoning(reasoning)
    exchange.send_text(ANSWER + "And the last paragraph.")
    expect(output).to_contain_text("And the last paragraph.")
    expect(output.locator("mjx-container")).to_have_count(1)
    wait_until_settled(notebook.page)
    live = notebook.page.evaluate(PLACES)
    assert notebook.is_running(1)
    exchange.finish()
    notebook.wait_until_over(1)
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(1)
    wait_until_settled(notebook.page)
    assert len(live) > 10
    assert notebook.page.evaluate(PLACES) == live


def test_the_reasoning_shows_its_end_while_it_grows(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi\nWhy is the sky blue?")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_reasoning("The first of many lines.\n" + REASONING * 60 + "The last of them.")
    expect(output.get_by_text("The last of them.").filter(visible=True)).to_be_in_viewport()
    expect(output.get_by_text("The first of many lines.").filter(visible=True)).not_to_be_in_viewport()
    exchange.send_reasoning("\n" + REASONING * 30 + "And one more.")
    expect(output.get_by_text("And one more.").filter(visible=True)).to_be_in_viewport()
    exchange.finish()
    notebook.wait_until_over(1)


def test_live_final_and_reopened_are_for_everyone(open_notebook: Open, service: ManualService):
    notebook = open_notebook("%%kimi\nWhy is the sky blue?")
    notebook.run(1)
    exchange, output = service.next_request(), notebook.output(1)
    exchange.send_reasoning(REASONING)
    expect(output).to_contain_text("a table is enough")
    live = "#jp-main-dock-panel .jp-OutputArea-output .jupyter-widgets"
    results = check_in_both_themes(notebook, "reasoning", live)
    exchange.send_text(ANSWER + "And the last par")
    expect(output).to_contain_text("And the last par")
    expect(output.locator("mjx-container")).to_have_count(1)
    results += check_in_both_themes(notebook, "live", live)
    assert notebook.is_running(1)
    exchange.send_text("agraph.")
    exchange.finish()
    notebook.wait_until_over(1)
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(1)
    results += check_in_both_themes(notebook, "final", ".kimi-reply")
    notebook.save()
    notebook.reopen()
    expect(output.locator(".kimi-answer mjx-container")).to_have_count(1)
    output.locator("summary").first.click()
    results += check_in_both_themes(notebook, "reopened", ".kimi-reply")
    assert results == []
