"""What a host without Kimi's parsers leaves in the text: reasoning in tags, tool calls in Kimi's own tokens.

vLLM and llama.cpp started without a parser, older Ollama and Bedrock send both as plain text
(https://github.com/vllm-project/vllm/issues/28543, https://github.com/MoonshotAI/Kimi-K2/issues/89). The
forms are those of the models' chat templates. In code of an answer they are text.
"""

from __future__ import annotations

import re
from typing import Literal

from kimi_magic.messages.events import (
    Event,
    Noticed,
    ReasoningDelta,
    TextDelta,
    TextWasReasoning,
    ToolCallDelta,
)

OPENINGS = {"<think>": "</think>", "<thinking>": "</thinking>", "◁think▷": "◁/think▷"}
CLOSINGS = tuple(OPENINGS.values())
CALL_BEGINS = ("<|tool_calls_section_begin|>", "<|tool_call_begin|>")
CALL_ENDS = {CALL_BEGINS[0]: "<|tool_calls_section_end|>", CALL_BEGINS[1]: "<|tool_call_end|>"}
CALL_NOTICE = (
    "The host passed on a tool call as text, in Kimi's own tokens; it was read as the tool call that it is."
)
FIRST_POSITION = 1_000  # of calls that stood in the text, behind all that the service counts
LONGEST_CALLS = 2**16  # characters of tool calls in the text; more than that is text

