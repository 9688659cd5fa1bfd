"""The README is true: its tables are the help, and each of its blocks runs, against the simulator."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kimi_magic import __main__ as command_line
from kimi_magic import hosts
from tests.clean import ROOT
from tests.conftest import Server
from tests.kernel import Cell, Kernel
from tests.test_architecture import readme_commands
from tests.write_readme import COMMAND, MARKED, README, rewritten

TEXT = README.read_text(encoding="utf-8")
LANGUAGES = {
    "sh": "lines of a shell",
    "ipython": "one cell of a notebook",
    "python": "one cell of plain Python",
    "text": "what the block before it prints, line by line",
}
ANSI = re.compile(r"\x1b\[[\d;]*m")
AN_ERROR = re.compile(r"Kimi\w+: ")  # a text block that begins so is what a cell that fails shows
PATIENCE = 60  # s


class Block(NamedTuple):
    """A code block; `at` is where it begins, for whoever has to mend it."""

    at: str
    language: str
    text: str


def blocks() -> list[Block]:
    fenced = re.finditer(r"^ *(`{3,}|~{3,}) *(\S*)\n(.*?)^ *\1 *$", TEXT, re.DOTALL | re.MULTILINE)
    return [Block(f"README.md:{len(TEXT[: m.start()].splitlines()) + 1}", m[2], m[3]) for m in fenced]


def shell_lines() -> list[tuple[str, str]]:
    """Each command of the `sh` blocks, with where it stands."""
    found = []
    for block in blocks():
        if block.language == "sh":
            whole = block.text.replace("\\\n", " ")
            lines = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in whole.splitlines())
            found += [(block.at, line) for line in lines if line]
    return found


def test_every_block_says_what_it_is():
    for block in blocks():
        assert block.language in LANGUAGES, (
            f"{block.at}: {block.language!r}, but a block is one of {LANGUAGES}"
        )
    assert {block.language for block in blocks()} >= {"sh", "ipython", "python"}
    assert TEXT.count("\n```") == 2 * len(blocks()), "a fence is not closed"


# ---- the tables ----


def helped(entry: str) -> set[tuple[str, str]]:
    """What `--help` of a entry says: (flags, text)."""
    with redirect_stdout(io.StringIO()) as printed:
        if entry.startswith("%"):
            shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
            shell.run_line_magic("load_ext", "kimi_magic")
            shell.run_line_magic(entry.lstrip("%"), "--help")
        else:
            command_line.main([entry.removeprefix("kimi-magic "), "--help"])
    return {(m[1], m[2]) for m in re.finditer(r"^  (-\S.*?) {2,}(\S.*)$", printed.getvalue(), re.MULTILINE)}


def written(entry: str) -> set[tuple[str, str]]:
    """What the tables of the README say of a entry."""
    found = set()
    for marked in MARKED.finditer(TEXT):
        lines = [line for line in marked[0].splitlines() if line.startswith("|")]
        head, _, *rows = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in lines]
        for cells in rows:
            row = dict(zip(head, cells, strict=True))
            if row.get(f"`{entry}`") == "•" or head[0] == f"`{entry}` …":
                found.add((cells[0].replace("`", ""), cells[1].replace(r"\|", "|")))
    return found


@pytest.mark.parametrize(
    "entry",
    [
        "%%kimi",
        "%kimi_config",
        "%kimi_usage",
        "ask",
        "kimi-magic serve",
        "kimi-magic demo",
        "kimi-magic autoload",
    ],
)
def test_the_tables_say_what_the_help_says(entry: str):
    assert helped(entry)
    assert written(entry) == helped(entry), f"the README is behind: run {COMMAND}"


def test_the_tables_are_as_the_command_writes_them():
    assert rewritten(TEXT) == TEXT, f"the README is behind: run {COMMAND}"


# ---- the shell ----


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, with the environment of these tests as its `.venv`."""
    folder = tmp_path_factory.mktemp("checkout") / "kimi_magic"
    left = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "artifacts", "dist")
    shutil.copytree(ROOT, folder, ignore=left)
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return folder


@pytest.fixture
def outside(server: Server, checkout: Path) -> dict[str, str]:
    """An environment in which every host is the simulator, and neither a browser nor a home of anybody's."""
    return os.environ | everywhere(server) | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "BROWSER": "true",
        "IPYTHONDIR": str(checkout.parent / "ipython"),
    }  # fmt: skip


