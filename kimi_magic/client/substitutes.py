"""Fields that a service refuses though the others take them: left out or renamed, and remembered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from kimi_magic.client.connection import Connection
from kimi_magic.messages import Request


class Substitute(NamedTuple):
    """What to do about a field: `names` says when, `apply` does it, `notice` says it to the person."""

    field: str
    names: re.Pattern[str]  # in the message of the refusal
    apply: Callable[[Request], Request]
    notice: str


# Older servers and strict gateways refuse `stream_options`; the new name of the cap is what OpenAI's own
# later models and Azure want.
SUBSTITUTES = (
    Substitute(
        "stream_options",
        re.compile(r"\bstream_options\b|\binclude_usage\b"),
        lambda request: replace(request, stream_options=None),
        "{host} takes no stream_options, so it was asked without: it may not count the tokens.",
    ),
    Substitute(
        "max_tokens",
        re.compile(r"\bmax_completion_tokens\b"),
        lambda request: replace(request, max_tokens=None, max_completion_tokens=request.max_tokens),
        "{host} wants max_completion_tokens in place of max_tokens, so it was asked so.",
    ),
)


class Substitutes:
    """What each service has refused so far."""

    def __init__(self) -> None:
        self._refused: dict[tuple[str, str], list[Substitute]] = {}

    def apply(self, connection: Connection, request: Request) -> Request:
        """`request` as the service takes it, as far as is known."""
        for substitute in self._refused.get((connection.base_url, request.model), ()):
            request = substitute.apply(request)
        return request

    def learn(self, connection: Connection, request: Request, message: str) -> str:
        """A sentence about what to do differently after a refusal; "" if there is nothing."""
        for substitute in SUBSTITUTES:
            if getattr(request, substitute.field) is not None and substitute.names.search(message):
                self._refused.setdefault((connection.base_url, request.model), []).append(substitute)
                return substitute.notice.format(host=connection.host)
        return ""
