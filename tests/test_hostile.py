"""One table of hostile text through every view: no script, no fetch, no key, nothing a terminal obeys."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kimi_magic.conversation import Step, ToolResult
from kimi_magic.markdown import tex
from kimi_magic.messages import (
    Finished,
    Message,
    Noticed,
    Opened,
    ReasoningDelta,
    Retrying,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)  # fmt: skip
from kimi_magic.reply import Reply
from kimi_magic.usage import Ledger, Record
from kimi_magic.view import (
    bundle,
    css,
    history,
    ledger,
    notebook,
    scripts,
    static,
    table,
    terminal,
    tree,
    words,
)

from .payloads import KEY, PAYLOADS, armed
from .test_client import ask, sent
from .test_markdown import Page, unsafe
from .test_static import ESCAPES, Terminal
from .test_tree import TREE
from .turns import GrowingTurn

STYLE = r"[\w:.,;%()\- ]*"
PAGE = {**TREE, "h4": {}, "th": {"style": STYLE}, "pre": {"style": STYLE, "class": "highlight"}}
PAGE["span"] = {"style": STYLE, "class": r"[a-z0-9 ]+"}
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # obeyed, or reorders a line
UNSEEN = re.compile(r"[\u200b\u2060\ufeff\u00ad\u115f]|[\U000e0041\U000e0042]")  # has no width
FETCHES = re.compile(r"""(?i)\s(?:src|srcset|poster|background|style="[^"]*url)\s*=?""")
OBEYED = re.compile(r"\\(?:unicode|href|style|class|cssId|bbox|mmlToken|let|def|gdef|newcommand|require)\b")
OURS = (
    *(f"<script>{each}</script>" for each in scripts.SAVED),
    f"<style>{css.LIVE_CSS}</style>",
)
TEXTS = [armed(payload) for payload in PAYLOADS]


def check_page(html: str, *, answers: bool = False) -> None:
    """A page holds text and safe links; mathematics at most where the model has answered."""
    for ours in OURS:
        html = html.replace(ours, "")
    page = Page(html)
    assert [each for each in unsafe(page, PAGE) if each != "<a> without rel"] == []
    assert not re.search(r'<a(?=[^>]*href="[^#])(?![^>]*rel="noopener noreferrer")', html)
    assert not RAW.search(html)
    assert not any(
        FETCHES.search(f" {name}={value}") for _, attrs in page.elements for name, value in attrs.items()
    )
    if not answers:
        assert page.formulas == []
    for formula in page.formulas:
        assert not OBEYED.search(formula)
        assert tex.for_page(formula) is not None


def check_text(text: str) -> None:
    """What goes to a terminal, but for our own dim lines and the status that goes away."""
    assert not RAW.search(ESCAPES.sub("", text))


def named(text: str, *, json: bool = False) -> GrowingTurn:
    """A turn in which all but the answer is hostile: names, reasons, notices, faults, calls."""
    turn = GrowingTurn("m", json=json)
    turn.steps[-1].host = text
    turn.notices = (text,)
    turn.add(Opened("c1", text), Noticed(text), ReasoningDelta(text))
    turn.add(ToolCallDelta("1", text, text, 0, 0))
    return turn


def answered(text: str, *, json: bool = False) -> GrowingTurn:
    turn = GrowingTurn("m", json=json)
    turn.add(TextDelta(text))
    return turn


def called(text: str) -> GrowingTurn:
    """A turn in which a function was called, with `text` in each of its fields."""
    turn = GrowingTurn("m")
    turn.add(
        ReasoningDelta(text), TextDelta(text), ToolCallDelta(text, text, text, 0, 0), Finished("tool_calls")
    )
    step = turn.steps[-1]
    step.end("complete")
    clean = text.encode("utf-8", "replace").decode()
    written = json.dumps({clean: clean})
    calls = [ToolCall(text, text, text), ToolCall("2", text, written), ToolCall("3", "f", "{}")]
    step.results = [ToolResult(call) for call in calls]
    for result, state in zip(step.results, ("done", "failed", "refused"), strict=True):
        result.begin()
        result.progress = text
        result.end(state, text)
        result.note = text
    turn.steps.append(Step(step.request))
    return turn


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    """A shell whose displays are kept, without a kernel: widgets live in this process."""
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    publisher = shell.display_pub
    shell.display_pub = CapturingDisplayPublisher()
    yield shell
    shell.display_pub = publisher
    InteractiveShell.clear_instance()


def live(turn: GrowingTurn, shell: InteractiveShell, end: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The HTML of all widgets while a turn grows, and all that was displayed until its end."""
    shell.display_pub.outputs.clear()
    view = notebook.NotebookView(habit="open")
    view.open(turn)
    turn.add(TextDelta(" "))
    view.update(turn)
    widgets = [
        w for w in list(ipywidgets.widgets.widget._instances.values()) if isinstance(w, ipywidgets.HTML)
    ]
    values = [widget.value for widget in widgets]
    turn.add(Finished(end))
    turn.end()
    view.close(turn)
    return values, [output["data"] for output in shell.display_pub.outputs]


