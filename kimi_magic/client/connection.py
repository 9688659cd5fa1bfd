"""Where requests go and with which key; and how to quote what comes back. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal
from urllib.parse import urlsplit

from kimi_magic import addresses
from kimi_magic.errors import KimiUsageError
from kimi_magic.keys import Key

LONGEST_QUOTED = 64 * 2**10  # characters of which an excerpt is made; what follows is not looked at
LONGEST_EXCERPT = 300  # characters quoted of what came from outside
DEFAULT_SPEED = 80.0  # events a second of the simulator
MOST_CONNECTIONS = 256  # with a request on its way; many systems allow a process 1,024 open files
KEEP_ALIVE = 75.0  # s that an idle connection stays open: people run cells at this pace
ATTEMPTS = 3  # requests in all; each counts against the rate limit of the account, so few

_TAG = re.compile(r"<(?:(script|style)\b)?[^<>]*>", re.IGNORECASE)
_END = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in ("script", "style")}

Via = Literal["network", "simulator", "recording"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a request goes and with which key.

    `base_url` is normalised and ends in `/v1` or what the service has in its place, or is the whole address
    of its chat completions; `key_source` names where the key came from, for error messages. `provider` is who
    serves there, by the name in the table of providers, "" where that is unknown; `attempts` is how often a
    request is sent at most; `headers` are the person's own, for a gateway, with a `Key` for what is secret.
    `via` is how the request travels: over the network, to the simulator inside this process, which gives
    `speed` events a second (0: as fast as possible), or to the `recording` in a file (0: at once, else at its
    own pace). `record` is a file that gets each answer, "" for none. `allows_http` says that the person
    accepts that whoever is on the way can read what is sent.
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
    allows_http: bool = False
    headers: tuple[tuple[str, str | Key], ...] = ()

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
    def place(self) -> str:
        """The address for a message: inside this process there is none to follow."""
        if self.is_paid:
            return self.base_url
        return "the offline simulator" if self.is_simulated else f"the recording {self.recording}"

    @property
    def is_loopback(self) -> bool:
        """Whether the service is on this machine."""
        return addresses.is_loopback(self.base_url)

    @property
    def is_exposed(self) -> bool:
        """Whether what is sent goes over a network, and is not encrypted."""
        return self.is_paid and addresses.is_exposed(self.base_url)

    @property
    def exposure(self) -> str:
        """A sentence for the person where what is sent can be read on its way, else ""."""
        if not self.is_exposed:
            return ""
        what = "key, prompt and answer" if self.key else "prompt and answer"
        return f"Nothing is encrypted on the way to {self.host}: whoever is on it can read {what}."

    def check_exposure(self) -> None:
        """Refuse to send a key over plain http, and anything to a public address.

        Raises:
            KimiUsageError: The address is one of these, and the person has not allowed it.
        """
        if not self.is_exposed or self.allows_http:
            return
        is_private = addresses.is_private(self.base_url)
        has_secret = any(isinstance(value, Key) for _, value in self.headers)
        if is_private and not self.key and not has_secret:
            return
        what = f"the key from {self.key_source or '{@login}'}" if self.key else "the prompt"
        what = "a header that is secret" if has_secret and not self.key else what
        no_key = " A service in a network of your own gets no key if you name it with {@base_url URL}."
        raise KimiUsageError(
            f"{addresses.origin(self.base_url)} is not encrypted: whoever is on the way could read {what}; "
            "nothing was sent",
            hint=f"Use https, or allow it with {{@allow_http}}.{no_key * is_private}",
        )

    @property
    def host(self) -> str:
        """The host, as people are told."""
        if self.is_recorded:
            return f"the recording {PurePath(self.recording).name}"
        return "the offline simulator" if self.is_simulated else urlsplit(self.base_url).netloc

    def redact(self, text: str) -> str:
        """`text`, which came from outside, without the key and without what is secret in a header."""
        for value in (self.key, *(value for _, value in self.headers)):
            text = value.redact(text) if isinstance(value, Key) else text
        return text

    def excerpt(self, body: bytes | str, limit: int = LONGEST_EXCERPT) -> str:
        """What came from outside on one line of at most `limit` characters: no markup, controls or key."""
        text = body if isinstance(body, str) else body[:LONGEST_QUOTED].decode("utf-8", "replace")
        text = self.redact(text[:LONGEST_QUOTED])
        if text.lstrip().startswith("<"):
            text = _without_markup(text)
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= limit else text[: limit - 1] + "…"


def _without_markup(page: str) -> str:
    """The text of a web page: without tags, scripts and styles. In one pass, whatever is left open in it."""
    parts, at, left_open = [], 0, set()
    while tag := _TAG.search(page, at):
        parts += [page[at : tag.start()], " "]
        at, name = tag.end(), (tag[1] or "").lower()
        if name and name not in left_open:
            if end := _END[name].search(page, at):
                at = end.end()
            else:
                left_open.add(name)
    return "".join([*parts, page[at:]])
