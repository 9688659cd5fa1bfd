"""The exact reading of an answer that should be JSON: where the value is, and what had to be forgiven."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from .value import BrokenError, Reader

LARGEST_SAFE = 2**53  # beyond it JavaScript, and so a notebook's page, rounds integers

_LEADING = re.compile(r"[\s\ufeff]*")
_OPENER = re.compile(r"[{\[]")
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[^\n]*$", re.MULTILINE)
PROSE_NOTICE = "The model wrote text around the JSON; it was left out."
FENCE_NOTICE = "The model put the JSON into a code fence."
SERIES_NOTICE = "The model wrote {} JSON values one after the other; they are taken as a list."


class Found(NamedTuple):
    """A value as Python has it (dict, list, str, int, float, bool, None), and sentences for the reader.

    Integers are exact, up to the 4300 digits that Python reads; of a key that comes twice the last value
    counts; NaN and Infinity are floats; strings can always be encoded.
    """

    value: Any
    notices: tuple[str, ...]


def read(text: str) -> Found:
    """The JSON value in `text`: all of it, inside a code fence, or with prose around.

    Of several values the longest counts, for in prose the short ones are examples; but objects or arrays that
    directly follow each other (JSON Lines) are taken as a list. Raises `JSONFault`, also where the value has
    more than 200 levels, or where the longest beginning of a value is broken: a part of it is no answer.
    """
    tries = _tries(text)
    best = max(tries, key=lambda each: (each.progress, each.broken is None))
    series = _series(text, tries, best)
    for each in series:
        if each.broken:
            raise each.broken.fault(text)
    notices = [sentence for each in series for sentence in each.notices]
    outside = text[: series[0].start] + "\n" + text[series[-1].end :]
    if _FENCE.sub("", outside).replace("\ufeff", "").strip():
        notices.insert(0, PROSE_NOTICE)
    elif _FENCE.search(outside):
        notices.insert(0, FENCE_NOTICE)
    if len(series) == 1:
        return Found(best.value, tuple(notices))
    notices.append(SERIES_NOTICE.format(len(series)))
    return Found([each.value for each in series], tuple(notices))


def portable(value: Any) -> Any:
    """A copy of what `read` found that every JSON reader takes alike, such as the page of a notebook.

    NaN and infinities become null, as in JavaScript's own writer; integers beyond 2**53 become strings,
    because as numbers they would be shown with wrong digits.
    """
    match value:
        case int() if not isinstance(value, bool) and abs(value) > LARGEST_SAFE:
            return str(value)
        case float() if not math.isfinite(value):
            return None
        case list():
            return [portable(item) for item in value]
        case dict():
            return {key: portable(item) for key, item in value.items()}
    return value


# ---- where the value is ----


class _Try(NamedTuple):
    """What reading from `start` gave: the value that ends at `end`, or why it went no further."""

    start: int
    end: int
    value: Any
    broken: BrokenError | None
    notices: tuple[str, ...] = ()

    @property
    def progress(self) -> int:
        """How much speaks for it; a bracket alone says nothing."""
        return max(0, self.end - self.start - 1)


def _tries(text: str) -> list[_Try]:
    """In order: from the beginning of the text, of each code fence, and from each bracket."""
    alone_until = {_start(text, 0): len(text)}
    fences = list(_FENCE.finditer(text))
    for number in range(0, len(fences), 2):
        end = fences[number + 1].start() if number + 1 < len(fences) else len(text)
        alone_until.setdefault(_start(text, fences[number].end()), end)
    tries: list[_Try] = []
    opened: set[int] = set()
    done = 0
    for at in sorted({*alone_until, *(bracket.start() for bracket in _OPENER.finditer(text))}):
        # A bracket that was read as a part of something leads no further than that did.
        if at < done or at in opened:
            continue
        tries.append(_try(text, at, alone_until.get(at, -1), opened))
        if not tries[-1].broken:
            done = tries[-1].end
    return tries


def _start(text: str, at: int) -> int:
    leading = _LEADING.match(text, at)
    return leading.end() if leading else at


def _try(text: str, start: int, alone_until: int, opened: set[int]) -> _Try:
    """Read from `start`; what is no container must be all that there is up to `alone_until`."""
    reader = Reader(text, opened)
    is_container = text[start : start + 1] in ("{", "[")
    try:
        value, end = reader.read(start)
        rest = reader.skip(end)
        if not is_container and rest < alone_until:
            raise reader.broken(rest, "nothing more")
    except BrokenError as broken:
        return _Try(start, broken.reached if is_container else start, None, broken)
    return _Try(start, end, value, None, reader.notices())


def _series(text: str, tries: list[_Try], best: _Try) -> list[_Try]:
    """The best with the containers right before and after it, up to one that is cut off by the end."""
    if best.broken or not isinstance(best.value, dict | list):
        return [best]
    containers = [each for each in tries if each.end > each.start and text[each.start] in "{["]
    at = containers.index(best)
    first = last = at
    while first and _follows(text, containers[first - 1], containers[first]):
        first -= 1
    while last + 1 < len(containers) and _follows(text, containers[last], containers[last + 1]):
        last += 1
    return containers[first : last + 1]


def _follows(text: str, one: _Try, other: _Try) -> bool:
    if one.broken or (other.broken and not other.broken.truncated):
        return False
    return not text[one.end : other.start].strip(" \t\r\n,")
