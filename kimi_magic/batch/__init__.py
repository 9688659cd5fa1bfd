"""One prompt over many rows: what is sent, how fast, at what price, and what comes back."""

from __future__ import annotations

from kimi_magic.batch.cache import Cache, File, Memory
from kimi_magic.batch.plan import UNFIT, Work, over_combinations, over_rows
from kimi_magic.batch.result import Grader, GridResult, MapResult
from kimi_magic.batch.rows import library_of, rows_of
from kimi_magic.batch.run import Batch, Limits, Progress, run

__all__ = [
    "UNFIT", "Batch", "Cache", "File", "Grader", "GridResult", "Limits", "MapResult", "Memory", "Progress",
    "Work", "library_of", "over_combinations", "over_rows", "rows_of", "run",
]  # fmt: skip
