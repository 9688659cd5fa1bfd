"""One prompt over many rows: what is sent, how fast, at what price, and what comes back."""

from __future__ import annotations

from kimi_magic.batch.cache import Cache, File, Memory
from kimi_magic.batch.plan import UNFIT, Work, over_combinations, over_rows
from kimi_magic.batch.result import Grader, GridResult, MapResult, frame_without_answers
from kimi_magic.batch.rows import TEXT_COLUMN, library_of, rows_of
from kimi_magic.batch.run import Batch, Limits, Progress, run
from kimi_magic.batch.template import Template, parse

__all__ = [
    "TEXT_COLUMN", "UNFIT", "Batch", "Cache", "File", "Grader", "GridResult", "Limits", "MapResult", "Memory",
    "Progress", "Template", "Work", "frame_without_answers", "library_of", "over_combinations", "over_rows",
    "parse", "rows_of", "run",
]  # fmt: skip
