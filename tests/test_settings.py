"""Where a request goes and with which key: a key is sent to its own host and shown nowhere."""

from __future__ import annotations

import copy
import pickle
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic import options
from kimi_magic.client import Connection
from kimi_magic.errors import KimiAuthError, KimiError, KimiUsageError
from kimi_magic.hosts import DEFAULT_SOURCE as DEFAULT
from kimi_magic.hosts import base_url
from kimi_magic.keys import Key
from kimi_magic.options.advice import phrase
from kimi_magic.request import Options
from kimi_magic.settings import CONFIG, LOGIN, Settings

EVOLINK, MOONSHOT = "https://api.evolink.ai/v1", "https://api.moonshot.ai/v1"
SECRET = "sk-0123456789abcdefWXYZ"
OTHER = "sk-ffffffffffffffffVUTS"


def connected(chosen: Settings) -> tuple[str, str, str]:
    connection = chosen.connection()
    return connection.base_url, connection.key.reveal(), connection.key_source


def at(address: str) -> Settings:
    chosen = Settings()
    chosen.set("base_url", address)
    return chosen


def row(chosen: Settings, name: str, *, everything: bool = False) -> tuple[str, str]:
    rows = chosen.table(everything=everything)
    ((value, source),) = [(value, source) for n, value, source in rows if n == name]
    return value, source


# ---- addresses ----


WHOLE = "https://gateway.example/inference/chat/completions"  # no version in it: it is kept as it is


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        (EVOLINK, EVOLINK),
        ("https://api.evolink.ai", EVOLINK),
        ("https://api.evolink.ai/", EVOLINK),
        ("https://api.evolink.ai/v1/", EVOLINK),
        ("https://api.evolink.ai/v1//", EVOLINK),
        ("  https://api.evolink.ai/v1\n", EVOLINK),
        ("https://api.evolink.ai/v1/chat/completions", EVOLINK),
        ("https://api.evolink.ai/v1/chat/completions/", EVOLINK),
        ("https://api.evolink.ai/chat/completions", EVOLINK),
        ("HTTPS://api.evolink.ai/v1", EVOLINK),
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000/", "http://[::1]:8000/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://proxy.example/kimi", "https://proxy.example/kimi/v1"),
        ("https://open.bigmodel.cn/api/paas/v4/", "https://open.bigmodel.cn/api/paas/v4"),
        ("https://host.example/v1beta/openai", "https://host.example/v1beta/openai"),
        ("https://my_host-2.example:8443", "https://my_host-2.example:8443/v1"),
        ("https://月.example", "https://月.example/v1"),
        ("https://gateway.example/inference/chat/completions", WHOLE),
        (WHOLE + "/", WHOLE),
    ],
)
def test_an_address_is_understood_in_each_form(typed: str, normal: str) -> None:
    assert base_url(typed) == normal


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "api.evolink.ai",
        "api.evolink.ai/v1",
        "//api.evolink.ai/v1",
        "/v1",
        "https://",
        "https:///v1",
        "https:/api.evolink.ai",
        "https:api.evolink.ai",
        "ftp://api.evolink.ai",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://api evolink.ai",
        "https://api.evolink.ai/v 1",
        "https://api.evolink.ai/v1\nX-Header: 1",
        "https://api.evolink.ai/\tv1",
        "https://api.evolink.ai\\v1",
        "https://evil.example\\@api.evolink.ai",
        "https://api.evolink.ai:port",
        "https://api.evolink.ai:0",
        "https://api.evolink.ai:99999",
        "https://:8000",
        "https://[::1",
        "https://[nonsense]",
        "https://api.evolink.ai/v1?key=1",
        "https://api.evolink.ai/v1#top",
        "https://user@api.evolink.ai",
        "https://user:password@api.evolink.ai/v1",
        "https://api.evolink.ai/\u2028v1",
        "https://<host>/v1",
        "sk-0123456789abcdef",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(KimiUsageError, match="expected an address such as https://") as caught:
        base_url(typed, "EVOLINK_BASE_URL")
    assert caught.value.message.startswith("EVOLINK_BASE_URL")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{SECRET}@api.evolink.ai/v1",
        f"https://user:{SECRET}@api.evolink.ai:99999/v1",
        f"https://user:{SECRET}@api.evolink.ai:port/v1",
        f"ftp://user:{SECRET}@api.evolink.ai/v1",
        f"https://user:{SECRET}@/v1",
        f"https://user:{SECRET}@[::1/v1",
        f"https://api.evolink.ai/v1?key={SECRET}",
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_without_repeating_the_secret(address: str) -> None:
    with pytest.raises(KimiUsageError) as caught:
        base_url(address)
    assert SECRET not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["api.evolink.ai", "API.Evolink.ai", "127.0.0.1:1", "[::1]:65535", "a-b_c"]),
    st.lists(st.sampled_from(["/v1", "/v2beta", "/api", "/", "/v", "/1"]), max_size=4),
    st.sampled_from(["", "/", "/chat/completions", "/chat/completions/"]),
)
def test_an_address_in_normal_form_stays_as_it_is(scheme: str, host: str, path: list[str], end: str) -> None:
    normal = base_url(f"{scheme}://{host}{''.join(path)}{end}")
    assert base_url(normal) == normal
    if not normal.endswith("/chat/completions"):
        assert base_url(normal + "/chat/completions") == normal
    assert not normal.endswith("/")


