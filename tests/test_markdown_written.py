"""An answer written anew as Markdown: others read in it what we show, and nothing comes to life there."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kimi_magic.markdown import fenced, literal, render, written
from tests.test_markdown import HOSTILE, Page

# As models write it; what comes back is the same to a reader of CommonMark.
TEXTS = [
    "**bold**, *em*, ~~gone~~, `co`de` and [a link](https://a.b/c_d)",
    "# Head\n\nText\nwith lines\\\nand breaks\n\n> quoted\n\n- one\n- two\n\n  more\n\n3. three\n4. four",
    "```python\nx = 1  # `y`\n```\n\nend",
    "| a | b |\n|---|--:|\n| 1 | *2* |",
    "$x^2$ costs $5 and \\(y\\), so\n\n$$\n\\frac{a}{b}\n$$",
    "1986\\. A year, 2 * 3 * 4, a_b_c, #no heading, <b>no tag</b> & &amp;",
]


@pytest.mark.parametrize("text", TEXTS)
def test_written_twice_it_is_the_same_and_shows_the_same(text: str) -> None:
    once = written(text)
    assert written(once) == once
    assert Page(render(once)).text.split() == Page(render(text)).text.split()


def test_it_is_markdown_as_one_writes_it() -> None:
    assert written("**a** and `b`\n\n- c\n- d") == "**a** and `b`\n\n- c\n\n- d"
    assert written("Look: $x^2$") == "Look: $x^2$"
    assert written("| a |\n|---|\n| 1 |") == "| a |\n| --- |\n| 1 |"
    assert literal("a *b*\n# c") == "a \\*b\\* \\# c"
    assert fenced("json", "```") == "````json\n```\n````"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*HOSTILE, *TEXTS, "\n\n", "\n", "$", "`", "@", "\\input{/etc/passwd}"])))
def test_other_readers_find_no_html_no_picture_and_no_foreign_address(parts: list[str]) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = reader.parse(written("".join(parts)))
    inline = [child for token in tokens for child in token.children or ()]
    assert not {token.type for token in [*tokens, *inline]} & {"html_block", "html_inline", "image"}
    for token in inline:
        if token.type == "link_open":
            assert re.match(r"(?i)https?://|mailto:|#", str(token.attrs["href"]))


@pytest.mark.parametrize(
    "text",
    [
        "\\input{/etc/passwd}",
        "$\\input{/etc/passwd}$",
        "$$\n\\immediate\\write18{ls}\n$$",
        "$a^^5cinput{x}$",
        "\\begin{align}\n\\include{x}\n\\end{align}",
        "$\\openin5=x$",
    ],
)
def test_tex_that_reads_files_or_runs_programs_is_text_or_code(text: str) -> None:
    for line in written(text).split("\n"):
        # Behind a backslash a command is text; between backticks it is code.
        assert re.search(
            r"(?<!\\)\\(?:input|include|immediate|write|openin)", re.sub(r"`[^`]*`", "", line)
        ) is None or ("```" in written(text))
    assert "^^" not in re.sub(r"`[^`]*`", "", written(text))
