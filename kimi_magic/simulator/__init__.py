"""The chat-completions service of the Kimi thinking models, offline.

A strict, deterministic copy of the public contract: what the service accepts, refuses, streams and
counts. It thinks of nothing itself, reaches no network, and shares no code with the client it is
there to test and to teach. Importing this package loads none of its parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .offline import OFFLINE_BASE_URL, OFFLINE_KEY

if TYPE_CHECKING:
    from .server import serve
    from .service import Service
    from .transport import SimulatorTransport

__all__ = ["OFFLINE_BASE_URL", "OFFLINE_KEY", "Service", "SimulatorTransport", "serve"]


def __getattr__(name: str) -> object:
    match name:
        case "Service":
            from .service import Service

            return Service
        case "SimulatorTransport":
            from .transport import SimulatorTransport

            return SimulatorTransport
        case "serve":
            from .server import serve

            return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
