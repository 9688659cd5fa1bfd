"""The body of a response to events, and the error if it is no complete answer.

What comes is believed, not what was promised: a stream, a whole answer as JSON, or a web page.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, cast

import httpx

from kimi_magic import errors, sse
from kimi_magic.client.connection import LONGEST_EXCERPT, LONGEST_QUOTED, Connection
from kimi_magic.client.refusals import AGAIN, refused
from kimi_magic.client.transports import SILENCE_TIMEOUT
from kimi_magic.messages import (
    CALLS,
    LENGTH,
    STOP,
    Chunk,
    Event,
    Finished,
    Noticed,
    Opened,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    WireMessage,
    decode_chunk,
    marks,
)

READ_INTERVAL = 0.04  # s between two reads of a stream; shorter costs wake-ups, nothing is shown faster
PAUSE_SHARE = 0.1  # of the time since the answer began: a short answer does not end late for a pause
FULL_READ_SIZE = 32 * 2**10  # bytes of one read from which the sender is ahead of us: no pause
BODY_END_TIMEOUT = 0.1  # s to wait after [DONE] for the end of the body, so that the connection can be reused
LARGEST_ANSWER = 64 * 2**20  # bytes of an answer that comes in one piece
LARGEST_PIECE = 2**20  # bytes that are unpacked at once of a packed body
LARGEST_STREAM = 512 * 2**20  # bytes of a stream: some 2 million chunks, of which a few hold many letters
LONGEST_NAME = 200  # characters of the name of a model, and of the reason why an answer ended
BAD_BYTES_NOTICE = "The answer held bytes that are no UTF-8; each was replaced by U+FFFD."
FINISH_REASONS = (STOP, LENGTH, CALLS)  # by far the most
HEARTBEATS = (b"", b"null", b"ping", b"[ping]")  # payloads that only keep the connection open
_SURROGATE = re.compile("[\ud800-\udfff]")
_BOM = b"\xef\xbb\xbf"

Emit = Callable[[list[Event]], None]


def check_coding(response: httpx.Response, connection: Connection) -> None:
    """Refuse a compressed body that cannot be unpacked here, or that was packed several times.

    A body that was packed again and again, of some hundred bytes, would fill the memory.

    Raises:
        KimiStreamError: It is one.
    """
    codings = [word.strip().lower() for word in response.headers.get("content-encoding", "").split(",")]
    codings = [word for word in codings if word not in ("", "identity")]
    unknown = [word for word in codings if word not in _CODINGS]
    if unknown or len(codings) > 1:
        raise errors.KimiStreamError(
            f"{connection.host} sent its answer compressed as {', '.join(codings)}, which was not asked for",
            hint=f"Switch it off in the gateway in front of the service: {connection.place}",
        )


def parts(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes. We ask for no compression, but who compresses all the same is understood.

    It is read from the transport itself: what httpx puts around it takes as long as reading an event.
    `httpx.DecodingError` where a body is not packed as it says.
    """
    if response.is_stream_consumed:  # somebody has read it whole
        return _once(response.content)
    stream = aiter(cast("httpx.AsyncByteStream", response.stream))
    coding = response.headers.get("content-encoding", "").strip().lower()
    return _unpacked(stream, coding) if coding in _CODINGS else stream


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _unpacked(packed_parts: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """A packed body in pieces: 64 kB of it may hold 64 MB."""
    unpacker, is_first = zlib.decompressobj(_CODINGS[coding]), True
    async for part in packed_parts:
        if is_first and coding == "deflate" and part[:1] and part[0] & 15 != zlib.DEFLATED:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)  # as some send it: without its two bytes in front
        is_first, packed = is_first and not part, part
        try:
            while piece := unpacker.decompress(packed, LARGEST_PIECE):
                yield piece
                packed = unpacker.unconsumed_tail
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from None


# The codings that are unpacked, and what zlib calls them. Of others the pieces cannot be bounded.
_CODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


