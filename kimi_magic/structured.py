"""JSON mode: whether JSON is wanted, what a request needs for it, and what becomes of the answer.

A turn with a `Structure` ends in Python objects, or fails with the place of the fault. No I/O, no display.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import structs

from kimi_magic import frames, json_text
from kimi_magic import schema as schemas
from kimi_magic.conversation import Parsed, Step
from kimi_magic.errors import KimiJSONError, KimiUsageError, one_line
from kimi_magic.messages import JSON_OBJECT, LENGTH, STOP, Choice, Message, ResponseFormat
from kimi_magic.messages.sent import schema_format
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
    hand, if any; `frame` asks for a DataFrame; `repairs` is how often an answer that cannot be used is asked
    for again; `namespace` holds the names of the notebook.
    """

    schema: schemas.Schema[Any] | None
    response_format: ResponseFormat | None
    frame: bool
    repairs: int
    namespace: Mapping[str, Any]


class Needs(NamedTuple):
    """What a request needs for JSON: its messages, its response format, and sentences for the person."""

    messages: list[Message]
    response_format: ResponseFormat | None
    notices: list[str]


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
        try:
            schema = schemas.of(options.schema, namespace)
        except ValueError as error:
            raise KimiUsageError(f"{{@schema}} {_shown(options.schema)}: expected {error}") from None
    if options.frame:
        try:
            frames.library(namespace)
        except ValueError as error:  # before anything is paid for
            raise KimiUsageError(f"{{@frame}}: {error}") from None
    repairs = options.repair if options.repair is not None else int(schema is not None)
    return Structure(schema, by_hand, options.frame, repairs, namespace)


def needs(
    structure: Structure | None, messages: Sequence[Message], options: Options, *, by_schema: bool
) -> Needs:
    """What is sent for `structure`; `by_schema` says that provider and model take schemas.

    JSON mode without a word of JSON in the messages gives blanks up to the cap (Moonshot's guide), so an
    instruction is added where there is none.
    """
    if structure is None:
        return Needs(list(messages), options.response_format, [])
    schema, by_hand = structure.schema, structure.response_format
    if schema is not None and by_schema:
        return Needs(list(messages), schema_format(schema.name, schema.json_schema), [])
    form = by_hand or JSON_OBJECT
    if schema is not None:
        return Needs(_with_instruction(messages, schema.prompt), form, [])
    if form.type != "json_object" or any(_MENTION.search(message.text) for message in messages):
        return Needs(list(messages), form, [])
    return Needs(_with_instruction(messages, JSON_INSTRUCTION), form, [ADDED_NOTICE])


def parse(structure: Structure, step: Step) -> tuple[Parsed, ...]:
    """What the answers of `step` are made into.

    Raises:
        KimiJSONError: One of them is not what was asked for; the message says where and why.
    """
    # The service may give fewer answers than were asked for.
    choices = [choice for choice in step.choices if choice.has_content] or [step.choices[0]]
    return tuple(_parse(structure, step, choice, number) for number, choice in enumerate(choices, 1))


def is_repairable(step: Step) -> bool:
    """Whether an answer that cannot be used may become usable if it is asked for again."""
    return step.n == 1 and step.choices[0].finish_reason in (STOP, None)


def correction(choice: Choice, fault: KimiJSONError) -> tuple[Message, ...]:
    """What is sent to have a fault mended: the answer, if there was one, and what is wrong with it."""
    wish = f"That cannot be used: {fault.message}. Answer once more, with the whole corrected JSON object."
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


def _parse(structure: Structure, step: Step, choice: Choice, number: int) -> Parsed:
    try:
        parsed = json_text.read(choice.text)
        data = parsed.value if structure.schema is None else structure.schema.build(parsed.value)
        if structure.frame:
            columns = structure.schema.columns if structure.schema else {}
            data = frames.frame(data, columns=columns, namespace=structure.namespace)
    except json_text.JSONFault as fault:
        has_text = choice.text.strip()
        if choice.finish_reason == LENGTH:
            where = f"before its end: {fault}" if has_text else "before it began"
            problem = f"the JSON was cut (length) {where}"
        else:
            problem = f"the answer is no JSON: {fault if has_text else 'it is empty'}"
    except schemas.SchemaFault as fault:
        problem = f"the answer does not match the schema: {fault}"
    except ValueError as fault:
        problem = f"{{@frame}}: {fault}"
    else:
        return Parsed(parsed.value, data, tuple(map(one_line, parsed.notices)))
    which = f"answer {number}: " if step.n > 1 else ""
    raise KimiJSONError(one_line(which + problem))


def _with_instruction(messages: Sequence[Message], instruction: str) -> list[Message]:
    """With `instruction` at the end of the system message; services differ in whether they take two."""
    first, *rest = messages
    if first.role == "system" and isinstance(first.content, str):
        return [structs.replace(first, content=f"{first.content}\n\n{instruction}"), *rest]
    return [Message("system", instruction), *messages]


def _shown(spec: object) -> str:
    text = repr(spec)
    return text if len(text) <= LONGEST_SPEC else text[: LONGEST_SPEC - 1] + "…"
