"""One request and what came back, growing by events until it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Literal

from kimi_magic import models
from kimi_magic.conversation.results import ToolResult
from kimi_magic.messages import (
    Choice,
    Counted,
    Event,
    Finished,
    Message,
    Noticed,
    Opened,
    ReasoningDelta,
    Recorded,
    Request,
    Retrying,
    Sent,
    TextDelta,
    TextWasReasoning,
    ToolCallDelta,
)
from kimi_magic.messages.sent import calls_message
from kimi_magic.timing import Stopwatch, Timing
from kimi_magic.usage import Usage, cost, of_choices

End = Literal["complete", "interrupted", "failed"]
State = Literal["connecting", "waiting", "reasoning", "answering", "calling"] | End


class Step:
    """One request and what came back. It grows by events until it ends.

    `host` is where the request goes, for the ledger, and `provider` who serves there, "" where that is
    unknown; `simulated` says that it goes to the offline simulator.
    `began` is when, in UTC. `state` is one of connecting, waiting, reasoning, answering, complete,
    interrupted, failed. `retrying` says why nothing has come yet, None while no request is repeated.
    `results` are the answers to the functions that it calls, in the order of the calls; empty where they are
    not run. `rejected` is why the answer was asked for again, "" if it was not; `notices` are sentences for
    the person about what came; `stopwatch` is fed by whoever receives it.
    """

    def __init__(
        self,
        request: Request,
        *,
        host: str = "",
        provider: str = "",
        simulated: bool = False,
        start: Choice | None = None,
    ) -> None:
        """Begin a step; `start` is an answer that this one continues: its text and reasoning come first."""
        self.request = request
        self.host = host
        self.provider = provider
        self.simulated = simulated
        self.id = ""
        self.model = request.model
        self.state: State = "connecting"
        self.retrying: Retrying | None = None
        self.rejected = ""
        self.recorded_seconds: float | None = None  # of an answer that comes from a recording
        self.notices: tuple[str, ...] = ()
        self.results: list[ToolResult] = []
        self.began = datetime.now(UTC)
        self._choices = {index: Choice(index, prefix=request.prefix) for index in range(request.n or 1)}
        if start is not None and start.text:  # an answer that was cut before its first word begins anew
            self._choices[0] = Choice(prefix=request.prefix, text=start.text, reasoning=start.reasoning)
        self._usages: dict[int | None, Usage] = {}
        self.started = monotonic()  # seconds; what `seconds` counts from
        self._ended: float | None = None
        self._retry_at = 0.0
        self._heard = self.started  # when something came last
        self.stopwatch = Stopwatch()

    def add(self, event: Event) -> None:
        """Take in one event."""
        self._heard = monotonic()
        match event:
            case TextDelta(text, index):
                self.state = "answering"
                self._choice(index).add_text(text)
            case ReasoningDelta(text, index):
                if self.state != "answering":
                    self.state = "reasoning"
                self._choice(index).add_reasoning(text)
            case TextWasReasoning(index):
                self.state = "reasoning"
                self._choice(index).move_text()
            case ToolCallDelta(id, name, arguments, call, index, kind):
                self.state = "answering"
                self._choice(index).add_call(call, id, name, arguments, kind)
            case Opened(id, model):
                self.id, self.model = id, model or self.model
                self.retrying = None
            case Sent():
                self.state = "waiting"
            case Retrying(wait=wait):
                self.state = "connecting"
                self.retrying = event
                self._retry_at = monotonic() + wait
            case Finished(reason, index):
                self._choice(index).end(reason)
            case Recorded(seconds):
                self.recorded_seconds = seconds
            case Noticed(text):
                self.notices = tuple(dict.fromkeys((*self.notices, text)))
            case Counted(usage, index) if usage.total:  # all zeros come from a service that does not count
                self._usages[index] = usage

    def end(self, state: End) -> None:
        """Mark the step as ended: nothing more will come. Of several choices those stay that arrived."""
        self.state = state
        self._ended = monotonic()
        for choice in self._choices.values():
            choice.end()
        arrived = {index: choice for index, choice in self._choices.items() if choice.has_content}
        self._choices = arrived or {0: self.choices[0]}

    def _choice(self, index: int) -> Choice:
        if index not in self._choices:
            self._choices[index] = Choice(index, prefix=self.request.prefix)
        return self._choices[index]

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers in the service's order: all that were asked for, after the end those that came."""
        return tuple(self._choices[index] for index in sorted(self._choices))

    @property
    def messages(self) -> tuple[Message, ...]:
        """The calls of a step whose calls were answered, and the answers, as the next request sends them."""
        (choice, *_), calls = self.choices, [result.call for result in self.results]
        asked = calls_message(choice.text, choice.reasoning, calls)
        return (asked, *(result.message for result in self.results))

    @property
    def n(self) -> int:
        """How many answers were asked for."""
        return self.request.n or 1

    @property
    def usage(self) -> Usage | None:
        """Tokens as the service counted them for the request, else for its choices; None if it did not."""
        if None in self._usages:
            return self._usages[None]
        return of_choices(list(self._usages.values())) if self._usages else None

    def usage_of(self, choice: Choice) -> Usage | None:
        """Tokens of one answer; None where the service counted all of them together only."""
        return self.usage if len(self._choices) == 1 else self._usages.get(choice.index)

    @property
    def cost(self) -> float | None:
        """US dollars by the list of the host, an estimate; None where a part is unknown, and offline.

        A service may answer with a dated or suffixed name; then the price is that of the model that was
        asked. Another model that answers has its own.
        """
        price = models.price(self.request.model, self.model, self.provider)
        if self.usage is None or price is None or not self.is_paid:
            return None
        return cost(self.usage, price)

    @property
    def is_paid(self) -> bool:
        """Whether the answer came from a service: neither from the simulator nor from a recording."""
        return not self.simulated and self.recorded_seconds is None

    @property
    def seconds(self) -> float:
        """Seconds from sending to the end, or to now; of a recording those that the service took."""
        if self.recorded_seconds is not None and self._ended is not None:
            return self.recorded_seconds
        return (self._ended or monotonic()) - self.started

    @property
    def timing(self) -> Timing:
        """When its parts arrived."""
        return self.stopwatch.timing(self._ended)

    @property
    def silence(self) -> float:
        """Seconds since something came."""
        return monotonic() - self._heard

    @property
    def retry_in(self) -> float:
        """Seconds until the request is sent again, 0 while it is on its way."""
        return max(0.0, self._retry_at - monotonic())

    @property
    def has_begun(self) -> bool:
        """Whether reasoning or text has arrived, or the step has ended."""
        return self.state not in ("connecting", "waiting")

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended is not None
