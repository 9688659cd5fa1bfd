"""Characters that nobody sees: what reorders a line or has no width can make code read as what it is not.

In prose, what reorders is left out, and all else stays: right-to-left text, emoji and Indic scripts need it.
In code, names, keys and calls each such character is marked where it stands, and is copied as that mark: what
one sees is what one copies.
"""

from __future__ import annotations

import re

_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides, isolates
_JOINED = "\u0600-\u109f\u1780-\u17ff\ufb50-\ufeff\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIDDEN = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007e]{1,10}\U000e007f"  # the flag of a part of a country stays
    "|[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
    f"|(?<![{_IDEOGRAPHS}])[\U000e0100-\U000e01ef]"  # behind a Chinese sign it chooses one of its forms
    f"|(?<![{_JOINED}])[\u200c\u200d]"
)


def without_reordering(text: str) -> str:
    """`text` without the characters that let a part of it be shown in another order."""
    return _REORDERING.sub("", text)


def marked(text: str) -> str:
    """`text` with a mark such as `⟨U+202E⟩` in place of each character that cannot be seen."""
    return _HIDDEN.sub(_mark, text)


def _mark(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) > 1 else f"⟨U+{ord(found[0]):04X}⟩"
