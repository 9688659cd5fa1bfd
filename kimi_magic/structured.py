"""JSON mode: whether JSON is wanted, what a request needs for it, and what becomes of the answer.

A turn with a `Structure` ends in Python objects, or fails with the place of the fault. No I/O, no display.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kimi_magic import frames, hosts, json_text
from kimi_magic import schema as schemas
from kimi_magic.conversation import Parsed, Step
from kimi_magic.errors import Fault, KimiJSONError, KimiUsageError, one_line
from kimi_magic.messages import JSON_OBJECT, LENGTH, STOP, Choice, Message, ResponseFormat
from kimi_magic.messages.sent import schema_format, with_instruction
from kimi_magic.request import Options, larger_cap
from kimi_magic.schema import JSON_INSTRUCTION

ADDED_NOTICE = "The prompt did not mention JSON: a system message that asks for a JSON object was added."
STOP_WARNING = "{@stop} with JSON: where such a text stands in the answer, its JSON is cut."
MOST_REPAIRS = 5
LONGEST_SPEC = 100  # characters of a schema that an error message quotes
_MENTION = re.compile("json", re.IGNORECASE)


class Structure(NamedTuple):
    """What is wanted of a JSON answer.

    `schema` is None where any object will do; `response_format` is the form that the person asked for by
    hand, if any; `frame` asks for a DataFrame, by name of one library; `repairs` is how often an
    answer that cannot be used is asked for again; `namespace` holds the names of the notebook; `mode` is how
    a schema is asked for.
    """

    schema: schemas.Schema[Any] | None
    response_format: ResponseFormat | None
    frame: bool | str
    repairs: int
    namespace: Mapping[str, Any]
    mode: hosts.SchemaMode = "prompt"


class Needs(NamedTuple):
    """What a request needs for JSON: messages, response format, sentences for the person, and a function."""

    messages: list[Message]
    response_format: ResponseFormat | None
    notices: list[str]
    tools: tuple[dict[str, Any], ...] | None = None


def schema_of(spec: object, namespace: Mapping[str, Any]) -> schemas.Schema[Any]:
    """The schema that a person gave.

    Raises:
        KimiUsageError: It is none.
    """
    try:
        return schemas.of(spec, namespace)
    except ValueError as error:
        raise KimiUsageError(f"{{@schema}} {_shown(spec)}: expected {error}") from None


def read(text: str, schema: schemas.Schema[Any] | None, finish_reason: str | None = None) -> schemas.Answer:
    """What the text of an answer stands for.

    Raises:
        KimiJSONError: It is no JSON, or not as the schema wants it.
    """
    try:
        return schemas.read(text, schema, finish_reason=finish_reason)
    except json_text.JSONFault as fault:
        problem = _no_json(text, finish_reason, fault)
        error = _error(problem, path=fault.path, faults=(Fault(fault.path, None, str(fault)),))
    except schemas.SchemaFault as fault:
        problem = f"the answer does not match the schema: {fault}"
        error = _error(problem, fault.whole, fault.path, fault.faults)
    raise error


def structure_of(options: Options, namespace: Mapping[str, Any]) -> Structure | None:
    """What `options` ask for, None where it is no JSON.

    Raises:
        KimiUsageError: The schema is none, options exclude each other, or a DataFrame cannot be made.
    """
    by_hand = options.response_format
    if by_hand is not None and by_hand.type == "text":
        by_hand = None
    if options.schema is None and not options.frame and not options.json and by_hand is None:
        return None
    schema = None
    if options.schema is not None:
        if by_hand is not None and by_hand.json_schema is not None:
            raise KimiUsageError(
                "{@schema} with {@response_format}: both say what the answer is; use one of the two"
            )
        schema = schema_of(options.schema, namespace)
    if options.frame:
        try:
            frames.library(namespace, choice=_library(options.frame))
        except ValueError as error:  # before anything is paid for
            raise KimiUsageError(f"{{@frame}}: {error}") from None
        if schema is not None and not schema.has_rows:
            raise KimiUsageError(
                f"{{@frame}} with {{@schema}} {_shown(options.schema)}: expected a list of records, "
                "for a table has rows"
            )
    repairs = options.repair if options.repair is not None else int(schema is not None)
    return Structure(schema, by_hand, options.frame, repairs, namespace)


def needs(
    structure: Structure | None, messages: Sequence[Message], options: Options, mode: hosts.SchemaMode
) -> Needs:
    """What is sent for `structure`; `mode` is how provider and model are asked for a schema.

    JSON mode without a word of JSON in the messages gives blanks up to the cap (Moonshot's guide), so an
    instruction is added where there is none.

    Raises:
        KimiUsageError: Options exclude each other.
    """
    if structure is None:
        return Needs(list(messages), options.response_format, [])
    schema, by_hand = structure.schema, structure.response_format
    if schema is not None and mode in ("json_schema", "try"):
        sent, strict = schema.form()
        form = schema_format(schema.name, sent, strict=strict, tried=mode == "try")
        return Needs(list(messages), form, [])
    if schema is not None and mode == "tools":
        if options.tools:
            raise KimiUsageError(
                "{@schema_mode tools} with {@tools}: the answer is a call of a function of its own"
            )
        words = f"Give the whole answer by calling the function {schema.name} once, and write nothing else."
        return Needs(with_instruction(messages, words), None, [], (_function(schema),))
    form = by_hand or JSON_OBJECT
    if schema is not None:
        return Needs(with_instruction(messages, schema.prompt), form, [])
    if form.type != "json_object" or any(_MENTION.search(message.text) for message in messages):
        return Needs(list(messages), form, [])
    return Needs(with_instruction(messages, JSON_INSTRUCTION), form, [ADDED_NOTICE])


def wrapper(structure: Structure | None) -> str:
    """The key of an object that only carries the list that was asked for, "" if there is none."""
    schema = structure.schema if structure is not None else None
    return "items" if schema is not None and schema.wrapped == "items" else ""


def _function(schema: schemas.Schema[Any]) -> dict[str, Any]:
    """The function whose arguments are the answer."""
    about = {"name": schema.name, "description": "Takes the whole answer.", "parameters": schema.json_schema}
    return {"type": "function", "function": about}


def take_call(structure: Structure, step: Step) -> None:
    """Where the answer was asked for as a call of a function, let the arguments be its text."""
    if structure.schema is not None and structure.mode == "tools":
        for choice in step.choices:
            choice.take_arguments(structure.schema.name)


class Outcome(NamedTuple):
    """What the answers of a step were made into, and what is wrong with the first that cannot be used.

    With a `fault`, the `data` of each answer that cannot be used is None; the good ones are there.
    `is_repairable`: whether it may help to ask again.
    """

    parsed: tuple[Parsed, ...]
    fault: KimiJSONError | None = None
    is_repairable: bool = False


def parse(structure: Structure, step: Step) -> Outcome:
    """What the answers of `step` are made into; it never raises for what the model wrote."""
    # The service may give fewer answers than were asked for.
    choices = [choice for choice in step.choices if choice.has_content] or [step.choices[0]]
    outcomes = [_parse(structure, step, choice, number) for number, choice in enumerate(choices, 1)]
    first = next((outcome for outcome in outcomes if outcome.fault), None)
    parsed = tuple(parsed for outcome in outcomes for parsed in outcome.parsed)
    if first is None:
        return Outcome(parsed)
    ended = step.choices[0].finish_reason in (STOP, None)
    return Outcome(parsed, first.fault, first.is_repairable and step.n == 1 and ended)


def correction(choice: Choice, fault: KimiJSONError) -> tuple[Message, ...]:
    """What is sent to have a fault mended: the answer, if there was one, and what is wrong with it."""
    problem = f"That cannot be used: {fault.message}."
    if len(fault.faults) > 1:
        lines = "\n".join(f"- {one_line(str(each))}" for each in fault.faults)
        problem = f"That cannot be used, for the answer does not match the schema:\n{lines}\n"
    wish = f"{problem} Answer once more, with the whole corrected JSON object.".replace("\n ", "\n")
    answer = Message("assistant", choice.text, reasoning_content=choice.reasoning or None)
    return (*([answer] if choice.text.strip() else []), Message("user", wish))


def hint(step: Step, choice: Choice, repairs: int) -> str:
    """What to do about an answer that cannot be used, after `repairs` of them were asked for again."""
    kept = "What the model wrote is in kimi_magic.last.text. " * bool(choice.text)
    if choice.finish_reason == LENGTH:
        larger = larger_cap(step.request, step.usage_of(choice), step.provider)
        return kept + (f"Ask again with {{@max_tokens {larger}}}." if larger else "")
    if step.n > 1:
        return kept
    if repairs < MOST_REPAIRS:
        return kept + f"{{@again}}, or let it be asked again with {{@repair {repairs + 1}}}."
    return kept + "{@again}, or ask for something simpler."


def _parse(structure: Structure, step: Step, choice: Choice, number: int) -> Outcome:
    try:
        answer = read(choice.text, structure.schema, choice.finish_reason)
    except KimiJSONError as error:
        if step.n > 1:
            error.message = f"answer {number}: {error.message}"
        return Outcome((Parsed(error.value, None),), error, is_repairable=True)
    data = answer.data
    if structure.frame:
        columns = structure.schema.columns if structure.schema else {}
        try:
            data = frames.frame(
                data, columns=columns, namespace=structure.namespace, choice=_library(structure.frame)
            )
        except ValueError as fault:
            faults = (Fault("$", answer.value, str(fault)),)
            unfit = _error(f"{{@frame}}: {fault}", answer.value, faults=faults)
            # What fits a schema, and is no table, cannot be mended by the model.
            return Outcome((Parsed(answer.value, None),), unfit, is_repairable=structure.schema is None)
    return Outcome((Parsed(answer.value, data, tuple(map(one_line, answer.notices))),))


def _error(problem: str, value: Any = None, path: str = "$", faults: tuple[Fault, ...] = ()) -> KimiJSONError:
    error = KimiJSONError(one_line(problem))
    error.value, error.path, error.faults = value, path, faults
    return error


def _library(frame: bool | str) -> str:
    return frame if isinstance(frame, str) else ""


def _no_json(text: str, finish_reason: str | None, fault: json_text.JSONFault) -> str:
    has_text = text.strip()
    if finish_reason == LENGTH:
        return f"the JSON was cut (length) {f'before its end: {fault}' if has_text else 'before it began'}"
    return f"the answer is no JSON: {fault if has_text else 'it is empty'}"


def _shown(spec: object) -> str:
    text = repr(spec)
    return text if len(text) <= LONGEST_SPEC else text[: LONGEST_SPEC - 1] + "…"
