"""Talk to the Kimi thinking models from a notebook cell.

In a notebook: `%load_ext kimi_magic`, then `%%kimi` with the question below it. From Python: `ask`.
Importing this loads nothing heavy and touches no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kimi_magic._version import __version__ as __version__

if TYPE_CHECKING:
    from kimi_magic.api import aask, agrid, amap, ask, chat, estimate, grid, read, usage_records
    from kimi_magic.api import map as map  # noqa: A004
    from kimi_magic.batch import GridResult, MapResult
    from kimi_magic.comparison import Difference, Differences, diff
    from kimi_magic.conversation import Conversation, Turn
    from kimi_magic.errors import (
        KimiAuthError,
        KimiBudgetError,
        KimiConnectionError,
        KimiContentFilterError,
        KimiContextError,
        KimiError,
        KimiInterrupted,
        KimiJSONError,
        KimiModelError,
        KimiPermissionError,
        KimiQuotaError,
        KimiRateLimitError,
        KimiRequestError,
        KimiServerError,
        KimiStatusError,
        KimiStreamError,
        KimiTimeoutError,
        KimiUsageError,
    )
    from kimi_magic.messages import Choice, ToolCall
    from kimi_magic.prompt import prompt_filter
    from kimi_magic.reply import Reply
    from kimi_magic.tools import progress, tool
    from kimi_magic.usage import Usage

    last: Reply | None


__all__ = [
    "Choice",
    "Conversation",
    "Difference",
    "Differences",
    "GridResult",
    "KimiAuthError",
    "KimiBudgetError",
    "KimiConnectionError",
    "KimiContentFilterError",
    "KimiContextError",
    "KimiError",
    "KimiInterrupted",
    "KimiJSONError",
    "KimiModelError",
    "KimiPermissionError",
    "KimiQuotaError",
    "KimiRateLimitError",
    "KimiRequestError",
    "KimiServerError",
    "KimiStatusError",
    "KimiStreamError",
    "KimiTimeoutError",
    "KimiUsageError",
    "MapResult",
    "Reply",
    "ToolCall",
    "Turn",
    "Usage",
    "aask",
    "agrid",
    "amap",
    "ask",
    "chat",
    "diff",
    "estimate",
    "grid",
    "last",
    "progress",
    "prompt_filter",
    "read",
    "tool",
    "usage_records",
]

# `map` is not in `__all__`: `import *` would put it in the place of Python's own.
_MODULES = {
    "Choice": "messages",
    "Conversation": "conversation",
    "Difference": "comparison",
    "Differences": "comparison",
    "GridResult": "batch",
    "MapResult": "batch",
    "Reply": "reply",
    "ToolCall": "messages",
    "Turn": "conversation",
    "Usage": "usage",
    "aask": "api",
    "amap": "api",
    "agrid": "api",
    "ask": "api",
    "chat": "api",
    "diff": "comparison",
    "prompt_filter": "prompt",
    "progress": "tools",
    "tool": "tools",
    "estimate": "api",
    "grid": "api",
    "map": "api",
    "read": "api",
    "usage_records": "api",
}


def __getattr__(name: str) -> Any:
    """Public names, imported when they are first used; `last` is the last reply of this kernel."""
    if name not in __all__ and name not in _MODULES:
        raise AttributeError(f"module 'kimi_magic' has no attribute {name!r}")
    import importlib
    import sys

    if (warm_up := sys.modules.get("kimi_magic.warm_up")) is not None:
        warm_up.wait()
    if name == "last":
        from kimi_magic import kernel

        return kernel.current.last

    module = _MODULES.get(name, "errors")
    return getattr(importlib.import_module(f"kimi_magic.{module}"), name)


def __dir__() -> list[str]:
    return sorted(
        [*{*__all__, *_MODULES}, "__version__", "load_ipython_extension", "unload_ipython_extension"]
    )


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext kimi_magic` calls."""
    from kimi_magic import extension

    extension.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext kimi_magic` calls."""
    from kimi_magic import extension

    extension.unload(shell)
