"""`--check`, `--balance` and the timing of answers, through gateways that buffer, strip, or do not count."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import check, errors, kernel, models
from kimi_magic.messages import Finished, Opened, ReasoningDelta, Retrying, Sent, TextDelta
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running
from kimi_magic.timing import STREAM_LENGTH, Stopwatch, Timing
from kimi_magic.usage import dollars
from kimi_magic.view import ledger as tables

from .peers import Recorder

SECRET = "sk-0123456789abcdefWXYZ"
PACE = 300  # events a second: an answer takes about a second


@pytest.fixture(autouse=True)
def state() -> Iterator[kernel.Kernel]:
    with kernel.fresh() as fresh:
        yield fresh


class Gateway(Recorder):
    """A server on loopback that asks the service behind it, waits for the whole answer, and passes it on."""

    def __init__(self, behind: str, change: Callable[[bytes], bytes] = lambda body: body) -> None:
        super().__init__(headers={"content-type": "text/event-stream"})
        self._behind, self._change = behind, change

    def answer(self) -> bytes:
        request = self.requests[-1]
        with httpx.Client(trust_env=False) as client:
            response = client.request(
                request.method,
                f"{self._behind}/{request.path.removeprefix('/v1/')}",
                content=request.content,
                headers={"authorization": request.authorization},
            )
        return self._change(response.content) if request.method == "POST" else response.content


@pytest.fixture
def behind(request: pytest.FixtureRequest) -> Iterator[str]:
    with running(Service(**{"speed": 0, **getattr(request, "param", {})})) as address:
        yield address


def checked(address: str, monkeypatch: pytest.MonkeyPatch, **more: object) -> list[str]:
    """What `--check` prints for a service at `address`, all of it allowed."""
    monkeypatch.setenv("EVOLINK_BASE_URL", address)
    monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
    lines = list(check.lines(kernel.current, lambda _: True, **more))
    for line in lines:
        assert line.isprintable()
        assert OFFLINE_KEY not in line
    return lines


def without(pattern: bytes) -> Callable[[bytes], bytes]:
    return lambda body: re.sub(pattern, b"", body)


# ---- what one small request shows ----


@pytest.mark.parametrize("behind", [{"speed": PACE}], indirect=True)
def test_a_stream_that_streams_is_said_to_with_counts_and_reasoning(behind: str, monkeypatch) -> None:
    *_, way, counts, reasoning = checked(behind, monkeypatch)
    assert re.fullmatch(r"The answer streams: first words after .* s, whole after .* s, .* \(smooth\)\.", way)
    assert re.fullmatch(r"Tokens are counted: \d+ \+ [\d,]+, about \$0\.\d+\.", counts)
    assert reasoning == "Reasoning comes."


def test_a_gateway_that_holds_the_answer_back_is_found_out(behind: str, monkeypatch) -> None:
    with Gateway(behind) as gateway:
        *_, way, _, _ = checked(gateway.base_url, monkeypatch)
    assert re.fullmatch(r"The answer came all at once after .* s: something on the way holds it back\.", way)
    (row,) = kimi_magic.usage_records()
    assert row["verdict"] == "buffered"


def test_a_gateway_that_takes_the_reasoning_out_is_found_out(behind: str, monkeypatch) -> None:
    with Gateway(behind, without(rb'data: [^\n]*"reasoning_content"[^\n]*\n\n')) as gateway:
        lines = checked(gateway.base_url, monkeypatch)
    assert lines[-1].startswith("No reasoning comes")


def test_a_gateway_that_does_not_count_is_found_out(behind: str, monkeypatch) -> None:
    with Gateway(behind, without(rb',"usage":\{[^\n]*?\}\}(?=\}|\])')) as gateway:
        lines = checked(gateway.base_url, monkeypatch)
    assert "Tokens are not counted: there will be no cost, and the budget cannot count." in lines


def test_a_request_that_fails_is_one_line_without_the_key(behind: str, monkeypatch) -> None:
    refusal = b'data: {"error": {"message": "no \\u001b[31m%s"}}\n\n' % OFFLINE_KEY.encode()
    with Gateway(behind, lambda _: refusal) as gateway:
        lines = checked(gateway.base_url, monkeypatch)
    assert [line for line in lines if line.startswith("The request failed: KimiStatusError: ")]


def test_the_request_is_asked_for_first_and_its_cost_named(behind: str, monkeypatch) -> None:
    monkeypatch.setenv("EVOLINK_BASE_URL", behind)
    monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
    questions: list[str] = []
    *_, last = check.lines(kernel.current, lambda question: bool(questions.append(question)))
    assert last.startswith("No request was sent")
    assert kimi_magic.usage_records() == []
    (question,) = questions
    price = models.find("kimi-k2-thinking", "evolink").price
    assert dollars((1_000 * price.completion + 40 * price.prompt) / 1e6) in question
    checked(behind, monkeypatch)
    (row,) = kimi_magic.usage_records()
    assert row["cost"] <= (1_000 * price.completion + 40 * price.prompt) / 1e6


def test_the_request_counts_against_the_budget_and_leaves_last_and_history_alone(
    behind: str, monkeypatch
) -> None:
    reply = kimi_magic.ask("Hello", offline=True)
    checked(behind, monkeypatch)
    assert kernel.current.last is reply
    assert len(kernel.current.conversation) == 0
    kernel.current.settings.update({"budget": 0.0})
    assert "the budget is spent" in checked(behind, monkeypatch)[-1]


def test_the_request_is_as_small_whatever_is_set(behind: str, monkeypatch) -> None:
    settings = {"n": 5, "max_tokens": 100_000, "system": "Be long. " * 99, "json": True, "stop": ["x"]}
    kernel.current.settings.update({**settings, "budget": 1.0, "stream": False})
    with Gateway(behind) as gateway:
        checked(gateway.base_url, monkeypatch)
    (body,) = [got.body for got in gateway.requests if got.method == "POST"]
    assert set(body) == {"model", "messages", "max_tokens", "stream", "stream_options"}
    assert (body["max_tokens"], body["stream"], len(body["messages"])) == (check.CAP, True, 1)


def test_a_retired_model_is_said_to_be_and_no_request_is_sent(behind: str, monkeypatch) -> None:
    monkeypatch.setenv("MOONSHOT_BASE_URL", behind)
    monkeypatch.setenv("MOONSHOT_API_KEY", OFFLINE_KEY)
    kernel.current.settings.update({"model": "kimi-k2.5"})
    *_, last = check.lines(kernel.current, lambda _: pytest.fail("asked"))
    assert last == (
        "kimi-k2.5 was retired at Moonshot on 2026-08-31; use kimi-k2.6: %kimi_config --model kimi-k2.6."
    )


def test_offline_nobody_is_asked() -> None:
    kernel.current.settings.update({"offline": True, "speed": 0.0})
    lines = list(check.lines(kernel.current, lambda _: pytest.fail("asked")))
    assert "Reasoning comes." in lines
    assert [line for line in lines if line.endswith("no network is tried.")]


# ---- retirements that are near, by the day that is given ----


def test_a_retirement_that_is_near_is_named_with_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel.current.settings.update({"offline": True, "speed": 0.0, "host": "bedrock"})
    day = date.fromisoformat(models.find("kimi-k2-thinking", "bedrock").retired)

    def said(days: int) -> list[str]:
        today = date.fromordinal(day.toordinal() - days)
        return [line for line in check.lines(kernel.current, today=today) if "retired" in line]

    assert said(400) == []
    (soon,) = said(30)
    assert soon.startswith(f"moonshot.kimi-k2-thinking will be retired at Amazon Bedrock on {day}; use ")
    (past,) = said(-1)
    assert past.startswith(f"moonshot.kimi-k2-thinking was retired at Amazon Bedrock on {day}; use ")


# ---- the balance ----


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("moonshot", "12.50 USD are left in the account at Moonshot."),
        ("moonshot-cn", "12.50 CNY are left in the account at Moonshot in China."),
        ("openrouter", "12.50 USD are left in the account at OpenRouter."),
    ],
)
def test_the_balance_is_shown_where_the_host_has_one(host: str, says: str) -> None:
    kernel.current.settings.update({"offline": True, "host": host})
    assert check.balance(kernel.current) == says


def test_a_host_without_a_balance_is_told_with_those_that_have_one() -> None:
    with pytest.raises(errors.KimiUsageError, match=r"EvoLink has no address for it.*moonshot"):
        check.balance(kernel.current)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": {}}', b'{"data": {"available_balance": "x"}}'])
def test_what_is_no_balance_is_said_in_one_line(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(body=body) as recorder:
        monkeypatch.setenv("MOONSHOT_BASE_URL", recorder.base_url)
        monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
        with pytest.raises(errors.KimiStreamError, match="sent no balance") as caught:
            check.balance(kernel.current)
    assert SECRET not in str(caught.value)
    assert recorder.only.path == "/v1/users/me/balance"


# ---- timing ----


@pytest.mark.parametrize(
    ("timing", "word"),
    [
        (Timing(), "unanswered"),
        (Timing(first_byte=0.5, arrivals=1, length=STREAM_LENGTH), "buffered"),
        (Timing(first_byte=20.0, arrivals=2, length=9_000), "buffered"),
        (Timing(first_byte=0.5, arrivals=1, length=20), "smooth"),
        (Timing(first_byte=0.5, arrivals=3, length=9_000), "smooth"),
        (Timing(first_byte=12.0, arrivals=30, length=9_000), "queued"),
        (Timing(first_byte=0.5, arrivals=30, length=9_000, longest_silence=60.0), "stalled"),
    ],
)
def test_a_word_says_how_an_answer_came(timing: Timing, word: str) -> None:
    assert timing.verdict == word


EVENTS = st.sampled_from(
    [
        Sent(),
        Opened("c", "m"),
        ReasoningDelta("hm"),
        TextDelta("Four."),
        Finished("stop"),
        Retrying("x", 0.0, 2, 3),
    ]
)


@given(st.lists(st.lists(EVENTS, min_size=1, max_size=4), max_size=12))
def test_times_are_in_order_whatever_comes(reads: list[list[object]]) -> None:
    watch = Stopwatch()
    watch.mark("connecting")
    watch.mark("connected")
    for events in reads:
        watch.mark("responded")
        watch.take(events)
    timing = watch.timing(None)
    for first in (timing.first_reasoning, timing.first_answer):
        assert first is None or 0 <= first <= timing.seconds
    assert 0 <= timing.longest_silence <= timing.seconds
    assert timing.arrivals <= len(reads)


def test_the_table_of_times_has_a_line_a_request_and_the_words_explained(behind: str, monkeypatch) -> None:
    monkeypatch.setenv("EVOLINK_BASE_URL", behind)
    monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
    kimi_magic.ask("Hello")
    kimi_magic.ask("Hello", stream=False)
    kimi_magic.ask("Hello", offline=True)
    head, *lines = tables.timing_table(kernel.current.ledger).partition("\n\n")[0].splitlines()
    assert re.split("  +", head) == list(tables.TIMING_HEAD)
    words = [re.split("  +", line)[1] for line in lines]
    assert words[1:] == ["whole", "offline"]
    assert words[0] in ("smooth", "buffered")  # at full speed it may come in one read
    for line in tables.TIMING_NOTE.splitlines():
        assert line in tables.timing_html(kernel.current.ledger)


def test_a_name_of_a_model_is_text_in_both_tables() -> None:
    kernel.current.settings.update({"offline": True, "speed": 0.0})
    kimi_magic.ask("Hello")
    record = kernel.current.ledger.records[0]
    kernel.current.ledger.add(msgspec.structs.replace(record, model="<b>$x$</b>\x1b[31m"))
    for show in (tables.html, tables.timing_html, tables.table, tables.timing_table):
        shown = show(kernel.current.ledger)
        assert "\x1b" not in shown
        assert "<b>" not in shown or show in (tables.table, tables.timing_table)
