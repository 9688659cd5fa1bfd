"""The service over HTTP: one request in, batches of events out. The only package that knows HTTP.

Async, and bound to the one loop that first uses it; `bridge` owns that loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from kimi_magic.client.connection import Connection
from kimi_magic.client.reading import Emit, read
from kimi_magic.client.refusals import status_error, transport_error
from kimi_magic.client.retries import pause, requested_wait
from kimi_magic.client.transports import CONNECT_TIMEOUT, SILENCE_TIMEOUT, Transports
from kimi_magic.errors import KimiError, KimiStatusError, KimiStreamError
from kimi_magic.messages import Event, Request, Retrying, Sent, balance, model_names
from kimi_magic.timing import Mark

__all__ = ["SILENCE_TIMEOUT", "Client", "Connection"]

LARGEST_ERROR = 64 * 2**10  # bytes read of the body of an error


class Client:
    """Sends requests and reads answers, over connections that are kept open.

    `transports` make `httpx` transports that stand in for our own, by the way that requests travel: network,
    loopback or simulator; `attempts` is how often a request is sent at most, None for the number of its
    connection.
    """

    def __init__(
        self,
        transports: Mapping[str, Callable[[], httpx.AsyncBaseTransport]] | None = None,
        attempts: int | None = None,
    ) -> None:
        self._transports = Transports(transports or {})
        self._attempts = attempts

    def open(self, connection: Connection) -> None:
        """Make what a request over `connection` needs, before the first one waits for it.

        Raises:
            KimiConnectionError: The environment names a proxy or certificates that cannot be used.
        """
        self._transports.client(connection)

    async def aclose(self) -> None:
        """Close all connections. The client can be used again."""
        await self._transports.aclose()

    async def stream(
        self,
        connection: Connection,
        request: Request,
        emit: Emit,
        *,
        silence: float = SILENCE_TIMEOUT,
        mark: Callable[[Mark], None] = lambda _: None,
    ) -> None:
        """Send `request` and emit the events of the answer, in batches as they are read.

        Returns when the answer is complete. A request that may succeed later is sent again as long as nothing
        has arrived; `Retrying` says so. `silence` is how many seconds may pass between two pieces; `mark` is
        told the steps of the connection.

        Raises:
            KimiError: The request was refused, or the answer is not whole. What arrived before was emitted.
        """
        arrived = False

        def note(events: list[Event]) -> None:
            nonlocal arrived
            arrived = True
            emit(events)

        async def trace(step: str, _: object) -> None:
            # The names of httpcore's steps: https://www.encode.io/httpcore/extensions/#trace
            if step.endswith(".send_request_body.complete"):
                emit([Sent()])
            elif step.endswith(".receive_response_headers.complete"):
                mark("responded")
            elif step.endswith(".connect_tcp.started"):
                mark("connecting")
            elif step.endswith(".send_request_headers.started"):
                mark("connected")

        attempts = self._attempts or connection.attempts
        for attempt in range(1, attempts + 1):
            try:
                return await self._send(connection, request, note, silence, {"trace": trace})
            except (httpx.RequestError, httpx.InvalidURL) as error:
                failure = transport_error(error, connection, arrived, silence)
            except KimiError as error:
                failure = error
            wait = None if arrived or attempt == attempts else pause(failure, attempt)
            if wait is None:
                raise failure from None
            emit([Retrying(failure.message, wait, attempt + 1, attempts)])
            await asyncio.sleep(wait)
        return None

    async def models(self, connection: Connection) -> list[str]:
        """The names of the models that the service offers to this key.

        Raises:
            KimiModelError: The service has no list of models.
            KimiError: It refused the request, or sent no list.
        """
        body = await self._get(connection, "models")
        try:
            return model_names(body)
        except ValueError:
            excerpt = connection.excerpt(body, 80)
            raise KimiStreamError(f"{connection.host} sent no list of models, but: {excerpt}") from None

    async def balance(self, connection: Connection, path: str) -> float:
        """What is left in the account of the key, in the currency of the service, which has it at `path`.

        Raises:
            KimiError: The service refused the request, or sent no balance.
        """
        body = await self._get(connection, path)
        try:
            return balance(body)
        except ValueError:
            excerpt = connection.excerpt(body, 80)
            raise KimiStreamError(f"{connection.host} sent no balance, but: {excerpt}") from None

    async def _get(self, connection: Connection, path: str) -> bytes:
        """The body at `path`."""
        try:
            response = await self._transports.client(connection).get(
                f"{connection.base_url}/{path}",
                headers=_headers(connection),
                extensions={"simulator_profile": connection.provider},
            )
            if response.status_code != httpx.codes.OK:
                raise _refusal(response, response.content[:LARGEST_ERROR], connection)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise transport_error(error, connection, arrived=False) from None
        return response.content

    async def _send(
        self, connection: Connection, request: Request, emit: Emit, silence: float, extensions: dict[str, Any]
    ) -> None:
        if connection.is_simulated:
            extensions["simulator_speed"] = connection.speed
            extensions["simulator_profile"] = connection.provider
        async with self._transports.client(connection).stream(
            "POST",
            f"{connection.base_url}/chat/completions",
            content=request.body(),
            headers=_headers(connection),
            timeout=httpx.Timeout(silence, connect=CONNECT_TIMEOUT),
            extensions=extensions,
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise _refusal(response, await _explanation(response), connection, request.model)
            await read(response, connection, emit)


def _refusal(
    response: httpx.Response, body: bytes, connection: Connection, model: str = ""
) -> KimiStatusError:
    error = status_error(response, body, connection, model)
    error.retry_after = requested_wait(response.headers, error.message)
    return error


def _headers(connection: Connection) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
    if connection.key:
        headers["Authorization"] = f"Bearer {connection.key.reveal()}"
    return headers


async def _explanation(response: httpx.Response) -> bytes:
    """The body of an error, or the beginning of a very long one."""
    body = b""
    with contextlib.suppress(httpx.RequestError):  # half an explanation is better than none
        async for part in response.aiter_bytes():
            body += part
            if len(body) >= LARGEST_ERROR:
                break
    return body[:LARGEST_ERROR]
