"""Each situation of a response becomes events, and one error in one line where it is no complete answer."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic import errors, sse
from kimi_magic.client import LARGEST_ERROR, Client, Connection, reading, retries
from kimi_magic.client.connection import LONGEST_EXCERPT, MOST_CONNECTIONS
from kimi_magic.client.transports import POOL_SIZE, Transports
from kimi_magic.keys import Key
from kimi_magic.messages import (
    Counted,
    Event,
    Finished,
    Message,
    Noticed,
    Opened,
    ReasoningDelta,
    Request,
    StreamOptions,
    TextDelta,
)
from kimi_magic.options.advice import CELL_WORDS, in_words_of
from kimi_magic.usage import Usage
from tests.turns import Growing

HOST = "service.test"
SECRET = "sk-0123456789abcdefWXYZ"
CONNECTION = Connection(f"https://{HOST}/v1", Key(SECRET), "EVOLINK_API_KEY")
REQUEST = Request("m", (Message("user", "2+2?"),), max_tokens=64, stream=True, stream_options=StreamOptions())
COUNTS = {"prompt_tokens": 11, "completion_tokens": 9, "total_tokens": 20}
USAGE = Usage(prompt=11, completion=9)
FOREVER = object()  # in a body: nothing more comes, and the connection stays open
LATER = object()  # in a body: what follows has not arrived yet

Piece = bytes | Exception | object


class Body(httpx.AsyncByteStream):
    """A body that arrives in the given pieces."""

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self._pieces = pieces
        self.closed = False
        self.given = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.given += 1
            if piece is FOREVER:
                await asyncio.Event().wait()
            elif piece is LATER:
                await asyncio.sleep(0)
            elif isinstance(piece, Exception):
                raise piece
            else:
                yield piece

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Service:
    """What stands at the other end: it answers with what it was told."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=lambda: Body(()))
    failure: Exception | None = None
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        return httpx.Response(self.status, headers=self.headers, stream=self.body)


@dataclass
class Heard:
    """What came out of the client, in the words of a cell."""

    service: Service
    batches: list[list[Event]] = field(default_factory=list)
    error: errors.KimiError | None = None

    @property
    def events(self) -> list[Event]:
        """What was said; how many pieces a text comes in says nothing."""
        events: list[Event] = []
        for event in (event for batch in self.batches for event in batch):
            last = events[-1] if events else None
            if (
                isinstance(event, TextDelta | ReasoningDelta)
                and type(last) is type(event)
                and last.index == event.index
            ):
                events[-1] = type(event)(last.text + event.text, event.index)
            else:
                events.append(event)
        return events

    @property
    def reply(self) -> Growing:
        reply = Growing("m")
        for event in self.events:
            reply.add(event)
        return reply


# Making a client loads certificates, some 50 ms: all tests share this one and give it a service each.
_current = [Service()]


def _serve(request: httpx.Request) -> httpx.Response:
    return _current[0](request)


CLIENT = Client(dict.fromkeys(("network", "simulator"), lambda: httpx.MockTransport(_serve)), attempts=1)


def ask(
    *pieces: Piece,
    status: int = 200,
    headers: dict[str, str] | None = None,
    failure: Exception | None = None,
    connection: Connection = CONNECTION,
) -> Heard:
    service = Service(status, headers or {}, Body(pieces), failure)
    heard = asyncio.run(listen(CLIENT, service, connection))
    assert heard.error is None or "\n" not in heard.error.message
    assert SECRET not in f"{heard.error!r} {heard.error}"
    assert service.failure or service.body.closed
    return heard


async def listen(client: Client, service: Service, connection: Connection = CONNECTION) -> Heard:
    _current[0] = service
    heard = Heard(service)
    try:
        with in_words_of(CELL_WORDS):
            await client.stream(connection, REQUEST, heard.batches.append)
    except errors.KimiError as error:
        heard.error = error
    return heard


def sent(*chunks: object) -> bytes:
    return b"".join(
        b"data: " + (chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) + b"\n\n"
        for chunk in chunks
    )


def delta(**said: str | None) -> dict[str, object]:
    return {"id": "c1", "model": "kimi", "choices": [{"index": 0, "delta": said, "finish_reason": None}]}


ROLE = delta(role="assistant", content="")
END: dict[str, object] = {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
COUNT: dict[str, object] = {"id": "c1", "choices": [], "usage": COUNTS}
DONE = b"[DONE]"
BEGIN = (
    ROLE,
    delta(reasoning_content="Two plus"),
    delta(reasoning_content=" two."),
    delta(content="Fo"),
    delta(content="ur."),
)
STREAM = sent(*BEGIN, END, COUNT, DONE)
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "model": "kimi",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Four.", "reasoning_content": "Two plus two."},
            "finish_reason": "stop",
        }
    ],
    "usage": COUNTS,
}


# ---- what is sent ----


