"""Where requests go and as whom; and how to quote what comes back. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from kimi_magic.keys import Key

QUOTABLE = 64 * 2**10  # characters of which an excerpt is made; what follows is not looked at
EXCERPT = 300  # characters quoted of what came from outside


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to send and as whom.

    `base_url` is normalised and ends in `/v1` or what the host has in its place; `key_source` names where
    the key came from, for error messages; `simulated` marks the offline simulator.
    """

    base_url: str
    key: Key
    key_source: str = ""
    simulated: bool = False

    @property
    def host(self) -> str:
        """The host, for people."""
        return "the offline simulator" if self.simulated else urlsplit(self.base_url).netloc

    def excerpt(self, body: bytes | str, limit: int = EXCERPT) -> str:
        """What came from outside, on one line: no markup, no control characters, no key."""
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        text = self.key.redact(text)[:QUOTABLE]
        if text.lstrip().startswith("<"):
            text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text)
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= limit else text[: limit - 1] + "…"
