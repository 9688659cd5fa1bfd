"""The chat-completions service of the Kimi thinking models, offline.

A strict, deterministic copy of the public contract: what the service accepts, refuses, streams and counts. It
contains no model and reaches no network. It shares no code with the client, so that each can be tested
against the other. Importing this package loads none of its modules; a name loads its module when it is first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .address import OFFLINE_BASE_URL, OFFLINE_KEY
    from .server import serve
    from .service import Service
    from .transport import SimulatorTransport

__all__ = ["OFFLINE_BASE_URL", "OFFLINE_KEY", "Service", "SimulatorTransport", "serve"]

_MODULES = {
    "OFFLINE_BASE_URL": "address",
    "OFFLINE_KEY": "address",
    "Service": "service",
    "SimulatorTransport": "transport",
    "serve": "server",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
