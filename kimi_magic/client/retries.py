"""Whether to try again, and when. Only what may succeed, and only as long as nothing has been heard."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from kimi_magic import errors

LONGEST_WAIT = 120.0  # s that a service may ask to wait; longer is the person's decision
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # s of back-off where the service does not say, doubled each time
# 409 is a conflict that passes; 429 here is a rate limit, a missing quota has a class of its own. 520 to 524
# and 530 are Cloudflare's for a service behind it that does not answer, 529 is an overloaded one.
_STATUSES = {408, 409, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530}
_PER_DAY = re.compile(r"\bTPD\b|per day|tokens? per day", re.IGNORECASE)
_AFTER = re.compile(r"try again (?:after|in) (\d+(?:\.\d+)?) ?s", re.IGNORECASE)


def pause(error: errors.KimiError, attempt: int) -> float | None:
    """Seconds to wait before the next attempt after `attempt` (from 1) failed so; None to give up."""
    if not _may_succeed(error):
        return None
    wait = error.retry_after if isinstance(error, errors.KimiStatusError) else None
    if wait is None:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
        return float(longest * random.uniform(0.75, 1.0))  # noqa: S311 (a spread, not a secret)
    return wait if wait <= LONGEST_WAIT else None


def _may_succeed(error: errors.KimiError) -> bool:
    match error:
        case errors.KimiQuotaError():
            return False
        case errors.KimiStatusError():
            overloaded = isinstance(error, errors.KimiRateLimitError)  # also one that came in a stream
            passing = overloaded or error.status in _STATUSES
            return passing and not _PER_DAY.search(error.message)
        case errors.KimiConnectionError():
            return error.passing
    return False


def requested_wait(headers: Mapping[str, str], message: str) -> float | None:
    """Seconds that a refusal asks to wait: by header as milliseconds, seconds or a date, or in its text."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0), ("x-retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) / unit
        try:
            then = parsedate_to_datetime(value)
        except (ValueError, OverflowError):  # the latter for a year beyond all measure
            continue
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - datetime.now(UTC)).total_seconds())
    match = _AFTER.search(message)
    return float(match[1]) if match else None


def in_words(seconds: float) -> str:
    """A time to wait, as people say it."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or seconds == length:
            count = math.ceil(seconds / length)
            return f"{count} {unit}{'s' * (count > 1)}"
    return f"{math.ceil(seconds)} s"
