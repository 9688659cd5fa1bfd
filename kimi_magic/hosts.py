"""Who serves the models: addresses, keys in the environment, and what each provider does its own way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from kimi_magic import models
from kimi_magic.addresses import origin
from kimi_magic.errors import KimiUsageError
from kimi_magic.keys import Key
from kimi_magic.models import Model

# How an answer that fits a schema is asked for. "try": by `json_schema`, in words where that is refused.
SchemaMode = Literal["json_schema", "tools", "prompt", "try"]
SCHEMA_MODES = ("auto", "json_schema", "tools", "prompt")  # what a person may say

DEFAULT_SOURCE = "default"
_HEADER_TEXT = re.compile(r"[!-~]+")  # what an HTTP header can carry; no space
_EXAMPLE = "expected an address such as https://api.evolink.ai/v1"


class Provider(NamedTuple):
    """A provider: where it is, the variables that hold a key for it, and its quirks.

    `title` is how people call it; `model` is what is asked where no model was set; `other_urls` are addresses
    that take the same key. `balance` is the path of what is left in the account, in `currency`.

    `cap_field` is the field of the cap on an answer, `largest_cap` the largest value that is taken (0 where
    that of the model counts); what a model has of its own (`models.toml`) beats both. `stream_options`,
    `response_format`, `effort` and `thinking`: whether these fields are taken (the last two stand for
    `reasoning_effort` and `thinking`); `json_schema`: for which models a schema for the answer is taken:
    none, those whose maker says that they do ("listed"), or all; or nothing is known of it. `usage` is where
    a stream has the counts; `renames_reasoning` says that reasoning is in the field `reasoning`. Both are
    read wherever they stand. `attempts` is how often a request is sent at most while nothing has arrived.
    """

    name: str
    title: str
    base_url: str
    model: str = models.DEFAULT
    key_variables: tuple[str, ...] = ()
    other_urls: tuple[str, ...] = ()
    cap_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    largest_cap: int = 0
    stream_options: bool = True
    response_format: bool = True
    json_schema: Literal["none", "listed", "all", "unknown"] = "none"
    effort: bool = True
    thinking: bool = True
    usage: Literal["choice", "top", "both"] = "top"
    renames_reasoning: bool = False
    attempts: int = 3
    balance: str = ""
    currency: str = "USD"

    @property
    def url_variables(self) -> tuple[str, ...]:
        """Beside each variable with a key, the one with a base URL: EVOLINK_API_KEY, EVOLINK_BASE_URL."""
        return tuple(f"{name.removesuffix('_API_KEY')}_BASE_URL" for name in self.key_variables)


# An address of the user's own, of which nothing is known.
UNKNOWN = Provider("", "this host", "", json_schema="unknown")
# Read 2026-11. Addresses and variables: EvoLink's API reference and its newer pages (the second address, for
# long streams), Moonshot's documentation, kimi-cli's documentation of its variables, the quick starts of
# OpenRouter, Together, Fireworks, Novita, DeepInfra, Baseten, Nebius, GMI, Crusoe and Amazon Bedrock, and
# those of Ollama, llama.cpp, vLLM and LM Studio for the ports. Fields: EvoLink's reference has json_object
# alone; Moonshot documents max_completion_tokens, usage in the choice and schemas for its newer models;
# OpenRouter lists `structured_outputs` and sends `reasoning`; so do Together and vLLM since 0.11.2; vLLM,
# llama.cpp and LM Studio document schemas. llama.cpp answers 503 while it loads a model.
PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            "evolink", "EvoLink", "https://api.evolink.ai/v1", models.DEFAULT, ("EVOLINK_API_KEY",),
            other_urls=("https://direct.evolink.ai/v1",), usage="both",
        ),
        Provider(
            "moonshot", "Moonshot", "https://api.moonshot.ai/v1", "kimi-k3.1-pro",
            ("KIMI_API_KEY", "MOONSHOT_API_KEY"), cap_field="max_completion_tokens", json_schema="listed",
            usage="both", balance="/users/me/balance",
        ),
        Provider(
            "moonshot-cn", "Moonshot in China", "https://api.moonshot.cn/v1", "kimi-k3.1-pro",
            cap_field="max_completion_tokens", json_schema="listed", usage="both",
            balance="/users/me/balance", currency="CNY",
        ),
        Provider(
            "openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "moonshotai/kimi-k2-thinking",
            ("OPENROUTER_API_KEY",), json_schema="all", thinking=False, renames_reasoning=True,
            balance="/credits",
        ),
        Provider(
            "together", "Together", "https://api.together.xyz/v1", "moonshotai/Kimi-K3.1-Pro",
            ("TOGETHER_API_KEY",), thinking=False, renames_reasoning=True,
        ),
        Provider(
            "fireworks", "Fireworks", "https://api.fireworks.ai/inference/v1",
            "accounts/fireworks/models/kimi-k3p1-pro", ("FIREWORKS_API_KEY",), json_schema="all",
        ),
        Provider(
            "novita", "Novita", "https://api.novita.ai/openai/v1", "moonshotai/kimi-k2-thinking",
            ("NOVITA_API_KEY",), json_schema="listed", thinking=False,
        ),
        Provider(
            "deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai", "moonshotai/Kimi-K2.5",
            ("DEEPINFRA_API_KEY",), thinking=False,
        ),
        Provider(
            "baseten", "Baseten", "https://inference.baseten.co/v1", "moonshotai/Kimi-K3.1-Pro",
            ("BASETEN_API_KEY",), thinking=False,
        ),
        Provider(
            "nebius", "Nebius", "https://api.tokenfactory.nebius.com/v1", "moonshotai/Kimi-K3.1-Pro",
            ("NEBIUS_API_KEY",), thinking=False,
        ),
        Provider(
            "gmi", "GMI", "https://api.gmi-serving.com/v1", "moonshotai/Kimi-K2-Thinking", ("GMI_API_KEY",),
            largest_cap=16_384, thinking=False,
        ),
        Provider(
            "crusoe", "Crusoe", "https://api.inference.crusoecloud.com/v1", "moonshotai/Kimi-K2-Thinking",
            ("CRUSOE_API_KEY",), thinking=False,
        ),
        Provider(
            "bedrock", "Amazon Bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1",
            "moonshot.kimi-k2-thinking", ("AWS_BEARER_TOKEN_BEDROCK",),
            largest_cap=16_000, thinking=False,
        ),
        Provider("local", "this machine", "http://127.0.0.1:8000/v1", json_schema="unknown"),
        Provider(
            "vllm", "vLLM", "http://127.0.0.1:8000/v1", "moonshotai/Kimi-K2-Thinking", json_schema="all",
            thinking=False, renames_reasoning=True,
        ),
        Provider(
            "ollama", "Ollama", "http://127.0.0.1:11434/v1", "kimi-k2-thinking:cloud", json_schema="all",
            thinking=False, renames_reasoning=True,
        ),
        Provider(
            "llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1", json_schema="all", thinking=False,
            attempts=6,
        ),
        Provider(
            "lmstudio", "LM Studio", "http://127.0.0.1:1234/v1", "moonshotai/kimi-k2-thinking",
            json_schema="all", thinking=False,
        ),
    )
}  # fmt: skip
# The variables of all keys.
KEY_VARIABLES = tuple(name for each in PROVIDERS.values() for name in each.key_variables)
# The hosts and ports of all providers.
KNOWN_PLACES = frozenset(
    urlsplit(address).netloc for each in PROVIDERS.values() for address in (each.base_url, *each.other_urls)
) | {""}
# The providers whose keys are used when none was named, in this order.
PREFERRED = ("evolink", "moonshot")


class FoundKey(NamedTuple):
    """A key that was found under a variable of a provider, and the base URL that belongs to it.

    `source` is how people are told where the key is from, `url_source` where the address is.
    """

    source: str
    provider: str
    unchecked: Key
    base_url: str
    url_source: str

    @property
    def key(self) -> Key:
        """The key.

        Raises:
            KimiUsageError: It holds characters that no HTTP header can carry.
        """
        return checked_key(self.unchecked.reveal(), f"{self.source} has characters that no key has")

    @property
    def origins(self) -> set[str]:
        """Where the key may go: to its base URL, and from the default one to the provider's others."""
        others = PROVIDERS[self.provider].other_urls if self.url_source == DEFAULT_SOURCE else ()
        return {origin(self.base_url), *map(origin, others)}


