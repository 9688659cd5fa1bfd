"""One prompt with all that follows: the steps that it took, and what became of them."""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple

from kimi_magic import saved
from kimi_magic.conversation.results import ToolResult
from kimi_magic.conversation.sizes import digest
from kimi_magic.conversation.step import End, State, Step
from kimi_magic.messages import (
    CALLS,
    Choice,
    Counted,
    Finished,
    Message,
    ReasoningDelta,
    Request,
    TextDelta,
)
from kimi_magic.usage import Usage, sum_of


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
        self.earlier: tuple[Step, ...] = ()  # of the turn that this one continues, with answered calls
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
        """Mark the turn as ended with `state`: no further step follows."""
        self._end = state
        self._ended = monotonic()

    @property
    def state(self) -> State:
        """How it ended; until then the state of its last step."""
        if self._end is not None:
            return self._end
        if not self.steps:
            return "connecting"
        last = self.steps[-1]
        return "calling" if last.results and last.has_ended else last.state

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
        """The list in `value`, an object with the key `wrapper` alone; every other value as it is."""
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
        """The prompt, the calls with their results, and the answer, as later prompts send them.

        Reasoning that led elsewhere is not sent.
        """
        calls = [message for step in self.rounds for message in step.messages]
        if self.edited is not None:
            return (self.prompt, *calls, Message("assistant", self.edited))
        choice = self.choice
        answer = Message("assistant", choice.text, reasoning_content=choice.reasoning or None)
        return (self.prompt, *calls, answer)

    @property
    def rounds(self) -> tuple[Step, ...]:
        """The steps in which functions were called; the answer is that of another step."""
        return (*self.earlier, *(step for step in self.steps if step.results))

    @property
    def shown_steps(self) -> tuple[Step, ...]:
        """What is shown, one below the other: the rounds of calls, then the step with the answer."""
        return tuple(dict.fromkeys((*self.rounds, self.step)))

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
            rounds=tuple(
                saved.SavedRound(
                    tuple(result.record() for result in step.results),
                    step.choices[0].text,
                    step.choices[0].reasoning,
                )
                for step in self.rounds
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
        turn.earlier = tuple(_round_from(each, record) for each in record.rounds)
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


def _round_from(record: saved.SavedRound, turn: saved.SavedTurn) -> Step:
    """A step with the calls that were saved as `record`; its tokens are counted in those of its turn."""
    if not record.calls:
        raise ValueError("a round of calls without any")
    step = Step(Request(turn.model, (turn.prompt,)), simulated=turn.offline)
    step.add(ReasoningDelta(record.reasoning))
    step.add(TextDelta(record.text))
    step.add(Finished(CALLS))
    step.results = [ToolResult.from_record(each) for each in record.calls]
    step.end("complete")
    return step
