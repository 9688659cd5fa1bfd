"""The service: one request in, one response out, with every check of the contract in its order.

It knows no sockets: `transport` serves it inside the process, `server` over HTTP.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, Protocol
from urllib.parse import quote

from . import compose, content, tools, wire
from .address import OFFLINE_KEY
from .completion import complete
from .faults import Faults, parse_faults
from .hashing import digest
from .limits import Account, Held
from .messages import prompt_pieces, prompt_size, read_messages
from .profiles import Limits, model_list, profile_named
from .refusals import RefusalError, error_body, error_object, invalid, wrong_type
from .request import Request, bad_schema, find_model, read_json, read_request
from .schemas import SchemaError
from .stream import Clock, events
from .tokens import PrefixCache

MAX_BODY = 100 * 1024 * 1024  # bytes; Moonshot's documented limit of a whole request
DEFAULT_SPEED = 80.0  # events a second
_MAX_COUNTED_FAULTS = 1_000  # pairs of a text of switches and a key whose `times` are counted


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and the body as it comes: one `bytes` per event of a stream.

    The body may raise `ConnectionResetError`, which stands for a broken connection; closing it (`aclose`)
    ends the generation.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: AsyncIterator[bytes]


class Responder(Protocol):
    """What answers requests: a `Service`, or what stands in for one."""

    async def respond(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        speed: float | None = None,
    ) -> Response:
        """Answer one request; see `Service.respond`."""

    def refuse(self, refusal: RefusalError, shape: str = "") -> Response:
        """Return the response for a refusal; see `Service.refuse`."""


class Service:
    """An offline stand-in for a provider of the thinking models.

    `profile` is that of a provider, by the names in the data file; `speed` the events a second of requests
    that name none (0: as fast as possible); `keys` the accepted keys; `seed` changes every answer; `faults`
    are switches for all requests, as in the header `x-simulator-faults`; `limits` are those of each key, None
    for those of the profile. Raises `ValueError` for an unknown
    profile or switch, or a speed below 0.
    """

    def __init__(
        self,
        *,
        profile: str = "evolink",
        speed: float = DEFAULT_SPEED,
        keys: Collection[str] = (OFFLINE_KEY,),
        seed: int = 0,
        faults: str = "",
        limits: Limits | None = None,
    ) -> None:
        """Set up the provider; see the class."""
        self._profile = profile_named(profile)
        self._limits = limits or self._profile.limits
        self._speed = _checked_speed(speed)
        self._keys = frozenset([keys] if isinstance(keys, str) else keys)
        self._seed = seed
        self._default_faults = faults
        parse_faults(faults)
        self._cache = PrefixCache()
        self._accounts: dict[str, Account] = {}
        self._failures: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._count = 0

    @property
    def speed(self) -> float:
        """The events a second of requests that name no speed of their own."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        self._speed = _checked_speed(value)

    async def respond(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        speed: float | None = None,
    ) -> Response:
        """Answer one request; returns when the response's headers would be sent.

        That is at once for a stream, and after the whole generation otherwise. Header names are lower-case;
        `body` is None for one that is larger than `MAX_BODY` and was not read; `speed` is in events a second
        (0: as fast as possible; None: the service's own). Raises `ValueError` for a speed below 0.
        """
        speed = self._speed if speed is None else _checked_speed(speed)
        self._count += 1
        switches = Faults()
        try:
            switches = self._read_faults(headers)
            key = self._check_head(method, path, headers)
            body = _checked_body(body)
            if path == "/v1/chat/completions":
                return await self._chat(body, key, switches, speed)
            return await self._small(path, body, key, switches)
        except RefusalError as refusal:
            return self.refuse(refusal, switches.body)

    def refuse(self, refusal: RefusalError, shape: str = "") -> Response:
        """Return the response for a refusal, in the provider's shape or in a gateway's `shape`."""
        kind, body = error_body(self._profile, refusal, shape)
        headers = [("content-type", kind), ("content-length", str(len(body))), *refusal.headers]
        return Response(refusal.status, self._with_id(headers), _once(body))

    def _read_faults(self, headers: Mapping[str, str]) -> Faults:
        asked = (self._profile.variants, self._default_faults, headers.get("x-simulator-faults", ""))
        text = "; ".join(filter(None, asked))
        try:
            return parse_faults(text)
        except ValueError as problem:
            raise invalid(str(problem)) from None

    def _check_head(self, method: str, path: str, headers: Mapping[str, str]) -> str:
        """Check path, method and key, in this order; return the key."""
        allowed = {"/v1/chat/completions": "POST", "/v1/models": "GET"}
        if self._profile.accounts:
            allowed |= {"/v1/tokenizers/estimate-token-count": "POST", "/v1/users/me/balance": "GET"}
        if self._profile.credits:
            allowed["/v1/credits"] = "GET"
        if path not in allowed:
            raise RefusalError(404, "The requested path was not found")
        if method != allowed[path]:
            refusal = RefusalError(405, f"method {method[:20]} is not allowed, use {allowed[path]}")
            refusal.headers.append(("allow", allowed[path]))
            raise refusal
        scheme, _, key = headers.get("authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise RefusalError(401, "Incorrect API key provided", kind="incorrect_api_key_error")
        if key not in self._keys:
            raise RefusalError(401, "Invalid Authentication")
        return key

    async def _small(self, path: str, body: bytes, key: str, switches: Faults) -> Response:
        """Answer at one of the smaller endpoints."""
        match path:
            case "/v1/models":
                answer = model_list(self._profile)
            case "/v1/users/me/balance":
                answer = _account({"available_balance": 12.5, "voucher_balance": 10.0, "cash_balance": 2.5})
            case "/v1/credits":
                answer = {"data": {"total_credits": 20.0, "total_usage": 7.5}}
            case _:
                answer = _account({"total_tokens": self._estimate(body)})
        active = self._spend(switches, key)
        return self._failure(active, stream=False) or self._json(json.dumps(answer).encode(), (), active)

    async def _chat(self, body: bytes, key: str, switches: Faults, speed: float) -> Response:
        request = read_request(body, self._profile, accept_images=switches.images == "accept")
        tools_text = tools.as_text(request.tools)
        if prompt_size(request.messages, tools_text) > request.card.context:
            raise RefusalError(400, "Input token length too long")
        prompt = list(prompt_pieces(request.messages, tools_text))
        _check_context(len(prompt), request)
        active = self._spend(switches, key, as_json=request.json_mode != "text")
        failure = self._failure(active, stream=request.stream)
        if failure is not None:
            return failure
        leave = self._accounts.setdefault(key, Account(self._limits)).enter(len(prompt) + request.cap)
        try:
            response = await self._answer(request, prompt, key, active, speed)
        except BaseException:
            leave()
            raise
        return replace(response, body=Held(response.body, leave))

    async def _answer(
        self, request: Request, prompt: list[str], key: str, active: Faults, speed: float
    ) -> Response:
        completion = self._complete(request, prompt, key, active)
        extra = _unknown_header(request.unknown)
        if request.stream and not active.json:
            return self._stream(completion, extra, active, speed)
        clock = Clock(speed)
        clock.shift(active.slow_start)
        await clock.reach(sum(choice.total for choice in completion.choices))
        return self._json(wire.whole(completion, active), extra, active)

    def _complete(self, request: Request, prompt: list[str], key: str, active: Faults) -> wire.ChatCompletion:
        try:
            drafts = compose.drafts(request, self._seed, active.misfit, loops=active.tool_loop)
        except SchemaError as problem:
            raise bad_schema(problem) from None
        choices = [
            complete(draft, index, request.cap, request.stops, active) for index, draft in enumerate(drafts)
        ]
        identity = {name: value for name, value in request.body.items() if not name.startswith("stream")}
        return wire.ChatCompletion(
            id=f"cmpl-{digest(self._seed, identity)}",
            created=int(time.time()),
            model=request.card.name,
            prompt_total=len(prompt),
            cached_total=self._cache.hit(key, prompt),
            include_usage=request.include_usage,
            thinking=request.thinking,
            choices=tuple(choices),
        )

    def _stream(
        self,
        completion: wire.ChatCompletion,
        extra: Iterable[tuple[str, str]],
        active: Faults,
        speed: float,
    ) -> Response:
        kind = active.type or "engine_overloaded_error"
        error = json.dumps(
            error_object(self._profile, RefusalError(500, _message_for(kind, 503), literal=kind))
        )
        headers = (("content-type", "text/event-stream"), ("cache-control", "no-cache"), *extra)
        body = events(wire.chunks(completion, active), error, speed, active)
        return Response(200, self._with_id(headers), body)

    def _json(self, body: bytes, extra: Iterable[tuple[str, str]], active: Faults) -> Response:
        headers = [("content-type", "application/json"), *extra]
        if active.reset is not None:
            return Response(200, self._with_id(headers), _broken())
        if active.cut is not None:
            return Response(200, self._with_id(headers), _once(body[: len(body) // 2]))
        headers.append(("content-length", str(len(body))))
        return Response(200, self._with_id(headers), _once(body))

    def _spend(self, switches: Faults, key: str, *, as_json: bool = False) -> Faults:
        """Count a request against `times`; after the last time only the variants of the format remain."""
        if switches.misfit and not as_json:
            return switches.without_failures()
        if switches.times is None:
            return switches
        counted = self._failures.get((switches.text, key), 0)
        if counted >= switches.times:
            return switches.without_failures()
        self._failures[switches.text, key] = counted + 1
        while len(self._failures) > _MAX_COUNTED_FAULTS:
            self._failures.popitem(last=False)
        return switches

    def _failure(self, active: Faults, *, stream: bool) -> Response | None:
        """Return the response that a fault switch demands instead of an answer, or None."""
        if active.status is not None:
            raise self._demanded_refusal(active, active.status)
        if active.html is not None:
            page = content.load("faults")["page"].format(status=active.html).encode()
            return Response(active.html, self._with_id([("content-type", "text/html")]), _once(page))
        if active.empty:
            kind = "text/event-stream" if stream else "application/json"
            return Response(200, self._with_id([("content-type", kind), ("content-length", "0")]), _once(b""))
        return None

    def _demanded_refusal(self, active: Faults, status: int) -> RefusalError:
        usual = self._profile.error_types.get(status, "server_error")
        refusal = RefusalError(status, _message_for(active.type or usual, status), literal=active.type)
        if active.retry_after:
            refusal.headers += [("retry-after", active.retry_after), ("x-retry-after", active.retry_after)]
        if active.retry_after_date is not None:
            moment = time.time() + active.retry_after_date
            refusal.headers.append(("retry-after", formatdate(moment, usegmt=True)))
        if active.retry_after_ms is not None:
            refusal.headers.append(("retry-after-ms", str(active.retry_after_ms)))
        return refusal

    def _estimate(self, body: bytes) -> int:
        fields, _ = read_json(body)
        for name in ("model", "messages"):
            if fields.get(name) is None:
                raise invalid(f"{name} is required")
        card = find_model(fields["model"], self._profile)
        if not isinstance(fields["messages"], list):
            raise wrong_type("messages", "array", fields["messages"])
        if not fields["messages"]:
            raise invalid("messages must not be empty")
        messages = read_messages(fields["messages"], card, self._profile, thinking=False, accept_images=False)
        if prompt_size(messages, "") > 4 * card.context:
            raise RefusalError(400, "Input token length too long")
        return sum(1 for _ in prompt_pieces(messages, ""))

    def _with_id(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return (*headers, (self._profile.request_id_header, digest(self._seed, self._count)))


def _checked_body(body: bytes | None) -> bytes:
    if body is None or len(body) > MAX_BODY:
        raise RefusalError(413, f"Request body too large: at most {MAX_BODY} bytes are accepted")
    return body


def _checked_speed(speed: float) -> float:
    if not speed >= 0:
        raise ValueError(f"speed must be at least 0 events a second, not {speed}")
    return speed


def _check_context(prompt: int, request: Request) -> None:
    if prompt > request.card.context:
        raise RefusalError(400, "Input token length too long")
    wanted = prompt + request.cap
    if wanted > request.card.context:
        raise invalid(
            f"Your request exceeded model token limit: {request.card.context} (requested: {wanted})"
        )


def _account(data: dict[str, Any]) -> dict[str, object]:
    """Wrap data as Moonshot's account endpoints do."""
    return {"code": 0, "data": data, "scode": "0x0", "status": True}


def _message_for(kind: str, status: int) -> str:
    texts = content.load("faults")
    return str(texts["messages"].get(kind) or texts["other"].format(status=status))


def _unknown_header(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """List fields that are not read, quoted: their names come from the client."""
    if not names:
        return []
    return [("x-simulator-unknown-fields", ", ".join(quote(name[:60]) for name in names[:20]))]


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


async def _broken() -> AsyncIterator[bytes]:
    raise ConnectionResetError("reset by a fault switch")
    yield b""
