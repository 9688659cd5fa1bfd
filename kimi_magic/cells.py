"""Which cell is running, and the ids of its prompts. Loaded with the magics, so it imports little."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any


class CellRun:
    """One run of the cell `id`, "" where the front end does not tell it.

    The prompts of a cell are told apart by their number among those of the same conversation, so that each
    replaces its own earlier run.
    """

    def __init__(self, id: str) -> None:
        self.id = id
        self.counts: dict[Any, int] = {}  # prompts planned in this run, by conversation; None: standing alone

    def next_id(self, conversation: Any, *, counts: bool = True) -> str:
        """The id of the next prompt that this cell asks in `conversation`; "" where the cell has none.

        It is the next one again if that prompt does not count, as one that is only shown.
        """
        if not self.id:
            return ""
        number = self.counts.get(conversation, 0) + 1
        if counts:
            self.counts[conversation] = number
        return prompt_id(self.id, number)


def request_of(shell: Any) -> dict[str, Any]:
    """The message of the front end that `shell` answers now, empty where there is none, as in a terminal."""
    try:
        parent = shell.kernel.get_parent()
    except (AttributeError, LookupError):  # before ipykernel 6, and outside of a request
        parent = getattr(shell, "parent_header", None)
    return parent or {}


def prompt_id(cell: str, number: int) -> str:
    """The id of prompt `number`, from 1, of the cell with the id `cell`."""
    return cell if number == 1 else f"{cell}#{number}"


# Tasks and threads that a cell starts inherit it; those of a widget or of a script have none.
running: ContextVar[CellRun | None] = ContextVar("running_cell", default=None)
