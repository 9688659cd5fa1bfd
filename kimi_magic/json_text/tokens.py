"""The smallest parts of JSON as models write it: blanks, quotes, escapes, numbers and words."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from .strings import LONE, REPLACEMENT

# Between tokens: also spaces of other alphabets and of no width, a line break that was written as an escape,
# and a backslash that Markdown wants before a bracket.
PLAIN_BLANK = re.compile(r"[ \t\r\n]*+")
ODD_BLANK = re.compile(
    r"(?:[ \t\r\n\f\v\x85\xa0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]"
    r"|\\[nrt](?![A-Za-z])|\\(?=[{}\[\]]))*+"
)
COMMENT = re.compile(r"//[^\n]*+|#[^\n]*+|/\*(?:[^*]|\*(?!/)){0,2000}+\*/", re.DOTALL)
# What says in a comment that values are missing: "…", "48 more", "and so on", in some languages. "more
# info" and "see the rest of the docs" do not.
_THINGS = (
    r"(?:items?|rows?|entries|entry|records?|elements?|values?|objects?|data|results?|ones|lines?|fields?|keys?"
    r"|examples?|cities|products?|people|users?)"
)
OMISSION = re.compile(
    r"\.\.\.|…|\bomitted\b|\betc\b|\b(?:and )?so on\b|\bto be continued\b|\btruncated\b|\babbreviated\b"
    rf"|\d+ (?:more|others?|further|additional)\b|\b(?:more|other|further|additional|remaining) {_THINGS}\b"
    rf"|\b(?:and|plus|with) (?:many )?(?:more|others)\b|\brest of (?:the |my )?{_THINGS}\b"
    r"|^\W*(?:more|others|the rest|rest|remaining|continued?|continues|repeat|same for)\b\W*\w*\W*$"
    r"|\bweitere\b|\bübrige|\bausgelassen|\busw\b|\bautres\b|\bomitid|\bdemás\b|省略|其余|更多|以此类推|等等|続く",
    re.IGNORECASE,
)
_NO_OMISSION = re.compile(r"\bmore (?:info|details?|information)\b", re.IGNORECASE)


def says_omitted(comment: str) -> bool:
    """Whether a comment says that values were left out."""
    return OMISSION.search(_NO_OMISSION.sub("", comment)) is not None


CLOSERS = {
    '"': '"', "'": "'", "`": "`", "“": "”", "”": "”", "„": "“”", "‟": "”", "＂": "＂",
    "‘": "’", "’": "’", "「": "」", "『": "』", "«": "»",
}  # fmt: skip
_BODIES = {
    quote: re.compile(rf"[^\\{re.escape(ends)}]*+(?:\\.[^\\{re.escape(ends)}]*+)*+", re.DOTALL)
    for quote, ends in CLOSERS.items()
}
_PLAIN = re.compile('"([^"\\\\\x00-\x1f\ud800-\udfff]*+)"')  # nothing to forgive, nothing to decode
_TRIPLE = re.compile(r'("""|\'\'\')(.*?)\1', re.DOTALL)
COMMAS, COLONS = ",，", ":："

NUMBER = re.compile(r"[-+]?(?:\d+(?:_\d+)*)?(?:\.\d*)?(?:[eE][-+]?\d+)?")
_STRICT_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
KEY_WORD = re.compile(r"[^\W\d](?:[\w$-]|\\_)*+")
KEY_NUMBER = re.compile(r"-?\d+")
WORD = re.compile(r"[-+]?[A-Za-z_]\w*+")
# What may follow a number or a word.
END_OF_WORD = re.compile(r"[\s\xa0\u3000\u200b\ufeff,，}\])｝］/#\\]|\Z")
WORDS: dict[str, Any] = {
    "true": True, "false": False, "null": None, "none": None, "undefined": None, "nan": math.nan,
    "inf": math.inf, "-inf": -math.inf, "+inf": math.inf,
    "infinity": math.inf, "-infinity": -math.inf, "+infinity": math.inf,
}  # fmt: skip
OF_JSON = ("true", "false", "null")
OF_JAVASCRIPT = ("NaN", "Infinity", "-Infinity")

_ESCAPE = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u([0-9a-fA-F]{4})"
    r"|\\x([0-9a-fA-F]{2})|\\U([0-9a-fA-F]{8})"
    r"|\\(.)",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f]")
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_MARKDOWN = "_*#[]()~.!>|+-"
# Commands of LaTeX that begin like an escape of JSON: \t, \n, \r.
TEX_AFTER_CONTROL = re.compile(
    r"\\(?:t(?:heta|imes|ext|extbf|extit|au|an|anh|o|op|ilde|riangle|frac|herefore)"
    r"|n(?:abla|u|e|eq|eg|ot|otin|i|ewline|exists|mid|parallel)"
    r"|r(?:ho|ight|ightarrow|angle|ceil|floor|brace|m|eal|ule))(?![a-z])"
)
_BACKSLASH_COMMAND = re.compile(r"\\\\[A-Za-z]{2}")


