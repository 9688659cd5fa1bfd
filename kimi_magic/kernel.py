"""What one kernel or script has: settings, a client on an I/O thread, conversations, ledger, last reply.

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

from kimi_magic import bridge, calls, cells, engine, options
from kimi_magic.client import Client
from kimi_magic.conversation import DEFAULT_CHAT, Conversation, End, Step, Turn
from kimi_magic.engine import Ask, Form, Plan
from kimi_magic.errors import KimiBudgetError, KimiInterrupted, KimiUsageError
from kimi_magic.messages import Choice, Event
from kimi_magic.options.advice import phrase
from kimi_magic.reply import Reply
from kimi_magic.settings import Settings
from kimi_magic.timing import Timing
from kimi_magic.tools.running import Call
from kimi_magic.usage import OFFLINE, Ledger, Record, dollars
from kimi_magic.view import View

_NO_NAMES: Mapping[str, Any] = MappingProxyType({})


class Kernel:
    """Everything that lasts longer than a cell."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.chats = {DEFAULT_CHAT: Conversation()}  # by name
        self.conversation = self.chats[DEFAULT_CHAT]  # the one that prompts continue which name none
        self.ledger = Ledger()
        self.last: Reply[Any] | None = None  # of the last turn, whatever became of it
        # The last turn of a cell or of the conversation, which `--pick` and `--continue` speak of. An `ask`
        # that stands alone is none.
        self.last_plan: Plan | None = None
        self._alone: dict[str, Turn] = {}  # by their ids: turns of cells that stand alone
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

    def chat(self, name: str | None = None) -> Conversation:
        """The conversation of this name, begun if there is none; the current one if none is named."""
        if name is None:
            return self.conversation
        return self.chats.setdefault(name, Conversation(name))

    def plan(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        values: Mapping[str, Any],
        namespace: Mapping[str, Any] = _NO_NAMES,
        *,
        stands_alone: bool = False,
        is_dry: bool = False,
    ) -> Plan:
        """A turn that is ready to run. Nothing is sent yet.

        `prompt` is the user's text, or all messages of a conversation of its own. `values` holds the checked
        options that were given with it; `namespace`, the names of the notebook. `--pick` and `--continue` do
        not speak of a turn that `stands_alone`, unless it joins the conversation. One that `is_dry` will not
        run: it needs no key, and leaves its warnings to the next.

        Raises:
            KimiUsageError, KimiAuthError: Something cannot be used.
        """
        values, conversation, appends = self._chat_of(values)
        asks_again = values.pop("ask_again", False)
        form = self.form(values, namespace, needs_key=not is_dry)
        cell = cells.running.get()
        chat = conversation if form.options.history and isinstance(prompt, str) else None
        place = "" if cell is None or appends else cell.next_id(chat, counts=not is_dry)
        if place and chat is None:
            place += "~"  # it stands alone, and shares its cell with turns of conversations
        plan = engine.plan(prompt, form, conversation, id=place)
        if is_dry:
            return plan
        warnings = filter(None, (*plan.warnings, form.connection.exposure))
        new = [warning for warning in warnings if warning not in self._warnings]
        self._warnings.update(new)  # a warning is worth reading once
        plan.turn.notices = (*plan.turn.notices, *map(phrase, new))
        alone = stands_alone and plan.conversation is None
        return replace(plan, stands_alone=alone, asks_again=asks_again or stands_alone)

    def _chat_of(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], Conversation, bool]:
        """The options that are sent or decide what is, the conversation, and whether the turn is appended.

        The system message of a conversation beats that of the settings.
        """
        rest = dict(values)
        name, appends, history = rest.pop("chat", None), rest.pop("append", False), rest.get("history")
        if name and history is False:
            raise KimiUsageError("{@chat} with {@no_history}: expected one of the two")
        if isinstance(history, Conversation):
            conversation = history
        else:
            conversation = self.chat(history if isinstance(history, str) else name)
        if "history" in rest:
            rest["history"] = history is not False
        if conversation.system and rest.get("history", self.settings["history"]):
            rest.setdefault("system", conversation.system)
        return rest, conversation, appends

    def end_cell(self, run: cells.CellRun) -> None:
        """Drop the turns of prompts that the cell asked in an earlier run, and no longer asks."""
        for conversation, count in run.counts.items():
            if conversation is not None:
                number = count + 1
                while conversation.drop_id(cells.prompt_id(run.id, number)):
                    number += 1

    def form(
        self, values: Mapping[str, Any], namespace: Mapping[str, Any] = _NO_NAMES, *, needs_key: bool = True
    ) -> Form:
        """What turns with these options share: `values` are checked, `namespace` has names of the notebook.

        Raises:
            KimiUsageError, KimiAuthError: Something cannot be used.
        """
        self.settings.complain()
        decided = self.settings.options(values)
        connection = self.settings.connection(decided, needs_key=needs_key)
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
        """Begin a new conversation under its name. What was asked before cannot be continued or picked."""
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
        reply = Reply[Any](plan.turn)
        with self._ticket(plan) as ticket:
            if ticket is not None and not ticket.is_admitted:
                with self._waiting(plan, reply, view), _in_line():
                    ticket.wait()
            plan = engine.refreshed(plan)
            if (kept := self._kept(plan, view)) is not None:
                return kept
            needs = self._needs(plan)
            need = next(needs, None)
            with self._running(plan, reply, view) as show:
                while need is not None:
                    if isinstance(need, Step):
                        with self._sending(plan, need, show) as (job, deliver):
                            bridge.listen(self.io, job, deliver, polls=view is not None)
                    else:
                        calls.run(need, plan.options, show)
                    if (need := next(needs, None)) is not None:
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
        reply, stop = Reply[Any](plan.turn), bridge.Stop()
        on_click = stop if in_cell else None
        with _as_interrupt(in_cell), self._ticket(plan) as ticket:
            if ticket is not None and not ticket.is_admitted:
                with self._waiting(plan, reply, view, on_click), _in_line():
                    await ticket.arrive(stop)
            plan = engine.refreshed(plan)
            if (kept := self._kept(plan, view)) is not None:
                return kept
            needs = self._needs(plan)
            need = next(needs, None)
            with self._running(plan, reply, view, on_click) as show:
                while need is not None:
                    if isinstance(need, Step):
                        with self._sending(plan, need, show) as (job, deliver):
                            await bridge.alisten(self.io, job, deliver, stop=stop, polls=view is not None)
                    else:
                        await calls.arun(need, plan.options, show, view=view, stop=stop)
                    if (need := next(needs, None)) is not None:
                        show()
        return reply

    def _kept(self, plan: Plan, view: View | None) -> Reply[Any] | None:
        """The answer of an earlier run of the cell, shown again, if the cell asks the same; else None."""
        if view is None or plan.asks_again or plan.start is not None or not self.settings["keep"]:
            return None
        chat, asked = plan.conversation, plan.turn
        turn = self._alone.get(asked.id) if chat is None else chat.find(asked.id)
        if turn is None or not turn.outputs or turn.fingerprint != asked.fingerprint:
            return None
        if plan.structure is not None and not engine.parse_again(plan.structure, turn):
            return None
        self._growing.pop(asked, None)
        view.repeat(turn)
        turn.stale = False
        self.last = Reply[Any](turn)
        self.last_plan = replace(plan, turn=turn)
        return self.last

    @contextlib.contextmanager
    def _ticket(self, plan: Plan) -> Iterator[bridge.Ticket | None]:
        """The place of a prompt in the line of its conversation; None where it stands alone."""
        if plan.conversation is None:
            yield None
            return
        ticket = plan.conversation.order.take()
        try:
            yield ticket
        finally:
            ticket.leave()

    @contextlib.contextmanager
    def _waiting(
        self, plan: Plan, reply: Reply[Any], view: View | None, stop: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Shows a turn whose conversation is busy: with a step that is sent by no means as it stands."""
        turn = plan.turn
        engine.begin(plan, Ask(plan.request, plan.start))
        if view is not None:
            self._growing[turn] = view
            view.open(turn, stop)
        try:
            yield
        except BaseException as error:
            self.last = reply
            turn.steps[-1].end(_end(error))
            turn.end(_end(error))
            self._close_view(turn)
            raise
        turn.steps.clear()

    def _needs(self, plan: Plan) -> Iterator[Step | tuple[Call, ...]]:
        """What a turn needs: calls, and steps, each begun when the budget says that it may be sent."""
        for need in engine.steps(plan):
            plan.turn.notices = tuple(map(phrase, plan.turn.notices))
            if not isinstance(need, Ask):
                yield need
                continue
            if plan.connection.is_paid:
                self._check_budget()
            yield engine.begin(plan, need)

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
        if view is not None and turn not in self._growing:
            self._growing[turn] = view
            view.open(turn, stop)
        try:
            yield (lambda: view.update(turn)) if view is not None else lambda: None
        except BaseException as error:
            for result in turn.steps[-1].results if turn.steps else ():
                result.interrupt()
            turn.end(_end(error))
            if isinstance(error, KeyboardInterrupt) and not isinstance(error, KimiInterrupted):
                raise KimiInterrupted(bridge.STOPPED) from None
            raise
        else:
            turn.end("complete")
            if plan.conversation is not None and turn.is_complete:
                plan.conversation.keep(turn)
            elif plan.conversation is None and self.settings["keep"] and turn.id.endswith("~"):
                self._alone[turn.id] = turn
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
        if (budget := self.settings["budget"]) is None:
            return  # without adding up the whole ledger
        if (spent := self.ledger.spent) >= budget:
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
def _in_line() -> Iterator[None]:
    """Words for what can go wrong while a prompt waits for its conversation."""
    try:
        yield
    except KeyboardInterrupt:
        raise KimiInterrupted(bridge.STOPPED) from None
    except RuntimeError:
        raise KimiUsageError(
            "another prompt of this conversation is being answered, and cannot go on while this one waits",
            hint="Await the other one first, or ask in another conversation.",
        ) from None


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
    if not step.is_paid:
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
    for conversation in current.chats.values():
        conversation.order = bridge.Order()  # who is in it runs in the parent


def _close() -> None:
    current.close_views()
    current.close()


# Threads and connections do not survive a fork: a child process gets its own.
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_connect_child)
atexit.register(_close)
