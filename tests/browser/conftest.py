"""One JupyterLab, one browser and one scripted service for the whole suite; a notebook for each test.

Playwright's loop occupies this thread while it runs: its fixtures end with the package, so that tests of
other packages can have loops of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Request, expect, sync_playwright

from tests.browser.lab import Lab, Notebook
from tests.browser.speaker import Beacon, Speaker, listening, speaking

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]  # fmt: skip
PATIENCE = 15_000  # ms until something that should have happened long ago counts as not happening
Open = Callable[..., Notebook]


@pytest.fixture(scope="package")
def chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return path


@pytest.fixture(scope="package")
def service() -> Iterator[Speaker]:
    with speaking() as speaker:
        yield speaker


@pytest.fixture(scope="package")
def lab(chromium: str, service: Speaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    running = Lab(
        tmp_path_factory.mktemp("lab"),
        {"EVOLINK_BASE_URL": service.base_url, "EVOLINK_API_KEY": "sk-simulator"},
    )
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def context(chromium: str) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_context(viewport={"width": 1200, "height": 1000})
        opened.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield opened
        opened.close()
        browser.close()


@dataclass
class Watch:
    """What must not happen in a page."""

    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def note_dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self.dialogs.append(dialog.message)
        dialog.accept()

    def note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def outside(self, origin: str) -> list[str]:
        """The requests that left the origin."""
        inside = (f"{origin}/", "data:", f"blob:{origin}/")
        return [url for url in self.requests if not url.startswith(inside)]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    opened = context.new_page()
    opened.on("dialog", watch.note_dialog)
    opened.on("request", watch.note_request)
    yield opened
    opened.close()


@pytest.fixture
def speaker(service: Speaker) -> Iterator[Speaker]:
    """The service that answers as the test says."""
    yield service
    service.hush()


@pytest.fixture
def notebook(lab: Lab, page: Page, request: pytest.FixtureRequest, watch: Watch) -> Iterator[Open]:
    """Opens a notebook of these cells, after a first one that loads the extension and has run."""

    def open_(*cells: str) -> Notebook:
        opened = Notebook(page, lab, lab.write(request.node.name, "%load_ext kimi_magic", *cells))
        made.append(opened)
        opened.open()
        opened.complete(0)
        return opened

    made: list[Notebook] = []
    yield open_
    assert watch.outside(lab.origin) == []
    assert watch.dialogs == []
    for opened in made:
        opened.shut_the_kernel_down()


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    with listening() as listener:
        yield listener


@pytest.fixture
def exported(tmp_path: Path) -> Callable[[Path], str]:
    """Makes the HTML page of a notebook file; its address."""

    def export(notebook: Path) -> str:
        from nbconvert import HTMLExporter

        target = tmp_path / "exported.html"
        target.write_text(HTMLExporter().from_filename(str(notebook))[0], encoding="utf-8")
        return target.as_uri()

    return export
