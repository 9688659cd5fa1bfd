"""What each model accepts: a table. A model that is not in it is allowed and gets the careful defaults."""

from __future__ import annotations

from typing import NamedTuple


class Model(NamedTuple):
    """One model of the service.

    `context`: tokens of prompt and answer together, 0 where unknown. `max_tokens`: cap sent when the user
    set none; reasoning counts against it. `keeps_reasoning`: earlier reasoning is sent back across turns,
    as Moonshot's guide to the thinking models advises.
    """

    name: str
    context: int = 0
    max_tokens: int = 32_768
    keeps_reasoning: bool = False


DEFAULT = "kimi-k2-thinking"

# Context: Moonshot's and EvoLink's model pages, read 2026-11. The cap of 32,768 is that of Moonshot's
# thinking guide, which warns that fewer than 16,000 tokens can be used up by the reasoning alone.
TABLE = {
    model.name: model
    for model in (
        Model(DEFAULT, context=262_144, keeps_reasoning=True),
        Model("kimi-k2-thinking-turbo", context=262_144, keeps_reasoning=True),
    )
}


def find(name: str) -> Model:
    """The model called `name`; hosts prefix the vendor (`moonshotai/kimi-k2-thinking`) or write capitals."""
    known = TABLE.get(name.rsplit("/", 1)[-1].lower())
    return known or Model(name)
