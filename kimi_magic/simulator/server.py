"""The simulator over HTTP, for clients in other processes and for tests of real sockets.

A plain ASGI application on uvicorn (`pip install 'kimi_magic[serve]'`). It binds loopback addresses only:
it is a stand-in, not a service. Logs hold paths, counts and times, never keys or prompts.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .offline import OFFLINE_KEY
from .service import MAX_BODY, Response, Service

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Log = Callable[[str], None]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATHS = ("/v1/chat/completions", "/v1/models", "/v1/tokenizers/estimate-token-count", "/v1/users/me/balance")


def serve(
    host: str = "127.0.0.1", port: int = 0, service: Service | None = None, *, log: Log | None = print
) -> None:
    """Serve until SIGINT or SIGTERM; port 0 takes a free one. The first line logged tells the address.

    Raises `ValueError` for a host that is not loopback, `OSError` for a port in use, `ImportError` without
    uvicorn.
    """
    with _listening(host, port) as (listener, base_url):
        server = _server(service or Service(), log, grace=1)
        with _stopping(server):
            if log is not None:
                say = _flushed(log)
                say(f"listening on {base_url} (set EVOLINK_BASE_URL to it and EVOLINK_API_KEY={OFFLINE_KEY})")
            server.run(sockets=[listener])


@contextmanager
def running(service: Service | None = None, log: Log | None = None) -> Iterator[str]:
    """Serve on a thread and a free port while the block runs; yields the base URL."""
    with _listening("127.0.0.1", 0) as (listener, base_url):
        server = _server(service or Service(), log, grace=0)
        thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
        thread.start()
        try:
            yield base_url
        finally:
            server.should_exit = True
            thread.join()


def app(service: Service, log: Log | None) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Make the ASGI application that answers from `service` and logs the begin and end of requests."""
    say = _flushed(log) if log is not None else _silent

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Exchange(service, scope, receive, send, say).run()

    return application


class _Exchange:
    """One request and its response."""

    def __init__(self, service: Service, scope: Scope, receive: Receive, send: Send, say: Log) -> None:
        self._service = service
        self._scope = scope
        self._receive = receive
        self._send = send
        self._say = say
        path = scope["path"] if scope["path"] in _PATHS else "(unknown path)"
        self._title = f"{scope['method']} {path}"
        self._start = time.perf_counter()
        self._outcome = ""

    async def run(self) -> None:
        """Answer while listening for the client's leaving, and cancel the answer when it leaves."""
        self._say(f"{self._title} begins")
        body = await self._read()
        if body is None:
            self._end("closed by the client")
            return
        answer = asyncio.ensure_future(self._answer(body))
        gone = asyncio.ensure_future(self._disconnected())
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left = not answer.done()
            ending = "closed by the client" if gone.done() else "stopped"
            answer.cancel()
            gone.cancel()
            with suppress(asyncio.CancelledError, ConnectionResetError):
                await answer
            if left:
                self._end(ending)
        if left:
            return
        if answer.exception() is not None:
            self._end("reset by a fault switch")
            raise _AbortError
        self._end("done")

    async def _read(self) -> bytes | None:
        """Return the body, or None if the client left; of a body beyond the limit only the beginning."""
        pieces: list[bytes] = []
        kept = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            piece = message.get("body", b"")[: MAX_BODY + 1 - kept]
            pieces.append(piece)
            kept += len(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _answer(self, body: bytes) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._scope["headers"]}
        response = await self._service.respond(self._scope["method"], self._scope["path"], headers, body)
        await self._send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [(name.encode(), value.encode("latin-1")) for name, value in response.headers],
            }
        )
        await self._pour(response)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pour(self, response: Response) -> None:
        kind = dict(response.headers).get("content-type", "")
        stream = kind == "text/event-stream"
        sent = 0
        name = "stream" if stream else "html" if kind == "text/html" else "text" if "text" in kind else "json"
        self._outcome = f"{response.status} {name} 0 {'chunks' if stream else 'bytes'}"
        try:
            async for piece in response.body:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                sent += 1 if stream else len(piece)
                self._outcome = f"{response.status} {name} {sent} {'chunks' if stream else 'bytes'}"
        finally:
            close = getattr(response.body, "aclose", None)
            if close is not None:
                await close()

    def _end(self, how: str) -> None:
        seconds = time.perf_counter() - self._start
        outcome = f" {self._outcome}" if self._outcome else ""
        self._say(f"{self._title}{outcome} in {seconds:.2f} s, {how}")


class _AbortError(Exception):
    """Raised out of the application to make the server drop the connection without an end."""


@contextmanager
def _listening(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    if host not in _LOOPBACK:
        raise ValueError(
            f"the simulator serves loopback addresses only ({', '.join(_LOOPBACK)}), not {host!r}"
        )
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)  # from here on a client may connect; uvicorn takes the queue over
        shown = "[::1]" if host == "::1" else "127.0.0.1"
        yield listener, f"http://{shown}:{listener.getsockname()[1]}/v1"


def _server(service: Service, log: Log | None, grace: int) -> uvicorn.Server:
    try:
        import uvicorn
    except ImportError:
        raise ImportError("serving needs uvicorn: pip install 'kimi_magic[serve]'") from None
    config = uvicorn.Config(
        app(service, log),
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        log_level="critical",  # a fault that drops the connection would be reported as a crash
        server_header=False,
        timeout_graceful_shutdown=grace,
    )
    return uvicorn.Server(config)


@contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the server, and nothing else: uvicorn raises them once more at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _flushed(log: Log) -> Log:
    if log is not print:
        return log
    return lambda line: print(line, flush=True)  # noqa: T201  # the line is the product


def _silent(_: str) -> None:
    pass
