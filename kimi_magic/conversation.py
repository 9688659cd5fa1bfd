"""What was asked and answered, as data: a `Step` is one request, a `Turn` one prompt, a `Conversation` many.

Nothing here sends, waits or shows; `engine` decides what the next step of a turn is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal, NamedTuple

from msgspec import structs

from kimi_magic import models
from kimi_magic.messages import (
    Choice,
    Counted,
    Event,
    Finished,
    Message,
    Noticed,
    Opened,
    ReasoningDelta,
    Request,
    Retrying,
    Sent,
    TextDelta,
    TextWasReasoning,
    ToolCallDelta,
)
from kimi_magic.models import HistoryReasoning
from kimi_magic.timing import Stopwatch, Timing
from kimi_magic.usage import Usage, cost, of_choices, sum_of

End = Literal["complete", "interrupted", "failed"]
State = Literal["connecting", "waiting", "reasoning", "answering"] | End


class Parsed(NamedTuple):
    """What one JSON answer was parsed into.

    `value` is the JSON as the model wrote it, `data` what was made of it (objects of a schema's type, a
    DataFrame), `notices` are sentences for the person.
    """

    value: Any
    data: Any
    notices: tuple[str, ...] = ()


class Step:
    """One request and what came back. It grows by events until it ends.

    `host` is where the request goes, for the ledger, and `provider` who serves there, "" where that is
    unknown; `simulated` says that it goes to the offline simulator.
    `began` is when, in UTC. `state` is one of connecting, waiting, reasoning, answering, complete,
    interrupted, failed. `retrying` says why nothing has come yet, None while no request is repeated.
    `rejected` is why the answer was asked for again, "" if it was not; `notices` are sentences for the person
    about what came; `stopwatch` is fed by whoever receives it.
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
        self.notices: tuple[str, ...] = ()
        self.began = datetime.now(UTC)
        self._choices = {index: Choice(index, prefix=request.prefix) for index in range(request.n or 1)}
        if start is not None and start.text:  # an answer that was cut before its first word begins anew
            self._choices[0] = Choice(prefix=request.prefix, text=start.text, reasoning=start.reasoning)
        self._usages: dict[int | None, Usage] = {}
        self.started = monotonic()  # seconds; what `seconds` counts from
        self._ended: float | None = None
        self._retry_at = 0.0
        self.stopwatch = Stopwatch()

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
            case TextWasReasoning(index):
                self.state = "reasoning"
                self._choice(index).move_text()
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
        if self.usage is None or price is None or self.simulated:
            return None
        return cost(self.usage, price)

    @property
    def seconds(self) -> float:
        """Seconds from sending to the end, or to now."""
        return (self._ended or monotonic()) - self.started

    @property
    def timing(self) -> Timing:
        """When its parts arrived."""
        return self.stopwatch.timing(self._ended)

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


