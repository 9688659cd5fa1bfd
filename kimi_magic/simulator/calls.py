"""Tool calls: which tool a question seems to want, and arguments drawn from the question's words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from random import Random
from typing import Any

from . import samples, schema_values
from .dialogue import Call, Message
from .schemas import fits, resolve
from .subjects import NUMBERS
from .tooling import Tool

MAX_PARALLEL = 4  # calls in one answer
_COMMON = frozenset(
    samples.words_of(
        "the and for with this that from what which who how why when where are was were can could would "
        "should will does did has have had you your our their its into out about over under than then them "
        "they given get gets give gives return returns make makes use uses using used call calls called tool "
        "tools function functions value values name names one two all any some not please show tell find "
        "set optional required string number list current"
    )
)
_SENTENCE_STARTS = re.compile(r"(?:^|[.!?]\s+)(\w+)")
_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|`([^`\n]{1,200})`|(?<!\w)'([^'\n]{1,200})'(?!\w)")
_CAPITALISED = re.compile(r"\b[A-Z][\w-]*(?:\s+[A-Z][\w-]+)*")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
_EXPRESSION = re.compile(r"[\d.(][\d\s.()+*/^%-]*[+*/^%-][\d\s.()+*/^%-]*[\d)]")
_PATH = re.compile(r"[\w./\\-]+\.[A-Za-z]\w{0,4}\b")
_STEPS = re.compile(r"\b(\d{1,3}|" + "|".join(NUMBERS) + r")\s+(?:steps|times)\b|\b(twice)\b", re.IGNORECASE)


def choose(question: str, tools: tuple[Tool, ...], choice: str) -> Tool | None:
    """Return the tool that shares most words with the question; None if none does and none must be used."""
    if choice.startswith("="):
        return next(tool for tool in tools if tool.name == choice[1:])
    if choice == "none" or not tools:
        return None
    wanted = _words(question)
    scores = [
        2 * _shared(_words(tool.name), wanted) + _shared(_words(tool.description[:500]), wanted)
        for tool in tools
    ]
    best = max(range(len(tools)), key=lambda at: scores[at])
    return tools[best] if scores[best] or choice == "required" else None


def make(tool: Tool, question: str, messages: tuple[Message, ...], random: Random) -> tuple[Call, ...]:
    """Make one call, or one for each thing named where the tool takes a single text."""
    count = sum(len(message.calls) for message in messages)
    properties = resolve(tool.parameters, tool.parameters).get("properties", {})
    required = tool.parameters.get("required", list(properties))
    things = _things(question)
    texts = [name for name in required if _kind(properties.get(name, {}), tool) == "string"]
    free = len(texts) == 1 and not any(
        key in properties.get(texts[0], {}) for key in ("enum", "const", "format")
    )
    rounds = things[:MAX_PARALLEL] if free and len(required) == 1 and len(things) > 1 else [""]
    calls: list[Call] = []
    for thing in rounds:
        arguments = _Arguments(tool, question, random, [thing] if thing else things).all(properties, required)
        text = json.dumps(arguments, ensure_ascii=False)
        calls.append(Call(f"{tool.name}:{count + len(calls)}", tool.name, text))
    return tuple(calls)


def steps_wanted(question: str) -> int:
    """Return in how many steps, one after the other, the user wants tools used."""
    found = _STEPS.search(question)
    if found is None:
        return 1
    word = (found.group(1) or "two").lower()
    return NUMBERS.get(word) or int(word)


class _Arguments:
    """The arguments of one call: what the question offers is used up from left to right."""

    def __init__(self, tool: Tool, question: str, random: Random, things: list[str]) -> None:
        self._tool = tool
        self._question = question
        self._random = random
        self._things = list(things)
        self._numbers = [float(text) for text in _NUMBER.findall(question)]

    def all(self, properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
        arguments = {name: self._one(name, part) for name, part in properties.items() if name in required}
        for name, part in properties.items():  # optional ones only where the question says something
            if name not in required and self._mentioned(part):
                arguments[name] = self._one(name, part)
        try:
            if fits(arguments, self._tool.parameters, self._tool.parameters):
                return arguments
        except RecursionError:
            pass
        made: dict[str, Any] = schema_values.make(self._tool.parameters, self._random)
        return made

    def _one(self, name: str, part: Mapping[str, Any]) -> Any:
        part = resolve(part, self._tool.parameters)
        if "enum" in part:
            return self._mentioned(part) or part["enum"][0]
        match _kind(part, self._tool):
            case "integer" | "number" if self._numbers:
                number = self._numbers.pop(0)
                return int(number) if number == int(number) else number
            case "boolean":
                return True
            case "string" if "const" not in part and "format" not in part:
                return self._text(name)
            case "array" if self._things and _kind(part.get("items", {}), self._tool) == "string":
                return list(self._things)
            case "array" if self._numbers and _kind(part.get("items", {}), self._tool) in (
                "number",
                "integer",
            ):
                return [int(n) if n == int(n) else n for n in self._numbers]
        return schema_values.make_part(part, self._tool.parameters, name, self._random)

    def _text(self, name: str) -> str:
        words = samples.words_of(name)
        expression, path = _EXPRESSION.search(self._question), _PATH.search(self._question)
        if expression and {"expression", "expr", "formula"} & set(words):
            return expression.group().strip()
        if path and {"path", "file", "filename"} & set(words):
            return path.group()
        if self._things:
            return self._things.pop(0)
        if {"query", "question", "text", "prompt", "message"} & set(words):
            return self._question[:400]
        return samples.text(name, self._random.randrange(100))

    def _mentioned(self, part: Mapping[str, Any]) -> Any:
        options = resolve(part, self._tool.parameters).get("enum", [])
        said = _words(self._question)
        for option in options:
            if not isinstance(option, str) or not option:
                continue
            if _words(option) & said or re.search(rf"\b{re.escape(option)}\b", self._question):
                return option
        return None


def _kind(part: Mapping[str, Any], tool: Tool) -> str:
    part = resolve(part, tool.parameters)
    kind = part.get("type", "")
    if isinstance(kind, list):
        kind = kind[0]
    if not kind and isinstance(part.get("anyOf"), list):
        return _kind(part["anyOf"][0], tool)
    return str(kind)


def _words(text: str) -> set[str]:
    words = {word.removesuffix("s") for word in samples.words_of(text) if len(word) > 2}
    return words - _COMMON


def _shared(offered: set[str], wanted: set[str]) -> int:
    return sum(any(_akin(word, other) for other in wanted) for word in offered)


def _akin(first: str, second: str) -> bool:
    """Say whether two words are forms of one: equal, one the start of the other, or six letters alike."""
    short = min(len(first), len(second))
    return first == second or (short >= 4 and first[: min(short, 6)] == second[: min(short, 6)])


def _things(question: str) -> list[str]:
    """Return what the question names: quoted texts, else words with a capital inside a sentence."""
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(question)]
    if quoted:
        return quoted
    starts = {match.start(1) for match in _SENTENCE_STARTS.finditer(question)}
    found = [
        match.group()
        for match in _CAPITALISED.finditer(question)
        if match.start() not in starts and len(match.group()) > 1
    ]
    return list(dict.fromkeys(found))
