"""A round of calls: what of them can be run, in which groups, and what the model is told of the others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from kimi_magic.conversation import Step, ToolResult
from kimi_magic.messages import CALLS, STOP, ToolCall, sendable_calls
from kimi_magic.tools import arguments, results
from kimi_magic.tools.running import Call
from kimi_magic.tools.toolbox import Toolbox

MOST_CALLS = 64  # of one answer that are run; nobody reads more


class Rounds:
    """The rounds of one turn; it remembers the calls of those before."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._made: Counter[tuple[str, str]] = Counter()

    def can_answer(self, step: Step) -> bool:
        """Whether all calls of the answer can be answered here, and none of them may be cut short."""
        choice = step.choices[0]
        return (
            self._toolbox.answers
            and bool(choice.tool_calls)
            and choice.finish_reason in (CALLS, STOP, None)
            and not any(self._toolbox.cannot_answer(call.name) for call in choice.tool_calls)
        )

    def of(self, step: Step) -> Iterator[tuple[Call, ...]]:
        """The calls of the answer that are to be run, in groups that may run together.

        Every call has its result in the step, and those that are not run have ended.
        """
        step.results = [ToolResult(call) for call in sendable_calls(step.choices[0].tool_calls)]
        ready = []
        for place, result in enumerate(step.results):
            self._count(result)
            if place >= MOST_CALLS:
                result.end("failed", f"Error: not run; at most {MOST_CALLS} calls can be made at once.")
            elif (call := self._call(result)) is not None:
                ready.append(call)
        for together, group in groupby(ready, lambda call: call.tool.parallel):
            if together:
                yield tuple(group)
            else:
                yield from ((call,) for call in group)
        for result in step.results:
            self._tell_again(result)

    def _call(self, result: ToolResult) -> Call | None:
        """The call that is ready to run; None where the model was told why not, or the service runs it."""
        call = result.call
        if call.name in self._toolbox.builtins:
            result.end("done", call.arguments)  # unchanged, as Moonshot's guide to $web_search says
            return None
        if (tool := self._toolbox.tools.get(call.name)) is None:
            result.end("failed", f"Error: {self._toolbox.unknown(call.name)}.")
            return None
        try:
            return Call(tool, arguments.read(call.arguments, tool), result)
        except ValueError as fault:
            result.end("failed", f"Error: {fault}")
            return None

    def _count(self, result: ToolResult) -> None:
        same = _identity(result.call)
        self._made[same] += 1
        if self._made[same] > 1:
            result.note = f"the same call as before, number {self._made[same]}"

    def _tell_again(self, result: ToolResult) -> None:
        count = self._made[_identity(result.call)]
        is_repeated = result.note.startswith("the same call as before")
        if is_repeated and isinstance(result.content, str) and result.call.name in self._toolbox.tools:
            result.content = f"{result.content}\n{results.AGAIN.format(count)}"


def _identity(call: ToolCall) -> tuple[str, str]:
    """The same for calls that are the same, however their arguments are written."""
    try:
        return call.name, json.dumps(json.loads(call.arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return call.name, call.arguments
