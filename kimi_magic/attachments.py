"""What is sent beside a prompt: a picture from a file, an address or a value of the notebook, or a text file.

Libraries of pictures are recognised where they are imported; pillow is imported when a picture has to be
scaled, and what needs it is left out where it is not installed.
"""

from __future__ import annotations

import base64
import io
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from kimi_magic import files, images

LARGEST_TEXT = 2**20  # bytes of a text file
LARGEST = 100 * 10**6  # bytes of all pictures of a request as they are sent; EvoLink's and Moonshot's limit
IMAGE_SIZE = 2048  # pixels on the long side
THUMBNAIL = (192, 108)  # pixels
SMALL = 12_000  # bytes of a picture that is its own thumbnail where pillow is missing
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico", ".avif", ".heic")
SCHEMES = ("https://", "http://", "ms://")
EXPECTED = "a file, an address, or a variable with a picture"


class Thing(NamedTuple):
    """A value of the notebook, and what the person called it."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Attachment:
    """One thing that is sent with a prompt.

    A picture has `data` and its `kind` (`image/png`), or the `url` where the service finds it; a text has
    `text`. `size` is (width, height) in pixels, None where unknown; `thumbnail` a small picture as a `data:`
    address, "" where there is none; `notice` says what was done to it.
    """

    name: str
    url: str = ""
    kind: str = ""
    data: bytes = b""
    text: str = ""
    size: tuple[int, int] | None = None
    thumbnail: str = ""
    notice: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether it is none that goes into the text."""
        return bool(self.url or self.data)

    @property
    def address(self) -> str:
        """The address of a picture in a message."""
        return self.url or images.data_address(self.kind, self.data)

    @property
    def about(self) -> str:
        """Its size in words."""
        size = f"{self.size[0]:,} × {self.size[1]:,}, " if self.size else ""
        if self.url:
            return "by its address"
        return f"{size}{_in_words(len(self.data) or len(self.text.encode('utf-8', 'replace')))}"

    @property
    def fenced(self) -> str:
        """A text as it stands in a prompt, under its name."""
        longest = max((len(run) for run in re.findall(r"`{3,}", self.text)), default=2)
        fence = "`" * (longest + 1)
        language = Path(self.name).suffix.removeprefix(".").lower()
        end = "" if self.text.endswith("\n") else "\n"
        return f"{self.name}:\n{fence}{language}\n{self.text}{end}{fence}"


def attachment(value: object) -> Attachment:
    """What `value` is: the name of a file, an address, or a value of the notebook.

    Raises:
        ValueError: It is nothing that can be attached; the text says what was expected.
    """
    if isinstance(value, Attachment):
        return value
    name, thing = value if isinstance(value, Thing) else ("", value)
    if isinstance(thing, str):
        if not thing.strip():
            raise ValueError(EXPECTED)
        return _named(str.__str__(thing), name)
    if isinstance(thing, os.PathLike):
        return _named(os.fsdecode(thing), name)
    return _of_value(thing, name or type(thing).__name__)


def picture(value: Any) -> Attachment | None:
    """The picture that `value` is, a figure or an image; None for all else: bytes and arrays may be data.

    Raises:
        ValueError: It is one that cannot be read.
    """
    for matches, encode in _DRAWN:
        if matches(value):
            return _of_bytes(encode(value), type(value).__name__)
    return None


