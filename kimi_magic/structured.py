"""JSON mode: what is added to a request for it, and what becomes of the answer. No I/O, no display.

A turn that has a `Structure` ends in Python objects, or fails with the place of the fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import structs

from kimi_magic import frames, json_text
from kimi_magic import schema as schemas
from kimi_magic.choices import LENGTH, Choice
from kimi_magic.errors import KimiJSONError, KimiUsageError
from kimi_magic.messages import Message, TextPart
from kimi_magic.schema import WISH

ADDED = "The prompt did not mention JSON: a system message that asks for a JSON object was added."
_MENTION = re.compile("json", re.IGNORECASE)


class Read(NamedTuple):
    """What one answer says: `value` as JSON, the `data` that was made of it, sentences for the person."""

    value: Any
    data: Any
    notices: tuple[str, ...]


class Structure(NamedTuple):
    """What is asked of a JSON answer.

    `schema` is None where any object will do; `frame` asks for a DataFrame; `repairs` is how often it is
    asked again with the fault; `namespace` holds the names of the notebook.
    """

    schema: schemas.Schema[Any] | None
    frame: bool
    repairs: int
    namespace: Mapping[str, Any]

    def asked(
        self, messages: Sequence[Message], response_format: dict[str, Any] | None, *, by_schema: bool
    ) -> tuple[list[Message], dict[str, Any], list[str]]:
        """Messages and response format as they are sent, and what the person has to know of it.

        `response_format` is what the person gave; `by_schema` says that host and model take schemas. JSON
        mode without a word of JSON in the messages gives blanks up to the cap (Moonshot's guide).
        """
        if self.schema is not None and by_schema:
            wanted = {"name": self.schema.name, "schema": self.schema.json_schema, "strict": True}
            return list(messages), {"type": "json_schema", "json_schema": wanted}, []
        format_ = _json_of(response_format) or {"type": "json_object"}
        if self.schema is not None:
            return _told(messages, self.schema.prompt), format_, []
        if format_["type"] != "json_object" or any(_MENTION.search(_text(message)) for message in messages):
            return list(messages), format_, []
        return _told(messages, WISH), format_, [ADDED]

    def read(self, choice: Choice) -> Read:
        """What is made of an answer; `KimiJSONError` where it is not what was asked for."""
        try:
            found = json_text.read(choice.text)
            data = found.value if self.schema is None else self.schema.build(found.value)
            if self.frame:
                columns = self.schema.columns if self.schema else {}
                data = frames.frame(data, columns=columns, namespace=self.namespace)
        except json_text.JSONFault as fault:
            begun = choice.text.strip()
            if choice.finish_reason == LENGTH:
                where = f"before its end: {fault}" if begun else "before it began"
                raise _fault(f"the JSON was cut (length) {where}") from None
            raise _fault(f"the answer is no JSON: {fault if begun else 'it is empty'}") from None
        except schemas.SchemaFault as fault:
            raise _fault(f"the answer does not match the schema: {fault}") from None
        except ValueError as fault:
            raise _fault(f"--frame: {fault}") from None
        return Read(found.value, data, tuple(map(_line, found.notices)))


def of(values: Mapping[str, Any], namespace: Mapping[str, Any]) -> Structure | None:
    """What `values` of a request ask for, None where it is no JSON; `KimiUsageError` for no schema."""
    spec, frame = values.get("schema"), bool(values.get("frame"))
    if spec is None and not frame and not _asks_for_json(values):
        return None
    schema = None
    if spec is not None:
        if (values.get("response_format") or {}).get("type") == "json_schema":
            raise KimiUsageError("--schema with --response-format: both say what the answer is; use one")
        try:
            schema = schemas.of(spec, namespace)
        except ValueError as error:
            raise KimiUsageError(f"--schema {_shown(spec)}: expected {error}") from None
    if frame:
        try:
            frames.library(namespace)
        except ValueError as error:  # before anything is paid for
            raise KimiUsageError(f"--frame: {error}") from None
    repairs = values.get("repair")
    return Structure(schema, frame, int(spec is not None) if repairs is None else repairs, namespace)


def correction(choice: Choice, fault: KimiJSONError) -> tuple[Message, ...]:
    """What is sent to have a fault mended: the answer, if there was one, and what is wrong with it."""
    wish = f"That cannot be used: {fault.message}. Answer once more, with the whole corrected JSON object."
    said = Message("assistant", choice.text, reasoning_content=choice.reasoning or None)
    return (*([said] if choice.text.strip() else []), Message("user", wish))


def _asks_for_json(values: Mapping[str, Any]) -> bool:
    return bool(values.get("json")) or _json_of(values.get("response_format")) is not None


def _json_of(response_format: dict[str, Any] | None) -> dict[str, Any] | None:
    """The format, None where it is none or text."""
    return response_format if response_format and response_format["type"] != "text" else None


def _fault(message: str) -> KimiJSONError:
    return KimiJSONError(_line(message))


def _line(text: str) -> str:
    """`text` on one line and without what a terminal obeys: it names keys and values of the model's."""
    return "".join(filter(str.isprintable, " ".join(text.split())))


def _told(messages: Sequence[Message], wish: str) -> list[Message]:
    """With `wish` at the end of the system message; hosts differ in whether they take two."""
    first, *rest = messages
    if first.role == "system" and isinstance(first.content, str):
        return [structs.replace(first, content=f"{first.content}\n\n{wish}"), *rest]
    return [Message("system", wish), *messages]


def _text(message: Message) -> str:
    if isinstance(message.content, tuple):
        return " ".join(part.text for part in message.content if isinstance(part, TextPart))
    return message.content or ""


def _shown(spec: object) -> str:
    text = repr(spec)
    return text if len(text) <= 100 else text[:99] + "…"