async def read(
    response: httpx.Response,
    connection: Connection,
    emit: Emit,
    *,
    silence: float = SILENCE_TIMEOUT,
    count: int = 1,
    model: str = "",
) -> None:
    """Emit the events of a successful response; raise the error if it is no complete answer.

    Comments and heartbeats keep a connection open without end: `silence` is how many seconds may pass
    between two pieces of the answer. `count` is how many answers were asked for: where it is one, some hosts
    count the pieces in the place of the answers. `model` is the name of the model that was asked.

    The network is read about once a `READ_INTERVAL`, more often while the answer is young. At the pace of a
    model each piece arrives alone, and waking up for it costs more than decoding it: between two reads the
    socket's buffer gathers. One read holds many parts; they are decoded together when the loop turns, that is
    when the body has to wait for the network. So a part that finds everything decoded began a new read. Every
    second of these is followed by a pause; the other is the one that finds the buffer just emptied. A
    simulator at full speed has no buffer to wait for.
    """
    body = _Body(connection, emit, count, model)
    try:
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(silence) as patience:
            body.on_piece = lambda: patience.reschedule(clock() + silence)
            body.on_end = lambda: patience.reschedule(clock() + BODY_END_TIMEOUT)
            try:
                await _read_parts(response, body, pauses=connection.speed > 0 or connection.is_paid)
            finally:
                body.on_piece = body.on_end = lambda: None
                body.decode()
                body.release()
    except TimeoutError:
        if not body.ended:
            raise errors.KimiTimeoutError(
                f"{connection.host} sent nothing of an answer for {silence:g} s, only signs of life",
                hint="{@again}, or allow longer silence with {@timeout SECONDS}.",
            ) from None
    except httpx.TransportError:
        if not body.finished:
            raise
        # The answer was complete; only the end of the body got lost.
    body.close()


async def _read_parts(response: httpx.Response, body: _Body, *, pauses: bool) -> None:
    has_paused = False
    clock = asyncio.get_running_loop().time
    began = clock()
    async for part in parts(response):
        if body.failed:  # nothing that follows matters, and the connection is not used again
            return
        new_read, last_size = not body.undecoded, body.size
        body.add(part)
        if not new_read:
            continue
        if pauses and body.has_emitted and not has_paused and last_size < FULL_READ_SIZE:
            await asyncio.sleep(min(READ_INTERVAL, PAUSE_SHARE * (clock() - began)))
            has_paused = True
        else:
            has_paused = False