_CALL = re.compile(
    r"<\|tool_call_begin\|>\s*([^<]{1,200}?)\s*<\|tool_call_argument_begin\|>(.*?)(?:<\|tool_call_end\|>|\Z)",
    re.DOTALL,
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_QUOTES = "\"'`“”«»„()"  # around a tag that is spoken of
_SIGN = re.compile("[<◁]")  # with which every mark begins
LONGEST_MARK = max(map(len, (*OPENINGS, *CLOSINGS, *CALL_BEGINS)))


class _Code:
    """Whether a text that grows ends inside a fence or between backticks."""

    def __init__(self) -> None:
        self._fence = ""
        self._head = ""  # of the line
        self._ticks = 0  # backticks in the line

    def add(self, text: str) -> None:
        first, *others = text.split("\n")
        self._extend(first)
        for line in others:
            self._end_line()
            self._extend(line)

    @property
    def is_open(self) -> bool:
        return bool(self._fence) or self._ticks % 2 == 1

    def _extend(self, part: str) -> None:
        self._head = (self._head + part[:80])[:80]
        self._ticks += part.count("`")

    def _end_line(self) -> None:
        if match := _FENCE.match(self._head):
            if not self._fence:
                self._fence = match[1]
            elif match[1].startswith(self._fence) and not self._head[match.end() :].strip():
                self._fence = ""
        self._head, self._ticks = "", 0


class Reader:
    """Reads the text of one choice, or its reasoning, piece by piece, and gives the events that it holds.

    `kind` is what a plain piece is. Tags are looked for in a text only, until the service itself sends
    reasoning: at its beginning, or a closing tag alone, whose opening stood in the prompt.
    """

    def __init__(self, kind: type[TextDelta] | type[ReasoningDelta], index: int) -> None:
        self._kind = kind
        self._index = index
        self._state: Literal["start", "tagged", "plain", "calls"] = "start"
        self._has_tags = kind is TextDelta  # a tag may still come
        self._end_mark = ""  # that ends the state
        self._held = ""  # may be the beginning of a mark
        self._drops_blanks = False  # white space that follows a tag belongs to nothing
        self._before_calls: Literal["tagged", "plain"] = "plain"
        self._tag_before_calls = ""
        self._unchecked: list[str] = []  # text that `_code` has not read
        self._code = _Code()
        self._last = ""  # the last character of the text
        self._calls = FIRST_POSITION * (1 if kind is TextDelta else 2)

    def expect_no_tags(self) -> None:
        """The service sends reasoning in its own field."""
        self._has_tags = False

    def feed(self, text: str) -> list[Event]:
        """The events of a piece."""
        if self._state == "plain" and not self._held and not self._drops_blanks and not _SIGN.search(text):
            return [self._plain(text)]
        events: list[Event] = []
        text, self._held = self._held + text, ""
        while text:
            text = getattr(self, f"_{self._state}_state")(text, events)
        return events

    def end(self) -> list[Event]:
        """The events of what was held back, which is a mark no more."""
        text, self._held = self._held, ""
        if not text:
            return []
        if self._state == "calls":
            return self._call_events(text)
        if text in CLOSINGS and self._state == "plain" and self._has_tags:
            return [TextWasReasoning(self._index)]
        return [ReasoningDelta(text, self._index) if self._state == "tagged" else self._plain(text)]

    def _start_state(self, text: str, events: list[Event]) -> str:
        start = text.lstrip()
        tag = next((tag for tag in OPENINGS if start.startswith(tag)), None) if self._has_tags else None
        if tag is not None:
            self._state, self._end_mark, self._drops_blanks = "tagged", OPENINGS[tag], True
            self._has_tags = False
            return start[len(tag) :]
        if self._has_tags and any(tag.startswith(start) for tag in OPENINGS):
            self._held = text
            return ""
        self._state = "plain"
        return text

    def _tagged_state(self, text: str, events: list[Event]) -> str:
        text = self._without_blanks(text)
        place, mark = _first(text, (self._end_mark, *CALL_BEGINS))
        if place:
            events.append(ReasoningDelta(text[:place], self._index))
        if not mark:
            self._held = text[place:]
            return ""
        if mark == self._end_mark:
            self._state, self._drops_blanks = "plain", True
        else:
            self._begin_calls(mark)
            return text[place:]
        return text[place + len(mark) :]

    def _plain_state(self, text: str, events: list[Event]) -> str:
        text = self._without_blanks(text)
        place, mark = _first(text, (*CLOSINGS, *CALL_BEGINS) if self._has_tags else CALL_BEGINS)
        before, after = text[:place], text[place + len(mark) :]
        if before:
            events.append(self._plain(before))
        if not mark:
            self._held = text[place:]
            return ""
        is_tag = mark in CLOSINGS
        if is_tag and not after and not self._is_in_code():
            self._held = mark  # a quote may follow
            return ""
        if self._is_in_code() or (is_tag and self._last in _QUOTES and after[0] in _QUOTES):
            events.append(self._plain(mark))
            return after
        if mark in CALL_BEGINS:
            self._begin_calls(mark)
            return mark + after
        events.append(TextWasReasoning(self._index))
        self._has_tags, self._drops_blanks = False, True
        return after

    def _begin_calls(self, mark: str) -> None:
        self._before_calls = "tagged" if self._state == "tagged" else "plain"
        self._tag_before_calls = self._end_mark
        self._state, self._end_mark = "calls", CALL_ENDS[mark]

    def _calls_state(self, text: str, events: list[Event]) -> str:
        place = text.find(self._end_mark)
        if place < 0 and len(text) <= LONGEST_CALLS:
            self._held = text
            return ""
        end = place + len(self._end_mark) if place >= 0 else len(text)
        events += self._call_events(text[:end]) if place >= 0 else [self._plain(text)]
        self._state, self._end_mark, self._drops_blanks = self._before_calls, self._tag_before_calls, True
        return text[end:]

    def _call_events(self, text: str) -> list[Event]:
        """The tool calls in `text`; the text itself where none can be read."""
        calls = _CALL.findall(text)
        if not calls:
            return [self._plain(text)]
        events: list[Event] = [Noticed(CALL_NOTICE)]
        for ident, arguments in calls:
            name = ident.removeprefix("functions.").partition(":")[0]
            events.append(ToolCallDelta(ident, name, arguments.strip(), self._calls, self._index))
            self._calls += 1
        return events

    def _plain(self, text: str) -> Event:
        if self._kind is TextDelta:
            self._unchecked.append(text)
            self._last = text[-1:]
        return self._kind(text, self._index)

    def _is_in_code(self) -> bool:
        for text in self._unchecked:
            self._code.add(text)
        self._unchecked.clear()
        return self._code.is_open

    def _without_blanks(self, text: str) -> str:
        if self._drops_blanks:
            text = text.lstrip()
            self._drops_blanks = not text
        return text


def _first(text: str, marks: tuple[str, ...]) -> tuple[int, str]:
    """Place of the first of `marks`, and which; else the place from which `text` may begin one, and ""."""
    place, mark = min(((place, mark) for mark in marks if (place := text.find(mark)) >= 0), default=(-1, ""))
    if mark:
        return place, mark
    start = max(0, len(text) - LONGEST_MARK + 1)
    for match in _SIGN.finditer(text, start):
        if any(mark.startswith(text[match.start() :]) for mark in marks):
            return match.start(), ""
    return len(text), ""
