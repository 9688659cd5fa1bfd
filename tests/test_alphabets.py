"""Every alphabet stays whole: the bytes of a stream may be cut anywhere, also inside a letter."""

from __future__ import annotations

import json
import re
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kimi_magic.markdown import Blocks, render
from kimi_magic.messages import TextDelta
from kimi_magic.view import static, words
from tests.test_markdown import Page, unsafe
from tests.test_recorded import hear, reply_of

CLUSTERS = [  # what a reader takes for one sign, of several code points or bytes
    "👩‍👩‍👧‍👦", "👩🏽‍🔬", "🏳️‍🌈", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇳🇴", "🇨🇳🇯🇵", "👍🏿", "7️⃣", "❤️", "é", "é", "ñ̃", "क्षि", "நி", "각", "각",
    "月", "𠮷", "葛󠄀", "ｶﾞ", "が", "、", "。", "「引」", "שָׁלוֹם", "مُحَمَّد", "لا", "ﷺ", "فارسی‌ها", "𝄞",
    "ไทยนี้", "ﬁ", "İ", "ẞ", "a\u2028b", "a\u2029b", "\ufeffx", "x\u00a0y", "\u200fא\u200e",
]  # fmt: skip
WORDS = [*CLUSTERS, "word", "5", "3.14", "(x)", "`code(1)`", "**זה**", "*字*", "$x$", "$5"]
LINES = ["{}", "# {}", "- {}", "1. {}", "> {}", "```py\n{}\n```", "| {0} | {0} |\n| --- | --- |\n| {0} | 1 |"]
MARK = re.compile(r"⟨U\+([0-9A-F]+)⟩")
POINTS = st.lists(st.integers(0, 100_000), max_size=12)


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
    written = draw(st.lists(st.tuples(st.sampled_from(LINES), lines), min_size=1, max_size=6))
    return "\n\n".join(line.format(words) for line, words in written)


def cut(whole: str | bytes, points: list[int]) -> list:
    marks = [0, *sorted(point % (len(whole) + 1) for point in points), len(whole)]
    return [whole[a:b] for a, b in pairwise(marks)]


