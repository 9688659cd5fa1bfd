"""What stands around JSON in an answer: reasoning, citations, code, other turns, words between values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .candidates import Candidate

_REASONING = r"think(?:ing)?|thought|reasoning|reflection|scratchpad"
_OPEN = re.compile(rf"<(?:{_REASONING})>|◁think▷|\[THINK\]", re.IGNORECASE)
_CLOSE = re.compile(rf"</(?:{_REASONING})>|◁/think▷|\[/THINK\]", re.IGNORECASE)
_NEXT_TURN = re.compile(
    r"^[ \t]*(?:(?:User|Human|Question|用户)[ \t]*[:：]|<\|(?:im_start|user|im_user)\|?>?"
    r"|#{2,4} (?:User|Human|Instruction))",
    re.MULTILINE | re.IGNORECASE,
)
_QUOTED_LINE = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_QUOTED_JSON = re.compile(r"^[ \t]*> ?(?:[{\[]|`{3})", re.MULTILINE)
_MARKER = re.compile(r"[ \t]*(?:(?:[-*+•>]|\(?\d+[.):])[ \t]*)*(?:#{1,6}[ \t]*)?[ \t`*]*")
_LINE_TAIL = re.compile(r"[ \t`*]*[;,.。]?[ \t`*]*(?:\n|\Z)")
_NAME_BEFORE = re.compile(r"[ \t]*(?:(?:const|let|var)[ \t]+)?[\w.$]+[ \t]*(?::[^=\n]{0,80})?=[ \t]*")
_QUOTED_KEY_BEFORE = re.compile(r"[\"'”]\s*[:：]\s*\Z")
_FIELD_BEFORE = re.compile(r"[ \t-]*[a-z_]\w*[ \t]*[:=][ \t]*")
_FIELD = re.compile(r"[ \t-]*[a-z_]\w*[ \t]*[:=][ \t]*[^\s{\[=][^\n]*")
_CITES = re.compile(
    r"(?:source|ref|citation|cf\.|see|quelle|出处|来源)\w*[ \t]*[:：]?[ \t]*\Z", re.IGNORECASE
)
_FENCE_LINE = re.compile(r"(?:`{3,}|~{3,})[ \t]*[\w+#.-]*")
_REACH = 200  # characters before or after a value that are looked at
CORRECTS = re.compile(
    r"wrong|mistake|correct|\bfix|final|actually|instead|revis|updated?\b|better|sorry|oops|apolog|\bwait\b"
    r"|rather|should be|answer(?: is|:)|result(?: is|:)|improv|reflection|\bredo|\bno[,.—-]"
    r"|\bfalsch|korrigier|endgültig|erreur|corrig|définitif"
    r"|更正|修正|最终|抱歉|错|不对|正确",
    re.IGNORECASE,
)
INTRODUCES_NO_ANSWER = re.compile(
    r"example|e\.g|format|schema|template|draft|such as|for instance|\blike\b|input|\bgave\b|given|original"
    r"|placeholder|\bfirst (?:draft|try|attempt|version|guess|idea)"
    r"|perhaps|maybe|structure|\bshape\b|beispiel|entwurf|exemple|示例|例如|格式|草稿|原文",
    re.IGNORECASE,
)
_NO_ANSWER_FOLLOWS = re.compile(
    r"(?:\be\.g\.|example|instance|such as|something like|format|schema|template|draft|\binput)"
    r"[\s:,;(`*\"']*\Z",
    re.IGNORECASE,
)
DISMISSES = re.compile(
    r"\bnot\b|\balso\b|consider|alternativ|\bother\b|unlike|compared|previous|\bearlier\b|nicht|auch|不是|也",
    re.IGNORECASE,
)
OFFERS_CHOICE = re.compile(
    r"\b(?:options?|alternativ\w*|variants?|versions?|choices?|candidates?|either|or|oder|ou|plan|scenario)\b|选项|方案|或者",
    re.IGNORECASE,
)
_LISTS = re.compile(
    r"[\s,;]*(?:(?:and|und|et|y|&|then|plus|和|以及)"
    r"|(?:[-*+•]|\(?\d+[.):])*[ \t]*(?:#{1,6}[^\n]*|\*\*[^\n]*|[^\n.!?]{0,30}[:：])?)\s*",
    re.IGNORECASE,
)


def without_reasoning(text: str, found: Sequence[Candidate]) -> str:
    """The text without what the model thought aloud: as many characters, blank where it stood.

    Tags inside of a value that could be read are a part of it.
    """
    spans = [(each.start, each.end) for each in found if not each.broken and each.is_container]
    marks = sorted([*_marks(_OPEN, text, spans, True), *_marks(_CLOSE, text, spans, False)])
    made: list[str] = []
    at, open_at = 0, None
    for start, end, opens in marks:
        if opens:
            open_at = start if open_at is None else open_at
            continue
        begun = 0 if open_at is None else open_at
        kept = "" if open_at is None else text[at:begun]
        made = [" " * at] if open_at is None else [*made, kept]
        made.append(" " * (end - max(at, begun)))
        at, open_at = end, None
    if open_at is not None:
        made += [text[at:open_at], " " * (len(text) - open_at)]
        at = len(text)
    return "".join([*made, text[at:]]) if marks else text


def _marks(
    pattern: re.Pattern[str], text: str, spans: Sequence[tuple[int, int]], opens: bool
) -> list[tuple[int, int, bool]]:
    """The tags that stand in no value."""
    made: list[tuple[int, int, bool]] = []
    number = 0
    for tag in pattern.finditer(text):
        while number < len(spans) and spans[number][1] <= tag.start():
            number += 1
        if number == len(spans) or tag.start() < spans[number][0]:
            made.append((tag.start(), tag.end(), opens))
    return made


def without_quote_marks(text: str) -> str:
    """The text of lines that are quoted with `>`, where JSON is among them."""
    return _QUOTED_LINE.sub("", text) if _QUOTED_JSON.search(text) else text


def before_next_turn(text: str, found: list[Candidate]) -> list[Candidate]:
    """The candidates up to where the model went on talking for the other side."""
    if not found:
        return found
    turn = _NEXT_TURN.search(text, found[0].end)
    return [each for each in found if each.start < turn.start()] if turn else found


def is_introduced_as_no_answer(text: str, found: Candidate) -> bool:
    """Whether the words right before a value call it an example, a format, a draft or an input."""
    return _NO_ANSWER_FOLLOWS.search(text[max(0, found.start - 40) : found.start]) is not None


def stands_alone(text: str, found: Candidate) -> bool:
    """Whether the lines of a value hold nothing else, but a marker of a list or a name for it."""
    before = _line_before(text, found.start)
    return bool(
        (_MARKER.fullmatch(before) or _NAME_BEFORE.fullmatch(before)) and _LINE_TAIL.match(text, found.end)
    )


def is_no_answer(text: str, found: Candidate) -> bool:
    """Whether a candidate is a citation, an interval, a check box, a set, an index or a part of code."""
    if found.fence in ("json", "code") or (found.fence and not found.broken):
        return False
    before = _line_before(text, found.start)
    if before.endswith("=") and not _NAME_BEFORE.fullmatch(before):
        return True
    if re.search(r"[\w)\]]\(\Z", before) and not re.fullmatch(r"\s*\w+\(", before):
        return True
    if found.broken:
        return False
    if isinstance(found.value, dict):
        return not found.value and not stands_alone(text, found)
    if isinstance(found.value, list):
        return _is_noise(text, found, before)
    return False


def _is_noise(text: str, found: Candidate, before: str) -> bool:
    value = found.value
    if re.search(r"[A-Za-z0-9_)\]\"'!]\Z|[A-Za-z0-9_)\]]\(\Z", before) or text.startswith("(", found.end):
        return True
    alone = stands_alone(text, found)
    if not value:
        return not alone
    if any(isinstance(item, str | dict | list) for item in value):
        return False
    if len(value) < 2:
        return True
    return not alone and (not before.rstrip().endswith((":", "：")) or bool(_CITES.search(before)))


def is_inner(text: str, found: Candidate) -> bool:
    """Whether a value stands behind a key that nothing has opened: `"tags": ["a"]`, or a line of YAML."""
    before = text[max(0, found.start - _REACH) : found.start]
    if found.fence == "code":
        return False
    if _QUOTED_KEY_BEFORE.search(before):
        return True
    line = _line_before(text, found.start)
    if not _FIELD_BEFORE.fullmatch(line):
        return False
    above = before[: len(before) - len(line)].rstrip("\n").rpartition("\n")[2]
    below = text[found.end : found.end + _REACH].partition("\n")[2].partition("\n")[0]
    return bool(_FIELD.fullmatch(above) or _FIELD.fullmatch(below))


def is_schema(value: Any) -> bool:
    """Whether a value is a JSON Schema and no answer: what was shown to the model, repeated."""
    if not isinstance(value, dict) or not isinstance(value.get("properties"), dict):
        return False
    parts = value["properties"].values()
    return bool(parts) and all(
        isinstance(part, dict) and part.keys() & {"type", "$ref", "anyOf", "enum", "const", "description"}
        for part in parts
    )


def gap(text: str, one: Candidate, other: Candidate) -> str:
    """What stands between two values, without code fences."""
    return _FENCE_LINE.sub("", text[one.end : other.start])


def lead(text: str, found: Candidate) -> str:
    """The words right before a value: at most its line and the one above."""
    before = _FENCE_LINE.sub("", text[max(0, found.start - _REACH) : found.start])
    return "\n".join(line for line in before.split("\n") if line.strip())[-_REACH:].rpartition("\n\n")[2]


def follows(between: str) -> bool:
    """Whether a value comes right after another."""
    return not between.strip(" \t\r\n,;\ufeff\xa0")


def lists(between: str) -> bool:
    """Whether what stands between two values is how lists are written: numbers, bullets, headings, "and"."""
    return len(between) < _REACH and _LISTS.fullmatch(between) is not None


def _line_before(text: str, at: int) -> str:
    start = max(text.rfind("\n", max(0, at - _REACH), at) + 1, at - _REACH, 0)
    return text[start:at]
