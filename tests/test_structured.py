"""JSON mode: from the request, over a real connection, to Python objects or the line that says why not."""

from __future__ import annotations

import ast
import inspect
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pandas
import polars
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import KimiJSONError, KimiUsageError, Reply, hosts, kernel, options, schema
from kimi_magic.errors import KimiInterrupted
from kimi_magic.schema import JSON_INSTRUCTION
from kimi_magic.structured import ADDED_NOTICE
from kimi_magic.view import endings, static, words

from .peers import Choosy, Scripted, answering, streamed
from .test_answers import said
from .test_architecture import ROOT
from .test_markdown import Page
from .turns import Unseen, cell_plan, continued_plan, run

SECRET = "sk-0123456789abcdefWXYZ"


@dataclass
class Person:
    name: str
    age: int


@dataclass
class Visit:
    who: str
    day: date
    minutes: int | None
    paid: float


class Point(TypedDict):
    x: int
    y: float


class Book(msgspec.Struct):
    title: str
    pages: int = 0


class Pet(pydantic.BaseModel):
    name: str
    legs: int = pydantic.Field(ge=0)


CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
}
NAMES = {"Person": Person, "Visit": Visit, "Point": Point, "Book": Book, "Pet": Pet, "city": CITY}
ADA = '{"name": "Ada", "age": 36}'
ADA_IS = Person("Ada", 36)
Start = Callable[..., Scripted]


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with kernel.fresh(schema_mode="prompt"):  # loopback is a host of which nothing is known
        yield


@pytest.fixture
def service() -> Iterator[Start]:
    """Starts a service that gives these answers, for the rest of the test."""
    with ExitStack() as running:
        yield lambda *answers: running.enter_context(answering(*answers))


def asked(
    line: str = "--json", prompt: str = "Who? In JSON.", names: Any = NAMES, view: Any = None, **given: Any
) -> Reply:
    """Ask as a cell with this line does."""
    return run(cell_plan(line, prompt, names, **given), view=view)


def refused(line: str = "--json", **more: Any) -> KimiJSONError:
    """Ask; what it failed with, after a look at how it failed."""
    with pytest.raises(KimiJSONError) as caught:
        asked(line, **more)
    assert kimi_magic.last.data is None or None in kimi_magic.last.data
    assert kimi_magic.last.state == "failed"
    assert said() == []
    assert "\n" not in caught.value.message
    return caught.value


def configured(line: str) -> None:
    kernel.current.settings.update(options.parse(options.split(line), options.at(options.CONFIG))[0])


def contents(body: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(message["role"], message["content"]) for message in body["messages"]]


def schema_in(prompt: str) -> Any:
    """The schema in a prompt."""
    return json.loads(prompt.split("JSON Schema:\n")[1].split("\n", maxsplit=1)[0])


# ---- --json ----


def test_a_json_object_is_asked_for_and_becomes_data(service: Start) -> None:
    server = service('{"answer": [1, 2.5, null, true, "x"]}')
    reply = asked("--json")
    assert server.only.body["response_format"] == {"type": "json_object"}
    assert reply.data == {"answer": [1, 2.5, None, True, "x"]}
    assert kimi_magic.last is reply
    assert said() == [("user", "Who? In JSON."), ("assistant", reply.text)]


@pytest.mark.parametrize(
    ("line", "prompt", "messages"),
    [
        ("", "Who?", [("system", JSON_INSTRUCTION), ("user", "Who?")]),
        ("-s 'Be brief.'", "Who?", [("system", f"Be brief.\n\n{JSON_INSTRUCTION}"), ("user", "Who?")]),
        ("", "Who? In json.", [("user", "Who? In json.")]),
        ("-s 'Speak JSON.'", "Who?", [("system", "Speak JSON."), ("user", "Who?")]),
    ],
    ids=["nowhere", "joined to the system message", "in the prompt", "in the system message"],
)
def test_where_no_message_mentions_json_one_is_made_to_and_the_person_is_told(
    service: Start, line: str, prompt: str, messages: list[tuple[str, str]]
) -> None:
    server = service(ADA)
    reply = asked(f"--json {line}", prompt)
    assert contents(server.only.body) == messages
    assert (ADDED_NOTICE in reply.notices) is any(JSON_INSTRUCTION in content for _, content in messages)
    assert said()[0] == ("user", prompt)  # what was added is of this request alone


def test_an_earlier_mention_of_json_is_enough(service: Start) -> None:
    server = service(ADA)
    asked("--json", "Who? As JSON.")
    assert asked("--json", "And who else?").notices == ()
    assert [role for role, _ in contents(server.requests[1].body)] == ["user", "assistant", "user"]


def test_without_json_nothing_is_asked_for_and_nothing_read(service: Start) -> None:
    server = service(ADA)
    reply = asked("")
    assert "response_format" not in server.only.body
    assert reply.data is None


