"""JSON as a model writes it: growing, for the screen (`Growing`), and whole, for use (`read`). No I/O."""

from __future__ import annotations

from .growing import DEEPEST_SHOWN, Growing, Line
from .prose import is_schema
from .strings import path
from .tokens import Digits
from .value import JSONFault
from .whole import Found, read

__all__ = [
    "DEEPEST_SHOWN",
    "Digits",
    "Found",
    "Growing",
    "JSONFault",
    "Line",
    "is_schema",
    "path",
    "read",
]
