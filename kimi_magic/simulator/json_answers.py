"""JSON answers: where their values come from, and what is said instead where there are none.

What a prompt asks for decides, in this order: data out of a text in the prompt is copied (`extraction`);
records on a subject with a table are facts (`facts`); a wish for examples is answered with invented ones
(`schema_values`, `samples`), as it asks for; the question of a calculation or a capital has its one result.
For everything else nothing is known, and nothing is invented.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from . import content, exact, extraction, languages, records, schema_values, source, spans, subjects
from .completion import Draft
from .context import Context, excerpt, shorten, wording
from .extraction import Evidence, Facts, Known, MissingError, Text
from .messages import Message
from .schemas import JsonSchema
from .subjects import Query

_BLANKS = "\n  \n\t \n" * 50  # 350 characters: what JSON mode gives when the prompt never asks for JSON
_NO_NAMES = frozenset(("json", "dataframe", "csv"))


def by_schema(
    schema: JsonSchema, schema_text: str, history: tuple[Message, ...], context: Context, random: Random
) -> Draft:
    """Write the answer for a schema, whose text is `schema_text` if it stands in the prompt."""
    last = next((message.text for message in reversed(history) if message.role == "user"), "")
    question = shorten(last.replace(schema_text, " ")) if schema_text else context.question
    query = subjects.read(question, random)
    evidence = _evidence(question, query, context)
    try:
        if evidence is None:
            return _draft(schema_values.make(schema, random, query), context)
        return _draft(extraction.fill(schema, evidence), context)
    except MissingError as missing:
        texts = languages.sentences(languages.language_of(question))
        names = ", ".join(excerpt(name) for name in missing.names[:10])
        return Draft(_reasoning(context), texts["missing"].format(names=names))


def by_words(history: tuple[Message, ...], context: Context, random: Random) -> Draft:
    """Write the object that JSON mode without a schema asks for in words."""
    if not records.mentions_json([message.text for message in history if message.role in ("system", "user")]):
        return Draft(content.load("answers")["json"]["not_asked_reasoning"], _BLANKS, endless=True)
    return _draft(object_for(context, random), context)


def object_for(context: Context, random: Random) -> dict[str, Any]:
    """Make the object that the words of a prompt ask for; what is not known in it is null."""
    prompt = f"{context.system}\n{context.question}"
    evidence = _evidence(context.question, subjects.read(context.question, random), context)
    document = records.schema_of(prompt)
    if document is None:
        texts = languages.sentences(context.language)
        result = _result(context)
        answer = texts["unknown"].format(abilities=languages.abilities(context.language, 0))
        return {
            "question": " ".join(context.question.split())[:80],
            "answer": answer if result is None else result,
        }
    if evidence is None or isinstance(evidence, Facts):
        return records.make(prompt, context.question, random)
    value: dict[str, Any] = extraction.fill(JsonSchema(document), evidence)
    return value


def _evidence(question: str, query: Query, context: Context) -> Evidence | None:
    """Return what the values of an answer are taken from; None if they are to be invented."""
    text = source.text_in(question)
    if text:
        return Text(text)
    if source.invents(question):
        return None
    facts = _facts(question, query)
    if facts is not None:
        return facts
    wants_examples = source.is_wish(question) and (query.count or query.noun or source.wants_some(question))
    wants_examples = wants_examples and not source.is_question(question) and not _names(question)
    return None if wants_examples else Known(_result(context))


def _facts(question: str, query: Query) -> Facts | None:
    """Return the records that a question asks for, if the table knows all names in the question."""
    if query.subject is None:
        return None
    rows = [query.subject.table.rows[at] for at in query.subject.order]
    cells = {str(cell).lower() for row in query.subject.table.rows for cell in row}
    continents = content.load("language")["continents"]
    unknown = [
        name
        for name in _names(question)
        if name.lower() not in cells and not any(subjects.is_on(name, pattern) for pattern, _ in continents)
    ]
    if unknown or not rows:
        return None
    is_open = source.is_question(question) and not _names(question) and not subjects.asks_for_most(question)
    return None if is_open and not query.count else Facts(query, query.subject)


def _names(question: str) -> list[str]:
    """Return the names in a wish, without its first word, which has a capital for another reason."""
    rest = question.strip().partition(" ")[2]
    return [span.value for span in spans.names(rest) if span.value.lower() not in _NO_NAMES]


def _result(context: Context) -> Any:
    """Return the one result of a calculation, or a capital; a number as a number."""
    known = exact.answer(context, as_word=True)
    if known is None:
        return None
    try:
        return json.loads(known[1])
    except ValueError:
        return known[1]


def _draft(value: Any, context: Context) -> Draft:
    return Draft(_reasoning(context), json.dumps(value, ensure_ascii=False))


def _reasoning(context: Context) -> str:
    texts = content.load("answers")["json"]
    reasoning: str = texts["reasoning"].format(
        question=excerpt(context.question), manner=wording(texts["manners"], context)
    )
    return reasoning
