r"""Markdown from Markdown: what an answer means, written so that other readers take it in the same way.

Exporters (nbconvert for LaTeX and PDF by way of pandoc, Quarto) have rules of their own: raw HTML, raw TeX,
citations, pictures that are fetched. So the source of the model is not passed on: what our parser has read is
written anew, with every sign escaped that could mean something, formulas only as `tex` allows them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kimi_magic.markdown import hidden, tex
from kimi_magic.markdown.parser import parser

if TYPE_CHECKING:
    from markdown_it.token import Token

_SIGNS = re.compile(r"[\\`*_{}\[\]<>#~^|$@&!]")
_AT_LINE_START = re.compile(r"(?m)^(\s*)([-+=:%]|\d+(?=[.)]))")
_MARKUP = re.compile(r"<(?=\S)|!(?=\[)|\](?=[(\[:])|&(?=\S)")
# What TeX itself would obey and MathJax does not know: files, programs, other meanings of signs.
_TEX_ONLY = re.compile(
    r"\\(?:special|openin|openout|read|write|immediate|input\w*|include\w*|usepackage|lstinputlisting"
    r"|verbatiminput|verb|directlua|latelua|pdf\w+|csname|catcode|message|errmessage|everypar|every\w+|output"
    r"|shipout|end(?![a-zA-Z])|document\w*|makeat\w+|@\w+|jobname|batchmode|nonstopmode|scantokens|uppercase"
    r"|lowercase|afterassignment|aftergroup|let|def|repeat|expand\w*)(?![a-zA-Z])|\^\^|\$|%|#"
)


def written(text: str) -> str:
    """`text` (Markdown) written anew."""
    return written_tokens(parser().parse(text.replace("\r\n", "\n"))).strip("\n")


def literal(text: str) -> str:
    """Markdown that shows `text` itself, on one line."""
    return _escaped(" ".join(text.split()))


def fenced(language: str, code: str) -> str:
    """Markdown that shows `code`."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    name = language if re.fullmatch(r"[a-z0-9+#-]{1,20}", language) else ""
    return f"{fence}{name}\n{hidden.marked(code.rstrip())}\n{fence}"


def _escaped(text: str) -> str:
    text = _SIGNS.sub(r"\\\g<0>", hidden.without_reordering(text))
    return _AT_LINE_START.sub(lambda found: f"{found[1]}{_start(found[2])}", text)


def _start(sign: str) -> str:
    return f"{sign}\\" if sign.isdigit() else f"\\{sign}"


def written_tokens(tokens: Sequence[Token]) -> str:
    """Parsed blocks written anew, one after the other, with an empty line between them."""
    parts, at = [], 0
    while at < len(tokens):
        end = _end(tokens, at)
        if part := _block(tokens, at, end):
            parts.append(part)
        at = end + 1
    return "\n\n".join(parts)


def _end(tokens: Sequence[Token], at: int) -> int:
    """Where the block ends that begins at `at`."""
    if tokens[at].nesting <= 0:
        return at
    depth = 0
    for place in range(at, len(tokens)):
        depth += tokens[place].nesting
        if not depth:
            return place
    return len(tokens) - 1


def _block(tokens: Sequence[Token], at: int, end: int) -> str:
    token, inside = tokens[at], tokens[at + 1 : end]
    match token.type:
        case "heading_open":
            return f"{'#' * int(token.tag[1])} {_inline(inside).replace(chr(10), ' ')}"
        case "blockquote_open":
            return _indented(written_tokens(inside), "> ", "> ")
        case "bullet_list_open" | "ordered_list_open":
            return _list(token, inside)
        case "table_open":
            return _table(inside)
        case "fence" | "code_block":
            from kimi_magic.markdown.code import language_of

            return fenced(language_of(token.info), token.content)
        case "math_block":
            return _formula(token.content, "$$\n{}\n$$", block=True)
        case "hr":
            return "* * *"
        case "inline":
            return _inline([token])
    return _inline(inside) if inside and inside[0].type == "inline" else written_tokens(inside)


def _indented(text: str, first: str, rest: str) -> str:
    lines = [f"{first if not number else rest}{line}" for number, line in enumerate(text.split("\n"))]
    return "\n".join(line.rstrip() for line in lines)


def _list(token: Token, tokens: Sequence[Token]) -> str:
    items, at, number = [], 0, int(token.attrs.get("start", 1) or 1)
    while at < len(tokens):
        end = _end(tokens, at)
        mark = "- " if token.type == "bullet_list_open" else f"{number}. "
        items.append(_indented(written_tokens(tokens[at + 1 : end]), mark, " " * len(mark)))
        number += 1
        at = end + 1
    return "\n\n".join(items)


def _table(tokens: Sequence[Token]) -> str:
    rows: list[list[str]] = []
    signs: list[str] = []
    for place, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(_inline([tokens[place + 1]]).replace("\n", " "))
            if token.type == "th_open":
                style = str(token.attrs.get("style", ""))
                sign = {"right": "---:", "center": ":-:"}.get(style.rpartition(":")[2].strip(), "---")
                signs.append(sign)
    rows[1:1] = [signs]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


_MARKS = {
    "em_open": "*",
    "em_close": "*",
    "strong_open": "**",
    "strong_close": "**",
    "s_open": "~~",
    "s_close": "~~",
    "hardbreak": "\\\n",
    "softbreak": "\n",
}


def _inline(tokens: Sequence[Token]) -> str:
    """The text of paragraphs; a picture is its description, with its address as a link."""
    parts: list[str] = []
    links: list[str] = []
    for token in (child for each in tokens for child in each.children or ()):
        match token.type:
            case "text":
                parts.append(_escaped(token.content))
            case "code_inline":
                parts.append(_code(token.content))
            case "math_inline":
                parts.append(_formula(token.content, "${}$"))
            case "math_inline_double":
                parts.append(_formula(token.content, "$${}$$"))
            case "link_open":
                links.append(str(token.attrs.get("href", "")))
                parts.append("[" if links[-1] else "")
            case "link_close":
                address = links.pop() if links else ""
                parts.append(f"]({_address(address)})" if address else "")
            case "image":
                shown = f"\\[image: {_escaped(token.content or 'no description')}\\]"
                parts.append(shown if links else f"[{shown}]({_address(str(token.attrs['src']))})")
            case name if name in _MARKS:
                parts.append(_MARKS[name])
            case _:
                parts.append(_escaped(token.content))
    return "".join(parts)


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * (longest + 1)
    space = " " * (text[:1] == "`" or text[-1:] == "`")
    return f"{ticks}{space}{hidden.marked(' '.join(text.split(chr(10))))}{space}{ticks}"


def _address(url: str) -> str:
    return (
        "<"
        + re.sub(r"[<>\s\\]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url)
        + ">"
    )


def _formula(content: str, form: str, *, block: bool = False) -> str:
    """A formula, as code where TeX itself could do more with it than show it."""
    formula = tex.for_page(content.strip())
    if formula is None or _TEX_ONLY.search(formula):
        return fenced("latex", content) if block else _code(content)
    # Where a reader knows no formulas, nothing in it is a tag, a picture or a link.
    formula = _MARKUP.sub(r"\g<0> ", formula)
    return form.format(formula.strip() if block else " ".join(formula.split()))