def test_a_request_goes_to_its_address_with_its_key_and_its_body() -> None:
    (request,) = ask(STREAM).service.requests
    assert (request.method, str(request.url)) == ("POST", f"https://{HOST}/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("kimi_magic/")
    assert request.content == REQUEST.body()
    assert SECRET not in str(request.url)


def test_without_a_key_no_key_is_sent() -> None:
    heard = ask(STREAM, connection=Connection(f"https://{HOST}/v1", Key("")))
    assert heard.error is None
    assert "authorization" not in heard.service.requests[0].headers


# ---- whole answers ----


def test_a_complete_stream_is_told_in_order() -> None:
    heard = ask(STREAM)
    assert heard.error is None
    assert heard.events == [
        Opened("c1", "kimi"),
        ReasoningDelta("Two plus two."),
        TextDelta("Four."),
        Finished("stop"),
        Counted(USAGE),
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.booleans())
def test_however_a_stream_is_cut_the_answer_is_the_same(points: list[int], crlf: bool) -> None:
    stream = STREAM.replace(b"\n", b"\r\n") if crlf else STREAM
    marks = [0, *sorted(points), len(stream)]
    heard = ask(*(stream[a:b] for a, b in pairwise(marks)))
    assert heard.error is None
    assert heard.events == ask(STREAM).events


def test_bytes_that_arrive_one_by_one_are_the_same_answer() -> None:
    heard = ask(*(STREAM[i : i + 1] for i in range(len(STREAM))))
    assert heard.error is None
    assert heard.events == ask(STREAM).events


def test_pieces_that_arrive_with_waiting_between_them_are_the_same_answer() -> None:
    pieces = [part + b"\n\n" for part in STREAM.split(b"\n\n")[:-1]]
    heard = ask(*(piece for part in pieces for piece in (part, LATER)))
    assert heard.error is None
    assert heard.events == ask(STREAM).events
    assert len(heard.batches) > 1


def test_pieces_of_one_read_are_told_as_one() -> None:
    pieces = [delta(content=f"{number} ") for number in range(1_000)]
    heard = ask(sent(ROLE, delta(reasoning_content="a"), delta(reasoning_content="b"), *pieces, END, DONE))
    assert heard.error is None
    texts = [event.text for batch in heard.batches for event in batch if hasattr(event, "text")]
    assert texts == ["ab", "".join(f"{number} " for number in range(1_000))]


@pytest.mark.parametrize(
    "stream",
    [
        b"\xef\xbb\xbf" + STREAM,
        b"\n\n\n" + STREAM,
        b": OPENROUTER PROCESSING\n\n" + STREAM,
        STREAM.replace(b"\n\n", b"\n\n: keep-alive\n\n"),
        STREAM.replace(b"data: ", b"data:"),
        STREAM.replace(b"\n", b"\r"),
        STREAM.rstrip(b"\n"),
        b"event: message\n" + STREAM,
        STREAM.replace(b"[DONE]", b" [DONE] "),
        STREAM + b"data: nothing after the end is read\n\n",
    ],
    ids=[
        "BOM",
        "blank lines",
        "comment",
        "comments",
        "no space",
        "CR",
        "no last line end",
        "event",
        "spaces",
        "more",
    ],
)
def test_a_stream_in_another_dress_is_the_same_answer(stream: bytes) -> None:
    heard = ask(stream)
    assert heard.error is None
    assert heard.events == ask(STREAM).events


@pytest.mark.parametrize("head", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_whole_answer_in_place_of_a_stream_is_an_answer(head: bytes, step: int) -> None:
    body = head + json.dumps(WHOLE, indent=2).encode()
    heard = ask(
        *(body[i : i + step] for i in range(0, len(body), step)), headers={"content-type": "application/json"}
    )
    assert heard.error is None
    assert heard.events == [
        Opened("c1", "kimi"),
        ReasoningDelta("Two plus two."),
        TextDelta("Four."),
        Finished("stop"),
        Counted(USAGE),
    ]


def test_what_came_is_believed_and_not_what_was_promised() -> None:
    assert ask(STREAM, headers={"content-type": "application/json"}).events == ask(STREAM).events
    promised = ask(json.dumps(WHOLE).encode(), headers={"content-type": "text/event-stream"})
    assert promised.error is None


@pytest.mark.parametrize(
    "end",
    [
        [{**END, "usage": COUNTS}],
        [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": COUNTS}]}],
        [END, COUNT],
        [
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 1}}]},
            COUNT,
        ],
        [COUNT, END],
    ],
    ids=["with the end", "in the choice", "after the end", "in both", "before the end"],
)
def test_the_count_is_found_in_each_of_its_places(end: list[object]) -> None:
    heard = ask(sent(*BEGIN, *end, DONE))
    assert heard.error is None
    assert heard.reply.usage == USAGE


def test_an_answer_that_was_cut_by_the_cap_is_complete_and_says_length() -> None:
    heard = ask(
        sent(
            ROLE, delta(reasoning_content="Hm"), {"choices": [{"delta": {}, "finish_reason": "length"}]}, DONE
        )
    )
    assert heard.error is None
    assert (heard.reply.text, heard.reply.finish_reason) == ("", "length")


# ---- how a stream may end ----


@pytest.mark.parametrize(
    "tail",
    [
        (sent(END),),
        (sent(END).rstrip(b"\n"),),
        (sent(END, COUNT),),
        (sent(END), httpx.RemoteProtocolError("peer closed connection")),
        (sent(END), httpx.ReadError("")),
        (sent(DONE),),
    ],
    ids=[
        "no [DONE]",
        "no line end",
        "count, no [DONE]",
        "lost after the end",
        "reset after the end",
        "[DONE] alone",
    ],
)
def test_a_stream_that_said_its_end_in_any_way_is_complete(tail: tuple[Piece, ...]) -> None:
    heard = ask(sent(*BEGIN), *tail)
    assert heard.error is None
    assert heard.reply.text == "Four."


def test_done_without_a_reason_leaves_the_reason_open() -> None:
    assert ask(sent(*BEGIN, DONE)).reply.finish_reason is None


def test_after_done_an_open_connection_is_not_waited_for() -> None:
    heard = ask(STREAM, FOREVER)
    assert heard.error is None
    assert heard.service.body.closed


def test_after_done_the_rest_is_read_so_that_the_connection_can_be_used_again() -> None:
    heard = ask(STREAM, b": bye\n\n", b"\n")
    assert heard.service.body.given == 3


@pytest.mark.parametrize(
    "tail",
    [(), (b'data: {"id":"c1","choices":[{"delta":{"content":"lo',), (LATER,)],
    ids=["between events", "inside an event", "after waiting"],
)
def test_a_stream_that_is_cut_before_its_end_keeps_what_came_and_says_so(tail: tuple[Piece, ...]) -> None:
    heard = ask(sent(*BEGIN), *tail)
    assert isinstance(heard.error, errors.KimiStreamError)
    assert heard.reply.text == "Four."


@pytest.mark.parametrize(
    "lost", [httpx.RemoteProtocolError("peer closed connection"), httpx.ReadError(""), httpx.CloseError("x")]
)
def test_a_connection_that_is_lost_in_the_middle_keeps_what_came_and_says_so(lost: Exception) -> None:
    heard = ask(sent(*BEGIN), lost)
    assert isinstance(heard.error, errors.KimiStreamError)
    assert HOST in heard.error.message
    assert heard.reply.text == "Four."


def test_silence_in_the_middle_keeps_what_came_and_says_how_long_it_was() -> None:
    heard = ask(sent(*BEGIN), httpx.ReadTimeout(""))
    assert isinstance(heard.error, errors.KimiTimeoutError)
    assert "180 s" in heard.error.message
    assert heard.reply.text == "Four."