# ---- which key, for which host ----


def test_without_a_key_the_error_says_where_it_was_looked_for_and_what_to_do() -> None:
    with pytest.raises(KimiAuthError) as caught:
        Settings().connection()
    assert re.fullmatch(
        r"no API key: .*EVOLINK_API_KEY.*KIMI_API_KEY.*MOONSHOT_API_KEY.*", caught.value.message
    )
    assert "--login" in phrase(caught.value.hint)
    assert "--offline" in phrase(caught.value.hint)


@pytest.mark.parametrize(
    ("variable", "address"),
    [("EVOLINK_API_KEY", EVOLINK), ("KIMI_API_KEY", MOONSHOT), ("MOONSHOT_API_KEY", MOONSHOT)],
)
def test_a_key_goes_to_the_host_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, f" {SECRET}\n")
    assert connected(Settings()) == (address, SECRET, variable)


@pytest.mark.parametrize(
    ("keys", "winner"),
    [
        (["EVOLINK", "KIMI", "MOONSHOT"], "EVOLINK"),
        (["KIMI", "MOONSHOT"], "KIMI"),
        (["EVOLINK", "MOONSHOT"], "EVOLINK"),
        (["MOONSHOT"], "MOONSHOT"),
    ],
)
def test_evolink_comes_before_kimi_before_moonshot(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], winner: str
) -> None:
    for name in keys:
        monkeypatch.setenv(f"{name}_API_KEY", f"sk-{name}")
    address, key, source = connected(Settings())
    assert (key, source) == (f"sk-{winner}", f"{winner}_API_KEY")
    assert address == (EVOLINK if winner == "EVOLINK" else MOONSHOT)


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", "  ")
    monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
    assert connected(Settings()) == (MOONSHOT, SECRET, "MOONSHOT_API_KEY")


def test_a_key_follows_the_base_url_of_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", "https://proxy.example/")
    chosen = Settings()
    assert connected(chosen) == ("https://proxy.example/v1", SECRET, "EVOLINK_API_KEY")
    assert row(chosen, "base_url") == ("https://proxy.example/v1", "EVOLINK_BASE_URL")


def test_a_base_url_does_not_take_the_key_of_another_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIMI_BASE_URL", "https://proxy.example/v1")
    monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", "https://other.example/v1")
    address, _, _ = connected(Settings())
    assert address == MOONSHOT


