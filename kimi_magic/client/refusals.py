"""What went wrong, in words: statuses, error bodies and lost connections as errors of ours."""

from __future__ import annotations

import difflib
import re
from typing import Any

import httpx
import msgspec

from kimi_magic import errors, models
from kimi_magic.client.connection import MOST_CONNECTIONS, Connection
from kimi_magic.client.transports import CONNECT_TIMEOUT, SILENCE_TIMEOUT
from kimi_magic.messages import Refusal, refusal

_OFFLINE = "or try without the service: {@offline}"
AGAIN = "What arrived is kept. {@again} for a whole answer."

# What services say, whatever the status: their words, from Moonshot's and EvoLink's tables of errors.
_QUOTA = re.compile(r"quota|insufficient|balance|billing|suspended|recharge|credit", re.IGNORECASE)
_FILTER = re.compile(r"content_filter|high risk", re.IGNORECASE)
_RATE = re.compile(
    r"per[ _-]?(second|minute|min|hour)|rate.?limit|\b[RT]PM\b|too many requests", re.IGNORECASE
)
_EMPTY = re.compile(
    r"exceeded_current_quota|insufficient|balance|billing|suspended|recharge|credit", re.IGNORECASE
)
_CONTEXT = re.compile(
    r"token limit|token length too long|context.{0,9}(length|size|window)|maximum context|prompt is too long",
    re.I,
)
_CONTEXT_NUMBERS = re.compile(r"limit: (\d+) \(requested: (\d+)\)")
_OVERLOADED = re.compile(r"overload|rate.?limit|unavailable|too many requests|per minute", re.IGNORECASE)


def status_error(
    response: httpx.Response, body: bytes, connection: Connection, model: str = ""
) -> errors.KimiStatusError:
    """The error for a status other than 200."""
    try:
        error = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # the former also for bytes that are no UTF-8
        error = connection.excerpt(body)
    headers = response.headers
    request_id = connection.excerpt(headers.get("x-request-id") or headers.get("msh-request-id") or "", 80)
    return refused(error, connection, status=response.status_code, request_id=request_id, model=model)


def refused(
    error: Any, connection: Connection, *, status: int = httpx.codes.OK, request_id: str = "", model: str = ""
) -> errors.KimiStatusError:
    """The error for a refusal: a decoded error body, or the `error` of a chunk in a stream (status 200)."""
    reason = refusal(error)
    reason = Refusal(connection.excerpt(reason.message), connection.excerpt(reason.type, 80))
    kind, what, hint = _kind(reason, status, connection, model)
    number = "" if status == httpx.codes.OK else f" ({status})"
    quote = f": {reason.message}" if reason.message else ""
    ident = f" [request {request_id}]" if request_id else ""
    line = f"{connection.host} {what}{number}{quote}{ident}"
    return kind(line, hint=hint, status=status, type=reason.type, request_id=request_id)


def _kind(
    reason: Refusal, status: int, connection: Connection, model: str
) -> tuple[type[errors.KimiStatusError], str, str]:
    """The class of a refusal, what happened as the words after the host, and what to do next."""
    words = f"{reason.type} {reason.message}"
    if status == httpx.codes.OK:
        return _kind_in_stream(words)
    if status in (400, 413, 422) and _FILTER.search(words):
        return errors.KimiContentFilterError, "will not answer this", "Change the words of the prompt."
    if status in (400, 413, 422) and _CONTEXT.search(words):
        return errors.KimiContextError, "cannot take that much text", _shorten(reason.message, model)
    match status:
        case 401:
            source = f" from {connection.key_source}" if connection.key_source else ""
            return (
                errors.KimiAuthError,
                f"refused the key{source}" if connection.key else "wants a key, and none was sent",
                f"Set the right key ({{@login}}), {_OFFLINE}",
            )
        case 402 | 429 if status == 402 or _says_no_quota(words):
            return (
                errors.KimiQuotaError,
                "says the account has no quota left",
                "Check plan and balance with the service; waiting does not help.",
            )
        case 403:
            return (
                errors.KimiPermissionError,
                "does not allow this to your key",
                "Ask the service which models and addresses the key is for.",
            )
        case 404:
            meant = _nearest(model, connection.provider)
            return (
                errors.KimiModelError,
                f"does not have model {model!r} at this address" if model else "does not have this address",
                f"{meant}See {{@models}}; the base URL is {connection.place}",
            )
        case 408 | 429:
            return (
                errors.KimiRateLimitError,
                "is asked too much at the moment" if status == 429 else "waited too long for the request",
                "Wait a little. {@again}.",
            )
        case _ if status >= 500:
            return (
                errors.KimiServerError,
                "failed",
                "This is on the side of the service. {@again} in a while.",
            )
        case _ if 300 <= status < 400:
            return (
                errors.KimiStatusError,
                "answered with a redirect, which is not followed: your key is for this host alone",
                "Set the address that the service documents: {@base_url URL}",
            )
    return errors.KimiRequestError, "refused the request", "Change what the message names. {@again}."


