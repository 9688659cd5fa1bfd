"""The one table of options: flags, values, defaults and help, and the entry points where they may be used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kimi_magic import hosts, keys, models
from kimi_magic.attachments import Thing
from kimi_magic.errors import KimiUsageError, one_line
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
    is_quoted: bool = True  # whether an error quotes its value, which may be secret
    escapes: bool = False  # whether `\n` on a line stands for a line end

    @property
    def of_map(self) -> bool:
        """Whether it speaks of many prompts, not of one turn."""
        return (MAP in self.entries and self.name != "dry_run") or self.name == "map"

    @property
    def is_setting(self) -> bool:
        """Whether it has a value to keep; an action such as `--login` has none."""
        return self.convert is not _action

    @property
    def is_text(self) -> bool:
        """Whether its value is a text and nothing else."""
        return self.convert is values.text

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that its value may be, where there are only some."""
        return getattr(self.convert, "choices", ())

    def check(self, value: object, shown: str = "") -> Any:
        """`value` as this option wants it, or `KimiUsageError`."""
        try:
            return self._each(value) if self.most else self.convert(value)
        except ValueError as error:
            text = value.name if isinstance(value, Thing) else one_line(keys.without_keys(repr(value)))
            text = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
            text = f" {text}" if self.is_quoted else ""
            raise KimiUsageError(f"{shown or self.name}{text}: expected {error}") from None

    def _each(self, value: object) -> list[Any]:
        is_list = isinstance(value, list | tuple) and not hasattr(value, "_fields")
        items: Any = value if is_list else [value]
        if 1 <= len(items) <= self.most:
            return [self.convert(each) for each in items]
        raise ValueError(f"1 to {self.most} of them")


def _action(value: object) -> bool:
    return bool(value)


_CELL, _CONFIG = frozenset({CELL}), frozenset({CONFIG})
_CELL_CONFIG, _CELL_PYTHON = frozenset({CELL, CONFIG}), frozenset({CELL, PYTHON})
_CONFIG_PYTHON = frozenset({CONFIG, PYTHON})
_CELL_MAP = frozenset({CELL, MAP})  # of `--map` and of `kimi_magic.map`

