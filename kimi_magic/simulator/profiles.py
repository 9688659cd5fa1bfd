"""What each provider offers: models, limits and names for errors. See `data/profiles.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import content

_CREATED = 1762440622  # Unix seconds, as listed by Moonshot for kimi-k2-thinking


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What one model accepts. Sizes in tokens; the fields are explained in the data file."""

    name: str
    context: int
    default_cap: int
    free_sampling: bool = True
    images: bool = False
    can_stop_thinking: bool = False
    required_choice: bool = False
    effort: tuple[str, ...] = ()
    largest_cap: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests at once, requests and tokens a minute; 0 for no limit."""

    concurrency: int = 0
    rpm: int = 0
    tpm: int = 0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider: its models by name, its limits and endpoints, its header and error types.

    `family` is the profile whose ways it shares: evolink or moonshot. `variants` are fault switches, `limits`
    those of each account.
    """

    name: str
    family: str
    models: Mapping[str, ModelCard]
    max_temperature: float
    top_k: bool
    accounts: bool
    stored_files: bool
    request_id_header: str
    error_types: Mapping[int, str]
    credits: bool = False
    largest_cap: int = 0
    refused: tuple[str, ...] = ()
    variants: str = ""
    limits: Limits = NO_LIMITS


def has_profile(name: str) -> bool:
    """Whether there is a profile of this name."""
    return name in content.load("profiles")["profiles"]


@cache
def profile_named(name: str) -> Profile:
    """Return the profile of a provider; raises `ValueError`, naming those there are, for an unknown name."""
    data = content.load("profiles")
    if name not in data["profiles"]:
        raise ValueError(f"profile {name!r} is not one of {', '.join(data['profiles'])}")
    values: dict[str, Any] = dict(data["profiles"][name])
    family = values.pop("like", name)
    values = data["profiles"][family] | values
    models = {}
    for model, card in values["models"].items():
        facts = data["models"][card]
        models[model] = ModelCard(model, **(facts | {"effort": tuple(facts.get("effort", ()))}))
    error_types = {int(status): kind for status, kind in values["error_types"].items()}
    values["limits"] = Limits(**values.get("limits", {}))
    own = {"name": name, "family": family, "models": models, "error_types": error_types}
    return Profile(**(values | own | {"refused": tuple(values.get("refused", ()))}))


def model_list(profile: Profile) -> dict[str, object]:
    """Build the body of `GET /v1/models`; the extra fields are Moonshot's."""
    entries: list[dict[str, object]] = []
    for card in profile.models.values():
        entry: dict[str, object] = {
            "id": card.name,
            "object": "model",
            "created": _CREATED,
            "owned_by": "moonshot",
        }
        if profile.family == "moonshot":
            entry |= {
                "context_length": card.context,
                "supports_image_in": card.images,
                "supports_video_in": False,
                "supports_reasoning": True,
            }
        entries.append(entry)
    return {"object": "list", "data": entries}
