"""What is asked again, when, and what never: over HTTP against the simulator, and as arithmetic."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import NamedTuple

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kimi_magic import bridge, errors, kernel
from kimi_magic.client import Client, Connection
from kimi_magic.client.connection import ATTEMPTS
from kimi_magic.client.retries import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    pause,
    requested_wait,
)
from kimi_magic.keys import Key
from kimi_magic.messages import Event, Finished, Message, Opened, Request, Retrying, Sent, TextDelta
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running

from .peers import Lines, Recorder, hurry, reply_of

CHAT = "POST /v1/chat/completions"
REQUEST = Request("kimi-k2-thinking", (Message("user", "2+2?"),), max_tokens=4000, stream=True)
SOON = "retry-after-ms=5"
RPM = "Your account reached organization max RPM: 3, please try again after 0.005 seconds"


class Outcome(NamedTuple):
    """What came out, and how many requests the other end saw."""

    events: list[Event]
    error: errors.KimiError | None
    requests: int

    @property
    def retrying(self) -> list[Retrying]:
        return [event for event in self.events if isinstance(event, Retrying)]


def send(base_url: str) -> tuple[list[Event], errors.KimiError | None]:
    """Ask over the shared client; what was emitted, and the error at the end."""
    events: list[Event] = []
    connection = Connection(base_url, Key(OFFLINE_KEY), "EVOLINK_API_KEY")

    async def job(emit: bridge.Emit[Event]) -> None:
        await kernel.current.client.stream(connection, REQUEST, emit)

    try:
        bridge.listen(kernel.current.io, job, events.extend)
    except errors.KimiError as error:
        return events, error
    return events, None


def ask(faults: str, profile: str = "evolink") -> Outcome:
    """Ask a simulator with these faults."""
    lines = Lines()
    with running(Service(speed=0, faults=faults, profile=profile), lines.put) as base_url:
        events, error = send(base_url)
    assert set(lines.begun) == {CHAT}
    return Outcome(events, error, len(lines.begun))


def ask_recorder(status: int, message: str, headers: dict[str, str] | None = None, type: str = "") -> Outcome:
    """Ask a server that always refuses in these words."""
    with Recorder(status, headers, {"error": {"message": message, "type": type}}) as recorder:
        events, error = send(recorder.base_url)
    return Outcome(events, error, len(recorder.requests))


# ---- what may succeed is asked again ----


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_passes_is_asked_again_until_it_succeeds(status: int) -> None:
    outcome = ask(f"status={status}; times=2; {SOON}")
    assert outcome.error is None
    assert outcome.requests == 3
    sent, first, sent_again, second, sent_at_last, opened, *rest = outcome.events
    assert [sent, sent_again, sent_at_last] == [Sent()] * 3
    for attempt, event in enumerate((first, second), 2):
        assert isinstance(event, Retrying)
        assert (event.attempt, event.attempts, event.wait) == (attempt, ATTEMPTS, 0.005)
        assert f"({status})" in event.reason
        assert "127.0.0.1" in event.reason
    assert isinstance(opened, Opened)
    assert Finished("stop") in rest
    assert reply_of(outcome.events).text


def test_the_reason_of_a_retry_is_what_the_service_said() -> None:
    (event,) = ask(f"status=429; times=1; type=engine_overloaded_error; {SOON}").retrying
    assert "The engine is currently overloaded, please try again later" in event.reason
    assert "\n" not in event.reason


@pytest.mark.parametrize("profile", ["evolink", "moonshot-k2"])
def test_what_does_not_pass_is_given_up_after_the_attempts(profile: str) -> None:
    outcome = ask(f"status=503; {SOON}", profile)
    assert type(outcome.error) is errors.KimiServerError
    assert outcome.requests == ATTEMPTS
    assert [event.attempt for event in outcome.retrying] == list(range(2, ATTEMPTS + 1))


def test_the_last_error_is_the_one_that_is_told() -> None:
    outcome = ask(f"status=429; {SOON}")
    assert type(outcome.error) is errors.KimiRateLimitError
    assert outcome.error.status == 429
    assert outcome.error.retry_after == 0.005


@pytest.mark.parametrize(
    ("form", "wait"),
    [
        ("retry-after=0", 0.0),
        ("retry-after=0.02", 0.02),
        ("retry-after-date=0", 0.0),
        ("retry-after-ms=20", 0.02),
        ("retry-after-ms=20; retry-after=90", 0.02),
    ],
)
def test_the_wait_that_the_service_asks_for_is_kept_in_each_of_its_forms(form: str, wait: float) -> None:
    outcome = ask(f"status=429; times=1; {form}")
    assert outcome.error is None
    assert outcome.requests == 2
    assert [event.wait for event in outcome.retrying] == [wait]


def test_a_page_of_a_gateway_is_asked_again() -> None:
    outcome = ask("html=504; times=1")
    assert outcome.error is None
    assert outcome.requests == 2


def test_the_wait_in_the_words_of_the_service_is_kept() -> None:
    outcome = ask_recorder(429, RPM, type="rate_limit_reached_error")
    assert [event.wait for event in outcome.retrying] == [0.005, 0.005]
    assert outcome.requests == ATTEMPTS


# ---- what cannot succeed is not ----


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 422, 501])
def test_what_waiting_does_not_help_is_asked_once(status: int) -> None:
    outcome = ask(f"status={status}; {SOON}")
    assert isinstance(outcome.error, errors.KimiStatusError)
    assert outcome.error.status == status
    assert (outcome.requests, outcome.events) == (1, [Sent()])


@pytest.mark.parametrize("kind", ["exceeded_current_quota_error", "insufficient_quota_error"])
def test_a_missing_quota_is_never_asked_again(kind: str) -> None:
    outcome = ask(f"status=429; type={kind}; {SOON}")
    assert type(outcome.error) is errors.KimiQuotaError
    assert (outcome.requests, outcome.events) == (1, [Sent()])


@pytest.mark.parametrize(
    "message",
    [
        "Your account reached organization TPD rate limit, current: 1500001, limit: 1500000",
        "Rate limit reached for tokens per day",
        "You have used all requests per day, please try again after 1 seconds",
    ],
)
def test_a_limit_per_day_is_never_asked_again(message: str) -> None:
    outcome = ask_recorder(429, message, {"retry-after-ms": "5"}, "rate_limit_reached_error")
    assert type(outcome.error) is errors.KimiRateLimitError
    assert (outcome.requests, outcome.events) == (1, [Sent()])


@pytest.mark.parametrize("form", ["retry-after=121", "retry-after-date=3600", "retry-after-ms=121000"])
def test_a_wait_beyond_the_limit_is_the_decision_of_the_person(form: str) -> None:
    outcome = ask(f"status=429; {form}")
    assert type(outcome.error) is errors.KimiRateLimitError
    assert outcome.error.retry_after > LONGEST_WAIT
    assert (outcome.requests, outcome.events) == (1, [Sent()])


# ---- only before the first event ----


@pytest.mark.parametrize("count", [3, 10])
def test_an_error_late_in_the_stream_is_not_asked_again(count: int) -> None:
    outcome = ask(f"error-in-stream={count}")
    assert type(outcome.error) is errors.KimiRateLimitError
    assert (outcome.requests, outcome.retrying) == (1, [])
    assert reply_of(outcome.events).reasoning


@pytest.mark.parametrize("count", [0, 1], ids=["at once", "after the role"])
def test_an_error_before_the_first_word_is_asked_again(count: int) -> None:
    outcome = ask(f"error-in-stream={count}; times=1")
    assert outcome.error is None
    assert outcome.requests == 2
    (event,) = outcome.retrying
    assert "overloaded" in event.reason
    assert reply_of(outcome.events).text


@pytest.mark.parametrize("faults", ["reset=3", "reset=10", "cut=3"])
def test_an_answer_that_breaks_off_is_not_asked_again(faults: str) -> None:
    outcome = ask(faults)
    assert type(outcome.error) is errors.KimiStreamError
    assert (outcome.requests, outcome.retrying) == (1, [])
    assert reply_of(outcome.events).reasoning


def test_a_connection_that_is_lost_before_the_first_word_is_asked_again() -> None:
    outcome = ask("reset=0; times=1")
    assert outcome.error is None
    assert outcome.requests == 2
    assert "lost before an answer came" in outcome.retrying[0].reason


# ---- nobody there ----


def test_a_refused_connection_is_given_up_after_the_attempts() -> None:
    nobody = Recorder()  # has a port, and listens to nobody
    with nobody.holding():
        events, error = send(nobody.base_url)
    assert type(error) is errors.KimiConnectionError
    assert f"cannot reach {nobody.host}" in error.message
    assert [event.attempt for event in events if isinstance(event, Retrying)] == [2, 3]
    assert all(f"cannot reach {nobody.host}" in event.reason for event in events)


def test_a_server_that_comes_up_during_the_wait_is_asked() -> None:
    sleeper = Recorder()
    heard: list[Event] = []

    def take(events: list[Event]) -> None:
        heard.extend(events)
        if any(isinstance(event, Retrying) for event in events):
            sleeper.start()

    async def job(emit: bridge.Emit[Event]) -> None:
        await kernel.current.client.stream(Connection(sleeper.base_url, Key("")), REQUEST, emit)

    with sleeper.holding():
        bridge.listen(kernel.current.io, job, take)
    assert isinstance(heard[0], Retrying)
    assert TextDelta("Four.") in heard
    assert len(sleeper.requests) == 1


# ---- stopping during the wait ----


def test_stopping_ends_a_wait_at_once() -> None:
    lines = Lines()

    async def go(base_url: str) -> None:
        client = Client()
        task = asyncio.current_task()

        def cancel_in_the_wait(events: list[Event]) -> None:
            if any(isinstance(event, Retrying) for event in events):
                task.cancel()

        try:
            async with asyncio.timeout(20):  # of the 100 s that the service asks for
                await client.stream(Connection(base_url, Key(OFFLINE_KEY)), REQUEST, cancel_in_the_wait)
        finally:
            await client.aclose()

    with (
        running(Service(speed=0, faults="status=429; retry-after=100"), lines.put) as base_url,
        pytest.raises(asyncio.CancelledError),
    ):
        asyncio.run(go(base_url))
    assert lines.begun == [CHAT]


# ---- how long: the clock of these tests does not wait ----


def waits_of(answers: list[httpx.Response | Exception], attempts: int = ATTEMPTS) -> list[float]:
    """The seconds between the requests of a client that gets these answers."""
    times: list[float] = []

    def serve(_: httpx.Request) -> httpx.Response:
        times.append(asyncio.get_running_loop().time())
        answer = answers[len(times) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = Client({"network": lambda: httpx.MockTransport(serve)}, attempts=attempts)

    async def job() -> None:
        with pytest.raises(errors.KimiError):
            await client.stream(Connection("https://a.test/v1", Key("")), REQUEST, lambda _: None)

    hurry(job)
    assert len(times) == attempts
    return [after - before for before, after in pairwise(times)]


def test_the_client_waits_as_long_as_it_says() -> None:
    answers = [httpx.Response(503, headers={"retry-after": seconds}) for seconds in ("7", "120", "1.5", "0")]
    first, second, third = waits_of(answers, 4)
    assert 7 <= first < 7.5
    assert 120 <= second < 120.5
    assert 1.5 <= third < 2


def test_without_a_word_of_the_service_the_pauses_double_up_to_a_longest() -> None:
    failures: list[httpx.Response | Exception] = [httpx.ConnectError("refused"), httpx.Response(502)] * 4
    for number, wait in enumerate(waits_of(failures, 8)):
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**number)
        assert 0.75 * longest <= wait < longest + 0.3


SERVER = errors.KimiServerError("failed", status=503)
HEADER_NAMES = st.sampled_from(["retry-after", "x-retry-after"])


def refusal(seconds: float | None, kind: type[errors.KimiStatusError] = errors.KimiServerError, status=503):
    error = kind("said", status=status)
    error.retry_after = seconds
    return error


@given(st.integers(1, 1000))
def test_the_back_off_stays_in_its_bounds(attempt: int) -> None:
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
    wait = pause(SERVER, attempt)
    assert wait is not None
    assert 0.75 * longest <= wait <= longest


@given(st.integers(1, 10), st.floats(0, allow_nan=False))
def test_a_wait_that_was_asked_for_is_kept_to_the_letter_or_given_up(attempt: int, seconds: float) -> None:
    assert pause(refusal(seconds), attempt) == (seconds if seconds <= LONGEST_WAIT else None)


def test_the_back_off_is_not_the_same_for_everybody() -> None:
    assert len({pause(SERVER, 1) for _ in range(20)}) > 1


NEVER = [
    errors.KimiUsageError("x"),
    errors.KimiStreamError("x"),
    errors.KimiConnectionError("certificate verify failed"),
    errors.KimiTimeoutError("sent nothing for 180 s"),
    refusal(0, errors.KimiAuthError, 401),
    refusal(0, errors.KimiModelError, 404),
    refusal(0, errors.KimiQuotaError, 429),
    refusal(0, errors.KimiQuotaError, 402),
    refusal(0, errors.KimiRequestError, 400),
    refusal(0, errors.KimiContextError, 400),
    refusal(0, errors.KimiContentFilterError, 400),
    refusal(0, errors.KimiPermissionError, 403),
    refusal(0, errors.KimiStatusError, 200),
]


@pytest.mark.parametrize("error", NEVER, ids=lambda error: f"{type(error).__name__}")
def test_these_errors_are_never_waited_for(error: errors.KimiError) -> None:
    assert pause(error, 1) is None


@given(st.integers(0, 10**9), HEADER_NAMES)
def test_seconds_are_read_from_either_header(seconds: int, name: str) -> None:
    assert requested_wait(httpx.Headers({name.title(): f" {seconds} "}), "") == seconds


@given(st.integers(0, 10**9))
def test_milliseconds_are_read_and_come_first(milliseconds: int) -> None:
    headers = httpx.Headers({"Retry-After": "7", "Retry-After-Ms": str(milliseconds)})
    assert requested_wait(headers, "try again after 9 seconds") == milliseconds / 1000


@given(st.integers(-(10**6), 10**6), HEADER_NAMES)
def test_a_date_is_read_and_one_that_has_passed_means_now(seconds: int, name: str) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    wait = requested_wait(httpx.Headers({name: format_datetime(moment, usegmt=True)}), "")
    assert wait is not None
    assert max(0, seconds - 2) <= wait <= max(0, seconds)


def test_a_date_in_another_zone_is_the_same_moment() -> None:
    moment = (datetime.now(UTC) + timedelta(seconds=50)).strftime("%a, %d %b %Y %H:%M:%S")
    waits = [
        requested_wait({"retry-after": f"{moment} {zone}"}, "") for zone in ("GMT", "+0000", "-0000", "")
    ]
    assert all(wait is not None and 45 < wait <= 50 for wait in waits)


@pytest.mark.parametrize(
    ("message", "wait"),
    [
        ("max RPM: 3, please try again after 1 seconds", 1.0),
        ("Please try again in 0.5s.", 0.5),
        ("Please try again in 20 s", 20.0),
        ("please try again later", None),
        ("try again after the weekend", None),
        ("", None),
    ],
)
def test_the_words_of_a_refusal_are_the_last_resort(message: str, wait: float | None) -> None:
    assert requested_wait({}, message) == wait
    assert requested_wait({"retry-after": "soon"}, message) == wait
    assert requested_wait({"retry-after": "3"}, message) == 3


DATES = st.builds(
    "{}, {} {} {} {}:00:00 {}".format,
    st.sampled_from(["Mon", "x"]),
    st.integers(0, 99),
    st.sampled_from(["Jan", "Dec", "Foo"]),
    st.integers(0, 10**25),
    st.integers(0, 99),
    st.sampled_from(["GMT", "+0100", "-9999", "+99999999", ""]),
)


@example("1 Jan 99999999999999999999 00:00:00 GMT", "")
@given(
    st.one_of(st.text(max_size=40), DATES, st.from_regex(r"-?\d{1,400}(\.\d+)?", fullmatch=True)), st.text()
)
def test_whatever_a_header_says_it_is_a_wait_or_nothing(value: str, message: str) -> None:
    wait = requested_wait({"retry-after": value, "retry-after-ms": value}, message)
    assert wait is None or wait >= 0
    assert pause(refusal(wait), 1) is None or pause(refusal(wait), 1) <= LONGEST_WAIT
