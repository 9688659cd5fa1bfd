"""Makes the picture in the README from the product: `python -m tests.browser.picture`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.lab import PANEL, Lab, Notebook

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
            page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            notebook.complete(0)
            notebook.complete(1)
            expect(notebook.output(1).locator("mjx-container")).to_have_count(1)
            notebook.output(1).locator("summary").click()
            page.evaluate(f"() => {{ {PANEL}.content.activeCellIndex = 0 }}")
            shown = notebook.cell(1).bounding_box()
            page.screenshot(path=PICTURE, clip=shown)
            browser.close()
        finally:
            lab.stop()
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
