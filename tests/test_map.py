"""One prompt over many rows: order, template, equal rows, errors of a row, the cache, interrupts, budget."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pandas as pd
import polars as pl
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import errors, kernel
from kimi_magic.batch import File, template
from kimi_magic.batch.cache import Entry
from kimi_magic.client import Client

PROMPT = "City and year in: {{text}}"


@dataclass
class Place:
    city: str
    year: int


class Echo:
    """A service that answers each request by what a function makes of the prompt; it counts them."""

    def __init__(self, answer: Callable[[str], httpx.Response | str], tokens: int = 20) -> None:
        self._answer = answer
        self._tokens = tokens
        self.prompts: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        prompt = body["messages"][-1]["content"]
        self.prompts.append(prompt)
        answer = self._answer(prompt)
        if isinstance(answer, httpx.Response):
            return unread(answer)
        usage = {"prompt_tokens": 10, "completion_tokens": self._tokens}
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        whole = {"id": "1", "model": body["model"], "choices": [choice], "usage": usage}
        return unread(httpx.Response(200, json=whole))


def unread(response: httpx.Response) -> httpx.Response:
    """A response as it comes from a network, whose body is still to be read."""
    return httpx.Response(
        response.status_code, headers=response.headers, stream=httpx.ByteStream(response.content)
    )


def place(prompt: str) -> str:
    """The number at the end of the prompt as a year."""
    return json.dumps({"city": "Rome", "year": int(prompt.rsplit(" ", 1)[-1])})


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Echo]]:
    """Puts an `Echo` in the place of the network."""
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-test-0123456789")
    with kernel.fresh() as this:

        def put(answer: Callable[[str], httpx.Response | str] = place, tokens: int = 20) -> Echo:
            echo = Echo(answer, tokens)
            this.client = Client({"network": lambda: httpx.MockTransport(echo)})
            return echo

        yield put


def texts(count: int) -> list[str]:
    return [f"number {number}" for number in range(count)]


def refusal(status: int, message: str = "no", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message}}, headers=headers)


# ---- order, length, kinds of data ----


def test_values_stand_in_the_order_of_the_rows_whatever_fails(serve):
    serve(lambda prompt: "no JSON" if prompt.endswith("3") else place(prompt))
    result = kimi_magic.map(PROMPT, texts(20), schema=Place, repair=0)
    assert [data and data.year for data in result.data] == [n if n % 10 != 3 else None for n in range(20)]
    assert sorted(result.errors) == [3, 13]
    assert len(result) == len(result.frame) == len(result.text) == 20
    assert result.text[3] == "no JSON"


def test_the_index_and_the_types_are_kept_even_if_every_row_failed(serve):
    serve(lambda prompt: "no JSON")
    frame = pd.DataFrame({"text": texts(3), "id": [7, 8, 9]}, index=["a", "b", "c"])
    made = kimi_magic.map(PROMPT, frame, schema=Place, repair=0).frame
    assert list(made.index) == ["a", "b", "c"]
    assert list(made.columns) == [
        "text", "id", "city", "year", "error", "finish_reason", "tokens", "cost", "seconds",
    ]  # fmt: skip
    assert str(made["year"].dtype) == "Int64"
    assert made["error"].str.contains("no JSON").all()
    assert list(made["id"]) == [7, 8, 9]


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"text": texts(3)}),
        pd.Series(texts(3), name="text"),
        pd.Series(texts(3)),
        pl.DataFrame({"text": texts(3)}),
        pl.Series("text", texts(3)),
        texts(3),
        tuple(texts(3)),
        [{"text": text} for text in texts(3)],
    ],
    ids=lambda data: f"{type(data).__module__.split('.')[0]}.{type(data).__name__}",
)
def test_frames_series_and_lists_are_all_taken(serve, data):
    serve()
    result = kimi_magic.map(PROMPT, data, schema=Place)
    assert result.data == [Place("Rome", number) for number in range(3)]
    assert list(result.frame["year"]) == [0, 1, 2]
    expected = "polars" if type(data).__module__.startswith("polars") else "pandas"
    assert type(result.frame).__module__.startswith(expected)


@pytest.mark.parametrize("data", [[], pd.DataFrame({"text": []}), pl.DataFrame({"text": []})])
def test_no_rows_are_no_requests_and_an_empty_frame_with_all_columns(serve, data):
    echo = serve()
    made = kimi_magic.map(
        "a {{text}}" if len(getattr(data, "columns", ())) else "a", data, schema=Place
    ).frame
    assert len(made) == 0
    assert {"city", "year", "error"} <= set(made.columns)
    assert not echo.prompts


@pytest.mark.parametrize("data", [5, "text", {"a": 1}, [1, 2], [{"a": 1}, 2], None])
def test_what_has_no_rows_is_refused(serve, data):
    serve()
    with pytest.raises(errors.KimiUsageError, match="a list of dicts"):
        kimi_magic.map(PROMPT, data)


def test_without_a_schema_the_answer_is_its_text(serve):
    serve(lambda prompt: prompt.upper())
    result = kimi_magic.map("say {{text}}", texts(2))
    assert result.data == ["SAY NUMBER 0", "SAY NUMBER 1"]
    assert list(result.frame["answer"]) == result.data


def test_columns_that_would_be_there_twice_are_refused_and_a_prefix_helps(serve):
    echo = serve()
    frame = pd.DataFrame({"text": texts(2), "year": [1, 2], "error": ["", ""]})
    with pytest.raises(errors.KimiUsageError, match=r"'year' twice.*column_prefix='?answer_"):
        kimi_magic.map(PROMPT, frame, schema=Place)
    assert not echo.prompts
    made = kimi_magic.map(PROMPT, frame, schema=Place, column_prefix="its_").frame
    assert list(made["its_year"]) == [0, 1]
    assert made["its_error"].isna().all()


def test_a_validator_of_the_persons_does_not_hold_the_loop(serve):
    """The first row's validator waits for the second answer, which comes only while it waits."""
    has_begun, may_end = threading.Event(), threading.Event()

    class Patient(pydantic.BaseModel):
        city: str
        year: int

        @pydantic.field_validator("year")
        @classmethod
        def waits(cls, year: int) -> int:
            has_begun.set()
            assert year != 0 or may_end.wait(60)
            return year

    class Late(Echo):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            response = await super().__call__(request)
            if b"number 1" in request.content:
                await asyncio.to_thread(has_begun.wait, 60)
                may_end.set()
            return response

    serve()
    kernel.current.client = Client({"network": lambda: httpx.MockTransport(Late(place))})
    result = kimi_magic.map(PROMPT, texts(3), schema=Patient)
    assert [data.year for data in result.data] == [0, 1, 2]


