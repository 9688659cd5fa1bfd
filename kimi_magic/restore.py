"""A conversation from the notebook itself: prompts from its cells, answers from their saved outputs.

The metadata of an output holds fingerprints of prompt and answer (`view.static.summary`), so that a cell that
was edited after its answer is told from one that was not, and its old answer is never put to a new question.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kimi_magic import cells, files, options, view
from kimi_magic.conversation import DEFAULT_CHAT, Turn, digest
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Message, user_message
from kimi_magic.saved import SavedAnswer, SavedRound, SavedTurn
from kimi_magic.usage import Usage

SESSION = "JPY_SESSION_NAME"  # jupyter_server puts the path of the notebook there
LARGEST_FILE = 512 * 2**20  # bytes of a notebook
VS_CODE = "__vsc_ipynb_file__"  # and VS Code among the names of the notebook
_LINE = re.compile(r"\s*(?:[\w\s,.\[\]]+=\s*)?%kimi(?:\s+(?P<rest>.*))?$")


class Restored(NamedTuple):
    """What a notebook holds: turns by the name of their conversation, and sentences on what is not there."""

    chats: dict[str, list[Turn]]
    faults: list[str]
    asked: dict[str, tuple[Message, str]]  # what cells ask, by fingerprint, with the id of the cell


class _Prompt(NamedTuple):
    """A prompt as a cell has it: its message, or why it cannot be read."""

    message: Message | None
    fault: str = ""


def notebook_path(names: Mapping[str, Any]) -> Path:
    """The notebook of this session; `names` are those of the notebook.

    Raises:
        KimiUsageError: The session does not say which it is.
    """
    name = names.get(VS_CODE) or os.environ.get(SESSION)
    if not name:
        raise KimiUsageError(
            "this session does not say which notebook it belongs to",
            hint="Name it: %kimi_chat restore NOTEBOOK.ipynb",
        )
    path = Path(str(name))
    return path if path.exists() else Path(path.name)  # seen from the folder of the kernel


def read(path: Path) -> Restored:
    """The turns whose answers are saved in the notebook at `path`, in its order.

    Raises:
        KimiUsageError: It cannot be read, or is no notebook.
    """
    try:
        text = files.read(path, LARGEST_FILE)
    except ValueError as error:
        raise KimiUsageError(f"{str(path)!r}: {error}", hint="Save the notebook, or name its file.") from None
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KimiUsageError(f"{str(path)!r} is no notebook: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise KimiUsageError(f"{str(path)!r} is no notebook: expected a list of cells")
    found = Restored({}, [], {})
    for number, cell in enumerate(notebook["cells"], 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            _read_cell(cell, number, found)
    return found


def _read_cell(cell: Mapping[str, Any], number: int, found: Restored) -> None:
    prompts = list(_prompts(_joined(cell.get("source"))))
    counts: dict[str, int] = {}
    cell_id = str(cell.get("id") or "")
    found.asked.update({digest(p.message): (p.message, cell_id) for p in prompts if p.message is not None})
    for output, *data in _replies(cell.get("outputs") or []):
        about = output["metadata"]["kimi_magic"]
        if about.get("state") != "complete" or "prompt" not in about:
            continue  # it was in no conversation
        chat = str(about.get("chat") or DEFAULT_CHAT)
        continues = bool(about.get("continues"))
        if not continues:
            counts[chat] = counts.get(chat, 0) + 1
        try:
            turn = _turn(prompts, output, data, found.asked if continues else {})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            found.faults.append(f"cell {number}: {error}")
            continue
        turns = found.chats.setdefault(chat, [])
        if continues:  # it takes the place of the part
            _, turn.id = found.asked[about["prompt"]]
            turns[:] = [each for each in turns if each.id != turn.id or not turn.id]
        else:
            turn.id = cells.prompt_id(cell_id, counts[chat]) if cell_id else ""
        turns.append(turn)
        if "rounds" in about and about["rounds"] is None:
            found.faults.append(f"cell {number}: its calls of functions were too large for the notebook")
        if turn.usage is not None and turn.usage.reasoning and not turn.choice.reasoning:
            found.faults.append(f"cell {number}: its reasoning was hidden, and is not in the notebook")


def _replies(outputs: list[Any]) -> Iterator[list[dict[str, Any]]]:
    """Each output of ours, with the emptied displays that belong to it."""
    group: list[dict[str, Any]] = []
    for output in outputs:
        if not isinstance(output, dict) or output.get("output_type") != "display_data":
            continue
        if isinstance((output.get("metadata") or {}).get("kimi_magic"), dict):
            if group:
                yield group
            group = [output]
        elif group:
            group.append(output)
    if group:
        yield group


def _turn(
    prompts: list[_Prompt],
    output: dict[str, Any],
    data: list[dict[str, Any]],
    asked: Mapping[str, tuple[Message, str]],
) -> Turn:
    """The turn of an output; `asked` are prompts of other cells, for an answer that goes on with a part.

    Raises:
        ValueError: Its prompt is not in the cell, or its answer not in the output.
    """
    about, bundle = output["metadata"]["kimi_magic"], _bundle(output)
    html = bundle.get("text/html", "")
    text = about.get("text") or bundle.get("text/plain", "")
    usage = about.get("usage")
    record = SavedTurn(
        prompt=asked[about["prompt"]][0] if about["prompt"] in asked else _prompt_of(prompts, about),
        answers=(
            msgspec.convert({**about, "text": text, "reasoning": view.reasoning_in(html)}, SavedAnswer),
        ),
        model=str(about.get("model") or ""),
        offline=bool(about.get("offline")),
        rounds=msgspec.convert(about.get("rounds") or (), tuple[SavedRound, ...]),
        usage=msgspec.convert(usage, Usage) if usage else None,
        seconds=float(about.get("seconds") or 0.0),
        fingerprint=str(about.get("fingerprint") or ""),
    )
    turn = Turn.from_record(record)
    turn.saved_digest = str(about.get("answer") or "")
    if all(view.is_inert(_bundle(each).get("text/html", "")) for each in (output, *data)):
        turn.outputs = tuple((_bundle(each), each.get("metadata") or {}) for each in (output, *data))
    return turn


def _prompt_of(prompts: list[_Prompt], about: Mapping[str, Any]) -> Message:
    """The one of the prompts that has the fingerprint, or the one that was filled in and is kept there."""
    for prompt in prompts:
        if prompt.message is not None and digest(prompt.message) == about["prompt"]:
            return prompt.message
    if sent := about.get("sent"):
        message = Message("user", str(sent))
        if digest(message) == about["prompt"]:
            return message
    if fault := next((prompt.fault for prompt in prompts if prompt.fault), ""):
        raise ValueError(fault)
    raise ValueError("the cell was edited after its answer, or was filled in with what is not saved")


def _prompts(source: str) -> Iterator[_Prompt]:
    """The prompts of a cell: its body, or its `%kimi` lines."""
    lines = source.splitlines(keepends=True)
    place = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), 0)
    if lines and lines[place].split()[:1] == ["%%kimi"]:
        yield _prompt(lines[place].strip()[len("%%kimi") :], "".join(lines[place + 1 :]).rstrip("\n"))
        return
    for line in lines:
        if found := _LINE.match(line.rstrip("\n")):
            yield _prompt(found["rest"] or "", None)


def _prompt(line: str, body: str | None) -> _Prompt:
    try:
        if body is None:
            words, body = options.split_prompt(line, options.at(options.CELL))
        else:
            words = options.split(line)
        given, _ = options.parse(words, options.at(options.CELL))
    except KimiUsageError as error:
        return _Prompt(None, f"its options cannot be read any more: {error.message}")
    return _Prompt(user_message(body, given.get("attach") or ()))


def _bundle(output: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an output, its texts joined: a notebook has them as lists of lines."""
    data = output.get("data") or {}
    return {kind: _joined(value) for kind, value in data.items()}


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text or "")
