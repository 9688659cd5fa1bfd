"""The other end for tests: a server that records what it gets, and a loop whose clock does not wait."""

from __future__ import annotations

import asyncio
import json
import queue
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import pytest

from kimi_magic.messages import Event
from tests.turns import Growing

T = TypeVar("T")
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "model": "kimi-k2-thinking",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Four.", "reasoning_content": "Two and two."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 9, "total_tokens": 20},
}


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.content)

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


class Recorder:
    """An HTTP server on loopback that gives every request the same answer, and keeps the requests.

    It takes its port at once, but accepts nobody before `start`.
    """

    def __init__(
        self, status: int = 200, headers: dict[str, str] | None = None, body: object = ANSWER
    ) -> None:
        self.requests: list[Got] = []
        self._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("content-length", 0))
                lower = {name.lower(): value for name, value in self.headers.items()}
                recorder.requests.append(Got(self.command, self.path, lower, self.rfile.read(length)))
                refusal = recorder.refusal(recorder.requests[-1])
                content = refusal or recorder.answer()
                self.send_response(400 if refusal else status)
                for name, value in {"content-type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.server_bind()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.base_url = f"http://{self.host}/v1"

    def answer(self) -> bytes:
        """The body of the next answer."""
        return self._content

    def refusal(self, got: Got) -> bytes:
        """The body with which a request is refused (400); empty if it is not."""
        return b""

    def start(self) -> None:
        self._server.server_activate()
        self._thread.start()

    def __enter__(self) -> Recorder:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Give the port back at the end, whether or not anybody started."""
        try:
            yield
        finally:
            self._close()

    def _close(self) -> None:
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    @property
    def only(self) -> Got:
        """The one request that came."""
        (request,) = self.requests
        return request


class Scripted(Recorder):
    """A recorder that streams a list of answers, one for each request; the last one again and again.

    An answer is a text, or what `streamed` makes.
    """

    def __init__(self, *answers: str | bytes) -> None:
        super().__init__(headers={"content-type": "text/event-stream"})
        self.say(*answers)

    def say(self, *answers: str | bytes) -> None:
        """Give these from now on; forget what was asked."""
        self._answers = [each if isinstance(each, bytes) else streamed(each) for each in answers]
        self.requests.clear()

    def answer(self) -> bytes:
        """The body of the next answer."""
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Choosy(Scripted):
    """A scripted service that takes a schema in one way only: "json_schema", "tools" or "prompt".

    `words` is what it says of a request for a schema in another way.
    """

    def __init__(
        self, takes: str, *answers: str | bytes, words: str = "response_format is not supported"
    ) -> None:
        super().__init__(*answers)
        self._takes, self._words = takes, words

    def refusal(self, got: Got) -> bytes:
        """The body with which a request is refused (400); empty if it is not."""
        form = got.body.get("response_format", {}).get("type", "")
        unfit = (form == "json_schema" and self._takes != "json_schema") or (
            "tools" in got.body and self._takes != "tools"
        )
        error = {"error": {"message": self._words, "type": "invalid_request_error"}}
        return json.dumps(error).encode() if unfit else b""


def streamed(
    *texts: str,
    thought: str = "They want JSON.",
    finish: str = "stop",
    tokens: tuple[int, int] | None = (100, 20),
    size: int = 9,
    tool_calls: list[dict[str, Any]] | None = None,
) -> bytes:
    """A stream in which each of `texts` is an answer, in pieces of `size` characters.

    `tokens` are those of the prompt and of the answer.
    """
    chunks: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        said = [{"content": text[at : at + size]} for at in range(0, len(text), size)]
        calls = [{"tool_calls": tool_calls}] if tool_calls else []
        deltas = [{"reasoning_content": thought}, *said, *calls]
        chunks += [{"choices": [{"index": index, "delta": delta}]} for delta in deltas]
        chunks.append({"choices": [{"index": index, "delta": {}, "finish_reason": finish}]})
    if tokens:
        prompt, completion = tokens
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": sum(tokens)}
        chunks.append({"choices": [], "usage": usage})
    named = [{"id": "c1", "model": "kimi-k2-thinking", **chunk} for chunk in chunks]
    events = [*(json.dumps(chunk).encode() for chunk in named), b"[DONE]"]
    return b"".join(b"data: " + event + b"\n\n" for event in events)


def delta(index: int = 0, *, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk with one delta of choice `index`."""
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def stream(*chunks: dict[str, Any]) -> bytes:
    """A complete stream of these chunks."""
    events = [*(json.dumps({"id": "c1", **chunk}).encode() for chunk in chunks), b"[DONE]"]
    return b"".join(b"data: " + event + b"\n\n" for event in events)


@contextmanager
def answering(*answers: str | bytes, key: str = "sk-0123456789abcdefWXYZ") -> Iterator[Scripted]:
    """A service that gives these answers; what is asked meanwhile, and not offline, goes there."""
    with Scripted(*answers) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOLINK_BASE_URL", server.base_url)
        patch.setenv("EVOLINK_API_KEY", key)
        yield server


class Lines(queue.Queue[str]):
    """What a simulator logged."""

    @property
    def begun(self) -> list[str]:
        """Method and path of the requests so far, in the order in which they reached the server."""
        return [line.removesuffix(" begins") for line in list(self.queue) if line.endswith(" begins")]


class _Impatient(selectors.DefaultSelector):
    """Where it would wait for a timer, it moves the clock."""

    ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.ahead += timeout
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop in which timers are due at once, in their order: for work that touches no network."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return super().time() + self._impatient.ahead


def hurry(job: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine without waiting for its timers."""
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(job())


def reply_of(events: list[Event], **begin: Any) -> Growing:
    """The reply that `events` grow into."""
    reply = Growing("asked", **begin)
    for event in events:
        reply.add(event)
    return reply