# ---- every field in every view ----


@pytest.mark.parametrize("text", TEXTS)
def test_a_name_a_reason_a_notice_and_a_call_are_text_live_and_at_the_end(
    text: str, shell: InteractiveShell
) -> None:
    values, displayed = live(named(text), shell, text)
    assert len(values) > 3
    for html in values:
        check_page(html)
    assert [data for data in displayed if "text/html" in data]
    for data in displayed:
        check_page(data.get("text/html", ""))
        check_text(data.get("text/plain", ""))


@pytest.mark.parametrize("text", TEXTS)
def test_a_call_with_its_arguments_and_its_result_is_text_live_and_at_the_end(
    text: str, shell: InteractiveShell
) -> None:
    turn = called(text)
    values, displayed = live(turn, shell, "stop")
    for html in (*values, *(data.get("text/html", "") for data in displayed)):
        check_page(html, answers=True)
    for data in displayed:
        check_text(data.get("text/plain", ""))
    check_page(static.so_far(turn, "kimi-kept"))
    check_page(history.html(turn.messages()), answers=True)
    check_text(history.plain(turn.messages()))
    out, err = Terminal(), Terminal()
    view = terminal.TerminalView(out, err)
    view.open(turn)
    view.update(turn)
    view.close(turn)
    assert not RAW.search(re.sub(r"\x1b\[[\d;]*[mAKJ]|\r", "", err.getvalue() + out.getvalue()))


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_is_text_links_and_harmless_mathematics_live_and_at_the_end(
    text: str, shell: InteractiveShell
) -> None:
    values, displayed = live(answered(text), shell, "stop")
    for html in (*values, *(data.get("text/html", "") for data in displayed)):
        check_page(html, answers=True)
    for data in displayed:
        check_text(data.get("text/plain", ""))


@pytest.mark.parametrize("text", TEXTS)
def test_json_in_which_each_key_and_value_is_hostile_is_text(text: str, shell: InteractiveShell) -> None:
    clean = text.encode("utf-8", "replace").decode()
    value = {clean: [clean, {clean: clean}], "b": clean}
    for written in (json.dumps(value, ensure_ascii=False), json.dumps(value)[:-9], text):
        values, displayed = live(answered(written, json=True), shell, "stop")
        for html in (*values, *(data.get("text/html", "") for data in displayed)):
            check_page(html)
    check_page(words.for_export(tree.of_value(value)))
    check_page(table.records_html([value, value]))
    check_text(static.plain_json(value))
    check_page(table.html(pandas.DataFrame([{clean: clean, "b": 1}])))


@pytest.mark.parametrize("text", TEXTS)
def test_a_status_a_table_a_history_and_what_was_kept_are_text(text: str) -> None:
    turn = named(text)
    check_page(static.so_far(turn, "kimi-kept"))
    turn.reject(text)
    turn.steps[-1].host = text
    turn.add(Retrying(text, 1.0, 2, 3))
    check_page(static.line(words.status(turn)))
    check_text(words.status(turn))
    assert not UNSEEN.search(words.status(turn))
    turn.add(Finished(text))
    turn.end("failed")
    check_page(bundle(turn)["text/html"])
    assert not UNSEEN.search(words.byline(turn))
    kept = Ledger()
    kept.add(Record(time=turn.steps[-1].began, model=text, host=text, state="failed", finish_reason=text,
                    cost=None, seconds=1.0))  # fmt: skip
    check_page(ledger.html(kept))
    check_page(ledger.timing_html(kept))
    check_text(ledger.table(kept) + ledger.timing_table(kept))
    messages = [Message("user", text), Message("assistant", text, reasoning_content=text)]
    check_page(history.html(messages), answers=True)
    check_text(history.plain(messages))