def test_stopping_after_the_first_words_closes_the_connection() -> None:
    service = Service(body=Body((sent(*BEGIN), FOREVER)))

    async def stop() -> list[Event]:
        _current[0] = service
        heard: list[Event] = []
        task = asyncio.current_task()
        with pytest.raises(asyncio.CancelledError):
            await CLIENT.stream(CONNECTION, REQUEST, lambda batch: (heard.extend(batch), task.cancel()))
        return heard

    assert TextDelta("Four.") in asyncio.run(stop())
    assert service.body.closed


def test_stopping_before_anything_came_closes_the_connection() -> None:
    service = Service(body=Body((FOREVER,)))

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(listen(CLIENT, service), 0.05))
    assert service.body.given == 1
    assert service.body.closed


# ---- errors inside a stream ----

OVERLOADED = {"error": {"message": "The engine is currently overloaded", "type": "engine_overloaded_error"}}


@pytest.mark.parametrize("together", [True, False], ids=["in the same read", "in a later read"])
def test_an_error_in_the_stream_comes_after_the_text_before_it(together: bool) -> None:
    pieces = [sent(*BEGIN), sent(OVERLOADED)]
    heard = ask(b"".join(pieces)) if together else ask(*pieces)
    assert isinstance(heard.error, errors.KimiStatusError)
    assert "The engine is currently overloaded" in heard.error.message
    assert (heard.error.type, heard.error.status) == ("engine_overloaded_error", 200)
    assert heard.reply.text == "Four."


def test_text_that_completes_in_the_read_of_an_oversized_event_is_kept() -> None:
    heard = ask(sent(*BEGIN) + b"data: " + b"x" * (sse.LARGEST_EVENT + 1))
    assert isinstance(heard.error, errors.KimiStreamError)
    assert heard.reply.text == "Four."


def test_what_follows_an_error_in_the_stream_is_not_read() -> None:
    heard = ask(sent(*BEGIN, OVERLOADED, delta(content=" More."), END, DONE))
    assert heard.error is not None
    assert heard.reply.text == "Four."


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "broken", "code": None}},
        {"error": {"message": "broken", "code": 500}},
        {"error": {"message": "broken", "metadata": {"provider": "x"}}},
        {"error": "broken"},
        {
            "id": "c1",
            "error": {"message": "broken"},
            "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
        },
    ],
    ids=["null code", "number", "metadata", "string", "beside choices"],
)
def test_an_error_in_the_stream_is_understood_in_each_shape(error: object) -> None:
    heard = ask(sent(ROLE, error, DONE))
    assert isinstance(heard.error, errors.KimiStatusError)
    assert "broken" in heard.error.message


def test_no_error_in_the_error_field_is_no_error() -> None:
    heard = ask(sent(*BEGIN, {**END, "error": None}, DONE))
    assert heard.error is None


@pytest.mark.parametrize(
    "garbage",
    [b"{", b"oops", b"[]", b"\xff\xfe", b'{"x":' * 5000],
    ids=["half", "word", "list", "no UTF-8", "too deep"],
)
def test_a_piece_that_is_no_piece_of_an_answer_is_quoted(garbage: bytes) -> None:
    heard = ask(sent(*BEGIN, garbage, END, DONE))
    assert isinstance(heard.error, errors.KimiStreamError)
    assert HOST in heard.error.message
    assert len(heard.error.message) < 2 * LONGEST_EXCERPT
    assert heard.reply.text == "Four."


def test_an_event_without_end_is_refused_and_what_came_before_is_kept() -> None:
    flood = [b"x" * 2**20, LATER] * (sse.LARGEST_EVENT // 2**20 + 1)
    heard = ask(sent(*BEGIN) + b"data: ", LATER, *flood)
    assert isinstance(heard.error, errors.KimiStreamError)
    assert str(sse.LARGEST_EVENT) in heard.error.message
    assert heard.reply.text == "Four."


# ---- status 200, and no answer ----


@pytest.mark.parametrize(
    "pieces", [(), (b"",), (b"  \n",), (b"\xef\xbb\xbf",)], ids=["nothing", "empty", "blank", "BOM"]
)
def test_an_empty_body_is_said_to_be_empty(pieces: tuple[bytes, ...]) -> None:
    heard = ask(*pieces)
    assert isinstance(heard.error, errors.KimiStreamError)
    assert "empty" in heard.error.message
    assert heard.events == []


@pytest.mark.parametrize(
    "stream",
    [sent(DONE), b": keep-alive\n\n", b"event: ping\n\n", sent(COUNT)[:-1] + b"\n"],
    ids=["[DONE]", "comment", "event", "count"],
)
def test_a_stream_without_an_answer_is_no_answer(stream: bytes) -> None:
    assert isinstance(ask(stream).error, errors.KimiStreamError)


HTML = (
    b"<!DOCTYPE html><html><head><title>Sign in</title><style>b{}</style><script>x()</script></head>"
    b"<body>Log in\n</body></html>"
)


@pytest.mark.parametrize("step", [1, 10_000])
def test_a_web_page_is_told_from_an_answer_and_quoted_without_its_markup(step: int) -> None:
    body = b"\n " + HTML
    heard = ask(
        *(body[i : i + step] for i in range(0, len(body), step)), headers={"content-type": "text/html"}
    )
    assert isinstance(heard.error, errors.KimiStreamError)
    assert "web page" in heard.error.message
    assert "Sign in Log in" in heard.error.message
    assert "<" not in heard.error.message
    assert "x()" not in heard.error.message
    assert CONNECTION.base_url in heard.error.hint


@pytest.mark.parametrize(
    "body",
    [{}, {"choices": []}, {"status": "ok"}],
    ids=["empty", "no choices", "other"],
)
def test_json_without_an_answer_is_quoted(body: object) -> None:
    text = json.dumps(body)
    heard = ask(text.encode())
    assert isinstance(heard.error, errors.KimiStreamError)
    assert text in heard.error.message
    assert CONNECTION.base_url in heard.error.hint


def test_json_with_an_error_is_that_error() -> None:
    heard = ask(json.dumps(OVERLOADED).encode())
    assert isinstance(heard.error, errors.KimiStatusError)
    assert heard.error.type == "engine_overloaded_error"


def test_json_that_is_cut_is_no_answer() -> None:
    body = json.dumps(WHOLE).encode()
    assert isinstance(ask(body[:-20]).error, errors.KimiStreamError)
    assert isinstance(ask(body[:-20], httpx.ReadError("")).error, errors.KimiError)


def test_json_without_end_is_refused_before_it_fills_the_memory() -> None:
    flood = b" " * 2**22
    pieces = [b'{"x":"'] + [flood, LATER] * (reading.LARGEST_ANSWER // len(flood) + 4)
    heard = ask(*pieces, FOREVER)
    assert isinstance(heard.error, errors.KimiStreamError)
    assert "more than 64 MiB" in heard.error.message


def test_a_body_that_was_compressed_unasked_is_understood() -> None:
    heard = ask(gzip.compress(STREAM), headers={"content-encoding": "gzip"})
    assert heard.error is None
    assert heard.events == ask(STREAM).events


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(STREAM)),
        ("deflate", zlib.compress(STREAM)),
        ("deflate", zlib.compress(STREAM)[2:-4]),
        (" GZIP ", gzip.compress(STREAM)),
    ],
    ids=["gzip", "deflate", "deflate without its head", "capitals"],
)
def test_every_coding_that_we_unpack_is_understood_however_it_is_cut(coding: str, packed: bytes) -> None:
    for step in (1, 7, len(packed)):
        pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
        assert ask(*pieces, headers={"content-encoding": coding}).events == ask(STREAM).events


