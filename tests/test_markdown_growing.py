"""The open end of an answer is drawn as it will most probably end: what is shown is not taken back."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kimi_magic.markdown import Blocks, Forms, healing, render, written
from kimi_magic.markdown.parser import parser
from tests.test_markdown import HOSTILE, SNIPPETS, Page, unsafe

# Each as models write it, and complete.
TEXTS = [
    "**bold**, *em*, ***both***, ~~gone~~ and __strong__ text",
    "a `code`, ``a`b`` and **a `b` c** d",
    "See [the text](https://a.b/c_(d)) and **[bold](https://a.b)** now",
    "a ![picture](https://a.b/c.png) b! Really!",
    "$x^2 + 1$ and \\(y\\) cost $5 and $6, not $$z$$",
    "So:\n\\[\na\n= b\n- c\n\\]\n\nAfter.\n\n$$\nx\n$$\n",
    "$$\na\n\n- b\n\n$$\n\nAfter.",
    "\\begin{align}\na &= b\n\\end{align}\n\nAfter.",
    "a\n\n| a | b | c |\n|---|:-:|---|\n| 1 | **2** | 3 |\n| 4 | 5 | 6 |\n\nafter",
    "Before:\n| a |\n|---|\n| `1` |\n",
    "Text\n- one\n- two **b**\n\n1. a\n2. b\n10. c\n\n* x\n\n  y\n",
    "- [x] done\n- [ ] to do\n",
    "# Head **x**\n\n## Two\npara\n\n---\n\nSetext\n======\n\nend",
    "```python\nx = `1`\n- y\n# z\n```\n\nend\n\n~~~\na\n~~~\n",
    "> quote **b**\n> more\n\n- a\n  - b `c`\n",
    "H<sub>2</sub>O, **x<sup>2</sup>** &amp; <kbd>Esc</kbd> <br> ok",
    "**标签：**正文，他说**“好”**了。",
    "<https://a.b/c> and https://a.b/c. Then www.a.b!",
    "Sources [1] and [2, 3], x[0] = 1, a_b_c, 2 * 3 * 4, \\*plain\\* and a \\\\ b",
    "[a]: https://a.b\n\nSee [a].",
    "of type `list[str]` or `a[` and [a `b` c](https://a.b), **see `x[0]` and $a[0$ b**",
    "a [![picture](https://a.b/c.png)](https://a.b/d) and `$x` or `\\(`, \\`plain\\`",
]


def visible(html: str) -> str:
    return re.sub(r"\s+", "", Page(html).text)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_what_is_shown_is_not_taken_back(text: str, size: int) -> None:
    whole, blocks, given_out = visible(render(text)), Blocks(), ""
    shown = [""]
    for start in range(0, len(text), size):
        given_out += blocks.add(text[start : start + size])
        shown.append(visible(given_out + blocks.tail()))
        assert whole.startswith(shown[-1]), text[: start + size]
        assert len(shown[-1]) >= len(shown[-2]), text[: start + size]
    assert given_out + blocks.tail(ended=True) == render(text)
    assert blocks.whole(text) == (None if "]:" in text else Forms(render(text), written(text)))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4).map("\n\n".join),
    st.lists(st.integers(1, 60), max_size=80),
)
def test_however_it_is_cut_what_is_shown_is_not_taken_back(text: str, sizes: list[int]) -> None:
    blocks, given_out, before, at = Blocks(), "", "", 0
    for size in [*sizes, len(text)]:
        given_out += blocks.add(text[at : at + size])
        at += size
        shown = visible(given_out + blocks.tail())
        assert shown.startswith(before), text[:at]
        before = shown


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_is_complete_is_drawn_to_the_letter(text: str) -> None:
    blocks = Blocks()
    given_out = blocks.add(text + "\n\n")
    assert given_out + blocks.tail() == render(text + "\n\n")


@pytest.mark.parametrize(
    ("open_end", "healed"),
    [
        ("a **b", "a **b**"),
        ("a **b*", "a **b**"),
        ("a **", "a"),
        ("a *b **c", "a *b **c***"),
        ("~~a", "~~a~~"),
        ("a `b", "a `b`"),
        ("a `", "a"),
        ("``a`", "``a``"),
        ("**a `b", "**a `b`**"),
        ("a [b", "a [b]()"),
        ("a [b](http", "a [b]()"),
        ("a [", "a"),
        ("a ![b](ht", "a"),
        ("a $x", "a"),
        ("a $5 and", "a $5 and"),
        ("costs $", "costs"),
        ("a \\(x", "a"),
        ("H<sub>2", "H<sub>2</sub>"),
        ("a <su", "a"),
        ("a &am", "a"),
        ("a \\", "a"),
        ("a \\\\", "a \\\\"),
        ("a [1]", "a [1]"),
        ("a **b** c", "a **b** c"),
        ("2 * 3", "2 * 3"),
        ("a_b_c", "a_b_c"),
        ("**标签：", "**标签：**"),
    ],
)
def test_each_habit_inside_a_paragraph(open_end: str, healed: str) -> None:
    assert healing.inline(open_end, parser()) == healed


@pytest.mark.parametrize(
    ("open_end", "healed"),
    [
        ("a\n-", "a\n"),
        ("a\n--", "a\n"),
        ("a\n=", "a\n"),
        ("- a\n- ", "- a\n"),
        ("- a\n- [ ", "- a\n"),
        ("1. a\n2", "1. a\n"),
        ("a\n\n##", "a\n\n"),
        ("a\n``", "a\n"),
        ("```\na\n``", "```\na\n"),
        ("```\na\n-", "```\na\n-"),
        ("| a | b", "| a | b\n|-|-|"),
        ("| a | b |\n", "| a | b |\n|-|-|"),
        ("| a | b |\n|--", "| a | b |\n|-|-|"),
        ("a\n|", "a\n"),
        ("a\n\\[\nb", "a\n"),
        ("a\n\n$$\nb\n\nc", "a\n\n"),
        ("a\n\n[b]: http", "a\n\n"),
        ("a - b", "a - b"),
        ("a\n1986 b", "a\n1986 b"),
    ],
)
def test_each_habit_of_a_block(open_end: str, healed: str) -> None:
    assert healing.source(open_end, parser().parse(open_end)) == healed


SIGNS = [
    "**",
    "*",
    "_",
    "`",
    "[",
    "](",
    ")",
    "![",
    "$",
    "$$",
    "\\(",
    "\\[",
    "|",
    "\n",
    "\n\n",
    "- ",
    "#",
    "<sub>",
    "a ",
    "```\n",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*SIGNS, *SNIPPETS, *HOSTILE]), max_size=12))
@example(["$$\n", "a\n\n", "b\n\n", "c\n\n", "$$\n"])
def test_a_block_that_was_given_out_stays_and_the_open_end_is_safe(parts: list[str]) -> None:
    text, blocks, given_out = "".join(parts), Blocks(), ""
    whole = render(re.sub(r"\[\^|\]:", "", text))
    for letter in re.sub(r"\[\^|\]:", "", text):
        given_out += blocks.add(letter)
        assert whole.startswith(given_out)
        assert unsafe(blocks.tail()) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*SIGNS, *SNIPPETS, *HOSTILE, "[^1]", "\n\n[^1]: a", "\r"]), max_size=12))
@example(["a [b] c\n\n", "d\n\n", "[b]: https://a.b\n\n", "e\n\n", "f"])
@example(["```\n", "a b " * 2_000, "\n```\n"])
def test_the_whole_is_what_was_given_out_or_has_to_be_rendered(parts: list[str]) -> None:
    blocks, text = Blocks(), "".join(parts)
    for part in parts[:-2]:
        blocks.add(part)
    assert blocks.whole(text) in (None, Forms(render(text), written(text)))


def test_the_whole_of_another_text_is_not_known() -> None:
    blocks = Blocks()
    blocks.add("One. Two")
    assert blocks.whole("One. Three") is None


@pytest.mark.parametrize("sign", [*SIGNS, "[a](", "`a` ", "``a`", "![", "\\", "$a ", "<", "&a", "| a "])
def test_the_open_end_takes_few_steps(sign: str) -> None:
    text = sign * (4_000 // len(sign))
    assert len(healing.inline(text, parser())) <= 3 * len(text) + 10