@pytest.mark.parametrize("text", TEXTS)
def test_a_terminal_obeys_none_of_it(text: str) -> None:
    out, err = Terminal(), Terminal()
    for turn in (named(text), answered(text)):
        view = terminal.TerminalView(out, err)
        view.open(turn)
        view.update(turn)
        turn.reject(text)
        turn.add(TextDelta(text))
        view.update(turn)
        turn.add(Finished(text))
        turn.end()
        view.close(turn)
        reply = Reply(turn)
        check_text(f"{reply} {reply!r} {reply.choices[0]} {reply.choices!r} {reply.tool_calls!r}")
    # What rich draws, and where the cursor goes for it, are sequences of ours.
    shown = re.sub(r"\x1b\[[\d;]*[mAKJ]|\r", "", err.getvalue() + out.getvalue())
    assert not RAW.search(shown)


# ---- from the wire ----


def wire(text: str) -> list[tuple[int, bytes]]:
    """Statuses and bodies that say `text` in each of their fields."""
    chunk = {
        "id": text,
        "model": text,
        "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": text}],
    }
    message = {"error": {"message": text, "type": text, "code": text, "param": text}}
    said, plain = json.dumps(message).encode(), text.encode("utf-8", "replace")
    return [
        (200, sent(chunk, b"[DONE]")), (200, sent(chunk, message)), (200, sent(text)), (200, said),
        (200, b"<html>" + plain), (400, said), (401, json.dumps({"detail": text}).encode()), (404, said),
        (429, said), (502, plain),
    ]  # fmt: skip


def said(status: int, body: bytes) -> str:
    """All that is shown of a response but the answer."""
    heard = ask(body, status=status, headers={"x-request-id": "a\x1b[1m$x$"})
    turn = heard.reply.turn
    turn.end("failed" if heard.error else "complete")
    error = f"{heard.error} {vars(heard.error)} {heard.error._render_traceback_()}" if heard.error else ""
    html = static.html(turn)
    check_page(html)
    check_text(str(heard.error))
    return f"{html} {words.status(turn)} {Reply(turn)!r} {static.plain(turn)} {error}"


@pytest.mark.parametrize("text", TEXTS[::2] + TEXTS[-4:])
def test_what_comes_from_a_service_is_one_short_line_without_the_key(text: str) -> None:
    for status, body in wire(text):
        shown = said(status, body)
        assert len(shown) < 6_000
        squeezed = re.sub(r"\s", "", shown).lower()
        assert KEY.lower() not in squeezed
        assert KEY[:12].lower() not in squeezed


# ---- cut anywhere, and put together ----

HTML_VIEWS: dict[str, Callable[[str], str]] = {
    "names": lambda text: bundle(_ended(named(text), text))["text/html"],
    "so far": lambda text: static.so_far(answered(text), "kimi-kept"),
    "tree": lambda text: words.for_export(tree.of_value({text: text})),
    "text of JSON": tree.of_text,
}


def _ended(turn: GrowingTurn, reason: str) -> GrowingTurn:
    turn.add(Finished(reason))
    turn.end()
    return turn


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), st.data())
def test_no_cut_and_no_company_brings_any_of_it_to_life(texts: list[str], data: st.DataObject) -> None:
    joined = data.draw(st.sampled_from(["", " ", "\n", "\n\n"])).join(texts)
    start = data.draw(st.integers(0, len(joined)))
    text = joined[start : data.draw(st.integers(start, len(joined)))]
    for view in HTML_VIEWS.values():
        check_page(view(text))
    answer = _ended(answered(text), "stop")
    check_page(static.html(answer), answers=True)
    check_text(static.plain(answer))
    blocks = notebook.Blocks()
    points = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    for begin, end in zip([0, *points], [*points, len(text)], strict=True):
        finished = blocks.add(words.without_controls(text[begin:end]))
        check_page(finished + blocks.tail(), answers=True)
    out = io.StringIO()
    terminal.TerminalView(out, out).close(answer)
    check_text(out.getvalue())