def test_an_explicit_address_gets_the_key_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", OTHER)
    monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
    assert connected(at("https://API.moonshot.ai")) == (
        "https://API.moonshot.ai/v1",
        SECRET,
        "MOONSHOT_API_KEY",
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://proxy.example/v1",
        "https://api.evolink.ai:8443/v1",
        "https://api.evolink.ai.evil.example/v1",
        "https://evil.example/api.evolink.ai/v1",
        "https://evil-api.evolink.ai/v1",
    ],
)
def test_an_explicit_address_of_another_host_gets_no_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    for name in ("EVOLINK", "KIMI", "MOONSHOT"):
        monkeypatch.setenv(f"{name}_API_KEY", SECRET)
    with pytest.raises(KimiAuthError, match="belong to other hosts") as caught:
        at(address).connection()
    assert address.split("/")[2] in caught.value.message
    assert SECRET not in str(caught.value)


def test_a_key_that_belongs_to_a_proxy_is_not_sent_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", "https://proxy.example/v1")
    with pytest.raises(KimiAuthError):
        at(EVOLINK).connection()


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000"])
def test_a_service_on_this_machine_needs_no_key_and_gets_none(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    address, key, source = connected(at(f"http://{host}"))
    assert (address.lower(), key, source) == (f"http://{host}/v1".lower(), "", "")


@pytest.mark.parametrize(
    "host", ["127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "127.evil.example", "127.1"]
)
def test_a_name_that_only_looks_like_this_machine_needs_a_key(host: str) -> None:
    with pytest.raises(KimiAuthError):
        at(f"https://{host}").connection()


def test_a_base_url_variable_that_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIMI_API_KEY", SECRET)
    monkeypatch.setenv("KIMI_BASE_URL", "nonsense")
    with pytest.raises(KimiUsageError, match=r"^KIMI_BASE_URL 'nonsense'"):
        Settings().connection()


@pytest.mark.parametrize(
    "key", ["sk-0123456789\nabcdef", "sk-ключ-0123456789", "sk-0123456789 abcdef", "sk-\x010123"]
)
def test_a_key_of_the_environment_that_no_header_can_carry_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", key)
    with pytest.raises(KimiError, match="EVOLINK_API_KEY") as caught:
        Settings().connection()
    assert key not in str(caught.value)
    assert "\n" not in caught.value.message


# ---- the key that is typed ----


def test_a_typed_key_goes_to_the_default_service_where_nothing_is_set() -> None:
    chosen = Settings()
    chosen.login(SECRET)
    assert connected(chosen) == (EVOLINK, SECRET, LOGIN)


def test_a_typed_key_beats_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", OTHER)
    chosen = Settings()
    chosen.login(f" {SECRET}\n")
    assert connected(chosen) == (EVOLINK, SECRET, LOGIN)


def test_a_typed_key_belongs_to_the_host_that_was_set_when_it_was_typed() -> None:
    chosen = at("https://one.example/v1")
    chosen.login(SECRET)
    assert connected(chosen)[1] == SECRET
    chosen.set("base_url", "https://one.example/other/v1")
    assert connected(chosen)[1] == SECRET
    chosen.set("base_url", "https://two.example/v1")
    with pytest.raises(KimiAuthError):
        chosen.connection()


@pytest.mark.parametrize("typed", ["", "  ", "ключ-0123456789", "two words", "line\nbreak", "sk-\x7f\x01"])
def test_what_cannot_be_a_key_is_refused_and_the_old_one_stays(typed: str) -> None:
    chosen = Settings()
    chosen.login(SECRET)
    with pytest.raises(KimiUsageError, match="nothing has changed") as caught:
        chosen.login(typed)
    assert not typed.strip() or typed not in str(caught.value)
    assert connected(chosen)[1] == SECRET


@pytest.mark.parametrize("name", ["key", "login", "--login"])
def test_a_typed_key_can_be_forgotten(name: str) -> None:
    chosen = Settings()
    chosen.login(SECRET)
    chosen.unset(name)
    with pytest.raises(KimiAuthError):
        chosen.connection()


# ---- values and where they came from ----


def test_nothing_set_is_the_default_from_the_default() -> None:
    chosen = Settings()
    assert chosen.options({}).model == "kimi-k2-thinking"
    assert (chosen["model"], chosen.source("model")) == (None, DEFAULT)
    assert row(chosen, "base_url") == (EVOLINK, DEFAULT)
    assert row(chosen, "key") == ("", "not set")
    assert row(chosen, "temperature", everything=True) == ("", DEFAULT)


def test_a_setting_beats_the_ipython_configuration_which_beats_the_default() -> None:
    chosen = Settings()
    chosen.load({"model": "from-file", "temperature": 0.5})
    assert (chosen["model"], chosen.source("model")) == ("from-file", "IPython configuration")
    chosen.update({"model": "typed"})
    assert (chosen["model"], chosen.source("model")) == ("typed", CONFIG)
    assert chosen["temperature"] == 0.5


@pytest.mark.parametrize(
    "section", [{"temperature": 9}, {"modle": "x"}, {"base_url": "nonsense"}, {"api_key": "x"}]
)
def test_a_configuration_that_is_wrong_in_part_is_said_once_and_the_rest_holds(
    section: dict[str, object],
) -> None:
    chosen = Settings()
    chosen.load({**section, "top_p": 0.5})
    assert chosen["top_p"] == 0.5
    with pytest.raises(KimiUsageError, match=f"IPython configuration .* c.KimiMagic.{next(iter(section))}"):
        chosen.complain()
    chosen.complain()


def test_several_values_are_set_all_or_none() -> None:
    chosen = Settings()
    with pytest.raises(KimiUsageError):
        chosen.update({"model": "new", "base_url": "nonsense"})
    assert chosen["model"] is None


@pytest.mark.parametrize("name", ["max_tokens", "max-tokens", "--max-tokens"])
def test_a_setting_can_be_unset_under_each_spelling(name: str) -> None:
    chosen = Settings()
    chosen.update({"max_tokens": 5})
    chosen.unset(name)
    assert (chosen["max_tokens"], chosen.source("max_tokens")) == (None, DEFAULT)


def test_an_address_that_is_unset_gives_its_key_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    chosen = at("http://localhost:1")
    assert connected(chosen)[1] == ""
    chosen.unset("base-url")
    assert connected(chosen) == (EVOLINK, SECRET, "EVOLINK_API_KEY")


@pytest.mark.parametrize("name", ["modle", "unset", "reset", "out", "", "--"])
def test_what_is_no_setting_cannot_be_unset(name: str) -> None:
    with pytest.raises(KimiUsageError, match="no such setting"):
        Settings().unset(name)


# ---- the key is nowhere ----


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "environment"])
def test_no_cell_of_the_table_holds_the_key(monkeypatch: pytest.MonkeyPatch, typed: bool) -> None:
    chosen = Settings()
    if typed:
        chosen.login(SECRET)
    else:
        monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    source = LOGIN if typed else "EVOLINK_API_KEY"
    assert row(chosen, "key") == ("***", source)
    for part in (SECRET, SECRET[-4:]):
        assert part not in str(chosen.table(everything=True))


