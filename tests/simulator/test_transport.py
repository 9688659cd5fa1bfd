"""The simulator inside the process, seen through httpx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from kimi_magic.simulator import OFFLINE_BASE_URL, OFFLINE_KEY, Service, SimulatorTransport
from kimi_magic.simulator.service import Response

from .chat import AUTH, fields, user


class Watched(Service):
    """Counts what was generated and notes when a generation ended."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.made = 0
        self.ended = asyncio.Event()

    async def respond(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        speed: float | None = None,
    ) -> Response:
        response = await super().respond(method, path, headers, body, speed=speed)
        return Response(response.status, response.headers, self._watch(response.body))

    async def _watch(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for event in body:
                self.made += 1
                yield event
        finally:
            self.ended.set()


def client(service: Service, **settings: Any) -> httpx.AsyncClient:
    transport = SimulatorTransport(service)
    return httpx.AsyncClient(transport=transport, base_url=OFFLINE_BASE_URL, headers=AUTH, **settings)


ESSAY = fields(stream=True, messages=[user("Write 2000 words about tea")])


def test_the_first_event_comes_before_the_last_is_made():
    async def run() -> None:
        service = Watched(speed=0)
        async with client(service) as http, http.stream("POST", "/chat/completions", json=ESSAY) as response:
            assert response.headers["content-type"] == "text/event-stream"
            stream = response.aiter_raw()
            assert b'"role":"assistant"' in await anext(stream)
            assert service.made == 1

    asyncio.run(run())


def test_closing_the_response_ends_the_generation():
    async def run() -> None:
        service = Watched(speed=0)
        async with client(service) as http:
            async with http.stream("POST", "/chat/completions", json=ESSAY) as response:
                stream = response.aiter_raw()
                for _ in range(5):
                    await anext(stream)
            assert service.ended.is_set()
            assert service.made == 5

    asyncio.run(run())


def test_cancelling_a_silent_request_ends_it_at_once():
    async def run() -> None:
        service = Watched(speed=0, faults="silence=2:600")
        got = asyncio.Queue[bytes]()

        async def read() -> None:
            http = client(service, timeout=None)
            async with http, http.stream("POST", "/chat/completions", json=ESSAY) as response:
                async for event in response.aiter_raw():
                    got.put_nowait(event)

        task = asyncio.create_task(read())
        await got.get()
        await got.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(service.ended.wait(), 1)

    asyncio.run(run())


@pytest.mark.parametrize(("faults", "stream"), [("silence=2:600", True), ("slow-start=600", False)])
def test_silence_is_a_read_timeout(faults: str, stream: bool):
    async def run() -> None:
        async with client(Service(speed=0, faults=faults), timeout=0.05) as http:
            with pytest.raises(httpx.ReadTimeout):
                await http.post("/chat/completions", json=fields(stream=stream))

    asyncio.run(run())


def test_a_reset_is_a_read_error():
    async def run() -> None:
        async with client(Service(speed=0, faults="reset=3")) as http:
            with pytest.raises(httpx.ReadError):
                await http.post("/chat/completions", json=ESSAY)

    asyncio.run(run())


def test_a_transport_without_a_service_makes_its_own():
    async def run() -> None:
        async with httpx.AsyncClient(transport=SimulatorTransport(), headers=AUTH) as http:
            assert (await http.get(f"{OFFLINE_BASE_URL}/models")).status_code == 200
            assert (await http.get(f"{OFFLINE_BASE_URL}/nothing")).status_code == 404

    asyncio.run(run())


def test_the_key_is_found_whatever_the_case_of_the_header():
    async def run() -> None:
        async with httpx.AsyncClient(transport=SimulatorTransport()) as http:
            headers = {"AUTHORIZATION": f"Bearer {OFFLINE_KEY}"}
            assert (await http.get(f"{OFFLINE_BASE_URL}/models", headers=headers)).status_code == 200

    asyncio.run(run())


def test_a_request_may_have_a_speed_of_its_own():
    async def run() -> int:
        slow = Service(speed=0.01)  # its second event would come after 100 s
        async with client(slow) as http:
            answer = await http.post(
                "/chat/completions",
                json=fields(messages=[user("Hello")]),
                extensions={"simulator_speed": 0},
                timeout=5,
            )
        return answer.status_code

    assert asyncio.run(run()) == 200