@pytest.mark.parametrize("given", ["--response-format json_object", "--json --response-format text"])
def test_a_response_format_given_by_hand_is_json_too(service: Start, given: str) -> None:
    server = service(ADA)
    assert asked(given).data == {"name": "Ada", "age": 36}
    assert server.only.body["response_format"] == {"type": "json_object"}


def test_a_json_schema_given_by_hand_is_sent_as_it_is_and_not_checked(service: Start) -> None:
    server = service('{"other": 1}')
    by_hand = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
    assert kimi_magic.ask("Which city?", response_format=by_hand).data == {"other": 1}
    assert server.only.body["response_format"] == by_hand
    assert contents(server.only.body) == [("user", "Which city?")]
    with pytest.raises(KimiUsageError, match="both say what the answer is"):
        kimi_magic.ask("Which city?", response_format=by_hand, schema=Person)
    assert len(server.requests) == 1


def test_settings_of_the_kernel_ask_for_json_and_for_repairs(service: Start) -> None:
    server = service("no", "no", ADA)
    configured("--json --repair 2")
    assert asked("").data == {"name": "Ada", "age": 36}
    assert len(server.requests) == 3
    kernel.current.settings.unset("json")
    assert asked("").data is None


def test_stop_sequences_and_json_warn(service: Start) -> None:
    service(ADA)
    reply = asked("--json --stop '}'", "As JSON")
    assert any("--stop with JSON" in notice for notice in reply.notices)


def test_a_prefix_does_not_go_with_json(service: Start) -> None:
    server = service(ADA)
    with pytest.raises(KimiUsageError, match="does not mix them"):
        asked("--schema Person --prefix '{'")
    assert server.requests == []


# ---- --schema ----

