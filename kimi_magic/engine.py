"""What happens in a turn: which request comes first, which after it, and when the turn is over.

It knows neither threads nor displays. Whoever drives a turn (`kernel`) takes each `Ask`, sends its request,
lets the step grow, takes each group of `Call`s, runs them, and comes back for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from kimi_magic import hosts, request, structured
from kimi_magic.attachments import Attachment, fitted
from kimi_magic.client.connection import Connection
from kimi_magic.conversation import Conversation, Step, Turn, digest, message_tokens, text_tokens
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import LENGTH, Choice, Message, Request, user_message
from kimi_magic.prompt import secrets
from kimi_magic.request import Options
from kimi_magic.structured import Structure
from kimi_magic.tools import Toolbox, gather
from kimi_magic.tools.rounds import Rounds
from kimi_magic.tools.running import Call

# Options that may change where an answer is continued; the rest stays as it was asked.
CHANGEABLE = ("max_tokens", "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty",
              "stop", "effort", "thinking", "stream", "timeout", "speed", "reasoning", "hide_reasoning",
              "out", "code")  # fmt: skip


NO_TOOLS = Toolbox()
Composer = Callable[[], tuple[Request, list[str]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A turn that is ready to run: its first request, where it goes, and what becomes of the answer.

    `conversation` is where the turn will be kept, None if it stands alone; `start` is an answer that the
    first request continues; `attachments` are what is sent with the prompt; `warnings` are sentences about
    options that are allowed but seldom wise. A turn that `stands_alone` is none that `--pick` and
    `--continue` speak of. `compose` makes the first request anew of what is in the conversation then, None
    where it is always the same; `changes` are those of the conversation that the request was composed of. A
    turn that `asks_again` is sent although there is an answer to the same that was kept. `toolbox` has the
    functions that the model may call.
    """

    turn: Turn
    request: Request
    connection: Connection
    options: Options
    structure: Structure | None = None
    conversation: Conversation | None = None
    start: Choice | None = None
    warnings: tuple[str, ...] = ()
    stands_alone: bool = False
    compose: Composer | None = None
    changes: int = 0
    asks_again: bool = False
    attachments: tuple[Attachment, ...] = ()
    toolbox: Toolbox = NO_TOOLS


class Ask(NamedTuple):
    """A request that the turn needs sent; `start` is an answer that it continues."""

    request: Request
    start: Choice | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """All of a turn but its prompt: what the prompts of many turns share.

    `cell` holds the options that were given with the prompt; `mode` is how a schema is asked for; `toolbox`
    has the functions that the model may call.
    """

    options: Options
    connection: Connection
    structure: Structure | None
    mode: hosts.SchemaMode
    cell: Mapping[str, Any]
    toolbox: Toolbox = NO_TOOLS


def form(
    options: Options, connection: Connection, *, cell: Mapping[str, Any], namespace: Mapping[str, Any]
) -> Form:
    """What turns with these options share; `namespace` holds the names of the notebook.

    Raises:
        KimiUsageError: The schema is none, a tool is none, or options exclude each other.
    """
    structure = structured.structure_of(options, namespace)
    is_offline = connection.is_simulated
    served_by = hosts.provider_at(connection.base_url) if connection.is_paid else options.host
    mode = hosts.schema_mode(options.schema_mode, served_by, request.model_of(options), simulated=is_offline)
    toolbox = gather(options.tools or (), options.tool or (), namespace)
    return Form(options, connection, structure and structure._replace(mode=mode), mode, cell, toolbox)


