"""The tools of a turn: functions of the notebook by name, and definitions that were written by hand."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

from kimi_magic.errors import KimiUsageError
from kimi_magic.messages.sent import MOST_TOOLS
from kimi_magic.tools.declaration import Tool, of


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What a turn offers to the model.

    `tools` are functions by name; `others` are definitions of functions that cannot be run here, and of what
    the service runs itself, by name.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    others: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def definitions(self) -> tuple[dict[str, Any], ...] | None:
        """What is sent; None where nothing is offered."""
        return (*(each.definition for each in self.tools.values()), *self.others.values()) or None

    @property
    def builtins(self) -> frozenset[str]:
        """The names of what the service runs itself, such as `$web_search`."""
        return frozenset(name for name, each in self.others.items() if each.get("type") != "function")

    @property
    def answers(self) -> bool:
        """Whether there are calls that can be answered here."""
        return bool(self.tools) or bool(self.builtins)

    @property
    def warnings(self) -> list[str]:
        """Sentences about the names."""
        return [each.warning for each in self.tools.values() if each.warning]

    def cannot_answer(self, name: str) -> bool:
        """Whether nothing here can answer a call of `name`, which was offered by hand."""
        return name in self.others and name not in self.builtins

    def unknown(self, name: str) -> str:
        """What the model is told that calls what was not offered."""
        names = [*self.tools, *self.others]
        near = difflib.get_close_matches(name, names, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        return f"there is no function {name[:80]!r}; there are {', '.join(names)}{meant}"


def gather(
    things: Iterable[Any] = (), names: Iterable[str] = (), namespace: Mapping[str, Any] | None = None
) -> Toolbox:
    """The toolbox of `things` (functions, definitions, namespaces) and of what has `names` in the notebook.

    Raises:
        KimiUsageError: Something is no tool, a name is not there or comes twice, or there are too many.
    """
    tools: dict[str, Tool] = {}
    others: dict[str, dict[str, Any]] = {}
    named = [(name, _named(name, namespace or {})) for name in dict.fromkeys(names)]
    for name, thing in [*(("", each) for each in things), *named]:
        for each in _functions(thing, name):
            if isinstance(each, Mapping):
                definition = dict(each)
                key, found = str(definition["function"]["name"]), definition
                is_same = others.get(key) == found
                if key in tools or (key in others and not is_same):
                    raise _twice(key)
                others[key] = found
                continue
            made = of(each)
            if made.name in others or (made.name in tools and tools[made.name].function != each):
                raise _twice(made.name)
            tools.setdefault(made.name, made)
    if len(tools) + len(others) > MOST_TOOLS:
        raise KimiUsageError(
            f"{len(tools) + len(others)} tools: expected at most {MOST_TOOLS}, the service takes no more"
        )
    return Toolbox(tools, others)


def is_definition(thing: Any) -> bool:
    """Whether it is a tool as the service takes it, not a namespace."""
    return isinstance(thing, Mapping) and isinstance(thing.get("function"), Mapping) and "type" in thing


def checked(value: Any) -> tuple[Any, ...]:
    """Functions, definitions and namespaces as one tuple, definitions with plain values only.

    Raises:
        ValueError: Something is none of them; the text says what was expected.
    """
    items = list(value) if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError("at least one function")
    return tuple(_checked(each, at) for at, each in enumerate(items))


def _checked(thing: Any, at: int) -> Any:
    if isinstance(thing, Mapping) and ("function" in thing or "type" in thing):
        match thing:
            case {
                "type": "function",
                "function": {"name": str(), "description": str(), "parameters": dict()},
            }:
                return dict(thing)
            case {"type": str(kind), "function": {"name": str()}} if kind != "function":
                return dict(thing)
        raise ValueError("tools with type, and function with name, description and parameters")
    if callable(thing) or isinstance(thing, Mapping | list | tuple) or _is_namespace(thing):
        return thing
    raise ValueError(f"functions or definitions of tools, got {type(thing).__name__} at place {at + 1}")


def _named(name: str, namespace: Mapping[str, Any]) -> Any:
    """What has this name, which may be dotted; nothing is evaluated."""
    first, *rest = name.split(".")
    if first not in namespace:
        near = difflib.get_close_matches(first, [n for n, v in namespace.items() if callable(v)], n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise KimiUsageError(f"{{@tool {name}}}: there is no {first} in the notebook{meant}")
    found = namespace[first]
    for part in rest:
        try:
            found = found[part] if isinstance(found, Mapping) and part in found else getattr(found, part)
        except AttributeError:
            raise KimiUsageError(f"{{@tool {name}}}: {first} has no {part}") from None
    return found


def _functions(thing: Any, name: str) -> Iterator[Any]:
    """The functions and definitions that `thing` stands for; `name` is what the person called it."""
    if is_definition(thing):
        yield _checked_named(thing, name)
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from _functions(each, name)
    elif callable(thing) and not isinstance(thing, Mapping):
        yield thing
    elif isinstance(thing, Mapping) or _is_namespace(thing):
        found = list(_public(thing))
        if not found:
            raise KimiUsageError(f"{{@tool {name or type(thing).__name__}}}: no function is in it")
        yield from found
    else:
        raise KimiUsageError(
            f"{{@tool {name}}}: expected a function, or a list or a namespace of functions, "
            f"got {type(thing).__name__}"
        )


def _checked_named(definition: Mapping[str, Any], name: str) -> Any:
    try:
        return _checked(definition, 0)
    except ValueError as error:
        raise KimiUsageError(f"{{@tool {name}}}: expected {error}") from None


def _is_namespace(thing: Any) -> bool:
    return isinstance(thing, ModuleType | SimpleNamespace)


def _public(thing: Any) -> Iterator[Callable[..., Any]]:
    """The functions of a namespace that are its own: of a module those that it defines or lists."""
    if isinstance(thing, Mapping):
        shown = (value for name, value in thing.items() if not str(name).startswith("_"))
        yield from filter(callable, shown)
        return
    listed = getattr(thing, "__all__", None)
    for name in listed if isinstance(listed, list | tuple) else dir(thing):
        value = getattr(thing, name, None)
        if name.startswith("_") or not callable(value) or isinstance(value, type):
            continue
        is_own = not isinstance(thing, ModuleType) or getattr(value, "__module__", "") == thing.__name__
        if listed or is_own:
            yield value


def _twice(name: str) -> KimiUsageError:
    return KimiUsageError(
        f"two tools are called {name!r}", hint="Give one another name: @kimi_magic.tool(name=...)."
    )
