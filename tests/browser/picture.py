"""Makes the picture in the README from the product: `python -m tests.browser.picture`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.lab import Lab, Notebook, wait_until_settled

PICTURE = Path(__file__).parents[2] / "notebooks" / "picture.png"
PROMPT = "%%kimi\nWhy is the sky blue?"


def main() -> None:
    """A cell that was just answered by the simulator, its reasoning unfolded."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder), {})
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = browser.new_page(viewport={"width": 900, "height": 1000})
            cells = ("%load_ext kimi_magic\n%kimi_config --offline --speed 0", PROMPT)
            notebook = Notebook(page, lab, lab.write("picture", *cells))
            notebook.open()
            notebook.command("application:toggle-left-area")
            notebook.colour_as_text(1)
            notebook.complete(0)
            notebook.complete(1)
            expect(notebook.output(1).locator("mjx-container")).to_have_count(1)
            notebook.output(1).locator("summary").click()
            notebook.cell(0).locator(".jp-InputPrompt").click()  # the other cell is shown as not selected
            wait_until_settled(page)
            page.screenshot(path=PICTURE, clip=notebook.cell(1).bounding_box())
            browser.close()
        finally:
            lab.stop()
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
