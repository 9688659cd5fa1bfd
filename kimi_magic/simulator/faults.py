"""The fault switches, by which a test makes the simulator misbehave.

They are read from the request header `x-simulator-faults`, or from the parameter `faults` of `Service` for
all requests: `name=value; name; ...`. This module only reads them; `service`, `compose`, `completion`, `wire`
and `stream` obey them.

Failures; `times=N` ends them after N requests (counted for each text of switches and each key):
    status=429               refuse; with type=NAME, retry-after=S, retry-after-date[=S], retry-after-ms=MS
    html=504                 an HTML page with that status (html=200: where events were promised)
    empty                    200 and no bytes
    json                     one JSON answer where a stream was asked for
    slow-start=SECONDS       silence before the first event
    silence=K:SECONDS        silence after K events
    cut=K                    the body ends after K events (half-way, if not streaming)
    reset=K                  the connection breaks after K events (at once, if not streaming)
    error-in-stream=K        an error object after K events, then the end; type=NAME
    no-done                  the end without [DONE]
    finish=REASON            that finish_reason
    malformed-arguments      tool arguments that are not JSON
    unknown-tool             a call of a function that was not offered
    tool-loop                the same call again, whatever came of it, as long as tools are offered
    no-choices               one event with an empty list of choices and no usage
    misfit=KIND              JSON mode gives what does not fit: type (a value of another type), missing (a
                             property left out), fence (right, but in a fence after a sentence), broken (a
                             comma left out), nan (a number that is NaN), twice (a key that comes twice);
                             other requests are neither changed nor counted

Variants of the format, which `times` does not end:
    comments, crlf, split    keep-alive comments; CRLF line ends; bytes in pieces of 1 to 7
    reasoning-field          the reasoning under the name `reasoning`
    think-tags               the reasoning as <think>...</think> in the content
    role-everywhere          the role in every delta
    usage=WHERE              choice, top, both or none
    index-less-tools         tool call fragments without their index
    images=accept            images also for text-only models
    body=SHAPE               error bodies as other gateways write them
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from . import misfits

BODY_SHAPES = ("string", "detail", "code", "text", "none", "openai", "openrouter")
USAGE_PLACES = ("choice", "top", "both", "none")


@dataclass(frozen=True, slots=True)
class Faults:
    """What is to go wrong with one request. Counts are events, times are seconds."""

    text: str = ""
    status: int | None = None
    type: str = ""
    times: int | None = None
    retry_after: str = ""
    retry_after_date: float | None = None
    retry_after_ms: int | None = None
    html: int | None = None
    empty: bool = False
    json: bool = False
    slow_start: float = 0.0
    silence: tuple[int, float] | None = None
    cut: int | None = None
    reset: int | None = None
    error_in_stream: int | None = None
    no_done: bool = False
    finish: str = ""
    malformed_arguments: bool = False
    unknown_tool: bool = False
    tool_loop: bool = False
    no_choices: bool = False
    misfit: str = ""
    comments: bool = False
    crlf: bool = False
    split: bool = False
    reasoning_field: bool = False
    think_tags: bool = False
    role_everywhere: bool = False
    usage: str = ""
    index_less_tools: bool = False
    images: str = ""
    body: str = ""

    def without_failures(self) -> Faults:
        """Keep only the variants of the format."""
        return Faults(**{name: getattr(self, name) for name in _VARIANTS})


_VARIANTS = (
    "comments",
    "crlf",
    "split",
    "reasoning_field",
    "think_tags",
    "role_everywhere",
    "usage",
    "index_less_tools",
    "images",
    "body",
)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("a whole number")
    return int(text)


def _status(text: str) -> int:
    if not re.fullmatch(r"[45][0-9][0-9]", text):
        raise ValueError("an HTTP status from 400 to 599")
    return int(text)


def _page_status(text: str) -> int:
    return 200 if text == "200" else _status(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise ValueError("seconds")
    return float(text)


def _seconds_or_one(text: str) -> float:
    return _seconds(text or "1")


def _pause(text: str) -> tuple[int, float]:
    count, colon, seconds = text.partition(":")
    if not colon:
        raise ValueError("EVENTS:SECONDS")
    return _whole(count), _seconds(seconds)


def _word(text: str) -> str:
    if not re.fullmatch(r"[\w.,: -]{1,60}", text, re.ASCII):
        raise ValueError("a word")
    return text


def _flag(text: str) -> bool:
    if text:
        raise ValueError("no value")
    return True


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return parse


_PARSERS: dict[str, Callable[[str], Any]] = {
    "status": _status,
    "type": _word,
    "times": _whole,
    "retry-after": _word,
    "retry-after-date": _seconds_or_one,
    "retry-after-ms": _whole,
    "html": _page_status,
    "slow-start": _seconds,
    "silence": _pause,
    "cut": _whole,
    "reset": _whole,
    "error-in-stream": _whole,
    "finish": _word,
    "usage": _one_of(*USAGE_PLACES),
    "images": _one_of("accept"),
    "body": _one_of(*BODY_SHAPES),
    "misfit": _one_of(*misfits.KINDS),
}
NAMES = tuple(field.name.replace("_", "-") for field in fields(Faults) if field.name != "text")


def parse_faults(text: str) -> Faults:
    """Read switches. Raises `ValueError`, with the most similar name for an unknown switch."""
    values: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = (part.strip() for part in item.partition("="))
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.0)[0]
            raise ValueError(f"unknown fault {name!r}; did you mean {near!r}?")
        try:
            values[name.replace("-", "_")] = _PARSERS.get(name, _flag)(value)
        except ValueError as problem:
            raise ValueError(f"fault {name!r} takes {problem}, not {value!r}") from None
    return replace(Faults(**values), text="; ".join(sorted(text.split(";"))))
