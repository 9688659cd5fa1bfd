"""Tokens: a fixed way to cut text that stands in for the tokenizer, and the cache of prompts.

The pieces are not the vendor's tokens. They are of about the same size (four characters) and always the same
for the same text, which is enough for tests, lessons and cost figures.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b

LONGEST_PIECE = 9  # characters: eight letters with the space before them
CACHE_FROM = 256  # tokens; Moonshot caches prompts longer than this
_BLOCK = 64  # tokens per block
_CACHE_BLOCKS = 16_384  # about a million tokens of prompts; 2 MB

_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U0001f000-\U0003ffff"
_LETTER = f"[^\\W\\d_{_CJK}]"
_PIECE = re.compile(
    f"[{_CJK}]"
    f"| ?{_LETTER}{{1,8}}(?!{_LETTER})"
    f"| ?{_LETTER}{{4}}"
    r"| ?\d{1,3}"
    r"| ?(?:`{1,3}|\*{1,3}|-{1,3}|#{1,4}|\\\w{1,5}|[^\w\s])"
    r"|\n{1,4}| {1,8}|.",
    re.DOTALL,
)


def split(text: str) -> list[str]:
    """Cut text into tokens; joined they are the text again."""
    return _PIECE.findall(text)


class PrefixCache:
    """The prompts of earlier requests, as chains of hashed blocks; the least recently used are dropped.

    The key is part of every hash, so that one user's prompts never show in another's usage.
    """

    def __init__(self) -> None:
        """Start without any prompt."""
        self._blocks: OrderedDict[bytes, None] = OrderedDict()

    def hit(self, key: str, prompt: Iterable[str]) -> int:
        """Return how many leading tokens were cached, and remember this prompt if it is long enough."""
        pieces = list(prompt)
        chain = _chain(key, pieces)
        cached = 0
        for link in chain:
            if link not in self._blocks:
                break
            self._blocks.move_to_end(link)
            cached += _BLOCK
        if len(pieces) > CACHE_FROM:
            self._remember(chain)
        return cached

    def _remember(self, chain: list[bytes]) -> None:
        for link in chain:
            self._blocks[link] = None
        while len(self._blocks) > _CACHE_BLOCKS:
            self._blocks.popitem(last=False)


def _chain(key: str, pieces: list[str]) -> list[bytes]:
    links: list[bytes] = []
    link = blake2b(key.encode(), digest_size=16).digest()
    for start in range(0, len(pieces) - _BLOCK + 1, _BLOCK):
        block = "\x00".join(pieces[start : start + _BLOCK])
        link = blake2b(link + block.encode(), digest_size=16).digest()
        links.append(link)
    return links
