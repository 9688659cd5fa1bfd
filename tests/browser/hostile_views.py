"""Every payload of the table in every view of the package, displayed by a cell of a real notebook."""

from __future__ import annotations

import ipywidgets
from IPython.display import display

from kimi_magic import markdown
from kimi_magic.conversation import ToolResult
from kimi_magic.messages import (
    Finished,
    Message,
    Noticed,
    Opened,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from kimi_magic.usage import Ledger, Record
from kimi_magic.view import calls, history, ledger, static, table, tree, words

from ..payloads import PAYLOADS, armed
from ..turns import GrowingTurn

LAST_WORDS = "All of it was shown."


def show(script: str, address: str) -> None:
    """Display all views, saved and live, each with all payloads; in few outputs, many are slow."""
    texts = [armed(payload, script, address).replace("\ud800", "?") for payload in PAYLOADS]
    turns = [_turn(text) for text in texts]
    kept = Ledger()
    for turn, text in zip(turns, texts, strict=True):
        kept.add(Record(time=turn.steps[-1].began, model=text, host=text, state="failed", finish_reason=text,
                        cost=None, seconds=1.0))  # fmt: skip
    _display("".join(static.line(words.status(turn)) for turn in turns))
    _display("".join(static.so_far(turn, "kimi-kept") for turn in turns))
    live = "".join(map(_growing, texts)) + "".join(static.calls_html(words.calls(t.choice)) for t in turns)
    display(ipywidgets.HTMLMath(live + "".join(static.line(words.status(turn)) for turn in turns)))
    rows = [_rows(f'{{"{text}": ["{text}"]') for text in texts]
    display(ipywidgets.HTML("".join(rows)))
    for turn, text in zip(turns, texts, strict=True):
        turn.add(Finished(text))
        turn.end()
    _display("".join(map(static.html, turns)))
    _display(ledger.html(kept) + ledger.timing_html(kept))
    _display(history.html([Message("assistant", text, reasoning_content=text) for text in texts]))
    _display("".join(calls.card(result) for text in texts for result in _results(text)))
    display(ipywidgets.HTML("".join(calls.card(result) for text in texts for result in _results(text))))
    _display("".join(words.for_export(tree.of_value({text: text})) for text in texts))
    _display(words.for_export(table.records_html([{text: text for text in texts}] * 2)))
    _display(f"<p>{LAST_WORDS}</p>")


def _display(html: str) -> None:
    display({"text/html": html, "text/plain": ""}, raw=True)


def _turn(text: str) -> GrowingTurn:
    turn = GrowingTurn("m")
    turn.steps[-1].host = text
    turn.notices = (text,)
    turn.add(Opened("c1", text), Noticed(text), ReasoningDelta(text), TextDelta(text))
    turn.add(ToolCallDelta("1", text, text, 0, 0))
    return turn


def _results(text: str) -> list[ToolResult]:
    done, failed = ToolResult(ToolCall("1", text, text)), ToolResult(ToolCall("2", "f", '{"a": "b"}'))
    done.end("done", text)
    failed.end("failed", text)
    failed.note = text
    return [done, failed]


def _growing(text: str) -> str:
    blocks = markdown.Blocks()
    return blocks.add(words.without_controls(text)) + blocks.tail()


def _rows(text: str) -> str:
    rows = tree.Rows()
    return rows.add(text) + rows.tail()
