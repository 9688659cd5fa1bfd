"""The magics: `%%kimi`, `%kimi`, `%kimi_config`, `%kimi_usage`. Parse, call one function, hand back.

In a kernel a `%%kimi` cell is rewritten to an `await`, so that the kernel's loop stays free; everywhere else
(a terminal, under `%%time`, with autoawait off) the plain magic runs. Loading this imports next to nothing.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

if TYPE_CHECKING:
    from kimi_magic.messages import Reply
    from kimi_magic.turn import Turn

CELL_USAGE = "%%kimi [options]   with the prompt below, or   %kimi [options] prompt"
CELL_ABOUT = "Send the cell to a Kimi thinking model; the answer streams in, its reasoning folds away."
CONFIG_USAGE = "%kimi_config [options]"
CONFIG_ABOUT = (
    "Settings for every %%kimi cell of this kernel. Without options: what is set, and where it came from."
)
USAGE_USAGE = "%kimi_usage [options]"
USAGE_ABOUT = (
    "What the requests of this kernel used, by model: tokens and estimated cost. Without options: a table."
)
ALONE = {"pick": "--pick", "show": "--show", "resume": "--continue"}  # options of a line without a prompt
REPLY = ("kimi_magic.messages.reply", "Reply")  # by name: its module need not be imported for it
WARM_UP = 0.1  # s after loading; sooner, and its imports slow the cell that loads


@magics_class
class KimiMagics(Magics):  # type: ignore[misc]
    """The magics of one shell."""

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def kimi(self, line: str, cell: str | None = None) -> None:
        """(see `_help`)"""
        if (turn := _begin(self.shell, line, cell)) is not None:
            from kimi_magic.session import current

            current.run(turn)

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def kimi_config(self, line: str) -> None:
        """(see `_help`)"""
        configure(line)

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def kimi_usage(self, line: str) -> None:
        """(see `_help`)"""
        show_usage(self.shell, line)


def _help(magic: str) -> str:
    """The whole help of a magic, from the option table."""
    from kimi_magic import options

    usage, about, door = {
        "kimi": (CELL_USAGE, CELL_ABOUT, options.CELL),
        "kimi_config": (CONFIG_USAGE, CONFIG_ABOUT, options.CONFIG),
        "kimi_usage": (USAGE_USAGE, USAGE_ABOUT, options.USAGE),
    }[magic]
    return options.help_text(usage, about, options.at(door))


# IPython asks `getdoc` for what "?" shows. The table takes longer to load than all else here.
for _name, _about in (("kimi", CELL_ABOUT), ("kimi_config", CONFIG_ABOUT), ("kimi_usage", USAGE_ABOUT)):
    _function: Any = getattr(KimiMagics, _name)
    _function.__doc__, _function.getdoc = _about, partial(_help, _name)


def _begin(shell: Any, line: str, cell: str | None) -> Turn | None:
    """The turn that a cell or line asks for; None when it was only the help."""
    from kimi_magic import options

    if cell is None:
        words, prompt = options.split_prompt(line, options.at(options.CELL))
    else:
        words, prompt = options.split(line), cell.rstrip("\n")
    given, _ = options.parse(words, options.at(options.CELL), namespace=shell.user_ns)
    if given.pop("help", False):
        print(_help("kimi"))  # noqa: T201
        return None
    from kimi_magic import view
    from kimi_magic.config import settings
    from kimi_magic.session import current

    if alone := next((name for name in ALONE if name in given), None):
        _check_alone(alone, given, prompt, cell)
    if "show" in given:
        view.show_history(shell, current.conversation.messages())
        return None
    if "pick" in given:
        current.pick(given["pick"])
        print(f"Answer {given['pick']} is in the conversation now.")  # noqa: T201
        return None
    out = given.pop("out", None)
    habit = given.pop("reasoning", settings["reasoning"])
    hidden = given.pop("hide_reasoning", settings["hide_reasoning"])
    shown = view.choose(shell, "hidden" if hidden else habit)
    resume = given.pop("resume", False)
    turn = current.resume(given, shown) if resume else current.turn(prompt, given, shown, shell.user_ns)
    if out:
        turn.on_complete = lambda reply: shell.push({out: reply.data if reply.values else reply})
    return turn


def _check_alone(name: str, given: dict[str, Any], prompt: str, cell: str | None) -> None:
    """They speak of what was said: lines without a prompt, and where nothing is asked without options."""
    from kimi_magic.errors import KimiUsageError

    flag, usage = ALONE[name], f"%kimi {ALONE[name]}{' N' * (name == 'pick')}"
    if cell is not None or prompt:
        raise KimiUsageError(f"{flag} takes no prompt, it is for what was said: {usage}")
    if name != "resume" and len(given) > 1:
        raise KimiUsageError(f"{flag} takes no other options, nothing is asked: {usage}")


async def run_cell(line: str, cell: str | None) -> None:
    """What a rewritten `%%kimi` cell awaits."""
    from IPython.core.getipython import get_ipython

    if (turn := _begin(get_ipython(), line, cell)) is not None:
        from kimi_magic.session import current

        await current.arun(turn)


def configure(line: str) -> None:
    """`%kimi_config`: every fault is found before anything is changed."""
    from kimi_magic import options
    from kimi_magic.config import settings

    given, _ = options.parse(options.split(line), options.at(options.CONFIG))
    if given.pop("help", False):
        print(_help("kimi_config"))  # noqa: T201
        return
    if "base_url" in given and "offline" not in given:
        given["offline"] = False  # who names an address wants to go there
    reset, login, unset = (given.pop(name, None) for name in ("reset", "login", "unset"))
    models, check = (given.pop(name, None) for name in ("models", "check"))
    if not (given or reset or login or unset or models or check):
        _print_table(settings.table())
        return
    if unset:
        settings.unset(unset)
    settings.update(given)
    if login:
        import getpass

        settings.login(getpass.getpass("API key (kept in memory only): "))
    if reset:
        from kimi_magic.session import current

        current.conversation.clear()
    if models or check:
        from kimi_magic.session import current

        print("\n".join(current.offered() if models else current.check()))  # noqa: T201


def show_usage(shell: Any, line: str) -> None:
    """`%kimi_usage`: the ledger as a table, or as records in a variable; then it may be emptied."""
    from kimi_magic import options

    given, _ = options.parse(options.split(line), options.at(options.USAGE))
    if given.get("help"):
        print(_help("kimi_usage"))  # noqa: T201
        return
    from kimi_magic.session import current

    if not given:
        from kimi_magic import view

        view.show_ledger(shell, current.ledger)
    if "out" in given:
        shell.push({given["out"]: current.ledger.rows()})
    if given.get("reset"):
        current.ledger.clear()


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    rows = [("setting", "value", "from"), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")  # noqa: T201


# ---- loading ----


class _Cells:
    """The input transformer, and how deep in running cells we are: only a cell of its own may be awaited."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._depth = 0

    def enter(self, *_: object) -> None:
        self._depth += 1

    def leave(self, *_: object) -> None:
        self._depth = max(0, self._depth - 1)  # loaded inside a cell, it sees only that one's end

    def rewrite(self, lines: list[str]) -> list[str]:
        """`%%kimi` cells, and `%kimi` lines alone in their cell, as an `await`; all else as it is."""
        if self._depth or not self._shell.autoawait or not lines:
            return lines
        cell: str | None
        if lines[0].split()[:1] == ["%%kimi"] and "".join(lines[1:]).strip():
            line, cell = lines[0].split("%%kimi", 1)[1].strip(), "".join(lines[1:])
        elif len(lines) == 1 and lines[0].split()[:1] == ["%kimi"]:
            # Also because IPython takes a line that ends in "?" for a call for help (ipython#14258).
            line, cell = lines[0].strip().removeprefix("%kimi").strip(), None
        else:
            return lines
        return [f"await __import__('kimi_magic.magics').magics.run_cell({line!r}, {cell!r})\n"]


