"""One JupyterLab in one page of one browser, and one service, for the whole suite; a notebook for each test.

Playwright's loop occupies this thread while it runs: its fixtures end with the package, so that tests of
other packages can have loops of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Request, expect, sync_playwright

from tests.browser.lab import Lab, Notebook, close_notebooks
from tests.browser.manual_service import Beacon, ManualService, manual_service, running_beacon

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]  # fmt: skip
TIMEOUT = 120_000  # ms until something that should have happened long ago counts as not happening
SUITE = [pytest.mark.browser, pytest.mark.timeout(600)]
Open = Callable[..., Notebook]
Export = Callable[[Path], Page]


@pytest.fixture(scope="package")
def chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return path


@pytest.fixture(scope="package")
def shared_service() -> Iterator[ManualService]:
    with manual_service() as service:
        yield service


@pytest.fixture
def service(shared_service: ManualService) -> Iterator[ManualService]:
    """The service that answers as the test says; the kernels of the lab talk to it."""
    yield shared_service
    shared_service.reset()


@pytest.fixture(scope="package")
def lab(
    chromium: str, shared_service: ManualService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    address = {"EVOLINK_BASE_URL": shared_service.base_url, "EVOLINK_API_KEY": "sk-simulator"}
    with Lab(tmp_path_factory.mktemp("lab"), address) as running:
        yield running


@pytest.fixture(scope="package")
def context(chromium: str) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=TIMEOUT)
        context = browser.new_context(viewport={"width": 1200, "height": 1000})
        context.set_default_timeout(TIMEOUT)
        expect.set_options(timeout=TIMEOUT)
        yield context
        context.close()
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

    @contextmanager
    def over(self, page: Page) -> Iterator[None]:
        """Note what happens in the page while the block runs."""
        page.on("dialog", self.note_dialog)
        page.on("request", self.note_request)
        yield
        page.remove_listener("dialog", self.note_dialog)
        page.remove_listener("request", self.note_request)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """A page of the test's own."""
    with context.new_page() as page, watch.over(page):
        yield page


@pytest.fixture(scope="package")
def shared_page(context: BrowserContext) -> Iterator[Page]:
    """The page in which one test after the other opens its notebook: to load JupyterLab takes seconds."""
    with context.new_page() as page:
        yield page


@pytest.fixture
def open_notebook(
    lab: Lab, shared_page: Page, request: pytest.FixtureRequest, watch: Watch, service: ManualService
) -> Iterator[Open]:
    """Open a notebook with these cells, after a first one that loads the extension and has run."""

    def open_(*cells: str) -> Notebook:
        path = lab.write(request.node.name, "%load_ext kimi_magic", *cells)
        notebook = Notebook(shared_page, lab, path)
        notebook.open()
        notebook.complete(0)
        return notebook

    with watch.over(shared_page):
        yield open_
        close_notebooks(shared_page)
    assert watch.outside(lab.origin) == []
    assert watch.dialogs == []


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    with running_beacon() as beacon:
        yield beacon


@pytest.fixture
def open_export(context: BrowserContext, watch: Watch, tmp_path: Path) -> Iterator[Export]:
    """Make the HTML page of a notebook file and open it; as in every export, MathJax is elsewhere."""
    pages: list[Page] = []

    def export(path: Path) -> Page:
        from nbconvert import HTMLExporter

        target = tmp_path / "exported.html"
        target.write_text(HTMLExporter().from_filename(str(path))[0], encoding="utf-8")
        page = context.new_page()
        pages.append(page)
        page.on("dialog", watch.note_dialog)
        page.goto(target.as_uri(), wait_until="domcontentloaded")
        return page

    yield export
    for page in pages:
        page.close()
