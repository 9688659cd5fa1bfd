"""A real ipykernel, driven as a front end drives it."""

from __future__ import annotations

import ast
import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from itertools import count
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

PATIENCE = 30  # s until something that should have happened long ago counts as not happening
_cell_numbers = count(1)  # of the cells that have run
STARTING = 60  # s that a kernel may take to start
CLICKS_ARRIVE = int(version("ipykernel").partition(".")[0]) >= 7  # while an awaited cell runs
WIDGET = "application/vnd.jupyter.widget-view+json"


EMPTY = {"text/html": ""}  # what a long answer has put aside while it grew, in the end
WIDGETS_LEFT = (
    "len((lambda w: w._instances if hasattr(w, '_instances') else w.Widget.widgets)"  # ipywidgets 8, and 7
    "(__import__('ipywidgets').widgets.widget))"
)


@dataclass
class Cell:
    """What came back from one executed cell."""

    reply: dict[str, Any]
    messages: list[tuple[float, dict[str, Any]]] = field(repr=False)  # monotonic time, IOPub message
    began: float = 0.0

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs as a front end would save them: displays replaced by their updates."""
        saved: list[dict[str, Any]] = []
        displays: dict[str, dict[str, Any]] = {}
        for _, message in self.messages:
            content = message["content"]
            match message["msg_type"]:
                case "display_data":
                    saved.append({"type": "display", "data": content["data"]})
                    displays[content.get("transient", {}).get("display_id", "")] = saved[-1]
                case "update_display_data":
                    displays[content["transient"]["display_id"]]["data"] = content["data"]
                case "stream" if saved and saved[-1].get("name") == content["name"]:
                    saved[-1]["text"] += content["text"]
                case "stream":
                    saved.append({"type": "stream", **content})
                case "error":
                    saved.append({"type": "error", **content})
                case "execute_result":
                    saved.append({"type": "result", "data": content["data"]})
        return [output for output in saved if output.get("data") != EMPTY]

    @property
    def display(self) -> dict[str, str]:
        """The data of the one display."""
        (shown,) = [output["data"] for output in self.outputs if output["type"] == "display"]
        return shown

    @property
    def printed(self) -> str:
        return "".join(output["text"] for output in self.outputs if output["type"] == "stream")

    @property
    def status(self) -> str:
        return self.reply["status"]

    def of_type(self, *types: str) -> list[tuple[float, dict[str, Any]]]:
        return [(at, message) for at, message in self.messages if message["msg_type"] in types]


class ForkServer:
    """A process that forks kernels; see `tests/fork_server.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("fork_server.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def fork(self, connection_file: str, environment: dict[str, str]) -> int:
        """Start a kernel; its process id."""
        order = {"connection_file": connection_file, "environment": environment, "folder": os.getcwd()}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks kernels has ended; what it wrote is on stderr"
        return int(answer)

    def stop(self) -> None:
        self._process.communicate(timeout=PATIENCE)


@cache
def fork_server() -> ForkServer:
    """The one of this process, which ends with it."""
    server = ForkServer()
    atexit.register(server.stop)
    return server


def start_forked(connection_file: str, environment: dict[str, str]) -> int:
    """Start a kernel in which what the package depends on is imported already; its process id."""
    return fork_server().fork(connection_file, environment)


class Kernel:
    """A kernel of the Python that runs the tests, in a process of its own.

    `environment` is added to the environment of the tests. `start` takes a connection file and the whole
    environment, starts a kernel in a session of its own, and returns its process id.
    """

    def __init__(
        self, environment: dict[str, str], start: Callable[[str, dict[str, str]], int] = start_forked
    ) -> None:
        # Sockets in a folder of its own: no other kernel can take its place, as with ports.
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-")
        file, _ = write_connection_file(
            f"{self._folder.name}/connection.json", transport="ipc", ip=f"{self._folder.name}/socket"
        )
        self.client = BlockingKernelClient(connection_file=file)
        self.client.load_connection_file()  # before the kernel starts, which may write the file anew
        self._process_id = start(file, {**os.environ, **environment})
        self.client.start_channels(hb=False)
        self._may_abort = False
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        """Until the kernel answers, and until what it publishes arrives."""
        deadline = time.monotonic() + STARTING
        while True:
            request = self.client.kernel_info()
            self.shell_reply(request, STARTING)
            with suppress(AssertionError):  # published before this client had subscribed
                self.wait_until(request, is_idle, timeout=0.2)
                return
            assert time.monotonic() < deadline, "the kernel answers, but publishes nothing"

    def send(self, code: str, *, cell_id: str | None = "", allow_stdin: bool = False) -> str:
        """Send a cell as JupyterLab does, with its id ("": a new one); as consoles do where it is None.

        `allow_stdin` says that somebody is there who can be asked.
        """
        cell_id = f"cell-{next(_cell_numbers)}" if cell_id == "" else cell_id
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": allow_stdin, "stop_on_error": True,
        }  # fmt: skip
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def next_message(self, request: str, timeout: float = PATIENCE) -> tuple[float, dict[str, Any]]:
        """The next IOPub message of a request."""
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=timeout)
            except Empty:
                raise AssertionError(f"nothing on IOPub for {timeout} s") from None
            if message["parent_header"].get("msg_id") == request:
                return time.monotonic(), message

    def wait_until(
        self, request: str, wanted: Callable[[dict[str, Any]], bool], timeout: float = PATIENCE
    ) -> list[tuple[float, dict[str, Any]]]:
        """All messages of a request up to the first that `wanted` accepts; `timeout` (s) is for each."""
        messages = [self.next_message(request, timeout)]
        while not wanted(messages[-1][1]):
            messages.append(self.next_message(request, timeout))
        return messages

    def finish(self, request: str, before: list[tuple[float, dict[str, Any]]] | None = None) -> Cell:
        """The cell, once the kernel has replied and is idle."""
        messages = [*(before or []), *self.wait_until(request, is_idle)]
        cell = Cell(self.shell_reply(request), messages)
        self._may_abort = cell.status != "ok"
        return cell

    def shell_reply(self, request: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The reply to a request; `timeout` (s) is for each message until then."""
        while True:
            message = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def run(self, code: str, *, cell_id: str | None = "") -> Cell:
        """Execute one cell; it must succeed."""
        cell = self.attempt(code, cell_id=cell_id)
        assert cell.status == "ok", cell.outputs
        return cell

    def attempt(self, code: str, *, cell_id: str | None = "") -> Cell:
        """Execute one cell, whatever becomes of it."""
        if self._may_abort:
            self._wait_until_it_takes_cells()
        began = time.monotonic()
        cell = self.finish(self.send(code, cell_id=cell_id))
        cell.began = began
        return cell

    def _wait_until_it_takes_cells(self) -> None:
        """After an error ipykernel 6 aborts also what arrives within an instant: no person is that fast."""
        while self.shell_reply(self.client.execute("", silent=True))["status"] == "aborted":
            pass
        self._may_abort = False

    def value(self, expression: str) -> Any:
        """A value of the kernel's, by way of its repr."""
        cell = self.run(f"print(repr({expression}))")
        return ast.literal_eval(cell.printed)

    def widgets_left(self) -> int:
        """How many widgets the kernel keeps; those of a long answer are closed a moment after it."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.value(WIDGETS_LEFT)) and time.monotonic() < deadline:
            pass
        return int(left)

    def interrupt(self) -> float:
        """Send the signal that a front end's ■ sends; when it was sent."""
        at = time.monotonic()
        os.killpg(self._process_id, signal.SIGINT)
        return at

    def stop(self) -> None:
        self.client.stop_channels()
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self._process_id, signal.SIGKILL)
        self._folder.cleanup()


def is_idle(message: dict[str, Any]) -> bool:
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def text_of_widgets(message: dict[str, Any]) -> str:
    """The HTML that a comm message gives to a widget, if any; our style is none."""
    if message["msg_type"] not in ("comm_msg", "comm_open"):
        return ""
    value = str(message["content"]["data"].get("state", {}).get("value") or "")
    return "" if value.startswith("<style>") else value
