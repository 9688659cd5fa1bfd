"""The table of models and hosts: spellings, retirement by its own date, defaults, prices and its form."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import hosts, models, options
from kimi_magic.client import Client, Connection
from kimi_magic.errors import KimiModelError, KimiServerError, KimiUsageError
from kimi_magic.keys import Key
from kimi_magic.messages import Message, Request
from kimi_magic.request import build, decide
from kimi_magic.settings import Settings
from kimi_magic.usage import Usage, cost

from .peers import Recorder, hurry
from .turns import cell_plan

TABLE = models.table()
SERVED = [(host, name) for host, name in TABLE.offers if name in TABLE.models]
KEY = "sk-0123456789abcdefWXYZ"


def body(host: str, **values: Any) -> dict[str, Any]:
    """What is sent to `host` with these options."""
    return json.loads(build(decide(values, {}, host=host), [Message("user", "2+2?")]).body())


def refusal(host: str, **values: Any) -> str:
    with pytest.raises(KimiUsageError) as caught:
        body(host, **values)
    assert "\n" not in caught.value.message
    return caught.value.message


# ---- the form of the table ----


def test_every_row_says_where_it_is_from_and_when_that_was_read() -> None:
    for row in TABLE.offers.values():
        assert row["source"], row
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", row["date"]), row
        assert row["date"] <= TABLE.date, row
        assert row["host"] in hosts.PROVIDERS, row
        assert row["model"] in TABLE.models, row


def test_no_row_has_a_word_that_nobody_reads() -> None:
    known = {"host", "model", "name", "miss", "hit", "write", "out", "largest_cap", "cap_field", "effort"}
    known |= {"response_format", "retired", "source", "date"}
    for row in TABLE.offers.values():
        assert set(row) <= known, row
        assert re.fullmatch(r"|20\d\d-\d\d(-\d\d)?", row.get("retired", "")), row


@pytest.mark.parametrize(("host", "name"), SERVED)
def test_a_price_never_charges_more_for_what_is_cached_nor_less_for_what_is_written(
    host: str, name: str
) -> None:
    if price := models.find(name, host).price:
        assert 0 < price.cached <= price.prompt <= price.completion
        assert price.written >= price.prompt
        assert price.date
        assert price.source


def test_a_successor_is_in_the_table_and_no_chain_of_them_has_no_end() -> None:
    for model in TABLE.models.values():
        seen = [model.name]
        while successor := TABLE.models[seen[-1]].successor:
            assert successor not in seen
            seen.append(successor)
        assert not TABLE.is_retired(models.find(seen[-1], "moonshot"))


# ---- names in all their spellings ----


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("kimi-k2-thinking", "kimi-k2-thinking"),
        ("Kimi-K2-Thinking", "kimi-k2-thinking"),
        ("moonshotai/Kimi-K2-Thinking", "kimi-k2-thinking"),
        ("moonshot.kimi-k2-thinking", "kimi-k2-thinking"),
        ("moonshotai.kimi-k2.5", "kimi-k2.5"),
        ("kimi-k2-thinking-251104", "kimi-k2-thinking"),
        ("kimi-k2-thinking-20251106", "kimi-k2-thinking"),
        ("moonshotai/kimi-k2-thinking:free", "kimi-k2-thinking"),
        ("kimi-k2-thinking:cloud", "kimi-k2-thinking"),
        ("kimi-k3p1-pro", "kimi-k3.1-pro"),
        ("accounts/fireworks/models/kimi-k3p1-pro", "kimi-k3.1-pro"),
        ("databricks-kimi-k3-1-pro", "kimi-k3.1-pro"),
        ("kimi-k2p7-code", "kimi-k2.7-code"),
        ("kimi-k2-thinking-turbo", "kimi-k2-thinking-turbo"),
        ("kimi-k2-0905-preview", "kimi-k2-0905-preview"),
    ],
)
def test_a_model_is_known_in_every_spelling_of_the_hosts(spelling: str, name: str) -> None:
    assert models.find(spelling).name == name


@given(
    st.sampled_from(sorted(TABLE.models)),
    st.sampled_from(["", "moonshotai/", "accounts/x/models/", "moonshot.", "a/b/c/"]),
    st.sampled_from(["", "-251104", "-20251104", "-2025-11-04"]),
    st.sampled_from(["", ":free", ":nitro"]),
    st.sampled_from([str, str.upper, str.title]),
)
def test_what_hosts_write_around_a_name_changes_nothing(
    name: str, vendor: str, date: str, variant: str, case: Any
) -> None:
    if name.startswith("kimi") or vendor != "moonshot.":
        assert models.find(case(f"{vendor}{name}{date}{variant}")).name == name


@pytest.mark.parametrize(
    "name", ["kimi-k9", "kimi-k2", "thinking", "gpt-5", "", "/", "kimi-k2-thinking-mini"]
)
def test_an_unknown_model_is_allowed_and_gets_only_what_was_set(name: str) -> None:
    assert models.find(name, "moonshot") == models.Model(name)
    assert set(body("", model=name or "x")) == {"model", "messages", "stream", "stream_options"}


# ---- the default of a host, and models that are retired ----


@pytest.mark.parametrize("host", hosts.PROVIDERS)
def test_the_default_of_every_host_was_alive_on_the_day_of_the_table(host: str) -> None:
    assert hosts.retirement(host, hosts.PROVIDERS[host].model) == ""
    assert models.find(hosts.PROVIDERS[host].model).name in TABLE.models
    served = TABLE.alive(host)
    assert hosts.PROVIDERS[host].model in served or not any(place == host for place, _ in TABLE.offers)
    assert body(host)["model"] == hosts.PROVIDERS[host].model


def test_evolink_keeps_the_model_of_its_reference() -> None:
    assert hosts.PROVIDERS["evolink"].model == models.DEFAULT == "kimi-k2-thinking"
    assert Settings().options({}).model == "kimi-k2-thinking"


def test_with_a_key_of_moonshot_alone_the_first_prompt_asks_a_model_that_is_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    decided = Settings().options({})
    assert (decided.host, decided.model) == ("moonshot", "kimi-k3.1-pro")
    assert cell_plan().request.model == "kimi-k3.1-pro"


@pytest.mark.parametrize(
    ("host", "model", "words"),
    [
        ("moonshot", "kimi-k2-thinking", "retired at Moonshot on 2026-05-25; use kimi-k3.1-pro"),
        ("moonshot", "kimi-k2-thinking-251104", "retired at Moonshot on 2026-05-25; use kimi-k3.1-pro"),
        ("moonshot-cn", "kimi-k2.5", "retired at Moonshot in China on 2026-08-31; use kimi-k2.6"),
        ("moonshot", "moonshot-v1-128k-vision-preview", "on 2026-08-31; use kimi-k2.6"),
        ("together", "moonshotai/Kimi-K2.6", "in 2026-09; use moonshotai/Kimi-K3.1-Pro"),
        ("fireworks", "kimi-k2p7-code", "in 2026-09; use accounts/fireworks/models/kimi-k3p1-pro"),
        ("baseten", "moonshotai/Kimi-K2-Thinking", "on 2026-10-16; use moonshotai/Kimi-K3.1-Pro"),
    ],
)
def test_a_retired_model_is_refused_with_its_successor_at_that_host(
    host: str, model: str, words: str
) -> None:
    message = refusal(host, model=model)
    assert words in message
    assert "{@set_model" in message
    successor = re.search(r"use (\S+):", message)[1]
    assert body(host, model=successor)["model"] == successor


def test_the_refusal_speaks_as_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    with pytest.raises(KimiUsageError, match=r"%kimi_config --model kimi-k3\.1-pro$"):
        cell_plan("-m kimi-k2-thinking")
    with pytest.raises(KimiUsageError, match=r"model='kimi-k3\.1-pro'$"):
        kimi_magic.ask("Hello", model="kimi-k2-thinking")


@pytest.mark.parametrize("host", ["evolink", "novita", "openrouter", "local", ""])
def test_a_model_that_one_host_retired_is_asked_where_it_is_alive(host: str) -> None:
    assert body(host, model="kimi-k2-thinking")["model"] == "kimi-k2-thinking"


def test_a_retirement_is_held_against_the_date_of_the_table() -> None:
    at_bedrock = models.find("moonshot.kimi-k2-thinking", "bedrock")
    assert at_bedrock.retired > TABLE.date
    assert not TABLE.is_retired(at_bedrock)
    assert TABLE._replace(date=at_bedrock.retired).is_retired(at_bedrock)
    assert body("bedrock")["model"] == "moonshot.kimi-k2-thinking"


@pytest.mark.parametrize(
    "asked", ["kimi-k2-thinkin", "kimi-k2-turbo", "kimi-k2.5x", "moonshot-v1-8", "kimi-k3.1"]
)
def test_a_404_never_suggests_a_retired_model(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    with Recorder(404, body={"error": {"message": "Not found the model"}}) as recorder:
        monkeypatch.setenv("MOONSHOT_BASE_URL", recorder.base_url)
        with pytest.raises(KimiModelError) as caught:
            kimi_magic.ask("Hello", model=asked)
    suggested = re.search(r"Did you mean (.*?)\?", caught.value.hint)
    for name in suggested[1].split(" or ") if suggested else ():
        assert name in TABLE.alive("moonshot")
    if asked == "kimi-k3.1":
        assert "kimi-k3.1-pro" in suggested[1]


# ---- what a host takes ----


def test_the_cap_has_the_name_and_the_size_that_the_host_takes() -> None:
    assert body("evolink")["max_tokens"] == 32_768
    assert body("moonshot")["max_completion_tokens"] == 131_072
    assert body("evolink", model="kimi-k3")["max_completion_tokens"] == 131_072
    assert body("bedrock")["max_tokens"] == 16_000
    assert body("gmi")["max_tokens"] == 16_384
    for host in hosts.PROVIDERS:
        assert len({"max_tokens", "max_completion_tokens"} & set(body(host))) == 1


@pytest.mark.parametrize(
    ("host", "largest"), [("bedrock", 16_000), ("gmi", 16_384), ("novita", 100_352), ("evolink", 262_144)]
)
def test_a_cap_that_is_too_large_for_the_host_is_refused_before_it_is_sent(host: str, largest: int) -> None:
    assert body(host, max_tokens=largest)["max_tokens"] == largest
    assert f"max_tokens {largest + 1}" in refusal(host, max_tokens=largest + 1)
    assert str(largest) in refusal(host, max_tokens=largest + 1)


@pytest.mark.parametrize(
    ("host", "model", "takes"),
    [
        ("moonshot", "kimi-k3.1-pro", {"low", "high", "max"}),
        ("moonshot", "kimi-k3", {"low", "high", "max"}),
        ("evolink", "kimi-k3", {"max"}),
        ("evolink", "kimi-k2-thinking", set()),
        ("moonshot", "kimi-k2.6", set()),
        ("", "somebody/else", {"low", "medium", "high", "max"}),
    ],
)
def test_an_effort_is_checked_here_because_services_ignore_a_wrong_one(
    host: str, model: str, takes: set[str]
) -> None:
    for effort in ("low", "medium", "high", "max"):
        if effort in takes:
            assert body(host, model=model, effort=effort)["reasoning_effort"] == effort
        else:
            assert f"effort {effort}: {model} " in refusal(host, model=model, effort=effort)


@pytest.mark.parametrize(
    ("host", "model", "word"),
    [
        ("moonshot", "kimi-k2.6", None),
        ("moonshot", "kimi-k3.1-pro", "always thinks"),
        ("evolink", "kimi-k2-thinking", "always thinks"),
        ("together", "moonshotai/Kimi-K3.1-Pro", "Together has no such setting"),
        ("", "somebody/else", None),
    ],
)
def test_thinking_is_switched_off_where_the_model_and_the_host_can(
    host: str, model: str, word: str | None
) -> None:
    if word is None:
        assert body(host, model=model, thinking="off")["thinking"] == {"type": "disabled"}
        assert body(host, model=model, thinking="on")["thinking"] == {"type": "enabled"}
    else:
        assert word in refusal(host, model=model, thinking="off")


def test_without_thinking_another_temperature_is_the_only_one() -> None:
    off = {"model": "kimi-k2.6", "thinking": "off"}
    assert body("moonshot", temperature=0.6, **off)["temperature"] == 0.6
    assert "takes only 0.6" in refusal("moonshot", temperature=1.0, **off)


def test_what_a_host_does_not_take_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = hosts.PROVIDERS["local"]._replace(stream_options=False, response_format=False, effort=False)
    monkeypatch.setitem(hosts.PROVIDERS, "local", plain)
    assert "stream_options" not in body("local")
    assert "this machine has no such setting" in refusal("local", model="somebody/else", effort="low")
    values = options.check({"json": True, "host": "local"}, options.PYTHON)
    sent = json.loads(cell_plan(**values).request.body())
    assert "response_format" not in sent
    assert "JSON" in json.dumps(sent["messages"])


def test_an_address_of_ones_own_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    monkeypatch.setenv("EVOLINK_API_KEY", KEY)
    chosen = Settings()
    chosen.update({"base_url": "https://proxy.example/v1"})
    decided = chosen.options({})
    assert (decided.host, decided.model) == ("", "kimi-k2-thinking")
    assert models.find(decided.model, decided.host).price is None
    chosen.update({"base_url": "https://api.moonshot.ai"})
    assert chosen.options({}).host == "moonshot"


def test_the_second_address_of_evolink_takes_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", KEY)
    chosen = Settings()
    chosen.update({"base_url": "https://direct.evolink.ai"})
    connection = chosen.connection()
    assert (connection.base_url, connection.provider) == ("https://direct.evolink.ai/v1", "evolink")
    assert connection.key.reveal() == KEY
    chosen.unset("base_url")
    assert chosen.connection().base_url == "https://api.evolink.ai/v1"


# ---- adding to the table ----


def test_a_new_model_with_effort_and_a_price_for_writes_is_rows_in_one_file() -> None:
    text = models._FILE.read_text(encoding="utf-8")
    row = (
        '{ host = "moonshot", model = "kimi-k9", miss = 1.0, out = 5.0, hit = 0.1, write = 2.0, '
        'source = "a page", date = "2026-11" },\n'
    )
    text = text.replace("offers = [\n", f"offers = [\n  {row}")
    text += '\n[models.kimi-k9]\ncontext = 512\neffort = ["low", "huge"]\nthinking = "always"\n'
    table = models.read(text)
    model = table.find("moonshotai/Kimi-K9", "moonshot")
    assert (model.name, model.context, model.effort) == ("kimi-k9", 512, ("low", "huge"))
    assert "kimi-k9" in table.alive("moonshot")
    used = Usage(prompt=1_000_000, cached=200_000, written=300_000, completion=1_000_000)
    assert cost(used, model.price) == pytest.approx(0.5 * 1.0 + 0.2 * 0.1 + 0.3 * 2.0 + 5.0)
    assert table.find("kimi-k9", "evolink").price is None


# ---- retry habits ----


def test_a_service_on_this_machine_that_loads_its_model_is_waited_for_longer() -> None:
    chosen = Settings()
    chosen.update({"host": "llamacpp"})
    assert chosen.connection().attempts == hosts.PROVIDERS["llamacpp"].attempts > 3


def test_a_request_is_sent_as_often_as_its_host_allows() -> None:
    seen: list[httpx.Request] = []

    def loading(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(503, json={"error": {"message": "Loading model", "type": "unavailable_error"}})

    client = Client({"network": lambda: httpx.MockTransport(loading)})
    connection = Connection("https://service.test/v1", Key(KEY), attempts=5)
    request = Request("m", (Message("user", "2+2?"),))
    with pytest.raises(KimiServerError):
        hurry(lambda: client.stream(connection, request, lambda _: None))
    assert len(seen) == 5
