"""Strings of a certain form: by the `format` of a schema, or where only its description names the form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from . import content


def form_in(description: str) -> str:
    """Return the form that a description asks for, "" if none."""
    return next((form for pattern, form in _descriptions() if pattern.search(description)), "")


def has_form(form: str, text: str) -> bool:
    """Return whether a text is a date, where one is wanted; other forms are not looked at."""
    return form == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None


def example(form: str, row: int) -> str:
    """Return a string of a form, another for each row; "" for an unknown form."""
    first = _examples().get(form, "")
    if row == 0 or not first:
        return first
    month, day, clock = row * 5 % 12 + 1, row * 11 % 28 + 1, f"{row * 7 % 24:02}:{row * 13 % 60:02}:00"
    match form:
        case "date":
            return f"{2025 - row % 3}-{month:02}-{day:02}"
        case "time":
            return f"{clock}Z"
        case "date-time":
            return f"{2025 - row % 3}-{month:02}-{day:02}T{clock}Z"
        case "duration":
            return f"P{row % 9 + 1}DT{row * 5 % 23 + 1}H"
        case "email" | "hostname" | "uri":
            return first.replace("example", f"example{row}", 1)
        case "ipv4":
            return f"192.0.2.{row % 254 + 1}"
        case "ipv6":
            return f"2001:db8::{row:x}"
        case "uuid":
            return f"{first[:-4]}{row % 0x10000:04x}"
    return f"{row * 37 % 900 / 10 + 1:.2f}"


@cache
def pattern_candidates() -> tuple[str, ...]:
    """Return the strings that are tried where a schema has a `pattern`."""
    return (*content.load("formats")["candidates"], *_examples().values())


def _examples() -> Mapping[str, str]:
    examples: Mapping[str, str] = content.load("formats")["examples"]
    return examples


@cache
def _descriptions() -> tuple[tuple[re.Pattern[str], str], ...]:
    pairs = content.load("formats")["descriptions"]
    return tuple((re.compile(pattern, re.IGNORECASE), form) for pattern, form in pairs)
