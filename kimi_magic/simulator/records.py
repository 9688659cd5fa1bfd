"""JSON mode: what object a prompt asks for, guessed from its words, and filled with invented values."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from . import samples, subjects
from .subjects import Wish

_QUOTED = re.compile(r"""([`"'])([A-Za-z_][\w-]{0,40})\1""")
_NAMED = re.compile(
    r"\b(?:keys?|fields?|propert(?:y|ies)|columns?|attributes?|with|containing|its|their)\b"
    r"\s*(?:named|called|are|:)?\s*((?:(?:a|an|the|and|or)\s+)*[A-Za-z_]\w*"
    r"(?:\s*(?:,\s*and|,|\band\b|&)\s*(?:(?:a|an|the)\s+)?[A-Za-z_]\w*)+)",
    re.IGNORECASE,
)
_SINGLE = re.compile(r"\b(?:key|field|property)\s+(?:named\s+|called\s+)?([A-Za-z_]\w*)", re.IGNORECASE)
_CONTAINER = re.compile(r"""["'`]?([A-Za-z_]\w*)["'`]?\s*:\s*\[""")
_NOT_NAMES = frozenset(
    ["a", "an", "the", "and", "or", "json", "object", "list", "array", "keys", "fields", "each"]
)


def mentions_json(texts: list[str]) -> bool:
    """Say whether the prompt asks for JSON at all, as JSON mode requires."""
    return any("json" in text.lower() for text in texts)


def make(prompt: str, question: str, random: Random) -> dict[str, Any]:
    """Make the object a prompt seems to ask for; without any hint, the question and a word of regret.

    `prompt` is all that was said, `question` the part that says what the object is about.
    """
    row = random.randrange(100)
    wish = subjects.read(question, random)
    count, noun = subjects.how_many(prompt)
    example = _example(prompt)
    if example is not None:
        filled: dict[str, Any] = _like(example, "", count, row, random)
        return filled
    container = _CONTAINER.search(prompt)
    key = container.group(1) if container else noun
    names = _names(prompt, key)
    if noun or container:
        size = wish.count or count or subjects.SOME
        kind = samples.singular(noun or key)
        return {key or "items": [_record(names, kind, row, wish, random, at=at) for at in range(size)]}
    if names:
        return {name: _value(name, row, wish, random) for name in names}
    return {"question": " ".join(prompt.split())[:80], "answer": "The offline simulator does not know."}


def _record(names: list[str], kind: str, row: int, wish: Wish, random: Random, *, at: int) -> dict[str, Any]:
    """Make one of several; the `name` of a city is the name of a city."""
    record: dict[str, Any] = {}
    for name in names or ["name", "description"]:
        known = wish.subject.value(name, at) if wish.subject else None
        if known is None and name == "name" and kind:
            known = samples.text(kind, row + at, row) if samples.knows(kind) else samples.member(kind, at)
        record[name] = samples.value(name, row + at, random) if known is None else known
    return record


def _value(name: str, row: int, wish: Wish, random: Random) -> Any:
    known = wish.subject.value(name, 0) if wish.subject else None
    return samples.value(name, row, random) if known is None else known


def _names(prompt: str, key: str) -> list[str]:
    """Return the field names a prompt gives: quoted ones, else those after `keys`, `fields` or `with`."""
    found = [match.group(2) for match in _QUOTED.finditer(prompt)]
    if not set(found) - {key}:
        lists = [match.group(1) for match in _NAMED.finditer(prompt)]
        found = [word for text in lists for word in re.findall(r"[A-Za-z_]\w*", text)]
    if not found:
        found = [match.group(1) for match in _SINGLE.finditer(prompt)]
    wanted = [name for name in found if name.lower() not in _NOT_NAMES and name != key]
    return list(dict.fromkeys(wanted))[:40]


def _example(prompt: str) -> dict[str, Any] | None:
    """Return the first JSON object written out in the prompt."""
    decoder = json.JSONDecoder()
    for match in list(re.finditer(r"\{", prompt))[:20]:
        try:
            value, _ = decoder.raw_decode(prompt, match.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value:
            return value
    return None


def _like(example: Any, name: str, count: int, row: int, random: Random) -> Any:
    """Make a value of the shape of an example, with other contents."""
    match example:
        case bool():
            return random.random() < 0.5
        case int():
            return samples.whole(name, random)
        case float():
            return samples.real(random, name)
        case str():
            return samples.text(name, row)
        case list():
            one, single = (example[0] if example else ""), samples.singular(name)
            return [_like(one, single, 0, row + at, random) for at in range(count or max(2, len(example)))]
        case dict():
            return {key: _like(value, key, count, row, random) for key, value in example.items()}
    return None