def test_reasoning_is_kept_in_result_and_cache(tmp_path):
    asked = {"cache": tmp_path / "kept.jsonl"}
    with kernel.fresh(offline=True, speed=0):
        first = kimi_magic.map("Why is the sky blue? {{text}}", texts(2), **asked)
        again = kimi_magic.map("Why is the sky blue? {{text}}", texts(2), **asked)
    assert all(first.reasoning)
    assert again.reasoning == first.reasoning
    assert again.spent == 0
    assert json.loads((tmp_path / "kept.jsonl").read_text().splitlines()[0])["reasoning"] in first.reasoning


# ---- the template ----


@settings(deadline=None)
@given(
    st.lists(st.text(), min_size=2, max_size=4),
    st.text(alphabet=st.characters(blacklist_characters="{\\", blacklist_categories=["Cs"])),
)
def test_values_are_inserted_once_and_never_looked_through(values, around):
    nasty = [*values, "{{text}}", "{{b}} \\{{", "$x {1}"]
    columns = {"text": nasty, "b": nasty[::-1]}
    parsed = template.parse(f"{around}{{{{text}}}}-{{{{ b }}}}{around}", columns, {})
    for number in range(len(nasty)):
        expected = f"{around}{nasty[number]}-{nasty[::-1][number]}{around}"
        assert parsed.fill(columns, number) == expected


