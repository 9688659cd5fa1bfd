"""What differs between two replies, or two values, place by place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from kimi_magic.json_text import path
from kimi_magic.reply import Reply


class Absent:
    """Stands for a value that one side does not have."""

    def __repr__(self) -> str:
        return "(absent)"

    __str__ = __repr__


ABSENT = Absent()


class Difference(NamedTuple):
    """One place where two values differ.

    `path` names it (`$.items[3].price`; of texts with several lines the line), `first` and `second` are what
    is there on each side. A side that has no such place has `ABSENT`.
    """

    path: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Differences(Sequence[Difference]):
    """All differences, in the order of the first value (`found`): a sequence, shown as a table."""

    found: tuple[Difference, ...]

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: Any) -> Any:
        return self.found[index]

    def __repr__(self) -> str:
        return f"<{self._count}>"

    def __str__(self) -> str:
        lines = [f"{each.path}: {_shown(each.first)} -> {_shown(each.second)}" for each in self.found]
        return "\n".join([self._count, *lines])

    @property
    def _count(self) -> str:
        count = len(self.found)
        return f"{count:,} difference{'s' * (count != 1)}" if count else "no differences"

    def _repr_html_(self) -> str:
        from kimi_magic.view import differences_html

        rows = [(each.path, _shown(each.first), _shown(each.second)) for each in self.found]
        return differences_html(rows, self._count)

    def _repr_markdown_(self) -> str:
        from kimi_magic.view import differences_markdown

        rows = [(each.path, _shown(each.first), _shown(each.second)) for each in self.found]
        return differences_markdown(rows, self._count)


def diff(first: object, second: object) -> Differences:
    """What differs between two replies, or two values.

    Parameters:
        first, second: Replies (their JSON if they have any, else their text), or values: of dicts, lists,
            dataclasses, Structs and models each part is compared, all else as a whole.

    Returns:
        The differences: empty if there are none.
    """
    return Differences(tuple(_compared(_value(first), _value(second), ())))


def _value(thing: object) -> Any:
    if isinstance(thing, Reply):
        values = [thing.turn.unwrapped(value) for value in thing.values]
        return thing.text if not values else values if thing.turn.step.n > 1 else values[0]
    if hasattr(thing, "model_dump"):
        return thing.model_dump()
    try:
        return msgspec.to_builtins(thing, enc_hook=lambda other: other)
    except (TypeError, ValueError, RecursionError):
        return thing


def _compared(first: Any, second: Any, steps: tuple[str | int, ...]) -> Iterator[Difference]:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in dict.fromkeys([*first, *second]):
            yield from _compared(first.get(key, ABSENT), second.get(key, ABSENT), (*steps, str(key)))
    elif isinstance(first, list | tuple) and isinstance(second, list | tuple):
        for number in range(max(len(first), len(second))):
            one = first[number] if number < len(first) else ABSENT
            other = second[number] if number < len(second) else ABSENT
            yield from _compared(one, other, (*steps, number))
    elif isinstance(first, str) and isinstance(second, str) and "\n" in first + second:
        yield from _lines(first.splitlines(), second.splitlines(), path(steps))
    elif not _is_same(first, second):
        yield Difference(path(steps), first, second)


def _is_same(first: Any, second: Any) -> bool:
    """Whether two values are equal; true is not 1, and NaN is NaN."""
    if isinstance(first, bool) is not isinstance(second, bool):
        return False
    return bool(first == second) or (first != first and second != second)  # noqa: PLR0124


def _lines(first: list[str], second: list[str], place: str) -> Iterator[Difference]:
    """The lines of two texts that differ, those that were moved along by others left alone."""
    for kind, start, end, begin, stop in difflib.SequenceMatcher(None, first, second, False).get_opcodes():
        if kind == "equal":
            continue
        for offset in range(max(end - start, stop - begin)):
            one = first[start + offset] if start + offset < end else ABSENT
            other = second[begin + offset] if begin + offset < stop else ABSENT
            yield Difference(f"{place}, line {start + offset + 1}", one, other)


def _shown(value: Any) -> str:
    if value is ABSENT:
        return repr(value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)
