"""What a hostile model would say, and what would give its success away."""

from __future__ import annotations

from playwright.sync_api import Page

from kimi_magic.view import css, scripts
from tests.browser.lab import wait_until_settled
from tests.browser.manual_service import Beacon

LAST_WORDS = "These were the last words."
FORMULA = "So $a^2$."  # typeset: MathJax has been here
MARKUP = """
<script>JS</script>
</script><script>JS</script>
--></title></textarea></style></details></div></span><script>JS</script>
<img src=x onerror="JS">
<img src="BEACON/img" alt=x>
<svg onload="JS"></svg>
<svg><script>JS</script><image href="BEACON/svg" /></svg>
<iframe srcdoc="<script>JS</script>"></iframe>
<iframe src="javascript:JS"></iframe>
<object data="BEACON/object"></object><embed src="BEACON/embed">
<video src="BEACON/video" poster="BEACON/poster" onerror="JS"></video>
<input autofocus onfocus="JS"><details open ontoggle="JS">x</details><body onload="JS">
<form action="BEACON/form"><button onclick="JS">OK</button></form>
<div style="position:fixed;inset:0;z-index:99999;background:url(BEACON/overlay)">overlay</div>
<style>@import "BEACON/css"; body { background: url(BEACON/body) } * { display: none }</style>
<link rel="stylesheet" href="BEACON/link"><base href="BEACON/">
<meta http-equiv="refresh" content="0;url=BEACON/refresh">
<math><mtext><mglyph><style><img src=x onerror="JS"></style></mglyph></mtext></math>
<math><maction actiontype="statusline" xlink:href="javascript:JS">x</maction></math>
""".strip().splitlines()
MARKDOWN = r"""
[x](javascript:JS)
[x](JaVaScRiPt:JS)
[x](&#106;avascript:JS)
[x](&#x6A;&#x61;vascript:JS)
[x](java&Tab;script:JS)
[x](java&NewLine;script:JS)
[x](<java	script:JS>)
[x](< javascript:JS>)
[x](&#1;javascript:JS)
[x](javascript&colon;JS)
[x](vbscript:JS)
[x](data:text/html,<script>JS</script>)
[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)
[x](file:///etc/passwd)
[x](//127.0.0.1/x)
[x](https://a.invalid/"onmouseover="JS)
[x](https://a.invalid/ '"><script>JS</script>')
[x][y]
<javascript:JS>
![x](BEACON/image.png)
[![x](BEACON/a.png)](BEACON/b)
![x](javascript:JS)
![x](data:image/svg+xml,<svg/onload=JS>)
[a](BEACON/a)
<BEACON/auto>
BEACON/plain
$\href{javascript:JS}{x}$
$\href{JaVaScRiPt:JS}{x}$
$\href{data:text/html,<script>JS</script>}{x}$
$\style{position:fixed;background:url(BEACON/style)}{x}$
$\class{x" onmouseover="JS}{x}$
$\require{html}\href{javascript:JS}{x}$
$\unicode[x;background:url(BEACON/font)]{65}$
$\unicode[x;background:url(BEACON/font2)][65]$
$\let\y=\unicode \y[x;background:url(BEACON/let)]{65}$
$\bbox[background:url(BEACON/bbox)]{x}$
$\bbox[red,border:1px solid;background:url(BEACON/bbox2)]{x}$
$\mmlToken{mi}[href="javascript:JS" style="background:url(BEACON/mml)"]{x}$
$\mmlToken{mi}[mathbackground="url(BEACON/mml2)" fontfamily="x;background:url(BEACON/mml3)"]{x}$
$\mmlToken{mglyph}[src="BEACON/glyph" width="9"]{}$
$\color{red;background:url(BEACON/color)}{x}$
$\colorbox{red;background:url(BEACON/colorbox)}{x}$
$\fcolorbox{red}{url(BEACON/fcolorbox)}{x}$
$\enclose{circle}[mathbackground="url(BEACON/enclose)"]{x}$
$\data{x="><img src=x onerror=JS>}{x}$
$\cssId{x}{x}\texttip{x}{<img src=x onerror=JS>}$
$\includegraphics{BEACON/graphics}$
$\text{<img src=x onerror="JS">}\begin{array}{"><img src=x onerror=JS>}x\end{array}$
$\rule{1px;background:url(BEACON/rule)}{1px}\hspace{1px;background:url(BEACON/space)}$
\begin{equation}\unicode[x;background:url(BEACON/env)]{65}\end{equation}
$$\mmlToken{mi}[fontfamily="x;background:url(BEACON/double)"]{x}$$
\(\mmlToken{mi}[fontfamily="x;background:url(BEACON/bracket)"]{x}\)
$\def\x{\href{javascript:JS}{y}}\x$
$</span><img src=x onerror="JS">$
\(</span><script>JS</script>\)
`<script>JS</script>`
> <script>JS</script>
| <img src=x onerror="JS"> | [x](javascript:JS) |
""".strip().splitlines()
BLOCKS = """
[y]: javascript:JS

$$
<img src=x onerror="JS">
$$

\\[</div><script>JS</script>\\]

```<img/src=x/onerror="JS">
code
```

```"onmouseover="JS
code
```

```html
</code></pre><script>JS</script>
```

~~~ x"><script>JS</script>
code
~~~
""".strip()


