"""Converters of option values, from text or from Python; a `ValueError` says what was expected."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kimi_magic.errors import KimiUsageError

if TYPE_CHECKING:
    from kimi_magic.messages import ResponseFormat

Convert = Callable[[object], Any]

# The service's own limits, from EvoLink's API reference; only that of attachments is ours.
LONGEST_STOP = 32  # bytes
MOST_STOPS = 5
MOST_ATTACHMENTS = 16
MOST_HEADERS = 16
MOST_TOOLS = 128
MOST_STEPS = 300  # Kimi K2 Thinking is said to go through 200 to 300 calls (Moonshot's model card)
_FIXED_HEADERS = (
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "accept-encoding",
    "connection",
)
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key")
MOST_CELLS = 200  # whose texts one prompt takes
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


LONGEST_CHAT_NAME = 60  # characters: it stands in the byline


def chat(value: object) -> str:
    """The name of a conversation."""
    is_short = isinstance(value, str) and value.strip() == value and 0 < len(value) <= LONGEST_CHAT_NAME
    if isinstance(value, str) and is_short and value.isprintable() and not value.startswith("-"):
        return str.__str__(value)
    raise ValueError(f"the name of a conversation, of at most {LONGEST_CHAT_NAME} characters")


def history(value: object) -> Any:
    """Whether a conversation is continued, or which one: by name, or itself."""
    from kimi_magic.conversation import Conversation

    if isinstance(value, bool | Conversation):
        return value
    if isinstance(value, str):
        return chat(value)
    raise ValueError("True, False, the name of a conversation, or a Conversation")


def history_limit(value: object) -> int | str:
    """How many earlier turns are sent."""
    if value == "all":
        return "all"
    try:
        return 0 if value == "none" else int(whole(0)(value))
    except ValueError:
        raise ValueError("a whole number of at least 0, all or none") from None


def recording(value: object) -> str:
    """The name of a file with recorded answers, which is there."""
    from kimi_magic.client import recordings

    return _usable(value, recordings.read, "made with --record")


def writable(value: object) -> str:
    """The name of a file to which lines can be added."""
    from kimi_magic.client import recordings

    return _usable(value, recordings.check_writable, "that can be written")


def _usable(value: object, use: Callable[[str], object], kind: str) -> str:
    """The whole name of a file that `use` can use; else it is none of that `kind`."""
    name = path(value)
    try:
        use(name)
    except KimiUsageError as error:
        raise ValueError(f"a file {kind}: {error.message}") from None
    return name


def path(value: object) -> str:
    """The whole name of a file, wherever the notebook goes later; `~` is the folder of the person."""
    return os.path.abspath(os.path.expanduser(_file_name(value)))


def cache(value: object) -> Any:
    """The name of a file; False for none."""
    return value if value is False else _file_name(value)


def _file_name(value: object) -> str:
    return text(os.fspath(value) if isinstance(value, os.PathLike) else value)


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

    convert.choices = choices  # type: ignore[attr-defined]
    return convert


def stop(value: object) -> str:
    """A stop sequence."""
    if isinstance(value, str) and value and len(value.encode("utf-8", "replace")) <= LONGEST_STOP:
        return str.__str__(value)
    raise ValueError(f"a text of 1 to {LONGEST_STOP} bytes in UTF-8")


def attachment(value: object) -> Any:
    """A picture or a text, by file, address or value."""
    from kimi_magic.attachments import attachment

    return attachment(value)


def response_format(value: object) -> ResponseFormat:
    """The form of the answer: a name, or the object that the service takes, also as JSON text."""
    from kimi_magic.messages.sent import response_format_from

    return response_format_from(_json(value) if isinstance(value, str) and value.startswith("{") else value)


def tools(value: object) -> tuple[Any, ...]:
    """Functions, or definitions of some as the service takes them, also as JSON text."""
    from kimi_magic.tools.toolbox import checked

    found = checked(_json(value) if isinstance(value, str) else value)
    if len(found) > MOST_TOOLS:
        raise ValueError(f"a list of 1 to {MOST_TOOLS} tools")
    return found


def dotted(value: object) -> str:
    """The name of something in the notebook, which may be dotted."""
    if isinstance(value, str) and all(part.isidentifier() for part in value.split(".")):
        return str.__str__(value)
    raise ValueError("the name of a function of the notebook, or of a list or namespace of functions")


def extra(value: object) -> dict[str, Any]:
    """Further fields of the request: an object, also as JSON text. A key of the service is none."""
    from collections.abc import Mapping

    from kimi_magic.messages.sent import plain
    from kimi_magic.prompt import secrets

    fields = _json(value) if isinstance(value, str) else value
    if not isinstance(fields, Mapping) or not fields or not all(isinstance(key, str) for key in fields):
        raise ValueError("""an object such as '{"seed": 7}', as JSON or the name of a variable""")
    fields = plain(fields, "extra")
    if reason := secrets.in_text(repr(fields)):
        raise ValueError(f"no secret ({reason}); a key goes into --header as $VARIABLE")
    return dict(fields)


def header(value: object) -> str:
    """A header of HTTP for a gateway: `NAME: VALUE`, where `$VARIABLE` stands for what is secret."""
    import re

    from kimi_magic.prompt import secrets

    found = re.fullmatch(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*:\s*([\x20-\x7e]*[\x21-\x7e])\s*", str(value))
    if not isinstance(value, str) or found is None:
        raise ValueError("NAME: VALUE in ASCII, such as 'X-Team: research' or 'X-Api-Key: $GATEWAY_KEY'")
    name, text = found[1], found[2]
    if name.lower() in _FIXED_HEADERS:
        raise ValueError(f"another name: {name} is made with each request")
    open_text = re.sub(r"\$[A-Za-z_]\w*", "", text)
    is_secret = secrets.is_secret_name(name) or name.lower() in _SECRET_HEADERS
    if (is_secret and open_text.strip() not in ("", "Bearer")) or secrets.in_text(text):
        raise ValueError(f"a variable of the environment for what is secret, as in '{name}: $GATEWAY_KEY'")
    return f"{name}: {text}"


def cells(value: object) -> tuple[int, ...]:
    """Numbers of cells: `3`, `3-5`, `3,7-9`; each once, in the order in which they were named."""
    import re

    numbers: dict[int, None] = {}
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    for part in value.split(",") if isinstance(value, str) else [""]:
        found = re.fullmatch(r"\s*(\d{1,6})(?:\s*[-–:]\s*(\d{1,6}))?\s*", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not 1 <= first <= last or last - first >= MOST_CELLS:
            raise ValueError(f"numbers of cells such as 3, 3-5 or 3,7-9, at most {MOST_CELLS} of them")
        numbers.update(dict.fromkeys(range(first, last + 1)))
    return tuple(numbers)


def _json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON ({error})") from None


def _range(low: float, high: float) -> str:
    return f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