def test_a_packed_body_is_unpacked_in_small_pieces_and_no_further_than_it_is_read() -> None:
    packed = gzip.compress(b" " * (64 * 2**20))
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Body((packed, FOREVER)))
    sizes: list[int] = []

    async def go() -> None:
        async for piece in reading.parts(response):
            sizes.append(len(piece))
            if len(sizes) == 9:
                break

    asyncio.run(go())
    assert set(sizes) == {reading.LARGEST_PIECE}
    heard = ask(packed, FOREVER, status=500, headers={"content-encoding": "gzip"})
    assert isinstance(heard.error, errors.KimiServerError)


def test_a_page_without_end_is_refused_where_enough_of_it_is_known() -> None:
    heard = ask(*[b"<p>No such page. " * 1_000, LATER] * 100, FOREVER)
    assert "sent a web page instead of an answer: No such page." in heard.error.message
    assert heard.service.body.given < 20


def test_blanks_before_an_answer_are_not_kept() -> None:
    blanks = [b" \n" * 2**16, LATER] * 50
    assert ask(*blanks, STREAM).events == ask(STREAM).events
    assert ask(*blanks, json.dumps(WHOLE).encode()).reply.text == "Four."
    assert "nothing at all" in ask(*blanks).error.message


def test_what_a_page_leaves_open_hides_no_text_behind_it() -> None:
    page = "<html><script>a()</script><SCRIPT>b</script ><style>c{}</style>One<script>two<style>three<b x"
    assert CONNECTION.excerpt(page) == "One two three<b x"


@pytest.mark.parametrize("status", [200, 500])
def test_a_body_that_is_not_compressed_as_it_says_is_an_error(status: int) -> None:
    heard = ask(STREAM, status=status, headers={"content-encoding": "gzip"})
    assert isinstance(heard.error, errors.KimiError)
    assert HOST in heard.error.message


# ---- refusals by status ----

STATUSES = [
    (400, "invalid_request_error", errors.KimiRequestError),
    (401, "invalid_authentication_error", errors.KimiAuthError),
    (402, "insufficient_quota_error", errors.KimiQuotaError),
    (402, "", errors.KimiQuotaError),
    (403, "permission_denied_error", errors.KimiPermissionError),
    (404, "resource_not_found_error", errors.KimiModelError),
    (413, "request_too_large_error", errors.KimiRequestError),
    (429, "rate_limit_reached_error", errors.KimiRateLimitError),
    (429, "engine_overloaded_error", errors.KimiRateLimitError),
    (429, "exceeded_current_quota_error", errors.KimiQuotaError),
    (500, "server_error", errors.KimiServerError),
    (503, "server_unavailable", errors.KimiServerError),
    (504, "", errors.KimiServerError),
]


@pytest.mark.parametrize(("status", "type", "kind"), STATUSES)
def test_a_status_becomes_the_error_of_its_kind(status: int, type: str, kind: type[errors.KimiError]) -> None:
    body = {"error": {"message": "Told you so.", "type": type}}
    heard = ask(json.dumps(body).encode(), status=status)
    error = heard.error
    assert error.__class__ is kind
    assert (error.status, error.type) == (status, type)
    assert "Told you so." in error.message
    assert f"({status})" in error.message
    assert HOST in error.message
    assert heard.events == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error":{"message":"Told you so.","type":"x"}}', "Told you so."),
        (b'{"error":"Told you so."}', "Told you so."),
        (b'{"code":20015,"message":"Told you so.","data":null}', "Told you so."),
        (b'{"detail":"Told you so."}', "Told you so."),
        (b'{"detail":[{"msg":"Told you so."}]}', "Told you so."),
        (b'"Told you so."', "Told you so."),
        (b"Told you so.", "Told you so."),
        (b"<html><title>504</title><h1>Told you so.</h1></html>", "504 Told you so."),
        (b'{"error":{"message":"Told', "Told"),
        (b"", ""),
        (b"{}", ""),
        (b"[]", ""),
        (b"null", ""),
        (b'{"error":' * 5000, ""),
        (b'{"error":' * 900 + b'"Told you so."' + b"}" * 900, ""),
        (b"\xff\xfe\x00", ""),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_refusal_quotes_the_service_whatever_it_says_and_however(body: bytes, told: str) -> None:
    for status in {status for status, _, _ in STATUSES}:
        error = ask(body, status=status).error
        assert isinstance(error, errors.KimiStatusError)
        assert error.status == status
        assert told in error.message
        assert "<" not in error.message


def test_a_refused_key_names_where_the_key_came_from_and_what_to_do() -> None:
    error = ask(b'{"error":{"message":"Invalid Authentication"}}', status=401).error
    assert error.message == f"{HOST} refused the key from EVOLINK_API_KEY (401): Invalid Authentication"
    assert "--login" in error.hint
    assert "--offline" in error.hint