def test_all_but_names_in_two_braces_is_as_typed():
    text = r'{"a": {"b": 1}} {x} $y$ \{{z}} \frac{a}{b}'
    assert template.parse(text, {"a": ["1"]}, {}).fill({}, 0) == text.replace("\\{{", "{{")


def test_variables_of_the_notebook_are_inserted_once():
    parsed = template.parse("{{tone}}: {{text}}", {"text": ["hi"]}, {"tone": "{{text}}"})
    assert parsed.fill({"text": ["hi"]}, 0) == "{{text}}: hi"


def test_unknown_names_are_told_before_anything_is_sent_with_what_is_near(serve):
    echo = serve()
    with pytest.raises(errors.KimiUsageError, match=r"\{\{txet\}\} in line 2 .* did you mean text\?"):
        kimi_magic.map("Read\n{{txet}}", texts(2))
    with pytest.raises(errors.KimiUsageError, match=r"no \{\{column\}\} in it"):
        kimi_magic.map("Read this", texts(2))
    assert not echo.prompts


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_a_row_without_a_value_is_not_sent_and_says_so(serve, missing):
    echo = serve()
    result = kimi_magic.map(PROMPT, [{"text": "number 1"}, {"text": missing}], schema=Place)
    assert len(echo.prompts) == 1
    assert "no value in {{text}}" in result.errors[1].message
    assert result.data == [Place("Rome", 1), None]


SECRET = "sk-0123456789abcdefWXYZ"


@pytest.mark.parametrize(
    ("prompt", "names"),
    [("{{api_key}}: {{text}}", {"api_key": "x"}), ("{{tone}}: {{text}}", {"tone": SECRET}),
     ("{{password}} {{text}}", {})],
)  # fmt: skip
def test_a_variable_or_column_that_looks_like_a_secret_is_refused_before_anything_is_sent(prompt, names):
    columns = {"text": ["hi"], "password": ["hunter"]}
    with pytest.raises(errors.KimiUsageError, match="looks like a secret") as caught:
        template.parse(prompt, columns, names)
    assert SECRET not in caught.value.message
    assert template.parse(prompt, columns, names, sends_secrets=True).fill(columns, 0).endswith("hi")


def test_a_row_that_holds_a_secret_is_not_sent_unless_it_is_wanted(serve):
    echo = serve(lambda prompt: "ok")
    rows = ["fine", f"the key is {SECRET}"]
    result = kimi_magic.map("say {{text}}", rows)
    assert list(result.errors) == [1]
    assert "looks like a secret" in result.errors[1].message
    assert echo.prompts == ["say fine"]
    assert kimi_magic.map("say {{text}}", rows, force=True).errors == {}
    assert len(echo.prompts) == 2


def test_a_function_of_a_row_gives_a_text_or_messages(serve):
    echo = serve()
    kimi_magic.map(lambda row: f"a {row['n']}", [{"n": 1}, {"n": 2}], schema=Place)
    kimi_magic.map(lambda row: [{"role": "user", "content": f"b {row['n']}"}], [{"n": 3}], schema=Place)
    assert sorted(echo.prompts) == ["a 1", "a 2", "b 3"]
    with pytest.raises(errors.KimiUsageError, match="prompt of row 0 is int"):
        kimi_magic.map(lambda row: 5, [{"n": 1}])


# ---- before sending ----


def test_equal_rows_are_sent_once_and_counted_before(serve):
    echo = serve()
    data = ["number 1", "number 2", "number 1", "number 1"]
    before = kimi_magic.estimate(PROMPT, data, schema=Place)
    assert repr(before).startswith("4 rows, 2 distinct, about ")  # the last line of a cell shows it
    assert before.cost is not None
    assert not echo.prompts
    result = kimi_magic.map(PROMPT, data, schema=Place)
    assert len(echo.prompts) == 2
    assert [data.year for data in result.data] == [1, 2, 1, 1]
    assert list(result.frame["tokens"]) == [30, 30, 0, 0]
    assert result.usage.total == 60
    assert result.frame["cost"].sum() == pytest.approx(result.cost)


