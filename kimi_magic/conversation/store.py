"""The turns that later prompts continue: in order, by their ids, and each whole."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from kimi_magic import bridge, saved
from kimi_magic.conversation.sizes import TOKENS_AROUND, message_tokens
from kimi_magic.conversation.turn import Place, Turn
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Message
from kimi_magic.models import HistoryReasoning


class Context(NamedTuple):
    """The turns that are sent ahead of a turn, and where that one stands."""

    turns: tuple[Turn, ...]
    place: Place

    def messages(self, reasoning: HistoryReasoning) -> tuple[Message, ...]:
        """The messages of the turns; `reasoning` says whose is among them, see `Conversation.before`."""
        return tuple(_without_reasoning(m, reasoning) for turn in self.turns for m in turn.messages())


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
        """Put `turn` into the place of the turn with its id, else at the end; later turns become stale."""
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
        """Send turn `number` no more, or again where `muted` is False; later turns become stale.

        Raises:
            KimiUsageError: There is none.
        """
        self.turn(number).muted = muted
        self._change(number - 1)

    def pin(self, number: int, pinned: bool = True) -> None:
        """Send turn `number` also where older turns are left out; no longer where `pinned` is False.

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
        """A conversation of its own, called `name`, that goes on from here."""
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
        and `finish_reason` of each), and where they are not the default `rounds` (calls of functions with
        their results), `picked`, `model`, `offline`, `usage`, `seconds`, `time` (UTC), `edited`, `muted`,
        `pinned`, `stale` and `fingerprint`.
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
        """The conversation in `data`: what `to_json` wrote, as JSON or its text.

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
        """Put `turn`, which was saved, at the end; one without an id, or with one that is there, gets one."""
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
    prompt, *calls, answer = turn.messages()
    kept_calls = calls if reasoning else [structs.replace(each, reasoning_content=None) for each in calls]
    sent = message_tokens(prompt) + sum(map(message_tokens, kept_calls))
    usage = turn.step.usage if turn.edited is None and len(turn.choices) == 1 else None
    if usage is None:
        kept = answer if reasoning else structs.replace(answer, reasoning_content=None)
        return sent + message_tokens(kept)
    thought = 0 if reasoning else usage.reasoning or 0
    return sent + max(usage.completion - thought, 1) + TOKENS_AROUND


def _without_reasoning(message: Message, reasoning: HistoryReasoning) -> Message:
    if reasoning == "all" or (reasoning == "tools" and message.tool_calls):
        return message
    return structs.replace(message, reasoning_content=None)
