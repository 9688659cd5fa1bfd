"""Converters of option values, from text or from Python; a `ValueError` says what was expected."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kimi_magic.messages import ResponseFormat

Convert = Callable[[object], Any]

# The service's own limits, from EvoLink's API reference; only that of pictures is ours.
LONGEST_STOP = 32  # bytes
MOST_STOPS = 5
MOST_PICTURES = 16
_TAKEN_NAMES = ("In", "Out", "get_ipython", "exit", "quit")  # IPython works with them


def text(value: object) -> str:
    """Text that is not empty; of a subclass of `str`, such as NumPy's, the text alone."""
    if isinstance(value, str) and value.strip():
        return str.__str__(value)
    raise ValueError("a text that is not empty")


def something(value: object) -> object:
    """Anything but an empty text; what it means is found out where it is used."""
    return text(value) if isinstance(value, str) else value


def name(value: object) -> str:
    """The name of a variable."""
    import keyword

    if (
        isinstance(value, str) and value.isidentifier() and not keyword.iskeyword(value)
        and not value.startswith("__") and value not in _TAKEN_NAMES
    ):  # fmt: skip
        return value
    raise ValueError("the name of a Python variable that is yours to set")


def flag(value: object) -> bool:
    """True or False."""
    if isinstance(value, bool):
        return value
    raise ValueError("True or False")


def frame(value: object) -> bool | str:
    """Whether a DataFrame is wanted, or of which library."""
    if isinstance(value, bool) or value in ("pandas", "polars"):
        return value
    raise ValueError("True, False, pandas or polars")


def number(low: float, high: float) -> Convert:
    """A converter to a finite number in a range."""

    def convert(value: object) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if low <= number <= high and math.isfinite(number):
            return number
        raise ValueError(f"a number {_range(low, high)}")

    return convert


def path(value: object) -> Any:
    """The name of a file; False for none."""
    return value if value is False else text(os.fspath(value) if isinstance(value, os.PathLike) else value)


def whole(low: int, high: float = math.inf) -> Convert:
    """A converter to a whole number in a range."""

    def convert(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else operator.index(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = None
        if number is not None and not isinstance(value, bool) and low <= number <= high:
            return number
        raise ValueError(f"a whole number {_range(low, high)}")

    return convert


def choice(*choices: str) -> Convert:
    """A converter to one of some words."""

    def convert(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return str.__str__(value)
        raise ValueError("one of " + ", ".join(choices))

    return convert


def stop(value: object) -> str:
    """A stop sequence."""
    if isinstance(value, str) and value and len(value.encode("utf-8", "replace")) <= LONGEST_STOP:
        return str.__str__(value)
    raise ValueError(f"a text of 1 to {LONGEST_STOP} bytes in UTF-8")


def picture(value: object) -> str:
    """The address of a picture, also of one in a file."""
    import os

    from kimi_magic.images import address

    return address(text(os.fspath(value) if isinstance(value, os.PathLike) else value))


def response_format(value: object) -> ResponseFormat:
    """The form of the answer: a name, or the object that the service takes, also as JSON text."""
    from kimi_magic.messages.sent import response_format_from

    return response_format_from(_json(value) if isinstance(value, str) and value.startswith("{") else value)


def tools(value: object) -> tuple[dict[str, Any], ...]:
    """Definitions of functions, as the service takes them, also as JSON text."""
    from kimi_magic.messages.sent import tools_from

    return tools_from(_json(value) if isinstance(value, str) else value)


def _json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON ({error})") from None


def _range(low: float, high: float) -> str:
    return f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
