"""Essays of about so many words, with all kinds of Markdown, to measure long answers with.

The words and sentences stand in `data/essays.toml`; they have no meaning, and the first paragraph says so.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

from . import content

MAX_WORDS = 40_000
_MIN_WORDS = 20  # a smaller number of words is not an essay
_WORDS_PER_SECTION = 260
_TASK = re.compile(
    r"\b(\d[\d,]{0,8})[- ]words?\b(?:[- ](?:essay|text|story|article|report))?(?:\s+(?:about|on|of))?(.*)",
    re.IGNORECASE | re.DOTALL,
)


def read_task(question: str) -> tuple[int, str] | None:
    """Return how many words a question asks for and the subject; None if it asks for no length."""
    match = _TASK.search(question)
    if match is None:
        return None
    count = int(match.group(1).replace(",", ""))
    subject = " ".join(re.findall(r"[\w'-]+", match.group(2))[:6])
    if count < _MIN_WORDS:
        return None
    return min(count, MAX_WORDS), subject or "ordinary things"


def write(count: int, topic: str, random: Random) -> str:
    """Write about `count` words; the end of the text is the end of a block."""
    parts = [f"# On {topic}", _texts()["note"], _paragraph(topic, random, 4)]
    written = _count(parts)
    number = 0
    while written < count:
        block = _section(number, topic, random, count - written)
        parts += block
        written += _count(block)
        number += 1
    return "\n\n".join(parts) + "\n"


def think(count: int, topic: str, random: Random) -> str:
    """Write the reasoning that goes before an essay, of about a tenth of its words."""
    texts = _texts()
    sentences = [texts["reasoning_opening"].format(count=count, topic=topic)]
    words = len(sentences[0].split())
    while words < count / 10:
        form: str = random.choice(texts["reasoning"])
        thing, other = random.choice(texts["things"]), random.choice(texts["things"])
        sentences.append(form.format(topic=topic, thing=thing, other=other))
        words += len(sentences[-1].split())
    lines = [" ".join(sentences[at : at + 5]) for at in range(0, len(sentences), 5)]
    return "\n\n".join(lines)


def _section(number: int, topic: str, random: Random, left: int) -> list[str]:
    headings = _texts()["headings"]
    blocks = [f"## {number + 1}. {headings[number % len(headings)]}"]
    budget = min(_WORDS_PER_SECTION, left)
    if left > _WORDS_PER_SECTION // 2:
        blocks += [_paragraph(topic, random, 3), _special(number, topic, random)]
    while _count(blocks) < budget:
        missing = budget - _count(blocks)
        blocks.append(_paragraph(topic, random, max(1, min(5, missing // 15))))
    return blocks


def _special(number: int, topic: str, random: Random) -> str:
    """Write the block that makes a section differ from its neighbours."""
    match number % 6:
        case 0:
            return "\n".join(f"- **{_thing(random)}** {_clause(random)}" for _ in range(3))
        case 1:
            return _table(random)
        case 2:
            return _code(random)
        case 3:
            return _formula(random)
        case 4:
            return "\n".join(f"{at}. *{_thing(random)}* {_clause(random)}" for at in range(1, 5))
    return f"> {_sentence(topic, random)}\n> {_sentence(topic, random)}"


def _table(random: Random) -> str:
    texts = _texts()
    rows = [
        (random.choice(texts["qualities"]), random.randint(3, 97), random.randint(1, 99) / 10)
        for _ in range(4)
    ]
    lines = [f"| {quality} | {cases} | {weight:.1f} |" for quality, cases, weight in rows]
    return "\n".join([texts["table"], *lines])


def _code(random: Random) -> str:
    code: str = _texts()["code"]
    digits = random.randint(2, 4)
    return code.format(digits=digits, a=random.randint(1, 9), b=random.randint(1, 9), c=random.randint(1, 9))


def _formula(random: Random) -> str:
    formula: str = _texts()["formula"]
    rate = random.randint(2, 9)
    return formula.format(rate=rate, years=_half_life(rate))


def _half_life(rate: int) -> int:
    years, share = 0, 1.0
    while share >= 0.5:
        share *= rate / 10
        years += 1
    return years


def _paragraph(topic: str, random: Random, sentences: int) -> str:
    return " ".join(_sentence(topic, random) for _ in range(sentences))


def _sentence(topic: str, random: Random) -> str:
    texts = _texts()
    first, second = random.choice(texts["things"]), random.choice(texts["things"])
    verb, quality = random.choice(texts["verbs"]), random.choice(texts["qualities"])
    opening = random.choice(texts["openings"])
    form: str = random.choice(texts["sentences"])
    values = {"topic": topic, "first": first, "First": _capital(first), "second": second}
    values |= {"verb": verb, "quality": quality, "opening": opening}
    if "{ending}" in form:
        values["ending"] = random.choice(texts["endings"])
    return form.format(**values)


def _clause(random: Random) -> str:
    texts = _texts()
    return (
        f"{random.choice(texts['verbs'])} {random.choice(texts['things'])}, {random.choice(texts['endings'])}"
    )


def _thing(random: Random) -> str:
    return _capital(random.choice(_texts()["things"]))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _count(blocks: list[str]) -> int:
    return sum(len(block.split()) for block in blocks)


def _texts() -> dict[str, Any]:
    return content.load("essays")
