"""Everything that can go wrong, as one tree. Each error is one line for the person at the cell, and a hint.

KimiError
├── KimiUsageError          what was typed: an option, a value, an empty prompt
├── KimiBudgetError         the budget is spent; nothing was sent
├── KimiConnectionError     the service could not be reached
│   └── KimiTimeoutError    nothing came for too long
├── KimiStreamError         the answer broke off or was not an answer
├── KimiJSONError           the answer is not the JSON that was asked for
└── KimiStatusError         the service refused: status, request id, its own message
    ├── KimiAuthError       no key, or a key that was refused
    ├── KimiPermissionError the key may not do this
    ├── KimiQuotaError      out of money or quota; waiting does not help
    ├── KimiRateLimitError  too fast; waiting helps
    ├── KimiModelError      no such model for this key
    ├── KimiRequestError    the request is not as the service wants it
    │   ├── KimiContextError        prompt and cap do not fit the model
    │   └── KimiContentFilterError  the service will not answer this
    └── KimiServerError     the service itself failed
KeyboardInterrupt
└── KimiInterrupted         the person stopped the answer
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_IN_BRACES = re.compile(r"\{@([^{}]*)\}")
_PLAIN_WORDS = {"again": "Ask again"}


# Control characters but LF and tab, which terminals obey, and what lets a part of a line be shown in another
# order; and halves of characters, which no stream can hold. CR is one: behind it a terminal writes over the
# line.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` without control characters, and without those that let it be shown in another order."""
    return _OBEYED.sub("", text)


def one_line(text: str) -> str:
    """`text` on one line and without characters that a terminal obeys: it may come from outside."""
    return "".join(filter(str.isprintable, " ".join(text.split())))


def _spaced(text: str) -> str:
    """The same, with its blanks as they are: it may quote what was typed."""
    return "".join(sign if sign.isprintable() else " " * sign.isspace() for sign in text)


class _OneLine(BaseException):
    """Mixin: what IPython prints instead of a traceback (its `_render_traceback_` protocol)."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class KimiError(_OneLine, Exception):
    """Base of all errors of this package; `message` is one line, `hint` says what to do next.

    Below the entry points both name options in braces, such as `{@max_tokens 9000}`: whoever asked by a cell
    is told a flag, whoever called `ask` a parameter (`options.advice`).
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        message = _spaced(message)
        super().__init__(message)
        self.message = message
        self.hint = _spaced(hint)

    def __str__(self) -> str:
        text = f"{self.message}\n{self.hint}" if self.hint else self.message
        # Who used a lower layer directly reads the plain names of the options.
        return _IN_BRACES.sub(lambda match: _PLAIN_WORDS.get(match[1], match[1]), text)


class KimiUsageError(KimiError):
    """Something typed cannot be used: an option, a value, a base URL, an empty prompt."""


class KimiBudgetError(KimiError):
    """What was spent has reached `%kimi_config --budget`. The request was not sent."""


class KimiConnectionError(KimiError):
    """The service could not be reached, or the connection was lost before an answer began.

    `passing`: whether it may be over by itself, so that trying again makes sense.
    """

    def __init__(self, message: str, *, hint: str = "", passing: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.passing = passing


class KimiTimeoutError(KimiConnectionError):
    """No connection, or no event, within the time allowed."""


class KimiStreamError(KimiError):
    """The answer broke off, or what came was no answer. The part that arrived is kept in the reply."""


class Fault(NamedTuple):
    """One thing that is wrong with a JSON answer: where (`$.items[3].price`), the value there, and what."""

    path: str
    value: Any
    text: str

    def __str__(self) -> str:
        return _spaced(f"{self.path}: {self.text}")


class KimiJSONError(KimiError):
    """The answer is no JSON, or not as the schema wants it. Its text is kept in the reply.

    What is not certainly the answer is refused with its place: a part, a draft, an example, or JSON that was
    cut. `Reply.notices` names the slips that were forgiven; `Reply.values` keeps JSON that does not fit.

    `value` is the JSON as the model wrote it, None where it is none; `path` is the place of the first fault
    in it, `$` for the whole; `faults` are all faults, at most 10, each with `path`, `value` and `text`.
    """

    value: Any = None
    path: str = "$"
    faults: tuple[Fault, ...] = ()


class KimiStatusError(KimiError):
    """The service refused the request.

    `status` is the HTTP status (200 when the refusal came inside a stream), `type` the service's own word
    for it, `request_id` what its support asks for; either may be empty. `retry_after` is how many seconds the
    service asks to wait, None where it does not say.
    """

    retry_after: float | None = None

    def __init__(
        self, message: str, *, hint: str = "", status: int = 0, type: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.type = type
        self.request_id = request_id


class KimiAuthError(KimiStatusError):
    """There is no key, or the service refused it."""


class KimiPermissionError(KimiStatusError):
    """The key is right, but may not do this."""


class KimiQuotaError(KimiStatusError):
    """The account is out of money or quota."""


class KimiRateLimitError(KimiStatusError):
    """Too many requests at once, or the service is overloaded."""


class KimiModelError(KimiStatusError):
    """The service does not have this model, or not for this key."""


class KimiRequestError(KimiStatusError):
    """The service does not accept the request as it is."""


class KimiContextError(KimiRequestError):
    """Prompt, history and the cap on the answer are together more than the model takes."""


class KimiContentFilterError(KimiRequestError):
    """The service refuses to answer this prompt, or broke off an answer, for what it says."""


class KimiServerError(KimiStatusError):
    """The service failed on its own side."""


class KimiInterrupted(_OneLine, KeyboardInterrupt):
    """The answer was stopped by the person. The part that arrived stays on screen; history is unchanged.

    A `KeyboardInterrupt`, so that Run All halts and `except Exception` in a loop does not swallow it.
    """
