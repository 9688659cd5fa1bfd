"""Strings of a certain form: by the `format` of a schema, or where only its description names the form."""

from __future__ import annotations

import re

EXAMPLES = {
    "date": "2025-03-14",
    "time": "09:26:53Z",
    "date-time": "2025-03-14T09:26:53Z",
    "duration": "P3D",
    "email": "ada@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "uri": "https://example.org/item",
    "uuid": "3f2b8c1e-5d64-4a0b-9c7e-1f0a2b3c4d5e",
    "decimal": "12.50",
}
# The first that is found in a description; services pass descriptions on to the model, but no formats.
_DESCRIBED = tuple(
    (re.compile(pattern, re.IGNORECASE), form)
    for pattern, form in (
        (r"\bdate[- ]?time\b|\bdate and time\b|\btimestamp\b|YYYY-MM-DD[ T]HH", "date-time"),
        (r"YYYY-MM-DD|\b(?:a|the|as|iso|iso 8601) date\b|\bdate (?:such|in|as|of|when|like)\b", "date"),
        (r"\btime such as\b|\bHH:MM\b", "time"),
        (r"\bduration such as\b|\biso 8601 duration\b", "duration"),
        (r"\bdecimal number such as\b", "decimal"),
        (r"\buuid\b", "uuid"),
        (r"\be-?mail address\b", "email"),
        (r"\burls?\b|\buri\b", "uri"),
    )
)


def described(description: str) -> str:
    """Return the form that a description asks for, "" if none."""
    return next((form for pattern, form in _DESCRIBED if pattern.search(description)), "")


def has(form: str, text: str) -> bool:
    """Say whether a text is a date, where one is wanted; other forms are not looked at."""
    return form == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None


def example(form: str, row: int) -> str:
    """Return a string of a form, another for each row; "" for an unknown form."""
    if row == 0 or form not in EXAMPLES:
        return EXAMPLES.get(form, "")
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
            return EXAMPLES[form].replace("example", f"example{row}", 1)
        case "ipv4":
            return f"192.0.2.{row % 254 + 1}"
        case "ipv6":
            return f"2001:db8::{row:x}"
        case "uuid":
            return f"{EXAMPLES[form][:-4]}{row % 0x10000:04x}"
    return f"{row * 37 % 900 / 10 + 1:.2f}"
