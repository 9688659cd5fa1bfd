"""Makes the pictures in the README from the product: `python -m tests.browser.picture`.

`picture.png` is a cell that was answered; `picture.webp` is the same cell while it is asked and answered, in screenshots
of a JupyterLab in Chromium, each shown for as long as it was to be seen there.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from time import monotonic

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.lab import Lab, Notebook, wait_until_settled

FOLDER = Path(__file__).parents[2] / "notebooks"
STILL, MOVING = FOLDER / "picture.png", FOLDER / "picture.webp"
PROMPT = "%%kimi\nWhy is the sky blue?"
SIZE = {"width": 900, "height": 1000}  # CSS pixels of the page
SHOWN = (800, 620)  # pixels of the moving picture at most
INTERVAL = 100  # ms between two screenshots at least
LAST = 1500  # ms for which the end is shown
LARGEST = 400_000  # bytes of the moving picture


def main() -> None:
    """Ask the simulator once at its own speed for the moving picture, and unfold the reasoning for the still."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder), {})
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = browser.new_page(viewport=SIZE)
            notebook = Notebook(page, lab, lab.write("picture", "%load_ext kimi_magic\n%kimi_config --offline", PROMPT))
            notebook.open()
            notebook.command("application:toggle-left-area")
            notebook.complete(0)
            save(film(notebook), MOVING)
            expect(notebook.output(1).locator("mjx-container")).to_have_count(1)
            notebook.output(1).locator("summary").click()
            notebook.cell(0).locator(".jp-InputPrompt").click()  # the other cell is shown as not selected
            wait_until_settled(page)
            page.screenshot(path=STILL, clip=notebook.cell(1).bounding_box())
            browser.close()
        finally:
            lab.stop()
    for picture in (STILL, MOVING):
        print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} kB")


def film(notebook: Notebook) -> list[tuple[Image.Image, int]]:
    """Run the cell; screenshots of it, and for how many milliseconds each is to be seen."""
    page = notebook.page
    wait_until_settled(page)
    frames = [(shot(page, notebook), 700)]
    notebook.run(1)
    began, is_over = monotonic(), False
    while not is_over:
        is_over = not notebook.is_running(1)
        frames.append((shot(page, notebook), 0))
        page.wait_for_timeout(INTERVAL)
        frames[-1] = (frames[-1][0], round((monotonic() - began) * 1000))
        began = monotonic()
    notebook.wait_until_over(1)
    wait_until_settled(page)
    return [*frames, (shot(page, notebook), LAST)]


def shot(page: Page, notebook: Notebook) -> Image.Image:
    """The cell as it is now."""
    box = notebook.cell(1).bounding_box()
    return Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")


def save(frames: list[tuple[Image.Image, int]], path: Path) -> None:
    """Write the frames in one size: the cell grows downwards, over the background of the page."""
    width, height = (max(each.size[axis] for each, _ in frames) for axis in (0, 1))
    whole = []
    for each, _ in frames:
        page = Image.new("RGB", (width, height), each.getpixel((0, 0)))
        page.paste(each, (0, 0))
        page.thumbnail(SHOWN, Image.Resampling.LANCZOS)
        whole.append(page)
    durations = [duration for _, duration in frames]
    whole[0].save(path, save_all=True, append_images=whole[1:], duration=durations, loop=0, quality=80, method=6)
    assert path.stat().st_size <= LARGEST, f"{path.name} has {path.stat().st_size} bytes, at most {LARGEST}"


if __name__ == "__main__":
    main()
