"""The data files of the simulator: each is well formed, and says what the code reads."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from kimi_magic.simulator import content

NAMES = sorted(
    path.name.removesuffix(".toml") for path in files("kimi_magic.simulator").joinpath("data").iterdir()
)
TABLES = content.load("facts")["table"]


def test_there_are_the_files_that_the_code_reads():
    assert NAMES == [
        "answers", "capitals", "essays", "extraction", "facts", "faults", "formats", "language", "languages",
        "profiles", "samples", "topics",
    ]  # fmt: skip
    for name in NAMES:
        assert content.load(name) is content.load(name)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["pattern"])
def test_every_record_has_a_value_for_each_column_and_the_sentence_names_columns(table):
    assert re.compile(table["pattern"])
    first_names = [column.split()[0] for column in table["columns"]]
    assert len(set(first_names)) == len(first_names)
    assert all(len(row) == len(table["columns"]) for row in table.get("rows", ()))
    assert set(re.findall(r"\{(\w+)\}", table["about"])) <= set(first_names)


@pytest.mark.parametrize("topic", content.load("topics")["topic"], ids=lambda topic: topic["word"])
def test_every_topic_has_wishes_and_an_answer_in_each_size(topic):
    assert all(re.compile(wish) for wish in topic["wishes"])
    assert topic["plan"].strip()
    assert len(topic["word"].split()) == 1
    assert topic["sentences"]
    assert topic["body"].strip()


def test_every_description_of_a_form_has_a_pattern_that_compiles():
    for pattern, example in content.load("formats")["descriptions"]:
        assert re.compile(pattern)
        assert example


def test_every_list_of_invented_values_has_some_and_every_alias_leads_to_one():
    samples = content.load("samples")
    assert all(samples["strings"].values())
    assert set(samples["aliases"]) <= set(samples["strings"])
