"""One call of a function that the model wanted, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Literal

from kimi_magic.messages import ImagePart, Message, TextPart, ToolCall
from kimi_magic.messages.sent import result_message
from kimi_magic.saved import SavedCall

ResultEnd = Literal["done", "failed", "refused", "interrupted"]
ResultState = Literal["waiting", "asking", "running"] | ResultEnd
Content = str | tuple[TextPart | ImagePart, ...]


class ToolResult:
    """The answer to one call, growing until it ends.

    `call` is what the model wrote. `state` is waiting (for calls before it), asking (the person, whether it
    may run), running, done, failed (the model is told why), refused (by the person, or because nobody could
    be asked), or interrupted. `content` is what goes back to the model, and `about` says of pictures in it
    what they are. `progress` is what the function says while it runs; `note`, a sentence for the person;
    `decide` takes the person's decision while it asks, where a click can bring it.
    """

    def __init__(self, call: ToolCall) -> None:
        self.call = call
        self.state: ResultState = "waiting"
        self.content: Content = ""
        self.about = ""
        self.progress = ""
        self.note = ""
        self.decide: Callable[[bool], None] | None = None
        self.past_seconds: float | None = None  # of a call that was saved
        self._started: float | None = None
        self._ended: float | None = None

    def begin(self) -> None:
        """The function runs now."""
        self.state = "running"
        self._started = monotonic()

    def end(self, state: ResultEnd, content: Content, about: str = "") -> None:
        """Nothing more will come; the service takes no result without content."""
        self.state, self.content, self.about = state, content or "(empty)", about
        self.decide = None
        self._ended = monotonic()

    def interrupt(self) -> None:
        """It was stopped, or what came before it was. One that has ended stays as it is."""
        if not self.has_ended:
            self.end("interrupted", "(interrupted)")

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended is not None

    @property
    def text(self) -> str:
        """The content as text; in the place of pictures stands what they are."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(
            part.text if isinstance(part, TextPart) else f"[{self.about}]" for part in self.content
        )

    @property
    def seconds(self) -> float:
        """Seconds that the function has run; 0 if it has not."""
        if self.past_seconds is not None:
            return self.past_seconds
        return (self._ended or monotonic()) - self._started if self._started is not None else 0.0

    def record(self) -> SavedCall:
        """The result as it is written to a file."""
        state: Any = self.state
        return SavedCall(self.call, self.content, state, self.about, self.note, round(self.seconds, 1))

    @classmethod
    def from_record(cls, record: SavedCall) -> ToolResult:
        """The result that was written as `record`."""
        result = cls(record.call)
        result.end(record.state, record.content, record.about)
        result.note, result.past_seconds = record.note, record.seconds
        return result

    @property
    def message(self) -> Message:
        """What is sent."""
        return result_message(self.call, self.content)
