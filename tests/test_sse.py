"""Bytes of an event stream, cut anywhere, give the payloads of the whole."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kimi_magic import sse

BOM = b"\xef\xbb\xbf"
SEPARATORS = "before\u2028between\u2029after\x85end"  # where str.splitlines cuts and a stream does not
CHUNK = json.dumps({"choices": [{"delta": {"content": SEPARATORS + "月之暗面 🌒"}}]}, ensure_ascii=False)

LINES = st.sampled_from(
    [
        b"data: one",
        b"data:two",
        b"data:  three",
        b"data",
        b"data:",
        b"data: [DONE]",
        f"data: {CHUNK}".encode(),
        b": OPENROUTER PROCESSING",
        b":",
        b"event: message",
        b"id: 7",
        b"retry: 10",
        b"database: no field of ours",
        b"",
        b"",
        b"",
    ]
)


def decode(*pieces: bytes) -> list[bytes]:
    decoder = sse.Decoder()
    return [payload for piece in pieces for payload in decoder.feed(piece)] + decoder.end()


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


def cut(stream: bytes, points: list[int]) -> list[bytes]:
    marks = [0, *sorted(point % (len(stream) + 1) for point in points), len(stream)]
    return [stream[a:b] for a, b in pairwise(marks)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """The same stream with line ends as they come, and with LF alone."""
    lines = draw(st.lists(LINES, max_size=12))
    ends = draw(st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=len(lines), max_size=len(lines)))
    # CR and then LF would be read as one line end: such a pair is written as CRLF, CRLF.
    for i in range(1, len(lines)):
        if ends[i - 1] == b"\r" and not lines[i] and ends[i] == b"\n":
            ends[i] = b"\r\n"
            ends[i - 1] = b"\r\n"
    last = len(lines) if draw(st.booleans()) else max(len(lines) - 1, 0)
    written = b"".join(
        line + (end if i < last else b"") for i, (line, end) in enumerate(zip(lines, ends, strict=True))
    )
    plain = b"".join(line + (b"\n" if i < last else b"") for i, line in enumerate(lines))
    return (BOM if draw(st.booleans()) else b"") + written, plain


@settings(max_examples=200, deadline=None)
@given(streams(), st.lists(st.integers(0, 10_000), max_size=8))
@example((b"data: a\r\n\r\ndata: b\r\n\r\n", b"data: a\n\ndata: b\n\n"), [8, 10, 19])
def test_any_cut_gives_the_payloads_of_the_whole(stream: tuple[bytes, bytes], points: list[int]) -> None:
    written, plain = stream
    expected = [
        b"\n".join(data)
        for event in _events(plain)
        if (data := [field.removeprefix(b"data").removeprefix(b":").removeprefix(b" ") for field in event])
    ]
    assert decode(written) == expected
    assert decode(*cut(written, points)) == expected
    assert decode(*bytewise(written)) == expected


def _events(plain: bytes) -> list[list[bytes]]:
    """The data lines of each event, read in the simplest way: all at once, LF only."""
    events: list[list[bytes]] = [[]]
    for line in plain.split(b"\n"):
        if not line:
            events.append([])
        elif line == b"data" or line.startswith(b"data:"):
            events[-1].append(line)
    return events


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_each_line_end_ends_a_line(end: bytes) -> None:
    stream = end.join([b"data: one", b"", b"data: two", b"", b"data: [DONE]", b"", b""])
    assert decode(stream) == decode(*bytewise(stream)) == [b"one", b"two", b"[DONE]"]


@pytest.mark.parametrize(
    ("stream", "payloads"),
    [
        (b"data: one\n\n", [b"one"]),
        (b"data:one\n\n", [b"one"]),
        (b"data:  one\n\n", [b" one"]),
        (b"data: a: b\n\n", [b"a: b"]),
        (b"data: one\ndata: two\n\n", [b"one\ntwo"]),
        (b"data: {\ndata: }\n\n", [b"{\n}"]),
        (b"data\n\n", [b""]),
        (b": keep-alive\n\n: keep-alive\n\ndata: one\n\n", [b"one"]),
        (b"data: one\n: in between\ndata: two\n\n", [b"one\ntwo"]),
        (b"event: x\nid: 1\nretry: 5\ndata: one\n\n", [b"one"]),
        (b"event: x\n\n", []),
        (b"Data: one\ndatas: two\n data: three\n\n", []),
        (b"\n\n\n\ndata: one\n\n\n\n", [b"one"]),
        (BOM + b"data: one\n\n", [b"one"]),
        (b"data: " + BOM + b"\n\n" + BOM + b"data: not the start\n\n", [BOM]),
        (b"data: one\n", [b"one"]),
        (b"data: one", [b"one"]),
        (b"data: one\n\ndata: tw", [b"one", b"tw"]),
        (b"data: one\r", [b"one"]),
        (BOM, []),
        (BOM[:2], []),
        (b"", []),
    ],
)
def test_a_stream_is_read_as_the_standard_says(stream: bytes, payloads: list[bytes]) -> None:
    assert decode(stream) == payloads
    assert decode(*bytewise(stream)) == payloads


def test_characters_that_end_lines_elsewhere_stay_inside_json() -> None:
    stream = f"data: {CHUNK}\n\n".encode()
    for pieces in ([stream], bytewise(stream)):
        (payload,) = decode(*pieces)
        assert SEPARATORS in json.loads(payload)["choices"][0]["delta"]["content"]


def test_a_payload_comes_out_with_the_byte_that_completes_it() -> None:
    decoder = sse.Decoder()
    assert decoder.feed(b"data: one\n") == []
    assert decoder.feed(b"\n") == [b"one"]


def test_a_carriage_return_completes_an_event_before_the_line_feed_that_may_follow() -> None:
    decoder = sse.Decoder()
    assert decoder.feed(b"data: one\r\n\r") == [b"one"]
    assert decoder.feed(b"\ndata: two\r\n\r") == [b"two"]


def test_empty_reads_change_nothing() -> None:
    assert decode(b"", b"data: one\r", b"", b"\n", b"", b"\r", b"", b"\n", b"") == [b"one"]


def test_after_the_end_nothing_is_left() -> None:
    decoder = sse.Decoder()
    decoder.feed(b"data: one")
    assert decoder.end() == [b"one"]
    assert decoder.end() == []


@pytest.mark.parametrize(
    "line",
    [b"x" * 2**20, b"data: " + b"x" * 2**20 + b"\n", b": " + b"x" * 2**20],
    ids=["one line without an end", "one event of many lines", "one comment without an end"],
)
def test_an_event_that_never_ends_is_refused_before_it_fills_the_memory(line: bytes) -> None:
    flood = [line] * (sse.LARGEST_EVENT // 2**20 + 1)
    with pytest.raises(ValueError, match=str(sse.LARGEST_EVENT)):
        decode(*flood)


def test_a_long_stream_of_small_events_is_not_a_large_event() -> None:
    decoder = sse.Decoder()
    batch = b"data: " + b"x" * 2**20 + b"\n\n"
    count = sse.LARGEST_EVENT // 2**20 + 2
    assert sum(len(decoder.feed(batch)) for _ in range(count)) == count


def test_a_large_event_below_the_limit_arrives_whole() -> None:
    payload = b"x" * (sse.LARGEST_EVENT // 2)
    half = len(payload) // 2
    assert decode(b"data: " + payload[:half], payload[half:] + b"\n\n") == [payload]


@pytest.mark.parametrize("line", [b"data:\n", b"data: x\n", b"error:\n"])
def test_lines_of_one_event_without_end_are_counted_whatever_is_in_them(line: bytes) -> None:
    decoder, block = sse.Decoder(), line * 50_000
    for _ in range(sse.LARGEST_EVENT // len(block)):
        assert decoder.feed(block) == []
    with pytest.raises(ValueError, match="an event larger than"):
        decoder.feed(block)


def test_an_event_that_ended_does_not_count_against_the_next() -> None:
    decoder, block = sse.Decoder(), b"data: " + b"x" * 2**20 + b"\n\n"
    for _ in range(sse.LARGEST_EVENT // len(block) + 2):
        for half in (block[:9], block[9:]):
            decoder.feed(half)
