"""The simulator inside the process: an httpx transport that needs no socket.

Each event of a stream is made when the reader asks for it and its time has come. A read time-out occurs as it
would on a socket, and closing the response ends the generation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from .profiles import has_profile
from .service import Responder, Response, Service


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Answers every request from a `Service`, whatever the host in its address.

    The request extension `simulator_speed` (a number, in events a second; 0: as fast as possible) is the
    speed of one request; without it the service's own speed counts. `simulator_profile` is the name of the
    provider that answers it, where no service was given; one without a profile is the default. Raises
    `httpx.ReadTimeout` and `httpx.ReadError` as a network would, and `ValueError` for a speed below 0.
    """

    def __init__(self, service: Responder | None = None) -> None:
        """Serve `service`, or one for each profile that is asked for."""
        self._service = service
        self._by_profile: dict[str, Service] = {}

    def _service_for(self, profile: str) -> Responder:
        if self._service is not None:
            return self._service
        if profile not in self._by_profile:
            self._by_profile[profile] = Service(profile=profile) if has_profile(profile) else Service()
        return self._by_profile[profile]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; returns when the headers would arrive."""
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        limit = request.extensions.get("timeout", {}).get("read")
        speed = request.extensions.get("simulator_speed")
        service = self._service_for(request.extensions.get("simulator_profile", ""))
        if trace := request.extensions.get("trace"):  # the events by which httpcore reports
            await trace("http11.send_request_body.complete", {"return_value": None})
        try:
            async with asyncio.timeout(limit):
                response = await service.respond(request.method, request.url.path, headers, body, speed=speed)
        except TimeoutError:
            raise httpx.ReadTimeout("the simulator was silent for too long", request=request) from None
        if trace:
            await trace("http11.receive_response_headers.complete", {"return_value": None})
        return httpx.Response(
            response.status,
            headers=list(response.headers),
            stream=_Body(response, request, limit),
            extensions={"http_version": b"HTTP/1.1"},
        )


class _Body(httpx.AsyncByteStream):
    """The events of one response; closing it ends the generation. `limit` in seconds for each event."""

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
