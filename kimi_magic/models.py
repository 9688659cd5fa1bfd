"""What each model accepts, who serves it and what it costs there: the table in `models.toml`.

A model that is not there is allowed: it is sent what the user set, and nothing is claimed about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

HistoryReasoning = Literal["all", "tools", "none"]
Thinking = Literal["always", "switch", "never"]

DEFAULT = "kimi-k2-thinking"
_FILE = Path(__file__).with_name("models.toml")
# "invalid temperature: only 1 is allowed for this model": Moonshot's model overview, read 2026-10.
_FIXED = {"temperature": 1, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
_OWN_WORDS = ("effort", "largest_cap", "cap_field", "response_format", "retired")  # of a host about a model
# What hosts write around a name: a vendor before it, `p` for a point, a variant or a date behind it.
_VENDOR = re.compile(r"^moonshot(ai)?\.(?=kimi)")
_POINT = re.compile(r"(?<=\d)p(?=\d)")
_DATE = re.compile(r"-(\d{6}|\d{8}|\d{4}-\d{2}-\d{2})$")


class Price(NamedTuple):
    """US dollars for a million tokens: prompt tokens that were cached, that were not, and completion tokens.

    `written` is for prompt tokens that were written to the cache. List prices of a host, before tax, so that
    a cost made from them is an estimate.
    """

    cached: float
    prompt: float
    completion: float
    written: float
    date: str
    source: str


class Model(NamedTuple):
    """One model, as one host serves it.

    `name` is the table's own. `context`: tokens of prompt and answer together, 0 where unknown. `max_tokens`:
    the cap that is sent when the user set none, None to send none; `largest_cap`: the largest that is taken,
    0 where unknown. `fixed`: parameters that have just one accepted value; `fixed_without_thinking` is the
    one temperature while thinking is switched off. `images`: whether it takes pictures, None where unknown.
    `thinking`: whether that can be switched off, None where unknown; `effort`: the values of its effort, None
    where unknown. `history_reasoning`: whose earlier reasoning is sent back to it: that of all answers, only
    of those with tool calls, or of none. `json_schema`: whether its maker says that it takes schemas for its
    answers.

    Of the host: `price`, None where unknown; `cap_field` and `response_format`, where they are not as the
    host has them for other models; `retired`, the day or month since when it is not served any more ("" for
    one that is). `successor` is the table's name of the model to use then.
    """

    name: str
    context: int = 0
    max_tokens: int | None = None
    largest_cap: int = 0
    fixed: Mapping[str, float] = {}
    fixed_without_thinking: float | None = None
    images: bool | None = None
    thinking: Thinking | None = None
    effort: tuple[str, ...] | None = None
    history_reasoning: HistoryReasoning = "tools"
    json_schema: bool = False
    price: Price | None = None
    cap_field: str = ""
    response_format: bool = True
    retired: str = ""
    successor: str = ""


class Table(NamedTuple):
    """The whole table: `date` is the day on which it was true.

    `models` are as their maker describes them, by name. `offers` are the rows of the hosts, by host and name:
    that of the table, and that of the host. `spellings` lead from every other name to that of the table.
    """

    date: str
    models: Mapping[str, Model]
    offers: Mapping[tuple[str, str], Mapping[str, Any]]
    spellings: Mapping[str, str]

    def find(self, name: str, host: str = "") -> Model:
        """The model that `host`, a provider by its name, serves as `name`; see `find` below."""
        plain = _plain(name)
        exact = name.rsplit("/", 1)[-1].lower()
        own = next((each for each in (exact, plain) if each in self.spellings), None)
        if own is None:
            return Model(name)
        known = self.spellings[own]
        offer = self.offers.get((host, own)) or self.offers.get((host, known))
        model = self.models[known]
        if offer is None:
            return model
        values = {word: offer[word] for word in _OWN_WORDS if word in offer}
        if "effort" in values:
            values["effort"] = tuple(values["effort"])
        if ":" not in exact:  # a variant such as `:free` has a price of its own
            values["price"] = _price(offer)
        model = model._replace(**values)
        if model.max_tokens and model.largest_cap:
            model = model._replace(max_tokens=min(model.max_tokens, model.largest_cap))
        return model

    def name_at(self, host: str, name: str) -> str:
        """How `host` spells the model that the table calls `name`."""
        return str(self.offers.get((host, name), {}).get("name", name))

    def is_retired(self, model: Model) -> bool:
        """Whether its host had stopped serving `model` on the day of the table."""
        return bool(model.retired) and model.retired <= self.date

    def alive(self, host: str) -> list[str]:
        """The names of the models that `host` serves, as it spells them.

        For a host without rows: of all models that anybody serves.
        """
        rows = [offer for (place, _), offer in self.offers.items() if place == host]
        if not rows:
            served = {row["model"] for row in self.offers.values() if not self._has_ended(row)}
            return [name for name in self.models if name in served]
        return list(dict.fromkeys(row.get("name", row["model"]) for row in rows if not self._has_ended(row)))

    def _has_ended(self, offer: Mapping[str, Any]) -> bool:
        return bool(offer.get("retired", "") and offer["retired"] <= self.date)


def read(text: str) -> Table:
    """The table from the text of its file.

    Raises:
        ValueError, KeyError: It is none.
    """
    import tomllib

    data = tomllib.loads(text)
    models = {name: _model(name, row) for name, row in data["models"].items()}
    spellings = {other: name for name, row in data["models"].items() for other in row.get("spellings", ())}
    spellings |= {name: name for name in models}
    offers: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in data["offers"]:
        offers.setdefault((row["host"], row["model"]), row)  # a second row is a variant
        own = row.get("name", row["model"]).rsplit("/", 1)[-1].lower()
        spellings.setdefault(own, row["model"])
        offers.setdefault((row["host"], own), row)
    return Table(data["date"], models, offers, spellings)


@cache
def table() -> Table:
    """The table of this package, read when it is first needed."""
    return read(_FILE.read_text(encoding="utf-8"))


@lru_cache(maxsize=256)
def find(name: str, host: str = "") -> Model:
    """The model `name`, as `host` serves it.

    Parameters:
        name: A name in any spelling of the hosts (`moonshotai/Kimi-K2-Thinking`, `kimi-k3p1-pro`,
            `moonshot.kimi-k2-thinking`, `kimi-k2-thinking-251104`).
        host: A provider by its name, "" for an address of the user's own. Then nothing is known of price and
            retirement.

    Returns: What is known. Of an unknown model that is nothing: it gets only what the user sets.
    """
    return table().find(name, host)


def price(asked: str, answered: str, host: str) -> Price | None:
    """What the host charges for an answer of the model `answered`, where the model `asked` was asked.

    A dated or suffixed name is the model that was asked; another model has its own price, which may be
    unknown.
    """
    one, other = find(asked, host), find(answered, host)
    if other.name in table().models:
        return one.price if other.name == one.name else other.price
    return one.price if _plain(answered).startswith(_plain(asked)) else None


def _plain(name: str) -> str:
    """A name without what hosts write around it."""
    text = name.rsplit("/", 1)[-1].lower().split(":", 1)[0]
    return _DATE.sub("", _POINT.sub(".", _VENDOR.sub("", text)))


def _model(name: str, row: Mapping[str, Any]) -> Model:
    context = row.get("context", 0)
    return Model(
        name,
        context=context,
        max_tokens=row.get("default_cap") or None,
        largest_cap=row.get("largest_cap", context),
        fixed=_FIXED if row.get("fixed_sampling") else {},
        fixed_without_thinking=row.get("fixed_temperature_without_thinking"),
        images=row.get("images"),
        thinking=row.get("thinking"),
        effort=tuple(row["effort"]) if "effort" in row else () if row.get("thinking") else None,
        history_reasoning=row.get("history_reasoning", "tools"),
        json_schema=row.get("json_schema", False),
        successor=row.get("successor", ""),
    )


def _price(offer: Mapping[str, Any]) -> Price | None:
    if "miss" not in offer:
        return None
    miss = offer["miss"]
    return Price(
        cached=offer.get("hit", miss),
        prompt=miss,
        completion=offer["out"],
        written=offer.get("write", miss),
        date=offer["date"],
        source=offer["source"],
    )
