"""The texts and tables of the simulator: TOML files in `data/`, each read once, when it is first needed."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(name: str) -> dict[str, Any]:
    """Return the contents of `data/NAME.toml`. Callers share them and must not change them."""
    return tomllib.loads(files(__package__).joinpath("data", f"{name}.toml").read_text(encoding="utf-8"))
