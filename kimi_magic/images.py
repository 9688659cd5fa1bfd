"""Formats of pictures: how they begin, how large they are, and their `data:` addresses."""

from __future__ import annotations

import base64
import re
import struct

LARGEST = 20 * 2**20  # bytes of one file; the service takes 100 MB for a whole request

# How the formats that Moonshot's vision guide lists begin.
_FORMATS = (
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF....WEBP", "image/webp"),
)


def kind(data: bytes) -> str:
    """The media type of a picture that the service takes; "" for anything else."""
    return next((kind for start, kind in _FORMATS if re.match(start, data, re.DOTALL)), "")


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or GIF, whose first bytes say them; None for others."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        width, height = struct.unpack(">2I", data[16:24])
        return width, height
    if data.startswith(b"GIF8") and len(data) >= 10:
        width, height = struct.unpack("<2H", data[6:10])
        return width, height
    return None


def data_address(kind: str, data: bytes) -> str:
    """The `data:` address of a picture."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
