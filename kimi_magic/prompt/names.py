"""Names that may have been meant for one that there is not."""

from __future__ import annotations

from collections.abc import Iterable


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of the `known` names that `name` may have been meant for, the nearest first."""
    import difflib

    candidates = [each for each in known if not each.startswith("_")]
    near = difflib.get_close_matches(name, candidates, n=3, cutoff=0.6)
    lower = name.lower()
    begun = [each for each in candidates if len(name) >= 2 and each.lower().startswith(lower)]
    return list(dict.fromkeys([*near, *begun]))[:3]
