"""A line typed by a person becomes checked values, or one line that says what is wrong with it."""

from __future__ import annotations

import math
import shlex

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kimi_magic import options
from kimi_magic.errors import KimiUsageError
from kimi_magic.options import CELL, CONFIG, PYTHON

TABLE = options.TABLE


def parsed(line: str, entry: str = CELL) -> dict[str, object]:
    values, others = options.parse(options.split(line), options.at(entry))
    assert others == []
    return values


def refused(line: str, entry: str = CELL) -> KimiUsageError:
    with pytest.raises(KimiUsageError) as caught:
        parsed(line, entry)
    assert "\n" not in caught.value.message
    return caught.value


# ---- words ----


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("   ", []),
        ("-m x", ["-m", "x"]),
        ("-s 'two words'", ["-s", "two words"]),
        ('-s "two words"', ["-s", "two words"]),
        ('-s "it\'s"', ["-s", "it's"]),
        ("-s 'say \"hi\"'", ["-s", 'say "hi"']),
        ('--system="two words"', ["--system=two words"]),
        (r"-s two\ words", ["-s", "two words"]),
        ("-s 'a\\b'", ["-s", "a\\b"]),
        ("-s a#b #c", ["-s", "a#b", "#c"]),
        ("-s ''", ["-s", ""]),
        ("-s {x} $y", ["-s", "{x}", "$y"]),
    ],
)
def test_quotes_are_read_as_a_shell_reads_them(line: str, words: list[str]) -> None:
    assert options.split(line) == words == shlex.split(line)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text()))
def test_words_that_were_quoted_come_back(words: list[str]) -> None:
    assert options.split(shlex.join(words)) == words


@pytest.mark.parametrize("line", ["-s 'never closed", '-s "never closed', "-s don't", "-s it's -m x"])
def test_a_quote_that_is_not_closed_is_said_in_one_line_that_shows_the_line(line: str) -> None:
    error = refused(line)
    assert "a quote that is not closed" in error.message
    assert line in error.message
    assert error.hint


@pytest.mark.parametrize(
    "path",
    [
        r"C:\Users\ana\pic.png", r"\\server\share\pic.png", r"D:\new\table.png", r".\pics\new.png",
        r"C:\tmp\u0041.png",
    ],
)  # fmt: skip
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_backslash_in_a_path_is_kept(path: str, quote: str) -> None:
    assert options.split(f"-a {quote}{path} {quote}") == ["-a", f"{path} " if quote else path]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-s “two words”", ["-s", "two words"]),
        ("-s „zwei Wörter“", ["-s", "zwei Wörter"]),
        ("--system=«deux mots»", ["--system=deux mots"]),
        ("-s ‘two words’", ["-s", "two words"]),
        ("-s it’s", ["-s", "it’s"]),
        ("-s “open", ["-s", "“open"]),
        ("-s\u00a0x\u3000-R", ["-s", "x", "-R"]),
    ],
)
def test_typographic_quotes_and_blanks_are_read_as_they_look(line: str, words: list[str]) -> None:
    assert options.split(line) == words


@pytest.mark.parametrize("flag", ["—model", "–model", "−m", "–m", "‐‐model", "—max‑tokens"])
def test_typographic_dashes_are_read_as_hyphens(flag: str) -> None:
    values = parsed(f"{flag} 5")
    assert values in ({"model": "5"}, {"max_tokens": 5})
    assert options.split_prompt(f"{flag} 5 — why?", options.at(CELL)) == ([flag, "5"], "— why?")


@pytest.mark.parametrize("prompt", ["— what is this?", "–5 + 3", "−m", "—"])
def test_a_dash_that_begins_no_option_begins_a_prompt(prompt: str) -> None:
    assert options.split_prompt(prompt, options.at(CELL)[:0]) == ([], prompt)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (r'--stop "\n"', "stop", ["\n"]),
        (r"--stop \n\n", "stop", ["\n\n"]),
        (r"--stop '\t'", "stop", ["\t"]),
        (r"--stop \u2028", "stop", ["\u2028"]),
        (r'-s "one\ntwo\\n"', "system", "one\ntwo\\n"),
        (r'-s "Write $\nu$, $\nabla f$ and $\theta$"', "system", r"Write $\nu$, $\nabla f$ and $\theta$"),
        (r'-s "one\next"', "system", "one\next"),
        (r"--prefix 'a\tb\d'", "prefix", "a\tb\\d"),
        (r"--schema C:\new\table.json", "schema", r"C:\new\table.json"),
    ],
)
def test_escapes_mean_what_people_write_them_for_where_text_is_sent(
    line: str, name: str, value: object
) -> None:
    assert parsed(line) == {name: value}


