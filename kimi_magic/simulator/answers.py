"""Plain answers: reasoning and text for the last question of a conversation.

The sentences stand in `data/answers.toml` and `data/topics.toml`. This module chooses among them, refers to
earlier turns and to the system message, and makes the choices of one request differ. What users wrote is
quoted as data: in code spans, shortened, without control characters.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from . import content, english, essays
from .messages import Image, Message

_SHORT_HALF = 2_000  # characters kept of each end of a long text
_IDEOGRAPH = re.compile("[\u3400-\u9fff]")
_ARITHMETIC = re.compile(r"(?<![\w.])(-?\d{1,12})\s*([-+*/×x÷])\s*(-?\d{1,12})(?![\w.])")
_CAPITAL = re.compile(r"\bcapital (?:city )?of (?:the )?(\w+)", re.IGNORECASE)
_ONE_WORD = re.compile(r"\b(?:one|a single|1) word\b", re.IGNORECASE)
_WHY = re.compile(r"\bwhy\b", re.IGNORECASE)
_LAST = re.compile(r"\b(last|previous|before|just)\b", re.IGNORECASE)
_EARLIER_QUESTION = re.compile(
    r"\bwhat (?:did i|was my|have i) (?:\w+ ){0,3}?(?:ask\w*|question|say|said|write)\b"
    r"|\bmy (?:first|last|previous) question\b",
    re.IGNORECASE,
)
_MY_NAME = re.compile(r"\b(?i:my name is|call me) ([A-Z][\w-]{0,30})")
_NAME_QUESTION = re.compile(r"\bwhat(?:'s| is| was) my name\b|\bwho am i\b", re.IGNORECASE)
_OPERATIONS: Mapping[str, Callable[[int, int], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "x": operator.mul, "×": operator.mul,
    "/": operator.truediv, "÷": operator.truediv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Topic:
    """A question with a prepared answer; the fields are explained in `data/topics.toml`."""

    pattern: re.Pattern[str]
    plan: str
    word: str
    sentences: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Context:
    """What an answer depends on: the last question and what came before it, long texts shortened."""

    question: str
    earlier: tuple[str, ...]  # the user's messages before the last
    system: str
    images: tuple[Image, ...]
    choice: int  # the place of the answer among the choices of the request, from 0
    variant: int  # which of several wordings; the choices of one request have different ones


def read_context(messages: tuple[Message, ...], choice: int, variant: int) -> Context:
    """Read the context of one choice from the messages of a request."""
    questions = [message for message in messages if message.role == "user"]
    return Context(
        question=shorten(questions[-1].text) if questions else "",
        earlier=tuple(shorten(message.text) for message in questions[:-1] if message.text),
        system=shorten(" ".join(message.text for message in messages if message.role == "system")),
        images=questions[-1].images if questions else (),
        choice=choice,
        variant=variant,
    )


def shorten(text: str) -> str:
    """Return both ends of a long text: instructions stand there, and searches in them stay quick."""
    return text if len(text) <= 2 * _SHORT_HALF else f"{text[:_SHORT_HALF]}\n{text[-_SHORT_HALF:]}"


def excerpt(text: str, limit: int = 60) -> str:
    """Quote at most `limit` characters of text as a code span that nothing in the text can end."""
    clean = "".join(char if char.isprintable() else " " for char in text[: limit * 10].replace("`", "'"))
    clean = " ".join(clean.split())
    if len(clean) > limit:
        clean = clean[: limit - 1].rstrip() + "…"
    return f"`{clean or '…'}`"


def wording(variants: list[str], context: Context) -> str:
    """Return one of several wordings of the same thing."""
    return variants[context.variant % len(variants)]


def answer(context: Context, random: Random) -> tuple[str, str]:
    """Return reasoning and text for the last question."""
    essay = essays.read_task(context.question)
    if essay is not None:
        count, subject = essay
        reasoning = f"{_opening(context)} {essays.think(count, subject, random)}"
        return reasoning, essays.write(count, subject, random)
    if _IDEOGRAPH.search(context.question):
        return _chinese(context)
    plan = wording(_texts()["plans"], context)
    exact = _exact(context)
    if exact is not None:
        return f"{_opening(context)} {exact[0]} {plan}", exact[1]
    topic = next((topic for topic in topics() if topic.pattern.search(context.question)), None)
    reasoning = f"{_opening(context)} {topic.plan if topic else _unknown_plan(context)} {plan}"
    short = _short(context, topic)
    if short is not None:
        return reasoning, short
    body = topic.body if topic else _unknown(context)
    return reasoning, f"{_link(context)}{body}\n\n{wording(_texts()['closings'], context)}"


@cache
def topics() -> tuple[Topic, ...]:
    """Return the questions with a prepared answer, in the order in which they are tried."""
    return tuple(
        Topic(
            pattern=re.compile(entry["pattern"], re.IGNORECASE),
            plan=entry["plan"],
            word=entry["word"],
            sentences=tuple(entry["sentences"]),
            body=entry["body"],
        )
        for entry in content.load("topics")["topic"]
    )


def _texts() -> dict[str, Any]:
    return content.load("answers")


def _opening(context: Context) -> str:
    """Write how the reasoning begins: the question and what surrounds it."""
    texts = _texts()["opening"]
    parts = [texts["question"].format(question=excerpt(context.question))]
    if context.system:
        parts.append(texts["system"].format(system=excerpt(context.system)))
    if context.earlier:
        parts.append(texts["earlier"].format(earlier=excerpt(context.earlier[0])))
    if context.images:
        parts.append(texts["images"].format(images=_images(context.images)))
    return " ".join(parts)


def _link(context: Context) -> str:
    if not context.earlier:
        return ""
    link: str = _texts()["unknown"]["link"]
    return link.format(earlier=excerpt(context.earlier[-1]))


def _images(images: tuple[Image, ...]) -> str:
    form: str = _texts()["images"]["one" if len(images) == 1 else "several"]
    return form.format(count=len(images), mime=images[0].mime, size=images[0].size)


def _exact(context: Context) -> tuple[str, str] | None:
    """Answer what has one right answer: about this conversation, names, capitals, arithmetic."""
    texts = _texts()["exact"]
    question = context.question
    if _EARLIER_QUESTION.search(question):
        return _recall(context)
    if _NAME_QUESTION.search(question):
        names = [name for text in context.earlier for name in _MY_NAME.findall(text)]
        if not names:
            return texts["no_name_reasoning"], texts["no_name"]
        return texts["name_reasoning"], texts["name"].format(name=names[-1])
    introduction = _MY_NAME.search(question)
    if introduction:
        return texts["greeting_reasoning"], texts["greeting"].format(name=introduction.group(1))
    capital = _CAPITAL.search(question)
    if capital and capital.group(1).lower() in (cities := content.load("topics")["capitals"]):
        city = cities[capital.group(1).lower()]
        sentence = texts["capital"].format(country=capital.group(1).capitalize(), city=city)
        return texts["capital_reasoning"], city if _wants_one_word(context) else sentence
    return _calculate(context)


def _calculate(context: Context) -> tuple[str, str] | None:
    texts = _texts()["exact"]
    match = _ARITHMETIC.search(context.question)
    if match is None:
        return None
    left, sign, right = int(match.group(1)), match.group(2), int(match.group(3))
    if right == 0 and sign in "/÷":
        return texts["no_result_reasoning"], texts["no_result"].format(left=left)
    number = _OPERATIONS[sign](left, right)
    result = f"{number:.10g}" if isinstance(number, float) else str(number)
    values = {"left": left, "sign": sign, "right": right, "result": result}
    sentence = result if _wants_one_word(context) else texts["result"].format(**values)
    return texts["result_reasoning"].format(**values), sentence


def _recall(context: Context) -> tuple[str, str]:
    texts = _texts()["exact"]
    if not context.earlier:
        return texts["no_earlier_reasoning"], texts["no_earlier"]
    last = _LAST.search(context.question)
    which, text = ("last", context.earlier[-1]) if last else ("first", context.earlier[0])
    return (
        texts["recall_reasoning"].format(count=len(context.earlier), which=which),
        texts["recall"].format(which=which, text=excerpt(text, 200)),
    )


def _short(context: Context, topic: Topic | None) -> str | None:
    """Answer in one word or a few sentences, where the user or the system message asks for that."""
    unknown = _texts()["unknown"]
    if _wants_one_word(context):
        return topic.word if topic else str(unknown["word"])
    match = _sentence_count().search(context.question) or _sentence_count().search(context.system)
    if match is None:
        return None
    count = max(1, english.number(match.group(1).lower()))
    sentences = topic.sentences if topic else tuple(unknown["sentences"])
    start = context.choice % (len(sentences) - count + 1) if len(sentences) > count else 0
    chosen = [text if topic else text.format(question=excerpt(context.question)) for text in sentences]
    chosen = chosen[start : start + count]
    closings = _texts()["closings"]
    chosen += [closings[(context.variant + at) % len(closings)] for at in range(count - len(chosen))]
    return " ".join(chosen)


@cache
def _sentence_count() -> re.Pattern[str]:
    return re.compile(rf"\b(\d|{english.number_words()}) (?:short )?sentences?\b", re.IGNORECASE)


def _wants_one_word(context: Context) -> bool:
    return bool(_ONE_WORD.search(context.question) or _ONE_WORD.search(context.system))


def _unknown_plan(context: Context) -> str:
    return str(_texts()["unknown"]["plan_why" if _WHY.search(context.question) else "plan"])


def _unknown(context: Context) -> str:
    """Answer a question that no topic fits: say what the simulator is and quote the question."""
    texts = _texts()["unknown"]
    images = texts["images"].format(images=_images(context.images)) if context.images else ""
    first = texts["first_why" if _WHY.search(context.question) else "first"]
    body: str = texts["body"]
    return body.format(first=first, question=excerpt(context.question, 120), images=images)


def _chinese(context: Context) -> tuple[str, str]:
    texts = _texts()["chinese"]
    question = excerpt(context.question, 30)
    earlier = texts["earlier"].format(earlier=excerpt(context.earlier[-1], 30)) if context.earlier else ""
    system = texts["system"].format(system=excerpt(context.system, 30)) if context.system else ""
    reasoning = texts["reasoning"].format(question=question, system=system, earlier=earlier)
    is_sky = "天" in context.question and "蓝" in context.question
    text = texts["sky"] if is_sky else texts["other"].format(question=question)
    return reasoning, f"{earlier}{text}{wording(texts['closings'], context)}"
