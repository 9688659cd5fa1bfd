"""What requests used: the counts of the service in each of their places, costs, the ledger, the budget."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import kimi_magic
from kimi_magic import kernel, models
from kimi_magic.client import Client, Connection
from kimi_magic.keys import Key
from kimi_magic.messages import Counted, Finished, Message, Opened, Request, StreamOptions, TextDelta
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running
from kimi_magic.usage import OFFLINE, Ledger, Record, Usage, cost, dollars, total
from kimi_magic.view import ledger as view
from kimi_magic.view import words
from tests.peers import answering, delta, stream, streamed
from tests.turns import Growing

PRICE = models.find("kimi-k2-thinking", "evolink").price
TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)
TIMES = ("connect", "first_byte", "first_reasoning", "first_answer", "longest_silence", "verdict")
TOKENS = st.integers(0, 10**9)
USAGES = st.builds(
    lambda new, cached, completion: Usage(new + cached, completion, cached), TOKENS, TOKENS, TOKENS
)


def record(model: str = "kimi-k2-thinking", host: str = "a.test", state: str = "complete", **known) -> Record:
    return Record(time=TIME, model=model, host=host, state=state, **known)


def ledger_of(*records: Record) -> Ledger:
    ledger = Ledger()
    for each in records:
        ledger.add(each)
    return ledger


def lines_of(ledger: Ledger) -> dict[str, dict[str, str]]:
    """The table by the first cell of each line, each a dict by column."""
    table, _, _ = view.table(ledger).partition("\n\n")
    lines = table.splitlines()
    assert len({len(line) for line in lines}) == 1
    head, *rows = (re.split("  +", line) for line in lines)
    assert head == [name for name in view.HEAD if name in head or name not in view.RARE]
    return {name: dict(zip(head[1:], cells, strict=True)) for name, *cells in rows}


# ---- cost ----


def test_cost_is_that_of_new_cached_and_written_tokens_and_the_reasoning_is_among_the_written():
    usage = Usage(prompt=1_000_000, cached=400_000, completion=2_000_000, reasoning=1_500_000)
    assert cost(usage, PRICE) == pytest.approx(0.6 * 0.60 + 0.4 * 0.15 + 2 * 2.50)


@settings(max_examples=200, deadline=None)
@given(USAGES, USAGES)
def test_two_requests_cost_what_they_cost_together(one: Usage, other: Usage):
    both = Usage(one.prompt + other.prompt, one.completion + other.completion, one.cached + other.cached)
    assert cost(both, PRICE) == pytest.approx(cost(one, PRICE) + cost(other, PRICE))


@given(TOKENS, TOKENS, TOKENS)
def test_no_count_makes_a_cost_negative(prompt: int, cached: int, completion: int):
    assert cost(Usage(prompt, completion, cached), PRICE) >= 0


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "$0.0000"), (0.00004210, "$0.000042"), (0.0012, "$0.0012"), (1234.5, "$1,234.5000")],
)
def test_amounts_are_readable_also_when_they_are_tiny(amount: float, shown: str):
    assert dollars(amount) == shown


# ---- a reply ----


def answered(model: str, usage: Usage | None, *, simulated: bool = False, state: str = "complete") -> Growing:
    reply = Growing("kimi-k2-thinking", simulated=simulated)
    for event in (Opened("c1", model), TextDelta("Four."), Finished("stop")):
        reply.add(event)
    if usage is not None:
        reply.add(Counted(usage))
    reply.end(state)
    return reply


USED = Usage(prompt=2_000, completion=400, cached=1_024, reasoning=300)


@pytest.mark.parametrize("model", ["kimi-k2-thinking", "moonshotai/Kimi-K2-Thinking"])
def test_the_byline_shows_what_was_cached_and_the_cost_as_an_estimate(model: str):
    reply = answered(model, USED)
    assert reply.cost == pytest.approx(cost(USED, PRICE))
    assert words.byline(reply.turn).endswith("2,400 tokens · $0.0017")
    assert words.details(reply.turn) == (
        "2,000 tokens in (1,024 cached) · 400 out (300 of them reasoning) · "
        "≈ $0.0017, an estimate by the list price"
    )


def test_the_model_that_answered_sets_the_price():
    reply = answered("kimi-k2-thinking-turbo", USED)
    assert reply.cost == pytest.approx(cost(USED, models.find("kimi-k2-thinking-turbo", "evolink").price))


@pytest.mark.parametrize(
    ("asked", "answer", "priced_as"),
    [
        ("kimi-k2-thinking", "kimi-k2-thinking-251104", "kimi-k2-thinking"),
        ("kimi-k2-thinking", "kimi-k2-thinking-0905-fp8", "kimi-k2-thinking"),
        ("kimi-k2-thinking", "moonshotai/Kimi-K2-Thinking-20251106", "kimi-k2-thinking"),
        ("moonshotai/kimi-k2-thinking", "kimi-k2-thinking:nitro", "kimi-k2-thinking"),
        ("kimi-k2-thinking", "", "kimi-k2-thinking"),
        ("kimi-k2-thinking", "kimi-k2-thinking-turbo", "kimi-k2-thinking-turbo"),
        ("kimi-k2-thinking-turbo", "kimi-k2-thinking", "kimi-k2-thinking"),
        ("kimi-k2-thinking", "somebody-else", None),
        ("kimi-k2-thinking", "kimi-k3", None),
        ("somebody-else", "somebody-else-251104", None),
    ],
)
def test_a_dated_or_suffixed_name_costs_what_was_asked_and_another_model_its_own(asked, answer, priced_as):
    reply = Growing(asked)
    for event in (Opened("c1", answer), TextDelta("Four."), Finished("stop"), Counted(USED)):
        reply.add(event)
    reply.end()
    assert reply.cost == (cost(USED, models.find(priced_as, "evolink").price) if priced_as else None)


@pytest.mark.parametrize(
    ("host", "model", "dollars_of_a_million"),
    [
        ("openrouter", "moonshotai/kimi-k2-thinking", 0.60 + 0.60 + 2.50),
        ("novita", "moonshotai/kimi-k2-thinking", 0.60 + 0.15 + 2.50),
        ("novita", "moonshotai/kimi-k3.1-pro", 2.00 + 0.20 + 10.00),
        ("gmi", "moonshotai/Kimi-K2-Thinking", 0.80 + 0.80 + 1.20),
        ("moonshot", "kimi-k3.1-pro", 2.00 + 0.20 + 10.00),
        ("fireworks", "accounts/fireworks/models/kimi-k3-spot", 2.10 + 2.10 + 10.50),
        ("fireworks", "accounts/fireworks/models/kimi-k3", None),
        ("moonshot-cn", "kimi-k3.1-pro", None),
        ("evolink", "kimi-k3", None),
        ("bedrock", "moonshot.kimi-k2-thinking", None),
        ("vllm", "moonshotai/Kimi-K2-Thinking", None),
        ("", "kimi-k2-thinking", None),
    ],
)
def test_a_cost_is_by_the_list_of_the_host_and_there_is_none_where_that_is_unknown(
    host, model, dollars_of_a_million
):
    reply = Growing(model, provider=host)
    used = Usage(prompt=2_000_000, cached=1_000_000, completion=1_000_000)
    for event in (TextDelta("Four."), Finished("stop"), Counted(used)):
        reply.add(event)
    reply.end()
    if dollars_of_a_million is None:
        assert reply.cost is None
        assert "$" not in words.byline(reply.turn)
    else:
        assert reply.cost == pytest.approx(dollars_of_a_million)


def test_what_is_written_to_the_cache_has_its_own_price_where_the_host_has_one():
    price = models.find("kimi-k3.1-pro", "moonshot").price._replace(written=4.00)
    usage = Usage(prompt=1_000_000, cached=400_000, written=500_000)
    assert cost(usage, price) == pytest.approx(0.1 * 2.00 + 0.4 * 0.20 + 0.5 * 4.00)
    assert cost(structs.replace(usage, written=10**9), price) == pytest.approx(0.4 * 0.20 + 0.6 * 4.00)


def test_a_sum_that_leaves_out_a_step_is_marked():
    reply = Growing("kimi-k2-thinking")
    reply.add(Counted(USED))
    reply.turn.reject("no JSON")
    reply.end("interrupted")
    assert reply.cost == pytest.approx(cost(USED, PRICE))
    assert "≥ 2,400 tokens · ≥ $0.0017" in words.byline(reply.turn)


@pytest.mark.parametrize(
    "reply",
    [
        answered("nobody-knows", USED),
        answered("kimi-k2-thinking", None),
        answered("kimi-k2-thinking", None, state="interrupted"),
        answered("kimi-k2-thinking", USED, simulated=True),
    ],
    ids=["unknown price", "no count", "stopped", "offline"],
)
def test_a_cost_that_is_unknown_or_was_not_spent_is_not_shown(reply: Growing):
    assert reply.cost is None
    assert "$" not in words.byline(reply.turn)
    assert "estimate" not in words.byline(reply.turn)


def test_a_byline_without_cached_tokens_does_not_mention_them():
    assert "cached" not in words.byline(answered("kimi-k2-thinking", Usage(10, 5)).turn)


def test_a_host_that_counts_only_zeros_has_not_counted():
    reply = answered("kimi-k2-thinking", Usage(0, 0))
    assert reply.usage is None
    assert reply.cost is None


# ---- the ledger ----

RECORDS = st.builds(
    record,
    model=st.sampled_from(["kimi-k2-thinking", "kimi-k2-thinking-turbo", "nobody-knows"]),
    host=st.sampled_from(["a.test", "b.test", OFFLINE]),
    state=st.sampled_from(["complete", "interrupted", "failed"]),
    prompt=st.none() | TOKENS,
    cached=st.none() | TOKENS,
    completion=st.none() | TOKENS,
    reasoning=st.none() | TOKENS,
    cost=st.none() | st.floats(0, 1e3),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS))
def test_the_sums_by_model_are_together_the_sum_of_all_records(records: list[Record]):
    ledger = ledger_of(*records)
    everything = msgspec.structs.astuple(ledger.total)
    parts = [msgspec.structs.astuple(part) for part in ledger.by_model().values()]
    for column, whole in enumerate(everything):
        if isinstance(whole, int):
            assert sum(part[column] for part in parts) == whole
        else:
            assert sum(part[column].known for part in parts) == pytest.approx(whole.known)
            assert sum(part[column].unknown for part in parts) == whole.unknown
    assert ledger.total.requests == len(records)
    prompts = [each.prompt for each in records if each.prompt is not None]
    assert ledger.total.prompt == (sum(prompts), len(records) - len(prompts))


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS))
def test_a_table_of_any_ledger_is_aligned_and_has_a_line_for_each_model(records: list[Record]):
    ledger = ledger_of(*records)
    if records:
        assert len(lines_of(ledger)) == len(ledger.by_model()) + (len(ledger.by_model()) > 1)


def test_the_cost_stands_first_and_columns_without_a_count_are_left_out():
    fine = {"prompt": 1, "cached": 0, "completion": 1, "reasoning": 1, "cost": 0.1}
    columns = list(lines_of(ledger_of(record(**fine)))["kimi-k2-thinking"])
    assert columns == ["cost (estimate)", "requests", "prompt", "cached", "completion", "reasoning"]
    columns = list(lines_of(ledger_of(record(**fine), record(state="failed")))["kimi-k2-thinking"])
    assert columns[:4] == ["cost (estimate)", "requests", "failed", "uncounted"]
    assert "stopped" not in columns


def test_unknown_is_called_unknown_and_never_zero():
    counted = {"prompt": 1_200, "cached": 0, "completion": 300, "reasoning": 200, "cost": 0.00147}
    lines = lines_of(
        ledger_of(
            record(**counted),
            record(state="interrupted"),
            record("nobody-knows", prompt=7, cached=0, completion=8),
            record("gone", state="failed"),
        )
    )
    assert lines["kimi-k2-thinking"] == {
        "requests": "2", "stopped": "1", "failed": "0", "uncounted": "1",
        "prompt": "≥ 1,200", "cached": "≥ 0", "completion": "≥ 300", "reasoning": "≥ 200",
        "cost (estimate)": "≥ $0.0015",
    }  # fmt: skip
    assert lines["nobody-knows"]["prompt"] == "7"
    assert lines["nobody-knows"]["reasoning"] == lines["nobody-knows"]["cost (estimate)"] == "unknown"
    assert {lines["gone"][name] for name in ("prompt", "cached", "completion", "cost (estimate)")} == {
        "unknown"
    }
    assert lines["all"]["requests"] == "4"
    assert lines["all"]["cost (estimate)"] == "≥ $0.0015"


def test_the_simulator_has_a_line_of_its_own_and_costs_nothing():
    offline = record(host=OFFLINE, prompt=5, cached=0, completion=6, reasoning=1)
    paid = record(prompt=5, cached=0, completion=6, reasoning=1, cost=0.5)
    assert lines_of(ledger_of(offline))["kimi-k2-thinking (offline)"]["cost (estimate)"] == "offline"
    lines = lines_of(ledger_of(offline, paid))
    assert lines["kimi-k2-thinking (offline)"]["cost (estimate)"] == "offline"
    assert lines["all"]["cost (estimate)"] == "$0.5000"
    assert lines["all"]["prompt"] == "10"


def test_a_ledger_without_requests_says_so():
    assert view.table(Ledger()) == "No requests yet."
    assert total([]).requests == 0


def test_the_name_of_a_model_does_not_break_the_table():
    (name,) = lines_of(ledger_of(record("evil\x1b[31m\nmodel")))
    assert name == "evil[31m model"


# ---- over HTTP: the three places of the counts ----


def heard(faults: str, *, n: int | None, stream: bool) -> Growing:
    """The reply of a fresh service, which has nothing in its cache."""
    asked = Request(
        "kimi-k2-thinking", (Message("user", "Why is the sky blue?"),), n=n, max_tokens=4_000, stream=stream,
        stream_options=StreamOptions() if stream else None,
    )  # fmt: skip
    reply = Growing("kimi-k2-thinking")

    async def ask(url: str) -> None:
        client = Client()
        try:
            await client.stream(
                Connection(url, Key(OFFLINE_KEY)),
                asked,
                lambda events: [reply.add(event) for event in events],
            )
        finally:
            await client.aclose()

    with running(Service(speed=0, faults=faults)) as url:
        asyncio.run(ask(url))
    reply.end("complete")
    return reply


@pytest.mark.parametrize("n", [None, 3])
def test_the_counts_are_the_same_wherever_the_service_puts_them(n: int | None):
    whole = heard("usage=top", n=n, stream=True)
    assert whole.usage.prompt > 0
    assert whole.usage.completion > whole.usage.reasoning > 0
    for place in ("", "usage=choice", "usage=both"):
        reply = heard(place, n=n, stream=True)
        assert reply.usage == whole.usage
        assert reply.cost == whole.cost == pytest.approx(cost(whole.usage, PRICE))
    assert heard("usage=top", n=n, stream=False).usage == whole.usage


def test_several_choices_read_the_prompt_once_and_write_several_answers():
    one, three = heard("usage=choice", n=None, stream=True), heard("usage=choice", n=3, stream=True)
    assert three.usage.prompt == one.usage.prompt
    assert three.usage.completion > 2 * one.usage.completion
    assert three.usage.reasoning > one.usage.reasoning


@pytest.mark.parametrize("stream", [True, False])
def test_without_counts_usage_and_cost_are_unknown(stream: bool):
    reply = heard("usage=none", n=None, stream=stream)
    assert reply.text
    assert (reply.usage, reply.cost) == (None, None)


# ---- every request is in the ledger ----


@pytest.fixture(autouse=True)
def empty_ledger() -> Iterator[None]:
    kernel.current.ledger.clear()
    yield
    kernel.current.ledger.clear()
    for name in ("budget", "offline", "speed"):
        kernel.current.settings.unset(name)


@pytest.fixture
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A service on loopback, which a client cannot tell from a real one; what it logs."""
    log: list[str] = []
    with running(Service(speed=0, faults=getattr(request, "param", "")), log.append) as url:
        monkeypatch.setenv("EVOLINK_BASE_URL", url)
        monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
        yield log


