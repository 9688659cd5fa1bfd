"""The key: held so that no repr, traceback or log can show it by accident."""

from __future__ import annotations

MASK = "***"


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
