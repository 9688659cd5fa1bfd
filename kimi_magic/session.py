"""What one kernel (or script) has: one client on one I/O thread, a conversation, a ledger, the last reply.

`ask` is the Python face; the magics and the command line go the same way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kimi_magic import bridge, models, options, request, simulator, structured
from kimi_magic.choices import Choice
from kimi_magic.client import Client
from kimi_magic.config import settings
from kimi_magic.conversation import Conversation
from kimi_magic.errors import KimiBudgetError, KimiModelError, KimiUsageError
from kimi_magic.messages import Message, Reply, messages_from, question
from kimi_magic.messages.reply import T
from kimi_magic.turn import Turn, View
from kimi_magic.usage import Ledger, dollars

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Session:
    """Everything that lasts longer than a cell."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.ledger = Ledger()
        self._last_turn: Turn | None = None
        self._told: set[str] = set()
        self.connect()

    @property
    def last(self) -> Reply | None:
        """The reply of the last turn, whatever became of it; None before the first."""
        return self._last_turn.reply if self._last_turn is not None else None

    def connect(self) -> None:
        """A client and an I/O thread of its own (at the start, and in a forked process)."""
        self.simulator = simulator.Service()
        self.io = bridge.IOThread()
        self.client = Client(
            {simulator.OFFLINE_BASE_URL: lambda: simulator.SimulatorTransport(self.simulator)}
        )

    def warm_up(self) -> None:
        """Make the client before the first request needs it."""
        self.io.loop.call_soon_threadsafe(self.client.open)

    def turn(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        given: dict[str, Any],
        view: View,
        namespace: Mapping[str, Any] = _NOTHING,
    ) -> Turn:
        """A turn ready to run; `given` are checked options that beat the settings. Nothing is sent yet.

        `prompt` is the user's text, or all messages of a conversation of its own; `namespace` has the names
        of the notebook.
        """
        values = {**settings.values(), **given}
        structure = structured.of(values, namespace)
        connection = settings.connection(offline=values["offline"])
        if not connection.simulated:
            self._check_budget()
        self.simulator.speed = values["speed"]
        model = models.find(values["model"])._replace(name=values["model"])
        conversation = self.conversation if values["history"] and isinstance(prompt, str) else None
        messages = self._messages(prompt, values, model, conversation)
        if values["prefix"]:
            _check_text(values["prefix"])
            messages.append(Message("assistant", values["prefix"], partial=True))
        told: list[str] = []
        if structure is not None:
            by_schema = models.takes_schema(connection.base_url, model)
            messages, values["response_format"], told = structure.asked(
                messages, values.get("response_format"), by_schema=by_schema
            )
        sent = request.build(model, messages, values)
        turn = Turn(
            self.client, connection, sent, view, conversation, ledger=self.ledger, structure=structure
        )
        turn.silence = values["timeout"]
        turn.reply.notices = (*told, *self._new_notices(request.notices(model, messages, values)))
        self._last_turn = turn
        return turn

    def resume(self, given: dict[str, Any], view: View) -> Turn:
        """A turn that goes on with the last answer, which was cut or stopped; it goes where that one went.

        What is `given` beats what it was asked with.
        """
        before = self._last_turn
        if before is None:
            raise KimiUsageError("--continue: nothing was asked yet, there is nothing to continue")
        sent = request.again(before.request, before.rest(), given)
        if not before.reply.simulated:
            self._check_budget()
        turn = before.resumed(sent, view)
        turn.silence = given.get("timeout", before.silence)
        self.simulator.speed = given.get("speed", settings["speed"])
        self._last_turn = turn
        return turn

    def pick(self, number: int) -> Choice:
        """Let answer `number` of the last reply, counted from 1, enter the conversation."""
        if self._last_turn is None:
            raise KimiUsageError(f"--pick {number}: nothing was asked yet, there is nothing to pick from")
        return self._last_turn.pick(number)

    def _messages(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        values: Mapping[str, Any],
        model: models.Model,
        conversation: Conversation | None,
    ) -> list[Message]:
        """System message, history as this model wants it, and the question."""
        if not isinstance(prompt, str):
            return _given_messages(prompt)
        if not prompt.strip() and not values.get("attach"):
            raise KimiUsageError("the prompt is empty", hint="Write the question below the %%kimi line.")
        for text in (prompt, values["system"] or ""):
            _check_text(text)
        which = values["history_reasoning"] or model.history_reasoning
        system = [Message("system", values["system"])] if values["system"] else []
        history = conversation.messages(which) if conversation else ()
        return [*system, *history, question(prompt, values.get("attach") or ())]

    def _new_notices(self, notices: list[str]) -> tuple[str, ...]:
        """Those that have not been given yet: a warning is worth reading once."""
        new = tuple(notice for notice in notices if notice not in self._told)
        self._told.update(new)
        return new

    def _check_budget(self) -> None:
        """Refuse where `%kimi_config --budget` is spent; what is unknown does not count."""
        budget, spent = settings["budget"], self.ledger.spent
        if budget is not None and spent >= budget:
            raise KimiBudgetError(
                f"the budget is spent: about {dollars(spent)} of {dollars(budget)}; nothing was sent",
                hint="Raise it with %kimi_config --budget USD, lift it with %kimi_config --unset budget, or "
                "count from zero again with %kimi_usage --reset.",
            )

    def offered(self) -> list[str]:
        """The names of the models that the host offers to this key."""
        connection = settings.connection()
        found: list[str] = []

        async def ask_for_models(emit: bridge.Emit[str]) -> None:
            emit(await self.client.models(connection))

        bridge.listen(self.io, ask_for_models, found.extend)
        return found

    def check(self) -> list[str]:
        """What is found when key and model are tried, a line each. Sends no prompt: it costs nothing."""
        connection, model = settings.connection(), settings["model"]
        host = (
            f"{connection.host[0].upper()}{connection.host[1:]}" if connection.simulated else connection.host
        )
        key = f"the key from {connection.key_source}" if connection.key_source else "no key"
        try:
            names = self.offered()
        except KimiModelError:
            return [
                f"{host} is reached with {key}, but has no list of models.",
                f"Whether it has {model} shows a first question.",
            ]
        lines = [f"{host} accepts {key}." if connection.key_source else f"{host} answers."]
        if model in names:
            others = len(names) - 1
            return [*lines, f"It offers {model}, and {others} other model{'s' * (others != 1)}."]
        near = options.nearest(model, names)
        return [*lines, f"It does not offer {model}{near}{'' if near.endswith('?') else '.'}"]

    def run(self, turn: Turn) -> Reply:
        """Run a turn to its end, blocking this thread."""
        with turn.showing():
            bridge.listen(self.io, turn.run, turn.deliver)
            while not turn.settle():
                bridge.listen(self.io, turn.run, turn.deliver)
        return turn.reply

    async def arun(self, turn: Turn) -> Reply:
        """Run a turn to its end, leaving the running loop free."""
        with turn.showing(stoppable=True):
            await bridge.alisten(self.io, turn.run, turn.deliver, turn.started)
            while not turn.settle():
                await bridge.alisten(self.io, turn.run, turn.deliver, turn.started)
        return turn.reply


