"""What the README says of a person's data, sentence by sentence, each with its check."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import kimi_magic
from kimi_magic import images, kernel
from kimi_magic.configure import configure
from kimi_magic.errors import KimiUsageError
from kimi_magic.keys import Key
from kimi_magic.messages import Counted, Finished, Opened, ReasoningDelta, TextDelta, ToolCallDelta
from kimi_magic.reply import Reply
from kimi_magic.usage import Usage
from kimi_magic.view import scripts, static
from tests.clean import ROOT

from .conftest import KEYS
from .peers import Recorder
from .test_hostile import check_page
from .test_pictures import HIDDEN, photo
from .turns import GrowingTurn, cell_plan, run

SECRET = "sk-0123456789abcdefWXYZ"
PROMISES: dict[str, Callable[..., None]] = {}


def promise(beginning: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The check of the sentence that begins so."""

    def keep(check: Callable[..., None]) -> Callable[..., None]:
        PROMISES[beginning] = check
        return check

    return keep


def sentences() -> list[str]:
    """The sentences of the section, without marks."""
    section = re.search(
        r"^## Where your data goes\n(.*?)^## ", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M
    )[1]
    found = []
    for item in re.split(r"^- ", section, flags=re.MULTILINE)[1:]:
        text = " ".join(item.replace("*", "").split())
        found += re.split(r"(?<=\.) (?=[A-Z`])", text)
    return found


def test_each_sentence_has_its_check_and_each_check_its_sentence() -> None:
    told = sentences()
    for sentence in told:
        assert [begin for begin in PROMISES if sentence.startswith(begin)], f"nobody checks: {sentence}"
    for begin in PROMISES:
        assert [sentence for sentence in told if sentence.startswith(begin)], f"nobody says: {begin}"


# ---- sent ----


def rain(city: str) -> bool:
    """Whether it rains."""
    return bool(city)


@dataclass
class Moon:
    """A body that goes around a planet."""

    name: str


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """A service, with a key for it, and what came there."""
    with Recorder() as recorder, kernel.fresh():
        monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
        monkeypatch.setenv("EVOLINK_BASE_URL", recorder.base_url)
        yield recorder


