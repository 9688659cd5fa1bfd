"""Every fault switch does what it says, and a mistyped one says so."""

from __future__ import annotations

import asyncio
import json
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import pytest

from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.faults import NAMES, parse_faults

from .chat import AUTH, CHAT, PNG, Answer, fields, send, tool, user

WEATHER = {"messages": [user("temperature in Oslo")], "tools": [tool()]}


def broken(faults: str, **changes: Any) -> Answer:
    return send(faults=faults, stream=True, **changes)


def plain(**changes: Any) -> Answer:
    return send(stream=True, **changes)


def test_an_unknown_switch_is_named_with_the_nearest_known():
    answer = send(faults="cutt=3")
    assert answer.status == 400
    assert "unknown fault 'cutt'; did you mean 'cut'?" in answer.error["message"]


@pytest.mark.parametrize(
    "text",
    [
        "cut",
        "cut=x",
        "cut=-1",
        "silence=3",
        "status=99",
        "status=200",
        "usage=left",
        "comments=1",
        "html=304",
    ],
)
def test_a_switch_with_a_wrong_value_says_what_it_takes(text: str):
    name = text.partition("=")[0]
    with pytest.raises(ValueError, match=f"fault '{name}' takes "):
        parse_faults(text)


def test_every_switch_is_documented():
    from kimi_magic.simulator import faults

    for name in NAMES:
        assert name in (faults.__doc__ or "")


@pytest.mark.parametrize(
    ("profile", "status", "kind"),
    [
        ("evolink", 429, "rate_limit_error"),
        ("evolink", 402, "insufficient_quota_error"),
        ("evolink", 503, "service_unavailable_error"),
        ("moonshot", 429, "rate_limit_reached_error"),
        ("moonshot", 500, "server_error"),
    ],
)
def test_a_status_has_the_type_of_its_host(profile: str, status: int, kind: str):
    answer = send(Service(speed=0, profile=profile), faults=f"status={status}", model="kimi-k3")
    assert (answer.status, answer.error["type"]) == (status, kind)
    assert ("code" in answer.error) == (profile == "evolink")


def test_a_status_can_have_any_type():
    answer = send(faults="status=429; type=exceeded_current_quota_error")
    assert answer.error["type"] == "exceeded_current_quota_error"
    assert "billing" in answer.error["message"]
    assert "overloaded" in send(faults="status=429; type=engine_overloaded_error").error["message"]


def test_a_status_can_say_when_to_come_back():
    assert send(faults="status=429; retry-after=1").headers["retry-after"] == "1"
    assert send(faults="status=429; retry-after-ms=20").headers["retry-after-ms"] == "20"
    date = send(faults="status=429; retry-after-date=5").headers["retry-after"]
    assert parsedate_to_datetime(date).tzinfo is not None
    assert "retry-after" not in send(faults="status=429").headers


def test_trouble_ends_after_so_many_times_for_each_key_and_text():
    service = Service(speed=0, keys=[OFFLINE_KEY, "sk-two"])
    other = {"authorization": "Bearer sk-two"}
    text = "status=429; times=2"
    assert [send(service, faults=text).status for _ in range(4)] == [429, 429, 200, 200]
    assert send(service, faults=text, headers=other).status == 429
    assert send(service, faults="status=503; times=1").status == 503
    cut = "cut=2; times=1; reasoning-field"
    assert len(send(service, faults=cut, stream=True).chunks) == 2
    healed = send(service, faults=cut, stream=True)
    assert healed.payloads[-1] == "[DONE]"
    assert healed.text("reasoning")


def test_a_refused_request_does_not_use_up_the_trouble():
    service = Service(speed=0)
    assert send(service, faults="status=429; times=1", n=9).status == 400
    assert send(service, faults="status=429; times=1").status == 429


def test_the_service_can_have_faults_of_its_own():
    service = Service(speed=0, faults="status=503; times=1")
    assert [send(service).status, send(service).status] == [503, 200]
    assert send(Service(speed=0, faults="status=503"), method="GET", path="/v1/models").status == 503


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_error_inside_the_stream_is_the_last_event(count: int):
    answer = broken(f"error-in-stream={count}; type=engine_overloaded_error")
    assert len(answer.chunks) == count + 1
    assert answer.chunks[-1]["error"]["type"] == "engine_overloaded_error"
    assert answer.payloads[-1] != "[DONE]"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_cut_ends_the_body_without_finish(count: int):
    answer = broken(f"cut={count}")
    assert answer.status == 200
    assert len(answer.chunks) == count
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in answer.chunks)


def test_a_cut_halves_a_whole_answer():
    with pytest.raises(json.JSONDecodeError):
        _ = send(faults="cut=1").json


def test_the_end_can_lack_its_mark():
    answer = broken("no-done")
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert answer.payloads[-1] != "[DONE]"


@pytest.mark.parametrize("stream", [True, False])
def test_a_reset_breaks_the_body(stream: bool):
    with pytest.raises(ConnectionResetError):
        send(faults="reset=0", stream=stream)


@pytest.mark.parametrize(("faults", "before"), [("slow-start=0.3", 0), ("silence=3:0.3", 3)])
def test_silence_comes_where_it_was_asked_for(faults: str, before: int):
    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        body = json.dumps(fields(stream=True)).encode()
        response = await Service(speed=0).respond("POST", CHAT, AUTH | {"x-simulator-faults": faults}, body)
        times = [loop.time()]
        async for _ in response.body:
            times.append(loop.time())
        return [after - at for at, after in pairwise(times)]

    gaps = asyncio.run(run())
    assert gaps[before] >= 0.295
    assert max(gap for at, gap in enumerate(gaps) if at != before) < gaps[before]


