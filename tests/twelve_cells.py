"""Twelve cells that every front end runs, and what a person reads below each."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One cell, and pieces of text that stand in its output, in this order; a piece may be `one|another`."""

    source: str
    shows: tuple[str, ...] = ()


CELLS = (
    Example("%load_ext kimi_magic\n%kimi_config --offline --speed 0"),
    Example(
        "%%kimi\nWhy is the sky blue? Two sentences.", ("Reasoning|Thought for", "air scatters short waves")
    ),
    Example(
        "%kimi What is the capital of France?", ("Reasoning|Thought for", "The capital of France is", "Paris")
    ),
    Example("country = 'Peru'\ncountry", ("Peru",)),
    Example("%%kimi\nWhat is the capital of {{ country }}?", ("capital of Peru", "Lima")),
    Example(
        '%%kimi --schema "[name, moons int]" -o planets\nList the eight planets of the solar system.',
        ("Mercury", "Venus", "Neptune"),
    ),
    Example("print(len(planets), planets[2])", ("8", "Earth")),
    Example("%%kimi --max-tokens 90\nWhy is the sky blue?", ("--max-tokens",)),
    Example("%%kimi -n 2\nTell me about a moon of Jupiter. One sentence.", ("Answer 1", "Answer 2")),
    Example(
        "%%kimi -t 7\nHello",
        (
            "KimiUsageError",
            "-t '7': expected a number from 0 to 2|temperature 7: expected a number from 0 to 2",
        ),
    ),
    Example("%kimi --show", ("What is the capital of France?", "Paris", "What is the capital of Peru?")),
    Example("import kimi_magic\nprint(kimi_magic.last.finish_reason)", ("stop",)),
)


def pattern(piece: str) -> re.Pattern[str]:
    """What finds a piece."""
    return re.compile("|".join(map(re.escape, piece.split("|"))))


def missing(example: Example, text: str) -> str:
    """The first piece that `text` does not show in its place; "" where it shows all."""
    at = 0
    for piece in example.shows:
        found = pattern(piece).search(text, at)
        if found is None:
            return piece
        at = found.end()
    return ""
