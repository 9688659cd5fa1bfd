"""The words of a turn: its status, its byline, the titles of its parts; and text that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kimi_magic import errors, hosts
from kimi_magic.conversation import DEFAULT_CHAT, Step, Turn
from kimi_magic.markdown import hidden
from kimi_magic.messages import STOP, Choice, ToolCall
from kimi_magic.messages.choice import shortened
from kimi_magic.usage import dollars

SILENCE = 5  # s without a piece after which the status says so
MOST_RANGES = 4  # of turns that the byline names one by one: it does not grow with the conversation
MOST_NAMES = 3  # of functions that run, in the status
MOST_CALLS = 100  # that are shown of one answer; nobody reads more, and a page with more is slow
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_EMPTY_LINE = re.compile(r"\n(?=[^\S\n]*\n)")


def printable(text: str) -> str:
    """`text` without control characters, and without those that let it be shown in another order."""
    return errors.printable(text)


def without_controls(text: str) -> str:
    """`text` without control characters (terminals obey them) but LF and tabs, and without half ones."""
    return _CONTROL.sub("", text)


def for_export(html: str) -> str:
    """`html` without an empty line, and without what a Markdown file reads as a picture or a link.

    An exported Markdown file reads it as Markdown again behind an empty line, and some readers everywhere.
    """
    return _EMPTY_LINE.sub("&#10;", html).replace("![", "!&#91;").replace("](", "]&#40;")


def status(turn: Turn) -> str:
    """What happens at the moment."""
    model, seconds = on_one_line(turn.step.model) + _place(turn), f"{turn.seconds:.0f} s"
    match turn.state:
        case "connecting" | "waiting" if turn.steps[-1].retrying is not None:
            again = turn.steps[-1].retrying
            when = f"again in {turn.steps[-1].retry_in:.0f} s" if turn.steps[-1].retry_in else "trying again"
            text = (
                f"{model} · {when} (attempt {again.attempt} of {again.attempts}): {on_one_line(again.reason)}"
            )
        case "connecting":
            text = f"{model} · connecting · {seconds}"
        case "waiting":
            text = f"{model} · waiting for the first words · {seconds}"
        case "reasoning":
            tokens = rough_tokens(turn.choice.reasoning)
            amount = f" · ≈ {tokens:,} tokens" * (tokens > 0 and turn.seconds >= 1)
            text = f"{model} · thinking · {seconds}{amount}"
        case "answering":
            rate = rough_tokens(turn.choice.text) / max(1.0, turn.choice.answer_seconds)
            pace = f" · ≈ {rate:.0f} tokens/s" * (rate >= 0.5 and turn.choice.answer_seconds >= 1)
            text = f"{model} · answering · {seconds}{pace}"
        case "calling":
            text = f"{model} · {_calling(turn)} · {seconds}"
        case _:
            return byline(turn)
    if turn.has_begun and turn.state != "calling" and (silence := turn.step.silence) >= SILENCE:
        text = f"{model} · no word for {silence:.0f} s · {seconds}"
    if turn.step.n > 1 and turn.has_begun:
        ended = sum(choice.state == "ended" for choice in turn.choices)
        text += f" · {ended} of {turn.step.n} answers complete"
    if turn.rejections:
        text += f" · repair {len(turn.rejections)}: {on_one_line(turn.rejections[-1])}"
    return text + " · offline simulator" * turn.step.simulated


def _calling(turn: Turn) -> str:
    """Which functions run, or about which the person is asked."""
    results = [result for result in turn.steps[-1].results if not result.has_ended]
    asked = [on_one_line(result.call.name) for result in results if result.state == "asking"]
    if asked:
        return f"may {asked[0]} run?"
    names = dict.fromkeys(on_one_line(result.call.name) for result in results if result.state == "running")
    return f"running {', '.join(list(names)[:MOST_NAMES])}" if names else "running functions"


def _place(turn: Turn) -> str:
    """Where the answer comes from, if that is none of the addresses that we know."""
    step = turn.step
    return "" if step.simulated or step.host in hosts.KNOWN_PLACES else f" at {on_one_line(step.host)}"


def reasoning_title(turn: Turn, choice: Choice | None = None, step: Step | None = None) -> str:
    """The title of the reasoning section, of the choice that speaks for the reply or of another.

    `step` is the one to which the choice belongs, None for that whose answer is shown.
    """
    choice, step = choice or turn.choice, step or turn.step
    if choice.state == "reasoning" and not turn.has_ended:
        return f"Thinking… {choice.reasoning_seconds:.0f} s"
    usage = step.usage_of(choice)
    # None of it was thought now where the answer is resumed, comes from a recording or from the simulator.
    is_timed = choice.reasoning_seconds and step.is_paid
    parts = [f"Thought for {choice.reasoning_seconds:.1f} s" if is_timed else "Reasoning"]
    if usage and usage.reasoning:
        parts.append(f"{usage.reasoning:,} token{'s' * (usage.reasoning != 1)}")
    elif usage is None and (count := rough_tokens(choice.reasoning)):
        parts.append(f"≈ {count:,} token{'s' * (count != 1)}")
    return " · ".join(parts)


def byline(turn: Turn) -> str:
    """Model, seconds, tokens and cost of all requests; and why it ended, unless it simply did.

    The simulator's seconds say nothing of a service, and would make a notebook differ from run to run.
    """
    parts = [turn.step.model]
    if not turn.step.simulated:
        parts.append(f"{turn.seconds:.1f} s")
    if usage := turn.usage:
        parts.append(f"{'≥ ' * turn.is_undercounted}{usage.total:,} tokens")
    if turn.cost is not None:
        parts.append(f"{'≥ ' * turn.is_underpriced}{dollars(turn.cost)}")
    if len(turn.rounds) > len(turn.earlier) and len(turn.steps) > 1:
        parts.append(f"{len(turn.steps)} requests")
    parts += filter(None, [repairs(turn), ending(turn)])
    if turn.step.simulated:
        parts.append("offline simulator")
    if turn.step.recorded_seconds is not None:
        parts.append("recording")
    return " · ".join(map(on_one_line, parts))


def ending(turn: Turn) -> str:
    """Why it ended, "" where it ended as it should."""
    match turn.state, turn.choice.finish_reason:
        case "interrupted", _:
            return "stopped"
        case "failed", _:
            return "failed"
        case _ if len(turn.choices) > 1:
            reasons = {choice.finish_reason for choice in turn.choices}
            shown = ", ".join(condition(turn, choice) for choice in turn.choices) if reasons != {STOP} else ""
            return f"{len(turn.choices)} answers{': ' * bool(shown)}{shown}"
        case _, "stop":
            return ""
        case _, "length":
            return "cut at --max-tokens" + " before the answer began" * (not turn.choice.text)
        case _, reason:
            return reason or "ended without a reason given"


def details(turn: Turn) -> str:
    """What the byline leaves out: each kind of tokens, that the cost is an estimate, the conversation."""
    parts = []
    if usage := turn.usage:
        cached = f" ({usage.cached:,} cached)" if usage.cached else ""
        reasoning = f" ({usage.reasoning:,} of them reasoning)" if usage.reasoning else ""
        parts += [f"{usage.prompt:,} tokens in{cached}", f"{usage.completion:,} out{reasoning}"]
    if turn.cost is not None:
        parts.append(f"≈ {dollars(turn.cost)}, an estimate by the list price")
    parts += standing(turn)
    return " · ".join(map(on_one_line, parts))


def standing(turn: Turn) -> list[str]:
    """Where the turn stands in its conversation, what it replaces, and what was sent ahead of it.

    Nothing is said of the first turn of the one conversation that needs no name.
    """
    place = turn.place
    if place is None or (place.number == 1 and not place.replaces and place.chat == DEFAULT_CHAT):
        return []
    parts = [f"{place.chat} · " * (place.chat != DEFAULT_CHAT) + f"turn {place.number}"]
    if place.replaces and turn.has_ended:
        parts.append("replaces its earlier run" if turn.kept else "its earlier run stays")
    if place.earlier:
        of_all = f" of {place.earlier}" * (place.context < place.earlier)
        number = place.earlier if of_all else place.context
        parts.append(f"{place.context}{of_all} turn{'s' * (number != 1)} of context")
    if place.left_out:
        parts.append(left_out(place.left_out))
    return parts


def left_out(numbers: Sequence[int]) -> str:
    """Which turns were not sent, and why."""
    return f"{turns(numbers)} left out, the context of the model is full"


def turns(numbers: Sequence[int]) -> str:
    """Turns by their numbers, those that follow each other as a range: "turns 1–3 and 5"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    if len(ranges) > MOST_RANGES:
        return f"{len(numbers)} turns from {numbers[0]} to {numbers[-1]}"
    shown = ["–".join(map(str, each)) for each in ranges]
    listed = " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
    return f"turn{'s' * (len(numbers) > 1)} {listed}"


