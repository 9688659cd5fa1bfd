"""What the readers of JSON share: numbers must be finite, and nesting has a limit."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 100  # levels; deeper nesting is an attack, not data


def finite(text: str) -> float:
    """Read a number with a point or an exponent; raises `ValueError` for one that is out of range."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is out of range")
    return value


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python's reader accepts; raises `ValueError`."""
    raise ValueError(f"{name} is not JSON")


def decoder() -> json.JSONDecoder:
    """Return a decoder that reads only what is JSON."""
    return json.JSONDecoder(parse_float=finite, parse_constant=refuse_constant)


def is_too_deep(value: object) -> bool:
    """Return whether lists and objects are nested more than `MAX_DEPTH` levels deep."""
    layer: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        layer = [item for item in inner if isinstance(item, dict | list)]
        if not layer:
            return False
    return True
