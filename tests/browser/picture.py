"""Makes the pictures in the README from the product: `python -m tests.browser.picture`.

`picture.png` is a cell that was answered; `picture.webp` is the same cell while it is asked and answered, as
Chromium painted it in JupyterLab, each frame shown for as long as it was to be seen there.
"""

from __future__ import annotations

import base64
import io
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import FloatRect, expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.lab import Lab, Notebook, wait_until_settled

FOLDER = Path(__file__).parents[2] / "notebooks"
STILL, MOVING = FOLDER / "picture.png", FOLDER / "picture.webp"
PROMPT = "%%kimi\nWhy is the sky blue?"
SIZE = {"width": 900, "height": 1000}  # CSS pixels of the page
SHOWN = (800, 620)  # pixels of the moving picture at most
INTERVAL = 60  # ms for which each picture is shown at least
FIRST, LAST = 700, 1800  # ms for which the cell is shown before it runs and when it is answered
LARGEST = 400_000  # bytes of the moving picture


def main() -> None:
    """Ask the simulator once, at its own speed, and unfold the reasoning for the still picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        Lab(Path(folder), {}) as lab,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        notebook = Notebook(
            page, lab, lab.write("picture", "%load_ext kimi_magic\n%kimi_config --offline", PROMPT)
        )
        notebook.open()
        notebook.command("application:toggle-left-area")
        notebook.colour_as_text(1)
        notebook.complete(0)
        save(film(notebook), MOVING)
        expect(notebook.output(1).locator("mjx-container")).to_have_count(1)
        notebook.output(1).locator("summary").click()
        notebook.cell(0).locator(".jp-InputPrompt").click()  # the other cell is shown as not selected
        wait_until_settled(page)
        page.screenshot(path=STILL, clip=notebook.cell(1).bounding_box())
        browser.close()
    for picture in (STILL, MOVING):
        print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} kB")


def film(notebook: Notebook) -> list[tuple[Image.Image, int]]:
    """Run the cell; what the browser painted, and for how many milliseconds each picture was to be seen."""
    page = notebook.page
    page.evaluate("document.activeElement.blur()")  # no cursor that blinks
    wait_until_settled(page)
    before = page.screenshot()
    painted: list[tuple[float, bytes]] = []
    session = page.context.new_cdp_session(page)

    def keep(frame: dict[str, Any]) -> None:
        painted.append((frame["metadata"]["timestamp"], base64.b64decode(frame["data"])))
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "png"})
    notebook.run(1)
    notebook.wait_until_over(1)
    wait_until_settled(page)
    session.send("Page.stopScreencast")
    box = notebook.cell(1).bounding_box()
    times = [time for time, _ in painted]
    durations = [round((after - time) * 1000) for time, after in pairwise(times)]
    painted_frames = zip((data for _, data in painted), [*durations, 0], strict=True)
    frames = [(crop(data, box), shown) for data, shown in [(before, FIRST), *painted_frames]]
    return [*frames, (crop(page.screenshot(), box), LAST)]


def crop(data: bytes, box: FloatRect) -> Image.Image:
    """The part of a picture of the page where the cell is in the end."""
    left, top, width, height = (round(box[side]) for side in ("x", "y", "width", "height"))
    return Image.open(io.BytesIO(data)).convert("RGB").crop((left, top, left + width, top + height))


def save(frames: list[tuple[Image.Image, int]], path: Path) -> None:
    """Write the frames, several that follow each other fast as one."""
    kept: list[tuple[Image.Image, int]] = []
    for each, duration in frames:
        if kept and kept[-1][1] < INTERVAL:
            kept[-1] = (each, kept[-1][1] + duration)
        else:
            kept.append((each, duration))
    whole = []
    for each, _ in kept:
        each.thumbnail(SHOWN, Image.Resampling.LANCZOS)
        whole.append(each)
    durations = [duration for _, duration in kept]
    whole[0].save(
        path, save_all=True, append_images=whole[1:], duration=durations, loop=0, quality=80, method=6
    )
    print(f"{path.name}: {len(kept)} frames, {sum(durations) / 1000:.1f} s")
    assert path.stat().st_size <= LARGEST, f"{path.name} has {path.stat().st_size} bytes, at most {LARGEST}"


if __name__ == "__main__":
    main()
