"""Usage, cost and budget from the cells of a real kernel, against the offline service over loopback."""

from __future__ import annotations

import re

import pytest

from kimi_magic.markdown import inert
from kimi_magic.usage import dollars
from tests.conftest import PACED, Server
from tests.kernel import Cell, Kernel
from tests.test_kernel import LONG, begun

RECORDS = "__import__('kimi_magic').usage_records()"
STATES = f"[row['state'] for row in {RECORDS}]"
QUICK = ("--speed", "0")


def table(kernel: Kernel) -> list[dict[str, str]]:
    """The lines that `%kimi_usage` prints, each by column."""
    printed, _, _ = kernel.run("%kimi_usage").display["text/plain"].partition("\n\n")
    head, *lines = (re.split("  +", line) for line in printed.splitlines())
    return [dict(zip(head, line, strict=True)) for line in lines]


def error_of(cell: Cell) -> dict[str, str]:
    (error,) = [output for output in cell.outputs if output["type"] == "error"]
    return error


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_the_byline_of_a_cell_shows_tokens_and_the_estimated_cost(kernel: Kernel):
    shown = kernel.run("%%kimi -o answer\nWhy is the sky blue?").display["text/html"]
    cost, prompt, total = kernel.value("(answer.cost, answer.usage.prompt, answer.usage.total)")
    assert f"{total:,} tokens · {inert(dollars(cost))}" in shown
    assert f'title="{prompt:,} tokens in · ' in shown
    assert f"≈ {dollars(cost)}, an estimate by the list price" in shown


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_cached_tokens_are_in_the_byline_once_there_are_some(kernel: Kernel):
    words = "Say yes. " + "The quick brown fox jumps over the lazy dog. " * 60
    assert "cached" not in kernel.run(f"%%kimi\n{words}").display["text/html"]
    shown = kernel.run(f"%%kimi -o answer --no-history\n{words}").display["text/html"]
    assert f"({kernel.value('answer.usage.cached'):,} cached)" in shown


@pytest.mark.parametrize("server", [(*QUICK, "--faults", "usage=none")], indirect=True)
def test_without_counts_the_byline_shows_neither_tokens_nor_cost(kernel: Kernel):
    shown = kernel.run("%%kimi\nHello").display["text/html"]
    byline = re.search(r'class="kimi-status"[^>]*>([^<]*)<', shown)[1]
    assert "kimi-k2-thinking" in byline
    assert "tokens" not in byline
    assert "$" not in byline
    (line,) = table(kernel)
    assert line["uncounted"] == "1"
    assert {line["prompt"], line["completion"], line["cost (estimate)"]} == {"unknown"}


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_complete_stopped_and_failed_requests_are_counted_and_so_is_ask(kernel: Kernel):
    assert kernel.run("%kimi_usage").display["text/plain"] == "No requests yet."
    kernel.run("%%kimi -o answer\nHello")
    kernel.run("import kimi_magic; asked = kimi_magic.ask('Hello', model='kimi-k2-thinking-turbo')")
    request = kernel.send(LONG)
    before = kernel.wait_until(request, begun)
    kernel.interrupt()
    assert kernel.finish(request, before).status == "error"
    assert kernel.attempt("%%kimi -m nope\nHello").status == "error"

    assert kernel.value(STATES) == ["complete", "complete", "interrupted", "failed"]
    assert kernel.value(f"[row['completion'] for row in {RECORDS}][2:]") == [None, None]
    lines = table(kernel)
    assert [line["model"] for line in lines] == ["kimi-k2-thinking", "kimi-k2-thinking-turbo", "nope", "all"]
    counts = [(line["requests"], line["stopped"], line["failed"]) for line in lines]
    assert counts == [("2", "1", "0"), ("1", "0", "0"), ("1", "0", "1"), ("4", "1", "1")]
    cost, spent = kernel.value("(answer.cost, answer.cost + asked.cost)")
    assert lines[0]["cost (estimate)"] == f"≥ {dollars(cost)}"
    assert lines[2]["cost (estimate)"] == "unknown"
    assert lines[3]["cost (estimate)"] == f"≥ {dollars(spent)}"


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_an_interrupt_before_the_first_word_is_in_the_ledger_too(kernel: Kernel, server: Server):
    request = kernel.send(LONG)
    server.wait_for("begins")
    kernel.interrupt()
    kernel.finish(request)
    assert kernel.value(STATES) == ["interrupted"]


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_the_times_of_answers_are_a_table_of_their_own(kernel: Kernel):
    kernel.run("%%kimi\nHello")
    shown = kernel.run("%kimi_usage --timing").display
    assert "verdict" in shown["text/plain"]
    assert kernel.value(f"{RECORDS}[0]['verdict']") in shown["text/plain"]
    assert "<table" in shown["text/html"]


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_a_check_sends_nothing_where_nobody_can_say_yes(kernel: Kernel):
    request = kernel.client.execute("%kimi_config --check", allow_stdin=False)
    printed = kernel.finish(request).printed
    assert "accepts the key from EVOLINK_API_KEY." in printed
    assert "No request was sent" in printed
    assert kernel.value(RECORDS) == []
    assert "EvoLink has no address" in error_of(kernel.attempt("%kimi_config --balance"))["traceback"][0]


