"""What to tell someone whose words are no options: the flag that was meant, and what to do instead.

A suggestion never means the opposite of what was typed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from kimi_magic import keys
from kimi_magic.errors import KimiUsageError
from kimi_magic.options.table import CONFIG, TABLE, USAGE, Option

SHORTEST_PREFIX = 3  # letters of a flag that stand for all of it, where no other begins so
# Words of other tools, and of the service, for what has another name here.
OTHER_WORDS = {
    "--image": "--attach", "--img": "--attach", "--file": "--attach", "--picture": "--attach",
    "--attachment": "--attach", "--pdf": "--attach", "--tokens": "--max-tokens",
    "--length": "--max-tokens", "--max-completion-tokens": "--max-tokens", "--creativity": "--temperature",
    "--persona": "--system", "--role": "--system", "--instructions": "--system", "--format": "--json",
    "--json-schema": "--schema", "--response-schema": "--schema", "--dataframe": "--frame", "--df": "--frame",
    "--pandas": "--frame", "--polars": "--frame=polars", "--variable": "--out", "--save": "--out",
    "--output": "--out", "--url": "--base-url", "--api-base": "--base-url",
    "--reasoning-effort": "--effort", "--choices": "--n", "--number": "--n", "--quiet": "--hide-reasoning",
    "--resume": "--continue", "--clear": "--reset", "--new": "--reset", "--forget": "--reset",
    "--estimate": "--dry-run", "--debug": "--dry-run", "--preview": "--dry-run", "--insert-code": "--code",
    "--usage": "%kimi_usage", "--cost": "%kimi_usage", "--functions": "--tools",
}  # fmt: skip
_TRUTHS = {"true", "yes", "on", "1"}
_LIES = {"false", "no", "off", "0"}
_MAGICS = {CONFIG: "%kimi_config", USAGE: "%kimi_usage"}


def of_prefix(word: str, by_flag: Mapping[str, Option]) -> str:
    """The one flag that begins with `word`; "" where there is none, or where it does something at once."""
    if not word.startswith("--") or len(word) < SHORTEST_PREFIX + 2 or word in OTHER_WORDS:
        return ""
    begun = {flag: option for flag, option in by_flag.items() if flag.startswith(word)}
    names = {option.name for option in begun.values()}
    if len(names) != 1 or not all(option.is_setting for option in begun.values()):
        return ""
    return min(begun, key=len)


def unknown_flag(word: str, by_flag: Mapping[str, Option]) -> KimiUsageError:
    """The error for `word`, which begins as a flag does and is none of `by_flag`."""
    line = _magic_of(by_flag)
    hint = f"{line or 'The option'} --help lists all." if line else "--help lists all options."
    other = OTHER_WORDS.get(word, "")
    if other.startswith("%") or other.partition("=")[0] in by_flag:
        return KimiUsageError(f"unknown option {word}; did you mean {other}?", hint=hint)
    target = other or word
    elsewhere = next(
        (_MAGICS[entry] for entry in (CONFIG, USAGE) for option in TABLE
         if entry in option.entries and target in (*option.flags, *option.opposite)), "",
    )  # fmt: skip
    if elsewhere and elsewhere != line:
        return KimiUsageError(
            f"unknown option {word}; it belongs to another magic: {elsewhere} {target}", hint=hint
        )
    if near := near_flags(word, by_flag):
        return KimiUsageError(f"unknown option {word}; did you mean {' or '.join(near)}?", hint=hint)
    return KimiUsageError(f"unknown option {word}", hint=hint)


def near_flags(word: str, by_flag: Mapping[str, Option]) -> list[str]:
    """Up to two flags that `word` may have been meant for; what begins so comes first."""
    plain = "--" + word.strip("-").replace("_", "-").lower()
    is_negative = plain.startswith("--no-")
    known = [flag for flag in by_flag if flag.startswith("--no-") == is_negative and flag.startswith("--")]
    if plain in known:
        return [plain]
    begun = [flag for flag in known if len(plain) > 3 and flag.startswith(plain)]
    if begun:
        return sorted(begun, key=len)[:2]
    short = word.lower() if len(word) == 2 and word.lower() in by_flag else ""
    return [short] if short else difflib.get_close_matches(plain, known, n=1, cutoff=0.7)


def no_option(
    word: str, by_flag: Mapping[str, Option], last: tuple[str, Option, object] | None
) -> KimiUsageError:
    """The error for `word`, which stands where an option should; `last` is the flag before it."""
    word = keys.without_keys(word)
    line = _magic_of(by_flag)
    name = word.partition("=")[0].strip(":")
    problem = f"{word!r} is no option"
    if last is not None and not last[1].metavar and word.lower() in _TRUTHS | _LIES:
        flag, option, _ = last
        opposite = next(iter(option.opposite if flag in option.flags else option.flags), "")
        wanted = flag if word.lower() in _TRUTHS else opposite or "no option at all"
        return KimiUsageError(f"{problem}: {flag} takes no value", hint=f"For {word} write {wanted}.")
    flags = [flag for flag in (f"--{name.replace('_', '-').lower()}",) if flag in by_flag]
    if flags and line != "%%kimi":
        rest = word[len(name) :]
        return KimiUsageError(
            f"{problem}; did you mean {flags[0]}{rest}?", hint=f"{line} --help lists all options."
        )
    if last is not None and last[1].metavar and last[1].is_setting and isinstance(last[2], str):
        flag, _, value = last
        if line == "%%kimi" or flags == []:
            quoted = f'{flag} "{value} {word}"' if len(str(value)) < 40 else f'{flag} "…"'
            return KimiUsageError(
                problem, hint=f"If it belongs to {flag}, put the value into quotes: {quoted}. {_place(line)}"
            )
    return KimiUsageError(problem, hint=_place(line))


def _place(line: str) -> str:
    if line == "%%kimi":
        return "The question goes below the %%kimi line (or behind %kimi, for one line); a model is -m NAME."
    if line:
        return f"Options begin with --; {line} --help lists all."
    return "Options begin with --; --help lists all."


def _magic_of(by_flag: Mapping[str, Option]) -> str:
    """The magic whose options these are; "" for the command line's."""
    names = {option.name for option in by_flag.values()}
    if "resume" in names:
        return "%%kimi"
    if "unset" in names:
        return "%kimi_config"
    return "%kimi_usage" if "timing" in names else ""