def test_an_option_line_is_read_in_one_pass() -> None:
    for piece in ("-R ", "“ ", "-s “x ", r"C:\x ", "'' ", "— "):
        line = piece * 200_000
        assert len(options.split(line)) >= 200_000 - 1
        options.split_prompt(line, options.at(CELL))


# ---- options ----


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", {}),
        ("-m kimi-k2", {"model": "kimi-k2"}),
        ("--model kimi-k2", {"model": "kimi-k2"}),
        ("--model=kimi-k2", {"model": "kimi-k2"}),
        ("-mkimi-k2", {"model": "kimi-k2"}),
        ("--model=a=b", {"model": "a=b"}),
        ("-t 0.5", {"temperature": 0.5}),
        ("-t0.5", {"temperature": 0.5}),
        ("--temperature=0.5", {"temperature": 0.5}),
        ("--temperature 1e-1", {"temperature": 0.1}),
        ("--max-tokens 64", {"max_tokens": 64}),
        ("-s 'Be brief.'", {"system": "Be brief."}),
        ("-s -", {"system": "-"}),
        ("-s -brief-", {"system": "-brief-"}),
        ("-o answer", {"out": "answer"}),
        ("-oanswer", {"out": "answer"}),
        ("--no-history", {"history": False}),
        ("--no-stream", {"stream": False}),
        ("-R", {"hide_reasoning": True}),
        ("--hide-reasoning", {"hide_reasoning": True}),
        ("--offline --speed 0", {"offline": True, "speed": 0.0}),
        ("-h", {"help": True}),
        ("-t 0.1 -t 0.2", {"temperature": 0.2}),
        (
            "-m a -R -t0 --max-tokens=5",
            {"model": "a", "hide_reasoning": True, "temperature": 0, "max_tokens": 5},
        ),
    ],
)
def test_an_option_is_understood_in_each_spelling(line: str, values: dict[str, object]) -> None:
    assert parsed(line) == values


@pytest.mark.parametrize(
    ("line", "typed", "meant"),
    [
        ("--temprature 0.5", "--temprature", "--temperature"),
        ("--modle=x", "--modle", "--model"),
        ("--no-histroy", "--no-histroy", "--no-history"),
        ("--max_tokens 5", "--max_tokens", "--max-tokens"),
        ("--hide-reasonning", "--hide-reasonning", "--hide-reasoning"),
    ],
)
def test_an_unknown_option_names_the_nearest(line: str, typed: str, meant: str) -> None:
    message = refused(line).message
    assert f"unknown option {typed}" in message
    assert f"did you mean {meant}?" in message


def test_an_unknown_option_that_is_near_to_nothing_is_told_where_all_are() -> None:
    assert "%%kimi --help lists all" in refused("--xyzzy").hint


@pytest.mark.parametrize(
    "line", ["-m", "--model", "-R -m", "-m -t 0.5", "-m --no-history", "--max-tokens -R"]
)
def test_an_option_without_its_value_says_so(line: str) -> None:
    assert "needs a value" in refused(line).message


@pytest.mark.parametrize("line", ["--model=", "-m ''", "-s '  '", "--system="])
def test_an_empty_value_is_no_value(line: str) -> None:
    assert "expected a text that is not empty" in refused(line).message


@pytest.mark.parametrize("line", ["--no-history=yes", "--offline=", "--hide-reasoning=1"])
def test_a_flag_takes_no_value(line: str) -> None:
    assert "takes no value" in refused(line).message