def test_a_complete_request_is_recorded_with_all_that_is_known(service: list[str]):
    before = datetime.now(UTC)
    reply = kimi_magic.ask("Why is the sky blue?")
    (row,) = kimi_magic.usage_records()
    assert before <= row.pop("time") <= datetime.now(UTC)
    assert row.pop("host").startswith("127.0.0.1:")
    assert row == {
        "model": "kimi-k2-thinking",
        "state": "complete",
        "finish_reason": "stop",
        "prompt": reply.usage.prompt,
        "cached": reply.usage.cached,
        "written": 0,
        "completion": reply.usage.completion,
        "reasoning": reply.usage.reasoning,
        "cost": reply.cost,
        "seconds": reply.turn.step.seconds,
        **{name: getattr(reply.timing, name) for name in TIMES},
    }
    assert 0 <= reply.timing.connect <= reply.timing.first_byte <= reply.timing.first_reasoning
    assert reply.timing.first_reasoning <= reply.timing.first_answer <= reply.timing.seconds
    assert reply.cost > 0


@pytest.mark.parametrize("service", ["usage=choice", "usage=top", "usage=both"], indirect=True)
def test_several_answers_are_one_request_with_all_their_tokens(service: list[str]):
    reply = kimi_magic.ask("Why is the sky blue?", n=3)
    (row,) = kimi_magic.usage_records()
    assert row["completion"] == reply.usage.completion > reply.usage.reasoning == row["reasoning"]
    assert row["completion"] > 2 * kimi_magic.ask("Why is the sky blue?").usage.completion
    assert row["cost"] == reply.cost == pytest.approx(cost(reply.usage, PRICE))


