"""Plain answers: reasoning and text for a question in its conversation.

The texts stand in `topics` and `essays`; here they are chosen, put in relation to earlier turns and to
the system message, and made to differ between choices. What users wrote is quoted as data: in code
spans, shortened, without control characters.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from . import essays
from .dialogue import Image, Message
from .subjects import NUMBERS
from .topics import CAPITALS, TOPICS, Topic

_GIST = 2_000  # characters
_IDEOGRAPH = re.compile("[\u3400-\u9fff]")
_ARITHMETIC = re.compile(r"(?<![\w.])(-?\d{1,12})\s*([-+*/×x÷])\s*(-?\d{1,12})(?![\w.])")
_CAPITAL = re.compile(r"\bcapital (?:city )?of (?:the )?(\w+)", re.IGNORECASE)
_SENTENCES = re.compile(rf"\b(\d|{'|'.join(NUMBERS)}) (?:short )?sentences?\b", re.IGNORECASE)
_ONE_WORD = re.compile(r"\b(?:one|a single|1) word\b", re.IGNORECASE)
_FIRST = re.compile(
    r"\bwhat (?:did i|was my|have i) (?:\w+ ){0,3}?(?:ask\w*|question|say|said|write)\b"
    r"|\bmy (?:first|last|previous) question\b",
    re.IGNORECASE,
)
_MY_NAME = re.compile(r"\b(?i:my name is|call me) ([A-Z][\w-]{0,30})")
_ASKS_NAME = re.compile(r"\bwhat(?:'s| is| was) my name\b|\bwho am i\b", re.IGNORECASE)
_CLOSINGS = (
    "Ask on if you would like more detail.",
    "I can go further into any of these points.",
    "Tell me which part you would like to look at more closely.",
    "A smaller example would be a good next step.",
    "That is the short version; there is always a longer one.",
)
_PLANS = (
    "I will keep it short and correct.",
    "One clear thought after the other should do.",
    "I should check the facts before writing them down.",
    "The simplest true answer is the best here.",
    "A few well chosen words are enough.",
)
_OPERATIONS: Mapping[str, Callable[[int, int], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "x": operator.mul, "×": operator.mul,
    "/": operator.truediv, "÷": operator.truediv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation as an answer sees it: the last question and what came before."""

    question: str
    earlier: tuple[str, ...]
    system: str
    images: tuple[Image, ...]
    choice: int  # its index among the choices of the request
    variant: int  # which of several wordings; choices of one request have different ones


def talk_of(messages: tuple[Message, ...], choice: int, variant: int) -> Talk:
    """Read a conversation."""
    asked = [message for message in messages if message.role == "user"]
    return Talk(
        question=gist(asked[-1].text) if asked else "",
        earlier=tuple(gist(message.text) for message in asked[:-1] if message.text),
        system=gist(" ".join(message.text for message in messages if message.role == "system")),
        images=asked[-1].images if asked else (),
        choice=choice,
        variant=variant,
    )


def gist(text: str) -> str:
    """Return beginning and end of a long text: there the wish stands, and searches stay quick."""
    return text if len(text) <= 2 * _GIST else f"{text[:_GIST]}\n{text[-_GIST:]}"


def excerpt(text: str, limit: int = 60) -> str:
    """Quote text as a code span that nothing in the text can leave."""
    clean = "".join(char if char.isprintable() else " " for char in text[: limit * 10].replace("`", "'"))
    clean = " ".join(clean.split())
    if len(clean) > limit:
        clean = clean[: limit - 1].rstrip() + "…"
    return f"`{clean or '…'}`"


def answer(talk: Talk, random: Random) -> tuple[str, str]:
    """Return reasoning and text for the last question."""
    essay = essays.asked_for(talk.question)
    if essay is not None:
        count, subject = essay
        thought = f"{_about(talk)} {essays.think(count, subject, random)}"
        return thought, essays.write(count, subject, random)
    if _IDEOGRAPH.search(talk.question):
        return _chinese(talk)
    exact = _exact(talk)
    if exact is not None:
        return f"{_about(talk)} {exact[0]} {_plan(talk)}", exact[1]
    topic = next((topic for topic in TOPICS if topic.pattern.search(talk.question)), None)
    thought = f"{_about(talk)} {topic.plan if topic else _generic_plan(talk)} {_plan(talk)}"
    short = _short(talk, topic)
    if short is not None:
        return thought, short
    body = topic.body if topic else _generic(talk)
    return thought, f"{_link(talk)}{body}\n\n{_closing(talk)}"


def _about(talk: Talk) -> str:
    """Write what every reasoning begins with: the question and what surrounds it."""
    parts = [f"The user writes {excerpt(talk.question)}."]
    if talk.system:
        parts.append(f"The system message asks for {excerpt(talk.system)}, and I keep to that.")
    if talk.earlier:
        parts.append(f"Earlier they asked {excerpt(talk.earlier[0])}, so this continues from there.")
    if talk.images:
        parts.append(f"There is also {_images(talk)}, which I can count but not see.")
    return " ".join(parts)


def _plan(talk: Talk) -> str:
    return _PLANS[talk.variant % len(_PLANS)]


def _closing(talk: Talk) -> str:
    return _CLOSINGS[talk.variant % len(_CLOSINGS)]


def _link(talk: Talk) -> str:
    if not talk.earlier:
        return ""
    return f"Earlier you asked {excerpt(talk.earlier[-1])}; this continues from there.\n\n"


