"""Exact arithmetic, percent and linear equations in one unknown, as they are written in a question.

Numbers are fractions, so nothing is rounded. An expression is read by its own small grammar and never
evaluated as code. Its length and its powers are limited, so that `9**9**9` ends at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from . import languages

MAX_LENGTH = 300  # characters of an expression
_MAX_DEPTH = 40  # brackets inside brackets, and powers of powers
_MAX_BITS = 2_000  # of numerator and denominator: about 600 digits
_MAX_DECIMALS = 12
_MANY_DIGITS = 60  # a fraction with more is written as a decimal only
_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+|\*\*|[-+*/^()√=]|[a-z](?![a-z]))")
_TIMES = re.compile(r"(?<=[\d)])\s*[x×·⋅]\s*(?=[\d(√])")
_LEADING_ZERO = re.compile(r"(?<![\d.])0\d")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_GROUPED_BY_POINTS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,])")
_COMMA_LANGUAGES = ("de", "es", "fr", "pt")  # 1.000,5 is a thousand and a half


class _UnreadableError(ValueError):
    """The text is no expression, or one of another kind: with two unknowns, not linear, not rational."""


class _TooLargeError(ValueError):
    """The result has too many digits."""


@dataclass(frozen=True, slots=True)
class Calculation:
    """A calculation and its result. `state` is the name of the sentence to answer with.

    It is result, solution, too_large, no_result, no_solution or any_solution. `expression` is what was read,
    with even spaces; `result` the number as text, or the number of the `unknown`.
    """

    state: str
    expression: str
    result: str = ""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    """A number, or `factor` times the unknown plus `number`."""

    number: Fraction
    factor: Fraction = Fraction(0)

    def checked(self) -> _Line:
        """Return the value itself. Raises `_TooLargeError` for one with too many digits."""
        parts = (self.number, self.factor)
        if any(max(part.numerator.bit_length(), part.denominator.bit_length()) > _MAX_BITS for part in parts):
            raise _TooLargeError
        return self


def read(question: str, code: str) -> Calculation | None:
    """Read a clean question as a calculation; None if it is not one as a whole. `code` is its language."""
    if len(question) > MAX_LENGTH or not any(char.isdigit() for char in question):
        return None
    text = _without_asking(question, code)
    for pattern in languages.sentences(code)["percent"]:
        if match := re.fullmatch(pattern, text):
            return _percent(_plain_number(match["part"], code), _plain_number(match["whole"], code))
    text = _plain_signs(_plain_numbers(text, code), code).rstrip(" =")
    if _LEADING_ZERO.search(text):  # a date, a telephone number
        return None
    tokens = _tokens(text)
    if not tokens or not any(token in tokens for token in ("+", "-", "*", "/", "^", "√", "=")):
        return None
    return _calculate(tokens)


def number_text(value: Fraction) -> str:
    """Write a number: whole, as a decimal that ends, or as a fraction with its first decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    if rest == 1 and (10**_MAX_DECIMALS * value).denominator == 1:
        return _decimal(value)
    fraction = f"{value.numerator}/{value.denominator}"
    approximate = f"≈ {_decimal(Fraction(round(value * 10**6), 10**6))}"
    return approximate if len(fraction) > _MANY_DIGITS else f"{fraction} {approximate}"


def _decimal(value: Fraction) -> str:
    scaled = round(abs(value) * 10**_MAX_DECIMALS)
    whole, part = divmod(scaled, 10**_MAX_DECIMALS)
    digits = f"{part:0{_MAX_DECIMALS}}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' if digits else ''}{digits}"


def _percent(part: str, whole: str) -> Calculation | None:
    try:
        shares, total = Fraction(part), Fraction(whole)
    except ValueError:
        return None
    return Calculation("result", f"{part} % × {whole}", number_text(shares * total / 100))


def _calculate(tokens: list[str]) -> Calculation | None:
    expression = _spaced(tokens)
    sides, unknowns = tokens.count("=") + 1, sorted({token for token in tokens if token.isalpha()})
    if sides > 2 or len(unknowns) != sides - 1:
        return None
    try:
        if sides == 1:
            return Calculation("result", expression, number_text(_Reader(tokens).whole().number))
        at = tokens.index("=")
        left, right = _Reader(tokens[:at]).whole(), _Reader(tokens[at + 1 :]).whole()
    except _TooLargeError:
        return Calculation("too_large", expression)
    except ZeroDivisionError:
        return Calculation("no_result", expression)
    except _UnreadableError:
        return None
    factor, number = left.factor - right.factor, right.number - left.number
    if factor == 0:
        return Calculation("no_solution" if number else "any_solution", expression, unknown=unknowns[0])
    return Calculation("solution", expression, number_text(number / factor), unknowns[0])


