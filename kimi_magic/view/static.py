"""What is left of a reply when nothing moves any more, as HTML and as text; and the words of its status.

The HTML needs no script, no stylesheet of ours and nothing from elsewhere: it is what a saved notebook, an
export or a viewer shows. Inline styles follow the theme by using its text colour.
"""

from __future__ import annotations

import re
from collections.abc import Container
from html import escape

from kimi_magic import markdown
from kimi_magic.choices import STOP, Choice
from kimi_magic.messages import Reply
from kimi_magic.usage import dollars
from kimi_magic.view import endings

# Where scripts may run, code has a button that copies it; elsewhere this is nothing, and nothing is missing.
# The button floats over a wrapper, because what stands in a `pre` scrolls with it.
COPY = """
for (const pre of document.currentScript.parentNode.querySelectorAll("pre")) {
  const [around, button] = ["div", "button"].map(name => document.createElement(name)), code = pre.innerText
  around.style = "position:relative"
  button.style = "position:absolute;top:2px;right:2px;padding:0 .5em;font:inherit;font-size:.8em;cursor:\
pointer;color:inherit;background:var(--jp-layout-color1,Canvas);border:1px solid;border-radius:3px;opacity:.7"
  button.type = "button"
  button.textContent = "Copy"
  button.onclick = async () => {
    if (isSecureContext) await navigator.clipboard.writeText(code)
    else {
      getSelection().selectAllChildren(pre)
      document.execCommand("copy")
    }
    button.textContent = "Copied"
  }
  pre.before(around)
  around.append(pre, button)
}
"""
QUIET = "opacity:.7;font-size:.87em;margin:.4em 0"
TITLE = f"{QUIET};margin-bottom:0;padding:0 0 .4em;cursor:pointer"  # padding, which never collapses
THOUGHT = (
    "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;"
    "opacity:.75;font-size:.93em;line-height:1.45"
)
_BOX = (  # the colours of the theme; a page that is not trusted drops `var()` and keeps what stands before
    "border-left:3px solid;border-left-color:var(--jp-warn-color1,currentcolor);"
    "background:rgba(128,128,128,.12);background:var(--jp-layout-color2,rgba(128,128,128,.12));"
    "padding:.35em .8em;margin:.5em 0;font-size:.93em"
)
BAR = "border-left:2px solid;padding-left:.8em;margin:.4em 0 .9em;max-height:24em;overflow:auto"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def html(reply: Reply, *, hide_reasoning: bool = False, open_reasoning: Container[int] = ()) -> str:
    """The whole reply: byline; foldable reasoning and answer, of each choice where there are several.

    The byline stands where the status stood, so that nothing moves when it takes its place.
    `open_reasoning` are the indices of the choices whose reasoning is unfolded.
    """
    parts = [line(byline(reply))]
    several = len(reply.choices) > 1
    for number, choice in enumerate(reply.choices, 1):
        shown = _choice(reply, choice, hide_reasoning, choice.index in open_reasoning)
        title = f"<h4>{escape(heading(reply, choice, number))}</h4>"
        parts.append(f'<div class="kimi-choice">{title}{shown}</div>' if several else shown)
    parts += [_notice(notice) for notice in endings.notices(reply)]
    if any("<pre" in part for part in parts):
        parts.append(f"<script>{COPY}</script>")
    return f'<div class="kimi-reply">{"".join(parts)}</div>'


def _choice(reply: Reply, choice: Choice, hide_reasoning: bool, opened: bool) -> str:
    parts = []
    if choice.reasoning and not hide_reasoning:
        parts.append(reasoning_html(reasoning_title(reply, choice), choice.reasoning, opened=opened))
    if choice.text and reply.json:
        parts.append(_json_text(reply, choice))
    elif choice.text:
        parts.append(f'<div class="kimi-answer">{markdown.render(printable(choice.text))}</div>')
    parts.append(calls_html(calls(choice)))
    if ending := endings.of_choice(reply, choice):
        parts.append(_notice(ending))
    return "".join(parts)


def _json_text(reply: Reply, choice: Choice) -> str:
    """JSON that became no data: what there is of it, and the text as it came. Data has its own output."""
    if reply.values:
        return ""
    from kimi_magic.view import tree

    opened = " open" * (choice.finish_reason == STOP)
    text = f'<pre style="white-space:pre-wrap"><code>{escape(printable(choice.text))}</code></pre>'
    source = f'<details{opened}><summary style="{TITLE}">The text as it came</summary>{text}</details>'
    return f'<div class="kimi-answer">{tree.of_text(choice.text)}{source}</div>'


def reasoning_html(title: str, text: str, *, opened: bool = False) -> str:
    """Reasoning that folds without a script. It is plain text, whatever it looks like."""
    return (
        f'<details class="kimi-reasoning"{" open" if opened else ""}>'
        f'<summary style="{TITLE}">{escape(title)}</summary>'
        f'<div style="{THOUGHT};{BAR}">{markdown.inert(printable(text))}</div></details>'
    )


def _notice(text: str) -> str:
    return f'<div class="kimi-notice" style="{_BOX}">{escape(text)}</div>'


def calls(choice: Choice) -> list[str]:
    """The functions that the model wants run, as `name(arguments)`."""
    return [
        f"{on_one_line(call.name) or '(no name)'}({on_one_line(call.arguments)})"
        for call in choice.tool_calls
    ]


def calls_html(calls: list[str]) -> str:
    """Calls as a list; in `code` nobody looks for mathematics."""
    items = "".join(f"<li><code>{escape(call)}</code></li>" for call in calls)
    return f"<ul>{items}</ul>" if items else ""