def fitted(item: Attachment, longest: int = IMAGE_SIZE) -> Attachment:
    """`item` with at most `longest` pixels on a side, and a thumbnail."""
    if not item.data:
        return item
    pil = _pillow()
    if pil is None:
        size = item.size
        notice = ""
        if size and max(size) > longest:
            notice = (
                f"{item.name} has {size[0]:,} × {size[1]:,} pixels and was not scaled: that needs pillow."
            )
        own = images.data_address(item.kind, item.data) if len(item.data) <= SMALL else ""
        return replace(item, thumbnail=own, notice=notice)
    try:
        picture = pil.open(io.BytesIO(item.data))
        small, notice, data, kind, size = picture, "", item.data, item.kind, picture.size
        if max(size) > longest and not getattr(picture, "is_animated", False):
            small = _turned(picture)
            small.thumbnail((longest, longest))
            kind = item.kind if item.kind == "image/jpeg" else "image/png"
            data, size = _saved(small, kind), small.size
            before = f"{picture.size[0]:,} × {picture.size[1]:,}"
            notice = f"{item.name} was scaled from {before} to {size[0]:,} × {size[1]:,} pixels."
        thumbnail = _turned(small)
        thumbnail.thumbnail(THUMBNAIL)
        little = images.data_address("image/png", _saved(thumbnail, "image/png"))
    except Exception as error:  # noqa: BLE001 - pillow raises what its plugins raise; the service may read it
        return replace(item, notice=f"{item.name} could not be read by pillow ({type(error).__name__}).")
    return replace(item, data=data, kind=kind, size=size, thumbnail=little, notice=notice)


# ---- files and addresses ----


def _named(source: str, name: str) -> Attachment:
    if source.startswith(SCHEMES):
        return Attachment(name or source, url=source)
    if source.startswith("data:image/") and ";base64," not in source:
        return Attachment(name or "picture", url=source)
    if source.startswith("data:image/"):
        kind, _, coded = source.removeprefix("data:").partition(";base64,")
        try:
            data = base64.b64decode(coded, validate=True)
        except ValueError:
            return Attachment(name or "picture", url=source)  # the service says what is wrong with it
        return Attachment(name or "picture", kind=kind, data=images.cleaned(data), size=images.size(data))
    try:
        data = files.read(source, images.LARGEST)
    except ValueError as error:
        raise ValueError(f"{EXPECTED} ({error})") from None
    return _of_bytes(data, name or Path(source).name)


def _of_bytes(data: bytes, name: str) -> Attachment:
    """A picture, a PDF or a text by how it begins."""
    if kind := images.kind(data):
        return Attachment(name, kind=kind, data=images.cleaned(data), size=images.size(data))
    if not data:
        raise ValueError("a file that is not empty")
    if data.startswith(b"%PDF-"):
        return Attachment(name, text=_pdf_text(data))
    says_picture = Path(name).suffix.lower() in PICTURES
    if len(data) <= LARGEST_TEXT and b"\0" not in data and not says_picture:
        try:
            return Attachment(name, text=data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            pass
    if (converted := _converted(data)) is not None:
        return Attachment(name, kind="image/png", data=converted, size=images.size(converted))
    if len(data) > LARGEST_TEXT and not says_picture and b"\0" not in data[:LARGEST_TEXT]:
        raise ValueError(f"a text of at most {LARGEST_TEXT // 2**20} MB, this one has {_in_words(len(data))}")
    raise ValueError("a PNG, JPEG, GIF, WebP or PDF file, or a text in UTF-8")


def _pdf_text(data: bytes) -> str:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise ValueError("pypdf to read a PDF: pip install pypdf") from None
    try:
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]
    except Exception as error:  # noqa: BLE001 - pypdf raises many kinds for files that are none
        raise ValueError(f"a PDF that can be read ({type(error).__name__})") from None
    text = "\n\n".join(
        f"[page {number}]\n{page.strip()}" for number, page in enumerate(pages, 1) if page.strip()
    )
    if not text:
        raise ValueError("a PDF with text in it; this one has only pictures, attach those of its pages")
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"a PDF with at most {LARGEST_TEXT:,} characters, this one has {len(text):,}")
    return text


# ---- values of the notebook ----


def _of_value(value: Any, name: str) -> Attachment:
    for matches, encode in _KINDS:
        if matches(value):
            data = encode(value)
            break
    else:
        raise ValueError(
            f"{EXPECTED}; a value of type {type(value).__name__} has none, "
            "but its text can stand in the prompt as {{ … }}"
        )
    return _of_bytes(data, name)