class _Reader:
    """Reads tokens by the usual precedence: sums, products, signs, powers, brackets."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> _Line:
        """Read all tokens as one expression."""
        value = self._sum()
        if self._at < len(self._tokens):
            raise _UnreadableError
        return value

    def _next(self, *signs: str) -> str:
        """Return the next token and go on, if it is one of the signs; else return ""."""
        if self._at < len(self._tokens) and self._tokens[self._at] in signs:
            self._at += 1
            return self._tokens[self._at - 1]
        return ""

    def _sum(self) -> _Line:
        value = self._product()
        while sign := self._next("+", "-"):
            other = self._product()
            way = 1 if sign == "+" else -1
            value = _Line(value.number + way * other.number, value.factor + way * other.factor).checked()
        return value

    def _product(self) -> _Line:
        value = self._signed()
        while True:
            if sign := self._next("*", "/"):
                value = (_times if sign == "*" else _over)(value, self._signed()).checked()
            elif self._is_factor():  # 3x, 2(x + 1)
                value = _times(value, self._power()).checked()
            else:
                return value

    def _is_factor(self) -> bool:
        ahead = self._tokens[self._at] if self._at < len(self._tokens) else ""
        before = self._tokens[self._at - 1]
        return (ahead.isalpha() and (before[-1].isdigit() or before == ")")) or (
            ahead == "(" and (before[-1].isdigit() or before == ")" or before.isalpha())
        )

    def _signed(self) -> _Line:
        if sign := self._next("+", "-"):
            return (
                self._inside(self._signed)
                if sign == "+"
                else _times(_Line(Fraction(-1)), self._inside(self._signed))
            )
        return self._power()

    def _power(self) -> _Line:
        base = self._atom()
        if not self._next("^", "**"):
            return base
        return _power(base, self._inside(self._signed)).checked()

    def _atom(self) -> _Line:
        if self._next("("):
            value = self._inside(self._sum)
            if not self._next(")"):
                raise _UnreadableError
            return value
        if self._next("√"):
            return _root(self._inside(self._atom))
        if self._at == len(self._tokens):
            raise _UnreadableError
        token = self._tokens[self._at]
        self._at += 1
        if token.isalpha():
            return _Line(Fraction(0), Fraction(1))
        try:
            return _Line(Fraction(token)).checked()
        except ValueError:
            raise _UnreadableError from None

    def _inside(self, read_part: Callable[[], _Line]) -> _Line:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _UnreadableError
        value = read_part()
        self._depth -= 1
        return value


def _times(left: _Line, right: _Line) -> _Line:
    if left.factor and right.factor:
        raise _UnreadableError
    factor = left.factor * right.number + right.factor * left.number
    return _Line(left.number * right.number, factor)


def _over(left: _Line, right: _Line) -> _Line:
    if right.factor:
        raise _UnreadableError
    return _Line(left.number / right.number, left.factor / right.number)


def _power(base: _Line, exponent: _Line) -> _Line:
    if exponent.factor or exponent.number.denominator != 1:
        raise _UnreadableError
    count = int(exponent.number)
    if base.factor:
        if count == 1:
            return base
        raise _UnreadableError
    bits = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    if base.number not in (0, 1, -1) and (bits - 1) * abs(count) > _MAX_BITS:
        raise _TooLargeError
    if base.number in (1, -1):
        count %= 2
    return _Line(base.number**count)


def _root(value: _Line) -> _Line:
    """Return the square root of a square; others are not rational."""
    if value.factor or value.number < 0:
        raise _UnreadableError
    root = Fraction(math.isqrt(value.number.numerator), math.isqrt(value.number.denominator))
    if root * root != value.number:
        raise _UnreadableError
    return _Line(root)


def _tokens(text: str) -> list[str]:
    """Cut an expression into tokens; an empty list if something else stands in it."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return [] if text[at:].strip() else tokens
        tokens.append("^" if match[1] == "**" else match[1])
        at = match.end()
    return tokens


def _spaced(tokens: list[str]) -> str:
    """Write tokens with spaces around the operators that stand between two values."""
    text = ""
    for at, token in enumerate(tokens):
        after_value = at > 0 and (tokens[at - 1][-1].isalnum() or tokens[at - 1] == ")")
        is_between = token in ("*", "/", "=") or (token in ("+", "-") and after_value)
        text += f" {token} " if is_between else token
    return text


def _without_asking(text: str, code: str) -> str:
    """Leave out the words around a calculation, such as "what is"."""
    plain = _asking(code).sub(" ", text)
    return " ".join(plain.split()).strip("?!.:;,= ¿¡")


@cache
def _asking(code: str) -> re.Pattern[str]:
    return _phrases(languages.sentences(code)["asks"], code)


@cache
def _operators(code: str) -> re.Pattern[str]:
    return _phrases(languages.sentences(code)["operators"], code)


def _phrases(phrases: list[str], code: str) -> re.Pattern[str]:
    """Return a pattern of any of the phrases, the longest first; as whole words, where words have spaces."""
    longest_first = "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
    is_spaced = code not in ("zh", "ja")
    return re.compile(rf"(?<!\w)(?:{longest_first})(?!\w)" if is_spaced else f"(?:{longest_first})")


def _plain_signs(text: str, code: str) -> str:
    """Write operators in words and typographic signs as the signs of the grammar."""
    named = languages.sentences(code)["operators"]
    text = _operators(code).sub(lambda match: f" {named[match.group()]} ", text)
    return _TIMES.sub(" * ", text).replace("÷", "/").replace("×", "*").replace("·", "*").replace(":", "/")


def _plain_numbers(text: str, code: str) -> str:
    """Write numbers with a decimal point and without separators of thousands, by a language's habit."""
    if code in _COMMA_LANGUAGES:
        text = _GROUPED_BY_POINTS.sub(lambda match: match.group().replace(".", ""), text)
        return _DECIMAL_COMMA.sub(r"\1.\2", text)
    text = _GROUPED.sub(lambda match: match.group().replace(",", ""), text)
    return _DECIMAL_COMMA.sub(r"\1.\2", text)


def _plain_number(text: str, code: str) -> str:
    return _plain_numbers(text.rstrip(".,"), code)
