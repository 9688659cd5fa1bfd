"""The service over HTTP: one request in, batches of events out. The only package that knows HTTP.

Async, and bound to the one loop that first uses it; `bridge` owns that loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from kimi_magic._version import __version__
from kimi_magic.client.connection import Connection
from kimi_magic.client.reading import Emit, check_coding, parts, read
from kimi_magic.client.refusals import status_error, transport_error
from kimi_magic.client.retries import in_words, pause, requested_wait
from kimi_magic.client.substitutes import Substitutes
from kimi_magic.client.transports import CONNECT_TIMEOUT, SILENCE_TIMEOUT, Bearer, Transports
from kimi_magic.errors import KimiError, KimiRequestError, KimiStatusError, KimiStreamError, KimiUsageError
from kimi_magic.messages import Event, Noticed, Recorded, Request, Retrying, Sent, balance, model_names
from kimi_magic.timing import Mark

if TYPE_CHECKING:
    from kimi_magic.client.recordings import Recorder

T = TypeVar("T")

__all__ = ["SILENCE_TIMEOUT", "Client", "Connection"]

LARGEST_LIST = 4 * 2**20  # bytes read of a list of models, or of what is left in an account
SHORTEST_CONNECT_TIMEOUT = 0.1  # s that an attempt gets when the time is up
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
    "Content-Type": "application/json",
    "User-Agent": f"kimi_magic/{__version__}",
}
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
        self._substitutes = Substitutes()

    def open(self, connection: Connection) -> None:
        """Make what a request over `connection` needs, before the first one waits for it.

        Raises:
            KimiConnectionError: The environment names a proxy or certificates that cannot be used.
        """
        self._transports.open(connection)

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
        has arrived; `Retrying` says so. `silence` is how many seconds may pass before and between two pieces
        of the answer; comments that keep the connection open are none. `mark` is told the steps of the
        connection.

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

        async def attempt(connect_timeout: float) -> None:
            limits = httpx.Timeout(silence, connect=connect_timeout)
            has_learned = False
            while True:  # each round leaves out one field more
                sent = self._substitutes.apply(connection, request)
                try:
                    return await self._send(
                        connection, sent, note, limits, {"trace": trace}, original=request
                    )
                except KimiRequestError as error:
                    if not arrived and (notice := self._substitutes.learn(connection, sent, error)):
                        emit([Noticed(notice)])
                        has_learned = True
                        continue
                    if has_learned:
                        self._substitutes.forget(connection, request)
                    raise

        await self._repeat(attempt, connection, silence, lambda: arrived, emit)

    async def models(self, connection: Connection, *, silence: float = SILENCE_TIMEOUT) -> list[str]:
        """The names of the models that the service offers to this key. It is asked again as `stream` is.

        Raises:
            KimiModelError: The service has no list of models.
            KimiError: It refused the request, or sent no list.
        """
        return await self._get(connection, "/models", model_names, "list of models", silence)

    async def balance(self, connection: Connection, path: str, *, silence: float = SILENCE_TIMEOUT) -> float:
        """What is left in the account of the key, in the currency of the service, which has it at `path`.

        Raises:
            KimiError: The service refused the request, or sent no balance.
        """
        return await self._get(connection, path, balance, "balance", silence)

    async def _get(
        self,
        connection: Connection,
        path: str,
        parse: Callable[[bytes], T],
        what: str,
        silence: float,
    ) -> T:
        """What `parse` makes of the body at `path`; `what` it is, for errors."""
        found: list[T] = []

        async def attempt(connect_timeout: float) -> None:
            timeout = httpx.Timeout(silence, connect=connect_timeout)
            with self._transports.client(connection) as client:
                request = _request(connection, path, timeout, {"simulator_profile": connection.provider})
                async with _response(client, request, connection) as response:
                    check_coding(response, connection)
                    body = await _explanation(response, LARGEST_LIST)
            if not response.is_success:
                raise _refusal(response, body[:LARGEST_ERROR], connection)
            try:
                found.append(parse(body))
            except ValueError:
                raise KimiStreamError(
                    f"{connection.host} sent no {what}, but: {connection.excerpt(body, 80)}",
                    hint=f"Check the base URL with {{@settings}}; it is {connection.place}",
                ) from None

        await self._repeat(attempt, connection, silence, lambda: False, lambda _: None)
        return found[0]

    async def _repeat(
        self,
        attempt: Callable[[float], Awaitable[None]],
        connection: Connection,
        silence: float,
        has_arrived: Callable[[], bool],
        emit: Emit,
    ) -> None:
        """Call `attempt` with the seconds that connecting may take, again where that may help.

        One deadline of `silence` seconds holds for the beginnings of all attempts together.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + silence
        attempts = self._attempts or connection.attempts
        for number in range(1, attempts + 1):
            connect_timeout = min(CONNECT_TIMEOUT, max(deadline - clock(), SHORTEST_CONNECT_TIMEOUT))
            try:
                return await attempt(connect_timeout)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                failure = transport_error(error, connection, has_arrived(), silence, connect_timeout)
            except KimiError as error:
                failure = error
            wait = None if has_arrived() or number == attempts else pause(failure, number)
            if wait is None or clock() + wait >= deadline:
                if not has_arrived() and isinstance(failure, KimiStatusError) and failure.retry_after:
                    failure.hint = f"It asks to wait {in_words(failure.retry_after)}. {failure.hint}"
                raise failure from None
            emit([Retrying(failure.message, wait, number + 1, attempts)])
            await asyncio.sleep(wait)
        return None

    async def _send(
        self,
        connection: Connection,
        request: Request,
        emit: Emit,
        limits: httpx.Timeout,
        extensions: dict[str, Any],
        *,
        original: Request,
    ) -> None:
        """Send one request; `original` is what it was before fields were left out, which a recording has."""
        started = monotonic()
        if not connection.is_paid:
            extensions["simulator_speed"] = connection.speed
            extensions["simulator_profile"] = connection.provider
        with self._transports.client(connection) as client:
            sent = _request(connection, "/chat/completions", limits, extensions, request.body())
            async with _response(client, sent, connection) as response:
                check_coding(response, connection)
                if not response.is_success:  # 201 and 203 with an answer are answers
                    body = await _explanation(response, LARGEST_ERROR)
                    if connection.is_recorded:
                        raise _not_recorded(body)
                    raise _refusal(response, body, connection, request.model)
                if seconds := recorded_seconds(response, connection):
                    emit([Recorded(seconds)])
                recorder = recorder_of(connection, original, response, started)
                await read(
                    response,
                    connection,
                    emit,
                    silence=limits.read or SILENCE_TIMEOUT,
                    count=request.n or 1,
                    model=request.model,
                )
                if recorder is not None and (fault := recorder.write()):
                    emit([Noticed(fault)])


