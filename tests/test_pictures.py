"""Pictures and other files that a person names: what is sent of them, and what is never read."""

from __future__ import annotations

import base64
import io
import os
import socket
import struct
import zlib
from pathlib import Path

import PIL.Image
import PIL.ImageOps
import PIL.ImageSequence
import PIL.PngImagePlugin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic import files, images, options, schema
from kimi_magic.errors import KimiUsageError
from kimi_magic.keys import variables_in

HIDDEN = b"taken at home by Ada"
FORMATS = ["PNG", "JPEG", "GIF", "WEBP"]
ORIENTATION, GPS, ARTIST = 0x0112, 0x8825, 0x013B


def exif(orientation: int = 1) -> bytes:
    tags = PIL.Image.Exif()
    tags[ARTIST] = HIDDEN.decode()
    tags[ORIENTATION] = orientation
    tags.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    return tags.tobytes()


def picture(size: tuple[int, int] = (40, 24)) -> PIL.Image.Image:
    shown = PIL.Image.new("RGB", size)
    shown.putdata([(x * 6 % 256, y * 9 % 256, x * y % 256) for y in range(size[1]) for x in range(size[0])])
    return shown


def photo(kind: str, orientation: int = 1, **more: object) -> bytes:
    """A picture that says where it was taken, in every way that its format has."""
    out, save = io.BytesIO(), {"exif": exif(orientation), **more}
    if kind == "PNG":
        notes = PIL.PngImagePlugin.PngInfo()
        notes.add_text("Author", HIDDEN.decode())
        notes.add_text("Comment", HIDDEN.decode(), zip=False)
        notes.add_itxt("Place", HIDDEN.decode())
        notes.add(b"vpAg", HIDDEN)
        save |= {"pnginfo": notes, "dpi": (72, 72)}
    elif kind == "JPEG":
        save |= {"comment": HIDDEN, "xmp": HIDDEN, "icc_profile": b"profile" * 9, "quality": 90}
    elif kind == "GIF":
        save = {"comment": HIDDEN, **more}
    else:
        save |= {"xmp": HIDDEN, "icc_profile": b"profile" * 9, "lossless": True}
    picture().save(out, kind, **save)
    return out.getvalue() + HIDDEN * 3


def sent(data: bytes) -> bytes:
    kind, _, coded = images.data_url(data).partition(";base64,")
    assert kind.startswith("data:image/")
    return base64.b64decode(coded, validate=True)


