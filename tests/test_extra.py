"""Further fields and headers reach the service exactly, and no key stands anywhere in clear text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import kimi_magic
from kimi_magic import kernel, options
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import TextDelta
from kimi_magic.options import CELL, CONFIG
from kimi_magic.view import notebook
from tests.peers import Scripted
from tests.turns import GrowingTurn, cell_plan

SECRET = "a-secret-of-the-gateway"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GATEWAY_KEY", SECRET)
    with kernel.fresh(speed=0):
        yield


def body(line: str, **names: Any) -> Any:
    return json.loads(cell_plan(f"--offline {line}", names=names).request.body())


def refused(line: str, entry: str = CELL) -> str:
    with pytest.raises(KimiUsageError) as caught:
        options.parse(options.split(line), options.at(entry))
    assert "\n" not in caught.value.message
    return caught.value.message


# ---- further fields ----


@pytest.mark.parametrize(
    "fields",
    [{"seed": 7}, {"a": {"b": [1, None, "x"]}, "c": True}, {"thinking": {"type": "enabled", "budget": 5}}],
)
def test_further_fields_stand_beside_those_of_the_options(fields: dict[str, Any]) -> None:
    sent = body(f"-t 0.5 --stop x --extra '{json.dumps(fields)}'")
    assert {name: sent[name] for name in fields} == fields
    assert sent["temperature"] == 0.5
    assert "extra" not in sent
    assert body("--extra more", more=fields) == body(f"--extra '{json.dumps(fields)}'")
    assert set(sent) - set(fields) == set(body("-t 0.5 --stop x"))


@pytest.mark.parametrize("name", ["temperature", "model", "reasoning_effort", "max_completion_tokens"])
def test_a_field_with_an_option_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(KimiUsageError, match=f"extra {name}: it has an option of its own, --"):
        body(f"""--extra '{{"{name}": 1}}'""")


def test_messages_are_no_further_field() -> None:
    with pytest.raises(KimiUsageError, match="extra messages: it is made of the other options"):
        body("""--extra '{"messages": []}'""")


@pytest.mark.parametrize("text", ["5", "[]", "{}", "{not", "null"])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert "--extra" in refused(f"--extra '{text}'")


def test_a_key_is_no_further_field() -> None:
    message = refused("""--extra '{"api_key": "abcd1234"}'""")
    assert "expected no secret" in message


# ---- headers ----


def test_headers_arrive_with_the_values_of_their_variables() -> None:
    with Scripted("Four.") as gateway:
        kimi_magic.ask("2+2?", base_url=gateway.base_url, header=["X-Team: a b", "X-Api-Key: $GATEWAY_KEY"])
    (got,) = gateway.requests
    assert got.headers["x-team"] == "a b"
    assert got.headers["x-api-key"] == SECRET


def test_a_header_may_stand_in_place_of_ours() -> None:
    with Scripted("Four.") as gateway:
        kimi_magic.ask("2+2?", base_url=gateway.base_url, header="authorization: Bearer $GATEWAY_KEY")
    assert gateway.requests[0].headers["authorization"] == f"Bearer {SECRET}"


def test_headers_of_the_kernel_go_to_the_place_they_were_set_for_and_to_no_other() -> None:
    settings = kernel.current.settings
    with Scripted("Four.") as gateway, Scripted("Four.") as other:
        settings.update(options.check({"base_url": gateway.base_url}, CONFIG))
        settings.update(options.check({"header": ["X-Api-Key: $GATEWAY_KEY"]}, CONFIG))
        kimi_magic.ask("2+2?")
        kimi_magic.ask("2+2?", base_url=other.base_url)
    assert gateway.requests[0].headers["x-api-key"] == SECRET
    assert "x-api-key" not in other.requests[0].headers
    rows = {name: (value, source) for name, value, source in settings.table()}
    assert "$GATEWAY_KEY" in rows["header"][0]
    assert "for http://127.0.0.1" in rows["header"][1]
    assert SECRET not in str(rows)


@pytest.mark.parametrize(
    "header",
    ["Authorization: Bearer abc", "X-Api-Key: abc", "X-Auth-Token: abc", "Cookie: a=b",
     "api-key: x$GATEWAY_KEY",
     "X-Data: sk-" + "a1B2" * 8],
)  # fmt: skip
def test_a_key_in_clear_text_is_refused_and_not_quoted(header: str) -> None:
    message = refused(f"--header '{header}'")
    assert "a variable of the environment for what is secret" in message
    assert header.partition(": ")[2] not in message


@pytest.mark.parametrize(
    "header", ["X-Team", "X Team: a", ": a", "X-Team: é", "X-Team:", "Host: a", "Content-Type: x"]
)
def test_what_is_no_header_is_refused(header: str) -> None:
    assert "--header" in refused(f"--header '{header}'")


def test_a_variable_that_is_not_set_is_one_line() -> None:
    with pytest.raises(KimiUsageError, match="--header X-Api-Key: \\$NOT_THERE: NOT_THERE is not set"):
        cell_plan("--no-offline --header 'X-Api-Key: $NOT_THERE'")


def test_what_is_secret_in_a_header_is_in_no_repr_and_no_quotation() -> None:
    with Scripted("Four.") as gateway:
        kernel.current.settings.update(options.check({"base_url": gateway.base_url}, CONFIG))
        connection = cell_plan("--header 'X-Api-Key: $GATEWAY_KEY'").connection
    assert SECRET not in repr(connection)
    assert SECRET not in connection.excerpt(f"you sent {SECRET}")


def test_what_is_secret_in_a_header_goes_over_no_plain_http() -> None:
    with pytest.raises(KimiUsageError, match="could read a header that is secret; nothing was sent"):
        kimi_magic.ask("2+2?", base_url="http://gateway.local/v1", header="X-Api-Key: $GATEWAY_KEY")


# ---- a line while ask waits ----


def test_a_script_shows_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    kimi_magic.ask("Why is the sky blue?", offline=True, progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_quick_answer_shows_no_line_and_a_slow_one_takes_its_line_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[Any] = []

    class Handle:
        def update(self, data: Any, **_: Any) -> None:
            shown.append(data)

    def display(data: Any, **_: Any) -> Handle:
        shown.append(data)
        return Handle()

    monkeypatch.setattr(notebook, "display", display)  # IPython's, not ours
    for delay, count in ((3_600, 0), (0, 2)):
        turn, view = GrowingTurn(), notebook.ProgressView(delay)
        view.open(turn)
        turn.add(TextDelta("a"))
        view.update(turn)
        turn.end()
        view.close(turn)
        assert len(shown) == count
    assert shown[-1] == notebook.EMPTY
    assert "answering" in shown[0]["text/plain"]
