"""One table of options, used by `%%kimi`, `%kimi_config`, `ask()` and the command line alike.

Parsing, checking, help, completion and did-you-mean come from it. Imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from kimi_magic import models
from kimi_magic.errors import KimiUsageError

# ---- values: from text or from Python; a ValueError says what was expected ----


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError("a text that is not empty")


def _name(value: object) -> str:
    import keyword

    if isinstance(value, str) and value.isidentifier() and not keyword.iskeyword(value):
        return value
    raise ValueError("a Python variable name")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("True or False")


def _number(low: float, high: float) -> Callable[[object], float]:
    def convert(value: object) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if low <= number <= high and math.isfinite(number):
            return number
        raise ValueError(f"a number {_range(low, high)}")

    return convert


def whole(low: int, high: float = math.inf) -> Callable[[object], int]:
    """A converter to a whole number in a range."""

    def convert(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
            return number
        raise ValueError(f"a whole number {_range(low, high)}")

    return convert


def _range(low: float, high: float) -> str:
    return f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"


# ---- the table ----

CELL, CONFIG, PYTHON = "cell", "config", "python"


class Option(NamedTuple):
    """One option.

    `name` is its name in Python and among the settings; `metavar` stands for its value in the help, and is
    empty for a flag, which sets `sets`. `doors` are where it may be used: in `%%kimi` and the command line's
    `ask` (cell), in `%kimi_config` (config), as an argument of `ask()` (python).
    """

    name: str
    flags: tuple[str, ...]
    help: str
    metavar: str = ""
    convert: Callable[[object], Any] = _text
    default: Any = None
    sets: Any = True
    doors: frozenset[str] = frozenset({CELL, CONFIG, PYTHON})

    @property
    def setting(self) -> bool:
        """Whether it has a value to keep (not an action such as `--login`)."""
        return self.convert is not _action

    def check(self, value: object, shown: str = "") -> Any:
        """`value` as this option wants it, or `KimiUsageError`."""
        try:
            return self.convert(value)
        except ValueError as error:
            raise KimiUsageError(f"{shown or self.name} {value!r}: expected {error}") from None


def _action(value: object) -> bool:
    return bool(value)


_CELL = frozenset({CELL})
_CONFIG = frozenset({CONFIG})

TABLE = (
    Option("model", ("-m", "--model"), "model that answers", "NAME", default=models.DEFAULT),
    Option("system", ("-s", "--system"), "system message, sent first", "TEXT"),
    Option("temperature", ("-t", "--temperature"), "randomness, 0 to 2", "NUMBER", _number(0, 2)),
    Option("max_tokens", ("--max-tokens",), "cap on reasoning and answer together", "N", whole(1)),
    Option("out", ("-o", "--out"), "store the reply in this variable", "NAME", _name, doors=_CELL),
    Option(
        "history", ("--no-history",), "neither send nor keep history", "", _flag, default=True, sets=False
    ),
    Option(
        "stream", ("--no-stream",), "wait for the whole answer", "", _flag, default=True, sets=False
    ),
    Option(
        "hide_reasoning", ("-R", "--hide-reasoning"), "do not show the reasoning", "", _flag,
        default=False, doors=frozenset({CELL, CONFIG}),
    ),
    Option("base_url", ("--base-url",), "address of the service", "URL", doors=_CONFIG),
    Option(
        "offline", ("--offline",), "answers come from the simulator: no key, no network", "", _flag,
        default=False,
    ),
    Option(
        "speed", ("--speed",), "simulator: pieces a second, 0 for as fast as possible", "NUMBER",
        _number(0, 1e6), default=80.0, doors=frozenset({CONFIG, CELL}),
    ),
    Option("unset", ("--unset",), "forget what was set for this", "NAME", doors=_CONFIG),
    Option("login", ("--login",), "ask for the key; kept in memory only", "", _action, doors=_CONFIG),
    Option("reset", ("--reset",), "begin a new conversation", "", _action, doors=_CONFIG),
    Option("help", ("-h", "--help"), "show this help", "", _action, doors=frozenset({CELL, CONFIG})),
)  # fmt: skip

BY_NAME = {option.name: option for option in TABLE}


def at(door: str) -> tuple[Option, ...]:
    """The options of one door."""
    return tuple(option for option in TABLE if door in option.doors)


# ---- parsing ----


def split(line: str) -> list[str]:
    """The words of `line`, with quotes as a shell reads them; `KimiUsageError` for an unclosed one."""
    return [token for token, _ in _tokens(line)]


def split_prompt(line: str, options: Iterable[Option]) -> tuple[list[str], str]:
    """The option words at the start of `line`, and the rest of it as typed: the prompt.

    The prompt begins at the first word that is no option, or after `--`.
    """
    takes_value = {flag for option in options if option.metavar for flag in option.flags}
    words: list[str] = []
    end = 0
    while (rest := line[end:].lstrip()).startswith("-"):
        offset = len(line) - len(rest)
        word, length = next(_tokens(rest))
        end = offset + length
        if word == "--":
            break
        words.append(word)
        if word in takes_value and (value := next(_tokens(line[end:]), None)):
            words.append(value[0])
            end += value[1]
    return words, line[end:].strip()


def parse(
    words: Iterable[str], options: Iterable[Option], *, positional: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Values by option name, and the positional words. `KimiUsageError` for anything not in `options`."""
    by_flag = {flag: option for option in options for flag in option.flags}
    values: dict[str, Any] = {}
    others: list[str] = []
    words = iter(words)
    for word in words:
        if positional and word == "--":
            others += words
        elif word.startswith("-") and len(word) > 1:
            flag, option, attached = _find(word, by_flag)
            if option.metavar:
                value = attached if attached is not None else next(words, None)
                if value is None or (attached is None and value in by_flag):
                    raise KimiUsageError(f"{flag} needs a value: {flag} {option.metavar}")
                values[option.name] = option.check(value, flag)
            elif attached is not None:
                raise KimiUsageError(f"{flag} takes no value, but got {attached!r}")
            else:
                values[option.name] = option.sets
        elif positional:
            others.append(word)
        else:
            raise KimiUsageError(
                f"{word!r} is no option", hint="The prompt goes below the %%kimi line; a model is -m NAME."
            )
    return values, others


