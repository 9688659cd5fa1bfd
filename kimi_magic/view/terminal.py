"""A reply in a terminal, or in a pipe: text as it arrives, in lines that fit.

The answer goes to one stream and all else (status, reasoning, byline) to another, so that a pipe gets the
answer alone, to the letter. On a terminal, an answer that is complete and still on the screen is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from kimi_magic.choices import Choice
from kimi_magic.messages import Reply
from kimi_magic.view import drawing, endings, static
from kimi_magic.view.sheet import Sheet

_BAR = "│ "  # before each line of reasoning: not every terminal dims


class TerminalView:
    """Writes the answer to `out` and everything else to `err`, dimmed where `err` is a terminal."""

    def __init__(
        self, out: TextIO, err: TextIO, *, hide_reasoning: bool = False, lasting: bool = True
    ) -> None:
        """`lasting` says whether a session follows in which the answer can be continued."""
        self._out = Sheet(out)
        self._err = Sheet(err)
        self._hide = hide_reasoning
        self._lasting = lasting
        self._text = 0  # characters of the answer written so far
        self._thought = 0
        self._repairs = 0

    def open(self, reply: Reply, stop: Callable[[], None] | None = None) -> None:
        """A status line that goes away again; nothing where there is no terminal."""
        self._err.show_status(static.status(reply))

    def update(self, reply: Reply) -> None:
        """Write what is new."""
        if len(reply.faults) > self._repairs:
            self._begin_anew(reply)
        begun = reply.text or (reply.reasoning and not self._hide)
        if not reply.begun or not begun:
            self._err.show_status(static.status(reply))
            return
        self._write_reasoning(reply)
        if self._out.obeys or not reply.json:  # what reads JSON from a pipe can use the last answer only
            self._write_answer(reply)

    def close(self, reply: Reply) -> None:
        """Write the rest and the byline."""
        if not reply.unmended:  # its reasoning was written, and on a terminal its text too
            self._write_reasoning(reply)
        if not (reply.unmended and self._out.obeys):
            self._write_answer(reply)
        self._err.show_status("")
        if self._text:
            self._end_answer(reply)
        elif self._thought:
            self._err.end(dim=True)
            self._err.write("\n")
        self._write_ending(reply, reply.chosen)
        for number, choice in enumerate(reply.choices, 1):
            if choice is not reply.chosen:
                self._write_other(reply, choice, number)
        for notice in (*reply.notices, *endings.of_reply(reply, lasting=self._lasting)):
            self._write_quiet(notice + "\n")
        self._write_quiet(static.byline(reply) + "\n")

    def _begin_anew(self, reply: Reply) -> None:
        """The answer is asked for once more."""
        self._err.show_status("")
        if self._text:
            self._out.end()
            self._out.write("\n")
        self._repairs, self._text, self._thought = len(reply.faults), 0, 0
        self._write_quiet(endings.repaired(reply.faults[-1]) + "\n")

    def _write_other(self, reply: Reply, choice: Choice, number: int) -> None:
        """One of several answers, whole: only the first streams."""
        # The heading goes where the text goes: a pipe that gets several answers has to tell them apart.
        # JSON tells by itself: there it is one value after the other.
        if self._out.obeys or not reply.json:
            self._out.write(f"\n{static.heading(reply, choice, number)}\n\n")
        if choice.reasoning and not self._hide:
            self._begin_reasoning()
            self._err.grow(static.printable(choice.reasoning), dim=True)
            self._err.end(dim=True)
            self._write_quiet("\n\n")
        if choice.text:
            text = static.printable(choice.text)
            if drawn := self._drawn(reply, text):
                self._out.put(drawn)
            else:
                self._out.write(text + "\n")
        self._write_ending(reply, choice)

    def _write_ending(self, reply: Reply, choice: Choice) -> None:
        for call in static.calls(choice):
            self._write_quiet(f"- {call}\n")
        if ending := endings.of_choice(reply, choice, lasting=self._lasting):
            self._write_quiet(ending + "\n")

    def _begin_reasoning(self) -> None:
        self._write_quiet("Reasoning\n")
        self._err.begin(_BAR)

    def _write_reasoning(self, reply: Reply) -> None:
        new = reply.reasoning[self._thought :]
        if not new or self._hide or self._text:  # thought that follows the answer is not put inside it
            return
        self._err.show_status("")
        if not self._thought:
            self._begin_reasoning()
        self._thought += len(new)
        self._err.grow(static.printable(new), dim=True)

    def _write_answer(self, reply: Reply) -> None:
        new = reply.text[self._text :]
        if not new:
            return
        self._err.show_status("")
        if not self._text:
            if self._thought:
                self._err.end(dim=True)
                self._write_quiet("\n\n")
            self._out.begin()
        self._text += len(new)
        self._out.grow(static.printable(new))

    def _end_answer(self, reply: Reply) -> None:
        self._out.end()
        # Ctrl-C is shown where the cursor was: what stands above it can no longer be told.
        whole = reply.state == "complete"
        drawn = self._drawn(reply, static.printable(reply.text)) if whole else None
        if drawn is None or not self._out.replace(drawn):
            self._out.write("\n")

    def _drawn(self, reply: Reply, text: str) -> str | None:
        if reply.json or not self._out.obeys:
            return None
        return drawing.draw(text, self._out.size()[0], colours=self._out.colours)

    def _write_quiet(self, text: str) -> None:
        self._err.write(text, dim=True)
