"""A request from values: only what was set is sent, and the rules that join several values hold.

The values have been checked one by one (`options`); here it is what they mean together, and for this model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kimi_magic import models
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Message, Request, ResponseFormat, StreamOptions
from kimi_magic.models import Model

SENT = ("temperature", "top_p", "top_k", "n", "presence_penalty", "frequency_penalty")
CHANGEABLE = ("max_tokens", "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty",
              "stop", "stream", "timeout", "speed")  # fmt: skip
COLD = 0.3  # below this temperature the service gives one answer only (Moonshot's chat reference)
WARM = 1.0  # the thinking models are made for this temperature


def build(model: Model, messages: Sequence[Message], values: Mapping[str, Any]) -> Request:
    """The request for `values` (parameter name to value, None where it is not set).

    `KimiUsageError` names every rule that they break together.
    """
    if faults := list(_faults(model, messages, values)):
        raise KimiUsageError("; ".join(faults))
    format_ = values.get("response_format") or ({"type": "json_object"} if values.get("json") else None)
    return Request(
        model=model.name,
        messages=tuple(messages),
        max_tokens=values.get("max_tokens") or model.max_tokens,
        stop=tuple(values["stop"]) if values.get("stop") else None,
        tools=tuple(values["tools"]) if values.get("tools") else None,
        response_format=ResponseFormat(**format_) if format_ else None,
        stream=bool(values.get("stream")),
        stream_options=StreamOptions() if values.get("stream") else None,
        **{name: values.get(name) for name in SENT},
    )


def again(request: Request, messages: Sequence[Message], given: Mapping[str, Any]) -> Request:
    """The same request for the rest of its one answer: with other messages, and what is `given` anew.

    Without JSON mode, which the service does not mix with an answer that has begun.
    """
    if unfit := [name for name in given if name not in CHANGEABLE]:
        raise KimiUsageError(
            f"--continue asks the same again, it cannot change {' and '.join(unfit)}",
            hint=f"It can change {', '.join(CHANGEABLE)}.",
        )
    kept = {name: getattr(request, name) for name in (*SENT, "max_tokens", "stop", "tools", "stream")}
    model = models.find(request.model)._replace(name=request.model)
    return build(model, messages, {**kept, **given, "n": None})


def _faults(model: Model, messages: Sequence[Message], values: Mapping[str, Any]) -> list[str]:
    found = []
    temperature, n = values.get("temperature"), values.get("n") or 1
    if n > 1 and temperature is not None and temperature < COLD:
        found.append(
            f"n {n} with temperature {temperature:g}: expected a temperature of at least {COLD:g} for n > 1"
        )
    for name, only in model.fixed.items():
        if values.get(name) not in (None, only):
            found.append(f"{name} {values[name]:g}: {model.name} takes only {only:g}; leave it out")
    if wants_json(values) and messages and messages[-1].partial:
        found.append("--json with --prefix: the service does not mix them; use one of the two")
    tokens = values.get("max_tokens") or 0
    if model.context and tokens > model.context:
        found.append(
            f"max_tokens {tokens}: {model.name} takes {model.context} tokens, prompt and answer together"
        )
    return found


def wants_json(values: Mapping[str, Any]) -> bool:
    """Whether the answer is asked for as JSON."""
    return bool(values.get("json")) or (values.get("response_format") or {}).get("type", "text") != "text"


def notices(model: Model, messages: Sequence[Message], values: Mapping[str, Any]) -> list[str]:
    """What is allowed but seldom wise, in one sentence each."""
    found = []
    temperature = values.get("temperature")
    if wants_json(values) and values.get("stop"):
        found.append("--stop with JSON: where such a text stands in the answer, its JSON is cut.")
    if temperature is not None and values.get("top_p") is not None:
        found.append("temperature and top_p are both set; the service advises to change only one of them.")
    if temperature is not None and temperature > WARM:
        found.append(
            f"temperature {temperature:g} is above {WARM:g}, which the thinking models are made for."
        )
    if model.images is False and any(not isinstance(m.content, str | None) for m in messages):
        found.append(f"{model.name} is listed as text only; the service may refuse the picture.")
    return found
