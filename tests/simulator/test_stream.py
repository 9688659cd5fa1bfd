"""The stream: order, placement, counts, limits and pace."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.completion import Draft, complete
from kimi_magic.simulator.faults import Faults
from kimi_magic.simulator.tokens import CACHE_FROM, LONGEST_PIECE, PrefixCache, split

from .chat import CHAT, fields, send, user

SKY = [user("Why is the sky blue?")]
ASK_USAGE = {"include_usage": True}


def stream(service: Service | None = None, **changes: Any) -> Any:
    return send(service, **{"stream": True, "messages": SKY, **changes})


def without_created(raw: bytes) -> str:
    return re.sub(r'"created": ?\d+', '"created":0', raw.decode())


def test_the_events_stand_in_the_documented_order():
    answer = stream(stream_options=ASK_USAGE)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.payloads[-1] == "[DONE]"
    first, *middle, last, total = answer.chunks
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    ]
    kinds = ["".join(chunk["choices"][0]["delta"]) for chunk in middle]
    thoughts = kinds.count("reasoning_content")
    assert kinds == ["reasoning_content"] * thoughts + ["content"] * (len(kinds) - thoughts)
    assert 0 < thoughts < len(kinds)
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in middle)
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")
    assert total["choices"] == []
    assert total["usage"] == last["choices"][0]["usage"]
    usage = total["usage"]
    assert usage["completion_tokens"] == len(kinds)
    assert usage["completion_tokens_details"] == {"reasoning_tokens": thoughts}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["cached_tokens"] == usage["prompt_tokens_details"]["cached_tokens"] == 0


def test_every_event_is_one_line_one_blank_line_and_one_piece():
    answer = stream()
    assert all(re.fullmatch(rb"data: [^\n\r]+\n\n", piece) for piece in answer.pieces)


def test_id_created_and_model_are_the_same_in_all_chunks():
    answer = stream(n=3)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in answer.chunks}) == 1
    assert re.fullmatch(r"cmpl-[0-9a-f]{32}", answer.chunks[0]["id"])
    assert {chunk["object"] for chunk in answer.chunks} == {"chat.completion.chunk"}


def test_usage_beside_the_choice_is_sent_unasked_and_the_extra_chunk_is_not():
    answer = stream()
    assert answer.chunks[-1]["choices"][0]["usage"]["completion_tokens"] > 0
    assert all("usage" not in chunk and chunk["choices"] for chunk in answer.chunks)


def test_the_whole_answer_is_the_stream_in_one_piece():
    streamed, whole = stream(stream_options=ASK_USAGE), send(messages=SKY)
    assert whole.message["content"] == streamed.text()
    assert whole.message["reasoning_content"] == streamed.text("reasoning_content")
    assert whole.json["usage"] == streamed.chunks[-1]["usage"]
    assert whole.json["id"] == streamed.chunks[0]["id"]
    assert list(whole.json) == ["id", "object", "created", "model", "choices", "usage"]
    assert whole.json["object"] == "chat.completion"
    assert whole.json["choices"][0]["finish_reason"] == "stop"


def test_choices_take_turns_and_each_ends_with_its_own_usage():
    answer = stream(n=3, stream_options=ASK_USAGE)
    order = [chunk["choices"][0]["index"] for chunk in answer.chunks if chunk["choices"]]
    assert order[:6] == [0, 1, 2, 0, 1, 2]
    ends = [c["choices"][0] for c in answer.chunks if c["choices"] and c["choices"][0]["finish_reason"]]
    assert sorted(end["index"] for end in ends) == [0, 1, 2]
    assert len({answer.text(index=index) for index in range(3)}) == 3
    total = answer.chunks[-1]["usage"]
    assert total["completion_tokens"] == sum(end["usage"]["completion_tokens"] for end in ends)
    assert {end["usage"]["prompt_tokens"] for end in ends} == {total["prompt_tokens"]}
    whole = send(messages=SKY, n=3)
    assert [c["message"]["content"] for c in whole.json["choices"]] == [
        answer.text(index=i) for i in range(3)
    ]


def test_the_same_request_gets_the_same_bytes_but_for_the_time():
    service = Service(speed=0)
    first, second = stream(service, n=2), stream(service, n=2)
    assert without_created(first.raw) == without_created(second.raw)
    assert without_created(first.raw) == without_created(stream(Service(speed=0), n=2).raw)
    assert stream(Service(speed=0, seed=1), n=2).chunks[0]["id"] != first.chunks[0]["id"]
    assert stream(temperature=0.7).chunks[0]["id"] != first.chunks[0]["id"]


def test_the_cap_pays_for_the_thought_first():
    whole = send(messages=SKY).json["usage"]
    thought = whole["completion_tokens_details"]["reasoning_tokens"]
    for cap in (1, thought):
        short = send(messages=SKY, max_tokens=cap)
        assert short.message["content"] == ""
        assert short.json["choices"][0]["finish_reason"] == "length"
        assert short.json["usage"]["completion_tokens"] == cap
    cut = send(messages=SKY, max_tokens=thought + 3)
    assert send(messages=SKY).message["content"].startswith(cut.message["content"])
    assert cut.json["choices"][0]["finish_reason"] == "length"
    exact = send(messages=SKY, max_tokens=whole["completion_tokens"])
    assert exact.json["choices"][0]["finish_reason"] == "stop"


def test_without_a_cap_the_answer_ends_after_1024_tokens():
    answer = send(messages=[user("Write 3000 words about rivers")], max_tokens=...)
    assert answer.json["usage"]["completion_tokens"] == 1024
    assert answer.json["choices"][0]["finish_reason"] == "length"


def test_the_newer_name_of_the_cap_wins():
    answer = send(messages=SKY, max_tokens=3000, max_completion_tokens=7)
    assert answer.json["usage"]["completion_tokens"] == 7


@given(data=st.data())
def test_stop_strings_cut_the_answer_wherever_they_begin(data: st.DataObject):
    text = "The sky is blue, because 空气 scatters light — deterministically. 🌊 And so on."
    start = data.draw(st.integers(0, len(text) - 1))
    stop = text[start : start + data.draw(st.integers(1, 12))]
    done = complete(Draft(f"I thought of {stop}", text), 0, 1000, ["§", stop], Faults())
    assert "".join(done.content) == text[: text.index(stop)]
    assert stop in "".join(done.reasoning)
    assert done.finish_reason == "stop"


def test_of_several_stop_strings_the_earliest_in_the_text_counts():
    done = complete(Draft("", "one two three"), 0, 100, ["three", "two", "four"], Faults())
    assert "".join(done.content) == "one "


def test_stop_works_over_the_wire_also_as_a_plain_string():
    full = send(messages=SKY).message["content"]
    for stop in ("Rayleigh", ["zzz", "ayleigh scat"]):
        word = stop if isinstance(stop, str) else stop[1]
        cut = stream(stop=stop)
        assert cut.text() == full[: full.index(word)]
        assert cut.chunks[-1]["choices"][0]["finish_reason"] == "stop"


@given(st.text() | st.text(alphabet="ab 海1.\n`*\\x_"))
def test_tokens_joined_are_the_text(text: str):
    pieces = split(text)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= LONGEST_PIECE for piece in pieces)


@settings(max_examples=30)
@given(st.text(alphabet="ab 海", min_size=1), st.integers(1, 50))
def test_a_capped_answer_is_a_prefix_with_exactly_so_many_tokens(text: str, cap: int):
    done = complete(Draft("", text), 0, cap, (), Faults())
    assert text.startswith("".join(done.content))
    assert done.total == min(cap, len(split(text)))
    assert (done.finish_reason == "length") == (len(split(text)) > cap)


def test_a_long_prompt_is_cached_for_its_key_and_a_short_one_is_not():
    service = Service(speed=0, keys=[OFFLINE_KEY, "sk-two"])
    long = [user("word " * 400)]
    longer = [*long, {"role": "assistant", "content": "Yes."}, user("And more?")]

    def cached(messages: list[Any], key: str = OFFLINE_KEY) -> int:
        usage = send(service, messages=messages, headers={"authorization": f"Bearer {key}"}).json["usage"]
        assert usage["cached_tokens"] == usage["prompt_tokens_details"]["cached_tokens"]
        assert usage["cached_tokens"] <= usage["prompt_tokens"]
        return usage["cached_tokens"]

    assert cached(long) == 0
    assert cached(longer) > CACHE_FROM
    assert cached(longer, "sk-two") == 0
    assert cached([user("other " * 400)]) == 0
    assert [cached([user("short " * 200)]) for _ in range(2)] == [0, 0]


def test_the_prefix_cache_forgets_the_oldest_prompts():
    cache = PrefixCache()
    prompts = [[f"{number}"] * 60_000 for number in range(20)]
    assert cache.hit("key", prompts[0]) == 0
    assert cache.hit("key", prompts[0]) > 59_000
    for prompt in prompts[1:]:
        cache.hit("key", prompt)
    assert cache.hit("key", prompts[-1]) > 59_000
    assert cache.hit("key", prompts[0]) == 0


def test_reasoning_sent_back_counts_as_prompt():
    history = [user("x"), {"role": "assistant", "content": "y"}, user("z")]
    plain = send(messages=history).json["usage"]["prompt_tokens"]
    history[1] = {**history[1], "reasoning_content": "one two three"}
    assert send(messages=history).json["usage"]["prompt_tokens"] == plain + 3


def timed(service: Service, body: dict[str, Any]) -> list[float]:
    """Return when each event came, in seconds from the call."""

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        headers = {"authorization": f"Bearer {OFFLINE_KEY}"}
        response = await service.respond("POST", CHAT, headers, json.dumps(body).encode())
        times = [loop.time() - start]
        async for _ in response.body:
            times.append(loop.time() - start)
        return times

    return asyncio.run(run())


def test_events_never_leave_before_their_time_and_never_fall_behind_for_good():
    times = timed(Service(speed=400), fields(stream=True, messages=SKY))
    headers, *events = times
    assert all(at >= count / 400 - 0.002 for count, at in enumerate(events))
    assert headers <= events[0]
    assert events[-1] < len(events) / 400 + 0.5


def test_a_whole_answer_takes_as_long_as_its_stream():
    body = fields(messages=[user("hi")], max_tokens=50)
    headers, *_ = timed(Service(speed=500), body)
    assert headers >= 50 / 500 - 0.002


def test_at_full_speed_other_tasks_still_run():
    async def run() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(tick())
        body = json.dumps(
            fields(stream=True, messages=[user("Write 20000 words")], max_tokens=100_000)
        ).encode()
        response = await Service(speed=0).respond(
            "POST", CHAT, {"authorization": f"Bearer {OFFLINE_KEY}"}, body
        )
        events = [event async for event in response.body]
        other.cancel()
        assert len(events) > 20_000
        return ticks

    assert asyncio.run(run()) > 5  # the loop turns once in each `YIELD_INTERVAL` of work


@pytest.mark.parametrize("words", [100, 2_000, 10_000])
def test_an_essay_has_about_the_words_asked_for(words: int):
    answer = send(messages=[user(f"Write {words:,} words about the sea")], max_tokens=60_000)
    text, thought = answer.message["content"], answer.message["reasoning_content"]
    assert words <= len(text.split()) < words * 1.05 + 30
    assert len(thought) < len(text) / 2
    if words >= 2_000:
        for mark in ("\n## ", "\n- ", "\n1. ", "\n| ---", "\n```python\n", "\n$$\n", "\n> ", "**", "*"):
            assert mark in text
        sentences = re.findall(r"[A-Z][^.|#$`]{30,}\.", text)
        assert len(set(sentences)) > len(sentences) * 0.9
