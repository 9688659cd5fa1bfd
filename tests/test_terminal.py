"""IPython in a real terminal, and the command line."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pexpect
import pyte
import pytest

from tests.conftest import PACED, PATIENCE, Server
from tests.peers import answering

ENVIRONMENT = {**os.environ, "TERM": "xterm", "IPYTHONDIR": "/nonexistent", "PYTHON_COLORS": "0"}
COMMAND = [sys.executable, "-m", "kimi_magic"]


class Terminal:
    """`ipython --simple-prompt` on a pseudo-terminal."""

    def __init__(self, folder: str, environment: dict[str, str]) -> None:
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner", "--no-confirm-exit"],
            env={**ENVIRONMENT, "IPYTHONDIR": folder, **environment},
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(50, 200),
        )
        self._child.expect(r"In \[1\]: ")

    def send(self, *lines: str) -> None:
        for line in lines:
            self._child.sendline(line)

    def expect(self, pattern: str) -> str:
        """What was on the terminal before `pattern`."""
        self._child.expect(pattern)
        return self._child.before

    def run(self, *lines: str) -> str:
        self.send(*lines)
        return self.expect(r"In \[\d+\]: ")

    def interrupt(self) -> None:
        self._child.sendintr()

    def stop(self) -> None:
        self._child.sendeof()
        self._child.expect(pexpect.EOF)
        self._child.close()


@pytest.fixture
def terminal(server: Server, tmp_path):
    running = Terminal(str(tmp_path), server.environment)
    running.run("%load_ext kimi_magic")
    try:
        yield running
    finally:
        running.stop()


def test_the_answer_streams_as_text_with_the_reasoning_dimmed(terminal: Terminal):
    shown = terminal.run("%%kimi -o answer", "Why is the sky blue?", "", "")
    assert "\x1b[2mReasoning" in shown
    assert " tokens" in shown
    assert "Widget" not in shown
    assert "VBox" not in shown
    text = terminal.run("print(len(answer.text), answer.text.splitlines()[0])")
    first_line = re.search(r"\d+ (.*)", text)[1].strip()
    assert first_line in " ".join(shown.split())


def test_code_of_an_answer_is_said_where_no_prompt_takes_it(terminal: Terminal):
    shown = terminal.run("%%kimi --code", "Why is the sky blue?", "", "")
    assert "the answer has no code block" in shown


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_ctrl_c_closes_the_connection_and_the_next_cell_works(terminal: Terminal, server: Server):
    terminal.send("%%kimi", "Write 3000 words about rivers.", "", "")
    server.wait_for("begins")
    terminal.expect("Reasoning")
    terminal.interrupt()
    shown = terminal.expect(r"In \[\d+\]: ")
    server.wait_for("closed by the client")
    assert "KimiInterrupted: stopped" in re.sub(r"\x1b\[\d*m", "", shown)
    assert "Traceback" not in shown
    assert " tokens" in terminal.run("%%kimi", "Hello", "", "")


def test_a_cut_answer_goes_on_and_another_answer_can_be_picked(terminal: Terminal):
    cut = terminal.run("%%kimi --max-tokens 90", "Why is the sky blue?", "", "")
    assert "%kimi --continue" in cut
    assert " tokens" in terminal.run("%kimi --continue --max-tokens 5000 -o whole")
    assert "True" in terminal.run("print(whole.text.startswith('The sky is blue'))")
    several = terminal.run("%%kimi -n 2 -o answers", "Name a river.", "", "")
    assert "Answer 2" in several
    assert "Answer 2 is in the conversation now." in terminal.run("%kimi --pick 2")
    assert "main (2 turns), the current one" in terminal.run("%kimi_chat")
    assert "answer 2 of 2" in terminal.run("%kimi_chat show")
    assert "True" in terminal.run("print(answers.text == answers.choices[1].text)")


WEATHER = "async def get_temperature(city: str) -> str: 'The temperature in a city.'; return 'mild'"


@pytest.mark.parametrize(("typed", "told"), [("y", "mild"), ("n", "the user has refused")])
def test_the_person_types_whether_a_function_may_run(terminal: Terminal, typed: str, told: str):
    terminal.run(WEATHER, "")
    terminal.send("%kimi -T get_temperature What is the temperature in Oslo?")
    asked = terminal.expect(r" \[y/N\] ")
    assert re.split("[\r\n]|\x1b\\[2K", asked)[-1] == 'Run get_temperature({"city": "Oslo"})?'
    shown = terminal.run(typed)
    assert told in shown
    assert " · 2 requests" in shown


def test_ctrl_c_at_the_question_stops_the_turn(terminal: Terminal):
    terminal.run(WEATHER, "")
    terminal.send("%kimi -T get_temperature What is the temperature in Oslo?")
    terminal.expect(r" \[y/N\] ")
    terminal.interrupt()
    shown = terminal.expect(r"In \[\d+\]: ")
    assert "KimiInterrupted: stopped" in re.sub(r"\x1b\[\d*m", "", shown)
    assert "main (0 turns), the current one" in terminal.run("%kimi_chat")


def test_an_error_is_one_line(terminal: Terminal):
    shown = terminal.run("%kimi --modle x hello")
    assert "unknown option --modle; did you mean --model?" in shown
    assert "Traceback" not in shown


# ---- the command line ----


def test_on_a_terminal_the_answer_is_drawn_in_the_end_and_lines_fit():
    child = pexpect.spawn(
        sys.executable, [*COMMAND[1:], "ask", "--offline", "--speed", "0", "Why is the sky blue?"],
        env={**ENVIRONMENT, "NO_COLOR": ""}, encoding="utf-8", timeout=PATIENCE, dimensions=(40, 70),
    )  # fmt: skip
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    screen = pyte.Screen(70, 40)
    pyte.Stream(screen).feed(child.before)
    rows = [row.rstrip() for row in screen.display]
    assert all(len(row) < 70 for row in rows)
    shown = "\n".join(rows)
    assert "**Rayleigh scattering**" in " ".join(child.before.split())
    assert "Rayleigh scattering" in " ".join(shown.split())
    assert "**" not in shown
    assert shown.count("Reasoning\n│ ") == 1
    assert "waiting" not in shown
    assert shown.index("│") < shown.index("Rayleigh") < shown.index("offline simulator")


def kimi(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        env={**os.environ, **environment}, check=False,
    )  # fmt: skip


def test_in_a_pipe_the_answer_alone_is_on_standard_output():
    done = kimi("ask", "--offline", "--speed", "0", "Why is the sky blue?")
    assert done.returncode == 0
    assert done.stdout.strip()
    assert "Reasoning" not in done.stdout
    assert "Reasoning" in done.stderr
    assert "offline simulator" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_ask_talks_to_the_service_of_the_environment(server: Server):
    done = kimi("ask", "Why", "is", "the", "sky", "blue?", **server.environment)
    assert done.returncode == 0, done.stderr
    server.wait_for("200 stream .* done")


def test_the_prompt_can_come_from_standard_input():
    done = subprocess.run(
        [*COMMAND, "ask", "--offline", "--speed", "0"], input="Why is the sky blue?", capture_output=True,
        text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["ask", "hello"], 1, "none of EVOLINK_API_KEY, KIMI_API_KEY, MOONSHOT_API_KEY is set"),
        (["ask", "--ofline", "hello"], 2, "did you mean --offline?"),
        (["ask", "--offline"], 2, "the prompt is empty"),
        (["sreve"], 2, "did you mean serve?"),
        (["serve", "--port", "99999"], 2, "expected a whole number from 0 to 65535"),
        (["serve", "--faults", "ctu=3"], 2, "cut"),
        (["ask", "--offline", "-m", "nope", "hello"], 1, "does not have model"),
    ],
)
def test_wrong_use_is_one_line_and_a_status(words: list[str], status: int, line: str):
    done = kimi(*words)
    assert done.returncode == status
    assert line in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_ctrl_c_ends_the_command_with_the_usual_status(server: Server):
    process = subprocess.Popen(
        [*COMMAND, "ask", "Write 3000 words about rivers."], env={**os.environ, **server.environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    server.wait_for("begins")
    assert process.stderr.readline().startswith("Reasoning")
    process.send_signal(2)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "stopped" in err
    assert "Traceback" not in err
    server.wait_for("closed by the client")


def test_help_lists_the_commands_and_the_options():
    assert "kimi-magic serve" in kimi("--help").stdout
    assert "--max-tokens N" in kimi("ask", "--help").stdout
    assert "--port N" in kimi("serve", "--help").stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", kimi("--version").stdout)


def test_the_server_refuses_a_port_that_is_taken(server: Server):
    port = re.search(r":(\d+)/", server.base_url)[1]
    done = kimi("serve", "--port", port)
    assert done.returncode == 2
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_the_server_stops_cleanly_on_ctrl_c():
    process = subprocess.Popen([*COMMAND, "serve"], stdout=subprocess.PIPE, text=True)
    assert "listening on" in process.stdout.readline()
    process.send_signal(2)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


OFFLINE = [*COMMAND, "ask", "--offline", "--speed", "0"]
OTHER_LETTERS = "👍 – “so” ≈ 1 €, 中文"


def raw(
    command: list[str] | str, data: bytes | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command if isinstance(command, list) else ["bash", "-c", command], input=data, capture_output=True,
        timeout=PATIENCE, env={**os.environ, **environment}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "utf-8", "utf-16"])
def test_what_the_output_cannot_hold_becomes_a_question_mark(encoding: str):
    with answering(OTHER_LETTERS) as server:
        environment = {"EVOLINK_BASE_URL": server.base_url, "EVOLINK_API_KEY": "sk-0123456789abcdefWXYZ"}
        done = raw([*COMMAND, "ask", "hi"], **environment, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert done.stdout.decode(encoding).strip() == OTHER_LETTERS.encode(encoding, "replace").decode(encoding)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_prompt_on_standard_input_is_read_in_every_form_of_unicode(codec: str):
    done = raw(OFFLINE, "Why is the sky blue? 中文".encode(codec))
    assert done.returncode == 0
    assert done.stdout.strip()


def test_other_input_is_refused_in_one_line():
    done = raw(OFFLINE, b"caf\xe9 ?")
    assert done.returncode == 2
    first, hint = done.stderr.decode().splitlines()
    assert "standard input is not UTF-8: byte 0xe9 at position 3" in first
    assert "iconv" in hint


@pytest.mark.parametrize(
    ("redirection", "status", "words"),
    [
        ("| head -c 1", 0, ""),
        ("2>/dev/null >/dev/full", 1, ""),
        (">/dev/full", 1, "No space left on device"),
        ("2>/dev/full", 1, ""),
    ],
)
def test_output_that_cannot_be_written_is_no_traceback(redirection: str, status: int, words: str):
    done = raw(f"{shlex.join(OFFLINE)} Write 3000 words about rivers {redirection}")
    assert done.returncode == status
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"Task" not in done.stderr
    assert words in done.stderr.decode()


def test_closed_input_is_said_in_one_line():
    done = raw(f"{shlex.join(OFFLINE)} <&-")
    assert done.returncode == 2
    assert "standard input is closed" in done.stderr.decode()
    assert b"Traceback" not in done.stderr
