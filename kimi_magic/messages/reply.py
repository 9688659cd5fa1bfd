"""The growing answer: events go in, text and counts come out."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Literal

from msgspec.structs import asdict

from kimi_magic import models
from kimi_magic.choices import Choice, ToolCall, shortened
from kimi_magic.messages.events import (
    Counted,
    Event,
    Finished,
    Opened,
    ReasoningDelta,
    Retrying,
    Sent,
    TextDelta,
    ToolCallDelta,
)
from kimi_magic.usage import Usage, cost, of_choices, sum_of

State = Literal["connecting", "waiting", "reasoning", "answering", "complete", "interrupted", "failed"]


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

ROOMY = 16_000  # tokens, the least that Moonshot's thinking guide advises


class Reply(Generic[T]):
    """One answer, growing while it streams. `str(reply)` is the text.

    `text` and `reasoning` are what arrived so far; `finish_reason` is the service's word for why it ended,
    None until then or if it never said; `usage` its token counts, None where it gave none; `cost` an
    estimate from them in US dollars; `model` the model that answered; `seconds` from sending to the end (so
    far, while it grows); `reasoning_seconds` how long it thought; `state` is one of connecting, waiting,
    reasoning, answering, complete, interrupted, failed.

    `choices` are all answers where several were asked for; `text`, `reasoning`, `tool_calls` and
    `finish_reason` are those of the first, or of the one that was picked.

    `data` is what a JSON answer was made into (a list of it where several answers were asked for), None for
    other answers and where it failed.
    """

    def __init__(
        self,
        model: str,
        *,
        simulated: bool = False,
        n: int = 1,
        max_tokens: int | None = None,
        prefix: str = "",
        begun: tuple[str, str] = ("", ""),
        json: bool = False,
    ) -> None:
        """`n` answers of at most `max_tokens` are on their way, each begins with `prefix`.

        `begun` is text and reasoning of the one answer that is resumed.
        """
        self.id = ""
        self.model = model
        self.simulated = simulated
        self.notices: tuple[str, ...] = ()  # what the person should know of the request, a sentence each
        self.retrying: Retrying | None = None  # why nothing has come yet
        self.n = n  # how many answers were asked for
        self.kept = False  # whether it entered a conversation
        self.json = json  # whether JSON was asked for
        self.frame = False  # whether `data` is a DataFrame
        self.values: tuple[Any, ...] = ()  # the JSON of each answer, as it was written
        self.data: T = None  # type: ignore[assignment]
        self.faults: tuple[str, ...] = ()  # what was wrong with the answers that were asked for again
        self.max_tokens = max_tokens
        self.state: State = "connecting"
        self._prefix = prefix
        self.unmended = False  # whether it holds an answer that was asked for again, since no other came
        self._before: dict[int, Choice] = {}  # the last answer that was asked for again
        self._choices = {index: Choice(index, prefix=prefix) for index in range(n)}
        if any(begun):
            self._choices[0] = Choice(prefix=prefix, text=begun[0], reasoning=begun[1])
        self._picked: Choice | None = None
        self._usages: dict[int | None, Usage] = {}
        self._repaired: list[Usage] = []  # tokens of the answers that were asked for again
        self._began = monotonic()
        self._ended: float | None = None
        self._retry_at = 0.0

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case TextDelta(text, index):
                self.state = "answering"
                self._choice(index).add_text(text)
            case ReasoningDelta(text, index):
                if self.state != "answering":
                    self.state = "reasoning"
                self._choice(index).add_reasoning(text)
            case ToolCallDelta(id, name, arguments, call, index):
                self.state = "answering"
                self._choice(index).add_call(call, id, name, arguments)
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
            case Counted(usage, index) if usage.total:  # all zeros: a host that does not count
                self._usages[index] = usage

    def end(self, state: Literal["complete", "interrupted", "failed"]) -> None:
        """Nothing more will come."""
        self.state = state
        self._ended = monotonic()
        self.unmended = state != "complete" and bool(self._before) and not self.text
        if self.unmended:
            self._choices = self._before
        for choice in self._choices.values():
            choice.end()
        heard = {index: choice for index, choice in self._choices.items() if choice.heard}
        self._choices = heard or {0: self.chosen}

    def repair(self, fault: str) -> None:
        """The answer cannot be used and is asked for once more: it begins anew, its tokens are remembered."""
        self.faults += (fault,)
        if self.usage_now is not None:
            self._repaired.append(self.usage_now)
        self._usages = {}
        self._before = self._choices
        self._choices = {index: Choice(index, prefix=self._prefix) for index in range(self.n)}
        self.state = "connecting"
        self.retrying = None

    def pick(self, choice: Choice) -> None:
        """Let `choice` speak for the reply."""
        self._picked = choice

    def _choice(self, index: int) -> Choice:
        if index not in self._choices:
            self._choices[index] = Choice(index, prefix=self._prefix)
        return self._choices[index]

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers in the service's order: all that were asked for, at the end those that came."""
        return tuple(self._choices[index] for index in sorted(self._choices))

    @property
    def chosen(self) -> Choice:
        """The answer that speaks for the reply: the one that was picked, or the first."""
        return self._picked or self._choices[min(self._choices)]

    @property
    def text(self) -> str:
        """The answer so far."""
        return self.chosen.text

    @property
    def reasoning(self) -> str:
        """What the model thought so far."""
        return self.chosen.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants run."""
        return self.chosen.tool_calls

    @property
    def finish_reason(self) -> str | None:
        """The service's word for why the answer ended."""
        return self.chosen.finish_reason

    @property
    def value(self) -> Any:
        """The JSON as it was written, a list of it where several answers were asked for; None without."""
        return list(self.values) if self.n > 1 else next(iter(self.values), None)

    @property
    def usage(self) -> Usage | None:
        """Tokens of all that was asked, repairs included; None where the service counted none of it."""
        counted = [*self._repaired, *([self.usage_now] if self.usage_now else [])]
        return sum_of(counted) if counted else None

    @property
    def usage_now(self) -> Usage | None:
        """Tokens of the last request: its own count if the service gave one, else that of its choices."""
        if None in self._usages:
            return self._usages[None]
        return of_choices(list(self._usages.values())) if self._usages else None

    def usage_of(self, choice: Choice) -> Usage | None:
        """Tokens of one answer; None where the service counted only all of them together."""
        return self.usage_now if len(self._choices) == 1 else self._usages.get(choice.index)

    def larger_cap(self, choice: Choice) -> int | None:
        """A cap that leaves an answer that was cut the room to finish; None where the model has no more."""
        usage = self.usage_of(choice)
        cap = self.max_tokens or (usage.completion if usage else 0)
        larger = max(ROOMY, 2 * cap)
        if context := models.find(self.model).context:
            larger = min(larger, context - (usage.prompt if usage else 0))
        return larger if larger > cap else None

    @property
    def cost(self) -> float | None:
        """US dollars by the list price of the model that answered: an estimate.

        None where tokens or price are unknown, and offline, where nothing is spent.
        """
        price = models.find(self.model).price
        if self.usage is None or price is None or self.simulated:
            return None
        return cost(self.usage, price)

    @property
    def seconds(self) -> float:
        """From sending to the end, or to now."""
        return (self._ended or monotonic()) - self._began

    @property
    def reasoning_seconds(self) -> float:
        """From the first thought to the first word of the answer, the end, or now; 0 without thought."""
        return self.chosen.reasoning_seconds

    @property
    def retry_in(self) -> float:
        """Seconds until the request is sent again, 0 while it is on its way."""
        return max(0.0, self._retry_at - monotonic())

    @property
    def begun(self) -> bool:
        """Whether the answer, or the thought before it, has begun."""
        return self.state not in ("connecting", "waiting")

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended is not None

    def summary(self) -> dict[str, Any]:
        """What a saved output says of itself: model, why it ended, tokens; nothing of key or account."""
        return {
            "model": self.model,
            "state": self.state,
            "finish_reason": self.finish_reason,
            "usage": asdict(self.usage) if self.usage else None,
            **({"repairs": len(self.faults)} if self.faults else {}),
            "seconds": round(self.seconds, 1),
            "offline": self.simulated,
        }

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Reply {shortened(self.text)!r} {self.model} {self.finish_reason or self.state}>"
