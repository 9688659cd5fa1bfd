"""A picture to the address that goes into a message."""

from __future__ import annotations

import base64
import re
from pathlib import Path

LARGEST = 20 * 2**20  # bytes of one file; the service takes 100 MB for a whole request

# How the formats that Moonshot's vision guide lists begin.
_FORMATS = (
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF....WEBP", "image/webp"),
)


def address(source: str) -> str:
    """`source` if it is an address (`https:`, `data:`, `ms:`), else the file of that name as a `data:` URL.

    `ValueError` says what was expected: a file there, of a format that the service takes.
    """
    if source.startswith(("https://", "http://", "data:image/", "ms://")):
        return source
    try:
        data = Path(source).expanduser().read_bytes()
    except (OSError, RuntimeError) as error:  # the latter for the home directory of nobody
        raise ValueError(f"a picture file or address ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > LARGEST:
        raise ValueError(f"a file of at most {LARGEST // 2**20} MB, this one has {len(data) / 2**20:.0f}")
    for start, kind in _FORMATS:
        if re.match(start, data, re.DOTALL):
            return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    raise ValueError("a PNG, JPEG, GIF or WebP file")
