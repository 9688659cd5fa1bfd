"""The key: held so that no repr, traceback or log can show it by accident; and the places that keep keys."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kimi_magic import files

MASK = "***"
KEYRING_SERVICE = "kimi_magic"  # the name of our entries in the keyring of the system
LARGEST_FILE = 2**20  # bytes of a file with variables
PIECE = 10  # characters of a key that are taken out of a text also without the rest
_START = 4  # the same for its beginning at the end of a text, which may have been cut there
_BASE64_PIECE = 14  # characters of base64 for a piece
# A character as addresses, HTML and JSON write it, or as it is.
_CHARACTER = re.compile(
    r"%([0-9a-f]{2})|&#x([0-9a-f]{1,5});|\\[ux]([0-9a-f]{4}|[0-9a-f]{2})|&#([0-9]{1,6});|.",
    re.IGNORECASE | re.DOTALL,
)
# How keys of services begin, and what a random word looks like that is long enough to be one.
_LIKE_A_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|rk|gsk|hf|fw|xai|tgp|nvapi|bearer)[-_ ](?=[a-z_.-]{0,99}[0-9])[\w.-]{12,}"
    r"|(?:sk|pk|ak|key|api)[-_][a-z0-9]{16,}"
    r"|ABSK[\w+/=]{20,}|AKIA[A-Z0-9]{12,}|AIza[\w-]{20,}|eyJ[\w-]{8,}\.[\w.-]+"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|(?=[a-z]{0,99}[0-9])(?=[0-9]{0,99}[a-z])[a-z0-9]{32,}"
    r")",
    re.ASCII | re.IGNORECASE,
)


def looks_like_a_key(text: str, *, in_part: bool = False) -> bool:
    """Whether a word, or with `in_part` a part of it, is most probably a key of some service."""
    return (_LIKE_A_KEY.search if in_part else _LIKE_A_KEY.fullmatch)(text) is not None


def without_keys(text: str) -> str:
    """`text` without what looks like a key of some service."""
    return _LIKE_A_KEY.sub(MASK, text)


class Key:
    """An API key. `reveal()` is called to write the Authorization header, to keep it and to check it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value.strip()

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Key({MASK!r})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled; set it again with %kimi_config --login or the environment")

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def redact(self, text: str) -> str:
        """`text`, which came from outside, without the key and without pieces of it.

        It is found in small and capital letters, with blanks inside, in base64, and as addresses, HTML and
        JSON write it. Of a key shorter than `PIECE` only the whole is, as it was typed: it may be a word.
        """
        value = self._value
        if len(value) < PIECE:
            return text.replace(value, MASK) if value else text
        letters, spans = _letters(text)
        hidden = bytearray(len(letters))
        encoded = {piece for coded in _base64(value) for piece in _pieces(coded, _BASE64_PIECE)}
        for form, size, known in (
            (letters.lower(), PIECE, _pieces(value.lower(), PIECE)),
            (letters.translate(_URLSAFE), _BASE64_PIECE, encoded),
        ):
            for at in range(len(letters) - size + 1):
                if form[at : at + size] in known:
                    hidden[at : at + size] = b"\1" * size
        for size in range(PIECE - 1, _START - 1, -1):
            if letters.lower().endswith(value[:size].lower()):
                hidden[-size:] = b"\1" * size
                break
        return _masked(text, spans, hidden)


_URLSAFE = str.maketrans("-_", "+/")


def _letters(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The characters of `text` that are seen, without blanks, and the place of each."""
    letters, spans = [], []
    for match in _CHARACTER.finditer(text):
        letter = match[0]
        if match.lastindex:
            letter = chr(int(match[match.lastindex], 10 if match.lastindex == 4 else 16))
        if letter.isprintable() and not letter.isspace() and len(letter.lower()) == 1:
            letters.append(letter)
            spans.append(match.span())
    return "".join(letters), spans


def _pieces(text: str, size: int) -> set[str]:
    return {text[at : at + size] for at in range(len(text) - size + 1)}


def _base64(value: str) -> list[str]:
    """What of `value` is the same in the base64 of any text around it, by its place in three bytes."""
    forms = []
    for before, start in ((0, 0), (1, 2), (2, 3)):
        coded = base64.b64encode(b" " * before + value.encode()).decode("ascii")
        forms.append(coded.rstrip("=")[start:-1])
    return forms


def _masked(text: str, spans: list[tuple[int, int]], hidden: bytearray) -> str:
    """`text` with a mask for each run of hidden characters, and for what stands between them."""
    parts, done, at = [], 0, 0
    while (start := hidden.find(1, at)) >= 0:
        end = hidden.find(0, start)
        at = len(hidden) if end < 0 else end
        parts += [text[done : spans[start][0]], MASK]
        done = spans[at - 1][1]
    return "".join([*parts, text[done:]])


def variables_in(file: Path) -> Mapping[str, str]:
    """The variables in a file of lines such as `EVOLINK_API_KEY=sk-…`, as they stand: nothing is expanded.

    Raises:
        ValueError: The file cannot be read; the text says why.
    """
    from dotenv import dotenv_values

    if not file.exists():
        raise ValueError(f"there is no such file: {file}")
    try:
        text = files.read(file, LARGEST_FILE).decode("utf-8-sig")
    except ValueError as error:
        raise ValueError(f"{file} cannot be read ({error})") from None
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value}


def in_colab() -> bool:
    """Whether this is a notebook in Colab, which keeps secrets for the person."""
    return "google.colab" in sys.modules


def colab_secret(name: str) -> str:
    """The secret called `name` that the person keeps in Colab and lets this notebook read; "" if none."""
    try:
        from google.colab import userdata

        return str(userdata.get(name) or "")
    except Exception:  # noqa: BLE001 - not there, not allowed, or not answered: each has a class of its own
        return ""


def remembered(origin: str) -> Key | None:
    """The key for `origin` in the keyring of the system; None if there is none, or no keyring."""
    if (keyring := _keyring()) is None:
        return None
    try:
        text = keyring.get_password(KEYRING_SERVICE, origin)
    except keyring.errors.KeyringError:
        return None
    return Key(text) if text else None


def remember(origin: str, key: Key) -> None:
    """Put the key for `origin` into the keyring of the system.

    Raises:
        ValueError: There is none that can be used; the text says why.
    """
    if (keyring := _keyring()) is None:
        raise ValueError("the package keyring is not installed")
    try:
        keyring.set_password(KEYRING_SERVICE, origin, key.reveal())
    except keyring.errors.KeyringError as error:
        raise ValueError(f"the keyring of the system cannot be used ({type(error).__name__})") from None


def forget(origin: str) -> None:
    """Take the key for `origin` out of the keyring, if it is there."""
    if (keyring := _keyring()) is not None:
        with contextlib.suppress(keyring.errors.KeyringError):
            keyring.delete_password(KEYRING_SERVICE, origin)


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    return keyring
