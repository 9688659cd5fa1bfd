"""Plain answers: reasoning and text for the last question of a conversation.

A prepared answer is used only where the whole question asks for it; what has one right answer is in
`exact`, texts of a wished length are in `essays`. Everything else gets one sentence that says what the
simulator is and what it can do, in the language of the question. The sentences stand in `data/answers.toml`,
`data/languages.toml` and `data/topics.toml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from . import content, essays, exact, languages
from .context import Context, excerpt, wording
from .messages import Image


@dataclass(frozen=True, slots=True)
class Topic:
    """Wishes with a prepared answer; the fields are explained in `data/topics.toml`."""

    wishes: re.Pattern[str]
    plan: str
    word: str
    sentences: tuple[str, ...]
    body: str


def answer(context: Context, random: Random) -> tuple[str, str]:
    """Return reasoning and text for the last question."""
    essay = essays.read_task(context.question)
    if essay is not None:
        count, subject = essay
        reasoning = f"{_opening(context)} {essays.think(count, subject, random)}"
        return reasoning, essays.write(count, subject, random)
    plan = wording(_texts()["plans"], context)
    known = None if context.images else exact.answer(context, as_word=context.is_one_word)
    if known is not None:
        return f"{_opening(context)} {known[0]} {plan}", known[1]
    topic = None if context.images else topic_of(context.wish)
    if topic is not None:
        return f"{_opening(context)} {topic.plan} {plan}", _of_length(topic, context)
    return _unknown(context, plan)


def topic_of(wish: str) -> Topic | None:
    """Return the topic that a clean question asks for as a whole, or None."""
    return next((topic for topic in topics() if topic.wishes.fullmatch(wish)), None)


@cache
def topics() -> tuple[Topic, ...]:
    """Return the questions with a prepared answer, in the order in which they are tried."""
    return tuple(
        Topic(
            wishes=re.compile("|".join(f"(?:{wish})" for wish in entry["wishes"])),
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


def _images(images: tuple[Image, ...]) -> str:
    form: str = _texts()["images"]["one" if len(images) == 1 else "several"]
    return form.format(count=len(images), mime=images[0].mime, size=images[0].size)


def _of_length(topic: Topic, context: Context) -> str:
    """Return the prepared answer in one word, in a few sentences, or in full.

    The choices of a request behind the first have one of the sentences below the answer, so that they differ.
    """
    if context.is_one_word:
        return topic.word
    if not context.sentences:
        below = topic.sentences[(context.choice - 1) % len(topic.sentences)]
        return f"{topic.body}\n\n{below}" if context.choice else topic.body
    spare = len(topic.sentences) - context.sentences
    start = context.choice % (spare + 1) if spare > 0 else 0
    return " ".join(topic.sentences[start : start + context.sentences])


def _unknown(context: Context, plan: str) -> tuple[str, str]:
    """Say what the simulator is and what it can do: one sentence, and the images that came, if any."""
    texts = languages.sentences(context.language)
    abilities = languages.abilities(context.language, context.choice)
    text = texts["unknown"].format(abilities=abilities)
    if languages.is_greeting(context.wish, context.language):
        text = f"{texts['hello']} {text}"
    if context.images:
        text += f" ({_images(context.images)})"
    reasoning = texts["reasoning"].format(question=excerpt(context.question))
    return f"{_opening(context)} {reasoning} {plan}" if context.language == "en" else reasoning, text
