"""What type checkers know of a reply. mypy and pyright read this file; nothing runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, assert_type

import msgspec

import kimi_magic


@dataclass
class Person:
    name: str


Age = Annotated[int, msgspec.Meta(ge=0)]

assert_type(kimi_magic.ask("Who?", schema=Person), kimi_magic.Reply[Person])
assert_type(kimi_magic.ask("Who?", schema=Person).data.name, str)
assert_type(kimi_magic.ask("Who?", schema=list[Person]).data, list[Person])
assert_type(kimi_magic.ask("Who?", schema=Person | None).data, Person | None)
assert_type(kimi_magic.ask("Which?", schema=Literal["a", "b"]).data, Literal["a", "b"])
assert_type(kimi_magic.ask("How old?", schema=Annotated[int, msgspec.Meta(ge=0)]).data, int)
assert_type(kimi_magic.ask("How old?", schema=Age).data, int)
assert_type(kimi_magic.ask("Who?", schema=int | str, model="kimi-k2-thinking", stream=False).data, int | str)
assert_type(kimi_magic.ask("Who?", schema=Person, n=1).data, Person)
assert_type(kimi_magic.ask("Who?", schema=Person, n=3).data, list[Person])
assert_type(kimi_magic.ask("Who?", schema=Person | None, n=2).data, list[Person | None])
assert_type(kimi_magic.ask("Who?", schema=list[Person], frame=True).data, Any)
assert_type(kimi_magic.ask("Who?", schema=list[Person], frame="polars").data, Any)
assert_type(kimi_magic.ask("Who?", schema=list[Person], frame=False).data, list[Person])
assert_type(kimi_magic.ask("Who?", schema="name, age int").data, Any)
assert_type(kimi_magic.ask("Who?", schema={"type": "object"}).data, Any)
assert_type(kimi_magic.ask("Who?"), kimi_magic.Reply[Any])
assert_type(kimi_magic.read("{}", schema=Person), Person)
assert_type(kimi_magic.read("{}", schema=Person | None), Person | None)
assert_type(kimi_magic.read("{}"), Any)


async def awaited() -> None:
    """The same for the awaiting face."""
    assert_type(await kimi_magic.aask("Who?", schema=Person), kimi_magic.Reply[Person])
    assert_type((await kimi_magic.aask("Who?", schema=Person | None, n=2)).data, list[Person | None])
    assert_type((await kimi_magic.aask("Who?")).data, Any)


def shown(reply: kimi_magic.Reply) -> str:
    """A reply without its type is one of anything."""
    return reply.text
