"""The service over HTTP: one request in, batches of events out. The only room that knows HTTP and statuses.

Async, and bound to the one loop that first uses it; `bridge` owns that loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import httpx

from kimi_magic import __version__
from kimi_magic.client.connection import Connection
from kimi_magic.client.reading import Emit, read
from kimi_magic.client.refusals import CONNECT, SILENCE, status_error, transport_error
from kimi_magic.client.retries import ATTEMPTS, asked_wait, pause
from kimi_magic.errors import KimiError, KimiStatusError, KimiStreamError
from kimi_magic.messages import Event, Request, Retrying, Sent, model_names

__all__ = ["SILENCE", "Client", "Connection"]

LARGEST_ERROR = 64 * 2**10  # bytes read of the body of an error
_Trace = Callable[[str, object], Awaitable[None]]


class Client:
    """The one shared `httpx.AsyncClient`, made at its first use.

    `transports` maps base URLs to transports that stand in for the network, as `httpx`'s `mounts` do;
    `attempts` is how often a request is sent at most.
    """

    def __init__(
        self,
        transports: Mapping[str, Callable[[], httpx.AsyncBaseTransport]] | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._attempts = attempts
        self._transports = dict(transports or {})
        self._http: httpx.AsyncClient | None = None

    def open(self) -> httpx.AsyncClient:
        """The client; making it takes some 50 ms, most of it for TLS certificates."""
        if self._http is None:
            self._http = httpx.AsyncClient(
                timeout=httpx.Timeout(SILENCE, connect=CONNECT),
                headers={"User-Agent": f"kimi_magic/{__version__}"},
                mounts={prefix: make() for prefix, make in self._transports.items()},
            )
        return self._http

    async def aclose(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()

    async def stream(
        self, connection: Connection, request: Request, emit: Emit, *, silence: float = SILENCE
    ) -> None:
        """Send `request` and emit the events of the answer, in batches as they are read.

        Returns when the answer is complete. Raises a `KimiError`: what arrived before it has been emitted.
        What may succeed is tried again as long as nothing has arrived; `Retrying` tells of it. `silence` is
        how many seconds may pass between two pieces of the answer.
        """
        heard = False

        async def trace(what: str, _: object) -> None:
            # What httpcore calls its steps: https://www.encode.io/httpcore/extensions/#trace
            if what.endswith(".send_request_body.complete"):
                emit([Sent()])

        def note(events: list[Event]) -> None:
            nonlocal heard
            heard = True
            emit(events)

        for attempt in range(1, self._attempts + 1):
            try:
                return await self._send(connection, request, note, silence, trace)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                failure = transport_error(error, connection, heard, silence)
            except KimiError as error:
                failure = error
            wait = None if heard or attempt == self._attempts else pause(failure, attempt)
            if wait is None:
                raise failure from None
            emit([Retrying(failure.message, wait, attempt + 1, self._attempts)])
            await asyncio.sleep(wait)
        return None

    async def models(self, connection: Connection) -> list[str]:
        """The names of the models that the host offers to this key; `KimiModelError` where it has no list."""
        try:
            response = await self.open().get(f"{connection.base_url}/models", headers=_headers(connection))
            if response.status_code != httpx.codes.OK:
                raise self._refusal(response, response.content[:LARGEST_ERROR], connection)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise transport_error(error, connection, arrived=False) from None
        try:
            return model_names(response.content)
        except ValueError:
            excerpt = connection.excerpt(response.content, 80)
            raise KimiStreamError(f"{connection.host} sent no list of models, but: {excerpt}") from None

    async def _send(
        self, connection: Connection, request: Request, emit: Emit, silence: float, trace: _Trace
    ) -> None:
        async with self.open().stream(
            "POST",
            f"{connection.base_url}/chat/completions",
            content=request.body(),
            headers=_headers(connection),
            timeout=httpx.Timeout(silence, connect=CONNECT),
            extensions={"trace": trace},
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise self._refusal(response, await _explanation(response), connection, request.model)
            await read(response, connection, emit)

    @staticmethod
    def _refusal(
        response: httpx.Response, body: bytes, connection: Connection, model: str = ""
    ) -> KimiStatusError:
        error = status_error(response, body, connection, model)
        error.retry_after = asked_wait(response.headers, error.message)
        return error


def _headers(connection: Connection) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
    if connection.key:
        headers["Authorization"] = f"Bearer {connection.key.reveal()}"
    return headers


async def _explanation(response: httpx.Response) -> bytes:
    """The body of an error, or the beginning of a very long one."""
    gathered = b""
    with contextlib.suppress(httpx.RequestError):  # half an explanation is better than none
        async for part in response.aiter_bytes():
            gathered += part
            if len(gathered) >= LARGEST_ERROR:
                break
    return gathered[:LARGEST_ERROR]