TABLE: tuple[Option, ...] = (
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
        "tool", ("-T", "--tool"),
        "a function of the notebook that the model may call, or a list or namespace; may be repeated", "NAME",
        values.dotted, entries=_CELL_CONFIG, most=values.MOST_TOOLS,
    ),
    Option(
        "tools", ("--tools",),
        "definitions of functions as the service takes them: JSON, or the name of a variable", "LIST",
        values.tools, named=True,
    ),
    Option(
        "max_steps", ("--max-steps",), "rounds of calls before the answer has to come without tools", "N",
        values.whole(1, values.MOST_STEPS), default=8,
    ),
    Option("yes", ("--yes",), "run functions without asking first", "", values.flag, default=False),
    Option(
        "attach", ("-a", "--attach"),
        "a picture or a text: a file, an address, a variable or Out[n]; may be repeated", "THING",
        values.attachment, entries=_CELL_PYTHON, most=values.MOST_ATTACHMENTS, named=True,
    ),
    Option(
        "image_size", ("--image-size",), "scale attached pictures to at most this on the long side", "PIXELS",
        values.whole(16, 16_384), default=2048,
    ),
    Option(
        "force", ("--force",), "send pictures to a model that takes none, and what looks like a secret", "",
        values.flag, default=False, entries=_CELL_PYTHON,
    ),
    Option(
        "prefix", ("--prefix",), "how the answer begins: the model goes on from there", "TEXT",
        entries=_CELL_PYTHON, escapes=True,
    ),
    Option(
        "fix", ("--fix",), "send the last error and its cell, with the question if there is one", "", _action,
        entries=_CELL,
    ),
    Option(
        "raw", ("--raw",), "send the prompt as typed: {{ }} means nothing", "", values.flag, default=False,
        entries=_CELL_CONFIG,
    ),
    Option(
        "cells", ("--cells",), "send source and text outputs of these cells before the prompt, as in 3-5",
        "NUMBERS", values.cells, entries=_CELL,
    ),
    Option(
        "dry_run", ("--dry-run",), "show the exact request, its settings and an estimate; send nothing", "",
        values.flag, default=False, entries=_CELL_MAP,
    ),
    Option(
        "show_prompt", ("--show-prompt",), "show the prompt as it is sent, above the answer", "", values.flag,
        default=False, entries=_CELL_CONFIG,
    ),
    # What is done with the answer, and with the conversation.
    Option(
        "out", ("-o", "--out"), "store the reply, or the data of a JSON answer, in this variable", "NAME",
        values.name, entries=frozenset({CELL, USAGE}),
        help_at={USAGE: "store the records in this variable, ready for pandas.DataFrame(NAME)"},
    ),
    Option(
        "code", ("--insert", "--code"),
        "put Python code of the answer into the next cell; alone: of the last one", "",
        values.flag, default=False, entries=_CELL_CONFIG,
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
        "chat", ("-c", "--chat"), "the conversation to continue, by name; a new name begins one", "NAME",
        values.chat, entries=_CELL,
    ),
    Option(
        "append", ("--append",), "ask a follow-up in the same cell: replace no earlier run of it", "",
        values.flag, default=False, entries=_CELL,
    ),
    Option(
        "ask_again", ("--ask-again",), "with %kimi_config --keep: ask, although an answer was kept", "",
        values.flag, default=False, entries=_CELL,
    ),
    Option(
        "keep", ("--keep",),
        "show the answer of before, and send nothing, where a cell asks the same in the same context", "",
        values.flag, default=False, entries=_CONFIG, opposite=("--no-keep",),
    ),
    Option(
        "history", ("--no-history",), "neither send nor keep history", "", values.history, default=True,
        sets=False,
    ),
    Option(
        "history_limit", ("--history",), "how many earlier turns are sent: a number, all or none", "N",
        values.history_limit, default="all", entries=_CELL_CONFIG,
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
        "extra", ("--extra",), "further fields of the request: JSON, or the name of a variable", "JSON",
        values.extra, named=True, is_quoted=False,
    ),
    Option(
        "header", ("--header",), "a header for a gateway; what is secret only as $VARIABLE; up to 16 times",
        "'NAME: VALUE'", values.header, most=values.MOST_HEADERS, is_quoted=False,
    ),
    Option(
        "progress", ("--progress",), "show a line while ask() waits in a notebook (on where it can be)", "",
        values.flag, entries=_CONFIG_PYTHON,
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
        "FILE", values.cache, entries=_CELL_MAP,
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
    # Where to.
    Option(
        "offline", ("--offline",), "answers come from the simulator: no key, no network", "", values.flag,
        default=False, opposite=("--no-offline", "--online"), subject="answers",
    ),
    Option(
        "record", ("--record",), "add each answer that comes whole to this file, with its pace", "FILE",
        values.writable, entries=_CONFIG,
    ),
    Option(
        "replay", ("--replay",), "answers come from this recording: no key, no network", "FILE",
        values.recording, entries=_CONFIG, subject="answers",
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
    Option(
        "allow_http", ("--allow-http",),
        "send key and prompt over plain http, which whoever is on the way can read", "", values.flag,
        default=False,
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

# What the help is divided into; an option that is in no group stands under the last.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Model and sampling", (
        "model", "system", "temperature", "max_tokens", "effort", "thinking", "top_p", "top_k", "n",
        "presence_penalty", "frequency_penalty", "stop", "prefix", "extra",
    )),
    ("Functions that the model calls", ("tool", "tools", "max_steps", "yes")),
    ("The notebook in the prompt", (
        "attach", "image_size", "force", "cells", "fix", "raw", "dry_run", "show_prompt",
    )),
    ("JSON", ("json", "schema", "schema_mode", "frame", "repair", "response_format")),
    ("The answer", ("out", "code", "stream", "hide_reasoning", "reasoning", "progress")),
    ("Conversation", (
        "history", "history_limit", "history_reasoning", "chat", "append", "pick", "resume", "show", "keep",
        "ask_again", "reset",
    )),
    ("Where to, and at what price", (
        "offline", "speed", "record", "replay", "host", "base_url", "allow_http", "header", "login",
        "remember", "env_file", "timeout", "budget", "models", "check", "balance",
    )),
    ("Many rows", (
        "map", "concurrency", "rpm", "tpm", "cache", "on_error", "limit", "column_prefix",
    )),
    ("Other", ()),
)  # fmt: skip


def grouped(options: Iterable[Option]) -> list[tuple[str, list[Option]]]:
    """The options by group, in the order of the groups, without those that are empty."""
    group_of = {name: title for title, names in GROUPS for name in names}
    groups: dict[str, list[Option]] = {title: [] for title, _ in GROUPS}
    for option in options:
        groups[group_of.get(option.name, GROUPS[-1][0])].append(option)
    return [(title, found) for title, found in groups.items() if found]


def _with_twins(table: tuple[Option, ...]) -> tuple[Option, ...]:
    """Each flag that sets something with one for the opposite: `--json`, `--no-json`."""
    taken = {flag for option in table for flag in (*option.flags, *option.opposite)}
    twins = []
    for option in table:
        if option.metavar or option.convert not in (values.flag, values.frame):
            twins.append(option)
            continue
        long = option.flags[-1]
        twin = f"--{long.removeprefix('--no-')}" if long.startswith("--no-") else f"--no-{long[2:]}"
        new = () if twin in taken else (twin,)
        twins.append(option._replace(opposite=(*new, *option.opposite)))
    return tuple(twins)


TABLE = _with_twins(TABLE)
BY_NAME = {option.name: option for option in TABLE}


def at(entry: str) -> tuple[Option, ...]:
    """The options of one entry point."""
    return tuple(
        option._replace(help=option.help_at.get(entry, option.help))
        for option in TABLE
        if entry in option.entries
    )