def everywhere(server: Server) -> dict[str, str]:
    found = {}
    for host in hosts.PROVIDERS.values():
        found |= dict.fromkeys(host.key_variables, "sk-simulator")
        found |= dict.fromkeys(host.url_variables, server.base_url)
    return found


@pytest.mark.parametrize(("at", "line"), shell_lines(), ids=[line[:60] for _, line in shell_lines()])
@pytest.mark.timeout(300)
def test_a_line_of_the_shell_does_what_it_says(at: str, line: str, checkout: Path, outside: dict[str, str]):
    try:
        try_line(line, checkout, outside)
    except AssertionError as error:
        raise AssertionError(f"{at}: {line}\n{error}") from None


def try_line(line: str, folder: Path, environment: dict[str, str]) -> None:
    tool = line.partition(" ")[0]
    if line in readme_commands():
        return  # the one in test_package, the other in .ci/run: each as it stands here
    if found := re.fullmatch(r"pip install (?:-q |-U )*(.+)", line):
        check_installable(found[1])
    elif found := re.fullmatch(r"export (\w+)=\S.*", line):
        assert found[1] in {
            name for host in hosts.PROVIDERS.values() for name in (*host.key_variables, *host.url_variables)
        }
    elif re.match(r"kimi-magic (serve|demo)\b", line):
        run_until_it_listens(line, folder, environment)
    elif re.search(r"-m pytest\b", line):
        run_shell(f"{line} --collect-only -q -p no:cacheprovider", folder, environment)
    else:
        assert tool in ("kimi-magic", "cd", "git") or tool.startswith(".venv/bin/"), "no test knows this tool"
        run_shell(line, folder, environment)


def check_installable(words: str) -> None:
    """This checkout and its extras: no package index has it. What an installation does is in test_package."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = re.fullmatch(r"""(['"]?)\.(?:\[([\w,]+)\])?\1""", words)
    assert found, f"expected the checkout, with or without extras, but got {words}"
    assert set(filter(None, (found[2] or "").split(","))) <= set(extras["optional-dependencies"])


def run_shell(line: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


def run_until_it_listens(line: str, folder: Path, environment: dict[str, str]) -> None:
    """Start what runs until Ctrl-C; it must print an address and end well."""
    running = subprocess.Popen(
        ["bash", "-c", f"exec {line}"], cwd=folder, env=environment | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    said = ""
    try:
        for shown in running.stdout:
            said += shown
            if "http://127.0.0.1:" in shown:
                break
        running.send_signal(signal.SIGINT)
        said += running.communicate(timeout=PATIENCE)[0]
    finally:
        running.kill()
    assert "http://127.0.0.1:" in said, said
    assert running.returncode == 0, said


def test_the_second_command_is_the_one_that_ci_runs():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith(readme_commands()[1])


# ---- the notebook ----


@pytest.fixture
def reader(server: Server, tmp_path: Path) -> Iterator[Kernel]:
    """The kernel of someone who types the README from top to bottom, in a folder of their own."""
    kernel = Kernel(everywhere(server) | {"IPYTHONDIR": str(tmp_path / "ipython")})
    kernel.run(f"%cd -q {tmp_path}")
    try:
        yield kernel
    finally:
        kernel.stop()


def shown_by(cell: Cell) -> str:
    """All that a cell shows, as plain text."""
    parts = []
    for output in cell.outputs:
        match output["type"]:
            case "stream":
                parts.append(output["text"])
            case "error":
                parts.append("\n".join(output["traceback"]))
            case _:
                parts.append(output["data"].get("text/plain", ""))
    return ANSI.sub("", "\n".join(parts))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("server", [("--speed", "0")], indirect=True)
def test_the_cells_run_from_top_to_bottom_and_print_what_is_printed_below_them(reader: Kernel):
    cells = [block for block in blocks() if block.language != "sh"]
    cell = None
    for block, after in zip(cells, [*cells[1:], None], strict=True):
        if block.language == "text":
            assert cell is not None, f"{block.at}: no cell before it prints this"
            lines = {line.rstrip() for line in shown_by(cell).splitlines()}
            missing = [
                line for line in block.text.splitlines() if line.strip() and line.rstrip() not in lines
            ]
            assert not missing, f"{block.at}: the cell does not print {missing}, but {sorted(lines)}"
            continue
        cell = reader.attempt(block.text.rstrip("\n"))
        fails = after is not None and after.language == "text" and AN_ERROR.match(after.text)
        assert cell.status == ("error" if fails else "ok"), f"{block.at}: {shown_by(cell)}"