KINDS: dict[str, tuple[str, str, Any]] = {
    "dataclass": ("Person", ADA, ADA_IS),
    "TypedDict": ("Point", '{"x": 1, "y": 2.5}', {"x": 1, "y": 2.5}),
    "Struct": ("Book", '{"title": "Emma"}', Book("Emma", 0)),
    "pydantic": ("Pet", '{"name": "Rex", "legs": 4}', Pet(name="Rex", legs=4)),
    "list": ("list[Person]", f'{{"items": [{ADA}]}}', [ADA_IS]),
    "list of pydantic": ("list[Pet]", '{"items": [{"name": "Rex", "legs": 4}]}', [Pet(name="Rex", legs=4)]),
    "dict": ("city", '{"city": "Turin", "people": 850000}', {"city": "Turin", "people": 850_000}),
    "JSON": (json.dumps(CITY), '{"city": "Turin", "people": 1}', {"city": "Turin", "people": 1}),
    "short": ("name, age int", ADA, {"name": "Ada", "age": 36}),
    "short list": ("[name, age int]", f'{{"items": [{ADA}]}}', [{"name": "Ada", "age": 36}]),
    "optional": ("Person | None", '{"value": null}', None),
    "number": ("int", '{"value": 42}', 42),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_schema_goes_into_the_prompt_and_comes_back_as_an_instance(
    service: Start, kind: str
) -> None:
    spec, answer, expected = KINDS[kind]
    server = service(answer)
    data = asked(f"--schema {json.dumps(spec) if kind != 'JSON' else repr(spec)}", "Tell me.").data
    assert (data, type(data)) == (expected, type(expected))
    assert server.only.body["response_format"] == {"type": "json_object"}
    (_, system), (_, prompt) = contents(server.only.body)
    assert prompt == "Tell me."
    assert schema_in(system) == schema.of(spec, NAMES).json_schema
    assert kimi_magic.last.notices == ()


def test_a_schema_can_be_in_a_file(service: Start, tmp_path: Path) -> None:
    file = tmp_path / "place.json"
    file.write_text(json.dumps(CITY), encoding="utf-8")
    server = service('{"city": "Turin", "people": 1}')
    assert asked(f"--schema {file}").data == {"city": "Turin", "people": 1}
    assert schema_in(server.only.body["messages"][0]["content"])["required"] == ["city", "people"]


def test_the_schema_joins_the_system_message_of_the_person(service: Start) -> None:
    server = service(ADA)
    asked("--schema Person -s 'Be brief.'")
    ((role, system), _) = contents(server.only.body)
    assert role == "system"
    assert system.startswith("Be brief.\n\nAnswer with one JSON object")


def test_a_list_that_came_alone_is_taken(service: Start) -> None:
    service(f"[{ADA}, {ADA}]")
    assert asked("--schema list[Person]").data == [ADA_IS, ADA_IS]


@pytest.mark.parametrize(
    ("host", "model", "takes"),
    [
        ("evolink", "kimi-k2-thinking", False),
        ("moonshot", "kimi-k3", True),
        ("moonshot-cn", "kimi-k2.6", True),
        ("openrouter", "moonshotai/kimi-k2-thinking", True),
        ("local", "kimi-k3", True),
    ],
)
def test_the_host_gets_the_schema_where_its_table_says_so(
    service: Start, host: str, model: str, takes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = service(ADA)
    for variable in ("EVOLINK_BASE_URL", "EVOLINK_API_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setitem(hosts.PROVIDERS, host, hosts.PROVIDERS[host]._replace(base_url=server.base_url))
    for variable in hosts.PROVIDERS[host].key_variables:
        monkeypatch.setenv(variable, SECRET)
    configured(f"--host {host} -m {model} --schema-mode auto")
    assert asked("--schema Person", "Who?").data == ADA_IS
    body = server.only.body
    if takes:
        wanted = schema.of(Person)
        closed = {**wanted.json_schema, "additionalProperties": False}
        named = {"name": "Person", "schema": closed, "strict": True}
        assert body["response_format"] == {"type": "json_schema", "json_schema": named}
        assert contents(body) == [("user", "Who?")]
    else:
        assert body["response_format"] == {"type": "json_object"}
        assert "JSON Schema" in contents(body)[0][1]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("Persn", "there is no Persn, did you mean Person?"),
        ("nonsense", "there is no nonsense"),
        ("missing.json", "a file with a JSON Schema (No such file"),
        ('"name, age nonsense"', "there is no nonsense"),
        ('"{"', "a JSON Schema"),
        ("number", "got an int"),
    ],
)
def test_a_schema_that_is_none_is_told_before_anything_is_sent(service: Start, spec: str, words: str) -> None:
    server = service(ADA)
    with pytest.raises(KimiUsageError) as caught:
        asked(f"--schema {spec}", names={**NAMES, "number": 3})
    assert words in caught.value.message
    assert caught.value.message.startswith("--schema ")
    assert "\n" not in caught.value.message
    assert server.requests == []


def test_ask_takes_a_type_and_the_reply_holds_its_instance(service: Start) -> None:
    service(ADA)
    assert kimi_magic.ask("Who?", schema=Person).data == ADA_IS


CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.12"],
    "pyright": [
        *(sys.executable, "-c", "from basedpyright.pyright import main; main()"),
        *("--level", "error", "--pythonpath", sys.executable),
    ],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_know_what_a_reply_holds(checker: str) -> None:
    if checker == "pyright":
        pytest.importorskip("basedpyright")
    done = subprocess.run(
        [*CHECKERS[checker], "tests/typing_cases.py"],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_overloads_of_ask_have_its_parameters() -> None:
    source = ast.parse((ROOT / "kimi_magic" / "api.py").read_text(encoding="utf-8"))
    (given,) = [node for node in ast.walk(source) if isinstance(node, ast.ClassDef) and node.name == "_Given"]
    names = [node.target.id for node in given.body if isinstance(node, ast.AnnAssign)]
    parameters = set(inspect.signature(kimi_magic.ask).parameters)
    assert set(names) == parameters - {"prompt", "schema", "n", "frame"}


LABELS = st.text("abcxyz_", min_size=1, max_size=4)
SIMPLE = {
    "int": st.integers(-(2**53), 2**53),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    # A backspace or a form feed before a letter is TeX whose backslash was lost.
    "str": st.text(st.characters(codec="utf-8", exclude_characters="\b\f")),
    "list[str]": st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\b\f")), max_size=3),
    "str | None": st.none() | st.just("x"),
}


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 40), st.booleans())
def test_whatever_is_described_and_however_it_is_cut_it_arrives(
    data: st.DataObject, size: int, several: bool
) -> None:
    kinds = data.draw(st.dictionaries(LABELS, st.sampled_from(list(SIMPLE)), min_size=1, max_size=5))
    record = st.fixed_dictionaries({name: SIMPLE[kind] for name, kind in kinds.items()})
    expected = data.draw(st.lists(record, max_size=3) if several else record)
    spec = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    answer = json.dumps({"items": expected} if several else expected, ensure_ascii=False)
    with answering(streamed(answer, size=size)):
        reply = kimi_magic.ask("Tell me.", schema=f"[{spec}]" if several else spec)
    assert reply.data == expected
    assert reply.text == answer


# ---- --frame ----

VISITS = json.dumps(
    {
        "items": [
            {"who": "Ada", "day": "2025-03-14", "minutes": 40, "paid": 12.5},
            {"who": "Bo", "day": "2025-03-15", "minutes": None, "paid": 3},
        ]
    }
)


@pytest.mark.parametrize(
    ("library", "types"),
    [
        (pandas, {"day": "datetime64", "minutes": "Int64", "paid": "float64"}),
        (polars, {"who": "String", "day": "Date", "minutes": "Int64", "paid": "Float64"}),
    ],
    ids=["pandas", "polars"],
)
def test_a_frame_is_of_the_notebooks_library_and_keeps_the_types_of_the_schema(
    service: Start, library: Any, types: dict[str, str]
) -> None:
    service(VISITS)
    frame = asked("--frame --schema list[Visit]", names={**NAMES, "lib": library}).data
    assert isinstance(frame, library.DataFrame)
    assert frame.shape == (2, 4)
    for column, kind in types.items():
        assert str(frame[column].dtype).startswith(kind)
    assert frame["who"].to_list() == ["Ada", "Bo"]