class Turn:
    """One prompt with all that follows: the steps that it took, and what became of them.

    `id` is its place in a conversation: a cell's id, or a number of our own. `picked` is the position of the
    choice that speaks for the turn. `kept` says whether a conversation holds it; `stale`, that an earlier
    turn of that conversation was replaced after this one ran. `wants_json` says whether JSON was asked for,
    `wants_frame` whether as a DataFrame; `parsed` holds what the JSON of each choice was parsed into.
    `notices` are sentences for the person about the request as a whole.
    """

    def __init__(
        self, prompt: Message, *, id: str = "", wants_json: bool = False, wants_frame: bool = False
    ) -> None:
        self.id = id
        self.prompt = prompt
        self.steps: list[Step] = []
        self.picked = 0
        self.kept = False
        self.stale = False
        self.wants_json = wants_json
        self.wants_frame = wants_frame
        self.parsed: tuple[Parsed, ...] = ()
        self.rescued: tuple[Parsed, ...] = ()  # of answers of which at least one cannot be used
        self.notices: tuple[str, ...] = ()
        self._end: End | None = None
        self._ended: float | None = None

    def end(self, state: End) -> None:
        """Mark the turn as ended: no further step follows."""
        self._end = state
        self._ended = monotonic()

    @property
    def state(self) -> State:
        """How it ended; until then the state of its last step."""
        if self._end is not None:
            return self._end
        return self.steps[-1].state if self.steps else "connecting"

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, well or not."""
        return self._end is not None

    @property
    def step(self) -> Step:
        """The step whose answer is shown: the last, or the one before it if the last brought no answer."""
        return self.steps[-2] if self.shows_rejected else self.steps[-1]

    @property
    def shows_rejected(self) -> bool:
        """Whether the answer that is shown was asked for again, and no other came."""
        if len(self.steps) < 2 or self._end in (None, "complete") or not self.steps[-2].rejected:
            return False
        return not self.steps[-1].choices[0].text

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers of the step that is shown."""
        return self.step.choices

    @property
    def choice(self) -> Choice:
        """The answer that speaks for the turn: the one that was picked, else the first."""
        choices = self.choices
        return choices[self.picked] if self.picked < len(choices) else choices[0]

    @property
    def is_complete(self) -> bool:
        """Whether it ended well and its answer can be sent as part of a conversation."""
        return self._end == "complete" and self.choice.fits_history

    @property
    def rejections(self) -> tuple[str, ...]:
        """Why answers were asked for again, in order."""
        return tuple(step.rejected for step in self.steps if step.rejected)

    @property
    def has_begun(self) -> bool:
        """Whether reasoning or text has arrived, or the turn has ended."""
        return self.state not in ("connecting", "waiting")

    @property
    def value(self) -> Any:
        """The JSON as the model wrote it, a list of it if several answers were asked for; None without."""
        values = [parsed.value for parsed in self.parsed]
        return values if self.step.n > 1 else next(iter(values), None)

    @property
    def frame(self) -> Any:
        """The DataFrame that the one answer was made into, None if there is none."""
        return self.parsed[0].data if self.wants_frame and self.parsed and self.step.n == 1 else None

    @property
    def usage(self) -> Usage | None:
        """Tokens of all its steps; None where the service counted none of them."""
        counted = [usage for step in self.steps if (usage := step.usage) is not None]
        return sum_of(counted) if counted else None

    @property
    def cost(self) -> float | None:
        """US dollars for those of its steps whose cost is known, an estimate; None where it is of none."""
        known = [cost for step in self.steps if (cost := step.cost) is not None]
        return sum(known) if known else None

    @property
    def is_undercounted(self) -> bool:
        """Whether `usage` leaves out a step: one that was stopped, or that the service did not count."""
        return any(step.usage is None for step in self.steps)

    @property
    def is_underpriced(self) -> bool:
        """Whether `cost` leaves out a step, which was not counted or whose price is unknown."""
        return any(step.cost is None and not step.simulated for step in self.steps)

    @property
    def seconds(self) -> float:
        """Seconds from the beginning of its first step to its end, or to now."""
        return (self._ended or monotonic()) - self.steps[0].started

    def messages(self) -> tuple[Message, ...]:
        """The prompt and the answer as later prompts send them."""
        choice = self.choice
        answer = Message("assistant", choice.text, reasoning_content=choice.reasoning or None)
        return (self.prompt, answer)


class Conversation:
    """The turns that later prompts continue, in order. A turn is kept whole or not at all."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._count = 0  # of the ids given out

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns, oldest first."""
        return tuple(self._turns)

    def new_id(self) -> str:
        """An id for a turn that no cell names."""
        self._count += 1
        return f"#{self._count}"

    def before(self, id: str = "", reasoning: HistoryReasoning = "all") -> tuple[Message, ...]:
        """The messages that are sent ahead of the turn `id`: of all turns if no turn has that id.

        `reasoning` says whose reasoning is among them: that of all answers, only that of answers with tool
        calls (which the service refuses without it), or none.
        """
        earlier = self._turns[: self._place(id)]
        return tuple(_without_reasoning(m, reasoning) for turn in earlier for m in turn.messages())

    def keep(self, turn: Turn) -> None:
        """Put a turn into the place of the turn with its id, else at the end; later turns become stale."""
        place = self._place(turn.id)
        self._turns[place : place + 1] = [turn]
        turn.kept = True
        for later in self._turns[place + 1 :]:
            later.stale = True

    def is_last(self, turn: Turn) -> bool:
        """Whether `turn` is the last one."""
        return bool(self._turns) and self._turns[-1] is turn

    def clear(self) -> None:
        """Remove all turns."""
        for turn in self._turns:
            turn.kept = False
        self._turns.clear()

    def _place(self, id: str) -> int:
        """The position of the turn `id`, the end if there is none."""
        return next((at for at, turn in enumerate(self._turns) if id and turn.id == id), len(self._turns))


def _without_reasoning(message: Message, reasoning: HistoryReasoning) -> Message:
    if reasoning == "all" or (reasoning == "tools" and message.tool_calls):
        return message
    return structs.replace(message, reasoning_content=None)
