"""The settings of a kernel: each value, where it came from, and the key that was typed.

A value given with a prompt beats `%kimi_config`, which beats the IPython configuration, which beats the
default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kimi_magic import hosts, options
from kimi_magic.errors import KimiAuthError, KimiUsageError
from kimi_magic.keys import Key
from kimi_magic.request import Options, decide

if TYPE_CHECKING:
    from kimi_magic.client import Connection

LOGIN, CONFIG, CONFIGURATION = "%kimi_config --login", "%kimi_config", "IPython configuration"


class Settings:
    """The values of the option table that hold for every cell, and the key of `--login`."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, str]] = {}
        self._login: tuple[str, Key] | None = None  # the origin that the key was typed for, and the key

    def __getitem__(self, name: str) -> Any:
        """The value that holds for option `name`."""
        value, _ = self._values.get(name, (options.BY_NAME[name].default, hosts.DEFAULT_SOURCE))
        return value

    def options(self, cell: Mapping[str, Any]) -> Options:
        """The options of a turn; `cell` holds the checked values that were given with its prompt.

        What is given with the prompt also displaces settings that speak of the same thing: `--reasoning open`
        displaces `%kimi_config --hide-reasoning`.
        """
        subjects = {options.BY_NAME[name].subject for name in cell} - {""}
        kernel = {
            option.name: option.default if option.subject in subjects else self[option.name]
            for option in options.TABLE
            if option.is_setting and option.name in Options.__struct_fields__
        }
        values = {**kernel, **cell}
        if "base_url" in cell:
            values["base_url"] = hosts.base_url(cell["base_url"], "base_url")
            values["offline"] = cell.get("offline", False)  # who names an address wants to go there
        where = self._offline_place if values["offline"] else self._place
        address, host, _ = where(values["base_url"], values["host"])
        return decide(values, {}, host=host, base_url=address)

    def source(self, name: str) -> str:
        """Where the value of `name` came from."""
        return self._values.get(name, (None, hosts.DEFAULT_SOURCE))[1]

    def set(self, name: str, value: Any, source: str = CONFIG) -> None:
        """Set `name` to a value that its option has checked; a base URL is checked here."""
        self._values[name] = (hosts.base_url(value) if name == "base_url" else value, source)

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several checked values, all or none."""
        values = {name: hosts.base_url(v) if name == "base_url" else v for name, v in values.items()}
        for name, value in values.items():
            self.set(name, value)

    def load(self, section: Mapping[str, Any]) -> None:
        """Take values from the `KimiMagic` section of the IPython configuration."""
        for name, value in options.check(dict(section), options.CONFIG).items():
            self.set(name, value, CONFIGURATION)

    def unset(self, name: str) -> None:
        """Back to the default.

        Raises:
            KimiUsageError: There is no such setting.
        """
        name = name.removeprefix("--").replace("-", "_")
        known = [o.name for o in options.at(options.CONFIG) if o.is_setting and o.name != "unset"]
        if name in ("key", "login"):
            self._login = None
        elif name in known:
            self._values.pop(name, None)
        else:
            raise KimiUsageError(f"--unset {name!r}: no such setting{options.nearest(name, known)}")

    def login(self, text: str) -> None:
        """Keep a key in memory, for the provider that is set now.

        Raises:
            KimiUsageError: `text` is empty, or no key.
        """
        if not text.strip():
            raise KimiUsageError("no key was typed; nothing has changed")
        key = hosts.checked_key(text, "what was typed has characters that no key has; nothing has changed")
        self._login = (hosts.origin(self.address()[0]), key)

    def connection(self, decided: Options | None = None) -> Connection:
        """Where the next request goes, and with which key.

        Raises:
            KimiAuthError: There is no key for the address.
            KimiUsageError: A variable of the environment holds no key or no address.
        """
        from kimi_magic.client import Connection

        decided = decided or self.options({})
        if decided.offline:
            from kimi_magic import simulator

            key, host = Key(simulator.OFFLINE_KEY), decided.host
            return Connection(
                simulator.OFFLINE_BASE_URL, key, via="simulator", speed=decided.speed, provider=host
            )
        key_or_none, source = self._key(decided.base_url)
        connection = Connection(
            decided.base_url,
            key_or_none or Key(""),
            source,
            provider=decided.host,
            attempts=hosts.provider(decided.host).attempts,
        )
        if key_or_none is None and not connection.is_loopback:
            raise self._no_key(decided.base_url)
        return connection

    def table(self) -> list[tuple[str, str, str]]:
        """Every setting as (name, value, where it came from); the key is masked."""
        rows = [
            (option.name, _shown(self[option.name]), self.source(option.name))
            for option in options.at(options.CONFIG)
            if option.is_setting and option.name not in ("base_url", "unset")
        ]
        address, address_source = self.address()
        key, key_source = self._key(address)
        rows.append(("base_url", address, address_source))
        rows.append(("key", key.masked if key else "", key_source or "not set"))
        return rows

    def address(self) -> tuple[str, str]:
        """The base URL, and where it came from."""
        address, _, source = self._place(self["base_url"], self["host"])
        return address, source

    def _place(self, base_url: str | None, host: str | None) -> tuple[str, str, str]:
        """The base URL, the provider there ("" where it is nobody's), and where the address came from."""
        if base_url:
            return base_url, hosts.provider_at(base_url), self.source("base_url")
        if host:
            return hosts.PROVIDERS[host].base_url, host, self.source("host")
        return hosts.preferred_place()

    def _offline_place(self, base_url: str | None, host: str | None) -> tuple[str, str, str]:
        """The same where nothing is sent: an address that cannot be used breaks nothing."""
        try:
            return self._place(base_url, host)
        except KimiUsageError:
            return "", hosts.PREFERRED[0], hosts.DEFAULT_SOURCE

    def _key(self, address: str) -> tuple[Key | None, str]:
        """The key that belongs to the origin of `address`, and where it came from."""
        if self._login and self._login[0] == hosts.origin(address):
            return self._login[1], LOGIN
        for entry in hosts.environment_keys():
            if hosts.origin(address) in entry.origins:
                return entry.key, entry.variable
        return None, ""

    def _no_key(self, address: str) -> KimiAuthError:
        hint = "type it with {@login}, or try without: {@offline}"
        if not (self["base_url"] or self["host"]) and address == hosts.preferred_place()[0]:
            variables = [v for name in hosts.PREFERRED for v in hosts.PROVIDERS[name].key_variables]
            return KimiAuthError(
                f"no API key: none of {', '.join(variables)} is set", hint=f"Set one before starting, {hint}"
            )
        others = [entry.variable for entry in hosts.environment_keys()]
        belong = f"; those that are set belong to other hosts: {', '.join(others)}" if others else ""
        return KimiAuthError(
            f"no API key for {hosts.origin(address)}{belong}",
            hint=f"If a key is for this host, set its base URL too (such as MOONSHOT_BASE_URL); or {hint}",
        )


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
