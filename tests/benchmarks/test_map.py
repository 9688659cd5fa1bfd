"""Texts to typed rows beside other ways: share of the ideal rate, CPU and memory for each row.

Run with `python -m pytest tests/benchmarks/test_map.py -m benchmark -s`; peers that are not installed are
left out (the extra `benchmark` has them).
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pydantic
import pytest

import kimi_magic
from kimi_magic import kernel
from kimi_magic.client import Client
from tests.benchmarks import instant
from tests.test_map import unread

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]
SECONDS = 0.05  # that the service takes for each answer
ROWS = 200


class Place(pydantic.BaseModel):
    city: str
    year: int


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    words = [sys.executable, "-m", "tests.benchmarks.instant", str(SECONDS)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        monkeypatch.setenv("EVOLINK_BASE_URL", url)
        monkeypatch.setenv("EVOLINK_API_KEY", "sk-benchmark-0123")
        with kernel.fresh():
            yield url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def texts(count: int) -> list[str]:
    return [f"text {number}" for number in range(count)]


def mapped(count: int, concurrency: int) -> None:
    result = kimi_magic.map(
        "w {{text}}", texts(count), schema=Place, concurrency=concurrency, cache=False, progress=False
    )
    assert not result.errors


def pooled(count: int, concurrency: int) -> None:
    with ThreadPoolExecutor(concurrency) as pool:
        replies = list(pool.map(lambda text: kimi_magic.ask(f"w {text}", schema=Place), texts(count)))
    assert all(reply.data.year == 1990 for reply in replies)


def parsed_by_openai(url: str) -> Callable[[int, int], None]:
    openai = pytest.importorskip("openai")

    def run(count: int, concurrency: int) -> None:
        async def main() -> None:
            gate = asyncio.Semaphore(concurrency)
            async with openai.AsyncOpenAI(base_url=url, api_key="x") as client:

                async def one(text: str) -> Any:
                    async with gate:
                        messages = [{"role": "user", "content": f"w {text}"}]
                        made = await client.chat.completions.parse(
                            model="kimi-k2-thinking", messages=messages, response_format=Place
                        )
                        return made.choices[0].message.parsed

                assert all(place.year == 1990 for place in await asyncio.gather(*map(one, texts(count))))

        asyncio.run(main())

    return run


def best(job: Callable[[int, int], None], count: int, concurrency: int) -> tuple[float, float]:
    """Seconds and CPU seconds of this process, of the fastest of three runs after one that warms up."""
    job(concurrency, concurrency)
    took = []
    for _ in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        job(count, concurrency)
        took.append((time.perf_counter() - began, time.process_time() - cpu))
    return min(took)


@pytest.mark.parametrize("concurrency", [32, 64, 256])
def test_texts_to_typed_rows(address: str, concurrency: int) -> None:
    count = max(ROWS, 2 * concurrency)
    ideal = math.ceil(count / concurrency) * SECONDS
    ways = {"map": mapped, "threads over ask": pooled, "openai .parse": parsed_by_openai(address)}
    figures = {name: best(way, count, concurrency) for name, way in ways.items()}
    for name, (seconds, cpu) in figures.items():
        share = 100 * ideal / seconds
        print(f"{concurrency} at once, {name}: {share:.0f} % of ideal, {1e6 * cpu / count:.0f} us CPU a row")
    assert figures["map"][1] < figures["threads over ask"][1]
    assert figures["map"][1] < figures["openai .parse"][1]


def test_memory_is_that_of_the_results() -> None:
    """Four times the rows take at most four and a bit times the memory, and 3 kB a row at most."""
    body = instant.whole().split(b"\r\n\r\n", 1)[1]

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)  # as any network does
        return unread(httpx.Response(200, content=body, headers={"content-type": "application/json"}))

    def peak(count: int) -> int:
        with kernel.fresh(base_url="http://127.0.0.1:1/v1") as this:
            this.client = Client({"loopback": lambda: httpx.MockTransport(answer)})
            rows = texts(count)
            tracemalloc.start()
            result = kimi_magic.map("w {{text}}", rows, schema=Place, cache=False, progress=False)
            size = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert not result.errors
            return size

    peak(100)
    small, large = peak(1_000), peak(4_000)
    print(f"{small / 1_000:.0f} bytes a row at 1,000 rows, {large / 4_000:.0f} at 4,000")
    assert large < 4.4 * small
    assert large / 4_000 < 3_000
