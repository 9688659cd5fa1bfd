"""One table of options, used by `%%kimi`, `%kimi_config`, `ask()` and the command line alike.

Parsing, checking, help, completion and did-you-mean come from it. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kimi_magic.errors import KimiUsageError
from kimi_magic.options.table import BY_NAME, CELL, CONFIG, MAP, PYTHON, TABLE, USAGE, Option, at
from kimi_magic.options.values import whole
from kimi_magic.options.words import begins_option, each_word, unescape, with_plain_dashes

__all__ = [
    "BY_NAME", "CELL", "CONFIG", "MAP", "PYTHON", "TABLE", "USAGE", "Option", "at", "check", "help_text",
    "nearest", "parse", "split", "split_prompt", "whole",
]  # fmt: skip


def split(line: str) -> list[str]:
    """The words of `line`, with quotes as a shell reads them; `KimiUsageError` for an unclosed one."""
    return [word.text for word in each_word(line)]


def split_prompt(line: str, options: Iterable[Option]) -> tuple[list[str], str]:
    """The option words at the start of `line`, and the rest of it as typed: the prompt.

    The prompt begins at the first word that is no option, or after `--`.
    """
    takes_value = {flag: bool(option.metavar) for option in options for flag in option.flags}
    before: list[str] = []
    end, rest = 0, each_word(line)
    while begins_option(line, end, takes_value):
        word, end = next(rest)
        if word == "--":
            break
        before.append(word)
        if takes_value.get(with_plain_dashes(word, takes_value)) and (value := next(rest, None)):
            before.append(value.text)
            end = value.end
    return before, line[end:].strip()


def parse(
    words: Iterable[str],
    options: Iterable[Option],
    *,
    positional: bool = False,
    namespace: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Values by option name, and the positional words; `namespace` has the variables that may be named.

    `KimiUsageError` for anything not in `options`, and one for all values that are not as expected.
    """
    by_flag = {flag: option for option in options for flag in (*option.flags, *option.opposite)}
    assignments: list[tuple[str, Option, object]] = []
    others: list[str] = []
    words = iter(words)
    for typed in words:
        word = with_plain_dashes(typed, by_flag)
        if positional and word == "--":
            others += words
        elif word.startswith("-") and len(word) > 1:
            assignments.append(_assignment(word, words, by_flag, namespace or {}))
        elif positional:
            others.append(word)
        else:
            raise KimiUsageError(
                f"{word!r} is no option", hint="The prompt goes below the %%kimi line; a model is -m NAME."
            )
    return _values_of(assignments), others


def _assignment(
    word: str, words: Iterator[str], by_flag: dict[str, Option], namespace: Mapping[str, Any]
) -> tuple[str, Option, object]:
    """The flag that `word` is, its option and its value, which may be the next of `words`."""
    flag, option, attached = _find(word, by_flag)
    if not option.metavar:
        if attached is not None and option.may_say:
            return flag, option, option.check(attached, flag)
        if attached is not None:
            raise KimiUsageError(f"{flag} takes no value, but got {attached!r}")
        return flag, option, not option.sets if flag in option.opposite else option.sets
    value = attached if attached is not None else next(words, None)
    if value is None or (attached is None and value in by_flag):
        raise KimiUsageError(f"{flag} needs a value: {flag} {option.metavar}")
    if option.named and value in namespace:
        return flag, option, namespace[value]
    return flag, option, unescape(value) if option.escapes else value


def _values_of(assignments: list[tuple[str, Option, object]]) -> dict[str, Any]:
    """The values by name; all that are not as expected are told at once."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for flag, option, value in assignments:
        try:
            checked: Any = option.check(value, flag) if option.metavar else value
        except KimiUsageError as fault:
            faults.append(fault.message)
            continue
        values[option.name] = [*values.get(option.name, ()), *checked] if option.most else checked
        if option.most and len(values[option.name]) == option.most + 1:
            faults.append(f"{flag}: expected at most {option.most} of them")
    if faults:
        raise KimiUsageError("; ".join(faults))
    return values


def check(values: dict[str, Any], *entries: str) -> dict[str, Any]:
    """Options of any of `entries` given as Python values, checked; None means not given."""
    known = {option.name: option for entry in entries for option in at(entry) if option.is_setting}
    for name in values:
        if name not in known:
            raise KimiUsageError(f"unknown option {name!r}{nearest(name, known)}")
    checked, faults = {}, []
    for name, value in values.items():
        try:
            checked[name] = None if value is None else known[name].check(value)
        except KimiUsageError as fault:
            faults.append(fault.message)
    if faults:
        raise KimiUsageError("; ".join(faults))
    return {name: value for name, value in checked.items() if value is not None}


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


# ---- help ----


def help_text(usage: str, about: str, table: Iterable[Option]) -> str:
    """The help of one entry point, from its options."""
    rows = []
    for option in table:
        flags = ", ".join((*option.flags, *option.opposite))
        flags += f" {option.metavar}" if option.metavar else ""
        default = "" if option.default in (None, True, False) else f" (default {option.default})"
        rows.append((flags, option.help + default))
    width = max(len(flags) for flags, _ in rows)
    lines = "\n".join(f"  {flags:<{width}}  {text}" for flags, text in rows)
    return f"{about}\n\nUsage: {usage}\n\n{lines}\n"
