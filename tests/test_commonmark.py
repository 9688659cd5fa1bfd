"""CommonMark's own examples: all as the specification shows them, and block by block as at once."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kimi_magic.markdown import Blocks, render
from tests.test_markdown import Page, unsafe

HOLDER = "markdown-it-py"  # its source distribution holds the examples, what is installed does not
WITHIN = "tests/test_cmark_spec/commonmark.json"
COMPLETE = os.environ.get("KIMI_MAGIC_COMPLETE") == "1"  # whoever sets it wants no test to be skipped


@dataclass(frozen=True)
class Example:
    """A text, and the page that the specification makes of it. `/url` stands on `https://a.b/`."""

    number: int
    markdown: str
    html: str


def downloaded(folder: Path) -> str:
    """The examples as JSON, from the source distribution of the version that is installed."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "0", "--timeout", "15"]
    wanted = ["--no-deps", "--no-binary", HOLDER, "--dest", str(folder), f"{HOLDER}=={version(HOLDER)}"]
    done = subprocess.run(
        [*pip, "download", *wanted], capture_output=True, text=True, timeout=100, check=False
    )
    if done.returncode:
        said = done.stderr.strip() or "pip said nothing"
        raise OSError(f"no source distribution of {HOLDER}: {said.splitlines()[-1]}")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        (member,) = [name for name in opened.getnames() if name.endswith(WITHIN)]
        return opened.extractfile(member).read().decode()