def plan(
    prompt: str | Sequence[Mapping[str, Any]], form: Form, conversation: Conversation, *, id: str = ""
) -> Plan:
    """A turn for `prompt`: the user's text, or all messages of a conversation of the person's own.

    With a text and the option `history`, the turn continues `conversation` and will be kept there, in place
    of the turn `id`, or at its end if there is none.

    Raises:
        KimiUsageError: Something in prompt or options cannot be used. Nothing was sent.
    """
    options, structure, toolbox = form.options, form.structure, form.toolbox
    if toolbox.answers:
        _check_loop(options)
    keep = conversation if options.history and isinstance(prompt, str) else None
    attachments = tuple(fitted(each, options.image_size) for each in options.attach or ())
    if isinstance(prompt, str):
        _check_attachments(attachments, options)
    messages = _messages(prompt, options, form.cell, attachments)
    question = next((m for m in reversed(messages) if m.role == "user"), messages[0])
    if options.prefix:
        messages.append(Message("assistant", options.prefix, partial=True))
    split = 1 if options.system and isinstance(prompt, str) else 0
    tools = toolbox.definitions
    offered = options if tools is options.tools else structs.replace(options, tools=tools)

    def build(history: tuple[Message, ...] = ()) -> tuple[Request, list[str]]:
        """The request with `history` behind the system message, and sentences about it."""
        whole = [*messages[:split], *history, *messages[split:]]
        needs = structured.needs(structure, whole, offered, form.mode)
        sent = structs.replace(offered, tools=needs.tools) if needs.tools else offered
        return request.build(sent, needs.messages, needs.response_format), needs.notices

    turn = Turn(
        question,
        id=id or conversation.new_id(),
        wants_json=structure is not None,
        wants_frame=structure is not None and bool(structure.frame),
        wrapper=structured.wrapper(structure),
    )
    own, notices = build()
    turn.fingerprint = _fingerprint(own, options, form.connection)
    compose = None if keep is None else _composer(turn, own, options, keep, build)
    first, notices = (own, notices) if compose is None else compose()
    turn.notices = (*(each.notice for each in attachments if each.notice), *notices)
    warnings = [*request.warnings(options, first.messages), *toolbox.warnings]
    if structure is not None and options.stop:
        warnings.append(structured.STOP_WARNING)
    return Plan(
        turn, first, form.connection, options, structure, keep, warnings=tuple(warnings), compose=compose,
        changes=conversation.changes, attachments=attachments, toolbox=toolbox,
    )  # fmt: skip


def refreshed(plan: Plan) -> Plan:
    """`plan` with a request that is composed of what is in its conversation now."""
    if plan.compose is None or plan.conversation is None or plan.changes == plan.conversation.changes:
        return plan
    first, _ = plan.compose()
    return replace(plan, request=first, changes=plan.conversation.changes)


def _composer(
    turn: Turn,
    own: Request,
    options: Options,
    conversation: Conversation,
    build: Callable[[tuple[Message, ...]], tuple[Request, list[str]]],
) -> Composer:
    """What builds the request of `turn` with the history that the conversation has when it is called.

    `own` is the request without history. The oldest turns are left out, whole, where the estimate of all is
    more than the model's context has room for beside prompt and answer.
    """
    reasoning = options.history_reasoning or "all"
    tools = text_tokens(msgspec.json.encode(own.tools or ()).decode())
    room = request.room_for_history(options, own, tools + sum(map(message_tokens, own.messages)))
    most = options.history_limit if isinstance(options.history_limit, int) else None
    alone = turn.fingerprint

    def compose() -> tuple[Request, list[str]]:
        context = conversation.context(turn.id, most=most, room=room, reasoning=reasoning == "all")
        turn.place = context.place
        turn.fingerprint = digest(alone, reasoning, *(earlier.digest for earlier in context.turns))
        return build(context.messages(reasoning))

    return compose


