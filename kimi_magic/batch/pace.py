"""How fast requests leave, and what they may cost. For the one loop that they run on; no I/O."""

from __future__ import annotations

import asyncio

from kimi_magic.errors import KimiBudgetError, KimiRateLimitError
from kimi_magic.usage import dollars

# Of the limit that is given, how much is used: a service counts a minute that ends when the request arrives,
# and what left evenly does not arrive evenly.
USED_SHARE = 0.98
LEAST_PAUSE = 0.5  # s after a refusal that names no time


class Pace:
    """Lets requests go one by one: so many at once, so many requests and tokens a minute.

    A refusal for too many requests holds all of them back, and then one goes ahead of the others to see
    whether the way is free. How many may be on their way adapts to what the service takes.
    """

    def __init__(self, concurrency: int, rpm: float | None = None, tpm: float | None = None) -> None:
        """At most `concurrency` at once; `rpm` requests and `tpm` tokens a minute, None for no limit."""
        self._clock = asyncio.get_running_loop().time
        self._most = concurrency
        self._limit = float(concurrency)
        self._seconds_of_request = 60 / (rpm * USED_SHARE) if rpm else 0.0
        self._seconds_of_token = 60 / (tpm * USED_SHARE) if tpm else 0.0
        self._next = self._next_by_tokens = 0.0
        self._paused_until = 0.0
        self._paused_from = 0.0  # when the last pause began: what had left before it is of the same burst
        self._pause = 0.0  # s, the last one; doubled as long as the request that goes ahead is refused
        self._probe = 0  # the ticket of the request that has gone ahead after a pause, 0 for none
        self._began_at: dict[int, float] = {}  # of the requests on their way
        self._tickets = 0
        self._door = asyncio.Lock()
        self._changed = asyncio.Event()
        self.refusals = 0

    @property
    def limit(self) -> int:
        """How many may be on their way now."""
        return max(1, int(self._limit))

    @property
    def in_flight(self) -> int:
        """How many are on their way."""
        return len(self._began_at)

    async def enter(self, tokens: float = 0.0) -> int:
        """Wait until one more request may leave, of about so many tokens; return its ticket."""
        async with self._door:
            while True:
                self._changed.clear()
                if len(self._began_at) >= self.limit or self._probe:
                    await self._changed.wait()
                    continue
                wait = max(self._next, self._next_by_tokens, self._paused_until) - self._clock()
                if wait <= 0:
                    break
                await asyncio.sleep(wait)
            now = self._clock()
            self._next = max(self._next, now) + self._seconds_of_request
            self._next_by_tokens = max(self._next_by_tokens, now) + tokens * self._seconds_of_token
            self._tickets += 1
            self._began_at[self._tickets] = now
            if self._paused_until:
                self._probe, self._paused_until = self._tickets, 0.0
            return self._tickets

    def accepted(self, ticket: int) -> None:
        """The service has begun to answer."""
        if ticket not in self._began_at:
            return
        if ticket == self._probe:
            self._probe, self._pause = 0, 0.0
        self._limit = min(self._most, self._limit + 1 / self._limit)
        self._changed.set()

    def leave(self, ticket: int) -> None:
        """The request has ended, however."""
        if self._began_at.pop(ticket, None) is not None:
            self._probe = 0 if ticket == self._probe else self._probe
            self._changed.set()

    def refused(self, ticket: int, error: KimiRateLimitError) -> None:
        """Too many at once: let all wait as long as `error` asks, and fewer be on their way."""
        self.refusals += 1
        began = self._began_at[ticket]
        asked = error.retry_after
        self._began_at.pop(ticket)
        if began >= self._paused_from:
            self._pause = max(2 * self._pause, LEAST_PAUSE) if asked is None else asked
            self._paused_from = self._clock()
            says_at_once = "concurren" in error.message.lower()
            self._limit = max(1.0, len(self._began_at) if says_at_once else self._limit / 2)
        elif "concurren" in error.message.lower():
            self._limit = max(1.0, min(self._limit, len(self._began_at)))
        self._probe = 0 if ticket == self._probe else self._probe
        wait = self._pause if asked is None else asked
        self._paused_until = max(self._paused_until, self._clock() + wait)
        self._changed.set()


class Purse:
    """What may be spent. The expected cost of what is on its way is set aside.

    The expected cost of a request is the dearest so far; until one is known, what the caller estimates.
    """

    def __init__(self, budget: float | None) -> None:
        """`budget` in US dollars, None for no limit."""
        self._budget = budget
        self._dearest = 0.0
        self._reserved: dict[int, float] = {}
        self._changed = asyncio.Event()
        self._door = asyncio.Lock()
        self.spent = 0.0
        self._count = 0

    async def reserve(self, estimate: float) -> int:
        """Set the expected cost of a request aside, when it fits; return its number.

        Raises:
            KimiBudgetError: It will not fit: nothing is on its way whose rest could be used.
        """
        async with self._door:
            while self._budget is not None:
                expected = self._dearest or estimate
                if self.spent + sum(self._reserved.values()) + expected <= self._budget:
                    break
                if not self._reserved:
                    raise KimiBudgetError(
                        f"the budget is spent: about {dollars(self.spent)} of {dollars(self._budget)}, "
                        f"and an answer costs about {dollars(expected)}; the rest was not sent",
                        hint="Raise {@budget USD}; what is there is kept, only the rest will be sent.",
                    )
                self._changed.clear()
                await self._changed.wait()
            self._count += 1
            self._reserved[self._count] = self._dearest or estimate
            return self._count

    def settle(self, number: int, cost: float | None, *, was_sent: bool = True) -> None:
        """A request has ended. One that was sent and whose cost is unknown counts as expected."""
        expected = self._reserved.pop(number)
        if cost is not None:
            self._dearest = max(self._dearest, cost)
        self.spent += (expected if was_sent else 0.0) if cost is None else cost
        self._changed.set()
