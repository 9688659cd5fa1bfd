"""A conversation that follows its notebook: a first cell that runs again, a kernel that restarts, Run All."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.browser.conftest import SUITE, Open
from tests.browser.lab import Notebook
from tests.browser.manual_service import ManualService

pytestmark = SUITE


def asked(notebook: Notebook, number: int, service: ManualService, answer: str) -> list[tuple[str, str]]:
    """Run a cell, answer it, and return the messages that the service received."""
    notebook.run(number)
    exchange = service.next_request()
    exchange.send_reasoning("Let me see.")
    exchange.send_text(answer)
    exchange.finish()
    notebook.wait_until_over(number)
    expect(notebook.output(number).locator(".kimi-answer")).to_contain_text(answer)
    return [(message["role"], message["content"]) for message in exchange.body["messages"]]


def outputs(notebook: Notebook) -> str:
    """All outputs in the saved file, to the byte, but of the cell that loads: IPython says that it has."""
    return json.dumps([cell["outputs"] for cell in notebook.save()["cells"][1:]])


def test_a_conversation_follows_the_notebook_and_outlives_its_kernel(
    open_notebook: Open, service: ManualService
):
    notebook = open_notebook("%kimi_config --keep\n%kimi_chat restore", "%%kimi\nName a river.",
                             "%%kimi\nHow long is it?", "%%kimi\nWhere does it end?")  # fmt: skip
    notebook.complete(1)
    assert asked(notebook, 2, service, "The Rhine.") == [("user", "Name a river.")]
    assert asked(notebook, 3, service, "1230 km.") == [
        ("user", "Name a river."), ("assistant", "The Rhine."), ("user", "How long is it?"),
    ]  # fmt: skip

    notebook.edit(2, "%%kimi\nName another river.")
    assert asked(notebook, 2, service, "The Po.") == [("user", "Name another river.")]
    expect(notebook.output(2).locator(".kimi-status")).to_have_attribute(
        "title", re.compile("turn 1 · replaces its earlier run")
    )
    said = [("user", "Name another river."), ("assistant", "The Po."), ("user", "How long is it?")]
    assert asked(notebook, 3, service, "652 km.") == said

    notebook.save()
    notebook.restart_kernel()
    notebook.complete(0)
    notebook.complete(1)
    expect(notebook.output(1)).to_contain_text("main: 2 turns from ")
    assert asked(notebook, 4, service, "In the Adriatic Sea.") == [
        *said, ("assistant", "652 km."), ("user", "Where does it end?"),
    ]  # fmt: skip

    notebook.save()
    notebook.complete(1)
    before, count = outputs(notebook), service.count
    notebook.command("notebook:run-all-cells")
    notebook.wait_until_ready()
    assert outputs(notebook) == before
    notebook.restart_kernel()
    notebook.command("notebook:run-all-cells")
    notebook.wait_until_ready()
    assert outputs(notebook) == before
    assert service.count == count == 5