@pytest.mark.parametrize("name", ["x-request-id", "X-Request-Id", "Msh-Request-Id"])
def test_the_request_id_is_told_for_the_support_of_the_service(name: str) -> None:
    error = ask(b"{}", status=500, headers={name: "req-42"}).error
    assert error.request_id == "req-42"
    assert "req-42" in error.message


def test_a_missing_model_shows_the_address_that_was_asked() -> None:
    assert CONNECTION.base_url in ask(b"{}", status=404).error.hint


def test_what_the_service_says_is_quoted_in_one_line_without_control_characters() -> None:
    said = "red \x1b[31malert\x07\r\n\n and\tmore \x9b2J \u2028 end"
    error = ask(json.dumps({"error": said}).encode(), status=400).error
    assert error.message.endswith("red [31malert and more 2J end")


def test_a_long_explanation_is_cut_and_not_read_to_its_end() -> None:
    pieces = [b"x" * 1024] * 1000
    heard = ask(*pieces, status=500)
    assert len(heard.error.message) < 2 * LONGEST_EXCERPT
    assert "…" in heard.error.message
    assert heard.service.body.given <= LARGEST_ERROR // 1024 + 1


def test_half_an_explanation_is_better_than_none() -> None:
    error = ask(b"overloaded, please", httpx.ReadError(""), status=503).error
    assert isinstance(error, errors.KimiServerError)
    assert "overloaded, please" in error.message


# ---- the key comes back from nowhere ----


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"Incorrect API key provided: {SECRET}.", "type": "x"}},
        {"error": f"Bearer {SECRET}"},
        {"detail": {"headers": {"Authorization": f"Bearer {SECRET}"}}},
        {"message": SECRET},
    ],
    ids=["object", "string", "detail", "message"],
)
def test_a_key_that_the_service_repeats_is_not_repeated_by_us(status: int, body: object) -> None:
    heard = ask(json.dumps(body).encode(), status=status)
    assert SECRET not in str(heard.error)
    assert "***" in str(heard.error)


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize(
    "body",
    [
        f"<html><body>Authorization: Bearer {SECRET}</body></html>",
        f"data: Authorization: Bearer {SECRET}\n\n",
        f'{{"Authorization": "Bearer {SECRET}"}}',
    ],
    ids=["page", "stream", "JSON"],
)
def test_a_key_in_a_body_that_is_no_answer_is_not_repeated_by_us(status: int, body: str) -> None:
    assert SECRET not in str(ask(body.encode(), status=status).error)


@pytest.mark.parametrize("name", ["type", "code"])
def test_a_key_in_the_small_fields_of_a_refusal_is_not_kept(name: str) -> None:
    error = ask(json.dumps({"error": {"message": "no", name: SECRET}}).encode(), status=400).error
    assert SECRET not in str(vars(error))


def test_a_key_in_the_request_id_is_not_repeated_by_us() -> None:
    error = ask(b"{}", status=500, headers={"x-request-id": SECRET}).error
    assert SECRET not in str(vars(error))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_the_key_is_not_sent_on(status: int) -> None:
    heard = ask(status=status, headers={"location": "https://evil.example/v1/chat/completions"})
    assert isinstance(heard.error, errors.KimiStatusError)
    assert f"({status})" in heard.error.message
    assert len(heard.service.requests) == 1


# ---- no connection ----


