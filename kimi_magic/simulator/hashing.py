"""Hashes and random numbers that are the same in every run, so that the same request gets the same answer."""

from __future__ import annotations

import json
from hashlib import blake2b
from random import Random


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits for parts that can be written as JSON; equal parts give equal digits."""
    return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def random_for(*parts: object) -> Random:
    """Return a random number generator whose seed is the digest of the parts."""
    return Random(int(digest(*parts), 16))  # noqa: S311  # repeatable on purpose, protects nothing
