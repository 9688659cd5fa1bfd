"""`kimi-magic autoload`: `%%kimi` without `%load_ext`, and a configuration that stays the person's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimi_magic import autoload
from kimi_magic.autoload import LINE
from tests.conftest import KEYS, PATIENCE
from tests.kernel import Kernel

THEIRS = b'c.InteractiveShellApp.extensions = ["autoreload"]\nc.InteractiveShell.xmode = "Plain"\n'


def command(folder: Path, *words: str, shell: str = "") -> tuple[int, str, str]:
    """Status, output and errors of `kimi-magic autoload`; `shell` is what a shell does before."""
    line = f'{shell} exec "$0" -m kimi_magic autoload "$@"'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, *words], env=os.environ | {"IPYTHONDIR": str(folder)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The configuration file of a person who has an IPython profile."""
    path = tmp_path / "profile_default" / "ipython_config.py"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("theirs", [None, THEIRS], ids=["no profile", "a profile"])
def test_a_new_kernel_knows_the_magics_without_load_ext(theirs: bytes | None, tmp_path: Path):
    path = tmp_path / "new" / "profile_default" / "ipython_config.py"
    if theirs is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(theirs)
    status, said, errors = command(tmp_path / "new")
    assert (status, errors) == (0, "")
    assert said.startswith(f"added one line to {path}: each new kernel")
    assert path.read_bytes() == (theirs or b"") + LINE + b"\n"

    kernel = Kernel(dict.fromkeys(KEYS, "") | {"IPYTHONDIR": str(tmp_path / "new")})
    try:
        kernel.run("%kimi_config --offline --speed 0")
        assert "Paris" in kernel.run("%%kimi\nWhat is the capital of France?").display["text/plain"]
        loaded = kernel.value("sorted(get_ipython().extension_manager.loaded)")
        assert ("IPython.extensions.autoreload" in loaded) == (theirs is not None)
    finally:
        kernel.stop()

    assert command(tmp_path / "new", "--remove")[1].startswith(f"took the line out of {path}")
    assert path.read_bytes() == (theirs or b"")


def test_a_new_terminal_knows_them_too(tmp_path: Path):
    command(tmp_path)
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner", "--no-confirm-exit"],
        env=os.environ | {"IPYTHONDIR": str(tmp_path), "TERM": "xterm"}, encoding="utf-8", timeout=PATIENCE,
    )  # fmt: skip
    try:
        terminal.expect(r"In \[1\]: ")
        terminal.sendline("%kimi --offline --speed 0 What is the capital of France?")
        terminal.expect("Paris")
        terminal.expect(r"In \[2\]: ")
        terminal.sendeof()
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()


def test_a_second_time_nothing_is_changed_and_it_says_so(tmp_path: Path, file: Path):
    file.write_bytes(THEIRS)
    command(tmp_path)
    once = file.read_bytes()
    assert command(tmp_path) == (0, f"{file} has the line already: nothing was changed\n", "")
    assert file.read_bytes() == once
    command(tmp_path, "--remove")
    nothing = f"{file} has no line of kimi-magic autoload: nothing was changed\n"
    assert command(tmp_path, "--remove") == (0, nothing, "")
    assert file.read_bytes() == THEIRS


def test_only_the_line_that_the_command_has_written_is_taken_away(tmp_path: Path, file: Path):
    own = b'c.InteractiveShellApp.extensions.append("kimi_magic")\n# ' + LINE + b"\n"
    file.write_bytes(own + LINE + b"\r\n" + THEIRS + LINE)
    assert command(tmp_path, "--remove")[0] == 0
    assert file.read_bytes() == own + THEIRS.rstrip(b"\n")


LINES = st.lists(
    st.sampled_from(
        [b"a = 1", b"# \xc3\xa4", b"", b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", b"if 1:", b"\x0c", b"  "]
    )
)


@given(data=LINES.map(b"".join) | st.text().map(str.encode))
def test_what_was_in_the_file_keeps_every_byte(data: bytes):
    added = autoload.with_line(data)
    assert added.startswith(data)
    assert added.splitlines()[-1] == LINE
    assert autoload.without_line(added) == data


def test_the_line_breaks_are_those_of_the_file():
    assert autoload.with_line(b"a = 1\r\nb = 2\r\n") == b"a = 1\r\nb = 2\r\n" + LINE + b"\r\n"
    assert autoload.with_line(b"a = 1") == b"a = 1\n" + LINE


def test_a_link_and_the_rights_of_a_file_stay(tmp_path: Path, file: Path):
    target = tmp_path / "dotfiles"
    target.write_bytes(THEIRS)
    target.chmod(0o640)
    file.symlink_to(target)
    command(tmp_path)
    assert file.is_symlink()
    assert target.read_bytes() == THEIRS + LINE + b"\n"
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("c.x = 'ä'\n".encode("latin-1"), "it is not UTF-8 (byte 0xe4 at 7)"),
        ("c.x = 1\n".encode("utf-16-le"), "it is not UTF-8 (byte 0x00 at 1)"),
        (b"#" * (autoload.LARGEST + 1), "it has 1,048,577 bytes, at most 1,048,576 are read"),
    ],
    ids=["Latin-1", "UTF-16", "too large"],
)
@pytest.mark.parametrize("words", [[], ["--remove"]], ids=["add", "remove"])
def test_what_is_no_utf_8_is_refused_and_left_as_it_is(
    data: bytes, reason: str, words: list[str], tmp_path: Path, file: Path
):
    file.write_bytes(data)
    status, said, errors = command(tmp_path, *words)
    assert (status, said) == (1, "")
    first, hint = errors.splitlines()
    assert first == f"kimi-magic: cannot change {file}: {reason}; nothing was changed"
    assert hint == f"You can write this line into it yourself: {LINE.decode()}"
    assert file.read_bytes() == data


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path, file: Path):
    file.mkdir()
    status, said, errors = command(tmp_path)
    assert (status, said) == (1, "")
    assert f"cannot change {file}: it is a folder; nothing was changed" in errors


def test_a_disk_without_space_leaves_the_file_as_it_was(tmp_path: Path, file: Path):
    theirs = b"#" * 1000 + b"\n"
    file.write_bytes(theirs)
    status, said, errors = command(tmp_path, shell="ulimit -f 1;")  # files of 1024 bytes
    assert (status, said) == (1, "")
    assert f"cannot change {file}: File too large; nothing was changed" in errors
    assert file.read_bytes() == theirs


def test_a_home_that_cannot_be_written_is_said_and_no_temporary_one_is_used(tmp_path: Path):
    (tmp_path / "a-file").write_text("")
    status, said, errors = command(tmp_path / "a-file" / "ipython")
    assert (status, said) == (1, "")
    first, hint = errors.splitlines()
    assert first.startswith("kimi-magic: IPython has no folder for its configuration: IPython parent")
    assert hint == "Set IPYTHONDIR to a folder that can be written to."


@pytest.mark.parametrize("word", ["on", "--add"])
def test_another_word_is_wrong_usage_and_nothing_is_written(word: str, tmp_path: Path):
    status, said, errors = command(tmp_path, word)
    assert (status, said) == (2, "")
    assert errors.startswith("kimi-magic: ")
    assert list(tmp_path.iterdir()) == []
