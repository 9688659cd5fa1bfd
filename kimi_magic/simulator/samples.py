"""Plausible values for named fields: what JSON mode and tool calls are filled with. Invented data only."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from random import Random
from typing import Any

_FIRST = (
    "Ada", "Jonas", "Ines", "Mei", "Bola", "Rosa", "Tariq", "Lena", "Mateo", "Aino", "Samir", "Clara", "Kofi",
    "Yuki", "Elif", "Tomas", "Nadia", "Hugo", "Priya", "Oskar", "Amara", "Leo", "Sofia", "Emil",
)  # fmt: skip
_LAST = (
    "Marlowe", "Lind", "Duarte", "Tanaka", "Okafor", "Quispe", "Haddad", "Vogel", "Rojas", "Salonen",
    "Farouk",
    "Jensen", "Mensah", "Sato", "Demir", "Novak", "Petrov", "Blanc", "Nair", "Berg", "Diallo", "Conti",
    "Reyes",
    "Holm",
)  # fmt: skip
# One row across all pools is one record: the city lies in the country, the answer fits the question.
_WORDS: dict[str, tuple[str, ...]] = {
    "name": tuple(f"{first} {last}" for first, last in zip(_FIRST, _LAST, strict=True)),
    "first": _FIRST,
    "last": _LAST,
    "email": tuple(f"{first.lower()}@example.org" for first in _FIRST),
    "phone": tuple(f"+1 555 01{at:02}" for at in range(24)),
    "username": tuple(f"{first.lower()}{at * 7 % 90 + 10}" for at, first in enumerate(_FIRST)),
    "job": ("engineer", "teacher", "nurse", "designer", "baker", "journalist", "biologist", "carpenter"),
    "department": ("research", "sales", "support", "design", "finance", "logistics"),
    "company": ("Northlight", "Alder & Co", "Bluefin Works", "Quarry Labs", "Tandem Mills", "Hearth Foods"),
    "product": ("desk lamp", "water bottle", "notebook", "backpack", "kettle", "headphones", "umbrella",
    "mug"),
    "movie": ("The Long Tide", "Paper Moons", "North of Noon", "A Borrowed Sky", "The Last Ferry", "Salt"),
    "song": ("Slow River", "Glass Houses", "Tomorrow's Bread", "Night Bus", "Kites", "Half a Mile"),
    "recipe": ("tomato soup", "lentil curry", "apple cake", "potato salad", "rice pudding", "onion tart"),
    "ingredient": ("flour", "butter", "sugar", "eggs", "salt", "milk", "onions", "garlic"),
    "vegetable": ("carrot", "leek", "beetroot", "spinach", "pumpkin", "fennel"),
    "tree": ("oak", "beech", "birch", "maple", "larch", "chestnut"),
    "flower": ("tulip", "daisy", "iris", "poppy", "lilac", "marigold"),
    "sport": ("rowing", "football", "tennis", "judo", "cycling", "handball"),
    "instrument": ("cello", "clarinet", "piano", "guitar", "trumpet", "harp"),
    "hobby": ("reading", "chess", "gardening", "climbing", "painting", "photography"),
    "skill": ("Python", "statistics", "writing", "design", "teaching", "SQL"),
    "subject": ("mathematics", "physics", "history", "biology", "music", "geography"),
    "tag": ("new", "popular", "short", "classic", "useful", "local", "quiet", "green"),
    "step": ("Gather what you need.", "Measure twice.", "Mix everything well.", "Wait ten minutes.",
    "Serve."),
    "gender": ("female", "male", "female", "female", "male", "female", "male", "female"),
    "grade": ("A", "B", "A-", "C+", "B+", "B-"),
    "size": ("medium", "small", "large"),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "month": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October",
              "November", "December"),
    "season": ("spring", "summer", "autumn", "winter"),
    "priority": ("high", "medium", "low"),
    "difficulty": ("easy", "medium", "hard"),
    "continent": ("Europe", "Europe", "Europe", "Asia", "Africa", "South America", "South America", "Europe"),
    "street": ("12 Harbour Road", "4 Mill Lane", "27 Station Street", "9 Garden Row", "31 Church Hill"),
    "postcode": ("10121", "5003", "4000", "604-8571", "100001", "090101", "08002", "69001"),
    "title": ("A Quiet Harbour", "Notes on Rain", "The Long Field", "Small Machines", "Late Snow",
              "The Glass Orchard", "Winter Letters", "A Map of Salt"),
    "author": ("E. Holm", "R. Castellani", "N. Abara", "S. Whitlock", "J. Moreau", "K. Ito"),
    "city": ("Turin", "Bergen", "Porto", "Kyoto", "Lagos", "Guayaquil", "Cusco", "Lyon"),
    "country": ("Italy", "Norway", "Portugal", "Japan", "Nigeria", "Ecuador", "Peru", "France"),
    "capital": ("Rome", "Oslo", "Lisbon", "Tokyo", "Abuja", "Quito", "Lima", "Paris"),
    "language": ("Italian", "Norwegian", "Portuguese", "Japanese", "English", "Spanish", "Spanish", "French"),
    "currency": ("EUR", "NOK", "EUR", "JPY", "NGN", "USD", "PEN", "EUR"),
    "color": ("blue", "amber", "green", "grey", "violet", "red"),
    "animal": ("heron", "otter", "lynx", "hare", "kestrel", "badger"),
    "fruit": ("pear", "plum", "quince", "cherry", "fig", "apple"),
    "url": ("https://example.org/a", "https://example.org/b", "https://example.com/c"),
    "date": tuple(f"{2023 + at % 3}-{at * 5 % 12 + 1:02}-{at * 11 % 28 + 1:02}" for at in range(24)),
    "born": tuple(f"{1958 + at * 7 % 47}-{at * 5 % 12 + 1:02}-{at * 13 % 28 + 1:02}" for at in range(24)),
    "time": ("08:30:00", "14:05:00", "19:45:00"),
    "unit": ("kilograms", "litres", "pieces"),
    "status": ("open", "done", "waiting"),
    "category": ("science", "travel", "history", "music"),
    "sentiment": ("positive", "neutral", "negative"),
    "description": (
        "A short description made up for this example.",
        "Plain, useful and easy to check.",
        "One of several entries of the same kind.",
        "Known for being exactly what it seems.",
    ),
    "question": (
        "Why is the sky blue?", "How many moons does Mars have?", "Which planet is the largest?",
        "What is the square root of 144?", "Which gas do plants take in?", "What is the capital of Norway?",
        "How many bones has an adult human?", "In which year did people first walk on the Moon?",
    ),
    "answer": (
        "Because air scatters blue light most", "Two", "Jupiter", "12", "Carbon dioxide",
        "Oslo", "206", "1969",
    ),
    "code": ("print(6 * 7)", "sum(range(10))", "len('simulator')"),
    "expression": ("6 * 7", "12 + 30", "84 / 2"),
    "path": ("data/rivers.csv", "notes/plan.md", "results.json"),
}  # fmt: skip
_ALIASES = {
    **dict.fromkeys(
        (
            "person",
            "people",
            "student",
            "employee",
            "user",
            "customer",
            "friend",
            "patient",
            "member",
            "player",
            "participant",
            "child",
            "children",
            "women",
            "men",
            "character",
            "contact",
            "guest",
            "applicant",
        ),
        "name",
    ),
    "town": "city",
    "place": "city",
    "location": "city",
    "colour": "color",
    "writer": "author",
    "mail": "email",
    "link": "url",
    "website": "url",
    "day": "date",
    "created": "date",
    "updated": "date",
    "birthday": "born",
    "birthdate": "born",
    "birth": "born",
    "occupation": "job",
    "profession": "job",
    "role": "job",
    "employer": "company",
    "organisation": "company",
    "organization": "company",
    "item": "product",
    "film": "movie",
    "track": "song",
    "dish": "recipe",
    "meal": "recipe",
    "plant": "flower",
    "surname": "last",
    "lastname": "last",
    "firstname": "first",
    "fullname": "name",
    "sex": "gender",
    "label": "tag",
    "keyword": "tag",
    "instruction": "step",
    "mood": "sentiment",
    "region": "continent",
    "address": "street",
    "zip": "postcode",
    "zipcode": "postcode",
    "nationality": "country",
    "bio": "description",
    "comment": "description",
    "note": "description",
    "summary": "description",
    "text": "description",
    "reason": "description",
    "kind": "category",
    "type": "category",
    "topic": "category",
    "genre": "category",
    "formula": "expression",
    "file": "path",
    "filename": "path",
}
# Names of which one may not come twice in a list; of other words several records may share one.
_OWN = frozenset(
    ["name", "first", "last", "email", "phone", "username", "title", "product", "movie", "song", "recipe",
    "question",
     "url", "company"]
)  # fmt: skip
_WHOLE = {
    **dict.fromkeys(("built", "founded", "released", "published", "established", "since"), (1950, 2025)),
    "age": (19, 78), "year": (1950, 2025), "count": (1, 60), "number": (1, 60), "quantity": (1, 20),
    "id": (1, 60),
    "size": (1, 60), "length": (1, 60), "pages": (80, 640), "population": (20_000, 900_000), "rank": (1, 20),
    "month": (1, 12), "hour": (0, 23), "minute": (0, 59), "minutes": (5, 90), "duration": (5, 90),
    "score": (40, 100), "points": (0, 100), "rating": (1, 5), "stars": (1, 5), "percent": (0, 100),
    "percentage": (0, 100), "price": (4, 120), "cost": (4, 120), "salary": (28_000, 96_000), "stock": (0,
    200),
    "temperature": (-4, 31), "height": (152, 198), "weight": (48, 96), "distance": (2, 400),
    "calories": (90, 700),
    "servings": (2, 6), "grade": (1, 6), "level": (1, 10), "likes": (0, 900), "views": (100, 9_000),
    "area": (20, 900), "capacity": (10, 400), "speed": (5, 120), "members": (3, 40), "employees": (12, 4_000),
}  # fmt: skip
_REAL = {
    "price": (1.5, 99.0), "score": (0.5, 99.0), "temperature": (-4.0, 31.0), "height": (1.52, 1.98),
    "weight": (48.0, 96.0), "ratio": (0.0, 1.0), "probability": (0.0, 1.0), "confidence": (0.5, 1.0),
    "share": (0.0, 1.0), "rating": (2.5, 5.0), "cost": (1.5, 99.0), "area": (2.0, 99.0), "latitude": (-55.0,
    65.0),
    "lat": (-55.0, 65.0), "longitude": (-170.0, 170.0), "lon": (-170.0, 170.0), "humidity": (20.0, 95.0),
    "amount": (1.5, 99.0), "total": (1.5, 99.0), "gpa": (2.0, 4.0), "average": (0.5, 99.0),
}  # fmt: skip
_COUNTED = frozenset(("id", "rank", "position", "index", "number", "no", "nr", "order"))  # 1, 2, 3 in a list
_YES_NO = re.compile(r"(is|has|can|should|was)_|.*(enabled|active|valid|available)$")
_PLAIN = ("harbour", "lantern", "meadow", "compass", "granite", "willow", "ember", "tide")


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits that depend on nothing but the parts."""
    return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def seeded(*parts: object) -> Random:
    """Return a source of chance that is always the same for the same parts."""
    return Random(int(digest(*parts), 16))  # noqa: S311  # repeatable on purpose, guards nothing


