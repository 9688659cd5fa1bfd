"""One prompt over many rows, for whoever asks: `api.map` and `%%kimi --map`. Plans, runs, hands back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from kimi_magic import batch, bridge, kernel, options
from kimi_magic.batch import Grader, GridResult, Limits, MapResult, Progress, Work
from kimi_magic.errors import KimiBudgetError, KimiInterrupted, KimiUsageError
from kimi_magic.options.advice import current, in_words_of, phrase

if TYPE_CHECKING:
    from kimi_magic.view.batch import BatchView

# Options of a map; all others are those of its turns.
OWN = ("concurrency", "rpm", "tpm", "cache", "on_error", "budget", "limit", "column_prefix", "dry_run")
MOST_AT_ONCE = 32  # requests, where nothing was said


def names_of_notebook() -> Mapping[str, Any]:
    """The variables of the notebook or script: IPython keeps those of a notebook in `__main__` too."""
    return vars(sys.modules["__main__"])


def near(name: str, names: Mapping[str, Any]) -> str:
    """`, did you mean …?`, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(name, [each for each in names if not each.startswith("_")], n=1)
    return f", did you mean {close[0]}?" if close else ""


def over_rows(
    prompt: Any, data: Any, values: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> Run:
    """A map that is ready to run. `values` are the checked options; `names` the variables of the notebook.

    Raises:
        KimiUsageError, KimiAuthError: Something cannot be used. Nothing was sent.
    """
    if not (callable(prompt) or isinstance(prompt, str | batch.Template)):
        raise KimiUsageError(
            f"prompt {prompt!r}: expected a text with {{{{column}}}} in it, or a function of a row"
        )
    if batch.library_of(data) == "dask":
        raise KimiUsageError(
            "data: a dask DataFrame has no rows yet; kimi_magic.map takes it, and -o in a cell"
        )
    names = names_of_notebook() if names is None else names
    rows = batch.rows_of(data, values.get("limit"))
    form = kernel.current.form(of_turns(values), names)
    cache = _cache(values.get("cache"))
    prefix = values.get("column_prefix", "")
    work = batch.over_rows(prompt, rows, form, cache=cache, namespace=names, prefix=prefix)
    return Run(work, cache, _limits(values), MapResult)


def over_combinations(
    prompts: Mapping[str, str],
    axes: Mapping[str, Sequence[Any]],
    values: Mapping[str, Any],
    *,
    samples: int,
    graders: Mapping[str, Grader],
) -> Run:
    """A grid that is ready to run: each prompt with each combination of the values of `axes`.

    Raises:
        KimiUsageError, KimiAuthError: Something cannot be used. Nothing was sent.
    """
    combinations = [dict(zip(axes, chosen, strict=True)) for chosen in product(*axes.values())]
    common = of_turns(values)
    names = names_of_notebook()
    checked = [options.check(each, options.PYTHON) for each in combinations]
    forms = [kernel.current.form({**common, **each}, names) for each in checked]
    numbers = {"sample": range(1, samples + 1)} if samples > 1 else {"sample": (None,)}
    records = [
        {"prompt": name, "model": form.options.model, **each} | ({} if number is None else {"sample": number})
        for name in prompts
        for form, each in zip(forms, combinations, strict=True)
        for number in numbers["sample"]
    ]
    cache = _cache(values.get("cache"))
    work = batch.over_combinations(list(prompts.values()), forms, batch.rows_of(records), samples, cache)
    return Run(work, cache, _limits(values), partial(GridResult, graders=graders))


def named_prompts(prompts: Any) -> dict[str, str]:
    """The prompts of a grid by the name that stands for them, their own text where they have none."""
    if isinstance(prompts, str):
        prompts = [prompts]
    is_list = isinstance(prompts, list | tuple)
    named = {str(each): each for each in prompts} if is_list else prompts
    if (
        not isinstance(named, Mapping)
        or not named
        or not all(isinstance(each, str) and each.strip() for each in named.values())
    ):
        raise KimiUsageError(f"prompts {prompts!r}: expected at least one text, a list or a dict of texts")
    return dict(named)


def named_graders(graders: Any) -> dict[str, Grader]:
    """The graders of a grid by name."""
    if callable(graders):
        graders = [graders]
    named = graders if isinstance(graders, Mapping) else {_name_of(each): each for each in graders}
    if wrong := [each for each in named.values() if not callable(each)]:
        raise KimiUsageError(f"graders {wrong[0]!r}: expected a function of an answer")
    return {str(name): grader for name, grader in named.items()}


def _name_of(grader: Any) -> str:
    return getattr(grader, "__name__", None) or repr(grader)


def of_turns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the turns alone, which have no conversation."""
    turns = {name: value for name, value in values.items() if name not in OWN}
    if unfit := [name for name in batch.UNFIT if turns.get(name)]:
        raise KimiUsageError(f"{{@{unfit[0]}}} cannot be used where a prompt goes over rows")
    return {**turns, "history": False, "tool": (), "tools": ()}  # also not those of the settings


def _limits(values: Mapping[str, Any]) -> Limits:
    return Limits(
        values.get("concurrency", MOST_AT_ONCE),
        values.get("rpm"),
        values.get("tpm"),
        values.get("budget"),
        values.get("on_error") == "stop",
    )


class Run:
    """A planned batch: nothing is sent until it is run."""

    def __init__(
        self,
        work: Work,
        cache: batch.Cache | None,
        limits: Limits,
        result: Callable[..., MapResult[Any]],
    ) -> None:
        """`result` makes what is handed back.

        Raises:
            KimiUsageError: There is a budget, and no price.
        """
        self.work = work
        self.keeps_budget_errors = False  # whether rows for which nothing is left are rows with an error
        self._cache = cache
        self._limits = limits
        self._kind = result
        if limits.budget is not None and work.cost is None:
            form = work.form
            raise KimiUsageError(
                f"{{@budget {limits.budget:g}}}: the price of {form.options.model} at "
                f"{form.connection.host} is unknown, so that a budget cannot be kept"
            )

    def set_budget(self, budget: float) -> None:
        """Let the next `run` cost so much at most, in US dollars; what was answered stays."""
        self._limits = replace(self._limits, budget=budget)

    def run(self, view: BatchView | None = None) -> MapResult[Any]:
        """Run it to its end, blocking this thread. An interrupt ends it; what is there is handed back.

        Raises:
            KimiError: No row could be answered, for a reason that holds for all.
        """
        return self._run(self.work, view)

    async def arun(self, view: BatchView | None = None, *, in_cell: bool = False) -> MapResult[Any]:
        """Run it to its end, leaving the running loop free. `in_cell`: a cancellation is an interrupt.

        Raises:
            KimiError: No row could be answered, for a reason that holds for all.
            asyncio.CancelledError: The current task was cancelled, and is no cell.
        """
        return await self._arun(self.work, view, in_cell=in_cell)

    def _run(self, work: Work, view: BatchView | None = None) -> MapResult[Any]:
        with self._running(work, view) as (job, deliver, stop, interrupted):
            try:
                bridge.listen(kernel.current.io, job, deliver, stop=stop, polls=view is not None)
            except KimiInterrupted:
                interrupted.append(True)
        return self._result(work, interrupted=bool(interrupted))

    async def _arun(
        self, work: Work, view: BatchView | None = None, *, in_cell: bool = False
    ) -> MapResult[Any]:
        with self._running(work, view) as (job, deliver, stop, interrupted):
            try:
                await bridge.alisten(kernel.current.io, job, deliver, stop=stop, polls=view is not None)
            except KimiInterrupted:
                interrupted.append(True)
            except asyncio.CancelledError:
                if not in_cell:
                    raise
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    task.uncancel()
                interrupted.append(True)
        return self._result(work, interrupted=bool(interrupted))

    @contextlib.contextmanager
    def _running(self, work: Work, view: BatchView | None) -> Any:
        """The job that answers what is open, what takes its progress, and what stops it."""
        this, limits = kernel.current, self._left()
        stop, interrupted = bridge.Stop(), list[bool]()
        latest: list[Progress] = []

        async def job(emit: bridge.Emit[Progress]) -> None:
            await batch.run(work.batch, this.client, self._cache, limits, note=this.note, emit=emit)

        def deliver(progress: list[Progress]) -> None:
            latest[:] = progress[-1:] or latest
            if view is not None and latest:
                view.update(latest[0])

        if view is not None:
            is_offline = all(form.connection.is_simulated for form in work.batch.forms)
            view.open(str(work), stop, is_timed=not is_offline)
        try:
            yield job, deliver, stop, interrupted
        finally:
            if isinstance(self._cache, batch.File):
                self._cache.close()
            if view is not None:
                view.close(latest[0] if latest else None)

    def _left(self) -> Limits:
        """The limits, with what is left of the kernel's own budget."""
        budget = kernel.current.settings["budget"]
        if budget is None or not self.work.form.connection.is_paid:
            return self._limits
        left = max(0.0, budget - kernel.current.ledger.spent)
        mine = self._limits.budget
        return replace(self._limits, budget=left if mine is None else min(mine, left))

    def _result(self, work: Work, *, interrupted: bool) -> MapResult[Any]:
        stopped = work.batch.stopped
        is_kept = isinstance(stopped, KimiBudgetError) and self.keeps_budget_errors
        if stopped is not None and not is_kept and all(r.error is stopped for r in work.batch.found.values()):
            raise stopped  # nothing was paid for
        words = current()
        for row in work.batch.found.values():
            if row.error is not None:
                row.error.message, row.error.hint = phrase(row.error.message), phrase(row.error.hint)

        def again(rest: Work) -> MapResult[Any]:
            with in_words_of(words):
                return self._run(rest)

        async def again_later(rest: Work) -> MapResult[Any]:
            with in_words_of(words):
                return await self._arun(rest)

        return self._kind(work, interrupted=interrupted, again=again, again_later=again_later)


def _cache(where: Any) -> batch.Cache | None:
    """Where answers are kept: a file, nowhere (False), or in this kernel."""
    if where is False:
        return None
    if where is None:
        memory: batch.Cache = kernel.current.answers
        return memory
    return batch.File(os.fspath(where))