@pytest.mark.parametrize("service", ["cut=40"], indirect=True)
def test_a_failed_request_is_recorded_and_its_tokens_are_unknown(service: list[str]):
    with pytest.raises(kimi_magic.KimiStreamError):
        kimi_magic.ask("Why is the sky blue?")
    (row,) = kimi_magic.usage_records()
    assert row["state"] == "failed"
    assert {row[name] for name in ("finish_reason", "prompt", "completion", "reasoning", "cost")} == {None}
    assert row["seconds"] > 0


def test_a_request_that_nobody_heard_is_recorded_too(monkeypatch: pytest.MonkeyPatch):
    with running(Service()) as url:
        pass
    monkeypatch.setenv("EVOLINK_BASE_URL", url)
    monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
    with pytest.raises(kimi_magic.KimiConnectionError):
        kimi_magic.ask("Hello")
    assert [row["state"] for row in kimi_magic.usage_records()] == ["failed"]


def test_what_was_never_sent_is_not_recorded(service: list[str]):
    with pytest.raises(kimi_magic.KimiUsageError):
        kimi_magic.ask("  ")
    assert kimi_magic.usage_records() == []


def test_offline_requests_are_recorded_as_such_and_without_a_cost():
    reply = kimi_magic.ask("Hello", offline=True)
    (row,) = kimi_magic.usage_records()
    assert (row["host"], row["cost"], row["completion"]) == (
        "offline simulator",
        None,
        reply.usage.completion,
    )


