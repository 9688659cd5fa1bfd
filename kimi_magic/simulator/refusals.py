"""Answers that are errors: the exception by which a check refuses a request, and the bodies it becomes."""

from __future__ import annotations

import json

from .profiles import Profile


class RefusalError(Exception):
    """A request that is answered with an error.

    `status` is the HTTP status and `message` the text in the body. `kind` is Moonshot's finer type where one
    status has several; EvoLink's table has one for each status. `literal` is a type that a fault switch
    demands. `headers` are sent with the error.
    """

    def __init__(self, status: int, message: str, *, kind: str = "", literal: str = "") -> None:
        """Refuse with this HTTP status and message."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.literal = literal
        self.headers: list[tuple[str, str]] = []


def invalid(message: str) -> RefusalError:
    """Build the most common refusal: 400 with the vendor's prefix."""
    return RefusalError(400, f"Invalid request: {message}")


def unsupported(field: str) -> RefusalError:
    """Build the refusal of a field that a host does not know, in the words of OpenAI-like hosts."""
    return RefusalError(400, f"property '{field[:60]}' is unsupported")


def wrong_type(field: str, expected: str, value: object) -> RefusalError:
    """Build Moonshot's refusal of a wrong JSON type, as published from live answers."""
    actual = json.dumps(value, ensure_ascii=False)[:80]
    return invalid(
        f"the `{field}` field in the request (expected type {expected}) is illegal, "
        f"and {actual} is not acceptable"
    )


def error_object(profile: Profile, refusal: RefusalError) -> dict[str, object]:
    """Build the provider's own error body; Moonshot sends no `code`, EvoLink an integer one."""
    kind = _error_type(profile, refusal)
    if profile.family == "moonshot":
        return {"error": {"message": refusal.message, "type": kind}}
    return {"error": {"code": refusal.status, "message": refusal.message, "type": kind}}


def error_body(profile: Profile, refusal: RefusalError, shape: str) -> tuple[str, bytes]:
    """Return content type and bytes of a refusal, in the provider's shape or in a gateway's `shape`."""
    kind, status, message = _error_type(profile, refusal), refusal.status, refusal.message
    body: object
    match shape:
        case "none":
            return "text/plain", b""
        case "text":
            return "text/plain; charset=utf-8", message.encode()
        case "string":
            body = {"error": message}
        case "detail":
            body = {"detail": message}
        case "code":
            body = {"code": 20000 + status, "message": message, "data": None}
        case "openai":
            body = {"error": {"message": message, "type": kind, "param": None, "code": kind}}
        case "openrouter":
            body = {"error": {"code": status, "message": message, "metadata": {"provider_name": "simulator"}}}
        case _:
            body = error_object(profile, refusal)
    return "application/json", json.dumps(body, ensure_ascii=False).encode()


def _error_type(profile: Profile, refusal: RefusalError) -> str:
    if refusal.literal:
        return refusal.literal
    if refusal.kind and profile.family == "moonshot":
        return refusal.kind
    return profile.error_types.get(refusal.status, "server_error")
