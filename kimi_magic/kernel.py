"""What one kernel or script has: settings, a client on an I/O thread, conversation, ledger, last reply.

`run` and `arun` drive a turn: they send the requests that `engine` asks for, let the answer grow in the view,
and settle in one place how the turn ended.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from msgspec.structs import asdict

from kimi_magic import bridge, engine, options
from kimi_magic.client import Client
from kimi_magic.conversation import Conversation, End, Step, Turn
from kimi_magic.engine import Form, Plan
from kimi_magic.errors import KimiBudgetError, KimiInterrupted, KimiUsageError
from kimi_magic.messages import Choice, Event
from kimi_magic.options.advice import phrase
from kimi_magic.reply import Reply
from kimi_magic.settings import Settings
from kimi_magic.timing import Timing
from kimi_magic.usage import OFFLINE, Ledger, Record, dollars
from kimi_magic.view import View

_NO_NAMES: Mapping[str, Any] = MappingProxyType({})


class Kernel:
    """Everything that lasts longer than a cell."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.conversation = Conversation()
        self.ledger = Ledger()
        self.last: Reply[Any] | None = None  # of the last turn, whatever became of it
        # The last turn of a cell or of the conversation, which `--pick` and `--continue` speak of. An `ask`
        # that stands alone is none.
        self.last_plan: Plan | None = None
        self._answers: Any = None
        self._warnings: set[str] = set()  # that the person has read
        self._growing: dict[Turn, View] = {}  # turns that are shown and have not ended
        self.connect()

    def connect(self) -> None:
        """Get a client and an I/O thread (at the start, and in a forked process)."""
        self.io = bridge.IOThread()
        self.client = Client()

    def close(self) -> None:
        """Close all connections and end the I/O thread. The next request opens them again."""
        self.io.close(self.client.aclose)

    def warm_up(self) -> None:
        """Make what the next request needs. A problem is reported by that request, not here."""

        async def open_client(_: bridge.Emit[Any]) -> None:
            self.client.open(self.settings.connection(asks=False))

        bridge.Work(self.io, open_client, lambda _: None)

    def plan(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        values: Mapping[str, Any],
        namespace: Mapping[str, Any] = _NO_NAMES,
        *,
        stands_alone: bool = False,
    ) -> Plan:
        """A turn that is ready to run. Nothing is sent yet.

        `prompt` is the user's text, or all messages of a conversation of its own. `values` holds the checked
        options that were given with it; `namespace`, the names of the notebook. `--pick` and `--continue` do
        not speak of a turn that `stands_alone`, unless it joins the conversation.

        Raises:
            KimiUsageError, KimiAuthError: Something cannot be used.
        """
        plan = engine.plan(prompt, self.form(values, namespace), self.conversation)
        new = [warning for warning in plan.warnings if warning not in self._warnings]
        self._warnings.update(new)  # a warning is worth reading once
        plan.turn.notices = (*plan.turn.notices, *map(phrase, new))
        return replace(plan, stands_alone=stands_alone and plan.conversation is None)

    def form(self, values: Mapping[str, Any], namespace: Mapping[str, Any] = _NO_NAMES) -> Form:
        """What turns with these options share: `values` are checked, `namespace` has names of the notebook.

        Raises:
            KimiUsageError, KimiAuthError: Something cannot be used.
        """
        self.settings.complain()
        decided = self.settings.options(values)
        connection = self.settings.connection(decided)
        return engine.form(decided, connection, cell=values, namespace=namespace)

    def continue_last(self, values: Mapping[str, Any]) -> Plan:
        """A turn that goes on with the last answer, which was cut or stopped, and takes its place.

        Raises:
            KimiUsageError: There is no such answer.
        """
        if self.last_plan is None:
            raise KimiUsageError("{@continue}: nothing was asked yet, there is nothing to continue")
        return engine.continue_plan(self.last_plan, values)

    def pick(self, number: int) -> Choice:
        """Let answer `number` of the last turn, counted from 1, enter the conversation.

        Raises:
            KimiUsageError: There is no such answer.
        """
        if self.last_plan is None:
            raise KimiUsageError(f"{{@pick {number}}}: nothing was asked yet, there is nothing to pick from")
        return engine.pick(self.last_plan, number)

    def reset(self) -> None:
        """Begin a new conversation. What was asked before can no longer be continued or picked from."""
        self.conversation.clear()
        self.last_plan = None

    @property
    def answers(self) -> Any:
        """The answers to the rows of maps that were asked in this kernel, a `batch.Memory`."""
        if self._answers is None:
            from kimi_magic.batch import Memory

            self._answers = Memory()
        return self._answers

    def note(self, step: Step) -> None:
        """Let a request that has ended stand in the ledger; from any thread."""
        self.ledger.add(_record(step))

    # ---- running a turn ----

    def run(self, plan: Plan, view: View | None = None) -> Reply[Any]:
        """Run a turn to its end, blocking this thread.

        Raises:
            KimiError: The turn failed. What had arrived is in `last`.
            KimiInterrupted: The person stopped it.
        """
        asks, reply = self._asks(plan), Reply[Any](plan.turn)
        step: Step | None = next(asks)
        with self._running(plan, reply, view) as show:
            while step is not None:
                with self._sending(plan, step, show) as (job, deliver):
                    bridge.listen(self.io, job, deliver, polls=view is not None)
                if (step := next(asks, None)) is not None:
                    show()
        return reply

    async def arun(self, plan: Plan, view: View | None = None, *, in_cell: bool = False) -> Reply[Any]:
        """Run a turn to its end, leaving the running loop free.

        `in_cell` says that the current task is a cell of the kernel: its cancellation is an interrupt by the
        person, and clicks arrive while it runs.

        Raises:
            KimiError: The turn failed. What had arrived is in `last`.
            KimiInterrupted: The person stopped it.
            asyncio.CancelledError: The current task was cancelled, and is no cell.
        """
        asks, reply = self._asks(plan), Reply[Any](plan.turn)
        step: Step | None = next(asks)
        stop = bridge.Stop()
        with _as_interrupt(in_cell), self._running(plan, reply, view, stop if in_cell else None) as show:
            while step is not None:
                with self._sending(plan, step, show) as (job, deliver):
                    await bridge.alisten(self.io, job, deliver, stop=stop, polls=view is not None)
                if (step := next(asks, None)) is not None:
                    show()
        return reply

    def _asks(self, plan: Plan) -> Iterator[Step]:
        """The steps of a turn, each begun when it may be sent: the budget is checked before."""
        for ask in engine.steps(plan):
            if not plan.connection.is_simulated:
                self._check_budget()
            yield engine.begin(plan, ask)

    @contextlib.contextmanager
    def _running(
        self, plan: Plan, reply: Reply[Any], view: View | None, stop: Callable[[], None] | None = None
    ) -> Iterator[Callable[[], None]]:
        """Opens and closes the view around the steps of a turn, and settles how it ended.

        A complete turn enters its conversation; another leaves no trace there, but its steps stand in the
        ledger and what arrived stays on screen.
        """
        turn = plan.turn
        self.last = reply
        if not plan.stands_alone:
            self.last_plan = plan
        if view is not None:
            self._growing[turn] = view
            view.open(turn, stop)
        try:
            yield (lambda: view.update(turn)) if view is not None else lambda: None
        except BaseException as error:
            turn.end(_end(error))
            raise
        else:
            turn.end("complete")
            if plan.conversation is not None and turn.is_complete:
                plan.conversation.keep(turn)
        finally:
            self._close_view(turn)

    def _close_view(self, turn: Turn) -> None:
        if (view := self._growing.pop(turn, None)) is not None:
            view.close(turn)

    def close_views(self) -> None:
        """Show as stopped what has not ended: the process ends, as when a kernel is restarted."""
        for turn in list(self._growing):
            for step in turn.steps[-1:]:
                step.end("interrupted")
            turn.end("interrupted")
            self._close_view(turn)

    @contextlib.contextmanager
    def _sending(
        self, plan: Plan, step: Step, show: Callable[[], None]
    ) -> Iterator[tuple[bridge.Job[Event], Callable[[list[Event]], None]]]:
        """The job that sends a step, and what takes its events; settles how it ended and what it cost."""

        async def job(emit: bridge.Emit[Event]) -> None:
            def take(events: list[Event]) -> None:
                step.stopwatch.take(events)
                emit(events)

            await self.client.stream(
                plan.connection,
                step.request,
                take,
                silence=plan.options.timeout,
                mark=step.stopwatch.mark,
            )

        def deliver(events: list[Event]) -> None:
            for event in events:
                step.add(event)
            show()

        try:
            yield job, deliver
        except BaseException as error:
            step.end(_end(error))
            raise
        else:
            step.end("complete")
        finally:
            self.ledger.add(_record(step))

    def _check_budget(self) -> None:
        """Refuse where the budget is spent; requests of unknown cost do not count."""
        budget, spent = self.settings["budget"], self.ledger.spent
        if budget is not None and spent >= budget:
            how = "at least" if self.ledger.total.cost.unknown else "about"
            raise KimiBudgetError(
                f"the budget is spent: {how} {dollars(spent)} of {dollars(budget)}; nothing was sent",
                hint="Raise it with %kimi_config --budget USD, lift it with %kimi_config --unset budget, or "
                "count from zero again with %kimi_usage --reset.",
            )

    # ---- asking about the service ----

    def offered_models(self) -> list[str]:
        """The names of the models that the service offers to this key.

        Raises:
            KimiError: The service has no list, or refused the request.
        """
        connection = self.settings.connection()
        names: list[str] = []

        async def job(emit: bridge.Emit[str]) -> None:
            emit(await self.client.models(connection))

        bridge.listen(self.io, job, names.extend)
        return names

    def balance(self, path: str) -> float:
        """What is left in the account, which the service has at `path`.

        Raises:
            KimiError: The service refused the request, or sent no balance.
        """
        connection = self.settings.connection()
        amounts: list[float] = []

        async def job(emit: bridge.Emit[float]) -> None:
            emit([await self.client.balance(connection, path)])

        bridge.listen(self.io, job, amounts.extend)
        return amounts[0]


