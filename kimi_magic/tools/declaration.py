"""A function of the notebook as a tool: what the model is told of it, and under which limits it runs."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, overload

from kimi_magic.errors import KimiUsageError
from kimi_magic.tools import docstrings
from kimi_magic.tools.signature import Signature, signature

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_TIMEOUT = 120.0  # s that a function may run
LONGEST_TIMEOUT = 86_400.0  # s
_MARK = "__kimi_tool__"
# Moonshot's chat reference; older documents, and hosts that follow them, take 3 to 64 characters.
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,127}")
_OLD_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{2,63}")


class Marks(NamedTuple):
    """What `tool` was told about a function."""

    name: str = ""
    safe: bool = False
    timeout: float = DEFAULT_TIMEOUT
    parallel: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that the model may call.

    `name` is what the model calls it; `safe` says that it runs without asking the person; `timeout` is in
    seconds; `parallel`, that it may run in a thread beside others; `warning` is a sentence about the name, ""
    for none.
    """

    name: str
    description: str
    function: Callable[..., Any] = field(repr=False)
    signature: Signature = field(repr=False)
    safe: bool = False
    timeout: float = DEFAULT_TIMEOUT
    parallel: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """What is sent of it."""
        about = {
            "name": self.name,
            "description": self.description,
            "parameters": self.signature.json_schema,
        }
        return {"type": "function", "function": about}

    @property
    def is_async(self) -> bool:
        """Whether it has to be awaited."""
        function = self.function
        while isinstance(function, functools.partial):
            function = function.func
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - of an object that can be called
        )

    @property
    def warning(self) -> str:
        """A sentence about the name, "" where every host takes it."""
        if _OLD_NAME.fullmatch(self.name):
            return ""
        return f"tool {self.name}: some hosts take names of 3 to 64 characters only."


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    *, name: str = "", safe: bool = False, timeout: float = DEFAULT_TIMEOUT, parallel: bool = False
) -> Callable[[F], F]: ...
def tool(
    function: Any = None,
    /,
    *,
    name: str = "",
    safe: bool = False,
    timeout: float = DEFAULT_TIMEOUT,
    parallel: bool = False,
) -> Any:
    """Say how a function is to be called as a tool; the function itself stays as it is.

    A function need not be marked to be a tool: `%%kimi --tool NAME` and `ask(tools=[...])` take any. The
    model is told its name, its docstring, and its parameters by their type hints.

    Before a function runs, the person is asked, with Run and Refuse below the call, or by a question where no
    click arrives (a terminal, a loop, VS Code). Where nobody can answer (`nbclient`), it is not run, and a
    line says so. A refusal is told to the model. Arguments are JSON, checked and made into the types of the
    hints; nothing that the model wrote is evaluated.

    Functions run in the notebook's names, on the main thread, one after the other; an `async def` is awaited
    on the kernel's own loop. What one displays appears below the reply. While a plain function runs, ■ stops
    it; the Stop button is heard after it. Of one answer, at most 64 calls are run. After `max_steps` rounds
    of calls, the model is asked for its answer without tools.

    Results go back as values do in prompts: tables, arrays, dataclasses, and texts as they are, up to 20,000
    characters; figures and pictures of PIL go to models that see. An error goes back as its type and text, so
    that the model can correct itself. What looks like a secret is held back.

    Each call is a card between reasoning and text, with arguments, time and result, also in the saved page;
    `progress` shows there how far it is. The ledger has a row for each request. Calls and results are part of
    the turn: they are saved, restored, forked and replaced with it. A function that was interrupted leaves no
    trace in the conversation. `map` and `grid` take no tools, and leave out those that are set.

    Parameters:
        function: The function, where `tool` stands above it without parentheses; with them, leave it out.
        name: What the model calls it: a letter or _, then letters, digits, _ and -, at most 128. Default:
            the function's own name.
        safe: Run it without asking the person first. For functions that only read. Default False.
        timeout: Seconds that it may run, above 0 and up to 86,400. Default 120. A function that runs on the
            main thread is stopped by a signal: not on Windows, which has none, and not while it is inside of
            code that is not Python; there it runs to its end. One in a thread cannot be stopped; it is no
            longer waited for.
        parallel: It may run in a thread, beside other calls of the same answer. For functions that are safe
            to run in threads, and display nothing. Default False: on the main thread, one after the other.

    Returns:
        The same function.

    Raises:
        KimiUsageError: A value cannot be used.
    """
    if name and not _NAME.fullmatch(name):
        raise _bad_name(name)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not (
        math.isfinite(timeout) and 0 < timeout <= LONGEST_TIMEOUT
    ):  # fmt: skip
        raise KimiUsageError(
            f"timeout {timeout!r}: expected seconds, above 0 and up to {LONGEST_TIMEOUT:,.0f}"
        )
    marks = Marks(name, bool(safe), float(timeout), bool(parallel))

    def mark(function: Any) -> Any:
        if not callable(function):
            raise KimiUsageError(f"tool: expected a function, got {type(function).__name__}")
        try:
            setattr(function, _MARK, marks)
        except (AttributeError, TypeError):
            raise KimiUsageError(
                f"tool: {getattr(function, '__name__', type(function).__name__)} cannot be marked",
                hint="Write a function of your own around it.",
            ) from None
        return function

    return mark if function is None else mark(function)


def of(function: Callable[..., Any]) -> Tool:
    """The tool that a function is.

    Raises:
        KimiUsageError: It has no name or parameters that the service takes.
    """
    marks: Marks = getattr(function, _MARK, Marks())
    name = marks.name or _own_name(function)
    if not _NAME.fullmatch(name):
        raise _bad_name(name)
    documented = docstrings.read(function)
    return Tool(
        name,
        documented.text or f"The function {name}.",
        function,
        signature(function, name, documented),
        safe=marks.safe,
        timeout=marks.timeout,
        parallel=marks.parallel,
    )


def _own_name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", "") or type(function).__name__)


def _bad_name(name: str) -> KimiUsageError:
    return KimiUsageError(
        f"tool {name[:80]!r}: expected a name of at most 128 ASCII letters, digits, _ and -, "
        "which does not begin with a digit or -",
        hint="Give it one: @kimi_magic.tool(name=...).",
    )