def schema_mode(wanted: str, name: str, model: Model, *, simulated: bool = False) -> SchemaMode:
    """How provider `name` is asked for an answer that fits a schema.

    `wanted` is what the person says; "auto" follows the table of providers. Of a host that is not in it, and
    of a local one, nothing is known: it is asked by schema, and in words where it refuses that.
    """
    if wanted in ("json_schema", "tools", "prompt"):
        return wanted  # type: ignore[return-value]
    schemas = provider(name).json_schema
    if schemas == "unknown":
        return "prompt" if simulated else "try"
    takes = model.response_format and (schemas == "all" or (schemas == "listed" and model.json_schema))
    return "json_schema" if takes else "prompt"


def provider(name: str) -> Provider:
    """The provider called `name`; for "", an address of the user's own, one of which nothing is known."""
    return PROVIDERS.get(name, UNKNOWN)


def provider_at(address: str) -> str:
    """The name of the provider whose address `address` is, "" where it is nobody's."""
    lower = address.lower()
    for each in PROVIDERS.values():
        if lower in (each.base_url, *each.other_urls):
            return each.name
    return ""


def retirement(name: str, model: str) -> str:
    """That provider `name` does not serve `model` any more, and what to use instead; "" if it does."""
    table = models.table()
    known = models.find(model, name)
    return end_of(name, known, "was retired") if table.is_retired(known) else ""


