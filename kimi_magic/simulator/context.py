"""What an answer depends on: the last question, what came before it, and how it is quoted.

What users wrote is quoted as data: in code spans, shortened, without control characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from . import english, languages
from .messages import Image, Message

_SHORT_HALF = 2_000  # characters kept of each end of a long text
_IN_SO_MANY = (
    r"[.,;:!? ]{0,4}\b(?:(?:answer|reply|respond|say it|explain it) )?(?:in |with |use )?"
    r"(?:exactly |only |just |at most )?"
)
_ONE_WORD = re.compile(rf"{_IN_SO_MANY}(?:one|a single|1) word\b(?: only| please)?", re.IGNORECASE)
_POLITE = re.compile(
    r"(?:(?:please|kimi|hey|(?:can|could|would) you|tell me|now|and|so)[, ]+)+", re.IGNORECASE
)
_MANNERS = re.compile(
    r"[.,;:!? ]{0,4}\b(?:please|briefly|in short|thanks|thank you)$"
    r"|[.,;:!? ]{0,4}\b(?:please )?(?:answer|reply|say it|explain it)(?: briefly)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Context:
    """What an answer depends on; long texts are shortened.

    `wish` is the question in one form (see `languages.clean`), without polite words and without what it says
    of the length of the answer: that is in `is_one_word` and `sentences` (0 where nothing is said).
    """

    question: str
    wish: str
    language: str
    earlier: tuple[str, ...]  # the user's messages before the last
    system: str
    images: tuple[Image, ...]
    choice: int  # the place of the answer among the choices of the request, from 0
    variant: int  # which of several wordings; the choices of one request have different ones
    is_one_word: bool
    sentences: int


def read_context(messages: tuple[Message, ...], choice: int, variant: int) -> Context:
    """Read the context of one choice from the messages of a request."""
    questions = [message for message in messages if message.role == "user"]
    question = shorten(questions[-1].text) if questions else ""
    system = shorten(" ".join(message.text for message in messages if message.role == "system"))
    count = _sentence_count().search(question) or _sentence_count().search(system)
    return Context(
        question=question,
        wish=_wish(question),
        language=languages.language_of(question),
        earlier=tuple(shorten(message.text) for message in questions[:-1] if message.text),
        system=system,
        images=questions[-1].images if questions else (),
        choice=choice,
        variant=variant,
        is_one_word=bool(_ONE_WORD.search(question) or _ONE_WORD.search(system)),
        sentences=max(1, english.number(count["count"].lower())) if count else 0,
    )


def shorten(text: str) -> str:
    """Return both ends of a long text: instructions stand there, and searches in them stay quick."""
    return text if len(text) <= 2 * _SHORT_HALF else f"{text[:_SHORT_HALF]}\n{text[-_SHORT_HALF:]}"


def excerpt(text: str, limit: int = 60) -> str:
    """Quote at most `limit` characters of text as a code span that nothing in the text can end."""
    clean = "".join(char if char.isprintable() else " " for char in text[: limit * 10].replace("`", "'"))
    clean = " ".join(clean.split())
    if len(clean) > limit:
        clean = clean[: limit - 1].rstrip() + "…"
    return f"`{clean or '…'}`"


def wording(variants: list[str], context: Context) -> str:
    """Return one of several wordings of the same thing."""
    return variants[context.variant % len(variants)]


def _wish(question: str) -> str:
    wish, before = languages.clean(question), ""
    while wish != before:
        before = wish
        wish = languages.clean(_MANNERS.sub("", _ONE_WORD.sub("", _sentence_count().sub("", wish))))
    return wish[match.end() :] if (match := _POLITE.match(wish)) else wish


@cache
def _sentence_count() -> re.Pattern[str]:
    """Return the pattern of a wish for a number of sentences."""
    return re.compile(
        rf"{_IN_SO_MANY}(?P<count>\d|{english.number_words()}) (?:short )?sentences?\b"
        r"(?: only| please| each)?",
        re.IGNORECASE,
    )