def _images(talk: Talk) -> str:
    first = talk.images[0]
    if len(talk.images) == 1:
        return f"an image ({first.mime}, {first.size:,} bytes)"
    return f"a set of {len(talk.images)} images (the first is {first.mime}, {first.size:,} bytes)"


def _exact(talk: Talk) -> tuple[str, str] | None:
    """Answer what has one right answer: about this conversation, sums, capitals."""
    question = talk.question
    if _FIRST.search(question):
        return _recall(talk)
    names = [name for text in talk.earlier for name in _MY_NAME.findall(text)]
    if _ASKS_NAME.search(question):
        if not names:
            return (
                "No name was given so far, and I must not invent one.",
                "You have not told me your name yet.",
            )
        return "The name was given earlier in this conversation.", f"Your name is {names[-1]}."
    told = _MY_NAME.search(question)
    if told:
        return "They tell me their name; I should greet them by it.", f"Nice to meet you, {told.group(1)}!"
    capital = _CAPITAL.search(question)
    if capital and capital.group(1).lower() in CAPITALS:
        city = CAPITALS[capital.group(1).lower()]
        full = f"The capital of {capital.group(1).capitalize()} is **{city}**."
        return "This is a plain fact that I know.", city if _wants_one_word(talk) else full
    found = _ARITHMETIC.search(question)
    if found is None:
        return None
    left, sign, right = int(found.group(1)), found.group(2), int(found.group(3))
    if right == 0 and sign in "/÷":
        return "Division by zero has no result.", f"{left} / 0 is not defined."
    result = _OPERATIONS[sign](left, right)
    shown = f"{result:.10g}" if isinstance(result, float) else str(result)
    sentence = shown if _wants_one_word(talk) else f"{left} {sign} {right} = **{shown}**"
    return f"This is a small sum: {left} {sign} {right} gives {shown}.", sentence


def _recall(talk: Talk) -> tuple[str, str]:
    if not talk.earlier:
        return "There is no earlier question in these messages.", "This is the first thing you asked."
    last = re.search(r"\b(last|previous|before|just)\b", talk.question, re.IGNORECASE)
    which, text = ("last", talk.earlier[-1]) if last else ("first", talk.earlier[0])
    thought = f"I look back through {len(talk.earlier)} earlier message(s) and take the {which}."
    return thought, f"The {which} thing you asked was {excerpt(text, 200)}."


def _short(talk: Talk, topic: Topic | None) -> str | None:
    """Honour a wish for one word or a few sentences, from the user or the system message."""
    if _wants_one_word(talk):
        return topic.word if topic else "Simulated"
    found = _SENTENCES.search(talk.question) or _SENTENCES.search(talk.system)
    if found is None:
        return None
    word = found.group(1).lower()
    count = max(1, NUMBERS.get(word) or int(word))
    sentences = (
        list(topic.sentences)
        if topic
        else [
            f"This is the offline simulator, and you wrote {excerpt(talk.question)}.",
            "A real model would answer that here.",
            "Everything else about this reply is as the service would send it.",
        ]
    )
    start = talk.choice % (len(sentences) - count + 1) if len(sentences) > count else 0
    chosen = sentences[start : start + count]
    chosen += [_CLOSINGS[(talk.variant + at) % len(_CLOSINGS)] for at in range(count - len(chosen))]
    return " ".join(chosen)


def _wants_one_word(talk: Talk) -> bool:
    return bool(_ONE_WORD.search(talk.question) or _ONE_WORD.search(talk.system))


def _generic_plan(talk: Talk) -> str:
    if re.search(r"\bwhy\b", talk.question, re.IGNORECASE):
        return "They ask for a reason. I know none, and an invented cause would be worse than none."
    return (
        "I have no prepared text for this and must not pretend to know. I can say what I am and quote them."
    )


def _generic(talk: Talk) -> str:
    seen = f" together with {_images(talk)}" if talk.images else ""
    if re.search(r"\bwhy\b", talk.question, re.IGNORECASE):
        first = "A good *why* deserves a real cause, and the **offline simulator** has none to offer here."
    else:
        first = "This is the **offline simulator**, so no model has thought about your message."
    return (
        f"{first} You wrote:\n\n> {excerpt(talk.question, 120)}{seen}\n\n"
        "What you see is nevertheless how an answer arrives:\n\n"
        "1. the *reasoning* first, piece by piece,\n"
        "2. then this text, with its Markdown,\n"
        "3. and at the end the number of tokens used.\n\n"
        "With a key, the same question goes to the real service."
    )


def _chinese(talk: Talk) -> tuple[str, str]:
    earlier = f"之前你问过{excerpt(talk.earlier[-1], 30)}，这里接着说。" if talk.earlier else ""
    system = f"系统消息要求{excerpt(talk.system, 30)}。" if talk.system else ""
    thought = (
        f"用户写道{excerpt(talk.question, 30)}。{system}{earlier}我用中文简短地回答，并说明自己是模拟器。"
    )
    if "天" in talk.question and "蓝" in talk.question:
        text = (
            "天空是蓝色的，因为空气对短波长的光散射得更强，这叫做**瑞利散射**。"
            "傍晚光线穿过更厚的空气，蓝光散失，剩下红光。🌅"
        )
    else:
        text = (
            f"你好！这里是**离线模拟器**，不是真正的模型。🌊 你写的是{excerpt(talk.question, 30)}。"
            "真正的服务会在这里给出完整的回答。"
        )
    endings = ("欢迎继续提问。", "还想知道什么？", "请随时告诉我。", "我们可以接着聊。", "下一个问题是什么？")
    return thought, f"{earlier}{text}{endings[talk.variant % len(endings)]}"