class String(NamedTuple):
    """A string of JSON: its value, where its closing quote ends, and what was forgiven (keys of NOTICES)."""

    value: str
    end: int
    remarks: tuple[str, ...] = ()


def string(text: str, at: int, *, is_key: bool = False) -> String | None:
    """The string whose opening quote is at `at`; None where it does not end."""
    if (plain := _PLAIN.match(text, at)) and not text.startswith('""', plain.end() - 1):
        return String(plain[1], plain.end())
    quote = text[at]
    remarks = [] if quote == '"' else ["quotes"]
    if text.startswith(quote * 2, at + 1) and (triple := _TRIPLE.match(text, at)):
        value, more = _decoded(triple[2], quote, is_key=is_key)
        return String(value, triple.end(), ("quotes", *more))
    body = _BODIES[quote].match(text, at + 1)
    end = body.end() if body else at + 1
    if end >= len(text) or text[end] not in CLOSERS[quote]:
        return None
    raw = text[at + 1 : end]
    if quote == "`" and "${" in raw:  # a template of JavaScript: what stands there is not known
        return None
    if _CONTROL.search(raw):
        remarks.append("control")
    value, more = _decoded(raw, quote, is_key=is_key)
    return String(value, end + 1, (*remarks, *more))


class Digits(float):
    """A number that also knows how it was written, for those who need all its digits (`Decimal`)."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Digits:
        """The number that `text` stands for."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def number(written: str, *, digits_too: bool = False) -> tuple[int | float, tuple[str, ...]] | None:
    """A number as Python has it, and what was forgiven; None where its meaning is not certain.

    `digits_too`: floats are `Digits`. `00501` may be a zip code; a number of more than 4300 digits is refused
    by Python itself.
    """
    digits = written.lstrip("+-")
    if not any(char.isdigit() for char in digits) or (digits[0] == "0" and digits[1:2].isdigit()):
        return None
    strict = _STRICT_NUMBER.fullmatch(written)
    remarks = () if strict else ("number",)
    try:
        if strict and not (strict[1] or strict[2]):
            return int(written), ()
        if not any(char in written for char in ".eE"):
            return int(written), remarks
    except ValueError:
        return None
    value = Digits(written) if digits_too else float(written)
    return value, ("constant",) if math.isinf(value) else remarks


def _decoded(raw: str, quote: str, *, is_key: bool) -> tuple[str, tuple[str, ...]]:
    """What the inside of a string stands for, and what was forgiven."""
    remarks: dict[str, None] = {}
    value = raw
    if "\\" in raw:
        has_commands = any(_is_command(raw, escape) for escape in _ESCAPE.finditer(raw))
        is_tex = has_commands or _BACKSLASH_COMMAND.search(raw) is not None

        def replaced(escape: re.Match[str]) -> str:
            made, remark = _unescaped(
                raw, escape, quote=quote, is_key=is_key, has_commands=has_commands, is_tex=is_tex
            )
            if remark:
                remarks[remark] = None
            return made

        value = _ESCAPE.sub(replaced, raw)
    if LONE.search(value):
        remarks["half"] = None
        value = LONE.sub(REPLACEMENT, value)
    return value, tuple(remarks)


def _is_command(raw: str, escape: re.Match[str]) -> bool:
    r"""Whether a backslash stands for itself, as in `\d`, `\alpha`, and in `\frac`, `\beta`."""
    letter, after = escape[6], raw[escape.end() : escape.end() + 1]
    if not letter or letter in "\"'\\/nrt_":
        return False
    if letter == "f":
        return "a" <= after <= "z"
    if letter == "b":
        return after.isascii() and after.isalpha()
    return letter.isascii() and (letter.isalpha() or not letter.isspace())


def _unescaped(
    raw: str, escape: re.Match[str], *, quote: str, is_key: bool, has_commands: bool, is_tex: bool
) -> tuple[str, str]:
    """What an escape stands for, and the key of a notice."""
    high, low, unit, short, long, letter = escape.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00)), ""
    if unit:
        return chr(int(unit, 16)), ""
    if short or long:
        code = int(short or long, 16)
        is_python = quote == "'" and code <= 0x10FFFF
        return (chr(code), "") if is_python else (escape[0], "escape")
    if letter in "bf" and has_commands:
        return escape[0], "latex"
    if letter in _LETTERS:
        may_be_tex = is_tex and letter in "tnr" and TEX_AFTER_CONTROL.match(raw, escape.start())
        return _LETTERS[letter], "tex" if may_be_tex else ""
    if letter in "\"'\\/":
        return letter, ""
    if (letter == "_" and not (has_commands or is_tex)) or (is_key and letter in _MARKDOWN):
        return letter, "markdown"
    return escape[0], "escape"
