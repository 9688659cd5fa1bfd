"""One prompt with all that follows until the final answer. Emits events; never touches a display.

The network half (`Turn.run`) runs on the I/O thread, the other half where the listener is: there the events
become the `Reply`, and there every turn ends in one place, whatever ended it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from kimi_magic.bridge import Emit
from kimi_magic.client import Client, Connection
from kimi_magic.conversation import Conversation
from kimi_magic.messages import Event, Message, Reply, Request


class View(Protocol):
    """Where a reply appears."""

    def open(self, reply: Reply) -> None:
        """Show life, before anything was sent."""

    def update(self, reply: Reply) -> None:
        """Show how far the reply has come. Also called when nothing is new but the time."""

    def close(self, reply: Reply) -> None:
        """Show the final state and leave nothing alive behind."""


class Turn:
    """A prompt on its way: `request` is complete, `conversation` is where it will belong, or None."""

    def __init__(
        self,
        client: Client,
        connection: Connection,
        request: Request,
        view: View,
        conversation: Conversation | None,
    ) -> None:
        self._client = client
        self._connection = connection
        self._request = request
        self._view = view
        self._conversation = conversation
        self.reply = Reply(request.model, simulated=connection.simulated)
        self.on_complete: Callable[[Reply], None] | None = None

    async def run(self, emit: Emit[Event]) -> None:
        """Send and read; on the I/O thread."""
        await self._client.stream(self._connection, self._request, emit)

    def deliver(self, events: list[Event]) -> None:
        """Take in a batch and show it; on the listener's side."""
        for event in events:
            self.reply.add(event)
        self._view.update(self.reply)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """The frame around listening: opens the view, and settles how the turn ended.

        A complete turn is committed; an error or an interrupt leaves the conversation as it was, and the
        part that arrived on screen.
        """
        reply = self.reply
        self._view.open(reply)
        try:
            yield
        except KeyboardInterrupt:
            reply.end("interrupted")
            raise
        except BaseException:
            reply.end("failed")
            raise
        else:
            reply.end("complete")
            self._commit()
            if self.on_complete is not None:
                self.on_complete(reply)
        finally:
            self._view.close(reply)

    def _commit(self) -> None:
        # An answer without text (the cap may have ended it inside the thought) is no message: the service
        # refuses empty ones, and every later turn would fail.
        if self._conversation is not None and self.reply.text:
            answer = Message("assistant", self.reply.text, reasoning_content=self.reply.reasoning or None)
            self._conversation.commit(self._request.messages[-1], answer)
