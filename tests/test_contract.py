"""The contract of the service, row by row: what we refuse ourselves, what it refuses, and what is sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

import kimi_magic
from kimi_magic import bridge, errors, kernel, options
from kimi_magic.client import Client, Connection
from kimi_magic.keys import Key
from kimi_magic.messages import Event, Message, Request, ResponseFormat, TextDelta, messages_from
from kimi_magic.options.advice import PYTHON_WORDS, in_words_of
from kimi_magic.schema import JSON_INSTRUCTION
from kimi_magic.simulator import OFFLINE_KEY, Service
from kimi_magic.simulator.server import running

from .peers import Lines, Recorder, hurry
from .turns import cell_plan, run

MODEL = "kimi-k2-thinking"
PROMPT = "2+2?"
CHAT = "POST /v1/chat/completions"
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_temp",
        "description": "Temperature of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {"id": "a:0", "type": "function", "function": {"name": "get_temp", "arguments": '{"city":"Oslo"}'}}
ASKED: dict[str, Any] = {"role": "user", "content": PROMPT}
CALLING = {"role": "assistant", "content": "", "reasoning_content": "Look.", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "a:0", "content": "4 C"}
BEGUN = {"role": "assistant", "content": "{", "partial": True}
NUMBERED = [{"type": "function", "function": {**TOOL["function"], "name": f"f{k}"}} for k in range(129)]


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key != name}


NO_DESCRIPTION = {"type": "function", "function": without(TOOL["function"], "description")}
NO_RESULT = [ASKED, CALLING, {"role": "user", "content": "And now?"}]
NO_REASONING = [ASKED, without(CALLING, "reasoning_content"), RESULT]


class Refused(NamedTuple):
    """A request with one fault: what the service says to it, and what we say before it is sent, if we do.

    `fields` are what is wrong in the body; `line` is the same on a `%%kimi` line.
    """

    name: str
    fields: dict[str, Any]
    said: str
    ours: tuple[str, ...] = ()
    line: str = ""
    status: int = 400
    error: type[errors.KimiError] = errors.KimiRequestError


TABLE = [
    Refused(
        "unknown model", {"model": "kimi-k9"}, "Not found the model kimi-k9", status=404,
        error=errors.KimiModelError,
    ),
    Refused("no messages", {"messages": []}, "messages must not be empty", ("messages", "at least one")),
    Refused("n 6", {"n": 6}, "n must be between 1 and 5", ("n 6", "from 1 to 5"), "-n 6"),
    Refused("n 0", {"n": 0}, "n must be between 1 and 5", ("n 0", "from 1 to 5"), "--n 0"),
    Refused(
        "n 2 at temperature 0", {"n": 2, "temperature": 0}, "n must be 1",
        ("n 2", "temperature 0", "at least 0.3"),
    ),
    Refused(
        "six stops", {"stop": list("abcdef")}, "maximum length 5, but got 6", ("stop", "1 to 5"),
        " ".join(f"--stop {letter}" for letter in "abcdef"),
    ),
    Refused(
        "a stop of 33 bytes", {"stop": ["海" * 11]}, "at most 32 bytes", ("stop", "1 to 32 bytes"),
        f"--stop {'海' * 11}",
    ),
    Refused(
        "129 tools", {"tools": NUMBERED}, "maximum length 128, but got 129", ("tools", "1 to 128"),
        "--tools NUMBERED",
    ),
    Refused(
        "a tool without type", {"tools": [without(TOOL, "type")]}, "tools[0].type",
        ("tools", "with type"),
        f"--tools '{json.dumps([without(TOOL, 'type')])}'",
    ),
    Refused(
        "a function without description", {"tools": [NO_DESCRIPTION]}, "tools[0].function.description",
        ("tools", "description"), f"--tools '{json.dumps([NO_DESCRIPTION])}'",
    ),
    Refused(
        "temperature 2.1", {"temperature": 2.1}, "temperature must be between 0 and 2",
        ("temperature 2.1", "from 0 to 2"), "-t 2.1",
    ),
    Refused("top_p 1.1", {"top_p": 1.1}, "top_p must be", ("top_p 1.1", "from 0 to 1"), "--top-p 1.1"),
    Refused("top_k 0", {"top_k": 0}, "top_k must be at least 1", ("top_k 0", "at least 1"), "--top-k 0"),
    Refused(
        "max_tokens 0", {"max_tokens": 0}, "max_tokens must be at least 1", ("max_tokens 0", "at least 1"),
        "--max-tokens 0",
    ),
    Refused(
        "presence_penalty 2.5", {"presence_penalty": 2.5}, "presence_penalty must be between -2 and 2",
        ("presence_penalty 2.5", "from -2 to 2"), "--presence-penalty 2.5",
    ),
    Refused(
        "frequency_penalty -2.5", {"frequency_penalty": -2.5}, "frequency_penalty must be between -2 and 2",
        ("frequency_penalty -2.5", "from -2 to 2"), "--frequency-penalty -2.5",
    ),
    Refused(
        "a tool result is missing", {"messages": NO_RESULT},
        "tool_call_ids did not have response messages: a:0",
    ),
    Refused(
        "the thought of a tool turn is missing", {"messages": NO_REASONING},
        "reasoning_content is missing in assistant tool call message at index 1",
    ),
    Refused(
        "partial with json_object", {"messages": [ASKED, BEGUN], "response_format": {"type": "json_object"}},
        "partial mode must not be combined", ("json", "prefix"),
    ),
    Refused(
        "more than fits", {"max_tokens": 262_145}, "exceeded model token limit: 262144",
        ("max_tokens 262145", "262144"), error=errors.KimiContextError,
    ),
]  # fmt: skip
BY_US = [row for row in TABLE if row.ours]
BY_NAME = pytest.mark.parametrize("row", TABLE, ids=[row.name for row in TABLE])


class At(NamedTuple):
    """A running simulator: its address, and what it logs."""

    base_url: str
    lines: Lines
    http: httpx.Client

    @property
    def connection(self) -> Connection:
        return Connection(self.base_url, Key(OFFLINE_KEY), "EVOLINK_API_KEY")

    def post(self, body: object, **more: Any) -> httpx.Response:
        sent = {"json": body, "headers": {"authorization": f"Bearer {OFFLINE_KEY}"}, **more}
        return self.http.post(f"{self.base_url}/chat/completions", **sent)

    def reached_by(self) -> list[str]:
        """What has reached it by now: a request of ours closes the list."""
        self.http.get(f"{self.base_url}/models")
        *before, last = self.lines.begun
        assert last == "GET /v1/models"
        return before


@pytest.fixture(scope="module")
def simulator() -> Iterator[At]:
    lines = Lines()
    with running(Service(speed=0), lines.put) as base_url, httpx.Client() as http:
        yield At(base_url, lines, http)


@pytest.fixture
def service(simulator: At, monkeypatch: pytest.MonkeyPatch) -> At:
    """The service where `ask` goes, with nothing logged yet."""
    monkeypatch.setenv("EVOLINK_BASE_URL", simulator.base_url)
    monkeypatch.setenv("EVOLINK_API_KEY", OFFLINE_KEY)
    simulator.reached_by()
    while not simulator.lines.empty():
        simulator.lines.get()
    return simulator


def body_of(fields: dict[str, Any]) -> dict[str, Any]:
    return {"model": MODEL, "messages": [ASKED], **fields}


def unchecked(fields: dict[str, Any]) -> Request:
    """The request as it would be if nobody had checked it."""
    body = {**body_of(fields), "messages": messages_from(body_of(fields)["messages"])}
    for name in ("stop", "tools"):
        if name in body:
            body[name] = tuple(body[name])
    if "response_format" in body:
        body["response_format"] = ResponseFormat(**body["response_format"])
    return Request(**body)


def send(connection: Connection, request: Request) -> list[Event]:
    """Send a request as it is over our client, on the one I/O thread."""
    events: list[Event] = []

    async def job(emit: bridge.Emit[Event]) -> None:
        await kernel.current.client.stream(connection, request, emit)

    with in_words_of(PYTHON_WORDS):
        bridge.listen(kernel.current.io, job, events.extend)
    return events


def as_asked(fields: dict[str, Any]) -> kimi_magic.Reply:
    """The same with `ask`."""
    rest = without(fields, "messages")
    return kimi_magic.ask(fields.get("messages", PROMPT), **rest)


def assert_told(error: errors.KimiStatusError, row: Refused, answer: httpx.Response) -> None:
    """The error is that of the row, and quotes the refusal that the service gives."""
    assert type(error) is row.error
    assert error.status == row.status
    assert answer.json()["error"]["message"] in error.message
    assert len(error.request_id) >= 16
    assert error.request_id in error.message
    assert "\n" not in error.message
    assert error.hint


# ---- from request to status ----


@BY_NAME
def test_the_service_refuses_and_our_client_says_what_it_said(service: At, row: Refused) -> None:
    answer = service.post(body_of(row.fields))
    assert answer.status_code == row.status
    assert row.said in answer.json()["error"]["message"]
    with pytest.raises(row.error) as caught:
        send(service.connection, unchecked(row.fields))
    assert_told(caught.value, row, answer)


@BY_NAME
def test_asking_says_it_before_sending_where_we_know_it(service: At, row: Refused) -> None:
    with pytest.raises(errors.KimiUsageError if row.ours else row.error) as caught:
        as_asked(row.fields)
    reached = service.reached_by()
    if not row.ours:
        assert reached == [CHAT]
        assert row.said in caught.value.message
        return
    assert reached == []
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400
    for word in row.ours:
        assert word in caught.value.message


@pytest.mark.parametrize("row", [row for row in BY_US if row.line], ids=lambda row: row.name)
def test_a_line_of_a_cell_is_refused_with_the_same_words(row: Refused) -> None:
    with pytest.raises(errors.KimiUsageError) as caught:
        options.parse(options.split(row.line), options.at(options.CELL), namespace={"NUMBERED": NUMBERED})
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400
    assert row.ours[-1].removeprefix("1 to ") in caught.value.message  # the range


def test_the_edges_of_every_range_are_accepted(service: At) -> None:
    low = {"temperature": 0, "top_p": 0, "top_k": 1, "n": 1, "presence_penalty": -2, "frequency_penalty": -2}
    high = {
        "temperature": 2,
        "top_p": 1,
        "top_k": 1000,
        "n": 5,
        "presence_penalty": 2,
        "frequency_penalty": 2,
    }
    for edge in (low, high):
        assert service.post(body_of(edge)).status_code == 200
        assert as_asked(edge).finish_reason == "stop"
    edge = {"stop": ["é" * 16, *"ξψζθ"], "tools": NUMBERED[:128], "max_tokens": 200_000}
    assert service.post(body_of(edge)).status_code == 200
    assert as_asked(edge).finish_reason == "stop"


def test_a_temperature_above_1_is_accepted_here_and_refused_by_moonshot(service: At) -> None:
    fields = {"temperature": 1.5}
    assert service.post(body_of(fields)).status_code == 200
    assert as_asked(fields).finish_reason == "stop"
    with running(Service(speed=0, profile="moonshot-k2")) as base_url:
        moonshot = At(base_url, Lines(), service.http)
        answer = moonshot.post(body_of(fields))
        row = Refused("moonshot", fields, "temperature must be between 0 and 1")
        assert answer.status_code == 400
        with pytest.raises(errors.KimiRequestError, match=row.said) as caught:
            send(moonshot.connection, unchecked(fields))
        assert_told(caught.value, row, answer)


def test_without_a_key_the_service_wants_one(service: At, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = service.post(body_of({}), headers={})
    assert answer.status_code == 401
    monkeypatch.delenv("EVOLINK_API_KEY")
    with pytest.raises(errors.KimiAuthError, match="none was sent") as caught:
        kimi_magic.ask(PROMPT)
    row = Refused("", {}, "", status=401, error=errors.KimiAuthError)
    assert_told(caught.value, row, answer)


def test_a_wrong_key_is_refused_and_its_variable_named(service: At, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "sk-wrong-0123456789"
    answer = service.post(body_of({}), headers={"authorization": f"Bearer {wrong}"})
    assert answer.status_code == 401
    monkeypatch.setenv("EVOLINK_API_KEY", wrong)
    with pytest.raises(errors.KimiAuthError, match="refused the key from EVOLINK_API_KEY") as caught:
        kimi_magic.ask(PROMPT)
    assert_told(caught.value, Refused("", {}, "", status=401, error=errors.KimiAuthError), answer)
    assert wrong not in str(caught.value)


def test_an_unknown_model_is_told_with_the_nearest_that_there_is(service: At) -> None:
    with pytest.raises(errors.KimiModelError) as caught:
        kimi_magic.ask(PROMPT, model="kimi-k2-thinkin")
    assert "kimi-k2-thinking" in caught.value.hint
    assert service.base_url in caught.value.hint


@pytest.mark.parametrize(
    ("method", "content", "status", "said"),
    [
        ("POST", b"{", 400, "not valid JSON"),
        ("POST", b"[]", 400, "must be a JSON object"),
        ("POST", b"", 400, "not valid JSON"),
        ("GET", b"", 405, "method GET is not allowed"),
    ],
    ids=["half a body", "a list", "no body", "GET"],
)
def test_what_our_client_never_sends_is_refused_in_a_way_that_it_understands(
    service: At, method: str, content: bytes, status: int, said: str
) -> None:
    answer = service.http.request(
        method,
        f"{service.base_url}/chat/completions",
        content=content,
        headers={"authorization": f"Bearer {OFFLINE_KEY}"},
    )
    assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True)
    again = httpx.MockTransport(
        lambda _: httpx.Response(status, headers=answer.headers, content=answer.content)
    )
    client = Client({"loopback": lambda: again})
    with pytest.raises(errors.KimiRequestError) as caught:
        hurry(lambda: client.stream(service.connection, unchecked({}), lambda _: None))
    assert_told(caught.value, Refused("", {}, said, status=status), answer)
    assert caught.value.request_id == answer.headers["x-request-id"]


def test_a_good_request_is_answered_whatever_stands_in_this_table(service: At) -> None:
    assert service.post(body_of({})).status_code == 200
    assert any(isinstance(event, TextDelta) for event in send(service.connection, unchecked({"n": 2})))


# ---- all faults at once ----

WRONG = {
    "temperature": 3, "max_tokens": 0, "top_p": 2, "top_k": 0, "n": 6, "presence_penalty": -3,
    "frequency_penalty": 2.5, "stop": "x" * 33, "response_format": "xml", "timeout": 0,
}  # fmt: skip


def test_all_faults_are_told_at_once_in_one_line(service: At) -> None:
    with pytest.raises(errors.KimiUsageError) as caught:
        kimi_magic.ask(PROMPT, **WRONG)
    message = caught.value.message
    assert "\n" not in message
    assert [name for name in WRONG if f"{name} {WRONG[name]!r}: expected" not in message] == []
    assert service.reached_by() == []


def test_all_faults_of_a_line_are_told_at_once() -> None:
    line = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in WRONG.items())
    with pytest.raises(errors.KimiUsageError) as caught:
        options.parse(options.split(line), options.at(options.CELL))
    assert "\n" not in caught.value.message
    assert caught.value.message.count(": expected") == len(WRONG)


def test_all_rules_across_parameters_are_told_at_once(service: At) -> None:
    with pytest.raises(errors.KimiUsageError) as caught:
        kimi_magic.ask(PROMPT, n=2, temperature=0.1, json=True, prefix="{", max_tokens=300_000)
    for words in ("n 2 with temperature 0.1", "json with prefix", "max_tokens 300000"):
        assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert service.reached_by() == []


# ---- every parameter of the reference, on the wire ----


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with Recorder() as running_recorder:
        monkeypatch.setenv("EVOLINK_BASE_URL", running_recorder.base_url)
        monkeypatch.setenv("EVOLINK_API_KEY", "sk-0123456789abcdef")
        yield running_recorder
    kernel.current.conversation.clear()


PLAIN: dict[str, Any] = {
    "model": MODEL,
    "messages": [ASKED],
    "max_tokens": 32_768,
    "stream": True,
    "stream_options": {"include_usage": True},
}
PNG_URL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
PNG = base64.b64decode(PNG_URL.partition(",")[2])
WEB_URL = "https://example.org/a%20b.jpg?size=1&x"
OBJECT = {"type": "json_object"}
TOLD = [{"role": "system", "content": JSON_INSTRUCTION}, ASKED]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "t", "schema": {"type": "object"}}}


def pictured(*urls: str) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": PROMPT}]}]


class Sent(NamedTuple):
    """A parameter set from Python and on the line of a cell, and what is in the body besides `PLAIN`.

    `...` stands for what is not in the body.
    """

    name: str
    given: dict[str, Any]
    line: str
    fields: dict[str, Any]


SENT = [
    Sent("nothing", {}, "", {}),
    Sent(
        "model", {"model": "kimi-k2-thinking-turbo"}, "-m kimi-k2-thinking-turbo",
        {"model": "kimi-k2-thinking-turbo"},
    ),
    Sent(
        "unknown model", {"model": "some/Other-1"}, "--model=some/Other-1",
        {"model": "some/Other-1", "max_tokens": ...},
    ),
    Sent(
        "known model of another host", {"model": "moonshotai/Kimi-K2-Thinking"},
        "-m moonshotai/Kimi-K2-Thinking", {"model": "moonshotai/Kimi-K2-Thinking"},
    ),
    Sent(
        "system", {"system": "Be brief."}, "-s 'Be brief.'",
        {"messages": [{"role": "system", "content": "Be brief."}, ASKED]},
    ),
    Sent(
        "a picture by its address", {"attach": WEB_URL, "force": True}, f"-a '{WEB_URL}' --force",
        {"messages": pictured(WEB_URL)},
    ),
    Sent(
        "two pictures, one in a file", {"attach": [WEB_URL, "a.png"], "force": True},
        f"--attach '{WEB_URL}' -a a.png --force", {"messages": pictured(WEB_URL, PNG_URL)},
    ),
    Sent(
        "prefix", {"prefix": "One word:"}, "--prefix 'One word:'",
        {"messages": [ASKED, {"role": "assistant", "content": "One word:", "partial": True}]},
    ),
    Sent("no stream", {"stream": False}, "--no-stream", {"stream": ..., "stream_options": ...}),
    Sent("max_tokens", {"max_tokens": 2000}, "--max-tokens 2000", {"max_tokens": 2000}),
    Sent("temperature", {"temperature": 0.25}, "-t 0.25", {"temperature": 0.25}),
    Sent("temperature 0", {"temperature": 0}, "--temperature=0", {"temperature": 0.0}),
    Sent("top_p", {"top_p": 0.9}, "--top-p 0.9", {"top_p": 0.9}),
    Sent("top_p 0", {"top_p": 0}, "--top-p 0", {"top_p": 0.0}),
    Sent("top_k", {"top_k": 40}, "--top-k 40", {"top_k": 40}),
    Sent("n", {"n": 3}, "-n 3", {"n": 3}),
    Sent("n 1", {"n": 1}, "--n 1", {"n": 1}),
    Sent(
        "presence_penalty", {"presence_penalty": -1.5}, "--presence-penalty -1.5",
        {"presence_penalty": -1.5},
    ),
    Sent(
        "frequency_penalty", {"frequency_penalty": 0}, "--frequency-penalty 0", {"frequency_penalty": 0.0}
    ),
    Sent("one stop", {"stop": "END."}, "--stop END.", {"stop": ["END."]}),
    Sent("stops", {"stop": ["\n\n", "海 b"]}, "--stop '\n\n' --stop '海 b'", {"stop": ["\n\n", "海 b"]}),
    Sent("json", {"json": True}, "--json", {"response_format": OBJECT, "messages": TOLD}),
    Sent("format json_object", {"response_format": OBJECT}, "--response-format json_object",
         {"response_format": OBJECT, "messages": TOLD}),
    Sent("format text", {"response_format": "text"}, "--response-format text",
         {"response_format": {"type": "text"}}),
    Sent("format by schema", {"response_format": SCHEMA}, f"--response-format '{json.dumps(SCHEMA)}'",
         {"response_format": SCHEMA}),
    Sent("tools", {"tools": [TOOL]}, f"--tools '{json.dumps([TOOL])}'", {"tools": [TOOL]}),
    Sent("tools by name", {"tools": (TOOL,)}, "--tools TOOLS", {"tools": [TOOL]}),
    Sent(
        "everything",
        {"temperature": 0.5, "top_p": 0.5, "top_k": 5, "n": 2, "presence_penalty": 0.5,
         "frequency_penalty": 0.5, "max_tokens": 50, "stop": "x", "json": True, "tools": [TOOL]},
        "-t 0.5 --top-p 0.5 --top-k 5 -n 2 --presence-penalty 0.5 --frequency-penalty 0.5 --max-tokens 50 "
        "--stop x --json --tools TOOLS",
        {"temperature": 0.5, "top_p": 0.5, "top_k": 5, "n": 2, "presence_penalty": 0.5,
         "frequency_penalty": 0.5, "max_tokens": 50, "stop": ["x"], "response_format": OBJECT,
         "messages": TOLD, "tools": [TOOL]},
    ),
]  # fmt: skip


def expected(fields: dict[str, Any]) -> str:
    """The body as it has to be, as text: so that 1 is not 1.0 and true is not 1."""
    body = {name: value for name, value in {**PLAIN, **fields}.items() if value is not ...}
    return json.dumps(body, sort_keys=True)


def arrived(recorder: Recorder) -> str:
    return json.dumps(recorder.only.body, sort_keys=True)


def run_line(line: str, prompt: str = PROMPT, **namespace: Any) -> kimi_magic.Reply:
    """Ask as a `%%kimi` cell with this line does."""
    return run(cell_plan(line, prompt, namespace))


@pytest.mark.parametrize("row", SENT, ids=[row.name for row in SENT])
def test_a_parameter_given_to_ask_arrives_exactly_and_nothing_else(
    row: Sent, recorder: Recorder, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    with suppress(kimi_magic.KimiJSONError):  # the answer is "Four."
        kimi_magic.ask(PROMPT, **row.given)
    assert arrived(recorder) == expected(row.fields)


@pytest.mark.parametrize("row", SENT, ids=[row.name for row in SENT])
def test_a_parameter_on_the_line_of_a_cell_arrives_exactly_and_nothing_else(
    row: Sent, recorder: Recorder, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    with suppress(kimi_magic.KimiJSONError):
        run_line(row.line, TOOLS=[TOOL])
    assert arrived(recorder) == expected(row.fields)


CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "several turns": [
        {"role": "system", "content": "Be brief."},
        ASKED,
        {"role": "assistant", "content": "4", "reasoning_content": "Two and two."},
        {"role": "user", "content": "And 3+3?"},
    ],
    "tools": [ASKED, CALLING, {**RESULT, "name": "get_temp"}],
    "no content beside calls": [ASKED, {**CALLING, "content": None}, RESULT],
    "empty thought": [ASKED, {**CALLING, "reasoning_content": ""}, RESULT],
    "picture and text": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": PNG_URL}},
            ],
        }
    ],
    "text in parts": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}],
    "a name": [{**ASKED, "name": "Ada"}],
    "partial": [ASKED, BEGUN],
    "every alphabet": [{"role": "user", "content": 'é 海 \U0001f468‍\U0001f52c \u2028 "{}" \\ $x$ \t\n'}],
}


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_messages_given_as_a_list_arrive_as_they_are(
    messages: list[dict[str, Any]], recorder: Recorder
) -> None:
    kimi_magic.ask(messages)
    assert arrived(recorder) == expected({"messages": messages})


def test_a_second_cell_sends_the_first_and_its_answer_with_its_thought(recorder: Recorder) -> None:
    run_line("")
    run_line("-s Briefly.", prompt="And 3+3?")
    answer = {"role": "assistant", "content": "Four.", "reasoning_content": "Two and two."}
    assert recorder.requests[1].body["messages"] == [
        {"role": "system", "content": "Briefly."},
        ASKED,
        answer,
        {"role": "user", "content": "And 3+3?"},
    ]


def test_the_prompt_is_sent_as_typed(recorder: Recorder) -> None:
    prompt = "  {x} $y$ %s \\n `a` --n 3 \u2028 </b>\r\n\ttail "
    run_line("--no-history", prompt=prompt)
    assert recorder.only.body["messages"] == [{"role": "user", "content": prompt}]


def test_the_body_is_utf_8_json_with_its_length_and_type(recorder: Recorder) -> None:
    kimi_magic.ask("海は青い?")
    assert "海は青い?".encode() in recorder.only.content
    assert recorder.only.headers["content-type"] == "application/json"
    assert int(recorder.only.headers["content-length"]) == len(recorder.only.content)
    assert recorder.only.authorization == "Bearer sk-0123456789abcdef"
    assert (recorder.only.method, recorder.only.path) == ("POST", "/v1/chat/completions")


def test_a_message_holds_what_it_was_made_from() -> None:
    for messages in CONVERSATIONS.values():
        made = messages_from(messages)
        assert all(isinstance(message, Message) for message in made)
        assert json.loads(msgspec.json.encode(made)) == messages
