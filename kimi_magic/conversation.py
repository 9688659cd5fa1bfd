"""What has been said in this kernel: turns, kept whole or not at all."""

from __future__ import annotations

from kimi_magic.messages import Message


class Conversation:
    """Completed turns in the order in which they ended."""

    def __init__(self) -> None:
        self._turns: list[tuple[Message, ...]] = []

    def __len__(self) -> int:
        """How many turns there are."""
        return len(self._turns)

    def messages(self) -> tuple[Message, ...]:
        """All messages, oldest first, as they are sent with the next prompt."""
        return tuple(message for turn in self._turns for message in turn)

    def commit(self, *turn: Message) -> None:
        """Keep one whole turn."""
        self._turns.append(turn)

    def clear(self) -> None:
        """Begin anew."""
        self._turns.clear()
