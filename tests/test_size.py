"""A saved answer stays small: at most four times what the model wrote, and a little that is always there."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kimi_magic.conversation import Parsed
from kimi_magic.markdown import render
from kimi_magic.messages import Counted, Finished, ReasoningDelta, TextDelta
from kimi_magic.simulator import essays
from kimi_magic.usage import Usage
from kimi_magic.view import static
from tests.turns import GrowingTurn

TIMES = 4  # text/plain and text/markdown are the text itself, so the page may be twice the text
ALWAYS = 2_500  # bytes of wrapper, titles, byline and what else does not grow with the answer

OF_A_TREE = 16_000  # bytes of the script of its toolbar, and of a table with its first records

PYTHON = Path(essays.__file__).read_text(encoding="utf-8")
JAVASCRIPT = """export const mean = (rows, key) => {
  let total = 0; // so far
  for (const row of rows) {
    total += row[key] ?? 0;
  }
  return total / rows.length;
};

"""
SQL = """SELECT c.name, COUNT(*) AS orders
FROM customers AS c
JOIN orders AS o ON o.customer_id = c.id
WHERE o.total > 100 AND c.city = 'Oslo'
GROUP BY c.name
ORDER BY orders DESC;

"""
C = "for (int i = 0; i < n; i++) {\n    x[i] += a[i] * b[i]; /* in place */\n}\n"
LOOP = "for n in range(10):\n    print(n)  # one\n"
PAIRS = json.dumps([[n, n + 1] for n in range(1_000)])
SHELL = 'for f in *.txt; do\n  grep -q "$word" "$f" && echo "$f: $word"\ndone\n'
HTML = '<ul class="menu">\n  <li><a href="/a?b=1&c=2">First "one"</a></li>\n</ul>\n'
RECORD = {"id": 1, "name": "one", "tags": ["a", "b"], "at": [1, 2]}


def fenced(language: str, code: str, count: int = 1) -> str:
    return f"Here it is:\n\n```{language}\n{code * count}```\n\nThat is all.\n"


def prose(topic: str = "rivers", words: int = 3_000) -> str:
    return essays.write(words, topic, Random(7))


ANSWERS = {
    "an essay": prose(),
    "a long essay": prose("the sea", 12_000),
    "Python": fenced("python", PYTHON),
    "JavaScript": fenced("js", JAVASCRIPT, 50),
    "SQL": fenced("sql", SQL, 50),
    "C": fenced("c", C, 100),
    "a shell": fenced("bash", SHELL, 100),
    "HTML": fenced("html", HTML, 100),
    "JSON": fenced("json", json.dumps([RECORD] * 300, indent=2)),
    "dense JSON": fenced("json", PAIRS + "\n"),
    "LaTeX as code": fenced("latex", "\\frac{a}{b} + \\sum_{i=1}^{n} x_i  % $x$\n", 200),
    "much code in small pieces": (prose(words=20) + fenced("python", LOOP)) * 100,
    "mathematics": "So $a_b + c$ and \\(x^2\\) hold, and:\n\n$$\n\\int_0^1 x^2\\,dx = \\frac13\n$$\n\n" * 100,
    "prices": "It costs $5 or $6 a month, at most $7.50 in all (US$80 a year).\n\n" * 100,
    "paths": r"Look into C:\Users\me\new and \\server\share\b for it. " * 100,
    "quotations": "He said \"no\", she said 'yes' & both were < certain.\n\n" * 100,
    "a list": "".join(f"- **Point {n}** is a point with a few words\n" for n in range(300)),
    "Chinese": "这是一段比较长的中文文字，里面有数字 42 和一些**重点**。\n\n- 第一点\n- 第二点\n\n" * 100,
    "Japanese": "川は山から海へ流れる。👩‍🔬 は水を調べる。\n\n" * 200,
    "Arabic": "هذا نص طويل نسبيا يحتوي على كلمة `code` وأرقام 42 وبعض التفاصيل.\n\n- أولا\n- ثانيا\n\n" * 100,
    "an essay with tables": (prose(words=400) + "\n| Name | Length | Country |\n| --- | ---: | :-: |\n"
                             + "| Danube | 2850 km | many |\n" * 5 + "\n") * 5,
}  # fmt: skip


def saved(*values: Any) -> int:
    """Bytes that these take in a notebook file."""
    return sum(len(json.dumps(value, ensure_ascii=False).encode()) for value in values)


@pytest.mark.parametrize(
    "thought", ["", essays.think(9_000, "rivers", Random(7))], ids=["answer", "thought too"]
)
@pytest.mark.parametrize("kind", ANSWERS)
def test_a_saved_answer_is_at_most_four_times_what_the_model_wrote(kind: str, thought: str) -> None:
    reply = GrowingTurn("kimi-k2-thinking")
    for event in (ReasoningDelta(thought), TextDelta(ANSWERS[kind]), Finished("stop")):
        reply.add(event)
    reply.add(Counted(Usage(prompt=1_000, completion=9_000, reasoning=2_000)))
    reply.end("complete")
    written = saved(reply.choice.text, reply.choice.reasoning)
    assert saved(*static.bundle(reply).values()) <= TIMES * written + ALWAYS


def test_code_of_few_signs_is_coloured_in_all_its_kinds_and_dense_code_in_the_most_telling() -> None:
    small = render(fenced("sql", SQL))
    assert all(f"<span class={kind}>" in small for kind in "ksm")
    dense = render(fenced("js", JAVASCRIPT, 50))
    assert "<span class=c>// so far</span>" in dense
    assert "<span" not in render(ANSWERS["dense JSON"])


def test_neighbours_of_one_kind_share_their_markup() -> None:
    assert "<span class=c># one\n# two</span>" in render("```python\n# one\n# two\n```")
    assert "<span class=s>f&quot;" not in render('```python\nf"a"\n```')
    assert '<span class=s>f"a"</span>' in render('```python\nf"a"\n```')


CITY = {"name": "Turin", "people": 846_000, "river": "Po", "twins": ["Cologne", "Lille"]}
DATA = {
    "a word": {"answer": 42},
    "a record": CITY,
    "a few records": [CITY] * 8,
    "records": [CITY | {"id": number} for number in range(55)],
    "many records": [CITY | {"id": number} for number in range(2_000)],
    "long texts": {
        "chapters": [{"title": f"Chapter {number}", "text": prose(words=150)} for number in range(9)]
    },
    "nested": {"a": {"b": {"c": [{"d": [number, number + 1], "e": "x" * number} for number in range(60)]}}},
    "numbers": [[number / 7, -number] for number in range(500)],
    "words": {f"word{number}": number for number in range(400)},
    "signs": ['a < b & c > d, $x$ "quoted"'] * 100,
}


@pytest.mark.parametrize("kind", DATA)
def test_saved_json_is_at_most_four_times_its_text(kind: str) -> None:
    text = json.dumps(DATA[kind], ensure_ascii=False)
    reply = GrowingTurn("kimi-k2-thinking", json=True)
    for event in (TextDelta(text), Finished("stop")):
        reply.add(event)
    reply.add(Counted(Usage(prompt=1_000, completion=9_000, reasoning=2_000)))
    reply.parsed = (Parsed(DATA[kind], DATA[kind]),)
    reply.end("complete")
    data = static.bundle(reply)
    assert saved(*data.values(), static.summary(reply)) <= TIMES * saved(text) + ALWAYS + OF_A_TREE
    assert len(data["text/plain"]) < 3_000
