"""The twelve cells where no browser is needed; `tests/browser/test_front_ends.py` has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.front_ends.outcome import compare, kept
from tests.front_ends.table import OTHERS, TABLE, FrontEnd
from tests.test_commonmark import COMPLETE


@pytest.mark.parametrize("front_end", OTHERS, ids=[each.name for each in OTHERS])
def test_the_twelve_cells_show_what_the_table_says(front_end: FrontEnd, tmp_path: Path):
    if missing := front_end.missing:
        if COMPLETE and not front_end.is_heavy:
            pytest.fail(f"the extra `test` should have installed {missing}")
        pytest.skip(f"not installed: {', '.join(missing)}; pip install -e '.[front-ends]'")
    compare(front_end.name, front_end.version, front_end.run(tmp_path))


def test_each_cell_that_shows_too_little_has_a_reason_and_no_other_has_one():
    for front_end in TABLE:
        row = kept()[front_end.name]
        reasons = sorted(number for numbers, _ in front_end.cannot for number in numbers)
        assert row["final"] == reasons, front_end.name
        assert row["reopened"] in (None, reasons), front_end.name
        assert row["stopped"] in (None, True), front_end.name
    assert kept().keys() == {front_end.name for front_end in TABLE}
