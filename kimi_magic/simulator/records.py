"""JSON mode: what object a prompt asks for, guessed from its words, and filled with invented values."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from . import samples

MAX_RECORDS = 500
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12,
}  # fmt: skip
_SOME = 3  # records for a list of unsaid length
_COUNT = rf"(\d{{1,4}}|{'|'.join(NUMBERS)})"
_QUOTED = re.compile(r"""([`"'])([A-Za-z_][\w-]{0,40})\1""")
_NAMED = re.compile(
    r"\b(?:keys?|fields?|propert(?:y|ies)|columns?|attributes?|with|containing|its|their)\b"
    r"\s*(?:named|called|are|:)?\s*((?:(?:a|an|the|and|or)\s+)*[A-Za-z_]\w*"
    r"(?:\s*(?:,\s*and|,|\band\b|&)\s*(?:(?:a|an|the)\s+)?[A-Za-z_]\w*)+)",
    re.IGNORECASE,
)
_SINGLE = re.compile(r"\b(?:key|field|property)\s+(?:named\s+|called\s+)?([A-Za-z_]\w*)", re.IGNORECASE)
_PLURAL = re.compile(rf"\b{_COUNT}\s+(?:[a-z]+\s+)?([a-z]{{3,}}s)\b", re.IGNORECASE)
_LIST = re.compile(
    rf"\b(?:list|array)\s+of\s+(?:{_COUNT}\b\s*)?(?:[a-z]+\s+)??([a-z]{{3,}}s)?\b", re.IGNORECASE
)
_CONTAINER = re.compile(r"""["'`]?([A-Za-z_]\w*)["'`]?\s*:\s*\[""")
_NOT_NAMES = frozenset(
    ["a", "an", "the", "and", "or", "json", "object", "list", "array", "keys", "fields", "each"]
)
_NOT_RECORDS = frozenset(
    ["keys", "fields", "words", "sentences", "properties", "columns", "paragraphs", "times", "lines"]
)


def mentions_json(texts: list[str]) -> bool:
    """Say whether the prompt asks for JSON at all, as JSON mode requires."""
    return any("json" in text.lower() for text in texts)


def make(prompt: str, random: Random) -> dict[str, Any]:
    """Make the object a prompt seems to ask for; without any hint, the question and a word of regret."""
    row = random.randrange(100)
    count, noun = _how_many(prompt)
    example = _example(prompt)
    if example is not None:
        filled: dict[str, Any] = _like(example, "", count, row, random)
        return filled
    container = _CONTAINER.search(prompt)
    key = container.group(1) if container else noun
    names = _names(prompt, key)
    if count or container:
        records = [_record(names, noun, row + at, random) for at in range(count or _SOME)]
        return {key or "items": records}
    if names:
        return {name: samples.value(name, row, random) for name in names}
    question = " ".join(prompt.split())[:80]
    return {"question": question, "answer": "The offline simulator does not know."}


def _record(names: list[str], noun: str, row: int, random: Random) -> dict[str, Any]:
    """Make one of several; the `name` of a city is the name of a city."""
    kind = samples.singular(noun)
    record: dict[str, Any] = {}
    for name in names or ["name", "description"]:
        record[name] = (
            samples.text(kind, row) if name == "name" and noun else samples.value(name, row, random)
        )
    return record


def _how_many(prompt: str) -> tuple[int, str]:
    """Return how many records are asked for, 0 if none, and what they are called."""
    counted = (match for match in _PLURAL.finditer(prompt) if match.group(2).lower() not in _NOT_RECORDS)
    found = next(counted, None) or _LIST.search(prompt)
    if found is None:
        return 0, ""
    word = (found.group(1) or str(_SOME)).lower()
    count = NUMBERS.get(word) or int(word)
    return min(count, MAX_RECORDS), (found.group(2) or "items").lower()


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
            return samples.real(random)
        case str():
            return samples.text(name, row)
        case list():
            one, single = (example[0] if example else ""), samples.singular(name)
            return [_like(one, single, 0, row + at, random) for at in range(count or max(2, len(example)))]
        case dict():
            return {key: _like(value, key, count, row, random) for key, value in example.items()}
    return None
