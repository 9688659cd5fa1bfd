"""Which part of a prompt is a text that data is to be taken from, and which part says what to do.

A prompt is one of three things: a text (with or without an instruction around it), a wish for records that
are not in it ("Five European capitals", "Invent a customer"), or a question.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby, pairwise, takewhile
from operator import methodcaller

from . import content, subjects

_BLOCK = re.compile(
    r'"""(.+?)"""|```\w*\n(.+?)```|<(?P<tag>text|document|article|message|email|input)>(.+?)</(?P=tag)>|(?:^|\s)["“„«「](.{12,}?)["”“»」](?=\s|[.,;:?!]|$)',
    re.DOTALL | re.IGNORECASE,
)
_QUOTED = 5  # the group of a text in plain quotation marks, which may also be a speech in a text
_HEAD = re.compile(r"\A([^\n]{1,300}?)(?::\s*\n+|:\s+|：\s*|\n+)(?=\S)")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”)]*\s+|(?<=[。！？])|\n+|;\s+|；")
_ABBREVIATION = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|no|nr|vs|e\.g|i\.e|etc|inc|ltd|co|d\.c|u\.s|[a-z])\.$|\b\d{1,2}\.$",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
_FEWEST_LINES = 3  # of CSV: names and two rows; fewer may be two sentences
_LONGEST_NAME = 40  # characters of the name of a column
_MOST_AROUND = 1  # lines before CSV, and after it: more is a text with a list in it, to be read as a whole
_ADDRESS = re.compile(r"[\w.]@\w|\d{5,}")  # nobody wishes for one by writing it down


def text_in(prompt: str) -> str:
    """Return the text that data is to be taken from, "" where the prompt has only a wish or a question."""
    if (table := table_in(prompt)) and not invents(prompt):
        return table
    prompt = prompt.strip()
    block = _BLOCK.search(prompt)
    if block is not None:
        around = (prompt[: block.start()], prompt[block.end() :])
        is_told = any(_tells(part) or _pattern("instruction").search(part) for part in around)
        if is_told or (block.lastindex != _QUOTED and any(part.strip() for part in around)):
            return block[block.lastindex or 0].strip()
    head = _HEAD.match(prompt)
    if head is not None and _pattern("instruction").search(head[1]) and not invents(head[1]):
        return _without_instructions(prompt[head.end() :]) or prompt[head.end() :].strip()
    return _without_instructions(prompt) if not invents(prompt) else ""


def table_in(prompt: str) -> str:
    """Return the lines of the first table, in Markdown or as CSV, "" where there is none."""
    lines = [line.strip(" ") for line in prompt.splitlines()]
    for at, (line, below) in enumerate(pairwise(lines)):
        if "|" in line and {"|", "-"} <= set(below) <= set("|-: \t"):  # the rule below the names
            return "\n".join([line, *takewhile(lambda other: "|" in other, lines[at + 2 :])])
    lines = [line for line in lines if line.strip()]
    for separator in ("\t", ";", ","):
        before = 0
        for count, group in groupby(lines, key=methodcaller("count", separator)):
            rows = list(group)
            after = len(lines) - before - len(rows)
            is_alone = max(before, after) <= _MOST_AROUND
            before += len(rows)
            if not count or len(rows) < _FEWEST_LINES or not is_alone:
                continue
            if max(map(len, rows[0].split(separator))) > _LONGEST_NAME:
                continue
            if not any(row.endswith((".", ":")) for row in rows):
                return "\n".join(rows)
    return ""


def invents(prompt: str) -> bool:
    """Return whether a prompt wishes for examples, which have to be invented."""
    if any(_pattern("invents").match(part) for part in sentences(prompt)):
        return True
    return bool(is_wish(prompt) and _pattern("invented").search(prompt))


def is_wish(prompt: str) -> bool:
    """Return whether a prompt begins as a wish for things, without a statement in it."""
    return bool(_pattern("wish").match(prompt.strip())) and not _pattern("statement").search(prompt)


def wants_some(prompt: str) -> bool:
    """Return whether a wish is for some things, as in "some castles"."""
    return bool(re.match(r"\s*(?:some|several|a few|many)\b", prompt, re.IGNORECASE))


def sentences(text: str) -> list[str]:
    """Split a text into lines, list items and sentences, without bullets."""
    parts: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if "\n" not in match.group() and _ABBREVIATION.search(text[start : match.start()]):
            continue
        parts.append(text[start : match.end()])
        start = match.end()
    parts.append(text[start:])
    cleaned = [_BULLET.sub("", part).strip() for part in parts]
    return [part for part in cleaned if part]


def is_question(sentence: str) -> bool:
    """Return whether a sentence asks something."""
    return sentence.rstrip("\"'”)* ").endswith(("?", "？", "؟"))


def _without_instructions(text: str) -> str:
    """Return the sentences that neither ask nor tell what to do; "" if what is left is no statement."""
    parts = sentences(text)
    kept = [part for part in parts if not is_question(part) and not _tells(part)]
    if any(is_wish(part) and subjects.how_many(part)[0] for part in parts):
        return ""
    if not kept:
        return text.strip() if _ADDRESS.search(text) else ""
    if len(kept) == len(parts):
        return "" if is_wish(text) else text.strip()
    left = "\n".join(kept)
    return "" if is_wish(left) else left


def _tells(sentence: str) -> bool:
    match = _pattern("asks").match(sentence.strip())
    return match is not None and not re.match(r"\s*[:=]", sentence.strip()[match.end() :])


@cache
def _pattern(name: str) -> re.Pattern[str]:
    data = content.load("extraction")
    numbers = "|".join(data["number_words"])
    return re.compile(data[name].strip().replace("{numbers}", f"(?:{numbers})"), re.IGNORECASE)
