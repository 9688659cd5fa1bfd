"""Fields in short: `name, age int, tags list[str], bio: one line`, as the `llm` tool has them.

Fields are separated by commas, or each has a line of its own; all of them are required. A field is a name, a
type (text where there is none) and a description after a colon. Beyond `llm`, a type may be any that the
person could write, and fields in brackets are a list of such objects, as the whole or as a type: `[name, age
int]`, `order int, lines [product, price float]`.
"""

from __future__ import annotations

import re
import sys
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec

EXAMPLE = 'fields such as "name, age int, tags list[str], bio: one line"'
_NAME = re.compile(r"[^\W\d][\w-]*")
_TYPE = re.compile(r"(?:int|float|bool|str|date|datetime)\b|list\[.*\]\Z")

Resolve = Callable[[str], Any]  # from the text of a type to the type


def kind_of(text: str, resolve: Resolve, name: str = "answer") -> Any:
    """The type of the objects that `text` describes, or a list of it; `ValueError` says what is wrong.

    `name` is for the type, and the beginning of the names of those inside it.
    """
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return list[kind_of(text[1:-1], resolve, f"{name}_item")]  # type: ignore[misc]
    fields: dict[str, Any] = {}
    for field in _fields(text):
        head, _, description = (part.strip() for part in _at_colon(field))
        title, _, kind = head.partition(" ")
        if not _NAME.fullmatch(title):
            raise ValueError(f"{EXAMPLE}; {title or field!r} is no name")
        if title in fields:
            raise ValueError(f"{EXAMPLE}; {title} is there twice")
        if not kind and _TYPE.match(description):  # `age: int`, as in Python
            kind, description = description, ""
        fields[title] = _field(kind.strip(), description, resolve, f"{name}_{title}")
    if not fields:
        raise ValueError(EXAMPLE)
    # Before Python 3.12 pydantic takes only the TypedDict of typing_extensions, which it brings along.
    typed_dict: Any = getattr(sys.modules.get("typing_extensions", typing), "TypedDict")  # noqa: B009
    return typed_dict(name, fields)


def _field(kind: str, description: str, resolve: Resolve, name: str) -> Any:
    try:
        found = str if not kind else kind_of(kind, resolve, name) if kind.startswith("[") else resolve(kind)
    except ValueError as error:
        if " " in kind and "[" not in kind:
            hint = "a description with a comma needs fields on lines of their own"
            raise ValueError(f"{EXAMPLE}; {kind!r} is no type ({hint})") from None
        problem = str(error).removeprefix("a type; ").removeprefix(f"{EXAMPLE}; ")
        raise ValueError(f"{EXAMPLE}; {problem}") from None
    return Annotated[found, msgspec.Meta(description=description)] if description else found


def _fields(text: str) -> list[str]:
    """The fields as written, without the empty ones."""
    lines = list(_split(text, "\n"))
    found = lines if len(lines) > 1 else list(_split(text, ","))
    return [field for field in (each.strip().removesuffix(",").strip() for each in found) if field]


def _at_colon(field: str) -> tuple[str, str, str]:
    head = next(_split(field, ":"))
    return head, ":", field[len(head) + 1 :]


def _split(text: str, separator: str) -> Iterator[str]:
    """The parts of `text` between separators that are in no bracket."""
    start = depth = 0
    for at, char in enumerate(text):
        depth += (char in "[(") - (char in "])")
        if char == separator and depth == 0:
            yield text[start:at]
            start = at + 1
    if depth:
        raise ValueError(f"{EXAMPLE}; a bracket is not closed" if depth > 0 else f"{EXAMPLE}; a ] too much")
    yield text[start:]