@lru_cache(maxsize=64)  # reading an address takes as long as reading an answer
def _head(address: str) -> tuple[httpx.URL, tuple[tuple[str, str], ...]]:
    """An address as `httpx` has it, and the headers of requests to it."""
    url = httpx.URL(address)
    return url, (("Host", url.netloc.decode("ascii")), *_HEADERS.items())


def _request(
    connection: Connection,
    path: str,
    timeout: httpx.Timeout,
    extensions: dict[str, Any],
    body: bytes | None = None,
) -> httpx.Request:
    """A request with `body`, or for what is there. What `httpx` merges for each, cookies too, is left out."""
    url, headers = _head(connection.url(path))
    return httpx.Request(
        "GET" if body is None else "POST",
        url,
        headers=headers if body is None else (*headers, ("Content-Length", str(len(body)))),
        stream=httpx.ByteStream(body or b""),
        extensions={**extensions, "timeout": timeout.as_dict()},
    )


@contextlib.asynccontextmanager
async def _response(
    client: httpx.AsyncClient, request: httpx.Request, connection: Connection
) -> AsyncIterator[httpx.Response]:
    """The response, of which the head is there; closed when the block ends."""
    response = await client.send(request, auth=Bearer(connection), stream=True)
    try:
        yield response
    finally:
        await response.aclose()


def _not_recorded(body: bytes) -> KimiError:
    """The error of a request that a recording does not hold, in its own words."""
    from kimi_magic.client.recordings import UNKNOWN_HINT

    return KimiUsageError(json.loads(body)["error"]["message"], hint=UNKNOWN_HINT)


def recorded_seconds(response: httpx.Response, connection: Connection) -> float:
    """How long the answer took when it was recorded; 0 where it comes from elsewhere."""
    from kimi_magic.client.recordings import SECONDS_HEADER

    return float(response.headers[SECONDS_HEADER]) if connection.is_recorded else 0.0


def recorder_of(
    connection: Connection, request: Request, response: httpx.Response, started: float
) -> Recorder | None:
    """What keeps the answer for the file that the connection names; None where it names none."""
    if not connection.record:
        return None
    from kimi_magic.client.recordings import Recorder

    return Recorder(connection, request, response, started)


def _refusal(
    response: httpx.Response, body: bytes, connection: Connection, model: str = ""
) -> KimiStatusError:
    error = status_error(response, body, connection, model)
    error.retry_after = requested_wait(response.headers, error.message)
    return error


async def _explanation(response: httpx.Response, limit: int) -> bytes:
    """The body of an error or of a list, or its first `limit` bytes."""
    body = bytearray()
    with contextlib.suppress(httpx.RequestError):  # half an explanation is better than none
        async for part in parts(response):
            body += part
            if len(body) >= limit:
                break
    return bytes(body[:limit])
