"""What was asked and answered, as data: a `Step` is one request, a `Turn` one prompt, a `Conversation` many.

Nothing here sends or shows; `engine` decides what the next step of a turn is.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import structs

from kimi_magic import bridge, models, saved
from kimi_magic.errors import KimiUsageError
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


class Place(NamedTuple):
    """Where a turn stands in its conversation, and what is sent ahead of it.

    `chat` is the name of the conversation; `number` counts its turns from 1; `replaces` says whether the turn
    takes the place of an earlier run. `context` is how many turns are sent ahead of it, `earlier` how many
    there are that are not muted, and `left_out` are the numbers of those that do not fit the model's context.
    """

    chat: str
    number: int
    replaces: bool
    context: int
    earlier: int
    left_out: tuple[int, ...] = ()


class Context(NamedTuple):
    """The turns that are sent ahead of a turn, and where that one stands."""

    turns: tuple[Turn, ...]
    place: Place

    def messages(self, reasoning: HistoryReasoning) -> tuple[Message, ...]:
        """The messages of the turns; `reasoning` says whose is among them, see `Conversation.before`."""
        return tuple(_without_reasoning(m, reasoning) for turn in self.turns for m in turn.messages())


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
        self.recorded_seconds: float | None = None  # of an answer that comes from a recording
        self.notices: tuple[str, ...] = ()
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


class Turn:
    """One prompt with all that follows: the steps that it took, and what became of them.

    `id` is its place in a conversation: a cell's id, or a number of our own. `picked` is the position of the
    choice that speaks for the turn. `kept` says whether a conversation holds it; `stale`, that an earlier
    turn of that conversation was replaced after this one ran. A turn that is `muted` is shown but not sent,
    one that is `pinned` is sent also where others no longer fit; `edited` is the answer as the model will
    remember it, None while it is as it came. `place` is where it stands, None if it stands alone.
    `typed` is the prompt as it stands in the cell, where that is known; `fingerprint` says of what was asked,
    and in which context, no more than whether it is the same; `outputs` are data and metadata of what the
    notebook has shown of the turn.
    `wants_json` says whether JSON was asked for, `wants_frame` whether as a DataFrame; `parsed` holds what
    the JSON of each choice was parsed into. `wrapper` is the key of an object that only carries the list that
    was asked for, "" if there is none. `notices` are sentences for the person about the request as a
    whole.
    """

    def __init__(
        self,
        prompt: Message,
        *,
        id: str = "",
        wants_json: bool = False,
        wants_frame: bool = False,
        wrapper: str = "",
    ) -> None:
        self.id = id
        self.prompt = prompt
        self.steps: list[Step] = []
        self.picked = 0
        self.kept = False
        self.stale = False
        self.muted = False
        self.pinned = False
        self.edited: str | None = None
        self.place: Place | None = None
        self.typed: str | None = None
        self.continues = False  # it goes on with a part, of which another cell has the prompt
        self.fingerprint = ""
        self.outputs: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = ()
        self.saved_digest = ""  # of a turn that was read back, of which not every letter may have come back
        self.wants_json = wants_json
        self.wants_frame = wants_frame
        self.wrapper = wrapper
        self.parsed: tuple[Parsed, ...] = ()
        self.rescued: tuple[Parsed, ...] = ()  # of answers of which at least one cannot be used
        self.notices: tuple[str, ...] = ()
        self._end: End | None = None
        self._ended: float | None = None
        self._past_seconds: float | None = None  # of a turn that was saved

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

    def unwrapped(self, value: Any) -> Any:
        """The list that an object with the key `wrapper` alone carries; every other value as it is."""
        if self.wrapper and isinstance(value, dict) and list(value) == [self.wrapper]:
            return value[self.wrapper]
        return value

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
        return any(step.cost is None and step.is_paid for step in self.steps)

    @property
    def seconds(self) -> float:
        """Seconds from the beginning of its first step to its end, or to now."""
        if self._past_seconds is not None:
            return self._past_seconds
        if self._ended is not None and any(step.recorded_seconds is not None for step in self.steps):
            return sum(step.seconds for step in self.steps)
        return (self._ended or monotonic()) - self.steps[0].started

    def messages(self) -> tuple[Message, ...]:
        """The prompt and the answer as later prompts send them. Reasoning that led elsewhere is not sent."""
        if self.edited is not None:
            return (self.prompt, Message("assistant", self.edited))
        choice = self.choice
        answer = Message("assistant", choice.text, reasoning_content=choice.reasoning or None)
        return (self.prompt, answer)

    @property
    def digest(self) -> str:
        """A fingerprint of what later prompts send of it."""
        return self.saved_digest if self.saved_digest and self.edited is None else digest(self.messages())

    @property
    def began(self) -> datetime:
        """When it was first asked, in UTC."""
        return self.steps[0].began

    def record(self) -> saved.SavedTurn:
        """The turn as it is written to a file: nothing of key, host or account."""
        return saved.SavedTurn(
            id=self.id,
            prompt=self.prompt,
            answers=tuple(
                saved.SavedAnswer(choice.text, choice.reasoning, choice.finish_reason)
                for choice in self.choices
            ),
            picked=self.picked,
            model=self.step.model,
            offline=self.step.simulated,
            usage=self.usage,
            seconds=round(self.seconds, 1),
            time=self.began,
            edited=self.edited,
            muted=self.muted,
            pinned=self.pinned,
            stale=self.stale,
            fingerprint=self.fingerprint,
        )

    @classmethod
    def from_record(cls, record: saved.SavedTurn) -> Turn:
        """The turn that was written as `record`, complete.

        Raises:
            ValueError: No conversation can hold it: the answer is empty, or there is none.
        """
        turn = cls(record.prompt, id=record.id)
        request = Request(record.model, (record.prompt,), n=len(record.answers))
        step = Step(request, simulated=record.offline)
        step.began = record.time or step.began
        for index, answer in enumerate(record.answers):
            step.add(ReasoningDelta(answer.reasoning, index))
            step.add(TextDelta(answer.text, index))
            step.add(Finished(answer.finish_reason or "", index))
        if record.usage is not None:
            step.add(Counted(record.usage))
        step.end("complete")
        turn.steps.append(step)
        turn.picked, turn.edited = record.picked, record.edited
        turn.muted, turn.pinned, turn.stale = record.muted, record.pinned, record.stale
        turn.fingerprint, turn._past_seconds = record.fingerprint, record.seconds
        turn.end("complete")
        if not (turn.is_complete and (record.edited is None or record.edited)):
            raise ValueError("it has no answer that a conversation can hold")
        return turn


DEFAULT_CHAT = "main"  # the conversation that a prompt continues where none is named


class Conversation:
    """The turns that later prompts continue, in order. A turn is kept whole or not at all.

    `name` is its own, and `system` the system message of its prompts, None for that of the settings. Iterate
    over it for its turns. `order` lets one prompt in at a time; `changes` counts what was done to it, so that
    a prompt that had to wait knows whether it is composed of what is there now.
    """

    def __init__(self, name: str = DEFAULT_CHAT, *, system: str | None = None) -> None:
        self.name = name
        self.system = system
        self.order = bridge.Order()
        self.changes = 0
        self._turns: list[Turn] = []
        self._count = 0  # of the ids given out

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[Turn]:
        return iter(self.turns)

    def __repr__(self) -> str:
        return f"<Conversation {self.name!r}, {len(self)} turn{'s' * (len(self) != 1)}>"

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns, oldest first."""
        return tuple(self._turns)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the next prompt sends ahead of itself, as the service takes it, with all reasoning."""
        system = (Message("system", self.system),) if self.system else ()
        messages: list[dict[str, Any]] = msgspec.to_builtins([*system, *self.before()])
        return messages

    def new_id(self) -> str:
        """An id for a turn that no cell names."""
        while True:
            self._count += 1
            if self._place(f"#{self._count}") == len(self):
                return f"#{self._count}"

    def before(self, id: str = "", reasoning: HistoryReasoning = "all") -> tuple[Message, ...]:
        """The messages that are sent ahead of the turn `id`: of all turns if no turn has that id.

        `reasoning` says whose reasoning is among them: that of all answers, only that of answers with tool
        calls (which the service refuses without it), or none.
        """
        return self.context(id).messages(reasoning)

    def context(
        self, id: str = "", *, most: int | None = None, room: int | None = None, reasoning: bool = True
    ) -> Context:
        """The turns that are sent ahead of the turn `id`, and its place.

        The latest `most` of them are, of all that are not muted (None: all). Where their estimated tokens
        are more than `room` (None: no limit), the oldest are left out, whole. Turns that are pinned are
        always sent. `reasoning` says whether the reasoning counts.
        """
        place = self._place(id)
        earlier = [(number, turn) for number, turn in enumerate(self._turns[:place], 1) if not turn.muted]
        cut = 0 if most is None else max(0, len(earlier) - most)
        wanted = [(n, turn) for at, (n, turn) in enumerate(earlier) if at >= cut or turn.pinned]
        left_out: set[int] = set()
        if room is not None:
            sizes = {number: turn_tokens(turn, reasoning=reasoning) for number, turn in wanted}
            size = sum(sizes.values())
            for number, turn in wanted:
                if size <= room:
                    break
                if not turn.pinned:
                    left_out.add(number)
                    size -= sizes[number]
        turns = tuple(turn for number, turn in wanted if number not in left_out)
        where = Place(
            self.name, place + 1, place < len(self), len(turns), len(earlier), tuple(sorted(left_out))
        )
        return Context(turns, where)

    def keep(self, turn: Turn) -> None:
        """Put a turn into the place of the turn with its id, else at the end; later turns become stale."""
        place = self._place(turn.id)
        self._turns[place : place + 1] = [turn]
        turn.kept = True
        self._change(place)

    def is_last(self, turn: Turn) -> bool:
        """Whether `turn` is the last one."""
        return bool(self._turns) and self._turns[-1] is turn

    def turn(self, number: int) -> Turn:
        """Turn `number`, counted from 1.

        Raises:
            KimiUsageError: There is none.
        """
        if not 1 <= number <= len(self):
            there = f"it has {len(self)} turn{'s' * (len(self) != 1)}" if self._turns else "it is empty"
            raise KimiUsageError(f"conversation {self.name!r} has no turn {number}, {there}")
        return self._turns[number - 1]

    def drop(self, number: int) -> Turn:
        """Remove turn `number`, counted from 1; later turns become stale.

        Raises:
            KimiUsageError: There is none.
        """
        turn = self.turn(number)
        del self._turns[number - 1]
        turn.kept = False
        self._change(number - 2)
        return turn

    def undo(self, count: int = 1) -> None:
        """Remove the last `count` turns.

        Raises:
            KimiUsageError: There are fewer.
        """
        self.turn(count)  # that there are so many
        for _ in range(count):
            self.drop(len(self))

    def find(self, id: str) -> Turn | None:
        """The turn `id`, if there is one."""
        place = self._place(id)
        return self._turns[place] if place < len(self) else None

    def drop_id(self, id: str) -> bool:
        """Remove the turn `id`; whether there was one."""
        if (place := self._place(id)) == len(self):
            return False
        self.drop(place + 1)
        return True

    def mute(self, number: int, muted: bool = True) -> None:
        """Send turn `number` no more, or again; later turns become stale.

        Raises:
            KimiUsageError: There is none.
        """
        self.turn(number).muted = muted
        self._change(number - 1)

    def pin(self, number: int, pinned: bool = True) -> None:
        """Send turn `number` also where older turns are left out, or no longer.

        Raises:
            KimiUsageError: There is none.
        """
        self.turn(number).pinned = pinned
        self.changes += 1

    def edit(self, number: int, text: str | None) -> None:
        """Let `text` be the answer of turn `number` that is sent, None for what came; later turns are stale.

        Raises:
            KimiUsageError: There is no such turn, or the text is empty: the service refuses empty messages.
        """
        turn = self.turn(number)
        if text is not None and not text.strip():
            raise KimiUsageError(f"turn {number}: expected the new text of the answer, got none")
        turn.edited = text
        self._change(number - 1)

    def fork(self, name: str) -> Conversation:
        """A conversation of its own that goes on from here."""
        other = Conversation(name, system=self.system)
        other._turns = [copy.copy(turn) for turn in self._turns]
        other._count = self._count
        return other

    def clear(self) -> None:
        """Remove all turns."""
        for turn in self._turns:
            turn.kept = False
        self._turns.clear()
        self.changes += 1

    def to_json(self) -> dict[str, Any]:
        """The conversation as JSON holds it; `from_json` reads it. Nothing of key, host or account is in it.

        `version` is 1. `turns` have `id` (the cell's), `prompt` (a message), `answers` (`text`, `reasoning`
        and `finish_reason` of each), and where they are not the default `picked`, `model`, `offline`,
        `usage`, `seconds`, `time` (UTC), `edited`, `muted`, `pinned`, `stale` and `fingerprint`.
        """
        return saved.to_json(
            saved.SavedConversation(
                version=saved.VERSION,
                name=self.name,
                system=self.system,
                turns=tuple(turn.record() for turn in self._turns),
            )
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str | bytes) -> Conversation:
        """The conversation that `to_json` wrote, as JSON or its text.

        Raises:
            KimiUsageError: It is none, or of a later version; the text names the place.
        """
        record = saved.from_json(data)
        conversation = cls(record.name, system=record.system)
        for number, turn in enumerate(record.turns, 1):
            try:
                conversation.add(Turn.from_record(turn))
            except ValueError as error:
                raise KimiUsageError(f"turn {number} of the saved conversation: {error}") from None
        return conversation

    def add(self, turn: Turn) -> None:
        """Put a turn that was saved at the end; one without an id, or with one that is there, gets one."""
        if not turn.id or self._place(turn.id) < len(self):
            turn.id = self.new_id()
        self._turns.append(turn)
        turn.kept = True
        self.changes += 1

    def take(self, other: Conversation) -> None:
        """Take turns and system message from `other`, in place of what is here."""
        self.clear()
        self.system = other.system
        for turn in other.turns:
            self.add(turn)

    def _change(self, place: int) -> None:
        """Note that the turn at `place` is another than it was: what came after it is stale."""
        self.changes += 1
        for later in self._turns[place + 1 :]:
            later.stale = True

    def _place(self, id: str) -> int:
        """The position of the turn `id`, the end if there is none."""
        return next((at for at, turn in enumerate(self._turns) if id and turn.id == id), len(self._turns))


def turn_tokens(turn: Turn, *, reasoning: bool = True) -> int:
    """The tokens of a turn that is sent: its answer as the service counted it, the rest estimated."""
    prompt, answer = turn.messages()
    usage = turn.step.usage if turn.edited is None and len(turn.choices) == 1 else None
    if usage is None:
        kept = answer if reasoning else structs.replace(answer, reasoning_content=None)
        return message_tokens(prompt) + message_tokens(kept)
    thought = 0 if reasoning else usage.reasoning or 0
    return message_tokens(prompt) + max(usage.completion - thought, 1) + TOKENS_AROUND


TOKENS_AROUND = 8  # of a message, for its role and its ends
PICTURE_TOKENS = 1_500  # an estimate: services count a picture by its size, and do not say how


def message_tokens(message: Message) -> int:
    """An estimate of the tokens of a message: four ASCII characters make one, two of all others one."""
    text = message.text + (message.reasoning_content or "")
    others = len(text) - len(text.encode("ascii", "ignore"))
    pictures = len(message.content) if message.has_pictures and isinstance(message.content, tuple) else 0
    return (len(text) - others) // 4 + (others + 1) // 2 + TOKENS_AROUND + PICTURE_TOKENS * pictures


def digest(*values: object) -> str:
    """A short fingerprint of plain values and messages; equal values give equal ones."""
    text = msgspec.json.encode(values, enc_hook=repr)
    return hashlib.sha256(text).hexdigest()[:20]


def _without_reasoning(message: Message, reasoning: HistoryReasoning) -> Message:
    if reasoning == "all" or (reasoning == "tools" and message.tool_calls):
        return message
    return structs.replace(message, reasoning_content=None)