@pytest.fixture(scope="session")
def examples(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """All examples, fetched once and kept in pytest's cache."""
    kept = pytestconfig.cache.mkdir("commonmark") / f"{version(HOLDER)}.json"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest-xdist runs several of us
        if not kept.exists():
            try:
                text = downloaded(tmp_path_factory.mktemp("commonmark"))
            except (OSError, subprocess.TimeoutExpired) as error:
                (pytest.fail if COMPLETE else pytest.skip)(f"CommonMark's examples cannot be had: {error}")
            kept.write_text(text, encoding="utf-8")
    read = json.loads(kept.read_text("utf-8"))
    return [reachable(Example(found["example"], found["markdown"], found["html"])) for found in read]


# ---- an example as we can show it ----

SHOWN_PLACE = re.compile(r'(?:href|src)="([\w./-]+)')
WRITTEN_PLACE = re.compile(r"(?:\]:\s*|\]\()([\w./-]+)")
WEB = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


def reachable(example: Example) -> Example:
    """The example with `https://a.b/` before each place that links lead to: a bare `/url` is text to us."""
    markdown, html = example.markdown, example.html
    for place in {*SHOWN_PLACE.findall(html), *WRITTEN_PLACE.findall(markdown)}:
        word = rf"(?<![\w./-]){re.escape(place)}(?![\w./:-])"
        markdown = re.sub(word, f"https://a.b/{place}", markdown)
        html = re.sub("(?<!<)" + word, f"https://a.b/{place}", html)  # a tag is no place
    return Example(example.number, markdown, html)


# ---- the page of the specification, and where ours differs ----


def writes_html(example: Example) -> bool:
    return any(tag in example.markdown for tag in re.findall(r"<[^>]*>?", example.html))


def leads_elsewhere(example: Example) -> bool:
    attributes = [attrs for _, attrs in Page(example.html).elements]
    places = [attrs[name] for attrs in attributes for name in ("href", "src") if name in attrs]
    return not all(WEB.match(place or "") for place in places)


def holds_mathematics(example: Example) -> bool:
    return bool(Page(render(example.markdown)).formulas)


# Why an example may come out otherwise than the specification shows it, and which examples that concerns.
# Tables and struck text are ours as well; no example has them.
DIFFERENCES: dict[str, Callable[[Example], bool]] = {
    "HTML that the model writes is text": writes_html,
    "a link leads into the web or nowhere": leads_elsewhere,
    "brackets with a backslash hold mathematics": holds_mathematics,
}


class Meaning(HTMLParser):
    """A page without what we add to it: colours, how links open, and pictures as links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._links: list[bool] = []  # for each open link, whether it stands in another
        html = re.sub(r'<a href="([^"]+)"[^>]*>\1</a>', r"\1", html)  # a bare address is a link to us
        self.feed(re.sub(r">\n+<", "><", re.sub(r"</?span[^>]*>|<i></i>", "", html)))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        match tag:
            case "img":
                self._picture(str(given["src"]), str(given["alt"]))
            case "a":
                self._links.append(bool(self._links))
                title = given.get("title")
                self.parts += [] if self._links[-1] else [f"<a {given.get('href')} {title}>"]
            case "ol":
                self.parts.append(f"<ol {given.get('start')}>")
            case _:
                self.parts.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        inner = tag == "a" and self._links.pop()
        if not inner:
            self.parts.append(f"</{tag}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.parts.append(escape(data))

    def _picture(self, place: str, description: str) -> None:
        shown = f"[image: {escape(description or 'no description')}]"
        self.parts.append(shown if self._links else f"<a {place} None>{shown}</a>")


def meaning(html: str) -> str:
    return "".join(Meaning(html).parts)


def test_the_page_of_an_example_is_that_of_the_specification(examples: list[Example]) -> None:
    concerned = {
        reason: [example for example in examples if concerns(example)]
        for reason, concerns in DIFFERENCES.items()
    }
    excused = {example.number for group in concerned.values() for example in group}
    for example in examples:
        if example.number not in excused:
            assert meaning(render(example.markdown)) == meaning(example.html), example
    assert all(concerned.values())
    assert len(excused) < len(examples) / 6


def test_nothing_in_an_example_comes_to_life(examples: list[Example]) -> None:
    for example in examples:
        assert unsafe(render(example.markdown)) == [], example


# ---- block by block ----

AFTER = "\n\nAfter.\n\nAfter.\n\nAfter.\n"  # what makes a block final


def streamed(pieces: Iterable[str], whole: str) -> str:
    """The page of blocks and tail; every block given out has to be part of the page of the whole."""
    blocks, given_out = Blocks(), ""
    for piece in pieces:
        given_out += blocks.add(piece)
        assert whole.startswith(given_out)
    return given_out + blocks.tail(ended=True)


def definitions(text: str) -> str:
    """The link definitions of a text, as Markdown."""
    parser, env = MarkdownIt("commonmark"), {}
    parser.validateLink = WEB.match
    parser.parse(text, env)
    lines = []
    for label, link in env.get("references", {}).items():
        title = re.sub(r"([\\\"&])", r"\\\1", link["title"])
        lines.append(f'[{label}]: <{link["href"]}> "{title}"\n')
    return "".join([*lines, "\n"])


def test_an_example_is_the_same_block_by_block(examples: list[Example]) -> None:
    for example in examples:
        whole = render(example.markdown)
        assert streamed(example.markdown, whole) == whole, example
        assert streamed([example.markdown], whole) == whole, example


def test_an_example_stays_the_same_whatever_follows_unless_it_defines_a_link_too_late(
    examples: list[Example],
) -> None:
    late = []
    for example in examples:
        text = example.markdown + AFTER
        blocks = Blocks()
        given_out = "".join(map(blocks.add, text))
        if given_out + blocks.tail(ended=True) != render(text):
            late.append(example)
        text = definitions(text) + text
        assert streamed(text, render(text)) == render(text), example
    assert [example.markdown for example in late] == ["[foo]\n\n> [foo]: https://a.b//url\n"]


@settings(max_examples=200, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 10_000), min_size=2, max_size=8),
    points=st.lists(st.integers(0, 10_000), max_size=20),
)
def test_examples_one_after_the_other_are_the_same_block_by_block_once_their_links_are_defined(
    examples: list[Example], numbers: list[int], points: list[int]
) -> None:
    text = "\n\n".join(examples[number % len(examples)].markdown for number in numbers)
    whole = render(text)
    text = definitions(text) + text
    assert render(text) == whole
    marks = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    assert streamed((text[a:b] for a, b in pairwise(marks)), whole) == whole
    assert streamed(text, whole) == whole
