"""`kimi-magic demo`: the lessons in a JupyterLab of one's own, until Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import nbformat
import pexpect
import pytest
from nbformat.sign import NotebookNotary

from kimi_magic import demo
from kimi_magic.errors import KimiUsageError
from tests.clean import ROOT
from tests.conftest import KEYS

PATIENCE = 60  # s
FIRST, SECOND = "01-first-question.ipynb", "02-second.ipynb"
CELLS = ["%load_ext kimi_magic", "%kimi_config"]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the package as a wheel installs it: its lessons are inside."""
    package = tmp_path / "site" / "kimi_magic"
    shutil.copytree(ROOT / "kimi_magic", package, ignore=shutil.ignore_patterns("__pycache__", "lessons"))
    (package / "lessons").mkdir()
    for name in (FIRST, SECOND):
        write_lesson(package / "lessons" / name)
    return package.parent


def write_lesson(path: Path) -> Path:
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


class Demo:
    """`kimi-magic demo --no-browser` in a process of its own, with a home of its own."""

    def __init__(self, site: Path, home: Path, *words: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in KEYS}
        jupyter = {
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
        }
        own = {name: str(home / folder) for name, folder in jupyter.items()}
        self.home = home
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kimi_magic", "demo", "--no-browser", *words],
            env=inherited | own | {"PYTHONPATH": str(site), "TMPDIR": str(home)},
            cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said = ""

    def address(self) -> str:
        """The address that it prints."""
        for line in self._process.stdout:
            self.said += line
            if found := re.search(r"http://\S+", line):
                return found[0]
        raise AssertionError(f"no address, but {self.said!r} and {self._process.stderr.read()!r}")

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Status, output and errors, once it has ended; it is ended where it has not."""
        try:
            output, errors = self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
        self.said += output
        return self._process.returncode, self.said, errors


@pytest.fixture
def started(installed: Path, tmp_path: Path) -> Iterator[Demo]:
    """The demo, where somebody has put what Jupyter and Python would obey."""
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    (tmp_path / "lessons").mkdir()
    for name in ("jupyter_server_config.py", "jupyter_lab_config.py", "lessons/msgspec.py"):
        (tmp_path / name).write_text(trap)
    running = Demo(installed, tmp_path, "lessons", "--port", "0")
    try:
        yield running
    finally:
        running.interrupt()
        running.end()


def test_the_demo_shows_the_first_lesson_in_a_jupyterlab_and_ctrl_c_ends_all_of_it(started: Demo):
    address = started.address()
    assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/lab/tree/{FIRST}\?token=\w{{48}}", address)
    page = httpx.get(address, follow_redirects=True, timeout=PATIENCE)
    assert page.status_code == 200
    assert "jupyter-config-data" in page.text
    config = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page.text, re.DOTALL)[1]
    assert "@jupyterlab/apputils-extension:announcements" in json.loads(config)["disabledExtensions"]

    root, token = address.partition("/lab")[0], address.rpartition("=")[2]
    server = httpx.Client(
        base_url=f"{root}/api", headers={"Authorization": f"token {token}"}, timeout=PATIENCE
    )
    with server:
        names = {each["name"] for each in server.get("/contents/").json()["content"]}
        assert names == {FIRST, SECOND, "msgspec.py"}
        assert httpx.get(f"{root}/api/kernels").status_code == 403
        kernel = server.post("/kernels", json={"name": "python3"}).json()["id"]
        (connection,) = (started.home / "runtime").glob(f"kernel-{kernel}.json")
        assert json.loads(connection.read_text(encoding="utf-8"))["ip"] == "127.0.0.1"
        table = settings_seen_by(connection)
    assert re.search(r"^offline +True +IPython configuration$", table, re.MULTILINE), table
    assert not (started.home / "sprung").exists()

    started.interrupt()
    status, said, errors = started.end()
    assert (status, errors) == (0, "")
    assert said.splitlines()[0] == "lessons in lessons: 2"
    assert "\n\n" not in said
    assert list((started.home / "runtime").glob("kernel-*")) == []
    assert list(started.home.glob("kimi-magic-demo-*")) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(root)


def settings_seen_by(connection: Path) -> str:
    """What the cells of a lesson print in a kernel that JupyterLab has started."""
    from jupyter_client import BlockingKernelClient

    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels(hb=False)  # a busy machine answers a heartbeat late
    printed: list[str] = []

    def read(message: dict) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    try:
        client.wait_for_ready(timeout=PATIENCE)
        for cell in CELLS:
            reply = client.execute_interactive(cell, timeout=PATIENCE, output_hook=read)
            assert reply["content"]["status"] == "ok", reply
    finally:
        client.stop_channels()
    return "".join(printed)


def test_a_second_ctrl_c_does_no_harm(started: Demo):
    started.address()
    started.interrupt()
    started.interrupt()
    status, _, errors = started.end()
    assert (status, errors) == (0, "")


def test_ctrl_c_in_a_terminal_ends_it_without_a_question(installed: Path, tmp_path: Path):
    terminal = pexpect.spawn(
        sys.executable, ["-m", "kimi_magic", "demo", "lessons", "--no-browser", "--port=0"], timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(installed), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")},
        cwd=tmp_path, encoding="utf-8",
    )  # fmt: skip
    try:
        terminal.expect_exact("Ctrl-C stops it")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        assert terminal.before.strip() in ("", "^C")
    finally:
        terminal.close()
    assert terminal.exitstatus == 0


def test_a_port_that_is_taken_is_one_line_and_no_lesson_is_copied(installed: Path, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said, errors = Demo(installed, tmp_path, "lessons", f"--port={port}").end()
    assert (status, said, errors.count("\n")) == (1, "", 1)
    assert f"--port {port}: address already in use; expected a free port" in errors
    assert not (tmp_path / "lessons").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["one", "two"], "demo takes one folder, but got 2: one two"),
        (["--port", "x"], "--port 'x': expected a whole number from 0 to 65535"),
        (["--browser"], "unknown option --browser\n--help lists all options."),
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_begins(
    words: list[str], complaint: str, installed: Path, tmp_path: Path
):
    status, said, errors = Demo(installed, tmp_path, *words).end()
    assert (status, said, errors) == (2, "", f"kimi-magic: {complaint}\n")


def test_lessons_are_copied_and_a_file_that_the_person_changed_is_kept(tmp_path: Path):
    sources = [write_lesson(tmp_path / name) for name in (FIRST, SECOND)]
    folder = tmp_path / "new" / "lessons"

    assert demo.copy(sources, folder) == (FIRST, [f"lessons in {folder}: 2"])
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == [
        demo.of_this_python(path.read_bytes()) for path in sources
    ]

    mine = save_as_a_person(folder / SECOND, "1 + 1")
    (folder / FIRST).unlink()
    first, (_, told) = demo.copy(sources, folder)
    assert first == FIRST
    assert told == f"kept {folder / SECOND}: you changed it; delete it to get the lesson anew"
    assert (folder / SECOND).read_bytes() == mine
    assert (folder / FIRST).read_bytes() == demo.of_this_python(sources[0].read_bytes())

    mine = save_as_a_person(folder / FIRST, "2 + 2")
    assert demo.copy(sources, folder)[0] == FIRST
    assert (folder / FIRST).read_bytes() == mine


def save_as_a_person(path: Path, code: str) -> bytes:
    """Save a notebook as JupyterLab does when a person has run it: with a signature in a store of theirs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbformat.write(notebook, path)
    NotebookNotary().sign(nbformat.read(path, 4))
    return path.read_bytes()