def _figure_png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _array_png(array: Any) -> bytes:
    """A picture of an array (height, width[, 3 or 4]) of bytes, or of floats from 0 to 1."""
    numpy = sys.modules["numpy"]
    channels = {2: 1}.get(array.ndim, array.shape[-1] if array.ndim == 3 else 0)
    if array.size == 0 or channels not in (1, 3, 4) or (array.ndim == 3 and channels == 1):
        raise ValueError(f"an array of shape (height, width[, 3 or 4]), this one has {array.shape}")
    if array.dtype.kind == "f":
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"floats from 0 to 1 or bytes (uint8), these are from {low:.6g} to {high:.6g}")
        array = numpy.round(array * 255).astype(numpy.uint8)
    if array.dtype != numpy.uint8:
        raise ValueError(f"bytes (uint8) or floats from 0 to 1, this array has {array.dtype}")
    height, width = array.shape[:2]
    rows = numpy.ascontiguousarray(array).reshape(height, width * channels)
    lines = numpy.concatenate([numpy.zeros((height, 1), numpy.uint8), rows], axis=1).tobytes()
    return _png(width, height, {1: 0, 3: 2, 4: 6}[channels], lines)


def _png(width: int, height: int, colours: int, lines: bytes) -> bytes:
    """A PNG file; the format is short enough to need no library (W3C, PNG specification, 11.2)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", width, height, 8, colours, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def _shown_png(value: Any) -> bytes:
    """What a value shows of itself in a notebook."""
    for method in ("_repr_png_", "_repr_jpeg_"):
        if callable(show := getattr(value, method, None)):
            shown = show()
            shown = shown[0] if isinstance(shown, tuple) else shown
            if isinstance(shown, str):
                shown = base64.b64decode(shown)
            if isinstance(shown, bytes) and shown:
                return shown
    raise ValueError(f"a picture, but this value of type {type(value).__name__} shows none")


def _shows(value: Any) -> bool:
    return not isinstance(value, type) and any(
        callable(getattr(value, method, None)) for method in ("_repr_png_", "_repr_jpeg_")
    )


def _is(module: str, name: str) -> Callable[[Any], bool]:
    def matches(value: Any) -> bool:
        kind = getattr(sys.modules.get(module), name, None)
        return isinstance(kind, type) and isinstance(value, kind)

    return matches


def _first_artist(value: Any) -> Any:
    """The first of several artists of matplotlib; None for anything else."""
    if str(getattr(value, "dtype", "")) == "object" and hasattr(value, "flat"):
        value = list(value.flat[:1])
    if not isinstance(value, list | tuple) or not value or not _is("matplotlib.artist", "Artist")(value[0]):
        return None
    return value[0]


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], bytes]], ...] = (
    (lambda value: isinstance(value, bytes | bytearray | memoryview), bytes),
    (_is("matplotlib.figure", "Figure"), _figure_png),
    (_is("matplotlib.artist", "Artist"), lambda value: _figure_png(value.get_figure())),
    # What `plt.plot` and `plt.subplots` return.
    (
        lambda value: _first_artist(value) is not None,
        lambda value: _figure_png(_first_artist(value).get_figure()),
    ),
    (_is("PIL.Image", "Image"), lambda value: _saved(value, "image/png")),
    (_is("numpy", "ndarray"), _array_png),
    (_shows, _shown_png),
)
_DRAWN = (*_KINDS[1:5], (_is("IPython.core.display", "Image"), _shown_png))


# ---- pillow ----


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        return None
    return Image


def _turned(picture: Any) -> Any:
    """A copy, as cameras want it shown."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture) or picture.copy()


def _saved(picture: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "image/jpeg":
        picture.convert("RGB").save(buffer, "JPEG", quality=90)
    else:
        simple = picture if picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else picture.convert("RGB")
        simple.save(buffer, "PNG")
    return buffer.getvalue()


def _converted(data: bytes) -> bytes | None:
    """A picture of another format as PNG, where pillow reads it."""
    pil = _pillow()
    if pil is None:
        return None
    try:
        return _saved(_turned(pil.open(io.BytesIO(data))), "image/png")
    except Exception:  # noqa: BLE001 - no picture that it knows
        return None


def _in_words(count: int) -> str:
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1_000:,.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"