def test_without_a_schema_the_one_list_of_an_object_is_the_frame(service: Start) -> None:
    server = service('{"cities": [{"name": "Turin", "people": 1}, {"name": "Oslo", "people": 2}]}')
    frame = asked("--frame", names={"pd": pandas}).data
    assert server.only.body["response_format"] == {"type": "json_object"}
    assert frame.to_dict("list") == {"name": ["Turin", "Oslo"], "people": [1, 2]}


def test_what_is_no_table_fails_and_keeps_the_text(service: Start) -> None:
    service('{"name": "Turin"}')
    error = refused("--frame")
    assert "--frame: a table needs a list of records, got one object without a list" in error.message
    assert kimi_magic.last.text == '{"name": "Turin"}'


def test_a_missing_library_is_told_before_anything_is_sent(
    service: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = service(VISITS)
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)  # as where it is not installed
    with pytest.raises(KimiUsageError, match=r"--frame: .* pip install pandas"):
        asked("--frame")
    assert server.requests == []


# ---- tolerant and honest ----


@pytest.mark.parametrize(
    ("text", "data", "notice"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}, "code fence"),
        ('Here it is:\n{"a": 1}\nAnything else?', {"a": 1}, "text around the JSON"),
        ('{"a": 1, "a": 2}', {"a": 2}, "$.a was written more than once"),
        ('{"a": Infinity}', {"a": math.inf}, "$.a is no finite number"),
        ('{"a": "\\ud83d."}', {"a": "\ufffd."}, "$.a held half a character"),
        ('{"a": [1, 2,]}', {"a": [1, 2]}, "$.a had a comma after its last entry"),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}], "2 JSON values"),
    ],
)
def test_what_can_be_forgiven_is_and_the_person_is_told(
    service: Start, text: str, data: Any, notice: str
) -> None:
    service(text)
    reply = asked()
    assert reply.data == data
    (told,) = reply.notices
    assert notice in told
    assert notice in Page(static.html(reply.turn)).text


def test_big_integers_are_exact_and_nan_is_a_float(service: Start) -> None:
    service('{"big": 123456789012345678901234567890, "none": NaN}')
    data = asked().data
    assert data["big"] == 123456789012345678901234567890
    assert math.isnan(data["none"])


def test_a_depth_bomb_is_a_fault(service: Start) -> None:
    text = '{"a":' * 5000 + "1" + "}" * 5000
    service(text)
    assert "expected at most 200 levels, got more" in refused().message
    assert kimi_magic.last.text == text


@pytest.mark.parametrize("text", ["", "   ", "I would rather not.", "{'a': x}", '{"a": }', "{"])
@pytest.mark.parametrize("line", ["--json", "--schema Person --repair 0"])
def test_what_is_no_json_fails_in_one_line_and_stays_in_last(service: Start, text: str, line: str) -> None:
    server = service(text)
    error = refused(line)
    assert error.message.startswith("the answer is no JSON: ")
    assert kimi_magic.last.text == text
    assert ("kimi_magic.last.text" in error.hint) is bool(text)
    assert "--repair 1" in error.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        ("--schema Person", '{"name": "Ada", "age": "old"}', '$.age: expected integer, got "old"'),
        ("--schema Person", '{"name": "Ada"}', "$.age: expected a value, got nothing"),
        ("--schema list[Pet]", '{"items": [{"name": "R", "legs": 4}, {"name": "S", "legs": null}]}',
         "$.items[1].legs: expected integer, got null"),
        ("--schema Pet", '{"name": "R", "legs": -1}', "$.legs: expected at least 0, got -1"),
        ("--schema city", '{"city": 3, "people": "many"}', "$.city: expected string, got 3 (and 1 more)"),
    ],
)  # fmt: skip
def test_what_does_not_match_names_the_path(service: Start, line: str, text: str, message: str) -> None:
    service(text)
    error = refused(f"{line} --repair 0")
    assert error.message == f"the answer does not match the schema: {message}"
    assert kimi_magic.last.text == text
    assert Page(static.html(kimi_magic.last.turn)).text.count(text) == 1


def test_controls_of_a_key_do_not_reach_the_error_or_a_notice(service: Start) -> None:
    key = "\x9b2J\u202e\x7f"
    service(json.dumps({key: {"age": 1}}, ensure_ascii=False), f'{{"{key}": 1, "{key}": 2}}')
    spec = "Record"
    names = {spec: dict[str, Person]}
    assert refused(f"--schema {spec} --repair 0", names=names).message.isprintable()
    (notice,) = asked().notices
    assert notice.isprintable()


