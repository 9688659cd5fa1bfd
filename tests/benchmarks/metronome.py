"""A service on loopback that sends chunks at an exact pace and knows when it sent what."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

WORDS = "A thinking model answers here. "  # 31 characters; one chunk is about 285 bytes with its frame


def answer(characters: int) -> list[str]:
    """Markdown of about that many characters, cut as a model cuts it: paragraphs, headings, code, lists."""
    blocks, size, number = [], 0, 0
    while size < characters:
        number += 1
        match number % 4:
            case 0:
                block = f"```python\ndef step_{number}(x):\n    return x + {number}\n```\n\n"
            case 1:
                block = f"## Part {number}\n\n"
            case 2:
                block = WORDS * 12 + "\n\n"
            case _:
                block = "".join(f"- {WORDS}\n" for _ in range(5)) + "\n"
        blocks.append(block)
        size += len(block)
    text = "".join(blocks)[:characters]
    return [text[start : start + 30] for start in range(0, len(text), 30)]


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    body = {
        "id": "cmpl-0123456789abcdef0123456789abcdef", "object": "chat.completion.chunk",
        "created": 1764000000, "model": "kimi-k2-thinking", "system_fingerprint": "fpv0_0123456789",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip
    return b"data: " + json.dumps(body).encode() + b"\n\n"


@dataclass
class Heard:
    """When the last request came, when its first and last chunk left, when its connection closed."""

    requests: int = 0
    first: float = 0.0
    last: float = 0.0
    closed: threading.Event = field(default_factory=threading.Event)
    closed_at: float = 0.0


class Metronome:
    """Every request gets `texts` (one event each) at `rate` events a second, 0 for as fast as possible."""

    def __init__(self, texts: list[str], rate: float, *, one_write: bool = False) -> None:
        self.events = [chunk({"role": "assistant", "content": ""})]
        self.events += [chunk({"content": text}) for text in texts]
        self.events += [chunk({}, "stop"), b"data: [DONE]\n\n"]
        self.rate = rate
        self.one_write = one_write
        self.heard = Heard()
        self.base_url = ""
        self._writers: dict[asyncio.StreamWriter, asyncio.Event] = {}  # and whether they are done with

    async def aclose(self) -> None:
        """Close all connections."""
        for writer, is_done in list(self._writers.items()):
            writer.transport.abort()
            await is_done.wait()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers[writer] = asyncio.Event()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if b"content-length" in line
                )
                await reader.readexactly(length)
                await self._answer(reader, writer)
        writer.close()
        self._writers.pop(writer).set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = self.heard
        heard.requests += 1
        heard.closed.clear()
        gone = asyncio.ensure_future(reader.read(1))  # ends when the client closes
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        framed = [b"%x\r\n%b\r\n" % (len(event), event) for event in self.events] + [b"0\r\n\r\n"]
        began = time.monotonic()
        for number, data in enumerate(framed):
            if self.rate:
                due = began + number / self.rate
                done, _ = await asyncio.wait({gone}, timeout=max(0.0, due - time.monotonic()))
                if done:
                    heard.closed_at = time.monotonic()
                    heard.closed.set()
                    raise ConnectionResetError
            writer.write(data)
            if number == 1:
                heard.first = time.monotonic()
            heard.last = time.monotonic()
            if not self.rate and number % 64 == 0:
                await writer.drain()
        await writer.drain()
        if gone.done():
            raise ConnectionResetError
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


@contextmanager
def running(metronome: Metronome) -> Iterator[Metronome]:
    """The metronome on a thread of its own, on a free port."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(metronome.handle, "127.0.0.1", 0)
        metronome.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await stop.wait()
        server.close()
        await metronome.aclose()
        await asyncio.sleep(0)  # the loop closes the sockets when it turns

    def work() -> None:
        loop.run_until_complete(main())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield metronome
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
