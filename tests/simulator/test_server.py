"""The simulator over sockets: what it logs, how it notices a client leaving, how it stops."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kimi_magic.simulator import OFFLINE_KEY, Service, serve
from kimi_magic.simulator.server import app, running
from kimi_magic.simulator.service import MAX_BODY

from .chat import AUTH, fields, send, user

CHAT = "/chat/completions"
PROMPT = "a secret question about boats"


class Lines(queue.Queue[str]):
    """What the server logged, one line at a time."""

    def next(self) -> str:
        return self.get(timeout=5)


def test_a_stream_over_http_is_the_stream_in_process_and_is_logged():
    lines = Lines()
    body = fields(stream=True, messages=[user(PROMPT)])
    with running(Service(speed=0), lines.put) as base_url:
        with httpx.stream("POST", base_url + CHAT, json=body, headers=AUTH) as response:
            assert response.headers["content-type"] == "text/event-stream"
            raw = response.read()
        assert lines.next() == "POST /v1/chat/completions begins"
        ended = lines.next()
    expected = send(**body).raw
    assert re.sub(rb'"created":\d+', b"", raw) == re.sub(rb'"created":\d+', b"", expected)
    count = expected.count(b"data: ")
    assert re.fullmatch(rf"POST /v1/chat/completions 200 stream {count} chunks in \d+\.\d\d s, done", ended)


def test_the_log_holds_neither_key_nor_prompt_nor_unknown_paths():
    lines = Lines()
    with running(Service(speed=0), lines.put) as base_url, httpx.Client(headers=AUTH) as http:
        http.post(base_url + CHAT, json=fields(messages=[user(PROMPT)]))
        http.post(base_url + CHAT, json=fields(model=PROMPT))
        http.get(f"{base_url}/models?key={OFFLINE_KEY}")
        http.get(f"{base_url}/{OFFLINE_KEY}")
        logged = [lines.next() for _ in range(8)]
    assert all(OFFLINE_KEY not in line and "secret" not in line for line in logged)
    assert re.fullmatch(r"POST /v1/chat/completions 200 json \d+ bytes in .*, done", logged[1])
    assert re.fullmatch(r"POST /v1/chat/completions 404 json \d+ bytes in .*, done", logged[3])
    assert logged[4:] == [logged[4], logged[5], "GET (unknown path) begins", logged[7]]


@pytest.mark.parametrize(
    ("faults", "stream", "events"),
    [("", True, 2), ("silence=2:600", True, 2), ("slow-start=600", True, 0), ("slow-start=600", False, 0)],
    ids=["while streaming", "while silent", "before the first event", "before the headers"],
)
def test_a_client_that_leaves_is_noticed_at_once(faults: str, stream: bool, events: int):
    lines = Lines()
    body = json.dumps(fields(stream=stream, messages=[user("Write 900 words")])).encode()
    with running(Service(speed=30, faults=faults), lines.put) as base_url:
        port = int(base_url.split(":")[2].split("/")[0])
        head = (
            f"POST /v1{CHAT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OFFLINE_KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(head.encode() + body)
            assert lines.next().endswith(" begins")
            received = b""
            while received.count(b"data: ") < events:
                received += connection.recv(65536)
        closed = time.perf_counter()
        line = lines.next()
        assert time.perf_counter() - closed < 0.5
    assert line.endswith("s, closed by the client")
    assert "done" not in line


def test_a_reset_reaches_the_client_as_a_broken_connection():
    lines = Lines()
    with running(Service(speed=0), lines.put) as base_url:
        with (
            pytest.raises(httpx.RemoteProtocolError),
            httpx.stream(
                "POST",
                base_url + CHAT,
                json=fields(stream=True),
                headers=AUTH | {"x-simulator-faults": "reset=3"},
            ) as response,
        ):
            response.read()
        lines.next()
        assert re.search(r"200 stream 3 chunks in .*, reset by a fault switch", lines.next())
        assert httpx.get(f"{base_url}/models", headers=AUTH).status_code == 200


def test_events_arrive_while_the_rest_is_still_to_come():
    with (
        running(Service(speed=0, faults="silence=3:600")) as base_url,
        httpx.stream("POST", base_url + CHAT, json=fields(stream=True), headers=AUTH) as response,
    ):
        received = b""
        for piece in response.iter_raw():
            received += piece
            if received.count(b"data: ") == 3:
                break
    assert received.endswith(b"\n\n")


def test_a_body_beyond_the_limit_is_read_to_its_end_but_not_kept():
    mebibyte = b" " * 2**20
    left = 103
    sent: list[Any] = []
    stays = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal left
        if not left:
            await stays.wait()  # the client waits for its answer
        left -= 1
        return {"type": "http.request", "body": mebibyte, "more_body": left > 0}

    async def send_one(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in {**AUTH, "host": "localhost"}.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1" + CHAT, "headers": headers}
    asyncio.run(app(Service(speed=0), None)(scope, receive, send_one))
    assert left == 0
    assert sent[0]["status"] == 413
    assert not sent[-1]["more_body"]


def test_the_server_stops_although_a_client_still_listens():
    with running(Service(speed=0, faults="silence=1:600")) as base_url:
        client = httpx.Client(headers=AUTH)
        response = client.send(
            client.build_request("POST", base_url + CHAT, json=fields(stream=True)), stream=True
        )
        assert response.status_code == 200
    response.close()
    client.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base_url}/models")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", ""])
def test_only_loopback_addresses_are_served(host: str):
    with pytest.raises(ValueError, match="loopback addresses only") as caught:
        serve(host)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_tells_its_address_and_ends_cleanly_on_a_signal(number: signal.Signals):
    code = "from kimi_magic.simulator import serve; serve(); print('ended')"
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(
            r"listening on (http://127\.0\.0\.1:\d+/v1) "
            r"\(set EVOLINK_BASE_URL to it and EVOLINK_API_KEY=sk-simulator\)\n",
            line,
        )
        assert found, line + process.stdout.read()
        assert httpx.get(f"{found[1]}/models", headers=AUTH, timeout=10).status_code == 200
        process.send_signal(number)
        rest, _ = process.communicate(timeout=10)
    assert rest.splitlines()[-1] == "ended"
    assert process.returncode == 0


def test_without_uvicorn_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ImportError, match="pip install uvicorn"):
        serve()


def test_importing_the_package_loads_none_of_its_parts():
    code = (
        "import sys, kimi_magic.simulator as s\n"
        "print([m for m in sys.modules if m.startswith(s.__name__ + '.')], 'httpx' in sys.modules)\n"
        "s.Service\n"
        "print('httpx' in sys.modules, 'uvicorn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[] False", "False False"]


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    from kimi_magic import simulator

    with pytest.raises(AttributeError, match="no attribute 'Server'"):
        _ = simulator.Server  # type: ignore[attr-defined]


def raw_request(base_url: str, head: str, body: bytes = b"") -> bytes:
    """What the server answers to these bytes, up to the end of the connection."""
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + body)
        received = b""
        while piece := client.recv(65_536):
            received += piece
    return received


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:1", True),
        ("127.1.2.3", True),
        ("[::1]:80", True),
        ("rebound.example", False),
        ("localhost.rebound.example", False),
        ("127.0.0.1.rebound.example", False),
        ("10.0.0.1", False),
        ("[fe80::1]", False),
        ("999.0.0.1", False),
        ("", False),
    ],
)
def test_only_names_of_this_machine_are_answered(host: str, is_ours: bool):
    with running(Service(speed=0)) as base_url:
        answer = raw_request(base_url, f"GET /v1/models HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert (b" 421 " not in answer.split(b"\r\n")[0]) is is_ours
    if not is_ours:
        assert b"the Host header must be localhost" in answer


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent():
    head = (
        "POST /v1/chat/completions HTTP/1.1\nHost: localhost\nConnection: close\n"
        f"Authorization: Bearer {OFFLINE_KEY}\nContent-Length: {MAX_BODY + 1}\n\n"
    )
    with running(Service(speed=0)) as base_url:
        assert b" 413 " in raw_request(base_url, head).split(b"\r\n")[0]


def test_a_client_that_sends_its_body_too_slowly_is_ended_and_keeps_nobody_waiting():
    head = (
        "POST /v1/chat/completions HTTP/1.1\nHost: localhost\n"
        f"Authorization: Bearer {OFFLINE_KEY}\nContent-Length: 1000\n\n"
    )
    with running(Service(speed=0), body_timeout=0.3) as base_url, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(raw_request, base_url, head, b'{"model"')
        answer = httpx.get(base_url + "/models", headers=AUTH)
        assert answer.status_code == 200
        assert b" 408 " in slow.result(20).split(b"\r\n")[0]
