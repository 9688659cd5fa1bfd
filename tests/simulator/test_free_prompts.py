"""What a class types: an answer to the whole wish, or one honest sentence in the language of the question."""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.simulator import arithmetic, content, languages

from .chat import send, user

PROMPTS = tomllib.loads((Path(__file__).parent / "free_prompts.toml").read_text(encoding="utf-8"))["prompts"]
LANGUAGES = content.load("languages")


def said(question: str) -> str:
    return send(messages=[user(question)]).message["content"]


def honest(code: str) -> str:
    """The one sentence of a language."""
    texts = LANGUAGES[code]
    return texts["unknown"].format(abilities=languages.abilities(code, 0))


@pytest.mark.parametrize("entry", PROMPTS, ids=[entry["prompt"] for entry in PROMPTS])
def test_a_free_prompt_gets_a_right_answer_or_the_honest_sentence(entry: dict[str, Any]):
    text, sentence = said(entry["prompt"]), honest(entry.get("code", "en"))
    if "says" in entry:
        assert entry["says"] in text
        assert text != sentence
    else:
        hello = LANGUAGES[entry.get("code", "en")]["hello"]
        assert text in (sentence, f"{hello} {sentence}")


def test_there_are_prompts_in_all_languages():
    assert len(PROMPTS) >= 60
    assert {entry.get("code", "en") for entry in PROMPTS} == set(LANGUAGES)


def test_the_sentences_are_there_in_all_languages_with_the_same_gaps():
    first = LANGUAGES["en"]
    for texts in LANGUAGES.values():
        assert set(texts) == set(first)
        assert len(texts["abilities"]) == len(first["abilities"])


def test_an_honest_answer_is_one_sentence_and_the_choices_of_a_request_differ():
    choices = send(messages=[user("Explain photosynthesis")], n=5).json["choices"]
    texts = [choice["message"]["content"] for choice in choices]
    assert len(set(texts)) == 5
    assert all(text.count(". ") == 0 and text.endswith(".") for text in texts)


@pytest.mark.parametrize(
    ("row", "code"), [(row, code) for row in content.load("capitals")["rows"] for code in ("en", "zh")]
)
def test_every_capital_is_found_by_the_name_of_its_country(row: list[Any], code: str):
    at = content.load("capitals")["languages"].index(code)
    city = row[2][at] or row[2][0]
    question = "What is the capital of {}?" if code == "en" else "{}的首都是哪里？"
    assert f"**{city}**" in said(question.format(row[1][at]))


NUMBERS = st.one_of(
    st.integers(0, 10**6), st.decimals(0, 1000, places=3).map(lambda number: number.normalize())
)


@settings(deadline=None)
@given(
    st.recursive(
        NUMBERS.map(lambda number: f"{number:f}"),
        lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        max_leaves=6,
    ),
    NUMBERS,
)
def test_a_calculation_is_exact(expression: str, last: Any):
    whole = f"{expression} + {last:f}"
    read = arithmetic.read(languages.clean(whole), "en")
    if len(whole) > arithmetic.MAX_LENGTH or read is None:
        assert len(whole) > arithmetic.MAX_LENGTH
        return
    exact = re.sub(r"\d+(?:\.\d+)?", lambda match: f"Fraction('{match.group()}')", whole)
    right = eval(exact, {"Fraction": Fraction})
    assert read.result == arithmetic.number_text(right)


@settings(deadline=None)
@given(st.text("0123456789+-*/^().x= √", max_size=60))
def test_any_signs_are_a_calculation_or_none_and_never_an_error(text: str):
    read = arithmetic.read(languages.clean(text), "en")
    assert read is None or len(read.result) < 2_000


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(-50, 50), st.integers(-50, 50))
def test_the_solution_of_an_equation_solves_it(factor: int, summand: int, right: int):
    read = arithmetic.read(f"{factor}x + {summand} = {right}", "en")
    assert read is not None
    assert Fraction(read.result.split(" ")[0]) * factor + summand == right


@pytest.mark.parametrize(
    "text",
    ["2024-05-03", "555-0100", "call 2+2 times", "3 apples", "x", "1 2 3", "2+2 and 3+3", "((2)"],
)
def test_what_is_no_calculation_is_not_calculated(text: str):
    assert arithmetic.read(languages.clean(text), "en") is None
