"""The key: held so that no repr, traceback or log can show it by accident; and the places that keep keys."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MASK = "***"
KEYRING_SERVICE = "kimi_magic"  # the name of our entries in the keyring of the system
LARGEST_FILE = 2**20  # bytes of a file with variables


class Key:
    """An API key. `reveal()` is called in one place, where the Authorization header is written."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value.strip()

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Key({self.masked!r})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled; set it again with %kimi_config --login or the environment")

    @property
    def masked(self) -> str:
        """Enough to tell two keys apart, not enough to use: the last four characters of a long key."""
        return f"{MASK}{self._value[-4:]}" if len(self._value) >= 16 else MASK

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def redact(self, text: str) -> str:
        """`text`, which came from outside, without the key in it."""
        return text.replace(self._value, MASK) if self._value else text


def variables_in(file: Path) -> Mapping[str, str]:
    """The variables in a file of lines such as `EVOLINK_API_KEY=sk-…`, as they stand: nothing is expanded.

    Raises:
        ValueError: The file cannot be read; the text says why.
    """
    from dotenv import dotenv_values

    try:
        if not file.is_file():
            raise ValueError(f"there is no such file: {file}")
        if file.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{file} is larger than {LARGEST_FILE:,} bytes")
        values = dotenv_values(file, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read ({error})") from None
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
