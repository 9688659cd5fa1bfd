"""Many turns at once, each as `engine` has it: order, pace, budget and cache of a batch. Runs on one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from kimi_magic import engine, models, structured
from kimi_magic.batch.cache import Cache, Entry
from kimi_magic.batch.pace import Pace, Purse
from kimi_magic.bridge import Aside
from kimi_magic.client import Client
from kimi_magic.client.connection import Connection
from kimi_magic.client.retries import pause
from kimi_magic.conversation import Conversation, End, Step, Turn
from kimi_magic.engine import Form, Plan
from kimi_magic.errors import (
    KimiAuthError,
    KimiBudgetError,
    KimiError,
    KimiJSONError,
    KimiModelError,
    KimiPermissionError,
    KimiQuotaError,
    KimiRateLimitError,
    KimiStreamError,
    KimiUsageError,
)
from kimi_magic.messages import CALLS, LENGTH, STOP, Event, Noticed, Request, Retrying, Sent
from kimi_magic.models import Price
from kimi_magic.usage import Usage, cost

BYTES_OF_TOKEN = 4  # of a prompt in UTF-8, about
TYPICAL_ANSWER = 500  # tokens of reasoning and answer where nothing is known yet
CACHED_PREFIX = 1_024  # bytes that prompts begin with alike, from which a service caches them: 256 tokens
MOST_RATE_REFUSALS = 50  # of one request, in a row
REPORT_INTERVAL = 0.04  # s between two reports of progress: each wakes another thread
# What one row was refused for, every row is refused for.
HOPELESS = (KimiAuthError, KimiQuotaError, KimiPermissionError, KimiModelError, KimiBudgetError)

Prompt = str | Sequence[Any]


class Row(msgspec.Struct, frozen=True):
    """What became of one row. `cost` is in US dollars, `seconds` from sending to the end.

    `error` is None where there is a value; `is_kept`: the answer was there already, nothing was sent.
    """

    data: Any = None
    error: KimiError | None = None
    text: str = ""
    model: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    cost: float | None = None
    seconds: float = 0.0
    is_kept: bool = False
    reasoning: str = ""


class Job(NamedTuple):
    """One request to be answered: its key in the cache, the form of its turn, and where its prompt is."""

    key: str
    form: int
    row: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once and a minute, what it may cost (US dollars), and whether to end at the first error."""

    concurrency: int = 32
    rpm: float | None = None
    tpm: float | None = None
    budget: float | None = None
    stops_at_error: bool = False


class Progress(NamedTuple):
    """How far a batch is: requests by number, US dollars, and what is waited for.

    `last_bad` is the last row without a value: its number and its error.
    """

    total: int
    done: int
    failed: int
    kept: int
    in_flight: int
    spent: float
    usage: Usage
    last_bad: tuple[int, str] | None
    refusals: int


@dataclass(slots=True)
class Batch:
    """What is to be answered, and what became of it.

    `forms` are the options of the turns; `prompt` gives the prompt of a job; `jobs` are the different
    requests. `found` are the rows by job: what is in it is not asked again. `stopped` is why not all were
    sent.
    """

    forms: Sequence[Form]
    jobs: Sequence[Job]
    prompt: Callable[[Job], Prompt]
    found: dict[int, Row] = field(default_factory=dict)
    stopped: KimiError | None = None
    spent: float = 0.0

    def plan(self, job: Job) -> Plan:
        """The turn of a job.

        Raises:
            KimiUsageError: Its prompt cannot be sent.
        """
        return engine.plan(self.prompt(job), self.forms[job.form], Conversation())


async def run(
    batch: Batch,
    client: Client,
    cache: Cache | None,
    limits: Limits,
    *,
    note: Callable[[Step], None],
    emit: Callable[[list[Progress]], None],
) -> None:
    """Answer what is not answered yet. Rows without a value have an error; nothing is raised for them.

    `note` is told each request when it has ended, `emit` how far it is. Cancelled, it closes all connections;
    what had ended is in `batch.found`, as after an end before the last row.

    Raises:
        KimiUsageError: The cache cannot be written.
    """
    runner = _Runner(batch, client, cache, limits, note=note, emit=emit)
    try:
        await runner.run()
    finally:
        runner.close()
        batch.spent += runner.purse.spent


