"""Every host of the table against the simulator with its quirks: what is sent is what the host takes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import kimi_magic
from kimi_magic import hosts, kernel, models, options
from kimi_magic.errors import KimiModelError
from kimi_magic.messages import Message
from kimi_magic.request import build, decide
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.profiles import profile_named
from kimi_magic.simulator.server import running

from .turns import cell_plan, run

OFFERS = models.table().offers
AUTH = {"authorization": f"Bearer {OFFLINE_KEY}"}


async def answered(profile: str, content: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what the simulator of a host says."""
    service = Service(speed=0, profile=profile)
    response = await service.respond("POST", "/v1/chat/completions", AUTH, content)
    return response.status, dict(response.headers), b"".join([piece async for piece in response.body])


def sent(host: str, **values: Any) -> tuple[int, dict[str, str], bytes]:
    checked = options.check(values, options.PYTHON)
    request = build(decide(checked, {}, host=host), [Message("user", "Why is the sky blue?")])
    return asyncio.run(answered(host, request.body()))


@pytest.mark.parametrize("host", hosts.PROVIDERS)
def test_the_profile_of_a_host_has_the_quirks_of_its_entry(host: str) -> None:
    provider, profile = hosts.PROVIDERS[host], profile_named(host)
    assert provider.model in profile.models
    assert provider.renames_reasoning == ("reasoning-field" in profile.variants)
    assert (provider.usage == "top") == ("usage=top" in profile.variants)
    assert ("stream_options" in profile.refused) != provider.stream_options
    assert bool(provider.balance) == (profile.accounts or profile.credits)
    assert provider.currency == ("CNY" if host.endswith("-cn") else "USD")
    served = [name for name in models.table().alive(host) if any(place == host for place, _ in OFFERS)]
    assert set(served) <= set(profile.models)
    for name, card in profile.models.items():
        model = models.find(name, host)
        largest = min((cap for cap in (model.largest_cap, provider.largest_cap) if cap), default=0)
        assert (card.largest_cap or profile.largest_cap or card.context) == largest
        assert card.effort == model.effort
        assert card.can_stop_thinking == (model.thinking == "switch")


@pytest.mark.parametrize("host", hosts.PROVIDERS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_plain_prompt_is_taken_by_every_host_and_no_field_of_it_is_unknown_there(
    host: str, stream: bool
) -> None:
    status, headers, body = sent(host, stream=stream)
    assert status == 200, body
    assert "x-simulator-unknown-fields" not in headers


@pytest.mark.parametrize("host", hosts.PROVIDERS)
def test_everything_that_the_default_model_takes_is_taken_there(host: str) -> None:
    model = models.find(hosts.PROVIDERS[host].model, host)
    values: dict[str, Any] = {"max_tokens": 9_000, "stop": ["END"]}
    if model.effort:
        values["effort"] = model.effort[-1]
    if not model.fixed:
        values |= {"temperature": 0.5, "top_p": 0.9, "n": 2, "presence_penalty": 0.1}
    status, headers, body = sent(host, **values)
    assert status == 200, body
    assert "x-simulator-unknown-fields" not in headers


@pytest.mark.parametrize("host", hosts.PROVIDERS)
def test_offline_the_simulator_answers_as_the_host_that_is_set(host: str) -> None:
    with kernel.fresh(offline=True, speed=0, host=host) as fresh:
        reply = kimi_magic.ask("Why is the sky blue?")
        assert reply.text
        assert reply.reasoning
        assert reply.usage.completion > 0
        assert reply.cost is None
        assert reply.model == hosts.PROVIDERS[host].model
        assert reply.model in fresh.offered_models()
        assert kimi_magic.ask("List two moons.", schema=list[str]).data


@pytest.mark.parametrize("host", hosts.PROVIDERS)
def test_over_http_cost_and_reasoning_come_wherever_the_host_puts_them(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Service(speed=0, profile=host)) as address, kernel.fresh(host=host) as fresh:
        provider = hosts.PROVIDERS[host]._replace(base_url=address)
        monkeypatch.setitem(hosts.PROVIDERS, host, provider)
        for variable in provider.key_variables:
            monkeypatch.setenv(variable, OFFLINE_KEY)
        if not provider.key_variables:
            fresh.settings.login(OFFLINE_KEY)
        reply = run(cell_plan())
    assert reply.reasoning
    assert reply.usage.total > 0
    priced = models.find(provider.model, host).price is not None
    assert (reply.cost is not None) == priced


def test_a_host_that_refuses_a_field_by_name_is_asked_without_it_where_its_entry_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running(Service(speed=0, profile="strict")) as address:
        for takes in (True, False):
            entry = hosts.PROVIDERS["local"]._replace(base_url=address, stream_options=takes)
            monkeypatch.setitem(hosts.PROVIDERS, "local", entry)
            with kernel.fresh(host="local") as fresh:
                fresh.settings.login(OFFLINE_KEY)
                reply = run(cell_plan())
            assert reply.text
            assert ("stream_options" in " ".join(reply.notices)) == takes  # found out by a refusal


def test_moonshot_has_no_model_of_the_k2_series_and_the_simulator_says_so() -> None:
    with (
        kernel.fresh(offline=True, speed=0, host="moonshot", model="kimi-k2-thinkin"),
        pytest.raises(KimiModelError, match="Not found the model"),
    ):
        kimi_magic.ask("Hello")
    assert not [name for name in profile_named("moonshot").models if name.startswith("kimi-k2-")]
    body = json.dumps({"model": "kimi-k2-thinking", "messages": [{"role": "user", "content": "hi"}]}).encode()
    assert asyncio.run(answered("moonshot", body))[0] == 404
    assert asyncio.run(answered("moonshot-k2", body))[0] == 200
