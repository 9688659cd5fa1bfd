"""A request from options: only what was set is sent, and the rules that join several options hold.

The values have been checked one by one (`options`); here it is what they mean together, and for the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from kimi_magic import models
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import (
    Choice,
    Message,
    Request,
    ResponseFormat,
    StreamOptions,
    messages_from,
    sendable,
)
from kimi_magic.models import HistoryReasoning, Model
from kimi_magic.usage import Usage

SAMPLING = ("temperature", "top_p", "top_k", "n", "presence_penalty", "frequency_penalty")
LEAST_TEMPERATURE_FOR_N = 0.3  # below it the service gives one answer only (Moonshot's chat reference)
ROOMY_CAP = 16_000  # tokens, the least that Moonshot's thinking guide advises
BEST_TEMPERATURE = 1.0  # the thinking models are made for it
_STANDS_IN_MESSAGES = ("system", "attach", "history")  # options that a list of messages leaves no place for


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of one turn, decided: what the cell says, else the kernel, else the model's default.

    The option table (`options.table`) describes each field; None means not set.
    """

    model: str = models.DEFAULT
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] | None = None
    response_format: ResponseFormat | None = None
    json: bool = False
    schema: Any = None
    schema_mode: str = "auto"
    frame: bool | str = False
    repair: int | None = None
    tools: tuple[dict[str, Any], ...] | None = None
    attach: tuple[str, ...] | None = None
    prefix: str | None = None
    out: str | None = None
    history: bool = True
    history_reasoning: HistoryReasoning | None = None
    stream: bool = True
    hide_reasoning: bool = False
    reasoning: str = "auto"
    timeout: float = 180.0
    offline: bool = False
    speed: float = 80.0


def decide(cell: Mapping[str, Any], kernel: Mapping[str, Any]) -> Options:
    """The options of a turn: values of the `cell` beat those of the `kernel`, then the model's defaults."""
    values = {**kernel, **cell}
    model = models.find(values.get("model", models.DEFAULT))
    for name in ("max_tokens", "history_reasoning"):
        if values.get(name) is None:
            values[name] = getattr(model, name)
    values["max_tokens"] = values["max_tokens"] or None
    for name in ("stop", "tools", "attach"):
        values[name] = tuple(values[name]) if values.get(name) else None
    return Options(**values)


def model_of(options: Options) -> Model:
    """What is known of the model that was chosen, under the name that was written."""
    return models.find(options.model)._replace(name=options.model)


def given_messages(dicts: Sequence[Mapping[str, Any]], cell: Mapping[str, Any]) -> list[Message]:
    """The messages of a conversation of the person's own; `cell` holds the options given with them.

    Raises:
        KimiUsageError: They are none, or an option was given that belongs into the messages.
    """
    if unfit := [name for name in _STANDS_IN_MESSAGES if cell.get(name)]:
        names = " and ".join(f"{{@{name}}}" for name in unfit)
        raise KimiUsageError(
            f"{names} cannot be used with a list of messages, which is sent as it is",
            hint="Put the system message, pictures and earlier messages into the list.",
        )
    try:
        messages = messages_from(dicts)
    except ValueError as error:
        raise KimiUsageError(f"the messages cannot be sent: {error}") from None
    if not messages:
        raise KimiUsageError("there are no messages: expected at least one")
    return list(messages)


def build(
    options: Options, messages: Sequence[Message], response_format: ResponseFormat | None = None
) -> Request:
    """The request for `messages`.

    Raises:
        KimiUsageError: Options exclude each other, the model does not take them, or a value cannot be sent;
            all conflicts are named.
    """
    model = model_of(options)
    conflicts = _conflicts(model, options)
    if messages[-1].partial and response_format is not None and response_format.type != "text":
        conflicts.append("{@json} with {@prefix}: the service does not mix them; use one of the two")
    if conflicts:
        raise KimiUsageError("; ".join(conflicts))
    request = Request(
        model=model.name,
        messages=tuple(messages),
        max_tokens=options.max_tokens,
        stop=options.stop,
        tools=options.tools,
        response_format=response_format,
        stream=options.stream,
        stream_options=StreamOptions() if options.stream else None,
        **{name: getattr(options, name) for name in SAMPLING},
    )
    try:
        return sendable(request)
    except ValueError as error:
        raise KimiUsageError(f"the request cannot be sent: {error}") from None


def continuation(options: Options, request: Request, choice: Choice) -> Request:
    """The request that goes on with `choice`, the answer to `request`: the same again, and what has arrived.

    An answer that was cut inside the reasoning has no text to go on from: it is reasoned about anew.

    Raises:
        KimiUsageError: See `build`.
    """
    begun = Message(
        "assistant",
        choice.text or request.prefix,
        reasoning_content=(choice.text and choice.reasoning) or None,
        partial=True,
    )
    messages = request.messages[:-1] if request.messages[-1].partial else request.messages
    return build(structs.replace(options, n=None), (*messages, begun))


def larger_cap(request: Request, usage: Usage | None) -> int | None:
    """A cap that leaves room to finish an answer that was cut; None where the model has no more.

    `usage` are the tokens of that answer, None if they were not counted.
    """
    cap = request.max_tokens or (usage.completion if usage else 0)
    larger = max(ROOMY_CAP, 2 * cap)
    if context := models.find(request.model).context:
        larger = min(larger, context - (usage.prompt if usage else 0))
    return larger if larger > cap else None


def _conflicts(model: Model, options: Options) -> list[str]:
    conflicts = []
    temperature, n = options.temperature, options.n or 1
    if n > 1 and temperature is not None and temperature < LEAST_TEMPERATURE_FOR_N:
        conflicts.append(
            f"n {n} with temperature {temperature:g}: expected a temperature of at least "
            f"{LEAST_TEMPERATURE_FOR_N:g} for n > 1"
        )
    for name, only in model.fixed.items():
        if getattr(options, name) not in (None, only):
            conflicts.append(
                f"{name} {getattr(options, name):g}: {model.name} takes only {only:g}; leave it out"
            )
    tokens = options.max_tokens or 0
    if model.context and tokens > model.context:
        conflicts.append(
            f"max_tokens {tokens}: {model.name} takes {model.context} tokens, prompt and answer together"
        )
    return conflicts


def warnings(options: Options, messages: Sequence[Message]) -> list[str]:
    """What is allowed but seldom wise, in one sentence each."""
    model, temperature = model_of(options), options.temperature
    sentences = []
    if temperature is not None and options.top_p is not None:
        sentences.append(
            "temperature and top_p are both set; the service advises to change only one of them."
        )
    if temperature is not None and temperature > BEST_TEMPERATURE:
        sentences.append(
            f"temperature {temperature:g} is above {BEST_TEMPERATURE:g}, "
            "which the thinking models are made for."
        )
    if model.images is False and any(message.has_pictures for message in messages):
        sentences.append(f"{model.name} is listed as text only; the service may refuse the picture.")
    return sentences
