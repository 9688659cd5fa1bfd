"""From a prompt and rows to the requests of a batch: which are equal, which are answered already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kimi_magic import models
from kimi_magic.batch.cache import Cache, key_of
from kimi_magic.batch.rows import Rows
from kimi_magic.batch.run import BYTES_OF_TOKEN, TYPICAL_ANSWER, Batch, Job, Prompt, row_of
from kimi_magic.batch.template import Template, parse
from kimi_magic.client.connection import Connection
from kimi_magic.conversation import Conversation
from kimi_magic.engine import Form, plan
from kimi_magic.errors import KimiError, KimiUsageError
from kimi_magic.messages import Request
from kimi_magic.usage import Usage, cost, dollars

BOOKKEEPING = {
    "error": "string", "finish_reason": "string", "tokens": "integer", "cost": "number", "seconds": "number",
}  # fmt: skip
ANSWER_COLUMN = "answer"  # where an answer is no record
# Options of a turn that say nothing where there are many.
UNFIT = (
    "history", "history_reasoning", "history_limit", "chat", "append", "ask_again", "n", "frame",
    "out", "tool", "tools", "max_steps", "yes",
)  # fmt: skip

PromptFunction = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True, repr=False)
class Work:
    """A batch over rows: `places` are the jobs of the rows, None where `refused` says why there is none.

    `prompt_tokens` and `cost` (US dollars, None where unknown) are estimates for what is to be sent; `first`
    is one request of it. `names` are the columns that the answers add, `prefix` stands before them.
    """

    rows: Rows
    batch: Batch
    places: Sequence[int | None]
    refused: Mapping[int, KimiError] = field(default_factory=dict)
    prompt_tokens: int = 0
    cost: float | None = None
    first: Request | None = None
    names: Sequence[str] = ()
    prefix: str = ""

    @property
    def form(self) -> Form:
        """The form of all turns of a map."""
        return self.batch.forms[0]

    def shown(self) -> str:
        """The messages of the first request as they will be sent."""
        messages = self.first.messages if self.first else ()
        return "\n\n".join(f"{message.role}: {message.text}" for message in messages)

    def __repr__(self) -> str:
        """What will be sent, in one line."""
        open_count = len(self.batch.jobs) - len(self.batch.found)
        parts = [f"{self.rows.count:,} rows", f"{len(self.batch.jobs):,} distinct"]
        if self.batch.found:
            parts.append(f"{len(self.batch.found):,} answered before")
        if self.refused:
            parts.append(f"{len(self.refused):,} cannot be sent")
        if open_count:
            parts.append(f"about {self.prompt_tokens:,} tokens of prompts")
        if self.cost is not None and open_count:
            parts.append(f"about {dollars(self.cost)} with {TYPICAL_ANSWER} tokens an answer")
        return ", ".join(parts)


def over_rows(
    prompt: str | Template | PromptFunction,
    rows: Rows,
    form: Form,
    *,
    cache: Cache | None,
    namespace: Mapping[str, Any],
    prefix: str = "",
) -> Work:
    """The batch that fills `prompt`, a template or a function of a row, with each of `rows`.

    `namespace` holds the names of the notebook; `prefix` stands before the columns of the answers.

    Raises:
        KimiUsageError: The prompt cannot be filled, or columns would have the same name. Nothing was sent.
    """
    names = column_names(rows, form, prefix)
    prompts: dict[int, Prompt] = {}
    parsed: Template | None = None
    if callable(prompt):
        prompts = {number: _prompt_of(prompt, rows, number) for number in range(rows.count)}
        fill: Callable[[int], Prompt] = prompts.__getitem__
    else:
        parsed = template = (
            prompt
            if isinstance(prompt, Template)
            else parse(prompt, rows.columns, namespace, sends_secrets=form.options.force)
        )
        if not parsed.names and rows.count > 1:
            raise KimiUsageError(
                "the prompt has no {{column}} in it, so that all rows would be asked the same; "
                f"the columns are {', '.join(rows.columns)}"
            )

        def fill(number: int) -> Prompt:
            return template.fill(rows.columns, number)

    def check(number: int) -> None:
        if parsed is not None:
            parsed.check(rows.columns, number)

    batch = Batch([form], [], lambda job: fill(job.row))
    planned = _jobs(batch, rows.count, fill, check=check)
    return _work(rows, batch, planned, cache, names=names, prefix=prefix)


def over_combinations(
    prompts: Sequence[str], forms: Sequence[Form], rows: Rows, samples: int, cache: Cache | None
) -> Work:
    """The batch that asks each of `prompts` in each of `forms`, `samples` times; `rows` describes each.

    The rows go through the samples first, then the forms, then the prompts.
    """
    names = column_names(rows, forms[0], "")
    cases = [
        (form, prompt, sample)
        for prompt in prompts
        for form in range(len(forms))
        for sample in range(samples)
    ]
    batch = Batch(forms, [], lambda job: cases[job.row][1])
    jobs = _jobs(batch, rows.count, lambda n: cases[n][1], lambda n: (cases[n][0], cases[n][2]))
    return _work(rows, batch, jobs, cache, names=names, prefix="")


def _work(
    rows: Rows, batch: Batch, planned: _Planned, cache: Cache | None, *, names: Sequence[str], prefix: str
) -> Work:
    """The batch with what is kept of it in `cache`, and what the rest may cost.

    Raises:
        KimiUsageError: No row can be sent.
    """
    if planned.refused and len(planned.refused) == rows.count:
        raise planned.refused[0]
    find_kept(batch, cache)
    tokens, dollars_known = 0, True
    total = 0.0
    for number, (job, size) in enumerate(zip(batch.jobs, planned.sizes, strict=True)):
        if number not in batch.found:
            tokens += size // BYTES_OF_TOKEN
            price = _cost(batch.forms[job.form], size // BYTES_OF_TOKEN)
            dollars_known = dollars_known and price is not None
            total += price or 0.0
    estimate = total if dollars_known and _cost(batch.forms[0], 0) is not None else None
    return Work(rows, batch, planned.places, planned.refused, tokens, estimate, planned.first, names, prefix)


def find_kept(batch: Batch, cache: Cache | None) -> None:
    """Take the answers that are in `cache` for the jobs of `batch` that have none."""
    if cache is None:
        return
    missing = {job.key: number for number, job in enumerate(batch.jobs) if number not in batch.found}
    for key, entry in cache.find(missing).items():
        number = missing[key]
        batch.found[number] = row_of(entry, batch.forms[batch.jobs[number].form])


def _place(connection: Connection) -> str:
    """Who answers: an answer of the simulator or of a recording never stands for that of a service."""
    return connection.base_url if connection.is_paid else f"{connection.via} {connection.recording}"


class _Planned(NamedTuple):
    """The places of rows among the jobs, why some have none, the jobs' sizes in bytes, and one request."""

    places: list[int | None]
    refused: dict[int, KimiError]
    sizes: list[int]
    first: Request | None


