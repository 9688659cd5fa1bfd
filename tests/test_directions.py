"""What beginners type, and the line that each of them gets. A suggestion never means the opposite."""

from __future__ import annotations

import re

import pytest

from kimi_magic import options
from kimi_magic.errors import KimiUsageError
from kimi_magic.options import CELL, CONFIG, USAGE
from kimi_magic.options.directions import OTHER_WORDS

# Where it is typed, what is typed, and what message and hint say.
MISTAKES = [
    (CELL, "Why is the sky blue?", "'Why' is no option", "below the %%kimi line"),
    (CELL, "kimi-k3", "'kimi-k3' is no option", "a model is -m NAME"),
    (CELL, "-model kimi-k3", "did you mean --model?", "--help lists all"),
    (CELL, "--modle kimi-k3", "did you mean --model?", ""),
    (CELL, "--Model kimi-k3", "did you mean --model?", ""),
    (CELL, "--max_tokens 100", "did you mean --max-tokens?", ""),
    (CELL, "--tokens 100", "did you mean --max-tokens?", ""),
    (CELL, "--streem", "did you mean --stream?", ""),
    (CELL, "--no-streem", "did you mean --no-stream?", ""),
    (CELL, "--image photo.png", "did you mean --attach?", ""),
    (CELL, "--format json", "did you mean --json?", ""),
    (CELL, "--json-schema s.json", "did you mean --schema?", ""),
    (CELL, "--resume", "did you mean --continue?", ""),
    (CELL, "--login", "belongs to another magic: %kimi_config --login", ""),
    (CELL, "--host moonshot", "belongs to another magic: %kimi_config --host", ""),
    (CELL, "--reset", "belongs to another magic: %kimi_config --reset", ""),
    (CELL, "--url http://localhost", "belongs to another magic: %kimi_config --base-url", ""),
    (CELL, "--timing", "belongs to another magic: %kimi_usage --timing", ""),
    (CELL, "--cost", "did you mean %kimi_usage?", ""),
    (CELL, "--top 5", "did you mean --top-p or --top-k?", ""),
    (CELL, "--stream false", "--stream takes no value", "For false write --no-stream."),
    (CELL, "--no-history true", "--no-history takes no value", "For true write --no-history."),
    (CELL, "--system Be brief", "'brief' is no option", '--system "Be brief"'),
    (CELL, "--schema name, age int", "'age' is no option", '--schema "name, age"'),
    (CELL, "-t 0,5", "-t '0,5': expected a number from 0 to 2", ""),
    (CELL, "-t warm", "-t 'warm': expected a number from 0 to 2", ""),
    (CELL, "--temperature", "--temperature needs a value", ""),
    (CELL, "-n 10", "expected a whole number from 1 to 5", ""),
    (CELL, "--effort extreme", "expected one of low, medium, high, max", ""),
    (CELL, "-o my result", "'result' is no option", ""),
    (CELL, "-s 'Be brief", "a quote that is not closed", "Close the quote"),
    (CELL, "--api-key sk-x", "does not exist", "--login"),
    (CELL, "-M kimi-k3", "did you mean -m?", ""),
    (CELL, "--xyzzy", "unknown option --xyzzy", "%%kimi --help lists all"),
    (CONFIG, "offline", "did you mean --offline?", "%kimi_config --help"),
    (CONFIG, "model kimi-k3", "did you mean --model?", ""),
    (CONFIG, "model=kimi-k3", "did you mean --model=kimi-k3?", ""),
    (CONFIG, "temperature: 0.5", "did you mean --temperature", ""),
    (CONFIG, "kimi-k3", "'kimi-k3' is no option", "Options begin with --"),
    (CONFIG, "-o x", "unknown option -o", ""),
    (CONFIG, "--offline false", "--offline takes no value", "--no-offline"),
    (USAGE, "reset", "did you mean --reset?", "%kimi_usage --help"),
    (USAGE, "--budget 5", "belongs to another magic: %kimi_config --budget", ""),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "line", "message", "hint"), MISTAKES, ids=lambda value: str(value)[:30])
def test_a_typical_mistake_gets_the_line_that_helps(entry: str, line: str, message: str, hint: str) -> None:
    with pytest.raises(KimiUsageError) as caught:
        options.parse(options.split(line), options.at(entry))
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("--temp 0.5", {"temperature": 0.5}),
        ("--temp=0.5", {"temperature": 0.5}),
        ("--max-t 100", {"max_tokens": 100}),
        ("--sys Brief", {"system": "Brief"}),
        ("--hide", {"hide_reasoning": True}),
        ("--no-hist", {"history": False}),
        ("-t=0.5", {"temperature": 0.5}),
        ("-o=answer", {"out": "answer"}),
        ("--online", {"offline": False}),
        ("--stream", {"stream": True}),
        ("--no-json", {"json": False}),
        ("--no-frame", {"frame": False}),
    ],
)
def test_what_can_only_mean_one_thing_is_taken(line: str, values: dict[str, object]) -> None:
    assert options.parse(options.split(line), options.at(CELL))[0] == values


def test_a_prompt_behind_a_short_form_stays_whole() -> None:
    assert options.split_prompt("--temp 0.5 Why?", options.at(CELL)) == (["--temp", "0.5"], "Why?")


@pytest.mark.parametrize("word", ["--rese", "--logi", "--rem", "--cont", "--bal"])
def test_what_does_something_at_once_is_never_guessed(word: str) -> None:
    for entry in (CELL, CONFIG):
        with pytest.raises(KimiUsageError, match="unknown option"):
            options.parse([word], options.at(entry))


@pytest.mark.parametrize("entry", [CELL, CONFIG])
def test_each_flag_has_its_opposite_on_cell_and_kernel_alike(entry: str) -> None:
    for option in options.at(entry):
        if (
            option.is_setting and not option.metavar and option.name != "history"
        ):  # `--history N` says how much
            (values, _) = options.parse([option.flags[-1]], options.at(entry))
            (opposite, _) = options.parse([option.opposite[0]], options.at(entry))
            assert values == {option.name: option.sets}
            assert opposite == {option.name: not option.sets}
            assert option.flags[-1].replace("--no-", "--") == option.opposite[0].replace("--no-", "--")


@pytest.mark.parametrize("entry", [CELL, CONFIG])
def test_no_suggestion_means_the_opposite(entry: str) -> None:
    flags = [f for o in options.at(entry) for f in (*o.flags, *o.opposite) if f.startswith("--")]
    for flag in flags:
        for place in range(4, len(flag)):
            wrong = flag[:place] + "q" + flag[place + 1 :]
            if wrong in flags:
                continue
            with pytest.raises(KimiUsageError) as caught:
                options.parse([wrong], options.at(entry))
            for suggested in re.findall(r"did you mean (--[\w-]+)", caught.value.message):
                assert suggested.startswith("--no-") == wrong.startswith("--no-"), wrong


def test_words_of_other_tools_lead_to_options_that_there_are() -> None:
    flags = {flag for option in options.TABLE for flag in option.flags}
    for word, meant in OTHER_WORDS.items():
        assert word not in flags
        assert meant.partition("=")[0] in flags or meant.startswith("%")