@pytest.mark.parametrize("line", ["-Rx", "-hm", "-5", "--"])
def test_letters_glued_to_a_flag_are_an_unknown_option(line: str) -> None:
    assert "unknown option" in refused(line).message


def test_a_prompt_beside_the_options_of_a_cell_is_told_where_it_belongs() -> None:
    error = refused("-t 0 what is 2+2")
    assert "'what' is no option" in error.message
    assert "below" in error.hint


def test_an_option_of_another_door_is_unknown_here() -> None:
    assert "unknown option --login" in refused("--login", CELL).message
    assert "unknown option -o" in refused("-o x", CONFIG).message


def test_positional_words_are_kept_in_their_order() -> None:
    words = ["what", "-t", "0.5", "is", "-", "--", "-5", "--model"]
    values, others = options.parse(words, options.at(CELL), positional=True)
    assert values == {"temperature": 0.5}
    assert others == ["what", "is", "-", "-5", "--model"]


# ---- values ----

HUGE = 10**400  # larger than any float

GOOD = [
    ("temperature", [0, 2, 0.5, "0", "2", "1.5", " 1 ", "1e-3"]),
    ("max_tokens", [1, 2**40, "1", " 32768 ", "1_000"]),
    ("speed", [0, 1e6, "0", "80", 0.5]),
    ("out", ["x", "_", "réponse", "x1"]),
    ("model", ["m", "a/b:c"]),
    ("offline", [True, False]),
]
BAD = [
    (
        "temperature",
        [-0.1, 2.1, "-1", "3", math.nan, math.inf, -math.inf, "nan", "inf", True, False, "", "warm", []],
    ),
    ("temperature", [HUGE, 1j, "0,5", "0.5 0.6", {}]),
    (
        "max_tokens",
        [0, -1, "0", "-5", 1.0, 1.5, "1.5", "1e3", math.nan, math.inf, True, False, "", "many", []],
    ),
    ("speed", [-1, 1e7, "nan", "inf", math.nan, math.inf, True, HUGE]),
    ("out", ["", "1x", "a b", "a.b", "a-b", "class", "None", 7, "x=1"]),
    ("model", ["", "  ", 7, True, ["m"], b"m"]),
    ("offline", ["yes", 1, 0, ""]),
    ("history", ["-no", 1, ""]),
]


def pairs(table: list[tuple[str, list[object]]]) -> list[tuple[str, object]]:
    return [(name, value) for name, values in table for value in values]


@pytest.mark.parametrize(("name", "value"), pairs(GOOD), ids=str)
def test_a_value_in_range_is_taken(name: str, value: object) -> None:
    checked = options.BY_NAME[name].check(value)
    assert checked == (type(checked)(value) if isinstance(value, str) else value)


@pytest.mark.parametrize(("name", "value"), pairs(BAD), ids=lambda value: str(value)[:20])
def test_a_value_out_of_range_is_refused_with_what_was_expected(name: str, value: object) -> None:
    with pytest.raises(KimiUsageError, match="expected") as caught:
        options.BY_NAME[name].check(value)
    assert caught.value.message.startswith(name)
    assert "\n" not in caught.value.message


def test_a_value_on_a_line_is_refused_under_the_flag_that_was_typed() -> None:
    assert refused("-t 5").message == "-t '5': expected a number from 0 to 2"
    assert refused("--temperature=5").message == "--temperature '5': expected a number from 0 to 2"
    assert refused("--max-tokens 0").message == "--max-tokens '0': expected a whole number of at least 1"


def test_python_values_are_checked_and_none_means_not_given() -> None:
    assert options.check({"temperature": 1, "model": None}, PYTHON) == {"temperature": 1.0}


def test_a_name_that_python_does_not_know_names_the_nearest() -> None:
    with pytest.raises(KimiUsageError, match="unknown option 'temprature'; did you mean temperature"):
        options.check({"temprature": 1}, PYTHON)


@pytest.mark.parametrize("name", ["help", "login", "reset"])
def test_an_action_is_no_setting(name: str) -> None:
    with pytest.raises(KimiUsageError, match="unknown option"):
        options.check({name: True}, CONFIG)