def continue_plan(last: Plan, cell: Mapping[str, Any]) -> Plan:
    """A turn that goes on with the cut or stopped answer of `last` and takes its place.

    `cell` holds the options that were given for the rest.

    Raises:
        KimiUsageError: There is nothing to go on with, or an option cannot change.
    """
    turn = last.turn
    _check_continuable(turn)
    if unfit := [name for name in cell if name not in CHANGEABLE]:
        raise KimiUsageError(
            f"{{@continue}} asks the same again, it cannot change {' and '.join(unfit)}",
            hint=f"It can change {', '.join(CHANGEABLE)}.",
        )
    stop = tuple(cell["stop"]) if "stop" in cell else last.options.stop
    # What was begun as the answer is gone on with; nothing is called any more.
    tools = None if last.toolbox.answers else last.toolbox.definitions
    options = structs.replace(last.options, **{**cell, "stop": stop, "tools": tools, "tool": None})
    connection = replace(last.connection, speed=options.speed)
    rest = request.continuation(options, turn.step.request, turn.choice)
    longer = Turn(turn.prompt, id=turn.id)
    longer.place, longer.continues, longer.earlier = turn.place, True, turn.rounds
    return Plan(longer, rest, connection, options, None, last.conversation, turn.choice)


def steps(plan: Plan) -> Generator[Ask | tuple[Call, ...], None, None]:
    """What a turn needs, one after the other: a request that is sent, or calls that may run together.

    An answer that cannot be used is asked for again; one that calls functions is answered with their results.
    Whoever drives it begins a step for each `Ask`, and resumes the generator if that step ended well, and the
    results of calls are settled.

    Raises:
        KimiJSONError: The answer is not what was asked for, and no repair is left.
    """
    turn, structure, rounds = plan.turn, plan.structure, Rounds(plan.toolbox)
    messages, ask = plan.request.messages, Ask(plan.request, plan.start)
    while True:
        yield ask
        step = turn.steps[-1]
        if structure is not None:
            structured.take_call(structure, step)
        if ask.request.tools is not None and rounds.can_answer(step):
            yield from rounds.of(step)
            messages = (*ask.request.messages, *step.messages)
            ask = Ask(_next_round(plan, messages))
            continue
        if structure is None or any(choice.tool_calls for choice in step.choices):
            return
        outcome = structured.parse(structure, step)
        fault = outcome.fault
        if fault is None:
            turn.parsed = outcome.parsed
            notices = dict.fromkeys(notice for parsed in turn.parsed for notice in parsed.notices)
            turn.notices = (*turn.notices, *notices)
            return
        turn.rescued = outcome.parsed
        repairs = len(turn.rejections)
        if repairs == structure.repairs or not outcome.is_repairable:
            fault.hint = structured.hint(step, step.choices[0], repairs)
            raise fault
        step.rejected = fault.message
        repaired = (*messages, *structured.correction(step.choices[0], fault))
        ask = Ask(structs.replace(ask.request, messages=repaired))


def _next_round(plan: Plan, messages: tuple[Message, ...]) -> Request:
    """The request that brings the results of calls: with the tools, or the last one, without."""
    if sum(bool(step.results) for step in plan.turn.steps) < plan.options.max_steps:
        return structs.replace(plan.request, messages=messages)
    said = f"After {plan.options.max_steps} rounds of calls the model was asked for its answer without tools."
    plan.turn.notices = (*plan.turn.notices, f"{said} {{@max_steps N}} allows more.")
    return structs.replace(plan.request, messages=messages, tools=None)


def _check_loop(options: Options) -> None:
    """Refuse what has no meaning where the model calls functions before it answers."""
    if (options.n or 1) > 1:
        raise KimiUsageError(
            f"{{@n {options.n}}} with {{@tool}}: expected one answer, which calls can lead to"
        )
    if options.prefix:
        raise KimiUsageError(
            "{@prefix} with {@tool}: an answer that is begun calls no function; leave it out"
        )


def parse_again(structure: Structure, turn: Turn) -> bool:
    """Parse the answer of a turn that was kept into objects of the types as they are now; whether it fits."""
    outcome = structured.parse(structure, turn.step)
    if outcome.fault is None:
        turn.parsed = outcome.parsed
    return outcome.fault is None


def begin(plan: Plan, ask: Ask) -> Step:
    """The step for `ask`, which is sent now."""
    connection = plan.connection
    step = Step(
        ask.request,
        host=connection.host,
        provider=connection.provider,
        simulated=connection.is_simulated,
        start=ask.start,
    )
    plan.turn.steps.append(step)
    return step


