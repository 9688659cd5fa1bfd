"""The magics: `%%kimi`, `%kimi`, and `_config`, `_chat`, `_usage`. Parse, call one function, hand back.

In a kernel a `%%kimi` cell is rewritten to an `await`, so that the kernel's loop stays free; everywhere else
(a terminal, under `%%time`, with autoawait off) the plain magic runs. Loading this imports next to nothing.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from token import DEDENT, INDENT
from typing import TYPE_CHECKING, Any, NamedTuple

from IPython.core.async_helpers import _asyncio_runner
from IPython.core.inputtransformer2 import EscapedCommand, HelpEnd, MagicAssign
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from kimi_magic import cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from kimi_magic.batch import MapResult
    from kimi_magic.conversation import Turn
    from kimi_magic.engine import Plan
    from kimi_magic.mapping import Run
    from kimi_magic.prompt import Failure
    from kimi_magic.reply import Reply

CELL_USAGE = "%%kimi [options]   with the prompt below, or   %kimi [options] prompt"
CELL_ABOUT = "Send the cell to a Kimi thinking model; the answer streams in, its reasoning folds away."
CONFIG_USAGE = "%kimi_config [options]"
CONFIG_ABOUT = (
    "Settings for every %%kimi cell of this kernel. Without options: what is set, and where it came from."
)
CHAT_ABOUT = "The conversations of this kernel: list, change, save and bring back."
USAGE_USAGE = "%kimi_usage [options]"
USAGE_ABOUT = (
    "What the requests of this kernel used, by model: tokens and estimated cost. Without options: a table."
)
CELL_EXAMPLES = (
    "%%kimi -t 0.7 --max-tokens 2000\nExplain {{ df | head(20) }} in two sentences.",
    '%%kimi --schema "[name, population int]" --frame -o cities\nThe ten largest cities of Europe.',
)
FIX_USAGE = "%kimi_fix [options] [question]"
FIX_ABOUT = (
    "Ask what is wrong with the last cell that failed: its source, the traceback, near names, and shapes and "
    "columns of the tables on the failing line are sent. --insert puts the corrected cell below."
)
FIX_EXAMPLES = ("%kimi_fix --insert", "%kimi_fix -m kimi-k3 Why is the column not found?")
CONFIG_EXAMPLES = ("%kimi_config --model kimi-k3 --system 'Be brief.'", "%kimi_config --offline --speed 0")
USAGE_EXAMPLES = ("%kimi_usage", "%kimi_usage -o records")
ALONE = {"pick": "--pick", "show": "--show", "resume": "--continue"}  # options of a line without a prompt
MAGICS = [
    ("cell", "kimi"), ("line", "kimi"), ("line", "kimi_fix"), ("line", "kimi_config"),
    ("cell", "kimi_chat"), ("line", "kimi_chat"), ("line", "kimi_usage"),
]  # fmt: skip
REPLY = ("kimi_magic.reply", "Reply")  # by name: its module need not be imported for it
WARM_UP_DELAY = 0.1  # s after loading; sooner, and the imports slow the cell that loads


@magics_class
class KimiMagics(Magics):  # type: ignore[misc]
    """The magics of one shell."""

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def kimi(self, line: str, cell: str | None = None) -> Reply[Any] | None:
        """(see `_help`)"""
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
        """(see `_help`)"""
        reply: Reply[Any] | None = self.kimi(f"--fix {line}")
        return reply

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def kimi_config(self, line: str) -> None:
        """(see `_help`)"""
        with _cell_words():
            configure(line, self.shell)

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def kimi_chat(self, line: str, cell: str | None = None) -> None:
        """(see `chats`)"""
        with _cell_words():
            from kimi_magic import chats, kernel

            if answer := chats.run(kernel.current, self.shell, line, cell):
                print(answer)  # noqa: T201

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def kimi_usage(self, line: str) -> None:
        """(see `_help`)"""
        with _cell_words():
            show_usage(self.shell, line)


def _cell_words() -> contextlib.AbstractContextManager[None]:
    wait_for_warm_up()
    from kimi_magic.options.advice import CELL_WORDS, in_words_of

    return in_words_of(CELL_WORDS)


def _help(magic: str) -> str:
    """The whole help of a magic, from the option table or the commands of conversations."""
    from kimi_magic import options

    if magic == "kimi_chat":
        from kimi_magic import chats

        return chats.help_text()

    usage, about, entry, examples = {
        "kimi": (CELL_USAGE, CELL_ABOUT, options.CELL, CELL_EXAMPLES),
        "kimi_fix": (FIX_USAGE, FIX_ABOUT, options.CELL, FIX_EXAMPLES),
        "kimi_config": (CONFIG_USAGE, CONFIG_ABOUT, options.CONFIG, CONFIG_EXAMPLES),
        "kimi_usage": (USAGE_USAGE, USAGE_ABOUT, options.USAGE, USAGE_EXAMPLES),
    }[magic]
    return options.help_text(usage, about, options.at(entry), examples)


# IPython asks `getdoc` for what "?" shows. The table takes longer to load than all else here.
for _name, _about in (
    ("kimi", CELL_ABOUT), ("kimi_fix", FIX_ABOUT), ("kimi_config", CONFIG_ABOUT), ("kimi_chat", CHAT_ABOUT),
    ("kimi_usage", USAGE_ABOUT),
):  # fmt: skip
    _function: Any = getattr(KimiMagics, _name)
    _function.__doc__, _function.getdoc = _about, partial(_help, _name)


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
        print(_help("kimi"))  # noqa: T201
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

    watch = _cells_of(shell)
    if watch is not None and watch.failure is not None:
        return prompts.Failure(*watch.failure)
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
    if (watch := _cells_of(shell)) is not None:
        watch.note_shown(reply.turn)
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


def configure(line: str, shell: Any = None) -> None:
    """`%kimi_config`: everything is checked before anything is changed."""
    from kimi_magic import kernel, options
    from kimi_magic import prompt as prompts
    from kimi_magic.errors import one_line

    settings = kernel.current.settings
    fill = prompts.Filler(*prompts.names_of(shell)).value if shell is not None else None
    values, _ = options.parse(options.split(line), options.at(options.CONFIG), fill=fill)
    if values.pop("help", False):
        print(_help("kimi_config"))  # noqa: T201
        return
    if "base_url" in values and "offline" not in values:
        values["offline"] = False  # who names an address wants to go there
    names_another = bool({"base_url", "offline"} & set(values)) and "replay" not in values
    reset, login, unset = (values.pop(name, None) for name in ("reset", "login", "unset"))
    remember, everything = (values.pop(name, False) for name in ("remember", "all"))
    models, check, balance = (values.pop(name, None) for name in ("models", "check", "balance"))
    if not (values or reset or login or remember or unset or models or check or balance):
        rows = settings.table(everything=everything)
        _print_table(rows)
        if not everything:
            print("All others have their defaults: %kimi_config --all")  # noqa: T201
        return
    if unset:
        settings.unset(unset)
    settings.update(values)
    if names_another:
        settings.unset("replay")
    if "env_file" in values:
        print(one_line(settings.file_words()))  # noqa: T201
    if login or remember:
        print(settings.login(_typed_key(), remember=remember))  # noqa: T201
    if reset:
        kernel.current.reset()
    if models or check or balance:
        _print_found(models=models, check=check, balance=balance)


def _print_found(*, models: bool | None, check: bool | None, balance: bool | None) -> None:
    """What the service says of itself, each line as soon as it is known."""
    from kimi_magic import check as checks
    from kimi_magic import kernel
    from kimi_magic.errors import one_line

    if notice := kernel.current.settings.connection().exposure:
        print(notice)  # noqa: T201
    if models:
        print("\n".join(map(one_line, kernel.current.offered_models())))  # noqa: T201
    if check:
        for line in checks.lines(kernel.current, _confirm):
            print(one_line(line), flush=True)  # noqa: T201
    if balance:
        print(checks.balance(kernel.current))  # noqa: T201


def _confirm(question: str) -> bool:
    """Whether the person says yes; where nobody can be asked, no."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and type(error).__name__ != "StdinNotImplementedError":
            raise
        return False


