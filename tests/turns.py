"""Turns that a test lets grow by hand, and turns that are planned and run as a cell does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kimi_magic import kernel, options
from kimi_magic.conversation import End, Step, Turn
from kimi_magic.engine import Plan
from kimi_magic.errors import KimiInterrupted
from kimi_magic.messages import Choice, Event, Message, Request
from kimi_magic.options.advice import CELL_WORDS, in_words_of
from kimi_magic.reply import Reply


class GrowingTurn(Turn):
    """A turn of one step, which grows by the events that the test adds."""

    def __init__(
        self,
        model: str = "m",
        *,
        n: int = 1,
        simulated: bool = False,
        provider: str = "evolink",
        max_tokens: int | None = None,
        prefix: str = "",
        json: bool = False,
        start: Choice | None = None,
    ) -> None:
        question = Message("user", "Hello")
        messages = (question, Message("assistant", prefix, partial=True)) if prefix else (question,)
        super().__init__(question, wants_json=json)
        request = Request(model, messages, n=n, max_tokens=max_tokens)
        self.steps.append(Step(request, provider=provider, simulated=simulated, start=start))

    def add(self, *events: Event) -> None:
        for event in events:
            self.steps[-1].add(event)

    def reject(self, fault: str) -> None:
        """Ask for the answer again, as a turn does whose JSON cannot be used."""
        step = self.steps[-1]
        step.end("complete")
        step.rejected = fault
        self.steps.append(Step(step.request, provider=step.provider, simulated=step.simulated))

    def end(self, state: End = "complete") -> None:
        self.steps[-1].end(state)
        super().end(state)


class Growing(Reply[Any]):
    """The reply of a `GrowingTurn`."""

    def __init__(self, model: str = "m", **more: Any) -> None:
        super().__init__(GrowingTurn(model, **more))

    def add(self, *events: Event) -> None:
        self.turn.add(*events)

    def end(self, state: End = "complete") -> None:
        self.turn.end(state)


class Unseen:
    """A view that shows nothing, and may stop the turn as Ctrl-C does."""

    def __init__(self, stops_at: Callable[[Reply[Any]], object] | None = None) -> None:
        self._stops_at = stops_at

    def open(self, turn: Turn, stop: object = None) -> None:
        pass

    def update(self, turn: Turn) -> None:
        if self._stops_at is not None and self._stops_at(Reply(turn)):
            raise KimiInterrupted("stopped")

    def close(self, turn: Turn) -> None:
        pass

    def repeat(self, turn: Turn) -> None:
        pass


def cell_plan(
    line: str = "", prompt: str = "Hello", names: Mapping[str, Any] | None = None, **given: Any
) -> Plan:
    """The turn that a cell with these options plans; `given` are checked options by name."""
    with in_words_of(CELL_WORDS):
        parsed, _ = options.parse(options.split(line), options.at(options.CELL), namespace=names or {})
        return kernel.current.plan(prompt, {**parsed, **given}, names or {})


def continued_plan(**given: Any) -> Plan:
    """The turn that `%kimi --continue` plans."""
    with in_words_of(CELL_WORDS):
        return kernel.current.continue_last(given)


def run(plan: Plan, stops_at: Callable[[Reply[Any]], object] | None = None, view: Any = None) -> Reply[Any]:
    """Run a turn as a cell does; one that is stopped raises, and its part is what is returned."""
    with in_words_of(CELL_WORDS):
        if stops_at is None:
            return kernel.current.run(plan, view or Unseen())
        with pytest.raises(KimiInterrupted):
            kernel.current.run(plan, Unseen(stops_at))
        return Reply(plan.turn)


def pick(number: int) -> Choice:
    """What `%kimi --pick` does."""
    with in_words_of(CELL_WORDS):
        return kernel.current.pick(number)