def pick(plan: Plan, number: int) -> Choice:
    """Let answer `number`, counted from 1, speak for the turn and stand in the conversation.

    Raises:
        KimiUsageError: There is no such answer, or it cannot stand there.
    """
    turn, conversation = plan.turn, plan.conversation
    if len(turn.choices) < 2:
        raise KimiUsageError(
            f"{{@pick {number}}}: the last reply has just one answer, there is nothing to pick from",
            hint="Ask with {@n 2} or more, then pick.",
        )
    if number > len(turn.choices):
        raise KimiUsageError(f"{{@pick {number}}}: the last reply has answers 1 to {len(turn.choices)}")
    choice = turn.choices[number - 1]
    if not choice.fits_history:
        raise KimiUsageError(
            f"{{@pick {number}}}: no conversation can go on from that answer, "
            f"it ended with {choice.finish_reason or 'no reason'}"
        )
    if conversation is None or turn.state != "complete":
        why = "it stands alone" if conversation is None else f"it was {turn.state}"
        raise KimiUsageError(f"{{@pick {number}}}: the last turn is not in the conversation, {why}")
    if turn.kept and not conversation.is_last(turn):
        raise KimiUsageError(f"{{@pick {number}}}: that turn is no longer the last of the conversation")
    turn.picked = number - 1
    conversation.keep(turn)
    return choice


def _fingerprint(own: Request, options: Options, connection: Connection) -> str:
    """What tells one prompt from another: all that is sent, who is asked, and how the answer is shown."""
    shown = (options.hide_reasoning, options.reasoning, options.frame, options.repair)
    address = connection.base_url if connection.is_paid else ""
    return digest(own.body().decode(), connection.provider, connection.via, address, *shown)


def _check_attachments(attachments: Sequence[Attachment], options: Options) -> None:
    request.check_attachments(options, attachments)
    for each in attachments:
        if each.text and not options.force and (reason := secrets.in_text(each.text)):
            raise KimiUsageError(
                f"{{@attach}} {each.name}: it looks as if a secret is in it ({reason}); nothing was sent",
                hint="{@force} sends it anyway.",
            )


def _messages(
    prompt: str | Sequence[Mapping[str, Any]],
    options: Options,
    cell: Mapping[str, Any],
    attachments: Sequence[Attachment],
) -> list[Message]:
    """System message, and the prompt behind the texts that are attached; or the person's own messages."""
    if not isinstance(prompt, str):
        return request.given_messages(prompt, cell)
    if not prompt.strip() and not attachments:
        raise KimiUsageError("the prompt is empty", hint="{@write_prompt}.")
    system = [Message("system", options.system)] if options.system else []
    text = "\n\n".join([*(each.fenced for each in attachments if each.text), prompt])
    return [*system, user_message(text, [each.address for each in attachments if each.is_picture])]


def _check_continuable(turn: Turn) -> None:
    if not turn.has_ended:
        raise KimiUsageError("{@continue}: the last answer is still on its way")
    choice = turn.choice
    if turn.wants_json:
        cap = None
        if choice.finish_reason == LENGTH:
            cap = request.larger_cap(turn.step.request, turn.step.usage_of(choice), turn.step.provider)
        again = f"{{@again}} with {{@max_tokens {cap}}}." if cap else "{@again}."
        raise KimiUsageError(
            "{@continue}: the service does not go on with an answer in JSON mode", hint=again
        )
    if turn.state == "failed" and not choice.has_content:
        raise KimiUsageError("{@continue}: nothing had arrived of the last answer", hint="{@again}.")
    if choice.tool_calls:
        raise KimiUsageError("{@continue}: the last answer asks for tools; expected one cut in its text")
    if choice.finish_reason not in ((LENGTH,) if turn.state == "complete" else (LENGTH, None)):
        reason = choice.finish_reason or "it gave no reason"
        raise KimiUsageError(f"{{@continue}}: the last answer is complete ({reason}), nothing is missing")
