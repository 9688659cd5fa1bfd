"""The one table of options: flags, values, defaults and help, and the entry points where they may be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from kimi_magic import hosts, models
from kimi_magic.errors import KimiUsageError
from kimi_magic.options import values

CELL, CONFIG, PYTHON, USAGE, MAP = "cell", "config", "python", "usage", "map"
MOST_AT_ONCE = 256  # requests of a map
LONGEST_SHOWN = 100  # characters of a wrong value in an error; a list of tools can be very long


class Option(NamedTuple):
    """One option.

    `name` is its name in Python and among the settings; `metavar` stands for its value in the help, and is
    empty for a flag, which sets `sets`. `entries` are the entry points where it may be used: `%%kimi` and the
    command line's `ask` (cell), `%kimi_config` (config), `ask()` in Python (python), `%kimi_usage` (usage);
    `help_at` has the help of entry points where it means something else. `subject` joins options that speak
    of the same thing: one that is given with a prompt displaces the settings of the others.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    metavar: str = ""
    convert: values.Convert = values.text
    default: Any = None
    sets: Any = True
    entries: frozenset[str] = frozenset({CELL, CONFIG, PYTHON})
    most: int = 0  # how often it may be given; the value is then a list. 0: once, and the value is one
    help_at: Mapping[str, str] = {}
    named: bool = False  # whether the name of a notebook's variable stands for its value
    subject: str = ""
    may_say: bool = False  # whether a flag may have a value attached: --frame=polars
    opposite: tuple[str, ...] = ()  # flags that set the opposite of `sets`
    escapes: bool = False  # whether `\n` on a line stands for a line end

    @property
    def of_map(self) -> bool:
        """Whether it speaks of many prompts, not of one turn."""
        return MAP in self.entries or self.name == "map"

    @property
    def is_setting(self) -> bool:
        """Whether it has a value to keep; an action such as `--login` has none."""
        return self.convert is not _action

    def check(self, value: object, shown: str = "") -> Any:
        """`value` as this option wants it, or `KimiUsageError`."""
        try:
            return self._each(value) if self.most else self.convert(value)
        except ValueError as error:
            text = repr(value)
            text = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
            raise KimiUsageError(f"{shown or self.name} {text}: expected {error}") from None

    def _each(self, value: object) -> list[Any]:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list | tuple) and 1 <= len(items) <= self.most:
            return [self.convert(each) for each in items]
        raise ValueError(f"1 to {self.most} of them")


def _action(value: object) -> bool:
    return bool(value)


_CELL, _CONFIG = frozenset({CELL}), frozenset({CONFIG})
_CELL_CONFIG, _CELL_PYTHON = frozenset({CELL, CONFIG}), frozenset({CELL, PYTHON})
_CONFIG_PYTHON = frozenset({CONFIG, PYTHON})
_CELL_MAP = frozenset({CELL, MAP})  # of `--map` and of `kimi_magic.map`

