"""The service over HTTP: one request in, batches of events out. The only room that knows HTTP and statuses.

Async, and bound to the one loop that first uses it; `bridge` owns that loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import httpx

from kimi_magic import __version__
from kimi_magic.client.connection import Connection
from kimi_magic.client.reading import Emit, read
from kimi_magic.client.refusals import CONNECT, SILENCE, status_error, transport_error
from kimi_magic.messages import Event, Request

__all__ = ["Client", "Connection"]

LARGEST_ERROR = 64 * 2**10  # bytes read of the body of an error


class Client:
    """The one shared `httpx.AsyncClient`, made at its first use.

    `transports` maps base URLs to transports that stand in for the network, as `httpx`'s `mounts` do.
    """

    def __init__(
        self, transports: Mapping[str, Callable[[], httpx.AsyncBaseTransport]] | None = None
    ) -> None:
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

    async def stream(self, connection: Connection, request: Request, emit: Emit) -> None:
        """Send `request` and emit the events of the answer, in batches as they are read.

        Returns when the answer is complete. Raises a `KimiError`: what arrived before it has been emitted.
        """
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        if connection.key:
            headers["Authorization"] = f"Bearer {connection.key.reveal()}"
        arrived = False

        def note(events: list[Event]) -> None:
            nonlocal arrived
            arrived = True
            emit(events)

        try:
            async with self.open().stream(
                "POST", f"{connection.base_url}/chat/completions", content=request.body(), headers=headers
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise status_error(response, await _explanation(response), connection)
                await read(response, connection, note)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise transport_error(error, connection, arrived) from None


async def _explanation(response: httpx.Response) -> bytes:
    """The body of an error, or the beginning of a very long one."""
    gathered = b""
    with contextlib.suppress(httpx.RequestError):  # half an explanation is better than none
        async for part in response.aiter_bytes():
            gathered += part
            if len(gathered) >= LARGEST_ERROR:
                break
    return gathered[:LARGEST_ERROR]