def _end(error: BaseException) -> End:
    """How a step or turn ended that was left by `error`."""
    return "interrupted" if isinstance(error, KeyboardInterrupt | asyncio.CancelledError) else "failed"


@contextlib.contextmanager
def _as_interrupt(in_cell: bool) -> Iterator[None]:
    """In a cell a cancellation is an interrupt: ipykernel cancels the task when the person stops it."""
    try:
        yield
    except asyncio.CancelledError:
        if not in_cell:
            raise
        if (task := asyncio.current_task()) is not None and task.cancelling():
            task.uncancel()
        raise KimiInterrupted(bridge.STOPPED) from None


def _record(step: Step) -> Record:
    """The line of the ledger for a step."""
    tokens: dict[str, Any] = asdict(step.usage) if step.usage else {}
    timing = step.timing
    return Record(
        time=step.began,
        model=step.model,
        host=OFFLINE if step.simulated else step.host,
        state=step.state,
        finish_reason=step.choices[0].finish_reason,
        cost=step.cost,
        seconds=step.seconds,
        connect=timing.connect,
        first_byte=timing.first_byte,
        first_reasoning=timing.first_reasoning,
        first_answer=timing.first_answer,
        longest_silence=timing.longest_silence,
        verdict=_verdict(step, timing),
        **tokens,
    )


def _verdict(step: Step, timing: Timing) -> str:
    """A word on how an answer came; what was not streamed, or not sent anywhere, says nothing of the way."""
    if step.simulated:
        return "offline"
    return timing.verdict if step.request.stream or timing.first_byte is None else "whole"


current = Kernel()
"""What this process has. `fresh` puts another in its place for a while."""


@contextlib.contextmanager
def fresh(**settings: Any) -> Iterator[Kernel]:
    """A kernel state of its own for a `with` block, with these settings; then the one before is back.

    For tests, and for code that must not touch the conversation of the notebook.
    """
    global current  # noqa: PLW0603 - the one place that replaces it
    before, current = current, Kernel()
    current.settings.update(options.check(settings, options.CONFIG))
    try:
        yield current
    finally:
        current.close()
        current = before


def _connect_child() -> None:
    current.connect()


def _close() -> None:
    current.close_views()
    current.close()


# Threads and connections do not survive a fork: a child process gets its own.
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_connect_child)
atexit.register(_close)
