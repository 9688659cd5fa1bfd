"""Long answers: an essay of about so many words, of all kinds of Markdown. It says nothing; it measures."""

from __future__ import annotations

import re
from random import Random

MAX_WORDS = 40_000
_PER_SECTION = 260  # words, about
_ASKED = re.compile(
    r"\b(\d[\d,]{0,8})[- ]words?\b(?:[- ](?:essay|text|story|article|report))?(?:\s+(?:about|on|of))?(.*)",
    re.IGNORECASE | re.DOTALL,
)

_THINGS = (
    "a river", "the workshop", "an old map", "the reader", "a careful measurement", "the first draft",
    "a quiet street", "the archive", "a good question", "the long winter", "a small machine", "the harbour",
    "an honest mistake", "the second attempt", "a borrowed idea", "the morning light",
)  # fmt: skip
_VERBS = (
    "changes", "explains", "reaches", "holds together", "slows down", "makes visible", "carries", "answers",
    "interrupts", "outlives", "depends on", "improves", "repeats", "prepares",
)  # fmt: skip
_QUALITIES = (
    "patient", "plain", "unexpected", "well kept", "half forgotten", "useful", "local", "slow", "exact",
    "generous", "ordinary", "difficult",
)  # fmt: skip
_OPENINGS = (
    "At first sight", "In practice", "After a while", "On closer inspection", "For most people",
    "In the same way", "Seen from outside", "More often than not", "By contrast", "As a rule",
)  # fmt: skip
_ENDINGS = (
    "and that is usually enough", "which nobody had planned", "although few would say so", "and it shows",
    "as anyone who tried it knows", "without much noise", "at least for a season", "and so the work goes on",
    "which is a modest kind of progress", "if one gives it time",
)  # fmt: skip
_HEADINGS = (
    "Where it begins", "What can be measured", "A closer look", "The other side", "Tools and habits",
    "What goes wrong", "A worked example", "Numbers and what they hide", "Who keeps it going",
    "What remains",
)  # fmt: skip
_THOUGHTS = (
    "This part should stay concrete, so I will tie it to {topic} with one example.",
    "A list would help here: {thing} and two more points, no longer than a line each.",
    "The last section was abstract; now something one can count.",
    "I want a transition from {thing} to {other}, otherwise it reads like notes.",
    "Let me check the length so far and keep the sections even.",
    "Perhaps a small table. Three rows are enough to make the point about {topic}.",
    "The reader may ask why {thing} matters; one sentence should answer that before going on.",
)
_CODE = """```python
def share(values: list[float]) -> list[float]:
    total = sum(values) or 1.0
    return [round(value / total, {digits}) for value in values]


print(share([{a}, {b}, {c}]))
```"""


def asked_for(question: str) -> tuple[int, str] | None:
    """Return the number of words asked for and the subject, or None if no length is asked for."""
    found = _ASKED.search(question)
    if found is None:
        return None
    count = int(found.group(1).replace(",", ""))
    subject = " ".join(re.findall(r"[\w'-]+", found.group(2))[:6])
    if not count >= 20:
        return None
    return min(count, MAX_WORDS), subject or "ordinary things"


def write(count: int, topic: str, random: Random) -> str:
    """Write about `count` words; the end of the text is the end of a block."""
    parts = [f"# On {topic}", _paragraph(topic, random, 4)]
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
    sentences = [f"The user wants about {count} words on {topic}. I plan sections of even length."]
    words = len(sentences[0].split())
    while words < count / 10:
        thought = random.choice(_THOUGHTS).format(
            topic=topic, thing=random.choice(_THINGS), other=random.choice(_THINGS)
        )
        sentences.append(thought)
        words += len(thought.split())
    lines = [" ".join(sentences[at : at + 5]) for at in range(0, len(sentences), 5)]
    return "\n\n".join(lines)


def _section(number: int, topic: str, random: Random, left: int) -> list[str]:
    heading = f"## {number + 1}. {_HEADINGS[number % len(_HEADINGS)]}"
    budget = min(_PER_SECTION, left)
    blocks = [heading]
    if left > _PER_SECTION // 2:
        blocks += [_paragraph(topic, random, 3), _special(number, topic, random)]
    while _count(blocks) < budget:
        missing = budget - _count(blocks)
        blocks.append(_paragraph(topic, random, max(1, min(5, missing // 15))))
    return blocks


def _special(number: int, topic: str, random: Random) -> str:
    """Write the block that makes a section differ from its neighbours."""
    match number % 6:
        case 0:
            return "\n".join(f"- **{_pick(random)}** {_clause(random)}" for _ in range(3))
        case 1:
            return _table(random)
        case 2:
            return _CODE.format(
                digits=random.randint(2, 4),
                a=random.randint(1, 9),
                b=random.randint(1, 9),
                c=random.randint(1, 9),
            )
        case 3:
            return _formula(random)
        case 4:
            return "\n".join(f"{at}. *{_pick(random)}* {_clause(random)}" for at in range(1, 5))
    return f"> {_sentence(topic, random)}\n> {_sentence(topic, random)}"


def _table(random: Random) -> str:
    rows = [
        f"| {random.choice(_QUALITIES)} | {random.randint(3, 97)} | {random.randint(1, 99) / 10:.1f} |"
        for _ in range(4)
    ]
    return "\n".join(["| quality | cases | weight |", "| --- | ---: | ---: |", *rows])


def _formula(random: Random) -> str:
    rate = random.randint(2, 9)
    return (
        f"If ${rate}$ in ten are kept each year, then after $n$ years there remain\n\n"
        f"$$\nN(n) = N_0 \\left(\\frac{{{rate}}}{{10}}\\right)^n\n$$\n\n"
        f"which falls below half after ${_half_life(rate)}$ years."
    )


def _half_life(rate: int) -> int:
    years, share = 0, 1.0
    while share >= 0.5:
        share *= rate / 10
        years += 1
    return years


def _paragraph(topic: str, random: Random, sentences: int) -> str:
    return " ".join(_sentence(topic, random) for _ in range(sentences))


def _sentence(topic: str, random: Random) -> str:
    first, second = random.choice(_THINGS), random.choice(_THINGS)
    verb, quality, opening = random.choice(_VERBS), random.choice(_QUALITIES), random.choice(_OPENINGS)
    match random.randrange(5):
        case 0:
            return f"{opening}, {first} {verb} {second}, {random.choice(_ENDINGS)}."
        case 1:
            return f"{_capital(first)} {verb} {second} only where the ground is *{quality}*."
        case 2:
            return f"{opening}, there is something {quality} about {topic}, {random.choice(_ENDINGS)}."
        case 3:
            return f"{opening}, {topic} is less **{quality}** than {first}, yet {second} {verb} both."
    ending = random.choice(_ENDINGS)
    return f"Whoever writes about {topic} will sooner or later meet {first} or {second}, {ending}."


def _clause(random: Random) -> str:
    return f"{random.choice(_VERBS)} {random.choice(_THINGS)}, {random.choice(_ENDINGS)}"


def _pick(random: Random) -> str:
    return _capital(random.choice(_THINGS))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _count(blocks: list[str]) -> int:
    return sum(len(block.split()) for block in blocks)