class _Body:
    """A body as far as it has come: what kind it is, and what was heard of an answer in it."""

    def __init__(self, connection: Connection, emit: Emit, count: int, model: str) -> None:
        self._connection = connection
        self._known = {model, *FINISH_REASONS}  # names that need no look whether the key is in them
        self._count = count
        self._came: set[tuple[type[Event], int]] = set()  # kinds of events that came, by choice
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._decoder = sse.Decoder()
        self._head = bytearray()  # what came until the kind was known; all of it where that is not a stream
        self._kind: Literal["unknown", "stream", "json", "page"] = "unknown"
        self._opened: list[Event] = []  # held back until there is something to show with it
        self._has_answer = False
        self._failure: errors.KimiError | None = None
        self._done = False  # [DONE] came
        self.undecoded: list[bytes] = []
        self.size = 0  # bytes of the last read
        self.has_emitted = False  # something was emitted
        self._choices_begun: set[int] = set()  # the choices that were heard of
        self._halves: dict[tuple[Any, ...], str] = {}  # of characters, by kind, choice and call
        self._readers: dict[int, tuple[marks.Reader, marks.Reader]] = {}
        self._run: list[str] = []  # pieces of one read that follow each other, which become one event
        self._run_of: tuple[type[TextDelta | ReasoningDelta], int] = (TextDelta, 0)
        self._choices_ended: set[int] = set()  # those that gave their reason
        self.on_piece: Callable[[], None] = lambda: None  # called when a piece of the answer has come
        self.on_end: Callable[[], None] = lambda: None
        self._total = 0  # bytes of the stream

    @property
    def ended(self) -> bool:
        """Whether what follows does not matter any more."""
        return self._done or self._failure is not None

    @property
    def failed(self) -> bool:
        """Whether it is certain that no whole answer comes."""
        return self._failure is not None

    @property
    def finished(self) -> bool:
        """Whether every choice that was heard of gave its reason."""
        return bool(self._choices_ended) and self._choices_begun <= self._choices_ended

    def add(self, part: bytes) -> None:
        """Take a part; it is decoded when the loop turns."""
        if not self.undecoded:
            self._loop.call_soon(self.decode)
            self.size = 0
        self.undecoded.append(part)
        self.size += len(part)

    def decode(self) -> None:
        """Emit what the parts so far say.

        The loop calls it: an exception here would reach nobody, and what it stopped would be lost in silence.
        """
        try:
            self._decode()
        except Exception as error:  # noqa: BLE001
            problem = f"{type(error).__name__}: {errors.one_line(str(error))}"
            self._fail(
                errors.KimiStreamError(
                    f"the answer of {self._connection.host} cannot be read ({problem})", hint=AGAIN
                )
            )

    def _decode(self) -> None:
        data = b"".join(self.undecoded)
        self.undecoded.clear()
        if not data or self.ended:
            return
        if self._kind == "unknown":
            data = self._take_head(data)
        if self._kind == "stream":
            self._head = self._head or bytearray(data[:LONGEST_EXCERPT])  # to be quoted if it has no answer
            self._total += len(data)
            try:
                payloads = self._decoder.feed(data)
            except ValueError as error:
                self._fail(
                    errors.KimiStreamError(f"{self._connection.host} sent {error} in the stream", hint=AGAIN)
                )
            else:
                self._take(payloads)
            if self._total > LARGEST_STREAM and not self.ended:
                self._fail_at(LARGEST_STREAM, "a stream")
        else:
            self._head += data
            if self._kind == "page" and len(self._head) > LONGEST_QUOTED:
                self._fail(self._page_error())
            elif len(self._head) > LARGEST_ANSWER:
                self._fail_at(LARGEST_ANSWER, "an answer in one piece")

    def release(self) -> None:
        """Emit what was held back because more of it might come."""
        rest = [event for index in self._readers for event in self._rest(index)]
        rest += [kind("\ufffd", index) for kind, index, call in self._halves if call is None]
        self._halves.clear()
        if rest:
            self._emit(rest)

    def close(self) -> None:
        """The body has ended: raise the error unless an answer may end here."""
        host, hint = (
            self._connection.host,
            f"Check the base URL with {{@settings}}; it is {self._connection.base_url}",
        )
        match self._kind:
            case "unknown":
                raise errors.KimiStreamError(
                    f"{host} answered with nothing at all (an empty body)", hint="{@again}."
                )
            case "page":
                raise self._page_error()
            case "json" if self._failure is None:
                self._take([bytes(self._head)])
                if not (self._has_answer or self._failure):
                    text = self._connection.excerpt(bytes(self._head), 200)
                    raise errors.KimiStreamError(
                        f"{host} sent JSON without an answer in it: {text}", hint=hint
                    )
                self._done = True  # the one piece is all of it
            case "stream" if not self.ended:
                self._take(self._decoder.end())
        self.release()
        if self._failure is not None:
            raise self._failure
        if self._kind == "stream" and not self._has_answer:
            excerpt = self._connection.excerpt(bytes(self._head))
            raise errors.KimiStreamError(f"{host} sent no answer, but: {excerpt}", hint=hint)
        if not (self.finished or (self._done and self._has_answer)):
            raise errors.KimiStreamError(
                f"the answer broke off: {host} ended the stream before saying why it ends",
                hint=AGAIN,
            )

    def _take_head(self, data: bytes) -> bytes:
        """Tell the kind by the first character that is neither a BOM nor white space."""
        data, self._head = bytes(self._head + data), bytearray()
        start = data.removeprefix(_BOM).lstrip()
        if _BOM.startswith(data):
            return data
        if not start:  # blanks without end are not kept
            return b"\n" if data.endswith((b"\n", b"\r")) else b" "
        self._kind = "page" if start[:1] == b"<" else "json" if start[:1] == b"{" else "stream"
        return data if self._kind == "stream" else start

    def _take(self, payloads: list[bytes]) -> None:
        """Emit the events of payloads, up to [DONE] or the first that is an error."""
        events: list[Event] = []
        try:
            for payload in payloads:
                word = payload.strip().strip(b'"').lower()
                if word == b"[done]":
                    self._done = True
                    self.on_end()
                    break
                if isinstance(payload, sse.ErrorPayload):
                    raise refused(_value(payload), self._connection)
                if word not in HEARTBEATS:
                    self._take_chunk(payload, events)
        except errors.KimiError as error:
            self._fail(error)
        finally:  # what stood before a fault is never lost
            self._end_run(events)
            if events:
                if not self.ended:
                    self.on_piece()
                self.has_emitted = True
                self._emit(self._opened + events)
                self._opened.clear()

    def _take_chunk(self, payload: bytes, events: list[Event]) -> None:
        """Append what one payload says to `events`."""
        chunk, notices = _chunk(payload, self._connection)
        if self._count == 1:
            for choice in chunk.choices or ():
                choice.index = 0
        if self._has_answer and not notices and (piece := chunk.piece) is not None:
            self._extend_run(piece, events)
            return
        self._end_run(events)
        if chunk.choices and not self._has_answer:
            self._has_answer = True
            self._opened.append(Opened(chunk.id or "", self._name(chunk.model or "")))
        for choice in chunk.choices or ():
            if choice.delta is None and choice.message is not None:
                self._drop_repetition(choice.message, choice.index)
            self._choices_begun.add(choice.index)
        events += notices
        for event in chunk.events():
            match event:
                case TextDelta() | ReasoningDelta():
                    self._take_piece(event, events)
                case ToolCallDelta(id, name, arguments, call, index, kind):
                    self._came.add((ToolCallDelta, index))
                    name = self._whole(name, ToolCallDelta, index, "name")
                    arguments = self._whole(arguments, ToolCallDelta, index, call or 0)
                    events.append(ToolCallDelta(id, name, arguments, call, index, kind))
                case Finished(reason, index):
                    self._choices_ended.add(index)
                    events += self._rest(index)
                    events.append(Finished(self._name(reason), index))
                case _:
                    events.append(event)

    def _extend_run(self, piece: TextDelta | ReasoningDelta, events: list[Event]) -> None:
        """Take a piece of text behind those that came just before it."""
        run_of = type(piece), piece.index
        if run_of != self._run_of:
            self._end_run(events)
            self._run_of = run_of
        self._run.append(piece.text)

    def _end_run(self, events: list[Event]) -> None:
        """Append the pieces that followed each other to `events`, as one text."""
        if self._run:
            kind, index = self._run_of
            text = "".join(self._run)
            self._run.clear()
            self._choices_begun.add(index)
            self._take_piece(kind(text, index), events)

    def _take_piece(self, piece: TextDelta | ReasoningDelta, events: list[Event]) -> None:
        """Append the events of a text to `events`; half a character at its end waits for the rest."""
        kind, index = type(piece), piece.index
        self._came.add((kind, index))
        if text := self._whole(piece.text, kind, index, None):
            events += self._reader(kind, index).feed(text)

    def _name(self, name: str) -> str:
        """A name that came, as it may be shown."""
        return name if name in self._known else self._connection.excerpt(name, LONGEST_NAME)

    def _drop_repetition(self, message: WireMessage, index: int) -> None:
        """Some hosts close a stream with the whole message, all of which came before in pieces."""
        if (TextDelta, index) in self._came:
            message.content = message.refusal = None
        if (ReasoningDelta, index) in self._came:
            message.drop_reasoning()
        if (ToolCallDelta, index) in self._came:
            message.tool_calls = None

    def _reader(self, kind: type[TextDelta | ReasoningDelta], index: int) -> marks.Reader:
        """What looks for reasoning and tool calls in a text."""
        readers = self._readers.get(index)
        if readers is None:
            readers = marks.Reader(TextDelta, index), marks.Reader(ReasoningDelta, index)
            self._readers[index] = readers
        if kind is TextDelta:
            return readers[0]
        readers[0].expect_no_tags()
        return readers[1]

    def _rest(self, index: int) -> list[Event]:
        """What the readers of a choice have held back."""
        return [event for reader in self._readers.get(index, ()) for event in reader.end()]

    def _whole(self, text: str, *place: Any) -> str:
        """`text` behind the half that came before it at its place, without the half at its own end."""
        text = self._halves.pop(place, "") + text
        if not _SURROGATE.search(text):
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._halves[place] = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _page_error(self) -> errors.KimiError:
        host, page = self._connection.host, self._connection.excerpt(bytes(self._head[:LONGEST_QUOTED]))
        return errors.KimiStreamError(
            f"{host} sent a web page instead of an answer: {page}",
            hint=f"Check the base URL with {{@settings}}; it is {self._connection.base_url}",
        )

    def _fail_at(self, limit: int, what: str) -> None:
        self._fail(
            errors.KimiStreamError(
                f"{self._connection.host} sent {what} of more than {limit >> 20} MiB; no more of it is read",
                hint="What arrived is kept. Lower {@max_tokens}, or check what stands at the base URL.",
            )
        )

    def _fail(self, error: errors.KimiError) -> None:
        self._failure = error
        self.on_end()


def _value(payload: bytes) -> object:
    """An error as JSON, or as the text that it is."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode("utf-8", "replace")


def _chunk(payload: bytes, connection: Connection) -> tuple[Chunk, list[Event]]:
    """The chunk of a payload, and events that say what was mended in it."""
    notices: list[Event] = []
    try:
        try:
            chunk = decode_chunk(payload)
        except UnicodeDecodeError:
            chunk = decode_chunk(payload.decode("utf-8", "replace").encode())
            notices.append(Noticed(BAD_BYTES_NOTICE))
    except (ValueError, RecursionError) as error:
        excerpt = connection.excerpt(payload, 80)
        raise errors.KimiStreamError(
            f"{connection.host} sent something that is no piece of an answer: {excerpt!r} ({error})",
            hint=AGAIN,
        ) from None
    if chunk.failure:
        raise refused(chunk.failure, connection)
    return chunk, notices
