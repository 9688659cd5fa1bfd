"""A request from options: only what was set is sent, and the rules that join several options hold.

The values have been checked one by one (`options`); here it is what they mean together, and for the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from kimi_magic import hosts, models
from kimi_magic.attachments import IMAGE_SIZE, LARGEST, Attachment
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
THINKING = {"on": {"type": "enabled"}, "off": {"type": "disabled"}}  # Moonshot's chat reference
MOST_NAMES = 5  # of models that an error lists
_OPTION_OF = {"reasoning_effort": "effort", "max_completion_tokens": "max_tokens"}
_STANDS_IN_MESSAGES = ("system", "attach", "history")  # options that a list of messages leaves no place for


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of one turn, decided: what the cell says, else the kernel, else the model's default.

    The option table (`options.table`) describes each field; None means not set. `host` is the provider, ""
    for an address of the user's own; `base_url` is where it is, "" while nothing has to be sent there.
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
    tools: tuple[Any, ...] | None = None
    tool: tuple[str, ...] | None = None
    max_steps: int = 8
    yes: bool = False
    attach: tuple[Attachment, ...] | None = None
    image_size: int = IMAGE_SIZE
    force: bool = False
    prefix: str | None = None
    raw: bool = False
    show_prompt: bool = False
    out: str | None = None
    code: bool = False
    history: bool = True
    history_limit: int | str = "all"
    history_reasoning: HistoryReasoning | None = None
    effort: str | None = None
    thinking: str | None = None
    extra: dict[str, Any] | None = None
    header: tuple[str, ...] | None = None
    progress: bool | None = None
    stream: bool = True
    hide_reasoning: bool = False
    reasoning: str = "auto"
    timeout: float = 180.0
    offline: bool = False
    replay: str | None = None
    record: str | None = None
    speed: float = 80.0
    allow_http: bool = False
    host: str = ""
    base_url: str = ""


def decide(
    cell: Mapping[str, Any], kernel: Mapping[str, Any], *, host: str = "", base_url: str = ""
) -> Options:
    """The options of a turn: values of the `cell` beat those of the `kernel`, then the model's defaults.

    `host` is the provider that is asked, "" for an address of the user's own, and `base_url` its address. The
    model is that of the host where none was set.
    """
    values = {**kernel, **cell, "host": host, "base_url": base_url}
    values["model"] = values.get("model") or hosts.provider(host).model
    model = models.find(values["model"], host)
    if values.get("history_reasoning") is None:
        values["history_reasoning"] = model.history_reasoning
    if values.get("max_tokens") is None and model.max_tokens:
        values["max_tokens"] = min(model.max_tokens, _largest_cap(model, host) or model.max_tokens)
    for name in ("stop", "tools", "tool", "attach", "header"):
        values[name] = tuple(values[name]) if values.get(name) else None
    return Options(**values)


def model_of(options: Options) -> Model:
    """What is known of the model that was chosen, at its host and under the name that was written."""
    model = models.find(options.model, options.host)
    return model if model.name == options.model else model._replace(name=options.model)


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


def check_attachments(options: Options, attachments: Sequence[Attachment]) -> None:
    """Refuse pictures for a model that takes none, and more than the service takes.

    Raises:
        KimiUsageError: They cannot be sent.
    """
    model, pictures = model_of(options), [each for each in attachments if each.is_picture]
    length = sum(len(each.data) * 4 // 3 for each in pictures)
    if length > LARGEST:
        raise KimiUsageError(
            f"the pictures take {length / 1e6:,.0f} MB as they are sent; expected at most {LARGEST // 10**6}",
            hint="Attach fewer, or smaller ones: {@image_size 1024}.",
        )
    if pictures and model.images is False and not options.force:
        seeing = [
            name for name in models.table().alive(options.host) if models.find(name, options.host).images
        ]
        others = ", ".join(seeing[:MOST_NAMES]) if seeing else f"none at {hosts.provider(options.host).title}"
        raise KimiUsageError(
            f"{pictures[0].name} is a picture, and {model.name} takes text only; models that see: {others}",
            hint=("{@model " + seeing[0] + "} asks one that sees; " if seeing else "")
            + "{@force} sends it anyway.",
        )


def build(
    options: Options, messages: Sequence[Message], response_format: ResponseFormat | None = None
) -> Request:
    """The request for `messages`.

    Raises:
        KimiUsageError: Options exclude each other, the model does not take them, or a value cannot be sent;
            all conflicts are named.
    """
    model = model_of(options)
    conflicts = [*_conflicts(model, options), *_extra_conflicts(options)]
    if messages[-1].partial and response_format is not None and response_format.type != "text":
        conflicts.append("{@json} with {@prefix}: the service does not mix them; use one of the two")
    if conflicts:
        raise KimiUsageError("; ".join(conflicts))
    host = hosts.provider(options.host)
    takes_format = host.response_format and model.response_format
    request = Request(
        model=model.name,
        messages=tuple(messages),
        stop=options.stop,
        tools=options.tools,
        response_format=response_format if takes_format else None,
        stream=options.stream,
        stream_options=StreamOptions() if options.stream and host.stream_options else None,
        reasoning_effort=options.effort,
        thinking=THINKING[options.thinking] if options.thinking else None,
        extra=options.extra,
        **{model.cap_field or host.cap_field: options.max_tokens},
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


def larger_cap(request: Request, usage: Usage | None, host: str = "") -> int | None:
    """A cap that leaves room to finish an answer that was cut; None where the model has no more.

    `usage` are the tokens of that answer, None if they were not counted; `host` is the provider.
    """
    cap = request.cap or (usage.completion if usage else 0)
    larger = max(ROOMY_CAP, 2 * cap)
    model = models.find(request.model, host)
    if model.context:
        larger = min(larger, model.context - (usage.prompt if usage else 0))
    if largest := _largest_cap(model, host):
        larger = min(larger, largest)
    return larger if larger > cap else None


def room_for_history(options: Options, request: Request, own: int) -> int | None:
    """The tokens that earlier turns may have beside `own` of the prompt; None where the context is unknown.

    The answer keeps its cap, but of a cap that nearly is the context no more than half of that.
    """
    context = model_of(options).context
    if not context:
        return None
    return max(0, context - own - min(request.cap or ROOMY_CAP, context // 2))


def _conflicts(model: Model, options: Options) -> list[str]:
    if retirement := hosts.retirement(options.host, options.model):
        return [f"{model.name} {retirement}"]
    conflicts = []
    temperature, n = options.temperature, options.n or 1
    if n > 1 and temperature is not None and temperature < LEAST_TEMPERATURE_FOR_N:
        conflicts.append(
            f"n {n} with temperature {temperature:g}: expected a temperature of at least "
            f"{LEAST_TEMPERATURE_FOR_N:g} for n > 1"
        )
    fixed = dict(model.fixed)
    if options.thinking == "off" and model.fixed_without_thinking is not None:
        fixed["temperature"] = model.fixed_without_thinking
    for name, only in fixed.items():
        if getattr(options, name) not in (None, only):
            conflicts.append(
                f"{name} {getattr(options, name):g}: {model.name} takes only {only:g}; leave it out"
            )
    return [*conflicts, *_cap_conflicts(model, options), *_thinking_conflicts(model, options)]


def _cap_conflicts(model: Model, options: Options) -> list[str]:
    tokens, largest = options.max_tokens or 0, _largest_cap(model, options.host)
    if model.context and tokens > model.context:
        return [f"max_tokens {tokens}: {model.name} takes {model.context} tokens, prompt and answer together"]
    if largest and tokens > largest:
        title = hosts.provider(options.host).title
        return [f"max_tokens {tokens}: {title} takes at most {largest} for {model.name}"]
    return []


def _thinking_conflicts(model: Model, options: Options) -> list[str]:
    """What the model or its host does not take of effort and thinking. An unknown model gets what was set."""
    host, conflicts = hosts.provider(options.host), []
    if options.effort and (not host.effort or model.effort == ()):
        who = model.name if host.effort else host.title
        conflicts.append(f"effort {options.effort}: {who} has no such setting; leave it out")
    elif options.effort and model.effort and options.effort not in model.effort:
        conflicts.append(f"effort {options.effort}: {model.name} takes {', '.join(model.effort)}")
    if options.thinking and not host.thinking:
        conflicts.append(f"thinking {options.thinking}: {host.title} has no such setting; leave it out")
    elif options.thinking == "off" and model.thinking == "always":
        conflicts.append(f"thinking off: {model.name} always thinks; leave it out")
    elif options.thinking and model.thinking == "never":
        conflicts.append(f"thinking {options.thinking}: {model.name} never thinks; leave it out")
    return conflicts


def _extra_conflicts(options: Options) -> list[str]:
    """Further fields that are none: the request has them already, from an option or by itself."""
    conflicts = []
    for name in options.extra or ():
        own = _OPTION_OF.get(name, name)
        if name == "thinking" and options.thinking is None:
            continue  # some services take more in it than on and off
        if own in Options.__struct_fields__:
            conflicts.append(f"extra {name}: it has an option of its own, {{@{own}}}")
        elif name in Request.__struct_fields__:
            conflicts.append(f"extra {name}: it is made of the other options")
    return conflicts


def _largest_cap(model: Model, host: str) -> int:
    """The largest cap that is taken, 0 where that is unknown."""
    caps = [cap for cap in (model.largest_cap, hosts.provider(host).largest_cap) if cap]
    return min(caps, default=0)


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