# ---- the prompt of a line ----

OPTIONS = [
    "",
    "-R ",
    "-t 0.5 ",
    "-t0.5 --no-history ",
    "--system='be \"brief\"' ",
    '-s "it\'s" -m x ',
    "-R -- ",
]
PROMPTS = st.text() | st.lists(
    st.sampled_from(
        ["it's", '"', "'", "{x}", "{{x}}", "#", "# no comment", "\\", "\\n", "$HOME", " ", "\t", "-t", "--"]
    )
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(OPTIONS), PROMPTS)
@example("", "don't {x} # \\ 'open")
@example("-R ", "don't {x} # \\ 'open")
@example("", "what's `-t`? -t 5")
def test_a_prompt_stays_as_it_was_typed(before: str, prompt: str) -> None:
    if prompt.lstrip().startswith("-") and "--" not in before.split():
        before += "-- "
    words, rest = options.split_prompt(before + prompt, options.at(CELL))
    assert rest == prompt.strip()
    assert words == [word for word in shlex.split(before) if word != "--"]


@pytest.mark.parametrize(
    ("line", "words", "prompt"),
    [
        ("what is 2+2", [], "what is 2+2"),
        ("-t 0 what is -t 5", ["-t", "0"], "what is -t 5"),
        ("-- -5 + 3", [], "-5 + 3"),
        ("--   it's", [], "it's"),
        ("-m x -- -- y", ["-m", "x"], "-- y"),
        ("-s 'a b'  c  d ", ["-s", "a b"], "c  d"),
        ("-m", ["-m"], ""),
        ("", [], ""),
    ],
)
def test_the_prompt_begins_at_the_first_word_that_is_no_option(
    line: str, words: list[str], prompt: str
) -> None:
    assert options.split_prompt(line, options.at(CELL)) == (words, prompt)


def test_a_quote_that_is_open_in_the_options_is_still_an_error_before_a_prompt() -> None:
    with pytest.raises(KimiUsageError, match="a quote that is not closed"):
        options.split_prompt("-s 'be brief what is 2+2", options.at(CELL))


# ---- the key ----


@pytest.mark.parametrize("entry", [CELL, CONFIG, PYTHON])
def test_no_door_has_an_option_for_the_key(entry: str) -> None:
    names = {name for option in options.at(entry) for name in (option.name, *option.flags)}
    assert not [name for name in names if "key" in name or "secret" in name or name.endswith("token")]


@pytest.mark.parametrize("entry", [CELL, CONFIG])
@pytest.mark.parametrize("flag", ["--api-key", "--api_key", "--apikey", "--key"])
@pytest.mark.parametrize("glue", [" ", "="])
def test_a_key_on_a_line_is_refused_with_the_way_that_is_safe(entry: str, flag: str, glue: str) -> None:
    error = refused(f"{flag}{glue}sk-secret", entry)
    assert "does not exist" in error.message
    assert "--login" in error.hint
    assert "sk-secret" not in str(error)


# ---- the table ----


def test_names_and_flags_are_not_given_twice() -> None:
    flags = [flag for option in TABLE for flag in option.flags]
    assert len(flags) == len(set(flags))
    assert len(TABLE) == len({option.name for option in TABLE})


@pytest.mark.parametrize(
    "option", [o for o in TABLE if o.is_setting and o.default is not None], ids=lambda o: o.name
)
def test_a_default_is_a_value_that_may_be_typed(option: options.Option) -> None:
    assert option.check(option.default) == option.default


@pytest.mark.parametrize("entry", [CELL, CONFIG])
def test_the_help_shows_every_option_of_its_entry_point_with_its_default(entry: str) -> None:
    text = options.help_text("%kimi [options]", "Talk.", options.at(entry))
    assert text.startswith("Talk.\n\nUsage: %kimi [options]\n")
    for option in options.at(entry):
        flags = ", ".join((*option.flags, *option.opposite))
        (row,) = [row for row in text.splitlines() if f"{row.lstrip()} ".startswith(f"{flags} ")]
        assert option.help in row
    assert "(default that of the host; at EvoLink kimi-k2-thinking)" in text
