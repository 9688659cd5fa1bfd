"""Tokens, as the service counts them. No prices, no estimates of our own."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one or more requests, as counted by the service.

    `prompt` includes the `cached` tokens; `completion` includes the `reasoning` tokens. `reasoning` is None
    where the service did not say.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int | None = None

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion


def of_choices(usages: list[Usage]) -> Usage:
    """One usage from one per choice: the prompt was read once, the completions add up."""
    counted = [u.reasoning for u in usages if u.reasoning is not None]
    return Usage(
        prompt=max(u.prompt for u in usages),
        completion=sum(u.completion for u in usages),
        cached=max(u.cached for u in usages),
        reasoning=sum(counted) if counted else None,
    )
