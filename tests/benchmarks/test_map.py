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

# The peers leave connections open, which is no fault here.
pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]
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


def extracted_by_instructor(url: str) -> Callable[[int, int], None] | None:
    try:
        import instructor
        import openai
    except ImportError:
        return None

    async def main(count: int, concurrency: int) -> None:
        gate = asyncio.Semaphore(concurrency)
        async with openai.AsyncOpenAI(base_url=url, api_key="x") as client:
            wrapped = instructor.from_openai(client, mode=instructor.Mode.JSON)

            async def one(text: str) -> Any:
                async with gate:
                    messages = [{"role": "user", "content": f"w {text}"}]
                    return await wrapped.chat.completions.create(
                        model="kimi-k2-thinking", messages=messages, response_model=Place
                    )

            assert all(place.year == 1990 for place in await asyncio.gather(*map(one, texts(count))))

    return lambda count, concurrency: asyncio.run(main(count, concurrency))


def answered_by_pydantic_ai(url: str) -> Callable[[int, int], None] | None:
    try:
        from pydantic_ai import Agent, PromptedOutput
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider
    except ImportError:
        return None

    async def main(count: int, concurrency: int) -> None:
        gate = asyncio.Semaphore(concurrency)
        provider = OpenAIProvider(base_url=url, api_key="x")
        agent = Agent(
            OpenAIChatModel("kimi-k2-thinking", provider=provider), output_type=PromptedOutput(Place)
        )

        async def one(text: str) -> Any:
            async with gate:
                return (await agent.run(f"w {text}")).output

        assert all(place.year == 1990 for place in await asyncio.gather(*map(one, texts(count))))

    return lambda count, concurrency: asyncio.run(main(count, concurrency))


def read_by_hand(url: str) -> Callable[[int, int], None]:
    """Sockets of asyncio, a constant request, and an answer that nobody decodes: what is possible."""
    port = int(url.split(":")[2].split("/", maxsplit=1)[0])
    body = b'{"model":"kimi-k2-thinking","stream":true,"messages":[{"role":"user","content":"w text 1"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def main(count: int, concurrency: int) -> None:
        numbers = iter(range(count))

        async def work() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in numbers:
                writer.write(head + body)
                assert b"1990" in await reader.readuntil(b"0\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(work() for _ in range(concurrency)))

    return lambda count, concurrency: asyncio.run(main(count, concurrency))


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
    ways |= {
        "instructor": extracted_by_instructor(address),
        "pydantic-ai": answered_by_pydantic_ai(address),
        "raw sockets": read_by_hand(address),
    }
    figures = {name: best(way, count, concurrency) for name, way in ways.items() if way is not None}
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


LARGE = """
import asyncio, resource, sys
import httpx
import kimi_magic
from kimi_magic import kernel
from kimi_magic.client import Client
from tests.benchmarks import instant
from tests.benchmarks.test_map import Place, texts
from tests.test_map import unread

body = instant.whole().split(b"\\r\\n\\r\\n", 1)[1]

async def answer(request):
    await asyncio.sleep(0)
    return unread(httpx.Response(200, content=body, headers={"content-type": "application/json"}))

def run(count):
    with kernel.fresh(base_url="http://127.0.0.1:1/v1") as this:
        this.client = Client({"loopback": lambda: httpx.MockTransport(answer)})
        return kimi_magic.map("w {{text}}", texts(count), schema=Place, cache=False, progress=False)

run(500)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = run(int(sys.argv[1]))
assert not result.errors
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_of_many_rows() -> None:
    """The largest resident size of a process of its own: the last third of the rows takes what others do.

    The first third takes less, for it finds room that was free already.
    """
    counts = (33_000, 66_000, 100_000)
    sizes = []
    for count in counts:
        words = [sys.executable, "-W", "ignore", "-c", LARGE, str(count)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        sizes.append(1024 * int(done.stdout))
    print(" ".join(f"{size / n:.0f} bytes a row at {n:,};" for n, size in zip(counts, sizes, strict=True)))
    first, second, third = sizes
    assert third - second < 1.2 * (second - first)
    assert third / counts[-1] < 2_500


def test_cpu_of_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 answers that take long cost what 256 answers cost, and no more."""
    cpu = {}
    for seconds in (0.05, 5.05):
        words = [sys.executable, "-m", "tests.benchmarks.instant", str(seconds)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            try:
                monkeypatch.setenv(
                    "EVOLINK_BASE_URL", f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
                )
                monkeypatch.setenv("EVOLINK_API_KEY", "sk-benchmark-0123")
                with kernel.fresh():
                    mapped(256, 256)
                    began = time.process_time()
                    mapped(256, 256)
                    cpu[seconds] = time.process_time() - began
            finally:
                process.kill()
    waiting = (cpu[5.05] - cpu[0.05]) / 5
    print(f"256 answers of 5 s: {1e3 * waiting:.1f} ms CPU a second of waiting, {cpu[5.05]:.2f} s in all")
