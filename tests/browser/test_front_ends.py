"""The twelve cells in the front ends that have a browser; the table is in `tests/front_ends`."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import SUITE, Watch
from tests.browser.lab import Lab
from tests.front_ends.outcome import compare
from tests.front_ends.table import IN_BROWSER, FrontEnd

pytestmark = SUITE


@pytest.mark.parametrize("front_end", IN_BROWSER, ids=[each.name for each in IN_BROWSER])
def test_the_twelve_cells_show_what_the_table_says(front_end: FrontEnd, lab: Lab, page: Page, watch: Watch):
    assert front_end.missing == [], "the extra `test` should have installed it"
    compare(front_end.name, front_end.version, front_end.run(lab, page))
    assert watch.outside(lab.origin) == []