class _Runner:
    """One run over the jobs that are open."""

    def __init__(
        self,
        batch: Batch,
        client: Client,
        cache: Cache | None,
        limits: Limits,
        *,
        note: Callable[[Step], None],
        emit: Callable[[list[Progress]], None],
    ) -> None:
        self._batch = batch
        self._client = client
        self._cache = cache
        self._limits = limits
        self._note = note
        self._emit = emit
        self._pace = Pace(limits.concurrency, limits.rpm, limits.tpm)
        self.purse = Purse(limits.budget)
        self._aside = Aside()
        self._prices = [_price_of(form) for form in batch.forms]
        open_jobs = [number for number in range(len(batch.jobs)) if number not in batch.found]
        self._first = self._leaders(open_jobs)
        leading = set(self._first.values())
        self._queue = iter([*leading, *(number for number in open_jobs if number not in leading)])
        self._open = len(open_jobs)
        self._heard = {form: asyncio.Event() for form in self._first}  # from the first of each form
        self._kept = len(batch.jobs) - len(open_jobs)
        self._done = self._failed = 0
        self._last_bad: tuple[int, str] | None = None
        self._usage = Usage()
        self._prompt_ratio = 1.0  # of counted tokens to our estimate, of the last answer
        self._report_due: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        self._report()
        self._batch.stopped = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._limits.concurrency, self._open)):
                    group.create_task(self._work(self._queue))
        except BaseExceptionGroup as failures:  # they are tasks of ours: no groups inside
            for failure in failures.exceptions:
                if not isinstance(failure, _StopError):
                    raise failure from None
                self._batch.stopped = failure.error
        self._report()

    def close(self) -> None:
        """Check no more answers, and report what has not been reported."""
        self._aside.close()
        if self._report_due is not None:
            self._report()

    def _leaders(self, jobs: Sequence[int]) -> dict[int, int]:
        """The first job of each form whose prompts begin alike: it goes alone, for the service's cache."""
        first: dict[int, list[int]] = {}
        for number in jobs:
            numbers = first.setdefault(self._batch.jobs[number].form, [])
            if len(numbers) < 2:
                numbers.append(number)
        return {form: pair[0] for form, pair in first.items() if self._goes_alone(pair)}

    def _goes_alone(self, pair: Sequence[int]) -> bool:
        if len(pair) < 2:
            return False
        if self._limits.budget is not None:
            return True  # it shows what an answer costs
        try:
            one, other = (self._batch.plan(self._batch.jobs[number]).request for number in pair)
        except KimiError:
            return False
        return _common_prefix(one, other) >= CACHED_PREFIX

    async def _work(self, queue: Iterator[int]) -> None:
        for number in queue:
            job = self._batch.jobs[number]
            heard = self._heard.get(job.form)
            if heard is not None and self._first[job.form] != number:
                await heard.wait()
            try:
                row = await self._answer(job)
            except KimiBudgetError as error:
                raise _StopError(error) from None
            finally:
                if heard is not None:
                    heard.set()
            self._settle(number, job, row)
            if row.error is not None and (self._limits.stops_at_error or isinstance(row.error, HOPELESS)):
                raise _StopError(row.error)

    def _settle(self, number: int, job: Job, row: Row) -> None:
        self._batch.found[number] = row
        if row.error is None:
            self._done += 1
            if self._cache is not None:
                self._cache.put(entry_of(job.key, row))
        else:
            self._failed += 1
            self._last_bad = job.row, row.error.message
        if self._report_due is None:
            self._report_due = asyncio.get_running_loop().call_later(REPORT_INTERVAL, self._report)

    def _report(self) -> None:
        if self._report_due is not None:
            self._report_due.cancel()
            self._report_due = None
        progress = Progress(
            len(self._batch.jobs),
            self._done,
            self._failed,
            self._kept,
            self._pace.in_flight,
            self.purse.spent,
            self._usage,
            self._last_bad,
            self._pace.refusals,
        )
        self._emit([progress])

    async def _answer(self, job: Job) -> Row:
        """What becomes of one job, repairs included."""
        try:
            plan = self._batch.plan(job)
        except KimiUsageError as error:
            return Row(error=error)
        turn = plan.turn
        try:
            steps: Iterator[Any] = engine.steps(plan)  # a map has no tools: they are asks, and no calls
            ask = next(steps, None)
            while ask is not None:
                await self._send(plan, ask, job)
                ask = await self._next(steps, plan)
            _check_end(turn)
        except KimiBudgetError:
            raise
        except KimiError as error:
            return _row_of(turn, error)
        return _row_of(turn, None)

    async def _next(self, steps: Iterator[Any], plan: Plan) -> engine.Ask | None:
        """What a turn asks next; the answer is read beside the loop if code of the person's may run."""
        schema = plan.structure.schema if plan.structure else None
        if schema is None or not schema.runs_code:
            return next(steps, None)
        return await self._aside.run(next, steps, None)

    async def _send(self, plan: Plan, ask: engine.Ask, job: Job) -> None:
        """Send one request of a turn; again where that may help and nothing has arrived."""
        connection = replace(plan.connection, attempts=1)
        step: Step | None = None
        attempt = refusals = 0
        prompt_size = len(ask.request.body()) / BYTES_OF_TOKEN
        while True:
            set_aside = await self.purse.reserve(self._expected(job.form, ask.request, prompt_size))
            ticket = 0
            was_sent = False
            try:
                ticket = await self._pace.enter(prompt_size * self._prompt_ratio + (ask.request.cap or 1_000))
                was_sent = True
                if step is None:
                    step = engine.begin(plan, ask)
                await self._stream(plan, step, connection, ticket)
            except KimiError as error:
                was_sent = step is not None and step.has_begun
                attempt += 1
                may_repeat = not was_sent and attempt < plan.connection.attempts
                wait = pause(error, attempt) if may_repeat else None
                if (
                    isinstance(error, KimiRateLimitError)
                    and wait is not None
                    and refusals < MOST_RATE_REFUSALS
                ):
                    self._pace.refused(ticket, error)
                    refusals, attempt, wait = refusals + 1, attempt - 1, 0.0
                if wait is None:
                    self._end(step, "failed")
                    raise
            except BaseException:
                self._end(step, "interrupted")
                raise
            else:
                self._end(step, "complete")
                self._learn(step, prompt_size)
                return
            finally:
                self._pace.leave(ticket)
                self.purse.settle(set_aside, step.cost if step else None, was_sent=was_sent)
            await asyncio.sleep(wait)

    async def _stream(self, plan: Plan, step: Step, connection: Connection, ticket: int) -> None:
        def take(events: list[Event]) -> None:
            step.stopwatch.take(events)
            for event in events:
                step.add(event)
            if any(not isinstance(event, Sent | Retrying | Noticed) for event in events):
                self._pace.accepted(ticket)

        await self._client.stream(
            connection, step.request, take, silence=plan.options.timeout, mark=step.stopwatch.mark
        )

    def _end(self, step: Step | None, state: End) -> None:
        if step is not None:
            step.end(state)
            self._note(step)

    def _expected(self, form: int, request: Request, prompt_size: float) -> float:
        """US dollars that a request may cost, as far as one can say before any answer."""
        price = self._prices[form]
        if price is None:
            return 0.0
        return cost(Usage(int(prompt_size), min(request.cap or TYPICAL_ANSWER, TYPICAL_ANSWER)), price)

    def _learn(self, step: Step, prompt_size: float) -> None:
        usage = step.usage
        if usage is None:
            return
        self._prompt_ratio = usage.prompt / prompt_size if usage.prompt and prompt_size else 1.0
        total = self._usage
        self._usage = Usage(
            total.prompt + usage.prompt,
            total.completion + usage.completion,
            total.cached + usage.cached,
            (total.reasoning or 0) + (usage.reasoning or 0),
            total.written + usage.written,
        )


