"""A terminal for tests: a real pseudo-terminal, and behind it a screen that shows what a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pyte


class Screen:
    """What was written on a terminal, byte by byte and as the picture that it made."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self.written = ""
        self._screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self._controller, self._terminal = pty.openpty()
        self.resize(columns, lines)
        self._reader = threading.Thread(target=self._read)

    def resize(self, columns: int, lines: int) -> None:
        """As when a person drags the window; what it shows by then stays as it is."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @contextmanager
    def streams(self) -> Iterator[tuple[TextIO, TextIO]]:
        """Standard output and standard error on this terminal; afterwards it has seen all of it."""
        self._reader.start()
        with (
            os.fdopen(os.dup(self._terminal), "w", encoding="utf-8") as out,
            os.fdopen(os.dup(self._terminal), "w", encoding="utf-8") as err,
        ):
            yield out, err
        os.close(self._terminal)
        self._reader.join()
        os.close(self._controller)
        pyte.Stream(self._screen).feed(self.written)

    @property
    def rows(self) -> list[str]:
        """The rows on the screen and above it, without the empty ones at the end."""
        above = ["".join(row[x].data for x in range(self.columns)) for row in self._screen.history.top]
        rows = [row.rstrip() for row in (*above, *self._screen.display)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def dimmed(self) -> str:
        """What is written between the sequence for dim and that for normal."""
        return "".join(part.split("\x1b[0m")[0] for part in self.written.split("\x1b[2m")[1:])

    def _read(self) -> None:
        heard = b""
        while True:
            try:
                piece = os.read(self._controller, 65_536)
            except OSError:  # Linux says so when nobody has the terminal open any more
                break
            if not piece:
                break
            heard += piece
        self.written = heard.decode()
