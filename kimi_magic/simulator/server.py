"""The simulator over HTTP, for clients in other processes and for tests of real sockets.

A plain ASGI application on uvicorn (`pip install uvicorn`). It listens on loopback addresses only
and answers only requests whose `Host` names one, so that no web page can reach it under a name of its own. A
body that is too large is not read, and one that comes too slowly ends the connection; neither keeps other
clients waiting. Logs hold paths, counts and times, never keys or prompts.
"""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from .address import OFFLINE_KEY
from .refusals import RefusalError
from .service import MAX_BODY, Responder, Response, Service

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Log = Callable[[str], None]

BODY_TIMEOUT = 30.0  # s for a client to send a whole body; over loopback even the largest takes a second
LINGER_TIMEOUT = 1.0  # s for which the rest of a refused body is dropped, so that its sender sees the refusal
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOOPBACK_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_HOST = re.compile(
    r"(?:(?P<v4>[\d.]+)|\[(?P<v6>[\da-f:]+)\]|(?P<name>[a-z]+))(?::\d{1,5})?", re.IGNORECASE | re.ASCII
)
_PATHS = ("/v1/chat/completions", "/v1/models", "/v1/tokenizers/estimate-token-count", "/v1/users/me/balance")


HINT = f"set EVOLINK_BASE_URL to it and EVOLINK_API_KEY={OFFLINE_KEY}"


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    service: Responder | None = None,
    *,
    log: Log | None = print,
    hint: str = HINT,
) -> None:
    """Serve until SIGINT or SIGTERM; port 0 takes a free one. The first line of the log tells the address.

    `hint` says there how clients reach it; {base_url} in it is the address.

    Raises `ValueError` for a host that is not loopback, `OSError` for a port in use, `ImportError` without
    uvicorn.
    """
    with _listening(host, port) as (listener, base_url):
        server = _server(service or Service(), log, BODY_TIMEOUT, grace=1)
        with _stopping(server):
            if log is not None:
                say = _flushed(log)
                say(f"listening on {base_url} ({hint.format(base_url=base_url)})")
            server.run(sockets=[listener])


@contextmanager
def running(
    service: Responder | None = None, log: Log | None = None, *, body_timeout: float = BODY_TIMEOUT
) -> Iterator[str]:
    """Serve on a thread and a free port while the block runs; yields the base URL.

    `body_timeout` is the time in seconds in which a client must have sent its whole body.
    """
    with _listening("127.0.0.1", 0) as (listener, base_url):
        server = _server(service or Service(), log, body_timeout, grace=0)
        thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
        thread.start()
        try:
            yield base_url
        finally:
            server.should_exit = True
            thread.join()


def app(
    service: Responder, log: Log | None, body_timeout: float = BODY_TIMEOUT
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Build the ASGI application that answers from `service` and logs the begin and end of requests."""
    say = _flushed(log) if log is not None else _silent

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Exchange(service, scope, receive, send, say).run(body_timeout)

    return application


class _Exchange:
    """One request and its response."""

    def __init__(self, service: Responder, scope: Scope, receive: Receive, send: Send, say: Log) -> None:
        self._service = service
        self._scope = scope
        self._receive = receive
        self._send = send
        self._say = say
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"] if scope["path"] in _PATHS else "(unknown path)"
        self._title = f"{scope['method']} {path}"
        self._start = time.perf_counter()
        self._outcome = ""
        self._body_ended = asyncio.Event()

    async def run(self, body_timeout: float) -> None:
        """Answer while watching for the client to leave, and cancel the answer when it leaves."""
        self._say(f"{self._title} begins")
        body: bytes | RefusalError | None
        try:
            self._check_host()
            body = await self._read(body_timeout)
        except RefusalError as refusal:
            body = refusal
        except _DisconnectError:
            self._end("closed by the client")
            return
        answer = asyncio.ensure_future(self._answer(body))  # the first to run: see `_watch`
        disconnect = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait({answer, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_unfinished = not answer.done()
            ending = "closed by the client" if disconnect.done() else "stopped"
            answer.cancel()
            disconnect.cancel()
            with suppress(asyncio.CancelledError, ConnectionResetError):
                await answer
            if is_unfinished:
                self._end(ending)
        if is_unfinished:
            return
        error = answer.exception()
        if error is None:
            self._end("done")
            return
        is_reset = isinstance(error, ConnectionResetError)
        self._end("reset by a fault switch" if is_reset else f"failed ({type(error).__name__})")
        raise _AbortError from error

    def _check_host(self) -> None:
        """Refuse a request for another host: a web page may have pointed its own name at this machine.

        421 (RFC 9110, section 15.5.20) says that the request came to the wrong server. Unlike 403 it cannot
        be taken for a refusal of the key.
        """
        hosts = [value.decode("latin-1") for name, value in self._scope["headers"] if name == b"host"]
        if len(hosts) == 1 and is_loopback(hosts[0]):
            return
        wrong = ", ".join(hosts)[:80] or "none"
        raise RefusalError(
            421, f"the Host header must be localhost, 127.0.0.1 or [::1] with the port, but got {wrong}"
        )

    async def _read(self, body_timeout: float) -> bytes | None:
        """Return the body; None for one beyond the limit, of which no more is kept."""
        if int(self._headers.get("content-length", 0)) > MAX_BODY:
            return None
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(body_timeout):
                while not self._body_ended.is_set():
                    pieces.append(await self._next_piece())
                    size += len(pieces[-1])
                    if size > MAX_BODY:
                        return None
        except TimeoutError:
            message = f"the request body did not arrive within {body_timeout:g} seconds"
            raise RefusalError(408, message) from None
        return b"".join(pieces)

    async def _next_piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectError
        if not message.get("more_body", False):
            self._body_ended.set()
        piece: bytes = message.get("body", b"")
        return piece

    async def _watch(self) -> None:
        """Return when the client leaves; drop what it still sends of a refused body.

        A client that waits for "100 Continue" before it sends its body is told to begin by the first
        `receive`, unless the response has begun.
        """
        with suppress(_DisconnectError):
            while True:
                await self._next_piece()

    async def _answer(self, body: bytes | RefusalError | None) -> None:
        if isinstance(body, RefusalError):
            response = self._service.refuse(body)
        else:
            response = await self._service.respond(
                self._scope["method"], self._scope["path"], self._headers, body
            )
        headers = [(name.encode(), value.encode("latin-1")) for name, value in response.headers]
        if not self._body_ended.is_set():
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self._pour(response)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_TIMEOUT):
                await self._body_ended.wait()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pour(self, response: Response) -> None:
        """Send the body of a response as it comes."""
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


class _DisconnectError(Exception):
    """Raised where a body was to be read and the client has left."""


class _AbortError(Exception):
    """Raised out of the application to make the server drop the connection without an end."""


def is_loopback(host: str) -> bool:
    """Return whether a `Host` header names this machine: localhost, 127.0.0.0/8 or [::1], with any port."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    if match["name"]:
        return match["name"].lower() == "localhost"
    try:
        address = ip_address(match["v6"] or match["v4"])
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK_NETWORKS)


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


def _server(service: Responder, log: Log | None, body_timeout: float, *, grace: int) -> uvicorn.Server:
    try:
        import uvicorn
    except ImportError:
        raise ImportError("serving needs uvicorn: pip install uvicorn") from None
    config = uvicorn.Config(
        app(service, log, body_timeout),
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
    """Let SIGINT and SIGTERM end the server and nothing else: at its end uvicorn raises them again."""
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
