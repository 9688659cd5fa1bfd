"""CPU of hostile Markdown and code: twice the text takes about twice as long, whatever its shape.

Run with `python -m pytest tests/benchmarks/test_markdown.py -m benchmark -s`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product

import pytest

from kimi_magic.markdown import code
from kimi_magic.markdown.languages import LANGUAGES

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]
SMALL = 2_000  # characters; three sizes, each four times the one before
LIMIT = 2.6  # of the time for twice the text; 4 would be a cost that grows with the square
SLOWEST = 20e-6  # s a character: what is faster at the largest size needs no ratio


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def growth(shape: str, work: Callable[[str], object]) -> tuple[float, float]:
    """How the time grows with twice the text, and the seconds a character of the largest text takes."""
    sizes = [SMALL, SMALL * 4, SMALL * 16]
    texts = [shape * (size // len(shape)) for size in sizes]
    first, _, last = [min(cpu(lambda text=text: work(text)) for _ in range(2)) for text in texts]
    return (last / max(first, 1e-4)) ** 0.25, last / sizes[-1]


def too_slow(shapes: list[str], work: Callable[[str], object]) -> list[str]:
    found = []
    for shape in shapes:
        ratio, each = growth(shape, work)
        if ratio > LIMIT or each > SLOWEST:
            found.append(f"{shape!r}: {ratio:.1f} times for twice the text, {each * 1e6:.1f} µs a character")
    return found


SIGNS = [
    '"',
    "'",
    "`",
    "/*",
    "(*",
    "<!--",
    '"""',
    "\\",
    "\n",
    " ",
    "#",
    "//",
    "--",
    "<a b=",
    "[",
    "@",
    "0",
    "a",
]


def test_code(capsys: pytest.CaptureFixture[str]):
    pairs = [a + b for a, b in product(SIGNS, repeat=2)]
    found = []
    for number, language in enumerate(LANGUAGES):
        name = language.names.split()[0]
        shapes = [*SIGNS, *pairs[number % 15 :: 15]]  # all pairs in all languages take too long
        slow = too_slow(shapes, lambda text, name=name: code.coloured_runs(text, name))
        found += [f"{name}: {line}" for line in slow]
    with capsys.disabled():
        print(f"\n{len(LANGUAGES)} languages: {found or 'all linear'}")
    assert found == []
