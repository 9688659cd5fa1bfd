"""Answers by the request that they belong to, in memory or in a file to which lines are appended.

The file is JSON Lines: one object an answer, with the hash of its request as `key`. It holds no API key and
no header. A line that was cut by a crash is closed by the next one that is written, and passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from msgspec import structs

from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Request
from kimi_magic.usage import Usage

MOST_IN_MEMORY = 200_000  # answers; the oldest are dropped
_NOT_HASHED = {"stream": False, "stream_options": None}  # how an answer travels does not change it


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer that could be used. `cost` is in US dollars, `seconds` from sending to the end."""

    key: str
    text: str
    model: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    cost: float | None = None
    seconds: float = 0.0
    reasoning: str = ""


def key_of(request: Request, place: str, sample: int = 0) -> str:
    """The hash of all that an answer depends on.

    `place` is the address that is asked, so that an answer of the simulator never stands for a real one;
    `sample` tells apart answers to the same request.
    """
    body = structs.replace(request, **_NOT_HASHED).body()
    head = f"{place}\n{sample}\n" if sample else f"{place}\n"
    return blake2b(head.encode() + body, digest_size=20).hexdigest()


class Cache(Protocol):
    """Where answers are kept."""

    def find(self, keys: Collection[str]) -> dict[str, Entry]:
        """Those of `keys` that are there."""

    def put(self, entry: Entry) -> None:
        """Keep one more, so that it survives what happens next."""


class Memory:
    """Answers of this process."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def find(self, keys: Collection[str]) -> dict[str, Entry]:
        """See `Cache`."""
        return {key: self._entries[key] for key in keys if key in self._entries}

    def put(self, entry: Entry) -> None:
        """See `Cache`."""
        self._entries[entry.key] = entry
        while len(self._entries) > MOST_IN_MEMORY:
            del self._entries[next(iter(self._entries))]


class File:
    """Answers in a file, which is made when the first one is kept."""

    def __init__(self, path: str | Path) -> None:
        """Use the file at `path`.

        Raises:
            KimiUsageError: It cannot be read or written.
        """
        self._path = Path(path).expanduser()
        self._file: BinaryIO | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists():
                self._path.open("ab").close()
        except OSError as error:
            raise self._unusable(error) from None

    def find(self, keys: Collection[str]) -> dict[str, Entry]:
        """See `Cache`. The file is read line by line; the last answer to a request counts."""
        wanted, found = set(keys), {}
        decode = msgspec.json.Decoder(Entry).decode
        for line in self._lines():
            with suppress(ValueError):  # half a line, or none of ours
                entry = decode(line)
                if entry.key in wanted:
                    found[entry.key] = entry
        return found

    def put(self, entry: Entry) -> None:
        """See `Cache`."""
        try:
            if self._file is None:
                has_open_line = self._ends_open()
                self._file = self._path.open("ab")
                if has_open_line:
                    self._file.write(b"\n")
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._unusable(error) from None

    def close(self) -> None:
        """Close the file; the next `put` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unusable(error) from None

    def _ends_open(self) -> bool:
        """Whether the last line has no end."""
        try:
            with self._path.open("rb") as file:
                if not file.seek(0, 2):
                    return False
                file.seek(-1, 2)
                return file.read(1) != b"\n"
        except FileNotFoundError:
            return False

    def _unusable(self, error: OSError) -> KimiUsageError:
        return KimiUsageError(
            f"{{@cache}} {str(self._path)!r}: expected a file that can be written ({error.strerror or error})"
        )