def load(shell: Any) -> None:
    """Register the magics; in a kernel also the rewriting of cells. Prints nothing, opens nothing."""
    if section := shell.config.get("KimiMagic"):
        from kimi_magic.config import settings

        settings.load(section)
    shell.register_magics(KimiMagics)
    shell.display_formatter.formatters["text/html"].for_type_by_name(*REPLY, _html_of)
    if getattr(shell, "kernel", None) is not None:
        cells = _Cells(shell)
        shell.input_transformers_cleanup.append(cells.rewrite)
        shell.events.register("pre_run_cell", cells.enter)
        shell.events.register("post_run_cell", cells.leave)
        shell._kimi_magic_cells = cells
    warm_up = threading.Timer(WARM_UP, _warm_up, args=(shell,))
    warm_up.name, warm_up.daemon = "kimi_magic warm-up", True
    warm_up.start()


def _html_of(reply: Reply) -> str:
    from kimi_magic import view

    return view.html_of(reply)


def unload(shell: Any) -> None:
    """Undo `load`."""
    for kind, name in (("cell", "kimi"), ("line", "kimi"), ("line", "kimi_config"), ("line", "kimi_usage")):
        shell.magics_manager.magics[kind].pop(name, None)
    with contextlib.suppress(KeyError):
        shell.display_formatter.formatters["text/html"].pop(".".join(REPLY))
    if (cells := shell.__dict__.pop("_kimi_magic_cells", None)) is not None:
        shell.input_transformers_cleanup.remove(cells.rewrite)
        shell.events.unregister("pre_run_cell", cells.enter)
        shell.events.unregister("post_run_cell", cells.leave)


def _warm_up(shell: Any) -> None:
    """Import what the first cell needs while the person types it."""
    from kimi_magic import markdown, view
    from kimi_magic.session import current

    view.choose(shell)
    markdown.render("`warm`")
    current.warm_up()
