"""A reply in a terminal, or in a pipe: text as it arrives, nothing drawn twice.

The answer goes to one stream and all else (status, reasoning, footer) to another, so that a pipe gets the
answer alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from kimi_magic.choices import Choice
from kimi_magic.messages import Reply
from kimi_magic.view import endings, static

_DIM, _NORMAL, _CLEAR_LINE = "\x1b[2m", "\x1b[0m", "\r\x1b[2K"


class TerminalView:
    """Writes the answer to `out` and everything else to `err`, dimmed where `err` is a terminal."""

    def __init__(
        self, out: TextIO, err: TextIO, *, hide_reasoning: bool = False, lasting: bool = True
    ) -> None:
        """`lasting` says whether a session follows in which the answer can be continued."""
        self._out = out
        self._err = err
        self._hide = hide_reasoning
        self._lasting = lasting
        self._dims = err.isatty()
        self._status = ""
        self._text = 0  # characters of the answer written so far
        self._thought = 0

    def open(self, reply: Reply, stop: Callable[[], None] | None = None) -> None:
        """A status line that goes away again; nothing where there is no terminal."""
        self._show_status(static.status(reply))

    def update(self, reply: Reply) -> None:
        """Write what is new."""
        begun = reply.text or (reply.reasoning and not self._hide)
        if reply.state == "waiting" or not begun:
            self._show_status(static.status(reply))
            return
        self._write_reasoning(reply)
        self._write_answer(reply)

    def close(self, reply: Reply) -> None:
        """Write the rest and the footer."""
        self._write_reasoning(reply)
        self._write_answer(reply)
        self._show_status("")
        if self._text:
            self._out.write("\n")
            self._out.flush()
        if self._thought and not self._text:
            self._err.write("\n")
        self._write_ending(reply, reply.chosen)
        for number, choice in enumerate(reply.choices, 1):
            if choice is not reply.chosen:
                self._write_other(reply, choice, number)
        for notice in (*reply.notices, *endings.of_reply(reply, lasting=self._lasting)):
            self._write_quiet(notice + "\n")
        self._write_quiet(static.footer(reply) + "\n")

    def _write_other(self, reply: Reply, choice: Choice, number: int) -> None:
        """One of several answers, whole: only the first streams."""
        # The heading goes where the text goes: a pipe that gets several answers has to tell them apart.
        self._out.write(f"\n{static.heading(reply, choice, number)}\n\n")
        self._out.flush()
        if choice.reasoning and not self._hide:
            self._write_quiet(f"Reasoning\n{static.printable(choice.reasoning)}\n\n")
        if choice.text:
            self._out.write(static.printable(choice.text) + "\n")
            self._out.flush()
        self._write_ending(reply, choice)

    def _write_ending(self, reply: Reply, choice: Choice) -> None:
        for call in static.calls(choice):
            self._write_quiet(f"- {call}\n")
        if ending := endings.of_choice(reply, choice, lasting=self._lasting):
            self._write_quiet(ending + "\n")

    def _write_reasoning(self, reply: Reply) -> None:
        new = reply.reasoning[self._thought :]
        if not new or self._hide or self._text:  # thought that follows the answer is not put inside it
            return
        self._show_status("")
        if not self._thought:
            self._write_quiet("Reasoning\n")
        self._thought += len(new)
        self._write_quiet(static.printable(new))

    def _write_answer(self, reply: Reply) -> None:
        new = reply.text[self._text :]
        if not new:
            return
        self._show_status("")
        if self._thought and not self._text:
            self._write_quiet("\n\n")
        self._text += len(new)
        self._out.write(static.printable(new))
        self._out.flush()

    def _write_quiet(self, text: str) -> None:
        self._err.write(f"{_DIM}{text}{_NORMAL}" if self._dims else text)
        self._err.flush()

    def _show_status(self, text: str) -> None:
        if not self._dims or text == self._status:
            return
        self._err.write(_CLEAR_LINE + (f"{_DIM}{text}{_NORMAL}" if text else ""))
        self._err.flush()
        self._status = text
