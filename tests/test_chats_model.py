"""Whatever happens to a conversation, what is sent next is what a plain model of it says, and is valid.

The model is a list of entries, changed by the words of the documentation. Every request goes through the
checks of the simulator, which refuses what the service refuses.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kimi_magic import cells, chats, kernel
from kimi_magic.conversation import Conversation
from kimi_magic.errors import KimiModelError
from kimi_magic.kernel import Kernel
from kimi_magic.reply import Reply
from kimi_magic.view import static
from tests.turns import cell_plan, run

CELLS = st.sampled_from(["", "a", "b", "c"])  # "" for a front end without ids
NAMES = ("main", "side", "other")
PROMPTS = st.sampled_from(["Why is the sky blue?", "Name a river.", "What did I ask first?"])


@dataclass(frozen=True)
class Entry:
    """A turn of the model; `cell` is "" where no cell can run it again."""

    cell: str
    prompt: str
    answer: str
    muted: bool = False
    stale: bool = False


class Conversations(RuleBasedStateMachine):
    """Prompts and commands in any order, beside the model."""

    def __init__(self) -> None:
        super().__init__()
        self._context = kernel.fresh(offline=True, speed=0)
        self.kernel: Kernel = self._context.__enter__()
        self.model: dict[str, list[Entry]] = {"main": []}
        self.name = "main"
        self.book: dict[str, tuple[str, str, Reply[Any]]] = {}  # what each cell shows: prompt, chat, reply

    def teardown(self) -> None:
        self._context.__exit__(None, None, None)

    @property
    def entries(self) -> list[Entry]:
        return self.model[self.name]

    def place(self, cell: str) -> int:
        """Where a prompt of `cell` stands in the model."""
        places = [at for at, entry in enumerate(self.entries) if cell and entry.cell == cell]
        return places[0] if places else len(self.entries)

    def make_stale(self, after: int) -> None:
        self.entries[after:] = [replace(entry, stale=True) for entry in self.entries[after:]]

    def plan(self, cell: str, prompt: str, line: str = ""):
        token = cells.running.set(cells.CellRun(cell) if cell else None)
        try:
            return cell_plan(line, prompt)
        finally:
            cells.running.reset(token)

    def check_sent(self, cell: str, prompt: str) -> None:
        """The request went out as the model says: what is before it, not muted, and the prompt."""
        expected = []
        for entry in self.entries[: self.place(cell)]:
            if not entry.muted:
                expected += [("user", entry.prompt), ("assistant", entry.answer)]
        request = self.kernel.last.turn.steps[0].request
        assert [(m.role, m.text) for m in request.messages] == [*expected, ("user", prompt)]

    # ---- prompts ----

    @rule(cell=CELLS, prompt=PROMPTS, append=st.booleans())
    def ask(self, cell: str, prompt: str, append: bool) -> None:
        cell = "" if append else cell
        reply = run(self.plan(cell, prompt, "--append" if append else ""))
        self.check_sent(cell, prompt)
        self.show(cell, prompt)
        place = self.place(cell)
        self.entries[place : place + 1] = [Entry(cell, prompt, reply.text)]
        self.make_stale(place + 1)

    @rule(cell=CELLS, prompt=PROMPTS)
    def ask_and_fail(self, cell: str, prompt: str) -> None:
        try:
            run(self.plan(cell, prompt, "-m nope"))
        except KimiModelError:
            self.check_sent(cell, prompt)
            self.show(cell, prompt)
        else:
            raise AssertionError("there is no such model")

    @rule(cell=CELLS, prompt=PROMPTS)
    def ask_and_stop(self, cell: str, prompt: str) -> None:
        run(self.plan(cell, prompt), stops_at=lambda reply: bool(reply.text or reply.reasoning))
        self.check_sent(cell, prompt)
        self.show(cell, prompt)

    @rule(cell=CELLS, prompt=PROMPTS)
    def ask_and_get_no_answer(self, cell: str, prompt: str) -> None:
        assert run(self.plan(cell, prompt, "--max-tokens 1")).text == ""
        self.check_sent(cell, prompt)
        self.show(cell, prompt)

    @rule(prompt=PROMPTS)
    def ask_alone(self, prompt: str) -> None:
        run(self.plan("a", prompt, "--no-history"))
        assert len(self.kernel.last.turn.step.request.messages) == 1

    # ---- commands ----

    def said(self, line: str) -> None:
        assert "\n" not in chats.run(self.kernel, None, line)

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), what=st.sampled_from(["drop", "mute", "edit", "pin"]))
    def change(self, data: st.DataObject, what: str) -> None:
        number = data.draw(st.integers(1, len(self.entries)))
        self.said(f"{what} {number}" + " My own words." * (what == "edit"))
        entry = self.entries[number - 1]
        match what:
            case "drop":
                del self.entries[number - 1]
                self.make_stale(number - 1)
            case "mute":
                self.entries[number - 1] = replace(entry, muted=not entry.muted)
                self.make_stale(number)
            case "edit":
                self.entries[number - 1] = replace(entry, answer="My own words.")
                self.make_stale(number)

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, len(self.entries)))
        self.said(f"undo {count}")
        del self.entries[len(self.entries) - count :]

    @rule()
    def clear(self) -> None:
        self.said("clear")
        self.entries.clear()

    @rule(name=st.sampled_from(NAMES), fork=st.booleans())
    def go_to(self, name: str, fork: bool) -> None:
        if name in self.model:
            self.said(f"use {name}")
        else:
            self.said(f"{'fork' if fork else 'new'} {name}")
            self.model[name] = list(self.entries) if fork else []
        self.name = name

    def show(self, cell: str, prompt: str) -> None:
        """The cell shows the last reply from now on."""
        if cell:
            self.book[cell] = (prompt, self.name, self.kernel.last)

    @rule()
    def restart_and_restore(self) -> None:
        """The kernel forgets all; what the cells show comes back, in the order of the notebook."""
        notebook: list[dict[str, Any]] = []
        model: dict[str, list[Entry]] = {"main": []}
        for cell, (prompt, chat, reply) in sorted(self.book.items()):
            data = {"text/html": static.html(reply.turn), "text/plain": static.plain(reply.turn)}
            about = {"kimi_magic": json.loads(json.dumps(static.summary(reply.turn)))}
            output = {"output_type": "display_data", "data": data, "metadata": about}
            source = f"%%kimi\n{prompt}"
            notebook.append({"cell_type": "code", "id": cell, "source": source, "outputs": [output]})
            if "prompt" in about["kimi_magic"]:
                model.setdefault(chat, []).append(Entry(cell, prompt, reply.text))
        self._context.__exit__(None, None, None)
        self._context = kernel.fresh(offline=True, speed=0)
        self.kernel = self._context.__enter__()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "n.ipynb"
            path.write_text(json.dumps({"cells": notebook}), encoding="utf-8")
            self.said(f"restore {path}")
        self.model, self.name = model, "main"

    @rule()
    def save_and_load(self) -> None:
        loaded = Conversation.from_json(self.kernel.conversation.to_json())
        self.kernel.conversation.take(loaded)

    @invariant()
    def turns_are_those_of_the_model(self) -> None:
        for name, entries in self.model.items():
            turns = self.kernel.chats[name].turns
            shown = [(t.prompt.text, t.messages()[1].text, t.muted, t.stale) for t in turns]
            assert shown == [(e.prompt, e.answer, e.muted, e.stale) for e in entries]
            assert len({turn.id for turn in turns}) == len(turns)


Conversations.TestCase.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestConversations = Conversations.TestCase
