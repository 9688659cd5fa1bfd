"""Requests that go straight to a host: a response or one kind of error, whatever comes back."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.client import Client, Connection
from kimi_magic.client.connection import MOST_CONNECTIONS
from kimi_magic.client.direct import LARGEST_HEAD, DirectTransport
from kimi_magic.keys import Key
from kimi_magic.messages import Message, Request
from tests.test_client import SECRET

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"Content-Length: 5\r\n\r\nhello"
CLOSE, HOLD = "close", "hold"  # what the host does after its last byte: end the connection, or nothing

ANSWERS = [
    (WHOLE, HOLD),
    (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", HOLD),
    (CHUNKED + b"2;a=b\r\nhe\r\n3  \r\nllo\r\n0\r\nTrailer: x\r\n\r\n", HOLD),
    (HEAD + b"\r\nhello", CLOSE),
    (b"HTTP/1.0 200 OK\r\n\r\nhello", CLOSE),
    (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WHOLE, HOLD),
    (WHOLE.replace(b"\r\n", b"\n"), HOLD),
    (CHUNKED.replace(b"Tr", b"Content-Length: 9\r\nTr", 1) + b"5\r\nhello\r\n0\r\n\r\n", HOLD),
    (WHOLE + b"more", HOLD),
    (WHOLE.replace(b"OK", b""), HOLD),
]
FAILURES = [
    (b"", CLOSE, httpx.RemoteProtocolError, "without sending a response"),
    (HEAD + b"Content-Le", CLOSE, httpx.RemoteProtocolError, "without sending a response"),
    (WHOLE[:-1], CLOSE, httpx.RemoteProtocolError, "without sending complete message body"),
    (CHUNKED + b"5\r\nhello\r\n", CLOSE, httpx.RemoteProtocolError, "without sending complete message body"),
    (CHUNKED + b"xyz\r\nhello\r\n", HOLD, httpx.RemoteProtocolError, "chunk size"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", HOLD, httpx.RemoteProtocolError, ""),
    (HEAD + b"A: b\r\n" * LARGEST_HEAD, HOLD, httpx.RemoteProtocolError, "without end"),
    (CHUNKED + b"0\r\n" + b"A: b\r\n" * LARGEST_HEAD, HOLD, httpx.RemoteProtocolError, "without end"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * LARGEST_HEAD, HOLD, httpx.RemoteProtocolError, "without end"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx", HOLD,
     httpx.RemoteProtocolError, ""),
]  # fmt: skip


class Host:
    """Answers each request with the same pieces of bytes, and counts connections, requests and ends."""

    def __init__(self, *pieces: bytes, then: str = HOLD, reads: bool = True) -> None:
        self._pieces, self._then, self._reads = pieces, then, reads
        self.connections, self.heads = 0, list[bytes]()
        self.heard, self.ended = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task] = set()
        self.url = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.current_task())
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.ended.set()
        finally:
            if self._then == CLOSE:
                writer.close()
            else:
                writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            self.heard.set()
            length = next((int(x[15:]) for x in head.split(b"\r\n") if x.startswith(b"Content-Length")), 0)
            if self._reads:
                await reader.readexactly(length)
            for piece in self._pieces:
                writer.write(piece)
                await writer.drain()
            if self._then == CLOSE:
                return

    @contextlib.asynccontextmanager
    async def serving(self, certificate: ssl.SSLContext | None = None) -> AsyncIterator[Host]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=certificate)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)  # the loop closes the sockets when it turns


@contextlib.asynccontextmanager
async def client(certificates: ssl.SSLContext | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=DirectTransport(certificates), timeout=20) as made:
        yield made


def bodies(host: Host, count: int = 1) -> list[bytes]:
    """The bodies of so many requests, one after the other."""

    async def main() -> list[bytes]:
        async with host.serving(), client() as made:
            return [(await made.post(host.url, content=b"x")).content for _ in range(count)]

    return asyncio.run(main())


@pytest.mark.parametrize(("answer", "then"), ANSWERS)
def test_each_way_of_sending_a_body_gives_the_body(answer: bytes, then: str) -> None:
    assert bodies(Host(answer, then=then), 2) == [b"hello"] * 2


@given(st.sampled_from(ANSWERS), st.lists(st.integers(0, 120), max_size=8))
@settings(deadline=None, max_examples=40)
def test_wherever_the_network_cuts_an_answer_it_is_the_same(sent: tuple[bytes, str], cuts: list[int]) -> None:
    answer, then = sent
    places = [0, *sorted(cuts), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(places)]
    assert bodies(Host(*pieces, then=then)) == [b"hello"]


@pytest.mark.parametrize(("answer", "then", "kind", "words"), FAILURES)
def test_what_is_no_whole_answer_is_an_error_of_its_kind(
    answer: bytes, then: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words or None):
        bodies(Host(answer, then=then))


def test_what_came_before_a_fault_is_read() -> None:
    async def main() -> None:
        host, read = Host(CHUNKED + b"2\r\nhe\r\n", then=CLOSE), []
        async with host.serving(), client() as made, made.stream("GET", host.url) as response:
            parts = response.aiter_raw()
            read.append(await anext(parts))
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(parts)
        assert read == [b"he"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (WHOLE, 1),
        (ANSWERS[1][0], 1),
        (WHOLE + b"more", 2),
        (WHOLE.replace(b"Content", b"Connection: close\r\nContent"), 2),
        (WHOLE.replace(b"1.1", b"1.0"), 2),
    ],
)
def test_a_connection_is_used_again_if_its_answer_was_read_to_its_end_and_nothing_follows(
    answer: bytes, connections: int
) -> None:
    host = Host(answer)
    assert bodies(host, 2) == [b"hello"] * 2
    assert (host.connections, len(host.heads)) == (connections, 2)


def test_a_host_that_ended_an_idle_connection_gets_a_new_one() -> None:
    host = Host(WHOLE, then=CLOSE)
    assert bodies(host, 3) == [b"hello"] * 3
    assert host.connections == 3


@pytest.mark.parametrize("answer", [b"", HEAD, CHUNKED + b"2\r\nhe\r\n"])
def test_a_request_that_is_cancelled_closes_its_connection(answer: bytes) -> None:
    async def main() -> None:
        host = Host(answer)
        async with host.serving(), client() as made:
            asked = asyncio.ensure_future(made.post(host.url, content=b"x"))
            await host.heard.wait()
            asked.cancel()
            await asyncio.wait([asked])
            assert asked.cancelled()
            await asyncio.wait_for(host.ended.wait(), 20)

    asyncio.run(main())


def test_a_host_that_refuses_before_it_has_read_all_is_heard() -> None:
    host = Host(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig", reads=False)

    async def main() -> httpx.Response:
        async with host.serving(), client() as made:
            return await made.post(host.url, content=b"x" * 2**25)

    response = asyncio.run(main())
    assert (response.status_code, response.content) == (413, b"big")


@pytest.mark.parametrize(
    ("request_to", "kind"),
    [
        ({"url": "http://127.0.0.1:1/v1"}, httpx.ConnectError),
        ({"url": "http://nowhere.invalid/v1"}, httpx.ConnectError),
        ({"url": "ftp://127.0.0.1/v1"}, httpx.UnsupportedProtocol),
        ({"url": "http://127.0.0.1:1/v1", "headers": {"X-A": "b\r\nX-C: d"}}, httpx.LocalProtocolError),
    ],
)
def test_what_cannot_be_sent_says_so(request_to: dict, kind: type[Exception]) -> None:
    async def main() -> None:
        async with client() as made:
            await made.get(**request_to)

    with pytest.raises(kind):
        asyncio.run(main())


def test_more_requests_than_connections_wait_and_give_up_when_their_time_is_up() -> None:
    async def main() -> None:
        host = Host(CHUNKED)
        async with host.serving(), client() as made, contextlib.AsyncExitStack() as stack:
            for _ in range(MOST_CONNECTIONS):
                await stack.enter_async_context(made.stream("GET", host.url))
            with pytest.raises(httpx.PoolTimeout):
                await made.get(host.url, timeout=httpx.Timeout(20, pool=0.01))
            waiting = asyncio.ensure_future(
                stack.enter_async_context(made.stream("GET", host.url, timeout=20))
            )
            await stack.pop_all().aclose()
            await (await waiting).aclose()
            assert len(host.heads) == MOST_CONNECTIONS + 1

    asyncio.run(main())


def test_the_steps_of_a_request_are_told_in_their_order() -> None:
    async def main() -> tuple[list[str], list[str]]:
        host, steps, again = Host(WHOLE), [], []

        def into(told: list[str]) -> Callable:
            async def trace(step: str, _: object) -> None:
                told.append(step)

            return trace

        async with host.serving(), client() as made:
            await made.post(host.url, content=b"x", extensions={"trace": into(steps)})
            await made.post(host.url, content=b"x", extensions={"trace": into(again)})
        return steps, again

    steps, again = asyncio.run(main())
    assert steps == [
        "connection.connect_tcp.started", "http11.send_request_headers.started",
        "http11.send_request_body.complete", "http11.receive_response_headers.complete",
    ]  # fmt: skip
    assert again == steps[1:]


def test_a_host_is_verified_by_the_certificates_and_encrypted(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate")
    key, pem = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(pem)]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(pem, key)

    async def main() -> None:
        host = Host(ANSWERS[1][0])
        async with host.serving(own):
            async with client(ssl.create_default_context(cafile=str(pem))) as made:
                assert [(await made.get(host.url)).content for _ in range(2)] == [b"hello"] * 2
            assert host.connections == 1
            async with client(ssl.create_default_context()) as made:
                with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                    await made.get(host.url)

    asyncio.run(main())


def test_where_a_proxy_is_set_requests_for_the_network_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b'{"choices":[{"message":{"content":"4"},"finish_reason":"stop"}]}'

    async def main() -> list[bytes]:
        host = Host(HEAD + b"Content-Length: %d\r\n\r\n" % len(answer) + answer)
        async with host.serving():
            monkeypatch.setenv("HTTP_PROXY", host.url.removesuffix("/v1"))
            made = Client()
            connection = Connection("http://service.test/v1", Key(SECRET), allows_http=True)
            await made.stream(connection, Request("m", (Message("user", "2+2?"),)), lambda _: None)
            await made.aclose()
        return host.heads

    (head,) = asyncio.run(main())
    assert head.startswith(b"POST http://service.test/v1/chat/completions HTTP/1.1\r\n")


def test_cookies_of_a_service_are_not_kept() -> None:
    body = b'{"choices":[{"message":{"content":"4"},"finish_reason":"stop"}]}'

    async def main() -> list[bytes]:
        head = b"Set-Cookie: who=me; Path=/\r\nContent-Length: %d\r\n\r\n" % len(body)
        host = Host(HEAD + head + body)
        async with host.serving():
            made = Client()
            for _ in range(2):
                connection = Connection(host.url, Key(SECRET))
                await made.stream(connection, Request("m", (Message("user", "2+2?"),)), lambda _: None)
            await made.aclose()
        return host.heads

    heads = asyncio.run(main())
    assert len(heads) == 2
    assert not any(b"cookie" in head.lower() for head in heads)