def armed(text: str, beacon: Beacon) -> str:
    """The text with its script and its address."""
    script = f"top.__pwned=1;alert(1);new Image().src=`{beacon.address}/ran`"
    return text.replace("JS", script).replace("BEACON", beacon.address)


def answer(beacon: Beacon) -> str:
    """All of it, as one answer."""
    return armed("\n\n".join([*MARKUP, *MARKDOWN, BLOCKS, FORMULA, LAST_WORDS]), beacon)


def line(beacon: Beacon) -> str:
    """Some of it on one line, for names, reasons and errors."""
    return armed('"><img src=x onerror="JS"><script>JS</script>[x](javascript:JS)![x](BEACON/i)', beacon)


# Lists what has no place in an output, but for two texts of ours. What MathJax draws is its own.
OURS = [*scripts.SAVED, css.LIVE_CSS]
SUSPECT = r"""
ours => {
    const suspect = []
    const tags = "script iframe object embed img video audio link style meta base form textarea select"
    const forbidden = tags.split(" ").join(",") + ",svg,math,input:not([type=checkbox][disabled])"
    for (const area of document.querySelectorAll(".jp-OutputArea-output")) {
        for (const node of area.querySelectorAll("*")) {
            const bare = node.matches("script, style") && !node.attributes.length
            if (bare && ours.includes(node.textContent)) continue
            if (bare && /^\.kimi-kept-[0-9a-f]{32}\{display:none\}$/.test(node.textContent)) continue
            const drawn = node.closest("mjx-container") !== null
            // The field of our toolbar, to search in.
            if (node.matches(".kimi-tool > input[placeholder=Find]:not([autofocus])")) continue
            if (!drawn && node.matches(forbidden)) suspect.push(node.outerHTML)
            for (const { name, value } of node.attributes) {
                if (name.startsWith("on")) suspect.push(`${name}=${value}`)
                if (/^(src|srcset|srcdoc|(form)?action|poster|background)$/.test(name)) suspect.push(value)
                // JupyterLab's own Markdown drops a slash of an address with a port that cannot be.
                const leads = /^(https?:\/|mailto:|#)/i.test(value)
                if (/href$/.test(name) && !leads) suspect.push(node.parentNode.outerHTML)
                if (name === "style" && /url\(|fixed/i.test(value)) suspect.push(value)
            }
        }
    }
    return suspect
}
"""


def assert_harmless(page: Page, beacon: Beacon) -> None:
    """Nothing ran, nothing was fetched, and nothing stands in the outputs that could."""
    wait_until_settled(page)
    assert page.evaluate(SUSPECT, OURS) == []
    assert page.evaluate("() => window.__pwned") is None
    assert beacon.requests == []
