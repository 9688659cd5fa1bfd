"""The magics: `%%kimi`, `%kimi`, and `_fix`, `_config`, `_chat`, `_usage`: parse, call one function.

Imported with the extension, so it imports little.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from kimi_magic import magic_help, warm_up, watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from kimi_magic.batch import MapResult
    from kimi_magic.engine import Plan
    from kimi_magic.mapping import Run
    from kimi_magic.prompt import Failure
    from kimi_magic.reply import Reply

ALONE = {"pick": "--pick", "show": "--show", "resume": "--continue"}  # options of a line without a prompt


@magics_class
class KimiMagics(Magics):  # type: ignore[misc]
    """The magics of one shell."""

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def kimi(self, line: str, cell: str | None = None) -> Reply[Any] | None:
        """(see `magic_help`)"""
        with _cell_words():
            if (plan := _plan(self.shell, line, cell)) is None:
                return None
            if isinstance(plan, _MapOfCell):
                plan.end(plan.map.run(plan.view))
                return None
            from kimi_magic import kernel

            reply = kernel.current.run(plan, _view(self.shell, plan))
            _end(self.shell, plan, reply)
        # The value of `x = %kimi …`. What a cell magic returns would be shown again by `%%time`.
        return reply if cell is None else None

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def kimi_fix(self, line: str) -> Reply[Any] | None:
        """(see `magic_help`)"""
        reply: Reply[Any] | None = self.kimi(f"--fix {line}")
        return reply

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def kimi_config(self, line: str) -> None:
        """(see `magic_help`)"""
        with _cell_words():
            from kimi_magic.configure import configure

            configure(line, self.shell)

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def kimi_chat(self, line: str, cell: str | None = None) -> None:
        """(see `magic_help`)"""
        with _cell_words():
            from kimi_magic import chats, kernel

            if answer := chats.run(kernel.current, self.shell, line, cell):
                print(answer)  # noqa: T201

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def kimi_usage(self, line: str) -> None:
        """(see `magic_help`)"""
        with _cell_words():
            show_usage(self.shell, line)


def _cell_words() -> contextlib.AbstractContextManager[None]:
    warm_up.wait()
    from kimi_magic.options.advice import CELL_WORDS, in_words_of

    return in_words_of(CELL_WORDS)


# IPython asks `getdoc` for what "?" shows. The table takes longer to load than all else here.
for _name, _about in magic_help.ABOUT.items():
    _function: Any = getattr(KimiMagics, _name)
    _function.__doc__, _function.getdoc = _about, partial(magic_help.text, _name)


def _plan(shell: Any, line: str, cell: str | None) -> Plan | _MapOfCell | None:
    """The turn or the map that a cell or line asks for; None where it asks for none."""
    from kimi_magic import options
    from kimi_magic import prompt as prompts

    filler = prompts.Filler(*prompts.names_of(shell))
    if cell is None:
        words, prompt = options.split_prompt(line, options.at(options.CELL))
    else:
        words, prompt = options.split(line), cell.rstrip("\n")
    typed = prompt
    values, _ = options.parse(
        words, options.at(options.CELL), namespace=prompts.Things(shell), fill=filler.value
    )
    if values.pop("help", False):
        print(magic_help.text("kimi"))  # noqa: T201
        return None
    from kimi_magic import kernel, view

    if alone := next((name for name in ALONE if name in values), None):
        _check_alone(alone, values, prompt, cell)
    if any(options.BY_NAME[name].of_map for name in values):
        return _map(shell, prompt, values)
    if "show" in values:
        view.show_history(shell, kernel.current.conversation.before())
        return None
    if "pick" in values:
        kernel.current.pick(values["pick"])
        print(f"Answer {values['pick']} is in the conversation now.")  # noqa: T201
        return None
    if values == {"code": True} and cell is None and not prompt:
        _insert_last_code(shell, kernel.current.last)
        return None
    if values.pop("resume", False):
        return kernel.current.continue_last(values)
    if not values.get("raw", kernel.current.settings["raw"]):
        prompt = filler.text(prompt)
    prompt = _with_notebook(shell, prompt, values)
    if values.pop("dry_run", False):
        from kimi_magic import dry_run

        plan = kernel.current.plan(prompt, values, shell.user_ns, is_dry=True)
        view.show_preview(shell, dry_run.preview(kernel.current, plan, values))
        return None
    plan = kernel.current.plan(prompt, values, shell.user_ns)
    plan.turn.typed = typed
    return plan


def _with_notebook(shell: Any, prompt: str, values: dict[str, Any]) -> str:
    """The prompt behind what `--fix` and `--cells` send of the notebook."""
    from kimi_magic import prompt as prompts

    if values.pop("fix", False):
        prompt = prompts.fix_text(_failure(shell), prompt, force=values.get("force", False))
    if (numbers := values.pop("cells", ())) and prompt.strip():
        prompt = f"{prompts.cells_text(shell, numbers)}\n\n{prompt}"
    return prompt


def _failure(shell: Any) -> Failure | None:
    """The last cell that failed; the last error of the process where it came before the extension."""
    import sys

    from kimi_magic import prompt as prompts

    watched = watch.of(shell)
    if watched is not None and watched.failure is not None:
        return prompts.Failure(*watched.failure)
    error = getattr(sys, "last_value", None)
    return prompts.Failure("", error) if isinstance(error, BaseException) else None


class _MapOfCell(NamedTuple):
    """A map that a cell asks for: what is to be run, where it is shown, and what becomes of the result."""

    map: Run
    view: Any
    end: Callable[[MapResult[Any]], None]


def _map(shell: Any, prompt: str, values: dict[str, Any]) -> _MapOfCell | None:
    """The map that a cell asks for; None where it only wants to see what would be sent."""
    from kimi_magic import mapping, options, view
    from kimi_magic.batch import library_of
    from kimi_magic.errors import KimiInterrupted, KimiUsageError
    from kimi_magic.options.advice import phrase

    own = [option for option in options.TABLE if option.of_map and option.name in values]
    name, out, dry = values.pop("map", None), values.pop("out", None), values.pop("dry_run", False)
    shows_frame = values.pop("frame", False)
    if name is None:
        raise KimiUsageError(f"{own[0].flags[-1]} is for a prompt that goes over rows: add --map NAME")
    if name not in shell.user_ns:
        raise KimiUsageError(f"--map {name}: there is no variable {name}{mapping.near(name, shell.user_ns)}")
    data = shell.user_ns[name]
    if library_of(data) == "dask":
        _map_lazily(shell, prompt, name, values, out="" if dry else out)
        return None
    planned = mapping.over_rows(prompt, data, values, shell.user_ns)
    if dry:
        print(f"{planned.work}\n\n{planned.work.shown()}")  # noqa: T201
        return None

    def end(result: MapResult[Any]) -> None:
        if out:
            shell.push({out: result.frame if shows_frame else result})
        print(result)  # noqa: T201
        view.show_frame(shell, result.frame)
        if result.interrupted:
            raise KimiInterrupted("stopped; what was answered is kept, run the cell again to go on")
        if result.stopped is not None:
            result.stopped.message = phrase(result.stopped.message)
            raise result.stopped

    return _MapOfCell(planned, view.choose_batch(shell), end)


def _map_lazily(shell: Any, prompt: str, name: str, values: dict[str, Any], *, out: str | None) -> None:
    """Store a dask DataFrame with the answers; its partitions are asked for when they are computed."""
    from kimi_magic import cluster
    from kimi_magic.errors import KimiUsageError

    if not out:
        raise KimiUsageError(
            f"--map {name}: a dask DataFrame is answered when it is computed; add -o NAME for the result, "
            f"or try a few rows first: small = {name}.head()"
        )
    frame = cluster.over_partitions(prompt, shell.user_ns[name], values, shell.user_ns)
    shell.push({out: frame})
    print(  # noqa: T201
        f"{out} is a dask DataFrame of {frame.npartitions} partitions; nothing was sent: {out}.compute() asks"
    )


def _view(shell: Any, plan: Plan) -> Any:
    from kimi_magic import view

    if plan.options.show_prompt or plan.attachments:
        view.show_prompt(shell, plan.turn.prompt, plan.attachments, with_text=plan.options.show_prompt)
    return view.choose(shell, "hidden" if plan.options.hide_reasoning else plan.options.reasoning)


def _end(shell: Any, plan: Plan, reply: Reply[Any]) -> None:
    """Store the reply where `--out` says, and remember that this cell has shown it."""
    if plan.options.out:
        shell.push({plan.options.out: reply.data if reply.turn.parsed else reply})
    if (watched := watch.of(shell)) is not None:
        watched.note_shown(reply.turn)
    if plan.options.code:
        insert_code(shell, reply)


PYTHON = ("python", "python3", "py", "ipython", "ipython3")  # languages of blocks that a cell can run


def _insert_last_code(shell: Any, reply: Reply[Any] | None) -> None:
    from kimi_magic.errors import KimiUsageError

    if reply is None:
        raise KimiUsageError("--code: nothing was asked yet, there is no code to insert")
    insert_code(shell, reply)


def insert_code(shell: Any, reply: Reply[Any]) -> None:
    """Put the Python code of a reply into the next cell, in a terminal into the next prompt; nothing is run.

    Several blocks become one cell: JupyterLab takes one cell from an execution (`set_next_input`).
    """
    blocks = [block.text for block in reply.code if block.language in PYTHON]
    blocks = blocks or [block.text for block in reply.code if not block.language]
    others = {block.language for block in reply.code} - {"", *PYTHON}
    if not blocks:
        found = f"only {', '.join(sorted(others))}" if others else "no code block"
        print(f"--code: the answer has {found}; nothing was inserted.")  # noqa: T201
    elif callable(put := getattr(shell, "set_next_input", None)):
        put("\n\n".join(blocks))
    else:
        print("--code: this front end takes no code for its next cell.")  # noqa: T201


def _check_alone(name: str, values: dict[str, Any], prompt: str, cell: str | None) -> None:
    """They speak of what was said: lines without a prompt, and where nothing is asked without options."""
    from kimi_magic.errors import KimiUsageError

    flag, usage = ALONE[name], f"%kimi {ALONE[name]}{' N' * (name == 'pick')}"
    if cell is not None or prompt:
        raise KimiUsageError(f"{flag} takes no prompt, it is for what was said: {usage}")
    if name != "resume" and len(values) > 1:
        raise KimiUsageError(f"{flag} takes no other options, nothing is asked: {usage}")


async def run_cell(line: str, cell: str | None) -> None:
    """What a rewritten `%%kimi` cell awaits."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    with _cell_words():
        plan = _plan(shell, line, cell)
        if isinstance(plan, _MapOfCell):
            plan.end(await plan.map.arun(plan.view, in_cell=True))
        elif plan is not None:
            from kimi_magic import kernel

            _end(shell, plan, await kernel.current.arun(plan, _view(shell, plan), in_cell=True))


def show_usage(shell: Any, line: str) -> None:
    """`%kimi_usage`: the ledger as a table, or as records in a variable; then it may be emptied."""
    from kimi_magic import options

    values, _ = options.parse(options.split(line), options.at(options.USAGE))
    if values.get("help"):
        print(magic_help.text("kimi_usage"))  # noqa: T201
        return
    from kimi_magic import kernel, view

    ledger = kernel.current.ledger
    if not values or "timing" in values:
        view.show_ledger(shell, ledger, timing="timing" in values)
    if "out" in values:
        shell.push({values["out"]: ledger.rows()})
    if values.get("reset"):
        ledger.clear()


def run_magic(line: str, cell: str | None) -> Reply[Any] | None:
    """What a rewritten `%%kimi` cell calls where it cannot be awaited. Its body may be empty."""
    from IPython.core.getipython import get_ipython

    reply: Reply[Any] | None = get_ipython().find_line_magic("kimi")(line, cell)
    return reply
