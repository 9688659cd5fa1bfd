"""Fields that a service refuses though the others take them: left out or renamed, and remembered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from kimi_magic.client.connection import Connection
from kimi_magic.errors import KimiRequestError
from kimi_magic.messages import JSON_OBJECT, Request
from kimi_magic.messages.sent import TriedFormat, with_instruction
from kimi_magic.schema import instruction


def _with_blank_reasoning(request: Request) -> Request:
    """The request with a blank for each reasoning that is empty, where functions were called."""
    messages = tuple(
        replace(message, reasoning_content=" ")
        if message.tool_calls and message.reasoning_content == ""
        else message
        for message in request.messages
    )
    return replace(request, messages=messages)


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
    # Some take the empty reasoning of a call that was not reasoned about for none (openclaw #70565).
    Substitute(
        "messages",
        re.compile(r"reasoning_content is missing"),
        _with_blank_reasoning,
        "{host} takes no empty reasoning of a call, so it was asked with a blank.",
    ),
)


def _in_words(request: Request) -> Request:
    """The request with its schema in the prompt."""
    form = request.response_format
    if not isinstance(form, TriedFormat) or form.json_schema is None:
        return request
    words = instruction(form.json_schema["schema"])
    messages = tuple(with_instruction(request.messages, words))
    return replace(request, messages=messages, response_format=JSON_OBJECT)


IN_WORDS = Substitute(
    "response_format",
    re.compile(r"json_schema|response_format|structured|schema|guided|grammar", re.IGNORECASE),
    _in_words,
    "{host} takes no json_schema, so it was asked with the schema in the prompt.",
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

    def learn(self, connection: Connection, request: Request, error: KimiRequestError) -> str:
        """A sentence about what to do differently after a refusal; "" if there is nothing."""
        for substitute in SUBSTITUTES:
            is_there = getattr(request, substitute.field) is not None
            if is_there and substitute.names.search(error.message) and substitute.apply(request) != request:
                return self._remember(connection, request, substitute)
        # Services say in many words that they take no schema, some in none at all.
        is_tried = isinstance(request.response_format, TriedFormat) and type(error) is KimiRequestError
        return self._remember(connection, request, IN_WORDS) if is_tried else ""

    def forget(self, connection: Connection, request: Request) -> None:
        """Forget that a schema is not taken: it was refused for something else."""
        known = self._refused.get((connection.base_url, request.model), [])
        if IN_WORDS in known:
            known.remove(IN_WORDS)

    def _remember(self, connection: Connection, request: Request, substitute: Substitute) -> str:
        self._refused.setdefault((connection.base_url, request.model), []).append(substitute)
        return substitute.notice.format(host=connection.host)
