"""Tokens as the service counts them, what they cost by list price, and the ledger of a kernel. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from kimi_magic.models import Price

OFFLINE = "offline simulator"  # the host of requests that went nowhere and cost nothing


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one or more requests, as counted by the service.

    `prompt` includes the `cached` tokens, which were read from the cache, and those `written` to it;
    `completion` includes the `reasoning` tokens. `reasoning` is None where the service did not say.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int | None = None
    written: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion


def sum_of(usages: list[Usage]) -> Usage:
    """One usage for several requests: everything adds up."""
    counted = [u.reasoning for u in usages if u.reasoning is not None]
    return Usage(
        prompt=sum(u.prompt for u in usages),
        completion=sum(u.completion for u in usages),
        cached=sum(u.cached for u in usages),
        reasoning=sum(counted) if counted else None,
        written=sum(u.written for u in usages),
    )


def of_choices(usages: list[Usage]) -> Usage:
    """One usage from one per choice: the prompt was read once, the completions add up."""
    once = {name: max(getattr(u, name) for u in usages) for name in ("prompt", "cached", "written")}
    return structs.replace(sum_of(usages), **once)


def cost(usage: Usage, price: Price) -> float:
    """US dollars for `usage` by list price: an estimate. The reasoning is paid as part of the completion.

    Tokens written to the cache are priced as for five minutes; a longer lifetime costs more.
    """
    cached = min(usage.cached, usage.prompt)  # a host that counts otherwise must not earn us money
    written = min(usage.written, usage.prompt - cached)
    new = usage.prompt - cached - written
    return (
        new * price.prompt
        + cached * price.cached
        + written * price.written
        + usage.completion * price.completion
    ) / 1e6


def dollars(amount: float) -> str:
    """`$0.0012`: an amount as people read it, with more places where it is tiny."""
    return f"${amount:,.4f}" if amount >= 0.001 or not amount else f"${amount:.6f}"


# ---- the ledger ----


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One request that was sent, however it ended.

    `time` is when, in UTC; `host` where to, or "offline simulator"; `state` is complete, interrupted or
    failed; `seconds` from sending to the end. Tokens are None where the service did not count them, as when
    the answer was stopped; `cost` (US dollars, an estimate) is None where tokens or price are unknown, and
    offline, where nothing was spent. The times and their `verdict` are those of `timing.Timing`; the verdict
    is "whole" for what was not streamed.
    """

    time: datetime
    model: str
    host: str
    state: str
    finish_reason: str | None = None
    prompt: int | None = None
    cached: int | None = None
    written: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cost: float | None = None
    seconds: float = 0.0
    connect: float | None = None
    first_byte: float | None = None
    first_reasoning: float | None = None
    first_answer: float | None = None
    longest_silence: float = 0.0
    verdict: str = ""


class Sum(NamedTuple):
    """The sum of what is known, and of how many requests it is unknown."""

    known: float
    unknown: int


class Total(msgspec.Struct, frozen=True):
    """What several requests used together."""

    requests: int
    complete: int
    interrupted: int
    failed: int
    prompt: Sum
    cached: Sum
    completion: Sum
    reasoning: Sum
    cost: Sum


def total(records: Iterable[Record]) -> Total:
    """The sums of `records`. Offline nothing is spent, so there no cost is unknown."""
    records = list(records)
    states = [record.state for record in records]
    return Total(
        requests=len(records),
        complete=states.count("complete"),
        interrupted=states.count("interrupted"),
        failed=states.count("failed"),
        prompt=_sum(record.prompt for record in records),
        cached=_sum(record.cached for record in records),
        completion=_sum(record.completion for record in records),
        reasoning=_sum(record.reasoning for record in records),
        cost=_sum(record.cost for record in records if record.host != OFFLINE),
    )


def _sum(values: Iterable[float | None]) -> Sum:
    values = list(values)
    known = [value for value in values if value is not None]
    return Sum(sum(known), len(values) - len(known))


class Ledger:
    """The records of a kernel, in memory, in the order in which the requests ended."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record) -> None:
        """Keep one more; from any thread."""
        self._records.append(record)

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, oldest first."""
        return tuple(self._records)

    def rows(self) -> list[dict[str, Any]]:
        """Every record as a dict, ready for a `DataFrame`."""
        return [msgspec.structs.asdict(record) for record in self._records]

    def by_model(self) -> dict[tuple[str, bool], Total]:
        """The sums of each model, in the order of first use; those of the simulator apart.

        The key is the model and whether it was simulated.
        """
        groups: dict[tuple[str, bool], list[Record]] = {}
        for record in tuple(self._records):
            groups.setdefault((record.model, record.host == OFFLINE), []).append(record)
        return {key: total(records) for key, records in groups.items()}

    @property
    def total(self) -> Total:
        """The sums of everything."""
        return total(tuple(self._records))

    @property
    def spent(self) -> float:
        """US dollars that are known to be spent, an estimate; requests of unknown cost are not in it."""
        return self.total.cost.known