def test_records_are_copies(service: list[str]):
    kimi_magic.ask("Hello")
    kimi_magic.usage_records()[0].clear()
    assert kimi_magic.usage_records()[0]["state"] == "complete"


def test_requests_from_several_threads_are_all_recorded(service: list[str]):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(kimi_magic.ask, [f"Write {n} words about rivers." for n in range(5, 13)]))
    assert kernel.current.ledger.spent == pytest.approx(sum(reply.cost for reply in replies))


# ---- the budget ----


def begun(log: list[str]) -> int:
    return sum("begins" in line for line in log)


def test_once_the_budget_is_spent_nothing_more_is_sent(service: list[str]):
    kernel.current.settings.update({"budget": 1e-6})
    spent = kimi_magic.ask("Why is the sky blue?").cost
    with pytest.raises(kimi_magic.KimiBudgetError) as caught:
        kimi_magic.ask("And now?")
    assert begun(service) == 1
    assert len(kimi_magic.usage_records()) == 1
    assert "\n" not in caught.value.message
    assert dollars(spent) in caught.value.message
    assert "$0.000001" in caught.value.message
    for way in ("--budget", "--unset budget", "%kimi_usage --reset"):
        assert way in caught.value.hint


def test_counts_below_zero_are_zero_and_lower_no_sum():
    kernel.current.settings.update({"budget": 1e-6})
    below = {"prompt_tokens": -(10**9), "completion_tokens": -(10**9), "cached_tokens": -5}
    answer = [delta(content="Four."), delta(finish="stop") | {"usage": below}]
    details = {"prompt_tokens_details": {"cached_tokens": -9, "cache_write_tokens": -9}}
    odd = {"prompt_tokens": "-7", "completion_tokens": -1.5} | details
    with answering(
        streamed("Four."),
        stream(*answer),
        stream(*answer[:1], delta(finish="stop") | {"usage": below | details}),
        stream(*answer[:1], delta(finish="stop") | {"usage": odd}),
    ):
        for _ in range(4):
            kernel.current.settings.unset("budget")
            kimi_magic.ask("2+2?")
            kernel.current.settings.update({"budget": 1e-6})
            with pytest.raises(kimi_magic.KimiBudgetError):
                kimi_magic.ask("2+2?")
    for row in kimi_magic.usage_records():
        assert not [name for name, value in row.items() if isinstance(value, int | float) and value < 0]
    assert kernel.current.ledger.spent > 0