TABLE = (
    # What is sent: the names are the service's own.
    Option(
        "model", ("-m", "--model"),
        f"model that answers (default that of the host; at EvoLink {models.DEFAULT})", "NAME",
    ),
    Option("system", ("-s", "--system"), "system message, sent first", "TEXT", escapes=True),
    Option(
        "temperature", ("-t", "--temperature"), "randomness, 0 to 2; 1 is advised", "NUMBER",
        values.number(0, 2),
    ),
    Option(
        "max_tokens", ("--max-tokens",),
        "cap on reasoning and answer together (default that of the model)", "N", values.whole(1),
    ),
    Option(
        "top_p", ("--top-p",), "choose from the likeliest tokens that have this share, 0 to 1", "NUMBER",
        values.number(0, 1),
    ),
    Option("top_k", ("--top-k",), "choose from this many likeliest tokens", "N", values.whole(1)),
    Option("n", ("-n", "--n"), "how many answers, 1 to 5, side by side", "N", values.whole(1, 5)),
    Option(
        "presence_penalty", ("--presence-penalty",), "toward new topics, -2 to 2", "NUMBER",
        values.number(-2, 2),
    ),
    Option(
        "frequency_penalty", ("--frequency-penalty",), "against repetition, -2 to 2", "NUMBER",
        values.number(-2, 2),
    ),
    Option(
        "stop", ("--stop",), "end where this would be written; up to 5 times", "TEXT", values.stop,
        most=values.MOST_STOPS, escapes=True,
    ),
    Option(
        "response_format", ("--response-format",), "text or json_object", "TYPE", values.response_format,
        subject="form",
    ),
    Option(
        "json", ("--json",), "answer with a JSON object, made into Python objects", "",
        values.flag, default=False, subject="form",
    ),
    Option(
        "schema", ("--schema",),
        "what the JSON answer shall be: a type or schema by name, a file, or fields: 'name, age int'",
        "SPEC", values.something, entries=_CELL_PYTHON, subject="form",
    ),
    Option(
        "schema_mode", ("--schema-mode",),
        "how it is asked for: auto (by host), json_schema, tools (a function), or prompt (in words)", "HOW",
        values.choice(*hosts.SCHEMA_MODES), default="auto",
    ),
    Option(
        "frame", ("--frame",),
        "make a DataFrame of a JSON answer that is a list of records; --frame=polars or --frame=pandas", "",
        values.frame, default=False, entries=_CELL_PYTHON, may_say=True,
    ),
    Option(
        "repair", ("--repair",),
        "ask again this often if the JSON cannot be used (default 1 with --schema, else 0)", "N",
        values.whole(0, 5),
    ),
    Option(
        "tools", ("--tools",), "functions that the model may ask for: JSON, or the name of a variable",
        "LIST", values.tools, named=True,
    ),
    Option(
        "attach", ("-a", "--attach"), "a picture, by file or address; may be repeated", "FILE",
        values.picture, entries=_CELL_PYTHON, most=values.MOST_PICTURES,
    ),
    Option(
        "prefix", ("--prefix",), "how the answer begins: the model goes on from there", "TEXT",
        entries=_CELL_PYTHON, escapes=True,
    ),
    # What is done with the answer, and with the conversation.
    Option(
        "out", ("-o", "--out"), "store the reply, or the data of a JSON answer, in this variable", "NAME",
        values.name, entries=frozenset({CELL, USAGE}),
        help_at={USAGE: "store the records in this variable, ready for pandas.DataFrame(NAME)"},
    ),
    Option(
        "pick", ("--pick",), "alone: let this answer of the last cell, from 1, enter the conversation", "N",
        values.whole(1), entries=_CELL,
    ),
    Option(
        "resume", ("--continue",), "without a prompt: go on with the last answer, cut or stopped", "",
        _action, entries=_CELL,
    ),
    Option(
        "show", ("--show",), "alone: show the conversation that the next prompt continues", "", _action,
        entries=_CELL,
    ),
    Option(
        "history", ("--no-history",), "neither send nor keep history", "", values.flag, default=True,
        sets=False,
    ),
    Option(
        "history_reasoning", ("--history-reasoning",),
        "earlier reasoning to send back: all, tools or none (default that of the model)", "WHICH",
        values.choice("all", "tools", "none"),
    ),
    Option(
        "effort", ("--effort",), "how long to reason, where the model can be told: low, medium, high or max",
        "HOW", values.choice("low", "medium", "high", "max"),
    ),
    Option(
        "thinking", ("--thinking",), "on or off, where the model can be told", "HOW",
        values.choice("on", "off"),
    ),
    Option(
        "stream", ("--no-stream",), "wait for the whole answer", "", values.flag, default=True, sets=False
    ),
    Option(
        "hide_reasoning", ("-R", "--hide-reasoning"), "do not show the reasoning", "", values.flag,
        default=False, entries=_CELL_CONFIG, subject="reasoning",
    ),
    Option(
        "reasoning", ("--reasoning",),
        "auto (open while it thinks), open, closed or hidden", "HOW",
        values.choice("auto", "open", "closed", "hidden"), default="auto", entries=_CELL_CONFIG,
        subject="reasoning",
    ),
    Option(
        "timeout", ("--timeout",), "seconds of silence after which to give up", "NUMBER",
        values.number(0.1, 86_400), default=180.0,
    ),
    Option(
        "budget", ("--budget",),
        "refuse requests once this much is spent; those of unknown cost do not count", "USD",
        values.number(0, math.inf), entries=_CELL_MAP | {CONFIG},
        help_at=dict.fromkeys((CELL, MAP), "with --map: send no more once this much is spent"),
    ),
    # One prompt over many rows.
    Option(
        "map", ("--map",), "send the prompt for each row of this DataFrame or list, with {{column}} filled",
        "NAME", values.name, entries=_CELL,
    ),
    Option(
        "concurrency", ("--concurrency",), "with --map: requests at once (default 32)", "N",
        values.whole(1, MOST_AT_ONCE), entries=_CELL_MAP,
    ),
    Option(
        "rpm", ("--rpm",), "with --map: requests a minute", "N", values.number(0.01, math.inf),
        entries=_CELL_MAP,
    ),
    Option(
        "tpm", ("--tpm",), "with --map: tokens a minute", "N", values.number(1, math.inf), entries=_CELL_MAP
    ),
    Option(
        "cache", ("--cache",), "with --map: keep the answers in this file, and send none of them again",
        "FILE", values.path, entries=_CELL_MAP,
    ),
    Option(
        "on_error", ("--on-error",), "with --map: keep (an error is the row's own) or stop (default keep)",
        "HOW", values.choice("keep", "stop"), entries=_CELL_MAP,
    ),
    Option("limit", ("--limit",), "with --map: only the first rows", "N", values.whole(1), entries=_CELL_MAP),
    Option(
        "column_prefix", ("--column-prefix",), "with --map: how the names of the answer's columns begin",
        "TEXT", entries=_CELL_MAP,
    ),
    Option(
        "dry_run", ("--dry-run",), "with --map: show one prompt and what all would cost; send nothing", "",
        values.flag, default=False, entries=_CELL_MAP,
    ),
    # Where to.
    Option(
        "offline", ("--offline",), "answers come from the simulator: no key, no network", "", values.flag,
        default=False, opposite=("--no-offline",),
    ),
    Option(
        "speed", ("--speed",), "simulator: pieces a second, 0 for as fast as possible", "NUMBER",
        values.number(0, 1e6), default=80.0, entries=_CELL_CONFIG,
    ),
    Option(
        "host", ("--host",), "who serves: " + ", ".join(hosts.PROVIDERS), "NAME",
        values.choice(*hosts.PROVIDERS), entries=_CONFIG_PYTHON, subject="address",
    ),
    Option(
        "base_url", ("--base-url",), "address of the service, of which nothing is assumed", "URL",
        entries=_CONFIG_PYTHON, subject="address",
    ),
    Option("login", ("--login",), "ask for the key; kept in memory only", "", _action, entries=_CONFIG),
    Option(
        "remember", ("--remember",), "with --login: keep the key in the keyring of the system too", "",
        _action, entries=_CONFIG,
    ),
    Option(
        "env_file", ("--env",), "take keys, and the addresses beside them, from the variables in this file",
        "FILE", entries=_CONFIG,
    ),
    Option("models", ("--models",), "list the models that the host offers", "", _action, entries=_CONFIG),
    Option(
        "check", ("--check",), "try key and model, and after a question, with one small request, the stream",
        "", _action, entries=_CONFIG,
    ),
    Option(
        "balance", ("--balance",), "what is left in the account, where the host says it", "", _action,
        entries=_CONFIG,
    ),
    Option(
        "timing", ("--timing",), "when the parts of each answer arrived, and a word on it", "", _action,
        entries=frozenset({USAGE}),
    ),
    Option("all", ("--all",), "alone: show every setting, also those not set", "", _action, entries=_CONFIG),
    Option("unset", ("--unset",), "forget what was set for this", "NAME", entries=_CONFIG),
    Option(
        "reset", ("--reset",), "begin a new conversation", "", _action, entries=frozenset({CONFIG, USAGE}),
        help_at={USAGE: "empty the ledger; what counts against the budget is zero again"},
    ),
    Option("help", ("-h", "--help"), "show this help", "", _action, entries=_CELL_CONFIG | {USAGE}),
)  # fmt: skip

BY_NAME = {option.name: option for option in TABLE}


def at(entry: str) -> tuple[Option, ...]:
    """The options of one entry point."""
    return tuple(
        option._replace(help=option.help_at.get(entry, option.help))
        for option in TABLE
        if entry in option.entries
    )