def rough_tokens(text: str) -> int:
    """A rough count, four characters each; the service's own comes at the end."""
    return len(text) // 4


def on_one_line(text: str) -> str:
    """`text` without control characters and line ends; each other hidden character is marked."""
    return hidden.marked(" ".join(without_controls(text).split()))


def heading(turn: Turn, choice: Choice, number: int) -> str:
    """Which of several answers this is, and how it is with it."""
    how = condition(turn, choice)
    return numbered(number) + f" · {how}" * (how != STOP)


def numbered(number: int) -> str:
    """Which of several answers this is."""
    return f"Answer {number}"


def condition(turn: Turn, choice: Choice) -> str:
    """How it is with one of several answers, in a word."""
    if choice.finish_reason:
        return on_one_line(choice.finish_reason)
    if turn.has_ended:
        return {"interrupted": "stopped", "failed": "failed"}.get(turn.state, "ended")
    return "thinking" if choice.state == "reasoning" else choice.state


def repairs(turn: Turn) -> str:
    """How often it was asked again, and how many of the tokens went there; empty if never."""
    if not turn.rejections:
        return ""
    spent = turn.usage.total - (turn.step.usage.total if turn.step.usage else 0) if turn.usage else 0
    return f"{len(turn.rejections)} repair{'s' * (len(turn.rejections) > 1)}" + f" ({spent:,} tokens)" * bool(
        spent
    )


def call(wanted: ToolCall, limit: int | None = 300) -> str:
    """A call as `name(arguments)` on one line; of arguments longer than `limit` characters the beginning."""
    arguments = on_one_line(wanted.arguments)
    shown = arguments if limit is None else shortened(arguments, limit)
    return f"{on_one_line(wanted.name) or '(no name)'}({shown})"


def calls(choice: Choice) -> list[str]:
    """The functions that the model wants run, as `name(arguments)`; of very many the first."""
    shown = [call(each, limit=None) for each in choice.tool_calls[:MOST_CALLS]]
    more = len(choice.tool_calls) - len(shown)
    return [*shown, f"… and {more:,} more"] if more else shown