# ---- cut by length ----


@pytest.mark.parametrize("repair", ["", "--repair 3"])
@pytest.mark.parametrize(
    ("line", "larger"), [("--json", 65_536), ("--schema Person", 65_536), ("--json --max-tokens 20", 16_000)]
)
def test_a_cut_answer_names_the_cap_and_is_neither_bound_nor_repaired(
    service: Start, line: str, larger: int, repair: str
) -> None:
    server = service(streamed('{"name": "Ada", "ag', finish="length"))
    error = refused(f"{line} {repair}")
    assert error.message.startswith("the JSON was cut (length) before its end: line 1, column ")
    assert error.hint.endswith(f"Ask again with --max-tokens {larger}.")
    assert kimi_magic.last.text == '{"name": "Ada", "ag'
    assert len(server.requests) == 1
    page = Page(static.html(kimi_magic.last.turn)).text
    assert "name: “Ada”" in page
    assert "--continue" not in page
    with pytest.raises(KimiUsageError) as caught:
        continued_plan()
    assert caught.value.message == "--continue: the service does not go on with an answer in JSON mode"
    assert str(larger) in caught.value.hint


def test_an_answer_cut_inside_the_thought_says_so(service: Start) -> None:
    service(streamed("", finish="length"))
    error = refused()
    assert error.message == "the JSON was cut (length) before it began"
    assert error.hint == "Ask again with --max-tokens 65536."


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_wherever_an_answer_is_cut_nothing_is_made_of_a_part(data: st.DataObject) -> None:
    text = '{"items": [{"name": "Ada", "age": 36}, {"name": "Bo", "age": 7}], "more": {"a": [1, 2]}}'
    cut = data.draw(st.integers(1, len(text) - 1))
    with answering(streamed(text[:cut], finish="length")), pytest.raises(KimiJSONError, match="was cut"):
        kimi_magic.ask("As JSON", json=True)
    assert kimi_magic.last.text == text[:cut]


def test_an_answer_that_reached_the_cap_with_its_last_brace_is_whole(service: Start) -> None:
    service(streamed(ADA, finish="length"))
    assert asked("--schema Person").data == ADA_IS


# ---- how a schema is asked for ----

MODES = ["json_schema", "tools", "prompt"]
CALL = {"index": 0, "id": "p:0", "type": "function", "function": {"name": "Person", "arguments": ADA}}


def form_of(body: dict[str, Any]) -> str:
    """The way in which a request asks for a schema."""
    if body.get("response_format", {}).get("type") == "json_schema":
        return "json_schema"
    return "tools" if "tools" in body else "prompt"


@contextmanager
def choosy(takes: str, *answers: Any, **more: Any) -> Iterator[Choosy]:
    with Choosy(takes, *answers, **more) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOLINK_BASE_URL", server.base_url)
        patch.setenv("EVOLINK_API_KEY", SECRET)
        yield server


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_asks_in_its_way_and_gives_the_same_object(mode: str) -> None:
    answer = streamed("", finish="tool_calls", tool_calls=[CALL]) if mode == "tools" else ADA
    with choosy(mode, answer) as server:
        reply = asked(f"--schema Person --schema-mode {mode}", "Who?")
    assert form_of(server.only.body) == mode
    assert (reply.data, reply.text, reply.finish_reason, reply.tool_calls) == (ADA_IS, ADA, "stop", ())
    assert said() == [("user", "Who?"), ("assistant", ADA)]
    assert reply.notices == ()
    if mode == "tools":
        (tool,) = server.only.body["tools"]
        assert tool["function"]["name"] == "Person"
        assert tool["function"]["parameters"] == schema.of(Person).json_schema
        assert "response_format" not in server.only.body


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_that_was_chosen_is_not_replaced_by_another(mode: str) -> None:
    other = "prompt" if mode != "prompt" else "tools"
    with choosy(other, ADA) as server:
        if mode == "prompt":
            assert asked("--schema Person --schema-mode prompt").data == ADA_IS
        else:
            with pytest.raises(kimi_magic.KimiRequestError):
                asked(f"--schema Person --schema-mode {mode}")
    assert [form_of(got.body) for got in server.requests] == [mode]


@pytest.mark.parametrize("words", ["response_format is not supported", "Invalid request"])
def test_an_unknown_host_is_asked_by_schema_and_in_words_where_it_refuses_that(words: str) -> None:
    with choosy("prompt", ADA, words=words) as server:
        first = asked("--schema Person --schema-mode auto", "Who?")
        second = asked("--schema Person --schema-mode auto --no-history", "Who else?")
    assert [form_of(got.body) for got in server.requests] == ["json_schema", "prompt", "prompt"]
    assert first.data == second.data == ADA_IS
    (notice,) = first.notices
    assert "takes no json_schema" in notice
    assert second.notices == ()
    assert schema_in(server.requests[1].body["messages"][0]["content"])["properties"]["name"]
    assert said() == [("user", "Who?"), ("assistant", ADA)]


