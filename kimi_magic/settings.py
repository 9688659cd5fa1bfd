"""The settings of a kernel: each value, where it came from, and the key that was typed.

A value given with a prompt beats `%kimi_config`, which beats the IPython configuration, which beats the
default.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kimi_magic import addresses, hosts, keys, options
from kimi_magic.errors import KimiAuthError, KimiUsageError
from kimi_magic.hosts import FoundKey
from kimi_magic.keys import Key
from kimi_magic.request import Options, decide

if TYPE_CHECKING:
    from kimi_magic.client import Connection

LOGIN, CONFIG, CONFIGURATION = "%kimi_config --login", "%kimi_config", "IPython configuration"
KEYRING = "the keyring of the system"


class Settings:
    """The values of the option table that hold for every cell, and the key of `--login`."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, str]] = {}
        self._login: tuple[str, Key] | None = None  # the origin that the key was typed for, and the key
        self._file: tuple[str, Mapping[str, str]] | None = None  # name and variables of the file with keys
        self._header_origin = ""  # the origin that the headers were set for
        self._secrets: dict[str, str] = {}  # of Colab, by variable; asking for them takes a while
        self._remembered: dict[str, Key] = {}  # of the keyring, by origin
        self._faults: list[str] = []  # of the IPython configuration, until they are told

    def __getitem__(self, name: str) -> Any:
        """The value that holds for option `name`."""
        value, _ = self._values.get(name, (options.BY_NAME[name].default, hosts.DEFAULT_SOURCE))
        return value

    def options(self, cell: Mapping[str, Any], *, asks: bool = True) -> Options:
        """The options of a turn; `cell` holds the checked values that were given with its prompt.

        `asks`: whether keys are also looked for where that may open a dialogue (Colab, the keyring).

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
            values["replay"] = None
        where = self._offline_place if values["offline"] or values["replay"] else self._place
        address, host, _ = where(values["base_url"], values["host"], asks=asks)
        if values["replay"] and not values["host"]:
            host = self._recorded_host(values["replay"], host)
        if "header" not in cell and values["header"] and self._header_origin != addresses.origin(address):
            values["header"] = None  # what is secret in it is for that origin and no other
        return decide(values, {}, host=host, base_url=address)

    def source(self, name: str) -> str:
        """Where the value of `name` came from."""
        return self._values.get(name, (None, hosts.DEFAULT_SOURCE))[1]

    def set(self, name: str, value: Any, source: str = CONFIG) -> None:
        """Set `name` to a value that its option has checked; a base URL is checked here."""
        self._values[name] = (hosts.base_url(value) if name == "base_url" else value, source)

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several checked values, all or none; a file with keys is read now."""
        values = {name: hosts.base_url(v) if name == "base_url" else v for name, v in values.items()}
        if "env_file" in values:
            self._read(values["env_file"])
        for name, value in values.items():
            self.set(name, value)
        self._bind_headers(values, CONFIG)

    def _bind_headers(self, values: Mapping[str, Any], source: str) -> None:
        """Headers that were set are for the place that is set now, as the key of `--login` is."""
        if values.get("header"):
            self._header_origin = addresses.origin(self._place(self["base_url"], self["host"], asks=False)[0])
            self.set("header", values["header"], f"{source}, for {self._header_origin}")

    def load(self, section: Mapping[str, Any]) -> None:
        """Take values from the `KimiMagic` section of the IPython configuration.

        One that cannot be used is left out, so that the extension loads; `complain` says so.
        """
        for name, value in section.items():
            try:
                for checked in options.check({name: value}, options.CONFIG).values():
                    self.set(name, checked, CONFIGURATION)
            except KimiUsageError as fault:
                self._faults.append(f"c.KimiMagic.{name}: {fault.message}")

    def complain(self) -> None:
        """Refuse to go on with values that are not those of the configuration; once.

        Raises:
            KimiUsageError: `load` found values that cannot be used.
        """
        if not self._faults:
            return
        faults, self._faults = self._faults, []
        raise KimiUsageError(
            f"the IPython configuration has values that cannot be used: {'; '.join(faults)}",
            hint="Correct them there. Nothing was sent; without them it goes on: {@again}.",
        )

    def unset(self, name: str) -> None:
        """Back to the default.

        Raises:
            KimiUsageError: There is no such setting.
        """
        name = name.removeprefix("--").replace("-", "_")
        settable = [o for o in options.at(options.CONFIG) if o.is_setting and o.name != "unset"]
        known = [option.name for option in settable]
        name = {f.strip("-").replace("-", "_"): o.name for o in settable for f in o.flags}.get(name, name)
        if name in ("key", "login"):
            keys.forget(addresses.origin(self._place(self["base_url"], self["host"], asks=False)[0]))
            self._login = None
            self._secrets.clear()
            self._remembered.clear()
        elif name in known:
            self._values.pop(name, None)
        else:
            raise KimiUsageError(f"--unset {name!r}: no such setting{options.nearest(name, known)}")

    def login(self, text: str, *, remember: bool = False) -> str:
        """Keep a key in memory, for the provider that is set now; with `remember` in the keyring too.

        Returns: One line that says where it is and for whom.

        Raises:
            KimiUsageError: `text` is empty, or no key; or there is no keyring, then it is in memory alone.
        """
        if not text.strip():
            raise KimiUsageError("no key was typed; nothing has changed")
        key = hosts.checked_key(text, "what was typed has characters that no key has; nothing has changed")
        origin = addresses.origin(self._place(self["base_url"], self["host"], asks=False)[0])
        self._login = (origin, key)
        if not remember:
            return f"The key is kept in memory, for {origin}."
        try:
            keys.remember(origin, key)
        except ValueError as error:
            raise KimiUsageError(
                f"--remember: {error}; the key is kept in memory only, for {origin}",
                hint="Install one with pip install keyring, or set an environment variable.",
            ) from None
        return f"The key is kept in memory and in the keyring of the system, for {origin}."

    def file_words(self) -> str:
        """The one line that says which keys the file has that was set."""
        found = [entry.source for entry in self._file_keys()]
        if found:
            return f"Keys: {', '.join(found)}."
        return f"No known key is in {self['env_file']}; known are {', '.join(hosts.KEY_VARIABLES)}."

    def connection(
        self, decided: Options | None = None, *, asks: bool = True, needs_key: bool = True
    ) -> Connection:
        """Where the next request goes, and with which key.

        `asks`: whether keys are also looked for where that may open a dialogue. `needs_key`: whether it is an
        error that there is none.

        Raises:
            KimiAuthError: There is no key for the address.
            KimiUsageError: A variable of the environment holds no key or no address, or what is sent could be
                read on its way.
        """
        from kimi_magic.client import Connection

        decided = decided or self.options({}, asks=asks)
        record = decided.record or ""
        if decided.replay or decided.offline:
            from kimi_magic import simulator

            return Connection(
                simulator.OFFLINE_BASE_URL,
                Key(simulator.OFFLINE_KEY),
                via="recording" if decided.replay else "simulator",
                speed=decided.speed,
                provider=decided.host,
                recording=decided.replay or "",
                record="" if decided.replay else record,
            )
        key_or_none, source = self._key(decided.base_url, decided.host, asks=asks)
        connection = Connection(
            decided.base_url,
            key_or_none or Key(""),
            source,
            provider=decided.host,
            attempts=hosts.provider(decided.host).attempts,
            record=record,
            allows_http=decided.allow_http,
            headers=hosts.headers_of(decided.header or ()),
        )
        connection.check_exposure()
        if not needs_key or _is_near(decided.base_url) or connection.is_exposed:
            return connection
        if key_or_none is None:
            raise self._no_key(decided.base_url)
        return connection

    def table(self, *, everything: bool = False) -> list[tuple[str, str, str]]:
        """Settings as (name, value, where it came from): where requests go, then what was set.

        With `everything` the others follow, with their defaults. No row holds the key.

        Raises:
            KimiUsageError: A variable of the environment holds no key or no address.
        """
        decided = self.options({})
        of_host = f"default of {decided.host}" if decided.host else hosts.DEFAULT_SOURCE
        model_source = self.source("model") if self["model"] else of_host
        rows = [*self._place_rows(decided), ("model", decided.model, model_source)]
        shown = {"host", "base_url", "model", "unset", "env_file"}
        if self["env_file"]:
            rows.append(("env_file", str(self["env_file"]), self.source("env_file")))
        others = [o for o in options.at(options.CONFIG) if o.is_setting and o.name not in shown]
        given = [option for option in others if option.name in self._values]
        rows += [(o.name, _shown(self[o.name]), self.source(o.name)) for o in given]
        if everything:
            rows += [self._default_row(o.name, decided) for o in others if o not in given]
        return rows

    def _place_rows(self, decided: Options) -> list[tuple[str, str, str]]:
        """Key, provider and address that the next request would use."""
        if decided.replay:
            source = self.source("replay")
            return [
                ("key", "none is needed", source),
                ("host", decided.host, source),
                ("base_url", f"the recording {decided.replay}", source),
            ]
        if decided.offline:
            source = self.source("offline")
            _, host, host_source = self._offline_place(self["base_url"], self["host"])
            return [
                ("key", "none is needed", source),
                ("host", host, host_source),
                ("base_url", "the offline simulator", source),
            ]
        address, host, source = self._place(self["base_url"], self["host"])
        key, key_source = self._key(address, host)
        if key is None:
            key_source = "none is needed" if _is_near(address) else "not set"
        elif addresses.is_exposed(address) and not decided.allow_http:
            key_source += ", not sent over http"
        return [
            ("key", keys.MASK if key else "", key_source),
            ("host", host, source),
            ("base_url", address, source),
        ]

    def _default_row(self, name: str, decided: Options) -> tuple[str, str, str]:
        """A setting that was not set; some defaults are those of the model."""
        if name in ("max_tokens", "history_reasoning") and getattr(decided, name) is not None:
            return name, _shown(getattr(decided, name)), "default of the model"
        return name, _shown(self[name]), hosts.DEFAULT_SOURCE

    def address(self) -> tuple[str, str]:
        """The base URL, and where it came from."""
        address, _, source = self._place(self["base_url"], self["host"])
        return address, source

    def _place(self, base_url: str | None, host: str | None, *, asks: bool = True) -> tuple[str, str, str]:
        """The base URL, the provider there ("" where it is nobody's), and where the address came from."""
        if base_url:
            return base_url, hosts.provider_at(base_url), self.source("base_url")
        if host:
            return hosts.PROVIDERS[host].base_url, host, self.source("host")
        return hosts.place_of(self._found_keys(hosts.PREFERRED, asks=asks))

    def _offline_place(
        self, base_url: str | None, host: str | None, *, asks: bool = False
    ) -> tuple[str, str, str]:
        """The same where nothing is sent: an address or a file that cannot be used breaks nothing."""
        try:
            return self._place(base_url, host, asks=False)
        except KimiUsageError:
            return "", hosts.PREFERRED[0], hosts.DEFAULT_SOURCE

    def _recorded_host(self, file: str, host: str) -> str:
        """Whose answers a recording has, by which requests are made; `host` where it does not say."""
        from kimi_magic.client import recordings

        recorded = recordings.host_of(file)
        return host if recorded is None else recorded

    def _file_keys(self, names: Iterable[str] = tuple(hosts.PROVIDERS)) -> Iterator[FoundKey]:
        """The keys in the file that is set, which is read once."""
        if (name := self["env_file"]) is None:
            return
        if self._file is None or self._file[0] != name:
            self._read(name)
        if self._file is not None:
            yield from hosts.keys_in(self._file[1], names, f" in {name}")

    def _read(self, name: str) -> None:
        try:
            self._file = (name, keys.variables_in(Path(name).expanduser()))
        except ValueError as error:
            raise KimiUsageError(f"--env {name!r}: {error}") from None

    def _found_keys(self, names: Iterable[str] = tuple(hosts.PROVIDERS), *, asks: bool) -> Iterator[FoundKey]:
        """Keys under the variables of the providers `names`: of the file, the environment, then of Colab."""
        names, found = tuple(names), False
        for source in (self._file_keys(names), hosts.keys_in(os.environ, names)):
            for entry in source:
                found = True
                yield entry
        if asks and not found and keys.in_colab():
            for variable in (v for name in names for v in hosts.PROVIDERS[name].key_variables):
                if variable not in self._secrets:
                    self._secrets[variable] = keys.colab_secret(variable)
            yield from hosts.keys_in(self._secrets, names, " in the secrets of Colab")

    def _key(self, address: str, host: str, *, asks: bool = True) -> tuple[Key | None, str]:
        """The key that belongs to the origin of `address`, and where it came from."""
        origin = addresses.origin(address)
        if self._login and self._login[0] == origin:
            return self._login[1], LOGIN
        for entry in self._found_keys(asks=False):
            if origin in entry.origins:
                return entry.key, entry.source
        if not asks or addresses.is_loopback(address):
            return None, ""
        for entry in self._found_keys((host,) if host else (), asks=True):
            if origin in entry.origins:
                return entry.key, entry.source
        if origin not in self._remembered and (key := keys.remembered(origin)) is not None:
            self._remembered[origin] = key
        if origin in self._remembered:
            return self._remembered[origin], KEYRING
        return None, ""

    def _no_key(self, address: str) -> KimiAuthError:
        hint = "type it with {@login}, or try without: {@offline}"
        if not (self["base_url"] or self["host"]) and address == self._place(None, None, asks=False)[0]:
            variables = [v for name in hosts.PREFERRED for v in hosts.PROVIDERS[name].key_variables]
            return KimiAuthError(
                f"no API key: none of {', '.join(variables)} is set", hint=f"Set one before starting, {hint}"
            )
        others = [entry.source for entry in self._found_keys(asks=False)]
        belong = f"; those that are set belong to other hosts: {', '.join(others)}" if others else ""
        return KimiAuthError(
            f"no API key for {addresses.origin(address)}{belong}",
            hint=f"If a key is for this host, set its base URL too (such as MOONSHOT_BASE_URL); or {hint}",
        )


def _is_near(address: str) -> bool:
    """Whether a service is on this machine or in a network of one's own: it may need no key."""
    return addresses.is_loopback(address) or addresses.is_private(address)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
