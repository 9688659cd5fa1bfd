"""The faces of the service: which models each host offers, and how its refusals look.

Data and small lookups only; the rules that use them stand in `request` and `dialogue`.
Sources: EvoLink's reference page for kimi-k2-thinking, EvoLink's error table (published for its
image and video products, assumed here for text), Moonshot's error and model pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

K2_CREATED = 1762440622  # Unix seconds, as listed by Moonshot for kimi-k2-thinking
CONTEXT = 262_144  # tokens, prompt and output together


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What one model accepts. Sizes in tokens."""

    name: str
    context: int = CONTEXT
    default_cap: int = 1024  # Moonshot's older reference: "a reasonable integer such as 1024"
    free_sampling: bool = True  # False: temperature, top_p, n and penalties have one allowed value
    images: bool = False
    can_stop_thinking: bool = False
    required_choice: bool = False  # accepts tool_choice "required" while thinking
    effort: bool = False  # accepts reasoning_effort


@dataclass(frozen=True, slots=True)
class Profile:
    """One host: its models, ranges, endpoints, header and error vocabulary."""

    name: str
    models: Mapping[str, ModelCard]
    max_temperature: float
    top_k: bool
    accounts: bool  # serves token estimates and the balance
    stored_files: bool  # accepts ms:// image addresses
    request_id_header: str
    error_types: Mapping[int, str]


class RefusalError(Exception):
    """An answer that is an error.

    `kind` is Moonshot's finer type where one status has several; hosts with a plain table ignore it.
    `literal` is a type demanded by a fault switch and is used as it stands.
    """

    def __init__(self, status: int, message: str, *, kind: str = "", literal: str = "") -> None:
        """Make a refusal with this HTTP status and message."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.literal = literal
        self.headers: list[tuple[str, str]] = []


def invalid(message: str) -> RefusalError:
    """Build the common refusal: 400 with the vendor's prefix."""
    return RefusalError(400, f"Invalid request: {message}")


_THINKING = (ModelCard("kimi-k2-thinking"), ModelCard("kimi-k2-thinking-turbo"))
_K3 = ModelCard(
    "kimi-k3",
    context=1_048_576,
    default_cap=131_072,
    free_sampling=False,
    images=True,
    required_choice=True,
    effort=True,
)
_K2_LATER = (
    ModelCard("kimi-k2.6", default_cap=32_768, free_sampling=False, images=True, can_stop_thinking=True),
    ModelCard("kimi-k2.7-code", default_cap=32_768, free_sampling=False, images=True),
)

_EVOLINK_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large_error",
    429: "rate_limit_error",
    500: "internal_server_error",
    502: "upstream_error",
    503: "service_unavailable_error",
    504: "upstream_error",
}
_MOONSHOT_TYPES = {
    400: "invalid_request_error",
    401: "invalid_authentication_error",
    403: "permission_denied_error",
    404: "resource_not_found_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_reached_error",
    499: "client_closed_request",
    500: "server_error",
    503: "server_unavailable",
}

_PROFILES = {
    "evolink": Profile(
        name="evolink",
        models={card.name: card for card in (*_THINKING, _K3)},
        max_temperature=2,
        top_k=True,
        accounts=False,
        stored_files=False,
        request_id_header="x-request-id",
        error_types=_EVOLINK_TYPES,
    ),
    "moonshot": Profile(
        name="moonshot",
        models={card.name: card for card in (*_THINKING, *_K2_LATER, _K3)},
        max_temperature=1,
        top_k=False,
        accounts=True,
        stored_files=True,
        request_id_header="Msh-Request-Id",
        error_types=_MOONSHOT_TYPES,
    ),
}


def profile_named(name: str) -> Profile:
    """Look up a host; `ValueError` names the ones there are."""
    found = _PROFILES.get(name)
    if found is None:
        raise ValueError(f"profile {name!r} is not one of {', '.join(_PROFILES)}")
    return found


def model_list(profile: Profile) -> dict[str, object]:
    """Build the body of `GET /v1/models`; the extras are Moonshot's."""
    entries: list[dict[str, object]] = []
    for card in profile.models.values():
        entry: dict[str, object] = {
            "id": card.name,
            "object": "model",
            "created": K2_CREATED,
            "owned_by": "moonshot",
        }
        if profile.name == "moonshot":
            entry |= {
                "context_length": card.context,
                "supports_image_in": card.images,
                "supports_video_in": False,
                "supports_reasoning": True,
            }
        entries.append(entry)
    return {"object": "list", "data": entries}


def error_type(profile: Profile, refusal: RefusalError) -> str:
    """Name the error as this host would."""
    if refusal.literal:
        return refusal.literal
    if refusal.kind and profile.name == "moonshot":
        return refusal.kind
    return profile.error_types.get(refusal.status, "server_error")


def error_object(profile: Profile, refusal: RefusalError) -> dict[str, object]:
    """Build the host's own error body; Moonshot sends no `code`, EvoLink an integer one."""
    kind = error_type(profile, refusal)
    if profile.name == "moonshot":
        return {"error": {"message": refusal.message, "type": kind}}
    return {"error": {"code": refusal.status, "message": refusal.message, "type": kind}}


def error_body(profile: Profile, refusal: RefusalError, shape: str) -> tuple[str, bytes]:
    """Return content type and bytes of a refusal, in the host's shape or in a gateway's `shape`."""
    kind, status, message = error_type(profile, refusal), refusal.status, refusal.message
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