def test_an_unknown_host_that_takes_a_schema_gets_it() -> None:
    with choosy("json_schema", ADA) as server:
        assert asked("--schema Person --schema-mode auto", "Who?").data == ADA_IS
    assert server.only.body["response_format"]["json_schema"]["strict"] is True
    assert contents(server.only.body) == [("user", "Who?")]


def test_a_host_that_refuses_for_another_reason_is_asked_by_schema_again() -> None:
    class Full(Choosy):
        def refusal(self, got: Any) -> bytes:
            return b'{"error": {"message": "no such thing", "type": "invalid_request_error"}}'

    with Full("json_schema", ADA) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOLINK_BASE_URL", server.base_url)
        for _ in range(2):
            with pytest.raises(kimi_magic.KimiRequestError, match="no such thing"):
                asked("--schema Person --schema-mode auto")
    assert [form_of(got.body) for got in server.requests] == ["json_schema", "prompt"] * 2


def test_a_function_of_the_answer_goes_with_no_other_functions(service: Start) -> None:
    server = service(ADA)
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
    with pytest.raises(KimiUsageError, match="--schema-mode tools with --tools"):
        asked("--schema Person --schema-mode tools", tools=[tool])
    assert server.requests == []


def test_the_schema_in_the_prompt_has_an_example_that_fits_it(service: Start) -> None:
    server = service('{"items": []}')
    asked("--schema list[Visit]")
    shown = contents(server.only.body)[0][1].rsplit("\n", 1)[1]
    (visit,) = schema.of(list[Visit]).build(json.loads(shown))
    assert visit.day == date(2025, 3, 14)


def test_a_schema_that_comes_back_is_no_answer(service: Start) -> None:
    service(json.dumps(schema.of(Person).json_schema))
    assert "expected an answer, got the schema itself" in refused("--schema Person --repair 0").message


# ---- repairs ----


def test_a_repair_sends_the_answer_and_its_fault_and_only_the_end_is_remembered(service: Start) -> None:
    bad = '{"name": "Ada"}'
    server = service(
        streamed(bad, tokens=(100, 20)), streamed(ADA, thought="I forgot the age.", tokens=(150, 30))
    )
    reply = asked("--schema Person", "Who?")
    assert reply.data == ADA_IS
    first, second = (request.body for request in server.requests)
    assert second["messages"][:2] == first["messages"]
    assert second["messages"][2] == {
        "role": "assistant", "content": bad, "reasoning_content": "They want JSON.",
    }  # fmt: skip
    assert second["messages"][3]["role"] == "user"
    assert "$.age: expected a value, got nothing" in second["messages"][3]["content"]
    assert len(second["messages"]) == 4
    assert {**second, "messages": 0} == {**first, "messages": 0}
    assert said() == [("user", "Who?"), ("assistant", ADA)]
    assert kernel.current.conversation.before()[1].reasoning_content == "I forgot the age."
    assert reply.reasoning == "I forgot the age."


def test_repairs_and_their_tokens_are_counted_everywhere(service: Start) -> None:
    service(streamed("a", tokens=(100, 20)), streamed("b", tokens=(130, 10)), streamed(ADA, tokens=(150, 30)))
    reply = asked("--schema Person --repair 2")
    assert (reply.usage.prompt, reply.usage.completion) == (380, 60)
    rows = kernel.current.ledger.rows()
    assert [(row["prompt"], row["completion"]) for row in rows] == [(100, 20), (130, 10), (150, 30)]
    assert {row["state"] for row in rows} == {"complete"}
    assert sum(row["cost"] for row in rows) == pytest.approx(reply.cost)
    assert "440 tokens" in words.byline(reply.turn)
    assert words.details(reply.turn).startswith("380 tokens in · 60 out")
    assert "2 repairs (260 tokens)" in words.byline(reply.turn)
    assert static.summary(reply.turn)["repairs"] == 2
    asked_again = [
        line for line in endings.notices(reply.turn) if line.startswith("Asked again, because the answer")
    ]
    assert len(asked_again) == 2


def test_one_repair_is_one_also_where_the_service_counts_no_tokens(service: Start) -> None:
    service(streamed("a", tokens=None), streamed(ADA, tokens=None))
    reply = asked("--schema Person")
    assert reply.usage is None
    assert words.byline(reply.turn).endswith(" · 1 repair")


def test_the_next_question_follows_the_repaired_answer(service: Start) -> None:
    server = service("no", ADA)
    asked("--schema Person", "Who?")
    asked("--json", "And in JSON?")
    assert contents(server.requests[2].body) == [
        ("user", "Who?"),
        ("assistant", ADA),
        ("user", "And in JSON?"),
    ]


