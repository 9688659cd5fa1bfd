"""One table of options, used by `%%kimi`, `%kimi_config`, `ask()` and the command line alike.

Parsing, checking, help, completion and did-you-mean come from it. Imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from kimi_magic import hosts, keys
from kimi_magic.attachments import Thing
from kimi_magic.errors import KimiUsageError
from kimi_magic.options.directions import OTHER_WORDS, no_option, of_prefix, unknown_flag
from kimi_magic.options.table import BY_NAME, CELL, CONFIG, MAP, PYTHON, TABLE, USAGE, Option, at, grouped
from kimi_magic.options.values import whole
from kimi_magic.options.words import begins_option, each_word, unescape, with_plain_dashes

__all__ = [
    "BY_NAME", "CELL", "CONFIG", "MAP", "PYTHON", "TABLE", "USAGE", "Option", "at", "check", "help_text",
    "nearest", "parse", "split", "split_prompt", "whole",
]  # fmt: skip

_PLAIN = ("model", "host", "base_url", "unset", "out")  # of whose values no part is random


FEW = 12  # options that need no groups in the help
WIDEST = 34  # characters of flags in the help that move the texts of all others


class Fill(Protocol):
    """What gives a value that was written with `{{ }}`; see `prompt.Filler.value`."""

    def __call__(self, text: str, where: str, literal: Callable[[str], str], *, as_text: bool) -> Any:
        """The value of `text`, which stands at `where`."""


def split(line: str) -> list[str]:
    """The words of `line`, with quotes as a shell reads them; `KimiUsageError` for an unclosed one."""
    return [word.text for word in each_word(line)]


def split_prompt(line: str, options: Iterable[Option]) -> tuple[list[str], str]:
    """The option words at the start of `line`, and the rest of it as typed: the prompt.

    The prompt begins at the first word that is no option, or after `--`.
    """
    by_flag = {flag: option for option in options for flag in (*option.flags, *option.opposite)}
    takes_value = {flag: bool(option.metavar) for flag, option in by_flag.items()}
    before: list[str] = []
    end, rest = 0, each_word(line)
    while begins_option(line, end, takes_value):
        word, end = next(rest)
        if word == "--":
            break
        before.append(word)
        flag = with_plain_dashes(word, takes_value)
        if takes_value.get(of_prefix(flag, by_flag) or flag) and (value := next(rest, None)):
            before.append(value.text)
            end = value.end
    return before, line[end:].strip()


def parse(
    words: Iterable[str],
    options: Iterable[Option],
    *,
    positional: bool = False,
    namespace: Mapping[str, Any] | None = None,
    fill: Fill | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Values by option name, and the positional words; `namespace` has the variables that may be named.

    `fill` gives the values of texts with `{{ }}` in them, unless the option `raw` is among the words.

    `KimiUsageError` for anything not in `options`, and one for all values that are not as expected.
    """
    by_flag = {flag: option for option in options for flag in (*option.flags, *option.opposite)}
    assignments: list[tuple[str, Option, object]] = []
    others: list[str] = []
    words = iter(words)
    for typed in words:
        if typed.startswith("-") or not positional:
            _refuse_key(typed.lstrip("-").partition("=")[0])
        word = with_plain_dashes(typed, by_flag)
        if positional and word == "--":
            others += words
        elif word.startswith("-") and len(word) > 1:
            assignments.append(_assignment(word, words, by_flag))
        elif positional:
            others.append(word)
        elif any(option.name == "login" for _, option, _ in assignments):
            raise _key_on_the_line("--login")
        else:
            raise no_option(word, by_flag, assignments[-1] if assignments else None)
    if any(option.name == "raw" and value for _, option, value in assignments):
        fill = None
    return _values_of(assignments, namespace or {}, fill), others


def _assignment(word: str, words: Iterator[str], by_flag: dict[str, Option]) -> tuple[str, Option, object]:
    """The flag that `word` is, its option and its value, which may be the next of `words`."""
    flag, option, attached = _find(word, by_flag)
    if not option.metavar:
        if attached is not None and option.may_say:
            return flag, option, option.check(attached, flag)
        if attached is not None and option.name == "login":
            raise _key_on_the_line(flag)
        if attached is not None:
            raise KimiUsageError(f"{flag} takes no value, but got {keys.without_keys(attached)!r}")
        return flag, option, not option.sets if flag in option.opposite else option.sets
    value = attached if attached is not None else next(words, None)
    _refuse_key(value, in_part=option.name in _PLAIN)
    if value is None or (attached is None and value in by_flag):
        raise KimiUsageError(f"{flag} needs a value: {flag} {option.metavar}")
    return flag, option, value


