"""One prompt with all that follows until the final answer. Emits events; never touches a display.

The network half (`Turn.run`) runs on the I/O thread, the other half where the listener is: there the events
become the `Reply`, and there every turn ends in one place, whatever ended it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from msgspec.structs import asdict, replace

from kimi_magic.bridge import Emit, Work
from kimi_magic.choices import LENGTH, STOP, Choice
from kimi_magic.client import SILENCE, Client, Connection
from kimi_magic.conversation import Conversation
from kimi_magic.errors import KimiJSONError, KimiUsageError
from kimi_magic.messages import Event, Message, Reply, Request
from kimi_magic.structured import Read, Structure, correction
from kimi_magic.usage import OFFLINE, Ledger, Record


class View(Protocol):
    """Where a reply appears."""

    def open(self, reply: Reply, stop: Callable[[], None] | None = None) -> None:
        """Show life, before anything was sent. `stop` ends the turn, where a click can arrive meanwhile."""

    def update(self, reply: Reply) -> None:
        """Show how far the reply has come. Also called when nothing is new but the time."""

    def close(self, reply: Reply) -> None:
        """Show the final state and leave nothing alive behind."""


class Turn:
    """A prompt on its way: `request` is complete, `conversation` is where it will belong, or None.

    `resumes` is the turn whose answer this one goes on with, and whose place it takes.
    """

    def __init__(
        self,
        client: Client,
        connection: Connection,
        request: Request,
        view: View,
        conversation: Conversation | None,
        *,
        ledger: Ledger,
        structure: Structure | None = None,
        resumes: Turn | None = None,
    ) -> None:
        self._structure = structure
        self._client = client
        self._asked = request.messages  # before any correction
        self._connection = connection
        self.request = request
        self._view = view
        self._conversation = conversation
        self._ledger = ledger
        self._prompt = next((m for m in reversed(request.messages) if m.role == "user"), request.messages[0])
        # As what it stands in the conversation, if it does.
        self._kept: tuple[Message, ...] | None = resumes._kept if resumes else None
        self._prefix: str = resumes._prefix if resumes else _prefix(request.messages[-1])
        before: Choice | None = resumes.reply.chosen if resumes else None
        self.reply: Reply[Any] = Reply(
            request.model,
            simulated=connection.simulated,
            n=request.n or 1,
            max_tokens=request.max_tokens,
            prefix=self._prefix,
            # An answer that was cut before its first word is thought about anew.
            begun=(before.text, before.reasoning) if before and before.text else ("", ""),
            json=structure is not None,
        )
        self._work: Work | None = None
        self.silence = SILENCE
        self.on_complete: Callable[[Reply[Any]], None] | None = None

    async def run(self, emit: Emit[Event]) -> None:
        """Send and read; on the I/O thread."""
        await self._client.stream(self._connection, self.request, emit, silence=self.silence)

    def deliver(self, events: list[Event]) -> None:
        """Take in a batch and show it; on the listener's side."""
        for event in events:
            self.reply.add(event)
        self._view.update(self.reply)

    def settle(self) -> bool:
        """Whether the answer is what was asked for. If not, and may it be repaired, `request` asks again.

        Raises `KimiJSONError`; what arrived stays in the reply.
        """
        reply, structure = self.reply, self._structure
        if structure is None or any(choice.tool_calls for choice in reply.choices):
            return True
        try:
            # The service may give fewer answers than were asked for.
            given = [choice for choice in reply.choices if choice.heard] or [reply.chosen]
            read = [self._read(structure, choice, number) for number, choice in enumerate(given, 1)]
        except KimiJSONError as fault:
            mendable = reply.n == 1 and reply.finish_reason in (STOP, None)
            if not mendable or len(reply.faults) == structure.repairs:
                raise
            again = (*self._asked, *correction(reply.chosen, fault))
            self.request = replace(self.request, messages=again)
            reply.repair(fault.message)
            self._view.update(reply)
            return False
        reply.frame = structure.frame and reply.n == 1
        reply.values = tuple(each.value for each in read)
        reply.data = [each.data for each in read] if reply.n > 1 else read[0].data
        notices = dict.fromkeys(notice for each in read for notice in each.notices)
        reply.notices = (*reply.notices, *notices)
        return True

    def _read(self, structure: Structure, choice: Choice, number: int) -> Read:
        reply = self.reply
        try:
            return structure.read(choice)
        except KimiJSONError as fault:
            which = f"answer {number}: " if reply.n > 1 else ""
            hint = "What the model wrote is in kimi_magic.last.text. " * bool(reply.text)
            if choice.finish_reason == LENGTH:
                larger = reply.larger_cap(choice)
                hint += f"Ask again with --max-tokens {larger}." if larger else ""
            elif reply.n == 1:
                hint += f"Run the cell again, or let it be asked again with --repair {len(reply.faults) + 1}."
            raise KimiJSONError(which + fault.message, hint=hint.strip()) from None

    def started(self, work: Work) -> None:
        """Remember what `stop` has to stop."""
        self._work = work

    def stop(self) -> None:
        """End the turn like an interrupt; from any thread, so it does nothing but that."""
        if self._work is not None:
            self._work.cancel()

    @contextmanager
    def showing(self, *, stoppable: bool = False) -> Iterator[None]:
        """The frame around listening: opens the view, and settles how the turn ended.

        `stoppable` says that clicks arrive while it is on its way.

        A complete turn is committed; an error or an interrupt leaves the conversation as it was, and the
        part that arrived on screen. However it ends, it stands in the ledger.
        """
        reply, began = self.reply, datetime.now(UTC)
        self._view.open(reply, self.stop if stoppable else None)
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
            self._ledger.add(self._record(began))
            self._view.close(reply)

    def _record(self, began: datetime) -> Record:
        reply = self.reply
        tokens: dict[str, Any] = asdict(reply.usage) if reply.usage else {}
        return Record(
            time=began,
            model=reply.model,
            host=OFFLINE if reply.simulated else self._connection.host,
            state=reply.state,
            finish_reason=reply.finish_reason,
            cost=reply.cost,
            seconds=reply.seconds,
            **tokens,
        )

    def _commit(self) -> None:
        reply = self.reply
        if self._conversation is None or not reply.chosen.keepable:
            return
        answer = Message("assistant", reply.text, reasoning_content=reply.reasoning or None)
        self._kept = self._conversation.commit(self._prompt, answer, instead_of=self._kept)
        reply.kept = True

    def pick(self, number: int) -> Choice:
        """Let answer `number`, counted from 1, speak for the reply and stand in the conversation."""
        reply, conversation = self.reply, self._conversation
        if len(reply.choices) < 2:
            raise KimiUsageError(
                f"--pick {number}: the last reply has just one answer, there is nothing to pick from",
                hint="Ask with -n 2 or more, then pick.",
            )
        if number > len(reply.choices):
            raise KimiUsageError(f"--pick {number}: the last reply has answers 1 to {len(reply.choices)}")
        choice = reply.choices[number - 1]
        if not choice.keepable:
            raise KimiUsageError(
                f"--pick {number}: no conversation can go on from that answer, "
                f"it ended with {choice.finish_reason or 'no reason'}"
            )
        if conversation is None or reply.state != "complete":
            why = "it stands alone" if conversation is None else f"it was {reply.state}"
            raise KimiUsageError(f"--pick {number}: the last turn is not in the conversation, {why}")
        if self._kept is not None and not conversation.ends_with(self._kept):
            raise KimiUsageError(f"--pick {number}: that turn is no longer the last of the conversation")
        reply.pick(choice)
        self._commit()
        return choice

    def rest(self) -> tuple[Message, ...]:
        """The messages that ask for the rest of the answer: the same again, and what arrived of it.

        What was cut inside the thought has no text to go on from: it is thought about anew.
        """
        reply, choice = self.reply, self.reply.chosen
        if reply.json:
            larger = reply.larger_cap(choice) if choice.finish_reason == LENGTH else None
            raise KimiUsageError(
                "--continue: the service does not go on with an answer in JSON mode",
                hint=f"Ask again{f' with --max-tokens {larger}' if larger else ''}.",
            )
        if not reply.done:
            raise KimiUsageError("--continue: the last answer is still on its way")
        if reply.state == "failed" and not choice.heard:
            raise KimiUsageError("--continue: nothing had arrived of the last answer; run its cell again")
        if choice.tool_calls:
            raise KimiUsageError("--continue: the last answer asks for tools; expected one cut in its text")
        ends = (LENGTH,) if reply.state == "complete" else (LENGTH, None)
        if choice.finish_reason not in ends:
            reason = choice.finish_reason or "it gave no reason"
            raise KimiUsageError(f"--continue: the last answer is complete ({reason}), nothing is missing")
        sent = self.request.messages[:-1] if self.request.messages[-1].partial else self.request.messages
        begun = Message(
            "assistant",
            choice.text or self._prefix,
            reasoning_content=(choice.text and choice.reasoning) or None,
            partial=True,
        )
        return (*sent, begun)

    def resumed(self, request: Request, view: View) -> Turn:
        """A turn that goes on with this one's answer."""
        return Turn(
            self._client,
            self._connection,
            request,
            view,
            self._conversation,
            ledger=self._ledger,
            resumes=self,
        )


def _prefix(last: Message) -> str:
    """What the answer begins with, if the last message says so."""
    return last.content if last.partial and isinstance(last.content, str) else ""