def test_a_port_where_nobody_listens_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        socket.socket() as taken
    ):  # bound and not listening: refused, and nobody else gets the port meanwhile
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        async def go() -> Heard:
            client = Client()
            try:
                return await listen(client, Service(), Connection(f"http://{address}/v1", Key(SECRET)))
            finally:
                await client.aclose()

        error = asyncio.run(go()).error
    assert type(error) is errors.KimiConnectionError
    assert f"cannot reach {address}" in error.message
    assert "--offline" in error.hint
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (
            httpx.ConnectError("Name or service not known"),
            errors.KimiConnectionError,
            "cannot reach service.test",
        ),
        (httpx.ConnectError("[SSL] certificate verify failed"), errors.KimiConnectionError, "certificate"),
        (httpx.UnsupportedProtocol("no scheme"), errors.KimiConnectionError, "cannot reach"),
        (httpx.InvalidURL("no address"), errors.KimiConnectionError, "cannot reach"),
        (httpx.ConnectTimeout(""), errors.KimiTimeoutError, "no connection to service.test within 10 s"),
        (httpx.ReadTimeout(""), errors.KimiTimeoutError, "sent nothing for 180 s"),
        (httpx.WriteTimeout(""), errors.KimiTimeoutError, ""),
        (httpx.PoolTimeout(""), errors.KimiTimeoutError, ""),
        (httpx.ReadError(""), errors.KimiConnectionError, "ReadError"),
        (httpx.WriteError("broken pipe"), errors.KimiConnectionError, "broken pipe"),
        (httpx.RemoteProtocolError("server disconnected"), errors.KimiConnectionError, "disconnected"),
        (
            httpx.LocalProtocolError(f"Illegal header value b'Bearer {SECRET}'"),
            errors.KimiConnectionError,
            "Illegal",
        ),
        (httpx.ProxyError("407"), errors.KimiConnectionError, "407"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failure_before_the_answer_is_a_connection_error(
    failure: Exception, kind: type[errors.KimiError], words: str
) -> None:
    heard = ask(failure=failure)
    assert type(heard.error) is kind
    assert words in heard.error.message
    assert heard.error.hint
    assert heard.error.__cause__ is None
    assert heard.error.__suppress_context__


def test_the_simulator_is_called_by_its_name() -> None:
    heard = ask(
        failure=httpx.ConnectError("x"), connection=Connection(f"https://{HOST}/v1", Key(""), via="simulator")
    )
    assert "the offline simulator" in heard.error.message


# ---- one line ----


@pytest.mark.parametrize("hint", ["", "Do this."])
def test_an_error_is_shown_as_its_name_its_line_and_its_hint(hint: str) -> None:
    (shown,) = errors.KimiAuthError("no key", hint=hint, status=401)._render_traceback_()
    assert shown == "\x1b[31mKimiAuthError\x1b[0m: no key" + f"\n{hint}" * bool(hint)


def test_an_interrupt_is_not_swallowed_by_a_loop_that_catches_errors() -> None:
    assert issubclass(errors.KimiInterrupted, KeyboardInterrupt)
    assert not issubclass(errors.KimiInterrupted, Exception)


# ---- the client ----


def test_a_client_that_was_never_used_is_closed_without_being_made() -> None:
    asyncio.run(Client().aclose())


def test_each_way_has_one_client_which_all_requests_share() -> None:
    transports = Transports({})
    loopback, other = (
        Connection("http://127.0.0.1:1/v1", Key("")),
        Connection("http://localhost:2/v1", Key("")),
    )
    simulated = Connection("http://simulator.invalid/v1", Key(""), via="simulator")

    def client(connection: Connection) -> httpx.AsyncClient:
        with transports.client(connection) as found:
            return found

    assert client(loopback) is client(other)
    assert client(CONNECTION) is client(CONNECTION)
    assert len({id(client(each)) for each in (loopback, CONNECTION, simulated)}) == 3


@given(st.lists(st.integers(-3, 8), min_size=1, max_size=60))
@settings(deadline=None)
def test_many_requests_through_a_proxy_are_spread_over_clients_and_later_ones_find_the_first_free(changes):
    transports = Transports({})
    on_their_way, seen, most = [], [], 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        transports.open(CONNECTION)
    for change in changes:
        for _ in range(max(0, -change)):
            if on_their_way:
                on_their_way.pop()[0].close()
        for _ in range(max(0, change)):
            stack = contextlib.ExitStack()
            client = stack.enter_context(transports.client(CONNECTION))
            on_their_way.append((stack, client))
            seen += [client] if client not in seen else []
        most = max(most, len(on_their_way))
        counts = [sum(each is client for _, each in on_their_way) for client in seen]
        assert len(seen) <= MOST_CONNECTIONS // POOL_SIZE
        assert most > MOST_CONNECTIONS or max(counts, default=0) <= POOL_SIZE
    for stack, _ in on_their_way:
        stack.close()
    if seen:
        with transports.client(CONNECTION) as client:
            assert client is seen[0]


def test_clients_of_the_callers_own_are_one_each() -> None:
    transports = Transports({"loopback": lambda: httpx.MockTransport(lambda _: httpx.Response(200))})
    loopback = Connection("http://127.0.0.1:1/v1", Key(""))
    with contextlib.ExitStack() as stack:
        assert len({id(stack.enter_context(transports.client(loopback))) for _ in range(300)}) == 1
    asyncio.run(transports.aclose())


ENVIRONMENTS = [
    ({"ALL_PROXY": "socks5://127.0.0.1:9"}, "ALL_PROXY names a SOCKS proxy", "httpx[socks]"),
    ({"https_proxy": "socks5h://127.0.0.1:9"}, "https_proxy names a SOCKS proxy", "httpx[socks]"),
    ({"ALL_PROXY": "gopher://127.0.0.1:9"}, "ALL_PROXY cannot be used as a proxy", "ALL_PROXY"),
    ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE '/nowhere/ca.pem' cannot be used", "SSL_CERT_FILE"),
    ({"SSL_CERT_FILE": __file__}, "no certificates are in it", "SSL_CERT_FILE"),
    ({"NO_PROXY": "fe80::/10", "HTTP_PROXY": "http://127.0.0.1:9"}, "NO_PROXY has an entry", "NO_PROXY"),
]


@pytest.mark.parametrize(("variables", "message", "hint"), ENVIRONMENTS)
def test_what_the_environment_breaks_is_named_and_breaks_nothing_that_stays_on_this_machine(
    variables: dict[str, str], message: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", *(f"{s}_PROXY" for s in ("ALL", "HTTP", "HTTPS", "NO"))):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    transports = Transports({})
    with pytest.raises(errors.KimiConnectionError) as caught:
        transports.open(Connection("https://service.test/v1", Key("")))
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert hint in caught.value.hint
    transports.open(Connection("http://127.0.0.1:1/v1", Key("")))
    transports.open(Connection("http://simulator.invalid/v1", Key(""), via="simulator"))
    asyncio.run(transports.aclose())


def test_more_requests_than_connections_are_told_that_nothing_was_sent() -> None:
    heard = ask(failure=httpx.PoolTimeout("x"))
    assert heard.error.message == "all connections are busy; nothing was sent to service.test for 180 s"
    assert "--timeout SECONDS" in heard.error.hint


# ---- bytes that are no text ----

BAD = json.dumps(delta(content="caf@ five")).encode().replace(b"@", b"\xe9")


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_a_byte_that_is_no_text_is_replaced_and_nothing_around_it_is_lost(cut: int) -> None:
    stream = sent(ROLE, delta(content="one two "), BAD, delta(content=" six"), END, DONE)
    heard = ask(*(stream[at : at + cut] for at in range(0, len(stream), cut)))
    assert heard.error is None
    assert heard.reply.text == "one two caf\ufffd five six"
    assert heard.reply.notices == (reading.BAD_BYTES_NOTICE,)


def test_a_byte_that_is_no_text_in_a_whole_answer_and_in_an_error_is_replaced() -> None:
    whole = json.dumps(WHOLE).encode().replace(b"Four.", b"F\xe9ur.")
    assert ask(whole, headers={"content-type": "application/json"}).reply.text == "F\ufffdur."
    refusal = ask(b'{"error": {"message": "caf\xe9"}}', status=400)
    assert "caf\ufffd" in refusal.error.message


def test_an_exception_that_nobody_foresaw_ends_the_answer_as_an_error() -> None:
    _current[0] = Service(body=Body((STREAM,)))

    def emit(batch: list[Event]) -> None:
        if any(isinstance(event, TextDelta) for event in batch):
            raise ZeroDivisionError("odd")

    with pytest.raises(errors.KimiStreamError, match=r"cannot be read \(ZeroDivisionError: odd\)"):
        asyncio.run(CLIENT.stream(CONNECTION, REQUEST, emit))


# ---- streams that are not as documented ----


@pytest.mark.parametrize("beat", [b"", b" ", b"null", b"ping", b"[PING]", b'""', b'{"type": "ping"}'])
def test_a_payload_that_only_keeps_the_connection_open_is_passed_over(beat: bytes) -> None:
    heard = ask(sent(ROLE, beat, delta(content="Four."), beat, END, beat, DONE))
    assert (heard.error, heard.reply.text) == (None, "Four.")


@pytest.mark.parametrize(
    "event",
    [
        b'event: error\ndata: {"message": "out of memory"}\n\n',
        b"event: error\ndata: out of memory\n\n",
        b'error: {"code": 500, "message": "out of memory"}\n\n',
        sent({"object": "error", "message": "out of memory", "code": 500}),
        sent({"choices": None, "error_message": "out of memory"}),
        sent({"detail": "out of memory"}),
        sent({"code": 500, "msg": "out of memory", "data": None}),
    ],
)
@pytest.mark.parametrize("end", [b"", sent(DONE)], ids=["then the end", "then [DONE]"])
def test_an_error_in_a_stream_is_quoted_in_every_shape_and_what_came_is_kept(
    event: bytes, end: bytes
) -> None:
    heard = ask(sent(*BEGIN) + event + end)
    assert isinstance(heard.error, errors.KimiStatusError)
    assert "out of memory" in heard.error.message
    assert heard.reply.text == "Four."


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["Hi \\ud83d", "\\ude00 there"], "Hi 😀 there"),
        (["Hi \\ud83d", " there"], "Hi \ufffd there"),
        (["Hi \\ude00 there"], "Hi \ufffd there"),
        (["Hi ", "\\ud83d"], "Hi \ufffd"),
        (["\\ud83d", "\\ud83d", "\\ude00"], "\ufffd😀"),
    ],
)
def test_the_halves_of_a_character_come_together(pieces: list[str], text: str) -> None:
    chunks = [b'{"choices":[{"index":0,"delta":{"content":"%s"}}]}' % piece.encode() for piece in pieces]
    heard = ask(sent(ROLE, *chunks, END, DONE))
    assert (heard.error, heard.reply.text) == (None, text)


