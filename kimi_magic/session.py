"""What one kernel (or script) has: one client on one I/O thread, a conversation, the last reply.

`ask` is the Python face; the magics and the command line go the same way.
"""

from __future__ import annotations

import os
from typing import Any

from kimi_magic import bridge, models, options, simulator
from kimi_magic.client import Client
from kimi_magic.config import settings
from kimi_magic.conversation import Conversation
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Message, Reply, Request, StreamOptions
from kimi_magic.turn import Turn, View


class Session:
    """Everything that lasts longer than a cell."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.last: Reply | None = None
        self.connect()

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

    def turn(self, prompt: str, given: dict[str, Any], view: View) -> Turn:
        """A turn ready to run; `given` are checked options that beat the settings. Nothing is sent yet."""

        def value(name: str) -> Any:
            return given[name] if name in given else settings[name]

        if not prompt.strip():
            raise KimiUsageError("the prompt is empty", hint="Write the question below the %%kimi line.")
        for text in (prompt, value("system") or ""):
            _check_text(text)
        connection = settings.connection(offline=value("offline"))
        self.simulator.speed = value("speed")
        model = models.find(value("model"))
        conversation = self.conversation if value("history") else None
        messages = [Message("system", value("system"))] if value("system") else []
        for message in conversation.messages() if conversation else ():
            keep = message.reasoning_content if model.history_reasoning == "all" else None
            messages.append(Message(message.role, message.content, reasoning_content=keep))
        messages.append(Message("user", prompt))
        request = Request(
            model=value("model"),
            messages=tuple(messages),
            max_tokens=value("max_tokens") or model.max_tokens,
            temperature=value("temperature"),
            stream=value("stream"),
            stream_options=StreamOptions() if value("stream") else None,
        )
        turn = Turn(self.client, connection, request, view, conversation)
        self.last = turn.reply
        return turn

    def run(self, turn: Turn) -> Reply:
        """Run a turn to its end, blocking this thread."""
        with turn.showing():
            bridge.listen(self.io, turn.run, turn.deliver)
        return turn.reply

    async def arun(self, turn: Turn) -> Reply:
        """Run a turn to its end, leaving the running loop free."""
        with turn.showing():
            await bridge.alisten(self.io, turn.run, turn.deliver)
        return turn.reply


class _Unseen:
    """A view for replies that nobody watches."""

    def open(self, reply: Reply) -> None:
        pass

    update = close = open


def ask(
    prompt: str,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    history: bool = False,
    stream: bool | None = None,
    offline: bool | None = None,
) -> Reply:
    """Ask once and wait for the whole `Reply`; nothing is shown.

    Options not given follow `%kimi_config`. Stands alone unless `history=True`, which continues the
    conversation of this kernel, and joins it. Raises a `KimiError`, whose one line says what to do, or
    `KimiInterrupted` after Ctrl-C; what had arrived by then is in `kimi_magic.last`.
    """
    given = {
        "model": model,
        "system": system,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "history": history,
        "stream": stream,
        "offline": offline,
    }
    if not isinstance(prompt, str):
        raise KimiUsageError(f"prompt {prompt!r}: expected a text, got {type(prompt).__name__}")
    return current.run(current.turn(prompt, options.check(given, options.PYTHON), _Unseen()))


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
