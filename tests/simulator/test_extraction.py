"""Data out of a text in the prompt: every value is said there, and what is not said is not invented."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.prompt.rendering import render
from kimi_magic.simulator import content, source, spans

from .chat import send, user

MISSING = content.load("languages")["en"]["missing"].partition("{")[0]
KINDS = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "list": {"type": "array", "items": {"type": "string"}},
}


def fields(short: str) -> dict[str, Any]:
    """The schema of an object from `name, age int, born date?`; `?` lets a property be null."""
    parts = {}
    for field in short.split(", "):
        name, _, kind = field.partition(" ")
        part = dict(KINDS[kind.rstrip("?") or "str"])
        parts[name] = {"anyOf": [part, {"type": "null"}]} if kind.endswith("?") else part
    return {"type": "object", "properties": parts, "required": list(parts)}


def schema_of(short: str) -> dict[str, Any]:
    if not short.startswith("["):
        return fields(short)
    items = {"type": "array", "items": fields(short.strip("[]"))}
    return {"type": "object", "properties": {"items": items}, "required": ["items"]}


def said(prompt: str, schema: dict[str, Any]) -> str:
    wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}
    return send(messages=[user(prompt)], response_format=wanted).message["content"]


def taken(prompt: str, short: str) -> Any:
    value = json.loads(said(prompt, schema_of(short)))
    return (
        [list(record.values()) for record in value["items"]]
        if short.startswith("[")
        else list(value.values())
    )


@pytest.mark.parametrize(
    ("prompt", "short", "values"),
    [
        # names and ages
        ("Extract name and age: Anna is 30", "name, age int", ["Anna", 30]),
        ("Anna is 30 years old. How old is she?", "name, age int", ["Anna", 30]),
        ("Extract the person.\nMr. Ben Okafor, aged 41, lives in Oslo.", "name, age int, city", ["Ben Okafor", 41, "Oslo"]),
        ("Anna is twelve.", "name, age int", ["Anna", 12]),
        ("Anna is twenty-one years old.", "age int", [21]),
        ("张伟今年30岁，住在北京。", "name, age int, city", ["张伟", 30, "北京"]),
        ("提取姓名和年龄：李明今年二十五岁。", "name, age int", ["李明", 25]),
        ("Extrahiere Name und Alter: Jürgen ist 52 Jahre alt.", "name, alter int", ["Jürgen", 52]),
        ("Extrae los datos: Lucía tiene 19 años y vive en Lima.", "nombre, edad int, ciudad", ["Lucía", 19, "Lima"]),
        ("Ada Lovelace, ada@example.org", "first_name, last_name, email", ["Ada", "Lovelace", "ada@example.org"]),
        # numbers, money, units
        ("Oslo has 717,710 inhabitants.", "inhabitants int", [717710]),
        ("The population of Chile is 19.6 million.", "population float", [19600000]),
        ("Der Gesamtpreis beträgt 1.234,50 €.", "price float, currency", [1234.5, "€"]),
        ("The lamp costs $49.90.", "price float", [49.9]),
        ("The lamp costs $49.90.", "price", ["$49.90"]),
        ("The walk was 12.5 km long and took 3 hours.", "distance_km float, time_hours int", [12.5, 3]),
        ("A discount of 15 % until Friday", "discount float", [15]),
        ("Mars has 2 moons and a diameter of 6,792 km.", "moons int, diameter_km int", [2, 6792]),
        # dates and times
        ("The meeting is on May 3rd, 2024.", "date date", ["2024-05-03"]),
        ("Ada was born on 10 December 1815.", "born date, year int", ["1815-12-10", 1815]),
        ("Der Termin ist am 3.5.2024.", "datum date", ["2024-05-03"]),
        ("Le rendez-vous est le 14 juillet 2025.", "date date", ["2025-07-14"]),
        ("会议在2024年5月3日。", "date date", ["2024-05-03"]),
        ("Departure 2024-05-03 at 14:30", "departure datetime", ["2024-05-03T14:30:00"]),
        ("The meeting is on 3/5/2024.", "date date?", [None]),  # March or May
        ("The meeting is on 25/12/2024.", "date date", ["2024-12-25"]),
        ("City and year in: We met in Rome in 1990.", "city, year int", ["Rome", 1990]),
        ("City and year in: Oslo, winter 2003", "city, year int", ["Oslo", 2003]),
        # others
        ("Call +49 30 1234567 or see https://example.org/a.", "phone, url", ["+49 30 1234567", "https://example.org/a"]),
        ("Maria works as a nurse at Northgate Hospital.", "name, job, company", ["Maria", "nurse", "Northgate Hospital"]),
        ("Anna is not a member.", "name, is_member bool", ["Anna", False]),
        ("Anna is a member.", "name, is_member bool?", ["Anna", True]),
        ("Anna lives in Rome.", "name, is_member bool?", ["Anna", None]),
        ("Bob lives in Oslo.", "name, age int?", ["Bob", None]),
        ("Bob lives in Oslo.", "name, email", ["Bob", ""]),
        ("Anna met Bob and Carla in Paris.", "names list", [["Anna", "Bob", "Carla"]]),
        ("Name: Anna\nAge: 30\nTags: red, blue", "name, age int, tags list", ["Anna", 30, ["red", "blue"]]),
        # several records
        ("Anna is 30 and lives in Rome. Bob, 25, lives in Oslo.", "[name, age int, city]", [["Anna", 30, "Rome"], ["Bob", 25, "Oslo"]]),
        ("People in this text: Anna (30), Bob (25) and Carla (41).", "[name, age int]", [["Anna", 30], ["Bob", 25], ["Carla", 41]]),
        ("Extract the items:\n- 2 apples at $1.50\n- 3 pears at $2.25", "[product, quantity int, price float]", [["apples", 2, 1.5], ["pears", 3, 2.25]]),
        ("name,age\nAnna,30\nBob,25", "[name, age int]", [["Anna", 30], ["Bob", 25]]),
        ("Team: Alice (developer), Bob (designer)", "[name, role]", [["Alice", "developer"], ["Bob", "designer"]]),
        ("Scores:\n- Alice: 17 points\n- Bob: 23 points", "[name, score int]", [["Alice", 17], ["Bob", 23]]),
        ("'Dune' by Frank Herbert was published in 1965.", "title, author, year int", ["Dune", "Frank Herbert", 1965]),
        ("Invoice from Acme Ltd, dated 12 March 2024, total $1,250.00", "sender, date date, amount float", ["Acme Ltd", "2024-03-12", 1250.0]),
        ("I flew from Paris to New York on 2 May 2023.", "from_city, to_city", ["Paris", "New York"]),
        ("Marie a 33 ans et habite à Lyon.", "nom, âge int, ville", ["Marie", 33, "Lyon"]),
        ("A recipe for pancakes", "name, ingredients list", ["", []]),
        # what is near and not meant
        ("I read a book by Jane Austen yesterday.", "author str?, title str?", ["Jane Austen", None]),
        ("From 1 May 2024 to 3 May 2024", "start date?, end date?", ["2024-05-01", "2024-05-03"]),
        ("There are 5 red and 7 blue balls.", "count int?", [None]),
        ("I bought 2 books for $30.", "product, quantity int?, total float?", ["books", 2, 30]),
        ("-5 °C tonight", "temperature float?", [-5]),
        ("I'm in room 30.", "age int?", [None]),
        ("It is 30.", "age int?", [None]),
        ("Anna visited Paris and lives in Rome.", "name, city", ["Anna", "Rome"]),
        ("Anna has 3 cats and has lived in Rome for 12 years.", "age int?", [None]),
        ("Tom scored 12 points and 5 assists.", "assists int, points int", [5, 12]),
        ('"To be or not to be," said Hamlet.', "quote, speaker", ["To be or not to be,", "Hamlet"]),
    ],
)  # fmt: skip
def test_what_a_text_says_is_copied(prompt: str, short: str, values: list[Any]):
    assert taken(prompt, short) == values


def test_a_member_of_an_enum_is_chosen_by_its_words():
    kind = {"type": "string", "enum": ["gas giant", "terrestrial", "USD", "EUR"]}
    schema = {"type": "object", "properties": {"kind": kind}, "required": ["kind"]}
    assert json.loads(said("Jupiter is a gas giant.", schema)) == {"kind": "gas giant"}
    assert json.loads(said("It costs 5 €.", schema)) == {"kind": "EUR"}
    assert said("It is a comet.", schema).startswith(MISSING)


def test_an_object_inside_an_object_is_filled_from_the_same_text():
    schema = {**fields("name"), "required": ["name", "address"]}
    schema["properties"]["address"] = fields("city, country str?")
    value = json.loads(said("Anna lives in Rome.", schema))
    assert value == {"name": "Anna", "address": {"city": "Rome", "country": None}}


@pytest.mark.parametrize(
    ("prompt", "short", "names"),
    [
        ("Bob lives in Oslo.", "name, age int", ["age"]),
        ("Who wrote Hamlet?", "author, year int", ["year"]),
        ("List five rivers in Brazil", "name, depth_m int", ["depth_m"]),
        ("The planet Mars", "name, colour_code int", ["colour_code"]),
    ],
)
def test_what_cannot_be_empty_and_is_not_said_is_named_in_a_sentence(
    prompt: str, short: str, names: list[str]
):
    text = said(prompt, schema_of(short))
    assert text.startswith(MISSING)
    assert re.findall("`([^`]+)`", text) == names


def test_the_sentence_is_in_the_language_of_the_question():
    text = said("Wie alt ist Anna? Anna lebt in Rom.", fields("name, alter int"))
    assert text == content.load("languages")["de"]["missing"].format(names="`alter`")


def test_a_question_is_no_text_to_copy_from():
    assert taken("Who wrote Hamlet?", "author, title") == ["", ""]
    assert taken("What is 6 * 7?", "answer int") == [42]
    assert taken("What is the capital of Peru?", "capital") == ["Lima"]
    assert taken("When was the Eiffel Tower built?", "year int") == [1889]


def test_json_mode_without_a_schema_copies_too():
    wanted = {"type": "json_object"}
    prompt = "Return JSON with the keys `name`, `age` and `email`. Anna is 30."
    made = send(messages=[user(prompt)], response_format=wanted).message["content"]
    assert json.loads(made) == {"name": "Anna", "age": 30, "email": None}


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Extract the names: Anna met Bob.", "Anna met Bob."),
        ("Anna met Bob. Extract the names.", "Anna met Bob."),
        ("Who is this about?\nAnna met Bob.", "Anna met Bob."),
        ('Names in "Anna met Bob yesterday" please', "Anna met Bob yesterday"),
        ("List five European capitals", ""),
        ("Invent a customer in Rome", ""),
        ("Who wrote Hamlet?", ""),
    ],
)
def test_the_text_that_is_meant_is_found(prompt: str, text: str):
    assert source.text_in(prompt) == text


WORDS = st.sampled_from(
    [
        "Anna",
        "Bob",
        "Rome",
        "Oslo",
        "is",
        "was",
        "and",
        "in",
        "lives",
        "on",
        "30",
        "12.5",
        "1,250",
        "$5",
        "€",
        "2024-05-03",
        "May",
        "3rd,",
        "2024",
        "twelve",
        "years",
        "old",
        ".",
        ",",
        ":",
        "\n",
        "million",
        "kg",
        "a@b.org",
        "(25)",
        "member",
        "not",
        "Acme",
        "Ltd",
        "works",
        "at",
        "as",
        "nurse",
        "张伟",
        "住在",
        "北京",
        "。",
    ]
)
SHORTS = st.lists(
    st.sampled_from(
        [
            "name str?",
            "age int?",
            "city str?",
            "price float?",
            "born date?",
            "email str?",
            "year int?",
            "weight_kg float?",
            "job str?",
            "company str?",
            "tags list",
            "country str?",
            "phone str?",
            "quantity int?",
            "note str?",
        ]
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


def leaves(value: Any) -> list[Any]:
    match value:
        case dict():
            return [leaf for part in value.values() for leaf in leaves(part)]
        case list():
            return [leaf for part in value for leaf in leaves(part)]
    return [value]


@settings(deadline=None, max_examples=200)
@given(st.lists(WORDS, min_size=1, max_size=25), SHORTS, st.booleans())
def test_every_value_is_said_in_the_text(words: list[str], short: list[str], several: bool):
    text = " ".join(words)
    schema = schema_of(f"[{', '.join(short)}]" if several else ", ".join(short))
    made = json.loads(said(f"Extract from this text:\n{text}", schema))
    numbers = {span.value for span in spans.numbers(text)} | {int(each[:4]) for each in DATES.findall(text)}
    dates = {span.value for span in spans.dates(text)}
    for leaf in leaves(made):
        if isinstance(leaf, str):
            assert leaf in text or leaf in dates
        elif leaf is not None:
            assert leaf in numbers | {int(year) for year in re.findall(r"\d{4}", text)}


DATES = re.compile(r"\d{4}-\d\d-\d\d")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str):
    for read in (
        spans.numbers,
        spans.dates,
        spans.times,
        spans.names,
        spans.phones,
        spans.emails,
        spans.urls,
    ):
        for span in read(text):
            assert 0 <= span.start < span.end <= len(text)


FRAME = pandas.DataFrame(
    {"name": ["Rome", "Paris", "Oslo"], "population": [2_800_000, 2_100_000, 700_000]},
).assign(country=["Italy", None, "Norway"])
RECORDS = [["Rome", 2_800_000, "Italy"], ["Paris", 2_100_000, None], ["Oslo", 700_000, "Norway"]]


@pytest.mark.parametrize("table", [render(FRAME), FRAME.to_csv(index=False), FRAME.to_csv(sep="\t")])
@pytest.mark.parametrize(
    "prompt",
    [
        "Which cities are in this table?\n\n{}",
        "Städte in dieser Tabelle:\n{}",
        "请列出这些城市\n{}",
        "{}\n\nGive me the records, please.",
    ],
)
def test_a_table_is_read_row_by_row_in_whatever_language_it_is_asked_for(prompt: str, table: str) -> None:
    assert taken(prompt.format(table), "[name str, population int, country str?]") == RECORDS


def test_a_column_of_a_table_is_a_list() -> None:
    prompt = f"Look at this:\n{render(FRAME)}"
    schema = {
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"type": "string"}},
            "country": {"type": "array", "items": {"type": "string"}},
            "population": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["names", "country", "population"],
    }
    assert json.loads(said(prompt, schema)) == {
        "names": ["Rome", "Paris", "Oslo"],
        "country": ["Italy", "Norway"],
        "population": [2_800_000, 2_100_000, 700_000],
    }


@pytest.mark.parametrize(
    "text",
    [
        "Anna, Bob and Carla met.\nThey ate, drank and left.\nIt was late, cold and dark.",
        "a | b\nc | d",
        "x, y\nz, w",
    ],
)
def test_sentences_with_commas_are_no_table(text: str) -> None:
    assert source.table_in(text) == ""


def test_of_a_letter_with_a_list_in_it_all_is_read() -> None:
    staff = "Anna Smith, engineer\nBob Miller, designer\nCarla Diaz, manager"
    letter = f"Dear team,\nplease note the new staff.\n{staff}\nThe office is in Rome.\nBest, Tom"
    assert source.table_in(letter) == ""
    assert source.text_in(letter).endswith("Tom")


def test_a_line_of_a_million_dashes_is_no_table() -> None:
    assert source.table_in("a | b\n" + "-" * 1_000_000) == ""