def _meaning(flag: str, option: Option, text: str, namespace: Mapping[str, Any], fill: Fill | None) -> object:
    """What was meant by `text` behind a flag: a variable, a text with its escapes, a filled one."""
    if option.named and text in namespace:
        return Thing(text, namespace[text]) if option.name == "attach" else namespace[text]
    literal = unescape if option.escapes else str
    return fill(text, flag, literal, as_text=option.is_text) if fill is not None else literal(text)


def _values_of(
    assignments: list[tuple[str, Option, object]], namespace: Mapping[str, Any], fill: Fill | None
) -> dict[str, Any]:
    """The values by name; all that are not as expected are told at once."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for flag, option, typed in assignments:
        value = typed
        if option.metavar and isinstance(typed, str):
            value = _meaning(flag, option, typed, namespace, fill)
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
        _refuse_key(value, in_part=name in _PLAIN)
        try:
            checked[name] = None if value is None else known[name].check(value)
        except KimiUsageError as fault:
            faults.append(fault.message)
    if faults:
        raise KimiUsageError("; ".join(faults))
    return {name: value for name, value in checked.items() if value is not None}


def _refuse_key(value: object, *, in_part: bool = False) -> None:
    """Refuse a word that looks like a key, or is one: it would be shown, saved, or sent somewhere."""
    if not isinstance(value, str):
        return
    own = [text for name in hosts.KEY_VARIABLES if len(text := os.environ.get(name, "")) >= keys.PIECE]
    if keys.looks_like_a_key(value.strip(), in_part=in_part) or any(text in value for text in own):
        raise _key_on_the_line("an option")


def _key_on_the_line(where: str) -> KimiUsageError:
    return KimiUsageError(
        f"{where} got what looks like a key, and takes none: it would be saved with the notebook",
        hint="Delete this cell, and replace the key at the service if anybody may have seen it. "
        "{@login} asks for one without showing it.",
    )


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
        if f"-{word.partition('=')[0]}" in by_flag:
            raise unknown_flag(word, by_flag)
        return word[:2], by_flag[word[:2]], word[2:].removeprefix("=")
    names_a_key = flag.startswith(("--key", "--api", "--token", "--secret", "--password"))
    if names_a_key and flag not in OTHER_WORDS:
        raise KimiUsageError(
            f"{flag} does not exist: a key on the line would be saved with the notebook",
            hint="Use %kimi_config --login, or set EVOLINK_API_KEY before starting.",
        )
    if whole := of_prefix(flag, by_flag):
        return whole, by_flag[whole], attached if equals else None
    raise unknown_flag(flag, by_flag)


# ---- help ----


def help_text(
    usage: str, about: str, table: Iterable[Option], examples: Iterable[str] = (), notes: str = ""
) -> str:
    """The help of one entry point, from its options: in groups where there are many; then notes, examples."""
    table = list(table)
    groups = grouped(table) if len(table) > FEW else [("", table)]
    flags = {option.name: ", ".join((*option.flags, *option.opposite)) for option in table}
    left = {option.name: f"{flags[option.name]} {option.metavar}".rstrip() for option in table}
    width = min(max(map(len, left.values())), WIDEST)
    parts = [about, f"Usage: {usage}"]
    for title, options in groups:
        lines = [f"  {left[option.name]:<{width}}  {_help_of(option)}" for option in options]
        parts.append("\n".join([f"{title}:", *lines] if title else lines))
    if notes:
        parts.append(notes.strip())
    if examples := list(examples):
        parts.append(
            "\n".join(["Examples:", *(f"  {line}" for each in examples for line in each.split("\n"))])
        )
    return "\n\n".join(parts) + "\n"


def _help_of(option: Option) -> str:
    default = "" if option.default in (None, True, False) else f" (default {option.default})"
    return option.help + default
