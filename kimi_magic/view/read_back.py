"""What a saved output of ours holds, read back from its HTML: a file may have been changed by others."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from kimi_magic.view import scripts

_FORBIDDEN = frozenset(
    [
        "applet",
        "audio",
        "base",
        "button",
        "embed",
        "form",
        "frame",
        "frameset",
        "iframe",
        "img",
        "input",
        "link",
        "math",
        "meta",
        "noscript",
        "object",
        "option",
        "select",
        "source",
        "style",
        "svg",
        "template",
        "textarea",
        "title",
        "track",
        "video",
        "xmp",
    ]
)
_ADDRESSES = frozenset(
    {"action", "background", "data", "formaction", "href", "ping", "poster", "src", "srcset"}
)
_SCRIPTS = [script.strip() for script in scripts.SAVED]
_ADDRESS = re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE)
_STYLE = re.compile(r"url\s*\(|expression\s*\(|(?<![\w-])position\s*:|@import|\\\\", re.IGNORECASE)


def reasoning_in(html: str) -> str:
    """The text in the first section of reasoning."""
    reader = _Reasoning()
    reader.feed(html)
    reader.close()
    return "".join(reader.text)


def is_inert(html: str) -> bool:
    """Whether there is no script but ours, no event handler, nothing that is loaded or covers the page."""
    reader = _Inert()
    reader.feed(html)
    reader.close()
    return reader.is_good and not reader.in_script


class _Reasoning(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self._state = ""  # "title" inside the section, "text" inside its text, "after" behind it
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "details" and not self._state and dict(attrs).get("class") == "kimi-reasoning":
            self._state = "title"
        elif tag == "div" and self._state in ("title", "text"):
            self._state = "text"
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._state == "text":
            self._depth -= 1
            self._state = "text" if self._depth else "after"

    def handle_data(self, data: str) -> None:
        if self._state == "text":
            self.text.append(data)


class _Inert(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.is_good = True
        self.in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_script = tag == "script"
        if tag in _FORBIDDEN or (self.in_script and attrs):
            self.is_good = False
        for name, value in attrs:
            is_foreign = name in _ADDRESSES and not _ADDRESS.match((value or "").strip())
            if (
                name.startswith("on")
                or ":" in name
                or is_foreign
                or (name == "style" and _STYLE.search(value or ""))
            ):
                self.is_good = False

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script and data.strip() not in _SCRIPTS:
            self.is_good = False

    def handle_comment(self, data: str) -> None:
        self.is_good = False

    def handle_decl(self, decl: str) -> None:
        self.is_good = False

    def unknown_decl(self, data: str) -> None:
        self.is_good = False

    def handle_pi(self, data: str) -> None:
        self.is_good = False