def streamed(deltas: list[str], escaped: bool) -> bytes:
    """An answer as the service sends it, one chunk for each delta."""
    chunks = [{"choices": [{"index": 0, "delta": {"content": delta}}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    payloads = [json.dumps({"id": "c1", "model": "m", **chunk}, ensure_ascii=escaped) for chunk in chunks]
    return "".join(f"data: {payload}\n\n" for payload in [*payloads, "[DONE]"]).encode()


def assert_whole(text: str, deltas: list[str], pieces: list[bytes]) -> None:
    """An answer in these pieces is, as text, as it grows and in the end, the page of the whole."""
    heard = hear(*pieces)
    assert heard.error is None
    reply = reply_of(heard.events)
    reply.end("complete")
    assert reply.text == text
    blocks, given_out = Blocks(), ""
    for event in heard.events:
        if isinstance(event, TextDelta):
            given_out += blocks.add(words.printable(event.text))
    shown = words.printable(text)
    assert given_out + blocks.tail(ended=True) == render(shown)
    assert words.for_export(render(shown)) in static.html(reply.turn)
    assert static.plain(reply.turn) == shown
    # In code, what cannot be seen is marked.
    read = MARK.sub(lambda mark: chr(int(mark[1], 16)), Page(render(shown)).text)
    for cluster in CLUSTERS:
        assert read.count(cluster) == shown.count(cluster), cluster


@settings(max_examples=50, deadline=None)
@given(text=texts(), escaped=st.booleans(), points=POINTS, byte_points=POINTS)
@example("👩‍👩‍👧‍👦 שלום 月", False, [1, 2, 3, 4, 5], list(range(200)))
def test_signs_stay_whole_however_answer_and_bytes_are_cut(
    text: str, escaped: bool, points: list[int], byte_points: list[int]
) -> None:
    deltas = cut(text, points)
    assert_whole(text, deltas, cut(streamed(deltas, escaped), byte_points))


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_sign_stays_whole_letter_by_letter_and_byte_by_byte(cluster: str) -> None:
    text = f"So {cluster} is:\n\n- {cluster}\n- {cluster}{cluster}\n\n`{cluster}` and {cluster}.\n"
    stream = streamed(list(text), escaped=False)
    assert_whole(text, list(text), [stream[at : at + 1] for at in range(len(stream))])


def test_a_line_without_end_is_not_cut_inside_a_sign() -> None:
    text = "家族は👩‍👩‍👧‍👦と言う。" * 2_000
    blocks, shown = Blocks(), ""
    for piece in cut(text, [7 * n for n in range(len(text) // 7)]):
        shown += blocks.add(piece)
    parts = re.findall(r"<p>(.*?)</p>", shown + blocks.tail())
    assert "".join(parts) == text
    assert len(parts) > 2
    assert {part[-1] for part in parts} == {"。"}


# ---- directions ----


def directions(text: str) -> list[tuple[str, str]]:
    """The elements of a page that have a direction."""
    page = render(text)
    assert unsafe(page) == []
    return [(tag, attrs["dir"]) for tag, attrs in Page(page).elements if "dir" in attrs]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain text with 字 and é", []),
        ("English first, then שלום", []),
        ("שלום", [("p", "rtl")]),
        ("مرحبا", [("p", "rtl")]),
        ("42, (3.14) – שלום", [("p", "rtl")]),
        ("`print()` מדפיס", [("p", "rtl"), ("code", "ltr")]),
        ("$x$ הוא", [("p", "rtl")]),
        ("**English** שלום", []),
        ("שלום\n\nHello\n\nשלום", [("p", "rtl"), ("p", "rtl")]),
        ("# مرحبا", [("h1", "rtl")]),
        ("### English", []),
        ("- أ\n- ب", [("ul", "rtl")]),
        ("1. أ\n2. b", [("ol", "rtl"), ("li", "ltr")]),
        ("- a\n- ب", [("li", "rtl")]),
        ("- أ\n\n  ```\n  code\n  ```", [("ul", "rtl"), ("pre", "ltr")]),
        ("> أ\n>\n> b", [("blockquote", "rtl"), ("p", "ltr")]),
        ("| أ | b |\n|---|---|\n| ت | 5 |", [("div", "rtl"), ("th", "ltr")]),
        ("| a | أ |\n|---|---|\n| b | ت |", [("th", "rtl"), ("td", "rtl")]),
        ("```\nשלום\n```", []),
        ("    שלום", []),
        ("`שלום` and so on", []),
    ],
)
def test_text_that_reads_from_right_to_left_says_so(text: str, found: list[tuple[str, str]]) -> None:
    assert directions(text) == found


SCRIPTS = ["שלום", "עולם 5", "مرحبا", "word", "`x`", "7", "字"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(LINES), st.lists(st.sampled_from(SCRIPTS), min_size=1)), max_size=8),
    POINTS,
)
def test_directions_are_the_same_block_by_block(
    lines: list[tuple[str, list[str]]], points: list[int]
) -> None:
    text = "\n".join(line.format(" ".join(words)) for line, words in lines)
    pieces = cut(text, points)
    blocks, given_out = Blocks(), ""
    for piece, end in zip(pieces, accumulate(map(len, pieces)), strict=True):
        given_out += blocks.add(piece)
        assert given_out + blocks.tail(ended=True) == render(text[:end])
    assert unsafe(render(text)) == []


def test_text_from_left_to_right_costs_no_byte_for_its_direction() -> None:
    assert "dir=" not in render("# A\n\nb 字 é\n\n- c `d`\n\n| e |\n|---|\n| f |\n")
    assert len(re.findall("dir=", render("- أ\n- ب\n- ت\n"))) == 1
