"""What each model accepts and costs: a table.

A model that is not here is allowed: it is sent what the user set, and nothing is claimed about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

HistoryReasoning = Literal["all", "tools", "none"]


class Price(NamedTuple):
    """US dollars for a million tokens: prompt tokens that were cached, that were not, and completion tokens.

    List prices, before tax; hosts may charge others, so a cost made from them is an estimate.
    """

    cached: float
    prompt: float
    completion: float
    date: str
    source: str


class Model(NamedTuple):
    """One model of the service.

    `context`: tokens of prompt and answer together, 0 where unknown. `max_tokens`: the cap that is sent when
    the user set none, None to send none. `fixed`: parameters that have just one accepted value.
    `images`: whether it takes pictures, None where unknown. `history_reasoning`: whose earlier reasoning is
    sent back to it: that of all answers, only of those with tool calls, or of none. `json_schema`: whether
    its maker says that it takes schemas for its answers.
    """

    name: str
    context: int = 0
    max_tokens: int | None = 32_768
    fixed: Mapping[str, float] = {}
    images: bool | None = None
    history_reasoning: HistoryReasoning = "tools"
    price: Price | None = None
    json_schema: bool = False


DEFAULT = "kimi-k2-thinking"

# "invalid temperature: only 1 is allowed for this model": Moonshot's model overview, read 2026-10.
_FIXED = {"temperature": 1, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
_LIST = "Moonshot pricing page"
_DEV = "models.dev, pull request 356"

# Context, images and reasoning: Moonshot's and EvoLink's model pages, read 2026-10. The cap of 32,768 is that
# of Moonshot's thinking guide, which warns that the reasoning alone can use up 16,000 tokens.
TABLE = {
    model.name: model
    for model in (
        Model(
            DEFAULT, 262_144, images=False, history_reasoning="all",
            price=Price(0.15, 0.60, 2.50, "2025-11-06", _DEV),
        ),
        Model(
            "kimi-k2-thinking-turbo", 262_144, images=False, history_reasoning="all",
            price=Price(0.15, 1.15, 8.00, "2025-11-06", _DEV),
        ),
        Model(
            "kimi-k2.5", 262_144, fixed=_FIXED, json_schema=True, images=True,
            price=Price(0.10, 0.60, 3.00, "2026-09", _LIST),
        ),
        Model(
            "kimi-k2.6", 262_144, fixed=_FIXED, json_schema=True, images=True,
            price=Price(0.16, 0.95, 4.00, "2026-09", _LIST),
        ),
        Model(
            "kimi-k2.7-code", 262_144, fixed=_FIXED, images=True, history_reasoning="all",
            json_schema=True,
            price=Price(0.19, 0.95, 4.00, "2026-09", _LIST),
        ),
        Model(
            "kimi-k2.7-code-highspeed", 262_144, fixed=_FIXED, images=True, history_reasoning="all",
            json_schema=True,
            price=Price(0.38, 1.90, 8.00, "2026-09", _LIST),
        ),
        Model(
            "kimi-k3", 1_048_576, fixed=_FIXED, images=True, history_reasoning="all",
            json_schema=True,
            price=Price(0.30, 3.00, 15.00, "2026-09", _LIST),
        ),
    )
}  # fmt: skip


def find(name: str) -> Model:
    """The model called `name`; hosts prefix the vendor (`moonshotai/kimi-k2-thinking`) or write capitals.

    An unknown one gets only what the user sets.
    """
    known = TABLE.get(name.rsplit("/", 1)[-1].lower())
    return known or Model(name, max_tokens=None)