def _typed_key() -> str:
    """A key that the person types unseen.

    Raises:
        KimiUsageError: Nobody can type here.
    """
    import getpass

    from kimi_magic.errors import KimiUsageError

    try:
        return getpass.getpass("API key (kept in memory only): ")
    except (EOFError, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and type(error).__name__ != "StdinNotImplementedError":
            raise
        raise KimiUsageError(
            "--login: nobody can type a key here; nothing has changed",
            hint="Set EVOLINK_API_KEY in the environment before starting.",
        ) from None


def show_usage(shell: Any, line: str) -> None:
    """`%kimi_usage`: the ledger as a table, or as records in a variable; then it may be emptied."""
    from kimi_magic import options

    values, _ = options.parse(options.split(line), options.at(options.USAGE))
    if values.get("help"):
        print(_help("kimi_usage"))  # noqa: T201
        return
    from kimi_magic import kernel, view

    ledger = kernel.current.ledger
    if not values or "timing" in values:
        view.show_ledger(shell, ledger, timing="timing" in values)
    if "out" in values:
        shell.push({values["out"]: ledger.rows()})
    if values.get("reset"):
        ledger.clear()


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    from kimi_magic.errors import one_line

    rows = [
        ("setting", "value", "from"),
        *((name, one_line(value), one_line(source)) for name, value, source in rows),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")  # noqa: T201


# ---- loading ----


class _Cells:
    """The input transformer, how deep in running cells we are, and what the running cell has shown."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._is_kernel = getattr(shell, "kernel", None) is not None
        self._depth = 0
        self._run: cells.CellRun | None = None
        self._shown: Turn | None = None  # by the cell that runs
        self.matcher: Any = None  # of the completer
        self.failure: tuple[str, Exception] | None = None  # the last cell that failed, and why
        self._handle: Any = None  # of SIGINT, ours while a cell runs, and the one before
        self._handle_before: Any = None

    def enter(self, info: Any = None, *_: object) -> None:
        if not self._depth:
            self._hear_interrupts()
            self._run = cells.CellRun(_cell_id(self._shell, info))
            cells.running.set(self._run)
        self._depth += 1

    def _hear_interrupts(self) -> None:
        """While a cell runs, let ■ also end what other threads ask: the signal reaches the main one alone."""
        if threading.current_thread() is not threading.main_thread():
            return
        import signal
        import sys

        handle_before = signal.getsignal(signal.SIGINT)

        def handle(number: int, frame: Any) -> None:
            if (bridge := sys.modules.get("kimi_magic.bridge")) is not None:
                bridge.other_threads.interrupt()
            if callable(handle_before):
                handle_before(number, frame)

        if (bridge := sys.modules.get("kimi_magic.bridge")) is not None:
            bridge.other_threads.begin_cell()
        signal.signal(signal.SIGINT, handle)
        self._handle_before, self._handle = handle_before, handle

    def _hear_no_interrupts(self) -> None:
        """Put back the handler of before, unless the cell has set one of its own."""
        import signal

        handle, self._handle = self._handle, None
        if handle is not None and signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, self._handle_before)

    def leave(self, result: Any = None, *_: object) -> None:
        error = getattr(result, "error_in_exec", None) or getattr(result, "error_before_exec", None)
        if isinstance(error, Exception):
            self._note_failure(getattr(result.info, "raw_cell", ""), error)
        self._depth = max(0, self._depth - 1)  # loaded inside a cell, it sees only that one's end
        if not self._depth:
            self._hear_no_interrupts()
            self._end_run(is_good=getattr(result, "success", False))
        if not self._depth and self._shown is not None:
            self._shown = None
            with contextlib.suppress(KeyError):
                self._shell.display_formatter.ipython_display_formatter.pop(".".join(REPLY))

    def _end_run(self, *, is_good: bool) -> None:
        run, self._run = self._run, None
        cells.running.set(None)
        if run is not None and run.counts and is_good:
            from kimi_magic import kernel

            kernel.current.end_cell(run)

    def _note_failure(self, source: str, error: Exception) -> None:
        """Keep what `%kimi_fix` speaks of; that a question of ours failed is told by its own line."""
        from kimi_magic.errors import KimiError

        if not isinstance(error, KimiError):
            self.failure = (source or "", error)

    def rewrite(self, lines: list[str]) -> list[str]:
        """`%%kimi` cells, and `%kimi` lines alone in their cell, as Python; all else as it is.

        It comes before IPython's own changes, which take `>>> ` and `In [1]: ` out of a prompt. Blank lines
        and comments above are passed over: forms of Colab have their title there.
        """
        place = next((i for i, line in enumerate(lines) if line.strip() and not _is_comment(line)), None)
        if place is None:
            return lines
        name, line = (*lines[place].split(maxsplit=1), "")[:2]
        if name == "%%kimi":
            return [_call(line.strip(), "".join(lines[place + 1 :]), awaited=self._can_await)]
        is_alone = not any(line.strip() for line in lines[place + 1 :])
        if is_alone and name in ("%kimi", "%kimi_fix"):
            words = line.strip() if name == "%kimi" else f"--fix {line.strip()}"
            return [_call(words, None, awaited=self._can_await)]
        return lines

    # What a terminal asks is whether the cell is complete: one that we have rewritten always is.
    rewrite.has_side_effects = True  # type: ignore[attr-defined]

    @property
    def _can_await(self) -> bool:
        """Whether the next cell can be awaited: one of a kernel's own, on asyncio."""
        shell = self._shell
        return bool(
            self._is_kernel and not self._depth and shell.autoawait and shell.loop_runner is _asyncio_runner
        )

    def note_shown(self, turn: Turn) -> None:
        """Until the cell ends, a `turn` that it has shown is not shown again as its value."""
        if self._is_kernel and self._depth:
            self._shown = turn
            formatter = self._shell.display_formatter.ipython_display_formatter
            formatter.for_type_by_name(*REPLY, self._show_once)

    def _show_once(self, reply: Reply[Any]) -> None:
        if reply.turn is self._shown:
            return
        from IPython.display import display

        from kimi_magic import view

        display(view.bundle(reply.turn), raw=True)


def _cell_id(shell: Any, info: Any) -> str:
    """The id of the cell that the front end runs, "" where it does not say."""
    if getattr(info, "cell_id", None):
        return str(info.cell_id)
    return str(cells.request_of(shell).get("metadata", {}).get("cellId") or "")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _call(line: str, cell: str | None, *, awaited: bool) -> str:
    """The Python that runs a `%%kimi` cell, or a `%kimi` line where `cell` is None."""
    module = "__import__('kimi_magic.magics').magics"
    if awaited:
        return f"await {module}.run_cell({line!r}, {cell!r})\n"
    # The semicolon keeps the terminal from printing the reply, which it has shown, as a value.
    return f"{module}.run_magic({line!r}, {cell!r});\n"


def run_magic(line: str, cell: str | None) -> Reply[Any] | None:
    """What a rewritten `%%kimi` cell calls where it cannot be awaited. Its body may be empty."""
    from IPython.core.getipython import get_ipython

    reply: Reply[Any] | None = get_ipython().find_line_magic("kimi")(line, cell)
    return reply


class _Line(EscapedCommand):  # type: ignore[misc]
    """A `%kimi` line among others.

    It comes before IPython takes a "?" at its end for a call for help (ipython#14258).
    """

    priority = HelpEnd.priority - 1

    @classmethod
    def find(cls, tokens_by_line: list[list[Any]]) -> Any:
        """The first such line, as IPython's transformers find theirs."""
        for tokens in tokens_by_line:
            start = [token for token in tokens if token.type not in (INDENT, DEDENT)][:3]
            strings = [token.string for token in start]
            is_help = strings[2:] == ["?"] and start[2].start == start[1].end  # `%kimi?`
            if strings[:2] == ["%", "kimi"] and not is_help:
                return cls(start[0].start)
        return None


class _Assignment(MagicAssign):  # type: ignore[misc]
    """`x = %kimi …`, in the same way."""

    priority = HelpEnd.priority - 1

    @classmethod
    def find(cls, tokens_by_line: list[list[Any]]) -> Any:
        """The first such line; `HelpEnd` stands at the start of the line, and has to come second."""
        for tokens in tokens_by_line:
            strings = [token.string for token in tokens]
            place = strings.index("%") if "%" in strings else 0
            if place and strings[place - 1 : place + 2] == ["=", "%", "kimi"]:
                return cls(tokens[place].start)
        return None

    def __init__(self, start: tuple[int, int]) -> None:
        super().__init__(start)
        self._column = start[1]
        self.start_col = 0  # IPython sorts by it

    def transform(self, lines: list[str]) -> list[str]:
        self.start_col = self._column
        changed: list[str] = super().transform(lines)
        return changed


def _complete(shell: Any, context: Any) -> dict[str, Any]:
    """What Tab offers in cells of ours, as a matcher of IPython's completer (its version 2)."""
    from IPython.core.completer import SimpleCompletion

    nothing: dict[str, Any] = {"completions": [], "suppress": False}
    before = context.full_text.split("\n")[: context.cursor_line + 1]
    before[-1] = before[-1][: context.cursor_position]
    text = "\n".join(before)
    if "%kimi" not in text:
        return nothing
    wait_for_warm_up()
    from kimi_magic import kernel
    from kimi_magic.options import completion

    settings = kernel.current.settings
    found = completion.offers(
        text,
        list(shell.user_ns),
        attributes=shell.Completer.attr_matches,
        host=settings["host"] or settings.options({}, asks=False).host,
        chats=completion.chats_of(kernel.current),
    )
    if found is None:
        return nothing
    words = [SimpleCompletion(text=word, type="kimi") for word in found.words]
    return {
        "completions": words, "suppress": found.is_all, "ordered": True, "matched_fragment": found.fragment,
    }  # fmt: skip


def _matcher(shell: Any) -> Any:
    """The matcher for `shell`, None where its IPython knows none of that kind (before 8.6)."""
    try:
        from IPython.core.completer import context_matcher
    except ImportError:
        return None

    def complete(context: Any) -> dict[str, Any]:
        try:
            return _complete(shell, context)
        except Exception:  # noqa: BLE001 - Python's own completion goes on, whatever is wrong here
            return {"completions": [], "suppress": False}

    return context_matcher(identifier="kimi_magic")(complete)


LINE_TRANSFORMERS = (_Line, _Assignment)
_warm_ups: list[threading.Timer] = []


def wait_for_warm_up() -> None:
    """Let nobody import beside the warm-up: two threads that import parts of a package deadlock.

    Python ends such a deadlock by handing out modules that are not complete.
    """
    while _warm_ups:
        warm_up = _warm_ups.pop()
        warm_up.cancel()
        warm_up.join()


def _cells_of(shell: Any) -> _Cells | None:
    watch: _Cells | None = shell.__dict__.get("_kimi_magic_cells")
    return watch


def load(shell: Any) -> None:
    """Register the magics and the rewriting of cells. Prints nothing, opens nothing."""
    if section := shell.config.get("KimiMagic"):
        from kimi_magic import kernel

        kernel.current.settings.load(section)
    unload(shell)
    shell.register_magics(KimiMagics)
    watch = _Cells(shell)
    shell.input_transformers_cleanup.insert(0, watch.rewrite)
    shell.input_transformer_manager.token_transformers += LINE_TRANSFORMERS
    shell.events.register("pre_run_cell", watch.enter)
    shell.events.register("post_run_cell", watch.leave)
    shell._kimi_magic_cells = watch
    if (matcher := _matcher(shell)) is not None:
        shell.Completer.custom_matchers.append(matcher)
        watch.matcher = matcher
    shell.display_formatter.formatters["text/html"].for_type_by_name(*REPLY, _html_of)
    warm_up = threading.Timer(WARM_UP_DELAY, _warm_up, args=(shell,))  # `bridge` would import asyncio now
    warm_up.name, warm_up.daemon = "kimi_magic warm-up", True
    _warm_ups.append(warm_up)
    warm_up.start()


def _html_of(reply: Reply[Any]) -> str:
    from kimi_magic import view

    return view.bundle(reply.turn)["text/html"]


def unload(shell: Any) -> None:
    """Undo `load`, and close all connections."""
    wait_for_warm_up()  # it may be half through importing what is closed here
    for kind, name in MAGICS:
        shell.magics_manager.magics[kind].pop(name, None)
    with contextlib.suppress(KeyError):
        shell.display_formatter.formatters["text/html"].pop(".".join(REPLY))
    if (watch := shell.__dict__.pop("_kimi_magic_cells", None)) is None:
        return
    shell.input_transformers_cleanup.remove(watch.rewrite)
    if watch.matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(watch.matcher)
    for transformer in LINE_TRANSFORMERS:
        shell.input_transformer_manager.token_transformers.remove(transformer)
    shell.events.unregister("pre_run_cell", watch.enter)
    shell.events.unregister("post_run_cell", watch.leave)
    import sys

    if (kernel := sys.modules.get("kimi_magic.kernel")) is not None:
        kernel.current.close()


def _warm_up(shell: Any) -> None:
    """Import what the first cell needs while the person types it."""
    from kimi_magic import kernel, markdown, view

    view.choose(shell)
    markdown.render("`warm`")
    kernel.current.warm_up()
