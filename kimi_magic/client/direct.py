"""HTTP/1.1 straight to a host, as a transport of `httpx`: asyncio for the sockets, llhttp for the bytes.

httpx's own transport spends about a millisecond of CPU on a request, most of it in a pool that looks at all
its connections, and parses every piece of a body in Python. It remains where there is a proxy.

The body is read when somebody asks for more of it, one read of the socket at a time: until then the system
gathers what comes.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from kimi_magic.client.connection import KEEP_ALIVE, MOST_CONNECTIONS

MOST_OPEN = 384  # connections, with those that wait for the next request
ADDRESS_DELAY = 0.25  # s until the next address of a host is tried beside the first (RFC 8305)
# Bytes that bring neither a head nor a piece of a body: headers, trailers and extensions end somewhere.
LARGEST_HEAD = 128 * 2**10

_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\0\r\n]*")
# The leniencies are those of h11, which httpx uses: they concern servers that were written by hand.
_LENIENT = {
    "lenient_chunked_length": True,  # a Content-Length beside chunks, which count
    "lenient_optional_cr_before_lf": True,
    "lenient_spaces_after_chunk_size": True,
}
_PORTS = {"http": 80, "https": 443}

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]
Origin = tuple[str, str, int]


class DirectTransport(httpx.AsyncBaseTransport):
    """Sends requests over connections of its own, at most `MOST_CONNECTIONS` at once; the others wait.

    It reports to the `trace` of a request by the names that httpcore has for the steps. Bound to the loop
    that first uses it.
    """

    def __init__(self, certificates: ssl.SSLContext | None = None) -> None:
        """`certificates` are what hosts are verified by; without them there is only plain http."""
        self._certificates = certificates
        if certificates is not None:
            certificates.set_alpn_protocols(["http/1.1"])
        self._idle: defaultdict[Origin, list[_Line]] = defaultdict(list)  # the last one was used last
        self._lines: set[_Line] = set()  # all that are open
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`, and return the response as soon as its head is there.

        Raises:
            httpx.TransportError: By its kind what failed: to connect, to write, to read, or the protocol.
        """
        content = await request.aread()
        head = _head(request)
        timeouts = request.extensions.get("timeout", {})
        trace = request.extensions.get("trace", _no_trace)
        url = request.url
        origin = url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS.get(url.scheme, 0)
        await self._enter(timeouts.get("pool"))
        line: _Line | None = None
        try:
            line = self._reused(origin) or await self._connected(origin, timeouts.get("connect"), trace)
            await line.ask(head + content, timeouts, trace)
        except BaseException:
            if line is not None:
                line.abort()
            self._free.release()
            raise
        return httpx.Response(
            line.status,
            headers=line.headers,
            stream=_Body(line, timeouts.get("read"), lambda: self._release(origin, line)),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": line.reason},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for line in list(self._lines):
            line.abort()
        await asyncio.sleep(0)  # the loop closes the sockets when it turns

    async def _enter(self, seconds: float | None) -> None:
        """Wait until there are fewer than `MOST_CONNECTIONS` requests on their way."""
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are busy") from None

    def _reused(self, origin: Origin) -> _Line | None:
        """An open connection to `origin` that nobody uses. Those that were closed meanwhile are dropped."""
        idle = self._idle[origin]
        while idle:
            line = idle.pop()
            if line.take():
                return line
            line.abort()
        return None

    async def _connected(self, origin: Origin, seconds: float | None, trace: Trace) -> _Line:
        scheme, host, port = origin
        if scheme not in _PORTS or not host:
            raise httpx.UnsupportedProtocol(f"expected an address with http:// or https://, not {scheme}://")
        secure = scheme == "https"
        await trace("connection.connect_tcp.started", {})
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                _, line = await loop.create_connection(
                    lambda: _Line(loop, self._lines),
                    host,
                    port,
                    ssl=(self._certificates or ssl.create_default_context()) if secure else None,
                    server_hostname=host if secure else None,
                    happy_eyeballs_delay=ADDRESS_DELAY,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection") from None
        except (OSError, ValueError) as error:  # the latter for names that cannot be looked up
            raise httpx.ConnectError(str(error)) from error
        return line

    def _release(self, origin: Origin, line: _Line) -> None:
        """Keep the connection for the next request if its answer was read to its end, else close it."""
        self._free.release()
        if len(self._lines) <= MOST_OPEN and line.rest():
            self._idle[origin].append(line)
        else:
            line.abort()


def _head(request: httpx.Request) -> bytes:
    """The request line and the headers.

    Raises:
        httpx.LocalProtocolError: A header cannot be sent.
    """
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    for name, value in request.headers.raw:
        line = b"%b: %b" % (name, value.strip())
        if not _HEADER.fullmatch(line):
            raise httpx.LocalProtocolError(f"the header {name!r} cannot be sent as it is")
        lines.append(line)
    return b"\r\n".join((*lines, b"", b""))


async def _no_trace(_: str, __: dict[str, Any]) -> None:
    """Where nobody wants to know."""


class _Body(httpx.AsyncByteStream):
    """The body of a response, as it comes. Closing it ends the use of its connection."""

    def __init__(self, line: _Line, seconds: float | None, release: Callable[[], None]) -> None:
        self._line = line
        self._seconds = seconds
        self._release: Callable[[], None] | None = release

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._line.parts(self._seconds)

    async def aclose(self) -> None:
        if self._release is not None:
            release, self._release = self._release, None
            release()


class _Line(asyncio.Protocol):
    """One connection, with one request after the other. The methods `on_…` are called by the parser."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lines: set[_Line]) -> None:
        """`lines` are all that are open."""
        self._loop = loop
        self._lines = lines
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(**_LENIENT)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None  # while it rests
        self._is_writing = False
        self._begin()

    def _begin(self) -> None:
        """Nothing has come of the next answer."""
        self.status = 0
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._has_head = self._is_complete = self._has_more = self._stays_open = False
        self._failure: httpx.TransportError | None = None
        self._idle_size = 0  # bytes since the head, or the last piece of the body

    # What the transport does with it.

    async def ask(self, data: bytes, timeouts: dict[str, float | None], trace: Trace) -> None:
        """Send a request and wait for the head of the answer.

        Raises:
            httpx.TransportError: There is none.
        """
        assert self._transport is not None  # noqa: S101 - it is connected
        self._begin()
        await trace("http11.send_request_headers.started", {})
        self._transport.write(data)
        while self._is_writing and not self._has_come:  # some refuse before they have read all
            await self._wait(timeouts.get("write"), httpx.WriteTimeout)
        if not self._is_writing:
            await trace("http11.send_request_body.complete", {})
        while not self._has_head:
            if self._failure is not None:
                raise self._failure
            await self._wait(timeouts.get("read"), httpx.ReadTimeout)
        await trace("http11.receive_response_headers.complete", {})

    async def parts(self, seconds: float | None) -> AsyncIterator[bytes]:
        """The body; what one read of the socket brings is one part. `seconds` is how long to wait for each.

        Raises:
            httpx.TransportError: It is not whole.
        """
        while True:
            if self._parts:
                part = b"".join(self._parts)
                self._parts.clear()
                yield part
            elif self._is_complete:
                return
            elif self._failure is not None:
                raise self._failure
            else:
                cast("asyncio.Transport", self._transport).resume_reading()
                await self._wait(seconds, httpx.ReadTimeout)

    def rest(self) -> bool:
        """Wait for the next request. False where there can be none: the answer was not read to its end."""
        has_read_all = self._is_complete and not self._parts and not self._has_more
        if not has_read_all or not self._stays_open or self._is_writing or not self._is_open:
            return False
        self._timer = self._loop.call_later(KEEP_ALIVE, self.abort)
        return True

    def take(self) -> bool:
        """End the rest. False if the connection can no longer be used."""
        self._stop_timer()
        return self._is_open and not _is_readable(self._transport)

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # all has been handed to the system, or not
        self._lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lines.discard(self)
        self._parser = None  # which refers to this object
        if exc is None and self._has_head and not self._is_framed():
            self._is_complete = True
        self._fail(_failure(exc, has_head=self._has_head))
        self._stop_timer()

    def pause_writing(self) -> None:
        self._is_writing = True

    def resume_writing(self) -> None:
        self._is_writing = False
        self._wake()

    def data_received(self, data: bytes) -> None:
        if self._timer is not None or self._parser is None:  # nothing was asked
            self.abort()
            return
        self._idle_size += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._has_more = True
            self._fail(httpx.RemoteProtocolError(str(error) or type(error).__name__))
        if self._idle_size > LARGEST_HEAD and not self._is_complete:
            self._fail(httpx.RemoteProtocolError("headers without end"))
        if self._has_come and not self._is_complete:
            cast("asyncio.Transport", self._transport).pause_reading()
        self._wake()

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._has_more = self._has_more or self._is_complete

    def on_status(self, status: bytes) -> None:
        if not self._is_complete:
            self.reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._is_complete or self._parser is None:
            return
        self.status = self._parser.get_status_code()
        if 100 <= self.status < 200:  # only says that the answer will come
            self.reason, self.headers = b"", []
            return
        self._has_head = True
        self._idle_size = 0

    def on_body(self, body: bytes) -> None:
        if not self._is_complete:
            self._parts.append(body)
            self._idle_size = 0

    def on_message_complete(self) -> None:
        if self._has_head and not self._is_complete and self._parser is not None:
            self._is_complete = True
            self._stays_open = self._parser.should_keep_alive()

    # How it hangs together.

    @property
    def _is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def _has_come(self) -> bool:
        """Whether there is something to look at: the head, or that there will be none."""
        return self._has_head or self._failure is not None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_framed(self) -> bool:
        """Whether the answer says where it ends; else the end of the connection is its end."""
        for name, value in self.headers:
            word = name.lower()
            if word == b"content-length":
                return True
            if word == b"transfer-encoding" and value.lower().rstrip().endswith(b"chunked"):
                return True
        return False

    def _fail(self, failure: httpx.TransportError) -> None:
        if not self._is_complete:
            self._failure = self._failure or failure
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, seconds: float | None, kind: type[httpx.TimeoutException]) -> None:
        """Until something happens; raise `kind` where nothing does for so many seconds."""
        waiter = self._waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, _time_out, waiter, kind)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()


def _is_readable(transport: asyncio.Transport | None) -> bool:
    """Whether bytes or the end have come that the loop has not read yet; nobody waits for any."""
    socket = transport.get_extra_info("socket") if transport is not None else None
    if socket is None or socket.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _time_out(waiter: asyncio.Future[None], kind: type[httpx.TimeoutException]) -> None:
    if not waiter.done():
        waiter.set_exception(kind("nothing came in time"))


def _failure(error: Exception | None, *, has_head: bool) -> httpx.TransportError:
    """Why an answer is not whole, when its connection has ended."""
    if error is not None:
        return httpx.ReadError(str(error))
    if has_head:
        return httpx.RemoteProtocolError("peer closed connection without sending complete message body")
    return httpx.RemoteProtocolError("Server disconnected without sending a response.")