def check(values: dict[str, Any], door: str) -> dict[str, Any]:
    """Options given as Python values, checked; None means not given."""
    known = {option.name: option for option in at(door) if option.setting}
    for name in values:
        if name not in known:
            raise KimiUsageError(f"unknown option {name!r}{nearest(name, known)}")
    return {name: known[name].check(value) for name, value in values.items() if value is not None}


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or what there is."""
    import difflib

    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _find(word: str, by_flag: dict[str, Option]) -> tuple[str, Option, str | None]:
    """Flag, option and attached value of `--flag`, `--flag=value`, `-f` or `-fvalue`."""
    flag, equals, attached = word.partition("=") if word.startswith("--") else (word, "", "")
    if flag in by_flag:
        return flag, by_flag[flag], attached if equals else None
    if not word.startswith("--") and by_flag.get(word[:2], BY_NAME["help"]).metavar:
        return word[:2], by_flag[word[:2]], word[2:]
    if word == "--api-key" or word.startswith(("--key", "--api")):
        raise KimiUsageError(
            f"{flag} does not exist: a key on the line would be saved with the notebook",
            hint="Use %kimi_config --login, or set EVOLINK_API_KEY before starting.",
        )
    raise KimiUsageError(f"unknown option {flag}{nearest(flag, by_flag)}")


def _tokens(line: str) -> Iterator[tuple[str, int]]:
    """The shell words of `line`, each with the offset where it ends."""
    import io
    import shlex

    source = io.StringIO(line)
    lexer = shlex.shlex(source, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    while True:
        try:
            token = lexer.get_token()
        except ValueError as error:
            what = "a backslash at its end" if "escape" in str(error) else "a quote that is not closed"
            raise KimiUsageError(
                f"the line has {what}: {line.strip()}",
                hint="Close the quote, or put a quote character inside quotes of the other kind.",
            ) from None
        if token is None:
            return
        yield token, source.tell()


# ---- help ----


def help_text(usage: str, about: str, table: Iterable[Option]) -> str:
    """The help of one door, from its options."""
    rows = []
    for option in table:
        flags = ", ".join(option.flags) + (f" {option.metavar}" if option.metavar else "")
        default = "" if option.default in (None, True, False) else f" (default {option.default})"
        rows.append((flags, option.help + default))
    width = max(len(flags) for flags, _ in rows)
    lines = "\n".join(f"  {flags:<{width}}  {text}" for flags, text in rows)
    return f"{about}\n\nUsage: {usage}\n\n{lines}\n"
