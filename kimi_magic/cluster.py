"""A map over the partitions of a dask DataFrame: each worker asks for its own, all within the same limits.

The graph holds the prompt and the options, never a key: each worker takes that from its environment. The
parts that all share are `distributed`'s: leases for requests at once, a variable for what is left to spend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from kimi_magic import batch, kernel, mapping, options
from kimi_magic.batch import MapResult
from kimi_magic.errors import KimiBudgetError, KimiUsageError
from kimi_magic.options.advice import PYTHON_WORDS, in_words_of

NOT_SENT_TO_WORKERS = ("budget", "env_file", "reset", "login")  # settings that are of this kernel alone
NOTHING = 1e-9  # US dollars; less is nothing


def over_partitions(prompt: Any, data: Any, values: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """A dask DataFrame with the answers beside `data`; nothing is sent until it is computed.

    `values` are the checked options that were given, `names` the variables of the notebook.

    Raises:
        KimiUsageError: Something cannot be used.
    """
    if isinstance(values.get("schema"), str) and values["schema"] in names:
        values = {**values, "schema": names[values["schema"]]}
    if "limit" in values:
        raise KimiUsageError("limit with a dask DataFrame: expected none; take data.head(N) instead")
    if not hasattr(data, "columns"):
        data = data.to_frame(data.name or batch.TEXT_COLUMN)
    columns: dict[str, list[Any]] = {str(name): [] for name in data.columns}
    if isinstance(prompt, str):
        prompt = batch.parse(prompt, columns, names, sends_secrets=bool(values.get("force")))
    meta = _meta(data, values)
    settings = kernel.current.settings
    of_kernel = {
        option.name: settings[option.name]
        for option in options.at(options.CONFIG)
        if option.is_setting
        and option.name not in NOT_SENT_TO_WORKERS
        and settings.source(option.name) != "default"
    }
    shared = _Shared(
        uuid4().hex, values.get("concurrency", mapping.MOST_AT_ONCE), values.get("rpm"), values.get("tpm"),
        values.get("budget"),
    )  # fmt: skip
    return data.map_partitions(_partition, prompt, {**of_kernel, **values}, shared, meta.dtypes, meta=meta)


def _meta(data: Any, values: Mapping[str, Any]) -> Any:
    """An empty frame with all columns, of types that also hold what is missing."""
    of_turns = mapping.of_turns({**values, "offline": True})  # a key is the worker's affair
    form = kernel.current.form(of_turns, {})
    sample = data._meta_nonempty.head(1)
    return batch.frame_without_answers(batch.rows_of(sample), form, values.get("column_prefix", ""))[:0]


class _Shared(NamedTuple):
    """What all partitions share: the name of it on the cluster, and the limits over all of them."""

    name: str
    concurrency: int
    rpm: float | None
    tpm: float | None
    budget: float | None


def _partition(
    frame: Any,
    prompt: Any,
    values: Mapping[str, Any],
    shared: _Shared,
    types: Any,
    *,
    partition_info: Mapping[str, Any] | None = None,
) -> Any:
    """The answers for one partition, on a worker."""
    number = (partition_info or {}).get("number", 0)
    own = dict(values)
    if own.get("cache"):
        own["cache"] = Path(own["cache"]) / f"part-{number:05}.jsonl"
    with in_words_of(PYTHON_WORDS), _leases(shared) as leases:
        share = leases / shared.concurrency
        own["concurrency"] = leases
        own |= {name: limit * share for name in ("rpm", "tpm") if (limit := getattr(shared, name))}
        result = _within_budget(prompt, frame, own, shared, share)
    made = result.frame
    return made.astype({name: kind for name, kind in types.items() if made[name].dtype != kind})


def _within_budget(
    prompt: Any, frame: Any, values: dict[str, Any], shared: _Shared, share: float
) -> MapResult[Any]:
    """The answers for a partition, paid in portions from what all partitions have together."""
    names: Mapping[str, Any] = {}
    if shared.budget is None:
        return mapping.over_rows(prompt, frame, values, names).run()
    run = mapping.over_rows(prompt, frame, values, names)
    run.keeps_budget_errors = True
    while True:
        portion, before = _take(shared, share), run.work.batch.spent
        run.set_budget(portion)
        try:
            result = run.run()
        finally:
            left = _give_back(shared, portion - (run.work.batch.spent - before))
        if not isinstance(result.stopped, KimiBudgetError) or left <= portion + NOTHING:
            return result
        share = 1.0  # its own part was too small: what all have left


@contextlib.contextmanager
def _leases(shared: _Shared) -> Iterator[int]:
    """So many requests at once for this partition: a fair part of what the whole cluster may have."""
    worker = _worker()
    if worker is None:
        if shared.rpm or shared.tpm or shared.budget is not None:
            raise KimiUsageError(
                "rpm, tpm and budget over dask partitions: expected a distributed.Client, which shares them"
            )
        yield shared.concurrency
        return
    import distributed

    client = distributed.get_client()
    threads = sum(client.nthreads().values()) or 1
    semaphore = distributed.Semaphore(max_leases=shared.concurrency, name=f"kimi_magic-{shared.name}")
    semaphore.acquire()
    count = 1
    try:
        while count < shared.concurrency // threads and semaphore.acquire(timeout=0.01):
            count += 1
        yield count
    finally:
        for _ in range(count):
            semaphore.release()


def _worker() -> Any:
    """The worker of `distributed` that this runs on, if it is one."""
    try:
        import distributed

        return distributed.get_worker()
    except (ImportError, ValueError):
        return None


def _take(shared: _Shared, share: float) -> float:
    """Take this share of what is left to spend, in US dollars."""
    with _purse(shared) as purse:
        portion = float(purse.value) * share
        purse.value -= portion
        return portion


def _give_back(shared: _Shared, amount: float) -> float:
    """Give back what was not spent of a portion; return what is left of all."""
    with _purse(shared) as purse:
        purse.value += max(0.0, amount)
        return float(purse.value)


class _Purse:
    value = 0.0


@contextlib.contextmanager
def _purse(shared: _Shared) -> Iterator[_Purse]:
    """What is left, for one worker at a time."""
    import distributed

    name, client = f"kimi_magic-budget-{shared.name}", distributed.get_client()
    with distributed.Lock(name):
        variable, purse = distributed.Variable(name, client=client), _Purse()
        try:
            purse.value = variable.get(timeout=0.05)
        except TimeoutError:  # nobody has taken anything
            purse.value = shared.budget or 0.0
        yield purse
        variable.set(purse.value)
