"""How fast a map goes: the limits of an account are used and not exceeded, on a clock that jumps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic import engine
from kimi_magic.batch import Batch, Limits, Progress, over_rows, rows_of, run
from kimi_magic.batch.plan import Work
from kimi_magic.client import Client, Connection
from kimi_magic.conversation import Step
from kimi_magic.keys import Key
from kimi_magic.request import decide
from kimi_magic.simulator import OFFLINE_BASE_URL, OFFLINE_KEY, Service, SimulatorTransport
from kimi_magic.simulator.profiles import Limits as ServiceLimits
from tests import virtual_time

SPEED = 50.0  # events a second of an answer


@dataclass
class Ran:
    """What became of a run, by the virtual clock."""

    batch: Batch
    sent: list[float] = field(default_factory=list)  # s; when each request reached the service
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)

    @property
    def refusals(self) -> int:
        return self.progress[-1].refusals

    @property
    def values(self) -> int:
        return sum(row.error is None for row in self.batch.found.values())

    @property
    def rate(self) -> float:
        """Requests a minute."""
        return 60 * (len(self.sent) - 1) / (self.sent[-1] - self.sent[0])


class Recorded(SimulatorTransport):
    """The simulator, and when requests came."""

    def __init__(self, service: Service, sent: list[float]) -> None:
        super().__init__(service)
        self._sent = sent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._sent.append(asyncio.get_running_loop().time())
        return await super().handle_async_request(request)


def work(count: int, *, system: str | None = None, cap: int = 4_000) -> Work:
    values = {"model": "kimi-k3.1-pro", "max_tokens": cap, "system": system}
    options = decide(values, {}, host="moonshot")
    connection = Connection(
        OFFLINE_BASE_URL, Key(OFFLINE_KEY), via="simulator", speed=SPEED, provider="moonshot"
    )
    form = engine.form(options, connection, cell=values, namespace={})
    rows = rows_of([f"number {n}" for n in range(count)])
    return over_rows("Why {{text}}?", rows, form, cache=None, namespace={})


def ran(planned: Work, limits: Limits, service: Service) -> Ran:
    found = Ran(planned.batch)

    async def main() -> None:
        client = Client({"simulator": lambda: Recorded(service, found.sent)})
        await run(planned.batch, client, None, limits, note=found.steps.append, emit=found.progress.extend)
        found.seconds = asyncio.get_running_loop().time()
        await client.aclose()

    virtual_time.run(main())
    return found


def test_the_limits_of_the_first_tier_are_used_and_not_exceeded():
    service = Service(profile="moonshot-tier-1")
    found = ran(work(300), Limits(concurrency=50, rpm=200, tpm=2_000_000), service)
    assert (found.values, found.refusals) == (300, 0)
    assert 0.95 * 200 <= found.rate <= 200


def test_tokens_a_minute_count_with_the_cap_as_the_service_counts_them():
    service = Service(profile="moonshot-tier-1")
    found = ran(work(100, cap=32_000), Limits(concurrency=50, rpm=200, tpm=2_000_000), service)
    assert (found.values, found.refusals) == (100, 0)
    assert 0.95 * 2_000_000 <= found.rate * 32_020 <= 2_000_000


def test_how_many_at_once_adapts_to_what_the_service_takes():
    allowed = ServiceLimits(concurrency=15)
    found = ran(work(200), Limits(concurrency=64), Service(profile="moonshot", limits=allowed))
    free = ran(work(200), Limits(concurrency=15), Service(profile="moonshot"))
    assert found.values == 200
    assert found.seconds < 1.25 * free.seconds
    assert found.refusals < 64 + 30


def test_a_rate_that_nobody_told_is_found_without_a_storm_of_requests():
    allowed = ServiceLimits(rpm=60)
    found = ran(work(150), Limits(concurrency=32), Service(profile="moonshot", limits=allowed))
    assert found.values == 150
    assert found.seconds < 1.5 * 150  # s; the service takes one a second
    assert found.refusals < 150


def test_all_wait_when_the_service_asks_one_to_wait():
    service = Service(profile="moonshot", faults="status=429; retry-after=7; times=1")
    found = ran(work(40), Limits(concurrency=4), service)
    assert (found.values, found.refusals) == (40, 1)
    first, *later = found.sent
    waited = [at for at in later if at > first]
    assert min(waited) >= first + 7
    assert len(found.sent) == 41


def test_the_first_request_of_a_common_beginning_goes_alone_so_that_the_service_caches_it():
    system = "Follow these rules. " * 400
    found = ran(work(100, system=system), Limits(concurrency=32), Service(profile="moonshot"))
    prefix = found.steps[0].usage.prompt
    cached = sum(step.usage.cached for step in found.steps)
    assert cached >= 0.95 * 99 * (prefix - 64)  # the simulator caches in blocks of 64 tokens
    assert found.sent[1] > found.sent[0]


def test_short_prompts_go_together():
    found = ran(work(40), Limits(concurrency=32), Service(profile="moonshot"))
    assert found.sent[:32] == [found.sent[0]] * 32


@given(
    rpm=st.one_of(st.none(), st.integers(10, 500)),
    concurrency=st.integers(1, 40),
    allowed=st.integers(0, 20),
    count=st.integers(1, 40),
)
@settings(max_examples=15, deadline=None)
def test_every_row_is_answered_once_whatever_the_limits(rpm, concurrency, allowed, count):
    service = Service(profile="moonshot", limits=ServiceLimits(concurrency=allowed))
    found = ran(work(count), Limits(concurrency=concurrency, rpm=rpm), service)
    assert found.values == count
    assert len(found.sent) == count + found.refusals
    assert found.progress[-1].in_flight == 0
    assert all(each.in_flight <= concurrency for each in found.progress)
    if rpm:
        spaces = [later - earlier for earlier, later in pairwise(found.sent)]
        assert all(space > 59 / rpm for space in spaces)
