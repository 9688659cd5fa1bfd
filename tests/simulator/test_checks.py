"""Checks around the matrix: keys, bodies, paths, headers, and the smaller endpoints."""

from __future__ import annotations

import json

import pytest

from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.service import MAX_BODY

from .chat import fields, send, tool


def test_k3_may_be_forced_to_use_a_tool_and_takes_an_effort(services: dict[str, Service]) -> None:
    forced = send(services["moonshot"], model="kimi-k3", tools=[tool()], tool_choice="required")
    assert forced.json["choices"][0]["finish_reason"] == "tool_calls"
    assert send(services["moonshot"], model="kimi-k3", reasoning_effort="low").status == 200
    assert send(services["moonshot"], model="kimi-k3", reasoning_effort=3).status == 400
    assert send(services["moonshot"], model="kimi-k3", reasoning_effort="extreme").status == 400


@pytest.mark.parametrize(
    ("header", "kind", "message"),
    [
        (None, "incorrect_api_key_error", "Incorrect API key provided"),
        ("Basic abc", "incorrect_api_key_error", "Incorrect API key provided"),
        ("Bearer ", "incorrect_api_key_error", "Incorrect API key provided"),
        ("Bearer sk-wrong", "invalid_authentication_error", "Invalid Authentication"),
    ],
)
def test_a_missing_or_unknown_key_is_refused_before_anything_is_read(
    services: dict[str, Service], header: str | None, kind: str, message: str
) -> None:
    headers = {} if header is None else {"authorization": header}
    moonshot = send(services["moonshot"], b"not json", headers=headers)
    assert (moonshot.status, moonshot.json) == (401, {"error": {"message": message, "type": kind}})
    evolink = send(services["evolink"], b"not json", headers=headers)
    assert evolink.json == {"error": {"code": 401, "message": message, "type": "authentication_error"}}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"model": NaN}', b'{"temperature": 1e999}',
        b'{"model": "\\ud800"}', b"[" * 100_000, b'{"a":' * 200 + b"1" + b"}" * 200, b"9" * 5000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(services: dict[str, Service], body: bytes) -> None:
    answer = send(services["evolink"], body)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


def test_not_a_number_is_not_a_number(services: dict[str, Service]) -> None:
    for value in ("NaN", "Infinity", "-Infinity", "1e400"):
        body = json.dumps(fields()).replace("4000", value).encode()
        assert send(services["evolink"], body).status == 400


def test_a_body_beyond_the_limit_is_refused(services: dict[str, Service]) -> None:
    answer = send(services["evolink"], b" " * (MAX_BODY + 1))
    assert (answer.status, answer.error["type"]) == (413, "request_too_large_error")
    assert send(services["evolink"], b" " * MAX_BODY).status == 400


def test_paths_and_methods_are_checked_first(services: dict[str, Service]) -> None:
    no_key: dict[str, str] = {}
    wrong = send(services["evolink"], method="GET", headers=no_key)
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    for path in ("/", "/v1", "/chat/completions", "/v1/chat/completions/", "/v1/embeddings"):
        assert send(services["evolink"], path=path, headers=no_key).status == 404
    for path in ("/v1/tokenizers/estimate-token-count", "/v1/users/me/balance"):
        assert send(services["evolink"], path=path).status == 404
        assert send(services["moonshot"], path=path, headers=no_key).status in (401, 405)


def test_the_model_list_names_the_models_of_the_host(services: dict[str, Service]) -> None:
    evolink = send(services["evolink"], method="GET", path="/v1/models").json["data"]
    assert [entry["id"] for entry in evolink] == ["kimi-k2-thinking", "kimi-k2-thinking-turbo", "kimi-k3"]
    moonshot = send(services["moonshot"], method="GET", path="/v1/models").json["data"]
    assert {"kimi-k2.6", "kimi-k2.7-code"} < {entry["id"] for entry in moonshot}
    assert moonshot[0]["context_length"] == 262_144
    assert not moonshot[0]["supports_image_in"]


def test_moonshot_counts_tokens_as_it_bills_them_and_shows_a_balance(services: dict[str, Service]) -> None:
    estimate = send(services["moonshot"], path="/v1/tokenizers/estimate-token-count").json
    usage = send(services["moonshot"]).json["usage"]
    assert estimate["data"]["total_tokens"] == usage["prompt_tokens"]
    assert (estimate["code"], estimate["status"]) == (0, True)
    bad = send(services["moonshot"], path="/v1/tokenizers/estimate-token-count", messages=[])
    assert bad.status == 400
    balance = send(services["moonshot"], method="GET", path="/v1/users/me/balance").json["data"]
    assert balance["available_balance"] == balance["voucher_balance"] + balance["cash_balance"]


def test_unknown_and_repeated_fields_are_ignored_but_listed(services: dict[str, Service]) -> None:
    body = json.dumps(fields(seed=1, parallel_tool_calls=True, user="u"))
    doubled = body[:-1] + ', "max_tokens": 3000, "odd\\n\\u00e9": 1}'
    answer = send(services["evolink"], doubled.encode())
    assert answer.status == 200
    assert (
        answer.headers["x-simulator-unknown-fields"] == "max_tokens, odd%0A%C3%A9, parallel_tool_calls, seed"
    )
    assert "x-simulator-unknown-fields" not in send(services["evolink"]).headers


def test_every_response_has_its_own_repeatable_request_id() -> None:
    def ids(profile: str, header: str) -> list[str]:
        service = Service(speed=0, profile=profile)
        return [send(service).headers[header], send(service, n=9).headers[header]]

    assert ids("evolink", "x-request-id") == ids("evolink", "x-request-id")
    assert len(set(ids("moonshot", "Msh-Request-Id"))) == 2


def test_a_service_with_wrong_settings_is_not_built() -> None:
    with pytest.raises(ValueError, match="evolink, moonshot"):
        Service(profile="openai")
    with pytest.raises(ValueError, match="speed"):
        Service(speed=-1)
    with pytest.raises(ValueError, match="did you mean 'comments'"):
        Service(faults="coments")


def test_other_keys_can_be_accepted() -> None:
    service = Service(speed=0, keys=["sk-other"])
    assert send(service, headers={"authorization": "bearer sk-other"}).status == 200
    assert send(service, headers={"authorization": f"Bearer {OFFLINE_KEY}"}).status == 401
