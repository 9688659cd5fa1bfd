"""Files that a person names: what they are and how large is looked at before anything is read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def read(name: str | os.PathLike[str], most: int) -> bytes:
    """The bytes of a regular file of at most `most` bytes.

    A device, a pipe or a file without end is told at once: opening waits for nobody, and no more is read than
    is wanted.

    Raises:
        ValueError: It cannot be read, is no file, or too large; the text says what it is.
    """
    try:
        path = Path(name).expanduser()
        _check(os.stat(path), most)  # some devices act when they are opened
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            _check(os.fstat(descriptor), most)  # what was opened, whoever has the name now
            data = file.read(most + 1)
    except (OSError, RuntimeError) as error:  # the latter for the home directory of nobody
        raise ValueError(getattr(error, "strerror", None) or str(error)) from None
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data


def _check(status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"it is {next((kind for test, kind in _KINDS if test(status.st_mode)), 'no file')}")
    if status.st_size > most:
        raise ValueError(f"it has {status.st_size:,} bytes, at most {most:,} are read")
