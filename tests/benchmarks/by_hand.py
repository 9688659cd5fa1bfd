"""An answer shown as it is usually done by hand: the whole text as Markdown, again and again."""

from __future__ import annotations

import json
from pathlib import Path

# Nothing is read from a network here, so what it costs is the least that a loop of this kind can cost.
_CELL = """
import json, time
from IPython.display import Markdown, display
texts, every, text, shown = json.load(open({file!r})), float("{every}"), "", 0.0
handle = display(Markdown(text), display_id=True)
began = time.perf_counter()
for number, piece in enumerate(texts, 1):
    text += piece
    if time.perf_counter() - shown >= every or number == len(texts):
        shown = time.perf_counter()
        handle.update(Markdown(text))
    time.sleep(max(0.0, began + number / {pace} - time.perf_counter()))
"""


def cell(texts: list[str], pace: float, every: float, folder: Path) -> str:
    """A cell in which `pace` pieces a second come and are shown `every` so many seconds; 0: each."""
    file = folder / f"texts_{len(texts)}.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    return _CELL.format(file=str(file), every=every, pace=pace)