def test_a_notebook_that_somebody_else_has_put_there_is_not_opened_as_ours(tmp_path: Path):
    sources = [write_lesson(tmp_path / name) for name in (FIRST, SECOND)]
    folder = tmp_path / "lessons"
    folder.mkdir()
    planted = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import os  # evil")])
    nbformat.write(planted, folder / FIRST)
    before = (folder / FIRST).read_bytes()
    first, (_, told) = demo.copy(sources, folder)
    assert first == SECOND
    assert told.startswith(f"kept {folder / FIRST}: it is none of ours")
    assert (folder / FIRST).read_bytes() == before

    (folder / SECOND).unlink()
    os.mkfifo(folder / SECOND)
    with pytest.raises(KimiUsageError, match="none is opened"):
        demo.copy(sources, folder)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signatures of this person are in a folder of the test."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "signatures"))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path):
    source = write_lesson(tmp_path / FIRST)
    with pytest.raises(
        KimiUsageError, match=r"cannot put the lessons into .*: .+; expected a folder"
    ) as raised:
        demo.copy([source], source / "below-a-file")
    assert "\n" not in str(raised.value)


def test_a_checkout_finds_the_lessons_that_the_wheel_carries():
    there = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert demo.lessons() == there
    assert there[0].name == FIRST
