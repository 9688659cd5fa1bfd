"""The prompt as it is sent, and what `--dry-run` shows: the whole request, of which nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from kimi_magic.attachments import Attachment
from kimi_magic.markdown import inert
from kimi_magic.messages import ImagePart, Message
from kimi_magic.view import css, scripts, static, words

AS_SENT = "Prompt as it is sent"
HEAD = ("setting", "value", "from")
LONGEST_VALUE = 200  # characters of a setting
_TYPED = "white-space:pre-wrap;overflow-wrap:anywhere;margin:.2em 0 .6em"
_CELL_CSS = "text-align:start;padding:.2em .8em .2em 0;overflow-wrap:anywhere"
_CURL_CSS = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:24em;overflow:auto;font-size:.87em"
_STRIP_CSS = "display:flex;flex-wrap:wrap;align-items:flex-end;margin:.2em 0"
_FIGURE_CSS = "margin:0 1em 0 0;max-width:20em;overflow-wrap:anywhere"
_THUMBNAIL_CSS = (
    "display:block;max-width:192px;max-height:108px;margin:0;border:1px solid rgba(128,128,128,.4)"
)
_TITLE_CSS = f"{css.QUIET_CSS};font-weight:600"


class Preview(NamedTuple):
    """A request that is not sent.

    `summary` says where it would go and what it would take; `settings` are (name, value, where it came from);
    `left_out` says what of the conversation is not sent, and why; `curl` is a command that would send it.
    """

    summary: str
    settings: Sequence[tuple[str, str, str]]
    messages: Sequence[Message]
    left_out: Sequence[str]
    curl: str


def html(preview: Preview) -> str:
    """All of it; earlier messages are folded."""
    last = len(preview.messages) - 1
    shown = [_message(message, at == last or message.role == "system") for at, message in
             enumerate(preview.messages)]  # fmt: skip
    parts = [
        static.line(preview.summary),
        _title("Messages"), *shown,
        *(static.notice(sentence) for sentence in preview.left_out),
        _title("Settings"), _table(preview.settings),
        _title("The same with curl"),
        f'<pre style="{_CURL_CSS}"><code>{inert(preview.curl)}</code></pre>',
        f"<script>{scripts.COPY_SCRIPT}</script>",
    ]  # fmt: skip
    return words.for_export(f'<div class="kimi-preview">{"".join(parts)}</div>')


def plain(preview: Preview) -> str:
    """The same as text."""
    texts = [f"{_heading(message)}\n{words.printable(content(message))}" for message in preview.messages]
    width = max((len(name) for name, _, _ in preview.settings), default=0)
    rows = [f"{name:<{width}}  {_clipped(value)}  ({source})" for name, value, source in preview.settings]
    return "\n\n".join(
        [preview.summary, *texts, *preview.left_out, "\n".join(rows), words.printable(preview.curl)]
    )


def prompt_html(text: str, attachments: Sequence[Attachment] = ()) -> str:
    """What stands above an answer: what is attached, and the prompt as it is sent unless it is ""."""
    parts = []
    if attachments:
        parts.append(f'<div style="{_STRIP_CSS}">{"".join(map(_attachment, attachments))}</div>')
    if text:
        parts.append(
            f'<details open><summary style="{css.TITLE_CSS}">{AS_SENT}</summary>'
            f'<div style="{_TYPED};{css.BAR_CSS}">{inert(words.printable(text))}</div></details>'
        )
    return words.for_export(f'<div class="kimi-prompt">{"".join(parts)}</div>')


def prompt_plain(text: str, attachments: Sequence[Attachment] = ()) -> str:
    """The same as text."""
    lines = [f"attached: {words.on_one_line(each.name)} ({each.about})" for each in attachments]
    if text:
        lines.append(f"{AS_SENT}:\n{words.printable(text)}\n")
    return "\n".join(lines)


def _attachment(item: Attachment) -> str:
    """A thumbnail with the name below it; the picture is ours or of the person's own file."""
    name = words.on_one_line(item.name)
    picture = ""
    if item.thumbnail:
        picture = f'<img src="{escape(item.thumbnail)}" alt="{escape(name)}" style="{_THUMBNAIL_CSS}">'
    return (
        f'<figure style="{_FIGURE_CSS}">{picture}<figcaption style="{css.QUIET_CSS}">'
        f"{inert(name)} · {inert(item.about)}</figcaption></figure>"
    )


def content(message: Message) -> str:
    """The text of a message, its pictures by their sizes."""
    if not isinstance(message.content, tuple):
        return message.content or ""
    return "\n".join(_picture(part) if isinstance(part, ImagePart) else part.text for part in message.content)


def _picture(part: ImagePart) -> str:
    address = part.image_url.url
    if not address.startswith("data:"):
        return f"[picture: {address}]"
    kind, _, data = address.partition(",")
    return f"[picture: {kind.removeprefix('data:').partition(';')[0]}, {len(data) * 3 // 4:,} bytes]"


def _heading(message: Message) -> str:
    title = f"{message.role} · ≈ {words.rough_tokens(content(message)):,} tokens"
    if message.reasoning_content:
        title += f", with ≈ {words.rough_tokens(message.reasoning_content):,} tokens of reasoning"
    return title + " · the answer begins so" * message.partial


def _message(message: Message, opened: bool) -> str:
    text = f'<div style="{_TYPED};{css.BAR_CSS}">{inert(words.printable(content(message)))}</div>'
    if message.reasoning_content:
        text = static.reasoning_html("Reasoning that is sent back", message.reasoning_content) + text
    return (
        f'<details{" open" * opened}><summary style="{css.TITLE_CSS}">{inert(_heading(message))}</summary>'
        f"{text}</details>"
    )


def _table(rows: Sequence[tuple[str, str, str]]) -> str:
    head = "".join(f'<th style="{_CELL_CSS}">{name}</th>' for name in HEAD)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return (
        f'<table style="margin-left:0;font-size:.87em"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _cells(row: Sequence[str]) -> str:
    return "".join(f'<td style="{_CELL_CSS}">{inert(_clipped(cell))}</td>' for cell in row)


def _title(text: str) -> str:
    return f'<div style="{_TITLE_CSS}">{text}</div>'


def _clipped(text: str) -> str:
    text = words.on_one_line(text)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
