"""CPU of hostile Markdown and code: twice the text takes about twice as long, whatever its shape.

Run with `python -m pytest tests/benchmarks/test_markdown.py -m benchmark -s`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product

import pytest

from kimi_magic.markdown import Blocks, code, render
from kimi_magic.markdown.languages import LANGUAGES

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]
SMALL = 2_000  # characters; three sizes, each four times the one before
LIMIT = 2.6  # of the time for twice the text; 4 would be a cost that grows with the square
SLOWEST = 100e-6  # s a character


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


MARKS = [
    "*",
    "**",
    "_",
    "~~",
    "`",
    "[",
    "]",
    "(",
    "](",
    "![",
    "<",
    "<a",
    "&",
    "\\",
    "\\(",
    "\\[",
    "$",
    "$$",
    "$a ",
]
MARKS += [
    "|",
    "\n",
    "\n\n",
    " ",
    "> ",
    "- ",
    "1. ",
    "#",
    "```\n",
    "a",
    "<sub>",
    "</sub>",
    "https://a.b ",
    "[^1]",
]
MARKS += ["[^1]: ", "[a]: b\n", "\\begin{align}\n", "\t", "---\n", "\\[\n", "月", "。", "=\n"]
SHAPES = [
    "\\[a\n", "*a [a](#b) ", "*a **b ", "|a|b|\n|-|-|\n", "a|b\n", "[a][b]", "![a](", "[a](<b", "$$\n\n",
    "> - ",
    "- " * 60 + "a\n", "> " * 60 + "a\n", "[" * 60, "a|" * 99 + "\n" + "-|" * 99 + "\n", "[^1]: a\n[^1]\n\n",
    "```markdown\n```py\n", "\\begin{align}\n\\begin{gather}\n", "(https://a.b/(", "<sub>a</sub>", "\\frac",
]  # fmt: skip


def test_markdown(capsys: pytest.CaptureFixture[str]):
    found = too_slow(SHAPES, render) + too_slow([a + b for a, b in product(MARKS, repeat=2)][::7], render)
    with capsys.disabled():
        print(f"\nMarkdown: {found or 'all linear'}")
    assert found == []


def test_markdown_that_grows(capsys: pytest.CaptureFixture[str]):
    def growing(text: str) -> None:
        blocks = Blocks()
        for start in range(0, len(text), 400):
            blocks.add(text[start : start + 400])
            blocks.tail()

    # Each piece renders the open block once more, which has 4,000 characters at most.
    found = [line for line in too_slow(SHAPES, growing) if " 4." in line or " 3." in line]
    with capsys.disabled():
        print(f"\nMarkdown that grows: {found or 'all linear'}")
    assert found == []
