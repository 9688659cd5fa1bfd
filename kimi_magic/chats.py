"""`%kimi_chat`: commands that list, change, save and bring back conversations; each answers in one line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kimi_magic import files, options, restore, view
from kimi_magic.conversation import Conversation
from kimi_magic.errors import KimiError, KimiUsageError
from kimi_magic.kernel import Kernel
from kimi_magic.options import values

USAGE = "%kimi_chat COMMAND [...]"
ABOUT = "The conversations of this kernel. Without a command: which there are."
NOTES = """\
Which turns there are:
  A cell that runs again replaces its own turn. It is asked with the turns before it; those after it
  stay, and are stale until they run again, so Run All sends what running each cell once sent. The line
  above the answer says which turn it is, what it replaces and how many turns were sent. A run that
  failed or was stopped leaves the earlier turn in its place. Where the front end does not say which
  cell runs (a terminal, a script, nbclient), turns are appended; %%kimi --append does so anywhere.

Which turns are sent:
  What does not fit the context of the model is left out by whole turns, the oldest first, but not the
  pinned ones. The line above the answer names them. The sizes are estimates. %%kimi --history N sends
  the last N.

Several conversations:
  %%kimi -c NAME names the conversation of one cell, %kimi_chat use NAME that of all cells that follow.
  In Python, kimi_magic.chat(NAME) is the conversation, and ask(..., history=NAME) continues it. Prompts
  of one conversation wait for each other, also those of tasks and threads; different conversations run
  side by side. A prompt that ask(..., history=True) sends belongs to the cell that runs, by its number
  in that cell.

After a restart:
  restore reads prompts from the cells of the saved notebook, and answers and reasoning from their
  outputs, in the order of the notebook. It names the cells that it could not read: those edited after
  their answer. Only save keeps muted, edited and picked answers, and prompts from Python.
