"""CPU of reading a stream, against the openai SDK, in the same run.

Run with `python -m pytest tests/benchmarks -m benchmark -s`.
"""

from __future__ import annotations

import socket
import statistics
import time

import pytest

from kimi_magic.client import Client, Connection
from kimi_magic.keys import Key
from kimi_magic.messages import Message, Request, StreamOptions
from tests.benchmarks.metronome import Metronome, answer, running

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]


async def ours(base_url: str) -> float:
    client = Client()
    request = Request(
        "kimi-k2-thinking", (Message("user", "x"),), stream=True, stream_options=StreamOptions()
    )
    began = time.process_time()
    await client.stream(Connection(base_url, Key("sk-x")), request, lambda _events: None)
    took = time.process_time() - began
    await client.aclose()
    return took


async def openai_sdk(base_url: str) -> float:
    import openai

    client = openai.AsyncOpenAI(base_url=base_url, api_key="sk-x")
    began = time.process_time()
    messages = [{"role": "user", "content": "x"}]
    stream = await client.chat.completions.create(model="kimi-k2-thinking", messages=messages, stream=True)
    async for chunk in stream:
        _ = chunk.choices and chunk.choices[0].delta.content
    took = time.process_time() - began
    await client.close()
    return took


async def raw_socket(base_url: str) -> float:
    """The bytes as they come, of which nothing is decoded: what is possible."""
    port = int(base_url.split(":")[2].split("/", maxsplit=1)[0])
    body = b'{"model":"kimi-k2-thinking","stream":true,"messages":[{"role":"user","content":"x"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    began = time.process_time()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head + body)
        last = b""
        while not last.endswith(b"0\r\n\r\n"):
            last = last[-8:] + connection.recv(2**16)
    return time.process_time() - began


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rate", [0, 2000], ids=["full speed", "2,000/s"])
def test_reading(rate: float, capsys: pytest.CaptureFixture[str]):
    import subprocess
    import sys

    texts = answer(240_000)
    with running(Metronome(texts, rate)) as metronome:
        # The readers run in processes of their own: the metronome's CPU must not count as theirs.
        def cpu(reader: str) -> float:
            code = (
                "import asyncio, warnings; warnings.simplefilter('ignore')\n"
                f"from tests.benchmarks.test_reading import {reader} as reader\n"
                f"url = {metronome.base_url!r}\n"
                "asyncio.run(reader(url)); print(asyncio.run(reader(url)))"
            )
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            return 1e6 * float(done.stdout) / len(texts)

        rounds = [(cpu("ours"), cpu("openai_sdk"), cpu("raw_socket")) for _ in range(3)]
    mine, theirs, raw = (statistics.median(column) for column in zip(*rounds, strict=True))
    with capsys.disabled():
        print(f"\nreading {len(texts)} chunks at {rate or 'full speed'}: {mine:.1f} us a chunk, "
              f"openai SDK {theirs:.1f} us: {theirs / mine:.1f} times, raw socket {raw:.1f} us")  # fmt: skip
