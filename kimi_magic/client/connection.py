"""Where requests go and with which key; and how to quote what comes back. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from kimi_magic.keys import Key

LONGEST_QUOTED = 64 * 2**10  # characters of which an excerpt is made; what follows is not looked at
LONGEST_EXCERPT = 300  # characters quoted of what came from outside
DEFAULT_SPEED = 80.0  # events a second of the simulator
ATTEMPTS = 3  # requests in all; each counts against the rate limit of the account, so few
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1", re.IGNORECASE)

Via = Literal["network", "simulator"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a request goes and with which key.

    `base_url` is normalised and ends in `/v1` or what the service has in its place, or is the whole address
    of its chat completions; `key_source` names where the key came from, for error messages. `provider` is who
    serves there, by the name in the table of providers, "" where that is unknown; `attempts` is how often a
    request is sent at most; `headers` are the person's own, for a gateway, with a `Key` for what is secret.
    `via` is how the request travels: over the network, or to the simulator inside this process, which gives
    `speed` events a second (0: as fast as possible).
    """

    base_url: str
    key: Key
    key_source: str = ""
    via: Via = "network"
    speed: float = DEFAULT_SPEED
    provider: str = ""
    attempts: int = ATTEMPTS
    headers: tuple[tuple[str, str | Key], ...] = ()

    @property
    def is_simulated(self) -> bool:
        """Whether the offline simulator answers."""
        return self.via == "simulator"

    def url(self, path: str) -> str:
        """The address of `/chat/completions`, `/models` or another path."""
        return self.base_url.removesuffix("/chat/completions") + path

    @property
    def is_loopback(self) -> bool:
        """Whether the service is on this machine."""
        return _LOOPBACK.fullmatch(urlsplit(self.base_url).hostname or "") is not None

    @property
    def host(self) -> str:
        """The host, as people are told."""
        return "the offline simulator" if self.is_simulated else urlsplit(self.base_url).netloc

    def redact(self, text: str) -> str:
        """`text`, which came from outside, without the key and without what is secret in a header."""
        for value in (self.key, *(value for _, value in self.headers)):
            text = value.redact(text) if isinstance(value, Key) else text
        return text

    def excerpt(self, body: bytes | str, limit: int = LONGEST_EXCERPT) -> str:
        """What came from outside on one line of at most `limit` characters: no markup, controls or key."""
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        text = self.redact(text)[:LONGEST_QUOTED]
        if text.lstrip().startswith("<"):
            text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text)
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= limit else text[: limit - 1] + "…"