def test_a_slow_start_delays_a_whole_answer_too():
    async def run() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        headers = AUTH | {"x-simulator-faults": "slow-start=0.1"}
        await Service(speed=0).respond("POST", CHAT, headers, json.dumps(fields()).encode())
        return loop.time() - start

    assert asyncio.run(run()) >= 0.095


def test_comments_stand_between_the_events():
    answer = broken("comments")
    assert answer.raw.startswith(b": keep-alive\n\ndata: ")
    assert answer.raw.count(b": keep-alive\n\n") == len(answer.payloads)


def test_lines_can_end_in_crlf():
    raw = broken("crlf").raw
    assert raw.count(b"\r\n\r\n") == len(plain().payloads)
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_pieces_can_be_small_enough_to_cut_characters():
    answer = broken("split", messages=[user("天空为什么是蓝色的？")])
    whole = plain(messages=[user("天空为什么是蓝色的？")])
    assert {len(piece) for piece in answer.pieces} <= set(range(1, 8))
    assert answer.text() == whole.text()

    def decodes(piece: bytes) -> bool:
        try:
            piece.decode()
        except UnicodeDecodeError:
            return False
        return True

    assert not all(decodes(piece) for piece in answer.pieces)


@pytest.mark.parametrize("stream", [True, False])
def test_the_thought_can_have_its_other_name(stream: bool):
    answer = send(faults="reasoning-field", stream=stream)
    assert b'"reasoning":' in answer.raw
    assert b"reasoning_content" not in answer.raw


@pytest.mark.parametrize("stream", [True, False])
def test_the_thought_can_stand_in_the_content(stream: bool):
    answer, right = send(faults="think-tags", stream=stream), send()
    text = answer.text() if stream else answer.message["content"]
    thought, content = right.message["reasoning_content"], right.message["content"]
    assert text == f"<think>{thought}</think>\n\n{content}"
    assert b"reasoning_content" not in answer.raw


def test_the_role_can_be_everywhere():
    assert all(delta["role"] == "assistant" for delta in broken("role-everywhere").deltas())
    assert sum("role" in delta for delta in plain().deltas()) == 1


@pytest.mark.parametrize(
    ("place", "beside", "on_top"), [("choice", 1, 0), ("top", 0, 1), ("both", 1, 1), ("none", 0, 0)]
)
def test_usage_can_be_in_any_place(place: str, beside: int, on_top: int):
    answer = broken(f"usage={place}", stream_options={"include_usage": place != "top"})
    assert sum("usage" in choice for chunk in answer.chunks for choice in chunk["choices"]) == beside
    assert sum("usage" in chunk for chunk in answer.chunks) == on_top
    assert ("usage" in send(faults=f"usage={place}").json) == (place != "none")


@pytest.mark.parametrize("status", [200, 502, 504])
def test_a_page_can_come_instead(status: int):
    answer = broken(f"html={status}")
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html")
    assert answer.raw.startswith(b"<!DOCTYPE html>")


def test_nothing_can_come_instead():
    answer = broken("empty")
    assert (answer.status, answer.raw) == (200, b"")


def test_json_can_come_where_a_stream_was_asked_for():
    answer = broken("json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.message["content"] == plain().text()


@pytest.mark.parametrize("stream", [True, False])
def test_the_finish_reason_can_be_unheard_of(stream: bool):
    answer = send(faults="finish=exhausted", stream=stream)
    last = answer.chunks[-1] if stream else answer.json
    assert last["choices"][0]["finish_reason"] == "exhausted"


def test_an_event_can_lack_choices():
    answer = broken("no-choices")
    empty = [chunk for chunk in answer.chunks if not chunk["choices"]]
    assert len(empty) == 1
    assert "usage" not in empty[0]
    assert answer.text() == plain().text()


@pytest.mark.parametrize("stream", [True, False])
def test_tool_fragments_can_lack_their_index(stream: bool):
    answer = send(faults="index-less-tools", stream=stream, **WEATHER)
    deltas = answer.deltas() if stream else [answer.message]
    fragments = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert fragments
    assert all("index" not in fragment for fragment in fragments)


@pytest.mark.parametrize("stream", [True, False])
def test_arguments_can_be_malformed(stream: bool):
    answer = send(faults="malformed-arguments", stream=stream, **WEATHER)
    deltas = answer.deltas() if stream else [answer.message]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    with pytest.raises(json.JSONDecodeError):
        json.loads("".join(call["function"]["arguments"] for call in calls))


def test_images_can_be_accepted():
    picture = [user([{"type": "image_url", "image_url": {"url": PNG}}])]
    assert send(messages=picture).status == 400
    assert "an image (image/png" in send(faults="images=accept", messages=picture).message["content"]


@pytest.mark.parametrize(
    ("shape", "kind"),
    [("string", str), ("openai", dict), ("openrouter", dict)],
)
def test_error_bodies_can_have_other_shapes(shape: str, kind: type):
    assert isinstance(send(faults=f"status=503; body={shape}").json["error"], kind)


def test_error_bodies_can_be_hardly_bodies():
    assert list(send(faults="status=503; body=detail").json) == ["detail"]
    assert list(send(faults="body=code", n=9).json) == ["code", "message", "data"]
    text = send(faults="status=503; body=text")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.raw
    assert send(faults="status=503; body=none").raw == b""
