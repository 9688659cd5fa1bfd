"""Answers in a file: what a service sent, with its pace, and a stand-in for the service that sends it again.

One line of JSON for each answer that came whole: `version` (1), `host` (the name of the provider), `request`
(the body as it would be sent first), `kind` (the content type), `seconds` (until the end), and `events`,
pairs of seconds since the request was sent and text. No header, key or address is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import msgspec

from kimi_magic import files
from kimi_magic.client.connection import Connection
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Request
from kimi_magic.simulator.refusals import RefusalError
from kimi_magic.simulator.service import Response

VERSION = 1
LARGEST_FILE = 512 * 2**20  # bytes of a recording
SECONDS_HEADER = "x-recorded-seconds"
STATUS_UNKNOWN = 400  # of a request that is not in the file
UNKNOWN_HINT = "Ask what was recorded, with the same options, or record again with {@record FILE}."
LONGEST_QUOTED = 40  # characters of a value that differs
_EVENT_END = re.compile(rb"\r?\n\r?\n")
_ACCOUNT_ID = re.compile(r"\b(?:org|ak|acct|proj)-[0-9A-Za-z]{8,}\b")  # of accounts, as services quote them


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a recording."""

    version: int
    host: str = ""
    request: dict[str, Any]
    kind: str
    seconds: float
    events: tuple[tuple[float, str], ...]


# ---- writing ----


class Recorder(httpx.AsyncByteStream):
    """Passes the body of a response on, and keeps it with the times of its parts."""

    def __init__(
        self, connection: Connection, request: Request, response: httpx.Response, started: float
    ) -> None:
        """Take the place of the body of `response`; `started` is when the request was sent (monotonic)."""
        self._connection = connection
        self._request = request
        self._kind = response.headers.get("content-type", "")
        self._stream = response.stream
        self._parts: list[tuple[float, bytes]] = []
        self._started = started
        response.stream = self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream: Any = self._stream
        async for part in stream:
            self._parts.append((monotonic() - self._started, part))
            yield part

    async def aclose(self) -> None:
        """Close the response."""
        stream: Any = self._stream
        await stream.aclose()

    def write(self) -> str:
        """Write the answer, which is whole, as a line of the file; why that failed, "" if it did not."""
        safe = self._connection.key.redact
        entry = {
            "version": VERSION,
            "host": self._connection.provider,
            "request": json.loads(safe(self._request.body().decode())),
            "kind": self._kind,
            "seconds": round(monotonic() - self._started, 3),
            "events": [[seconds, _ACCOUNT_ID.sub("…", safe(text))] for seconds, text in self._events()],
        }
        try:
            with Path(self._connection.record).open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            return f"The answer was not recorded in {self._connection.record}: {error.strerror or error}."
        return ""

    def _events(self) -> Iterator[tuple[float, str]]:
        """The body cut behind its events, each with the time of its last byte; bad UTF-8 survives."""
        body = b"".join(part for _, part in self._parts)
        times = iter(self._parts)
        seconds, arrived, begin = 0.0, 0, 0
        for end in [*(match.end() for match in _EVENT_END.finditer(body)), len(body)]:
            while arrived < end:
                seconds, part = next(times)
                arrived += len(part)
            if end > begin:
                yield round(seconds, 3), body[begin:end].decode("utf-8", "surrogateescape")
            begin = end


# ---- reading ----