def _jobs(
    batch: Batch,
    count: int,
    fill: Callable[[int], Prompt],
    form_and_sample: Callable[[int], tuple[int, int]] = lambda _: (0, 0),
    check: Callable[[int], None] = lambda _: None,
) -> _Planned:
    """Add a job for each different request of the rows; `check` refuses a row with a `KimiUsageError`."""
    scratch = Conversation()
    jobs: list[Job] = batch.jobs  # type: ignore[assignment]
    by_key: dict[str, int] = {}
    places: list[int | None] = []
    refused: dict[int, KimiError] = {}
    sizes: list[int] = []
    first = None
    for number in range(count):
        place, sample = form_and_sample(number)
        form = batch.forms[place]
        try:
            request = plan(fill(number), form, scratch).request
            check(number)
        except KimiUsageError as fault:
            refused[number] = fault
            places.append(None)
            continue
        first = first or request
        key = key_of(request, _place(form.connection), sample)
        if key not in by_key:
            by_key[key] = len(jobs)
            jobs.append(Job(key, place, number))
            sizes.append(sum(len(message.text.encode("utf-8", "replace")) for message in request.messages))
        places.append(by_key[key])
    return _Planned(places, refused, sizes, first)


def _prompt_of(prompt: PromptFunction, rows: Rows, number: int) -> Prompt:
    made = prompt(rows.row(number))
    if not isinstance(made, str | list | tuple):
        raise KimiUsageError(
            f"the prompt of row {number} is {type(made).__name__}: expected a text or a list of messages"
        )
    return made


def column_names(rows: Rows, form: Form, prefix: str) -> list[str]:
    """The columns that answers add, by their own names.

    Raises:
        KimiUsageError: Columns would have the same name.
    """
    schema = form.structure.schema if form.structure else None
    names = list(schema.record) if schema is not None and schema.record else [ANSWER_COLUMN]
    added = [prefix + name for name in names]
    clash = [name for name in added if name in rows.columns or name in BOOKKEEPING]
    clash += [name for name in BOOKKEEPING if name in rows.columns and (not prefix or prefix + name in added)]
    if clash:
        raise KimiUsageError(
            f"the result would have the column {clash[0]!r} twice; "
            "put something before the names of the answer's: {@column_prefix answer_}"
        )
    return names


def bookkeeping_name(name: str, rows: Rows, prefix: str) -> str:
    """What a column of ours is called beside the columns of the input."""
    return prefix + name if name in rows.columns else name


def _cost(form: Form, tokens: int) -> float | None:
    """US dollars for one answer to so many tokens, None where the price is unknown."""
    name = form.options.model
    price = models.price(name, name, form.connection.provider)
    return None if price is None else cost(Usage(tokens, TYPICAL_ANSWER), price)