def test_a_limit_takes_the_first_rows(serve):
    echo = serve()
    assert len(kimi_magic.map(PROMPT, pd.DataFrame({"text": texts(9)}), limit=5, schema=Place).frame) == 5
    assert len(echo.prompts) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"history": True}, {"n": 2}, {"frame": True}, {"concurrency": 0}, {"concurrency": 999}, {"rpm": 0},
        {"on_error": "ignore"}, {"limit": 0}, {"concurency": 3}, {"cache": ""}, {"budget": -1},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_cannot_be_used_are_told_before_anything_is_sent(serve, wrong):
    echo = serve()
    with pytest.raises(errors.KimiUsageError):
        kimi_magic.map(PROMPT, texts(2), **wrong)
    assert not echo.prompts


# ---- errors of a row ----


def test_each_error_is_that_of_its_row_and_the_text_is_kept(serve):
    def answer(prompt: str) -> httpx.Response | str:
        number = int(prompt.rsplit(" ", 1)[-1])
        cut = {"index": 0, "message": {"content": '{"city": "Ro'}, "finish_reason": "length"}
        return {
            0: refusal(400, "high risk content_filter"),
            1: httpx.Response(200, json={"id": "1", "model": "m", "choices": [cut]}),
            2: "no JSON at all",
            3: '{"city": "Rome", "year": "long ago"}',
        }.get(number) or place(prompt)

    serve(answer)
    result = kimi_magic.map(PROMPT, texts(6), schema=Place, repair=0)
    assert isinstance(result.errors[0], errors.KimiContentFilterError)
    assert "cut (length)" in result.errors[1].message
    assert result.text[1] == '{"city": "Ro'
    assert result.text[2] == "no JSON at all"
    assert result.errors[3].path == "$.year"
    assert result.data[4:] == [Place("Rome", 4), Place("Rome", 5)]
    assert result.frame["finish_reason"][1] == "length"


def test_without_a_schema_a_cut_or_empty_answer_is_an_error_too(serve):
    cut = {"index": 0, "message": {"content": "Once upon"}, "finish_reason": "length"}
    cut_response = {"id": "1", "model": "m", "choices": [cut]}
    serve(lambda prompt: httpx.Response(200, json=cut_response) if prompt.endswith("0") else " ")
    result = kimi_magic.map("say {{text}}", texts(2))
    assert "cut by its cap" in result.errors[0].message
    assert result.text[0] == "Once upon"
    assert result.data == [None, None]


def test_a_wrong_answer_is_asked_for_again_as_often_as_repair_says(serve):
    seen = Counter[str]()

    def answer(prompt: str) -> str:
        seen["all"] += 1
        return "no JSON" if seen["all"] == 1 else '{"city": "Rome", "year": 1}'

    serve(answer)
    result = kimi_magic.map(PROMPT, texts(1), schema=Place)
    assert result.data == [Place("Rome", 1)]
    assert len(kernel.current.ledger) == 2
    assert result.usage.total == 60


def test_on_error_stop_keeps_what_is_there(serve):
    echo = serve(lambda prompt: "no JSON" if prompt.endswith(" 4") else place(prompt))
    result = kimi_magic.map(PROMPT, texts(50), schema=Place, repair=0, on_error="stop", concurrency=1)
    assert len(echo.prompts) == 5
    assert result.is_partial
    assert [data.year for data in result.data[:4]] == [0, 1, 2, 3]
    assert len(result.errors) == 46
    assert isinstance(result.stopped, errors.KimiJSONError)


def test_what_every_row_would_be_refused_for_is_one_error_after_one_request(serve):
    echo = serve(lambda prompt: refusal(401))
    with pytest.raises(errors.KimiAuthError):
        kimi_magic.map(PROMPT, texts(50), schema=Place, concurrency=1)
    assert len(echo.prompts) == 1


