"""The simulator inside the process: an httpx transport that needs no socket.

It streams for real: each event is made when the reader asks for it and its time has come, a read
time-out fires as it would on a socket, and closing the response ends the generation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from .service import Response, Service


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Answers every request from `service`, whatever the host in its URL.

    The request extension `simulator_speed` sets the events a second of one answer. Raises
    `httpx.ReadTimeout` and `httpx.ReadError` as a network would.
    """

    def __init__(self, service: Service | None = None) -> None:
        """Serve `service`, or a new one with its defaults."""
        self._service = service or Service()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; returns when the headers would arrive."""
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        limit = request.extensions.get("timeout", {}).get("read")
        if trace := request.extensions.get("trace"):  # as httpcore tells of it
            await trace("http11.send_request_body.complete", {"return_value": None})
        try:
            async with asyncio.timeout(limit):
                response = await self._service.respond(
                    request.method,
                    request.url.path,
                    headers,
                    body,
                    speed=request.extensions.get("simulator_speed"),
                )
        except TimeoutError:
            raise httpx.ReadTimeout("the simulator was silent for too long", request=request) from None
        return httpx.Response(
            response.status,
            headers=list(response.headers),
            stream=_Body(response, request, limit),
            extensions={"http_version": b"HTTP/1.1"},
        )


class _Body(httpx.AsyncByteStream):
    """The events of one response; forwards closing to the generation."""

    def __init__(self, response: Response, request: httpx.Request, limit: float | None) -> None:
        self._events = response.body
        self._request = request
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._limit):
                    event = await anext(self._events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise httpx.ReadTimeout(
                    "the simulator was silent for too long", request=self._request
                ) from None
            except ConnectionResetError:
                raise httpx.ReadError("the simulator broke the connection", request=self._request) from None
            yield event

    async def aclose(self) -> None:
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()
