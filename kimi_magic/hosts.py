"""Who serves the models: addresses, keys in the environment, and what each provider does its own way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from kimi_magic.errors import KimiUsageError
from kimi_magic.keys import Key
from kimi_magic.models import Model

# How an answer that fits a schema is asked for. "try": by `json_schema`, in words where that is refused.
SchemaMode = Literal["json_schema", "tools", "prompt", "try"]
SCHEMA_MODES = ("auto", "json_schema", "tools", "prompt")  # what a person may say

DEFAULT_SOURCE = "default"
_HEADER_TEXT = re.compile(r"[!-~]+")  # what an HTTP header can carry; no space
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1", re.IGNORECASE)
_EXAMPLE = "expected an address such as https://api.evolink.ai/v1"


class Provider(NamedTuple):
    """A provider: its base URL, and the variables that hold a key and another base URL for it.

    `json_schema`: for which models it takes a schema for the answer: none, those whose maker says that they
    do ("listed"), or all; or nothing is known of it.
    """

    name: str
    base_url: str
    key_variables: tuple[str, ...] = ()
    url_variables: tuple[str, ...] = ()
    json_schema: Literal["none", "listed", "all", "unknown"] = "none"


# Addresses and variables: EvoLink's API reference, Moonshot's documentation, kimi-cli's documentation of its
# variables, OpenRouter's quick start. Schemas: EvoLink's reference has json_object alone; Moonshot documents
# schemas for its newer models; OpenRouter lists `structured_outputs` among the parameters.
PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider("evolink", "https://api.evolink.ai/v1", ("EVOLINK_API_KEY",), ("EVOLINK_BASE_URL",)),
        Provider(
            "moonshot", "https://api.moonshot.ai/v1",
            ("KIMI_API_KEY", "MOONSHOT_API_KEY"), ("KIMI_BASE_URL", "MOONSHOT_BASE_URL"), "listed",
        ),
        Provider("moonshot-cn", "https://api.moonshot.cn/v1", json_schema="listed"),
        Provider(
            "openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), ("OPENROUTER_BASE_URL",),
            "all",
        ),
        Provider("local", "http://127.0.0.1:8000/v1", json_schema="unknown"),
    )
}  # fmt: skip
# The providers whose keys are used when none was named, in this order.
PREFERRED = ("evolink", "moonshot")


class EnvironmentKey(NamedTuple):
    """A key in the environment: its variable, and the base URL that belongs to it, with its source."""

    variable: str
    base_url: str
    url_source: str

    @property
    def key(self) -> Key:
        """The key.

        Raises:
            KimiUsageError: The variable holds characters that no HTTP header can carry.
        """
        return checked_key(os.environ[self.variable], f"{self.variable} has characters that no key has")


def schema_mode(wanted: str, address: str, model: Model, *, simulated: bool = False) -> SchemaMode:
    """How the service at `address` is asked for an answer that fits a schema.

    `wanted` is what the person says; "auto" follows the table of providers. Of a host that is not in it, and
    of a local one, nothing is known: it is asked by schema, and in words where it refuses that.
    """
    if wanted in ("json_schema", "tools", "prompt"):
        return wanted  # type: ignore[return-value]
    for provider in PROVIDERS.values():
        if provider.base_url == address and provider.json_schema != "unknown":
            takes = provider.json_schema == "all" or (provider.json_schema == "listed" and model.json_schema)
            return "json_schema" if takes else "prompt"
    return "prompt" if simulated else "try"


def environment_keys(names: Iterable[str] = tuple(PROVIDERS)) -> Iterator[EnvironmentKey]:
    """The keys that the environment holds for the providers `names`, in their order."""
    for name in names:
        provider = PROVIDERS[name]
        for variable, url_variable in zip(provider.key_variables, provider.url_variables, strict=True):
            if not os.environ.get(variable, "").strip():
                continue
            if own := os.environ.get(url_variable, "").strip():
                yield EnvironmentKey(variable, base_url(own, url_variable), url_variable)
            else:
                yield EnvironmentKey(variable, provider.base_url, DEFAULT_SOURCE)


def preferred_address() -> tuple[str, str]:
    """The base URL that is used if nothing was set, and where it comes from.

    It is that of the first key in the environment; without a key, the first base URL in the environment, for
    which a key can be typed; else the default.
    """
    for entry in environment_keys(PREFERRED):
        return entry.base_url, entry.url_source
    for name in PREFERRED:
        for variable in PROVIDERS[name].url_variables:
            if own := os.environ.get(variable, "").strip():
                return base_url(own, variable), variable
    return PROVIDERS["evolink"].base_url, DEFAULT_SOURCE


def checked_key(text: str, problem: str) -> Key:
    """A key from `text`.

    Raises:
        KimiUsageError: It holds characters that no HTTP header can carry; `problem` is the message.
    """
    if not _HEADER_TEXT.fullmatch(text.strip()):
        raise KimiUsageError(problem)
    return Key(text)


def origin(address: str) -> str:
    """Scheme, host and port of an address: what a key belongs to."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine."""
    return _LOOPBACK.fullmatch(urlsplit(address).hostname or "") is not None


def base_url(text: str, name: str = "--base-url") -> str:
    """`text` as the address that paths such as `/chat/completions` are appended to.

    With or without `/v1`, a trailing slash or `/chat/completions`; one that has a path and the latter but no
    version is the whole address, and stays as it is. `name` is what errors call it.

    Raises:
        KimiUsageError: It is no address, or one with a user, a password or a query in it.
    """
    address = text.strip()
    if "@" in address:  # before anything quotes it: there may be a password in it
        raise KimiUsageError(f"{name}: no user or password in the address; {_EXAMPLE}")
    try:
        parts = urlsplit(address)
        port_is_valid = parts.port != 0
    except ValueError as error:
        raise KimiUsageError(f"{name} {text!r}: {error}; {_EXAMPLE}") from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[\w.:-]+", host) or not port_is_valid:
        raise KimiUsageError(f"{name} {text!r}: {_EXAMPLE}")
    if parts.query or parts.fragment or re.search(r"[\s\\]", address):
        raise KimiUsageError(f"{name}: no query or spaces in the address; {_EXAMPLE}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    if not re.search(r"/v\d+\w*(/|$)", path):
        is_whole = path and parts.path.rstrip("/").endswith("/chat/completions")
        path += "/chat/completions" if is_whole else "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"