def words_of(name: str) -> list[str]:
    """Split an identifier into lower-case words: `birthYear` and `birth_year` are birth, year."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def singular(noun: str) -> str:
    """Return the singular of a regular English plural."""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def text(name: str, row: int, first: int | None = None) -> str:
    """Return a string that suits a field of this name; the same `row` of two fields belongs together.

    With the `first` row of a list, names that come round again are told apart by a number.
    """
    pool: tuple[str, ...] = _PLAIN
    stem = ""
    words = words_of(name)
    if words[1:] and words[-1] == "name" and knows(words[-2]):  # `city_name` is a city, `first_name` no name
        words.pop()
    for word in reversed(words):
        stem = next((each for each in (word, singular(word)) if each in _WORDS or each in _ALIASES), "")
        if stem:
            stem = _ALIASES.get(stem, stem)
            pool = _WORDS[stem]
            break
    found = pool[row % len(pool)]
    lap = 0 if first is None or (stem and stem not in _OWN) else (row - first) // len(pool)
    if lap:
        return found.replace("@", f"{lap + 1}@") if "@" in found else f"{found} {lap + 1}"
    return found


def knows(name: str) -> bool:
    """Say whether there are words for a field of this name."""
    words = [*words_of(name), *map(singular, words_of(name))]
    return any(word in _WORDS or word in _ALIASES for word in words)


def member(noun: str, at: int) -> str:
    """Return a name for the thing in place `at`, from 0, of a kind nothing is known about: `Volcano A`."""
    mark = chr(ord("A") + at) if at < 26 else str(at + 1)
    return f"{singular(noun).capitalize()} {mark}"


def whole(name: str, random: Random, place: int | None = None) -> int:
    """Return a whole number that suits a field of this name; `place` is that in a list, from 0."""
    words = words_of(name)
    if place is not None and words and words[-1] in _COUNTED:
        return place + 1
    low, high = next((_WHOLE[word] for word in reversed(words) if word in _WHOLE), (1, 60))
    if high < 10_000:
        return random.randint(low, high)
    return random.randint(low // 1000, high // 1000) * 1000


def real(random: Random, name: str = "") -> float:
    """Return a number with two decimals."""
    low, high = next((_REAL[word] for word in reversed(words_of(name)) if word in _REAL), (0.5, 99.0))
    return round(random.uniform(low, high), 2)


def value(name: str, row: int, random: Random) -> Any:
    """Return a value whose type is guessed from the name."""
    words = words_of(name) or [""]
    last = words[-1]
    if _YES_NO.match(name.lower()):
        return random.random() < 0.5
    if last in _REAL:
        return real(random, last)
    if last in _WHOLE and last not in _WORDS:
        return whole(last, random)
    if singular(last) != last and last not in _WORDS:
        return [text(last, row + at) for at in range(3)]
    return text(name, row)
