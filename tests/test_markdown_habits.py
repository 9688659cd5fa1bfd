"""Markdown as models write it: formulas, emphasis, addresses, tags, fences, and what is nested too deep."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_magic.markdown import render, tex
from kimi_magic.view.drawing import draw
from tests.test_markdown import Page, unsafe


def tags(html: str) -> list[str]:
    return [tag for tag, _ in Page(html).elements]


def depth(html: str) -> int:
    """How many elements stand in one another at most."""
    deepest = now = 0
    for closing, tag in re.findall(r"<(/?)(\w+)[^>]*>", html):
        if tag not in ("br", "hr"):
            now += -1 if closing else 1
            deepest = max(deepest, now)
    return deepest


# ---- formulas ----


@pytest.mark.parametrize("name", ["align", "align*", "equation", "gather", "aligned", "cases", "pmatrix"])
@pytest.mark.parametrize("frame", ["{}", "So:\n\n{}\n\nDone.", "So:\n{}\nDone.", "> {}", "- {}"])
def test_an_environment_on_lines_of_its_own_is_a_formula(name: str, frame: str) -> None:
    prefix = {"> ": "> ", "- ": "  "}.get(frame[:2], "")
    formula = f"\n{prefix}".join((f"\\begin{{{name}}}", "a &= b \\\\", "c &= d", f"\\end{{{name}}}"))
    (shown,) = Page(render(frame.format(formula))).formulas
    assert f"\\begin{{{name}}}" in shown
    assert "a &= b" in shown


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("$$\n\\begin{aligned}\na\n\n\\end{aligned}\n$$", "\\[\n\\begin{aligned}\na\n\\end{aligned}\n\\]"),
        ("\\[\na = b\n\n\nc = d\n\\]\n\nAfter.", "\\[\na = b\nc = d\n\\]"),
        ("so $ x + y $ holds", r"\( x + y \)"),
        ("$ \\alpha $", r"\( \alpha \)"),
        ("|f|v|\n|-|-|\n|$|x|$|1|", r"\(|x|\)"),
        ("| f | v |\n|---|---|\n| $P(A|B)$ and \\(|y|\\) | 1 |", r"\(P(A|B)\)"),
        ("$2x$ and no $5", r"\(2x\)"),
        ("中文$x$中文", r"\(x\)"),
    ],
)
def test_formulas_as_models_write_them(text: str, formula: str) -> None:
    assert formula in Page(render(text)).formulas
    assert len(Page(render(text)).formulas) <= 2


@pytest.mark.parametrize(
    "text",
    [
        "US$ 3 and US$ 4",
        "It is $ 5 + tax for the first and $ 6 for the second",
        "costs $5, not US$.",
        "$5 per month, paid in US$",
        "from $HOME to $PATH",
        "$100k to $200k",
        "between $1,000 and $2,000 (or A$3,000)",
    ],
)
def test_prices_stay_prices(text: str) -> None:
    assert Page(render(text)).formulas == []
    assert Page(render(text)).text.strip() == text


def test_a_row_keeps_its_cells_where_their_number_is_right() -> None:
    page = render("|a|b|\n|-|-|\n|$5|$6|\n|`x|y`|1|\n")
    assert page.count("<td") == 4
    assert "<code>x|y</code>" in page


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (r"x \label{eq:one}", r"x "),
        (r"x \tag{1}", r"x \qquad\text{(1)}"),
        (r"by \eqref{a} and \ref{b}", r"by \text{(a)} and \text{b}"),
        (r"\begin{align}a\\[2pt]b\end{align}", r"\begin{align}\notag a\\[2pt]\notag b\end{align}"),
        (r"\begin{alignat}{2}a\end{alignat}", r"\begin{alignat}{2}\notag a\end{alignat}"),
        (r"\begin{align*}a\\b\end{align*}", r"\begin{align*}a\\b\end{align*}"),
        (r"\begin{cases}a\\b\end{cases}", r"\begin{cases}a\\b\end{cases}"),
        (r"a \\ def", r"a \\ def"),
        (r"\color{red}{x} + \textcolor{#f00}{y}", r"\color{red}{x} + \textcolor{#f00}{y}"),
    ],
)
def test_a_formula_takes_no_label_and_no_number(formula: str, shown: str) -> None:
    assert tex.for_page(formula) == shown


@pytest.mark.parametrize(
    "formula",
    [
        *(rf"\{name} x" for name in ("def", "gdef", "edef", "futurelet", "require", "unicode", "href")),
        r"\let\times\div",
        r"\newcommand{\x}{y}",
        r"\renewcommand\x{y}",
        r"\DeclareMathOperator*{\x}{y}",
        r"\newenvironment{x}{}{}",
        r"\definecolor{x}{rgb}{1,0,0}",
        r"\htmlClass{x}{y}",
        r"\htmlStyle{x}{y}",
        r"\color{red;background:url(//a.b)}{x}",
        r"\rule{500em}{500em}",
        r"\hspace{-40em} x",
        r"\sqrt{" * 40 + "x" + "}" * 40,
        r"\frac" * 100 + "1" * 200,
        "x^{" * 160 + "y" + "}" * 160,
        r"\left(" * 50 + "x" + r"\right)" * 50,
        r"\begin{matrix}" + r"\\".join("&".join("1" * 60) for _ in range(60)) + r"\end{matrix}",
        "+".join("x" * 4_000),
        "x" * 5_001,
    ],
)  # fmt: skip
def test_a_formula_that_changes_others_reaches_out_or_is_too_large_is_code(formula: str) -> None:
    for pair in ("$$\n{}\n$$", "\\[\n{}\n\\]", "so ${}$ it is", "so \\({}\\) it is"):
        page = Page(render(pair.replace("{}", formula)))
        assert page.formulas == []
        assert "code" in dict(page.elements)
        assert formula in page.text


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("\\$()[]{}^_&ab1 \n") | st.characters(codec="utf-8")))
def test_no_letter_of_a_formula_makes_the_page_unsafe(text: str) -> None:
    for frame in ("${}$", "$$\n{}\n$$", "\\begin{align}\n{}\n\\end{align}"):
        assert unsafe(render(frame.replace("{}", text))) == []


# ---- emphasis, addresses, tags ----


@pytest.mark.parametrize(
    ("text", "strong"),
    [
        ("**提示：**正文。", "提示："),
        ("这是**「要点」**的内容", "「要点」"),
        ("她说**“好”**。", "“好”"),
        ("**结论。**所以", "结论。"),
        ("**Note:**中文", "Note:"),
        ("これは**（重要）**です", "（重要）"),
        ("**`a`：**说明", "a："),
        ("한국어**(중요)**입니다", "(중요)"),
    ],
)
def test_emphasis_beside_chinese_japanese_and_korean_signs(text: str, strong: str) -> None:
    page = render(text)
    assert re.sub("<[^>]*>", "", re.findall("<strong>(.*?)</strong>", page)[0]) == strong
    assert "*" not in page


def test_struck_text_and_single_stars_beside_chinese_signs() -> None:
    assert "<s>旧：</s>新" in render("~~旧：~~新")
    assert "<em>「书」</em>里" in render("在*「书」*里")
    assert "*" in render("2 * 3 * 4，五 * 六")


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("See https://a.example/b_c_d for more.", "https://a.example/b_c_d"),
        ("(https://a.example/x)", "https://a.example/x"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("“https://a.example/x”。", "https://a.example/x"),
        ("见https://a.example/x。然后", "https://a.example/x"),
        ("**https://a.example/x**", "https://a.example/x"),
        ("https://a.example/?a=1&b=2.", "https://a.example/?a=1&b=2"),
        ("www.a.example/x, or", "http://www.a.example/x"),
        ("http://localhost:8888/lab?", "http://localhost:8888/lab"),
    ],
)
def test_a_bare_address_is_a_link_without_what_ends_the_sentence(text: str, href: str) -> None:
    page = render(text)
    assert unsafe(page) == []
    assert Page(page).links == [href]
    assert Page(page).text.strip() == text.replace("**", "")


@pytest.mark.parametrize(
    "text",
    [
        "`https://a.example`",
        "http://",
        "www.",
        "https://x",
        "ahttps://a.b",
        "me@www.a.example",
        "    https://a.b",
    ],
)
def test_what_is_no_address_or_code_is_no_link(text: str) -> None:
    assert Page(render(text)).links == []


def test_an_address_in_the_text_of_a_link_is_no_second_link() -> None:
    page = render("[https://a.example](https://b.example) and [see https://a.example now](https://b.example)")
    assert Page(page).links == ["https://b.example"] * 2
    assert unsafe(page) == []


def test_an_address_of_mail_brings_no_fields() -> None:
    assert Page(render("[a](mailto:a@b.example)")).links == ["mailto:a@b.example"]
    assert Page(render("[a](mailto:a@b.example?cc=c@d.example&body=x)")).links == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a<br>b<br/>c<BR />d", "<p>a<br />\nb<br />\nc<br />\nd</p>\n"),
        ("H<sub>2</sub>O", "<p>H<sub>2</sub>O</p>\n"),
        ("*x<sup>2</sup>*", "<p><em>x<sup>2</sup></em></p>\n"),
        ("<kbd>Ctrl</kbd>+<KBD>C</KBD>", "<p><kbd>Ctrl</kbd>+<kbd>C</kbd></p>\n"),
    ],
)
def test_a_few_tags_without_attributes_are_what_they_say(text: str, html: str) -> None:
    assert render(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<sub>", "</sub>", "<sub>a", "a</sub>", "*a<sub>b*c</sub>", "<sub>*a</sub>*",
        "<sub><sup>a</sub></sup>", "<sub class=x>a</sub>", "<br onclick=x>", "<kbd\n>a</kbd>", "[<sub>a](https://a.b)</sub>",
        "<sub >a</sub>",
    ],
)  # fmt: skip
def test_a_tag_without_its_partner_or_with_attributes_is_text(text: str) -> None:
    page = render(text)
    assert unsafe(page) == []
    assert not {"script", "br"} & set(tags(page))
    assert Page(page).balanced
    assert "&lt;" in page


def test_a_terminal_shows_the_tags_as_text() -> None:
    drawn = draw("H<sub>2</sub>O, x<sup>a</sup>, <kbd>Esc</kbd>, one<br>two", 60, colours=False)
    assert "H₂O, x^a, Esc, one\ntwo" in re.sub(r"\x1b\[[\d;]*m| +$", "", drawn, flags=re.MULTILINE)


# ---- fences in a Markdown file ----

FILE = "# Title\n\n```bash\nrun\n```\n\ntext\n\n```python\nx = 1\n```\n"


@pytest.mark.parametrize("opening", ["```markdown", "```md", "~~~markdown", "````markdown", "``` Markdown x"])
def test_a_markdown_file_in_a_fence_keeps_the_fences_in_it(opening: str) -> None:
    closing = re.match("[`~]+", opening)[0]
    page = render(f"Here:\n\n{opening}\n{FILE}{closing}\n\n**after**\n")
    assert page.count("<pre") == 1
    assert "<strong>after</strong>" in page
    assert Page(page).text.startswith(f"Here:\n{FILE}")


def test_another_fence_ends_where_commonmark_ends_it() -> None:
    assert render("```text\n```python\nx\n```\n**after**\n").count("<strong>") == 1
    assert render("```md\nno fence inside\n```\n**after**\n").count("<strong>") == 1


# ---- without end ----

DEEP = {
    "quotes": "> " * 100 + "the end",
    "items": "- " * 100 + "the end",
    "lists": "".join("  " * level + f"- point {level}\n" for level in range(100)) + "\nthe end",
    "quoted lists": "> - " * 60 + "the end",
    "emphasis": "*a **b " * 1_600 + "the end" + "** *" * 1_600,
    "stars": "*" * 3_000 + "the end" + "*" * 3_000,
    "links": "[" * 300 + "the end" + "](https://a.example)" * 300,
    "pictures": "![" * 300 + "the end" + "](https://a.example)" * 300,
    "tags": "<sub>" * 300 + "the end" + "</sub>" * 300,
    "brackets": "[" * 5_000 + "the end",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_is_nested_without_end_is_shown_and_bounded(text: str) -> None:
    page = render(text)
    assert "the end" in Page(page).text
    assert Page(page).balanced
    assert depth(page) < 120


def test_no_point_of_a_deep_list_vanishes() -> None:
    text = Page(render(DEEP["lists"])).text
    assert [level for level in range(100) if f"point {level}" not in text] == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["> ", "- ", "1. ", "  ", "    ", "\n", "a", "* ", "```\n"]), max_size=150))
def test_no_letter_vanishes_however_deep_it_stands(parts: list[str]) -> None:
    text = "".join(parts)
    assert Page(render(text)).text.count("a") == text.count("a")


def test_a_table_cannot_grow_much_faster_than_its_text() -> None:
    row = "|" + "a|" * 250
    page = render(f"{row}\n{row.replace('a', '-')}\n" + "a\n" * 1_000)
    assert len(page) < 200_000
    assert Page(page).text.count("a") >= 1_250


# ---- footnotes ----


def test_footnotes_stand_at_the_end_in_the_order_of_the_text() -> None:
    page = Page(
        render("One.[^b] Two.[^a] Again.[^b]\n\n[^a]: The first.\n\n[^b]: The second.\n\n    More.\n\nLast.")
    )
    assert re.sub(r"\s+", " ", page.text).strip() == (
        "One.[1] Two.[2] Again.[1:1] Last. The second. More. ↩︎ ↩︎ The first. ↩︎"
    )


def test_no_footnote_is_lost() -> None:
    text = Page(render("A.[^1]\n\n[^1]: used\n\n[^2]: unused\n\n[^1]: again\n\n> [^3]: quoted")).text
    assert all(word in text for word in ("used", "unused", "again", "quoted"))


def test_equal_answers_at_two_places_have_anchors_of_their_own() -> None:
    pages = [render("A.[^1]\n\n[^1]: B.", place) for place in ("", "turn 1", "turn 2")]
    anchors = [set(re.findall(r'id="([^"]+)"', page)) for page in pages]
    assert all(anchors)
    assert not anchors[0] & anchors[1] | anchors[1] & anchors[2]
    for page in pages:
        assert {link[1:] for link in Page(page).links} == set(re.findall(r'id="([^"]+)"', page))