"""
MOST_FAULTS = 3  # cells that cannot be read of which the one line tells
LARGEST_FILE = 256 * 2**20  # bytes of a saved conversation
MARKDOWN = (".md", ".markdown")


class Command(NamedTuple):
    """A command: what may follow it, what it does, and how many words it takes at least and at most.

    With `text`, the last of them is the rest of the line as it was typed, or the body of a cell.
    """

    words: str
    about: str
    run: Callable[..., str]
    least: int = 0
    most: int = 0
    text: bool = False


def run(kernel: Kernel, shell: Any, line: str, cell: str | None = None) -> str:
    """What a `%kimi_chat` line, or a `%%kimi_chat` cell with its body, prints; "" where it shows by itself.

    Raises:
        KimiUsageError: There is no such command, or it takes other words.
    """
    name, _, rest = line.strip().partition(" ")
    if name in ("-h", "--help", "help"):
        return help_text()
    name = name or "list"
    if name not in COMMANDS:
        raise KimiUsageError(f"{name!r} is no command of %kimi_chat{options.nearest(name, COMMANDS)}")
    command = COMMANDS[name]
    words = _words(command, rest.strip(), cell)
    if not command.least <= len(words) <= command.most or (cell is not None and not command.text):
        raise KimiUsageError(f"%kimi_chat {name}: expected {f'{name} {command.words}'.strip()}")
    if name == "show":
        view.show_conversation(shell, _known(kernel, words))
        return ""
    if name == "restore":
        return _restore(kernel, *words, names=getattr(shell, "user_ns", {}))
    return command.run(kernel, *words)


def help_text() -> str:
    """The commands, one a line, and what a conversation is."""
    rows = [(f"{name} {command.words}".strip(), command.about) for name, command in COMMANDS.items()]
    width = max(len(left) for left, _ in rows)
    lines = "\n".join(f"  {left:<{width}}  {about}" for left, about in rows)
    return f"{ABOUT}\n\nUsage: {USAGE}\n\n{lines}\n\n{NOTES}"


def _words(command: Command, rest: str, cell: str | None) -> list[str]:
    if not command.text:
        return options.split(rest)
    words = rest.split(maxsplit=command.most - 1)
    return [*words, cell.strip()] if cell is not None else words


def _known(kernel: Kernel, names: Sequence[str]) -> Conversation:
    """The conversation of the first name, the current one if there is none."""
    if names and names[0] not in kernel.chats:
        raise KimiUsageError(
            f"there is no conversation {names[0]!r}{options.nearest(names[0], kernel.chats)}",
            hint="Begin one with %kimi_chat new NAME.",
        )
    return kernel.chat(*names)


def _new_name(kernel: Kernel, name: str) -> str:
    """`name`, if a conversation may begin under it."""
    try:
        values.chat(name)
    except ValueError as error:
        raise KimiUsageError(f"{name!r}: expected {error}") from None
    if name in kernel.chats:
        raise KimiUsageError(
            f"there is a conversation {name!r} already; %kimi_chat use {name} goes on with it"
        )
    return name


def _number(word: str) -> int:
    try:
        return int(options.whole(1)(word))
    except ValueError as error:
        raise KimiUsageError(f"{word!r}: expected {error}") from None


def _turns(count: int) -> str:
    return f"{count} turn{'s' * (count != 1)}"


def _said(conversation: Conversation) -> str:
    return f"{conversation.name} ({_turns(len(conversation))})"


# ---- which conversation ----


def _list(kernel: Kernel) -> str:
    current = kernel.conversation
    return " · ".join(
        f"{_said(chat)}{', the current one' * (chat is current)}" for chat in kernel.chats.values()
    )


def _use(kernel: Kernel, name: str) -> str:
    kernel.conversation = _known(kernel, [name])
    return f"Prompts continue {_said(kernel.conversation)}."


def _new(kernel: Kernel, name: str = "") -> str:
    number = len(kernel.chats) + 1
    while not name or (name == f"chat-{number}" and name in kernel.chats):
        name, number = f"chat-{number}", number + 1
    kernel.conversation = kernel.chat(_new_name(kernel, name))
    return f"Prompts begin a conversation, {name}."


def _fork(kernel: Kernel, name: str) -> str:
    origin = kernel.conversation
    kernel.conversation = kernel.chats[name] = origin.fork(_new_name(kernel, name))
    return f"Prompts continue {_said(kernel.conversation)}, which began as {origin.name}."


def _system(kernel: Kernel, text: str = "") -> str:
    conversation = kernel.conversation
    conversation.system = text or None
    conversation.changes += 1
    has = "its own" if text else "no"
    return f"{conversation.name} has {has} system message now."


def _clear(kernel: Kernel) -> str:
    count = len(kernel.conversation)
    kernel.reset()
    return f"{kernel.conversation.name} is empty, {_turns(count)} removed."


# ---- its turns ----


def _undo(kernel: Kernel, word: str = "1") -> str:
    count = _number(word)
    kernel.conversation.undo(count)
    kernel.last_plan = None
    return f"The last {_turns(count)} removed: {_said(kernel.conversation)}."


def _drop(kernel: Kernel, word: str) -> str:
    kernel.conversation.drop(_number(word))
    return f"Turn {word} removed: {_said(kernel.conversation)}."


def _mute(kernel: Kernel, word: str) -> str:
    muted = not kernel.conversation.turn(_number(word)).muted
    kernel.conversation.mute(_number(word), muted)
    return f"Turn {word} is {'shown, but no longer sent' if muted else 'sent again'}."


def _pin(kernel: Kernel, word: str) -> str:
    pinned = not kernel.conversation.turn(_number(word)).pinned
    kernel.conversation.pin(_number(word), pinned)
    return f"Turn {word} is {'sent also where older turns are left out' if pinned else 'no longer pinned'}."


def _edit(kernel: Kernel, word: str, text: str = "") -> str:
    kernel.conversation.edit(_number(word), text or None)
    if not text:
        return f"Turn {word} has the answer that came."
    return f"Turn {word} has the answer that you wrote; later turns are stale."


def _pick(kernel: Kernel, word: str) -> str:
    kernel.pick(_number(word))
    return f"Answer {word} is in the conversation now."


# ---- files ----


def _save(kernel: Kernel, name: str) -> str:
    conversation, path = kernel.conversation, Path(name).expanduser()
    if path.suffix.lower() in MARKDOWN:
        text = view.conversation_markdown(conversation)
    else:
        text = json.dumps(conversation.to_json(), ensure_ascii=False, indent=1) + "\n"
    with contextlib.suppress(KimiError):  # without a key there is none to leave out
        text = kernel.settings.connection(asks=False).key.redact(text)
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _file_error(name, error) from None
    return f"{_said(conversation)} is saved in {name}."


def _load(kernel: Kernel, name: str, as_name: str = "") -> str:
    try:
        data = files.read(name, LARGEST_FILE)
    except ValueError as error:
        raise _file_error(name, error) from None
    loaded = Conversation.from_json(data)
    chat = as_name or loaded.name
    if len(kernel.chats.get(chat, ())):
        raise KimiUsageError(
            f"{_said(kernel.chats[chat])} is there already, nothing was loaded",
            hint=f"Load it under another name: %kimi_chat load {name} NAME",
        )
    if chat not in kernel.chats:
        _new_name(kernel, chat)
    kernel.conversation = kernel.chat(chat)
    kernel.conversation.take(loaded)
    return f"Prompts continue {_said(kernel.conversation)}, from {name}."


def _restore(kernel: Kernel, name: str = "", *, names: Mapping[str, Any]) -> str:
    """Bring back what the notebook holds. What this kernel has asked since stays, in its place."""
    path = Path(name).expanduser() if name else restore.notebook_path(names)
    found = restore.read(path)
    said = []
    for chat, turns in found.chats.items():
        conversation = kernel.chat(chat)
        here = {turn.id: turn for turn in conversation.turns}
        merged = Conversation(chat, system=conversation.system)
        for turn in turns:
            merged.add(here.pop(turn.id, turn) if turn.id else turn)
        for turn in here.values():
            merged.add(turn)
        conversation.take(merged)
        said.append(f"{chat}: {_turns(len(turns))}")
    count = f"{', '.join(said) or 'no turns'} from {path.name}"
    faults = found.faults[:MOST_FAULTS]
    more = len(found.faults) - len(faults)
    return "; ".join([count, *faults, *[f"{more} more cells"] * bool(more)]) + "."


def _file_error(name: str, error: Exception) -> KimiUsageError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return KimiUsageError(f"{name!r}: {reason}", hint="Name a file that can be read or written.")


COMMANDS = {
    "list": Command("", "which conversations there are", _list),
    "use": Command("NAME", "let prompts continue this one", _use, 1, 1),
    "new": Command("[NAME]", "let prompts begin a new one", _new, 0, 1),
    "fork": Command("NAME", "go on from here in a copy", _fork, 1, 1),
    "show": Command("[NAME]", "all of it: who said what and when, tokens, reasoning", _list, 0, 1),
    "system": Command("[TEXT]", "its own system message, which beats the setting", _system, 0, 1, text=True),
    "undo": Command("[N]", "remove the last turn, or the last N", _undo, 0, 1),
    "drop": Command("N", "remove turn N", _drop, 1, 1),
    "mute": Command("N", "send turn N no more; again: send it", _mute, 1, 1),
    "pin": Command("N", "send turn N also where older ones are left out; again: no longer", _pin, 1, 1),
    "edit": Command("N [TEXT]", "the answer as the model will remember it; without: as it came", _edit, 1, 2,
                    text=True),
    "pick": Command("N", "let answer N of the last prompt enter the conversation", _pick, 1, 1),
    "clear": Command("", "remove all turns", _clear),
    "save": Command("FILE", "as JSON, or to read: a name that ends in .md", _save, 1, 1),
    "load": Command("FILE [NAME]", "what was saved as JSON", _load, 1, 2),
    "restore": Command("[NOTEBOOK]", "from the saved notebook, after a restart", _restore, 0, 1),
}  # fmt: skip
