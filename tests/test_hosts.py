"""Hosts by name: their address, the key that goes there and no other, redirects, and what a host offers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import addresses, check, errors, hosts, kernel, options
from kimi_magic.client import Client, Connection
from kimi_magic.keys import Key
from kimi_magic.messages import Message, Request
from kimi_magic.options.advice import phrase
from kimi_magic.settings import LOGIN, Settings
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running

from .peers import Lines, Recorder, hurry

KEYS = {
    variable: f"sk-of-{variable.lower()}-0123456789"
    for host in hosts.PROVIDERS.values()
    for variable in host.key_variables
}
URLS = [variable for host in hosts.PROVIDERS.values() for variable in host.url_variables]
ELSEWHERE = [name for name, each in hosts.PROVIDERS.items() if not addresses.is_loopback(each.base_url)]
HERE = [name for name in hosts.PROVIDERS if name not in ELSEWHERE]
EVOLINK, MOONSHOT, CHINA, OPENROUTER, LOCAL = (
    "https://api.evolink.ai/v1",
    "https://api.moonshot.ai/v1",
    "https://api.moonshot.cn/v1",
    "https://openrouter.ai/api/v1",
    "http://127.0.0.1:8000/v1",
)
SECRET = "sk-0123456789abcdefWXYZ"
REQUEST = Request("kimi-k2-thinking", (Message("user", "2+2?"),), stream=True)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key and no address of the person who runs the tests, and settings as they were."""
    for variable in (*KEYS, *URLS):
        monkeypatch.delenv(variable, raising=False)
    yield
    for name in ("host", "base_url", "model", "login"):
        kernel.current.settings.unset(name)


def configured(line: str, settings: Settings | None = None) -> Settings:
    """Settings after `%kimi_config` with this line."""
    chosen = settings or Settings()
    chosen.update(options.parse(options.split(line), options.at(options.CONFIG))[0])
    return chosen


def connected(settings: Settings) -> tuple[str, str, str]:
    connection = settings.connection()
    return connection.base_url, connection.key.reveal(), connection.key_source


def checked() -> list[str]:
    """What `--check` says without a request that costs."""
    return list(check.lines(kernel.current))


