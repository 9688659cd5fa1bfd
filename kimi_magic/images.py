"""Pictures as they are sent: told by their bytes, without what nobody sees in them.

A photograph says where and when it was taken, by whom and with which device; text, comments and whole files
can stand beside or behind a picture. All that is left out, and the picture itself stays as it is, to the
byte. How it is turned stays too. Bytes in, bytes out: no I/O.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Callable

LARGEST = 20 * 2**20  # bytes of one picture; the service takes 100 MB for a whole request

_PNG, _RIFF = b"\x89PNG\r\n\x1a\n", 12  # how a PNG begins; bytes in front of the chunks of a WebP
# Chunks of PNG that say what the picture looks like, of those that a reader may pass over.
_PNG_KEPT = {
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"iCCP",
    b"sBIT",
    b"bKGD",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"cICP",
}
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_SAYS_MORE = 0b1100  # flags of VP8X: that EXIF and XMP follow
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)  # ends the coded part of a JPEG
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # extensions of GIF that say how often it runs
_ORIENTATION = 0x0112  # the tag of EXIF
_DATA = re.compile(r"data:image/[\w.+-]+(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)


def data_url(data: bytes) -> str:
    """A picture as an address that holds it.

    Raises:
        ValueError: It is none of a format that the service takes, or is too large; the text says what is.
    """
    if len(data) > LARGEST:
        raise ValueError(f"a file of at most {LARGEST // 2**20} MB, this one has {len(data) / 2**20:.0f}")
    for start, kind, clean in _FORMATS:
        if re.match(start, data, re.DOTALL):
            return f"data:image/{kind};base64,{base64.b64encode(clean(data)).decode('ascii')}"
    raise ValueError("a PNG, JPEG, GIF or WebP file")


def kind(data: bytes) -> str:
    """The media type of a picture that the service takes; "" for anything else."""
    return next((f"image/{kind}" for start, kind, _ in _FORMATS if re.match(start, data, re.DOTALL)), "")


def cleaned(data: bytes) -> bytes:
    """A picture without what nobody sees in it; anything else as it is."""
    return next((clean(data) for start, _, clean in _FORMATS if re.match(start, data, re.DOTALL)), data)


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or GIF, whose first bytes say them; None for others."""
    if data.startswith(_PNG) and len(data) >= 24:
        width, height = struct.unpack(">2I", data[16:24])
        return width, height
    if data.startswith(b"GIF8") and len(data) >= 10:
        width, height = struct.unpack("<2H", data[6:10])
        return width, height
    return None


def data_address(kind: str, data: bytes) -> str:
    """The `data:` address of a picture of this kind, as it is."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def clean_url(url: str) -> str:
    """A `data:` address with its picture as it is sent; one of another kind, or a broken one, as it is."""
    if (head := _DATA.match(url)) is None:
        return url
    try:
        return data_url(base64.b64decode(url[head.end() :], validate=True))
    except (ValueError, binascii.Error):
        return url


def _png(data: bytes) -> bytes:
    """PNG without texts, times and EXIF, and without what follows its end."""
    parts, at = [_PNG], len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + length + 12]
        if kind == b"eXIf" and (turned := _orientation(chunk[8:-4])):
            body = b"eXIf" + turned
            parts.append(struct.pack(">I", len(turned)) + body + struct.pack(">I", zlib.crc32(body)))
        elif kind[:1].isupper() or kind in _PNG_KEPT:
            parts.append(chunk)
        at += length + 12
        if kind == b"IEND":
            break
    return b"".join(parts)


def _jpeg(data: bytes) -> bytes:
    """JPEG without EXIF, XMP, IPTC, thumbnails and comments, and without what follows its end."""
    parts, at = [data[:2]], 2
    while 0 <= (at := data.find(b"\xff", at)) <= len(data) - 4:  # what stands between segments is skipped
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
            continue
        if marker == 0xD9:
            return b"".join([*parts, b"\xff\xd9"])
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # these have no length
            parts.append(data[at : at + 2])
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + max(length, 2)
        parts.append(_segment(marker, data[at:end]))
        if marker == 0xDA:
            found = _MARKER.search(data, end)
            stop = found.start() if found else len(data)
            parts.append(data[end:stop])
            end = stop
        at = end
    return b"".join(parts) + (b"\xff\xd9" if data.endswith(b"\xff\xd9") else b"")


def _segment(marker: int, segment: bytes) -> bytes:
    """What of a segment is sent: of those for applications what the colours need, and how it is turned."""
    body = segment[4:]
    if marker == 0xE0 and body.startswith(b"JFIF\0"):
        return b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"  # without its thumbnail
    if marker == 0xE1 and body.startswith(b"Exif\0\0") and (turned := _orientation(body[6:])):
        return b"\xff\xe1" + struct.pack(">H", len(turned) + 8) + b"Exif\0\0" + turned
    if (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")) or (
        marker == 0xEE and body.startswith(b"Adobe")
    ):
        return segment
    return b"" if 0xE0 <= marker <= 0xEF or marker == 0xFE else segment


def _gif(data: bytes) -> bytes:
    """GIF without comments and data of applications, and without what follows its end."""
    at = 13 + _colours(data, 10)
    parts = [data[:at]]
    while at < len(data):
        start, kind = at, data[at]
        if kind == 0x3B:
            return b"".join([*parts, b";"])
        if kind == 0x2C:
            at += 11 + _colours(data, at + 9)
        elif kind == 0x21:
            at += 2
        else:
            break
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
        label = data[start + 1 : start + 2]
        is_loop = label == b"\xff" and data[start + 3 : start + 14] in _GIF_LOOPS
        if kind == 0x2C or is_loop or label not in (b"\xff", b"\xfe"):
            parts.append(data[start:at])
    return b"".join(parts)


def _colours(data: bytes, at: int) -> int:
    """Bytes of the table of colours that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> bytes:
    """WebP without EXIF, XMP and unknown chunks, and without what follows its end."""
    parts, at = [], _RIFF
    end = min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        chunk = data[at : min(at + 8 + length + length % 2, end)]
        if kind == b"VP8X" and len(chunk) > 8:
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_SAYS_MORE]) + chunk[9:]
        if kind in _WEBP_KEPT:
            parts.append(chunk)
        at += 8 + length + length % 2
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _orientation(exif: bytes) -> bytes:
    """EXIF that says how a picture is turned and no more; empty where it is not turned, or cannot be read."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    try:
        (first,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, first)
        for number in range(count):
            tag, kind, length, value = struct.unpack_from(f"{order}HHIH", exif, first + 2 + 12 * number)
            if tag == _ORIENTATION and (kind, length) == (3, 1) and 2 <= value <= 8:
                entry = struct.pack("<HHIHH", _ORIENTATION, 3, 1, value, 0)
                return b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    except struct.error:
        pass
    return b""


# How the formats that Moonshot's vision guide lists begin, and what is left of each.
_FORMATS: tuple[tuple[bytes, str, Callable[[bytes], bytes]], ...] = (
    (re.escape(_PNG), "png", _png),
    (rb"\xff\xd8\xff", "jpeg", _jpeg),
    (rb"GIF8[79]a", "gif", _gif),
    (rb"RIFF....WEBP", "webp", _webp),
)
