"""A reply in a terminal, or in a pipe: text as it arrives, in lines that fit.

The answer goes to one stream and all else (status, reasoning, byline) to another, so that a pipe gets the
answer alone, to the letter. On a terminal, an answer that is complete and still on the screen is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from kimi_magic.conversation import Turn
from kimi_magic.messages import Choice
from kimi_magic.view import calls, drawing, endings, words
from kimi_magic.view.writer import Writer

_BAR = "│ "  # before each line of reasoning: not every terminal dims


class TerminalView:
    """Writes the answer to `out` and everything else to `err`, dimmed where `err` is a terminal."""

    def __init__(
        self, out: TextIO, err: TextIO, *, hide_reasoning: bool = False, lasting: bool = True
    ) -> None:
        """`lasting` says whether a session follows in which the answer can be continued."""
        self._out = Writer(out)
        self._err = Writer(err)
        self._hide = hide_reasoning
        self._lasting = lasting
        self._has_title = False  # the first of several answers
        self._text = 0  # characters of the answer written so far
        self._reasoning = 0
        self._round = 0  # how many of the rounds of calls are written
        self._told = 0  # of the results of the next round
        self._repairs = 0
        self._moves = 0

    def open(self, turn: Turn, stop: Callable[[], None] | None = None) -> None:
        """A status line that goes away again; nothing where there is no terminal."""
        self._err.show_status(words.status(turn))

    def update(self, turn: Turn) -> None:
        """Write what is new."""
        if len(turn.rejections) > self._repairs:
            self._begin_anew(turn)
        if self._write_rounds(turn):
            return
        self._note_move(turn)
        begun = turn.choice.text or (turn.choice.reasoning and not self._hide)
        if not turn.has_begun or not begun:
            self._err.show_status(words.status(turn))
            return
        self._write_title(turn)
        self._write_reasoning(turn.choice)
        # What reads JSON from a pipe can use the last answer only, and a text may stand before a call.
        if self._out.is_controllable or not (turn.wants_json or turn.step.request.tools):
            self._write_answer(turn.choice)

    @property
    def can_ask(self) -> bool:
        """Nobody clicks in a terminal."""
        return False

    def repeat(self, turn: Turn) -> None:
        """Write an answer that was kept, with its byline."""
        self.update(turn)
        self.close(turn)

    def close(self, turn: Turn) -> None:
        """Write the rest and the byline."""
        is_open = self._write_rounds(turn)
        self._note_move(turn)
        if not turn.shows_rejected and not is_open:  # it was written, and on a terminal its text too
            self._write_title(turn)
            self._write_reasoning(turn.choice)
        if not (turn.shows_rejected and self._out.is_controllable) and not is_open:
            self._write_answer(turn.choice)
        self._err.show_status("")
        if self._text and not is_open:
            self._end_answer(turn)
        elif self._reasoning and not is_open:
            self._err.end(dim=True)
            self._err.write("\n")
        self._write_ending(turn, turn.choice)
        for number, choice in enumerate(turn.choices, 1):
            if choice is not turn.choice:
                self._write_other(turn, choice, number)
        own = (*endings.left_out(turn), *turn.notices, *turn.step.notices, *endings.not_run(turn))
        for notice in (*own, *endings.of_turn(turn, lasting=self._lasting)):
            self._write_quiet(notice + "\n")
        self._write_quiet(words.byline(turn) + "\n")

    def _begin_anew(self, turn: Turn) -> None:
        """The answer is asked for once more."""
        self._err.show_status("")
        if self._text:
            self._out.end()
            self._out.write("\n")
        self._repairs, self._text, self._reasoning = len(turn.rejections), 0, 0
        self._write_quiet(endings.repaired(turn.rejections[-1]) + "\n")

    def _note_move(self, turn: Turn) -> None:
        """Say so where what was written as the answer turned out to be reasoning: it cannot be unwritten."""
        if turn.choice.moves == self._moves:
            return
        self._moves = turn.choice.moves
        if self._text:
            self._err.show_status("")
            self._out.end()
            self._out.write("\n\n")
            self._write_quiet(endings.MOVED + "\n")
            self._text, self._reasoning = 0, len(turn.choice.reasoning)

    def _write_rounds(self, turn: Turn) -> bool:
        """Write what is new of the rounds of calls; whether one of them is the last that is there."""
        steps = turn.shown_steps
        while self._round < len(steps) and steps[self._round].results:
            step = steps[self._round]
            if not self._told:
                self._write_reasoning(step.choices[0])
                self._write_round_text(step.choices[0])
            for result in step.results[self._told :]:
                if not result.has_ended:
                    # The question stands on the line of the status.
                    asks = any(each.state == "asking" for each in step.results)
                    self._err.show_status("" if asks else words.status(turn))
                    return True
                self._err.show_status("")
                self._write_quiet("\n".join(calls.lines(result)) + "\n")
                self._told += 1
            if step is steps[-1]:
                return True
            self._round, self._told, self._text, self._reasoning = self._round + 1, 0, 0, 0
        return False

    def _write_round_text(self, choice: Choice) -> None:
        """What stood before a call: on a terminal it streams, and does not belong into a pipe."""
        self._err.show_status("")
        if self._out.is_controllable:
            self._write_answer(choice)
        if self._text:
            self._out.end()
            self._out.write("\n")
        elif self._reasoning:
            self._err.end(dim=True)
            self._err.write("\n")

    def _write_title(self, turn: Turn) -> None:
        """Above the first of several answers, before it streams."""
        if self._has_title or len(turn.choices) < 2:
            return
        self._has_title = True
        self._err.show_status("")
        if self._has_headings(turn):
            self._out.write(f"{words.numbered(turn.choices.index(turn.choice) + 1)}\n\n")

    def _has_headings(self, turn: Turn) -> bool:
        """Whether headings stand between several answers: a pipe needs them too, to tell texts apart.

        JSON in a pipe has none: there it is one value after the other.
        """
        return self._out.is_controllable or not turn.wants_json

    def _write_other(self, turn: Turn, choice: Choice, number: int) -> None:
        """One of several answers, whole: only the first streams."""
        if self._has_headings(turn):
            self._out.write(f"\n{words.heading(turn, choice, number)}\n\n")
        if choice.reasoning and not self._hide:
            self._begin_reasoning()
            self._err.grow(words.printable(choice.reasoning), dim=True)
            self._err.end(dim=True)
            self._write_quiet("\n\n")
        if choice.text:
            text = words.printable(choice.text)
            if drawn := self._drawn(turn, text):
                self._out.put(drawn)
            else:
                self._out.write(text + "\n")
        self._write_ending(turn, choice)

    def _write_ending(self, turn: Turn, choice: Choice) -> None:
        for call in () if turn.step.results else words.calls(choice):
            self._write_quiet(f"- {call}\n")
        if ending := endings.of_choice(turn, choice, lasting=self._lasting):
            self._write_quiet(ending + "\n")

    def _begin_reasoning(self) -> None:
        self._write_quiet("Reasoning\n")
        self._err.begin(_BAR)

    def _write_reasoning(self, choice: Choice) -> None:
        new = choice.reasoning[self._reasoning :]
        if not new or self._hide or self._text:  # thought that follows the answer is not put inside it
            return
        self._err.show_status("")
        if not self._reasoning:
            self._begin_reasoning()
        self._reasoning += len(new)
        self._err.grow(words.printable(new), dim=True)

    def _write_answer(self, choice: Choice) -> None:
        new = choice.text[self._text :]
        if not new:
            return
        self._err.show_status("")
        if not self._text:
            if self._reasoning:
                self._err.end(dim=True)
                self._write_quiet("\n\n")
            self._out.begin()
        self._text += len(new)
        self._out.grow(words.printable(new))

    def _end_answer(self, turn: Turn) -> None:
        self._out.end()
        # Ctrl-C is shown where the cursor was: what stands above it can no longer be told.
        whole = turn.state == "complete"
        drawn = self._drawn(turn, words.printable(turn.choice.text)) if whole else None
        if drawn is None or not self._out.replace(drawn):
            self._out.write("\n")

    def _drawn(self, turn: Turn, text: str) -> str | None:
        if turn.wants_json or not self._out.is_controllable:
            return None
        return drawing.draw(text, self._out.size()[0], colours=self._out.colours)

    def _write_quiet(self, text: str) -> None:
        self._err.write(words.printable(text), dim=True)
