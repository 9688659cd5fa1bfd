"""The reading of an answer that should be JSON: which value it is, and what had to be forgiven."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from . import good, prose
from .candidates import Candidate, candidates, decoded
from .value import BrokenError, JSONFault, Reader

LONGEST_QUOTE = 60  # characters of a text that a notice quotes
CUT = "length"  # the finish_reason of an answer that reached the cap

FENCE_NOTICE = "The model put the JSON into a code fence."
SERIES_NOTICE = "The model wrote {} JSON values one after the other; they are taken as a list."
REPEATED_NOTICE = "The model wrote the same JSON {} times; it is taken once."
ENTITY_NOTICE = "Quotes were written as HTML (&quot;); they were read as quotes."
QUOTED_NOTICE = "The lines were quoted with >; the marks were left out."
REASONING_NOTICE = "The model's reasoning stood in the answer; it was left out."
LATER_NOTICE = "The model wrote JSON before the answer; it was left out, because {}: {}."
PROSE_NOTICE = "The model wrote text around the JSON; it was left out: {}."

_ENTITY = re.compile(r"[{\[,:]\s*&(?:quot|#0*34|#[xX]22);")
_FENCE = re.compile(r"(?:`{3,}|~{3,})[ \t]*[\w+#.-]*")

Fits = Callable[[Any], bool]


class Found(NamedTuple):
    """A value as Python has it (dict, list, str, int, float, bool, None), and sentences for the reader.

    Integers are exact, up to the 4300 digits that Python reads; of a key that comes twice the last value
    counts; NaN and Infinity are floats; strings can always be encoded.
    """

    value: Any
    notices: tuple[str, ...]


def read(
    text: str,
    *,
    finish_reason: str | None = None,
    fits: Fits | None = None,
    wants_list: bool = False,
    digits: bool = False,
) -> Found:
    """The JSON value in `text`: all of it, in a code fence, or with prose around.

    Parameters:
        text: The answer.
        finish_reason: The service's word for why the answer ended. What was cut by its length is no value.
        fits: Whether a value is what was asked for. Of several the last that fits counts, without `fits` the
            last; several records with prose between are all taken, or none.
        digits: Whether floats shall be `Digits`, which know how they were written.
        wants_list: Whether a list was asked for, so that records one after the other may be one.

    Raises:
        JSONFault: There is no value, it is broken (a part of it is no answer), it is not certain which of
            several it is, it was cut, or it has more than 200 levels.
    """
    strict = good.whole(text, digits=digits)
    if finish_reason == CUT and (strict is None or not isinstance(strict.value, dict | list)):
        raise _cut(text)
    if strict is not None:
        return _decoded(Found(strict.value, strict.notices), fits, digits=digits)
    seen, notices = _prepared(text)
    found = candidates(seen, digits=digits)
    if (bare := prose.without_reasoning(seen, found)) != seen:
        notices.append(REASONING_NOTICE)
        seen, found = bare, candidates(bare, digits=digits)
    found = prose.before_next_turn(seen, found)
    if len(found) != 1 or _FENCE.sub("", seen[: found[0].start] + seen[found[0].end :]).strip():
        found = [each for each in found if not prose.is_no_answer(seen, each)]
    choice = _Choice(seen, found, fits, wants_list).choose()
    if isinstance(choice.value, str):
        decoded = _decoded(Found(choice.value, ()), fits, digits=digits)
        choice = choice._replace(value=decoded.value, notices=(*choice.notices, *decoded.notices))
    around = _around(seen, choice.used)
    return Found(choice.value, tuple(dict.fromkeys([*notices, *around, *choice.notices])))


def quoted(text: str) -> str:
    """A piece of text for a notice: on one line, shortened, in quotes."""
    words = " ".join(text[: 4 * LONGEST_QUOTE].split())
    return f"“{words if len(words) <= LONGEST_QUOTE else words[: LONGEST_QUOTE - 1] + '…'}”"


# ---- before and after ----


def _prepared(text: str) -> tuple[str, list[str]]:
    """The text without what hides its JSON, and notices."""
    notices = []
    if _ENTITY.search(text):
        text = html.unescape(text)
        notices.append(ENTITY_NOTICE)
    if (bare := prose.without_quote_marks(text)) != text:
        text = bare
        notices.append(QUOTED_NOTICE)
    return text, notices


def _decoded(found: Found, fits: Fits | None, *, digits: bool) -> Found:
    """What a string that holds JSON stands for; a string that was asked for stays one."""
    if not isinstance(found.value, str) or (fits and fits(found.value)):
        return found
    value, notices = decoded(found.value, digits=digits)
    return Found(value, (*found.notices, *notices))


def _around(text: str, used: Sequence[Candidate]) -> list[str]:
    """Notices about what stands around the values that were taken."""
    outside = text[: used[0].start] + "\n" + text[used[-1].end :]
    words = _FENCE.sub("", outside).strip("\ufeff\u200b \t\r\n}]")
    if words:
        return [PROSE_NOTICE.format(quoted(words))]
    return [FENCE_NOTICE] if _FENCE.search(outside) else []


def _cut(text: str) -> JSONFault:
    """The fault of an answer that was cut by its length: where its JSON broke off, as far as can be said."""
    found = candidates(text)
    if found and (last := found[-1]).broken:
        last.broken.truncated = True
        return last.broken.fault(text)
    end = len(text.rstrip())
    problem = "expected the end of the value, got the end of the answer" if text.strip() else (
        "expected a value, got the end of the answer"
    )  # fmt: skip
    fault = BrokenError(end, problem)
    fault.truncated = True
    return fault.fault(text)


# ---- which of several ----


class _Chosen(NamedTuple):
    value: Any
    used: tuple[Candidate, ...]
    notices: tuple[str, ...]


class _Choice:
    """The choice among candidates: what is certain, or a fault."""

    def __init__(self, text: str, found: Sequence[Candidate], fits: Fits | None, wants_list: bool) -> None:
        self._text = text
        self._all = list(found)
        self._fits = fits
        self._wants_list = wants_list

    def choose(self) -> _Chosen:
        """The value that is the answer."""
        if not self._all:
            raise self._nothing()
        for each in self._all:
            if prose.is_inner(self._text, each):
                raise BrokenError(each.start, "expected one whole value, got a part of one").fault(self._text)
        pool = self._pool()
        return self._among_fitting(pool) if self._fits else self._among_any(pool)

    def _pool(self) -> list[Candidate]:
        """The candidates that may be the answer: nothing empty, no schema, no code where there is more."""
        pool = [each for each in self._all if each.broken or not prose.is_schema(each.value)] or self._all
        pool = [each for each in pool if each.fence != "code"] or pool
        pool = [each for each in pool if each.is_container] or pool
        pool = [each for each in pool if each.broken or each.value not in ({}, [])] or pool
        return [
            each for each in pool if each.fence or not prose.is_introduced_as_no_answer(self._text, each)
        ] or pool

    def _among_any(self, pool: list[Candidate]) -> _Chosen:
        last = self._preferred(pool)
        if last.broken:
            raise last.broken.fault(self._text)
        group = self._adjacent(pool, last)
        alike = [each for each in pool if each is last or _alike(self._text, each, last)]
        if len(alike) >= len(group):
            group = alike
        if len(group) == 1:
            return self._one(last)
        if series := self._series(group):
            return series
        if self._is_corrected(group):
            return self._one(group[-1])
        raise self._several(group)

    def _adjacent(self, pool: list[Candidate], last: Candidate) -> list[Candidate]:
        """The values that stand right before `last`, one after the other, and `last`."""
        group = [last]
        for each in reversed(pool[: _place(pool, last)]):
            between = prose.gap(self._text, each, group[-1])
            is_next = prose.follows(between) and ("\n\n" not in between or _alike(self._text, each, last))
            if not is_next:
                break
            group.append(each)
        return group[::-1]

    def _among_fitting(self, pool: list[Candidate]) -> _Chosen:
        assert self._fits is not None  # noqa: S101
        fitting = [each for each in pool if not each.broken and self._fits(each.value)]
        if self._wants_list and (series := self._records(pool, fitting)):
            return series
        if not fitting:
            return self._among_any(pool)
        if any(each.fence == "json" for each in fitting) and not self._is_corrected(fitting):
            fitting = [each for each in fitting if each.fence == "json"]
        last = fitting[-1]
        later = [each for each in pool if each.start > last.start and each.broken]
        if later and _alike(self._text, later[-1], last) and later[-1].fence == last.fence:
            raise later[-1].broken.fault(self._text)  # type: ignore[union-attr]
        different = [each for each in fitting if each.value != last.value]
        if different and not self._is_corrected([*different, last]):
            between = prose.gap(self._text, different[-1], last)
            if self._are_parallel(fitting) or prose.DISMISSES.search(between[-_REACH:]):
                raise self._several(fitting)
        return self._one(last)

    def _records(self, pool: list[Candidate], fitting: list[Candidate]) -> _Chosen | None:
        """Records one after the other where a list was asked for, if they are not lists themselves."""
        assert self._fits is not None  # noqa: S101
        records = [each for each in pool if each.broken or isinstance(each.value, dict)]
        if len(records) < 2 or any(isinstance(each.value, list) for each in fitting):
            return None
        shaped = [each for each in records if _alike(self._text, each, records[-1])]
        if len(shaped) < 2:
            return None
        if broken := next((each for each in shaped if each.broken), None):
            raise broken.broken.fault(self._text)  # type: ignore[union-attr]
        if self._is_corrected(shaped):
            return None
        if any(self._fits([each.value]) for each in shaped):  # and not lists inside of an object
            return self._list(shaped)
        return None

    def _preferred(self, pool: list[Candidate]) -> Candidate:
        """The last of the best kind: in a fence marked as JSON, on lines of its own, in a sentence."""
        last = pool[-1]
        marked = [each for each in pool if each.fence == "json"]
        if marked and (last.fence == "json" or not self._is_corrected([marked[-1], last])):
            return marked[-1]
        if not last.fence and not prose.stands_alone(self._text, last):
            alone = [each for each in pool if each.fence or prose.stands_alone(self._text, each)]
            if alone and not _alike(self._text, alone[-1], last):
                return alone[-1]
        return last

    def _series(self, group: list[Candidate]) -> _Chosen | None:
        """All of the group, where nothing but marks of a list stands between them."""
        values = [each.value for each in group]
        if all(each.broken is None and each.value == values[0] for each in group):
            notice = REPEATED_NOTICE.format(len(group))
            return self._one(group[-1])._replace(notices=(*group[-1].notices, notice))
        between = [prose.gap(self._text, one, other) for one, other in pairwise(group)]
        if not all(prose.follows(gap) or prose.lists(gap) for gap in between):
            return None
        if any(prose.CORRECTS.search(gap) for gap in between):
            return None
        lead = prose.lead(self._text, group[0]) if group[0].start else ""
        if any(prose.OFFERS_CHOICE.search(gap) for gap in [*between, lead[-40:]]):
            return None
        for each in group:
            if each.broken:
                raise each.broken.fault(self._text)
            if each.extra:
                raise BrokenError(each.end, "expected a comma, got a bracket that nothing opened").fault(
                    self._text
                )
        return self._list(group)

    def _is_corrected(self, group: Sequence[Candidate]) -> bool:
        """Whether the words say that the last of them takes the place of the others."""
        before = self._text[max(0, group[0].start - 120) : group[0].start].rpartition("\n\n")[2]
        between = prose.gap(self._text, group[-2], group[-1]) if len(group) > 1 else ""
        if len(between) > 2_000:
            between = between[:1_000] + between[-1_000:]
        if prose.CORRECTS.search(between):
            return True
        return len(group) == 2 and prose.INTRODUCES_NO_ANSWER.search(before) is not None

    def _are_parallel(self, group: Sequence[Candidate]) -> bool:
        """Whether values stand side by side, as records or alternatives do."""
        gaps = [prose.gap(self._text, one, other) for one, other in pairwise(group)]
        return all(
            prose.follows(gap) or prose.lists(gap) or prose.OFFERS_CHOICE.search(gap[:_HINT]) for gap in gaps
        )

    def _one(self, only: Candidate) -> _Chosen:
        notices = list(only.notices)
        earlier = [each for each in self._all if each.start < only.start and not each.broken]
        if earlier and earlier[-1].value != only.value:
            why = "a later one fits" if self._fits else "the last one counts"
            start, end = earlier[-1].start, earlier[-1].end
            notices.append(LATER_NOTICE.format(why, quoted(self._text[start:end])))
        return _Chosen(only.value, (only,), tuple(notices))

    def _list(self, group: Sequence[Candidate]) -> _Chosen:
        notices = [notice for each in group for notice in each.notices]
        return _Chosen(
            [each.value for each in group], tuple(group), (*notices, SERIES_NOTICE.format(len(group)))
        )

    def _several(self, group: Sequence[Candidate]) -> JSONFault:
        problem = f"expected one value, got {len(group)} of the same kind and no word which of them counts"
        return BrokenError(group[-1].start, problem).fault(self._text)

    def _nothing(self) -> JSONFault:
        text = self._text
        start = len(text) - len(text.lstrip("\ufeff \t\r\n"))
        return Reader(text).broken(start, "a value").fault(text)


_REACH = 120  # characters before a value that may say that it is not the answer
_HINT = 60  # characters after a value that may say that another choice follows
_MOST_KEYS = 40


def _place(pool: list[Candidate], found: Candidate) -> int:
    return next(number for number, each in enumerate(pool) if each is found)


def _alike(text: str, one: Candidate, other: Candidate) -> bool:
    """Whether two candidates look like records of the same kind."""
    if one.broken or other.broken:
        return bool(_first_keys(text, one) & _first_keys(text, other))
    match one.value, other.value:
        case dict() as first, dict() as second:
            shared = len(first.keys() & second.keys())
            fewer, more = sorted((len(first), len(second)))
            return first == second or (2 * shared >= fewer > 0 and 3 * shared >= more)
        case list() as first, list() as second:
            return first == second or {type(item) for item in first} == {type(item) for item in second}
    return False


def _first_keys(text: str, found: Candidate) -> set[str]:
    """The keys of a value, of a broken one those that its beginning names."""
    if isinstance(found.value, dict):
        return set(found.value)
    part = text[found.start : min(found.end, found.start + 2_000)]
    return {key.strip() for key in re.findall(r"[\"'“]?([\w -]{1,40})[\"'”]?\s*[:：]", part)[:_MOST_KEYS]}
