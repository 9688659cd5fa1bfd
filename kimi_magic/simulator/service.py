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
from typing import Any
from urllib.parse import quote

from . import compose, misfits, tooling, wire
from .completion import complete
from .dialogue import prompt_length, prompt_pieces, read_messages
from .faults import Faults
from .faults import parse as parse_faults
from .offline import OFFLINE_KEY
from .profiles import RefusalError, error_body, error_object, invalid, model_list, profile_named
from .request import Request, find_model, read_json, read_request, wrong_type
from .samples import digest
from .stream import Clock, events
from .tokens import LONGEST_PIECE, PrefixCache

MAX_BODY = 100 * 1024 * 1024  # bytes; Moonshot's documented limit of a whole request
_REMEMBERED_FAULTS = 1_000  # (fault text, key) pairs whose `times` are counted
_HTML = b"<!DOCTYPE html>\n<html><head><title>%d</title></head><body><h1>%d</h1><hr>gateway</body></html>\n"
_MESSAGES = {
    "content_filter": "The request was rejected because it was considered high risk",
    "engine_overloaded_error": "The engine is currently overloaded, please try again later",
    "exceeded_current_quota_error": (
        "Your account is suspended due to insufficient balance, please recharge your account or check "
        "your plan and billing details"
    ),
    "rate_limit_reached_error": (
        "Your account reached organization max RPM: 3, please try again after 1 seconds"
    ),
    "rate_limit_error": "Rate limit exceeded, please try again after 1 seconds",
    "insufficient_quota_error": "Insufficient credits, please top up your account",
    "unexpected_output": "invalid state transition",
}


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and the body as it comes: one `bytes` per event of a stream.

    The body may raise `ConnectionResetError`, which stands for a broken connection; closing it (`aclose`)
    ends the generation.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: AsyncIterator[bytes]