class _StopError(Exception):
    """Ends all workers: nothing more is to be sent."""

    def __init__(self, error: KimiError) -> None:
        super().__init__(error.message)
        self.error = error


def _check_end(turn: Turn) -> None:
    """Refuse what is no whole answer, where no JSON was asked for, which is checked itself."""
    choice = turn.choice
    if choice.finish_reason == LENGTH and not turn.parsed:
        raise KimiStreamError(
            "the answer was cut by its cap (length); its beginning is kept", hint="Raise {@max_tokens N}."
        )
    if choice.finish_reason not in (STOP, CALLS, LENGTH, None):
        raise KimiStreamError(f"the answer was broken off ({choice.finish_reason})")
    if not choice.text.strip():
        raise KimiStreamError("the answer is empty")


def _row_of(turn: Turn, error: KimiError | None) -> Row:
    if not turn.steps:
        return Row(error=error)
    choice = turn.choice
    data = turn.parsed[0].data if turn.parsed else choice.text
    return Row(
        None if error else data,
        error,
        choice.text,
        turn.step.model,
        choice.finish_reason,
        turn.usage,
        turn.cost,
        turn.seconds,
        reasoning=choice.reasoning,
    )


def entry_of(key: str, row: Row) -> Entry:
    """What is kept of a row."""
    return Entry(key, row.text, row.model, row.finish_reason, row.usage, row.cost, row.seconds, row.reasoning)


def row_of(entry: Entry, form: Form) -> Row:
    """A row from what was kept of it; the text is checked anew."""
    data: Any = entry.text
    error: KimiError | None = None
    structure = form.structure
    if structure is not None:
        try:
            data = structured.read(entry.text, structure.schema, entry.finish_reason).data
        except KimiJSONError as fault:
            data, error = None, fault
    return Row(
        data,
        error,
        entry.text,
        entry.model,
        entry.finish_reason,
        entry.usage,
        entry.cost,
        entry.seconds,
        is_kept=True,
        reasoning=entry.reasoning,
    )


def _price_of(form: Form) -> Price | None:
    """What an answer costs; None where that is unknown, and offline, where it costs nothing."""
    if not form.connection.is_paid:
        return None
    name = form.options.model
    return models.price(name, name, form.connection.provider)


def _common_prefix(one: Request, other: Request) -> int:
    """How many bytes two requests begin with alike, as a service reads them: schema, then messages."""
    size = 0
    for mine, theirs in zip(one.messages, other.messages, strict=False):
        a, b = mine.text, theirs.text
        if a == b and mine.role == theirs.role:
            size += len(a.encode("utf-8", "replace"))
            continue
        alike = next(
            (place for place, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
        )
        return size + len(a[:alike].encode("utf-8", "replace"))
    return size