# ---- the table of settings ----


def names(chosen: Settings, *, everything: bool = False) -> list[str]:
    return [name for name, _, _ in chosen.table(everything=everything)]


def test_the_table_begins_with_where_requests_go_and_goes_on_with_what_was_set() -> None:
    chosen = Settings()
    place = ["key", "host", "base_url", "model"]
    assert names(chosen) == place
    chosen.update({"temperature": 0.5, "stream": True})  # also what is set to its default
    assert names(chosen) == [*place, "temperature", "stream"]
    chosen.unset("stream")
    assert names(chosen) == [*place, "temperature"]


def test_with_everything_the_table_has_each_setting_once_those_that_were_set_first() -> None:
    chosen = Settings()
    chosen.update({"timeout": 9.0})
    shown = names(chosen, everything=True)
    assert shown[:5] == ["key", "host", "base_url", "model", "timeout"]
    assert len(set(shown)) == len(shown)
    settable = {o.name for o in options.at(options.CONFIG) if o.is_setting} - {"unset", "env_file"}
    assert set(shown) == settable | {"key"}
    assert row(chosen, "max_tokens", everything=True) == ("32768", "default of the model")
    assert row(chosen, "offline", everything=True) == ("False", DEFAULT)


def test_the_model_that_is_shown_is_the_one_that_will_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Settings()
    assert row(chosen, "model") == ("kimi-k2-thinking", "default of evolink")
    monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
    assert row(chosen, "model") == ("kimi-k3.1-pro", "default of moonshot")
    chosen.update({"model": "kimi-k3"})
    assert row(chosen, "model") == ("kimi-k3", CONFIG)


