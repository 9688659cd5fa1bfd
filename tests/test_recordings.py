"""Recordings: what a service sent, answered again without it, to the byte."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kimi_magic
from kimi_magic import check, kernel, options
from kimi_magic.client.recordings import Recording
from kimi_magic.errors import KimiUsageError
from kimi_magic.view import static, words
from tests.conftest import PACED, Server
from tests.kernel import Kernel
from tests.test_restore import Book
from tests.turns import cell_plan, run


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with kernel.fresh(offline=True, speed=0):
        yield


def configured(**settings: object) -> None:
    kernel.current.settings.update(options.check(settings, options.CONFIG))


def entries(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def recorded(file: Path, *prompts: str, **options_: object) -> list[kimi_magic.Reply]:
    """The replies to these prompts, recorded in `file`; then it is what answers."""
    configured(record=str(file))
    replies = [kimi_magic.ask(prompt, history=True, **options_) for prompt in prompts]
    kernel.current.settings.unset("record")
    configured(replay=str(file))
    kernel.current.reset()
    return replies


@pytest.mark.parametrize("given", [{}, {"stream": False}, {"n": 2, "temperature": 1}, {"json": True}])
def test_a_recording_answers_as_the_service_did(tmp_path: Path, given: dict):
    prompts = ("Name a river as JSON.", "And a lake, as JSON?")
    before = recorded(tmp_path / "r.jsonl", *prompts, **given)
    after = [kimi_magic.ask(prompt, history=True, **given) for prompt in prompts]
    for old, new in zip(before, after, strict=True):
        assert [c.text for c in new.choices] == [c.text for c in old.choices]
        assert (new.reasoning, new.finish_reason, new.usage) == (old.reasoning, old.finish_reason, old.usage)
        assert new.data == old.data
        assert new.cost is None
        assert "· recording" in words.byline(new.turn)


def test_two_replays_show_the_same_to_the_byte(tmp_path: Path):
    recorded(tmp_path / "r.jsonl", "Why is the sky blue?", "And the sea?")
    shown = []
    for _ in range(2):
        with kernel.fresh(replay=str(tmp_path / "r.jsonl"), speed=0):
            turns = [run(cell_plan("", prompt)).turn for prompt in ("Why is the sky blue?", "And the sea?")]
            shown.append([(static.html(t), static.plain(t), static.summary(t)) for t in turns])
    assert shown[0] == shown[1]
    assert "Reasoning" in shown[0][0][0]


def test_the_pace_is_that_of_the_recording(tmp_path: Path):
    configured(speed=400)
    (before,) = recorded(tmp_path / "r.jsonl", "Why is the sky blue?")
    (entry,) = entries(tmp_path / "r.jsonl")
    times = [seconds for seconds, _ in entry["events"]]
    assert times == sorted(times)
    assert times[-1] <= entry["seconds"] <= before.seconds + 0.01
    began = time.monotonic()
    after = kimi_magic.ask("Why is the sky blue?")
    assert time.monotonic() - began >= times[-1]
    assert after.seconds == entry["seconds"]
    configured(speed=0)
    assert kimi_magic.ask("Why is the sky blue?").text == before.text


def test_no_key_header_or_address_is_recorded(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EVOLINK_BASE_URL", server.base_url)
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-simulator")
    configured(offline=False, record=str(tmp_path / "r.jsonl"))
    kimi_magic.ask("My key is sk-simulator, what is yours?")
    text = (tmp_path / "r.jsonl").read_text()
    assert not [word for word in ("sk-simulator", "127.0.0.1", "Bearer", "uthorization") if word in text]
    assert entries(tmp_path / "r.jsonl")[0]["request"]["messages"][0]["content"].startswith("My key is ***")


def test_what_came_in_part_is_not_recorded(tmp_path: Path):
    configured(record=str(tmp_path / "r.jsonl"))
    run(cell_plan("", "Write 2000 words about rivers."), stops_at=lambda reply: bool(reply.reasoning))
    with pytest.raises(kimi_magic.KimiModelError):
        kimi_magic.ask("Hello", model="nope")
    assert entries(tmp_path / "r.jsonl") == []


def test_an_unknown_request_names_the_nearest_and_what_differs(tmp_path: Path):
    recorded(tmp_path / "r.jsonl", "Why is the sky blue?", "Name a river.")
    with pytest.raises(KimiUsageError) as caught:
        kimi_magic.ask("Why is the sky green?", temperature=0.5)
    message = caught.value.message
    assert "\n" not in message
    assert "r.jsonl has no answer to this request; the nearest is in line 1, which differs in " in message
    assert 'messages[0].content "Why is the sky green?" for "Why is the sky blue?"' in message
    assert "temperature 0.5 for (not set)" in message
    assert kernel.current.ledger.rows()[-1]["state"] == "failed"


def test_a_request_that_was_recorded_several_times_gets_its_answers_in_order(tmp_path: Path):
    file = tmp_path / "r.jsonl"
    recorded(file, "Name a river.")
    (entry,) = entries(file)
    other = entry | {"events": [[0.0, "data: [DONE]\n\n"]]}
    file.write_text("\n".join(map(json.dumps, (entry, other, entry))) + "\n")
    recording = Recording(str(file))
    found = [recording.find(entry["request"]) for _ in range(4)]
    assert [len(each.events) > 1 for each in found] == [True, False, True, True]


@pytest.mark.parametrize(
    "text", ["x", "{}", '{"version": 1}', '{"version": 2}', "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_file_that_is_no_recording_is_refused_when_it_is_set(tmp_path: Path, text: str | bytes):
    (tmp_path / "r.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(KimiUsageError, match=r"is no recording: line 1|version 2"):
        configured(replay=str(tmp_path / "r.jsonl"))
    with pytest.raises(KimiUsageError, match="No such file"):
        configured(replay=str(tmp_path / "none.jsonl"))
    with pytest.raises(KimiUsageError, match="expected a file that can be written"):
        configured(record=str(tmp_path / "none" / "r.jsonl"))


def test_bytes_that_are_no_utf_8_come_again_as_they_came(tmp_path: Path):
    file = tmp_path / "r.jsonl"
    recorded(file, "Name a river.")
    (entry,) = entries(file)
    entry["events"].insert(0, [0.0, ": \udcff\udc80\n\n"])
    file.write_text(json.dumps(entry) + "\n")

    async def body() -> bytes:
        response = await Recording(str(file)).respond(
            "POST", "/v1", {}, json.dumps(entry["request"]).encode()
        )
        return b"".join([part async for part in response.body])

    import asyncio

    assert asyncio.run(body()).startswith(b": \xff\x80\n\n")


def test_the_command_line_records_replays_and_serves(tmp_path: Path):
    file, prompt = str(tmp_path / "r.jsonl"), "Why is the sky blue?"
    command = [sys.executable, "-m", "kimi_magic", "ask", "--speed", "0"]

    def asked(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], capture_output=True, text=True, timeout=60, check=False)

    first = asked("--offline", "--record", file, prompt)
    again = asked("--replay", file, prompt)
    assert again.stdout == first.stdout != ""
    assert "recording" in again.stderr
    unknown = asked("--replay", file, "What else?")
    assert unknown.returncode == 2
    assert "the nearest is in line 1" in unknown.stderr
    server = subprocess.Popen(
        [sys.executable, "-m", "kimi_magic", "serve", "--replay", file, "--speed", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address = server.stdout.readline().split()[2]
        with kernel.fresh(host="evolink", base_url=address, offline=False):
            kernel.current.settings.set("schema_mode", "auto")
            assert kimi_magic.ask(prompt, model="kimi-k2-thinking").text.strip() == first.stdout.strip()
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_an_offline_cell_is_answered_by_the_simulator_all_the_same(tmp_path: Path, server: Server):
    recorded(tmp_path / "r.jsonl", "Name a river.")
    assert "offline simulator" in words.byline(run(cell_plan("--offline", "Anything else?")).turn)


def test_a_check_says_that_a_recording_answers(tmp_path: Path):
    recorded(tmp_path / "r.jsonl", "Name a river.")
    (line,) = check.lines(kernel.current, pytest.fail)
    assert line == "The recording r.jsonl answers what was recorded; no network is tried."
    with pytest.raises(kimi_magic.KimiModelError, match="a recording holds answers, and nothing else"):
        kernel.current.offered_models()
    rows = {name: value for name, value, _ in kernel.current.settings.table()}
    assert rows["base_url"] == f"the recording {tmp_path / 'r.jsonl'}"


def test_two_replays_give_equal_notebooks(kernel: Kernel, tmp_path: Path):
    file = tmp_path / "r.jsonl"
    sources = {
        "a": "%%kimi\nWrite 300 words about rivers.",
        "b": "%%kimi -n 2 -t 1\nAnd a lake?",
        "c": "%%kimi --json -o data\nName a river as JSON.",
    }
    Book({"start": f"%kimi_config --offline --speed 400 --record {file}", **sources}).run_all(kernel)
    kernel.run("%kimi_config --unset record")
    saved = []
    for _ in range(2):
        book = Book({"start": f"%kimi_config --replay {file}", "reset": "%kimi_config --reset", **sources})
        book.run_all(kernel)
        saved.append(json.dumps(book.outputs))
    assert saved[0] == saved[1]
    assert kernel.value("__import__('kimi_magic').usage_records()[-1]['cost']") is None
