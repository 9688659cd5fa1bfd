"""From the text of an answer to what was asked for: the one way for cells, `ask` and `read`."""

from __future__ import annotations

from typing import Any, NamedTuple

from kimi_magic import json_text

from .faults import Mismatch, SchemaFault
from .lossless import settled
from .spec import Fitted, Schema


class Answer(NamedTuple):
    """The JSON as the model wrote it, what was made of it, and sentences about what had to be forgiven."""

    value: Any
    data: Any
    notices: tuple[str, ...]


def read(text: str, schema: Schema[Any] | None = None, *, finish_reason: str | None = None) -> Answer:
    """Read the answer `text` and build what `schema` describes; without one the JSON is taken as it is.

    `finish_reason` is the service's word for why the answer ended: what was cut by its length is no value.

    Raises:
        JSONFault: There is no JSON of which it is certain that it is the answer.
        SchemaFault: The JSON does not fit the schema.
    """
    if schema is None:
        found = json_text.read(text, finish_reason=finish_reason)
        return Answer(found.value, found.value, found.notices)
    fitting: dict[int, tuple[Any, Fitted[Any] | SchemaFault]] = {}  # by identity; the value is kept alive

    def fitted(value: Any) -> Fitted[Any] | SchemaFault:
        if id(value) not in fitting:
            try:
                fitting[id(value)] = (value, schema.fit(schema.with_digits(value)))
            except SchemaFault as fault:
                fitting[id(value)] = (value, fault)
        return fitting[id(value)][1]

    found = json_text.read(
        text,
        finish_reason=finish_reason,
        fits=lambda value: isinstance(fitted(value), Fitted),
        wants_list=schema.wrapped == "items",
        digits=schema.has_decimals,
    )
    made = fitted(found.value)
    value = settled(found.value, {}, {}) if schema.has_decimals else found.value
    if isinstance(made, SchemaFault):
        if json_text.is_schema(found.value):
            made = SchemaFault([Mismatch((), "an answer", "the schema itself", value=found.value)])
        made.whole = value
        raise made
    return Answer(value, made.data, (*found.notices, *made.notices))
