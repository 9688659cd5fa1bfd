"""The reply: what a person gets back, a read-only view of a turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from kimi_magic import agreements
from kimi_magic.conversation import State, ToolResult, Turn
from kimi_magic.errors import KimiUsageError, one_line, printable
from kimi_magic.messages import Choice, ToolCall
from kimi_magic.messages.choice import shortened
from kimi_magic.timing import Timing
from kimi_magic.usage import Usage

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from kimi_magic.markdown import CodeBlock

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class Reply(Generic[T]):
    """The answer to one prompt, growing while it streams.

    `str(reply)` is its text as it can be printed: without what a terminal obeys, and what reorders a line.

    - `text`, `reasoning`: what has arrived of the answer and of the reasoning before it
    - `code`: the code blocks of the answer, each with `language` ("" where none is named) and `text`
    - `tool_calls`: the functions that the model wants to run, and that were not run here
    - `results`: the functions that were called for the answer, in order, each with its `call`, `state` (done,
      failed, refused, interrupted), `text` (what the model was told) and `seconds`
    - `finish_reason`: the service's word for why the answer ended, None until then or if it never said
    - `choices`: all answers if several were asked for; the attributes above are those of the first, or of
      the one that was picked
    - `data`: what a JSON answer was made into (a list if several answers were asked for), None for other
      answers; of several answers None stands for each that cannot be used; `values`: the JSON of each answer
      as the model wrote it
    - `query(expression)`: a part of the JSON, by a JMESPath expression; `agreement`: of several JSON answers,
      the most frequent value of each field, and how many have it
    - `usage`: tokens as the service counted them, None where it did not
    - `cost`: an estimate from them in US dollars by the list of the host, None where tokens or price are
      unknown, and offline; of several requests it is the sum of those that are known
    - `model`: the model that answered; `seconds`: from sending to the end, or to now
    - `timing`: when the parts of the last request's answer arrived: `connect`, `first_byte`,
      `first_reasoning`, `first_answer`, `longest_silence`, and a word on it, `verdict`
    - `state`: connecting, waiting, reasoning, answering, complete, interrupted or failed
    - `notices`: what to know of the request and its answer, a sentence each
    - `turn`: everything else: the prompt, and each request with what came back

    A notebook shows it as its own cell did, also marimo and where the extension is not loaded.
    """

    def __init__(self, turn: Turn) -> None:
        self.turn = turn

    @property
    def text(self) -> str:
        """The answer so far."""
        return self.turn.choice.text

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return self.turn.choice.reasoning

    @property
    def code(self) -> tuple[CodeBlock, ...]:
        """The code between fences in the answer, in its order."""
        from kimi_magic import markdown

        return markdown.code_blocks(self.text)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants to run, and that were not run here."""
        return () if self.turn.step.results else self.turn.choice.tool_calls

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """The functions that were called for the answer, with what came of each."""
        return tuple(result for step in self.turn.rounds for result in step.results)

    @property
    def finish_reason(self) -> str | None:
        """The service's word for why the answer ended."""
        return self.turn.choice.finish_reason

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers in the service's order."""
        return self.turn.choices

    @property
    def data(self) -> T:
        """What a JSON answer was made into, a list of it if several answers were asked for; else None."""
        parsed = self.turn.parsed or self.turn.rescued
        data: Any = [each.data for each in parsed]
        if self.turn.step.n == 1:
            data = data[0] if data else None
        return data if parsed else None  # type: ignore[return-value]

    @property
    def values(self) -> tuple[Any, ...]:
        """The JSON of each answer as the model wrote it; empty for other answers."""
        return tuple(parsed.value for parsed in self.turn.parsed or self.turn.rescued)

    def query(self, expression: str) -> Any:
        """A part of the JSON of the answer, as the model wrote it.

        Parameters:
            expression: A JMESPath expression (https://jmespath.org), such as "items[?moons > `1`].name". One
                that begins with "[" speaks of the list that was asked for, others of the object around it.

        Returns:
            What the expression selects; None where there is no such thing. Of several answers the
            expression speaks of the list of all.

        Raises:
            KimiUsageError: The answer is no JSON, the expression is none, or jmespath is not installed.
        """
        if not self.values:
            raise KimiUsageError(
                "query: the answer is no JSON that was read", hint="Ask with --json or --schema."
            )
        try:
            import jmespath
        except ModuleNotFoundError:
            raise KimiUsageError("query: jmespath is not installed", hint="pip install jmespath") from None
        value = list(self.values) if self.turn.step.n > 1 else self.values[0]
        if expression.lstrip().startswith("[") and self.turn.step.n == 1:
            value = self.turn.unwrapped(value)
        try:
            return jmespath.search(expression, value)
        except (jmespath.exceptions.JMESPathError, ValueError) as error:
            problem = one_line(str(error).partition("\n")[0])
            raise KimiUsageError(
                f"query {expression!r}: {problem}", hint="See https://jmespath.org."
            ) from None

    @property
    def agreement(self) -> tuple[agreements.Agreement, ...]:
        """Of several JSON answers, one row for each field: `field`, `value`, `agreeing` and `answers`."""
        values = [self.turn.unwrapped(value) for value in self.values if value is not None]
        return agreements.of(values) if len(values) > 1 else ()

    @property
    def usage(self) -> Usage | None:
        """Tokens of all requests that the answer took, repairs included."""
        return self.turn.usage

    @property
    def cost(self) -> float | None:
        """US dollars by list price: an estimate."""
        return self.turn.cost

    @property
    def model(self) -> str:
        """The model that answered."""
        return self.turn.step.model

    @property
    def seconds(self) -> float:
        """Seconds from sending to the end, or to now."""
        return self.turn.seconds

    @property
    def timing(self) -> Timing:
        """When the parts of the answer that is shown arrived, in seconds since its request was begun."""
        return self.turn.step.timing

    @property
    def state(self) -> State:
        """How far it is, or how it ended."""
        return self.turn.state

    @property
    def notices(self) -> tuple[str, ...]:
        """What to know of the request and its answer, a sentence each."""
        return (*self.turn.notices, *self.turn.step.notices)

    def _repr_html_(self) -> str:
        return self._bundle()["text/html"]

    def _repr_markdown_(self) -> str:
        return self._bundle()["text/markdown"]

    def _mime_(self) -> tuple[str, str]:
        """What marimo shows."""
        return "text/html", self._repr_html_()

    def _bundle(self) -> dict[str, str]:
        from kimi_magic import view

        return view.bundle(self.turn)

    def __dir__(self) -> list[str]:
        """What Tab offers: the attributes that are documented."""
        return sorted(name for name in super().__dir__() if not name.startswith("_"))

    def __str__(self) -> str:
        return printable(self.text)

    def __repr__(self) -> str:
        end = one_line(self.finish_reason or self.state)
        return f"<Reply {shortened(self.text)!r} {one_line(self.model)} {end}>"
