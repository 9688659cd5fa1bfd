"""Tool calls: which tool a question seems to ask for, and arguments taken from the question's words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from random import Random
from typing import Any

from . import content, english, samples, schema_values
from .messages import Message, ToolCall
from .schemas import resolve
from .tools import WEB_SEARCH, Tool

MAX_PARALLEL = 4  # calls in one answer
_DESCRIPTION_LENGTH = 500  # characters of a description that are compared with the question
_QUERY_LENGTH = 400  # characters of the question that are an argument such as `query`
_SENTENCE_STARTS = re.compile(r"(?:^|[.!?]\s+)(\w+)")
_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|`([^`\n]{1,200})`|(?<!\w)'([^'\n]{1,200})'(?!\w)")
_CAPITALISED = re.compile(r"\b[A-Z][\w-]*(?:\s+[A-Z][\w-]+)*")
_NUMBER = re.compile(r"(?<![\w.])-?\d++(?:\.\d++)?+(?![\w.]*\d)")
_PATH = re.compile(r"(?<![\w./\\-])[\w./\\-]+\.[A-Za-z]\w{0,4}\b")
_ARITHMETIC = re.compile(r"[\d\s.()+*/^%-]+")
_EXPRESSION_WORDS = frozenset(("expression", "expr", "formula"))
_PATH_WORDS = frozenset(("path", "file", "filename"))
_QUERY_WORDS = frozenset(("query", "question", "text", "prompt", "message"))


def choose(question: str, tools: tuple[Tool, ...], choice: str) -> Tool | None:
    """Return the tool that shares most words with the question, or the one that `choice` demands, or None."""
    if choice.startswith("="):
        return next(tool for tool in tools if tool.name == choice[1:])
    if choice == "none" or not tools:
        return None
    wanted = _Words(question)
    scores = [
        2 * wanted.shared_with(tool.name) + wanted.shared_with(tool.description[:_DESCRIPTION_LENGTH])
        for tool in tools
    ]
    best = max(range(len(tools)), key=lambda at: scores[at])
    return tools[best] if scores[best] or choice == "required" else None


def choose_all(question: str, tools: tuple[Tool, ...], choice: str) -> list[Tool]:
    """Return the tools that the question asks for, in their order.

    That is the one of `choose`, and those of whose names the question has every word.
    """
    best = choose(question, tools, choice)
    if best is None or choice.startswith("="):
        return [best] if best is not None else []
    wanted = _Words(question)
    return [tool for tool in tools if tool is best or wanted.has_all(tool.name)][:MAX_PARALLEL]


def make(
    tool: Tool, question: str, messages: tuple[Message, ...], random: Random, before: int = 0
) -> tuple[ToolCall, ...]:
    """Make one call, or one for each thing named where the tool takes a single text.

    The ids count on over the calls in `messages`, and over `before` more.
    """
    count = sum(len(message.tool_calls) for message in messages) + before
    if tool.name == WEB_SEARCH:
        search = {"search_result": {"search_id": f"search-{count}"}, "usage": {"total_tokens": 512}}
        return (ToolCall(f"{tool.name}:{count}", tool.name, json.dumps(search)),)
    properties = resolve(tool.schema.root, tool.schema.root).get("properties", {})
    required = tool.schema.root.get("required", list(properties))
    things = _things(question)
    texts = [name for name in required if _kind(properties.get(name, {}), tool) == "string"]
    is_free = len(texts) == 1 and not any(
        key in properties.get(texts[0], {}) for key in ("enum", "const", "format")
    )
    is_single = is_free and len(required) == 1 and len(things) > 1
    calls: list[ToolCall] = []
    for chosen in [[thing] for thing in things[:MAX_PARALLEL]] if is_single else [things]:
        arguments = _Arguments(tool, question, random, chosen).all(properties, dict.fromkeys(required))
        text = json.dumps(arguments, ensure_ascii=False)
        calls.append(ToolCall(f"{tool.name}:{count + len(calls)}", tool.name, text))
    return tuple(calls)


def steps_wanted(question: str) -> int:
    """Return in how many steps, one after the other, the user wants tools used."""
    match = _steps().search(question)
    return english.number((match.group(1) or "two").lower()) if match else 1


@cache
def _steps() -> re.Pattern[str]:
    return re.compile(
        rf"\b(\d{{1,3}}|{english.number_words()})\s+(?:steps|times)\b|\b(twice)\b", re.IGNORECASE
    )


class _Arguments:
    """The arguments of one call: what the question offers is used up from left to right."""

    def __init__(self, tool: Tool, question: str, random: Random, things: list[str]) -> None:
        self._tool = tool
        self._question = question
        self._words = _Words(question)
        self._random = random
        self._things = list(things)
        numbers = map(float, _NUMBER.findall(question))
        self._numbers = [_shortest(number) for number in numbers if math.isfinite(number)]

    def all(self, properties: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
        """Return the required arguments, and optional ones where the question names one of their options."""
        arguments = {name: self._one(name, part) for name, part in properties.items() if name in required}
        for name, part in properties.items():
            if name not in required and self._option(part):
                arguments[name] = self._one(name, part)
        try:
            if self._tool.schema.fits(arguments):
                return arguments
        except RecursionError:
            pass
        invented: dict[str, Any] = schema_values.make(self._tool.schema, self._random)
        return invented

    def _one(self, name: str, part: Mapping[str, Any]) -> Any:
        part = resolve(part, self._tool.schema.root)
        if "enum" in part:
            return self._option(part) or part["enum"][0]
        match _kind(part, self._tool):
            case "integer" | "number" if self._numbers:
                return self._numbers.pop(0)
            case "boolean":
                return True
            case "string" if "const" not in part and "format" not in part:
                return self._text(name)
            case "array":
                items = _kind(part.get("items", {}), self._tool)
                if self._things and items == "string":
                    return list(self._things)
                if self._numbers and items in ("number", "integer"):
                    return list(self._numbers)
        return schema_values.make_part(part, self._tool.schema, name, self._random)

    def _text(self, name: str) -> str:
        words = set(english.words_of(name))
        if words & _EXPRESSION_WORDS and (expression := _expression(self._question)):
            return expression
        if words & _PATH_WORDS and (path := _PATH.search(self._question)):
            return path.group()
        if self._things:
            return self._things.pop(0)
        if words & _QUERY_WORDS:
            return self._question[:_QUERY_LENGTH]
        return samples.text(name, self._random.randrange(100))

    def _option(self, part: Mapping[str, Any]) -> str | None:
        """Return the first value of an enum that the question names."""
        for option in resolve(part, self._tool.schema.root).get("enum", ()):
            if isinstance(option, str) and option and self._words.name(option):
                return option
        return None


class _Words:
    """The words of a question that carry weight."""

    def __init__(self, question: str) -> None:
        self._question = question
        self._words = _weighty_words(question)
        self._stems = {word[:length] for word in self._words for length in (4, 5, 6) if len(word) >= length}

    def shared_with(self, text: str) -> int:
        """Return how many words of a text have a related one in the question."""
        return sum(self._has_related(word) for word in _weighty_words(text))

    def has_all(self, name: str) -> bool:
        """Return whether the question has every weighty word of the name of a tool."""
        words = _weighty_words(name)
        return bool(words) and all(self._has_related(word) for word in words)

    def name(self, option: str) -> bool:
        """Return whether the question names an option: by one of its words, or literally."""
        if not self._words.isdisjoint(_weighty_words(option)):
            return True
        return option in self._question and bool(re.search(rf"\b{re.escape(option)}\b", self._question))

    def _has_related(self, word: str) -> bool:
        """Return whether the question has a word or one that begins alike: six letters, or a shorter word."""
        if len(word) < 4:
            return word in self._words
        return not self._words.isdisjoint((word, word[:4], word[:5])) or word[:6] in self._stems


def _shortest(number: float) -> float:
    return int(number) if number.is_integer() else number


def _expression(question: str) -> str:
    """Return the first arithmetic expression of a question, "" if there is none.

    It begins with a digit, a point or a bracket and ends with a digit or a bracket; an operator stands
    between.
    """
    for match in _ARITHMETIC.finditer(question):
        text = match.group()
        start = re.search(r"[\d.(]", text)
        end = re.search(r"[\d)][^\d)]*\Z", text)
        if start and end and re.search(r"[+*/^%-]", text[start.start() + 1 : end.start()]):
            return text[start.start() : end.start() + 1]
    return ""


def _kind(part: Mapping[str, Any], tool: Tool) -> str:
    part = resolve(part, tool.schema.root)
    kind = part.get("type", "")
    if isinstance(kind, list):
        kind = kind[0]
    if not kind and isinstance(part.get("anyOf"), list):
        return _kind(part["anyOf"][0], tool)
    return str(kind)


def _weighty_words(text: str) -> set[str]:
    words = {word.removesuffix("s") for word in english.words_of(text) if len(word) > 2}
    return words - _common_words()


@cache
def _common_words() -> frozenset[str]:
    return frozenset(content.load("language")["common"])


def _things(question: str) -> list[str]:
    """Return what the question names: quoted texts, else words with a capital inside a sentence."""
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(question)]
    if quoted:
        return quoted
    starts = {match.start(1) for match in _SENTENCE_STARTS.finditer(question)}
    names = [
        match.group()
        for match in _CAPITALISED.finditer(question)
        if match.start() not in starts and len(match.group()) > 1
    ]
    return list(dict.fromkeys(names))