class Recording:
    """The answers in a file. It answers requests as the simulator's service does, from the file alone.

    A request that was recorded several times gets its answers in order, and then the last one again. The pace
    is that of the recording; at a `speed` of 0 everything comes at once.
    """

    def __init__(self, name: str, *, speed: float | None = None) -> None:
        """Read the file.

        Raises:
            KimiUsageError: There is no such file, or it is no recording.
        """
        self.name = name
        self.speed = speed
        self._entries = read(name)
        self._by_request: dict[str, list[Entry]] = {}
        self._served: dict[str, int] = {}
        for entry in self._entries:
            self._by_request.setdefault(_key(entry.request), []).append(entry)

    async def respond(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        speed: float | None = None,
    ) -> Response:
        """The answer to one request; a refusal that names the nearest request if there is none."""
        if method != "POST":
            return self.refuse(RefusalError(404, "a recording holds answers, and nothing else"))
        try:
            entry = self.find(json.loads(body or b"null"))
        except (ValueError, RecursionError):
            return self.refuse(RefusalError(400, "the body is no JSON"))
        except KimiUsageError as error:
            return self.refuse(RefusalError(STATUS_UNKNOWN, error.message))
        speed = self.speed if speed is None else speed
        head = (("content-type", entry.kind), (SECONDS_HEADER, f"{entry.seconds:g}"))
        return Response(200, head, _paced(entry, at_once=speed == 0))

    def refuse(self, refusal: RefusalError, shape: str = "") -> Response:
        """The response that is an error; there is only one `shape`."""
        body = json.dumps({"error": {"message": refusal.message, "type": "not_recorded"}}).encode()
        return Response(refusal.status, (("content-type", "application/json"),), _once(body))

    def find(self, request: Any) -> Entry:
        """The next answer to `request`.

        Raises:
            KimiUsageError: It was not recorded; the text names the nearest request and what differs.
        """
        key = _key(request)
        if (entries := self._by_request.get(key)) is None:
            raise KimiUsageError(
                f"{self.name} has no answer to this request; {self._nearest(request)}",
                hint=UNKNOWN_HINT,
            )
        place = min(self._served.get(key, 0), len(entries) - 1)
        self._served[key] = place + 1
        return entries[place]

    def _nearest(self, request: Any) -> str:
        """Which recorded request differs least, and in what."""
        if not self._entries:
            return "it holds none"
        wanted = dict(_leaves(request))
        differences = [_differences(wanted, dict(_leaves(entry.request))) for entry in self._entries]
        line = min(range(len(differences)), key=lambda at: _distance(differences[at]))
        shown = [
            f"{place} {_quoted(asked)} for {_quoted(there)}" for place, asked, there in differences[line][:2]
        ]
        more = f" and {len(differences[line]) - 2} more" if len(differences[line]) > 2 else ""
        return f"the nearest is in line {line + 1}, which differs in {', '.join(shown)}{more}"


def read(name: str) -> tuple[Entry, ...]:
    """All answers in a file.

    Raises:
        KimiUsageError: There is no such file, or it is no recording.
    """
    try:
        status = Path(name).stat()
    except OSError as error:
        raise KimiUsageError(f"the recording {name!r} cannot be read: {error.strerror or error}") from None
    return _read(name, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read(name: str, changed: int, size: int) -> tuple[Entry, ...]:
    try:
        data = files.read(name, LARGEST_FILE)
    except ValueError as error:
        raise KimiUsageError(f"the recording {name!r} cannot be read: {error}") from None
    entries = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:  # not msgspec's decoder: bytes that were no UTF-8 are written as lone surrogates
            entry = msgspec.convert(json.loads(line), Entry)
        except (ValueError, RecursionError) as error:  # the former also of msgspec
            raise KimiUsageError(f"{name!r} is no recording: line {number}: {error}") from None
        if entry.version > VERSION:
            raise KimiUsageError(f"{name!r}, line {number}: version {entry.version}, expected {VERSION}")
        entries.append(entry)
    return tuple(entries)


async def _paced(entry: Entry, *, at_once: bool) -> AsyncIterator[bytes]:
    start = asyncio.get_running_loop().time()
    for seconds, text in entry.events:
        if not at_once and (wait := start + seconds - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait)
        yield text.encode("utf-8", "surrogateescape")


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _key(request: Any) -> str:
    return json.dumps(request, sort_keys=True)


_NOTHING = object()


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Each plain value in JSON, with its place."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(item, f"{place}[{at}]")
    else:
        yield place, value


def _differences(wanted: dict[str, Any], there: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(place, what was asked, what is there) for each leaf that differs."""
    places = dict.fromkeys((*wanted, *there))
    pairs = ((place, wanted.get(place, _NOTHING), there.get(place, _NOTHING)) for place in places)
    return [
        (place, asked, other)
        for place, asked, other in pairs
        if asked != other or type(asked) is not type(other)
    ]


def _distance(differences: list[tuple[str, Any, Any]]) -> float:
    """How far two requests are apart: by the leaves that differ; texts that are alike count less."""
    apart = 0.0
    for _, asked, there in differences:
        is_text = isinstance(asked, str) and isinstance(there, str)
        apart += 1.0 - 0.5 * SequenceMatcher(None, asked[:500], there[:500]).quick_ratio() if is_text else 1.0
    return apart


def _quoted(value: Any) -> str:
    if value is _NOTHING:
        return "(not set)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_QUOTED else f"{text[: LONGEST_QUOTED - 1]}…"


def host_of(name: str) -> str | None:
    """The provider that the first answer of a file came from; None where the file holds none.

    Raises:
        KimiUsageError: It cannot be read.
    """
    entries = read(name)
    return entries[0].host if entries else None


def check_writable(name: str) -> None:
    """Raise `KimiUsageError` if no line can be added to the file."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(Path(name).open("a", encoding="utf-8"))
        except OSError as error:
            raise KimiUsageError(f"{name!r} cannot be written: {error.strerror or error}") from None
