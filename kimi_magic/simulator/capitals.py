"""Questions for the capital of a country, in the languages of the simulator; see `data/capitals.toml`."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from . import content, languages

_ARTICLE = re.compile(r"(?:the|la|el|los|las|le|les|die|der|das|den|o|os|as) |l['’]")
_MAX_NAME = 60  # characters


def find(question: str, code: str) -> tuple[str, str, str] | None:
    """Return the language and in it country and capital, if the whole clean question asks for that in it."""
    if len(question) > 4 * _MAX_NAME:
        return None
    for pattern in languages.sentences(code)["capitals"]:
        match = re.fullmatch(pattern, question)
        at = _places().get(_key(match["country"])) if match and len(match["country"]) <= _MAX_NAME else None
        if at is not None:
            return code, *_names(at, code)
    return None


def _names(at: int, code: str) -> tuple[str, str]:
    data = content.load("capitals")
    column = data["languages"].index(code)
    country_code, countries, cities = data["rows"][at]
    article = "the " if code == "en" and country_code in data["the"] else ""
    return article + countries[column].partition(" (")[0], cities[column] or cities[0]


@cache
def _places() -> dict[str, int]:
    """Return the row of each country by the keys of all its names."""
    data = content.load("capitals")
    places: dict[str, int] = {}
    for at, (code, countries, _) in enumerate(data["rows"]):
        names = (*countries, *data["aliases"].get(code, ()))
        for name in names:
            places.setdefault(_key(name), at)
            places.setdefault(_key(name.partition(" (")[0]), at)
    return places


def _key(name: str) -> str:
    """Return a name without case, article, accents and marks."""
    plain = _ARTICLE.sub("", name.lower().strip(), count=1) if _ARTICLE.match(name.lower()) else name.lower()
    letters = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in letters if char.isalnum())
