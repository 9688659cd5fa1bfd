"""How many requests and tokens an account may send: a sliding minute, and how many at once.

The tokens of a request are those of its prompt and its cap, counted when it comes, as Moonshot does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from .profiles import Limits
from .refusals import RefusalError

WINDOW = 60.0  # s
RETRY_AFTER = 1  # s that a refusal asks to wait, whatever the limit


class Account:
    """What one key has sent within the window, and what of it has not ended."""

    def __init__(self, limits: Limits) -> None:
        """Start with nothing sent."""
        self._limits = limits
        self._sent: deque[tuple[float, int]] = deque()
        self._tokens = 0
        self._in_flight = 0

    def enter(self, tokens: int) -> Callable[[], None]:
        """Count a request of so many tokens; return what ends it. Raises `RefusalError` beyond a limit."""
        now = asyncio.get_running_loop().time()
        while self._sent and self._sent[0][0] <= now - WINDOW:
            self._tokens -= self._sent.popleft()[1]
        limits = self._limits
        if limits.concurrency and self._in_flight >= limits.concurrency:
            raise _refusal(f"max organization concurrency: {limits.concurrency}")
        if limits.rpm and len(self._sent) >= limits.rpm:
            raise _refusal(f"organization max RPM: {limits.rpm}")
        if limits.tpm and self._tokens + tokens > limits.tpm:
            raise _refusal(f"organization TPM rate limit, current: {self._tokens}, limit: {limits.tpm}")
        self._sent.append((now, tokens))
        self._tokens += tokens
        self._in_flight += 1
        has_ended = False

        def leave() -> None:
            nonlocal has_ended
            if not has_ended:
                has_ended = True
                self._in_flight -= 1

        return leave


def _refusal(reached: str) -> RefusalError:
    message = f"Your account request reached {reached}, please try again after {RETRY_AFTER} seconds"
    refusal = RefusalError(429, message)
    refusal.headers.append(("retry-after", str(RETRY_AFTER)))
    return refusal


class Held:
    """A body; `leave` is called when it has ended or is closed."""

    def __init__(self, body: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        """Pass `body` on."""
        self._body = body
        self._leave = leave

    def __aiter__(self) -> Held:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except BaseException:
            self._leave()
            raise

    async def aclose(self) -> None:
        """End it early."""
        self._leave()
        if (close := getattr(self._body, "aclose", None)) is not None:
            await close()