def end_of(name: str, model: Model, word: str) -> str:
    """The end of `model` at provider `name` in words, and its successor there; `word` says how it stands."""
    where, since = provider(name), model.retired
    when = f"on {since}" if since.count("-") == 2 else f"in {since}"
    successor = models.table().name_at(name, model.successor)
    if successor not in models.table().alive(name):
        successor = where.model
    return f"{word} at {where.title} {when}; use {successor}: {{@set_model {successor}}}"


def keys_in(
    values: Mapping[str, str], names: Iterable[str] = tuple(PROVIDERS), where: str = ""
) -> Iterator[FoundKey]:
    """The keys that `values` (variables of an environment, a file) hold for providers, in their order.

    An address counts only with the key that stands beside it, so that nothing can lead a key elsewhere.
    `where` says where the values are from, as in "EVOLINK_API_KEY in keys.env".

    Raises:
        KimiUsageError: A variable beside a key holds no address.
    """
    for name in names:
        provider = PROVIDERS[name]
        for variable, url_variable in zip(provider.key_variables, provider.url_variables, strict=True):
            if not (text := values.get(variable, "").strip()):
                continue
            address, url_source = provider.base_url, DEFAULT_SOURCE
            if own := values.get(url_variable, "").strip():
                address, url_source = base_url(own, f"{url_variable}{where}"), f"{url_variable}{where}"
            yield FoundKey(f"{variable}{where}", name, Key(text), address, url_source)


def place_of(keys: Iterable[FoundKey]) -> tuple[str, str, str]:
    """The base URL that is used if nothing was set, its provider, and where the address comes from.

    It is that of the first of `keys`; without one, the first base URL in the environment, for which a key can
    be typed; else the default.
    """
    for entry in keys:
        return entry.base_url, entry.provider, entry.url_source
    for name in PREFERRED:
        for variable in PROVIDERS[name].url_variables:
            if own := os.environ.get(variable, "").strip():
                return base_url(own, variable), name, variable
    return PROVIDERS[PREFERRED[0]].base_url, PREFERRED[0], DEFAULT_SOURCE


def checked_key(text: str, problem: str) -> Key:
    """A key from `text`.

    Raises:
        KimiUsageError: It holds characters that no HTTP header can carry; `problem` is the message.
    """
    if not _HEADER_TEXT.fullmatch(text.strip()):
        raise KimiUsageError(problem)
    return Key(text)


def headers_of(
    headers: Iterable[str], variables: Mapping[str, str] = os.environ
) -> tuple[tuple[str, str | Key], ...]:
    """Headers `NAME: VALUE` with the value of each `$VARIABLE` in its place; such a value is secret.

    Raises:
        KimiUsageError: There is no such variable, or no header can carry its value.
    """
    found: list[tuple[str, str | Key]] = []
    for header in headers:
        name, _, text = header.partition(": ")

        def value(match: re.Match[str], header: str = header) -> str:
            if not (value := variables.get(match[1], "").strip()):
                raise KimiUsageError(
                    f"{{@header}} {header}: {match[1]} is not set",
                    hint=f"Set {match[1]} in the environment before starting.",
                )
            return value

        filled = re.sub(r"\$([A-Za-z_]\w*)", value, text)
        if not re.fullmatch(r"[\x20-\x7e]+", filled):
            raise KimiUsageError(f"{{@header}} {header}: the value has characters that no header carries")
        found.append((name, filled if filled == text else Key(filled)))
    return tuple(found)


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