@promise("Sent, over TLS and only to the host that `%kimi_config` shows: the prompt; the conversation")
def test_what_is_sent(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    run(cell_plan("-s 'Be brief.' -t 0.5", "First?"))
    run(cell_plan("", "Second?"))
    configure("")
    assert recorder.base_url in capsys.readouterr().out
    first, second = recorder.requests
    assert set(first.body) == {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}
    assert [message["role"] for message in second.body["messages"]] == ["user", "assistant", "user"]
    assert second.body["messages"][1].keys() == {"role", "content", "reasoning_content"}
    assert set(first.headers) == {
        "host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length",
        "authorization",
    }  # fmt: skip
    assert first.path == "/v1/chat/completions"
    with pytest.raises(kimi_magic.KimiJSONError):
        run(cell_plan("--schema Moon --repair 0 --no-history", "Third?", {"Moon": Moon}))
    assert "A body that goes around a planet." in json.dumps(recorder.requests[-1].body)
    run(cell_plan("--tool rain --yes --no-history", "Fourth?", {"rain": rain}))
    (told,) = recorder.requests[-1].body["tools"]
    assert set(told["function"]) == {"name", "description", "parameters"}
    assert "Whether it rains." in told["function"]["description"]
    tool = {"type": "function", "function": {"name": "f", "description": "Does it.", "parameters": {}}}
    run(cell_plan("--tools T --no-history", "Fourth?", {"T": [tool]}))
    assert recorder.requests[-1].body["tools"] == [tool]


@promise("Nothing else of the notebook is sent; `--dry-run` shows the exact request.")
def test_nothing_else_of_the_notebook_is_sent(recorder: Recorder) -> None:
    names = {"password": "hunter2", "frame": [1, 2, 3], "hunter2": "x"}
    run(cell_plan("", "What is {password} or $password?", names))
    (message,) = recorder.only.body["messages"]
    assert message["content"] == "What is {password} or $password?"
    shown = kernel.current.plan(message["content"], {"history": False}, names, is_dry=True).request
    assert [each.content for each in shown.messages] == [message["content"]]
    assert "hunter2" not in json.dumps([recorder.only.body, recorder.only.headers])
    assert str(Path.cwd()) not in json.dumps([recorder.only.body, recorder.only.headers])


@promise("Pictures are sent as they look, with their orientation, but without place, date, comments and")
def test_of_a_picture_goes_what_one_sees() -> None:
    for kind in ("PNG", "JPEG", "GIF", "WEBP"):
        assert HIDDEN not in base64.b64decode(images.data_url(photo(kind)).partition(",")[2])


@promise("Plain http is used only for this machine, for your own network (without a key, and with a notice)")
def test_over_http_goes_only_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with kernel.fresh(base_url="http://box.local"):
        assert kernel.current.plan("Hi", {}).turn.notices[0].startswith("Nothing is encrypted")
    with kernel.fresh(base_url="http://service.example"), pytest.raises(KimiUsageError):
        kernel.current.plan("Hi", {})
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", "http://box.local")
    with kernel.fresh():
        with pytest.raises(KimiUsageError):
            kernel.current.plan("Hi", {})
        assert kernel.current.plan("Hi", {"allow_http": True}).connection.key


# What a process does that loads the extension, asks the simulator and then a service, step by step.
STEPS = """
import json, os, sys
step, seen = "begin", []

def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        seen.append((step, "network", str(arguments[1] if event != "socket.getaddrinfo" else arguments[0])))
    elif event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append((step, "disk", str(arguments[0])))

from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
sys.addaudithook(hook)
step = "load"
shell.run_line_magic("load_ext", "kimi_magic")
step = "offline"
shell.run_cell_magic("kimi", "--offline --speed 0", "Hello")
shell.run_cell_magic("kimi", "--offline --speed 0 --schema '[name, age int]' --frame", "Who?")
step = "service"
shell.run_cell_magic("kimi", "--no-stream", "Hello")
shell.run_line_magic("kimi_usage", "")
step = "end"
print("\\n" + json.dumps(seen))
"""


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """(step, network or disk, where) of a process of its own, without the bytes that Python compiles."""
    folder = tmp_path_factory.mktemp("traces")
    inherited = {name: value for name, value in os.environ.items() if name not in KEYS}
    with Recorder() as recorder:
        own = {"EVOLINK_API_KEY": SECRET, "EVOLINK_BASE_URL": recorder.base_url, "IPYTHONDIR": str(folder)}
        done = subprocess.run(
            [sys.executable, "-c", STEPS], env=inherited | own | {"PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = [tuple(each) for each in json.loads(done.stdout.rpartition("\n[")[2].join(["[", ""]))]
        port = recorder.base_url.split(":")[2].split("/")[0]
    assert [each for each in found if port in each[2]]
    return [each for each in found if each[:2] != ("service", "network") or port not in each[2]]


@promise("Offline, nothing leaves the process.")
def test_offline_no_connection_is_opened(traces: list[tuple[str, str, str]]) -> None:
    assert [each for each in traces if each[:2] == ("offline", "network")] == []


@promise("Looked up: nothing.")
@promise("The extension opens no connection before you ask.")
def test_loading_opens_no_connection(traces: list[tuple[str, str, str]]) -> None:
    assert [each for each in traces if each[:2] == ("load", "network")] == []


@promise(
    "Nothing else is written to disk, except what you tell `--record`, `%kimi_chat save` and the `cache=`"
)
def test_nothing_is_written_and_nobody_else_is_told(traces: list[tuple[str, str, str]]) -> None:
    assert [each for each in traces if each[1] == "disk" and "/dev/null" not in each[2]] == []
    assert [each for each in traces if each[1] == "network" and "127.0.0.1" not in each[2]] == []


# ---- kept ----


@promise("Kept: conversations in the memory of the kernel; in the notebook the answer, its reasoning, the")
def test_what_is_kept(recorder: Recorder) -> None:
    run(cell_plan("", "First?"))
    assert [message.role for message in kernel.current.conversation.before()] == ["user", "assistant"]
    with kernel.fresh(offline=True, speed=0):
        called = run(cell_plan("--tool rain --yes", "Whether it rains in `Oslo`?", {"rain": rain}))
        ((kept,),) = [each["calls"] for each in static.summary(called.turn)["rounds"]]
    assert (kept["call"]["arguments"], kept["content"]) == ('{"city": "Oslo"}', "True")
    turn = GrowingTurn("m")
    turn.add(Opened("c1", "m"), ReasoningDelta("Because."), TextDelta("So."), Finished("stop"))
    turn.add(Counted(Usage(3, 4)))
    turn.end()
    assert set(static.summary(turn)) == {"model", "state", "finish_reason", "usage", "seconds", "offline"}
    shown = re.sub(r"<[^>]*>", " ", static.html(turn))
    assert re.fullmatch(
        r"\s*m · [\d.]+ s · 7 tokens\s+(Thought for [\d.]+ s|Reasoning)( · [\w ≈.]+)*\s+Because\.\s+So\.\s*",
        shown,
    )


@promise(
    "The key is kept in memory, sent in the `Authorization` header and, with `--remember`, stored in the"
)
def test_the_key_is_nowhere_else(recorder: Recorder) -> None:
    reply = run(cell_plan("", "First?"))
    assert recorder.only.headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in json.dumps([recorder.only.body, recorder.only.path])
    seen: set[int] = set()
    todo: list[Any] = [kernel.current, reply, kernel.current.last_plan, kernel.current.settings.table()]
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, type | Key):
            continue
        seen.add(id(each))
        assert not (isinstance(each, str | bytes) and SECRET in str(each)), "the key is kept as a text"
        if isinstance(each, dict):
            todo += [*each, *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            todo += each
        elif type(each).__module__.startswith("kimi_magic"):
            names = [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ())]
            names += [*getattr(each, "__struct_fields__", ()), *getattr(each, "__dict__", ())]
            todo += [getattr(each, name, None) for name in names if not name.startswith("__")]
    assert len(seen) > 100


# ---- loaded by the page, and hidden characters ----


def page_of(text: str) -> str:
    turn = GrowingTurn("m")
    turn.add(TextDelta(text), Finished("stop"))
    turn.end()
    return static.html(turn)


@promise("Loaded by the page: nothing.")
@promise("Pictures in an answer become links.")
@promise("Formulas that could load something, define commands for the rest of the page, or are too large (30")
@promise("What the model writes never becomes HTML, except `<br>`, `<sub>`, `<sup>` and `<kbd>` without")
def test_a_page_loads_nothing() -> None:
    html = page_of(
        "![x](https://a.example/p.png) <b>bold</b> <br>H<sub>2</sub>O x<sup>2</sup> <kbd>a</kbd> "
        r"$\href{https://a.example}{x}$ $\def\x{1}$ " + "$" + r"\sqrt{" * 40 + "1" + "}" * 40 + "$"
    )
    check_page(html, answers=True)
    assert '<a href="https://a.example/p.png"' in html
    assert html.count("<code>") == 3
    assert "&lt;b&gt;" in html
    assert "H<sub>2</sub>O x<sup>2</sup> <kbd>a</kbd>" in html


@promise("The saved page has one script, which runs where a viewer allows scripts: it copies code blocks")
def test_a_page_has_one_script() -> None:
    html = page_of("```python\nx\n```\n\n```\n<script>alert(1)</script>\n```")
    assert re.findall(r"<script>(.*?)</script>", html, re.DOTALL) == [scripts.COPY_SCRIPT]
    assert "<script" not in page_of("No code.")
    assert "http" not in scripts.COPY_SCRIPT + scripts.TREE_SCRIPT


@promise("Hidden characters: those that would reorder a line are left out of prose.")
@promise("In code, names and keys, each invisible character is shown as a mark")
def test_hidden_characters_are_left_out_or_marked() -> None:
    turn = GrowingTurn("m")
    turn.add(
        TextDelta("a\u202eb `c\u202ed` e\n\n```\nf\u200bg\n```"), ToolCallDelta("1", "h\u202ei", "{}", 0, 0)
    )
    turn.add(Finished("tool_calls"))
    turn.end()
    html = static.html(turn)
    assert "<p>ab " in html
    for marked in ("c⟨U+202E⟩d", "f⟨U+200B⟩g", "h⟨U+202E⟩i({})"):
        assert marked in html


@promise("`Reply.text` is the text as it came.")
def test_the_text_of_a_reply_is_as_it_came() -> None:
    turn = GrowingTurn("m")
    turn.add(TextDelta("a\u202eb\x1b[2J\u200b"))
    assert Reply(turn).text == "a\u202eb\x1b[2J\u200b"
