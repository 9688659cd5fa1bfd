"""Writes to a stream: a pipe gets the text unchanged, a terminal gets it in lines that fit."""

from __future__ import annotations

import os
from typing import TextIO

from kimi_magic.view import wrapping

_DIM, _NORMAL, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[2m", "\x1b[0m", "\r\x1b[2K", "\x1b[J"


class Writer:
    """One stream; `is_controllable` says whether it is a terminal whose cursor and lines we can control."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self.is_controllable = self._is_terminal and os.environ.get("TERM") != "dumb"
        self.colours = self.is_controllable and not os.environ.get("NO_COLOR")
        self._status = ""
        self._lines: wrapping.Lines | None = None  # of the text that grows, on a terminal
        self._size = self.size()  # when that text began
        self._resized = False

    def size(self) -> tuple[int, int]:
        """Columns and lines. Terminals differ in what the last column does, so it stays empty."""
        try:
            columns, lines = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):  # no file behind it
            columns = lines = 0
        return (columns or 80) - 1, lines or 24

    def write(self, text: str, *, dim: bool = False) -> None:
        """Write a text that is complete."""
        if self._is_terminal:
            lines = wrapping.Lines(self.size()[0])
            text = lines.add(text) + lines.end()
        self.put(text, dim=dim)

    def begin(self, prefix: str = "") -> None:
        """Let a text grow from here; on a terminal each line begins with `prefix`."""
        self._size, self._resized = self.size(), False
        self._lines = wrapping.Lines(self._size[0], prefix) if self._is_terminal else None

    def grow(self, text: str, *, dim: bool = False) -> None:
        """Write more of it; on a terminal its last word waits until it is complete."""
        if self._lines is not None:
            self._resized = self._resized or self.size() != self._size
            self._lines.fit(self.size()[0])
            text = self._lines.add(text)
        self.put(text, dim=dim)

    def end(self, *, dim: bool = False) -> None:
        """Write its last word."""
        if self._lines is not None:
            self.put(self._lines.end(), dim=dim)

    def replace(self, drawn: str) -> bool:
        """Put `drawn` in place of the text that grew, if both fit on the screen."""
        columns, lines = self.size()
        if self._lines is None or self._resized or (columns, lines) != self._size:
            return False
        if max(self._lines.rows, drawn.count("\n")) >= lines:
            return False
        up = f"\x1b[{self._lines.rows - 1}A" if self._lines.rows > 1 else ""
        self.put(f"\r{up}{_CLEAR_BELOW}{drawn}")
        return True

    def show_status(self, text: str) -> None:
        """A line that goes away again; nothing where there is no terminal."""
        if not self.is_controllable or text == self._status:
            return
        self.put(_CLEAR_LINE)
        self.put(wrapping.cut(text, self.size()[0]), dim=True)
        self._status = text

    def put(self, text: str, *, dim: bool = False) -> None:
        """Write a text as it is; a character that the stream cannot hold becomes a question mark."""
        if not text:
            return
        text = f"{_DIM}{text}{_NORMAL}" if dim and self.colours else text
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
