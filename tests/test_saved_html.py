"""A saved answer where others read it: exported files, and eyes that cannot see every character."""

from __future__ import annotations

import re

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter

from kimi_magic.markdown import Blocks, hidden, render
from kimi_magic.messages import Event, Finished, Message, Opened, ReasoningDelta, TextDelta
from kimi_magic.view import history, scripts, static, tree, words
from tests.test_markdown import CODE, HOSTILE, Page
from tests.test_markdown_habits import DEEP
from tests.test_static import OUR_SCRIPTS, PAGE, grown, unsafe

PICTURE = "![x](http://a.example/picture)"
BESIDE = f"one\n\n{PICTURE}\n \t\n# two\n\n\n[three](http://a.example)\n\n    four\n\n---\n"
ANSWER = f"Text.\n\n```python\n{BESIDE}```\n\n> quoted\n\n- a\n\n- b\n\n    {PICTURE}\n\n$$\na\n\n= b\n$$\n"


def saved(*said: Event) -> nbformat.NotebookNode:
    """A notebook with one answer in it."""
    turn = grown(*said, Finished("stop"))
    data = {"text/html": static.html(turn), "text/plain": static.plain(turn)}
    output = nbformat.v4.new_output("display_data", data=data)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%%kimi", outputs=[output])])


# ---- exported ----


def test_a_markdown_export_holds_reasoning_and_code_as_html_and_as_nothing_else() -> None:
    exported, _ = MarkdownExporter().from_notebook_node(saved(ReasoningDelta(BESIDE), TextDelta(ANSWER)))
    kinds = [token.type for token in MarkdownIt("commonmark").parse(exported)]
    assert kinds == ["fence", "html_block"]
    assert PICTURE not in exported


def test_a_page_made_of_the_markdown_export_shows_all_of_it() -> None:
    exported, _ = MarkdownExporter().from_notebook_node(saved(ReasoningDelta(BESIDE), TextDelta(ANSWER)))
    page = Page(MarkdownIt("commonmark").render(exported.partition("```\n\n")[2]))
    assert BESIDE in page.text
    assert page.text.count(BESIDE) == 2
    assert "img" not in dict(page.elements)


def test_a_latex_export_holds_the_text_to_the_letter_and_no_picture() -> None:
    exported, _ = LatexExporter().from_notebook_node(saved(ReasoningDelta(BESIDE), TextDelta(ANSWER)))
    assert "includegraphics" not in exported.partition(r"\begin{document}")[2]
    assert "a.example" in exported


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_is_nested_without_end_can_be_exported(text: str) -> None:
    page, _ = HTMLExporter().from_notebook_node(saved(ReasoningDelta(text), TextDelta(text)))
    assert "the end" in page


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([*HOSTILE, "\n", "\n\n", " ", "\t", "![", "](", "```\n", "$$\n"])).map("".join)
)
def test_no_saved_page_has_an_empty_line_or_a_picture_of_markdown(text: str) -> None:
    turn = grown(Opened("c1", text), ReasoningDelta(text), TextDelta(text), Finished(text))
    messages = [Message("user", text), Message("assistant", text, reasoning_content=text)]
    for html in (static.html(turn), history.html(messages)):
        assert not re.search(r"\n\s*\n", html)
        assert "![" not in html
        assert "](" not in html


def test_the_script_of_a_saved_page_needs_no_encoding() -> None:
    for script in (scripts.COPY_SCRIPT, scripts.TREE_SCRIPT):
        assert words.for_export(script) == script


def test_equal_answers_of_two_turns_have_footnotes_of_their_own() -> None:
    anchors = []
    for name in ("cell-1", "cell-2"):
        turn = grown(TextDelta("A.[^1]\n\n[^1]: B."), Finished("stop"))
        turn.id = name
        anchors.append(set(re.findall(r'id="([^"]+)"', static.html(turn))))
    assert anchors[0]
    assert not anchors[0] & anchors[1]


# ---- characters that nobody sees ----

REORDERING = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
UNSEEN = [
    *REORDERING,
    "\u200b",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u2028",
    "\u061c",
    "\u200e",
    "\U000e0041",
    "\u3164",
]
WHOLE = ["👩‍🔬", "🏳️‍🌈", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "क्‍ष", "فارسی‌ها", "葛󠄀", "❤️", "é", "שלום", "ไทยนี้"]


@pytest.mark.parametrize("sign", UNSEEN)
def test_code_names_keys_and_calls_mark_what_cannot_be_seen(sign: str) -> None:
    mark = f"a⟨U+{ord(sign):04X}⟩b"
    written = f"a{sign}b"
    assert mark in render(f"`{written}`")
    assert mark in render(f"```python\n{written}\n```")
    assert mark in render(f"    {written}")
    assert mark in tree.of_value({written: 1}) or sign == "\u2028"  # white space in a name is one space
    if sign != "\u2028":
        turn = grown(Opened("c1", written), TextDelta("x"), Finished(written))
        assert words.byline(turn).count(mark) == 2


@pytest.mark.parametrize("text", WHOLE)
def test_what_belongs_to_a_letter_or_a_picture_is_not_marked(text: str) -> None:
    assert hidden.marked(text) == text
    assert text in Page(render(text)).text
    assert text in Page(render(f"`{text}`")).text


@pytest.mark.parametrize("sign", [*REORDERING, *(f"&#x{ord(sign):x};" for sign in REORDERING)])
def test_prose_is_shown_in_its_own_order(sign: str) -> None:
    for frame in (
        "a{}b",
        "**a{}b**",
        "[a{}b](https://a.example)",
        "![a{}b](https://a.example)",
        "| a{}b |\n|-|",
    ):
        assert "ab" in Page(render(frame.format(sign))).text
    turn = grown(ReasoningDelta("a\u202eb"), TextDelta("c"), Finished("stop"))
    assert "ab" in Page(static.html(turn)).text
    assert words.printable("a\u202eb\u2066c") == "abc"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*REORDERING, *HOSTILE, "`", "```\n", "\n", "$", "a", "[", "](https://a.b)"]))
)
def test_nothing_on_any_page_reorders_it(parts: list[str]) -> None:
    text = "".join(parts)
    turn = grown(Opened("c1", text), ReasoningDelta(text), TextDelta(text), Finished(text))
    blocks = Blocks()
    shown = [blocks.add(text), blocks.tail(), static.html(turn), static.plain(turn), words.status(turn)]
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", "".join(shown))


def test_what_is_copied_is_what_is_seen_without_the_last_line_end() -> None:
    assert r'pre.innerText.replace(/\n$/, "")' in scripts.COPY_SCRIPT
    assert Page(render(f"```\n{CODE}```")).text == CODE + "\n"


def test_mathjax_reads_nothing_but_the_answer() -> None:
    formula = r"$\unicode[x;background:url(http://a.example/)]{65}$ and \(x\)"
    turn = grown(Opened("c1", formula), ReasoningDelta(formula), TextDelta("x"), Finished(formula))
    assert Page(static.html(turn)).formulas == []
    assert unsafe(re.sub(OUR_SCRIPTS, "", static.html(turn)), PAGE) == []
    assert Page(static.line(formula)).formulas == []
