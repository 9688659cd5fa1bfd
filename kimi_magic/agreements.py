"""How far several answers to one prompt agree, field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Agreement(NamedTuple):
    """The most frequent value of a field ("" for the whole answer), and how many of the `answers` have it."""

    field: str
    value: Any
    agreeing: int
    answers: int


def of(answers: Sequence[Any], fields: Sequence[str] | None = None) -> tuple[Agreement, ...]:
    """One row for each field; `fields` are those of the answers, None to take them from what they have.

    Answers that are no records agree as a whole, or not.
    """
    if fields is None:
        if not answers or not all(isinstance(answer, Mapping) for answer in answers):
            return (whole(answers),)
        fields = list(dict.fromkeys(name for answer in answers for name in answer))
    return tuple(whole([_part(answer, name) for answer in answers], name) for name in fields)


def whole(values: Sequence[Any], field: str = "") -> Agreement:
    """How far values agree, each as a whole."""
    ranked = Counter(map(repr, values)).most_common(1)  # not every value has a hash
    best = next((value for value in values if repr(value) == ranked[0][0]), None)
    return Agreement(field, best, ranked[0][1] if ranked else 0, len(values))


def _part(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name, None)
