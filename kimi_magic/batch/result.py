"""What comes back of a batch: a value or an error for each row, in the order of the rows."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic

from kimi_magic import agreements, frames
from kimi_magic.batch.plan import ANSWER_COLUMN, BOOKKEEPING, Work, bookkeeping_name, column_names
from kimi_magic.batch.rows import Rows
from kimi_magic.batch.run import Batch, Row
from kimi_magic.engine import Form
from kimi_magic.errors import KimiError, KimiUsageError
from kimi_magic.usage import Usage, dollars, sum_of

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

NOT_SENT = "not sent"
_MOST_KINDS = 3  # of errors that the one line of a result names


class MapResult(Generic[T]):
    """The answers to one prompt over many rows. `len(result)` is the number of rows.

    - `frame`: the input with a column for each field of the schema (else `answer`), and `error`,
      `finish_reason`, `tokens`, `cost` and `seconds`; of rows that were equal only the first has tokens and
      cost, for they were sent once
    - `data`: the value of each row, None where there is none; `text`: what the model wrote, "" if nothing;
      `reasoning`: what it thought before, "" if nothing
    - `errors`: by the number of the row, why it has no value
    - `usage`, `cost`: tokens as the service counted them, and US dollars (an estimate, None where unknown),
      of all rows that are here, also of those that were answered in an earlier run
    - `spent`: US dollars of this run alone
    - `is_partial`: whether rows were not sent, because it was stopped; `stopped`: the error that did it, None
      if a person did
    """

    def __init__(
        self,
        work: Work,
        *,
        interrupted: bool = False,
        again: Callable[[Work], MapResult[T]] | None = None,
        again_later: Callable[[Work], Awaitable[MapResult[T]]] | None = None,
    ) -> None:
        self._work = work
        self._again = again
        self._again_later = again_later
        self.interrupted = interrupted
        self.stopped = work.batch.stopped
        self.spent = work.batch.spent
        self._rows = [self._row(number) for number in range(work.rows.count)]

    def _row(self, number: int) -> Row:
        place = self._work.places[number]
        if place is None:
            return Row(error=self._work.refused[number])
        row = self._work.batch.found.get(place)
        if row is None:
            why = f": {self.stopped.message}" if self.stopped else ""
            row = Row(error=self.stopped or KimiUsageError(f"{NOT_SENT}{why}"))
        return row

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def is_partial(self) -> bool:
        """Whether rows were not sent, because it was stopped."""
        return len(self._work.batch.found) < len(self._work.batch.jobs)

    @property
    def data(self) -> list[T | None]:
        """The value of each row, None where there is none."""
        return [row.data for row in self._rows]

    @property
    def text(self) -> list[str]:
        """What the model wrote for each row, "" where nothing came."""
        return [row.text for row in self._rows]

    @property
    def reasoning(self) -> list[str]:
        """What the model thought before it wrote, for each row; "" where nothing came."""
        return [row.reasoning for row in self._rows]

    @property
    def errors(self) -> dict[int, KimiError]:
        """Why rows have no value, by their number from 0."""
        return {number: row.error for number, row in enumerate(self._rows) if row.error is not None}

    @property
    def usage(self) -> Usage:
        """Tokens as the service counted them; equal rows count once."""
        return sum_of([row.usage for row in self._work.batch.found.values() if row.usage is not None])

    @property
    def cost(self) -> float | None:
        """US dollars by list price, an estimate; None where it is unknown for all."""
        known = [row.cost for row in self._work.batch.found.values() if row.cost is not None]
        return sum(known) if known else None

    @cached_property
    def frame(self) -> Any:
        """The input with the answers beside it; see the class."""
        return frame_of(self._work, self._rows)

    def retry(self) -> MapResult[T]:
        """Ask again for the rows without a value, with the same options; a result with all rows.

        Raises:
            KimiError: See `kimi_magic.map`.
        """
        if self._again is None:
            raise KimiUsageError("this result came from a file; call kimi_magic.map again")
        return self._again(self._without_errors())

    async def aretry(self) -> MapResult[T]:
        """`retry`, leaving the running loop free."""
        if self._again_later is None:
            raise KimiUsageError("this result came from a file; call kimi_magic.amap again")
        return await self._again_later(self._without_errors())

    def _without_errors(self) -> Work:
        batch = self._work.batch
        good = {number: row for number, row in batch.found.items() if row.error is None}
        return replace(self._work, batch=replace(batch, found=good, stopped=None, spent=0.0))

    def __repr__(self) -> str:
        return f"<MapResult {self}>"

    def __str__(self) -> str:
        count = len(self) - len(self.errors)
        parts = [f"{count:,} of {len(self):,} rows have a value"]
        kinds = Counter(_kind(error) for error in self.errors.values())
        parts += [f"{number:,} {kind}" for kind, number in kinds.most_common(_MOST_KINDS)]
        if self.spent:
            parts.append(f"about {dollars(self.spent)}")
        if self.is_partial:
            parts.append("stopped: the rest was not sent")
        return ", ".join(parts)


Grader = Callable[..., Any]


class GridResult(MapResult[T]):
    """The answers to each prompt in each combination of options: a `MapResult` whose rows are combinations.

    - `frame` has a column for each grader too: what it returned for the value of the row, None where there
      is none
    - `agreement`: for each prompt and field of the answer, the most frequent value among all combinations,
      and the share of the answers that have it
    """

    def __init__(self, work: Work, *, graders: Mapping[str, Grader], **more: Any) -> None:
        self._graders = graders
        super().__init__(work, **more)

    @cached_property
    def frame(self) -> Any:
        """A row for each combination, with what the graders say."""
        made = super().frame
        for name, grader in self._graders.items():
            grades = [
                None if row.data is None else _grade(grader, row.data, self._work.rows.row(number))
                for number, row in enumerate(self._rows)
            ]
            if hasattr(made, "with_columns"):  # polars, whose frames do not change
                made = made.with_columns(frames.frame([{name: grade} for grade in grades])[name])
            else:
                made[name] = grades
        return made

    @cached_property
    def agreement(self) -> Any:
        """One row for each prompt and field: `value`, its share as `agreement`, and how many `answers`."""
        by_prompt: dict[str, list[Any]] = {}
        for prompt, row in zip(self._work.rows.columns["prompt"], self._rows, strict=True):
            by_prompt.setdefault(prompt, []).extend([] if row.data is None else [row.data])
        schema = self._work.form.structure.schema if self._work.form.structure else None
        is_record = schema is not None and bool(schema.record)
        records = []
        for prompt, answers in by_prompt.items():
            if is_record:
                rows = agreements.of(answers, self._work.names)
            else:
                rows = tuple(agreements.whole(answers, name) for name in self._work.names)
            records += [
                {
                    "prompt": prompt,
                    "field": row.field,
                    "value": row.value,
                    "agreement": row.agreeing / row.answers if row.answers else None,
                    "answers": row.answers,
                }
                for row in rows
            ]
        return frames.frame(records, columns={"agreement": "number"})


def _grade(grader: Grader, value: Any, combination: Mapping[str, Any]) -> Any:
    """What a grader says of a value; one that takes two arguments is also given the combination."""
    takes_two = len(inspect.signature(grader).parameters) > 1
    return grader(value, combination) if takes_two else grader(value)


def _kind(error: KimiError) -> str:
    return NOT_SENT if error.message.startswith(NOT_SENT) else type(error).__name__


def frame_of(work: Work, rows: list[Row]) -> Any:
    """The frame of a result, by the library of the input, else the one that is there."""
    source, library = work.rows.source, work.rows.library
    module = frames.library({}, choice=library)
    choice = module.__name__.partition(".")[0]
    if not library:
        columns = work.rows.columns
        source = frames.frame([work.rows.row(i) for i in range(work.rows.count)], choice=choice)
        if not work.rows.count:
            source = module.DataFrame({name: [] for name in columns})
    parts = [source, _answers(work, rows, choice), _bookkeeping(work, rows, choice)]
    if choice == "polars":
        return parts[0].hstack(parts[1]).hstack(parts[2])
    for part in parts[1:]:
        part.index = source.index
    return module.concat(parts, axis=1)


def frame_without_answers(rows: Rows, form: Form, prefix: str) -> Any:
    """The frame of a result in which no row has a value: all columns, of types that hold what is missing."""
    refused = dict.fromkeys(range(rows.count), KimiUsageError(NOT_SENT))
    batch = Batch([form], [], lambda _: "")
    names = column_names(rows, form, prefix)
    return MapResult(Work(rows, batch, [None] * rows.count, refused, names=names, prefix=prefix)).frame


def _answers(work: Work, rows: list[Row], choice: str) -> Any:
    schema = work.form.structure.schema if work.form.structure else None
    if schema is not None and schema.record:
        made = frames.frame(
            [{} if r.data is None else r.data for r in rows], columns=schema.record, choice=choice
        )
    else:
        kind = "string" if work.form.structure is None else "object"
        records = [{ANSWER_COLUMN: row.data} for row in rows]
        made = frames.frame(records, columns={ANSWER_COLUMN: kind}, choice=choice)
    if not work.prefix:
        return made
    names = {name: work.prefix + name for name in made.columns}
    return made.rename(names) if choice == "polars" else made.rename(columns=names)


def _bookkeeping(work: Work, rows: list[Row], choice: str) -> Any:
    first = set()
    records = []
    names = {name: bookkeeping_name(name, work.rows, work.prefix) for name in BOOKKEEPING}
    for row, place in zip(rows, work.places, strict=True):
        tokens, cost = (row.usage.total if row.usage else None), row.cost
        if place in first:  # an equal row, which was not sent again
            tokens, cost = (tokens and 0), (cost and 0.0)
        first.add(place)
        error = row.error.message if row.error else None
        values = (error, row.finish_reason, tokens, cost, row.seconds or None)
        records.append(dict(zip(names.values(), values, strict=True)))
    columns = {names[name]: kind for name, kind in BOOKKEEPING.items()}
    return frames.frame(records, columns=columns, choice=choice)