def test_a_repair_is_not_sent_once_the_budget_is_spent_and_what_was_paid_is_kept():
    kernel.current.settings.update({"budget": 1e-6})
    with answering(streamed("no JSON at all")) as server:
        with pytest.raises(kimi_magic.KimiBudgetError):
            kimi_magic.ask("Numbers?", schema=list[int], repair=3)
        assert len(server.requests) == 1
    assert kimi_magic.last.text == "no JSON at all"
    assert len(kimi_magic.usage_records()) == 1


def test_more_budget_or_none_lets_requests_through_again(service: list[str]):
    kernel.current.settings.update({"budget": 1e-6})
    kimi_magic.ask("Hello")
    kernel.current.settings.update({"budget": 100.0})
    kimi_magic.ask("Hello")
    kernel.current.settings.update({"budget": 1e-6})
    with pytest.raises(kimi_magic.KimiBudgetError):
        kimi_magic.ask("Hello")
    kernel.current.settings.unset("budget")
    kimi_magic.ask("Hello")
    assert begun(service) == 3


def test_a_budget_of_zero_allows_nothing_but_the_simulator(service: list[str]):
    kernel.current.settings.update({"budget": 0.0})
    with pytest.raises(kimi_magic.KimiBudgetError):
        kimi_magic.ask("Hello")
    assert kimi_magic.ask("Hello", offline=True).text
    assert begun(service) == 0


@pytest.mark.parametrize("service", ["usage=none"], indirect=True)
def test_requests_of_unknown_cost_do_not_count_against_the_budget(service: list[str]):
    kernel.current.settings.update({"budget": 1e-6})
    kimi_magic.ask("Hello")
    kimi_magic.ask("Hello")
    assert begun(service) == 2