class Service:
    """An offline host of the thinking models.

    `profile` is "evolink" or "moonshot"; `speed` the events a second (0: as fast as possible); `keys` the
    accepted keys; `seed` changes every answer; `faults` are switches for all requests, as in the header
    `x-simulator-faults`. Raises `ValueError` for an unknown profile or fault, or a negative speed.
    """

    def __init__(
        self,
        *,
        profile: str = "evolink",
        speed: float = 80.0,
        keys: Collection[str] = (OFFLINE_KEY,),
        seed: int = 0,
        faults: str = "",
    ) -> None:
        """Set up the host; see the class."""
        if not speed >= 0:
            raise ValueError(f"speed must be at least 0 events a second, not {speed}")
        self._profile = profile_named(profile)
        self._speed = speed
        self._keys = frozenset([keys] if isinstance(keys, str) else keys)
        self._seed = seed
        self._default_faults = faults
        parse_faults(faults)
        self._cache = PrefixCache()
        self._failed: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._count = 0

    async def respond(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        speed: float | None = None,
    ) -> Response:
        """Answer one request; header names are lower-case, `speed` is that of this answer if not None.

        Returns when the response's headers would be sent: at once for a stream, after the whole
        generation otherwise.
        """
        self._count += 1
        switches = Faults()
        try:
            switches = self._read_faults(headers)
            pace = self._speed if speed is None else speed
            return await self._route(method, path, headers, body, switches=switches, speed=pace)
        except RefusalError as refusal:
            return self._refuse(refusal, switches)

    async def _route(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        switches: Faults,
        speed: float,
    ) -> Response:
        allowed = {"/v1/chat/completions": "POST", "/v1/models": "GET"}
        if self._profile.accounts:
            allowed |= {"/v1/tokenizers/estimate-token-count": "POST", "/v1/users/me/balance": "GET"}
        if path not in allowed:
            raise RefusalError(404, "The requested path was not found")
        if method != allowed[path]:
            refusal = RefusalError(405, f"method {method[:20]} is not allowed, use {allowed[path]}")
            refusal.headers.append(("allow", allowed[path]))
            raise refusal
        key = self._authenticate(headers.get("authorization"))
        if len(body) > MAX_BODY:
            raise RefusalError(413, f"Request body too large: at most {MAX_BODY} bytes are accepted")
        match path:
            case "/v1/chat/completions":
                return await self._chat(body, key, switches, speed)
            case "/v1/models":
                answer = model_list(self._profile)
            case "/v1/users/me/balance":
                answer = _account({"available_balance": 12.5, "voucher_balance": 10.0, "cash_balance": 2.5})
            case _:
                answer = _account({"total_tokens": self._estimate(body)})
        active = self._spend(switches, key)
        early = await self._scripted(active, stream=False)
        return early or self._json(json.dumps(answer).encode(), (), active)

    async def _chat(self, body: bytes, key: str, switches: Faults, speed: float) -> Response:
        request = read_request(body, self._profile, accept_images=switches.images == "accept")
        tools_text = tooling.as_text(request.tools)
        if prompt_length(request.messages, tools_text) > request.card.context * LONGEST_PIECE:
            raise RefusalError(400, "Input token length too long")
        prompt = list(prompt_pieces(request.messages, tools_text))
        _check_context(len(prompt), request)
        active = self._spend(switches, key, as_json=request.json_mode != "text")
        early = await self._scripted(active, stream=request.stream)
        if early is not None:
            return early
        reply = self._reply(request, prompt, key, active)
        extra = _unknown_header(request.unknown)
        if request.stream and not active.json:
            return self._stream(reply, extra, active, speed)
        clock = Clock(speed)
        clock.shift(active.slow_start)
        await clock.reach(sum(completion.total for completion in reply.completions))
        return self._json(wire.whole(reply, active), extra, active)

    def _reply(self, request: Request, prompt: list[str], key: str, active: Faults) -> wire.Reply:
        drafts = compose.drafts(request, self._seed)
        if active.misfit:
            schema, _ = compose.schema_of(request)
            drafts = [
                replace(draft, content=misfits.spoil(draft.content, active.misfit, schema))
                for draft in drafts
            ]
        completions = [
            complete(draft, index, request.cap, request.stops, active) for index, draft in enumerate(drafts)
        ]
        identity = {name: value for name, value in request.body.items() if not name.startswith("stream")}
        return wire.Reply(
            id=f"cmpl-{digest(self._seed, identity)}",
            created=int(time.time()),
            model=request.card.name,
            prompt_total=len(prompt),
            cached=self._cache.hit(key, prompt),
            include_usage=request.include_usage,
            thinking=request.thinking,
            completions=tuple(completions),
        )

    def _stream(
        self, reply: wire.Reply, extra: Iterable[tuple[str, str]], active: Faults, speed: float
    ) -> Response:
        failure = RefusalError(500, _message_for(active.type or "engine_overloaded_error", 503))
        failure.literal = active.type or "engine_overloaded_error"
        error = json.dumps(error_object(self._profile, failure))
        headers = (("content-type", "text/event-stream"), ("cache-control", "no-cache"), *extra)
        body = events(wire.chunks(reply, active), error, speed, active)
        return Response(200, self._with_id(headers), body)

    def _json(self, body: bytes, extra: Iterable[tuple[str, str]], active: Faults) -> Response:
        headers = [("content-type", "application/json"), *extra]
        if active.reset is not None:
            return Response(200, self._with_id(headers), _broken())
        if active.cut is not None:
            return Response(200, self._with_id(headers), _once(body[: len(body) // 2]))
        headers.append(("content-length", str(len(body))))
        return Response(200, self._with_id(headers), _once(body))

    def _refuse(self, refusal: RefusalError, switches: Faults) -> Response:
        kind, body = error_body(self._profile, refusal, switches.body)
        headers = [("content-type", kind), ("content-length", str(len(body))), *refusal.headers]
        return Response(refusal.status, self._with_id(headers), _once(body))

    def _read_faults(self, headers: Mapping[str, str]) -> Faults:
        text = "; ".join(filter(None, (self._default_faults, headers.get("x-simulator-faults", ""))))
        try:
            return parse_faults(text)
        except ValueError as problem:
            raise invalid(str(problem)) from None

    def _authenticate(self, header: str | None) -> str:
        scheme, _, key = (header or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise RefusalError(401, "Incorrect API key provided", kind="incorrect_api_key_error")
        if key not in self._keys:
            raise RefusalError(401, "Invalid Authentication")
        return key

    def _spend(self, switches: Faults, key: str, *, as_json: bool = False) -> Faults:
        """Count a request against `times`; afterwards only the manner of the faults remains."""
        if switches.misfit and not as_json:
            return switches.without_trouble()
        if switches.times is None:
            return switches
        counted = self._failed.get((switches.text, key), 0)
        if counted >= switches.times:
            return switches.without_trouble()
        self._failed[switches.text, key] = counted + 1
        while len(self._failed) > _REMEMBERED_FAULTS:
            self._failed.popitem(last=False)
        return switches

    async def _scripted(self, active: Faults, *, stream: bool) -> Response | None:
        """Answer as a fault demands, or return None."""
        if active.status is not None:
            raise self._scripted_refusal(active, active.status)
        if active.html is not None:
            page = _HTML % (active.html, active.html)
            return Response(active.html, self._with_id([("content-type", "text/html")]), _once(page))
        if active.empty:
            kind = "text/event-stream" if stream else "application/json"
            return Response(200, self._with_id([("content-type", kind), ("content-length", "0")]), _once(b""))
        return None

    def _scripted_refusal(self, active: Faults, status: int) -> RefusalError:
        default = self._profile.error_types.get(status, "server_error")
        refusal = RefusalError(status, _message_for(active.type or default, status), literal=active.type)
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
        if prompt_length(messages, "") > 4 * card.context * LONGEST_PIECE:
            raise RefusalError(400, "Input token length too long")
        return sum(1 for _ in prompt_pieces(messages, ""))

    def _with_id(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return (*headers, (self._profile.request_id_header, digest(self._seed, self._count)))


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
    return _MESSAGES.get(kind, f"The service answered {status}, as a fault switch asked")


def _unknown_header(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """List fields nobody reads, quoted: their names come from the client."""
    if not names:
        return []
    return [("x-simulator-unknown-fields", ", ".join(quote(name[:60]) for name in names[:20]))]


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


async def _broken() -> AsyncIterator[bytes]:
    raise ConnectionResetError("reset by a fault switch")
    yield b""
