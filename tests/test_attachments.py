"""What is attached arrives as it is, pictures pixel for pixel, texts with names; or one line says why not."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from kimi_magic import images, kernel, options
from kimi_magic.attachments import Attachment, Thing, attachment, fitted
from kimi_magic.errors import KimiUsageError
from kimi_magic.view import preview
from tests.turns import cell_plan

SAMPLES = {
    "image/png": base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
    ),
    "image/jpeg": b"\xff\xd8\xff\xdb\x00\x04\x00\x01\xff\xda\x00\x03\x01ab\xff\x00c\xff\xd0d\xff\xd9",
    "image/gif": b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\0\0\0\0\x01\0\x01\0\0\x02\x01\x00\x00;",
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8L\x04\x00\x00\x00/\0\0\0",
}
RED = np.full((4, 6, 3), (255, 0, 0), np.uint8)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with kernel.fresh(offline=True, speed=0):
        yield


def sent(line: str, prompt: str = "What is this?", **names: Any) -> list[Any]:
    """The parts of the prompt in the request that a cell with these options would send."""
    body = json.loads(cell_plan(line, prompt, names).request.body())
    return body["messages"][-1]["content"]


def decoded(part: Any) -> np.ndarray:
    """The pixels of a picture in a request."""
    _, _, data = part["image_url"]["url"].partition(";base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


def refused(line: str, **names: Any) -> KimiUsageError:
    with pytest.raises(KimiUsageError) as caught:
        cell_plan(line, names=names)
    assert "\n" not in caught.value.message
    return caught.value


# ---- files and addresses ----


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("name", ["picture", "a b.png", "wrong.txt", "海.PNG"])
def test_a_picture_is_told_by_its_content_and_not_by_its_name(kind: str, name: str, here: Path) -> None:
    (here / name).write_bytes(SAMPLES[kind])
    found = attachment(name)
    head, _, data = found.address.partition(",")
    assert head == f"data:{kind};base64"
    assert base64.b64decode(data, validate=True) == SAMPLES[kind]
    assert found.name == name


def test_a_path_may_begin_with_the_home_directory(here: Path) -> None:
    (here / "a.png").write_bytes(SAMPLES["image/png"])
    assert attachment("~/a.png") == attachment(here / "a.png") == attachment(str(here / "a.png"))


@pytest.mark.parametrize(
    "source",
    [
        "https://example.org/a%20b.svg?x=1#y", "http://127.0.0.1/a", "data:image/png;base64,AAAA", "ms://file-1",
        "data:image/svg+xml,%3Csvg/%3E",
    ],
)  # fmt: skip
def test_an_address_passes_through(source: str) -> None:
    assert attachment(source).address == source


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PN",
        b"\x00" * 100,
        b"RIFF\x1a\x00\x00\x00AVI LIST\x00",
        "é".encode("latin-1"),
        b"My photoWEBP is",
    ],
    ids=["three bytes", "zeros", "AVI", "Latin-1", "a text that is called a picture"],
)
def test_a_file_of_another_kind_is_refused_with_the_kinds_that_there_are(content: bytes, here: Path) -> None:
    (here / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match="a PNG, JPEG, GIF, WebP or PDF file, or a text in UTF-8"):
        attachment("a.png")


def test_a_file_with_nothing_in_it_is_refused(here: Path) -> None:
    (here / "a.png").touch()
    with pytest.raises(ValueError, match="not empty"):
        attachment("a.png")


@pytest.mark.parametrize("source", ["missing.png", ".", "~/missing.png", "~nobody-has-this-name/a.png", " "])
def test_a_file_that_is_not_there_is_told_in_one_line(source: str) -> None:
    with pytest.raises(KimiUsageError, match="a file, an address, or a variable") as caught:
        options.check({"attach": source}, options.PYTHON)
    assert source in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_is_too_large_is_refused(here: Path) -> None:
    with (here / "large.png").open("wb") as file:
        file.write(SAMPLES["image/png"])
        file.truncate(images.LARGEST + 1)
    with pytest.raises(ValueError, match="20,971,521 bytes"):
        attachment("large.png")
    (here / "large.txt").write_text("a" * 1_100_000)
    with pytest.raises(ValueError, match="a text of at most 1 MB"):
        attachment("large.txt")


def test_a_picture_of_another_format_is_converted_where_pillow_reads_it(here: Path) -> None:
    Image.fromarray(RED).save(here / "a.bmp")
    (picture, _) = sent("-a a.bmp --force")
    assert picture["image_url"]["url"].startswith("data:image/png;")
    assert (decoded(picture) == RED).all()


# ---- values ----


class Shows:
    """What shows itself as a picture, as libraries do."""

    def __init__(self, shown: Any) -> None:
        self._shown = shown

    def _repr_png_(self) -> Any:
        return self._shown


def png(pixels: np.ndarray = RED) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        RED, Image.fromarray(RED), Image.fromarray(RED).convert("CMYK"), png(), bytearray(png()),
        Shows(png()), Shows((png(), {"width": 6})), Shows(base64.b64encode(png()).decode()),
        RED.astype(float) / 255,
        RED.astype(np.float32) / 255, np.asfortranarray(RED), RED[::-1, ::-1],
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_arrives_pixel_for_pixel_under_its_name(value: Any) -> None:
    picture, text = sent("-a shown --force", shown=value)
    pixels = decoded(picture)
    assert (pixels.astype(int)[..., :3] - RED.astype(int)).__abs__().max() <= 1
    assert text["text"] == "What is this?"
    assert cell_plan("-a shown --force", names={"shown": value}).attachments[0].name == "shown"


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (3,), (4,)]), st.randoms(use_true_random=False)
)
def test_an_array_of_bytes_comes_back_bit_for_bit(
    height: int, width: int, channels: tuple[int, ...], random: Any
) -> None:
    shape = (height, width, *channels)
    pixels = np.array([random.randrange(256) for _ in range(int(np.prod(shape)))], np.uint8).reshape(shape)
    data = attachment(Thing("x", pixels)).data
    assert (np.asarray(Image.open(io.BytesIO(data))) == pixels).all()


def test_a_figure_arrives_as_it_is_drawn() -> None:
    figure = Figure(figsize=(2, 1), dpi=100)
    figure.add_subplot().plot([1, 2])
    (picture, _) = sent("-a figure --force", figure=figure)
    assert decoded(picture).shape[:2] == (100, 200)
    (same, _) = sent("-a axes --force", axes=figure.axes[0])
    assert (decoded(picture) == decoded(same)).all()
    for returned in (figure.axes[0].lines[:], np.array([figure.axes[0]], dtype=object)):
        (same, _) = sent("-a returned --force", returned=list(returned))
        assert (decoded(picture) == decoded(same)).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((2, 2, 2), np.uint8), "this one has (2, 2, 2)"),
        (np.zeros(4, np.uint8), "this one has (4,)"),
        (np.zeros((0, 2), np.uint8), "this one has (0, 2)"),
        (np.full((2, 2), 2.0), "these are from 2 to 2"),
        (np.array([[np.nan, 0.0]]), "these are from nan to nan"),
        (np.zeros((2, 2), np.int64), "this array has int64"),
        (5, "a value of type int has none"),
        ({"a": 1}, "a value of type dict has none"),
        (Shows(None), "shows none"),
        (b"", "not empty"),
    ],
)
def test_a_value_without_a_picture_is_one_line_with_what_it_is(value: Any, message: str) -> None:
    assert message in refused("-a x --force", x=value).message


def test_a_variable_may_hold_the_name_of_a_file(here: Path) -> None:
    (here / "a.txt").write_text("hello")
    assert "hello" in sent("-a path", path="a.txt")
    assert "hello" in sent("-a path", path=here / "a.txt")


# ---- size ----


def test_a_large_picture_is_scaled_with_a_notice(here: Path) -> None:
    Image.new("RGB", (3000, 1500), "red").save(here / "a.png")
    plan = cell_plan("-a a.png --force")
    assert plan.attachments[0].size == (2048, 1024)
    assert "a.png was scaled from 3,000 × 1,500 to 2,048 × 1,024 pixels." in plan.turn.notices
    (picture, _) = sent("-a a.png --force --image-size 300")
    assert decoded(picture).shape == (150, 300, 3)


def test_a_photo_is_turned_as_the_camera_says_when_it_is_scaled(here: Path) -> None:
    photo = Image.new("RGB", (400, 200), "red")
    exif = photo.getexif()
    exif[0x0112] = 6  # turned by a quarter
    photo.save(here / "a.jpg", exif=exif)
    (picture, _) = sent("-a a.jpg --force --image-size 100")
    assert picture["image_url"]["url"].startswith("data:image/jpeg;")
    assert decoded(picture).shape == (100, 50, 3)


def test_a_small_picture_is_sent_byte_for_byte(here: Path) -> None:
    data = png()
    (here / "a.png").write_bytes(data)
    assert fitted(attachment("a.png")).data == data


def test_more_than_a_request_takes_is_refused_before_it_is_sent() -> None:
    large = Attachment("a.png", kind="image/png", data=SAMPLES["image/png"] + bytes(30 * 10**6))
    with pytest.raises(KimiUsageError, match="take 120 MB as they are sent; expected at most 100"):
        cell_plan("--force", attach=[large] * 3)


# ---- models that see ----


def test_a_model_that_takes_text_only_is_refused_with_those_that_see(here: Path) -> None:
    (here / "a.png").write_bytes(png())
    error = refused("-a a.png -m kimi-k2-thinking")
    assert (
        "a.png is a picture, and kimi-k2-thinking takes text only; models that see: kimi-k3" in error.message
    )
    assert "--model kimi-k3" in error.hint
    assert "--force sends it anyway" in error.hint
    assert len(sent("-a a.png -m kimi-k2-thinking --force")) == 2
    assert len(sent("-a a.png -m kimi-k3")) == 2
    assert len(sent("-a a.png -m nobody-knows-it")) == 2


# ---- texts ----


@pytest.mark.parametrize(
    ("name", "text", "fenced"),
    [
        ("a.py", "x = 1\n", "a.py:\n```py\nx = 1\n```"),
        ("notes.md", "```\ncode\n```\n", "notes.md:\n````md\n```\ncode\n```\n````"),
        ("README", "no end", "README:\n```\nno end\n```"),
        ("a.csv", "\ufeffa,b\n{{ x }}\n", "a.csv:\n```csv\na,b\n{{ x }}\n```"),
        ("a.svg", "<svg/>", "a.svg:\n```svg\n<svg/>\n```"),
    ],
)
def test_a_text_stands_fenced_with_its_name_before_the_prompt(
    name: str, text: str, fenced: str, here: Path
) -> None:
    (here / name).write_text(text, encoding="utf-8")
    assert sent(f"-a {name}", "Explain") == f"{fenced}\n\nExplain"


def test_a_text_with_a_secret_is_refused(here: Path) -> None:
    (here / ".env").write_text("DB_PASSWORD=hunter22\n")
    error = refused("-a .env")
    assert "it holds a value for DB_PASSWORD" in error.message
    assert "hunter22" not in str(error)
    assert "hunter22" in str(sent("-a .env --force"))


def pdf(text: str) -> bytes:
    """A PDF of one page with a line of text."""
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    stream = DecodedStreamObject()
    stream.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
    font = DictionaryObject(
        {NameObject(f"/{key}"): NameObject(f"/{value}") for key, value in
         (("Type", "Font"), ("Subtype", "Type1"), ("BaseFont", "Helvetica"))}
    )  # fmt: skip
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
    )
    page[NameObject("/Contents")] = writer._add_object(stream)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def test_a_pdf_is_attached_as_its_text(here: Path) -> None:
    (here / "a.pdf").write_bytes(pdf("Hello from a page"))
    content = sent("-a a.pdf", "Sum up")
    assert content.startswith("a.pdf:\n```pdf\n[page 1]\nHello from a page\n```")
    (here / "b.pdf").write_bytes(pdf(""))
    assert "a PDF with text in it" in refused("-a b.pdf").message
    (here / "c.pdf").write_bytes(b"%PDF-1.7 and no more")
    assert "a PDF that can be read" in refused("-a c.pdf").message


# ---- what is seen ----


def test_a_thumbnail_and_the_name_stand_with_the_prompt(here: Path) -> None:
    Image.new("RGB", (1200, 800), "red").save(here / "a.png")
    (here / "<b>.txt").write_text("text")
    items = cell_plan("-a a.png -a '<b>.txt' --force").attachments
    page = preview.prompt_html("", items)
    assert page.count('<img src="data:image/png;base64,') == 1
    thumbnail = decoded({"image_url": {"url": items[0].thumbnail}})
    assert thumbnail.shape[1] <= 192
    assert thumbnail.shape[0] <= 108
    assert "a.png · 1,200 × 800, " in page
    assert "&lt;b&gt;.txt · 4 bytes" in page
    assert "attached: a.png (1,200 × 800" in preview.prompt_plain("", items)
    assert len(page) < 5_000


def test_a_picture_by_its_address_is_not_fetched_to_be_shown() -> None:
    page = preview.prompt_html("", [attachment("https://example.org/a.png")])
    assert "<img" not in page
    assert "https://example.org/a.png · by its address" in page