@pytest.mark.parametrize(
    ("line", "requests"),
    [("--schema Person", 2), ("--schema Person --repair 3", 4), ("--json", 1), ("--json --repair 1", 2)],
)
def test_when_no_repair_helps_it_fails_with_the_last_fault(service: Start, line: str, requests: int) -> None:
    server = service("no")
    error = refused(line)
    assert len(server.requests) == requests
    assert len(kimi_magic.last.turn.rejections) == requests - 1
    assert kimi_magic.last.usage.total == 120 * requests
    assert f"--repair {requests}" in error.hint
    assert [row["state"] for row in kernel.current.ledger.rows()] == ["complete"] * requests


def test_an_empty_answer_is_not_sent_back(service: Start) -> None:
    server = service("", ADA)
    assert asked("--schema Person").data == ADA_IS
    assert [role for role, _ in contents(server.requests[1].body)] == ["system", "user", "user"]
    assert "it is empty" in contents(server.requests[1].body)[2][1]


def test_the_second_repair_speaks_of_the_last_answer_alone(service: Start) -> None:
    server = service("first", "second", ADA)
    asked("--schema Person --repair 2", "Who?")
    assert [content for role, content in contents(server.requests[2].body) if role == "assistant"] == [
        "second"
    ]


def test_the_notices_are_those_of_the_final_answer(service: Start) -> None:
    service('```\n{"name": "Ada"}\n```', f"Sorry.\n{ADA}")
    (notice,) = asked("--schema Person").notices
    assert "text around" in notice


def test_an_interrupt_during_a_repair_keeps_what_arrived_and_leaves_no_trace(service: Start) -> None:
    service("no", ADA)
    with pytest.raises(KimiInterrupted):
        asked(
            "--schema Person",
            view=Unseen(lambda reply: reply.turn.rejections and reply.text),
        )
    reply = kimi_magic.last
    assert (reply.state, reply.data, said()) == ("interrupted", None, [])
    assert reply.text
    assert ADA.startswith(reply.text)
    assert [row["state"] for row in kernel.current.ledger.rows()] == ["complete", "interrupted"]
    assert asked("--json").data == {"name": "Ada", "age": 36}


def test_an_interrupt_before_a_repair_says_a_word_keeps_the_first_answer(service: Start) -> None:
    server = service("What was paid for.", ADA)
    with pytest.raises(KimiInterrupted):
        asked("--schema Person", view=Unseen(lambda reply: bool(reply.turn.rejections)))
    reply = kimi_magic.last
    assert (reply.text, reply.reasoning) == ("What was paid for.", "They want JSON.")
    assert (reply.state, reply.data, said()) == ("interrupted", None, [])
    assert len(server.requests) == 1
    assert reply.usage.total == 120


def test_a_repair_that_breaks_keeps_the_first_answer(service: Start) -> None:
    service("What was paid for.", b'data: {"error": {"type": "invalid_request_error"}}\n\n')
    with pytest.raises(kimi_magic.KimiError):
        asked("--schema Person")
    assert kimi_magic.last.text == "What was paid for."
    assert "What was paid for." in Page(static.html(kimi_magic.last.turn)).text


# ---- several answers, tools ----


def test_several_answers_give_a_list_of_objects(service: Start) -> None:
    server = service(streamed(ADA, '{"name": "Bo", "age": 7}'))
    reply = asked("--schema Person -n 2")
    assert reply.data == [ADA_IS, Person("Bo", 7)]
    assert server.only.body["n"] == 2
    assert reply.values == ({"name": "Ada", "age": 36}, {"name": "Bo", "age": 7})


def test_several_answers_give_a_list_of_frames(service: Start) -> None:
    service(streamed(VISITS, VISITS))
    first, second = asked("--schema list[Visit] --frame -n 2", names={**NAMES, "pd": pandas}).data
    assert first.equals(second)
    assert first.shape == (2, 4)


def test_the_answer_of_several_that_does_not_fit_is_named_and_nothing_repaired(service: Start) -> None:
    server = service(streamed(ADA, '{"name": "Bo"}'))
    error = refused("--schema Person -n 2 --repair 3")
    assert (
        error.message
        == "answer 2: the answer does not match the schema: $.age: expected a value, got nothing"
    )
    assert "--repair" not in error.hint
    assert len(server.requests) == 1
    assert [choice.text for choice in kimi_magic.last.choices] == [ADA, '{"name": "Bo"}']
    assert kimi_magic.last.data == [ADA_IS, None]
    assert kimi_magic.last.values == ({"name": "Ada", "age": 36}, {"name": "Bo"})
    assert (error.value, error.path) == ({"name": "Bo"}, "$.age")