def test_failures_that_pass_are_tried_again_and_retry_sends_only_rows_without_a_value(serve):
    seen = Counter[str]()

    def answer(prompt: str) -> httpx.Response | str:
        seen[prompt] += 1
        return "no JSON" if seen[prompt] == 1 and prompt.endswith(("3", "7")) else place(prompt)

    echo = serve(answer)
    result = kimi_magic.map(PROMPT, texts(10), schema=Place, repair=0)
    assert sorted(result.errors) == [3, 7]
    again = result.retry()
    assert not again.errors
    assert len(echo.prompts) == 12
    assert [data.year for data in again.data] == list(range(10))
    assert sorted(result.errors) == [3, 7]


# ---- what is kept ----


def test_in_one_kernel_nothing_is_sent_twice_and_failures_are_sent_again(serve):
    seen = Counter[str]()

    def answer(prompt: str) -> httpx.Response | str:
        seen[prompt] += 1
        return "no JSON" if prompt.endswith("3") and seen[prompt] == 1 else place(prompt)

    echo = serve(answer)
    kimi_magic.map(PROMPT, texts(5), schema=Place, repair=0)
    result = kimi_magic.map(PROMPT, texts(8), schema=Place, repair=0)
    assert len(echo.prompts) == 5 + 1 + 3
    assert not result.errors
    assert result.spent < result.cost
    kimi_magic.map(PROMPT, texts(8), schema=Place, repair=0, cache=False)
    assert len(echo.prompts) == 9 + 8


