"""What `{{ }}` in a prompt becomes; everything else goes to the service byte for byte."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimi_magic import options, prompt
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import TextDelta
from kimi_magic.options import CELL
from kimi_magic.prompt import Filler, secrets
from kimi_magic.prompt.filters import FILTERS
from kimi_magic.prompt.holes import holes
from tests.turns import Growing


def filled(text: str, **names: Any) -> str:
    return Filler(names).text(text)


def refused(text: str, **names: Any) -> KimiUsageError:
    with pytest.raises(KimiUsageError) as caught:
        filled(text, **names)
    assert "\n" not in caught.value.message
    return caught.value


def parsed(line: str, **names: Any) -> dict[str, Any]:
    fill = Filler(names).value
    return options.parse(options.split(line), options.at(CELL), namespace=names, fill=fill)[0]


# ---- what is no hole ----

TYPED = [
    '{"a": {"b": {"c": 1}}}', '{"a":{}}', "{}", "{{}}", "{{ }}", "}}", "{{", "{{{x}}}", "{{{{x}}}}",
    "{ {x} }", r"\frac{{a}{b}}", r"{{a}\over{b}}", r"\left\{{a}\right\}", r"\sum_{i=1}^{n} \mathbf{x}_{i}",
    "$x ${x} $$", "{% for x in y %}{% endfor %}", "f'{x!r:>{width}}'", "f\"{a['b']}\"", "{x", "x}}",
    "{{ x\n}}", "{{\nx\n}}",
    "a { {{ b", "std::array<int, 2> v{{\n1, 2}};", "100% {x:.2f}", "`{{`", "\\", "\\{x}", "{{ (", "{{ 'x",
    "(" * 3_000 + "{" * 3_000, "{{ " * 2_000, "{{ ' " * 2_000, "{{ {" * 2_000, "\\{" * 100,
]  # fmt: skip


@pytest.mark.parametrize("text", TYPED, ids=lambda text: text[:20])
def test_what_is_no_hole_stays_byte_for_byte(text: str) -> None:
    assert filled(text) == text
    assert filled(f"{text}\n{{{{ x }}}}\n{text}", x="X") == f"{text}\nX\n{text}"


def test_a_megabyte_of_text_is_read_in_one_pass() -> None:
    for piece in ("a {x} $y \\z ", "{{ ' ", '{{ "\\', "{{ {'", "{{a ", "\\{{", "}} {{"):
        text = piece * (1_000_000 // len(piece))
        assert filled(text) == text


@given(st.lists(st.sampled_from([*TYPED[:30], "{{ x }}", "\\", "{", "}", "'", '"', "\n"])), st.text())
def test_what_was_filled_in_is_not_looked_at_again(parts: list[str], value: str) -> None:
    text, hostile = "".join(parts), "{{ y }}" + value
    found = [hole for hole in holes(text) if not hole.is_escaped and hole.code == "x"]
    if all(hole.code == "x" for hole in holes(text) if not hole.is_escaped):
        assert filled(text, x=hostile).count(hostile) >= len(found)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("{{x}}", "5"),
        ("{{ x }}", "5"),
        ("a{{ x }}b{{ x + 1 }}c", "a5b6c"),
        ('{"n": {{ x }}}', '{"n": 5}'),
        ('{"n":{{x}},"m":{}}', '{"n":5,"m":{}}'),
        ("{{ {'a': {'b': x}} }}", '{\n "a": {\n  "b": 5\n }\n}'),
        ("{{ '}}' }}{{ x }}", "}}5"),
        ("{{ [y for y in (x, x)] }}", "[5, 5]"),
        ("{{ x if x else 1 }}", "5"),
        ("don't {{ x }} or can't {{ x }}", "don't 5 or can't 5"),
        (r"\{{ x }}", "{{ x }}"),
        (r"\\{{ x }}", r"\\5"),
        (r"\\\{{ x }}", r"\\{{ x }}"),
        ("${{ x }}", "$5"),
        ("{{ x }}\n{{ x }}", "5\n5"),
    ],
)
def test_an_expression_is_replaced_by_its_value(text: str, sent: str) -> None:
    assert filled(text, x=5) == sent


def test_an_expression_is_evaluated_once() -> None:
    calls: list[int] = []
    assert filled("{{ f() }}", f=lambda: calls.append(1) or "once") == "once"
    assert calls == [1]


# ---- what cannot be filled ----


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\n{{ dff }}", "{{ dff }} in line 2 of the prompt: there is no dff; did you mean df?"),
        ("{{ DF }}", "{{ DF }} in line 1 of the prompt: there is no DF; did you mean df?"),
        ("{{ zzz }}", "{{ zzz }} in line 1 of the prompt: there is no zzz"),
        ("{{ df | haed }}", "there is no haed; did you mean head?"),
        ("{{ df[ }}", "it is no Python expression"),
        ("{{ color: 'red' }}", "it is no Python expression"),
        ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
        ("{{ df['x'] }}", "KeyError: 'x'"),
        ("{{ np }}", "it is the module numpy; expected a value"),
        ("{{ len }}", "there is no source of len"),
        ("{{ 5 | csv }}", "csv takes a DataFrame or a Series, not a value of type int"),
        ("{{ 5 | head }}", "head takes a table, a list or a text"),
        ("{{ df | head('x') }}", "df | head('x')"),
    ],
)
def test_what_has_no_value_is_one_line_with_its_place(text: str, message: str) -> None:
    assert message in refused(text, df={"a": 1}, np=np).message


def test_what_is_no_expression_is_told_how_braces_are_written() -> None:
    assert r"\{{" in refused("{{ a b }}").hint
    assert "--raw" in refused("{{ a b }}").hint


def test_the_error_of_an_own_repr_is_one_line() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no\nway")

    assert "RuntimeError: no way" in refused("{{ x }}", x=Broken()).message


def test_a_value_that_is_too_large_is_refused_with_its_size() -> None:
    assert "4,000,001 characters long" in refused("{{ x }}", x="a" * 4_000_001).message


# ---- types ----


class Colour(Enum):
    RED = "red"


@dataclass
class City:
    name: str
    since: date
    twins: tuple[str, ...] = ()


def double(x: int) -> int:
    """Twice."""
    return 2 * x


FRAME = {"name": ["Ana", "Bo|b\nby"], "age": [3, None]}
LONG = pd.DataFrame({"n": range(1_000)})
GOLDEN = [
    ("text with {{ braces }} and\nlines", "text with {{ braces }} and\nlines"),
    (5, "5"), (0.1, "0.1"), (None, "None"), ([1, "a"], "[1, 'a']"), (np.float64(0.5), "0.5"),
    ({"a": 1, 2: Colour.RED}, '{\n "a": 1,\n "2": "red"\n}'),
    (
        City("Oslo", date(1048, 1, 2), ("Køln",)),
        '{\n "name": "Oslo",\n "since": "1048-01-02",\n "twins": [\n  "Køln"\n ]\n}',
    ),
    (double, 'def double(x: int) -> int:\n    """Twice."""\n    return 2 * x'),
    (
        pd.DataFrame(FRAME),
        "pandas DataFrame, 2 rows × 2 columns: name str, age float64\n\n"
        "|  | name | age |\n| --- | --- | --- |\n| 0 | Ana | 3.0 |\n| 1 | Bo\\|b by | nan |",
    ),
    (
        pl.DataFrame(FRAME),
        "polars DataFrame, 2 rows × 2 columns: name String, age Int64\n\n"
        "| name | age |\n| --- | --- |\n| Ana | 3 |\n| Bo\\|b by | None |",
    ),
    (
        pd.Series([1, 2], index=["a", "b"]),
        "pandas Series of 2 values: value int64\n\n|  | value |\n| --- | --- |\n| a | 1 |\n| b | 2 |",
    ),
    (
        pl.Series("n", [1, 2]),
        "polars Series of 2 values: n Int64\n\n| n |\n| --- |\n| 1 |\n| 2 |",
    ),
    (
        np.array([[1.0, np.nan], [2.5, 4.0]]),
        "numpy array of shape (2, 2), float64; 1 NaN; min 1.0, max 4.0, mean 2.5\n[[1. , nan],\n [2.5, 4. ]]",
    ),
    (np.zeros((0, 3), dtype=np.int8), "numpy array of shape (0, 3), int8\n[]"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), GOLDEN, ids=lambda value: type(value).__name__)
def test_a_value_is_written_by_its_type(value: object, text: str) -> None:
    written = filled("{{ x }}", x=value)
    assert written.replace("name object", "name str") == text  # pandas 2 calls its texts objects


def test_a_reply_is_sent_as_the_text_of_its_answer() -> None:
    reply = Growing()
    reply.add(TextDelta("It is {{ blue }}."))
    reply.end()
    assert filled("{{ x }}", x=reply) == "It is {{ blue }}."


def test_a_long_table_is_cut_with_its_size_and_the_place() -> None:
    lines = filled("{{ x }}", x=LONG).splitlines()
    assert lines[0] == "pandas DataFrame, 1,000 rows × 1 columns: n int64"
    assert "| … | … |" in lines
    assert lines[-2] == "| 999 | 999 |"
    assert lines[-1] == "[988 of 1,000 rows are left out]"
    assert len(lines) < 20


def test_a_wide_table_is_cut_too() -> None:
    wide = pd.DataFrame([range(100)], columns=[f"c{n}" for n in range(100)])
    written = filled("{{ x }}", x=wide)
    assert "[70 of 100 columns are left out]" in written
    assert "c99" not in written
    assert "c99" in filled("{{ x | all }}", x=wide)


def test_a_table_with_columns_of_one_name_is_written() -> None:
    assert "| 0 | 1 | 2 |" in filled("{{ x }}", x=pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize("value", [list(range(10_000)), {str(n): n for n in range(10_000)}])
def test_what_is_long_is_cut_with_a_mark_and_whole_where_all_is_wanted(value: Any) -> None:
    cut = filled("{{ x }}", x=value)
    assert "[cut: 8,000 of " in cut
    assert len(cut) < 8_200
    assert "9999" in filled("{{ x | all }}", x=value)
    assert "[cut" not in filled("{{ x | all }}", x=value)


def test_a_large_array_is_summed_up_and_whole_where_all_is_wanted() -> None:
    numbers = np.arange(1_000)
    assert "..." in filled("{{ x }}", x=numbers)
    assert "[cut: 1,000 elements in all]" in filled("{{ x }}", x=numbers)
    assert "500" in filled("{{ x | all }}", x=numbers)


def test_what_holds_itself_is_written_as_its_repr() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert filled("{{ x }}", x=loop) == "{'self': {...}}"


# ---- filters ----


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        ("df | csv", "name,age\nAna,3\nBo,5"),
        ("pf | csv", "name,age\nAna,3\nBo,5"),
        ("df | head(1) | csv", "name,age\nAna,3"),
        ("df | json", '[{"name": "Ana", "age": 3}, {"name": "Bo", "age": 5}]'),
        ("pf | json", '[{"name": "Ana", "age": 3}, {"name": "Bo", "age": 5}]'),
        ("[1, 2, 3] | head(2)", "[1, 2]"),
        ("'a\\nb\\nc' | head(2)", "a\nb\n"),
        ("{'a': 1} | json", '{"a": 1}'),
        ("{'a': 1} | schema", "| key | type |\n| --- | --- |\n| a | int |"),
        ("{1} | {2}", "{1, 2}"),
        ("df.age.sum() | json", "8"),
    ],
)
def test_a_filter_changes_what_is_written(code: str, sent: str) -> None:
    data = {"name": ["Ana", "Bo"], "age": [3, 5]}
    assert filled(f"{{{{ {code} }}}}", df=pd.DataFrame(data), pf=pl.DataFrame(data)) == sent


def test_head_shows_as_many_rows_as_it_says() -> None:
    written = filled("{{ x | head(500) }}", x=LONG)
    assert "| 499 | 499 |" in written
    assert "left out" not in written


def test_schema_and_describe_send_no_rows() -> None:
    frame = pd.DataFrame({"name": ["Ana", None], "age": [3, 5]})
    assert "| name | " in filled("{{ x | schema }}", x=frame)
    assert "| 1 |" in filled("{{ x | schema }}", x=frame)  # one is missing
    assert "Ana" not in filled("{{ x | schema }}{{ x | describe }}", x=frame)
    assert "| mean | 4.0 |" in filled("{{ x | describe }}", x=frame)


def test_users_add_filters_with_a_decorator() -> None:
    @prompt.prompt_filter
    def shouted(value: str, times: int = 1) -> str:
        return value.upper() + "!" * times

    try:
        assert filled("{{ x | shouted }}{{ x | shouted(times=2) }}", x="a") == "A!A!!"
        with pytest.raises(ValueError, match="no name"):
            prompt.prompt_filter(lambda value: value)
    finally:
        del FILTERS["shouted"]


def test_every_filter_is_explained() -> None:
    assert all(function.__doc__ for function in FILTERS.values())


# ---- secrets ----

# Put together here, so that nobody's scanner takes this file for a leak.
SECRETS = [
    "sk-" + "a1B2" * 8, "sk-proj-" + "x9_Y" * 10, "AKIA" + "Q7" * 8, "ghp_" + "a1" * 18, "hf_" + "aB3" * 11,
    "xoxb-" + "123456789012", "AIza" + "Sy1_" * 9, "glpat-" + "a1b2" * 5,
    "eyJhbGciOiJI." + "eyJzdWIiOiIx.c2lnbmF0dXJl",
    "-----BEGIN RSA PRIVATE KEY-----\nMII", "Bearer " + "a1b2" * 6, "postgres://me:hunter22@host/db",
    'api_key = "' + "0123abcd" + '"', "{'password': 'hunter22'}",
    "DB_PASSWORD=hunter22",
]  # fmt: skip


@pytest.mark.parametrize("value", SECRETS, ids=lambda value: value[:8])
@pytest.mark.parametrize("around", ["{}", "x = 1\n{}\ny", "({})"])
def test_a_value_that_looks_like_a_secret_is_refused_and_not_quoted(value: str, around: str) -> None:
    error = refused("{{ x }}", x=around.format(value) if "{" not in value and "=h" not in value else value)
    assert "looks like a secret" in error.message
    assert value not in str(error)
    assert "| unsafe" in error.hint
    assert value in filled("{{ x | unsafe }}", x=value)
    if "=h" not in value:  # a line of a file
        assert "looks like a secret" in refused("{{ x }}", x={"deep": [value]}).message


@pytest.mark.parametrize(
    "name", ["api_key", "API_KEY", "apikey", "OPENAI_API_KEY", "password", "db_password", "token", "hf_token",
             "accessToken", "client_secret", "passwd", "private_key", "credentials"],
)  # fmt: skip
def test_a_text_that_is_called_a_secret_is_refused(name: str) -> None:
    assert f"it is called {name}" in refused(f"{{{{ {name} }}}}", **{name: "word"}).message
    assert name in refused(f"{{{{ d['{name}'] }}}}", d={name: "word"}).message
    assert filled(f"{{{{ {name} | unsafe }}}}", **{name: "word"}) == "word"


@pytest.mark.parametrize(
    "name", ["n_tokens", "tokens", "tokenizer", "key", "keys", "keyboard", "passage", "secretary", "passes",
             "token_count", "max_tokens", "author"],
)  # fmt: skip
def test_a_name_that_only_resembles_one_is_sent(name: str) -> None:
    assert filled(f"{{{{ {name} }}}}", **{name: "word"}) == "word"


def test_a_number_that_is_called_a_token_is_sent() -> None:
    assert filled("{{ token }}", token=5) == "5"


@pytest.mark.parametrize(
    "text",
    ["sk-learn", "the task-force-of-the-north", "password: see below", 'api_key = "…"',
     "api_key='<your key>'",
     "token = next(tokens)", "https://example.org/a:b@c", "sha256: " + "a1" * 32],
)  # fmt: skip
def test_a_text_that_only_speaks_of_secrets_is_sent(text: str) -> None:
    assert filled("{{ x }}", x=text) == text


def test_what_a_variable_of_the_environment_keeps_is_refused() -> None:
    keeps = {"SOME_API_KEY": "plain-words-here", "HOME": "/home/ana"}
    assert "SOME_API_KEY" in secrets.in_text("x plain-words-here y", keeps)
    assert secrets.in_text("/home/ana", keeps) == ""


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "GOOGLE_APPLICATION_CREDENTIALS", "PGPASSWORD_FILE"])
def test_where_a_folder_or_a_file_is_no_secret(name: str, tmp_path: Path) -> None:
    """A traceback names the folder of the project, which every shell keeps in `PWD`."""
    text = f"File {tmp_path}/.venv/lib/pandas/frame.py:4102, in __getitem__"
    assert secrets.in_text(text, {name: str(tmp_path)}) == ""


def test_a_column_of_secrets_is_refused_unless_only_its_shape_is_sent() -> None:
    frame = pd.DataFrame({"user": ["ana"], "password": ["x"]})
    assert "it has a column password" in refused("{{ x | csv }}", x=frame).message
    assert "password" in filled("{{ x | schema }}", x=frame)
    assert "ana" in filled("{{ x[['user']] }}", x=frame)


def test_an_error_that_quotes_a_secret_is_not_quoted() -> None:
    secret = SECRETS[0]
    assert secret not in str(refused("{{ int(x) }}", x=secret))


# ---- option values ----


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("-t {{ t }}", {"temperature": 0.5}),
        ("-t {{ t * 2 }} -m {{ name }}", {"temperature": 1.0, "model": "kimi-k2"}),
        ('-s "Be {{ d["a"] }}, {{ name }}"', {"system": "Be brief, kimi-k2"}),
        ("-s 'Be {{ d['a'] }}'", {"system": "Be brief"}),
        ("--system={{ d['a'] }}", {"system": "brief"}),
        (r'-s "one\n{{ path }}"', {"system": "one\nC:\\new"}),
        ("-s {{ flag }}", {"system": "--offline"}),
        ("-s {{ 5 }}", {"system": "5"}),
        ("--stop {{ ['a', 'b'] }}", {"stop": ["a", "b"]}),
        ("--tools {{ tools }}", {"tools": ()}),
        (r"-s '\{{ name }}'", {"system": "{{ name }}"}),
        ("--raw -s '{{ name }}'", {"raw": True, "system": "{{ name }}"}),
        ("-s '{{ name }}' --raw", {"raw": True, "system": "{{ name }}"}),
        ("--prefix '{{'", {"prefix": "{{"}),
    ],
)
def test_option_values_are_filled_once(line: str, values: dict[str, Any]) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}
    names = {
        "t": 0.5, "name": "kimi-k2", "d": {"a": "brief"}, "path": "C:\\new", "flag": "--offline",
        "tools": [tool],
    }  # fmt: skip
    if "tools" in values:
        values = {"tools": (tool,)}
    assert parsed(line, **names) == values


def test_an_unknown_name_in_an_option_names_the_flag() -> None:
    with pytest.raises(KimiUsageError, match=r"\{\{ tt \}\} in -t: there is no tt"):
        parsed("-t {{ tt }}")


def test_without_something_that_fills_values_they_stay_as_typed() -> None:
    assert options.parse(["-s", "{{ x }}"], options.at(CELL))[0] == {"system": "{{ x }}"}


def test_json_of_numbers_of_numpy_and_of_dates_is_json() -> None:
    value = {"n": np.int64(3), "a": np.arange(2), "d": date(2026, 1, 2), "s": {1}, "t": (1, 2)}
    assert json.loads(filled("{{ x }}", x=value)) == {
        "n": 3,
        "a": [0, 1],
        "d": "2026-01-02",
        "s": [1],
        "t": [1, 2],
    }
