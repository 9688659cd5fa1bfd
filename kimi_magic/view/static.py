"""What is left of a turn when nothing moves any more, as HTML and as text.

The HTML needs no script, no stylesheet of ours and nothing from elsewhere: it is what a saved notebook, an
export or a viewer shows. Inline styles follow the theme by using its text colour.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from html import escape
from typing import Any

import msgspec
from msgspec.structs import asdict

from kimi_magic import markdown
from kimi_magic.conversation import Step, Turn, digest
from kimi_magic.markdown import Forms, hidden, inert
from kimi_magic.messages import STOP, Choice
from kimi_magic.view import css, endings, scripts, table, tree
from kimi_magic.view.calls import cards
from kimi_magic.view.words import (
    byline,
    calls,
    details,
    for_export,
    heading,
    on_one_line,
    printable,
    reasoning_title,
    without_controls,
)

LONGEST_PLAIN = 2_000  # characters of JSON that viewers of plain text get
LONGEST_ON_A_LINE = 100  # characters of JSON that need no lines of their own
# Of what terminals obey and what reorders a line, what `json.dumps` leaves as it is.
_CONTROL = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LONGEST_ROUNDS = 200_000  # bytes of calls and results that the metadata of an output holds
LONGEST_SENT = 20_000  # characters of a prompt, filled in from variables, that an output holds


def html(
    turn: Turn,
    *,
    hide_reasoning: bool = False,
    open_reasoning: Container[int] = (),
    rendered: Mapping[int, Forms | None] | None = None,
) -> str:
    """The whole reply: byline; foldable reasoning and answer, of each choice where there are several.

    The byline stands where the status stood, so that nothing moves when it takes its place.
    `open_reasoning` are the indices of the choices whose reasoning is unfolded; `rendered` are the forms of
    their texts, where they are known.
    """
    rounds = "".join(_round(turn, step, hide_reasoning) for step in turn.shown_steps[:-1])
    shown = [
        _choice(
            turn, number, hide_reasoning, choice.index in open_reasoning, (rendered or {}).get(choice.index)
        )
        for number, choice in enumerate(turn.choices)
    ]
    answers = shown[0]
    if len(shown) > 1:
        titles = [heading(turn, choice, number) for number, choice in enumerate(turn.choices, 1)]
        answers = columns([f"{heading_html(title)}{each}" for title, each in zip(titles, shown, strict=True)])
    page = (
        f"{line(byline(turn), details(turn))}{rounds}{answers}{''.join(map(notice, endings.notices(turn)))}"
    )
    script = scripts.COPY_SCRIPT * ("<pre" in page) + scripts.TREE_SCRIPT * ('class="kimi-tree"' in page)
    return for_export(f'<div class="kimi-reply">{page}{f"<script>{script}</script>" if script else ""}</div>')


def heading_html(title: str) -> str:
    """The heading of one of several answers."""
    return f'<h4 style="margin:.6em 0 .3em">{inert(title)}</h4>'


def columns(parts: list[str]) -> str:
    """Answers side by side where the cell is wide enough, else one below the other."""
    boxes = "".join(f'<div class="kimi-choice" style="{css.COLUMN_CSS}">{part}</div>' for part in parts)
    return f'<div style="{css.COLUMNS_CSS}">{boxes}</div>'


def _round(turn: Turn, step: Step, hide_reasoning: bool) -> str:
    """An answer that called functions: its reasoning, its text, and the calls with their results."""
    choice, parts = step.choices[0], []
    if choice.reasoning and not hide_reasoning:
        title = reasoning_title(turn, choice, step)
        parts.append(reasoning_html(title, choice.reasoning, leads_to="call"))
    if choice.text:
        place = f"{turn.id} round {turn.shown_steps.index(step)}"
        answer = markdown.render(without_controls(choice.text), place)
        parts.append(f'<div class="kimi-answer">{answer}</div>')
    return "".join([*parts, cards(step)])


def so_far(turn: Turn, hidden_class: str, *, hide_reasoning: bool = False) -> str:
    """What has come of a reply that still grows, as it was written, for a page that may never see the end.

    A page in which the reply is live hides `hidden_class`.
    """
    parts = [notice("The page or the kernel went away while this was written; what follows had come.")]
    parts += [cards(step) for step in turn.rounds if step is not turn.step]
    for choice in turn.choices:
        for text in ("" if hide_reasoning else choice.reasoning, choice.text):
            if text:
                parts.append(f'<div style="{css.PLAIN_CSS}">{inert(printable(text))}</div>')
    return for_export(f'<div class="{hidden_class}">{"".join(parts)}</div>')


def _choice(turn: Turn, number: int, hide_reasoning: bool, opened: bool, rendered: Forms | None) -> str:
    choice, parts = turn.choices[number], []
    if choice.reasoning and not hide_reasoning:
        parts.append(reasoning_html(reasoning_title(turn, choice), choice.reasoning, opened=opened))
    if choice.text and turn.wants_json:
        parts.append(_data(turn, number) if turn.parsed else _json_text(choice))
    elif choice.text:
        if rendered is not None:
            answer = rendered.html
        else:
            answer = markdown.render(without_controls(choice.text), f"{turn.id} {choice.index}")
        parts.append(f'<div class="kimi-answer">{answer}</div>')
    parts.append(cards(turn.step) if turn.step.results else calls_html(calls(choice)))
    if ending := endings.of_choice(turn, choice):
        parts.append(notice(ending))
    return "".join(parts)


def _data(turn: Turn, number: int) -> str:
    """The data of a JSON answer: a DataFrame as a table, all else as a tree; of records also a table."""
    if number >= len(turn.parsed):
        return ""
    if turn.frame is not None:
        return f'<div class="kimi-answer">{table.html(turn.frame)}</div>'
    value = turn.unwrapped(turn.parsed[number].value)
    shown = tree.of_value(value)
    if records := table.records_html(value):
        title = f'<summary style="{css.TITLE_CSS}">As a table</summary>'
        shown += f'<details class="kimi-table">{title}{records}</details>'
    return f'<div class="kimi-answer">{shown}</div>'


def _json_text(choice: Choice) -> str:
    """JSON that became no data: what there is of it, and the text as it came."""
    opened = " open" * (choice.finish_reason == STOP)
    written = escape(hidden.marked(without_controls(choice.text)))
    text = f'<pre style="white-space:pre-wrap"><code>{written}</code></pre>'
    source = (
        f'<details{opened}><summary style="{css.TITLE_CSS}">The text as it came</summary>{text}</details>'
    )
    return f'<div class="kimi-answer">{tree.of_text(choice.text)}{source}</div>'


def reasoning_html(title: str, text: str, *, opened: bool = False, leads_to: str = "") -> str:
    """Reasoning that folds without a script. It is plain text, whatever it looks like.

    `leads_to` is "call" where it is that of a call: what is read back is that of the answer (`read_back`).
    """
    kind = f"kimi-reasoning kimi-to-{leads_to}" if leads_to else "kimi-reasoning"
    return (
        f'<details class="{kind}"{" open" if opened else ""}>'
        f'<summary style="{css.TITLE_CSS}">{inert(title)}</summary>'
        f'<div style="{css.REASONING_CSS};{css.BAR_CSS}">{inert(printable(text))}</div></details>'
    )


def notice(text: str) -> str:
    """A sentence for the person, in a box."""
    return f'<div class="kimi-notice" style="{css.NOTICE_CSS}">{inert(on_one_line(text))}</div>'


def calls_html(calls: list[str]) -> str:
    """Calls as a list; in `code` nobody looks for mathematics."""
    items = "".join(f"<li><code>{escape(call)}</code></li>" for call in calls)
    return f"<ul>{items}</ul>" if items else ""


def bundle(
    turn: Turn, *, rendered: Mapping[int, Forms | None] | None = None, **options: Any
) -> dict[str, str]:
    """All that a notebook keeps of a turn: a page, Markdown for papers, and text; `options` are of `html`."""
    return {
        "text/html": html(turn, rendered=rendered, **options),
        "text/markdown": markdown_source(turn, rendered),
        "text/plain": plain(turn),
    }


def markdown_source(turn: Turn, rendered: Mapping[int, Forms | None] | None = None) -> str:
    """The answer as Markdown in which nothing comes to life: what LaTeX and PDF exports are made of."""
    if turn.frame is not None:
        return table.markdown_of(turn.frame)
    if turn.parsed:
        return markdown.fenced("json", plain(turn))

    def source(choice: Choice) -> str:
        known = (rendered or {}).get(choice.index)
        return known.markdown if known is not None else markdown.written(without_controls(choice.text))

    if len(turn.choices) == 1:
        return source(turn.choice) or markdown.literal(byline(turn))
    sections = [
        f"**{markdown.literal(heading(turn, choice, number))}**\n\n{source(choice)}"
        for number, choice in enumerate(turn.choices, 1)
    ]
    return "\n\n".join(sections)


def plain(turn: Turn) -> str:
    """The answer for viewers that show text: its Markdown, its data; the byline where there is none."""
    if turn.frame is not None:
        return printable(str(turn.frame))
    if turn.parsed:
        return plain_json(turn.unwrapped(turn.value))
    if len(turn.choices) == 1:
        return _plain_choice(turn.choices[0]) or byline(turn)
    sections = []
    for number, choice in enumerate(turn.choices, 1):
        sections.append(f"{heading(turn, choice, number)}\n\n{_plain_choice(choice)}".strip())
    return "\n\n".join(sections)


def _plain_choice(choice: Choice) -> str:
    listed = "\n".join(f"- {call}" for call in calls(choice))
    return "\n\n".join(filter(None, (printable(choice.text), listed)))


def summary(turn: Turn) -> dict[str, Any]:
    """What a saved output says of itself: model, why it ended, tokens; nothing of key or account."""
    return {
        "model": turn.step.model,
        "state": turn.state,
        "finish_reason": turn.choice.finish_reason,
        "usage": asdict(turn.usage) if turn.usage else None,
        **({"repairs": len(turn.rejections)} if turn.rejections else {}),
        **({} if turn.step.simulated else {"seconds": round(turn.seconds, 1)}),
        "offline": turn.step.simulated,
        **_memory(turn),
    }


def _memory(turn: Turn) -> dict[str, Any]:
    """What is needed to bring the turn back from the notebook, and is not in the cell or its output.

    `prompt` and `answer` are fingerprints, which tell whether cell and output are still those of the turn.
    The text of the answer is there where no output holds it, that of the prompt where the cell does not.
    """
    memory: dict[str, Any] = {"fingerprint": turn.fingerprint} if turn.fingerprint else {}
    if turn.place is None or not turn.kept:
        return memory
    memory |= {"chat": turn.place.chat, "prompt": digest(turn.prompt), "answer": turn.digest}
    if turn.rounds:
        memory["rounds"] = saved_rounds(turn)  # None says that they were too large
    if turn.continues:
        memory["continues"] = True
    text, sent = turn.choice.text, turn.prompt.text
    if plain(turn) != text:
        memory["text"] = text
    if turn.typed not in (None, sent) and len(sent) <= LONGEST_SENT:
        memory["sent"] = sent
    return memory


def saved_rounds(turn: Turn) -> list[Any] | None:
    """The calls of a turn with their results, as plain values; None where they are very large."""
    rounds: list[Any] = msgspec.to_builtins(turn.record().rounds)
    return rounds if len(msgspec.json.encode(rounds)) <= LONGEST_ROUNDS else None


def plain_json(value: Any) -> str:
    """JSON for viewers that show text: indented where it is short, of a large value the beginning."""
    pieces, length = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > LONGEST_PLAIN:
            text = "".join(pieces)[:LONGEST_PLAIN]
            return f"{_CONTROL.sub(_escaped, text)}…\n… more, not shown; all of it is in the data"
    text = "".join(pieces)
    if length > LONGEST_ON_A_LINE:
        text = json.dumps(value, ensure_ascii=False, indent=1)
    return _CONTROL.sub(_escaped, text)


def _escaped(control: re.Match[str]) -> str:
    return f"\\u{ord(control[0]):04x}"


def line(text: str, about: str = "") -> str:
    """The status or the byline; read aloud by screen readers when it changes. `about` is its tooltip."""
    title = f' title="{escape(about)}"' if about else ""
    return f'<div class="kimi-status" role="status" style="{css.QUIET_CSS}"{title}>{inert(text)}</div>'
