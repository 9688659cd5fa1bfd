"""`--dry-run` shows the very request, and sends nothing; `--show-prompt` shows the prompt as it is sent."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from kimi_magic import __main__ as command_line
from kimi_magic import dry_run, kernel, options
from kimi_magic.options.advice import CELL_WORDS, in_words_of
from kimi_magic.view import preview as shown
from kimi_magic.view.preview import Preview
from tests.turns import cell_plan, run


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with kernel.fresh(offline=True, speed=0):
        yield


def dry(line: str = "", prompt: str = "Hello") -> Preview:
    values, _ = options.parse(options.split(line), options.at(options.CELL))
    with in_words_of(CELL_WORDS):
        plan = kernel.current.plan(prompt, values, is_dry=True)
        return dry_run.preview(kernel.current, plan, values)


def body_of(preview: Preview) -> Any:
    words = shlex.split(preview.curl)
    return json.loads(words[words.index("--data") + 1])


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("", "Hello"),
        ("-s 'Be brief' -t 0.5 -n 2 --stop '###'", 'It\'s $x, `y` and \\ "z"\n\n中文 🎈'),
        ("--json", "Give me JSON"),
        ("--schema 'name, age int' --no-offline", "Name one"),
    ],
)
def test_the_curl_line_holds_the_very_request(line: str, prompt: str) -> None:
    values, _ = options.parse(options.split(line), options.at(options.CELL))
    plan = kernel.current.plan(prompt, values, is_dry=True)
    assert body_of(dry(line, prompt)) == json.loads(plan.request.body())


def test_nothing_is_sent_and_nothing_kept() -> None:
    dry("-t 1.5")
    assert len(kernel.current.ledger) == 0
    assert len(kernel.current.conversation) == 0
    assert kernel.current.last is None


def test_a_warning_is_shown_and_still_told_when_it_is_sent() -> None:
    assert any("temperature 1.5 is above 1" in sentence for sentence in dry("-t 1.5").left_out)
    assert any("temperature 1.5 is above 1" in notice for notice in cell_plan("-t 1.5").turn.notices)


def test_each_setting_has_its_source() -> None:
    kernel.current.settings.update(options.check({"top_p": 0.5}, options.CONFIG))
    rows = {name: (value, source) for name, value, source in dry("-t 0.7").settings}
    assert rows["temperature"] == ("0.7", "this cell")
    assert rows["top_p"] == ("0.5", "%kimi_config")
    assert rows["model"] == ("kimi-k2-thinking", "default of evolink")
    assert rows["max_tokens"] == ("32768", "default of the model")
    assert rows["timeout"] == ("180.0", "default")


def test_it_needs_no_key_and_names_the_variable_of_the_host() -> None:
    preview = dry("--no-offline")
    assert "Bearer $EVOLINK_API_KEY" in preview.curl
    assert "https://api.evolink.ai/v1/chat/completions" in preview.curl
    assert ("key", "", "not set") in preview.settings


def test_the_key_is_nowhere_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "a-very-secret-key")
    kernel.current.settings.update(options.check({"host": "moonshot"}, options.CONFIG))
    preview = dry("--no-offline")
    assert "Bearer $MOONSHOT_API_KEY" in preview.curl
    assert "a-very-secret-key" not in shown.html(preview) + shown.plain(preview) + repr(preview)


def test_tokens_and_price_are_estimates_and_offline_costs_nothing() -> None:
    assert "(estimate)" in dry().summary
    assert "costs nothing" in dry().summary
    summary = dry("--no-offline --max-tokens 1000", "word " * 1_000).summary
    assert "≈ 1,254 tokens (estimate)" in summary
    assert "$0.000752 for the prompt, at most $0.0025 for 1,000 tokens" in summary
    assert "price unknown" in dry("--no-offline -m nobody-knows").summary


def test_what_is_left_out_of_history_is_said_with_the_reason() -> None:
    run(cell_plan("", "Why is the sky blue?"))
    assert dry().left_out == []
    assert dry("--no-history").left_out == ["1 earlier turn is not sent: --no-history."]
    assert dry("--history-reasoning none").left_out == [
        "The reasoning of 1 earlier answer is not sent: --history-reasoning none."
    ]
    run(cell_plan("--max-tokens 2000", "Write 2000 words"), stops_at=lambda reply: bool(reply.text))
    assert any("was interrupted and is not in the conversation" in sentence for sentence in dry().left_out)


def test_a_body_too_long_for_a_line_is_told_so() -> None:
    preview = dry("", "x" * 30_000)
    assert "--data @request.json" in preview.curl
    assert "30," in preview.curl


def test_what_is_shown_is_data_and_never_markup() -> None:
    page = shown.html(dry("-s '<img src=x onerror=alert(1)>'", "<script>alert(1)</script> $x$ ![a](b)"))
    assert "<img" not in page
    assert page.count("<script>") == 1  # that of the button that copies
    assert "](b)" not in page
    assert "alert(1)" in shown.prompt_html("<script>alert(1)</script>")
    assert "<script>" not in shown.prompt_html("<script>alert(1)</script>")


def test_the_command_line_has_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["ask", "--offline", "--dry-run", "Why?"]) == 0
    assert "nothing was sent" in capsys.readouterr().out
