"""What `%kimi_config` does: change the settings, show them, and ask the service about itself."""

from __future__ import annotations

import getpass
from typing import Any

from kimi_magic import check as checks
from kimi_magic import kernel, magic_help, options
from kimi_magic import prompt as prompts
from kimi_magic.errors import KimiUsageError, one_line


def configure(line: str, shell: Any = None) -> None:
    """`%kimi_config` with the options of `line`: everything is checked before anything is changed."""
    settings = kernel.current.settings
    fill = prompts.Filler(*prompts.names_of(shell)).value if shell is not None else None
    values, _ = options.parse(options.split(line), options.at(options.CONFIG), fill=fill)
    if values.pop("help", False):
        print(magic_help.text("kimi_config"))  # noqa: T201
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
    try:
        return getpass.getpass("API key (kept in memory only): ")
    except (EOFError, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and type(error).__name__ != "StdinNotImplementedError":
            raise
        raise KimiUsageError(
            "--login: nobody can type a key here; nothing has changed",
            hint="Set EVOLINK_API_KEY in the environment before starting.",
        ) from None


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    rows = [
        ("setting", "value", "from"),
        *((name, one_line(value), one_line(source)) for name, value, source in rows),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")  # noqa: T201
