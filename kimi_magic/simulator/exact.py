"""Questions with one right answer: about the conversation, names, capitals, calculations.

A question is answered here only if it is such a question as a whole. The sentences stand in
`data/answers.toml` (the reasoning, and what is said of the conversation, both in English) and
`data/languages.toml`.
"""

from __future__ import annotations

import re

from . import arithmetic, capitals, content, languages
from .context import Context, excerpt

_LAST = re.compile(r"\b(last|previous|before|just)\b", re.IGNORECASE)
_EARLIER_QUESTION = re.compile(
    r"(?:(?:and|so),? )?what (?:did i|was my|have i) (?:\w+ ){0,3}?(?:ask\w*|question|say|said|write)"
    r"(?: (?:you|me|about|before|first|last|just|earlier|now|then|at|the|beginning)){0,4}"
    r"|(?:what was )?my (?:first|last|previous) question",
    re.IGNORECASE,
)
_NAME = r"([A-Z][\w-]{0,30})"
_MY_NAME = re.compile(rf"\b(?:[Mm]y name is|[Cc]all me) {_NAME}")
_INTRODUCTION = re.compile(
    rf"\W*(?:(?:[Hh]i|[Hh]ello|[Hh]ey)\b[ ,.!]*)?(?:[Mm]y name is|[Cc]all me) {_NAME}"
    r"(?:[,.]? and (?:I|my)\b[^?.!\n]{1,60})?[\s.!]*"
)
_NAME_QUESTION = re.compile(r"(?:what(?:'s|’s| is| was) my name|who am i)", re.IGNORECASE)


def answer(context: Context, *, as_word: bool) -> tuple[str, str] | None:
    """Return reasoning and text, or None. With `as_word` the text is the bare result."""
    texts = content.load("answers")["exact"]
    question, code = context.wish, context.language
    if _EARLIER_QUESTION.fullmatch(question):
        return _recall(context)
    if _NAME_QUESTION.fullmatch(question):
        names = [name for text in context.earlier for name in _MY_NAME.findall(text)]
        if not names:
            return texts["no_name_reasoning"], texts["no_name"]
        return texts["name_reasoning"], texts["name"].format(name=names[-1])
    introduction = _INTRODUCTION.fullmatch(context.question)
    if introduction:
        return texts["greeting_reasoning"], texts["greeting"].format(name=introduction.group(1))
    capital = next(filter(None, (capitals.find(question, each) for each in _languages(code))), None)
    if capital is not None:
        code, country, city = capital
        sentence = languages.sentences(code)["capital"].format(country=country, city=city)
        return texts["capital_reasoning"], city if as_word else sentence
    calculation = next(filter(None, (arithmetic.read(question, each) for each in _languages(code))), None)
    return None if calculation is None else _result(calculation, code, as_word=as_word)


def _languages(code: str) -> list[str]:
    """Return all languages, the given one first: few words do not always tell which one they are in."""
    return [code, *(each for each in languages.codes() if each != code)]


def _result(calculation: arithmetic.Calculation, code: str, *, as_word: bool) -> tuple[str, str]:
    texts = content.load("answers")["exact"]
    expression, result, unknown = calculation.expression, calculation.result, calculation.unknown
    match calculation.state:
        case "result":
            reasoning = texts["result_reasoning"].format(expression=expression, result=result)
            return reasoning, result if as_word else f"{expression} = **{result}**"
        case "solution":
            reasoning = texts["solution_reasoning"].format(
                equation=expression, unknown=unknown, result=result
            )
            return reasoning, result if as_word else f"{expression} ⇒ **{unknown} = {result}**"
    sentence = languages.sentences(code)[calculation.state]
    return texts["no_result_reasoning"], sentence.format(
        expression=expression, equation=expression, unknown=unknown
    )


def _recall(context: Context) -> tuple[str, str]:
    texts = content.load("answers")["exact"]
    if not context.earlier:
        return texts["no_earlier_reasoning"], texts["no_earlier"]
    last = _LAST.search(context.question)
    which, text = ("last", context.earlier[-1]) if last else ("first", context.earlier[0])
    return (
        texts["recall_reasoning"].format(count=len(context.earlier), which=which),
        texts["recall"].format(which=which, text=excerpt(text, 200)),
    )
