"""What a hostile text costs: twice the text takes about twice the time, wherever text from outside is read.

Run with: pytest tests/benchmarks/test_doubling.py -m benchmark -s
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from kimi_magic import json_text, options, schema, sse
from kimi_magic.client import Connection
from kimi_magic.client.reading import _Body
from kimi_magic.errors import KimiError
from kimi_magic.json_text import Growing
from kimi_magic.keys import Key, without_keys
from kimi_magic.markdown import Blocks, hidden, render
from kimi_magic.messages import Noticed, TextDelta, ToolCallDelta, marks
from kimi_magic.messages.wire import refusal
from kimi_magic.options import CELL
from kimi_magic.simulator import Service
from kimi_magic.view import drawing, static, tree, words
from kimi_magic.view.wrapping import Lines
from tests.simulator.chat import call_message, fields, result_message, send, tool, user
from tests.turns import GrowingTurn

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1_800)]
LIMIT = 2.6  # times for twice the text, over three doublings: the square would be 4
LEAST = 0.02  # s that the largest text takes at least before its growth is looked at
LARGEST = 64_000  # characters
# Characters of the largest text, and how often it was doubled, where a character costs more. What grows is
# rendered again up to a limit of a few thousand characters: below it the cost of a character still rises.
SLOW = {
    "Markdown": (16_000, 3),
    "Markdown that grows": (32_000, 1),
    "a saved answer": (16_000, 3),
    "a drawing": (8_000, 3),
}
CONNECTION = Connection("https://a.example/v1", Key("sk-0123456789abcdefWXYZ"))

SHAPES = [
    "<", "<a ", "<script>", "<style ", "</script", "<!--", "<![CDATA[", "&", "&#", "&#115;", "%73", "\\u0073", " ", "\n",
    "\t", "\r", "\x00", "\u202e", "\u200b", "a", "aa ", "sk-", "sk-0123456789", "0", "a1", "-", "_", "[", "]", "{", "}",
    "(", ")", "[a", "[a](", "[a](#b) ", "![", "*", "**a", "*a ", "_a ", "~~", "`", "``a", "```\n", "~~~", ">", "> ",
    "- ", "  - ", "1. ", "#", "# a\n", "|", "|a", "|-", "a|b\n", "a\n-\n", "$", "$a", "$$", "\\(", "\\[", "\\[a\n",
    "\\begin{a}", "\\frac", "{a", "a&", "\\\\", "^{", "[^1]", "[^1]: a\n", "[a]: b\n", "<think>", "</think>", "<|tool",
    "<|tool_calls_section_begin|>", '"', "'", '{"a":', '{"a":1,', "[1,", '["', '{"', "//", "/*", "data:", "data: x\n", ":\n",
    "event: a\n", ",", "null ", "--a ", "-m a ", "-a\\", "“", "“a", "= ", "http://", "www.a", "a@b.c ", "<http://a>",
    "👩‍👩", "é", "字", "字，**", "ا", "\u0301", "\U000e0041", "a\u00ad", "\ud83d", "==", "=>", "\n\n", " \n", "\n    a", "\n\t",
]  # fmt: skip


def _swallow(work: Callable[[], object]) -> None:
    with contextlib.suppress(KimiError, ValueError):
        work()


def _growing(text: str) -> None:
    blocks = Blocks()
    for at in range(0, len(text), 500):
        blocks.add(text[at : at + 500])
    blocks.tail()


def _rows(text: str) -> None:
    growing = Growing()
    for at in range(0, len(text), 500):
        growing.add(text[at : at + 500])
    growing.tail()


def _reader(text: str) -> None:
    reader = marks.Reader(TextDelta, 0)
    for at in range(0, len(text), 50):
        reader.feed(text[at : at + 50])
    reader.end()


def _body(data: bytes) -> None:
    async def go() -> None:
        body = _Body(CONNECTION, lambda _: None, 1)
        for at in range(0, len(data), 2_000):
            body.add(data[at : at + 2_000])
            body.decode()
        body.close()

    _swallow(lambda: asyncio.run(go()))


def _decoder(text: str) -> None:
    decoder = sse.Decoder()
    data = text.encode("utf-8", "replace")
    for at in range(0, len(data), 500):
        decoder.feed(data[at : at + 500])
    decoder.end()


def _ended(text: str, *, as_json: bool = False) -> None:
    turn = GrowingTurn("m", json=as_json)
    turn.add(TextDelta(text))
    turn.end()
    static.html(turn)
    static.plain(turn)


def _lines(text: str) -> None:
    lines = Lines(79, "│ ")
    for at in range(0, len(text), 50):
        lines.add(text[at : at + 50])
    lines.end()


def _line(text: str) -> None:
    _swallow(lambda: options.parse(options.split(text), options.at(CELL)))
    _swallow(lambda: options.split_prompt(text, options.at(CELL)))


READERS: dict[str, Callable[[str], Any]] = {
    "an excerpt": CONNECTION.excerpt,
    "a refusal": lambda text: refusal({"error": {"message": text}}),
    "a key in a text": Key("sk-0123456789abcdefWXYZ").redact,
    "what looks like a key": without_keys,
    "marks": _reader,
    "a stream": _decoder,
    "a body": lambda text: _body(text.encode("utf-8", "replace")),
    "Markdown": render,
    "Markdown that grows": _growing,
    "a saved answer": _ended,
    "saved JSON": lambda text: _ended(text, as_json=True),
    "JSON": lambda text: _swallow(lambda: json_text.read(text)),
    "JSON of a type": lambda text: _swallow(lambda: schema.read(text, schema.of(list[int]))),
    "JSON that grows": _rows,
    "a tree of text": tree.of_text,
    "lines of a terminal": _lines,
    "a drawing": lambda text: drawing.draw(text, 79, colours=True),
    "a line of options": _line,
    "hidden characters": hidden.marked,
    "one line": words.on_one_line,
}


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def growth(work: Callable[[int], object], largest: int, doublings: int = 3) -> tuple[float, float]:
    """How the time grows with twice the size, up to the largest; and the time of the largest."""
    last = seconds(lambda: work(largest))
    if last < LEAST:
        return 1.0, last
    last = min(last, *(seconds(lambda: work(largest)) for _ in range(2)))
    first = min(seconds(lambda: work(largest // 2**doublings)) for _ in range(3))
    return (last / max(first, 1e-4)) ** (1 / doublings), last


@pytest.mark.parametrize("name", READERS)
def test_twice_the_text_takes_twice_the_time(name: str, capsys: pytest.CaptureFixture[str]):
    read, slow, worst = READERS[name], [], (0.0, "")
    for shape in SHAPES:
        ratio, last = growth(
            lambda size, shape=shape: read((shape * (size // len(shape) + 1))[:size]),
            *SLOW.get(name, (LARGEST, 3)),
        )
        worst = max(worst, (ratio, f"{shape!r} ({last:.2f} s)"))
        if ratio > LIMIT:
            slow.append(f"{shape!r}: {ratio:.1f} times for twice the text, {last:.2f} s")
    with capsys.disabled():
        print(f"\n{name}: at most {worst[0]:.2f} times for {worst[1]}")
    assert slow == []


# ---- many of a thing ----


def _calls(count: int, *, by_id: bool = False) -> None:
    """Calls that come in two pieces each, and are shown now and then."""
    turn = GrowingTurn("m")
    for part in ("{", "}"):
        for number in range(count):
            position = None if by_id else number
            turn.add(ToolCallDelta(f"c{number}", "f", part, position, 0))
            if number % (count // 8 + 1) == 0:
                words.calls(turn.choice)
    turn.end()
    static.html(turn)


def _asked(**more: Any) -> Callable[[], object]:
    service = Service(speed=0)
    return lambda: send(service, **{**fields(), **more})


def _schema(count: int, **more: Any) -> dict[str, Any]:
    properties = {f"name{number}": {"type": "string"} for number in range(count)}
    wanted = {"type": "object", "properties": properties, "required": [*properties], **more}
    return {"type": "json_schema", "json_schema": {"name": "t", "schema": wanted}}


def _pairs(count: int) -> str:
    return ",".join(f'"k{number}":{number}' for number in range(count))


def _answers(count: int) -> list[dict[str, Any]]:
    ids = [f"c{number}" for number in range(count)]
    return [user("Hi"), call_message(*ids), *map(result_message, ids), user("And?")]


def _choices(count: int) -> None:
    turn = GrowingTurn("m")
    for number in range(count):
        turn.add(TextDelta("a", number))
    turn.end()
    words.byline(turn)


def _noticed(count: int) -> None:
    turn = GrowingTurn("m")
    for number in range(count):
        turn.add(Noticed(f"Notice {number % 9}"))
    turn.end()
    static.html(turn)


THINGS: dict[str, Callable[[int], Any]] = {
    "tool calls by place": _calls,
    "tool calls by id": lambda count: _calls(count, by_id=True),
    "choices": _choices,
    "notices": _noticed,
    "chunks": lambda count: _body(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n' * count),
    "chunks of many choices": lambda count: _body(
        b"".join(b'data: {"choices":[{"index":%d,"delta":{"content":"a"}}]}\n\n' % at for at in range(count))
    ),
    "keys of JSON": lambda count: json_text.read(f"{{{_pairs(count)}}}"),
    "a tree of keys": lambda count: tree.of_value({f"k{number}": [number] for number in range(count)}),
    "faults of JSON": lambda count: _swallow(
        lambda: schema.read(json.dumps(["a"] * count), schema.of(list[int]))
    ),
    "options": lambda count: _line("-t 1 " * count),
    "messages": lambda count: _asked(messages=[user("Hi")] * count)(),
    "names in a body": lambda count: _asked(**{f"name{number}": 1 for number in range(count)})(),
    "tools": lambda count: _asked(tools=[tool(name=f"f{number}") for number in range(count)])(),
    "calls in a body": lambda count: _asked(messages=_answers(count))(),
    "names of a schema": lambda count: _asked(response_format=_schema(count))(),
    "stops": lambda count: _asked(stop=["a"] * count)(),
}


@pytest.mark.parametrize("name", THINGS)
def test_twice_the_things_take_twice_the_time(name: str, capsys: pytest.CaptureFixture[str]):
    ratio, last = growth(THINGS[name], 16_000)
    with capsys.disabled():
        print(f"\n{name}: {ratio:.2f} times for twice as many, {last:.2f} s for 16,000")
    assert ratio <= LIMIT
