r"""TeX that a page may be given: what of a formula MathJax gets, and which formulas are shown as code.

All formulas of a page share one MathJax. One that defines a command changes the formulas of other cells, one
that names an address or a style reaches out of its box, and one that is too deep or too large stops the page.
"""

from __future__ import annotations

import re

LONGEST = 5_000  # characters of one formula
DEEPEST = 30  # groups, fractions, roots and environments in one another
CELLS = 400  # of all matrices and aligned rows of one formula
SIGNS = 2_000  # letters, digits, signs and commands of one formula

# Environments that are formulas by themselves, also where nobody put dollars around them.
_NUMBERED_WORDS = "align alignat eqnarray equation flalign gather multline"
_OTHER_WORDS = """
    aligned alignedat gathered split cases rcases dcases array darray matrix pmatrix bmatrix Bmatrix vmatrix
    Vmatrix smallmatrix math displaymath
"""
# What defines, for all formulas of the page, and what puts addresses, styles, names or programs into it.
# Lab's MathJax leaves \unicode and \mmlToken unchecked (a style with `url(...)` is fetched without a click).
_FORBIDDEN_WORDS = """
    def edef gdef xdef let futurelet global long outer newcommand renewcommand providecommand newenvironment
    renewenvironment provideenvironment DeclareMathOperator DeclareMathOperators DeclareRobustCommand
    DeclarePairedDelimiter DeclarePairedDelimiters DeclarePairedDelimiterX DeclarePairedDelimitersX
    DeclarePairedDelimiterXPP DeclarePairedDelimitersXPP newtagform renewtagform usetagform mathtoolsset
    newcounter setcounter addtocounter newlength setlength addtolength newtheorem definecolor colorlet
    Newextarrow newextarrow newcolumntype csname expandafter catcode input include write openout read loop
    require unicode mmlToken xmlToken href url style class cssId data html htmlClass htmlData htmlId htmlStyle
    bbox includegraphics texttip tooltip mathtip enclose toggle action mathchoice javascript script
    begingroupSandbox begingroupReset
"""
# Commands that read what follows them, also without braces: each such one is a level.
_READING_WORDS = """
    frac dfrac tfrac cfrac binom dbinom tbinom genfrac sqrt root overline underline overbrace underbrace
    overrightarrow overleftarrow underrightarrow underleftarrow widehat widetilde hat check tilde acute grave
    dot ddot dddot breve bar vec mathring mathbf mathrm mathit mathsf mathtt mathcal mathbb mathfrak mathscr
    boldsymbol bm pmb text textbf textit textrm textsf texttt mbox hbox fbox boxed cancel bcancel xcancel
    overset underset stackrel overparen underparen sideset substack mathop mathrel mathbin mathord mathopen
    mathclose mathpunct mathinner phantom hphantom vphantom smash llap rlap mathllap mathrlap mathclap
    operatorname not buildrel xleftarrow xrightarrow raise lower moveleft moveright pod pmod color textcolor
    ce
"""
NUMBERED = frozenset(_NUMBERED_WORDS.split())
ENVIRONMENTS = NUMBERED | frozenset(_OTHER_WORDS.split())
_FORBIDDEN = frozenset(_FORBIDDEN_WORDS.split())
_READING = frozenset(_READING_WORDS.split())
_TOKEN = re.compile(r"\\([A-Za-z]+)\*?|\\[\s\S]|[{}&]|\S")
_ENVIRONMENT = re.compile(r"\s*\{([A-Za-z]{1,20}\*?)\}")
_COLOUR = re.compile(r"\s*(?:\[[A-Za-z]{1,10}\])?\s*\{[\w#., ]{1,40}\}")
_HUGE = re.compile(
    r"(?:\d{3,}|-\s*\d{2,})\s*(?:\.\d*)?\s*(?:em|ex|pt|px|cm|mm|in|mu|pc|bp|dd|cc|sp)(?![A-Za-z])"
)
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_TAG = re.compile(r"\\tag\*?\s*\{([^{}$]*)\}")
_REFERENCE = re.compile(r"\\(eq)?ref\s*\{([^{}$\\]*)\}")
_NUMBERED = re.compile(rf"(\\begin\s*\{{(?:{'|'.join(sorted(NUMBERED))})\}}(?:\s*\{{\d+\}})?)")
_ROW = re.compile(r"(\\\\\*?(?:[ \t]*\[[^\[\]\n]{0,20}\])?)")
_EMPTY_LINES = re.compile(r"\n[ \t]*(?=\n)")


def for_page(formula: str) -> str | None:
    r"""`formula` as MathJax may read it: without labels and numbers. None if it is to be shown as code.

    Labels would be taken from the other formulas of the page, and a page that is shown again has them twice.
    """
    if len(formula) > LONGEST or _HUGE.search(formula) or not _fits(formula):
        return None
    formula = _LABEL.sub("", formula)
    formula = _TAG.sub(lambda tag: rf"\qquad\text{{({tag[1]})}}", formula)
    formula = _REFERENCE.sub(_reference, formula)
    if _NUMBERED.search(formula):
        formula = _ROW.sub(r"\1\\notag ", _NUMBERED.sub(r"\1\\notag ", formula))
    return _EMPTY_LINES.sub("", formula)


def _reference(found: re.Match[str]) -> str:
    return rf"\text{{({found[2]})}}" if found[1] else rf"\text{{{found[2]}}}"


def _fits(formula: str) -> bool:
    """Whether a formula is small enough, and has no forbidden command in it."""
    depth = reading = cells = 0
    for number, token in enumerate(_TOKEN.finditer(formula)):
        command = token[1]
        if command in _FORBIDDEN or number > SIGNS:
            return False
        match command or token[0]:
            case "{" | "left":
                depth += 1
            case "}" | "right":
                depth -= 1
            case "begin":
                depth += 1
                if not _ENVIRONMENT.match(formula, token.end()):
                    return False
            case "end":
                depth -= 1
            case "&" | "\\\\" | "cr":
                cells += 1
            case (
                "color" | "textcolor" | "colorbox" | "fcolorbox" | "cellcolor" | "rowcolor" | "columncolor"
            ) if not _COLOUR.match(formula, token.end()):
                return False
        if command in _READING and formula[token.end() : token.end() + 1] not in ("{", "["):
            reading += 1
        if depth > DEEPEST or reading > DEEPEST or cells > CELLS:
            return False
    return True
