"""A service on loopback that says what a test tells it to, when the test tells it; and a beacon."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30  # s


class Answering:
    """One request that is being answered: each call sends one event at once."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.model = "kimi-k2-thinking"
        self.events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.status = 200
        self.over = False

    def think(self, text: str, index: int = 0) -> None:
        self._send({"reasoning_content": text}, index)

    def say(self, text: str, index: int = 0) -> None:
        self._send({"content": text}, index)

    def end(self, finish: str = "stop", count: int = 1) -> None:
        """The end of `count` answers."""
        for index in range(count):
            self._send({}, index, finish)
        self.events.put(b"data: [DONE]\n\n")
        self.leave()

    def fail(self, message: str) -> None:
        """An error object in the stream, then the end."""
        self._put({"error": {"message": message, "type": "server_error"}})
        self.leave()

    def refuse(self, status: int, message: str, kind: str = "invalid_request_error") -> None:
        """An error instead of an answer; only before the first event."""
        self.status = status
        self.events.put(json.dumps({"error": {"message": message, "type": kind}}).encode())
        self.leave()

    def leave(self) -> None:
        """No more bytes."""
        if not self.over:
            self.over = True
            self.events.put(None)

    def _send(self, delta: dict[str, str], index: int, finish: str | None = None) -> None:
        self._put(
            {
                "id": "cmpl-0123456789abcdef0123456789abcdef", "object": "chat.completion.chunk",
                "created": 1764000000, "model": self.model,
                "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
            }
        )  # fmt: skip

    def _put(self, body: dict[str, Any]) -> None:
        self.events.put(b"data: " + json.dumps(body).encode() + b"\n\n")


class Speaker:
    """The service. A test takes each request and answers it; the same at any speed of the machine."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._requests: queue.SimpleQueue[Answering] = queue.SimpleQueue()
        self._all: list[Answering] = []

    def hear(self, body: dict[str, Any]) -> Answering:
        answering = Answering(body)
        self._all.append(answering)
        self._requests.put(answering)
        return answering

    def asked(self) -> Answering:
        """The next request."""
        try:
            return self._requests.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("no request came") from None

    def hush(self) -> None:
        """End what is still being answered, and forget what nobody took."""
        for answering in self._all:
            answering.leave()
        self._all.clear()
        with suppress(queue.Empty):
            while True:
                self._requests.get_nowait()


class Beacon:
    """Records whoever calls: nobody ever should."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.heard: list[str] = []


@contextmanager
def speaking() -> Iterator[Speaker]:
    """The service, on a free port."""

    class Handler(_Quiet):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answering = speaker.hear(body)
            event = answering.events.get()
            self.send_response(answering.status)
            kind = "text/event-stream" if answering.status == 200 else "application/json"
            self.send_header("Content-Type", kind)
            self.end_headers()
            with suppress(ConnectionError):  # the client may stop listening
                while event is not None:
                    self.wfile.write(event)
                    event = answering.events.get()

    with _served(Handler) as port:
        speaker = Speaker(port)
        try:
            yield speaker
        finally:
            speaker.hush()


@contextmanager
def listening() -> Iterator[Beacon]:
    """The beacon, on a free port."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            beacon.heard.append(f"{self.command} {self.path}")
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
            thread.join(PATIENCE)