def test_the_halves_of_a_character_in_a_call_come_together_or_are_replaced() -> None:
    def call(name: str, arguments: str, position: int = 0) -> dict[str, object]:
        function = {"name": name, "arguments": arguments}
        calls = [{"index": position, "id": "1", "function": function}]
        return {"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": None}]}

    halves = (call("f\ud83d", '"\ud83d'), call("", "x", 1), call("", '\ude00\ude00"'))
    heard = ask(sent(*halves, END, DONE))
    first, second = heard.reply.tool_calls
    assert (first.name, first.arguments, second.arguments) == ("f", '"\U0001f600\ufffd"', "x")


def test_a_proxy_that_refuses_is_called_what_it_is() -> None:
    heard = ask(failure=httpx.ProxyError("407 Proxy Authentication Required"))
    assert "the proxy between here and service.test refused: 407" in heard.error.message
    assert "HTTPS_PROXY" in heard.error.hint


def test_a_certificate_that_is_not_trusted_names_the_variable_that_helps() -> None:
    heard = ask(failure=httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    assert "SSL_CERT_FILE" in heard.error.hint


# ---- what hosts do their own way ----


def object_of(chunk: dict[str, object]) -> dict[str, object]:
    return {"id": "c1", "model": "m", **chunk}


def piece(index: int = 0, finish: str | None = None, **delta_fields: object) -> dict[str, object]:
    return object_of({"choices": [{"index": index, "delta": delta_fields, "finish_reason": finish}]})


@pytest.mark.parametrize("ends_with_done", [True, False])
def test_an_index_that_counts_the_pieces_of_one_answer_is_no_choice(ends_with_done: bool) -> None:
    chunks = [piece(place, content=word) for place, word in enumerate("abc")] + [piece(3, "stop")]
    heard = ask(sent(*chunks, *([b"[DONE]"] if ends_with_done else [])))
    assert heard.error is None
    assert [choice.text for choice in heard.reply.choices] == ["abc"]


@pytest.mark.parametrize("fields", [{}, {"delta": None}, {"delta": {}}])
def test_a_whole_message_at_the_end_of_a_stream_is_not_said_twice(fields: dict[str, object]) -> None:
    call = {"id": "x", "function": {"name": "f", "arguments": "{}"}}
    whole = {"content": "hello you", "reasoning": "hm", "tool_calls": [call]}
    last = {"index": 0, "message": whole, "finish_reason": "stop", **fields}
    said = [piece(reasoning="hm"), piece(content="hello "), piece(content="you"), piece(tool_calls=[call])]
    heard = ask(sent(*said, object_of({"choices": [last]}), b"[DONE]"))
    (choice,) = heard.reply.choices
    assert (choice.text, choice.reasoning, len(choice.tool_calls)) == ("hello you", "hm", 1)


def test_a_whole_message_in_a_stream_counts_where_nothing_came_before() -> None:
    last = {"index": 0, "message": {"content": "hello"}, "finish_reason": "stop"}
    heard = ask(sent(piece(role="assistant"), object_of({"choices": [last]}), b"[DONE]"))
    assert heard.reply.choices[0].text == "hello"


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"reasoning_text": "hm"},
        {"thinking": "hm"},
        {"reasoning_details": [{"text": "h"}, {"summary": "m"}, {"data": "encrypted"}]},
        {"reasoning_details": [{"text": "hm"}, {"text": 5}, None]},
    ],
)
def test_reasoning_is_found_under_every_name(fields: dict[str, object]) -> None:
    assert (
        ask(sent(piece(**fields), piece(content="yes"), piece(finish="stop"))).reply.choices[0].reasoning
        == "hm"
    )


def test_a_refusal_in_the_place_of_the_content_is_shown() -> None:
    assert ask(sent(piece(refusal="I cannot."), piece(finish="stop"))).reply.choices[0].text == "I cannot."


@pytest.mark.parametrize(
    "body",
    [
        [{"message": "kaput"}], {"errors": [{"message": "kaput"}]}, {"errors": ["kaput"]},
        {"error": [{"msg": "kaput"}]},
        {"error": {"error": {"detail": "kaput"}}}, {"foo": {"bar": "kaput"}}, {"title": "kaput"}, [["kaput"]],
    ],
)  # fmt: skip
def test_a_refusal_of_any_shape_is_quoted(body: object) -> None:
    heard = ask(json.dumps(body).encode(), status=400)
    assert isinstance(heard.error, errors.KimiRequestError)
    assert "kaput" in heard.error.message