def test_offline_the_table_shows_no_address_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", "nonsense")  # it breaks nothing, nothing is sent there
    chosen = Settings()
    chosen.update({"offline": True})
    assert row(chosen, "base_url") == ("the offline simulator", CONFIG)
    assert row(chosen, "key") == ("none is needed", CONFIG)
    assert "nonsense" not in str(chosen.table(everything=True))


def test_a_host_on_this_machine_needs_no_key_and_the_table_says_so() -> None:
    chosen = Settings()
    chosen.update({"host": "ollama"})
    assert row(chosen, "key") == ("", "none is needed")
    assert row(chosen, "base_url") == ("http://127.0.0.1:11434/v1", CONFIG)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=2, max_size=60))
def test_no_way_of_showing_a_key_shows_it(rest: str) -> None:
    value = f"sk-{rest}"
    key = Key(value)
    connection = Connection(EVOLINK, key, "EVOLINK_API_KEY")
    for shown in (repr(key), str(key), f"{key}", repr(connection)):
        assert "Key('***')" in shown
        assert value not in shown
    assert key.reveal() == value


@pytest.mark.parametrize("thing", [Key(SECRET), Connection(EVOLINK, Key(SECRET))], ids=["key", "connection"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_key_is_not_pickled(thing: object, protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(thing, protocol)


def test_a_key_is_not_copied_into_something_that_could_be_shown() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(Key(SECRET))
    assert not hasattr(Key(SECRET), "__dict__")


def test_no_key_is_false_and_redacts_nothing() -> None:
    assert not Key("  ")
    assert Key("").redact("text") == "text"


def test_a_key_is_taken_out_of_text_wherever_it_stands() -> None:
    assert Key(SECRET).redact(f"a{SECRET}b {SECRET}") == "a***b ***"


# ---- what the cell says beats what was set ----


@pytest.mark.parametrize(
    ("config", "cell", "name", "expected"),
    [
        ("--hide-reasoning", "--reasoning open", "hide_reasoning", False),
        ("--reasoning open", "--hide-reasoning", "hide_reasoning", True),
        ("--json", "--response-format text", "json", False),
        ("--response-format json_object", "--json", "response_format", None),
        ("--response-format json_object", "--schema 'name, age int'", "response_format", None),
        ("--temperature 0.5", "--temperature 1", "temperature", 1.0),
        ("--temperature 0.5", "", "temperature", 0.5),
        ("--max-tokens 9", "-m kimi-k2.6", "max_tokens", 9),
        ("", "-m kimi-k2.6", "max_tokens", 32_768),
        ("", "-m nobody/knows", "max_tokens", None),
        ("--no-history", "", "history", False),
    ],
)
def test_the_cell_beats_the_kernel_and_the_kernel_the_model_for_every_option(config, cell, name, expected):
    chosen = Settings()
    chosen.update(options.parse(options.split(config), options.at(options.CONFIG))[0])
    given, _ = options.parse(options.split(cell), options.at(options.CELL))
    assert getattr(chosen.options(given), name) == expected


def test_every_option_of_a_turn_is_a_field_with_the_default_of_the_table():
    fields = {field.name: field.default for field in msgspec.structs.fields(Options)}
    table = {
        o.name: o.default
        for o in options.TABLE
        if o.is_setting
        and not o.of_map
        and (o.entries & {options.CELL, options.PYTHON} or o.name in ("record", "replay"))
    }
    assert set(fields) == set(table) - {"pick", "cells", "dry_run", "chat", "append", "ask_again"}
    places = {"model": "kimi-k2-thinking", "host": "", "base_url": ""}  # decided together
    assert fields == {name: places.get(name, table[name]) for name in fields}