def host_of(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


# ---- a host by its name ----


@pytest.mark.parametrize(
    ("name", "address", "variable"),
    [
        ("evolink", EVOLINK, "EVOLINK_API_KEY"),
        ("moonshot", MOONSHOT, "KIMI_API_KEY"),
        ("openrouter", OPENROUTER, "OPENROUTER_API_KEY"),
    ],
)
def test_a_named_host_is_asked_at_its_address_with_its_own_key(
    name: str, address: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each, key in KEYS.items():
        monkeypatch.setenv(each, key)
    assert connected(configured(f"--host {name}")) == (address, KEYS[variable], variable)


def test_moonshot_takes_either_of_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
    assert connected(configured("--host moonshot")) == (MOONSHOT, SECRET, "MOONSHOT_API_KEY")


def test_moonshot_in_china_gets_no_key_of_moonshot_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, key in KEYS.items():
        monkeypatch.setenv(variable, key)
    with pytest.raises(errors.KimiAuthError, match=r"no API key for https://api\.moonshot\.cn") as caught:
        configured("--host moonshot-cn").connection()
    assert not any(key in str(caught.value) for key in KEYS.values())


@pytest.mark.parametrize("name", ["KIMI", "MOONSHOT"])
def test_moonshot_in_china_gets_the_key_whose_base_url_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{name}_API_KEY", SECRET)
    monkeypatch.setenv(f"{name}_BASE_URL", "https://api.moonshot.cn")
    assert connected(configured("--host moonshot-cn")) == (CHINA, SECRET, f"{name}_API_KEY")


@pytest.mark.parametrize("name", HERE)
def test_a_host_on_this_machine_gets_no_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, key in KEYS.items():
        monkeypatch.setenv(variable, key)
    assert connected(configured(f"--host {name}")) == (hosts.PROVIDERS[name].base_url, "", "")


def test_another_address_on_this_machine_gets_no_key_either(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, key in KEYS.items():
        monkeypatch.setenv(variable, key)
    settings = configured("--host local --base-url http://127.0.0.1:9999")
    assert connected(settings) == ("http://127.0.0.1:9999/v1", "", "")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_named_host_without_its_key_is_told_and_no_other_key_is_taken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, key in KEYS.items():
        if variable not in hosts.PROVIDERS[name].key_variables:
            monkeypatch.setenv(variable, key)
    with pytest.raises(errors.KimiAuthError) as caught:
        configured(f"--host {name}").connection()
    assert addresses.origin(hosts.PROVIDERS[name].base_url) in caught.value.message
    assert "belong to other hosts" in caught.value.message
    assert not any(key in str(caught.value) for key in KEYS.values())


def test_an_address_beats_a_name_and_takes_no_key_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    with pytest.raises(errors.KimiAuthError, match=r"proxy\.example"):
        configured("--host evolink --base-url https://proxy.example").connection()


def test_openrouter_is_asked_only_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", SECRET)
    with pytest.raises(errors.KimiAuthError):
        Settings().connection()
    assert connected(configured("--host openrouter"))[1] == SECRET


def test_a_typed_key_stays_with_the_host_that_was_named_when_it_was_typed() -> None:
    settings = configured("--host moonshot-cn")
    settings.login(SECRET)
    assert connected(settings) == (CHINA, SECRET, LOGIN)
    for name in ("moonshot", "evolink", "openrouter"):
        configured(f"--host {name}", settings)
        with pytest.raises(errors.KimiAuthError):
            settings.connection()
    assert connected(configured("--host local", settings))[1] == ""
    assert connected(configured("--host moonshot-cn", settings))[1] == SECRET


def test_an_unknown_host_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(errors.KimiUsageError) as caught:
        configured("--host moonshoot")
    assert ", ".join(hosts.PROVIDERS) in caught.value.message


ADDRESSES = st.sampled_from([EVOLINK, MOONSHOT, CHINA, OPENROUTER, LOCAL, "https://proxy.example/v1"])


@given(
    st.sets(st.sampled_from(list(KEYS))),
    st.dictionaries(st.sampled_from(URLS), ADDRESSES),
    st.none() | st.sampled_from(list(hosts.PROVIDERS)),
    st.none() | ADDRESSES,
)
def test_whatever_is_set_a_key_goes_only_to_the_host_of_its_own_variable(
    keys: set[str], urls: dict[str, str], host: str | None, base_url: str | None
) -> None:
    settings = Settings()
    settings.update({k: v for k, v in {"host": host, "base_url": base_url}.items() if v})
    with pytest.MonkeyPatch.context() as patch:
        for variable in (*KEYS, *URLS):
            patch.delenv(variable, raising=False)
        for variable in keys:
            patch.setenv(variable, KEYS[variable])
        for variable, address in urls.items():
            patch.setenv(variable, address)
        try:
            address, key, source = connected(settings)
        except errors.KimiAuthError:
            return  # none goes anywhere
        own = {
            variable: os.environ.get(url_variable, each.base_url)
            for each in hosts.PROVIDERS.values()
            for variable, url_variable in zip(each.key_variables, each.url_variables, strict=True)
        }
    if base_url or host:
        assert address == (base_url or hosts.PROVIDERS[host].base_url)
    if key:
        assert source in keys
        assert key == KEYS[source]
        assert host_of(own[source]) == host_of(address)
    else:
        assert addresses.is_loopback(address)


def test_over_http_each_host_sees_its_own_key_and_never_that_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Recorder() as evolink, Recorder() as moonshot:
        for name, recorder in (("EVOLINK", evolink), ("MOONSHOT", moonshot)):
            monkeypatch.setenv(f"{name}_API_KEY", KEYS[f"{name}_API_KEY"])
            monkeypatch.setenv(f"{name}_BASE_URL", recorder.base_url)
        for recorder in (evolink, moonshot):
            configured(f"--base-url {recorder.base_url}", kernel.current.settings)
            kimi_magic.ask("2+2?")
    assert evolink.only.authorization == f"Bearer {KEYS['EVOLINK_API_KEY']}"
    assert moonshot.only.authorization == f"Bearer {KEYS['MOONSHOT_API_KEY']}"


# ---- redirects ----


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["stream", "models"])
def test_a_redirect_to_another_host_is_not_followed_and_the_key_stays(status: int, call: str) -> None:
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, headers={"location": f"https://evil.example{request.url.path}"})

    client = Client({"network": lambda: httpx.MockTransport(serve)})
    connection = Connection("https://service.test/v1", Key(SECRET), "EVOLINK_API_KEY")

    async def go() -> None:
        await (
            client.models(connection) if call == "models" else client.stream(connection, REQUEST, seen.append)
        )

    with pytest.raises(errors.KimiStatusError, match="redirect") as caught:
        hurry(go)
    assert [request.url.host for request in seen] == ["service.test"]
    assert f"({status})" in caught.value.message
    assert "--base-url" in phrase(caught.value.hint)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_over_http_the_other_end_of_a_redirect_sees_nothing(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    with (
        Recorder() as elsewhere,
        Recorder(status, {"location": f"{elsewhere.base_url}/chat/completions"}) as recorder,
    ):
        monkeypatch.setenv("EVOLINK_BASE_URL", recorder.base_url)
        with pytest.raises(errors.KimiStatusError, match="redirect"):
            kimi_magic.ask("2+2?")
        with pytest.raises(errors.KimiStatusError, match="redirect"):
            kernel.current.offered_models()
        with pytest.raises(errors.KimiStatusError, match="redirect"):
            checked()
    assert elsewhere.requests == []
    assert len(recorder.requests) == 3


# ---- what a host offers ----


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def base_url(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A running service, and its key in the environment."""
    with running(Service(speed=0), lines.put) as address:
        monkeypatch.setenv("EVOLINK_BASE_URL", address)
        monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
        yield address


def test_the_models_that_a_host_offers_are_listed(base_url: str, lines: Lines) -> None:
    assert kernel.current.offered_models() == ["kimi-k2-thinking", "kimi-k2-thinking-turbo", "kimi-k3"]
    assert lines.begun == ["GET /v1/models"]


def test_a_check_says_that_key_and_model_are_right_and_costs_nothing(base_url: str, lines: Lines) -> None:
    host = urlsplit(base_url).netloc
    assert checked() == [
        f"{host} accepts the key from EVOLINK_API_KEY.",
        "It offers kimi-k2-thinking, and 2 other models.",
    ]
    assert set(lines.begun) == {"GET /v1/models"}


def test_a_check_of_a_model_that_is_not_offered_names_the_nearest(base_url: str) -> None:
    configured("--model kimi-k2-thinkin", kernel.current.settings)
    _, line = checked()
    assert line == "It does not offer kimi-k2-thinkin; did you mean kimi-k2-thinking?"


@pytest.mark.usefixtures("base_url")
def test_a_wrong_key_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    for find in (kernel.current.offered_models, checked):
        with pytest.raises(errors.KimiAuthError, match="refused the key from EVOLINK_API_KEY") as caught:
            find()
        assert "\n" not in caught.value.message
        assert "--login" in phrase(caught.value.hint)
        assert SECRET not in str(caught.value)


def test_a_host_without_a_list_is_reached_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    with Recorder(404, body={"error": {"message": "no such path"}}) as recorder:
        monkeypatch.setenv("EVOLINK_BASE_URL", recorder.base_url)
        with pytest.raises(errors.KimiModelError, match="no such path"):
            kernel.current.offered_models()
        assert checked() == [
            f"{recorder.host} is reached with the key from EVOLINK_API_KEY, but has no list of models.",
            "Whether it has kimi-k2-thinking shows a first question.",
        ]
    assert {request.method for request in recorder.requests} == {"GET"}
    assert {request.path for request in recorder.requests} == {"/v1/models"}
    assert {request.authorization for request in recorder.requests} == {f"Bearer {SECRET}"}


def test_a_host_on_this_machine_is_checked_without_a_key() -> None:
    offered = {"data": [{"id": "moonshotai/Kimi-K2-Thinking"}, {"id": "other", "object": "model"}]}
    with Recorder(body=offered) as recorder:
        configured(
            f"--host local --base-url {recorder.base_url} -m moonshotai/Kimi-K2-Thinking",
            kernel.current.settings,
        )
        assert kernel.current.offered_models() == ["moonshotai/Kimi-K2-Thinking", "other"]
        assert checked() == [
            f"{recorder.host} answers.",
            "It offers moonshotai/Kimi-K2-Thinking, and 1 other model.",
        ]
    assert {request.authorization for request in recorder.requests} == {""}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b'{"object":"list"}',
        b'{"data":[{"object":"model"}]}',
        json.dumps([SECRET]).encode(),
    ],
    ids=["nothing", "a page", "no data", "no ids", "a key in a list"],
)
def test_what_is_no_list_of_models_is_said_in_one_line(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    with Recorder(body=body) as recorder:
        monkeypatch.setenv("EVOLINK_BASE_URL", recorder.base_url)
        with pytest.raises(errors.KimiStreamError, match="sent no list of models") as caught:
            kernel.current.offered_models()
    assert "\n" not in caught.value.message
    assert "<" not in caught.value.message
    assert SECRET not in str(caught.value)


def test_a_host_that_is_not_there_cannot_be_checked() -> None:
    nobody = Recorder()
    with nobody.holding():
        configured(f"--base-url {nobody.base_url}", kernel.current.settings)
        with pytest.raises(errors.KimiConnectionError, match=f"cannot reach {nobody.host}"):
            checked()
