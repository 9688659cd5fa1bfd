"""Server-sent events: bytes in, `data` payloads out. No I/O, no JSON.

The format is the "event stream" of the HTML standard, of which chat services use only `data`. Lines end with
LF, CR or CRLF and with nothing else: U+2028, at which `str.splitlines` also cuts, occurs inside JSON.
"""

from __future__ import annotations

import re

LARGEST_EVENT = 32 * 2**20  # bytes; a stream without line ends must not fill the memory
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class ErrorPayload(bytes):
    """The payload of an event whose name, or whose field, is `error`."""


class Decoder:
    """Feed it bytes cut anywhere; it gives the payload of every event that became complete.

    Raises `ValueError` where one event grows beyond `LARGEST_EVENT`.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []  # pieces of the line that has not ended yet
        self._data: list[bytes] = []  # data lines of the event that has not ended yet
        self._is_error = False  # whether the event that has not ended yet is called "error"
        self._size = 0  # bytes of the event that has not ended yet
        self._after_cr = False  # a LF at the start of the next bytes belongs to the last line end
        self._head: bytes | None = b""  # first bytes, until it is known whether they are a BOM

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads completed by `data`."""
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._head = data
                return []
            self._head = None
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        payloads = self._lines(data) if b"\r" in data else self._blocks(data)
        if not payloads:  # else they come first, and the next bytes are refused
            self._check_size()
        return payloads

    def end(self) -> list[bytes]:
        """What the end of the body completes: some services leave out the last line end."""
        line = (self._head or b"") + b"".join(self._line)
        self._line, self._head = [], b""
        payloads = [self._take(line), self._take(b"")]
        return [payload for payload in payloads if payload is not None]

    def _blocks(self, data: bytes) -> list[bytes]:
        """The payloads of bytes without CR. Most events are one `data` line, which is cut off in one step."""
        payloads: list[bytes] = []
        *blocks, rest = data.split(b"\n\n")
        is_new = not (self._line or self._data or self._is_error)  # the next block is an event from its start
        for block in blocks:
            if is_new and block.startswith(b"data: ") and b"\n" not in block:
                payloads.append(block.removeprefix(b"data: "))
            else:
                payloads += self._lines(block + b"\n\n")
                is_new = True
        return payloads + self._lines(rest)

    def _lines(self, data: bytes) -> list[bytes]:
        """The payloads of any bytes, line by line."""
        if not data:
            return []
        lines = _LINE_END.split(data)
        self._line.append(lines[0])
        if len(lines) == 1:
            self._size += len(data)
            return []
        self._after_cr = data.endswith(b"\r")
        lines[0] = b"".join(self._line)
        rest = lines.pop()
        self._size -= sum(map(len, self._line[:-1]))
        payloads = [payload for line in lines if (payload := self._take(line)) is not None]
        self._line = [rest] if rest else []
        self._size += len(rest)
        return payloads

    def _take(self, line: bytes) -> bytes | None:
        """One whole line; the payload if it was the empty one that ends an event."""
        if not line:
            if not self._data:
                self._is_error = False
                return None
            payload = b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            is_error, self._is_error = self._is_error, False
            return ErrorPayload(payload) if is_error else payload
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name in (b"data", b"error"):  # llama.cpp reports errors in a field of that name
            self._data.append(value)
            self._size += len(line) + 1
        if name == b"error" or (name == b"event" and value == b"error"):
            self._is_error = True
        return None  # comments (no name) and the other fields mean nothing here

    def _check_size(self) -> None:
        if self._size > LARGEST_EVENT:
            raise ValueError(f"an event larger than {LARGEST_EVENT} bytes")