def heading(reply: Reply, choice: Choice, number: int) -> str:
    """Which of several answers this is, and how it is with it."""
    return f"Answer {number} · {condition(reply, choice)}"


def condition(reply: Reply, choice: Choice) -> str:
    """How it is with one of several answers, in a word."""
    if choice.finish_reason:
        return on_one_line(choice.finish_reason)
    if reply.done:
        return {"interrupted": "stopped", "failed": "failed"}.get(reply.state, "ended")
    return "thinking" if choice.state == "reasoning" else choice.state


def plain(reply: Reply) -> str:
    """The Markdown source of the answer, for viewers that show text; the byline where there is none."""
    if reply.values:
        return byline(reply)
    if len(reply.choices) == 1:
        return _plain_choice(reply.choices[0]) or byline(reply)
    sections = []
    for number, choice in enumerate(reply.choices, 1):
        sections.append(f"{heading(reply, choice, number)}\n\n{_plain_choice(choice)}".strip())
    return "\n\n".join(sections)


def repairs(reply: Reply) -> str:
    """How often it was asked again, and how many of the tokens went there; empty if never."""
    if not reply.faults:
        return ""
    spent = reply.usage.total - (reply.usage_now.total if reply.usage_now else 0) if reply.usage else 0
    return f"{len(reply.faults)} repair{'s' * (len(reply.faults) > 1)}" + f" ({spent:,} tokens)" * bool(spent)


def _plain_choice(choice: Choice) -> str:
    listed = "\n".join(f"- {call}" for call in calls(choice))
    return "\n\n".join(filter(None, (printable(choice.text), listed)))


def line(text: str) -> str:
    """The status or the byline; read aloud by screen readers when it changes."""
    return f'<div class="kimi-status" role="status" style="{QUIET}">{escape(text)}</div>'


def printable(text: str) -> str:
    """`text` without control characters (terminals obey them); LF and tabs are kept, CR is dropped."""
    return _CONTROL.sub("", text)


def status(reply: Reply) -> str:
    """What happens at the moment."""
    model, seconds = on_one_line(reply.model), f"{reply.seconds:.0f} s"
    match reply.state:
        case "connecting" | "waiting" if reply.retrying is not None:
            again = reply.retrying
            when = f"again in {reply.retry_in:.0f} s" if reply.retry_in else "trying again"
            text = (
                f"{model} · {when} (attempt {again.attempt} of {again.attempts}): {on_one_line(again.reason)}"
            )
        case "connecting":
            text = f"{model} · connecting · {seconds}"
        case "waiting":
            text = f"{model} · waiting for the first words · {seconds}"
        case "reasoning":
            text = f"{model} · thinking · {seconds} · ≈ {rough_tokens(reply.chosen.reasoning)} tokens"
        case "answering":
            rate = rough_tokens(reply.chosen.text) / max(1.0, reply.chosen.answer_seconds)
            text = f"{model} · answering · {seconds} · ≈ {rate:.0f} tokens/s"
        case _:
            return byline(reply)
    if reply.n > 1 and reply.begun:
        ended = sum(choice.state == "ended" for choice in reply.choices)
        text += f" · {ended} of {reply.n} answers complete"
    if reply.faults:
        text += f" · repair {len(reply.faults)}: {on_one_line(reply.faults[-1])}"
    return text + " · offline simulator" * reply.simulated


def reasoning_title(reply: Reply, choice: Choice | None = None) -> str:
    """The title of the reasoning section, of the choice that speaks for the reply or of another."""
    choice = choice or reply.chosen
    if choice.state == "reasoning" and not reply.done:
        return f"Thinking… {choice.reasoning_seconds:.0f} s"
    parts = ["Reasoning"]
    if choice.reasoning_seconds:  # none of it was thought now where an answer is resumed
        parts.append(f"{choice.reasoning_seconds:.1f} s")
    if (usage := reply.usage_of(choice)) and usage.reasoning:
        parts.append(f"{usage.reasoning:,} tokens")
    elif usage is None:
        parts.append(f"≈ {rough_tokens(choice.reasoning):,} tokens")
    return " · ".join(parts)


def byline(reply: Reply) -> str:
    """Model, tokens as the service counted them, estimated cost, seconds, and why it ended."""
    parts = [reply.model]
    if usage := reply.usage:
        thought = f", {usage.reasoning:,} of them reasoning" if usage.reasoning else ""
        cached = f" ({usage.cached:,} cached)" if usage.cached else ""
        parts.append(f"{usage.prompt:,}{cached} + {usage.completion:,} tokens{thought}")
    if reply.cost is not None:
        parts.append(f"≈ {dollars(reply.cost)} (estimate)")
    parts.append(f"{reply.seconds:.1f} s")
    if repaired := repairs(reply):
        parts.append(repaired)
    match reply.state, reply.finish_reason:
        case "interrupted", _:
            parts.append("stopped" + " · this part is not in the conversation" * bool(reply.text))
        case "failed", _:
            parts.append("failed" + " · this part is not in the conversation" * bool(reply.text))
        case _ if len(reply.choices) > 1:
            reasons = ", ".join(condition(reply, choice) for choice in reply.choices)
            parts.append(f"{len(reply.choices)} answers: {reasons}")
        case _, "length":
            parts.append("length: cut at --max-tokens" + " before the answer began" * (not reply.text))
        case _, reason:
            parts.append(reason or "ended without a reason given")
    if reply.simulated:
        parts.append("offline simulator")
    return " · ".join(map(on_one_line, parts))


def rough_tokens(text: str) -> int:
    """A rough count, four characters each; the service's own comes at the end."""
    return len(text) // 4


def on_one_line(text: str) -> str:
    """`text` without control characters and line ends."""
    return " ".join(printable(text).split())
