"""A service on loopback that a test works by hand: it sends what the test says, when the test says it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TIMEOUT = 60  # s until a request that should have come long ago counts as not coming


class Exchange:
    """One request and its answer, of which each call sends one event at once."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.model = "kimi-k2-thinking"
        self.events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()  # None: no more
        self.status = 200
        self.closed = False

    def send_reasoning(self, text: str, index: int = 0) -> None:
        self._send({"reasoning_content": text}, index)

    def send_text(self, text: str, index: int = 0) -> None:
        self._send({"content": text}, index)

    def finish(self, finish_reason: str = "stop", count: int = 1) -> None:
        """Send the end of `count` choices, and the end of the stream."""
        for index in range(count):
            self._send({}, index, finish_reason)
        self.events.put(b"data: [DONE]\n\n")
        self.close()

    def send_error(self, message: str) -> None:
        """Send an error object in the stream, and no more."""
        self._put({"error": {"message": message, "type": "server_error"}})
        self.close()

    def refuse(self, status: int, message: str, kind: str = "invalid_request_error") -> None:
        """Send an error instead of an answer; only before the first event."""
        self.status = status
        self.events.put(json.dumps({"error": {"message": message, "type": kind}}).encode())
        self.close()

    def close(self) -> None:
        """Close the connection after what was sent."""
        if not self.closed:
            self.closed = True
            self.events.put(None)

    def _send(self, delta: dict[str, str], index: int, finish_reason: str | None = None) -> None:
        self._put(
            {
                "id": "cmpl-0123456789abcdef0123456789abcdef", "object": "chat.completion.chunk",
                "created": 1764000000, "model": self.model,
                "choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}],
            }
        )  # fmt: skip

    def _put(self, body: dict[str, Any]) -> None:
        self.events.put(b"data: " + json.dumps(body).encode() + b"\n\n")


class ManualService:
    """The service. A test takes each request and answers it: the same at any speed of the machine."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._waiting: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        self._all: list[Exchange] = []

    def receive(self, body: dict[str, Any]) -> Exchange:
        """Take in a request, for the test that waits for it."""
        exchange = Exchange(body)
        self._all.append(exchange)
        self._waiting.put(exchange)
        return exchange

    def next_request(self) -> Exchange:
        """Wait for the next request."""
        try:
            return self._waiting.get(timeout=TIMEOUT)
        except queue.Empty:
            raise AssertionError(f"no request came within {TIMEOUT} s") from None

    @property
    def count(self) -> int:
        """How many requests have come since the last `reset`."""
        return len(self._all)

    def reset(self) -> None:
        """Close what is still being answered, and forget what no test has taken."""
        for exchange in self._all:
            exchange.close()
        self._all.clear()
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()


class Beacon:
    """An address that nothing may ever be fetched from; it keeps the requests that came all the same."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.requests: list[str] = []


@contextmanager
def manual_service() -> Iterator[ManualService]:
    """Serve on a free port while the block runs."""

    class Handler(_Quiet):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            exchange = service.receive(body)
            event = exchange.events.get()
            self.send_response(exchange.status)
            kind = "text/event-stream" if exchange.status == 200 else "application/json"
            self.send_header("Content-Type", kind)
            self.end_headers()
            with suppress(ConnectionError):  # the client may stop listening
                while event is not None:
                    self.wfile.write(event)
                    event = exchange.events.get()

    with _served(Handler) as port:
        service = ManualService(port)
        try:
            yield service
        finally:
            service.reset()


@contextmanager
def running_beacon() -> Iterator[Beacon]:
    """Listen on a free port while the block runs."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            beacon.requests.append(f"{self.command} {self.path}")
            self.send_response(204)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def do_OPTIONS(self) -> None:
            self.do_GET()

    with _served(Handler) as port:
        beacon = Beacon(port)
        yield beacon


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(TIMEOUT)
