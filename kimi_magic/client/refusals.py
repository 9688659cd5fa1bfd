"""What went wrong, in words: statuses, error bodies and lost connections as errors of ours."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from kimi_magic import errors
from kimi_magic.client.connection import Connection
from kimi_magic.messages import refusal

CONNECT = 10.0  # s until a connection stands
SILENCE = 180.0  # s between two pieces of an answer; a thinking model may be quiet for minutes
_OFFLINE = "or try offline: %kimi_config --offline"


def status_error(response: httpx.Response, body: bytes, connection: Connection) -> errors.KimiStatusError:
    """The error for a status other than 200."""
    try:
        error = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        error = connection.excerpt(body)
    headers = response.headers
    request_id = connection.excerpt(headers.get("x-request-id") or headers.get("msh-request-id") or "", 80)
    return refused(error, connection, status=response.status_code, request_id=request_id)


def refused(
    error: Any, connection: Connection, *, status: int = httpx.codes.OK, request_id: str = ""
) -> errors.KimiStatusError:
    """The error for a refusal: a decoded error body, or the `error` of a chunk in a stream (status 200)."""
    said = refusal(error)
    word = said.type.lower()
    message = connection.excerpt(said.message)
    source = f" from {connection.key_source}" if connection.key_source else ""
    kind: type[errors.KimiStatusError]
    match status:
        case 401:
            kind, what = errors.KimiAuthError, f"{connection.host} refused the key{source}"
            hint = f"Set the right key (%kimi_config --login), {_OFFLINE}"
        case 402 | 429 if status == 402 or "quota" in word:
            kind, what = errors.KimiQuotaError, f"{connection.host} says the account has no quota left"
            hint = "Check plan and balance with the service; waiting does not help."
        case 404:
            kind, what = errors.KimiModelError, f"{connection.host} does not have this model or address"
            hint = f"Check model and base URL with %kimi_config; the base URL is {connection.base_url}"
        case 429:
            kind, what = errors.KimiRateLimitError, f"{connection.host} is asked too much at the moment"
            hint = "Wait a little, then run the cell again."
        case _ if status >= 500:
            kind, what = errors.KimiServerError, f"{connection.host} failed"
            hint = "This is on the side of the service. Run the cell again in a while."
        case 200:
            kind, what = errors.KimiStatusError, f"{connection.host} broke off with an error"
            hint = "What arrived is shown. Run the cell again for a whole answer."
        case _:
            kind, what = errors.KimiStatusError, f"{connection.host} refused the request"
            hint = ""
    number = "" if status == httpx.codes.OK else f" ({status})"
    told = f": {message}" if message else ""
    ident = f" [request {request_id}]" if request_id else ""
    return kind(
        f"{what}{number}{told}{ident}",
        hint=hint,
        status=status,
        type=connection.excerpt(said.type, 80),
        request_id=request_id,
    )


def transport_error(
    error: httpx.RequestError | httpx.InvalidURL, connection: Connection, arrived: bool
) -> errors.KimiError:
    """The error for a connection that failed; `arrived` says whether part of an answer had come."""
    host = connection.host
    match error:
        case httpx.ConnectTimeout():
            return errors.KimiTimeoutError(
                f"no connection to {host} within {CONNECT:g} s",
                hint=f"Check the network and the base URL (%kimi_config), {_OFFLINE}",
            )
        case httpx.TimeoutException():
            return errors.KimiTimeoutError(
                f"{host} sent nothing for {SILENCE:g} s", hint="Run the cell again."
            )
        case httpx.DecodingError():
            return errors.KimiStreamError(f"{host} sent an answer that cannot be unpacked: {error}")
        case _ if arrived:
            return errors.KimiStreamError(
                f"the answer broke off: the connection to {host} was lost",
                hint="What arrived is shown. Run the cell again for a whole answer.",
            )
        case httpx.ConnectError() | httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return errors.KimiConnectionError(
                f"cannot reach {host}: {connection.key.redact(str(error))}",
                hint=f"Check the network and the base URL (%kimi_config), {_OFFLINE}",
            )
        case _:
            return errors.KimiConnectionError(
                f"the connection to {host} was lost before an answer came "
                f"({connection.key.redact(str(error)) or type(error).__name__})",
                hint="Run the cell again.",
            )
