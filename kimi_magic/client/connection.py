"""Where requests go and with which key; and how to quote what comes back. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal
from urllib.parse import urlsplit

from kimi_magic.keys import Key

LONGEST_QUOTED = 64 * 2**10  # characters of which an excerpt is made; what follows is not looked at
LONGEST_EXCERPT = 300  # characters quoted of what came from outside
DEFAULT_SPEED = 80.0  # events a second of the simulator
ATTEMPTS = 3  # requests in all; each counts against the rate limit of the account, so few
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1", re.IGNORECASE)

Via = Literal["network", "simulator", "recording"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a request goes and with which key.

    `base_url` is normalised and ends in `/v1` or what the service has in its place, or is the whole address
    of its chat completions; `key_source` names where the key came from, for error messages. `provider` is who
    serves there, by the name in the table of providers, "" where that is unknown; `attempts` is how often a
    request is sent at most. `via` is how the request travels: over the network, to the simulator inside
    this process, which gives `speed` events a second (0: as fast as possible), or to the `recording` in a
    file (0: at once, else at its own pace). `record` is a file that gets each answer, "" for none.
    """

    base_url: str
    key: Key
    key_source: str = ""
    via: Via = "network"
    speed: float = DEFAULT_SPEED
    provider: str = ""
    attempts: int = ATTEMPTS
    recording: str = ""
    record: str = ""

    @property
    def is_recorded(self) -> bool:
        """Whether a recording answers."""
        return self.via == "recording"

    @property
    def is_paid(self) -> bool:
        """Whether the request may cost something: it leaves this process."""
        return self.via == "network"

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
        if self.is_recorded:
            return f"the recording {PurePath(self.recording).name}"
        return "the offline simulator" if self.is_simulated else urlsplit(self.base_url).netloc

    def excerpt(self, body: bytes | str, limit: int = LONGEST_EXCERPT) -> str:
        """What came from outside on one line of at most `limit` characters: no markup, controls or key."""
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        text = self.key.redact(text)[:LONGEST_QUOTED]
        if text.lstrip().startswith("<"):
            text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text)
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= limit else text[: limit - 1] + "…"