def test_the_file_holds_one_line_an_answer_and_no_key(serve, tmp_path):
    echo = serve()
    path = tmp_path / "new" / "places.jsonl"
    kimi_magic.map(PROMPT, texts(4), schema=Place, cache=path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len({line["key"] for line in lines}) == 4
    assert "sk-test" not in path.read_text(encoding="utf-8")
    result = kimi_magic.map(PROMPT, texts(6), schema=Place, cache=str(path))
    assert len(echo.prompts) == 6
    assert [data.year for data in result.data] == list(range(6))


def test_another_model_or_parameter_is_another_request_and_a_changed_check_is_none(serve, tmp_path):
    echo = serve()
    path = tmp_path / "places.jsonl"

    def ask(**options: Any) -> Any:
        return kimi_magic.map(PROMPT, texts(2), **{"schema": Place, "cache": path, **options})

    ask()
    ask(stream=False)
    assert len(echo.prompts) == 2
    ask(temperature=0.5)
    assert len(echo.prompts) == 4
    ask(model="kimi-k2-thinking-turbo")
    assert len(echo.prompts) == 6
    ask(system="Be brief")
    assert len(echo.prompts) == 8


@given(cut=st.integers(0, 400), count=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_a_file_that_was_cut_anywhere_gives_what_is_whole_and_takes_more(cut, count, tmp_path_factory):
    path = tmp_path_factory.mktemp("cache") / "a.jsonl"
    first = File(path)
    for number in range(count):
        first.put(Entry(f"k{number}", f"text {number} é\n"))
    first.close()
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")
    second = File(path)
    second.put(Entry("new", "later"))
    second.close()
    found = File(path).find([*(f"k{number}" for number in range(count)), "new"])
    assert found.pop("new").text == "later"
    assert whole <= len(found) <= whole + 1  # a line that lacks nothing but its end is an answer
    assert path.read_bytes().startswith(data)


def test_killed_in_the_middle_and_run_again_it_sends_what_was_missing(server, tmp_path):
    path = tmp_path / "a.jsonl"
    program = """
import os, sys, threading
import kimi_magic
path, count = sys.argv[1], int(sys.argv[2])
if count:
    def watch():
        while True:
            if os.path.exists(path) and open(path, "rb").read().count(b"\\n") >= count:
                os._exit(9)
    threading.Thread(target=watch, daemon=True).start()
result = kimi_magic.map("Tell about {{text}}", [f"number {n}" for n in range(60)], cache=path, concurrency=4)
print(len(result.data) - len(result.errors), len(kimi_magic.usage_records()))
"""

    def run(count: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", program, str(path), str(count)]
        environment = os.environ | server.environment
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert run(20).returncode == 9
    kept = path.read_bytes().count(b"\n")
    assert 20 <= kept < 60
    done = run(0)
    assert done.stdout.split() == ["60", str(60 - kept)], done.stderr


# ---- interrupts ----


def test_an_interrupt_hands_back_what_has_ended_and_the_next_call_goes_on(serve):
    gate = asyncio.Event()

    class Waiting(Echo):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            response = await super().__call__(request)
            if len(self.prompts) > 6 and not gate.is_set():
                signal_main()
                await asyncio.Event().wait()
            return response

    def signal_main() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    serve()
    echo = Waiting(place)
    kernel.current.client = Client({"network": lambda: httpx.MockTransport(echo)})
    result = kimi_magic.map(PROMPT, texts(20), schema=Place, concurrency=1)
    assert result.interrupted
    assert result.is_partial
    assert [data and data.year for data in result.data] == [*range(6), *[None] * 14]
    assert all(error.message.startswith("not sent") for error in result.errors.values())
    gate.set()
    again = kimi_magic.map(PROMPT, texts(20), schema=Place, concurrency=1)
    assert not again.errors
    assert len(echo.prompts) == 7 + 14


def test_amap_leaves_the_loop_free_and_its_cancellation_is_one(serve):
    serve()

    async def main() -> Any:
        return await kimi_magic.amap(PROMPT, texts(3), schema=Place)

    assert [data.year for data in asyncio.run(main()).data] == [0, 1, 2]

    async def cancelled() -> None:
        class Never(Echo):
            async def __call__(self, request: httpx.Request) -> httpx.Response:
                loop.call_soon_threadsafe(task.cancel)
                await asyncio.Event().wait()
                raise AssertionError

        kernel.current.client = Client({"network": lambda: httpx.MockTransport(Never(place))})
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(kimi_magic.amap("b {{text}}", texts(3)))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


# ---- the budget ----


def test_a_budget_is_not_exceeded_whatever_is_on_its_way(serve):
    echo = serve(tokens=2_000)
    one = kimi_magic.map(PROMPT, texts(1), schema=Place).cost
    result = kimi_magic.map(PROMPT, [f"more {n}" for n in range(100)], schema=Place, budget=10.5 * one)
    assert isinstance(result.stopped, errors.KimiBudgetError)
    assert result.spent == pytest.approx(10 * one)
    assert len(echo.prompts) == 1 + 10
    assert len(result.errors) == 90
    assert all(isinstance(error, errors.KimiBudgetError) for error in result.errors.values())


def test_repairs_are_paid_from_the_budget_too(serve):
    echo = serve(lambda prompt: "no JSON", tokens=2_000)
    result = kimi_magic.map(PROMPT, texts(100), schema=Place, budget=0.1, repair=1)
    costs = [row["cost"] for row in kimi_magic.usage_records()]
    cost = sum(costs)
    assert cost <= 0.1 < cost + max(costs)
    assert result.spent == pytest.approx(cost)
    assert len(echo.prompts) == len(kernel.current.ledger)


def test_a_budget_without_a_price_and_the_budget_of_the_kernel(serve):
    echo = serve()
    with pytest.raises(errors.KimiUsageError, match="price of unheard at"):
        kimi_magic.map(PROMPT, texts(2), model="unheard", budget=1)
    kernel.current.settings.update({"budget": 0.0})
    with pytest.raises(errors.KimiBudgetError):
        kimi_magic.map(PROMPT, texts(2), schema=Place)
    assert not echo.prompts


def test_offline_answers_never_stand_for_real_ones(serve):
    echo = serve()
    kimi_magic.map(PROMPT, texts(2), schema=Place, offline=True)
    assert not echo.prompts
    kimi_magic.map(PROMPT, texts(2), schema=Place)
    assert len(echo.prompts) == 2
