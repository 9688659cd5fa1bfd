"""Every front end that is tried: how the twelve cells run in it, and what it cannot show and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tests.front_ends import consoles, files
from tests.front_ends.outcome import Outcome

ANSWER_ALONE = "shows the answer alone: no reasoning, no notice"


@dataclass(frozen=True)
class FrontEnd:
    """`run` gets a folder of its own, or in a browser the server and a page, and gives an `Outcome`.

    `cannot` says why cells do not show what they should, by their number from 1; `remark` is for README.
    `is_heavy`: only the extra `front-ends` installs it.
    """

    name: str
    distributions: tuple[str, ...]
    run: Callable[..., Outcome]
    cannot: tuple[tuple[tuple[int, ...], str], ...] = ()
    remark: str = ""
    is_heavy: bool = False

    @property
    def missing(self) -> list[str]:
        """The distributions that it needs and that are not installed."""
        return [each for each in self.distributions if not _version(each)]

    @property
    def version(self) -> str:
        return _version(self.distributions[0])

    @property
    def words(self) -> str:
        """What README says of it."""
        reasons = [
            f"cell{'s'[: len(cells) > 1]} {', '.join(map(str, cells))}: {why}" for cells, why in self.cannot
        ]
        return "; ".join(filter(None, [self.remark, *reasons]))


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _in_browser(name: str) -> Callable[..., Outcome]:
    """The function of `browsers`, which needs Playwright, when it is used."""

    def run(*arguments: object) -> Outcome:
        from tests.front_ends import browsers

        outcome: Outcome = getattr(browsers, name)(*arguments)
        return outcome

    return run


IN_BROWSER = (
    FrontEnd(
        "JupyterLab", ("jupyterlab",), _in_browser("jupyterlab"),
        remark="with jupyter-collaboration, everyone sharing the notebook sees the answer grow and its end",
    ),
    FrontEnd("Notebook", ("notebook",), _in_browser("notebook_7")),
    FrontEnd("nbclassic", ("nbclassic",), _in_browser("nbclassic"), remark="the pages of Notebook 6"),
)  # fmt: skip
OTHERS = (
    FrontEnd("IPython in a terminal", ("ipython",), consoles.terminal),
    FrontEnd(
        "jupyter console", ("jupyter-console",), consoles.jupyter_console,
        cannot=(((2, 3, 8), ANSWER_ALONE),), remark="updates no display: the answer comes at its end",
    ),
    FrontEnd(
        "qtconsole", ("qtconsole", "PySide6-Essentials"), consoles.qtconsole,
        cannot=(((2, 3, 8), ANSWER_ALONE),), remark="the same", is_heavy=True,
    ),
    FrontEnd("nbclient", ("nbclient",), files.by_nbclient),
    FrontEnd("papermill", ("papermill",), files.by_papermill, remark="a cell that fails is its exit status"),
    FrontEnd("nbconvert: HTML", ("nbconvert",), files.as_html),
    FrontEnd("nbconvert: Markdown", ("nbconvert",), files.as_markdown),
    FrontEnd(
        "nbconvert: script, run by IPython", ("nbconvert",), files.as_script,
        cannot=(
            ((3, 11), "nbconvert takes a line magic that ends in `?` for a request for help"),
            ((4,), "a script shows no last expression"),
        ),
    ),
    FrontEnd(
        "marimo", ("marimo",), files.marimo, is_heavy=True,
        remark="has no magics: the same cells in Python, with `kimi_magic.ask`",
    ),
)  # fmt: skip
TABLE = (*IN_BROWSER, *OTHERS)
