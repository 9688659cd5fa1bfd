"""The body of a response to batches of events, and the error if it is no complete answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import httpx
import msgspec

from kimi_magic import errors, sse
from kimi_magic.client.connection import Connection
from kimi_magic.client.refusals import refused
from kimi_magic.messages import Chunk, Event, Finished, Opened, decode_chunk

FRAME = 0.04  # s between two reads of a stream; shorter only costs wake-ups, nothing is shown faster
FULL_READ = 64 * 2**10  # bytes; after that many the sender is ahead of us: no pause
REST_OF_BODY = 0.1  # s to wait for the end of the body after [DONE], so that the connection can be used again
LARGEST_ANSWER = 64 * 2**20  # bytes of an answer that comes as one JSON text
_BOM = b"\xef\xbb\xbf"


async def answer(response: httpx.Response, connection: Connection) -> AsyncGenerator[list[Event], None]:
    """The events of a response with status 200, and the error if it is no complete answer.

    What comes is believed, not what was promised: a stream, a whole answer as JSON, or a web page.
    """
    parts = _once_a_frame(response.aiter_bytes())
    head = await _head(parts)
    if not head:
        raise errors.KimiStreamError(
            f"{connection.host} answered with nothing at all (an empty body)", hint="Run the cell again."
        )
    if head.startswith(b"<"):
        page = connection.excerpt(head + await _rest(parts))
        raise errors.KimiStreamError(
            f"{connection.host} sent a web page instead of an answer: {page}",
            hint=f"Check the base URL with %kimi_config; it is {connection.base_url}",
        )
    if head.startswith(b"{"):
        yield _whole_answer(head + await _rest(parts), connection)
        return
    progress = _Progress(connection)
    async with contextlib.aclosing(_payloads(head, parts, progress)) as batches:
        async for payloads in batches:
            if events := progress.take(payloads):
                yield events
            if progress.done or progress.failure:
                break
    progress.check_end()
    if progress.done:
        await _drain(parts)


async def _head(parts: AsyncIterator[bytes]) -> bytes:
    """The first bytes of a body, as many as tell what it is, without a BOM and white space before them."""
    head = b""
    async for part in parts:
        head += part
        if len(head) > len(_BOM) and head.removeprefix(_BOM).strip():
            break
    return head.removeprefix(_BOM).lstrip()


async def _payloads(
    head: bytes, parts: AsyncIterator[bytes], progress: _Progress
) -> AsyncGenerator[list[bytes], None]:
    """The payloads of a stream that begins with `head`."""
    decoder = sse.Decoder()
    try:
        yield decoder.feed(head)
        async for part in parts:
            yield decoder.feed(part)
    except ValueError as error:
        progress.failure = errors.KimiStreamError(f"{progress.host} sent {error} in the stream")
        return
    except httpx.TransportError:
        if not progress.finished:
            raise
        # The answer was complete; only the end of the body got lost.
    yield decoder.end()


class _Progress:
    """How far a stream has come: what was heard of it so far and whether it may end here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.host = connection.host
        self.opened = False
        self.finished = False  # some choice gave its reason
        self.done = False  # [DONE] came
        self.failure: errors.KimiError | None = None

    def take(self, payloads: Iterable[bytes]) -> list[Event]:
        """Events from payloads, up to [DONE] or the first that is an error: then `failure` is set."""
        events: list[Event] = []
        for payload in payloads:
            if payload.strip() == b"[DONE]":
                self.done = True
                break
            try:
                chunk = _chunk(payload, self._connection)
            except errors.KimiError as error:
                self.failure = error
                break
            if not self.opened and (chunk.id or chunk.choices):
                self.opened = True
                events.append(Opened(chunk.id or "", chunk.model or ""))
            for event in chunk.events():
                self.finished = self.finished or isinstance(event, Finished)
                events.append(event)
        return events

    def check_end(self) -> None:
        """The failure, or `KimiStreamError` unless an answer may end here."""
        if self.failure is not None:
            raise self.failure
        if self.finished or (self.done and self.opened):
            return
        raise errors.KimiStreamError(
            f"the answer broke off: {self.host} ended the stream before saying why it ends",
            hint="What arrived is shown. Run the cell again for a whole answer.",
        )


def _chunk(payload: bytes, connection: Connection) -> Chunk:
    try:
        chunk = decode_chunk(payload)
    except msgspec.MsgspecError as error:
        excerpt = connection.excerpt(payload, 80)
        raise errors.KimiStreamError(
            f"{connection.host} sent something that is no piece of an answer: {excerpt!r} ({error})"
        ) from None
    if chunk.error:
        raise refused(chunk.error, connection)
    return chunk


def _whole_answer(body: bytes, connection: Connection) -> list[Event]:
    """The events of an answer that came as one JSON text."""
    chunk = _chunk(body, connection)
    if not chunk.choices:
        raise errors.KimiStreamError(
            f"{connection.host} sent JSON without an answer in it: {connection.excerpt(body, 200)}",
            hint=f"Check the base URL with %kimi_config; it is {connection.base_url}",
        )
    return [Opened(chunk.id or "", chunk.model or ""), *chunk.events()]


async def _once_a_frame(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The parts of a body, read from the network about once a `FRAME`.

    At the pace of a model each piece arrives alone, and waking up for it costs more than decoding it: between
    reads the socket's buffer gathers. One read holds many parts, which must not wait: only a part that the
    loop had to wait for begins a new read. Every second of these is followed by a pause; the other is the
    one that finds the buffer just emptied.
    """
    loop = asyncio.get_running_loop()
    waited = rested = False
    size = 0

    def note() -> None:
        nonlocal waited
        waited = True

    loop.call_soon(note)
    first = True
    async for part in parts:
        yield part
        size += len(part)
        if not waited:
            continue
        if not first and not rested and size < FULL_READ:
            await asyncio.sleep(FRAME)
            rested = True
        else:
            rested = False
        first = waited = False
        size = 0
        loop.call_soon(note)


async def _rest(parts: AsyncIterator[bytes]) -> bytes:
    """All that is left of a body; it has to be in one piece to be decoded."""
    gathered = bytearray()
    async for part in parts:
        gathered += part
        if len(gathered) > LARGEST_ANSWER:
            raise errors.KimiStreamError(f"an answer of more than {LARGEST_ANSWER} bytes in one piece")
    return bytes(gathered)


async def _drain(parts: AsyncIterator[bytes]) -> None:
    """Read the end of the body after [DONE]: only then can the connection be used again."""
    with contextlib.suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(REST_OF_BODY):
            async for _ in parts:
                pass
