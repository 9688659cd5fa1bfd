"""What has been said in this kernel: turns, kept whole or not at all."""

from __future__ import annotations

from msgspec import structs

from kimi_magic.messages import Message
from kimi_magic.models import HistoryReasoning


class Conversation:
    """Completed turns in the order in which they ended."""

    def __init__(self) -> None:
        self._turns: list[tuple[Message, ...]] = []

    def __len__(self) -> int:
        """How many turns there are."""
        return len(self._turns)

    def messages(self, reasoning: HistoryReasoning = "all") -> tuple[Message, ...]:
        """All messages, oldest first, as they are sent with the next prompt.

        `reasoning` says whose reasoning is among them: that of all answers, only of those with tool calls
        (which the service refuses without it), or of none.
        """

        def kept(message: Message) -> Message:
            if reasoning == "all" or (reasoning == "tools" and message.tool_calls):
                return message
            return structs.replace(message, reasoning_content=None)

        return tuple(kept(message) for turn in self._turns for message in turn)

    def commit(self, *turn: Message, instead_of: tuple[Message, ...] | None = None) -> tuple[Message, ...]:
        """Keep one whole turn, at the end or in the place of one that is kept; that turn, to name it by."""
        for at, kept in enumerate(self._turns):
            if kept is instead_of:
                self._turns[at] = turn
                return turn
        self._turns.append(turn)
        return turn

    def ends_with(self, turn: tuple[Message, ...] | None) -> bool:
        """Whether `turn` is kept and the last."""
        return bool(self._turns) and self._turns[-1] is turn

    def clear(self) -> None:
        """Begin anew."""
        self._turns.clear()
