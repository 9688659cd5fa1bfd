"""The settings of this kernel: each value, and where it came from. Where to send, and with which key.

A value set in a cell beats `%kimi_config`, which beats the IPython configuration, which beats the default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kimi_magic import models, options
from kimi_magic.errors import KimiAuthError, KimiUsageError
from kimi_magic.keys import Key

if TYPE_CHECKING:
    from kimi_magic.client import Connection

# The hosts whose keys are used when no host was named, in this order.
_SOUGHT = ("evolink", "moonshot")
LOGIN, CONFIG, DEFAULT = "%kimi_config --login", "%kimi_config", "default"
_KEY = re.compile(r"[!-~]+")  # what an HTTP header can carry; no space
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1", re.IGNORECASE)


class Settings:
    """The values of the option table that hold for every cell, and the key of `--login`."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, str]] = {}
        self._login: tuple[str, Key] | None = None  # the host that the key was typed for, and the key

    def __getitem__(self, name: str) -> Any:
        """The value that holds for option `name`."""
        value, _ = self._values.get(name, (options.BY_NAME[name].default, DEFAULT))
        return value

    def values(self) -> dict[str, Any]:
        """The values that hold, by name, of all options that keep one."""
        return {option.name: self[option.name] for option in options.TABLE if option.setting}

    def source(self, name: str) -> str:
        """Where the value of `name` came from."""
        return self._values.get(name, (None, DEFAULT))[1]

    def set(self, name: str, value: Any, source: str = CONFIG) -> None:
        """Set `name` to a value that its option has checked; a base URL is checked here."""
        if name == "base_url":
            value = base_url(value)
        self._values[name] = (value, source)

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several checked values, all or none."""
        values = {k: base_url(v) if k == "base_url" else v for k, v in values.items()}
        for name, value in values.items():
            self.set(name, value)

    def load(self, section: Mapping[str, Any]) -> None:
        """Take values from the `KimiMagic` section of the IPython configuration."""
        for name, value in options.check(dict(section), options.CONFIG).items():
            self.set(name, value, "IPython configuration")

    def unset(self, name: str) -> None:
        """Back to the default."""
        name = name.removeprefix("--").replace("-", "_")
        known = [o.name for o in options.at(options.CONFIG) if o.setting and o.name != "unset"]
        if name in ("key", "login"):
            self._login = None
        elif name in known:
            self._values.pop(name, None)
        else:
            raise KimiUsageError(f"--unset {name!r}: no such setting{options.nearest(name, known)}")

    def login(self, key: str) -> None:
        """Keep `key` in memory, for the host that is set now."""
        if not key.strip():
            raise KimiUsageError("no key was typed; nothing has changed")
        if not _KEY.fullmatch(key.strip()):
            raise KimiUsageError("what was typed has characters that no key has; nothing has changed")
        self._login = (_host(self._address()[0]), Key(key))

    def connection(self, *, offline: bool | None = None) -> Connection:
        """Where the next request goes, and with which key; `KimiAuthError` where there is none."""
        from kimi_magic.client import Connection

        if self["offline"] if offline is None else offline:
            from kimi_magic import simulator

            return Connection(simulator.OFFLINE_BASE_URL, Key(simulator.OFFLINE_KEY), simulated=True)
        address, _ = self._address()
        key, source = self._key(address)
        if key is None and not _LOOPBACK.fullmatch(urlsplit(address).hostname or ""):
            raise self._no_key(address)
        return Connection(address, key or Key(""), source)

    def _no_key(self, address: str) -> KimiAuthError:
        hint = "type it with %kimi_config --login, or try without: %kimi_config --offline"
        if not (self["base_url"] or self["host"]):
            looked = ", ".join(variable for name in _SOUGHT for variable in models.HOSTS[name].key_variables)
            return KimiAuthError(
                f"no API key: none of {looked} is set", hint=f"Set one before starting, {hint}"
            )
        set_keys = [variable for variable, _, _ in _environment(models.HOSTS)]
        others = f"; those that are set belong to other hosts: {', '.join(set_keys)}" if set_keys else ""
        return KimiAuthError(
            f"no API key for {_host(address)}{others}",
            hint=f"If a key is for this host, set its base URL too (such as MOONSHOT_BASE_URL); or {hint}",
        )

    def table(self) -> list[tuple[str, str, str]]:
        """Every setting as (name, value, where it came from); the key is masked."""
        rows = [
            (
                option.name,
                "" if self[option.name] is None else str(self[option.name]),
                self.source(option.name),
            )
            for option in options.at(options.CONFIG)
            if option.setting and option.name not in ("base_url", "unset")
        ]
        address, address_source = self._address()
        key, key_source = self._key(address)
        rows.append(("base_url", address, address_source))
        rows.append(("key", key.masked if key else "", key_source or "not set"))
        return rows

    def _address(self) -> tuple[str, str]:
        """The base URL and where it came from."""
        if self["base_url"]:
            return self["base_url"], self.source("base_url")
        if self["host"]:
            return models.HOSTS[self["host"]].base_url, self.source("host")
        for _, address, source in _environment(_SOUGHT):
            return address, source
        for name in _SOUGHT:  # no key is set, but one may be typed for the address that is
            for variable in models.HOSTS[name].url_variables:
                if given := os.environ.get(variable, "").strip():
                    return base_url(given, variable), variable
        return models.HOSTS["evolink"].base_url, DEFAULT

    def _key(self, address: str) -> tuple[Key | None, str]:
        """The key that belongs to the host of `address`, and where it came from."""
        if self._login and self._login[0] == _host(address):
            return self._login[1], LOGIN
        for variable, own, _ in _environment(models.HOSTS):
            if _host(own) == _host(address):
                key = os.environ[variable].strip()
                if not _KEY.fullmatch(key):
                    raise KimiUsageError(f"{variable} has characters that no key has")
                return Key(key), variable
        return None, ""


def _environment(hosts: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """The keys that are set: (variable, base URL that belongs to it, where that came from)."""
    for name in hosts:
        host = models.HOSTS[name]
        for variable, url_variable in zip(host.key_variables, host.url_variables, strict=True):
            if os.environ.get(variable, "").strip():
                given = os.environ.get(url_variable, "").strip()
                address = base_url(given, url_variable) if given else host.base_url
                yield variable, address, url_variable if given else DEFAULT


def _host(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def base_url(text: str, shown: str = "--base-url") -> str:
    """`text` as the address that paths such as `/chat/completions` are put behind.

    With or without `/v1`, a trailing slash or `/chat/completions`; `KimiUsageError` for what is no address.
    """
    example = "expected an address such as https://api.evolink.ai/v1"
    address = text.strip()
    if "@" in address:  # before anything quotes it: there may be a password in it
        raise KimiUsageError(f"{shown}: no user or password in the address; {example}")
    try:
        parts = urlsplit(address)
        port_is_fine = parts.port != 0
    except ValueError as error:
        raise KimiUsageError(f"{shown} {text!r}: {error}; {example}") from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[\w.:-]+", host) or not port_is_fine:
        raise KimiUsageError(f"{shown} {text!r}: {example}")
    if parts.query or parts.fragment or re.search(r"[\s\\]", address):
        raise KimiUsageError(f"{shown}: no query or spaces in the address; {example}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    if not re.search(r"/v\d+\w*(/|$)", path):
        path += "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


settings = Settings()
"""The settings of this kernel."""
