"""Everything that can go wrong, as one tree. Each error is one line for the person at the cell, and a hint.

KimiError
├── KimiUsageError          what was typed: an option, a value, an empty prompt
├── KimiConnectionError     the service could not be reached
│   └── KimiTimeoutError    nothing came for too long
├── KimiStreamError         the answer broke off or was not an answer
└── KimiStatusError         the service refused: status, request id, its own message
    ├── KimiAuthError       no key, or a key that was refused
    ├── KimiQuotaError      out of money or quota; waiting does not help
    ├── KimiRateLimitError  too fast; waiting helps
    ├── KimiModelError      no such model for this key
    └── KimiServerError     the service itself failed
KeyboardInterrupt
└── KimiInterrupted         the person stopped the answer
"""

from __future__ import annotations


class _OneLine(BaseException):
    """Mixin: what IPython prints instead of a traceback (its `_render_traceback_` protocol)."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class KimiError(_OneLine, Exception):
    """Base of all errors of this package; `message` is one line, `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class KimiUsageError(KimiError):
    """Something typed cannot be used: an option, a value, a base URL, an empty prompt."""


class KimiConnectionError(KimiError):
    """The service could not be reached, or the connection was lost before an answer began."""


class KimiTimeoutError(KimiConnectionError):
    """No connection, or no event, within the time allowed."""


class KimiStreamError(KimiError):
    """The answer broke off, or what came was no answer. The part that arrived is kept in the reply."""


class KimiStatusError(KimiError):
    """The service refused the request.

    `status` is the HTTP status (200 when the refusal came inside a stream), `type` the service's own word
    for it, `request_id` what its support asks for; either may be empty.
    """

    def __init__(
        self, message: str, *, hint: str = "", status: int = 0, type: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.type = type
        self.request_id = request_id


class KimiAuthError(KimiStatusError):
    """There is no key, or the service refused it."""


class KimiQuotaError(KimiStatusError):
    """The account is out of money or quota."""


class KimiRateLimitError(KimiStatusError):
    """Too many requests at once, or the service is overloaded."""


class KimiModelError(KimiStatusError):
    """The service does not have this model, or not for this key."""


class KimiServerError(KimiStatusError):
    """The service failed on its own side."""


class KimiInterrupted(_OneLine, KeyboardInterrupt):
    """The answer was stopped by the person. The part that arrived stays on screen; history is unchanged.

    A `KeyboardInterrupt`, so that Run All halts and `except Exception` in a loop does not swallow it.
    """