@pytest.mark.parametrize("status", [200, 201, 203])
def test_an_answer_is_an_answer_with_every_status_of_success(status: int) -> None:
    assert ask(STREAM, status=status).events == ask(STREAM).events


@pytest.mark.parametrize("coding", ["compress", "gzip, gzip", "gzip, br", "br", "zstd", "made-up"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_body_that_is_packed_in_an_unknown_way_or_twice_is_not_unpacked(coding: str, status: int) -> None:
    heard = ask(b"\x8b\x02\x80", status=status, headers={"content-encoding": coding})
    assert isinstance(heard.error, errors.KimiStreamError)
    assert coding in heard.error.message
    assert heard.error.hint


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "Quota exceeded for requests per minute", errors.KimiRateLimitError),
        (429, "Quota exceeded for quota metric 'TPM'", errors.KimiRateLimitError),
        (429, "You exceeded your current quota, please check your plan and billing", errors.KimiQuotaError),
        (429, "Insufficient balance", errors.KimiQuotaError),
        (400, "the request exceeds the available context size, try increasing it", errors.KimiContextError),
        (400, "prompt is too long: 5 tokens > 4 maximum", errors.KimiContextError),
    ],
)
def test_a_refusal_is_told_by_its_words(status: int, message: str, kind: type[errors.KimiError]) -> None:
    assert type(ask(json.dumps({"error": {"message": message}}).encode(), status=status).error) is kind


def test_every_broken_answer_has_a_hint() -> None:
    bodies = [b"", b"<html>", b"{}", b"data: {}\n\n", b"data: x\n\n", STREAM[:60], b"data: [1]\n\n", b"hello"]
    for heard in map(ask, bodies):
        assert isinstance(heard.error, errors.KimiError)
        assert heard.error.hint


# ---- fields that a service does not take ----

UNSUPPORTED = {
    "error": {"message": "property 'stream_options' is unsupported", "type": "invalid_request_error"}
}
FORBIDDEN = {
    "detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "not permitted"}]
}
RENAMED = {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}


@pytest.mark.parametrize(
    ("status", "refused", "field", "body"),
    [
        (400, UNSUPPORTED, "stream_options", {"max_tokens": 64}),
        (422, FORBIDDEN, "stream_options", {"max_tokens": 64}),
        (
            400,
            RENAMED,
            "max_tokens",
            {"max_completion_tokens": 64, "stream_options": {"include_usage": True}},
        ),
    ],
)
def test_a_field_that_a_service_refuses_is_left_out_or_renamed_once_and_for_all(
    status: int, refused: object, field: str, body: dict[str, object]
) -> None:
    bodies: list[dict[str, object]] = []

    def serve(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        if field in bodies[-1]:
            return httpx.Response(status, json=refused)
        return httpx.Response(200, stream=Body((STREAM,)))

    client = Client({"network": lambda: httpx.MockTransport(serve)}, attempts=1)
    events: list[Event] = []

    async def ask_twice() -> None:
        await client.stream(CONNECTION, REQUEST, events.extend)
        await client.stream(CONNECTION, REQUEST, events.extend)

    asyncio.run(ask_twice())
    assert [field in body for body in bodies] == [True, False, False]
    for sent_body in bodies[1:]:
        others = {name: sent_body[name] for name in sent_body.keys() - {"model", "messages", "stream"}}
        assert others == body
    (notice,) = [event.text for event in events if isinstance(event, Noticed)]
    assert HOST in notice
    assert field in notice


def test_a_field_that_is_refused_all_the_same_is_an_error_after_one_more_request() -> None:
    count = 0

    def serve(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return httpx.Response(400, json=UNSUPPORTED)

    client = Client({"network": lambda: httpx.MockTransport(serve)}, attempts=3)
    with pytest.raises(errors.KimiRequestError, match="stream_options"):
        asyncio.run(client.stream(CONNECTION, REQUEST, lambda _: None))
    assert count == 2


# ---- deadlines ----


def test_comments_do_not_move_the_deadline() -> None:
    class Comments(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield sent(piece(content="hello"))
            while True:
                await asyncio.sleep(0.005)
                yield b": still here\n\n"

    def serve(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Comments())

    client = Client({"network": lambda: httpx.MockTransport(serve)}, attempts=1)
    events: list[Event] = []
    with pytest.raises(errors.KimiTimeoutError, match=r"only signs of life"):
        asyncio.run(client.stream(CONNECTION, REQUEST, events.extend, silence=0.1))
    assert TextDelta("hello") in events


def test_one_deadline_holds_for_all_attempts() -> None:
    count = 0

    def serve(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        assert request.extensions["timeout"]["connect"] <= 0.2
        raise httpx.ConnectTimeout("no answer", request=request)

    client = Client({"network": lambda: httpx.MockTransport(serve)}, attempts=50)
    with pytest.raises(errors.KimiTimeoutError, match=r"no connection to .* within"):
        asyncio.run(client.stream(CONNECTION, REQUEST, lambda _: None, silence=0.2))
    assert count == 1  # the pause before a second one is longer than what is left


def test_how_long_a_service_asks_to_wait_is_said() -> None:
    heard = ask(b'{"error": {"message": "slow down"}}', status=429, headers={"retry-after": "3600"})
    assert "1 hour" in heard.error.hint


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 s"), (90.5, "91 s"), (120, "2 minutes"), (3600, "1 hour"), (9000, "3 hours")],
)
def test_a_time_to_wait_in_words(seconds: float, words: str) -> None:
    assert retries.in_words(seconds) == words


def test_the_list_of_models_is_asked_for_again_where_that_may_help() -> None:
    answers = [
        httpx.Response(503, headers={"retry-after-ms": "1"}),
        httpx.Response(200, json={"data": [{"id": "m"}]}),
    ]
    client = Client({"network": lambda: httpx.MockTransport(lambda _: answers.pop(0))})
    assert asyncio.run(client.models(CONNECTION)) == ["m"]
    assert answers == []
