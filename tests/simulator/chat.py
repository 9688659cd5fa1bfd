"""How these tests talk to a service: one call, one finished answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from kimi_magic.simulator import OFFLINE_KEY, Service

CHAT = "/v1/chat/completions"
AUTH = {"authorization": f"Bearer {OFFLINE_KEY}"}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"  # the first bytes are enough
MODEL = "kimi-k2-thinking"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    pieces: list[bytes]

    @property
    def raw(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]

    @property
    def payloads(self) -> list[str]:
        lines = self.raw.decode().replace("\r\n", "\n").split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.payloads if payload != "[DONE]"]

    def deltas(self, index: int = 0) -> list[dict[str, Any]]:
        found = (choice for chunk in self.chunks for choice in chunk["choices"])
        return [choice["delta"] for choice in found if choice["index"] == index]

    def text(self, field: str = "content", index: int = 0) -> str:
        return "".join(delta.get(field) or "" for delta in self.deltas(index))

    @property
    def message(self) -> dict[str, Any]:
        return self.json["choices"][0]["message"]


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def fields(**changes: Any) -> dict[str, Any]:
    """A good request with changes; a change to `...` leaves the field out."""
    body = {"model": MODEL, "messages": [user("hi")], "max_tokens": 4000, **changes}
    return {name: value for name, value in body.items() if value is not ...}


def send(
    service: Service | None = None,
    body: bytes | None = None,
    *,
    faults: str = "",
    method: str = "POST",
    path: str = CHAT,
    headers: dict[str, str] | None = None,
    **changes: Any,
) -> Answer:
    """Send one request and wait for the whole answer."""

    async def run() -> Answer:
        extra = {"x-simulator-faults": faults} if faults else {}
        content = json.dumps(fields(**changes)).encode() if body is None else body
        serving = service or Service(speed=0)
        response = await serving.respond(
            method, path, (AUTH if headers is None else headers) | extra, content
        )
        return Answer(response.status, dict(response.headers), [piece async for piece in response.body])

    return asyncio.run(run())


def tool(name: str = "get_temp", **changes: Any) -> dict[str, Any]:
    function = {
        "name": name,
        "description": "Current temperature of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        **changes,
    }
    return {
        "type": "function",
        "function": {key: value for key, value in function.items() if value is not ...},
    }


def call_message(*ids: str, **changes: Any) -> dict[str, Any]:
    """An assistant message that calls `get_temp` with these ids."""
    calls = [
        {"id": ident, "type": "function", "function": {"name": "get_temp", "arguments": '{"city": "Oslo"}'}}
        for ident in ids
    ]
    message = {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Look.",
        "tool_calls": calls,
        **changes,
    }
    return {key: value for key, value in message.items() if value is not ...}


def result_message(ident: str, text: str = "4 C") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": ident, "content": text}