@pytest.mark.parametrize("server", [QUICK], indirect=True)
@pytest.mark.parametrize(("typed", "sent"), [("y", 1), ("YES", 1), ("", 0), ("no", 0)])
def test_a_check_sends_its_request_only_after_a_yes(kernel: Kernel, typed: str, sent: int):
    request = kernel.client.execute("%kimi_config --check", allow_stdin=True)
    assert "about $0.0025. [y/N]" in kernel.client.get_stdin_msg(timeout=10)["content"]["prompt"]
    kernel.client.input(typed)
    assert ("Tokens are counted" in kernel.finish(request).printed) == bool(sent)
    assert kernel.value(f"len({RECORDS})") == sent


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_records_go_to_a_variable_as_a_frame_wants_them(kernel: Kernel):
    kernel.run("%%kimi\nHello")
    assert kernel.run("%kimi_usage -o used").outputs == []
    assert kernel.value("isinstance(used, list) and isinstance(used[0], dict)")
    assert kernel.value("used == __import__('kimi_magic').usage_records()")
    assert kernel.value("used[0]['time'].tzinfo is not None")
    assert kernel.value("(used[0]['state'], used[0]['model'])") == ("complete", "kimi-k2-thinking")
    assert kernel.value("'pandas' in __import__('sys').modules") is False


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_reset_empties_the_ledger_after_the_records_were_stored(kernel: Kernel):
    kernel.run("%%kimi\nHello")
    kernel.run("%kimi_usage --out used --reset")
    assert kernel.value("len(used)") == 1
    assert kernel.value(RECORDS) == []
    assert kernel.value("len(__import__('kimi_magic.kernel').kernel.current.conversation)") == 1


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_a_spent_budget_refuses_in_one_line_until_it_is_raised(kernel: Kernel):
    kernel.run("%kimi_config --budget 0.000001")
    kernel.run("%%kimi\nHello")
    for cell in ("%%kimi\nHello", "%kimi Hello", "import kimi_magic; kimi_magic.ask('Hello')"):
        error = error_of(kernel.attempt(cell))
        assert error["ename"] == "KimiBudgetError"
        (line,) = error["traceback"]
        assert re.search(r"about \$0\.\d+ of \$0\.000001", line)
        assert "%kimi_config --budget" in line
        assert "--unset budget" in line
    assert kernel.value(STATES) == ["complete"]
    kernel.run("%kimi_usage --reset")
    kernel.run("%%kimi\nHello")
    kernel.run("%kimi_config --unset budget")
    kernel.run("%%kimi\nHello")


@pytest.mark.parametrize("server", [QUICK], indirect=True)
def test_going_on_with_an_answer_is_a_request_of_its_own_for_ledger_and_budget(kernel: Kernel):
    kernel.run("%%kimi --max-tokens 120\nWrite 400 words about rivers.")
    kernel.run("%kimi_config --budget 0.000001")
    assert error_of(kernel.attempt("%kimi --continue"))["ename"] == "KimiBudgetError"
    kernel.run("%kimi_config --unset budget")
    kernel.run("%kimi --continue --max-tokens 4000")
    assert kernel.value(f"[(row['finish_reason'], row['cost'] > 0) for row in {RECORDS}]") == [
        ("length", True),
        ("stop", True),
    ]


def test_offline_answers_cost_nothing_and_have_a_line_of_their_own(offline_kernel: Kernel):
    offline_kernel.run("%kimi_config --budget 0")
    shown = offline_kernel.run("%%kimi -o answer\nHello").display["text/html"]
    assert "estimate" not in shown
    assert offline_kernel.value("answer.cost") is None
    (line,) = table(offline_kernel)
    assert (line["model"], line["cost (estimate)"]) == ("kimi-k2-thinking (offline)", "offline")
    offline_kernel.run("%kimi_config --unset budget")


def test_help_is_shown_by_the_option_and_by_the_question_mark(offline_kernel: Kernel):
    shown = offline_kernel.run("%kimi_usage --help").printed
    assert "-o, --out NAME" in shown
    assert "pandas.DataFrame" in shown
    assert "conversation" not in shown
    assert "-o, --out NAME" in offline_kernel.run("%kimi_usage?").reply["payload"][0]["data"]["text/plain"]
    assert "--budget USD" in offline_kernel.run("%kimi_config --help").printed


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%kimi_usage --outt x", "unknown option --outt; did you mean --out?"),
        ("%kimi_usage -o 2x", "expected the name of a Python variable"),
        ("%kimi_usage by model", "is no option"),
        ("%kimi_config --budget -1", "expected a number of at least 0"),
        ("%kimi_config --budget much", "expected a number of at least 0"),
        ("%kimi_config --budget inf", "expected a number of at least 0"),
    ],
)
def test_wrong_input_is_one_line_that_names_it(offline_kernel: Kernel, cell: str, words: str):
    (line,) = error_of(offline_kernel.attempt(cell))["traceback"]
    assert words in line