def opened(data: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_of_a_photograph_is_sent_but_the_picture(kind: str) -> None:
    data = photo(kind)
    assert HIDDEN in data
    clean = sent(data)
    assert HIDDEN not in clean
    assert not dict(opened(clean).getexif())
    assert not opened(clean).getexif().get_ifd(GPS)
    assert opened(clean).tobytes() == opened(data).tobytes()
    assert opened(clean).info.get("icc_profile") == opened(data).info.get("icc_profile")
    assert sent(clean) == clean


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_how_a_photograph_is_turned_is_sent_and_no_more_of_its_exif(kind: str, orientation: int) -> None:
    data = photo(kind, orientation)
    clean = sent(data)
    assert HIDDEN not in clean
    turned, before = (PIL.ImageOps.exif_transpose(opened(each)) for each in (clean, data))
    if kind != "WEBP":  # hardly any camera writes it
        assert dict(opened(clean).getexif()) == {ORIENTATION: orientation}
        assert (turned.size, turned.tobytes()) == (before.size, before.tobytes())


@pytest.mark.parametrize("more", [{"progressive": True}, {"restart_marker_blocks": 1}, {"optimize": True}])
def test_the_parts_of_a_jpeg_stay(more: dict[str, object]) -> None:
    data = photo("JPEG", **more)
    assert opened(sent(data)).tobytes() == opened(data).tobytes()


def test_a_second_picture_in_a_jpeg_and_its_thumbnail_are_not_sent() -> None:
    data = photo("JPEG")
    thumbnail = b"\xff\xe0" + struct.pack(">H", 16 + 3 * 4) + b"JFIF\0\1\1\0\0\1\0\1\2\2" + HIDDEN[:12]
    index = b"\xff\xe2" + struct.pack(">H", 2 + 4 + len(HIDDEN)) + b"MPF\0" + HIDDEN
    clean = sent(data[:2] + thumbnail + index + data[2:] + photo("JPEG"))
    assert HIDDEN[:12] not in clean
    assert clean.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_a_picture_that_moves_still_moves(kind: str) -> None:
    frames = [picture(), PIL.ImageOps.mirror(picture()), PIL.ImageOps.flip(picture())]
    out = io.BytesIO()
    more = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=50, loop=0, **more)
    data = out.getvalue() + HIDDEN
    before, after = opened(data), opened(sent(data))
    assert after.n_frames == 3
    assert after.info["loop"] == 0
    for old, new in zip(PIL.ImageSequence.Iterator(before), PIL.ImageSequence.Iterator(after), strict=True):
        assert old.convert("RGB").tobytes() == new.convert("RGB").tobytes()
    assert HIDDEN not in sent(data)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_in_an_address_is_cleaned_too(kind: str) -> None:
    url = f"data:image/{kind.lower()};base64,{base64.b64encode(photo(kind)).decode()}"
    (clean,) = options.check({"attach": url}, options.PYTHON)["attach"]
    assert HIDDEN not in base64.b64decode(clean.address.partition(",")[2])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FORMATS), st.integers(0, 3_000), st.integers(0, 255), st.booleans())
def test_a_broken_picture_is_cut_or_sent_and_never_hangs(kind: str, at: int, value: int, cuts: bool) -> None:
    data = photo(kind)
    at %= len(data)
    broken = data[:at] if cuts else data[:at] + bytes([value]) + data[at + 1 :]
    try:
        assert len(sent(broken)) <= len(broken) + 64
    except ValueError as error:
        assert "PNG, JPEG, GIF or WebP" in str(error)  # noqa: PT017


def test_a_chunk_that_is_longer_than_the_file_is_not_believed() -> None:
    huge = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 2**32 - 1, b"tEXt") + HIDDEN
    assert HIDDEN not in sent(huge)
    assert sent(photo("PNG")).endswith(b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))


# ---- what is never read ----


def readers(name: str) -> list[str]:
    """What each way in says of a file that it does not read."""
    told = []
    with pytest.raises(KimiUsageError) as attached:
        options.check({"attach": name}, options.PYTHON)
    told.append(attached.value.message)
    with pytest.raises(ValueError, match=r"it is|it has") as keys:
        variables_in(Path(name))
    told.append(str(keys.value))
    with pytest.raises(ValueError, match=r"it is|it has") as wanted:
        schema.of(name)
    told.append(str(wanted.value))
    return told


def test_a_file_that_is_huge_is_told_by_its_size(tmp_path: Path) -> None:
    name = tmp_path / "huge.json"
    with name.open("wb") as file:
        file.truncate(3 * 2**30)
    for told in readers(str(name)):
        assert "3,221,225,472 bytes" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_a_device_a_socket_and_a_folder_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.json"))
        for name, kind in [("pipe", "pipe"), ("folder", "folder"), ("zero", "device"), ("socket", "socket")]:
            for told in readers(str(tmp_path / f"{name}.json")):
                assert f"it is a {kind}" in told


def test_a_file_is_read_to_its_limit_and_no_further(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 100)
    assert files.read(file, 100) == b"x" * 100
    with pytest.raises(ValueError, match="it has 100 bytes, at most 99 are read"):
        files.read(file, 99)
    with pytest.raises(ValueError, match="No such file"):
        files.read(tmp_path / "b", 1)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_a_file_that_does_not_know_its_size_is_read_to_the_limit() -> None:
    assert files.read("/proc/self/status", 2**20)
    with pytest.raises(ValueError, match="more than 9 bytes"):
        files.read("/proc/self/status", 9)
