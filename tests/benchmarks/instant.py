"""A service of its own process that answers every request whole after a given time.

`python -m tests.benchmarks.instant SECONDS` prints its port and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

TEXT = '{"city": "Rome", "year": 1990}'
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def chunk(delta: dict[str, str], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "kimi-k2-thinking"}
    return b"data: " + json.dumps(body | {"choices": [choice]} | more).encode() + b"\n\n"


def stream() -> bytes:
    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": TEXT[start : start + 8]}) for start in range(0, len(TEXT), 8)]
    events += [chunk({}, "stop", usage=USAGE), b"data: [DONE]\n\n"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"


def whole() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "kimi-k2-thinking"}
    data = json.dumps(body | {"choices": [choice], "usage": USAGE}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(data), data,
    )  # fmt: skip


async def serve(seconds: float) -> None:
    streamed, at_once = stream(), whole()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next(int(line.split(b":")[1]) for line in lines if b"content-length" in line)
                body = await reader.readexactly(length)
                await asyncio.sleep(seconds)
                writer.write(streamed if b'"stream":true' in body.replace(b" ", b"") else at_once)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
