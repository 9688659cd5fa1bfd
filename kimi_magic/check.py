"""`%kimi_config --check` and `--balance`: what trying key, model and way shows, in lines to paste."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from kimi_magic import engine, hosts, models, options, request
from kimi_magic.client import Connection
from kimi_magic.conversation import Step
from kimi_magic.errors import KimiError, KimiModelError, KimiUsageError, one_line
from kimi_magic.kernel import Kernel
from kimi_magic.options.advice import phrase
from kimi_magic.request import Options
from kimi_magic.usage import Usage, cost, dollars

PROMPT = "Write the numbers from 1 to 100 in words, one a line."
PROMPT_SIZE = 40  # tokens, at most
CAP = 1_000  # tokens of reasoning and answer that the request may cost
NEAR = timedelta(days=180)  # how long before its retirement a model is spoken of


def lines(
    kernel: Kernel, confirm: Callable[[str], bool] | None = None, today: date | None = None
) -> Iterator[str]:
    """What is found, line by line: key, model, and with one small request whether stream and counts come.

    Parameters:
        kernel: Whose settings are tried.
        confirm: Asks the person whether that request may be sent; it gets a question that names the cost.
            Without it none is sent, and all that is tried is free. Offline nobody has to be asked.
        today: Retirements up to half a year from this day are named. Default: now.

    Raises:
        KimiError: The service cannot be reached, or refused the key.
    """
    decided = kernel.settings.options({})
    connection = kernel.settings.connection(decided)
    if connection.is_recorded:
        yield f"{_sentence_start(connection)} answers what was recorded; no network is tried."
        return
    yield from _key_and_model(kernel, connection, decided.model)
    yield from _retirement(decided, today or date.today())
    if confirm is None or hosts.retirement(decided.host, decided.model):
        return
    question = f"Send one request to see whether the answer streams? It costs {_most(decided)}. [y/N] "
    if not connection.is_paid or confirm(question):
        yield from _request(kernel, decided, connection)
    else:
        yield "No request was sent: whether the answer streams and is counted was not tried."


def balance(kernel: Kernel) -> str:
    """What is left in the account, in one line.

    Raises:
        KimiUsageError: The host has no address for that.
        KimiError: It cannot be reached, or refused.
    """
    decided = kernel.settings.options({})
    host = hosts.provider(decided.host)
    if not host.balance:
        known = ", ".join(each.name for each in hosts.PROVIDERS.values() if each.balance)
        raise KimiUsageError(
            f"--balance: {host.title} has no address for it; expected one of {known}",
            hint="Look at the account in a browser.",
        )
    left = kernel.balance(host.balance)
    return f"{left:,.2f} {host.currency} are left in the account at {host.title}."


def _key_and_model(kernel: Kernel, connection: Connection, model: str) -> Iterator[str]:
    key = f"the key from {connection.key_source}" if connection.key_source else "no key"
    host, model = _sentence_start(connection), one_line(model)
    try:
        names = kernel.offered_models()
    except KimiModelError:
        yield f"{host} is reached with {key}, but has no list of models."
        yield f"Whether it has {model} shows a first question."
        return
    yield f"{host} accepts {key}." if connection.key_source else f"{host} answers."
    if model in names:
        others = len(names) - 1
        yield f"It offers {model}, and {others} other model{'s' * (others != 1)}."
        return
    near = one_line(options.nearest(model, names))
    yield f"It does not offer {model}{near}{'' if near.endswith('?') else '.'}"


def _retirement(decided: Options, today: date) -> Iterator[str]:
    """A line if the model is retired, or will be soon."""
    table = models.table()
    model = table.find(decided.model, decided.host)
    if not model.retired:
        return
    if table.is_retired(model) or model.retired <= today.isoformat():
        yield f"{one_line(decided.model)} {phrase(hosts.end_of(decided.host, model, 'was retired'))}."
    elif model.retired <= (today + NEAR).isoformat():
        yield f"{one_line(decided.model)} {phrase(hosts.end_of(decided.host, model, 'will be retired'))}."


def _most(decided: Options) -> str:
    """What the request can cost, in words."""
    price = models.find(decided.model, decided.host).price
    if price is None:
        return f"at most {CAP + PROMPT_SIZE:,} tokens; the price is not known"
    most = cost(Usage(prompt=PROMPT_SIZE, completion=CAP), price)
    return f"at most {CAP + PROMPT_SIZE:,} tokens, about {dollars(most)}"


def _request(kernel: Kernel, decided: Options, connection: Connection) -> Iterator[str]:
    """Send a small request and say how its answer came. It stands in the ledger as any other.

    Of the settings only model and place count, so that it costs no more than was said.
    """
    model = models.find(decided.model, decided.host)
    values = {"model": decided.model, "max_tokens": CAP, "history": False, "timeout": decided.timeout}
    values |= {"offline": decided.offline, "speed": decided.speed}
    values["effort"] = model.effort[0] if model.effort and hosts.provider(decided.host).effort else None
    small = request.decide(values, {}, host=decided.host, base_url=decided.base_url)
    plan = engine.plan(PROMPT, engine.form(small, connection, cell={}, namespace={}), kernel.conversation)
    plan, before = replace(plan, stands_alone=True), kernel.last
    try:
        kernel.run(plan)
    except KimiError as error:
        yield f"The request failed: {type(error).__name__}: {one_line(phrase(error.message))}"
    finally:
        kernel.last = before
    if plan.turn.steps and plan.turn.step.has_begun:
        yield from _way(plan.turn.step)


def _way(step: Step) -> Iterator[str]:
    timing, usage = step.timing, step.usage
    if step.simulated:
        yield f"The simulator answers, whole after {timing.seconds:.1f} s; no network is tried."
    elif timing.arrivals and timing.is_held_back:
        yield f"The answer came all at once after {timing.seconds:.1f} s: something on the way holds it back."
    elif timing.arrivals:
        first = min(time for time in (timing.first_reasoning, timing.first_answer) if time is not None)
        yield (
            f"The answer streams: first words after {first:.1f} s, whole after {timing.seconds:.1f} s, "
            f"longest silence {timing.longest_silence:.1f} s ({timing.verdict})."
        )
    if usage is None:
        yield "Tokens are not counted: there will be no cost, and the budget cannot count."
    else:
        price = f", about {dollars(step.cost)}" if step.cost is not None else ""
        yield f"Tokens are counted: {usage.prompt:,} + {usage.completion:,}{price}."
    if step.choices[0].reasoning:
        yield "Reasoning comes."
    else:
        yield "No reasoning comes: the model has none, or something on the way takes it out."


def _sentence_start(connection: Connection) -> str:
    host = connection.host
    return f"{host[0].upper()}{host[1:]}" if not connection.is_paid else host
