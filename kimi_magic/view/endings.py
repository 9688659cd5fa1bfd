"""How an answer ended, in plain sentences, where there is more to say than the byline's one word."""

from __future__ import annotations

from kimi_magic import agreements
from kimi_magic.conversation import Turn
from kimi_magic.messages import CALLS, FILTER, LENGTH, STOP, Choice
from kimi_magic.request import larger_cap
from kimi_magic.view import words

MOST_FIELDS = 12  # of which it is said how far the answers agree
MOVED = "The text above was reasoning; here the answer begins:"


def of_choice(turn: Turn, choice: Choice, *, lasting: bool = True) -> str:
    """What to know of the end of one answer, and what to do; empty where nothing is to be said.

    `lasting` says whether there is a session in which the answer can be continued.
    """
    if turn.has_ended and turn.state != "complete" and choice.finish_reason in (None, STOP):
        return _broken(turn, choice) if lasting else ""
    if not turn.has_ended:
        return ""
    if choice.finish_reason == LENGTH:
        return _cut(turn, choice, lasting)
    if choice.finish_reason == FILTER:
        return "The content filter of the service ended this answer; it does not enter the conversation."
    if choice is turn.choice and turn.step.results:
        return "Stopped while functions were called; the turn does not enter the conversation."
    if calls := len(choice.tool_calls):
        functions = "a function" if calls == 1 else f"{calls} functions"
        return f"The model asks to run {functions}; the turn does not enter the conversation."
    if not choice.text:
        what = "The model reasoned, but gave no answer" if choice.reasoning else "The answer is empty"
        return f"{what}; the turn does not enter the conversation. Ask again."
    if choice.finish_reason not in (None, STOP, CALLS):
        return "The service ended this answer with a word that is unknown here; it may not be whole."
    return ""


def notices(turn: Turn, *, lasting: bool = True) -> list[str]:
    """All that the person should know of a reply as a whole."""
    return [
        *left_out(turn),
        *turn.notices,
        *turn.step.notices,
        *map(repaired, turn.rejections),
        *not_run(turn),
        *of_turn(turn, lasting=lasting),
    ]


def left_out(turn: Turn) -> list[str]:
    """Which turns of the conversation the model did not get, if it did not get all of them."""
    if turn.place is None or not turn.place.left_out:
        return []
    text = words.left_out(turn.place.left_out)
    return [f"{text[0].upper()}{text[1:]}."]


def not_run(turn: Turn) -> list[str]:
    """Which functions were not run because nobody could be asked, each once."""
    results = [result for step in turn.rounds for result in step.results]
    refused = [result for result in results if result.state == "refused" and result.note]
    return list(dict.fromkeys(f"{result.call.name} was not run: {result.note}." for result in refused))


def repaired(fault: str) -> str:
    """Why an answer was asked for once more."""
    return f"Asked again, because {fault}."


def of_turn(turn: Turn, *, lasting: bool = True) -> list[str]:
    """What to know of several answers together."""
    if turn.state != "complete" or turn.step.n == 1:
        return []
    sentences = []
    count = len(turn.choices)
    if count < turn.step.n:
        sentences.append(f"The service gave {count} of the {turn.step.n} answers asked for.")
    if len(turn.parsed) > 1 and (shown := _agreement(turn)):
        sentences.append(shown)
    if lasting and count > 1 and turn.kept:
        sentences.append("Answer 1 is in the conversation; %kimi --pick N chooses another.")
    elif lasting and not turn.choice.fits_history and any(choice.fits_history for choice in turn.choices):
        sentences.append("Answer 1 cannot enter the conversation; %kimi --pick N chooses another.")
    return sentences


def _agreement(turn: Turn) -> str:
    """How far several JSON answers agree."""
    rows = agreements.of([turn.unwrapped(parsed.value) for parsed in turn.parsed])
    shown = [f"{row.field} {row.agreeing} of {row.answers}".strip() for row in rows[:MOST_FIELDS]]
    more = f" and {len(rows) - MOST_FIELDS} fields more" if len(rows) > MOST_FIELDS else ""
    return f"How many agree: {', '.join(shown)}{more}." if shown else ""


def _broken(turn: Turn, choice: Choice) -> str:
    """What becomes of an answer that was stopped or lost with its connection, and the way on from it."""
    if not choice.text:
        return ""
    can_go_on = choice is turn.choice and choice.finish_reason is None and not turn.wants_json
    way = "; go on from here with %kimi --continue" * can_go_on
    return f"This part is not in the conversation{way}."


def _cut(turn: Turn, choice: Choice, lasting: bool) -> str:
    usage = turn.step.usage_of(choice)
    cut = f"Cut after {usage.completion:,} tokens" if usage else "Cut at the cap"
    if usage and usage.reasoning is not None:
        cut += f", {usage.reasoning:,} of them reasoning"
    ways = []
    if larger := larger_cap(turn.step.request, usage, turn.step.provider):
        ways.append(f"ask again with --max-tokens {larger}")
    if lasting and choice is turn.choice and not turn.wants_json:
        ways.append("go on from here with %kimi --continue")
    advice = " or ".join(ways)
    return f"{cut}: {advice}." if advice else f"{cut}."
