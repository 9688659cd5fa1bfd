"""A real ipykernel, driven as a front end drives it."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager

PATIENCE = 30  # s
WIDGET = "application/vnd.jupyter.widget-view+json"


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
        return saved

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


class Kernel:
    """A kernel of the Python that runs the tests."""

    def __init__(self, environment: dict[str, str]) -> None:
        # Sockets in a folder of its own: no other kernel can take its place, as with ports.
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-")
        self.manager = KernelManager(transport="ipc", ip=f"{self._folder.name}/socket")
        self.manager.start_kernel(env={**os.environ, **environment})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def send(self, code: str) -> str:
        return self.client.execute(code)

    def next_message(self, request: str, timeout: float = PATIENCE) -> tuple[float, dict[str, Any]]:
        """The next IOPub message of a request."""
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=timeout)
            except Empty:
                raise AssertionError(f"nothing on IOPub for {timeout} s") from None
            if message["parent_header"].get("msg_id") == request:
                return time.monotonic(), message

    def wait_until(self, request: str, wanted: Any) -> list[tuple[float, dict[str, Any]]]:
        """All messages of a request up to the first that `wanted` accepts."""
        messages = [self.next_message(request)]
        while not wanted(messages[-1][1]):
            messages.append(self.next_message(request))
        return messages

    def finish(self, request: str, before: list[tuple[float, dict[str, Any]]] | None = None) -> Cell:
        """The cell, once the kernel has replied and is idle."""
        messages = [*(before or []), *self.wait_until(request, is_idle)]
        return Cell(self.shell_reply(request), messages)

    def shell_reply(self, request: str) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def run(self, code: str) -> Cell:
        """Execute one cell; it must succeed."""
        cell = self.attempt(code)
        assert cell.status == "ok", cell.outputs
        return cell

    def attempt(self, code: str) -> Cell:
        """Execute one cell, whatever becomes of it."""
        began = time.monotonic()
        cell = self.finish(self.send(code))
        cell.began = began
        return cell

    def value(self, expression: str) -> Any:
        """A value of the kernel's, by way of its repr."""
        import ast

        cell = self.run(f"print(repr({expression}))")
        return ast.literal_eval(cell.printed)

    def interrupt(self) -> float:
        """Send the signal that a front end's ■ sends; when it was sent."""
        at = time.monotonic()
        self.manager.interrupt_kernel()
        return at

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self._folder.cleanup()


def is_idle(message: dict[str, Any]) -> bool:
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def text_of_widgets(message: dict[str, Any]) -> str:
    """The HTML that a comm message gives to a widget, if any; our style is none."""
    if message["msg_type"] not in ("comm_msg", "comm_open"):
        return ""
    value = str(message["content"]["data"].get("state", {}).get("value") or "")
    return "" if value.startswith("<style>") else value
