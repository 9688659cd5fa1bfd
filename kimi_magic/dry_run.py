"""What `--dry-run` says of a turn: the exact request, the source of each setting, what it would take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from kimi_magic import hosts, models, options
from kimi_magic.conversation import text_tokens
from kimi_magic.engine import Plan
from kimi_magic.kernel import Kernel
from kimi_magic.messages import Message
from kimi_magic.options.advice import phrase
from kimi_magic.usage import Usage, cost, dollars
from kimi_magic.view.preview import Preview

HERE = "this cell"
LONGEST_BODY = 20_000  # characters of a body that stands in the curl line
_PLAIN_TOKEN, _OTHER_TOKEN = 4.0, 1.5  # characters a token: of ASCII, and of Chinese and the like; estimates
_ALWAYS = ("model", "max_tokens", "history", "history_reasoning", "stream", "timeout")
_NOT_SENT = ("speed", "show_prompt", "raw", "dry_run", "out", "code")


def preview(kernel: Kernel, plan: Plan, cell: Mapping[str, Any]) -> Preview:
    """What `plan` would send; `cell` holds the options that were given with it. Nothing is sent."""
    place = "the offline simulator" if plan.connection.is_simulated else plan.options.base_url
    tokens = sum(map(_tokens, plan.request.messages))
    if plan.request.tools:
        tokens += text_tokens(msgspec.json.encode(plan.request.tools).decode())
    parts = ["Dry run: nothing was sent", place, f"≈ {tokens:,} tokens (estimate)", _price(plan, tokens)]
    if any(message.has_pictures for message in plan.request.messages):
        parts[2] += ", pictures not counted"
    return Preview(
        " · ".join(filter(None, parts)),
        _settings(kernel, plan, cell),
        plan.request.messages,
        [*left_out(kernel, plan), *map(phrase, plan.warnings), *plan.turn.notices],
        _curl(plan),
    )


def left_out(kernel: Kernel, plan: Plan) -> list[str]:
    """What of the conversation is not sent, a sentence each."""
    turns, sentences = kernel.conversation.turns, []
    if plan.conversation is None:
        if turns:
            sentences.append(f"{_count(len(turns), 'earlier turn')} not sent: {phrase('{@no_history}')}.")
        return sentences
    thought = [turn for turn in turns if turn.choice.reasoning]
    sent = sum(message.reasoning_content is not None for message in plan.request.messages)
    if dropped := len(thought) - sent:
        which = plan.options.history_reasoning
        sentences.append(
            f"The reasoning of {_count(dropped, 'earlier answer', verb=False)} is not sent: "
            f"{phrase('{@history_reasoning ' + str(which) + '}')}."
        )
    last = kernel.last_plan
    if last is not None and last.conversation is plan.conversation and not last.turn.kept:
        sentences.append(
            f"The last turn was {last.turn.state} and is not in the conversation; it is not sent."
        )
    return sentences


def _settings(kernel: Kernel, plan: Plan, cell: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each setting of the request with where it came from: those that were set, and what always counts."""
    settings, decided, rows = kernel.settings, plan.options, []
    if not plan.connection.is_simulated:
        rows.append(("key", "***" if plan.connection.key else "", plan.connection.key_source or "not set"))
        rows.append(("base_url", decided.base_url, settings.address()[1]))
    for option in options.TABLE:
        name = option.name
        if not option.is_setting or name in _NOT_SENT or not hasattr(decided, name) or name == "base_url":
            continue
        value = getattr(decided, name)
        if name in cell:
            source = HERE
        elif settings[name] not in (None, option.default):
            source = settings.source(name)
        elif name in _ALWAYS and value is not None:
            own = ("model", "max_tokens", "history_reasoning")
            source = "default of the model" if name in own[1:] else hosts.DEFAULT_SOURCE
            if name == "model" and decided.host:
                source = f"default of {decided.host}"
        else:
            continue
        rows.append((name, _shown(name, value), source))
    return rows


def _shown(name: str, value: Any) -> str:
    if name == "attach":
        return f"{len(value)}"
    if name in ("tool", "tools"):
        return ", ".join(each if isinstance(each, str) else _name_of_tool(each) for each in value)
    return str(value) if not isinstance(value, tuple) else ", ".join(map(repr, value))


def _name_of_tool(tool: Any) -> str:
    if isinstance(tool, Mapping) and isinstance(about := tool.get("function"), Mapping):
        return str(about.get("name"))
    return str(getattr(tool, "__name__", None) or type(tool).__name__)


def _count(number: int, what: str, *, verb: bool = True) -> str:
    """`1 earlier turn is`, `3 earlier turns are`."""
    plural = "s" * (number != 1)
    return f"{number} {what}{plural}" + f" {'is' if number == 1 else 'are'}" * verb


def _tokens(message: Message) -> int:
    text = message.text + (message.reasoning_content or "")
    others = len(text) - len(text.encode("ascii", "ignore"))
    return round((len(text) - others) / _PLAIN_TOKEN + others / _OTHER_TOKEN) + 4  # what frames a message


def _price(plan: Plan, tokens: int) -> str:
    """What it would cost by the list of the host: the prompt, and at most the answer; "" where unknown."""
    model = models.find(plan.request.model, plan.options.host)
    if plan.connection.is_simulated:
        return "costs nothing"
    if model.price is None:
        return "price unknown"
    price = f"≈ {dollars(cost(Usage(prompt=tokens), model.price))} for the prompt"
    if cap := plan.request.cap:
        count = plan.request.n or 1
        most = cost(Usage(completion=cap * count), model.price)
        price += f", at most {dollars(most)} for {cap * count:,} tokens of reasoning and answer"
    return f"{price} (estimates)"


def _curl(plan: Plan) -> str:
    """A command that would send the request, with the key by the name of its variable."""
    provider = hosts.provider(plan.options.host)
    variable = next(iter(provider.key_variables), "API_KEY")
    source = plan.connection.key_source.partition(" ")[0]
    if source.isidentifier() and source.isupper():
        variable = source
    address = plan.options.base_url or provider.base_url
    address = address.removesuffix("/chat/completions") + "/chat/completions"
    body = plan.request.body().decode()
    data = shlex.quote(body) if len(body) <= LONGEST_BODY else "@request.json"
    lines = [
        f"curl {shlex.quote(address)}",
        f'-H "Authorization: Bearer ${variable}"',
        *(f"-H {_quoted(header)}" for header in plan.options.header or ()),
        "-H 'Content-Type: application/json'",
        f"--data {data}",
    ]
    line = " \\\n  ".join(lines)
    if data == "@request.json":
        line += f"\n# request.json: {len(body):,} characters, too long for a line"
    return line


def _quoted(header: str) -> str:
    """A header in quotes in which the shell fills in variables and nothing else."""
    return '"' + re.sub(r'(["\\`]|\$(?![A-Za-z_]))', r"\\\1", header) + '"'