def _kind_in_stream(words: str) -> tuple[type[errors.KimiStatusError], str, str]:
    """The same for an error that came in a stream, after status 200."""
    what = "broke off with an error"
    if _FILTER.search(words):
        return errors.KimiContentFilterError, what, "Change the words of the prompt."
    if _says_no_quota(words):
        return errors.KimiQuotaError, what, "Check plan and balance with the service."
    if _OVERLOADED.search(words):
        return errors.KimiRateLimitError, what, AGAIN
    return errors.KimiStatusError, what, AGAIN


def _says_no_quota(words: str) -> bool:
    """Whether the account is empty, and not only asked too often in a minute."""
    return bool(_EMPTY.search(words) or (_QUOTA.search(words) and not _RATE.search(words)))


def _shorten(message: str, model: str) -> str:
    context = models.find(model).context
    if numbers := _CONTEXT_NUMBERS.search(message):
        over = int(numbers[2]) - int(numbers[1])
        return (
            f"Prompt, history and {{@max_tokens}} are {over:,} tokens over the model's {int(numbers[1]):,}: "
            "lower {@max_tokens}, send no history ({@no_history}) or begin anew ({@reset})."
        )
    limit = f" (the model takes {context:,} tokens in all)" if context else ""
    return f"Shorten the prompt, leave the history out ({{@no_history}}) or lower {{@max_tokens}}{limit}."


def _nearest(model: str, provider: str) -> str:
    """A question whether a model of a similar name was meant, of those that the provider still serves."""
    alive = {name.rsplit("/", 1)[-1].lower(): name for name in models.table().alive(provider)}
    close = difflib.get_close_matches(model.rsplit("/", 1)[-1].lower(), alive, n=2, cutoff=0.6)
    close = [alive[name] for name in close if alive[name] != model]
    return f"Did you mean {' or '.join(close)}? " if close else ""


def transport_error(
    error: httpx.RequestError | httpx.InvalidURL,
    connection: Connection,
    arrived: bool,
    silence: float = SILENCE_TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
) -> errors.KimiError:
    """The error for a connection that failed; `arrived` says whether part of an answer had come."""
    host = connection.host
    match error:
        case httpx.ConnectTimeout():
            return errors.KimiTimeoutError(
                f"no connection to {host} within {connect_timeout:.3g} s",
                hint=f"Check the network and the base URL ({{@settings}}), {_OFFLINE}",
                passing=True,
            )
        case httpx.PoolTimeout():
            return errors.KimiTimeoutError(
                f"all connections are busy; nothing was sent to {host} for {silence:g} s",
                hint=f"Ask at most {MOST_CONNECTIONS} at once, or wait longer with {{@timeout SECONDS}}.",
            )
        case httpx.TimeoutException():
            return errors.KimiTimeoutError(
                f"{host} sent nothing for {silence:g} s",
                hint="{@again}, or allow longer silence with {@timeout SECONDS}.",
            )
        case httpx.DecodingError():
            return errors.KimiStreamError(
                f"{host} sent an answer that cannot be unpacked: {error}", hint=AGAIN
            )
        case _ if arrived:
            lost = f"the answer broke off: the connection to {host} was lost"
            return errors.KimiStreamError(lost, hint=AGAIN)
        case httpx.ProxyError():
            return errors.KimiConnectionError(
                f"the proxy between here and {host} refused: {errors.one_line(str(error))}",
                hint="Check HTTPS_PROXY; it may need a user: http://user:password@proxy.example:3128.",
            )
        case httpx.ConnectError() if "certificate" in str(error).lower():
            return errors.KimiConnectionError(
                f"the certificate of {host} is not trusted: {connection.redact(str(error))}",
                hint="Set SSL_CERT_FILE to a file (PEM) with the certificates of your network; restart.",
            )
        case httpx.ConnectError() | httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return errors.KimiConnectionError(
                f"cannot reach {host}: {connection.redact(str(error))}",
                hint=f"Check the network and the base URL ({{@settings}}), {_OFFLINE}",
                passing=isinstance(error, httpx.ConnectError),
            )
        case _:
            return errors.KimiConnectionError(
                f"the connection to {host} was lost before an answer came "
                f"({connection.redact(str(error)) or type(error).__name__})",
                hint="{@again}.",
                passing=isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError),
            )