class _Unseen:
    """A view for replies that nobody watches."""

    def open(self, reply: Reply, stop: Callable[[], None] | None = None) -> None:
        pass

    def update(self, reply: Reply) -> None:
        pass

    close = update


def ask(
    prompt: str | Sequence[Mapping[str, Any]],
    *,
    model: str | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    n: int | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    stop: str | Sequence[str] | None = None,
    response_format: str | Mapping[str, Any] | None = None,
    json: bool | None = None,
    schema: type[T] | Mapping[str, Any] | str | None = None,
    frame: bool | None = None,
    repair: int | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    attach: str | Sequence[str] | None = None,
    prefix: str | None = None,
    history: bool = False,
    history_reasoning: str | None = None,
    stream: bool | None = None,
    timeout: float | None = None,
    offline: bool | None = None,
) -> Reply[T]:
    """Ask once and wait for the whole `Reply`; nothing is shown.

    `prompt` is a text, or a list of messages as the service takes them (dicts with `role` and `content`),
    which is sent as it is. The options are those of `%%kimi --help`; those not given follow `%kimi_config`.
    `stop` is 1 to 5 texts of at most 32 bytes, `attach` pictures by file or address, `timeout` seconds of
    silence. `n` answers are in `Reply.choices`; `prefix` is how each of them begins, and part of its text.
    `schema` is what a JSON answer shall be (a type, a JSON Schema, fields in short): the answer is checked,
    and `Reply.data` is of that type; `frame` makes a DataFrame of it; `repair` is how often an answer that
    cannot be used is asked for again.
    Stands alone unless `history=True`, which continues the conversation of this kernel and joins it.
    Raises a `KimiError`, whose one line says what to do, or `KimiInterrupted` after Ctrl-C; what had arrived
    by then is in `kimi_magic.last`.
    """
    given = {name: value for name, value in locals().items() if name != "prompt"}
    if not isinstance(prompt, str | list | tuple):
        raise KimiUsageError(f"prompt {prompt!r}: expected a text, got {type(prompt).__name__}")
    return current.run(current.turn(prompt, options.check(given, options.PYTHON), _Unseen()))


def _given_messages(given: Sequence[Mapping[str, Any]]) -> list[Message]:
    try:
        messages = messages_from(given)
    except ValueError as error:
        raise KimiUsageError(f"the messages cannot be sent: {error}") from None
    if not messages:
        raise KimiUsageError("there are no messages: expected at least one")
    return list(messages)


def usage_records() -> list[dict[str, Any]]:
    """What each request of this kernel used, one dict each, ready for `pandas.DataFrame`.

    The keys: `time` (UTC), `model`, `host`, `state` (complete, interrupted or failed), `finish_reason`;
    `prompt`, `cached`, `completion` and `reasoning` tokens as the service counted them, None where it did
    not; `cost` in US dollars, an estimate, None where unknown and offline; `seconds`.
    """
    return current.ledger.rows()


def _check_text(text: str) -> None:
    """Python text can hold halves of characters, which nothing can send."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise KimiUsageError(
            f"the text has half a character (a lone surrogate) at position {error.start}",
            hint="It was probably cut or decoded wrongly; text.encode('utf-8', 'replace').decode() mends it.",
        ) from None


current = Session()
# Threads and connections do not survive a fork: a child process gets its own.
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=current.connect)
