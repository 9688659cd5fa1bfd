"""The languages in which the simulator answers: which one a question is in, and its sentences.

They stand in `data/languages.toml`. A question in none of them is answered in English.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from . import content

_KANA = re.compile("[\u3040-\u30ff]")
_IDEOGRAPH = re.compile("[\u3400-\u9fff]")
_ARABIC = re.compile("[\u0600-\u06ff]")
_WORD = re.compile(r"[^\W\d_]+")
_MAX_WORDS = 200  # of a question that are looked at
_ENDS = " \t\n\"'`“”„«»‘’?!.,;:¿¡…、؟،"
_SUPERSCRIPTS = str.maketrans({"²": "^2", "³": "^3", "−": "-", "–": "-", "٪": "%"})


def language_of(text: str) -> str:
    """Return the code of the language of a text, such as "de": by its script, else by its frequent words."""
    if _KANA.search(text):
        return "ja"
    if _IDEOGRAPH.search(text):
        return "zh"
    if _ARABIC.search(text):
        return "ar"
    words = set(_WORD.findall(text.lower())[:_MAX_WORDS])
    letters = set(text.lower())
    scores = {
        code: sum(word in known for word in words) + len(letters & marks)
        for code, (known, marks) in _signs().items()
    }
    return max(scores, key=lambda code: scores[code])  # English stands first, so it wins a tie


def sentences(code: str) -> dict[str, Any]:
    """Return the sentences and patterns of a language; the fields are explained in the data file."""
    texts: dict[str, Any] = content.load("languages")[code]
    return texts


def codes() -> tuple[str, ...]:
    """Return the codes of all languages, English first."""
    return tuple(content.load("languages"))


def clean(question: str) -> str:
    """Return a question in one form: lower case, plain digits, single spaces, no marks at its ends."""
    plain = unicodedata.normalize("NFKC", question.translate(_SUPERSCRIPTS)).lower()
    plain = "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in plain)
    return " ".join(plain.split()).strip(_ENDS)


def is_greeting(question: str, code: str) -> bool:
    """Return whether a clean question is nothing but a greeting."""
    return any(re.fullmatch(pattern, question) for pattern in sentences(code)["greetings"])


def abilities(code: str, first: int) -> str:
    """List what the simulator can do, beginning with the ability at place `first`."""
    texts = sentences(code)
    listed = texts["abilities"]
    start = first % len(listed)
    *others, last = listed[start:] + listed[:start]
    return f"{texts['join'].join(others)}{texts['last']}{last}"


@cache
def _signs() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return words and characters of the languages in Latin letters."""
    languages = content.load("languages").items()
    return {
        code: (frozenset(texts["words"]), frozenset(texts["marks"]))
        for code, texts in languages
        if texts["words"]
    }