def test_an_answer_that_does_not_fit_is_kept_with_all_its_faults(service: Start) -> None:
    service('{"items": [{"name": 1, "age": 2}, {"age": "x"}, {"name": "c"}]}')
    error = refused("--schema list[Person] --repair 0")
    assert error.value == {"items": [{"name": 1, "age": 2}, {"age": "x"}, {"name": "c"}]}
    assert error.path == "$.items[0].name"
    assert list(map(str, error.faults)) == [
        "$.items[0].name: expected string, got 1",
        '$.items[1].age: expected integer, got "x"',
        "$.items[1].name: expected a value, got nothing",
        "$.items[2].age: expected a value, got nothing",
    ]
    assert [each.value for each in error.faults] == [1, "x", None, None]
    assert kimi_magic.last.values == (error.value,)


def test_a_repair_tells_all_faults_at_most_ten(service: Start) -> None:
    rows = [{"name": number, "age": 1} for number in range(12)]
    server = service(json.dumps({"items": rows}), f'{{"items": [{ADA}]}}')
    assert asked("--schema list[Person]").data == [ADA_IS]
    wish = contents(server.requests[1].body)[-1][1]
    assert [f"- $.items[{number}].name: expected string, got {number}" in wish for number in range(12)] == [
        number < 10 for number in range(12)
    ]


@pytest.mark.parametrize("spec", ["Person", "int", "list[str]", "dict[str, int]", "city"])
def test_a_table_of_what_has_no_rows_is_refused_before_anything_is_sent(service: Start, spec: str) -> None:
    server = service(ADA)
    with pytest.raises(KimiUsageError, match="expected a list of records"):
        asked(f"--schema '{spec}' --frame", names={**NAMES, "pd": pandas})
    assert server.requests == []


def test_a_text_is_read_again_with_the_same_tolerance() -> None:
    notices: list[str] = []
    text = "Sure: {'name': 'Ada', 'age': '36',}"
    assert kimi_magic.read(text, schema=Person, notices=notices) == ADA_IS
    assert kimi_magic.read(text) == {"name": "Ada", "age": "36"}
    assert len(notices) == 4
    assert "“Sure:”" in notices[0]
    with pytest.raises(KimiJSONError) as caught:
        kimi_magic.read('{"name": "Ada"}', schema=Person)
    assert caught.value.faults[0].path == "$.age"
    assert caught.value.value == {"name": "Ada"}
    with pytest.raises(KimiJSONError, match="cut"):
        kimi_magic.read('{"name": "Ada", "age": 3', schema=Person, finish_reason="length")
    with pytest.raises(KimiUsageError, match="schema"):
        kimi_magic.read(text, schema="nonsense")


def test_notices_of_the_reading_are_those_of_the_reply(service: Start) -> None:
    service("Draft: {\"name\": \"A\", \"age\": 1}\nCorrected: {'name': 'Ada', 'age': 36.0}")
    reply = kimi_magic.ask("Who?", schema=Person)
    assert reply.data == ADA_IS
    assert any("left out, because a later one fits" in notice for notice in reply.notices)
    assert any("whole number" in notice for notice in reply.notices)
    assert any("“Draft:" in notice for notice in reply.notices)


def test_fewer_answers_than_were_asked_for_are_taken(service: Start) -> None:
    service(streamed(ADA))
    reply = asked("--schema Person -n 2")
    assert reply.data == [ADA_IS]
    assert "The service gave 1 of the 2 answers asked for." in endings.notices(reply.turn)


def test_an_answer_that_asks_for_tools_has_no_data(service: Start) -> None:
    call = {"index": 0, "id": "f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    service(streamed("", finish="tool_calls", tool_calls=[call]))
    reply = asked("--schema Person")
    assert (reply.data, reply.state, reply.finish_reason) == (None, "complete", "tool_calls")
    assert [each.name for each in reply.tool_calls] == ["f"]


@pytest.mark.parametrize("stream", [True, False])
def test_the_simulator_answers_by_the_schema(stream: bool) -> None:
    reply = kimi_magic.ask("Invent two people.", schema=list[Person], offline=True, stream=stream)
    assert reply.data
    assert all(isinstance(person, Person) for person in reply.data)


@pytest.mark.parametrize(("line", "made_by"), [("--frame=polars", polars), ("--frame=pandas", pandas)])
def test_the_library_of_a_table_may_be_named(service: Start, line: str, made_by: Any) -> None:
    service(f'{{"items": [{ADA}]}}')
    data = asked(f"--schema list[Person] {line}", names={**NAMES, "pd": pandas, "pl": polars}).data
    assert isinstance(data, made_by.DataFrame)
    with pytest.raises(KimiUsageError, match="--frame 'numpy': expected True, False, pandas or polars"):
        asked("--schema list[Person] --frame=numpy")


@pytest.mark.parametrize("mode", MODES)
def test_the_simulator_takes_a_schema_in_each_mode(mode: str) -> None:
    reply = kimi_magic.ask("Invent a person.", schema=Person, schema_mode=mode, offline=True, stream=False)
    assert isinstance(reply.data, Person)
