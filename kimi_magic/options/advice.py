"""Errors in the words of whoever asked: flags for a cell, parameters for `ask`, options for the command line.

Below the entry points a message names an option in braces: `{@max_tokens 9000}`, `{@history}`, `{@again}`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import NamedTuple

from kimi_magic.errors import KimiError
from kimi_magic.options.table import BY_NAME

_IN_BRACES = re.compile(r"\{@(\w+)(?: ([^{}]*))?\}")


class Words(NamedTuple):
    """How one entry point speaks: `option` is the form of an option with a value, `phrases` all else.

    A phrase has its value in place of `{}`, else behind it.
    """

    option: str
    phrases: Mapping[str, str]


CELL_WORDS = Words(
    "{flag} {value}",
    {
        "allow_http": "--allow-http",
        "again": "Run the cell again",
        "continue": "--continue",
        "login": "%kimi_config --login",
        "models": "%kimi_config --models",
        "no_history": "--no-history",
        "offline": "%kimi_config --offline",
        "base_url": "%kimi_config --base-url",
        "pick": "--pick",
        "reset": "%kimi_config --reset",
        "set_model": "%kimi_config --model {}",
        "settings": "%kimi_config",
        "write_prompt": "Write the question below the %%kimi line",
        "yes": "--yes",
    },
)
PYTHON_WORDS = Words(
    "{name}={value}",
    {
        **CELL_WORDS.phrases,
        "allow_http": "allow_http=True",
        "again": "Ask again",
        "no_history": "history=False",
        "offline": "offline=True",
        "set_model": "model='{}'",
        "write_prompt": "Pass the question as the first argument",
        "yes": "yes=True",
    },
)
COMMAND_WORDS = Words(
    "{flag} {value}",
    {
        **CELL_WORDS.phrases,
        "again": "Run the command again",
        "login": "EVOLINK_API_KEY in the environment",
        "models": "the documentation of the service for its models",
        "offline": "--offline",
        "base_url": "EVOLINK_BASE_URL=",
        "reset": "a new command",
        "set_model": "--model {}",
        "settings": "EVOLINK_BASE_URL",
        "write_prompt": "Write the question behind the options",
    },
)
_current: ContextVar[Words] = ContextVar("words", default=CELL_WORDS)


def current() -> Words:
    """The words of the entry point that was used."""
    return _current.get()


def phrase(text: str) -> str:
    """`text` with what stands in braces in the words of the entry point that was used."""
    words = _current.get()

    def replacement(match: re.Match[str]) -> str:
        name, value = match[1], match[2] or ""
        if name in words.phrases:
            form = words.phrases[name]
            return form.format(value) if "{}" in form else f"{form} {value}".strip()
        if name not in BY_NAME:
            return match[0]
        flag = BY_NAME[name].flags[-1]
        if value:
            return words.option.format(flag=flag, name=name, value=value)
        return name if words is PYTHON_WORDS else flag

    return _IN_BRACES.sub(replacement, text)


@contextlib.contextmanager
def in_words_of(words: Words) -> Iterator[None]:
    """Let the errors that leave the block, and `phrase` in it, speak as this entry point does."""
    token = _current.set(words)
    try:
        yield
    except KimiError as error:
        error.message, error.hint = phrase(error.message), phrase(error.hint)
        raise
    finally:
        _current.reset(token)
