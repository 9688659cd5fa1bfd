"""Code in colours: comments, keywords, strings and numbers, by class, so that light and dark themes work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.token import Token

COLOURED = 100_000  # characters of one code block up to which it is coloured; beyond, only escaped
ROOM = 300  # characters of markup that any code may take, beside three quarters of its own
_SPAN = "<span class={}>{}</span>"
_PRE = '<pre class="highlight" style="overflow-x:auto"{}><code>{}</code></pre>\n'


def install(parser: MarkdownIt) -> None:
    """Let `parser` show code in colours."""
    parser.add_render_rule("fence", _block)
    parser.add_render_rule("code_block", _block)


def _block(_: RendererProtocol, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    token = tokens[index]
    language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    direction = ' dir="ltr"' if token.attrs.get("dir") else ""
    return _PRE.format(direction, _coloured(token.content, language))


def _coloured(code: str, language: str) -> str:
    if not language or len(code) > COLOURED or (lexer := _lexer(language)) is None:
        return escape(code, quote=False)
    # `get_tokens` would drop a mark at the beginning, such as U+FEFF.
    runs = list(_runs(lexer.get_tokens_unprocessed(code)))
    shown = _affordable(runs, ROOM + len(code) * 3 // 4)
    return "".join(
        _SPAN.format(kind, escape(text, quote=False)) if kind in shown else escape(text, quote=False)
        for kind, text in runs
    )


def _affordable(runs: list[tuple[str, str]], room: int) -> set[str]:
    """The kinds that are coloured, the most telling first: dense code would be twenty times its size."""
    count, shown = Counter(kind for kind, _ in runs), set()
    for kind in "cskom":
        price = count[kind] * len(_SPAN.format(kind, ""))
        if price <= room:
            room -= price
            shown.add(kind)
    return shown


def _runs(tokens: Iterator[tuple[int, Any, str]]) -> Iterator[tuple[str, str]]:
    """Code in runs of one kind. White space between two of a kind is of that kind."""
    kind, run, space = "", "", ""
    for _, token, text in tokens:
        if text.isspace():
            space += text
            continue
        new = _kind(token)
        if new == kind:
            run += space + text
        else:
            yield kind, run
            yield "", space
            kind, run = new, text
        space = ""
    yield kind, run
    yield "", space


@cache
def _kind(token: Any) -> str:
    """Pygments' class for what JupyterLab has a colour for. Names have none, signs are everywhere."""
    from pygments.token import Comment, Keyword, Number, Operator, String

    for kind, of in (("c", Comment), ("s", String), ("k", Keyword), ("o", Operator.Word), ("m", Number)):
        if token in of:
            return kind
    return ""


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    """Pygments' lexer for a language, None where it knows none: then the code is shown without colours."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None
